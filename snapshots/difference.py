"""What changed: the difference between the last known state of an entity and what was landed for one or more days.

One formulation for a single day and for many: each day's rows are joined in full to those of the day before it, the first day's to
the last state in the ledger, and only rows whose content differs come out. DuckDB's `hash()` compares within the run; the digests that are kept
are MD5 (see `digest`). Works in temporary tables of the connection, named after `slot`; nothing outside them is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import duckdb

from snapshots.digest import add_digests, digest_sums, literal, quoted, row_digest, without
from snapshots.intervals import Part
from snapshots.ledger import OWNED


class UncleanError(Exception):
    """Days with rejected or doubled rows or lost columns are compared one at a time."""


@dataclass(frozen=True)
class DayCounts:
    """One day of a difference. Sums are of row digests, as 128-bit integers."""

    upserts: int = 0
    deletes: int = 0
    inserts: int = 0
    rejected: int = 0
    digests_in: int = 0
    digests_out: int = 0
    rows_digest: int = 0


@dataclass(frozen=True)
class Difference:
    """Compares `landed` (see `landed.landed_rows`, called with a row filter) with `state`, the live rows before the first day.

    `types` are the columns to write, `compared` those of them that make versions, `digested` those that the row digest covers.
    """

    con: duckdb.DuckDBPyConnection
    slot: str
    part: Part
    days: Sequence[date]
    landed: Callable[[str], str]
    state: str
    types: Mapping[str, str]
    carried: Sequence[str] = ()
    volatile: Sequence[str] = ()
    is_first: bool = False

    @property
    def rows(self) -> str:
        """The temporary table of changed rows: snapshot_date, the ledger's columns, the source's."""
        return self._table("rows")

    @property
    def rejects(self) -> str:
        """The temporary table of rejected rows: _day, _row, _problem."""
        return self._table("rejects")

    @cached_property
    def compared(self) -> list[str]:
        """The columns that make versions, but for the key (by which rows are matched)."""
        left_out = {*self.part.key, *self.carried, *self.volatile}
        return [name for name in self.types if name not in left_out]

    def run(self) -> dict[date, DayCounts]:
        """Makes `rows` and `rejects`, and gives the counts of each day. Raises UncleanError for several days with rejected rows."""
        if self.carried and len(self.days) > 1:
            raise UncleanError
        self._narrow()
        if self.part.mode == "events":
            self._new_events()
        else:
            self._changes()
        self._reject()
        self._widen()
        return self.recount()

    def drop(self) -> None:
        """Removes the temporary tables."""
        for name in ("narrow", "changes", "rejects", "rows"):
            self.con.execute(f"drop table if exists {self._table(name)}")

    def _table(self, name: str) -> str:
        return quoted(f"{self.slot}.{name}")

    def _content(self) -> str:
        return f"hash({', '.join(quoted(name) for name in self.compared)})" if self.compared else "0::ubigint"

    def _narrow(self) -> None:
        self.con.execute(
            f"create or replace temp table {self._table('narrow')} as "
            f"select _day, _row, _problem, _gone, {self.part.keys()}, {self._content()} as _content from {self.landed('true')}"
        )
        if len(self.days) > 1 and self._is_unclean():
            raise UncleanError

    def _is_unclean(self) -> bool:
        narrow = self._table("narrow")
        if self.con.execute(f"select 1 from {narrow} where _problem is not null limit 1").fetchone():
            return True
        doubled = f"select 1 from {narrow} group by _day, {self.part.keys()} having count(*) > 1 limit 1"
        return self.con.execute(doubled).fetchone() is not None

    def _changes(self) -> None:
        """Full join of each day with the day before it; what differs stays."""
        narrow = self._table("narrow")
        first = literal(self.days[0].isoformat())
        before = f"select date {first} as _day, {self.part.keys()}, {self._content()} as _content from {self.state}"
        for day, following in zip(self.days, self.days[1:], strict=False):
            before += (
                f" union all select date {literal(following.isoformat())}, {self.part.keys()}, _content "
                f"from {narrow} where not _gone and _day = date {literal(day.isoformat())}"
            )
        same_day = "l._day = b._day and " if len(self.days) > 1 else ""
        keys = ", ".join(f"coalesce(l.{quoted(k)}, b.{quoted(k)}) as {quoted(k)}" for k in self.part.key)
        self.con.execute(
            f"""
            create or replace temp table {self._table("changes")} as
            select coalesce(l._day, b._day) as _day, l._row as _row, l._row is null as _is_delete, {keys}
            from (select * from {narrow} where _problem is null and not _gone) as l
            full join ({before}) as b on {same_day}{self.part.same_key("l", "b")}
            where l._content is distinct from b._content
            """
        )

    def _new_events(self) -> None:
        """The first landed row of each key that the state does not hold."""
        self.con.execute(
            f"""
            create or replace temp table {self._table("changes")} as
            select min(_day) as _day, min(_row) as _row, false as _is_delete, {self.part.keys()}
            from {self._table("narrow")} as l
            where _problem is null and not _gone
                and not exists (select 1 from {self.state} as b where {self.part.same_key("l", "b")})
            group by {self.part.keys()}
            """
        )

    def _reject(self) -> None:
        """Takes out of the changes what rejected rows must not change: doubled keys, and deletes of keys that were there, unreadable."""
        narrow, changes, rejects = self._table("narrow"), self._table("changes"), self._table("rejects")
        same = self.part.same_key("n", "c")
        self.con.execute(
            f"create or replace temp table {rejects} as select _day, _row, _problem from {narrow} where _problem is not null"
        )
        same_day = "" if len(self.days) == 1 else "n._day = c._day and "
        doubled = f"""
            select _day, {self.part.keys()}, count(*) as _copies,
                min(_content) <> max(_content) or count(_problem) > 0 or bool_or(_gone) <> bool_and(_gone) as _differ
            from {narrow} as n
            where exists (select 1 from {changes} as c where {same_day}{same} and not c._is_delete)
            group by _day, {self.part.keys()} having count(*) > 1
        """
        self.con.execute(f"create or replace temp table {self._table('doubled')} as {doubled}")
        if self.con.execute(f"select 1 from {self._table('doubled')} limit 1").fetchone():
            differ = f"(select * from {self._table('doubled')} where _differ)"
            self.con.execute(
                f"insert into {rejects} select n._day, n._row, 'key comes ' || c._copies || ' times with different content' "
                f"from {narrow} as n join {differ} as c on n._day = c._day and {same} where n._problem is null"
            )
            self.con.execute(f"delete from {changes} as n using {differ} as c where n._day = c._day and {same}")
            self.con.execute(
                f"delete from {changes} as n using (select _day, {self.part.keys()}, min(_row) as _first from {changes} "
                f"where not _is_delete group by all) as c where n._day = c._day and {same} and n._row > c._first"
            )
        self.con.execute(f"drop table {self._table('doubled')}")
        if self.con.execute(f"select 1 from {rejects} limit 1").fetchone():
            kept = f"(select distinct {self.part.keys()} from {narrow} where _problem is not null)"
            self.con.execute(f"delete from {changes} as n using {kept} as c where n._is_delete and {same}")
        if self.con.execute(f"select 1 from {narrow} where _gone limit 1").fetchone():
            gone = (
                f"(select _day, {self.part.keys()}, min(_row) as _row from {narrow} "
                "where _gone and _problem is null group by all)"
            )
            self.con.execute(
                f"update {changes} as n set _row = c._row from {gone} as c where n._is_delete and n._day = c._day and {same}"
            )

    def _widen(self) -> None:
        """The changed rows with all their columns, their digest and the digest of the version that each replaces."""
        changes = self._table("changes")
        landed = self.landed("true" if self.is_first else f"rowid in (select _row from {changes})")
        others = [name for name in self.types if name not in self.part.key]
        wanted = [f"c.{quoted(k)}" for k in self.part.key]
        for name in others:
            wanted.append(
                f"case when not c._is_delete then b.{quoted(name)} end as {quoted(name)}"
                if name in self.carried
                else f"l.{quoted(name)}"
            )
        carried = f"left join {self.state} as b on {self.part.same_key('b', 'c')}" if self.carried else ""
        digest = row_digest(without(self.types, self.volatile))
        names = ", ".join(quoted(name) for name in self.types)
        previous = f"(select {self.part.keys()}, _pl_row_digest from {self.state} where {self._is_changed()})"
        if self.is_first or self.part.mode == "events":
            previous = f"(select {self.part.keys()}, null as _pl_row_digest from {changes} where false)"
        self.con.execute(
            f"""
            create or replace temp table {self.rows} as
            with wide as (
                select c._day as snapshot_date, c._is_delete, {", ".join(wanted)}
                from {changes} as c left join {landed} as l on l._row = c._row {carried}
            ),
            digested as (
                select snapshot_date, case when _is_delete then 'delete' else 'upsert' end as _pl_change,
                    case when not _is_delete then {digest} end as _pl_row_digest, {names}
                from wide
            )
            select w.*, case when row_number() over by_key = 1 then p._pl_row_digest
                else lag(w._pl_row_digest) over by_key end as _previous
            from digested as w left join {previous} as p on {self.part.same_key("w", "p")}
            window by_key as (partition by {self.part.keys("w.")} order by w.snapshot_date)
            """
        )

    def _is_changed(self) -> str:
        one = self.part.key[0]
        return f"{quoted(one)} in (select {quoted(one)} from {self._table('changes')})"

    def recount(self) -> dict[date, DayCounts]:
        """The counts of each day as `rows` and `rejects` stand now."""
        written = row_digest({**OWNED, **self.types})
        found = {
            row[0]: DayCounts(
                upserts=row[1],
                deletes=row[2],
                inserts=row[3],
                digests_in=add_digests(row[4], row[5]),
                digests_out=add_digests(row[6], row[7]),
                rows_digest=add_digests(row[8], row[9]),
            )
            for row in self.con.execute(
                f"""
                select snapshot_date, count(*) filter (where _pl_change = 'upsert'),
                    count(*) filter (where _pl_change = 'delete'),
                    count(*) filter (where _pl_change = 'upsert' and _previous is null),
                    {digest_sums("_pl_row_digest")}, {digest_sums("_previous")}, {digest_sums("_written")}
                from (select *, {written} as _written from {self.rows}) group by snapshot_date
                """
            ).fetchall()
        }
        rejected = dict(self.con.execute(f"select _day, count(*) from {self.rejects} group by _day").fetchall())
        return {day: replace(found.get(day, DayCounts()), rejected=rejected.get(day, 0)) for day in self.days}

    def lost_values(self, at_least: int) -> dict[date, list[str]]:
        """Columns that held `at_least` values in a day's state and hold none on the next, by that next day."""
        candidates = self._emptied(at_least)
        if not candidates or self.part.mode == "events":
            return {}
        counted = ", ".join(f"count({quoted(name)})" for name in candidates)
        before = self.con.execute(f"select {counted} from {self.state}").fetchone() or ()
        good = "_problem is null and not _gone"
        days = {
            row[0]: row[1:]
            for row in self.con.execute(
                f"select _day, {counted} from {self.landed('true')} where {good} group by _day order by _day"
            ).fetchall()
        }
        lost: dict[date, list[str]] = {}
        for day, counts in days.items():
            gone = [n for n, was, now in zip(candidates, before, counts, strict=True) if was >= at_least and now == 0]
            if gone:
                lost[day] = gone
            before = counts
        return lost

    def _emptied(self, at_least: int) -> list[str]:
        """Columns that may have lost their values: on some day only nulls among at least that many changed rows. Cheap."""
        if self.is_first or not self.compared:
            return []
        counted = ", ".join(f"count({quoted(name)})" for name in self.compared)
        by_day = self.con.execute(
            f"select {counted} from {self.rows} where _pl_change = 'upsert' group by snapshot_date having count(*) >= {at_least}"
        ).fetchall()
        return [name for at, name in enumerate(self.compared) if any(counts[at] == 0 for counts in by_day)]
