"""Lists by way of `mailknock serve`: uploaded, watched, paused, cancelled, taken home in every format, while the
service is stopped, killed and started again at any time, or its disk is full."""
import http.client
import io
import json
import pathlib
import random
import signal
import tempfile
import threading
import time
import urllib.parse
import zipfile

from lists import List, truth
from outputs import demand
from program import run
from service import Service, multipart
from troubles import fill, small_disk
from walk import EXPORTS, LIMIT_S, POLITE, PROFILES, Walk

LEFT = (OSError, http.client.HTTPException, AttributeError)  # what a call says when the service has gone


class Upload(Walk):
    """A list, and what is known of it from outside."""

    def __init__(self, chance, folder, name):
        self.chance, self.folder, self.name = chance, folder, name
        self.list = List(chance, name, [3, 12, 40, 90])
        self.list.write_files(folder, 1)
        self.content, self.file = self.list.files[0].read_bytes(), self.list.files[0].name
        self.depth = chance.choice(["smtp", "smtp", "smtp", "dns", "syntax"])
        self.dedupe = chance.choice(["off", "exact", "mailbox", "mailbox"])
        self.duplicates, self.statuses, self.words, self.profile, self.format = "answer", None, [], "mailknock", "csv"
        self.options = {"depth": self.depth, "dedupe": self.dedupe, "patience": "quick", "name": name}
        if chance.random() < 0.3:
            self.options["start"] = False
        if self.list.kind in ("csv", "xlsx"):
            self.options["header"] = self.list.header
            if chance.random() < 0.3:
                self.options["column"] = str(self.list.column + 1)
        self.id, self.done, self.is_deleted = None, 0, False

    def compare(self, row, status, reason, got_status, got_reason, partial):
        # What another list has found out is remembered.
        if self.depth == "dns" and got_status != status:
            status, reason = truth(row.address, "smtp")
        super().compare(row, status, reason, got_status, got_reason, partial)


