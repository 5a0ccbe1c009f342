"""The slow and obvious reconciliation: what each team would count of the opportunities of a day, one by one.

Shares nothing with the models. A step of a team's view is what the first rows of the view count, less what the rows
before it do; a line of a list is looked up among the opportunities as they stood on the day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from operator import eq, ge, gt, le, lt
from pathlib import Path
from typing import Any

from tests.oracles.coverage.coverage import CoverageOracle, expected
from tests.oracles.days.definitions import definition_rows

DEFAULTS = Path(__file__).parents[3] / "dbt_project" / "default_definitions"
CENT = Decimal("0.01")
DAY = timedelta(days=1)
ZERO = Decimal(0)
NUMBERS = ("stage_order", "amount", "source_amount", "source_probability", "stage_probability")
DATES = ("close_date", "created_date")
REASONS = (
    "unknown_id", "doubled", "deleted", "merged", "unmapped", "won", "lost", "other_quarter", "currency", "amount",
    "created_since", "not_listed", "equal",
)  # fmt: skip
COMPARED: dict[str, Callable[[Any, Any], bool]] = {"=": eq, "<": lt, "<=": le, ">": gt, ">=": ge}
Row = dict[str, Any]
Counted = dict[tuple[str, str], Decimal]  # opportunity -> amount
Bridge = tuple[date, str, str, str, str, str]  # day, quarter, team, road, source of the list, list


class ReconciliationOracle:
    """Every item and every total of both roads."""

    def __init__(self, oracle: CoverageOracle, definitions: Mapping[str, str]) -> None:
        self.oracle = oracle
        texts = {name: (DEFAULTS / f"{name}.csv").read_text() for name in ("pipeline_views", "reported_numbers")}
        self.views = definition_rows(definitions.get("pipeline_views", texts["pipeline_views"]))
        self.reported = definition_rows(definitions.get("reported_numbers", texts["reported_numbers"]))
        self.companies = {company.source: company for company in oracle.companies}
        self.standing_by_id = cache(self.standing_by_id)  # type: ignore[method-assign]
        self.counted = cache(self.counted)  # type: ignore[method-assign]
        self.first_rows = {
            (source, identity): (day, row)
            for source, states in oracle.by_source.items()
            for day in sorted(states, reverse=True)
            for identity, row in states[day].items()
        }
        self.sources_of: dict[str, list[str]] = {}
        self.seen = {  # what a source marks as deleted equals absence
            company.source: {
                day: {key[0]: row for key, row in rows.items() if not row.get("is_deleted")}
                for day, rows in company.states["opportunity"].items()
            }
            for company in oracle.companies
        }
        for source, seen in self.seen.items():
            for identity in {identity for rows in seen.values() for identity in rows}:
                self.sources_of.setdefault(identity, []).append(source)

    # ---- the opportunities of a day

    def standing_by_id(self, day: date) -> dict[tuple[str, str], Row]:
        """All opportunities that exist, as the last captured day up to this one has them."""
        return {(row["source"], row["opportunity_id"]): row for row in self.oracle.standing(day)}

    def due(self, day: date, quarter: str) -> dict[tuple[str, str], Row]:
        """Open and due in the quarter: the one pipeline number."""
        return {
            key: row
            for key, row in self.standing_by_id(day).items()
            if row["stage_category"] == "open" and row["close_fiscal_quarter"] == quarter
        }

    # ---- the road by rules

    def rules(self, team: str, day: date) -> list[Row]:
        """The team's rows in force on a day, in their order."""
        mine = [row for row in self.views if row["team"].lower() == team and row["day"] <= day]
        since = max((row["day"] for row in mine), default=None)
        return sorted((row for row in mine if row["day"] == since), key=lambda row: int(row["step_order"]))

    def counted(self, team: str, day: date, quarter: str, steps: int) -> Counted:
        """What the first rows of a view count."""
        rules = self.rules(team, day)[:steps]
        words = {"population": "due", "amount_basis": "amount", "day": ""}
        words |= {row["rule_column"]: row["rule_value"] for row in rules if row["rule_column"] in words}
        filters = [row for row in rules if row["rule_column"] not in words]
        look = day - timedelta(days=day.weekday()) if words["day"] else day
        found = {}
        for key, row in self.standing_by_id(look).items():
            is_open = row["stage_category"] == "open"
            is_in = {
                "due": is_open and row["close_fiscal_quarter"] == quarter,
                "created": row["created_date"] is not None and self.oracle.quarter(row["created_date"]) == quarter,
                "any_quarter": is_open,
            }[words["population"]]
            if is_in and all(self.meets(row, rule) for rule in filters):
                found[key] = self.value(key, row, look, words["amount_basis"])
        return found

    def value(self, key: tuple[str, str], row: Row, day: date, basis: str) -> Decimal:
        """An opportunity's amount on a basis; what is not known is 0."""
        amount: Decimal = row["amount"] or ZERO
        if basis == "at_creation":
            return self.first_rows[key][1]["amount"] or ZERO
        if basis == "weighted":
            return (amount * (row["stage_probability"] or ZERO)).quantize(CENT, ROUND_HALF_UP)
        if basis == "expected":
            if row["stage_category"] == "won":
                return amount
            for first, _ in self.oracle.quarters_ahead(day):
                if row["stage_category"] == "open" and self.oracle.quarter(first) == row["close_fiscal_quarter"]:
                    pool = self.oracle.pool(day, (day - first).days + 1)
                    return expected([row], pool, self.oracle.choice("small_pool_opportunities", day)) or ZERO
            return ZERO
        return amount

    def meets(self, row: Row, rule: Row) -> bool:
        """Whether an opportunity meets a rule that filters."""
        column, operator, text = rule["rule_column"], rule["rule_operator"], rule["rule_value"]
        value = row[column]
        ours: Any
        theirs: Any
        if operator == "is_null":
            return value is None or not str(value).strip()
        if column in NUMBERS:
            ours, theirs = value, Decimal(text)
        elif column in DATES:
            ours, theirs = value, date.fromisoformat(text)
        else:
            ours, theirs = value and str(value).strip().lower(), text.lower()
        if operator == "!=":
            return bool(ours != theirs)
        if ours is None:
            return False
        if operator == "in":
            listed = self.oracle.choice("marketing_lead_sources", self.oracle.last) if text.startswith("(") else text
            return ours in [each.strip().lower() for each in listed.replace(", ", "|").split("|")]
        return bool(COMPARED[operator](ours, theirs))

    def rule_days(self) -> dict[tuple[date, str], bool]:
        """The days and quarters for which rules are applied, and whether deal by deal."""
        oracle = self.oracle
        found: dict[tuple[date, str], bool] = {}
        day = oracle.first
        while day <= oracle.last:
            first, last = oracle.bounds(day)
            if day.weekday() == 0:
                found.setdefault((day, oracle.quarter(day)), False)
            if day in (max(first, oracle.first), min(last, oracle.last)):
                found[(day, oracle.quarter(day))] = True
            day += DAY
        found |= {(oracle.last, oracle.quarter(first)): True for first, _ in oracle.quarters_ahead(oracle.last)}
        for row in self.reported:
            if oracle.first <= (day := date.fromisoformat(row["as_of"])) <= oracle.last and row["day"] <= oracle.last:
                found[(day, row["fiscal_quarter"])] = True
        return found

    def shown(self, team: str, day: date, quarter: str) -> Decimal | None:
        """The number that a team showed."""
        found = [
            (row["day"], Decimal(row["amount"]))
            for row in self.reported
            if (row["team"].lower(), row["as_of"], row["fiscal_quarter"]) == (team, day.isoformat(), quarter)
            and row["day"] <= self.oracle.last
        ]
        return max(found)[1] if found else None

    def by_rules(self) -> Iterator[tuple[Bridge, bool, int, str, list[Row]]]:
        """Bridge, whether deal by deal, step, reason, items."""
        teams = {row["team"].lower() for row in [*self.views, *self.reported]}
        for (day, quarter), is_itemised in self.rule_days().items():
            for team in teams:
                rules, shown = self.rules(team, day), self.shown(team, day, quarter)
                bridge = (day, quarter, team, "rule", "(none)", "(none)")
                if not rules and shown is None:
                    continue
                for steps, rule in enumerate(rules, 1):
                    before = self.counted(team, day, quarter, steps - 1)
                    after = self.counted(team, day, quarter, steps)
                    items = [
                        _item(key, int(key in before), int(key in after), before.get(key, ZERO), after.get(key, ZERO))
                        for key in before.keys() | after.keys()
                        if (key in before, before.get(key)) != (key in after, after.get(key))
                    ]
                    yield bridge, is_itemised, int(rule["step_order"]), rule["step"], items
                if shown is not None:
                    ours = sum(self.counted(team, day, quarter, len(rules)).values(), ZERO)
                    last = int(rules[-1]["step_order"]) if rules else 0
                    yield bridge, True, last + 1, "unexplained", [_item((None, None), 0, 0, ours, shown)]

    # ---- the road by lists

    def lists(self) -> Iterator[tuple[str, str, str, date, list[Row]]]:
        """Source, list, team and day of each list, with its lines in their order."""
        for source, company in self.companies.items():
            states = company.states.get("team_pipeline", {})
            lines = states[max(states)].values() if states else ()
            for key in sorted({(line["list_id"], line["team"].lower(), line["as_of"]) for line in lines}):
                mine = [dict(line) for line in lines if (line["list_id"], line["team"].lower(), line["as_of"]) == key]
                yield source, *key, sorted(mine, key=lambda line: line["line_number"])

    def meant(self, source: str, line: Row, as_of: date) -> tuple[tuple[str, str] | None, bool]:
        """The opportunity that a line means, and whether its name says so.

        Of those captured by the list's day, an open one before one that is closed, and that before one that is gone.
        """
        if identity := line.get("opportunity_id"):
            sources = self.sources_of.get(identity, [])
            if source in sources:
                return (source, identity), False
            return ((sources[0], identity) if len(sources) == 1 else None), False
        fitting = [
            key
            for key, (name, account) in self.names().items()
            if line.get("opportunity_name")
            and name == line["opportunity_name"].lower()
            and (not line.get("account_name") or account == line["account_name"].lower())
        ]
        day = max(min(as_of, self.oracle.last), self.oracle.first)
        there = self.standing_by_id(day)
        captured = [key for key in fitting if self.first_rows[key][0] <= day]
        present = [key for key in captured if key in there]
        is_open = [key for key in present if there[key]["stage_category"] == "open"]
        best = is_open or present or captured
        return (best[0], True) if len(best) == 1 else (None, False)

    @cache  # noqa: B019 - an oracle lives as long as its test
    def names(self) -> dict[tuple[str, str], tuple[str | None, str | None]]:
        """The latest names of every opportunity that ever existed, and of its account."""
        found = {}
        for source, states in self.oracle.by_source.items():
            raw = self.companies[source].states
            accounts = {
                key[0]: row for day in sorted(raw.get("account", {})) for key, row in raw["account"][day].items()
            }
            for day in sorted(states):
                for identity, row in states[day].items():
                    account = accounts.get(row["account_id"], {}).get("account_name")
                    name = raw["opportunity"][day][(identity,)].get("opportunity_name")
                    found[(source, identity)] = (name and name.lower(), account and account.lower())
        return found

    def gone(self, key: tuple[str, str], day: date) -> str | None:
        """How an opportunity that had been captured does not exist on a day."""
        seen = self.seen[key[0]]
        captured = [each for each in seen if each <= day]
        if not any(key[1] in seen[each] for each in captured):
            return None
        row = seen[max(captured)].get(key[1])
        return "merged" if row and row.get("merged_into_opportunity_id") else "deleted"

    def by_lists(self) -> Iterator[tuple[Bridge, date, date | None, int | None, list[Row]]]:
        """Bridge, the list's day, the day that it equals, on which so many lines do, and its items."""
        oracle = self.oracle
        for source, list_id, team, as_of, lines in self.lists():
            known: list[Row] = []
            for line in lines:
                key, is_by_name = self.meant(source, line, as_of)
                is_doubled = key is not None and key in [other["key"] for other in known]
                quarter = line.get("fiscal_quarter") or oracle.quarter(line.get("close_date"))
                currency = (line.get("currency_code") or oracle.base).upper()
                known.append(
                    dict(line) | {"key": key, "is_doubled": is_doubled, "quarter": quarter, "currency": currency,
                                  "is_matched_by_name": is_by_name}
                )  # fmt: skip
            days = {oracle.last} | ({min(as_of, oracle.last)} if as_of >= oracle.first else set())
            for quarter in {line["quarter"] for line in known}:
                equals_day, equal_lines = self.best_day(known, quarter, as_of)
                for day in days:
                    mine = [line for line in known if line["quarter"] == quarter]
                    items = [self.judged(line, source, day, quarter, as_of) for line in mine]
                    items += self.lacking(known, day, quarter, as_of)
                    yield (day, quarter, team, "list", source, list_id), as_of, equals_day, equal_lines, items

    def judged(self, line: Row, list_source: str, day: date, quarter: str, as_of: date) -> Row:
        """One line of a list, with the first reason that fits."""
        key, ours = line["key"], self.standing_by_id(day).get(line["key"])
        if ours is None and (key is None or self.gone(key, day) is None):
            reason = "unknown_id"
        elif line["is_doubled"]:
            reason = "doubled"
        elif ours is None:
            reason = str(self.gone(key, day))
        elif ours["stage_category"] != "open":
            reason = ours["stage_category"]
        elif ours["close_fiscal_quarter"] != quarter:
            reason = "other_quarter"
        elif ours["currency_code"] != line["currency"]:
            reason = "currency"
        else:
            reason = "equal" if ours["source_amount"] == line.get("amount") else "amount"
        theirs = self.listed_amount(key, line, list_source, day) or ZERO
        is_ours = reason in ("currency", "amount", "equal")
        item = _item(
            key or (None, None), int(is_ours), 1, (ours["amount"] or ZERO) if ours and is_ours else ZERO, theirs
        )
        return item | {
            "reason": reason,
            "line_number": line["line_number"],
            "listed_opportunity_id": line.get("opportunity_id"),
            "is_matched_by_name": line["is_matched_by_name"],
            "equals_day": self.equal_day(line, as_of),
        }

    def listed_amount(self, key: tuple[str, str] | None, line: Row, list_source: str, day: date) -> Decimal | None:
        """What a line says in base currency, at the rates that its source had seen by the day; None without a rate."""
        captured = self.oracle.by_source[key[0] if key else self.rate_source(list_source, day)]
        seen = max((each for each in captured if each <= day), default=min(captured))
        currency = (line.get("currency_code") or self.oracle.base).upper()
        return self.oracle.convert({"amount": line.get("amount"), "currency_code": currency}, seen)

    def rate_source(self, list_source: str, day: date) -> str:
        """Whose rates a line without a known opportunity is converted at."""
        by_source = self.oracle.by_source
        if list_source in by_source:
            return list_source
        covering = [source for source, states in by_source.items() if min(states) <= day <= max(states)]
        return min(covering or by_source)

    def lacking(self, known: list[Row], day: date, quarter: str, as_of: date) -> Iterator[Row]:
        """What is ours, and no line of the quarter's."""
        first = {line["key"]: line for line in known if not line["is_doubled"] and line["key"]}
        for key, row in self.due(day, quarter).items():
            line = first.get(key)
            if line and line["quarter"] == quarter:
                continue
            born = self.first_rows[key][0]
            yield _item(key, 1, 0, row["amount"] or ZERO, ZERO) | {
                "reason": "other_quarter" if line else "created_since" if born > as_of else "not_listed",
                "line_number": line and line["line_number"],
                "listed_opportunity_id": line and line.get("opportunity_id"),
                "is_matched_by_name": bool(line and line["is_matched_by_name"]),
                "equals_day": None,
            }

    def says_so(self, line: Row, day: date) -> Row | None:
        """The opportunity of a line, where it had the line's amount and currency on a day."""
        row = self.standing_by_id(day).get(line["key"])
        same = row and (row["source_amount"], row["currency_code"]) == (line.get("amount"), line["currency"])
        return row if same else None

    def equal_day(self, line: Row, as_of: date) -> date | None:
        """The latest day before the list's on which the CRM said what the line says."""
        day = min(as_of - DAY, self.oracle.last)
        while day >= self.oracle.first:
            if self.says_so(line, day):
                return day
            day -= DAY
        return None

    def best_day(self, known: list[Row], quarter: str, as_of: date) -> tuple[date | None, int | None]:
        """The latest day up to the list's on which most of its lines were open, due and as they say."""
        lines = [line for line in known if line["quarter"] == quarter and not line["is_doubled"]]
        best: tuple[int, date] = (0, date.min)
        day = self.oracle.first
        while day <= min(as_of, self.oracle.last):
            rows = [row for line in lines if (row := self.says_so(line, day))]
            count = sum(row["stage_category"] == "open" and row["close_fiscal_quarter"] == quarter for row in rows)
            best = max(best, (count, day))
            day += DAY
        return (best[1], best[0]) if best[0] else (None, None)


def _item(key: tuple[str | None, str | None], before: int, after: int, ours: Decimal, theirs: Decimal) -> Row:
    return {
        "source": key[0],
        "opportunity_id": key[1],
        "opportunity_delta": after - before,
        "amount": theirs - ours,
        "our_amount": ours,
        "their_amount": theirs,
        "line_number": None,
        "listed_opportunity_id": None,
        "is_matched_by_name": False,
        "equals_day": None,
    }
