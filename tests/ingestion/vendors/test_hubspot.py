"""The HubSpot source against an account on 127.0.0.1: whole or not at all, whatever goes wrong on the way."""

from __future__ import annotations

import csv
import json
import random
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion import hubspot_api
from ingestion.api import Patience
from ingestion.entities import LANDED
from ingestion.hubspot import OBJECTS, TABLES, HubspotSource, build_source
from ingestion.hubspot_api import path
from ingestion.landing import LandingError, SourceError, landed_name
from tests.vendors.hubspot import PROPERTIES, TOKEN, HubspotServer
from tests.vendors.landing import Landing
from tests.vendors.server import Answer, Fault, Request, changed, cut, first_of, reset, silent, status, truncated

NOON = datetime(2026, 11, 22, 17, tzinfo=UTC)  # of New York
ROWS = Path(__file__).parents[3].parent / "shared" / "data" / "vendor_rows" / "hubspot"
DEALS = 5


@dataclass
class Account(Landing):
    """An account, a source on it, and a home to land in."""

    name = "crm"

    server: HubspotServer
    environment: dict[str, str] = field(default_factory=lambda: {"SOURCES__CRM__ACCESS_TOKEN": TOKEN})

    def source(self, **options: Any) -> HubspotSource:
        return build_source(
            self.name,
            base_url=self.server.url,
            time_zone="America/New_York",
            patience=Patience(read_timeout=1.0),
            **self.common(),
            **options,
        )

    def extract(self, *entities: str) -> dict[str, list[dict[str, Any]]]:
        """What would land of these, as if everything of the run had been loaded."""
        source, today = self.source(), self.server.now.date()
        found = {
            entity: [row for table in source.extraction(entity, today).tables for row in table.to_pylist()]
            for entity in entities
        }
        source.settle()
        return found

    def rows(self, entity: str) -> list[dict[str, Any]]:
        return self.extract(entity)[entity]

    def ids(self, entity: str) -> list[str]:
        return [row[0] for row in self.read(f"select id from crm.{entity} order by cast(id as bigint)")]


def live(server: HubspotServer) -> None:
    """A small company."""
    boss = server.add_owner("Ada", "Boss", team="East")
    server.add_owner("Old", "Hand", archived=True)
    server.add("users", hubspot_owner_id=boss, hs_job_title="AE", hs_email="ada@acme.example")
    sales = server.add_pipeline("Sales", ("Open", 0.2, False), ("Won", 1.0, True), ("Lost", 0.0, True))
    company = server.add("companies", name='Quo"ted, Ltd.\nSecond line', numberofemployees=1200)
    contact = server.add("contacts", firstname="Zoë", lastname="Ünal", email="Zoe@Example.com",
                         associatedcompanyid=company, phone="+90 1", jobtitle="CFO")  # fmt: skip
    fair = server.add_campaign(hs_name="Fair", hs_start_date="2026-11-01", hs_spend_items_sum_amount="12.50")
    form = server.add_form("Contact us")
    sent, email = server.send_email("News")
    server.assets = {(fair, "FORM"): [form], (fair, "MARKETING_EMAIL"): [email]}
    server.submit(form, "Zoe@Example.com", message="My secret")
    for kind in ("SENT", "OPEN", "CLICK"):
        server.email_event(kind, sent, "zoe@example.com")
    for number in range(DEALS):
        deal = server.add("deals", dealname=f"Deal {number}", pipeline=sales[""], dealstage=sales["Open"],
                          amount=1000.5 * (number + 1), closedate=datetime(2027, 1, 31, 12, tzinfo=UTC),
                          hubspot_owner_id=boss, hs_deal_stage_probability="0.2")  # fmt: skip
        server.link("deals", deal, "companies", company, primary=True)
        server.link("deals", deal, "contacts", contact, "Decision maker", "Primary")
        call = server.add("calls", hs_timestamp=server.now, hubspot_owner_id=boss, hs_call_body="Dear Z")
        server.link("deals", deal, "calls", call)
        server.link("calls", call, "contacts", contact)
    for objects in ("emails", "meetings", "notes", "tasks"):
        server.add(objects, hs_timestamp=server.now, hubspot_owner_id=boss)
    server.pass_time(minutes=5)
    server.change("deals", deal, dealstage=sales["Won"], amount="7")
    server.pass_time(minutes=5)


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with HubspotServer(NOON) as server:
        live(server)
        yield Account(server, tmp_path)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LISTED", "SEARCHED", "READ", "READ_WITH_HISTORY", "ASSOCIATED", "EVENTS", "SUBMISSIONS"):
        monkeypatch.setattr(hubspot_api, name, 2)


