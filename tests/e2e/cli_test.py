"""The command line as people and scripts meet it, without a network and against the lab."""
import contextlib
import csv
import json
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from program import BINARY, ROOT, environment, lab, run, run_on_terminal, start  # noqa: E402

COLOUR = re.compile(rb"\x1b\[[0-9;]*[mK]")


def objects(output):
    return [json.loads(line) for line in output.splitlines()]


class Words(unittest.TestCase):
    """Help, versions, slips of the keyboard."""

    def test_alone_it_shows_help(self):
        status, out, err = run()
        self.assertEqual((status, err), (2, b""))
        self.assertIn(b"mailknock check someone@example.org", out)

    def test_help_everywhere(self):
        status, listing, err = run("--help")
        self.assertEqual((status, err), (0, b""))
        commands = re.findall(rb"^  ([a-z]+) ", listing.split(b"Commands")[1], re.M)
        commands = [c.decode() for c in commands if c != b"mailknock"]
        self.assertIn("check", commands)
        for command in commands:
            for words in ((command, "--help"), ("help", command), ("--help", command)):
                status, out, err = run(*words)
                self.assertEqual((status, err), (0, b""), words)
                self.assertTrue(out.startswith(f"Usage: mailknock {command} ".encode()), out[:80])
        self.assertRegex(run("--version")[1], rb"^mailknock \d+\.\d+\.\d+\n$")

    def test_slips(self):
        for words, said in (
                (("chekc",), "did you mean 'check'"),
                (("a@example.org",), "mailknock check ADDRESS"),
                (("check", "--resolvre", "192.0.2.1", "a@b.example"), "did you mean --resolver"),
                (("check", "--depth=deep", "a@b.example"), "one of syntax, dns, smtp"),
                (("check", "--timeout", "0", "a@b.example"), "from 1s to 1h"),
                (("check", "--resolver", "dns.example", "a@b.example"), "no IP address"),
                (("check", "--helo", "localhost", "a@b.example"), "public name"),
                (("check", "--mail-from", "me", "a@b.example"), "no address"),
                (("check", "--port"), "--port N"),
                (("check", "--no-json=yes", "a@b.example"), "takes no value"),
                (("check",), "mailknock check ADDRESS"),
                (("check", "--config", "/nowhere/x.conf", "a@b.example"), "No such file"),
                (("check", "--block", "/nowhere/list", "--depth", "syntax", "a@b.example"),
                 "can't read the list"),
                (("--json", "check"), "COMMAND --json"),
                (("classify", "x"), "one argument too many"),
                (("config", "shwo"), "did you mean 'show'"),
                (("lists", "provider", "goggle"), "did you mean 'google'"),
                (("\x1b[31mred",), "\\x1b"),
        ):
            status, out, err = run(*words)
            text = " ".join(err.decode().split())
            self.assertIn(status, (1, 2), words)
            self.assertEqual(out, b"", words)
            self.assertTrue(text.startswith("mailknock: "), text)
            self.assertIn(said, text)
            self.assertNotIn(b"\x1b", err)

    def test_output_that_cannot_be_written(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([BINARY, "config", "default"], stdout=full,
                                  stderr=subprocess.PIPE, env=environment(), timeout=30)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"No space left", done.stderr)


