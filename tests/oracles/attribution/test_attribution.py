"""A second opinion on what marketing is given of what was created and won."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from typing import Any

import pytest

from tests.oracles.attribution.attribution import MODELS, AttributionOracle
from tests.oracles.conftest import Built
from tests.oracles.funnel.lifecycle import PeopleOracle
from tests.oracles.opportunities.history import Oracle, Row

FACT = [
    "source", "opportunity_id", "purpose", "touch_source", "touch_id", "person_key", "campaign_id", "fiscal_quarter",
    "segment", "channel", "touch_type", "amount", "touch_position", "touch_count", "days_before", "first_amount",
    "last_amount", "linear_amount", "position_amount", "touched_at", "touch_date", "created_date", "cut_off_date",
]  # fmt: skip
KEY = ["fiscal_quarter", "segment", "purpose", "match", "dimension", "dimension_value"]
AMOUNTS = ["opportunities", "untouched_amount", "influenced_amount", "cost_amount"]
OF_WHOLES = ["sourced_by_lead_source_amount", "sourced_by_first_touch_amount", "sourced_before_sales_amount"]
OPTIONAL = {"cost_amount": None}  # what is not there is not known, rather than nothing


def oracle_of(built: Built) -> AttributionOracle:
    """Who computes it a second time."""
    people = PeopleOracle(Oracle(built.companies, built.definitions, *built.settings.values()))
    return AttributionOracle(people, built.definitions)


def share(part: Any, whole: Any) -> float | None:
    """A part of a whole, where there is one."""
    return float(part) / float(whole) if whole else None


def compare_facts(built: Built, oracle: AttributionOracle, conversions: list[Row]) -> None:
    """Every row of fct_attribution equals the recomputed one."""
    rows = built.rows("select * from marts.fct_attribution")
    found = {tuple(row[name] for name in FACT): row for row in rows}
    expected = {tuple(row[name] for name in FACT): row for row in oracle.facts(conversions)}
    assert sorted(map(str, set(found) - set(expected))) == sorted(map(str, set(expected) - set(found))) == []
    assert len(rows) == len(found)
    for key, row in expected.items():
        for model in MODELS:
            assert found[key][f"{model}_weight"] == pytest.approx(row[f"{model}_weight"], abs=1e-12), key


def compare_report(built: Built, oracle: AttributionOracle, conversions: list[Row]) -> list[Row]:
    """Every row of rpt_attribution equals adding up by hand: money exactly, ratios to 1e-9."""
    expected = oracle.report(conversions)
    rows = built.rows("select * from marts.rpt_attribution")
    assert {tuple(row[name] for name in KEY) for row in rows} == set(expected)
    assert len(rows) == len(expected) * len(MODELS)
    for row in rows:
        key = tuple(row[name] for name in KEY)
        cell, whole = expected[key], expected[(*key[:4], "(all)", "(all)")]
        names = [*AMOUNTS, *(OF_WHOLES if row["dimension"] == "(all)" else [])]
        assert {name: row[name] for name in names} == {name: cell.get(name, OPTIONAL.get(name, 0)) for name in names}, (
            key
        )
        assert row["attributed_amount"] == cell.get(f"{row['model']}_amount", 0), (key, row["model"])
        if row["reported_attributed_amount"] is None:
            assert oracle.reporting_day(row["fiscal_quarter"]) is None
        else:
            assert row["reported_attributed_amount"] == cell.get(f"reported_{row['model']}_amount", 0), key
        if row["dimension"] == "(all)":
            rules = [cell.get(name, 0) for name in OF_WHOLES]
            assert row["sourced_gap_amount"] == max(rules) - min(rules)
        total = whole.get("first_amount", 0)
        parts = [share(cell.get(f"{model}_amount", 0), total) for model in MODELS]
        assert row["share"] == pytest.approx(parts[MODELS.index(row["model"])], abs=1e-9)
        known = [part for part in parts if part is not None]
        spread = max(known) - min(known) if known else None
        assert row["model_spread"] == (None if spread is None else pytest.approx(spread, abs=1e-9))
        if row["purpose"] == "won" and row["dimension"] == "(all)":
            assert row["booked_amount"] == cell.get("booked_amount", 0)
            coverage = share(cell.get("sourced_by_first_touch_amount", 0), total)
            assert row["coverage_rate"] == (None if coverage is None else pytest.approx(coverage, abs=1e-9))
        else:
            assert (row["booked_amount"], row["coverage_rate"]) == (None, None)
    return rows


def test_attribution_equals_giving_each_opportunity_to_its_touches_by_hand(built: Built) -> None:
    oracle = oracle_of(built)
    conversions = list(oracle.conversions())
    compare_facts(built, oracle, conversions)
    rows = compare_report(built, oracle, conversions)
    assert {row["dimension_value"] for row in rows} >= {"(all)", "(untouched)", "(none)"}
    assert any(row["reported_attributed_amount"] not in (None, row["attributed_amount"]) for row in rows)
    assert any(row["model_spread"] for row in rows)
    if len(built.companies) == 1:
        compare_traps(oracle, conversions)


def test_a_campaign_whose_cost_is_in_no_quarter_or_counts_twice_is_a_finding(built: Built) -> None:
    oracle = oracle_of(built)
    undated: dict[str, list[str]] = defaultdict(list)
    unpriced: dict[str, list[tuple[str, str]]] = defaultdict(list)
    named: dict[str, list[tuple[str, Row]]] = defaultdict(list)
    for source, campaigns in oracle.campaigns.items():
        for identity, days in campaigns.items():
            priced = [day for day in days if days[day].get("cost")]
            row = dict(days[max(priced)]) if priced else {"cost": None}
            start: Any = row.get("start_date")
            end: Any = row.get("end_date")
            if row["cost"] and not (start and end and start <= end):
                undated[source].append(identity)
            elif row["cost"]:
                named[row["campaign_name"]].append((source, row))
            if row["cost"] and start and end and start <= end and start <= oracle.last_day:
                last: date = min(end, oracle.last_day)
                quarters = {
                    oracle.oracle.quarter(day)
                    for day in (start + timedelta(days=number) for number in range((last - start).days + 1))
                    if oracle.converted(row["cost"], row.get("currency_code"), rate_day(day, oracle.last_day)) is None
                }
                if quarters:
                    unpriced[row["currency_code"].upper()].append((identity, min(quarters)))
    found = {row["finding"] for row in built.rows("select * from findings.findings where check_name like 'campaign%'")}
    assert found == {
        f"{source}: {len(identities)} campaigns with a cost have no start date, no end date, or an end before their "
        f"start, such as {min(identities)}; their cost is in no quarter. Enter both dates where the campaigns are kept."
        for source, identities in undated.items()
    } | {
        f"{currency}: no rate for the cost of {len(rows)} campaigns in some quarters, the first "
        f"{min(quarter for _, quarter in rows)}; what they cost there is not known. Add the currency to fx_rates.csv."
        for currency, rows in unpriced.items()
    } | {
        f"{name}: a cost of {row['cost']:.2f} in {source} and one of {its['cost']:.2f} in {other}, and both count. "
        "Join the two where they are kept, or exclude the campaigns of one source, if they are one."
        for name, (source, row, other, its) in twice(named).items()
    }
    assert len(built.companies) == 1 or (undated and "XXX" in unpriced)


def twice(named: dict[str, list[tuple[str, Row]]]) -> dict[str, tuple[str, Row, str, Row]]:
    """Campaign -> the first two sources in which one of its name costs something at the same time."""
    pairs = {
        name: [
            (one, row, other, its)
            for one, row in rows
            for other, its in rows
            if one < other and row["start_date"] <= its["end_date"] and row["end_date"] >= its["start_date"]
        ]
        for name, rows in named.items()
    }
    return {name: min(found, key=lambda pair: (pair[0], pair[2])) for name, found in pairs.items() if found}


def rate_day(day: date, last_day: date) -> date:
    """The day whose rate converts what a day cost: the month's last one, or the last captured one."""
    return min((day.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1), last_day)


