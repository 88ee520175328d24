"""`serve` and `worker` confined, with a PostgreSQL that wants TLS, a certificate and a password: what the
URL, the environment, a service file or the home folder name for it stays readable, also when it is renewed.

harden_store_test.py PROGRAM
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock

sys.path.insert(0, os.path.dirname(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "postgres"))
from program import ROOT, lab, start  # noqa: E402
from server import Missing, Server, somebody  # noqa: E402
from service import Case, Service  # noqa: E402

PASSWORD = "only-in-files-93b0"
STACK = contextlib.ExitStack()
LAB = SERVER = FOLDER = PORT = KEY = None


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)


def authority(folder):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
            "2", "-subj", "/CN=authority of a test", "-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.crt")


def certificate(folder, name, subject, extra=""):
    """NAME.key and NAME.crt, put in their place at once."""
    pathlib.Path(folder, "extra").write_text(extra or "basicConstraints=CA:FALSE\n")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
            f"/CN={subject}", "-keyout", f"{folder}/new.key", "-out", f"{folder}/new.csr")
    openssl("x509", "-req", "-in", f"{folder}/new.csr", "-CA", f"{folder}/ca.crt", "-CAkey",
            f"{folder}/ca.key", "-CAcreateserial", "-days", "2", "-extfile", f"{folder}/extra", "-out",
            f"{folder}/new.crt")
    os.chmod(f"{folder}/new.key", 0o600)
    for end in ("key", "crt"):
        os.rename(f"{folder}/new.{end}", f"{folder}/{name}.{end}")


def setUpModule():
    global LAB, SERVER, FOLDER, PORT, KEY
    FOLDER = pathlib.Path(STACK.enter_context(tempfile.TemporaryDirectory(prefix="mk-hs-")))
    FOLDER.chmod(0o755)
    for name in ("pki", "server", "tmp"):
        (FOLDER / name).mkdir()
    authority(FOLDER / "pki")
    certificate(FOLDER / "pki", "server", "localhost", "subjectAltName=DNS:localhost\n")
    certificate(FOLDER / "pki", "client", "mailknock")
    for end in ("key", "crt"):
        shutil.move(FOLDER / "pki" / f"server.{end}", FOLDER / "server" / f"server.{end}")
    shutil.copy(FOLDER / "pki" / "ca.crt", FOLDER / "server")
    (FOLDER / "server" / "hba").write_text(
        "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-full\n")
    PORT = free_port()
    try:
        give_to_server(FOLDER / "server")
        SERVER = Server({"listen_addresses": "127.0.0.1", "port": str(PORT), "ssl": "on",
                         "ssl_cert_file": FOLDER / "server" / "server.crt",
                         "ssl_key_file": FOLDER / "server" / "server.key",
                         "ssl_ca_file": FOLDER / "server" / "ca.crt", "hba_file": FOLDER / "server" / "hba"})
    except Missing as why:
        STACK.close()
        raise unittest.SkipTest(str(why))
    STACK.callback(SERVER.remove)
    SERVER.sql(f"ALTER USER mailknock PASSWORD '{PASSWORD}'")
    LAB = STACK.enter_context(lab(ROOT / "examples" / "demo.scenario"))


def give_to_server(folder):
    for file in folder.iterdir() if somebody() else ():
        os.chown(file, *somebody())


def tearDownModule():
    STACK.close()


class Store(Case):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="mk-hst-")))
        home = self.folder / "home"
        home.mkdir()
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        # Else all of /tmp is granted, and the test proves nothing.
        clean |= {"TMPDIR": str(FOLDER / "tmp"), "HOME": str(home)}
        self.enterContext(unittest.mock.patch.dict(os.environ, clean, clear=True))
        self.pki = FOLDER / "pki"

    def passwords(self, path):
        path.write_text(f"localhost:{PORT}:*:mailknock:{PASSWORD}\n")
        path.chmod(0o600)
        return path

    def url(self, **more):
        return (f"postgresql://mailknock@localhost:{PORT}/postgres?hostaddr=127.0.0.1&sslmode=verify-full"
                + "".join(f"&{name}={value}" for name, value in more.items()))

    def serve(self, url):
        """It opened, so that the store was reached from inside; what it is confined by is in its log."""
        global KEY
        service = Service(LAB.config, self.folder, "--depth", "syntax", "--store", url, key=KEY)
        self.addCleanup(service.close)
        KEY = KEY or service.key
        self.assertIn("files=landlock", service.log())
        self.assertNotIn(PASSWORD, service.log())
        return service

    def test_url(self):
        passwords = self.folder / "secret" / "passwords"
        passwords.parent.mkdir()
        url = self.url(sslrootcert=self.pki / "ca.crt", sslcert=self.pki / "client.crt",
                       sslkey=self.pki / "client.key", passfile=self.passwords(passwords))
        service = self.serve(url)
        SERVER.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name='mailknock'")
        # Renewed, as programs that renew do it; then it connects again.
        certificate(self.pki, "client", "mailknock")
        self.passwords(passwords.parent / "new").rename(passwords)
        self.until(lambda: service.get("/v1/lists").status == 200)
        self.assertNotIn(str(passwords), service.get("/v1/settings").body.decode())

    def test_environment(self):
        os.environ |= {"PGSSLROOTCERT": str(self.pki / "ca.crt"), "PGSSLCERT": str(self.pki / "client.crt"),
                       "PGSSLKEY": str(self.pki / "client.key"),
                       "PGPASSFILE": str(self.passwords(self.folder / "pass"))}
        self.serve(self.url())

    def test_password_in_environment(self):
        os.environ["PGPASSWORD"] = PASSWORD
        service = self.serve(self.url(sslrootcert=self.pki / "ca.crt", sslcert=self.pki / "client.crt",
                                      sslkey=self.pki / "client.key"))
        self.assertNotIn(PASSWORD.encode(), pathlib.Path(f"/proc/{service.process.pid}/cmdline").read_bytes())

    def test_service_file(self):
        services = self.folder / "services.conf"
        services.write_text(
            f"[mk]\nhost=localhost\nhostaddr=127.0.0.1\nport={PORT}\nuser=mailknock\ndbname=postgres\n"
            f"password={PASSWORD}\nsslmode=verify-full\nsslrootcert={self.pki}/ca.crt\n"
            f"sslcert={self.pki}/client.crt\nsslkey={self.pki}/client.key\n")
        os.environ["PGSERVICEFILE"] = str(services)
        self.serve("postgresql://?service=mk")

    def test_home(self):
        home = pathlib.Path(os.environ["HOME"])
        self.passwords(home / ".pgpass")
        (home / ".postgresql").mkdir()
        for name, there in (("root.crt", "ca.crt"), ("postgresql.crt", "client.crt"),
                            ("postgresql.key", "client.key")):
            shutil.copy(self.pki / there, home / ".postgresql" / name)
        self.serve(self.url())

    def test_socket(self):
        self.serve(f"postgresql://mailknock@/postgres?host={SERVER.folder}&port={PORT}")

    def doctor(self, user="mailknock"):
        program = start("doctor", "--json", "--timeout", "1s", "--config", LAB.config, "--store",
                        f"postgresql://{user}@/postgres?host={SERVER.folder}&port={PORT}",
                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = program.communicate(timeout=60)
        self.assertTrue(out, err)
        found, = (one for one in json.loads(out) if one["check"] == "store")
        return found["result"], found["detail"]

    def test_doctor_changes_nothing(self):
        global KEY
        drop = "SET client_min_messages TO error; DROP SCHEMA IF EXISTS mailknock CASCADE"
        SERVER.sql(drop)
        KEY = None  # it went with the tables
        result, detail = self.doctor()
        self.assertEqual(result, "ok")
        self.assertIn("no tables yet", detail)
        self.assertEqual(SERVER.sql("SELECT count(*) FROM pg_namespace WHERE nspname='mailknock'"), "0")
        # Whoever could not make them is told before serve fails.
        SERVER.sql("CREATE ROLE guest LOGIN")
        result, detail = self.doctor("guest")
        self.assertEqual(result, "failed")
        self.assertIn("this role may not make a schema in this database", detail)
        SERVER.sql("CREATE SCHEMA mailknock; GRANT USAGE ON SCHEMA mailknock TO guest")
        self.assertIn("this role may not make tables in the schema mailknock", self.doctor("guest")[1])
        # A schema that it may use is enough, for the doctor and for what makes tables.
        SERVER.sql("GRANT CREATE ON SCHEMA mailknock TO guest")
        self.assertEqual(self.doctor("guest")[0], "ok")
        guest = f"postgresql://guest@/postgres?host={SERVER.folder}&port={PORT}"
        with contextlib.closing(Service(LAB.config, self.folder, "--depth", "syntax", "--store", guest)):
            self.assertEqual(SERVER.sql("SELECT tableowner FROM pg_tables WHERE tablename='job'"), "guest")
        self.assertEqual(self.doctor("guest"), ("ok", "the store has its tables, and this role may write to them"))
        SERVER.sql(drop)
        self.serve(f"postgresql://mailknock@/postgres?host={SERVER.folder}&port={PORT}")
        self.assertEqual(self.doctor(), ("ok", "the store has its tables, and this role may write to them"))
        SERVER.sql("CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA mailknock TO reader;"
                   " GRANT SELECT ON ALL TABLES IN SCHEMA mailknock TO reader")
        result, detail = self.doctor("reader")
        self.assertEqual(result, "failed")
        self.assertIn("may not write to the table mailknock.", detail)
        SERVER.sql("DELETE FROM mailknock.version WHERE version=(SELECT max(version) FROM mailknock.version)")
        result, detail = self.doctor()
        self.assertEqual(result, "warning")
        self.assertIn("older version", detail)
        SERVER.sql("GRANT CREATE ON SCHEMA mailknock TO guest")
        SERVER.sql("GRANT USAGE ON SCHEMA mailknock TO guest;"
                   " GRANT SELECT ON ALL TABLES IN SCHEMA mailknock TO guest")
        result, detail = self.doctor("guest")
        self.assertEqual(result, "failed")
        self.assertIn("tables of an older version", detail)
        self.assertIn("this role may not change the table mailknock.", detail)
        SERVER.sql("UPDATE mailknock.version SET oldest=1000")
        result, detail = self.doctor()
        self.assertEqual(result, "failed")
        self.assertIn("newer", detail)
        SERVER.sql(drop)
        KEY = None

    def test_worker(self):
        err = open(self.folder / "worker.log", "w+", encoding="utf-8")
        self.addCleanup(err.close)
        os.environ["PGPASSFILE"] = str(self.passwords(self.folder / "pass"))
        worker = start("worker", "--config", LAB.config, "--store", self.url(
            sslrootcert=self.pki / "ca.crt", sslcert=self.pki / "client.crt", sslkey=self.pki / "client.key"),
            stdout=err, stderr=err)
        self.addCleanup(lambda: worker.poll() is None and (worker.kill(), worker.wait()))
        try:
            self.until(lambda: self.joined() > 0)
        except AssertionError:
            raise AssertionError((self.folder / "worker.log").read_text()) from None
        SERVER.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name='mailknock'")
        time.sleep(2)
        self.until(lambda: SERVER.sql("SELECT count(*) FROM pg_stat_activity "
                                      "WHERE application_name='mailknock' AND state IS NOT NULL") != "0")
        worker.send_signal(signal.SIGTERM)
        self.assertEqual(worker.wait(30), 0, (self.folder / "worker.log").read_text())
        self.assertTrue(re.search("files=landlock", (self.folder / "worker.log").read_text()))

    @staticmethod
    def joined():
        there = SERVER.sql("SELECT to_regclass('mailknock.worker') IS NOT NULL")
        return int(SERVER.sql("SELECT count(*) FROM mailknock.worker")) if there == "t" else 0


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
