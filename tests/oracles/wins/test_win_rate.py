"""A second opinion on win rates, reported and restated."""

from __future__ import annotations

from typing import Any

import pytest

from tests.oracles.conftest import Built
from tests.oracles.opportunities.history import Oracle
from tests.oracles.wins.win_rate import Key, WinOracle

OUTCOME = [
    "source", "opportunity_id", "fiscal_quarter", "as_of_date", "owner_id", "outcome", "is_reported", "is_restated",
    "segment", "opportunity_type", "pipeline", "lead_source", "owner_team", "loss_reason", "cycle_band",
    "is_dated_ahead", "amount", "cycle_days", "close_date", "decided_date",
]  # fmt: skip
EXACT = [
    "won", "lost", "gone", "still_open", "won_amount", "lost_amount", "lost_dated_ahead", "reported_won",
    "reported_lost", "reported_gone", "reported_still_open", "reported_won_amount", "reported_lost_amount", "decided",
    "average_won_amount", "is_final",
]  # fmt: skip
RATES = [
    "win_rate", "rate_low", "rate_high", "amount_win_rate", "rate_if_undecided_lost", "reported_win_rate",
    "reported_amount_win_rate",
]  # fmt: skip


def compare(built: Built) -> list[dict[str, Any]]:
    """Every outcome and every rate equals the recomputed one: counts and money exactly, rates to 1e-9."""
    oracle = WinOracle(Oracle(built.companies, built.definitions, *built.settings.values()))
    rows = built.rows("select * from marts.fct_win_outcomes")
    outcomes = list(oracle.outcomes())
    found = {tuple(row[name] for name in OUTCOME) for row in rows}
    expected = {tuple(row[name] for name in OUTCOME) for row in outcomes}
    assert sorted(map(str, found - expected)) == sorted(map(str, expected - found)) == []
    assert len(rows) == len(found)
    compare_rates(built, oracle, oracle.rates(outcomes))
    return rows


def compare_rates(built: Built, oracle: WinOracle, expected: dict[Key, dict[str, Any]]) -> None:
    """Every row of rpt_win_rate equals counting outcomes."""
    keys = ("fiscal_quarter", "segment", "dimension", "dimension_value")
    found = {tuple(row[name] for name in keys): row for row in built.rows("select * from marts.rpt_win_rate")}
    assert set(found) == set(expected)
    enough = oracle.oracle.choice("small_sample", oracle.last_day)
    evidence = missing(built)
    for key, rate in expected.items():
        row = found[key]
        assert {name: row[name] for name in EXACT} == {name: rate[name] for name in EXACT}, key
        for name in RATES:
            assert row[name] == (None if rate[name] is None else pytest.approx(rate[name], abs=1e-9)), (key, name)
        assert row["is_small_sample"] == (None if rate["decided"] is None else rate["decided"] < enough)
        assert row["is_total"] == ("(all)" in key[1:3])
        assert (row["status"] == "not_evaluated") == (key[2] in evidence) == (row["evidence"] is not None)


def missing(built: Built) -> set[str]:
    """The dimensions that need a column which no company has."""
    known = {
        (entity, name)
        for company in built.companies
        for entity, states in company.states.items()
        for rows in states.values()
        for row in rows.values()
        for name in row
    }
    needed = {
        "opportunity_type": [("opportunity", "opportunity_type")],
        "lead_source": [("opportunity", "lead_source")],
        "owner_team": [("opportunity", "owner_id"), ("user", "team")],
        "loss_reason": [("opportunity", "loss_reason")],
        "cycle_band": [("opportunity", "created_at")],
    }
    return {dimension for dimension, columns in needed.items() if not known.issuperset(columns)}


def test_win_rates_equal_looking_at_each_quarter_from_its_end_and_from_the_last_day(built: Built) -> None:
    rows = compare(built)
    assert {(row["is_reported"], row["is_restated"]) for row in rows} == {(True, True), (True, False), (False, True)}
    assert {row["outcome"] for row in rows} == {"won", "lost", "open", "gone"}
    if len(built.companies) > 1:
        assert any(row["is_dated_ahead"] for row in rows)
        assert len({row["owner_team"] for row in rows}) > 2
        assert len({row["loss_reason"] for row in rows}) > 2


def test_win_rates_of_three_years_equal_looking_at_each_quarter(three_years: Built) -> None:
    assert len(compare(three_years)) > 1000
    assert missing(three_years)
