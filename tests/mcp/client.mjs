// `mailknock mcp` through the protocol's own client: every tool, with its answers checked.
//
//   node client.mjs PROGRAM CONFIG FOLDER     (CONFIG: of a lab; FOLDER: for the service's data)
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';

const [program, config, folder] = process.argv.slice(2);
let failed = 0;
function expect(condition, what, found) {
  console.log(`${condition ? 'ok      ' : 'FAILED  '}${what}`);
  if (!condition) { failed++; console.log(JSON.stringify(found)); }
}

const client = new Client({ name: 'mailknock-test', version: '1.0.0' });
await client.connect(new StdioClientTransport({
  command: program, args: ['mcp', '--config', config, '--data', folder], stderr: 'inherit',
}));
const call = async (name, args) => {
  const answer = await client.callTool({ name, arguments: args });
  const text = answer.content[0].text;
  return { ...answer, text, json: answer.isError ? null : JSON.parse(text) };
};

const { tools } = await client.listTools();
expect(['classify_reply', 'get_results', 'list_status', 'start_list', 'verify_email'].join() ===
  tools.map(tool => tool.name).sort().join(), 'five tools', tools);

const single = await call('verify_email', { address: 'anyone@everyone.example' });
expect(single.json?.status === 'catch_all' && single.structuredContent?.status === 'catch_all',
  'verify_email asks the mail server', single);
const syntax = await call('verify_email', { address: 'a..b@example.org', depth: 'syntax' });
expect(syntax.json?.reason === 'bad_syntax', 'verify_email judges syntax', syntax);
const reply = await call('classify_reply', { reply: '550 5.1.1 no such user', stage: 'rcpt' });
expect(reply.json?.items[0].class === 'mailbox_not_found', 'classify_reply', reply);
const wrong = await call('list_status', { id: '../keys' });
expect(wrong.isError, 'an id that is none is refused', wrong);

const begun = await call('start_list',
  { name: 'two', addresses: ['anyone@everyone.example', 'a..b@example.org'] });
expect(!begun.isError, 'start_list takes addresses', begun);
const id = String(begun.json?.id);
let state = begun;
for (const until = Date.now() + 60000; Date.now() < until;) {
  state = await call('list_status', { id });
  if (state.json.state === 'done') break;
  await new Promise(resolve => setTimeout(resolve, 200));
}
expect(state.json?.state === 'done', 'the list is done', state);
const all = await call('get_results', { id });
expect(all.json?.items.length === 2, 'get_results gives both rows', all);
const some = await call('get_results', { id, status: 'invalid' });
expect(some.json?.items.length === 1, 'get_results filters', some);
const none = await client.callTool({ name: 'nothing', arguments: {} }).then(() => null, error => error);
expect(none !== null, 'an unknown tool is an error of the protocol', none);
await client.close();
process.exit(failed ? 1 : 0);