def test_everything_lands_whole_under_its_own_names(account: Account) -> None:
    landed = account.land()
    assert set(landed) == {*OBJECTS, *TABLES} == set(LANDED["hubspot"])
    counts = {"deal": 5, "company": 1, "contact": 1, "owner": 2, "user": 1, "deal_pipeline": 1,
              "deal_pipeline_stage": 3, "deal_company": 5, "deal_contact": 5, "call": 5, "email": 1, "meeting": 1,
              "note": 1, "task": 1, "engagement_deal": 5, "campaign": 1, "form": 1, "campaign_asset": 2,
              "email_event": 1, "form_submission": 1, "contact_email": 0}  # fmt: skip
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


# ---------------------------------------------------------------- faults

PATHS = [
    "/objects/2026-03/deals$",
    "/search$",
    "/associations/",
    "/batch/read",
    "/properties/",
    "/owners",
    "/pipelines",
    "/email/public/v1/events",
    "/email/public/v1/campaigns/",
    "/submissions/",
    "/assets/",
]


@pytest.mark.parametrize(
    "fault",
    [status(429, {"policyName": "TEN_SECONDLY_ROLLING"}, Retry_After="3"), status(429), status(500), status(503),
     reset(), truncated(), cut(), silent(1.5)],
    ids=["429 with Retry-After", "429", "500", "503", "reset", "truncated", "cut", "timeout"],
)  # fmt: skip
@pytest.mark.parametrize("path", first_of(PATHS))
def test_passing_trouble_anywhere_is_waited_out(account: Account, fault: Fault, path: str) -> None:
    account.server.put(fault, path=path)
    assert account.land()["deal"] == DEALS
    assert account.waits


def test_a_limit_by_the_ten_seconds_is_waited_as_long_as_asked(account: Account) -> None:
    account.server.put(status(429, {"policyName": "TEN_SECONDLY_ROLLING"}, Retry_After="3"), path="/deals$")
    account.land()
    assert account.waits == [3.0]


def test_a_day_that_broke_off_is_not_landed_and_a_second_run_completes_it(account: Account) -> None:
    account.land()
    account.server.pass_time(days=1)
    account.server.put(status(400), path="/campaigns")
    with pytest.raises(LandingError):
        account.land()
    landed = "select count(*) from information_schema.tables where table_schema = 'crm'"
    assert account.read(landed) == [(0,)]
    account.land()
    day = account.server.now.date()
    assert account.read(f"select count(*) from crm.manifest where snapshot_date = '{day}'") == [
        (len(LANDED["hubspot"]),)
    ]


def without(key: str) -> Callable[[Answer], Answer]:
    return lambda answer: replace(answer, body={name: value for name, value in answer.body.items() if name != key})


def first_page(request: Request, vendor: Callable[[Request], Answer]) -> Answer:
    return vendor(replace(request, query={name: value for name, value in request.query.items() if name != "after"}))


def one_less(answer: Answer) -> Answer:
    return replace(answer, body={**answer.body, "results": answer.body["results"][:-1]})


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize(
    ("fault", "where", "said"),
    [
        (changed(without("paging")), "/objects/2026-03/deals$", "got 2 rows, expected the 5 of the search's total"),
        (first_page, "/objects/2026-03/deals$", "got an object that was listed before"),
        (changed(lambda answer: replace(answer, body={})), "/objects/2026-03/deals$", "got HTTP 200 without results"),
        (changed(lambda answer: replace(answer, body=b"")), "/objects/2026-03/deals$", "got HTTP 200 without results"),
        (changed(one_less), "/deals/batch/read", "got 1 rows, expected the 2 of the batch asked for"),
    ],
    ids=["a page lost", "a page repeated", "no results", "an empty 200", "a row lost"],
)
def test_a_page_that_does_not_add_up_ends_the_run(account: Account, fault: Fault, where: str, said: str) -> None:
    account.server.put(fault, path=where, after=0 if "lost" in said or "of the search" in said else 1)
    with pytest.raises(LandingError, match=said):
        account.land()
    account.server.recover()
    assert account.land()["deal"] == DEALS


@pytest.mark.usefixtures("small_pages")
def test_rows_deleted_while_the_list_is_read_are_no_lost_page(account: Account) -> None:
    last = list(account.server.rows["deals"])[-1]

    def meanwhile(request: Request, vendor: Callable[[Request], Answer]) -> Answer:
        account.server.archive("deals", last)
        return vendor(request)

    account.server.put(meanwhile, path="/objects/2026-03/deals$", after=1)
    account.land()
    assert account.read("select count(*) from crm.deal where archived = 'false'") == [(4,)]


