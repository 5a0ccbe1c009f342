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
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pytest

from snapshots import ledger, receipts
from snapshots.bucket import Bucket
from snapshots.intervals import rebuild, refresh
from snapshots.ledger import LedgerTable
from snapshots.place import Place
from snapshots.reader import scan
from snapshots.receipts import as_json, newest, read_commits
from snapshots.store import LedgerDamagedError, LedgerError, Store
from snapshots.verify import Damage, verify
from tests.drawn import drawn
from tests.snapshots.company import Row, day, files, intervals, land, put, store, take

DAYS = 12


@dataclass(frozen=True)
class Whole:
    """A ledger as it should be: what its files say, and the intervals that follow."""

    where: Store
    values: Any
    intervals: Any

    @property
    def table(self) -> Place:
        """The Delta table."""
        return self.where.ledger / "crm" / "opportunity"

    @property
    def names(self) -> list[str]:
        """Its files, in an order that does not depend on their random names."""
        found = files(self.table)
        return sorted(found, key=lambda name: (name.partition("part-")[0], len(found[name])))

    def read(self, name: str) -> bytes:
        """The bytes of a file of the table."""
        data = self.table.read(name)
        assert data is not None, name
        return data

    def put(self, name: str, data: bytes | None) -> None:
        """Replaces or deletes a file of the table, behind the back of Pipeledger."""
        put(self.table, name, data)
        if isinstance(self.where.place, Bucket):  # what this machine had of it is gone
            shutil.rmtree(self.where.place.folder, ignore_errors=True)

    def parquet(self, number: int) -> str:
        """The Parquet file of a day."""
        return next(name for name in self.names if name.startswith(f"snapshot_date={day(number)}/"))

    def swap(self, one: str, other: str) -> None:
        """Exchanges the contents of two files."""
        first, second = self.read(one), self.read(other)
        self.put(one, second)
        self.put(other, first)


def log(version: int) -> str:
    """A file of the log."""
    return f"_delta_log/{version:020d}.json"


