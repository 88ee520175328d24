"""The dialects of EmailVerify.io and Reacher, trap by trap: what their documentation and client
libraries say differently from each other is taken, and answered in their words.

dialects_test.py PROGRAM
"""
import contextlib
import csv
import io
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from program import ROOT, lab  # noqa: E402
from service import PATIENCE_S, Case, served  # noqa: E402

GOOD = "amara.okafor.demo@gmail.com"
ROLE = "sales@brightmail.example"
EXPECTED = ROOT / "examples" / "customers.expected.csv"

SLOW = """set patience quick
domain slow.example
  mx 10 mx.slow.example
server mx.slow.example 127.9.6.1
  mailbox u*
  behave delay rcpt 2s
"""

STACK = contextlib.ExitStack()
SERVICE = None
DEMO_LIST = []  # its id, once it was asked for


def setUpModule():
    global SERVICE
    world = STACK.enter_context(lab(ROOT / "examples" / "demo.scenario"))
    SERVICE = STACK.enter_context(served(world.config))


def tearDownModule():
    STACK.close()


def expectations():
    with EXPECTED.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def demo_list():
    """The id of the demo list, checked once for both dialects."""
    if not DEMO_LIST:
        made = SERVICE.post("/api/v1/validate-batch", {
            "key": SERVICE.key, "title": "demo",
            "email_batch": [{"address": row["email"]} for row in expectations()]}, key=None)
        DEMO_LIST.append(made.json()["task_id"])
    SERVICE.wait(DEMO_LIST[0], limit=2 * PATIENCE_S)
    return DEMO_LIST[0]


def slow_service():
    """One on which lists take a while."""
    stack = contextlib.ExitStack()
    world = stack.enter_context(lab(SLOW))
    return stack, stack.enter_context(served(world.config))


