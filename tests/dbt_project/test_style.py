"""STYLE.md where no linter checks it: portable SQL in models, the grain first, each column described once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2] / "dbt_project"
MODELS = sorted((PROJECT / "models").rglob("*.sql"))
MARTS = [path for path in MODELS if path.relative_to(PROJECT / "models").parts[0] == "marts"]
ONLY_DUCKDB = {"stg_stripe__subscription": "prices are computed within one row's JSON, by lambdas over its lists"}
PORTABLE = [path for path in (*MODELS, *sorted((PROJECT / "tests").rglob("*.sql"))) if path.stem not in ONLY_DUCKDB]
NOT_PORTABLE = [
    r"\bqualify\b", r"\basof\b", r"::", r"//", r"\[\s*['\"0-9]", r"\bunnest\b", r"\bgenerate_series\b", r"\bexclude\b",
    r"\breplace\s*\(\s*[^,)]*\bas\b", r"union by name", r"\bmax_by\b", r"\barg_max\b", r"\bquantile_cont\b",
    r"\bstrftime\b", r"->>", r"\bdow\b", r"\bas\s+(varchar|text)\b", r"count\(distinct[^)]*\)\s*over", r"\bhash\(",
    r"\btimezone\(", r"\binterval\s+'", r"\bcurrent_date\b", r"\bnow\(\)",
]  # fmt: skip


MAX_LINES = 150
LONGER = {
    "int_customer_accounts": "the ways of finding a customer's account are tried one after another, each in its words",
    "int_opportunity_changes": "twenty columns pass by name through two kinds of events",
    "int_pipeline_movements": "one short select for each of ten categories: side by side they can be compared",
    "int_stall_cases": "the columns of a case are listed once, for landmarks and last days alike",
    "int_stall_clocks": "a dozen clocks that share two windows",
    "int_stall_facts": "what six rules look at, one block each",
    "int_stall_last_activities": "the CRM's field and the activities are two histories made one",
    "fct_opportunity_current": "everything known of an opportunity today: fifty columns",
    "fct_pipeline_daily": "events, running sums and days without a change are one thought",
    "stg_hubspot__opportunity": "HubSpot's ways of saying open, won, lost and merged",
    "stg_salesforce__opportunity_change": "two history objects of Salesforce made one",
    "stg_stripe__subscription": "what Stripe nests is unnested, priced and discounted in one row",
}
# A CTE that reads another model does nothing else but keep some of its rows.
IMPORT = re.compile(r"select \* from \{\{ (?:ref\('\w+'\)|source\('\w+', '\w+'\)) \}\}(?:\s+where\s[^;]*)?", re.DOTALL)


def ctes(path: Path) -> dict[str, str]:
    """The text of each CTE of a model, in their order."""
    return dict(re.findall(r"^(\w+) as \(\n\n(.*?)\n\n\)", path.read_text(), flags=re.MULTILINE | re.DOTALL))


def is_import(text: str) -> bool:
    """Whether a CTE reads another model."""
    return bool(re.search(r"\{\{ (?:ref|source)\(", text))


def test_there_are_models_to_look_at() -> None:
    assert len(MODELS) > 140
    assert len(MARTS) > 20


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
def test_a_model_ends_in_its_last_cte(path: Path) -> None:
    assert path.read_text().endswith(f"\n)\n\nselect * from {list(ctes(path))[-1]}\n")


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_other_models_are_read_in_import_ctes_and_these_come_first(path: Path) -> None:
    texts = list(ctes(path).values())
    imports = [text for text in texts if is_import(text)]
    assert [text for text in imports if not IMPORT.fullmatch(text.strip())] == []
    assert texts[: len(imports)] == imports
    read = re.findall(r"\b(?:ref|source)\('", path.read_text())
    assert len(read) == len(imports)


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_a_model_is_short_or_named_with_the_reason(path: Path) -> None:
    assert (len(path.read_text().splitlines()) > MAX_LINES) == (path.stem in LONGER)


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_nulls_come_last_wherever_the_order_ascends(path: Path) -> None:
    for clause in re.findall(r"order by(.*?)(?:\)|rows between|$)", sql(path), flags=re.DOTALL):
        for term in clause.split(","):
            assert "nulls last" in term or " desc" in f" {term} ", f"{path.name}: order by{clause}"


def test_each_column_is_described_once_and_every_description_is_used() -> None:
    defined = re.findall(r"\{% docs (\w+) %\}", "".join(path.read_text() for path in PROJECT.rglob("docs/**/*.md")))
    used = set(re.findall(r"doc\('(\w+)'\)", "".join(path.read_text() for path in PROJECT.rglob("models/**/*.yml"))))
    assert len(defined) == len(set(defined)) > 300
    assert set(defined) == used


@pytest.mark.parametrize("path", MARTS, ids=lambda path: path.stem)
def test_a_mart_has_a_description_that_begins_like_its_first_line(path: Path) -> None:
    grain = path.read_text().split("\n", 1)[0].removeprefix("-- ").split(":")[0].split(";")[0].strip(". ")
    assert grain[:40] in path.with_suffix(".yml").read_text()
