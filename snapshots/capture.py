"""Capture: from the landing into the ledger, one day or many, all of a source or none of it.

Reads what a manifest vouches for, finds what changed since the previous captured day, holds it against the gates,
commits the changes with their receipts, and advances the interval cache. Nothing is written before every entity of
the source has passed. Run it alone through `pipeledger run`; it takes no clock and no environment.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa

from snapshots.difference import DayCounts, Difference, UncleanError, content
from snapshots.digest import add_digests, digest_sums, hexadecimal, literal, quoted, written_digest
from snapshots.intervals import (
    CONTENT,
    FOREVER,
    VERSION,
    Part,
    connect,
    create_views,
    rebuild_table,
    refresh_tables,
    store_receipts,
    store_version,
    stored_comparison,
    stored_days,
    stored_receipts,
    stored_version,
)
from snapshots.landed import EMAIL_DIGEST, FILE, LINE, Manifest, landed_rows, read_manifests
from snapshots.ledger import OWNED, LedgerTable, arrow_schema
from snapshots.receipts import Receipt, tables
from snapshots.store import CaptureError, Gates, LedgerDamagedError, Store

OnProgress = Callable[[str, date, int, int], None]
"""Called with entity, day, rows upserted and rows deleted, after their commit."""


@dataclass(frozen=True)
class CapturedEntity:
    """What one day of one entity came to, in rows. `changed` is False for a re-run that found nothing new."""

    entity: str
    snapshot_date: date
    source_rows: int
    upserts: int
    deletes: int
    rejected: int
    changed: bool


@dataclass(frozen=True)
class CapturedDay:
    """One day of one source."""

    snapshot_date: date
    entities: tuple[CapturedEntity, ...]


@dataclass(frozen=True)
class Captured:
    """The days that are in the ledger now, and the gates (if any) at which the capture stopped."""

    source: str
    days: tuple[CapturedDay, ...]
    tripped: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Tripped:
    day: date
    gate: str
    message: str


@dataclass
class _Draft:
    """What would be written of one entity: rows in a temporary table, receipts, and the days whose rows are "
    "replaced."""

    table: LedgerTable
    part: Part
    types: Mapping[str, str]
    difference: Difference
    receipts: list[Receipt]
    replaced: set[date]
    tripped: list[_Tripped]
    comparison: str
    is_unchanged: bool = False
    must_rebuild: bool = False


def capture(
    store: Store,
    source: str,
    days: Sequence[date],
    *,
    gates: Gates,
    accept_drop: bool,
    code_version: str,
    on_progress: OnProgress | None = None,
) -> Captured:
    """Writes the landed `days` of `source` into the ledger and advances the interval cache.

    A gate that trips keeps the days before it and stops there (`tripped` says why). Raises CaptureError, having
    written nothing of the step, for a day that is not landed whole or that may not be rewritten, and
    LedgerDamagedError for a damaged table.
    """
    if not store.landing.exists():
        raise CaptureError(f"{source}: nothing has landed. Nothing was captured. Run `pipeledger run` to land it.")
    with connect(store) as con:
        con.execute(f"attach {literal(str(store.landing))} as landing (read_only)")
        work = _Work(con, store, source, gates, accept_drop, code_version)
        done: dict[date, list[CapturedEntity]] = {}
        tripped: list[str] = []
        manifests = read_manifests(con, source, sorted(set(days)))
        refresh_tables(con, [store.ledger / source / entity for entity in manifests])
        work.check(manifests)
        for step in work.steps(manifests):
            captured, tripped = work.step(manifests, step)
            for entity in captured:
                done.setdefault(entity.snapshot_date, []).append(entity)
                if on_progress:
                    on_progress(entity.entity, entity.snapshot_date, entity.upserts, entity.deletes)
            if tripped:
                break
        create_views(con, {})
    return Captured(source, tuple(CapturedDay(day, tuple(done[day])) for day in sorted(done)), tuple(tripped))


