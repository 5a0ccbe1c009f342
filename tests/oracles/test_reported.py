"""What was reported stays: builds as of an early day and of a much later one report the same of past periods."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from tests.dbt_project.ledger_cache import Company
from tests.oracles.conftest import SETTINGS, Built, build_once

CUT = date(2024, 6, 20)  # within a quarter: weeks after the end of the one before, and long before the last day
SELECTED = (
    "build", "--select", "+rpt_win_rate", "+rpt_slippage", "+rpt_pipeline_generation", "+rpt_pipeline_coverage",
    "+rpt_forecast_accuracy",
    "+rpt_restatements", "+rpt_pipeline_velocity", "+rpt_pipeline_waterfall",
    "--exclude-resource-types", "test", "unit_test",
)  # fmt: skip
# Where people and touches were captured.
TOUCHED = date(2026, 2, 5)  # days after the end of a quarter, and before the last day
SELECTED_OF_TOUCHED = ("build", "--select", "+rpt_attribution", "--exclude-resource-types", "test", "unit_test")
ATTRIBUTION = ("fiscal_quarter", "segment", "purpose", "match", "model", "dimension", "dimension_value")
# The last day that the early build knows. Nothing was captured on `CUT` itself and on the days before it: a later build
# knows them as gaps, and the early one not at all.
LAST_DAY = f"(select max(snapshot_date) from ledger.receipts where snapshot_date <= date '{CUT}')"
# Reports about days or periods that were over by then: their rows, their key and what goes on after it.
OF_DAYS = {
    "rpt_forecast_accuracy": (
        f"fiscal_quarter <> '(all)' and snapshot_date <= {LAST_DAY}",
        ("fiscal_quarter", "segment", "measure", "days_to_quarter_end"),
        # what became of it afterwards
        {"actual_amount", "restated_actual_amount", "error_amount", "remaining_error_ratio"},
    ),
    "rpt_pipeline_coverage": (f"snapshot_date <= {LAST_DAY}", ("snapshot_date", "fiscal_quarter", "segment"), set()),
    "rpt_pipeline_velocity": (
        f"last_day(month_start_date) <= date '{CUT}'", ("month_start_date", "segment"), set(),
    ),
    "rpt_pipeline_waterfall": (
        f"week_start_date + 6 <= date '{CUT}'", ("fiscal_quarter", "segment", "week_start_date", "category"), set(),
    ),
    "rpt_restatements": (
        # before the last day of the early build, which has a row because it is the last
        f"snapshot_date < {LAST_DAY}",
        ("fiscal_quarter", "segment", "metric", "days_after_end"),
        set(),
    ),
}  # fmt: skip
# What is a total of nobody is not a row: a key without a reported value says nothing was reported.
WIN_RATE = (
    "reported_won", "reported_lost", "reported_gone", "reported_still_open", "reported_won_amount",
    "reported_lost_amount", "reported_win_rate", "reported_amount_win_rate",
)  # fmt: skip
TODAY = {"created_won_opportunities", "created_won_amount", "amount_after_28_days"}
LATER = {"slipped_later_won", "slipped_later_open", "later_won_rate"}


# A build of three years of its own; that of attribution, below, is built every time.
@pytest.fixture(scope="module", params=[pytest.param(CUT, marks=pytest.mark.slow)])
def early(request: pytest.FixtureRequest, three_years: Built, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The companies as their ledgers were on the day `CUT`."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    companies = [until(company, request.param) for company in three_years.companies]
    return build_once(shared / "three-years-early", companies, three_years.definitions, SETTINGS, SELECTED)


def until(company: Company, day: date) -> Company:
    """A company of which nothing was captured after a day."""
    states = {
        entity: {captured: rows for captured, rows in of_entity.items() if captured <= day}
        for entity, of_entity in company.states.items()
    }
    return replace(company, states=states)


def reported_win_rates(built: Built) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Reported values of quarters that were over on `CUT`, by key; keys of which nothing was reported left out."""
    rows = built.rows(
        "select * from marts.rpt_win_rate where fiscal_quarter in (select fiscal_quarter from "
        f"intermediate.int_fiscal_quarters where end_date <= date '{CUT}')"
    )
    found = {
        (row["fiscal_quarter"], row["segment"], row["dimension"], row["dimension_value"]): tuple(
            row[name] for name in WIN_RATE
        )
        for row in rows
    }
    return {key: values for key, values in found.items() if any(values)}