class EmailVerify(Case):
    def get(self, path, **query):
        query.setdefault("key", SERVICE.key)
        words = "&".join(f"{k}={str(v).replace('@', '%40')}" for k, v in query.items())
        return SERVICE.get(f"{path}?{words}", key=None)

    def test_validate(self):
        for path in ("/api/v1/validate", "/api/v1/validate/"):
            answer = self.get(path, email=GOOD)
            self.assertEqual((answer.status, answer.json()), (
                200, {"email": GOOD, "status": "valid", "sub_status": "permitted"}))
        bad = self.get("/api/v1/validate", email="no@@x").json()
        self.assertEqual((bad["status"], bad["sub_status"]), ("invalid", "failed_syntax_check"))
        answer = self.get("/api/v1/validate", email=GOOD, key="mk_no")
        self.assertEqual((answer.status, answer.json()), (401, {"error": "Invalid API Key"}))
        answer = self.get("/api/v1/validate")
        self.assertEqual((answer.status, answer.json()), (400, {"error": "Invalid Request"}))

    def test_skipped_and_doubtful_words(self):
        """Statuses are the six of the vendor, and a doubt is no verdict."""
        SERVICE.call("PUT", "/v1/operator-lists/opt_out", "gone@optout.example\n",
                     {"Content-Type": "text/plain"})
        self.addCleanup(SERVICE.call, "PUT", "/v1/operator-lists/opt_out", "",
                        {"Content-Type": "text/plain"})
        got = self.get("/api/v1/validate", email="gone@optout.example").json()
        self.assertEqual((got["status"], got["sub_status"]), ("skipped", "opt_out"))
        self.assertEqual(set(got), {"email", "status", "sub_status"})

    def test_account(self):
        answer = self.get("/api/v2/check-account-balance").json()
        self.assertIn("api_status", answer)
        self.assertGreater(answer["available_credits"], 0)
        self.assertGreater(self.get("/api/v1/check-account-balance/").json()["remaining_credits"], 0)
        self.assertTrue(self.get("/api/v1/validate-key").json()["valid"])

    def test_batch(self):
        batch = {"title": "t", "email_batch": [{"address": a} for a in (GOOD, "x", "x@@y", GOOD)]}
        for path, body in ((f"/api/v1/validate-batch?key={SERVICE.key}", batch),
                           ("/api/v1/validate-batch/", {**batch, "key": SERVICE.key})):
            answer = SERVICE.post(path, body, key=None)
            self.assertEqual(answer.status, 200, answer.body)
            made = answer.json()
            self.assertEqual(made["status"], "success")
            self.assertIsInstance(made["task_id"], int)
            self.assertEqual(made["count_submitted"], 4)
            for name in ("count_duplicates_removed", "count_rejected_emails", "count_processing"):
                self.assertIsInstance(made[name], int)
            task = self.task(made["task_id"])
            self.assertEqual((task["status"], task["progress_percentage"], task["name"]),
                             ("verified", 100, "t"))
            self.assertEqual((task["count_checked"], task["count_total"]), (4, 4))
            rows = task["results"]["email_batch"]
            self.assertEqual(rows[0], {"address": GOOD, "status": "valid", "sub_status": "permitted"})
            self.assertEqual([r["address"] for r in rows], [GOOD, "x", "x@@y", GOOD])
        answer = SERVICE.post("/api/v1/validate-batch", {**batch, "key": "mk_x"}, key=None)
        self.assertEqual((answer.status, answer.json()), (401, {"error": "Invalid API Key"}))
        many = {"title": "t", "key": SERVICE.key, "email_batch": [{"address": "x"}] * 5001}
        self.assertEqual(SERVICE.post("/api/v1/validate-batch", many, key=None).status, 400)
        self.assertEqual(self.get("/api/v1/get-result-bulk-verification-task",
                                  task_id="9999").status, 400)

    def task(self, task_id):
        until = time.monotonic() + PATIENCE_S
        while True:
            answer = self.get("/api/v1/get-result-bulk-verification-task", task_id=task_id)
            self.assertEqual(answer.status, 200, answer.body)
            task = answer.json()
            if task["status"] == "verified":
                return task
            self.assertEqual((task["status"], task["results"]), ("queued", None))
            self.assertLess(time.monotonic(), until)
            time.sleep(0.1)

    def errors(self, answer, status, text):
        self.assertEqual((answer.status, answer.json()), (status, {"error": text}))
        self.assertEqual(answer.type, "application/json")

    def test_every_status_of_the_vendor(self):
        """Our expectations of the demo list, in their words; the statuses are their seven."""
        expected = expectations()
        words = {"valid": {"valid", "role_based"}, "catch_all": {"catch_all"},
                 "do_not_mail": {"do_not_mail"}, "invalid": {"invalid"}, "unknown": {"unknown"},
                 "skipped": {"skipped"}}
        subs = {"permitted", "failed_syntax_check", "mailbox_not_found", "mailbox_quota_exceeded",
                "no_dns_entries", "disposable", "opt_out", "blocked_domain", "none"}
        rows = self.task(demo_list())["results"]["email_batch"]
        self.assertEqual(len(rows), len(expected))
        for row, want in zip(rows, expected):
            self.assertEqual(set(row), {"address", "status", "sub_status"})
            self.assertIn(row["status"], words[want["status"]], (row, want))
            self.assertIn(row["sub_status"], subs)
            if row["status"] in ("valid", "role_based"):
                self.assertEqual(row["sub_status"], "permitted")
        self.assertEqual([r["status"] for r in rows if r["address"] == ROLE], ["role_based"])
        full = [r for r, want in zip(rows, expected) if want["reason"] == "mailbox_full"]
        self.assertEqual({(r["status"], r["sub_status"]) for r in full},
                         {("do_not_mail", "mailbox_quota_exceeded")})

    def test_forms_of_a_batch(self):
        # No title; addresses as plain strings; the task's id as text, and with a slash behind.
        body = {"key": SERVICE.key, "email_batch": [GOOD]}
        made = SERVICE.post("/api/v1/validate-batch", body, key=None).json()
        self.task(str(made["task_id"]))
        path = "/api/v1/get-result-bulk-verification-task/"
        self.assertEqual(self.get(path, task_id=made["task_id"]).json()["task_id"], made["task_id"])
        # The key in the query wins over nothing in the body, and is not asked for twice.
        with_key = SERVICE.post(f"/api/v1/validate-batch/?key={SERVICE.key}",
                                {"email_batch": [{"address": GOOD, "name": "more is let be"}]},
                                key=None)
        self.assertEqual(with_key.status, 200)
        # The largest that may be.
        most = [{"address": f"u{n}@nowhere.invalid"} for n in range(5000)]
        made = SERVICE.post("/api/v1/validate-batch", {"key": SERVICE.key, "email_batch": most},
                            key=None)
        self.assertEqual((made.status, made.json()["count_submitted"]), (200, 5000))

    def test_what_is_no_batch(self):
        path = f"/api/v1/validate-batch?key={SERVICE.key}"
        for body in ({}, {"email_batch": []}, {"email_batch": "x"}, {"email_batch": [1]},
                     {"email_batch": [{"email": GOOD}]}, [], "no json"):
            with self.subTest(body):
                answer = SERVICE.post(path, body if body != "no json" else b"{",
                                      {"Content-Type": "application/json"}, key=None)
                self.errors(answer, 400, "Invalid Request")
        for task in ("", "x", "-1", "0", "1e3", "99999999999999999999"):
            with self.subTest(task):
                self.errors(self.get("/api/v1/get-result-bulk-verification-task", task_id=task),
                            400, "Invalid Request")

    def test_errors_are_the_vendors(self):
        lists_only, _ = SERVICE.make_key(name="l", scopes=["lists"])
        seldom, _ = SERVICE.make_key(name="s", scopes=["verify", "lists"], per_minute=1)
        path = "/api/v1/validate"
        self.errors(self.get(path, email=GOOD, key=""), 401, "Invalid API Key")
        self.errors(SERVICE.get(path, key=None), 401, "Invalid API Key")
        self.errors(self.get(path, email=GOOD, key=lists_only), 403, "This API Key May Not Do That")
        self.assertEqual(self.get(path, email=GOOD, key=seldom).status, 200)
        again = self.get("/api/v2/check-account-balance", key=seldom)
        self.errors(again, 429, "Please Try Again")
        self.assertGreater(int(again.headers["Retry-After"]), 0)

    def test_an_unfinished_task(self):
        stack, service = slow_service()
        with stack:
            made = service.post("/api/v1/validate-batch", {
                "key": service.key, "title": "slow",
                "email_batch": [{"address": f"u{n}@slow.example"} for n in range(40)]}, key=None)
            number = made.json()["task_id"]
            path = f"/api/v1/get-result-bulk-verification-task?key={service.key}&task_id={number}"
            now = service.get(path, key=None).json()
            self.assertEqual((now["status"], now["results"], now["name"]), ("queued", None, "slow"))
            self.assertIsInstance(now["progress_percentage"], int)
            self.assertLess(now["progress_percentage"], 100)
            # Stopped by somebody else: whoever polls must not wait for ever.
            self.assertEqual(service.post(f"/v1/lists/{number}/cancel").status, 200)
            service.wait(number, ("cancelled",))
            now = service.get(path, key=None).json()
            self.assertEqual(now["status"], "verified")
            rows = now["results"]["email_batch"]
            self.assertEqual(len(rows), 40)
            self.assertIn({"address": "u39@slow.example", "status": "skipped",
                           "sub_status": "none"}, rows)


