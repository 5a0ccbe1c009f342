"""The demo company, served by its vendors over HTTP day by day, has the marts that it has through the `demo` source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.demo_company import source as demo
from tests.orchestration.conftest import Desk
from tests.vendors import hubspot, marketo, salesforce, stripe
from tests.vendors.mirrored_company import SEED, START, TIME_ZONE, Life, System, end_of, live

SCALE = 0.1
DAYS = 60  # weeks, because landmarks lie weeks apart and deals are won after weeks
EVERY = 3  # days: what a run costs is the same on every day, and the days in between are gaps in both homes
COMPANY = f"""
[company]
time_zone = "{TIME_ZONE}"
base_currency = "USD"
fiscal_year_start_month = 2
"""
# Without the vendors' own histories, which the demo has not: with them entries are dated exactly. Campaigns are in both
# Salesforce and Marketo, which says which of Salesforce's they are: their costs count once.
SALESFORCE = """
[sources.crm]
type = "salesforce"
instance_url = "{url}"
exclude = ["opportunity_history", "opportunity_field_history"]
"""
HUBSPOT = """
[sources.crm]
type = "hubspot"
base_url = "{url}"
exclude = ["deal_property_history"]
"""
MARKETO = """
[sources.automation]
type = "marketo"
base_url = "{url}"
"""
STRIPE = """
[sources.billing]
type = "stripe"
base_url = "{url}"
"""
SECRETS = {
    "SOURCES__CRM__CLIENT_ID": salesforce.CLIENT_ID,
    "SOURCES__CRM__CLIENT_SECRET": salesforce.CLIENT_SECRET,
    "SOURCES__CRM__ACCESS_TOKEN": hubspot.TOKEN,
    "SOURCES__AUTOMATION__CLIENT_ID": marketo.CLIENT_ID,
    "SOURCES__AUTOMATION__CLIENT_SECRET": marketo.CLIENT_SECRET,
    "SOURCES__BILLING__API_KEY": stripe.KEY,
}
# What tells where a row came from, and nothing about the company.
FROM_WHERE = {"source", "account_source", "touch_source", "entity", "captured_at"}
MARTS = (
    *("fct_opportunity_history", "fct_opportunity_current", "fct_stage_visits", "fct_stall_signals"),
    *("fct_pipeline_daily", "fct_pipeline_movements", "fct_booking_movements", "fct_mrr_monthly", "fct_mrr_movements"),
    *("rpt_stage_velocity", "rpt_pipeline_velocity", "rpt_stall_patterns", "rpt_pipeline_coverage"),
    *("rpt_pipeline_waterfall", "rpt_revenue_retention", "dim_account", "dim_owner"),
    *("fct_lifecycle_steps", "rpt_funnel_conversion", "fct_handoffs", "rpt_handoff_sla"),
    *("fct_attribution", "rpt_attribution"),
)
OF_TOUCHES = {
    *("untouched_amount", "influenced_amount", "coverage_rate"),
    *("sourced_by_first_touch_amount", "sourced_before_sales_amount", "sourced_gap_amount"),
}
# HubSpot tells of clicks and submissions alone, so it does not say which channel brought a person. Mart -> the columns
# that say so, and the rows that do not.
BY_CHANNEL: dict[str, tuple[set[str], str]] = {
    "fct_lifecycle_steps": ({"campaign_id", "channel"}, "true"),
    "rpt_funnel_conversion": (set(), "dimension in ('(all)', 'lead_source')"),
    "fct_handoffs": ({"channel"}, "true"),
    "rpt_handoff_sla": (
        {"compared_handoffs"}
        | {f"{name}_opportunity_rate{end}" for name in ("met", "breached") for end in ("", "_low", "_high")}
        | {f"opportunity_rate_gap{end}" for end in ("", "_low", "_high")},
        "true",
    ),
    # the touches that it knows; what each is given depends on the others
    "fct_attribution": (
        {"touch_position", "touch_count"}
        | {f"{model}_{part}" for model in ("first", "last", "linear", "position") for part in ("weight", "amount")},
        f"touch_type in {hubspot.TOUCHES}",
    ),
    "rpt_attribution": (OF_TOUCHES, "dimension = '(all)'"),
}


@dataclass(frozen=True)
class Served:
    """Two homes of one company: through the demo source, and through its vendors."""

    demo: Path
    vendors: Path
    ours: dict[str, str]  # by the vendors' ids
    touches: tuple[str, ...]  # the kinds of touches that these vendors know


def desk(folder: Path, settings: str) -> Desk:
    """A folder with the company's settings and definitions."""
    demo.write_home(folder, start_date=START, seed=SEED)
    (folder / "pipeledger.toml").write_text(COMPANY + settings)
    return Desk(folder)


def through_demo(folder: Path, days: list[date]) -> Path:
    at = desk(folder, f'[sources.crm]\ntype = "demo"\nstart_date = {START}\nseed = {SEED}\nscale = {SCALE}\n')
    for day in days[:-1]:
        at.capture(end_of(day), {})
    done = at.run("run", env={"PIPELEDGER_NOW": end_of(days[-1]).isoformat()})
    assert done.code == 0, done.err[-3000:]
    return at.home / "warehouse.duckdb"


