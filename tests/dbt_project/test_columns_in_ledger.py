"""The columns of the ledger while dbt's cache of relations is half filled: one thread fills it, another asks.

The order is forced: whoever fills the cache stops after its first relation until the other has asked.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.adapters.factory import get_adapter_by_type
from dbt.cli.main import dbtRunner

from tests.dbt_project.dbt_build import PROJECT

MACRO = PROJECT / "macros" / "conform" / "columns_in_ledger.sql"
WAIT = 60  # seconds until a test fails because an event never came


@pytest.fixture
def adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """dbt's own adapter on a warehouse with two relations of the ledger, in a project of this one macro."""
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute("create schema ledger")
        for entity in ("account", "opportunity"):
            connection.execute(f"create table ledger.files__{entity} ({entity}_id varchar, amount decimal(18, 2))")
    (tmp_path / "macros").mkdir()
    shutil.copy(MACRO, tmp_path / "macros")
    (tmp_path / "dbt_project.yml").write_text('name: pipeledger\nversion: "1.0"\nprofile: pipeledger\n')
    for name, value in {
        "PIPELEDGER_WAREHOUSE": str(tmp_path / "warehouse.duckdb"),
        "DBT_TARGET_PATH": str(tmp_path / "target"),
        "DBT_LOG_PATH": str(tmp_path / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)  # dbt changes the working folder
    parsed = dbtRunner().invoke(["--quiet", "parse", "--project-dir", str(tmp_path), "--profiles-dir", str(PROJECT)])
    assert parsed.success, parsed.exception
    yield get_adapter_by_type("duckdb")  # type: ignore[no-untyped-call]  # dbt's factory has no types
    DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]  # dbt-duckdb has no types


@pytest.fixture
def half_filled(adapter: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """dbt's cache with one of the two relations in it, and the name of the one that is not: it stays so until the
    test ends."""
    first_is_in, may_go_on = threading.Event(), threading.Event()
    add, added = adapter.cache.add, []

    def add_and_stop(relation: Any) -> None:
        add(relation)
        added.append(relation.identifier)
        first_is_in.set()
        assert may_go_on.wait(WAIT)

    def fill() -> None:
        with adapter.connection_named("fills"):
            adapter.list_relations("warehouse", "ledger")

    monkeypatch.setattr(adapter.cache, "add", add_and_stop)
    filling = threading.Thread(target=fill)
    filling.start()
    assert first_is_in.wait(WAIT)
    [missing] = {"files__account", "files__opportunity"} - set(added)
    yield missing
    may_go_on.set()
    filling.join(WAIT)
    assert sorted(added) == ["files__account", "files__opportunity"]


def columns(adapter: Any, identifier: str) -> dict[str, str]:
    """What the macro gives of a relation of the ledger."""
    relation = adapter.Relation.create(database="warehouse", schema="ledger", identifier=identifier)
    found: dict[str, str] = adapter.execute_macro("columns_in_ledger", kwargs={"relation": relation})
    return found


def test_a_relation_that_is_not_in_the_cache_yet_has_its_columns_all_the_same(adapter: Any, half_filled: str) -> None:
    with adapter.connection_named("asks"):
        assert adapter.get_relation("warehouse", "ledger", half_filled) is None  # every column would be NULL
        assert columns(adapter, half_filled) == {
            f"{half_filled.removeprefix('files__')}_id": "VARCHAR",
            "amount": "DECIMAL(18,2)",
        }


def test_a_relation_that_is_not_there_has_no_columns(adapter: Any) -> None:
    with adapter.connection_named("asks"):
        assert columns(adapter, "files__invoice") == {}
