"""A fleet on a real PostgreSQL: workers are killed, the server is restarted, the network is cut.

Four workers and a service share a list of `ROWS` addresses against the lab, whose sites have limits.
At the end every row must have exactly one result, and the right one; the lab, which sees all
connections from outside, must have seen no site's limit exceeded; and no more than what was in flight
when somebody was killed or cut off may have been asked twice. Who opted out at the service is asked by
no worker. The wall clocks of three of the four workers are wrong, one's jumps by two hours every two
seconds (skew.c, where MK_SKEW names it built).

    fleet_test.py PROGRAM [ROWS [KILLS [SEED]]]

Skipped, saying so, where there is no PostgreSQL.
"""
import collections
import contextlib
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "e2e"), str(HERE.parent / "postgres")]
PROGRAM = os.path.abspath(sys.argv[1])
sys.argv[1:2] = [PROGRAM]
from lab import Lab  # noqa: E402
from server import Missing, Server  # noqa: E402
from service import Service  # noqa: E402

ROWS = int(sys.argv[2]) if len(sys.argv) > 2 else 3000
KILLS = int(sys.argv[3]) if len(sys.argv) > 3 else 4
SEED = int(sys.argv[4]) if len(sys.argv) > 4 else random.randrange(10**6)
WORKERS, TORN = 4, 5
# What limits a long run is what sites allow: it has more of them.
SITES, DOMAINS = (24, 60) if ROWS < 50000 else (160, 400)
# Kept by the service before the workers begin, and when they are at work (then SIGHUP tells them).
OPTED_OUT, OPTED_OUT_LATER = "d58.example", "d59.example"
# Seconds between two events; a long run has all its length for them.
LEASE = "5s" if ROWS < 10000 else "20s"
PAUSE_S = (1.0, 2.5) if ROWS < 10000 else (3.0, 12.0)
SKEWS = ({}, {"MK_SKEW_S": "10800"}, {"MK_SKEW_S": "-172800"}, {"MK_SKEW_S": "3600", "MK_SKEW_JUMPS": "2000"})
LIMIT_S = 240 + ROWS / 20  # the sites of a worker that was killed rest for a minute
RCPT = re.compile(r"RCPT TO:<([^>]*)>", re.I)


def scenario():
    """Domains share sites, as they do; every fifth site answers slowly, some accept anything."""
    text = ["set patience quick"]
    for site in range(SITES):
        text.append(f"site s{site} connections {2 + site % 5} rcpts-per-session 20")
    for domain in range(DOMAINS):
        text += [f"domain d{domain}.example", f"  mx 10 mx{domain}.op{domain % SITES}.example"]
    for domain in range(DOMAINS):
        site = domain % SITES
        text += [f"server mx{domain}.op{site}.example 127.9.{1 + domain // 200}.{domain % 200 + 1}",
                 f"  site s{site}", "  mailbox u*"]
        if site % 6 == 1:
            text.append("  behave accept-all")
    # Each one's first server is down, and its second one belongs to another site.
    for domain in range(TORN):
        text += [f"domain t{domain}.example", f"  mx 10 dead{domain}.op{domain * 6 % SITES}.example",
                 f"  mx 20 spare{domain}.op{2 + domain}.example",
                 f"server dead{domain}.op{domain * 6 % SITES}.example 127.9.9.{domain + 1}",
                 f"  site s{domain * 6 % SITES}", "  behave down",
                 f"server spare{domain}.op{2 + domain}.example 127.9.10.{domain + 1}", f"  site s{2 + domain}",
                 "  mailbox u*"]
    return "\n".join(text) + "\n"


def addresses():
    for row in range(ROWS):
        if row % 60 == 17:
            yield f"{'n' if row % 5 == 0 else 'u'}{row}@t{row // 60 % TORN}.example"
            continue
        domain = row * 7 % DOMAINS
        yield f"{'n' if row % 5 == 0 else 'u'}{row}@d{domain}.example"


