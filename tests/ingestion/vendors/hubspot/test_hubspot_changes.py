"""An account that changes: only changes are asked for, and what is landed is what the account holds."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from datetime import timedelta

import pytest

from ingestion.source import LandingError
from ingestion.vendors.hubspot import reader
from tests.ingestion.vendors.hubspot.account import DEALS, NOON, Account, click, submit
from tests.ingestion.vendors.hubspot.odd_answers import one_less
from tests.vendors.server import Answer, Request, changed, first_of, status


@pytest.fixture(autouse=True)
def few_objects(account: Account) -> None:
    account.only = ("deal", "contact", "call", "note", "campaign")


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
    assert (since["operator"], since["value"]) == ("GTE", str(reader.milliseconds("2026-11-22T16:10:00Z")))
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


def live_a_little(account: Account, chance: random.Random) -> None:
    """Time passes, one object changes, and perhaps somebody answers to marketing."""
    server = account.server
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
    if happens := chance.choice([click, submit, None]):
        happens(account, at=at)


def nothing(account: Account, at: object = None) -> str:
    return ""


EVENTS: tuple[Callable[..., str], ...] = (click, submit, nothing)


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("seed", first_of(range(3)))
def test_random_days_leave_what_the_account_holds(account: Account, seed: int) -> None:
    chance = random.Random(seed)
    server, account.only = account.server, ()
    for _ in range(9):
        for _ in range(chance.randrange(12)):
            live_a_little(account, chance)
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