@pytest.fixture(scope="module")
def whole(place: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
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
    assert sum("checkpoint" in name for name in files(where.ledger)) == 3
    assert verify(where) == []
    yield Whole(where, values(where), intervals(where))


@pytest.fixture
def mine(whole: Whole, tmp_path: Path) -> Whole:
    """A copy of the ledger to damage at will."""
    where = store(tmp_path)
    for name, data in files(whole.where.ledger).items():
        put(where.ledger, name, data)
    shutil.copy(whole.where.warehouse, where.warehouse)
    return Whole(where, whole.values, whole.intervals)


def opportunity(key: str, rng: random.Random) -> Row:
    """Some state of an opportunity."""
    return {
        "opportunity_id": key,
        "stage": rng.choice(["New", "Won"]),
        "amount": f"{rng.randint(1, 99999) / 100}",
        "created_at": "2026-01-01 10:00:00",
        "employee_count": f"{rng.randint(1, 50)}",
        "note": "Zoë\u2028" * rng.randint(0, 3),
    }


def values(where: Store) -> Any:
    """What any reader finds: all rows of the listed files, and the receipts."""
    table = LedgerTable(where.ledger / "crm" / "opportunity")
    with table.place.at_hand(table.file_names()), duckdb.connect() as con:
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


def damaged(data: bytes, rng: random.Random) -> tuple[bytes, str]:
    """One flipped bit, or (one time in ten) an end that is lost."""
    if rng.random() < 0.1:
        size = rng.randrange(len(data))
        return data[:size], f"cut to {size} bytes"
    bit = rng.randrange(8 * len(data))
    return data[: bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1 :], f"bit {bit} flipped"


def days_of(name: str) -> set[date]:
    """The days that a file of the table is about."""
    folder, _, file = name.partition("/")
    if folder.startswith("snapshot_date="):
        return {date.fromisoformat(folder.removeprefix("snapshot_date="))}
    stem = file.removesuffix(".json")
    return {day(int(stem))} if stem.isdigit() else set()


def try_all(whole: Whole, trials: int, seed: int) -> None:
    """Damages one file at a time: it is reported, with its day if it has one; and what is not reported is harmless.

    Only the pointer to the newest checkpoint is not vouched for: it is a hint.
    """
    rng = random.Random(seed)
    names = whole.names
    changed = 0
    for trial in range(trials):
        name = rng.choice(names)
        before = whole.read(name)
        data, how = damaged(before, rng)
        said = f"trial {trial}: {name}, {how}"
        whole.put(name, data)
        try:
            found = verify(whole.where)
            changed += is_changed(whole)
            assert found or name == "_delta_log/_last_checkpoint", said
            assert not days_of(name) or days_of(name) & days(found), f"{said}: {found}"
            if found:
                continue
            rebuild(whole.where, {})
            assert intervals(whole.where) == whole.intervals, said
        finally:
            whole.put(name, before)
    assert changed > trials // 4
    assert verify(whole.where) == []


def test_flipped_bits_and_lost_ends_are_found_and_the_day_is_named(whole: Whole) -> None:
    try_all(whole, trials=drawn(20, 500), seed=2)


def test_each_flipped_byte_is_found_in_the_newest_files_too(tmp_path: Path, place: str) -> None:
    where, step = store(tmp_path), drawn(397, 1 if place == "disk" else 23)  # a look into a bucket takes requests
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "NEVER_EXPIRES", {**ledger.NEVER_EXPIRES, "delta.checkpointInterval": "2"})
        for number in range(2):
            land(where, {day(number): [{"opportunity_id": "a", "stage": f"{number}", "amount": "1.5"}]})
            take(where, [day(number)])
    mine = Whole(where, None, None)
    for name in mine.names:
        sound = mine.read(name)
        for at in range(len(sound) % step, len(sound), step) if not name.endswith("_last_checkpoint") else ():
            mine.put(name, sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
            assert verify(where), f"{name}, byte {at} of {len(sound)}"
        mine.put(name, sound)
    assert verify(where) == []


def test_a_ledger_that_was_begun_without_digests_of_files_goes_on(mine: Whole) -> None:
    previous, previous_log = "", ""
    for version in range(DAYS):

        def unseal(body: dict[str, Any], link: tuple[str, str] = (previous, previous_log)) -> None:
            for name in ("digest", "files", "log"):
                del body[name]
            body["previous"], body["previous_log"] = link
            body["digest"] = receipts._digest(body)

        edit(mine, version, unseal)
        commit = list(read_commits(mine.table))[version]
        previous, previous_log = commit.digest, sha256(mine.read(log(version))).hexdigest()
    assert verify(mine.where) == []
    land(mine.where, {day(DAYS): [{"opportunity_id": "o1", "stage": "New"}]})
    take(mine.where, [day(DAYS)], accept=("drop",))
    assert verify(mine.where) == []
    for number, is_seen in ((DAYS - 1, False), (DAYS, True)):  # the magic number at its beginning: nobody reads it
        data = mine.read(mine.parquet(number))
        mine.put(mine.parquet(number), b"par1" + data[4:])
        assert (day(number) in days(verify(mine.where))) == is_seen
        mine.put(mine.parquet(number), data)


# -- what people and disks do to files ---------------------------------------------------------------------------------


def is_refused(whole: Whole, match: str | None = None) -> None:
    """Neither a rebuild nor a capture without a cache believes the ledger, and neither touches it."""
    before = files(whole.where.ledger)
    land(whole.where, {day(DAYS): [{"opportunity_id": "o1", "stage": "New"}]})
    with pytest.raises(LedgerDamagedError, match=match):
        rebuild(whole.where, {})
    whole.where.warehouse.unlink()
    with pytest.raises(LedgerDamagedError, match=match):
        take(whole.where, [day(DAYS)])
    assert files(whole.where.ledger) == before


def test_a_damaged_day_is_refused_and_the_message_says_what_to_do(mine: Whole) -> None:
    mine.swap(mine.parquet(3), mine.parquet(4))
    is_refused(mine, r"Run `pipeledger verify` for every damaged day, restore ledger/crm/opportunity/ from a backup")


def test_a_file_that_is_deleted_names_its_day(mine: Whole) -> None:
    mine.put(mine.parquet(3), None)
    assert days(verify(mine.where)) == {day(3)}
    is_refused(mine)


def test_a_file_that_nobody_lists_is_ignored(mine: Whole) -> None:
    for number in (3, 4):
        mine.put(f"snapshot_date={day(number)}/part-copy.parquet", mine.read(mine.parquet(3)))
    assert verify(mine.where) == []
    rebuild(mine.where, {})
    assert intervals(mine.where) == mine.intervals


def test_days_whose_rows_are_exchanged_are_both_named(mine: Whole) -> None:
    mine.swap(mine.parquet(3), mine.parquet(4))
    assert {day(3), day(4)} <= days(verify(mine.where))
    is_refused(mine)


def test_days_of_equal_size_whose_rows_are_exchanged_are_both_named(tmp_path: Path) -> None:
    where = store(tmp_path)
    for number in range(3):
        land(where, {day(number): [{"opportunity_id": "a", "stage": f"{number}"}]})
        take(where, [day(number)])
    mine = Whole(where, None, None)
    one, other = mine.parquet(1), mine.parquet(2)
    assert len(mine.read(one)) == len(mine.read(other))
    mine.swap(one, other)
    assert days(verify(where)) == {day(1), day(2)}


def test_an_edited_receipt_names_its_day(mine: Whole) -> None:
    edit(mine, 4, lambda body: body["receipts"][0].update(source_rows=7))
    assert day(4) in days(verify(mine.where))
    is_refused(mine)


def test_an_edited_receipt_with_a_fitting_digest_breaks_the_chain(mine: Whole) -> None:
    def forge(body: dict[str, Any]) -> None:
        del body["digest"]
        body["receipts"][0]["source_rows"] = 7
        body["digest"] = receipts._digest(body)

    edit(mine, 4, forge)
    assert days(verify(mine.where)) == {day(4)}


def edit(whole: Whole, version: int, change: Callable[[dict[str, Any]], None]) -> None:
    """Changes the receipts in a file of the log."""
    actions = [json.loads(line) for line in whole.read(log(version)).splitlines()]
    commit = next(action["commitInfo"] for action in actions if "commitInfo" in action)
    body = json.loads(commit["pipeledger"])
    change(body)
    commit["pipeledger"] = json.dumps(body, sort_keys=True)
    whole.put(log(version), "".join(json.dumps(action) + "\n" for action in actions).encode())


@pytest.mark.parametrize("version", [0, 3, 7])
def test_a_lost_commit_is_found(mine: Whole, version: int) -> None:
    mine.put(log(version), None)
    found = verify(mine.where)
    assert any(f"commits {version} are missing" in damage.problem for damage in found)
    assert day(version) in days(found)
    is_refused(mine)


def test_a_lost_last_commit_is_found_where_a_checkpoint_remembers_it(mine: Whole) -> None:
    for version in (10, 11):
        mine.put(log(version), None)
    assert verify(mine.where) == []  # an older ledger, whole: what was captured since is not there
    mine.put(log(9), None)
    assert verify(mine.where) != []
    is_refused(mine)


def test_an_older_backup_is_a_ledger_and_its_cache_is_rebuilt(mine: Whole) -> None:
    for version in range(8, DAYS):
        mine.put(log(version), None)
        mine.put(mine.parquet(version), None)
    for name in [name for name in mine.names if "checkpoint" in name]:
        mine.put(name, None)
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
    mine.put(log(DAYS - 1), None)
    cache = mine.where.warehouse.read_bytes()
    refresh(mine.where, {})
    land(mine.where, {day(DAYS): [{"opportunity_id": "new", "stage": "New"}]})
    take(mine.where, [day(DAYS)], accept=("drop",))
    expected = intervals(mine.where)
    mine.where.warehouse.write_bytes(cache)
    refresh(mine.where, {})
    assert intervals(mine.where) == expected != mine.intervals


def test_a_damaged_checkpoint_is_named_with_the_way_out(mine: Whole) -> None:
    checkpoints = [name for name in mine.names if "checkpoint" in name]
    newest_one = next(name for name in checkpoints if name.startswith("_delta_log/00000000000000000009"))
    mine.put(newest_one, mine.read(newest_one)[:100])
    (found,) = verify(mine.where)
    assert "The commits themselves are whole and say the same: delete " in found.problem
    if isinstance(mine.where.place, Bucket):  # whose checkpoints nobody reads
        rebuild(mine.where, {})
        assert intervals(mine.where) == mine.intervals
    else:
        is_refused(mine, "cannot be opened")
    for name in checkpoints:
        mine.put(name, None)
    assert verify(mine.where) == []
    rebuild(mine.where, {})
    assert intervals(mine.where) == mine.intervals


def test_a_capture_with_a_cache_leaves_damaged_days_as_they_are_and_verify_still_names_them(mine: Whole) -> None:
    data = bytearray(mine.read(mine.parquet(3)))
    data[10] ^= 1
    mine.put(mine.parquet(3), bytes(data))
    land(mine.where, {day(DAYS): [{"opportunity_id": "o1", "stage": "New"}]})
    take(mine.where, [day(DAYS)], accept=("drop",))
    assert days(verify(mine.where)) == {day(3)}


def test_damage_of_one_table_does_not_hide_that_of_another(mine: Whole) -> None:
    land(mine.where, {day(0): [{"account_id": "a"}]}, entity="account", key=("account_id",))
    take(mine.where, [day(0)])
    mine.put(mine.parquet(3), None)
    put(mine.where.ledger / "crm" / "account", log(0), b"{")
    assert {(damage.entity, damage.snapshot_date) for damage in verify(mine.where)} == {
        ("account", day(0)),
        ("account", None),
        ("opportunity", day(3)),
    }
