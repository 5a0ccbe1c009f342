"""Crashes: a capture that is killed at any point, then run again, leaves what one leaves that was never interrupted.

The killed capture is a real process. Where it matters it kills itself (SIGKILL, so that nothing is cleaned up).
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from snapshots.intervals import rebuild, refresh
from snapshots.ledger import LedgerTable, arrow_schema
from snapshots.receipts import newest, read_commits, read_receipts
from snapshots.store import CaptureError, LedgerError, Store
from snapshots.verify import verify
from tests.snapshots.company import Row, day, intervals, land, store, take

PROJECT = Path(__file__).parents[2]
RELATIONS = {"files": ["account", "opportunity", "person"]}
TABLES = ("files__account", "files__opportunity", "files__person")

CHILD = """
import os, signal, sys
from datetime import date
from pathlib import Path

from tests.snapshots.company import store, take
from snapshots import bucket, capture, intervals, ledger, place

where, point, call, days = store(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3]), sys.argv[4:]
calls = 0


def kill(module, name, when="before", of=""):
    # dies at the call with that number, of those that name a file `of`
    original = getattr(module, name)

    def killing(*given, **named):
        global calls
        is_meant = any(of in str(each) for each in given if isinstance(each, str | Path)) or not of
        calls += is_meant
        if is_meant and calls == call and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*given, **named)
        if is_meant and calls == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(module, name, killing)


if point == "between the draft and its seal":
    kill(ledger, "seal")
elif point == "between files and commit":
    kill(place, "put_if_absent", of="_delta_log")
    kill(bucket.Bucket, "_create", of="_delta_log")
elif point == "between commit and cache":
    kill(ledger.LedgerTable, "commit", "after")
elif point == "within the cache transaction":
    kill(capture, "store_version")
elif point == "within a rebuild":
    kill(intervals, "store_version")
elif point == "before the views":
    kill(capture, "create_views")
elif point == "while personal columns are written":
    kill(Path, "replace", of="personal")
    kill(bucket.Bucket, "upload", of="person.parquet")

take(where, [date.fromisoformat(text) for text in days], accept=("drop",))
"""


def rows(number: int) -> dict[str, list[Row]]:
    """Three entities on one day."""
    return {
        "opportunity": [
            {"opportunity_id": f"o{n}", "stage": f"{(n * number) % 3}", "amount": f"{n}.5"}
            for n in range(6)
            if (n + number) % 5
        ],
        "account": [{"account_id": f"a{n}", "account_name": f"{n} {number // 2}"} for n in range(3)],
        "person": [{"person_id": "p", "email": f"{number}@example.com", "title": f"{number}"}],
    }


def land_days(where: Store, numbers: Sequence[int]) -> None:
    """Lands days of all three entities together."""
    where.landing.unlink(missing_ok=True)
    for entity in ("opportunity", "account", "person"):
        is_person = entity == "person"
        land(
            where,
            {day(number): rows(number)[entity] for number in numbers},
            entity=entity,
            key=(f"{entity}_id",),
            personal=("email",) if is_person else (),
            email="email" if is_person else None,
            fresh=False,
        )


def start(where: Store, point: str, call: int, numbers: Sequence[int]) -> subprocess.Popen[bytes]:
    """A capture of landed days in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(where.landing.parent), point, str(call), *(str(day(n)) for n in numbers)],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stderr=subprocess.PIPE,
    )


def said(where: Store) -> Any:
    """All that a ledger says, but for the salted digests and the versions of the commits."""
    receipts = [
        (r.entity, r.snapshot_date, r.source_rows, r.upserts, r.deletes, r.live_rows, r.rejected)
        + ((r.fingerprint, r.rows_digest) if r.entity != "person" else ())
        for r in read_receipts(where)
    ]
    found = {table: intervals(where, table) for table in TABLES}
    found["files__person"] = [row[:5] + row[-2:] for row in found["files__person"]]
    return receipts, found


Uninterrupted = Callable[[Sequence[Sequence[int]]], Any]
PLANS = {
    "first day": [[0]],
    "new days": [[0], [1, 2]],
    "older day": [[0], [2, 4], [3]],
    "newest day again": [[0], [1], [1]],
}


