"""`mailknock serve` confined: it does all its work, it is confined while it does, and no secret shows.

harden_test.py PROGRAM
"""
import contextlib
import http.client
import io
import json
import os
import pathlib
import pwd
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import unittest.mock
import zipfile

sys.path.insert(0, os.path.dirname(__file__))
from program import BINARY, environment, lab, run  # noqa: E402
from service import Case, Service, multipart  # noqa: E402
from webhook_test import Receiver, is_signed  # noqa: E402

WORLD = """set patience quick
domain good.example
  mx 10 mx.good.example
server mx.good.example 127.9.6.1
  mailbox u*
"""
PASSWORD = "letmeout-7c1f"

STACK = contextlib.ExitStack()
LAB = None


def setUpModule():
    global LAB
    LAB = STACK.enter_context(lab(WORLD))


def tearDownModule():
    STACK.close()


def status(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def limit(pid, name):
    limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
    return re.search(rf"^{name}\s+(\S+)\s+(\S+)", limits, re.M).groups()


class HardenCase(Case):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(
            tempfile.TemporaryDirectory(prefix="mk-harden-")))

    def serve(self, *options):
        service = Service(LAB.config, self.folder, *options)
        self.addCleanup(service.close)
        return service

    def told(self, service):
        """The line of the log about it, as a dictionary."""
        line, = [line for line in service.log().splitlines() if " event=hardening " in line]
        return dict(re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)', line))


class Works(HardenCase):
    def test_all_its_work(self):
        """Lists in every form, exports, webhooks, a reload of a replaced file, erasing: confined."""
        lists = self.folder / "lists"
        lists.mkdir()
        block = lists / "block.txt"
        block.write_text("other.example\n")
        receiver = Receiver()
        self.addCleanup(receiver.close)
        service = self.serve("--block", str(block))
        told = self.told(service)
        if told["files"] != "landlock" or told["calls"] != "seccomp":
            print("weaker here:", told)
        # The ledger of connections knows this start of the machine, or it would hold every site after each restart.
        ledger, = self.folder.rglob("serve-opened")
        boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_bytes()
        self.assertEqual(ledger.read_bytes()[8:8 + len(boot)], boot)
        answer = service.post("/v1/webhooks", {"url": receiver.url(), "events": ["list.finished"]})
        self.assertEqual(answer.status, 201, answer.body)
        secret = answer.json()["secret"]

        made = service.upload(b"Name;Mail\n" + b"".join(
            b"n%d;u%d@good.example\n" % (n, n) for n in range(20)) + b"x;none@good.example\n")
        service.wait(made["id"])
        workbook = service.get(f"/v1/lists/{made['id']}/export?format=xlsx")
        self.assertEqual(workbook.status, 200, workbook.body[:200])
        self.assertIn("xl/workbook.xml", zipfile.ZipFile(io.BytesIO(workbook.body)).namelist())
        csv = service.get(f"/v1/lists/{made['id']}/export?format=csv").body
        self.assertEqual(csv.count(b";valid;") + csv.count(b",valid,"), 20, csv[:500])
        self.assertEqual(service.get(f"/v1/lists/{made['id']}/export?format=ndjson").status, 200)
        self.assertEqual(service.get(f"/v1/lists/{made['id']}/export?format=zip").status, 200)
        # And back in: reading a workbook takes temporary files too.
        again = service.upload(workbook.body, "people.xlsx")
        self.assertEqual(service.wait(again["id"])["state"], "done")

        self.until(lambda: len(receiver.calls) >= 1)
        self.assertTrue(is_signed(receiver.calls[0][1], receiver.calls[0][2], secret))

        def verdict(address):
            return service.post("/v1/verify", {"address": address, "fresh": True}).json()

        self.assertEqual(verdict("u1@good.example")["status"], "valid")
        new = lists / "block.new"
        new.write_text("good.example\n")
        new.rename(block)  # as editors do
        service.process.send_signal(signal.SIGHUP)
        self.until(lambda: verdict("u1@good.example")["reason"] == "blocked_domain")
        self.assertEqual(service.call("DELETE", f"/v1/lists/{again['id']}").status, 204)
        self.assertEqual(service.post("/v1/erase", {"address": "u2@good.example"}).status, 200)
        self.assertTrue(service.get("/metrics").status == 200)
        self.assertNotIn(secret, service.log())
        self.assertNotIn(service.key, service.log())
        self.assertEqual(service.close(), 0)


    def test_links(self):
        """A list and a store that lie elsewhere: what the links lead to is granted too."""
        there, here = self.folder / "there", self.folder / "here"
        there.mkdir()
        here.mkdir()
        # Else all of /tmp is granted, and the test proves nothing.
        with unittest.mock.patch.dict(os.environ, TMPDIR=str(here)):
            self.links(there, here)

    def links(self, there, here):
        (there / "block.txt").write_text("good.example\n")
        (here / "block.txt").symlink_to(there / "block.txt")
        (here / "mk.db").symlink_to(there / "mk.db")
        self.assertEqual(sqlite3.connect(there / "mk.db").execute("PRAGMA user_version").fetchone(), (0,))
        service = self.serve("--block", str(here / "block.txt"), "--store", f"sqlite:{here / 'mk.db'}")
        answer = service.post("/v1/verify", {"address": "u1@good.example"}).json()
        self.assertEqual(answer["reason"], "blocked_domain")
        (there / "block.txt").write_text("")
        service.process.send_signal(signal.SIGHUP)
        self.until(lambda: service.post("/v1/verify", {"address": "u1@good.example", "fresh": True}).json()
                   ["status"] == "valid")


