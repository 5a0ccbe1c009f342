"""The published marts in a notebook, as pandas DataFrames.

    import pipeledger

    with pipeledger.open() as company:
        company.mart("rpt_pipeline_coverage")
        company.as_of("2026-03-31")
        company.sql("select stage, probability from dim_stage where stage_order > ?", [3])

Reads the published file only, and never writes it. A run may publish meanwhile: what is open stays as it was, and the
next `open` sees the new file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import pandas as pd
import pyarrow as pa

from orchestration.commands.sql import connect, describe, full_name, if_older, list_tables
from orchestration.settings.errors import ConfigError
from orchestration.settings.home import find_home
from reporting.published import LACKS

__all__ = ["ConfigError", "Marts", "open"]

NULLABLE = {
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}


class Marts:
    """The published marts of one home, open for reading; a context manager."""

    def __init__(self, path: Path) -> None:
        """Opens the published file at `path`; ConfigError where there is none, or it is damaged."""
        self._connection = connect(path)

    def mart(self, name: str, *, exact: bool = False) -> pd.DataFrame:
        """All rows of a mart. `attrs["comment"]` is its meaning, `attrs["columns"]` that of each column.

        ConfigError that names the nearest mart where there is none of that name.
        """
        attributes = self._attributes(name)
        return self._frame(f"select * from {full_name(self._connection, name)}", None, exact, attributes)

    def as_of(self, day: date | str, *, exact: bool = False) -> pd.DataFrame:
        """Each opportunity as it stood on a day (a date, or one in ISO form), closed ones included."""
        when = day if isinstance(day, date) else date.fromisoformat(day)
        return self._frame("select * from pipeline_as_of(?)", [when], exact, self._attributes("pipeline_as_of"))

    def sql(
        self, query: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None, *, exact: bool = False
    ) -> pd.DataFrame:
        """The answer to a query; `?` or `$name` in it are the parameters.

        duckdb.Error where the query is wrong, with a note where another version published the file.

        Money and ratios are float64, or `decimal.Decimal` to the cent where `exact`; days are `datetime.date`, whole
        numbers and flags are pandas' own types with NA for NULL.
        """
        return self._frame(query, parameters, exact, {})

    def tables(self) -> pd.DataFrame:
        """Every mart, view and macro with its grain."""
        names, rows = list_tables(self._connection)
        return pd.DataFrame(rows, columns=names)

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _attributes(self, name: str) -> dict[str, Any]:
        meaning, _, columns = describe(self._connection, name)
        return {"comment": meaning, "columns": {column: text for column, _, text in columns if text}}

    def _frame(
        self,
        query: str,
        parameters: Sequence[Any] | Mapping[str, Any] | None,
        exact: bool,
        attributes: Mapping[str, Any],
    ) -> pd.DataFrame:
        try:
            relation = self._connection.sql(query, params=parameters)
        except LACKS as error:
            if note := if_older(self._connection):
                error.add_note(note.strip())
            raise
        if relation is None:
            raise duckdb.InvalidInputException(f"got no query that answers, one expected: {query!r}")
        table = relation.to_arrow_table()
        if not exact:
            table = table.cast(pa.schema([_in_floats(field) for field in table.schema]))
        frame: pd.DataFrame = table.to_pandas(types_mapper=NULLABLE.get, date_as_object=True)
        frame.attrs.update(attributes)
        return frame


def open(home: str | os.PathLike[str] | None = None) -> Marts:  # noqa: A001 - read as `pipeledger.open`
    """The published marts of a home: the folder given, else PIPELEDGER_HOME, else `.pipeledger` here.

    ConfigError, which says what to run, where nothing is published yet.
    """
    environment = {**os.environ, **({"PIPELEDGER_HOME": str(home)} if home is not None else {})}
    return Marts(find_home(environment, Path.cwd()).published)


def _in_floats(field: pa.Field) -> pa.Field:
    return field.with_type(pa.float64()) if pa.types.is_decimal(field.type) else field
