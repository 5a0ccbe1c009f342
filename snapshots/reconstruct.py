"""Reconstruct: the days before the first observed one, from the history that a vendor keeps.

Takes the captured history of a source's opportunities (which field of which one changed from what to what and when,
or what its fields were after each change) and walks back from the first observed state. Writes
`<entity>_reconstructed`, a table of its own that every backfill replaces whole; it holds the key, the creation time
and the tracked fields, and nothing that the history does not say. A day's state is that at its end, in company time.
Days before the oldest recorded change are not reconstructed, because vendors forget; where a source keeps several
histories, the fields of each are null before the oldest change in it. Opportunities that were gone on the first
observed day are not reconstructed either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import duckdb

from snapshots.casts import PLAIN, RATE, cast, is_unsure
from snapshots.dialect import Dialect
from snapshots.digest import add_digests, digest_sums, hexadecimal, literal, quoted, row_digest, written_digest
from snapshots.entity_intervals import EntityIntervals, stored_receipts
from snapshots.intervals import connect, create_views, rebuild_table, refresh_tables
from snapshots.ledger import OWNED, LedgerTable, arrow_schema
from snapshots.receipts import RECONSTRUCTED_SUFFIX, Receipt
from snapshots.store import CaptureError, Store


@dataclass(frozen=True)
class History:
    """An entity of the ledger that tells what happened to opportunities; column names are the ledger's.

    It has a row for each change of a field (`field`, `old_value`, `new_value`), or one for each moment in which
    something changed, with the `states` of several fields after it (its column -> the opportunity's). `tie` puts rows
    of one instant in order, and `condition` says which rows count.
    """

    entity: str = "opportunity_change"
    opportunity_id: str = "opportunity_id"
    changed_at: str = "changed_at"
    field: str = "field"
    old_value: str = "old_value"
    new_value: str = "new_value"
    states: Mapping[str, str] | None = None
    tie: str | None = None
    condition: str = "true"


@dataclass(frozen=True)
class Reconstructed:
    """What a backfill came to.

    `unresolved` counts opportunities with a history that were gone on the first observed day.
    """

    source: str
    first_day: date
    last_day: date
    opportunities: int
    versions: int
    tracked: tuple[str, ...]
    unresolved: int
    changed: bool


def reconstruct(
    store: Store,
    source: str,
    *,
    created_at: str,
    histories: Sequence[History],
    column_of: Callable[[str], str],
    code_version: str,
    entity: str = "opportunity",
    dialect: Dialect = PLAIN,
) -> Reconstructed:
    """Replaces the reconstructed days of `source`.

    `entity` holds its opportunities, `created_at` is their column with the time of their creation, and `column_of`
    gives the column that a field of a history is about, whose old and new values are text in `dialect`. What two
    `histories` tell, the first one tells. Raises CaptureError where there is no observed day or no history to start
    from.
    """
    with connect(store) as con:
        refresh_tables(con, [store.ledger / source / name for name in (entity, *(each.entity for each in histories))])
        observed = stored_receipts(con, source, entity)
        if not observed:
            raise CaptureError(f"{source}.{entity}: no observed day to walk back from. Run `pipeledger run` first.")
        kept = [history for history in histories if stored_receipts(con, source, history.entity)]
        if not kept:
            names = " or ".join(history.entity for history in histories)
            raise CaptureError(
                f"{source}: no history captured, so the days before {min(observed)} cannot be reconstructed. "
                f"Nothing was written. Land the entity {names} of {source}, run `pipeledger run`, then this again."
            )
        work = _Backfill(con, store, source, entity, created_at, kept, observed[min(observed)], code_version, dialect)
        result = work.run(column_of)
        create_views(con, {})
    return result


@dataclass(frozen=True)
class _Backfill:
    """One reconstruction of one source, on a connection with the warehouse open. Works in temporary tables of it.

    seam: the receipt of the first observed day, whose state is walked back from
    histories: those of the source's histories that were captured
    created_at: the column that says when an opportunity came to be, where it has one
    """

    con: duckdb.DuckDBPyConnection
    store: Store
    source: str
    entity: str
    created_at: str
    histories: Sequence[History]
    seam: Receipt
    code_version: str
    dialect: Dialect

    def run(self, column_of: Callable[[str], str]) -> Reconstructed:
        """Makes the versions before the seam and commits them, unless the ledger has the very same already.

        `column_of` gives the opportunity's column that a field of a history is about. Raises CaptureError where no
        known column changed before the seam.
        """
        types = LedgerTable(self.store.ledger / self.source / self.entity).columns()
        tracked = self._changes(types, column_of)
        kept = {name: kind for name, kind in types.items() if name in (*self.seam.key, self._created(types), *tracked)}
        horizon = self.con.execute("select min(day) from changes").fetchone()
        first = horizon[0] if horizon else None
        if first is None or first >= self.seam.snapshot_date or not tracked:
            raise CaptureError(
                f"{self.source}: no change of a known column before {self.seam.snapshot_date}, the first observed day. "
                "Nothing was written. Check the field names of the history against the columns of the opportunities."
            )
        self._versions(types, kept, tracked, first)
        receipts = self._receipts(kept, first)
        table = LedgerTable(self.store.ledger / self.source / (self.entity + RECONSTRUCTED_SUFFIX))
        before = stored_receipts(self.con, self.source, self.entity + RECONSTRUCTED_SUFFIX)
        is_changed = [r.rows_digest for r in receipts] != [r.rows_digest for r in before.values()]
        if is_changed:
            all_types = table.columns() | kept
            names = [name if name in kept else f"null as {quoted(name)}" for name in all_types]
            rows = self.con.sql(
                f"select snapshot_date, {', '.join(OWNED)}, "
                + ", ".join(
                    f"timezone('UTC', {quoted(name)}) as {quoted(name)}" if kept.get(name) == "TIMESTAMP" else names[at]
                    for at, name in enumerate(all_types)
                )
                + " from versions order by snapshot_date"
            ).to_arrow_table()
            days = sorted({*before, *(receipt.snapshot_date for receipt in receipts)})
            table.commit(rows.cast(arrow_schema(all_types)), receipts, days)
            rebuild_table(self.con, table.place)
        counts = self.con.execute(
            f"select count(distinct {quoted(self.seam.key[0])}), count(*), (select count(distinct id) from changes "
            "where id not in (select id from observed)) from versions"
        ).fetchone()
        opportunities, versions, unresolved = counts or (0, 0, 0)
        last = self.seam.snapshot_date - timedelta(days=1)
        return Reconstructed(self.source, first, last, opportunities, versions, tuple(tracked), unresolved, is_changed)

    def _created(self, types: Mapping[str, str]) -> str | None:
        """The column with the time of creation, if the ledger holds it as an instant."""
        return self.created_at if types.get(self.created_at) == "TIMESTAMP" else None

    def _changes(self, types: Mapping[str, str], column_of: Callable[[str], str]) -> list[str]:
        """The changes of each field before the first observed state, and the day from which each history tells.

        Gives the tracked columns.
        """
        self.con.execute(
            "create or replace temp table changes (id varchar, tracked varchar, old_value varchar, new_value varchar, "
            "changed_at timestamp, tie varchar, day date)"
        )
        self.con.execute("create or replace temp table horizons (tracked varchar, day date)")
        zone = literal(self.store.time_zone)
        started = literal(self.seam.extraction_started_at.astimezone(UTC).replace(tzinfo=None).isoformat())
        seam = f"date {literal(str(self.seam.snapshot_date))}"
        tracked: set[str] = set()
        for history in self.histories:
            intervals = EntityIntervals.of(stored_receipts(self.con, self.source, history.entity))
            rows = f"(select * from {intervals.versions} where {history.condition})"
            told = self._states(history, rows) if history.states else self._fields(history, rows, column_of)
            fields = {field: column for field, column in told.items() if column in types and column not in tracked}
            mine = sorted({column for column in fields.values() if column not in self.seam.key})
            self.con.execute("create or replace temp table fields (field varchar, tracked varchar)")
            self.con.executemany(
                "insert into fields values (?, ?)", [[f, c] for f, c in fields.items() if c in mine] or [[None, None]]
            )
            self.con.execute(
                f"""
                create or replace temp table told as
                select id, tracked, old_value, new_value, changed_at, tie,
                    cast(timezone({zone}, timezone('UTC', changed_at)) as date) as day
                from history join fields using (field)
                """
            )
            self.con.execute(f"delete from told where day > {seam} or changed_at > timestamp {started}")
            self.con.execute(
                "insert into horizons "
                "select distinct tracked, oldest from fields, (select min(day) as oldest from told) "
                "where tracked is not null and oldest is not null"
            )
            self.con.execute("insert into changes select * from told")
            tracked.update(mine)
        return sorted(tracked)

    def _fields(self, history: History, rows: str, column_of: Callable[[str], str]) -> dict[str, str]:
        """Makes `history` of rows that each tell the change of one field; gives the column that each is about."""
        tie = quoted(history.tie) if history.tie else "''"
        self.con.execute(
            f"""
            create or replace temp table history as
            select {quoted(history.opportunity_id)} as id, {quoted(history.field)} as field,
                {quoted(history.old_value)} as old_value, {quoted(history.new_value)} as new_value,
                {quoted(history.changed_at)} as changed_at, {tie} as tie
            from {rows}
            """
        )
        return {row[0]: column_of(row[0]) for row in self.con.execute("select distinct field from history").fetchall()}

    def _states(self, history: History, rows: str) -> dict[str, str]:
        """Makes `history` of rows that each tell several fields after a change; gives their columns."""
        described = {row[0] for row in self.con.execute(f"describe {rows}").fetchall()}
        states = {name: column for name, column in (history.states or {}).items() if name in described}
        tie = quoted(history.tie) if history.tie else "''"
        by_time = f"partition by {quoted(history.opportunity_id)} order by {quoted(history.changed_at)}, {tie}"
        selects = [
            f"select {quoted(history.opportunity_id)} as id, {literal(name)} as field, "
            f"lag(cast({quoted(name)} as varchar)) over ({by_time}) as old_value, "
            f"cast({quoted(name)} as varchar) as new_value, {quoted(history.changed_at)} as changed_at, {tie} as tie "
            f"from {rows}"
            for name in states
        ]
        self.con.execute(f"create or replace temp table history as {' union all '.join(selects)}")
        return states

    def _versions(self, types: Mapping[str, str], kept: Mapping[str, str], tracked: list[str], first: date) -> None:
        """One row per opportunity and day on which a tracked field changed or the opportunity came to be."""
        con, key, created = self.con, self.seam.key[0], self._created(types)
        intervals = EntityIntervals(self.source, self.seam.source_type, self.entity, self.seam.mode, self.seam.key)
        seam = f"date {literal(str(self.seam.snapshot_date))}"
        wanted = ", ".join(quoted(name) for name in kept)
        con.execute(
            f"create or replace temp table observed as select {quoted(key)} as id, {wanted} from {intervals.rows()} "
            f"where _pl_change = 'upsert' and valid_from <= {seam} and valid_to > {seam}"
        )
        zone = literal(self.store.time_zone)
        came = f"cast(timezone({zone}, timezone('UTC', {quoted(created)})) as date)" if created else "null::date"
        con.execute(
            f"""
            create or replace temp table points as
            with starts as (
                select o.id, greatest(date {literal(str(first))}, least(any_value({came}), min(c.day))) as day
                from observed as o left join changes as c using (id)
                group by o.id
            )
            select id, day from starts where day is not null
            union select c.id, c.day from changes as c join starts as s on s.id = c.id and c.day > s.day
            union select s.id, h.day from horizons as h join starts as s on h.day > s.day
            """
        )
        con.execute(f"delete from points where day >= {seam}")
        values = []
        joins = []
        for at, name in enumerate(tracked):
            # from the first recorded change on what it says, before it the value that it replaced;
            # without any change, what was observed
            con.execute(
                f"""
                create or replace temp table {quoted(f"values.{at}")} as
                select id, day, arg_max_null(new_value, (changed_at, tie)) as value
                from changes where tracked = {literal(name)} group by id, day
                union all
                select id, date '0001-01-01', arg_min_null(old_value, (changed_at, tie))
                from changes where tracked = {literal(name)} group by id
                """
            )
            joins.append(f"asof left join {quoted(f'values.{at}')} as v{at} on v{at}.id = p.id and p.day >= v{at}.day")
            value = cast(f"v{at}.value", "VARCHAR", kept[name], self.dialect)
            if self.dialect.is_unsure and kept[name] != RATE and kept[name].startswith(("DECIMAL", "BIGINT")):
                value = f"case when not {is_unsure(f'v{at}.value', self.dialect)} then {value} end"
            joins.append(f"join horizons as h{at} on h{at}.tracked = {literal(name)}")
            values.append(
                f"case when p.day < h{at}.day then null when v{at}.id is null then o.{quoted(name)} else {value} end "
                f"as {quoted(name)}"
            )
        others = [f"o.{quoted(name)}" for name in kept if name not in tracked]
        digest = row_digest(kept)
        names = ", ".join(quoted(name) for name in kept)
        con.execute(
            f"""
            create or replace temp table versions as
            with wide as (
                select p.day as snapshot_date, {", ".join([*others, *values])}
                from points as p {" ".join(joins)} join observed as o on o.id = p.id
            ),
            digested as (select snapshot_date, 'upsert' as _pl_change, {digest} as _pl_row_digest, {names} from wide)
            select *, lag(_pl_row_digest) over (partition by {quoted(key)} order by snapshot_date) as _previous
            from digested
            """
        )
        con.execute("delete from versions where _pl_row_digest = _previous")

    def _receipts(self, kept: Mapping[str, str], first: date) -> list[Receipt]:
        """One receipt for each day from `first` to the one before the seam, whether something changed on it or not."""
        written = written_digest(kept, "_pl_row_digest")
        found = {
            row[0]: row[1:]
            for row in self.con.execute(
                "select snapshot_date, count(*), count(*) filter (where _previous is null), "
                f"{digest_sums('_pl_row_digest')}, {digest_sums('_previous')}, {digest_sums('_written')} "
                f"from (select *, {written} as _written from versions) group by snapshot_date"
            ).fetchall()
        }
        now = datetime.now(UTC)
        receipts = []
        fingerprint, live = 0, 0
        for number in range((self.seam.snapshot_date - first).days):
            day = first + timedelta(days=number)
            upserts, inserts, *sums = found.get(day, (0,) * 8)
            fingerprint += add_digests(sums[0], sums[1]) - add_digests(sums[2], sums[3])
            live += inserts
            receipts.append(
                Receipt(
                    source=self.source,
                    source_type=self.seam.source_type,
                    entity=self.entity + RECONSTRUCTED_SUFFIX,
                    snapshot_date=day,
                    mode="state",
                    key=self.seam.key,
                    columns=tuple(kept),
                    volatile=(),
                    source_rows=live,
                    upserts=upserts,
                    deletes=0,
                    rejected=0,
                    live_rows=live,
                    fingerprint=hexadecimal(fingerprint),
                    rows_digest=hexadecimal(add_digests(sums[4], sums[5])),
                    overridden=(),
                    extraction_started_at=now,
                    extraction_ended_at=now,
                    code_version=self.code_version,
                )
            )
        return receipts
