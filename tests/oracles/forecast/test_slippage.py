"""A second opinion on slippage, and its agreement with the movements of the pipeline, deal by deal."""

from __future__ import annotations

from typing import Any

import pytest

from tests.oracles.conftest import Built
from tests.oracles.forecast.slippage import BESIDE, ENDS, SlippageOracle
from tests.oracles.opportunities.history import Oracle

RATES = {
    "slip_rate": (("slipped_amount", "overdue_amount"), ("due_amount",)),
    "slip_count_rate": (("slipped", "overdue"), ("due",)),
    "later_won_rate": (("slipped_later_won",), ("slipped", "overdue")),
}


def compare(built: Built) -> list[dict[str, Any]]:
    """Every row equals the recomputed one: counts and money exactly, rates to 1e-9."""
    oracle = SlippageOracle(Oracle(built.companies, built.definitions, *built.settings.values()))
    keys = ("fiscal_quarter", "segment", "forecast_category", "anchor_date")
    found = {tuple(row[name] for name in keys): row for row in built.rows("select * from marts.rpt_slippage")}
    expected: dict[Any, dict[str, Any]] = dict(oracle.cells())
    assert set(found) == set(expected)
    enough = oracle.oracle.choice("small_sample", oracle.days[-1])
    for key, cell in expected.items():
        row = found[key]
        assert {name: row[name] for name in cell} == cell, key
        for name, (parts, whole) in RATES.items():
            below = sum(cell[each] for each in whole)
            above = None if cell[parts[0]] is None else sum(cell[each] for each in parts)
            rate = None if above is None or not below else pytest.approx(float(above) / float(below), abs=1e-9)
            assert row[name] == rate, (key, name)
        assert row["is_small_sample"] == (cell["due"] < enough)
        assert row["is_total"] == ("(all)" in key[1:3])
        assert row["status"] == "evaluated"
    return list(found.values())


def test_slippage_of_a_few_weeks_and_of_the_demo_equals_looking_at_each_deal_on_both_days(built: Built) -> None:
    assert compare(built)


def test_slippage_of_three_years_equals_looking_at_each_deal_on_both_days(three_years: Built) -> None:
    rows = compare(three_years)
    assert all(any(row[name] for row in rows if row["is_final"]) for name in (*ENDS, *BESIDE))
    assert any(0 < row["later_won_rate"] < 1 for row in rows if row["later_won_rate"])


def test_each_deal_moves_from_the_anchor_to_the_end_as_the_pipeline_movements_say(three_years: Built) -> None:
    """What was due and all its movements since, in the quarter, leave it in the quarter's pipeline, or out of it."""
    rows = three_years.rows(
        """
        select
            deals.source, deals.opportunity_id, deals.fiscal_quarter, deals.anchor_date,
            any_value(deals.outcome) as outcome,
            1 + coalesce(sum(moves.opportunity_delta), 0) as opportunities,
            any_value(deals.amount) + coalesce(sum(moves.amount), 0) as amount,
            any_value(case when final.is_open and final.close_fiscal_quarter = deals.fiscal_quarter then 1 else 0 end)
                as still_due,
            any_value(case when final.is_open and final.close_fiscal_quarter = deals.fiscal_quarter
                then coalesce(final.amount, 0) else 0 end) as final_amount
        from intermediate.int_slippage_deals as deals
        inner join intermediate.int_slippage_anchors as anchors using (fiscal_quarter, anchor_date)
        left join marts.fct_pipeline_movements as moves
            on moves.source = deals.source and moves.opportunity_id = deals.opportunity_id
            and moves.fiscal_quarter = deals.fiscal_quarter
            and moves.snapshot_date > deals.anchor_date and moves.snapshot_date <= anchors.as_of_date
        left join marts.fct_opportunity_history as final
            on final.source = deals.source and final.opportunity_id = deals.opportunity_id
            and final.valid_from <= anchors.as_of_date and final.valid_to > anchors.as_of_date
        where deals.outcome not in ('pulled_in', 'created_and_won')
        group by 1, 2, 3, 4
        """
    )
    assert len(rows) > 500
    for row in rows:
        assert (row["opportunities"], row["amount"]) == (row["still_due"], row["final_amount"]), row
        assert row["still_due"] == 0 or row["outcome"] == "overdue"
