"""The HubSpot source against an account on 127.0.0.1: whole or not at all, whatever goes wrong on the way."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from ingestion.source import landed_name
from ingestion.source_types import LANDED
from ingestion.vendors.hubspot.objects import OBJECTS, TABLES
from tests.ingestion.vendors.hubspot.account import Account
from tests.vendors.hubspot import PROPERTIES

ROWS = Path(__file__).parents[4].parent / "shared" / "data" / "vendor_rows" / "hubspot"


def test_everything_lands_whole_under_its_own_names(account: Account) -> None:
    account.through_dlt = True
    landed = account.land()
    assert set(landed) == {*OBJECTS, *TABLES} == set(LANDED["hubspot"])
    counts = {"deal": 5, "company": 1, "contact": 1, "owner": 2, "user": 1, "deal_pipeline": 1,
              "deal_pipeline_stage": 3, "deal_company": 5, "deal_contact": 5, "call": 5, "email": 1, "meeting": 1,
              "note": 1, "task": 1, "engagement_deal": 5, "campaign": 1, "form": 1, "campaign_asset": 2,
              "email_event": 1, "form_submission": 1, "contact_email": 0, "ticket": 1, "goal_target": 1,
              "forecast": 1}  # fmt: skip
    assert {entity: landed[entity] for entity in counts} == counts
    assert account.read("select name, numberofemployees from crm.company") == [('Quo"ted, Ltd.\nSecond line', "1200")]
    assert account.read("select max(closedate), count(distinct hs_primary_associated_company) from crm.deal") == [
        ("2027-01-31T12:00:00.000Z", 1)
    ]
    assert account.read("select primary_team, is_active from crm.owner order by 2 desc") == [
        ("East", "true"), (None, "false")
    ]  # fmt: skip
    assert account.read("select distinct role, is_primary from crm.deal_contact") == [("Decision maker", "true")]
    assert account.read("select is_closed, probability from crm.deal_pipeline_stage where label = 'Won'") == [
        ("true", "1.0")
    ]


def test_a_ticket_names_its_company_and_a_goal_its_owner(account: Account) -> None:
    first = account.ids("company") if account.land() else []
    other = account.server.add("companies", name="Other")
    ticket = account.ids("ticket")[0]
    account.server.link("tickets", ticket, "companies", other)
    account.server.change("tickets", ticket, closed_date=account.server.now)
    account.land()
    assert account.read("select company_id from crm.ticket") == [(first[0],)]  # the primary one
    assert {"subject", "content"}.isdisjoint(row[0] for row in account.read("describe crm.ticket"))
    owner = account.read("select id from crm.owner where is_active = 'true'")
    assert account.read("select owner_id from crm.goal_target") == owner


def test_an_account_without_what_is_optional_lands_all_the_rest_and_doctor_says_so(account: Account) -> None:
    account.server.scopes -= {"tickets", "crm.objects.goals.read", "crm.objects.forecasts.read"}
    assert set(LANDED["hubspot"]) - set(account.land()) == {"ticket", "goal_target", "forecast"}
    warned = [finding for finding in account.source().check() if finding.level != "ok"]
    assert [(finding.check, finding.level) for finding in warned] == [
        ("ticket", "warn"),
        ("goal_target", "warn"),
        ("forecast", "warn"),
    ]


def test_a_contact_lands_with_what_tells_how_they_can_be_reached(account: Account) -> None:
    account.land()
    contact = account.manifest("contact")
    assert json.loads(contact["contact"]) == {
        "email": "email", "phones": ["phone"], "names": ["firstname", "lastname"]
    }  # fmt: skip
    assert "hs_email_hard_bounce_reason_enum" not in json.loads(contact["personal"])


def test_the_history_of_deals_tells_each_value_and_the_one_before(account: Account) -> None:
    account.land()
    deal = account.ids("deal")[-1]
    rows = account.read(
        f"select value, previous_value, timestamp from crm.deal_property_history where deal_id = '{deal}' "
        "and name = 'amount' order by timestamp"
    )
    assert rows == [
        ("5002.5", None, "2026-11-22T17:00:00.000Z"), ("7", "5002.5", "2026-11-22T17:05:00.000Z")
    ]  # fmt: skip


def test_the_ledger_is_told_types_keys_and_what_is_personal(account: Account) -> None:
    account.server.custom("contacts", "home_email")
    account.server.custom("deals", "health", "number")
    account.land(columns={"opportunity": {"health": "probability"}})
    deal, contact, owner = account.manifest("deal"), account.manifest("contact"), account.manifest("owner")
    assert (deal["key_columns"], deal["mode"], deal["deleted_column"]) == ('["id"]', "state", "archived")
    governed = json.loads(deal["governed"])
    assert (governed["amount"], governed["closedate"], governed["health"]) == (
        "DECIMAL(18,2)", "TIMESTAMP", "DECIMAL(9,6)"
    )  # fmt: skip
    assert {"hs_lastmodifieddate", "hs_v2_time_in_current_stage"} <= set(json.loads(deal["volatile"]))
    assert set(json.loads(contact["personal"])) == {
        "firstname", "lastname", "email", "phone", "home_email", "hs_additional_emails"
    }  # fmt: skip
    assert contact["email_column"] == "email"
    assert json.loads(owner["personal"]) == ["email"]
    assert account.manifest("deal_property_history")["mode"] == "events"


def test_what_engagements_say_is_left_out(account: Account) -> None:
    account.land()
    assert not [name for (name, *_) in account.read("describe crm.call") if "body" in name]


@pytest.mark.usefixtures("small_pages")
def test_small_pages_give_the_same(account: Account) -> None:
    landed = account.land()
    assert (landed["deal"], landed["deal_company"], landed["call"]) == (5, 5, 5)


def test_more_properties_than_a_url_holds_are_read_in_batches(account: Account) -> None:
    for number in range(200):
        account.server.custom("deals", f"a_property_with_a_rather_long_name_{number}")
    account.land()
    assert account.server.asked("/deals/batch/read")
    assert account.read("select count(amount) from crm.deal") == [(5,)]
    assert max(len(str(request.query)) for request in account.server.requests) < 7000


def test_archived_and_merged_deals_come_with_their_mark(account: Account) -> None:
    first, second, third, *_ = account.server.rows["deals"]
    account.server.archive("deals", first)
    account.server.merge("deals", third, second)
    account.land()
    assert account.read("select id, archived, merged_into_id from crm.deal where archived = 'true' order by 1") == [
        (first, "true", None), (second, "true", third)
    ]  # fmt: skip


def test_a_deal_that_was_restored_or_purged_is_there_again_or_gone(account: Account) -> None:
    first, second, *_ = account.server.rows["deals"]
    account.server.archive("deals", first)
    account.server.archive("deals", second)
    account.land()
    assert account.read("select count(*) from crm.deal where archived = 'true'") == [(2,)]
    account.server.pass_time(days=1)
    account.server.restore("deals", first)
    account.server.purge("deals", second)
    account.land()
    assert account.read(f"select archived from crm.deal where id = '{first}'") == [("false",)]
    assert second not in account.ids("deal")


def test_epoch_milliseconds_are_instants(account: Account) -> None:
    deal = (
        account.ids("deal")[0]
        if (account.home / "landing.duckdb").exists()
        else next(iter(account.server.rows["deals"]))
    )
    account.server.rows["deals"][deal]["values"]["closedate"] = "1575463702000"
    account.land()
    assert account.read(f"select closedate from crm.deal where id = '{deal}'") == [("2019-12-04T12:48:22.000Z",)]


# ---------------------------------------------------------------- shapes


@pytest.mark.skipif(not ROWS.is_dir(), reason="the rows of vendors are not beside the project")
@pytest.mark.parametrize(
    ("file", "objects"),
    [("deal", "deals"), ("company", "companies"), ("contact", "contacts"), ("engagement_call", "calls"),
     ("engagement_note", "notes"), ("engagement_task", "tasks")],
)  # fmt: skip
def test_the_account_has_the_properties_of_real_ones(file: str, objects: str) -> None:
    with (ROWS / f"{file}_data.csv").open(newline="") as opened:
        real = {column.removeprefix("property_") for column in next(csv.reader(opened)) if column[:9] == "property_"}
    odd = {
        "address_2",
        "hs_all-funky-a9384-syntax",
        "email_1",
        "created_at",
        "hs_body_preview",
    }  # of the test rows alone
    assert real - odd <= set(PROPERTIES[objects])


@pytest.mark.skipif(not ROWS.is_dir(), reason="the rows of vendors are not beside the project")
def test_clicks_and_e_mails_have_the_fields_of_real_ones(account: Account) -> None:
    nested = {"sent_by_id", "sent_by_created", "caused_by_id", "caused_by_created", "obsoleted_by_id"}
    odd = nested | {"obsoleted_by_created", "sub_type", "num_queued", "_fivetran_synced"}
    (email,) = account.server.email_campaigns.values()
    for file, shown in (("email_event", account.server.events[0]), ("email_campaign", email)):
        with (ROWS / f"{file}_data.csv").open(newline="") as opened:
            assert set(next(csv.reader(opened))) - odd <= {landed_name(name) for name in shown}
