"""A second opinion on movements, bookings and the waterfall: deal by deal, and every bridge closed."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.dbt_project import dbt_build
from tests.oracles.conftest import SETTINGS, Built
from tests.oracles.opportunities.history import Oracle
from tests.oracles.pipeline.movements import MovementOracle
from tests.oracles.random_companies import DEFINITIONS, companies

ENTERING = {"created", "restored", "reopened", "mapped"}
LEAVING = {"won", "lost", "deleted", "merged", "unmapped"}
STAYING = {"pushed_out", "pushed_in", "pulled_out", "pulled_in", "scope_out", "scope_in", "fx", "amount_up",
           "amount_down"}  # fmt: skip
MODELS = "+fct_booking_movements +rpt_pipeline_waterfall"
BOOKINGS = {"won", "reversed", "deleted", "moved_out", "moved_in", "amount_up", "amount_down"}

FEW = {11: 1, 12: 1, 13: 2, 14: 3, 15: 4, 16: 6}
"""Seeds of sets so small that what many sources together hide shows: by seed, how many sources."""


@pytest.fixture(scope="module", params=[pytest.param(seed, marks=pytest.mark.slow) for seed in FEW])
def few(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """One to six random companies, whose weeks are often empty and whose sources start within them."""
    home = tmp_path_factory.mktemp("few")
    many = companies(request.param, FEW[request.param])
    result = dbt_build.run(
        home,
        many,
        definitions=DEFINITIONS,
        command=[*dbt_build.WITHOUT_UNIT_TESTS, "--select", *MODELS.split(), "--indirect-selection", "buildable"],
        **SETTINGS,
    )
    assert result.success, result.told[-4000:]
    return Built(many, DEFINITIONS, SETTINGS, home)


@pytest.fixture(scope="module")
def oracle(built: Built) -> MovementOracle:
    return oracle_of(built)


def oracle_of(built: Built) -> MovementOracle:
    return MovementOracle(Oracle(built.companies, built.definitions, *built.settings.values()))


def keyed(rows: list[dict[str, Any]], columns: list[str]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    key = ["source", "opportunity_id", "snapshot_date", "fiscal_quarter", "segment", "category"]
    return {tuple(row[name] for name in key): tuple(row[name] for name in columns) for row in rows}


def differences(found: dict[Any, Any], expected: dict[Any, Any]) -> dict[Any, Any]:
    return {
        key: (found.get(key), expected.get(key)) for key in {*found, *expected} if found.get(key) != expected.get(key)
    }


def test_movements_equal_comparing_each_pair_of_captured_days(built: Built, oracle: MovementOracle) -> None:
    columns = ["amount", "opportunity_delta", "from_value", "to_value", "previous_snapshot_date"]
    rows = built.rows("select * from marts.fct_pipeline_movements")
    assert differences(keyed(rows, columns), oracle.movements()) == {}
    if len(built.companies) > 1:
        assert {row["category"] for row in rows} == ENTERING | LEAVING | STAYING


def test_bookings_equal_comparing_each_pair_of_captured_days(built: Built, oracle: MovementOracle) -> None:
    columns = ["amount", "opportunity_delta", "previous_snapshot_date"]
    rows = built.rows("select * from marts.fct_booking_movements")
    assert differences(keyed(rows, columns), oracle.bookings()) == {}
    if len(built.companies) > 1:
        assert {row["category"] for row in rows} == BOOKINGS


@pytest.mark.parametrize(
    ("mart", "states"), [("fct_pipeline_movements", ("open",)), ("fct_booking_movements", ("won",))]
)
def test_opening_plus_movements_is_closing_between_all_captured_days(
    built: Built, oracle: MovementOracle, mart: str, states: tuple[str, ...]
) -> None:
    moved: dict[tuple[str, date], dict[tuple[str, str], tuple[Decimal, int]]] = defaultdict(dict)
    for row in built.rows(
        "select source, snapshot_date, fiscal_quarter, segment, sum(amount) as amount, sum(opportunity_delta) as delta "
        f"from marts.{mart} group by all"
    ):
        cell = (row["fiscal_quarter"], row["segment"])
        moved[(row["source"], row["snapshot_date"])][cell] = (row["amount"], int(row["delta"]))
    for source in oracle.states:
        for before, day in oracle.pairs(source):
            opening, closing = oracle.level(source, before, states), oracle.level(source, day, states)
            movements = moved[(source, day)]
            for cell in {*opening, *closing, *movements}:
                amount, count = movements.get(cell, (Decimal(0), 0))
                assert opening[cell][0] + amount == closing[cell][0], (source, day, cell)
                assert opening[cell][1] + count == closing[cell][1], (source, day, cell)


def waterfall(built: Built) -> dict[Any, tuple[Decimal, int]]:
    return {
        (row["fiscal_quarter"], row["segment"], row["week_start_date"], row["category"]): (
            row["amount"],
            row["opportunities"],
        )
        for row in built.rows("select * from marts.rpt_pipeline_waterfall")
    }


def test_the_waterfall_equals_levels_and_movements_week_by_week(built: Built, oracle: MovementOracle) -> None:
    found = waterfall(built)
    assert differences(found, oracle.waterfall()) == {}
    assert len(found) > 100


def test_the_waterfall_of_few_companies_equals_levels_and_movements_week_by_week(few: Built) -> None:
    found = waterfall(few)
    assert differences(found, oracle_of(few).waterfall()) == {}
    assert any(count == 0 for (*_, category), (_, count) in found.items() if category in ("opening", "closing"))
