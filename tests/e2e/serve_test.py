"""`mailknock serve` as people, programs and strangers meet it, against a lab on real sockets."""
import contextlib
import csv
import gzip
import http.client
import io
import json
import os
import pathlib
import pty
import re
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
import zipfile

sys.path.insert(0, os.path.dirname(__file__))
from program import ROOT, lab, run, start  # noqa: E402
from service import PATIENCE_S, Case, Service, multipart, served  # noqa: E402

CUSTOMERS = ROOT / "examples" / "customers.csv"
EXPECTED = ROOT / "examples" / "customers.expected.csv"
GOOD = "amara.okafor.demo@gmail.com"

SLOW = """set patience quick
domain slow.example
  mx 10 mx.slow.example
server mx.slow.example 127.9.3.1
  mailbox u*
  behave delay rcpt 300ms
"""

STACK = contextlib.ExitStack()
LAB = SERVICE = None


def setUpModule():
    global LAB, SERVICE
    LAB = STACK.enter_context(lab(ROOT / "examples" / "demo.scenario"))
    SERVICE = STACK.enter_context(served(LAB.config))


def tearDownModule():
    STACK.close()


def first_start_on_terminal(folder):
    """What `serve` shows there before it is stopped."""
    ours, theirs = pty.openpty()
    process = start("serve", "--config", LAB.config, "--listen", "127.0.0.1:0", "--data",
                    os.path.join(folder, "data"), stdout=theirs, stderr=subprocess.DEVNULL)
    os.close(theirs)
    shown = b""
    until = time.monotonic() + PATIENCE_S
    while b"More keys" not in shown and time.monotonic() < until:
        if select.select([ours], [], [], 1)[0]:
            shown += os.read(ours, 65536)
    process.send_signal(signal.SIGTERM)
    process.wait(PATIENCE_S)
    os.close(ours)
    return shown.replace(b"\r\n", b"\n")


class Access(Case):
    def test_the_first_key_is_kept_from_logs(self):
        kept = SERVICE.folder / "data" / "first-key"
        self.assertNotIn(SERVICE.key, SERVICE.said + SERVICE.log())
        self.assertIn(str(kept), SERVICE.said)
        self.assertRegex(SERVICE.key, "^mk_[a-z2-7]{32}$")
        self.assertEqual(kept.stat().st_mode & 0o777, 0o600)
        database = (SERVICE.folder / "data" / "mailknock.db").read_bytes()
        self.assertNotIn(SERVICE.key.encode(), database)

    def test_the_first_key_is_shown_on_a_terminal(self):
        with tempfile.TemporaryDirectory(prefix="mk-serve-") as folder:
            shown = first_start_on_terminal(folder)
            self.assertRegex(shown, rb"\n    mk_[a-z2-7]{32}\n")
            self.assertFalse(pathlib.Path(folder, "data", "first-key").exists())

    def test_no_route_without_a_key(self):
        described = SERVICE.get("/openapi.json", key=None).json()
        self.assertEqual(described["openapi"][:3], "3.1")
        walked = 0
        for path, methods in described["paths"].items():
            for method, operation in methods.items():
                if method not in ("get", "post", "put", "patch", "delete"):
                    continue
                plain = re.sub(r"{[^}]*}", "1", path)
                answer = SERVICE.call(method.upper(), plain, key=None)
                walked += 1
                if operation.get("security") == []:
                    self.assertNotEqual(answer.status, 401, (method, path))
                    continue
                if operation.get("security") == [{"queryKey": []}]:
                    # Vendors' words for errors. Such a call without any key counts as a failure.
                    self.assertIn(answer.status, (401, 429), (method, path, answer.body))
                else:
                    self.assertEqual(answer.status, 401, (method, path, answer.body))
                    self.assertIn("Bearer", answer.headers["WWW-Authenticate"])
        self.assertGreater(walked, 40)

    def test_problems(self):
        self.problem(SERVICE.get("/v1/nothing"), 404, "no_such_path")
        answer = SERVICE.call("DELETE", "/v1/verify")
        self.problem(answer, 405, "wrong_method")
        self.assertEqual(answer.headers["Allow"], "GET, POST")
        with contextlib.suppress(ConnectionError):  # refused before it was read
            self.problem(SERVICE.post("/v1/verify", b"x" * (1024 * 1024 + 1)), 413)
        self.problem(SERVICE.get("/v1/verify"), 422, "no_address")
        self.problem(SERVICE.get("/v1/verify?address=a@b.example&depth=deep"), 422, "bad_depth")
        self.problem(SERVICE.get("/v1/verify?address=a@b.example&timeout_ms=x"), 422)
        self.problem(SERVICE.post("/v1/verify", b"{"), 400, "bad_json")
        self.problem(SERVICE.post("/v1/verify", {"adress": "x"}), 422, "unknown_member")
        self.problem(SERVICE.post("/v1/verify", {"address": 5}), 422)
        self.problem(SERVICE.get("/v1/lists/99999"), 404)
        self.problem(SERVICE.get("/v1/lists/0"), 404)
        self.problem(SERVICE.get("/v1/lists/x"), 404)
        self.problem(SERVICE.post("/v1/lists/99999/start"), 404)

    def test_scopes(self):
        key, key_id = SERVICE.make_key(name="form", scopes=["verify"])
        self.assertEqual(SERVICE.get("/v1/verify?address=x&depth=syntax", key=key).status, 200)
        self.problem(SERVICE.get("/v1/lists", key=key), 403, "wrong_scope")
        self.problem(SERVICE.get("/v1/keys", key=key), 403, "wrong_scope")
        shown = [k for k in SERVICE.get("/v1/keys").json()["items"] if k["id"] == key_id][0]
        self.assertEqual(shown["scopes"], ["verify"])
        self.assertGreaterEqual(shown["uses"], 1)
        self.assertNotIn("hash", shown)
        self.assertEqual(SERVICE.call("DELETE", f"/v1/keys/{key_id}").status, 204)
        self.problem(SERVICE.get("/v1/verify?address=x&depth=syntax", key=key), 401, "bad_key")

    def test_rate(self):
        key, _ = SERVICE.make_key(name="slow", scopes=["verify"], per_minute=3)
        answers = [SERVICE.get("/v1/verify?address=x&depth=syntax", key=key) for _ in range(4)]
        self.assertEqual([a.status for a in answers[:3]], [200] * 3)
        self.assertIn("q=3;w=60", answers[0].headers["RateLimit-Policy"])
        self.assertIn("r=2;", answers[0].headers["RateLimit"])
        self.problem(answers[3], 429, "rate_limited")
        self.assertTrue(1 <= int(answers[3].headers["Retry-After"]) <= 60)

    def test_keys_made_beside_it(self):
        status, out, err = run("keys", "add", "beside", "--scopes", "lists", "--data",
                               str(SERVICE.folder / "data"))
        self.assertEqual(status, 0, err)
        key = out.decode().strip()
        time.sleep(1.1)  # unknown keys are looked up once a second
        self.assertEqual(SERVICE.get("/v1/lists", key=key).status, 200)
        found = [line.split("\t")[0] for line in run(
            "keys", "list", "--data", str(SERVICE.folder / "data"))[1].decode().splitlines()
            if "\tbeside\t" in line]
        self.assertEqual(len(found), 1)
        status, _, err = run("keys", "remove", found[0], "--data", str(SERVICE.folder / "data"))
        self.assertEqual(status, 0, err)
        events = [(e["event"], e["by"], e["subject"])
                  for e in SERVICE.get("/v1/audit").json()["items"]]
        for event in ("key_made", "key_removed"):
            self.assertIn((event, "command line", f"key {found[0]}"), events)

    def test_bearer(self):
        answer = SERVICE.get("/v1/lists", key=None,
                             headers={"Authorization": "Bearer " + SERVICE.key})
        self.assertEqual(answer.status, 200)

    def test_session(self):
        self.problem(SERVICE.post("/v1/session", {"key": "mk_wrong"}, key=None), 401, "bad_key")
        answer = SERVICE.post("/v1/session", {"key": SERVICE.key}, key=None)
        self.assertEqual(answer.status, 200)
        cookie = answer.headers["Set-Cookie"]
        for word in ("HttpOnly", "SameSite=Strict", "Path=/"):
            self.assertIn(word, cookie)
        self.assertNotIn(SERVICE.key, cookie)
        cookie = {"Cookie": cookie.split(";")[0]}
        self.assertEqual(SERVICE.get("/v1/lists", key=None, headers=cookie).status, 200)
        self.assertIn("admin", SERVICE.get("/v1/session", key=None, headers=cookie).json()["scopes"])
        # Another site's page can send the cookie's request, but not the header.
        body = {"address": "x", "depth": "syntax"}
        self.problem(SERVICE.post("/v1/verify", body, key=None, headers=cookie), 401)
        ours = {**cookie, "X-Mailknock": "page"}
        self.assertEqual(SERVICE.post("/v1/verify", body, key=None, headers=ours).status, 200)
        self.assertEqual(SERVICE.call("DELETE", "/v1/session", key=None, headers=ours).status, 204)
        self.problem(SERVICE.get("/v1/lists", key=None, headers=cookie), 401)


