#!/usr/bin/env python3
"""What doc/ADDING.md shows can be done as it stands: the row is taken, the scenario comes true.

    adding_test.py PROGRAM SOURCE_ROOT
"""
import pathlib
import re
import subprocess
import sys
import tempfile

PROGRAM, ROOT = sys.argv[1], pathlib.Path(sys.argv[2])
failures = []


def passes(what, *command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    print(("ok      " if done.returncode == 0 else "FAILED  ") + what)
    if done.returncode != 0:
        failures.append(what)
        print(done.stdout + done.stderr)
    return done.stdout


def block(kind, start):
    """The text between fences of that kind whose first line begins so."""
    page = (ROOT / "doc/ADDING.md").read_text(encoding="utf-8")
    return re.search(rf"^```{kind}\n({start}.*?)^```", page, re.M | re.S).group(1)


def main():
    with tempfile.TemporaryDirectory(prefix="mk-adding-") as folder:
        table = pathlib.Path(folder, "providers.tsv")
        table.write_text((ROOT / "data/providers.tsv").read_text(encoding="utf-8") + block("", "examplemail\t"),
                         encoding="utf-8")
        made = pathlib.Path(folder, "out.c")
        passes("the provider's row is taken", sys.executable, ROOT / "tools/compile-providers", table,
               ROOT / "data/mailbox_rules.tsv", made)
        if not made.exists() or "examplemail" not in made.read_text(encoding="utf-8"):
            failures.append("row")
        scenario = pathlib.Path(folder, "my.scenario")
        scenario.write_text(block("scenario", "domain "), encoding="utf-8")
        passes("its scenario comes true", PROGRAM, "lab", scenario, "--virtual")
        # A verdict that is not so must be noticed, or the two lines above say nothing.
        scenario.write_text(block("scenario", "domain ").replace("valid accepted", "valid accepted_restricted"),
                            encoding="utf-8")
        wrong = subprocess.run([PROGRAM, "lab", scenario, "--virtual"], capture_output=True, timeout=60)
        if wrong.returncode == 0:
            failures.append("a wrong expectation passes")
    print(f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
