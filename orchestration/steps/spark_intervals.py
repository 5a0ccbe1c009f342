"""The ledger's validity intervals in Spark, made from the ledger's files.

The tables are those of `snapshots/intervals.py`, and so is their SQL, translated. The rows of each day are held against
the receipts first, as when DuckDB makes its cache. Nothing of the ledger's size passes this process or the warehouse.
"""

import re
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import date
from typing import TYPE_CHECKING

import duckdb

from orchestration.steps.spark_functions import translated
from snapshots.digest import date_literal
from snapshots.entity_intervals import FOREVER, EntityIntervals
from snapshots.intervals import Part, captured_entities, relation_name, union
from snapshots.ledger import OWNED, PARTITION, LedgerTable
from snapshots.reader import check_days, counted, damaged, days_query, receipts_of
from snapshots.receipts import Receipt, read_commits
from snapshots.store import Store

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

OF_FILES = re.compile(r"\[(FAILED_READ_FILE|PATH_NOT_FOUND)\b.*")
"""What Spark calls an error of a file that it was told to read."""


def make_relations(spark: "SparkSession", con: duckdb.DuckDBPyConnection, store: Store) -> set[str]:
    """Make each entity's relation that has rows in Spark's schema `ledger`; gives their names.

    Not made are relations of keys that days long ago spelled in several ways: their histories are put together in
    DuckDB. `con` has the warehouse open: a held source ends where its receipts there end. LedgerDamagedError where a
    table's files are not what was written.
    """
    shown = dict(con.execute("select source, max(snapshot_date) from ledger.receipts group by source").fetchall())
    first_days = {
        (source, entity): day
        for source, entity, day in con.execute(
            "select source, entity, min(snapshot_date) from intervals.receipts group by source, entity"
        ).fetchall()
    }
    places = {place.table_name: place for place in store.ledger.tables()}
    made = set()
    for (kind, entity), group in captured_entities(con).items():
        if any(intervals.spelled(con) for intervals in group):
            continue
        name, parts = relation_name(kind, entity), []
        with ExitStack() as files:
            for number, intervals in enumerate(group):
                place = places[intervals.source, intervals.entity]
                table = LedgerTable(place)
                files.enter_context(place.at_hand(table.file_names()))
                view = f"{name}_{number}"
                read_checked(spark, table, receipts_of(table, list(read_commits(place))), view)
                seam = date_literal(first_days.get((intervals.source, intervals.observed), date.min))
                parts.append(
                    Part(intervals, table.columns(), rows(intervals, view), seam if intervals.is_reconstructed else "")
                )
            last_days = {intervals.source: shown.get(intervals.source, date.min) for intervals in group}
            spark.sql(f"create table ledger.`{name}` using parquet as {translated(union(parts, last_days))}")
            for number in range(len(group)):  # a view without a schema would be one of each of dbt's
                spark.catalog.dropTempView(f"{name}_{number}")
        made.add(name)
    return made


def rows(intervals: EntityIntervals, view: str) -> str:
    """SQL for the rows of a table's files (the relation `view`), each with the day on which it ends."""
    starting = f"(select *, {PARTITION} as valid_from from {view})"
    return f"(select *, coalesce({intervals.following()}, {FOREVER}) as valid_to from {starting})"


def read_checked(spark: "SparkSession", table: LedgerTable, receipts: Mapping[date, Receipt], view: str) -> None:
    """Make a view of the rows of a table's files. LedgerDamagedError, naming the days, where they are not those that
    the receipts describe."""
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    columns = {PARTITION: "DATE", **OWNED, **table.columns()}
    schema = ", ".join(f"{_spark_name(name)} {kind.replace('VARCHAR', 'STRING')}" for name, kind in columns.items())
    files = [_as_it_is(file) for file in table.files()]
    try:
        reader = spark.read.schema(schema).option("basePath", str(table.path.resolve()))
        (reader.parquet(*files) if files else spark.createDataFrame([], schema)).createOrReplaceTempView(view)
        found = spark.sql(translated(days_query(table, view))).collect()
    except (PySparkException, Py4JJavaError) as error:
        of_file = OF_FILES.search(str(error))
        if of_file is None:
            raise
        raise damaged(table, f"a file cannot be read ({of_file[0]})") from error
    check_days(table, receipts, counted(found))


def _spark_name(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _as_it_is(path: str) -> str:
    """A path in which Spark sees no pattern."""
    return re.sub(r"([\\*?\[\]{}])", r"\\\1", path)
