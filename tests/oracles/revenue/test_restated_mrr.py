"""A second opinion on restated MRR and retention: what a ledger that ends on the day says, on random companies and the
demo."""

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


def check_report(rows: list[dict[str, Any]], day: date, known: Parts) -> None:
    """The report's rows of a day: amounts, customers and both ratios of each segment."""
    of_day = [row for row in rows if row["snapshot_date"] == day]
    assert {row["metric"] for row in of_day} >= {metric for metric, _ in known}

    def cell(metric: str, segment: str) -> tuple[Decimal, int]:
        amounts = [part[1] for (what, _), part in known.items() if what == metric and segment in (part[0], ALL)]
        return sum(amounts, Decimal(0)), len(amounts)

    for row in of_day:
        amount, count = cell(row["metric"], row["segment"])
        assert (row["restated_amount"], row["restated_opportunities"]) == (amount, count), row
        cohort, _ = cell("cohort_mrr", row["segment"])
        ratio = float(amount) / float(cohort) if row["metric"] in ("nrr", "grr") and cohort else None
        assert row["restated_ratio"] == ratio, row


def test_restated_revenue_is_what_a_ledger_that_ends_on_the_day_says(built: Built) -> None:
    """On each quarter's last day, on some later days that moved it, and on the last day of all."""
    listed = "'" + "', '".join(METRICS) + "'"
    causes = set()
    for quarter, (end, month_end) in quarters(built).items():
        facts = built.rows(f"select * from marts.fct_mrr_restatements where fiscal_quarter = '{quarter}'")
        rows = built.rows(
            f"select * from marts.rpt_restatements where fiscal_quarter = '{quarter}' and metric in ({listed})"
        )
        moved = sorted({row["snapshot_date"] for row in facts} - {end})
        last = max(row["snapshot_date"] for row in rows)
        for day in sorted({end, *moved[:1], *moved[len(moved) // 2 :][:1], last}):
            after = parts(built, day, month_end)
            check_customers(
                facts, end, day, {} if day == end else parts(built, day - timedelta(days=1), month_end), after
            )
            check_report(rows, day, after)
        first = {
            (row["metric"], row["segment"]): (row["restated_amount"], row["restated_ratio"])
            for row in rows
            if row["snapshot_date"] == end
        }
        for row in rows:
            assert (row["reported_amount"], row["reported_ratio"]) == first[row["metric"], row["segment"]], row
        causes |= {(row["metric"], row["cause"]) for row in facts}
    if len(built.companies) > 1:
        late = ("entered", "left", "edited", "segment")
        assert causes == {(metric, cause) for metric in METRICS for cause in ("reported", *late)}
    assert {metric for metric, _ in causes} == set(METRICS)
