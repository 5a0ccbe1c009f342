"""One CSV file as Arrow tables: every cell as text, every row with its line, every malformed row with a reason.

Comes from a file on disk, goes to `source.py`, which knows what the columns mean. Two readers, one meaning: a
scan of the raw bytes first finds out whether the quoting is clean. If it is, pyarrow reads the file (fast). If
it is not (a quote inside an unquoted field, one never closed, text after a closing quote), Python's csv module
reads it and gives up one line at a time, so that a stray quote costs the row it stands in, and not every row
that it would swallow.

A blank cell is NULL ("NA" and "null" are text); a row without any value is no row; the line of a row is the one
it begins on, counted from 1, exact also after cells that hold line breaks. Lines before and after the table
(`edges.py`) are left out and noted. Alone:
`python -c "from ingestion.files.csv_file import *; print(read_header(Path('opportunity.csv'), Layout()))"`
"""

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from ingestion.files import edges
from ingestion.files.edges import Line
from ingestion.files.layout import Layout

BLOCK_BYTES = 4 << 20  # read at a time; also the longest row that the fast reader takes
SLOW_BATCH_ROWS = 10_000
MAX_RECORD_LINES = 10_000  # a quote that stays open for longer was never meant to open
MAX_FIELD_CHARACTERS = 64 << 20

LINE = "_pl_line"
REJECT = "_pl_reject"

_QUOTE, _LF, _CR = 0x22, 0x0A, 0x0D
_SEPARATOR = re.compile(r'"?sep=(.)"?', re.IGNORECASE)  # how Excel is told the delimiter
_NO_TEXT = {
    b"PK\x03\x04": "it is an Excel workbook or another archive, whatever its name says; name it .xlsx",
    b"\xd0\xcf\x11\xe0": "it is an Excel workbook of the old kind, whatever its name says; name it .xls",
    b"PAR1": "it is Parquet, whatever its name says; name it .parquet",
    b"\x1f\x8b": "it is packed (gzip); unpack it",
}
_Integers = np.ndarray[Any, np.dtype[np.int64]]


class CsvError(Exception):
    """A file that is no readable CSV; the message says where and why, and leaves the file's name to the caller."""


@dataclass(frozen=True)
class Header:
    """The column names as the file has them, and how many lines and records end with it (blank ones before it too).

    `layout` is the file's, its delimiter known. `before` are the lines above the header that nobody said to skip.
    """

    names: tuple[str, ...]
    lines: int
    records: int
    layout: Layout
    before: tuple[Line, ...] = ()
    has_open_quotes: bool = False  # in a skipped line, so that records before the header cannot be counted


OnNote = Callable[[str, str], None]
"""Called with the kind of a remark on a file and its text: what was left out."""


@dataclass(frozen=True)
class _Quoting:
    """What the scan of the raw bytes found; `inner_breaks`: the record of each line break inside quotes, ascending."""

    is_clean: bool
    records: int
    inner_breaks: _Integers


_Piece: TypeAlias = "pa.Table | list[Line]"
"""Rows of a file, or its malformed ones."""


def read_header(path: Path, layout: Layout) -> Header:
    """Read the header, the first record of the table; CsvError where there is none."""
    line = 0
    try:
        _check_is_text(path)
        with _open_text(path, layout) as text:
            skipped = list(islice(text, layout.skip_rows))
            first = next(text, "")
            named = _SEPARATOR.fullmatch(first.strip()) if not skipped else None
            if named and layout.delimiter not in ("", named[1]):
                raise CsvError(
                    f"its first line says that cells are separated by {named[1]!r}, and `delimiter` that they are by "
                    f"{layout.delimiter!r}"
                )
            known = replace(layout, delimiter=layout.delimiter or (named[1] if named else ","))
            above = [*skipped, first] if named else skipped
            line = len(above)
            rest = text if named else chain([first] if first else [], text)
            names, lines, records, before = _find_header(rest, known.delimiter, line)
    except csv.Error as error:
        raise CsvError(f"the header is not readable ({error})") from error
    except UnicodeError as error:
        raise CsvError(_undecodable(path, layout)) from error
    if not names:
        raise CsvError("the file is empty, without even a header")
    has_open_quotes = any(text.count('"') % 2 for text in above)
    return Header(names, line + lines, len(above) + records, known, before, has_open_quotes)


