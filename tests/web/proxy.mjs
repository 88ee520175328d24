// For work on the page: web/ from disk, everything else from a running service, under the same
// Content-Security-Policy.  node proxy.mjs PORT http://127.0.0.1:8025
import { readFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const [port, service] = process.argv.slice(2);
const web = join(dirname(fileURLToPath(import.meta.url)), "../../web");
const types = { ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml" };
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

createServer((asked, answer) => {
  const path = new URL(asked.url, service).pathname;
  if (path === "/" || path.startsWith("/assets/")) {
    try {
      const name = path === "/" ? "index.html" : normalize(path);
      const content = readFileSync(join(web, name));
      answer.writeHead(200, { "Content-Type": types[extname(name)], "Content-Security-Policy": policy, "Cache-Control": "no-store" });
      answer.end(content);
    } catch {
      answer.writeHead(404).end();
    }
    return;
  }
  const onward = request(service + asked.url, { method: asked.method, headers: { ...asked.headers, host: new URL(service).host } }, (got) => {
    answer.writeHead(got.statusCode, got.headers);
    got.pipe(answer);
  });
  onward.on("error", () => answer.writeHead(502).end());
  answer.on("close", () => onward.destroy());
  asked.pipe(onward);
}).listen(Number(port), "127.0.0.1");