class Served(Walk):
    """One service and its lists."""
    may_fail = False

    def __init__(self, seed, number, folder, lab, after):
        self.chance, self.folder, self.lab = random.Random(f"{seed}/{number}"), folder, lab
        self.service, self.key, self.steps = None, None, []
        self.uploads = [Upload(self.chance, folder, f"list{i}") for i in range(self.chance.randint(1, 3))]
        after.callback(self.stop, signal.SIGKILL)
        self.start()

    def start(self):
        self.service = Service(self.lab.config, self.folder, *POLITE, key=self.key)
        self.key = self.service.key

    def stop(self, sign):
        if self.service is None:
            return
        service, self.service = self.service, None
        status = service.close(sign)
        demand(sign == signal.SIGKILL or status == 0, "serve ended with", status, service.log()[-1500:])

    def tell(self):
        said = (self.folder / "err").read_text(encoding="utf-8")[-1500:] if (self.folder / "err").exists() else ""
        return f"steps: {self.steps}\nlists: {[(u.file, u.options, u.id) for u in self.uploads]}\nit said: {said}"

    # --- calls ---

    def call(self, method, path, statuses, body=None, headers=None):
        """One of these answers, or that there is no room, while there is none."""
        answer = self.service.call(method, path, body, headers)
        demand(answer.status in statuses, method, path, "is", answer.status, answer.body[:300])
        return answer

    def upload(self, upload):
        """Sent again with the same key until it is answered: one list comes of it."""
        until = time.monotonic() + LIMIT_S
        while upload.id is None:
            demand(time.monotonic() < until, "it cannot be uploaded")
            body, headers = multipart(upload.content, upload.file, upload.options)
            headers["Idempotency-Key"] = upload.name
            killer = None
            if self.chance.random() < 0.15:
                killer = threading.Timer(self.chance.random() * 0.03, self.service.process.kill)
                killer.start()
            try:
                upload.id = self.call("POST", "/v1/lists", (200, 201), body, headers).json()["id"]
            except LEFT:
                demand(killer is not None, "the service went away")
            finally:
                if killer is not None:
                    killer.join()
                    self.steps.append("killed while it was uploaded")
                    self.again(signal.SIGKILL)

    def state(self, upload):
        now = self.call("GET", f"/v1/lists/{upload.id}", (200,)).json()
        demand(now["state"] != "failed" or self.may_fail, "the list failed:", now["error"])
        demand(now["done"] >= upload.done, now["done"], "done, of", upload.done, "earlier")
        upload.done = now["done"]
        demand(sum(now["counts"].values()) <= now["rows"], now)
        demand(now["name"] == upload.options["name"], "it was renamed to", upload.options["name"], "not", now["name"])
        return now

    def again(self, sign):
        self.stop(sign)
        self.start()

    # --- steps ---

    def step(self):
        chance = self.chance
        there = [u for u in self.uploads if u.id is not None and not u.is_deleted]
        waiting = [u for u in self.uploads if u.id is None]
        if waiting and (not there or chance.random() < 0.3):
            self.steps.append(f"upload {waiting[0].name}")
            self.upload(waiting[0])
            return
        if not there:
            return
        upload = chance.choice(there)
        what = chance.choice(["look", "look", "export", "export", "results", "pause", "resume", "cancel", "start",
                              "kill", "stop", "delete", "jobs", "recheck", "rejudge", "stats", "report", "rename"])
        if what == "delete" and chance.random() < 0.8:
            what = "look"
        self.steps.append(f"{what} {upload.name}")
        if what == "look":
            self.state(upload)
        elif what == "export":
            self.export(upload)
        elif what == "results":
            self.results(upload)
        elif what == "jobs":
            self.jobs(upload)
        elif what == "recheck":
            if self.call("POST", f"/v1/lists/{upload.id}/recheck", (200, 202, 409)).status != 409:
                upload.done = 0  # what is unknown is asked for again
        elif what == "rejudge":
            answer = self.call("POST", f"/v1/lists/{upload.id}/rejudge", (200, 409), {})
            demand(answer.status == 409 or answer.json()["changed"] == 0, "judged otherwise:", answer.body)
        elif what in ("stats", "report"):
            answer = self.call("GET", f"/v1/lists/{upload.id}/{what}", (200, 409))
            demand(what == "stats" or answer.status == 409 or answer.body.rstrip().endswith(b"</html>"), "it is cut")
        elif what == "rename":
            name = f"other{chance.randrange(100)}"
            self.call("PATCH", f"/v1/lists/{upload.id}", (200,), {"name": name})
            upload.options["name"] = name
        elif what in ("kill", "stop"):
            self.again(signal.SIGKILL if what == "kill" else signal.SIGTERM)
        elif what == "delete":
            status = self.call("DELETE", f"/v1/lists/{upload.id}", (200, 202, 204, 409)).status
            upload.is_deleted = status != 409
        else:
            self.call("POST", f"/v1/lists/{upload.id}/{what}", (200, 202, 409))

    def jobs(self, upload):
        """The same list from the command line, beside the service."""
        words = self.chance.choice([["show"], ["show", "--json"], ["export", "-o", "/dev/null"], ["list"], ["pause"],
                                    ["resume"]])
        store = str(self.folder / "data" / "mailknock.db")
        job = [] if words == ["list"] else ["--job", str(upload.id)]
        status, out, said = run("jobs", words[0], store, *job, *words[1:])
        demand(status in (0, 2) and (status == 0 or said), "jobs", words, "ended with", status, said)
        demand(status == 0 or words[0] in ("export", "pause", "resume"), "jobs", words, "says", said)
        if words == ["show", "--json"]:
            demand(json.loads(out)["done"] >= upload.done, "less is done than was:", out)

    def results(self, upload):
        """Pages of results: rows in order, each once, and each right."""
        rows, cursor = [], ""
        while cursor is not None:
            page = self.call("GET", f"/v1/lists/{upload.id}/results?limit={self.chance.choice([7, 1000])}{cursor}",
                             (200, 409)).json()
            if "items" not in page:
                return None  # it is still being loaded
            rows += page["items"]
            cursor = f"&cursor={page['next']}" if page["next"] else None
        numbers = [r["row"] for r in rows]
        demand(numbers == sorted(set(numbers)), "rows are out of order, or twice:", numbers)
        upload.duplicates, upload.statuses = "answer", None
        wanted = upload.expected()
        for row in rows:
            demand(0 < row["row"] <= len(wanted), "there is no row", row["row"])
            if row["status"] is not None:
                upload.compare(*wanted[row["row"] - 1], row["status"], row["reason"], False)
        return rows

    def export(self, upload, format=None, preset=None, whole=False):
        chance = self.chance
        upload.format = format or chance.choice(["csv", "ndjson", "xlsx", "zip"])
        upload.profile = chance.choice(["mailknock"] * 3 + PROFILES)
        upload.duplicates = chance.choice(["answer", "answer", "skip", "drop"])
        upload.words = ["--prefix", "z_"] if chance.random() < 0.2 else []
        # Which rows are wanted is known when all are determined.
        preset = preset if whole and upload.format != "zip" else None
        upload.statuses = EXPORTS.get(preset)
        query = {"format": upload.format, "duplicates": upload.duplicates}
        query.update({"profile": upload.profile} if upload.profile != "mailknock" else {})
        query.update({"prefix": "z_"} if upload.words else {})
        query.update({"preset": preset} if preset else {})
        answer = self.call("GET", f"/v1/lists/{upload.id}/export?" + urllib.parse.urlencode(query), (200, 409))
        if answer.status == 409:
            demand(not whole, "no export:", answer.body)
            return
        if upload.format == "zip":
            self.check_zip(upload, answer.body, whole)
        else:
            self.check_export(upload, answer.body, upload.expected(), whole)

    def check_export(self, upload, data, wanted, whole):
        with tempfile.NamedTemporaryFile(suffix="." + upload.format, dir=self.folder.parent) as file:
            file.write(data)
            file.flush()
            rows = [row for row, _, _ in wanted]
            # A row without cells is nothing that Python's reader sees.
            results = upload.read(data, pathlib.Path(file.name), rows, upload.profile)
        known = [(w, r) for w, r in zip(wanted, results) if r != ("", "")]
        demand(not whole or len(known) == len(wanted), "not all is determined")
        if upload.profile == "mailknock" or upload.format == "ndjson" or whole:
            upload.check_results([w for w, _ in known], [r for _, r in known], False)

    def check_zip(self, upload, data, whole):
        archive = zipfile.ZipFile(io.BytesIO(data))
        demand(archive.testzip() is None, "the archive is damaged")
        files = {name: archive.read(name) for name in archive.namelist()}
        demand(files.pop(next(n for n in files if n.startswith("original/"))) == upload.content, "the original differs")
        demand(files.pop("report.html").rstrip().endswith(b"</html>"), "the report is cut")
        stem = next(name for name in files if name.endswith(".all.csv"))[:-len(".all.csv")]
        wanted, upload.format = upload.expected(), "csv"
        self.check_export(upload, files.pop(f"{stem}.all.csv"), wanted, whole)
        if not whole:
            return
        for name, content in files.items():
            status = name[len(stem) + 1:-len(".csv")]
            self.check_export(upload, content, [w for w in wanted if w[1] == status], True)

    # --- the end ---

    def make_room(self):
        """Where there may be none."""

    def go(self):
        for _ in range(self.chance.randint(4, 16)):
            self.step()
            time.sleep(self.chance.choice([0, 0.02, 0.1, 0.3]) * self.chance.random())
        self.make_room()
        for upload in self.uploads:
            if upload.id is None:
                self.upload(upload)
        self.check_lists()
        for upload in self.uploads:
            if not upload.is_deleted:
                self.finish(upload)
        kept = {str(u.id) for u in self.uploads if not u.is_deleted}
        self.stop(signal.SIGTERM)
        files = {f.name for f in (self.folder / "data" / "lists").iterdir()}
        demand(len(files) == len(kept), "files of uploads:", files, "lists:", kept)

    def check_lists(self):
        """Those that were made, and no others."""
        there = {item["id"]: item for item in self.call("GET", "/v1/lists?limit=100", (200,)).json()["items"]}
        until = time.monotonic() + LIMIT_S
        for upload in self.uploads:
            path = f"/v1/lists/{upload.id}"
            while upload.is_deleted and self.service.get(path).status != 404:
                demand(time.monotonic() < until, "a deleted list stays")
                time.sleep(0.05)
        extra = set(there) - {u.id for u in self.uploads}
        demand(not extra, "lists that nobody made:", [there[i] for i in extra])

    def finish(self, upload):
        until = time.monotonic() + LIMIT_S
        while (now := self.state(upload))["state"] != "done":
            demand(time.monotonic() < until, "it does not end:", now)
            verb = {"ready": "start", "paused": "resume", "cancelled": "start", "failed": "resume"}.get(now["state"])
            if verb is not None:
                self.steps.append(f"{verb} {upload.name}")
                self.call("POST", f"/v1/lists/{upload.id}/{verb}", (200, 202, 409))
            time.sleep(0.05)
        wanted = len(upload.list.rows)
        demand(now["rows"] == wanted and sum(now["counts"].values()) == wanted, now, "not", wanted, "rows")
        rows = self.results(upload)
        demand(len(rows) == wanted and all(r["status"] for r in rows), len(rows), "results of", wanted)
        for format in ("csv", "ndjson", "xlsx", "zip"):
            self.export(upload, format, whole=True)
        for preset in EXPORTS:
            self.export(upload, self.chance.choice(["csv", "ndjson", "xlsx"]), preset, whole=True)


