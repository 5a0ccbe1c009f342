"""The slow and obvious recomputation of attribution: each opportunity, as of each day on which it is told, by hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cache
from typing import Any

from tests.dbt_project.ledger_cache import FOREVER
from tests.oracles.days.fiscal_quarters import quarter_end
from tests.oracles.funnel.conversion import until
from tests.oracles.funnel.lifecycle import PeopleOracle, by_identity
from tests.oracles.opportunities.history import CENT, Oracle, Row
from tests.oracles.wins.win_rate import WinOracle

MODELS = ("first", "last", "linear", "position")
MATCHES = ("headline", "role", "converted", "account")
DIMENSIONS = {"channel": "channel", "campaign": "campaign_id", "touch_type": "touch_type"}
ACTIVITY = ("occurred_at", "person_id", "opportunity_id")
Key = tuple[str, ...]  # fiscal quarter, segment, purpose, match, dimension, value
NOTHING = Decimal(0)


def weights(model: str, count: int) -> list[Fraction]:
    """What a model gives to each of `count` touches, in order."""
    if count == 1:
        return [Fraction(1)]
    between = count - 2
    return {
        "first": [Fraction(1)] + [Fraction(0)] * (count - 1),
        "last": [Fraction(0)] * (count - 1) + [Fraction(1)],
        "linear": [Fraction(1, count)] * count,
        "position": [Fraction(2, 5), *[Fraction(1, 5 * between)] * between, Fraction(2, 5)]
        if between
        else [Fraction(1, 2)] * 2,
    }[model]


def shares(model: str, amount: Decimal, count: int) -> list[Decimal]:
    """The amounts of the touches: what is rounded is their running sum."""
    found, given, done = [], Fraction(0), NOTHING
    for weight in weights(model, count):
        given += weight
        until = rounded(amount, given)
        found.append(until - done)
        done = until
    return found


@cache
def rounded(amount: Decimal, share: Fraction) -> Decimal:
    """A share of an amount, half a cent away from zero."""
    exact = Fraction(amount) * share
    cents = (abs(exact) * 100 + Fraction(1, 2)).__floor__()
    return Decimal(cents if exact >= 0 else -cents) * CENT


class AttributionOracle:
    """Attribution of the companies that a `PeopleOracle` knows. `definitions` are those that it was made of."""

    def __init__(self, people: PeopleOracle, definitions: Mapping[str, str]) -> None:
        self.people = people
        self.definitions = definitions
        self.oracle = people.oracle
        self.wins = WinOracle(self.oracle)
        self.last_day = self.wins.last_day
        self.touches: dict[str, list[Row]] = defaultdict(list)
        self.activities: dict[str, list[tuple[date, datetime]]] = defaultdict(list)
        self.deal_activities: dict[tuple[str, str], list[tuple[date, datetime]]] = defaultdict(list)
        self.links: dict[tuple[str, str], list[tuple[str, str, date]]] = defaultdict(list)
        self.members: dict[tuple[str, str], dict[str, date]] = defaultdict(dict)
        for company in self.oracle.companies:
            source = company.source
            for identity, days in by_identity(company, "touch").items():
                self.touch(source, identity, days[min(days)])
            for days in by_identity(company, "activity").values():
                for named in {tuple(row.get(name) for name in ACTIVITY) for row in days.values()}:
                    self.activity(source, *named)
            for opportunity, person, match, day, _ in people.links(company):
                self.links[(source, opportunity)].append((self.key(source, person), match, day))
        for (source, person), seen in people.seen.items():
            for day, row in seen.items():
                if row.get("account_id"):
                    members = self.members[(source, row["account_id"])]
                    key = self.key(source, person)
                    members[key] = min(members.get(key, day), day)
        self.campaigns = {company.source: by_identity(company, "campaign") for company in self.oracle.companies}

    def key(self, source: str, person: str) -> str:
        """The person of a record; a record that was never captured is its own."""
        return self.people.keys.get((source, person), f"{source}/{person}")

    def day(self, instant: datetime) -> date:
        """The business date of an instant."""
        found = self.people.day_of(instant)
        assert found
        return found

    def touch(self, source: str, identity: str, row: Any) -> None:
        """Notes a touch with its person."""
        key = self.key(source, row["person_id"])
        self.touches[key].append(
            {
                "touch_source": source,
                "touch_id": identity,
                "person_key": key,
                "campaign_id": row.get("campaign_id"),
                "touch_type": row.get("touch_type"),
                "touched_at": row["touched_at"],
                "touch_date": self.day(row["touched_at"]),
            }
        )

    def activity(self, source: str, instant: datetime | None, person: str | None, opportunity: str | None) -> None:
        """Notes when sales met a person or worked on an opportunity."""
        if instant and person:
            self.activities[self.key(source, person)].append((self.day(instant), instant))
        if instant and opportunity:
            self.deal_activities[(source, opportunity)].append((self.day(instant), instant))

    # ---- what there is to attribute

    def reporting_day(self, quarter: str) -> date | None:
        """The day as of which a quarter is reported; None where it was over before anybody looked."""
        end = FOREVER if quarter == "(none)" else quarter_end(quarter, self.oracle.start_month)
        return min(end, self.last_day) if end >= self.wins.first_day else None

    def conversions(self) -> Iterator[Row]:
        """Each opportunity x purpose x side: what is known today, and what was when its quarter was reported."""
        for found in self.known():
            yield found | {"side": "restated"}
        days = (self.last_day - self.wins.first_day).days + 1
        quarters = {self.oracle.quarter(self.wins.first_day + timedelta(days=number)) for number in range(days)}
        for day in sorted({min(quarter_end(each, self.oracle.start_month), self.last_day) for each in quarters}):
            for found in self.as_of(day).known():
                if self.reporting_day(found["fiscal_quarter"]) == day:
                    yield found | {"side": "reported"}

    def as_of(self, day: date) -> AttributionOracle:
        """Attribution of companies of which nothing was captured after a day."""
        if day >= self.last_day:
            return self
        known = [until(company, day) for company in self.oracle.companies]
        oracle = Oracle([company for company in known if company.states], self.definitions, str(self.oracle.zone),
                        self.oracle.base, self.oracle.start_month)  # fmt: skip
        return AttributionOracle(PeopleOracle(oracle), self.definitions)

    def known(self) -> Iterator[Row]:
        """Each opportunity x purpose, as of the last day."""
        for source, states in self.wins.states.items():
            for identity in {name for rows in states.values() for name in rows}:
                _, row, created = self.creation(source, identity)
                yield self.conversion(row, "sourced", created, self.oracle.quarter(created))
        for outcome in self.wins.outcomes():
            if outcome["outcome"] == "won" and outcome["is_restated"]:
                day = outcome["decided_date"]
                row = self.wins.states[outcome["source"]][day][outcome["opportunity_id"]]
                found = self.conversion(row, "won", day, outcome["fiscal_quarter"])
                yield found | {"booked_amount": outcome["amount"]}

    def creation(self, source: str, identity: str) -> tuple[date, Row, date]:
        """(first captured day, the opportunity on it, the day on which it was created)."""
        states = self.wins.states[source]
        first = min(day for day in states if identity in states[day])
        row = states[first][identity]
        return first, row, row["created_date"] or first

    def conversion(self, row: Row, purpose: str, cut_off: date, quarter: str) -> Row:
        """What is attributed, to whom."""
        first, _, created = self.creation(row["source"], row["opportunity_id"])
        marketing = str(self.oracle.choice("marketing_lead_sources", cut_off)).lower().split("|")
        found: Row = {
            "source": row["source"],
            "opportunity_id": row["opportunity_id"],
            "purpose": purpose,
            "cut_off_date": cut_off,
            "created_date": created,
            "fiscal_quarter": quarter,
            "segment": row["segment"],
            "amount": row["amount"] or NOTHING,
            "booked_amount": NOTHING,
            "is_lead_source_of_marketing": (row["lead_source"] or "").strip().lower() in marketing,
        }
        until = max(cut_off, first)
        window = cut_off - timedelta(days=self.oracle.choice("attribution_window_days", cut_off))
        links = self.links[(row["source"], row["opportunity_id"])]
        known = [(key, match) for key, match, day in links if match == "converted" or day <= until]
        members = self.members[(row["source"], row["account_id"])] if row["account_id"] else {}
        sets = {
            "headline": {key for key, _ in known},
            "role": {key for key, match in known if match == "role"},
            "converted": {key for key, match in known if match == "converted"},
            "account": {key for key, day in members.items() if day <= until},
        }
        found["touches"] = {match: self.counted(keys, window, cut_off) for match, keys in sets.items()}
        met = [
            instant
            for activities in (
                self.deal_activities[(row["source"], row["opportunity_id"])],
                *(self.activities[key] for key in sets["headline"]),
            )
            for day, instant in activities
            if day >= window
        ]
        found["first_activity_at"] = min(met, default=datetime.max)  # noqa: DTZ901  # UTC without a zone, as the cache
        return found

    def counted(self, keys: set[str], window: date, cut_off: date) -> list[Row]:
        """The touches of people that count, in order, with the channel of their day."""
        known = [
            touch
            for key in keys
            for touch in self.touches[key]
            if window <= touch["touch_date"] <= min(cut_off, self.last_day)
        ]
        known.sort(key=lambda touch: (touch["touched_at"], touch["touch_id"], touch["touch_source"]))
        once: dict[tuple[Any, ...], Row] = {}
        for touch in known:
            place = ("person_key", "touch_source", "campaign_id", "touch_type", "touch_date")
            once.setdefault(tuple(touch[name] for name in place), touch)
        return [touch | {"channel": self.channel(touch)} for touch in once.values()]

    def channel(self, touch: Row) -> str:
        """The channel of the touch's campaign on the touch's day, or as it was first captured."""
        days = self.campaigns[touch["touch_source"]].get(touch["campaign_id"] or "", {})
        if not days:
            return "(none)"
        on = max((day for day in days if day <= touch["touch_date"]), default=min(days))
        return days[on].get("channel") or "(none)"

    # ---- fct_attribution

    def facts(self, conversions: list[Row]) -> Iterator[Row]:
        """fct_attribution."""
        for conversion in conversions:
            if conversion["side"] != "restated":
                continue
            touches = conversion["touches"]["headline"]
            count = max(len(touches), 1)
            given = {model: shares(model, conversion["amount"], count) for model in MODELS}
            nobody = dict.fromkeys(
                ("touch_source", "touch_id", "person_key", "campaign_id", "touched_at", "touch_date")
            )
            untouched = nobody | {"channel": "(untouched)", "touch_type": "(untouched)"}
            for place, touch in enumerate(touches or [untouched]):
                yield (
                    {name: conversion[name] for name in ("source", "opportunity_id", "purpose", "fiscal_quarter",
                                                         "segment", "amount", "created_date", "cut_off_date")}
                    | {name: touch[name] for name in untouched}
                    | {
                        "touch_type": touch["touch_type"] or "(none)",
                        "touch_position": place + 1 if touches else None,
                        "touch_count": len(touches),
                        "days_before": (conversion["cut_off_date"] - touch["touch_date"]).days if touches else None,
                    }
                    | {f"{model}_amount": given[model][place] for model in MODELS}
                    | {f"{model}_weight": float(weights(model, count)[place]) for model in MODELS}
                )  # fmt: skip

    # ---- rpt_attribution

    def report(self, conversions: list[Row]) -> dict[Key, dict[str, Any]]:
        """rpt_attribution without its models: what each gives, by name."""
        cells: dict[Key, dict[str, Any]] = defaultdict(lambda: defaultdict(lambda: NOTHING))
        for conversion in conversions:
            for match, touches in conversion["touches"].items():
                for segment in (conversion["segment"], "(all)"):
                    place = (conversion["fiscal_quarter"], segment, conversion["purpose"], match)
                    self.count_whole(cells[(*place, "(all)", "(all)")], conversion, touches)
                    self.count_values(cells, place, conversion, touches)
        for key, amount in self.costs().items():
            for purpose in ("sourced", "won"):
                for match in MATCHES:
                    cells[(key[0], "(all)", purpose, match, *key[1:])]["cost_amount"] = amount
        return cells

    def count_whole(self, whole: dict[str, Any], conversion: Row, touches: list[Row]) -> None:
        """Adds one conversion to the row of all values."""
        amount = conversion["amount"]
        prefix = "" if conversion["side"] == "restated" else "reported_"
        for model in MODELS:
            whole[f"{prefix}{model}_amount"] += amount
        if prefix:
            return
        whole["opportunities"] += 1
        whole["booked_amount"] += conversion["booked_amount"]
        whole["influenced_amount" if touches else "untouched_amount"] += amount
        rules = {
            "lead_source": conversion["is_lead_source_of_marketing"],
            "first_touch": any(touch["touch_date"] <= conversion["created_date"] for touch in touches),
        }
        for rule in (rule for rule, holds in rules.items() if holds):
            whole[f"sourced_by_{rule}_amount"] += amount
        if any(touch["touched_at"] < conversion["first_activity_at"] for touch in touches):
            whole["sourced_before_sales_amount"] += amount

    def count_values(self, cells: dict[Key, dict[str, Any]], place: Key, conversion: Row, touches: list[Row]) -> None:
        """Adds one conversion to the row of each value that touched it."""
        amount, is_restated = conversion["amount"], conversion["side"] == "restated"
        prefix = "" if is_restated else "reported_"
        for dimension, column in DIMENSIONS.items():
            values = [touch[column] or "(none)" for touch in touches] or ["(untouched)"]
            for model in MODELS:
                for value, share in zip(values, shares(model, amount, len(values)), strict=True):
                    cells[(*place, dimension, value)][f"{prefix}{model}_amount"] += share
            for value in set(values) if is_restated else ():
                cell = cells[(*place, dimension, value)]
                cell["opportunities"] += 1
                cell["influenced_amount" if touches else "untouched_amount"] += amount

    def costs(self) -> dict[Key, Decimal | None]:
        """(quarter, dimension, value) -> what the days of campaigns up to the last day cost, day by day."""
        found: dict[Key, Decimal | None] = {}
        for campaigns in self.campaigns.values():
            for identity, days in campaigns.items():
                priced = [day for day in days if days[day].get("cost") is not None]
                row = days[max(priced)] if priced else {}
                start, end = row.get("start_date"), row.get("end_date")
                if not (start and end and start <= end):
                    continue
                length = (end - start).days + 1
                pieces: dict[tuple[str, date], list[int]] = defaultdict(list)
                for number in range(length):
                    day = start + timedelta(days=number)
                    if day <= self.last_day:
                        pieces[(self.oracle.quarter(day), day.replace(day=1))].append(number)
                for (quarter, month), numbers in pieces.items():
                    cost = rounded(row["cost"], Fraction(max(numbers) + 1, length))
                    cost -= rounded(row["cost"], Fraction(min(numbers), length))
                    month_end = (month + timedelta(days=31)).replace(day=1) - timedelta(days=1)
                    amount = self.converted(cost, row.get("currency_code"), min(month_end, self.last_day))
                    channel = row.get("channel") or "(none)"
                    for dimension, value in (("(all)", "(all)"), ("channel", channel), ("campaign", identity)):
                        key = (quarter, dimension, value)
                        so_far = found.get(key, NOTHING)
                        found[key] = None if amount is None or so_far is None else so_far + amount
        return found

    def converted(self, cost: Decimal, currency: str | None, day: date) -> Decimal | None:
        """A cost in base currency at the rate of a day."""
        found = self.oracle.convert({"amount": cost, "currency_code": currency}, day)
        return found if found is None else found.quantize(CENT, ROUND_HALF_UP)
