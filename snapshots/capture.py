"""Capture: from the landing into the ledger, one day or many, all of a source or none of it.

Reads what a manifest vouches for, finds what changed since the previous captured day, holds it against the gates,
commits the changes with their receipts, and advances the interval cache. Nothing is written before every entity of
the source has passed. Run it alone through `pipeledger run`; it takes no clock and no environment.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import duckdb
import pyarrow as pa

from snapshots.difference import DayCounts, Difference, UncleanError, content, hashed_state
from snapshots.digest import date_literal, hexadecimal, literal, quoted
from snapshots.entity_intervals import (
    CONTENT,
    FOREVER,
    VERSION,
    EntityIntervals,
    store_receipts,
    store_version,
    stored_comparison,
    stored_days,
    stored_receipts,
    stored_version,
)
from snapshots.gates import TrippedGate, no_more, notes, tripped_gates
from snapshots.intervals import connect, create_views, rebuild_table, refresh_tables
from snapshots.landed import FILE, LINE, Manifest, landed_rows, read_manifests
from snapshots.ledger import OWNED, LedgerTable, arrow_schema
from snapshots.personal import email_salt, write_personal
from snapshots.receipts import RECONSTRUCTED_SUFFIX, Receipt
from snapshots.rewrite import keep_events, rewrite_later
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
    """What one day of one source came to, by entity."""

    snapshot_date: date
    entities: tuple[CapturedEntity, ...]


@dataclass(frozen=True)
class Captured:
    """The days that are in the ledger now, and the gates (if any) at which the capture stopped.

    `notes` are what a person is to hear of the captured days: rejected rows, columns that came or went.
    """

    source: str
    days: tuple[CapturedDay, ...]
    tripped: tuple[TrippedGate, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Draft:
    """What a step would commit of one entity, and what speaks against it. Nothing of it is written yet.

    difference: the rows to write, in a temporary table
    receipts: one for each day to write
    replaced: the days whose rows the commit replaces
    tripped: the gates that these days do not pass
    notes: what they do all the same, for a person to hear
    is_unchanged: whether the ledger has all of it already, so that nothing is committed
    must_rebuild: whether days after the written one change too, so that the intervals are made anew instead of advanced
    """

    table: LedgerTable
    difference: Difference
    receipts: Sequence[Receipt]
    replaced: frozenset[date]
    tripped: Sequence[TrippedGate]
    notes: Sequence[str]
    is_unchanged: bool
    must_rebuild: bool


def capture(
    store: Store,
    source: str,
    days: Sequence[date],
    *,
    gates: Gates,
    accept: Collection[str] = (),
    entities: Collection[str] | None = None,
    code_version: str,
    on_progress: OnProgress | None = None,
) -> Captured:
    """Writes the landed `days` of `source` into the ledger and advances the interval cache.

    A gate that trips keeps the days before it and stops there (`tripped` says why), unless `accept` names it. Raises
    CaptureError, having written nothing of the step, for a day that is not landed whole or that may not be rewritten,
    and LedgerDamagedError for a damaged table. `entities` are all that the source has, where it may lose one by
    mistake: one that was captured last and is not among them trips a gate, too.
    """
    if not store.landing.exists():
        raise CaptureError(f"{source}: nothing has landed. Nothing was captured. Run `pipeledger run` to land it.")
    with connect(store) as con:
        con.execute(f"attach {literal(str(store.landing))} as landing (read_only)")
        mine = _SourceCapture(con, store, source, gates, accept, code_version)
        done: dict[date, list[CapturedEntity]] = {}
        manifests = read_manifests(con, source, sorted(set(days)))
        refresh_tables(con, [store.ledger / source / entity for entity in manifests])
        mine.check(manifests)
        gone = mine.gone(entities, min(days)) if entities is not None else []
        tripped = [trip for trip in gone if not trip.is_accepted(accept)]
        for step in [] if tripped else mine.steps(manifests):
            captured, tripped = mine.step(manifests, step)
            for entity in captured:
                done.setdefault(entity.snapshot_date, []).append(entity)
                if on_progress:
                    on_progress(entity.entity, entity.snapshot_date, entity.upserts, entity.deletes)
            if tripped:
                break
        create_views(con, {})
    captured_days = tuple(CapturedDay(day, tuple(done[day])) for day in sorted(done))
    return Captured(source, captured_days, tuple(tripped), tuple(mine.notes))


@dataclass(frozen=True)
class _SourceCapture:
    """One capture of one source, on a connection with the warehouse open and the landing attached.

    A step is one or more days of all entities: it is drafted, held against the gates and committed as a whole.
    """

    con: duckdb.DuckDBPyConnection
    store: Store
    source: str
    gates: Gates
    accept: Collection[str]
    code_version: str
    notes: list[str] = field(default_factory=list)

    # -- which days together ------------------------------------------------------------------------

    def check(self, manifests: Mapping[str, Mapping[date, Manifest]]) -> None:
        """Refuses what may not be rewritten, and a source that changed its nature, before anything is written."""
        for entity, by_day in manifests.items():
            last = max(stored_days(self.con, self.source, entity), default=None)
            if last is None:
                continue
            was = stored_receipts(self.con, self.source, entity, last)[last]
            for day, manifest in by_day.items():
                if day < last and not manifest.is_dated:
                    raise CaptureError(
                        f"{self.source}.{entity}: {day} lies before the last captured day, {last}, "
                        "and the source cannot say what it held then. "
                        f"Nothing was captured; {day} stays as it is. Run `pipeledger run` for today."
                    )
                if (was.source_type, was.mode, was.key) != (manifest.source_type, manifest.mode, manifest.key):
                    raise CaptureError(
                        f"{self.source}.{entity}: got type {manifest.source_type}, mode {manifest.mode}, "
                        f"key {', '.join(manifest.key)}; "
                        f"its ledger has {was.source_type}, {was.mode}, {', '.join(was.key)}. "
                        "Nothing was captured. Give the new source a name of its own in pipeledger.toml."
                    )

    def gone(self, entities: Collection[str], day: date) -> list[TrippedGate]:
        """A gate for each entity that the last captured day (`day` or before it) has, and the source has no more."""
        rows = self.con.execute(
            "select entity, snapshot_date from intervals.receipts where source = ? and not ends_with(entity, ?) "
            "qualify snapshot_date = max(snapshot_date) over () and snapshot_date <= ? order by entity",
            [self.source, RECONSTRUCTED_SUFFIX, day],
        ).fetchall()
        return [no_more(self.source, entity, day, last) for entity, last in rows if entity not in entities]

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
        """Whether the days of `step` lie after the last captured day of each of the entities `mine`."""
        return all(was is None or step[0] > was for was in (last[entity] for entity in mine))

    def _alike(
        self, manifests: Mapping[str, Mapping[date, Manifest]], day: date, others: Mapping[str, Manifest]
    ) -> bool:
        """Whether `day` landed the entities of `others`, with the same columns in the same roles."""
        mine = {entity: by_day[day] for entity, by_day in manifests.items() if day in by_day}

        def shape(of: Mapping[str, Manifest]) -> dict[str, object]:
            return {
                e: (m.kept, m.governed, m.ids, m.volatile, m.deleted, m.required, m.email, m.dialect, m.currency)
                for e, m in of.items()
            }

        return shape(mine) == shape(others)

    # -- one step: draft, gates, commit, cache ------------------------------------------------------

    def step(
        self, manifests: Mapping[str, Mapping[date, Manifest]], days: Sequence[date]
    ) -> tuple[list[CapturedEntity], list[TrippedGate]]:
        """Captures `days` of all entities together: what each came to, and the gates that tripped.

        A tripped gate keeps the days before it, which are captured, and stops there.
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
        if not all(trip.is_accepted(self.accept) for trip in tripped):
            first = min(trip.day for trip in tripped if not trip.is_accepted(self.accept))
            before = [day for day in days if day < first]
            captured = self.step(manifests, before)[0] if before else []
            return captured, [trip for trip in tripped if trip.day == first and not trip.is_accepted(self.accept)]
        captured = [entity for draft in drafts for entity in self._captured(draft, days)]
        self._write_personal(manifests, days)
        for draft in drafts:
            self._write(draft)
        return captured, []

    def _one_by_one(
        self, manifests: Mapping[str, Mapping[date, Manifest]], days: Sequence[date]
    ) -> tuple[list[CapturedEntity], list[TrippedGate]]:
        """Captures days that cannot be compared together one at a time, up to the first that trips a gate."""
        captured: list[CapturedEntity] = []
        for day in days:
            more, tripped = self.step(manifests, [day])
            captured += more
            if tripped:
                return captured, tripped
        return captured, []

    def _draft(self, entity: str, manifests: Sequence[Manifest]) -> _Draft:
        """What `manifests`, one or more days of `entity` with equal columns, would write into its ledger.

        Rejected rows are listed in their files at once, because the message of a gate names them. Raises UncleanError
        where several days must be compared one at a time, and CaptureError where another program writes this ledger.
        """
        first = manifests[0]
        table = LedgerTable(self.store.ledger / self.source / entity)
        self._check_version(table)
        known = [day for day in stored_days(self.con, self.source, entity) if day < first.snapshot_date]
        receipts = stored_receipts(self.con, self.source, entity, known[-1] if known else date.min)
        before = receipts[known[-1]] if known else None
        after = [receipt for day, receipt in receipts.items() if day > first.snapshot_date]
        is_next = not after and first.snapshot_date not in receipts
        difference = self._difference(table, manifests, is_first=before is None, is_next=is_next)
        counts = difference.run()
        if first.mode == "events" and after and first.snapshot_date in receipts:
            counts = keep_events(difference, table)
        rejects = self._write_rejects(difference)
        drafted = self._receipts(manifests, before, counts)
        tripped = tripped_gates(self.store, self.gates, difference, first, drafted, counts, before, rejects)
        said = notes(self.store, first, drafted, before, rejects)
        drafted = [
            replace(receipt, overridden=tuple(trip.gate for trip in tripped if trip.day == receipt.snapshot_date))
            for receipt in drafted
        ]
        replaced = frozenset(difference.days)
        written_before = receipts.get(first.snapshot_date) if len(manifests) == 1 else None
        is_unchanged = written_before is not None and _is_same(drafted[0], written_before)
        must_rebuild = bool(after) and not is_unchanged
        if must_rebuild:
            later = rewrite_later(difference, table, drafted[0], after)
            drafted, replaced = [*drafted, *later.receipts], replaced | later.replaced
        return _Draft(table, difference, drafted, replaced, tripped, said, is_unchanged, must_rebuild)

    def _difference(
        self, table: LedgerTable, manifests: Sequence[Manifest], *, is_first: bool, is_next: bool
    ) -> Difference:
        """The comparison of the landed days with the state before them; nothing is compared yet.

        `is_first` says that no day was captured before them, `is_next` that none was at or after them, so that the
        state before them is the current one.
        """
        first = manifests[0]
        intervals = EntityIntervals(self.source, first.source_type, first.entity, first.mode, first.key)
        types = self._types(table, first)
        landed_types = {name: kind for name, kind in types.items() if name in first.kept}
        salt = email_salt(self.store, self.source) if first.email else ""
        slot = f"{self.source}.{first.entity}"
        spelled = intervals.spelled(self.con)
        difference = Difference(
            con=self.con,
            slot=slot,
            intervals=intervals,
            days=[manifest.snapshot_date for manifest in manifests],
            landed=lambda condition: landed_rows(
                self.con, manifests, landed_types, salt, self.store.base_currency, condition, spelled
            ),
            state=f"(select rowid, *, {CONTENT} as _content from {intervals.current} where _pl_change = 'upsert')",
            wide_state=self._wide_state(table, intervals, types, None if is_next else first.snapshot_date),
            types=types,
            compared=[name for name in landed_types if name not in (*first.key, *first.volatile)],
            carried=[name for name in types if name not in first.kept],
            volatile=first.volatile,
            is_first=is_first,
            has_deleted=first.deleted is not None,
        )
        if first.mode == "events" or (is_next and stored_comparison(self.con, intervals) == difference.comparison):
            return difference
        hashed = hashed_state(self.con, f"{slot}.state", intervals, difference.wide_state, difference.compared)
        return replace(difference, state=hashed)

    def _check_version(self, table: LedgerTable) -> None:
        """What is compared is the cache: the table must be what the cache was brought to."""
        stored = stored_version(self.con, table.place)
        if (stored[0] if stored else -1) != table.version:
            raise CaptureError(
                f"{table.name}: got version {table.version}, expected {stored[0] if stored else -1}. "
                "Nothing was written. Another program is writing this ledger: stop it, then run the command again."
            )

    def _types(self, table: LedgerTable, manifest: Manifest) -> dict[str, str]:
        """The columns to write: one that the ledger has keeps its type, a new one gets its governed type or VARCHAR."""
        types = table.columns()
        for name in manifest.kept:
            types.setdefault(name, manifest.governed.get(name, "VARCHAR"))
        return types

    def _wide_state(
        self, table: LedgerTable, intervals: EntityIntervals, types: Mapping[str, str], day: date | None
    ) -> str:
        """SQL for the rows that existed just before `day` (None: that exist now), all columns, with their digests."""
        have = table.columns()
        typed = [
            quoted(name) if name in have else f"cast(null as {kind}) as {quoted(name)}" for name, kind in types.items()
        ]
        if table.version < 0:
            return f"(select {', '.join(typed)}, null::varchar as _pl_row_digest where false)"
        live = f"select {', '.join(typed)}, _pl_row_digest from {intervals.rows()} where _pl_change = 'upsert'"
        if day is None:
            return f"({live} and valid_to = {FOREVER})"
        return f"({live} and valid_from < {date_literal(day)} and valid_to >= {date_literal(day)})"

    def _receipts(
        self, manifests: Sequence[Manifest], before: Receipt | None, counts: Mapping[date, DayCounts]
    ) -> list[Receipt]:
        """The receipts of the days of `manifests`, each continuing the one before it: first `before`, if there is one.

        The fingerprint and the number of live rows are advanced by what changed.
        """
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

    # -- writing ------------------------------------------------------------------------------------

    def _captured(self, draft: _Draft, days: Sequence[date]) -> list[CapturedEntity]:
        """What the days asked for came to; the later days that a draft writes too are not among them."""
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
            self.notes.extend(draft.notes)
            draft.table.commit(self._arrow(draft), draft.receipts, sorted(draft.replaced))
            if draft.must_rebuild:
                rebuild_table(self.con, draft.table.place)
            else:
                self._advance(draft)
        draft.difference.drop()

    def _arrow(self, draft: _Draft) -> pa.Table:
        """The rows of a draft in the schema of the ledger, the instants in UTC."""
        columns = ", ".join(
            f"timezone('UTC', {quoted(name)}) as {quoted(name)}" if kind == "TIMESTAMP" else quoted(name)
            for name, kind in draft.difference.types.items()
        )
        owned = ", ".join(map(quoted, OWNED))
        rows = self.con.sql(
            f"select snapshot_date, {owned}, {columns} from {draft.difference.rows}"
            f"{' order by snapshot_date' if len(draft.replaced) > 1 else ''}"
        ).to_arrow_table()
        return rows.cast(arrow_schema(draft.difference.types))

    def _advance(self, draft: _Draft) -> None:
        """Brings the intervals from the state before a commit to the one after it, in one transaction."""
        con, intervals, rows = self.con, draft.difference.intervals, draft.difference.rows
        commit = draft.table.last_commit()
        if commit is None:
            raise LedgerDamagedError(f"{draft.table.name}: no commit after writing one. Run `pipeledger verify`.")
        columns = ", ".join(quoted(name) for name in [*OWNED, *draft.difference.types])
        con.execute("begin")
        try:
            intervals.create(con, draft.difference.types)
            if draft.difference.days[0] in stored_days(con, intervals.source, intervals.entity):
                self._take_back(draft)
            row = con.execute(f"select coalesce(max({VERSION}), 0) + 1 from {intervals.versions}").fetchone()
            number = f"{row[0] if row else 0} + rowid"
            con.execute(
                f"insert into {intervals.versions} (valid_from, {VERSION}, {columns}) "
                f"select snapshot_date, {number}, {columns} from {rows}"
            )
            if intervals.mode == "state":
                self._advance_ends(draft, number)
            store_receipts(con, (replace(receipt, version=commit.version) for receipt in draft.receipts))
            store_version(con, intervals, commit, draft.difference.comparison)
            con.execute("commit")
        except BaseException:
            con.execute("rollback")
            raise

    def _advance_ends(self, draft: _Draft, number: str) -> None:
        """Ends what is current of the changed keys, and makes the last new version of each current.

        `number` is SQL for the number that a changed row has among the versions.
        """
        con, intervals, rows = self.con, draft.difference.intervals, draft.difference.rows
        is_one = len(draft.difference.days) == 1
        first = "snapshot_date" if is_one else "min(snapshot_date)"
        firsts = f"(select {intervals.keys()}, {first} as valid_to from {rows}{'' if is_one else ' group by all'})"
        con.execute(
            f"insert into {intervals.ended} by name select c.{VERSION}, n.valid_to "
            f"from {intervals.current} as c join {firsts} as n on {intervals.same_key('c', 'n')}"
        )
        con.execute(f"delete from {intervals.current} as c using {firsts} as n where {intervals.same_key('c', 'n')}")
        following = f"lead(snapshot_date) over (partition by {intervals.keys()} order by snapshot_date)"
        ends = (
            f"(select *, {'null::date' if is_one else following} as valid_to "
            f"from (select {intervals.keys()}, snapshot_date, {number} as {VERSION}, _pl_change, _pl_row_digest, "
            f"{content([*intervals.key, *draft.difference.compared])} as {CONTENT} from {rows}))"
        )
        if not is_one:
            con.execute(
                f"insert into {intervals.ended} by name "
                f"select {VERSION}, valid_to from {ends} where valid_to is not null"
            )
        con.execute(
            f"insert into {intervals.current} by name "
            f"select {intervals.keys()}, snapshot_date as valid_from, {VERSION}, _pl_change, _pl_row_digest, {CONTENT} "
            f"from {ends} where valid_to is null"
        )
        if stored_comparison(con, intervals) != draft.difference.comparison and not draft.difference.is_first:
            con.execute(  # `state` was hashed anew for this comparison; what has changed since is in the rows
                f"update {intervals.current} as c set {CONTENT} = s._content from {draft.difference.state} as s "
                f"where c.valid_from < {date_literal(draft.difference.days[0])} and {intervals.same_key('c', 's')}"
            )

    def _take_back(self, draft: _Draft) -> None:
        """Undoes the newest day in the cache, before it is written anew."""
        con, intervals, day = self.con, draft.difference.intervals, date_literal(draft.difference.days[0])
        con.execute(f"delete from {intervals.versions} where valid_from = {day}")
        con.execute(f"delete from {intervals.current} where valid_from = {day}")
        con.execute(
            f"insert into {intervals.current} by name select {intervals.keys()}, valid_from, {VERSION}, _pl_change, "
            f"_pl_row_digest, {content([*intervals.key, *draft.difference.compared])} as {CONTENT} "
            f"from {intervals.rows()} where valid_to = {day}"
        )
        con.execute(f"delete from {intervals.ended} where valid_to = {day}")

    # -- beside the ledger --------------------------------------------------------------------------

    def _write_personal(self, manifests: Mapping[str, Mapping[date, Manifest]], days: Sequence[date]) -> None:
        """Replaces the personal columns by those of the newest day; earlier ones are not kept."""
        for entity, by_day in manifests.items():
            newest = max((day for day in days if day in by_day), default=None)
            captured = max(stored_days(self.con, self.source, entity), default=None)
            if newest is None or not by_day[newest].personal or (captured is not None and newest < captured):
                continue
            write_personal(self.con, self.store, by_day[newest])

    def _write_rejects(self, difference: Difference) -> dict[date, str]:
        """A file for each day that has rejected rows: file, line, reason. A day without any has none.

        Gives the first of each such day.
        """
        first: dict[date, str] = {}
        entity = difference.intervals.entity
        landed = f"landing.{quoted(self.source)}.{quoted(entity)}"
        keys = difference.intervals.keys("l.")
        rejected = {row[0] for row in self.con.execute(f"select distinct _day from {difference.rejects}").fetchall()}
        for day in difference.days:
            file = self.store.rejects_file(self.source, entity, day)
            if day in rejected:
                rows = (
                    f"select l.{FILE} as file, l.{LINE} as line, r._problem as reason, {keys} "
                    f"from {difference.rejects} as r join {landed} as l on l.rowid = r._row "
                    f"where r._day = {date_literal(day)} order by all"
                )
                with self.store.place.writing(file) as draft:
                    self.con.execute(f"copy ({rows}) to {literal(str(draft))} (format csv, header)")
                name, line, reason = self.con.execute(f"select file, line, reason from ({rows}) limit 1").fetchall()[0]
                place = ", ".join(part for part in (name, line and f"line {line:,}") if part)
                first[day] = f"{place}: {reason}" if place else str(reason)
            else:
                self.store.place.delete(file)
        return first


def _is_same(new: Receipt, old: Receipt) -> bool:
    """Whether two receipts of a day describe one state from one extraction's columns and counts."""
    return all(
        getattr(new, name) == getattr(old, name)
        for name in ("fingerprint", "source_rows", "rejected", "live_rows", "columns", "volatile")
    )
