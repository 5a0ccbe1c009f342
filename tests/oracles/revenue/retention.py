"""The slow and obvious recomputation of MRR and retention: who pays what on each month's last day.

Shares nothing with the models: plain Python and fractions, straight from the daily states. One function for each rule
of METRICS.md.
"""

from __future__ import annotations

import calendar
from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from tests.dbt_project.ledger_cache import FOREVER, Company
from tests.oracles.days.definitions import definition_rows
from tests.oracles.opportunities.history import Oracle

Row = dict[str, Any]
Raw = Mapping[str, Any]
"""A row as its source had it."""
PER_YEAR = {"month": 12, "year": 1, "week": 52, "day": 365}
DEFAULTS = {
    "discounts": "recurring",
    "past_due": "counts",
    "unpaid": "excluded",
    "trial_of_payer": "counts",
    "churn_date": "ended",
    "renewal_grace_days": "0",
}
DAY = timedelta(days=1)


class Break(NamedTuple):
    """A trial or a pause. A gift is a trial of a subscription that was paid for before."""

    first: date
    end: date
    is_gift: bool = False

    def meets(self, other: Break) -> bool:
        return self.first < other.end and other.first < self.end


class Payer(NamedTuple):
    """One who pays at a month's end. `amount` is None where nothing is known of it."""

    amount: Decimal | None
    at_next_rates: Decimal
    unpriced: int
    segment: str


def cents(value: Fraction) -> Decimal | None:
    """Rounded half away from zero to cents; None beyond what DECIMAL(18,2) holds."""
    whole = int(abs(value) * 100 + Fraction(1, 2))
    return None if whole >= 10**18 else Decimal(whole if value >= 0 else -whole).scaleb(-2)


def latest_rows(states: Mapping[date, Mapping[tuple[Any, ...], Raw]]) -> list[tuple[str, bool, Raw]]:
    """Of everything that ever was: its id, whether it is gone, and its latest row."""
    seen = {key: row for day in sorted(states) for key, row in states[day].items()}
    return [(key[0], key not in states[max(states)], row) for key, row in seen.items()]


def domain_of(address: str | None) -> str | None:
    """The host of an address without www, where it looks like one."""
    host = (address or "").strip().lower().rpartition("://")[2].partition("/")[0].rpartition("@")[2].partition(":")[0]
    return host.removeprefix("www.") if "." in host.removeprefix("www.") else None


