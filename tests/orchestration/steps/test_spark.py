"""Spark as the engine: what it lacks is named, readings are translated, and the marts are those of DuckDB."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from benchmarks.compare import Comparison
from orchestration.settings.config import Engine, load_config
from orchestration.settings.home import Home
from orchestration.steps import spark
from orchestration.steps.spark_functions import in_spark
from snapshots.casts import readings
from snapshots.dialect import Dialect
from tests.orchestration.conftest import Desk

# Planning costs more than the rows of a small company: no code is generated for them.
QUICK = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.shuffle.partitions": "1",
}
DIALECTS = {
    "x": Dialect(
        decimal=",", thousands=".", date_format="DD.MM.YYYY", currency_prefix=True, percent=True,
        null_values=("n/a",), time_zone="Europe/Berlin",
    ),
    "y": Dialect(decimal="", date_format="M/D/YY"),
}  # fmt: skip
ONLY_DUCKDB_KNOWS = {"regexp_full_match", "strlen", "timezone", "try_strptime", "epoch_us", "make_timestamp"}


def test_a_machine_without_java_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(spark.SparkError, match=r"java not found in JAVA_HOME.*apt-get install openjdk-17-jre-headless"):
        spark.check_java()


def test_a_source_that_spark_cannot_run_is_refused_before_anything_is_built(tmp_path: Path) -> None:
    settings = tmp_path / "pipeledger.toml"
    settings.write_text('[company]\ntime_zone = "UTC"\n[sources.billing]\ntype = "stripe"\n')
    with pytest.raises(spark.SparkError, match=r"^billing: a source of type stripe cannot be built in Spark"):
        spark.build_models_in_spark(load_config(settings, {}), Home(tmp_path))
    assert not (tmp_path / "spark").exists()


def test_what_is_not_installed_is_named() -> None:
    with pytest.raises(spark.SparkError, match=r"no_such_package not installed.*make setup-spark"):
        spark.check_packages(("sqlglot", "no_such_package"))


@pytest.mark.parametrize("reading", readings(DIALECTS), ids=lambda reading: reading[0])
def test_a_reading_has_nothing_left_that_only_duckdb_knows(reading: tuple[str, tuple[str, ...], str]) -> None:
    translated = sqlglot.parse_one(in_spark(reading[2]), read="spark")
    called = {str(call.this).lower() for call in translated.find_all(exp.Anonymous)}
    assert called.isdisjoint(ONLY_DUCKDB_KNOWS)
    assert not list(translated.find_all(exp.Bracket, exp.Trunc))


def test_a_pattern_is_anchored_at_the_end_of_the_text_and_not_of_its_last_line() -> None:
    assert in_spark(r"regexp_full_match(text, 'a\d|b')") == r"REGEXP(said, '\\A(?:a\\d|b)\\z')"


@pytest.mark.slow
def test_every_mart_is_the_same_in_spark_and_in_duckdb(desk: Desk, tmp_path: Path) -> None:
    for day, stage in (("2026-03-01", "Prospecting"), ("2026-03-02", "Engaging"), ("2026-03-03", "Won")):
        desk.drop_opportunities(day, stage)
        desk.drop_subscriptions(day)
    ran = desk.run("run", "--from", "2026-03-01", "--to", "2026-03-03")
    assert ran.code == 0, ran.err
    definitions = {path.name: path.read_text() for path in Home(desk.home).definitions.iterdir()}
    in_duckdb = Path(shutil.copy(desk.home / "warehouse.duckdb", tmp_path / "duckdb.duckdb"))
    config = load_config(desk.folder / "pipeledger.toml", {})
    engine = Engine("spark", master="local[2]", memory="2g", spark=QUICK)
    results = spark.build_models_in_spark(dataclasses.replace(config, engine=engine), Home(desk.home))
    assert [result.message for result in results if result.failed] == []
    assert {path.name: path.read_text() for path in Home(desk.home).definitions.iterdir()} == definitions
    outcomes = list(Comparison(in_duckdb, desk.home / "warehouse.duckdb", tolerance=1e-9).outcomes())
    assert [str(outcome) for outcome in outcomes if outcome.differences] == []
    assert sum(outcome.rows for outcome in outcomes) > 100