class Reacher(Case):
    def call(self, method, path, body=None):
        return SERVICE.call(method, path, body, key=None,
                            headers={"x-reacher-secret": SERVICE.key})

    def test_check(self):
        for path in ("/v0/check_email", "/v1/check_email"):
            answer = self.call("POST", path, {"to_email": GOOD, "from_email": "a@b.example",
                                              "hello_name": "b.example"})
            self.assertEqual(answer.status, 200, answer.body)
            got = answer.json()
            self.assertEqual((got["input"], got["is_reachable"]), (GOOD, "safe"))
            self.assertIs(got["syntax"]["is_valid_syntax"], True)
            self.assertEqual(got["syntax"]["domain"], "gmail.com")
            self.assertIs(got["smtp"]["is_deliverable"], True)
            self.assertIs(got["mx"]["accepts_mail"], True)
            self.assertIs(got["misc"]["is_disposable"], False)
        bad = self.call("POST", "/v0/check_email", {"to_email": "x"}).json()
        self.assertEqual((bad["is_reachable"], bad["syntax"]["is_valid_syntax"]), ("invalid", False))
        self.assertEqual(self.call("POST", "/v0/check_email", {}).status, 400)
        self.assertIn("version", SERVICE.get("/version", key=None).json())

    def test_the_key_without_a_scheme(self):
        """As @reacherhq/api sends it."""
        for key, status in ((SERVICE.key, 200), ("mk_" + "x" * 32, 401), ("test_api_token", 401)):
            answer = SERVICE.call("POST", "/v0/check_email", {"to_email": GOOD}, key=None,
                                  headers={"Authorization": key})
            self.assertEqual(answer.status, status, answer.body)

    def test_bulk(self):
        for version in ("v0", "v1"):
            with self.subTest(version):
                self.bulk(version)

    def bulk(self, version):
        answer = self.call("POST", f"/{version}/bulk", {"input": [GOOD, "x", GOOD]})
        self.assertEqual(answer.status, 200, answer.body)
        job = answer.json()["job_id"]
        until = time.monotonic() + PATIENCE_S
        while (now := self.call("GET", f"/{version}/bulk/{job}").json())["job_status"] != "Completed":
            self.assertEqual(now["job_status"], "Running")
            self.assertLess(time.monotonic(), until)
            time.sleep(0.1)
        self.assertEqual((now["total_records"], now["total_processed"]), (3, 3))
        self.assertEqual(sum(now["summary"].values()), 3)
        results = self.call("GET", f"/{version}/bulk/{job}/results?limit=2&offset=1").json()["results"]
        self.assertEqual([r["input"] for r in results], ["x", GOOD])
        self.assertEqual([r["is_reachable"] for r in results], ["invalid", "safe"])
        answer = self.call("GET", f"/{version}/bulk/{job}/results?format=csv")
        self.assertIn("text/csv", answer.type)
        rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
        self.assertEqual([r["is_reachable"] for r in rows], ["safe", "invalid", "safe"])
        self.assertEqual(self.call("GET", "/v0/bulk/99999").status, 404)

    def test_bulk_as_csv_is_whole(self):
        """The JSON has 50 rows unless told otherwise; the CSV has all."""
        many = [f"u{n}@nowhere.invalid" for n in range(2500)]
        job = self.call("POST", "/v1/bulk", {"input": many}).json()["job_id"]
        SERVICE.wait(job)
        path = f"/v1/bulk/{job}/results"
        self.assertEqual(len(self.call("GET", path).json()["results"]), 50)
        answer = self.call("GET", f"{path}?format=csv")
        rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
        self.assertEqual([r["input"] for r in rows], many)
        answer = self.call("GET", f"{path}?format=csv&limit=3&offset=2498")
        self.assertEqual(len(answer.body.splitlines()), 3)

    def test_their_own_way_of_asking_is_let_be(self):
        answer = self.call("POST", "/v1/check_email", {
            "to_email": GOOD, "proxy": {"host": "127.0.0.1", "port": 1}, "smtp_port": 2525,
            "smtp_timeout": {"secs": 1, "nanos": 0}, "yahoo_verif_method": "Headless"})
        self.assertEqual(answer.json()["is_reachable"], "safe")
        debug = answer.json()["debug"]
        self.assertEqual(set(debug), {"backend_name", "start_time", "end_time", "duration"})
        self.assertLessEqual(debug["start_time"], debug["end_time"])

    def test_words(self):
        """risky before deliverable: role, disposable, catch-all, full; a doubt is unknown."""
        expected = {row["email"]: row for row in expectations()}
        results = self.call("GET", f"/v0/bulk/{demo_list()}/results?limit=1000").json()["results"]
        words = {"valid": {"safe", "risky"}, "catch_all": {"risky"}, "do_not_mail": {"risky"},
                 "invalid": {"invalid"}, "unknown": {"unknown"},
                 "skipped": {"risky"}}
        self.assertEqual({r["input"] for r in results}, set(expected))
        for got in results:
            want = expected[got["input"]]
            self.assertIn(got["is_reachable"], words[want["status"]], (got, want))
            if want["reason"] in ("not_probed", "rcpt_untrusted"):
                self.assertNotIn("error", got["smtp"])  # nothing failed; nothing is proven either
            elif got["is_reachable"] == "unknown":
                self.assertEqual(got["smtp"]["error"]["type"], "SmtpError", got)
            elif want["status"] == "catch_all":
                self.assertIs(got["smtp"]["is_catch_all"], True)
        by_name = {r["input"]: r for r in results}
        self.assertEqual(by_name[ROLE]["is_reachable"], "risky")
        self.assertIs(by_name[ROLE]["misc"]["is_role_account"], True)
        self.assertIs(by_name[ROLE]["smtp"]["is_deliverable"], True)

    def test_errors(self):
        def error(answer, status):
            self.assertEqual((answer.status, set(answer.json())), (status, {"error"}), answer.body)

        error(SERVICE.post("/v1/check_email", {"to_email": GOOD}, key=None), 401)
        error(SERVICE.get("/v1/bulk/1", key=None), 401)  # theirs answer these without the secret
        error(self.call("GET", "/v1/bulk/99999"), 404)
        error(self.call("GET", "/v1/bulk/x/results"), 404)
        error(self.call("POST", "/v1/bulk", {"input": []}), 400)
        error(self.call("POST", "/v1/bulk", {"input": [{"no": 1}]}), 400)
        error(self.call("POST", "/v1/bulk", {"input": [GOOD], "webhook": {
            "on_each_email": {"url": "https://hooks.example/"}}}), 400)
        error(self.call("POST", "/v0/check_email", {"to_email": 5}), 400)
        seldom, _ = SERVICE.make_key(name="r", scopes=["verify"], per_minute=1)
        for status in (200, 429):
            answer = SERVICE.post("/v0/check_email", {"to_email": "x"},
                                  {"x-reacher-secret": seldom}, key=None)
            self.assertEqual(answer.status, status)
        error(answer, 429)
        error(self.call("GET", "/v1/bulk/1/results?limit=0"), 422)

    def test_a_stopped_job_is_completed(self):
        stack, service = slow_service()
        with stack:
            job = service.post("/v1/bulk", {"input": [f"u{n}@slow.example" for n in range(40)]})
            number = job.json()["job_id"]
            now = service.get(f"/v1/bulk/{number}").json()
            self.assertEqual((now["job_status"], now["finished_at"]), ("Running", None))
            service.post(f"/v1/lists/{number}/cancel")
            service.wait(number, ("cancelled",))
            self.assertEqual(service.get(f"/v1/bulk/{number}").json()["job_status"], "Completed")
            rows = service.get(f"/v1/bulk/{number}/results?limit=100").json()["results"]
            self.assertEqual((len(rows), rows[-1]["is_reachable"]), (40, "unknown"))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
