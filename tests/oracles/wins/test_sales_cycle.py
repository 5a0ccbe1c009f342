"""A second opinion on sales cycles, by the textbook."""

from __future__ import annotations

from typing import Any

import pytest

from tests.oracles.conftest import Built
from tests.oracles.opportunities.history import Oracle
from tests.oracles.wins.sales_cycle import FOLLOWED, CycleOracle

KEYS = ("fiscal_quarter", "segment", "opportunity_type", "pipeline", "from_stage", "day")
SHARES = ("won_share", "lost_share", "open_share")


def compare(built: Built) -> list[dict[str, Any]]:
    """Every row equals the recomputed one: counts exactly, shares to 1e-9."""
    rows = built.rows("select * from marts.rpt_sales_cycle")
    found = {tuple(row[name] for name in KEYS): row for row in rows}
    expected = CycleOracle(Oracle(built.companies, built.definitions, *built.settings.values())).rows()
    assert set(found) == set(expected)
    for key, cell in expected.items():
        row = found[key]
        shares = cell.pop("shares")
        assert {name: row[name] for name in cell} == cell, key
        if shares is None:
            assert [row[name] for name in SHARES] == [None] * 3, key
        else:
            assert [row[name] for name in SHARES] == pytest.approx(shares, abs=1e-9), key
            assert sum(row[name] for name in SHARES) == pytest.approx(1, abs=1e-9)
        assert row["is_total"] == ("(all)" in key[:4])
    return rows


def test_sales_cycles_of_a_few_weeks_and_of_the_demo_equal_the_textbook(built: Built) -> None:
    rows = compare(built)
    assert {row["status"] for row in rows} >= {"evaluated", "risk_set_too_small", "beyond_follow_up"}
    if len(built.companies) > 1:
        assert any(row["undated"] for row in rows)
        assert any(row["already_closed"] for row in rows)
        assert any(row["reopened"] for row in rows)
        assert {row["status"] for row in rows} >= {"no_entries"}


def test_one_minus_kaplan_meier_of_the_wins_would_promise_far_more(built: Built) -> None:
    """Losses taken for deals lost from sight: the share of those still at risk who win, as if everybody stayed."""
    if len(built.companies) > 1:
        return  # weeks do not show how cycles end
    cohorts = CycleOracle(Oracle(built.companies, built.definitions, *built.settings.values())).cohorts()
    everybody = cohorts[("(all)", "(all)", "(all)", "(all)", "(created)")]
    cycles = [cycle for cycle in everybody if cycle.outcome in FOLLOWED]
    [row] = built.rows(
        "select * from marts.rpt_sales_cycle where from_stage = '(created)' and day = 180 and fiscal_quarter = '(all)' "
        "and segment = '(all)' and opportunity_type = '(all)' and pipeline = '(all)'"
    )
    not_won = 1.0
    for day in sorted({cycle.days for cycle in cycles if cycle.outcome == "won" and cycle.days <= 180}):
        at_risk = [cycle for cycle in cycles if cycle.delay < day <= cycle.days]
        not_won *= 1 - sum(cycle.days == day and cycle.outcome == "won" for cycle in at_risk) / len(at_risk)
    assert 1 - not_won > 2 * row["won_share"]


def test_sales_cycles_of_three_years_equal_the_textbook(three_years: Built) -> None:
    rows = compare(three_years)
    assert sum(row["is_mature"] for row in rows) > 100
    assert any(0 < row["won_share"] < 1 and row["day"] == 365 for row in rows if row["won_share"])
