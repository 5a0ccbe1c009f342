"""A second opinion on MRR and retention: random billing, recomputed customer by customer and month by month."""

from __future__ import annotations

import math
import re
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion.demo_company import source as demo
from tests.dbt_project import dbt_build
from tests.dbt_project.ledger_cache import Company
from tests.oracles.conftest import SETTINGS, Built
from tests.oracles.random_companies import DEFINITIONS
from tests.oracles.revenue import random_billing
from tests.oracles.revenue.restated import METRICS, check_facts, quarters
from tests.oracles.revenue.retention import Retention

DEMO_START = date(2025, 6, 3)
KEYS = ["source", "customer_id", "month_end"]
MONTHLY = [
    "account_source", "account_id", "parent_account_id", "parent_id", "segment", "parent_segment", "mrr_amount",
    "subscriptions", "unpriced_subscriptions", "is_awaiting_renewal", "is_complete",
]  # fmt: skip
MODELS = "+fct_mrr_monthly +fct_mrr_movements +fct_mrr_restatements +rpt_revenue_retention +dim_customer"
POLICIES = {
    1: "",
    2: """discounts,none,,,
past_due,excluded,,,
unpaid,counts,,,
trial_of_payer,excluded,,,
churn_date,cancelled,,,
renewal_grace_days,40,,,
""",
    3: "renewal_grace_days,120,,,\npast_due,excluded,2025-06-01,,\ndiscounts,none,2025-03-31,,\n",
    4: "churn_date,cancelled,,,\nchurn_date,ended,2025-05-15,,\nrenewal_grace_days,31,2025-02-28,,\n",
}
TESTED_EVERY_TIME = 2  # 1 is the default policy
RATES = """currency_code,rate_to_base,valid_from,owner,definition
EUR,1.0000000001,,,
EUR,0.9,2025-02-28,,
EUR,1.2345678901,2025-06-15,,
EUR,1.3,2025-06-30,,
EUR,5,2025-12-31,,
gbp,1.31,2025-03-05,,
"""


def retention_marts(home: Path, companies: list[Company], definitions: dict[str, str]) -> Built:
    """The marts of retention, and what comes before them, with all of their tests."""
    home.mkdir()
    result = dbt_build.run(
        home,
        companies,
        definitions=definitions,
        command=[*dbt_build.WITHOUT_UNIT_TESTS, "--select", *MODELS.split(), "--indirect-selection", "buildable"],
        **SETTINGS,
    )
    assert result.success, result.told[-4000:]
    return Built(companies, definitions, SETTINGS, home)


def few(number: int, base: Path) -> Built:
    """A handful of companies under one of the policies, built alone."""
    policy = f"{random_billing.POLICY_COLUMNS}\n{POLICIES[number]}"
    definitions = {"segments": DEFINITIONS["segments"], "fx_rates": RATES, "mrr_policy": policy}
    types = ("files",) if number == TESTED_EVERY_TIME else ("demo", "files")  # see random_companies.source_type
    companies = random_billing.billing_companies(number, 6 + 2 * number, types)
    return retention_marts(base / f"billing-{number}", companies, definitions)


