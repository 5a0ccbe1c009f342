"""The slow and obvious replay of forecasts, day by day, from the daily states themselves.

Shares nothing with the models: what was known on a day is what the captured day says, past quarters are looked at one
by one, shares are exact fractions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any

from tests.oracles.coverage.coverage import ALL, DAY, CoverageOracle, expected, round_half_away

CENT = Decimal("0.01")
HORIZON = 92
BASELINES = ("last_quarter", "pace")
Row = dict[str, Any]
Key = tuple[str, str, str, int]  # fiscal quarter, segment, measure, days to the quarter's end
Quarter = tuple[date, date]
Parts = dict[str, Decimal]


class ForecastOracle(CoverageOracle):
    """What rpt_forecast_accuracy must hold for these companies and definitions."""

    @cached_property
    def captured(self) -> set[date]:
        """The days on which some source was captured."""
        return {day for states in self.by_source.values() for day in states}

    @cached_property
    def quarters(self) -> list[Quarter]:
        """Every quarter that a captured day may be about, in order."""
        found = [self.bounds(self.first - HORIZON * DAY)]
        while found[-1][1] < self.last + HORIZON * DAY:
            found.append(self.bounds(found[-1][1] + DAY))
        return found

    @cached_property
    def known(self) -> dict[tuple[str, date], dict[str, Parts]]:
        """Fiscal quarter and day -> segment -> what was won and what was open, by kind."""
        result: dict[tuple[str, date], dict[str, Parts]] = defaultdict(
            lambda: defaultdict(lambda: defaultdict(Decimal))
        )
        day = self.first
        while day <= self.last:
            for row in self.standing(day):
                if row["stage_category"] not in ("open", "won"):
                    continue
                amount = row["amount"] or Decimal(0)
                for segment in (ALL, row["segment"]):
                    parts = result[(row["close_fiscal_quarter"], day)][segment]
                    parts["seen"] += 1
                    if row["stage_category"] == "won":
                        parts["won"] += amount
                        continue
                    parts["open"] += amount
                    parts[category(row["forecast_category"])] += amount
                    if row["stage_probability"] is not None:
                        parts["weighted"] += (amount * row["stage_probability"]).quantize(CENT, ROUND_HALF_UP)
            day += DAY
        return result

    def parts(self, quarter: Quarter, segment: str, day: date) -> Parts:
        """What was known of a quarter on a day; nothing where there is nothing."""
        return self.known.get((self.quarter(quarter[0]), day), {}).get(segment, defaultdict(Decimal))

    def segments_of(self, quarter: Quarter) -> set[str]:
        """Those that had something open or won in the quarter since its forecast began."""
        begin = quarter[1] - HORIZON * DAY
        name = self.quarter(quarter[0])
        return {ALL} | {
            segment for (of, day), found in self.known.items() if of == name and day >= begin for segment in found
        }

    def had_ended(self, quarter: Quarter, day: date) -> list[Quarter]:
        """The quarters before this one whose end had been captured before the day, latest first."""
        return [each for each in reversed(self.quarters) if each[1] < quarter[0] and self.first <= each[1] < day]

    def amounts(self, quarter: Quarter, segment: str, day: date) -> Iterator[tuple[str, Decimal | None]]:
        """Measure and forecast."""
        parts = self.parts(quarter, segment, day)
        yield "won", parts["won"]
        yield "commit", parts["won"] + parts["commit"]
        yield "best_case", parts["won"] + parts["commit"] + parts["best_case"]
        yield "weighted", parts["won"] + parts["weighted"]
        yield "all_open", parts["won"] + parts["open"]
        if day <= quarter[1]:
            due = [
                row
                for row in self.standing(day)
                if row["stage_category"] == "open"
                and row["close_date"]
                and quarter[0] <= row["close_date"] <= quarter[1]
                and segment in (ALL, row["segment"])
            ]
            pool = self.pool(day, (day - quarter[0]).days + 1)
            rest = expected(due, pool, self.choice("small_pool_opportunities", day))
            yield "expected", None if rest is None else parts["won"] + rest
        if segment == ALL and day <= quarter[1] and (calls := self.calls(quarter, day)):
            known = [call for call in calls if call is not None]
            yield "submitted", sum(known, Decimal(0)) if len(known) == len(calls) else None
        ended = self.had_ended(quarter, day)
        yield "last_quarter", self.parts(ended[0], segment, day)["won"] if ended else None
        yield "pace", self.pace(ended, segment, parts["won"], day, (quarter[1] - day).days)

    def calls(self, quarter: Quarter, day: date) -> list[Decimal | None]:
        """The calls of a quarter that count on a day; one is None where its currency has no rate."""
        found: list[Decimal | None] = []
        for company in self.companies:
            of_calls = company.states.get("forecast_submission", {})
            latest: dict[tuple[str, str], dict[date, tuple[Any, ...]]] = defaultdict(dict)
            for (identity,), row in standing_state(of_calls, day).items():
                start, end = row["period_start_date"], row.get("period_end_date")
                if (
                    category(row["forecast_category"]) == "commit"
                    and quarter[0] <= start <= quarter[1]
                    and (end is None or end <= quarter[1])
                ):
                    since = unchanged_since(of_calls, (identity,), day)
                    at = row.get("submitted_at")
                    rank = ((start, end) == quarter, at is not None, at.isoformat() if at else "", since, identity)
                    mine = latest[caller_of(row)]
                    mine[start] = max(mine.get(start, (rank, row)), (rank, row), key=lambda each: each[0])
            users = standing_state(company.states.get("user", {}), day)
            for who, by_period in latest.items():
                if any(above in latest for above in superiors(who, by_period, users)):
                    continue
                whole = [row for (is_whole, *_), row in by_period.values() if is_whole]
                found += [self.convert(row, day) for row in whole or [row for _, row in by_period.values()]]
        return found

    def pace(self, ended: list[Quarter], segment: str, won: Decimal, day: date, days_to_end: int) -> Decimal | None:
        """What was won, over the share that whole quarters had won by the same day."""
        whole = [each for each in ended if each[0] >= self.first][: self.choice("coverage_pool_quarters", day)]
        by_then = final = Decimal(0)
        for each in whole:
            same_day = each[1] - days_to_end * DAY
            if same_day >= self.first:
                by_then += self.parts(each, segment, same_day)["won"]
                final += self.parts(each, segment, each[1])["won"]
        return round_half_away(Fraction(won) * Fraction(final) / Fraction(by_then)) if by_then else None

    def forecasts(self) -> dict[Key, Row]:
        """The rows of single quarters."""
        result: dict[Key, Row] = {}
        for quarter in self.quarters:
            first, last = quarter
            name = self.quarter(first)
            days = [day for day in sorted(self.captured) if abs((last - day).days) <= HORIZON]
            for segment in self.segments_of(quarter) if days else ():
                actual = self.parts(quarter, segment, last)["won"] if self.first <= last <= self.last else None
                restated = self.parts(quarter, segment, self.last)["won"] if last <= self.last else None
                for day in days:
                    won = self.parts(quarter, segment, day)["won"]
                    for measure, amount in self.amounts(quarter, segment, day):
                        error = None if amount is None or actual is None else amount - actual
                        rest = None if actual is None else actual - won
                        result[(name, segment, measure, (last - day).days)] = {
                            "snapshot_date": day,
                            "is_total": segment == ALL,
                            "won_amount": won,
                            "forecast_amount": amount,
                            "actual_amount": actual,
                            "restated_actual_amount": restated,
                            "error_amount": error,
                            "remaining_error_ratio": None if error is None or not rest else float(error / rest),
                        }
        return result

    def judged(self, forecasts: dict[Key, Row]) -> dict[Key, Row]:
        """The rows of all quarters together."""
        found: dict[tuple[str, str, int], dict[str, Row]] = defaultdict(dict)
        for (quarter, segment, measure, days), row in forecasts.items():
            if row["error_amount"] is not None:
                found[(segment, measure, days)][quarter] = row
        result: dict[Key, Row] = {}
        for (segment, measure, days), rows in found.items():
            actual = total(rows, "actual_amount")
            skills = []
            for name in BASELINES:
                baseline = found.get((segment, name, days), {})
                both = rows.keys() & baseline.keys()
                missed = absolute({quarter: baseline[quarter] for quarter in both})
                if missed:
                    skills.append(1 - float(absolute({quarter: rows[quarter] for quarter in both}) / missed))
            of_segments = [
                each for (other, what, when), each in found.items() if other != ALL and (what, when) == (measure, days)
            ]
            segment_actual = sum((total(each, "actual_amount") for each in of_segments), Decimal(0))
            hits = [row for row in rows.values() if abs(row["error_amount"]) * 10 <= row["actual_amount"]]
            result[("(all)", segment, measure, days)] = {
                "is_total": True,
                "actual_amount": actual,
                "error_amount": total(rows, "error_amount"),
                "n_quarters": len(rows),
                "bias": float(total(rows, "error_amount") / actual) if actual else None,
                "wape": float(absolute(rows) / actual) if actual else None,
                "hit_10_rate": len(hits) / len(rows),
                "skill": min(skills, default=None),
                "segment_wape": float(sum(map(absolute, of_segments), Decimal(0)) / segment_actual)
                if segment == ALL and segment_actual
                else None,
            }
        return result


def standing_state(states: Any, day: date) -> Any:
    """The latest captured state of an entity by a day."""
    captured = [each for each in states if each <= day]
    return states[max(captured)] if captured else {}


def unchanged_since(states: Mapping[date, Any], key: tuple[str], day: date) -> date:
    """Since which captured day a row has been as it stands on a day."""
    days: list[date] = [each for each in sorted(states) if each <= day]
    since = days[-1]
    for each in reversed(days):
        if states[each].get(key) != states[days[-1]][key]:
            break
        since = each
    return since


def caller_of(row: Row) -> tuple[str, str]:
    """Who calls: a user, a team, or the company."""
    return (
        ("user", row["owner_id"]) if row.get("owner_id") else ("team", row["team"]) if row.get("team") else ("all", "")
    )


def superiors(who: tuple[str, str], by_period: dict[date, tuple[Any, ...]], users: Any) -> Iterator[tuple[str, str]]:
    """Whose calls hold one's own: the company's, the team's, and those of everybody above."""
    level, name = who
    if level != "all":
        yield ("all", "")
    if level == "user":
        teams = [row["team"] for _, row in by_period.values() if row.get("team")]
        if teams:
            yield ("team", max(teams))
        above = users.get((name,), {}).get("manager_id")
        for _ in range(8):
            if above and above != name:
                yield ("user", above)
            above = users.get((above,), {}).get("manager_id")


def category(text: str | None) -> str:
    """`commit`, `best_case` or `other`, in whatever way a CRM writes it."""
    letters = "".join(letter for letter in (text or "").lower() if letter not in " _-")
    return {"commit": "commit", "forecast": "commit", "bestcase": "best_case", "mostlikely": "best_case"}.get(
        letters, "other"
    )


def total(rows: dict[str, Row], column: str) -> Decimal:
    """The sum of a column."""
    return sum((row[column] for row in rows.values()), Decimal(0))


def absolute(rows: dict[str, Row]) -> Decimal:
    """The sum of the absolute errors."""
    return sum((abs(row["error_amount"]) for row in rows.values()), Decimal(0))
