"""Validity intervals: the ledger as dbt reads it, a cache in the warehouse file.

Every row of the ledger is one interval: `valid_from` is its day, `valid_to` the next day on which its key has a row
(9999-12-31 while there is none). Four tables per source and entity, so that a capture touches little: `versions` has
the rows and only grows, `current` has key and digest of those without an end, `ended` the ends of the others. A number
of each row's own ties them together, because joining millions of ends by key costs twice as much
(`entity_intervals.py`). `spellings` says which keys are one, though the ledger spells them in several ways. One view
per source type and entity puts them together, in the schema `ledger`. The version of each Delta table is stored in the
transaction that advances its intervals: where the two differ (a crash between commit and cache, a restored backup) the
intervals are rebuilt from the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date

import duckdb

from snapshots.casts import create_readings
from snapshots.dialect import Dialect
from snapshots.digest import date_literal, literal, quoted
from snapshots.entity_intervals import (
    FOREVER,
    VERSION,
    EntityIntervals,
    store_receipts,
    store_version,
    stored_days,
    stored_receipts,
    stored_version,
)
from snapshots.ledger import OWNED, LedgerTable
from snapshots.place import Place
from snapshots.reader import insert_checked, receipts_of
from snapshots.receipts import RECONSTRUCTED_SUFFIX, last_commit, read_commits
from snapshots.store import LedgerError, Relations, Store

FORMAT = 3
"""The format of the cache; one in any other format is made anew."""
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


def refresh(
    store: Store,
    relations: Relations,
    dialects: Mapping[str, Dialect] | None = None,
    last_days: Mapping[str, date] | None = None,
) -> None:
    """Brings every relation of the cache to the ledger's version and creates the empty ones.

    With them the functions that read text, also in each of the named `dialects`. Cheap if all is up to date. The views
    show the sources in `last_days` as they were on that day, as if nothing had been captured since.
    """
    with connect(store) as con:
        tables = store.ledger.tables()
        refresh_tables(con, tables)
        _drop_vanished(con, tables)
        create_views(con, relations, last_days)
        create_readings(con, dialects or {})


def rebuild(store: Store, relations: Relations, dialects: Mapping[str, Dialect] | None = None) -> None:
    """Makes the whole cache anew, every relation of it, from the ledger alone."""
    with connect(store) as con:
        con.execute("begin")
        _drop_all(con)
        con.execute("commit")
        _create_state(con)
    refresh(store, relations, dialects)


def refresh_tables(con: duckdb.DuckDBPyConnection, places: Iterable[Place]) -> None:
    """Rebuilds the intervals of those Delta tables whose version is not the stored one."""
    for place in places:
        commit = last_commit(place)
        if commit is not None and stored_version(con, place) != (commit.version, commit.digest):
            rebuild_table(con, place)


def rebuild_table(con: duckdb.DuckDBPyConnection, place: Place) -> None:
    """Makes the intervals of one Delta table anew, from its files.

    Raises LedgerDamagedError where they are not what was written.
    """
    table = LedgerTable(place)
    commits = list(read_commits(place))
    receipts = receipts_of(table, commits)
    intervals = EntityIntervals.of(receipts)
    con.execute("begin")
    try:
        intervals.drop(con)
        intervals.create(con, table.columns())
        with place.at_hand(table.file_names()):
            insert_checked(con, table, receipts, intervals.versions, VERSION)
        intervals.end_versions(con)
        intervals.note_spellings(con, table.columns())
        con.execute(
            "delete from intervals.receipts where source = ? and entity = ?", [intervals.source, intervals.entity]
        )
        store_receipts(con, receipts.values())
        store_version(con, intervals, commits[-1])
        con.execute("commit")
    except BaseException:
        with suppress(duckdb.Error):  # a damaged file can make DuckDB give up the database that reads it
            con.execute("rollback")
        raise


def create_views(
    con: duckdb.DuckDBPyConnection, relations: Relations, last_days: Mapping[str, date] | None = None
) -> None:
    """One view per source type and entity, over all sources of the type; empty where there is none.

    And those of the receipts. Both end, for a source in `last_days`, with that day.
    """
    last_days = last_days or {}
    _create_receipt_views(con, last_days)
    found = captured_entities(con)
    wanted = {(kind, entity) for kind, entities in relations.items() for entity in entities}
    for kind, entity in sorted(wanted | set(found)):
        parts = [_part(con, intervals) for intervals in found.get((kind, entity), [])]
        con.execute(f"create or replace view ledger.{quoted(relation_name(kind, entity))} as {union(parts, last_days)}")
    con.execute(f"create or replace view ledger.spellings as {_spellings(con, found.values())}")


def captured_entities(con: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], list[EntityIntervals]]:
    """What the cache holds, by source type and entity: of each source, what was observed and what was reconstructed."""
    found: dict[tuple[str, str], list[EntityIntervals]] = {}
    for source, entity in con.execute("select source, entity from intervals.tables order by all").fetchall():
        last = stored_days(con, source, entity)[-1]
        intervals = EntityIntervals.of(stored_receipts(con, source, entity, last))
        found.setdefault((intervals.source_type, intervals.observed), []).append(intervals)
    return found


def relation_name(kind: str, entity: str) -> str:
    """What the relation of an entity, over all sources of a type, is called in the schema `ledger`."""
    return f"{kind}__{entity}"


def _spellings(con: duckdb.DuckDBPyConnection, sources: Iterable[Sequence[EntityIntervals]]) -> str:
    """SQL for the keys that the ledger spells in several ways: source, entity, key_text, spellings."""
    selects = [
        "select null::varchar as source, null::varchar as entity, null::varchar as key_text, "
        "null::varchar as spellings where false"
    ]
    for intervals in (each for group in sources for each in group if each.spelled(con)):
        read = ", ".join(quoted(f"_read_{name}") for name in intervals.key)
        selects.append(
            f"select {literal(intervals.source)}, {literal(intervals.entity)}, concat_ws(', ', {read}), "
            f"string_agg('`' || concat_ws(', ', {intervals.keys()}) || '`', ' and ' order by _rank) "
            f"from {intervals.spellings} group by {read} having count(*) > 1"
        )
    return " union all ".join(selects)


@dataclass(frozen=True)
class Part:
    """One table of the ledger as part of a relation: names and types of the source's columns, and SQL for its rows.

    The rows have `valid_from`, `valid_to` and `_pl_change` besides. `seam` is SQL for the day on which observation
    begins, where the rows are reconstructed.
    """

    intervals: EntityIntervals
    columns: Mapping[str, str]
    rows: str
    seam: str


def _part(con: duckdb.DuckDBPyConnection, intervals: EntityIntervals) -> Part:
    described = con.execute(f"describe {intervals.versions}").fetchall()
    columns = {row[0]: row[1] for row in described if row[0] not in ("valid_from", VERSION, *OWNED)}
    rows = intervals.folded(intervals.rows()) if intervals.spelled(con) else intervals.rows()
    seam = (
        f"(select min(snapshot_date) from intervals.receipts where source = {literal(intervals.source)} "
        f"and entity = {literal(intervals.observed)})"
    )
    return Part(intervals, columns, rows, seam if intervals.is_reconstructed else "")


def union(parts: Sequence[Part], last_days: Mapping[str, date]) -> str:
    """SQL for the rows of one entity of several sources of a type, observed and reconstructed; none without parts.

    A column has the type that all its tables agree on, else VARCHAR, and is null where a table lacks it. Reconstructed
    intervals end where observation begins. Of a source in `last_days`, what had not ended by that day has no end.
    """
    if not parts:
        return (
            "select " + ", ".join(f"cast(null as {kind}) as {name}" for name, kind in _FRAME.items()) + " where false"
        )
    kinds: dict[str, set[str]] = {}
    for name, kind in (item for part in parts for item in part.columns.items()):
        kinds.setdefault(name, set()).add(kind)
    agreed = {name: found.pop() if len(found) == 1 else "VARCHAR" for name, found in sorted(kinds.items())}
    selects = []
    for part in parts:
        cast = [
            f"cast({quoted(name) if name in part.columns else 'null'} as {kind})"
            # as text, an instant says that it is UTC: one without an offset would be company time
            + (" || 'Z'" if (part.columns.get(name), kind) == ("TIMESTAMP", "VARCHAR") else "")
            + f" as {quoted(name)}"
            for name, kind in agreed.items()
        ]
        end, conditions = "valid_to", []
        if part.seam:
            end = f"least({end}, {part.seam})"
            conditions.append(f"valid_from < {part.seam}")
        if part.intervals.source in last_days:
            last = date_literal(last_days[part.intervals.source])
            end = f"case when {end} > {last} then {FOREVER} else {end} end"
            conditions.append(f"valid_from <= {last}")
        frame = [
            f"{literal(part.intervals.source)} as source",
            "valid_from",
            f"{end} as valid_to",
            "_pl_change",
            f"{literal('reconstructed' if part.seam else 'observed')} as _pl_origin",
        ]
        where = f" where {' and '.join(conditions)}" if conditions else ""
        selects.append(f"select {', '.join([*frame, *cast])} from {part.rows}{where}")
    return " union all ".join(selects)


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


def _create_receipt_views(con: duckdb.DuckDBPyConnection, last_days: Mapping[str, date]) -> None:
    later = [
        f"not (source = {literal(source)} and snapshot_date > date {literal(day.isoformat())})"
        for source, day in sorted(last_days.items())
    ]
    shown = f"(from intervals.receipts where {' and '.join(['true', *later])})"
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
        from {shown} as receipts
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
            from {shown} as receipts
        )
        group by all
        """
    )


def _drop_vanished(con: duckdb.DuckDBPyConnection, tables: Iterable[Place]) -> None:
    present = {place.table_name for place in tables}
    for source, entity in con.execute("select source, entity from intervals.tables").fetchall():
        if (source, entity) not in present:
            EntityIntervals(source, "", entity, "state", ()).drop(con)
            con.execute("delete from intervals.tables where source = ? and entity = ?", [source, entity])
            con.execute("delete from intervals.receipts where source = ? and entity = ?", [source, entity])


def _drop_all(con: duckdb.DuckDBPyConnection) -> None:
    for schema in ("ledger", "intervals"):
        con.execute(f"drop schema if exists {schema} cascade")
