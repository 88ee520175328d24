"""What users do with lists, at random: every format in and out, options, pipes, signals, kills, the same again.

Each walk makes a list whose truth is known (lists.py), cleans it against a lab in some way, perhaps stopped or
killed and begun again some times, and then demands: every row is there once and in order, the list's own bytes
are as they were, each row's result is right (above all: nobody who exists is called invalid), exit statuses are
the documented ones, and nothing but a whole output stands under the output's name. A walk depends on its seed and
number alone: what it says when it fails repeats it.

    walk_test.py PROGRAM [--walks N] [--seconds S] [--seed N] [--only NUMBER] [--keep]
"""
import argparse
import contextlib
import json
import os
import pathlib
import random
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
os.environ.setdefault("MK_SOURCE_ROOT", str(HERE.parents[1]))
from lab import Lab  # noqa: E402
from lists import List, scenario, truth  # noqa: E402
import outputs  # noqa: E402
from outputs import Wrong, demand  # noqa: E402
from program import BINARY, environment  # noqa: E402

LIMIT_S = 90
EXPORTS = {"safe": {"valid"}, "safe+catch-all": {"valid", "catch_all"}, "unknown": {"unknown"},
           "remove": {"invalid", "do_not_mail"},
           "not-invalid": {"valid", "catch_all", "do_not_mail", "unknown", "skipped"}}
PROFILES = ["emailverify", "zerobounce", "neverbounce", "kickbox", "reacher"]
INVALID = {"invalid", "undeliverable"}  # in anybody's words
OLD = b"an older output\n"


def key_of(address, dedupe):
    """What makes two rows the same; None: nothing does."""
    address = address.strip()
    if dedupe == "off" or address == "":
        return None
    if dedupe == "exact" or truth(address, "syntax")[0] == "invalid":
        return address
    local, _, domain = address.partition("@")
    return f"{local}@{domain.lower()}"


