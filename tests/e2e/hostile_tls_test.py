#!/usr/bin/env python3
"""TLS that means harm, on real sockets: servers whose certificates and manners are absurd.

hostile_tls_test.py PROGRAM

Opportunistic TLS believes no certificate, so whatever stands in one must neither stop a probe nor harm
it, and is recorded. A server that renegotiates is not followed; one that goes away without saying goodbye
(close_notify) has dropped the connection, whatever it said before counts. Each case is a domain with a
mail server of its own; every verdict is compared, and time and memory are bounded.
"""
import ctypes
import ctypes.util
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time

import lab

TIME_MAX = 20         # s
MEMORY_MAX = 8 << 10  # KiB above what a check that meets nobody needs
REACHABLE = "127.4.31.%d"


# --- certificates -------------------------------------------------------------------------------------

def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def made(folder, name, *extra, key=("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"), subject="/CN=mx"):
    paths = [os.path.join(folder, f"{name}.{kind}") for kind in ("crt", "key")]
    openssl("req", "-x509", *key, "-nodes", "-subj", subject, "-out", paths[0], "-keyout", paths[1], *extra)
    return paths


def signed_at(folder, name, begins, ends):
    """A certificate for a time that is not now: `openssl req` of Debian 12 knows only of days from now."""
    certificate, key = made(folder, name, "-days", "1")
    request, authority = os.path.join(folder, name + ".csr"), os.path.join(folder, name + ".ca")
    os.mkdir(authority)
    for file, text in (("index", ""), ("serial", "01"), ("conf", f"""[ca]
default_ca = a
[a]
database = {authority}/index
serial = {authority}/serial
new_certs_dir = {authority}
default_md = sha256
policy = p
[p]
commonName = supplied
""")):
        with open(os.path.join(authority, file), "w", encoding="ascii") as out:
            out.write(text)
    openssl("req", "-new", "-key", key, "-subj", "/CN=mx", "-out", request)
    openssl("ca", "-batch", "-selfsign", "-config", authority + "/conf", "-in", request, "-keyfile", key,
            "-startdate", begins, "-enddate", ends, "-out", certificate, "-notext")
    return certificate, key


def many_names(count):
    return "subjectAltName=" + ",".join(f"DNS:n{i}.example" for i in range(count))


def certificates(folder):
    """Name of the case: certificate and key."""
    weak = ("-newkey", "rsa:1024")
    escape = "/CN=\x1b[31mmx\r\nQUIT/O=" + "o" * 60
    found = {
        "expired": signed_at(folder, "expired", "20010101000000Z", "20020101000000Z"),
        "future": signed_at(folder, "future", "20900101000000Z", "20910101000000Z"),
        "weak": made(folder, "weak", "-sha1", key=weak),
        "thousands-of-names": made(folder, "thousands-of-names", "-addext", many_names(3000)),
        "escapes": made(folder, "escapes", subject=escape),
        "negative-serial": made(folder, "negative-serial", "-set_serial", "-1"),
        "unknown-critical": made(folder, "unknown-critical", "-addext", "1.2.3.4=critical,ASN1:UTF8String:x"),
        "no-signer": made(folder, "no-signer", "-addext", "basicConstraints=critical,CA:FALSE",
                          "-addext", "keyUsage=critical,cRLSign"),
        "plain": made(folder, "plain"),
    }
    # A chain of a hundred, none of which has to do with another.
    chain, key = made(folder, "long-chain")
    one = made(folder, "link")[0]
    with open(one, encoding="ascii") as link, open(chain, "a", encoding="ascii") as out:
        out.write(link.read() * 100)
    found["long-chain"] = (chain, key)
    return found


# --- servers ------------------------------------------------------------------------------------------

def read_line(take):
    line = b""
    while not line.endswith(b"\n"):
        byte = take(1)
        if not byte:
            return None
        line += byte
    return line.strip().upper()


