"""Teams' own lists of random companies: lines copied from some day and edited, doubled, made up; lists of any day."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from tests.dbt_project.ledger_cache import Company

NAMES = ["Alpha", "alpha", "Beta", "Gamma", "Delta"]  # of O0 to O4: two share one
DEFINITIONS = {
    "pipeline_views": """team,step_order,step,rule_column,rule_operator,rule_value,valid_from,owner,definition
marketing,1,theirs,lead_source,in,(marketing_lead_sources),,,
marketing,2,created,population,=,created,,,
marketing,3,at creation,amount_basis,=,at_creation,,,
Sales,1,late,stage_order,>=,2,,,
sales,1,later,stage_order,>,2,2026-02-02,,
sales,2,expected,amount_basis,=,expected,2026-02-02,,
finance,2,no renewals,opportunity_type,!=,Renewal,,,
finance,1,weighted,amount_basis,=,weighted,,,
board,1,all quarters,population,=,any_quarter,,,
board,3,large,amount,>=,200,,,
board,4,of Monday,day,=,last_monday,,,
board,6,due soon,close_date,<,2026-05-15,,,
board,7,still due,population,=,due,,,
board,8,known,next_step,is_null,,,,
board,9,owners,owner_id,in,"u1, U3",,,
board,10,dollars,currency_code,=,usd,2026-02-05,,
founders,1,not euro,currency_code,!=,EUR,,,
founders,2,young,created_date,>=,2026-01-25,,,
founders,3,in stage,stage,in,Talks|fresh|New|Limbo,,,
founders,4,small,source_amount,<=,900.00,,,
founders,5,not enterprise,segment,!=,Enterprise,,,
""",
    "reported_numbers": """team,as_of,fiscal_quarter,amount,valid_from,owner,definition
marketing,2026-01-29,FY2026-Q4,123.45,,,
marketing,2026-01-29,FY2026-Q4,125.45,2026-02-01,,
marketing,2026-01-29,FY2026-Q4,999.45,2027-02-01,,
investors,2026-02-04,FY2027-Q1,1000.00,2027-02-01,,
Finance,2026-02-03,FY2027-Q1,99999.99,,,
investors,2026-02-03,FY2027-Q1,1000.00,,,
investors,2025-02-03,FY2025-Q1,1000.00,,,
""",
}
MARKETING_LEAD_SOURCES = "marketing_lead_sources,event|WEB,,,\n"


def with_lists(seed: int, company: Company) -> Company:
    """The company with teams' lists in one of ten cases, and then with names of its opportunities and accounts."""
    generator = random.Random(f"{seed}-{company.source}-lists")
    if generator.random() > 0.1:
        return company
    states = dict(company.states)
    owned = generator.choice(["", "", f" of {company.source}"])  # names that other companies have, too, or not
    states["opportunity"] = {
        day: {key: dict(row) | {"opportunity_name": NAMES[int(key[0][1:])] + owned} for key, row in rows.items()}
        for day, rows in states["opportunity"].items()
    }
    states["account"] = {
        day: {key: dict(row) | {"account_name": f"Company {key[0]}"} for key, row in rows.items()}
        for day, rows in states["account"].items()
    }
    lines: dict[tuple[Any, ...], dict[str, Any]] = {}
    for number in range(generator.randrange(1, 4)):
        lines |= _list(generator, states["opportunity"], f"{company.source}-{number}", owned)
    states["team_pipeline"] = {max(states["opportunity"]): lines}
    return replace(company, states=states)


def _list(generator: random.Random, states: Any, list_id: str, owned: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    days = sorted(states)
    as_of = generator.choice([*days, *days, days[0] - timedelta(days=3), days[-1] + timedelta(days=4)])
    day = generator.choice([each for each in days if each <= as_of] or days)
    found = {}
    for line in range(1, generator.randrange(3, 12)):
        row = _line(generator, states[day], as_of, owned)
        found[(list_id, line)] = row | {
            "list_id": list_id,
            "line_number": line,
            "team": generator.choice(["Marketing"] * 9 + ["finance"]),
            "as_of": as_of,
        }
    return found


def _line(generator: random.Random, rows: Any, as_of: date, owned: str) -> dict[str, Any]:
    """One line: an opportunity of the day as it was or with another value, by id or by name; or one that is none."""
    known = generator.choice(list(rows.values())) if rows else {}
    identity = known.get("opportunity_id", "O7")
    line = {
        "opportunity_id": identity,
        "amount": known.get("amount"),
        "currency_code": known.get("currency_code"),
        "close_date": known.get("close_date"),
        "fiscal_quarter": None,
    }
    for _ in range(generator.choice([0, 0, 0, 1, 1, 2])):
        line |= generator.choice(
            [
                {"amount": Decimal(generator.randrange(0, 5000)) / 100},
                {"currency_code": generator.choice(["GBP", "EUR", "XXX"])},
                {"close_date": as_of + timedelta(days=generator.randrange(-20, 100))},
                {"fiscal_quarter": generator.choice(["FY2026-Q4", "FY2027-Q1", "FY2027-Q2", "Q9"])},
                {"opportunity_id": generator.choice(["O9", "O8", "o1"])},
            ]
        )
    if generator.random() < 0.3:
        line |= {
            "opportunity_id": None,
            "opportunity_name": generator.choice([*NAMES, "Omega", "BETA"]) + owned,
            "account_name": generator.choice([None, None, "company a1", "Company A2"]),
        }
    return line
