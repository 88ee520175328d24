#!/usr/bin/env python3
"""The compilers of data/ must stop at every kind of slip, and name the file and the line."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(sys.argv[1])
ROW = "x\tX\t.x.example\t-\t-\tfull\tok\t-\t2\t20\t10\t5\t500\t4\t20\t0\tlearnt somewhere"
RULE = "google\tnew.example\t.\t6\t30\tlower dots plus\tnew.example\tlearnt somewhere"


def column(row, index, value):
    fields = row.split("\t")
    fields[index] = value
    return "\t".join(fields)


# what is added to providers.tsv, a word of the complaint
PROVIDERS = [
    (ROW, None),
    (column(ROW, 0, "google"), "twice"),
    (column(ROW, 0, "Google 2"), "bad name"),
    (column(ROW, 2, ".google.com"), "twice"),
    (column(ROW, 2, ".x.example .x.example"), "twice"),
    (column(ROW, 2, "*.x.*.example"), "neither"),
    (column(ROW, 2, "x_y"), "neither"),
    (column(ROW, 3, "ESMTP Postfix"), "twice"),
    (column(ROW, 3, "SMTP"), "too short"),
    (column(ROW, 4, "yes"), "must be"),
    (column(ROW, 5, "some"), "trust"),
    (column(ROW, 6, "no"), "must be"),
    (column(ROW, 8, "0"), "connections"),
    (column(ROW, 8, "many"), "connections"),
    (column(ROW, 10, "1"), "more recipients"),
    (column(column(ROW, 10, "1"), 11, "1"), "has its own"),
    (column(ROW, 12, "-5"), "gap_ms"),
    (column(ROW, 16, "-"), "no source"),
    (column(ROW, 16, ""), "empty"),
    (column(ROW, 1, " X"), "padded"),
    (ROW + "\tmore", "columns"),
]
RULES = [
    (RULE, None),
    (column(RULE, 0, "nobody"), "not in providers.tsv"),
    (column(RULE, 1, "gmail.com"), "twice"),
    (column(RULE, 1, "mx:nobody"), "neither"),
    (column(RULE, 1, "new"), "neither"),
    (column(RULE, 2, "#"), "no sentence"),
    (column(RULE, 3, "31"), "lengths"),
    (column(RULE, 5, "upper"), "no such fold"),
    (column(RULE, 6, "other.example"), "one of the row"),
    (column(RULE, 7, "-"), "no source"),
]
# file, what is added at the end of it, a word of the complaint
LISTS = [
    ("free_domains.txt", "zzzzzz.example", None),
    ("free_domains.txt", "zzzzzz.mailinator.com", "not sorted|both"),
    ("free_domains.txt", "aaaaaa.example", "not sorted"),
    ("disposable_domains.txt", "zzzzzz.zzzzzz.Example", "not a lower-case"),
    ("disposable_domains.txt", "zzzzzz-", "not a lower-case"),
    ("disposable_domains.txt", "zzzzzzzz", "not a lower-case"),
    ("disposable_mx.txt", "a..example", "not a lower-case"),
    ("role_names_own.txt", "two words", "not a lower-case name"),
    ("role_names_own.txt", "abc12", "ends in two digits"),
    ("no_reply_names.txt", "[open", "bracket"),
    ("no_reply_names.txt", "[abc]", "too short"),
]
failures = []


def run(tool, *args, complaint, where):
    done = subprocess.run([sys.executable, str(ROOT / "tools" / tool), *map(str, args)],
                          capture_output=True, text=True)
    if complaint is None:
        if done.returncode != 0:
            failures.append(f"{where}: refused: {done.stderr.strip()}")
    elif done.returncode == 0 or not any(c in done.stderr for c in complaint.split("|")):
        failures.append(f"{where}: expected \"{complaint}\", got {done.returncode} {done.stderr.strip()}")


def main():
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        tables = {n: (ROOT / "data" / n).read_text() for n in ("providers.tsv", "mailbox_rules.tsv")}
        for name, cases in (("providers.tsv", PROVIDERS), ("mailbox_rules.tsv", RULES)):
            for row, complaint in cases:
                for each, text in tables.items():
                    (folder / each).write_text(text + (row + "\n" if each == name else ""))
                run("compile-providers", folder / "providers.tsv", folder / "mailbox_rules.tsv",
                    folder / "out.c", complaint=complaint, where=f"{name}: {row}")
        for name, line, complaint in LISTS:
            lists = folder / "lists"
            shutil.copytree(ROOT / "data" / "lists", lists, dirs_exist_ok=True)
            with (lists / name).open("a") as file:
                file.write(line + "\n")
            run("compile-lists", lists, folder / "out.bin", folder / "out.S", complaint=complaint,
                where=f"{name}: {line}")
    print("\n".join(failures))
    total = len(PROVIDERS) + len(RULES) + len(LISTS)
    print(f"{total - len(failures)} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