class Configuration(unittest.TestCase):
    def test_the_example_is_what_the_tables_say(self):
        status, out, _ = run("config", "default")
        self.assertEqual(status, 0)
        self.assertEqual(out, (ROOT / "examples/mailknock.conf").read_bytes(),
                         "run: mailknock config default > examples/mailknock.conf")

    def test_the_example_is_well_formed_with_everything_switched_on(self):
        """Every option of the example, its comment sign taken away, is understood."""
        values = {"helo": "probe.example.org", "second-mail-from": "probe@example.org",
                  "source-ip": "127.0.0.1", "egress": "source-ip=127.0.0.1",
                  "resolver": "127.0.0.1:5353",
                  "allow-net": "127.0.0.0/8", "store": "sqlite:/tmp/x.db",
                  "domain-blocklist": "dbl.example.org=127.0.1.2-127.0.1.99",
                  "mx-blocklist": "bl.example.org"}
        lines, names = [], []
        for line in (ROOT / "examples/mailknock.conf").read_text().splitlines():
            option = re.match(r"#([a-z0-9-]+) = (.*)", line)
            if option:
                name, value = option.groups()
                names.append(name)
                value = "/dev/null" if value in ("FILE", "PATH") else values.get(name, value)
                line = f"{name} = {value}"
            lines.append(line)
        self.assertGreater(len(names), 30)
        self.assertEqual(len(names), len(set(names)))
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write("\n".join(lines))
            file.flush()
            status, out, err = run("config", "show", "--config", file.name)
            self.assertEqual((status, err), (0, b""))
            self.assertIn(b"helo = probe.example.org\n", out)
            self.assertIn(b"egress = (secret)\n", out)
            out = out.replace(b"egress = (secret)\n", b"")
            # What is shown, secrets aside, is a file that gives the same again.
            with tempfile.NamedTemporaryFile("wb", suffix=".conf") as again:
                again.write(out)
                again.flush()
                shown = run("config", "show", "--config", again.name)[1]
            self.assertEqual(out.split(b"\n", 1)[1], shown.split(b"\n", 1)[1])

    def test_flags_win_over_environment_over_file(self):
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write("timeout = 10s\npatience = quick\nport = 26\nresolver = 192.0.2.1\n")
            file.flush()
            env = environment(MAILKNOCK_CONFIG=file.name, MAILKNOCK_PATIENCE="patient",
                              MAILKNOCK_PORT="27", MAILKNOCK_RESOLVER="192.0.2.2 192.0.2.3")
            out = run("config", "show", "--port", "28", env=env)[1].decode()
        for line in ("timeout = 10s", "patience = patient", "port = 28", "resolver = 192.0.2.2",
                     "resolver = 192.0.2.3"):
            self.assertIn(line + "\n", out)
        self.assertNotIn("192.0.2.1\n", out)

    def test_check_finds_what_nobody_reads(self):
        status, _, err = run("config", "check", "--depth", "dns",
                             env=environment(MAILKNOCK_TIMEOTU="5s"))
        self.assertEqual(status, 2)
        self.assertIn(b"MAILKNOCK_TIMEOTU", err)
        self.assertEqual(run("config", "check", "--helo", "probe.example.org")[0], 0)


class Completion(unittest.TestCase):
    def complete(self, *words):
        """What bash offers for the last word."""
        script = ('source <("$0" completion bash); COMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); '
                  '_mailknock; printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "-c", script, BINARY, *words], capture_output=True,
                              env=environment(), timeout=30, text=True)
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_bash(self):
        self.assertEqual(self.complete("mailknock", "che"), ["check"])
        self.assertIn("--explain", self.complete("mailknock", "check", "--e"))
        self.assertIn("--no-catch-all", self.complete("mailknock", "check", "--no-"))
        self.assertEqual(self.complete("mailknock", "check", "--depth", ""),
                         ["syntax", "dns", "smtp"])
        self.assertEqual(self.complete("mailknock", "check", "--depth", "=", "d"), ["dns"])
        self.assertEqual(self.complete("mailknock", "check", "--depth", "="),
                         ["syntax", "dns", "smtp"])
        self.assertEqual(self.complete("mailknock", "config", "d"), ["default"])
        self.assertIn("/dev/null", self.complete("mailknock", "check", "--config", "/dev/nul"))
        self.assertNotIn("--patience", self.complete("mailknock", "classify", "--"))

    def test_fish(self):
        """Read by fish itself, where it is installed; its quotes are read by sh, too."""
        status, out, _ = run("completion", "fish")
        self.assertEqual(status, 0)
        lines = [line for line in out.decode().splitlines() if not line.startswith("#")]
        self.assertGreater(len(lines), 100)
        for line in lines:
            words = shlex.split(line.replace("\\'", "'\\''"))
            self.assertEqual(words[:3], ["complete", "-c", "mailknock"], line)
        if shutil.which("fish") is None:
            self.skipTest("there is no fish (tools/install-deps test)")
        for typed, offered in (("mailknock che", "check"), ("mailknock check --expl", "--explain"),
                               ("mailknock check --depth ", "smtp"), ("mailknock config d", "default")):
            done = subprocess.run(["fish", "--no-config", "-c", f"source -; complete -C '{typed}'"],
                                  input=out.decode(), capture_output=True, text=True, timeout=30, env=environment())
            self.assertEqual(done.stderr, "")
            self.assertIn(offered, [line.split("\t")[0] for line in done.stdout.splitlines()], typed)

    def test_zsh_is_quoted_right(self):
        """The specifications hold no quote that ends too early: sh can read them as well."""
        status, out, _ = run("completion", "zsh")
        self.assertEqual(status, 0)
        self.assertTrue(out.startswith(b"#compdef mailknock\n"))
        quoted = [line.strip().removesuffix("\\").removesuffix(";;").strip()
                  for line in out.decode().splitlines() if line.strip().startswith("'")]
        self.assertGreater(len(quoted), 50)
        script = "".join(f"set -- {words}\necho $#\n" for words in quoted)
        done = subprocess.run(["bash"], input=script, capture_output=True, text=True, timeout=30)
        wrong = [words for words, count in zip(quoted, done.stdout.split()) if count != "1"]
        self.assertEqual((wrong, done.stderr), ([], ""))


