#!/usr/bin/env python3
"""The Debian packages: without a fault for lintian, installed, run, removed, purged.

    package_test.py FOLDER      (what tools/build-package left there; root)

They are installed on a copy-on-write view of this machine's file system (overlayfs in a mount
namespace of its own), so that nothing of it is left. Prints "N passed, N failed" at the end.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import urllib.request

FOLDER = pathlib.Path(sys.argv[1]).resolve()
PACKAGES = ("libmailknock1", "libmailknock-dev", "mailknock")
counts = {True: 0, False: 0}


def expect(condition, what, said=""):
    counts[bool(condition)] += 1
    print(("ok      " if condition else "FAILED  ") + what, flush=True)
    if not condition and said:
        print(said)


def run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=900, stdin=subprocess.DEVNULL, **options)
    return done.returncode, done.stdout


def files():
    found = {name: sorted(FOLDER.glob(f"{name}_*.deb")) for name in PACKAGES}
    for name, paths in found.items():
        expect(len(paths) == 1, f"{name} was built")
    return [str(paths[0]) for paths in found.values() if paths]


def check_lintian():
    changes = list(FOLDER.glob("*.changes"))
    status, said = run("lintian", "--allow-root", "--fail-on", "error,warning", *map(str, changes))
    expect(len(changes) == 1 and status == 0, "lintian finds no error and no warning", said)


def check_links(folder):
    """Pages link to one another as in the source tree; what is no page may be missing."""
    pages = [folder / "README.md", *folder.glob("doc/*.md")]
    lost = [f"{page.name}: {link}" for page in pages
            for link in re.findall(r"\]\(([^)#:]+\.(?:md|png|svg))", page.read_text(encoding="utf-8"))
            if not (page.parent / link).exists() and "CHANGES.md" not in link]
    expect(len(pages) > 15 and not lost, "pages lead to pages", lost)
    for name in ("examples/customers.csv", "examples/clients/python/mailknock.py", "examples/clients/widget/mailknock-form.js"):
        expect((folder / name).exists(), f"{name} is among the examples")


def check_service(root):
    """As its unit starts it, without systemd."""
    service = subprocess.Popen(["chroot", root, "mailknock", "serve", "--user", "mailknock", "--listen", "127.0.0.1:0",
                                "--data", "/var/lib/mailknock", "--depth", "syntax"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    late = threading.Timer(60, service.kill)  # so that nobody waits for ever
    late.start()
    found = next(filter(None, (re.search(r"http://127\.0\.0\.1:\d+/", line) for line in service.stdout)), None)
    expect(found, "the service says where it listens")
    if found:
        with urllib.request.urlopen(found[0] + "readyz", timeout=20) as answer:
            expect(answer.status == 200, "the service is ready")
        status = pathlib.Path(f"/proc/{service.pid}/status").read_text(encoding="ascii")
        expect(not re.search(r"^Uid:.*\b0\b", status, re.M), "it is not root", status)
    service.terminate()
    said = service.communicate(timeout=60)[1]
    late.cancel()
    expect(service.returncode == 0, "it ends when it is told to", said)


def check_installed(root, debs):
    def inside(*command):
        return run("chroot", root, *command)

    inbox = pathlib.Path(root, "tmp/mailknock-package")
    inbox.mkdir()
    for deb in debs:
        (inbox / pathlib.Path(deb).name).write_bytes(pathlib.Path(deb).read_bytes())
    names = [f"/tmp/mailknock-package/{pathlib.Path(deb).name}" for deb in debs]
    status, said = inside("dpkg", "--install", *names)
    expect(status == 0, "they install together", said)
    status, said = inside("mailknock", "--version")
    expect(status == 0 and said.startswith("mailknock "), "mailknock --version answers", said)
    status, said = inside("mailknock", "check", "--depth", "syntax", "a..b@example.org")
    expect(status == 1 and "invalid" in said, "mailknock check judges an address", said)
    status, said = inside("env", "HOME=/tmp/mailknock-package", "mailknock", "demo")
    expect(status == 0 and "200" in said, "mailknock demo cleans its list", said)
    status, commands = inside("mailknock", "--help")
    names = re.findall(r"^  ([a-z]+)  ", commands, re.M)
    expect(len(names) > 10, "its commands are known", commands)
    for page in ("1 mailknock", "5 mailknock.conf", *(f"1 mailknock-{name}" for name in names)):
        status, said = inside("man", "-P", "cat", *page.split())
        expect(status == 0 and f"NAME\n     {page.split()[1]} " in said, f"man {page} shows a page", said)
    check_links(pathlib.Path(root, "usr/share/doc/mailknock"))
    status, said = inside("getent", "passwd", "mailknock")
    expect(status == 0 and "/var/lib/mailknock" in said, "the service has its user", said)
    check_service(root)
    status, said = inside("systemd-analyze", "verify", "--man=no", "mailknock.service",
                          "mailknock-worker.service")
    expect(status == 0, "its units are sound", said)
    program = ('#include <mailknock/mailknock.h>\n'
               'int main(void) { return mailknock_code_name(0) == 0; }\n')
    (inbox / "use.c").write_text(program)
    status, said = inside("sh", "-c", "cd /tmp/mailknock-package && gcc -std=c99 use.c -o use "
                          "$(pkg-config --cflags --libs mailknock) && ./use")
    expect(status == 0, "a program builds against the library", said)
    status, said = inside("dpkg", "--remove", *reversed(PACKAGES))
    expect(status == 0, "they are removed", said)
    status, said = inside("sh", "-c", "command -v mailknock")
    expect(status != 0, "no program is left", said)
    # The others leave nothing to purge: dpkg has forgotten them.
    status, said = inside("dpkg", "--purge", "mailknock")
    expect(status == 0 and "warning" not in said, "the service is purged", said)
    status, said = inside("find", "/usr", "/lib", "/etc", "-xdev", "-name", "*mailknock*", "-not", "-path",
                          "*/local/*")
    expect(not said.strip(), "no file is left", said)


def on_a_view(debs):
    """The mount namespace that main made ends with us, and the view with it."""
    with tempfile.TemporaryDirectory() as work:
        status, said = run("mount", "-t", "tmpfs", "tmpfs", work)
        for name in ("upper", "work", "root"):
            pathlib.Path(work, name).mkdir()
        status, said = run("mount", "-t", "overlay", "overlay", "-o",
                           f"lowerdir=/,upperdir={work}/upper,workdir={work}/work", f"{work}/root")
        expect(status == 0, "a view of the file system to install on", said)
        if status == 0:
            run("mount", "--bind", "/proc", f"{work}/root/proc")
            run("mount", "--bind", "/dev", f"{work}/root/dev")
            run("mount", "-t", "tmpfs", "tmpfs", f"{work}/root/tmp")
            check_installed(f"{work}/root", debs)
            for name in ("tmp", "dev", "proc", ""):
                run("umount", "-l", f"{work}/root/{name}".rstrip("/"))
        run("umount", "-l", work)


def main():
    if os.geteuid() != 0:
        print("package_test: installing packages needs root")
        return 1
    if os.environ.get("MK_PACKAGE_NAMESPACE") is None:
        os.environ["MK_PACKAGE_NAMESPACE"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable,
                              *sys.argv])
    debs = files()
    check_lintian()
    if len(debs) == len(PACKAGES):
        on_a_view(debs)
    print(f"{counts[True]} passed, {counts[False]} failed")
    return 1 if counts[False] else 0


if __name__ == "__main__":
    sys.exit(main())
