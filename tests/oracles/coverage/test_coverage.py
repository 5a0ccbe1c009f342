"""A second opinion on pipeline coverage: random companies of a few weeks and of three years, day by day."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest

from tests.oracles.conftest import Built, build_long
from tests.oracles.coverage.coverage import ALL, CoverageOracle

RATIOS = ["coverage_ratio", "total_coverage_ratio", "expected_coverage_ratio", "required_coverage_ratio"]


@pytest.fixture(scope="module", params=["by month", pytest.param("4-4-5", marks=pytest.mark.slow)])
def long_built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Companies of three years, in fiscal quarters by the start month or by a calendar of their own."""
    return build_long(tmp_path_factory, is_calendar=request.param == "4-4-5")


def oracle(built: Built) -> CoverageOracle:
    return CoverageOracle(built.companies, built.definitions, *built.settings.values())


def compare(built: Built) -> list[dict[str, Any]]:
    """Every column of every row equals the recomputed one: money and counts exactly, ratios to 1e-9."""
    rows = built.rows("select * from marts.rpt_pipeline_coverage")
    found = {(row["snapshot_date"], row["fiscal_quarter"], row["segment"]): row for row in rows}
    wanted = oracle(built).coverage()
    assert found.keys() == wanted.keys()
    for key, row in wanted.items():
        assert row.keys() == found[key].keys() - {"snapshot_date", "fiscal_quarter", "segment", "is_total"}
        assert found[key]["is_total"] is (key[2] == "(all)")
        for name, value in row.items():
            if name in RATIOS and value is not None and found[key][name] is not None:
                assert math.isclose(found[key][name], value, rel_tol=1e-9), (key, name, row, found[key])
            else:
                assert found[key][name] == value, (key, name, row, found[key])
    return rows


def test_coverage_of_a_few_weeks_equals_counting_every_day(built: Built) -> None:
    rows = compare(built)
    if len(built.companies) == 1:
        return
    assert {row["status"] for row in rows} == {"open", "covered", "no_target"}
    assert any(0 < row["untargeted_open_amount"] < row["open_amount"] for row in rows)
    assert any(row["won_amount"] for row in rows if row["quarter_day"] <= 0)
    assert any(row["past_due_open_amount"] for row in rows)


def test_coverage_of_three_years_equals_looking_back_at_each_past_quarter(long_built: Built) -> None:
    rows = compare(long_built)
    kinds = Counter(
        (row["quarter_day"] > 0, row["is_yield_of_all_segments"], row["yield_opportunities"] > 0)
        for row in rows
        if row["segment"] != ALL
    )
    assert len(kinds) == 6, "own and pooled shares and none at all, before and within the quarter"
    assert {row["status"] for row in rows} == {"open", "covered", "no_target"}
    assert {row["is_complete"] for row in rows} == {True, False}
    assert any(row["expected_amount"] is None for row in rows if row["yield_opportunities"])
    assert sum(bool(row["expected_amount"]) for row in rows) > 1000
    assert any(row["required_coverage_ratio"] is None for row in rows if row["yield_opportunities"])
