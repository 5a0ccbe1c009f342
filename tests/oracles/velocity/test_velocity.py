"""A second opinion on stage visits, stage velocity (Kaplan-Meier by lifelines) and pipeline velocity."""

from __future__ import annotations

import statistics
from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest

from tests.oracles.conftest import Built
from tests.oracles.opportunities.history import Oracle
from tests.oracles.velocity.velocity import EXITS, VelocityOracle, kaplan_meier

VISIT = [
    "source", "opportunity_id", "pipeline", "stage", "visit_number", "segment", "stage_order", "next_stage",
    "exit_kind", "entry_precision", "is_open", "is_converted", "amount_at_entry", "entered_date", "exited_date",
]  # fmt: skip


@pytest.fixture(scope="module")
def oracle(built: Built) -> VelocityOracle:
    return VelocityOracle(Oracle(built.companies, built.definitions, *built.settings.values()))


def test_visits_equal_walking_through_the_daily_states(built: Built, oracle: VelocityOracle) -> None:
    rows = built.rows("select * from marts.fct_stage_visits")
    found = {
        tuple(row[name] for name in VISIT[:5]): (*(row[name] for name in VISIT[5:]), row["days_in_stage"])
        for row in rows
    }
    expected = {
        tuple(visit[name] for name in VISIT[:5]): (*(visit[name] for name in VISIT[5:]), visit["days"])
        for visit in oracle.visits()
    }
    assert {k: (found.get(k), expected.get(k)) for k in {*found, *expected} if found.get(k) != expected.get(k)} == {}
    if len(built.companies) > 1:
        assert {row["exit_kind"] for row in rows} == {*EXITS, None}
        assert set(Counter(row["entry_precision"] for row in rows)) == {"exact", "day", "gap", "left_truncated"}


def test_stage_velocity_equals_counting_visits_and_lifelines(built: Built, oracle: VelocityOracle) -> None:
    found = {
        (row["fiscal_quarter"], row["pipeline"], row["segment"], row["stage"]): row
        for row in built.rows("select * from marts.rpt_stage_velocity")
    }
    cells = oracle.cells()
    enough = oracle.oracle.choice("small_sample_visits", max(max(states) for states in oracle.states.values()))
    assert set(found) == set(cells)
    for key, cell in cells.items():
        row = found[key]
        kinds = Counter(visit["exit_kind"] for visit in cell.visits)
        converted = sum(visit["is_converted"] for visit in cell.visits)
        expected: dict[str, Any] = {
            "visits": len(cell.visits),
            **{kind: kinds[kind] for kind in EXITS},
            "still_open": kinds[None],
            "left_truncated": len(cell.visits) - len(cell.timed),
            "completed": len(cell.completed),
            "converted": converted,
            "median_days_completed": statistics.median(cell.completed) if cell.completed else None,
            "is_small_sample": len(cell.visits) < enough,
        }
        assert {name: row[name] for name in expected} == expected, key
        assert row["conversion_rate"] == pytest.approx(converted / len(cell.visits), abs=1e-9)
        curve = kaplan_meier(cell.timed)
        for name, share in (("km_median_days", 0.5), ("km_p75_days", 0.25), ("km_p90_days", 0.1)):
            by = min((at for at, left in curve if left <= share + 1e-9), default=None)
            assert row[name] == by, (key, name)
        for days in (7, 14, 30, 60, 90, 180):
            left = min((share for at, share in curve if at <= days), default=1.0)
            is_known = bool(curve) and (max(at for at, _ in curve) >= days or min(share for _, share in curve) < 1e-9)
            expected_share = pytest.approx(left, abs=1e-6) if is_known else None
            assert row[f"still_in_stage_{days}d"] == expected_share, (key, days)
        youngest = min(visit["age"] for visit in cell.visits)
        assert row["is_mature"] == (row["km_p90_days"] is not None and youngest > row["km_p90_days"]), key


def test_pipeline_velocity_equals_counting_at_the_end_of_each_month(built: Built, oracle: VelocityOracle) -> None:
    found = {
        (row["month_start_date"], row["segment"]): row
        for row in built.rows("select * from marts.rpt_pipeline_velocity")
    }
    expected = oracle.months()
    assert set(found) == set(expected)
    exact = ["snapshot_date", "open_opportunities", "won_opportunities", "lost_opportunities", "won_amount",
             "average_won_amount", "cycle_opportunities"]  # fmt: skip
    compared = 0
    for key, month in expected.items():
        row = found[key]
        assert {name: row[name] for name in exact} == {name: month[name] for name in exact}, key
        for name in ("win_rate", "sales_cycle_days", "velocity_per_day"):
            assert row[name] == (None if month[name] is None else pytest.approx(month[name], rel=1e-12)), (key, name)
        before = expected.get((previous_month(key[0]), key[1]), {}).get("logarithms")
        terms = ("open_opportunities", "average_won_amount", "win_rate", "sales_cycle")
        parts = [row[f"{term}_contribution"] for term in terms]
        if before is None or month["logarithms"] is None:
            assert [row["velocity_log_change"], *parts] == [None] * 5, key
            continue
        change, *of_factors = (now - then for now, then in zip(month["logarithms"], before, strict=True))
        assert parts == pytest.approx([*of_factors[:3], -of_factors[3]], abs=1e-9), key
        assert row["velocity_log_change"] == pytest.approx(change, abs=1e-9)
        assert sum(parts) == pytest.approx(change, abs=1e-9)
        compared += 1
    assert compared > 0


def previous_month(first: date) -> date:
    return (first - timedelta(days=1)).replace(day=1)
