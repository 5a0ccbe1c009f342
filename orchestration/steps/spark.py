"""Spark as the engine of a build: the ledger goes in, the same models run there, the marts come back.

Comes from the ledger's files, and from its small views in the warehouse; goes back to the warehouse, so that whatever
reads marts and findings there (publish, status, the checks of closed months) does not ask which engine made them. What
lies in the home's folder `spark` meanwhile is made anew by each build. Spark runs in a process of its own beside this
one, on this machine (`local[2]`) or on a cluster that sees the home's folder under the same path.
"""

import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from orchestration.settings.config import Config
from orchestration.settings.errors import PipeledgerError
from orchestration.settings.home import Home
from orchestration.steps.dbt import NodeResult, build_models, dialects
from orchestration.steps.spark_parts import in_parts
from snapshots.digest import literal, quoted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

FETCHED = ("marts", "findings")
"""The schemas that come back from Spark."""
ALSO_FETCHED = (("staging", "stg_subscription"),)
"""What comes back besides: the comparison of closed months reads it."""
PARTS = "parts"
"""The schema of tables that last as long as the statement that reads them."""
FIXED = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",  # what does not fit is an error, as in DuckDB, and not NULL or another number
    "spark.sql.catalogImplementation": "in-memory",
    "spark.sql.legacy.createHiveTableByDefault": "false",
    # To infer constraints takes minutes, and then all memory, for a plan as deep as that of linked records.
    "spark.sql.constraintPropagation.enabled": "false",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}
"""What the models' meaning rests on, and what this process needs."""


class SparkError(PipeledgerError):
    """Spark cannot be had or did not do what it was asked for."""


def build_models_in_spark(
    config: Config,
    home: Home,
    on_node: Callable[[str], None] = lambda name: None,
    *,
    select: Sequence[str] = (),
    with_tests: bool = True,
) -> list[NodeResult]:
    """As `dbt.build_models`, in Spark; marts and findings are in the warehouse afterwards."""
    with session(config, home) as spark:
        send_ledger(spark, config, home)
        results = build_models(config, home, on_node, select=select, with_tests=with_tests, target="spark")
        fetch(spark, home)
    return results


@contextmanager
def session(config: Config, home: Home) -> Iterator["SparkSession"]:
    """A Spark of its own with an empty catalog, which dbt uses too; SparkError says what it lacks."""
    check_packages()
    check_java()
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    shutil.rmtree(home.spark, ignore_errors=True)
    home.spark.mkdir(parents=True)
    engine = config.engine
    builder = SparkSession.builder.master(engine.master).appName("pipeledger")
    settings = {
        "spark.driver.memory": engine.memory,
        "spark.log.level": "ERROR",
        **engine.spark,
        **FIXED,
        "spark.sql.warehouse.dir": str(home.spark / "tables"),
    }
    for name, value in settings.items():
        builder = builder.config(name, value)
    try:
        spark = builder.getOrCreate()
    except (PySparkException, OSError) as error:
        raise SparkError(
            f"Spark did not start at {engine.master}: {str(error).splitlines()[0]}. Nothing was built. "
            "Correct [engine] in the settings, or build in DuckDB: `pipeledger build --target duckdb`."
        ) from error
    if "spark.sql.shuffle.partitions" not in engine.spark:
        spark.conf.set("spark.sql.shuffle.partitions", str(spark.sparkContext.defaultParallelism))
    try:
        spark.sql(f"create schema if not exists {PARTS}")
        use_in_dbt(spark)
        yield spark
    finally:
        spark.stop()


def check_packages(names: Sequence[str] = ("pyspark", "dbt.adapters.spark")) -> None:
    """SparkError unless this Python has Spark."""
    missing = [name for name in names if not _is_importable(name)]
    if missing:
        raise SparkError(
            f"{' and '.join(missing)} not installed, the extra `spark` expected for a build in Spark. "
            "Nothing was built. Run `make setup-spark`."
        )


def check_java() -> None:
    """SparkError unless this machine has a Java where Spark looks for it."""
    java_home = os.environ.get("JAVA_HOME")
    if not (Path(java_home, "bin", "java").is_file() if java_home else shutil.which("java")):
        raise SparkError(
            f"java not found {f'in JAVA_HOME ({java_home})' if java_home else 'on PATH'}, Java 17 or newer expected "
            "for a build in Spark. Nothing was built. Run `apt-get install openjdk-17-jre-headless`."
        )


