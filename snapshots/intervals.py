"""Validity intervals: the ledger as dbt reads it, a cache in the warehouse file.

Every row of the ledger is one interval: `valid_from` is its day, `valid_to` the next day on which its key has a row (9999-12-31 while
there is none). Two tables per source and entity, `current` and `closed`, because a capture only ever touches the current ones; one view per
source type and entity in the schema `ledger`. The version of each Delta table is stored in the transaction that advances its intervals:
where the two differ (a crash between commit and cache, a restored backup) the intervals are rebuilt from the ledger.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from snapshots.digest import literal, quoted
from snapshots.ledger import OWNED, LedgerTable
from snapshots.reader import checked, scan
from snapshots.receipts import (
    RECONSTRUCTED_SUFFIX,
    Commit,
    Receipt,
    as_json,
    from_json,
    newest,
    read_commits,
    tables,
)
from snapshots.store import Relations, Store

FOREVER = "date '9999-12-31'"
_FRAME = {
    "source": "VARCHAR",
    "valid_from": "DATE",
    "valid_to": "DATE",
    "_pl_change": "VARCHAR",
    "_pl_origin": "VARCHAR",
}


@contextmanager
def connect(store: Store) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse, with the company's time zone as the session's. One writer at a time."""
    store.warehouse.parent.mkdir(parents=True, exist_ok=True)
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": "3GB",
        "temp_directory": str(store.warehouse) + ".tmp",
    }
    with duckdb.connect(str(store.warehouse), config=config) as con:
        con.execute(f"set TimeZone = {literal(store.time_zone)}")
        _create_state(con)
        yield con


def refresh(store: Store, relations: Relations) -> None:
    """Brings every relation of the cache to the ledger's version and creates the empty ones. Cheap if all is up to date."""
    with connect(store) as con:
        refresh_tables(con, tables(store.ledger))
        _drop_vanished(con, store)
        create_views(con, relations)


def rebuild(store: Store, relations: Relations) -> None:
    """The same from scratch, from the ledger alone."""
    with connect(store) as con:
        con.execute("begin")
        _drop_all(con)
        con.execute("commit")
        _create_state(con)
    refresh(store, relations)


def refresh_tables(con: duckdb.DuckDBPyConnection, paths: Iterable[Path]) -> None:
    """Rebuilds the intervals of those Delta tables whose version is not the stored one."""
    for path in paths:
        table = LedgerTable(path)
        commit = table.last_commit()
        if commit is not None and stored_version(con, path) != (commit.version, commit.digest):
            rebuild_table(con, path)


