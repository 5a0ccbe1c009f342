"""What a CRM recorded of its own stage changes in random companies: true and false, in time and not, near midnight."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from tests.dbt_project.ledger_cache import Company


def with_changes(seed: int, company: Company) -> Company:
    """The company with a history of stage changes in half of all cases."""
    generator = random.Random(f"{seed}-{company.source}-changes")
    if generator.random() < 0.5:
        return company
    days = sorted(company.states["opportunity"])
    events: dict[tuple[Any, ...], dict[str, Any]] = {}
    states: dict[date, dict[tuple[Any, ...], dict[str, Any]]] = {}
    for before, day in pairwise([days[0] - timedelta(days=5), *days]):
        was, now = company.states["opportunity"].get(before, {}), company.states["opportunity"][day]
        for key, row in now.items():
            old = was.get(key, {}).get("stage")
            if old == row["stage"] or generator.random() < 0.3:
                continue
            hours = generator.randrange(-30, 24 * (day - before).days + 30)
            event = {
                "opportunity_id": key[0],
                "field": generator.choice(["stage", "stage", "Stage", "amount"]),
                "old_value": generator.choice([old, old, old, "New", None]),
                "new_value": generator.choice([row["stage"], row["stage"], row["stage"], "Talks"]),
                "changed_at": datetime.combine(before, datetime.min.time()) + timedelta(hours=24 + hours),
            }
            events[tuple(event.values())] = event
        if events:
            states[day] = dict(events)
    return replace(company, states={**company.states, "opportunity_change": states}) if states else company