def _is_importable(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def use_in_dbt(spark: "SparkSession") -> None:
    """Have dbt ask `spark`. Its own cursor would turn ANSI off again before each statement."""
    from dbt.adapters.spark import session as dbt_session
    from dbt_common.exceptions import DbtRuntimeError
    from pyspark.errors import PySparkException

    class Cursor(dbt_session.Cursor):  # type: ignore[misc,unused-ignore]  # whether Spark is installed or not
        def execute(self, sql: str, *parameters: Any) -> None:
            if parameters:
                raise DbtRuntimeError(f"{len(parameters)} parameters of a statement, none expected: {sql[:200]}")
            try:
                self._df = run(spark, sql)
            except PySparkException as error:
                raise DbtRuntimeError(str(error)) from error

    dbt_session.Cursor = Cursor  # type: ignore[misc,unused-ignore]


def run(spark: "SparkSession", sql: str) -> "DataFrame":
    """What one statement of dbt's gives. Where its query is too large to plan, it is made in parts.

    Those are two kinds of statements: that make a table, and that ask for a query's columns, which needs no rows.
    """
    makes_table = re.match(r"\s*(?:/\*.*?\*/\s*)?create table\b", sql, re.DOTALL)
    asks_for_columns = re.search(r"\bwhere false\s+limit 0\s*$", sql)
    rows = "" if makes_table else " limit 0"
    prefix = f"{PARTS}.of_{threading.get_ident()}_"  # dbt runs one statement at a time in each thread
    parts, statement = in_parts(sql, prefix) if makes_table or asks_for_columns else ([], sql)
    try:
        for part in parts:
            spark.sql(f"create table {part.table} using parquet as select * from ({part.query}) as part{rows}")
        return spark.sql(statement)
    finally:
        for part in parts:
            spark.sql(f"drop table if exists {part.table}")


def send_ledger(spark: "SparkSession", config: Config, home: Home) -> None:
    """Make the ledger's relations, and the functions that read text, in Spark's schema `ledger`.

    What has intervals is made by Spark from the ledger's files; DuckDB sends the rest, such as the receipts.
    """
    from orchestration.steps.spark_functions import create_functions  # sqlglot takes a while to import
    from orchestration.steps.spark_intervals import make_relations

    spark.sql("create schema if not exists ledger")
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        made = make_relations(spark, connection, home.store(config.company, config.ledger))
        names = connection.execute(
            "select table_name from information_schema.tables "
            "where table_catalog = current_database() and table_schema = 'ledger' order by all"
        ).fetchall()
        for name in sorted({name for (name,) in names} - made):
            _send(spark, connection, name, home.spark / "ledger" / name)
    create_functions(spark, dialects(config))


def _send(spark: "SparkSession", connection: duckdb.DuckDBPyConnection, name: str, folder: Path) -> None:
    """Make a relation of DuckDB's schema `ledger` in Spark's, from a file in `folder`."""
    relation = f"ledger.{quoted(name)}"
    columns = {row[0]: row[1] for row in connection.execute(f"describe {relation}").fetchall()}
    as_written = ", ".join(
        f"cast({quoted(column)} as {'timestamptz' if kind == 'TIMESTAMP' else kind}) as {quoted(column)}"
        for column, kind in columns.items()
    )
    folder.mkdir(parents=True, exist_ok=True)
    file = literal(str(folder / "rows.parquet"))
    connection.execute(f"copy (select {as_written} from {relation}) to {file} (format parquet)")
    declared = ", ".join(f"`{column}` {kind.replace('VARCHAR', 'string')}" for column, kind in columns.items())
    location = str(folder).replace("\\", r"\\").replace("'", r"\'")
    spark.sql(f"drop table if exists ledger.`{name}`")
    spark.sql(f"create table ledger.`{name}` ({declared}) using parquet location '{location}'")


def fetch(spark: "SparkSession", home: Home, schemas: Sequence[str] = FETCHED) -> None:
    """Put the tables of these schemas, and `ALSO_FETCHED`, into the warehouse, in DuckDB's types."""
    names = [
        (schema, str(row.tableName))
        for schema in filter(spark.catalog.databaseExists, schemas)
        for row in spark.sql(f"show tables in {schema}").collect()
    ]
    names += [(schema, name) for schema, name in ALSO_FETCHED if spark.catalog.tableExists(f"{schema}.{name}")]
    with duckdb.connect(str(home.warehouse)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for schema, name in names:
            files = home.spark / "tables" / f"{schema}.db" / name / "*.parquet"
            rows = f"read_parquet({literal(str(files))})"
            if not list(files.parent.glob(files.name)):  # a view, or a table without rows
                connection.register("arrow_rows", spark.table(f"{schema}.`{name}`").toArrow())
                rows = "arrow_rows"
            columns = ", ".join(
                f"timezone('UTC', {quoted(column)}) as {quoted(column)}"
                if kind == "TIMESTAMP WITH TIME ZONE"
                else quoted(column)
                for column, kind, *_ in connection.execute(f"describe select * from {rows}").fetchall()
            )
            relation = f"{schema}.{quoted(name)}"
            connection.execute(f"create schema if not exists {schema}")
            is_view = connection.execute(
                "select 1 from duckdb_views() where schema_name = ? and view_name = ?", [schema, name]
            ).fetchone()
            if is_view:  # of a build in DuckDB
                connection.execute(f"drop view {relation}")
            connection.execute(f"create or replace table {relation} as select {columns} from {rows}")
