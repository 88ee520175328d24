"""Lists as people have them, made at random, with what every row must come to."""
import gzip
import json

from formats_test import write_xlsx

DOMAINS = 30
KINDS = ["usual", "usual", "batches", "all", "full", "grey", "shut", "slow"]
WORDS = ["Ann", "Bob Smith", "", "Dan, jr.", "5\" pipe", "=1+1", "O'Brien; Pat", "a|b", " blanks ", "tab\there",
         "\"quoted\"", "Müller", "two\nlines", "Jo \"J\" Doe", "007", "-", "three\nlines,\n\"here\"", "a \"b, c\" d"]
WIDE = ["Żółć", "日本", "emoji 🙂", "naïve – dash"]
PLAIN = ["Ann", "Bob Smith", "", "Dan, jr.", "007", "O'Brien; Pat", "a|b", "-"]
# Quotes as people leave them in the last column: never closed, or marks of inches that could be a pair.
STRAY = [['"open'], ['"24', '17"', '5" x']]
BAD = ["no address", "", "a@b@c", "@d1.example", "x y@d1.example"]
NAMES = ["id", "Name", "Note", "City", "mk_status", "Name", "Größe", "a;b", "", "phone \"private\""]


def contents(path):
    return gzip.open(path, "rb").read() if path.name.endswith(".gz") else path.read_bytes()


def kind_of(domain):
    return KINDS[domain % len(KINDS)]


def scenario():
    text = ["set patience quick"]
    for i in range(DOMAINS):
        text += [f"domain d{i}.example", f"  mx 10 mx.d{i}.example", f"server mx.d{i}.example 127.9.3.{i + 1}",
                 "  mailbox u*", "  mailbox f* full"]
        text += {"batches": ["  offer pipelining"], "all": ["  behave accept-all"], "grey": ["  behave greylist 60s"],
                 "shut": ["  behave block connect"], "slow": ["  behave delay rcpt 80ms"]}.get(kind_of(i), [])
    return "\n".join(text + ["domain null.example", "  mx null"]) + "\n"


def truth(address, depth):
    """Status and reason that the address must have; a reason of None: any of that status."""
    address = address.strip()
    local, at, domain = address.partition("@")
    if not local or not at or "@" in domain or " " in local:
        return "invalid", "bad_syntax"
    domain = domain.lower()
    if depth == "syntax":
        return "unknown", "not_probed"
    if domain == "null.example":
        return "invalid", "null_mx"
    if domain == "nowhere.example":
        return "invalid", "domain_not_found"
    if depth == "dns":
        return "unknown", "not_probed"
    kind = kind_of(int(domain[1:].split(".")[0]))
    if kind == "grey":
        return "unknown", "greylisted"
    if kind == "shut":
        return "unknown", None
    if kind == "all" and local[0] != "f":
        return "catch_all", "accepts_all"
    return {"u": ("valid", "accepted"), "f": ("do_not_mail", "mailbox_full"),
            "x": ("invalid", "mailbox_not_found")}[local[0].lower()]


class Row:
    """cells: as text, or None: a blank line. raw: its bytes in the list, without the line end."""

    def __init__(self, cells, address):
        self.cells, self.address, self.raw = cells, address, None
        self.is_stray = False  # its last cell has a quote that is a letter
        self.is_unclear = False  # nobody can tell which cell is its address


