"""`mailknock doctor` beside a lab: a host that is well, and one thing wrong at a time. Nothing leaves
the loopback interface: the resolvers are the lab's, so its mail servers are all there is."""
import json
import os
import re
import socket
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from program import lab, run, run_on_terminal  # noqa: E402

SOURCE = "127.0.61.9"
WELL = """
domain probe.doctor.example
  a 127.0.61.9
  txt "v=spf1 a -all"

domain 9.61.0.127.in-addr.arpa
  ptr probe.doctor.example

domain sender.doctor.example
  mx 10 mx.big.example
  txt "other text"
  txt "v=spf1 ip4:192.0.2.0/24 include:_spf.doctor.example -all"

domain _spf.doctor.example
  txt "v=spf1 ip4:127.0.61.0/28 ?all"

domain big.example
  mx 10 mx.big.example

domain large.example
  mx 10 mx.large.example

server mx.big.example 127.0.61.1
  mailbox ann

server mx.large.example 127.0.61.2
  mailbox ann
"""


def results(output):
    """Check name: its results, in order."""
    found = {}
    for finding in json.loads(output):
        assert set(finding) == {"check", "result", "detail", "why", "fix"}, finding
        assert finding["why"].endswith("."), finding
        assert finding["fix"] is not None or finding["result"] == "ok", finding
        found.setdefault(finding["check"], []).append(finding)
    return found


def doctor(opened, *more, resolver=None):
    options = ["doctor", "--resolver", resolver or opened.dns, "--port", opened.port,
               "--allow-net", "127.0.0.0/8", "--source-ip", SOURCE,
               "--helo", "probe.doctor.example", "--site", "big.example",
               "--site", "large.example", *more]
    return run(*options)


