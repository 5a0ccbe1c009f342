"""The slow and obvious recomputation of the stall marts: each rule judged on each opportunity and day, one by one.

Shares nothing with the models. Starts from the daily states that `Oracle` gives.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from tests.dbt_project.ledger_cache import Company
from tests.oracles.days.definitions import ALWAYS
from tests.oracles.opportunities.history import Oracle, Row
from tests.oracles.velocity.stays import is_left_truncated, local, stays_of

RULES = (
    "age_in_stage", "no_change", "close_date_pushed", "past_due", "no_activity", "missing_next_step", "few_contacts",
)  # fmt: skip
TRACKED = ("source_amount", "currency_code", "close_date", "next_step")


@dataclass
class Judged:
    """One opportunity and rule on one day."""

    status: str
    observed: Decimal | None
    threshold: Decimal | None
    days: int | None  # for how long it has been stalled


@dataclass
class Pattern:
    """What is counted of one rule, segment, stage and quarter."""

    judged: int = 0
    stalled: int = 0
    stalled_decided: int = 0
    stalled_won: int = 0
    other_decided: int = 0
    other_won: int = 0
    recovery_known: int = 0
    recovered: int = 0
    stalled_amount: Decimal = Decimal(0)
    stall_days: list[int] = field(default_factory=list)
    # pipeline, stage and week of age -> whether each decided opportunity was won, of the stalled and of the others
    strata: dict[tuple[str, str, int], dict[bool, list[bool]]] = field(default_factory=dict)

    def at_equal_age(self) -> tuple[int, int, float]:
        """The stalled with others of their stage and age, those of them won, and as many as the others' rate gives."""
        compared = [each for each in self.strata.values() if each[True] and each[False]]
        return (
            sum(len(each[True]) for each in compared),
            sum(sum(each[True]) for each in compared),
            sum(len(each[True]) * sum(each[False]) / len(each[False]) for each in compared),
        )


