"""Services on one PostgreSQL: what one of them does not know of a list that others are at."""
import contextlib
import gzip
import os
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "postgres"))
from program import ROOT, lab  # noqa: E402
from server import Missing, Server  # noqa: E402
from service import Case, Service  # noqa: E402

STACK = contextlib.ExitStack()
LAB = SERVER = None
LOADING, READY, RUNNING, FINISHED = 0, 1, 2, 4  # enum store_job_state


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

    def test_stopped_at_another_service(self):
        for verb, state in (("pause", "paused"), ("cancel", "cancelled")):
            self.assertEqual(self.other.post(f"{self.path}/{verb}").status, 200)
            self.assertEqual(self.one.get(self.path).json()["state"], state)

    def test_stopped_at_another_service_while_it_is_loaded(self):
        rows = b"".join(b"u%d@b.example\n" % i for i in range(60000))
        for verb, state in (("pause", "ready"), ("cancel", "cancelled")):
            number = self.one.upload(rows, "long.txt")["id"]
            path = f"/v1/lists/{number}"
            self.assertEqual(self.one.get(path).json()["state"], "loading")
            self.assertEqual(self.other.post(f"{path}/{verb}").status, 200)
            answer = self.one.wait(number, ("ready", "cancelled", "running", "paused"), 60)
            self.assertEqual((answer["state"], answer["rows"]), (state, 60000))

    def test_begun_by_somebody_else_when_it_was_loaded(self):
        SERVER.sql("CREATE FUNCTION begin_it() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN"
                   f" new.state:={RUNNING}; RETURN new; END'; CREATE TRIGGER begin_it BEFORE UPDATE ON job FOR EACH ROW"
                   f" WHEN (old.state={LOADING} AND new.state={READY}) EXECUTE FUNCTION begin_it()")
        try:
            number = self.one.upload(b"a@b.example\n", "quick.txt")["id"]
            answer = self.one.wait(number, ("running", "failed"))
        finally:
            SERVER.sql("DROP FUNCTION begin_it CASCADE")
        self.assertEqual(answer["state"], "running", answer)

    def test_read_again_only_where_its_file_is(self):
        number = self.one.upload(b"a@b.example\n", "ready.txt", {"start": False})["id"]
        path = f"/v1/lists/{number}"
        self.one.wait(number, ("ready",))
        answer = self.problem(self.other.call("PATCH", path, {"dedupe": "off"}), 409)
        self.assertIn("where it was uploaded", answer["detail"])
        self.assertEqual(self.one.get(path).json()["state"], "ready")
        self.assertLess(self.one.call("PATCH", path, {"dedupe": "off"}).status, 300)
        self.assertEqual(self.one.wait(number, ("ready", "failed"))["state"], "ready")
        SERVER.sql(f"UPDATE job SET state=6 WHERE id={number}")
        self.problem(self.other.post(f"{path}/start"), 409)

    def test_nobody_loads_it_any_more(self):
        number = self.one.upload(b"a@b.example\n", "left.txt", {"start": False})["id"]
        path = f"/v1/lists/{number}"
        self.one.wait(number, ("ready",))
        SERVER.sql(f"UPDATE job SET state={LOADING} WHERE id={number}")  # an answer was lost
        self.assertEqual(self.other.post(f"{path}/cancel").status, 200)
        self.assertEqual(self.other.get(path).json()["state"], "loading")
        self.assertEqual(self.one.post(f"{path}/cancel").status, 200)
        answer = self.one.wait(number, ("cancelled", "failed"))
        self.assertEqual((answer["state"], answer["rows"]), ("cancelled", 1))

    def test_one_operator_list_changed_at_both(self):
        path = "/v1/operator-lists/opt_out/entries"
        gone = ["gone%d@x.example" % i for i in range(10)]
        self.assertEqual(self.one.post(path, {"entries": gone}).status, 200)
        problems = []

        def change(service, name):
            for i in range(30):
                answer = service.post(path, {"entries": [f"{name}{i}@x.example", f"both{i}@x.example"]})
                if answer.status != 200:
                    problems.append(answer.status)
                if i < 10 and name == "one":
                    answer = service.call("DELETE", f"{path}?entry={gone[i]}")
                    if answer.status != 204:
                        problems.append(answer.status)

        threads = [threading.Thread(target=change, args=one) for one in ((self.one, "one"), (self.other, "other"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [])
        kept = [item["entry"] for item in self.one.get(path + "?limit=1000").json()["items"]]
        wanted = [f"{name}{i}@x.example" for name in ("one", "other", "both") for i in range(30)]
        self.assertEqual(sorted(kept), sorted(wanted))

    def test_what_others_run_goes_on_when_a_service_starts(self):
        SERVER.sql(f"UPDATE job SET sources='{{}}' WHERE id={self.list}")  # there is no file of it
        third = self.serve(self.one.key)
        self.assertEqual(third.get("/v1/overview").status, 200)
        self.assertEqual(SERVER.sql(f"SELECT state FROM job WHERE id={self.list}").strip(), str(RUNNING))

    def test_handed_over_by_somebody_else(self):
        for verb in ("recheck", "rejudge"):
            self.problem(self.other.post(f"{self.path}/{verb}"), 409)
        self.assertEqual(self.one.get(self.path).json()["state"], "running")

    def test_a_damaged_file_fails_once_with_its_reason(self):
        rows = b"".join(b"u%d-%s@b.example\n" % (i, os.urandom(9).hex().encode()) for i in range(60000))
        path = "/v1/lists/" + self.one.upload(gzip.compress(rows)[:-5000], "cut.csv.gz")["id"]
        self.one.wait(path.rsplit("/", 1)[1], ("failed",), 90)
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
        answer = self.one.get("/readyz")
        self.problem(answer, 503, "storage")
        self.assertEqual(answer.headers["Retry-After"], "5")
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