def test_an_expired_cursor_ends_the_run(account: Account) -> None:
    account.server.put(status(400, {"category": "VALIDATION_ERROR", "message": "expired"}), path="/deals$")
    with pytest.raises(LandingError, match="VALIDATION_ERROR: expired"):
        account.land()
    assert account.land()["deal"] == DEALS


def test_a_token_that_was_rotated_in_the_middle_is_read_again(account: Account) -> None:
    def rotate(request: Request, vendor: Callable[[Request], Answer]) -> Answer:
        account.server.tokens = {"pat-na1-another-token"}
        account.environment["SOURCES__CRM__ACCESS_TOKEN"] = "pat-na1-another-token"  # noqa: S105 - of the simulator
        return vendor(request)

    account.server.put(rotate, path="/associations/")
    assert account.land()["deal"] == DEALS


def test_the_run_stops_before_the_daily_limit(account: Account) -> None:
    account.server.limit, account.server.used = 1_000, 895
    with pytest.raises(LandingError, match="daily API calls used, and 10% of them are not ours"):
        account.land()
    assert account.server.used <= 905
    account.server.used = 895
    assert account.land(api_reserve=0.01)["deal"] == DEALS


def test_a_daily_limit_reached_by_others_is_said_and_not_hammered(account: Account) -> None:
    account.server.put(status(429, {"policyName": "DAILY"}), path="/associations/", times=99)
    with pytest.raises(LandingError, match=r"HTTP 429 \(DAILY\).*HubSpot's day"):
        account.land()
    assert len(account.server.asked("/associations/")) == 1


def test_a_missing_scope_is_named_and_may_be_left_out(account: Account) -> None:
    account.server.scopes.remove("marketing.campaigns.read")
    left_out = r'exclude = \["campaign", "campaign_asset"\] under \[sources.crm\]'
    with pytest.raises(LandingError, match=rf"MISSING_SCOPES: marketing.campaigns.read.*{left_out}"):
        account.land()
    assert "campaign" not in account.land(exclude=["campaign", "campaign_asset"])


def test_deals_may_be_left_out(account: Account) -> None:
    assert account.land(exclude=["deal"])["deal_company"] == 5


# ---------------------------------------------------------------- changes


def test_contacts_and_engagements_are_asked_for_their_changes_only(account: Account) -> None:
    account.land()
    account.server.pass_time(days=1)
    calls = list(account.server.rows["calls"])
    account.server.change("calls", calls[0], hs_call_status="COMPLETED")
    account.server.archive("calls", calls[1])
    new = account.server.add("calls", hs_timestamp=account.server.now)
    account.server.requests.clear()
    account.land()
    assert account.ids("call") == sorted([calls[0], *calls[2:], new], key=int)
    assert dict(account.read("select id, hs_call_status from crm.call"))[calls[0]] == "COMPLETED"
    listed = [each for each in account.server.asked("/objects/2026-03/calls$") if each.query["archived"] == "false"]
    assert listed == []
    since = account.server.asked("/calls/search")[0].json["filterGroups"][0]["filters"][0]
    assert (since["operator"], since["value"]) == ("GTE", str(hubspot_api.milliseconds("2026-11-22T16:10:00Z")))
    assert account.read(f"select contact_ids is not null from crm.call where id = '{calls[2]}'") == [(True,)]


def test_rows_indexed_late_inside_the_look_back_are_found(account: Account) -> None:
    account.land()
    late = account.server.add("calls", hs_timestamp=NOON)
    for minutes, found in ((11, True), (9, False)):  # the run began at ten past
        account.server.rows["calls"][late]["values"]["hs_lastmodifieddate"] = f"2026-11-22T16:{minutes:02}:00.000Z"
        account.server.pass_time(hours=1)
        account.land()
        assert (late in account.ids("call")) == found
        shutil.rmtree(account.home / "dlt")
        if found:
            account.server.now = NOON + timedelta(minutes=10)
            row = account.server.rows["calls"].pop(late)
            account.land()
            account.server.rows["calls"][late] = row


@pytest.mark.usefixtures("small_pages")
def test_more_changes_in_one_millisecond_than_a_search_tells(account: Account) -> None:
    account.land()
    account.server.pass_time(days=1)
    many = [account.server.add("calls", hs_timestamp=NOON) for _ in range(11)]
    account.server.pass_time(minutes=1)
    after = account.server.add("calls", hs_timestamp=NOON)
    account.land()
    assert {*many, after} <= set(account.ids("call"))


