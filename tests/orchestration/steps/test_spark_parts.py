"""A query is planned in parts that are small enough, and its rows are what they were."""

from __future__ import annotations

import re

import duckdb
import pytest

from orchestration.steps.spark_parts import MOST_SELECTS, Part, in_parts, parsed, size
from tests.orchestration.conftest import Step

STEPS = 14
# Each step reads the one before it twice: written out, the last one has 16,384 of the first.
DOUBLING = (
    "with step_0 as (select number from numbers), "
    + ", ".join(
        f"step_{step} as (select a.number + {step} as number from step_{step - 1} as a "
        f"inner join step_{step - 1} as b on a.number = b.number)"
        for step in range(1, STEPS + 1)
    )
    + f" select * from step_{STEPS}"
)


def selects(sql: str) -> int:
    """How many a statement has, its CTEs written out."""
    statement = parsed(sql)
    return size(statement, statement.after, ()) if statement else len(re.findall(r"\bselect\b", sql))


def made(sql: str, prefix: str) -> list[int]:
    """The numbers in the table `made`, after all parts of the statement that makes it were run in DuckDB."""
    parts, statement = in_parts(sql, prefix)
    with duckdb.connect() as connection:
        connection.execute("create schema parts")
        connection.execute("create table numbers as select range as number from range(3)")
        for part in parts:
            connection.execute(f"create table {part.table} as {part.query}")
        connection.execute(statement)
        return [number for (number,) in connection.execute("select number from made order by number").fetchall()]


def test_a_small_statement_is_left_as_it_is() -> None:
    for sql in ("drop table made", "create table made as with one as (select 1 as number) select * from one"):
        assert in_parts(sql, "parts.made__") == ([], sql)


@pytest.mark.parametrize("around", ["{}", "select number from ({}) as model_rows"])
def test_ctes_that_double_at_each_step_are_stored_until_every_part_is_small(around: str) -> None:
    sql = "create table made as " + around.format(DOUBLING)
    parts, statement = in_parts(sql, "parts.made__")
    assert selects(sql) > 2**STEPS
    assert max(map(selects, [statement, *(part.query for part in parts)])) <= MOST_SELECTS
    assert len(parts) <= STEPS // 3
    assert made(sql, "parts.made__") == [number + sum(range(STEPS + 1)) for number in range(3)]


def test_what_a_part_does_not_need_is_not_in_it() -> None:
    sql = "with a as (select 1), b as (select * from a union all select * from a), c as (select 2)"
    last = "select * from b cross join c union all select * from b"
    parts, statement = in_parts(f"{sql} {last}", "parts.", most=5)
    assert parts == [Part("parts.b", "with a as (select 1) select * from a union all select * from a")]
    assert statement == f"with b as (select * from parts.b), c as (select 2) {last}"


def test_brackets_and_words_in_texts_and_comments_are_none() -> None:
    sql = """/* {"node": "with x as ("} */ create table made as with recursive
        -- numbers (with a bracket
        one as (select ')' as bracket, 'from two' as words, number from numbers),
        two as (select number, '--' as dashes from one where bracket = ')' and words <> 'it''s (') select * from two"""
    statement = parsed(sql)
    assert statement is not None
    assert list(statement.ctes) == ["one", "two"]
    assert [cte.reads for cte in statement.ctes.values()] == [(), ("one",)]
    assert made(sql, "parts.made__") == [0, 1, 2]


def test_a_bracket_that_is_not_closed_is_named() -> None:
    with pytest.raises(ValueError, match=r"no closing bracket.*select 1"):
        in_parts("with one as (select 1", "parts.")


def test_every_model_is_planned_in_small_parts(first_days: Step) -> None:
    models = sorted((first_days.desk.home / "dbt" / "target" / "compiled").rglob("models/**/*.sql"))
    assert len(models) > 190
    largest = {}
    for path in models:
        parts, statement = in_parts(f"create table made as {path.read_text()}", "parts.")
        largest[path.stem] = max(map(selects, [statement, *(part.query for part in parts)]))
    assert {name: count for name, count in largest.items() if count > MOST_SELECTS} == {}