class List:
    def __init__(self, chance, name, sizes=(3, 12, 12, 40, 40, 90)):
        self.chance, self.name = chance, name
        self.kind = chance.choice(["csv"] * 6 + ["text", "ndjson", "ndjson", "xlsx", "xlsx"])
        self.delimiter = chance.choice([",", ",", ";", "\t", "|"])
        self.line_end = chance.choice(["\n", "\n", "\r\n", "\r"])
        self.encoding = chance.choice(["utf-8"] * 4 + ["latin-1", "utf-16-le", "utf-16-be"])
        self.bom = self.encoding == "utf-8" and chance.random() < 0.2
        self.header = self.kind in ("csv", "xlsx") and chance.random() < 0.75
        self.separator_line = self.kind == "csv" and chance.random() < 0.1
        self.quote_all = chance.random() < 0.3
        self.gzipped = self.kind != "xlsx" and chance.random() < 0.15
        self.width = chance.randint(2, 6)
        self.column = chance.randrange(self.width)
        self.field = chance.choice(["email", "user.mail"])
        if self.kind != "csv":
            self.encoding, self.bom = "utf-8", False
        if self.kind == "xlsx":
            self.line_end = "\n"
        self.names = [chance.choice(NAMES) for _ in range(self.width)]
        self.names[self.column] = chance.choice(["E-Mail", "email", "Email Address"])
        self.stray = None
        if self.kind == "csv" and self.column + 1 < self.width and chance.random() < 0.15:
            self.stray, self.quote_all = chance.choice(STRAY), False
        self.rows = self.make_rows(chance.choice(sizes))
        self.files = []

    # --- what stands in it ---

    def make_address(self):
        chance = self.chance
        pick = chance.random()
        if pick < 0.06 and not self.stray:
            return chance.choice(BAD)
        if pick < 0.12:
            return f"u{chance.randrange(1000)}@{chance.choice(['null', 'nowhere'])}.example"
        domain = f"d{chance.randrange(DOMAINS)}.example"
        if chance.random() < 0.1:
            domain = domain.upper()
        address = f"{chance.choice('uuuxf')}{chance.randrange(10000)}@{domain}"
        return f" {address} " if chance.random() < 0.05 and self.kind != "xlsx" and not self.stray else address

    def make_word(self):
        if self.stray:
            return self.chance.choice(PLAIN)
        word = self.chance.choice(WORDS + (WIDE if self.encoding != "latin-1" else []))
        # What spreadsheets don't keep, and line ends that would be the list's own.
        if self.kind == "xlsx":
            word = word.strip()
        return word if self.line_end != "\r" else word.replace("\n", " ")

    def make_rows(self, count):
        chance, rows, addresses = self.chance, [], []
        for i in range(count):
            again = addresses and chance.random() < 0.1
            address = chance.choice(addresses) if again else self.make_address()
            if i == 0 and "@d" not in address:  # the first row must tell the column, and be no header
                address = "u1@d0.example"
            if truth(address, "syntax")[0] != "invalid":
                addresses.append(address)
            cells = [self.make_word() for _ in range(self.width)]
            cells[self.column] = address
            if self.kind in ("text", "ndjson"):
                cells = [address]
            rows.append(Row(cells, address))
        for row in rows[3:] if self.kind == "csv" else []:
            if not self.stray:
                self.make_ragged(row)
            elif self.chance.random() < 0.2:
                row.cells[-1], row.is_stray = self.chance.choice(self.stray), True
        return rows

    def make_ragged(self, row):
        pick = self.chance.random()
        if pick < 0.04 and self.column + 1 < self.width:
            row.cells = row.cells[:self.chance.randint(self.column + 1, self.width)]
        elif pick < 0.07:
            row.cells = row.cells + [self.make_word() for _ in range(self.chance.randint(1, 2))]
        elif pick < 0.08 and row is not self.last(row):
            row.cells, row.address = None, ""
        elif pick < 0.12 and self.column > 0 and "@" in row.address:
            self.split_name(row)

    def split_name(self, row):
        """`Acme, Inc.` without quotes before the address: it is found further on. Where an empty cell stands in its
        place now, it may be that there is none."""
        first = self.chance.randrange(self.column)
        row.cells[first:first + 1] = ["Acme", " Inc."]
        row.is_unclear = row.cells[self.column].strip() == ""

    def last(self, row):
        return row if self.chance.random() < 0.5 else None

    # --- as bytes ---

    def quoted(self, cell, first, must=False):
        must |= any(c in cell for c in self.delimiter + "\r\n") or cell.startswith('"')
        # A blank first line, or one that a reader may take for something else.
        must |= first and cell == "" and self.width == 1
        if must or self.quote_all or self.chance.random() < 0.05:
            return '"' + cell.replace('"', '""') + '"'
        return cell

    def line(self, cells):
        return self.delimiter.join(self.quoted(cell, i == 0) for i, cell in enumerate(cells))

    def object(self, row, number):
        value = {"id": number, "name": self.make_word()}
        if self.field == "email":
            value["email"] = row.address
        else:
            value["user"] = {"mail": row.address}
        return json.dumps(value, ensure_ascii=self.chance.random() < 0.5,
                          separators=self.chance.choice([(",", ":"), (", ", ": ")]))

    def write(self, folder, part, rows, with_header):
        ending = {"csv": ".csv", "text": ".txt", "ndjson": ".ndjson", "xlsx": ".xlsx"}[self.kind]
        path = folder / f"{self.name}{part}{ending}{'.gz' if self.gzipped else ''}"
        if self.kind == "xlsx":
            write_xlsx(path, ([self.names] if self.header else []) + [row.cells for row in rows])
            self.files.append(path)
            return
        lines = [self.header_line] if self.header and with_header else []
        if self.separator_line and part == "":
            lines.insert(0, "sep=" + self.delimiter)
        lines += [row.text for row in rows]
        text = self.line_end.join(lines) + self.line_end * self.chance.choice([0, 1, 1, 1, 3])
        given = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(self.encoding, b"") + text.encode(self.encoding)
        if self.bom:
            given = b"\xef\xbb\xbf" + given
        path.write_bytes(gzip.compress(given) if self.gzipped else given)
        self.files.append(path)

    def write_files(self, folder, count):
        """One list in `count` files; what comes back of it is known from now on."""
        self.back = back = "latin-1" if self.encoding == "latin-1" else "utf-8"
        self.header_line = self.line(self.names) if self.kind == "csv" else None
        for number, row in enumerate(self.rows, 1):
            if self.kind == "ndjson":
                row.text = self.object(row, number)
            elif row.cells is None:
                row.text = ""
            else:
                row.text = self.line(row.cells) if self.kind == "csv" else row.address
            row.raw = row.text.encode(back)
            if row.is_stray:
                own = self.line(row.cells[:-1]) + self.delimiter
                row.text = own + row.cells[-1]
                # Other programs would read on over a quote that is never closed; between tabs it is a letter.
                is_open = row.cells[-1].startswith('"') and self.delimiter != "\t"
                row.raw = (own + self.quoted(row.cells[-1], False, True) if is_open else row.text).encode(back)
        while self.rows[-1].text.strip(" \t" + self.delimiter) == "" and self.kind == "csv":
            self.rows.pop()
        if count > 1 and len(self.rows) > 6:
            # A part that begins without a header must begin with an address.
            cuts = [i for i, row in enumerate(self.rows) if 3 < i and "@d" in row.address and
                    row.cells[self.column if self.kind == "csv" else 0] == row.address]
            cuts = sorted(self.chance.sample(cuts, min(count - 1, len(cuts))))
        else:
            cuts = []
        again = self.chance.random() < 0.7
        parts = [self.rows[begin:end] for begin, end in zip([0] + cuts, cuts + [len(self.rows)])]
        for part, rows in enumerate(parts):
            while rows and rows[-1].text.strip(" \t" + self.delimiter) == "":
                self.rows.remove(rows.pop())  # blank rows at the end of a file are none
            self.write(folder, "" if part == 0 else f"-{part}", rows, part == 0 or again)
        if back == "latin-1" and contents(self.files[0]).isascii():
            # The first file tells nothing of the encoding: all comes back as UTF-8.
            self.back = "utf-8"
            for row in self.rows:
                row.raw = row.raw.decode(back).encode("utf-8")

    def split_raw(self, row):
        """A long row's own bytes: up to the list's width, and what is beyond with the delimiter before it."""
        encoding = self.back
        text, at, cells = row.text, 0, 0
        while True:
            if text[at:at + 1] == '"':
                at += 1
                while text[at] != '"' or text[at:at + 2] == '""':
                    at += 2 if text[at:at + 2] == '""' else 1
                at += 1
            while text[at] != self.delimiter:
                at += 1
            cells += 1
            if cells == self.width:
                return text[:at].encode(encoding), text[at:].encode(encoding)
            at += 1
