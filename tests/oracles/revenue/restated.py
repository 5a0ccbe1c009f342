"""Restated MRR and retention the slow way: what each customer counts, by a ledger that ends on the day.

Shares nothing with the models: MRR of a past day is that of companies of which nothing was captured after it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from tests.oracles.conftest import Built
from tests.oracles.revenue.retention import Retention
from tests.oracles.test_reported import until

METRICS = ("mrr", "cohort_mrr", "nrr", "grr")
ALL = "(all)"
Customer = tuple[str, str]
Parts = dict[tuple[str, Customer], tuple[str, Decimal]]
"""By metric and customer, where it counts: its segment and amount."""


def as_known_on(built: Built, day: date, ends: list[date]) -> Retention:
    """What customers pay at month ends by companies of which nothing was captured after a day."""

    class Known(Retention):
        def _month_ends(self) -> list[date]:
            return list(ends)

    cut = [until(company, day) for company in built.companies]
    known = [replace(each, states={name: days for name, days in each.states.items() if days}) for each in cut]
    return Known(known, built.definitions, *built.settings.values())


def parts(built: Built, day: date, month_end: date) -> Parts:
    """What each customer counts in each number of the quarter that ends with a month, as known on a day."""
    year_before = (month_end.replace(day=1, year=month_end.year - 1) + timedelta(days=31)).replace(day=1)
    retention = as_known_on(built, day, [year_before - timedelta(days=1), month_end])
    base, now = (retention.payers("customer", end) for end in (year_before - timedelta(days=1), month_end))
    found: Parts = {("mrr", key): (payer.segment, payer.amount or Decimal(0)) for key, payer in now.items()}
    for key, payer in base.items():
        paid, pays = payer.amount or Decimal(0), (now[key].amount if key in now else None) or Decimal(0)
        amounts = {"cohort_mrr": paid, "nrr": pays, "grr": min(paid, pays)}
        found |= {(metric, key): (payer.segment, amount) for metric, amount in amounts.items()}
    return {key: part for key, part in found.items() if part[1]}


def steps(before: Parts, after: Parts) -> set[tuple[Any, ...]]:
    """The rows that lead from what was known before to what is known after: the segment at the old amount first."""
    rows: set[tuple[Any, ...]] = set()
    for metric, customer in {*before, *after}:
        was, paid = before.get((metric, customer), (None, Decimal(0)))
        segment, pays = after.get((metric, customer), (was, Decimal(0)))
        if paid and pays and was != segment:
            rows |= {(metric, *customer, was, "segment", -paid, -1), (metric, *customer, segment, "segment", paid, 1)}
        if paid != pays:
            cause, delta = ("entered", 1) if not paid else ("left", -1) if not pays else ("edited", 0)
            rows.add((metric, *customer, segment, cause, pays - paid, delta))
    return rows


def quarters(built: Built) -> dict[str, tuple[date, date]]:
    """The quarters that rpt_restatements follows: their last day and last month end."""
    rows = built.rows(
        "select fiscal_quarter, end_date, max(month_end) as month_end from intermediate.int_fiscal_quarters "
        "join intermediate.int_mrr_months on month_end between start_date and end_date "
        "where fiscal_quarter in (select fiscal_quarter from marts.fct_mrr_restatements) group by all order by all"
    )
    return {row["fiscal_quarter"]: (row["end_date"], row["month_end"]) for row in rows}


def check_customers(facts: list[dict[str, Any]], end: date, day: date, before: Parts, after: Parts) -> None:
    """What the rows of one day say, and those up to it together."""
    names = ("metric", "source", "customer_id", "segment", "cause", "amount", "customer_delta")
    found = {tuple(row[name] for name in names) for row in facts if row["snapshot_date"] == day}
    wanted = steps({}, after) if day == end else steps(before, after)
    if day == end:
        wanted = {(*row[:4], "reported", *row[5:]) for row in wanted}
    assert found == wanted, day
    stands: dict[tuple[Any, ...], list[Any]] = defaultdict(lambda: [Decimal(0), 0])
    for row in facts:
        if row["snapshot_date"] <= day:
            cell = stands[row["metric"], (row["source"], row["customer_id"]), row["segment"]]
            cell[0] += row["amount"]
            cell[1] += row["customer_delta"]
    assert {key: cell for key, cell in stands.items() if any(cell)} == {
        (*key, segment): [amount, 1] for key, (segment, amount) in after.items()
    }, day


def check_facts(
    built: Built, quarter: str, end: date, month_end: date, looks: int
) -> tuple[list[dict[str, Any]], dict[date, Parts]]:
    """Compare fct_mrr_restatements of a quarter, customer by customer, on its last day, on `looks` days or so that
    moved it and on the last of these; return its rows, and what was known on each of the days."""
    facts = built.rows(f"select * from marts.fct_mrr_restatements where fiscal_quarter = '{quarter}'")
    moved = sorted({row["snapshot_date"] for row in facts} - {end})
    known: dict[date, Parts] = {end: parts(built, end, month_end)}
    checked = sorted({end, *moved[:: max(1, len(moved) // looks)], *moved[-1:]})
    for day in checked:
        for needed in {day, max(end, day - timedelta(days=1))} - set(known):
            known[needed] = parts(built, needed, month_end)
        check_customers(facts, end, day, known[max(end, day - timedelta(days=1))], known[day])
    return facts, {day: known[day] for day in checked}
