"""A second opinion on the days: which were captured, and which fiscal quarter each is in."""

from __future__ import annotations

from datetime import timedelta

from tests.oracles.conftest import Built
from tests.oracles.days.fiscal_quarters import fiscal_quarter


def test_every_day_from_the_first_to_the_last_captured_is_captured_or_a_gap(built: Built) -> None:
    expected = set()
    for company in built.companies:
        for entity, states in company.states.items():
            if not states:  # a company that makes no lists, say
                continue
            day, last = min(states), max(states)
            while day <= last:
                expected.add((company.source, entity, day, day in states, len(states.get(day, ()))))
                day += timedelta(days=1)
    query = (
        "select source, entity, snapshot_date, status <> 'gap' as is_captured, source_row_count from marts.dim_snapshot"
    )
    found = {
        (row["source"], row["entity"], row["snapshot_date"], row["is_captured"], row["source_row_count"] or 0)
        for row in built.rows(query)
    }
    assert len(found) > 500
    assert found == expected


def test_every_day_is_in_its_week_and_its_fiscal_quarter(built: Built) -> None:
    rows = built.rows("select date_day, fiscal_quarter, week_start_date from marts.dim_date")
    assert len(rows) > 1000
    for row in rows:
        day = row["date_day"]
        assert row["week_start_date"] == day - timedelta(days=day.weekday())
        assert row["fiscal_quarter"] == fiscal_quarter(day, built.settings["fiscal_year_start_month"])


def test_quarters_are_called_current_previous_and_next_by_the_last_captured_day(built: Built) -> None:
    (last,) = built.rows("select max(snapshot_date) as day from marts.dim_snapshot")
    start = built.settings["fiscal_year_start_month"]
    rows = built.rows("select * from marts.dim_date order by date_day")
    current = fiscal_quarter(last["day"], start)
    quarters = list(dict.fromkeys(fiscal_quarter(row["date_day"], start) for row in rows))
    place = quarters.index(current)
    for row in rows:
        distance = quarters.index(row["fiscal_quarter"]) - place
        flags = tuple(row[f"is_{which}_fiscal_quarter"] for which in ("previous", "current", "next"))
        assert flags == (distance == -1, distance == 0, distance == 1)
