#!/usr/bin/env python3
"""Hostile servers on real sockets: `check` ends in time, with the right unknown, in bounded memory.

hostile_test.py PROGRAM SCENARIO...

Every address of the scenarios is checked by a process of its own, whose wall time and largest resident
set are compared with those of a check that meets no server at all. Then one whose mail is sent to this
very machine is checked without leave for that: nobody may knock there.
"""
import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile
import time

import lab

TIME_MORE = 12        # s beyond the scenario's `set timeout`: goodbyes, and a busy machine
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


def scenario_try(program, path):
    """Faults; how many addresses; the slowest and the largest of them, and what is usual."""
    scenario, server = lab.Scenario(path), lab.Lab(program, path)
    time_max = int(scenario.settings.get("timeout", "15s").rstrip("s")) + TIME_MORE
    faults, slowest, largest = [], 0, 0
    try:
        _, _, usual = check_measured(program, server.config, b"ann@nowhere.example")
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            results = pool.map(
                lambda e: (e, check_measured(program, server.config, e[1][0])), scenario.expectations)
            for expectation, (result, seconds, memory) in results:
                faults += lab.differences(expectation, result)
                slowest, largest = max(slowest, seconds), max(largest, memory - usual)
                if seconds > time_max:
                    faults.append("%r took %.1f s" % (expectation[1][0], seconds))
                if memory - usual > MEMORY_MAX:
                    faults.append("%r took %d KiB more" % (expectation[1][0], memory - usual))
    finally:
        status, said = server.close()
    if status != 0:
        faults.append(said)
    return faults, len(scenario.expectations), slowest, largest, usual


OWN = """
set real yes

domain own.example
  mx 10 mx.own.example

domain mapped.example
  mx 10 mx.mapped.example

domain mx.mapped.example
  aaaa ::1
  aaaa ::ffff:127.4.30.1

server mx.own.example 127.4.30.1
  behave forbidden
"""


def own_machine_try(program, folder):
    """Mail hosts that are this machine, in several spellings; the lab listens there, and counts."""
    path = os.path.join(folder, "own.scenario")
    with open(path, "w", encoding="utf-8") as file:
        file.write(OWN)
    server, faults = lab.Lab(program, path), []
    try:
        with open(server.config, encoding="utf-8") as file:
            lines = [line for line in file if not line.startswith("allow-net")]
        closed = os.path.join(folder, "closed.conf")
        with open(closed, "w", encoding="utf-8") as file:
            file.writelines(lines)
        for address in (b"ann@own.example", b"ann@mapped.example", b"ann@[127.4.30.1]"):
            result, _, _ = check_measured(program, closed, address)
            if (result["status"], result["reason"]) != ("invalid", "unroutable_mx"):
                faults.append("%r is %s/%s" % (address, result["status"], result["reason"]))
    finally:
        status, said = server.close()
    if status != 0:
        faults.append(said)
    return faults


def main():
    program, faults = sys.argv[1], []
    for path in sys.argv[2:]:
        found, count, slowest, largest, usual = scenario_try(program, path)
        faults += found
        print("%s: %d addresses, at most %.1f s and %d KiB more than the usual %d KiB" % (
            os.path.basename(path), count, slowest, largest, usual))
    with tempfile.TemporaryDirectory(prefix="mk-hostile-") as folder:
        faults += own_machine_try(program, folder)
    print("\n".join(faults))
    return 1 if faults else 0


sys.exit(main())
