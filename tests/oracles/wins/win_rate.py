"""The slow and obvious recomputation of win rates: every quarter as of its end and as of the last day, deal by deal."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tests.dbt_project.ledger_cache import FOREVER, Company
from tests.oracles.days.fiscal_quarters import quarter_end
from tests.oracles.opportunities.history import CENT, Oracle, Row

CLOSED = ("won", "lost")
COUNTS = ("won", "lost", "gone", "still_open")
AMOUNTS = ("won_amount", "lost_amount")
Key = tuple[str, str, str, str]  # fiscal quarter, segment, dimension, value


class WinOracle:
    """Win rates of the companies that an `Oracle` knows."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle
        self.states = {company.source: oracle.states(company) for company in oracle.companies}
        self.first_day = min(min(states) for states in self.states.values())
        self.last_day = max(max(states) for states in self.states.values())

    def outcomes(self) -> Iterator[Row]:
        """fct_win_outcomes."""
        for company in self.oracle.companies:
            states = self.states[company.source]
            days = sorted(states)
            seen = {row["close_fiscal_quarter"] for rows in states.values() for row in rows.values()}
            present: dict[str, list[date]] = defaultdict(list)
            for day in days:
                for identity in states[day]:
                    present[identity].append(day)
            for quarter in sorted(seen):
                end = FOREVER if quarter == "(none)" else quarter_end(quarter, self.oracle.start_month)
                reported = None if end < self.first_day else min(end, self.last_day)
                for as_of in sorted({self.last_day, reported or self.last_day}):
                    known = days[: bisect_right(days, as_of)]
                    for identity, seen_on in present.items():
                        number = bisect_right(seen_on, as_of)
                        if not number:
                            continue
                        outcome = self.outcome(company, identity, known, seen_on[number - 1], quarter, as_of)
                        if outcome:
                            yield outcome | {"is_reported": as_of == reported, "is_restated": as_of == self.last_day}

    def outcome(
        self, company: Company, identity: str, known: list[date], last_seen: date, quarter: str, as_of: date
    ) -> Row | None:
        """What became of an opportunity by `as_of`, if it was due in the quarter.

        `known` are the captured days, `last_seen` the last of them on which it exists.
        """
        states = self.states[company.source]
        row = states[last_seen][identity]
        is_gone = last_seen != known[-1]
        category = row["stage_category"]
        if row["close_fiscal_quarter"] != quarter or category not in (("open",) if is_gone else ("open", *CLOSED)):
            return None
        closed_since = self.since(company.source, identity, known, CLOSED)
        owner, day = row["owner_id"], as_of
        if is_gone:
            later = known[known.index(last_seen) + 1]
            day = later - timedelta(days=1)
        elif closed_since:
            owner, day = states[closed_since][identity]["owner_id"], closed_since
        decided = self.since(company.source, identity, known, (category,)) if category in CLOSED else None
        created, close = row["created_date"], row["close_date"]
        cycle = (close - created).days if created and close and created <= close else None
        outcome = "gone" if is_gone else category
        reason = company.states["opportunity"][known[-1]].get((identity,), {}).get("loss_reason")
        return {
            "source": company.source,
            "opportunity_id": identity,
            "fiscal_quarter": quarter,
            "as_of_date": as_of,
            "owner_id": owner,
            "outcome": outcome,
            "segment": row["segment"],
            "opportunity_type": row["opportunity_type"],
            "pipeline": row["pipeline"],
            "lead_source": row["lead_source"] or "(none)",
            "owner_team": team(company, owner, day),
            "loss_reason": (reason or "(none)") if outcome == "lost" else None,
            "cycle_band": self.band(cycle, as_of),
            "is_dated_ahead": outcome == "lost" and close is not None and decided is not None and close > decided,
            "amount": row["amount"] or Decimal(0),
            "cycle_days": cycle,
            "close_date": close,
            "decided_date": decided,
        }

    def since(self, source: str, identity: str, known: list[date], categories: tuple[str, ...]) -> date | None:
        """Since which captured day it has been in one of the categories without interruption; None where it is not."""
        found = None
        for day in reversed(known):
            row = self.states[source][day].get(identity)
            if row is None or row["stage_category"] not in categories:
                break
            found = day
        return found

    def band(self, days: int | None, as_of: date) -> str:
        """The band of days from creation to close, by the policy of the day."""
        if days is None:
            return "(none)"
        lower = 0
        for limit in sorted(int(each) for each in self.oracle.choice("cycle_bands", as_of).split("|")):
            if days <= limit:
                return f"{lower}-{limit}"
            lower = limit + 1
        return f"{lower}+"

    def rates(self, outcomes: list[Row]) -> dict[Key, dict[str, Any]]:
        """rpt_win_rate, of all outcomes."""
        cells: dict[Key, dict[str, list[Row]]] = defaultdict(lambda: {"": [], "reported_": []})
        for row in outcomes:
            values = {"(all)": "(all)"} | {
                name: row[name]
                for name in ("opportunity_type", "pipeline", "lead_source", "owner_team", "loss_reason", "cycle_band")
            }
            for segment in (row["segment"], "(all)"):
                for dimension, value in values.items():
                    if value is None:
                        continue
                    cell = cells[(row["fiscal_quarter"], segment, dimension, value)]
                    for side, belongs in (("", row["is_restated"]), ("reported_", row["is_reported"])):
                        if belongs:
                            cell[side].append(row)
        return {key: self.rate(key, cell) for key, cell in cells.items()}

    def rate(self, key: Key, cell: dict[str, list[Row]]) -> dict[str, Any]:
        """The numbers of one cell."""
        quarter, _, dimension, _ = key
        end = FOREVER if quarter == "(none)" else quarter_end(quarter, self.oracle.start_month)
        found: dict[str, Any] = {"is_final": end <= self.last_day}
        for side, rows in cell.items():
            sums: dict[str, Any] = {
                name: sum(row["outcome"] == name.removeprefix("still_") for row in rows) for name in COUNTS
            }
            for name in AMOUNTS:
                sums[name] = sum((row["amount"] for row in rows if f"{row['outcome']}_amount" == name), Decimal(0))
            if dimension == "loss_reason":
                sums |= dict.fromkeys(("won", "gone", "still_open", "won_amount"))
            if side and end < self.first_day:
                sums = dict.fromkeys(sums)
            sums["win_rate"] = share(sums["won"], sums["won"], sums["lost"])
            sums["amount_win_rate"] = share(sums["won_amount"], sums["won_amount"], sums["lost_amount"])
            found |= {side + name: value for name, value in sums.items()}
        won, lost = found["won"], found["lost"]
        found["lost_dated_ahead"] = sum(row["is_dated_ahead"] for row in cell[""])
        found["rate_if_undecided_lost"] = share(won, won, lost, found["still_open"])
        found["decided"] = None if won is None else won + lost
        found["average_won_amount"] = (found["won_amount"] / won).quantize(CENT, ROUND_HALF_UP) if won else None
        found["rate_low"], found["rate_high"] = wilson(won, won + lost) if won is not None else (None, None)
        return found


def share(part: Any, *whole: Any) -> float | None:
    """A part of a whole; None where either is unknown or the whole is nothing."""
    if part is None or None in whole or not sum(whole):
        return None
    return float(part) / float(sum(whole))


def wilson(successes: int, trials: int) -> tuple[float | None, float | None]:
    """The 95 % score interval by bisection: rates at most z of their own standard errors from what was observed."""
    if not trials:
        return None, None
    observed = successes / trials

    def is_far(rate: float) -> bool:
        return abs(observed - rate) > 1.959963984540054 * math.sqrt(rate * (1 - rate) / trials)

    bounds = []
    for edge in (0.0, 1.0):
        far, near = edge, observed
        for _ in range(200):
            middle = (far + near) / 2
            far, near = (middle, near) if is_far(middle) else (far, middle)
        bounds.append(near)
    return bounds[0], bounds[1]


def team(company: Company, owner: str | None, day: date) -> str:
    """The team of a user as last captured on a day."""
    users = company.states.get("user", {})
    days = [captured for captured in users if captured <= day]
    row = users[max(days)].get((owner,)) if days else None
    return (row and row.get("team")) or "(none)"