@pytest.mark.parametrize("at_once", [5_000, 20_000], ids=["in three instants", "in one millisecond"])
def test_more_than_ten_thousand_changes_are_read_without_a_page_beyond(account: Account, at_once: int) -> None:
    account.land()
    account.server.pass_time(days=1)
    for number in range(10_300):
        if number % at_once == 0:
            account.server.pass_time(minutes=1)
        account.server.add("notes", hs_timestamp=NOON)
    assert account.land()["note"] == 10_301


@pytest.mark.usefixtures("small_pages")
def test_rows_that_change_while_the_search_goes_on_are_not_missed(account: Account) -> None:
    account.land()
    account.server.pass_time(days=1)
    new = []
    for _ in range(8):
        account.server.pass_time(minutes=1)
        new.append(account.server.add("calls", hs_timestamp=NOON))

    def meanwhile(request: Request, vendor: Callable[[Request], Answer]) -> Answer:
        account.server.pass_time(seconds=1)
        account.server.change("calls", new[0], hs_call_status="MOVED")  # to the end: every offset shifts
        return vendor(request)

    account.server.put(meanwhile, path="/calls/search", after=1)
    account.land()
    assert set(new) <= set(account.ids("call"))
    assert account.read(f"select hs_call_status from crm.call where id = '{new[0]}'") == [("MOVED",)]


def test_a_search_page_that_is_short_ends_the_run(account: Account) -> None:
    account.land()
    account.server.pass_time(days=1)
    account.server.add("calls", hs_timestamp=NOON)
    account.server.put(changed(one_less), path="/calls/search")
    with pytest.raises(LandingError, match=r"crm.call: got \d+ rows, expected the \d+ of the search's total"):
        account.land()
    account.land()


@pytest.mark.usefixtures("small_pages")
def test_a_search_that_repeats_a_page_ends_the_run(account: Account) -> None:
    account.land()
    account.server.pass_time(days=1)
    new = []
    for _ in range(6):
        account.server.pass_time(minutes=1)
        new.append(account.server.add("calls", hs_timestamp=NOON))
    seen: list[Answer] = []

    def repeat(request: Request, vendor: Callable[[Request], Answer]) -> Answer:
        return seen[0]

    def remember(request: Request, vendor: Callable[[Request], Answer]) -> Answer:
        seen.append(vendor(request))
        return seen[0]

    before = 4  # what the look-back finds comes first
    account.server.put(remember, path="/calls/search", after=before)
    account.server.put(repeat, path="/calls/search", after=before)
    with pytest.raises(LandingError, match=r"crm.call: got a page of the search that was read before"):
        account.land()
    account.server.recover()
    account.land()
    assert set(new) <= set(account.ids("call"))
    assert len(account.ids("call")) == DEALS + len(new)


def test_a_run_that_breaks_off_repeats_from_the_old_cursor(account: Account) -> None:
    account.land()
    account.server.pass_time(days=1)
    new = account.server.add("calls", hs_timestamp=NOON)
    carried = account.home / "dlt" / "carried" / "crm"
    before = (carried / "call.parquet").read_bytes()
    account.server.put(status(400), path="/campaigns")
    with pytest.raises(LandingError):
        account.land()
    assert (carried / "call.new.parquet").exists()
    assert (carried / "call.parquet").read_bytes() == before
    account.server.pass_time(hours=2)
    account.land()
    assert new in account.ids("call")


def test_purged_restored_and_never_told_rows_are_found_once_a_week(account: Account) -> None:
    account.land()
    first = next(iter(account.server.rows["calls"]))
    account.server.purge("calls", first)
    lost = account.server.add("calls", hs_timestamp=NOON)
    account.server.rows["calls"][lost]["values"]["hs_lastmodifieddate"] = "2025-01-01T00:00:00.000Z"
    account.server.pass_time(days=6)
    account.land()
    assert first in account.ids("call")
    assert lost not in account.ids("call")
    account.server.pass_time(days=1)
    account.land()
    assert first not in account.ids("call")
    assert lost in account.ids("call")


def test_merged_contacts_end(account: Account) -> None:
    other = account.server.add("contacts", email="other@example.com")
    account.land()
    account.server.pass_time(days=1)
    account.server.merge("contacts", next(iter(account.server.rows["contacts"])), other)
    assert account.land()["contact"] == 1


@pytest.mark.parametrize("why", ["lost", "broken", "an outage of 40 days", "another property", "another account"])
def test_without_a_usable_state_everything_is_listed(account: Account, why: str) -> None:
    account.land()
    carried = account.home / "dlt" / "carried" / "crm" / "contact.parquet"
    if why == "lost":
        shutil.rmtree(carried.parent)
    elif why == "broken":
        carried.write_bytes(carried.read_bytes()[:-9])
    elif why == "an outage of 40 days":
        account.server.pass_time(days=40)
    elif why == "another property":
        account.server.custom("contacts", "mood")
    else:
        account.server.put(status(200, {"portalId": 1}), path="/details", times=9)
    account.server.purge("contacts", next(iter(account.server.rows["contacts"])))
    account.server.add("contacts", email="new@example.com")
    account.server.pass_time(days=1)
    assert account.land()["contact"] == 1


