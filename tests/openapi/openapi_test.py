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
SERVE = ["Access", "Verify", "Operator"]
LISTS = ["Lists", "Uploads", "Watching"]
COURSE = ["Course.test_pause_resume_cancel", "Again"]
ATTACKS = ["Attacks.test_page"]
DIALECTS = ["EmailVerify.test_validate", "EmailVerify.test_account", "EmailVerify.test_batch",
            "EmailVerify.test_errors_are_the_vendors", "Reacher.test_check", "Reacher.test_bulk",
            "Reacher.test_errors"]
WEBHOOKS = ["Telling.test_of_one_list", "Again.test_redirects_lead_nowhere", "Again.test_a_new_secret",
            "Again.test_paging", "Administration.test_change_and_remove"]


def main():
    if shutil.which("node") is None or not (HERE / "node_modules").is_dir():
        print(f"skipped: node or {HERE}/node_modules is absent; run npm install there")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="mk-openapi-") as folder:
        recording = os.path.join(folder, "answers")
        for file, names in (("serve_test.py", SERVE), ("serve_lists_test.py", LISTS),
                            ("serve_course_test.py", COURSE), ("serve_attacks_test.py", ATTACKS),
                            ("dialects_test.py", DIALECTS), ("webhook_test.py", WEBHOOKS)):
            tests = subprocess.run([sys.executable, str(HERE.parent / "e2e" / file),
                                    sys.argv[1], *names],
                                   env={**os.environ, "MK_RECORD": recording}, timeout=280)
            if tests.returncode != 0:
                return tests.returncode
        return subprocess.run(["node", str(HERE / "check.mjs"),
                               os.path.join(os.environ["MK_SOURCE_ROOT"], "web", "openapi.json"),
                               recording], timeout=60).returncode


sys.exit(main())