class NoRoom(Exception):
    pass


class Full(Served):
    """The service's own disk fills up at any moment, and has room again."""
    may_fail = True

    def __init__(self, seed, number, folder, lab, after):
        self.disk = folder / "data"
        small_disk(self.disk, after)
        self.filler, self.is_full, self.told = self.disk / "filler", False, []
        super().__init__(seed, number, folder, lab, after)

    def call(self, method, path, statuses, body=None, headers=None):
        answer = self.service.call(method, path, body, headers)
        if self.is_full and answer.status in (500, 503, 507):
            self.told.append((f"{method} {path.split('?')[0]}", answer.status, answer.json()["detail"]))
            raise NoRoom
        demand(answer.status in statuses, method, path, "is", answer.status, answer.body[:300])
        return answer

    def step(self):
        if self.chance.random() < 0.25:
            self.steps.append("room" if self.is_full else "full")
            if self.is_full:
                self.make_room()
            else:
                self.is_full = True
                fill(self.filler)
        try:
            super().step()
        except NoRoom:
            self.steps.append("no room")

    def make_room(self):
        if self.is_full:
            self.filler.unlink()
            self.is_full = False

    def again(self, sign):
        self.make_room()  # without, it may say so and not start: that is another matter
        super().again(sign)


KINDS = {"service": Served, "full-service": Full}