def test_where_nobody_captured_touches_nothing_is_given_and_nothing_called_untouched(three_years: Built) -> None:
    rows = three_years.rows("select * from marts.rpt_attribution")
    assert rows
    assert {(row["status"], row["evidence"] is None) for row in rows} == {("not_evaluated", False)}
    assert {row[name] for row in rows for name in ("attributed_amount", "untouched_amount", "share")} == {None}
    assert any(row["booked_amount"] for row in rows)
    assert three_years.rows("select * from marts.fct_attribution") == []


def compare_traps(oracle: AttributionOracle, conversions: list[Row]) -> None:
    """What the demo company would show if touches counted after the close, or people for their account's every deal."""
    won = [row for row in conversions if (row["purpose"], row["side"]) == ("won", "restated")]
    dates = [
        (touch["touch_date"], row["cut_off_date"])
        for row in won
        for key in {key for key, _, _ in oracle.links[(row["source"], row["opportunity_id"])]}
        for touch in oracle.touches[key]
    ]
    assert sum(touched > cut_off for touched, cut_off in dates) > 0.15 * len(dates)
    counted = [touch["touch_date"] <= row["cut_off_date"] for row in won for touch in row["touches"]["headline"]]
    assert counted
    assert all(counted)
    touched = {match: sum(row["amount"] for row in won if row["touches"][match]) for match in ("headline", "account")}
    assert touched["account"] > 1.5 * float(touched["headline"])
