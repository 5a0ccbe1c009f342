"""A second opinion on the stall marts: every rule, opportunity, landmark and rate, judged one by one."""

from __future__ import annotations

import statistics
from decimal import Decimal
from typing import Any

import pytest

from tests.oracles.conftest import Built
from tests.oracles.history import Oracle, _rows
from tests.oracles.stalls import RULES, Pattern, StallOracle

COUNTS = [
    "judged", "stalled", "stalled_decided", "stalled_won", "other_decided", "other_won", "recovery_known", "recovered",
    "stalled_amount",
]  # fmt: skip
RATES = [
    "median_stall_days",
    "stall_rate",
    "stalled_win_rate",
    "other_win_rate",
    "recovered_rate",
    "precision",
    "recall",
]


@pytest.fixture(scope="module")
def oracle(built: Built) -> StallOracle:
    known = Oracle(built.companies, built.definitions, *built.settings.values())
    return StallOracle(known, _rows(built.definitions["stall_rules"]), built.settings["time_zone"])


def test_every_verdict_equals_judging_the_daily_states(built: Built, oracle: StallOracle) -> None:
    rows = built.rows("select * from marts.fct_stall_signals")
    found = {
        (row["source"], row["opportunity_id"], row["rule"]): (
            row["owner_id"], row["status"], row["pipeline"], row["stage"], row["segment"], row["observed_value"],
            row["threshold"], row["amount"], row["snapshot_date"],
        )
        for row in rows
    }  # fmt: skip
    expected = oracle.signals()
    assert {key: (found.get(key), value) for key, value in expected.items() if found.get(key) != value} == {}
    assert set(found) == set(expected)
    assert all(row["evidence"] for row in rows)
    if len(built.companies) > 1:
        assert {row["rule"] for row in rows if row["status"] == "stalled"} == set(RULES)


def rate(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def rates(cell: Pattern) -> list[float | None]:
    lost, other_lost = cell.stalled_decided - cell.stalled_won, cell.other_decided - cell.other_won
    return [
        float(statistics.median(cell.stall_days)) if cell.stall_days else None,
        rate(cell.stalled, cell.judged),
        rate(cell.stalled_won, cell.stalled_decided),
        rate(cell.other_won, cell.other_decided),
        rate(cell.recovered, cell.recovery_known),
        rate(lost, cell.stalled_decided),
        rate(lost, lost + other_lost),
    ]


def test_every_pattern_equals_counting_at_the_landmarks(built: Built, oracle: StallOracle) -> None:
    found: dict[tuple[Any, ...], dict[str, Any]] = {
        (row["rule"], row["segment"], row["stage"], row["fiscal_quarter"]): row
        for row in built.rows("select * from marts.rpt_stall_patterns")
    }
    expected = oracle.patterns()
    assert set(found) == set(expected)
    for key, cell in expected.items():
        assert [found[key][name] for name in COUNTS] == [
            Decimal(getattr(cell, name)) if name == "stalled_amount" else getattr(cell, name) for name in COUNTS
        ], key
        for name, value in zip(RATES, rates(cell), strict=True):
            assert found[key][name] == (None if value is None else pytest.approx(value, abs=1e-9)), (key, name)