def is_same_account(one: str, other: str) -> bool:
    """Whether two ids are one, or one account's in Salesforce: the longer says which of the 15 are capitals."""
    short, long = sorted((one, other), key=len)
    if (len(short), len(long), long[:3]) != (15, 18, "001"):
        return short == long
    fives = [short[at : at + 5] for at in (0, 5, 10)]
    bits = [sum(1 << at for at, each in enumerate(five) if each.isupper()) for five in fives]
    return long == short + "".join("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[each] for each in bits)


class Subscription:
    """One subscription, and what its source said of it on each captured day."""

    def __init__(self, source: str, identity: str, states: Mapping[date, Mapping[tuple[Any, ...], Raw]]) -> None:
        self.source, self.identity = source, identity
        self.days = {day: rows[(identity,)] for day, rows in sorted(states.items()) if (identity,) in rows}
        self.latest = self.days[max(self.days)]
        self.captured = sorted(states)
        self.gone = min((day for day in states if day > max(self.days)), default=FOREVER)

    def row(self, day: date) -> Raw:
        """The row in force: before the first captured one the earliest."""
        return self.days[max((each for each in self.days if each <= day), default=min(self.days))]


class Retention:
    """What the marts of retention must hold for these companies and definitions."""

    def __init__(
        self, companies: list[Company], definitions: Mapping[str, str], time_zone: str, base: str, start_month: int
    ) -> None:
        with_segments = {"stage_definitions": "", "fx_rates": "", "segments": "", **definitions}
        self.history = Oracle(companies, with_segments, time_zone, base, start_month)
        self.companies = {company.source: company for company in companies}
        self.zone, self.base = ZoneInfo(time_zone), base
        self.rates = self.history.rates
        self.policies = definition_rows(definitions.get("mrr_policy", ""))
        self.subscriptions = [
            Subscription(company.source, identity, company.states["subscription"])
            for company in companies
            if "subscription" in company.states
            for identity in sorted({key[0] for rows in company.states["subscription"].values() for key in rows})
        ]
        self.by_customer: dict[tuple[str, str], list[Subscription]] = defaultdict(list)
        for subscription in self.subscriptions:
            self.by_customer[subscription.source, subscription.latest["customer_id"]].append(subscription)
        self.month_ends = self._month_ends()
        self.customers = {month_end: self._customers(month_end) for month_end in self.month_ends}
        for day in self.month_ends:
            payers = self.payers("parent", day)
            for row in self.customers[day].values():
                row["parent_segment"] = payers[row["parent_id"]].segment
        while self.month_ends and not self.customers[self.month_ends[0]]:
            self.month_ends = self.month_ends[1:]

    # ---- time

    def business_date(self, instant: datetime | None) -> date | None:
        return instant and instant.replace(tzinfo=ZoneInfo("UTC")).astimezone(self.zone).date()

    def _month_ends(self) -> list[date]:
        captured = [day for company in self.companies.values() for day in company.states.get("subscription", {})]
        first = min(self.business_date(each.latest["started_at"]) or FOREVER for each in self.subscriptions)
        ends, year, month = [], first.year, first.month
        while (end := date(year, month, calendar.monthrange(year, month)[1])) <= max(captured):
            ends.append(end)
            year, month = (year, month + 1) if month < 12 else (year + 1, 1)
        return ends

    def is_captured(self, day: date) -> bool:
        return all(
            day in company.states["subscription"]
            for company in self.companies.values()
            if company.states.get("subscription")
        )

    # ---- what counts

    def policy(self, day: date) -> dict[str, str]:
        """Every choice in force on a day."""
        chosen = dict(DEFAULTS)
        for row in sorted(self.policies, key=lambda each: each["day"]):
            if row["day"] <= day:
                chosen[row["choice"]] = row["value"]
        return chosen

    def begins(self, subscription: Subscription) -> date:
        """The first day that is neither before the start nor in a trial it began with."""
        started = self.business_date(subscription.latest["started_at"])
        assert started
        return max([started, *(each.end for each in self.trials(subscription) if not each.is_gift)])

    @cache  # noqa: B019 (lives as long as the test)
    def trials(self, subscription: Subscription) -> list[Break]:
        """Every trial that the source ever told of, each as it was last told."""
        started = self.business_date(subscription.latest["started_at"])
        assert started
        told: dict[date, Break | None] = {}
        last_end, begun = None, []
        for day, row in subscription.days.items():
            first, end = (self.business_date(row.get(name)) for name in ("trial_start_at", "trial_end_at"))
            was_paid = bool(told) and started < day and (last_end is None or (last_end < day and last_end != end))
            if first or (end and was_paid):
                begun.append(first or day)
            first = first or max(begun, default=date.min)
            told[day] = Break(first, end, first > started) if end and first < end else None
            last_end = end
        return self._lasting(subscription, told)

    @cache  # noqa: B019
    def pauses(self, subscription: Subscription) -> list[Break]:
        """Every pause that the source ever told of, each as it was last told."""
        told: dict[date, Break | None] = {}
        for day, row in subscription.days.items():
            first, end = row.get("paused_from"), row.get("paused_to") or FOREVER
            told[day] = Break(first, end) if first and first < end else None
        return self._lasting(subscription, told)

    def _lasting(self, subscription: Subscription, told: Mapping[date, Break | None]) -> list[Break]:
        """A break told anew replaces the one that it meets; one that is told no longer was over on that day."""
        lasting: list[Break] = []
        standing: Break | None = None
        last_day = date.min
        for day, said in told.items():
            if standing and not (said and said.meets(standing)):
                over = min(each for each in subscription.captured if each > last_day)
                lasting.append(standing._replace(end=min(standing.end, over)))
            standing, last_day = said, day
        return [each for each in [*lasting, *filter(None, [standing])] if each.first < each.end]

    def ends(self, subscription: Subscription, policy: Mapping[str, str]) -> date:
        """The first day on which it is over."""
        ended = min(self.business_date(subscription.latest.get("ended_at")) or FOREVER, subscription.gone)
        cancelled = self.business_date(subscription.latest.get("cancelled_at")) or FOREVER
        return min(ended, cancelled) if policy["churn_date"] == "cancelled" else ended

    def price(self, row: Raw, policy: Mapping[str, str]) -> Decimal | None:
        amount: Decimal | None = row.get("amount")
        if policy["discounts"] == "none" and row.get("list_amount") is not None:
            return Decimal(row["list_amount"])
        return amount

    def counts(self, subscription: Subscription, day: date, policy: Mapping[str, str]) -> bool:
        """Whether it is paid for on the day. A price that is not known counts, nought does not."""
        if not self.begins(subscription) <= day < self.ends(subscription, policy):
            return False
        breaks = [*self.pauses(subscription), *self.trials(subscription)]
        if policy["trial_of_payer"] == "counts":
            breaks = [each for each in breaks if not each.is_gift]
        if any(each.first <= day < each.end for each in breaks):
            return False
        row = subscription.row(day)
        status = (row.get("status") or "").lower()
        if status in ("incomplete", "incomplete_expired"):
            return False
        if status in ("past_due", "unpaid") and policy[status] == "excluded":
            return False
        return self.price(row, policy) != 0

    def pays(self, subscription: Subscription, day: date, policy: Mapping[str, str]) -> bool:
        price = self.price(subscription.row(day), policy)
        return self.counts(subscription, day, policy) and (price is None or price > 0)

    def counted(self, mine: list[Subscription], day: date) -> list[tuple[Subscription, Raw, bool]]:
        """The customer's subscriptions that count, with the row that prices them, and whether a renewal is awaited."""
        policy = self.policy(day)
        found = [(each, each.row(day), False) for each in mine if self.counts(each, day, policy)]
        if any(self.pays(each, day, policy) for each in mine):
            return found
        grace = int(policy["renewal_grace_days"])
        last = next(
            (
                day - back * DAY
                for back in range(1, grace + 1)
                if any(self.pays(each, day - back * DAY, policy) for each in mine)
            ),
            None,
        )
        if last is None:
            return found
        end = last + DAY
        renewal = next(
            (
                day + ahead * DAY
                for ahead in range(1, grace + 1)
                if any(self.pays(each, day + ahead * DAY, policy) for each in mine)
            ),
            None,
        )
        if renewal is None or (renewal - end).days > grace:
            return found
        if not any(self.begins(each) == renewal and self.pays(each, renewal, policy) for each in mine):
            return found
        return found + [
            (each, each.row(last), True)
            for each in mine
            if self.ends(each, policy) == end and self.counts(each, last, policy)
        ]

    # ---- money

    def rate(self, currency: str, day: date) -> Fraction | None:
        if currency == self.base:
            return Fraction(1)
        known = [
            (row["day"], row["rate_to_base"])
            for row in self.rates
            if row["currency_code"].upper() == currency and row["day"] <= day
        ]
        return Fraction(max(known)[1]) if known else None

    def mrr(self, row: Raw, policy: Mapping[str, str], rate_day: date) -> Decimal | None:
        """A price brought to a month and to base currency, rounded once."""
        price, per_year = self.price(row, policy), PER_YEAR.get((row.get("interval") or "").strip().lower())
        count = 1 if row.get("interval_count") is None else row["interval_count"]
        rate = self.rate((row.get("currency_code") or self.base).upper(), rate_day)
        if price is None or per_year is None or count <= 0 or rate is None:
            return None
        return cents(Fraction(price) * rate * per_year / (12 * count))

    # ---- accounts

    @cache  # noqa: B019 (lives as long as the test)
    def accounts_called(self, identity: str) -> list[tuple[str, str, bool]]:
        """The accounts that ever had this id, and whether they are gone."""
        found = []
        for source, company in sorted(self.companies.items()):
            states = company.states.get("account", {})
            for (each,) in {key for rows in states.values() for key in rows}:
                if is_same_account(each, identity):
                    found.append((source, each, (each,) not in states[max(states)]))
        return found

    @cache  # noqa: B019
    def accounts_of_customer(self, customer: str) -> list[tuple[str, str, bool]]:
        """The accounts whose latest row has this customer id."""
        found = []
        for source, company in sorted(self.companies.items()):
            states = company.states.get("account", {})
            for (identity,) in {key for rows in states.values() for key in rows}:
                latest = max(day for day in states if (identity,) in states[day])
                if states[latest][(identity,)].get("billing_customer_id") == customer:
                    found.append((source, identity, latest != max(states)))
        return found

    @cache  # noqa: B019
    def latest_accounts(self) -> list[tuple[str, str, bool, Raw]]:
        """Every account's latest row, and whether it is gone."""
        return [
            (source, identity, is_gone, row)
            for source, company in sorted(self.companies.items())
            for identity, is_gone, row in latest_rows(company.states.get("account", {}))
        ]

    @cache  # noqa: B019
    def latest_customers(self, source: str) -> dict[str, tuple[bool, Raw]]:
        """Every customer's latest row, and whether it is gone."""
        rows = latest_rows(self.companies[source].states.get("customer", {}))
        return {identity: (is_gone, row) for identity, is_gone, row in rows}

    def account(self, source: str, customer: str, named: str | None) -> tuple[str, str] | None:
        """The account that a customer is by one of its subscriptions."""
        return self.match(source, customer, named)[0]

    def match(self, source: str, customer: str, named: str | None) -> tuple[tuple[str, str] | None, str]:
        """The account that a subscription or its customer names, else the one that names its customer, its own source
        first; else the only one with its domain. And how it was found."""
        row = self.latest_customers(source).get(customer, (False, {}))[1]
        if explicit := named or row.get("account_id"):
            known = [
                (identity != explicit, where != source, is_gone, where, identity)
                for where, identity, is_gone in self.accounts_called(explicit)
            ]
            if not known:
                return (source, explicit), "unknown_account"
            return min(known)[3:], "subscription" if named else "customer"
        matching = [
            (where != source, is_gone, where, identity)
            for where, identity, is_gone in self.accounts_of_customer(customer)
        ]
        if matching:
            return min(matching)[2:], "account"
        domain = domain_of(row.get("domain"))
        there = [
            (where != source, is_gone, where, identity)
            for where, identity, is_gone, account in self.latest_accounts()
            if domain and domain_of(account.get("website")) == domain
        ]
        if not there:
            return None, "unmatched"
        equals = [each for each in there if each[:2] == min(there)[:2]]
        return (min(there)[2:], "domain") if len(equals) == 1 else (None, "ambiguous_domain")

    def customer_rows(self) -> dict[tuple[str, str], tuple[str | None, str | None, str, int, bool]]:
        """dim_customer: account, method, number of accounts, and whether billing lost the customer."""
        found = {}
        for source, company in self.companies.items():
            named: dict[str, set[str]] = defaultdict(set)
            for _, _, row in latest_rows(company.states.get("subscription", {})):
                named[row["customer_id"]].add(row.get("account_id") or "")
            known = self.latest_customers(source)
            for customer in {*named, *known}:
                matches = [self.match(source, customer, each) for each in sorted(named.get(customer) or {""})]
                accounts = {account for account, _ in matches if account}
                # what names an account is told before what names none
                account, method = min(reversed(matches), key=lambda match: match[0] or ("~", "~"))
                if len(accounts) > 1:
                    account, method = None, "several"
                is_gone = known.get(customer, (False, {}))[0]
                found[source, customer] = (*(account or (None, None)), method, len(accounts), is_gone)
        return found

    def segment(self, account: tuple[str, str] | None, day: date) -> str:
        """Its segment as the captured day that stands on `day` sees it."""
        if account is None:
            return "(unassigned)"
        company = self.companies[account[0]]
        if "account" not in company.states:
            return "(unassigned)"
        opportunity_days = sorted(company.states.get("opportunity", {}))
        if opportunity_days:
            standing = max((each for each in opportunity_days if each <= day), default=opportunity_days[0])
            return self.history.segment(company, account[1], standing)
        return self.history.segment(company, account[1], max(day, min(company.states["account"])))

    def top(self, account: tuple[str, str], day: date) -> str:
        """The account at the top; in a circle the lowest id in it."""
        states = self.companies[account[0]].states.get("account", {})
        if not states:
            return account[1]
        rows = states[max((each for each in states if each <= day), default=min(states))]
        path = [account[1]]
        while parent := (rows.get((path[-1],)) or {}).get("parent_account_id"):
            if parent in path:
                return min(path[path.index(parent) :])
            path.append(parent)
        return path[-1]

    # ---- the marts

    def _customers(self, day: date) -> dict[tuple[str, str], Row]:
        """Customer -> its row of fct_mrr_monthly, and what a movement needs besides."""
        result: dict[tuple[str, str], Row] = {}
        policy, next_end = self.policy(day), _month_end_after(day)
        for (source, customer), mine in self.by_customer.items():
            priced = [
                (self.mrr(row, policy, day), self.mrr(row, policy, next_end), each, is_awaiting)
                for each, row, is_awaiting in self.counted(mine, day)
            ]
            known = [amount for amount, *_ in priced if amount is not None]
            unpriced = len(priced) - len(known)
            if sum(known) <= 0 and not unpriced:
                continue
            largest = min(priced, key=lambda each: (each[0] is None, -(each[0] or 0), each[2].identity, each[2].source))
            # the largest subscription's account is the one that its row in force names, renewal awaited or not
            row = next(row for each, row, _ in self.counted(mine, day) if each is largest[2])
            account = self.account(source, customer, row.get("account_id"))
            amount = Decimal(sum(known))
            result[source, customer] = {
                "source": source,
                "customer_id": customer,
                "account_source": account and account[0],
                "account_id": account and account[1],
                "parent_account_id": account and self.top(account, day),
                "parent_id": f"account:{account[0]}:{self.top(account, day)}"
                if account
                else f"customer:{source}:{customer}",
                "segment": self.segment(account, day),
                "mrr_amount": amount if amount > 0 else None,
                "subscriptions": len(priced),
                "unpriced_subscriptions": unpriced,
                "is_awaiting_renewal": any(is_awaiting for *_, is_awaiting in priced),
                "is_complete": self.is_captured(day) and not unpriced,
                "month_end": day,
                "at_next_rates": Decimal(sum(later for _, later, *_ in priced if later is not None)),
                "largest": (
                    max(known, default=None) is None, -max(known, default=Decimal(0)), largest[2].identity, source
                ),
            }  # fmt: skip
        return result

    def payers(self, level: str, day: date) -> dict[Any, Payer]:
        """Who pays at a month's end: customers, or parents with all of their customers together."""
        groups: dict[Any, list[Row]] = defaultdict(list)
        for key, row in self.customers.get(day, {}).items():
            groups[key if level == "customer" else row["parent_id"]].append(row)
        return {
            key: Payer(
                sum((row["mrr_amount"] for row in rows if row["mrr_amount"]), Decimal(0)),
                sum((row["at_next_rates"] for row in rows), Decimal(0)),
                sum(row["unpriced_subscriptions"] for row in rows),
                min(rows, key=lambda row: row["largest"])["segment"],
            )
            for key, rows in groups.items()
        }

    def movements(self, level: str) -> dict[tuple[Any, date, str, str], tuple[Decimal, int]]:
        """(payer, month end, segment, category) -> (amount, customers)."""
        result: dict[tuple[Any, date, str, str], tuple[Decimal, int]] = {}
        ever: set[Any] = set()
        before: dict[Any, Payer] = {}
        for day in self.month_ends:
            now = self.payers(level, day)
            for key in {*before, *now}:
                old, new = before.get(key), now.get(key)
                if new and not old:
                    category = "reactivation" if key in ever else "new"
                    result[key, day, new.segment, category] = (new.amount or Decimal(0), 1)
                elif old and not new:
                    result[key, day, old.segment, "churn"] = (-(old.amount or Decimal(0)), -1)
                elif old and new:
                    paid, pays = old.amount or Decimal(0), new.amount or Decimal(0)
                    if old.segment != new.segment:
                        result[key, day, old.segment, "segment_out"] = (-paid, -1)
                        result[key, day, new.segment, "segment_in"] = (paid, 1)
                    if old.at_next_rates != paid:
                        result[key, day, new.segment, "fx"] = (old.at_next_rates - paid, 0)
                    if pays > old.at_next_rates:
                        result[key, day, new.segment, "expansion"] = (pays - old.at_next_rates, 0)
                    if pays < old.at_next_rates:
                        result[key, day, new.segment, "contraction"] = (pays - old.at_next_rates, 0)
            ever |= set(now)
            before = now
        return result

    def report(self, level: str) -> dict[tuple[str, date, str], Row]:
        """rpt_revenue_retention of a level: every row, segment by segment."""
        result: dict[tuple[str, date, str], Row] = {}
        movements = self.movements(level)
        segments: set[str] = set()
        for index, day in enumerate(self.month_ends):
            now = self.payers(level, day)
            before = self.payers(level, self.month_ends[index - 1]) if index else {}
            year_ago = self.month_ends[index - 12] if index >= 12 else None
            base = self.payers(level, year_ago) if year_ago else {}
            segments |= {payer.segment for payer in now.values()}
            for segment in [*segments, *(["(all)"] if segments else [])]:

                def chosen(payers: dict[Any, Payer], segment: str = segment) -> dict[Any, Payer]:
                    return {key: each for key, each in payers.items() if segment in (each.segment, "(all)")}

                def moved(category: str, segment: str = segment, day: date = day) -> Decimal:
                    return sum(
                        (
                            amount
                            for (_, when, where, what), (amount, _) in movements.items()
                            if when == day and what == category and segment in (where, "(all)")
                        ),
                        Decimal(0),
                    )

                cohort = chosen(base)
                paid = sum((each.amount or Decimal(0) for each in cohort.values()), Decimal(0))
                kept = {key: (now[key].amount if key in now else None) or Decimal(0) for key in cohort}
                gross = sum((min(kept[key], cohort[key].amount or Decimal(0)) for key in cohort), Decimal(0))
                lost = sum(1 for key in cohort if key not in now)
                gained = moved("new") + moved("expansion") + moved("reactivation")
                dropped = -moved("contraction") - moved("churn")
                is_all = segment == "(all)"
                result[level, day, segment] = {
                    "opening_mrr": sum((each.amount or 0 for each in chosen(before).values()), Decimal(0)),
                    "new_mrr": moved("new"),
                    "expansion_mrr": moved("expansion"),
                    "contraction_mrr": moved("contraction"),
                    "churned_mrr": moved("churn"),
                    "reactivated_mrr": moved("reactivation"),
                    "fx_mrr": moved("fx"),
                    "segment_in_mrr": Decimal(0) if is_all else moved("segment_in"),
                    "segment_out_mrr": Decimal(0) if is_all else moved("segment_out"),
                    "closing_mrr": sum((each.amount or 0 for each in chosen(now).values()), Decimal(0)),
                    "opening_customers": len(chosen(before)),
                    "closing_customers": len(chosen(now)),
                    "cohort_mrr": paid,
                    "cohort_retained_mrr": sum(kept.values(), Decimal(0)),
                    "cohort_gross_retained_mrr": gross,
                    "cohort_customers": len(cohort),
                    "churned_customers": lost,
                    "is_complete": self.is_captured(day) and not any(each.unpriced for each in chosen(now).values()),
                    "is_cohort_complete": year_ago is not None
                    and self.is_captured(day)
                    and self.is_captured(year_ago)
                    and not any(each.unpriced or (key in now and now[key].unpriced) for key, each in cohort.items()),
                    "gained_mrr": gained,
                    "lost_mrr": dropped,
                    "nrr": float(sum(kept.values(), Decimal(0)) / paid) if paid else None,
                    "grr": float(gross / paid) if paid else None,
                    "logo_churn_rate": lost / len(cohort) if cohort else None,
                    "quick_ratio": float(gained / dropped) if dropped else None,
                }
        return result


def _month_end_after(day: date) -> date:
    first = day + DAY
    return date(first.year, first.month, calendar.monthrange(first.year, first.month)[1])
