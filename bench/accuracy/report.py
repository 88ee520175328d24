"""What a verifier made of a population: figures, and how they are shown."""
from collections import Counter, defaultdict

from families import FAMILIES
from population import TRUTHS

STATUSES = ("valid", "invalid", "catch_all", "do_not_mail", "unknown", "skipped", "missing")
# A message to these arrives, or at least somebody is there: `invalid` throws a person away.
ALIVE = ("delivers", "restricted", "unwise")
DECIDED = ("valid", "invalid", "do_not_mail")


def share(part, whole):
    return part / whole if whole else None


def percent(value):
    return "-" if value is None else f"{100 * value:.1f}%"


class Result:
    """verdicts: address -> status. An address without one is `missing`."""

    def __init__(self, name, addresses, verdicts, wall_s, counts, clock="real"):
        self.name, self.clock, self.wall_s, self.counts = name, clock, wall_s, counts
        self.size = len(addresses)
        self.matrix = Counter()
        self.families = defaultdict(Counter)
        self.errors = []
        titles = {family.name: family for family in FAMILIES}
        self.told = Counter()
        self.told_decided = Counter()
        for a in addresses:
            status = verdicts.get(a.address, "missing")
            if status not in STATUSES:
                status = "missing"
            told = titles[a.family].told
            self.matrix[a.truth, status] += 1
            self.families[a.family][a.truth, status] += 1
            self.told[told] += 1
            self.told_decided[told] += status in DECIDED
            if status == "invalid" and a.truth in ALIVE or status == "valid" and a.truth in ("bounces", "full"):
                self.errors.append((a, status))

    def count(self, truths, statuses):
        return sum(self.matrix[t, s] for t in truths for s in statuses)

    def figures(self):
        valid = self.count(TRUTHS, ["valid"])
        invalid = self.count(TRUTHS, ["invalid"])
        return {
            # of what is called valid: arrives, or is there and chooses its senders
            "precision_valid": share(self.count(["delivers", "restricted"], ["valid"]), valid),
            "precision_invalid": share(self.count(["bounces", "full"], ["invalid"]), invalid),
            "false_invalid_rate": share(self.count(ALIVE, ["invalid"]), self.count(ALIVE, STATUSES)),
            "false_valid_rate": share(self.count(["bounces"], ["valid"]), self.count(["bounces"], STATUSES)),
            "found_bounces": share(self.count(["bounces"], ["invalid", "do_not_mail"]), self.count(["bounces"], STATUSES)),
            "found_deliverable": share(self.count(["delivers"], ["valid"]), self.count(["delivers"], STATUSES)),
            "decided": share(self.count(TRUTHS, DECIDED), self.size),
            "decided_where_told_at_once": share(self.told_decided["now"], self.told["now"]),
            "recipients_per_address": share(self.counts.get("recipients", 0), self.size),
            "connections_per_address": share(self.counts.get("connections", 0), self.size),
            "violations_per_address": share(self.counts.get("violations", 0), self.size),
            "wall_s": round(self.wall_s, 1),
        }

    def as_json(self):
        return {
            "verifier": self.name, "clock": self.clock, "figures": self.figures(),
            "matrix": {t: {s: self.matrix[t, s] for s in STATUSES if self.matrix[t, s]} for t in TRUTHS},
            "families": {family.name: {"told": family.told, "decided": self.family_decided(family.name),
                                       "matrix": {t: {s: self.families[family.name][t, s] for s in STATUSES
                                                      if self.families[family.name][t, s]} for t in TRUTHS}}
                         for family in FAMILIES if self.families[family.name]},
            "errors": [{"address": a.address, "truth": a.truth, "kind": a.kind, "family": a.family, "status": status}
                       for a, status in self.errors],
        }

    def family_decided(self, name):
        counts = self.families[name]
        return share(sum(n for (_, s), n in counts.items() if s in DECIDED), sum(counts.values()))

    def matrix_lines(self):
        used = [s for s in STATUSES if self.count(TRUTHS, [s])]
        yield f"{'truth':12}" + "".join(f"{s:>12}" for s in used)
        for t in TRUTHS:
            yield f"{t:12}" + "".join(f"{self.matrix[t, s]:12}" for s in used)

    def family_lines(self):
        """Decided share a family, and the mistakes."""
        yield f"{'family':42}{'told':>6}{'addresses':>11}{'decided':>9}{'false invalid':>15}{'false valid':>13}"
        for family in FAMILIES:
            counts = self.families[family.name]
            if counts:
                wrong_no = sum(counts[t, "invalid"] for t in ALIVE)
                wrong_yes = counts["bounces", "valid"] + counts["full", "valid"]
                yield (f"{family.title:42}{family.told:>6}{sum(counts.values()):11}"
                       f"{percent(self.family_decided(family.name)):>9}{wrong_no or '':>15}{wrong_yes or '':>13}")


COLUMNS = (
    ("precision of valid", "precision_valid", percent),
    ("false invalid", "false_invalid_rate", percent),
    ("bounces called valid", "false_valid_rate", percent),
    ("bounces found", "found_bounces", percent),
    ("decided", "decided", percent),
    ("decided where told at once", "decided_where_told_at_once", percent),
    ("recipients an address", "recipients_per_address", lambda v: f"{v:.2f}"),
    ("connections an address", "connections_per_address", lambda v: f"{v:.2f}"),
    ("broke SMTP", "violations_per_address", lambda v: f"{v:.1f} times an address" if v else "0"),
    ("time", "wall_s", lambda v: f"{v:.0f} s" if v < 600 else f"{v / 3600:.1f} h"),
)


def summary_lines(results):
    figures = [r.figures() for r in results]
    for first in range(0, len(results), 4):
        some = range(first, min(first + 4, len(results)))
        yield f"{'':27}" + "".join(f"{results[i].name:>29}" for i in some)
        for title, key, show in COLUMNS:
            yield f"{title:27}" + "".join(f"{show(figures[i][key]):>29}" for i in some)


def markdown_lines(results):
    """The table of doc/ACCURACY.md."""
    yield "| | " + " | ".join(title for title, _, _ in COLUMNS) + " |"
    yield "|---|" + "---|" * len(COLUMNS)
    for result in results:
        figures = result.figures()
        name = f"**{result.name}**" if result.name.startswith("mailknock") else result.name
        yield f"| {name} | " + " | ".join(show(figures[key]) for _, key, show in COLUMNS) + " |"
