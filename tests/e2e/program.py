"""The program as a test uses it: started, fed, on a terminal, beside a lab."""
import contextlib
import os
import pathlib
import pty
import select
import subprocess
import sys
import tempfile
import time

from lab import Lab

BINARY = os.path.abspath(sys.argv[1])
ROOT = pathlib.Path(os.environ["MK_SOURCE_ROOT"])
LIMIT_S = 60


def environment(**more):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("MAILKNOCK_")}
    clean.pop("NO_COLOR", None)
    clean.update(TERM="xterm", COLUMNS="80", **more)
    return clean


def run(*arguments, given=b"", env=None, cwd=None):
    """Run to the end; returns exit status, output and error output as bytes."""
    done = subprocess.run([BINARY, *arguments], input=given, capture_output=True, timeout=LIMIT_S,
                          env=env or environment(), cwd=cwd)
    return done.returncode, done.stdout, done.stderr


def start(*arguments, env=None, **more):
    return subprocess.Popen([BINARY, *arguments], env=env or environment(), **more)


def run_on_terminal(*arguments, columns=80, env=None):
    """The same with both outputs on a terminal: exit status and everything that was shown."""
    ours, theirs = pty.openpty()
    import fcntl
    import struct
    import termios
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    child = subprocess.Popen([BINARY, *arguments], stdin=subprocess.DEVNULL, stdout=theirs,
                             stderr=theirs, env=env or environment(), close_fds=True)
    os.close(theirs)
    shown = b""
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until:
        if not select.select([ours], [], [], 1)[0]:
            continue
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    return child.wait(timeout=LIMIT_S), shown.replace(b"\r\n", b"\n")


@contextlib.contextmanager
def lab(scenario):
    """A lab on a scenario (its path or its text); complains when visitors misbehaved: the exit
    status of `mailknock lab` is not 0 after DATA, broken SMTP or an exceeded limit."""
    with tempfile.NamedTemporaryFile("w", suffix=".scenario", encoding="utf-8") as file:
        if isinstance(scenario, str):
            file.write(scenario)
            file.flush()
            scenario = file.name
        opened = Lab(BINARY, scenario)
        try:
            yield opened
        finally:
            status, said = opened.close()
    if status != 0:
        raise AssertionError(f"the lab complains: {said}")
