"""The ledger's intervals as Spark makes them of its files: those of DuckDB's cache, and none of damaged files."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

from orchestration.settings.config import Engine, load_config
from orchestration.settings.home import Home
from orchestration.steps import spark
from snapshots.digest import quoted
from snapshots.intervals import connect, rebuild, refresh
from snapshots.store import LedgerDamagedError, Store
from tests.orchestration.steps.test_spark import QUICK
from tests.snapshots import test_capture_oracle as oracle
from tests.snapshots.company import Row, day, files, land, put, store, take
from tests.snapshots.test_casts import capture_as_it_was
from tests.snapshots.test_damage import damaged
from tests.snapshots.test_reconstruct import CHANGES, A, backfill, observe

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow
RELATION = "files__opportunity"
SAID: dict[str, str] = {
    "stage": "it's \\n 50 %",
    "amount": "-9999999999999999.99",
    "close_date": "0001-01-01",
    "created_at": "1700-02-28T23:59:59.123456Z",
    "is_deleted": "no",
    "employee_count": "-9223372036854775808",
}
ODD = {'a "text"': "Zoë\u2028", "`b` [1]\\": "{x}", "Größe": ""}
"""Columns that nobody governs, under names that need care."""


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """One Spark for all tests; each makes the schema `ledger` anew."""
    folder = tmp_path_factory.mktemp("spark")
    (folder / "pipeledger.toml").write_text('[company]\ntime_zone = "UTC"\n')
    engine = Engine("spark", master="local[2]", memory="2g", spark=QUICK)
    with spark.session(replace(load_config(folder / "pipeledger.toml", {}), engine=engine), Home(folder)) as opened:
        yield opened


def made(session: SparkSession, where: Store) -> set[str]:
    """Makes the relations; gives their names."""
    from orchestration.steps.spark_intervals import make_relations

    session.sql("drop schema if exists ledger cascade")
    session.sql("create schema ledger")
    with connect(where) as con:
        return make_relations(session, con, where)


def assert_same(session: SparkSession, where: Store, names: set[str] | None = None) -> None:
    """Spark makes these relations (one, if none are named), with the columns, types and rows that DuckDB's have."""
    names = {RELATION} if names is None else names
    assert made(session, where) == names
    with connect(where) as con:
        for name in names:
            con.register("arrived", session.table(f"ledger.`{name}`").toArrow())
            columns = ", ".join(
                f"timezone('UTC', {quoted(column)}) as {quoted(column)}" if "ZONE" in kind else quoted(column)
                for column, kind, *_ in con.execute("describe arrived").fetchall()
            )
            theirs, ours = f"(select {columns} from arrived)", f"ledger.{name}"
            described = [con.execute(f"describe from {rows}").fetchall() for rows in (theirs, ours)]
            assert [row[:2] for row in described[0]] == [row[:2] for row in described[1]]
            for one, other in ((theirs, ours), (ours, theirs)):
                assert con.execute(f"from {one} except all from {other}").fetchall() == []
            assert con.execute(f"from {ours}").fetchall()


@given(steps=oracle.STEPS)
@settings(oracle.QUICK, max_examples=12)
def test_whatever_order_days_come_in(session: SparkSession, steps: list[oracle.Step]) -> None:
    with tempfile.TemporaryDirectory() as home:
        where = store(Path(home))
        for extracts in oracle.planned(steps):
            oracle.take_all(where, extracts)
        if oracle.relation(where, ("opportunity_id",)):
            assert_same(session, where)


def test_every_type_and_name_and_two_sources_that_disagree(session: SparkSession, tmp_path: Path) -> None:
    where = store(tmp_path / "a {home}, 'Zoë*'")
    rows: list[Row] = [{"opportunity_id": "a", **SAID, **ODD}, {"opportunity_id": "b", "stage": ""}]
    land(where, {day(0): rows[:1]})
    take(where, [day(0)])
    land(where, {day(1): [{**row, "late": "x"} for row in rows], day(2): rows[1:]})
    take(where, [day(1), day(2)])
    land(where, {day(1): rows}, source="erp", governed={"opportunity_id": "VARCHAR"})
    take(where, [day(1)], source="erp")
    assert_same(session, where)


def test_events_and_days_that_were_reconstructed(session: SparkSession, tmp_path: Path) -> None:
    where = store(tmp_path)
    observe(where, [A], CHANGES)
    backfill(where)
    touches: dict[date, list[Row]] = {
        day(n): [{"touch_id": f"t{n}", "person_id": "p"}, {"touch_id": None, "person_id": "q"}] for n in (20, 21)
    }
    land(where, touches, entity="touch", key=["touch_id", "person_id"], required=["person_id"], mode="events")
    take(where, list(touches))
    relations = made(session, where)
    assert {RELATION, "files__touch"} <= relations
    assert_same(session, where, relations)


def test_a_held_source_ends_where_it_is_held(session: SparkSession, tmp_path: Path) -> None:
    where = store(tmp_path)
    for source in ("crm", "erp"):
        land(where, {day(n): [{"opportunity_id": "a", "stage": f"{n}"}][: 3 - n] for n in range(4)}, source=source)
        take(where, [day(n) for n in range(4)], source=source)
    for held in ({"crm": day(1)}, {"crm": date.min, "erp": day(2)}, {}):
        refresh(where, {}, last_days=held)
        assert_same(session, where)


def test_keys_that_were_spelled_in_several_ways_are_left_to_duckdb(
    session: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = store(tmp_path)
    land(where, {day(0): [{"opportunity_id": key, "stage": "New"} for key in ("D1 ", "D1")]})
    capture_as_it_was(where, [day(0)], monkeypatch)
    assert made(session, where) == set()


def test_damaged_files_are_refused_as_a_rebuild_refuses_them(session: SparkSession, tmp_path: Path) -> None:
    where, rng = store(tmp_path), random.Random(5)
    for number in range(4):
        land(where, {day(number): [{"opportunity_id": f"{n}", "stage": f"{number}"} for n in range(number, 40)]})
        take(where, [day(number)])
    table = where.ledger / "crm" / "opportunity"
    kept = {name: data for name, data in files(table).items() if name.endswith(".parquet") and "checkpoint" not in name}
    assert len(kept) == 4
    one, other = sorted(kept)[:2]
    changes: list[dict[str, bytes | None]] = [
        {one: None},
        {one: kept[other]},
        {one: kept[other], other: kept[one]},
        {one: b""},
    ]
    changes += [{name: damaged(kept[name], rng)[0]} for name in rng.choices(sorted(kept), k=12)]
    refused = 0
    for change in changes:
        for name, data in change.items():
            put(table, name, data)
        said: list[str] = []
        try:
            assert_same(session, where)
        except LedgerDamagedError as error:
            said.append(str(error))
        try:
            rebuild(where, {})
        except LedgerDamagedError as error:
            said.append(str(error))
        assert len(said) != 1, change.keys()
        refused += len(said) // 2
        assert all("crm.opportunity: " in each and "Run `pipeledger verify`" in each for each in said)
        for name in change:
            put(table, name, kept[name])
        rebuild(where, {})
    assert refused > 8
    assert_same(session, where)
