"""A population for the accuracy bench: a scenario of the lab, and addresses whose truth is known.

The same seed gives the same population, whatever the machine. Families and shares are rows
(families.py); within a family, kinds of addresses stand in exact proportion. Names of people come
from tests/score/names.tsv for the living and the dead alike, so that no name betrays its truth.
"""
import csv
import pathlib
import random
import re
from dataclasses import dataclass

from families import FAMILIES

ROOT = pathlib.Path(__file__).resolve().parents[2]

# What becomes of a message sent now.
TRUTHS = ("delivers", "restricted", "full", "unwise", "bounces")

# kind: truth, mailbox line of the scenario ("" for none; $L is the local part).
KINDS = {
    "live": ("delivers", "mailbox $L"),
    "gone": ("bounces", ""),
    "caught": ("delivers", ""),  # nobody's name, read all the same
    "dead": ("bounces", ""),
    "unwise": ("unwise", ""),
    "broken": ("bounces", ""),
    "disabled": ("bounces", "mailbox $L disabled"),
    "moved": ("bounces", "mailbox $L moved"),
    "forwards": ("delivers", "mailbox $L forwards"),
    "full": ("full", "mailbox $L full"),
    "restricted": ("restricted", "mailbox $L restricted"),
    "throttled": ("delivers", "mailbox $L throttled"),
    "gone_soft": ("bounces", "mailbox $L 450 4.1.1 <%r>: Recipient address rejected: User unknown in virtual alias table"),
    "gone_words": ("bounces", "mailbox $L $WORDS:gone"),
    "disabled_words": ("bounces", "mailbox $L $WORDS:disabled"),
    "full_words": ("full", "mailbox $L $WORDS:full"),
    "gone_corpus": ("bounces", "mailbox $L $CORPUS:mailbox_not_found"),
    "disabled_corpus": ("bounces", "mailbox $L $CORPUS:mailbox_disabled"),
    "full_corpus": ("full", "mailbox $L $CORPUS:mailbox_full"),
    "trap": ("delivers", "mailbox $L $TRAP"),
}

# Said of mailboxes that exist: published replies that a hasty reader takes for "no such user".
TRAPS = (
    "550 5.1.1 <%r> - <%i> has sent to too many recipients this hour. IB607",
    "550 5.2.1 Mailbox unavailable. Your IP address %i is blacklisted using SPAMHAUS-XBL",
    "550-Verification failed for <%s> | 550-No Such User Here | 550 Sender verify failed",
    "550 5.1.0 <%s> sender rejected. Refer to error codes section for more information. AUP#CDRBL",
    "550-Requested action not taken: mailbox unavailable | 550 Reject due to policy restrictions",
    "554 5.7.1 <%r>: Email flagged as Spam",
    "550 Mailbox unavailable or access denied",
    "550 5.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages",
    "550 permanent failure for one or more recipients (%r:blocked)",
    "451 4.1.7 <%s>: Sender address rejected: unverified address: Greylisting in action",
)

BROKEN = ("$F..$S@$D", ".$F@$D", "$F.$S", "$F.$S@", "$F $S@$D", "$F@@$D", "$F.$S@-$D", "$F.$S@mail_$D.", "@$D",
          "$F.$S@$D..", "$F,$S@$D", "$F.$S@[300.1.2.3]")

TRADES = ("bau", "consult", "design", "energy", "foods", "group", "labs", "law", "legal", "logistics", "media", "motors",
          "optics", "partners", "print", "research", "shop", "studio", "systems", "tech", "textil", "tours", "trade", "works")

# Real ones, because verifiers look endings up. The names are made up, and asked for in the lab alone.
ENDINGS = ("com", "com", "net", "org", "eu")


@dataclass(frozen=True)
class Address:
    address: str
    truth: str
    kind: str
    family: str


def quoted(reply):
    """A reply as it stands in a scenario: a word that looks like a comment is quoted."""
    return " ".join(f'"{word}"' if word.startswith("#") or '"' in word else word
                    for word in reply.replace('"', "'").split(" "))


def read_words():
    words = {}
    with open(pathlib.Path(__file__).with_name("words.tsv"), encoding="utf-8") as file:
        for line in file:
            if not line.startswith("#"):
                kind, _, text = line.rstrip("\n").split("\t")
                words.setdefault(kind, []).append(quoted(text))
    return words


