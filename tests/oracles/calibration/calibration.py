"""The slow and obvious recomputation of calibration: each open deal on each first of a month, and every pair of them.

Shares nothing with the models: the daily states say what a score was, pairs are counted one value against the other,
and the interval comes from the variance of each deal's own placement, in exact fractions.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cached_property
from itertools import product

from tests.oracles.funnel.lifecycle import PeopleOracle
from tests.oracles.opportunities.history import Oracle, Row
from tests.oracles.revenue.retention import Retention
from tests.oracles.wins.win_rate import wilson

Z = 1.959963984540054
CATEGORIES = {
    "commit": "commit", "forecast": "commit", "bestcase": "best_case", "mostlikely": "best_case",
    "pipeline": "pipeline", "omitted": "omitted", "omit": "omitted",
}  # fmt: skip
MISSING = {
    "stage_probability": "probability", "forecast_category": "forecast_category", "lead_score": "lead_score",
    "lead_score_won": "lead_score", "customer_health": "customer_health",
}  # fmt: skip
OUTCOMES = {"lead_score": "opportunity", "customer_health": "churn"}
Key = tuple[str, str, str, str]  # score, band, segment, fiscal quarter


class CalibrationOracle:
    """Calibration of the companies that an `Oracle` knows."""

    def __init__(self, oracle: Oracle, retention: Retention | None) -> None:
        self.oracle, self.retention = oracle, retention
        self.states = {company.source: oracle.states(company) for company in oracle.companies}
        self.last_day = max(max(states) for states in self.states.values())

    def landmarks(self) -> Iterator[tuple[date, Row, str]]:
        """Each first day of a month, each deal that is open on it, and what became of the deal."""
        for states in self.states.values():
            first, last = min(states), max(states)
            for number in range((last - first).days + 1):
                day = first + timedelta(days=number)
                if day.day == 1:
                    standing = max(captured for captured in states if captured <= day)
                    for identity, row in states[standing].items():
                        if row["stage_category"] == "open":
                            final = states[last].get(identity)
                            yield day, row, final["stage_category"] if final else "gone"

    def judged(self) -> Iterator[Row]:
        """Each deal on each landmark, by each score."""
        for day, row, outcome in self.landmarks():
            place = {
                "segment": row["segment"],
                "fiscal_quarter": self.oracle.quarter(day),
                "outcome": outcome if outcome in ("won", "lost", "gone") else "undecided",
            }
            stage = f"{row['pipeline']} / {row['stage']}"
            yield place | {"score": "stage_probability", "band": stage, "value": row["stage_probability"]}
            text = row["forecast_category"]
            category = CATEGORIES.get("".join(each for each in (text or "").lower() if each not in " _-"))
            rate = self.oracle.choice(f"{category}_win_rate", day) if category else None
            value = None if rate is None else Decimal(str(rate))
            yield place | {"score": "forecast_category", "band": category or text or "(none)", "value": value}

    def leads(self) -> Iterator[Row]:
        """Each person on the day that first showed the qualification by marketing, by the score of that day."""
        people = PeopleOracle(self.oracle)
        steps: dict[str, dict[tuple[str, int], Row]] = defaultdict(dict)
        for step in people.steps():
            steps[step["person_key"]][(step["step"], step["cycle"])] = step
        for taken in steps.values():
            mql = taken.get(("mql", 1))
            if mql is None:
                continue
            days = people.companies[mql["source"]].states["person"]
            first = min(people.seen[(mql["source"], mql["person_id"])])
            before = max((day for day in days if day < first), default=first)
            if mql["known_from"] == first and mql["step_date"] < before:
                continue  # nobody saw the score of then
            landmark = max(mql["known_from"], mql["step_date"])
            value, width = mql["lead_score_at_step"], self.oracle.choice("lead_score_band", landmark)
            low = None if value is None else int(value // width) * width
            is_young = (max(days) - landmark).days <= self.oracle.choice("lead_score_days", landmark)
            for score, outcome in (("lead_score", "opportunity"), ("lead_score_won", "won")):
                came = min((step["step_date"] for (name, _), step in taken.items() if name == outcome), default=None)
                if came is None or came > landmark:
                    yield {
                        "score": score,
                        "band": "(none)" if low is None else f"{low}-{low + width - 1}",
                        "value": value,
                        "segment": mql["segment"],
                        "fiscal_quarter": self.oracle.quarter(landmark),
                        "outcome": "undecided" if is_young else "won" if came else "lost",
                    }

    def customers(self) -> Iterator[Row]:
        """Each paying customer at each month's end since its billing is captured, by the health known then."""
        if self.retention is None:
            return
        paying = self.retention.customers
        for day in self.retention.month_ends:
            for key, row in paying[day].items():
                days = self.retention.companies[row["source"]].states["subscription"]
                if day < min(days):
                    continue
                window = self.oracle.choice("health_score_days", day)
                later = [end for end in self.retention.month_ends if 0 < (end - day).days <= window]
                has_left = any(key not in paying[end] for end in later)
                health = self.health(row["account_source"], row["account_id"], day)
                band = self.health_band(health, day)
                yield {
                    "score": "customer_health",
                    "band": band,
                    "value": None if health is None or band == "stale" else -health[1],
                    "segment": row["segment"],
                    "fiscal_quarter": self.oracle.quarter(day),
                    "outcome": "undecided" if (max(days) - day).days < window else "won" if has_left else "lost",
                }

    @cached_property
    def measurements(self) -> dict[str, list[tuple[date, str, datetime, Decimal | None]]]:
        """By account id, in the order of capture: the day, the source, when it was measured and the score."""
        found: dict[str, list[tuple[date, str, datetime, Decimal | None]]] = defaultdict(list)
        for company in self.oracle.companies:
            known: dict[tuple[str, datetime], Decimal | None] = {}
            for captured, rows in sorted(company.states.get("customer_health", {}).items()):
                for (account, measured_at), row in rows.items():
                    if known.get((account, measured_at), ...) != row["score"]:
                        known[(account, measured_at)] = row["score"]
                        found[account].append((captured, company.source, measured_at, row["score"]))
        return found

    def health(self, source: str | None, account: str | None, day: date) -> tuple[date, Decimal] | None:
        """The day of the latest measurement that was captured by `day`, and its score."""
        assert self.retention
        known: dict[tuple[datetime, str], Decimal] = {}
        for captured, measurer, measured_at, score in self.measurements.get(account or "", ()):
            is_of_others = measurer != source and bool(self.retention.companies[measurer].states.get("account"))
            measured_on = self.retention.business_date(measured_at)
            if captured <= day and measured_on and measured_on <= day and not is_of_others:
                if score is None:
                    known.pop((measured_at, measurer), None)  # taken back
                else:
                    known[(measured_at, measurer)] = score
        if not known:
            return None
        latest = max(measured_at for measured_at, _ in known)
        _, chosen = min(each for each in known if each[0] == latest)
        measured_on = self.retention.business_date(latest)
        assert measured_on
        return measured_on, known[(latest, chosen)]

    def health_band(self, health: tuple[date, Decimal] | None, day: date) -> str:
        """What a measurement says on a day."""
        if health is None:
            return "unscored"
        if (day - health[0]).days > self.oracle.choice("stale_score_days", day):
            return "stale"
        red, green = (int(each) for each in self.oracle.choice("health_bands", day).split("|"))
        return "red" if health[1] < red else "amber" if health[1] < green else "green"

    def cells(self) -> dict[Key, list[Row]]:
        """Who is behind each row."""
        found: dict[Key, list[Row]] = defaultdict(list)
        for score in MISSING:
            found[(score, "(all)", "(all)", "(all)")] = []
        for row in [*self.judged(), *self.leads(), *self.customers()]:
            of_row = ((row[name], "(all)") for name in ("band", "segment", "fiscal_quarter"))
            for place in product(*of_row):
                found[(row["score"], *place)].append(row)
        return found

    def calibration(self) -> dict[Key, Row]:
        """rpt_score_calibration, without the lines."""
        return {key: self.row(key, rows) for key, rows in self.cells().items()}

    def row(self, key: Key, rows: list[Row]) -> Row:
        """The numbers of one row."""
        enough = self.oracle.choice("small_sample", self.last_day)
        counts = Counter(row["outcome"] for row in rows)
        decided = [row for row in rows if row["outcome"] in ("won", "lost")]
        scored = [row for row in decided if row["value"] is not None]
        n, won = len(scored), sum(row["outcome"] == "won" for row in scored)
        has_promise = key[0] in ("stage_probability", "forecast_category")
        misses = [Fraction(row["value"]) - (row["outcome"] == "won") for row in scored]
        low, high = wilson(won, n)
        expected = sum((Fraction(row["value"]) for row in scored), Fraction(0)) / n if n and has_promise else None
        found: Row = {
            "n": n,
            "outcome": OUTCOMES.get(key[0], "won"),
            "positives": won,
            "negatives": n - won,
            "gone": counts["gone"],
            "undecided": counts["undecided"],
            "unscored": len(decided) - n,
            "expected_rate": expected,
            "observed_rate": Fraction(won, n) if n else None,
            "rate_low": low,
            "rate_high": high,
            "brier": sum((miss * miss for miss in misses), Fraction(0)) / n if n and has_promise else None,
            "base_brier": Fraction(won, n) * (1 - Fraction(won, n)) if n else None,
            "is_total": "(all)" in key[1:],
            "is_small_sample": n < enough,
            "is_mature": counts["undecided"] < self.oracle.choice("mature_open_share", self.last_day) * len(rows),
            "evidence": MISSING[key[0]] if len(decided) > n == 0 else None,
        }
        found |= dict.fromkeys(("auc", "auc_low", "auc_high"))
        if key[1] == "(all)":
            found |= ranks(scored)
        found["status"] = status(found, key[1] == "(all)")
        is_wanted = key[1] != "(all)" and found["status"] == "off" and n >= enough
        value = (Decimal(won) / n).quantize(Decimal("0.01"), ROUND_HALF_UP) if is_wanted else None
        return found | {"suggested_value": None if value is None else float(value)}


