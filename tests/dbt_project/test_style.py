"""STYLE.md where no linter checks it: portable SQL in models, the grain first, each column described once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2] / "dbt_project"
MODELS = sorted((PROJECT / "models").rglob("*.sql"))
ONLY_DUCKDB = {"stg_stripe__subscription": "prices are computed within one row's JSON, by lambdas over its lists"}
PORTABLE = [path for path in (*MODELS, *sorted((PROJECT / "tests").rglob("*.sql"))) if path.stem not in ONLY_DUCKDB]
NOT_PORTABLE = [
    r"\bqualify\b", r"\basof\b", r"::", r"//", r"\[\s*['\"0-9]", r"\bunnest\b", r"\bgenerate_series\b", r"\bexclude\b",
    r"\breplace\s*\(\s*[^,)]*\bas\b", r"union by name", r"\bmax_by\b", r"\barg_max\b", r"\bquantile_cont\b",
    r"\bstrftime\b", r"->>", r"\bdow\b", r"\bas\s+(varchar|text)\b", r"count\(distinct[^)]*\)\s*over", r"\bhash\(",
    r"\btimezone\(", r"\binterval\s+'", r"\bcurrent_date\b", r"\bnow\(\)",
]  # fmt: skip


def sql(path: Path) -> str:
    """The SQL of a model, without comments and without what Jinja writes."""
    text = re.sub(r"\{#.*?#\}|\{\{.*?\}\}|\{%.*?%\}", " ", path.read_text(), flags=re.DOTALL)
    return re.sub(r"--[^\n]*", "", text).lower()


@pytest.mark.parametrize("path", PORTABLE, ids=lambda path: path.stem)
def test_models_are_written_in_portable_sql(path: Path) -> None:
    text = sql(path)
    assert [pattern for pattern in NOT_PORTABLE if re.search(pattern, text)] == []
    assert '"' not in text
    assert "\\" not in text


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_the_first_line_of_a_model_states_its_grain(path: Path) -> None:
    assert path.read_text().startswith("-- One row per ")


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_nulls_come_last_wherever_the_order_ascends(path: Path) -> None:
    for clause in re.findall(r"order by(.*?)(?:\)|rows between|$)", sql(path), flags=re.DOTALL):
        for term in clause.split(","):
            assert "nulls last" in term or " desc" in f" {term} ", f"{path.name}: order by{clause}"


def test_each_column_is_described_once_and_every_description_is_used() -> None:
    defined = re.findall(r"\{% docs (\w+) %\}", "".join(path.read_text() for path in PROJECT.rglob("docs/*.md")))
    used = set(re.findall(r"doc\('(\w+)'\)", "".join(path.read_text() for path in PROJECT.rglob("models/**/*.yml"))))
    assert len(defined) == len(set(defined))
    assert set(defined) == used


@pytest.mark.parametrize("path", sorted((PROJECT / "models/marts").glob("*.sql")), ids=lambda path: path.stem)
def test_a_mart_has_a_description_that_begins_like_its_first_line(path: Path) -> None:
    grain = path.read_text().split("\n", 1)[0].removeprefix("-- ").split(":")[0].split(";")[0].strip(". ")
    assert grain[:40] in path.with_suffix(".yml").read_text()
