"""The slow and obvious recomputation of what became of those who entered a step, entrant by entrant."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import product
from typing import Any

from tests.dbt_project.ledger_cache import Company
from tests.oracles.funnel.lifecycle import STEPS, PeopleOracle
from tests.oracles.opportunities.history import CENT, Oracle, Row
from tests.oracles.wins.win_rate import wilson

LOOKS = (7, 30, 90, 180)
Key = tuple[Any, ...]  # cohort month, step, unit, segment, dimension, value


@dataclass(frozen=True)
class Entrant:
    """Somebody who entered a step, and what came first."""

    unit: str
    row: Row
    outcome: str
    days: int
    reached_opportunity: bool
    reached_won: bool
    won_amount: Decimal

    @property
    def key(self) -> Key:
        """The month, who entered what, and under which values it is counted."""
        row = self.row
        who = row["person_key"] if self.unit == "person" else f"{row['source']}/{row['account_id']}"
        return (row["step_date"].replace(day=1), self.unit, who, row["step"], row["cycle"], row["segment"],
                row["lead_source"], row["channel"], row["campaign_id"] or "(none)")  # fmt: skip


class FunnelOracle:
    """Conversion of the people that a `PeopleOracle` knows. `definitions` are those that it was made of."""

    def __init__(self, people: PeopleOracle, definitions: Mapping[str, str]) -> None:
        self.people = people
        self.definitions = definitions
        self.oracle = people.oracle
        self.steps = list(people.steps())
        self.cycles = {(row["person_key"], row["cycle"]): row for row in self.steps if row["step"] == "mql"}
        self.won_amounts = self.amounts()
        self.last_days = {name: max(one.states["person"]) for name, one in people.companies.items()
                          if "person" in one.states}  # fmt: skip
        self.first_day = min(min(one.states["person"]) for one in people.companies.values() if "person" in one.states)
        statuses = self.oracle.choice("returned_status", people.last_day)
        self.returned_statuses = set(statuses.lower().split("|"))
        self.earlier: dict[date, FunnelOracle] = {}

    def amounts(self) -> dict[tuple[str, int], Decimal]:
        """Person and cycle -> what was won with them: an opportunity counts for whom it knew first."""
        linked: dict[tuple[str, str, str], date] = {}
        states = {}
        for company in self.oracle.companies:
            for opportunity, person, _, day, _ in self.people.links(company):
                key = (company.source, opportunity, person)
                linked[key] = min(day, linked.get(key, day))
            states[company.source] = self.oracle.states(company)
        by_opportunity: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in self.steps:
            if row["step"] == "won":
                by_opportunity[(row["source"], row["opportunity_id"])].append(row)
        found = {}
        for (source, opportunity), rows in by_opportunity.items():
            first = min(rows, key=lambda row: (linked[(source, opportunity, row["person_id"])], row["person_key"]))
            now = states[source][max(states[source])].get(opportunity)
            if now and now["stage_category"] == "won":
                found[(first["person_key"], first["cycle"])] = now["amount"] or Decimal(0)
        return found

    def given_back(self, row: Row) -> date | None:
        """The first day on which the record that carries a step is back with marketing, before the next cycle."""
        following = self.cycles.get((row["person_key"], row["cycle"] + 1))
        days = self.people.seen[(row["source"], row["person_id"])]
        captured = sorted(self.people.companies[row["source"]].states["person"])
        standing = max((day for day in captured if day <= row["known_from"]), default=captured[0])
        for day in (day for day in captured if day >= standing and day in days):
            seen: date = max(day, row["known_from"])
            if following and seen >= following["known_from"]:
                break
            if (days[day].get("status") or "").strip().lower() in self.returned_statuses:
                entered: date = row["step_date"]
                return entered if entered > seen else seen
        return None

    def entrants(self) -> list[Entrant]:
        """int_funnel_entries."""
        found = []
        groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in self.steps:
            groups[("person", row["person_key"])].append(row)
            if row["account_id"]:
                groups[("account", f"{row['source']}/{row['account_id']}")].append(row)
        for (unit, _), rows in groups.items():
            seen = set()
            for row in sorted(rows, key=in_order):
                place = (row["step"], row["cycle"] if unit == "person" else 0)
                if row["step"] == "won" or place in seen:
                    continue
                seen.add(place)
                found.append(self.entrant(unit, row, rows))
        return found

    def entrant(self, unit: str, row: Row, rows: list[Row]) -> Entrant:
        """One who enters, among all steps of the person or account."""
        order = STEPS.index(row["step"])
        later = [
            each
            for each in rows
            if STEPS.index(each["step"]) >= order
            and each["step_date"] >= row["step_date"]
            and (unit == "account" or row["step"] == "lead" or each["cycle"] == row["cycle"])
        ]
        converted = min((each["step_date"] for each in later if STEPS.index(each["step"]) > order), default=None)
        recycled = self.given_back(row)
        following = self.cycles.get((row["person_key"], row["cycle"] + 1))
        until = max(self.last_days[row["source"]], row["step_date"])
        if following:
            until = min(until, following["step_date"])
        if converted and (recycled is None or converted <= recycled):
            outcome, ended = "converted", converted
        else:
            outcome, ended = ("recycled", recycled) if recycled else ("still_open", until)
        if row["step_precision"] == "left_truncated":
            outcome = "undated"
        wins = [each for each in later if each["step"] == "won"]
        return Entrant(
            unit,
            row,
            outcome,
            (ended - row["step_date"]).days,
            any(each["step"] in ("opportunity", "won") for each in later),  # a skipped step is passed
            bool(wins),
            sum((self.won_amounts.get((each["person_key"], each["cycle"]), Decimal(0)) for each in wins), Decimal(0)),
        )

    def rows(self) -> dict[Key, dict[str, Any]]:
        """rpt_funnel_conversion, without the comparison with earlier months."""
        cells = self.cells()
        reported = self.reported({key[0] for key in cells})
        found = {key: self.cell(key, cells.get(key, []), reported[key]) for key in cells.keys() | reported.keys()}
        first = min(key[0] for key in cells)
        for key, row in found.items():
            row |= self.judgement(key, row, found, first)
        return found

    def cells(self) -> dict[Key, list[Entrant]]:
        """Who entered, by each key under which they are counted."""
        cells: dict[Key, list[Entrant]] = defaultdict(list)
        for entrant in self.entrants():
            row = entrant.row
            values = {
                "(all)": "(all)",
                "lead_source": row["lead_source"],
                "channel": row["channel"],
                "campaign": row["campaign_id"] or "(none)",
            }
            month = row["step_date"].replace(day=1)
            for segment, dimension in product((row["segment"], "(all)"), values):
                cells[(month, row["step"], entrant.unit, segment, dimension, values[dimension])].append(entrant)
        return cells

    def restatements(self) -> set[Key]:
        """fct_funnel_restatements: 1 for whom a month counted then and would not today, -1 the other way round."""
        today = [entrant for entrant in self.entrants() if entrant.outcome != "undated"]
        found: set[Key] = set()
        for month in self.months({entrant.row["step_date"].replace(day=1) for entrant in today}):
            now = {entrant.key for entrant in today if entrant.row["known_from"] <= month_end(month)}
            entrants = self.as_of(month_end(month)).entrants() if month_end(month) >= self.first_day else []
            then = {entrant.key for entrant in entrants if entrant.outcome != "undated"}
            found |= {(*key, 1) for key in then - now if key[0] == month}
            found |= {(*key, -1) for key in now - then if key[0] == month}
        return found

    def months(self, others: set[date]) -> set[date]:
        """All months of which a report tells."""
        return others | {day.replace(day=1) for day in self.captured_days()}

    def reported(self, months: set[date]) -> Counter[Key]:
        """Who had entered when a month ended, as the ledger had it that day: all later days are cut off."""
        found: Counter[Key] = Counter()
        for month in self.months(months):
            cells = self.as_of(month_end(month)).cells() if month_end(month) >= self.first_day else {}
            found |= Counter({
                key: len(dated) for key, entrants in cells.items()
                if key[0] == month and (dated := [each for each in entrants if each.outcome != "undated"])
            })  # fmt: skip
        return found

    def captured_days(self) -> set[date]:
        """The days on which anything was captured."""
        return {day for company in self.oracle.companies for days in company.states.values() for day in days}

    def as_of(self, day: date) -> FunnelOracle:
        """The funnel of companies of which nothing was captured after a day."""
        if day >= self.people.last_day:
            return self
        if day not in self.earlier:
            self.earlier[day] = self.cut_off(day)
        return self.earlier[day]

    def cut_off(self, day: date) -> FunnelOracle:
        """The same, made anew."""
        known = [until(company, day) for company in self.oracle.companies]
        oracle = Oracle([company for company in known if company.states], self.definitions, str(self.oracle.zone),
                        self.oracle.base, self.oracle.start_month)  # fmt: skip
        return FunnelOracle(PeopleOracle(oracle), self.definitions)

    def cell(self, key: Key, entrants: list[Entrant], reported: int) -> dict[str, Any]:
        """The numbers of one cohort."""
        dated = [each for each in entrants if each.outcome != "undated"]
        counts = {name: sum(each.outcome == name for each in entrants)
                  for name in ("converted", "recycled", "still_open", "undated")}  # fmt: skip
        opportunity, won = sum(each.reached_opportunity for each in dated), sum(each.reached_won for each in dated)
        amount = sum((each.won_amount for each in dated), Decimal(0))
        entered = len(dated)
        low, high = wilson(counts["converted"], entered)
        found = counts | {
            "entered": entered,
            "reached_opportunity": opportunity,
            "reached_won": won,
            "won_amount": amount,
            "reported_entered": reported if month_end(key[0]) >= self.first_day else None,
            "conversion_rate": counts["converted"] / entered if entered else None,
            "rate_low": low,
            "rate_high": high,
            "mql_to_opportunity_rate": opportunity / entered if key[1] == "mql" and entered else None,
            "opportunity_to_won_rate": won / opportunity if opportunity else None,
            "won_amount_per_lead": (amount / entered).quantize(CENT, ROUND_HALF_UP)
            if key[1] == "lead" and entered
            else None,
        }
        return found | self.curve(dated)

    def curve(self, dated: list[Entrant]) -> dict[str, Any]:
        """Shares on the days at which it is looked, after Aalen and Johansen, by hand."""
        fewest = self.oracle.choice("small_risk_set", self.people.last_day)
        converted, still_open, steps = 0.0, 1.0, []
        unknown_from = None
        for day in sorted({each.days for each in dated if each.outcome != "still_open"}):
            risk = [each for each in dated if each.days >= day]
            if unknown_from is None and len(risk) < fewest:
                unknown_from = day
            for_good = sum(each.outcome == "converted" and each.days == day for each in risk)
            back = sum(each.outcome == "recycled" and each.days == day for each in risk)
            converted += still_open * for_good / len(risk)
            still_open *= 1 - (for_good + back) / len(risk)
            steps.append((day, converted, still_open))

        def at(day: int) -> tuple[float, float] | None:
            is_censored = any(each.outcome == "still_open" and each.days <= day for each in dated)
            if unknown_from is not None and day >= unknown_from and is_censored:
                return None
            return ([(0.0, 1.0)] + [(share, left) for step, share, left in steps if step <= day])[-1]

        found: dict[str, Any] = {}
        for day in LOOKS:
            known = at(day)
            is_followed = any(each.days >= day for each in dated) or (known is not None and known[1] < 1e-9)
            found[f"rate_{day}d"] = known[0] if known and dated and is_followed else None
        days = sorted({-1, *LOOKS, *(each.days for each in dated)})
        points = [(day, known) for day in days if (known := at(day))]
        plateau = max((known[0] for _, known in points), default=0.0)
        left = min((known[1] for _, known in points), default=1.0)
        limit = self.oracle.choice("mature_open_share", self.people.last_day)
        found["median_days"] = next(
            (day for day, known in points if plateau > 0 and known[0] >= plateau / 2 - 1e-9), None
        )
        found["is_mature"] = left < limit - 1e-9
        return found

    def judgement(self, key: Key, row: dict[str, Any], rows: dict[Key, dict[str, Any]], first: date) -> dict[str, Any]:
        """Whether more came and were worse than in the three months before; none are before `first`."""
        months = [(key[0] - timedelta(days=1)).replace(day=1)]
        for _ in range(2):
            months.append((months[-1] - timedelta(days=1)).replace(day=1))

        def before(place: Key) -> tuple[int, int]:
            past = [rows[(month, *place)] for month in months if (month, *place) in rows]
            return sum(each["entered"] for each in past), sum(each["converted"] for each in past)

        entered, converted = before(key[1:])
        whole, whole_converted = before((*key[1:4], "(all)", "(all)")) if not entered else (entered, converted)
        rate = whole_converted / whole if whole else None
        policy = self.oracle.choice
        known = row["is_mature"] and months[-1] >= first
        more = row["entered"] > policy("volume_up_factor", self.people.last_day) * entered / 3
        many = row["entered"] >= policy("small_sample", self.people.last_day)
        worse = None if rate is None or row["rate_high"] is None else row["rate_high"] < rate
        flag = False if not (more and many) else worse
        return {"earlier_conversion_rate": rate, "volume_up_quality_down": flag if known else None}


def in_order(row: Row) -> tuple[Any, ...]:
    """Who enters first: by the instant where two do on one day, and those of whom it is not known last."""
    at = row["step_at"]
    return row["step_date"], at is None, at or 0, row["person_key"], row["cycle"]


def month_end(month: date) -> date:
    """The last day of a month that is given by its first."""
    return (month + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def until(company: Company, day: date) -> Company:
    """A company of which nothing was captured after a day."""
    states = {
        entity: {captured: rows for captured, rows in of_entity.items() if captured <= day}
        for entity, of_entity in company.states.items()
    }
    return replace(company, states={entity: of_entity for entity, of_entity in states.items() if of_entity})
