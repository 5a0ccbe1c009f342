"""Publish: the `marts` schema of the warehouse and views upon it as a file of its own, swapped in at once.

Data comes from `warehouse.duckdb` (read-only) and goes to `published/pipeline.duckdb`. A reader who has the old file
open keeps it undisturbed; the next connection sees the new one; nobody ever sees half of one.
Alone: `python -m orchestration.steps.publish <warehouse.duckdb> <pipeline.duckdb>`.
"""

import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from ingestion.entities import ENTITIES
from orchestration.settings.errors import PipeledgerError
from orchestration.settings.settings import Settings
from orchestration.steps.about import COLUMNS as ABOUT_COLUMNS
from orchestration.steps.about import COMMENT as ABOUT_COMMENT
from orchestration.steps.about import TABLE as ABOUT
from orchestration.steps.about import About, about, write_about
from orchestration.steps.closed_months import note_published
from orchestration.steps.held import read_held
from snapshots.digest import literal, quoted
from snapshots.durable import put_in_place

SCHEMA = "marts"
STORAGE_VERSION = "v1.0.0"  # the newest that every DuckDB client since 1.0 reads
PROJECT = Path(__file__).parents[2] / "dbt_project"
BESIDE_THE_MARTS = (PROJECT / "published_macros.sql", PROJECT / "published_views.sql")
"""What the file has beside the marts: table macros, and the views of schema `bi`."""
PERSONAL_COLUMNS = frozenset(
    {column for entity in ENTITIES.values() for column in entity.personal}
    | {"first_name", "last_name", "email_address", "phone_number", "mobile", "mobile_phone"}
)


class PublishError(PipeledgerError):
    """Nothing was published; the old file stays."""


@dataclass(frozen=True)
class Texts:
    """What a mart and its columns mean, in words."""

    table: str
    columns: Mapping[str, str]


@dataclass(frozen=True)
class Published:
    """What was published: the file and the rows of each mart."""

    path: Path
    rows: dict[str, int]
    bytes: int


def publish(
    warehouse: Path,
    target: Path,
    marts: Mapping[str, Texts] | None = None,
    said: About | None = None,
    scripts: Sequence[Path] = BESIDE_THE_MARTS,
) -> Published:
    """Copy all marts, or only those named and with their texts as comments, into a new file; put it in place of
    `target`. With what is `said` of the file, it gets the table `about`.

    Raises PublishError, and leaves `target` as it was, where there is nothing to publish or a column is personal.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    clear_leftovers(target)
    new = target.with_name(f".{target.name}.new")
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute("set preserve_insertion_order = true")
        connection.execute(f"attach {literal(str(warehouse))} as warehouse (read_only)")
        connection.execute(f"attach {literal(str(new))} as pipeline (storage_version {literal(STORAGE_VERSION)})")
        names = tables_to_publish(connection, None if marts is None else set(marts))
        refuse_personal_columns(connection, names)
        rows = copy_tables(connection, names)
        texts = dict(marts or {})
        if said is not None:
            write_about(connection, f"pipeline.{SCHEMA}", said)
            texts[ABOUT] = Texts(ABOUT_COMMENT, ABOUT_COLUMNS)
        write_comments(connection, texts)
        connection.execute("use pipeline")
        for script in scripts:
            connection.execute(script.read_text(encoding="utf-8"))
        write_comments_of_views(connection)
        connection.execute("use memory")
        connection.execute("checkpoint pipeline")
        connection.execute("detach pipeline")
        connection.execute("detach warehouse")
    put_in_place(new, target)
    return Published(target, rows, target.stat().st_size)


def publish_marts(settings: Settings, manifest: Mapping[str, Any]) -> Published:
    """Put the marts that the manifest names in front of people."""
    done = publish(settings.home.warehouse, settings.home.published, texts_of_marts(manifest), about(settings))
    note_published(settings, read_held(settings.home.warehouse))
    return done


def texts_of_marts(manifest: Mapping[str, Any]) -> dict[str, Texts]:
    """The models that are published, and what dbt's manifest says of each and of its columns."""
    return {
        node["alias"]: Texts(
            node["description"].strip(),
            {name: column["description"].strip() for name, column in node["columns"].items()},
        )
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["schema"] == SCHEMA
    }


