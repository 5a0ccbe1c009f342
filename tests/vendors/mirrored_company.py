"""The demo company as its vendors' systems hold it: one company, one clock, several APIs on 127.0.0.1."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from ingestion.demo_company import source as demo
from ingestion.entities import ENTITIES

START = date(2025, 8, 18)
TIME_ZONE = "America/New_York"
SEED = 7
Rows = dict[str, dict[str, Any]]


class System(Protocol):
    """A vendor's simulator: it holds what it is told, at its own clock."""

    now: datetime
    ids: dict[tuple[str, str], str]

    def mirror(self, company: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None: ...


class Life:
    """The company's days, and all that was true at the end of each."""

    def __init__(self, scale: float) -> None:
        self.source = demo.build_source("demo", seed=SEED, start_date=START, time_zone=TIME_ZONE, scale=scale)
        self._events: dict[str, Rows] = {}

    def days(self, count: int) -> list[date]:
        """The first days on which the systems can be asked."""
        return list(self.source.days(START, START + timedelta(days=count - 1)).complete)

    def at(self, day: date) -> dict[str, Rows]:
        """Every entity's canonical rows by id at the end of `day`; days must come in order."""
        rows: dict[str, Rows] = {}
        for entity, extract in self.source.extract([day], day).items():
            found = {_id(entity, row): row for each in extract() for table in each.tables for row in table.to_pylist()}
            if ENTITIES[entity].mode == "events":
                self._events[entity] = self._events.get(entity, {}) | found
                found = self._events[entity]
            rows[entity] = found
        return rows


def live(life: Life, crm: System, others: list[System], days: list[date]) -> Iterator[tuple[date, datetime]]:
    """Bring all systems to the end of each day, one day at a time, and give the day and their clock.

    The others know an account by the id that it has in the CRM, and a campaign that is one there, too.
    """
    for day in days:
        now = end_of(day)
        rows = life.at(day)
        for system in [crm, *others]:
            system.now = now
            system.mirror(rows)
            if system is crm:
                rows = {entity: {ours: _known_to(crm, row) for ours, row in of.items()} for entity, of in rows.items()}
                campaigns = {ours: _joined_in(crm, ours, row) for ours, row in rows["campaign"].items()}
                rows = rows | {"campaign": campaigns}
        yield day, now


def end_of(day: date) -> datetime:
    """When a day is over for the company."""
    return datetime.combine(day, time(23, 59), ZoneInfo(TIME_ZONE))


def _id(entity: str, row: Mapping[str, Any]) -> str:
    return " ".join(str(row[column]) for column in ENTITIES[entity].key if column in row)


def _known_to(crm: System, row: dict[str, Any]) -> dict[str, Any]:
    account = row.get("account_id")
    return row | {"account_id": crm.ids["account", account]} if account else row


def _joined_in(crm: System, ours: str, row: dict[str, Any]) -> dict[str, Any]:
    """A campaign with the id that it has in the CRM, if it is one there."""
    return row | {"crm_campaign_id": crm.ids.get(("campaign", ours))}
