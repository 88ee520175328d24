#!/usr/bin/env python3
"""Dockerfile and compose files, as far as they can be checked without an engine: what they name exists, the
image has the libraries that the program links, the health check tells a service from none, and the commands
and variables of the composed services, run here, do a list together.

    container_test.py PROGRAM
"""
import contextlib
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "e2e"), str(HERE.parent / "postgres")]
from program import BINARY, ROOT, environment, lab, start  # noqa: E402
from server import Missing, Server  # noqa: E402
from service import Service, served  # noqa: E402

try:
    import yaml  # comes with docker-compose
except ImportError:
    yaml = None

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


COMPOSE = ("compose.yml", "compose.postgresql.yml")
NAME, PASSWORD = {"MAILKNOCK_HELO": "probe.example.org"}, {"POSTGRES_PASSWORD": "a word of one's own"}


def lint_compose():
    linter = HERE / "node_modules/.bin/dclint"
    if not linter.exists() or shutil.which("node") is None:
        print(f"skipped: dclint is absent; npm install in {HERE}")
        return
    done = subprocess.run([linter, "--config", HERE / "dclint.json", "--max-warnings", "0", *COMPOSE], cwd=ROOT,
                          capture_output=True, text=True, timeout=60)
    expect(done.returncode == 0, "dclint has nothing to say", done.stdout + done.stderr)


def composed(files, variables):
    """What docker-compose makes of them: None when it refuses."""
    wanted = [word for name in files for word in ("-f", str(ROOT / name))]
    done = subprocess.run(["docker-compose", *wanted, "config"], capture_output=True, text=True, timeout=60,
                          env=environment(**variables))
    if done.returncode != 0:
        print("        " + done.stderr.strip())
        return None
    return yaml.safe_load(done.stdout)


def compose():
    """The services as docker-compose reads them: of one file, and of both."""
    lint_compose()
    if yaml is None or shutil.which("docker-compose") is None:
        print("skipped: no docker-compose (tools/install-deps package) to read the compose files")
        return None
    expect(composed(COMPOSE[:1], {}) is None, f"{COMPOSE[0]} wants a name")
    expect(composed(COMPOSE, NAME) is None, f"{COMPOSE[1]} wants a password")
    alone, both = composed(COMPOSE[:1], NAME), composed(COMPOSE, NAME | PASSWORD)
    expect(alone and list(alone["services"]) == ["mailknock"], "one service", alone)
    expect(both and set(both["services"]) == {"mailknock", "worker", "database"}, "or three", both)
    if failures:
        return None
    services = both["services"]
    for name, service in services.items():
        published = service.get("ports", [])
        expect(all(port.startswith("127.0.0.1:") for port in published), f"{name} is published on loopback only", published)
        expect("no-new-privileges:true" in service["security_opt"], f"{name} gains no privileges")
        expect(service["stop_grace_period"] == "60s", f"{name} has time to end")
        if name != "database":
            expect(service["environment"].items() >= NAME.items(), f"the name arrives at {name}")
            expect(service["image"] == alone["services"]["mailknock"]["image"], f"{name} is the image that is built")
            expect(service["read_only"] and service["cap_drop"] == ["ALL"], f"{name} may write its state only")
            expect(service["depends_on"] == {"database": {"condition": "service_healthy"}}, f"{name} waits for the database")
    database = services["database"]
    expect("ports" not in services["worker"] and "ports" not in database, "nobody else is published")
    expect(set(database["networks"]) == {"store"} and both["networks"]["store"]["internal"], "the database is not reached from outside")
    expect(services["worker"]["healthcheck"]["test"] == ["NONE"], "a worker is not asked what it can't answer")
    return services


def fleet(services):
    """The commands and variables of those services on this machine: a list is taken in and done by the workers."""
    try:
        database = Server()
    except Missing as why:
        print(f"skipped: {why}")
        return
    with contextlib.ExitStack() as stack:
        stack.callback(database.remove)
        pinged = [word.replace("127.0.0.1", database.folder) for word in services["database"]["healthcheck"]["test"][1:]]
        expect(subprocess.run([f"{database.programs}/{pinged[0]}", *pinged[1:]], timeout=20).returncode == 0,
               "the database's health check finds a database")
        world = stack.enter_context(lab(ROOT / "examples/demo.scenario"))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mk-compose-"))
        store = services["worker"]["environment"]["MAILKNOCK_STORE"]
        expect(store == f"postgresql://{services['database']['environment']['POSTGRES_USER']}@database/mailknock",
               "they use that database", store)

        def variables(name):
            return environment(**(services[name]["environment"] | {"MAILKNOCK_STORE": database.url, "MAILKNOCK_CONFIG": world.config}))
        workers = []
        for number in range(2):
            log = stack.enter_context(open(f"{folder}/worker{number}", "w+", encoding="utf-8"))
            workers.append(start(*services["worker"]["command"], env=variables("worker"), stdout=log, stderr=log))
            stack.callback(workers[-1].kill)
        service = Service(world.config, folder, env=variables("mailknock"))
        stack.callback(service.close)
        made = service.upload((ROOT / "examples/customers.csv").read_bytes())
        done = service.wait(made["id"], limit=90)
        said = subprocess.run([BINARY, "jobs", "workers", "--store", database.url], capture_output=True, text=True, timeout=20)
        expect((done["rows"], done["duplicates"], done["done"]) == (200, 8, 192), "a list is taken in and done by workers", done)
        expect(said.returncode == 0 and said.stdout.count("  alive  ") == 2, "two of them", said.stdout + said.stderr)
        for worker in workers:
            worker.terminate()
            expect(worker.wait(30) == 0, "a worker ends when it is told to")


def main():
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lint(instructions(dockerfile))
    health(image(instructions(dockerfile)))
    services = compose()
    if services:
        fleet(services)
    print(f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