def test_a_property_that_may_no_longer_be_read_is_absent(account: Account) -> None:
    account.land()
    del account.server.properties["deals"]["amount"]
    account.land()
    assert "amount" not in {row[0] for row in account.read("describe crm.deal")}
    assert "amount" not in json.loads(account.manifest("deal")["governed"])


def test_properties_that_are_added_renamed_and_retyped_land_as_they_are(account: Account) -> None:
    mapping = {"opportunity": {"health": "probability"}}
    account.server.custom("deals", "health", "number")
    account.land(columns=mapping)
    kinds = account.server.properties["deals"]
    kinds |= {"mood": "string", "next_move": kinds.pop("hs_next_step"), "health": "string"}
    account.server.pass_time(days=1)
    for deal in account.server.rows["deals"]:
        account.server.change("deals", deal, mood="good", next_move="Call", health="fine")
    account.land(columns=mapping)
    assert account.read("select distinct mood, next_move, health from crm.deal") == [("good", "Call", "fine")]
    manifest = account.manifest("deal")
    assert '"next_move"' in manifest["columns"]
    assert '"hs_next_step"' not in manifest["columns"]
    assert json.loads(manifest["governed"])["health"] == "DECIMAL(9,6)"


def test_empty_objects_have_their_columns(account: Account) -> None:
    account.server.rows["notes"].clear()
    account.server.campaigns.clear()
    landed = account.land()
    assert (landed["note"], landed["campaign"]) == (0, 0)
    assert "hs_timestamp" in account.manifest("note")["columns"]
    assert "hs_name" in account.manifest("campaign")["columns"]


def click(account: Account, **options: Any) -> str:
    return account.server.email_event("CLICK", next(iter(account.server.email_campaigns)), "zoe@example.com", **options)


def nothing(account: Account, at: datetime | None = None) -> str:
    return ""


def submit(account: Account, at: datetime | None = None) -> str:
    return account.server.submit(account.server.forms[0]["id"], "zoe@example.com", at)


EVENTS: tuple[Callable[..., str], ...] = (click, submit, nothing)


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("seed", first_of(range(3)))
def test_random_days_leave_what_the_account_holds(account: Account, seed: int) -> None:
    chance = random.Random(seed)
    server = account.server
    for _ in range(9):
        for _ in range(chance.randrange(12)):
            objects = chance.choice(["contacts", "calls"])
            rows = server.rows[objects]
            there = [each for each, row in rows.items() if not row["archived"]]
            gone = [each for each, row in rows.items() if row["archived"]]
            server.pass_time(seconds=chance.choice([0, 0, 1, 500]))
            what = chance.choice(["add", "add", "change", "archive", "restore", "merge"])
            if what == "change" and there:
                name = "hs_lead_status" if objects == "contacts" else "hs_call_status"
                server.change(objects, chance.choice(there), **{name: str(chance.random())})
            elif what == "archive" and there:
                server.archive(objects, chance.choice(there))
            elif what == "restore" and gone:
                server.restore(objects, chance.choice(gone))
            elif what == "merge" and len(there) > 1 and objects == "contacts":
                server.merge(objects, *chance.sample(there, 2))
            elif objects == "contacts":
                server.add(objects, email=f"{chance.random()}@example.com")
            else:
                server.add(objects)
            at = server.now - timedelta(hours=chance.choice([0, 0, 1, 23]))
            chance.choice(EVENTS)(account, at=at)
        found = account.extract("contact", "contact_email", "call", "email_event", "form_submission")
        for entity, objects, name in (("contact", "contacts", "hs_lead_status"), ("call", "calls", "hs_call_status")):
            truth = {each: row["values"].get(name) for each, row in server.rows[objects].items() if not row["archived"]}
            assert {row["id"]: row[name] for row in found[entity]} == truth
        contacts = [row["values"] for row in server.rows["contacts"].values() if not row["archived"]]
        (submissions,) = server.submissions.values()
        for entity, name, told in (
            ("contact_email", "email",
             [each for values in contacts for each in (values.get("hs_additional_emails") or "").split(";") if each]),
            ("email_event", "id", [each["id"] for each in server.events if each["type"] == "CLICK"]),
            ("form_submission", "conversion_id", [each["conversionId"] for each in submissions]),
        ):  # fmt: skip
            assert sorted(row[name] for row in found[entity]) == sorted(told)
        server.pass_time(hours=chance.choice([5, 24, 24, 50]))