class Walk:
    def __init__(self, seed, number, folder, lab):
        self.chance = random.Random(f"{seed}/{number}")
        self.folder, self.lab = folder, lab
        self.killed = False
        chance = self.chance
        self.list = List(chance, "list")
        self.depth = chance.choice(["smtp", "smtp", "smtp", "dns", "syntax"])
        self.dedupe = chance.choice(["off", "exact", "mailbox", "mailbox"])
        self.duplicates = chance.choice(["answer", "answer", "skip", "drop"])
        self.profile = chance.choice(["mailknock"] * 4 + PROFILES)
        self.stops = chance.choice([[], [], [signal.SIGINT], [signal.SIGKILL], [signal.SIGTERM, signal.SIGKILL],
                                    [signal.SIGKILL] * 3, ["time"]])
        self.list.write_files(folder, chance.choice([1, 1, 1, 2, 3]))
        self.words = []
        self.choose_input()
        self.choose_output()
        self.choose_options()

    # --- what is asked for ---

    def choose_input(self):
        chance, files = self.chance, self.list.files
        self.inputs = [str(f) for f in files]
        if len(files) > 1 and chance.random() < 0.3 and self.list.kind != "xlsx":
            empty = self.folder / "empty.csv"
            empty.write_bytes(b"")
            self.inputs.insert(chance.randrange(len(files) + 1), str(empty))
        self.given, self.pipe = b"", None
        if len(self.inputs) == 1 and chance.random() < 0.25:
            self.given = files[0].read_bytes()
            if chance.random() < 0.5:
                self.inputs = ["-"]
            else:
                self.pipe = self.folder / "pipe"
                os.mkfifo(self.pipe)
                self.inputs = [str(self.pipe)]

    def choose_output(self):
        chance, lst = self.chance, self.list
        ending = chance.choice([".csv", ".csv", ".ndjson", ".xlsx", ".csv.gz", ".ndjson.gz", None])
        self.split = False
        if ending is not None:
            self.output = self.folder / f"out{ending}"
            self.words += ["-o", str(self.output)]
            self.format = ending.split(".")[1]
            if chance.random() < 0.2:
                self.split = True
                self.words += ["--split"]
        elif self.given or chance.random() < 0.5:
            self.output = None
            self.format = chance.choice(["csv", "ndjson"])
            self.words += ["--format", self.format] if self.format == "csv" or chance.random() < 0.5 else []
            if not self.given or chance.random() < 0.5:
                self.words += ["-o", "-"]
        else:
            self.format = {"xlsx": "xlsx", "ndjson": "ndjson"}.get(lst.kind, "csv")
            name = pathlib.Path(self.inputs[0]).name.removesuffix(".gz")
            stem, dot, end = name.rpartition(".")
            self.output = self.folder / f"{stem}.cleaned.{end}"
        self.old = self.output is not None and not self.split and chance.random() < 0.3
        if self.old:
            self.output.write_bytes(OLD)
        if self.output is None and self.depth != "syntax":
            # Begun anew each time: the lab counts what nobody keeps.
            self.stops = self.stops[:1]

    def choose_options(self):
        chance = self.chance
        self.statuses = None
        self.words += ["--depth", self.depth, "--dedupe", self.dedupe, "--duplicates", self.duplicates]
        if self.profile != "mailknock":
            self.words += ["--profile", self.profile]
        if self.profile == "mailknock" and chance.random() < 0.25:
            name = chance.choice(list(EXPORTS))
            self.statuses = EXPORTS[name]
            self.words += ["--export", name]
        elif self.profile == "mailknock" and chance.random() < 0.15:
            self.statuses = set(chance.sample(["valid", "invalid", "catch_all", "unknown", "do_not_mail"], 2))
            self.words += ["--only", ",".join(sorted(self.statuses))]
        self.report = self.folder / "report.html" if chance.random() < 0.2 else None
        if self.report:
            self.words += ["--report", str(self.report)]
        if chance.random() < 0.15:
            self.words += ["--prefix", "z_"]
        self.seen = chance.choice(["", "", "--quiet", "--json-progress"])
        self.words += [self.seen] if self.seen else []
        self.keep_job = self.output is not None and self.depth != "syntax" and chance.random() < 0.15
        self.words += ["--keep-job"] if self.keep_job else []
        if chance.random() < 0.2 and self.list.kind == "csv":
            self.words += ["--column", str(self.list.column + 1)]
        if self.list.kind in ("csv", "xlsx") and chance.random() < 0.3:
            self.words += ["--header", "yes" if self.list.header else "no"]

    def command(self):
        return [BINARY, "clean", *self.inputs, *self.words, "--config", self.lab.config, "--open-limits",
                "--site-gap", "1ms", "--site-connections", "4", "--site-per-minute", "600", "--site-rcpts", "50"]

    # --- one life of the program ---

    def feed(self):
        def write():
            with contextlib.suppress(BrokenPipeError):
                self.pipe.write_bytes(self.given)

        if self.pipe:
            threading.Thread(target=write, daemon=True).start()

    def unfeed(self):
        """Whoever waits for somebody to read the pipe goes home."""
        if self.pipe:
            os.close(os.open(self.pipe, os.O_RDONLY | os.O_NONBLOCK))

    def live(self, stop):
        """Exit status, what it wrote and what it said."""
        command, out = self.command(), tempfile.TemporaryFile(dir=self.folder.parent)
        if stop == "time":
            command += ["--max-time", f"{self.chance.choice([50, 200, 500])}ms"]
        err, given = tempfile.TemporaryFile(dir=self.folder.parent), tempfile.TemporaryFile(dir=self.folder.parent)
        given.write(b"" if self.pipe else self.given)
        given.seek(0)
        self.feed()
        child = subprocess.Popen(command, env=environment(), stdin=given, stdout=out, stderr=err)
        try:
            if stop not in (None, "time"):
                time.sleep(self.chance.choice([0.003, 0.02, 0.08, 0.2, 0.4]) * self.chance.random() * 2)
                child.send_signal(stop)
            status = child.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            raise Wrong("it does not end") from None
        finally:
            self.unfeed()
            for file in (out, err):
                file.seek(0)
        self.said = err.read().decode("utf-8", "replace")
        return status, out.read()

    def check_stopped(self, stop, status, shown):
        """After a stop: nothing under the output's name but what stood there."""
        expected = {signal.SIGKILL: (-9,), signal.SIGINT: (3, -2), signal.SIGTERM: (3, -15), "time": (3,)}[stop]
        demand(status in expected, "exit status", status, "after", stop)
        self.killed |= stop == signal.SIGKILL
        if stop == "time":
            self.check_output(shown, partial=True)
            if self.old:
                self.old = False
            return
        if self.output is not None and not self.split:
            stands = self.output.read_bytes() if self.output.exists() else None
            if stop == signal.SIGKILL and stands not in (OLD, None):
                self.old = False
                self.check_output(shown)  # it was whole already
            else:
                demand(stands == (OLD if self.old else None), "half an output stands under its name")
        if self.output is None:
            self.check_stream(shown, whole=False)
        if stop != signal.SIGKILL:
            left = {f.name for f in self.folder.iterdir() if f.name.endswith((".tmp", ".part"))}
            demand(self.killed or not left, "temporary files are left:", left)

    # --- what it came to ---

    def expected(self):
        """(row, status, reason) of all rows that are wanted."""
        seen, wanted = {}, []
        for row in self.list.rows:
            status, reason = truth(row.address, self.depth)
            key = key_of(row.address, self.dedupe)
            if row.is_unclear:
                status, reason, key = "unknown", "not_probed", None
            again = key is not None and key in seen
            if key is not None:
                seen[key] = True
            if again and self.duplicates == "drop":
                continue
            if again and self.duplicates == "skip":
                status, reason = "skipped", "duplicate"
            if self.statuses is None or status in self.statuses:
                wanted.append((row, status, reason))
        return wanted

    def compare(self, row, status, reason, got_status, got_reason, partial):
        if got_reason == "not_probed" and partial:
            return
        demand(got_status == status and reason in (None, got_reason), f"{row.address!r} is", got_status, got_reason,
               "not", status, reason)

    def read(self, data, path, rows, profile):
        """Results of these rows, which must be all, as (status, reason)."""
        if self.format == "ndjson":
            results = outputs.objects(data, self.list, rows, profile)
            return [(r["status"], r["reason"]) for r in results]
        if self.format == "xlsx":
            names, found = outputs.sheet(path, self.list, rows, profile)
        elif self.list.kind == "csv":
            names, found = outputs.csv_of_table(data, self.list, rows, profile)
        else:
            names, found = outputs.csv_of_others(data, self.list, rows, profile)
        if names is not None and profile == "mailknock":
            # A list that was cleaned before has such names already.
            prefixes = ["z"] if "--prefix" in self.words else ["mk2" if "mk_status" in self.list.names and
                                                               self.list.kind in ("csv", "xlsx") else "mk"]
            demand([n.split("_")[0] for n in names] == prefixes * 8, "names are", names)
        return [(cells[0], cells[1]) for cells in found]

    def check_results(self, wanted, results, partial):
        for (row, status, reason), (got_status, got_reason) in zip(wanted, results):
            if self.profile != "mailknock" and self.format != "ndjson":
                # In other words; but an invalid one is one in all of them.
                if not partial and status != "do_not_mail":
                    demand((got_status in INVALID) == (status == "invalid"), f"{row.address!r} is", got_status,
                           "not", status)
            else:
                self.compare(row, status, reason, got_status, got_reason, partial)

    def check_output(self, shown, partial=False):
        wanted = self.expected()
        if partial and self.statuses is not None:
            return  # which rows are wanted depends on how far it came
        if self.output is None:
            self.check_stream(shown, whole=True, partial=partial)
            return
        if self.split:
            self.check_split(wanted, partial)
            return
        data = outputs.contents(self.output) if self.format != "xlsx" else b""
        results = self.read(data, self.output, [row for row, _, _ in wanted], self.profile)
        self.check_results(wanted, results, partial)

    def check_split(self, wanted, partial):
        if partial:
            return
        stem, _, ending = self.output.name.partition(".")
        for status in ("valid", "invalid", "catch_all", "do_not_mail", "unknown", "skipped"):
            path = self.folder / f"{stem}.{status}.{ending}"
            part = [w for w in wanted if w[1] == status]
            if self.statuses is not None and status not in self.statuses:
                demand(not path.exists(), path.name, "was not asked for")
                continue
            data = outputs.contents(path) if self.format != "xlsx" else b""
            self.check_results(part, self.read(data, path, [row for row, _, _ in part], self.profile), False)

    def check_stream(self, shown, whole, partial=False):
        """Standard output: in the list's order where nobody is asked, else as results come."""
        wanted = self.expected()
        if self.depth == "syntax" and whole:
            self.check_results(wanted, self.read(shown, None, [row for row, _, _ in wanted], self.profile), partial)
            return
        if self.format == "csv":
            self.check_csv_stream(shown, whole, partial, wanted)
            return
        lines = shown.split(b"\n")
        demand(lines.pop() == b"" or not whole, "the last line has no end")
        by_text = {}
        for number, row in enumerate(self.list.rows, 1):
            by_text.setdefault(row.text if self.list.kind == "ndjson" else number, []).append(row)
        expected = {id(row): (row, status, reason) for row, status, reason in wanted}
        left = dict(expected)
        for line in lines:
            value = json.loads(line)
            result = value.pop("mailknock")
            value.pop(self.profile, None)
            if self.list.kind == "ndjson":
                same = [r for r in self.list.rows if json.loads(r.text) == value and id(r) in left]
                demand(same, "a row that is none, or twice:", line)
                row = same[0]
            else:
                row = self.list.rows[value["row"] - 1]
            demand(id(row) in left, "twice, or not wanted:", line)
            del left[id(row)]
            outputs.compare_object(value, line.decode(), self.list, row)
            _, status, reason = expected[id(row)]
            self.compare(row, status, reason, result["status"], result["reason"], partial)
        demand(not whole or not left, "rows are missing:", [r[0].address for r in left.values()])

    def check_csv_stream(self, shown, whole, partial, wanted):
        if not whole:
            return
        if self.list.kind != "csv":
            lines = shown.count(b"\n")
            demand(lines >= len(wanted), lines, "lines of", len(wanted))
            return
        by_row = {id(row): (row, status, reason) for row, status, reason in wanted}
        rows = [row for row, _, _ in wanted]
        _, found = outputs.csv_of_table(shown, self.list, rows, self.profile, in_order=False)
        same = {}
        # Rows of the same bytes are one another's: their verdicts differ where one is a duplicate.
        for row, cells in zip(rows, found):
            same.setdefault(row.raw, ([], []))[0].append(by_row[id(row)])
            same[row.raw][1].append((cells[0], cells[1]))
        for expected, results in same.values():
            if len(expected) == 1:
                self.check_results(expected, results, partial)

    def check_said(self):
        if self.seen == "--quiet":
            demand(self.said == "", "it was to be quiet:", self.said)
        if self.seen == "--json-progress":
            for line in self.said.splitlines():
                demand("event" in json.loads(line), line)

    def check_folder(self):
        left = {f.name for f in self.folder.iterdir()} - {pathlib.Path(i).name for i in self.inputs}
        left -= {f.name for f in self.list.files} | {"report.html"}
        jobs = {name for name in left if ".mkjob" in name}
        demand(bool(jobs) == self.keep_job, "of the job is left:", jobs)
        if self.output is not None and not self.split:
            demand(self.output.name in left, "there is no output")
        if not self.killed:
            demand(not [name for name in left if name.endswith((".tmp", ".part"))], "temporary files are left:", left)
        if self.report:
            page = self.report.read_text(encoding="utf-8")
            rows = len(self.list.rows)
            demand(page.rstrip().endswith("</html>"), "the report is cut")
            demand(f'<div class="n">{rows}</div>' in page, "the report does not count", rows, "rows")

    def go(self):
        for stop in self.stops:
            status, shown = self.live(stop)
            if status == 0:
                break
            self.check_stopped(stop, status, shown)
        else:
            status, shown = self.live(None)
        demand(status == 0, "exit status", status)
        self.check_said()
        self.check_output(shown)
        self.check_folder()


