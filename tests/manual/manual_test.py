#!/usr/bin/env python3
"""Manual pages: one for every command, in agreement with --help, without a fault.

    manual_test.py BINARY MANUAL_FOLDER     (the folder of the build that holds the pages)
"""
import pathlib
import re
import shutil
import subprocess
import sys

BINARY, PAGES = sys.argv[1], pathlib.Path(sys.argv[2])
failures = []


def expect(condition, what):
    if not condition:
        failures.append(what)
        print("FAILED  " + what, flush=True)


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def commands():
    listing = output(BINARY, "--help").split("Commands\n", 1)[1].split("\n\n", 1)[0]
    return re.findall(r"^  ([a-z]+) ", listing, re.M)


def options_of_help(text):
    return set(re.findall(r"^  (?:-\w, )?--(?:\[no-\])?([a-z0-9-]+)", text, re.M))


def options_of_page(text):
    tags = re.findall(r"^\.It (?:Fl \w , )?Fl \\-(\S+)", text, re.M)
    return {tag.replace("\\-", "-") for tag in tags}


def options_of_example(text):
    return set(re.findall(r"^#([a-z0-9-]+) =", text, re.M))


def lint(page):
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True,
                          text=True, timeout=60)
    expect(done.returncode == 0, f"{page.name} is sound mdoc: {done.stdout}{done.stderr}")


def main():
    names = commands()
    expect(len(names) >= 13, "the help lists the commands")
    for name in names:
        page = PAGES / f"mailknock-{name}.1"
        if not page.exists():
            expect(False, f"{name} has a page that is built (manual/meson.build)")
            continue
        text = page.read_text(encoding="utf-8")
        wanted = options_of_help(output(BINARY, name, "--help"))
        expect(options_of_page(text) == wanted,
               f"{name}: same options in page and --help: {options_of_page(text) ^ wanted}")
        lint(page)
    program = (PAGES / "mailknock.1").read_text(encoding="utf-8")
    expect(set(re.findall(r"^\.It Xr mailknock-(\w+) 1", program, re.M)) == set(names),
           "mailknock(1) lists every command")
    config = (PAGES / "mailknock.conf.5").read_text(encoding="utf-8")
    tags = {tag.replace("\\-", "-") for tag in re.findall(r"^\.It Cm (\S+)", config, re.M)}
    wanted = options_of_example(output(BINARY, "config", "default"))
    expect(tags == wanted, f"mailknock.conf(5) has what a file may hold: {tags ^ wanted}")
    lint(PAGES / "mailknock.1")
    lint(PAGES / "mailknock.conf.5")
    print(f"{len(names) + 2} pages, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    if shutil.which("mandoc") is None:
        print("mandoc is not installed (tools/install-deps test)")
        sys.exit(1)
    sys.exit(main())