# ---------------------------------------------------------------- what people did


def of_both(account: Account) -> dict[str, set[str]]:
    found = account.extract("email_event", "form_submission")
    return {"email_event": {row["id"] for row in found["email_event"]},
            "form_submission": {row["conversion_id"] for row in found["form_submission"]}}  # fmt: skip


def test_clicks_land_with_their_e_mail_and_submissions_with_their_form(account: Account) -> None:
    ((campaign, sent),) = account.server.email_campaigns.items()
    clicked = account.server.events[-1]
    assert account.rows("email_event") == [
        {"id": clicked["id"], "created": "2026-11-22T17:00:00.000Z", "type": "CLICK", "email_campaign_id": campaign,
         "content_id": str(sent["contentId"]), "app_id": "113", "filtered_event": "false", "email": "zoe@example.com"}
    ]  # fmt: skip
    (form,) = account.server.submissions
    submitted = account.server.submissions[form][0]
    assert account.rows("form_submission") == [
        {"conversion_id": submitted["conversionId"], "form_id": form, "submitted_at": "2026-11-22T17:00:00.000Z",
         "email": "Zoe@Example.com"}
    ]  # fmt: skip
    assert [row["asset_id"] for row in account.rows("campaign_asset")] == [form, str(sent["contentId"])]


def test_what_people_typed_and_where_they_clicked_is_left_out(account: Account) -> None:
    left = str(account.rows("email_event") + account.rows("form_submission"))
    assert "secret" not in left
    assert "acme.example" not in left
    assert "198.51" not in left


def test_addresses_are_personal_and_leave_a_digest(account: Account) -> None:
    for entity in ("email_event", "form_submission", "contact_email"):
        extraction = account.source().extraction(entity, account.server.now.date())
        assert (extraction.personal, extraction.email) == (("email",), "email")


def test_further_addresses_of_a_contact_are_rows_of_their_own(account: Account) -> None:
    server = account.server
    (contact,) = server.rows["contacts"]
    other = server.add("contacts", email="other@example.com", hs_additional_emails="a@example.com;b@example.com")
    server.merge("contacts", contact, other)
    others = [each for each in LANDED["hubspot"] if each not in ("contact", "contact_email")]
    account.land(exclude=others)
    assert account.read("select contact_id, number, email from crm.contact_email order by 2") == [
        (contact, "1", "other@example.com"), (contact, "2", "a@example.com"), (contact, "3", "b@example.com")
    ]  # fmt: skip
    account.server.pass_time(days=1)
    del account.server.properties["contacts"]["hs_additional_emails"]
    assert account.land(exclude=others)["contact_email"] == 0
    assert account.land(exclude=[*others, "contact"]) == {"contact_email": 0}


@pytest.mark.usefixtures("small_pages")
def test_clicks_and_submissions_are_asked_for_from_a_day_before_the_last_run(account: Account) -> None:
    of_both(account)
    account.server.pass_time(days=2)
    last_run = account.server.now - timedelta(days=2)
    new = {"email_event": {click(account), click(account)}, "form_submission": {submit(account), submit(account)}}
    late, too_late = last_run - timedelta(hours=23), last_run - timedelta(hours=25)
    told = {"email_event": click(account, at=late), "form_submission": submit(account, late)}
    untold = {"email_event": click(account, at=too_late), "form_submission": submit(account, too_late)}
    for _ in range(5):  # that nobody has to read again
        submit(account, last_run - timedelta(days=30))
    account.server.requests.clear()
    first = {"email_event": {account.server.events[2]["id"]},
             "form_submission": {next(iter(account.server.submissions.values()))[0]["conversionId"]}}  # fmt: skip
    found = of_both(account)
    for entity, ids in found.items():
        assert new[entity] | first[entity] | {told[entity]} <= ids
    assert untold["email_event"] not in found["email_event"]
    assert len(account.server.asked("/submissions/")) == 3  # of six pages
    (asked,) = {request.query["startTimestamp"] for request in account.server.asked("/v1/events")}
    assert int(asked) == hubspot_api.milliseconds((last_run - timedelta(days=1)).isoformat())
    account.server.pass_time(days=7)
    for entity, ids in of_both(account).items():
        assert untold[entity] in ids


def test_the_first_run_asks_for_the_clicks_of_25_months(account: Account) -> None:
    now = account.server.now
    old, older = click(account, at=now - timedelta(days=759)), click(account, at=now - timedelta(days=761))
    found = {row["id"] for row in account.rows("email_event")}
    assert old in found
    assert older not in found


