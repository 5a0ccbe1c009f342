"""What was planted in the demo company comes out on top of the reports. Slow are those that need all of its days."""

from __future__ import annotations

from datetime import date
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_the_campaign_that_gave_prizes_brought_more_leads_and_worse_ones(published: Path, planted: Truth) -> None:
    named = first(
        published,
        "select dimension_value from rpt_funnel_conversion where volume_up_quality_down and dimension = 'campaign' "
        "and unit = 'person' and segment = '(all)' order by entered desc",
    )
    assert planted.fruitless_campaign is not None
    assert named == (planted.fruitless_campaign.campaign_id,)


def test_the_channel_without_touches_costs_money_and_is_given_nothing(published: Path, planted: Truth) -> None:
    spent, given, influenced = first(
        published,
        "select min(cost_amount), max(attributed_amount), max(influenced_amount) from rpt_attribution where segment = "
        f"'(all)' and dimension = 'channel' and dimension_value = '{planted.spare_channel.channel}'",
    )
    assert spent > 0
    assert (given, influenced) == (0, 0)


def test_opportunities_that_leads_became_are_sourced_by_their_touches(published: Path) -> None:
    """The demo converts leads that campaigns brought."""
    converted, touched = first(
        published,
        """
        with converted as (
            select distinct people.source, people.converted_opportunity_id as opportunity_id
            from dim_person as people
            inner join fct_opportunity_current as deals
                on deals.source = people.source and deals.opportunity_id = people.converted_opportunity_id
        )
        select count(distinct converted.opportunity_id), count(distinct facts.opportunity_id)
        from converted
        left join fct_attribution as facts
            on facts.source = converted.source and facts.opportunity_id = converted.opportunity_id
            and facts.purpose = 'sourced' and not facts.is_untouched
        """,
    )
    assert converted > 500
    assert touched > 0.95 * converted


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


@pytest.mark.slow
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


def test_the_source_whose_deals_are_lost_less_often_wins_most(published: Path, planted: Truth) -> None:
    """Of all that bring first purchases: what customer success sells, it sells to customers."""
    best = first(
        published,
        "select dimension_value from rpt_win_rate where dimension = 'lead_source' and segment = '(all)' and is_final "
        "and dimension_value <> 'Customer Success' group by 1 having sum(decided) >= 20 "
        "order by sum(won) / sum(decided) desc",
    )
    assert best == (planted.favoured_source.lead_source,)


@pytest.mark.parametrize("days", [30, 60])
def test_the_segment_that_calls_commit_too_early_has_the_forecast_that_is_most_too_high(
    published: Path, planted: Truth, days: int
) -> None:
    segment, bias = first(
        published,
        "select segment, bias from rpt_forecast_accuracy where fiscal_quarter = '(all)' and measure = 'commit' and "
        f"segment <> '(unassigned)' and days_to_quarter_end = {days} order by bias desc",
    )
    assert segment == planted.too_high_segment.segment
    assert bias > 0.2


def test_the_segment_that_calls_commit_too_early_breaks_most_of_its_promises(published: Path, planted: Truth) -> None:
    broken = first(
        published,
        "select segment, status from rpt_score_calibration where score = 'forecast_category' and band = 'commit' and "
        "segment <> '(all)' and fiscal_quarter = '(all)' order by n * (expected_rate - observed_rate) desc",
    )
    assert broken == (planted.too_high_segment.segment, "off")


@pytest.mark.slow
def test_customers_of_poor_health_leave_most_and_the_score_foretells_it(published: Path) -> None:
    """Health is made from how likely a customer is to leave, with some noise."""
    score = "score = 'customer_health' and segment = '(all)' and fiscal_quarter = '(all)'"
    bands = first(
        published,
        f"select list(band order by observed_rate desc), min(n) from rpt_score_calibration where {score} and n > 0 and "
        "band <> '(all)'",
    )
    assert bands[0] == ["red", "amber", "green"]
    assert bands[1] > 100
    assert first(published, f"select status from rpt_score_calibration where {score} and band = '(all)'") == (
        "calibrated",
    )


@pytest.mark.slow
def test_wins_that_were_dated_back_restate_the_quarter_before_more_than_any_other(
    published: Path, planted: Truth
) -> None:
    backdated_into = first(
        published,
        f"select fiscal_quarter from dim_date where date_day = date '{planted.backdated_wins.close_date}'",
    )
    assert planted.backdated_wins.last_date < date(2026, 3, 2), "the demo has to see the month in which they are won"
    wins = first(
        published,
        "select fiscal_quarter from rpt_win_rate where segment = '(all)' and dimension = '(all)' "
        "order by won - reported_won desc nulls last",
    )
    money = first(
        published,
        "select fiscal_quarter from rpt_forecast_accuracy where segment = '(all)' and measure = 'won' and "
        "days_to_quarter_end = 0 order by restated_actual_amount - actual_amount desc nulls last",
    )
    assert wins == money == backdated_into


def test_the_weighted_pipeline_foretells_less_than_the_same_as_last_quarter(published: Path) -> None:
    """The probability of a stage says whether a deal is won, and not when. (Nobody planted this.)"""
    weighted, last_quarter = first(
        published,
        "select max(wape) filter (where measure = 'weighted'), max(wape) filter (where measure = 'last_quarter') "
        "from rpt_forecast_accuracy where fiscal_quarter = '(all)' and segment = '(all)' and days_to_quarter_end = 30",
    )
    assert weighted > last_quarter


def test_marketings_list_is_found_to_be_three_weeks_old(published: Path, planted: Truth) -> None:
    """Every list, give or take a day without a capture; the usual age exactly."""
    oldest, usual, youngest = first(
        published,
        "select max(as_of - equals_day), mode(as_of - equals_day), min(as_of - equals_day) "
        "from (select distinct list_id, as_of, equals_day from rpt_pipeline_reconciliation where team = 'marketing' "
        "and road = 'list')",
    )
    assert usual == planted.lists.marketing_days_old
    assert usual - 2 <= youngest <= oldest <= usual + 2
    fresh = first(
        published,
        "select count(*) from rpt_pipeline_reconciliation "
        "where team = 'finance' and road = 'list' and equals_day <> as_of",
    )
    assert fresh == (0,)


def test_the_deal_that_finance_lists_twice_is_the_only_doubled_one(published: Path, planted: Truth) -> None:
    with duckdb.connect(str(published), read_only=True) as connection:
        doubled = connection.execute(
            "select distinct list_id, opportunity_id from marts.fct_reconciliation_items where reason = 'doubled'"
        ).fetchall()
    assert set(doubled) == set(planted.lists.finance_doubled)
