"""STYLE.md where no linter checks it: portable SQL in models, the grain first, each column described once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.dbt_project.portable_sql import (
    PROJECT,
    ascending_without_nulls_last,
    files,
    not_portable,
    sql,
    without_strings,
)

MODELS = files("models/**/*.sql")
MARTS = files("models/marts/**/*.sql")
TESTS = files("tests/**/*.sql")
LONGEST_LINE = 100


@pytest.mark.parametrize("path", [*MODELS, *TESTS], ids=lambda path: path.stem)
def test_models_are_written_in_portable_sql(path: Path) -> None:
    text = sql(path.read_text())
    assert not_portable(without_strings(text)) == []
    assert '"' not in text
    assert "\\" not in text


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_the_first_line_of_a_model_states_its_grain(path: Path) -> None:
    assert path.read_text().startswith("-- One row per ")


@pytest.mark.parametrize("path", [*MODELS, *TESTS], ids=lambda path: path.stem)
def test_nulls_come_last_wherever_the_order_ascends(path: Path) -> None:
    assert ascending_without_nulls_last(sql(path.read_text())) == []


@pytest.mark.parametrize("path", [*MODELS, *TESTS], ids=lambda path: path.stem)
def test_no_line_is_too_long_in_jinja_either(path: Path) -> None:
    assert [line for line in path.read_text().split("\n") if len(line) > LONGEST_LINE] == []


def test_each_column_is_described_once_and_every_description_is_used() -> None:
    defined = re.findall(r"\{% docs (\w+) %\}", "".join(path.read_text() for path in PROJECT.rglob("docs/*.md")))
    used = set(re.findall(r"doc\('(\w+)'\)", "".join(path.read_text() for path in PROJECT.rglob("models/**/*.yml"))))
    assert len(defined) == len(set(defined))
    assert set(defined) == used


@pytest.mark.parametrize("path", MARTS, ids=lambda path: path.stem)
def test_a_mart_has_a_description_that_begins_like_its_first_line(path: Path) -> None:
    grain = path.read_text().split("\n", 1)[0].removeprefix("-- ").split(":")[0].split(";")[0].strip(". ")
    assert grain[:40] in path.with_suffix(".yml").read_text()
