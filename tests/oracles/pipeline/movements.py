"""The slow and obvious recomputation of movements, bookings and the waterfall: deal by deal, day after day.

Shares nothing with the models. Starts from the daily states that `Oracle` gives.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Any

from tests.dbt_project.ledger_cache import FOREVER, Company
from tests.oracles.opportunities.history import CENT, Oracle, Row

Key = tuple[str, str, date, str, str, str]
"""Source, opportunity, captured day, fiscal quarter, segment, category."""


class MovementOracle:
    """Movements of the companies that an `Oracle` knows."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle
        self.states = {company.source: oracle.states(company) for company in oracle.companies}

    def pairs(self, source: str) -> Iterator[tuple[date, date]]:
        """Consecutive captured days."""
        return pairwise(sorted(self.states[source]))

    def movements(self) -> dict[Key, tuple[Any, ...]]:
        """fct_pipeline_movements: amount, delta, from, to, previous day."""
        found: dict[Key, tuple[Any, ...]] = {}
        for company in self.oracle.companies:
            source = company.source
            ever: set[str] = set(self.states[source][min(self.states[source])])
            for before, day in self.pairs(source):
                for identity in sorted({*self.states[source][before], *self.states[source][day]}):
                    was, now = self.states[source][before].get(identity), self.states[source][day].get(identity)
                    moves = self.moves(company, identity, was, now, before, day, identity in ever)
                    for quarter, segment, category, amount, delta, old, new in moves:
                        key = (source, identity, day, quarter, segment, category)
                        assert key not in found, key
                        found[key] = (amount, delta, old, new, before)
                ever |= set(self.states[source][day])
        return found

    def moves(
        self, company: Company, identity: str, was: Row | None, now: Row | None, before: date, day: date, seen: bool
    ) -> Iterator[tuple[str, str, str, Decimal, int, Any, Any]]:
        """What one opportunity does to the open pipeline between two captured days."""
        if was is None or was["stage_category"] != "open":
            if now is not None:
                yield from entered(was, now, seen)
            return
        amount = was["amount"] or Decimal(0)
        old_cell = (was["close_fiscal_quarter"], was["segment"])
        if now is None:
            yield (*old_cell, self.absence(company, identity, day), -amount, -1, was["stage"], None)
        elif (state := now["stage_category"]) in ("lost", "unmapped"):
            yield (*old_cell, state, -amount, -1, was["stage"], now["stage"] if state == "lost" else None)
        else:
            yield from self.stayed(was, now, day)

    def stayed(self, was: Row, now: Row, day: date) -> Iterator[tuple[str, str, str, Decimal, int, Any, Any]]:
        """What an open opportunity does that is still there, open or just won."""
        amount = was["amount"] or Decimal(0)
        old_cell = (was["close_fiscal_quarter"], was["segment"])
        quarter, segment = now["close_fiscal_quarter"], now["segment"]
        if was["close_fiscal_quarter"] != quarter:
            is_later = (now["close_date"] or FOREVER) > (was["close_date"] or FOREVER)
            direction = "pushed" if is_later else "pulled"
            dates = (text(was["close_date"]), text(now["close_date"]))
            yield (*old_cell, f"{direction}_out", -amount, -1, *dates)
            yield (quarter, was["segment"], f"{direction}_in", amount, 1, *dates)
        if was["segment"] != segment:
            yield (quarter, was["segment"], "scope_out", -amount, -1, was["segment"], segment)
            yield (quarter, segment, "scope_in", amount, 1, was["segment"], segment)
        restated = self.restated(was, now, day)
        if restated != amount:
            yield (quarter, segment, "fx", restated - amount, 0, money(amount), money(restated))
        final = now["amount"] or Decimal(0)
        if final != restated:
            category = "amount_up" if final > restated else "amount_down"
            yield (quarter, segment, category, final - restated, 0, money(restated), money(final))
        if now["stage_category"] == "won":
            yield (quarter, segment, "won", -final, -1, was["stage"], now["stage"])

    def restated(self, was: Row, now: Row, day: date) -> Decimal:
        """Yesterday's source amount at today's rate, where the currency is the same."""
        if was["currency_code"] != now["currency_code"] or was["currency_code"] == self.oracle.base:
            return was["amount"] or Decimal(0)
        return (
            self.oracle.convert({"amount": was["source_amount"], "currency_code": was["currency_code"]}, day)
            or Decimal(0)
        ).quantize(CENT, ROUND_HALF_UP)

    def absence(self, company: Company, identity: str, day: date) -> str:
        """Why an opportunity is gone on a day."""
        raw = company.states["opportunity"][day].get((identity,))
        is_merged = raw is not None and not raw.get("is_deleted") and raw.get("merged_into_opportunity_id")
        return "merged" if is_merged else "deleted"

    def bookings(self) -> dict[Key, tuple[Any, ...]]:
        """fct_booking_movements: amount, delta, previous day."""
        found: dict[Key, tuple[Any, ...]] = {}
        for source, states in self.states.items():
            for before, day in self.pairs(source):
                for identity in sorted({*states[before], *states[day]}):
                    was, now = states[before].get(identity), states[day].get(identity)
                    for quarter, segment, category, amount, delta in booked(was, now):
                        found[(source, identity, day, quarter, segment, category)] = (amount, delta, before)
        return found

    def level(self, source: str, day: date, states: tuple[str, ...]) -> dict[tuple[str, str], tuple[Decimal, int]]:
        """Amount and number by quarter and segment of what is in one of `states` on a captured day."""
        found: dict[tuple[str, str], tuple[Decimal, int]] = defaultdict(lambda: (Decimal(0), 0))
        for row in self.states[source][day].values():
            if row["stage_category"] in states:
                key = (row["close_fiscal_quarter"], row["segment"])
                amount, count = found[key]
                found[key] = (amount + (row["amount"] or 0), count + 1)
        return found

    def weekly_levels(self) -> Iterator[tuple[str, str, date, str, Decimal, int]]:
        """What is open as a week begins and ends: quarter, segment, Monday, category, amount, number."""
        last = max(day for states in self.states.values() for day in states)
        for source, states in self.states.items():
            days = sorted(states)
            monday = monday_of(days[0])
            for cell, level in self.level(source, days[0], ("open",)).items():
                yield (*cell, monday, "opening", *level)
            while monday <= last:
                end = max(day for day in days if day <= monday + timedelta(days=6))
                for cell, level in self.level(source, end, ("open",)).items():
                    yield (*cell, monday, "closing", *level)
                    if monday + timedelta(days=7) <= last:
                        yield (*cell, monday + timedelta(days=7), "opening", *level)
                monday += timedelta(days=7)

    def waterfall(self) -> dict[tuple[str, str, date, str], tuple[Decimal, int]]:
        """rpt_pipeline_waterfall: quarter, segment, Monday and category -> amount and number, from levels and moves."""
        found: dict[tuple[str, str, date, str], tuple[Decimal, int]] = defaultdict(lambda: (Decimal(0), 0))
        moves = (
            (quarter, segment, monday_of(day), category, amount, delta)
            for (_, _, day, quarter, segment, category), (amount, delta, *_) in self.movements().items()
        )
        for quarter, segment, monday, category, amount, count in [*self.weekly_levels(), *moves]:
            for scope in (segment,) if category in ("scope_in", "scope_out") else (segment, "(all)"):
                was = found[(quarter, scope, monday, category)]
                found[(quarter, scope, monday, category)] = (was[0] + amount, was[1] + count)
        for quarter, segment, monday, _ in list(found):
            for category in ("opening", "closing"):
                found.setdefault((quarter, segment, monday, category), (Decimal(0), 0))
        return dict(found)


