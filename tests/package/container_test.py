#!/usr/bin/env python3
"""Dockerfile and compose.yml, as far as they can be checked without an engine: what they name exists, the
image has the libraries that the program links, and the health check tells a service from none.

    container_test.py PROGRAM
"""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
from program import BINARY, ROOT, environment  # noqa: E402
from service import served  # noqa: E402

failures = []


def expect(condition, what, found=None):
    print(("ok      " if condition else "FAILED  ") + what, flush=True)
    if not condition:
        failures.append(what)
        print(found)


def instructions(text):
    """(name, rest) of each instruction; continued lines joined, comments gone."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]


# What linters of Dockerfiles complain of (hadolint's numbers), as far as it can happen here: a rule looks at one
# instruction and says yes when it is bad; and a line that it must find.
RULES = (
    ("DL3000 WORKDIR is absolute", lambda name, rest: name == "WORKDIR" and not rest.startswith("/"), "WORKDIR src"),
    ("DL3002 the last user is not root", lambda name, rest: name == "USER" and rest in ("root", "0"), "USER root"),
    ("DL3003 no cd in RUN", lambda name, rest: name == "RUN" and re.search(r"(^|&& |; )cd ", rest), "RUN cd /src && make"),
    ("DL3004 no sudo", lambda name, rest: name == "RUN" and re.search(r"\bsudo\b", rest), "RUN sudo make"),
    ("DL3006 a tag, DL3007 and not latest", lambda name, rest: name == "FROM" and
     not re.match(r"\S+:(?!latest\b)\S+", rest), "FROM debian:latest"),
    ("DL3009 lists of apt are removed", lambda name, rest: name == "RUN" and "apt-get update" in rest and
     "rm -rf /var/lib/apt/lists/*" not in rest, "RUN apt-get update && apt-get install -y x"),
    ("DL3014 apt-get asks nothing, DL3015 and takes no more", lambda name, rest: name == "RUN" and
     re.search(r"apt-get install(?! -y --no-install-recommends )", rest), "RUN apt-get install -y x"),
    ("DL3020 COPY, not ADD", lambda name, rest: name == "ADD", "ADD . ."),
    ("DL3025 JSON for what runs", lambda name, rest: name in ("CMD", "ENTRYPOINT") and not rest.startswith("["), "CMD serve"),
    ("DL4000 no MAINTAINER", lambda name, rest: name == "MAINTAINER", "MAINTAINER me"),
    ("DL4006 no pipe whose failure goes unseen", lambda name, rest: name == "RUN" and re.search(r"[^|]\|[^|]", rest),
     "RUN a | b"),
    ("SC2086 no bare variable", lambda name, rest: name == "RUN" and re.search(r'(?<!")\$\{?[A-Za-z_]', rest), "RUN rm $x"),
)


def lint(dockerfile):
    for what, is_bad, example in RULES:
        expect(is_bad(*example.split(None, 1)), f"lint would find: {example}")
        bad = [f"{name} {rest}" for name, rest in dockerfile if is_bad(name, rest)]
        expect(not bad, f"lint: {what}", bad)
    for name in ("ENTRYPOINT", "CMD", "HEALTHCHECK"):
        expect([n for n, _ in dockerfile].count(name) == 1, f"lint: one {name} (DL3012, DL4003, DL4004)")
    linter = HERE / "node_modules/.bin/dockerfile-utils"
    if not linter.exists() or shutil.which("node") is None:
        print(f"skipped: dockerfile-utils is absent; npm install in {HERE}")
        return
    done = subprocess.run([str(linter), "lint", str(ROOT / "Dockerfile")], capture_output=True, text=True, timeout=60)
    expect(done.returncode == 0 and not done.stdout.strip(), "dockerfile-utils has nothing to say", done.stdout + done.stderr)


def packages_linked(program):
    """Packages of the libraries that the program itself names, without libc's."""
    said = subprocess.run(["objdump", "-p", program], capture_output=True, text=True, check=True).stdout
    needed = set(re.findall(r"NEEDED\s+(\S+)", said))
    places = dict(re.findall(r"^\s*(\S+) => (\S+)", subprocess.run(["ldd", program], capture_output=True, text=True,
                                                                   check=True).stdout, re.M))
    paths = {path for name in needed for path in (places[name], str(pathlib.Path(places[name]).resolve()))}
    paths |= {path.removeprefix("/usr") for path in paths}
    # One call: each reads all packages' lists of files. Some of the spellings are in none.
    asked = subprocess.run(["dpkg-query", "-S", *sorted(paths)], capture_output=True, text=True)
    return {line.split(":", 1)[0] for line in asked.stdout.splitlines()} - {"libc6"}