def rebuild_table(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """The intervals of one Delta table, from its files. Raises LedgerDamagedError where they are not what was written."""
    table = LedgerTable(path)
    commits = list(read_commits(path))
    receipts = newest(commits)
    con.execute("begin")
    try:
        checked(con, table, commits)
        part = Part.of(receipts)
        part.create(con, table.columns(), replace=True)
        _fill(con, table, part)
        con.execute("delete from intervals.receipts where source = ? and entity = ?", [part.source, part.entity])
        store_receipts(con, receipts.values())
        store_version(con, part, commits[-1])
        con.execute("commit")
    except BaseException:
        con.execute("rollback")
        raise


@dataclass(frozen=True)
class Part:
    """The two tables of one source and entity."""

    source: str
    source_type: str
    entity: str
    mode: str
    key: tuple[str, ...]

    @staticmethod
    def of(receipts: Mapping[date, Receipt]) -> Part:
        """From the receipts of a table: the newest day says what it is."""
        last = receipts[max(receipts)]
        return Part(last.source, last.source_type, last.entity, last.mode, last.key)

    @property
    def current(self) -> str:
        """Versions without an end."""
        return f"intervals.{quoted(f'{self.source}.{self.entity}.current')}"

    @property
    def closed(self) -> str:
        """Versions that ended, with `valid_to`."""
        return f"intervals.{quoted(f'{self.source}.{self.entity}.closed')}"

    def same_key(self, left: str, right: str) -> str:
        """SQL that joins two relations on the key. Only events may have a null in theirs."""
        equal = "is not distinct from" if self.mode == "events" else "="
        return " and ".join(f"{left}.{quoted(k)} {equal} {right}.{quoted(k)}" for k in self.key)

    def keys(self, qualifier: str = "") -> str:
        """The key columns, as an SQL list."""
        return ", ".join(f"{qualifier}{quoted(k)}" for k in self.key)

    def create(self, con: duckdb.DuckDBPyConnection, columns: Mapping[str, str], *, replace: bool = False) -> None:
        """Creates the tables, or adds the columns that they lack."""
        for table, ends in ((self.current, {}), (self.closed, {"valid_to": "DATE"})):
            wanted = {"valid_from": "DATE", **ends, **OWNED, **columns}
            body = ", ".join(f"{quoted(name)} {kind}" for name, kind in wanted.items())
            con.execute(f"create {'or replace table' if replace else 'table if not exists'} {table} ({body})")
            have = {row[0] for row in con.execute(f"describe {table}").fetchall()}
            for name in (name for name in wanted if name not in have):
                con.execute(f"alter table {table} add column {quoted(name)} {wanted[name]}")


def stored_version(con: duckdb.DuckDBPyConnection, path: Path) -> tuple[int, str] | None:
    """The Delta version, and the digest of its receipts, that the intervals of a table stand at."""
    row = con.execute(
        "select version, digest from intervals.tables where source = ? and entity = ?",
        [path.parent.name, path.name],
    ).fetchone()
    return None if row is None else (int(row[0]), str(row[1]))


def store_version(con: duckdb.DuckDBPyConnection, part: Part, commit: Commit) -> None:
    """Records what version the intervals of a table stand at; belongs into the transaction that advances them."""
    con.execute(
        "insert or replace into intervals.tables values (?, ?, ?, ?, ?)",
        [part.source, part.entity, part.source_type, commit.version, commit.digest],
    )


def store_receipts(con: duckdb.DuckDBPyConnection, receipts: Iterable[Receipt]) -> None:
    """Writes the receipts that now count for their days."""
    for r in receipts:
        con.execute(
            "insert or replace into intervals.receipts values (?, ?, ?, ?)",
            [r.source, r.entity, r.snapshot_date, json.dumps({**as_json(r), "version": r.version})],
        )


def stored_receipts(con: duckdb.DuckDBPyConnection, source: str, entity: str) -> dict[date, Receipt]:
    """The receipts that count for a table, by day, as of the version its intervals stand at."""
    rows = con.execute(
        "select receipt from intervals.receipts where source = ? and entity = ? order by snapshot_date",
        [source, entity],
    ).fetchall()
    receipts = [from_json(json.loads(row[0])) for row in rows]
    return {receipt.snapshot_date: receipt for receipt in receipts}


def create_views(con: duckdb.DuckDBPyConnection, relations: Relations) -> None:
    """One view per source type and entity, over all sources of the type; empty where there is none."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for source, entity, kind in con.execute(
        "select source, entity, source_type from intervals.tables order by all"
    ).fetchall():
        name = entity.removesuffix(RECONSTRUCTED_SUFFIX)
        found.setdefault((kind, name), []).append((source, entity))
    wanted = {(kind, entity) for kind, entities in relations.items() for entity in entities}
    for kind, entity in sorted(wanted | set(found)):
        con.execute(
            f"create or replace view ledger.{quoted(f'{kind}__{entity}')} as {_union(con, found.get((kind, entity), []))}"
        )


def _union(con: duckdb.DuckDBPyConnection, members: Sequence[tuple[str, str]]) -> str:
    tables_ = [
        (source, entity, f"{source}.{entity}.{which}") for source, entity in members for which in ("current", "closed")
    ]
    types: dict[str, set[str]] = {}
    have: dict[str, set[str]] = {}
    for _, _, table in tables_:
        described = con.execute(f"describe intervals.{quoted(table)}").fetchall()
        have[table] = {row[0] for row in described}
        for row in described:
            if row[0] not in ("valid_from", "valid_to", *OWNED):
                types.setdefault(row[0], set()).add(row[1])
    if not tables_:
        return (
            "select " + ", ".join(f"cast(null as {kind}) as {name}" for name, kind in _FRAME.items()) + " where false"
        )
    agreed = {name: kinds.pop() if len(kinds) == 1 else "VARCHAR" for name, kinds in sorted(types.items())}
    selects = []
    for source, entity, table in tables_:
        origin = "reconstructed" if entity.endswith(RECONSTRUCTED_SUFFIX) else "observed"
        columns = [
            (f"cast({quoted(name)} as {kind})" if name in have[table] else f"cast(null as {kind})")
            + f" as {quoted(name)}"
            for name, kind in agreed.items()
        ]
        until = "valid_to" if "valid_to" in have[table] else FOREVER
        frame = (
            f"{literal(source)} as source, valid_from, {until} as valid_to, _pl_change, {literal(origin)} as _pl_origin"
        )
        selects.append(f"select {', '.join([frame, *columns])} from intervals.{quoted(table)}")
    return " union all ".join(selects)


def _fill(con: duckdb.DuckDBPyConnection, table: LedgerTable, part: Part) -> None:
    rows = scan(con, table)
    columns = ", ".join(quoted(name) for name in [*OWNED, *table.columns()])
    if part.mode == "events":
        con.execute(f"insert into {part.current} (valid_from, {columns}) select snapshot_date, {columns} from {rows}")
        return
    # lead() over keys and a join back needs half the memory of lead() over whole rows
    con.execute(
        f"create or replace temp table ends as select snapshot_date as valid_from, {part.keys()}, "
        f"lead(snapshot_date) over (partition by {part.keys()} order by snapshot_date) as valid_to from {rows}"
    )
    wide = ", ".join(f"r.{quoted(name)}" for name in [*OWNED, *table.columns()])
    joined = f"from {rows} as r join ends on ends.valid_from = r.snapshot_date and {part.same_key('ends', 'r')}"
    con.execute(
        f"insert into {part.current} (valid_from, {columns}) "
        f"select r.snapshot_date, {wide} {joined} where ends.valid_to is null"
    )
    con.execute(
        f"insert into {part.closed} (valid_from, valid_to, {columns}) "
        f"select r.snapshot_date, ends.valid_to, {wide} {joined} where ends.valid_to is not null"
    )
    con.execute("drop table ends")


def _create_state(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("create schema if not exists intervals")
    con.execute("create schema if not exists ledger")
    con.execute(
        "create table if not exists intervals.tables (source varchar, entity varchar, source_type varchar, "
        "version bigint, digest varchar, primary key (source, entity))"
    )
    con.execute(
        "create table if not exists intervals.receipts (source varchar, entity varchar, snapshot_date date, "
        "receipt json, primary key (source, entity, snapshot_date))"
    )
    con.execute(
        f"""
        create or replace view ledger.receipts as
        select
            source, receipt ->> 'source_type' as source_type,
            replace(entity, '{RECONSTRUCTED_SUFFIX}', '') as entity, snapshot_date,
            case when ends_with(entity, '{RECONSTRUCTED_SUFFIX}') then 'reconstructed' else 'observed' end as origin,
            cast(receipt ->> 'source_rows' as bigint) as source_row_count,
            cast(receipt ->> 'upserts' as bigint) as upsert_count,
            cast(receipt ->> 'deletes' as bigint) as delete_count,
            cast(receipt ->> 'rejected' as bigint) as rejected_count,
            epoch_ms(epoch_ms(cast(receipt ->> 'extraction_ended_at' as timestamptz))) as captured_at,
            receipt ->> 'fingerprint' as fingerprint,
            json_array_length(receipt -> 'overridden') > 0 as is_overridden
        from intervals.receipts
        """
    )
    con.execute(
        f"""
        create or replace view ledger.extracted_columns as
        select source, source_type, entity, column_name, min(snapshot_date) as first_date, max(snapshot_date) as last_date
        from (
            select
                source, receipt ->> 'source_type' as source_type,
                replace(entity, '{RECONSTRUCTED_SUFFIX}', '') as entity,
                unnest(from_json(receipt -> 'columns', '["varchar"]')) as column_name, snapshot_date
            from intervals.receipts
        )
        group by all
        """
    )


def _drop_vanished(con: duckdb.DuckDBPyConnection, store: Store) -> None:
    present = {(path.parent.name, path.name) for path in tables(store.ledger)}
    for source, entity in con.execute("select source, entity from intervals.tables").fetchall():
        if (source, entity) not in present:
            part = Part(source, "", entity, "state", ())
            con.execute(f"drop table if exists {part.current}; drop table if exists {part.closed}")
            con.execute("delete from intervals.tables where source = ? and entity = ?", [source, entity])
            con.execute("delete from intervals.receipts where source = ? and entity = ?", [source, entity])


def _drop_all(con: duckdb.DuckDBPyConnection) -> None:
    for schema in ("ledger", "intervals"):
        con.execute(f"drop schema if exists {schema} cascade")
