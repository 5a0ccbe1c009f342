"""Damage: whatever changes a value of the ledger is found by `verify`, which names the day, and refused by the rest.

A ledger is built once; each trial damages one file of it, looks, and puts the file back. Trials are drawn from a seed.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from snapshots import ledger
from snapshots.intervals import rebuild, refresh
from snapshots.ledger import LedgerTable
from snapshots.reader import scan
from snapshots.receipts import as_json, newest, read_commits
from snapshots.store import LedgerDamagedError, LedgerError, Store
from snapshots.verify import Damage, verify
from tests.snapshots.company import Row, day, intervals, land, store, take

DAYS = 12


@dataclass(frozen=True)
class Whole:
    """A ledger as it should be: its files, what they say, and the intervals that follow."""

    where: Store
    files: Sequence[Path]
    values: Any
    intervals: Any

    @property
    def table(self) -> Path:
        """The folder of the Delta table."""
        return self.where.ledger.folder / "crm" / "opportunity"

    def log(self, version: int) -> Path:
        """A file of the log."""
        return self.table / f"_delta_log/{version:020d}.json"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """Twelve days of forty opportunities, in twelve commits with two checkpoints."""
    where = store(tmp_path_factory.mktemp("home"))
    rng = random.Random(1)
    rows: dict[str, Row] = {f"o{n}": opportunity(f"o{n}", rng) for n in range(40)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "NEVER_EXPIRES", {**ledger.NEVER_EXPIRES, "delta.checkpointInterval": "5"})
        for number in range(DAYS):
            rows |= {key: opportunity(key, rng) for key in rng.sample(sorted(rows), 8)}
            land(where, {day(number): [row for row in rows.values() if rng.random() > 0.03]})
            take(where, [day(number)])
    files = sorted((file for file in where.ledger.folder.rglob("*") if file.is_file()), key=place)
    assert sum("checkpoint" in file.name for file in files) == 3
    assert verify(where) == []
    yield Whole(where, files, values(where), intervals(where))


@pytest.fixture
def mine(whole: Whole, tmp_path: Path) -> Whole:
    """A copy of the ledger to damage at will."""
    where = store(tmp_path)
    shutil.copytree(whole.where.ledger.folder, where.ledger.folder)
    shutil.copy(whole.where.warehouse, where.warehouse)
    return Whole(where, [], whole.values, whole.intervals)


def opportunity(key: str, rng: random.Random) -> Row:
    """Some state of an opportunity."""
    return {
        "opportunity_id": key,
        "stage": rng.choice(["New", "Won"]),
        "amount": f"{rng.randint(1, 99999) / 100}",
        "created_at": "2026-01-01 10:00:00",
        "employee_count": f"{rng.randint(1, 50)}",
        "note": "Zoë " * rng.randint(0, 3),
    }


def place(file: Path) -> tuple[str, str, int]:
    """An order of files that does not depend on their random names."""
    return (file.parent.name, "" if file.name.startswith("part-") else file.name, file.stat().st_size)


def values(where: Store) -> Any:
    """What any reader finds: all rows of the listed files, and the receipts."""
    table = LedgerTable(where.ledger / "crm" / "opportunity")
    with duckdb.connect() as con:
        rows = con.execute(f"select * from {scan(con, table)} order by all").fetchall()
    return rows, [as_json(receipt) for receipt in newest(read_commits(table.place)).values()]


def is_changed(whole: Whole) -> bool:
    """Whether a reader finds something else than what was written, or nothing at all."""
    try:
        return bool(values(whole.where) != whole.values)
    except (LedgerError, duckdb.Error, OSError, ValueError, TypeError):
        return True


def days(damage: Sequence[Damage]) -> set[date | None]:
    """The days that are named."""
    return {found.snapshot_date for found in damage}


def damaged(file: Path, rng: random.Random) -> tuple[bytes, str]:
    """One flipped bit, or (one time in ten) an end that is lost."""
    data = file.read_bytes()
    if rng.random() < 0.1:
        size = rng.randrange(len(data))
        return data[:size], f"cut to {size} bytes"
    bit = rng.randrange(8 * len(data))
    return data[: bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1 :], f"bit {bit} flipped"


def days_of(whole: Whole, file: Path) -> set[date]:
    """The days that a file of the ledger is about."""
    if file.parent.name.startswith("snapshot_date="):
        return {date.fromisoformat(file.parent.name.removeprefix("snapshot_date="))}
    return {day(int(file.stem))} if file.stem.isdigit() else set()


def try_all(whole: Whole, trials: int, seed: int) -> None:
    """Damages one file at a time: a changed value is reported with its day, and what is not reported is harmless."""
    rng = random.Random(seed)
    changed = 0
    for trial in range(trials):
        file = rng.choice(whole.files)
        before = file.read_bytes()
        data, how = damaged(file, rng)
        said = f"trial {trial}: {file.parent.name}/{file.name}, {how}"
        file.write_bytes(data)
        try:
            found = verify(whole.where)
            if is_changed(whole):
                changed += 1
                assert found, said
                of_file = days_of(whole, file)
                assert not of_file or of_file & days(found), f"{said}: {found}"
            if found:
                continue
            rebuild(whole.where, {})
            assert intervals(whole.where) == whole.intervals, said
        finally:
            file.write_bytes(before)
    assert changed > trials // 4
    assert verify(whole.where) == []


def test_flipped_bits_and_lost_ends_are_found_and_the_day_is_named(whole: Whole) -> None:
    try_all(whole, trials=40, seed=2)


@pytest.mark.slow
def test_five_hundred_flipped_bits_and_lost_ends_are_found(whole: Whole) -> None:
    try_all(whole, trials=500, seed=3)


# -- what people and disks do to files ---------------------------------------------------------------------------------


def parquet(whole: Whole, number: int) -> Path:
    """The Parquet file of a day."""
    return next((whole.table / f"snapshot_date={day(number)}").glob("*.parquet"))


def is_refused(whole: Whole, match: str | None = None) -> None:
    """Neither a rebuild nor a capture without a cache believes the ledger, and neither touches it."""
    before = {file: file.read_bytes() for file in whole.where.ledger.folder.rglob("*") if file.is_file()}
    land(whole.where, {day(DAYS): [{"opportunity_id": "o1", "stage": "New"}]})
    with pytest.raises(LedgerDamagedError, match=match):
        rebuild(whole.where, {})
    whole.where.warehouse.unlink()
    with pytest.raises(LedgerDamagedError, match=match):
        take(whole.where, [day(DAYS)])
    assert {file: file.read_bytes() for file in whole.where.ledger.folder.rglob("*") if file.is_file()} == before


def test_a_damaged_day_is_refused_and_the_message_says_what_to_do(mine: Whole) -> None:
    swap(parquet(mine, 3), parquet(mine, 4))
    is_refused(mine, r"Run `pipeledger verify` for every damaged day, restore ledger/crm/opportunity/ from a backup")


def test_a_file_that_is_deleted_names_its_day(mine: Whole) -> None:
    parquet(mine, 3).unlink()
    assert days(verify(mine.where)) == {day(3)}
    is_refused(mine)


def test_a_file_that_nobody_lists_is_ignored(mine: Whole) -> None:
    shutil.copy(parquet(mine, 3), parquet(mine, 3).with_name("part-copy.parquet"))
    shutil.copy(parquet(mine, 3), parquet(mine, 4).with_name("part-copy.parquet"))
    assert verify(mine.where) == []
    rebuild(mine.where, {})
    assert intervals(mine.where) == mine.intervals


def swap(one: Path, other: Path) -> None:
    """Exchanges the contents of two files."""
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def test_days_whose_rows_are_exchanged_are_both_named(mine: Whole) -> None:
    swap(parquet(mine, 3), parquet(mine, 4))
    assert {day(3), day(4)} <= days(verify(mine.where))
    is_refused(mine)


def test_days_of_equal_size_whose_rows_are_exchanged_are_both_named(tmp_path: Path) -> None:
    where = store(tmp_path)
    for number in range(3):
        land(where, {day(number): [{"opportunity_id": "a", "stage": f"{number}"}]})
        take(where, [day(number)])
    one, other = (next((where.ledger.folder / f"crm/opportunity/snapshot_date={day(n)}").glob("*")) for n in (1, 2))
    assert one.stat().st_size == other.stat().st_size
    swap(one, other)
    assert days(verify(where)) == {day(1), day(2)}


def test_an_edited_receipt_names_its_day(mine: Whole) -> None:
    file = mine.log(4)
    edit(file, lambda body: body["receipts"][0].update(source_rows=7))
    assert day(4) in days(verify(mine.where))
    is_refused(mine)


def test_an_edited_receipt_with_a_fitting_digest_breaks_the_chain(mine: Whole) -> None:
    from snapshots.receipts import _digest

    def forge(body: dict[str, Any]) -> None:
        del body["digest"]
        body["receipts"][0]["source_rows"] = 7
        body["digest"] = _digest(body)

    edit(mine.log(4), forge)
    assert days(verify(mine.where)) == {day(4)}


def edit(file: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Changes the receipts in a file of the log."""
    actions = [json.loads(line) for line in file.read_text().splitlines()]
    commit = next(action["commitInfo"] for action in actions if "commitInfo" in action)
    body = json.loads(commit["pipeledger"])
    change(body)
    commit["pipeledger"] = json.dumps(body, sort_keys=True)
    file.write_text("".join(json.dumps(action) + "\n" for action in actions))


