"""A second opinion on pipeline generation, and a look back at whether yields of past quarters foretold later ones."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.oracles.conftest import Built
from tests.oracles.coverage.generation import GenerationOracle, Key

KEY = ("fiscal_quarter", "segment", "dimension", "dimension_value", "week_start_date")


def compare(built: Built) -> dict[Key, dict[str, Any]]:
    """Every column of every row equals the recomputed one: money and counts exactly, shares to 1e-9."""
    rows = built.rows("select * from marts.rpt_pipeline_generation")
    found = {tuple(row.pop(name) for name in KEY): row for row in rows}
    expected = GenerationOracle(built.companies, built.definitions, *built.settings.values()).generation()
    assert found.keys() == expected.keys()
    has_source = any(
        "lead_source" in row
        for company in built.companies
        for states in company.states["opportunity"].values()
        for row in states.values()
    )
    for key, row in expected.items():
        is_known = has_source or key[2] != "lead_source"
        row |= {"is_total": "(all)" in key[1:3], "evidence": None if is_known else "lead_source"}
        row["status"] = row["status"] if is_known else "not_evaluated"
        assert row.keys() == found[key].keys()
        for name, value in row.items():
            if isinstance(value, Fraction):
                assert math.isclose(found[key][name], float(value), rel_tol=1e-9, abs_tol=1e-12), (key, name)
            else:
                assert found[key][name] == value, (key, name, row, found[key])
    return found


def test_generation_of_a_few_weeks_equals_looking_at_each_new_deal(built: Built) -> None:
    found = compare(built)
    assert any(row["created_renewal_opportunities"] for row in found.values())
    assert any(row["created_opportunities"] is None for row in found.values())
    if len(built.companies) > 1:
        assert {row["status"] for row in found.values()} >= {"covered", "no_target", "not_evaluated"}


def test_generation_of_three_years_equals_looking_back_at_each_past_quarter(three_years: Built) -> None:
    found = compare(three_years)
    whole = [row for key, row in found.items() if key[2] == "(all)"]
    assert {row["status"] for row in whole} == {"covered", "no_target", "not_evaluated", "unreachable", "open"}
    assert {row["is_yield_of_all_segments"] for key, row in found.items() if key[1:3] != ("(all)", "(all)")} > {
        True,
        False,
    }
    assert any(row["needed_multiple"] for row in whole)
    assert any(row["created_won_amount"] != row["reported_created_won_amount"] for row in whole)


def test_what_earlier_quarters_yielded_foretells_what_a_quarter_wins_of_what_it_creates(three_years: Built) -> None:
    """Summed over all quarters that had one before them. What is ever won of new deals would foretell far more."""
    rows = three_years.rows(
        "select created_amount, yield_rate, reported_created_won_amount from marts.rpt_pipeline_generation where "
        "segment = '(all)' and dimension = '(all)' and yield_rate is not null and created_amount is not null and "
        "fiscal_quarter in (select fiscal_quarter from intermediate.int_fiscal_quarters where is_whole)"
    )
    assert len(rows) > 100
    came = sum((row["reported_created_won_amount"] for row in rows), Decimal(0))
    foretold = sum(float(row["created_amount"]) * row["yield_rate"] for row in rows)
    assert abs(foretold / float(came) - 1) < 0.15
    [ever] = three_years.rows(
        "select sum(deals.amount) filter (where deals.is_won) / sum(new.amount) as won_share from "
        "marts.fct_pipeline_movements as new join marts.fct_opportunity_current as deals using (source, opportunity_id)"
        " where new.category = 'created'"
    )
    assert sum(float(row["created_amount"]) * ever["won_share"] for row in rows) > 2 * float(came)
