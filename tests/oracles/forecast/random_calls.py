"""What people of random companies call: users, teams or all, quarters or months, called anew or taken back."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.dbt_project.ledger_cache import Company

CALLERS = [("U1", "West"), ("U2", "East"), ("U3", None), ("U4", "West"), (None, "West"), (None, "East"), (None, None)]
Rows = dict[tuple[Any, ...], dict[str, Any]]


def with_calls(seed: int, company: Company) -> Company:
    """The company with calls in half of all cases, of quarters that begin with February, whatever its calendar says."""
    generator = random.Random(f"{seed}-{company.source}-calls")
    if generator.random() < 0.5:
        return company
    days = sorted(company.states["opportunity"])
    states: dict[date, Rows] = {}
    called: Rows = {}
    callers = generator.sample(CALLERS, generator.choice([1, 2, 4]))
    for day in days:
        if generator.random() < 0.2:
            for _ in range(generator.choice([1, 3])):
                row = _call(generator, generator.choice(callers), day, len(called))
                if called and generator.random() < 0.4:  # the same id, as a vendor keeps it
                    row["submission_id"] = generator.choice(sorted(key[0] for key in called))
                called[(row["submission_id"],)] = row
            if generator.random() < 0.1:
                called.pop(generator.choice(sorted(called)))
        if generator.random() < 0.9:
            states[day] = {key: dict(row) for key, row in called.items()}
    users = _with_managers(generator, company.states.get("user", {}), days)
    return replace(company, states={**company.states, "forecast_submission": states, "user": users})


def _call(generator: random.Random, caller: tuple[str | None, str | None], day: date, number: int) -> dict[str, Any]:
    owner, team = caller
    about = day + timedelta(days=generator.choice([0, 0, 0, 60]))
    first, last = _quarter(about)
    ends: date | None = last
    if generator.random() < 0.3:
        first = first + timedelta(days=generator.choice([0, 30]))
        ends = generator.choice([None, first + timedelta(days=27), last + timedelta(days=40)])
    return {
        "submission_id": f"S{number}",
        "owner_id": owner,
        "team": team,
        "period_start_date": first,
        "period_end_date": ends,
        "forecast_category": generator.choice(["Commit", "commit", "Forecast", "best_case", "commit_only"]),
        "amount": Decimal(generator.randrange(0, 1_000_000)) / 100,
        "currency_code": generator.choice([None, None, "USD", "EUR"]),
        "submitted_at": generator.choice([None, datetime.combine(day, datetime.min.time()) + timedelta(hours=9)]),
    }


def _quarter(day: date) -> tuple[date, date]:
    """The fiscal quarter of a day in years that begin with February."""
    first = date(day.year, day.month, 1)
    while first.month not in (2, 5, 8, 11):
        first = (first - timedelta(days=1)).replace(day=1)
    return first, (first + timedelta(days=95)).replace(day=1) - timedelta(days=1)


def _with_managers(generator: random.Random, states: Any, days: list[date]) -> dict[date, Rows]:
    """Who is above whom changes now and then, and may go in a circle."""
    managers: dict[str, str | None] = {}
    found: dict[date, Rows] = {}
    rows: Rows = {}
    for day in days:
        for name in ("U1", "U2", "U3", "U4"):
            if name not in managers or generator.random() < 0.02:
                managers[name] = generator.choice([None, "U1", "U2", "U3", "U4"])
        rows = dict(states.get(day, rows))
        found[day] = {
            (name,): {"user_id": name, **rows.get((name,), {}), "manager_id": manager}
            for name, manager in managers.items()
            if (name,) in rows or not states
        }
    return found
