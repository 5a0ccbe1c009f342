"""The Marketo source against a subscription on 127.0.0.1: whole or not at all, whatever goes wrong on the way."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ingestion.source import LandingError, SourceError
from ingestion.source_types import LANDED
from ingestion.vendors.client import Patience
from ingestion.vendors.marketo.bulk import LONGEST_WINDOW, windows
from ingestion.vendors.marketo.objects import OBJECTS
from ingestion.vendors.marketo.source import MarketoSource, build_source
from tests.drawn import drawn
from tests.vendors.landing import Landing
from tests.vendors.marketo import CLIENT_ID, CLIENT_SECRET, MarketoServer
from tests.vendors.server import Answer, Fault, Request, changed, cut, first_of, reset, silent, status, truncated

NOON = datetime(2026, 11, 22, 17, tzinfo=UTC)  # of New York


@dataclass
class Subscription(Landing):
    """A subscription, a source on it, and a home to land in."""

    name, vendor = "mkt", "marketo"

    server: MarketoServer
    environment: dict[str, str] = field(
        default_factory=lambda: {"SOURCES__MKT__CLIENT_ID": CLIENT_ID, "SOURCES__MKT__CLIENT_SECRET": CLIENT_SECRET}
    )

    options: dict[str, Any] = field(default_factory=dict)

    def source(self, **options: Any) -> MarketoSource:
        options = {"base_url": self.server.url, "part_bytes": 200, **self.options, **options}
        built: MarketoSource = self.build(build_source, **options)
        return built

    def leads(self) -> dict[str, Any]:
        return dict(self.read("select id, lead_status from mkt.lead"))

    def truth(self) -> dict[str, Any]:
        return {str(number): lead.values["leadStatus"] for number, lead in self.server.leads.items()}

    def whole(self) -> dict[str, int]:
        """The rows of each entity that lands."""
        return {name: WHOLE[name] for name in self.only or WHOLE}


def live(server: MarketoServer) -> None:
    """A small company, a hundred days old."""
    end, server.now = server.now, server.born + timedelta(hours=1)
    program = server.add_program(
        name="Fair", costs=[{"startDate": "2026-11-01", "cost": 100.5}, {"startDate": "2026-12-01", "cost": 2}],
        tags=[{"tagType": "currency", "tagValue": "EUR"}], startDate=datetime(2026, 11, 2, 5, tzinfo=UTC),
    )  # fmt: skip
    campaign, form = server.add_campaign(program), server.add_form(program)
    server.add_campaign(None)
    leads = []
    for number in range(6):
        name = 'Zoë "Z", Ünal\nJr.' if number == 0 else None
        leads.append(
            server.add_lead(firstName=name, email=f"p{number}@example.com", leadStatus="New", leadScore=number)
        )
        server.pass_time(days=15)
    server.now = end - timedelta(days=5)
    server.act(
        leads[0], 11, primary=7, text="Newsletter", campaign=campaign, attributes={"Link": "https://acme.example"}
    )
    server.act(leads[1], 2, primary=form, attributes={"Form Fields": 'a:1:{s:5:"Email";s:13:"p1@example.com";}'})
    server.act(leads[2], 104, primary=program, attributes={"New Status": "Attended", "Success": True})
    server.act(leads[3], 104, primary=program, attributes={"New Status": "Invited", "Success": False})
    server.act(leads[3], 10, primary=7)
    server.now = end


@pytest.fixture
def marketo(tmp_path: Path) -> Iterator[Subscription]:
    with MarketoServer(NOON) as server:
        live(server)
        yield Subscription(server, tmp_path)


LIFECYCLE = {
    "lifecycle_field": "Lifecycle_Status__c",
    "lifecycle": {"MQL": "mql_at", "Sales Qualified": "sql_at"},
}
CHANGES = "select marketo_guid, activity_date, attribute_name, old_value, new_value from mkt.data_value_change"


def changes(server: MarketoServer) -> dict[str, list[Any]]:
    """What the subscription tells of the field of the lifecycle."""
    told = [each for each in server.activities if each.row["primaryAttributeValue"] == "Lifecycle Status"]
    return {
        each.row["marketoGUID"]: [
            each.row["activityDate"].strftime("%Y-%m-%dT%H:%M:%SZ"),
            "Lifecycle_Status__c",
            each.attributes.get("Old Value"),
            each.attributes["New Value"],
        ]
        for each in told
    }


WHOLE = {"lead": 6, "activity": 4, "program": 1, "campaign": 2, "form": 1}


def test_everything_lands_whole_under_its_own_names(marketo: Subscription) -> None:
    marketo.through_dlt = True
    landed = marketo.land()
    assert {*landed, "data_value_change"} == set(OBJECTS) == set(LANDED["marketo"])
    assert landed == WHOLE
    assert ('Zoë "Z", Ünal\nJr.',) in marketo.read("select first_name from mkt.lead")
    assert marketo.read("select count(*) from mkt.lead where last_name is not null") == [(0,)]
    assert marketo.read("select cost, start_date, tag_currency, created_at from mkt.program") == [
        ("102.5", "2026-11-02", "EUR", "2026-08-14T18:00:00Z")
    ]
    assert marketo.read("select activity_type, new_status, success from mkt.activity order by 1, 2") == [
        ("Change Status in Progression", "Attended", "true"),
        ("Change Status in Progression", "Invited", "false"),
        ("Click Email", None, None),
        ("Fill Out Form", None, None),
    ]
    assert marketo.server.token_count == 1


def test_what_people_typed_and_large_texts_are_left_out(marketo: Subscription) -> None:
    marketo.land()
    assert {"address", "mkto_company_notes", "cookies"}.isdisjoint(row[0] for row in marketo.read("describe mkt.lead"))
    assert {"attributes", "primary_attribute_value"}.isdisjoint(row[0] for row in marketo.read("describe mkt.activity"))


def test_the_ledger_is_told_types_keys_and_what_is_personal(marketo: Subscription) -> None:
    marketo.land(columns={"person": {"MQL_Date__c": "mql_at"}})
    asked = "select key_columns, mode, governed, personal, email_column from mkt.manifest where entity = "
    key, mode, governed, personal, email = marketo.read(asked + "'lead'")[0]
    assert (key, mode, email) == ('["id"]', "state", "email")
    for name, kind in (("created_at", "TIMESTAMP"), ("mql_date_c", "TIMESTAMP"), ("lead_score", "DECIMAL(18,4)")):
        assert f'"{name}": "{kind}"' in governed
    assert set(eval(personal)) >= {"first_name", "last_name", "mkto_name", "email", "phone", "mobile_phone"}  # noqa: S307
    assert {"title", "country", "lead_source"}.isdisjoint(eval(personal))  # noqa: S307 - a JSON list
    assert marketo.read(asked + "'activity'")[0][:2] == ('["marketo_guid"]', "events")


def test_windows_are_no_longer_than_allowed_and_leave_nothing_between() -> None:
    found = windows(NOON - timedelta(days=100, microseconds=1), NOON)
    assert len(found) == 4
    assert all(window.end - window.start <= LONGEST_WINDOW for window in found)
    assert all(one.end == other.start for one, other in pairwise(found))
    assert found[0].start <= NOON - timedelta(days=100, microseconds=1)
    assert found[-1].end >= NOON


# ---------------------------------------------------------------- faults


def says(code: str, message: str = "says so", **headers: str) -> Fault:
    body = {"requestId": "x", "success": False, "errors": [{"code": code, "message": message}]}
    return status(200, body, **headers)


PASSING = {
    "429 with Retry-After": status(429, Retry_After="3"), "429": status(429), "500": status(500), "reset": reset(),
    "truncated": truncated(), "cut": cut(), "empty 200": status(200), "rate (606)": says("606"), "615": says("615"),
    "timed out (604)": says("604"), "unavailable (608)": says("608"), "system (611)": says("611"), "713": says("713"),
    "token invalid (601)": says("601"), "token expired (602)": says("602"),
}  # fmt: skip


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
@pytest.mark.parametrize(
    "path", first_of(["file", "describe", "create", "enqueue", "status", "deletedleads", "programs", "campaigns"])
)
def test_passing_trouble_anywhere_is_waited_out(marketo: Subscription, fault: Fault, path: str) -> None:
    marketo.only = ("lead",) if path == "file" else ()
    marketo.server.put(fault, path=path)
    assert marketo.land() == marketo.whole()


IMPATIENT = Patience(read_timeout=0.2)


@pytest.mark.parametrize(
    "path",
    first_of(
        [
            *("describe", "create", "enqueue", "status", "leads/export/.*file", "activities/export/.*file", "types"),
            *("pagingtoken", r"v1/activities\.json", "deletedleads", "folders", "programs", r"program/\d+", "tagTypes"),
            *("forms", "campaigns", "oauth/token"),
        ]
    ),
)
def test_a_silent_server_is_asked_again(marketo: Subscription, path: str) -> None:
    marketo.server.put(silent(0.6), path=path)
    assert marketo.land(patience=IMPATIENT) == WHOLE
    assert [wait for wait in marketo.waits if wait <= IMPATIENT.first_wait]  # a poll waits longer


def test_a_server_that_stays_silent_ends_the_run_and_the_next_one_is_whole(marketo: Subscription) -> None:
    marketo.server.put(silent(0.6), path="deletedleads", times=100)
    with pytest.raises(LandingError, match=r"deletedleads.json: got no answer within 0.2 s, 6 times in a row"):
        marketo.land(patience=IMPATIENT)
    marketo.server.recover()
    assert marketo.land() == WHOLE


@pytest.mark.parametrize(("headers", "wait"), [({}, 20), ({"Retry_After": "33"}, 33), ({"Retry_After": "0"}, 20)])
def test_a_rate_limit_is_waited_out_as_long_as_marketo_asks(
    marketo: Subscription, headers: dict[str, str], wait: float
) -> None:
    marketo.only = ("lead",)
    marketo.server.put(says("606", "Max rate limit '100' exceeded", **headers), path="describe")
    assert marketo.land() == marketo.whole()
    assert marketo.waits.count(wait) == 1


def test_a_rate_limit_that_asks_for_too_much_ends_the_run(marketo: Subscription) -> None:
    marketo.server.put(says("606", Retry_After="4000"), path="describe")
    with pytest.raises(LandingError, match=r"error 606 .*asked to wait 4,000 s"):
        marketo.land()


def test_a_token_that_expires_in_the_middle_is_renewed(marketo: Subscription) -> None:
    marketo.server.token_calls = 15
    assert marketo.land() == WHOLE
    assert marketo.server.token_count == 2


@pytest.mark.parametrize(
    ("code", "message", "said"),
    [
        ("607", "Daily API Request Limit Reached", "error 607.*after midnight Central Time"),
        ("603", "Access denied", "error 603.*the permission Read-Only Lead"),
        ("1029", "Export daily quota 500MB exceeded", "error 1029.*after midnight Central Time"),
        ("1006", "Field 'x' not found", "error 1006"),
    ],
)
def test_lasting_trouble_ends_the_run_and_the_next_one_is_whole(
    marketo: Subscription, code: str, message: str, said: str
) -> None:
    marketo.only = ("lead",)
    marketo.server.put(says(code, message), path="leads/export/create", times=100)
    with pytest.raises(LandingError, match=said):
        marketo.land()
    marketo.server.recover()
    assert marketo.land() == marketo.whole()


def test_a_failed_job_ends_the_run_and_the_others_are_taken_back(marketo: Subscription) -> None:
    marketo.only = ("lead",)

    def fail(answer: Answer) -> Answer:
        job = {**answer.body["result"][0], "status": "Failed", "errorMsg": "Internal"}
        return replace(answer, body={**answer.body, "result": [job]})

    marketo.server.put(changed(fail), path="status")
    with pytest.raises(LandingError, match=r"mkt.lead: the export job .* ended as Failed \(Internal\)"):
        marketo.land()
    assert {job.status for job in marketo.server.jobs.values()} <= {"Cancelled", "Queued", "Completed"}
    assert [job for job in marketo.server.jobs.values() if job.status == "Queued"][1:] == []
    marketo.server.recover()
    assert marketo.land() == marketo.whole()


def test_a_job_that_never_ends_is_given_up(marketo: Subscription) -> None:
    marketo.server.looks_needed = 10**9
    with pytest.raises(LandingError, match="still Processing after"):
        marketo.land()


def test_a_full_queue_is_waited_for(marketo: Subscription) -> None:
    marketo.server.others_in_queue = 14
    assert marketo.land() == WHOLE
    assert sum(marketo.waits) > 60


def test_a_file_is_read_on_where_a_connection_broke_off(marketo: Subscription) -> None:
    marketo.only = ("lead",)
    marketo.server.put(reset(), path="file", after=2)
    assert marketo.land() == marketo.whole()
    ranges = [request.headers["range"] for request in marketo.server.asked("leads/export/.*file")]
    assert len(ranges) - len({(each, index) for index, each in enumerate(ranges)}) == 0
    assert "bytes=200-399" in ranges


def test_a_server_without_ranges_gives_the_whole(marketo: Subscription) -> None:
    marketo.only = ("lead",)
    marketo.server.knows_ranges = False
    assert marketo.land() == marketo.whole()


def less(answer: Answer) -> Answer:
    return replace(answer, body=answer.content[:-9] + b"x" * 9)


def test_a_file_that_its_checksum_denies_ends_the_run(marketo: Subscription) -> None:
    marketo.only = ("lead",)
    marketo.server.put(changed(less), path="leads/export/.*file", times=100)
    with pytest.raises(LandingError, match=r"mkt.lead: the file of the job .* with the checksum sha256:"):
        marketo.land()
    marketo.server.recover()
    assert marketo.land() == marketo.whole()


def test_rows_that_are_missing_by_the_job_s_count_end_the_run(marketo: Subscription) -> None:
    def more(answer: Answer) -> Answer:
        job = answer.body["result"][0]
        return replace(
            answer, body={**answer.body, "result": [{**job, "numberOfRecords": job.get("numberOfRecords", 0) + 1}]}
        )

    marketo.server.put(changed(more), path="leads/export/.*status", times=100)
    with pytest.raises(LandingError, match=r"mkt.lead: got \d+ rows, expected the \d+ of the job's numberOfRecords"):
        marketo.land()


def test_a_file_that_is_gone_ends_the_run(marketo: Subscription) -> None:
    marketo.only = ("lead",)
    marketo.server.put(status(404), path="file", times=10)
    with pytest.raises(LandingError, match="HTTP 404"):
        marketo.land()
    marketo.server.recover()
    assert marketo.land() == marketo.whole()


def test_a_bom_does_no_harm(marketo: Subscription) -> None:
    marketo.only = ("lead",)
    write = marketo.server._write

    def with_bom(job: Any) -> None:
        write(job)
        job.content = b"\xef\xbb\xbf" + job.content

    marketo.server._write = with_bom  # type: ignore[method-assign]
    assert marketo.land() == marketo.whole()


def test_the_day_s_exports_are_not_used_up(marketo: Subscription) -> None:
    with pytest.raises(LandingError, match=r"0 of the 0 MB that may be exported today are used.*midnight Central"):
        marketo.land(daily_export_mb=0)


def test_a_first_pull_goes_on_where_the_quota_ended_it(marketo: Subscription) -> None:
    marketo.server.quota = 1_500
    with pytest.raises(LandingError, match="quota"):
        marketo.land()
    first = len([job for job in marketo.server.jobs.values() if job.status == "Completed"])
    assert first
    changed_lead, gone = list(marketo.server.leads)[:2]
    marketo.server.pass_time(days=1)
    marketo.server.change_lead(changed_lead, leadStatus="Changed")
    marketo.server.delete_lead(gone)
    marketo.server.quota = 500_000_000
    before = len(marketo.server.asked("leads/export/create"))
    marketo.land()
    assert marketo.leads() == marketo.truth()
    assert len(marketo.server.asked("leads/export/create")) - before < 7
    marketo.server.pass_time(days=1)
    marketo.land()
    assert marketo.leads() == marketo.truth()


# ---------------------------------------------------------------- changes


def test_a_second_run_asks_for_changes_only(marketo: Subscription) -> None:
    marketo.land()
    before = len(marketo.server.jobs)
    marketo.server.pass_time(days=1)
    first, second, third, fourth, *_ = list(marketo.server.leads)
    marketo.server.change_lead(first, MQL_Date__c=marketo.server.now)  # which does not move what is shown as updatedAt
    marketo.server.delete_lead(second)
    marketo.server.merge_leads(third, fourth)
    marketo.server.act(third, 11, primary=7)
    marketo.land()
    assert marketo.leads() == marketo.truth()
    assert marketo.read(f"select mql_date_c from mkt.lead where id = '{first}'")[0][0] is not None
    assert marketo.read("select merged_lead_id from mkt.activity where merged_lead_id is not null") == [(str(fourth),)]
    asked = [request.json["filter"] for request in marketo.server.asked("create")[before:]]
    assert [list(each) for each in asked] == [["updatedAt"], ["updatedAt"], ["activityTypeIds", "createdAt"]]


def test_a_merge_of_several_ends_them_all(marketo: Subscription) -> None:
    marketo.land()
    marketo.server.pass_time(days=1)
    winner, *losers = list(marketo.server.leads)[:3]
    marketo.server.merge_leads(winner, *losers)
    marketo.land()
    assert marketo.leads() == marketo.truth()
    assert {
        row[0] for row in marketo.read("select merged_lead_id from mkt.activity where merged_lead_id is not null")
    } == {str(loser) for loser in losers}


def test_a_winner_that_is_merged_itself_ends_too(marketo: Subscription) -> None:
    first, second, third, *_ = list(marketo.server.leads)
    guid = marketo.server.act(first, 11, primary=7)
    marketo.land()
    marketo.server.pass_time(hours=8)
    marketo.server.merge_leads(second, first)
    marketo.server.merge_leads(third, second)
    marketo.land()
    assert marketo.leads() == marketo.truth()
    merges = "select merged_lead_id, lead_id from mkt.activity where merged_lead_id is not null"
    assert dict(marketo.read(merges)) == {str(first): str(second), str(second): str(third)}
    assert marketo.read(f"select lead_id from mkt.activity where marketo_guid = '{guid}'") == [(str(third),)]
    fourth = list(marketo.server.leads)[1]
    marketo.server.pass_time(days=2)
    marketo.server.merge_leads(fourth, third)
    marketo.land()
    assert marketo.leads() == marketo.truth()
    assert dict(marketo.read(merges))[str(third)] == str(fourth)


def test_a_lead_that_is_deleted_and_made_again_is_another(marketo: Subscription) -> None:
    marketo.land()
    deleted = next(iter(marketo.server.leads))
    marketo.server.pass_time(days=1)
    marketo.server.delete_lead(deleted)
    marketo.server.pass_time(minutes=10)
    again = marketo.server.add_lead(email="p0@example.com", leadStatus="Again")
    for _ in range(2):
        marketo.server.pass_time(minutes=10)
        marketo.land()
        assert marketo.leads() == marketo.truth()
    assert marketo.leads()[str(again)] == "Again"


@pytest.mark.parametrize(("hours", "by"), [(311, "updatedAt"), (313, "createdAt")])
def test_deletions_are_told_for_long_enough_or_all_leads_are_pulled_anew(
    marketo: Subscription, hours: float, by: str
) -> None:
    marketo.land()
    before = len(marketo.server.asked("leads/export/create"))
    first, second, *_ = list(marketo.server.leads)
    marketo.server.delete_lead(first)
    marketo.server.pass_time(hours=hours)
    marketo.server.delete_lead(second)
    marketo.land()
    assert marketo.leads() == marketo.truth()
    asked = [next(iter(request.json["filter"])) for request in marketo.server.asked("leads/export/create")[before:]]
    assert asked[1] == by  # the first is the probe


def lead_back(answer: Answer) -> Answer:
    since = answer.body["nextPageToken"].partition("|")[0]
    return replace(answer, body={**answer.body, "moreResult": True, "nextPageToken": f"{since}|1"})


def test_deletions_whose_page_leads_back_end_the_run(marketo: Subscription) -> None:
    marketo.land()
    for lead in list(marketo.server.leads)[:3]:
        marketo.server.delete_lead(lead)
    marketo.server.page_rows = 1
    marketo.server.put(changed(lead_back), path="deletedleads", after=1)
    with pytest.raises(LandingError, match=r"deletedleads.json: got a page that leads back to one that was read"):
        marketo.land()
    marketo.land()
    assert marketo.leads() == marketo.truth()


def leading_on(rows: int) -> Fault:
    """The next page begins some rows off."""

    def fault(answer: Answer) -> Answer:
        since, _, start = answer.body["nextPageToken"].partition("|")
        return replace(answer, body={**answer.body, "nextPageToken": f"{since}|{int(start) + rows}"})

    return changed(fault)


@pytest.mark.parametrize(("rows", "left"), [(-1, 0), (1, 1)], ids=["repeated", "left out"])
def test_a_page_of_deletions_that_comes_twice_or_not_at_all_is_made_good(
    marketo: Subscription, rows: int, left: int
) -> None:
    marketo.land()
    for lead in list(marketo.server.leads)[:4]:
        marketo.server.delete_lead(lead)
    marketo.server.page_rows = 2
    marketo.server.pass_time(days=1)
    marketo.server.put(leading_on(rows), path="deletedleads")
    marketo.land()
    assert len(marketo.leads().keys() - marketo.truth().keys()) == left  # which Marketo gives no count to tell
    marketo.server.pass_time(days=1)
    marketo.land()
    assert marketo.leads() == marketo.truth()


def test_what_is_committed_late_inside_the_look_back_is_found(marketo: Subscription) -> None:
    marketo.land()
    lead = next(iter(marketo.server.leads))
    marketo.server.change_lead(lead, at=marketo.server.now - timedelta(minutes=50), leadStatus="Late")
    marketo.server.act(lead, 11, at=marketo.server.now - timedelta(hours=20))
    marketo.server.pass_time(days=1)
    assert marketo.land()["activity"] == WHOLE["activity"] + 1
    assert marketo.leads()[str(lead)] == "Late"


def test_a_run_that_breaks_off_repeats_from_the_old_cursor(marketo: Subscription) -> None:
    marketo.through_dlt = True
    marketo.land()
    marketo.server.pass_time(days=1)
    marketo.server.change_lead(next(iter(marketo.server.leads)), leadStatus="Changed")
    marketo.server.put(status(400), path="forms")
    with pytest.raises(LandingError):
        marketo.land()
    marketo.server.recover()
    marketo.server.pass_time(days=1)
    marketo.land()
    assert marketo.leads() == marketo.truth()


def test_an_outage_of_forty_days_is_made_good(marketo: Subscription) -> None:
    marketo.land()
    marketo.server.pass_time(days=3)
    first, second, *_ = list(marketo.server.leads)
    marketo.server.delete_lead(first)
    marketo.server.act(second, 11)
    marketo.server.pass_time(days=37)
    marketo.server.add_lead(leadStatus="New")
    marketo.server.act(second, 11)
    assert marketo.land()["activity"] == WHOLE["activity"] + 2
    assert marketo.leads() == marketo.truth()


def test_without_the_filter_by_change_all_leads_are_exported_every_day(marketo: Subscription) -> None:
    marketo.server.has_updated_filter = False
    marketo.land()
    marketo.server.pass_time(days=1)
    marketo.server.change_lead(next(iter(marketo.server.leads)), leadStatus="Changed")
    marketo.land()
    assert marketo.leads() == marketo.truth()
    found = {finding.check: finding for finding in marketo.source().check()}
    assert found["lead"].level == "warn"
    assert "1035" in found["lead"].message


@pytest.mark.parametrize("seed", first_of(range(3)))
def test_random_days_are_told_as_they_were(marketo: Subscription, seed: int) -> None:
    chance, server = random.Random(seed), marketo.server
    marketo.options = LIFECYCLE
    for day in range(drawn(5, 8)):
        for _ in range(chance.randrange(6)):
            leads = list(server.leads)
            lead = chance.choice(leads)
            what = chance.choice(["add", "change", "delete", "merge", "act", "wait"])
            if what == "add":
                server.add_lead(leadStatus=f"day {day}")
            elif what == "change":
                server.change_lead(lead, leadStatus=f"day {day}", Lifecycle_Status__c=chance.choice(["MQL", "SAL"]))
            elif what == "delete" and len(leads) > 3:
                server.delete_lead(lead)
            elif what == "merge" and len(leads) > 3:
                server.merge_leads(lead, next(each for each in leads if each != lead))
            elif what == "act":
                server.act(lead, chance.choice([2, 10, 11, 104]))
            server.pass_time(minutes=chance.randrange(200))
        if chance.random() < 0.3:
            server.put(status(400), path=chance.choice(["status", "file", "program", "deletedleads"]))
            with pytest.raises(LandingError):
                marketo.land()
            server.recover()
        marketo.land()
        assert marketo.leads() == marketo.truth()
        told = {row.row["marketoGUID"] for row in server.activities if row.row["activityTypeId"] in (2, 11, 32, 104)}
        assert {row[0] for row in marketo.read("select marketo_guid from mkt.activity")} == told
        assert {guid: values for guid, *values in marketo.read(CHANGES)} == changes(server)
        server.pass_time(hours=chance.choice([10, 24, 40]))


def test_programs_beyond_a_page_are_listed_until_two_readings_agree(marketo: Subscription) -> None:
    for _ in range(250):
        marketo.server.add_program()

    def meanwhile(request: Request, vendor: Callable[[Request], Answer]) -> Answer:
        del marketo.server.programs[next(iter(marketo.server.programs))]
        return vendor(request)

    marketo.server.put(meanwhile, path="programs", after=1)
    assert marketo.land()["program"] == 250


def test_a_field_that_is_gone_is_absent(marketo: Subscription) -> None:
    marketo.land()
    del marketo.server.fields["leadScore"]
    marketo.server.pass_time(days=1)
    marketo.land()
    assert "lead_score" not in {row[0] for row in marketo.read("describe mkt.lead")}


def test_a_retyped_field_stays_text_for_all_rows(marketo: Subscription) -> None:
    marketo.land()
    before = dict(marketo.read("select id, lead_score from mkt.lead"))
    marketo.server.fields["leadScore"] = "string"
    first = next(iter(marketo.server.leads))
    marketo.server.pass_time(days=1)
    marketo.server.change_lead(first, leadScore="high")
    marketo.land()
    assert dict(marketo.read("select id, lead_score from mkt.lead")) == before | {str(first): "high"}


def test_a_renamed_field_is_another_for_all_rows(marketo: Subscription) -> None:
    marketo.land()
    before = dict(marketo.read("select id, lead_score from mkt.lead"))
    marketo.server.fields["points"] = marketo.server.fields.pop("leadScore")
    for lead in marketo.server.leads.values():
        lead.values["points"] = lead.values.pop("leadScore")
    marketo.server.pass_time(days=1)
    marketo.land()
    assert "lead_score" not in {row[0] for row in marketo.read("describe mkt.lead")}
    assert dict(marketo.read("select id, points from mkt.lead")) == before


def test_a_refused_paging_token_ends_the_run_and_a_second_run_completes(marketo: Subscription) -> None:
    marketo.land()
    marketo.server.pass_time(days=1)
    marketo.server.delete_lead(next(iter(marketo.server.leads)))
    marketo.server.put(says("1003", "Paging token has expired"), path="deletedleads")
    with pytest.raises(LandingError, match="1003"):
        marketo.land()
    marketo.land()
    assert marketo.leads() == marketo.truth()


def test_activities_of_the_instant_at_a_window_s_edge_land_once(marketo: Subscription) -> None:
    lead = next(iter(marketo.server.leads))
    edge = marketo.server.now
    marketo.server.act(lead, 11, at=edge)
    marketo.server.act(lead, 11, at=edge)
    marketo.land()
    marketo.server.pass_time(days=1)
    assert marketo.land()["activity"] == WHOLE["activity"] + 2
    assert marketo.read("select count(distinct marketo_guid) from mkt.activity") == [(WHOLE["activity"] + 2,)]


# ---------------------------------------------------------------- changes of the field of the lifecycle


def step(marketo: Subscription, value: str, **delta: float) -> None:
    """The first lead reaches a step, and changes in other ways."""
    marketo.server.pass_time(**delta)
    marketo.server.change_lead(next(iter(marketo.server.leads)), Lifecycle_Status__c=value, title="CFO", leadScore=7)


@pytest.mark.parametrize("has_filter", [True, False])
def test_changes_of_one_field_land_and_nothing_of_others(marketo: Subscription, has_filter: bool) -> None:
    marketo.options, marketo.server.has_attribute_filter = LIFECYCLE, has_filter
    step(marketo, "MQL")
    assert marketo.land()["data_value_change"] == 1
    step(marketo, "Sales Qualified", days=1)
    assert marketo.land()["data_value_change"] == 2
    lead = str(next(iter(marketo.server.leads)))
    assert marketo.read("select lead_id, old_value, new_value from mkt.data_value_change order by 1, 3") == [
        (lead, None, "MQL"), (lead, "MQL", "Sales Qualified")
    ]  # fmt: skip
    assert {guid: values for guid, *values in marketo.read(CHANGES)} == changes(marketo.server)
    columns = {row[0] for row in marketo.read("describe mkt.data_value_change") if not row[0].startswith("_")}
    assert columns == {"marketo_guid", "lead_id", "activity_date", "attribute_name", "old_value", "new_value"}
    manifest = marketo.manifest("data_value_change")
    assert (manifest["mode"], manifest["governed"]) == ("events", '{"activity_date": "TIMESTAMP"}')


def test_without_a_field_of_the_lifecycle_its_changes_are_not_asked_for(marketo: Subscription) -> None:
    step(marketo, "MQL")
    assert "data_value_change" not in marketo.land()
    assert all(13 not in each.json["filter"].get("activityTypeIds", ()) for each in marketo.server.asked("create"))


def test_changes_are_asked_for_as_far_back_as_they_are_kept_and_then_since_the_last_run(marketo: Subscription) -> None:
    marketo.server.born = NOON - timedelta(days=1_000)
    marketo.land(**LIFECYCLE)
    marketo.server.pass_time(days=2)
    marketo.land(**LIFECYCLE)

    def asked() -> list[tuple[datetime, datetime]]:
        filters = [request.json["filter"] for request in marketo.server.asked("activities/export/create")]
        spans = [each["createdAt"] for each in filters if "primaryAttributeValueIds" in each]
        return [(datetime.fromisoformat(span["startAt"]), datetime.fromisoformat(span["endAt"])) for span in spans]

    probe, *first, _, later = asked()
    assert probe[1] - probe[0] <= timedelta(hours=1, seconds=1)
    assert (first[0][0], first[-1][1]) == (NOON - timedelta(days=90), NOON + timedelta(seconds=1))
    assert len(first) == 3
    assert later[0] == NOON - timedelta(days=1)


def test_changes_that_marketo_no_longer_keeps_leave_the_state_and_stay_landed_until_then(marketo: Subscription) -> None:
    marketo.options = LIFECYCLE
    step(marketo, "MQL")
    marketo.land()
    step(marketo, "Sales Qualified", days=80)
    assert marketo.land()["data_value_change"] == 2
    marketo.server.pass_time(days=20)
    assert marketo.land()["data_value_change"] == 1


def test_a_first_pull_of_changes_goes_on_where_the_quota_ended_it(marketo: Subscription) -> None:
    marketo.options = {**LIFECYCLE, "exclude": ["lead", "activity"]}
    for number in range(40):
        step(marketo, f"step {number}", days=2)
    marketo.server.quota = 500
    with pytest.raises(LandingError, match="quota"):
        marketo.land()
    step(marketo, "MQL", days=1)
    marketo.server.quota = 500_000_000
    known, made = spans(marketo.server), len(marketo.server.jobs)
    marketo.land()
    assert {guid: values for guid, *values in marketo.read(CHANGES)} == changes(marketo.server)
    assert known
    assert [span for span in spans(marketo.server, made) if span in known] == []


def spans(server: MarketoServer, after: int = 0) -> list[dict[str, str]]:
    """The windows of the completed exports since a job."""
    jobs = [job for job in list(server.jobs.values())[after:] if job.status == "Completed"]
    return [job.body["filter"]["createdAt"] for job in jobs]


def test_another_field_of_the_lifecycle_is_pulled_as_far_back(marketo: Subscription) -> None:
    step(marketo, "MQL")
    marketo.land(**LIFECYCLE)
    marketo.server.pass_time(days=5)
    assert marketo.land(**{**LIFECYCLE, "lifecycle_field": "title"})["data_value_change"] == 1
    told = "select attribute_name, old_value, new_value from mkt.data_value_change"
    assert marketo.read(told) == [("title", None, "CFO")]


def test_while_the_field_is_hidden_its_changes_wait(marketo: Subscription) -> None:
    marketo.options = LIFECYCLE
    marketo.land()
    kind = marketo.server.fields.pop("Lifecycle_Status__c")
    step(marketo, "MQL", days=1)
    assert "data_value_change" not in marketo.land()
    found = {finding.check: finding for finding in marketo.source().check()}
    assert found["data_value_change"].level == "warn"
    assert "no Lifecycle_Status__c among the fields of leads" in found["data_value_change"].message
    marketo.server.fields["Lifecycle_Status__c"] = kind
    marketo.server.pass_time(days=5)
    assert marketo.land()["data_value_change"] == 1


def test_doctor_says_whether_the_changes_of_one_field_can_be_picked_out(marketo: Subscription) -> None:
    marketo.options = LIFECYCLE
    found = {finding.check: finding for finding in marketo.source().check()}
    assert found["data_value_change"].level == "ok"
    assert "steps are MQL, Sales Qualified" in found["data_value_change"].message
    marketo.server.has_attribute_filter = False
    found = {finding.check: finding for finding in marketo.source().check()}
    assert (found["data_value_change"].level, found["lead"].level) == ("warn", "ok")
    assert "1035" in found["data_value_change"].message


# ---------------------------------------------------------------- options, doctor, secrets


def test_further_types_of_activities_are_touches_by_name(marketo: Subscription) -> None:
    marketo.server.types[100001] = "Attended Dinner"
    marketo.server.act(next(iter(marketo.server.leads)), 100001)
    assert marketo.land(touches=["Attended Dinner"])["activity"] == WHOLE["activity"] + 1
    with pytest.raises(LandingError, match="touches: got Attended Diner"):
        marketo.land(touches=["Attended Diner"])


def test_options_that_cannot_be_right_are_refused(marketo: Subscription) -> None:
    with pytest.raises(SourceError, match="exclude: got leads"):
        marketo.source(exclude=["leads"])
    with pytest.raises(SourceError, match="base_url"):
        marketo.source(base_url="http://123-ABC-456.mktorest.com")


def test_a_sound_subscription_has_no_failure(marketo: Subscription) -> None:
    assert {finding.level for finding in marketo.source().check()} == {"ok"}


@pytest.mark.parametrize(
    ("permission", "entity"), [("Read-Only Assets", "program"), ("Read-Only Campaign", "campaign")]
)
def test_missing_permissions_are_found_with_their_name(marketo: Subscription, permission: str, entity: str) -> None:
    marketo.server.permissions.remove(permission)
    found = {finding.check: finding for finding in marketo.source().check()}
    assert found[entity].level == "fail"
    assert permission in found[entity].message


def test_the_lifecycle_is_proposed_from_the_fields_names(marketo: Subscription) -> None:
    assert marketo.source().lifecycle() == {"MQL_Date__c": "mql_at", "SAL_Date__c": "sal_at", "SQL_Date__c": "sql_at"}
    for name in ("MQL_Date__c", "SAL_Date__c", "SQL_Date__c"):
        del marketo.server.fields[name]
    marketo.server.fields |= {"mqlDate": "date", "salesAcceptedAt": "datetime", "squealDate": "date"}
    assert marketo.source().lifecycle() == {"mqlDate": "mql_at", "salesAcceptedAt": "sal_at"}


def test_wrong_credentials_name_no_secret(marketo: Subscription) -> None:
    wrong = "-".join(["wrong", "and", "secret"])
    marketo.environment["SOURCES__MKT__CLIENT_SECRET"] = wrong
    with pytest.raises(LandingError, match="HTTP 401") as failed:
        marketo.land()
    assert wrong not in str(failed.value)


def test_nothing_that_a_run_leaves_holds_a_secret(marketo: Subscription) -> None:
    marketo.land()
    for path in marketo.home.rglob("*"):
        if path.is_file():
            assert CLIENT_SECRET.encode() not in path.read_bytes()
            assert b"token-number-" not in path.read_bytes()
