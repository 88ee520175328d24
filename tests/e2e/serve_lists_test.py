"""Lists of the service: uploads, results, exports; and what is seen of it all from outside."""
import contextlib
import csv
import gzip
import http.client
import io
import json
import os
import re
import sys
import time
import unittest
import zipfile

sys.path.insert(0, os.path.dirname(__file__))
from program import ROOT, lab, run  # noqa: E402
from service import PATIENCE_S, Case, multipart, served  # noqa: E402

CUSTOMERS = ROOT / "examples" / "customers.csv"
EXPECTED = ROOT / "examples" / "customers.expected.csv"
GOOD = "amara.okafor.demo@gmail.com"

STACK = contextlib.ExitStack()
LAB = SERVICE = None


def setUpModule():
    global LAB, SERVICE
    LAB = STACK.enter_context(lab(ROOT / "examples" / "demo.scenario"))
    SERVICE = STACK.enter_context(served(LAB.config))


def tearDownModule():
    STACK.close()


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


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
