"""No two rows of any model are the same thing."""

from __future__ import annotations

from tests.dbt_project.grain import doubled_rows
from tests.oracles.conftest import Built


def test_no_model_has_two_rows_of_one_grain(built: Built) -> None:
    assert doubled_rows(built.home / "warehouse.duckdb") == {}
