#!/usr/bin/env python3
"""Every `mailknock ...` command line in the documentation can be typed: command and options exist.

    commands_test.py PROGRAM SOURCE_ROOT
"""
import functools
import pathlib
import re
import shlex
import subprocess
import sys

PROGRAM, ROOT = sys.argv[1], pathlib.Path(sys.argv[2])
PAGES = [*sorted((ROOT / "doc").rglob("*.md")),
         *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGES.md")),
         *sorted((ROOT / "clients").rglob("*.md"))]
# Ends of a simple command in a shell, standing alone or after a word.
END = re.compile(r"^(?:[|;&()<>]+|[0-9]?>+.*|#.*)$")


@functools.cache
def help_of(*words):
    done = subprocess.run([PROGRAM, *words, "--help"], capture_output=True, text=True, timeout=60)
    return done.stdout if done.returncode == 0 else None


@functools.cache
def commands():
    part = help_of().split("Commands\n", 1)[1].split("\n\n", 1)[0]
    return frozenset(re.findall(r"^  (\w+)  ", part, re.M))


@functools.cache
def options(command):
    text, found = help_of(command) if command else help_of(), {"--help", "--version", "-h", "--"}
    for line in text.splitlines():
        if match := re.match(r"^  (?:(-\w), )?--(\[no-\])?([a-z0-9-]+)", line):
            found.add("--" + match[3])
            found.update({"--no-" + match[3]} if match[2] else set(), {match[1]} if match[1] else set())
    return frozenset(found)


def code_of(text):
    """Line number and text of code: fenced, indented by four, or between back ticks."""
    fenced, joined, began = False, "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            began = began if joined else number
            joined += line.removesuffix("\\")
            if not line.endswith("\\"):
                yield began, joined
                joined = ""
        else:
            for piece in re.findall(r"`([^`]+)`", line):
                yield number, piece


def words_of(text):
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        return list(lexer)
    except ValueError:  # an apostrophe of prose
        return text.split()


def calls(text):
    """The argument lists of all calls in a piece of code."""
    words = words_of(text)
    for at, word in enumerate(words):
        first = words[at - 1] if at else "$"
        starts = at == 0 or END.match(first) or "=" in first or first in ("sudo", "$", "nice", "time")
        if starts and (word == "mailknock" or word.endswith("/mailknock")):
            found = []
            for following in words[at + 1:]:
                if END.match(following) or following.startswith("("):
                    break
                found.append(following)
            yield found


def complaints(arguments):
    if not arguments:
        return
    command = None if arguments[0].startswith("-") else arguments[0]
    if command is not None and not re.fullmatch(r"[a-z]+", command):
        return  # COMMAND, NAME, ...: a placeholder, or a sentence
    if command is not None and command not in commands():
        yield f"no command {command!r}"
        return
    for word in arguments[bool(command):]:
        if word == "--":
            return
        option = word.split("=", 1)[0]
        if re.fullmatch(r"--?[a-zA-Z][a-z0-9-]*", option) and option not in options(command):
            yield f"no option {option} of {command or 'mailknock'}"


def main():
    seen = failures = 0
    for page in PAGES:
        for number, text in code_of(page.read_text(encoding="utf-8")):
            for arguments in calls(text):
                seen += 1
                for complaint in complaints(arguments):
                    failures += 1
                    print(f"{page.relative_to(ROOT)}:{number}: {complaint}: mailknock {shlex.join(arguments)}")
    # What can't fail is no test: these must.
    for wrong in ("mailknock chek a@b.c", "echo x | build/mailknock clean a.csv --no-such", "A=1 mailknock check -Z"):
        if not [each for call in calls(wrong) for each in complaints(call)]:
            failures += 1
            print(f"not noticed: {wrong}")
    print(f"{seen} command lines, {failures} failures")
    return 1 if failures or seen < 60 else 0


if __name__ == "__main__":
    sys.exit(main())
