"""SIGKILL at random moments, on real sockets: nothing is lost, nothing that was kept is asked again.

A list is cleaned once in peace. Then it is cleaned by a program that is killed again and again, at
moments of a seeded generator, and started with the same command; each list comes out in another
format than the one before. At the end every row must have one result, in its place and with what
it was given, the same verdict as in peace, and between a kill and the next no mailbox may be asked whose
result was in the job file already, and no domain by a stranger again whose habits were: what was in
flight may. Limits a minute hold over a death: no list is killed so often that it would wait for them.

    kill_test.py PROGRAM KILLS [SEED]
"""
import csv
import json
import os
import pathlib
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e"))
from formats_test import read_xlsx  # noqa: E402
from lab import Lab  # noqa: E402

PROGRAM = os.path.abspath(sys.argv[1])
KILLS = int(sys.argv[2])
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else 20261125
DOMAINS, ROWS = 24, 480
RCPT = re.compile(r"RCPT TO:<([^>]*)>", re.I)
SECONDS_OF_A_LIFE = 1.0
KILLS_OF_A_LIST = 8
VERDICT = ("status", "reason", "action", "provider")
COLUMNS = ["name", "email"] + ["mk_" + name for name in VERDICT]
ENDINGS = [".csv", ".ndjson", ".xlsx", ".split.csv"]


def read_csv(path):
    with open(path, encoding="utf-8", newline="") as file:
        return [[row[name] for name in COLUMNS] for row in csv.DictReader(file)]


def read_ndjson(path):
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [row["row"] for row in rows] == list(range(1, len(rows) + 1)), "rows are out of order"
    return [[row["input"]["name"], row["input"]["email"],
             *(row["mailknock"][name] or "" for name in VERDICT)] for row in rows]


def read_sheet(path):
    header, *rows = read_xlsx(path)
    letters = {name: letter for letter, name in header.items()}
    return [[row.get(letters[name], "") for name in COLUMNS] for row in rows]


def read_split(path):
    """One file a status; together they are the list again."""
    rows = []
    for part in path.parent.glob(path.stem + ".*.csv"):
        found = read_csv(part)
        assert all(part.name == f"{path.stem}.{row[2]}.csv" for row in found), part
        rows += found
    return sorted(rows, key=lambda row: int(row[0].split()[1]))


def read_rows(path):
    readers = {".ndjson": read_ndjson, ".xlsx": read_sheet}
    if path.name.endswith(".split.csv"):
        return read_split(path)
    return readers.get(path.suffix, read_csv)(path)


def scenario():
    text = ["set patience quick"]
    for i in range(DOMAINS):
        text += [f"domain d{i}.example", f"  mx 10 mx.d{i}.example",
                 f"server mx.d{i}.example 127.9.1.{i + 1}", "  mailbox u*"]
        if i % 6 == 1:
            text.append("  behave accept-all")
        if i % 6 == 2:
            text.append("  offer pipelining")
    return "\n".join(text) + "\n"


def addresses():
    """Sorted by domain, with mailboxes that do not exist, duplicates and nonsense."""
    for row in range(ROWS):
        domain = row * (DOMAINS + 1) // ROWS  # the last one does not exist
        name = "n" if row % 5 == 0 else "u"
        if row % 40 == 7:
            yield "not an address"
        elif row % 20 == 13:
            yield f"u{row - 1}@D{domain}.example"  # mostly a duplicate of the one before
        else:
            yield f"{name}{row}@d{domain}.example"


