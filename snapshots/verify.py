"""Verify: is every day of the ledger what was written?

Reads the log and all files of every table and recomputes what the receipts say: the chain of commits, the files that
make up the table and each of their bytes, the rows of each day and their digests, and the fingerprint of the whole
state on each day.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from snapshots.digest import add_digests, digest_sums, hexadecimal, row_digest, without
from snapshots.entity_intervals import EntityIntervals
from snapshots.ledger import LedgerTable
from snapshots.place import LocalPlace, Place
from snapshots.reader import rows_by_day, scan
from snapshots.receipts import Added, Commit, Receipt, file_digest, log_files, newest, read_commits
from snapshots.store import LedgerDamagedError, Store


@dataclass(frozen=True)
class Damage:
    """Something that is not as it was written. `snapshot_date` is None where no single day can be named."""

    source: str
    entity: str
    snapshot_date: date | None
    problem: str


def verify(store: Store) -> list[Damage]:
    """All damage of a ledger, by table and day; empty if every day is what was written."""
    damage = []
    for place in store.ledger.tables():
        with place.whole() as whole:
            damage += [Damage(*place.table_name, day, problem) for day, problem in _table(whole, place)]
    return damage


def _table(whole: LocalPlace, place: Place) -> list[tuple[date | None, str]]:
    """What is wrong with the files of a table; `place` is where they are kept."""
    path, commits = whole.folder, list(read_commits(whole))
    receipts = newest(commits)
    files = _replay(commits)
    written = {file: digest for commit in commits for file, digest in commit.files.items()}
    damaged = list(_files(path, files, written))
    damage = [
        *_chain(whole, commits),
        *_days_without_receipt(whole, commits, receipts),
        *damaged,
        *_checkpoints(path, written, place),
    ]
    try:
        table = LedgerTable(whole)
    except LedgerDamagedError as error:
        return damage or _unopened(whole, place, commits[-1], error)
    named = {day for day, _ in damage}
    damage += [
        (_day_of(file), f"{file}: the commits and the table's checkpoint disagree about this file")
        for file in sorted(set(table.file_names()) ^ set(files))
    ]
    if receipts and not any(commit.problem for commit in commits):
        volatile = {receipt.volatile for commit in commits for receipt in commit.receipts}
        found = _rows(table, files, receipts, volatile, {day for day, _ in damaged})
        damage += [(day, problem) for day, problem in found if day not in named]
    return damage


def _unopened(
    whole: LocalPlace, place: Place, last: Commit, error: LedgerDamagedError
) -> list[tuple[date | None, str]]:
    """Why a table with linked commits cannot be opened: the last of them, or a checkpoint, which only sums them up."""
    with TemporaryDirectory() as folder:
        copy = Path(folder, *whole.table_name)
        (copy / "_delta_log").mkdir(parents=True)
        for file in log_files(whole):
            shutil.copy(file, copy / "_delta_log")
        try:
            LedgerTable(LocalPlace(copy))
        except LedgerDamagedError:
            return [(receipt.snapshot_date, f"commit {last.version}: {error}") for receipt in last.receipts]
    return [(None, _way_out(whole.folder, place, f"the checkpoint of the log cannot be read ({error})"))]


def _checkpoints(path: Path, written: Mapping[str, str], place: Place) -> Iterator[tuple[date | None, str]]:
    """Checkpoints that are not as they were written. One that is missing leaves the commits to be read."""
    for file, digest in written.items():
        if file.startswith("_delta_log/") and (path / file).exists() and file_digest(path / file) != digest:
            yield None, _way_out(path, place, f"{file} is not as it was written.")


def _way_out(path: Path, place: Place, what: str) -> str:
    files = sorted(file.name for file in (path / "_delta_log").glob("*checkpoint*"))
    return (
        f"{what} The commits themselves are whole and say the same: "
        f"delete {', '.join(files)} in {place / '_delta_log'} and run `pipeledger verify` again."
    )


def _chain(whole: LocalPlace, commits: Sequence[Commit]) -> Iterator[tuple[date | None, str]]:
    """The log has every version, every commit is itself, and each names the one before it."""
    versions = [commit.version for commit in commits]
    if versions != list(range(len(versions))):
        missing = sorted(set(range(max(versions, default=-1) + 1)) - set(versions))
        yield None, f"commits {', '.join(map(str, missing))} are missing from the log"
    for commit in commits:
        if commit.problem:
            days: list[date | None] = [receipt.snapshot_date for receipt in commit.receipts]
            for day in days or [None]:
                yield day, f"commit {commit.version} {commit.problem}"
    logs = {int(file.stem): file_digest(file) for file in log_files(whole)}
    for before, after in pairwise(commits):
        is_linked = after.previous == before.digest and after.previous_log == logs[before.version]
        if not is_linked and not after.problem and not before.problem:
            for day in [receipt.snapshot_date for receipt in before.receipts]:
                yield (
                    day,
                    f"commit {after.version} was written after another commit {before.version} than the one in the log",
                )


def _replay(commits: Sequence[Commit]) -> dict[str, Added]:
    files: dict[str, Added] = {}
    for commit in commits:
        for path in commit.removed:
            files.pop(path, None)
        files |= commit.added
    return files


def _days_without_receipt(
    whole: LocalPlace, commits: Sequence[Commit], receipts: Mapping[date, Receipt]
) -> Iterator[tuple[date | None, str]]:
    """Days with files of which the log says nothing, where part of the log cannot be read."""
    if not any(commit.problem for commit in commits):
        return
    for name in whole.days():
        day = _day_of(f"snapshot_date={name}/")
        if day not in receipts:
            yield day, f"snapshot_date={name} has no readable receipt"


def _files(path: Path, files: Mapping[str, Added], written: Mapping[str, str]) -> Iterator[tuple[date | None, str]]:
    """Data files that are not where they should be, or not byte for byte what their commit says."""
    for file, added in files.items():
        on_disk = path / file
        if not on_disk.exists():
            yield _day_of(file), f"{file} is missing"
        elif on_disk.stat().st_size != added.size:
            yield _day_of(file), f"{file} has {on_disk.stat().st_size:,} bytes, expected {added.size:,}"
        elif f"snapshot_date={added.snapshot_date}" != Path(file).parent.name:
            yield _day_of(file), f"{file} is listed under the day {added.snapshot_date}"
        elif file in written and file_digest(on_disk) != written[file]:
            yield _day_of(file), f"{file} is not as it was written: its SHA-256 is another"


def _rows(
    table: LedgerTable,
    files: Mapping[str, Added],
    receipts: Mapping[date, Receipt],
    volatile: Iterable[tuple[str, ...]],
    damaged: Collection[date | None],
) -> Iterator[tuple[date | None, str]]:
    """Rows, row digests and fingerprints of every day but those whose files are `damaged`."""
    sound = [file for file in files if _day_of(file) not in damaged]
    unreadable = _unreadable(table, sound)
    yield from ((_day_of(file), f"{file} cannot be read ({problem})") for file, problem in unreadable.items())
    readable = [str(table.path / file) for file in sound if file not in unreadable]
    broken = {*damaged, *(_day_of(file) for file in unreadable)}
    with duckdb.connect() as con:
        con.execute(f"create temp table ledger_rows as select * from {scan(con, table, readable)}")
        for day, problem in _days(rows_by_day(con, table, "ledger_rows"), receipts):
            if day not in broken:
                yield day, problem
                broken.add(day)
        if not broken:
            yield from _states(con, table, receipts, volatile)


def _days(found: Mapping[date, tuple[int, str]], receipts: Mapping[date, Receipt]) -> Iterator[tuple[date, str]]:
    """Days whose rows are not the ones that were written."""
    for day in sorted({*receipts, *found}):
        if day not in receipts:
            yield day, f"{found[day][0]:,} rows, no receipt"
            continue
        count, digest = found.get(day, (0, hexadecimal(0)))
        expected = receipts[day].upserts + receipts[day].deletes
        if count != expected:
            yield day, f"{count:,} rows, expected {expected:,}"
        elif digest != receipts[day].rows_digest:
            yield day, f"rows with digest {digest}, expected {receipts[day].rows_digest}"


def _unreadable(table: LedgerTable, files: Sequence[str]) -> dict[str, str]:
    """The files that cannot be read whole, or not rightly by engines that trust their statistics, with the reason."""
    problems: dict[str, str] = {}
    if _unread(table, files) is not None:  # one by one only where reading all at once fails
        problems = {file: problem for file in files if (problem := _unread(table, [file])) is not None}
    for file in files:
        if file not in problems and (misleading := _misleading(table.path / file)):
            problems[file] = misleading
    return problems


def _unread(table: LedgerTable, files: Sequence[str]) -> str | None:
    """Why files cannot be read. In a database of its own: what it meets in a damaged file can end one."""
    try:
        with duckdb.connect() as con:
            rows_by_day(con, table, scan(con, table, [str(table.path / file) for file in files]))
    except (duckdb.Error, UnicodeDecodeError) as error:
        return str(error).splitlines()[0]
    return None


def _misleading(file: Path) -> str | None:
    """Columns whose statistics leave out what they hold, so that a filter would skip rows: seldom, but in silence."""
    try:
        with pq.ParquetFile(file) as parquet:
            for group in range(parquet.num_row_groups):
                rows = parquet.read_row_group(group)
                for at in range(parquet.metadata.num_columns):
                    column = parquet.metadata.row_group(group).column(at)
                    if not _is_within(rows.column(column.path_in_schema), column.statistics):
                        return f"its statistics of {column.path_in_schema} are not those of its values"
    except (pa.ArrowException, OSError, ValueError, KeyError, OverflowError) as error:
        return f"by Arrow: {str(error).splitlines()[0]}"
    return None


def _is_within(values: pa.ChunkedArray, statistics: pq.Statistics | None) -> bool:
    if statistics is None:
        return True
    if statistics.has_null_count and statistics.null_count != values.null_count:
        return False
    if not statistics.has_min_max or values.null_count == len(values):
        return True
    try:
        ends = pc.min_max(values).as_py()
        low, high = statistics.min, statistics.max
    except (ValueError, OverflowError):  # an instant that Python has no name for, after the year 9999
        return True
    return bool(type(low) is type(ends["min"]) and low <= ends["min"] and ends["max"] <= high)


def _states(
    con: duckdb.DuckDBPyConnection,
    table: LedgerTable,
    receipts: Mapping[date, Receipt],
    volatile: Iterable[tuple[str, ...]],
) -> Iterator[tuple[date | None, str]]:
    """The digest of each row, and from them the fingerprint and the number of live rows on each day.

    A row that became a version of a day because another was written before it keeps its digest: the volatile columns
    of that digest are those of the day that it came with.
    """
    intervals = EntityIntervals.of(receipts)
    possible = ", ".join(row_digest(without(table.columns(), names)) for names in sorted(volatile))
    wrong = con.execute(
        "select snapshot_date, count(*) from ledger_rows where _pl_change = 'upsert' "
        f"and _pl_row_digest not in ({possible}) group by all order by all"
    ).fetchall()
    yield from ((day, f"{count:,} rows with a digest that is not theirs") for day, count in wrong)
    steps = con.execute(
        f"""
        select snapshot_date, {digest_sums("_pl_row_digest")}, {digest_sums("_previous")},
            count(_pl_row_digest) - count(_previous)
        from (
            select snapshot_date, _pl_row_digest,
                lag(_pl_row_digest) over (partition by {intervals.keys()} order by snapshot_date) as _previous
            from ledger_rows
        )
        group by snapshot_date
        """
    ).fetchall()
    changes = {row[0]: (add_digests(row[1], row[2]) - add_digests(row[3], row[4]), row[5]) for row in steps}
    fingerprint, live = 0, 0
    for day, receipt in receipts.items():
        digests, rows = changes.get(day, (0, 0))
        fingerprint, live = fingerprint + digests, live + rows
        if hexadecimal(fingerprint) != receipt.fingerprint or live != receipt.live_rows:
            yield (
                day,
                f"{live:,} rows with fingerprint {hexadecimal(fingerprint)}, expected {receipt.live_rows:,} "
                f"with {receipt.fingerprint}",
            )


def _day_of(file: str) -> date | None:
    folder = file.split("/", 1)[0]
    try:
        return date.fromisoformat(folder.removeprefix("snapshot_date="))
    except ValueError:
        return None