def read_corpus():
    """Published replies to RCPT that belong to no operator, by class; examples in them become ours."""
    corpus = {}
    with open(ROOT / "tests/corpora/replies.dev.tsv", encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row["stage"] != "rcpt" or row["provider"] not in ("", "postfix", "exim", "sendmail", "qmail"):
                continue
            text = re.sub(r"user@example\.[a-z]+", "%r", row["text"].replace("%", "%%")).replace("192.0.2.1", "%i")
            if not text.isascii() or re.search(r"[\x00-\x1f]", text) or not row["code"].startswith("5"):
                continue
            lines = [f"{row['code']} {(row['enhanced'] + ' ') if row['enhanced'] else ''}{line}" for line in text.split(" | ")]
            corpus.setdefault(row["class"], []).append(quoted(" | ".join(lines)))
    return corpus


class Maker:
    def __init__(self, count, seed):
        self.random = random.Random(seed)
        self.count = count
        self.ip = 0
        self.domains = set()
        self.words, self.corpus = read_words(), read_corpus()
        rows = [line.split("\t") for line in (ROOT / "tests/score/names.tsv").read_text(encoding="utf-8").splitlines()
                if line and not line.startswith("#")]
        self.first = [row[0] for row in rows if row[1] == "g"]
        self.last = [row[0] for row in rows if row[1] != "g"]
        self.lines = []
        self.addresses = []
        self.turns = {}

    def next_ip(self):
        self.ip += 1
        return f"127.87.{1 + self.ip // 250}.{1 + self.ip % 250}"

    def in_turn(self, name, texts):
        """Every text as often as every other."""
        turn = self.turns.setdefault(name, [])
        if not turn:
            turn.extend(self.random.sample(range(len(texts)), len(texts)))
        return texts[turn.pop()]

    def person(self):
        return self.random.choice(self.first), self.random.choice(self.last)

    def local(self, how):
        first, last = self.person()
        number = self.random.randrange(10, 99)
        if how == "company":
            return self.random.choice((f"{first}.{last}", f"{first[0]}{last}", f"{first}.{last}", f"{first}"))
        if how == "impossible":
            return self.random.choice((f"{first[:2]}{number}", f"{first}_{last}", f"{first}-{last}"))
        if how == "gmail":
            return f"{first}.{last}{number}"[:30].rstrip(".")
        if how == "apple":
            return f"{first}{number}{last}"[:20]
        if how == "netease":
            return f"{first}{number}{last}xyz"[:16]
        return f"{first}.{last}{number}"[-32:]

    def domain(self):
        while True:
            name = f"{self.random.choice(self.last)}-{self.random.choice(TRADES)}.{self.random.choice(ENDINGS)}"
            if name not in self.domains:
                self.domains.add(name)
                return name

    def filled(self, text, local=""):
        """Placeholders of a mailbox line or a behaviour."""
        def texts(match):
            source = {"WORDS": self.words, "CORPUS": self.corpus}[match[1]]
            return self.in_turn(match[0], source[match[2]])
        text = text.replace("$L", local)
        if "$TRAP" in text:
            text = text.replace("$TRAP", self.in_turn("traps", [quoted(trap) for trap in TRAPS]))
        return re.sub(r"\$(WORDS|CORPUS):(\w+)", texts, text)

    def kinds(self, family, count):
        """So many kinds, in proportion, in random order."""
        total = sum(family.kinds.values())
        exact = [(kind, count * weight / total) for kind, weight in family.kinds.items()]
        kinds = [kind for kind, share in exact for _ in range(int(share))]
        for kind, _ in sorted(exact, key=lambda e: -(e[1] - int(e[1])))[:count - len(kinds)]:
            kinds.append(kind)
        self.random.shuffle(kinds)
        return kinds

    def members(self, family, domain, kinds):
        """Addresses of one domain; returns its mailbox lines."""
        boxes, taken = [], set()
        for kind in kinds:
            if kind == "broken":
                first, last = self.person()
                text = self.in_turn("broken", BROKEN).replace("$F", first).replace("$S", last).replace("$D", domain)
                self.addresses.append(Address(text, KINDS[kind][0], kind, family.name))
                continue
            local = self.local(family.local)
            while local in taken or local.replace(".", "") in taken:
                local = self.local(family.local)
            taken |= {local, local.replace(".", "")}
            self.addresses.append(Address(f"{local}@{domain}", KINDS[kind][0], kind, family.name))
            if KINDS[kind][1]:
                boxes.append("  " + self.filled(KINDS[kind][1], f"{local}@{domain}"))
        return boxes

    def family(self, family, count):
        kinds = self.kinds(family, count)
        number = len(family.names) if family.names else max(1, round(count / family.size))
        number = min(number, count)
        shared_boxes, shared_domains = [], []
        for i in range(number):
            domain = family.names[i] if family.names else self.domain()
            boxes = self.members(family, domain, kinds[i::number])
            if family.shared:
                shared_domains.append(domain)
                shared_boxes += boxes
            else:
                self.block(family.text, domain, f"{family.name}{i}", boxes)
        if family.shared:
            head, server = family.text.split("server ", 1)
            for domain in shared_domains:
                self.lines.append(head.replace("$D", domain))
            self.block("server " + server, "", "", shared_boxes)

    def block(self, text, domain, label, boxes):
        text = self.filled(text.replace("$D", domain).replace("$N", label)).replace("$BOXES", "\n".join(boxes))
        while "$IP" in text:
            text = text.replace("$IP", self.next_ip(), 1)
        self.lines.append(text)

    def make(self):
        total = sum(family.share for family in FAMILIES)
        exact = [(family, self.count * family.share / total) for family in FAMILIES]
        counts = {family.name: int(share) for family, share in exact}
        for family, _ in sorted(exact, key=lambda e: -(e[1] - int(e[1])))[:self.count - sum(counts.values())]:
            counts[family.name] += 1
        for family, _ in exact:
            if counts[family.name] > 0:
                self.family(family, counts[family.name])
        self.random.shuffle(self.addresses)


def make(count, seed, patience="quick", real=True):
    """Scenario text and addresses in the order of the list."""
    maker = Maker(count, seed)
    maker.make()
    settings = ["set helo probe.mailknock.example", "set second-mail-from probe@mailknock.example",
                f"set patience {patience}"]
    if real:
        settings += ["set timeout 60s", "set connect-timeout 10s"]
    # The visitors' own names, for servers and peers that look.
    settings.append("domain probe.mailknock.example\n  a 127.0.0.1\ndomain mailknock.example\n  mx 10 probe.mailknock.example")
    return "\n".join(settings + maker.lines) + "\n", maker.addresses
