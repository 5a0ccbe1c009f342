"""Sales cycles by the textbook (Aalen and Johansen, 1978), person by person: who was at risk on each day, and who left.

Nothing is shared with the models: every cohort is a list of cycles, and every day of an event asks all of them.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import product
from typing import Any

from tests.oracles.opportunities.history import Oracle, Row
from tests.oracles.velocity.stays import Stay, is_left_truncated, stays_of

Key = tuple[str, str, str, str, str]  # quarter of entry, segment, type, pipeline, from_stage
FOLLOWED = ("won", "lost", "censored")


@dataclass(frozen=True)
class Cycle:
    """One entry: followed from the day after `delay` until `days`, when it ended as `outcome` says."""

    cohort: Key
    outcome: str  # won, lost, censored; undated and already_closed are counted only
    delay: int
    days: int
    is_reopened: bool


@dataclass(frozen=True)
class Curve:
    """Shares after each day of an event, in order; `known_until` is the first day on which they are not known."""

    steps: list[tuple[int, float, float, float]]  # day, won, lost, open
    known_until: int | None

    def at(self, day: int) -> tuple[float, float, float] | None:
        """The shares won, lost and open on a day; None where they are not known."""
        if self.known_until is not None and day >= self.known_until:
            return None
        past = [step for step in self.steps if step[0] <= day]
        return past[-1][1:] if past else (0.0, 0.0, 1.0)


class CycleOracle:
    """Sales cycles of the companies that an `Oracle` knows."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle

    def cycles(self) -> Iterator[Cycle]:
        """Every entry of every opportunity."""
        for company in self.oracle.companies:
            states = self.oracle.states(company)
            days = sorted(states)
            stays = stays_of(self.oracle, company)
            for identity in sorted({name for rows in states.values() for name in rows}):
                yield from self.cycles_of(states, days, identity, stays[identity])

    def cycles_of(
        self, states: dict[date, dict[str, Row]], days: list[date], identity: str, stays: Sequence[Stay]
    ) -> Iterator[Cycle]:
        """The entries of one opportunity: its creation, and its first visit to each open stage in time."""
        seen = [day for day in days if identity in states[day]]
        first = seen[0]
        category = {day: states[day][identity]["stage_category"] for day in seen}
        closed = next((day for day in seen if category[day] in ("won", "lost")), None)
        gone = next((day for day in days if day > first and identity not in states[day]), None)
        end, outcome = days[-1], "censored"
        if closed and (gone is None or closed < gone):
            end, outcome = closed, category[closed]
        elif gone:
            end = gone
        is_reopened = outcome != "censored" and any(category[day] == "open" and day > end for day in seen)

        row = states[first][identity]
        entered = min(row["created_date"] or first, first)
        kind = "already_closed" if closed == first else outcome if row["created_date"] else "undated"
        yield self.cycle("(created)", row, kind, entered, first, end, is_reopened)

        visited = set()
        for stay in stays:
            place = (stay.pipeline, stay.stage)
            if stay.category != "open" or place in visited:
                continue
            visited.add(place)
            if (closed and stay.first_day >= closed) or (gone and stay.first_day >= gone):
                continue
            kind = "undated" if is_left_truncated(stay) else outcome
            yield self.cycle(stay.stage, stay.first_row, kind, stay.entered, first, end, is_reopened)

    def cycle(
        self, stage: str, row: Row, outcome: str, entered: date, first: date, end: date, is_reopened: bool
    ) -> Cycle:
        """An entry on a day, as the opportunity was when it was first seen there."""
        cohort = (self.oracle.quarter(entered), row["segment"], row["opportunity_type"], row["pipeline"], stage)
        return Cycle(cohort, outcome, max(0, (first - entered).days), (end - entered).days, is_reopened)

    def cohorts(self) -> dict[Key, list[Cycle]]:
        """The cycles of each cohort, `(all)` included."""
        found: dict[Key, list[Cycle]] = defaultdict(list)
        for cycle in self.cycles():
            *parts, stage = cycle.cohort
            for cohort in product(*((part, "(all)") for part in parts)):
                found[(*cohort, stage)].append(cycle)  # type: ignore[index]
        return found

    def rows(self) -> dict[tuple[Any, ...], dict[str, Any]]:
        """rpt_sales_cycle."""
        last = max(max(company.states["opportunity"]) for company in self.oracle.companies)
        looks = {int(each) for each in self.oracle.choice("sales_cycle_days", last).split("|")}
        fewest = self.oracle.choice("small_risk_set", last)
        mature = self.oracle.choice("mature_open_share", last)
        enough = self.oracle.choice("small_sample", last)
        found = {}
        for key, cycles in self.cohorts().items():
            followed = [cycle for cycle in cycles if cycle.outcome in FOLLOWED]
            curve = aalen_johansen(followed, fewest)
            event_days = [step[0] for step in curve.steps]
            known = [step for step in curve.steps if curve.at(step[0])]
            won = [cycle.days for cycle in followed if cycle.outcome == "won"]
            plateau = known[-1][1] if known else 0.0
            summary = {
                "entered": len(followed),
                "undated": sum(cycle.outcome == "undated" for cycle in cycles),
                "already_closed": sum(cycle.outcome == "already_closed" for cycle in cycles),
                "is_small_sample": len(followed) < enough,
                "is_mature": bool(followed and known) and known[-1][3] < mature - 1e-9,
                "median_days_won": min(
                    (day for day, share, *_ in known if share >= plateau / 2 - 1e-9), default=None
                ) if plateau else None,
                "median_days_won_naive": float(statistics.median(won)) if won else None,
            }  # fmt: skip
            for day in looks | set(event_days[-1:]):
                found[(*key, day)] = (
                    summary
                    | self.look(followed, curve, day)
                    | {
                        "is_listed_day": day in looks,
                        "is_last_event_day": [day] == event_days[-1:],
                    }
                )
        return found

    def look(self, followed: list[Cycle], curve: Curve, day: int) -> dict[str, Any]:
        """What is known of a cohort on a day."""
        past = [cycle for cycle in followed if cycle.days <= day]
        at_risk = sum(cycle.delay < day <= cycle.days for cycle in followed)
        shares = curve.at(day) if followed else None
        status = "evaluated"
        if not followed:
            status = "no_entries"
        elif shares is None:
            status = "risk_set_too_small"
        elif not at_risk and shares[2] > 0:
            status = "beyond_follow_up"
        return {
            **{name: sum(cycle.outcome == name for cycle in past) for name in FOLLOWED},
            "reopened": sum(cycle.is_reopened for cycle in past),
            "at_risk": at_risk,
            "status": status,
            "shares": shares,
        }


def aalen_johansen(cycles: Sequence[Cycle], fewest: int) -> Curve:
    """On each day of an event: the share that is still open x the share of those at risk that is won, or lost, then."""
    steps = []
    won = lost = 0.0
    still_open = 1.0
    known_until = None
    for day in sorted({cycle.days for cycle in cycles if cycle.outcome != "censored"}):
        at_risk = [cycle for cycle in cycles if cycle.delay < day <= cycle.days]
        wins = sum(cycle.days == day and cycle.outcome == "won" for cycle in at_risk)
        losses = sum(cycle.days == day and cycle.outcome == "lost" for cycle in at_risk)
        if known_until is None and len(at_risk) < fewest:
            known_until = day
        won += still_open * wins / len(at_risk)
        lost += still_open * losses / len(at_risk)
        still_open *= 1 - (wins + losses) / len(at_risk)
        steps.append((day, won, lost, still_open))
    return Curve(steps, known_until)
