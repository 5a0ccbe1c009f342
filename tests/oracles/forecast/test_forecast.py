"""A second opinion on forecasts: random companies of a few weeks and of three years, and the demo, day by day."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from tests.oracles.conftest import Built
from tests.oracles.coverage.coverage import ALL
from tests.oracles.coverage.test_coverage import long_built
from tests.oracles.forecast.forecast import BASELINES, ForecastOracle

__all__ = ["long_built"]
GRAIN = ("fiscal_quarter", "segment", "measure", "days_to_quarter_end")
RATIOS = ["remaining_error_ratio", "bias", "wape", "hit_10_rate", "skill", "segment_wape"]


def compare(built: Built) -> list[dict[str, Any]]:
    """Every column of every row equals the recomputed one: money and counts exactly, ratios to 1e-9."""
    rows = built.rows("select * from marts.rpt_forecast_accuracy")
    found = {tuple(row[name] for name in GRAIN): row for row in rows}
    oracle = ForecastOracle(built.companies, built.definitions, *built.settings.values())
    forecasts = oracle.forecasts()
    wanted = forecasts | oracle.judged(forecasts)
    assert found.keys() == wanted.keys()
    for key, row in wanted.items():
        for name, value in found[key].items():
            if name in GRAIN:
                continue
            if name in RATIOS and value is not None and row.get(name) is not None:
                assert math.isclose(value, row[name], rel_tol=1e-9, abs_tol=1e-12), (key, name, row, found[key])
            else:
                assert value == row.get(name), (key, name, row, found[key])
    return rows


def test_forecasts_of_a_few_weeks_equal_what_each_day_said(built: Built) -> None:
    rows = compare(built)
    assert any(row["restated_actual_amount"] != row["actual_amount"] for row in rows if row["actual_amount"])
    live = [row for row in rows if row["snapshot_date"] and row["actual_amount"] is None]
    assert live
    assert all(row["error_amount"] is None for row in live)


def test_forecasts_of_three_years_equal_what_each_day_said(long_built: Built) -> None:
    rows = compare(long_built)
    judged = [row for row in rows if row["fiscal_quarter"] == ALL]
    assert max(row["n_quarters"] for row in judged) > 4
    measures = Counter(row["measure"] for row in judged if row["skill"] is not None)
    assert len(measures) == 9
    assert {row["skill"] == 0 for row in judged if row["measure"] in BASELINES} >= {True}
    differ = {"commit": "won", "best_case": "commit", "weighted": "won", "all_open": "best_case"}
    amounts = {tuple(row[name] for name in GRAIN): row["forecast_amount"] for row in rows}
    for measure, smaller in differ.items():
        assert any(
            amount != amounts[(key[0], key[1], smaller, key[3])] for key, amount in amounts.items() if key[2] == measure
        ), measure


def test_the_forecast_of_what_is_won_is_exact_at_the_end_and_restated_after_it(long_built: Built) -> None:
    rows = long_built.rows(
        "select * from marts.rpt_forecast_accuracy where measure = 'won' and fiscal_quarter <> '(all)'"
    )
    assert all(row["error_amount"] == 0 for row in rows if row["days_to_quarter_end"] == 0)
    assert any(row["error_amount"] for row in rows if row["days_to_quarter_end"] < 0)