@dataclass(frozen=True)
class _Work:
    con: duckdb.DuckDBPyConnection
    store: Store
    source: str
    gates: Gates
    accept_drop: bool
    code_version: str

    # -- which days together ------------------------------------------------------------------------

    def check(self, manifests: Mapping[str, Mapping[date, Manifest]]) -> None:
        """Refuses what may not be rewritten, and a source that changed its nature, before anything is written."""
        for entity, by_day in manifests.items():
            last = max(stored_days(self.con, self.source, entity), default=None)
            for day, manifest in by_day.items():
                if last is None:
                    continue
                if day < last and not manifest.is_dated:
                    raise CaptureError(
                        f"{self.source}.{entity}: {day} lies before the last captured day, {last}, and the "
                        "source cannot say what it held then. Nothing was captured; "
                        f"{day} stays as it is. Run `pipeledger run` for today."
                    )
                was = stored_receipts(self.con, self.source, entity, last)[last]
                if (was.source_type, was.mode, was.key) != (
                    manifest.source_type,
                    manifest.mode,
                    manifest.key,
                ):
                    raise CaptureError(
                        f"{self.source}.{entity}: got type {manifest.source_type}, mode {manifest.mode}, key "
                        f"{', '.join(manifest.key)}; its ledger has {was.source_type}, {was.mode}, "
                        f"{', '.join(was.key)}. Nothing was "
                        "captured. Give the new source a name of its own in pipeledger.toml."
                    )

    def steps(self, manifests: Mapping[str, Mapping[date, Manifest]]) -> list[list[date]]:
        """Runs of new days with equal columns, to be written together; a day that is written anew stands alone."""
        last = {entity: max(stored_days(self.con, self.source, entity), default=None) for entity in manifests}
        steps: list[list[date]] = []
        for day in sorted({day for by_day in manifests.values() for day in by_day}):
            mine = {entity: by_day[day] for entity, by_day in manifests.items() if day in by_day}
            is_new = all(was is None or day > was for was in (last[entity] for entity in mine))
            if is_new and steps and self._alike(manifests, steps[-1][-1], mine) and self._is_new(last, mine, steps[-1]):
                steps[-1].append(day)
            else:
                steps.append([day])
        return steps

    def _is_new(self, last: Mapping[str, date | None], mine: Iterable[str], step: Sequence[date]) -> bool:
        return all(was is None or step[0] > was for was in (last[entity] for entity in mine))

    def _alike(
        self, manifests: Mapping[str, Mapping[date, Manifest]], day: date, others: Mapping[str, Manifest]
    ) -> bool:
        mine = {entity: by_day[day] for entity, by_day in manifests.items() if day in by_day}

        def shape(of: Mapping[str, Manifest]) -> dict[str, object]:
            return {e: (m.kept, m.governed, m.volatile, m.deleted, m.required, m.email) for e, m in of.items()}

        return shape(mine) == shape(others)

    # -- one step: draft, gates, commit, cache ------------------------------------------------------

    def step(
        self, manifests: Mapping[str, Mapping[date, Manifest]], days: Sequence[date]
    ) -> tuple[list[CapturedEntity], list[str]]:
        """Captures `days` of all entities together, or gives the messages of the gates that tripped and what came
        before them.
        """
        drafts: list[_Draft] = []
        try:
            for entity, by_day in manifests.items():
                mine = [by_day[day] for day in days if day in by_day]
                if mine:
                    drafts.append(self._draft(entity, mine))
        except UncleanError:
            return self._one_by_one(manifests, days)
        tripped = [trip for draft in drafts if not draft.is_unchanged for trip in draft.tripped]
        if tripped and not self.accept_drop:
            before = [day for day in days if day < min(trip.day for trip in tripped)]
            captured = self.step(manifests, before)[0] if before else []
            first = min(trip.day for trip in tripped)
            return captured, [trip.message for trip in tripped if trip.day == first]
        captured = [entity for draft in drafts for entity in self._captured(draft, days)]
        self._write_personal(manifests, days)
        for draft in drafts:
            self._write(draft)
        return captured, []

    def _one_by_one(
        self, manifests: Mapping[str, Mapping[date, Manifest]], days: Sequence[date]
    ) -> tuple[list[CapturedEntity], list[str]]:
        captured: list[CapturedEntity] = []
        for day in days:
            more, tripped = self.step(manifests, [day])
            captured += more
            if tripped:
                return captured, tripped
        return captured, []

    def _draft(self, entity: str, manifests: Sequence[Manifest]) -> _Draft:
        first = manifests[0]
        table = LedgerTable(self.store.ledger / self.source / entity)
        self._check_version(table)
        part = Part(self.source, first.source_type, entity, first.mode, first.key)
        known = [day for day in stored_days(self.con, self.source, entity) if day < first.snapshot_date]
        receipts = stored_receipts(self.con, self.source, entity, known[-1] if known else date.min)
        before = [receipt for day, receipt in receipts.items() if day < first.snapshot_date]
        after = [receipt for day, receipt in receipts.items() if day > first.snapshot_date]
        types = self._types(table, first)
        compared = [name for name in types if name in first.kept and name not in (*first.key, *first.volatile)]
        comparison = f"{duckdb.__version__} {[(name, types[name]) for name in compared]}"
        is_next = not after and first.snapshot_date not in receipts
        wide = self._wide_state(table, part, types, None if is_next else first.snapshot_date)
        state = f"(select rowid, *, {CONTENT} as _content from {part.current} where _pl_change = 'upsert')"
        if part.mode == "state" and not (is_next and stored_comparison(self.con, part) == comparison):
            state = self._hashed(f"{part.source}.{entity}.state", part, wide, compared)
        salt = self._salt() if first.email else ""
        difference = Difference(
            con=self.con,
            slot=f"{self.source}.{entity}",
            part=part,
            days=[manifest.snapshot_date for manifest in manifests],
            landed=lambda condition: landed_rows(
                self.con,
                self.store,
                manifests,
                {n: k for n, k in types.items() if n in first.kept},
                salt,
                condition,
            ),
            state=state,
            wide_state=wide,
            types=types,
            compared=compared,
            carried=[name for name in types if name not in first.kept],
            volatile=first.volatile,
            is_first=not before,
            has_deleted=first.deleted is not None,
        )
        counts = difference.run()
        if part.mode == "events" and after and first.snapshot_date in receipts:
            counts = self._keep_events(table, difference)
        self._write_rejects(difference)
        drafted = self._receipts(manifests, before[-1] if before else None, counts)
        draft = _Draft(table, part, types, difference, drafted, set(difference.days), [], comparison)
        draft.tripped = self._gates(draft, first, before[-1] if before else None, counts)
        overridden = {trip.day: [t.gate for t in draft.tripped if t.day == trip.day] for trip in draft.tripped}
        draft.receipts = [replace(r, overridden=tuple(overridden.get(r.snapshot_date, ()))) for r in draft.receipts]
        if len(manifests) == 1 and first.snapshot_date in receipts:
            draft.is_unchanged = _is_same(draft.receipts[0], receipts[first.snapshot_date])
        if after and not draft.is_unchanged:
            self._rewrite_later(draft, after)
        return draft

    def _check_version(self, table: LedgerTable) -> None:
        """What is compared is the cache: the table must be what the cache was brought to."""
        stored = stored_version(self.con, table.path)
        if (stored[0] if stored else -1) != table.version:
            raise CaptureError(
                f"{table.name}: got version {table.version}, expected {stored[0] if stored else -1}. "
                "Nothing was written. "
                "Another program is writing this ledger: stop it, then run the command again."
            )

    def _types(self, table: LedgerTable, manifest: Manifest) -> dict[str, str]:
        """The columns to write: those that the ledger has keep their type forever, new ones get the governed type or
        VARCHAR.
        """
        types = table.columns()
        for name in manifest.kept:
            types.setdefault(name, manifest.governed.get(name, "VARCHAR"))
        return types

    def _hashed(self, name: str, part: Part, rows: str, compared: Sequence[str]) -> str:
        """A temporary table of `rows` as `Difference.state` wants them."""
        self.con.execute(
            f"create or replace temp table {quoted(name)} as select {part.keys()}, _pl_row_digest, "
            f"{content([*part.key, *compared])} as _content from {rows}"
        )
        return quoted(name)

    def _wide_state(self, table: LedgerTable, part: Part, types: Mapping[str, str], day: date | None) -> str:
        """SQL for the rows that existed just before `day` (None: that exist now), all columns, with their digests."""
        have = table.columns()
        typed = [
            quoted(name) if name in have else f"cast(null as {kind}) as {quoted(name)}" for name, kind in types.items()
        ]
        if table.version < 0:
            return f"(select {', '.join(typed)}, null::varchar as _pl_row_digest where false)"
        live = f"select {', '.join(typed)}, _pl_row_digest from {part.rows()} where _pl_change = 'upsert'"
        if day is None:
            return f"({live} and valid_to = {FOREVER})"
        return f"({live} and valid_from < date {literal(str(day))} and valid_to >= date {literal(str(day))})"

    def _receipts(
        self, manifests: Sequence[Manifest], before: Receipt | None, counts: Mapping[date, DayCounts]
    ) -> list[Receipt]:
        fingerprint = int(before.fingerprint, 16) if before else 0
        live = before.live_rows if before else 0
        receipts = []
        for manifest in manifests:
            day = counts[manifest.snapshot_date]
            fingerprint += day.digests_in - day.digests_out
            live += day.inserts - day.deletes
            receipts.append(
                Receipt(
                    source=manifest.source,
                    source_type=manifest.source_type,
                    entity=manifest.entity,
                    snapshot_date=manifest.snapshot_date,
                    mode=manifest.mode,
                    key=manifest.key,
                    columns=manifest.kept,
                    volatile=manifest.volatile,
                    source_rows=manifest.row_count,
                    upserts=day.upserts,
                    deletes=day.deletes,
                    rejected=day.rejected,
                    live_rows=live,
                    fingerprint=hexadecimal(fingerprint),
                    rows_digest=hexadecimal(day.rows_digest),
                    overridden=(),
                    extraction_started_at=manifest.started_at,
                    extraction_ended_at=manifest.ended_at,
                    code_version=self.code_version,
                )
            )
        return receipts

    # -- gates --------------------------------------------------------------------------------------

    def _gates(
        self, draft: _Draft, first: Manifest, before: Receipt | None, counts: Mapping[date, DayCounts]
    ) -> list[_Tripped]:
        gates, name = self.gates, f"{self.source}.{draft.part.entity}"
        lost = draft.difference.lost_values(gates.min_column_values)
        tripped: list[_Tripped] = []
        for receipt in draft.receipts:
            day = receipt.snapshot_date
            previous = f"{before.snapshot_date} ({before.live_rows:,})" if before else "no day before"

            def trip(gate: str, what: str, day: date = day) -> None:
                advice = "Nothing written. Check the export, or run again with --accept-drop."
                tripped.append(_Tripped(day, gate, f"{name}: {what} {advice}"))

            had = before.live_rows if before else 0
            is_suspicious = had if before else not first.may_begin_empty
            if receipt.mode == "state" and receipt.source_rows == 0 and is_suspicious:
                trip("empty", f"0 rows for {day}, expected about those of {previous}.")
            elif counts[day].deletes >= gates.min_deletes and _is_above(
                counts[day].deletes, gates.max_delete_rate, had
            ):
                trip(
                    "deletes",
                    f"{receipt.live_rows:,} rows for {day}, {counts[day].deletes:,} gone since {previous}, "
                    f"more than {100 * gates.max_delete_rate:g}%.",
                )
            if _is_above(receipt.rejected, gates.max_reject_rate, receipt.source_rows):
                trip(
                    "rejected",
                    f"{receipt.rejected:,} of {receipt.source_rows:,} rows for {day} rejected, more than "
                    f"{100 * gates.max_reject_rate:g}%; they and the reasons are in "
                    f"{self._rejects_file(draft.part.entity, day)}.",
                )
            for column in lost.get(day, ()):
                trip(f"column:{column}", f"column {column} has no value left for {day}, it had on {previous}.")
            before = receipt
        return tripped

    # -- days after the one that is written ---------------------------------------------------------

    def _rewrite_later(self, draft: _Draft, after: Sequence[Receipt]) -> None:
        """Adds to a draft what an earlier day changes about the later ones: their rows, in state mode those of the
        next day only.
        """
        draft.must_rebuild = True
        if draft.part.mode == "events":
            self._rewrite_later_events(draft, after)
        else:
            self._rewrite_next_day(draft, after[0])

    def _rewrite_next_day(self, draft: _Draft, following: Receipt) -> None:
        """The next captured day as a difference from the state that now stands before it.

        Its own state does not change.
        """
        part, types = draft.part, draft.types
        now = f"{quoted(f'{draft.difference.slot}.state')}"
        columns = ", ".join([*map(quoted, types), "_pl_row_digest"])
        changed = f"select 1 from {draft.difference.rows} as c where {part.same_key('c', 's')}"
        self.con.execute(
            f"create or replace temp table {now} as select {columns} from {draft.difference.wide_state} as s "
            f"where not exists ({changed}) "
            f"union all select {columns} from {draft.difference.rows} where _pl_change = 'upsert'"
        )
        day = f"date {literal(following.snapshot_date.isoformat())}"
        have = draft.table.columns()
        typed = ", ".join(quoted(n) if n in have else f"cast(null as {k}) as {quoted(n)}" for n, k in types.items())
        then = f"{quoted(f'{draft.difference.slot}.then')}"
        self.con.execute(
            f"create or replace temp table {then} as select {day} as _day, null::varchar as _problem, "
            f"_pl_change = 'delete' as _gone, {typed}, _pl_row_digest "
            f"from {part.rows()} where valid_from <= {day} and valid_to > {day}"
        )
        compared = [name for name in types if name not in (*part.key, *following.volatile)]
        following_difference = replace(
            draft.difference,
            slot=f"{draft.difference.slot}.next",
            days=[following.snapshot_date],
            landed=lambda condition: f"(select *, rowid as _row from {then} where {condition})",
            state=self._hashed(f"{draft.difference.slot}.next.state", part, now, compared),
            wide_state=now,
            compared=compared,
            carried=(),
            volatile=following.volatile,
            is_first=False,
            has_deleted=True,
        )
        following_difference.run()
        # the rows keep the digests that they were written with, so that the fingerprint of that day stays what it was
        self.con.execute(
            f"update {following_difference.rows} as s set _pl_row_digest = c._pl_row_digest from {then} as c "
            f"where s._pl_change = 'upsert' and {part.same_key('s', 'c')}"
        )
        counts = following_difference.recount()[following.snapshot_date]
        fingerprint = int(draft.receipts[-1].fingerprint, 16) + counts.digests_in - counts.digests_out
        if hexadecimal(fingerprint) != following.fingerprint:
            raise LedgerDamagedError(
                f"{draft.table.name}: {following.snapshot_date} would not be the same after "
                f"{draft.difference.days[0]} is written before "
                "it. Nothing was changed. Run `pipeledger verify`."
            )
        self.con.execute(f"insert into {draft.difference.rows} by name select * from {following_difference.rows}")
        following_difference.drop()
        draft.receipts.append(
            replace(
                following,
                upserts=counts.upserts,
                deletes=counts.deletes,
                rows_digest=hexadecimal(counts.rows_digest),
                live_rows=draft.receipts[-1].live_rows + counts.inserts - counts.deletes,
            )
        )
        draft.replaced.add(following.snapshot_date)

    def _keep_events(self, table: LedgerTable, difference: Difference) -> dict[date, DayCounts]:
        """Adds a day's events that did not land again to its rows: later days saw them too and hold no copy of them."""
        part, rows, day = difference.part, difference.rows, f"date {literal(difference.days[0].isoformat())}"
        columns = ", ".join(["valid_from as snapshot_date", *map(quoted, [*OWNED, *table.columns()])])
        self.con.execute(
            f"insert into {rows} by name select {columns} from {part.versions} as s where s.valid_from = {day} "
            f"and not exists (select 1 from {rows} as c where {part.same_key('c', 's')})"
        )
        return difference.recount()

    def _rewrite_later_events(self, draft: _Draft, after: Sequence[Receipt]) -> None:
        """Events that were first seen later move to the earlier day; all later states gain those that are new to
        them.
        """
        part, rows = draft.part, draft.difference.rows
        columns = ", ".join(["valid_from as snapshot_date", *map(quoted, OWNED), *map(quoted, draft.table.columns())])
        same = part.same_key("c", "s")
        later = f"date {literal(draft.receipts[0].snapshot_date.isoformat())}"
        moved = self.con.execute(
            f"select s.valid_from, {digest_sums('s._pl_row_digest')}, count(*) from {part.versions} as s "
            f"where s.valid_from > {later} and exists (select 1 from {rows} as c where {same}) group by all"
        ).fetchall()
        moved_on = {day: (add_digests(upper, lower), count) for day, upper, lower, count in moved}
        written = written_digest(draft.types)
        gained = draft.difference.recount()[draft.receipts[0].snapshot_date]
        upper, lower, count = self.con.execute(
            f"select {digest_sums('_pl_row_digest')}, count(*) from {part.versions} where valid_from = {later}"
        ).fetchone() or (0, 0, 0)
        fingerprint, live = gained.digests_in - add_digests(upper, lower), gained.inserts - count
        for receipt in after:
            digests, count = moved_on.get(receipt.snapshot_date, (0, 0))
            fingerprint, live = fingerprint - digests, live - count
            changed = replace(
                receipt,
                fingerprint=hexadecimal(int(receipt.fingerprint, 16) + fingerprint),
                live_rows=receipt.live_rows + live,
            )
            if count:
                draft.replaced.add(receipt.snapshot_date)
                stay = (
                    f"select {columns} from {part.versions} as s where s.valid_from = date "
                    f"{literal(str(receipt.snapshot_date))} "
                    f"and not exists (select 1 from {rows} as c where c.snapshot_date = {later} and {same})"
                )
                self.con.execute(f"insert into {rows} by name {stay}")
                digest = self.con.execute(
                    f"select {digest_sums('digest')} from (select {written} as digest from {rows} "
                    f"where snapshot_date = date {literal(str(receipt.snapshot_date))})"
                ).fetchone()
                upper, lower = digest or (0, 0)
                changed = replace(
                    changed,
                    upserts=receipt.upserts - count,
                    rows_digest=hexadecimal(add_digests(upper, lower)),
                )
            draft.receipts.append(changed)

    # -- writing ------------------------------------------------------------------------------------

    def _captured(self, draft: _Draft, days: Sequence[date]) -> list[CapturedEntity]:
        return [
            CapturedEntity(
                r.entity,
                r.snapshot_date,
                r.source_rows,
                r.upserts,
                r.deletes,
                r.rejected,
                not draft.is_unchanged,
            )
            for r in draft.receipts
            if r.snapshot_date in days
        ]

    def _write(self, draft: _Draft) -> None:
        """Commits to the Delta table, then advances the cache; a crash between the two is found by their versions."""
        if not draft.is_unchanged:
            draft.table.commit(self._arrow(draft), draft.receipts, sorted(draft.replaced))
            if draft.must_rebuild:
                rebuild_table(self.con, draft.table.path)
            else:
                self._advance(draft)
        draft.difference.drop()

    def _arrow(self, draft: _Draft) -> pa.Table:
        columns = ", ".join(
            f"timezone('UTC', {quoted(name)}) as {quoted(name)}" if kind == "TIMESTAMP" else quoted(name)
            for name, kind in draft.types.items()
        )
        owned = ", ".join(map(quoted, OWNED))
        rows = self.con.sql(
            f"select snapshot_date, {owned}, {columns} from {draft.difference.rows}"
            f"{' order by snapshot_date' if len(draft.replaced) > 1 else ''}"
        ).to_arrow_table()
        return rows.cast(arrow_schema(draft.types))

    def _advance(self, draft: _Draft) -> None:
        con, part, rows = self.con, draft.part, draft.difference.rows
        commit = draft.table.last_commit()
        if commit is None:
            raise LedgerDamagedError(f"{draft.table.name}: no commit after writing one. Run `pipeledger verify`.")
        columns = ", ".join(quoted(name) for name in [*OWNED, *draft.types])
        con.execute("begin")
        try:
            part.create(con, draft.types)
            if draft.difference.days[0] in stored_days(con, part.source, part.entity):
                self._take_back(draft)
            row = con.execute(f"select coalesce(max({VERSION}), 0) + 1 from {part.versions}").fetchone()
            number = f"{row[0] if row else 0} + rowid"
            con.execute(
                f"insert into {part.versions} (valid_from, {VERSION}, {columns}) "
                f"select snapshot_date, {number}, {columns} from {rows}"
            )
            if part.mode == "state":
                self._advance_ends(draft, number)
            store_receipts(con, (replace(receipt, version=commit.version) for receipt in draft.receipts))
            store_version(con, part, commit, draft.comparison)
            con.execute("commit")
        except BaseException:
            con.execute("rollback")
            raise

    def _advance_ends(self, draft: _Draft, number: str) -> None:
        """Ends what is current of the changed keys, and makes the last new version of each current.

        `number` is SQL for the number that a changed row has among the versions.
        """
        con, part, rows = self.con, draft.part, draft.difference.rows
        is_one = len(draft.difference.days) == 1
        first = "snapshot_date" if is_one else "min(snapshot_date)"
        firsts = f"(select {part.keys()}, {first} as valid_to from {rows}{'' if is_one else ' group by all'})"
        con.execute(
            f"insert into {part.ended} by name select c.{VERSION}, n.valid_to "
            f"from {part.current} as c join {firsts} as n on {part.same_key('c', 'n')}"
        )
        con.execute(f"delete from {part.current} as c using {firsts} as n where {part.same_key('c', 'n')}")
        following = f"lead(snapshot_date) over (partition by {part.keys()} order by snapshot_date)"
        ends = (
            f"(select *, {'null::date' if is_one else following} as valid_to "
            f"from (select {part.keys()}, snapshot_date, {number} as {VERSION}, _pl_change, _pl_row_digest, "
            f"{content([*part.key, *draft.difference.compared])} as {CONTENT} from {rows}))"
        )
        if not is_one:
            con.execute(
                f"insert into {part.ended} by name select {VERSION}, valid_to from {ends} where valid_to is not null"
            )
        con.execute(
            f"insert into {part.current} by name select {part.keys()}, snapshot_date as valid_from, {VERSION}, "
            f"_pl_change, _pl_row_digest, {CONTENT} from {ends} where valid_to is null"
        )
        if stored_comparison(con, part) != draft.comparison and not draft.difference.is_first:
            con.execute(  # `state` was hashed anew for this comparison; what has changed since is in the rows
                f"update {part.current} as c set {CONTENT} = s._content from {draft.difference.state} as s "
                f"where c.valid_from < date {literal(str(draft.difference.days[0]))} and {part.same_key('c', 's')}"
            )

    def _take_back(self, draft: _Draft) -> None:
        """Undoes the newest day in the cache, before it is written anew."""
        con, part, day = self.con, draft.part, f"date {literal(str(draft.difference.days[0]))}"
        con.execute(f"delete from {part.versions} where valid_from = {day}")
        con.execute(f"delete from {part.current} where valid_from = {day}")
        con.execute(
            f"insert into {part.current} by name select {part.keys()}, valid_from, {VERSION}, _pl_change, "
            f"_pl_row_digest, "
            f"{content([*part.key, *draft.difference.compared])} as {CONTENT} from {part.rows()} where valid_to = {day}"
        )
        con.execute(f"delete from {part.ended} where valid_to = {day}")

    # -- beside the ledger --------------------------------------------------------------------------

    def _salt(self) -> str:
        """The secret that makes digests of e-mail addresses useless to others; made once, kept with the personal
        columns. Raises CaptureError where it is lost: with another one, nobody would match their earlier self.
        """
        file = self.store.personal / "salt"
        if not file.exists():
            if any(EMAIL_DIGEST in LedgerTable(path).columns() for path in tables(self.store.ledger)):
                raise CaptureError(
                    f"{self.source}: {file} is missing, and the ledger has digests of e-mail addresses that were made "
                    "with it. Nothing was captured. Restore the folder from a backup, then run the command again."
                )
            self.store.personal.mkdir(parents=True, exist_ok=True)
            draft = file.with_suffix(".new")
            draft.touch(mode=0o600)
            with draft.open("w") as opened:
                opened.write(secrets.token_hex(32))
                opened.flush()
                os.fsync(opened.fileno())
            draft.replace(file)
        return file.read_text().strip()

    def _write_personal(self, manifests: Mapping[str, Mapping[date, Manifest]], days: Sequence[date]) -> None:
        """Replaces the personal columns by those of the newest day; earlier ones are not kept."""
        for entity, by_day in manifests.items():
            newest = max((day for day in days if day in by_day), default=None)
            captured = max(stored_days(self.con, self.source, entity), default=None)
            if newest is None or not by_day[newest].personal or (captured is not None and newest < captured):
                continue
            manifest = by_day[newest]
            columns = ", ".join(quoted(name) for name in (*manifest.key, *manifest.personal))
            rows = (
                f"select {columns} from landing.{quoted(self.source)}.{quoted(entity)} "
                f"where _pl_extraction_id = {literal(manifest.extraction_id)} and _pl_reject is null"
            )
            if manifest.deleted:
                rows += (
                    f" and lower(cast({quoted(manifest.deleted)} as varchar)) not in ('true', '1', 'yes') is not false"
                )
            _copy_to(self.con, rows, self.store.personal / self.source / f"{entity}.parquet", "format parquet")

    def _rejects_file(self, entity: str, day: date) -> Path:
        return self.store.rejects / self.source / entity / f"{day}.csv"

    def _write_rejects(self, difference: Difference) -> None:
        """A file for each day that has rejected rows: file, line, reason. A day without any has none."""
        entity = difference.part.entity
        landed = f"landing.{quoted(self.source)}.{quoted(entity)}"
        rejected = {row[0] for row in self.con.execute(f"select distinct _day from {difference.rejects}").fetchall()}
        for day in difference.days:
            file = self._rejects_file(entity, day)
            if day in rejected:
                keys = ", ".join(f"l.{quoted(k)}" for k in difference.part.key)
                rows = (
                    f"select l.{FILE} as file, l.{LINE} as line, r._problem as reason, {keys} from "
                    f"{difference.rejects} as r "
                    f"join {landed} as l on l.rowid = r._row where r._day = date {literal(str(day))} order by all"
                )
                _copy_to(self.con, rows, file, "format csv, header")
            else:
                file.unlink(missing_ok=True)


def _is_above(count: int, rate: float, of: int) -> bool:
    """Whether `count` is more than the share `rate` of `of`, with the rate as it is written: 0.29 of 100 is 29."""
    return count > Decimal(str(rate)) * of


def _is_same(new: Receipt, old: Receipt) -> bool:
    return all(
        getattr(new, name) == getattr(old, name)
        for name in ("fingerprint", "source_rows", "rejected", "live_rows", "columns", "volatile")
    )


def _copy_to(con: duckdb.DuckDBPyConnection, rows: str, file: Path, options: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(file.name + ".new")
    con.execute(f"copy ({rows}) to {literal(str(draft))} ({options})")
    draft.replace(file)
