"""Queries of the published marts, as analysts get them: read-only, in UTC, the marts without their schema's name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from orchestration.settings.errors import ConfigError
from reporting.published import LACKS, lacking
from snapshots.digest import literal

SHOW = "`pipeledger tables` lists the marts, `pipeledger tables NAME` the columns of one."
ONE_TABLE = re.compile(r"(?:describe|desc)\s+((?:\w+\.)?\w+)\s*;?\s*", re.IGNORECASE)
FIRST_SENTENCE = re.compile(r".*?[.](?=\s|$)", re.DOTALL)
FORMULA = ("=", "+", "-", "@", "\t", "\r")
ROWS_AT_ONCE = 100_000
COLUMNS = """
    select column_name, lower(data_type) as type, comment as meaning
    from duckdb_columns()
    where database_name = 'pipeline' and schema_name || '.' || table_name = $name
    order by column_index
"""
RELATIONS = """
    select schema_name, table_name as name, comment, false as is_macro
    from duckdb_tables() where database_name = 'pipeline'
    union all
    select schema_name, view_name, comment, false
    from duckdb_views() where database_name = 'pipeline' and not internal
    union all
    select schema_name, function_name || '(' || array_to_string(parameters, ', ') || ')', comment, true
    from duckdb_functions() where database_name = 'pipeline' and function_type = 'table_macro'
    order by schema_name desc, is_macro, name
"""


def connect(path: Path) -> duckdb.DuckDBPyConnection:
    """A connection that reads the published file at `path`, and no other file.

    The file is attached to a database in memory, so that whoever connects again in the same process after a run sees
    what that run published. ConfigError where nothing is published yet, or the file is damaged.
    """
    if not path.exists():
        raise ConfigError(
            f"{path}: nothing published yet. Run `pipeledger run`, or set PIPELEDGER_HOME to another home."
        )
    connection = duckdb.connect()
    try:
        connection.execute(f"attach {literal(str(path))} as pipeline (read_only)")
    except duckdb.Error as error:
        connection.close()
        raise ConfigError(f"{path}: not readable ({error}). Run `pipeledger build` to publish it anew.") from error
    connection.execute("use pipeline.marts")
    connection.execute("set timezone = 'UTC'")
    connection.execute("set disabled_optimizers = 'top_n_window_elimination'")  # see dbt_project/profiles.yml
    connection.execute("set enable_external_access = false")
    return connection


def outdated(path: Path, error: duckdb.Error) -> ConfigError:
    """What to say where a query that we wrote names what the published file does not have."""
    return ConfigError(
        f"{path}: it has no {lacking(error)}, and this version expects one: an older version wrote it. "
        "Run `pipeledger build` to publish it anew."
    )


def if_older(connection: duckdb.DuckDBPyConnection) -> str:
    """What to say besides where somebody asks for what is not there, and another version published the file."""
    from orchestration.settings.settings import code_version

    try:
        said = connection.execute("select version from about").fetchall()
    except LACKS:  # the file is older than this table
        said = []
    if said == [(code_version(),)]:
        return ""
    by = said[0][0] if said else "An older version"
    return f" {by} published the file, {code_version()} reads it: `pipeledger build` publishes what is new since."


@contextmanager
def answer(path: Path, query: str, is_ours: bool = False) -> Iterator[duckdb.DuckDBPyRelation]:
    """What a query gives on the published file at `path`, ready to be fetched.

    `describe MART` answers with the meaning of each column. ConfigError where the query is none, or a wrong one; where
    it `is_ours`, one that names what the file lacks says that the file is too old.
    """
    described = ONE_TABLE.fullmatch(query.strip())
    with connect(path) as connection:
        try:
            name = full_name(connection, described[1]) if described else None
            result: duckdb.DuckDBPyRelation | None = (
                connection.sql(COLUMNS, params={"name": name}) if name else connection.sql(query)
            )
            if result is None:  # blank, or nothing but comments
                raise ConfigError(f"sql: got no query, one expected. {SHOW}")
            yield result
        except duckdb.Error as error:
            if is_ours and isinstance(error, LACKS):
                raise outdated(path, error) from error
            text = str(error)  # of several lines where it shows the place
            more = f"{SHOW}{if_older(connection) if isinstance(error, LACKS) else ''}"
            raise ConfigError(f"sql: {text}\n{more}" if "\n" in text else f"sql: {text}. {more}") from error


def query_marts(path: Path, query: str, is_ours: bool = False) -> tuple[list[str], Sequence[tuple[Any, ...]]]:
    """The names of the columns and the rows that a query gives on the published file at `path`, as `answer` does."""
    with answer(path, query, is_ours) as result:
        return list(result.columns), result.fetchall()


def write_parquet(path: Path, query: str, target: Path) -> int:
    """Write what a query gives into a Parquet file, whole or not at all; return its rows.

    Types stay as they are: money is DECIMAL(18,2), days are DATE.
    """
    from pyarrow.parquet import ParquetWriter

    new = target.with_name(f".{target.name}.new")
    count = 0
    try:
        with answer(path, query) as result:
            batches = result.to_arrow_reader(ROWS_AT_ONCE)
            with ParquetWriter(new, batches.schema) as writer:
                for batch in batches:
                    writer.write_batch(batch)
                    count += batch.num_rows
        new.replace(target)
    except OSError as error:
        raise ConfigError(
            f"--parquet: {target} is not writable ({error.strerror or error}). Nothing was written. Name another file."
        ) from error
    finally:
        new.unlink(missing_ok=True)
    return count


def read_query(given: str | None, file: Path | None, standard_input: Iterator[str]) -> str:
    """The query of the command line: given, in a file, or `-` for standard input; ConfigError unless exactly one."""
    if (given is None) == (file is None):
        raise ConfigError(f"sql: one query expected, as QUERY, as - (standard input) or as --file FILE. {SHOW}")
    if file is not None:
        try:
            return file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"--file: {file} is not readable as text in UTF-8 ({error}). Name another file."
            ) from error
    return "".join(standard_input) if given == "-" else str(given)


def harmless(value: Any) -> Any:
    """A cell that a spreadsheet shows as it is: text that it would run as a formula begins with an apostrophe."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def list_tables(connection: duckdb.DuckDBPyConnection) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Every table, view and table macro of the published file, with its grain: the first sentence of its comment."""
    found = connection.execute(RELATIONS).fetchall()
    return ["schema", "name", "grain"], [(schema, name, first_sentence(comment)) for schema, name, comment, _ in found]


