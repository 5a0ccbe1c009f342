"""Owners, lead sources and reasons of random companies: teams that change, users who leave, reasons entered late."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date
from typing import Any

from tests.dbt_project.ledger_cache import Company

REASONS = [None, "", "Price", "No budget", "Price"]
TEAMS = [None, "East", "West", "West"]


def with_owners(seed: int, company: Company) -> Company:
    """The company with users in two thirds of all cases, and with reasons for losses in half of them."""
    generator = random.Random(f"{seed}-{company.source}-wins")
    states = dict(company.states)
    if generator.random() < 0.66:
        states["user"] = _users(generator, sorted(states["opportunity"]))
    if generator.random() < 0.5:
        states["opportunity"] = _with_reasons(generator, states["opportunity"])
    return replace(company, states=states)


def _users(generator: random.Random, days: list[date]) -> dict[date, dict[tuple[Any, ...], dict[str, Any]]]:
    users: dict[tuple[Any, ...], dict[str, Any]] = {}
    states = {}
    for day in days:
        for name in ("U1", "U2"):
            chance = generator.random()
            if chance < 0.3:
                users[(name,)] = {"user_id": name, "team": generator.choice(TEAMS)}
            elif chance < 0.36:
                users.pop((name,), None)
        if generator.random() < 0.8 or day == days[0]:
            states[day] = {key: dict(row) for key, row in users.items()}
    return states


def _with_reasons(generator: random.Random, states: Any) -> dict[date, dict[tuple[Any, ...], dict[str, Any]]]:
    reasons: dict[tuple[Any, ...], str | None] = {}
    found: dict[date, dict[tuple[Any, ...], dict[str, Any]]] = {}
    for day in sorted(states):
        found[day] = {}
        for key, row in states[day].items():
            if generator.random() < 0.25:
                reasons[key] = generator.choice(REASONS)
            found[day][key] = dict(row) | {"loss_reason": reasons.get(key)}
    return found
