#!/usr/bin/env python3
"""`mailknock mcp` against the lab: by hand-written messages, and by the protocol's own client from npm.

    mcp_test.py PROGRAM [client]     "client": the second; skipped without `npm install` in this folder
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
from lab import Lab  # noqa: E402

PROGRAM = os.path.abspath(sys.argv[1])
ROOT = pathlib.Path(os.environ["MK_SOURCE_ROOT"])
SKIPPED = 77
failures = []


def expect(condition, what, found=None):
    print(("ok      " if condition else "FAILED  ") + what, flush=True)
    if not condition:
        failures.append(what)
        print(found)


class Server:
    """The program as a child; one message a line each way."""

    def __init__(self, config, folder):
        self.child = subprocess.Popen([PROGRAM, "mcp", "--config", config, "--data", folder],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.number = 0

    def send(self, line):
        self.child.stdin.write(line.encode() + b"\n")
        self.child.stdin.flush()

    def ask(self, method, **params):
        self.number += 1
        self.send(json.dumps({"jsonrpc": "2.0", "id": self.number, "method": method,
                              "params": params}))
        answer = json.loads(self.child.stdout.readline())
        expect(answer["id"] == self.number and answer["jsonrpc"] == "2.0", f"{method} is answered")
        return answer

    def tool(self, tool, **arguments):
        result = self.ask("tools/call", name=tool, arguments=arguments)["result"]
        text = result["content"][0]["text"]
        return result["isError"], text if result["isError"] else json.loads(text)


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


def by_hand(config, folder):
    server = Server(config, folder)
    answer = server.ask("initialize", protocolVersion="2025-03-26", capabilities={},
                        clientInfo={"name": "test", "version": "1"})
    expect(answer["result"]["protocolVersion"] == "2025-03-26", "the client's version is spoken")
    expect(answer["result"]["serverInfo"]["name"] == "mailknock", "it says who it is")
    server.send('{"jsonrpc":"2.0","method":"notifications/initialized"}')
    expect(server.ask("ping")["result"] == {}, "a notification has no answer, a ping an empty one")
    for tool in server.ask("tools/list")["result"]["tools"]:
        expect(tool["inputSchema"]["type"] == "object" and tool["description"],
               f"{tool['name']} is described")
    server.send("not JSON")
    expect(json.loads(server.child.stdout.readline())["error"]["code"] == -32700, "not JSON is said")
    server.send("[1]")
    expect(json.loads(server.child.stdout.readline())["error"]["code"] == -32600, "no object is said")
    expect(server.ask("resources/list")["error"]["code"] == -32601, "other methods are refused")
    expect(server.ask("tools/call", name="rm")["error"]["code"] == -32602, "other tools too")
    is_error, found = server.tool("verify_email", address="anyone@everyone.example")
    expect(not is_error and found["status"] == "catch_all", "verify_email asks the mail server", found)
    is_error, found = server.tool("verify_email")
    expect(is_error and "address" in found, "a missing argument is named", found)
    is_error, found = server.tool("classify_reply", reply="450 4.2.0 Greylisted, come back in 5 minutes")
    expect(not is_error and found["items"][0]["class"] == "greylisted", "classify_reply", found)
    is_error, found = server.tool("start_list", path=str(ROOT / "README.nothing"))
    expect(is_error and "path" in found, "a file that is not there is refused", found)
    path = pathlib.Path(folder, "list.txt")
    path.write_text("anyone@everyone.example\na..b@example.org\n", encoding="ascii")
    is_error, found = server.tool("start_list", path=str(path), name="by path")
    expect(not is_error and found["name"] == "by path", "a file is uploaded", found)
    until = time.monotonic() + 60
    state = found
    while state["state"] != "done" and time.monotonic() < until:
        time.sleep(0.2)
        state = server.tool("list_status", id=str(found["id"]))[1]
    expect(state["state"] == "done", "the list is done", state)
    is_error, rows = server.tool("get_results", id=str(found["id"]), status="invalid")
    expect(not is_error and len(rows["items"]) == 1, "get_results filters", rows)
    service = children_of(server.child.pid)
    server.child.stdin.close()
    expect(server.child.wait(timeout=60) == 0, "it ends with its input")
    expect(len(service) == 1 and not os.path.exists(f"/proc/{service[0]}"), "and its service with it")
    listed = subprocess.run([PROGRAM, "keys", "list", "--data", folder], capture_output=True,
                            text=True, timeout=60, check=True).stdout
    expect("mailknock mcp" not in listed, "and its key", listed)


def by_client(config, folder):
    if shutil.which("node") is None or not (HERE / "node_modules").is_dir():
        print(f"skipped: node or {HERE}/node_modules is absent; run npm install there")
        sys.exit(SKIPPED)
    done = subprocess.run(["node", str(HERE / "client.mjs"), PROGRAM, config, folder], timeout=180)
    expect(done.returncode == 0, "the protocol's own client finds everything")


def main():
    with tempfile.TemporaryDirectory(prefix="mk-mcp-") as folder:
        lab = Lab(PROGRAM, ROOT / "examples/demo.scenario")
        try:
            (by_client if sys.argv[2:] == ["client"] else by_hand)(lab.config, folder)
        finally:
            status, said = lab.close()
        expect(status == 0, "the lab has nothing to complain of", said)
    print(f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
