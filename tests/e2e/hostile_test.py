#!/usr/bin/env python3
"""Hostile servers on real sockets: `check` ends in time, with the right unknown, in bounded memory.

hostile_test.py PROGRAM SCENARIO

Every address of the scenario is checked by a process of its own, whose wall time and largest resident
set are compared with those of a check that meets no server at all.
"""
import concurrent.futures
import json
import os
import subprocess
import sys
import time

import lab

TIME_MAX = 6 + 12     # s: the scenario's `set timeout`, goodbyes, and a busy machine
MEMORY_MAX = 8 << 10  # KiB above what the program needs anyway


def check_measured(program, config, address):
    """Result, seconds, largest resident set in KiB."""
    read, write = os.pipe()
    before = time.monotonic()
    process = subprocess.Popen([program, "check", "--json", "--evidence", "--config", config, "--", address],
                               stdout=write, stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        out = pipe.read()
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    return json.loads(out.decode("utf-8")), time.monotonic() - before, usage.ru_maxrss


def main():
    program, scenario = sys.argv[1], lab.Scenario(sys.argv[2])
    server = lab.Lab(program, sys.argv[2])
    faults, slowest, largest = [], 0, 0
    try:
        _, _, usual = check_measured(program, server.config, b"ann@nowhere.example")
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            results = pool.map(
                lambda e: (e, check_measured(program, server.config, e[1][0])), scenario.expectations)
            for expectation, (result, seconds, memory) in results:
                faults += lab.differences(expectation, result)
                slowest, largest = max(slowest, seconds), max(largest, memory - usual)
                if seconds > TIME_MAX:
                    faults.append("%r took %.1f s" % (expectation[1][0], seconds))
                if memory - usual > MEMORY_MAX:
                    faults.append("%r took %d KiB more" % (expectation[1][0], memory - usual))
    finally:
        status, said = server.close()
    if status != 0:
        faults.append(said)
    print("\n".join(faults))
    print("%d hostile servers: at most %.1f s and %d KiB more than the usual %d KiB" % (
        len(scenario.expectations), slowest, largest, usual))
    return 1 if faults else 0


sys.exit(main())
