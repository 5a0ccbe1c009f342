"""Health scores of the accounts of random companies: measured now and then, captured late, corrected or forgotten."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

from tests.dbt_project.ledger_cache import Company, States

ACCOUNTS = ["A1", "A2", "A3", "A9"]
POLICY = """health_score_days,35,,,
health_score_days,60,2026-02-10,,
health_bands,40|75,,,
health_bands,50|70,2026-01-15,,
stale_score_days,12,,,
"""


def with_health(company: Company, seed: int) -> Company:
    """The company with measurements on the days of its billing, in two thirds of all cases."""
    chance = random.Random(f"{seed}-{company.source}-health")
    if chance.random() < 0.33:
        return company
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    states: dict[Any, dict[tuple[Any, ...], dict[str, Any]]] = {}
    for day in sorted(company.states["subscription"]):
        for account in ACCOUNTS:
            for _ in range(chance.choice([0, 0, 1])):
                moment = datetime.combine(day, time(chance.randrange(24))) - timedelta(
                    days=chance.choice([-1, 0, 0, 3])
                )
                score = chance.choice([None, *(Decimal(chance.randrange(1000)) / 10 for _ in range(6))])
                rows[(account, moment)] = {"account_id": account, "measured_at": moment, "score": score}
        for key in list(rows):
            if chance.random() < 0.1:
                rows[key]["score"] = chance.choice([None, Decimal(chance.randrange(100))])
            elif chance.random() < 0.05:
                del rows[key]
        states[day] = {key: dict(row) for key, row in rows.items()}
    health: States = states
    return replace(company, states={**company.states, "customer_health": health})
