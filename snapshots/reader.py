"""Reading a ledger table's files, and refusing those that are not what the receipts say was written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import duckdb

from snapshots.casts import utc
from snapshots.digest import add_digests, digest_sums, hexadecimal, literal, quoted, written_digest
from snapshots.ledger import OWNED, PARTITION, LedgerTable
from snapshots.receipts import Commit, Receipt, newest
from snapshots.store import LedgerDamagedError


def scan(con: duckdb.DuckDBPyConnection, table: LedgerTable, files: Sequence[str] | None = None) -> str:
    """SQL for all rows of a table in the ledger's types: snapshot_date, the ledger's own columns, the source's, and
    `_number`, which no other row has.

    `files` restricts it to some of the table's files. Timestamps come as UTC without a zone.
    """
    columns = {PARTITION: "DATE", **OWNED, **table.columns()}
    paths = table.files() if files is None else list(files)
    if not paths:
        nulls = ", ".join(f"cast(null as {kind}) as {quoted(name)}" for name, kind in columns.items())
        return f"(select {nulls}, 0::bigint as _number where false)"
    listed = ", ".join(literal(path) for path in paths)
    options = f"hive_partitioning = true, hive_types = {{'{PARTITION}': date}}, union_by_name = true"
    parquet = f"read_parquet([{listed}], {options})"
    have = {row[0] for row in con.execute(f"describe select * from {parquet}").fetchall()}
    selected = ", ".join(_column(name, kind, name in have) for name, kind in columns.items())
    return f"(select {selected}, (file_index::bigint << 32) + file_row_number as _number from {parquet})"


def rows_by_day(con: duckdb.DuckDBPyConnection, table: LedgerTable, rows: str) -> dict[date, tuple[int, str]]:
    """Count and digest of the rows (the relation `rows`) of each day, as receipts have them."""
    return counted(con.execute(days_query(table, rows)).fetchall())


def days_query(table: LedgerTable, rows: str) -> str:
    """SQL for the day, the count and the two sums of digests of the rows (the relation `rows`) of each day."""
    return (
        f"select {PARTITION}, count(*), {digest_sums('digest')} "
        f"from (select {PARTITION}, {written_digest(table.columns())} as digest from {rows}) group by {PARTITION}"
    )


def counted(found: Iterable[Sequence[Any]]) -> dict[date, tuple[int, str]]:
    """What `days_query` finds, as receipts have it."""
    return {day: (int(count), hexadecimal(add_digests(upper, lower))) for day, count, upper, lower in found}


def receipts_of(table: LedgerTable, commits: Sequence[Commit]) -> dict[date, Receipt]:
    """The receipts that count, by day. Raises LedgerDamagedError for a commit that cannot be believed."""
    broken = next((commit for commit in commits if commit.problem), None)
    if broken is not None:
        raise damaged(table, f"commit {broken.version} {broken.problem}")
    return newest(commits)


def insert_checked(
    con: duckdb.DuckDBPyConnection, table: LedgerTable, receipts: Mapping[date, Receipt], versions: str, number: str
) -> None:
    """Inserts all rows of a table into the empty `versions`, their day as `valid_from` and a number of their own as
    `number`; each file is read once.

    Raises LedgerDamagedError, naming the days, where they are not those that the receipts describe.
    """
    columns = ", ".join(quoted(name) for name in [*OWNED, *table.columns()])
    try:
        con.execute(
            f"insert into {versions} (valid_from, {number}, {columns}) select {PARTITION}, _number, {columns} "
            f"from {scan(con, table)}"
        )
    except (duckdb.Error, UnicodeDecodeError) as error:
        raise damaged(table, f"a file cannot be read ({error})") from error
    found = rows_by_day(con, table, f"(select valid_from as {PARTITION}, * from {versions})")
    check_days(table, receipts, found)


def check_days(table: LedgerTable, receipts: Mapping[date, Receipt], found: Mapping[date, tuple[int, str]]) -> None:
    """Raises LedgerDamagedError, naming the days, unless the rows `found` of each are those that receipts describe."""
    wrong = [
        day
        for day in sorted({*receipts, *found})
        if day not in receipts
        or found.get(day, (0, hexadecimal(0)))
        != (receipts[day].upserts + receipts[day].deletes, receipts[day].rows_digest)
    ]
    if wrong:
        raise damaged(table, f"the rows of {', '.join(map(str, wrong))} are not those that were written")


def damaged(table: LedgerTable, what: str) -> LedgerDamagedError:
    """What is said of a table whose rows are not to be used."""
    return LedgerDamagedError(
        f"{table.name}: {what}. Nothing was changed. Run `pipeledger verify` for every damaged day, "
        f"restore {'/'.join(('ledger', *table.place.table_name))}/ from a backup, then run the command again."
    )


def _column(name: str, kind: str, is_present: bool) -> str:
    if not is_present:
        return f"cast(null as {kind}) as {quoted(name)}"
    if kind == "TIMESTAMP":
        return f"{utc(quoted(name))} as {quoted(name)}"
    return f"cast({quoted(name)} as {kind}) as {quoted(name)}"
