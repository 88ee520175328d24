"""What was found out before, and what became of messages: on the command line and in the service,
with the lab's wire log as witness of who was asked."""
import json
import os
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from program import lab, run  # noqa: E402
from service import Service  # noqa: E402

SCENARIO = """
domain good.example
  mx 10 mx.good.example
server mx.good.example 127.0.0.21
  mailbox ann
  mailbox bob
domain all.example
  mx 10 mx.all.example
server mx.all.example 127.0.0.22
  behave accept-all
"""

BOUNCE = ("address,outcome,date,detail\n"
          "bob@good.example,hard bounce,2026-01-02,550 5.1.1 User unknown\n"
          "ann@good.example,bounced,2026-01-02,554 5.7.1 blocked using Spamhaus\n"
          "any@all.example,delivered,2026-01-02,\n"
          "nobody at all,bounce,2026-01-02,\n")


def log_of(opened):
    return pathlib.Path(opened.log).read_text(encoding="utf-8", errors="replace")


class History(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)
        self.history = str(self.path / "known.db")

    def check(self, opened, *arguments, kept=True):
        words = ["--history-file", self.history] if kept else []
        status, out, err = run("check", "--config", opened.config, "--json", "--evidence", *words,
                               *arguments)
        self.assertIn(status, (0, 1, 3), err)
        results = [json.loads(line) for line in out.splitlines()]
        return results if len(results) > 1 else results[0]

    def asked(self, opened, address):
        return log_of(opened).count(f"RCPT TO:<{address}>")

    def test_fresh_answers_ask_nobody(self):
        with lab(SCENARIO) as opened:
            first = self.check(opened, "ann@good.example")
            again = self.check(opened, "ann@good.example")
            self.assertEqual((first["source"], again["source"]), ("live", "history"))
            self.assertEqual(again["checked_at"], first["checked_at"])
            self.assertEqual((again["status"], again["reason"]), ("valid", "accepted"))
            self.assertIn("own_history", again["flags"])
            self.assertNotIn("own_history", first["flags"])
            self.assertEqual(first["evidence"]["attempts"], again["evidence"]["attempts"])
            self.assertEqual(self.asked(opened, "ann@good.example"), 1)
            self.assertEqual(self.check(opened, "--fresh", "ann@good.example")["source"], "live")
            self.assertEqual(self.check(opened, "--no-history", "ann@good.example")["source"],
                             "live")
            self.assertEqual(self.check(opened, "ann@good.example", kept=False)["source"], "live")
            self.assertEqual(self.asked(opened, "ann@good.example"), 4)
            # Cleaning knows it too.
            status, out, err = run("clean", "--config", opened.config, "--history-file",
                                   self.history, "-o", "-", "-",
                                   given=b"ann@good.example\nbob@good.example\n")
            cleaned = [json.loads(line)["mailknock"] for line in out.splitlines()]
            self.assertEqual({one["address"]: one["source"] for one in cleaned},
                             {"ann@good.example": "history", "bob@good.example": "live"}, err)
            self.assertEqual(self.asked(opened, "ann@good.example"), 4)
            self.assertEqual(self.asked(opened, "bob@good.example"), 1)
        status, out, err = run("feedback", "history", "--history-file", self.history)
        kept = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([one["address"] for one in kept], ["ann@good.example",
                                                            "bob@good.example"])
        self.assertIn("attempts", kept[0]["evidence"])

    def test_nothing_is_written_unasked(self):
        with lab(SCENARIO) as opened:
            status, out, err = run("check", "--config", opened.config, "ann@good.example",
                                   cwd=self.path)
            self.assertEqual(status, 0, err)
        self.assertEqual(list(self.path.iterdir()), [])

    def test_a_history_that_cannot_be_written_costs_a_word(self):
        with lab(SCENARIO) as opened:
            status, out, err = run("check", "--config", opened.config, "--history-file",
                                   str(self.path / "nowhere" / "known.db"), "ann@good.example")
            self.assertEqual(status, 0)
            self.assertIn(b"history is left aside", err)

    def test_nobody_is_asked_where_kept_lists_cannot_be_read(self):
        (self.path / "known.db").write_text("not ours")
        with lab(SCENARIO) as opened:
            for option, depth in (("--history-file", "smtp"), ("--store", "syntax")):
                words = ["--config", opened.config, option, "sqlite:" + self.history, "--depth", depth]
                for command in (["check", "ann@good.example"], ["clean", "-", "-o", "-"]):
                    status, out, err = run(*command, *words, given=b"ann@good.example\n")
                    self.assertEqual((status, out), (2, b""), (command, err))
                    self.assertIn(b"known.db", err)
                    self.assertIn(b"nobody is asked", b" ".join(err.split()))
            self.assertEqual(self.asked(opened, "ann@good.example"), 0)

    def test_lists_that_a_service_keeps_hold_for_check_and_clean(self):
        address, place = "ann@good.example", f"sqlite:{self.path}/data/mailknock.db"
        with lab(SCENARIO) as opened:
            service = Service(opened.config, self.folder.name)
            try:
                answer = service.post("/v1/operator-lists/opt_out/entries", {"entries": [address]})
                self.assertEqual(answer.status, 200)
                for option, depth in (("--store", "smtp"), ("--history-file", "syntax")):
                    words = ["--config", opened.config, option, place, "--depth", depth]
                    status, out, err = run("check", address, "--json", "--no-history", *words)
                    self.assertEqual(json.loads(out)["reason"], "opted_out", err)
                    status, out, err = run("clean", "-", "-o", "-", "--format", "ndjson", *words,
                                           given=address.encode() + b"\n")
                    self.assertEqual(json.loads(out)["mailknock"]["reason"], "opted_out", err)
                    if depth == "smtp":
                        service.close()  # it holds without the service, too
            finally:
                service.process.kill()
            self.assertEqual(self.asked(opened, address), 0)

    def test_feedback_teaches(self):
        with lab(SCENARIO) as opened:
            before = self.check(opened, "any@all.example")
            table = self.path / "bounces.csv"
            table.write_text(BOUNCE)
            status, out, err = run("feedback", "import", str(table), "--json", "--history-file",
                                   self.history)
            self.assertEqual(status, 1, err)
            self.assertIn(b"bounces.csv, line 5: 'nobody at all' is no address", err)
            self.assertEqual(json.loads(out), {"bounce": 1, "delivery": 1, "complaint": 0,
                                               "soft_bounce": 0, "blocked": 1, "other": 0,
                                               "faults": 1})
            bob, ann, any_ = self.check(opened, "--bounce-time", "3650d", "bob@good.example",
                                        "ann@good.example", "any@all.example")
            self.assertEqual((bob["status"], bob["reason"]), ("do_not_mail", "known_bounce"))
            self.assertIn("550 5.1.1 User unknown", bob["explanation"])
            self.assertEqual(self.asked(opened, "bob@good.example"), 0)
            self.assertEqual((ann["status"], ann["reason"]), ("valid", "accepted"))
            self.assertEqual((any_["status"], any_["reason"]), ("catch_all", "accepts_all"))
            self.assertGreater(any_["score"], before["score"])
            self.assertEqual(any_["action"], "send")
        exported = run("feedback", "export", "--history-file", self.history)[1]
        self.assertEqual([(one["address"], one["outcome"])
                          for one in map(json.loads, exported.splitlines())],
                         [("bob@good.example", "bounce"), ("any@all.example", "delivery")])
        # What was exported can be imported.
        other = str(self.path / "other.db")
        run("feedback", "import", "-", "--history-file", other, given=exported)
        self.assertEqual(run("feedback", "export", "--history-file", other)[1], exported)
        self.assertEqual(run("feedback", "clear", "--history-file", other)[1],
                         b"2 outcomes removed\n")
        self.assertEqual(run("feedback", "export", "--history-file", other)[1], b"")

    def test_the_report_says_whether_scores_came_true(self):
        people = ["ann.lee", "bo.day", "cy.may", "xq7zkw9v"]
        fates = {"ann.lee": "delivered", "bo.day": "bounce", "xq7zkw9v": "bounce"}
        job, report = str(self.path / "out.csv.mkjob"), self.path / "report.html"
        words = ["--history-file", self.history, "--report", str(report)]
        with lab(SCENARIO) as opened:
            given = "".join(f"{one}@all.example\n" for one in [*people, "ann.lee"])
            source = self.path / "people.txt"
            source.write_text(given)
            status, said, err = run("clean", "--config", opened.config, "--keep-job", *words, "-o",
                                    str(self.path / "out.csv"), str(source))
            self.assertNotIn("come true", report.read_text(), err)
        table = "address,outcome,detail\n" + "".join(
            f"{who}@all.example,{fate},550 5.1.1 unknown\n" for who, fate in fates.items())
        run("feedback", "import", "-", "--history-file", self.history, given=table.encode())
        status, out, err = run("jobs", "export", job, "--format", "ndjson", *words)
        self.assertEqual(status, 0, err)
        self.check_report(report.read_text(), fates, {
            one["mailknock"]["address"].split("@")[0]: one["mailknock"]["score"]
            for one in map(json.loads, out.splitlines())})
        status, out, err = run("jobs", "export", job, *words, "--no-history")
        self.assertNotIn("come true", report.read_text(), err)

    def check_report(self, page, fates, scores):
        told = [(scores[who] / 100, fate == "delivered") for who, fate in fates.items()]
        brier = sum((score - fate) ** 2 for score, fate in told) / len(told)
        share = sum(fate for _, fate in told) / len(told)
        self.assertIn(f"Of {len(told)} addresses whose servers proved nothing", page)
        self.assertIn(f"Brier score {brier:.3f} ({share * (1 - share):.3f} for who knows", page)
        self.assertIn('<svg viewBox="0 0 180 180" role="img" aria-labelledby="came-true">', page)

    def test_erase(self):
        with lab(SCENARIO) as opened:
            self.check(opened, "ann@good.example")
        status, out, err = run("erase", "ann@good.example", "--history-file", self.history)
        self.assertEqual(json.loads(out), {"rows": 0, "records": 1, "lists": [],
                                           "places": [self.history]}, err)
        self.assertNotIn(b"ann@good.example", pathlib.Path(self.history).read_bytes())

    def test_erase_looks_wherever_the_operator_keeps_things(self):
        """One command: the service's folder and the history file of the same configuration."""
        folder = self.path / "service"
        folder.mkdir()
        bounce = b"address,outcome\nann@good.example,bounce\n"
        with lab(SCENARIO) as opened:
            service = Service(opened.config, folder)
            try:
                made = service.upload(b"ann@good.example\n", "e.txt")
                service.wait(made["id"])
            finally:
                service.close()
        data = str(folder / "data")
        for where in (["--data", data], ["--history-file", self.history]):
            status, out, err = run("feedback", "import", "-", *where, given=bounce)
            self.assertEqual(status, 0, err)
            self.assertIn(where[1].encode(), out)
        places = [f"sqlite:{data}/mailknock.db", self.history]
        words = ["erase", "ann@good.example", "--history-file", self.history]
        status, out, err = run(*words, "--data", data)
        done = json.loads(out)
        self.assertEqual((done["rows"], done["records"], done["places"]), (1, 3, places), err)
        for path in (self.history, f"{data}/mailknock.db"):
            self.assertNotIn(b"ann@good.example", pathlib.Path(path).read_bytes())
        status, out, err = run(*words, "--data", data)
        self.assertEqual(json.loads(out), {"rows": 0, "records": 0, "lists": [], "places": places})
        # The same file under two names is one place; a folder that was named must be there.
        status, out, err = run(*words, "--store", "sqlite:" + self.history)
        self.assertEqual(json.loads(out)["places"], ["sqlite:" + self.history], err)
        self.assertEqual(run(*words, "--data", str(self.path / "nowhere"))[0], 2)
        self.assertEqual(run(*words, cwd=self.path)[0], 0)

    def test_rejudging_asks_nobody(self):
        with lab(SCENARIO) as opened:
            job, out = str(self.path / "out.csv.mkjob"), str(self.path / "out.csv")
            status, said, err = run("clean", "--config", opened.config, "--keep-evidence", "--keep-job",
                                    "-o", out, "-", given=b"ann@good.example\nx@all.example\n")
            self.assertTrue(os.path.exists(job), err)
            lines = len(log_of(opened))
            before = self.exported(job)
            status, said, err = run("jobs", "rejudge", job)
            self.assertEqual((status, said), (0, b"0 of 2 judged again changed\n"), err)
            self.assertEqual(self.exported(job), before)
            (self.path / "listed").write_text("all.example\n")
            words = ["jobs", "rejudge", job, "--json", "--listed", str(self.path / "listed")]
            for more, end in (["--dry-run"], b"would change\n"), ([], b"changed\n"):
                status, said, err = run(*words, *more)
                self.assertEqual([(one["address"], one["reason_was"], one["reason"])
                                  for one in map(json.loads, said.splitlines())],
                                 [("x@all.example", "accepts_all", "listed_domain")])
                self.assertTrue(err.endswith(b"1 of 2 judged again " + end), err)
                if more:
                    self.assertEqual(self.exported(job), before)
            self.judged_anew(job, before)
            # What is judged anew can be judged again, and as it was.
            status, said, err = run("jobs", "rejudge", job)
            self.assertIn(b"1 of 2 judged again changed\n", said, err)
            self.assertEqual(self.exported(job), before)
            self.assertEqual(len(log_of(opened)), lines)

    def test_rejudging_lifts_no_list_by_forgetting_it(self):
        job, listed = self.path / "out.csv.mkjob", self.path / "listed"
        listed.write_text("all.example\n")
        with lab(SCENARIO) as opened:
            run("clean", "--config", opened.config, "--keep-evidence", "--keep-job", "--listed",
                str(listed), "-o", str(self.path / "out.csv"), "-", given=b"x@all.example\n")
        status, _, err = run("jobs", "rejudge", str(job))
        self.assertEqual(status, 2, err)
        self.assertIn(b"checked with --listed", b" ".join(err.split()))
        status, said, err = run("jobs", "rejudge", str(job), "--listed", str(listed))
        self.assertEqual((status, said), (0, b"0 of 1 judged again changed\n"), err)

    def exported(self, job):
        status, out, err = run("jobs", "export", job, "--format", "ndjson", "-o", "-")
        self.assertEqual(status, 0, err)
        return [json.loads(line) for line in out.splitlines()]

    def judged_anew(self, job, before):
        """Only what follows from the lists is otherwise; the counts go with it."""
        ann, other = (row["mailknock"] for row in self.exported(job))
        self.assertEqual(ann, before[0]["mailknock"])
        self.assertEqual((other["status"], other["reason"], other["action"]),
                         ("do_not_mail", "listed_domain", "suppress"))
        for name in ("checked_at", "source", "duration_ms"):
            self.assertEqual(other[name], before[1]["mailknock"][name])
        status, said, err = run("jobs", "show", job, "--json")
        self.assertEqual(json.loads(said)["reasons"], {"accepted": 1, "listed_domain": 1})
        then = before[1]["mailknock"]["evidence"]
        self.assertEqual((then["lists"], other["evidence"]["lists"]), ([], ["listed"]))
        self.assertEqual({**other["evidence"], "lists": []}, then)


