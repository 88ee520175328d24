"""Webhooks as their receivers meet them: called, signed, tried again, kept out of other networks.

webhook_test.py PROGRAM
"""
import contextlib
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import signal
import sqlite3
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from program import ROOT, lab  # noqa: E402
from service import Case, Service, multipart, served  # noqa: E402

WORLD = """set patience quick
domain slow.example
  mx 10 mx.slow.example
server mx.slow.example 127.9.4.1
  mailbox u*
  behave delay rcpt 300ms
""" + "".join(f"""domain quick{n}.example
  mx 10 mx.quick{n}.example
server mx.quick{n}.example 127.9.4.{n + 10}
  mailbox u*
""" for n in range(8))  # a site each: none has to wait for another test's
SECRET = "a secret of the list's maker"


class Receiver:
    """Somebody's web server: keeps what it is told, answers as it is told to."""

    def __init__(self):
        self.calls, self.statuses = [], []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.calls.append((self.path, dict(self.headers), body))
                status = outer.statuses.pop(0) if outer.statuses else 204
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", f"http://127.0.0.1:{outer.port}/moved")
                self.send_header("Content-Length", "0" if status == 204 else "4")
                self.end_headers()
                if status != 204:
                    self.wfile.write(b"sour")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def url(self, path="/in"):
        return f"http://127.0.0.1:{self.port}{path}"

    def events(self, path="/in"):
        return [json.loads(body) for at, _, body in self.calls if at == path]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def is_signed(headers, body, secret):
    stamp, *digests = headers["X-Mailknock-Signature"].split(",")
    wanted = hmac.new(secret.encode(), stamp[2:].encode() + b"." + body, hashlib.sha256)
    return f"v1={wanted.hexdigest()}" in digests


STACK = contextlib.ExitStack()
LAB = SERVICE = None


def setUpModule():
    global LAB, SERVICE
    LAB = STACK.enter_context(lab(WORLD))
    SERVICE = STACK.enter_context(served(LAB.config))


def tearDownModule():
    STACK.close()


class WebhookCase(Case):
    def setUp(self):
        self.receiver = Receiver()
        self.addCleanup(self.receiver.close)

    def make(self, service=None, path="/in", **body):
        service = service or SERVICE
        answer = service.post("/v1/webhooks", {"url": self.receiver.url(path), **body})
        self.assertEqual(answer.status, 201, answer.body)
        made = answer.json()
        hook = made["details"]["id"]
        self.addCleanup(lambda: service.process.poll() is None
                        and service.call("DELETE", f"/v1/webhooks/{hook}"))
        return hook, made["secret"]

    def wait_for(self, count, path="/in"):
        self.until(lambda: len(self.receiver.events(path)) >= count)
        return self.receiver.events(path)

    @contextlib.contextmanager
    def store(self, folder):
        path = pathlib.Path(folder) / "data" / "mailknock.db"
        with contextlib.closing(sqlite3.connect(path, timeout=20)) as db, db:
            yield db

    @staticmethod
    def owe(db, made):
        """A list that is over and not announced."""
        db.execute("INSERT OR REPLACE INTO note (kind, id, body, until_ms)"
                   " VALUES ('announce', ?, ?, 0)",
                   (f"{int(made):020}", b"evt_abcdefghijklmnop"))

    def deliveries(self, hook):
        return SERVICE.get(f"/v1/webhooks/{hook}/deliveries").json()["items"]


