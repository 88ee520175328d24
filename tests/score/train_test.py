#!/usr/bin/env python3
"""tools/train-score on a made-up population: it judges, it fits what it has not seen, it writes what it fitted."""
import pathlib
import re
import subprocess
import sys
import tempfile

ROWS, TRAIN, WEIGHTS, ROOT = sys.argv[1:5]


def train(*words, text):
    done = subprocess.run([sys.executable, TRAIN, *map(str, words)], input=text, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def figure(text, words):
    return float(re.search(words + r" ([\d.]+)", text).group(1))


def main():
    rows = subprocess.run([ROWS, ROOT, "77", "600"], check=True, capture_output=True, text=True).stdout
    with tempfile.TemporaryDirectory() as folder:
        weights, svg = pathlib.Path(folder, "weights.tsv"), pathlib.Path(folder, "reliability.svg")
        flat = re.sub(r"(?m)^(feature\t\w+)\t[-\d.]+", r"\1\t0", pathlib.Path(WEIGHTS).read_text(encoding="utf-8"))
        weights.write_text(flat, encoding="utf-8")
        status, out, error = train("--weights", weights, "--fit", "--write", "--svg", svg, text=rows)
        assert status == 0, error
        before, after = out.split("fitted weights")
        assert figure(after, "Brier score") < figure(before, "Brier score") - 0.01, out
        assert figure(after, "calibration error") < 0.06, out
        assert svg.read_text(encoding="utf-8").count("<circle") >= 5
        status, again, error = train("--weights", weights, text=rows)
        assert status == 0 and figure(again, "Brier score") < figure(before, "Brier score") - 0.01, again + error
        # Outcomes of a file of their own, and none at all.
        bare = re.sub(r'"outcome":"\w+",', "", rows)
        table = pathlib.Path(folder, "outcomes.csv")
        pairs = re.findall(r'"address":"([^"]+)","outcome":"(\w+)"', rows)
        table.write_text("address,outcome\n" + "".join(f"{a},{o}\n" for a, o in pairs), encoding="utf-8")
        status, out, error = train("--weights", weights, "--outcomes", table, text=bare)
        assert status == 0 and "calibration error" in out, error
        status, out, error = train("--weights", weights, text=bare)
        assert status == 1 and "no result" in error, out + error


if __name__ == "__main__":
    main()
