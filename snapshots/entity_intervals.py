"""The interval tables of one source and entity, and what is stored of their state.

`intervals.py` says what they are for. The state is the version that they stand at, what the hashes of their rows are
made of, and the receipts of their days; it is stored in the transaction that advances them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import duckdb

from snapshots.casts import id_text, key_text
from snapshots.digest import quoted
from snapshots.ledger import OWNED
from snapshots.place import Place
from snapshots.receipts import RECONSTRUCTED_SUFFIX, Commit, Receipt, as_json, from_json

CONTENT = "_pl_content"
"""A hash of each current row, for comparing only: valid for one version of DuckDB and one list of columns."""
VERSION = "_pl_version"
"""The number of a row within its table: any, but never two alike."""
FOREVER = "date '9999-12-31'"


@dataclass(frozen=True)
class EntityIntervals:
    """The four tables of one source and entity, whose key and mode do not change. All tables are in one schema."""

    source: str
    source_type: str
    entity: str
    mode: str
    key: tuple[str, ...]

    @staticmethod
    def of(receipts: Mapping[date, Receipt]) -> EntityIntervals:
        """From the receipts of a table: the newest day says what it is."""
        last = receipts[max(receipts)]
        return EntityIntervals(last.source, last.source_type, last.entity, last.mode, last.key)

    @property
    def is_reconstructed(self) -> bool:
        """Whether these are days before the first observed one, from a vendor's history."""
        return self.entity.endswith(RECONSTRUCTED_SUFFIX)

    @property
    def observed(self) -> str:
        """The entity itself, whose observed days have a table of that name."""
        return self.entity.removesuffix(RECONSTRUCTED_SUFFIX)

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

    @property
    def spellings(self) -> str:
        """The keys that the ledger spells otherwise than they are read, and what else is read alike.

        The key's columns as they are spelled, `_read_<column>` for each as it is read, and `_rank`: of several
        spellings the one that is read as it stands is first, then the newest. Days captured before keys were normalised
        hold them with blanks around, or as floating-point numbers were printed; no later day adds any.
        """
        return self._table("spellings")

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
        read = {f"_read_{name}": kind for name, kind in key.items()}
        for table, wanted in (
            (self.spellings, {**key, **read, "_rank": "BIGINT"}),
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
        """Removes the four tables, where they exist."""
        for table in (self.versions, self.current, self.ended, self.spellings):
            con.execute(f"drop table if exists {table}")

    def following(self) -> str:
        """SQL for the next day on which a row's key has one; null while there is none, and of events, which have none.

        The rows have `valid_from`.
        """
        if self.mode == "events":
            return "cast(null as date)"
        return f"lead(valid_from) over (partition by {self.keys()} order by valid_from)"

    def rows(self) -> str:
        """SQL for all versions with their `valid_to`."""
        if self.mode == "events":
            return f"(select *, {FOREVER} as valid_to from {self.versions})"
        return (
            f"(select v.*, coalesce(e.valid_to, {FOREVER}) as valid_to from {self.versions} as v "
            f"left join {self.ended} as e on e.{VERSION} = v.{VERSION})"
        )

    def spelled(self, con: duckdb.DuckDBPyConnection) -> str:
        """SQL for the spelling in which the ledger goes on with each key of `spellings`; empty where there are none.

        Under another spelling its history would end here, and begin anew.
        """
        try:
            is_spelled = con.execute(f"select 1 from {self.spellings} limit 1").fetchall()
        except duckdb.CatalogException:  # nothing was captured yet
            return ""
        return f"(select * from {self.spellings} where _rank = 1)" if is_spelled else ""

    def folded(self, rows: str) -> str:
        """SQL for `rows` (see `rows()`) under the keys as they are read: several spellings are one key.

        On each day the first of the spellings that are alive counts; of an event, the first that was captured.
        """
        read = ", ".join(f"s.{quoted(f'_read_{name}')} as {quoted(name)}" for name in self.key)
        keys, same = self.keys(), self.same_key("r", "s")
        others = f"select * from {rows} as r where not exists (select 1 from {self.spellings} as s where {same})"
        spelled = f"select r.* replace ({read}), s._rank from {rows} as r join {self.spellings} as s on {same}"
        if self.mode == "events":
            first = f"row_number() over (partition by {keys} order by valid_from, _rank) = 1"
            return f"(({others}) union all by name select * exclude (_rank) from ({spelled}) qualify {first})"
        return f"""(
            with spelled as ({spelled}),
            days as (select distinct {keys}, valid_from as _from from spelled),
            states as (
                select r.*, d._from from days as d join spelled as r
                    on {self.same_key("r", "d")} and r.valid_from <= d._from and r.valid_to > d._from
                qualify row_number() over (
                    partition by {self.keys("d.")}, d._from order by r._pl_change = 'upsert' desc, r._rank
                ) = 1
            ),
            changed as (
                select * from states window by_key as (partition by {keys} order by _from)
                qualify lag({VERSION}) over by_key is distinct from {VERSION}
                    and not (_pl_change = 'delete' and coalesce(lag(_pl_change) over by_key, '') = 'delete')
            )
            ({others})
            union all by name
            select * exclude (_rank, _from) replace (
                _from as valid_from,
                lead(_from, 1, {FOREVER}) over (partition by {keys} order by _from) as valid_to
            ) from changed
        )"""

    def note_spellings(self, con: duckdb.DuckDBPyConnection, columns: Mapping[str, str]) -> None:
        """Fills the empty `spellings` from `versions`, whose `columns` (name -> type) have the key's."""
        reading = {
            name: (id_text if len(self.key) == 1 or name.endswith("_id") else key_text)(quoted(name), "VARCHAR")
            for name in self.key
            if columns[name] == "VARCHAR"
        }
        read = ", ".join(f"{reading.get(name, quoted(name))} as {quoted(f'_read_{name}')}" for name in self.key)
        read_keys = ", ".join(quoted(f"_read_{name}") for name in self.key)
        is_same = " and ".join(f"{quoted(name)} is not distinct from {quoted(f'_read_{name}')}" for name in self.key)
        con.execute(
            f"insert into {self.spellings} by name "
            f"with spelled as (select {self.keys()}, {read}, max(valid_from) as _newest from {self.versions} "
            f"group by {self.keys()}), "
            f"others as (select distinct {read_keys} from spelled where not ({is_same})) "
            f"select * exclude (_newest), row_number() over "
            f"(partition by {read_keys} order by {is_same} desc, _newest desc, {self.keys()}) as _rank "
            f"from spelled semi join others using ({read_keys})"
        )

    def end_versions(self, con: duckdb.DuckDBPyConnection) -> None:
        """Fills the empty `current` and `ended` from `versions`."""
        if self.mode == "events":
            return
        # lead() over keys needs half the memory of lead() over whole rows
        con.execute(
            f"create or replace temp table ends as "
            f"select {self.keys()}, valid_from, {VERSION}, _pl_change, _pl_row_digest, "
            f"{self.following()} as valid_to from {self.versions}"
        )
        con.execute(f"insert into {self.ended} by name select {VERSION}, valid_to from ends where valid_to is not null")
        con.execute(
            f"insert into {self.current} by name "
            f"select {self.keys()}, valid_from, {VERSION}, _pl_change, _pl_row_digest from ends where valid_to is null"
        )
        con.execute("drop table ends")


def stored_version(con: duckdb.DuckDBPyConnection, place: Place) -> tuple[int, str] | None:
    """The Delta version, and the digest of its receipts, that the intervals of a table stand at."""
    row = con.execute(
        "select version, digest from intervals.tables where source = ? and entity = ?",
        [*place.table_name],
    ).fetchone()
    return None if row is None else (int(row[0]), str(row[1]))


def stored_comparison(con: duckdb.DuckDBPyConnection, intervals: EntityIntervals) -> str:
    """What the hashes of the current rows were made of; empty if they are not to be used."""
    row = con.execute(
        "select comparison from intervals.tables where source = ? and entity = ?", [intervals.source, intervals.entity]
    ).fetchone()
    return "" if row is None else str(row[0])


def store_version(
    con: duckdb.DuckDBPyConnection, intervals: EntityIntervals, commit: Commit, comparison: str = ""
) -> None:
    """Records what version the intervals of a table stand at; belongs into the transaction that advances them."""
    con.execute(
        "insert or replace into intervals.tables values (?, ?, ?, ?, ?, ?)",
        [intervals.source, intervals.entity, intervals.source_type, commit.version, commit.digest, comparison],
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
