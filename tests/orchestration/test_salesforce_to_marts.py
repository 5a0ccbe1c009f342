"""A Salesforce org, from its API to the published marts, with the command that a user runs."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ingestion.source import SourceError
from orchestration.settings.home import open_home
from orchestration.settings.settings import load_settings
from orchestration.steps.capture import land_and_capture
from tests.dbt_project.grain import doubled_rows
from tests.orchestration.conftest import STAGES, SWITCHED_OFF, Desk, OnVendor
from tests.vendors.salesforce import CLIENT_ID, CLIENT_SECRET, SalesforceServer
from tests.vendors.server import status

START = datetime(2026, 11, 2, 15, tzinfo=UTC)
FIRST, SECOND = date(2026, 11, 20), date(2026, 11, 21)
TOML = """
[company]
time_zone = "America/New_York"

[sources.sf]
type = "salesforce"
instance_url = "{url}"

[sources.sf.entities.opportunity]
columns = {{ Loss_Reason__c = "loss_reason", Step__c = "next_step" }}

[sources.sf.entities.account]
columns = {{ Tier__c = "segment", Size__c = "employee_count", Target__c = "is_target_account" }}

[sources.sf.entities.person]
columns = {{ MQL_Date__c = "mql_at" }}
"""

RETYPED = """
[company]
time_zone = "UTC"

[sources.sf]
type = "salesforce"
instance_url = "{url}"
exclude = ["user", "contact", "lead", "opportunity_contact_role", "task", "event", "campaign", "campaign_member",
    "opportunity_history", "opportunity_field_history", "forecasting_item", "forecasting_quota", "case"]