def ranks(scored: list[Row]) -> Row:
    """How often a won deal had the higher score than a lost one, ties counting half, with its 95 % interval."""
    won, lost = (Counter(row["value"] for row in scored if row["outcome"] == outcome) for outcome in ("won", "lost"))
    n_won, n_lost = won.total(), lost.total()
    if not n_won or not n_lost:
        return {}
    auc = sum((beats(a, b) * won[a] * lost[b] for a in won for b in lost), Fraction(0)) / (n_won * n_lost)
    found: Row = {"auc": auc}
    if n_won > 1 and n_lost > 1:
        of_won = {a: sum((beats(a, b) * lost[b] for b in lost), Fraction(0)) / n_lost for a in won}
        of_lost = {b: sum((beats(a, b) * won[a] for a in won), Fraction(0)) / n_won for b in lost}
        spread_won = sum(((of_won[a] - auc) ** 2 * won[a] for a in won), Fraction(0)) / (n_won - 1)
        spread_lost = sum(((of_lost[b] - auc) ** 2 * lost[b] for b in lost), Fraction(0)) / (n_lost - 1)
        error = Z * math.sqrt(spread_won / n_won + spread_lost / n_lost)
        found |= {"auc_low": max(0.0, float(auc) - error), "auc_high": min(1.0, float(auc) + error)}
    return found


def beats(won: Decimal, lost: Decimal) -> Fraction:
    """1 where the won one has the higher score, 1/2 where they are equal."""
    return Fraction(1, 2) if won == lost else Fraction(int(won > lost))


def status(row: Row, is_all_bands: bool) -> str:
    """What the numbers say of the score."""
    if is_all_bands and row["auc_low"] is None:
        return "not_evaluated"
    if is_all_bands and row["auc_low"] - 1e-9 <= 0.5 <= row["auc_high"] + 1e-9:
        return "no_power"
    if is_all_bands and row["auc_high"] < 0.5:
        return "off"
    if row["expected_rate"] is None:  # a score that promises no share has nothing but its order
        return "not_evaluated" if not is_all_bands else "calibrated" if row["auc_low"] > 0.5 else "off"
    is_within = row["rate_low"] - 1e-9 <= row["expected_rate"] <= row["rate_high"] + 1e-9
    return "calibrated" if is_within else "off"
