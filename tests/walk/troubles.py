"""What else befalls a list that is being cleaned: somebody who looks, a disk that fills up, a folder that may not be
written to, a second clean, a list that has changed, several pipes at once."""
import contextlib
import copy
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time

from lists import Row
from outputs import Wrong, demand
from program import BINARY, environment
from walk import EXPORTS, LIMIT_S, OLD, PROFILES, Walk

RCPT = re.compile(r"RCPT TO:<([^>]*)>", re.I)
NOBODY = 65534
# What no user should be told without what it means.
RAW = re.compile(r"database disk image|SQL logic|constraint|out of memory|Assertion|CHECK|SQLITE_|\(null\)|"
                 r"readonly database|unable to open database")


class Untried(Exception):
    """This machine has not what it takes."""


def small_disk(where, after):
    """A disk of its own, which can be made as small as is wanted."""
    if os.geteuid() != 0:
        raise Untried("only root can mount a small disk")
    where.mkdir(parents=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", where], check=False,
                      capture_output=True).returncode != 0:
        raise Untried("nothing can be mounted here")
    after.callback(subprocess.run, ["umount", "-l", where], check=False, capture_output=True)


def fill(filler):
    with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


class Trouble(Walk):
    """Lists that take some time, with a job file."""
    SIZES = [40, 90, 200]
    DEPTHS = ["smtp", "smtp", "smtp", "smtp", "dns"]
    ENDINGS = [".csv", ".csv", ".ndjson", ".xlsx", ".csv.gz"]

    def __init__(self, seed, number, folder, lab, after):
        super().__init__(seed, number, folder, lab, after)
        self.job = pathlib.Path(str(self.output) + ".mkjob")
        self.told = []
        if self.chance.random() < 0.2:
            self.words += ["--history-file", str(self.folder / "history.db")]

    def run(self, *words, **more):
        done = subprocess.run([BINARY, *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=LIMIT_S, env=environment(**self.environ), **self.popen, **more)
        said = done.stderr.decode("utf-8", "replace")
        self.note(words[1] if words[0] == "jobs" else words[0], done.returncode, said)
        demand(done.returncode in (0, 2, 3), "exit status", done.returncode, "of", words, said)
        demand(done.returncode != 2 or said, words, "said nothing")
        return done.returncode, done.stdout, said

    def note(self, what, status, said):
        self.told.append((what, status, said))
        demand(not RAW.search(said), what, "says", said)

    # --- what the job keeps ---

    def looked_into(self, work):
        """What work says of a copy of the job; None: there is none."""
        with tempfile.TemporaryDirectory(prefix="mk-look-", dir=self.folder.parent) as folder:
            for ending in ("", "-wal", "-journal"):
                with contextlib.suppress(FileNotFoundError):
                    shutil.copy(str(self.job) + ending, os.path.join(folder, "job" + ending))
            copy = os.path.join(folder, "job")
            if not os.path.exists(copy) or os.path.getsize(copy) == 0:
                return None
            with contextlib.closing(sqlite3.connect(copy)) as db:
                tables = {name for name, in db.execute("SELECT name FROM sqlite_master")}
                return work(db) if {"result", "row", "outcome"} <= tables else None

    def kept(self):
        """Mailboxes that have a result; where each has one row, they are not to be asked again."""
        def work(db):
            return {bytes(a).decode("utf-8", "replace").strip().lower()
                    for a, in db.execute("SELECT address FROM row JOIN outcome USING (job, row)")}

        return self.looked_into(work) or set() if self.dedupe == "mailbox" else set()

    @contextlib.contextmanager
    def nothing_asked_again(self):
        kept, since = self.kept(), os.path.getsize(self.lab.log)
        yield
        with open(self.lab.log, encoding="utf-8", errors="replace") as file:
            file.seek(since)
            again = kept & {match.lower() for match in RCPT.findall(file.read())}
        demand(not again, "asked again, though kept:", sorted(again)[:5])

    def finish(self, *more):
        """In peace, to the end."""
        with self.nothing_asked_again():
            status, shown = self.end(self.start(more))
        demand(status == 0, "exit status", status, "in the end")
        self.check_said()
        self.check_output(shown)
        self.check_folder()


class Jobs(Trouble):
    """Somebody who looks at the job, exports it, pauses it, wants it away, at any time."""
    STOPS = [[], [signal.SIGKILL], [signal.SIGKILL] * 2, [signal.SIGINT, signal.SIGKILL], [signal.SIGKILL] * 4]

    def __init__(self, seed, number, folder, lab, after):
        super().__init__(seed, number, folder, lab, after)
        self.done, self.is_paused, self.deleted = 0, False, False
        if self.chance.random() < 0.3:
            self.words += ["--keep-evidence"]

    def go(self):
        for stop in self.stops + [None]:
            self.is_paused = False
            child = self.start()
            try:
                until = time.monotonic() + (self.moment() if stop else LIMIT_S)
                while child.poll() is None and time.monotonic() < until:
                    self.look(child)
                    time.sleep(self.chance.random() * 0.1)
                if stop:
                    child.send_signal(stop)
            finally:
                status, shown = self.end(child)
            self.note("clean", status, self.said)
            if status == 3 and self.is_paused:
                demand("pause" in self.said or self.seen, "it does not say why it stopped:", self.said)
                demand(not self.output.exists() or self.output.read_bytes() == OLD, "half an output")
                continue
            if status == 0:
                break
            demand(stop, "exit status", status)
            self.check_stopped(stop, status, shown)
            for _ in range(self.chance.randrange(3)):
                self.look(None)
        if status != 0:
            self.finish()
            return
        self.check_output(shown)
        self.check_folder()
        if self.keep_job:
            self.count()
            self.export(whole=True)
            self.look(None)

    def look(self, child):
        verb = self.chance.choice(["list", "show", "json", "export", "export", "pause", "delete", "rejudge", "resume"])
        if verb in ("pause", "delete") and self.chance.random() < 0.6:
            verb = "json"
        if verb == "list":
            self.run("jobs", self.job)
        elif verb == "show":
            self.run("jobs", "show", self.job)
        elif verb == "json":
            self.count()
        elif verb == "export":
            self.export()
        elif verb == "pause":
            status, _, _ = self.run("jobs", "pause", self.job)
            self.is_paused |= status == 0
            demand(status != 0 or child is not None, "nobody was there to pause")
        elif verb == "resume":
            demand(self.run("jobs", "resume", self.job)[0] == 2, "it was resumed")
        elif verb == "rejudge":
            status, out, _ = self.run("jobs", "rejudge", "--json", self.job)
            demand(not out, "judged otherwise by the same rules:", out)
        else:
            self.delete(child)

    def count(self):
        status, out, _ = self.run("jobs", "show", self.job, "--json")
        if status == 0:
            value = json.loads(out)
            demand(value["done"] >= self.done, value["done"], "done, of", self.done, "earlier")
            demand(value["done"] + value["left"] == value["rows"] - value["duplicates"] or value["state"] == "loading",
                   value)
            self.done = value["done"]

    def delete(self, child):
        status, _, _ = self.run("jobs", "delete", self.job)
        # It may have ended meanwhile; but then the job has gone with it, unless it was paused or is kept.
        if status == 0 and child is not None and child.poll() is None:
            time.sleep(0.2)
            demand(child.poll() is not None, "a job that somebody works on was deleted")
        if status == 0:
            self.done = 0
            self.keep_job = self.keep_job and child is None
            left = [f.name for f in self.folder.iterdir() if f.name.startswith(self.job.name)]
            demand(not left or child is not None, "of a deleted job is left:", left)

    def export(self, whole=False):
        chance = self.chance
        ending = chance.choice([".csv", ".ndjson", ".xlsx"])
        to = self.folder / ("part" + ending)
        words, profile = [], chance.choice(["mailknock"] * 3 + PROFILES)
        words += ["--profile", profile] if profile != "mailknock" else []
        statuses = EXPORTS[name] if (name := chance.choice([None] * 3 + list(EXPORTS))) else None
        words += ["--export", name] if name else []
        duplicates = chance.choice(["answer", "skip", "drop"])
        split = chance.random() < 0.15
        words += ["--duplicates", duplicates] + (["--split"] if split else [])
        status, _, said = self.run("jobs", "export", self.job, "-o", to, *words)
        parts = list(self.folder.glob("part.*"))
        try:
            if status != 0:
                demand(not parts, "there is an output of an export that failed:", said, parts)
                demand(not whole, "it cannot be exported:", said)
                return
            if statuses is None and not split:
                self.compare_export(to, ending[1:], profile, duplicates, whole)
        finally:
            for part in parts:
                part.unlink()

    def compare_export(self, to, format, profile, duplicates, whole):
        """By what an output of the whole list is held against; what is not known yet is empty."""
        mine = self.format, self.profile, self.duplicates, self.statuses, self.words
        self.format, self.profile, self.duplicates, self.statuses = format, profile, duplicates, None
        self.words = [word for word in self.words if word not in ("--prefix", "z_")]
        try:
            wanted = self.expected()
            data = to.read_bytes() if format != "xlsx" else b""
            results = self.read(data, to, [row for row, _, _ in wanted], profile)
            known = [(w, r) for w, r in zip(wanted, results) if r != ("", "")]
            demand(not whole or len(known) == len(wanted), "not all is there")
            if profile == "mailknock":
                self.check_results([w for w, _ in known], [r for _, r in known], False)
        finally:
            self.format, self.profile, self.duplicates, self.statuses, self.words = mine


class Pipes(Trouble):
    """Several inputs, some of them pipes, and the same again."""
    FILES = [2, 2, 3]
    STOPS = [[], [signal.SIGINT], [signal.SIGKILL], [signal.SIGKILL] * 3, ["time"]]

    def choose_input(self):
        self.inputs = [str(f) for f in self.list.files]
        self.given, self.pipes = None, {}
        for i in range(len(self.inputs)):
            if self.chance.random() < 0.6:
                self.make_pipe(i)
        if self.chance.random() < 0.3:
            which = self.chance.randrange(len(self.inputs))
            if not self.inputs[which].startswith(str(self.folder / "pipe")):
                self.give(which)


class Changed(Trouble):
    """A list that has changed since it was killed: said, and then begun anew or gone on with."""
    STOPS = [[signal.SIGKILL], [signal.SIGINT], [signal.SIGKILL] * 2]

    def choose_input(self):
        self.inputs, self.given, self.pipes = [str(f) for f in self.list.files], None, {}
        if len(self.inputs) == 1 and self.chance.random() < 0.4:
            self.make_pipe(0)

    def go(self):
        for stop in self.stops:
            status, shown = self.live(stop)
            if status == 0:
                return
            self.check_stopped(stop, status, shown)
        if self.chance.random() < 0.3 and not self.pipes:
            if self.change_meanwhile():
                return
        else:
            self.change()
        before = self.output.read_bytes() if self.output.exists() else None
        kept = self.looked_into(lambda db: db.execute("SELECT count(*) FROM job").fetchone())
        child = self.start(["--max-time", "20ms"] if self.chance.random() < 0.2 else [])
        status, shown = self.end(child)
        self.note("changed", status, self.said)
        if status == 0:
            # Nothing that could be gone on with was there.
            self.check_output(shown)
            return
        how = []
        if status == 2:
            demand(kept is not None and "changed" in self.said and "--new" in self.said, "it does not say what to do:",
                   self.said)
            demand(before == (self.output.read_bytes() if self.output.exists() else None), "it wrote all the same")
            how = [self.chance.choice(["--new", "--resume"])]
            if self.chance.random() < 0.3:
                stop = self.chance.choice([signal.SIGKILL, signal.SIGINT])
                child = self.start(how)
                time.sleep(self.moment())
                child.send_signal(stop)
                status, shown = self.end(child)
                if status == 0:
                    how = None
                else:
                    self.check_stopped(stop, status, shown)
        if how is None:
            self.check_output(shown)
            return
        if how == ["--new"]:
            status, shown = self.end(self.start(how))
            demand(status == 0, "exit status", status)
            self.check_output(shown)
        else:
            self.finish(*how)

    def change_meanwhile(self):
        """While it is read, or its mailboxes are asked, or it is written. True: what came of it was the old one."""
        child = self.start()
        time.sleep(self.moment())
        old, self.list = self.list, copy.copy(self.list)
        self.change()
        status, shown = self.end(child)
        self.note("meanwhile", status, self.said)
        if status == 0:
            # It was read before, or after; never a part of both.
            new, self.list = self.list, old
            try:
                self.check_output(shown)
            except Wrong:
                self.list = new
                self.check_output(shown)
            return True
        demand(status == 2, "exit status", status)
        return False

    def change(self):
        """Rows go, come, change places; what the list is like stays."""
        self.has_changed = True
        lst, chance, tail = self.list, self.chance, self.list.rows[3:]
        how = chance.choice(["gone", "more", "shuffled", "others"])
        if how == "gone" and tail:
            tail = tail[:len(tail) // 2]
        elif how == "shuffled":
            chance.shuffle(tail)
        elif how == "others":
            tail = [r for r in tail if chance.random() < 0.7]
        rows = lst.rows[:3] + tail
        if how in ("more", "others", "gone"):
            for _ in range(chance.randint(1, 20)):
                address = f"{chance.choice('ux')}{chance.randrange(10 ** 6)}@d{chance.randrange(8)}.example"
                cells = ["new"] * lst.width
                cells[lst.column] = address
                rows.insert(chance.randint(3, len(rows)) if len(rows) > 3 else len(rows),
                            Row(cells if lst.kind in ("csv", "xlsx") else [address], address))
        lst.rows, before = rows, lst.files
        for path in before:
            path.unlink()
        lst.files = []
        lst.write_files(self.folder, 1)
        self.inputs = [str(f) for f in lst.files]
        if self.pipes:
            self.pipes, was = {}, list(self.pipes)
            was[0].unlink()
            self.make_pipe(0)


class Pair(Trouble):
    """Two at once: of the same list into the same output, where one of them is told so, or into two."""
    STOPS = [[None], [signal.SIGKILL], [signal.SIGINT]]

    def choose_input(self):
        # Two that read one pipe would get half a list each.
        self.inputs, self.given, self.pipes = [str(f) for f in self.list.files], None, {}
        if len(self.inputs) == 1 and self.chance.random() < 0.3:
            self.give(0)

    def go(self):
        stop, = self.stops
        same = self.chance.random() < 0.6
        one = self.start()
        try:
            time.sleep(self.moment() if self.chance.random() < 0.7 else 0)
            other = self.twin(same)
        except BaseException:
            self.away_with(one)
            raise
        try:
            if stop:
                time.sleep(self.moment())
                one.send_signal(stop)
        finally:
            status, shown = self.end(one)
            said = self.said
            status2, _ = self.end(other)
        self.note("one", status, said)
        self.note("other", status2, self.said)
        if same:
            self.check_same(stop, (status, said), (status2, self.said))
        else:
            demand(status2 == 0, "the other ended with", status2)
            self.output, mine = self.second, (self.output, self.split)
            self.split = False
            self.check_output(b"")
            self.output, self.split = mine
            self.second.unlink()
        self.killed |= stop == signal.SIGKILL
        if status == 0 or (same and status2 == 0):
            self.check_output(shown)
            self.check_folder()
        else:
            self.finish()

    def twin(self, same):
        if same:
            return self.start()
        words = self.words
        at = words.index("-o") + 1
        self.second = self.folder.parent / self.output.name if self.split else self.folder / ("2" + self.output.name)
        self.words = [w for i, w in enumerate(words) if w not in ("--split", "--keep-job")]
        self.words[at] = str(self.second)
        if self.report:
            self.words[self.words.index("--report") + 1] = str(self.folder.parent / "report2.html")
        try:
            return self.start()
        finally:
            self.words = words

    def check_same(self, stop, *ends):
        for status, said in ends:
            demand(status in (0, 2, 3, -signal.SIGKILL, -signal.SIGINT), "exit status", status)
            if status == 2:
                demand("another mailknock" in said.replace("\n", " "), "it does not say that there is another:", said)
        demand(stop or 0 in [status for status, _ in ends], "neither came to its end")


class Disk(Trouble):
    """A disk that is full, or fills up at any moment; then there is room, and it goes on."""
    STOPS = [[]]

    def __init__(self, seed, number, folder, lab, after):
        self.mounted = folder.parent / "disk"
        small_disk(self.mounted, after)
        super().__init__(seed, number, folder, lab, after)

    def choose_output(self):
        super().choose_output()
        which = self.chance.choice(["all", "all", "output", "temporary"])
        if which != "output":
            self.environ["TMPDIR"] = str(self.mounted)
        if which != "temporary":
            self.move_output()

    def move_output(self):
        """Output and job stand on the disk, with the temporary folder or without."""
        self.folder = self.mounted
        moved = self.mounted / self.output.name
        if self.output.exists():
            shutil.move(self.output, moved)
        self.words[self.words.index(str(self.output))] = str(moved)
        self.output = moved

    def resize(self, kilobytes):
        subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", self.mounted], check=True, capture_output=True)

    def used(self):
        stat = os.statvfs(self.mounted)
        return (stat.f_blocks - stat.f_bfree) * stat.f_frsize // 1024

    def go(self):
        if self.chance.random() < 0.2:
            self.try_read_only()
        for _ in range(self.chance.randint(1, 5)):
            self.resize(self.used() + self.chance.choice([4, 20, 60, 150, 400]))
            filler = self.mounted / "filler"
            with self.nothing_asked_again():
                child = self.start()
                kill = self.chance.random() < 0.2
                if self.chance.random() < 0.6:
                    time.sleep(self.moment())
                    fill(filler)
                    if self.chance.random() < 0.5:
                        time.sleep(self.moment())
                        filler.unlink(missing_ok=True)
                if kill:
                    time.sleep(self.moment())
                    child.send_signal(signal.SIGKILL)
                    self.killed = True
                status, shown = self.end(child)
            filler.unlink(missing_ok=True)
            self.note("full", status, self.said)
            if status == 0:
                self.check_output(shown)
                self.check_folder()
                return
            if status == -signal.SIGKILL and kill:
                continue
            demand(status in (2, 3), "exit status", status, "on a full disk")
            self.check_full(status)
        self.resize(1 << 16)
        self.finish()

    def try_read_only(self):
        subprocess.run(["mount", "-o", "remount,ro", self.mounted], check=True, capture_output=True)
        status, shown = self.end(self.start())
        self.resize(1 << 16)
        subprocess.run(["mount", "-o", "remount,rw", self.mounted], check=True, capture_output=True)
        self.note("read-only", status, self.said)
        if status != 0:
            demand(status == 2 and "Read-only file system" in self.said, "it does not say why:", status, self.said)

    def check_full(self, status):
        said = " ".join(self.said.split())
        demand(re.search(r"full|No space|make room", said), "it does not say that the disk is full:", said)
        stands = self.output.read_bytes() if self.output.exists() else None
        demand(self.split or stands == (OLD if self.old else None), "half an output stands under its name")
        left = [f.name for f in self.folder.iterdir() if f.name.endswith((".tmp", ".part"))]
        demand(self.killed or not left, "temporary files are left:", left)


class Barred(Trouble):
    """A folder that may not be written to: before it begins, or when it was killed; then it may."""
    STOPS = [[]]

    def __init__(self, seed, number, folder, lab, after):
        super().__init__(seed, number, folder, lab, after)
        if os.geteuid() == 0:
            # Root may write anywhere.
            self.popen = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
            config = self.folder.parent / "lab.conf"
            shutil.copy(self.lab.config, config)
            os.chmod(self.folder.parent, 0o777)
            for path in (config, self.folder, *self.folder.iterdir()):
                os.chown(path, NOBODY, NOBODY)
            self.config = str(config)
            if subprocess.run([BINARY, "--version"], capture_output=True, **self.popen).returncode != 0:
                raise Untried("the program stands where nobody else may read")

    def command(self):
        words = super().command()
        if hasattr(self, "config"):
            words[words.index(self.lab.config)] = self.config
        return words

    def go(self):
        for _ in range(self.chance.randint(1, 3)):
            before = {f.name: f.stat().st_mtime_ns for f in self.folder.iterdir()}
            self.folder.chmod(0o555)
            with self.nothing_asked_again():
                child = self.start()
                try:
                    if self.chance.random() < 0.3:
                        time.sleep(self.moment())
                        self.folder.chmod(0o755)
                finally:
                    status, shown = self.end(child)
            opened = bool(self.folder.stat().st_mode & 0o200)
            self.folder.chmod(0o755)
            self.note("barred", status, self.said)
            if status == 0:
                # Where all that it writes was there already, or the folder was opened in time.
                self.check_output(shown)
                return
            demand(status == 2, "exit status", status)
            demand(re.search(r"Permission denied|read-only|may not|let this user", self.said), "it does not say why:",
                   self.said)
            after = {f.name: f.stat().st_mtime_ns for f in self.folder.iterdir()}
            demand(opened or set(before) == set(after), "files came or went:", set(before) ^ set(after))
            self.shut_meanwhile()
        self.finish()

    def shut_meanwhile(self):
        """A life that begins well, and is shut out from its folder, or killed."""
        child = self.start()
        time.sleep(self.moment())
        shut, stop = self.chance.random() < 0.5, self.chance.choice([None, signal.SIGKILL])
        if shut:
            self.folder.chmod(0o555)
        if stop:
            time.sleep(self.moment())
            child.send_signal(stop)
            self.killed = True
        try:
            status, _ = self.end(child)
        finally:
            self.folder.chmod(0o755)
        self.killed |= shut  # what it made in a folder that was shut then is left there
        self.note("shut", status, self.said)
        demand(status in (0, 2, 3, -signal.SIGKILL), "exit status", status)
        if status == 2:
            demand(shut, "it failed though nothing was in its way:", self.said)


KINDS = {"jobs": Jobs, "pipes": Pipes, "changed": Changed, "pair": Pair, "disk": Disk, "barred": Barred}