def converse(take, say, ends_at=None, end=None):
    """After EHLO came by TLS: alice exists. At the command `ends_at` it calls `end` instead of answering."""
    while (line := read_line(take)) is not None:
        if ends_at is not None and line.startswith(ends_at):
            return end()
        if line.startswith(b"EHLO"):
            say(b"250-mx\r\n250 PIPELINING\r\n")
        elif line.startswith(b"RCPT"):
            say(b"250 2.1.5 ok\r\n" if b"<ALICE@" in line else b"550 5.1.1 No such user here\r\n")
        elif line.startswith(b"QUIT"):
            say(b"221 2.0.0 bye\r\n")
            return end() if end is not None and ends_at is None else None
        else:
            say(b"250 2.0.0 ok\r\n")
    return None


def begin(client):
    """In clear, up to STARTTLS. False: they want to go on in clear, or not at all."""
    client.sendall(b"220 mx ESMTP\r\n")
    while (line := read_line(client.recv)) is not None:
        if line.startswith(b"EHLO"):
            client.sendall(b"250-mx\r\n250 STARTTLS\r\n")
        elif line == b"STARTTLS":
            client.sendall(b"220 2.0.0 go ahead\r\n")
            return True
        else:
            client.sendall(b"221 bye\r\n" if line == b"QUIT" else b"530 5.7.0 Must issue a STARTTLS command first\r\n")
    return False


def serve_certificate(files):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(*files)

    def serve(client):
        if begin(client):
            with context.wrap_socket(client, server_side=True) as secured:
                converse(secured.recv, secured.sendall)
    return serve


