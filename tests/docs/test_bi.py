"""Schema `bi`: questions of README and docs, asked as a tool asks them, get the numbers of the marts."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from reporting.published import open_published

LAST_DAY = "(select max(snapshot_date) from dim_snapshot)"
LAST_MONTH = "(select max(month_end) from fct_mrr_monthly)"
NEXT = "(select fiscal_quarter from dim_date where is_next_fiscal_quarter limit 1)"
CURRENT = "(select fiscal_quarter from dim_date where is_current_fiscal_quarter limit 1)"

# The question, as a tool asks it of one view without a thought, and as the marts answer it.
QUESTIONS = {
    "What is open?": (
        "select count(*), sum(amount) from bi.pipeline_today",
        f"select sum(open_opportunities), sum(open_amount) from fct_pipeline_daily where snapshot_date = {LAST_DAY}",
    ),
    "What is open for this quarter and the next?": (
        "select close_fiscal_quarter, segment, count(*), sum(amount) from bi.pipeline_today "
        "where is_due_in_current_quarter or is_due_in_next_quarter group by all",
        "select close_fiscal_quarter, segment, sum(open_opportunities), sum(open_amount) from fct_pipeline_daily "
        f"where snapshot_date = {LAST_DAY} and close_fiscal_quarter in ({CURRENT}, {NEXT}) group by all",
    ),
    "Which deals were pushed most?": (
        "select push_count, days_pushed from bi.pipeline_today order by all desc limit 10",
        "select push_count, days_pushed from fct_opportunity_current where is_open order by all desc limit 10",
    ),
    "How many opportunities are there?": (
        "select count(*), sum(amount) from bi.opportunities",
        f"select count(*), sum(amount) from pipeline_as_of({LAST_DAY})",
    ),
    "What slipped, week by week?": (
        "select week_start_date, sum(amount) from bi.pipeline_changes where category = 'pushed_out' group by all",
        "select week_start_date, sum(amount) from rpt_pipeline_waterfall "
        "where category = 'pushed_out' and segment = '(all)' group by all",
    ),
    "What changed since Monday?": (
        "select category, sum(amount), sum(opportunity_delta) from bi.pipeline_changes "
        "where week_start_date = (select max(week_start_date) from bi.pipeline_changes) "
        f"and fiscal_quarter = {CURRENT} and category not like 'scope%' group by all",
        "select category, amount, opportunities from rpt_pipeline_waterfall where segment = '(all)' "
        f"and fiscal_quarter = {CURRENT} and category not in ('opening', 'closing') "
        "and week_start_date = (select max(week_start_date) from rpt_pipeline_waterfall)",
    ),
    "What was open at the end of each month?": (
        "select snapshot_date, sum(open_amount) from bi.pipeline_month_end group by all",
        "select snapshot_date, sum(amount) filter (where is_open) "
        "from (select distinct snapshot_date from bi.pipeline_month_end), fct_opportunity_history "
        "where valid_from <= snapshot_date and valid_to > snapshot_date group by all",
    ),
    "Where do enterprise deals stall?": (
        "select stage, sum(judged), sum(stalled), sum(stalled_amount) from bi.stalled_in_stage "
        "where segment = 'Enterprise' group by all",
        "select stage, judged, stalled, stalled_amount from rpt_stall_patterns "
        "where rule = 'age_in_stage' and segment = 'Enterprise' and stage <> '(all)' and fiscal_quarter = '(all)'",
    ),
    "Do we have enough pipeline for next quarter?": (
        "select target_amount, open_amount, round(coverage_ratio, 9) from bi.quarters_today where is_next_quarter",
        "select target_amount, open_amount, round(coverage_ratio, 9) from rpt_pipeline_coverage "
        f"where segment = '(all)' and fiscal_quarter = {NEXT} and snapshot_date = {LAST_DAY}",
    ),
    "How much is won this quarter?": (
        "select sum(won_amount), sum(open_amount) from bi.coverage_today where is_current_quarter",
        "select won_amount, open_amount from rpt_pipeline_coverage "
        f"where segment = '(all)' and fiscal_quarter = {CURRENT} and snapshot_date = {LAST_DAY}",
    ),
    "Who drove net revenue retention down?": (
        "select round(sum(retained_mrr) / sum(mrr_a_year_ago), 9) from bi.customers",
        "select round(nrr, 9) from rpt_revenue_retention "
        f"where level = 'customer' and segment = '(all)' and month_end = {LAST_MONTH}",
    ),
    "What became of what was due at the start of each quarter?": (
        "select fiscal_quarter, sum(due_amount), sum(won_amount), sum(slipped_amount) from bi.due_at_quarter_start "
        "group by all",
        "select fiscal_quarter, due_amount, won_amount, slipped_amount from rpt_slippage where segment = '(all)' "
        "and forecast_category = '(all)' and is_final "
        "qualify row_number() over (partition by fiscal_quarter order by anchor_date) = 1",
    ),
    "How often do we win?": (
        "select fiscal_quarter, round(avg(won), 9), sum(won_amount) from bi.decided group by all",
        "select fiscal_quarter, round(win_rate, 9), won_amount from rpt_win_rate "
        "where segment = '(all)' and dimension = '(all)' and decided > 0",
    ),
    "Which lead sources win most?": (
        "select lead_source, round(avg(won), 9) from bi.decided group by all",
        "select dimension_value, round(sum(won) / sum(won + lost), 9) from rpt_win_rate "
        "where dimension = 'lead_source' and segment = '(all)' group by all having sum(won + lost) > 0",
    ),
    "What becomes of the deals we create?": (
        "select * from bi.what_became_of_deals",
        "select day, won_share, lost_share, open_share from rpt_sales_cycle where fiscal_quarter = '(all)' "
        "and segment = '(all)' and opportunity_type = '(all)' and pipeline = '(all)' and from_stage = '(created)'",
    ),
    "Is every customer a known account?": (
        "select match_method, count(*), sum(mrr_now) from bi.customers group by all",
        "select match_method, count(*), coalesce(sum(mrr_amount), 0) from dim_customer left join (select * from "
        f"fct_mrr_monthly where month_end = {LAST_MONTH}) using (source, customer_id) group by all",
    ),
    "What does revenue come to?": (
        "select sum(amount) from bi.revenue_changes",
        "select closing_mrr from rpt_revenue_retention "
        f"where level = 'customer' and segment = '(all)' and month_end = {LAST_MONTH}",
    ),
    "Was the forecast right?": (
        "select measure, wape, skill from bi.forecast_track_record where days_to_quarter_end = 30",
        "select measure, wape, skill from rpt_forecast_accuracy "
        "where fiscal_quarter = '(all)' and segment = '(all)' and days_to_quarter_end = 30",
    ),
    "Where do deals sit longest?": (
        "select stage, segment, median(days_in_stage), sum(amount) from bi.pipeline_today group by all",
        "select stage, segment, median(days_in_stage), sum(amount) from fct_opportunity_current "
        "where is_open group by all",
    ),
    "Which days were not captured?": (
        "select sum(missed) from bi.captured_days",
        "select count(distinct snapshot_date) from dim_snapshot where status = 'gap'",
    ),
}


def ask(published: Path, query: str) -> list[tuple[Any, ...]]:
    with open_published(published) as connection:
        rows = connection.execute(query).fetchall()
    return sorted((tuple(map(plain, row)) for row in rows), key=repr)


def plain(value: Any) -> Any:
    return Decimal(str(value)).normalize() if isinstance(value, int | float | Decimal) else value


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_tool_that_does_not_think_gets_the_right_number(published: Path, question: str) -> None:
    naive, true = (ask(published, query) for query in QUESTIONS[question])
    assert naive == true
    assert naive and any(each not in (None, 0) for each in naive[0])


def test_every_view_is_asked_and_says_what_may_be_summed(published: Path) -> None:
    views = ask(published, "select view_name, comment from duckdb_views() where schema_name = 'bi' and not internal")
    asked = " ".join(naive for naive, _ in QUESTIONS.values())
    unasked = {name for name, _ in views if f"bi.{name}" not in asked}
    assert unasked == {"retention"}  # read as it is, a row a month
    for name, comment in views:
        assert comment.startswith("One row per "), name
        assert "summed" in comment, name


def test_no_view_has_total_rows(published: Path) -> None:
    with open_published(published) as connection:
        columns = connection.execute(
            "select table_name, column_name from duckdb_columns() where schema_name = 'bi' and data_type = 'VARCHAR'"
        ).fetchall()
        for view, column in columns:
            found = connection.execute(f"select count(*) from bi.{view} where {column} = '(all)'").fetchone()
            assert found == (0,), (view, column)


def test_rows_of_totals_are_marked_in_every_report(published: Path) -> None:
    with open_published(published) as connection:
        reports = connection.execute(
            "select table_name, list(column_name) filter (where data_type = 'VARCHAR') from duckdb_columns() "
            "where schema_name = 'marts' and table_name like 'rpt_%' group by all "
            "having list_contains(list(column_name), 'segment')"
        ).fetchall()
        assert len(reports) >= 10
        for report, columns in reports:
            total = " or ".join(f"{column} = '(all)'" for column in columns)
            wrong = connection.execute(
                f"select count(*) from {report} where is_total <> coalesce({total}, false)"
            ).fetchone()
            assert wrong == (0,), report
