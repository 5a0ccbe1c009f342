"""A second opinion on the foundation marts: random companies, recomputed day by day."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dbt_project.dbt_build import read
from tests.oracles.conftest import Built
from tests.oracles.opportunities.history import Oracle

HISTORY = [
    "source", "opportunity_id", "account_id", "owner_id", "origin", "pipeline", "stage", "source_stage", "stage_order",
    "stage_category", "segment", "opportunity_type", "forecast_category", "lead_source", "next_step", "source_amount",
    "source_probability", "source_expected_amount", "currency_code", "stage_probability", "close_date",
    "close_fiscal_quarter", "created_date", "amount", "valid_from", "valid_to",
]  # fmt: skip
CURRENT = ["is_open", "is_won", "is_deleted", "age_days", "days_in_stage", "push_count", "days_pushed"]


@pytest.fixture(scope="module")
def oracle(built: Built) -> Oracle:
    return Oracle(built.companies, built.definitions, *built.settings.values())


def comparable(rows: list[tuple[Any, ...]]) -> list[tuple[str, ...]]:
    return sorted(tuple(str(value) for value in row) for row in rows)


def cents(value: Any) -> Any:
    return None if value is None else f"{value:.6f}"


def test_history_equals_the_daily_states_run_together(built: Built, oracle: Oracle) -> None:
    money = {"amount", "source_amount", "source_probability", "source_expected_amount", "stage_probability"}
    found = [
        tuple(cents(value) if name in money else value for name, value in zip(HISTORY, row, strict=True))
        for row in read(built.home, f"select {', '.join(HISTORY)} from marts.fct_opportunity_history")
    ]
    expected = [tuple(cents(row[name]) if name in money else row[name] for name in HISTORY) for row in oracle.history()]
    assert len(expected) > 1500
    assert comparable(found) == comparable(expected)


def test_daily_pipeline_equals_counting_every_day(built: Built, oracle: Oracle) -> None:
    found = read(
        built.home,
        """select snapshot_date, pipeline, opportunity_type, segment, stage, close_fiscal_quarter, open_opportunities,
        open_amount, weighted_amount, unpriced_open_opportunities, unpriced_currencies, is_complete
        from marts.fct_pipeline_daily""",
    )
    expected = oracle.daily()
    assert {row[:6]: row[6:] for row in found} == expected
    assert len(found) == len(expected) > 500
    assert any(row[-2] for row in found) or len(built.companies) == 1


def test_current_opportunities_equal_looking_back_from_the_last_day(built: Built, oracle: Oracle) -> None:
    found = read(built.home, f"select source, opportunity_id, {', '.join(CURRENT)} from marts.fct_opportunity_current")
    expected = {key: tuple(row[name] for name in CURRENT) for key, row in oracle.current().items()}
    assert {row[:2]: row[2:] for row in found} == expected
