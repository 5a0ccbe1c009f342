"""A second opinion on restated MRR and retention: what a ledger that ends on the day says, on random companies and the
demo."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.oracles.conftest import Built
from tests.oracles.revenue.restated import ALL, METRICS, Parts, check_facts, parts, quarters


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


def test_restated_revenue_is_what_a_ledger_that_ends_on_the_day_says(
    built: Built, request: pytest.FixtureRequest
) -> None:
    """On each quarter's last day, on some later days that moved it, and on the last day of all."""
    causes = set()
    for quarter, (end, month_end) in quarters(built).items():
        facts, known = check_facts(built, quarter, end, month_end, looks=1)
        rows = built.rows(
            f"select * from marts.rpt_restatements where fiscal_quarter = '{quarter}' and metric in {METRICS}"
        )
        last = max(row["snapshot_date"] for row in rows)
        known[last] = known.get(last) or parts(built, last, month_end)
        for day, of_day in known.items():
            check_report(rows, day, of_day)
        first = {
            (row["metric"], row["segment"]): (row["restated_amount"], row["restated_ratio"])
            for row in rows
            if row["snapshot_date"] == end
        }
        for row in rows:
            assert (row["reported_amount"], row["reported_ratio"]) == first[row["metric"], row["segment"]], row
        causes |= {(row["metric"], row["cause"]) for row in facts}
    assert {metric for metric, _ in causes} == set(METRICS)
    if request.node.callspec.params["built"] == 1:  # other companies have not every cause
        late = ("entered", "left", "edited", "segment")
        assert causes >= {(metric, cause) for metric in ("mrr", "nrr") for cause in ("reported", *late)}
