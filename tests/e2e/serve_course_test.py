"""What becomes of the service's lists: stopped, killed, sent twice, judged again, erased."""
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import sqlite3
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from program import ROOT, lab, run  # noqa: E402
from service import PATIENCE_S, Case, Service, multipart, served  # noqa: E402

CUSTOMERS = ROOT / "examples" / "customers.csv"
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
            db.execute("DELETE FROM note WHERE kind = 'mended'")
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
            # Later there are those sent again, too, until they are taken away.
            token = next((service.folder / "data" / "lists").iterdir()).name.removesuffix(".txt")
            for unnamed in (False, True):
                killed(token, unnamed)
                for _ in range(2):
                    again = send("a.txt")
                    self.assertEqual(again.json()["id"], first.json()["id"])
                    self.assertEqual(again.headers["Idempotency-Replayed"], "true")
            killed(token)
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


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
