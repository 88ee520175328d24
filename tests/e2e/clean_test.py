"""Lists as people clean them: stopping and going on, pipes, jobs."""
import contextlib
import csv
import json
import os
import pathlib
import pty
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from cleaning import ROWS, SCENARIO, WithFolder, read_list, write_list  # noqa: E402
from program import environment, lab, run, run_on_terminal, start  # noqa: E402

SLOW = 30  # rows of a list that takes some seconds: time enough to stop it, not to wait for


class Online(WithFolder):
    """Against the lab, by way of a job file."""

    def setUp(self):
        super().setUp()
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.lab = stack.enter_context(lab(SCENARIO))

    def clean(self, *more, **how):
        return super().clean(*more, "--config", self.lab.config, **how)

    def slow_list(self, count=SLOW):
        write_list(self.list, [(f"row {i}", f"u{i}@slow.example") for i in range(count)])

    def begin(self, *more):
        child = start("clean", str(self.list), "--config", self.lab.config, *map(str, more),
                      stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        job = self.folder / "people.cleaned.csv.mkjob"
        until = time.monotonic() + 20
        while time.monotonic() < until and child.poll() is None:
            with contextlib.suppress(sqlite3.Error):
                with sqlite3.connect(f"file:{job}?mode=ro", uri=True) as db:
                    if db.execute("SELECT count(*) FROM outcome").fetchone()[0] > 0:
                        return child, job
            time.sleep(0.02)
        self.fail(f"nothing was kept: {child.communicate()[1].decode()}")

    def end(self, child):
        _, err = child.communicate(timeout=60)
        return child.returncode, " ".join(err.decode().split())

    def test_a_list(self):
        # A store that is named gets what is found out (doc/HISTORY.md); the job is none of its business.
        _, err = self.clean(self.list, "--store", f"sqlite:{self.folder}/service.db")
        after = read_list(self.folder / "people.cleaned.csv")
        self.assertEqual([r["mk_reason"] for r in after],
                         ["accepted", "mailbox_not_found", "accepted", "accepts_all", "accepted",
                          "accepted", "domain_not_found", "bad_syntax", "bad_syntax"])
        self.assertEqual([r["name"] for r in after], [name for name, _ in ROWS])
        self.assertIn("people.cleaned.csv", err)
        self.assertEqual({f.name for f in self.folder.iterdir()},
                         {"people.csv", "people.cleaned.csv", "service.db"})

    def test_objects(self):
        """NDJSON by way of a job: the field that was found is known to every part of the way."""
        lines = self.folder / "people.ndjson"
        for field, wrap in (("email", str), ("user.mail", lambda text: f'{{"mail":{text}}}')):
            lines.write_text("".join(
                f'{{"row":{i},"{field.partition(".")[0]}":{wrap(json.dumps(address))}}}\n'
                for i, (_, address) in enumerate(ROWS)), encoding="utf-8")
            for words in ((), ("--field", field)):
                _, err = self.clean(lines, "--new", *words)
                self.assertIn(f'NDJSON, field "{field}"', err)
                self.assertIn("0 can't be read", err)
                out = (self.folder / "people.cleaned.ndjson").read_text(encoding="utf-8")
                self.assertEqual([json.loads(line)["mailknock"]["reason"] for line in out.splitlines()],
                                 ["accepted", "mailbox_not_found", "accepted", "accepts_all",
                                  "accepted", "accepted", "domain_not_found", "bad_syntax",
                                  "bad_syntax"])

    def test_no_address_is_nobody_s_duplicate(self):
        """Rows without an address are not the same mailbox: none is left out with the duplicates."""
        write_list(self.list, [("Ann", "u1@fast.example"), ("Hal", ""), ("Ida", ""), ("Jon", " "),
                               ("Kim", "u1@FAST.example")])
        self.clean(self.list, "--duplicates", "drop")
        rows = read_list(self.folder / "people.cleaned.csv")
        self.assertEqual([r["name"] for r in rows], ["Ann", "Hal", "Ida", "Jon"])
        self.assertEqual([r["mk_reason"] for r in rows], ["accepted"] + ["bad_syntax"] * 3)

    def test_a_page_about_it(self):
        page = self.folder / "report.html"
        for more in ((), ("-o", "-"), ("--depth", "syntax")):
            _, err = self.clean(self.list, "--report", page, *more)
            self.assertIn(f"report in {page}", err)
            text = page.read_text(encoding="utf-8")
            self.assertIn("people.csv", text)
            self.assertIn("bad syntax", text)
            self.assertTrue(text.rstrip().endswith("</html>"))
            page.unlink()

    def test_a_list_from_a_pipe(self):
        out = self.folder / "out.csv"
        _, err = self.clean("-", "-o", out, given=self.list.read_bytes())
        self.assertIn("standard input: CSV", err)
        self.assertEqual(read_list(out)[3]["mk_status"], "catch_all")
        self.assertEqual({f.name for f in self.folder.iterdir()}, {"people.csv", "out.csv"})

    def pipe(self, name, bytes):
        """A pipe as `clean <(command)` gets it: it can be read once."""
        path = self.folder / name
        with contextlib.suppress(FileExistsError):
            os.mkfifo(path)
        threading.Thread(target=lambda: path.write_bytes(bytes), daemon=True).start()
        return path

    def test_a_named_pipe(self):
        """It is kept for the second reading, gone on with, and told from another one."""
        out, job = self.folder / "out.csv", self.folder / "out.csv.mkjob"
        self.slow_list()
        given = self.list.read_bytes()
        _, err = self.clean(self.pipe("a", given), "-o", out, "--max-time", "2s", status=3)
        self.assertIn(f"{SLOW} rows", err)
        self.assertTrue(job.exists())
        # Another list, or whatever a command that failed says, takes nothing away.
        kept = {f.name for f in self.folder.iterdir()}
        for other in (given + b"x,u1@fast.example\n", given[:300], b"email\n"):
            _, err = self.clean(self.pipe("a", other), "-o", out, status=2)
            self.assertIn("the list has changed since", " ".join(err.split()))
            self.assertEqual({f.name for f in self.folder.iterdir()}, kept)
            status, shown, err = run("jobs", "export", str(job), "--format", "csv")
            self.assertEqual((status, len(shown.splitlines())), (0, SLOW + 1), err.decode())
        _, err = self.clean(self.pipe("a", given), "-o", out)
        self.assertIn("going on with", err)
        self.assertEqual({r["mk_reason"] for r in read_list(out)}, {"accepted"})
        self.assertEqual({f.name for f in self.folder.iterdir()}, {"people.csv", "a", "out.csv"})

    def test_goes_on_with_a_list_that_has_a_title(self):
        head = "Customers, May 2026\n\nname,email"
        rows = [f"n,u{i}@slow.example" for i in range(SLOW)]
        self.list.write_text("\n".join([head, *rows, ""]))
        child, job = self.begin()
        self.signal_until_it_ends(child, signal.SIGTERM)
        _, err = self.clean(self.list, "--config", self.lab.config, "--keep-job")
        self.assertIn("going on with", err)
        self.assertIn("header below 2 other rows", err)
        out = (self.folder / "people.cleaned.csv").read_bytes()
        self.assertTrue(out.startswith(head.encode() + b",mk_status,"), out[:200])
        self.assertEqual(out.count(b",valid,accepted,"), SLOW)
        status, shown, err = run("jobs", "export", str(job), "--format", "csv")
        self.assertEqual((status, shown), (0, out), err)

    def test_several_pipes(self):
        out, rows = self.folder / "out.csv", self.list.read_bytes()
        self.clean(self.pipe("a", rows), self.pipe("b", rows), self.list, "-o", out)
        self.assertEqual(len(read_list(out)), 3 * len(ROWS))
        self.assertEqual({f.name for f in self.folder.iterdir()}, {"people.csv", "a", "b", "out.csv"})
        # Without a job nothing is kept: the rest can be read once, what tells the format can't.
        self.clean(self.list, self.pipe("a", rows), "-o", out, "--depth", "syntax")
        self.assertEqual(len(read_list(out)), 2 * len(ROWS))
        shown, _ = self.clean(self.pipe("a", rows), "--depth", "syntax")
        self.assertEqual(len(shown.splitlines()), len(ROWS))
        for second in (self.list, self.pipe("b", rows)):
            shown, _ = self.clean(self.pipe("a", rows), second, "--depth", "syntax")
            self.assertEqual(len(shown.splitlines()), 2 * len(ROWS))
        for way in (("--depth", "syntax"), ("--dry-run",)):
            _, err = self.clean("-", "-", *way, given=rows, status=2)
            self.assertIn("can be read only once", err)
        for second in (self.list, self.pipe("b", rows)):
            shown, _ = self.clean(self.pipe("a", rows), second, "--dry-run")
            self.assertIn(b"%9d rows\n" % (2 * len(ROWS)), shown)
        self.assertEqual({f.name for f in self.folder.iterdir()}, {"people.csv", "a", "b", "out.csv"})

    def test_nothing_stays_of_pipes(self):
        """Copies of lists go when another list, or nothing, is in their place."""
        out, job = self.folder / "out.csv", self.folder / "out.csv.mkjob"
        self.slow_list()
        rows = self.list.read_bytes()

        def begin(*words):
            self.clean(*words, "-o", out, "--max-time", "2s", status=3)
            return {f.name[len(job.name):] for f in self.folder.iterdir()
                    if f.name.startswith(job.name + ".input")}

        self.assertEqual(begin(self.pipe("a", rows), self.pipe("b", rows)), {".input", ".input2"})
        self.assertEqual(begin(self.pipe("a", rows), "--new"), {".input"})
        # The same list from a file: what the job keeps is what it reads.
        self.assertEqual(begin(self.list), {".input"})
        _, err = self.clean(f"{job}.input", "-o", out, status=2)
        self.assertIn("copy it", err)
        self.assertEqual(begin(self.pipe("a", rows), self.pipe("b", rows), "--new"),
                         {".input", ".input2"})
        self.assertEqual(begin(self.list, "--resume"), set())
        self.assertEqual(begin(self.pipe("a", rows), self.pipe("b", rows), "--new"),
                         {".input", ".input2"})
        status, _, err = run("jobs", "delete", str(job))
        self.assertEqual(status, 0, err)
        self.assertEqual({f.name for f in self.folder.iterdir()},
                         {"people.csv", "a", "b", "out.csv"})

    def test_job_file_of_an_earlier_version(self):
        job = self.folder / "people.cleaned.csv.mkjob"
        self.clean(self.list, "--keep-job")
        with contextlib.closing(sqlite3.connect(job)) as db:
            db.execute("PRAGMA user_version=1")
        status, _, err = run("jobs", "show", str(job))
        self.assertEqual(status, 2)
        self.assertIn("running the same `mailknock clean` again renews them",
                      " ".join(err.decode().split()))

    def test_killed_without_a_job_nothing_stays(self):
        self.slow_list(400)
        place = self.folder / "tmp"
        place.mkdir()
        child = start("clean", str(self.pipe("a", self.list.read_bytes())), "--config",
                      self.lab.config, env=environment(TMPDIR=str(place)),
                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(child.kill)
        self.assertIn(b"slow.example", child.stdout.readline())
        child.kill()
        child.communicate()
        self.assertEqual([f.name for f in place.iterdir() if b"slow.example" in f.read_bytes()], [])

    def test_results_as_they_come(self):
        out, _ = self.clean(self.list, "-o", "-", "--quiet")
        objects = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(len(objects), len(ROWS))
        by_row = {o["row"]: o["mailknock"]["reason"] for o in objects}
        self.assertEqual(by_row[1], "accepted")
        # What comes back is what was given, blanks and all, also of lists that are no tables.
        for text in (" u1@fast.example \nU2@FAST.example\n", '{"email":" u1@fast.example "}\n'):
            out, _ = self.clean("-", "--quiet", "--format", "csv", given=text.encode())
            self.assertIn(b"\n u1@fast.example ,", out)
        self.assertEqual(by_row[6], "accepted")  # a duplicate
        self.assertEqual(by_row[4], "accepts_all")

    def test_rows_that_come_as_a_table(self):
        """Kept by the job and written as they come: an open quote reaches no other row."""
        self.list.write_bytes(b'name,email,size\nAnn,u1@fast.example,"5\nBob,u2@fast.example,6\n')
        out, _ = self.clean(self.list, "-o", "-", "--format", "csv")
        rows = list(csv.DictReader(out.decode().splitlines()))
        self.assertEqual(sorted((r["size"], r["mk_status"]) for r in rows),
                         [('"5', "valid"), ("6", "valid")])

    def test_stopped_and_gone_on(self):
        self.slow_list()
        child, job = self.begin()
        child.send_signal(signal.SIGINT)
        status, err = self.end(child)
        self.assertEqual(status, 3, err)
        self.assertIn("the same command again", err)
        self.assertTrue(job.exists())
        self.assertFalse((self.folder / "people.cleaned.csv").exists())
        # What is known can be taken out.
        status, out, _ = run("jobs", "export", str(job), "--format", "csv")
        self.assertEqual(status, 0)
        rows = list(csv.DictReader(out.decode().splitlines()))
        self.assertEqual(len(rows), SLOW)
        done = [r for r in rows if r["mk_status"]]
        self.assertTrue(0 < len(done) < SLOW, len(done))
        for name, said in ((self.list, "the list itself"), (job, "the job file itself")):
            before = name.read_bytes()
            status, _, err = run("jobs", "export", str(job), "-o", str(name))
            self.assertEqual(status, 2)
            self.assertIn(said, " ".join(err.decode().split()))
            self.assertEqual(name.read_bytes(), before)
        status, out, _ = run("jobs", "show", str(job), "--json")
        self.assertEqual(json.loads(out)["done"], len(done))
        self.assertEqual(json.loads(out)["state"], "paused")
        _, err = self.clean(self.list)
        self.assertIn("going on with", err)
        self.assertEqual({r["mk_status"] for r in read_list(self.folder / "people.cleaned.csv")},
                         {"valid"})
        self.assertFalse(job.exists())

    def test_what_was_read_is_said_after_going_on(self):
        """As it would have been without the stop, also to programs."""
        self.slow_list(8)
        with self.list.open("ab") as file:
            file.write(b'"Ann,u1@fast.example\n')
        for words in ((), ("--json-progress",)):
            child, _ = self.begin(*words)
            child.send_signal(signal.SIGINT)
            self.assertEqual(self.end(child)[0], 3)
            _, err = self.clean(self.list, *words)
            if words:
                events = [json.loads(line) for line in err.splitlines()]
                self.assertEqual([e for e in events if e["event"] == "read"],
                                 [{"event": "read", "rows": 9, "duplicates": 0, "unreadable": 0, "doubtful": 1}])
                self.assertEqual(events[-1]["event"], "cleaned")
            else:
                self.assertIn("going on with", err)
                self.assertIn("line 10: a quote is never closed", err)

    def test_an_output_that_can_not_be_is_refused_at_once(self):
        """Not when all has been asked: the results would lie beside a file that is never made."""
        for words, said in ((("-o", self.folder / "o.xlsx.gz"), "XLSX is compressed already"),
                            (("-o", "-", "--split"), "standard output has none"),
                            (("--sheet", "People"), "people.csv is no workbook")):
            _, err = self.clean(self.list, *words, status=2)
            self.assertIn(said, " ".join(err.split()))
            self.assertNotIn("can't be read", err)
            self.assertEqual({f.name for f in self.folder.iterdir()}, {"people.csv"})

    def begin_on_a_pipe(self, out):
        child = start("clean", "-", "-o", str(out), "--config", self.lab.config,
                      stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(child.kill)
        pipe, child.stdin = child.stdin, None
        pipe.write(b"email\nu1@fast.example\n")
        pipe.flush()
        until = time.monotonic() + 20
        while not (self.folder / "out.csv.mkjob.input.part").exists():
            self.assertLess(time.monotonic(), until)
            time.sleep(0.02)
        time.sleep(0.1)
        return child, pipe

    def test_stopped_before_the_list_is_read(self):
        """A pipe that stays silent, or ends together with the signal, is no list."""
        out = self.folder / "out.csv"
        for ends in (False, True):
            child, pipe = self.begin_on_a_pipe(out)
            if ends:
                child.send_signal(signal.SIGSTOP)
                child.send_signal(signal.SIGINT)
                pipe.close()
                child.send_signal(signal.SIGCONT)
                _, err = child.communicate(timeout=30)
                err = err.decode()
            else:
                err = self.signal_until_it_ends(child, signal.SIGINT)
            pipe.close()
            self.assertEqual(child.returncode, 3, err)
            self.assertIn("the list was not read to its end", err)
            self.assertEqual({f.name for f in self.folder.iterdir()}, {"people.csv"})

    def test_what_was_kept_of_a_pipe_stays(self):
        out = self.folder / "out.csv"
        self.clean("-", "-o", out, "--keep-job", given=self.list.read_bytes())
        child, pipe = self.begin_on_a_pipe(out)
        err = self.signal_until_it_ends(child, signal.SIGTERM)
        pipe.close()
        self.assertEqual(child.returncode, 3, err)
        status, shown, err = run("jobs", "export", str(out) + ".mkjob", "--format", "csv")
        self.assertEqual((status, shown), (0, out.read_bytes()), err)

    def test_nobody_reads_results(self):
        write_list(self.list, [("row", f"u{i}@fast.example") for i in range(600)])
        child, ours = self.blocked("--config", self.lab.config, left=65536)
        child.send_signal(signal.SIGINT)
        time.sleep(0.3)
        begun = time.monotonic()
        err = self.signal_until_it_ends(child, signal.SIGINT)
        self.assertLess(time.monotonic() - begun, 4)
        self.assertEqual(child.returncode, 3, err)
        self.assertIn("stopped", err)
        os.close(ours)

    def test_one_at_a_time(self):
        self.slow_list()
        child, job = self.begin()
        _, err = self.clean(self.list, status=2)
        self.assertIn("another mailknock works on", " ".join(err.split()))
        status, out, _ = run("jobs", str(job))
        self.assertEqual(status, 0)
        self.assertIn(b"running", out)
        status, _, err = run("jobs", "delete", str(job))
        self.assertEqual(status, 2, err)
        child.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        child.send_signal(signal.SIGTERM)
        self.assertEqual(self.end(child)[0], 3)
        status, _, err = run("jobs", "delete", str(job))
        self.assertEqual(status, 0, err)
        self.assertFalse(job.exists())

    def test_a_changed_list(self):
        self.slow_list()
        child, job = self.begin()
        child.send_signal(signal.SIGINT)
        self.end(child)
        _, err = self.clean(self.list, "--patience", "normal", status=2)
        self.assertIn("--resume", err)
        opt_out = self.folder / "opt-out.txt"
        opt_out.write_text("u5@slow.example\n")
        for change, said in ((["--helo", "other.example"], "--helo was "),
                             (["--opt-out", opt_out], "the lists of --opt-out are others"),
                             (["--mail-from", "me@other.example"], "now me@other.example"),
                             (["--tls", "never"], "--tls was opportunistic, now never")):
            _, err = self.clean(self.list, *change, status=2)
            err = " ".join(err.split())
            self.assertIn("begun with other options", err)
            self.assertIn(said, err)
            self.assertNotIn("--depth", err)
        self.slow_list(3)
        _, err = self.clean(self.list, status=2)
        self.assertIn("has changed", err)
        self.assertIn("--new", err)
        self.clean(self.list, "--new")
        self.assertEqual(len(read_list(self.folder / "people.cleaned.csv")), 3)
        self.assertFalse(job.exists())

    def test_paused_by_another_process(self):
        self.slow_list()
        child, job = self.begin()
        status, out, err = run("jobs", "pause", str(job))
        self.assertEqual(status, 0, err)
        self.assertRegex(out.decode(), rf"job 1 is paused: \d+ of {SLOW} results are kept")
        status, err = self.end(child)
        self.assertEqual(status, 3, err)
        self.assertIn("asked to pause", err)
        for verb, said in (("pause", "nobody works on job 1 (it is paused)"),
                           ("resume", "goes on with the same command")):
            status, _, err = run("jobs", verb, str(job))
            self.assertEqual(status, 2)
            self.assertIn(said, " ".join(err.decode().split()))
        self.clean(self.list)
        self.assertEqual({r["mk_reason"] for r in read_list(self.folder / "people.cleaned.csv")},
                         {"accepted"})

    def test_a_longer_list(self):
        self.slow_list()
        child, job = self.begin()
        child.send_signal(signal.SIGINT)
        self.end(child)
        done = json.loads(run("jobs", "show", str(job), "--json")[1])["done"]
        write_list(self.list, [("new", "u1000@slow.example")] +
                   [(f"row {i}", f"u{i}@slow.example") for i in reversed(range(SLOW))])
        _, err = self.clean(self.list, "--resume")
        self.assertIn(f"{done} results taken over", err)
        rows = read_list(self.folder / "people.cleaned.csv")
        self.assertEqual(([r["mk_reason"] for r in rows]), ["accepted"] * (SLOW + 1))
        self.assertFalse(job.exists())

    def test_a_time_limit(self):
        write_list(self.list, [(f"row {i}", f"u{i % 30}@slow.example") for i in range(45)])
        # As they come, too: what was not reached follows at the end, duplicates and all.
        out, err = self.clean(self.list, "-o", "-", "--max-time", "2s", status=3)
        objects = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(sorted(o["row"] for o in objects), list(range(1, 46)))
        self.assertEqual({o["mailknock"]["reason"] for o in objects}, {"accepted", "not_probed"})
        self.assertIn("out of time", err)
        _, err = self.clean(self.list, "--max-time", "2s", status=3)
        reasons = [r["mk_reason"] for r in read_list(self.folder / "people.cleaned.csv")]
        self.assertEqual(set(reasons), {"accepted", "not_probed"})
        # Rows, not mailboxes, and nobody is told to ask later about what goes on at once.
        self.assertRegex(err, r"total +45 ")
        self.assertIn(f"{reasons.count('not_probed')} are not_probed", err)
        self.assertNotIn("are unknown", err)
        # The output is there: nobody is sent to another command to see it.
        self.assertRegex(err, r"out of time: \d+ of 30 results are known, and written")
        self.assertIn("to go on: the same command again", err)
        self.assertNotIn("jobs export", err)
        self.clean(self.list)
        self.assertEqual({r["mk_reason"] for r in read_list(self.folder / "people.cleaned.csv")},
                         {"accepted"})

    def test_a_kept_job_serves_again(self):
        self.clean(self.list, "--keep-job", "--keep-evidence")
        job = self.folder / "people.cleaned.csv.mkjob"
        status, out, _ = run("jobs", "export", str(job))
        self.assertEqual(status, 0)
        first = json.loads(out.splitlines()[0])
        self.assertIn("RCPT TO:<u1@fast.example>",
                      first["mailknock"]["evidence"]["attempts"][0]["transcript"])
        # Another output of the same results needs no server.
        run("clean", str(self.list), "--keep-job", "--keep-evidence", "--config", self.lab.config,
            "--export", "safe")
        self.assertEqual(len(read_list(self.folder / "people.cleaned.csv")), 4)

    def test_a_report_of_a_job_says_how_that_was_checked(self):
        """Not how the command that makes it would check one."""
        self.clean(self.list, "--keep-job", "--depth", "dns", "--no-catch-all")
        page = self.folder / "page.html"
        status, _, err = run("jobs", "export", str(self.folder / "people.cleaned.csv.mkjob"), "--report", str(page))
        self.assertEqual(status, 0, err)
        text = page.read_text(encoding="utf-8")
        self.assertIn("<dt>depth</dt><dd>dns</dd>", text)
        self.assertIn("No mail server was asked", text)
        self.assertNotIn("<dt>catch-all</dt>", text)

    def test_a_list_that_changes_meanwhile(self):
        self.slow_list()
        child, job = self.begin()
        self.slow_list(3)
        status, err = self.end(child)
        self.assertEqual(status, 2, err)
        self.assertIn("was changed while its mailboxes were asked", " ".join(err.split()))
        self.assertFalse((self.folder / "people.cleaned.csv").exists())
        with contextlib.closing(sqlite3.connect(job)) as db:
            self.assertEqual(db.execute("SELECT rows, done FROM job").fetchall(), [(SLOW, SLOW)])
        self.slow_list()
        self.clean(self.list)
        self.assertEqual(len(read_list(self.folder / "people.cleaned.csv")), SLOW)

    def test_what_a_workbook_of_a_job_does_not_hold_is_said(self):
        self.list.write_bytes(b"email,name\nu1@fast.example," + b"x" * 40000 + b"\n")
        self.clean(self.list, "--keep-job")
        for ending, said in (("xlsx", 1), ("csv", 0)):
            status, _, err = run("jobs", "export", str(self.folder / "people.cleaned.csv.mkjob"),
                                 "-o", str(self.folder / f"of-job.{ending}"))
            self.assertEqual((status, err.count(b"1 cell is cut")), (0, said), err)

    def test_a_job_of_an_earlier_version(self):
        """Whose rows are others than those that are read today."""
        job, out = self.folder / "people.cleaned.csv.mkjob", self.folder / "people.cleaned.csv"
        self.clean(self.list, "--keep-job")
        wanted = out.read_bytes()
        out.unlink()
        # Blank lines at the end were rows.
        with contextlib.closing(sqlite3.connect(job)) as db, db:
            db.execute(f"INSERT INTO row SELECT job, {len(ROWS) + 1}, 0, 0, key, turn, X'', fault, raw"
                       " FROM row WHERE row = 1")
            db.execute("UPDATE job SET rows = rows + 1")
        status, shown, err = run("jobs", "export", str(job), "--format", "csv")
        self.assertEqual((status, shown), (0, wanted), err)
        _, err = self.clean(self.list, "--keep-job")
        self.assertEqual(out.read_bytes(), wanted)
        # Blanks that nobody sees were part of an address.
        with contextlib.closing(sqlite3.connect(job)) as db, db:
            db.execute("UPDATE row SET address = CAST(X'C2A0' || address AS BLOB) WHERE row = 8")
        status, shown, err = run("jobs", "export", str(job), "--format", "csv")
        self.assertEqual((status, shown), (0, wanted), err)
        # Another cell was taken for an address.
        with contextlib.closing(sqlite3.connect(job)) as db, db:
            db.execute("UPDATE row SET address = CAST('Gus' AS BLOB) WHERE row = 8")
        status, shown, err = run("jobs", "export", str(job), "--format", "csv")
        self.assertEqual(status, 2)
        self.assertIn("row 8 differs. The clean command that began it", " ".join(err.decode().split()))
        _, err = self.clean(self.list, "--keep-job")
        self.assertIn("version of mailknock read the list otherwise: reading it anew", err)
        self.assertIn(" results taken over", err)
        self.assertEqual(out.read_bytes(), wanted)
        with contextlib.closing(sqlite3.connect(job)) as db:
            self.assertEqual(db.execute("SELECT count(*) FROM job").fetchone(), (1,))

    def test_what_an_earlier_version_held_for_invalid(self):
        """Of rows that can't be read, though an address may stand in them; with blanks around one."""
        job, out = self.folder / "people.cleaned.csv.mkjob", self.folder / "people.cleaned.csv"
        self.list.write_text("name,email\nAda,u1@slow.example\nBob\nCid\n", encoding="utf-8")
        self.clean(self.list, "--keep-job")
        self.assertEqual([row["mk_reason"] for row in read_list(out)],
                         ["accepted", "bad_syntax", "bad_syntax"])
        out.unlink()
        with contextlib.closing(sqlite3.connect(job)) as db, db:
            db.execute("UPDATE row SET fault = 'it can''t be told which cell is the address' WHERE row = 2")
        _, err = self.clean(self.list, "--keep-job")
        self.assertIn("3 of 3 results are there", " ".join(err.split()))
        self.assertEqual([row["mk_reason"] for row in read_list(out)], ["accepted", "bad_syntax", "bad_syntax"],
                         "it was looked at when it was made")
        out.unlink()
        with contextlib.closing(sqlite3.connect(job)) as db, db:
            db.execute("DELETE FROM note WHERE kind = 'mended'")
        _, err = self.clean(self.list, "--keep-job")
        self.assertIn("1 result of an earlier version is put right", " ".join(err.split()))
        self.assertEqual([(row["mk_status"], row["mk_reason"]) for row in read_list(out)],
                         [("valid", "accepted"), ("unknown", "not_probed"), ("invalid", "bad_syntax")])
        _, err = self.clean(self.list)
        self.assertNotIn("put right", err)

    def test_what_an_earlier_version_read_otherwise(self):
        """The list is read again; what blanks around it made invalid is asked."""
        job, out = self.folder / "people.cleaned.csv.mkjob", self.folder / "people.cleaned.csv"
        rows = "name,email\nAda,u1@slow.example\n%s\n%s\nDan\n"
        self.list.write_text(rows % ("Bob;u2@slow.example", "Cid,\u00a0u3@slow.example"), encoding="utf-8")
        self.clean(self.list, "--keep-job")
        wanted = [(row["mk_status"], row["mk_reason"], row["mk_score"]) for row in read_list(out)]
        self.assertEqual([row[0] for row in wanted], ["valid", "unknown", "valid", "invalid"])
        with contextlib.closing(sqlite3.connect(job)) as db:
            fingerprint, = db.execute("SELECT fingerprint FROM job").fetchone()
        out.unlink()
        job.unlink()
        # The job of another list, with what it would hold of this one.
        now = self.list.read_bytes()
        self.list.write_text(rows % ("Bob", "Cid,none"), encoding="utf-8")
        self.clean(self.list, "--keep-job")
        out.unlink()
        self.list.write_bytes(now)
        with contextlib.closing(sqlite3.connect(job)) as db, db:
            db.execute("UPDATE job SET fingerprint = ?", (fingerprint,))
            db.execute("UPDATE row SET address = CAST(X'C2A0' || 'u3@slow.example' AS BLOB) WHERE row = 3")
            db.execute("DELETE FROM note WHERE kind = 'mended'")
        status, shown, err = run("jobs", "export", str(job), "--format", "csv", "--only", "invalid")
        self.assertEqual((status, [name in shown for name in (b"Bob", b"Cid", b"Dan")]), (0, [False, False, True]), err)
        _, err = self.clean(self.list)
        for words in ("1 result of an earlier version is put right",
                      "1 mailbox that an earlier version did not understand is asked"):
            self.assertIn(words, " ".join(err.split()))
        self.assertEqual([(row["mk_status"], row["mk_reason"], row["mk_score"]) for row in read_list(out)], wanted)

    def test_what_an_earlier_version_read_otherwise_is_known_from_another_row(self):
        job, out = self.folder / "people.cleaned.csv.mkjob", self.folder / "people.cleaned.csv"
        prints = []
        for address in ("'u1@slow.example'", "none"):
            self.list.write_text(f"name,email\nAda,u1@slow.example\nBob,{address}\n", encoding="utf-8")
            self.clean(self.list, "--keep-job")
            with contextlib.closing(sqlite3.connect(job)) as db:
                prints += db.execute("SELECT fingerprint FROM job").fetchone()
            out.unlink()
            if len(prints) == 1:
                now = self.list.read_bytes()
                job.unlink()
        self.list.write_bytes(now)
        with contextlib.closing(sqlite3.connect(job)) as db, db:
            db.execute("UPDATE job SET fingerprint = ?", prints[:1])
            db.execute("UPDATE row SET address = CAST(? AS BLOB) WHERE row = 2", ("'u1@slow.example'",))
            db.execute("DELETE FROM note WHERE kind = 'mended'")
        log = pathlib.Path(self.lab.log)
        asked = log.read_bytes().count(b"RCPT TO:<u1@slow.example>")
        _, err = self.clean(self.list)
        self.assertIn("1 mailbox that an earlier version did not understand is known from other rows",
                      " ".join(err.split()))
        self.assertEqual([row["mk_status"] for row in read_list(out)], ["valid", "valid"])
        self.assertEqual(log.read_bytes().count(b"RCPT TO:<u1@slow.example>"), asked)

    def test_damaged_jobs(self):
        job = self.folder / "people.cleaned.csv.mkjob"
        job.write_bytes(b"this is no job file at all, but someone's letter" * 300)
        before = job.read_bytes()
        _, err = self.clean(self.list, status=2)
        self.assertIn("mkjob", err)
        self.assertIn("take it away to start over", " ".join(err.split()))
        self.assertEqual(job.read_bytes(), before)
        _, err = self.clean(self.list, "-o", self.folder / "none" / "out.csv", status=2)
        self.assertIn("No such file", " ".join(err.split()))
        around = self.folder / "round.csv"
        around.symlink_to("round.csv")
        _, err = self.clean(self.list, "-o", around, status=2)
        self.assertIn("leads nowhere but to itself", " ".join(err.split()))
        self.assertTrue(around.is_symlink())

    def test_progress(self):
        self.slow_list(12)
        status, shown = run_on_terminal("clean", str(self.list), "--config", self.lab.config)
        self.assertEqual(status, 0, shown)
        self.assertIn(b"[####", shown)
        self.assertIn(b"of 12", shown)
        self.slow_list(13)
        _, err = self.clean(self.list, "--json-progress")
        # Writing the list, on a busy machine, may be an event of its own after the last of these.
        events = [json.loads(line) for line in err.splitlines()]
        last = [event for event in events if event["event"] == "progress"][-1]
        self.assertEqual((last["done"], last["valid"]), (13, 13))
        self.assertEqual(events[-1] | {"took_ms": 0}, {
            "event": "cleaned", "rows": 13, "valid": 13, "invalid": 0, "catch_all": 0, "do_not_mail": 0,
            "unknown": 0, "skipped": 0, "unasked": 0, "written": 13,
            "output": str(self.list.with_suffix(".cleaned.csv")), "report": None, "took_ms": 0})
        _, err = self.clean(self.folder / "absent.csv", "--json-progress", status=2)
        self.assertEqual([json.loads(line)["event"] for line in err.splitlines()], ["error"])
        self.slow_list(14)
        _, err = self.clean(self.list, "--quiet")
        self.assertEqual(err, "")

    def three_sites(self):
        """One that is slow, one that makes wait, one that refuses this machine."""
        write_list(self.list, [("row", f"u{i}@{domain}.example") for domain, count in
                               (("grey", 8), ("shut", 8), ("slow", 74)) for i in range(count)])

    def test_narrow_and_wide_terminals(self):
        self.three_sites()
        for columns in (60, 80, 160):
            status, shown = run_on_terminal(
                "clean", str(self.list), "--config", self.lab.config, "--patience", "normal",
                "--new", "--max-time", "4s", columns=columns)
            self.assertEqual(status, 3, shown)
            screens = [part for part in shown.decode().split("\x1b[J\r")
                       if "waiting until" in part]
            lines = [line.replace("\x1b[K", "").split("\r")[-1]
                     for line in screens[-1].split("\n")]
            self.assertEqual(len(lines), 1 if columns == 160 else 2, lines)
            for line in lines:
                self.assertLess(len(line), columns)
                # Whole parts only: half a number would be a wrong one.
                for part in line.split(", "):
                    self.assertRegex(part, r"^(\[[#.]+\] +\d+% \d+ of 90|[\d.]+/s \(\d+ probes/s\)|"
                                     r".* left|\d+ waiting until \d\d:\d\d|(valid|unknown) \d+)$")
            self.assertIn("8 waiting until", lines[-1])
            self.assertIn("valid ", lines[-1])

    def test_nobody_can_be_reached(self):
        write_list(self.list, [("row", f"u{i}@{name}.example") for i in range(3)
                               for name in ("fast", "all", "slow", "grey", "shut")])
        _, err = self.clean(self.list, "--port", "9")
        self.assertIn("Not one mail server could be reached", " ".join(err.split()))
        self.assertEqual({r["mk_reason"] for r in read_list(self.folder / "people.cleaned.csv")},
                         {"connect_failed"})

    def test_ctrl_c_leaves_no_traces(self):
        self.slow_list()
        # As the terminal does: ^C is shown, and both signals sent.
        shown = self.on_terminal_with_signals([signal.SIGINT, signal.SIGINT])
        self.assertIn("\r\x1b[Kstopped: ", shown)
        self.assertIn("(again: at once)", shown)

    def on_terminal_with_signals(self, numbers):
        ours, theirs = pty.openpty()
        child = start("clean", str(self.list), "--config", self.lab.config, stdout=theirs,
                      stderr=theirs, stdin=subprocess.DEVNULL)
        os.close(theirs)
        shown, until = b"", time.monotonic() + 30
        while time.monotonic() < until:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the other side is closed
                break
            if numbers and (b"valid" in shown or b"stopping" in shown):
                child.send_signal(numbers.pop(0))
                time.sleep(0.2)
            shown += piece
        os.close(ours)
        self.assertEqual(child.wait(30), 3)
        return shown.decode()

    def test_a_state_on_demand(self):
        self.three_sites()
        child, _ = self.begin("--patience", "normal")
        time.sleep(2)
        child.send_signal(signal.SIGUSR1)
        time.sleep(0.3)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=60)
        err = err.decode()
        self.assertEqual(child.returncode, 3)
        self.assertRegex(err, r"\d+ of 90, [\d.]+/s")
        self.assertRegex(err, r"\n  mx:slow\.example: \d+ queued, \d connections, [\d.]+/s, .* left\n")
        self.assertRegex(err, r"\n  mx:grey\.example: (0 queued, \d connections, [\d.]+/s, )?"
                              r"8 waiting until \d\d:\d\d\n")
        self.assertRegex(err, r"\n  mx:shut\.example: refuses us, left alone until \d\d:\d\d\n")
        # What takes longest stands first.
        self.assertLess(err.index("mx:grey"), err.index("mx:slow"))

    def test_sites_for_programs(self):
        self.three_sites()
        _, err = self.clean(self.list, "--patience", "normal", "--json-progress", "--max-time",
                            "4s", status=3)
        events = [json.loads(line) for line in err.splitlines()]
        self.assertEqual((events[-1]["event"], events[-1]["written"], events[-1]["job"]),
                         ("stopped", True, f"{self.folder}/people.cleaned.csv.mkjob"))
        self.assertEqual(err.count("\n"), len(events))
        events = [e for e in events if e["event"] == "progress"]
        # One a second, from the start.
        self.assertGreaterEqual(len(events), 3)
        events = [e for e in events if e["waiting"] == 8]
        self.assertTrue(events, err)
        sites = {s["site"]: s for s in events[-1]["sites"]}
        self.assertEqual(set(sites), {"mx:slow.example", "mx:grey.example", "mx:shut.example"})
        for site in sites.values():
            self.assertEqual(list(site), ["site", "queued", "connections", "probes_per_s", "eta_s",
                                          "waiting", "waiting_until", "blocked_until"])
        self.assertEqual(sites["mx:grey.example"]["waiting"], 8)
        self.assertEqual(sites["mx:grey.example"]["queued"], 0)
        self.assertGreater(sites["mx:slow.example"]["queued"], 0)
        self.assertGreater(sites["mx:slow.example"]["eta_s"], 0)
        self.assertIsNone(sites["mx:slow.example"]["waiting_until"])
        now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        self.assertGreater(sites["mx:grey.example"]["waiting_until"], now)
        self.assertGreater(sites["mx:shut.example"]["blocked_until"], now)

if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
