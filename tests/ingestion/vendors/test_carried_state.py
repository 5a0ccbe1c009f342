"""Carried state: changes merged by key, kept only after the run, useless for anybody else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ingestion.vendors.carried_state import CarriedState, CarriedStates

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
COLUMNS = ["id", "name", "stage"]


def rows(*given: tuple[str, str | None, str | None]) -> pa.Table:
    return pa.table({name: pa.array([row[at] for row in given], pa.string()) for at, name in enumerate(COLUMNS)})


@pytest.fixture
def carried(tmp_path: Path) -> CarriedStates:
    return CarriedStates(tmp_path / "carried" / "crm")


def merge(carried: CarriedStates, *changes: pa.Table, **options: Any) -> list[tuple[str | None, ...]]:
    defaults: dict[str, Any] = {"of": "org", "key": "id", "cursor": "c1", "now": NOW, "columns": COLUMNS}
    merged = pa.concat_tables(carried.merge("deal", iter(changes), **defaults | options))
    return sorted(tuple(row.values()) for row in merged.select(COLUMNS).to_pylist())


def find(carried: CarriedStates, **options: Any) -> CarriedState | None:
    defaults: dict[str, Any] = {"of": "org", "columns": COLUMNS, "since": NOW - timedelta(days=7)}
    return carried.find("deal", **defaults | options)


def test_changes_replace_what_they_change_and_the_last_one_counts(carried: CarriedStates) -> None:
    assert merge(carried, rows(("1", "a", "x"), ("2", "b", "x")), rows(("1", "a", "y"))) == [
        ("1", "a", "y"),
        ("2", "b", "x"),
    ]
    carried.keep()
    before = find(carried)
    assert before is not None
    assert (before.cursor, before.rows) == ("c1", 2)
    changed = merge(carried, rows(("2", None, "z"), ("3", "c", "x")), before=before, cursor=lambda: "c2", gone=["1"])
    assert changed == [("2", None, "z"), ("3", "c", "x")]
    assert find(carried) == before
    carried.keep()
    after = find(carried)
    assert after is not None
    assert after.cursor == "c2"


def test_a_key_that_is_gone_is_gone_although_it_changed(carried: CarriedStates) -> None:
    assert merge(carried, rows(("1", "a", "x"), ("2", "b", "x")), gone=lambda: ["2"]) == [("1", "a", "x")]


def test_a_state_without_rows_has_its_columns(carried: CarriedStates) -> None:
    merged = list(carried.merge("deal", [], of="org", key="id", cursor="c", now=NOW, columns=COLUMNS))
    assert [table.column_names for table in merged] == [COLUMNS]


def test_a_column_that_a_page_lacks_is_null_there(carried: CarriedStates) -> None:
    assert merge(carried, rows(("1", "a", "x")).drop_columns(["name"])) == [("1", None, "x")]


def test_what_a_broken_run_wrote_is_not_found_and_is_removed(carried: CarriedStates) -> None:
    merge(carried, rows(("1", "a", "x")))
    assert find(carried) is None
    carried.discard()
    carried.keep()
    assert find(carried) is None
    assert list(carried.folder.iterdir()) == []


@pytest.mark.parametrize(
    "other", [{"of": "another org"}, {"columns": ["id", "name"]}, {"since": NOW + timedelta(seconds=1)}]
)
def test_the_state_of_another_account_shape_or_time_is_not_used(carried: CarriedStates, other: dict[str, Any]) -> None:
    merge(carried, rows(("1", "a", "x")))
    carried.keep()
    assert find(carried) is not None
    assert find(carried, **other) is None


def test_a_broken_file_is_not_used(carried: CarriedStates) -> None:
    merge(carried, rows(("1", "a", "x")))
    carried.keep()
    (carried.folder / "deal.parquet").write_bytes(b"PAR1 and nothing behind it")
    assert find(carried) is None


def test_notes_with_quotes_survive(carried: CarriedStates) -> None:
    merge(carried, rows(("1", "a", "x")), notes={"compared": 'it\'s "then"'}, cursor="it's")
    carried.keep()
    state = find(carried)
    assert state is not None
    assert (state.notes, state.cursor) == ({"compared": 'it\'s "then"'}, "it's")
