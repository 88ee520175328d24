"""That an operator has refused us outlives the worker that heard it.

A worker is refused at the door and killed the moment the store knows; when its lease is over, a second
one takes the site. The lab, which sees all connections from outside, must see none of the second one.

    rest_test.py PROGRAM

Skipped, saying so, where there is no PostgreSQL.
"""
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "e2e"), str(HERE.parent / "postgres")]
PROGRAM = os.path.abspath(sys.argv[1])
sys.argv[1:] = [PROGRAM]
from lab import Lab  # noqa: E402
from server import with_server  # noqa: E402
from service import Service  # noqa: E402

SCENARIO = """set patience quick
domain one.example
  mx 10 mx.one.example
server mx.one.example 127.9.1.1
  mailbox u*
  behave block connect
"""
RESTS = "SELECT count(*) FROM mailknock.lease WHERE quiet>clock_timestamp()+interval '1 minute' AND worker"
OURS = "(SELECT max(id) FROM mailknock.worker)"


def until(server, question, what):
    end = time.monotonic() + 60
    while server.sql(question) != "1":
        assert time.monotonic() < end, what
        time.sleep(0.1)


def worker(lab, server, log):
    return subprocess.Popen([PROGRAM, "worker", "--config", lab.config, "--store", server.url, "--lease", "5s"],
                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def run(server, folder):
    path = pathlib.Path(folder) / "rest.scenario"
    path.write_text(SCENARIO)
    lab = Lab(PROGRAM, path)
    service = Service(lab.config, folder, "--store", server.url)
    workers = []

    def connections():
        return pathlib.Path(lab.log).read_text(errors="replace").count(" connects to ")

    try:
        with open(pathlib.Path(folder) / "workers.log", "w+b") as log:
            workers.append(worker(lab, server, log))
            until(server, "SELECT count(*) FROM mailknock.worker", "the first one does not begin")
            service.upload(b"email\n" + b"".join(b"u%d@one.example\n" % row for row in range(50)))
            until(server, f"{RESTS}={OURS}", "the store is not told of the refusal")
            workers[0].send_signal(signal.SIGKILL)
            workers[0].wait(30)  # only now it opens nothing more
            before = connections()
            assert before > 0
            workers.append(worker(lab, server, log))
            until(server, "SELECT count(*) FROM mailknock.worker WHERE joined_ms=(SELECT max(joined_ms) FROM"
                  " mailknock.worker) AND id>1", "the second one does not begin")
            service.upload(b"email\n" + b"".join(b"u%d@one.example\n" % row for row in range(50, 100)))
            until(server, f"{RESTS}={OURS} AND {OURS}>1", "the second one does not take the site")
            time.sleep(3)
            after = connections()
            assert after == before, f"{before} connections, and {after - before} after the refusal"
    finally:
        for process in workers:
            process.terminate()
        for process in workers:
            process.wait(30)
        service.close()
        status, said = lab.close()
    assert status == 0, said[-2000:]
    print(f"refused after {before} connections; none by the next holder")


def test(server):
    with tempfile.TemporaryDirectory(prefix="mk-rest-") as folder:
        run(server, folder)


if __name__ == "__main__":
    sys.exit(with_server(test))
