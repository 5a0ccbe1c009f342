"""Random companies that live for months: several landmarks and quarters, and stalls that end within 30 days or do not.

The companies of `random_companies` live for three weeks at most, which holds one landmark and no outcome of a stall.
Here columns also begin to be extracted late, and the CRM takes its last activity back.
"""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from typing import Any

from tests.dbt_project.ledger_cache import Company
from tests.oracles import random_companies as short
from tests.oracles.opportunities.random_changes import with_changes
from tests.oracles.stalls.random_activities import with_activities
from tests.oracles.stalls.random_contacts import with_contacts

State = dict[tuple[Any, ...], dict[str, Any]]

RULES = """rule,segment,stage,threshold,is_enabled,valid_from,owner,definition
age_in_stage,*,*,1.5,true,,,
age_in_stage,Enterprise,*,0.5,true,,,
age_in_stage,*,Talks,1,true,2026-03-15,,
no_change,*,*,4.5,true,,,
no_change,Strategic,*,20,true,2026-02-15,,
no_change,*,Later,4,false,,,
no_change,*,Later,4,true,2026-04-01,,
close_date_pushed,*,*,1,true,,,
close_date_pushed,*,*,2,true,2026-04-01,,
close_date_pushed,Small,New,0,true,,,
past_due,*,*,0,true,,,
past_due,Small,*,30,true,,,
no_activity,*,*,10,true,,,
no_activity,Public,*,5,false,,,
missing_next_step,*,*,,true,,,
missing_next_step,*,New,,false,,,
missing_next_step,Unknown,New,,true,,,
few_contacts,*,*,2,true,,,
few_contacts,*,*,1,true,2026-04-01,,
few_contacts,Small,*,3,true,,,
"""
POLICY = """choice,value,valid_from,owner,definition
stall_recovery_days,30,,,
stall_recovery_days,12,2026-03-01,,
"""
DEFINITIONS = {**short.DEFINITIONS, "stall_rules": RULES, "metric_policy": POLICY}
COMMAND = (
    "build", "--select", "+rpt_stall_patterns", "+fct_stall_signals", "+fct_opportunity_current",
    "--indirect-selection", "cautious", "--exclude", "resource_type:unit_test",
)  # fmt: skip
LATE = ("next_step", "last_activity_at", "close_date", "amount")


def companies(seed: int, count: int) -> list[Company]:
    """`count` companies as sources m000, m001, ... of one build."""
    return [_company(seed, f"m{number:03}", short.source_type(seed, number)) for number in range(count)]


def _company(seed: int, source: str, source_type: str) -> Company:
    generator = random.Random(f"{seed}-{source}-months")
    first = short.FIRST_DAY - timedelta(days=generator.randrange(60))
    days = [first + timedelta(days=offset) for offset in range(generator.randrange(40, 200))]
    blackout = days[generator.randrange(len(days))]
    captured = [
        day for day in days if generator.random() < 0.85 and not timedelta(0) <= day - blackout < timedelta(days=12)
    ] or [first]
    pace = generator.choice([0.1, 0.3])
    late = {name: generator.choice(captured) for name in LATE if generator.random() < 0.25}
    reconstructed_until = generator.choice(captured[: len(captured) // 2 + 1]) if generator.random() < 0.3 else None
    accounts: State = {}
    opportunities: State = {}
    hidden: State = {}
    account_states: dict[date, State] = {}
    opportunity_states: dict[date, State] = {}
    for day in days:
        if generator.random() < pace:
            short._edit_accounts(generator, accounts)
            short._edit_opportunities(generator, opportunities, hidden, day)
            _take_back(generator, opportunities, day)
        if day in captured:
            account_states[day] = {key: dict(row) for key, row in accounts.items()}
            opportunity_states[day] = {
                key: {name: value for name, value in row.items() if day >= late.get(name, day)}
                for key, row in opportunities.items()
            }
    company = Company(
        source,
        {"opportunity": opportunity_states, "account": account_states},
        source_type,
        reconstructed_until=reconstructed_until,
        extracted_from={"opportunity": late},
    )
    return with_changes(seed, with_contacts(seed, with_activities(seed, company)))


def _take_back(generator: random.Random, opportunities: State, day: date) -> None:
    """An activity is deleted in the CRM, or was planned and is moved."""
    for row in opportunities.values():
        if row.get("last_activity_at") and generator.random() < 0.1:
            days = generator.choice([-30, -3, 2, 20])
            row["last_activity_at"] = generator.choice(
                [None, datetime.combine(day, datetime.min.time()) + timedelta(days=days, hours=3)]
            )
