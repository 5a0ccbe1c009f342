"""What was planted in the demo company comes out on top of the reports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.demo_company.simulation import SimulatedCompany
from ingestion.demo_company.source import truth
from ingestion.demo_company.truth import Truth


@pytest.fixture(scope="module")
def planted(company: SimulatedCompany) -> Truth:
    return truth(company)


def first(published: Path, query: str) -> tuple[Any, ...]:
    """The first row of a report."""
    with duckdb.connect(str(published), read_only=True) as connection:
        connection.execute("use marts")
        row = connection.execute(query).fetchone()
    assert row is not None
    return row


def test_the_segment_that_stalls_takes_longest_and_has_most_at_stake(published: Path, planted: Truth) -> None:
    stalling = planted.stalling_segment
    slowest = first(
        published,
        "select segment, stage from rpt_stage_velocity where fiscal_quarter = '(all)' and not is_small_sample "
        "order by km_median_days desc nulls last",
    )
    assert slowest == (stalling.segment, stalling.stage)
    stuck = first(
        published,
        "select segment, stage from rpt_stall_patterns where rule = 'age_in_stage' and fiscal_quarter = '(all)' "
        "and segment <> '(all)' and stage <> '(all)' order by stalled desc",
    )
    assert stuck == (stalling.segment, stalling.stage)


def test_the_rep_who_pushes_has_the_most_pushes_per_deal(published: Path, planted: Truth) -> None:
    pusher = first(
        published,
        "select owner_id from fct_opportunity_current group by 1 having count(*) >= 20 order by avg(push_count) desc",
    )
    assert pusher == (planted.pushing_rep.user_id,)


def test_the_month_of_backdated_wins_restates_the_quarter_before_it_most(published: Path, planted: Truth) -> None:
    backdated = planted.backdated_wins
    quarter, days = first(
        published,
        "select fiscal_quarter, days_after_end from rpt_restatements where metric = 'bookings' and segment = '(all)' "
        "order by abs(entered_amount) desc, days_after_end",
    )
    assert first(published, f"select fiscal_quarter from dim_date where date_day = '{backdated.close_date}'") == (
        quarter,
    )
    assert days <= (backdated.last_date - backdated.close_date).days + 1  # a win may be captured a day late


def test_the_cohort_that_churns_retains_least(published: Path, planted: Truth) -> None:
    cohort = first(
        published,
        """
        with customers as (
            select source, customer_id, min(month_end) as first_month, max(month_end) as last_month
            from fct_mrr_monthly group by all
        )
        select days.fiscal_quarter
        from customers join dim_date as days on days.date_day = customers.first_month
        group by 1 having count(*) >= 10
        order by avg(case when last_month < (select max(month_end) from fct_mrr_monthly) then 1 else 0 end) desc
        """,
    )
    assert cohort == (planted.churning_cohort.fiscal_quarter,)
