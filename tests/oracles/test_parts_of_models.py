"""A model that Spark plans in parts has the same rows: the parts of each, run in DuckDB."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb

from orchestration.steps.spark_parts import in_parts
from tests.oracles.conftest import Built


def test_a_model_that_is_made_in_parts_has_the_same_rows(built: Built, tmp_path: Path) -> None:
    warehouse = shutil.copy(built.home / "warehouse.duckdb", tmp_path / "warehouse.duckdb")
    differing, made = {}, []
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("create schema parts")
        for path in sorted((built.home / "dbt" / "target" / "compiled").rglob("models/**/*.sql")):
            parts, statement = in_parts(f"create table parts.made as {path.read_text()}", f"parts.{path.stem}__")
            for part in parts:
                described = connection.execute(f"describe {part.query}").fetchall()
                assert [row[0] for row in described if row[1] == '"NULL"'] == [], f"{part.table}: Parquet needs a type"
                connection.execute(f"create table {part.table} as {part.query}")
            if parts:
                connection.execute(statement)
                table = f"{'marts' if 'marts' in path.parts else 'intermediate'}.{path.stem}"
                # dbt puts a mart's columns into the order of its contract
                columns = ", ".join(row[0] for row in connection.execute(f"describe {table}").fetchall())
                ours, theirs = f"select {columns} from parts.made", f"select {columns} from {table}"
                query = f"({ours} except all {theirs}) union all ({theirs} except all {ours})"
                if rows := connection.execute(query).fetchall():
                    differing[path.stem] = rows[:3]
                connection.execute("drop table parts.made")
                made.append(path.stem)
    assert differing == {}
    assert len(made) > 3
