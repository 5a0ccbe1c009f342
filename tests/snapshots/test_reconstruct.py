"""The days before the first observed one, from recorded changes."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from snapshots.casts import PLAIN
from snapshots.dialect import Dialect
from snapshots.intervals import connect, rebuild
from snapshots.receipts import read_receipts
from snapshots.reconstruct import History, Reconstructed, reconstruct
from snapshots.store import CaptureError, Store
from snapshots.verify import verify
from tests.snapshots.company import land, store, take

HISTORY = {"opportunity_id": "VARCHAR", "field": "VARCHAR", "changed_at": "TIMESTAMP"}
KEY = ("opportunity_id", "field", "changed_at", "old_value", "new_value")
SEAM = date(2026, 1, 10)


def backfill(where: Store, dialect: Dialect = PLAIN) -> Reconstructed:
    return reconstruct(
        where,
        "crm",
        created_at="created_at",
        histories=[History()],
        column_of=str.lower,
        code_version="test",
        dialect=dialect,
    )


def observe(where: Store, rows: list[dict[str, Any]], changes: list[tuple[str | None, ...]], at: date = SEAM) -> None:
    land(where, {at: rows})
    names = ("opportunity_id", "field", "old_value", "new_value", "changed_at")
    land(
        where,
        {at: [dict(zip(names, change, strict=True)) for change in changes]},
        entity="opportunity_change",
        mode="events",
        key=KEY,
        required=KEY[:3],
        columns=names,
        governed=HISTORY,
        fresh=False,
    )
    take(where, [at])


def versions(where: Store) -> list[tuple[Any, ...]]:
    with connect(where) as con:
        return con.execute(
            "select opportunity_id, valid_from, valid_to, stage, amount, owner, _pl_origin from "
            "ledger.files__opportunity "
            "order by opportunity_id, valid_from"
        ).fetchall()


A = {"opportunity_id": "a", "stage": "Won", "amount": "120", "owner": "u1", "created_at": "2026-01-02 09:00:00"}
CHANGES: list[tuple[str | None, ...]] = [
    ("a", "Stage", "New", "Proposal", "2026-01-04 10:00:00"),
    ("a", "Stage", "Proposal", "Legal", "2026-01-06 10:00:00"),
    ("a", "Stage", "Legal", "Won", "2026-01-06 11:00:00"),
    ("a", "Amount", "100", "120", "2026-01-05 23:30:00"),
    ("z", "Stage", "New", "Lost", "2026-01-01 12:00:00"),
]


def test_each_day_holds_what_the_history_says_and_untracked_columns_are_null(tmp_path: Path) -> None:
    where = store(tmp_path)
    observe(where, [A], CHANGES)
    result = backfill(where)
    assert (result.first_day, result.last_day, result.opportunities, result.unresolved) == (
        date(2026, 1, 1),
        date(2026, 1, 9),
        1,
        1,
    )
    hundred, more = Decimal("100.00"), Decimal("120.00")
    assert versions(where) == [
        ("a", date(2026, 1, 2), date(2026, 1, 4), "New", hundred, None, "reconstructed"),
        ("a", date(2026, 1, 4), date(2026, 1, 5), "Proposal", hundred, None, "reconstructed"),
        ("a", date(2026, 1, 5), date(2026, 1, 6), "Proposal", more, None, "reconstructed"),
        ("a", date(2026, 1, 6), SEAM, "Won", more, None, "reconstructed"),
        ("a", SEAM, date(9999, 12, 31), "Won", more, "u1", "observed"),
    ]
    assert verify(where) == []


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        (PLAIN, Decimal("1.50")),
        (Dialect(decimal=","), Decimal("1500.00")),
        (Dialect(decimal=""), None),  # nobody said what the point means
    ],
)
def test_old_values_are_read_in_the_dialect_of_their_history(
    tmp_path: Path, dialect: Dialect, expected: Decimal | None
) -> None:
    where = store(tmp_path)
    changes: list[tuple[str | None, ...]] = [
        ("a", "Amount", "900", "1.500", "2026-01-03 12:00:00"),
        ("a", "Amount", "1.500", "120", "2026-01-05 12:00:00"),
    ]
    observe(where, [A], changes)
    backfill(where, dialect)
    assert versions(where)[0][4] == expected


def test_a_change_belongs_to_its_day_in_company_time(tmp_path: Path) -> None:
    where = store(tmp_path)
    observe(where, [A], [("a", "Stage", "New", "Won", "2026-01-05T03:00:00Z")])  # 22:00 of the 4th in New York
    backfill(where)
    assert next(row[1] for row in versions(where) if row[3] == "Won") == date(2026, 1, 4)


def test_a_second_backfill_replaces_the_first_whole_and_an_equal_one_writes_nothing(tmp_path: Path) -> None:
    where = store(tmp_path)
    observe(where, [A], CHANGES)
    assert backfill(where).changed
    assert not backfill(where).changed
    later = date(2026, 1, 11)
    observe(where, [A], [*CHANGES, ("a", "Amount", "90", "100", "2026-01-03 10:00:00")], later)
    assert backfill(where).changed
    assert [row[4] for row in versions(where)][:2] == [Decimal("90.00"), Decimal("100.00")]
    days = [r.snapshot_date for r in read_receipts(where) if r.is_reconstructed]
    assert len(days) == len(set(days)) == 9
    assert verify(where) == []
    before = versions(where)
    rebuild(where, {})
    assert versions(where) == before


def test_observed_days_win_when_an_earlier_drop_arrives(tmp_path: Path) -> None:
    where = store(tmp_path)
    observe(where, [A], CHANGES)
    backfill(where)
    land(where, {date(2026, 1, 5): [{**A, "stage": "Seen", "owner": "u2"}]})
    take(where, [date(2026, 1, 5)])
    assert next(row for row in versions(where) if row[6] == "observed")[1:4] == (date(2026, 1, 5), SEAM, "Seen")
    assert max(row[2] for row in versions(where) if row[6] == "reconstructed") == date(2026, 1, 5)


def test_without_a_history_nothing_is_invented(tmp_path: Path) -> None:
    where = store(tmp_path)
    land(where, {SEAM: [A]})
    take(where, [SEAM])
    with pytest.raises(CaptureError, match="no history captured"):
        backfill(where)
    observe(where, [A], [("a", "unknown", "x", "y", "2026-01-04 10:00:00")], date(2026, 1, 11))
    with pytest.raises(CaptureError, match="no change of a known column"):
        backfill(where)


def test_states_tell_what_they_hold_and_other_fields_are_null_before_their_own_history(tmp_path: Path) -> None:
    where = store(tmp_path)
    observe(
        where, [A], [("a", "Owner", "u0", "u1", "2026-01-06 10:00:00"), ("a", "Stage", "?", "!", "2026-01-07 10:00:00")]
    )
    names = ("id", "of", "stage", "amount", "at")
    states = [
        ("2", "a", "Proposal", "100", "2026-01-04 10:00:00"),
        ("1", "a", "New", "100", "2026-01-02 09:00:00"),
        ("4", "a", "Won", "120", "2026-01-08 10:00:00"),
        ("3", "a", "Legal", "110", "2026-01-08 10:00:00"),  # the same instant: the Id decides
    ]
    land(
        where,
        {SEAM: [dict(zip(names, state, strict=True)) for state in states]},
        entity="history",
        mode="events",
        key=("id",),
        required=("id",),
        columns=names,
        governed={"at": "TIMESTAMP"},
        fresh=False,
    )
    take(where, [SEAM])
    kept = History("history", "of", "at", states={"stage": "stage", "amount": "amount", "never": "never"}, tie="id")
    result = reconstruct(
        where,
        "crm",
        created_at="created_at",
        histories=[kept, History(), History("not captured")],
        column_of=str.lower,
        code_version="test",
    )
    assert result.tracked == ("amount", "owner", "stage")
    assert [row[1:6] for row in versions(where)] == [
        (date(2026, 1, 2), date(2026, 1, 4), "New", Decimal("100.00"), None),
        (date(2026, 1, 4), date(2026, 1, 6), "Proposal", Decimal("100.00"), None),
        (date(2026, 1, 6), date(2026, 1, 8), "Proposal", Decimal("100.00"), "u1"),
        (date(2026, 1, 8), SEAM, "Won", Decimal("120.00"), "u1"),
        (SEAM, date(9999, 12, 31), "Won", Decimal("120.00"), "u1"),
    ]
    assert verify(where) == []
