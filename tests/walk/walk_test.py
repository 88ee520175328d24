"""What users do with lists, at random: every format in and out, options, pipes, signals, kills, the same again.

Each walk makes a list whose truth is known (lists.py), cleans it against a lab in some way, perhaps stopped or
killed and begun again some times (walk.py), or with other trouble (troubles.py: somebody who looks at the job, full
disks, shut folders, a second clean, changed lists, several pipes), or by way of the service (service_walk.py), and then
demands: every row is there once and in order, the list's own bytes are as they were, each row's result is right (above
all: nobody who exists is called invalid), exit statuses are the documented ones, and nothing but a whole output stands
under the output's name. A walk depends on its seed and number alone, and on the machine's pace: what it says when it
fails repeats it.

    walk_test.py PROGRAM [--walks N] [--seconds S] [--seed N] [--only NUMBER] [--kind KIND] [--keep] [--tell]
"""
import argparse
import collections
import contextlib
import os
import pathlib
import re
import shlex
import shutil
import sys
import tempfile
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
os.environ.setdefault("MK_SOURCE_ROOT", str(HERE.parents[1]))
from lab import Lab  # noqa: E402
from lists import scenario  # noqa: E402
from program import BINARY  # noqa: E402
import service_walk  # noqa: E402
import troubles  # noqa: E402
from walk import Walk  # noqa: E402

KINDS = {"usual": Walk, **troubles.KINDS, **service_walk.KINDS}


def kind_of(options, number):
    if options.kind:
        return options.kind
    names = list(KINDS)
    # Every other walk is a usual one.
    return names[0] if number % 2 == 0 else names[1 + number // 2 % (len(names) - 1)]


def one(options, number, plot, told):
    """None, or what went wrong."""
    above = pathlib.Path(tempfile.mkdtemp(prefix="mk-walk-"))
    folder = above / "in"
    folder.mkdir()
    kind = kind_of(options, number)
    lab, walk, wrong = Lab(BINARY, plot), None, None
    try:
        with contextlib.ExitStack() as after:
            walk = KINDS[kind](options.seed, number, folder, lab, after)
            walk.go()
    except troubles.Untried as why:
        told[kind, "untried", str(why)] += 1
    except Exception:  # whatever cannot be read is wrong, too
        wrong = traceback.format_exc(limit=-4)
    status, said = lab.close()
    if status != 0 and wrong is None:
        wrong = f"the lab complains: {said}"
    for what in walk.told if walk else ():
        told[kind, *what] += 1
    if wrong is not None:
        wrong = f"walk {number} of seed {options.seed} (--seed {options.seed} --only {number} --kind {kind}):\n" \
                f"{wrong}{walk.tell() if walk else ''}"
    if not (wrong and options.keep):
        shutil.rmtree(above)
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--walks", type=int, default=10 ** 9)
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int)
    parser.add_argument("--kind", choices=list(KINDS), help="walks of this kind only")
    parser.add_argument("--keep", action="store_true", help="the folder of what went wrong")
    parser.add_argument("--tell", action="store_true", help="what users were told, each text once")
    options = parser.parse_args()
    if options.walks == 10 ** 9 and options.seconds == 1e9:
        options.walks = 20
    numbers = [options.only] if options.only is not None else range(options.walks)
    done, failed, until, told = 0, 0, time.monotonic() + options.seconds, collections.Counter()
    with tempfile.NamedTemporaryFile("w", suffix=".scenario", encoding="utf-8") as plot:
        plot.write(scenario())
        plot.flush()
        for number in numbers:
            if time.monotonic() > until:
                break
            wrong = one(options, number, plot.name, told)
            done += 1
            if wrong is not None:
                failed += 1
                print(wrong, flush=True)
    texts = collections.Counter()
    for (kind, *what), count in told.items():
        if options.tell and 0 not in what or "untried" in what:
            texts[kind, re.sub(r"/\S*/", "/", re.sub(r"\d+", "N", " ".join(map(str, what))))] += count
    for (kind, text), count in sorted(texts.items()):
        print(f"{kind} ({count}): {text}")
    print(f"{done} walks of seed {options.seed}, {failed} went wrong")
    return 1 if failed or not done else 0


if __name__ == "__main__":
    sys.exit(main())
