"""Validity intervals: the ledger as dbt reads it, a cache in the warehouse file.

Every row of the ledger is one interval: `valid_from` is its day, `valid_to` the next day on which its key has a row
(9999-12-31 while there is none). Three tables per source and entity, so that a capture touches little: `versions` has
the rows and only grows, `current` has key and digest of those without an end, `ended` the ends of the others. A number
of each row's own ties them together, because joining millions of ends by key costs twice as much. One
view per source type and entity puts them together, in the schema `ledger`. The version of each Delta table is stored
in the transaction that advances its intervals: where the two differ (a crash between commit and cache, a restored
backup) the intervals are rebuilt from the ledger.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from snapshots.digest import literal, quoted
from snapshots.ledger import OWNED, LedgerTable
from snapshots.reader import insert_checked, receipts_of
from snapshots.receipts import (
    RECONSTRUCTED_SUFFIX,
    Commit,
    Receipt,
    as_json,
    from_json,
    last_commit,
    read_commits,
    tables,
)
from snapshots.store import LedgerError, Relations, Store

CONTENT = "_pl_content"
"""A hash of each current row, for comparing only: valid for one version of DuckDB and one list of columns."""
VERSION = "_pl_version"
"""The number of a row within its table: any, but never two alike."""
FORMAT = 2
"""Of these tables; a cache in any other is made anew."""
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
    try:
        opened = duckdb.connect(str(store.warehouse), config=config)
    except duckdb.IOException as error:
        if "lock" not in str(error):
            raise
        raise LedgerError(
            f"{store.warehouse.name}: another program has it open ({str(error).splitlines()[0]}). "
            "Nothing was read or written. Wait until it is done, or stop it, then run the command again."
        ) from error
    with opened as con:
        con.execute(f"set TimeZone = {literal(store.time_zone)}")
        _create_state(con)
        yield con


def refresh(store: Store, relations: Relations) -> None:
    """Brings every relation of the cache to the ledger's version and creates the empty ones.

    Cheap if all is up to date.
    """
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
        commit = last_commit(path)
        if commit is not None and stored_version(con, path) != (commit.version, commit.digest):
            rebuild_table(con, path)


def rebuild_table(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """The intervals of one Delta table, from its files.

    Raises LedgerDamagedError where they are not what was written.
    """
    table = LedgerTable(path)
    commits = list(read_commits(path))
    receipts = receipts_of(table, commits)
    part = Part.of(receipts)
    con.execute("begin")
    try:
        part.drop(con)
        part.create(con, table.columns())
        insert_checked(con, table, receipts, part.versions, VERSION)
        _end(con, part)
        con.execute("delete from intervals.receipts where source = ? and entity = ?", [part.source, part.entity])
        store_receipts(con, receipts.values())
        store_version(con, part, commits[-1])
        con.execute("commit")
    except BaseException:
        with suppress(duckdb.Error):  # a damaged file can make DuckDB give up the database that reads it
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
    def versions(self) -> str:
        """Every row of the ledger: valid_from, _pl_version, the ledger's columns, the source's."""
        return self._table("versions")

    @property
    def current(self) -> str:
        """Of the versions without an end: key, valid_from, _pl_version, _pl_change, _pl_row_digest, _pl_content.

        Not kept for events.
        """
        return self._table("current")

    @property
    def ended(self) -> str:
        """Of the others: _pl_version, valid_to."""
        return self._table("ended")

    def _table(self, which: str) -> str:
        return f"intervals.{quoted(f'{self.source}.{self.entity}.{which}')}"

    def same_key(self, left: str, right: str) -> str:
        """SQL that joins two relations on the key. Only events may have a null in theirs."""
        equal = "is not distinct from" if self.mode == "events" else "="
        return " and ".join(f"{left}.{quoted(k)} {equal} {right}.{quoted(k)}" for k in self.key)

    def keys(self, qualifier: str = "") -> str:
        """The key columns, as an SQL list."""
        return ", ".join(f"{qualifier}{quoted(k)}" for k in self.key)

    def create(self, con: duckdb.DuckDBPyConnection, columns: Mapping[str, str]) -> None:
        """Creates the tables, or adds the columns that they lack."""
        key = {name: columns[name] for name in self.key}
        for table, wanted in (
            (self.versions, {"valid_from": "DATE", VERSION: "BIGINT", **OWNED, **columns}),
            (self.current, {**key, "valid_from": "DATE", VERSION: "BIGINT", **OWNED, CONTENT: "UBIGINT"}),
            (self.ended, {VERSION: "BIGINT", "valid_to": "DATE"}),
        ):
            body = ", ".join(f"{quoted(name)} {kind}" for name, kind in wanted.items())
            con.execute(f"create table if not exists {table} ({body})")
            have = {row[0] for row in con.execute(f"describe {table}").fetchall()}
            for name in (name for name in wanted if name not in have):
                con.execute(f"alter table {table} add column {quoted(name)} {wanted[name]}")

    def drop(self, con: duckdb.DuckDBPyConnection) -> None:
        """Removes the tables."""
        for table in (self.versions, self.current, self.ended):
            con.execute(f"drop table if exists {table}")

    def rows(self) -> str:
        """SQL for all versions with their `valid_to`."""
        if self.mode == "events":
            return f"(select *, {FOREVER} as valid_to from {self.versions})"
        return (
            f"(select v.*, coalesce(e.valid_to, {FOREVER}) as valid_to from {self.versions} as v "
            f"left join {self.ended} as e on e.{VERSION} = v.{VERSION})"
        )


def stored_version(con: duckdb.DuckDBPyConnection, path: Path) -> tuple[int, str] | None:
    """The Delta version, and the digest of its receipts, that the intervals of a table stand at."""
    row = con.execute(
        "select version, digest from intervals.tables where source = ? and entity = ?",
        [path.parent.name, path.name],
    ).fetchone()
    return None if row is None else (int(row[0]), str(row[1]))


def stored_comparison(con: duckdb.DuckDBPyConnection, part: Part) -> str:
    """What the hashes of the current rows were made of; empty if they are not to be used."""
    row = con.execute(
        "select comparison from intervals.tables where source = ? and entity = ?", [part.source, part.entity]
    ).fetchone()
    return "" if row is None else str(row[0])


def store_version(con: duckdb.DuckDBPyConnection, part: Part, commit: Commit, comparison: str = "") -> None:
    """Records what version the intervals of a table stand at; belongs into the transaction that advances them."""
    con.execute(
        "insert or replace into intervals.tables values (?, ?, ?, ?, ?, ?)",
        [part.source, part.entity, part.source_type, commit.version, commit.digest, comparison],
    )


def store_receipts(con: duckdb.DuckDBPyConnection, receipts: Iterable[Receipt]) -> None:
    """Writes the receipts that now count for their days."""
    rows = [(r.source, r.entity, r.snapshot_date, json.dumps({**as_json(r), "version": r.version})) for r in receipts]
    con.execute(
        "insert or replace into intervals.receipts select unnest(?), unnest(?), unnest(?), unnest(?)",
        [list(column) for column in zip(*rows, strict=True)],
    )


def stored_days(con: duckdb.DuckDBPyConnection, source: str, entity: str) -> list[date]:
    """The captured days of a table, in order, as of the version its intervals stand at."""
    rows = con.execute(
        "select snapshot_date from intervals.receipts where source = ? and entity = ? order by snapshot_date",
        [source, entity],
    ).fetchall()
    return [row[0] for row in rows]


def stored_receipts(
    con: duckdb.DuckDBPyConnection, source: str, entity: str, first: date = date.min
) -> dict[date, Receipt]:
    """The receipts that count for a table from `first` on, by day, as of the version its intervals stand at."""
    rows = con.execute(
        "select receipt from intervals.receipts where source = ? and entity = ? and snapshot_date >= ? "
        "order by snapshot_date",
        [source, entity, first],
    ).fetchall()
    receipts = [from_json(json.loads(row[0])) for row in rows]
    return {receipt.snapshot_date: receipt for receipt in receipts}


def create_views(con: duckdb.DuckDBPyConnection, relations: Relations) -> None:
    """One view per source type and entity, over all sources of the type; empty where there is none."""
    found: dict[tuple[str, str], list[Part]] = {}
    for source, entity in con.execute("select source, entity from intervals.tables order by all").fetchall():
        last = stored_days(con, source, entity)[-1]
        part = Part.of(stored_receipts(con, source, entity, last))
        found.setdefault((part.source_type, entity.removesuffix(RECONSTRUCTED_SUFFIX)), []).append(part)
    wanted = {(kind, entity) for kind, entities in relations.items() for entity in entities}
    for kind, entity in sorted(wanted | set(found)):
        con.execute(
            f"create or replace view ledger.{quoted(f'{kind}__{entity}')} as "
            f"{_union(con, found.get((kind, entity), []))}"
        )


def _union(con: duckdb.DuckDBPyConnection, parts: Sequence[Part]) -> str:
    if not parts:
        return (
            "select " + ", ".join(f"cast(null as {kind}) as {name}" for name, kind in _FRAME.items()) + " where false"
        )
    have: dict[Part, dict[str, str]] = {}
    for part in parts:
        described = con.execute(f"describe {part.versions}").fetchall()
        have[part] = {row[0]: row[1] for row in described if row[0] not in ("valid_from", VERSION, *OWNED)}
    kinds: dict[str, set[str]] = {}
    for name, kind in (item for columns in have.values() for item in columns.items()):
        kinds.setdefault(name, set()).add(kind)
    agreed = {name: found.pop() if len(found) == 1 else "VARCHAR" for name, found in sorted(kinds.items())}
    selects = []
    for part, columns in have.items():
        origin = "reconstructed" if part.entity.endswith(RECONSTRUCTED_SUFFIX) else "observed"
        frame = f"{literal(part.source)} as source, valid_from, valid_to, _pl_change, {literal(origin)} as _pl_origin"
        cast = [
            f"cast({quoted(name) if name in columns else 'null'} as {kind}) as {quoted(name)}"
            for name, kind in agreed.items()
        ]
        rows = part.rows()
        if origin == "reconstructed":  # ends where observation begins
            seam = (
                f"(select min(snapshot_date) from intervals.receipts where source = {literal(part.source)} "
                f"and entity = {literal(part.entity.removesuffix(RECONSTRUCTED_SUFFIX))})"
            )
            rows = f"(select * replace (least(valid_to, {seam}) as valid_to) from {rows} where valid_from < {seam})"
        selects.append(f"select {', '.join([frame, *cast])} from {rows}")
    return " union all ".join(selects)


def _end(con: duckdb.DuckDBPyConnection, part: Part) -> None:
    """Fills `current` and `ended` from `versions`."""
    if part.mode == "events":
        return
    # lead() over keys needs half the memory of lead() over whole rows
    con.execute(
        f"create or replace temp table ends as select {part.keys()}, valid_from, {VERSION}, _pl_change, "
        f"_pl_row_digest, "
        f"lead(valid_from) over (partition by {part.keys()} order by valid_from) as valid_to from {part.versions}"
    )
    con.execute(f"insert into {part.ended} by name select {VERSION}, valid_to from ends where valid_to is not null")
    con.execute(
        f"insert into {part.current} by name select {part.keys()}, valid_from, {VERSION}, _pl_change, _pl_row_digest "
        "from ends where valid_to is null"
    )
    con.execute("drop table ends")


def _create_state(con: duckdb.DuckDBPyConnection) -> None:
    try:
        found = con.execute("select version from intervals.format").fetchall()
    except duckdb.CatalogException:
        found = []
    if found != [(FORMAT,)]:
        _drop_all(con)
    con.execute("create schema if not exists intervals")
    con.execute(f"create or replace view intervals.format as select {FORMAT} as version")
    con.execute("create schema if not exists ledger")
    con.execute(
        "create table if not exists intervals.tables (source varchar, entity varchar, source_type varchar, "
        "version bigint, digest varchar, comparison varchar, primary key (source, entity))"
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
        select source, source_type, entity, column_name,
            min(snapshot_date) as first_date, max(snapshot_date) as last_date
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
            Part(source, "", entity, "state", ()).drop(con)
            con.execute("delete from intervals.tables where source = ? and entity = ?", [source, entity])
            con.execute("delete from intervals.receipts where source = ? and entity = ?", [source, entity])


def _drop_all(con: duckdb.DuckDBPyConnection) -> None:
    for schema in ("ledger", "intervals"):
        con.execute(f"drop schema if exists {schema} cascade")
