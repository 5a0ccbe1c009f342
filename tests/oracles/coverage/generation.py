"""The slow and obvious recomputation of pipeline generation: every week of every quarter, deal by deal.

Shares nothing with the models: what was created is what a captured day has and no earlier one had, past quarters are
looked at one by one, shares are exact fractions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any

from tests.oracles.coverage.coverage import ALL, DAY, CoverageOracle, round_half_away

WEEK = timedelta(days=7)
Row = dict[str, Any]
Quarter = tuple[date, date]
Key = tuple[str, str, str, str, date]  # fiscal quarter, segment, dimension, its value, Monday
NEEDS = (
    "target_amount", "won_amount", "expected_amount", "gap_amount", "remaining_yield", "needed_amount_per_week",
    "recent_created_amount", "needed_multiple", "last_useful_week",
)  # fmt: skip
YIELDS = (
    "yield_opportunities", "yield_created_amount", "yield_won_amount", "is_yield_of_all_segments", "yield_rate",
    "is_small_sample",
)  # fmt: skip


class GenerationOracle(CoverageOracle):
    """What rpt_pipeline_generation must hold for these companies and definitions."""

    @cached_property
    def created(self) -> list[Row]:
        """Every opportunity that came after its source's first captured day, as it was on the day that saw it."""
        found = []
        for states in self.by_source.values():
            days = sorted(states)
            seen = set(states[days[0]])
            for day in days[1:]:
                for identity, row in states[day].items():
                    if identity not in seen and row["stage_category"] in ("open", "won", "lost"):
                        found.append(row | {"day": day, "amount": row["amount"] or Decimal(0)})
                seen |= set(states[day])
        return found

    def state(self, deal: Row, day: date) -> Row | None:
        """What a deal is on a day, as its source's latest captured day up to it has it."""
        states = self.by_source[deal["source"]]
        return states[max(each for each in states if each <= day)].get(deal["opportunity_id"])

    def won(self, deal: Row, quarter: Quarter, day: date) -> Decimal | None:
        """The amount of a deal that is won on a day with a close date in the quarter; None of any other."""
        row = self.state(deal, day)
        is_won = row and row["stage_category"] == "won" and row["close_date"]
        return (row["amount"] or Decimal(0)) if row and is_won and _within(row["close_date"], quarter) else None

    def looks(self) -> Iterator[tuple[Quarter, date]]:
        """Every quarter with a captured day, and the three after the last of them, each with its as-of day."""
        quarter = self.bounds(self.first)
        while quarter[1] < self.last:
            yield quarter, quarter[1]
            quarter = self.bounds(quarter[1] + DAY)
        for each in self.quarters_ahead(self.last):
            yield each, self.last

    def weeks(self, quarter: Quarter) -> Iterator[tuple[date, date, date]]:
        """The Monday, the first and the last day of each week of a quarter that did not end before the first day."""
        monday = quarter[0] - quarter[0].weekday() * DAY
        while monday <= quarter[1]:
            first, last = max(monday, quarter[0]), min(monday + 6 * DAY, quarter[1])
            if last >= self.first:
                yield monday, first, last
            monday += WEEK

    def sums(self, deals: list[Row], quarter: Quarter) -> Row:
        """What deals of one week are together."""
        new = [deal for deal in deals if deal["opportunity_type"] != "renewal"]
        later = [self.state(deal, deal["day"] + 28 * DAY) for deal in new]
        found: Row = {"amount_after_28_days": _sum(row["amount"] for row in later if row)}
        for name, of_kind in (("created", new), ("created_renewal", [deal for deal in deals if deal not in new])):
            found |= {
                f"{name}_opportunities": len(of_kind),
                f"{name}_amount": _sum(deal["amount"] for deal in of_kind),
            }
        for side, day in (("", self.last), ("reported_", min(quarter[1], self.last))):
            won = [amount for deal in new if (amount := self.won(deal, quarter, day)) is not None]
            found |= {f"{side}created_won_opportunities": len(won), f"{side}created_won_amount": _sum(won)}
        return found

    def cells(self, quarter: Quarter) -> dict[tuple[str, str, str, date], list[Row]]:
        """Segment, dimension, value and Monday -> what was created."""
        found: dict[tuple[str, str, str, date], list[Row]] = defaultdict(list)
        for deal in self.created:
            if _within(deal["day"], quarter):
                monday = deal["day"] - deal["day"].weekday() * DAY
                for segment in (ALL, deal["segment"]):
                    found[(segment, ALL, ALL, monday)].append(deal)
                    found[(segment, "lead_source", deal["lead_source"] or "(none)", monday)].append(deal)
        return found

    def yields(self, as_of: date, segment: str, weeks_to_end: int) -> Row:
        """What whole quarters before the as-of day's won of what they created so many weeks before their end."""
        new = []
        for past in self.past_quarters(as_of):
            for deal in self.created:
                if _within(deal["day"], past) and deal["opportunity_type"] != "renewal":
                    monday = deal["day"] - deal["day"].weekday() * DAY
                    if (past[1] - monday).days // 7 == weeks_to_end:
                        new.append(deal | {"won": self.won(deal, past, past[1]) or Decimal(0)})
        own = [deal for deal in new if deal["segment"] == segment]
        is_all = segment == ALL or len(own) < self.choice("small_pool_opportunities", as_of) or not own
        used = new if is_all else own
        created, won = _sum(deal["amount"] for deal in used), _sum(deal["won"] for deal in used)
        return {
            "yield_opportunities": len(used),
            "yield_created_amount": created,
            "yield_won_amount": won,
            "is_yield_of_all_segments": is_all,
            "yield_rate": Fraction(won) / Fraction(created) if created else None,
            "is_small_sample": len(used) < self.choice("small_sample", self.last),
        }

    def needs(self, quarter: Quarter, as_of: date, segment: str, coverage: Row | None, weeks: dict[date, Row]) -> Row:
        """What the quarter still needs on its as-of day; `weeks` are its yields by Monday."""
        to_come = [row["yield_rate"] for row in weeks.values() if row["is_to_come"]]
        rates = [rate for rate in to_come if rate is not None]
        remaining = sum(rates, Fraction(0)) if rates or not to_come else None
        useful = [monday for monday, row in weeks.items() if (row["yield_rate"] or 0) > 0]
        found: Row = dict.fromkeys(NEEDS) | {"remaining_yield": remaining}
        found["last_useful_week"] = max(useful, default=None)
        count = self.choice("creation_mean_weeks", as_of)
        until = as_of + DAY - (as_of + DAY).weekday() * DAY
        if until - count * WEEK > self.first:
            found["recent_created_amount"] = _sum(
                deal["amount"]
                for deal in self.created
                if until - count * WEEK <= deal["day"] < until
                and deal["opportunity_type"] != "renewal"
                and segment in (ALL, deal["segment"])
            )
        if coverage is not None:
            prefix = "targeted_" if segment == ALL and self.target(as_of, self.quarter(quarter[0]), ALL) is None else ""
            target = found["target_amount"] = coverage["target_amount"]
            done, hoped = coverage[f"{prefix}won_amount"], coverage[f"{prefix}expected_amount"]
            found["won_amount"], found["expected_amount"] = done, hoped
            if target is not None and hoped is not None:
                found["gap_amount"] = target - done - hoped
        found["status"] = status(found)
        if found["status"] == "open":
            found["needed_amount_per_week"] = round_half_away(Fraction(found["gap_amount"]) / found["remaining_yield"])
            if found["recent_created_amount"]:
                mean = Fraction(found["recent_created_amount"]) / count
                found["needed_multiple"] = Fraction(found["needed_amount_per_week"]) / mean
        return found

    def generation(self) -> dict[Key, Row]:
        """rpt_pipeline_generation."""
        result: dict[Key, Row] = {}
        for quarter, as_of in self.looks():
            name = self.quarter(quarter[0])
            cells = self.cells(quarter)
            coverage = dict(self.one_quarter(as_of, *quarter, name))
            for segment in {*coverage, *(key[0] for key in cells)}:
                weeks = {
                    monday: self.yields(as_of, segment, (quarter[1] - monday).days // 7)
                    | {"is_to_come": first > as_of, "last": last}
                    for monday, first, last in self.weeks(quarter)
                }
                needs = self.needs(quarter, as_of, segment, coverage.get(segment), weeks)
                for monday, week in weeks.items():
                    place = {
                        "as_of_date": as_of,
                        "is_final": as_of == quarter[1],
                        "weeks_to_quarter_end": (quarter[1] - monday).days // 7,
                    }
                    rows = {(ALL, ALL): needs | {column: week[column] for column in YIELDS}}
                    for cell in cells:
                        if cell[0] == segment and cell[3] == monday and cell[1] != ALL:
                            rows[cell[1:3]] = dict.fromkeys((*NEEDS, *YIELDS)) | {"status": "no_target"}
                    for (dimension, value), row in rows.items():
                        sums = self.sums(cells.get((segment, dimension, value, monday), []), quarter)
                        if week["is_to_come"]:
                            sums = dict.fromkeys(sums)
                        if week["last"] + 28 * DAY > self.last:
                            sums["amount_after_28_days"] = None
                        result[(name, segment, dimension, value, monday)] = place | row | sums
        return result


def status(needs: Row) -> str:
    """What can be said of the gap."""
    gap, remaining = needs["gap_amount"], needs["remaining_yield"]
    if needs["target_amount"] is None:
        return "no_target"
    if gap is None:
        return "covered" if needs["won_amount"] >= needs["target_amount"] else "not_evaluated"
    if gap <= 0:
        return "covered"
    if remaining is None:
        return "not_evaluated"
    return "open" if remaining > 0 else "unreachable"


def _within(day: date, quarter: Quarter) -> bool:
    return quarter[0] <= day <= quarter[1]


def _sum(amounts: Any) -> Decimal:
    return sum((amount or Decimal(0) for amount in amounts), Decimal(0))
