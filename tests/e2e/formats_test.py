"""Lists as other programs write them, cleaned, and read back by other programs.

Python's csv module and zip reader stand for "others": what they wrote must come back cell by cell,
with our columns behind, in the delimiter, quoting and line ends of the list.
"""
import csv
import gzip
import io
import os
import resource
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
import zipfile

sys.path.insert(0, os.path.dirname(__file__))
from program import BINARY, environment, run  # noqa: E402

NAMES = ["status", "reason", "score", "action", "flags", "suggestion", "provider", "explanation"]
COLUMNS = ["mk_" + name for name in NAMES]
ROWS = [
    ["id", "Name", "E-Mail", "Note"],
    ["1", "Müller, \"Jo\"", "jo.mueller@kestrel.example", "two\nlines"],
    ["2", "O'Brien; Pat", "not an address", ""],
    ["3", "", "anna@kestrel.example", "tab\there, \"\" and 'that'"],
    ["0004", "=1+1", "kim@kestrel.example", " blanks around "],
]

EXCEL_XLSX = {
    "[Content_Types].xml": "<Types xmlns='http://schemas.openxmlformats.org/package/2006/content-types'/>",
    "xl/workbook.xml": """<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"
        xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">
        <sheets><sheet name="Sheet" sheetId="1" state="visible" r:id="rId1"/></sheets></workbook>""",
    "xl/_rels/workbook.xml.rels":
        """<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
        <Relationship Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"
        Target="/xl/worksheets/sheet1.xml" Id="rId1"/></Relationships>""",
}
# Shared strings with rich text and phonetic hints, an inline string, a formula's cached text, dates
# by a built-in and by an own style, merged cells, gaps, and a hidden sheet in front.
EXCEL_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
EXCEL_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
EXCEL_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
EXCEL_STRINGS = EXCEL_HEAD + f"""<sst {EXCEL_MAIN} count="8" uniqueCount="8"><si><t>Name</t></si>
<si><r><t>E-</t></r><r><rPr><b/><sz val="11"/></rPr><t>Mail</t></r></si><si><t>Since</t></si>
<si><t>Region</t></si><si><t>Turnover</t></si>
<si><r><rPr><b/></rPr><t xml:space="preserve">Anna </t></r><r><t>Rich</t></r>
<rPh sb="0" eb="1"><t>ANNA</t></rPh><phoneticPr fontId="1"/></si>
<si><t>anna@kestrel.example</t></si><si><t>Jo &amp; Co</t></si><si><t>North</t></si></sst>"""
EXCEL_STYLES = EXCEL_HEAD + f"""<styleSheet {EXCEL_MAIN}><numFmts count="1">
<numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd\\ hh:mm"/></numFmts>
<cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="14" applyNumberFormat="1"/>
<xf numFmtId="164" applyNumberFormat="1"/></cellXfs></styleSheet>"""
EXCEL_SHEET = EXCEL_HEAD + f"""<worksheet {EXCEL_MAIN}><dimension ref="A1:E4"/><sheetData>
<row r="1" spans="1:5"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c>
<c r="C1" t="s"><v>2</v></c><c r="D1" t="s"><v>3</v></c><c r="E1" t="s"><v>4</v></c></row>
<row r="2" spans="1:5"><c r="A2" t="s"><v>5</v></c><c r="B2" t="s"><v>6</v></c>
<c r="C2" s="1"><v>45351</v></c><c r="D2" t="s"><v>8</v></c><c r="E2"><v>1200.5</v></c></row>
<row r="3" spans="1:5"><c r="A3" t="s"><v>7</v></c>
<c r="B3" t="str"><f>LOWER("JO@KESTREL.EXAMPLE")</f><v>jo@kestrel.example</v></c>
<c r="C3" s="2"><v>45352.5</v></c><c r="D3"/><c r="E3"><v>0</v></c></row>
<row r="4" spans="2:5"><c r="B4" t="inlineStr"><is><t>kim@kestrel.example</t></is></c>
<c r="E4" t="b"><v>1</v></c></row></sheetData>
<mergeCells count="1"><mergeCell ref="D2:D3"/></mergeCells></worksheet>"""
EXCEL_FILES = {
    "[Content_Types].xml": EXCEL_XLSX["[Content_Types].xml"],
    "xl/workbook.xml": EXCEL_HEAD + f"""<workbook {EXCEL_MAIN} xmlns:r="{EXCEL_OFFICE}">
<workbookPr defaultThemeVersion="164011"/><sheets>
<sheet name="Settings" sheetId="2" state="hidden" r:id="rId1"/>
<sheet name="Customers" sheetId="1" r:id="rId2"/></sheets></workbook>""",
    "xl/_rels/workbook.xml.rels": EXCEL_HEAD + f"""<Relationships
xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="rId1" Type="{EXCEL_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>
<Relationship Id="rId2" Type="{EXCEL_OFFICE}/worksheet" Target="worksheets/sheet2.xml"/>
<Relationship Id="rId3" Type="{EXCEL_OFFICE}/styles" Target="styles.xml"/>
<Relationship Id="rId4" Type="{EXCEL_OFFICE}/sharedStrings" Target="sharedStrings.xml"/>
</Relationships>""",
    "xl/styles.xml": EXCEL_STYLES,
    "xl/sharedStrings.xml": EXCEL_STRINGS,
    "xl/worksheets/sheet1.xml": EXCEL_HEAD + f"""<worksheet {EXCEL_MAIN}><sheetData><row r="1">
<c r="A1" t="inlineStr"><is><t>hidden@kestrel.example</t></is></c></row></sheetData></worksheet>""",
    "xl/worksheets/sheet2.xml": EXCEL_SHEET,
}
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def write_xlsx(path, rows):
    """As openpyxl lays it out, with inline strings."""
    sheet = ElementTree.Element(SHEET + "worksheet")
    data = ElementTree.SubElement(sheet, SHEET + "sheetData")
    for number, cells in enumerate(rows, 1):
        row = ElementTree.SubElement(data, SHEET + "row", r=str(number))
        for column, text in enumerate(cells):
            cell = ElementTree.SubElement(row, SHEET + "c", r="ABCDEFGH"[column] + str(number),
                                          t="inlineStr")
            ElementTree.SubElement(ElementTree.SubElement(cell, SHEET + "is"), SHEET + "t").text = text
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in EXCEL_XLSX.items():
            archive.writestr(name, text)
        archive.writestr("xl/worksheets/sheet1.xml", ElementTree.tostring(sheet))