class Guessing(Case):
    def test_guessing_is_slowed(self):
        with served(LAB.config) as service:
            answers = [service.get("/v1/lists", key=f"mk_{i:032d}") for i in range(40)]
            self.assertEqual(answers[0].status, 401)
            self.problem(answers[-1], 429, "too_many_failures")
            self.assertGreaterEqual(int(answers[-1].headers["Retry-After"]), 1)
            self.assertLess(sum(a.status == 401 for a in answers), 20)
            session = service.post("/v1/session", {"key": "mk_no"}, key=None)
            self.problem(session, 429)
            vendor = service.get("/api/v1/validate?key=no&email=a@b.example", key=None)
            self.assertEqual(vendor.status, 429)
            # Others behind the same address are not shut out.
            self.assertEqual(service.get("/v1/lists").status, 200)

    def test_no_key_no_network(self):
        status, _, err = run("serve", "--config", LAB.config, "--open", "--listen", "0.0.0.0:0",
                             "--data", tempfile.mkdtemp(prefix="mk-open-"))
        self.assertEqual(status, 2)
        self.assertIn(b"loopback", err)


class Verify(Case):
    def verify(self, **asked):
        answer = SERVICE.post("/v1/verify", asked)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json()

    def test_live_then_cached(self):
        address = "agnieszka.zajac.demo@wp.pl"
        first = self.verify(address=address, fresh=True)
        self.assertEqual((first["status"], first["reason"]), ("valid", "accepted"))
        self.assertEqual(first["source"], "live")
        second = self.verify(address=address)
        self.assertEqual(second["source"], "cache")
        self.assertEqual(second["status"], "valid")
        self.assertEqual(self.verify(address=address, fresh=True)["source"], "live")

    def test_in_the_background(self):
        address = "nobody.at.all.here@gmail.com"
        first = self.verify(address=address, timeout_ms=0)
        self.assertTrue(first["pending"])
        self.assertEqual((first["status"], first["reason"]), ("unknown", "not_probed"))
        until = time.monotonic() + PATIENCE_S
        while "pending" in (now := self.verify(address=address, timeout_ms=0)):
            self.assertLess(time.monotonic(), until)
            time.sleep(0.1)
        self.assertEqual((now["status"], now["reason"]), ("invalid", "mailbox_not_found"))

    def test_depth_profile_evidence(self):
        self.assertEqual(self.verify(address=GOOD, depth="syntax")["reason"], "not_probed")
        self.assertEqual(self.verify(address="a b@c.example")["reason"], "bad_syntax")
        self.assertEqual(self.verify(address="")["reason"], "bad_syntax")
        told = self.verify(address=GOOD, profile="zerobounce")["profile"]
        self.assertEqual((told["name"], told["status"]), ("zerobounce", "valid"))
        self.problem(SERVICE.get("/v1/verify?address=x&profile=acme"), 422, "bad_profile")
        plain, whole = self.verify(address=GOOD), self.verify(address=GOOD, evidence=True)
        self.assertNotIn("RCPT TO", json.dumps(plain))
        self.assertIn("RCPT TO", json.dumps(whole))

    def test_both_methods_agree(self):
        by_get = SERVICE.get(f"/v1/verify?address={GOOD.replace('@', '%40')}").json()
        by_post = self.verify(address=GOOD)
        for name in ("address", "status", "reason", "score"):
            self.assertEqual(by_get[name], by_post[name])

    def test_classify(self):
        answer = SERVICE.post("/v1/classify", {"replies": [
            {"stage": "rcpt", "reply": "550 5.1.1 no such user"},
            {"stage": "rcpt", "reply": "250 2.1.5 ok"}]})
        self.assertEqual(answer.status, 200, answer.body)
        items = answer.json()["items"]
        self.assertEqual(len(items), 2)
        self.assertIn("mailbox_not_found", json.dumps(items[0]))
        self.problem(SERVICE.post("/v1/classify", {"replies": "x"}), 422)


