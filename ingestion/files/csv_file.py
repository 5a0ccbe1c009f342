"""One CSV file as Arrow tables: every cell as text, every row with its line, every malformed row with a reason.

Comes from a file on disk, goes to `source.py`, which knows what the columns mean. Two readers, one meaning: a
scan of the raw bytes first finds out whether the quoting is clean. If it is, pyarrow reads the file (fast). If
it is not (a quote inside an unquoted field, one never closed, text after a closing quote), Python's csv module
reads it and gives up one line at a time, so that a stray quote costs the row it stands in, and not every row
that it would swallow.

A blank cell is NULL ("NA" and "null" are text); a row without any value is no row; the line of a row is the one
it begins on, counted from 1, exact also after cells that hold line breaks. Alone:
`python -c "from ingestion.files.csv_file import *; print(read_header(Path('opportunity.csv'), Dialect()))"`
"""

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

BLOCK_BYTES = 4 << 20  # read at a time; also the longest row that the fast reader takes
SLOW_BATCH_ROWS = 10_000
MAX_RECORD_LINES = 10_000  # a quote that stays open for longer was never meant to open
MAX_FIELD_CHARACTERS = 64 << 20

LINE = "_pl_line"
REJECT = "_pl_reject"

_QUOTE, _LF, _CR = 0x22, 0x0A, 0x0D
_Integers = np.ndarray[Any, np.dtype[np.int64]]


class CsvError(Exception):
    """A file that is no readable CSV; the message says where and why, and leaves the file's name to the caller."""


@dataclass(frozen=True)
class Dialect:
    """How a file is written. Quotes are always `"`, doubled inside a quoted field."""

    delimiter: str = ","
    encoding: str = "utf-8"


@dataclass(frozen=True)
class Header:
    """The column names as the file has them, and how many lines and records end with it (blank ones before it too)."""

    names: tuple[str, ...]
    lines: int
    records: int


@dataclass(frozen=True)
class _Layout:
    """What the scan of the raw bytes found; `inner_breaks`: the record of each line break inside quotes, ascending."""

    is_clean: bool
    records: int
    inner_breaks: _Integers


@dataclass(frozen=True)
class _Malformed:
    """A row that is not usable: the line it begins on, the fields as far as they can be told apart, the reason."""

    line: int
    fields: list[str]
    reason: str


def read_header(path: Path, dialect: Dialect) -> Header:
    """Read the first record that is not blank; CsvError where there is none."""
    try:
        with _open_text(path, dialect) as text:
            reader = csv.reader(text, delimiter=dialect.delimiter, strict=True)
            for records, names in enumerate(reader, start=1):
                if names:
                    return Header(tuple(names), reader.line_num, records)
    except csv.Error as error:
        raise CsvError(f"line {reader.line_num}: the header is not readable ({error})") from error
    except UnicodeError as error:
        raise CsvError(_undecodable(path, dialect)) from error
    raise CsvError("the file is empty, without even a header")


def read(
    path: Path, dialect: Dialect, header: Header, columns: Sequence[str], key: Sequence[str]
) -> Iterator[pa.Table]:
    """Yield the rows as tables of `columns` (one name for each of the header's), `_pl_line` and `_pl_reject`.

    A row with the wrong number of fields or with broken quoting comes with a reason in `_pl_reject` and only its
    `key` columns, as far as they are readable. At least one table is yielded, also without rows. Raises CsvError
    for bytes that are not `dialect.encoding`.
    """
    has_rows = False
    try:
        layout = _scan(path, dialect)
        if layout.is_clean:
            tables = _read_clean(path, dialect, header, columns, key, layout)
        else:
            tables = _read_unclean(path, dialect, header, columns, key)
        for table in tables:
            if table.num_rows:
                has_rows = True
                yield table
    except UnicodeError as error:
        raise CsvError(_undecodable(path, dialect)) from error
    except pa.ArrowInvalid as error:
        if "UTF8" in str(error):
            raise CsvError(_undecodable(path, dialect)) from error
        too_long = f"a row is longer than {BLOCK_BYTES:,} bytes" if "straddling" in str(error) else str(error)
        raise CsvError(too_long.splitlines()[0]) from error
    if not has_rows:
        yield _rejects([], columns, ())


# ---------------------------------------------------------------- bytes


