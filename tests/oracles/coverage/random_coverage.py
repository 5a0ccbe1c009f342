"""Random companies over three years and more, whose past quarters say something about later ones; and targets.

Few sources with sparse captures: enough opportunities for a segment's own share, and too few for another's. The same
seed gives the same companies.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.dbt_project.ledger_cache import Company
from tests.oracles.forecast.random_calls import with_calls

POLICY = """choice,value,valid_from,owner,definition
coverage_pool_quarters,3,2024-06-05,,
small_pool_opportunities,12,2024-09-10,,
"""
FIRST_DAY = date(2022, 2, 21)
DAYS = 1180
ACCOUNTS = {"A1": "Large", "A2": "Large", "A3": "Small", "A4": "Small", "A5": "Rare", "A6": None}
HEADER = "fiscal_quarter,segment,target_amount,valid_from,owner,definition\n"

# Of the companies of a few weeks in random_companies: each way to have a target, or none.
TARGETS = (
    HEADER
    + """FY2026-Q4,Enterprise,900.00,,,
FY2026-Q4,Enterprise,0,2026-01-28,,
FY2026-Q4,Small,20000.00,,,
FY2026-Q4,Public,1500.50,2026-01-24,,
FY2027-Q1,(all),9000.00,2026-01-30,,
FY2027-Q1,Small,0.01,,,
FY2027-Q1,Unknown,300.00,,,
FY2027-Q1,Unknown,40000.00,2026-02-03,,
FY2027-Q2,(all),0,,,
FY2027-Q2,(all),7000000.00,2026-02-02,,
FY2027-Q3,(unassigned),50000.00,2026-01-26,,
FY2027-Q3,Nobody,1.00,2026-01-31,,
FY2027-Q4,Small,1.00,2026-03-01,,
"""
)

STAGES = """source,pipeline,stage,canonical_stage,stage_order,stage_category,probability,forecast_category,\
exit_criteria,valid_from,owner,definition
*,*,New,,1,open,0.1,best_case,,,,
*,*,Talks,,2,open,0.4,Commit,,,,
*,default,Offer,Talks,2,open,0.4,pipeline,,2023-06-01,,
*,*,Won,,9,won,1,,,,,
*,*,Lost,,9,lost,0,,,,,
"""
RATES = """currency_code,rate_to_base,valid_from,owner,definition
EUR,1.0731,,,
EUR,1.1117,2023-03-05,,
EUR,0.9999,2024-08-01,,
"""
SEGMENTS = "segment,rule_column,rule_operator,rule_value,priority,valid_from,owner,definition\n"


def long_definitions(calendar: bool) -> dict[str, str]:
    """The definitions of the long companies, with or without a 4-4-5 calendar of their own."""
    generator = random.Random(f"targets-{calendar}")
    lines = []
    for year in range(2022, 2027):
        for quarter in range(1, 5):
            name = f"FY{year}-Q{quarter}"
            if generator.random() < 0.15:
                continue
            for segment in ("Large", "Small", "(all)"):
                if generator.random() < (0.3 if segment == "(all)" else 0.8):
                    lines.append(f"{name},{segment},{generator.randrange(0, 9_000_000) / 100:.2f},,,")
                    if generator.random() < 0.4:
                        since = date(year - 1, 3, 1) + timedelta(days=90 * quarter - generator.randrange(0, 200))
                        lines.append(f"{name},{segment},{generator.randrange(0, 3_000_000) / 100:.2f},{since},,")
    definitions = {"stage_definitions": STAGES, "fx_rates": RATES, "segments": SEGMENTS}
    if not calendar:
        definitions["metric_policy"] = POLICY
    definitions["targets"] = HEADER + "\n".join(lines) + "\n"
    if calendar:
        definitions["fiscal_calendar"] = four_four_five()
    return definitions


def four_four_five() -> str:
    """Quarters of 13 weeks; the last one of fiscal 2024 has a week more."""
    lines, start = [], date(2022, 1, 30)
    for year in range(2023, 2028):
        for quarter in range(1, 5):
            weeks = 14 if (year, quarter) == (2024, 4) else 13
            end = start + timedelta(days=7 * weeks - 1)
            lines.append(f"FY{year}-Q{quarter},{start},{end},,,")
            start = end + timedelta(days=1)
    return "fiscal_quarter,start_date,end_date,valid_from,owner,definition\n" + "\n".join(lines) + "\n"


def long_companies(seed: int, count: int) -> list[Company]:
    """`count` companies as sources l0, l1, ... of one build, captured every few days, mostly on the same ones."""
    generator = random.Random(f"{seed}-coverage")
    grid, day = [], FIRST_DAY
    while day < FIRST_DAY + timedelta(days=DAYS):
        grid.append(day)
        day += timedelta(days=generator.choice([1, 1, 3, 5, 7]))
    many = [_company(random.Random(f"{seed}-l{number}-coverage"), f"l{number}", grid) for number in range(count)]
    return [with_calls(seed, company) for company in many]


def _company(generator: random.Random, source: str, grid: list[date]) -> Company:
    begun = generator.choice([0, 0, 60])
    days = [day for day in grid[begun:] if generator.random() < 0.9]
    if generator.random() < 0.3:
        days = days[:-20]
    opportunities: dict[tuple[Any, ...], dict[str, Any]] = {}
    due: dict[str, date] = {}
    accounts = {(name,): {"account_id": name, "segment": segment} for name, segment in ACCOUNTS.items()}
    states: dict[date, Mapping[tuple[Any, ...], Mapping[str, Any]]] = {}
    account_states = {}
    for number, day in enumerate(days):
        for _ in range(18 - sum(row["stage"] not in ("Won", "Lost") for row in opportunities.values())):
            if generator.random() < 0.5:
                row = _create(generator, f"{source}-{len(due)}", day)
                opportunities[(row["opportunity_id"],)] = row
                due[row["opportunity_id"]] = row["close_date"]
        for key, row in list(opportunities.items()):
            _live(generator, row, day)
            if generator.random() < 0.0015:
                del opportunities[key]
        if number % 40 == 0:
            accounts[("A4",)] = {"account_id": "A4", "segment": generator.choice(["Small", "Large", "Rare"])}
            account_states[day] = {key: dict(row) for key, row in accounts.items()}
        states[day] = {key: dict(row) for key, row in opportunities.items()}
    return Company(source, {"opportunity": states, "account": account_states})


def _create(generator: random.Random, name: str, day: date) -> dict[str, Any]:
    return {
        "opportunity_id": name,
        "stage": "New",
        "pipeline": generator.choice(["default", "default", "renewal"]),
        "account_id": generator.choice(["A1", "A1", "A2", "A3", "A3", "A4", "A5", "A6", None]),
        "amount": generator.choice([None, *(Decimal(generator.randrange(1, 300_000)) / 100 for _ in range(9))]),
        "currency_code": generator.choice([None, "USD", "USD", "EUR"]),
        "close_date": day + timedelta(days=generator.choice([15, 40, 70, 100, 150, 250])),
        "created_at": datetime.combine(day, datetime.min.time()),
    }


def _live(generator: random.Random, row: dict[str, Any], day: date) -> None:
    """What happens to an opportunity between two captured days."""
    chance = generator.random()
    if row["stage"] in ("Won", "Lost"):
        _live_closed(generator, row, chance)
    elif row["close_date"] and day >= row["close_date"]:
        if chance < 0.25:
            row["stage"] = generator.choice(["Won", "Lost"])
        elif chance < 0.4:
            row["close_date"] = day + timedelta(days=generator.choice([5, 30, 80]))
    else:
        _live_open(generator, row, day, chance)


def _live_closed(generator: random.Random, row: dict[str, Any], chance: float) -> None:
    """Rarely somebody corrects what is closed."""
    if chance < 0.001:
        row["stage"] = generator.choice(["Won", "Lost", "Talks"])
    elif chance < 0.002:
        row["close_date"] = row["close_date"] and row["close_date"] + timedelta(days=generator.choice([-40, 40]))
    elif chance < 0.003:
        row["amount"] = generator.choice([None, Decimal("-12.34"), Decimal("777.77")])


def _live_open(generator: random.Random, row: dict[str, Any], day: date, chance: float) -> None:
    """What happens to an open opportunity that is not due yet."""
    if chance < 0.04:
        row["stage"] = generator.choice(["Talks", "Talks", "Offer" if day.year > 2023 else "Talks", "New"])
    elif chance < 0.055:
        row["amount"] = generator.choice([None, Decimal(generator.randrange(1, 300_000)) / 100])
    elif chance < 0.07:
        row["stage"] = generator.choice(["Won", "Lost"])
        row["close_date"] = day - timedelta(days=generator.choice([0, 0, 0, 3]))
    elif chance < 0.08:
        row["close_date"] = generator.choice([None, date(2222, 2, 2), day + timedelta(days=20), date(1999, 9, 9)])
    elif chance < 0.085:
        row["stage"] = "Mystery"
    elif chance < 0.09:
        row["account_id"] = generator.choice(["A1", "A5", "A9"])
