"""The slow and obvious recomputation of pipeline coverage, day by day, from the daily states themselves.

Shares nothing with the models: fiscal quarters are found by walking day by day, past quarters are pooled by looking at
each of their days, shares are exact fractions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

from tests.dbt_project.ledger_cache import Company
from tests.oracles.days.definitions import definition_rows
from tests.oracles.opportunities.history import Oracle, currencies, is_unpriced

ALL = "(all)"
DAY = timedelta(days=1)
Row = dict[str, Any]
Key = tuple[date, str, str]  # snapshot date, fiscal quarter, segment
Pool = list[tuple[tuple[str, str, str], tuple[int, Any, Any]]]  # pipeline, stage, segment: count, amount, won amount


class CoverageOracle(Oracle):
    """What rpt_pipeline_coverage must hold for these companies and definitions."""

    def __init__(
        self, companies: list[Company], definitions: Mapping[str, str], time_zone: str, base: str, start_month: int
    ) -> None:
        super().__init__(companies, definitions, time_zone, base, start_month)
        self.targets = definition_rows(definitions.get("targets", ""))
        self.calendar = definition_rows(definitions.get("fiscal_calendar", ""))
        self.by_source = {company.source: self.states(company) for company in companies}
        self.first = min(min(states) for states in self.by_source.values())
        self.last = max(max(states) for states in self.by_source.values())
        self.standing = cache(self.standing)  # type: ignore[method-assign]
        self.bounds = cache(self.bounds)  # type: ignore[method-assign]
        self.winners = cache(self.winners)  # type: ignore[method-assign]
        self.past_cells = cache(self.past_cells)  # type: ignore[method-assign]

    # ---- days and quarters

    def quarter(self, day: date | None) -> str:
        """The fiscal quarter of a day: the company's own calendar, else by the month in which its year starts."""
        for row in self.calendar:
            if day and row["start_date"] <= day.isoformat() <= row["end_date"]:
                return str(row["fiscal_quarter"])
        return super().quarter(day)

    def bounds(self, day: date) -> tuple[date, date]:
        """First and last day of a day's fiscal quarter."""
        name = self.quarter(day)
        first = last = day
        while self.quarter(first - DAY) == name:
            first -= DAY
        while self.quarter(last + DAY) == name:
            last += DAY
        return first, last

    def quarters_ahead(self, day: date) -> Iterator[tuple[date, date]]:
        """The bounds of a day's own quarter and of the three after it."""
        for _ in range(4):
            bounds = self.bounds(day)
            yield bounds
            day = bounds[1] + DAY

    def past_quarters(self, day: date) -> list[tuple[date, date]]:
        """The latest quarters that ended before the day and were captured from end to end, as many as are looked at."""
        found: list[tuple[date, date]] = []
        most = self.choice("coverage_pool_quarters", day)
        first, last = self.bounds(self.bounds(day)[0] - DAY)
        while first >= self.first and last <= self.last and len(found) < most:
            found.append((first, last))
            first, last = self.bounds(first - DAY)
        return found

    def standing(self, day: date) -> list[Row]:
        """Every source's opportunities as its latest captured day up to this one has them."""
        rows: list[Row] = []
        for states in self.by_source.values():
            captured = [each for each in states if each <= day]
            if captured:
                rows += states[max(captured)].values()
        return rows

    def is_complete(self, day: date) -> bool:
        """Whether every source that had been captured before was captured, every stage has a definition, and every
        open opportunity a rate."""
        begun = [states for states in self.by_source.values() if min(states) <= day]
        return all(day in states for states in begun) and all(
            row["stage_category"] != "unmapped" and not (row["stage_category"] == "open" and is_unpriced(row))
            for row in self.standing(day)
        )

    # ---- what past quarters say

    def winners(self, first: date, last: date) -> set[tuple[str, str]]:
        """The opportunities that were won within the quarter, by the state on its last day."""
        return {
            (row["source"], row["opportunity_id"])
            for row in self.standing(last)
            if row["stage_category"] == "won" and row["close_date"] and first <= row["close_date"] <= last
        }

    def past_cells(self, first: date, last: date, day: date) -> Mapping[tuple[str, str, str], tuple[int, Any, Any]]:
        """Pipeline, stage, segment -> opportunities open on the day and due in the quarter, amount, won amount."""
        cells: dict[tuple[str, str, str], tuple[int, Any, Any]] = {}
        for row in self.standing(day):
            if row["stage_category"] == "open" and row["close_date"] and first <= row["close_date"] <= last:
                amount = row["amount"] or Decimal(0)
                won = (row["source"], row["opportunity_id"]) in self.winners(first, last)
                key = (row["pipeline"], row["stage"], row["segment"])
                count, open_amount, won_amount = cells.get(key, (0, Decimal(0), Decimal(0)))
                cells[key] = (count + 1, open_amount + amount, won_amount + (amount if won else 0))
        return cells

    def pool(self, day: date, quarter_day: int) -> Pool:
        """The cells of the same day of the past quarters; of the last day of one that is too short."""
        found = []
        for first, last in self.past_quarters(day):
            past_day = min(first + (quarter_day - 1) * DAY, last)
            if past_day >= self.first:
                found += list(self.past_cells(first, last, past_day).items())
        return found

    # ---- coverage

    def target(self, day: date, quarter: str, segment: str) -> Decimal | None:
        """The target in force on the day."""
        found = [
            (row["day"], Decimal(row["target_amount"]))
            for row in self.targets
            if row["fiscal_quarter"] == quarter and row["segment"] == segment and row["day"] <= day
        ]
        return max(found)[1] if found else None

    def coverage(self) -> dict[Key, Row]:
        """rpt_pipeline_coverage."""
        result: dict[Key, Row] = {}
        day = self.first
        while day <= self.last:
            complete = self.is_complete(day)
            for first, last in self.quarters_ahead(day):
                quarter = self.quarter(first)
                for segment, row in self.one_quarter(day, first, last, quarter):
                    result[(day, quarter, segment)] = row | {"is_complete": complete}
            day += DAY
        return result

    def one_quarter(self, day: date, first: date, last: date, quarter: str) -> Iterator[tuple[str, Row]]:
        """Segment and coverage of one quarter on one day."""
        due, won, past_due = [], [], []
        for row in self.standing(day):
            if row["close_date"] and row["stage_category"] == "open" and row["close_date"] < self.bounds(day)[0]:
                past_due.append(row)
            elif row["close_date"] and first <= row["close_date"] <= last:
                if row["stage_category"] == "open":
                    due.append(row)
                elif row["stage_category"] == "won":
                    won.append(row)
        named = {row["segment"] for row in self.targets if row["fiscal_quarter"] == quarter} - {ALL}
        known = {name: self.target(day, quarter, name) for name in named}
        targets = {name: target for name, target in known.items() if target is not None}
        pool = self.pool(day, (day - first).days + 1)
        enough = self.choice("small_pool_opportunities", day)
        for segment in {ALL, *targets, *(row["segment"] for row in [*due, *won, *past_due])}:
            if segment == ALL:
                target = self.target(day, quarter, ALL)
                is_sum = target is None
                if is_sum and targets:
                    target = sum(targets.values(), Decimal(0))
            else:
                target, is_sum = targets.get(segment), False
            mine = {
                name: [row for row in rows if segment in (ALL, row["segment"])]
                for name, rows in {"due": due, "won": won, "past_due": past_due}.items()
            }
            targeted = {name: [row for row in rows if row["segment"] in targets] for name, rows in mine.items()}
            row = _amounts(**mine)
            row["quarter_day"] = (day - first).days + 1
            row["targeted_open_amount"] = _sum(targeted["due"])
            row["targeted_won_amount"] = _sum(targeted["won"])
            row["untargeted_open_amount"] = row["open_amount"] - row["targeted_open_amount"]
            row["expected_amount"] = expected(mine["due"], pool, enough)
            row["targeted_expected_amount"] = expected(targeted["due"], pool, enough)
            row |= required(segment, pool, enough)
            # a target that is a sum of the segments' is compared with what these segments have
            prefix = "targeted_" if is_sum else ""
            opened, done, hoped = (row[f"{prefix}{name}_amount"] for name in ("open", "won", "expected"))
            remaining = None if target is None else target - done
            is_open = remaining is not None and remaining > 0
            row["target_amount"], row["remaining_target_amount"] = target, remaining
            row["coverage_ratio"] = _ratio(opened, remaining) if is_open else None
            row["expected_coverage_ratio"] = _ratio(hoped, remaining) if is_open else None
            row["total_coverage_ratio"] = _ratio(opened + done, target)
            row["status"] = "no_target" if target is None else "open" if is_open else "covered"
            yield segment, row


