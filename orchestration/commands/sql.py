"""A query of the published marts, as analysts get it: read-only, in UTC, the marts without their schema's name."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from orchestration.settings.errors import ConfigError


def query_marts(path: Path, query: str) -> tuple[list[str], Sequence[tuple[Any, ...]]]:
    """The names of the columns and the rows that a query gives on the published file at `path`.

    ConfigError where nothing is published yet or the query is none, or a wrong one.
    """
    if not path.exists():
        raise ConfigError(
            f"{path}: nothing published yet. Run `pipeledger run`, or set PIPELEDGER_HOME to another home."
        )
    try:
        opened = duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        raise ConfigError(f"{path}: not readable ({error}). Run `pipeledger build` to publish it anew.") from error
    try:
        with opened as connection:
            connection.execute("set timezone = 'UTC'")
            connection.execute("set search_path = 'marts'")
            connection.execute("set disabled_optimizers = 'top_n_window_elimination'")  # see dbt_project/profiles.yml
            result: duckdb.DuckDBPyConnection | None = connection.execute(query)
            if result is None:  # blank, or nothing but comments
                raise ConfigError('sql: got no query, one expected. `pipeledger sql "show tables"` lists the marts.')
            names = [column[0] for column in result.description or []]
            rows = result.fetchall()
    except duckdb.Error as error:
        raise ConfigError(f'sql: {error}. `pipeledger sql "show tables"` lists the marts.') from error
    return names, rows
