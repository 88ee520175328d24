"""
A private OpenSMTPD. It offers STARTTLS and then fails the handshake: 6.8.0 keeps its key in another
process by means that OpenSSL 3 no longer has. So it also stands for servers whose TLS is broken.
"""

import os

from sandbox import answers_tcp

CONFIG = """
pki main cert "{folder}/opensmtpd.crt"
pki main key "{folder}/opensmtpd.key"
queue ttl 1h
smtp max-message-size 1M
table users {{ "alice@open.example" = "nobody", "bob@open.example" = "nobody", \
"@opencatch.example" = "nobody" }}
table domains {{ "open.example", "opencatch.example" }}
listen on {ip} port {port} tls pki main hostname "mx.open.example"
action "keep" maildir "{folder}/opensmtpd-mail" virtual <users>
action "system" maildir "{folder}/opensmtpd-mail"
match from any for domain <domains> action "keep"
match from any for domain "opensystem.example" action "system"
"""


class OpenSmtpd:
    def __init__(self, sandbox, root, ip):
        sandbox.certificate("opensmtpd", "mx.open.example")
        path = sandbox.write("smtpd.conf", CONFIG.format(
            folder=sandbox.folder, ip=ip, port=sandbox.smtp_port), 0o600)
        for name in ("/var/spool/smtpd", "/var/lib/opensmtpd/empty"):
            os.makedirs(name, mode=0o711, exist_ok=True)
        self.sandbox = sandbox
        process = sandbox.start("opensmtpd", os.path.join(root, "usr/sbin/smtpd"), "-d", "-f", path,
                                environment=sandbox.unpacked_environment(root))
        sandbox.wait_for("OpenSMTPD", lambda: answers_tcp(ip, sandbox.smtp_port), process)

    def complaints(self):
        return [line for line in self.sandbox.log("opensmtpd").splitlines()
                if "fatal" in line or " message " in line]
