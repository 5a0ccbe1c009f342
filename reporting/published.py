"""The published file as questions and their tables, each number with the place it comes from.

Read by `report.py` and by every section; a section's numbers are cells of a table, so that the page can say for each
which query, row and column it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

ALL = "(all)"
LACKS = (duckdb.BinderException, duckdb.CatalogException)
"""What DuckDB raises for a query on something that is not there."""
LACKING = {
    "column": re.compile(r'(?:[Rr]eferenced column|column named|Column) "?(\w+)'),
    "table": re.compile(r'Table with name "?([\w.]+)'),
    "macro": re.compile(r'Function with name "?([\w.]+)'),
}
"""How DuckDB names it."""


class ReportError(Exception):
    """There is no page to make; the message says what, got, expected and the next step."""


class MissingError(Exception):
    """A section lacks its data; the message says to a reader of the page what is missing and what would bring it."""


@dataclass(frozen=True)
class Cell:
    """One value and where it stands: the query's name on the page, the row's number (from 0) and the column."""

    value: Any
    query: str
    row: int
    column: str

    @property
    def number(self) -> float:
        """The value for drawing and comparing; 0 where there is none."""
        return float(self.value or 0)


@dataclass(frozen=True)
class Row:
    """One row of a table: its cells by column."""

    cells: dict[str, Cell]

    def __getitem__(self, column: str) -> Cell:
        return self.cells[column]

    def value(self, column: str) -> Any:
        """What stands in a column: a Decimal, float, int, str, bool, date or None."""
        return self.cells[column].value

    def has(self, *columns: str) -> bool:
        """Whether none of the columns is empty."""
        return all(self.cells[column].value is not None for column in columns)


@dataclass(frozen=True)
class Table:
    """What a query gave: its name on the page, what it shows in words, its SQL, its columns and rows."""

    name: str
    caption: str
    sql: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def where(self, **values: Any) -> list[Row]:
        """The rows with these values."""
        return [row for row in self.rows if all(row.value(column) == value for column, value in values.items())]

    def first(self, **values: Any) -> Row | None:
        """The first row with these values, if there is one."""
        return next(iter(self.where(**values)), None)


@dataclass(frozen=True)
class Scope:
    """What a page speaks of: the day, the last captured day, the day's fiscal quarter, and how it was narrowed."""

    day: date
    last_day: date
    first_day: date
    quarter: str
    quarter_start: date
    quarter_end: date
    segment: str = ALL
    team: str | None = None

    @property
    def is_past(self) -> bool:
        """Whether more days were captured after the day of the page."""
        return self.day < self.last_day


@dataclass
class Marts:
    """The tables of a published file, open for reading."""

    connection: duckdb.DuckDBPyConnection
    tables: frozenset[str] = field(init=False)
    asked: dict[str, str] = field(init=False, default_factory=dict)  # each query's name and SQL

    def __post_init__(self) -> None:
        self.tables = frozenset(
            name
            for (name,) in self.connection.execute(
                "select table_name from duckdb_tables() where database_name = 'pipeline' and schema_name = 'marts'"
            ).fetchall()
        )

    def require(self, *names: str) -> None:
        """MissingError where the file, of an older version, has not all of these tables."""
        missing = [name for name in names if name not in self.tables]
        if missing:
            raise self.lacks(f"table {' and no '.join(missing)}")

    @staticmethod
    def lacks(what: str) -> MissingError:
        """What to say where a file has not all that this version asks for."""
        return MissingError(
            f"The published file has no {what}: an older version wrote it. pipeledger build publishes it anew."
        )

    def ask(self, name: str, caption: str, sql: str) -> Table:
        """The table that a query gives; `name` is what its numbers on the page refer to.

        MissingError where the file, of an older version, lacks a table or a column that the query names. ValueError
        where two queries have one name: a number would lead to the wrong one.
        """
        if self.asked.setdefault(name, sql) != sql:
            raise ValueError(f"{name}: two queries of this name, each needs its own.")
        try:
            result = self.connection.execute(sql)
        except LACKS as error:
            raise self.lacks(lacking(error)) from error
        columns = tuple(column[0] for column in result.description or ())
        rows = tuple(
            Row({column: Cell(value, name, number, column) for column, value in zip(columns, values, strict=True)})
            for number, values in enumerate(result.fetchall())
        )
        return Table(name, caption, sql, columns, rows)


def open_published(path: Path) -> duckdb.DuckDBPyConnection:
    """The published file, read-only and in UTC, its marts without their schema's name, and no other file.

    It is attached to a database in memory, so that whoever opens it again in the same process sees what was published
    since.

    ReportError where there is none, or it cannot be read.
    """
    if not path.exists():
        raise ReportError(
            f"{path}: nothing published yet, a published file expected. Run `pipeledger run`, "
            "or set PIPELEDGER_HOME to another home."
        )
    connection = duckdb.connect()
    try:
        connection.execute(f"attach {literal(str(path))} as pipeline (read_only)")
    except duckdb.Error as error:
        connection.close()
        raise ReportError(f"{path}: not readable ({error}). Run `pipeledger build` to publish it anew.") from error
    connection.execute("use pipeline.marts")
    connection.execute("set timezone = 'UTC'")
    connection.execute("set enable_external_access = false")
    return connection


def lacking(error: duckdb.Error) -> str:
    """What a query names that is not in the file, such as `column won`; DuckDB's words where they do not name it."""
    line = str(error).partition("\n")[0]
    named = ((kind, pattern.search(line)) for kind, pattern in LACKING.items())
    return next((f"{kind} {found[1]}" for kind, found in named if found), f"such tables or columns ({line})")


def literal(value: str | date) -> str:
    """A text or a day as SQL writes it."""
    if isinstance(value, date):
        return f"date '{value.isoformat()}'"
    return "'" + value.replace("'", "''") + "'"


def listed(words: Sequence[str]) -> str:
    """Words as a sentence lists them: `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else list(words))
