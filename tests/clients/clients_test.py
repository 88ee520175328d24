#!/usr/bin/env python3
"""The clients for Python and JavaScript against a running service, and what they call against its description.

    clients_test.py PROGRAM
"""
import hashlib
import hmac
import http.server
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
from program import ROOT, lab  # noqa: E402
from service import served  # noqa: E402

sys.path.insert(0, str(ROOT / "clients/python"))
import mailknock  # noqa: E402

PEOPLE = "name,email\nAmara,amara.okafor.demo@gmail.com\nNobody,nobody.demo@gmail.com\nOdd,a..b@example.org\n"
DOCUMENTED = json.loads((ROOT / "web/openapi.json").read_text(encoding="utf-8"))["paths"]
SECRET = "whsec_of-the-test-and-long-enough"


def documented(method, path):
    """The operation of openapi.json that a call is one of."""
    for template, operations in DOCUMENTED.items():
        pattern = re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path) and method.lower() in operations:
            return f"{method} {template}"
    raise AssertionError(f"not in openapi.json: {method} {path}")


class Recorded(mailknock.Client):
    calls: set = set()

    def _open(self, method, path, *rest, **more):
        self.calls.add(documented(method, path))
        return super()._open(method, path, *rest, **more)


def sign(secret, body, stamp):
    digest = hmac.new(secret.encode(), str(stamp).encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={digest}"


class Python(unittest.TestCase):
    """Beside a service; `open` is set by main."""
    service = None

    def client(self, key=None, **more):
        return Recorded(f"http://127.0.0.1:{self.service.port}", key or self.service.key, **more)

    def test_single(self):
        client = self.client()
        result = client.verify("amara.okafor.demo@gmail.com", profile="zerobounce")
        self.assertEqual((result["status"], result["reason"]), ("valid", "accepted"))
        self.assertEqual(result["profile"]["status"], "valid")
        self.assertEqual(client.verify("a..b@example.org", depth="syntax")["syntax"]["offset"], 2)
        self.assertTrue(client.verify("amara.okafor.demo@gmail.com", evidence=True, fresh=True,
                                      idempotency_key="once")["evidence"])
        meaning = client.classify(["550 5.1.1 no such user", {"reply": "450 Greylisted", "stage": "rcpt"}])
        self.assertEqual([each["class"] for each in meaning], ["mailbox_not_found", "greylisted"])

    def test_lists(self):
        client, seen = self.client(), []
        with tempfile.TemporaryDirectory(prefix="mk-client-") as folder:
            path = pathlib.Path(folder, 'people "1".csv')
            path.write_text(PEOPLE, encoding="ascii")
            made = client.create_list(path=path, name="by path", idempotency_key="a", column="email")
            again = client.create_list(path=path, name="by path", idempotency_key="b")
            done = client.wait(made["id"], timeout=60, interval=0.1, progress=seen.append)
            self.assertEqual((done["name"], done["rows"], done["done"]), ("by path", 3, 3))
            self.assertEqual(seen[-1], done)
            rows = list(client.results(made["id"], page=1))
            self.assertEqual([row["status"] for row in rows], ["valid", "invalid", "invalid"])
            self.assertEqual([row["row"] for row in client.results(made["id"], reason="bad_syntax")], [3])
            self.assertEqual(client.result(made["id"], 1)["address"], "amara.okafor.demo@gmail.com")
            out = pathlib.Path(folder, "out.csv")
            client.export(made["id"], out, preset="safe", columns="status")
            self.assertEqual(out.read_text(encoding="utf-8").replace("\r", ""),
                             "name,email,mk_status\nAmara,amara.okafor.demo@gmail.com,valid\n")
            self.assertLessEqual({made["id"], again["id"]}, {each["id"] for each in client.lists()})
            client.wait(again["id"], timeout=60, interval=0.1)
            client.recheck(made["id"], rows=[1])
            client.wait(made["id"], timeout=60, interval=0.1)
        for each in (made, again):
            client.delete_list(each["id"])
        with self.assertRaises(mailknock.NotFound):
            for _ in range(100):  # it is removed behind the answer
                client.get_list(made["id"])
                time.sleep(0.05)

    def test_addresses_and_states(self):
        client = self.client()
        made = client.create_list(addresses=["a..b@example.org", "nobody.demo@gmail.com"], name="two", start=False)
        with self.assertRaises(TimeoutError):
            client.wait(made["id"], timeout=0.2, interval=0.1)
        client.pause(made["id"])
        client.cancel(made["id"])
        with self.assertRaises(mailknock.ListFailed) as caught:
            client.wait(made["id"], timeout=60, interval=0.1)
        self.assertEqual(caught.exception.code, "cancelled")
        with self.assertRaises(mailknock.Conflict):
            client.pause(made["id"])
        client.resume(made["id"])
        self.assertEqual(client.wait(made["id"], timeout=60, interval=0.1)["done"], 2)
        client.delete_list(made["id"])

    def test_errors(self):
        weak, _ = self.service.make_key(name="weak", scopes=["verify"], per_minute=2)
        for key, kind, status, code in (("mk_wrong", mailknock.Unauthorized, 401, None),
                                        (weak, mailknock.Forbidden, 403, "wrong_scope")):
            with self.assertRaises(kind) as caught:
                self.client(key).get_list("1")
            self.assertEqual(caught.exception.status, status)
            self.assertTrue(caught.exception.code and caught.exception.detail)
            if code:
                self.assertEqual(caught.exception.code, code)
        with self.assertRaises(mailknock.Invalid) as caught:
            self.client().verify("a@b.example", depth="deep")
        self.assertEqual(caught.exception.status, 422)
        with self.assertRaises(mailknock.RateLimited) as caught:
            for _ in range(5):
                self.client(weak).verify("a..b@example.org", depth="syntax")
        self.assertGreater(caught.exception.retry_after, 0)
        with self.assertRaises(mailknock.Unavailable):
            mailknock.Client("http://127.0.0.1:9", timeout=5).verify("a@b.example")
        with self.assertRaises(ValueError):
            mailknock.Client("127.0.0.1:8025")
        with self.assertRaises(ValueError):
            self.client().create_list()

    def test_webhook(self):
        body = b'{"event":"list.finished","data":{}}'
        header = sign(SECRET, body, 1000)
        self.assertEqual(mailknock.verify_signature(SECRET, header, body, now=1100)["event"], "list.finished")
        # Two keys while one is changed for another: any may fit.
        both = header.split(",")[0] + ",v1=" + "0" * 64 + "," + header.split(",")[1]
        mailknock.verify_signature(SECRET, both, body, now=1000)
        for secret, said, content, now in ((SECRET, header, body + b" ", 1000), ("other", header, body, 1000),
                                           (SECRET, header, body, 1301), (SECRET, header, body, 699),
                                           (SECRET, "", body, 1000), (SECRET, "t=1000", body, 1000),
                                           (SECRET, header.replace("t=1000", "t=1001"), body, 1000),
                                           (SECRET, "t=x," + header, body, 1000),
                                           (SECRET, "t=1000,v1=\u00e9", body, 1000)):
            with self.assertRaises(mailknock.BadSignature):
                mailknock.verify_signature(secret, said, content, now=now)

    def test_a_real_webhook(self):
        heard = []

        class Hook(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                heard.append((self.headers["X-Mailknock-Signature"], self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        hook = http.server.HTTPServer(("127.0.0.1", 0), Hook)
        threading.Thread(target=hook.serve_forever, daemon=True).start()
        try:
            made = self.client().create_list(addresses=["a..b@example.org"], webhook_secret=SECRET,
                                             webhook=f"http://127.0.0.1:{hook.server_address[1]}/")
            end = time.monotonic() + 60
            while not heard and time.monotonic() < end:
                time.sleep(0.05)
        finally:
            hook.shutdown()
            hook.server_close()
        self.assertEqual(mailknock.verify_signature(SECRET, *heard[0])["data"]["id"], made["id"])

    def test_javascript(self):
        if shutil.which("node") is None:
            self.skipTest("no node")
        weak, _ = self.service.make_key(name="weak", scopes=["verify"], per_minute=2)
        body = '{"event":"list.finished","data":{"name":"\u00e9"}}'
        given = {"base": f"http://127.0.0.1:{self.service.port}", "key": self.service.key, "weak": weak,
                 "people": PEOPLE, "secret": SECRET, "body": body, "header": sign(SECRET, body.encode(), 1000)}
        done = subprocess.run(["node", str(HERE / "client_test.mjs"), str(ROOT)], input=json.dumps(given),
                              capture_output=True, text=True, timeout=200)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        calls = {documented(*call) for call in json.loads(done.stdout.splitlines()[-1])}
        self.assertEqual(calls - Recorded.calls, set(), "what only the one client calls")
        type(self).javascript = calls

    def test_types_name_what_is_there(self):
        code = (ROOT / "clients/javascript/mailknock.js").read_text(encoding="utf-8")
        types = (ROOT / "clients/javascript/mailknock.d.ts").read_text(encoding="utf-8")
        exported = re.compile(r"^export (?:declare )?(?:async )?(?:class|function) (\w+)", re.M)
        self.assertEqual(sorted(exported.findall(code)), sorted(exported.findall(types)))
        methods = re.findall(r"^  (?:async )?\*?(\w+)\(.*\) \{", code.split("export class Client", 1)[1], re.M)
        declared = re.findall(r"^  (\w+)\(", types.split("declare class Client", 1)[1].split("\n}", 1)[0], re.M)
        self.assertEqual(sorted(methods), sorted(declared))


def main():
    with lab((ROOT / "examples/demo.scenario").read_text(encoding="utf-8")) as world:
        with served(world.config) as service:
            Python.service = service
            names = sorted(unittest.TestLoader().getTestCaseNames(Python), key=lambda n: (n == "test_javascript", n))
            result = unittest.TextTestRunner(verbosity=2).run(unittest.TestSuite(map(Python, names)))
    print(*sorted(Recorded.calls), sep="\n")
    if len(Recorded.calls) < 13:
        print("FAILED  not every call was made")
        return 1
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
