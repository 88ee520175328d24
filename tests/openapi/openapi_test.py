"""The API's description by a validator from npm, and the service's answers by that description.

openapi_test.py PROGRAM: needs `npm install` in this folder; says so and is skipped without.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SKIPPED = 77
CLASSES = ["Access", "Verify", "Lists", "Uploads", "Course.test_pause_resume_cancel", "Again",
           "EmailVerify", "Reacher", "Operator", "Watching", "Attacks.test_page"]


def main():
    if shutil.which("node") is None or not (HERE / "node_modules").is_dir():
        print(f"skipped: node or {HERE}/node_modules is absent; run npm install there")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="mk-openapi-") as folder:
        recording = os.path.join(folder, "answers")
        tests = subprocess.run([sys.executable, str(HERE.parent / "e2e" / "serve_test.py"),
                                sys.argv[1], *CLASSES],
                               env={**os.environ, "MK_RECORD": recording}, timeout=280)
        if tests.returncode != 0:
            return tests.returncode
        return subprocess.run(["node", str(HERE / "check.mjs"),
                               os.path.join(os.environ["MK_SOURCE_ROOT"], "web", "openapi.json"),
                               recording], timeout=60).returncode


sys.exit(main())