class Telling(WebhookCase):
    def test_a_list_that_is_done(self):
        hook, secret = self.make()
        made = SERVICE.upload(b"u1@quick0.example\nu2@quick0.example\n", options={"name": "two"})
        event, = self.wait_for(1)
        self.assertEqual(event["event"], "list.finished")
        self.assertEqual(event["data"]["id"], made["id"])
        self.assertEqual((event["data"]["state"], event["data"]["done"]), ("done", 2))
        _, headers, body = self.receiver.calls[0]
        self.assertTrue(is_signed(headers, body, secret))
        self.assertFalse(is_signed(headers, body, secret + "x"))
        self.assertEqual(headers["X-Mailknock-Event"], "list.finished")
        self.assertEqual(headers["Content-Type"], "application/json")
        self.until(lambda: self.deliveries(hook)[0]["state"] == "delivered")
        told = self.deliveries(hook)[0]
        self.assertEqual(told["id"], headers["X-Mailknock-Delivery"])
        self.assertEqual(told["tries"][0]["status"], 204)
        self.assertNotIn("payload", told)
        whole = SERVICE.get(f"/v1/webhooks/{hook}/deliveries/{told['id']}").json()
        self.assertEqual(json.loads(whole["payload"]), event)

    def test_a_list_that_is_cancelled(self):
        self.make(events=["list.cancelled"])
        made = SERVICE.upload("".join(f"u{i}@slow.example\n" for i in range(200)).encode())
        self.assertEqual(SERVICE.post(f"/v1/lists/{made['id']}/cancel").status, 200)
        event, = self.wait_for(1)
        self.assertEqual((event["event"], event["data"]["id"]), ("list.cancelled", made["id"]))
        ready = SERVICE.upload(b"u1@slow.example\n", options={"start": False})
        SERVICE.wait(ready["id"], ("ready",))
        self.assertEqual(SERVICE.post(f"/v1/lists/{ready['id']}/cancel").status, 200)
        self.assertEqual(self.wait_for(2)[1]["data"]["id"], ready["id"])

    def test_an_answer_nobody_could_wait_for(self):
        self.make(events=["verify.finished"])
        answer = SERVICE.post("/v1/verify", {"address": "u77@quick1.example", "timeout_ms": 0}).json()
        self.assertTrue(answer["pending"])
        event, = self.wait_for(1)
        self.assertEqual(event["event"], "verify.finished")
        self.assertEqual((event["data"]["address"], event["data"]["status"]),
                         ("u77@quick1.example", "valid"))
        # Who got an answer is told no second time.
        SERVICE.post("/v1/verify", {"address": "u78@quick1.example"})
        self.assertEqual(len(self.receiver.calls), 1)

    def test_of_one_key(self):
        key, key_id = SERVICE.make_key(name="theirs", scopes=["lists"])
        hook, _ = self.make(key=key_id)
        SERVICE.wait(SERVICE.upload(b"u3@quick2.example\n")["id"])
        self.assertEqual(self.receiver.calls, [])
        answer = SERVICE.post("/v1/lists", *multipart(b"u4@quick3.example\n", "a.csv"), key=key)
        self.assertEqual(self.wait_for(1)[0]["data"]["id"], answer.json()["id"])
        self.assertEqual(SERVICE.call("DELETE", f"/v1/keys/{key_id}").status, 204)
        self.problem(SERVICE.get(f"/v1/webhooks/{hook}"), 404, "no_such_webhook")
        self.problem(SERVICE.post("/v1/webhooks", {"url": self.receiver.url(), "key": key_id}),
                     422, "no_such_key")

    def test_of_one_list(self):
        options = {"webhook": self.receiver.url("/mine"), "webhook_secret": SECRET}
        made = SERVICE.upload(b"u5@quick4.example\n", options=options)
        self.assertEqual(made["options"]["webhook"], options["webhook"])
        self.assertNotIn(SECRET, SERVICE.get(f"/v1/lists/{made['id']}").body.decode())
        event, = self.wait_for(1, "/mine")
        self.assertEqual(event["data"]["id"], made["id"])
        self.assertNotIn(SECRET, json.dumps(event))
        _, headers, body = self.receiver.calls[0]
        self.assertTrue(is_signed(headers, body, SECRET))
        own = [hook for hook in SERVICE.get("/v1/webhooks").json()["items"]
               if hook["list"] == made["id"]]
        self.assertEqual(len(own), 1)
        self.assertEqual(SERVICE.call("DELETE", f"/v1/lists/{made['id']}").status, 204)
        self.until(lambda: SERVICE.get(f"/v1/webhooks/{own[0]['id']}").status == 404)

    def test_of_a_list_whose_maker_was_killed(self):
        """After the list was made, before its webhook was: sent again, the request makes that, too."""
        data, kind = multipart(b"u6@quick4.example\n", "a.csv", {
            "depth": "syntax", "webhook": self.receiver.url("/late"), "webhook_secret": SECRET})
        head = {**kind, "Idempotency-Key": "killed"}

        def own():
            return [hook["id"] for hook in SERVICE.get("/v1/webhooks").json()["items"]
                    if hook["list"] == made["id"]]

        made = SERVICE.post("/v1/lists", data, head).json()
        hook, = own()
        self.assertEqual(SERVICE.call("DELETE", f"/v1/webhooks/{hook}").status, 204)
        path = SERVICE.folder / "data" / "mailknock.db"
        with contextlib.closing(sqlite3.connect(path, timeout=20)) as db, db:
            sources, = db.execute("SELECT sources FROM job WHERE id = ?", (made["id"],)).fetchone()
            token = json.loads(sources)["file"].removesuffix(".csv")
            (note, body), = [(note, body) for note, body in db.execute(
                "SELECT id, body FROM note WHERE kind = 'idempotency'")
                if body.decode().split()[1:] == [str(made["id"])]]
            db.execute("UPDATE note SET body = ? WHERE kind = 'idempotency' AND id = ?",
                       (body.split()[0] + b" begun " + token.encode(), note))
        for _ in range(2):
            again = SERVICE.post("/v1/lists", data, head)
            self.assertEqual((again.status, again.json()["id"]), (201, made["id"]))
            self.assertEqual(again.headers["Idempotency-Replayed"], "true")
            self.assertEqual(len(own()), 1)

    def test_what_a_list_may_name(self):
        for options in ({"webhook": self.receiver.url()},
                        {"webhook": self.receiver.url(), "webhook_secret": "short"},
                        {"webhook_secret": SECRET},
                        {"webhook": "http://10.0.0.1/", "webhook_secret": SECRET}):
            answer = SERVICE.post("/v1/lists", *multipart(b"u@slow.example\n", "a.csv", options))
            self.problem(answer, 422)


