"""A second opinion on hand-offs, to the minute."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from datetime import date
from itertools import product
from typing import Any

import pytest

from tests.dbt_project.dbt_build import PROJECT
from tests.oracles.conftest import Built
from tests.oracles.funnel.handoffs import WEEKDAYS, HandoffOracle
from tests.oracles.funnel.lifecycle import PeopleOracle
from tests.oracles.opportunities.history import Oracle

COLUMNS = [
    "person_key", "handoff", "cycle", "clock", "started_at", "ended_at", "status", "elapsed_seconds", "evidence",
    "evidence_known_from", "is_entered_late", "owner_id", "is_measured", "is_rerouted", "due_at", "led_to_opportunity",
]  # fmt: skip
STATUSES = ("met", "breached", "pending", "not_evaluated")
KEY = ("month_start_date", "handoff", "clock", "segment", "dimension", "dimension_value")


def test_handoffs_equal_looking_for_each_answer(built: Built) -> None:
    defaults = {
        name: (PROJECT / "default_definitions" / f"{name}.csv").read_text() for name in ("sla_rules", "business_hours")
    }
    people = PeopleOracle(Oracle(built.companies, built.definitions, *built.settings.values()))
    oracle = HandoffOracle(people, defaults | built.definitions)
    rows = built.rows(
        "select *, cast(round(elapsed_hours * 3600) as integer) as elapsed_seconds from marts.fct_handoffs"
    )
    found = {tuple(row[name] for name in COLUMNS) for row in rows}
    expected = {tuple(row[name] for name in COLUMNS) for row in oracle.rows()}
    assert sorted(map(str, found - expected)) == sorted(map(str, expected - found)) == []
    assert len(rows) == len(found)
    assert {row["status"] for row in rows} == {"met", "breached", "pending", "not_evaluated"}
    wall = {(row["person_key"], row["handoff"], row["cycle"]): row for row in rows if row["clock"] == "clock"}
    business = [row for row in rows if row["clock"] == "business"]
    pairs = [(row, wall[(row["person_key"], row["handoff"], row["cycle"])]) for row in business]
    assert all(
        one["elapsed_hours"] <= other["elapsed_hours"] + 1e-9
        for one, other in pairs
        if one["ended_at"] == other["ended_at"]
    )
    # rules of the two clocks may name other evidence
    assert len(built.companies) == 1 or any(one["ended_at"] != other["ended_at"] for one, other in pairs)


def test_answers_in_time_equal_counting_handoffs(built: Built) -> None:
    cells: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in built.rows("select * from marts.fct_handoffs"):
        values = {
            "(all)": "(all)",
            "team": row["owner_team"],
            "owner": row["owner_id"] or "(none)",
            "weekday": WEEKDAYS[row["started_date"].weekday()],
        }
        place = (row["started_date"].replace(day=1), row["handoff"], row["clock"])
        for segment, dimension in product((row["segment"], "(all)"), values):
            cells[(*place, segment, dimension, values[dimension])].append(row)
    rows = built.rows("select * from marts.rpt_handoff_sla")
    found = {tuple(row[name] for name in KEY): row for row in rows}
    assert set(found) == set(cells)
    assert len(rows) == len(found)
    oracle = Oracle(built.companies, built.definitions, *built.settings.values())
    fewest = oracle.choice("small_risk_set", date(2100, 1, 1))
    for key, handoffs in cells.items():
        row = found[key]
        counts = {name: sum(each["status"] == name for each in handoffs) for name in STATUSES}
        assert {name: row[name] for name in STATUSES} == counts
        assert row["handed"] == len(handoffs) == sum(counts.values())
        decided = counts["met"] + counts["breached"]
        assert row["met_rate"] == (counts["met"] / decided if decided else None)
        curve = answered_by(handoffs, fewest)
        for hours in (1, 4, 24, 48):
            share = curve(hours * 60)
            assert row[f"answered_{hours}h"] == (None if share is None else pytest.approx(share, abs=1e-9)), key
    assert any(row["answered_4h"] is None for row in rows) or len(built.companies) == 1
    assert any(row["answered_4h"] for row in rows)


def test_what_late_answers_cost_equals_comparing_each_channel_and_score(built: Built) -> None:
    cells: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in built.rows("select * from marts.fct_handoffs where led_to_opportunity is not null"):
        place = (row["started_date"].replace(day=1), row["handoff"], row["clock"])
        for segment, (dimension, value) in product(
            (row["segment"], "(all)"),
            {"(all)": "(all)", "team": row["owner_team"], "owner": row["owner_id"] or "(none)",
             "weekday": WEEKDAYS[row["started_date"].weekday()]}.items(),
        ):  # fmt: skip
            cells[(*place, segment, dimension, value)].append(row)
    oracle = Oracle(built.companies, built.definitions, *built.settings.values())
    width = oracle.choice("lead_score_band", date(2100, 1, 1))
    compared = 0
    for row in built.rows("select * from marts.rpt_handoff_sla"):
        key = tuple(row[name] for name in KEY)
        strata: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
        for each in cells[key]:
            band = None if each["lead_score"] is None else each["lead_score"] // width
            strata[(each["channel"], band)].append(each)
        both = [rows for rows in strata.values() if len({each["status"] for each in rows}) == 2]
        whole = sum(map(len, both))
        assert row["compared_handoffs"] == whole, key
        if not whole:
            assert row["met_opportunity_rate"] is row["opportunity_rate_gap_low"] is None
            continue
        compared += 1
        rates = {}
        for status in ("met", "breached"):
            rate, square = 0.0, 0.0
            for rows in both:
                told = [each["led_to_opportunity"] for each in rows if each["status"] == status]
                rate += len(rows) / whole * sum(told) / len(told)
                square += (len(rows) / whole) ** 2 / len(told)
            rates[status] = (rate, *wilson_of(rate, 1 / square))
            found = [row[f"{status}_opportunity_rate{end}"] for end in ("", "_low", "_high")]
            assert found == [pytest.approx(value, abs=1e-9) for value in rates[status]], key
        (met, met_low, met_high), (late, late_low, late_high) = rates["met"], rates["breached"]
        assert [row[f"opportunity_rate_gap{end}"] for end in ("", "_low", "_high")] == [
            pytest.approx(value, abs=1e-9)
            for value in (
                met - late,
                met - late - math.hypot(met - met_low, late_high - late),
                met - late + math.hypot(met_high - met, late - late_low),
            )
        ], key
    assert compared > 20


def wilson_of(rate: float, n: float) -> tuple[float, float]:
    """Wilson's 95 % interval of a share that is as sure as one of n."""
    z = 1.959963984540054
    middle = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def answered_by(handoffs: list[dict[str, Any]], fewest: int) -> Callable[[int], float | None]:
    """The share answered within some minutes, after Kaplan and Meier, by hand; None where nobody knows."""
    ends = [
        (math.ceil(row["elapsed_hours"] * 60 - 1e-6), row["ended_at"] is not None)
        for row in handoffs
        if row["is_measured"]
    ]

    def share(limit: int) -> float | None:
        still_open, is_unknown = 1.0, False
        for minute in sorted({minutes for minutes, is_answered in ends if is_answered and minutes <= limit}):
            at_risk = sum(minutes >= minute for minutes, _ in ends)
            is_unknown = is_unknown or at_risk < fewest
            still_open *= 1 - ends.count((minute, True)) / at_risk
        is_censored = any(not is_answered and minutes <= limit for minutes, is_answered in ends)
        is_followed = any(minutes >= limit for minutes, _ in ends) or (ends and still_open < 1e-9)
        return None if (is_unknown and is_censored) or not is_followed else 1 - still_open

    return share
