"""A second opinion on restated MRR: what a ledger that ends on the day says, on random companies and the demo."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from tests.oracles.conftest import Built
from tests.oracles.revenue.retention import Retention
from tests.oracles.test_reported import until


def as_known_on(built: Built, day: date) -> Retention:
    """Retention of the companies of which nothing was captured after a day."""
    cut = [until(company, day) for company in built.companies]
    known = [replace(each, states={name: days for name, days in each.states.items() if days}) for each in cut]
    return Retention(known, built.definitions, *built.settings.values())


def paying(retention: Retention, end: date) -> tuple[Decimal, int]:
    """MRR at the last month end up to a quarter's, and how many customers pay it."""
    month_end = max((day for day in retention.month_ends if day <= end), default=None)
    amounts = [row["mrr_amount"] for row in retention.customers.get(month_end, {}).values()] if month_end else []
    return sum(filter(None, amounts), Decimal(0)), sum(amount is not None for amount in amounts)


def test_restated_mrr_is_what_a_ledger_that_ends_on_the_day_says(built: Built) -> None:
    """On each quarter's last day, on the first later day that moved it, and on the last day of all."""
    rows = built.rows(
        "select restatements.*, end_date from marts.rpt_restatements as restatements "
        "join intermediate.int_fiscal_quarters using (fiscal_quarter) where metric = 'mrr' and segment = '(all)' "
        "order by fiscal_quarter, days_after_end"
    )
    quarters: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        quarters[row["fiscal_quarter"]].append(row)
    assert quarters
    known: dict[date, Retention] = {}
    for of_quarter in quarters.values():
        moved = [row for row in of_quarter if row["changed_amount"]]
        for row in (of_quarter[0], *moved[:1], of_quarter[-1]):
            day = row["snapshot_date"]
            known[day] = known.get(day) or as_known_on(built, day)
            restated = (row["restated_amount"], row["restated_opportunities"])
            assert restated == paying(known[day], row["end_date"]), row
        assert {row["reported_amount"] for row in of_quarter} == {of_quarter[0]["restated_amount"]}
        assert of_quarter[0]["days_after_end"] == 0
    if len(built.companies) > 1:
        last = rows[-1]
        assert all(last[f"{cause}_amount"] for cause in ("entered", "left", "edited"))