def _find_header(text: Iterable[str], delimiter: str, above: int) -> tuple[tuple[str, ...], int, int, tuple[Line, ...]]:
    """The column names, the lines and records of `text` that end with them, and the lines of a title before."""
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    found: list[list[str]] = []
    ends = [0]
    try:
        for record in reader:
            found.append(record)
            ends.append(reader.line_num)
            if sum(bool(cell.strip()) for cell in record) > 1 and len(found) == 1:
                break  # the usual file: its header is its first line
            if len(found) == edges.MAX_LINES:
                break
    except csv.Error:  # of a row behind the header, which will be read with more patience
        if not any(map(any, found)):
            raise
    if not any(map(any, found)):
        return (), 0, 0, ()
    position = edges.header_position(found)
    before = [Line(above + ends[number] + 1, found[number]) for number in range(position) if any(found[number])]
    return tuple(found[position]), ends[position + 1], position + 1, tuple(before)


def read(
    path: Path, header: Header, columns: Sequence[str], key: Sequence[str], note: OnNote = lambda kind, text: None
) -> Iterator[pa.Table]:
    """Yield the rows as tables of `columns` (one name for each of the header's), `_pl_line` and `_pl_reject`.

    A row with the wrong number of fields or with broken quoting comes with a reason in `_pl_reject` and only its
    `key` columns, as far as they are readable. At least one table is yielded, also without rows. `note` hears of lines
    that were left out because they stand before or after the table. Raises CsvError for bytes that are not of the
    layout's encoding.
    """
    has_rows = False
    layout = header.layout
    if header.before:
        note("before", edges.described(header.before, "before"))
    try:
        scanned = _scan(path, layout)
        if scanned.is_clean and not header.has_open_quotes:
            pieces = _read_clean(path, header, columns, scanned)
        else:
            pieces = _read_unclean(path, header, columns)
        for table in _within_table(pieces, header, columns, key, note):
            if table.num_rows:
                has_rows = True
                yield table
    except UnicodeError as error:
        raise CsvError(_undecodable(path, layout)) from error
    except pa.ArrowInvalid as error:
        if "UTF8" in str(error):
            raise CsvError(_undecodable(path, layout)) from error
        too_long = f"a row is longer than {BLOCK_BYTES:,} bytes" if "straddling" in str(error) else str(error)
        raise CsvError(too_long.splitlines()[0]) from error
    if not has_rows:
        yield _table([], columns, ())


def _within_table(
    pieces: Iterator[_Piece], header: Header, columns: Sequence[str], key: Sequence[str], note: OnNote
) -> Iterator[pa.Table]:
    """Yield the pieces without the lines that follow the table; the last lines are held back until it is known."""
    width, skipped = len(columns), header.layout.skip_footer
    last_full = Line(header.lines, ())
    held: list[Line] = []
    for piece in pieces:
        if isinstance(piece, pa.Table):
            cut, full = _last_full_row(piece, width, len(held))
            last_full = full if full and full.number > last_full.number else last_full
            cut = min(cut, max(0, piece.num_rows - skipped))
            yield piece.slice(0, cut)
            held += _lines(piece.slice(cut))
        else:
            last_full = max([last_full, *(line for line in piece if not line.is_thin(width))], key=lambda at: at.number)
            held += piece
        held.sort(key=lambda line: line.number)
        settled = sum(line.number <= last_full.number for line in held)
        settled = len(held) if len(held) - settled > edges.MAX_LINES else settled
        settled = max(0, min(settled, len(held) - skipped))
        yield _table(held[:settled], columns, key)
        held = held[settled:]
    end = len(held) - skipped if skipped else edges.footer_position(held, last_full.end, width)
    yield _table(held[: max(0, end)], columns, key)
    if held[max(0, end) :] and not skipped:
        note("after", edges.described(held[end:], "after"))


def _last_full_row(table: pa.Table, width: int, held: int) -> tuple[int, Line | None]:
    """How many rows a table has up to the last one that is certainly a row, and that row; only its end is looked at."""
    start = max(0, table.num_rows - max(1, edges.MAX_LINES + 1 - held))
    tail = _lines(table.slice(start))
    for position in range(len(tail) - 1, -1, -1):
        if not tail[position].is_thin(width):
            return start + position + 1, tail[position]
    return (table.num_rows, tail[-1]) if start and tail else (0, None)


