"""The slow and obvious recomputation of stage visits and of both velocities, from the daily states.

Kaplan-Meier comes from `lifelines`, everything else is counted one by one.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tests.oracles.opportunities.history import CENT, Oracle, Row
from tests.oracles.velocity.stays import Stay, is_left_truncated, stays_of

EXITS = ("advanced", "regressed", "moved", "won", "lost", "deleted")


@dataclass
class Cell:
    """The visits behind one row of rpt_stage_velocity."""

    visits: list[dict[str, Any]] = field(default_factory=list)

    @property
    def timed(self) -> list[dict[str, Any]]:
        return [visit for visit in self.visits if visit["entry_precision"] != "left_truncated"]

    @property
    def completed(self) -> list[int]:
        return [visit["days"] for visit in self.timed if visit["exit_kind"] not in (None, "deleted")]


class VelocityOracle:
    """Visits and velocities of the companies that an `Oracle` knows."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle
        self.states = {company.source: oracle.states(company) for company in oracle.companies}

    def visits(self) -> Iterator[dict[str, Any]]:
        """fct_stage_visits."""
        for company in self.oracle.companies:
            last_day = max(self.states[company.source])
            for stays in stays_of(self.oracle, company).values():
                numbers: dict[tuple[str, str], int] = defaultdict(int)
                for number, stay in enumerate(stays):
                    if stay.category != "open":
                        continue
                    numbers[(stay.pipeline, stay.stage)] += 1
                    yield {
                        "source": company.source,
                        "opportunity_id": stay.opportunity_id,
                        "pipeline": stay.pipeline,
                        "stage": stay.stage,
                        "visit_number": numbers[(stay.pipeline, stay.stage)],
                        "segment": stay.first_row["segment"],
                        "stage_order": stay.first_row["stage_order"],
                        "next_stage": stay.next_row["stage"] if stay.next_row else None,
                        "exit_kind": exit_kind(stay),
                        "entry_precision": precision(stay),
                        "is_open": stay.end is None,
                        "is_converted": is_converted(stay, stays[number + 1 :]),
                        "amount_at_entry": stay.first_row["amount"],
                        "entered_date": stay.entered,
                        "exited_date": stay.exited,
                        "days": ((stay.exited or last_day) - stay.entered).days,
                        "age": (last_day - stay.entered).days,
                    }

    def cells(self) -> dict[tuple[str, str, str, str], Cell]:
        """The visits of each quarter of entry, pipeline, segment and stage, `(all)` included."""
        found: dict[tuple[str, str, str, str], Cell] = defaultdict(Cell)
        for visit in self.visits():
            for quarter in (self.oracle.quarter(visit["entered_date"]), "(all)"):
                for segment in (visit["segment"], "(all)"):
                    found[(quarter, visit["pipeline"], segment, visit["stage"])].visits.append(visit)
        return found

    def months(self) -> dict[tuple[date, str], dict[str, Any]]:
        """rpt_pipeline_velocity, without the contributions."""
        days = sorted({day for states in self.states.values() for day in states})
        last_days = {(day.year, day.month): day for day in days}
        found: dict[tuple[date, str], dict[str, Any]] = {}
        for (year, month), day in last_days.items():
            window = timedelta(days=self.oracle.choice("velocity_window_days", day))
            rows: dict[str, list[Row]] = defaultdict(list)
            for states in self.states.values():
                standing = max((captured for captured in states if captured <= day), default=None)
                for row in states[standing].values() if standing else ():
                    is_recent = row["close_date"] and day - window < row["close_date"] <= day
                    if row["stage_category"] == "open" or (row["stage_category"] in ("won", "lost") and is_recent):
                        rows[row["segment"]].append(row)
                        rows["(all)"].append(row)
            for segment, of_segment in rows.items():
                found[(date(year, month, 1), segment)] = factors(of_segment) | {"snapshot_date": day}
        return found


def factors(rows: Sequence[Row]) -> dict[str, Any]:
    """The factors of pipeline velocity over some opportunities, and their product."""
    won = [row for row in rows if row["stage_category"] == "won"]
    lost = [row for row in rows if row["stage_category"] == "lost"]
    is_open = len(rows) - len(won) - len(lost)
    amount = sum((row["amount"] or Decimal(0) for row in won), Decimal(0))
    cycles = [
        (row["close_date"] - row["created_date"]).days
        for row in won
        if row["created_date"] and row["created_date"] <= row["close_date"]
    ]
    average = amount / len(won) if won else None
    win_rate = len(won) / (len(won) + len(lost)) if won or lost else None
    cycle = float(statistics.median(cycles)) if cycles else None
    velocity = None
    if average is not None and win_rate is not None and cycle:
        velocity = is_open * float(average) * win_rate / cycle
    return {
        "open_opportunities": is_open,
        "won_opportunities": len(won),
        "lost_opportunities": len(lost),
        "won_amount": amount,
        "average_won_amount": None if average is None else average.quantize(CENT, ROUND_HALF_UP),
        "cycle_opportunities": len(cycles),
        "win_rate": win_rate,
        "sales_cycle_days": cycle,
        "velocity_per_day": velocity,
        "logarithms": (
            [math.log(velocity), math.log(is_open), math.log(float(average or 0)), math.log(win_rate or 0),
             math.log(cycle or 0)] if velocity and velocity > 0 else None
        ),
    }  # fmt: skip


def exit_kind(stay: Stay) -> str | None:
    """How a visit ended."""
    if stay.end is None:
        return None
    if stay.next_row is None:
        return "deleted"
    if stay.next_row["stage_category"] in ("won", "lost"):
        return str(stay.next_row["stage_category"])
    was, now = stay.last_row["stage_order"], stay.next_row["stage_order"]
    if stay.next_row["stage_category"] != "open" or stay.next_row["pipeline"] != stay.pipeline:
        return "moved"
    if was is None or now is None or was == now:
        return "moved"
    return "advanced" if now > was else "regressed"


def precision(stay: Stay) -> str:
    """How well the entry is known."""
    if stay.is_exact:
        return "exact"
    if is_left_truncated(stay):
        return "left_truncated"
    return "gap" if stay.before and (stay.first_day - stay.before).days > 1 else "day"


def is_converted(stay: Stay, later: Sequence[Stay]) -> bool:
    """Whether the opportunity later was won, or reached a higher open stage of the pipeline."""
    order = stay.first_row["stage_order"]
    return any(
        each.category == "won"
        or (
            each.category == "open"
            and each.pipeline == stay.pipeline
            and None not in (order, each.first_row["stage_order"])
            and each.first_row["stage_order"] > order
        )
        for each in later
    )


def kaplan_meier(visits: Sequence[dict[str, Any]]) -> list[tuple[float, float]]:
    """S(t) at each observed duration, by lifelines. Any exit but deletion is the event."""
    from lifelines import KaplanMeierFitter  # imports scipy, and all test processes import this module

    if not visits:
        return []
    fitter = KaplanMeierFitter()
    fitter.fit([visit["days"] for visit in visits], [visit["exit_kind"] not in (None, "deleted") for visit in visits])
    curve = fitter.survival_function_["KM_estimate"]
    observed = {visit["days"] for visit in visits}
    return [(float(at), float(left)) for at, left in curve.items() if at in observed]
