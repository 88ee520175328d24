"""Cleaned lists read back, without our own reader: what stands in each row, and what of it is ours."""
import csv
import io
import json

from formats_test import read_xlsx
from lists import contents

APPENDED = {"reacher": 7}


class Wrong(AssertionError):
    pass


def demand(condition, *what):
    if not condition:
        raise Wrong(" ".join(str(w) for w in what))


def same_length(found, rows, address_of):
    """Else the first that differs is told."""
    if len(found) != len(rows):
        pairs = [(address_of(f), row.address) for f, row in zip(found, rows)]
        demand(False, len(found), "rows, not", len(rows), next((p for p in pairs if p[0] != p[1]), "at the end"))


def ours_at(text, at, delimiter, count):
    """`count` cells of ours from a delimiter on, and where they end."""
    cells = []
    for _ in range(count):
        demand(text[at:at + 1] == delimiter, "no cell of ours at", at, text[at:at + 60])
        at += 1
        if text[at:at + 1] == '"':
            cell = ""
            while True:
                end = text.index('"', at + 1)
                cell += text[at + 1:end]
                at = end + 1
                if text[at:at + 1] != '"':
                    break
                cell += '"'
        else:
            end = at
            while end < len(text) and text[end] not in delimiter + "\r\n":
                end += 1
            cell, at = text[at:end], end
        cells.append(cell)
    return cells, at


def csv_of_table(data, lst, rows, profile, in_order=True):
    """CSV of CSV: our cells by row, after every byte of the list's own was compared. Not in order: rows that were
    found are taken out of `rows`, which is then put into the order of what was found."""
    encoding = lst.back
    count = APPENDED.get(profile, 8)
    # One character a byte: what is compared are bytes.
    text, at, found = data.decode("latin-1"), 0, []
    delimiter, width = lst.delimiter, lst.width
    names, left, order = None, list(rows), []

    def parts(row):
        """What stands before ours, and what behind."""
        cells = row.cells if row.cells is not None else [""]
        if len(cells) > width:
            return [part.decode("latin-1") for part in lst.split_raw(row)]
        return row.raw.decode("latin-1") + delimiter * (width - len(cells)), ""

    def take(expected, what):
        nonlocal at
        demand(text.startswith(expected, at), what, "differs:", repr(text[at:at + 120]), "is not", repr(expected))
        at += len(expected)

    if lst.bom or lst.encoding.startswith("utf-16"):
        take("\xef\xbb\xbf", "the mark at the beginning")
    if lst.separator_line:
        take(f"sep={delimiter}{lst.line_end}", "the line for spreadsheets")
    if lst.header:
        take(lst.header_line.encode(encoding).decode("latin-1"), "the header")
        names, at = ours_at(text, at, delimiter, count)
        take(lst.line_end, "the header's end")
    while left:
        if in_order:
            row = left[0]
        else:
            row = next((r for r in left if text.startswith(parts(r)[0] + delimiter, at)), None)
            demand(row is not None, "a row that is none, or twice:", repr(text[at:at + 120]))
        left.remove(row)
        order.append(row)
        own, beyond = parts(row)
        take(own, f"row {row.address!r}")
        ours, at = ours_at(text, at, delimiter, count)
        take(beyond + lst.line_end, f"the end of row {row.address!r}")
        found.append([cell.encode("latin-1").decode(encoding) for cell in ours])
    rows[:] = order
    demand(at == len(text), "there is more:", repr(text[at:at + 100]))
    return names, found


def csv_of_others(data, lst, rows, profile):
    """CSV of text, objects and workbooks, by Python's own reader."""
    table = list(csv.reader(io.StringIO(data.decode("utf-8"), newline="")))
    count = APPENDED.get(profile, 8)
    names = None
    if lst.kind != "xlsx" or lst.header:
        header, *table = table
        names = header[-count:]
    same_length(table, rows, lambda cells: cells[lst.column if lst.kind == "xlsx" else 0])
    for cells, row in zip(table, rows):
        own = cells[:-count]
        if lst.kind == "ndjson":
            demand(own == [row.address, row.text], own, "is not", row.address, row.text)
        else:
            demand(own == row.cells, own, "is not", row.cells)
    return names, [cells[-count:] for cells in table]


def objects(data, lst, rows, profile):
    lines = data.decode("utf-8").split("\n")
    demand(lines.pop() == "", "the last line has no end")
    demand(len(lines) == len(rows), len(lines), "objects, not", len(rows))
    found = []
    for line, row in zip(lines, rows):
        value = json.loads(line)
        result = value.pop("mailknock")
        value.pop(profile, None)
        compare_object(value, line, lst, row)
        found.append(result)
    return found


def compare_object(value, line, lst, row):
    if lst.kind == "ndjson":
        demand(line.startswith(row.text[:-1].rstrip()), "the object differs:", line, "is not", row.text)
        demand(value == json.loads(row.text), value, "is not", row.text)
        return
    given = value["input"]
    if lst.kind == "text":
        demand(given == row.address, given, "is not", row.address)
        return
    given = list(given.values()) if isinstance(given, dict) else given
    # A row whose only cell is empty is a blank line.
    cells = row.cells if row.cells not in (None, [""]) else []
    if lst.kind == "xlsx":
        while cells and cells[-1] == "":
            cells = cells[:-1]
        while given and given[-1] == "":
            given.pop()
    demand(given == cells, given, "is not", cells)


def sheet(path, lst, rows, profile):
    table = [{letters: text for letters, text in row.items()} for row in read_xlsx(path)]
    count = APPENDED.get(profile, 8)
    letters = [chr(65 + i) for i in range(26)]
    width = {"text": 1, "ndjson": 2}.get(lst.kind, lst.width)
    names = None
    if lst.kind in ("text", "ndjson") or lst.header:
        header, *table = table
        names = [header.get(letters[width + i], "") for i in range(count)]
    demand(len(table) == len(rows), len(table), "rows, not", len(rows))
    found = []
    for got, row in zip(table, rows):
        cells = row.cells if row.cells is not None else [""]
        if lst.kind == "ndjson":
            cells = [row.address, row.text]
        own = [got.get(letters[i], "") for i in range(width)]
        beyond = [got.get(letters[width + count + i], "") for i in range(max(0, len(cells) - width))]
        demand(own + beyond == (cells + [""] * width)[:width] + cells[width:], own + beyond, "is not", cells)
        found.append([got.get(letters[width + i], "") for i in range(count)])
    return names, found
