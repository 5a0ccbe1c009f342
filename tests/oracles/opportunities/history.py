"""The slow and obvious recomputation of the foundation marts, day by day, from the daily states themselves.

Shares nothing with the models: plain Python and Decimal. One function for each rule of METRICS.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from tests.dbt_project.ledger_cache import FOREVER, Company
from tests.oracles.accounts.segments import segment_of
from tests.oracles.days.definitions import definition_rows, metric_choice
from tests.oracles.days.fiscal_quarters import fiscal_quarter

CENT = Decimal("0.01")
Row = dict[str, Any]


def is_unpriced(row: Row) -> bool:
    """Whether its currency has no rate on the day."""
    return row["amount"] is None and row["source_amount"] is not None


def currencies(found: list[str]) -> str | None:
    """The different ones, in order."""
    return ", ".join(sorted(set(found))) or None


class Oracle:
    """What the marts must hold for these companies and definitions."""

    def __init__(
        self, companies: list[Company], definitions: Mapping[str, str], time_zone: str, base: str, start_month: int
    ) -> None:
        self.companies = companies
        self.zone = ZoneInfo(time_zone)
        self.base = base
        self.start_month = start_month
        self.stages = definition_rows(definitions["stage_definitions"])
        self.rates = definition_rows(definitions["fx_rates"])
        self.segments = definition_rows(definitions["segments"])
        self.metric_policy = definition_rows(definitions.get("metric_policy", ""))
        self._states: dict[str, dict[date, dict[str, Row]]] = {}
        self._account_days: dict[tuple[str, date], date | None] = {}
        self._segments: dict[tuple[str, str | None, date], str] = {}

    def choice(self, name: str, day: date) -> Any:
        """A choice of the policy on metrics, as it is on a day."""
        return metric_choice(self.metric_policy, name, day)

    def states(self, company: Company) -> dict[date, dict[str, Row]]:
        """Captured day -> opportunity -> its row of that day, of those that exist. Not to be changed."""
        if company.source not in self._states:
            self._states[company.source] = self._states_of(company)
        return self._states[company.source]

    def _states_of(self, company: Company) -> dict[date, dict[str, Row]]:
        result: dict[date, dict[str, Row]] = {}
        closed_since: dict[str, date] = {}
        for day in sorted(company.states["opportunity"]):
            result[day] = {}
            for (identity,), raw in company.states["opportunity"][day].items():
                if raw.get("is_deleted") or raw.get("merged_into_opportunity_id"):
                    continue
                row = self.row(company, identity, raw, day)
                if row["stage_category"] in ("won", "lost"):
                    closed_since.setdefault(identity, day)
                    row["amount"] = self.convert(raw, closed_since[identity])
                else:
                    closed_since.pop(identity, None)
                    row["amount"] = self.convert(raw, day)
                result[day][identity] = row
            for identity in [gone for gone in closed_since if gone not in result[day]]:
                del closed_since[identity]
        return result

    def row(self, company: Company, identity: str, raw: Mapping[str, Any], day: date) -> Row:
        """One opportunity on one captured day, without its amount in base currency."""
        pipeline = raw.get("pipeline") or "default"
        stage = self.stage(company.source, pipeline, raw["stage"], day)
        reconstructed = company.reconstructed_until and day < company.reconstructed_until
        created = raw.get("created_at")
        return {
            "source": company.source,
            "opportunity_id": identity,
            "account_id": raw.get("account_id"),
            "owner_id": raw.get("owner_id"),
            "origin": "reconstructed" if reconstructed else "observed",
            "pipeline": pipeline,
            "stage": (stage["canonical_stage"] or stage["stage"]) if stage else "unmapped",
            "source_stage": raw["stage"],
            "stage_order": int(stage["stage_order"]) if stage else None,
            "stage_category": stage["stage_category"] if stage else "unmapped",
            "segment": self.segment(company, raw.get("account_id"), day),
            "opportunity_type": raw.get("opportunity_type") or "(none)",
            "forecast_category": raw.get("forecast_category") or (stage and stage["forecast_category"]) or None,
            "lead_source": raw.get("lead_source"),
            "next_step": raw.get("next_step") or None,
            "source_amount": raw.get("amount"),
            "source_probability": raw.get("probability"),
            "source_expected_amount": raw.get("expected_revenue"),
            "currency_code": (raw.get("currency_code") or self.base).upper(),
            "stage_probability": Decimal(stage["probability"]) if stage and stage["probability"] else None,
            "close_date": raw.get("close_date"),
            "close_fiscal_quarter": self.quarter(raw.get("close_date")),
            "created_date": created and created.replace(tzinfo=ZoneInfo("UTC")).astimezone(self.zone).date(),
        }

    def stage(self, source: str, pipeline: str, label: str, day: date) -> Mapping[str, str] | None:
        """The definition in force: a named source before any, then a named pipeline before any, then the latest."""
        found = [
            (row["source"] == source, row["pipeline"] == pipeline, row["day"], row)
            for row in self.stages
            if row["stage"] == label
            and row["day"] <= day
            and row["source"] in ("", "*", source)
            and (row["pipeline"] or "default") in ("*", pipeline)
        ]
        return max(found, key=lambda each: each[:3])[3] if found else None

    def segment(self, company: Company, account: str | None, day: date) -> str:
        """The account's segment by the rules of the day, on the account as last captured."""
        key = company.source, account, day
        if key not in self._segments:
            standing = self._standing_accounts(company, day)
            row = company.states["account"][standing].get((account,)) if standing else None
            self._segments[key] = "(unassigned)" if row is None else segment_of(row, self.segments, day)
        return self._segments[key]

    def _standing_accounts(self, company: Company, day: date) -> date | None:
        """The captured day whose accounts stand on a day."""
        key = company.source, day
        if key not in self._account_days:
            until = [captured for captured in company.states["account"] if captured <= day]
            self._account_days[key] = max(until, default=None)
        return self._account_days[key]

    def convert(self, raw: Mapping[str, Any], day: date) -> Decimal | None:
        """The amount in base currency at the rate in force on the day."""
        amount = raw.get("amount")
        currency = (raw.get("currency_code") or self.base).upper()
        if amount is None or currency == self.base:
            return amount
        rates = [
            (row["day"], row["rate_to_base"])
            for row in self.rates
            if row["currency_code"].upper() == currency and row["day"] <= day
        ]
        return (amount * Decimal(max(rates)[1])).quantize(CENT, ROUND_HALF_UP) if rates else None

    def quarter(self, day: date | None) -> str:
        """The fiscal quarter of a day, named by the year in which the fiscal year ends."""
        return fiscal_quarter(day, self.start_month)

    def history(self) -> list[Row]:
        """fct_opportunity_history: equal consecutive days made one version."""
        result = []
        for company in self.companies:
            states = self.states(company)
            days = sorted(states)
            following = dict(zip(days, [*days[1:], FOREVER], strict=True))
            for identity in sorted({name for rows in states.values() for name in rows}):
                open_version: Row | None = None
                for day in days:
                    row = states[day].get(identity)
                    if open_version and row == {
                        name: open_version[name] for name in open_version if name not in ("valid_from", "valid_to")
                    }:
                        open_version["valid_to"] = following[day]
                        continue
                    open_version = row and dict(row) | {"valid_from": day, "valid_to": following[day]}
                    if open_version:
                        result.append(open_version)
        return result

    def daily(self) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        """fct_pipeline_daily: cell -> (opportunities, amount, weighted amount, unpriced, currencies, is complete)."""
        captured = {company.source: sorted(company.states["opportunity"]) for company in self.companies}
        states = {company.source: self.states(company) for company in self.companies}
        first = min(days[0] for days in captured.values())
        last = max(days[-1] for days in captured.values())
        result: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        day = first
        while day <= last:
            cells: dict[tuple[Any, ...], list[Any]] = defaultdict(lambda: [0, Decimal(0), Decimal(0), []])
            complete = True
            for source, days in captured.items():
                standing = [each for each in days if each <= day]
                if not standing:
                    continue
                complete = complete and standing[-1] == day
                for row in states[source][standing[-1]].values():
                    complete = complete and row["stage_category"] != "unmapped"
                    if row["stage_category"] != "open":
                        continue
                    cell = cells[
                        tuple(
                            row[name]
                            for name in ("pipeline", "opportunity_type", "segment", "stage", "close_fiscal_quarter")
                        )
                    ]
                    amount, probability = row["amount"], row["stage_probability"]
                    cell[0] += 1
                    cell[1] += amount or 0
                    if amount is not None and probability is not None:
                        cell[2] += (amount * probability).quantize(CENT, ROUND_HALF_UP)
                    if is_unpriced(row):
                        cell[3].append(row["currency_code"])
                        complete = False
            if not cells:
                cells[("(none)",) * 5] = [0, Decimal(0), Decimal(0), []]
            for key, cell in cells.items():
                result[(day, *key)] = (*cell[:3], len(cell[3]), currencies(cell[3]), complete)
            day += timedelta(days=1)
        return result

    def current(self) -> dict[tuple[str, str], Row]:
        """fct_opportunity_current: what it adds to the latest version."""
        result: dict[tuple[str, str], Row] = {}
        for company in self.companies:
            states = self.states(company)
            days = sorted(states)
            for identity in {name for rows in states.values() for name in rows}:
                present = [day for day in days if identity in states[day]]
                row = states[present[-1]][identity]
                gone = next((day for day in days if day > present[-1]), None)
                entered = present[-1]
                for day in reversed(days[: days.index(present[-1])]):
                    before = states[day].get(identity)
                    if before is None or any(
                        before[name] != row[name] for name in ("pipeline", "stage", "stage_category")
                    ):
                        break
                    entered = day
                pushes = [
                    (states[later][identity]["close_date"] - states[earlier][identity]["close_date"]).days
                    for earlier, later in pairwise(present)
                    if all(
                        states[day][identity]["stage_category"] == "open" and states[day][identity]["close_date"]
                        for day in (earlier, later)
                    )
                    and states[later][identity]["close_date"] > states[earlier][identity]["close_date"]
                ]
                is_closed = row["stage_category"] in ("won", "lost")
                until = gone or (entered if is_closed else days[-1])
                aged = (until - row["created_date"]).days if row["created_date"] else None
                result[(company.source, identity)] = {
                    "is_open": gone is None and row["stage_category"] == "open",
                    "is_won": gone is None and row["stage_category"] == "won",
                    "is_deleted": gone is not None,
                    "age_days": aged if aged is not None and aged >= 0 else None,
                    "days_in_stage": (days[-1] - entered).days
                    if not gone and row["stage_category"] == "open"
                    else None,
                    "push_count": len(pushes),
                    "days_pushed": sum(pushes),
                }
        return result
