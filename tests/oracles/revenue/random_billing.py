"""Random billing for random companies: every kind of price, trial, pause, end and return, in any order.

`with_billing` adds subscriptions, and the links of accounts to customers and parents, to a company; it draws from a
generator of its own, so that the rest of the company stays as it is. `billing_companies` makes companies that are
captured for more than a year, some of them billing systems without a CRM.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.dbt_project.ledger_cache import Company

Row = dict[str, Any]
States = dict[date, dict[tuple[Any, ...], Row]]

POLICY_COLUMNS = "choice,value,valid_from,owner,definition"
DEFINITIONS = {
    "mrr_policy": POLICY_COLUMNS
    + """
discounts,none,2025-12-15,,
discounts,recurring,2026-02-10,,
past_due,counts,,,
past_due,excluded,2026-01-15,,
unpaid,counts,,,
unpaid,excluded,2025-10-01,,
churn_date,cancelled,2025-08-10,,
churn_date,ended,2026-01-31,,
trial_of_payer,excluded,2025-09-15,,
trial_of_payer,counts,2026-01-10,,
renewal_grace_days,20,,,
renewal_grace_days,0,2026-01-25,,
renewal_grace_days,45,2026-02-01,,
renewal_grace_days,0,2026-03-01,,
"""
}
CHOICES: dict[str, list[Any]] = {
    "status": [
        None, "active", "active", "active", "trialing", "canceled", "cancelled", "past_due", "Past_Due", "unpaid",
        "incomplete", "incomplete_expired",
    ],
    "interval": ["month", "month", "month", "year", "year", "week", "day", " Month", "YEAR", None, "fortnight"],
    "interval_count": [None, 1, 1, 2, 3, 7, 0],
    "currency_code": [None, "USD", "USD", "USD", "EUR", "eur", "GBP", "XXX"],
    "quantity": [None, 1, 25],
}  # fmt: skip
WEBSITES = ["https://www.{}.example/en", "{}.example", "HTTP://{}.example:8080", "info@{}.example", "shared.example"]
AMOUNTS = ["0", "0.01", "0.05", "10", "100", "100", "120.50", "1234.56", "99999.99", "7.77", "-30", "9999999999999.99"]
# Accounts of Salesforce, whose ids only case tells apart, with and without what says which characters are capitals;
# and something else that looks like one. By whether the number of the company is odd: what the CRM calls them, and
# what billing does.
CALLED = [
    (["0015g00000AbCdEAAV", "0015g00000ABcdEAAT", "0015g00000fghij", "1015g00000klmnoAAA"],
     ["0015g00000AbCdE", "0015g00000ABcdE", "0015g00000fghijAAA", "1015g00000klmno"]),
    (["0015g00000AbCdE", "0015g00000ABcdEAAT", "0015g00000fghij", "1015g00000klmnoAAA"],
     ["0015g00000AbCdE", "0015g00000ABcdEAAT", "0015g00000fghijAAA", "1015g00000klmno"]),
]  # fmt: skip


def with_billing(company: Company, seed: int) -> Company:
    """The company with subscriptions, captured from before its first opportunity to after its last one."""
    chance = random.Random(f"{seed}-{company.source}-billing")
    first = date(2025, 12, 1) + timedelta(days=chance.randrange(40))
    days = _captured(chance, first, 110, every=7)
    names = ["A1", "A2", "A3", "A9"]
    customers = [f"{company.source}-K{number}" for number in range(1, 4)] + ["shared"]
    states = dict(company.states)
    states["account"] = _with_links(chance, company.states["account"], names, customers)
    states["subscription"] = _subscriptions(chance, days, customers, names, started=date(2024, 12, 1))
    states["customer"] = _customers(chance, days[::9], customers, names)
    return replace(company, states=states)


def billing_companies(seed: int, count: int, types: Sequence[str] = ("demo", "files")) -> list[Company]:
    """`count` companies, captured on most month ends of 17 months; every third has no opportunities, every fourth no
    accounts: its customers are accounts of the others."""
    return [
        replace(
            _billing_company(random.Random(f"{seed}-{number}"), f"b{number:03}", number),
            source_type=types[number % len(types)],
        )
        for number in range(count)
    ]


def _billing_company(chance: random.Random, source: str, number: int) -> Company:
    first = date(2024, 9, 20) + timedelta(days=chance.randrange(30))
    days = _captured(chance, first, 500, every=12)
    plain = [f"P{each}" for each in range(1, 5)]
    accounts, names = ([*plain, *called] for called in CALLED[number % 2])
    customers = [f"K{each}" for each in range(1, 7)]
    states: dict[str, States] = {"subscription": _subscriptions(chance, days, customers, names, started=first)}
    if number % 5:
        states["customer"] = _customers(chance, days[::4], customers, names)
    if number % 4 != 3:
        account_days = [day for day in days if chance.random() < 0.9] or days[:1]
        states["account"] = _with_links(chance, _accounts(chance, account_days, accounts), accounts, customers)
    if number % 3 != 2:
        states["opportunity"] = {day: {} for day in days if chance.random() < 0.8} or {days[0]: {}}
    return Company(source, states)


def _captured(chance: random.Random, first: date, length: int, every: int) -> list[date]:
    """Some days, and nearly all last days of a month among them."""
    days = [first + timedelta(days=offset) for offset in range(length)]
    return [
        day for day in days if chance.random() < (0.97 if (day + timedelta(days=1)).day == 1 else 1 / every)
    ] or days[:1]


def _accounts(chance: random.Random, days: list[date], names: list[str]) -> States:
    accounts: dict[tuple[Any, ...], Row] = {}
    states: States = {}
    for day in days:
        for name in names:
            row = accounts.get((name,))
            if row is None:
                if chance.random() < 0.4:
                    accounts[(name,)] = {"account_id": name, "employee_count": chance.choice([None, 10, 700, 2000])}
            elif chance.random() < 0.1:
                row["employee_count"] = chance.choice([None, 10, 60, 700, 2000])
                row["industry"] = chance.choice([None, "Government", "Software"])
            elif chance.random() < 0.02:
                del accounts[(name,)]
        states[day] = {key: dict(row) for key, row in accounts.items()}
    return states


def _with_links(chance: random.Random, states: Any, names: list[str], customers: list[str]) -> States:
    """The same accounts with parents, circles among them, and customers, some of them shared."""
    links: dict[tuple[Any, ...], Row] = {}
    result: States = {}
    for day in sorted(states):
        for key in states[day]:
            if key not in links or chance.random() < 0.1:
                links[key] = {
                    "parent_account_id": chance.choice([None, None, "", *names, "top"]),
                    "billing_customer_id": chance.choice([None, "", *customers, *customers]),
                    "website": chance.choice([None, "", "none", *(site.format(key[0]) for site in WEBSITES)]),
                }
        result[day] = {key: {**row, **links[key]} for key, row in states[day].items()}
    return result


def _customers(chance: random.Random, days: list[date], customers: list[str], names: list[str]) -> States:
    """What billing says of its customers: now and then an account, now and then a domain."""
    rows: dict[tuple[Any, ...], Row] = {}
    states: States = {}
    for day in days:
        for name in [*customers, "idle"]:
            if chance.random() < 0.3:
                rows[(name,)] = {
                    "customer_id": name,
                    "account_id": chance.choice([None, None, None, "", *names]),
                    "domain": chance.choice(
                        [None, "", *(f"{each.lower()}.example" for each in names), "shared.example"]
                    ),
                }
            elif chance.random() < 0.05:
                rows.pop((name,), None)
        states[day] = {key: dict(row) for key, row in rows.items()}
    return states


def _subscriptions(
    chance: random.Random, days: list[date], customers: list[str], names: list[str], started: date
) -> States:
    rows: dict[tuple[Any, ...], Row] = {}
    hidden: dict[tuple[Any, ...], Row] = {}
    states: States = {}
    last = days[-1]
    for day in days:
        for number in range(8):
            key = (f"S{number}",)
            if key in hidden:
                if chance.random() < 0.2:
                    rows[key] = hidden.pop(key)
            elif key not in rows:
                if chance.random() < 0.4:
                    rows[key] = _new(chance, key[0], customers, started, last)
                    _begin(chance, rows[key], rows.values(), names)
            elif chance.random() < 0.03:
                hidden[key] = rows.pop(key)
            elif chance.random() < 0.25:
                _edit(chance, rows[key], names)
        states[day] = {key: dict(row) for key, row in rows.items()}
    return states


def _new(chance: random.Random, name: str, customers: list[str], started: date, last: date) -> Row:
    began = started + timedelta(days=chance.randrange((last - started).days + 20))
    return {
        "subscription_id": name,
        "customer_id": chance.choice(customers),
        "started_at": _instant(chance, began),
        "amount": Decimal(chance.choice(AMOUNTS)),
        "interval": chance.choice(["month", "month", "year"]),
        "interval_count": 1,
        "status": "active",
    }


def _begin(chance: random.Random, row: Row, all_rows: Iterable[Row], names: list[str]) -> None:
    """A new subscription that sometimes follows one that ended, and has lived already."""
    ended = [each for each in all_rows if each.get("ended_at")]
    if ended and chance.random() < 0.4:
        _renew(chance, row, chance.choice(ended))
    for _ in range(8):
        _edit(chance, row, names)


def _renew(chance: random.Random, row: Row, ended: Row) -> None:
    """The subscription follows another, sooner or later, of a customer that mostly has no more than these."""
    if chance.random() < 0.7:
        ended["customer_id"] = f"{ended['customer_id']}-{ended['subscription_id']}"
    row["customer_id"] = ended["customer_id"]
    row["started_at"] = _instant(chance, ended["ended_at"].date() + timedelta(days=chance.randrange(60)))


def _edit(chance: random.Random, row: Row, names: list[str]) -> None:
    field = chance.choice(
        ["status", "account_id", "account_id", "started_at", "ended_at", "ended_at", "ended_at", "cancelled_at",
         "trial_start_at", "trial_end_at", "trial_end_at", "paused", "amount", "amount", "amount", "list_amount",
         "interval", "interval_count", "currency_code", "quantity", "customer_id"]
    )  # fmt: skip
    match field:
        case "account_id":
            row[field] = chance.choice([None, "", *names])
        case "amount" | "list_amount":
            row[field] = chance.choice([None, *(Decimal(amount) for amount in AMOUNTS)])
        case "customer_id":
            if chance.random() < 0.1:
                row[field] = row[field] + "x"
        case _ if field in CHOICES:
            row[field] = chance.choice(CHOICES[field])
        case _:
            _edit_time(chance, row, field)


def _edit_time(chance: random.Random, row: Row, field: str) -> None:
    """Another beginning, end, trial or pause."""
    began: date = row["started_at"].date()

    def later(longest: int) -> date:
        return began + timedelta(days=chance.randrange(longest))

    match field:
        case "started_at":
            row["started_at"] = _instant(chance, began + timedelta(days=chance.randrange(-20, 20)))
        case "ended_at" | "cancelled_at":
            row[field] = chance.choice([None, None, _instant(chance, later(600)), _instant(chance, later(100))])
            if row.get("ended_at") and chance.random() < 0.5:  # on the very last day of a month
                row["ended_at"] = row["ended_at"].replace(day=1, hour=chance.choice([1, 12]))
        case "trial_start_at" | "trial_end_at":
            row[field] = chance.choice([None, _instant(chance, later(60)), _instant(chance, later(400))])
        case "paused":
            first = chance.choice([None, later(300)])
            row["paused_from"] = first
            row["paused_to"] = chance.choice([None, later(400), later(400)])


def _instant(chance: random.Random, day: date) -> datetime:
    """Often so near midnight in UTC that the business date is another one."""
    return datetime.combine(day, datetime.min.time()) + timedelta(hours=chance.choice([0, 3, 4, 5, 12, 23]))
