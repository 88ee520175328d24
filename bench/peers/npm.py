"""Verifiers from npm, at exact versions, as programs: addresses on stdin, "ADDRESS<TAB>STATUS" on stdout (npm.js).

Both bench/peers/run (how fast) and bench/accuracy/run (how right) ask them. They are kept in .deps/peers.
"""
import os
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".deps/peers"
PEERS = {"deep-email-validator": "0.1.27", "email-verify": "0.2.1", "email-existence": "0.1.6",
         "email-deep-validator": "3.3.0", "@devmehq/email-validator-js": "2.10.2"}
INSTALL_LIMIT_S = 300


def install():
    """None when all are there; else why not. To be called where there is a network."""
    if not shutil.which("npm") or not shutil.which("node"):
        return "there is no npm (tools/install-deps web)"
    if all((FOLDER / "node_modules" / name).is_dir() for name in PEERS):
        return None
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "package.json").write_text('{"private": true}\n')
    wanted = [f"{name}@{version}" for name, version in PEERS.items()]
    done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", *wanted],
                          cwd=FOLDER, capture_output=True, text=True, timeout=INSTALL_LIMIT_S)
    return f"npm cannot be reached: {done.stderr.strip().splitlines()[-1]}" if done.returncode != 0 else None


def command(name, concurrency=100):
    return ["node", str(ROOT / "bench/peers/npm.js"), name, str(concurrency)]


def environment():
    return dict(os.environ, PEERS_FOLDER=str(FOLDER))