@pytest.mark.parametrize("version", [0, 3, 7])
def test_a_lost_commit_is_found(mine: Whole, version: int) -> None:
    mine.log(version).unlink()
    found = verify(mine.where)
    assert any(f"commits {version} are missing" in damage.problem for damage in found)
    assert day(version) in days(found)
    is_refused(mine)


def test_a_lost_last_commit_is_found_where_a_checkpoint_remembers_it(mine: Whole) -> None:
    for version in (10, 11):
        mine.log(version).unlink()
    assert verify(mine.where) == []  # an older ledger, whole: what was captured since is not there
    mine.log(9).unlink()
    assert verify(mine.where) != []
    is_refused(mine)


def test_an_older_backup_is_a_ledger_and_its_cache_is_rebuilt(mine: Whole) -> None:
    for version in range(8, DAYS):
        mine.log(version).unlink()
        shutil.rmtree(parquet(mine, version).parent)
    for file in mine.table.glob("_delta_log/*checkpoint*"):
        file.unlink()
    assert verify(mine.where) == []
    refresh(mine.where, {})
    rows = intervals(mine.where)
    older = [(*row[:2], min_end(row[2], day(8)), *row[3:]) for row in mine.intervals if row[1] < day(8)]
    assert sorted(rows, key=repr) == sorted(older, key=repr)