class Syntax(unittest.TestCase):
    """Whatever stands where an address should: a diagnosis."""

    def test_bad_input(self):
        for address, diagnosis in (
                ("", "empty"), ("a", "no_at"), ("a@b\r\nRCPT TO:<x@y.example>", None),
                ("a\n@example.org", None), ("x" * 100000 + "@example.org", None),
                ("a@" + "b" * 100000, None), (" a@example.org", None), ("@", None), ("-", None)):
            words = ["check", "--depth", "syntax", "--json", "--", address]
            if address == "-":
                words.insert(-1, "x")
            status, out, err = run(*words)
            self.assertEqual((status, err), (1, b""), address[:40])
            result = objects(out)[0]
            self.assertEqual((result["status"], result["reason"]), ("invalid", "bad_syntax"))
            self.assertFalse(result["syntax"]["valid"])
            if diagnosis:
                self.assertEqual(result["syntax"]["diagnosis"], diagnosis)

    def test_bad_bytes_from_standard_input(self):
        lines = [b"a\0b@example.org", b"\xff\xfe@example.org", b"a" * 1_000_000,
                 b"b@" + b"c" * 3_000_000, b"a\x1b[31m@example.org", b"\r",
                 b"good@example.org\r", b"", b"last@example.org"]
        status, out, err = run("check", "--depth", "syntax", "--json", "-",
                               given=b"\n".join(lines))
        self.assertEqual((status, err), (1, b""))
        results = objects(out)
        self.assertEqual([r["reason"] for r in results],
                         ["bad_syntax"] * 5 + ["not_probed"] * 2)
        self.assertEqual([r["address"] for r in results[5:]],
                         ["good@example.org", "last@example.org"])

    def test_order_is_kept(self):
        given = "".join(f"user{i}@example{i % 7}.org\n" for i in range(20000))
        status, out, _ = run("check", "--depth", "syntax", "-", given=given.encode())
        self.assertEqual(status, 3)
        self.assertEqual([line.split(b"\t")[0].decode() for line in out.splitlines()],
                         given.split())

    def test_a_pipe_is_answered_as_it_comes(self):
        child = start("check", "--depth", "syntax", "-", stdin=subprocess.PIPE,
                      stdout=subprocess.PIPE)
        for name in (b"one", b"two", b"three"):
            child.stdin.write(name + b"@example.org\n")
            child.stdin.flush()
            self.assertTrue(child.stdout.readline().startswith(name))
        child.stdin.close()
        self.assertEqual(child.wait(timeout=30), 3)
        child.stdout.close()

    def test_a_reader_that_goes_away_ends_it(self):
        child = start("check", "--depth", "syntax", "-", stdin=subprocess.PIPE,
                      stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        child.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            for _ in range(100000):
                child.stdin.write(b"someone@example.org\n")
        with contextlib.suppress(BrokenPipeError):
            child.stdin.close()
        self.assertEqual(child.wait(timeout=30), 2)
        self.assertEqual(child.stderr.read(), b"")
        child.stderr.close()


class Classify(unittest.TestCase):
    def test_a_line_for_a_line(self):
        lines = [b"550 5.1.1 no such user", b"", b"\0\0\0", b"hello", b"550" + b" x" * 300000,
                 b"\xff\xfe\t\t", b"stage=rcpt\t", b"stage=rcpt\tprovider=" + b"y" * 1000 + b"\t250",
                 b"mx=GMAIL-SMTP-IN.L.GOOGLE.COM.\t550-5.1.1 gone | 550 5.1.1 away",
                 b"stage=mail\t550 no such user", b"stage=nowhere\t550 x", b"250 ok"]
        status, out, err = run("classify", given=b"\n".join(lines))
        self.assertEqual((status, err), (0, b""))
        results = objects(out)
        self.assertEqual(len(results), len(lines))
        fields = ["code", "enhanced", "class", "status", "reason", "rule", "confidence", "action",
                  "retry_after", "explanation"]
        for result in results:
            self.assertEqual(list(result), fields)
        self.assertEqual(results[0]["reason"], "mailbox_not_found")
        self.assertEqual(results[0]["enhanced"], "5.1.1")
        self.assertEqual(results[8]["status"], "invalid")
        self.assertEqual(results[9]["status"], "unknown")  # nobody has heard of a recipient yet
        self.assertEqual(results[11]["class"], "accepted")
        for index in (1, 2, 3, 5, 6, 10):
            self.assertEqual(results[index]["class"], "protocol_error", index)

    def test_a_pipe_is_answered_as_it_comes(self):
        child = start("classify", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        child.stdin.write(b"450 4.2.0 Greylisted\n")
        child.stdin.flush()
        self.assertEqual(json.loads(child.stdout.readline())["class"], "greylisted")
        child.stdin.close()
        self.assertEqual(child.wait(timeout=30), 0)
        child.stdout.close()


class Lists(unittest.TestCase):
    def test_what_matches(self):
        with tempfile.NamedTemporaryFile("w") as block:
            block.write("bad.example\n")
            block.flush()
            out = run("lists", "lookup", "--json", "--block", block.name, "info@mailinator.com",
                      "x.bad.example", "gmail.com")[1]
        found = objects(out)
        self.assertIn("disposable", found[0]["builtin"])
        self.assertIn("role", found[0]["builtin"])
        self.assertEqual(found[1]["operator"], ["block"])
        self.assertIn("free", found[2]["builtin"])

    def test_providers(self):
        for name in ("gmail.com", "google", "gmail-smtp-in.l.google.com", "someone@GMAIL.com"):
            out = run("lists", "provider", "--json", name)[1]
            self.assertEqual(objects(out)[0]["name"], "google", name)
        self.assertGreater(len(run("lists", "provider")[1].splitlines()), 100)
        counts = objects(run("lists", "stats", "--json")[1])[0]
        self.assertGreater(counts["disposable"], 100000)


BLOCKED = """
domain closed.example
  mx 10 mx.closed.example
domain shut.example
  mx 10 mx.shut.example
server mx.closed.example 127.0.9.1
  behave down
server mx.shut.example 127.0.9.2
  behave down
"""


class AgainstTheLab(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = cls.enterClassContext(lab(ROOT / "examples/demo.scenario"))
        with open(ROOT / "examples/customers.csv", encoding="utf-8") as rows:
            cls.customers = [row["email"] for row in csv.DictReader(rows)]
        with open(ROOT / "examples/customers.expected.csv", encoding="utf-8") as rows:
            cls.expected = {row["email"]: (row["status"], row["reason"])
                            for row in csv.DictReader(rows)}

    def check(self, *words, given=b""):
        return run("check", "--config", self.lab.config, *words, given=given)

    def test_every_customer(self):
        status, out, err = self.check("--json", "-", given="\n".join(self.customers).encode())
        self.assertEqual((status, err), (1, b""))
        results = objects(out)
        self.assertEqual(len(results), len(self.customers))
        wrong = [(r["address"], r["status"], r["reason"], self.expected.get(r["address"]))
                 for r in results
                 if self.expected.get(r["address"]) != (r["status"], r["reason"])]
        self.assertEqual(wrong, [])

    def test_exit_statuses(self):
        good, bad, nobody_knows = ("amara.okafor.demo@gmail.com", "nobody.demo.zz@gmail.com",
                                   "demo_walter_h@yahoo.com")
        for addresses, status in (([good], 0), ([bad], 1), ([nobody_knows], 3), ([good, bad], 1),
                                  ([good, nobody_knows], 3), ([bad, nobody_knows], 1)):
            got, out, err = self.check(*addresses)
            self.assertEqual((got, err), (status, b""), addresses)
            self.assertEqual([line.split(b"\t")[0].decode() for line in out.splitlines()],
                             addresses)

    def test_explained(self):
        status, out, _ = self.check("--explain", "amara.okafor.demo@gmail.com")
        text = out.decode()
        self.assertEqual(status, 0)
        for words in ("✓ syntax", "✓ domain", "✓ mailbox", "DNS answers", "  MX    gmail.com",
                      "S: 220 mx.google.com", "C: RCPT TO:<amara.okafor.demo@gmail.com>"):
            self.assertIn(words, text)

    def test_evidence(self):
        result = objects(self.check("--json", "--evidence", "amara.okafor.demo@gmail.com")[1])[0]
        self.assertIn("RCPT TO", result["evidence"]["attempts"][0]["transcript"])
        self.assertIn("MX", [answer["type"] for answer in result["evidence"]["dns"]])

    def test_on_a_terminal(self):
        for columns in (80, 140):
            status, shown = run_on_terminal(
                "check", "--config", self.lab.config, *self.customers[:12],
                "reader@quietriver.example", columns=columns)
            self.assertIn(status, (1, 3))
            self.assertIn(b"\x1b[32mvalid", shown)
            self.assertIn(b"of 13 done", shown)  # it takes long: a word about progress
            plain = COLOUR.sub(b"", shown).replace(b"\r", b"\n").decode()
            self.assertNotIn("\x1b", plain)
            self.assertLessEqual(max(len(line) for line in plain.split("\n")), columns)
        _, shown = run_on_terminal("check", "--config", self.lab.config, self.customers[0],
                                   env=environment(NO_COLOR="1"))
        self.assertNotIn(b"\x1b[3", shown)

    def test_interrupted(self):
        """What is known is printed, the rest is cancelled, nobody waits."""
        child = start("check", "--config", self.lab.config, "--patience", "normal", "--json",
                      "amara.okafor.demo@gmail.com", "tea@patientpost.example",
                      stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        first = json.loads(child.stdout.readline())
        self.assertEqual(first["status"], "valid")
        began = time.monotonic()
        child.send_signal(signal.SIGINT)
        rest, err = child.communicate(timeout=30)
        self.assertLess(time.monotonic() - began, 10)
        second = json.loads(rest)
        self.assertEqual(second["address"], "tea@patientpost.example")
        self.assertNotIn(second["status"], ("valid", "invalid"))
        self.assertEqual((child.returncode, err), (3, b""))

    def test_nothing_bad_reaches_the_wire(self):
        with lab(ROOT / "examples/demo.scenario") as quiet:
            bad = [b"a\rRCPT TO:<x@y.example>@gmail.com", b"a\0@gmail.com", b"\xff@gmail.com",
                   b"<a@gmail.com>", b"a@gmail.com>", b"x" * 1_000_000 + b"@gmail.com",
                   b"\"a\x0b\"@gmail.com"]
            status, out, _ = run("check", "--config", quiet.config, "--json", "-",
                                 given=b"\n".join(bad))
            self.assertEqual(status, 1)
            self.assertEqual({r["reason"] for r in objects(out)}, {"bad_syntax"})
            with open(quiet.log, "rb") as log:
                self.assertNotIn(b"RCPT", log.read())


class TroublesOfOurs(unittest.TestCase):
    """What goes wrong for every address is said once, not in every line only."""

    def test_no_resolver(self):
        status, out, err = run("check", "--depth", "dns", "--resolver", "127.0.0.1:9",
                               "a@example.org", "b@example.net", "c@example.com")
        self.assertEqual(status, 3)
        self.assertEqual(out.count(b"dns_error"), 3)
        self.assertEqual(err.count(b"mailknock:"), 1)
        self.assertIn(b"--resolver", err)

    def test_port_closed(self):
        with lab(BLOCKED) as shut:
            status, out, err = run("check", "--config", shut.config, "--timeout", "20s",
                                   "a@closed.example", "b@shut.example")
        self.assertEqual(status, 3)
        self.assertEqual(out.count(b"connect_failed"), 2)
        self.assertEqual(err.count(b"mailknock:"), 1)
        self.assertIn(b"blocked", err)

    def test_no_name_to_say(self):
        """This host may have a name; otherwise its address is said, and that is told."""
        status, out, err = run("config", "check")
        self.assertEqual(status, 0)
        self.assertEqual(b"EHLO [" in out, b"--helo" in err)

    def test_fewer_descriptors_than_connections(self):
        """What can't be had is said, with what to raise."""
        def told(connections, hard):
            done = subprocess.run(
                [BINARY, "config", "check", "--helo", "probe.example.org", "--connections", connections],
                capture_output=True, text=True, timeout=60, env=environment(),
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard)))
            self.assertEqual(done.returncode, 0, done.stderr)
            return " ".join(done.stderr.split())

        self.assertEqual(told("200", 1000), "")
        self.assertRegex(told("50000", 1000), r"descriptors do for 9\d\d connections at a time, not for "
                         r"the 50000 of --connections: raise the limit of open files .*LimitNOFILE")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
