"""The slow and obvious recomputation of slippage: what was due on a day, and where it stood at the quarter's end."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from tests.oracles.days.fiscal_quarters import quarter_end, quarter_start
from tests.oracles.opportunities.history import Oracle, Row

ENDS = ("won", "won_elsewhere", "lost", "slipped", "overdue", "gone")
BESIDE = ("pulled_in", "created_and_won")
Key = tuple[str, str, str, date]  # fiscal quarter, segment, forecast category, anchor


class SlippageOracle:
    """Slippage of the companies that an `Oracle` knows."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle
        self.states = {company.source: oracle.states(company) for company in oracle.companies}
        self.days = sorted({day for states in self.states.values() for day in states})

    def anchors(self) -> Iterator[tuple[str, date]]:
        """Each quarter's first captured day, and the first of each month in it."""
        first, last = self.days[0], self.days[-1]
        quarters = {self.oracle.quarter(first + timedelta(days=number)) for number in range((last - first).days + 1)}
        for quarter in quarters:
            start = quarter_start(quarter, self.oracle.start_month)
            end = quarter_end(quarter, self.oracle.start_month)
            found = {day for day in self.days if start <= day <= end and all(d >= day or d < start for d in self.days)}
            found |= {
                start + timedelta(days=number)
                for number in range((end - start).days + 1)
                if (start + timedelta(days=number)).day == 1 and first <= start + timedelta(days=number) <= last
            }
            yield from ((quarter, day) for day in found)

    def standing(self, source: str, day: date) -> dict[str, Row]:
        """The state of a source that stands on a day; empty before its first captured one."""
        days = [captured for captured in self.states[source] if captured <= day]
        return self.states[source][max(days)] if days else {}

    def deals(self) -> Iterator[Row]:
        """Every deal that was due on an anchor, or was won beside, with what became of it."""
        last = self.days[-1]
        for quarter, anchor in self.anchors():
            end = quarter_end(quarter, self.oracle.start_month)
            for source, states in self.states.items():
                before, after = self.standing(source, anchor), self.standing(source, min(end, last))
                today = self.standing(source, last) if end < last else None
                for identity in before.keys() | after.keys():
                    row, final = before.get(identity), after.get(identity)
                    found: dict[str, Any] = {"outcome": None, "later": None}
                    if row and row["stage_category"] == "open" and row["close_fiscal_quarter"] == quarter:
                        found = row | {"outcome": ended(final, quarter, end)}
                        if today is not None and found["outcome"] in ("slipped", "overdue"):
                            found["later"] = today[identity]["stage_category"] if identity in today else "gone"
                    elif final and final["stage_category"] == "won" and final["close_fiscal_quarter"] == quarter:
                        if row and row["stage_category"] == "open":
                            found = row | {"outcome": "pulled_in", "amount": final["amount"]}
                        elif not row and born(states, identity) > max(anchor, min(states)):
                            found = final | {"outcome": "created_and_won"}
                    if found["outcome"]:
                        yield {"later": None} | found | {"fiscal_quarter": quarter, "anchor_date": anchor}

    def cells(self) -> dict[Key, dict[str, Any]]:
        """rpt_slippage, without rates."""
        cells: dict[Key, list[Row]] = defaultdict(list)
        for quarter, anchor in self.anchors():
            cells[(quarter, "(all)", "(all)", anchor)] = []
        for deal in self.deals():
            for segment in (deal["segment"], "(all)"):
                for category in (deal["forecast_category"] or "(none)", "(all)"):
                    cells[(deal["fiscal_quarter"], segment, category, deal["anchor_date"])].append(deal)
        return {key: self.cell(key, deals) for key, deals in cells.items()}

    def cell(self, key: Key, deals: list[Row]) -> dict[str, Any]:
        """Counts and amounts of one cell."""
        end = quarter_end(key[0], self.oracle.start_month)
        counts = Counter(deal["outcome"] for deal in deals)
        amounts = {
            name: sum((deal["amount"] or Decimal(0) for deal in deals if deal["outcome"] == name), Decimal(0))
            for name in (*ENDS, *BESIDE)
        }
        later = Counter(deal["later"] for deal in deals)
        has_later = end < self.days[-1]
        return {
            "as_of_date": min(end, self.days[-1]),
            "is_final": end <= self.days[-1],
            "due": sum(counts[name] for name in ENDS),
            "due_amount": sum(amounts[name] for name in ENDS),
            **{name: counts[name] for name in amounts},
            **{f"{name}_amount": amount for name, amount in amounts.items()},
            "slipped_later_won": later["won"] if has_later else None,
            "slipped_later_open": later["open"] if has_later else None,
        }


def born(states: dict[date, dict[str, Row]], identity: str) -> date:
    """The first captured day of an opportunity."""
    return min(day for day, rows in states.items() if identity in rows)


def ended(row: Row | None, quarter: str, end: date) -> str:
    """Which of the six ends an opportunity that was due in the quarter came to."""
    if row is None:
        return "gone"
    if row["stage_category"] == "won":
        return "won" if row["close_fiscal_quarter"] == quarter else "won_elsewhere"
    if row["stage_category"] == "lost":
        return "lost"
    return "slipped" if row["close_date"] and row["close_date"] > end else "overdue"
