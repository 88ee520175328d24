#!/usr/bin/env python3
"""The binary interface of libmailknock against the one that was recorded: nothing that programs of the
same soname rely on may go or change; functions may be added.

    abi_test.py LIBRARY SOURCE_ROOT [--record]

--record writes src/library/mailknock.abi anew: after functions were added, or with a new soname.
"""
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile

LIBRARY, ROOT = sys.argv[1], pathlib.Path(sys.argv[2])
RECORDED = ROOT / "src/library/mailknock.abi"
HEADERS = str(ROOT / "include/mailknock")
SKIPPED = 77


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


def differences(recorded, with_new=False):
    """What abidiff has to say; "" when programs built against `recorded` go on working."""
    command = ["abidiff", "--headers-dir2", HEADERS, "--drop-private-types", "--no-show-locs"]
    done = subprocess.run(command + ([] if with_new else ["--no-added-syms"]) + [str(recorded), LIBRARY],
                          capture_output=True, text=True, timeout=120, check=False)
    if done.returncode & 3:  # its own trouble, or ours in calling it
        raise SystemExit(f"abidiff: {done.stdout}{done.stderr}")
    return done.stdout if done.returncode else ""


def record():
    done = subprocess.run(["abidw", "--headers-dir", HEADERS, "--drop-private-types", "--no-show-locs",
                           "--no-comp-dir-path", "--no-corpus-path", "--drop-undefined-syms", "--no-elf-needed",
                           "--type-id-style", "hash", LIBRARY], capture_output=True, text=True, timeout=120, check=True)
    # Tables of the inside are named there too, without a symbol: what isn't shown may change.
    text = re.sub(r"  <abi-instr [^>]*path='(?:(?!src/library/)[^'])*'.*?</abi-instr>\n", "", done.stdout, flags=re.S)
    RECORDED.write_text(text, encoding="utf-8")


def changed(text, pattern, replacement):
    new, count = re.subn(pattern, replacement, text, count=1, flags=re.S)
    assert count == 1, pattern
    return new


def main():
    if not shutil.which("abidiff"):
        skip("there is no abidiff (abigail-tools, tools/install-deps test)")
    if platform.machine() != "x86_64":
        skip("the interface was recorded on x86_64")
    sections = subprocess.run(["readelf", "-S", LIBRARY], capture_output=True, text=True, check=True).stdout
    if ".debug_info" not in sections:
        skip("the library was built without debug information")
    if "--record" in sys.argv:
        record()

    said = differences(RECORDED)
    assert not said, f"libmailknock.so.1 is not what programs were built against:\n{said}"
    new = differences(RECORDED, with_new=True)
    assert not new, f"functions were added; record them (tests/library/abi_test.py LIBRARY SOURCE --record):\n{new}"

    # And it would notice: a function that is gone, another type, another number.
    text = RECORDED.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        for pattern, replacement in (
                (r"'mailknock_reply_rule'", "'mailknock_reply_once'"),
                (r"(<function-decl name='mailknock_result_score'.*?<return type-id=)'95e97e5e'", r"\1'c894953d'"),
                (r"(<enumerator name='MAILKNOCK_SUPPRESS' value=)'3'", r"\1'4'")):
            other = pathlib.Path(folder) / "other.abi"
            other.write_text(changed(text, pattern, replacement), encoding="utf-8")
            assert differences(other), f"nobody notices: {pattern}"
    print("ok: the interface is the recorded one")


main()
