"""Random days of a vendor's life, walked back from its own history: each day is what the vendor held at its end."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import pytest

from ingestion.source_types import LANDED
from orchestration.settings.settings import load_settings
from orchestration.steps.backfill import backfill
from orchestration.steps.capture import land_and_capture
from snapshots.intervals import connect
from snapshots.reconstruct import Reconstructed
from tests.vendors import hubspot, salesforce
from tests.vendors.server import VendorServer

ZONE = ZoneInfo("America/New_York")
FIRST_DAY = date(2026, 10, 26)  # the clocks go back on 1 November
TOML = """
[company]
time_zone = "America/New_York"

[sources.crm]
type = "{kind}"
{address} = "{url}"
exclude = [{exclude}]
"""
Day = dict[str, dict[str, Any]]  # by id, by column of the ledger


class Life(Protocol):
    """A vendor that lives, and tells what it holds."""

    server: Any
    kind: str
    address: str
    entity: str  # that holds the opportunities
    histories: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]  # entities; columns that they tell
    untracked: tuple[str, ...]
    since: dict[str, date]  # the day from which a column is told, if not from the first

    def act(self, chance: random.Random) -> None: ...

    def day(self) -> Day: ...


@dataclass
class Hub:
    """A HubSpot account with deals."""

    server: hubspot.HubspotServer
    kind: str = "hubspot"
    address: str = "base_url"
    entity: str = "deal"
    histories: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
        (
            ("deal_property_history",),
            ("dealname", "dealstage", "amount", "closedate", "hubspot_owner_id", "hs_next_step",
             "hs_deal_stage_probability"),
        ),
    )  # fmt: skip
    untracked: tuple[str, ...] = ("description",)
    since: dict[str, date] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.server.kept_values = 1_000

    def act(self, chance: random.Random) -> None:
        rows = self.server.rows["deals"]
        there = [each for each, row in rows.items() if not row["archived"]]
        values = {
            "dealname": chance.choice(["One", 'Two "quoted"', "Dréi, and more"]),
            "dealstage": chance.choice(["1", "2", "3"]),
            "amount": chance.choice([None, "0", "1200.5", "25000000"]),
            "closedate": chance.choice([None, datetime(2027, 1, 31, 3, tzinfo=UTC), datetime(2027, 3, 1, tzinfo=UTC)]),
            "hubspot_owner_id": chance.choice([None, "71", "72"]),
            "hs_next_step": chance.choice([None, "Call", "Meet"]),
            "hs_deal_stage_probability": chance.choice(["0.25", "0.6"]),
            "description": chance.choice(["this", "that"]),
        }
        if not there or chance.random() < 0.2:
            self.server.add("deals", **values)
        elif len(there) > 2 and chance.random() < 0.1:
            self.server.archive("deals", chance.choice(there))
        else:
            names = chance.sample(sorted(values), chance.randrange(1, 4))
            self.server.change("deals", chance.choice(there), **{name: values[name] for name in names})

    def day(self) -> Day:
        return {
            each: {
                **{name: row["values"].get(name) for name in self.histories[0][1]},
                "amount": _decimal(row["values"].get("amount"), "0.01"),
                "hs_deal_stage_probability": _decimal(row["values"].get("hs_deal_stage_probability"), "0.000001"),
                "closedate": _instant(row["values"].get("closedate")),
            }
            for each, row in self.server.rows["deals"].items()
            if not row["archived"]
        }


@dataclass
class Org:
    """A Salesforce org with opportunities."""

    server: salesforce.SalesforceServer
    kind: str = "salesforce"
    address: str = "instance_url"
    entity: str = "opportunity"
    histories: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
        (("opportunity_history",), ("stage_name", "amount", "probability", "close_date", "forecast_category")),
        (("opportunity_field_history",), ("owner_id", "next_step")),
    )
    untracked: tuple[str, ...] = ("description", "name")
    since: dict[str, date] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.server.looks_needed = 0
        self.owners = [self.server.add("User", Name=name) for name in ("Ada", "Bob")]

    def act(self, chance: random.Random) -> None:
        rows = self.server.rows["Opportunity"]
        there = [each for each, row in rows.items() if not row["IsDeleted"]]
        values = {
            "StageName": chance.choice(["Prospecting", 'Pro"posal', "Zürich, closed"]),
            "Amount": chance.choice([None, 0.0, 1200.5, 25_000_000.0]),
            "Probability": chance.choice([25.0, 62.5]),
            "CloseDate": chance.choice([date(2027, 1, 31), date(2027, 3, 1)]),
            "ForecastCategory": chance.choice(["Pipeline", "BestCase"]),
            "OwnerId": chance.choice(self.owners),
            "NextStep": chance.choice([None, "Call", "Meet"]),
        }
        if not there or chance.random() < 0.2:
            self.server.open_opportunity(Name=str(chance.random()), Description="this", **values)
        elif len(there) > 2 and chance.random() < 0.1:
            self.server.delete("Opportunity", chance.choice(there))
        else:
            deal = chance.choice(there)
            names = chance.sample(sorted(values), chance.randrange(1, 4))
            self.server.move(deal, **{name: values[name] for name in names if values[name] != rows[deal][name]})
            self.server.change("Opportunity", deal, Description="that")
        if {row["Field"] for row in self.server.rows["OpportunityFieldHistory"].values()} & {"Owner", "NextStep"}:
            for column in ("owner_id", "next_step"):
                self.since.setdefault(column, self.server.now.astimezone(ZONE).date())

    def day(self) -> Day:
        return {
            each: {
                "stage_name": row["StageName"], "amount": _decimal(row["Amount"], "0.01"),
                "probability": _decimal(row["Probability"], "0.000001"), "close_date": row["CloseDate"],
                "forecast_category": row["ForecastCategory"], "owner_id": row["OwnerId"], "next_step": row["NextStep"],
            }
            for each, row in self.server.rows["Opportunity"].items()
            if not row["IsDeleted"]
        }  # fmt: skip


def _decimal(value: str | float | None, places: str) -> Decimal | None:
    return None if value is None else Decimal(str(value)).quantize(Decimal(places))


def _instant(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value).replace(tzinfo=None)


@dataclass
class Desk:
    """A company's home, in which days are captured and the past is walked back to."""

    folder: Path
    life: Life
    monkeypatch: pytest.MonkeyPatch

    def __post_init__(self) -> None:
        told = {self.life.entity, *(name for names, _ in self.life.histories for name in names)}
        excluded = ", ".join(f'"{name}"' for name in LANDED[self.life.kind] if name not in told)
        (self.folder / "pipeledger.toml").write_text(
            TOML.format(kind=self.life.kind, address=self.life.address, url=self.life.server.url, exclude=excluded)
        )
        for name, value in {
            "CLIENT_ID": salesforce.CLIENT_ID,
            "CLIENT_SECRET": salesforce.CLIENT_SECRET,
            "ACCESS_TOKEN": hubspot.TOKEN,
        }.items():
            self.monkeypatch.setenv(f"SOURCES__CRM__{name}", value)
        home = {"PIPELEDGER_HOME": str(self.folder / ".pipeledger")}
        self.settings = load_settings(self.folder / "pipeledger.toml", home)
        self.source = self.settings.config.enabled[0]

    def capture(self) -> date:
        now = self.life.server.now
        self.monkeypatch.setenv("PIPELEDGER_NOW", now.isoformat())
        day: date = now.astimezone(ZONE).date()
        done = land_and_capture(self.settings, self.source, [day], now=now, accept=["drop"])
        assert done.lost == [], done
        return day

    def backfill(self) -> Reconstructed:
        return backfill(self.settings, self.source)

    def read(self) -> list[dict[str, Any]]:
        """All versions of the opportunities in the ledger."""
        with connect(self.settings.store) as con:
            con.execute(f"select * from ledger.{self.life.kind}__{self.life.entity} order by id, valid_from")
            names = [column[0] for column in con.description or []]
            return [dict(zip(names, row, strict=True)) for row in con.fetchall()]