def image(dockerfile):
    stages = [at for at, (name, _) in enumerate(dockerfile) if name == "FROM"]
    first, last = dockerfile[:stages[-1]], dockerfile[stages[-1]:]
    names = [name for name, _ in last]
    expect(len(stages) == 2 and all(rest.startswith("debian:bookworm-slim") for name, rest in dockerfile if name == "FROM"),
           "two stages of Debian 12 slim")
    build = " ".join(rest for name, rest in first if name == "RUN")
    expect("tools/install-deps build" in build and "make install" in build, "it is built as everywhere")
    expect(re.search(r"^install:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M), "by a target that exists")
    for name, rest in first:
        if name == "COPY":
            expect((ROOT / rest.split()[0]).exists(), f"COPY {rest}")
    user = dict(last).get("USER")
    run = " ".join(rest for name, rest in last if name == "RUN")
    expect(user not in (None, "root", "0") and re.search(rf"useradd .*\b{user}\b", run), "a user of its own")
    expect(names.index("USER") < names.index("ENTRYPOINT"), "that runs the program")
    installed = set(re.search(r"--no-install-recommends([^&]*)&&", run).group(1).split())
    linked = packages_linked(BINARY)
    expect(len(linked) > 8 and linked <= installed, "the libraries that the program links", linked - installed)
    options = subprocess.run([BINARY, "config", "default"], capture_output=True, text=True, check=True,
                             env=environment()).stdout
    for word in dict(last)["ENV"].split():
        name = word.split("=", 1)[0]
        known = name == "STATE_DIRECTORY" or re.search(rf"^#?{name.removeprefix('MAILKNOCK_').lower().replace('_', '-')} = ",
                                                       options, re.M)
        expect(known, f"{name} is an option")
    command = json.loads(dict(last)["ENTRYPOINT"]) + json.loads(dict(last)["CMD"])
    expect(command[0] == "mailknock" and subprocess.run([BINARY, *command[1:], "--help"], capture_output=True).returncode == 0,
           "its command exists")
    health = dict(last)["HEALTHCHECK"]
    return json.loads(health[health.index("CMD") + 3:])


def health_of(check, port):
    return subprocess.run([word.replace("/8025", f"/{port}") for word in check], capture_output=True, timeout=20).returncode


def health(check):
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as config:
        config.write("depth = syntax\n")
        config.flush()
        with served(config.name) as service:
            until = time.monotonic() + 20
            while health_of(check, service.port) != 0 and time.monotonic() < until:
                time.sleep(0.2)
            expect(health_of(check, service.port) == 0, "the health check finds a service")
            port = service.port
        expect(health_of(check, port) != 0, "and finds none")


def compose():
    text = (ROOT / "compose.yml").read_text(encoding="utf-8")
    for port in re.findall(r'- "([\d.:]+)"', text):
        expect(port.startswith("127.0.0.1:"), f"{port} is published on loopback only")
    if shutil.which("docker-compose") is None:
        print("skipped: no docker-compose (tools/install-deps package) to read compose.yml")
        return
    for helo, status in (("probe.example.org", 0), (None, 1)):
        done = subprocess.run(["docker-compose", "-f", str(ROOT / "compose.yml"), "config"], capture_output=True,
                              text=True, timeout=60, env=environment(**({"MAILKNOCK_HELO": helo} if helo else {})))
        expect(done.returncode == status, f"compose.yml with the name {helo}: {status}", done.stdout + done.stderr)
        expect(helo is None or helo in done.stdout, "and the name arrives")


def main():
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lint(instructions(dockerfile))
    health(image(instructions(dockerfile)))
    compose()
    print(f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
