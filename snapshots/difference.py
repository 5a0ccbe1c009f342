"""What changed: the difference between the last known state of an entity and what was landed for one or more days.

One formulation for a single day and for many: each day's rows are joined in full to those of the day before it, the first day's to
the last state in the ledger, and only rows whose content differs come out. DuckDB's `hash()` compares within the run; the digests that are kept
are MD5 (see `digest`). Works in temporary tables of the connection, named after `slot`; nothing outside them is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise

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
    """Compares `landed` (see `landed.landed_rows`, called with a row filter) with `state`, the live rows before the first day: key, `_pl_row_digest` and
    `_content`; `wide_state` has all their columns.

    `types` are the columns to write, `compared` those of them that make versions, `digested` those that the row digest covers.
    """

    con: duckdb.DuckDBPyConnection
    slot: str
    part: Part
    days: Sequence[date]
    landed: Callable[[str], str]
    state: str
    wide_state: str
    types: Mapping[str, str]
    compared: Sequence[str]
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

    def run(self) -> dict[date, DayCounts]:
        """Makes `rows` and `rejects`, and gives the counts of each day. Raises UncleanError for several days with rejected rows."""
        if len(self.days) > 1 or self.part.mode == "events":
            self._narrow()
        if self.part.mode == "events":
            self._new_events()
        else:
            self._changes()
            self._keep_what_was_rejected()
        self._widen()
        return self.recount()

    def drop(self) -> None:
        """Removes the temporary tables."""
        for name in ("narrow", "changes", "rejects", "doubled", "rows"):
            self.con.execute(f"drop table if exists {self._table(name)}")

    def _table(self, name: str) -> str:
        return quoted(f"{self.slot}.{name}")

    def _narrow(self) -> None:
        """Key and content of every landed row, once, where they are needed more than once."""
        if self.carried and len(self.days) > 1:
            raise UncleanError
        self.con.execute(
            f"create or replace temp table {self._table('narrow')} as "
            f"select {self._narrow_columns()} from {self.landed('true')}"
        )
        if len(self.days) > 1 and self._is_unclean():
            raise UncleanError

    def _narrow_columns(self) -> str:
        return f"_day, _row, _problem, _gone, {self.part.keys()}, {content(self.compared)} as _content"

    def _is_unclean(self) -> bool:
        narrow = self._table("narrow")
        if self.con.execute(f"select 1 from {narrow} where _problem is not null limit 1").fetchone():
            return True
        doubled = f"select 1 from {narrow} group by _day, {self.part.keys()} having count(*) > 1 limit 1"
        return self.part.mode == "state" and self.con.execute(doubled).fetchone() is not None

    def _changes(self) -> None:
        """Full join of each day with the day before it; what differs stays, and every row that is rejected or gone."""
        is_one_day = len(self.days) == 1
        narrow = (
            f"(select {self._narrow_columns()} from {self.landed('true')})" if is_one_day else self._table("narrow")
        )
        before = f"select {_date(self.days[0])} as _day, {self.part.keys()}, _content from {self.state}"
        for day, following in pairwise(self.days):
            before += (
                f" union all select {_date(following)}, {self.part.keys()}, _content "
                f"from {narrow} where not _gone and _day = {_date(day)}"
            )
        first, *others = (quoted(name) for name in self.part.key)
        same = [f"l._match = b.{first}", *(f"l.{name} = b.{name}" for name in others)]
        if not is_one_day:
            same.append("l._day = b._day")
        keys = ", ".join(f"coalesce(l.{name}, b.{name}) as {name}" for name in (first, *others))
        self.con.execute(
            f"""
            create or replace temp table {self._table("changes")} as
            select coalesce(l._day, b._day) as _day, l._row as _row, l._row is null as _is_delete, l._problem as _problem,
                coalesce(l._gone, false) as _gone, {keys}
            from (select *, case when _problem is null and not _gone then {first} end as _match from {narrow}) as l
            full join ({before}) as b on {" and ".join(same)}
            where l._match is null or b.{first} is null or l._content <> b._content
            """
        )

    def _keep_what_was_rejected(self) -> None:
        """Takes rejected rows out of the changes. Their keys keep the version that they had, and so do keys that come twice."""
        changes, rejects = self._table("changes"), self._table("rejects")
        same = self.part.same_key("n", "c")
        self.con.execute(
            f"create or replace temp table {rejects} as select _day, _row, _problem from {changes} where _problem is not null"
        )
        if len(self.days) == 1:
            self._reject_doubled()
        unreadable = f"(select distinct {self.part.keys()} from {changes} where _problem is not null)"
        self.con.execute(f"delete from {changes} as n using {unreadable} as c where n._is_delete and {same}")
        gone = f"(select _day, {self.part.keys()}, min(_row) as _row from {changes} where _gone and _problem is null group by all)"
        self.con.execute(
            f"update {changes} as n set _row = c._row from {gone} as c where n._is_delete and n._day = c._day and {same}"
        )
        self.con.execute(f"delete from {changes} where _problem is not null or _gone")

    def _reject_doubled(self) -> None:
        changes, rejects, doubled = self._table("changes"), self._table("rejects"), self._table("doubled")
        landed = self.landed("true")
        same = self.part.same_key("n", "c")
        upserts = f"(select {self.part.keys()} from {changes} where not _is_delete and _problem is null and not _gone)"
        self.con.execute(
            f"create or replace temp table {doubled} as select {self.part.keys()} from {landed} as n "
            f"where exists (select 1 from {upserts} as c where {same}) group by all having count(*) > 1"
        )
        if not self.con.execute(f"select 1 from {doubled} limit 1").fetchone():
            return
        copies = f"(select {self._narrow_columns()} from {landed} as n where exists (select 1 from {doubled} as c where {same}))"
        self.con.execute(
            f"create or replace temp table {doubled} as select {self.part.keys()}, count(*) as _copies, min(_row) as _first, "
            f"min(_content) <> max(_content) or count(_problem) > 0 or bool_or(_gone) <> bool_and(_gone) as _differ, "
            f"list(_row) filter (where _problem is null) as _rows from {copies} group by {self.part.keys()}"
        )
        self.con.execute(
            f"insert into {rejects} select {_date(self.days[0])}, unnest(_rows), "
            f"'key comes ' || _copies || ' times with different content' from {doubled} where _differ"
        )
        self.con.execute(
            f"delete from {changes} as n using {doubled} as c "
            f"where {same} and n._problem is null and (c._differ or n._row > c._first)"
        )

    def _new_events(self) -> None:
        """The first landed row of each key that the state does not hold; on its first day it may not come with two contents."""
        narrow, rejects = self._table("narrow"), self._table("rejects")
        self.con.execute(
            f"create or replace temp table {rejects} as select _day, _row, _problem from {narrow} where _problem is not null"
        )
        self.con.execute(
            f"""
            create or replace temp table {self._table("changes")} as
            select _day, min(_row) as _row, false as _is_delete, {self.part.keys()},
                min(_content) <> max(_content) as _differ, list(_row) as _rows
            from (
                select *, min(_day) over (partition by {self.part.keys()}) as _first from {narrow} as l
                where _problem is null and not _gone
                    and not exists (select 1 from {self.state} as b where {self.part.same_key("l", "b")})
            )
            where _day = _first
            group by _day, {self.part.keys()}
            """
        )
        changes = self._table("changes")
        self.con.execute(
            f"insert into {rejects} select _day, unnest(_rows), 'key comes ' || len(_rows) || ' times with different content' "
            f"from {changes} where _differ"
        )
        self.con.execute(f"delete from {changes} where _differ")

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
        carried = f"left join {self.wide_state} as b on {self.part.same_key('b', 'c')}" if self.carried else ""
        digest = row_digest(without(self.types, self.volatile))
        names = ", ".join(quoted(name) for name in self.types)
        replaced = "null::varchar as _previous from digested as w"
        if self.part.mode == "state" and not (self.is_first and len(self.days) == 1):
            before = f"(select {self.part.keys()}, _pl_row_digest from {self.state} where {self._is_changed()})"
            replaced = (
                "case when row_number() over by_key = 1 then p._pl_row_digest else lag(w._pl_row_digest) over by_key end "
                f"as _previous from digested as w left join {before} as p on {self.part.same_key('w', 'p')} "
                f"window by_key as (partition by {self.part.keys('w.')} order by w.snapshot_date)"
            )
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
            select w.*, {replaced}
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
        before = self.con.execute(f"select {counted} from {self.wide_state}").fetchone() or ()
        if len(self.days) == 1 and max(before) < at_least:
            return {}
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


def content(compared: Sequence[str]) -> str:
    """SQL for a hash of `compared` columns: equal within a version of DuckDB, and so for comparing only."""
    return f"hash({', '.join(quoted(name) for name in compared)})" if compared else "0::ubigint"


def _date(day: date) -> str:
    return f"date {literal(day.isoformat())}"