class InService(unittest.TestCase):
    check_report = History.check_report

    def test_the_report_says_whether_scores_came_true(self):
        fates = {"ann.lee": "delivered", "bo.day": "bounce"}
        with lab(SCENARIO) as opened, tempfile.TemporaryDirectory() as folder:
            service = Service(opened.config, folder)
            try:
                made = service.upload(b"ann.lee@all.example\nbo.day@all.example\n", "r.txt")
                service.wait(made["id"])
                path = f"/v1/lists/{made['id']}"
                self.assertNotIn("come true", service.get(path + "/report").body.decode())
                answer = service.post("/v1/feedback", [
                    {"address": f"{who}@all.example", "outcome": fate, "detail": "550 5.1.1 no"}
                    for who, fate in fates.items()])
                self.assertEqual(answer.status, 200, answer.body)
                self.check_report(service.get(path + "/report").body.decode(), fates, {
                    row["address"].split("@")[0]: row["score"]
                    for row in service.get(path + "/results").json()["items"]})
            finally:
                service.close()

    def test_the_service_remembers_and_learns(self):
        with lab(SCENARIO) as opened, tempfile.TemporaryDirectory() as folder:
            service = Service(opened.config, folder)
            try:
                first = service.get("/v1/verify?address=ann@good.example").json()
                self.assertEqual(first["source"], "live")
                events = [{"address": "bob@good.example", "outcome": "bounce",
                           "detail": "550 5.1.1 unknown"},
                          {"email": "any@all.example", "event": "delivered",
                           "timestamp": 1767225600},
                          {"address": "ann@good.example", "outcome": "eaten"}]
                answer = service.post("/v1/feedback", events)
                self.assertEqual(answer.status, 200, answer.body)
                got = answer.json()
                self.assertEqual((got["bounce"], got["delivery"], got["faulty"]), (1, 1, 1))
                self.assertEqual(got["faults"][0]["event"], 3)
                bob = service.get("/v1/verify?address=bob@good.example").json()
                self.assertEqual(bob["reason"], "known_bounce")
                self.assertEqual(service.post("/v1/feedback", "nonsense").status, 400)
            finally:
                service.close()
            # Another process, the same store: what was found out is still known.
            service = Service(opened.config, folder, key=service.key)
            try:
                again = service.get("/v1/verify?address=ann@good.example").json()
                self.assertEqual(again["source"], "history")
                self.assertEqual(again["checked_at"], first["checked_at"])
                self.assertEqual(log_of(opened).count("RCPT TO:<ann@good.example>"), 1)
                fresh = service.post("/v1/verify", {"address": "ann@good.example",
                                                    "fresh": True}).json()
                self.assertEqual(fresh["source"], "live")
                gone = service.post("/v1/erase", {"address": "ann@good.example"}).json()
                self.assertEqual(gone["records"], 1)
                self.assertIn("mailknock_history_answers_total 1",
                              service.get("/metrics").body.decode())
            finally:
                service.close()


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
