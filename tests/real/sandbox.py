"""A place for servers to run in without disturbing anybody: a network namespace where that can be had.

Sealed: own network, mounts and processes (unshare). Servers take real port 25 on made-up public
addresses, /etc/resolv.conf is ours, and whatever was started dies with the namespace. Open, where
the system refuses that: loopback addresses, one free high port for all mail servers, everything
ended by process id.
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

SEALED_FLAG = "MAILKNOCK_REAL_SEALED"
UNSHARE = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]


PR_SET_CHILD_SUBREAPER = 36


class Trouble(Exception):
    """The stage could not be set; nothing was learnt about mailknock."""


def enter():
    """Run this program again inside the namespaces, where that works; never returns then."""
    if os.environ.get(SEALED_FLAG):
        return
    tried = subprocess.run(UNSHARE + ["ip", "link", "set", "lo", "up"], stdin=subprocess.DEVNULL,
                           capture_output=True, text=True) if shutil.which("unshare") else None
    if tried is None or tried.returncode != 0:
        why = tried.stderr.strip() if tried else "there is no unshare(1)"
        print(f"real: no network namespace ({why}): on loopback and a high port instead")
        return
    os.environ[SEALED_FLAG] = "1"
    sys.stdout.flush()
    os.execvp("unshare", UNSHARE + [sys.executable] + sys.argv)


class Sandbox:
    def __init__(self, keep):
        # Grandchildren whose parents ended become ours, so that none is left behind.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.sealed = bool(os.environ.get(SEALED_FLAG))
        self.keep = keep
        self.folder = tempfile.mkdtemp(prefix="mailknock-real-")
        os.chmod(self.folder, 0o755)  # the servers' own users must reach their files
        self.processes = []
        self.ends = []  # to be called before processes are terminated
        self.smtp_port = 25 if self.sealed else free_port()
        if self.sealed:
            run("ip", "link", "set", "lo", "up")

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def make_folder(self, name, owner=None, mode=0o755):
        path = self.path(name)
        os.makedirs(path, exist_ok=True)
        os.chmod(path, mode)
        if owner:
            shutil.chown(path, owner)
        return path

    def ip(self, number):
        """The address of server `number`: one that looks public when nobody can be disturbed."""
        if not self.sealed:
            return f"127.87.0.{number}"
        address = f"11.87.0.{number}"
        subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], capture_output=True)
        return address

    def use_resolver(self, ip):
        """Everybody in here asks this resolver; only when sealed."""
        path = self.write("resolv.conf", f"nameserver {ip}\n")
        run("mount", "--bind", path, os.path.realpath("/etc/resolv.conf"))

    def prepare_for_unpacked(self, users):
        """
        What packages bring that are unpacked and not installed: users, and folders that are theirs
        by name. Only for processes in here; only when sealed.
        """
        lines = {"passwd": [], "group": []}
        for number, user in enumerate(users, 64100):
            lines["passwd"].append(f"{user}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin\n")
            lines["group"].append(f"{user}:x:{number}:\n")
        for name, added in lines.items():
            with open(f"/etc/{name}", encoding="utf-8") as file:
                path = self.write(name, file.read() + "".join(added))
            run("mount", "--bind", path, f"/etc/{name}")
        for folder in ("/var/spool", "/var/lib"):
            run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", folder)

    @staticmethod
    def unpacked_environment(root):
        return dict(os.environ, LD_LIBRARY_PATH=":".join(
            folder for folder, _, files in os.walk(os.path.join(root, "usr/lib")) if files))

    def certificate(self, name, host, owner="root"):
        """NAME.key and NAME.crt, made by ourselves for ourselves."""
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-subj", f"/CN={host}", "-days", "2",
            "-keyout", self.path(name + ".key"), "-out", self.path(name + ".crt"))
        shutil.chown(self.path(name + ".key"), owner)
        os.chmod(self.path(name + ".key"), 0o600)

    def start(self, name, *command, environment=None):
        """A server that stays in the foreground. Its output goes to NAME.log."""
        with open(self.path(name + ".log"), "wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       env=environment)
        process.name = name
        self.processes.append(process)
        return process

    def log(self, name):
        try:
            with open(self.path(name + ".log"), encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def wait_for(self, what, is_there, process=None, seconds=20):
        deadline = time.monotonic() + seconds
        while not is_there():
            if process and process.poll() is not None:
                raise Trouble(f"{process.name} ended: {self.log(process.name)[-2000:]}")
            if time.monotonic() > deadline:
                raise Trouble(f"{what} did not come up within {seconds} s")
            time.sleep(0.05)

    def close(self):
        for end in reversed(self.ends):
            end()
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        reap_orphans()
        if self.keep:
            print(f"real: everything is left in {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


def run(*command):
    """A command that must succeed."""
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if result.returncode != 0:
        raise Trouble(f"{' '.join(command)}: {(result.stderr or result.stdout).strip()}")
    return result.stdout


def free_port():
    """A TCP and UDP port that nobody uses on loopback now."""
    for _ in range(100):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                try:
                    udp.bind(("127.0.0.1", port))
                    return port
                except OSError:
                    continue
    raise Trouble("no free port")


def answers_tcp(ip, port):
    try:
        with socket.create_connection((ip, port), timeout=1):
            return True
    except OSError:
        return False


def reap_orphans(seconds=5):
    """Wait for what our servers left behind, then kill what does not end."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0 and time.monotonic() > deadline:
            for child in children():
                os.kill(child, signal.SIGKILL)
            deadline += seconds
        elif pid == 0:
            time.sleep(0.05)


def children():
    with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
        return [int(pid) for pid in file.read().split()]