def test_an_e_mail_is_asked_for_once_and_may_be_gone(account: Account) -> None:
    deleted, _ = account.server.send_email("Deleted")
    del account.server.email_campaigns[deleted]
    account.server.email_event("CLICK", deleted, "zoe@example.com")
    assert len({row["content_id"] for row in account.rows("email_event")}) == 2
    for days in (1, 7):  # carried, and everything anew
        account.server.pass_time(days=days)
        account.server.email_event("CLICK", deleted, "zoe@example.com")
        click(account)
        account.server.requests.clear()
        rows = account.rows("email_event")
        assert len({row["content_id"] for row in rows}) == 2
        assert account.server.asked("/v1/campaigns/") == []
    assert len(rows) == 6


def test_pop_up_forms_and_those_of_other_websites_are_forms_too(account: Account) -> None:
    forms = [account.server.add_form("Another", kind) for kind in ("flow", "captured")]
    for form in forms:
        account.server.submit(form, "zoe@example.com")
    assert set(forms) <= {row["id"] for row in account.rows("form")}
    assert set(forms) <= {row["form_id"] for row in account.rows("form_submission")}


def test_a_form_that_keeps_no_submissions_has_none(account: Account) -> None:
    account.server.put(status(404, {"status": "error", "message": "No form"}), path="/submissions/")
    assert account.rows("form_submission") == []


def test_a_submission_without_an_id_is_known_by_its_form_and_time(account: Account) -> None:
    (form,) = account.server.submissions
    del account.server.submissions[form][0]["conversionId"]
    assert [row["conversion_id"] for row in account.rows("form_submission")] == [f"{form}-1795366800000"]


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("path", ["/submissions/", "/v1/events"])
def test_what_is_done_while_pages_are_read_neither_hides_nor_doubles_anything(account: Account, path: str) -> None:
    there = [(click(account), submit(account)) for _ in range(6)]

    def meanwhile(request: Request, vendor: Callable[[Request], Answer]) -> Answer:
        submit(account)  # every page shifts
        click(account)
        return vendor(request)

    account.server.put(meanwhile, path=path, after=1, times=2)
    found = of_both(account)
    assert {each for each, _ in there} <= found["email_event"]
    assert {each for _, each in there} <= found["form_submission"]
    (all_submissions,) = account.server.submissions.values()
    again = [row["conversion_id"] for row in account.rows("form_submission")]
    assert sorted(again) == sorted(each["conversionId"] for each in all_submissions)


@pytest.mark.usefixtures("small_pages")
def test_a_submission_that_a_deletion_moves_past_a_page_is_found_within_a_week(account: Account) -> None:
    there = [submit(account, NOON - timedelta(days=number)) for number in range(6)]  # beyond the look-back
    (all_submissions,) = account.server.submissions.values()

    def meanwhile(request: Request, vendor: Callable[[Request], Answer]) -> Answer:
        all_submissions.pop(0)  # of NOON: it was on the first page
        return vendor(request)

    account.server.put(meanwhile, path="/submissions/", after=1)
    assert not set(there) <= of_both(account)["form_submission"]
    account.server.pass_time(days=7)
    assert set(there) <= of_both(account)["form_submission"]


def first_events(request: Request, vendor: Callable[[Request], Answer]) -> Answer:
    return vendor(replace(request, query={name: value for name, value in request.query.items() if name != "offset"}))


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize(
    ("entity", "fault", "where", "said"),
    [
        ("email_event", changed(without("hasMore")), "/v1/events", "a page of events that does not say how to go on"),
        ("email_event", changed(without("offset")), "/v1/events", "a page of events that does not say how to go on"),
        ("email_event", changed(without("events")), "/v1/events", "HTTP 200 without events"),
        ("email_event", first_events, "/v1/events", "a page of events that was read before"),
        ("email_event", status(400, {"message": "offset is not valid"}), "/v1/events", "offset is not valid"),
        ("form_submission", first_page, "/submissions/", "a page that leads back to one that was read"),
        ("form_submission", changed(without("results")), "/submissions/", "HTTP 200 without results"),
        ("campaign_asset", status(404), "/assets/", "HTTP 404"),
    ],
)
def test_a_page_of_what_people_did_that_does_not_add_up_ends_the_run(
    account: Account, entity: str, fault: Fault, where: str, said: str
) -> None:
    for _ in range(4):
        click(account)
        submit(account)
    account.server.put(fault, path=where, after=1)
    with pytest.raises(SourceError, match=said):
        account.rows(entity)
    assert len(account.rows(entity)) == (2 if entity == "campaign_asset" else 5)