[sources.sf.entities.opportunity]
columns = {{ Value__c = "amount" }}
"""


@dataclass(frozen=True)
class Org(OnVendor):
    """The org, and the ids that tests look at."""

    secrets: ClassVar[Mapping[str, str]] = {
        "SOURCES__SF__CLIENT_ID": CLIENT_ID,
        "SOURCES__SF__CLIENT_SECRET": CLIENT_SECRET,
    }

    server: SalesforceServer
    ids: dict[str, str]


def live(server: SalesforceServer) -> dict[str, str]:
    """Eighteen days of a company, from 2 November on."""
    add = server.add
    server.fields["Opportunity"] |= {"Step__c": "string"}
    server.fields["Account"] |= {"Size__c": "double", "Target__c": "boolean"}
    role = add("UserRole", Name="Account executive")
    ada = add("User", Name="Ada", IsActive=True, UserRoleId=role, Department="East", Username="ada@acme.example")
    bob = add("User", Name="Bob", IsActive=True, UserRoleId=role, ManagerId=ada)
    account = add("Account", Name="Globex", Tier__c="Large", Size__c=1200.0, Target__c=True, BillingCountry="NL")
    contact = add("Contact", Name="Zoë Ünal", Email="zoe@globex.example", AccountId=account, Title="CFO",
                  MQL_Date__c=server.now)  # fmt: skip
    deal = {"AccountId": account, "OwnerId": ada, "CloseDate": date(2027, 1, 31), "Probability": 25.0,
            "ForecastCategory": "BestCase", "Type": "New Business"}  # fmt: skip
    first = server.open_opportunity(**deal, Name="First", StageName="Prospecting", Amount=25_000_000.5, Step__c="3")
    second = server.open_opportunity(**deal, Name="Second", StageName="Prospecting", Amount=100.0)
    server.pass_time(days=3)  # the 5th
    server.move(first, StageName="Negotiation", Probability=60.0)
    server.pass_time(days=5)  # the 10th
    server.move(first, Amount=30_000_000.0)
    server.move(second, OwnerId=bob)
    lead = add("Lead", Name="Lee Ad", Email="lee@initech.example", Status="Open", ConvertedOpportunityId=second,
               ConvertedContactId=contact)  # fmt: skip
    twin = add("Contact", Name="Z. Ünal", Email="zoe@gmail.com", AccountId=account, EmailBouncedDate=server.now)
    add("OpportunityContactRole", OpportunityId=first, ContactId=contact, Role="Decision Maker", IsPrimary=True)
    campaign = add("Campaign", Name="Fair", Type="Event", ActualCost=12_345_678.5, StartDate=date(2026, 11, 1))
    add("CampaignMember", CampaignId=campaign, ContactId=contact, Status="Attended", HasResponded=True,
        FirstRespondedDate=date(2026, 11, 9))  # fmt: skip
    add("CampaignMember", CampaignId=campaign, LeadId=lead, Status="Sent", HasResponded=False)
    done = add("Task", WhatId=first, WhoId=contact, OwnerId=ada, IsClosed=True, Type="Call",
               CompletedDateTime=server.now)  # fmt: skip
    add("Task", WhatId=first, OwnerId=ada, IsClosed=False, Type="Call", ActivityDate=date(2026, 12, 1))
    add("Event", WhatId=account, OwnerId=ada, ActivityDateTime=server.now)
    period = add("Period", Type="Quarter", StartDate=date(2026, 11, 1), EndDate=date(2027, 1, 31))
    call = add("ForecastingItem", OwnerId=ada, PeriodId=period, ForecastingItemCategory="CommitForecast",
               ForecastAmount=40_000_000.0, IsAmount=True)  # fmt: skip
    add("ForecastingItem", OwnerId=ada, PeriodId=period, ForecastingItemCategory="CommitForecast", IsAmount=False)
    add("ForecastingQuota", QuotaOwnerId=ada, PeriodId=period, StartDate=date(2026, 11, 1), QuotaAmount=50_000_000.0,
        IsAmount=True)  # fmt: skip
    add("Case", AccountId=account, Priority="High", Subject="It is broken")
    server.pass_time(days=10)  # the 20th
    return {"ada": ada, "bob": bob, "account": account, "contact": contact, "lead": lead, "first": first,
            "second": second, "done": done, "twin": twin, "call": call}  # fmt: skip


def live_on(server: SalesforceServer, ids: dict[str, str]) -> None:
    """A day more: a deal is lost, one deleted, two people are one, a call is lower, and fields have other types."""
    server.pass_time(days=1)
    server.move(ids["first"], StageName="Closed Lost", Probability=0.0, Loss_Reason__c="Price")
    server.delete("Opportunity", ids["second"])
    server.merge("Contact", ids["contact"], ids["twin"])
    server.change("ForecastingItem", ids["call"], ForecastAmount=35_000_000.0)
    retype(server, ids)


def retype(server: SalesforceServer, ids: dict[str, str]) -> None:
    """What an administrator does to custom fields: text becomes a number, a number text, a checkbox a picklist."""
    server.fields["Opportunity"] |= {"Step__c": "double"}
    server.fields["Account"] |= {"Size__c": "string", "Target__c": "picklist"}
    server.change("Opportunity", ids["first"], Step__c=4.0)
    server.change("Account", ids["account"], Size__c="1500", Target__c="No")


# `test_hubspot_to_marts.py` runs a vendor every time, up to its marts; the reader of this one has quick tests, too.
@pytest.fixture(scope="module", params=[pytest.param("in views", marks=pytest.mark.slow)])
def org(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Org]:
    """Two captured days and a backfill, in views or in marts; each day fails at first.

    A run whose first day fails has nothing to build, and one build shows both days.
    """
    folder = tmp_path_factory.mktemp("salesforce")
    with SalesforceServer(START) as server:
        server.looks_needed = 0
        server.page_rows = 1
        ids = live(server)
        (folder / "pipeledger.toml").write_text(TOML.format(url=server.url) + SWITCHED_OFF)
        (folder / "definitions").mkdir()
        (folder / "definitions" / "stage_definitions.csv").write_text(STAGES)
        org = Org(server, Desk(folder), ids)
        checked = org.run("doctor")
        assert checked.code == 0, checked.out
        refused = status(400, [{"errorCode": "X", "message": f"says {CLIENT_SECRET}"}])
        server.put(refused, path="/results", after=6)
        broken = org.run("run")
        assert broken.code == 3, broken.err[-3000:]
        assert "X: says ***" in broken.err
        server.recover()
        org.capture()
        live_on(server, ids)
        server.put(refused, path="/results", after=6)
        with pytest.raises(SourceError, match=r"X: says \*\*\*"):
            org.capture()
        server.recover()
        org.capture()
        if request.param == "in views":
            org.view(backfilled="sf")
        else:
            past = org.run("backfill", "--source", "sf")
            assert past.code == 0, past.err[-3000:]
        yield org


def in_marts(test: Any) -> Any:
    """A test of the marts, which are built for it. `test_hubspot_to_marts.py` builds those of a vendor every time."""
    return pytest.mark.slow(pytest.mark.parametrize("org", ["in marts"], indirect=True)(test))


def test_both_days_are_captured_and_the_ledger_verifies(org: Org) -> None:
    assert org.read("select distinct snapshot_date from ledger.receipts where origin = 'observed' order by 1") == [
        (FIRST,),
        (SECOND,),
    ]
    assert org.run("verify").code == 0


def test_opportunities_are_ours(org: Org) -> None:
    columns = (
        "account_id, owner_id, opportunity_name, opportunity_type, source_stage, source_amount, source_probability, "
        "source_forecast_category, close_date, loss_reason, created_at, is_tombstone"
    )
    rows = org.read(
        f"select {columns} from staging.stg_opportunity where opportunity_id = '{org.ids['first']}' "
        "and origin = 'observed' order by valid_from"
    )
    assert rows[0] == (
        org.ids["account"], org.ids["ada"], "First", "new_business", "Negotiation", Decimal("30000000.00"),
        Decimal("0.600000"), "best_case", date(2027, 1, 31), None, START.replace(tzinfo=None), False,
    )  # fmt: skip
    assert rows[1][4] == "Closed Lost"
    assert rows[1][9] == "Price"


def test_a_deleted_opportunity_ends(org: Org) -> None:
    assert org.read(
        f"select valid_from, is_tombstone from staging.stg_opportunity where opportunity_id = '{org.ids['second']}' "
        "and origin = 'observed' order by 1"
    ) == [(FIRST, False), (SECOND, True)]


def test_accounts_and_users_are_ours(org: Org) -> None:
    assert org.read(
        "select account_name, source_segment, region, employee_count from staging.stg_account order by valid_from"
    ) == [("Globex", "Large", "NL", 1200), ("Globex", "Large", "NL", 1500)]
    assert org.read("select user_name, role, team, manager_id from staging.stg_user order by 1") == [
        ("Ada", "Account executive", "East", None),
        ("Bob", "Account executive", None, org.ids["ada"]),
    ]


def test_contacts_and_leads_are_people(org: Org) -> None:
    assert org.read(
        "select person_id, account_id, title, status, mql_at, converted_opportunity_id "
        f"from staging.stg_person where person_id <> '{org.ids['twin']}' order by 1"
    ) == [
        (org.ids["contact"], org.ids["account"], "CFO", None, START.replace(tzinfo=None), None),
        (org.ids["lead"], None, None, "Open", None, org.ids["second"]),
    ]


@in_marts
def test_a_lead_and_the_contact_it_became_go_through_the_funnel_as_one_person(org: Org) -> None:
    steps = org.read("select step, person_id from marts.fct_lifecycle_steps where step in ('lead', 'mql') order by 1")
    assert steps == [("lead", org.ids["contact"]), ("mql", org.ids["contact"])]
    assert org.read("select distinct handoff from marts.fct_handoffs") == [("mql_follow_up",)]
    assert org.read("select max(entered) from marts.rpt_funnel_conversion where step = 'mql'") == [(1,)]


def test_what_became_of_people_and_how_they_can_be_reached(org: Org) -> None:
    ids = org.ids
    columns = (
        "record_type, converted_person_id, merged_into_person_id, is_email_bounced, has_email, is_email_well_formed, "
        "email_domain, has_phone, email_digest is not null, is_tombstone"
    )
    assert org.read(f"select person_id, {columns} from staging.stg_person order by person_id, valid_from") == [
        (ids["contact"], "contact", None, None, False, True, True, "globex.example", False, True, False),
        (ids["twin"], "contact", None, None, True, True, True, None, False, True, False),
        (ids["twin"], "contact", None, ids["contact"], None, True, True, None, False, True, True),
        (ids["lead"], "lead", ids["contact"], None, False, True, True, "initech.example", False, True, False),
    ]


def test_forecasts_quotas_and_tickets_are_ours_on_the_day_on_which_they_were_told(org: Org) -> None:
    quarter = date(2026, 11, 1), date(2027, 1, 31)
    assert org.read(
        "select valid_from, owner_id, period_start_date, period_end_date, forecast_category, source_amount "
        "from staging.stg_forecast_submission order by 1"
    ) == [
        (FIRST, org.ids["ada"], *quarter, "commit", Decimal("40000000.00")),
        (SECOND, org.ids["ada"], *quarter, "commit", Decimal("35000000.00")),
    ]
    assert org.read("select owner_id, period_start_date, period_end_date, quota_amount from staging.stg_quota") == [
        (org.ids["ada"], *quarter, Decimal("50000000.00"))
    ]
    assert org.read("select account_id, severity, closed_at from staging.stg_ticket") == [
        (org.ids["account"], "High", None)
    ]


def test_names_and_addresses_of_people_stay_out_of_the_ledger(org: Org) -> None:
    assert {"name", "email", "phone"}.isdisjoint(row[0] for row in org.read("describe ledger.salesforce__contact"))
    assert org.read("select count(distinct email_digest) from ledger.salesforce__contact") == [(2,)]


def test_roles_campaigns_activities_and_touches_are_ours(org: Org) -> None:
    ids = org.ids
    assert org.read("select opportunity_id, person_id, role, is_primary from staging.stg_opportunity_contact_role") == [
        (ids["first"], ids["contact"], "Decision Maker", True)
    ]
    assert org.read("select campaign_name, channel, cost from staging.stg_campaign") == [
        ("Fair", "Event", Decimal("12345678.50"))
    ]
    occurred = datetime(2026, 11, 10, 15)  # noqa: DTZ001 - as DuckDB gives it, in UTC
    assert org.read(
        "select opportunity_id, person_id, activity_type, occurred_at, valid_from from staging.stg_activity order by 3"
    ) == [(ids["first"], ids["contact"], "call", occurred, FIRST), (None, None, "meeting", occurred, FIRST)]
    midnight = datetime(2026, 11, 9, 5)  # noqa: DTZ001 - of New York
    assert org.read("select person_id, touch_type, touched_at from staging.stg_touch") == [
        (ids["contact"], "Attended", midnight)
    ]


def test_recorded_changes_are_ours(org: Org) -> None:
    rows = org.read(
        "select field, old_value, new_value, cast(changed_at as date) from staging.stg_opportunity_change "
        f"where opportunity_id = '{org.ids['first']}' and field in ('stage', 'owner_id') order by changed_at, field"
    )
    assert rows == [
        ("stage", None, "Prospecting", date(2026, 11, 2)),
        ("stage", "Prospecting", "Negotiation", date(2026, 11, 5)),
        ("stage", "Negotiation", "Closed Lost", date(2026, 11, 21)),
    ]
    assert org.read("select old_value, new_value from staging.stg_opportunity_change where field = 'owner_id'") == [
        (org.ids["ada"], org.ids["bob"])
    ]


def test_the_days_before_the_first_run_are_reconstructed(org: Org) -> None:
    rows = org.read(
        "select valid_from, valid_to, source_stage, source_amount, source_probability, owner_id, opportunity_name "
        f"from staging.stg_opportunity where opportunity_id = '{org.ids['first']}' and origin = 'reconstructed' "
        "order by valid_from"
    )
    quarter, more = Decimal("0.250000"), Decimal("0.600000")
    before, after = Decimal("25000000.50"), Decimal("30000000.00")
    assert rows == [
        (date(2026, 11, 2), date(2026, 11, 5), "Prospecting", before, quarter, None, None),
        (date(2026, 11, 5), date(2026, 11, 10), "Negotiation", before, more, None, None),
        (date(2026, 11, 10), FIRST, "Negotiation", after, more, org.ids["ada"], None),
    ]
    owners = org.read(
        "select valid_from, owner_id from staging.stg_opportunity where origin = 'reconstructed' "
        f"and opportunity_id = '{org.ids['second']}' order by 1"
    )
    assert owners[-1] == (date(2026, 11, 10), org.ids["bob"])


@in_marts
def test_the_marts_are_published(org: Org) -> None:
    rows = org.read(
        "select opportunity_id, stage, source_stage from marts.fct_opportunity_current order by 1",
        "published/pipeline.duckdb",
    )
    assert rows[0] == (org.ids["first"], "Closed Lost", "Closed Lost")
    days = org.read(
        "select status, count(*) from marts.dim_snapshot where entity = 'opportunity' group by 1 order by 1",
        "published/pipeline.duckdb",
    )
    assert days == [("observed", 2), ("reconstructed", 18)]


def test_fields_that_were_retyped_keep_both_days(org: Org) -> None:
    steps = org.read(
        f"select valid_from, next_step from staging.stg_opportunity where opportunity_id = '{org.ids['first']}' "
        "and origin = 'observed' order by 1"
    )
    assert steps == [(FIRST, "3"), (SECOND, "4.0")]
    assert org.read(
        "select valid_from, employee_count, is_target_account from staging.stg_account order by 1"
    ) == [(FIRST, 1200, True), (SECOND, 1500, False)]  # fmt: skip


@in_marts
def test_fields_that_were_retyped_keep_both_days_in_marts(org: Org) -> None:
    steps = org.read(
        f"select valid_from, next_step from marts.fct_opportunity_history where opportunity_id = '{org.ids['first']}' "
        "and origin = 'observed' order by 1",
        "published/pipeline.duckdb",
    )
    assert steps == [(FIRST, "3"), (SECOND, "4.0")]
    accounts = org.read("select employee_count, is_target_account from marts.dim_account", "published/pipeline.duckdb")
    assert accounts == [(1500, False)]


@in_marts
def test_no_mart_has_two_rows_of_one_grain(org: Org) -> None:
    assert doubled_rows(org.desk.home / "warehouse.duckdb") == {}


def test_a_retyped_field_that_cannot_be_read_keeps_the_whole_day_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in Org.secrets.items():
        monkeypatch.setenv(name, value)
    with SalesforceServer(START) as server:
        server.looks_needed = 0
        server.fields["Opportunity"] |= {"Value__c": "currency"}
        deal = server.open_opportunity(Name="First", StageName="Prospecting", Value__c=100.5)
        account = server.add("Account", Name="Globex")
        (tmp_path / "pipeledger.toml").write_text(RETYPED.format(url=server.url))
        desk = Desk(tmp_path)
        assert captured(desk, server) == ()
        server.pass_time(days=1)
        server.fields["Opportunity"] |= {"Value__c": "string"}
        server.change("Opportunity", deal, Value__c="200.50 EUR")
        server.change("Account", account, Name="Initech")
        (told,) = captured(desk, server)
        today = server.now.date()
        rejects = desk.home / "rejects" / "sf" / "opportunity" / f"{today}.csv"
        assert told == (
            f"sf.opportunity: 1 of 1 rows for {today} rejected, all there are. The first: Value__c: got 200.50 EUR, "
            f"expected a number such as 1234.56. All are in {rejects}. "
            "Nothing written. Check the export, or run again with --accept rejected."
        )
        assert '"Value__c: got 200.50 EUR, expected a number such as 1234.56"' in rejects.read_text()
        org = Org(server, desk, {})
        assert org.read("select distinct snapshot_date from ledger.receipts") == [(START.date(),)]
        assert org.read("select name from ledger.salesforce__account") == [("Globex",)]
        server.change("Opportunity", deal, Value__c="200.50")
        assert captured(desk, server) == ()
        values = org.read("select value_c from ledger.salesforce__opportunity order by valid_from")
        assert values == [(Decimal("100.50"),), (Decimal("200.50"),)]


def test_a_standard_field_that_disappears_keeps_the_day_out_until_it_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in Org.secrets.items():
        monkeypatch.setenv(name, value)
    with SalesforceServer(START) as server:
        server.looks_needed = 0
        server.open_opportunity(Name="First", StageName="Prospecting", Value__c=100.5, Type="New Business")
        server.add("Account", Name="Globex")
        (tmp_path / "pipeledger.toml").write_text(RETYPED.format(url=server.url))
        desk = Desk(tmp_path)
        server.fields["Opportunity"] |= {"Value__c": "currency"}
        assert captured(desk, server) == ()
        server.pass_time(days=1)
        del server.fields["Opportunity"]["Type"]  # models read it
        del server.fields["Opportunity"]["Health__c"]  # nobody reads it
        del server.fields["Opportunity"]["Amount"]  # the settings read Value__c in its place
        server.fields["Opportunity"] |= {"Kind__c": "picklist"}
        (told,) = captured(desk, server)
        assert told == (
            f"sf.opportunity: the column `type` (our `opportunity_type`) is gone on {server.now.date()}, it was there "
            f"on {START.date()} (1); new: `Kind__c`. Nothing written. Let the user of [sources.sf] read it again, or "
            "map what took its place to `opportunity_type` in pipeledger.toml. If the column is gone for good, run "
            "again with --accept columns."
        )
        assert captured(desk, server, accept=["columns"]) == ()
        server.pass_time(days=1)
        assert captured(desk, server) == ()


def captured(desk: Desk, server: SalesforceServer, accept: Collection[str] = ()) -> tuple[str, ...]:
    """Land and capture today as the daily run does it before it builds; what gates said."""
    settings = load_settings(desk.folder / "pipeledger.toml", {"PIPELEDGER_HOME": str(desk.home)})
    settings.home.root.mkdir(exist_ok=True)
    open_home(settings.home, settings.store.place, settings.config.company)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIPELEDGER_NOW", server.now.isoformat())
        (source,) = settings.config.enabled
        done = land_and_capture(settings, source, [server.now.date()], now=server.now, accept=accept)
        return tuple(done.refusals)


def test_what_was_extracted_is_known_under_our_names(org: Org) -> None:
    rows = org.read("select entity, column_name from staging.stg_extracted_columns order by 1, 2")
    assert {("opportunity", "stage"), ("opportunity", "loss_reason"), ("account", "segment"), ("person", "mql_at"),
            ("touch", "touched_at"), ("activity", "opportunity_id")} <= set(rows)  # fmt: skip
    assert ("opportunity", "currency_code") not in rows
    assert ("opportunity", "description") not in rows


def test_no_model_has_two_rows_of_one_grain(org: Org) -> None:
    assert doubled_rows(org.desk.home / "warehouse.duckdb") == {}


def test_nothing_that_the_runs_left_holds_a_secret(org: Org) -> None:
    left = [path for path in org.desk.folder.rglob("*") if path.is_file()]
    assert any("dagster" in str(path) for path in left)
    for secret in (CLIENT_SECRET, "token-number-"):
        assert [str(path) for path in left if secret.encode() in path.read_bytes()] == []


def test_init_asks_for_the_org_and_says_where_secrets_belong(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    arguments = ("init", "--time-zone", "UTC", "--type", "salesforce", "--source", "sf")
    assert "--option instance_url=... missing" in desk.run(*arguments).err
    done = desk.run(*arguments, "--option", "instance_url=https://127.0.0.1:9")
    assert done.code == 0, done.err
    assert "the stages of sf could not be asked for: sf: no `client_id`" in done.err
    text = (tmp_path / "pipeledger.toml").read_text()
    assert 'instance_url = "https://127.0.0.1:9"' in text
    assert "SOURCES__SF__CLIENT_SECRET" in text
    (tmp_path / "pipeledger.toml").write_text(text + SWITCHED_OFF)
    found = {finding["check"]: finding for finding in desk.run("doctor", "--json").json}
    assert "SOURCES__SF__CLIENT_ID" in found["source sf"]["message"]


def test_init_proposes_the_stages_of_the_org(tmp_path: Path) -> None:
    with SalesforceServer(START) as server:
        org = Org(server, Desk(tmp_path), {})
        option = f"instance_url={server.url}"
        done = org.run("init", "--time-zone", "UTC", "--type", "salesforce", "--source", "sf", "--option", option)
    assert done.code == 0, done.err
    mapping = tomllib.loads((tmp_path / "pipeledger.toml").read_text())["sources"]["sf"]["entities"]["person"][
        "columns"
    ]
    assert mapping == {"MQL_Date__c": "mql_at"}
    assert "reads MQL_Date__c as the steps of people" in done.err
    with (tmp_path / "definitions" / "stage_definitions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["stage"], row["stage_order"], row["stage_category"], row["probability"]) for row in rows] == [
        ("Prospecting", "1", "open", "0.1"),
        ("Negotiation", "2", "open", "0.625"),
        ("Verbal", "3", "open", "0.9"),
        ("Closed Won", "4", "won", "1"),
        ("Closed Lost", "5", "lost", "0"),
    ]
    assert [row["forecast_category"] for row in rows] == ["pipeline", "best_case", "commit", "closed", "omitted"]
    assert {row["source"] for row in rows} == {"sf"}