class Cleaner:
    def __init__(self, folder, config, log):
        self.folder, self.config, self.log = pathlib.Path(folder), config, log
        self.list = self.folder / "list.csv"
        with open(self.list, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["name", "email"])
            writer.writerows([f"row {i}", a] for i, a in enumerate(addresses()))

    def command(self, name):
        split = ["--split"] if name.endswith(".split.csv") else []
        return [PROGRAM, "clean", str(self.list), "-o", str(self.folder / name), "--config",
                self.config, "--quiet", *split]

    def verdicts(self, name):
        rows = read_rows(self.folder / name)
        assert len(rows) == ROWS, f"{len(rows)} rows of {ROWS}"
        for i, (row, address) in enumerate(zip(rows, addresses())):
            assert row[:2] == [f"row {i}", address], row
            assert row[2] and row[3], row
        return [tuple(row[2:]) for row in rows]

    def looked_into(self, name, work):
        """What work says of the job; None: there is no job yet. A copy is looked into, so that the
        next life finds what the kill left, a journal to roll back maybe."""
        job = self.folder / (name + ".mkjob")
        if not job.exists() or job.stat().st_size == 0:
            return None
        with tempfile.TemporaryDirectory(prefix="mk-kill-") as folder:
            for ending in ("", "-wal", "-journal"):
                if os.path.exists(str(job) + ending):
                    shutil.copy(str(job) + ending, os.path.join(folder, "job" + ending))
            db = sqlite3.connect(os.path.join(folder, "job"))
            try:
                tables = {name for name, in db.execute("SELECT name FROM sqlite_master")}
                return work(db) if {"result", "record"} <= tables else None
            finally:
                db.close()

    def kept(self, name):
        """Mailboxes with a result in the job file; reading it must always work."""
        def work(db):
            rows = db.execute("SELECT address FROM row JOIN outcome USING (job, row)").fetchall()
            done, counted = db.execute("SELECT (SELECT sum(done) FROM job),"
                                       " (SELECT sum(results) FROM tally)").fetchone()
            assert (done or 0) == (counted or 0) == len(rows), (done, counted, len(rows))
            return {bytes(address).decode().lower() for address, in rows}

        return self.looked_into(name, work) or set()

    def habits(self, name):
        """Domains whose dealings with strangers are known in the job file."""
        def work(db):
            return {bytes(key).decode() for key, in db.execute("SELECT key FROM record")}

        return self.looked_into(name, work) or set()

    def asked(self, since):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            file.seek(since)
            return {match.lower() for match in RCPT.findall(file.read())}


def one_list(cleaner, name, peace, chance, kills):
    """Clean one list, killed up to `kills` times; returns how often it was."""
    killed = 0
    while True:
        kept, habits = cleaner.kept(name), cleaner.habits(name)
        since = os.path.getsize(cleaner.log)
        child = subprocess.Popen(cleaner.command(name), stderr=subprocess.PIPE)
        if killed < kills:
            time.sleep(chance.uniform(0, SECONDS_OF_A_LIFE))
            child.send_signal(signal.SIGKILL)
        status = child.wait(120)
        said = child.stderr.read().decode()
        child.stderr.close()
        asked = cleaner.asked(since)
        again = kept & asked
        assert not again, f"asked again though kept: {sorted(again)[:5]}"
        strangers = {a.split("@")[1] for a in asked if a.startswith("mailknock-probe-")}
        assert not habits & strangers, f"met with a stranger again: {sorted(habits & strangers)[:5]}"
        if status == -signal.SIGKILL:
            killed += 1
            continue
        assert status == 0, f"exit status {status}: {said}"
        break
    differing = [(i, a, b) for i, (a, b) in enumerate(zip(peace, cleaner.verdicts(name))) if a != b]
    assert not differing, f"other verdicts than in peace: {differing[:5]}"
    left = [f.name for f in cleaner.folder.iterdir() if name in f.name and f.name != name]
    # A temporary output of a killed life may be left; the job may not.
    assert not [f for f in left if "mkjob" in f], left
    return killed


def in_a_lab(plot, work):
    """A lab for each list, so that none grows old."""
    lab = Lab(PROGRAM, plot)
    try:
        result = work(lab)
    finally:
        status, said = lab.close()
    assert status == 0, f"the lab complains: {said}"
    return result


def main():
    print(f"seed {SEED}", flush=True)
    chance = random.Random(SEED)
    with tempfile.TemporaryDirectory(prefix="mk-kill-") as folder:
        plot = pathlib.Path(folder) / "kill.scenario"
        plot.write_text(scenario(), encoding="utf-8")

        def in_peace(lab):
            cleaner = Cleaner(folder, lab.config, lab.log)
            subprocess.run(cleaner.command("peace.csv"), check=True, timeout=120)
            verdicts = cleaner.verdicts("peace.csv")
            valid = {a.lower() for a, (status, *_) in zip(addresses(), verdicts) if status == "valid"}
            assert valid and valid <= cleaner.asked(0), "the wire log is not whole"
            return verdicts

        def killed_again_and_again(lab):
            cleaner = Cleaner(folder, lab.config, lab.log)
            kills = min(KILLS - killed, KILLS_OF_A_LIST)
            name = f"killed{lists}" + ENDINGS[lists % len(ENDINGS)]
            return one_list(cleaner, name, peace, chance, kills)

        peace = in_a_lab(plot, in_peace)
        assert {s for s, *_ in peace} >= {"valid", "invalid", "catch_all"}, set(peace)
        killed = lists = 0
        while killed < KILLS:
            killed += in_a_lab(plot, killed_again_and_again)
            lists += 1
    print(f"killed {killed} times over {lists} lists of {ROWS} rows: nothing lost, nothing repeated")


if __name__ == "__main__":
    main()
