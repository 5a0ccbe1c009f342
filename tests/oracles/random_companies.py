"""Small random companies: a handful of opportunities each, a few weeks of captured days, every event in any order.

Used to compare the marts with a slow and obvious recomputation. The same seed gives the same companies.
"""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.dbt_project.dbt_build import PROJECT
from tests.dbt_project.ledger_cache import Company
from tests.oracles.attribution.random_touches import with_touches
from tests.oracles.calibration import random_health
from tests.oracles.coverage.random_coverage import TARGETS
from tests.oracles.forecast.random_calls import with_calls
from tests.oracles.funnel.random_people import with_people
from tests.oracles.opportunities.random_changes import with_changes
from tests.oracles.reconciliation import random_lists
from tests.oracles.revenue import random_billing
from tests.oracles.stalls.random_activities import with_activities
from tests.oracles.stalls.random_contacts import with_contacts
from tests.oracles.wins.random_wins import with_owners

FIRST_DAY = date(2026, 1, 20)
STAGES = ["New", "Talks", "Bargain", "Limbo", "Later", "Mystery", "Won", "Won again", "Lost"]
CURRENCIES = [None, "USD", "USD", "EUR", "eur", "GBP", "XXX"]

STAGE_COLUMNS = (
    "source,pipeline,stage,canonical_stage,stage_order,stage_category,probability,forecast_category,"
    "exit_criteria,valid_from,owner,definition"
)
DEFAULTS = PROJECT / "default_definitions"
DEFINITIONS = {
    "stage_definitions": STAGE_COLUMNS
    + """
*,default,New,,1,open,0.1,Pipeline,,,,
*,default,New,,1,open,0.15,Pipeline,,2026-01-27,,
*,default,Talks,,2,open,0.333333,Best Case,,,,
*,default,Bargain,Talks,2,open,0.333333,Best Case,,,,
*,default,Bargain,Bargaining,3,open,0.5,Commit,,2026-02-02,,
*,default,Limbo,,4,open,0.5,,,,,
*,default,Limbo,,4,won,1,,,2026-01-30,,
*,default,Limbo,,4,open,0.4,,,2026-02-06,,
*,default,Later,,5,open,,Commit,,2026-01-29,,
*,*,Won,Closed Won,9,won,1,Closed,,,,
*,*,Won again,Closed Won,9,won,1,Closed,,,,
*,*,Lost,Closed Lost,9,lost,0,Omitted,,,,
*,*,New,Fresh,1,open,0.25,Pipeline,,,,
c003,default,Talks,Discussion,2,open,0.6,Best Case,,2026-01-28,,
c004,*,Talks,Chatting,2,open,0.7,,,,,
c005,default,Mystery,Revealed,2,open,0.2,,,2026-02-01,,
,renewal,Talks,,1,open,0.9,,,,,
""",
    "fx_rates": """currency_code,rate_to_base,valid_from,owner,definition
EUR,1.105,,,
EUR,1.2,2026-01-26,,
EUR,1.2,2026-01-31,,
EUR,1.33335,2026-02-05,,
EUR,9,2027-01-01,,
gbp,1.31,2026-01-28,,
""",
    "segments": """segment,rule_column,rule_operator,rule_value,priority,valid_from,owner,definition
Enterprise,employee_count,>=,1000,1,,,
Enterprise,employee_count,>=,500,1,2026-02-03,,
Strategic,is_target_account,=,yes,0,2026-01-29,,
Public,industry,in,"Government, Education",2,,,
Unknown,employee_count,is_null,,3,,,
Small,employee_count,<,50,4,,,
""",
    "sla_rules": (DEFAULTS / "sla_rules.csv").read_text()
    + """sal_response,Small,sal,sql_at|returned_status,business,12,marketing,,,
mql_follow_up,Unknown,mql,sal_at,business,6,sales,2026-01-29,,
won_to_onboarding,*,won,activity,clock,200,customer success,2026-01-27,,
""",
    "stall_rules": """rule,segment,stage,threshold,is_enabled,valid_from,owner,definition
age_in_stage,*,*,1.5,true,,,
age_in_stage,Enterprise,*,0.5,true,,,
age_in_stage,*,Talks,1,true,,,
no_change,*,*,4,true,,,
no_change,Strategic,*,2,true,2026-02-01,,
no_change,*,Later,4,false,,,
close_date_pushed,*,*,1,true,,,
close_date_pushed,*,*,2,true,2026-02-05,,
past_due,*,*,0,true,,,
past_due,Small,*,3,true,,,
no_activity,*,*,3,true,,,
no_activity,Public,*,5,false,,,
missing_next_step,*,*,,true,,,
missing_next_step,*,New,,false,,,
missing_next_step,Unknown,New,,true,,,
few_contacts,*,*,2,true,,,
few_contacts,Small,*,1,true,,,
few_contacts,Public,*,5,false,,,
""",
    "targets": TARGETS,
    "metric_policy": """choice,value,valid_from,owner,definition
velocity_window_days,60,,,
velocity_window_days,30,2026-02-01,,
small_sample_visits,12,,,
small_sample_visits,7,2026-02-01,,
small_sample_visits,1,2027-01-01,,
stall_recovery_days,6,,,
cycle_bands,5|20|60,,,
cycle_bands,9|40,2026-02-02,,
small_sample,12,,,
small_risk_set,3,,,
mature_open_share,0.2,,,
sales_cycle_days,5|10|20|60,,,
handoff_outcome_days,4,,,
lead_score_band,30,,,
lead_score_days,3,,,
restatement_days,0|2|5,,,
restatement_days,1|3,2026-02-01,,
attribution_window_days,12,,,
attribution_window_days,5,2026-02-04,,
"""
    + random_health.POLICY
    + random_lists.MARKETING_LEAD_SOURCES,
    **random_lists.DEFINITIONS,
    **random_billing.DEFINITIONS,
}


