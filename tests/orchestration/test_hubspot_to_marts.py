"""A HubSpot account, from its API to the published marts, with the command that a user runs."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import pytest

from ingestion.source import SourceError
from tests.dbt_project.grain import doubled_rows
from tests.orchestration.conftest import SWITCHED_OFF, Desk, OnVendor
from tests.vendors.hubspot import TOKEN, HubspotServer
from tests.vendors.server import status

START = datetime(2026, 11, 2, 15, tzinfo=UTC)
FIRST, SECOND = date(2026, 11, 20), date(2026, 11, 21)
TOML = """
[company]
time_zone = "America/New_York"

[sources.hs]
type = "hubspot"
base_url = "{url}"

[sources.hs.entities.account]
columns = {{ tier = "segment" }}

[sources.hs.entities.person]
columns = {{ hs_v2_date_entered_marketingqualifiedlead = "mql_at" }}

[sources.hs.entities.user]
columns = {{ manager_owner = "manager_id" }}
"""


@dataclass(frozen=True)
class Account(OnVendor):
    """The account, and the ids that tests look at."""

    secrets: ClassVar[Mapping[str, str]] = {"SOURCES__HS__ACCESS_TOKEN": TOKEN}

    server: HubspotServer
    ids: dict[str, str]


def live(server: HubspotServer) -> dict[str, str]:
    """Eighteen days of a company, from 2 November on."""
    add = server.add
    server.custom("companies", "tier")
    server.custom("users", "manager_owner")
    ada, bob = server.add_owner("Ada", "Adams", team="East"), server.add_owner("Bob", "Burns", archived=True)
    add("users", hubspot_owner_id=ada, hs_job_title="Account executive", manager_owner=bob)
    stages = server.add_pipeline("Sales", ("Prospecting", 0.25, False), ("Negotiation", 0.6, False),
                                 ("Closed Won", 1.0, True), ("Closed Lost", 0.0, True))  # fmt: skip
    account = add("companies", name="Globex", tier="Large", numberofemployees=1200, country="NL")
    contact = add("contacts", firstname="Zoë", lastname="Ünal", email="zoe@globex.example", jobtitle="CFO",
                  associatedcompanyid=account, hs_v2_date_entered_marketingqualifiedlead=server.now)  # fmt: skip
    deal = {"pipeline": stages[""], "dealstage": stages["Prospecting"], "hubspot_owner_id": ada,
            "closedate": datetime(2027, 2, 1, 4, 30, tzinfo=UTC), "hs_deal_stage_probability": "0.25",
            "dealtype": "newbusiness", "hs_manual_forecast_category": "BEST_CASE"}  # fmt: skip
    first = add("deals", **deal, dealname="First", amount="25000000.5")
    second = add("deals", **deal, dealname="Second", amount=100)
    server.link("deals", first, "companies", account, primary=True)
    server.link("deals", first, "contacts", contact, "Decision maker", "Primary")
    server.pass_time(days=3)  # the 5th
    server.change("deals", first, dealstage=stages["Negotiation"], hs_deal_stage_probability="0.6")
    server.pass_time(days=5)  # the 10th
    server.change("deals", first, amount="30000000")
    server.change("deals", second, hubspot_owner_id=bob)
    call = add("calls", hs_timestamp=server.now, hubspot_owner_id=ada)
    server.link("deals", first, "calls", call)
    server.link("deals", second, "calls", call)
    server.link("calls", call, "contacts", contact)
    add("tasks", hs_timestamp=server.now, hs_task_status="NOT_STARTED")
    add("meetings", hs_timestamp=server.now, hs_meeting_outcome="CANCELED")
    for objects in ("emails", "notes"):
        add(objects, hs_timestamp=server.now, hubspot_owner_id=ada)
    ticket = add("tickets", subject="It is broken", hs_ticket_priority="HIGH")
    server.link("tickets", ticket, "companies", account, primary=True)
    month = {"hs_start_datetime": datetime(2026, 11, 1, 4, tzinfo=UTC), "hs_end_datetime": server.now,
             "hs_assignee_user_id": str(int(ada) + 5)}  # fmt: skip
    add("goal_targets", **month, hs_goal_type="sales_quota", hs_target_amount="90000")
    add("goal_targets", **month, hs_goal_type="calls_made", hs_target_amount="100")
    november = f"{datetime(2026, 11, 1, 4, tzinfo=UTC).timestamp() * 1000:.0f}"  # midnight in New York
    add(
        "forecasts", hs_amount="120000.5", hs_milestone="monthly", hs_forecast_start_date=november, hubspot_owner_id=ada
    )
    fair = server.add_campaign(hs_name="Fair", hs_start_date="2026-11-01", hs_spend_items_sum_amount="12345678.5")
    touches = reach_people(server, fair)
    server.pass_time(days=10)  # the 20th
    return {"ada": ada, "bob": bob, "account": account, "contact": contact, "first": first, "second": second,
            "call": call, "fair": fair, **touches, **stages}  # fmt: skip


def reach_people(server: HubspotServer, fair: str) -> dict[str, str]:
    """Zoë clicks in two e-mails and fills out a form. So do a bot, a stranger, and others who will be Zoë (merged),
    have another address, or be archived."""
    news, content = server.send_email("News")
    other, shared = server.send_email("In two campaigns")
    form = server.add_form("Contact us")
    server.assets = {(fair, "FORM"): [form], (fair, "MARKETING_EMAIL"): [content, shared]}
    server.assets[server.add_campaign(hs_name="Webinar"), "MARKETING_EMAIL"] = [shared]
    old, moved, gone = (server.add("contacts", email=f"{name}@before.example") for name in ("zoe", "carl", "dora"))
    zoe = "zoe@globex.example"
    server.email_event("OPEN", news, zoe)
    server.email_event("CLICK", news, zoe, filtered=True)
    server.submit(form, "stranger@nowhere.example", message="Call me")
    return {
        "old": old,
        "moved": moved,
        "gone": gone,
        "moved_click": server.email_event("CLICK", news, "carl@before.example"),
        "gone_click": server.email_event("CLICK", news, "dora@before.example"),
        "click": server.email_event("CLICK", news, zoe),
        "shared_click": server.email_event("CLICK", other, zoe.upper()),
        "old_click": server.email_event("CLICK", news, "zoe@before.example"),
        "submission": server.submit(form, zoe, message="Call me"),
    }


def live_on(server: HubspotServer, ids: dict[str, str]) -> None:
    """A day more: a deal is lost, two are one, and so are two people; one has another address, one is archived."""
    server.pass_time(days=1)
    server.change("deals", ids["first"], dealstage=ids["Closed Lost"], closed_lost_reason="Price",
                  hs_deal_stage_probability="0")  # fmt: skip
    ids["third"] = server.add("deals", dealname="Kept", pipeline=ids[""], dealstage=ids["Prospecting"], amount=5)
    server.merge("deals", ids["third"], ids["second"])
    server.merge("contacts", ids["contact"], ids["old"])
    server.change("contacts", ids["moved"], email="carl@after.example")
    server.archive("contacts", ids["gone"])
    ids["second_click"] = server.email_event("CLICK", next(iter(server.email_campaigns)), "zoe@globex.example")


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """Two captured days and a backfill, which builds the marts; each day fails at first.

    A run whose first day fails has nothing to build, and one build shows both days.
    """
    folder = tmp_path_factory.mktemp("hubspot")
    with HubspotServer(START) as server:
        ids = live(server)
        (folder / "pipeledger.toml").write_text(TOML.format(url=server.url) + SWITCHED_OFF)
        account = Account(server, Desk(folder), ids)
        checked = account.run("doctor")
        assert "crm.objects" not in checked.out, checked.out
        refused = status(400, {"category": "X", "message": f"says {TOKEN}"})
        server.put(refused, path="/batch/read")
        broken = account.run("run")
        assert broken.code == 3, broken.err[-3000:]
        assert "X: says ***" in broken.err
        server.recover()
        account.capture()
        live_on(server, ids)
        server.put(refused, path="/batch/read")
        with pytest.raises(SourceError, match=r"X: says \*\*\*"):
            account.capture()
        server.recover()
        account.capture()
        past = account.run("backfill", "--source", "hs")
        assert past.code == 0, past.err[-3000:]
        yield account


def test_both_days_are_captured_and_the_ledger_verifies(account: Account) -> None:
    assert account.read("select distinct snapshot_date from ledger.receipts where origin = 'observed' order by 1") == [
        (FIRST,),
        (SECOND,),
    ]
    assert account.run("verify").code == 0


def test_deals_are_ours(account: Account) -> None:
    columns = (
        "account_id, owner_id, opportunity_name, opportunity_type, pipeline, source_stage, source_amount, "
        "source_probability, source_forecast_category, close_date, loss_reason, created_at, is_tombstone"
    )
    rows = account.read(
        f"select {columns} from staging.stg_opportunity where opportunity_id = '{account.ids['first']}' "
        "and origin = 'observed' order by valid_from"
    )
    assert rows[0] == (
        account.ids["account"], account.ids["ada"], "First", "new_business", "Sales", "Negotiation",
        Decimal("30000000.00"), Decimal("0.600000"), "best_case", date(2027, 1, 31), None, START.replace(tzinfo=None),
        False,
    )  # fmt: skip
    assert (rows[1][5], rows[1][10]) == ("Closed Lost", "Price")


def test_a_merged_deal_ends_in_the_one_that_took_it_in(account: Account) -> None:
    assert account.read(
        "select valid_from, is_tombstone, merged_into_opportunity_id from staging.stg_opportunity "
        f"where opportunity_id = '{account.ids['second']}' and origin = 'observed' order by 1"
    ) == [(FIRST, False, None), (SECOND, True, account.ids["third"])]


def test_companies_owners_and_contacts_are_ours(account: Account) -> None:
    assert account.read("select account_name, source_segment, region, employee_count from staging.stg_account") == [
        ("Globex", "Large", "NL", 1200)
    ]
    assert account.read("select user_name, role, team, manager_id, is_active from staging.stg_user order by 1") == [
        ("Ada Adams", "Account executive", "East", account.ids["bob"], True), ("Bob Burns", None, None, None, False)
    ]  # fmt: skip
    assert account.read(
        "select distinct person_id, account_id, title, mql_at from staging.stg_person where title > ''"
    ) == [(account.ids["contact"], account.ids["account"], "CFO", START.replace(tzinfo=None))]


def test_people_go_through_the_funnel(account: Account) -> None:
    steps = account.read(
        "select step, person_id from marts.fct_lifecycle_steps where step in ('lead', 'mql') order by 1"
    )
    assert steps == [("lead", account.ids["contact"]), ("mql", account.ids["contact"])]
    assert account.read("select distinct handoff from marts.fct_handoffs") == [("mql_follow_up",)]
    assert account.read("select max(entered) from marts.rpt_funnel_conversion where step = 'mql'") == [(1,)]


def test_what_hubspot_cannot_say_is_not_evaluated_and_names_the_column(account: Account) -> None:
    assert account.read(
        "select distinct match, dimension, evidence from marts.rpt_attribution where status = 'not_evaluated' and "
        "dimension in ('(all)', 'channel') order by all"
    ) == [
        ("account", "channel", "campaign.channel"),
        ("converted", "(all)", "person.converted_opportunity_id"),
        ("headline", "channel", "campaign.channel"),
        ("role", "channel", "campaign.channel"),
    ]


def test_what_became_of_people_and_how_they_can_be_reached(account: Account) -> None:
    ids = account.ids
    assert account.read(
        "select merged_into_person_id, is_tombstone, is_email_bounced, email_domain, has_phone from staging.stg_person "
        f"where person_id = '{ids['old']}' order by valid_from"
    ) == [(None, False, False, "before.example", False), (ids["contact"], True, None, None, None)]
    assert account.read(
        "select distinct record_type, has_email, is_email_well_formed, email_domain, email_digest is not null "
        f"from staging.stg_person where person_id = '{ids['contact']}'"
    ) == [(None, True, True, "globex.example", True)]


def test_tickets_and_quotas_are_ours_and_a_goal_that_counts_calls_is_none(account: Account) -> None:
    assert account.read("select account_id, severity, closed_at from staging.stg_ticket") == [
        (account.ids["account"], "HIGH", None)
    ]
    assert account.read("select owner_id, period_start_date, period_end_date, quota_amount from staging.stg_quota") == [
        (account.ids["ada"], date(2026, 11, 1), date(2026, 11, 10), Decimal(90_000))
    ]


def test_a_submitted_forecast_is_ours(account: Account) -> None:
    submitted = account.read(
        "select owner_id, period_start_date, period_end_date, forecast_category, source_amount, submitted_at::date "
        "from staging.stg_forecast_submission"
    )
    november = (date(2026, 11, 1), date(2026, 11, 30))
    assert submitted == [(account.ids["ada"], *november, "submitted", Decimal("120000.50"), date(2026, 11, 10))]


def test_names_and_addresses_of_people_stay_out_of_the_ledger(account: Account) -> None:
    columns = {row[0] for row in account.read("describe ledger.hubspot__contact")}
    assert {"firstname", "lastname", "email", "phone"}.isdisjoint(columns)
    assert account.read("select count(distinct email_digest) from ledger.hubspot__contact") == [(5,)]
    for entity in ("email_event", "form_submission", "contact_email"):
        columns = {row[0] for row in account.read(f"describe ledger.hubspot__{entity}")}
        assert "email" not in columns
        assert "email_digest" in columns


def test_no_address_and_nothing_that_was_typed_is_in_the_ledger(account: Account) -> None:
    tables = [row[0] for row in account.read("select view_name from duckdb_views() where schema_name = 'ledger'")]
    assert {"hubspot__form_submission", "hubspot__email_event", "hubspot__contact_email"} <= set(tables)
    found = "regexp_matches(lower(cast(rows as varchar)), '(zoe|carl|dora|stranger)@|call me')"
    looked_at = [f"select '{name}' from ledger.{name} as rows where {found}" for name in tables]
    assert account.read(" union all ".join(looked_at)) == []


def test_roles_campaigns_and_activities_are_ours(account: Account) -> None:
    ids = account.ids
    assert account.read(
        "select opportunity_id, person_id, role, is_primary from staging.stg_opportunity_contact_role"
    ) == [(ids["first"], ids["contact"], "Decision maker", True)]
    assert account.read("select campaign_name, cost, start_date from staging.stg_campaign where cost > 0") == [
        ("Fair", Decimal("12345678.50"), date(2026, 11, 1))
    ]
    occurred = datetime(2026, 11, 10, 15)  # noqa: DTZ001 - as DuckDB gives it, in UTC
    rows = account.read(
        "select activity_id, opportunity_id, person_id, activity_type, occurred_at, valid_from "
        "from staging.stg_activity order by 4, 1"
    )
    assert rows[0] == (ids["call"], ids["first"], ids["contact"], "call", occurred, FIRST)
    assert [row[3] for row in rows] == ["call", "email", "note"]  # no open task, no cancelled meeting


def test_clicks_and_submissions_are_touches_of_the_contact_that_has_the_address(account: Account) -> None:
    ids, fair, zoe = account.ids, account.ids["fair"], account.ids["contact"]
    rows = account.read(
        "select touch_id, person_id, campaign_id, touch_type, valid_from from staging.stg_touch where not is_tombstone"
    )
    assert sorted(rows) == sorted(
        [
            (ids["click"], zoe, fair, "email_click", FIRST),
            (ids["old_click"], zoe, fair, "email_click", FIRST),
            (ids["shared_click"], zoe, None, "email_click", FIRST),
            (ids["submission"], zoe, fair, "form_fill", FIRST),
            (ids["second_click"], zoe, fair, "email_click", SECOND),
            (ids["moved_click"], ids["moved"], fair, "email_click", FIRST),
            (ids["gone_click"], ids["gone"], fair, "email_click", FIRST),
        ]
    )


def test_recorded_changes_are_ours(account: Account) -> None:
    rows = account.read(
        "select old_value, new_value, cast(changed_at as date) from staging.stg_opportunity_change "
        f"where opportunity_id = '{account.ids['first']}' and field = 'stage' order by changed_at"
    )
    assert rows == [
        (None, "Prospecting", date(2026, 11, 2)),
        ("Prospecting", "Negotiation", date(2026, 11, 5)),
        ("Negotiation", "Closed Lost", date(2026, 11, 21)),
    ]


def test_the_days_before_the_first_run_are_reconstructed(account: Account) -> None:
    rows = account.read(
        "select valid_from, valid_to, source_stage, pipeline, source_amount, source_probability, owner_id, "
        "last_activity_at from staging.stg_opportunity where origin = 'reconstructed' "
        f"and opportunity_id = '{account.ids['first']}' order by valid_from"
    )
    quarter, more, ada = Decimal("0.250000"), Decimal("0.600000"), account.ids["ada"]
    before, after = Decimal("25000000.50"), Decimal("30000000.00")
    assert rows == [
        (date(2026, 11, 2), date(2026, 11, 5), "Prospecting", "Sales", before, quarter, ada, None),
        (date(2026, 11, 5), date(2026, 11, 10), "Negotiation", "Sales", before, more, ada, None),
        (date(2026, 11, 10), FIRST, "Negotiation", "Sales", after, more, ada, None),
    ]


def test_the_marts_are_published(account: Account) -> None:
    rows = account.read(
        "select stage, source_stage from marts.fct_opportunity_current "
        f"where opportunity_id = '{account.ids['first']}'",
        "published/pipeline.duckdb",
    )
    assert [row[1] for row in rows] == ["Closed Lost"]
    days = account.read(
        "select status, count(*) from marts.dim_snapshot where entity = 'opportunity' group by 1 order by 1",
        "published/pipeline.duckdb",
    )
    assert days == [("observed", 2), ("reconstructed", 18)]


def test_no_model_has_two_rows_of_one_grain(account: Account) -> None:
    assert doubled_rows(account.desk.home / "warehouse.duckdb") == {}


def test_nothing_that_the_runs_left_holds_a_secret(account: Account) -> None:
    left = [path for path in account.desk.folder.rglob("*") if path.is_file()]
    assert any("dagster" in str(path) for path in left)
    assert [str(path) for path in left if TOKEN.encode() in path.read_bytes()] == []


def test_init_proposes_the_stages_of_the_account(tmp_path: Path) -> None:
    with HubspotServer(START) as server:
        server.add_pipeline("Sales", ("Open", 0.25, False), ("Won", 1.0, True))
        account = Account(server, Desk(tmp_path), {})
        option = f"base_url={server.url}"
        done = account.run("init", "--time-zone", "UTC", "--type", "hubspot", "--source", "hs", "--option", option)
    assert done.code == 0, done.err
    assert "SOURCES__HS__ACCESS_TOKEN" in (tmp_path / "pipeledger.toml").read_text()
    with (tmp_path / "definitions" / "stage_definitions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["pipeline"], row["stage"], row["stage_category"], row["probability"]) for row in rows] == [
        ("Sales", "Open", "open", "0.25"), ("Sales", "Won", "won", "1")
    ]  # fmt: skip
