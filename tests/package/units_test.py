#!/usr/bin/env python3
"""The systemd units as they are built: systemd finds no fault in them, says how exposed they are, and makes their
user. Nothing is started.

    units_test.py BUILD      (its folder; skipped, 77, where there is no systemd)
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(sys.argv[1])
UNITS = ("mailknock.service", "mailknock-worker.service")
EXPOSURE_MAX = 1.2  # of 10, by systemd's count; 9.6 is a unit that says nothing
failures = []


def expect(condition, what, found=""):
    print(("ok      " if condition else "FAILED  ") + what, flush=True)
    if not condition:
        failures.append(what)
        print(found)


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    return done.returncode, done.stdout


def check_unit(path, folder):
    text = path.read_text(encoding="utf-8")
    program, command = re.search(r"^ExecStart=(\S+) (\S+)$", text, re.M).groups()
    # What it starts is not installed here: the program that was built is.
    unit = folder / path.name
    unit.write_text(text.replace(f"ExecStart={program} ", f"ExecStart={BUILD / 'mailknock'} "), encoding="utf-8")
    status, said = run("systemd-analyze", "verify", "--man=no", str(unit))
    expect(status == 0 and not said.strip(), f"{path.name} is sound", said)
    status, said = run(str(BUILD / "mailknock"), command, "--help")
    expect(status == 0, f"{path.name} starts a command that there is: {command}", said)
    for page in re.findall(r"man:(\S+)\((\d)\)", text):
        expect((BUILD / "manual" / ".".join(page)).exists(), f"{path.name} names a page that there is: {page[0]}({page[1]})")
    status, said = run("systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={round(EXPOSURE_MAX * 10)}",
                       str(unit))
    found = re.search(r"exposure level for \S+: ([\d.]+)", said)
    expect(status == 0 and found and float(found[1]) <= EXPOSURE_MAX, f"{path.name}: exposure {found and found[1]} of 10", said)


def check_boot():
    text = (BUILD / "systemd/mailknock.service").read_text(encoding="utf-8")
    expect(not re.search(r"^ProcSubset=pid", text, re.M), "the service sees which start of the machine this is", text)


def check_user(folder):
    for name in ("etc", "usr/lib/sysusers.d"):
        (folder / name).mkdir(parents=True)
    shutil.copy(ROOT / "systemd/mailknock.conf", folder / "usr/lib/sysusers.d")
    status, said = run("systemd-sysusers", f"--root={folder}")
    made = (folder / "etc/passwd").read_text(encoding="utf-8") if status == 0 else said
    expect(re.fullmatch(r"mailknock:x:\d+:\d+:mailknock, email verifier:/var/lib/mailknock:/usr/sbin/nologin\n", made),
           "systemd-sysusers makes the user, with no shell", made)
    for unit in UNITS:
        expect("\nUser=mailknock\n" in (BUILD / "systemd" / unit).read_text(encoding="utf-8"), f"{unit} runs as that user")


def main():
    if shutil.which("systemd-analyze") is None or shutil.which("systemd-sysusers") is None:
        print("skipped: there is no systemd")
        return 77
    with tempfile.TemporaryDirectory(prefix="mk-units-") as folder:
        for unit in UNITS:
            check_unit(BUILD / "systemd" / unit, pathlib.Path(folder))
        check_boot()
        check_user(pathlib.Path(folder, "root"))
    print(f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
