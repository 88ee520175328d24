#!/usr/bin/env python3
"""Install below a DESTDIR and use what is there, as another project would.

Programs in C99 and C++ are compiled with what pkg-config says, against the shared and the static
library, and run; the examples ask a lab. Only the functions of the header can be seen in either
library, and the map names each of them.

    install_test.py SOURCE_ROOT BUILD_ROOT COMPILER...
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

SOURCE, BUILD, CC = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3:]
CXX = [{"gcc": "g++", "clang": "clang++", "cc": "c++"}.get(word, word) for word in CC]
C_FLAGS = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-D_POSIX_C_SOURCE=200809L"]
CXX_FLAGS = ["-std=c++17", "-pedantic", "-Wall", "-Wextra", "-Werror"]
LAB_ADDRESSES = {  # of examples/demo.scenario: status and exit status of the example
    "rescue@secondwind.example": ("valid", 0),
    "anyone@everyone.example": ("catch_all", 1),
    "a..b@example.org": ("invalid", 1),
}
failures = []


def expect(condition, what):
    print(("ok      " if condition else "FAILED  ") + what, flush=True)
    if not condition:
        failures.append(what)


def run(command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=120, stdin=options.pop("stdin", subprocess.DEVNULL), **options)
    return done


def must(command, what, **options):
    done = run(command, **options)
    if done.returncode != 0:
        print(f"$ {' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    expect(done.returncode == 0, what)
    return done.stdout


def symbols(library, *flags):
    lines = run(["nm", "--defined-only", *flags, library]).stdout.splitlines()
    names = {line.split()[-1].split("@")[0] for line in lines if len(line.split()) == 3}
    return {name for name in names if not name.startswith("MAILKNOCK_")}


def check_symbols(libdir):
    header = (SOURCE / "include/mailknock/mailknock.h").read_text(encoding="utf-8")
    declared = set(re.findall(r"\b(mailknock_\w+)\(", re.sub(r"/\*.*?\*/", "", header, flags=re.S)))
    mapped = set(re.findall(r"\b(mailknock_\w+);", (SOURCE / "src/library/mailknock.map").read_text()))
    # "typedef void mailknock_done(...)" is a type.
    declared -= set(re.findall(r"typedef \w+ (mailknock_\w+)\(", header))
    expect(len(declared) > 40, f"the header declares {len(declared)} functions")
    expect(declared == mapped, f"the map names them: {sorted(declared ^ mapped)} differ")
    shared = symbols(libdir / "libmailknock.so", "-D")
    expect(shared == declared, f"the shared library shows them: {sorted(shared ^ declared)} differ")
    static = symbols(libdir / "libmailknock.a", "-g")
    expect(static == declared, f"the static library shows them: {sorted(static ^ declared)} differ")
    soname = re.search(r"SONAME.*\[(.*)\]", run(["readelf", "-d", libdir / "libmailknock.so"]).stdout)
    expect(soname and soname[1] == "libmailknock.so.1", "the soname is libmailknock.so.1")


def compile_programs(env, work, libdir):
    """Every program twice; returns the commands to run them."""
    programs = {}
    sources = {
        "offline": (CC + C_FLAGS, SOURCE / "tests/library/offline.c"),
        "consumer": (CXX + CXX_FLAGS, SOURCE / "tests/library/consumer.cc"),
        "check": (CC + C_FLAGS, SOURCE / "examples/library/check.c"),
        "list": (CC + C_FLAGS, SOURCE / "examples/library/list.c"),
        "own_loop": (CC + C_FLAGS, SOURCE / "examples/library/own_loop.c"),
    }
    flags = must(["pkg-config", "--cflags", "--libs", "mailknock"], "pkg-config knows mailknock",
                 env=env).split()
    private = must(["pkg-config", "--static", "--cflags", "--libs", "mailknock"],
                   "pkg-config --static", env=env).split()
    private = [str(libdir / "libmailknock.a") if word == "-lmailknock" else word for word in private]
    for name, (compiler, source) in sources.items():
        for kind, words in (("shared", flags), ("static", private)):
            program = work / f"{name}-{kind}"
            must(compiler + [source, "-o", program] + words, f"{source.name} compiles ({kind})")
            programs[name, kind] = program
    return programs


def start_lab(work):
    """The demo's internet; its options as name=value words."""
    config = work / "lab.conf"
    lab = subprocess.Popen([BUILD / "mailknock", "lab", SOURCE / "examples/demo.scenario",
                            "--write-config", config, "--for", "100"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    for _ in range(200):
        if config.exists() or lab.poll() is not None:
            break
        time.sleep(0.05)
    options = []
    for line in config.read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            options.append("=".join(part.strip() for part in line.split("=", 1)))
    return lab, options


def run_programs(programs, work, libdir):
    env = {**os.environ, "LD_LIBRARY_PATH": str(libdir)}
    for kind in ("shared", "static"):
        for name in ("offline", "consumer"):
            must([programs[name, kind]], f"{name} runs ({kind})", env=env)
    lab, options = start_lab(work)
    try:
        for address, (status, code) in LAB_ADDRESSES.items():
            done = run([programs["check", "shared"], address, *options], env=env)
            expect(done.returncode == code and f": {status} (" in done.stdout,
                   f"check: {address} is {status}: {done.stdout}{done.stderr}".rstrip())
        # With one case at a time, the list has to wait for room.
        for name, more in (("own_loop", ()), ("list", ()), ("list", ("open-cases=1",))):
            done = subprocess.run([programs[name, "static"], *options, *more], capture_output=True,
                                  text=True, timeout=60, input="\n".join(LAB_ADDRESSES) + "\n")
            results = {one["address"]: one["status"] for one in map(json.loads, done.stdout.splitlines())}
            expect(done.returncode == 0 and results == {a: status for a, (status, _) in LAB_ADDRESSES.items()},
                   f"{name} {' '.join(more)}: {results} {done.stderr}".rstrip())
    finally:
        lab.terminate()
        lab.wait(timeout=10)


def main():
    with tempfile.TemporaryDirectory() as folder:
        root, work = pathlib.Path(folder) / "root", pathlib.Path(folder)
        must(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", root],
             "installs below a DESTDIR")
        pc = next(root.rglob("mailknock.pc"))
        libdir = pc.parent.parent
        env = {**os.environ, "PKG_CONFIG_PATH": str(pc.parent), "PKG_CONFIG_SYSROOT_DIR": str(root)}
        program = next(root.rglob("bin/mailknock"))
        expect("mailknock" in must([program, "--version"], "the program runs"), "and says its name")
        check_symbols(libdir)
        run_programs(compile_programs(env, work, libdir), work, libdir)
    print(f"{len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
