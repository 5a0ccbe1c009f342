"""Campaigns with costs, and touches where it is hard to say whether they count, for random companies with people."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from tests.dbt_project.ledger_cache import Company
from tests.oracles.funnel.random_people import PEOPLE, Rows

MINUTES = [-40 * 1440, -9 * 1440, -1440, -300, -1, 0, 0, 1, 300, 1440]  # from the moment at which a deal was created


def with_touches(seed: int, company: Company) -> Company:
    """The company with more touches, if it has any: doubled, at the creation of deals and at their close."""
    if "touch" not in company.states:
        return company
    generator = random.Random(f"{seed}-{company.source}-touches")
    touches: Rows = {}
    states: dict[date, Rows] = {}
    for day, known in sorted(company.states["touch"].items()):
        created = [row["created_at"] for row in deals(company, day) if row.get("created_at")]
        for moment in generator.sample(created, min(len(created), 2)):
            number = f"D{generator.randrange(90):02}-{len(touches)}"
            touches[(number,)] = {
                "touch_id": number,
                "person_id": generator.choice(PEOPLE),
                "campaign_id": generator.choice([None, "C1", "C2"]),
                "touch_type": generator.choice([None, "click", "visit"]),
                "touched_at": moment + timedelta(minutes=generator.choice(MINUTES)),
            }
        for row in [*known.values(), *touches.values()]:
            if generator.random() < 0.05:
                number = f"E{generator.randrange(90):02}-{len(touches)}"
                moved = row["touched_at"] + timedelta(minutes=generator.choice([-30, 0, 30]))
                touches[(number,)] = dict(row) | {"touch_id": number, "touched_at": moved}
        states[day] = {key: dict(row) for key, row in known.items()} | {key: dict(row) for key, row in touches.items()}
    campaigns = {
        day: {key: dict(row) | spend(seed, company.source, key[0], day) for key, row in rows.items()}
        for day, rows in company.states["campaign"].items()
    }
    return replace(company, states={**company.states, "touch": states, "campaign": campaigns})


def deals(company: Company, day: date) -> list[Any]:
    """The opportunities of the last captured day up to one."""
    days = [each for each in company.states["opportunity"] if each <= day]
    return list(company.states["opportunity"][max(days)].values()) if days else []


def spend(seed: int, source: str, campaign: str, day: date) -> dict[str, Any]:
    """What a campaign costs and when it runs, as entered on a day: the cost is corrected twice a month."""
    generator = random.Random(f"{seed}-{source}-{campaign}")
    start = date(2026, 1, 1) + timedelta(days=generator.randrange(60))
    end = start + timedelta(days=generator.choice([-1, 0, 10, 45, 200]))
    cost = Decimal(generator.randrange(1, 900000)) / 100 + day.day // 15
    return {
        "cost": generator.choice([None, cost, cost, cost]),
        "currency_code": generator.choice([None, "USD", "EUR", "gbp", "XXX"]),
        "start_date": start,
        "end_date": generator.choice([None, end, end, end]),
    }
