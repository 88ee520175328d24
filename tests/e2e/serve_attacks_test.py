"""`mailknock serve` as strangers meet it who mean no good."""
import contextlib
import os
import pathlib
import re
import socket
import sys
import time
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(__file__))
from program import ROOT, lab  # noqa: E402
from service import Case, served  # noqa: E402

STACK = contextlib.ExitStack()
LAB = SERVICE = None


def setUpModule():
    global LAB, SERVICE
    LAB = STACK.enter_context(lab(ROOT / "examples" / "demo.scenario"))
    SERVICE = STACK.enter_context(served(LAB.config))


def tearDownModule():
    STACK.close()


class Attacks(Case):
    def raw(self, head, limit=20):
        """Send octets; everything that comes back until the other side closes."""
        with socket.create_connection(("127.0.0.1", SERVICE.port), timeout=limit) as peer:
            got = b""
            with contextlib.suppress(ConnectionError, TimeoutError):
                peer.sendall(head)
                while piece := peer.recv(65536):
                    got += piece
            return got

    def test_paths(self):
        for path in ("/assets/../openapi.json", "/assets/..%2f..%2fetc/passwd",
                     "/assets/%2e%2e/%2e%2e/etc/passwd", "/../etc/passwd", "//etc/passwd",
                     "/assets/%00", "/assets/app.js%00.css", "/assets/", "/assets/....//x",
                     "/healthz?a=%00"):
            got = self.raw(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            self.assertRegex(got[:13], rb"^HTTP/1\.1 4", path)
            self.assertNotIn(b"root:", got)

    def test_page(self):
        page = SERVICE.get("/", key=None)
        self.assertEqual(page.status, 200)
        self.assertIn("default-src 'none'; script-src 'self'",
                      page.headers["Content-Security-Policy"])
        self.assertNotIn("unsafe-inline", page.headers["Content-Security-Policy"])
        part = re.search(r"/?assets/[a-z.-]+", page.body.decode()).group(0)
        self.assertEqual(SERVICE.get("/" + part.lstrip("/"), key=None).status, 200)
        again = SERVICE.get("/", key=None, headers={"If-None-Match": page.headers["ETag"]})
        self.assertEqual((again.status, again.body), (304, b""))

    def test_bombs(self):
        many = "".join(f"X-H{i}: {'v' * 100}\r\n" for i in range(5000))
        got = self.raw(f"GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n".encode())
        self.assertNotIn(b"HTTP/1.1 200", got)
        deep = b'{"address":' + b"[" * 200000 + b"]" * 200000 + b"}"
        self.problem(SERVICE.post("/v1/verify", deep), 400)
        with contextlib.suppress(ConnectionError):
            self.problem(SERVICE.post("/v1/verify", b"[" * 10_000_000), 413)
        wide = b'{"address":"' + b"a" * 500_000 + b'@b.example"}'
        self.assertEqual(SERVICE.post("/v1/verify", wide).json()["reason"], "bad_syntax")
        self.assertEqual(SERVICE.get("/healthz", key=None).status, 200)

    def test_dripping(self):
        """Headers a few octets at a time: cut off, and nobody else waits for it."""
        with socket.create_connection(("127.0.0.1", SERVICE.port), timeout=60) as peer:
            began = time.monotonic()
            peer.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
            with contextlib.suppress(ConnectionError, BrokenPipeError):
                peer.settimeout(1)
                while time.monotonic() - began < 60:
                    peer.sendall(b"X-A: b\r\n")
                    asked = time.monotonic()
                    self.assertEqual(SERVICE.get("/healthz", key=None).status, 200)
                    self.assertLess(time.monotonic() - asked, 10)
                    with contextlib.suppress(TimeoutError):
                        peer.recv(4096)
                        break
            self.assertLess(time.monotonic() - began, 50)

    def test_dripping_bodies(self):
        """The same with a body that is promised and never comes."""
        with socket.create_connection(("127.0.0.1", SERVICE.port), timeout=120) as peer:
            began = time.monotonic()
            peer.sendall(f"POST /v1/verify HTTP/1.1\r\nHost: x\r\nX-API-Key: {SERVICE.key}\r\n"
                         "Content-Length: 1000\r\n\r\n".encode())
            peer.settimeout(1)
            while time.monotonic() - began < 110:
                with contextlib.suppress(TimeoutError):
                    try:
                        peer.sendall(b"{")
                        if peer.recv(4096) == b"":
                            break
                    except (ConnectionError, BrokenPipeError):
                        break
            self.assertLess(time.monotonic() - began, 100)
            self.assertEqual(SERVICE.get("/healthz", key=None).status, 200)

    def test_strings_stay_data(self):
        evil = '"><img src=x onerror=alert(1)>@b.example'
        answer = SERVICE.post("/v1/verify", {"address": evil})
        self.assertTrue(answer.type.startswith("application/json"))
        self.assertEqual(answer.json()["address"], evil)
        answer = SERVICE.get("/v1/%3Cscript%3Ealert(1)%3C/script%3E")
        self.assertIn("application/problem+json", answer.type)
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")

    def test_no_change_from_another_site(self):
        """Its page can have the cookie sent, but no header of ours: every route that changes something asks for it."""
        opened = SERVICE.post("/v1/session", {"key": SERVICE.key}, key=None)
        cookie = {"Cookie": opened.headers["Set-Cookie"].split(";")[0]}
        described = SERVICE.get("/openapi.json", key=None).json()
        walked = 0
        for path, methods in described["paths"].items():
            for method, operation in methods.items():
                if method not in ("post", "put", "patch", "delete") or {"session": []} not in operation.get("security", []):
                    continue
                plain = re.sub(r"{[^}]*}", "99999", path)
                # What a form can send, and what fetch sends without asking first.
                for kind in ("text/plain", "application/x-www-form-urlencoded"):
                    sent = {**cookie, "Origin": "https://evil.example", "Content-Type": kind}
                    answer = SERVICE.call(method.upper(), plain, b"{}", key=None, headers=sent)
                    self.assertEqual(answer.status, 401, (method, path, answer.body))
                walked += 1
        self.assertGreater(walked, 20)
        # The header would need leave, which nobody has unless it was configured.
        asks = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "x-mailknock"}
        asked = SERVICE.call("OPTIONS", "/v1/lists", key=None, headers=asks)
        self.assertNotIn("Access-Control-Allow-Origin", asked.headers)
        read = SERVICE.get("/v1/lists", key=None, headers={**cookie, "Origin": "https://evil.example"})
        self.assertNotIn("Access-Control-Allow-Origin", read.headers)
        ended = SERVICE.call("DELETE", "/v1/session", key=None, headers={**cookie, "X-Mailknock": "page"})
        self.assertEqual(ended.status, 204)

    def test_names_of_files_lead_nowhere(self):
        folder = SERVICE.folder / "data" / "lists"
        # Beside the service's folder other tests come and go.
        def outside():
            return {*SERVICE.folder.parent.glob("*escaped*"), *SERVICE.folder.rglob("*escaped*")}

        before = outside()
        for name in ("../../escaped.txt", "..\\..\\escaped.txt", "/tmp/escaped-mk.txt", "a/../../escaped",
                     "escaped\0.txt", ".", ".."):
            made = SERVICE.post("/v1/lists?name=" + urllib.parse.quote(name),
                                b"a@escaped.example\n", headers={"Content-Type": "text/plain"})
            if made.status == 201:
                SERVICE.wait(made.json()["id"], ("done", "failed"))
                shown = SERVICE.get(f"/v1/lists/{made.json()['id']}/export")
                said = shown.headers["Content-Disposition"]
                self.assertRegex(said, r'^attachment; filename="[A-Za-z0-9_-]+\.cleaned\.csv"$')
            else:
                self.problem(made, made.status)
                self.assertLess(made.status, 500, name)
        self.assertEqual(outside(), before)
        self.assertFalse(pathlib.Path("/tmp/escaped-mk.txt").exists())
        for path in folder.iterdir():
            self.assertRegex(path.name, r"^[A-Za-z0-9._-]+$")

    def test_response_splitting(self):
        got = self.raw(b"GET /v1/lists HTTP/1.1\r\nHost: x\r\nOrigin: a%0d%0aX: y\r\n"
                       b"Connection: close\r\n\r\n")
        self.assertNotIn(b"\r\nX: y", got)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
