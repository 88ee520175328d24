#!/usr/bin/env python3
"""Scenarios on real sockets: `mailknock lab` in one process, `mailknock check` in another.

lab_test.py PROGRAM SCENARIO-OR-FOLDER...

Those that say `set real yes` are run; the others wait for hours or hold time-outs of minutes, and are
run on the virtual clock (tests/scenario_run.c).
"""
import concurrent.futures
import pathlib
import sys

import lab

AT_ONCE = 6  # they wait most of the time


def scenario_try(program, path):
    scenario = lab.Scenario(path)
    if not scenario.is_real():
        return None
    # NUL can't be an argument of a program; how it is taken from files is tested elsewhere.
    expectations = [e for e in scenario.expectations if b"\0" not in e[1][0]]
    server = lab.Lab(program, path)
    faults = []
    try:
        results, _ = lab.check(program, server.config, [e[1][0] for e in expectations])
        for expectation, result in zip(expectations, results):
            faults += lab.differences(expectation, result)
    finally:
        status, said = server.close()
    if status != 0:
        faults.append(said)
    return len(expectations), faults


def files_of(names):
    for name in map(pathlib.Path, names):
        yield from sorted(name.rglob("*.scenario")) if name.is_dir() else [name]


def main():
    program, files = sys.argv[1], list(files_of(sys.argv[2:]))
    tried = verdicts = failed = 0
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = list(pool.map(lambda file: scenario_try(program, file), files))
    for file, outcome in zip(files, outcomes):
        if outcome is None:
            continue
        tried += 1
        verdicts += outcome[0]
        if outcome[1]:
            failed += 1
            print("%s:" % file)
            print("\n".join(outcome[1]))
    print("%d scenarios on real sockets, %d verdicts, %d scenarios failed" % (tried, verdicts, failed))
    return 1 if failed or tried == 0 else 0


sys.exit(main())
