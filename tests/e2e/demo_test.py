#!/usr/bin/env python3
"""`mailknock demo`: all 200 rows as examples/customers.expected.csv says, twice at once, anywhere.

demo_test.py PROGRAM

Two demos run side by side (the second finds its ports taken), one of them where nothing may be
written, and one runs again over what it left behind.
"""
import csv
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import lab

EXAMPLES = lab.ROOT / "examples"
TIME_MAX = 60  # s; it takes about 12 on an idle machine


def start(program, folder, *options, **environment):
    return subprocess.Popen([program, "demo", *options], cwd=folder, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env={**os.environ, **environment})


def cleaned(folder):
    with open(pathlib.Path(folder) / "customers.clean.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def judge(name, process, folder):
    out, err = process.communicate(timeout=TIME_MAX)
    if process.returncode != 0:
        sys.exit("%s: exit status %d\n%s%s" % (name, process.returncode, out.decode(), err.decode()))
    with open(EXAMPLES / "customers.expected.csv", newline="", encoding="utf-8") as file:
        expected = list(csv.DictReader(file))
    rows = cleaned(folder())
    with open(EXAMPLES / "customers.csv", newline="", encoding="utf-8") as file:
        customers = list(csv.DictReader(file))
    assert len(rows) == len(expected) == len(customers) == 200, (name, len(rows))
    wrong = 0
    for row, wanted, customer in zip(rows, expected, customers):
        if {key: row[key] for key in customer} != customer:
            print("%s: a row was changed: %r" % (name, row))
            wrong += 1
        if (row["email"], row["mk_status"], row["mk_reason"]) != tuple(wanted.values()):
            print("%s: %s is %s/%s, not %s/%s" % (name, row["email"], row["mk_status"],
                                                  row["mk_reason"], wanted["status"], wanted["reason"]))
            wrong += 1
    if wrong:
        sys.exit(1)
    return out.decode("utf-8")


def main():
    program = os.path.abspath(sys.argv[1])
    here, temporary = tempfile.mkdtemp(prefix="mk-demo-"), tempfile.mkdtemp(prefix="mk-demo-")
    try:
        first = start(program, here)
        second = start(program, "/proc", TMPDIR=temporary)  # not even root may write there
        said = judge("the first", first, lambda: os.path.join(here, "mailknock-demo"))
        judge("the second, where nothing can be written", second,
              lambda: next(pathlib.Path(temporary).glob("mailknock-demo-*")))
        assert "mailknock-demo/customers.clean.csv" in said, said
        assert "skipped" in said and "catch_all" in said, said
        assert "8 of them duplicates" in said, said
        before = time.monotonic()
        judge("again in the same place", start(program, here, "--folder", "mailknock-demo"),
              lambda: os.path.join(here, "mailknock-demo"))
        print("three demos, 600 rows as expected, the last in %.1f s" % (time.monotonic() - before))
    finally:
        shutil.rmtree(here)
        shutil.rmtree(temporary)


main()