def entered(was: Row | None, now: Row, seen: bool) -> Iterator[tuple[str, str, str, Decimal, int, Any, Any]]:
    """What an opportunity that was not open does to the open pipeline; `seen` if it was there on an earlier day."""
    state, cell = now["stage_category"], (now["close_fiscal_quarter"], now["segment"])
    amount = now["amount"] or Decimal(0)
    if state == "open":
        how = (
            ("restored" if seen else "created")
            if was is None
            else "mapped" if was["stage_category"] == "unmapped" else "reopened"
        )  # fmt: skip
        yield (*cell, how, amount, 1, was["stage"] if how == "reopened" and was else None, now["stage"])
    elif was is None and not seen and state in ("won", "lost"):
        yield (*cell, "created", amount, 1, None, now["stage"])
        yield (*cell, state, -amount, -1, None, now["stage"])


def booked(was: Row | None, now: Row | None) -> Iterator[tuple[str, str, str, Decimal, int]]:
    """What one opportunity does to the bookings between two captured days."""
    was_won = was is not None and was["stage_category"] == "won"
    is_won = now is not None and now["stage_category"] == "won"
    old_cell = (was["close_fiscal_quarter"], was["segment"]) if was else ("", "")
    new_cell = (now["close_fiscal_quarter"], now["segment"]) if now else ("", "")
    before = (was["amount"] if was else None) or Decimal(0)
    after = (now["amount"] if now else None) or Decimal(0)
    if is_won and not was_won:
        yield (*new_cell, "won", after, 1)
    elif was_won and not is_won:
        yield (*old_cell, "reversed" if now else "deleted", -before, -1)
    elif was_won and is_won:
        if old_cell != new_cell:
            yield (*old_cell, "moved_out", -before, -1)
            yield (*new_cell, "moved_in", before, 1)
        if after != before:
            yield (*new_cell, "amount_up" if after > before else "amount_down", after - before, 0)


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def text(value: date | None) -> str | None:
    return None if value is None else value.isoformat()


def money(value: Decimal) -> str:
    return f"{value:.2f}"
