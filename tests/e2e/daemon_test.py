"""`mailknock serve` under a service manager: told when it is ready, handed its socket, reloaded,
stopped without leaving anybody in the middle.

daemon_test.py PROGRAM
"""
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from program import BINARY, environment, lab  # noqa: E402
from service import Case, Service  # noqa: E402

WORLD = """set patience quick
domain slow.example
  mx 10 mx.slow.example
server mx.slow.example 127.9.5.1
  mailbox u*
  behave delay rcpt 1s
"""

STACK = contextlib.ExitStack()
LAB = None


def setUpModule():
    global LAB
    LAB = STACK.enter_context(lab(WORLD))


def tearDownModule():
    STACK.close()


class DaemonCase(Case):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(
            tempfile.TemporaryDirectory(prefix="mk-daemon-")))


class Notified(DaemonCase):
    def test_ready_and_stopping(self):
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind(str(self.folder / "notify"))
        manager.settimeout(20)
        process = subprocess.Popen(
            [BINARY, "serve", "--listen", "127.0.0.1:0", "--data", str(self.folder / "data"),
             "--depth", "syntax"],
            env=environment(NOTIFY_SOCKET=str(self.folder / "notify")),
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.assertEqual(manager.recv(100), b"READY=1")
        # Ready means that it answers.
        port = int(re.search(r":(\d+)/", process.stdout.readline())[1])
        # The figures, too, where DNS is not asked.
        for path in ("/readyz", "/metrics"):
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
                connection.request("GET", path)
                self.assertEqual(connection.getresponse().status, 200)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(manager.recv(100), b"STOPPING=1")
        self.assertEqual(process.wait(20), 0)
        process.stdout.close()


class Alone(DaemonCase):
    def serve(self, *more):
        return subprocess.run([BINARY, "serve", "--data", str(self.folder / "data"), "--depth",
                               "syntax", *more], env=environment(), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=30)

    def test_a_second_service_is_refused(self):
        """Two would keep an operator's limits each, and work on the same lists."""
        first = subprocess.Popen(
            [BINARY, "serve", "--listen", "127.0.0.1:0", "--data", str(self.folder / "data"),
             "--depth", "syntax"], env=environment(), stdout=subprocess.PIPE, text=True)
        first.stdout.readline()
        second = self.serve("--listen", "127.0.0.1:0")
        self.assertEqual(second.returncode, 2)
        self.assertIn("another service works in", " ".join(second.stderr.split()))
        first.terminate()
        self.assertEqual(first.wait(20), 0)
        first.stdout.close()

    def test_the_first_key_waits_for_a_start_that_succeeds(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            failed = self.serve("--listen", f"127.0.0.1:{taken.getsockname()[1]}")
        self.assertEqual(failed.returncode, 2)
        good = subprocess.Popen(
            [BINARY, "serve", "--listen", "127.0.0.1:0", "--data", str(self.folder / "data"),
             "--depth", "syntax"], env=environment(), stdout=subprocess.PIPE, text=True)
        said = good.stdout.readline() + good.stdout.readline()
        good.terminate()
        self.assertEqual(good.wait(20), 0)
        good.stdout.close()
        self.assertIn("first-key", said)


class Activated(DaemonCase):
    def test_socket_of_the_manager(self):
        """The socket is there before the service: who calls early waits instead of failing."""
        with socket.create_server(("127.0.0.1", 0)) as passed:
            port = passed.getsockname()[1]
            early = socket.create_connection(("127.0.0.1", port), timeout=20)
            early.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            # sh becomes the service, so that LISTEN_PID is its own.
            process = subprocess.Popen(
                ["sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&0 0</dev/null', "sh", BINARY,
                 "serve", "--listen", "127.0.0.1:1", "--data", str(self.folder / "data"),
                 "--depth", "syntax"], stdin=passed, env=environment(),
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with early:
            got = b""
            while piece := early.recv(4096):
                got += piece
        self.assertTrue(got.startswith(b"HTTP/1.1 200"), got)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(20), 0)


class Reloaded(DaemonCase):
    def test_lists_are_read_again(self):
        block = self.folder / "block.txt"
        block.write_text("other.example\n")
        service = Service(LAB.config, self.folder, "--block", str(block), "--depth", "syntax")
        self.addCleanup(service.close)

        def status():
            return service.post("/v1/verify", {"address": "a@blocked.example",
                                               "fresh": True}).json()["status"]

        self.assertNotEqual(status(), "skipped")
        block.write_text("other.example\nblocked.example\n")
        service.process.send_signal(signal.SIGHUP)
        self.until(lambda: status() == "skipped")
        # A slip in the file: what was read before holds, and it is said.
        block.write_text("bad entry!\n")
        service.process.send_signal(signal.SIGHUP)
        self.until(lambda: "block.txt" in service.log())
        self.assertEqual(status(), "skipped")


class Stopped(DaemonCase):
    def test_whoever_asked_is_answered(self):
        service = Service(LAB.config, self.folder)
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
        self.addCleanup(connection.close)
        connection.request("POST", "/v1/verify", json.dumps({"address": "u1@slow.example"}),
                           {"X-API-Key": service.key, "Content-Type": "application/json"})
        time.sleep(0.5)  # it is being probed
        service.process.send_signal(signal.SIGTERM)
        self.assertEqual(connection.getresponse().status, 200)
        connection.close()
        self.assertEqual(service.process.wait(20), 0)
        service.close()

    def test_twice_is_at_once(self):
        service = Service(LAB.config, self.folder)
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
        self.addCleanup(connection.close)
        connection.request("POST", "/v1/verify",
                           json.dumps({"address": "u2@slow.example", "timeout_ms": 60000}),
                           {"X-API-Key": service.key, "Content-Type": "application/json"})
        time.sleep(0.3)
        begun = time.monotonic()
        for _ in range(2):
            service.process.send_signal(signal.SIGTERM)
            time.sleep(0.1)
        self.assertEqual(service.process.wait(20), 0)
        service.close()
        self.assertLess(time.monotonic() - begun, 15)

    def test_impatience_kills_nothing(self):
        """Whoever presses again and again still gets an orderly end: status 0, not a signal's."""
        service = Service(LAB.config, self.folder)
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
        self.addCleanup(connection.close)
        connection.request("POST", "/v1/verify",
                           json.dumps({"address": "u3@slow.example", "timeout_ms": 60000}),
                           {"X-API-Key": service.key, "Content-Type": "application/json"})
        time.sleep(0.3)
        until = time.monotonic() + 20
        while service.process.poll() is None and time.monotonic() < until:
            service.process.send_signal(signal.SIGTERM)
            service.process.send_signal(signal.SIGHUP)
            time.sleep(0.005)
        self.assertEqual(service.close(), 0)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
