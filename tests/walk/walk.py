"""A list, cleaned in some way, perhaps stopped or killed and begun again, and what must come of it."""
import contextlib
import json
import os
import pathlib
import random
import shlex
import signal
import subprocess
import tempfile
import threading
import time

from lists import List, truth
import outputs
from outputs import Wrong, demand
from program import BINARY, environment

LIMIT_S = 90
EXPORTS = {"safe": {"valid"}, "safe+catch-all": {"valid", "catch_all"}, "unknown": {"unknown"},
           "remove": {"invalid", "do_not_mail"},
           "not-invalid": {"valid", "catch_all", "do_not_mail", "unknown", "skipped"}}
PROFILES = ["emailverify", "zerobounce", "neverbounce", "kickbox", "reacher"]
INVALID = {"invalid", "undeliverable"}  # in anybody's words
POLITE = ["--open-limits", "--site-gap", "1ms", "--site-connections", "4", "--site-per-minute", "600",
          "--site-rcpts", "50"]
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
    SIZES = [3, 12, 12, 40, 40, 90]
    DEPTHS = ["smtp", "smtp", "smtp", "dns", "syntax"]
    ENDINGS = [".csv", ".csv", ".ndjson", ".xlsx", ".csv.gz", ".ndjson.gz", None]
    STOPS = [[], [], [signal.SIGINT], [signal.SIGKILL], [signal.SIGTERM, signal.SIGKILL], [signal.SIGKILL] * 3,
             ["time"]]
    FILES = [1, 1, 1, 2, 3]
    SPLITS = 0.2
    told = ()

    def __init__(self, seed, number, folder, lab, after):
        """after: what is to be undone in the end."""
        self.chance = random.Random(f"{seed}/{number}")
        self.folder, self.lab, self.after = folder, lab, after
        self.killed = self.has_changed = False
        self.environ, self.popen, self.said = {}, {}, ""
        chance = self.chance
        self.list = List(chance, "list", self.SIZES)
        self.depth = chance.choice(self.DEPTHS)
        self.dedupe = chance.choice(["off", "exact", "mailbox", "mailbox"])
        self.duplicates = chance.choice(["answer", "answer", "skip", "drop"])
        self.profile = chance.choice(["mailknock"] * 4 + PROFILES)
        self.stops = list(chance.choice(self.STOPS))
        self.list.write_files(folder, chance.choice(self.FILES))
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
        self.given, self.pipes = None, {}
        if len(self.inputs) == 1 and chance.random() < 0.25:
            if chance.random() < 0.5:
                self.give(0)
            else:
                self.make_pipe(0)

    def give(self, which):
        """An input by standard input."""
        self.given = pathlib.Path(self.inputs[which]).read_bytes()
        self.inputs[which] = "-"

    def make_pipe(self, which):
        """An input by a pipe, as `clean <(command)` gets it."""
        path = self.folder / f"pipe{which}"
        os.mkfifo(path)
        self.pipes[path] = pathlib.Path(self.inputs[which]).read_bytes()
        self.inputs[which] = str(path)

    def choose_output(self):
        chance, lst = self.chance, self.list
        ending = chance.choice(self.ENDINGS)
        self.split = False
        if ending is not None:
            self.output = self.folder / f"out{ending}"
            self.words += ["-o", str(self.output)]
            self.format = ending.split(".")[1]
            if chance.random() < self.SPLITS:
                self.split = True
                self.words += ["--split"]
        elif self.given is not None or self.pipes or chance.random() < 0.5:
            self.output = None
            self.format = chance.choice(["csv", "ndjson"])
            self.words += ["--format", self.format] if self.format == "csv" or chance.random() < 0.5 else []
            if not (self.given or self.pipes) or chance.random() < 0.5:
                self.words += ["-o", "-"]
        else:
            name = pathlib.Path(self.inputs[0]).name.removesuffix(".gz")
            self.format = name.rpartition(".")[2].replace("txt", "csv")
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
        return [BINARY, "clean", *self.inputs, *self.words, "--config", self.lab.config, *POLITE]

    # --- one life of the program ---

    def feed(self):
        def write(path, content):
            with contextlib.suppress(BrokenPipeError):
                path.write_bytes(content)

        for path, content in self.pipes.items():
            threading.Thread(target=write, args=(path, content), daemon=True).start()

    def unfeed(self):
        """Whoever waits for somebody to read the pipe goes home."""
        for path in self.pipes:
            os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))

    def start(self, more=()):
        """A child, whose `out` and `err` are files."""
        out, err, given = (tempfile.TemporaryFile(dir=self.folder.parent) for _ in range(3))
        given.write(self.given or b"")
        given.seek(0)
        self.feed()
        child = subprocess.Popen([*self.command(), *more], env=environment(**self.environ), stdin=given, stdout=out,
                                 stderr=err, **self.popen)
        given.close()
        child.out, child.err = out, err
        return child

    def end(self, child):
        """Exit status, what it wrote and what it said."""
        try:
            status = child.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            raise Wrong("it does not end") from None
        finally:
            self.away_with(child)
            self.unfeed()
            for file in (child.out, child.err):
                file.seek(0)
        self.said = child.err.read().decode("utf-8", "replace")
        return status, child.out.read()

    def away_with(self, child):
        if child.poll() is None:
            child.kill()
            child.wait()

    def moment(self):
        return self.chance.choice([0.003, 0.02, 0.08, 0.2, 0.4]) * self.chance.random() * 2

    def live(self, stop):
        """A whole life, ended by a signal or a limit of time where there is one."""
        more = ["--max-time", f"{self.chance.choice([50, 200, 500])}ms"] if stop == "time" else []
        child = self.start(more)
        if stop not in (None, "time"):
            time.sleep(self.moment())
            child.send_signal(stop)
        return self.end(child)

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
        elif self.split:
            self.check_parts(stop)
        if self.output is None:
            self.check_stream(shown, whole=False)
        if stop != signal.SIGKILL:
            left = {f.name for f in self.folder.iterdir() if f.name.endswith((".tmp", ".part"))}
            demand(self.killed or not left, "temporary files are left:", left)

    def check_parts(self, stop):
        """One file a status: a kill may have come between two of them, and each is whole."""
        for path, part in self.parts(self.expected()):
            if path.exists() and not self.has_changed:
                demand(self.killed, path.name, "is there after", stop)
                data = outputs.contents(path) if self.format != "xlsx" else b""
                self.check_results(part, self.read(data, path, [row for row, _, _ in part], self.profile), False)

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
            return [(r["status"], r["reason"]) if r else ("", "") for r in results]
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

    def parts(self, wanted):
        stem, _, ending = self.output.name.partition(".")
        return [(self.folder / f"{stem}.{status}.{ending}", [w for w in wanted if w[1] == status])
                for status in ("valid", "invalid", "catch_all", "do_not_mail", "unknown", "skipped")]

    def check_split(self, wanted, partial):
        if partial:
            return
        for path, part in self.parts(wanted):
            if self.statuses is not None and path.name.split(".")[1] not in self.statuses:
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

    def tell(self):
        """What to know of a walk that went wrong."""
        if not hasattr(self, "words"):
            return ""
        return f"stops: {self.stops}\n{shlex.join(self.command())}\nit said: {self.said[-1500:]}"
