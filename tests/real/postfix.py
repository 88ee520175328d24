"""One private Postfix whose smtpd services differ, each on an address of its own."""

import os
import re

from sandbox import answers_tcp, run

MAIN_CF = """
compatibility_level = 3.6
config_directory = {folder}/postfix
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/postfix-mail.log
maillog_file_prefixes = {folder}
myhostname = mx.kontor.example
mydestination =
mynetworks =
inet_interfaces = all
inet_protocols = ipv4
smtpd_peername_lookup = {sealed}
smtp_host_lookup = dns
alias_maps =
local_recipient_maps =
recipient_delimiter = +
smtputf8_enable = yes
disable_vrfy_command = yes
virtual_mailbox_domains = texthash:{folder}/domains
virtual_mailbox_maps = texthash:{folder}/mailboxes
virtual_alias_maps = texthash:{folder}/aliases
virtual_transport = discard
relocated_maps = texthash:{folder}/relocated
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions = check_recipient_access texthash:{folder}/recipients
smtpd_client_event_limit_exceptions =
smtpd_tls_security_level = may
smtpd_tls_chain_files = {folder}/mx.pem
smtpd_tls_loglevel = 1
smtpd_tls_session_cache_database =
postscreen_access_list =
postscreen_cache_map =
postscreen_greet_wait = 2s
postscreen_greet_action = enforce
"""

MASTER_CF = """
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
tlsproxy unix - - n - 0 tlsproxy
dnsblog unix - - n - 0 dnsblog
smtpd pass - - n - - smtpd
"""

# What each service does otherwise than the plain one. {...} are filled in from `values`.
SERVICES = {
    "plain": {},
    "clear": {"smtpd_tls_security_level": "none"},
    "tls": {"smtpd_tls_security_level": "encrypt"},
    # Three recipients a message, and the connection ends with the second wrong one.
    "limits": {"smtpd_recipient_limit": "3", "smtpd_recipient_overshoot_limit": "1",
               "smtpd_soft_error_limit": "1", "smtpd_hard_error_limit": "2",
               "smtpd_error_sleep_time": "1s", "smtpd_junk_command_limit": "5"},
    # No PIPELINING, no ENHANCEDSTATUSCODES, no STARTTLS: an old server.
    "old": {"smtpd_discard_ehlo_keywords": "pipelining,enhancedstatuscodes,starttls,size,8bitmime,"
                                           "smtputf8,dsn,chunking"},
    "no_ehlo": {"smtpd_command_filter": "regexp:{folder}/no_ehlo"},
    "null_sender": {"smtpd_sender_restrictions": "check_sender_access texthash:{folder}/senders"},
    "blocklist": {"smtpd_client_restrictions": "{blocklist}"},
    "greeting": {"smtpd_client_restrictions": "{blocklist}", "smtpd_delay_reject": "no"},
    "helo": {"smtpd_helo_required": "yes",
             "smtpd_helo_restrictions": "check_helo_access texthash:{folder}/helos"},
    "grey": {"smtpd_recipient_restrictions": "check_policy_service inet:127.0.0.1:{grey_port}"},
    "grey_forever": {"smtpd_recipient_restrictions":
                     "check_policy_service inet:127.0.0.1:{forever_port}"},
    "refuse_all": {"smtpd_recipient_restrictions": "reject"},
    "defer_all": {"smtpd_recipient_restrictions": "defer"},
    "auth": {"smtpd_recipient_restrictions":
             "check_recipient_access static:{{530 5.7.0 Authentication required}}"},
    "lookup": {"smtpd_recipient_restrictions":
               "check_recipient_access texthash:{folder}/no-such-table"},
    "broken_policy": {"smtpd_recipient_restrictions":
                      "check_policy_service unix:{folder}/nobody-listens"},
}

COMPLAINT = re.compile(r"improper command pipelining|non-SMTP command|PREGREET|fatal:|panic:")


class Postfix:
    def __init__(self, sandbox, addresses, tables, values):
        """addresses: service name to IP; tables: file name to lines; values: for SERVICES."""
        self.sandbox = sandbox
        folder = sandbox.folder
        sandbox.certificate("mx", "mx.kontor.example")
        with open(sandbox.path("mx.key")) as key, open(sandbox.path("mx.crt")) as certificate:
            sandbox.write("mx.pem", key.read() + certificate.read(), 0o600)
        for name, lines in tables.items():
            sandbox.write(name, "\n".join(lines) + "\n")
        config = sandbox.make_folder("postfix")
        sandbox.make_folder("queue")
        sandbox.make_folder("data", owner="postfix")
        sandbox.write("postfix/main.cf", MAIN_CF.format(
            folder=folder, sealed="yes" if sandbox.sealed else "no"))
        sandbox.write("postfix/master.cf", MASTER_CF + self.services(addresses, values))
        process = sandbox.start("postfix", "postfix", "-c", config, "start-fg")
        sandbox.ends.append(self.stop)
        for name, ip in addresses.items():
            sandbox.wait_for(f"Postfix ({name})", lambda ip=ip: answers_tcp(ip, sandbox.smtp_port),
                             process)

    def services(self, addresses, values):
        lines = []
        for name, ip in addresses.items():
            screened = name == "screen"
            lines.append(f"{ip}:{self.sandbox.smtp_port} inet n - n - {1 if screened else '-'} "
                         f"{'postscreen' if screened else 'smtpd'}")
            for option, value in SERVICES.get(name, {}).items():
                value = value.format(folder=self.sandbox.folder, **values)
                lines.append(f"  -o {{ {option} = {value} }}")
        return "\n".join(lines) + "\n"

    def stop(self):
        try:
            run("postfix", "-c", self.sandbox.path("postfix"), "abort")
        except Exception as trouble:  # it may have ended by itself
            print(f"real: stopping Postfix: {trouble}")

    def log_lines(self):
        path = self.sandbox.path("postfix-mail.log")
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()

    def complaints(self):
        """What its log says against us: mail sent, commands out of turn, leaving without QUIT."""
        lines = self.log_lines()
        bad = [line for line in lines if COMPLAINT.search(line)]
        thrown_out = sum("too many errors" in line for line in lines)
        for line in lines:
            counts = dict(re.findall(r"(\w+)=([\d/]+)", line)) if "disconnect from" in line else {}
            if "data" in counts or "bdat" in counts:
                bad.append(line)
            elif "mail" in counts and "quit" not in counts:
                thrown_out -= 1  # by Postfix, or else it was we who left
                if thrown_out < 0:
                    bad.append(line)
        return bad

    def visits(self):
        return sum("disconnect from" in line for line in self.log_lines())
