"""Publishing: readers are never disturbed and never see half of a version."""

import subprocess
import sys
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest

from orchestration.steps.about import About
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
    done = publish(build_warehouse(tmp_path / "warehouse.duckdb", 1), target, marts, scripts=[macros])
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
    publish(build_warehouse(warehouse, 1), target, scripts=[macros])
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert reader.stdin is not None
    assert reader.stdout is not None
    assert reader.stdout.readline().strip() == "1"
    for version in (2, 3):
        publish(build_warehouse(warehouse, version), target, scripts=[macros])
        reader.stdin.write("again\n")
        reader.stdin.flush()
        assert reader.stdout.readline().strip() == "(1, 100000)"
    reader.communicate()
    with duckdb.connect(str(target), read_only=True) as connection:
        assert connection.execute("select max(version) from marts.fct_things").fetchone() == (3,)


def test_personal_columns_are_refused_and_the_old_file_stays(tmp_path: Path, macros: Path) -> None:
    warehouse, target = tmp_path / "warehouse.duckdb", tmp_path / "published" / "pipeline.duckdb"
    publish(build_warehouse(warehouse, 1), target, scripts=[macros])
    with pytest.raises(PublishError, match=r"fct_things\.email: personal columns"):
        publish(build_warehouse(warehouse, 2, ", 'a@example.com' as email"), target, scripts=[macros])
    with duckdb.connect(str(target), read_only=True) as connection:
        assert connection.execute("select max(version) from marts.fct_things").fetchone() == (1,)


def test_only_models_are_published_where_they_are_named(tmp_path: Path, macros: Path) -> None:
    warehouse, target = (
        build_warehouse(tmp_path / "warehouse.duckdb", 1),
        tmp_path / "published" / "pipeline.duckdb",
    )
    assert publish(warehouse, target, marts={"fct_things": Texts("", {})}, scripts=[macros]).rows == {
        "fct_things": 100000
    }
    with pytest.raises(PublishError, match="rpt_lost missing"):
        publish(warehouse, target, marts={"fct_things": Texts("", {}), "rpt_lost": Texts("", {})}, scripts=[macros])


def test_what_a_crashed_publish_left_is_removed(tmp_path: Path, macros: Path) -> None:
    target = tmp_path / "published" / "pipeline.duckdb"
    target.parent.mkdir()
    (target.parent / ".pipeline.duckdb.new").write_bytes(b"half")
    (target.parent / ".pipeline.duckdb.new.wal").write_bytes(b"half")
    publish(build_warehouse(tmp_path / "warehouse.duckdb", 1), target, scripts=[macros])
    assert list(target.parent.iterdir()) == [target]


def test_the_file_says_whose_it_is_and_which_days_it_rests_on(tmp_path: Path, macros: Path) -> None:
    warehouse, target = tmp_path / "warehouse.duckdb", tmp_path / "published" / "pipeline.duckdb"
    build_warehouse(warehouse, 1)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(
            "create table marts.dim_snapshot as from (values ('crm', date '2026-03-01', 'observed'), "
            "('crm', date '2026-03-02', 'gap'), ('crm', date '2026-03-03', 'observed'), "
            "('billing', date '2026-03-03', 'gap')) as rows(source, snapshot_date, status)"
        )
    said = About("Acme", "EUR", "UTC", date(2026, 3, 5), datetime.fromisoformat("2026-03-05T06:30:00"), "pipeledger 1")
    done = publish(warehouse, target, said=said, scripts=[macros])
    assert "about" not in done.rows
    with duckdb.connect(str(target), read_only=True) as connection:
        row = connection.execute("from marts.about").fetchall()
        texts = connection.execute("select count(comment), count(*) from duckdb_columns() where table_name = 'about'")
        assert texts.fetchone() == (10, 10)
    first, last = date(2026, 3, 1), date(2026, 3, 3)
    assert row == [
        *[("Acme", "EUR", "UTC", first, last, 3, 2, 2, datetime.fromisoformat("2026-03-05T06:30:00"), "pipeledger 1")],
    ]


def test_a_view_says_of_its_columns_what_the_table_does(tmp_path: Path) -> None:
    views = tmp_path / "views.sql"
    views.write_text(
        "create schema bi; create view bi.things as select version, thing_id, 1 as one from marts.fct_things;"
    )
    target = tmp_path / "published" / "pipeline.duckdb"
    texts = {"fct_things": Texts("One row per thing.", {"version": "Which build.", "thing_id": "It's a thing."})}
    publish(build_warehouse(tmp_path / "warehouse.duckdb", 1), target, texts, scripts=[views])
    with duckdb.connect(str(target), read_only=True) as connection:
        found = connection.execute("select column_name, comment from duckdb_columns() where schema_name = 'bi'")
        assert found.fetchall() == [("version", "Which build."), ("thing_id", "It's a thing."), ("one", None)]
