"""Two files that should be equal, and each way in which they are not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

from benchmarks.compare import Comparison

PROJECT = Path(__file__).parents[2]
MADE = """
create schema marts;
create table marts.deals (deal_id varchar, amount decimal(18, 2), share double);
insert into marts.deals values ('a', 1.50, 0.1), ('b', 2.50, 0.2), ('b', 2.50, 0.2), ('b', 2.50, null);
create table marts.days as select date '2026-03-01' as day;
create view marts.large_deals as select * from {database}.marts.deals where amount > 2;
create macro marts.deals_of(name) as table select * from marts.deals where deal_id = name;
comment on table marts.deals is 'One row per deal';
comment on column marts.deals.amount is 'What it is worth';
"""


def make(folder: Path, *changes: str) -> Path:
    """A file of this name in the folder, as it is or with changes."""
    folder.mkdir()
    file = folder / "pipeline.duckdb"
    with duckdb.connect(str(file)) as connection:
        for statement in [MADE.format(database="pipeline"), *changes]:
            connection.execute(statement)
    return file


def differences(left: Path, right: Path, **options: object) -> dict[str, list[str]]:
    found = Comparison(left, right, **options).outcomes()  # type: ignore[arg-type]  # options of any type
    return {outcome.name: outcome.differences for outcome in found if outcome.differences}


@pytest.fixture
def left(tmp_path: Path) -> Path:
    return make(tmp_path / "left")


def test_equal_files_are_equal_whatever_the_order_of_their_rows(left: Path, tmp_path: Path) -> None:
    right = make(tmp_path / "right", "create or replace table marts.days as from marts.days")
    assert differences(left, right) == {}
    assert {outcome.name: outcome.rows for outcome in Comparison(left, right).outcomes()} == {
        "(macros)": 1,
        "days": 1,
        "deals": 4,
        "large_deals": 3,
    }


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("drop table marts.days", {"days": ["only in LEFT"]}),
        ("create table marts.more as select 1 as one", {"more": ["only in RIGHT"]}),
        (
            "alter table marts.days alter day type timestamp",
            {"days": ["type of day: DATE, TIMESTAMP"]},
        ),
        (
            "alter table marts.days add column week integer",
            {"days": ["columns: week only in RIGHT"]},
        ),
        (
            "alter table marts.days rename day to date",
            {"days": ["columns: day only in LEFT, date only in RIGHT"]},
        ),
        (
            "create or replace table marts.deals as select amount, deal_id, share from marts.deals; "
            "comment on table marts.deals is 'One row per deal'; "
            "comment on column marts.deals.amount is 'What it is worth'",
            {"deals": ["columns: in another order"]},
        ),
        ("comment on table marts.deals is 'Many'", {"deals": ["comment of the table"]}),
        ("comment on column marts.deals.share is 'Of all'", {"deals": ["comment of share"]}),
        (
            "insert into marts.days from marts.days",
            {"days": ["1 rows only in RIGHT"]},
        ),
        (
            "update marts.deals set amount = 1.51 where deal_id = 'a'",
            {"deals": ["1 rows only in LEFT", "1 rows only in RIGHT"]},
        ),
        (
            "create or replace macro marts.deals_of(name) as table select * from marts.deals where deal_id <> name",
            {"(macros)": ["macro deals_of"]},
        ),
        (
            "update marts.deals set share = 0.3 where deal_id = 'a'",
            {"deals": ["doubles of 1 rows, by at most 6.7e-01 of their value (share)"]},
        ),
        (
            "update marts.deals set share = 0 where share is null",
            {
                "deals": ["doubles of 1 rows, by at most inf of their value (share)"],
                "large_deals": ["doubles of 1 rows, by at most inf of their value (share)"],
            },
        ),
    ],
)
def test_a_difference_is_named(left: Path, tmp_path: Path, change: str, expected: dict[str, list[str]]) -> None:
    right = make(tmp_path / "right", change)
    found = differences(left, right)
    named = {
        table: [said.replace(str(left), "LEFT").replace(str(right), "RIGHT") for said in all_said]
        for table, all_said in found.items()
    }
    assert named == expected


def test_the_last_digit_of_a_double_can_be_accepted_and_is_said(left: Path, tmp_path: Path) -> None:
    right = make(tmp_path / "right", "update marts.deals set share = share + 1e-15 where deal_id = 'a'")
    assert differences(left, right) == {"deals": ["doubles of 1 rows, by at most 1.0e-14 of their value (share)"]}
    assert differences(left, right, tolerance=1e-12) == {}
    (deals,) = (outcome for outcome in Comparison(left, right, tolerance=1e-12).outcomes() if outcome.name == "deals")
    assert "equal; doubles of 1 rows" in str(deals)


def test_a_column_can_be_left_out(left: Path, tmp_path: Path) -> None:
    right = make(tmp_path / "right", "update marts.deals set amount = 1.51 where deal_id = 'a'")
    assert differences(left, right, without=["deals.amount"]) == {}


def compare(*arguments: object) -> tuple[int, Sequence[str]]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.compare", *map(str, arguments)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, (done.stdout + done.stderr).splitlines()


def test_the_command_prints_a_line_a_table_and_ends_with_1_on_a_difference(left: Path, tmp_path: Path) -> None:
    code, lines = compare(left, left)
    assert (code, len(lines), lines[-1]) == (0, 5, "equal")
    right = make(tmp_path / "right", "drop table marts.days")
    code, lines = compare(left, right)
    assert (code, len(lines), lines[-1]) == (1, 5, "1 of them differ")


def test_a_file_or_a_schema_that_is_not_there_is_no_equality(left: Path, tmp_path: Path) -> None:
    code, lines = compare(left, tmp_path / "none.duckdb")
    assert code == 1
    assert "no such file" in lines[0]
    code, lines = compare(left, left, "--schema", "nothing")
    assert code == 1
    assert "no tables in schema nothing" in lines[0]
