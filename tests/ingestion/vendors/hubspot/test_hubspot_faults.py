"""What goes wrong while an account is read: waited out, or nothing lands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ingestion.source import LandingError
from ingestion.source_types import LANDED
from tests.ingestion.vendors.hubspot.account import DEALS, Account
from tests.ingestion.vendors.hubspot.odd_answers import first_page, one_less, without
from tests.vendors.server import Answer, Fault, Request, changed, cut, first_of, reset, silent, status, truncated

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
    account.only = ("deal",) if path == PATHS[0] else ()
    account.server.put(fault, path=path)
    assert account.land()["deal"] == DEALS
    assert account.waits


def test_a_limit_by_the_ten_seconds_is_waited_as_long_as_asked(account: Account) -> None:
    account.only = ("deal",)
    account.server.put(status(429, {"policyName": "TEN_SECONDLY_ROLLING"}, Retry_After="3"), path="/deals$")
    account.land()
    assert account.waits == [3.0]


def test_a_day_that_broke_off_is_not_landed_and_a_second_run_completes_it(account: Account) -> None:
    account.through_dlt = True
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
    account.only = ("deal",) if where == PATHS[0] else ()
    account.server.put(fault, path=where, after=0 if "lost" in said or "of the search" in said else 1)
    with pytest.raises(LandingError, match=said):
        account.land()
    account.server.recover()
    assert account.land()["deal"] == DEALS


@pytest.mark.usefixtures("small_pages")
def test_rows_deleted_while_the_list_is_read_are_no_lost_page(account: Account) -> None:
    account.only = ("deal",)
    last = list(account.server.rows["deals"])[-1]

    def meanwhile(request: Request, vendor: Callable[[Request], Answer]) -> Answer:
        account.server.archive("deals", last)
        return vendor(request)

    account.server.put(meanwhile, path="/objects/2026-03/deals$", after=1)
    account.land()
    assert account.read("select count(*) from crm.deal where archived = 'false'") == [(4,)]


def test_an_expired_cursor_ends_the_run(account: Account) -> None:
    account.only = ("deal",)
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