class Again(WebhookCase):
    def test_tried_again_and_replayed(self):
        self.receiver.statuses = [500]
        hook, _ = self.make()
        sent = SERVICE.post(f"/v1/webhooks/{hook}/test")
        self.assertEqual(sent.status, 202)
        self.assertEqual(sent.json()["state"], "pending")
        self.until(lambda: self.deliveries(hook)[0]["attempts"] == 1)
        waiting = self.deliveries(hook)[0]
        self.assertEqual((waiting["state"], waiting["tries"][0]["status"],
                          waiting["tries"][0]["answer"]), ("pending", 500, "sour"))
        self.assertIsNotNone(waiting["next_at"])
        path = f"/v1/webhooks/{hook}/deliveries/{waiting['id']}"
        self.problem(SERVICE.post(path + "/replay"), 409, "busy")
        self.until(lambda: self.deliveries(hook)[0]["state"] == "delivered")
        self.assertEqual(self.deliveries(hook)[0]["attempts"], 2)
        self.assertEqual(SERVICE.post(path + "/replay").status, 202)
        self.until(lambda: len(self.receiver.calls) == 3)
        self.assertEqual(len({headers["X-Mailknock-Delivery"]
                              for _, headers, _ in self.receiver.calls}), 1)

    def test_redirects_lead_nowhere(self):
        self.receiver.statuses = [302]
        hook, _ = self.make()
        SERVICE.post(f"/v1/webhooks/{hook}/test")
        self.until(lambda: self.deliveries(hook)[0]["attempts"] == 1)
        self.assertEqual(self.deliveries(hook)[0]["tries"][0]["status"], 302)
        self.assertEqual(self.receiver.events("/moved"), [])

    def test_a_new_secret(self):
        hook, old = self.make()
        new = SERVICE.post(f"/v1/webhooks/{hook}/secret").json()["secret"]
        self.assertNotEqual(new, old)
        SERVICE.post(f"/v1/webhooks/{hook}/test")
        self.wait_for(1)
        _, headers, body = self.receiver.calls[0]
        self.assertTrue(is_signed(headers, body, new) and is_signed(headers, body, old))

    def test_paging(self):
        hook, _ = self.make()
        ids = [SERVICE.post(f"/v1/webhooks/{hook}/test").json()["id"] for _ in range(5)]
        seen, cursor = [], ""
        while True:
            page = SERVICE.get(f"/v1/webhooks/{hook}/deliveries?limit=2&cursor={cursor}").json()
            seen += [item["id"] for item in page["items"]]
            cursor = page["next"]
            if cursor is None:
                break
        self.assertEqual(sorted(seen), sorted(ids))
        self.assertEqual(seen, sorted(seen))

    def test_survives_a_kill(self):
        with tempfile.TemporaryDirectory(prefix="mk-hook-") as folder:
            first = Service(LAB.config, folder)
            self.receiver.statuses = [503]
            self.make(first, events=["list.finished"])
            first.wait(first.upload(b"u9@quick5.example\n")["id"])
            self.until(lambda: len(self.receiver.calls) == 1)
            first.close(signal.SIGKILL)
            second = Service(LAB.config, folder, key=first.key)
            try:
                self.until(lambda: len(self.receiver.calls) == 2)
                self.assertEqual(self.receiver.calls[0][2], self.receiver.calls[1][2])
            finally:
                self.assertEqual(second.close(), 0)


    def test_ended_before_its_own_webhook_was_there(self):
        """Its maker was killed in between: it is told when the request comes again, by the same id."""
        data, kind = multipart(b"u6@quick4.example\n", "a.csv", {
            "depth": "syntax", "webhook": self.receiver.url("/own"), "webhook_secret": SECRET})
        head = {**kind, "Idempotency-Key": "killed"}
        with tempfile.TemporaryDirectory(prefix="mk-hook-") as folder:
            first = Service(LAB.config, folder)
            self.make(first, path="/all")
            made = first.post("/v1/lists", data, head).json()
            first.wait(made["id"])
            self.wait_for(1, "/all"), self.wait_for(1, "/own")
            first.close(signal.SIGKILL)
            with self.store(folder) as db:
                db.execute("DELETE FROM note WHERE kind = 'webhook'"
                           " AND CAST(body AS TEXT) LIKE '%/own%'")
                (token,), (asked,) = (db.execute(f"SELECT {what} FROM note WHERE kind = ?",
                                                 (of,)).fetchone()
                                      for what, of in (("id", "list-token"), ("body", "idempotency")))
                db.execute("UPDATE note SET body = ? WHERE kind = 'idempotency'",
                           (asked.split()[0] + b" begun " + token.encode(),))
                self.owe(db, made["id"])
            second = Service(LAB.config, folder, key=first.key)
            try:
                told = self.wait_for(2, "/all")
                self.assertEqual(told[1]["id"], "evt_abcdefghijklmnop")
                self.assertEqual(len(self.receiver.events("/own")), 1)
                for _ in range(2):
                    self.assertEqual(second.post("/v1/lists", data, head).json()["id"], made["id"])
                self.assertEqual(self.wait_for(2, "/own")[1]["id"], told[1]["id"])
                with self.store(folder) as db:
                    self.assertEqual(db.execute("SELECT * FROM note WHERE kind = 'announce'")
                                     .fetchall(), [])
                self.assertEqual(len(self.receiver.events("/all")), 2)
            finally:
                self.assertEqual(second.close(), 0)

    def test_told_twice_by_the_same_id_and_not_after_months(self):
        """Killed when its deliveries were noted, and before it was noted that they are."""
        with tempfile.TemporaryDirectory(prefix="mk-hook-") as folder:
            first = Service(LAB.config, folder)
            self.make(first, path="/all")
            lists = [first.upload(f"u{n}@quick4.example\n".encode(), options={"depth": "syntax"})["id"]
                     for n in (1, 2)]
            self.wait_for(2, "/all")
            first.close(signal.SIGKILL)
            ids = []
            for old in (None, lists[0]):
                with self.store(folder) as db:
                    for made in lists:
                        self.owe(db, made)
                    db.execute("UPDATE job SET finished_ms = finished_ms - 31 * 86400000 WHERE id = ?",
                               (old,))
                service = Service(LAB.config, folder, key=first.key)
                ids = [(event["data"]["id"], event["id"])
                       for event in self.wait_for(4 if old is None else 5, "/all")]
                with self.store(folder) as db:
                    self.assertEqual(db.execute("SELECT * FROM note WHERE kind = 'announce'")
                                     .fetchall(), [])
                self.assertEqual(service.close(), 0)
            same = "evt_abcdefghijklmnop"
            self.assertEqual(sorted(ids[2:4]), sorted((made, same) for made in lists))
            self.assertEqual(ids[4:], [(lists[1], same)])