def expected(address):
    name, domain = address.split("@")
    if domain in (OPTED_OUT, OPTED_OUT_LATER):
        return {"opted_out"}
    if domain[0] == "t":  # unless one worker holds both sites, only the dead server is heard of
        return {"accepted" if name[0] == "u" else "mailbox_not_found", "connect_failed", "timeout", "not_probed"}
    site = int(domain[1:-8]) % SITES
    if site % 6 == 1:
        return {"accepts_all"}
    return {"accepted" if name[0] == "u" else "mailbox_not_found"}


class Cut:
    """A way to the server's socket that can be cut: everything on it is dropped, or just stands still."""

    def __init__(self, target):
        self.target, self.pairs, self.is_open, self.is_frozen = target, [], True, False
        self.folder = tempfile.TemporaryDirectory(prefix="mk-cut-")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(os.path.join(self.folder.name, ".s.PGSQL.5432"))
        self.listener.listen(16)
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            try:
                if not self.is_open:
                    raise OSError("cut")
                far.connect(self.target)
            except OSError:
                near.close()
                far.close()
                continue
            self.pairs.append((near, far))
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self.pump, args=(one, other), daemon=True).start()

    def pump(self, one, other):
        with contextlib.suppress(OSError):
            while True:
                data = one.recv(65536)
                while self.is_frozen:
                    time.sleep(0.05)
                if not data:
                    break
                other.sendall(data)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self, seconds):
        self.is_open = False
        for near, far in self.pairs:
            for end in (near, far):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
        self.pairs = []
        time.sleep(seconds)
        self.is_open = True

    def close(self):
        self.listener.close()
        self.folder.cleanup()


class Fleet:
    def __init__(self, lab, server, folder):
        self.lab, self.server, self.folder = lab, server, pathlib.Path(folder)
        self.cut = Cut(os.path.join(server.folder, ".s.PGSQL.5432"))
        self.workers, self.count, self.log = [], 0, open(self.folder / "workers.log", "ab")

    def add(self, by_cut=False):
        url = self.server.url
        if by_cut:
            url = f"postgresql://mailknock@/postgres?host={self.cut.folder.name}"
        process = subprocess.Popen(
            [PROGRAM, "worker", "--config", self.lab.config, "--store", url, "--lease", LEASE],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=self.skewed())
        self.count += 1
        self.workers.append((process, by_cut))

    def skewed(self):
        skew = SKEWS[self.count % len(SKEWS)]
        if not skew or "MK_SKEW" not in os.environ:
            return None
        return {**os.environ, **skew, "LD_PRELOAD": os.environ["MK_SKEW"]}

    def wait_for_all(self, words):
        until = time.monotonic() + 30
        while (self.folder / "workers.log").read_text().count(words) < len(self.workers):
            assert time.monotonic() < until, (self.folder / "workers.log").read_text()
            time.sleep(0.05)

    def seccomp(self):
        """Modes that workers have: all are confined, or (a sanitizer, an old kernel) none is."""
        return {re.search(r"^Seccomp:\s+(\d)", pathlib.Path(f"/proc/{p.pid}/status").read_text(), re.M)[1]
                for p, _ in self.workers}

    def read_lists_again(self):
        for process, _ in self.workers:
            process.send_signal(signal.SIGHUP)
        self.wait_for_all("lists read again")

    def kill(self, chance):
        """Returns how many rows may be asked twice for it."""
        at = chance.randrange(len(self.workers))
        process, by_cut = self.workers.pop(at)
        process.kill()
        process.wait()
        self.add(by_cut)

    def close(self):
        statuses = []
        for process, _ in self.workers:
            process.terminate()
        for process, _ in self.workers:
            statuses.append(process.wait(30))
        self.cut.close()
        self.log.close()
        return statuses


