"""A Marketo subscription, from its API to canonical rows, with the command that a user runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ingestion.source import SourceError
from tests.dbt_project.grain import doubled_rows
from tests.orchestration.conftest import STAGES, SWITCHED_OFF, Desk, OnVendor
from tests.vendors.marketo import CLIENT_ID, CLIENT_SECRET, MAPPING, MarketoServer
from tests.vendors.server import status

START = datetime(2026, 11, 20, 17, tzinfo=UTC)
TOML = """
[company]
time_zone = "America/New_York"

[sources.mkt]
type = "marketo"
base_url = "{url}"
lifecycle_field = "Lifecycle_Status__c"
lifecycle = {{ MQL = "mql_at", "MQL (o'clock)" = "mql_at", "Sales Qualified" = "sql_at" }}
"""


@dataclass(frozen=True)
class Subscription(OnVendor):
    """The subscription."""

    secrets: ClassVar[Mapping[str, str]] = {
        "SOURCES__MKT__CLIENT_ID": CLIENT_ID,
        "SOURCES__MKT__CLIENT_SECRET": CLIENT_SECRET,
    }

    server: MarketoServer


def instant(day: int, hour: int = 12) -> datetime:
    return datetime(2026, 11, day, hour, tzinfo=UTC)


def company(day: int) -> dict[str, dict[str, dict[str, Any]]]:
    """The canonical rows of two days: the second has one person less, a later stage and one touch more."""
    people: dict[str, dict[str, Any]] = {
        "per-1": {
            "person_id": "per-1", "account_id": "acc-9", "full_name": 'Zoë "Z" Ünal', "email": "zoe@acme.example",
            "phone": "+1 555", "title": "CFO", "lead_source": "Web", "lead_score": Decimal("23.0000"),
            "status": "new" if day == 1 else "mql", "owner_id": "usr-1", "created_at": instant(1),
            "mql_at": None if day == 1 else instant(21), "sal_at": None, "sql_at": None,
            "first_response_at": instant(3), "converted_opportunity_id": None,
        },
        "per-2": {
            "person_id": "per-2", "account_id": None, "full_name": "Lee", "email": None, "phone": None, "title": None,
            "lead_source": None, "lead_score": None, "status": None, "owner_id": None, "created_at": instant(2),
            "mql_at": None, "sal_at": None, "sql_at": None, "first_response_at": None,
            "converted_opportunity_id": "opp-1",
        },
    }  # fmt: skip
    campaign: dict[str, Any] = {
        "campaign_id": "cmp-1", "campaign_name": "Fair", "crm_campaign_id": "701000000000001AAA", "channel": "Event",
        "cost": Decimal("9425.97"), "currency_code": "EUR", "start_date": date(2026, 11, 1), "end_date": None,
    }  # fmt: skip
    kinds = [("email_click", "cmp-1"), ("webinar_attended", "cmp-1"), ("website_visit", None), ("email_click", None)]
    touches = {
        f"tch-{number}": {
            "touch_id": f"tch-{number}", "person_id": "per-1", "campaign_id": program, "touch_type": kind,
            "touched_at": instant((5, 6, 7, 21)[number]),
        }
        for number, (kind, program) in enumerate(kinds if day == 2 else kinds[:3])
    }  # fmt: skip
    return {
        "person": people if day == 1 else {"per-1": people["per-1"]},
        "campaign": {"cmp-1": campaign},
        "touch": touches,
    }


def live(server: MarketoServer) -> None:
    """The first day."""
    server.looks_needed = 0
    server.types |= dict(enumerate(("ad_click", "booth_visit", "website_visit", "webinar_attended"), 100_001))
    server.types |= {100_005: "partner_referral", 100_006: "content_download"}
    server.mirror(company(1))
    server.add_form(int(server.ids["campaign", "cmp-1"]))
    for number, stage in ((1, "Known"), (10, "MQL (o'clock)"), (12, "Nurture"), (15, "MQL")):
        reach(server, stage, instant(number))


def live_on(server: MarketoServer) -> None:
    """A day more."""
    server.pass_time(days=1)
    server.mirror(company(2))
    reach(server, "Sales Qualified", instant(20, 9))  # told a day late


# `test_hubspot_to_marts.py` runs a vendor every time, up to its marts; the reader of this one has quick tests, too.
@pytest.fixture(scope="module", params=[pytest.param("in views", marks=pytest.mark.slow)])
def marketo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subscription]:
    """Two captured days, in views or in marts, each of which fails at first.

    A run whose first day fails has nothing to build.
    """
    folder = tmp_path_factory.mktemp("marketo")
    with MarketoServer(START) as server:
        live(server)
        (folder / "pipeledger.toml").write_text(
            TOML.format(url=server.url) + MAPPING.replace("{name}", "mkt") + SWITCHED_OFF
        )
        (folder / "definitions").mkdir()
        (folder / "definitions" / "stage_definitions.csv").write_text(STAGES)
        found = Subscription(server, Desk(folder))
        doctor = found.run("doctor")
        assert doctor.code == 0, doctor.out
        refused = status(400, {"error": f"says {CLIENT_SECRET}"})
        server.put(refused, path="forms", times=5)
        broken = found.run("run")
        assert broken.code == 3, broken.err[-3000:]
        server.recover()
        found.capture()
        live_on(server)
        server.put(refused, path="forms", times=5)
        with pytest.raises(SourceError):
            found.capture()
        server.recover()
        if request.param == "in views":
            found.capture(accept=["drop"])
            found.view()
        else:
            second = found.run("run", "--accept-drop")
            assert second.code == 0, second.err[-3000:]
        yield found


def reach(server: MarketoServer, stage: str, at: datetime) -> None:
    """Two leads reach a stage of the lifecycle, of which one has a field that dates its step."""
    for name, mql_at in (("undated", None), ("dated", instant(8))):
        if ("lead", name) not in server.ids:
            server.ids["lead", name] = str(server.add_lead(leadStatus=name, MQL_Date__c=mql_at))
        lead = int(server.ids["lead", name])
        server.change_lead(lead, at=at, Lifecycle_Status__c=stage)
        server.leads[lead].changed_at = server.now  # when exports tell of it


def plain(value: Any) -> Any:
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value


def test_people_are_ours(marketo: Subscription) -> None:
    columns = ("account_id", "title", "lead_source", "lead_score", "status", "owner_id", "created_at", "mql_at",
               "sal_at", "sql_at", "first_response_at", "converted_opportunity_id")  # fmt: skip
    ids = marketo.server.ids
    for day, valid_from in ((1, date(2026, 11, 20)), (2, date(2026, 11, 21))):
        row = company(day)["person"]["per-1"]
        assert marketo.read(
            f"select {', '.join(columns)} from staging.stg_person where person_id = '{ids['person', 'per-1']}' "
            f"and valid_from = '{valid_from}'"
        ) == [tuple(plain(row[name]) for name in columns)]


def test_a_deleted_lead_ends(marketo: Subscription) -> None:
    assert marketo.read(
        "select valid_from, is_tombstone from staging.stg_person "
        "where not (status is not null or title is not null) order by 1"
    ) == [(date(2026, 11, 20), False), (date(2026, 11, 21), True)]


def test_steps_begin_with_the_first_change_into_them_that_was_known(marketo: Subscription) -> None:
    assert marketo.read(
        "select status, valid_from, mql_at, sal_at, sql_at from staging.stg_person "
        "where status in ('undated', 'dated') and valid_from < '2026-11-22' order by 1, 2"
    ) == [
        ("dated", date(2026, 11, 20), plain(instant(8)), None, None),
        ("dated", date(2026, 11, 21), plain(instant(8)), None, plain(instant(20, 9))),
        ("undated", date(2026, 11, 20), plain(instant(10)), None, None),
        ("undated", date(2026, 11, 21), plain(instant(10)), None, plain(instant(20, 9))),
    ]


def test_programs_are_campaigns(marketo: Subscription) -> None:
    columns = ("campaign_name", "crm_campaign_id", "channel", "cost", "currency_code", "start_date", "end_date")
    row = company(1)["campaign"]["cmp-1"]
    assert marketo.read(f"select {', '.join(columns)} from staging.stg_campaign") == [
        tuple(row[name] for name in columns)
    ]


def test_touches_are_ours(marketo: Subscription) -> None:
    ids = marketo.server.ids
    expected = sorted(
        (ids["touch", ours], ids["person", "per-1"], ids.get(("campaign", str(row["campaign_id"]))),
         row["touch_type"], plain(row["touched_at"]))
        for ours, row in company(2)["touch"].items()
    )  # fmt: skip
    assert (
        marketo.read(
            "select touch_id, person_id, campaign_id, touch_type, touched_at from staging.stg_touch order by 1"
        )
        == expected
    )


def test_the_ledger_verifies_and_holds_no_names(marketo: Subscription) -> None:
    assert marketo.run("verify").code == 0
    assert {"mkto_name", "email", "phone"}.isdisjoint(row[0] for row in marketo.read("describe ledger.marketo__lead"))


def test_no_model_has_two_rows_of_one_grain(marketo: Subscription) -> None:
    assert doubled_rows(marketo.desk.home / "warehouse.duckdb") == {}


# `test_hubspot_to_marts.py` builds the marts of a vendor every time, its funnel too.
@pytest.mark.slow
@pytest.mark.parametrize("marketo", ["in marts"], indirect=True)
def test_people_go_through_the_funnel(marketo: Subscription) -> None:
    steps = {step for (step,) in marketo.read("select distinct step from marts.fct_lifecycle_steps")}
    assert steps >= {"lead", "mql", "sql"}
    assert marketo.read("select max(entered) > 0 from marts.rpt_funnel_conversion where step = 'mql'") == [(True,)]


# `test_hubspot_to_marts.py` builds the marts of a vendor every time.
@pytest.mark.slow
@pytest.mark.parametrize("marketo", ["in marts"], indirect=True)
def test_no_mart_has_two_rows_of_one_grain(marketo: Subscription) -> None:
    assert doubled_rows(marketo.desk.home / "warehouse.duckdb") == {}


def test_nothing_that_the_runs_left_holds_a_secret(marketo: Subscription) -> None:
    left = [path for path in marketo.desk.folder.rglob("*") if path.is_file()]
    for secret in (CLIENT_SECRET, "token-number-"):
        assert [str(path) for path in left if secret.encode() in path.read_bytes()] == []


def test_a_merged_lead_s_touches_and_steps_are_those_of_its_winner(marketo: Subscription) -> None:
    server = marketo.server
    loser, undated = (int(server.ids[of]) for of in (("person", "per-1"), ("lead", "undated")))
    winners = [server.add_lead(leadStatus=f"winner {number}") for number in range(4)]
    server.pass_time(days=1)
    server.merge_leads(winners[0], loser, undated)
    for earlier, later in pairwise(winners):
        server.merge_leads(later, earlier)
    last = winners[-1]
    marketo.capture(accept=["drop"])  # what staging shows are views of the ledger: no build is needed
    assert marketo.read("select distinct person_id from staging.stg_touch") == [(str(last),)]
    assert marketo.read(
        "select person_id, valid_from, is_tombstone, mql_at, sql_at from staging.stg_person "
        f"where person_id in ('{undated}', '{last}') order by 1, 2"
    ) == [
        (str(undated), date(2026, 11, 20), False, plain(instant(10)), None),
        (str(undated), date(2026, 11, 21), False, plain(instant(10)), plain(instant(20, 9))),
        (str(undated), date(2026, 11, 22), True, None, None),
        (str(last), date(2026, 11, 22), False, plain(instant(10)), plain(instant(20, 9))),
    ]
    assert marketo.read(f"select is_tombstone from staging.stg_person where person_id = '{loser}' "
                        f"and valid_from = '{(START + timedelta(days=2)).date()}'") == [(True,)]  # fmt: skip


def test_init_asks_for_the_address_and_says_where_secrets_belong(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    arguments = ("init", "--time-zone", "UTC", "--type", "marketo", "--source", "mkt")
    assert "--option base_url=... missing" in desk.run(*arguments).err
    done = desk.run(*arguments, "--option", "base_url=https://127.0.0.1:9")
    assert done.code == 0, done.err
    text = (tmp_path / "pipeledger.toml").read_text()
    assert 'base_url = "https://127.0.0.1:9"' in text
    assert "SOURCES__MKT__CLIENT_SECRET" in text
