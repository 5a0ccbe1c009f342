"""One sheet of an Excel workbook (.xlsx, .xls) as Arrow tables: typed cells stay typed.

Comes from a file on disk (pandas reads it through calamine), goes to `source.py`, which knows what the columns mean.
A governed column whose cells are all numbers, dates or booleans lands as such. Everything else lands as text: an id
that is a number as `101` and never `101.0`, a number among texts in the spelling of the source's dialect. The table is
found as in CSV (`edges.py`). Alone:
`python -c "from ingestion.files.excel_file import *; print(read_sheet(Path('deals.xlsx'), Layout()).names)"`
"""

import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.sax.saxutils import unescape

import pyarrow as pa

from ingestion.entities import DATE, FLAG, INSTANT, TEXT
from ingestion.files import edges
from ingestion.files.edges import Line
from ingestion.files.layout import Layout
from ingestion.source import Dialect

SUFFIXES = (".xlsx", ".xls")
LINE, REJECT = "_pl_line", "_pl_reject"
TAG = re.compile(r"<(?:\w+:)?(?:sheet|Relationship)\s[^>]*>")
ATTRIBUTE = re.compile(r"""([\w:]+)=["']([^"']*)["']""")
ERROR = re.compile(
    r"""<(?:\w+:)?c\s(?=[^>]*\bt="e")[^>]*\br="([A-Z]+)(\d+)"[^>]*>(?:(?!</(?:\w+:)?c>).)*?<(?:\w+:)?v>([^<]*)<""",
    re.DOTALL,
)


class ExcelError(Exception):
    """A workbook that is not readable, or a sheet that is not there; the message leaves the file's name to others."""


class SeveralSheetsError(ExcelError):
    """A workbook with several sheets, of which nobody said which."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        super().__init__(
            f'it has several sheets: {", ".join(names)}. Expected to know which one. Say it: sheet = "{names[0]}"'
        )


@dataclass(frozen=True)
class Sheet:
    """The table of a sheet: the column names, its rows with their numbers, and the lines around it."""

    names: tuple[str, ...]
    rows: tuple[Line, ...]
    before: tuple[Line, ...]
    after: tuple[Line, ...]


def read_sheet(path: Path, layout: Layout) -> Sheet:
    """Read the sheet that the layout names, else the only one that is not empty; ExcelError where there is none."""
    lines = [Line(number, cells) for number, cells in enumerate(_cells(path, layout.sheet), start=1)]
    lines = lines[layout.skip_rows :]
    position = edges.header_position([line.cells for line in lines[: edges.MAX_LINES]])
    if not lines or not lines[position].filled:
        raise ExcelError("the sheet is empty, without even a header")
    header = list(lines[position].cells)
    while header and _is_blank(header[-1]) and all(_is_blank(line.cells[len(header) - 1]) for line in lines):
        header.pop()
    width = len(header)
    rows = [Line(line.number, line.cells[:width]) for line in lines[position + 1 :] if line.filled]
    if layout.skip_footer:
        end = max(0, len(rows) - layout.skip_footer)
        after: list[Line] = []
    else:
        end = _table_end(rows, lines[position].number, width)
        after = rows[end:]
    names = tuple("" if _is_blank(cell) else _spelled(cell, Dialect()) for cell in header)
    before = [line for line in lines[:position] if line.filled]
    return Sheet(names, tuple(rows[:end]), tuple(before), tuple(after))


def read(
    sheet: Sheet,
    columns: Sequence[str],
    governed: Mapping[str, str],
    dialect: Dialect,
    note: Callable[[str, str], None] = lambda kind, text: None,
) -> Iterator[pa.Table]:
    """Yield the rows as one table of `columns`, one name for each of the sheet's, with `_pl_line` and `_pl_reject`."""
    for where, lines in {"before": sheet.before, "after": sheet.after}.items():
        if lines:
            note(where, edges.described(lines, where))
    arrays = [
        _array([row.cells[place] for row in sheet.rows], governed.get(name, TEXT), dialect)
        for place, name in enumerate(columns)
    ]
    numbers = pa.array([row.number for row in sheet.rows], pa.int64())
    yield pa.table([*arrays, numbers, pa.nulls(len(sheet.rows), pa.string())], names=[*columns, LINE, REJECT])


def _cells(path: Path, named: str) -> list[list[Any]]:
    """All cells of a sheet, row by row; blank ones are empty texts."""
    import pandas as pd
    from python_calamine import CalamineError

    try:
        with pd.ExcelFile(path, engine="calamine") as book:
            names = [str(name) for name in book.sheet_names]
            if named and named not in names:
                raise ExcelError(f"it has no sheet {named!r}, which `sheet` names. Got the sheets {', '.join(names)}")
            sheets = {name: _frame(path, book, name) for name in ([named] if named else names)}
    except (CalamineError, ValueError, OSError) as error:
        raise ExcelError(f"it is no readable workbook ({error})") from error
    filled = [name for name, rows in sheets.items() if rows] or list(sheets)[:1]
    if len(filled) > 1:
        raise SeveralSheetsError(filled)
    return sheets[filled[0]]