def serve_unnotified(files, ends_at, by_reset=False):
    """Goes away without close_notify: in the middle, or (None) after QUIT as many servers do."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)

    def serve(client):
        if not begin(client):
            return
        secured = context.wrap_socket(client, server_side=True, suppress_ragged_eofs=True)

        def end():
            bare = socket.socket(fileno=secured.detach())
            if by_reset:
                bare.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            bare.close()
        converse(secured.recv, secured.sendall, ends_at, end)
    return serve


def serve_renegotiating(files):
    """TLS 1.2 that asks for another handshake before each answer; Python's own module can't."""
    library = ctypes.CDLL(ctypes.util.find_library("ssl") or "libssl.so.3")
    library.TLS_server_method.restype = library.SSL_CTX_new.restype = library.SSL_new.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.SSL_CTX_new(ctypes.c_void_p(library.TLS_server_method())))
    library.SSL_CTX_ctrl(context, 124, ctypes.c_long(0x0303), None)  # SSL_CTRL_SET_MAX_PROTO_VERSION: TLS 1.2
    library.SSL_CTX_use_certificate_file(context, files[0].encode(), 1)
    library.SSL_CTX_use_PrivateKey_file(context, files[1].encode(), 1)
    asked = []

    def serve(client):
        if not begin(client):
            return
        client.settimeout(None)  # a timeout would make it non-blocking, and OpenSSL is given the descriptor
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", TIME_MAX, 0))
        session = ctypes.c_void_p(library.SSL_new(context))
        library.SSL_set_fd(session, client.fileno())
        if library.SSL_accept(session) != 1:
            return

        def take(count):
            room = ctypes.create_string_buffer(count)
            return room.raw if library.SSL_read(session, room, count) == 1 else b""

        def say(words):
            if library.SSL_renegotiate(session) == 1:
                library.SSL_do_handshake(session)  # sends HelloRequest
                asked.append(words)
            library.SSL_write(session, words, len(words))
        converse(take, say)
        library.SSL_free(session)
    serve.asked = asked
    return serve


class Server:
    def __init__(self, ip, port, serve):
        self.listener = socket.create_server((ip, port))
        self.serve = serve
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.attend, args=(client,), daemon=True).start()

    def attend(self, client):
        client.settimeout(TIME_MAX)
        try:
            with client:
                self.serve(client)
        except OSError:
            pass


# --- asking -------------------------------------------------------------------------------------------

def check_measured(program, config, address):
    """Result, seconds, largest resident set in KiB."""
    read, write = os.pipe()
    before = time.monotonic()
    process = subprocess.Popen([program, "check", "--json", "--evidence", "--config", config, "--patience", "quick",
                                "--", address], stdout=write, stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        out = pipe.read()
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    return json.loads(out), time.monotonic() - before, usage.ru_maxrss


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main():
    program = sys.argv[1]
    good = {"alice": ("valid", "accepted"), "nobody": ("invalid", "mailbox_not_found")}
    dropped = {"alice": ("unknown", "disconnected"), "nobody": ("unknown", "disconnected")}
    faults, largest, slowest = [], 0, 0
    with tempfile.TemporaryDirectory(prefix="mk-tls-") as folder:
        files = certificates(folder)
        cases = {name: (serve_certificate(pair), good) for name, pair in files.items()}
        renegotiating = serve_renegotiating(files["plain"])
        # The handshake is refused, OpenSSL's server gives up, and in clear this one does not talk.
        cases["renegotiates"] = (renegotiating, dict.fromkeys(good, ("unknown", "tls_required")))
        cases["no-goodbye"] = (serve_unnotified(files["plain"], None), good)
        cases["cut-at-rcpt"] = (serve_unnotified(files["plain"], b"RCPT"), dropped)
        cases["cut-at-mail"] = (serve_unnotified(files["plain"], b"MAIL"), dropped)
        cases["reset-at-rcpt"] = (serve_unnotified(files["plain"], b"RCPT", by_reset=True), dropped)
        port = free_port()
        text, servers = "set real yes\n", []
        for number, (name, (serve, _)) in enumerate(cases.items(), 1):
            ip = REACHABLE % number
            text += f"domain {name}.example\n  mx 10 mx.{name}.example\ndomain mx.{name}.example\n  a {ip}\n"
            servers.append(Server(ip, port, serve))
        # The lab is their name server; its own mail port is another one.
        scenario = os.path.join(folder, "tls.scenario")
        with open(scenario, "w", encoding="ascii") as file:
            file.write(text + "expect nobody@nowhere.example invalid domain_not_found\n")
        names = lab.Lab(program, scenario)
        try:
            config = os.path.join(folder, "check.conf")
            with open(names.config, encoding="utf-8") as source, open(config, "w", encoding="utf-8") as file:
                file.writelines(line for line in source if not line.startswith("port"))
                file.write(f"port = {port}\n")
            _, _, usual = check_measured(program, config, "ann@nowhere.example")
            for name, (_, wanted) in cases.items():
                for user, verdict in wanted.items():
                    result, seconds, memory = check_measured(program, config, f"{user}@{name}.example")
                    slowest, largest = max(slowest, seconds), max(largest, memory - usual)
                    if (result["status"], result["reason"]) != verdict:
                        faults.append(f"{user}@{name}: {result['status']}/{result['reason']}: {result['explanation']}")
                    elif verdict[0] != "unknown" and not result["smtp"]["tls"]:
                        faults.append(f"{user}@{name}: not by TLS")
                    if seconds > TIME_MAX or memory - usual > MEMORY_MAX:
                        faults.append(f"{user}@{name}: {seconds:.1f} s, {memory - usual} KiB more")
                    if "\x1b" in json.dumps(result, ensure_ascii=False):
                        faults.append(f"{user}@{name}: escapes come through")
        finally:
            names.close()
            for server in servers:
                server.listener.close()
    if not renegotiating.asked:
        faults.append("nobody renegotiated")
    print("\n".join(faults))
    print("%d servers with absurd TLS: at most %.1f s and %d KiB more than the usual %d KiB; %d times asked to "
          "renegotiate" % (len(cases), slowest, largest, usual, len(renegotiating.asked)))
    return 1 if faults else 0


sys.exit(main())
