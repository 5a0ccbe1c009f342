"""Leads, contacts, campaigns and touches of random companies, linked and dated in any order."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.dbt_project.ledger_cache import Company

Rows = dict[tuple[Any, ...], dict[str, Any]]

DIGESTS = [None, None, "d1", "d1", "d2", "d3", "shared"]
STATUSES = [None, "new", "mql", "working", "Recycled", "unqualified", "sal"]
HOURS = [-70, -30, -26, -5, -1, 0, 1, 5, 14, 15, 20, 23]  # from the beginning of the day, UTC
PEOPLE = ["P", "Q", "R", "S", "P4", "P5", "P6"]  # the first four may have a role on opportunities


def with_people(seed: int, company: Company, happening: Sequence[int] = (0, 0, 1, 2)) -> Company:
    """The company with people in two thirds of all cases. `happening`: edits of a person, and touches, in a day."""
    generator = random.Random(f"{seed}-{company.source}-people")
    if generator.random() < 0.33:
        return company
    days = sorted(company.states["opportunity"])
    kept = [day for day in days if generator.random() < 0.85] or days[:1]
    people, touches, campaigns = Rows(), Rows(), Rows()
    states: dict[str, dict[date, Rows]] = {"person": {}, "touch": {}, "campaign": {}}
    for day in days:
        _edit_people(generator, people, day, company.source, happening)
        _edit_campaigns(generator, campaigns)
        for _ in range(generator.choice(happening)):
            number = f"T{generator.randrange(90):02}-{len(touches)}"
            touches[(number,)] = _touch(generator, number, day)
        if day in kept:
            for entity, rows in zip(states, (people, touches, campaigns), strict=True):
                states[entity][day] = {key: dict(row) for key, row in rows.items()}
    named = {**company.states, **states}
    if "activity" in company.states:
        named["activity"] = _with_callers(generator, company.states["activity"])
    return replace(company, states=named)


def _edit_people(generator: random.Random, people: Rows, day: date, source: str, happening: Sequence[int]) -> None:
    for name in PEOPLE:
        key = (name,)
        if key not in people:
            if generator.random() < 0.2:
                people[key] = {
                    "person_id": name,
                    "record_type": generator.choice([None, "lead", "lead", "lead", "contact"]),
                    "created_at": generator.choice([None, *[_moment(generator, day)] * 6]),
                    "status": generator.choice(STATUSES),
                    "email_digest": _digest(generator, source),
                }
            continue
        for _ in range(generator.choice(happening)):
            _edit(generator, people[key], day, source)
        if generator.random() < 0.03:
            del people[key]


def _edit(generator: random.Random, row: dict[str, Any], day: date, source: str) -> None:
    field = generator.choice(
        ["mql_at", "mql_at", "mql_at", "sal_at", "sal_at", "sql_at", "first_response_at", "status", "status",
         "email_digest", "record_type", "account_id", "owner_id", "owner_id", "lead_source", "lead_score",
         "converted_opportunity_id", "converted_person_id", "merged_into_person_id"]
    )  # fmt: skip
    values: dict[str, Any] = {
        "status": generator.choice(STATUSES),
        "email_digest": _digest(generator, source),
        "record_type": generator.choice(["lead", "contact"]),
        "account_id": generator.choice([None, "A1", "A2", "A3", "A9"]),
        "owner_id": generator.choice([None, "U1", "U2"]),
        "lead_source": generator.choice([None, "", "Web", "Fair"]),
        "lead_score": Decimal(generator.randrange(100)),
        "converted_opportunity_id": generator.choice(["O0", "O1", "O2", "O9", None]),
        "converted_person_id": generator.choice([None, None, *PEOPLE, "P9"]),
        "merged_into_person_id": generator.choice([None, None, None, *PEOPLE, "P9"]),
    }
    row[field] = values[field] if field in values else generator.choice([None, *[_moment(generator, day)] * 8])


def _edit_campaigns(generator: random.Random, campaigns: Rows) -> None:
    name = generator.choice(["C1", "C2", "C3"])
    if generator.random() < 0.4:
        campaigns[(name,)] = {
            "campaign_id": name,
            "campaign_name": name,
            "channel": generator.choice([None, "", "Web", "Fair", "Mail"]),
        }
    elif generator.random() < 0.1:
        campaigns.pop((name,), None)


def _touch(generator: random.Random, number: str, day: date) -> dict[str, Any]:
    return {
        "touch_id": number,
        "person_id": generator.choice([*PEOPLE, "P9"]),
        "campaign_id": generator.choice([None, "C1", "C2", "C3", "C9"]),
        "touch_type": generator.choice(["click", "visit"]),
        "touched_at": _moment(generator, day) - timedelta(days=generator.choice([0, 0, 0, 1, 5, 30])),
    }


def _with_callers(generator: random.Random, states: Mapping[date, Mapping[tuple[Any, ...], Any]]) -> dict[date, Rows]:
    """Activities that say whose they are, and with whom: the same on every day."""
    callers: dict[tuple[Any, ...], dict[str, Any]] = {}
    found: dict[date, Rows] = {}
    for day in sorted(states):
        found[day] = {}
        for key, row in states[day].items():
            if key not in callers:
                callers[key] = {
                    "person_id": generator.choice([None, *PEOPLE, *PEOPLE]),
                    "owner_id": generator.choice([None, "U1", "U2", "U2"]),
                }
            found[day][key] = dict(row) | callers[key]
    return found


def _moment(generator: random.Random, day: date) -> datetime:
    return datetime.combine(day, datetime.min.time()) + timedelta(
        hours=generator.choice(HOURS), minutes=generator.choice([0, 0, 7, 59])
    )


def _digest(generator: random.Random, source: str) -> str | None:
    """An address of two companies, or one that everybody has: more records than one person may have."""
    name = generator.choice(DIGESTS)
    return name if name in (None, "shared") else f"{name}-{int(source[1:]) // 2}"