def _is_utf8(dialect: Dialect) -> bool:
    return codecs.lookup(dialect.encoding).name in ("utf-8", "utf-8-sig", "ascii")


def _open_text(path: Path, dialect: Dialect) -> TextIO:
    return path.open(encoding="utf-8-sig" if _is_utf8(dialect) else dialect.encoding, newline="")


def _utf8_blocks(path: Path, dialect: Dialect) -> Iterator[bytes]:
    decoder = None if _is_utf8(dialect) else codecs.getincrementaldecoder(dialect.encoding)()
    with path.open("rb") as raw:
        is_first = True
        while block := raw.read(BLOCK_BYTES):
            text = decoder.decode(block).encode() if decoder else block
            yield text.removeprefix(codecs.BOM_UTF8) if is_first else text
            is_first = False


def _scan(path: Path, dialect: Dialect) -> _Layout:
    """Walk over the bytes once: is each quote at the edge of a field, and where do line breaks stand inside quotes?

    In clean CSV the n-th quote opens for even n and closes for odd n, a doubled quote being both; so an opening one
    follows a delimiter, a line break or a quote, and a closing one precedes one of them. Rows that end in a carriage
    return alone are not clean either: pyarrow can lose the last of them.
    """
    edges = np.zeros(256, dtype=bool)
    edges[[ord(dialect.delimiter), _LF, _CR, _QUOTE]] = True
    quotes_seen, records, previous, held_back = 0, 0, _LF, b""
    inner_breaks: list[_Integers] = []
    blocks = _utf8_blocks(path, dialect)
    while True:
        block = next(blocks, None)
        data = np.frombuffer(held_back + (dialect.delimiter.encode() if block is None else block), dtype=np.uint8)
        if len(data) > 1:  # each byte is judged together with the next one, so the last waits
            body, following = data[:-1], data[1:]
            quotes = np.flatnonzero(body == _QUOTE)
            is_closing = (quotes_seen + np.arange(len(quotes))) % 2 == 1
            preceding = body[quotes - 1]  # of a quote at 0 the byte before it, in the block before
            preceding[quotes == 0] = previous
            if not edges[np.where(is_closing, following[quotes], preceding)].all():
                return _Layout(False, 0, np.empty(0, dtype=np.int64))
            breaks = np.flatnonzero(body == _LF)
            is_inner = (quotes_seen + np.searchsorted(quotes, breaks)) % 2 == 1
            returns = np.flatnonzero(body == _CR)
            lone_returns = returns[following[returns] != _LF]
            is_quoted = (quotes_seen + np.searchsorted(quotes, lone_returns)) % 2 == 1
            if not is_quoted.all():
                return _Layout(False, 0, np.empty(0, dtype=np.int64))
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
    return _Layout(quotes_seen % 2 == 0, records, np.concatenate([np.empty(0, dtype=np.int64), *inner_breaks]))


def _undecodable(path: Path, dialect: Dialect) -> str:
    if _is_utf8(dialect):
        with path.open("rb") as raw:
            for number, line in enumerate(raw, start=1):
                try:
                    line.decode()
                except UnicodeDecodeError as error:
                    return f"line {number} holds the byte 0x{line[error.start]:02x}, which is not UTF-8"
    return f"its bytes are not {dialect.encoding}"


# ---------------------------------------------------------------- clean files: pyarrow


