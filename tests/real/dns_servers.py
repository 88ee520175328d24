"""NSD as the root of a made-up internet, Unbound as the resolver that asks it."""

import socket
import struct

from sandbox import Trouble, free_port

NSD_CONF = """
server:
    ip-address: {ip}@{port}
    server-count: 1
    do-ip6: no
    username: ""
    chroot: ""
    database: ""
    pidfile: ""
    zonesdir: "{folder}"
    xfrdfile: "{folder}/xfrd.state"
    zonelistfile: "{folder}/zone.list"
    xfrdir: "{folder}"
remote-control:
    control-enable: no
zone:
    name: "."
    zonefile: "{zone}"
"""

# Everything is asked of NSD, which owns the root; .example and 127/8 are no exceptions.
UNBOUND_CONF = """
server:
    interface: {ip}@{port}
    access-control: 0.0.0.0/0 allow
    do-ip6: no
    do-daemonize: no
    username: ""
    chroot: ""
    directory: "{folder}"
    pidfile: ""
    use-syslog: no
    log-servfail: yes
    module-config: "iterator"
    root-hints: ""
    do-not-query-localhost: no
    qname-minimisation: no
    infra-host-ttl: 5
    local-zone: "127.in-addr.arpa." nodefault
    local-zone: "test." nodefault
    local-zone: "10.in-addr.arpa." nodefault
remote-control:
    control-enable: no
stub-zone:
    name: "."
    stub-addr: {nsd_ip}@{nsd_port}
    stub-prime: no
    stub-no-cache: no
"""

ZONE_HEAD = """$ORIGIN .
$TTL 300
. SOA ns.root.example. hostmaster.root.example. 1 3600 900 86400 60
. NS ns.root.example.
ns.root.example. A {ip}
"""


def question(name, record_type=1):
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return struct.pack("!6H", 4711, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", record_type, 1)


def answers(ip, port, name):
    """Whether a server answers with NOERROR and a record."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(1)
        try:
            udp.connect((ip, port))
            udp.send(question(name))
            answer = udp.recv(4096)
        except OSError:
            return False
        return len(answer) > 12 and answer[3] & 15 == 0 and answer[7] > 0


class Dns:
    """Zones given as master file lines; `port` is where to ask."""

    def __init__(self, sandbox, records):
        self.nsd_ip = sandbox.ip(253)
        self.ip = sandbox.ip(254)
        self.port = 53 if sandbox.sealed else free_port()
        nsd_port = 53 if sandbox.sealed else free_port()
        zone = sandbox.write("root.zone", ZONE_HEAD.format(ip=self.nsd_ip) + "\n".join(records) + "\n")
        conf = sandbox.write("nsd.conf", NSD_CONF.format(
            ip=self.nsd_ip, port=nsd_port, folder=sandbox.folder, zone=zone))
        nsd = sandbox.start("nsd", "nsd", "-d", "-c", conf)
        sandbox.wait_for("NSD", lambda: answers(self.nsd_ip, nsd_port, "ns.root.example"), nsd)
        conf = sandbox.write("unbound.conf", UNBOUND_CONF.format(
            ip=self.ip, port=self.port, folder=sandbox.folder, nsd_ip=self.nsd_ip, nsd_port=nsd_port))
        unbound = sandbox.start("unbound", "unbound", "-d", "-c", conf)
        sandbox.wait_for("Unbound", lambda: answers(self.ip, self.port, "ns.root.example"), unbound)
        if sandbox.sealed:
            sandbox.use_resolver(self.ip)


def reverse(ip):
    return ".".join(reversed(ip.split(".")))


__all__ = ["Dns", "Trouble", "reverse"]
