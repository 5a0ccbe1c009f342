"""What changed: the difference between the last known state of an entity and what was landed for one or more days.

One formulation for a single day and for many: each day's rows are joined in full to those of the day before it, the
first day's to the last state in the ledger, and only rows whose content differs come out. DuckDB's `hash()` compares
within the run; the digests that are kept are MD5 (see `digest`). Works in temporary tables of the connection, named
after `slot`; nothing outside them is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import duckdb

from snapshots.digest import add_digests, date_literal, digest_sums, quoted, row_digest, without, written_digest
from snapshots.entity_intervals import EntityIntervals


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
    """What `days` of one entity, landed with equal columns, change about the state before the first of them.

    con: where the landing is attached and the temporary tables are made, whose names begin with `slot`
    intervals: the entity's key and mode
    landed: takes an SQL condition on the landing's rows, gives SQL for those rows as `landed.landed_rows` has them
    state: relation of the rows that live before the first day: key, `_pl_row_digest`, `_content` (events do without)
    wide_state: relation of the same rows with all columns and `_pl_row_digest`
    types: the columns to write, name -> ledger type
    compared: those of them, besides the key, whose change makes a version
    carried: those of them that were not extracted and are taken over from the state
    volatile: those of them that the row digest leaves out
    is_first: whether no day was captured before
    has_deleted: whether the source tells which rows it deleted
    """

    con: duckdb.DuckDBPyConnection
    slot: str
    intervals: EntityIntervals
    days: Sequence[date]
    landed: Callable[[str], str]
    state: str
    wide_state: str
    types: Mapping[str, str]
    compared: Sequence[str]
    carried: Sequence[str] = ()
    volatile: Sequence[str] = ()
    is_first: bool = False
    has_deleted: bool = False

    @property
    def rows(self) -> str:
        """The temporary table of changed rows: snapshot_date, the ledger's columns, the source's."""
        return self._table("rows")

    @property
    def rejects(self) -> str:
        """The temporary table of rejected rows: _day, _row, _problem."""
        return self._table("rejects")

    @property
    def comparison(self) -> str:
        """What `_content` is made of: hashes that were stored under the same text are equal where their rows are."""
        return f"{duckdb.__version__} {[(name, self.types[name]) for name in self.compared]}"

    def run(self) -> dict[date, DayCounts]:
        """Makes `rows` and `rejects`, and gives the counts of each day.

        Raises UncleanError for several days at once with rejected or doubled rows or lost columns.
        """
        if self.intervals.mode == "events":
            self._narrow(f"{self.intervals.keys()}, _problem, {self._hash()} as _content")
            self._new_events()
        else:
            self._differing()
            self._fetch()
            self._reject()
            self._deletes()
        self._widen()
        return self.recount()

    def drop(self) -> None:
        """Removes the temporary tables of this comparison."""
        made = ("narrow", "lasting", "changing", "differing", "fetched", "missing", "doubled", "deletes", "rejects")
        for name in (*made, "rows"):
            self.con.execute(f"drop table if exists {self._table(name)}")

    def _table(self, name: str) -> str:
        return quoted(f"{self.slot}.{name}")

    def _make(self, name: str, query: str) -> str:
        self.con.execute(f"create or replace temp table {self._table(name)} as {query}")
        return self._table(name)

    def _any(self, query: str) -> bool:
        return self.con.execute(f"{query} limit 1").fetchone() is not None

    def _hash(self) -> str:
        return content([*self.intervals.key, *self.compared])

    def _narrow(self, columns: str) -> str:
        """A few columns of every landed row, once, where they are needed more than once."""
        return self._make("narrow", f"select _day, _row, _gone, {columns} from {self.landed('true')}")

    def _differing(self) -> None:
        """Which rows have no equal on the day before: `_row` of the landed ones, `_before` of those that are no more.

        Rows are matched by a 64-bit hash of key and content, so a changed row both appears and disappears.
        """
        first = date_literal(self.days[0])
        before = f"select {first} as _day, rowid as _before, true as _is_state, _content from {self.state}"
        if len(self.days) == 1:
            hashed = f"select *, {self._hash()} as _content from {self.landed('true')}"
            landed = (
                "select _day, _row, case when _problem is null then _content end as _content "
                f"from ({hashed}) where not _gone or _problem is not null"
            )
            same_day = ""
        else:
            changing = self._changing()
            landed = f"select _day, _row, _content from {changing} where not _gone"
            days, next_days = (", ".join(map(date_literal, each)) for each in (self.days[:-1], self.days[1:]))
            before += (
                f" union all select n._next, _row, false, _content from {changing} join "
                f"(select unnest([{days}]) as _day, unnest([{next_days}]) as _next) as n using (_day) "
                "where not _gone and not _lasts"
            )
            same_day = " and l._day = b._day"
        self._make(
            "differing",
            f"select coalesce(l._day, b._day) as _day, l._row, b._before, b._is_state from ({landed}) as l "
            f"full join ({before}) as b on l._content = b._content{same_day} where l._row is null or b._before is null",
        )

    def _changing(self) -> str:
        """Of several days, the rows of the first, and those of the others that are not on every day.

        Most rows are on every day (`_lasts`), and only the first day's are held against the day before. Raises
        UncleanError for rows that must be compared one day at a time.
        """
        narrow = self._narrow(f"{self.intervals.keys()}, _problem, {self._hash()} as _content")
        if self.carried or self._any(f"select 1 from {narrow} where _problem is not null"):
            raise UncleanError
        days = f"(select unnest([{', '.join(map(date_literal, self.days))}]) as _day)"
        lasting = self._make(  # on as many rows as there are days, and on no day twice: else their days do not add up
            "lasting",
            f"select _content from {narrow} where not _gone group by _content having count(*) = {len(self.days)} "
            f"and sum(hash(_day)) = (select sum(hash(_day)) from {days})",
        )
        first, keys = date_literal(self.days[0]), self.intervals.keys()
        changing = self._make(
            "changing",
            f"select _day, _row, _gone, {keys}, n._content, l._content is not null and not _gone as _lasts "
            f"from {narrow} as n left join {lasting} as l on n._content = l._content "
            f"where n._day = {first} or l._content is null or n._gone",
        )
        self.con.execute(f"drop table {narrow}")
        is_doubled = f"select 1 from {changing} group by _day, {keys} having count(*) > 1"
        is_beside_lasting = (
            f"select 1 from {changing} as c join {changing} as l on {self.intervals.same_key('c', 'l')} "
            f"where l._lasts and c._day > {first}"
        )
        if self._any(is_doubled) or self._any(is_beside_lasting):
            raise UncleanError
        return changing

    def _fetch(self) -> None:
        """The differing rows: `fetched` has what landed with all columns, `missing` the key and digest of what was."""
        differing = self._table("differing")
        condition = "true" if self.is_first and len(self.days) == 1 else f"rowid in (select _row from {differing})"
        self._make("fetched", f"select * from {self.landed(condition)} where not _gone or _problem is not null")
        gone = f"(select * from {differing} where _row is null and {{}}_is_state)"
        query = (
            f"select d._day, {self.intervals.keys('s.')}, s._pl_row_digest from {gone.format('')} as d "
            f"join (select rowid as _id, * from {self.state}) as s on s._id = d._before"
        )
        if len(self.days) > 1:
            query += (
                f" union all select d._day, {self.intervals.keys('n.')}, null from {gone.format('not ')} as d "
                f"join {self._table('changing')} as n on n._row = d._before"
            )
        self._make("missing", query)

    def _reject(self) -> None:
        """Moves from `fetched` to `rejects` the rows that have a problem and the keys that come with two contents."""
        fetched, doubled, keys = self._table("fetched"), self._table("doubled"), self.intervals.keys()
        rejects = self._make(
            "rejects", f"select _day, _row, _problem, {keys} from {fetched} where _problem is not null"
        )
        if len(self.days) > 1:
            return
        same = self.intervals.same_key("n", "c")
        landed = self.landed("true")
        self._make(
            "doubled",
            f"select {keys} from {landed} as n where exists (select 1 from {fetched} as c where {same}) "
            "group by all having count(*) > 1",
        )
        if self._any(f"select 1 from {doubled}"):
            copies = (
                f"select _row, _problem, _gone, {keys}, {content(self.compared)} as _content "
                f"from {landed} as n where exists (select 1 from {doubled} as c where {same})"
            )
            self._make(
                "doubled",
                f"select {keys}, count(*) as _copies, min(_row) as _first, "
                "list(_row) filter (where _problem is null) as _rows, "
                "min(_content) <> max(_content) or count(_problem) > 0 or bool_or(_gone) <> bool_and(_gone) as _differ "
                f"from ({copies}) group by {keys}",
            )
            self.con.execute(
                f"insert into {rejects} select {date_literal(self.days[0])}, unnest(_rows), "
                f"'key comes ' || _copies || ' times with different content', {keys} from {doubled} where _differ"
            )
            self.con.execute(
                f"delete from {fetched} as n using {doubled} as c where {same} and (c._differ or n._row > c._first)"
            )
        self.con.execute(f"delete from {fetched} where _problem is not null")

    def _deletes(self) -> None:
        """Keys that were there and are not, unless a rejected row has them.

        Where the source tells of the delete, `_row` is the row in which it does.
        """
        fetched, missing, rejects = self._table("fetched"), self._table("missing"), self._table("rejects")
        same = self.intervals.same_key("n", "m")
        deletes = self._make(
            "deletes",
            f"select m._day, {self.intervals.keys('m.')}, null::bigint as _row from {missing} as m "
            f"where not exists (select 1 from {fetched} as n where n._day = m._day and {same}) "
            f"and not exists (select 1 from {rejects} as n where n._day = m._day and {same})",
        )
        if self.has_deleted and self._any(f"select 1 from {deletes}"):
            said = (
                f"(select _day, {self.intervals.keys()}, min(_row) as _row from {self.landed('true')} "
                "where _gone and _problem is null group by all)"
            )
            self.con.execute(
                f"update {deletes} as m set _row = n._row from {said} as n where n._day = m._day and {same}"
            )
            self.con.execute(
                f"insert into {fetched} by name select * from {self.landed(f'rowid in (select _row from {deletes})')}"
            )

    def _new_events(self) -> None:
        """The first landed row of each key that the state does not hold, on the first day with one content for it."""
        narrow, keys = self._table("narrow"), self.intervals.keys()
        rejects = self._make("rejects", f"select _day, _row, _problem from {narrow} where _problem is not null")
        new = self._make(
            "doubled",
            "select * from (select *, min(_day) filter (where not _differ) over same_key as _first from ("
            f"select _day, {keys}, min(_row) as _row, min(_content) <> max(_content) as _differ, list(_row) as _rows "
            f"from {narrow} as l where _problem is null and not _gone "
            f"and not exists (select 1 from {self.wide_state} as b where {self.intervals.same_key('l', 'b')}) "
            f"group by _day, {keys}) window same_key as (partition by {keys})) where _first is null or _day <= _first",
        )
        self.con.execute(
            f"insert into {rejects} select _day, unnest(_rows), "
            f"'key comes ' || len(_rows) || ' times with different content' from {new} where _differ"
        )
        self._make("fetched", f"select * from {self.landed(f'rowid in (select _row from {new} where not _differ)')}")

    def _widen(self) -> None:
        """The changed rows as they are written, with their digest and the digest of the version that each replaces."""
        fetched, names = self._table("fetched"), ", ".join(quoted(name) for name in self.types)
        wide = ", ".join(f"b.{quoted(name)}" if name in self.carried else f"n.{quoted(name)}" for name in self.types)
        carried = f"left join {self.wide_state} as b on {self.intervals.same_key('b', 'n')}" if self.carried else ""
        rows = f"select n._day, 'upsert' as _change, {wide} from {fetched} as n {carried} where not n._gone"
        if self.intervals.mode == "state":
            said = ", ".join(
                f"m.{quoted(name)}"
                if name in self.intervals.key
                else (f"n.{quoted(name)}" if name not in self.carried else f"null as {quoted(name)}")
                for name in self.types
            )
            deletes = self._table("deletes")
            rows += (
                f" union all select m._day, 'delete', {said} from {deletes} as m "
                f"left join {fetched} as n on n._row = m._row"
            )
        digest = row_digest(without(self.types, self.volatile))
        digested = (
            "select _day as snapshot_date, _change as _pl_change, "
            f"case when _change = 'upsert' then _digest end as _pl_row_digest, _of_columns, {names} "
            f"from (select *, {digest} as _digest, {row_digest(self.types)} as _of_columns from ({rows}))"
        )
        if self.intervals.mode == "events" or (self.is_first and len(self.days) == 1):
            self._make("rows", f"select *, null::varchar as _previous from ({digested})")
            return
        # a row that is missing on the first day was in the state; one that first changes on a later day was there too
        was = self._table("missing") if len(self.days) == 1 else self.state
        self._make(
            "rows",
            "select w.*, case when row_number() over by_key = 1 then p._pl_row_digest else "
            f"lag(w._pl_row_digest) over by_key end as _previous from ({digested}) as w "
            f"left join (select {self.intervals.keys()}, _pl_row_digest from {was}) as p "
            f"on {self.intervals.same_key('w', 'p')} "
            f"window by_key as (partition by {self.intervals.keys('w.')} order by w.snapshot_date)",
        )

    def recount(self) -> dict[date, DayCounts]:
        """The counts of each day as `rows` and `rejects` stand now."""
        written = written_digest(self.types, f"coalesce(_of_columns, {row_digest(self.types)})")
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
        names = [] if self.intervals.mode == "events" else self._emptied(at_least)
        if not names:
            return {}
        found = self.con.execute(
            f"select _day, {_counts(names)} from {self.landed('true')} where _problem is null and not _gone "
            "group by _day order by _day"
        ).fetchall()
        names = [name for at, name in enumerate(names, 1) if any(row[at] == 0 for row in found)]
        names = [
            name for name in names if self._any(f"select 1 from {self.wide_state} where {quoted(name)} is not null")
        ]
        if not names:
            return {}
        before: Sequence[int] = self.con.execute(f"select {_counts(names)} from {self.wide_state}").fetchone() or ()
        lost: dict[date, list[str]] = {}
        for day, *counts in self.con.execute(
            f"select _day, {_counts(names)} from {self.landed('true')} where _problem is null and not _gone "
            "group by _day order by _day"
        ).fetchall():
            lost[day] = [n for n, was, now in zip(names, before, counts, strict=True) if was >= at_least and now == 0]
            before = counts
        return lost

    def _emptied(self, at_least: int) -> list[str]:
        """Columns that may have lost their values: on some day no value among at least that many changed rows.

        Reads the changed rows only, so that `lost_values` reads all of them only where it must.
        """
        if self.is_first or not self.compared:
            return []
        counted = ", ".join(f"count({quoted(name)}) filter (where _pl_change = 'upsert')" for name in self.compared)
        by_day = self.con.execute(
            f"select {counted} from {self.rows} group by snapshot_date having count(*) >= {at_least}"
        ).fetchall()
        return [name for at, name in enumerate(self.compared) if any(counts[at] == 0 for counts in by_day)]


def content(compared: Sequence[str]) -> str:
    """SQL for a hash of `compared` columns: equal within a version of DuckDB, and so for comparing only."""
    return f"hash({', '.join(quoted(name) for name in compared)})" if compared else "0::ubigint"


def hashed_state(
    con: duckdb.DuckDBPyConnection, name: str, intervals: EntityIntervals, rows: str, compared: Sequence[str]
) -> str:
    """A temporary table of live `rows` as `Difference.state` wants them: key, `_pl_row_digest`, `_content`."""
    con.execute(
        f"create or replace temp table {quoted(name)} as select {intervals.keys()}, _pl_row_digest, "
        f"{content([*intervals.key, *compared])} as _content from {rows}"
    )
    return quoted(name)


def _counts(names: Sequence[str]) -> str:
    return ", ".join(f"count({quoted(name)})" for name in names)