def serve(stack: ExitStack, crm: str) -> tuple[System, list[System], str]:
    """The simulators of the CRM, of marketing automation beside Salesforce, and of billing; and the settings."""
    now = datetime.now().astimezone()
    billing = stack.enter_context(stripe.StripeServer(now))
    settings = STRIPE.format(url=billing.url) + stripe.MAPPING.replace("{name}", "billing")
    if crm == "hubspot":
        hub = stack.enter_context(hubspot.HubspotServer(now))
        settings += HUBSPOT.format(url=hub.url) + hubspot.MAPPING.replace("{name}", "crm")
        return hub, [billing], settings
    org = stack.enter_context(salesforce.SalesforceServer(now))
    org.looks_needed, org.limit = 0, 1_000_000
    settings += SALESFORCE.format(url=org.url) + salesforce.MAPPING.format(name="crm")
    automation = stack.enter_context(marketo.MarketoServer(now))
    automation.types |= {100_001 + number: name for number, name in enumerate(marketo.TOUCHES)}
    automation.looks_needed = 0
    settings += MARKETO.format(url=automation.url) + marketo.MAPPING.replace("{name}", "automation")
    return org, [billing, automation], settings


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("salesforce", id="salesforce, marketo, stripe", marks=pytest.mark.slow),
        pytest.param("hubspot", id="hubspot, stripe", marks=pytest.mark.slow),
    ],
)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    vendor = request.param
    folder = tmp_path_factory.mktemp("company")
    life = Life(SCALE)
    days = life.days(DAYS)[::EVERY]
    with ExitStack() as stack:
        crm, others, settings = serve(stack, vendor)
        at = desk(folder / "vendors", settings)
        for day, now in live(life, crm, others, days):
            if day == days[-1]:  # which builds the marts, too
                done = at.run("run", env={"PIPELEDGER_NOW": now.isoformat(), **SECRETS})
                assert done.code == 0, done.err[-3000:]
            else:
                at.capture(now, SECRETS)
        ours = {theirs: ours for system in (crm, *others) for (_, ours), theirs in system.ids.items()}
        touches = hubspot.TOUCHES if vendor == "hubspot" else (*hubspot.TOUCHES, *marketo.TOUCHES)
        yield Served(through_demo(folder / "demo", days), at.home / "warehouse.duckdb", ours, touches)


def rows_of(
    warehouse: Path, mart: str, ours: dict[str, str], hidden: Container[str] = (), where: str = "true"
) -> Counter[tuple[Any, ...]]:
    """The rows of a mart in our ids, without where they came from and what is `hidden`."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        known = ours | _people(connection, ours)
        found = connection.execute(f"select * from marts.{mart} where {where}")
        names = [each[0] for each in found.description]
        kept = [number for number, name in enumerate(names) if name not in FROM_WHERE and name not in hidden]
        return Counter(tuple(_ours(names[number], row[number], known) for number in kept) for row in found.fetchall())


def _people(connection: duckdb.DuckDBPyConnection, ours: dict[str, str]) -> dict[str, str]:
    """Their name of a person -> the lowest of our ids that the person's records have."""
    rows = connection.execute("select person_key, person_id from marts.dim_person").fetchall()
    found: dict[str, str] = {}
    for key, identity in sorted((key, ours.get(identity, identity)) for key, identity in rows):
        found.setdefault(key, identity)
    return found


def _ours(name: str, value: Any, ours: dict[str, str]) -> Any:
    if isinstance(value, float):
        return round(value, 9)
    if not isinstance(value, str):
        return value
    if name == "forecast_category":  # each vendor has its own way of writing it
        return value.lower().replace(" ", "_")
    if name == "parent_id":  # account:source:id
        kind, _, identity = value.split(":", 2)
        return kind, ours.get(identity, identity)
    return ours.get(value, value)


@pytest.mark.parametrize("mart", MARTS)
def test_a_mart_is_the_same_through_the_vendors(served: Served, mart: str) -> None:
    hidden, where = BY_CHANNEL.get(mart, (set(), "true")) if served.touches == hubspot.TOUCHES else (set(), "true")
    expected = rows_of(served.demo, mart, {}, hidden, where)
    found = rows_of(served.vendors, mart, served.ours, hidden, where)
    assert list((expected - found).items())[:3] == list((found - expected).items())[:3] == []
    assert expected


def test_touches_are_the_same_through_the_vendors(served: Served) -> None:
    columns = "touch_id, person_id, campaign_id, touch_type, touched_at"
    found = []
    for warehouse, ours in ((served.demo, {}), (served.vendors, served.ours)):
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            rows = connection.execute(f"select {columns} from staging.stg_touch").fetchall()
        found.append({tuple(ours.get(value, value) for value in row) for row in rows if row[3] in served.touches})
    assert found[0] == found[1] != set()