def _read_clean(
    path: Path, dialect: Dialect, header: Header, columns: Sequence[str], key: Sequence[str], layout: _Layout
) -> Iterator[pa.Table]:
    """Yield the tables of a file whose quoting is clean, read by pyarrow, and those of its malformed rows.

    pyarrow numbers rows and skips malformed ones; `layout` knows which line breaks are inside of quotes. Both together
    give the line of each row.
    """
    if layout.records <= header.records:  # pyarrow calls that an error
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
            encoding="utf-8" if _is_utf8(dialect) else dialect.encoding,
        ),
        parse_options=pacsv.ParseOptions(
            delimiter=dialect.delimiter,
            newlines_in_values=True,
            ignore_empty_lines=False,
            invalid_row_handler=set_aside,
        ),
        convert_options=pacsv.ConvertOptions(
            default_column_type=pa.string(), strings_can_be_null=True, null_values=[""]
        ),
    )

    def line_of(record: "int | _Integers") -> _Integers:
        return np.asarray(record + np.searchsorted(layout.inner_breaks, record, side="left"))

    def malformed_before(record: int | None) -> list[_Malformed]:
        ready = []
        while invalid and (record is None or invalid[0][0] < record):
            ordinal, row = invalid.popleft()
            fields = next(csv.reader(io.StringIO(row.text, newline=""), delimiter=dialect.delimiter), [])
            if any(fields):
                ready.append(_Malformed(int(line_of(ordinal)), fields, _wrong_count(row.actual_columns, columns)))
        return ready

    next_record = header.records + 1
    for batch in reader:
        records = np.arange(next_record, next_record + batch.num_rows + len(invalid))
        if invalid:
            records = np.setdiff1d(records, [ordinal for ordinal, _ in invalid])[: batch.num_rows]
        next_record = int(records[-1]) + 1 if len(records) else next_record
        yield _without_blank_rows(_rows(pa.Table.from_batches([batch]), line_of(records)))
        if invalid:
            yield _rejects(malformed_before(next_record), columns, key)
    yield _rejects(malformed_before(None), columns, key)


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

    def give_up_one(self) -> str:
        """Return all lines of the record but its first, which is the result."""
        first, *rest = self.taken
        self._returned.extendleft(reversed(rest))
        self.line -= len(rest)
        return first


def _read_unclean(
    path: Path, dialect: Dialect, header: Header, columns: Sequence[str], key: Sequence[str]
) -> Iterator[pa.Table]:
    csv.field_size_limit(MAX_FIELD_CHARACTERS)
    with _open_text(path, dialect) as text:
        for _ in islice(text, header.lines):
            pass
        records = _records(text, dialect, header.lines, columns)
        while batch := list(islice(records, SLOW_BATCH_ROWS)):
            good = [(line, record) for line, record in batch if not isinstance(record, _Malformed)]
            cells = zip(*(fields for _, fields in good), strict=True) if good else ((),) * len(columns)
            arrays = [pa.array([cell or None for cell in column], pa.string()) for column in cells]
            table = pa.table(arrays, names=list(columns))
            yield _rows(table, np.array([line for line, _ in good], dtype=np.int64))
            yield _rejects([bad for _, bad in batch if isinstance(bad, _Malformed)], columns, key)


def _records(
    text: TextIO, dialect: Dialect, line: int, columns: Sequence[str]
) -> Iterator[tuple[int, list[str] | _Malformed]]:
    """Yield the records of a file with the line each begins on, read by Python's csv; broken quoting costs one line."""
    lines = _Lines(text, line)
    reader = csv.reader(lines, delimiter=dialect.delimiter, strict=True)
    while True:
        lines.taken.clear()
        start = lines.line + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            first = lines.give_up_one()
            reader = csv.reader(lines, delimiter=dialect.delimiter, strict=True)
            guessed = re.split(re.escape(dialect.delimiter), first.rstrip("\r\n").replace('"', ""))
            yield start, _Malformed(start, guessed, f"broken quoting: {error}")
            continue
        if not any(fields):
            continue
        if len(fields) != len(columns):
            yield start, _Malformed(start, fields, _wrong_count(len(fields), columns))
        else:
            yield start, fields


# ---------------------------------------------------------------- tables


def _wrong_count(count: int, columns: Sequence[str]) -> str:
    return f"{count} fields instead of {len(columns)}"


def _rows(table: pa.Table, lines: _Integers) -> pa.Table:
    table = table.append_column(LINE, pa.array(lines, pa.int64()))
    return table.append_column(REJECT, pa.nulls(table.num_rows, pa.string()))


def _rejects(malformed: Sequence[_Malformed], columns: Sequence[str], key: Sequence[str]) -> pa.Table:
    def cells(position: int, name: str) -> list[str | None]:
        if name not in key:
            return [None] * len(malformed)
        return [(bad.fields[position] or None) if position < len(bad.fields) else None for bad in malformed]

    arrays = [pa.array(cells(position, name), pa.string()) for position, name in enumerate(columns)]
    arrays.append(pa.array([bad.line for bad in malformed], pa.int64()))
    arrays.append(pa.array([bad.reason for bad in malformed], pa.string()))
    return pa.table(arrays, names=[*columns, LINE, REJECT])
