"""The slow and obvious recomputation of people and of the steps they took, record by record and day by day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.dbt_project.ledger_cache import Company
from tests.oracles.opportunities.history import Oracle, Row

STEPS = ("lead", "mql", "sal", "sql", "opportunity", "won")
MOST_RECORDS_OF_AN_ADDRESS = 5
LATEST = datetime(9999, 12, 31)  # noqa: DTZ001  # instants of the cache are UTC without a zone
Record = tuple[str, str]  # source and person_id


class PeopleOracle:
    """The people of the companies that an `Oracle` knows."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle
        self.zone = oracle.zone
        self.companies = {company.source: company for company in oracle.companies}
        self.last_day = max(day for company in oracle.companies for days in company.states.values() for day in days)
        self.seen = {  # record -> captured day -> its row, of days on which it exists
            (company.source, identity): days
            for company in oracle.companies
            for identity, days in by_identity(company, "person").items()
        }
        self.keys = self.person_keys()
        self.records: dict[str, list[Record]] = defaultdict(list)
        for record, key in self.keys.items():
            self.records[key].append(record)

    def latest(self, record: Record) -> Mapping[str, Any]:
        """A record as it was last seen."""
        return self.seen[record][max(self.seen[record])]

    def neighbours(self) -> dict[Any, set[Any]]:
        """Records and what they point at or have in common, by each other."""
        carriers: dict[str, set[Record]] = defaultdict(set)
        for record, days in self.seen.items():
            for row in days.values():
                if row.get("email_digest"):
                    carriers[row["email_digest"]].add(record)
        found: dict[Any, set[Any]] = defaultdict(set)
        for record in self.seen:
            row = self.latest(record)
            pointers = [row.get(name) for name in ("converted_person_id", "merged_into_person_id")]
            ends: list[Any] = [(record[0], pointer) for pointer in pointers if pointer]
            digest = row.get("email_digest")
            if digest and len(carriers[digest]) <= MOST_RECORDS_OF_AN_ADDRESS:
                ends.append(digest)
            for end in ends:
                found[record].add(end)
                found[end].add(record)
        return found

    def person_keys(self) -> dict[Record, str]:
        """Record -> the name of the person: linked records are walked from the lowest on."""
        neighbours = self.neighbours()
        keys: dict[Record, str] = {}
        for record in sorted(self.seen):
            if record in keys:
                continue
            waiting, reached = [record], set()
            while waiting:
                place = waiting.pop()
                if place not in reached:
                    reached.add(place)
                    waiting += neighbours[place]
            keys |= dict.fromkeys(reached & set(self.seen), "/".join(record))
        return keys

    def day_of(self, instant: datetime | None) -> date | None:
        """The business date of an instant."""
        return instant and instant.replace(tzinfo=ZoneInfo("UTC")).astimezone(self.zone).date()

    def people(self) -> dict[Record, Row]:
        """dim_person."""
        found = {}
        for record, key in self.keys.items():
            row = self.latest(record)
            captured = sorted(self.companies[record[0]].states["person"])
            found[record] = {
                "person_key": key,
                "record_count": len(self.records[key]),
                "is_deleted": max(self.seen[record]) != captured[-1],
                "first_captured_date": min(self.seen[record]),
                "created_date": self.day_of(row.get("created_at")),
                "status": row.get("status"),
                "converted_opportunity_id": row.get("converted_opportunity_id"),
            }
        return found

    # ---- what says that a record took a step

    def entries(self, record: Record) -> Iterator[Row]:
        """What the record itself says: lead, and each date of a qualification that was not corrected."""
        days = self.seen[record]
        first_day = min(self.companies[record[0]].states["person"])
        lead = next(
            (
                day
                for day in sorted(days)
                if days[day].get("record_type") == "lead"
                or any(days[day].get(f"{step}_at") for step in ("mql", "sal", "sql"))
            ),
            None,
        )
        if lead:
            at = days[lead].get("created_at")
            first = min(days)
            precision = "exact" if at else "day" if first > first_day else "left_truncated"
            yield {"step": "lead", "step_at": at, "step_date": self.day_of(at) or first, "known_from": lead,
                   "step_precision": precision}  # fmt: skip
        for step in ("mql", "sal", "sql"):
            standing: list[Row] = []
            last = None
            for day in sorted(days):
                at = days[day].get(f"{step}_at")
                if at is None or at == last:
                    continue
                if last is not None and at < last:
                    standing.pop()
                standing.append({"step": step, "step_at": at, "step_date": self.day_of(at), "known_from": day,
                                 "step_precision": "exact"})  # fmt: skip
                last = at
            yield from standing

    def links(self, company: Company) -> Iterator[tuple[str, str, str, date, bool]]:
        """(opportunity, person_id, match, first day, whether that is the first of all)."""
        roles: dict[tuple[str, str], date] = {}
        states = company.states.get("opportunity_contact_role", {})
        for day in sorted(states):
            for key in states[day]:
                roles.setdefault((key[0], key[1]), day)
        for (opportunity, person), day in roles.items():
            yield opportunity, person, "role", day, day == min(states)
        people = company.states.get("person", {})
        converted: dict[tuple[str, str], date] = {}
        for day in sorted(people):
            for (person,), row in people[day].items():
                if row.get("converted_opportunity_id"):
                    converted.setdefault((row["converted_opportunity_id"], person), day)
        for (opportunity, person), day in converted.items():
            yield opportunity, person, "converted", day, day == min(people)

    def opportunity_steps(self, company: Company) -> Iterator[tuple[Record, Row]]:
        """What links to opportunities say."""
        states = self.oracle.states(company)
        days = sorted(states)
        for opportunity, person, match, linked, is_first in self.links(company):
            record = (company.source, person)
            if record not in self.keys:
                continue
            seen = [day for day in days if opportunity in states[day]]
            known = max(linked, min(self.seen[record]))  # a link may be captured before the person is
            base = {"opportunity_id": opportunity, "step_at": None}
            if match == "role":
                yield record, base | {"step": "opportunity", "step_date": linked, "known_from": known,
                                      "step_precision": "left_truncated" if is_first else "day"}  # fmt: skip
            elif seen:
                created = states[seen[0]][opportunity]["created_date"]
                own = min(
                    (day for each in self.records[self.keys[record]]
                     if (day := self.day_of(self.latest(each).get("created_at")))),
                    default=date.min,
                )  # fmt: skip
                truncated = created is None and seen[0] == days[0]
                yield (
                    record,
                    base
                    | {
                        "step": "opportunity",
                        "step_date": max(created or seen[0], own),
                        "known_from": max(known, seen[0]),
                        "step_precision": "left_truncated" if truncated else "day",
                    },
                )
            won = next((day for day in seen if states[day][opportunity]["stage_category"] == "won"), None)
            if won and linked <= won:
                yield record, base | {"step": "won", "step_date": won, "known_from": max(known, won),
                                      "step_precision": "left_truncated" if won == days[0] else "day"}  # fmt: skip

    # ---- the steps of people

    def steps(self) -> Iterator[Row]:
        """fct_lifecycle_steps."""
        said: dict[str, list[tuple[Record, Row]]] = defaultdict(list)
        for record in self.seen:
            for entry in self.entries(record):
                said[self.keys[record]].append((record, {"opportunity_id": None} | entry))
        for company in self.oracle.companies:
            for record, entry in self.opportunity_steps(company):
                said[self.keys[record]].append((record, entry))
        touches = self.first_touches()
        for key, evidence in said.items():
            evidence.sort(
                key=lambda each: (each[1]["step_date"], each[1]["step_at"] or LATEST, each[1]["known_from"],
                                  "opportunity" not in self.companies[each[0][0]].states,
                                  each[0], each[1]["opportunity_id"] or "", each[1]["step_precision"])
            )  # fmt: skip
            known = [each for each in evidence if each[1]["step_date"] <= self.last_day]
            mqls = sorted({entry["step_date"] for _, entry in known if entry["step"] == "mql"})
            cycles: dict[tuple[int, str], tuple[Record, Row]] = {}
            for record, entry in known:
                cycle = max(1, sum(day <= entry["step_date"] for day in mqls))
                once = entry["step"] not in ("mql", "sal", "sql") and any(name == entry["step"] for _, name in cycles)
                if not once:
                    cycles.setdefault((cycle, entry["step"]), (record, entry))
            for (cycle, step), (record, entry) in cycles.items():
                earlier = [
                    cycles[(cycle, name)][1]["step_date"]
                    for name in STEPS[: STEPS.index(step)]
                    if (cycle, name) in cycles
                ]
                yield (
                    self.described(record, entry)
                    | self.touched(touches.get(key), entry["step_date"])
                    | {
                        "person_key": key,
                        "cycle": cycle,
                        "is_out_of_order": any(entry["step_date"] < day for day in earlier),
                    }
                )

    def described(self, record: Record, entry: Row) -> Row:
        """The record on the day from which on the step was known."""
        days = self.seen[record]
        day = max(day for day in days if day <= entry["known_from"])
        row = days[day]
        company = self.companies[record[0]]
        return entry | {
            "source": record[0],
            "person_id": record[1],
            "account_id": row.get("account_id"),
            "owner_id": row.get("owner_id"),
            "lead_source": row.get("lead_source") or "(none)",
            "lead_score_at_step": row.get("lead_score"),
            "segment": self.segment(company, row.get("account_id"), entry["known_from"]),
        }

    def segment(self, company: Company, account: str | None, day: date) -> str:
        """The segment as the last captured day of opportunities up to `day` sees it, or the first of them."""
        captured = sorted(company.states["opportunity"])
        standing = max((each for each in captured if each <= day), default=captured[0])
        return self.oracle.segment(company, account, standing)

    def first_touches(self) -> dict[str, tuple[date | None, Row]]:
        """Person -> the first touch of all, and when it was."""
        found: dict[str, tuple[Any, ...]] = {}
        for company in self.oracle.companies:
            states = company.states.get("touch", {})
            for row in (row for day in sorted(states)[-1:] for row in states[day].values()):
                key = self.keys.get((company.source, row["person_id"]))
                if key:
                    place = (row["touched_at"], row["touch_id"], company.source, row)
                    found[key] = min(found.get(key, place), place, key=lambda each: each[:3])
        return {
            key: (self.day_of(at), {"campaign_id": row.get("campaign_id"), "channel": self.channel(source, row)})
            for key, (at, _, source, row) in found.items()
        }

    def channel(self, source: str, touch: Row) -> str:
        """The channel of a touch's campaign on the touch's day, or as it was first captured."""
        days = by_identity(self.companies[source], "campaign").get(touch.get("campaign_id") or "", {})
        if not days:
            return "(none)"
        on = self.day_of(touch["touched_at"]) or date.min
        return days[max((day for day in days if day <= on), default=min(days))].get("channel") or "(none)"

    def touched(self, first: tuple[date | None, Row] | None, day: date) -> Row:
        """The campaign and channel of the first touch, if it was on a day or before."""
        return first[1] if first and first[0] and first[0] <= day else {"campaign_id": None, "channel": "(none)"}


def by_identity(company: Company, entity: str) -> dict[str, dict[date, Mapping[str, Any]]]:
    """Id -> captured day -> row, of the days on which it exists."""
    found: dict[str, dict[date, Mapping[str, Any]]] = defaultdict(dict)
    states = company.states.get(entity, {})
    for day in sorted(states):
        for key, row in states[day].items():
            found[key[0]][day] = row
    return found
