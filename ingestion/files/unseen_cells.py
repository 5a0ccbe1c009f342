"""The cells of a workbook that are neither empty nor values, though calamine calls them empty.

They are errors (`#N/A`, `#DIV/0!`) and, in an .xlsx, formulas that no program has computed. Comes from the file itself,
goes to `excel_file.py`. An .xlsx is searched as text; of an .xls, the records of a sheet are read ([MS-XLS], in a
compound file, [MS-CFB]). Alone:
`python -c "from ingestion.files.unseen_cells import *; print(unseen_cells(Path('deals.xls'), 'Sheet1'))"`
"""

import html
import re
import struct
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

Cells = dict[tuple[int, int], str]
"""The texts of cells by row and column, from 0."""

_TAG = re.compile(r"<(?:\w+:)?(?:sheet|Relationship)\s[^>]*>")
_ATTRIBUTE = re.compile(r"""([\w:]+)=["']([^"']*)["']""")
_ERROR = re.compile(
    r"""<(?:\w+:)?c\s(?=[^>]*\bt="e")[^>]*\br="([A-Z]+)(\d+)"[^>]*>(?:(?!</(?:\w+:)?c>).)*?<(?:\w+:)?v>([^<]*)<""",
    re.DOTALL,
)
_FORMULA = re.compile(  # without a value; a text that is computed may be empty (t="str")
    r"""<(?:\w+:)?c\s(?![^>]*\bt="str")[^>]*\br="([A-Z]+)(\d+)"[^>]*>\s*<(?:\w+:)?f(?:\s[^>]*)?>([^<]*)</(?:\w+:)?f>\s*"""
    r"""(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"""
)
_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_BEGIN, _BOUNDSHEET, _FORMULA_CELL, _ERROR_CELL, _END = 0x809, 0x85, 0x06, 0x205, 0x0A
_EXCEL_97 = 0x600
_ERRORS = {0x00: "#NULL!", 0x07: "#DIV/0!", 0x0F: "#VALUE!", 0x17: "#REF!", 0x1D: "#NAME?", 0x24: "#NUM!", 0x2A: "#N/A"}


def unseen_cells(path: Path, sheet: str) -> Cells:
    """The cells of a sheet that only seem to be empty. KeyError, ValueError, IndexError, struct.error: no workbook.

    Of a workbook older than Excel 97, none is known.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as book:
            return _in_xlsx(book, sheet) if "xl/workbook.xml" in book.namelist() else {}
    content = path.read_bytes()
    return _in_xls(_workbook(content), sheet) if content.startswith(_COMPOUND) else {}


def _in_xlsx(book: zipfile.ZipFile, sheet: str) -> Cells:
    content = book.read(_part(book, sheet)).decode("utf-8", "replace")
    errors = _ERROR.findall(content) if 't="e"' in content else []
    formulas = _FORMULA.findall(content) if "f>" in content else []
    found = {}
    for letters, number, text in [*errors, *((*place, f"={html.unescape(text)}") for *place, text in formulas)]:
        column = 0
        for letter in letters:
            column = 26 * column + ord(letter) - ord("A") + 1
        found[int(number) - 1, column - 1] = text
    return found


def _part(book: zipfile.ZipFile, sheet: str) -> str:
    """Where an .xlsx keeps the sheet of that name."""
    attributes = [
        {key: html.unescape(value) for key, value in _ATTRIBUTE.findall(tag)}
        for file in ("xl/workbook.xml", "xl/_rels/workbook.xml.rels")
        for tag in _TAG.findall(book.read(file).decode("utf-8"))
    ]
    relations = {each["Id"]: each["Target"] for each in attributes if "Target" in each}
    [target] = [
        relations[value]
        for each in attributes
        if each.get("name") == sheet
        for key, value in each.items()
        if key.endswith(":id")
    ]
    return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"


def _in_xls(stream: bytes, sheet: str) -> Cells:
    starts = {}
    for kind, body in _records(stream, 0):
        if kind == _BEGIN and struct.unpack_from("<H", body)[0] != _EXCEL_97:
            return {}
        if kind == _BOUNDSHEET:
            (start, _, length, is_wide) = struct.unpack_from("<IHBB", body)
            name = body[8 : 8 + length * (2 if is_wide else 1)].decode("utf-16-le" if is_wide else "latin-1")
            starts[name] = start
    found = {}
    for kind, body in _records(stream, starts[sheet]):
        if kind == _ERROR_CELL and body[7]:
            found[struct.unpack_from("<HH", body)] = _ERRORS.get(body[6], "#ERROR!")
        elif kind == _FORMULA_CELL and body[12:14] == b"\xff\xff" and body[6] == 2:
            found[struct.unpack_from("<HH", body)] = _ERRORS.get(body[8], "#ERROR!")
    return found


def _records(stream: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    """The records of a sheet, or of the workbook itself, from where it begins to where it ends."""
    while True:
        kind, length = struct.unpack_from("<HH", stream, start)
        yield kind, stream[start + 4 : start + 4 + length]
        if kind == _END:
            return
        start += 4 + length


def _workbook(content: bytes) -> bytes:
    """The stream `Workbook` of a compound file."""
    size = 1 << struct.unpack_from("<H", content, 30)[0]
    directory, _, _, small_start, _, more, _ = struct.unpack_from("<7I", content, 48)

    def sector(number: int) -> bytes:
        return content[(number + 1) * size : (number + 2) * size]

    def numbers(data: bytes) -> list[int]:
        return [number for (number,) in struct.iter_unpack("<I", data)]

    tables = numbers(content[76:512])
    while more < 0xFFFFFFFA:
        *further, more = numbers(sector(more))
        tables += further
    following = [number for table in tables if table < 0xFFFFFFFA for number in numbers(sector(table))]

    def chained(start: int) -> bytes:
        return b"".join(sector(number) for number in _chain(following, start))

    entries = [entry for (entry,) in struct.iter_unpack("128s", chained(directory))]
    for entry in entries:
        name = entry[: max(0, struct.unpack_from("<H", entry, 64)[0] - 2)].decode("utf-16-le")
        start, length = struct.unpack_from("<II", entry, 116)
        if name in ("Workbook", "Book"):
            if length >= 4096:
                return chained(start)[:length]
            small = chained(struct.unpack_from("<I", entries[0], 116)[0])
            places = _chain(numbers(chained(small_start)), start)
            return b"".join(small[place * 64 : place * 64 + 64] for place in places)[:length]
    raise ValueError("no stream `Workbook`")


def _chain(following: Sequence[int], start: int) -> Iterator[int]:
    """The numbers of the sectors of a stream."""
    for _ in range(len(following) + 1):
        if start >= 0xFFFFFFFA:
            return
        yield start
        start = following[start]
    raise ValueError("a stream without an end")
