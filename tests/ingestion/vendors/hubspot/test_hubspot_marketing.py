"""Clicks in e-mails, submissions of forms, and the addresses that lead to contacts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from ingestion.source import SourceError
from ingestion.source_types import LANDED
from ingestion.vendors.hubspot import reader
from tests.ingestion.vendors.hubspot.account import NOON, Account, click, submit
from tests.ingestion.vendors.hubspot.odd_answers import first_page, without
from tests.vendors.server import Answer, Fault, Request, changed, status


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
    assert int(asked) == reader.milliseconds((last_run - timedelta(days=1)).isoformat())
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