class Doctor(unittest.TestCase):
    def outcome(self, opened, *more, **named):
        status, out, err = doctor(opened, "--json", *more, **named)
        self.assertEqual(err, b"")
        return status, results(out)

    def expect(self, scenario, check, result, detail, *more, status=None):
        with lab(scenario) as opened:
            code, found = self.outcome(opened, *more)
        self.assertIn(check, found)
        matching = [f for f in found[check] if f["result"] == result and detail in f["detail"]]
        self.assertTrue(matching, found[check])
        if status is not None:
            self.assertEqual(code, status, found)
        return found

    def test_all_well(self):
        with lab(WELL) as opened:
            code, found = self.outcome(
                opened, "--mail-from", "bounce@sender.doctor.example", "--store",
                "sqlite:" + os.path.join(opened.folder.name, "new.db"), "--second-mail-from",
                "bounce@Sender.doctor.example", "--blocklist", "bl.example")
            shown = run_on_terminal(
                "doctor", "--resolver", opened.dns, "--port", opened.port, "--allow-net",
                "127.0.0.0/8", "--source-ip", SOURCE, "--helo", "probe.doctor.example",
                "--site", "big.example")
            with open(opened.log, encoding="utf-8") as file:
                log = file.read()
        # Whether this machine's kernel has Landlock is not for us to say.
        hardening, = found.pop("hardening")
        self.assertIn(hardening["result"], ("ok", "warning"))
        self.assertEqual({f["result"] for fs in found.values() for f in fs}, {"ok"}, found)
        self.assertEqual(code, 0)
        self.assertEqual(set(found), {
            "clock", "file_descriptors", "store", "resolver", "resolver_nxdomain",
            "public_resolver", "source_address", "helo_name", "reverse_dns", "reverse_dns_is_helo",
            "mail_from", "second_mail_from", "spf", "smtp_port", "blocklist"})
        self.assertEqual(len(found["smtp_port"]), 2)
        # Greeting and QUIT, and nothing else was said.
        self.assertEqual(log.count("QUIT"), 3, log)
        self.assertNotRegex(log, r"\b(EHLO|HELO|MAIL|RCPT)\b")
        self.assertEqual(shown[0], 0)
        self.assertIn(b"\x1b[32mok", shown[1])
        self.assertIn(b"This host can verify.", shown[1])
        lines = re.sub(rb"\x1b\[[0-9;]*m", b"", shown[1]).decode().splitlines()
        self.assertTrue(all(len(line) <= 80 for line in lines), lines)

    def test_egress_identities(self):
        with socket.socket() as taken, lab(WELL) as opened:
            taken.bind(("127.0.0.1", 0))  # and not listening
            proxy = f"127.0.0.1:{taken.getsockname()[1]}"
            code, found = self.outcome(
                opened, "--egress", f"source-ip={SOURCE}", "--egress",
                "source-ip=127.0.61.10 helo=second.doctor.example", "--egress", f"socks5={proxy}")
            status, _, err = doctor(opened, "--public-ip", "192.0.2.1", "--egress",
                                    f"source-ip={SOURCE}", "--egress", "source-ip=127.0.61.10")
            with open(opened.log, encoding="utf-8") as file:
                log = file.read()
        self.assertEqual((status, code), (2, 1), found)
        self.assertIn(b"one --egress at a time", err)
        names = (f"egress 1 ({SOURCE}): ", "egress 2 (127.0.61.10): ",
                 f"egress 3 (any via {proxy}): ")
        for check, wanted in (
                ("source_address", ({"ok"}, {"ok"}, {"not_checked"})),
                ("helo_name", ({"ok"}, {"failed"}, {"not_checked"})),
                ("reverse_dns", ({"ok"}, {"failed"}, set())),
                ("spf", ({"ok"}, {"warning"}, set())),
                ("smtp_port", ({"ok"}, {"ok"}, {"failed"}))):
            self.assertEqual(tuple({f["result"] for f in found[check]
                                    if f["detail"].startswith(name)} for name in names),
                             wanted, found[check])
        self.assertIn("can't be seen from here", found["source_address"][2]["detail"])
        # What is of the host and not of an identity is said once.
        self.assertEqual(len(found["clock"]), 1)
        self.assertEqual(log.count("QUIT"), 4, log)

    def test_names(self):
        for old, new, check, result, detail, status in (
                ("  ptr probe.doctor.example", "  ptr other.doctor.example", "reverse_dns",
                 "failed", "does not lead back", 1),
                ("domain 9.61.0.127", "domain 8.61.0.127", "reverse_dns", "failed",
                 "has no PTR record", 1),
                ("  ptr probe.doctor.example",
                 "  ptr mx.doctor.example\ndomain mx.doctor.example\n  a 127.0.61.9",
                 "reverse_dns_is_helo", "warning", "reverse DNS says mx.doctor.example", 0),
                ("  ptr probe.doctor.example", "  fault servfail", "reverse_dns", "not_checked",
                 "servfail", 3),
                ("  a 127.0.61.9", "  a 127.0.61.8", "helo_name", "warning", "another address", 1),
                ("domain probe.doctor.example\n  a 127.0.61.9", "domain probe.doctor.example",
                 "helo_name", "failed", "no address record", 1),
        ):
            with self.subTest(detail):
                self.assertIn(old, WELL)
                self.expect(WELL.replace(old, new, 1), check, result, detail, status=status)

    def test_spf(self):
        for old, new, result, detail in (
                ('"v=spf1 a -all"', '"v=spf1 -all"', "failed", "forbids"),
                ('"v=spf1 a -all"', '"v=spf1 ~all"', "warning", "distrusts"),
                ('"v=spf1 a -all"', '"v=spf1 mx"', "warning", "does not name"),
                ('"v=spf1 a -all"', '"nothing"', "warning", "no SPF record"),
                ('"v=spf1 a -all"', '"v=spf1 ip4:127.0.61.0/33 -all"', "failed", "broken"),
                ('"v=spf1 a -all"', '"v=spf1 include:probe.doctor.example -all"', "failed",
                 "broken"),  # itself
                ('"v=spf1 a -all"', '"v=spf1 exists:%{i}.x.example -all"', "not_checked",
                 "could not be followed"),
                ('"v=spf1 a -all"', '"v=spf1 redirect=_spf.doctor.example"', "ok", "allows"),
                ('"v=spf1 a -all"', '"v=spf1 a:mx.big.example/24 -all"', "ok", "allows"),
        ):
            with self.subTest(new):
                self.expect(WELL.replace(old, new, 1), "spf", result, detail)

    def test_senders(self):
        nothing = WELL + "\ndomain null.example\n  mx null\n"
        for sender, result, detail, status in (
                ("<>", "ok", "null sender", 0),
                ("a@null.example", "failed", "null MX", 1),
                ("a@nowhere.example", "failed", "no mail host", 1),
                ("a@probe.doctor.example", "ok", "takes mail at probe.doctor.example", 0)):
            with self.subTest(sender):
                self.expect(nothing, "mail_from", result, detail, "--mail-from", sender,
                            status=status)

    def test_a_resolver_that_lies(self):
        self.expect(WELL + "\ndomain *.com\n  a 127.0.61.3\n", "resolver_nxdomain", "failed",
                    "leads to 127.0.61.3", status=1)

    def test_no_resolver(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent, lab(WELL) as opened:
            silent.bind(("127.0.0.1", 0))
            address = "127.0.0.1:%d" % silent.getsockname()[1]
            begun = time.monotonic()
            code, found = self.outcome(opened, "--timeout", "2s", resolver=address)
            self.assertLess(time.monotonic() - begun, 20)
            self.assertEqual((code, found["resolver"][0]["result"]), (1, "failed"))
            self.assertIn("does not answer (timeout)", found["resolver"][0]["detail"])
            for check in ("reverse_dns", "helo_name", "spf", "smtp_port"):
                self.assertEqual(found[check][0]["result"], "not_checked", check)
            # One of two is not the end.
            code, found = self.outcome(opened, "--resolver", address)
            self.assertEqual((code, [f["result"] for f in found["resolver"]]), (0, ["ok", "warning"]))

    def test_ports(self):
        refusing = WELL.replace("server mx.large.example 127.0.61.2\n",
                                "server mx.large.example 127.0.61.2\n"
                                "  reply greeting 554 5.7.1 %i is on a list\n")
        self.expect(refusing, "smtp_port", "failed", "554 127.0.61.9 is on a list", status=1)
        nobody = WELL + "\ndomain mx.gone.example\n  a 127.0.61.77\n" \
                        "domain gone.example\n  mx 10 mx.gone.example\n"
        self.expect(nobody, "smtp_port", "warning", "no connection to mx.gone.example", "--site",
                    "gone.example", status=0)
        self.expect(WELL, "smtp_port", "not_checked", "nowhere.example", "--site",
                    "nowhere.example", status=3)
        with lab(nobody) as opened:
            status, out, _ = run(
                "doctor", "--json", "--resolver", opened.dns, "--port", opened.port, "--allow-net",
                "127.0.0.0/8", "--source-ip", SOURCE, "--helo", "probe.doctor.example", "--site",
                "gone.example")
        self.assertEqual((status, results(out)["smtp_port"][0]["result"]), (1, "failed"))

    def test_time_is_up(self):
        """What there was no time for is not called a failure."""
        slow = WELL + "\nserver mx.slow.example 127.0.61.5\n  behave delay connect 20s\n" \
                      "domain slow.example\n  mx 10 mx.slow.example\n"
        begun = time.monotonic()
        found = self.expect(slow, "smtp_port", "not_checked", "slow.example: the time was up",
                            "--site", "slow.example", "--timeout", "3s", status=3)
        self.assertLess(time.monotonic() - begun, 20)
        self.assertEqual([f["result"] for f in found["smtp_port"]], ["ok", "ok", "not_checked"])
        self.assertIn("--timeout", found["reverse_dns"][0]["fix"])

    def test_blocklists(self):
        zone = "\ndomain 9.61.0.127.bl.example\n  a %s\n  txt \"for a reason\"\n"
        for answer, result, detail, status in (
                ("127.0.0.2", "failed", "for a reason", 1),
                ("127.255.255.254", "not_checked", "refused the question", 3),
                ("192.0.2.1", "not_checked", "means nothing", 3)):
            with self.subTest(answer):
                self.expect(WELL + zone % answer, "blocklist", result, detail, "--blocklist",
                            "bl.example", status=status)

    def test_addresses_behind_a_translator(self):
        with lab(WELL) as opened:
            common = ("doctor", "--json", "--resolver", opened.dns, "--port", opened.port, "--helo",
                      "probe.doctor.example", "--site", "big.example")
            status, out, _ = run(*common, "--source-ip", "127.0.61.9")
            found = results(out)
            # Nothing of the lab may be connected to without --allow-net, and nothing is.
            self.assertEqual(found["smtp_port"][0]["result"], "not_checked")
            self.assertEqual(found["source_address"][0]["result"], "not_checked")
            self.assertIn("--public-ip", found["source_address"][0]["fix"])
            self.assertEqual(status, 3)
            status, out, _ = run(*common, "--public-ip", "8.8.4.4")
            self.assertIn("8.8.4.4 has no PTR record", results(out)["reverse_dns"][0]["detail"])
            self.assertEqual(status, 1)

    def test_store(self):
        with tempfile.TemporaryDirectory() as folder:
            bad = os.path.join(folder, "bad.db")
            with open(bad, "w", encoding="ascii") as file:
                file.write("this is a letter, not a database\n" * 100)
            self.expect(WELL, "store", "failed", "bad.db", "--store", "sqlite:" + bad, status=1)
            self.expect(WELL, "store", "failed", "nowhere", "--store",
                        "sqlite:" + os.path.join(folder, "nowhere", "x.db"), status=1)

    def test_usage(self):
        for words in (("--site", "not a name"), ("--blocklist", ".."), ("--public-ip", "here"),
                      ("--timeout", "0"), ("extra",), ("--no-ipv4", "--no-ipv6")):
            self.assertEqual(run("doctor", *words)[0], 2, words)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)
