"""Stays of opportunities in stages, walked through day by day from the daily states."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from tests.dbt_project.ledger_cache import Company
from tests.oracles.opportunities.history import Oracle, Row


@dataclass
class Stay:
    """An uninterrupted stay in a pipeline and stage, as the captured days see it and as the CRM's history dates it."""

    opportunity_id: str
    pipeline: str
    stage: str
    category: str
    first_row: Row
    last_row: Row
    first_day: date  # first captured day in it
    before: date | None  # the captured day before that
    is_first: bool  # nothing of the opportunity was captured earlier
    end: date | None = None  # first captured day out of it
    before_end: date | None = None
    next_row: Row | None = None  # of that day; None where the opportunity is gone
    entered: date = date.min
    exited: date | None = None
    is_exact: bool = False


def stays_of(oracle: Oracle, company: Company) -> dict[str, list[Stay]]:
    """Every stay of every opportunity of a company, in order."""
    states = oracle.states(company)
    days = sorted(states)
    found: dict[str, list[Stay]] = defaultdict(list)
    for identity in sorted({name for rows in states.values() for name in rows}):
        current: Stay | None = None
        for number, day in enumerate(days):
            row = states[day].get(identity)
            before = days[number - 1] if number else None
            if current and (
                row is None
                or (row["pipeline"], row["stage"], row["stage_category"])
                != (current.pipeline, current.stage, current.category)
            ):
                current.end, current.before_end, current.next_row = day, before, row
                current = None
            if row is None:
                continue
            if current is None:
                current = Stay(
                    identity, row["pipeline"], row["stage"], row["stage_category"], row, row, day, before,
                    not found[identity],
                )  # fmt: skip
                found[identity].append(current)
            current.last_row = row
        for stay in found[identity]:
            refine(oracle, company, stay)
    return found


def refine(oracle: Oracle, company: Company, stay: Stay) -> None:
    """Dates entry and exit by the changes that the CRM recorded between the captured days that saw them."""
    stay.entered, stay.exited = stay.first_day, stay.end
    entries, exits = [], []
    for old, new, day in changes_of(company, stay.opportunity_id, oracle.zone):
        is_later = stay.is_first or (stay.before is not None and day > stay.before)
        if is_later and day <= stay.first_day and means(oracle, company, stay, new, stay.first_day):
            entries.append(day)
        if stay.end and stay.before_end and stay.before_end < day <= stay.end:
            exits += [day] if means(oracle, company, stay, old, stay.before_end) else []
    if entries:
        stay.entered, stay.is_exact = max(entries), True
    if exits:
        stay.exited = min(exits)


def changes_of(company: Company, identity: str, zone: ZoneInfo) -> list[tuple[str | None, str | None, date]]:
    """Old and new label and the business date of each stage change that the CRM recorded."""
    states = company.states.get("opportunity_change", {})
    rows = {key: row for of_day in states.values() for key, row in of_day.items()}
    return [
        (row["old_value"], row["new_value"], local(row["changed_at"], zone))
        for row in rows.values()
        if row["opportunity_id"] == identity and row["field"].lower().replace(" ", "_") == "stage" and row["changed_at"]
    ]


def means(oracle: Oracle, company: Company, stay: Stay, label: str | None, day: date) -> bool:
    """Whether a label names the stage of a stay on a day; only labels that opportunities ever had are known."""
    used = {
        raw["stage"]
        for rows in company.states["opportunity"].values()
        for raw in rows.values()
        if (raw.get("pipeline") or "default") == stay.pipeline
        and not raw.get("is_deleted")
        and not raw.get("merged_into_opportunity_id")
    }
    if label is None or label not in used:
        return False
    definition = oracle.stage(company.source, stay.pipeline, label, day)
    return definition is not None and (definition["canonical_stage"] or definition["stage"]) == stay.stage


def local(at: datetime, zone: ZoneInfo) -> date:
    """The business date of an instant."""
    return at.replace(tzinfo=ZoneInfo("UTC")).astimezone(zone).date()


def is_left_truncated(stay: Stay) -> bool:
    """Whether the stay began before it was seen."""
    created = stay.first_row["created_date"]
    if stay.is_exact or not stay.is_first:
        return False
    if stay.before is None:
        return created is None or created < stay.first_day
    return created is not None and created < stay.before
