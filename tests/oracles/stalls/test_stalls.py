"""A second opinion on the stall marts: every rule, opportunity, landmark and rate, judged one by one."""

from __future__ import annotations

import statistics
from decimal import Decimal
from typing import Any

import pytest

from tests.oracles.conftest import SETTINGS, Built, build_once
from tests.oracles.days.definitions import definition_rows
from tests.oracles.opportunities.history import Oracle
from tests.oracles.stalls import random_stalls
from tests.oracles.stalls.stalls import RULES, Pattern, StallOracle

COUNTS = [
    "judged", "stalled", "stalled_decided", "stalled_won", "other_decided", "other_won", "recovery_known", "recovered",
    "stalled_amount", "matched_decided", "matched_won",
]  # fmt: skip
RATES = [
    "median_stall_days",
    "stall_rate",
    "stalled_win_rate",
    "other_win_rate",
    "recovered_rate",
    "precision",
    "recall",
    "matched_expected_won",
    "matched_stalled_win_rate",
    "matched_other_win_rate",
]


def oracle_of(built: Built) -> StallOracle:
    known = Oracle(built.companies, built.definitions, *built.settings.values())
    return StallOracle(known, definition_rows(built.definitions["stall_rules"]), built.settings["time_zone"])


@pytest.fixture(scope="module")
def oracle(built: Built) -> StallOracle:
    return oracle_of(built)


@pytest.fixture(scope="module", params=[1, pytest.param(2, marks=pytest.mark.slow)])
def months(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """60 random companies that live for months."""
    home = tmp_path_factory.mktemp("months") / "home"
    many = random_stalls.companies(request.param, 60)
    return build_once(home, many, random_stalls.DEFINITIONS, SETTINGS, command=random_stalls.COMMAND)


def compare_verdicts(built: Built, oracle: StallOracle) -> None:
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


def test_every_verdict_equals_judging_the_daily_states(built: Built, oracle: StallOracle) -> None:
    compare_verdicts(built, oracle)


def rate(part: float, whole: int) -> float | None:
    return part / whole if whole else None


def counts(cell: Pattern) -> list[int | Decimal]:
    matched, won, _ = cell.at_equal_age()
    return [*(getattr(cell, name) for name in COUNTS[:-2]), matched, won]


def rates(cell: Pattern) -> list[float | None]:
    matched, won, expected = cell.at_equal_age()
    lost, other_lost = cell.stalled_decided - cell.stalled_won, cell.other_decided - cell.other_won
    return [
        float(statistics.median(cell.stall_days)) if cell.stall_days else None,
        rate(cell.stalled, cell.judged),
        rate(cell.stalled_won, cell.stalled_decided),
        rate(cell.other_won, cell.other_decided),
        rate(cell.recovered, cell.recovery_known),
        rate(lost, cell.stalled_decided),
        rate(lost, lost + other_lost),
        expected,
        rate(won, matched),
        rate(expected, matched),
    ]


def compare_patterns(built: Built, oracle: StallOracle) -> None:
    found: dict[tuple[Any, ...], dict[str, Any]] = {
        (row["rule"], row["segment"], row["stage"], row["fiscal_quarter"]): row
        for row in built.rows("select * from marts.rpt_stall_patterns")
    }
    expected = oracle.patterns()
    assert set(found) == set(expected)
    for key, cell in expected.items():
        assert [found[key][name] for name in COUNTS] == counts(cell), key
        for name, value in zip(RATES, rates(cell), strict=True):
            assert found[key][name] == (None if value is None else pytest.approx(value, abs=1e-9)), (key, name)


def test_every_pattern_equals_counting_at_the_landmarks(built: Built, oracle: StallOracle) -> None:
    compare_patterns(built, oracle)


def test_verdicts_and_patterns_over_months_equal_judging_the_daily_states(months: Built) -> None:
    oracle = oracle_of(months)
    compare_verdicts(months, oracle)
    compare_patterns(months, oracle)
    stalled = months.rows("select distinct rule from marts.fct_stall_signals where status = 'stalled'")
    assert {row["rule"] for row in stalled} == set(RULES)
    cells = months.rows("select * from marts.rpt_stall_patterns where segment = '(all)' and stage = '(all)'")
    assert len({row["fiscal_quarter"] for row in cells}) > 2
    assert {row["rule"] for row in cells if 0 < row["recovered"] < row["recovery_known"]} >= set(RULES) - {
        "close_date_pushed"  # ended by winning alone
    }
    assert sum(row["matched_decided"] for row in cells) > 0