def _amounts(due: list[Row], won: list[Row], past_due: list[Row]) -> Row:
    unpriced = [row["currency_code"] for row in due if is_unpriced(row)]
    return {
        "open_opportunities": len(due),
        "open_amount": _sum(due),
        "won_opportunities": len(won),
        "won_amount": _sum(won),
        "past_due_open_opportunities": len(past_due),
        "past_due_open_amount": _sum(past_due),
        "unpriced_open_opportunities": len(unpriced),
        "unpriced_currencies": currencies(unpriced),
    }


def expected(due: list[Row], pool: Pool, enough: int) -> Decimal | None:
    """What past quarters let expect, each pipeline, stage and segment rounded; None if one of them has no share.

    A segment's own share counts if it rests on `enough` past opportunities.
    """
    cells: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for row in due:
        cells[(row["pipeline"], row["stage"], row["segment"])] += row["amount"] or 0
    total = Decimal(0)
    for cell, amount in cells.items():
        own = [values for key, values in pool if key == cell]
        if sum(count for count, _, _ in own) < enough:
            own = [values for key, values in pool if key[:2] == cell[:2]]
        denominator = sum((open_amount for _, open_amount, _ in own), Decimal(0))
        if denominator == 0:
            return None
        share = Fraction(sum((won for _, _, won in own), Decimal(0))) / Fraction(denominator)
        total += round_half_away(Fraction(amount) * share)
    return total


def required(segment: str, pool: Pool, enough: int) -> Row:
    """How much of the pipeline of past quarters was won: the segment's own, or all, where it has not `enough`."""
    own = [values for key, values in pool if key[2] == segment]
    is_all = segment == ALL or sum(count for count, _, _ in own) < enough
    used = [values for _, values in pool] if is_all else own
    open_amount = sum((amount for _, amount, _ in used), Decimal(0))
    won_amount = sum((won for _, _, won in used), Decimal(0))
    return {
        "yield_opportunities": sum(count for count, _, _ in used),
        "yield_open_amount": open_amount,
        "yield_won_amount": won_amount,
        "is_yield_of_all_segments": is_all,
        "required_coverage_ratio": _ratio(open_amount, won_amount) if open_amount else None,
    }


def round_half_away(value: Fraction) -> Decimal:
    """To cents, halves away from zero."""
    cents = (abs(value) * 200 + 1) // 2
    return Decimal(int(cents) * (-1 if value < 0 else 1)).scaleb(-2)


def _sum(rows: list[Row]) -> Decimal:
    return sum((row["amount"] or Decimal(0) for row in rows), Decimal(0))


def _ratio(numerator: Decimal | None, denominator: Decimal | None) -> float | None:
    return float(Fraction(numerator) / Fraction(denominator)) if numerator is not None and denominator else None
