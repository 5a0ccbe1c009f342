"""A second opinion on closed quarters: what each day said of them, on random companies and on the demo."""

from __future__ import annotations

from typing import Any

import pytest

from tests.oracles.conftest import Built
from tests.oracles.coverage.test_coverage import long_built
from tests.oracles.pipeline.restatements import CAUSES, RestatementOracle

__all__ = ["long_built"]
GRAIN = ("fiscal_quarter", "segment", "metric", "days_after_end")


def compare(built: Built) -> list[dict[str, Any]]:
    """Every column of every row equals the recomputed one; both divide the same two numbers once."""
    rows = built.rows("select * from marts.rpt_restatements where metric in ('bookings', 'open_pipeline')")
    found = {
        tuple(row[name] for name in GRAIN): {name: value for name, value in row.items() if name not in GRAIN}
        for row in rows
    }
    wanted = RestatementOracle(built.companies, built.definitions, *built.settings.values()).restatements()
    assert found.keys() == wanted.keys()
    assert {key: (found[key], row) for key, row in wanted.items() if found[key] != row} == {}
    return rows


def test_restatements_of_a_few_weeks_equal_what_each_day_said(built: Built) -> None:
    assert any(row["changed_amount"] for row in compare(built))


def test_restatements_of_three_years_equal_what_each_day_said(
    long_built: Built, request: pytest.FixtureRequest
) -> None:
    rows = compare(long_built)
    assert len({row["fiscal_quarter"] for row in rows}) >= 8
    rare = {"edited", "deleted"} if request.node.callspec.params["long_built"] == "by month" else set()
    for metric in ("bookings", "open_pipeline"):
        reached = {cause for cause in CAUSES for row in rows if row["metric"] == metric and row[f"{cause}_amount"]}
        assert reached >= {"entered", "moved_in", "moved_out", "left", *rare}, metric


@pytest.mark.parametrize("mart", ["fct_booking_movements", "fct_pipeline_movements"])
def test_a_movement_is_by_definition_where_no_row_of_the_crm_changed(built: Built, mart: str) -> None:
    oracle = RestatementOracle(built.companies, built.definitions, *built.settings.values())
    by_source = {company.source: company for company in built.companies}
    found = set()
    for row in built.rows(f"select * from marts.{mart}"):
        source, before, day = row["source"], row["previous_snapshot_date"], row["snapshot_date"]
        states = oracle.by_source[source]
        is_there = row["opportunity_id"] in states[before] and row["opportunity_id"] in states[day]
        expected = is_there and oracle.was_defined_anew(by_source[source], row["opportunity_id"], before, day)
        assert row["is_by_definition"] == expected, row
        found.add(row["is_by_definition"])
    assert found == {True, False} or (len(built.companies) == 1 and mart == "fct_booking_movements")


def test_what_was_reported_and_the_bookings_that_moved_since_are_what_is_known_today(built: Built) -> None:
    [row] = built.rows(
        """
        with moved as (
            select fiscal_quarter, segment, sum(amount) as amount
            from marts.fct_booking_movements as bookings
            join intermediate.int_fiscal_quarters as quarters using (fiscal_quarter)
            where bookings.snapshot_date > quarters.end_date
            group by all
        )
        select count(*) as rows, count(*) filter (where changed_amount <> coalesce(moved.amount, 0)) as different
        from marts.rpt_restatements as restatements
        left join moved using (fiscal_quarter, segment)
        where metric = 'bookings' and is_latest and segment <> '(all)'
        """
    )
    assert row["rows"] > 0
    assert row["different"] == 0
