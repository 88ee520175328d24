"""Workers that speak from different addresses: what one site sees of them, all together and each.

Two workers from 127.0.0.11 and one from 127.0.0.12 share a list of one site, which allows two connections.
By site (the default) there are never more than two, whoever has them; with `--leases address` never more
than two from each address, and both addresses are used. When the only worker of an address is killed, the
others ask what was handed to it. A worker that says other leases than the rest is refused.

    address_test.py PROGRAM [ROWS]

Skipped, saying so, where there is no PostgreSQL.
"""
import collections
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "e2e"), str(HERE.parent / "postgres")]
PROGRAM = os.path.abspath(sys.argv[1])
ROWS = int(sys.argv[2]) if len(sys.argv) > 2 else 4000
sys.argv[1:] = [PROGRAM]
from lab import Lab  # noqa: E402
from server import with_server  # noqa: E402
from service import Service  # noqa: E402

ALLOWED, LIMIT_S = 2, 270
ADDRESSES = ("127.0.0.11", "127.0.0.11", "127.0.0.12")
SCENARIO = """set patience quick
domain one.example
  mx 10 mx.one.example
server mx.one.example 127.9.1.1
  mailbox u*
"""


def peaks(log):
    """The most connections at once, of each address and of all."""
    open_by, most, all_most, of = collections.Counter(), collections.Counter(), 0, {}
    for line in pathlib.Path(log).read_text(errors="replace").splitlines():
        if found := re.match(r"\d+ (\d+) (127\.0\.0\.\d+) connects", line):
            of[found[1]] = found[2]
            open_by[found[2]] += 1
            most[found[2]] = max(most[found[2]], open_by[found[2]])
            all_most = max(all_most, sum(open_by.values()))
        elif (found := re.match(r"\d+ (\d+) ", line)) and found[1] in of:
            open_by[of.pop(found[1])] -= 1
    return most, all_most


def wait_for_workers(server, workers, log):
    until = time.monotonic() + 60
    while server.sql("SELECT count(*) FROM mailknock.worker") != str(len(workers)):
        if time.monotonic() > until or any(worker.poll() is not None for worker in workers):
            log.seek(0)
            raise AssertionError(f"not all of the workers begin: {log.read()[-2000:].decode(errors='replace')}")
        time.sleep(0.1)


def refused(lab, server, leases):
    done = subprocess.run([PROGRAM, "worker", "--config", lab.config, "--store", server.url, "--source-ip", ADDRESSES[0],
                           "--leases", leases], stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
    assert done.returncode == 2 and f"this one {leases}" in done.stderr.decode(), (done.returncode, done.stderr)


def run(server, leases, kills):
    with tempfile.TemporaryDirectory(prefix="mk-address-") as folder:
        path = pathlib.Path(folder) / "one.scenario"
        path.write_text(SCENARIO)
        lab = Lab(PROGRAM, path)
        service = Service(lab.config, folder, "--store", server.url)
        workers = []
        try:
            with open(pathlib.Path(folder) / "workers.log", "w+b") as log:
                for address in ADDRESSES:
                    workers.append(subprocess.Popen(
                        [PROGRAM, "worker", "--config", lab.config, "--store", server.url, "--lease", "10s",
                         "--source-ip", address, "--site-connections", str(ALLOWED), "--open-limits", "--leases", leases],
                        stdin=subprocess.DEVNULL, stdout=log, stderr=log))
                wait_for_workers(server, workers, log)
                refused(lab, server, "site" if leases == "address" else "address")
                began = time.monotonic()
                job = service.upload(b"email\n" + b"".join(b"u%d@one.example\n" % row for row in range(ROWS)))["id"]
                if kills:
                    # Both addresses are at work, and there is a good deal left.
                    while f" {ADDRESSES[-1]} connects" not in pathlib.Path(lab.log).read_text(errors="replace"):
                        assert time.monotonic() < began + LIMIT_S, "the other address is not used"
                        time.sleep(0.1)
                    workers[-1].send_signal(signal.SIGKILL)
                    workers[-1].wait(30)
                service.wait(job, ("done",), LIMIT_S)
                took = time.monotonic() - began
        finally:
            for worker in workers:
                worker.terminate()
            for worker in workers:
                worker.wait(30)
            service.close()
            most, all_most = peaks(lab.log)
            lab.close()
        wrong = server.sql("SELECT count(DISTINCT reason) || ' ' || count(*) FROM mailknock.result")
        assert wrong == f"1 {ROWS}", wrong
        server.sql("DROP SCHEMA mailknock CASCADE")
    print(f"by {leases}: {ROWS} rows in {took:.1f} s; at most {all_most} connections, by address {dict(most)}", flush=True)
    return most, all_most


def test(server):
    most, all_most = run(server, "site", kills=False)
    assert all_most <= ALLOWED, (most, all_most)
    most, all_most = run(server, "address", kills=True)
    assert max(most.values()) <= ALLOWED, most
    assert set(most) == set(ADDRESSES), most


if __name__ == "__main__":
    sys.exit(with_server(test))
