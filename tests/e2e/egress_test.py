#!/usr/bin/env python3
"""Several identities: a mail operator always meets the same one; a SOCKS5 proxy goes between.

    egress_test.py PROGRAM
"""
import collections
import json
import re
import socket
import struct
import sys
import threading
import unittest

from lab import Lab
from program import BINARY, ROOT, run

USER, PASSWORD = b"knock", b"letmeout"


class Proxy:
    """A SOCKS5 proxy on loopback; remembers whom it was asked for."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.asked, self.refused = [], 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.attend, args=(client,), daemon=True).start()

    def attend(self, client):
        def take(count):
            got = b""
            while len(got) < count:
                piece = client.recv(count - len(got))
                if not piece:
                    raise OSError("gone")
                got += piece
            return got
        try:
            take(take(2)[1])
            client.sendall(b"\5\2")
            user = take(take(2)[1])
            password = take(take(1)[0])
            if (user, password) != (USER, PASSWORD):
                self.refused += 1
                client.sendall(b"\1\1")
                client.close()
                return
            client.sendall(b"\1\0")
            kind = take(4)[3]
            host = socket.inet_ntop(socket.AF_INET if kind == 1 else socket.AF_INET6,
                                    take(4 if kind == 1 else 16))
            port = struct.unpack("!H", take(2))[0]
            self.asked.append((host, port))
            try:
                server = socket.create_connection((host, port), timeout=10)
            except OSError:
                client.sendall(b"\5\5\0\1\0\0\0\0\0\0")
                client.close()
                return
            client.sendall(b"\5\0\0\1\0\0\0\0\0\0")
            server.settimeout(60)
            threading.Thread(target=self.copy, args=(server, client), daemon=True).start()
            self.copy(client, server)
        except OSError:
            client.close()

    @staticmethod
    def copy(source, sink):
        try:
            while piece := source.recv(4096):
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            sink.close()


class Egress(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab(BINARY, ROOT / "examples/demo.scenario")
        cls.proxy = Proxy()

    @classmethod
    def tearDownClass(cls):
        status, said = cls.lab.close()
        cls.proxy.listener.close()
        assert status == 0, said

    def check(self, *arguments):
        status, out, err = run("check", "--json", "--evidence", "--config", self.lab.config,
                               *arguments)
        self.assertIn(status, (0, 1, 3), err)
        return [json.loads(line) for line in out.splitlines()]

    def through(self, login):
        return f"socks5={login}@127.0.0.1:{self.proxy.port} helo=by-proxy.example.org"

    def test_by_proxy(self):
        result, = self.check("--egress", self.through("knock:wrong"), "anyone@everyone.example")
        self.assertEqual(result["reason"], "connect_failed", "a wrong password: nobody was asked")
        self.assertIn("refused user and password", json.dumps(result))
        self.assertGreater(self.proxy.refused, 0)
        result, = self.check("--egress", self.through("knock:letmeout"), "anyone@everyone.example")
        self.assertEqual((result["status"], result["reason"]), ("catch_all", "accepts_all"))
        self.assertIn("EHLO by-proxy.example.org", json.dumps(result))
        self.assertIn(int(self.lab.port), {port for _, port in self.proxy.asked})

    def test_dead_proxy_is_about_us(self):
        with socket.create_server(("127.0.0.1", 0)) as nobody:
            port = nobody.getsockname()[1]
        result, = self.check("--egress", f"socks5=127.0.0.1:{port}", "anyone@everyone.example")
        self.assertEqual(result["reason"], "connect_failed")
        self.assertIn("SOCKS proxy can't be reached", json.dumps(result))

    def test_a_site_stays_with_one(self):
        identities = []
        for n in (1, 2, 3):
            identities += ["--egress", f"source-ip=127.0.0.{10 + n} helo=probe{n}.example.org"]
        customers = (ROOT / "examples/customers.csv").read_text(encoding="utf-8")
        addresses = sorted(set(re.findall(r"[^,;\s\"]+@[a-z.]+example\b", customers)))[:60]
        self.assertGreater(len(addresses), 30)
        met = collections.defaultdict(set)
        for result in self.check("--patience", "quick", *identities, "--", *addresses):
            for name in re.findall(r"EHLO (probe\d\.example\.org)", json.dumps(result)):
                met[result["smtp"]["ip"]].add(name)
        self.assertTrue(all(len(names) == 1 for names in met.values()), met)
        self.assertEqual(len(set.union(*met.values())), 3, "all three are used")

    def test_what_is_wrong_is_said(self):
        for words, wanted in (("helo=a.example.org", b"neither source-ip= nor socks5="),
                              ("source-ip=300.1.1.1", b"is no IP address"),
                              ("socks5=1.2.3.4:99999", b"is not IP:PORT"),
                              ("source-ip=127.0.0.1 color=red", b"none of source-ip="),
                              ("source-ip=127.0.0.1 helo=localhost", b"helo=localhost")):
            status, _, err = run("check", "--egress", words, "a@example.org")
            self.assertEqual(status, 2)
            self.assertIn(wanted, b" ".join(err.split()))
        status, _, err = run("check", "--egress", "socks5=who:hush@nowhere", "a@example.org")
        self.assertEqual(status, 2)
        self.assertNotIn(b"hush", err, "passwords stay out of messages")
        same = "source-ip=127.0.0.1"
        status, _, err = run("check", "--egress", same, "--egress", same, "a@example.org")
        self.assertEqual(status, 2)
        self.assertIn(b"same way", b" ".join(err.split()))

    def test_no_password_is_shown(self):
        status, out, _ = run("config", "show", "--egress", self.through("knock:hush"))
        self.assertEqual(status, 0)
        self.assertIn(b"egress = (secret)", out)
        self.assertNotIn(b"hush", out)


if __name__ == "__main__":
    sys.argv[1:] = sys.argv[2:]
    unittest.main(verbosity=2)
