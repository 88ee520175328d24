#!/usr/bin/env python3
"""A service under a steady load on real sockets, for as long as you like: is it flat, is all of it there?

    service_soak.py PROGRAM [--minutes M] [--samples FILE] [--seed N]

A lab plays thirty mail operators with habits on loopback addresses; the service asks them. Meanwhile
lists come, are followed by listeners, paused, cancelled, compared with the truth row by row, exported
and deleted; webhooks are awaited and their signatures checked; single checks are timed; the page is
loaded; visitors hang up in the middle; the lists of the operator are read again. Every few seconds
memory, descriptors, threads, the store's size and waits are written down (FILE, tab separated).

Exit status 1 when a row, a verdict, an event or a webhook is missing or wrong, when the service or the
lab complains, or when the last quarter of the time is not like the second (from ten minutes on: a
shorter run has not warmed up). The first quarter is for filling caches and the history.
"""
import argparse
import collections
import http.client
import json
import os
import pathlib
import random
import re
import signal
import socket
import statistics
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).parents[2]
os.environ.setdefault("MK_SOURCE_ROOT", str(ROOT))
sys.path.insert(0, str(ROOT / "tests/e2e"))
from lab import Lab  # noqa: E402
from service import Service, multipart  # noqa: E402
from webhook_test import Receiver, is_signed  # noqa: E402

OPERATORS = 30
PEOPLE = 100  # of an operator, and as many that it does not know
ROWS = 300
SLOTS = 3  # lists at a time
SECRET = "a secret of sixteen or more"
HABITS = {
    "plain": "", "tls": "  offer starttls pipelining\n", "takes all": "  behave accept-all\n",
    "slow": "  behave delay rcpt 150ms\n", "split": "  behave split\n",
    "puts off": "  behave greylist 20s\n", "sluggish": "  behave slow-banner 1s\n",
}
# What the last quarter may have more than the second: a share and an amount.
GROWTH = {"rss_kb": (0.05, 2048), "fds": (0.05, 10), "threads": (0, 1), "store_kb": (0.10, 1024),
          "memory_ms": (1.0, 10), "wire_ms": (1.0, 500)}
WARM_MINUTES = 10


def habit(operator):
    names = ["plain", "tls", "plain", "takes all", "slow", "plain", "split", "plain", "sluggish", "plain"]
    return "puts off" if operator == OPERATORS - 1 else names[operator % len(names)]


def world():
    text = "set patience normal\ndomain closed.example\n  mx null\n"
    for n in range(OPERATORS):
        name = f"op{n}.example"
        text += f"domain {name}\n  mx 10 mx.{name}\nserver mx.{name} 127.9.{20 + n}.1\n"
        text += f"  site op{n} connections 2 per-minute 21 rcpts-per-session 10\n"
        text += HABITS[habit(n)] + "  mailbox u*\n"
    return text


def some_address(operators):
    """An address and its status."""
    n = random.choice(operators)
    if random.random() < 0.01:
        return random.choice((("u1@gone.example", "invalid"), ("u1@closed.example", "invalid"),
                              (f"no..dots{n}@op{n}.example", "invalid")))
    letter = random.choice("uun")
    status = {"u": "valid", "n": "invalid"}[letter]
    return (f"{letter}{random.randrange(PEOPLE)}@op{n}.example",
            "catch_all" if habit(n) == "takes all" else status)