def _lines(table: pa.Table) -> list[Line]:
    """The rows of a table as lines."""
    cells = [table[name].to_pylist() for name in table.column_names if name not in (LINE, REJECT)]
    return [Line(number, row) for number, row in zip(table[LINE].to_pylist(), zip(*cells, strict=True), strict=True)]


# ---------------------------------------------------------------- bytes


def _check_is_text(path: Path) -> None:
    with path.open("rb") as raw:
        begins = raw.read(4)
    if begins in _NO_TEXT or begins[:2] in _NO_TEXT:
        raise CsvError(_NO_TEXT.get(begins) or _NO_TEXT[begins[:2]])


def _is_utf8(layout: Layout) -> bool:
    return codecs.lookup(layout.encoding).name in ("utf-8", "utf-8-sig", "ascii")


def _open_text(path: Path, layout: Layout) -> TextIO:
    return path.open(encoding="utf-8-sig" if _is_utf8(layout) else layout.encoding, newline="")


def _utf8_blocks(path: Path, layout: Layout) -> Iterator[bytes]:
    decoder = None if _is_utf8(layout) else codecs.getincrementaldecoder(layout.encoding)()
    with path.open("rb") as raw:
        is_first = True
        while block := raw.read(BLOCK_BYTES):
            text = decoder.decode(block).encode() if decoder else block
            yield text.removeprefix(codecs.BOM_UTF8) if is_first else text
            is_first = False


def _scan(path: Path, layout: Layout) -> _Quoting:
    """Walk over the bytes once: is each quote at the edge of a field, and where do line breaks stand inside quotes?

    In clean CSV the n-th quote opens for even n and closes for odd n, a doubled quote being both; so an opening one
    follows a delimiter, a line break or a quote, and a closing one precedes one of them. Rows that end in a carriage
    return alone are not clean either: pyarrow can lose the last of them.
    """
    is_edge = np.zeros(256, dtype=bool)
    is_edge[[ord(layout.delimiter), _LF, _CR, _QUOTE]] = True
    quotes_seen, records, previous, held_back = 0, 0, _LF, b""
    inner_breaks: list[_Integers] = []
    blocks = _utf8_blocks(path, layout)
    while True:
        block = next(blocks, None)
        data = np.frombuffer(held_back + (layout.delimiter.encode() if block is None else block), dtype=np.uint8)
        if len(data) > 1:  # each byte is judged together with the next one, so the last waits
            body, following = data[:-1], data[1:]
            quotes = np.flatnonzero(body == _QUOTE)
            is_closing = (quotes_seen + np.arange(len(quotes))) % 2 == 1
            preceding = body[quotes - 1]  # of a quote at 0 the byte before it, in the block before
            preceding[quotes == 0] = previous
            if not is_edge[np.where(is_closing, following[quotes], preceding)].all():
                return _Quoting(False, 0, np.empty(0, dtype=np.int64))
            breaks = np.flatnonzero(body == _LF)
            is_inner = (quotes_seen + np.searchsorted(quotes, breaks)) % 2 == 1
            returns = np.flatnonzero(body == _CR)
            lone_returns = returns[following[returns] != _LF]
            is_quoted = (quotes_seen + np.searchsorted(quotes, lone_returns)) % 2 == 1
            if not is_quoted.all():
                return _Quoting(False, 0, np.empty(0, dtype=np.int64))
            if len(lone_returns):
                order = np.argsort(np.concatenate((breaks, lone_returns)), kind="stable")
                is_inner = np.concatenate((is_inner, is_quoted))[order]
            ends = np.cumsum(~is_inner)
            inner_breaks.append((records + 1 + ends)[is_inner])
            records += int(ends[-1]) if len(ends) else 0
            quotes_seen += len(quotes)
            previous = int(body[-1])
        held_back = data[-1:].tobytes()
        if block is None:
            break
    records += previous not in (_LF, _CR)
    return _Quoting(quotes_seen % 2 == 0, records, np.concatenate([np.empty(0, dtype=np.int64), *inner_breaks]))


def _undecodable(path: Path, layout: Layout) -> str:
    if _is_utf8(layout):
        with path.open("rb") as raw:
            for number, line in enumerate(raw, start=1):
                try:
                    line.decode()
                except UnicodeDecodeError as error:
                    return f"line {number} holds the byte 0x{line[error.start]:02x}, which is not UTF-8"
    return f"its bytes are not {layout.encoding}"


# ---------------------------------------------------------------- clean files: pyarrow