def _frame(path: Path, book: Any, name: str) -> list[list[Any]]:
    """All cells of a sheet. calamine calls a cell with an error empty; its text makes the row one that is refused."""
    import pandas as pd

    frame = pd.read_excel(book, sheet_name=name, header=None, dtype=object, na_filter=False)
    rows: list[list[Any]] = frame.to_numpy().tolist()
    for (line, place), text in _errors(path, name).items():
        rows += [[""] * frame.shape[1] for _ in range(line + 1 - len(rows))]
        rows[line] += [""] * (place + 1 - len(rows[line]))
        rows[line][place] = text
    width = max(map(len, rows), default=0)
    return [row + [""] * (width - len(row)) for row in rows]


def _errors(path: Path, name: str) -> dict[tuple[int, int], str]:
    """The cells of a sheet of an .xlsx that show an error such as `#N/A`, by row and column from 0."""
    if not zipfile.is_zipfile(path):  # an .xls keeps its cells in a form of its own
        return {}
    with zipfile.ZipFile(path) as book:
        try:
            content = book.read(_part(book, name)).decode("utf-8", "replace")
        except (KeyError, ValueError) as error:
            raise ExcelError(f"where it keeps the sheet {name!r} cannot be told ({error})") from error
    found = {}
    if 't="e"' in content:
        for letters, number, text in ERROR.findall(content):
            place = 0
            for letter in letters:
                place = 26 * place + ord(letter) - ord("A") + 1
            found[int(number) - 1, place - 1] = text
    return found


def _part(book: zipfile.ZipFile, name: str) -> str:
    """Where a workbook keeps the sheet of that name."""
    attributes = [
        {key: unescape(value, {"&quot;": '"', "&apos;": "'"}) for key, value in ATTRIBUTE.findall(tag)}
        for file in ("xl/workbook.xml", "xl/_rels/workbook.xml.rels")
        for tag in TAG.findall(book.read(file).decode("utf-8"))
    ]
    relations = {each["Id"]: each["Target"] for each in attributes if "Target" in each}
    [target] = [
        relations[value]
        for each in attributes
        if each.get("name") == name
        for key, value in each.items()
        if key.endswith(":id")
    ]
    return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"


def _table_end(rows: Sequence[Line], header: int, width: int) -> int:
    """How many of the rows are the table's; the rest is a footer."""
    end = len(rows)
    while end and len(rows) - end < edges.MAX_LINES and _is_thin(rows[end - 1], width):
        end -= 1
    if len(rows) - end >= edges.MAX_LINES:
        return len(rows)
    last = rows[end - 1].number if end else header
    return end + edges.footer_position([_short(line, width) for line in rows[end:]], last, width)


def _is_thin(row: Line, width: int) -> bool:
    return len(row.filled) < min(2, width) or row.speaks_of_the_table(width)


def _short(row: Line, width: int) -> Line:
    """A row without the blank cells behind its last value: a sheet has no short lines, so that only blanks tell."""
    cells = list(row.cells)
    while cells and _is_blank(cells[-1]):
        cells.pop()
    return Line(row.number, cells)


def _is_blank(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _array(cells: Sequence[Any], kind: str, dialect: Dialect) -> pa.Array:
    """The cells of a column in the type that fits both them and what the column is."""
    values = [None if _is_blank(cell) else cell for cell in cells]
    filled = [value for value in values if value is not None]
    if kind == FLAG and all(isinstance(value, bool) for value in filled):
        return pa.array(values, pa.bool_())
    if kind == DATE and all(isinstance(value, date) for value in filled):
        return pa.array([value.date() if isinstance(value, datetime) else value for value in values], pa.date32())
    if kind not in (TEXT, FLAG, DATE, INSTANT) and all(_is_number(value) for value in filled):
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    return pa.array([None if value is None else _spelled(value, dialect) for value in values], pa.string())


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _spelled(value: Any, dialect: Dialect) -> str:
    """A cell as text, as the source's dialect writes it; texts are left alone."""
    if isinstance(value, bool):
        return str(value).lower()
    if _is_number(value):
        exact = Decimal(repr(value))
        text = str(int(exact)) if exact == exact.to_integral_value() else f"{exact:f}"
        return text.replace(".", dialect.decimal or ".")
    if isinstance(value, datetime):
        clock = "" if value.time() == time() else f" {value.time().isoformat(timespec='seconds')}"
        return written_day(value.date(), dialect.date_format) + clock
    return str(value)


def written_day(day: date, date_format: str) -> str:
    """A day as a date format (`DD.MM.YYYY`, `M/D/YYYY`; empty: ISO 8601) writes it."""
    if not date_format:
        return day.isoformat()
    text = date_format
    for sign, number in {"Y": day.year, "M": day.month, "D": day.day}.items():
        letters = text.count(sign)
        text = text.replace(sign * letters, f"{number % 10**letters if sign == 'Y' else number:0{letters}d}")
    return text
