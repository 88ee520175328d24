"""A private PostgreSQL for a test: made in a folder of its own, heard on a socket there and nowhere else.

As a program: prints the URL, waits until its standard input ends (whoever started it is gone or done),
stops the server and removes the folder. Prints "skip: why" where there is no PostgreSQL. As a module:
Server(). PostgreSQL refuses to be root, so that root becomes somebody else for it.
"""
import glob
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",  # machines that lose power are not tested here; killed servers lose nothing
    "full_page_writes": "off",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "autovacuum_naptime": "5s",
    "logging_collector": "off",
    "timezone": "UTC",
}


class Missing(Exception):
    """There is no PostgreSQL that could be started."""


def folder_of_programs():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda p: int(p.split("/")[4]))
    path = found[-1] if found else shutil.which("initdb")
    if path is None:
        raise Missing("initdb is not there (Debian: postgresql)")
    return os.path.dirname(path)


def somebody():
    """uid and gid to run as; None: as we are."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
            return entry.pw_uid, entry.pw_gid
        except KeyError:
            pass
    raise Missing("PostgreSQL refuses to run as root, and there is neither postgres nor nobody")


class Server:
    def __init__(self, settings=None):
        self.programs = folder_of_programs()
        self.user = somebody()
        self.folder = tempfile.mkdtemp(prefix="mk-pg-", dir="/tmp")
        self.process = None
        self.settings = {**SETTINGS, **(settings or {})}
        self.url = f"postgresql://mailknock@/postgres?host={self.folder}"
        self.here = ["-h", self.folder, "-p", str(self.settings.get("port", 5432))]
        self.log = os.path.join(self.folder, "log")
        if self.user:
            os.chown(self.folder, *self.user)
        os.chmod(self.folder, 0o755)
        self.data = os.path.join(self.folder, "data")
        made = self._run("initdb", "-D", self.data, "-U", "mailknock", "--auth=trust",
                         "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
        if made.returncode != 0:
            text = made.stdout.decode(errors="replace")
            shutil.rmtree(self.folder, ignore_errors=True)
            raise Missing("initdb failed: " + text.strip()[-300:])
        self.start()

    def _who(self):
        if not self.user:
            return {}
        return {"user": self.user[0], "group": self.user[1], "extra_groups": []}

    def _run(self, name, *arguments):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        return subprocess.run([os.path.join(self.programs, name), *arguments], cwd=self.folder,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment,
                              timeout=120, check=False, **self._who())

    def start(self):
        command = [os.path.join(self.programs, "postgres"), "-D", self.data, "-k", self.folder]
        for name, value in self.settings.items():
            command += ["-c", f"{name}={value}"]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, start_new_session=True,
                                            **self._who())
        limit = time.monotonic() + 120  # machines may have much else to do
        while time.monotonic() < limit:
            if self._run("pg_isready", *self.here, "-U", "mailknock", "-q", "-t", "20").returncode == 0:
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        with open(self.log, errors="replace") as log:
            raise Missing("it does not start: " + log.read()[-300:])

    def sql(self, text):
        """What a statement says, as lines of fields parted by |."""
        done = self._run("psql", *self.here, "-U", "mailknock", "-d", "postgres", "-qAtX",
                         "-v", "ON_ERROR_STOP=1", "-c", text)
        out = done.stdout.decode(errors="replace")
        if done.returncode != 0:
            raise RuntimeError(f"{text}: {out}")
        return out.strip()

    def stop(self, how=signal.SIGINT):
        """SIGINT: its fast shutdown; SIGKILL: as if the machine had gone."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(timeout=20)

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def with_server(run):
    """run(server) on one that lives as long; an exit status: 77, saying so, where there is no PostgreSQL."""
    try:
        server = Server()
    except Missing as why:
        print("skipped:", why)
        return 77
    try:
        run(server)
    finally:
        server.remove()
    return 0


def main():
    try:
        server = Server(dict(pair.split("=", 1) for pair in sys.argv[1:]))
    except Missing as why:
        print("skip:", why, flush=True)
        return 0
    try:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print(server.url, flush=True)
        sys.stdin.buffer.read()
    finally:
        server.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