def one(options, number, plot):
    """None, or what went wrong."""
    above = pathlib.Path(tempfile.mkdtemp(prefix="mk-walk-"))
    folder = above / "in"
    folder.mkdir()
    lab, walk, wrong = Lab(BINARY, plot), None, None
    try:
        walk = Walk(options.seed, number, folder, lab)
        walk.go()
    except (Wrong, OSError, ValueError, KeyError, IndexError, AssertionError):
        wrong = traceback.format_exc(limit=-3)
    status, said = lab.close()
    if status != 0 and wrong is None:
        wrong = f"the lab complains: {said}"
    if wrong is not None:
        wrong = (f"walk {number} of seed {options.seed} (--seed {options.seed} --only {number}):\n{wrong}"
                 + (f"stops: {walk.stops}\n{shlex.join(walk.command())}\n"
                    f"it said: {getattr(walk, 'said', '')[-1500:]}" if walk is not None else ""))
    if not (wrong and options.keep):
        shutil.rmtree(above)
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--walks", type=int, default=10 ** 9)
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int)
    parser.add_argument("--keep", action="store_true", help="the folder of what went wrong")
    options = parser.parse_args()
    if options.walks == 10 ** 9 and options.seconds == 1e9:
        options.walks = 20
    numbers = [options.only] if options.only is not None else range(options.walks)
    done, failed, until = 0, 0, time.monotonic() + options.seconds
    with tempfile.NamedTemporaryFile("w", suffix=".scenario", encoding="utf-8") as plot:
        plot.write(scenario())
        plot.flush()
        for number in numbers:
            if time.monotonic() > until:
                break
            wrong = one(options, number, plot.name)
            done += 1
            if wrong is not None:
                failed += 1
                print(wrong, flush=True)
    print(f"{done} walks of seed {options.seed}, {failed} went wrong")
    return 1 if failed or not done else 0


if __name__ == "__main__":
    sys.exit(main())