class Lists(Case):
    """One list from upload to erasure, and what can be seen of it meanwhile."""

    @classmethod
    def setUpClass(cls):
        cls.list = SERVICE.upload(CUSTOMERS.read_bytes(), "customers.csv",
                                  {"name": "Customers <script>alert(1)</script>"})
        cls.id = cls.list["id"]
        cls.events = cls.read_events()
        cls.done = SERVICE.wait(cls.id)

    @classmethod
    def read_events(cls):
        """Until the list is done."""
        connection = http.client.HTTPConnection("127.0.0.1", SERVICE.port, timeout=PATIENCE_S)
        connection.request("GET", f"/v1/lists/{cls.id}/events", headers={"X-API-Key": SERVICE.key})
        response = connection.getresponse()
        cls.events_type = response.headers["Content-Type"]
        events, name = [], None
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            line = response.readline().decode().rstrip("\n")
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                events.append((name, json.loads(line[6:])))
                if name == "state":
                    break
        connection.close()
        return events

    def walk(self, query, limit):
        items, cursor = [], ""
        for _ in range(1000):
            answer = SERVICE.get(f"/v1/lists/{self.id}/results?limit={limit}&{query}"
                                 + (f"&cursor={cursor}" if cursor else ""))
            self.assertEqual(answer.status, 200, answer.body)
            page = answer.json()
            items += page["items"]
            cursor = page["next"]
            if cursor is None:
                return items
        raise AssertionError("pages without end")

    def test_every_row_as_expected(self):
        with open(EXPECTED, encoding="utf-8", newline="") as file:
            expected = [(r["email"], r["status"], r["reason"]) for r in csv.DictReader(file)]
        for limit in (7, 1000):
            rows = self.walk("", limit)
            self.assertEqual([r["row"] for r in rows], list(range(1, 201)))
            self.assertEqual([(r["address"], r["status"], r["reason"]) for r in rows], expected)

    def test_counts(self):
        self.assertEqual((self.done["rows"], self.done["state"]), (200, "done"))
        self.assertEqual(sum(self.done["counts"].values()), 200)
        self.assertTrue(self.done["finished_at"].endswith("Z"))
        found = [r["status"] for r in self.walk("", 1000)]
        for status, count in self.done["counts"].items():
            self.assertEqual(found.count(status), count, status)

    def test_filters(self):
        rows = self.walk("", 1000)

        def same(query, keep):
            got = [r["row"] for r in self.walk(query, 9)]
            self.assertEqual(got, [r["row"] for r in rows if keep(r)], query)
            self.assertTrue(got, query)
        same("status=valid", lambda r: r["status"] == "valid")
        same("status=valid,catch_all", lambda r: r["status"] in ("valid", "catch_all"))
        same("reason=mailbox_not_found", lambda r: r["reason"] == "mailbox_not_found")
        same("domain=gmail.com", lambda r: r["domain"] == "gmail.com")
        same("score_min=90", lambda r: r["score"] >= 90)
        same("score_max=20", lambda r: r["score"] <= 20)
        flag = next(r["flags"][0] for r in rows if r["flags"])
        same(f"flag={flag}", lambda r: flag in r["flags"])
        same("text=okafor", lambda r: "okafor" in (r["address"] + r["explanation"]).lower())
        provider = next(r["provider"] for r in rows if r["provider"])
        same(f"provider={provider}", lambda r: r["provider"] == provider)
        self.problem(SERVICE.get(f"/v1/lists/{self.id}/results?status=good"), 422, "bad_status")
        self.problem(SERVICE.get(f"/v1/lists/{self.id}/results?limit=0"), 422)
        self.problem(SERVICE.get(f"/v1/lists/{self.id}/results?cursor=x"), 422)

    def test_one_row(self):
        row = next(r for r in self.walk("", 1000) if r["address"] == GOOD)
        whole = SERVICE.get(f"/v1/lists/{self.id}/results/{row['row']}").json()
        self.assertEqual(whole["result"]["status"], "valid")
        self.assertIn("RCPT TO", json.dumps(whole["result"]))
        self.problem(SERVICE.get(f"/v1/lists/{self.id}/results/201"), 404)
        self.problem(SERVICE.get(f"/v1/lists/{self.id}/results/0"), 404)

    def test_events(self):
        self.assertIn("text/event-stream", self.events_type)
        names = [name for name, _ in self.events]
        self.assertIn("progress", names)
        self.assertIn("sites", names)
        self.assertEqual(self.events[-1][0], "state")
        self.assertEqual(self.events[-1][1]["state"], "done")
        done = [data["done"] for name, data in self.events if name == "progress"]
        self.assertEqual(done, sorted(done))

    def test_export(self):
        answer = SERVICE.get(f"/v1/lists/{self.id}/export")
        self.assertIn("text/csv", answer.type)
        self.assertIn("attachment", answer.headers["Content-Disposition"])
        rows = list(csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig"))))
        self.assertEqual(len(rows), 200)
        self.assertEqual(list(rows[0])[:4], ["id", "name", "email", "city"])
        safe = SERVICE.get(f"/v1/lists/{self.id}/export?preset=safe").body.decode("utf-8-sig")
        statuses = [r["mk_status"] for r in csv.DictReader(io.StringIO(safe))]
        self.assertEqual(set(statuses), {"valid"})
        self.assertEqual(len(statuses), self.done["counts"]["valid"])
        lines = SERVICE.get(f"/v1/lists/{self.id}/export?format=ndjson").body.splitlines()
        self.assertEqual(len([json.loads(line) for line in lines]), 200)
        book = SERVICE.get(f"/v1/lists/{self.id}/export?format=xlsx").body
        self.assertIsNone(zipfile.ZipFile(io.BytesIO(book)).testzip())
        self.problem(SERVICE.get(f"/v1/lists/{self.id}/export?preset=some"), 422, "bad_preset")
        self.problem(SERVICE.get(f"/v1/lists/{self.id}/export?columns=colour"), 422, "bad_columns")
        self.problem(SERVICE.get(f"/v1/lists/{self.id}/export?format=pdf"), 422, "bad_format")
        self.problem(SERVICE.get("/v1/lists/99999/export"), 404)

    def test_export_is_filtered_as_results_are(self):
        for words in ("flag=role", "provider=google&status=valid", "domain=gmail.com", "text=demo",
                      "score_min=40&score_max=80", "reason=mailbox_not_found&flag=free"):
            wanted = [r["address"] for r in self.walk(words, 1000)]
            self.assertTrue(wanted, words)
            answer = SERVICE.get(f"/v1/lists/{self.id}/export?{words}&columns=status,score")
            rows = list(csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig"))))
            self.assertEqual([r["email"] for r in rows], wanted, words)
            self.assertEqual(list(rows[0]), ["id", "name", "email", "city", "mk_status", "mk_score"])
        nothing = SERVICE.get(f"/v1/lists/{self.id}/export?status=valid&reason=timeout")
        self.assertEqual(len(nothing.body.decode("utf-8-sig").splitlines()), 1)

    def unpacked(self, path):
        """The files of an archive, and the rows of its tables, by what comes behind the list's name."""
        answer = SERVICE.get(path)
        self.assertEqual((answer.status, answer.type), (200, "application/zip"), answer.body[:300])
        archive = zipfile.ZipFile(io.BytesIO(answer.body))
        self.assertIsNone(archive.testzip())
        files = {name: archive.read(name) for name in archive.namelist()}
        tables = {name.split(".", 1)[1]: list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
                  for name, data in files.items() if name.endswith(".csv") and "/" not in name}
        return files, tables

    def test_export_as_archive(self):
        path = f"/v1/lists/{self.id}/export?format=zip"
        before = set((SERVICE.folder / "data" / "lists").iterdir())
        files, tables = self.unpacked(path)
        name = next(name for name in files if name.endswith(".all.csv"))[:-len(".all.csv")]
        self.assertEqual(set(files), {f"{name}.{status}.csv" for status in self.done["counts"]} |
                         {f"{name}.all.csv", f"original/{name}.csv", "report.html"})
        for status, count in self.done["counts"].items():
            self.assertEqual([r["mk_status"] for r in tables[f"{status}.csv"]], [status] * count)
        rows = [tuple(r.items()) for t, rows in tables.items() if t != "all.csv" for r in rows]
        everything = [tuple(r.items()) for r in tables["all.csv"]]
        self.assertEqual((len(rows), sorted(rows)), (200, sorted(everything)))
        self.assertEqual(files[f"{name}.all.csv"],
                         SERVICE.get(f"/v1/lists/{self.id}/export").body)
        self.assertEqual(files[f"original/{name}.csv"], CUSTOMERS.read_bytes())
        self.assertEqual(files["report.html"], SERVICE.get(f"/v1/lists/{self.id}/report").body)
        # Nothing stays beside the uploads.
        self.until(lambda: set((SERVICE.folder / "data" / "lists").iterdir()) <= before)

    def test_archive_has_the_columns_wanted(self):
        _, tables = self.unpacked(f"/v1/lists/{self.id}/export?format=zip&preset=all&columns=status"
                                  "&prefix=x_&suggestions=apply&duplicates=drop")
        self.assertEqual(list(tables["valid.csv"][0])[4:], ["x_status", "x_send_to"])
        self.assertEqual(len(tables["all.csv"]),
                         sum(len(rows) for name, rows in tables.items() if name != "all.csv"))
        self.assertLess(len(tables["all.csv"]), 200)
        _, tables = self.unpacked(f"/v1/lists/{self.id}/export?format=zip&profile=kickbox")
        self.assertIn("result", tables["all.csv"][0])
        for words in ("preset=safe", "status=valid", "text=demo", "score_min=50"):
            self.problem(SERVICE.get(f"/v1/lists/{self.id}/export?format=zip&{words}"), 422,
                         "bad_format")
        self.problem(SERVICE.get("/v1/lists/99999/export?format=zip"), 404)

    def test_export_with_suggestions_applied(self):
        answer = SERVICE.get(f"/v1/lists/{self.id}/export?suggestions=apply")
        rows = list(csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig"))))
        mended = 0
        for row in rows:
            own = row["email"].strip()
            wanted = own
            if row["mk_suggestion"] and row["mk_status"] != "valid":
                wanted, mended = row["mk_suggestion"], mended + 1
            self.assertEqual(row["mk_send_to"].lstrip("'"), wanted.lstrip("'"))
        self.assertGreater(mended, 0)
        # Mended or not, who opted out is not written to.
        person = next(row["mk_suggestion"] for row in rows
                      if row["mk_send_to"] == row["mk_suggestion"] != "")
        plain, path = {"Content-Type": "text/plain"}, "/v1/operator-lists/opt_out"
        SERVICE.call("PUT", path, person.encode(), plain)
        try:
            answer = SERVICE.get(f"/v1/lists/{self.id}/export?suggestions=apply")
        finally:
            SERVICE.call("PUT", path, b"", plain)
        again = list(csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig"))))
        for was, row in zip(rows, again):
            self.assertEqual(row["mk_suggestion"], was["mk_suggestion"])
            if was["mk_suggestion"] == person:
                self.assertEqual(row["mk_send_to"], row["email"].strip())
            else:
                self.assertEqual(row["mk_send_to"], was["mk_send_to"])
        chosen = SERVICE.get(f"/v1/lists/{self.id}/export?columns=status&suggestions=apply").body
        self.assertTrue(chosen.splitlines()[0].endswith(b",mk_status,mk_send_to"), chosen[:200])
        usual = SERVICE.get(f"/v1/lists/{self.id}/export").body.splitlines()[0]
        self.assertTrue(usual.endswith(b",mk_explanation"))
        for query in ("suggestions=maybe", "suggestions=apply&format=ndjson"):
            self.problem(SERVICE.get(f"/v1/lists/{self.id}/export?{query}"), 422, "bad_suggestions")

    def test_stats_and_report(self):
        stats = SERVICE.get(f"/v1/lists/{self.id}/stats")
        self.assertEqual(stats.status, 200)
        self.assertIn("valid", stats.body.decode())
        report = SERVICE.get(f"/v1/lists/{self.id}/report")
        self.assertIn("text/html", report.type)
        self.assertNotIn(b"<script>alert(1)", report.body)
        self.assertIn("Content-Security-Policy", report.headers)
        self.assertEqual(SERVICE.get("/v1/overview").status, 200)
        self.assertEqual(SERVICE.get("/v1/settings").status, 200)

    def test_names_stay_data(self):
        answer = SERVICE.get(f"/v1/lists/{self.id}")
        self.assertEqual(answer.json()["name"], "Customers <script>alert(1)</script>")
        self.assertTrue(answer.type.startswith("application/json"))
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
        answer = SERVICE.call("PATCH", f"/v1/lists/{self.id}", {"name": "Customers <b>"})
        self.assertEqual(answer.json()["name"], "Customers <b>")
        SERVICE.call("PATCH", f"/v1/lists/{self.id}",
                     {"name": "Customers <script>alert(1)</script>"})
        self.problem(SERVICE.call("PATCH", f"/v1/lists/{self.id}", {"column": "name"}), 409)

    def test_lists_are_paged(self):
        more = [SERVICE.post("/v1/lists", {"name": str(i), "addresses": ["a@b.example"],
                                           "options": {"depth": "syntax"}}).json()["id"]
                for i in range(3)]
        page = SERVICE.get("/v1/lists?limit=2").json()
        self.assertEqual(len(page["items"]), 2)
        self.assertEqual(page["items"][0]["id"], more[-1])
        rest = SERVICE.get(f"/v1/lists?limit=2&cursor={page['next']}").json()
        self.assertLess(int(rest["items"][0]["id"]), int(page["items"][1]["id"]))


class Uploads(Case):
    OPTIONS = {"depth": "syntax"}

    def rows(self, list_id):
        SERVICE.wait(list_id)
        return SERVICE.get(f"/v1/lists/{list_id}/results").json()["items"]

    def test_bare_bodies(self):
        asked = "options=" + "%7B%22depth%22%3A%22syntax%22%7D"
        for name, body in (("a.txt", b"a@b.example\nc@d.example\n"),
                           ("a.csv", b"n,email\n1,a@b.example\n2,c@d.example\n"),
                           ("a.csv.gz", gzip.compress(b"n,email\n1,a@b.example\n2,c@d.example\n")),
                           ("a.ndjson", b'{"email":"a@b.example"}\n{"email":"c@d.example"}\n')):
            answer = SERVICE.post(f"/v1/lists?name={name}&{asked}", body,
                                  headers={"Content-Type": "application/octet-stream"})
            self.assertEqual(answer.status, 201, (name, answer.body))
            self.assertEqual(answer.headers["Location"], "/v1/lists/" + answer.json()["id"])
            got = [r["address"] for r in self.rows(answer.json()["id"])]
            self.assertEqual(got, ["a@b.example", "c@d.example"], name)

    def test_json_addresses(self):
        strange = ["a@b.example", "x", "line\nbreak@c.example", "a@b.example", "ünï@d.example"]
        answer = SERVICE.post("/v1/lists", {"name": "five", "addresses": strange,
                                            "options": self.OPTIONS})
        self.assertEqual(answer.status, 201, answer.body)
        rows = self.rows(answer.json()["id"])
        self.assertEqual(len(rows), 5)
        self.assertEqual(rows[0]["address"], "a@b.example")
        self.assertEqual(rows[3]["duplicate_of"], 1)
        self.assertEqual(rows[2]["reason"], "bad_syntax")
        for bad in ({"addresses": []}, {"addresses": "x"}, {"addresses": [5]}, {"name": "x"},
                    {"addresses": ["x"], "options": {"dedupe": "sometimes"}},
                    {"addresses": ["x"], "options": {"colour": "red"}},
                    {"addresses": ["x"], "more": 1}):
            self.problem(SERVICE.post("/v1/lists", bad), 422)

    def test_rows_that_leave_a_doubt(self):
        """Counted like those that can't be read, in what is said of a list, its report and by jobs show."""
        made = SERVICE.upload(b'name,email,size\nAnn,a@x.example,"5\nBob,b@x.example,"so\nCas,c@x.example,7"\n'
                              b'Dan,d@x.example,"two\nlines"\nEve\n', "doubt.csv", {"depth": "syntax"})
        done = SERVICE.wait(made["id"])
        self.assertEqual((done["rows"], done["unreadable"], done["doubtful"]), (4, 1, 2))
        found = SERVICE.get(f"/v1/lists/{made['id']}/preflight").json()
        self.assertEqual((found["unreadable"], found["doubtful"]), (1, 2))
        page = SERVICE.get(f"/v1/lists/{made['id']}/report").body.decode()
        archive = SERVICE.get(f"/v1/lists/{made['id']}/export?format=zip").body
        with zipfile.ZipFile(io.BytesIO(archive)) as packed:
            self.assertEqual(packed.read("report.html").decode(), page)
        for part in ("<b>2</b> rows have quotes that leave a doubt", "<b>1</b> row could not be read",
                     "No mail server was asked", "<dt>depth</dt><dd>syntax</dd>"):
            self.assertIn(part, page)
        self.assertNotIn("<dt>patience</dt>", page)
        store = str(SERVICE.folder / "data" / "mailknock.db")
        _, out, err = run("jobs", "show", store, "--job", made["id"])
        self.assertIn("2 rows have quotes that leave a doubt", out.decode(), err)
        self.assertEqual(json.loads(run("jobs", "show", store, "--job", made["id"], "--json")[1])["doubts"], 2)

    def test_what_is_no_list(self):
        self.problem(SERVICE.post("/v1/lists", *multipart(b"", "empty.csv")), 422)
        self.problem(SERVICE.post("/v1/lists", *multipart(b"a,b\n1,2\n", "no.csv")), 422)
        answer = SERVICE.post("/v1/lists", *multipart(b"\x7fELF\0\0\1\2" * 99, "no.xlsx"))
        self.problem(answer, 422)
        self.assertTrue(answer.json()["detail"].startswith("is no workbook"), answer.body)
        self.problem(SERVICE.post("/v1/lists", *multipart(b"a@b.example\n", "a.txt", {"x": 1})), 422)
        folder = SERVICE.folder / "data" / "lists"
        self.until(lambda: not list(folder.glob("*.part")))

    def test_options_after_the_file(self):
        body = (b'--ee\r\nContent-Disposition: form-data; name="file"; filename="../../x/y.csv"\r\n\r\n'
                b'a@b.example\n\r\n--ee\r\nContent-Disposition: form-data; name="options"\r\n\r\n'
                b'{"depth":"syntax"}\r\n--ee--\r\n')
        answer = SERVICE.post("/v1/lists", body,
                              headers={"Content-Type": "multipart/form-data; boundary=ee"})
        self.assertEqual(answer.status, 201, answer.body)
        self.assertEqual(answer.json()["name"], "y.csv")
        self.assertEqual(self.rows(answer.json()["id"])[0]["reason"], "not_probed")

    def test_too_large(self):
        with served(LAB.config, "--max-upload", "20K") as service:
            big = b"a@b.example\n" * 4000
            with contextlib.suppress(ConnectionError):
                self.problem(service.post("/v1/lists", *multipart(big, "big.csv")), 413)
            self.until(lambda: not list((service.folder / "data" / "lists").iterdir()))
            small = service.upload(b"a@b.example\n", "small.txt", self.OPTIONS)
            service.wait(small["id"])

    def test_deleting_erases_the_file(self):
        folder = SERVICE.folder / "data" / "lists"
        marker = "erase.me.entirely@b.example"
        before = set(folder.iterdir())
        made = SERVICE.upload(f"{marker}\n".encode(), "gone.txt", self.OPTIONS)
        SERVICE.wait(made["id"])
        self.assertEqual(len(set(folder.iterdir()) - before), 1)
        self.assertEqual(SERVICE.call("DELETE", f"/v1/lists/{made['id']}").status, 204)
        self.until(lambda: SERVICE.get(f"/v1/lists/{made['id']}").status == 404)
        self.assertEqual(set(folder.iterdir()) - before, set())
        self.problem(SERVICE.call("DELETE", f"/v1/lists/{made['id']}"), 404)

    def test_formulas_stay_text(self):
        rows = b'email,note\na@b.example,"=cmd|\'/c calc\'!A0"\nc@d.example,@SUM(1)\n'
        rows += b"e@f.example," + b"x" * 40000 + b"\n"
        made = SERVICE.upload(rows, "formulas.csv", self.OPTIONS)
        SERVICE.wait(made["id"])
        text = SERVICE.get(f"/v1/lists/{made['id']}/export").body.decode("utf-8-sig")
        for row in csv.reader(io.StringIO(text)):
            for cell in row:
                # Bytes of the list come back as they came; what we add is harmless.
                if cell not in ("=cmd|'/c calc'!A0", "@SUM(1)"):
                    self.assertNotRegex(cell, r"^[=+@\-\t\r]")
        answer = SERVICE.get(f"/v1/lists/{made['id']}/export?format=xlsx")
        self.assertEqual(answer.headers["X-Mailknock-Cut"], "1")  # a workbook's cells hold less
        book = answer.body
        sheet = zipfile.ZipFile(io.BytesIO(book)).read("xl/worksheets/sheet1.xml")
        self.assertNotIn(b"<f>", sheet)
        packed = zipfile.ZipFile(io.BytesIO(
            SERVICE.get(f"/v1/lists/{made['id']}/export?format=zip").body))
        self.assertEqual(packed.read("formulas.all.csv").decode("utf-8-sig"), text)
        self.assertEqual(packed.read("original/formulas.csv"), rows)


class Course(Case):
    """Stopping, going on, being killed: with servers that take their time."""

    def setUp(self):
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.lab = stack.enter_context(lab(SLOW))
        self.folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mk-course-"))
        self.service = Service(self.lab.config, self.folder)
        self.addCleanup(lambda: self.service.close())

    def begin(self, count=40, **options):
        rows = "".join(f"u{i}@slow.example\n" for i in range(count))
        made = self.service.upload(rows.encode(), "slow.txt", options or None)
        return made["id"]

    def wait_for_some(self, list_id):
        until = time.monotonic() + PATIENCE_S
        while self.service.get(f"/v1/lists/{list_id}").json()["done"] < 2:
            self.assertLess(time.monotonic(), until)
            time.sleep(0.05)

    def rows(self, list_id):
        return self.service.get(f"/v1/lists/{list_id}/results?limit=1000").json()["items"]

    def test_listeners_that_leave_are_noticed(self):
        made = SERVICE.upload(b"u1@one.example\n", options={"start": False})
        SERVICE.wait(made["id"], ("ready",))

        def listening():
            metrics = SERVICE.get("/metrics").body.decode()
            return int(re.search(r"^mailknock_event_listeners (\d+)$", metrics, re.M).group(1))

        before = listening()
        streams = []
        for _ in range(5):
            stream = socket.create_connection(("127.0.0.1", SERVICE.port), timeout=10)
            stream.sendall(f"GET /v1/lists/{made['id']}/events HTTP/1.1\r\nHost: x\r\n"
                           f"X-API-Key: {SERVICE.key}\r\n\r\n".encode())
            self.assertIn(b"200", stream.recv(100))
            streams.append(stream)
        self.until(lambda: listening() == before + 5)
        for stream in streams:
            stream.close()
        # Long before the next heartbeat.
        self.until(lambda: listening() == before, limit=5)

    def test_pause_resume_cancel(self):
        one, two = self.begin(), self.begin(name="second", start=False)
        self.service.wait(two, ("ready",))
        self.wait_for_some(one)
        self.assertEqual(self.service.post(f"/v1/lists/{one}/pause").status, 200)
        paused = self.service.wait(one, ("paused",))
        self.assertLess(paused["done"], 40)
        self.assertEqual(self.service.post(f"/v1/lists/{one}/resume").status, 200)
        self.assertEqual(self.service.post(f"/v1/lists/{two}/start").status, 200)
        self.problem(self.service.post(f"/v1/lists/{one}/start"), 409)
        # Both at once: each gets on.
        self.wait_for_some(two)
        self.assertEqual(self.service.post(f"/v1/lists/{two}/cancel").status, 200)
        cancelled = self.service.wait(two, ("cancelled",))
        self.assertLess(cancelled["done"], 40)
        self.service.wait(one)
        self.assertEqual({r["status"] for r in self.rows(one)}, {"valid"})
        said = self.problem(self.service.post(f"/v1/lists/{one}/pause"), 409)
        self.assertNotIn("job", said["detail"])

    def test_paused_and_resumed_from_the_command_line(self):
        list_id, store = self.begin(), self.service.folder / "data" / "mailknock.db"
        self.wait_for_some(list_id)
        for verb, state in (("pause", b"paused"), ("resume", b"running")):
            status, out, err = run("jobs", verb, str(store), "--job", str(list_id))
            self.assertEqual(status, 0, err)
            self.assertIn(state, out)
            status, _, err = run("jobs", verb, str(store), "--job", str(list_id))
            self.assertEqual(status, 2, err)
        self.service.wait(list_id)
        self.assertEqual({r["status"] for r in self.rows(list_id)}, {"valid"})

    def restart(self, sign):
        list_id = self.begin()
        self.wait_for_some(list_id)
        status = self.service.close(sign)
        if sign == signal.SIGTERM:
            self.assertEqual(status, 0, self.service.log())
        self.service = Service(self.lab.config, self.folder, key=self.service.key)
        self.assertNotIn("mk_", self.service.said)
        done = self.service.wait(list_id)
        self.assertEqual((done["rows"], done["counts"]["valid"]), (40, 40))
        rows = self.rows(list_id)
        self.assertEqual([r["row"] for r in rows], list(range(1, 41)))
        self.assertEqual({r["status"] for r in rows}, {"valid"})

    def test_what_an_earlier_version_finished_is_mended(self):
        """Of rows that can't be read, which held for invalid."""
        made = self.service.upload(b"name,email\nAda,u1@slow.example\nBob\nCid\n", "old.csv")
        done = self.service.wait(made["id"])
        self.assertEqual((done["unreadable"], done["counts"]["invalid"]), (2, 2))
        self.service.close()
        with contextlib.closing(sqlite3.connect(self.service.folder / "data" / "mailknock.db")) as db, db:
            db.execute("UPDATE row SET fault = 'it can''t be told which cell is the address' WHERE row = 2")
        self.service = Service(self.lab.config, self.folder, key=self.service.key)
        self.until(lambda: self.service.get(f"/v1/lists/{made['id']}").json()["counts"]["unknown"] == 1)
        done = self.service.get(f"/v1/lists/{made['id']}").json()
        self.assertEqual((done["state"], done["done"], done["counts"]["invalid"]), ("done", 3, 1))
        self.assertEqual([(r["status"], r["reason"]) for r in self.rows(made["id"])],
                         [("valid", "accepted"), ("unknown", "not_probed"), ("invalid", "bad_syntax")])

    def test_goes_on_after_a_stop(self):
        self.restart(signal.SIGTERM)

    def test_goes_on_after_a_kill(self):
        self.restart(signal.SIGKILL)

    def test_what_a_kill_left_behind_is_taken_away(self):
        kept = self.service.upload(b"u1@slow.example\n", "kept.csv", {"start": False})
        self.service.wait(kept["id"], ("ready",))
        folder = self.service.folder / "data" / "lists"
        listed = set(folder.iterdir())
        # An upload that is under way when the end comes.
        with socket.create_connection(("127.0.0.1", self.service.port), timeout=10) as peer:
            peer.sendall(f"POST /v1/lists?name=a.txt HTTP/1.1\r\nHost: x\r\nX-API-Key: {self.service.key}\r\n"
                         "Content-Type: text/plain\r\nContent-Length: 100000\r\n\r\n".encode() + b"a@b.example\n" * 2000)
            self.until(lambda: list(folder.glob("upload-*")))
            self.service.close(signal.SIGKILL)
        for name in ("export-abcdefgh.csv", "export-abcdefgh.valid.csv", ".mailknock-77-0.tmp"):
            (folder / name).write_bytes(b"a@b.example\n")
        # A list that was being made: the store has it already, or not.
        own = next(path for path in listed if path.suffix == ".csv")
        own.rename(folder / f"taken-{own.name}")
        (folder / "taken-abcdefghijklmnop.csv").write_bytes(b"a@b.example\n")
        self.assertEqual(len(set(folder.iterdir()) - listed), 6)
        self.service = Service(self.lab.config, self.folder, key=self.service.key)
        self.assertEqual(set(folder.iterdir()), listed)
        self.assertEqual(self.service.post(f"/v1/lists/{kept['id']}/start").status, 200)
        self.service.wait(kept["id"])

    def test_loading_that_was_stopped_stays_so_after_a_kill(self):
        content = "".join(f"person{i}@nowhere.invalid\n" for i in range(20000)).encode()
        for verb, state in (("cancel", "cancelled"), ("pause", "ready")):
            made = self.service.upload(content, "long.txt", {"depth": "syntax"})
            stopped = self.service.post(f"/v1/lists/{made['id']}/{verb}")
            self.service.close(signal.SIGKILL)
            self.assertEqual((stopped.status, stopped.json()["state"]), (200, "loading"))
            self.service = Service(self.lab.config, self.folder, key=self.service.key)
            now = self.service.wait(made["id"], (state,))
            self.assertEqual((now["rows"], now["done"], now["error"]), (20000, 0, None))
            self.assertEqual(self.service.post(f"/v1/lists/{made['id']}/start").status, 200)
            self.assertEqual(self.service.wait(made["id"])["done"], 20000)


REFUSING = "set patience quick\n" + "".join(f"""domain no{i}.example
  mx 10 mx.no{i}.example
server mx.no{i}.example 127.9.4.{i}
  behave block rcpt
""" for i in range(1, 8))


class Alarms(Case):
    """Refusals of us, and a closed port: banner, metric and log say the same."""

    def raised(self, code, *options):
        addresses = "".join(f"u{i}@no{i}.example\n" for i in range(1, 8)).encode()
        with lab(REFUSING) as opened, served(opened.config, *options) as service:
            self.assertEqual(service.get("/v1/overview").json()["alarms"], [])
            self.assertIn(f'mailknock_alarm{{code="{code}"}} 0\n', self.metrics(service))
            service.wait(service.upload(addresses, "a.txt")["id"])
            alarms = service.get("/v1/overview").json()["alarms"]
            self.assertEqual([alarm["code"] for alarm in alarms], [code])
            self.assertIn(f'mailknock_alarm{{code="{code}"}} 1\n', self.metrics(service))
            lines = [line for line in service.log().splitlines() if " event=alarm " in line]
            self.assertEqual(len(lines), 1, service.log())
            self.assertIn(f"level=warning event=alarm code={code} text=", lines[0])
            self.assertIn(alarms[0]["text"], lines[0])

    def metrics(self, service):
        return service.get("/metrics").body.decode()

    def test_refused(self):
        self.raised("refused")

    def test_nobody_can_be_reached(self):
        self.raised("port_25", "--port", "9")


class Again(Case):
    """The same request twice, the same rows twice, and things that are to be gone."""

    def test_idempotency(self):
        body = {"name": "once", "addresses": ["a@b.example"], "options": {"depth": "syntax"}}
        head = {"Idempotency-Key": "order-77"}
        first = SERVICE.post("/v1/lists", body, headers=head)
        again = SERVICE.post("/v1/lists", body, headers=head)
        self.assertEqual((first.status, again.status), (201, 201), again.body)
        self.assertEqual(first.json()["id"], again.json()["id"])
        self.assertEqual(again.headers["Idempotency-Replayed"], "true")
        self.assertIsNone(first.headers["Idempotency-Replayed"])
        other = SERVICE.post("/v1/lists", {**body, "addresses": ["c@d.example"]}, headers=head)
        self.problem(other, 422, "idempotency_key_reused")
        # Somebody else's key of the same name is another one.
        key, _ = SERVICE.make_key(name="else", scopes=["lists"])
        theirs = SERVICE.post("/v1/lists", body, headers=head, key=key)
        self.assertNotEqual(theirs.json()["id"], first.json()["id"])
        files = [multipart(b"a@b.example\n", name, {"depth": "syntax"})
                 for name in ("x.txt", "x.txt", "y.txt")]
        answers = [SERVICE.post("/v1/lists", data, {**kind, "Idempotency-Key": "file"})
                   for data, kind in files]
        self.assertEqual([a.status for a in answers], [201, 201, 422])
        self.assertEqual(answers[0].json()["id"], answers[1].json()["id"])
        self.problem(SERVICE.post("/v1/lists", body, headers={"Idempotency-Key": "x" * 300}), 422)
        # Of a file that is no list nothing was made: the key is for the right one.
        for content, status in ((b"name,size\nAnn,5\n", 422), (b"a@b.example\n", 201),
                                (b"c@d.example\n", 422)):
            data, kind = multipart(content, "x.csv", {"depth": "syntax"})
            answer = SERVICE.post("/v1/lists", data, {**kind, "Idempotency-Key": "put right"})
            self.assertEqual(answer.status, status, answer.body)
        self.problem(answer, 422, "idempotency_key_reused")

    def test_a_list_is_made_once_whenever_the_end_comes(self):
        """Killed after the list was made and before that was noted; or before both."""
        with served(LAB.config) as service:
            def send(name):
                data, kind = multipart(b"a@b.example\n", name, {"depth": "syntax"})
                return service.post("/v1/lists", data, {**kind, "Idempotency-Key": name})

            def killed(token, before_it_was_named=False):
                """What the store would hold then."""
                path = service.folder / "data" / "mailknock.db"
                with contextlib.closing(sqlite3.connect(path, timeout=20)) as db, db:
                    named = db.execute("SELECT body FROM note WHERE kind = 'list-token'"
                                       " AND id = ?", (token,)).fetchone()
                    if token != unknown:  # who looks for it need not walk through all lists
                        self.assertEqual(named[0].decode(), first.json()["id"])
                    if before_it_was_named:
                        db.execute("UPDATE note SET body = '' WHERE kind = 'list-token'")
                    body, = db.execute("SELECT body FROM note WHERE kind = 'idempotency'").fetchone()
                    db.execute("UPDATE note SET body = ? WHERE kind = 'idempotency'",
                               (body.split()[0] + b" begun " + token.encode(),))

            unknown = "abcdefghijklmnop"
            first = send("a.txt")
            self.assertEqual(first.status, 201)
            for unnamed in (False, True):
                killed(next((service.folder / "data" / "lists").iterdir()).name
                       .removesuffix(".txt"), unnamed)
                for _ in range(2):
                    again = send("a.txt")
                    self.assertEqual(again.json()["id"], first.json()["id"])
                    self.assertEqual(again.headers["Idempotency-Replayed"], "true")
            killed(next((service.folder / "data" / "lists").iterdir()).name.removesuffix(".txt"))
            data, kind = multipart(b"other@b.example\n", "a.txt", {"depth": "syntax"})
            self.problem(service.post("/v1/lists", data, {**kind, "Idempotency-Key": "a.txt"}),
                         422, "idempotency_key_reused")
            killed(unknown)
            self.assertNotEqual(send("a.txt").json()["id"], first.json()["id"])

    def test_a_check_sent_twice_asks_once(self):
        asked = {"address": "idem@nobody-knows.example", "fresh": True, "depth": "dns"}
        first = SERVICE.post("/v1/verify", asked, {"Idempotency-Key": "check-1"})
        second = SERVICE.post("/v1/verify", asked, {"Idempotency-Key": "check-1"})
        self.assertIsNone(first.headers.get("Idempotency-Replayed"))
        self.assertEqual(second.headers["Idempotency-Replayed"], "true")
        self.assertEqual((first.json()["source"], second.json()["source"]), ("live", "cache"))
        self.problem(SERVICE.post("/v1/verify", {**asked, "address": "other@b.example"},
                                  {"Idempotency-Key": "check-1"}), 422, "idempotency_key_reused")
        third = SERVICE.post("/v1/verify", asked, {"Idempotency-Key": "check-2"})
        self.assertEqual(third.json()["source"], "live")

    def test_recheck(self):
        made = SERVICE.upload(f"{GOOD}\nx y\n{GOOD}\nnobody.here@gmail.com\n".encode(), "r.txt",
                              {"depth": "syntax"})
        done = SERVICE.wait(made["id"])
        self.assertEqual((done["counts"]["unknown"], done["counts"]["invalid"]), (3, 1))
        before = self.checked(made["id"])
        answer = SERVICE.post(f"/v1/lists/{made['id']}/recheck")
        self.assertEqual(answer.status, 200, answer.body)
        done = SERVICE.wait(made["id"])
        self.assertEqual((done["counts"]["unknown"], done["counts"]["invalid"]), (3, 1))
        after = self.checked(made["id"])
        self.assertEqual([a != b for a, b in zip(before, after)], [True, False, True, True])
        answer = SERVICE.post(f"/v1/lists/{made['id']}/recheck", {"rows": [3, 2]})
        self.assertEqual(answer.status, 200, answer.body)
        SERVICE.wait(made["id"])
        last = self.checked(made["id"])
        self.assertEqual([a != b for a, b in zip(after, last)], [True, True, True, False])
        self.problem(SERVICE.post(f"/v1/lists/{made['id']}/recheck", {"rows": [5]}), 404)
        for rows in ([], [0], ["1"], "x"):
            self.problem(SERVICE.post(f"/v1/lists/{made['id']}/recheck", {"rows": rows}), 422)
        self.problem(SERVICE.post("/v1/lists/99999/recheck"), 404)

    def test_rejudge(self):
        """Today's lists on yesterday's evidence: nobody is asked, and a list that goes lifts nothing else."""
        one = "agnieszka.zajac.demo@wp.pl"
        made = SERVICE.upload(f"{one}\nx y\n{one}\nnobody.there@gmail.com\n".encode(), "j.txt")
        path = f"/v1/lists/{made['id']}"
        SERVICE.wait(made["id"])
        was, stats = self.checked(made["id"]), SERVICE.get(path + "/stats").json()
        same = SERVICE.post(path + "/rejudge").json()
        self.assertEqual((same["judged"], same["changed"], same["moves"]), (3, 0, []), same)
        kinds = "/v1/operator-lists/opt_out"
        self.assertEqual(SERVICE.call("PUT", kinds, one.encode(),
                                      {"Content-Type": "text/plain"}).status, 204)
        try:
            look = SERVICE.post(path + "/rejudge", {"dry_run": True}).json()
            move = [{"from": "accepted", "to": "opted_out", "rows": 1}]
            self.assertEqual((look["dry_run"], look["changed"], look["replaced"], look["moves"]),
                             (True, 1, 0, move))
            self.assertEqual(SERVICE.get(path + "/stats").json(), stats)
            done = SERVICE.post(path + "/rejudge", {"dry_run": False}).json()
            self.assertEqual((done["dry_run"], done["changed"], done["replaced"], done["moves"]),
                             (False, 1, 1, move))
        finally:
            SERVICE.call("PUT", kinds, b"", {"Content-Type": "text/plain"})
        self.assertEqual(SERVICE.get(path + "/stats").json()["counts"]["skipped"], 2)
        row = SERVICE.get(path + "/results/1").json()["result"]
        self.assertEqual((row["status"], row["reason"]), ("skipped", "opted_out"))
        self.assertEqual(self.checked(made["id"]), was)
        back = SERVICE.post(path + "/rejudge").json()
        self.assertEqual(back["moves"], [{"from": "opted_out", "to": "accepted", "rows": 1}])
        self.assertEqual(SERVICE.get(path + "/stats").json(), stats)
        self.assertIn(("list_judged_again", f"list {made['id']}"),
                      [(e["event"], e["subject"])
                       for e in SERVICE.get("/v1/audit").json()["items"]])

    def test_rejudge_by_command_knows_kept_lists(self):
        """Who opted out at the service's door stays so when `jobs rejudge` works on its store."""
        one = "agnieszka.zajac.demo@wp.pl"
        kinds = "/v1/operator-lists/opt_out"
        put = {"Content-Type": "text/plain"}
        self.assertEqual(SERVICE.call("PUT", kinds, one.encode(), put).status, 204)
        try:
            made = SERVICE.upload(f"{one}\n{GOOD}\n".encode(), "k.txt")
            SERVICE.wait(made["id"])
            words = ["jobs", "rejudge", "--job", str(made["id"]), "--store",
                     f"sqlite:{SERVICE.folder}/data/mailknock.db"]
            for more in (["--dry-run"], []):
                status, said, err = run(*words, *more)
                self.assertEqual(status, 0, err)
                self.assertTrue(said.startswith(b"0 of 2 judged again"), said)
        finally:
            SERVICE.call("PUT", kinds, b"", put)
        row = SERVICE.get(f"/v1/lists/{made['id']}/results/1").json()["result"]
        self.assertEqual((row["status"], row["reason"]), ("skipped", "opted_out"))

    def test_rejudge_is_refused(self):
        ready = SERVICE.upload(f"{GOOD}\n".encode(), "r.txt", {"start": False})
        SERVICE.wait(ready["id"], ("ready",))
        self.problem(SERVICE.post(f"/v1/lists/{ready['id']}/rejudge"), 409)
        self.problem(SERVICE.post("/v1/lists/99999/rejudge"), 404)
        done = SERVICE.upload(b"x y\n", "d.txt")
        SERVICE.wait(done["id"])
        for body in ({"dry_run": 1}, {"dry": True}, []):
            self.assertIn(SERVICE.post(f"/v1/lists/{done['id']}/rejudge", body).status, (400, 422))
        key, _ = SERVICE.make_key(name="single", scopes=["verify"])
        self.problem(SERVICE.post(f"/v1/lists/{done['id']}/rejudge", key=key), 403)

    def test_stats_see_what_another_process_judged_again(self):
        """jobs rejudge may change scores and flags alone, which no count tells."""
        made = SERVICE.upload(b"agnieszka.zajac.demo@wp.pl\n", "s.txt")
        SERVICE.wait(made["id"])
        path = f"/v1/lists/{made['id']}/stats"
        before = SERVICE.get(path).json()
        self.assertEqual(SERVICE.get(path).json(), before)
        with contextlib.closing(sqlite3.connect(SERVICE.folder / "data" / "mailknock.db")) as other:
            other.execute("UPDATE outcome SET score = 1 WHERE job = ?", (int(made["id"]),))
            other.commit()
        after = SERVICE.get(path).json()
        self.assertEqual(after["score_histogram"][0], 1)
        self.assertNotEqual(after["score_histogram"], before["score_histogram"])

    def test_loading_is_cancelled_or_paused(self):
        """The list is loaded whole all the same, so that it can be started later without a loss."""
        content = "".join(f"person{i}@nowhere.invalid\n" for i in range(60000)).encode()
        for verb, state in (("cancel", "cancelled"), ("pause", "ready")):
            made = SERVICE.upload(content, "long.txt", {"depth": "syntax"})
            self.assertEqual(made["state"], "loading")
            self.assertEqual(SERVICE.post(f"/v1/lists/{made['id']}/{verb}").status, 200)
            stopped = SERVICE.wait(made["id"], (state,))
            self.assertEqual((stopped["rows"], stopped["done"]), (60000, 0))
            self.assertEqual(SERVICE.post(f"/v1/lists/{made['id']}/start").status, 200)
            self.assertEqual(SERVICE.wait(made["id"])["done"], 60000)

    def test_recheck_asks_anew(self):
        """Not from what was found out before, which is what somebody doubts."""
        made = SERVICE.upload(f"{GOOD}\n".encode(), "again.txt")
        SERVICE.wait(made["id"])
        self.assertEqual(SERVICE.post(f"/v1/lists/{made['id']}/recheck", {"rows": [1]}).status, 200)
        SERVICE.wait(made["id"])
        row, = SERVICE.get(f"/v1/lists/{made['id']}/results").json()["items"]
        self.assertNotIn("own_history", row["flags"])

    def checked(self, list_id):
        rows = SERVICE.get(f"/v1/lists/{list_id}/results").json()["items"]
        return [SERVICE.get(f"/v1/lists/{list_id}/results/{r['row']}").json()["result"]["checked_at"]
                for r in rows]

    def test_preflight(self):
        made = SERVICE.upload(CUSTOMERS.read_bytes(), "customers.csv", {"start": False})
        SERVICE.wait(made["id"], ("ready",))
        answer = SERVICE.get(f"/v1/lists/{made['id']}/preflight")
        self.assertEqual(answer.status, 200, answer.body)
        got = answer.json()
        self.assertEqual([c["name"] for c in got["columns"]], ["id", "name", "email", "city"])
        self.assertEqual((got["column"], got["header"], got["rows"]), (3, True, 200))
        self.assertGreater(got["columns"][2]["address_share"], 0.9)
        self.assertEqual(got["columns"][0]["address_share"], 0)
        self.assertEqual(len(got["first_rows"]), 10)
        self.assertEqual(got["columns"][3]["samples"][0], "Pärnu")
        self.assertEqual(got["top_domains"][0]["domain"], "gmail.com")
        self.assertTrue(got["top_providers"])
        self.assertGreater(got["estimate_s"], 0)
        # The same bytes once more, under another name.
        again = SERVICE.upload(CUSTOMERS.read_bytes(), "again.csv", {"start": False})
        SERVICE.wait(again["id"], ("ready",))
        seen = SERVICE.get(f"/v1/lists/{again['id']}/preflight").json()["seen_before"]
        self.assertEqual((seen["id"], seen["name"]), (made["id"], made["name"]))
        other = SERVICE.upload(b"u@one.example\n", "other.csv", {"start": False})
        SERVICE.wait(other["id"], ("ready",))
        self.assertIsNone(SERVICE.get(f"/v1/lists/{other['id']}/preflight").json()["seen_before"])
        # The column can still be changed.
        self.assertEqual(SERVICE.call("PATCH", f"/v1/lists/{made['id']}",
                                      {"column": "email", "depth": "syntax"}).status, 200)
        self.problem(SERVICE.get("/v1/lists/99999/preflight"), 404)

    def test_erase_and_audit(self):
        person = "Erase.Me.Please@gmail.com"
        made = SERVICE.upload(f"{person}\na@b.example\neraseme.please+x@googlemail.com\n".encode(),
                              "e.txt", {"depth": "syntax"})
        SERVICE.wait(made["id"])
        SERVICE.get(f"/v1/verify?address={person}&depth=syntax")
        answer = SERVICE.post("/v1/erase", {"address": person.lower()})
        self.assertEqual(answer.status, 200, answer.body)
        got = answer.json()
        self.assertEqual(got["rows"], 2)
        self.assertEqual([(one["id"], one["rows"]) for one in got["lists"]], [(made["id"], 2)])
        rows = SERVICE.get(f"/v1/lists/{made['id']}/results").json()
        self.assertNotIn("erase", json.dumps(rows).lower().replace("erased on request", ""))
        self.assertEqual([r["address"] for r in rows["items"]], ["", "a@b.example", ""])
        self.assertEqual(SERVICE.post("/v1/erase", {"address": person}).json(),
                         {"rows": 0, "records": 0, "lists": []})
        self.problem(SERVICE.post("/v1/erase", {"address": ""}), 422)
        log = SERVICE.get("/v1/audit").json()["items"]
        self.assertEqual(log[0]["event"], "erased")
        self.assertIn(("list_made", f"list {made['id']}"), [(e["event"], e["subject"]) for e in log])
        self.assertNotIn("@", json.dumps(log))
        page = SERVICE.get("/v1/audit?limit=1").json()
        self.assertEqual(page["items"], log[:1])
        self.assertEqual(SERVICE.get(f"/v1/audit?limit=1&cursor={page['next']}").json()["items"],
                         log[1:2])

    def test_erase_on_the_command_line(self):
        made = SERVICE.upload(b"cli.erase@b.example\n", "c.txt", {"depth": "syntax"})
        SERVICE.wait(made["id"])
        status, out, err = run("erase", "cli.erase@b.example", "--data",
                               str(SERVICE.folder / "data"))
        self.assertEqual(status, 0, err)
        self.assertEqual(json.loads(out)["rows"], 1)
        self.assertIn(b"remove the lists", err)
        self.assertEqual(SERVICE.get(f"/v1/lists/{made['id']}/results/1").json()["address"], "")
        self.assertEqual(run("erase", "", "--data", str(SERVICE.folder / "data"))[0], 2)

    def test_retention(self):
        with tempfile.TemporaryDirectory(prefix="mk-keep-") as folder:
            service = Service(LAB.config, folder)
            lists = [service.upload(b"a@b.example\n", f"{days}.txt",
                                    {"depth": "syntax", "retention_days": days})["id"]
                     for days in (0, 30)]
            for one in lists:
                service.wait(one)
            self.assertEqual(service.close(), 0)
            with sqlite3.connect(pathlib.Path(folder) / "data" / "mailknock.db") as database:
                database.execute("UPDATE job SET finished_ms = finished_ms - 10 * 86400000")
            database.close()
            service = Service(LAB.config, folder, "--retention", "7", key=service.key)
            self.addCleanup(service.close)
            self.until(lambda: service.get(f"/v1/lists/{lists[0]}").status == 404)
            self.assertEqual(service.get(f"/v1/lists/{lists[1]}").json()["state"], "done")
            self.until(lambda: len(list((service.folder / "data" / "lists").iterdir())) == 1)
            self.assertEqual(service.get("/v1/audit").json()["items"][0]["event"], "list_expired")
            self.assertEqual(service.close(), 0)


class Operator(Case):
    def put(self, kind, text):
        return SERVICE.call("PUT", f"/v1/operator-lists/{kind}", text.encode())

    def test_lists_of_the_operator(self):
        self.addCleanup(self.put, "block", "")
        said = self.problem(self.put("block", "a@b.example\nbad entry!\n"), 422)
        self.assertIn("line 2", said["detail"])
        self.assertEqual(SERVICE.get("/v1/operator-lists/block").body, b"")
        self.assertEqual(self.put("block", "# ours\nblocked.example\n").status, 204)
        self.assertEqual(SERVICE.get("/v1/operator-lists/block").body,
                         b"# ours\nblocked.example\n")
        got = SERVICE.get("/v1/verify?address=a@blocked.example").json()
        self.assertEqual(got["status"], "skipped")
        self.problem(SERVICE.get("/v1/operator-lists/friends"), 404, "no_such_kind")

    def test_a_list_changed_meanwhile_is_not_written_over(self):
        self.addCleanup(self.put, "block", "")
        path, plain = "/v1/operator-lists/block", {"Content-Type": "text/plain"}
        self.put("block", "one.example\n")
        tag = SERVICE.get(path).headers["ETag"]
        self.assertEqual(SERVICE.post(f"{path}/entries", {"entries": ["two.example"]}).json(),
                         {"added": 1, "already": 0})
        stale = SERVICE.call("PUT", path, b"three.example\n", {**plain, "If-Match": tag})
        self.problem(stale, 412, "changed_meanwhile")
        fresh = {**plain, "If-Match": SERVICE.get(path).headers["ETag"]}
        self.assertEqual(SERVICE.call("PUT", path, b"four.example\n", fresh).status, 204)
        self.assertEqual(SERVICE.get(path).body, b"four.example\n")

    def test_entries_of_a_list(self):
        self.addCleanup(self.put, "opt_out", "")
        self.put("opt_out", "# kept by hand\nAnn@Entries.example # since May")
        path = "/v1/operator-lists/opt_out/entries"
        for bad in ({}, {"entries": []}, {"entries": "a@b.example"}, {"entries": [7]},
                    {"entries": ["a@b.example\nc@d.example"]}, {"entries": ["a@b.example # c"]},
                    {"entries": ["no address!"]}, {"entries": ["x" * 401]}, {"entries": [""]},
                    {"entries": ["a@b.example"] * 1001}):
            self.problem(SERVICE.post(path, bad), 422)
        self.problem(SERVICE.post("/v1/operator-lists/friends/entries", {"entries": ["a.example"]}),
                     404, "no_such_kind")
        SERVICE.post("/v1/verify", {"address": "new@entries.example", "depth": "syntax"})
        given = ["ann@entries.example", "new@entries.example", "NEW@entries.example", "gone.example"]
        self.assertEqual(SERVICE.post(path, {"entries": given}).json(), {"added": 2, "already": 2})
        self.assertEqual(SERVICE.get("/v1/operator-lists/opt_out").body.decode(),
                         "# kept by hand\nAnn@Entries.example # since May\n"
                         "new@entries.example\ngone.example\n")
        got = SERVICE.post("/v1/verify", {"address": "new@entries.example", "depth": "syntax"}).json()
        self.assertEqual(got["reason"], "opted_out")
        first = SERVICE.get(f"{path}?limit=2").json()
        self.assertEqual([one["entry"] for one in first["items"]],
                         ["Ann@Entries.example", "new@entries.example"])
        second = SERVICE.get(f"{path}?limit=2&cursor={first['next']}").json()
        self.assertEqual(second, {"items": [{"entry": "gone.example"}], "next": None})
        found = SERVICE.get(f"{path}?text=ENTRIES.").json()["items"]
        self.assertEqual(len(found), 2)
        self.assertEqual(SERVICE.get(f"{path}?cursor=99999").json(), {"items": [], "next": None})
        self.assertEqual(SERVICE.call("DELETE", f"{path}?entry=ann%40entries.example").status, 204)
        self.problem(SERVICE.call("DELETE", f"{path}?entry=ann%40entries.example"), 404)
        self.problem(SERVICE.call("DELETE", path), 422, "no_entry")
        self.assertEqual(SERVICE.call("DELETE", f"{path}?entry=new@entries.example").status, 204)
        got = SERVICE.post("/v1/verify", {"address": "new@entries.example", "depth": "syntax"}).json()
        self.assertNotEqual(got["reason"], "opted_out")
        self.assertEqual(SERVICE.get("/v1/operator-lists/opt_out").body.decode(),
                         "# kept by hand\ngone.example\n")
        noted = SERVICE.get("/v1/audit").json()["items"][0]
        self.assertEqual((noted["event"], noted["subject"]),
                         ("operator_list_changed", "opt_out, 1 removed"))

    def test_remembered_answers_end_with_the_lists_they_were_judged_by(self):
        """An entry of a domain concerns addresses that are not named in it."""
        self.addCleanup(self.put, "block", "")
        path, address = "/v1/operator-lists/block", "agnieszka.zajac.demo@wp.pl"

        def reason():
            return SERVICE.post("/v1/verify", {"address": address}).json()["reason"]
        self.assertEqual(reason(), "accepted")
        self.assertEqual(SERVICE.post(f"{path}/entries", {"entries": ["wp.pl"]}).status, 200)
        self.assertEqual(reason(), "blocked_domain")
        self.assertEqual(SERVICE.call("DELETE", f"{path}/entries?entry=wp.pl").status, 204)
        self.assertEqual(reason(), "accepted")
        self.assertEqual(self.put("block", "wp.pl\n").status, 204)
        self.assertEqual(reason(), "blocked_domain")
        self.assertEqual(self.put("block", "").status, 204)
        self.assertEqual(reason(), "accepted")

    def test_pages_of_entries_begin_with_whole_ones(self):
        """Also when an entry ahead of the cursor has gone meanwhile."""
        self.addCleanup(self.put, "block", "")
        path = "/v1/operator-lists/block/entries"
        names = [f"domain{i}.example" for i in range(6)]
        self.put("block", "\n".join(names))
        cursor = SERVICE.get(f"{path}?limit=3").json()["next"]
        self.put("block", "\n".join(["do.example", *names[1:]]))
        page = SERVICE.get(f"{path}?cursor={cursor}").json()["items"]
        self.assertEqual([one["entry"] for one in page], names[3:])

    def test_the_mark_of_some_editors_is_no_part_of_an_entry(self):
        self.addCleanup(self.put, "block", "")
        path = "/v1/operator-lists/block/entries"
        self.put("block", "\ufefffirst.example\nsecond.example\n")
        entries = [one["entry"] for one in SERVICE.get(path).json()["items"]]
        self.assertEqual(entries, ["first.example", "second.example"])
        self.assertEqual(SERVICE.post(path, {"entries": ["first.example"]}).json(),
                         {"added": 0, "already": 1})
        self.assertEqual(SERVICE.call("DELETE", f"{path}?entry=first.example").status, 204)
        self.assertEqual(SERVICE.get("/v1/operator-lists/block").body, b"second.example\n")

    def test_suppressing_what_a_filter_matches(self):
        self.addCleanup(self.put, "opt_out", "")
        self.put("opt_out", "sure@here.example")  # no line feed behind it
        given = ["a@here.example", "b@here.example", "B@here.example", "sure@here.example", "no@@x",
                 '"c #d"@here.example', "e@elsewhere.example"]
        made = SERVICE.post("/v1/lists", {"addresses": given, "options": {"depth": "syntax"}}).json()
        SERVICE.wait(made["id"])
        path = f"/v1/lists/{made['id']}/suppress"
        SERVICE.post("/v1/verify", {"address": "a@here.example", "depth": "syntax"})
        self.problem(SERVICE.post(f"{path}?kind=opt_out"), 422, "no_filter")
        self.problem(SERVICE.post(f"{path}?kind=listed&text=here"), 422, "bad_kind")
        self.problem(SERVICE.post(f"{path}?text=here"), 422, "bad_kind")
        self.problem(SERVICE.post("/v1/lists/99999/suppress?kind=opt_out&text=x"), 404)
        answer = SERVICE.post(f"{path}?kind=opt_out&domain=here.example")
        self.assertEqual(answer.json(), {"kind": "opt_out", "matched": 5, "added": 2, "already": 2,
                                         "unusable": 1})
        kept = SERVICE.get("/v1/operator-lists/opt_out").body.decode()
        self.assertEqual(kept, "sure@here.example\na@here.example\nb@here.example\n")
        # In effect at once, also for what was remembered; and nothing is added twice.
        got = SERVICE.post("/v1/verify", {"address": "a@here.example", "depth": "syntax"}).json()
        self.assertEqual(got["reason"], "opted_out")
        again = SERVICE.post(f"{path}?kind=opt_out&domain=here.example").json()
        self.assertEqual((again["added"], again["already"]), (0, 4))
        noted = SERVICE.get("/v1/audit").json()["items"][0]
        self.assertEqual((noted["event"], noted["subject"]),
                         ("operator_list_changed", f"opt_out, 2 of list {made['id']}"))

    def test_lists_from_files_are_told(self):
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("one.example\ntwo@example.org\n")
            file.flush()
            with served(LAB.config, "--block", file.name) as own:
                own.call("PUT", "/v1/operator-lists/block", "three.example\n",
                         {"Content-Type": "text/plain"})
                told = {one["kind"]: one for one in own.get("/v1/operator-lists").json()["items"]}
        self.assertEqual(len(told), 8)
        self.assertEqual(told["block"], {"kind": "block", "in_effect": 3, "own": 1,
                                         "files": [file.name]})
        self.assertEqual((told["allow"]["in_effect"], told["allow"]["files"]), (0, []))


class OtherSites(Case):
    def test_pages_that_are_welcome(self):
        """They may read which text a list is, and say so when they put another."""
        origin = {"Origin": "https://shop.example"}
        with served(LAB.config, "--cors", origin["Origin"]) as service:
            asked = service.call("OPTIONS", "/v1/operator-lists/block", key=None, headers={
                **origin, "Access-Control-Request-Method": "PUT",
                "Access-Control-Request-Headers": "if-match,x-api-key"})
            allowed = asked.headers["Access-Control-Allow-Headers"].lower().split(", ")
            self.assertEqual(set(allowed) & {"if-match", "x-api-key"}, {"if-match", "x-api-key"})
            self.assertNotIn("x-mailknock", allowed)
            self.assertIn("PUT", asked.headers["Access-Control-Allow-Methods"])
            read = service.get("/v1/operator-lists/block", headers=origin)
            self.assertEqual(read.headers["Access-Control-Allow-Origin"], origin["Origin"])
            self.assertIn("ETag", read.headers["Access-Control-Expose-Headers"].split(", "))
            other = service.get("/v1/operator-lists/block", headers={"Origin": "https://evil.example"})
            self.assertNotIn("Access-Control-Allow-Origin", other.headers)


class Watching(Case):
    def test_health_and_metrics(self):
        self.assertEqual(SERVICE.get("/healthz", key=None).status, 200)
        self.assertEqual(SERVICE.get("/readyz", key=None).status, 200)
        SERVICE.get(f"/v1/verify?address={GOOD}")
        answer = SERVICE.get("/metrics", key=None)
        self.assertEqual(answer.status, 200)
        self.assertTrue(answer.type.startswith("text/plain"))
        kinds, seen = {}, set()
        line_form = re.compile(
            r'^([a-z_][a-z0-9_]*)(\{[a-z_]+="[^"\n]*"(,[a-z_]+="[^"\n]*")*\})? (-?[0-9.e+-]+|\+Inf)$')
        for line in answer.body.decode().splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                self.assertNotIn(name, kinds)
                kinds[name] = kind
            elif not line.startswith("#"):
                found = line_form.match(line)
                self.assertTrue(found, line)
                name = re.sub(r"_(bucket|sum|count)$", "", found.group(1))
                self.assertTrue(name in kinds or found.group(1) in kinds, line)
                self.assertNotIn((found.group(1), found.group(2)), seen)
                seen.add((found.group(1), found.group(2)))
        self.assertIn("mailknock_verdicts_total", kinds)

    def test_no_address_in_the_log(self):
        SERVICE.get(f"/v1/verify?address={GOOD}")
        SERVICE.get("/v1/lists/1/results?text=okafor")
        log = SERVICE.log()
        self.assertIn("route=", log)
        for word in ("okafor", "@", "gmail.com"):
            self.assertNotIn(word, log)


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