class Confined(HardenCase):
    def test_what_the_kernel_says(self):
        service = self.serve("--depth", "syntax", "--connections", "50")
        told, now = self.told(service), status(service.process.pid)
        self.assertEqual(now["NoNewPrivs"], "1")
        self.assertEqual(limit(service.process.pid, "Max core file size"), ("0", "0"))
        self.assertEqual(limit(service.process.pid, "Max open files"), (told["open_files"],) * 2)
        self.assertEqual(told["core_dumps"], "off")
        # A sanitizer's build can't be filtered; others of this machine can.
        if told["calls"] == "seccomp":
            self.assertEqual(now["Seccomp"], "2")
        else:
            self.assertIn("missing", told)
        if os.geteuid() == 0:
            self.assertIn("name a user", told["advice"])
        os.kill(service.process.pid, signal.SIGSEGV)
        self.assertEqual(service.process.wait(20), -signal.SIGSEGV)

    def test_off(self):
        service = self.serve("--depth", "syntax", "--no-hardening")
        told, now = self.told(service), status(service.process.pid)
        self.assertEqual((told["level"], told["files"], told["calls"]), ("warning", "off", "off"))
        self.assertEqual((now["Seccomp"], now["NoNewPrivs"]), ("0", "0"))

    def test_memory_limit(self):
        for name, more in (("on", []), ("off", ["--no-hardening"])):
            (self.folder / name).mkdir()
            service = Service(LAB.config, self.folder / name, "--depth", "syntax", "--memory-limit",
                              "512M", *more)
            self.addCleanup(service.close)
            self.assertEqual(limit(service.process.pid, "Max data size")[0], str(512 << 20))
            self.assertEqual(self.told(service)["memory_bytes"], str(512 << 20))
            self.assertEqual(service.get("/healthz").status, 200)
        for wanted in ("1", "63M"):
            status, _, err = run("serve", "--memory-limit", wanted)
            self.assertEqual(status, 2)
            self.assertIn(b"from 64M to 1048576G, or 0", b" ".join(err.split()))


    def test_memory_that_is_not_there(self):
        """What asks for it fails; the service stays, and answers again."""
        service = self.serve("--memory-limit", "64M")
        pid = service.process.pid
        now = int(status(pid)["VmData"].split()[0]) * 1024 + 500_000
        try:
            resource.prlimit(pid, resource.RLIMIT_DATA, (now, now))
        except PermissionError:
            self.skipTest("may not lower another process's limit")
        large = multipart(b"".join(b"u%d@d%d.example\n" % (n, n) for n in range(20000)), "large.txt",
                          {"depth": "dns"})
        statuses = []

        def ask():
            for n in range(6):
                with contextlib.suppress(OSError, http.client.HTTPException):
                    statuses.append(service.post("/v1/lists", *large).status if n % 2 else service.post(
                        "/v1/verify", {"address": f"u{n}@good.example", "fresh": True}).status)

        threads = [threading.Thread(target=ask) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertIsNone(service.process.poll(), service.log()[-2000:])
        self.assertTrue(any(said >= 400 for said in statuses) or len(statuses) < 96, statuses)

        def is_well():
            with contextlib.suppress(OSError, http.client.HTTPException):
                answer = service.post("/v1/verify", {"address": "u1@good.example"})
                return answer.status == 200 and answer.json()["status"] == "valid"
            return False

        self.until(is_well)


class User(HardenCase):
    def start(self, *options):
        return subprocess.run([BINARY, "serve", "--data", str(self.folder / "data"), "--depth",
                               "syntax", *options], env=environment(), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=30)

    def test_unknown_user(self):
        done = self.start("--user", "no-such-user-here")
        self.assertEqual(done.returncode, 2)
        self.assertIn("there is no user no-such-user-here", " ".join(done.stderr.split()))

    @unittest.skipUnless(os.geteuid() == 0, "wants root")
    def test_becomes_the_user(self):
        """Binds a port of root's, and works as somebody who can't."""
        nobody = pwd.getpwnam("nobody")
        self.folder.chmod(0o755)
        (self.folder / "out").touch()
        with open(self.folder / "out", "w", encoding="utf-8") as out:
            process = subprocess.Popen(
                [BINARY, "serve", "--user", "nobody", "--listen", "127.77.9.6:79", "--data",
                 str(self.folder / "data"), "--config", LAB.config], env=environment(),
                stdout=out, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(lambda: (process.terminate(), process.wait(20)))
        first_key = self.folder / "data" / "first-key"
        self.until(lambda: "More keys" in (self.folder / "out").read_text(encoding="utf-8"))
        now = status(process.pid)
        self.assertEqual(now["Uid"].split(), [str(nobody.pw_uid)] * 4)
        self.assertEqual(now["Gid"].split(), [str(nobody.pw_gid)] * 4)
        self.assertEqual(int(now["CapEff"], 16) | int(now["CapPrm"], 16), 0)
        self.assertEqual(first_key.stat().st_uid, nobody.pw_uid)
        connection = http.client.HTTPConnection("127.77.9.6", 79, timeout=30)
        self.addCleanup(connection.close)
        connection.request("POST", "/v1/verify", json.dumps({"address": "u1@good.example"}),
                           {"X-API-Key": first_key.read_text().strip(),
                            "Content-Type": "application/json"})
        self.assertEqual(json.loads(connection.getresponse().read())["status"], "valid")


class Secrets(HardenCase):
    """Passwords that were given where they should not be are not left there."""

    def test_command_line(self):
        service = self.serve("--egress", f"socks5=knock:{PASSWORD}@127.0.0.1:9 helo=a.example.org")
        shown = pathlib.Path(f"/proc/{service.process.pid}/cmdline").read_bytes()
        self.assertIn(b"--egress", shown)
        self.assertNotIn(PASSWORD.encode(), shown)
        answer = service.post("/v1/verify", {"address": "u1@good.example", "evidence": True})
        self.assertEqual(answer.json()["status"], "unknown")  # no proxy is there
        everything = answer.body.decode() + service.get("/metrics").body.decode() + service.log()
        self.assertNotIn(PASSWORD, everything + (self.folder / "out").read_text())
        self.assertNotIn(service.key, service.log())

    def test_errors(self):
        for options in (["--egress", f"socks5=knock:{PASSWORD}@nowhere:99999999"],
                        ["--egress", f"socks5=:{PASSWORD}@127.0.0.1:9"],
                        ["--store", f"postgresql://knock:{PASSWORD}@127.0.0.1:9/none"]):
            _, out, err = run("check", *options, "--depth", "syntax", "a@good.example")
            self.assertNotIn(PASSWORD.encode(), out + err, options)

    def test_key_of_a_block_list(self):
        """Paid lists have the customer's key in their zone: it is asked for, and nowhere else."""
        key = "k7c1fk7c1fk7c1fk7c1fk7c1f2"
        zone = f"{key}.dbl.listed.example"
        service = self.serve("--domain-blocklist", zone, "--mx-blocklist", f"{key}.zen.listed.example=127.0.0.2")
        self.assertNotIn(key.encode(), pathlib.Path(f"/proc/{service.process.pid}/cmdline").read_bytes())
        answer = service.post("/v1/verify", {"address": "u1@good.example", "evidence": True}).body.decode()
        self.assertIn("good.example.dbl.listed.example", answer)
        everything = answer + service.get("/v1/settings").body.decode() + service.get("/metrics").body.decode()
        self.assertNotIn(key, everything + service.log())
        for options in (["config", "show", "--domain-blocklist", zone],
                        ["config", "check", "--domain-blocklist", zone + "=x"],
                        ["doctor", "--blocklist", zone, "--resolver", "127.0.0.1:9", "--site", "a.example"]):
            _, out, err = run(*options)
            self.assertNotIn(key.encode(), out + err, options)
            self.assertTrue(out + err)

    def test_keys_at_rest(self):
        """A key is in nobody's hands but its owner's: the store has its hash."""
        service = self.serve("--depth", "syntax")
        key, _ = service.make_key(name="shop", scopes=["verify"])
        self.assertEqual(service.get("/v1/verify?address=a@good.example", key=key).status, 200)
        self.assertEqual(service.close(), 0)
        for file in (self.folder / "data").rglob("*"):
            if file.is_file() and file.name != "first-key":
                self.assertNotIn(key.encode(), file.read_bytes(), file)
        self.assertNotIn(key, service.log())


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
