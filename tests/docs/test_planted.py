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


def test_the_campaign_that_gave_prizes_brought_more_leads_and_worse_ones(published: Path, planted: Truth) -> None:
    named = first(
        published,
        "select dimension_value from rpt_funnel_conversion where volume_up_quality_down and dimension = 'campaign' "
        "and unit = 'person' and segment = '(all)' order by entered desc",
    )
    assert planted.fruitless_campaign is not None
    assert named == (planted.fruitless_campaign.campaign_id,)


def test_people_entered_twice_in_another_spelling_are_one_person(published: Path, planted: Truth) -> None:
    with duckdb.connect(str(published), read_only=True) as connection:
        keys = dict(connection.execute("select person_id, person_key from marts.dim_person").fetchall())
    captured = [pair for pair in planted.duplicates.person_ids if keys.keys() >= set(pair)]
    assert len(captured) > 10
    assert [pair for pair in captured if keys[pair[0]] != keys[pair[1]]] == []


def test_who_is_answered_late_becomes_an_opportunity_less_often(published: Path, planted: Truth) -> None:
    by_lateness = """
        with answered as (
            select handoffs.elapsed_hours > ? as is_late, steps.person_key is not null as has_opportunity
            from fct_handoffs as handoffs
            left join fct_lifecycle_steps as steps
                on steps.person_key = handoffs.person_key and steps.step = 'opportunity'
                and steps.cycle = handoffs.cycle and steps.step_date >= handoffs.started_date
            where handoffs.handoff = 'mql_follow_up' and handoffs.clock = 'clock' and handoffs.ended_at is not null
            and handoffs.started_date < (select max(snapshot_date) - 90 from dim_snapshot)
        )
        select is_late, avg(has_opportunity::integer) from answered group by all order by is_late
    """
    with duckdb.connect(str(published), read_only=True) as connection:
        connection.execute("use marts")
        rates = connection.execute(by_lateness, [planted.late_answers.hours]).fetchall()
    assert rates[1][1] < rates[0][1] * 0.9


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
