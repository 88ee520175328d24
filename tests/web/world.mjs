// A simulated internet and a service that asks it, on free ports in a folder of their own.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PATIENCE_MS = 60000;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function until(what, probe) {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await pause(50)) {
    const found = await probe();
    if (found) return found;
  }
  throw new Error(`${what} did not happen within ${PATIENCE_MS / 1000} s`);
}

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function start(program, args, folder, name) {
  const file = (kind) => openSync(join(folder, `${name}.${kind}`), "w");
  return spawn(program, args, { cwd: folder, stdio: ["ignore", file("out"), file("log")] });
}

function stop(child) {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve(child.exitCode);
    const killer = setTimeout(() => child.kill("SIGKILL"), 20000);
    child.on("exit", (code) => {
      clearTimeout(killer);
      resolve(code);
    });
    child.kill("SIGTERM");
  });
}

// seconds: when the lab closes by itself, should nobody stop it.
export async function openWorld(program, scenario, seconds) {
  const folder = mkdtempSync(join(tmpdir(), "mailknock-web-"));
  const lab = start(program, ["lab", scenario, "--port", String(await freePort()), "--dns", `127.0.0.1:${await freePort()}`,
    "--write-config", "lab.conf", "--port-file", "ports", "--for", String(seconds)], folder, "lab");
  const children = [lab];
  const close = async () => {
    const codes = [];
    for (const child of children.reverse()) codes.push(await stop(child));
    const log = readFileSync(join(folder, "lab.out"), "utf8");
    rmSync(folder, { recursive: true, force: true });
    return { codes, log };
  };
  try {
    await until("the lab's start", () => existsSync(join(folder, "ports")));
    const listen = `127.0.0.1:${await freePort()}`;
    const serve = start(program, ["serve", "--config", "lab.conf", "--listen", listen,
      "--second-mail-from", "probe@probe.example.net"], folder, "serve");
    children.push(serve);
    const key = await until("the service's start", () => {
      if (serve.exitCode !== null) throw new Error(readFileSync(join(folder, "serve.log"), "utf8"));
      const kept = join(folder, "mailknock-data", "first-key");
      return existsSync(kept) && readFileSync(kept, "utf8").trim();
    });
    const base = `http://${listen}`;
    await until("an answer", () => fetch(`${base}/healthz`).then((answer) => answer.ok, () => false));
    return { base, key, folder, close };
  } catch (trouble) {
    await close();
    throw trouble;
  }
}