@pytest.mark.parametrize(
    ("scope", "entity", "left_out"),
    [("content", "email_event", ["email_event"]), ("forms", "form_submission", ["form", "form_submission"]),
     ("marketing.campaigns.read", "campaign_asset", ["campaign", "campaign_asset"]),
     ("crm.objects.contacts.read", "contact", ["contact"])],
)  # fmt: skip
def test_an_account_without_marketing_is_told_what_to_leave_out(
    account: Account, scope: str, entity: str, left_out: list[str]
) -> None:
    account.server.scopes.remove(scope)
    with pytest.raises(SourceError, match=re.escape(f"exclude = {json.dumps(left_out)} under [sources.crm]")):
        account.rows(entity)
    found = {each.check: each for each in account.source().check()}
    assert found[entity].level == "fail"
    assert scope in found[entity].message
    account.server.scopes.add(scope)
    account.server.put(status(403, {"message": "This hub has not bought it"}), times=99)
    with pytest.raises(SourceError, match=r"HTTP 403 \(This hub has not bought it\).*exclude = "):
        account.rows(entity)


# ---------------------------------------------------------------- the way in


@pytest.mark.parametrize(
    ("version", "dated", "associations"),
    [
        ("2026-03", "/crm/objects/2026-03/deals", "/crm/associations/2026-03/deals/companies"),
        ("v3", "/crm/v3/objects/deals", "/crm/v4/associations/deals/companies"),
    ],
)
def test_paths_of_versions(version: str, dated: str, associations: str) -> None:
    assert path(version, "crm/objects", "deals") == dated
    assert path(version, "crm/associations", "deals", "companies") == associations
    assert path(version, "account-info", "details") == f"/account-info/{version}/details"


def test_the_numbered_version_gives_the_same(account: Account) -> None:
    assert account.land(api_version="v3") == account.land()


def test_another_version_is_refused(account: Account) -> None:
    with pytest.raises(SourceError, match="api_version"):
        account.source(api_version="latest")
    with pytest.raises(LandingError, match="HTTP 404"):
        account.land(api_version="2031-01")


def test_a_wrong_token_is_named_by_no_message(account: Account) -> None:
    account.environment["SOURCES__CRM__ACCESS_TOKEN"] = TOKEN[::-1]
    with pytest.raises(LandingError, match="HTTP 401") as failure:
        account.land()
    assert TOKEN[::-1] not in str(failure.value)


def test_a_missing_token_says_where_it_belongs(account: Account) -> None:
    account.environment.clear()
    with pytest.raises(LandingError, match="SOURCES__CRM__ACCESS_TOKEN"):
        account.land()


def test_nothing_that_a_run_leaves_holds_the_token(account: Account) -> None:
    account.server.put(status(400, {"category": "X", "message": TOKEN}), path="/associations/")
    with pytest.raises(LandingError) as failure:
        account.land()
    account.land()
    left = b"".join(each.read_bytes() for each in account.home.rglob("*") if each.is_file())
    assert TOKEN.encode() not in left + str(failure.value).encode()


def test_a_sound_account_has_no_failure(account: Account) -> None:
    findings = list(account.source().check())
    assert {finding.level for finding in findings} == {"ok"}
    assert {finding.check for finding in findings} == {"credentials", "daily calls", *LANDED["hubspot"]}


def test_what_is_missing_is_found_with_its_fix(account: Account) -> None:
    account.server.scopes.remove("crm.objects.users.read")
    del account.server.properties["deals"]["amount"]
    account.server.used = int(account.server.limit * 0.8)
    source = account.source(columns={"opportunity": {"lost_because": "loss_reason"}}, api_reserve=0.1)
    found = {finding.check: finding for finding in source.check()}
    assert found["deal"].level == "warn"
    assert "amount, lost_because" in found["deal"].message
    assert found["user"].level == "fail"
    assert "crm.objects.users.read" in found["user"].message


def test_the_stages_are_those_of_the_pipelines(account: Account) -> None:
    assert [(each.pipeline, each.stage, each.order, each.category, each.probability) for each in
            account.source().stages()] == [
        ("Sales", "Open", 1, "open", "0.2"), ("Sales", "Won", 2, "won", "1"), ("Sales", "Lost", 3, "lost", "0")
    ]  # fmt: skip


def test_the_lifecycle_is_proposed_from_the_account(account: Account) -> None:
    account.server.custom("contacts", "hs_v2_date_entered_12345", "datetime", 'Date entered "Sales accepted lead"')
    assert account.source().lifecycle() == {
        "hs_v2_date_entered_marketingqualifiedlead": "mql_at",
        "hs_v2_date_entered_12345": "sal_at",
        "hs_v2_date_entered_salesqualifiedlead": "sql_at",
    }


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
