"""The Salesforce source against an org on 127.0.0.1: whole or not at all, whatever goes wrong on the way."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ingestion.source import LandingError, SourceError
from ingestion.source_types import LANDED
from ingestion.vendors.client import Patience
from ingestion.vendors.salesforce.objects import OBJECTS
from ingestion.vendors.salesforce.source import SalesforceSource, build_source
from tests.vendors.landing import Landing
from tests.vendors.salesforce import (
    CLIENT_ID,
    CLIENT_SECRET,
    FIELDS,
    USER,
    Key,
    SalesforceServer,
)
from tests.vendors.server import Answer, Fault, Request, changed, cut, first_of, reset, silent, status, truncated

NOON = datetime(2026, 11, 22, 17, tzinfo=UTC)  # of New York
ROWS = Path(__file__).parents[4].parent / "shared" / "data" / "vendor_rows" / "salesforce"


@dataclass
class Org(Landing):
    """An org, a source on it, and a home to land in."""

    name, vendor = "crm", "salesforce"

    server: SalesforceServer
    environment: dict[str, str] = field(
        default_factory=lambda: {"SOURCES__CRM__CLIENT_ID": CLIENT_ID, "SOURCES__CRM__CLIENT_SECRET": CLIENT_SECRET}
    )

    def source(self, page_rows: int = 2, **options: Any) -> SalesforceSource:
        options = {"instance_url": self.server.url, **options}
        built: SalesforceSource = self.build(build_source, Patience(read_timeout=1.0), **options)
        return replace(built, page_rows=page_rows)

    def ids(self, entity: str) -> list[str]:
        return [row[0] for row in self.read(f"select id from crm.{entity} order by 1")]


def live(server: SalesforceServer) -> None:
    """A small company."""
    boss = server.add("User", Name="Ada Boss", Username="ada@acme.example", Email="ada@acme.example", IsActive=True,
                      UserRoleId=server.add("UserRole", Name="AE"))  # fmt: skip
    account = server.add("Account", Name='Quo"ted, Ltd.\nSecond line', NumberOfEmployees=1200, BillingStreet="1 Way")
    contact = server.add("Contact", FirstName="Zoë", LastName="Ünal", Name="Zoë Ünal", Email="Zoe@Example.com",
                         AccountId=account, MailingStreet="9 Road", MailingCountry="TR", Phone="+90 1")  # fmt: skip
    server.add("Lead", Name="Lee Ad", LastName="Ad", Email="lee@example.com", Status="Open", Company="Ltd")
    campaign = server.add("Campaign", Name="Fair", Type="Event", ActualCost=12345678.5)
    server.add("CampaignMember", CampaignId=campaign, ContactId=contact, Status="Responded", HasResponded=True)
    for number in range(5):
        deal = server.open_opportunity(AccountId=account, OwnerId=boss, Name=f"Deal {number}", StageName="Prospecting",
                                       Amount=1e7 * (number + 1), CloseDate=date(2027, 1, 31), Probability=25.0,
                                       ForecastCategory="BestCase", Type="New Business")  # fmt: skip
        server.add("OpportunityContactRole", OpportunityId=deal, ContactId=contact, IsPrimary=True)
        server.add("Task", WhatId=deal, OwnerId=boss, IsClosed=True, CompletedDateTime=server.now, Description="Dear Z")
    server.add("Event", OwnerId=boss, ActivityDateTime=server.now)
    period = server.add("Period", Type="Quarter", StartDate=date(2026, 11, 1), EndDate=date(2027, 1, 31))
    server.add("ForecastingItem", OwnerId=boss, PeriodId=period, ForecastingItemCategory="CommitForecast",
               ForecastAmount=2e7, IsAmount=True)  # fmt: skip
    server.add("ForecastingQuota", QuotaOwnerId=boss, PeriodId=period, StartDate=date(2026, 11, 1), QuotaAmount=3e7,
               IsAmount=True)  # fmt: skip
    server.add("Case", AccountId=account, Priority="High", Subject="It is broken", SuppliedEmail="zoe@example.com")
    server.move(deal, StageName="Proposal", OwnerId=boss)


@pytest.fixture
def org(tmp_path: Path) -> Iterator[Org]:
    with SalesforceServer(NOON) as server:
        live(server)
        yield Org(server, tmp_path)


OPPORTUNITIES = 5


def test_every_object_lands_whole_under_its_own_names(org: Org) -> None:
    org.through_dlt = True
    landed = org.land()
    assert set(landed) == set(OBJECTS) == set(LANDED["salesforce"])
    assert landed == {
        "opportunity": 5, "account": 1, "user": 1, "contact": 1, "lead": 1, "opportunity_contact_role": 5, "task": 5,
        "event": 1, "campaign": 1, "campaign_member": 1, "opportunity_history": 6, "opportunity_field_history": 3,
        "forecasting_item": 1, "forecasting_quota": 1, "case": 1,
    }  # fmt: skip
    assert org.read("select name, number_of_employees from crm.account") == [('Quo"ted, Ltd.\nSecond line', "1200")]
    assert org.read("select max(amount), max(close_date), max(next_step) from crm.opportunity") == [
        ("5.0E7", "2027-01-31", None)
    ]
    assert org.read("select user_role_name from crm.user") == [("AE",)]
    assert org.server.token_count == 1


def test_compound_fields_are_left_out_and_their_parts_kept(org: Org) -> None:
    org.only = ("account",)
    org.land()
    columns = {row[0] for row in org.read("describe crm.account")}
    assert {"billing_street", "tier_c"} <= columns
    assert columns.isdisjoint({"billing_address", "location_c"})


def test_the_ledger_is_told_types_keys_and_what_is_personal(org: Org) -> None:
    org.land(columns={"opportunity": {"Health__c": "probability"}, "person": {"MQL_Date__c": "mql_at"}})
    deal, contact, user = org.manifest("opportunity"), org.manifest("contact"), org.manifest("user")
    assert (deal["key_columns"], deal["mode"], deal["deleted_column"]) == ('["id"]', "state", "is_deleted")
    for name, kind in (("amount", "DECIMAL(18,2)"), ("close_date", "DATE"), ("health_c", "DECIMAL(9,6)")):
        assert f'"{name}": "{kind}"' in deal["governed"]
    assert {"last_viewed_date", "system_modstamp"} <= set(eval(deal["volatile"]))  # noqa: S307 - a JSON list
    assert '"mql_date_c": "TIMESTAMP"' in contact["governed"]
    assert set(eval(contact["personal"])) == {  # noqa: S307 - a JSON list
        "first_name", "last_name", "name", "email", "phone", "mailing_street"
    }  # fmt: skip
    assert contact["email_column"] == "email"
    assert "name" not in eval(user["personal"])  # noqa: S307 - a JSON list
    assert "username" in eval(user["personal"])  # noqa: S307 - a JSON list
    assert org.manifest("opportunity_history")["mode"] == "events"


def test_a_contact_lands_with_what_tells_how_they_can_be_reached(org: Org) -> None:
    org.land(columns={"person": {"Second_Phone__c": "phone"}})
    assert json.loads(org.manifest("contact")["contact"]) == {
        "email": "email", "phones": ["phone"], "names": ["name", "first_name", "last_name"]
    }  # fmt: skip
    assert org.manifest("user")["contact"] is None
    assert org.manifest("campaign_member")["contact"] is None


def test_forecasts_and_quotas_land_with_their_periods_and_cases_without_what_they_say(org: Org) -> None:
    org.land()
    assert org.read("select period_start_date, period_end_date, forecast_amount from crm.forecasting_item") == [
        ("2026-11-01", "2027-01-31", "2.0E7")
    ]
    assert org.read("select start_date, period_end_date from crm.forecasting_quota") == [("2026-11-01", "2027-01-31")]
    assert {"subject", "description"}.isdisjoint(row[0] for row in org.read('describe crm."case"'))
    assert "supplied_email" in json.loads(org.manifest("case")["personal"])


def test_an_org_without_forecasts_lands_all_the_rest_and_doctor_says_so(org: Org) -> None:
    for name in ("ForecastingItem", "ForecastingQuota", "Case"):
        del org.server.fields[name]
    landed = org.land()
    assert set(landed) == set(OBJECTS) - {"forecasting_item", "forecasting_quota", "case"}
    warned = [finding for finding in org.source().check() if finding.level == "warn"]
    assert [finding.check for finding in warned] == ["forecasting_item", "forecasting_quota", "case"]
    assert all("cannot be had later" in finding.message for finding in warned)


def test_what_tasks_say_is_left_out(org: Org) -> None:
    org.only = ("task",)
    org.land()
    assert {"description", "subject"}.isdisjoint(row[0] for row in org.read("describe crm.task"))


def test_deleted_rows_come_with_their_mark_and_purged_ones_do_not(org: Org) -> None:
    first, second = list(org.server.rows["Opportunity"])[:2]
    org.server.delete("Opportunity", first)
    org.server.purge("Opportunity", second)
    org.land()
    assert dict(org.read("select id, is_deleted from crm.opportunity"))[first] == "true"
    assert second not in org.ids("opportunity")


# ---------------------------------------------------------------- faults


@pytest.mark.parametrize(
    "fault",
    [status(429, Retry_After="3"), status(429), status(500), status(503), reset(), truncated(), cut(), silent(1.5)],
    ids=["429 with Retry-After", "429", "500", "503", "reset", "truncated", "cut", "timeout"],
)
@pytest.mark.parametrize("path", first_of(["/results", "/jobs/query$", "/describe", r"/jobs/query/\w+$"]))
def test_passing_trouble_anywhere_is_waited_out(org: Org, fault: Fault, path: str) -> None:
    org.only = ("opportunity",) if path == "/results" else ()
    org.server.put(fault, path=path, after=1)
    assert org.land()["opportunity"] == OPPORTUNITIES


def test_a_limit_is_waited_as_long_as_asked(org: Org) -> None:
    org.only = ("opportunity",)
    org.server.looks_needed = 0
    org.server.put(status(429, Retry_After="3"), path="/results")
    org.land()
    assert org.waits.count(3.0) == 1


def test_a_day_that_broke_off_is_not_landed_and_a_second_run_completes_it(org: Org) -> None:
    org.through_dlt = True
    org.land()
    org.server.pass_time(days=1)
    org.server.put(status(400), path="/describe", after=9)
    with pytest.raises(LandingError):
        org.land()
    landed = "select count(*) from information_schema.tables where table_schema = 'crm'"
    assert org.read(landed) == [(0,)]
    org.land()
    day = org.server.now.date()
    assert org.read(f"select count(*) from crm.manifest where snapshot_date = '{day}'") == [(len(OBJECTS),)]


def lost_page(answer: Answer) -> Answer:
    return replace(answer, headers={**answer.headers, "Sforce-Locator": "null"})


def repeated_page(request: Request, vendor: Callable[[Request], Answer]) -> Answer:
    return vendor(replace(request, query={name: value for name, value in request.query.items() if name != "locator"}))


def doubled_row(answer: Answer) -> Answer:
    head, row, *_ = answer.content.decode().splitlines()
    return replace(answer, body=f"{head}\n{row}\n{row}\n")


def less_columns(answer: Answer) -> Answer:
    lines = [line.split(",", 1)[1] for line in answer.content.decode().splitlines()]
    return replace(answer, body="\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (changed(lost_page), "got 2 rows, expected the 5 of the job's numberRecordsProcessed"),
        (changed(doubled_row), "got 3 rows, expected the 5 of different Ids"),
        (changed(less_columns), "no CSV \\(other columns than asked for: Id\\), expected 2 rows"),
        (changed(lambda answer: replace(answer, body="")), "got 0 rows, expected 2 rows"),
    ],
    ids=["a page lost", "a row doubled", "a column lost", "an empty 200"],
)
def test_a_page_that_does_not_add_up_ends_the_run(org: Org, fault: Fault, said: str) -> None:
    org.only = ("opportunity",)
    org.server.put(fault, path="/results", times=2)
    with pytest.raises(LandingError, match=f"crm.opportunity.*{said}"):
        org.land()
    org.server.recover()
    assert org.land()["opportunity"] == OPPORTUNITIES


def test_a_repeated_page_ends_the_run(org: Org) -> None:
    org.only = ("opportunity",)
    org.server.put(repeated_page, path="/results", after=1)
    with pytest.raises(LandingError, match=r"crm.opportunity: page 2 leads back to a page that was read"):
        org.land()


def test_a_page_cut_by_a_proxy_is_asked_again(org: Org) -> None:
    org.only = ("opportunity",)
    half = changed(lambda answer: replace(answer, body=answer.content[: len(answer.content) * 2 // 3]))
    org.server.put(half, path="/results", after=1)
    assert org.land()["opportunity"] == OPPORTUNITIES


def test_rows_that_change_while_pages_are_read_do_not_mix(org: Org) -> None:
    org.only = ("opportunity",)

    def meanwhile(request: Request, vendor: Callable[[Request], Answer]) -> Answer:
        for row_id in list(org.server.rows["Opportunity"]):
            org.server.change("Opportunity", row_id, StageName="Changed")
        org.server.open_opportunity(Name="New", StageName="Changed")
        return vendor(request)

    org.server.put(meanwhile, path="/results", after=1)
    assert org.land()["opportunity"] == OPPORTUNITIES
    assert org.read("select count(*) from crm.opportunity where stage_name = 'Changed'") == [(0,)]


def test_a_token_that_expires_in_the_middle_is_renewed(org: Org) -> None:
    org.server.token_calls = 9
    assert org.land()["opportunity"] == OPPORTUNITIES
    assert org.server.token_count == 2


def test_a_failed_job_says_why(org: Org) -> None:
    org.only = ("opportunity",)

    def fail(answer: Answer) -> Answer:
        return Answer({**answer.body, "state": "Failed", "errorMessage": "QUERY_TIMEOUT"})

    org.server.put(changed(fail), path=r"/jobs/query/\w+$")
    with pytest.raises(LandingError, match=r"crm.opportunity: the query job 750\d+ ended as Failed \(QUERY_TIMEOUT\)"):
        org.land()


def test_a_job_that_never_ends_is_given_up(org: Org) -> None:
    org.only = ("opportunity",)
    org.server.looks_needed = 10**9
    with pytest.raises(LandingError, match=r"is still InProgress after 7,2\d\d s"):
        org.land()


@pytest.mark.parametrize(
    ("code", "body"),
    [
        (404, [{"errorCode": "NOT_FOUND", "message": "gone"}]),
        (400, [{"errorCode": "INVALID_LOCATOR", "message": "expired"}]),
    ],
)
def test_results_that_are_gone_end_the_run_and_the_next_one_is_whole(org: Org, code: int, body: Any) -> None:
    org.only = ("opportunity",)
    org.server.put(status(code, body), path="/results", after=1)
    with pytest.raises(LandingError, match=body[0]["errorCode"]):
        org.land()
    assert org.land()["opportunity"] == OPPORTUNITIES


def test_the_run_stops_before_the_org_s_daily_limit(org: Org) -> None:
    org.server.limit, org.server.used = 2_000, 1_790
    with pytest.raises(LandingError, match="daily API calls are used, and 10% of them are not ours"):
        org.land()
    assert org.server.used <= 1_802
    org.server.used = 1_805
    with pytest.raises(LandingError, match="daily API calls are used"):
        org.land()
    assert org.land(api_reserve=0.01)["opportunity"] == OPPORTUNITIES


def test_a_limit_reached_by_others_is_said_and_not_hammered(org: Org) -> None:
    org.only = ("opportunity",)
    org.server.put(
        status(403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]),
        path="/results",
        times=99,
    )
    with pytest.raises(LandingError, match=r"REQUEST_LIMIT_EXCEEDED.*rolling 24 hours"):
        org.land()
    assert len(org.server.asked("/results")) == 1


def test_too_many_at_once_is_waited_out(org: Org) -> None:
    org.only = ("opportunity",)
    said = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "ConcurrentRequests (Concurrent API Requests) Limit"}]
    org.server.put(status(403, said), path="/results", times=2)
    assert org.land()["opportunity"] == OPPORTUNITIES


# ---------------------------------------------------------------- changes


def test_large_objects_are_asked_for_their_changes_only(org: Org) -> None:
    org.only = ("opportunity", "task")
    org.land()
    org.server.pass_time(days=1)
    task = list(org.server.rows["Task"])
    org.server.change("Task", task[0], Status="Completed")
    org.server.delete("Task", task[1])
    new = org.server.add("Task", OwnerId="005x", IsClosed=False)
    org.server.requests.clear()
    assert org.land()["task"] == 6
    assert org.ids("task") == sorted([*task, new])
    assert dict(org.read("select id, is_deleted from crm.task"))[task[1]] == "true"
    assert dict(org.read("select id, status from crm.task"))[task[0]] == "Completed"
    asked = [request.json["query"] for request in org.server.asked("/jobs/query$", "POST")]
    since = next(query for query in asked if "FROM Task" in query)
    assert since.endswith("WHERE SystemModstamp >= 2026-11-22T16:50:00.000Z")
    assert next(query for query in asked if "FROM Opportunity " in query + " ").endswith("FROM Opportunity")


def test_a_row_committed_late_inside_the_look_back_is_found(org: Org) -> None:
    org.only = ("task",)
    org.land()
    late = org.server.add("Task", OwnerId="005x", SystemModstamp=NOON.replace(hour=16, minute=51))
    org.server.pass_time(days=1)
    org.land()
    assert late in org.ids("task")


def test_changes_at_the_very_edge_are_found(org: Org) -> None:
    org.only = ("task",)
    org.land()
    edge = org.server.add("Task", OwnerId="005x", SystemModstamp=NOON.replace(hour=16, minute=50))
    org.server.pass_time(days=1)
    org.land()
    assert edge in org.ids("task")


def test_many_changes_of_one_instant_are_all_found(org: Org) -> None:
    org.only = ("task",)
    org.land()
    org.server.pass_time(days=1)
    many = [org.server.add("Task", OwnerId="005x") for _ in range(10_300)]
    assert org.land(page_rows=5_000)["task"] == len(many) + 5


def test_an_undeleted_row_is_there_again(org: Org) -> None:
    org.only = ("opportunity", "task")
    task = next(iter(org.server.rows["Task"]))
    deal = next(iter(org.server.rows["Opportunity"]))
    org.server.delete("Task", task)
    org.server.delete("Opportunity", deal)
    org.land()
    org.server.pass_time(days=1)
    org.server.change("Task", task, IsDeleted=False)
    org.server.change("Opportunity", deal, IsDeleted=False)
    org.land()
    for entity, row_id in (("task", task), ("opportunity", deal)):
        assert org.read(f"select is_deleted from crm.{entity} where id = '{row_id}'") == [("false",)]


def test_a_merged_row_ends_and_says_into_which(org: Org) -> None:
    org.only = ("contact",)
    org.server.fields["Contact"]["MasterRecordId"] = "reference"
    kept = next(iter(org.server.rows["Contact"]))
    lost = org.server.add("Contact", Name="Twin", Email="twin@example.com")
    org.land()
    org.server.pass_time(days=1)
    org.server.change("Contact", lost, IsDeleted=True, MasterRecordId=kept)
    org.land()
    assert org.read("select id, is_deleted, master_record_id from crm.contact order by 1") == [
        (kept, "false", None), (lost, "true", kept)
    ]  # fmt: skip


def test_fields_that_are_added_renamed_and_retyped_land_as_they_are(org: Org) -> None:
    org.only = ("opportunity",)
    org.land(columns={"opportunity": {"Health__c": "probability"}})
    deals = org.server.rows["Opportunity"]
    kinds = org.server.fields["Opportunity"]
    kinds |= {"Mood__c": "string", "Next_Move__c": kinds.pop("NextStep"), "Health__c": "string"}
    for row in deals.values():
        row |= {"Mood__c": "good", "Next_Move__c": "Call", "Health__c": "fine"}
    org.server.pass_time(days=1)
    org.land(columns={"opportunity": {"Health__c": "probability"}})
    assert org.read("select distinct mood_c, next_move_c, health_c from crm.opportunity") == [("good", "Call", "fine")]
    deal = org.manifest("opportunity")
    assert '"next_move_c"' in deal["columns"]
    assert '"next_step"' not in deal["columns"]
    assert '"health_c": "DECIMAL(9,6)"' in deal["governed"]


def test_a_run_that_breaks_off_repeats_from_the_old_cursor(org: Org) -> None:
    org.land()
    org.server.pass_time(days=1)
    new = org.server.add("Task", OwnerId="005x")
    carried = org.home / "dlt" / "carried" / "crm"
    before = (carried / "task.parquet").read_bytes()
    org.server.put(status(400), path="/describe", after=9)  # after tasks were merged
    with pytest.raises(LandingError):
        org.land()
    assert (carried / "task.new.parquet").exists()
    assert (carried / "task.parquet").read_bytes() == before
    org.server.pass_time(minutes=30)
    org.land()
    assert new in org.ids("task")


def test_purged_rows_go_at_the_weekly_comparison(org: Org) -> None:
    org.only = ("task",)
    org.land()
    task = next(iter(org.server.rows["Task"]))
    org.server.purge("Task", task)
    org.server.pass_time(days=6)
    org.land()
    assert task in org.ids("task")
    org.server.pass_time(days=1)
    org.land()
    assert task not in org.ids("task")
    org.server.pass_time(days=1)
    org.server.requests.clear()
    org.land()
    assert not [each for each in org.server.asked("/jobs/query$", "POST") if "SELECT Id FROM" in each.json["query"]]


def test_rows_that_were_never_told_are_found_at_the_weekly_comparison(org: Org) -> None:
    org.only = ("task",)
    org.land()
    old = NOON.replace(year=2025)
    lost = org.server.add("Task", OwnerId="005x", SystemModstamp=old, CreatedDate=old)
    org.server.pass_time(days=7)
    org.land()
    assert lost in org.ids("task")


@pytest.mark.parametrize("why", ["lost", "broken", "too old", "another field", "a field less"])
def test_without_a_usable_state_everything_is_pulled(org: Org, why: str) -> None:
    org.only = ("task",)
    org.land()
    carried = org.home / "dlt" / "carried" / "crm" / "task.parquet"
    if why == "lost":
        shutil.rmtree(carried.parent)
    elif why == "broken":
        carried.write_bytes(carried.read_bytes()[:-9])
    elif why == "too old":
        org.server.pass_time(days=40)
    elif why == "another field":
        org.server.fields["Task"]["Mood__c"] = "string"
    else:
        org.server.hide("Task", "Type")
    gone = next(iter(org.server.rows["Task"]))
    org.server.purge("Task", gone)
    org.server.pass_time(days=1)
    org.server.requests.clear()
    assert org.land()["task"] == 4
    assert any(
        each.json["query"].endswith("FROM Task") and "Status" in each.json["query"]
        for each in org.server.asked("/jobs/query$", "POST")
    )


def test_a_field_that_may_no_longer_be_read_is_absent(org: Org) -> None:
    org.only = ("opportunity",)
    org.server.hide("Opportunity", "Amount")
    org.land()
    assert "amount" not in {row[0] for row in org.read("describe crm.opportunity")}
    assert '"amount"' not in org.manifest("opportunity")["governed"]


def test_fields_that_differ_in_case_alone_land_apart(org: Org) -> None:
    org.only = ("opportunity",)
    org.server.fields["Opportunity"] |= {"MyField__c": "string", "My_Field__c": "string"}
    org.land()
    assert {"myfield_c", "my_field_c"} <= {row[0] for row in org.read("describe crm.opportunity")}


def test_an_object_that_may_not_be_read_must_be_left_out_by_name(org: Org) -> None:
    del org.server.fields["Lead"]
    with pytest.raises(LandingError, match=r'crm.lead: the user may not read Lead.*exclude = \["lead"\]'):
        org.land()
    assert "lead" not in org.land(exclude=["lead"])


def test_empty_objects_have_their_columns(org: Org) -> None:
    org.server.rows["Event"].clear()
    org.server.rows["Campaign"].clear()
    landed = org.land()
    assert (landed["event"], landed["campaign"]) == (0, 0)
    assert "actual_cost" in org.manifest("campaign")["columns"]


def test_a_bom_and_windows_line_ends_do_no_harm(org: Org) -> None:
    def windows(answer: Answer) -> Answer:
        return replace(answer, body=b"\xef\xbb\xbf" + answer.content.replace(b'"\n"', b'"\r\n"'))

    org.server.put(changed(windows), path="/results", times=99)
    org.land()
    assert org.read("select name from crm.contact") == [("Zoë Ünal",)]
    assert org.read("select name from crm.account") == [('Quo"ted, Ltd.\nSecond line',)]


# ---------------------------------------------------------------- the way in


def test_the_private_key_signs_in_where_there_is_one(org: Org) -> None:
    org.only = ("opportunity",)
    openssl = shutil.which("openssl")
    if not openssl:
        pytest.skip("openssl is not installed")
    path = org.home / "key.pem"
    subprocess.run([openssl, "genrsa", "-out", str(path), "2048"], check=True, capture_output=True)
    key = load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(key, RSAPrivateKey)
    org.server.key = Key(key.public_key().public_numbers().n)
    org.environment = {"SOURCES__CRM__CLIENT_ID": CLIENT_ID, "SOURCES__CRM__PRIVATE_KEY": path.read_text()}
    assert org.land(username=USER)["opportunity"] == OPPORTUNITIES
    with pytest.raises(LandingError, match="invalid_grant"):
        org.land(username="another@acme.example")
    with pytest.raises(LandingError, match="Expected `username`"):
        org.land()


def test_wrong_credentials_name_no_secret(org: Org) -> None:
    org.environment["SOURCES__CRM__CLIENT_SECRET"] = CLIENT_SECRET[::-1]
    with pytest.raises(LandingError, match=r"/services/oauth2/token: got HTTP 400 \(invalid_client") as failure:
        org.land()
    assert CLIENT_SECRET[::-1] not in str(failure.value)


def test_missing_credentials_say_where_they_belong(org: Org) -> None:
    org.environment.clear()
    with pytest.raises(LandingError, match="SOURCES__CRM__CLIENT_ID"):
        org.land()


@pytest.mark.parametrize("url", ["http://acme.my.salesforce.com", "acme.my.salesforce.com", "https://u:p@acme.com"])
def test_credentials_go_to_safe_addresses_only(org: Org, url: str) -> None:
    with pytest.raises(SourceError, match="instance_url"):
        org.source(instance_url=url)


def test_another_version_is_refused_by_the_org(org: Org) -> None:
    with pytest.raises(LandingError, match="HTTP 404"):
        org.land(api_version="v12.0")


def test_a_sound_org_has_no_failure(org: Org) -> None:
    findings = list(org.source().check())
    assert {finding.level for finding in findings} == {"ok"}
    assert {finding.check for finding in findings} >= {"credentials", "daily calls", *OBJECTS}


def test_what_is_hidden_is_found_with_its_fix(org: Org) -> None:
    org.server.hide("Opportunity", "Amount")
    del org.server.fields["Campaign"]
    source = org.source(columns={"opportunity": {"Lost_Because__c": "loss_reason"}})
    found = {finding.check: finding for finding in source.check()}
    assert found["opportunity"].level == "warn"
    assert "Amount, Lost_Because__c" in found["opportunity"].message
    assert found["campaign"].level == "fail"
    assert "exclude" in found["campaign"].fix


def test_few_calls_left_are_found(org: Org) -> None:
    org.server.limit, org.server.used = 1_000, 899
    with pytest.raises(SourceError, match="daily API calls are used"):
        list(org.source(api_reserve=0.5).check())


def test_nothing_that_a_run_leaves_holds_a_secret(org: Org) -> None:
    org.server.put(status(400, [{"errorCode": "X", "message": CLIENT_SECRET}]), path="/results", after=3)
    with pytest.raises(LandingError) as failure:
        org.land()
    org.land()
    left = b"".join(path.read_bytes() for path in org.home.rglob("*") if path.is_file()) + str(failure.value).encode()
    for secret in (CLIENT_SECRET, "token-number-1"):
        assert secret.encode() not in left


# ---------------------------------------------------------------- shapes


@pytest.mark.skipif(not ROWS.is_dir(), reason="the rows of vendors are not beside the project")
@pytest.mark.parametrize("name", ["Opportunity", "Account", "User", "Contact", "Lead", "Task", "Event"])
def test_the_org_has_the_columns_of_real_ones(name: str) -> None:
    from ingestion.source import landed_name

    with (ROWS / f"sf_{name.lower()}_data.csv").open(newline="") as file:
        real = {column.replace("_", "") for column in next(csv.reader(file))}
    ours = {landed_name(field).replace("_", "") for field in FIELDS[name] if not field.endswith("__c")}
    left_out = {"createdbyid", "systemmodstamp", "createddate", "lastmodifieddate", "completeddatetime", "isdeleted"}
    assert ours - real - left_out <= {"billingaddress"}
