#!/usr/bin/env python3
"""doc/VERDICTS.md names every status, reason with its status and action, flag and action of the program.

    verdicts_test.py SOURCE_ROOT
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1])
header = (ROOT / "src/verdict/verdict.h").read_text(encoding="utf-8")
advice = (ROOT / "src/verdict/advice.c").read_text(encoding="utf-8")
page = (ROOT / "doc/VERDICTS.md").read_text(encoding="utf-8")
failures = []


def block(name):
    return re.search(rf"#define VERDICT_{name}\(X\)(.*?)\n\n", header, re.S).group(1)


def rows(heading):
    """First cells and rest of the first table below a heading."""
    part = page.split(heading, 1)[1]
    table = re.search(r"(?:^\|.*\n)+", part, re.M).group(0).splitlines()[2:]
    cells = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in table]
    return {row[0]: row[1:] for row in cells}


def same(what, wanted, found):
    if wanted != found:
        failures.append(what)
        print(f"FAILED  {what}: program {wanted}, page {found}")


def main():
    statuses = dict(re.findall(r'X\((\w+), "(\w+)"\)', block("STATUSES")))
    reasons = re.findall(r'X\((\w+), "(\w+)", (\w+)\)', block("REASONS"))
    actions = dict(re.findall(r"\[REASON_(\w+)\] = \{ACTION_(\w+)", advice))
    shown = rows("## Reasons")
    same("statuses", set(statuses.values()), set(rows("# Every verdict")))
    same("reasons", [name for _, name, _ in reasons], list(shown))
    for symbol, name, status in reasons:
        cells = shown.get(name, ["", "", "", ""])
        same(f"status of {name}", statuses[status], cells[0])
        same(f"action of {name}", actions[symbol].lower(), cells[1])
        if len(cells) != 4 or not all(cells):
            failures.append(name)
            print(f"FAILED  {name}: says what was seen and what to do")
    same("flags", set(dict(re.findall(r'X\((\w+), "(\w+)"\)', block("FLAGS"))).values()),
         set(rows("## Flags")))
    print(f"{len(reasons)} reasons, {len(failures)} failures")
    return 1 if failures or len(reasons) < 40 else 0


if __name__ == "__main__":
    sys.exit(main())