def read_xlsx(path):
    """Cells as text by row and column letter; shared and inline strings."""
    with zipfile.ZipFile(path) as archive:
        shared = []
        if "xl/sharedStrings.xml" in archive.namelist():
            for item in ElementTree.fromstring(archive.read("xl/sharedStrings.xml")):
                shared.append("".join(t.text or "" for t in item.iter(SHEET + "t")))
        rows = []
        for row in ElementTree.fromstring(archive.read("xl/worksheets/sheet1.xml")).iter(SHEET + "row"):
            cells = {}
            for cell in row.iter(SHEET + "c"):
                text = "".join(t.text or "" for t in cell.iter() if t.tag in (SHEET + "t", SHEET + "v"))
                letters = cell.get("r").rstrip("0123456789")
                cells[letters] = shared[int(text)] if cell.get("t") == "s" else text
            rows.append(cells)
        return rows


def few_octets():
    """For a child: files of it end soon, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))


class Formats(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def clean(self, name, out, *options):
        status, _, err = run("clean", self.path(name), "-o", self.path(out), "--depth", "syntax",
                             *options)
        self.assertEqual(status, 0, err)
        return err.decode()

    def check_rows(self, rows, count=len(ROWS)):
        self.assertEqual(len(rows), count)
        self.assertEqual(rows[0], ROWS[0] + COLUMNS)
        for got, sent in zip(rows[1:], ROWS[1:]):
            self.assertEqual(got[:4], sent)
            self.assertEqual(len(got), 4 + len(COLUMNS))
        self.assertEqual(rows[2][4:6], ["invalid", "bad_syntax"])
        self.assertEqual(rows[1][4:6], ["unknown", "not_probed"])

    def test_python_csv(self):
        for name, encoding, dialect in (
                ("excel", "utf-8", {}),
                ("bom", "utf-8-sig", {"delimiter": ";"}),
                ("tabs", "utf-8", {"dialect": "excel-tab"}),
                ("pipes", "utf-8", {"delimiter": "|"}),
                ("unix", "utf-8", {"dialect": "unix"}),
                ("all", "utf-8", {"quoting": csv.QUOTE_ALL}),
                ("latin1", "iso-8859-1", {"delimiter": ";"}),
                ("windows", "cp1252", {}),
                ("old-mac", "utf-8", {"lineterminator": "\r", "quoting": csv.QUOTE_ALL}),
                ("utf16", "utf-16", {"dialect": "excel-tab"}),
        ):
            with self.subTest(name):
                with open(self.path("in.csv"), "w", encoding=encoding, newline="") as file:
                    csv.writer(file, **dialect).writerows(ROWS)
                said = self.clean("in.csv", "out.csv", "--new")
                self.assertIn('addresses in column 3 "E-Mail"', said)
                # UTF-16 comes back as UTF-8, with a mark where it had one
                back = "utf-8-sig" if encoding == "utf-16" else encoding
                with open(self.path("out.csv"), encoding=back, newline="") as file:
                    text = file.read()
                sent = io.StringIO(newline="")
                csv.writer(sent, **dialect).writerow(ROWS[1])
                own = sent.getvalue().rstrip("\r\n")
                self.assertIn(own, text)  # byte for byte, quoting and all
                reader = csv.reader(io.StringIO(text, newline=""),
                                    delimiter=dialect.get("delimiter", "\t" if "tab" in dialect.get(
                                        "dialect", "") else ","))
                self.check_rows(list(reader))

    def test_ends_of_the_lines_are_the_lists(self):
        for end in ("\n", "\r\n", "\r"):
            with open(self.path("in.csv"), "w", newline="") as file:
                file.write(f"email,x{end}a@b.example,1{end}c@d.example,2{end}")
            self.clean("in.csv", "out.csv", "--new")
            with open(self.path("out.csv"), newline="") as file:
                text = file.read()
            self.assertEqual(text.count(end), 3)
            self.assertEqual(len(text.replace(end, "")), len(text) - 3 * len(end))
            self.assertNotIn("\n" if end == "\r" else "\r" if end == "\n" else "\n\n", text)

    def test_line_that_tells_the_delimiter(self):
        with open(self.path("in.csv"), "w", encoding="utf-8-sig", newline="") as file:
            file.write("sep=;\r\n")
            csv.writer(file, delimiter=";").writerows(ROWS)
        self.assertIn('addresses in column 3 "E-Mail"', self.clean("in.csv", "out.csv", "--new"))
        with open(self.path("out.csv"), encoding="utf-8-sig", newline="") as file:
            self.assertEqual(file.readline(), "sep=;\r\n")
            self.check_rows(list(csv.reader(file, delimiter=";")))
        # and what came out goes in again
        self.clean("out.csv", "again.csv", "--new")
        with open(self.path("again.csv"), encoding="utf-8-sig", newline="") as file:
            self.assertEqual(file.read(7), "sep=;\r\n")
            self.assertEqual(len(list(csv.reader(file, delimiter=";"))), len(ROWS))

    def test_excel_xlsx(self):
        """As Excel writes it: see EXCEL_SHEET."""
        with zipfile.ZipFile(self.path("in.xlsx"), "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in EXCEL_FILES.items():
                archive.writestr(name, text)
        said = self.clean("in.xlsx", "out.csv", "--new")
        self.assertIn('sheet "Customers"', said)
        self.assertIn('addresses in column 2 "E-Mail"', said)
        with open(self.path("out.csv"), encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        self.assertEqual([row[:5] for row in rows], [
            ["Name", "E-Mail", "Since", "Region", "Turnover"],
            ["Anna Rich", "anna@kestrel.example", "2024-02-29", "North", "1200.5"],
            ["Jo & Co", "jo@kestrel.example", "2024-03-01 12:00:00", "", "0"],
            ["", "kim@kestrel.example", "", "", "TRUE"],
        ])
        self.assertEqual({row[6] for row in rows[1:]}, {"not_probed"})

    def test_rows_without_text_in_a_workbook(self):
        """They keep their places between others; those above the header and at the end are none."""
        write_xlsx(self.path("in.xlsx"), [[], ["", ""], ["name", "email"], ["Ann", "a@b.example"], [], ["", ""],
                                          ["Cas"], ["Bob", "c@d.example"], [""], [""]])
        said = self.clean("in.xlsx", "out.csv", "--new")
        self.assertIn("5 rows, 0 duplicates, 0 can't be read", said)
        with open(self.path("out.csv"), encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        self.assertEqual([row[:2] for row in rows], [["name", "email"], ["Ann", "a@b.example"], ["", ""],
                                                     ["", ""], ["Cas", ""], ["Bob", "c@d.example"]])
        self.assertEqual([row[-1] for row in rows[2:5]], ["There is no address."] * 3)
        self.clean("in.xlsx", "out.xlsx", "--new")
        self.assertEqual([[row.get("A", ""), row.get("B", "")] for row in read_xlsx(self.path("out.xlsx"))],
                         [row[:2] for row in rows])

    def test_what_stands_above_the_header(self):
        """The title of a report, blank rows: no rows of the list, and kept where they are."""
        above = ["Customers, May 2026", "", "\"Made by\nJo\","]
        lines = ["name,email", "Ann,a@b.example", "Bob,", "Cas,c@d.example"]
        with open(self.path("in.csv"), "w", encoding="utf-8", newline="") as file:
            file.write("\r\n".join(above + lines) + "\r\n")
        said = self.clean("in.csv", "out.csv", "--new")
        self.assertIn('header below 3 other rows, addresses in column 2 "email"', said)
        self.assertIn("3 rows, 0 duplicates, 0 can't be read", said)
        with open(self.path("out.csv"), encoding="utf-8", newline="") as file:
            written = file.read()
        self.assertTrue(written.startswith("\r\n".join(above + lines[:1]) + ",mk_status,"), written)
        # Also by way of a workbook.
        for source, target, rows in (("in.csv", "out.xlsx", "3 other rows"), ("out.xlsx", "back.csv", "other rows")):
            self.assertIn(f"header below {rows}", self.clean(source, target, "--new"))
        with open(self.path("back.csv"), encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        self.assertEqual([row[:2] for row in rows[:6]], [["Customers", " May 2026"], [], ["Made by\nJo"],
                                                         ["name", "email"], ["Ann", "a@b.example"], ["Bob", ""]])

    def test_libreoffice(self):
        """tests/files/libreoffice*: made once by LibreOffice 7.4 from libreoffice.fods (README there)."""
        files = os.path.join(os.environ["MK_SOURCE_ROOT"], "tests", "files", "libreoffice")
        for name, encoding, delimiter in (("-comma.csv", "utf-8", ","), ("-windows.csv", "cp1252", ";"),
                                          ("-utf16.csv", "utf-16", "\t"), (".xlsx", None, ",")):
            with self.subTest(name):
                more = ["--sheet", "People"] if encoding is None else []
                status, _, err = run("clean", files + name, "-o", self.path("out.csv"), "--depth",
                                     "syntax", "--new", *more)
                self.assertEqual(status, 0, err)
                self.assertIn('addresses in column 3 "E-Mail"', err.decode())
                back = {"utf-16": "utf-8-sig", None: "utf-8"}.get(encoding, encoding)
                with open(self.path("out.csv"), encoding=back, newline="") as file:
                    rows = list(csv.reader(file, delimiter=delimiter))
                self.assertEqual(rows[0], ["id", "Name", "E-Mail", "Note", "Since"] + COLUMNS)
                self.assertEqual([row[0] for row in rows[1:]], ["1", "2.5", "0003", "4"])
                self.assertEqual([row[1] for row in rows[1:]],
                                 ["Müller, \"Jo\"", "O'Brien; Pat", "Anna Rich", "=1+1"])
                self.assertEqual([row[3].replace("\r\n", "\n") for row in rows[1:3]],
                                 ["two\nlines", ""])
                self.assertEqual(rows[1][4], "2024-02-29")
                self.assertEqual({len(row) for row in rows}, {5 + len(COLUMNS)})
                if encoding is not None:
                    with open(files + name, encoding=encoding, newline="") as file:
                        sent = list(csv.reader(file, delimiter=delimiter))
                    self.assertEqual([row[:5] for row in rows], sent)

    def test_gzip(self):
        with gzip.open(self.path("in.csv.gz"), "wt", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(ROWS)
        self.clean("in.csv.gz", "out.csv.gz")
        with gzip.open(self.path("out.csv.gz"), "rt", newline="", encoding="utf-8") as file:
            self.check_rows(list(csv.reader(file)))

    def test_a_longer_row_in_a_workbook(self):
        with open(self.path("in.csv"), "w", encoding="ascii") as file:
            file.write("id,email\n1,a@x.example,more,and more\n2,b@x.example\n")
        self.clean("in.csv", "out.xlsx")
        header, *rows = read_xlsx(self.path("out.xlsx"))
        self.assertEqual((header["C"], header["J"]), ("mk_status", "mk_explanation"))
        self.assertEqual([row["C"] for row in rows], ["unknown", "unknown"])
        self.assertEqual((rows[0]["K"], rows[0]["L"]), ("more", "and more"))
        self.assertNotIn("K", rows[1])

    def test_xlsx_in_and_out(self):
        write_xlsx(self.path("in.xlsx"), ROWS)
        self.clean("in.xlsx", "out.csv")
        with open(self.path("out.csv"), newline="", encoding="utf-8") as file:
            self.check_rows(list(csv.reader(file)))
        self.clean("in.xlsx", "out.xlsx")
        rows = read_xlsx(self.path("out.xlsx"))
        letters = "ABCDEFGHIJKL"
        self.check_rows([[row.get(letter, "") for letter in letters] for row in rows])

    def test_a_workbook_without_room_is_none(self):
        """Whatever of it cannot be written is heard, wherever it would be kept meanwhile."""
        with open(self.path("in.csv"), "w") as file:
            file.writelines(f"{n},u{n * 7919 % 100003}@d{n}.example\n" for n in range(2000))
        words = ("clean", self.path("in.csv"), "--depth", "syntax", "-o")
        done = subprocess.run([BINARY, *words, self.path("out.xlsx")], capture_output=True, env=environment(),
                              restore_signals=False, preexec_fn=few_octets)
        self.assertEqual(done.returncode, 2)
        self.assertIn("out.xlsx", " ".join(done.stderr.decode().split()))
        self.assertEqual(os.listdir(self.folder), ["in.csv"])
        # On its way to the output nothing needs a folder for temporary files, unless that is a pipe.
        self.assertEqual(run(*words, self.path("out.xlsx"), env=environment(TMPDIR="/nowhere"))[0], 0)
        self.assertEqual(len(read_xlsx(self.path("out.xlsx"))), 2000)
        status, out, _ = run(*words, "-", "--format", "xlsx")
        with open(self.path("out.xlsx"), "rb") as file:
            self.assertEqual((status, out), (0, file.read()))
        # On its way to a pipe it lies in a folder for temporary files: nothing comes of it, or all.
        with tempfile.TemporaryDirectory() as place:
            done = subprocess.run([BINARY, *words, "-", "--format", "xlsx"], capture_output=True,
                                  env=environment(TMPDIR=place), restore_signals=False, preexec_fn=few_octets)
            said = " ".join(done.stderr.decode().split())
            self.assertEqual((done.returncode, done.stdout), (2, b""), said)
            self.assertIn(f"standard output: the archive can't be written: a temporary file in {place}: File too "
                          "large; TMPDIR names another folder", said)
            self.assertEqual(os.listdir(place), [])

    def test_a_workbook_is_told_from_an_archive(self):
        """Others look at what its first part is called; and no sheet is wider than they read."""
        with open(self.path("in.csv"), "w") as file:
            file.write("email\na@x.example\n")
        self.clean("in.csv", "out.xlsx")
        with zipfile.ZipFile(self.path("out.xlsx")) as archive:
            self.assertEqual(archive.namelist()[0], "[Content_Types].xml")
        with open(self.path("wide.csv"), "w") as file:
            file.write("email" + ",c" * 16380 + "\na@x.example" + "," * 16380 + "\n")
        code, _, said = run("clean", self.path("wide.csv"), "-o", self.path("wide.xlsx"), "--depth", "syntax")
        self.assertEqual(code, 2)
        self.assertIn("16384 columns", " ".join(said.decode().split()))

    def test_words_that_numbers_are_called_by(self):
        """`nan` is a name, and no number that a cell can hold; what XML cannot hold is written as spreadsheets do."""
        write_xlsx(self.path("in.xlsx"), [["n", "email"], ["nan", "a@x.example"], ["inf", "b@x.example"],
                                          ["1e5", "c@x.example"], ["42", "d@x.example"], [" <&> ", "e@x.example"]])
        self.clean("in.xlsx", "out.xlsx")
        with zipfile.ZipFile(self.path("out.xlsx")) as archive:
            sheet = archive.read("xl/worksheets/sheet1.xml").decode()
            for name in archive.namelist():
                ElementTree.fromstring(archive.read(name))
        self.assertEqual([row["A"] for row in read_xlsx(self.path("out.xlsx"))[1:]],
                         ["nan", "inf", "1e5", "42", " <&> "])
        self.assertEqual([n for n in ("nan", "inf", "1e5", "42") if f"<v>{n}</v>" in sheet], ["42"])
        with open(self.path("odd.csv"), "wb") as file:
            file.write(b"n,email\n\x01\x7f,a@x.example\n")
        self.clean("odd.csv", "out.xlsx")
        self.assertEqual(read_xlsx(self.path("out.xlsx"))[1]["A"], "_x0001_\x7f")

    def test_cells_come_back_from_a_workbook(self):
        """All letters that one holds, and what looks like a letter that XML can't hold."""
        cells = ["x" * 32767, "\U0001f600" * 16383 + "x", "_x0041_", "_x0041\x01", "_x0041\x01_x0042\x02\x03x0043_",
                 "__x0041_", "_x0041", "\x01x0041_"]
        with open(self.path("in.csv"), "w", newline="") as file:
            csv.writer(file).writerows([["n", "email"]] + [[cell, "a@x.example"] for cell in cells])
        self.clean("in.csv", "out.xlsx")
        self.clean("out.xlsx", "back.csv")
        with open(self.path("back.csv"), newline="") as file:
            self.assertEqual([row[0] for row in csv.reader(file)][1:], cells)

    def test_an_unbalanced_quote_costs_one_row(self):
        """One before the address; one behind it costs nothing, as the address stands where it should."""
        with open(self.path("in.csv"), "w") as file:
            file.write("id,email,note\n")
            for number in range(1, 2001):
                file.write(f"{number},{chr(34) * (number == 700)}u{number}@kestrel.example,"
                           f"{chr(34) * (number == 900)}x\n")
        self.clean("in.csv", "out.csv", "--format", "ndjson")
        with open(self.path("out.csv"), encoding="utf-8") as file:
            lines = file.read().splitlines()
        self.assertEqual(len(lines), 2000)
        self.assertEqual([i + 1 for i, line in enumerate(lines) if '"fault":' in line], [700])
        self.assertIn('"address":"u900@kestrel.example"', lines[899])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