def _read_clean(path: Path, header: Header, columns: Sequence[str], scanned: _Quoting) -> Iterator[_Piece]:
    """Yield the tables of a file whose quoting is clean, read by pyarrow, and its malformed rows.

    pyarrow numbers rows and skips malformed ones; `scanned` knows which line breaks are inside of quotes. Both together
    give the line of each row.
    """
    layout = header.layout
    if scanned.records <= header.records:  # pyarrow calls that an error
        return
    invalid: deque[tuple[int, pacsv.InvalidRow]] = deque()  # (ordinal of the record, row) in the file's order

    def set_aside(row: pacsv.InvalidRow) -> str:
        invalid.append((row.number - header.lines + header.records, row))
        return "skip"

    reader = pacsv.open_csv(
        str(path),
        # one thread: only then does an invalid row know its number (and a second one gains nothing)
        read_options=pacsv.ReadOptions(
            use_threads=False,
            block_size=BLOCK_BYTES,
            skip_rows=header.lines,
            column_names=list(columns),
            encoding="utf-8" if _is_utf8(layout) else layout.encoding,
        ),
        parse_options=pacsv.ParseOptions(
            delimiter=layout.delimiter,
            newlines_in_values=True,
            ignore_empty_lines=False,
            invalid_row_handler=set_aside,
        ),
        convert_options=pacsv.ConvertOptions(
            default_column_type=pa.string(), strings_can_be_null=True, null_values=[""]
        ),
    )

    def line_of(record: "int | _Integers") -> _Integers:
        return np.asarray(record + np.searchsorted(scanned.inner_breaks, record, side="left"))

    def malformed_before(record: int | None) -> Iterator[_Piece]:
        while invalid and (record is None or invalid[0][0] < record):
            ordinal, row = invalid.popleft()
            text = _Lines(io.StringIO(row.text, newline=""), int(line_of(ordinal)) - 1)
            yield from _pieces(list(_records(text, layout.delimiter, columns)), columns)

    next_record = header.records + 1
    for batch in reader:
        records = np.arange(next_record, next_record + batch.num_rows + len(invalid))
        if invalid:
            records = np.setdiff1d(records, [ordinal for ordinal, _ in invalid])[: batch.num_rows]
        next_record = int(records[-1]) + 1 if len(records) else next_record
        yield _without_blank_rows(_rows(pa.Table.from_batches([batch]), line_of(records)))
        yield from malformed_before(next_record)
    yield from malformed_before(None)


def _without_blank_rows(table: pa.Table) -> pa.Table:
    """Drop rows without any value: blank lines, and the lines of bare delimiters that spreadsheets leave behind."""
    blank = None
    for name in table.column_names:
        if name in (LINE, REJECT):
            continue
        if table[name].null_count == 0:
            return table
        is_null = pc.is_null(table[name])
        blank = is_null if blank is None else pc.and_(blank, is_null)
        if not pc.any(blank).as_py():
            return table
    return table.filter(pc.invert(blank))


# ---------------------------------------------------------------- unclean files: Python's csv


@cache
def _quotes_in_order(delimiter: str) -> re.Pattern[str]:
    """A pattern for a record in which quotes stand around whole fields, and doubled ones within these."""
    field = rf'(?:"[^"]*(?:""[^"]*)*"|[^"\r\n{re.escape(delimiter)}]*)'
    return re.compile(rf"{field}(?:{re.escape(delimiter)}{field})*\r?\n?")


class _Lines:
    """The physical lines of a text, with the way back to those of the record now being read."""

    def __init__(self, text: TextIO, line: int) -> None:
        self._text = text
        self._returned: deque[str] = deque()
        self.line = line
        self.taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self.taken) >= MAX_RECORD_LINES:
            raise csv.Error(f"a quote is not closed within {MAX_RECORD_LINES:,} lines")
        text = self._returned.popleft() if self._returned else next(self._text)
        self.line += 1
        self.taken.append(text)
        return text

    def have_odd_quotes(self) -> bool:
        """Whether a quote of the record has no partner."""
        return sum(text.count('"') for text in self.taken) % 2 == 1

    def have_row_behind(self, delimiter: str, width: int) -> bool:
        """Whether a line of the record, other than its first, is by itself a row of `width` fields.

        Where all quotes of the record are in order, those of such a line must be so, too: else it is the end of a cell
        with line breaks.
        """
        rows = (text for text in self.taken[1:] if len(next(csv.reader([text], delimiter=delimiter), [])) == width)
        in_order = self.have_quotes_in_order(delimiter)
        return any(not in_order or _quotes_in_order(delimiter).fullmatch(text) for text in rows)

    def have_quotes_in_order(self, delimiter: str) -> bool:
        """Whether all quotes of the record stand around whole fields, or doubled within these."""
        return _quotes_in_order(delimiter).fullmatch("".join(self.taken)) is not None

    def have_a_quoted_field(self, delimiter: str) -> bool:
        """Whether a field of the record begins with a quote."""
        return any(text.startswith('"') or f'{delimiter}"' in text for text in self.taken)

    def give_up_one(self) -> str:
        """Return all lines of the record but its first, which is the result."""
        first, *rest = self.taken
        self._returned.extendleft(reversed(rest))
        self.line -= len(rest)
        return first