def trouble(fleet, service, chance, job, done):
    """Kill, cut and restart while the list is under way; returns how many events there were."""
    events = []
    for i in range(KILLS):
        time.sleep(chance.uniform(*PAUSE_S))
        if done():
            break
        what = ("kill", "restart", "cut", "kill")[i % 4]
        events.append(what)
        if what == "kill":
            fleet.kill(chance)
        elif what == "restart":
            fleet.server.stop(chance.choice([signal.SIGINT, signal.SIGQUIT]))
            time.sleep(chance.uniform(0, 1))
            fleet.server.start()
        else:
            fleet.cut.cut(chance.uniform(1, 7))
    return events


def asked(log):
    """How often each address was asked (random recipients of strangers are no rows)."""
    counts = collections.Counter()
    wanted = set(addresses())
    with open(log, encoding="utf-8", errors="replace") as file:
        for line in file:
            for match in RCPT.findall(line):
                if match.lower() in wanted:
                    counts[match.lower()] += 1
    return counts


def opt_out(service, *domains):
    answer = service.call("PUT", "/v1/operator-lists/opt_out", "\n".join(domains).encode(),
                          {"Content-Type": "text/plain"})
    assert answer.status == 204, answer.body


def other_service_follows(lab, service, server, folder):
    """What one service keeps is in effect at another one of the same store, before long."""
    beside = pathlib.Path(folder) / "beside"
    beside.mkdir()
    other = Service(lab.config, beside, "--store", server.url, key=service.key)
    try:
        def in_effect():
            kinds = other.get("/v1/operator-lists").json()["items"]
            return {kind["kind"]: kind["in_effect"] for kind in kinds}

        before = in_effect()
        assert before["opt_out"] == 2 and before["trap"] == 0, before
        answer = service.call("PUT", "/v1/operator-lists/trap", b"trap@nobody.example",
                              {"Content-Type": "text/plain"})
        assert answer.status == 204, answer.body
        until = time.monotonic() + 90  # it looks every minute, and a second after its start
        while in_effect()["trap"] == 0:
            assert time.monotonic() < until, "another service's list is not followed"
            time.sleep(0.2)
    finally:
        assert other.close() == 0


def run(lab, server, folder):
    chance = random.Random(SEED)
    service = Service(lab.config, folder, "--store", server.url)
    fleet = Fleet(lab, server, folder)
    statuses = []
    try:
        opt_out(service, OPTED_OUT)
        for i in range(WORKERS):
            fleet.add(by_cut=i == 0)
        fleet.wait_for_all(" is at work")
        fleet.wait_for_all(" event=hardening ")
        assert len(fleet.seccomp()) == 1, fleet.seccomp()
        opt_out(service, OPTED_OUT, OPTED_OUT_LATER)
        fleet.read_lists_again()
        other_service_follows(lab, service, server, folder)
        began = time.monotonic()
        content = ("email\n" + "\n".join(addresses()) + "\n").encode()
        job = service.upload(content)["id"]

        def is_done():
            with contextlib.suppress(Exception):
                return service.get(f"/v1/lists/{job}").json()["state"] == "done"
            return False

        events = trouble(fleet, service, chance, job, is_done)
        until = time.monotonic() + LIMIT_S
        while not is_done():
            if time.monotonic() > until:
                print(server.sql("SELECT state, rows, dealt FROM mailknock.job"))
                print(server.sql("SELECT count(*), worker FROM mailknock.chunk GROUP BY 2"))
                print(server.sql("SELECT count(*), worker FROM mailknock.task GROUP BY 2"))
                print(server.sql("SELECT convert_from(site,'UTF8'), worker, ended FROM mailknock.lease"))
                print(server.sql("SELECT sum(results) FROM mailknock.tally"))
                raise AssertionError("the list is not done: " + (fleet.folder / "workers.log").read_text()[-3000:])
            time.sleep(0.2)
        took = time.monotonic() - began
        # The dead are swept out by the living when their leases have ended.
        until = time.monotonic() + LIMIT_S
        while server.sql("SELECT count(*) FROM mailknock.worker") != str(WORKERS):
            assert time.monotonic() < until, "dead workers are not swept out"
            time.sleep(0.2)
    finally:
        statuses = fleet.close()
        service.close()
    return events, took, statuses, job