@pytest.fixture(scope="module")
def uninterrupted(place: str, tmp_path_factory: pytest.TempPathFactory) -> Uninterrupted:
    """What a ledger says that nothing ever happened to, by the days of its captures."""

    @cache
    def of(plan: str) -> Any:
        where = store(tmp_path_factory.mktemp("uninterrupted"))
        for numbers in json.loads(plan):
            land_days(where, numbers)
            take(where, [day(number) for number in numbers], accept=("drop",))
        assert verify(where) == []
        return said(where)

    return lambda plan: of(json.dumps(plan))


# One plan for each point; the other plans of the same points are slow.
@pytest.mark.parametrize(
    ("point", "call", "plan"),
    [
        ("between the draft and its seal", 2, "new days"),
        ("between files and commit", 1, "older day"),
        ("between commit and cache", 3, "new days"),
        ("within the cache transaction", 1, "first day"),
        ("within a rebuild", 1, "older day"),
        ("before the views", 1, "new days"),
        ("while personal columns are written", 1, "new days"),
        pytest.param("between the draft and its seal", 1, "first day", marks=pytest.mark.slow),
        pytest.param("between files and commit", 1, "first day", marks=pytest.mark.slow),
        pytest.param("between files and commit", 2, "new days", marks=pytest.mark.slow),
        pytest.param("between commit and cache", 1, "first day", marks=pytest.mark.slow),
        pytest.param("between commit and cache", 2, "older day", marks=pytest.mark.slow),
        pytest.param("within the cache transaction", 2, "new days", marks=pytest.mark.slow),
        pytest.param("while personal columns are written", 1, "first day", marks=pytest.mark.slow),
    ],
)
def test_a_killed_capture_is_made_good_by_the_next(
    tmp_path: Path, uninterrupted: Uninterrupted, point: str, call: int, plan: str
) -> None:
    where, steps = store(tmp_path / "killed"), PLANS[plan]
    for numbers in steps[:-1]:
        land_days(where, numbers)
        take(where, [day(number) for number in numbers], accept=("drop",))
    land_days(where, steps[-1])
    child = start(where, point, call, steps[-1])
    _, errors = child.communicate(timeout=60)
    assert child.returncode == -signal.SIGKILL, errors.decode()
    assert verify(where) == []
    take(where, [day(number) for number in steps[-1]], accept=("drop",))
    expected = uninterrupted(steps)
    assert said(where) == expected
    assert verify(where) == []
    assert not list(where.landing.parent.rglob("*draft*"))
    rebuild(where, RELATIONS)
    assert said(where) == expected


def test_what_a_crash_left_out_of_the_cache_is_caught_up_without_a_capture(
    tmp_path: Path, uninterrupted: Uninterrupted
) -> None:
    where = store(tmp_path / "killed")
    land_days(where, [0])
    child = start(where, "between commit and cache", 3, [0])
    child.communicate(timeout=60)
    assert child.returncode == -signal.SIGKILL
    refresh(where, RELATIONS)
    assert said(where) == uninterrupted([[0]])


