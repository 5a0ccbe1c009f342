"""What a build leaves of an earlier version of the project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from orchestration.steps.build import forget_removed


def node(resource_type: str, schema: str, alias: str, materialized: str) -> dict[str, Any]:
    return {"resource_type": resource_type, "schema": schema, "alias": alias, "config": {"materialized": materialized}}


def test_what_the_project_no_longer_has_goes_and_nothing_else(tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(warehouse)) as connection:
        for schema in ("ledger", "findings", "staging", "marts", "definitions", "own"):
            connection.execute(f"create schema {schema}")
        connection.execute("create table marts.old as select 1 as x; create table marts.kept as select 2 as x")
        connection.execute(
            "create table marts.dropped as select 3 as x; create table definitions.stages as select 4 as x"
        )
        connection.execute("create view staging.stg_old as select * from marts.old")
        connection.execute("create view staging.stg_kept as select * from marts.kept")
        connection.execute("create table ledger.receipts as select 5 as x; create table own.notes as select 6 as x")
        connection.execute("create table findings.found as select 7 as x; create table main.loose as select 8 as x")
    nodes = [
        node("model", "marts", "kept", "table"),
        node("model", "staging", "stg_kept", "view"),
        node("seed", "definitions", "stages", "seed"),
        node("model", "main", "dropped", "ephemeral"),
        node("test", "findings", "findings", "test"),
    ]
    removed = forget_removed(warehouse, {"nodes": dict(enumerate(nodes))})
    assert removed == ["marts.dropped", "marts.old", "staging.stg_old"]
    with duckdb.connect(str(warehouse)) as connection:
        assert connection.sql("from marts.kept union all from staging.stg_kept").fetchall() == [(2,), (2,)]
        left = connection.sql("select schema_name || '.' || table_name from duckdb_tables() order by 1").fetchall()
    assert [name for (name,) in left] == [
        "definitions.stages",
        "findings.found",
        "ledger.receipts",
        "main.loose",
        "marts.kept",
        "own.notes",
    ]
    assert forget_removed(warehouse, {"nodes": dict(enumerate(nodes))}) == []
