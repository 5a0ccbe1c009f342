"""A second opinion on win rates, reported and restated."""

from __future__ import annotations

from typing import Any

import pytest

from tests.oracles.conftest import Built
from tests.oracles.opportunities.history import Oracle
from tests.oracles.wins.win_rate import WinOracle

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


@pytest.fixture(scope="module")
def oracle(built: Built) -> WinOracle:
    return WinOracle(Oracle(built.companies, built.definitions, *built.settings.values()))


def test_outcomes_equal_looking_at_each_quarter_from_its_end_and_from_the_last_day(
    built: Built, oracle: WinOracle
) -> None:
    rows = built.rows("select * from marts.fct_win_outcomes")
    found = {tuple(row[name] for name in OUTCOME) for row in rows}
    expected = {tuple(row[name] for name in OUTCOME) for row in oracle.outcomes()}
    assert sorted(map(str, found - expected)) == sorted(map(str, expected - found)) == []
    assert len(rows) == len(found) > 500
    assert {row["outcome"] for row in rows} == {"won", "lost", "open", "gone"}
    assert any(row["is_dated_ahead"] for row in rows) == (len(built.companies) > 1)
    assert {(row["is_reported"], row["is_restated"]) for row in rows} == {(True, True), (True, False), (False, True)}


def test_win_rates_equal_counting_deals(built: Built, oracle: WinOracle) -> None:
    keys = ("fiscal_quarter", "segment", "dimension", "dimension_value")
    found = {tuple(row[name] for name in keys): row for row in built.rows("select * from marts.rpt_win_rate")}
    expected: dict[Any, dict[str, Any]] = dict(oracle.rates())
    assert set(found) == set(expected)
    enough = oracle.oracle.choice("small_sample", oracle.last_day)
    for key, rate in expected.items():
        row = found[key]
        assert {name: row[name] for name in EXACT} == {name: rate[name] for name in EXACT}, key
        for name in RATES:
            assert row[name] == (None if rate[name] is None else pytest.approx(rate[name], abs=1e-9)), (key, name)
        assert row["is_small_sample"] == (None if rate["decided"] is None else rate["decided"] < enough)
        assert row["is_total"] == ("(all)" in key[1:3])
        assert row["status"] == "evaluated"
    assert {key[2] for key in found} == {
        "(all)", "opportunity_type", "pipeline", "lead_source", "owner_team", "loss_reason", "cycle_band"
    }  # fmt: skip
