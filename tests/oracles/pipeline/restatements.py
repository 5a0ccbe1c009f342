"""The slow and obvious look back at closed quarters: what each day said of them, and which change made the difference.

Shares nothing with the models: numbers are the sums of each day's states, causes come from comparing two captured days.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from typing import Any

from tests.dbt_project.ledger_cache import Company
from tests.oracles.coverage.coverage import ALL, DAY, CoverageOracle
from tests.oracles.opportunities.history import Row
from tests.oracles.pipeline.movements import MovementOracle, booked

STATES = {"bookings": "won", "open_pipeline": "open"}
CAUSES = ("entered", "moved_in", "moved_out", "segment", "edited", "left", "deleted", "definition")
CAUSE = {
    "won": "entered", "reversed": "left", "moved_in": "moved_in", "moved_out": "moved_out",
    "created": "entered", "restored": "entered", "reopened": "entered", "mapped": "entered",
    "lost": "left", "unmapped": "left", "deleted": "deleted", "merged": "deleted",
    "pushed_in": "moved_in", "pulled_in": "moved_in", "pushed_out": "moved_out", "pulled_out": "moved_out",
    "scope_in": "segment", "scope_out": "segment", "fx": "edited", "amount_up": "edited", "amount_down": "edited",
}  # fmt: skip
Cell = tuple[str, str, str]  # metric, fiscal quarter, segment
Key = tuple[str, str, str, int]  # fiscal quarter, segment, metric, days after the end


class RestatementOracle(CoverageOracle):
    """What rpt_restatements must hold for these companies and definitions."""

    def was_defined_anew(self, company: Company, identity: str, before: date, day: date) -> bool:
        """Whether an opportunity that is there on two captured days changed while no row of the CRM did."""
        was, now = self.by_source[company.source][before][identity], self.by_source[company.source][day][identity]
        raw = company.states["opportunity"]
        if raw[before][(identity,)] != raw[day][(identity,)] or was["origin"] != now["origin"]:
            return False
        if was["segment"] == now["segment"]:
            return True
        states = company.states["account"]
        days = [each for each in sorted(states) if each <= day]
        known = max((each for each in days if each <= before), default=None)
        seen = [states[known].get((now["account_id"],)) if known else None]
        seen += [states[each].get((now["account_id"],)) for each in days if each > before]
        return all(one == other for one, other in pairwise(seen))

    def changes(self) -> Iterator[tuple[str, str, str, date, str, Decimal, int]]:
        """Metric, fiscal quarter, segment, captured day, cause, amount and number of each change."""
        movements = MovementOracle(self)
        for company in self.companies:
            states = self.by_source[company.source]
            ever = set(states[min(states)])
            for before, day in movements.pairs(company.source):
                for identity in sorted({*states[before], *states[day]}):
                    was, now = states[before].get(identity), states[day].get(identity)
                    is_defined = bool(was and now) and self.was_defined_anew(company, identity, before, day)
                    moves = movements.moves(company, identity, was, now, before, day, identity in ever)
                    for quarter, segment, category, amount, delta, *_ in moves:
                        cause = "definition" if is_defined else "left" if category == "won" else CAUSE[category]
                        yield "open_pipeline", quarter, segment, day, cause, amount, delta
                    for quarter, segment, category, amount, delta in booked(was, now):
                        is_segment = category.startswith("moved") and same_quarter(was, now)
                        cause = "definition" if is_defined else "segment" if is_segment else CAUSE[category]
                        yield "bookings", quarter, segment, day, cause, amount, delta
                ever |= set(states[day])

    @cached_property
    def levels(self) -> dict[date, dict[Cell, tuple[Decimal, int]]]:
        """Day -> metric, fiscal quarter and segment -> amount and number."""
        found: dict[date, dict[Cell, tuple[Decimal, int]]] = {}
        day = self.first
        while day <= self.last:
            found[day] = defaultdict(lambda: (Decimal(0), 0))
            for row in self.standing(day):
                for metric, state in STATES.items():
                    if row["stage_category"] == state:
                        for segment in (row["segment"], ALL):
                            cell = (metric, row["close_fiscal_quarter"], segment)
                            amount, count = found[day][cell]
                            found[day][cell] = (amount + (row["amount"] or 0), count + 1)
            day += DAY
        return found

    def ended(self) -> Iterator[tuple[str, date]]:
        """The quarters whose last day was seen, with that day."""
        last = self.bounds(self.first)[1]
        while last <= self.last:
            yield self.quarter(last), last
            last = self.bounds(last + DAY)[1]

    def restatements(self) -> dict[Key, Row]:
        """Every row of the report."""
        changes = list(self.changes())
        result: dict[Key, Row] = {}
        for quarter, end in self.ended():
            looks = {end, self.last} | {
                end + timedelta(days=int(each)) for each in self.choice("restatement_days", end).split("|")
            }
            for metric in STATES:
                late = [each for each in changes if each[:2] == (metric, quarter) and each[3] > end]
                days = {day for day in looks if day <= self.last} | {each[3] for each in late}
                stood = {cell[2] for cell in self.levels[end] if cell[:2] == (metric, quarter)}
                for segment in {ALL} | stood | {each[2] for each in late}:
                    of_segment = [each for each in late if segment in (ALL, each[2])]
                    for day in days:
                        key = (quarter, segment, metric, (day - end).days)
                        result[key] = self.row_of(metric, quarter, segment, end, day, of_segment)
        return result

    def row_of(self, metric: str, quarter: str, segment: str, end: date, day: date, changes: list[Any]) -> Row:
        """What a day says of a quarter that ended on `end`: the two numbers from the states, the parts from changes."""
        items: dict[str, Decimal] = defaultdict(Decimal)
        for *_, changed, cause, amount, _delta in changes:
            if changed <= day:
                items[cause] += amount
        reported, count = self.levels[end].get((metric, quarter, segment), (Decimal(0), 0))
        restated, later = self.levels[day].get((metric, quarter, segment), (Decimal(0), 0))
        assert reported + sum(items.values()) == restated, (metric, quarter, segment, day)
        return {
            "snapshot_date": day,
            "is_latest": day == self.last,
            "is_total": segment == ALL,
            "reported_amount": reported,
            **{f"{cause}_amount": items[cause] for cause in CAUSES},
            "changed_amount": restated - reported,
            "restated_amount": restated,
            "reported_opportunities": count,
            "restated_opportunities": later,
            "changed_rate": float(restated - reported) / float(reported) if reported else None,
            "reported_ratio": None,
            "restated_ratio": None,
        }


def same_quarter(was: Row | None, now: Row | None) -> bool:
    return bool(was and now and was["close_fiscal_quarter"] == now["close_fiscal_quarter"])
