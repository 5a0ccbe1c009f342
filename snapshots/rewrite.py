"""Rewriting a day that is not the newest: what it changes about the days after it.

Only a source that can say what it held on a day may write an older day anew; that day and those it changes go into one
commit. Works on the rows that a `Difference` made for the day, adds those of the later days to them, and gives the
receipts that replace theirs. Nothing is committed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from snapshots.difference import DayCounts, Difference, hashed_state
from snapshots.digest import add_digests, date_literal, digest_sums, hexadecimal, quoted, written_digest
from snapshots.ledger import OWNED, LedgerTable
from snapshots.receipts import Receipt
from snapshots.store import LedgerDamagedError


@dataclass(frozen=True)
class Rewritten:
    """The later days that are written again: their new receipts, and those of them whose rows are replaced.

    A receipt without replaced rows tells that the whole state of its day has changed, though its own rows have not.
    """

    receipts: tuple[Receipt, ...]
    replaced: frozenset[date]


def rewrite_later(difference: Difference, table: LedgerTable, written: Receipt, after: Sequence[Receipt]) -> Rewritten:
    """What a day written anew changes about the later ones, `after` being their receipts in order of days.

    `difference` holds the rows of the day and `written` is its new receipt. In state mode only the next captured day
    has other rows, because its changes are now counted from another state; in events mode each day may lose events to
    the earlier one. Raises LedgerDamagedError where a later day would not describe the same state as before.
    """
    if difference.intervals.mode == "events":
        return _later_events(difference, table, written, after)
    return _next_day(difference, table, written, after[0])


def keep_events(difference: Difference, table: LedgerTable) -> dict[date, DayCounts]:
    """Adds a day's events that did not land again to its rows: later days saw them too and hold no copy of them.

    Gives the counts of the day as they are now.
    """
    intervals, rows, day = difference.intervals, difference.rows, date_literal(difference.days[0])
    columns = ", ".join(["valid_from as snapshot_date", *map(quoted, [*OWNED, *table.columns()])])
    difference.con.execute(
        f"insert into {rows} by name select {columns} from {intervals.versions} as s where s.valid_from = {day} "
        f"and not exists (select 1 from {rows} as c where {intervals.same_key('c', 's')})"
    )
    return difference.recount()


def _next_day(difference: Difference, table: LedgerTable, written: Receipt, following: Receipt) -> Rewritten:
    """The next captured day as a difference from the state that now stands before it.

    Its own state does not change.
    """
    con, intervals, types = difference.con, difference.intervals, difference.types
    now = quoted(f"{difference.slot}.state")
    columns = ", ".join([*map(quoted, types), "_pl_row_digest"])
    changed = f"select 1 from {difference.rows} as c where {intervals.same_key('c', 's')}"
    con.execute(
        f"create or replace temp table {now} as select {columns} from {difference.wide_state} as s "
        f"where not exists ({changed}) "
        f"union all select {columns} from {difference.rows} where _pl_change = 'upsert'"
    )
    day = date_literal(following.snapshot_date)
    have = table.columns()
    typed = ", ".join(quoted(n) if n in have else f"cast(null as {k}) as {quoted(n)}" for n, k in types.items())
    then = quoted(f"{difference.slot}.then")
    con.execute(
        f"create or replace temp table {then} as select {day} as _day, null::varchar as _problem, "
        f"_pl_change = 'delete' as _gone, {typed}, _pl_row_digest "
        f"from {intervals.rows()} where valid_from <= {day} and valid_to > {day}"
    )
    compared = [name for name in types if name not in (*intervals.key, *following.volatile)]
    next_difference = replace(
        difference,
        slot=f"{difference.slot}.next",
        days=[following.snapshot_date],
        landed=lambda condition: f"(select *, rowid as _row from {then} where {condition})",
        state=hashed_state(con, f"{difference.slot}.next.state", intervals, now, compared),
        wide_state=now,
        compared=compared,
        carried=(),
        volatile=following.volatile,
        is_first=False,
        has_deleted=True,
    )
    next_difference.run()
    # the rows keep the digests that they were written with, so that the fingerprint of that day stays what it was
    con.execute(
        f"update {next_difference.rows} as s set _pl_row_digest = c._pl_row_digest from {then} as c "
        f"where s._pl_change = 'upsert' and {intervals.same_key('s', 'c')}"
    )
    counts = next_difference.recount()[following.snapshot_date]
    fingerprint = int(written.fingerprint, 16) + counts.digests_in - counts.digests_out
    if hexadecimal(fingerprint) != following.fingerprint:
        raise LedgerDamagedError(
            f"{table.name}: {following.snapshot_date} would not be the same after {written.snapshot_date} is written "
            "before it. Nothing was changed. Run `pipeledger verify`."
        )
    con.execute(f"insert into {difference.rows} by name select * from {next_difference.rows}")
    next_difference.drop()
    receipt = replace(
        following,
        upserts=counts.upserts,
        deletes=counts.deletes,
        rows_digest=hexadecimal(counts.rows_digest),
        live_rows=written.live_rows + counts.inserts - counts.deletes,
    )
    return Rewritten((receipt,), frozenset([following.snapshot_date]))


def _later_events(difference: Difference, table: LedgerTable, written: Receipt, after: Sequence[Receipt]) -> Rewritten:
    """Events that were first seen later move to the earlier day; all later states gain those that are new to them."""
    con, intervals, rows = difference.con, difference.intervals, difference.rows
    columns = ", ".join(["valid_from as snapshot_date", *map(quoted, OWNED), *map(quoted, table.columns())])
    same = intervals.same_key("c", "s")
    day = date_literal(written.snapshot_date)
    moved = con.execute(
        f"select s.valid_from, {digest_sums('s._pl_row_digest')}, count(*) from {intervals.versions} as s "
        f"where s.valid_from > {day} and exists (select 1 from {rows} as c where {same}) group by all"
    ).fetchall()
    moved_from = {later: (add_digests(upper, lower), count) for later, upper, lower, count in moved}
    gained = difference.recount()[written.snapshot_date]
    upper, lower, count = con.execute(
        f"select {digest_sums('_pl_row_digest')}, count(*) from {intervals.versions} where valid_from = {day}"
    ).fetchone() or (0, 0, 0)
    # what the day has gained, less what has moved to it from the days up to the one at hand
    fingerprint, live = gained.digests_in - add_digests(upper, lower), gained.inserts - count
    receipts, replaced = [], set()
    for receipt in after:
        digests, count = moved_from.get(receipt.snapshot_date, (0, 0))
        fingerprint, live = fingerprint - digests, live - count
        changed = replace(
            receipt,
            fingerprint=hexadecimal(int(receipt.fingerprint, 16) + fingerprint),
            live_rows=receipt.live_rows + live,
        )
        if count:
            replaced.add(receipt.snapshot_date)
            later = date_literal(receipt.snapshot_date)
            con.execute(
                f"insert into {rows} by name select {columns} from {intervals.versions} as s "
                f"where s.valid_from = {later} "
                f"and not exists (select 1 from {rows} as c where c.snapshot_date = {day} and {same})"
            )
            upper, lower = con.execute(
                f"select {digest_sums('digest')} from ("
                f"select {written_digest(difference.types)} as digest from {rows} where snapshot_date = {later})"
            ).fetchone() or (0, 0)
            changed = replace(
                changed, upserts=receipt.upserts - count, rows_digest=hexadecimal(add_digests(upper, lower))
            )
        receipts.append(changed)
    return Rewritten(tuple(receipts), frozenset(replaced))
