#!/usr/bin/env python3
"""The accuracy bench: a repeatable population, figures within what is promised, other verifiers.

    accuracy_test.py BUILD SOURCE_ROOT rules|sockets

rules: the generator, the page, and a run on the virtual clock, twice the same. sockets: a few hundred
addresses over real sockets, and, where a namespace can be had, a verifier that says yes to everybody.
"""
import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile

BUILD, ROOT, PART = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
BENCH = ROOT / "bench/accuracy"
sys.path.insert(0, str(BENCH))
import population  # noqa: E402
from families import FAMILIES  # noqa: E402


def run(*arguments):
    """The bench with --json: exit status, what it found, what it said."""
    with tempfile.TemporaryDirectory(prefix="mk-accuracy-") as folder:
        path = pathlib.Path(folder) / "out.json"
        done = subprocess.run([sys.executable, str(BENCH / "run"), BUILD, "--json", str(path), *arguments],
                              capture_output=True, text=True, timeout=280, check=False)
        assert path.exists(), done.stdout + done.stderr
        return done.returncode, json.loads(path.read_text(encoding="utf-8")), done.stdout


def the_same_seed_is_the_same_population():
    first, again, other = (population.make(700, seed) for seed in (7, 7, 8))
    assert first == again
    assert first[0] != other[0]
    for text, addresses in (first, other):
        assert len(addresses) == 700
        assert len({a.address for a in addresses}) == 700, "an address twice"
        assert "$" not in text.replace("$ ", ""), re.search(r".*\$\w+.*", text)


def truth_does_not_show():
    """Names of the living and of the dead come from one pot: none betrays its truth by its form."""
    _, addresses = population.make(5000, 3)
    length = collections.defaultdict(list)
    for a in addresses:
        if a.kind in ("live", "gone"):
            length[a.kind].append(len(a.address.split("@")[0]))
    means = [sum(v) / len(v) for v in length.values()]
    assert abs(means[0] - means[1]) < 0.7, means


def shares_are_as_written():
    _, addresses = population.make(5000, 1)
    total = sum(f.share for f in FAMILIES)
    counts = collections.Counter(a.family for a in addresses)
    for f in FAMILIES:
        assert abs(counts[f.name] - 5000 * f.share / total) <= 1, f.name
        kinds = collections.Counter(a.kind for a in addresses if a.family == f.name)
        for kind, weight in f.kinds.items():
            assert abs(kinds[kind] - counts[f.name] * weight / sum(f.kinds.values())) <= 1, (f.name, kind)


def the_page_says_what_is_played():
    page = (ROOT / "doc/ACCURACY.md").read_text(encoding="utf-8")
    said = subprocess.run([sys.executable, str(BENCH / "run"), BUILD, "--families"], capture_output=True, text=True,
                          check=True).stdout
    assert said in page, "doc/ACCURACY.md: replace its table with what bench/accuracy/run BUILD --families prints"


def the_virtual_clock_repeats_itself():
    runs = [run("--virtual-only", "--addresses", "1500", "--bounds") for _ in range(2)]
    for status, _, said in runs:
        assert status == 0, said
    for first, again in zip(*(found["results"] for _, found, _ in runs)):
        assert first == again
    for result in runs[0][1]["results"]:
        told = sum(sum(row.values()) for row in result["matrix"].values())
        assert told == 1500, told


def real_sockets_keep_the_promise():
    status, found, said = run("--addresses", "300", "--bounds", "--verifier",
                              """yes=awk '{print $0 "\\tvalid"}'""")
    assert status == 0, said
    assert found["results"][0]["clock"] == "real"
    assert found["results"][0]["figures"]["connections_per_address"] < 1
    others = [r for r in found["results"] if r["verifier"] == "yes"]
    if not others:
        assert "without a network namespace" in said, said
        print("no network namespace: other verifiers were not tried")
        return
    matrix = others[0]["matrix"]
    assert all(set(row) == {"valid"} for row in matrix.values()), matrix
    good = matrix["delivers"]["valid"] + matrix.get("restricted", {}).get("valid", 0)
    assert abs(others[0]["figures"]["precision_valid"] - good / 300) < 1e-9
    assert others[0]["figures"]["connections_per_address"] == 0


TESTS = {
    "rules": (the_same_seed_is_the_same_population, truth_does_not_show, shares_are_as_written,
              the_page_says_what_is_played, the_virtual_clock_repeats_itself),
    "sockets": (real_sockets_keep_the_promise,),
}

for test in TESTS[PART]:
    test()
    print(f"ok: {test.__name__}")