def _read_unclean(path: Path, header: Header, columns: Sequence[str]) -> Iterator[_Piece]:
    csv.field_size_limit(MAX_FIELD_CHARACTERS)
    with _open_text(path, header.layout) as text:
        for _ in islice(text, header.lines):
            pass
        records = _records(_Lines(text, header.lines), header.layout.delimiter, columns)
        while batch := list(islice(records, SLOW_BATCH_ROWS)):
            yield from _pieces(batch, columns)


def _pieces(batch: Sequence[tuple[int, list[str] | Line]], columns: Sequence[str]) -> Iterator[_Piece]:
    """Records as `_records` yields them: the sound ones as a table, and then the malformed lines."""
    good = [(line, record) for line, record in batch if not isinstance(record, Line)]
    cells = zip(*(fields for _, fields in good), strict=True) if good else ((),) * len(columns)
    arrays = [pa.array([cell or None for cell in column], pa.string()) for column in cells]
    table = pa.table(arrays, names=list(columns))
    yield _rows(table, np.array([line for line, _ in good], dtype=np.int64))
    yield [bad for _, bad in batch if isinstance(bad, Line)]


def _records(lines: _Lines, delimiter: str, columns: Sequence[str]) -> Iterator[tuple[int, list[str] | Line]]:
    """Yield the records of a file with the line each begins on, read by Python's csv; broken quoting costs one line.

    A stray quote can also join its line to whole rows behind it, up to the next quote: these are read again.
    """
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.taken.clear()
        start = lines.line + 1
        try:
            fields, broken = next(reader), ""
        except StopIteration:
            return
        except csv.Error as error:
            fields, broken = [], str(error)
        is_odd = len(fields) != len(columns) or lines.have_odd_quotes()
        if not broken and is_odd and lines.have_row_behind(delimiter, len(columns)):
            broken = "a quote joins the line to the rows behind it"
        # whoever puts fields in quotes does so with each that has one: elsewhere, `5" pipe` is text
        if not broken and lines.have_a_quoted_field(delimiter) and not lines.have_quotes_in_order(delimiter):
            broken = "a quote stands in a field that is not in quotes, beside one that is"
        if broken:
            first = lines.give_up_one()
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            guessed = re.split(re.escape(delimiter), first.rstrip("\r\n").replace('"', ""))
            yield start, Line(start, guessed, f"broken quoting: {broken}")
        elif not any(fields):
            continue
        elif len(fields) != len(columns):
            yield start, Line(start, fields, f"{len(fields)} fields instead of {len(columns)}")
        else:
            yield start, fields


# ---------------------------------------------------------------- tables


def _rows(table: pa.Table, lines: _Integers) -> pa.Table:
    table = table.append_column(LINE, pa.array(lines, pa.int64()))
    return table.append_column(REJECT, pa.nulls(table.num_rows, pa.string()))


def _table(lines: Sequence[Line], columns: Sequence[str], key: Sequence[str]) -> pa.Table:
    """Lines as a table: rows with all their cells, malformed ones with those of the key."""

    def cell(line: Line, position: int, name: str) -> str | None:
        if line.reason is not None and (name not in key or position >= len(line.cells)):
            return None
        return line.cells[position] or None

    arrays = [
        pa.array([cell(line, position, name) for line in lines], pa.string()) for position, name in enumerate(columns)
    ]
    arrays.append(pa.array([line.number for line in lines], pa.int64()))
    arrays.append(pa.array([line.reason for line in lines], pa.string()))
    return pa.table(arrays, names=[*columns, LINE, REJECT])