def on(versions: list[dict[str, Any]], day: date) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in versions if row["valid_from"] <= day < row["valid_to"]}


def live_days(life: Life, chance: random.Random, days: int) -> dict[date, Day]:
    """Random days, with something at their first and their last second; what was held at each one's end."""
    truth: dict[date, Day] = {}
    for number in range(days):
        day = FIRST_DAY + timedelta(days=number)
        midnight = datetime.combine(day, time(), ZONE).astimezone(UTC)
        next_midnight = datetime.combine(day + timedelta(days=1), time(), ZONE).astimezone(UTC)
        length = int((next_midnight - midnight).total_seconds())
        seconds = {chance.randrange(length) for _ in range(chance.randrange(1 if number else 2, 5))}
        seconds |= {0} if chance.random() < 0.3 else set()
        seconds |= {length - 1} if chance.random() < 0.3 else set()
        for second in sorted(seconds):
            life.server.now = midnight + timedelta(seconds=second)
            life.act(chance)
        truth[day] = life.day()
    return truth


@pytest.fixture(params=["hubspot", "salesforce"])
def life(request: pytest.FixtureRequest) -> Iterator[Life]:
    now = datetime.combine(FIRST_DAY, time(9), ZONE).astimezone(UTC)
    servers: Mapping[str, tuple[Callable[[datetime], VendorServer], Callable[[Any], Life]]] = {
        "hubspot": (hubspot.HubspotServer, Hub),
        "salesforce": (salesforce.SalesforceServer, Org),
    }
    server, life = servers[request.param]
    with server(now) as serving:
        yield life(serving)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_each_past_day_is_what_the_vendor_held_at_its_end(
    life: Life, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    desk = Desk(tmp_path, life, monkeypatch)
    truth = live_days(life, chance, 16)
    life.server.now += timedelta(days=1)
    life.act(chance)
    first = desk.capture()
    there = set(life.day())
    life.server.now += timedelta(days=1)
    life.act(chance)
    second = desk.capture()
    done = desk.backfill()
    tracked = [column for _, columns in life.histories for column in columns]
    assert set(done.tracked) == set(tracked)
    versions = desk.read()
    compared = 0
    for day, held in truth.items():
        found = on(versions, day)
        assert set(found) == set(held) & there, day
        for each, row in found.items():
            assert row["_pl_origin"] == "reconstructed"
            expected = {
                column: held[each][column] if life.since.get(column, day) <= day else None for column in tracked
            }
            assert {column: row[column] for column in tracked} == expected, (day, each)
            assert [row[column] for column in life.untracked] == [None] * len(life.untracked)
            compared += 1
    assert compared > 16
    for day in (first, second):
        assert {row["_pl_origin"] for row in on(versions, day).values()} == {"observed"}
    assert not desk.backfill().changed


def test_what_hubspot_forgot_of_a_history_is_unknown_and_not_invented(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.combine(FIRST_DAY, time(9), ZONE).astimezone(UTC)
    with hubspot.HubspotServer(now) as server:
        life = Hub(server)
        server.kept_values = 20
        deal = server.add("deals", dealname="Often changed", dealstage="1", amount="1")
        desk = Desk(tmp_path, life, monkeypatch)
        days = [FIRST_DAY + timedelta(days=number) for number in range(1, 26)]
        for number, _ in enumerate(days, 2):
            server.pass_time(days=1)
            server.change("deals", deal, amount=str(number))
        desk.capture()
        desk.backfill()
        versions = desk.read()
        amounts = [on(versions, day)[deal]["amount"] for day in (FIRST_DAY, *days)]
        assert amounts == [None] * 6 + [Decimal(number) for number in range(7, 27)]
        assert {on(versions, day)[deal]["dealstage"] for day in days} == {"1"}


def test_what_was_captured_of_a_history_outlives_what_hubspot_forgets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.combine(FIRST_DAY, time(9), ZONE).astimezone(UTC)
    with hubspot.HubspotServer(now) as server:
        life = Hub(server)
        server.kept_values = 20
        deal = server.add("deals", dealname="Often changed", amount="1")
        desk = Desk(tmp_path, life, monkeypatch)
        for number in range(2, 41):
            server.pass_time(days=1)
            server.change("deals", deal, amount=str(number))
            if number == 11:
                first = desk.capture()
        desk.capture()
        desk.backfill()
        versions = desk.read()
        days = [FIRST_DAY + timedelta(days=number) for number in range((first - FIRST_DAY).days)]
        assert [on(versions, day)[deal]["amount"] for day in days] == [Decimal(number) for number in range(1, 11)]
