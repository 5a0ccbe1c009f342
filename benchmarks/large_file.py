"""What the page and the views of schema `bi` cost on a published file of a million opportunities.

`python -m benchmarks.large_file PUBLISHED [--opportunities 1000000]` copies a published file with each fact and each
account, customer and person as many times as needed, every copy under ids of its own, and measures on the copy. The
reports of the marts (`rpt_`) stay as they are: their size does not grow with the number of deals.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path

import duckdb

from benchmarks.measure import PROJECT, command
from orchestration.steps.publish import BESIDE_THE_MARTS
from reporting.published import open_published

IDS = {"opportunity_id", "account_id", "customer_id", "person_id", "person_key"}
ENTITIES = {"dim_account", "dim_customer", "dim_person"}
ASK = "import duckdb, sys; duckdb.connect(sys.argv[1], read_only=True).execute(sys.argv[2]).fetchall()"
DAILY = {"fct_pipeline_daily"}  # one row per day and place, however many deals there are


def multiply(published: Path, target: Path, opportunities: int) -> int:
    """Writes a published file with at least so many opportunities; returns how many."""
    with duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(f"attach '{published}' as small (read_only)")
        connection.execute(f"attach '{target}' as pipeline (storage_version 'v1.0.0')")
        connection.execute("create schema pipeline.marts")
        (found,) = connection.execute("select count(*) from small.marts.fct_opportunity_current").fetchone() or (1,)
        copies = math.ceil(opportunities / found)
        tables = connection.execute(
            "select table_name, list(column_name order by column_index) from duckdb_columns() "
            "where database_name = 'small' and schema_name = 'marts' group by all"
        ).fetchall()
        for table, columns in tables:
            grows = table in ENTITIES or (table.startswith("fct_") and table not in DAILY)
            chosen = [f"{name} || '-' || copy as {name}" if grows and name in IDS else name for name in columns]
            connection.execute(
                f"create table pipeline.marts.{table} as select {', '.join(chosen)} from small.marts.{table}"
                + (f" cross join range({copies}) as copies(copy)" if grows else "")
            )
        connection.execute("use pipeline")
        for script in BESIDE_THE_MARTS:
            connection.execute(script.read_text())
        return int(found * copies)


def main() -> None:
    """Measures each in a process of its own, and prints a line for it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("published", type=Path)
    parser.add_argument("--opportunities", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder) / "pipeline.duckdb"
        # a process that is started begins with the peak memory of the one that starts it: keep this one small
        with get_context("spawn").Pool(1) as pool:
            count = pool.apply(multiply, (options.published, large, options.opportunities))
        print(f"{count:,} opportunities, {large.stat().st_size / 1e6:,.0f} MB")
        with open_published(large) as connection:
            views = connection.execute("select view_name from duckdb_views() where schema_name = 'bi'").fetchall()
        show("pipeledger report", ["-m", "reporting.report", large])
        for (view,) in views:
            show(f"bi.{view}, every column read", ["-c", ASK, large, f"select count(columns(*)) from bi.{view}"])


def show(name: str, arguments: Sequence[str | Path]) -> None:
    """Runs Python with these arguments, and prints what that took."""
    cost = command([sys.executable, *arguments], {}, PROJECT)
    print(f"{name:<45} {cost.seconds:6.2f} s {cost.cpu:6.2f} CPU s {cost.memory / 2**20:6,.0f} MB", flush=True)


if __name__ == "__main__":
    main()
