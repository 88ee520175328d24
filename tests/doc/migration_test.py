#!/usr/bin/env python3
"""doc/MIGRATION.md has the words that the program says: its table against src/verdict/dialect.c, and
against what `mailknock clean --profile` writes for rows that need no network.

    migration_test.py PROGRAM SOURCE_ROOT
"""
import csv
import io
import pathlib
import re
import subprocess
import sys
import tempfile

PROGRAM, ROOT = sys.argv[1], pathlib.Path(sys.argv[2])
VENDORS = ("emailverify", "zerobounce", "neverbounce", "kickbox", "reacher")
HAS_DETAIL = VENDORS[:4]
failures = []


def same(what, wanted, found):
    if wanted != found:
        failures.append(what)
        print(f"FAILED  {what}: program {wanted}, page {found}")


def words_of_program():
    """{reason: [(status, detail) of each vendor]}, from the table in the source."""
    header = (ROOT / "src/verdict/verdict.h").read_text(encoding="utf-8")
    names = {symbol: name for symbol, name, _ in re.findall(r'X\((\w+), "(\w+)", (\w+)\)', header)}
    source = (ROOT / "src/verdict/dialect.c").read_text(encoding="utf-8")
    table = source.split("rows[VERDICT_REASON_COUNT] = {", 1)[1].split("\n};", 1)[0]
    found = {}
    for row in table.split("ROW(")[1:]:
        words = re.findall(r'"([^"]*)"', row.split("),\n", 1)[0])
        symbol = row.split(",", 1)[0]
        assert len(words) == 9, row
        found[names[symbol]] = [*zip(words[0:8:2], words[1:8:2]), (words[8], "")]
    assert set(found) == set(names.values())
    return found


def words_of_page():
    part = (ROOT / "doc/MIGRATION.md").read_text(encoding="utf-8").split("## The words", 1)[1]
    rows = [[cell.strip() for cell in line.strip("|").split("|")]
            for line in part.splitlines() if line.startswith("|")][2:]
    return {row[0].strip("`"): [tuple((cell + " / ").split(" / ")[:2]) for cell in row[1:]]
            for row in rows}


# Address, options, reason. No role or suggestion among them: those have other words (said on the page).
OFFLINE = [("nobody@", "bad_syntax"), ("abc@gmail.com", "provider_syntax"),
           ("someone@mailinator.com", "disposable"), ("gone@left.example", "opted_out"),
           ("x.y@blocked.example", "blocked_domain"), ("trap@left.example", "spam_trap"),
           ("angry@left.example", "complainer"), ("x.y@left.example", "not_probed")]
LISTS = {"opt-out": "gone@left.example", "block": "blocked.example", "trap": "trap@left.example",
         "complaint": "angry@left.example"}


def compare_with_output(page):
    with tempfile.TemporaryDirectory(prefix="mk-words-") as folder:
        given = pathlib.Path(folder, "list.csv")
        given.write_text("email\n" + "".join(address + "\n" for address, _ in OFFLINE), encoding="ascii")
        options = ["--depth", "syntax", "-o", "-", "--format", "csv", "-q", "--new", "--column", "email"]
        for name, entry in LISTS.items():
            pathlib.Path(folder, name).write_text(entry + "\n", encoding="ascii")
            options += [f"--{name}", str(pathlib.Path(folder, name))]
        for at, vendor in enumerate(VENDORS):
            done = subprocess.run([PROGRAM, "clean", str(given), "--profile", vendor, *options],
                                  capture_output=True, text=True, timeout=60)
            rows = list(csv.DictReader(io.StringIO(done.stdout)))
            same(f"rows for {vendor}: {done.stderr}", len(OFFLINE), len(rows))
            for (address, reason), row in zip(OFFLINE, rows):
                said = list(row.values())[1:3 if vendor in HAS_DETAIL else 2]
                same(f"{vendor}: {address}", said, list(page[reason][at])[:len(said)])


def main():
    page = words_of_page()
    program = words_of_program()
    same("reasons", list(program), list(page))
    for reason, words in program.items():
        for vendor, wanted, found in zip(VENDORS, words, page.get(reason, [("", "")] * 5)):
            same(f"{vendor} of {reason}", wanted, found)
    compare_with_output(page)
    print(f"{len(program)} reasons, {len(failures)} failures")
    return 1 if failures or len(program) < 40 else 0


if __name__ == "__main__":
    sys.exit(main())
