"""The slow and obvious recomputation of hand-offs: each answer looked for by itself, business hours day by day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracles.days.definitions import definition_rows
from tests.oracles.funnel.lifecycle import PeopleOracle, Record
from tests.oracles.opportunities.history import Row

UTC = ZoneInfo("UTC")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ANSWERS = {"first_response_at": "person.first_response_at", "activity": "activity.person_id"}
READ_HOUR = 12  # the receipts of caches made by hand end at noon, UTC
ALWAYS = datetime(1900, 1, 1)  # noqa: DTZ001  # instants of the cache are UTC without a zone


class HandoffOracle:
    """Hand-offs of the people that a `PeopleOracle` knows."""

    def __init__(self, people: PeopleOracle, definitions: Mapping[str, str]) -> None:
        self.people = people
        self.rules = definition_rows(definitions["sla_rules"])
        self.hours = definition_rows(definitions["business_hours"])
        self.steps = list(people.steps())
        statuses = people.oracle.choice("returned_status", people.last_day)
        self.returned_statuses = set(statuses.lower().split("|"))

    def midnight(self, day: date) -> datetime:
        """The instant at which a business day begins, in UTC without a zone."""
        return datetime.combine(day, time(), self.people.zone).astimezone(UTC).replace(tzinfo=None)

    @cached_property
    def next_cycles(self) -> dict[tuple[str, int], datetime]:
        """Person and cycle -> when the next one begins."""
        return {(row["person_key"], row["cycle"] - 1): row["step_at"] for row in self.steps if row["step"] == "mql"}

    def rows(self) -> Iterator[Row]:
        """fct_handoffs."""
        for step in self.steps:
            if step["step_precision"] == "left_truncated":
                continue
            for handoff, clock in sorted({(rule["handoff"], rule["clock"]) for rule in self.rules}):
                rules = [
                    rule
                    for rule in self.rules
                    if (rule["handoff"], rule["clock"]) == (handoff, clock)
                    and rule["start_step"] == step["step"]
                    and rule["segment"] in ("*", step["segment"])
                    and rule["day"] <= step["step_date"]
                ]
                if not rules:
                    continue
                rule = max(rules, key=lambda each: (each["segment"] != "*", each["day"]))
                if rule["limit_hours"]:
                    yield self.handoff(step, rule)

    def handoff(self, step: Row, rule: Mapping[str, Any]) -> Row:
        """Whether a step was answered within the limit of a rule."""
        start = step["step_at"] or self.midnight(step["step_date"])
        latest_start = step["step_at"] or self.midnight(step["step_date"] + timedelta(days=1))
        last_day = max(self.people.companies[step["source"]].states["person"])
        read = self.read(step["source"])
        following = self.next_cycles.get((step["person_key"], step["cycle"]))
        limit = timedelta(hours=float(rule["limit_hours"]))
        kinds = rule["end_evidence"].split("|")
        found = [
            each
            for each in self.evidence(step["person_key"])
            if each[0] in kinds and (following is None or each[1] < following)
        ]
        answered = [
            (latest, known)
            for kind, _, latest, known in found
            if kind == "first_response_at" and latest < start and step["cycle"] == 1 and step["step"] == "mql"
        ]
        fitting = [
            (latest, kinds.index(kind), max(earliest, start), known)
            for kind, earliest, latest, known in found
            if latest >= start
        ]
        spent = (
            self.business_seconds if rule["clock"] == "business" else lambda start, end: (end - start).total_seconds()
        )
        most = limit.total_seconds()
        ended: datetime | None
        evidence: str | None
        known: date | None = None
        if answered:
            status, ended, evidence, (_, known) = "met", start, "already_answered", min(answered)
        elif fitting:
            ended, place, _, known = min(fitting)
            evidence = kinds[place]
            earliest = min(earliest for _, _, earliest, _ in fitting)
            is_late, may_be_late = spent(latest_start, earliest) > most, spent(start, ended) > most
            status = "breached" if is_late else "not_evaluated" if may_be_late else "met"
        else:
            ended = None
            until = max(read, start)
            is_replaced = following is not None and following <= until
            until = min(until, following) if following else until
            evidence = "next_cycle" if is_replaced else None
            is_late, may_be_late = spent(latest_start, until) > most, spent(start, until) > most
            status = "breached" if is_late else "not_evaluated" if may_be_late or is_replaced else "pending"
        is_measured = self.is_captured(step["person_key"], step["source"], kinds)
        if not is_measured:
            status, evidence = "not_evaluated", "|".join(ANSWERS[kind] for kind in ANSWERS if kind in kinds)
        owner_date, owner_id = self.owner(step)
        due = start + limit if rule["clock"] == "clock" else self.business_due(start, limit)
        return {
            "person_key": step["person_key"],
            "handoff": rule["handoff"],
            "cycle": step["cycle"],
            "clock": rule["clock"],
            "started_at": start,
            "ended_at": ended,
            "status": status,
            "elapsed_seconds": round(spent(start, until if ended is None else ended)),
            "owner_id": owner_id,
            "evidence": evidence,
            "evidence_known_from": known,
            "is_entered_late": self.is_entered_late(step, ended, known),
            "is_measured": is_measured,
            "is_rerouted": self.is_rerouted(step, owner_date, owner_id, until if ended is None else ended),
            "due_at": due,
            "led_to_opportunity": self.outcome(step, due, last_day) if status in ("met", "breached") else None,
        }

    def read(self, source: str) -> datetime:
        """Up to when the last captured day of a source knows what happened."""
        return self.read_of(max(self.people.companies[source].states["person"]))

    def read_of(self, day: date) -> datetime:
        """Up to when a captured day knows what happened."""
        return min(datetime.combine(day, time(READ_HOUR)), self.midnight(day + timedelta(days=1)))

    def owner(self, step: Row) -> tuple[date, str | None]:
        """Who owned the record on the first day read after the start, or the first that shows it; and that day."""
        days = self.people.seen[(step["source"], step["person_id"])]
        captured = sorted(self.people.companies[step["source"]].states["person"])
        start = step["step_at"] or self.midnight(step["step_date"])
        seen = next((day for day in captured if day >= step["step_date"] and self.read_of(day) >= start), None)
        if step["step_date"] >= captured[0] and seen and seen < step["known_from"] and seen in days:
            return seen, days[seen].get("owner_id")
        return step["known_from"], step["owner_id"]

    def is_rerouted(self, step: Row, since: date, owner_id: str | None, until: datetime) -> bool:
        """Whether the record had another owner on a captured day after `since`, up to the day of `until`."""
        days, last = self.people.seen[(step["source"], step["person_id"])], self.people.day_of(until)
        assert last
        return any(since < day <= last and row.get("owner_id") != owner_id for day, row in days.items())

    def is_entered_late(self, step: Row, ended: datetime | None, known: date | None) -> bool:
        """Whether an answer to what was known then was captured more than a day after it."""
        day = self.people.day_of(ended)
        return bool(day and known and day >= step["known_from"] and known - day > timedelta(days=1))

    @cached_property
    def opportunities(self) -> dict[str, Row]:
        """Person -> the step to the first opportunity."""
        return {row["person_key"]: row for row in self.steps if row["step"] == "opportunity"}

    def outcome(self, step: Row, due: datetime, last_day: date) -> bool | None:
        """Whether an opportunity came of a hand-off in time; None where that says nothing of the answer."""
        days = self.people.oracle.choice("handoff_outcome_days", self.people.last_day)
        landmark = self.people.day_of(due)
        assert landmark
        found = self.opportunities.get(step["person_key"])
        if found and (found["step_date"] <= landmark or found["step_precision"] == "left_truncated"):
            return None
        if last_day - landmark < timedelta(days=days):
            return None
        return bool(found and found["cycle"] == step["cycle"] and found["step_date"] - landmark <= timedelta(days=days))

    def is_captured(self, person_key: str, source: str, kinds: list[str]) -> bool:
        """Whether a source that knows the person ever captured what answers by itself."""
        sources = {source} | {record[0] for record in self.people.records[person_key]}
        listed = [ANSWERS[kind] for kind in ANSWERS if kind in kinds]
        return not listed or any((name, *column.split(".")) in self.columns for name in sources for column in listed)

    @cached_property
    def columns(self) -> set[tuple[str, str, str]]:
        """(source, entity, column) of all that was ever captured of people and activities."""
        return {
            (name, entity, column)
            for name, company in self.people.companies.items()
            for entity in ("person", "activity")
            for rows in company.states.get(entity, {}).values()
            for row in rows.values()
            for column in row
        }

    def business_due(self, start: datetime, limit: timedelta) -> datetime:
        """The instant at which as much of business hours has passed since the start."""
        day, left = self.people.day_of(start), limit
        assert day
        while True:
            for opens, closes in self.opening(day):
                begin = max(opens, start)
                if closes > begin and closes - begin >= left:
                    return begin + left
                left -= max(closes - begin, timedelta())
            day += timedelta(days=1)

    def opening(self, day: date) -> list[tuple[datetime, datetime]]:
        """From when to when business hours of a local day are, in UTC without a zone."""
        hours = self.hours_of(day)
        if not hours:
            return []
        opens, closes = (
            datetime.combine(day, time.fromisoformat(each), self.people.zone).astimezone(UTC).replace(tzinfo=None)
            for each in hours
        )
        return [(opens, closes)]

    def evidence(self, person_key: str) -> list[tuple[str, datetime, datetime, date]]:
        """What may be an answer to a person: its kind, from when to when it happened, and since when that is known."""
        return [
            each
            for record in self.people.records[person_key]
            for each in self.of_record(record)
            if each[1] <= self.read(record[0])
        ]

    def of_record(self, record: Record) -> Iterator[tuple[str, datetime, datetime, date]]:
        """What may be an answer, of one record."""
        days = self.people.seen[record]
        company = self.people.companies[record[0]]
        captured = sorted(company.states["person"])
        was_returned, is_first = False, True
        responses: set[datetime] = set()
        for day in sorted(days):
            at = days[day].get("first_response_at")
            if at and at not in responses:
                yield "first_response_at", at, at, day
                responses.add(at)
            is_returned = (days[day].get("status") or "").strip().lower() in self.returned_statuses
            if is_returned and not was_returned:
                earliest = ALWAYS if is_first else max(self.read_of(each) for each in captured if each < day)
                yield "returned_status", earliest, self.read_of(day), day
            was_returned, is_first = is_returned, False
        for entry in self.people.entries(record):
            if entry["step"] in ("sal", "sql"):
                yield f"{entry['step']}_at", entry["step_at"], entry["step_at"], entry["known_from"]
        activities = company.states.get("activity", {})
        found: dict[tuple[str, ...], tuple[date, Mapping[str, Any]]] = {}
        for day in sorted(activities):
            for key, row in activities[day].items():
                found.setdefault(key, (day, row))
        for day, row in found.values():
            if row.get("person_id") == record[1] and row.get("owner_id") and row.get("occurred_at"):
                yield "activity", row["occurred_at"], row["occurred_at"], day

    def business_seconds(self, start: datetime, end: datetime) -> float:
        """Business hours between two instants: what each local day between them has of them."""
        day, last, total = self.people.day_of(start), self.people.day_of(end), 0.0
        assert day and last
        while day <= last:
            for opens, closes in self.opening(day):
                total += max(0.0, (min(closes, end) - max(opens, start)).total_seconds())
            day += timedelta(days=1)
        return total

    def hours_of(self, day: date) -> tuple[str, str] | None:
        """When a day opens and closes, in local time; None where it does not."""
        found = [row for row in self.hours if row["day"] <= day
                 and (row["date"] == str(day) or row["weekday"] == WEEKDAYS[day.weekday()])]  # fmt: skip
        if not found:
            return None
        row = max(found, key=lambda each: (bool(each["date"]), each["day"]))
        return None if row["is_closed"] == "true" else (row["opens"], row["closes"])
