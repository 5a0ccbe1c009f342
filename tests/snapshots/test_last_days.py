"""A source shown as it was on an earlier day: the views of the cache say what they said on that day."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from snapshots.intervals import connect, refresh
from snapshots.store import Store
from tests.snapshots.company import day, land, store, take

DAYS = (0, 1, 3, 4)
RELATIONS = {"files": ["opportunity", "activity"]}


def states() -> dict[int, list[dict[str, Any]]]:
    """On each day, which opportunities there are and in which stage: they come, change, go and return."""
    random.seed(7)
    return {
        number: [
            {"opportunity_id": f"o{key}", "stage": random.choice(("New", "Won", "Lost"))}
            for key in range(9)
            if random.random() < 0.7
        ]
        for number in DAYS
    }


def captured(home: Path, last: Mapping[str, int]) -> Store:
    """Two sources, each captured up to its last day; one has activities besides."""
    where = store(home)
    rows = states()
    for source, end in last.items():
        days = {day(number): rows[number] for number in DAYS if number <= end}
        land(where, days, source=source)
        if source == "crm":
            events = {at: [{"activity_id": f"{at}", "opportunity_id": "o1"}] for at in days}
            land(
                where,
                events,
                source=source,
                entity="activity",
                key=("activity_id",),
                mode="events",
                governed={"activity_id": "VARCHAR"},
                fresh=False,
            )
        take(where, list(days), source=source)
    return where


def shown(where: Store, last_days: Mapping[str, date] | None = None) -> list[list[tuple[Any, ...]]]:
    """All that the views say."""
    refresh(where, RELATIONS, last_days=last_days)
    with connect(where) as con:
        return [
            con.execute(f"select * from ledger.{name} order by all").fetchall()
            for name in ("files__opportunity", "files__activity", "receipts", "extracted_columns")
        ]


def test_a_source_is_shown_as_it_was_on_each_of_its_days(tmp_path: Path) -> None:
    whole = captured(tmp_path / "whole", {"crm": 4, "other": 4})
    everything = shown(whole)
    for number in (0, 1, 3):
        until = captured(tmp_path / f"until-{number}", {"crm": number, "other": 4})
        assert shown(whole, {"crm": day(number)}) == shown(until)
    assert shown(whole, {"crm": day(4)}) == everything
    assert shown(whole) == everything


def test_a_source_that_is_left_out_has_no_rows_and_all_its_columns(tmp_path: Path) -> None:
    where = captured(tmp_path / "whole", {"crm": 4, "other": 4})
    alone = captured(tmp_path / "alone", {"other": 4})
    opportunities, activities, receipts, columns = shown(where, {"crm": date.min})
    assert opportunities == shown(alone)[0]
    assert activities == []
    assert {row[0] for row in [*receipts, *columns]} == {"other"}
    with connect(where) as con:
        described = {row[0] for row in con.execute("describe ledger.files__activity").fetchall()}
    assert {"activity_id", "opportunity_id"} <= described
