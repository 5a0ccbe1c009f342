"""Activities of random companies: on opportunities that exist or not, at any hour, some planned, some entered late."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from tests.dbt_project.ledger_cache import Company


def with_activities(seed: int, company: Company) -> Company:
    """The company with activities in two thirds of all cases; a day's state has all that were seen so far."""
    generator = random.Random(f"{seed}-{company.source}-activities")
    if generator.random() < 0.33:
        return company
    states: dict[date, dict[tuple[Any, ...], dict[str, Any]]] = {}
    seen: dict[tuple[Any, ...], dict[str, Any]] = {}
    for day in sorted(company.states["opportunity"]):
        for _ in range(generator.choice([0, 0, 1, 2])):
            number = f"V{len(seen)}"
            hours = generator.choice([-400, -30, -2, 0, 3, 4, 5, 23, 60])
            seen[(number,)] = {
                "activity_id": number,
                "opportunity_id": generator.choice([None, "O0", "O1", "O2", "O3", "O4", "O9"]),
                "occurred_at": generator.choice(
                    [None, *[datetime.combine(day, datetime.min.time()) + timedelta(hours=hours)] * 5]
                ),
            }
        if generator.random() < 0.8:
            states[day] = dict(seen)
    return replace(company, states={**company.states, "activity": states}) if states else company
