"""Lists as people clean them without a network: files, formats, what goes wrong."""
import csv
import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from cleaning import ROWS, SCENARIO, WithFolder, read_list, write_list  # noqa: E402
from program import environment, lab, run, start  # noqa: E402


class Offline(WithFolder):
    """Depth syntax: no network at all."""

    def syntax(self, *more, **how):
        return self.clean(*more, "--depth", "syntax", **how)

    def test_columns_are_added(self):
        self.syntax(self.list)
        before, after = read_list(self.list), read_list(self.folder / "people.cleaned.csv")
        self.assertEqual([r["email"] for r in before], [r["email"] for r in after])
        self.assertEqual(after[7]["mk_status"], "invalid")
        self.assertEqual(after[0]["mk_status"], "unknown")
        self.assertEqual(after[0]["mk_reason"], "not_probed")
        # Blanks around a cell are not part of an address.
        self.assertEqual(after[2]["mk_status"], "unknown")

    def test_duplicates(self):
        self.syntax(self.list, "--duplicates", "skip")
        reasons = [r["mk_reason"] for r in read_list(self.folder / "people.cleaned.csv")]
        self.assertEqual([i for i, r in enumerate(reasons) if r == "duplicate"], [5])
        self.syntax(self.list, "--duplicates", "drop", "--dedupe", "off")
        self.assertEqual(len(read_list(self.folder / "people.cleaned.csv")), len(ROWS))
        self.syntax(self.list, "--duplicates", "drop")
        self.assertEqual(len(read_list(self.folder / "people.cleaned.csv")), len(ROWS) - 1)

    def test_words_of_vendors(self):
        """Under their names, so that what reads the vendor's files reads ours; a prefix goes before all."""
        for more, names in (((), ["status", "sub_status", "mk_score"]),
                            (("--prefix", "mk_"), ["mk_status", "mk_sub_status", "mk_score"]),
                            (("--prefix", "z_"), ["z_status", "z_sub_status", "z_score"])):
            self.syntax(self.list, "--profile", "zerobounce", *more)
            rows = read_list(self.folder / "people.cleaned.csv")
            self.assertEqual(list(rows[0])[2:5], names)
        self.syntax(self.list)
        self.assertIn("mk_status", read_list(self.folder / "people.cleaned.csv")[0])

    def test_choices_of_rows(self):
        self.syntax(self.list, "--export", "remove")
        self.assertEqual({r["mk_status"] for r in read_list(self.folder / "people.cleaned.csv")},
                         {"invalid"})
        self.syntax(self.list, "--only", "bad_syntax")
        self.assertEqual(len(read_list(self.folder / "people.cleaned.csv")), 2)
        _, err = self.syntax(self.list, "--split")
        self.assertIn("people.cleaned.STATUS.csv", err)
        self.assertEqual(len(read_list(self.folder / "people.cleaned.invalid.csv")), 2)

    def test_standard_streams(self):
        out, _ = self.syntax("-", given=b"u1@fast.example\nno address\n", cwd=self.folder)
        objects = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([o["mailknock"]["status"] for o in objects], ["unknown", "invalid"])
        packed = self.folder / "people.csv.gz"
        packed.write_bytes(gzip.compress(self.list.read_bytes()))
        for name, opener in (("out.ndjson", open), ("out.ndjson.gz", gzip.open)):
            self.syntax(packed, "-o", self.folder / name)
            with opener(self.folder / name, "rt", encoding="utf-8") as file:
                results = [json.loads(line)["mailknock"] for line in file]
            # Whole results, whatever the ending.
            self.assertEqual([r["schema"] for r in results], [1] * len(ROWS))

    def test_what_was_read_is_said(self):
        """Where rows can't be read, how many were written, and that there are none."""
        self.list.write_bytes(b'name,email,size\nAnn,u1@fast.example,"5\nBob\nCas,"u2@fast.example\n'
                              b'Dan,,\n\n\n')
        _, err = self.syntax(self.list, "--only", "unknown")
        for words in ("4 rows, 0 duplicates, 2 can't be read", "line 3 can't be read: too few columns",
                      "line 4 can't be read: unbalanced quote", "2 of these rows written to"):
            self.assertIn(words, err)
        # An address may stand in a row that can't be read, and is no invalid one for that.
        self.syntax(self.list)
        rows = read_list(self.folder / "people.cleaned.csv")
        self.assertEqual([r["mk_status"] for r in rows], ["unknown", "invalid", "unknown", "invalid"])
        self.assertEqual([r["mk_action"] for r in rows], ["review", "suppress", "review", "suppress"])
        _, err = self.clean(self.list, "--dry-run")
        self.assertIn("line 3 can't be read", err)
        self.list.write_bytes(b"\n")
        _, err = self.syntax(self.list)
        self.assertIn("people.csv has no rows", err)

    def test_doubts_are_said(self):
        """Which rows were cut at a quote that is never closed, or may be several, wherever the list is read."""
        self.list.write_bytes(b'name,email,size\nAnn,u1@fast.example,"5\nBob,u2@fast.example,"so\n'
                              b'Cas,u3@fast.example,7"\nDan,u4@fast.example,"two\nlines"\n')
        report = self.folder / "report.html"
        said = ("3 rows, 0 duplicates, 0 can't be read", "2 rows have quotes that leave a doubt",
                "line 2: a quote is never closed", "line 3: lines that look like rows were taken for")
        for words in ((), ("--dry-run",)):
            _, err = self.syntax(self.list, "--report", report, *words)
            for part in said[len(words):]:
                self.assertIn(part, err)
        page = report.read_text(encoding="utf-8")
        self.assertIn("<b>2</b> rows have quotes that leave a doubt", page)
        self.assertIn("<b>3</b> were not asked about", page)
        self.assertIn("No mail server was asked", page)
        self.assertIn("<dt>depth</dt><dd>syntax</dd>", page)
        self.assertNotIn("<dt>catch-all</dt>", page)
        report.unlink()
        with lab(SCENARIO) as opened:
            _, err = self.clean(self.list, "--config", opened.config, "--report", report, "--json-progress")
        event = next(e for e in map(json.loads, err.splitlines()) if e["event"] == "read")
        self.assertEqual(event, {"event": "read", "rows": 3, "duplicates": 0, "unreadable": 0, "doubtful": 2})
        self.assertIn("<b>2</b> rows have quotes that leave a doubt", report.read_text(encoding="utf-8"))
        self.assertIn("<dt>catch-all</dt>", report.read_text(encoding="utf-8"))

    def test_what_comes_before_is_an_event_too(self):
        """Of words that mean nothing, files that are not there: a program reads events alone."""
        for words in (("--json-progress", "--no-such"), ("--depth", "deep", "--json-progress"),
                      ("--json-progress", "--new", "--resume"), ("--json-progress", "--only", "all"),
                      ("--json-progress", "-o", self.folder / "none" / "out.csv")):
            _, err = self.clean(self.list, *words, status=2)
            self.assertEqual([json.loads(line)["event"] for line in err.splitlines()], ["error"], words)
        _, err = self.clean("--json-progress", status=2)
        self.assertIn("clean wants more", json.loads(err)["message"])
        _, err = self.clean(self.folder / "absent.csv", "--json-progress", "--dry-run", status=2)
        self.assertIn("absent.csv", json.loads(err)["message"])
        _, err = self.clean("--no-such", "--", "--json-progress", status=2)
        self.assertIn("mailknock: there is no option", err)

    def test_the_folder_that_counts_is_where_a_link_leads(self):
        link = self.folder / "out.csv"
        link.symlink_to(self.folder / "none" / "out.csv")
        for way in ((), ("--depth", "syntax")):
            _, err = self.clean(self.list, "-o", link, *way, status=2)
            self.assertIn("choose another folder", " ".join(err.split()))
        (self.folder / "none").mkdir()
        (self.folder / "none" / "out.csv").symlink_to("second.csv")
        self.syntax(self.list, "-o", link)
        self.assertEqual(len(read_list(self.folder / "none" / "second.csv")), len(ROWS))
        self.assertTrue(link.is_symlink() and (self.folder / "none" / "out.csv").is_symlink())

    def test_rows_that_can_not_be_read_get_no_better(self):
        """That a list is to be cleaned again later is not said of them."""
        self.list.write_bytes(b'name,email\nAnn,u1@fast.example\nBob,"u2@fast.example\n')
        _, err = self.syntax(self.list)
        self.assertIn("1 is unknown: no mail server was asked about it", " ".join(err.split()))
        self.assertIn("1 can't be read, and is unknown, too", " ".join(err.split()))
        with lab(SCENARIO) as opened:
            _, err = self.clean(self.list, "--config", opened.config)
        self.assertNotIn("again later", err)
        self.assertIn("1 can't be read, and is unknown, too: look at it in the list", " ".join(err.split()))

    def test_what_a_workbook_does_not_hold_is_said(self):
        self.list.write_bytes(b"email,name\nu1@fast.example," + b"x" * 32767 + b"\nu2@fast.example," + b"y" * 40000 + b"\n")
        _, err = self.syntax(self.list, "-o", self.folder / "out.xlsx")
        self.assertIn("1 cell is cut: a workbook holds 32,767 characters", err)
        _, err = self.syntax(self.list, "-o", self.folder / "out.xlsx", "--json-progress")
        self.assertEqual(json.loads(err.splitlines()[-1])["cut"], 1)
        _, err = self.syntax(self.list)
        self.assertNotIn("cut", err)

    def test_columns_of_a_list_that_was_cleaned_before(self):
        """The new ones have other names: that is said, as whoever reads mk_status reads the old."""
        self.syntax(self.list)
        once = self.folder / "people.cleaned.csv"
        _, err = self.syntax(once, "-o", self.folder / "twice.csv")
        self.assertIn("these begin with mk2_status", err)
        self.assertIn("mk2_status", read_list(self.folder / "twice.csv")[0])
        _, err = self.syntax(once, "-o", self.folder / "twice.csv", "--json-progress")
        self.assertEqual(json.loads(err.splitlines()[-1])["status_column"], "mk2_status")
        _, err = self.syntax(once, "-o", self.folder / "twice.ndjson", "--format", "ndjson")
        self.assertNotIn("mk2_", err)
        self.list.write_bytes(b"email,name,Email\nu1@fast.example,Ann,u2@fast.example\n")
        _, err = self.syntax(self.list, "--column", "email")
        self.assertIn('column 1 "email" (column 3 is called so, too)', err)

    def test_stopped_while_it_waits(self):
        """A signal ends the wait for standard input, and what was written till then is said."""
        given = b"email\n" + b"u1@fast.example\n" * 20000
        for words, said in ((("-o", "-", "--format", "csv"), " rows were written"),
                            (("-o", self.folder / "out.csv"), "stopped; nothing was written"),
                            (("--dry-run",), "stopped after ")):
            for number in (signal.SIGINT, signal.SIGTERM):
                shown = tempfile.TemporaryFile()  # a pipe would be full before all is given
                self.addCleanup(shown.close)
                child = start("clean", "-", "--depth", "syntax", *map(str, words),
                              stdin=subprocess.PIPE, stdout=shown, stderr=subprocess.PIPE)
                self.addCleanup(child.kill)
                child.stdin.write(given)
                child.stdin.flush()
                # Open till the end: nothing else is to end it.
                pipe, child.stdin = child.stdin, None
                self.assertIn(b"standard input: ", child.stderr.readline())
                time.sleep(0.2)
                err = self.signal_until_it_ends(child, number)
                pipe.close()
                self.assertEqual(child.returncode, 3, err)
                self.assertIn(said, err)
                if "-" in words:
                    shown.seek(0)
                    self.assertIn(f"stopped: {len(shown.readlines()) - 1} rows", err)
        self.assertEqual({f.name for f in self.folder.iterdir()}, {"people.csv"})

    def full_list(self):
        write_list(self.list, [("row", f"u{i}@fast.example") for i in range(20000)])

    def test_nobody_reads(self):
        """A reader that stays and does not read: the first signal waits a little, the second not."""
        self.full_list()
        child, ours = self.blocked("--depth", "syntax", "--format", "csv")
        begun = time.monotonic()
        child.send_signal(signal.SIGINT)
        time.sleep(0.3)
        self.assertIsNone(child.poll(), "no time for the reader")
        _, err = child.communicate(timeout=30)
        self.assertGreater(time.monotonic() - begun, 2)
        self.assertEqual(child.returncode, 3)
        self.assertIn(b"stopped: standard output: nobody read on", err)
        os.close(ours)
        child, ours = self.blocked("--depth", "syntax", "--format", "csv")
        begun = time.monotonic()
        child.send_signal(signal.SIGINT)
        time.sleep(0.3)
        err = self.signal_until_it_ends(child, signal.SIGINT)
        self.assertLess(time.monotonic() - begun, 2)
        self.assertEqual(child.returncode, 3)
        self.assertIn("stopped: standard output: nobody read on", err)
        os.close(ours)

    def test_a_slow_reader_gets_whole_rows(self):
        self.full_list()
        child, ours = self.blocked("--depth", "syntax", "--format", "csv")
        child.send_signal(signal.SIGTERM)
        with os.fdopen(ours, "rb") as reader:
            out = reader.read()
        _, err = child.communicate(timeout=30)
        self.assertEqual(child.returncode, 3)
        rows = list(csv.DictReader(out.decode().splitlines()))
        self.assertTrue(out.endswith(b"\n") and rows[-1]["mk_status"], rows[-1])
        self.assertIn(f"stopped: {len(rows)} rows were written".encode(), err)

    def test_slips(self):
        for words, said in (
                ((self.list, "-o", self.list), "the list itself"),
                ((self.folder / "none.csv",), "none.csv"),
                ((self.list, "--column", "phone"), "phone"),
                ((self.list, "--column", "0"), "from 1"),
                ((self.list, "--only", "good"), "neither a status nor a reason"),
                ((self.list, "--only", "valid", "--export", "safe"), "give one"),
                ((self.list, "--new", "--resume"), "contradict"),
                # Not after a night of work.
                ((self.list, "--report", self.list), "the list itself"),
                ((self.list, "--report", self.folder), "is a folder"),
                ((self.list, "-o", self.folder), "is a folder"),
                ((self.list, "-o", "-", "--report", self.folder / "none" / "r.html"),
                 "can't be written: No such file"),
                *(((self.list, "-o", self.folder / "x", "--report", f"{self.folder}{name}", *more), "is an output, too")
                  for name, more in (("/x", ()), ("/./x", ()), (f"/../{self.folder.name}/x.valid", ["--split"]),
                                     ("/x.pending", ["--split"])))):
            _, err = self.syntax(*words, status=2)
            self.assertIn(said, " ".join(err.split()), words)
        self.assertEqual({f.name for f in self.folder.iterdir()}, {"people.csv"})
        _, err = self.clean(self.list, "-o", self.folder / "x", "--report", self.folder / "x.mkjob", status=2)
        self.assertIn("is the job file itself", " ".join(err.split()))
        # A link leads to the output.
        link = self.folder / "link"
        link.symlink_to("x")
        _, err = self.syntax(self.list, "-o", self.folder / "x", "--report", link, status=2)
        self.assertIn("is an output, too", " ".join(err.split()))
        link.unlink()
        # Nothing is written over where there is no file.
        self.syntax(self.list, "-o", "/dev/null", "--report", "/dev/null")
        # One file a status, one of which is the list.
        before = self.list.read_bytes()
        self.list = self.list.rename(self.folder / "people.valid.csv")
        _, err = self.syntax(self.list, "-o", self.folder / "people.csv", "--split", status=2)
        self.assertIn("the list itself", " ".join(err.split()))
        self.assertEqual(self.list.read_bytes(), before)

    def test_temporary_files_want_a_folder(self):
        for folder in ("/nowhere", self.list):
            _, err = self.clean(self.list, "-o", "-", status=2, env=environment(TMPDIR=str(folder)))
            words = " ".join(err.split())
            self.assertIn(f"{folder}: no temporary file can be made: No", words)
            self.assertIn("TMPDIR names another folder", words)

    def test_an_empty_name_is_refused_at_once(self):
        """A script's "$OUT" that was not set: not after a night of work."""
        for more in (("-o", ""), ("-o", "", "--split"), ("--report", ""), ("-o", "", "--depth", "syntax")):
            _, err = self.clean(self.list, *more, status=2)
            self.assertRegex(" ".join(err.split()), "the (output|report) has an empty name: give it one")
            self.assertEqual({f.name for f in self.folder.iterdir()}, {"people.csv"})

    def test_an_opted_out_mailbox_is_left_alone_in_every_spelling(self):
        write_list(self.list, [("", address) for address in (
            "Jane.Doe@googlemail.com", "janedoe+news@gmail.com", "janedo@gmail.com", "bob@fast.example",
            "bob+news@fast.example", '"bob"@fast.example', "BOB@fast.example")])
        out = self.folder / "opt-out.txt"
        out.write_text("j.a.n.e.doe+x@gmail.com\nbob@fast.example\n")
        self.syntax(self.list, "--opt-out", out)
        self.assertEqual([r["mk_reason"] == "opted_out" for r in read_list(self.folder / "people.cleaned.csv")],
                         [True, True, False, True, False, True, True])

    def test_what_stands_in_place_of_a_job_stays(self):
        job = self.folder / "people.cleaned.csv.mkjob"
        ours = socket.socket(socket.AF_UNIX)
        self.addCleanup(ours.close)
        for make in (job.mkdir, lambda: os.mkfifo(job), lambda: job.symlink_to("/dev/null"),
                     lambda: ours.bind(str(job))):
            make()
            _, err = self.clean(self.list, status=2)
            self.assertIn("people.cleaned.csv.mkjob is no file: take it away", " ".join(err.split()))
            status, _, err = run("jobs", "show", str(job))
            self.assertEqual(status, 2)
            self.assertIn("is no file: nothing can be kept in it", " ".join(err.decode().split()))
            self.assertTrue(job.is_dir() or job.is_fifo() or job.is_symlink() or job.is_socket())
            (job.rmdir if job.is_dir() else job.unlink)()

    def test_plan_asks_nobody(self):
        out, _ = self.clean(self.list, "--dry-run")
        words = " ".join(out.decode().split())
        self.assertIn("9 rows", words)
        self.assertIn("1 duplicates", words)
        self.assertIn("fast.example", words)
        self.assertIn("estimated time", words)
        write_list(self.list, [])
        out, _ = self.clean(self.list, "--dry-run")
        self.assertIn("0 different addresses, of which 0 are malformed\n", out.decode())
        self.assertNotIn("domains", out.decode())
        self.assertEqual({f.name for f in self.folder.iterdir()}, {"people.csv"})
        status, _, err = run("jobs", "exprot", "list.mkjob")
        self.assertEqual(status, 2)
        self.assertIn(b"'exprot' is none of list, show, export", err)

if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
