"""Macros and materializations, read as text: sqruff skips their files and calls them clean."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.dbt_project.each import of_each
from tests.dbt_project.portable_sql import (
    ascending_without_nulls_last,
    files,
    not_portable,
    sql,
    sql_in_jinja,
    without_strings,
)

COMMENTS = re.compile(r"\{#.*?#\}", re.DOTALL)
LONGEST_LINE = 100
CALLED_BY_DBT = {
    "generate_schema_name",
    "duckdb__get_assert_columns_equivalent",
    "spark__datediff",
    "spark__get_select_subquery",
    "spark__load_csv_rows",
}
ASKS = re.compile(r"\b(?:run_query|load_relation|get_columns_in_relation|get_relation|statement)\(")
MATERIALIZATIONS = files("macros/materializations/*.sql")
MACROS = [path for path in files("macros/**/*.sql") if path not in MATERIALIZATIONS]
READERS = {
    path: COMMENTS.sub(" ", path.read_text())
    for path in files("models/**/*.sql", "models/**/*.yml", "checks/**/*.sql", "tests/**/*.sql", "macros/**/*.sql")
}


@dataclass(frozen=True)
class Macro:
    """A macro as its file has it. `body` is all up to the next one of the file."""

    name: str
    arguments: list[str]
    body: str

    @property
    def engine(self) -> str | None:
        """`duckdb` for `duckdb__change_hash`; None for `change_hash`."""
        return self.name.split("__")[0] if "__" in self.name else None


def macros(text: str) -> list[Macro]:
    """The macros that a text defines."""
    starts = list(re.finditer(r"\{%-?\s*macro\s+(\w+)\((.*?)\)\s*-?%\}", text, re.DOTALL))
    ends = [start.start() for start in starts[1:]] + [len(text)]
    return [
        Macro(start[1], re.findall(r"(?:^|,)\s*(\w+)", start[2]), text[start.end() : end])
        for start, end in zip(starts, ends, strict=True)
    ]


def problems(name: str, text: str) -> list[str]:
    """What is wrong with the file of the macro `name`, a sentence for each; none where all is well."""
    defined = macros(text)
    its_own = [macro for macro in defined if macro.name == name]
    if len(its_own) != 1:
        return [f"defines {[macro.name for macro in defined]}, expected {name} and its implementations"]
    wrong = [
        f"{macro.name} is no implementation of {name}: it gets a file of its own"
        for macro in defined
        if macro.name != name and macro.name != f"{macro.engine}__{name}"
    ]
    if len(defined) > 1:
        dispatched = f"adapter.dispatch('{name}')({', '.join(its_own[0].arguments)})"
        if dispatched not in text:
            wrong.append(f"does not call {dispatched}")
        if f"default__{name}" not in {macro.name for macro in defined}:
            wrong.append(f"has no default__{name}: another engine gets no answer, not even that it is missing")
        wrong += [
            f"{macro.name} takes {macro.arguments}, {name} takes {its_own[0].arguments}"
            for macro in defined
            if macro.arguments != its_own[0].arguments
        ]
    comment = COMMENTS.match(text)
    if not comment or not text.startswith("{#-"):
        wrong.append("does not begin with a comment that says what it makes")
    else:
        told = re.findall(r"`(\w+)`", comment[0])
        wrong += [
            f"its comment does not name the argument `{each}`" for each in its_own[0].arguments if each not in told
        ]
    wrong += [
        f"line {number} has {len(line)} characters, at most {LONGEST_LINE}"
        for number, line in enumerate(text.split("\n"), 1)
        if len(line) > LONGEST_LINE
    ]
    for macro in defined:
        wrong += [
            f"{macro.name}: order by {clause}: `nulls last` is missing"
            for clause in ascending_without_nulls_last(sql(macro.body))
        ]
        if macro.engine == "duckdb":
            continue
        body = f"{without_strings(sql(macro.body))}\n{sql_in_jinja(macro.body)}"
        calls = re.findall(r"duckdb__\w+", COMMENTS.sub(" ", macro.body))
        wrong += [f"{macro.name} matches {pattern}, which only DuckDB understands" for pattern in not_portable(body)]
        wrong += [f"{macro.name} calls {called}, which only DuckDB understands" for called in calls]
        wrong += [f"{macro.name} has a {mark} in its SQL" for mark in ('"', "\\") if mark in sql(macro.body)]
    return wrong


@of_each(MACROS)
def test_a_macro_has_a_file_that_says_what_it_makes_in_portable_sql(path: Path) -> None:
    assert problems(path.stem, path.read_text()) == []


@of_each(MATERIALIZATIONS)
def test_a_materialization_says_what_it_does_and_for_which_engine(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("{#-")
    name, _, engine = path.stem.partition("__")
    assert re.findall(r"materialization (\w+), adapter='(\w+)'", text) == [(name, engine or "duckdb")]
    assert max(map(len, text.split("\n"))) <= LONGEST_LINE


def test_only_staging_asks_the_database_while_it_is_rendered() -> None:
    """dbt opens a transaction for what a model asks, and without a contract no materialization commits it."""
    texts = {path.stem: path.read_text() for path in MACROS}
    asking = {name for name, text in texts.items() if ASKS.search(text)}
    while more := {name for name, text in texts.items() if calls(text, asking)} - asking:
        asking |= more
    assert {"columns_in_ledger", "conform", "definition_rows"} <= asking
    below = [path for path in files("models/**/*.sql") if "staging" not in path.parts]
    assert [path.stem for path in below if calls(path.read_text(), asking)] == []


def calls(text: str, names: set[str]) -> bool:
    """Whether a text calls one of these macros."""
    return re.search(rf"\b(?:{'|'.join(names)})\(", text) is not None


@of_each(MACROS)
def test_every_macro_is_used(path: Path) -> None:
    called = rf"\b{path.stem}\("
    users = [each for each, text in READERS.items() if each != path and re.search(called, text)]
    assert users or path.stem in CALLED_BY_DBT


GOOD = """{#- The parity of `number`. -#}
{% macro parity(number) -%}
    {{ adapter.dispatch('parity')(number) }}
{%- endmacro %}

{% macro default__parity(number) -%}
    {{ number }} % 2
{%- endmacro %}

{% macro duckdb__parity(number) -%}
    list_sum([{{ number }} % 2])
{%- endmacro %}
"""


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("{#- The parity of `number`. -#}\n", "", "does not begin with a comment"),
        ("`number`", "a number", "its comment does not name the argument `number`"),
        ("{{ number }} % 2\n{%", "list_sum([{{ number }}])\n{%", "default__parity matches"),
        ("{{ number }} % 2\n{%", "{{ 'list_sum([' ~ number ~ '])' }}\n{%", "default__parity matches"),
        ("{{ number }} % 2\n{%", "{{ duckdb__parity(number) }}\n{%", "default__parity calls duckdb__parity"),
        ("{{ number }} % 2\n{%", '"{{ number }}" % 2\n{%', 'default__parity has a " in its SQL'),
        ("{{ number }} % 2\n{%", "rank() over (order by {{ number }})\n{%", "`nulls last` is missing"),
        ("{{ number }} % 2\n{%", "{{ number }}" + " " * 100 + "% 2\n{%", "line 7 has 119 characters"),
        ("default__parity", "spark__parity", "has no default__parity"),
        ("default__parity(number)", "default__parity(day)", "default__parity takes ['day']"),
        ("adapter.dispatch('parity')(number)", "number", "does not call adapter.dispatch"),
        ("macro duckdb__parity", "macro evenness", "evenness is no implementation of parity"),
        ("macro parity(", "macro evenness(", "defines ['evenness'"),
    ],
)
def test_what_is_wrong_with_a_macro_is_found(old: str, new: str, found: str) -> None:
    assert problems("parity", GOOD) == []
    assert old in GOOD
    assert any(found in problem for problem in problems("parity", GOOD.replace(old, new)))


def test_a_guard_without_files_fails() -> None:
    with pytest.raises(AssertionError, match="macros/nowhere"):
        files("macros/nowhere/*.sql")