def check(lab, server, job, events):
    rows = server.sql("SELECT convert_from(l.address, 'UTF8'), s.reason, replace(convert_from(s.explanation, 'UTF8'),"
                      " '|', '/') FROM mailknock.line l LEFT JOIN"
                      f" mailknock.result s USING (job, row) WHERE l.job={job} ORDER BY row").split("\n")
    assert len(rows) == ROWS, f"{len(rows)} rows"
    names = [n for n in reasons() if n]
    wrong, torn = [], collections.Counter()
    for line, address in zip(rows, addresses()):
        got, reason, explanation = line.split("|")
        assert got == address, (got, address)
        if reason == "" or names[int(reason)] not in expected(address):
            wrong.append((address, names[int(reason)] if reason else "no result", explanation))
        elif "@t" in address:
            torn[names[int(reason)]] += 1
    assert not wrong, f"{len(wrong)} wrong results, such as {wrong[:5]}"
    print("of the torn domains:", dict(torn))
    # By no worker's clock.
    late = server.sql(f"SELECT abs(finished_ms - extract(epoch FROM now())*1000) FROM mailknock.job WHERE id={job}")
    assert float(late) < LIMIT_S * 1000, late
    tally = server.sql(f"SELECT sum(results), sum(rows) FROM mailknock.tally WHERE job={job}")
    assert tally == f"{ROWS}|{ROWS}", tally
    left = server.sql("SELECT (SELECT count(*) FROM mailknock.chunk), (SELECT count(*) FROM"
                      " mailknock.task), (SELECT count(*) FROM mailknock.worker),"
                      " (SELECT count(*) FROM mailknock.lease WHERE worker<>0)")
    assert left == "0|0|0|0", f"chunks, tasks, workers, leases that are left: {left}"
    counts = asked(lab.log)
    assert not [a for a in counts if a.endswith((OPTED_OUT, OPTED_OUT_LATER))], "opted out, and asked"
    return counts


def reasons():
    text = (HERE.parents[1] / "src/verdict/verdict.h").read_text()
    return re.findall(r'X\([A-Z_]+, "([a-z_]+)", [A-Z_]+', text) or re.findall(
        r'X\([A-Z_]+,\s*[A-Z_]+,\s*"([a-z_]+)"', text)


def main():
    print("seed", SEED, flush=True)
    try:
        server = Server()
    except Missing as why:
        print("skipped:", why)
        return 77
    with tempfile.TemporaryDirectory(prefix="mk-fleet-") as folder:
        path = pathlib.Path(folder) / "fleet.scenario"
        path.write_text(scenario())
        lab = Lab(PROGRAM, path, seconds=int(3 * LIMIT_S) + 600)
        try:
            events, took, statuses, job = run(lab, server, folder)
            # Else what was asked after its end has been refused by nobody.
            assert lab.process.poll() is None, "the lab ended before the workers did"
            counts = check(lab, server, job, events)
        finally:
            status, said = lab.close()
            server.remove()
    repeated = sum(n - 1 for n in counts.values() if n > 1)
    print(f"{ROWS} rows in {took:.1f} s with {WORKERS} workers; {', '.join(events) or 'nothing'}"
          f" happened; {len(counts)} addresses asked, {repeated} asked again")
    assert status == 0, "the lab saw limits exceeded: " + said[-2000:]
    assert all(s == 0 for s in statuses), statuses
    # Each kill, cut and restart may repeat what was in flight in each worker: a few hundred rows, and
    # what was answered meanwhile (with the long lease: a batch more).
    assert repeated <= len(events) * 4 * (60 if ROWS < 10000 else 600) + 5, repeated
    assert max(counts.values()) <= 1 + len(events), counts.most_common(3)
    return 0


if __name__ == "__main__":
    sys.exit(main())
