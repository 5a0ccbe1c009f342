"""The view of docs/scale.md by which other engines read the ledger: it says what our own cache says."""

import re
from pathlib import Path

import duckdb
import pytest
import sqlglot

from snapshots.intervals import connect
from snapshots.ledger import LedgerTable
from tests.docs.printed import ROOT
from tests.snapshots.company import day, land, store, take

VIEW = re.search(r"^```text\n(create view .*?)^```$", (ROOT / "docs/scale.md").read_text(), re.MULTILINE | re.DOTALL)


def test_the_view_gives_the_rows_of_our_own_cache(tmp_path: Path) -> None:
    assert VIEW is not None
    where = store(tmp_path)
    stages = ("ab", "b", "bca", "", "cb")  # who is there on each day, and in a stage that changes
    for number, keys in enumerate(stages):
        rows = [{"opportunity_id": key, "stage": f"{number // 2}", "amount": "1.50"} for key in keys]
        land(where, {day(number): rows}, columns=("opportunity_id", "stage", "amount"))
        take(where, [day(number)], accept=("drop", "empty"))
    files = LedgerTable(where.ledger / "crm" / "opportunity").files()
    columns = "opportunity_id, stage, amount, valid_from, valid_to"
    with duckdb.connect() as con:
        con.execute(f"create view opportunity as select * from read_parquet({files}, hive_partitioning = true)")
        con.execute(VIEW[1])
        found = con.execute(f"select {columns} from opportunity_history order by all").fetchall()
    with connect(where) as con:
        expected = con.execute(
            f"select {columns} from ledger.files__opportunity where _pl_change = 'upsert' order by all"
        ).fetchall()
    assert len(found) > len(stages)
    assert found == expected


@pytest.mark.parametrize("engine", ["databricks", "snowflake", "trino", "bigquery", "spark"])
def test_the_view_is_read_alike_in_the_dialects_of_other_engines(engine: str) -> None:
    assert VIEW is not None
    assert sqlglot.parse_one(VIEW[1], read=engine) == sqlglot.parse_one(VIEW[1], read="duckdb")
