"""Each metric, however it is split, is what the marts say."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from orchestration.commands.metrics import list_metrics, metrics_sql, read_model
from orchestration.commands.sql import connect
from orchestration.settings.home import Home
from tests.oracles.conftest import Built

LAST_DAY = "(select max(snapshot_date) from fct_pipeline_daily)"
MONTH_ENDS = "(select max(snapshot_date) from fct_pipeline_daily group by date_trunc('month', snapshot_date))"
OF_ALL = "segment = '(all)' and dimension = '(all)' and decided > 0"
WATERFALL = "from rpt_pipeline_waterfall where segment = '(all)' and category not in ('opening', 'closing')"

# Metrics and what they are split by, with the same numbers as a mart has them.
MARTS = {
    ("open_amount open_opportunities weighted_amount", ""): (
        "select sum(open_amount), sum(open_opportunities), sum(weighted_amount) from fct_pipeline_daily "
        f"where snapshot_date = {LAST_DAY}"
    ),
    ("open_amount open_opportunities weighted_amount", "month segment"): (
        "select date_trunc('month', snapshot_date)::date, segment, sum(open_amount), sum(open_opportunities), "
        f"sum(weighted_amount) from fct_pipeline_daily where snapshot_date in {MONTH_ENDS} group by all"
    ),
    ("pipeline_change pipeline_opportunity_change", "close_fiscal_quarter week"): (
        f"select fiscal_quarter, week_start_date, sum(amount), sum(opportunities) {WATERFALL} group by all"
    ),
    ("pipeline_created pipeline_pushed_out", "close_fiscal_quarter"): (
        "select fiscal_quarter, sum(amount) filter (where category = 'created'), "
        f"sum(amount) filter (where category = 'pushed_out') {WATERFALL} and category in ('created', 'pushed_out') "
        "group by all"
    ),
    ("bookings_change", "fiscal_quarter segment category"): (
        "select days.fiscal_quarter, segment, category, sum(amount) from fct_booking_movements as moves "
        "inner join dim_date as days on days.date_day = moves.snapshot_date group by all"
    ),
    ("target_amount remaining_target_amount compared_open_amount coverage_ratio", "day close_fiscal_quarter"): (
        "select snapshot_date, fiscal_quarter, target_amount, case when status = 'open' then remaining_target_amount "
        "end, case when abs(coverage_ratio - targeted_open_amount / remaining_target_amount) < 1e-9 "
        "then targeted_open_amount when coverage_ratio is not null then open_amount end, coverage_ratio "
        "from rpt_pipeline_coverage where segment = '(all)'"
    ),
    ("won_opportunities decided_opportunities win_rate", "close_fiscal_quarter"): (
        f"select fiscal_quarter, won, decided, win_rate from rpt_win_rate where {OF_ALL}"
    ),
    ("won_amount decided_amount amount_win_rate", "close_fiscal_quarter"): (
        f"select fiscal_quarter, won_amount, won_amount + lost_amount, amount_win_rate from rpt_win_rate where {OF_ALL}"
    ),
    ("stage_visits converted_visits stage_conversion_rate", "pipeline stage"): (
        "select pipeline, stage, visits, converted, conversion_rate from rpt_stage_velocity "
        "where fiscal_quarter = '(all)' and segment = '(all)'"
    ),
    ("mrr", "month segment"): (
        "select date_trunc('month', month_end)::date, segment, closing_mrr from rpt_revenue_retention "
        "where level = 'customer' and segment <> '(all)' and closing_customers > 0"
    ),
    ("mrr_change", "month"): (
        "select date_trunc('month', month_end)::date, closing_mrr - opening_mrr from rpt_revenue_retention "
        "where level = 'customer' and segment = '(all)' and month_end in (select month_end from fct_mrr_movements)"
    ),
    ("new_mrr churned_mrr", ""): (
        "select sum(new_mrr), sum(churned_mrr) from rpt_revenue_retention "
        "where level = 'customer' and segment = '(all)'"
    ),
    ("cohort_mrr cohort_retained_mrr cohort_gross_retained_mrr nrr grr", "month"): (
        "select date_trunc('month', month_end)::date, cohort_mrr, cohort_retained_mrr, cohort_gross_retained_mrr, "
        "nrr, grr from rpt_revenue_retention where level = 'customer' and segment = '(all)'"
    ),
    ("met_handoffs judged_handoffs handoff_met_rate", "month handoff"): (
        "select month_start_date, handoff, met, met + breached, met_rate from rpt_handoff_sla "
        "where clock = 'business' and segment = '(all)' and dimension = '(all)'"
    ),
}


@cache
def model(cache_folder: Path) -> dict[str, Any]:
    return read_model(Home(cache_folder), ["files"])


def plain(value: Any) -> Any:
    """A number as it is, an unknown one as 0: a sum over nothing is empty here, and 0 there."""
    if value is None or isinstance(value, int | Decimal):
        return Decimal(value or 0)
    return Decimal(f"{value:.9f}") if isinstance(value, float) else str(value)


def ask(built: Built, query: str) -> set[tuple[Any, ...]]:
    """The rows of a query, those left out in which all numbers are 0."""
    with connect(built.home / "warehouse.duckdb") as connection:
        rows = [tuple(map(plain, row)) for row in connection.execute(query).fetchall()]
    found = [row for row in rows if any(row_value for row_value in row if isinstance(row_value, Decimal))]
    assert len(found) == len(set(found))
    return set(found)


@pytest.mark.parametrize(("metrics", "by"), MARTS, ids=" by ".join)
def test_a_metric_is_what_its_mart_says(built: Built, metrics: str, by: str) -> None:
    computed = ask(built, metrics_sql(model(built.home), metrics.split(), by.split()))
    expected = ask(built, MARTS[metrics, by])
    assert computed == expected


def test_every_metric_is_compared(built: Built) -> None:
    assert {name for metrics, _ in MARTS for name in metrics.split()} == set(list_metrics(model(built.home)))