def test_reported_win_rates_are_the_same_in_a_later_build(three_years: Built, early: Built) -> None:
    then, now = reported_win_rates(early), reported_win_rates(three_years)
    assert then == now
    assert len(now) > 200
    restated = (
        "select fiscal_quarter, won, lost, won_amount from marts.rpt_win_rate where segment = '(all)' and dimension = "
        "'(all)' and fiscal_quarter in ('FY2024-Q1', 'FY2024-Q4', 'FY2025-Q1') order by fiscal_quarter"
    )
    assert len(early.rows(restated)) == 3
    assert early.rows(restated) != three_years.rows(restated)


def test_reported_outcomes_are_the_same_in_a_later_build(three_years: Built, early: Built) -> None:
    query = (
        "select * exclude (is_restated) from marts.fct_win_outcomes where is_reported and fiscal_quarter in (select "
        f"fiscal_quarter from intermediate.int_fiscal_quarters where end_date <= date '{CUT}') order by all"
    )
    assert early.rows(query) == three_years.rows(query)
    assert len(early.rows(query)) > 200


def test_slippage_of_past_quarters_is_the_same_in_a_later_build(three_years: Built, early: Built) -> None:
    query = f"select * from marts.rpt_slippage where is_final and as_of_date <= date '{CUT}'"
    then, now = (
        {
            (row["fiscal_quarter"], row["segment"], row["forecast_category"], row["anchor_date"]): {
                name: value for name, value in row.items() if name not in LATER
            }
            for row in built.rows(query)
        }
        for built in (early, three_years)
    )
    assert then == now
    assert len(now) > 100


def test_generation_of_past_quarters_is_the_same_in_a_later_build(three_years: Built, early: Built) -> None:
    query = f"select * from marts.rpt_pipeline_generation where is_final and as_of_date <= date '{CUT}'"
    keys = ("fiscal_quarter", "segment", "dimension", "dimension_value", "week_start_date")
    then, now = (
        {
            tuple(row[name] for name in keys): {name: value for name, value in row.items() if name not in TODAY}
            for row in built.rows(query)
        }
        for built in (early, three_years)
    )
    assert then == now
    assert len(now) > 500
    today = f"select sum(created_won_amount) as amount from ({query})"
    assert early.rows(today) != three_years.rows(today)


@pytest.mark.parametrize("report", OF_DAYS)
def test_what_a_report_says_of_past_days_is_the_same_in_a_later_build(
    three_years: Built, early: Built, report: str
) -> None:
    """Rows that hold nothing but zeros are there because a segment was seen later."""
    where, key, later = OF_DAYS[report]
    then, now = (
        {
            tuple(row[name] for name in key): {name: value for name, value in row.items() if name not in later}
            for row in built.rows(f"select * from marts.{report} where {where}")
        }
        for built in (early, three_years)
    )
    assert {place: (row, now.get(place)) for place, row in then.items() if now.get(place) != row} == {}
    assert len(then) > 100
    new = [row for place, row in now.items() if place not in then]
    assert [row for row in new if any(value for name, value in row.items() if name.endswith("_amount"))] == []


def test_actual_amounts_of_past_quarters_are_the_same_in_a_later_build(three_years: Built, early: Built) -> None:
    query = (
        "select distinct fiscal_quarter, segment, actual_amount from marts.rpt_forecast_accuracy join "
        "intermediate.int_fiscal_quarters using (fiscal_quarter) where measure = 'won' and actual_amount <> 0 and "
        f"end_date <= date '{CUT}' order by all"
    )
    assert early.rows(query) == three_years.rows(query)
    assert len(early.rows(query)) > 15


@pytest.fixture(scope="module")
def touched_early(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The companies with people and touches as their ledgers were on the day `TOUCHED`."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    cut = [until(company, TOUCHED) for company in built.companies]
    companies = [replace(each, states={name: days for name, days in each.states.items() if days}) for each in cut]
    home = shared / f"{built.home.name}-early"
    return build_once(home, companies, built.definitions, built.settings, SELECTED_OF_TOUCHED)


def test_reported_attribution_is_the_same_in_a_later_build(built: Built, touched_early: Built) -> None:
    """What touches were given, and what was not touched, whatever came in later about people."""
    query = (
        "select * from marts.rpt_attribution where reported_attributed_amount <> 0 and fiscal_quarter in (select "
        f"fiscal_quarter from intermediate.int_fiscal_quarters where end_date <= date '{TOUCHED}')"
    )
    then, now = (
        {tuple(row[name] for name in ATTRIBUTION): row["reported_attributed_amount"] for row in each.rows(query)}
        for each in (touched_early, built)
    )
    assert then == now
    assert len(now) > 100
    today = f"select sum(attributed_amount) as amount from ({query})"
    assert touched_early.rows(today) != built.rows(today)
