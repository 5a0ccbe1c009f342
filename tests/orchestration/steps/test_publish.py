"""Publishing: readers are never disturbed and never see half of a version."""

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from orchestration.steps.publish import PublishError, Texts, publish

READER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
print(connection.execute("select max(version) from marts.fct_things").fetchone()[0], flush=True)
for line in sys.stdin:
    print(connection.execute("select max(version), count(*) from marts.fct_things").fetchone(), flush=True)
"""


def build_warehouse(path: Path, version: int, extra: str = "") -> Path:
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema if not exists marts; create schema if not exists staging")
        connection.execute(
            f"create or replace table marts.fct_things as select {version} as version, range as thing_id "
            f"{extra} "
            "from range(100000)"
        )
        connection.execute("create or replace view marts.dim_view as select 1 as one")
        connection.execute("create or replace table staging.stg_hidden as select 1 as one")
    return path


@pytest.fixture
def macros(tmp_path: Path) -> Path:
    path = tmp_path / "macros.sql"
    path.write_text(
        "create or replace macro marts.things_as_of(v) as table select * from marts.fct_things where version <= v;"
    )
    return path


def test_marts_are_published_with_comments_and_macros_and_nothing_else(tmp_path: Path, macros: Path) -> None:
    target = tmp_path / "published" / "pipeline.duckdb"
    marts = {
        "fct_things": Texts("One row per thing; it's a test.", {"version": "Which build.", "thing_id": ""}),
        "dim_view": Texts("One row.", {}),
    }
    done = publish(build_warehouse(tmp_path / "warehouse.duckdb", 1), target, marts, macros=macros)
    assert done.rows == {"dim_view": 1, "fct_things": 100000}
    with duckdb.connect(str(target), read_only=True) as connection:
        schemas = connection.execute("select distinct table_schema from information_schema.tables").fetchall()
        assert schemas == [("marts",)]
        assert connection.execute("select comment from duckdb_tables() where table_name = 'fct_things'").fetchone() == (
            "One row per thing; it's a test.",
        )
        assert connection.execute("select comment from duckdb_columns() where column_name = 'version'").fetchone() == (
            "Which build.",
        )
        assert connection.execute("select count(*) from marts.things_as_of(1)").fetchone() == (100000,)
        tags = connection.execute(
            "select tags['storage_version'] from duckdb_databases() where not internal"
        ).fetchone()
        assert tags is not None
        assert "v1.0.0" in str(tags[0])
    assert list(target.parent.iterdir()) == [target]


def test_a_reader_keeps_the_old_file_and_the_next_sees_the_new_one(tmp_path: Path, macros: Path) -> None:
    warehouse, target = tmp_path / "warehouse.duckdb", tmp_path / "published" / "pipeline.duckdb"
    publish(build_warehouse(warehouse, 1), target, macros=macros)
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert reader.stdin is not None
    assert reader.stdout is not None
    assert reader.stdout.readline().strip() == "1"
    for version in (2, 3):
        publish(build_warehouse(warehouse, version), target, macros=macros)
        reader.stdin.write("again\n")
        reader.stdin.flush()
        assert reader.stdout.readline().strip() == "(1, 100000)"
    reader.communicate()
    with duckdb.connect(str(target), read_only=True) as connection:
        assert connection.execute("select max(version) from marts.fct_things").fetchone() == (3,)


def test_personal_columns_are_refused_and_the_old_file_stays(tmp_path: Path, macros: Path) -> None:
    warehouse, target = tmp_path / "warehouse.duckdb", tmp_path / "published" / "pipeline.duckdb"
    publish(build_warehouse(warehouse, 1), target, macros=macros)
    with pytest.raises(PublishError, match=r"fct_things\.email: personal columns"):
        publish(build_warehouse(warehouse, 2, ", 'a@example.com' as email"), target, macros=macros)
    with duckdb.connect(str(target), read_only=True) as connection:
        assert connection.execute("select max(version) from marts.fct_things").fetchone() == (1,)


def test_only_models_are_published_where_they_are_named(tmp_path: Path, macros: Path) -> None:
    warehouse, target = (
        build_warehouse(tmp_path / "warehouse.duckdb", 1),
        tmp_path / "published" / "pipeline.duckdb",
    )
    assert publish(warehouse, target, marts={"fct_things": Texts("", {})}, macros=macros).rows == {"fct_things": 100000}
    with pytest.raises(PublishError, match="rpt_lost missing"):
        publish(warehouse, target, marts={"fct_things": Texts("", {}), "rpt_lost": Texts("", {})}, macros=macros)


def test_what_a_crashed_publish_left_is_removed(tmp_path: Path, macros: Path) -> None:
    target = tmp_path / "published" / "pipeline.duckdb"
    target.parent.mkdir()
    (target.parent / ".pipeline.duckdb.new").write_bytes(b"half")
    (target.parent / ".pipeline.duckdb.new.wal").write_bytes(b"half")
    publish(build_warehouse(tmp_path / "warehouse.duckdb", 1), target, macros=macros)
    assert list(target.parent.iterdir()) == [target]