class Soak:
    def __init__(self, service, receiver, folder):
        self.service, self.receiver, self.folder = service, receiver, folder
        self.over = threading.Event()
        self.counts, self.faults = collections.Counter(), []
        self.waits = {"memory_ms": [], "wire_ms": []}
        self.samples = []
        self.lock = threading.Lock()

    def count(self, what, by=1):
        with self.lock:
            self.counts[what] += by

    def fault(self, text):
        with self.lock:
            self.faults.append(text)
        print(f"FAULT after {self.minutes():.1f} minutes: {text}", flush=True)

    def minutes(self):
        return (time.monotonic() - self.begun) / 60

    def judge(self, address, wanted, got, reason):
        """Unknown is never wrong, only sad, and counted."""
        self.count("verdicts")
        if got == "unknown":
            self.count(f"unknown, {reason}")
        elif got != wanted:
            self.fault(f"{address} is {got} ({reason}), not {wanted}")

    # --- the load ---------------------------------------------------------------------------

    def keep_doing(self, what, pause_s):
        """Until it is over; what breaks in it is a fault, and it goes on."""
        caller = Caller(self.service)
        while not self.over.is_set():
            try:
                what(caller)
            except Exception as error:  # a fault of the service, or of this test: both must be seen
                self.fault(f"{what.__name__}: {type(error).__name__} {error} at line "
                           f"{error.__traceback__.tb_next.tb_lineno}")
                caller.close()
            self.over.wait(pause_s)
        caller.close()

    def one_check(self, caller):
        address, wanted = some_address(range(OPERATORS - 1))
        fresh = random.random() < 0.3
        begun = time.monotonic()
        status, body = caller.call("POST", "/v1/verify", {"address": address, "fresh": fresh,
                                                          "timeout_ms": 60000})
        took = (time.monotonic() - begun) * 1000
        if status != 200:
            raise RuntimeError(f"/v1/verify: {status} {body[:200]}")
        result = json.loads(body)
        self.judge(address, wanted, result["status"], result["reason"])
        with self.lock:
            self.waits["memory_ms" if result["source"] == "history" else "wire_ms"].append(took)
        self.count("single checks")

    def one_list(self, caller):
        slow = self.is_long and random.random() < 0.05  # with the operator that puts off for minutes
        people = [some_address(range(OPERATORS - (not slow))) for _ in range(ROWS)]
        name = f"list-{random.getrandbits(60):x}"
        table = "no;mail\n" + "".join(f"{n};{address}\n" for n, (address, _) in enumerate(people))
        answer = self.service.post("/v1/lists", *multipart(table.encode(), name + ".csv", {
            "name": name, "webhook": self.receiver.url("/" + name), "webhook_secret": SECRET}))
        if answer.status != 201:
            raise RuntimeError(f"upload: {answer.status} {answer.body[:200]}")
        made = answer.json()["id"]
        listeners = [self.listen(made) for _ in range(4)]
        way = random.choices(("through", "paused", "cancelled"), (8, 1, 1))[0]
        if way == "paused":
            self.disturb(caller, made, "pause", ("paused", "ready", "done"))
            self.go_on(caller, made)
        elif way == "cancelled":
            self.disturb(caller, made, "cancel", ("cancelled", "done"))
        listeners.pop().close()  # a visitor who leaves
        state = self.service.wait(made, ("done", "cancelled"), 1500)["state"]
        self.compare(caller, made, people, state)
        self.export(caller, made)
        for listener in listeners:
            self.hear(listener)
        self.await_webhook(name, made, state)
        status, body = caller.call("DELETE", f"/v1/lists/{made}")
        if status != 204:
            raise RuntimeError(f"delete: {status} {body[:200]}")
        self.count("lists " + state)

    def go_on(self, caller, made):
        """One that was paused while it was read was never begun."""
        state = self.service.get(f"/v1/lists/{made}").json()["state"]
        verb = {"paused": "resume", "ready": "start"}.get(state)
        if verb is not None:
            status, body = caller.call("POST", f"/v1/lists/{made}/{verb}")
            if status >= 300:
                raise RuntimeError(f"{verb} of a list that is {state}: {status} {body[:200]}")

    def disturb(self, caller, made, what, states):
        time.sleep(random.random())
        status, body = caller.call("POST", f"/v1/lists/{made}/{what}")
        if status == 409:  # it was too quick for us
            return
        if status >= 300:
            raise RuntimeError(f"{what}: {status} {body[:200]}")
        self.service.wait(made, states)
        self.count("lists disturbed")

    def compare(self, caller, made, people, state):
        """Every row is there once, in its place, with a verdict that is true."""
        status, body = caller.call("GET", f"/v1/lists/{made}/export?format=ndjson")
        rows = [json.loads(line) for line in body.splitlines()]
        if status != 200 or len(rows) != len(people):
            raise RuntimeError(f"{len(rows)} rows of {len(people)} in list {made}, status {status}")
        seen = set()
        for n, (row, (address, wanted)) in enumerate(zip(rows, people)):
            result = row["mailknock"]
            if row["input"] != {"no": str(n), "mail": address}:
                self.fault(f"row {n} of list {made} is {row['input']}")
            if state == "cancelled" and (result is None or result["reason"] == "cancelled"):
                self.count("rows cancelled")
            elif result["reason"] == "duplicate" and address in seen:
                self.count("duplicates")
            else:
                self.judge(address, wanted, result["status"], result["reason"])
            seen.add(address)
        self.count("rows", len(rows))

    def export(self, caller, made):
        form = random.choice(("csv", "xlsx", "zip"))
        status, body = caller.call("GET", f"/v1/lists/{made}/export?format={form}")
        if status != 200 or len(body) < 1000:
            raise RuntimeError(f"export as {form}: {status}, {len(body)} bytes")
        status, body = caller.call("GET", f"/v1/lists/{made}/report")
        if status != 200:
            raise RuntimeError(f"report: {status}")
        self.count("exports", 2)

    def listen(self, made):
        stream = socket.create_connection(("127.0.0.1", self.service.port), timeout=60)
        stream.sendall(f"GET /v1/lists/{made}/events HTTP/1.1\r\nHost: soak\r\n"
                       f"X-API-Key: {self.service.key}\r\n\r\n".encode())
        return stream

    def hear(self, stream):
        heard = b""
        with stream:
            while b"event: state" not in heard:
                piece = stream.recv(65536)
                if not piece:
                    raise RuntimeError("a listener was not told the end of its list: "
                                       + heard[-200:].decode("utf-8", "replace"))
                heard += piece
        self.count("listeners told")

    def await_webhook(self, name, made, state):
        until = time.monotonic() + 60
        while not (calls := [c for c in self.receiver.calls if c[0] == "/" + name]):
            if time.monotonic() > until:
                raise RuntimeError(f"nobody was told of list {made}")
            time.sleep(0.1)
        _, headers, body = calls[0]
        event = {"done": "list.finished", "cancelled": "list.cancelled"}[state]
        # Who answers late is told again, under the same number.
        self.count("webhooks told again", len(calls) - 1)
        if len({(more["X-Mailknock-Delivery"], again) for _, more, again in calls}) > 1:
            self.fault(f"of list {made} was told in {len(calls)} ways")
        if json.loads(body)["event"] != event or not is_signed(headers, body, SECRET):
            self.fault(f"webhook of list {made}: {body[:100]}")
        self.receiver.calls = [c for c in self.receiver.calls if c[0] != "/" + name]
        self.count("webhooks")

    def one_visit(self, caller):
        """Somebody opens the page, signs in, looks about, signs out."""
        for path in ("/", "/assets/app.js", "/assets/base.css", "/assets/parts.css",
                     "/assets/icon.svg", "/openapi.json", "/healthz", "/readyz", "/metrics",
                     "/v1/overview", "/v1/lists", "/v1/audit?limit=50"):
            status, body = caller.call("GET", path)
            if status != 200 or not body:
                raise RuntimeError(f"{path}: {status}")
            self.count("pages")
        answer = self.service.post("/v1/session", {"key": self.service.key})
        cookie = (answer.headers.get("Set-Cookie") or "").split(";")[0]
        left = self.service.call("DELETE", "/v1/session", key=None, headers={"Cookie": cookie})
        if answer.status >= 300 or left.status >= 300:
            raise RuntimeError(f"a session: {answer.status}, {left.status}")

    def one_rudeness(self, _):
        """What goes away in the middle of a request, or speaks no HTTP."""
        pieces = (b"GET /v1/lists HTTP/1.1\r\nHost: x\r\nX-API-",
                  b"POST /v1/lists?name=cut.csv HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n"
                  b"X-API-Key: " + self.service.key.encode() + b"\r\n\r\nmail\nu1@op1.example\n",
                  b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"",
                  b"POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\nX-API-Key: "
                  + self.service.key.encode() + b"\r\nContent-Type: application/json\r\n\r\n"
                  b'{"address": "u1@op0.example", "fresh": true                }')
        with socket.create_connection(("127.0.0.1", self.service.port), timeout=10) as stream:
            stream.sendall(random.choice(pieces))
            time.sleep(0.02)
        self.count("rude visitors")

    def one_reload(self, _):
        self.service.process.send_signal(signal.SIGHUP)
        self.count("reloads")

    # --- what it costs ----------------------------------------------------------------------

    def sample(self):
        pid = self.service.process.pid
        about = pathlib.Path(f"/proc/{pid}/status").read_text()
        ticks = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        with self.lock:
            waits, self.waits = self.waits, {"memory_ms": [], "wire_ms": []}
            done = self.counts["verdicts"]
        row = {"minutes": round(self.minutes(), 2),
               "rss_kb": int(re.search(r"VmRSS:\s+(\d+)", about)[1]),
               "fds": len(os.listdir(f"/proc/{pid}/fd")),
               "threads": int(re.search(r"Threads:\s+(\d+)", about)[1]),
               "store_kb": sum(f.stat().st_size for f in (self.folder / "data").glob("mailknock.db*"))
               // 1024,
               "uploads_kb": sum(f.stat().st_size for f in (self.folder / "data").rglob("*")
                                 if f.is_file() and not f.name.startswith("mailknock.db")) // 1024,
               "cpu_s": (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK"),
               "verdicts": done,
               **{name: round(statistics.median(of), 1) if of else None for name, of in waits.items()}}
        self.samples.append(row)

    def run(self, minutes, file):
        self.begun, self.is_long = time.monotonic(), minutes >= WARM_MINUTES
        parts = [(self.one_list, 8)] * SLOTS + [(self.one_check, 0.05)] * 2 + [
            (self.one_visit, 2), (self.one_rudeness, 1), (self.one_reload, 60)]
        threads = [threading.Thread(target=self.keep_doing, args=part) for part in parts]
        for thread in threads:
            thread.start()
        every_s, told = max(1, min(5, minutes)), 0
        try:
            while self.minutes() < minutes and self.service.process.poll() is None:
                time.sleep(every_s)
                self.sample()
                row = self.samples[-1]
                print(*row.values(), sep="\t", file=file, flush=True)
                if self.minutes() >= told:
                    print(f"{row['minutes']:6.1f} min  {row['rss_kb'] / 1024:6.1f} MB  {row['fds']:4} files  "
                          f"{row['store_kb'] / 1024:6.1f} MB store  {row['cpu_s']:7.1f} s cpu  "
                          f"{row['verdicts']:8} verdicts  {row['memory_ms']} ms from memory  "
                          f"{row['wire_ms']} ms asked", flush=True)
                    told += max(1, minutes / 60)
        finally:
            self.over.set()
            for thread in threads:
                thread.join()

    def compare_quarters(self, must_be_flat):
        """The second quarter of the time and the last, by their medians."""
        def median(name, first, last):
            of = [row[name] for row in self.samples[int(first * len(self.samples)):
                                                    int(last * len(self.samples))]
                  if row[name] is not None]
            return statistics.median(of) if of else 0

        for name, (share, amount) in GROWTH.items():
            second, last = median(name, 0.25, 0.5), median(name, 0.75, 1)
            top = second * (1 + share) + amount
            print(f"{name:10} second quarter {second:10.1f}   last {last:10.1f}   "
                  f"({last / second - 1 if second else 0:+.1%}; at most {top:.1f})")
            if last > top and must_be_flat:
                self.fault(f"{name} has grown from {second} to {last}")


class Caller:
    """A client that keeps its connection, as clients do."""

    def __init__(self, service):
        self.service, self.connection = service, None

    def call(self, method, path, body=None):
        headers = {"X-API-Key": self.service.key}
        if body is not None:
            body, headers["Content-Type"] = json.dumps(body), "application/json"
        for is_last in (False, True):
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=120)
            try:
                self.connection.request(method, path, body, headers)
                answer = self.connection.getresponse()
                return answer.status, answer.read()
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                self.close()  # it was idle for too long; of a new one it would be a fault
                if is_last:
                    raise
        raise AssertionError

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--samples", default=os.devnull)
    parser.add_argument("--seed", type=int, default=random.getrandbits(32))
    options = parser.parse_args()
    random.seed(options.seed)
    print(f"{options.minutes:g} minutes, seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="mk-soak-") as name, open(
            options.samples, "w", encoding="utf-8") as file:
        folder = pathlib.Path(name)
        scenario = folder / "soak.scenario"
        scenario.write_text(world())
        lab = Lab(options.program, scenario, seconds=int(options.minutes * 60) + 3600, log=False)
        receiver = Receiver()
        service = Service(lab.config, folder, "--log-level", "warning", "--positive-refresh", "3m",
                          "--negative-refresh", "3m")
        soak = Soak(service, receiver, folder)
        try:
            soak.run(options.minutes, file)
        finally:
            status = service.close()
            lab_status, said = lab.close()
            receiver.close()
        log = service.log()
    if status != 0:
        soak.fault(f"the service ended with {status}: {log[-2000:]}")
    if lab_status != 0:
        soak.fault(f"the lab complains: {said}")
    for line in log.splitlines():
        if " level=error " in line or "Sanitizer" in line:
            soak.fault("the log has an error: " + line)
    soak.compare_quarters(options.minutes >= WARM_MINUTES)
    print("; ".join(f"{count} {what}" for what, count in sorted(soak.counts.items())))
    unknown = sum(n for what, n in soak.counts.items() if what.startswith("unknown"))
    if unknown * 100 > soak.counts["verdicts"]:
        soak.fault(f"{unknown} verdicts are unknown, which is more than one in a hundred")
    print(f"soak: {len(soak.faults)} faults")
    sys.exit(len(soak.faults) > 0)


if __name__ == "__main__":
    main()
