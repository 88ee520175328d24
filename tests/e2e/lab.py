"""What the end-to-end tests of the lab share: a lab in a process of its own, scenarios read as text."""
import json
import os
import pathlib
import shlex
import signal
import subprocess
import tempfile
import time

ROOT = pathlib.Path(os.environ.get("MK_SOURCE_ROOT", pathlib.Path(__file__).parents[2]))


def unescape(word):
    """A quoted word of a scenario (src/lab/line.h), as octets."""
    known = {"n": b"\n", "r": b"\r", "t": b"\t", "0": b"\0", '"': b'"', "\\": b"\\"}
    out, at = b"", 0
    while at < len(word):
        if word[at] != "\\":
            out += word[at].encode()
            at += 1
        elif word[at + 1] == "x":
            out += bytes([int(word[at + 2:at + 4], 16)])
            at += 4
        else:
            out += known[word[at + 1]]
            at += 2
    return out


def words_of(line):
    """The words of a line as octets; a comment ends it."""
    words, at = [], 0
    while True:
        while at < len(line) and line[at] in " \t":
            at += 1
        if at >= len(line) or line[at] == "#":
            return words
        if line[at] == '"':
            end = at + 1
            while line[end] != '"':
                end += 2 if line[end] == "\\" else 1
            words.append(unescape(line[at + 1:end]))
            at = end + 1
        else:
            end = at
            while end < len(line) and line[end] not in " \t":
                end += 1
            words.append(line[at:end].encode())
            at = end


class Scenario:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.settings, self.expectations = {}, []
        for number, line in enumerate(self.path.read_text(encoding="utf-8").split("\n"), 1):
            words = words_of(line)
            if words[:1] == [b"set"]:
                self.settings[words[1].decode()] = words[2].decode()
            elif words[:1] == [b"expect"]:
                self.expectations.append((number, words[1:]))

    def is_real(self):
        return self.settings.get("real") == "yes"


class Lab:
    """`mailknock lab` on free ports; `with` closes it and takes its exit status and last words."""

    def __init__(self, program, scenario, seconds=300, log=True):
        self.folder = tempfile.TemporaryDirectory(prefix="mk-lab-")
        self.config = os.path.join(self.folder.name, "lab.conf")
        ports = os.path.join(self.folder.name, "ports")
        self.log = os.path.join(self.folder.name, "log")
        self.output = open(os.path.join(self.folder.name, "out"), "w+", encoding="utf-8")
        # Should the test die, the lab does not stay.
        self.process = subprocess.Popen(
            [program, "lab", str(scenario), "--port", str(20000 + os.getpid() % 9000),
             "--dns", "127.0.0.1:%d" % (30000 + os.getpid() % 2000), "--write-config", self.config,
             "--port-file", ports, "--for", str(seconds), *(["--log", self.log] if log else [])],
            stdout=self.output, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 20
        while not os.path.exists(ports):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.output.seek(0)
                raise RuntimeError("the lab did not open: " + self.output.read())
            time.sleep(0.02)
        with open(ports, encoding="ascii") as file:
            self.port, self.dns = file.read().split()

    def close(self):
        """The exit status, and what the lab said."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(20)
        self.output.seek(0)
        said = self.output.read()
        self.output.close()
        self.folder.cleanup()
        return status, said


def check(program, config, addresses, options=(), timeout=120):
    """`mailknock check --json`: results in the order of the addresses, which are octets."""
    done = subprocess.run([program, "check", "--json", "--config", config, *options, "--", *addresses],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)
    results = [json.loads(line) for line in done.stdout.decode("utf-8", "replace").splitlines()]
    if len(results) != len(addresses):
        raise RuntimeError("%d results of %d: %s\n%s" % (
            len(results), len(addresses), shlex.join(map(repr, addresses)),
            done.stderr.decode("utf-8", "replace")))
    return results, done.returncode


def differences(expectation, result):
    """What of a scenario's `expect` did not come true, as lines."""
    number, words = expectation
    address, status, reason = words[:3]
    rest, lines = words[3:], []
    if [result["status"], result["reason"]] != [status.decode(), reason.decode()]:
        lines.append("line %d: %r is %s/%s, not %s/%s: %s" % (
            number, address, result["status"], result["reason"], status.decode(), reason.decode(),
            result["explanation"]))
    if rest and rest[0] != b"suggests":
        if rest[0].decode() not in result["explanation"]:
            lines.append("line %d: %r: %r does not say %r" % (
                number, address, result["explanation"], rest[0].decode()))
        rest = rest[1:]
    if rest[:1] == [b"suggests"] and result["suggestion"] != rest[1].decode():
        lines.append("line %d: %r: %r is suggested, not %r" % (
            number, address, result["suggestion"], rest[1].decode()))
    return lines
