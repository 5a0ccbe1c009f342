"""People with a role on the opportunities of random companies: they come and go, on opportunities that exist or not."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date
from typing import Any

from tests.dbt_project.ledger_cache import Company


def with_contacts(seed: int, company: Company) -> Company:
    """The company with contact roles in two thirds of all cases, captured on most of its days."""
    generator = random.Random(f"{seed}-{company.source}-contacts")
    if generator.random() < 0.33:
        return company
    states: dict[date, dict[tuple[Any, ...], dict[str, Any]]] = {}
    held: dict[tuple[Any, ...], dict[str, Any]] = {}
    for day in sorted(company.states["opportunity"]):
        for key in list(held):
            if generator.random() < 0.03:
                del held[key]
            elif generator.random() < 0.05:  # another role, the same person
                held[key] = {**held[key], "role": generator.choice(["Champion", "Economic Buyer"])}
        for _ in range(generator.choice([0, 0, 1, 2])):
            opportunity, person = generator.choice(["O0", "O1", "O2", "O3", "O4", "O9"]), generator.choice("PQRS")
            held[(opportunity, person)] = {"opportunity_id": opportunity, "person_id": person, "role": None}
        if generator.random() < 0.8:
            states[day] = dict(held)
    return replace(company, states={**company.states, "opportunity_contact_role": states}) if states else company