def describe(connection: duckdb.DuckDBPyConnection, name: str) -> tuple[str, list[str], Sequence[tuple[Any, ...]]]:
    """What a table, view or table macro is for; and its columns, each with type and meaning.

    ConfigError that names the nearest one where there is none of that name.
    """
    from orchestration.settings.config import nearest

    found = {f"{schema}.{shown}": comment for schema, shown, comment, _ in connection.execute(RELATIONS).fetchall()}
    full = full_name(connection, name.partition("(")[0])
    if full is None:
        near = nearest(name, [key.partition(".")[2] for key in found])
        raise ConfigError(f"no table `{name}`. {near}{if_older(connection)}")
    if full in found:
        columns: Sequence[tuple[Any, ...]] = connection.execute(COLUMNS, {"name": full}).fetchall()
    else:  # a table macro
        full = next(key for key in found if key.startswith(f"{full}("))
        columns = columns_of_macro(connection, full)
    return found[full] or "", ["column", "type", "meaning"], columns


def columns_of_macro(connection: duckdb.DuckDBPyConnection, call: str) -> Sequence[tuple[Any, ...]]:
    """The columns that a table macro gives, with the meaning they have in the table that shares most of them.

    `call` is its name with its parameters, such as `marts.pipeline_as_of(day)`.
    """
    macro, _, parameters = call.partition("(")
    given = ", ".join("null" for _ in parameters.split(","))
    columns = connection.execute(f"describe select * from {macro}({given})").fetchall()
    meanings = connection.execute(
        "select map_from_entries(list((column_name, comment))) from duckdb_columns() "
        "where database_name = 'pipeline' group by schema_name, table_name "
        "order by count(*) filter (where column_name in (select unnest($names))) desc limit 1",
        {"names": [column[0] for column in columns]},
    ).fetchall()
    (texts,) = meanings[0]
    return [(name, kind.lower(), texts.get(name)) for name, kind, *_ in columns]


def full_name(connection: duckdb.DuckDBPyConnection, name: str) -> str | None:
    """`schema.name` of a table, view or table macro that is called with or without its schema; None if none is."""
    for schema, shown, _, _ in connection.execute(RELATIONS).fetchall():
        full = f"{schema}.{shown.partition('(')[0]}"
        if name.lower() in (full, full.partition(".")[2]):
            return full
    return None


def first_sentence(text: str | None) -> str:
    """The first sentence of a text: of a mart, its grain."""
    found = FIRST_SENTENCE.match(text or "")
    return found[0] if found else text or ""