class Administration(WebhookCase):
    def test_change_and_remove(self):
        hook, secret = self.make(events=["list.failed"])
        path = f"/v1/webhooks/{hook}"
        for answer in (SERVICE.get(path), SERVICE.get("/v1/webhooks")):
            self.assertNotIn(secret, answer.body.decode())
        changed = SERVICE.call("PATCH", path, {"active": False, "events": ["list.finished"]}).json()
        self.assertEqual((changed["active"], changed["events"]), (False, ["list.finished"]))
        self.problem(SERVICE.post(path + "/test"), 409, "inactive")
        SERVICE.wait(SERVICE.upload(b"u6@quick6.example\n")["id"])
        self.assertEqual(self.receiver.calls, [])
        self.assertEqual(SERVICE.call("DELETE", path).status, 204)
        self.problem(SERVICE.get(path), 404, "no_such_webhook")
        events = {entry["event"] for entry in SERVICE.get("/v1/audit").json()["items"]}
        self.assertLessEqual({"webhook_made", "webhook_changed", "webhook_removed"}, events)

    def test_nonsense(self):
        for body, code in (({}, "no_url"), ({"url": 5}, "bad_type"),
                           ({"url": self.receiver.url(), "events": []}, "bad_events"),
                           ({"url": self.receiver.url(), "events": ["list.opened"]}, "bad_events"),
                           ({"url": self.receiver.url(), "color": "red"}, "unknown_member")):
            self.problem(SERVICE.post("/v1/webhooks", body), 422, code)
        hook, _ = self.make()
        self.problem(SERVICE.get(f"/v1/webhooks/{hook}/deliveries/none"), 404)
        self.problem(SERVICE.post(f"/v1/webhooks/{hook}/deliveries/none/replay"), 404)
        self.problem(SERVICE.get("/v1/webhooks/99999/deliveries"), 404, "no_such_webhook")

    def test_where_nobody_may_be_called(self):
        for url in ("http://10.0.0.1/", "http://192.168.1.1/", "http://[fd00::1]/",
                    "http://169.254.169.254/latest/meta-data/", "http://[::ffff:10.0.0.1]/",
                    "ftp://hooks.example/", "file:///etc/passwd", "https://a:b@hooks.example/",
                    "https://hooks.example:25/", "hooks.example"):
            self.problem(SERVICE.post("/v1/webhooks", {"url": url}), 422, "bad_url")

    def test_names_that_lead_home(self):
        """The name passes; the address behind it (not in --allow-net) is refused when called."""
        config = pathlib.Path(LAB.config).read_text(encoding="utf-8")
        with tempfile.NamedTemporaryFile("w", suffix=".conf", encoding="utf-8") as file:
            file.write("\n".join(line for line in config.splitlines()
                                 if not line.startswith("allow-net")) + "\n")
            file.flush()
            with served(file.name) as closed:
                self.problem(closed.post("/v1/webhooks", {"url": self.receiver.url()}), 422,
                             "bad_url")
                made = closed.post("/v1/webhooks",
                                   {"url": f"http://localhost:{self.receiver.port}/in"}).json()
                path = f"/v1/webhooks/{made['details']['id']}"
                closed.post(path + "/test")
                self.until(lambda: closed.get(path + "/deliveries").json()["items"][0]["attempts"])
                told = closed.get(path + "/deliveries").json()["items"][0]["tries"][0]
                self.assertIsNone(told["status"])
                self.assertIn("loopback", told["error"])
        self.assertEqual(self.receiver.calls, [])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]] + sys.argv[2:])
