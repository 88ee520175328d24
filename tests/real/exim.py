"""A private Exim: its own words, and callouts to Postfix behind it."""

import os

from sandbox import answers_tcp

CONFIG = """
primary_hostname = mx.exim.example
spool_directory = {folder}/exim
log_file_path = {folder}/exim/%slog
pid_file_path = {folder}/exim/pid
local_interfaces = {ip} : {blocking_ip}
daemon_smtp_ports = {port}
tls_advertise_hosts = *
tls_certificate = {folder}/exim.crt
tls_privatekey = {folder}/exim.key
rfc1413_hosts =
host_lookup =
smtp_accept_max_per_connection = 100
recipients_max = 3
recipients_max_reject = true
domainlist own = exim.example : eximcatch.example : eximfront.example
acl_smtp_connect = on_connect
acl_smtp_rcpt = on_rcpt

begin acl
on_connect:
  deny condition = ${{if eq{{$received_ip_address}}{{{blocking_ip}}}}}
       message = $sender_host_address is listed at blocklist.kunde.example
  accept

on_rcpt:
  deny !domains = +own
       message = relay not permitted
  accept domains = eximcatch.example
  defer local_parts = full
       message = 452 4.2.2 The mailbox of $local_part is full
  deny local_parts = closed
       message = 550 5.2.1 The account of $local_part is disabled
  deny domains = eximfront.example
       !verify = recipient/callout=10s,defer_ok
  deny !verify = recipient
  accept

begin routers
behind:
  driver = manualroute
  domains = eximfront.example
  route_list = * {postfix_ip}
  transport = onward
users:
  driver = accept
  domains = exim.example
  local_parts = alice : bob
  transport = nowhere

begin transports
onward:
  driver = smtp
  port = {port}
  allow_localhost
nowhere:
  driver = appendfile
  file = /dev/null
  user = Debian-exim
"""


class Exim:
    def __init__(self, sandbox, root, ip, blocking_ip, postfix_ip):
        sandbox.make_folder("exim", owner="Debian-exim")
        sandbox.certificate("exim", "mx.exim.example", owner="Debian-exim")
        path = sandbox.write("exim.conf", CONFIG.format(
            folder=sandbox.folder, ip=ip, blocking_ip=blocking_ip, postfix_ip=postfix_ip,
            port=sandbox.smtp_port))
        self.log_path = sandbox.path("exim", "mainlog")
        process = sandbox.start("exim", os.path.join(root, "usr/sbin/exim4"), "-C", path, "-bdf",
                                environment=sandbox.unpacked_environment(root))
        sandbox.wait_for("Exim", lambda: answers_tcp(ip, sandbox.smtp_port), process)

    def complaints(self):
        """Exim notes what it finds odd about us: synchronization, unknown commands, a message."""
        if not os.path.exists(self.log_path):
            return []
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return [line.rstrip() for line in file
                    if any(word in line for word in ("protocol synchronization", "syntax or protocol",
                                                     " <= ", "panic", "unexpected disconnection"))]
