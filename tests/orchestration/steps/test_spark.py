"""Spark as the engine: what it lacks is named, readings are translated, and the marts are those of DuckDB."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from benchmarks.compare import Comparison
from orchestration.settings.config import Engine, load_config
from orchestration.settings.home import Home
from orchestration.steps import spark
from orchestration.steps.dbt import build_models, errors_in, invoke
from orchestration.steps.spark_functions import in_spark
from snapshots.casts import readings
from snapshots.dialect import Dialect
from tests.dbt_project import dbt_build
from tests.oracles.conftest import SETTINGS
from tests.oracles.random_companies import DEFINITIONS, companies
from tests.orchestration.conftest import Desk

# Planning costs more than the rows of a small company: no code is generated for them.
QUICK = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.shuffle.partitions": "1",
}
OF_THIS_MACHINE = {"spark.driver.host": "127.0.0.1", "spark.executor.memory": "1g"}
DIALECTS = {
    "x": Dialect(
        decimal=",", thousands=".", date_format="DD.MM.YYYY", currency_prefix=True, parentheses=True,
        percent=True, null_values=("n/a",), time_zone="Europe/Berlin",
    ),
    "y": Dialect(decimal="", date_format="M/D/YY"),
}  # fmt: skip
MADE = ("definitions", "staging", "intermediate", "marts")
"""The schemas that a build makes."""
LEFT_TO_THE_ENGINE = re.compile(
    # A view has the columns in the order of its query, a table with a contract in that of the contract.
    r"stg_\w+: columns: in another order"
    # Without a contract, sums, row numbers and literals are as wide as an engine makes them.
    r"|int_\w+: type of \w+: (HUGEINT, BIGINT|BIGINT, INTEGER|DECIMAL\(38,(\d+)\), DECIMAL\(\d+,\2\))"
    # DuckDB divides decimals as doubles; the mart that shows it casts it.
    r"|int_stall_observations: type of threshold: DOUBLE, DECIMAL\(31,6\)"
)
"""What may differ in models that are not published."""
NOT_COMPARED = ("int_opportunity_intervals.content", "int_stall_matches.matched_expected_won")
"""A hash, of which each engine has its own; a double as a decimal, whose 15th place it rounds for itself."""
ONLY_DUCKDB_KNOWS = {"regexp_full_match", "strlen", "timezone", "try_strptime", "epoch_us", "make_timestamp"}


def test_a_machine_without_java_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(spark.SparkError, match=r"java not found in JAVA_HOME.*apt-get install openjdk-17-jre-headless"):
        spark.check_java()


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


@dataclass
class Cluster:
    """A standalone Spark of this machine: a master and two workers, each with an executor of one core."""

    folder: Path
    master: str = ""
    page: str = ""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __enter__(self) -> Self:
        port, page = free_port(), free_port()
        self.master, self.page = f"spark://127.0.0.1:{port}", f"http://127.0.0.1:{page}/json/"
        self.start("master.Master", "--port", str(port), "--webui-port", str(page))
        for number in (1, 2):
            work = str(self.folder / f"worker-{number}")
            size = ("--cores", "1", "--memory", "1g")
            self.start("worker.Worker", *size, "--webui-port", "0", "--work-dir", work, self.master)
        self.wait_for(workers=2)
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            self.kill(process)

    def start(self, name: str, *arguments: str) -> None:
        """Start a daemon of Spark's, in a group of its own with the executors that it starts."""
        import pyspark

        spark_class = Path(pyspark.__file__).parent / "bin" / "spark-class"
        command = [str(spark_class), f"org.apache.spark.deploy.{name}", "--host", "127.0.0.1", *arguments]
        environment = {**os.environ, "SPARK_DAEMON_MEMORY": "256m"}
        with (self.folder / f"{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        self.processes.append(process)

    def kill_a_worker(self) -> None:
        self.kill(self.processes[1])

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """Kill a daemon and its executors, as the loss of a machine does."""
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def wait_for(self, workers: int) -> None:
        """Until the master counts so many workers that are alive."""
        deadline = time.monotonic() + 90
        while self.living() != workers:
            assert time.monotonic() < deadline, f"{self.living()} workers, {workers} expected"
            time.sleep(0.2)

    def living(self) -> int:
        """How many workers the master counts; -1 before it answers."""
        try:
            with urllib.request.urlopen(self.page, timeout=5) as answer:  # noqa: S310  # our own http address
                return int(json.load(answer)["aliveworkers"])
        except OSError:
            return -1


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def assert_same_marts(in_duckdb: Path, in_spark: Path) -> None:
    """The marts of two warehouses agree in columns, types and rows; doubles to 1e-9."""
    assert differences(in_duckdb, in_spark, "marts") == []


def assert_same_models(in_duckdb: Path, in_spark: Path) -> None:
    """The marts agree, and so does what they are made of, but for what has no contract with both engines."""
    assert_same_marts(in_duckdb, in_spark)
    inner = [each for schema in MADE if schema != "marts" for each in differences(in_duckdb, in_spark, schema)]
    assert [each for each in inner if not LEFT_TO_THE_ENGINE.fullmatch(each)] == []


def differences(in_duckdb: Path, in_spark: Path, schema: str) -> list[str]:
    """What differs between the tables and views of a schema, each as `table: sentence`."""
    outcomes = list(
        Comparison(in_duckdb, in_spark, schema=schema, without=NOT_COMPARED, tolerance=1e-9, show=3).outcomes()
    )
    assert sum(outcome.rows for outcome in outcomes) > 10, f"{schema}: nothing was compared"
    return [f"{outcome.name}: {difference}" for outcome in outcomes for difference in outcome.differences]


def assert_same_models_in_spark(home: Home, settings: Path) -> None:
    """All models of a home that DuckDB has built are the same when Spark builds them."""
    kept = Path(shutil.copy(home.warehouse, settings.with_name("duckdb.duckdb")))
    config = load_config(settings, {})
    config = dataclasses.replace(config, engine=Engine("spark", master="local[2]", memory="2g", spark=QUICK))
    with spark.session(config, home) as session:
        spark.send_ledger(session, config, home)
        results = build_models(config, home, target="spark")
        assert [result.message for result in results if result.failed] == []
        spark.fetch(session, home, MADE)
    assert_same_models(kept, home.warehouse)


def company_of_three_days(desk: Desk) -> None:
    """Three days, captured and built in DuckDB."""
    for day, stage in (("2026-03-01", "Prospecting"), ("2026-03-02", "Engaging"), ("2026-03-03", "Won")):
        desk.drop_opportunities(day, stage)
        desk.drop_subscriptions(day)
    ran = desk.run("run", "--from", "2026-03-01", "--to", "2026-03-03")
    assert ran.code == 0, ran.err


@pytest.mark.slow
def test_every_mart_is_the_same_in_spark_and_in_duckdb(desk: Desk, tmp_path: Path) -> None:
    company_of_three_days(desk)
    home = Home(desk.home)
    definitions = {path.name: path.read_text() for path in home.definitions.iterdir()}
    in_duckdb = Path(shutil.copy(home.warehouse, tmp_path / "duckdb.duckdb"))
    config = load_config(desk.folder / "pipeledger.toml", {})
    engine = Engine("spark", master="local[2]", memory="2g", spark=QUICK)
    results = spark.build_models_in_spark(dataclasses.replace(config, engine=engine), home)
    assert [result.message for result in results if result.failed] == []
    assert {path.name: path.read_text() for path in home.definitions.iterdir()} == definitions
    assert_same_marts(in_duckdb, home.warehouse)


@pytest.mark.slow
def test_a_build_ends_right_on_two_workers_of_which_one_is_killed(desk: Desk, tmp_path: Path) -> None:
    company_of_three_days(desk)
    home, done = Home(desk.home), []
    in_duckdb = Path(shutil.copy(home.warehouse, tmp_path / "duckdb.duckdb"))
    config = load_config(desk.folder / "pipeledger.toml", {})
    with Cluster(tmp_path) as cluster:

        def on_node(name: str) -> None:
            done.append(name)
            if name == "int_opportunity_history":
                assert cluster.living() == 2
                cluster.kill_a_worker()

        engine = Engine("spark", master=cluster.master, memory="1g", spark={**QUICK, **OF_THIS_MACHINE})
        config = dataclasses.replace(config, engine=engine)
        with spark.session(config, home) as session:
            spark.send_ledger(session, config, home)
            results = build_models(config, home, on_node, with_tests=False, target="spark")
            spark.fetch(session, home, MADE)
        assert cluster.living() == 1
    assert [result.message for result in results if result.failed] == []
    assert {"fct_pipeline_daily", "fct_opportunity_history"} <= set(done[done.index("int_opportunity_history") :])
    assert_same_models(in_duckdb, home.warehouse)


@pytest.mark.slow
def test_random_companies_are_the_same_in_spark_and_in_duckdb(desk: Desk) -> None:
    home = Home(desk.home)
    home.root.mkdir()
    many = companies(1, 12)
    in_duckdb = dbt_build.run(home.root, many, definitions=dict(DEFINITIONS), **SETTINGS)
    assert in_duckdb.success, in_duckdb.told[-4000:]
    config = load_config(desk.folder / "pipeledger.toml", {})
    config = dataclasses.replace(config, engine=Engine("spark", master="local[2]", memory="2g", spark=QUICK))
    told: list[str] = []
    kept = Path(shutil.copy(home.warehouse, desk.folder / "duckdb.duckdb"))
    with duckdb.connect(str(home.warehouse)) as connection:  # behind this cache is no ledger: all of it is sent
        connection.execute("create schema intervals")
        connection.execute("create table intervals.tables (source varchar, entity varchar)")
        connection.execute("create table intervals.receipts (source varchar, entity varchar, snapshot_date date)")
    with spark.session(config, home) as session:
        spark.send_ledger(session, config, home)
        result = invoke(
            home,
            json.dumps(dbt_build.variables(many, **SETTINGS)),
            dbt_build.WITHOUT_UNIT_TESTS,
            target="spark",
            on_event=lambda event: told.extend(errors_in(event)),
        )
        assert result.success, told[-3:]
        spark.fetch(session, home, MADE)
    assert_same_models(kept, home.warehouse)


@pytest.mark.slow
def test_the_demo_is_the_same_in_spark_and_in_duckdb(desk: Desk) -> None:
    made = desk.run("demo", "--days", "120")
    assert made.code == 0, made.err
    home = Home(desk.folder / ".pipeledger-demo")
    assert_same_models_in_spark(home, home.root / "pipeledger.toml")
