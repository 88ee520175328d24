"""A list in a folder, and `mailknock clean` in it."""
import contextlib
import csv
import fcntl
import os
import pathlib
import select
import subprocess
import tempfile
import time
import unittest

from program import run, start

SCENARIO = """set patience quick
domain fast.example
  mx 10 mx.fast.example
server mx.fast.example 127.9.2.1
  offer pipelining
  mailbox u*
domain all.example
  mx 10 mx.all.example
server mx.all.example 127.9.2.2
  behave accept-all
domain slow.example
  mx 10 mx.slow.example
server mx.slow.example 127.9.2.3
  mailbox u*
  behave delay rcpt 400ms
domain grey.example
  mx 10 mx.grey.example
server mx.grey.example 127.9.2.4
  mailbox u*
  behave greylist 60s
domain shut.example
  mx 10 mx.shut.example
server mx.shut.example 127.9.2.5
  behave block connect
"""

ROWS = [("Ann", "u1@fast.example"), ("Bob", "nobody@fast.example"), ("Cas", " u3@fast.example "),
        ("Dan, jr.", "x@all.example"), ("Eve", "U1@FAST.example"), ("Fay", "u1@fast.example"),
        ("=cmd()", "u2@nowhere.example"), ("Gus", "no address"), ("Hal", "")]


def write_list(path, rows=ROWS):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "email"])
        writer.writerows(rows)


def read_list(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


class WithFolder(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="mk-clean-")
        self.addCleanup(self.temporary.cleanup)
        self.folder = pathlib.Path(self.temporary.name)
        self.list = self.folder / "people.csv"
        write_list(self.list)

    def clean(self, *more, status=0, **how):
        got, out, err = run("clean", *map(str, more), **how)
        self.assertEqual(got, status, err.decode())
        return out, err.decode()

    def signal_until_it_ends(self, child, number):
        """Once, but for a busy machine, where it may come just before the wait: people do it again."""
        for _ in range(10):
            child.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                return " ".join(child.communicate(timeout=5)[1].decode().split())
        self.fail("it did not end")

    def blocked(self, *words, left=None):
        """A child that writes to a pipe until it is full, and the pipe's other end. left: octets of
        room where what comes is less than a pipe that was widened holds."""
        ours, theirs = os.pipe()
        if left is not None:
            os.write(theirs, b"\n" * (fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, 1 << 20) - left))
        child = start("clean", str(self.list), "-o", "-", *map(str, words), stdout=theirs,
                      stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self.addCleanup(child.kill)
        until = time.monotonic() + 30
        while select.select([], [theirs], [], 0)[1]:
            self.assertLess(time.monotonic(), until)
            time.sleep(0.05)
        os.close(theirs)
        time.sleep(0.1)
        return child, ours
