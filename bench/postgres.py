#!/usr/bin/env python3
"""What lists cost a PostgreSQL (bench/postgres.c), on a server of its own.

    postgres.py PROGRAM [ROWS [PARTS]]

Skipped, saying so, where there is no PostgreSQL.
"""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/postgres"))
from server import with_server  # noqa: E402


def bench(server):
    subprocess.run([sys.argv[1], server.url, *sys.argv[2:]], check=True)


if __name__ == "__main__":
    sys.exit(with_server(bench))
