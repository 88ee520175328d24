"""Services on one PostgreSQL: what one of them does not know of a list that others are at."""
import contextlib
import gzip
import os
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "postgres"))
from program import ROOT, lab  # noqa: E402
from server import Missing, Server  # noqa: E402
from service import Case, Service  # noqa: E402

STACK = contextlib.ExitStack()
LAB = SERVER = None
FINISHED = 4  # enum store_job_state


def setUpModule():
    global LAB, SERVER
    try:
        SERVER = Server()
    except Missing as why:
        raise unittest.SkipTest(str(why))
    STACK.callback(SERVER.remove)
    LAB = STACK.enter_context(lab(ROOT / "examples" / "demo.scenario"))


def tearDownModule():
    STACK.close()


class Shared(Case):
    """There are no workers: a list that was handed to them stays running."""

    @classmethod
    def setUpClass(cls):
        cls.one = cls.serve()
        cls.other = cls.serve(cls.one.key)

    @classmethod
    def serve(cls, key=None):
        folder = tempfile.TemporaryDirectory(prefix="mk-shared-")
        cls.addClassCleanup(folder.cleanup)
        service = Service(LAB.config, folder.name, "--store", SERVER.url, key=key)
        cls.addClassCleanup(service.close)
        return service

    def setUp(self):
        self.list = self.one.upload(b"a@b.example\n", "shared.txt")["id"]
        self.path = f"/v1/lists/{self.list}"
        self.one.wait(self.list, ("running",))

    def test_finished_since_the_desk_looked(self):
        SERVER.sql(f"UPDATE job SET state={FINISHED} WHERE id={self.list}")
        for verb in ("pause", "cancel"):
            self.problem(self.one.post(f"{self.path}/{verb}"), 409)
            self.assertEqual(self.one.get(self.path).json()["state"], "done")

    def test_still_stopped_while_it_runs(self):
        self.assertEqual(self.one.post(f"{self.path}/pause").status, 200)
        self.assertEqual(self.one.get(self.path).json()["state"], "paused")

    def test_handed_over_by_somebody_else(self):
        for verb in ("recheck", "rejudge"):
            self.problem(self.other.post(f"{self.path}/{verb}"), 409)
        self.assertEqual(self.one.get(self.path).json()["state"], "running")

    def test_a_damaged_file_fails_once_with_its_reason(self):
        rows = b"".join(b"u%d-%s@b.example\n" % (i, os.urandom(9).hex().encode()) for i in range(60000))
        path = "/v1/lists/" + self.one.upload(gzip.compress(rows)[:-5000], "cut.csv.gz")["id"]
        self.one.wait(path.rsplit("/", 1)[1], ("failed",), 30)
        time.sleep(1.5)  # longer than it would take to be begun anew
        answer = self.one.get(path).json()
        self.assertEqual(answer["state"], "failed")
        self.assertIn("cut off", answer["error"])
        self.assertEqual(self.one.call("DELETE", path).status, 204)

    def test_a_list_asked_anew_is_so_after_a_pause(self):
        SERVER.sql(f"UPDATE job SET anew=1 WHERE id={self.list}")  # as a recheck leaves it
        self.assertLess(self.one.post(f"{self.path}/pause").status, 300)
        self.one.wait(self.list, ("paused",))
        until = time.monotonic() + 20
        while self.one.post(f"{self.path}/resume").status == 409:  # it leaves the desk first
            self.assertLess(time.monotonic(), until)
            time.sleep(0.1)
        self.one.wait(self.list, ("running",))
        self.assertEqual(SERVER.sql(f"SELECT anew FROM job WHERE id={self.list}").strip(), "1")

    def test_the_database_is_restarted_while_a_list_is_loaded(self):
        count = 60000
        path = "/v1/lists/" + self.one.upload(b"".join(b"u%d@b.example\n" % i for i in range(count)), "long.txt")["id"]
        self.assertEqual(self.one.get(path).json()["state"], "loading")
        SERVER.stop()
        SERVER.start()
        until = time.monotonic() + 100
        while True:
            answer = self.one.get(path)
            if answer.status == 200 and answer.json()["state"] != "loading":
                break
            self.assertLess(time.monotonic(), until, "the list is not loaded")
            time.sleep(0.1)
        self.assertEqual((answer.json()["state"], answer.json()["rows"]), ("running", count))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