class StallOracle:
    """Stall signals and patterns of the companies that an `Oracle` knows."""

    def __init__(self, oracle: Oracle, stall_rules: list[dict[str, Any]], zone: str) -> None:
        self.oracle = oracle
        self.rules = stall_rules
        self.zone = ZoneInfo(zone)
        self.states = {company.source: oracle.states(company) for company in oracle.companies}
        self.days = {source: sorted(states) for source, states in self.states.items()}
        self.columns = {
            (company.source, entity): {
                name for rows in company.states.get(entity, {}).values() for row in rows.values() for name in row
            }
            for company in oracle.companies
            for entity in ("opportunity", "activity", "opportunity_contact_role")
        }
        self.stays = {company.source: stays_of(oracle, company) for company in oracle.companies}

    # -- what a rule looks at ----------------------------------------------------------------------------------------

    def standing(self, source: str, day: date) -> date | None:
        """The captured day whose state stands on a day."""
        return max((captured for captured in self.days[source] if captured <= day), default=None)

    @cache  # noqa: B019 - one oracle lives as long as its tests
    def seen(self, source: str, identity: str) -> list[date]:
        """The captured days on which an opportunity exists."""
        return [day for day in self.days[source] if identity in self.states[source][day]]

    @cache  # noqa: B019 - one oracle lives as long as its tests
    def changes(self, source: str, identity: str) -> list[date]:
        """The captured days that see it otherwise than it was when it last existed."""
        states, found = self.states[source], []
        for before, day in pairwise(self.seen(source, identity)):
            was, now = states[before][identity], states[day][identity]
            is_seam = was["origin"] != now["origin"]
            changed = any(was[name] != now[name] for name in ("pipeline", "stage", "stage_category"))
            for name in TRACKED:
                first = self.first_extracted(source, name.removeprefix("source_"))
                is_revealed = is_seam or (first is not None and before < first <= day)
                if name == "currency_code":  # has a value where the source says nothing
                    changed = changed or (not is_revealed and was[name] != now[name])
                else:
                    is_known = None not in (was[name], now[name])
                    changed = changed or ((is_known or not is_revealed) and was[name] != now[name])
            if changed:
                found.append(day)
        return found

    @cache  # noqa: B019 - one oracle lives as long as its tests
    def pushes(self, source: str, identity: str) -> list[date]:
        """The captured days that see its close date later than before, open on both."""
        states = self.states[source]
        return [
            day
            for before, day in pairwise(self.seen(source, identity))
            if states[before][identity]["stage_category"] == states[day][identity]["stage_category"] == "open"
            and states[before][identity]["close_date"]
            and states[day][identity]["close_date"]
            and states[day][identity]["close_date"] > states[before][identity]["close_date"]
        ]

    @cache  # noqa: B019 - one oracle lives as long as its tests
    def last_activity(self, source: str, identity: str, day: date) -> date | None:
        """The later of the field as of a day and of the activities captured by it. What is planned has not happened."""
        company = next(each for each in self.oracle.companies if each.source == source)
        of_field = None
        for captured in (each for each in sorted(company.states["opportunity"]) if each <= day):
            row = company.states["opportunity"][captured].get((identity,))
            if row is None or row.get("is_deleted"):
                continue
            at = row.get("last_activity_at")
            if at is None or local(at, self.zone) <= captured:
                of_field = at and local(at, self.zone)
                continue
            until = min((d for d in company.states["opportunity"] if d > captured), default=day + timedelta(days=1))
            if local(at, self.zone) < until and local(at, self.zone) <= day:
                of_field = local(at, self.zone)
        days = [at for at, captured in self.activities(source).get(identity, ()) if captured <= day]
        return max((each for each in [of_field, *days] if each and each <= day), default=None)

    @cache  # noqa: B019 - one oracle lives as long as its tests
    def activities(self, source: str) -> Mapping[str, set[tuple[date, date]]]:
        """Opportunity -> the day of each of its activities, with the first captured day that told it so."""
        company = next(each for each in self.oracle.companies if each.source == source)
        told: dict[tuple[str, datetime], date] = {}
        for captured in sorted(company.states.get("activity", {})):
            for row in company.states["activity"][captured].values():
                if row.get("opportunity_id") and row.get("occurred_at"):
                    told.setdefault((row["opportunity_id"], row["occurred_at"]), captured)
        found: dict[str, set[tuple[date, date]]] = defaultdict(set)
        for (identity, at), captured in told.items():
            found[identity].add((local(at, self.zone), captured))
        return found

    def first_extracted(self, source: str, column: str) -> date | None:
        """The day from which on a column of opportunities was extracted; None where it always was."""
        company = next(each for each in self.oracle.companies if each.source == source)
        return company.extracted_from.get("opportunity", {}).get(column)

    def was_captured(self, company: Company, entity: str, column: str, day: date) -> bool:
        if column not in self.columns[(company.source, entity)]:
            return False
        return company.extracted_from.get(entity, {}).get(column, min(company.states[entity])) <= day

    def threshold(self, rule: str, segment: str, stage: str, day: date) -> Mapping[str, Any] | None:
        """The row of the rule in force: segment before stage, then the latest."""
        rows = [
            row
            for row in self.rules
            if row["rule"] == rule
            and row["segment"] in ("*", segment)
            and row["stage"] in ("*", stage)
            and row["day"] <= day
        ]
        best = max(rows, key=lambda row: (row["segment"] != "*", row["stage"] != "*", row["day"]), default=None)
        return best if best and best["is_enabled"] == "true" else None

    @cache  # noqa: B019 - one oracle lives as long as its tests
    def won_days(self, stage: tuple[str, str], segment: str, day: date) -> Decimal | None:
        """The median of the visits to a stage by opportunities won by a day; of the segment, else of all."""
        found: dict[str, list[int]] = defaultdict(list)
        for stays in (of_one for of_source in self.stays.values() for of_one in of_source.values()):
            for number, stay in enumerate(stays):
                won = min((later.first_day for later in stays[number + 1 :] if later.category == "won"), default=None)
                if (
                    (stay.pipeline, stay.stage, stay.category) == (*stage, "open")
                    and stay.exited
                    and stay.next_row
                    and not is_left_truncated(stay)
                    and won
                    and won <= day
                ):
                    found[stay.first_row["segment"]].append((stay.exited - stay.entered).days)
        durations = found[segment] or [each for of_one in found.values() for each in of_one]
        return Decimal(str(statistics.median(durations))) if durations else None

    # -- verdicts ----------------------------------------------------------------------------------------------------

    def judge(self, company: Company, identity: str, day: date, rule: str) -> Judged | None:
        """One rule on one open opportunity; None where the rule is not in force."""
        source = company.source
        row = self.states[source][self.standing(source, day) or ALWAYS][identity]
        in_force = self.threshold(rule, row["segment"], row["stage"], day)
        if in_force is None:
            return None
        limit = Decimal(in_force["threshold"]) if in_force["threshold"] else None
        judges = {
            "age_in_stage": self._age_in_stage,
            "no_change": self._no_change,
            "close_date_pushed": self._close_date_pushed,
            "past_due": self._past_due,
            "no_activity": self._no_activity,
            "missing_next_step": self._missing_next_step,
            "few_contacts": self._few_contacts,
        }
        return judges[rule](company, identity, day, row, limit)

    def _age_in_stage(self, company: Company, identity: str, day: date, row: Row, limit: Decimal | None) -> Judged:
        stay = next(s for s in reversed(self.stays[company.source][identity]) if s.first_day <= day)
        median = self.won_days((stay.pipeline, stay.stage), row["segment"], day)
        if median is None or limit is None:
            return Judged("not_evaluated", None, None, None)
        observed = (day - stay.entered).days
        is_over = observed > limit * median
        status = "stalled" if is_over else "not_evaluated" if is_left_truncated(stay) else "ok"
        return Judged(status, Decimal(observed), limit * median, observed - int(limit * median))

    def _no_change(self, company: Company, identity: str, day: date, _: Row, limit: Decimal | None) -> Judged:
        changes = [each for each in self.changes(company.source, identity) if each <= day]
        since = changes[-1] if changes else self._seen_until(company.source, identity, day)[0]
        observed = (day - since).days
        assert limit is not None
        status = "stalled" if observed > limit else "ok" if changes else "not_evaluated"
        return Judged(status, Decimal(observed), limit, observed - int(limit))

    def _close_date_pushed(self, company: Company, identity: str, day: date, _: Row, limit: Decimal | None) -> Judged:
        if not self.was_captured(company, "opportunity", "close_date", day):
            return Judged("not_evaluated", None, limit, None)
        pushes = [each for each in self.pushes(company.source, identity) if each <= day]
        assert limit is not None
        since = (day - pushes[-1]).days if pushes else None
        return Judged("stalled" if len(pushes) >= limit else "ok", Decimal(len(pushes)), limit, since)

    def _past_due(self, company: Company, identity: str, day: date, row: Row, limit: Decimal | None) -> Judged:
        if row["close_date"] is None:
            return Judged("not_evaluated", None, limit, None)
        observed = (day - row["close_date"]).days
        assert limit is not None
        return Judged("stalled" if observed > limit else "ok", Decimal(observed), limit, observed - int(limit))

    def _missing_next_step(self, company: Company, identity: str, day: date, row: Row, _: Decimal | None) -> Judged:
        source = company.source
        if not self.was_captured(company, "opportunity", "next_step", day):
            return Judged("not_evaluated", None, None, None)
        if (row["next_step"] or "").strip():
            return Judged("ok", Decimal(0), None, None)
        seen = self._seen_until(source, identity, day)
        blank_from = seen[0]
        for before, after in pairwise([*seen, day]):
            if (self.states[source][before][identity]["next_step"] or "").strip():
                blank_from = self._until(source, before, after, identity)
        blank_from = max(blank_from, self.first_extracted(source, "next_step") or ALWAYS)
        return Judged("stalled", Decimal(1), None, (day - blank_from).days)

    def contacts(self, source: str, identity: str, day: date) -> int:
        """How many people have a role on an opportunity, by the state of the roles that stands on a day."""
        counted = self.contacts_by_day(source)
        standing = max((captured for captured in counted if captured <= day), default=None)
        return counted[standing][identity] if standing else 0

    @cache  # noqa: B019 - one oracle lives as long as its tests
    def contacts_by_day(self, source: str) -> Mapping[date, Counter[str]]:
        """Captured day -> opportunity -> its people."""
        company = next(each for each in self.oracle.companies if each.source == source)
        of_roles = company.states.get("opportunity_contact_role", {})
        return {day: Counter(opportunity for opportunity, _ in roles) for day, roles in of_roles.items()}

    def _few_contacts(self, company: Company, identity: str, day: date, _: Row, limit: Decimal | None) -> Judged:
        source = company.source
        if not self.was_captured(company, "opportunity_contact_role", "person_id", day):
            return Judged("not_evaluated", None, limit, None)
        assert limit is not None
        observed = self.contacts(source, identity, day)
        since = max(self.seen(source, identity)[0], min(company.states["opportunity_contact_role"]))
        few_from = day
        while few_from > since and self.contacts(source, identity, few_from - timedelta(days=1)) < limit:
            few_from -= timedelta(days=1)
        return Judged("stalled" if observed < limit else "ok", Decimal(observed), limit, (day - few_from).days)

    def _seen_until(self, source: str, identity: str, day: date) -> list[date]:
        return [each for each in self.seen(source, identity) if each <= day]

    def _until(self, source: str, before: date, after: date, identity: str) -> date:
        """The first captured day after `before`: on it what stood on `before` has ended."""
        return next(each for each in [*self.days[source], after] if each > before)

    def _no_activity(self, company: Company, identity: str, day: date, row: Row, limit: Decimal | None) -> Judged:
        has_field = self.was_captured(company, "opportunity", "last_activity_at", day)
        if not has_field and not self.was_captured(company, "activity", "opportunity_id", day):
            return Judged("not_evaluated", None, limit, None)
        since = self.last_activity(company.source, identity, day) or row["created_date"]
        if since is None:
            return Judged("not_evaluated", None, limit, None)
        assert limit is not None
        observed = (day - since).days
        return Judged("stalled" if observed > limit else "ok", Decimal(observed), limit, observed - int(limit))

    # -- marts -------------------------------------------------------------------------------------------------------

    def open_on(self, source: str, day: date) -> Iterator[tuple[str, Row]]:
        standing = self.standing(source, day)
        for identity, row in (self.states[source][standing] if standing else {}).items():
            if row["stage_category"] == "open":
                yield identity, row

    def signals(self) -> dict[tuple[str, str, str], tuple[Any, ...]]:
        """fct_stall_signals: source, opportunity and rule -> what it says."""
        found = {}
        for company in self.oracle.companies:
            day = self.days[company.source][-1]
            for identity, row in self.open_on(company.source, day):
                for rule in RULES:
                    judged = self.judge(company, identity, day, rule)
                    if judged:
                        found[(company.source, identity, rule)] = (
                            row["owner_id"], judged.status, row["pipeline"], row["stage"], row["segment"],
                            judged.observed, judged.threshold, row["amount"], day,
                        )  # fmt: skip
        return found

    def landmarks(self, source: str) -> Iterator[date]:
        day = self.days[source][0]
        while day <= self.days[source][-1]:
            if day.day == 1:
                yield day
            day += timedelta(days=1)

    def outcome(self, source: str, identity: str) -> str:
        row = self.states[source][self.days[source][-1]].get(identity)
        return row["stage_category"] if row else "gone"

    def recovery_day(self, landmark: date) -> date:
        """The last day on which what is stalled at the landmark can recover."""
        return landmark + timedelta(days=self.oracle.choice("stall_recovery_days", landmark))

    def recovers(self, company: Company, identity: str, landmark: date, rule: str) -> bool:
        """Whether the reason to be stalled ends in time, while the opportunity is open or by winning it."""
        source = company.source
        until = self.recovery_day(landmark)
        later = [day for day in self.seen(source, identity) if landmark < day <= until]
        rows = {day: self.states[source][day][identity] for day in later}
        if rule != "no_change" and any(row["stage_category"] == "won" for row in rows.values()):
            return True
        if rule == "age_in_stage":
            return any(
                stay.category in ("open", "won") and landmark < stay.first_day <= until
                for stay in self.stays[source][identity]
            )
        if rule == "no_change":
            changes = self.changes(source, identity)
            return any(day in changes and row["stage_category"] in ("open", "won") for day, row in rows.items())
        if rule == "past_due":
            return any(
                row["stage_category"] == "open" and row["close_date"] and row["close_date"] >= day
                for day, row in rows.items()
            )
        if rule == "missing_next_step":
            return any(row["stage_category"] == "open" and (row["next_step"] or "").strip() for row in rows.values())
        if rule == "few_contacts":
            return self._are_enough(source, identity, landmark, until)
        if rule == "no_activity":
            lost = self.lost(source, identity, landmark) or until
            day, before = landmark + timedelta(days=1), self.last_activity(source, identity, landmark)
            while day <= min(until, lost):
                now = self.last_activity(source, identity, day)
                if now and now > (before or ALWAYS):
                    return True
                day, before = day + timedelta(days=1), now
        return False

    def _are_enough(self, source: str, identity: str, landmark: date, until: date) -> bool:
        """Whether by a day, and before it is lost, as many people are on it as the rule of the landmark asks for."""
        standing = self.states[source][self.standing(source, landmark) or ALWAYS][identity]
        in_force = self.threshold("few_contacts", standing["segment"], standing["stage"], landmark)
        assert in_force is not None
        last = min(until, self.lost(source, identity, landmark) or until)
        days = (landmark + timedelta(days=each) for each in range(1, (last - landmark).days + 1))
        return any(self.contacts(source, identity, day) >= Decimal(in_force["threshold"]) for day in days)

    def lost(self, source: str, identity: str, landmark: date) -> date | None:
        """The first captured day after a landmark that sees an opportunity lost."""
        days = (day for day in self.seen(source, identity) if day > landmark)
        return min((d for d in days if self.states[source][d][identity]["stage_category"] == "lost"), default=None)

    def patterns(self) -> dict[tuple[str, str, str, str], Pattern]:
        """rpt_stall_patterns: rule, segment, stage and quarter, `(all)` included -> what is counted."""
        found: dict[tuple[str, str, str, str], Pattern] = defaultdict(Pattern)
        for company in self.oracle.companies:
            source = company.source
            for landmark in self.landmarks(source):
                for identity, row in self.open_on(source, landmark):
                    for rule in RULES:
                        judged = self.judge(company, identity, landmark, rule)
                        if judged and judged.status != "not_evaluated":
                            for segment in (row["segment"], "(all)"):
                                for stage in (row["stage"], "(all)"):
                                    for quarter in (self.oracle.quarter(landmark), "(all)"):
                                        self._count(
                                            found[(rule, segment, stage, quarter)],
                                            company, identity, landmark, rule, row, judged,
                                        )  # fmt: skip
        return found

    def _count(
        self, cell: Pattern, company: Company, identity: str, landmark: date, rule: str, row: Row, judged: Judged
    ) -> None:
        outcome = self.outcome(company.source, identity)
        is_decided = outcome in ("won", "lost", "gone")
        cell.judged += 1
        if is_decided:
            first_known = min(filter(None, [row["created_date"], self.seen(company.source, identity)[0]]))
            stratum = (row["pipeline"], row["stage"], (landmark - first_known).days // 7)
            by_verdict = cell.strata.setdefault(stratum, {True: [], False: []})
            by_verdict[judged.status == "stalled"].append(outcome == "won")
        if judged.status != "stalled":
            cell.other_decided += is_decided
            cell.other_won += outcome == "won"
            return
        cell.stalled += 1
        cell.stalled_decided += is_decided
        cell.stalled_won += outcome == "won"
        cell.stalled_amount += row["amount"] or 0
        if judged.days is not None:
            cell.stall_days.append(judged.days)
        if self.recovery_day(landmark) <= self.days[company.source][-1]:
            cell.recovery_known += 1
            cell.recovered += self.recovers(company, identity, landmark, rule)
