// The client for JavaScript against a running service: node client_test.mjs SOURCE-ROOT, facts on standard input.
// The last line of output is what was called.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const root = resolve(process.argv[2]);
const facts = JSON.parse(readFileSync(0, "utf8"));
const M = await import(pathToFileURL(join(root, "clients/javascript/mailknock.js")));
const calls = [];
const recording = (address, options) => {
  calls.push([options.method, new URL(address).pathname]);
  return fetch(address, options);
};
const client = new M.Client(facts.base, { key: facts.key, fetch: recording });
const all = async (rows) => { const found = []; for await (const row of rows) found.push(row); return found; };
const quick = { timeoutMs: 60000, intervalMs: 100 };

// Single addresses.
const valid = await client.verify("amara.okafor.demo@gmail.com", { profile: "zerobounce" });
assert.deepEqual([valid.status, valid.reason, valid.profile.status], ["valid", "accepted", "valid"]);
assert.ok((await client.verify("amara.okafor.demo@gmail.com", { evidence: true, fresh: true, idempotencyKey: "js" })).evidence);
const meaning = await client.classify(["550 5.1.1 no such user", { reply: "450 Greylisted", stage: "rcpt" }]);
assert.deepEqual(meaning.map((each) => each.class), ["mailbox_not_found", "greylisted"]);

// Lists.
let told = 0;
const made = await client.createList({ file: new Blob([facts.people], { type: "text/csv" }), name: "blob.csv", idempotencyKey: "js-list" });
const done = await client.wait(made.id, { ...quick, onProgress: () => told++ });
assert.deepEqual([done.rows, done.done, told > 0], [3, 3, true]);
assert.deepEqual((await all(client.results(made.id, { page: 1 }))).map((row) => row.status), ["valid", "invalid", "invalid"]);
assert.deepEqual((await all(client.results(made.id, { status: "invalid", reason: "bad_syntax" }))).map((row) => row.row), [3]);
assert.equal((await client.result(made.id, 1)).address, "amara.okafor.demo@gmail.com");
const sheet = await (await client.export(made.id, { preset: "safe", columns: "status" })).text();
assert.equal(sheet.replaceAll("\r", ""), "name,email,mk_status\nAmara,amara.okafor.demo@gmail.com,valid\n");
assert.ok((await all(client.lists())).some((list) => list.id === made.id));
await client.recheck(made.id, [1]);
await client.wait(made.id, quick);
await client.deleteList(made.id);

const two = await client.createList({ addresses: ["a..b@example.org", "nobody.demo@gmail.com"], start: false });
await assert.rejects(client.wait(two.id, { timeoutMs: 200, intervalMs: 100 }), M.TimedOut);
await client.pause(two.id);
await client.cancel(two.id);
await assert.rejects(client.wait(two.id, quick), (error) => error instanceof M.ListFailed && error.code === "cancelled");
await assert.rejects(client.pause(two.id), M.Conflict);
await client.resume(two.id);
assert.equal((await client.wait(two.id, quick)).done, 2);
await client.deleteList(two.id);

// What goes wrong.
await assert.rejects(new M.Client(facts.base, { key: "mk_wrong" }).getList("1"), (error) => error instanceof M.Unauthorized && error.status === 401 && error.name === "Unauthorized");
const weak = new M.Client(facts.base, { key: facts.weak });
await assert.rejects(weak.getList("1"), (error) => error instanceof M.Forbidden && error.code === "wrong_scope");
await assert.rejects(client.verify("a@b.example", { depth: "deep" }), (error) => error instanceof M.Invalid && error.status === 422);
await assert.rejects(async () => { for (let i = 0; i < 5; i++) await weak.verify("a..b@example.org", { depth: "syntax" }); },
  (error) => error instanceof M.RateLimited && error.retryAfter > 0);
await assert.rejects(new M.Client("http://127.0.0.1:9").verify("a@b.example"), M.Unavailable);
const silent = (_, { signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
await assert.rejects(new M.Client(facts.base, { fetch: silent, timeoutMs: 50 }).getList("1"), (error) => error instanceof M.Unavailable && /50 ms/.test(error.message));
await assert.rejects(client.verify("a@b.example", { signal: AbortSignal.abort(new Error("mine")) }), /mine/);
const stopping = new AbortController();
setTimeout(() => stopping.abort(new Error("enough")), 30);
await assert.rejects(new M.Client(facts.base, { fetch: silent }).wait("1", { signal: stopping.signal }), /enough/);
assert.throws(() => client.createList({}), TypeError);

// Webhooks.
const { secret, header, body } = facts;
const at = (now) => ({ now });
assert.equal((await M.verifySignature(secret, header, body, at(1100))).event, "list.finished");
await M.verifySignature(secret, header, new TextEncoder().encode(body), at(1000));
await M.verifySignature(secret, header.replace(",", `,v1=${"0".repeat(64)},`), body, at(1000));
for (const [key, said, content, now] of [[secret, header, `${body} `, 1000], ["other", header, body, 1000], [secret, header, body, 1301], [secret, header, body, 699],
  [secret, "", body, 1000], [secret, "t=1000", body, 1000], [secret, header.replace("t=1000", "t=1001"), body, 1000], [secret, `t=x,${header}`, body, 1000], [secret, "t=1000,v1=é", body, 1000]])
  await assert.rejects(M.verifySignature(key, said, content, at(now)), M.BadSignature);

console.log(JSON.stringify(calls));