def source_type(seed: int, number: int) -> str:
    """That of a company: of both canonical types, but of one with seed 1, which is tested every time.

    dbt reads the project anew, in 13 CPU seconds, for each set of types; for files it has read it already.
    """
    return "files" if seed == 1 or number % 3 else "demo"


def companies(seed: int, count: int) -> list[Company]:
    """`count` companies as sources c000, c001, ... of one build."""
    generator = random.Random(seed)
    plain = [_company(generator, f"c{number:03}", source_type(seed, number)) for number in range(count)]
    busy = [with_changes(seed, with_contacts(seed, with_activities(seed, company))) for company in plain]
    lively = [with_calls(seed, with_owners(seed, company)) for company in busy]
    peopled = [with_touches(seed, with_people(seed, company)) for company in lively]
    listed = [random_lists.with_lists(seed, company) for company in peopled]
    billed = [random_billing.with_billing(company, seed) for company in listed]
    return [random_health.with_health(company, seed) for company in billed]


def _company(generator: random.Random, source: str, source_type: str) -> Company:
    first = FIRST_DAY + timedelta(days=generator.randrange(6))
    days = [first + timedelta(days=offset) for offset in range(generator.randrange(2, 24))]
    captured = [day for day in days if generator.random() < 0.75] or [first]
    account_days = [day for day in captured if generator.random() < 0.8] or captured[:1]
    accounts: dict[tuple[Any, ...], dict[str, Any]] = {}
    opportunities: dict[tuple[Any, ...], dict[str, Any]] = {}
    account_states: dict[date, dict[tuple[Any, ...], dict[str, Any]]] = {}
    opportunity_states: dict[date, dict[tuple[Any, ...], dict[str, Any]]] = {}
    hidden: dict[tuple[Any, ...], dict[str, Any]] = {}
    for day in days:
        _edit_accounts(generator, accounts)
        _edit_opportunities(generator, opportunities, hidden, day)
        if day in account_days:
            account_states[day] = {key: dict(row) for key, row in accounts.items()}
        if day in captured:
            opportunity_states[day] = {key: dict(row) for key, row in opportunities.items()}
    return Company(
        source,
        {"opportunity": opportunity_states, "account": account_states},
        source_type,
        reconstructed_until=captured[len(captured) // 3] if generator.random() < 0.2 else None,
    )


def _edit_accounts(generator: random.Random, accounts: dict[tuple[Any, ...], dict[str, Any]]) -> None:
    for name in ("A1", "A2", "A3"):
        key = (name,)
        if key not in accounts:
            if generator.random() < 0.3:
                accounts[key] = {"account_id": name, "segment": generator.choice([None, "SMB", ""])}
        elif generator.random() < 0.15:
            accounts[key]["employee_count"] = generator.choice([None, 10, 60, 700, 2000])
            accounts[key]["industry"] = generator.choice([None, "Government", "Software", "Education"])
            accounts[key]["is_target_account"] = generator.choice([None, False, False, True])
            accounts[key]["website"] = generator.choice(["a.example", "b.example"])
        elif generator.random() < 0.04:
            del accounts[key]


def _edit_opportunities(
    generator: random.Random,
    opportunities: dict[tuple[Any, ...], dict[str, Any]],
    hidden: dict[tuple[Any, ...], dict[str, Any]],
    day: date,
) -> None:
    for number in range(5):
        name = f"O{number}"
        key = (name,)
        if key in hidden:
            if generator.random() < 0.3:
                opportunities[key] = hidden.pop(key)
            continue
        if key not in opportunities:
            if generator.random() < 0.3:
                opportunities[key] = _new_opportunity(generator, name, day)
            continue
        row = opportunities[key]
        for change in range(generator.choice([0, 0, 1, 1, 2])):
            _edit(generator, row, day, change)
        if generator.random() < 0.05:
            hidden[key] = opportunities.pop(key)


def _new_opportunity(generator: random.Random, name: str, day: date) -> dict[str, Any]:
    row: dict[str, Any] = {"opportunity_id": name, "stage": generator.choice(STAGES)}
    row["created_at"] = generator.choice(
        [None, datetime.combine(day, datetime.min.time()) + timedelta(hours=generator.choice([1, 4, 5, 23]))]
    )
    for change in range(6):
        _edit(generator, row, day, change)
    return row


def _edit(generator: random.Random, row: dict[str, Any], day: date, change: int) -> None:
    field = generator.choice(
        ["stage", "stage", "amount", "currency_code", "close_date", "close_date", "account_id", "pipeline", "next_step",
         "owner_id", "opportunity_type", "forecast_category", "last_activity_at", "is_deleted",
         "merged_into_opportunity_id", "lead_source", "probability"]
    )  # fmt: skip
    values: dict[str, Any] = {
        "stage": generator.choice(STAGES),
        "amount": generator.choice(
            [None, Decimal(0), Decimal(generator.randrange(-500, 100000)) / 100, Decimal("0.01")]
        ),
        "currency_code": generator.choice(CURRENCIES),
        "close_date": generator.choice([None, day + timedelta(days=generator.randrange(-20, 200))]),
        "account_id": generator.choice([None, "A1", "A2", "A3", "A9"]),
        "pipeline": generator.choice([None, "default", "renewal", "odd"]),
        "next_step": generator.choice([None, "", "Call", "Write"]),
        "owner_id": generator.choice([None, "U1", "U2"]),
        "opportunity_type": generator.choice([None, "new_business", "renewal"]),
        "forecast_category": generator.choice([None, "Best Case", "Commit"]),
        "last_activity_at": datetime.combine(day, datetime.min.time()),
        "is_deleted": generator.random() < 0.3,
        "merged_into_opportunity_id": "O9" if generator.random() < 0.2 else None,
        "lead_source": generator.choice([None, "Web"]),
        "probability": Decimal(generator.randrange(0, 100)) / 100,
    }
    row[field] = values[field]