def clear_leftovers(target: Path) -> None:
    """Remove what publishes that crashed left beside the published file."""
    for leftover in target.parent.glob(f".{target.name}.new*"):
        leftover.unlink()


def tables_to_publish(connection: duckdb.DuckDBPyConnection, marts: Collection[str] | None) -> list[str]:
    """The tables and views of `marts`; of those, the ones that are still models where `marts` names them."""
    found = [
        str(name)
        for (name,) in connection.execute(
            "select table_name from information_schema.tables "
            f"where table_catalog = 'warehouse' and table_schema = {literal(SCHEMA)} order by table_name"
        ).fetchall()
    ]
    missing = sorted(set(marts or ()) - set(found))
    if missing or not found:
        raise PublishError(
            f"warehouse: {', '.join(missing) or 'every table'} missing in schema {SCHEMA}. "
            "The published file stays as it was. Run `pipeledger build`."
        )
    return [name for name in found if marts is None or name in marts]


def refuse_personal_columns(connection: duckdb.DuckDBPyConnection, names: Collection[str]) -> None:
    """PublishError if a mart carries a person's name, address or number."""
    columns = connection.execute(
        "select table_name, column_name from duckdb_columns() "
        f"where database_name = 'warehouse' and schema_name = {literal(SCHEMA)}"
    ).fetchall()
    personal = [f"{table}.{column}" for table, column in columns if table in names and column in PERSONAL_COLUMNS]
    if personal:
        raise PublishError(
            f"{', '.join(sorted(personal))}: personal columns, none expected in {SCHEMA}. "
            "The published file stays as it was. "
            "Take them out of the model; a person is matched by `email_digest`."
        )


def copy_tables(connection: duckdb.DuckDBPyConnection, names: Collection[str]) -> dict[str, int]:
    """Copy the tables; return their rows."""
    connection.execute(f"create schema if not exists pipeline.{SCHEMA}")
    rows = {}
    for name in names:
        relation = f"{SCHEMA}.{quoted(name)}"
        connection.execute(f"create table pipeline.{relation} as select * from warehouse.{relation}")
        (count,) = connection.execute(f"select count(*) from pipeline.{relation}").fetchone() or (0,)
        rows[name] = int(count)
    return rows


def write_comments(connection: duckdb.DuckDBPyConnection, marts: Mapping[str, Texts]) -> None:
    """Say in the file what each table and column means."""
    statements = ["begin"]
    for table, texts in marts.items():
        place = f"pipeline.{SCHEMA}.{quoted(table)}"
        statements.append(f"comment on table {place} is {literal(texts.table)}")
        statements += [
            f"comment on column {place}.{quoted(column)} is {literal(text)}"
            for column, text in texts.columns.items()
            if text
        ]
    connection.execute(";\n".join([*statements, "commit"]))


def write_comments_of_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Say of each column of a view what its tables say of the column of that name, where they say one thing."""
    columns = connection.execute("""
        select views.schema_name, views.view_name, columns.column_name, any_value(texts.comment)
        from duckdb_views() as views
        inner join duckdb_columns() as columns
            on columns.database_name = views.database_name and columns.schema_name = views.schema_name
            and columns.table_name = views.view_name
        inner join duckdb_columns() as texts
            on texts.database_name = views.database_name and texts.schema_name = 'marts'
            and texts.column_name = columns.column_name and contains(views.sql, 'marts.' || texts.table_name)
        where views.database_name = 'pipeline' and not views.internal and texts.comment is not null
        group by all
        having count(distinct texts.comment) = 1
    """).fetchall()
    statements = [
        f"comment on column pipeline.{quoted(schema)}.{quoted(view)}.{quoted(column)} is {literal(text)}"
        for schema, view, column, text in columns
    ]
    connection.execute(";\n".join(["begin", *statements, "commit"]))


if __name__ == "__main__":
    print(publish(Path(sys.argv[1]), Path(sys.argv[2])))