def min_end(end: date, limit: date) -> date:
    """An end that has not come yet is none."""
    return end if end < limit else date(9999, 12, 31)


def test_an_older_backup_with_newer_days_of_its_own_is_told_apart_by_its_receipts(mine: Whole) -> None:
    """The same number of commits, and others: the cache is not believed."""
    mine.log(DAYS - 1).unlink()
    cache = mine.where.warehouse.read_bytes()
    refresh(mine.where, {})
    land(mine.where, {day(DAYS): [{"opportunity_id": "new", "stage": "New"}]})
    take(mine.where, [day(DAYS)], accept=("drop",))
    expected = intervals(mine.where)
    mine.where.warehouse.write_bytes(cache)
    refresh(mine.where, {})
    assert intervals(mine.where) == expected != mine.intervals


def test_a_damaged_checkpoint_is_named_with_the_way_out(mine: Whole) -> None:
    checkpoints = sorted(mine.table.glob("_delta_log/*checkpoint*"))
    newest_one = next(file for file in checkpoints if file.name.startswith("00000000000000000009"))
    newest_one.write_bytes(newest_one.read_bytes()[:100])
    (found,) = verify(mine.where)
    assert "The commits themselves are whole and say the same: delete " in found.problem
    is_refused(mine, "cannot be opened")
    for file in checkpoints:
        file.unlink()
    assert verify(mine.where) == []
    rebuild(mine.where, {})
    assert intervals(mine.where) == mine.intervals


def test_a_capture_with_a_cache_leaves_damaged_days_as_they_are_and_verify_still_names_them(mine: Whole) -> None:
    data = bytearray(parquet(mine, 3).read_bytes())
    data[10] ^= 1
    parquet(mine, 3).write_bytes(data)
    land(mine.where, {day(DAYS): [{"opportunity_id": "o1", "stage": "New"}]})
    take(mine.where, [day(DAYS)], accept=("drop",))
    assert days(verify(mine.where)) == {day(3)}


def test_damage_of_one_table_does_not_hide_that_of_another(mine: Whole) -> None:
    land(mine.where, {day(0): [{"account_id": "a"}]}, entity="account", key=("account_id",))
    take(mine.where, [day(0)])
    parquet(mine, 3).unlink()
    next((mine.where.ledger.folder / "crm" / "account" / "_delta_log").glob("*.json")).write_text("{")
    assert {(damage.entity, damage.snapshot_date) for damage in verify(mine.where)} == {
        ("account", day(0)),
        ("account", None),
        ("opportunity", day(3)),
    }
