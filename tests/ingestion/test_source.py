"""Names that sources and their columns may not have are the same wherever somebody looks at them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from ingestion.source import RESERVED_COLUMNS, landed_name
from snapshots.landed import RESERVED

MACROS = Path(__file__).parents[2] / "dbt_project" / "macros"


def test_the_ledger_reserves_the_columns_that_no_source_lands() -> None:
    assert set(RESERVED) == RESERVED_COLUMNS


def test_staging_looks_for_a_reserved_column_where_it_lands() -> None:
    [macro] = MACROS.rglob("ledger_name.sql")
    found = re.search(r"set reserved = (\[.*?\])", macro.read_text())
    assert found
    assert set(ast.literal_eval(found[1])) == RESERVED_COLUMNS


@pytest.mark.parametrize("name", sorted(RESERVED_COLUMNS))
def test_a_reserved_column_lands_under_another_name(name: str) -> None:
    assert landed_name(name) == f"raw_{name}"