@pytest.fixture(
    scope="module",
    params=[TESTED_EVERY_TIME, *(pytest.param(number, marks=pytest.mark.slow) for number in (1, 3, 4))],
)
def few_built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A few companies alone, whose reports are not a mixture of hundreds."""
    return few(request.param, tmp_path_factory.mktemp("billing"))


@pytest.fixture(scope="module")
def oracle(built: Built) -> Retention:
    return Retention(built.companies, built.definitions, *built.settings.values())


@pytest.fixture(scope="module")
def oracle_of_few(few_built: Built) -> Retention:
    return Retention(few_built.companies, few_built.definitions, *few_built.settings.values())


def test_every_mart_of_many_companies_equals_the_daily_states(built: Built, oracle: Retention) -> None:
    check_mrr(built, oracle, at_least=1000)
    methods = check_customers(built, oracle)
    ways = {"subscription", "customer", "account", "domain", "several"}
    reasons = {"unknown_account", "ambiguous_domain", "unmatched"}
    assert methods == (ways | reasons if len(built.companies) > 1 else {"subscription"})
    check_movements(built, oracle)
    check_report(built, oracle)


def test_mrr_equals_asking_every_customer_at_every_month_end(few_built: Built, oracle_of_few: Retention) -> None:
    check_mrr(few_built, oracle_of_few, at_least=100)


def test_customers_are_the_accounts_that_they_name(few_built: Built, oracle_of_few: Retention) -> None:
    assert {"subscription", "account"} <= check_customers(few_built, oracle_of_few)


def test_movements_equal_comparing_month_with_month(few_built: Built, oracle_of_few: Retention) -> None:
    check_movements(few_built, oracle_of_few)


def test_retention_equals_following_every_customer_for_a_year(few_built: Built, oracle_of_few: Retention) -> None:
    check_report(few_built, oracle_of_few)


def test_restated_mrr_equals_asking_a_ledger_that_ends_on_the_day(
    few_built: Built, request: pytest.FixtureRequest
) -> None:
    """Renewals that are awaited over the end of a quarter included, where the policy has days of grace."""
    ends = quarters(few_built)
    causes = {
        (row["metric"], row["cause"])
        for quarter, (end, month_end) in ends.items()
        for row in check_facts(few_built, quarter, end, month_end, looks=3)[0]
    }
    assert len(ends) >= 5
    rare = ("edited", "segment") if request.node.callspec.params["few_built"] == TESTED_EVERY_TIME else ()
    assert causes >= {("mrr", cause) for cause in ("reported", "entered", "left", *rare)}
    assert {metric for metric, _ in causes} == set(METRICS)


@pytest.fixture(scope="module")
def demo_source() -> demo.DemoSource:
    """The demo company, a third as large."""
    return demo.build_source("demo", seed=7, start_date=DEMO_START, time_zone=SETTINGS["time_zone"], scale=0.3)


@pytest.fixture(scope="module")
def demo_built(demo_source: demo.DemoSource, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Its billing and accounts as they stood at the end of each of 18 months."""
    base = tmp_path_factory.mktemp("demo")
    months = [date(DEMO_START.year + number // 12, number % 12 + 1, 1) for number in range(DEMO_START.month, 24)]
    days = [DEMO_START, *(first - timedelta(days=1) for first in months)]
    states: dict[str, dict[date, dict[tuple[Any, ...], dict[str, Any]]]] = {"subscription": {}, "account": {}}
    down = demo_source.days(days[0], days[-1]).incomplete  # its systems are down on the last day of a month, too
    for day in [each for each in days if each not in down]:
        extractions = demo_source.extract([day], day)
        for entity, captured in states.items():
            rows = [row for each in extractions[entity]() for table in each.tables for row in table.to_pylist()]
            captured[day] = {(row[f"{entity}_id"],): without_zone(row) for row in rows}
    demo.write_home(base / "home", start_date=DEMO_START, seed=7)
    definitions = {
        name: (base / "home" / "definitions" / f"{name}.csv").read_text()
        for name in ("fx_rates", "mrr_policy", "segments")
    }
    return retention_marts(base / "marts", [Company("demo", states, "demo")], definitions)


def without_zone(row: dict[str, Any]) -> dict[str, Any]:
    """Instants as the ledger holds them: UTC, and not said so."""
    return {name: value.replace(tzinfo=None) if isinstance(value, datetime) else value for name, value in row.items()}


# A build of its own. The random companies above are compared every time, and `tests/docs/test_planted.py` asks the demo
# itself who was made to leave.
@pytest.mark.slow
def test_retention_of_the_demo_company_equals_following_its_customers(demo_built: Built) -> None:
    oracle = Retention(demo_built.companies, demo_built.definitions, *demo_built.settings.values())
    check_mrr(demo_built, oracle, at_least=1000)
    check_movements(demo_built, oracle)
    check_report(demo_built, oracle)


@pytest.mark.slow  # as above
def test_the_customers_that_were_made_to_leave_come_out_on_top(demo_source: demo.DemoSource, demo_built: Built) -> None:
    """By the fiscal quarter of a customer's first month: customers that left per customer and year."""
    cohorts = demo_built.rows(
        """
        with customers as (
            select
                source,
                customer_id,
                date_trunc('quarter', min(month_end) - interval 1 month) + interval 1 month as first_quarter,
                max(month_end) < (select max(month_end) from marts.fct_mrr_monthly) as has_left,
                count(*) as months
            from marts.fct_mrr_monthly
            group by all
        )
        select first_quarter, count(*) filter (where has_left) * 12 / sum(months) as leaving_per_year
        from customers
        group by first_quarter
        having count(*) >= 5
        order by leaving_per_year desc
        """
    )
    planted = demo.truth(demo_source.company).churning_cohort
    assert cohorts[0]["first_quarter"].date() == planted.first_date
    assert cohorts[0]["leaving_per_year"] > 1.5 * cohorts[1]["leaving_per_year"]


def test_the_drill_down_lists_who_is_behind_each_number_of_the_report(few_built: Built) -> None:
    text = (Path(__file__).parents[3] / "docs" / "drill-down.md").read_text(encoding="utf-8")
    (query,) = re.findall(r"^## rpt_revenue_retention$.*?^```sql\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    written = re.search(r"where level = .*", query)
    assert written
    rows = few_built.rows("select * from marts.rpt_revenue_retention order by md5(concat(level, segment, month_end))")
    old_enough = [row for row in rows if row["cohort_customers"]]
    for row in [*rows[:20], *old_enough[:20]]:
        choice = (
            f"where level = '{row['level']}' and segment = '{row['segment']}' and month_end = date '{row['month_end']}'"
        )
        listed = few_built.rows(
            query.replace(written[0], choice).replace("rpt_", "marts.rpt_").replace("fct_", "marts.fct_")
        )
        for name in ("cohort_mrr", "cohort_retained_mrr", "opening_mrr", "closing_mrr"):
            assert sum(each[name] or 0 for each in listed) == row[name], (name, choice)
        for name in ("cohort", "opening", "closing"):
            count = sum(each[f"{name}_mrr"] is not None for each in listed)
            assert count == row[f"{name}_customers"], (name, choice)
    assert len(old_enough) >= 20


def check_mrr(billed: Built, oracle: Retention, at_least: int) -> None:
    found = {
        tuple(row[name] for name in KEYS): {name: row[name] for name in MONTHLY}
        for row in billed.rows("select * from marts.fct_mrr_monthly")
    }
    expected = {
        tuple(row[name] for name in KEYS): {name: row[name] for name in MONTHLY}
        for customers in oracle.customers.values()
        for row in customers.values()
    }
    assert differences(found, expected) == {}
    assert len(expected) > at_least


def check_customers(billed: Built, oracle: Retention) -> set[str]:
    """Compare dim_customer, and give the ways in which accounts were found."""
    columns = ("account_source", "account_id", "match_method", "account_count", "is_deleted")
    found = {
        (row["source"], row["customer_id"]): tuple(row[name] for name in columns)
        for row in billed.rows("select * from marts.dim_customer")
    }
    assert differences(found, oracle.customer_rows()) == {}
    return {row[2] for row in found.values()}


def check_movements(billed: Built, oracle: Retention) -> None:
    found = {
        ((row["source"], row["customer_id"]), row["month_end"], row["segment"], row["category"]): (
            row["amount"],
            row["customer_delta"],
        )
        for row in billed.rows("select * from marts.fct_mrr_movements")
    }
    assert differences(found, oracle.movements("customer")) == {}


def check_report(billed: Built, oracle: Retention) -> None:
    found = {
        (row.pop("level"), row.pop("month_end"), row.pop("segment")): row
        for row in billed.rows("select * exclude (is_total) from marts.rpt_revenue_retention")
    }
    expected = oracle.report("customer") | oracle.report("parent")
    assert len(found) == len(expected) > 50
    for name in ("nrr", "grr", "logo_churn_rate", "quick_ratio"):
        for key, row in expected.items():
            ratio, wanted = found[key].pop(name), row.pop(name)
            assert (ratio is None) == (wanted is None), (name, key)
            assert ratio is None or math.isclose(ratio, wanted, rel_tol=1e-9), (name, key)
    assert differences(found, expected) == {}
    assert any(row["cohort_retained_mrr"] for row in expected.values())


def differences(found: dict[Any, Any], expected: dict[Any, Any]) -> dict[Any, Any]:
    """The first few keys whose values differ: (found, expected)."""
    keys = [key for key in {**found, **expected} if found.get(key) != expected.get(key)]
    return {key: (found.get(key), expected.get(key)) for key in sorted(keys, key=str)[:5]}