@pytest.mark.parametrize("starts", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_captures_killed_at_any_moment_lose_nothing(tmp_path: Path, uninterrupted: Uninterrupted, starts: int) -> None:
    where, rng = store(tmp_path / "killed"), random.Random(5)
    numbers = list(range(6))
    whole = store(tmp_path / "whole")
    land_days(whole, numbers)
    started = time.monotonic()
    start(whole, "", 0, numbers).communicate(timeout=60)
    seconds = time.monotonic() - started
    land_days(where, numbers)
    killed = 0
    for _ in range(starts):
        child = start(where, "", 0, numbers)
        time.sleep(rng.uniform(0.2, 0.9) * seconds)
        child.kill()
        child.communicate(timeout=60)
        killed += child.returncode == -signal.SIGKILL
        assert verify(where) == []
    take(where, [day(number) for number in numbers], accept=("drop",))
    assert said(where) == uninterrupted([numbers])
    assert killed > 0


# -- two writers -------------------------------------------------------------------------------------------------------


def test_two_captures_at_once_are_one_after_the_other_or_one_refused(
    tmp_path: Path, uninterrupted: Uninterrupted
) -> None:
    where = store(tmp_path / "shared")
    land_days(where, [0])
    children = [start(where, "", 0, [0]) for _ in range(3)]
    errors = [child.communicate(timeout=60)[1].decode() for child in children]
    assert 0 in {child.returncode for child in children}
    for child, error in zip(children, errors, strict=True):
        assert child.returncode == 0 or "another program has it open" in error
    assert said(where) == uninterrupted([[0]])


def test_an_open_warehouse_is_refused_by_name(tmp_path: Path) -> None:
    where = store(tmp_path)
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import duckdb; con = duckdb.connect({str(where.warehouse)!r}); print('open', flush=True); input()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        with pytest.raises(LedgerError, match=r"warehouse\.duckdb: another program has it open"):
            refresh(where, {})
    finally:
        holder.communicate(b"\n", timeout=30)


def test_of_two_writers_from_one_version_the_second_is_refused(tmp_path: Path) -> None:
    where = store(tmp_path)
    land(where, {day(0): rows(0)["opportunity"]})
    take(where, [day(0)])
    path = where.ledger / "crm" / "opportunity"
    one, other = LedgerTable(path), LedgerTable(path)
    receipt = newest(read_commits(path))[day(0)]
    none = arrow_schema(one.columns()).empty_table()
    one.commit(none, [receipt], [day(5)])
    with pytest.raises(CaptureError, match=r"version 1 could not be committed .* Nothing was written\."):
        other.commit(none, [receipt], [day(6)])
    assert LedgerTable(path).version == 1


def test_a_writer_stays_at_the_version_that_it_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = store(tmp_path)
    land(where, {day(0): rows(0)["opportunity"]})
    take(where, [day(0)])
    path = where.ledger / "crm" / "opportunity"
    one = LedgerTable(path)
    receipt = newest(read_commits(path))[day(0)]
    none = arrow_schema(one.columns()).empty_table()
    publish = type(path).publish

    def and_another_one_commits(self: Any, *given: Any) -> bool:
        monkeypatch.undo()
        is_ours = publish(self, *given)
        LedgerTable(store(tmp_path).ledger / "crm" / "opportunity").commit(none, [receipt], [day(6)])
        return is_ours

    monkeypatch.setattr(type(path), "publish", and_another_one_commits)
    assert one.commit(none, [receipt], [day(5)]) == one.version == 1
    last = one.last_commit()
    assert last is not None
    assert last.version == 1
    assert LedgerTable(store(tmp_path).ledger / "crm" / "opportunity").version == 2


def test_of_two_writers_that_make_a_table_the_second_is_refused(tmp_path: Path) -> None:
    where = store(tmp_path / "one")
    land(where, {day(0): rows(0)["opportunity"]})
    take(where, [day(0)])
    receipt = newest(read_commits(where.ledger / "crm" / "opportunity"))[day(0)]
    one, other = (LedgerTable(store(tmp_path).ledger / "crm" / "new") for _ in range(2))
    none = arrow_schema({"opportunity_id": "VARCHAR"}).empty_table()
    one.commit(none, [receipt], [day(0)])
    with pytest.raises(CaptureError, match=r"version 0 could not be committed .* Nothing was written\."):
        other.commit(none, [receipt], [day(0)])


@pytest.mark.parametrize("starts", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_two_homes_that_share_a_ledger_never_write_over_each_other(
    tmp_path: Path, uninterrupted: Uninterrupted, starts: int
) -> None:
    """Not a way to work, but nothing is lost: each step is refused or builds on the other's."""
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "keeps-its-ledger-in").write_text(str(tmp_path / "one"))
    homes = [store(tmp_path / name) for name in ("one", "two")]
    for number in range(3):
        for where in homes:
            land_days(where, [number])
        children = [start(where, "", 0, [number]) for where in homes * starts]
        errors = [child.communicate(timeout=300)[1].decode() for child in children]
        assert 0 in {child.returncode for child in children}, errors
        for child, error in zip(children, errors, strict=True):
            assert child.returncode == 0 or "run the command again" in error or "has it open" in error, error
        assert verify(store(tmp_path / "one")) == []
    where = store(tmp_path / "one")
    refresh(where, RELATIONS)
    assert said(where) == uninterrupted([[0], [1], [2]])
