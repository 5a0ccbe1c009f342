"""Every model says in its yml what one row of it is: in the first sentence, and as the columns that are its key.

That no two rows share a key is tested on whole companies: in `tests/oracles/test_no_doubles.py`, and for the models of
vendors in the tests of each vendor's company. In a user's build only the marts are tested, all by one test.
"""

from __future__ import annotations

import re

import pytest

from tests.dbt_project.each import of_each
from tests.dbt_project.grain import MODELS, PROJECT, described_models, grain

DESCRIBED = described_models()
# Marts whose grain no user's build tests, with the reason.
TESTED_IN_CI_ONLY = {
    "fct_opportunity_history": "a second on millions of versions; history_has_one_row_per_version counts them",
}


def test_every_model_is_described() -> None:
    assert set(DESCRIBED) == {path.stem for path in MODELS.rglob("*.sql")}
    assert len(DESCRIBED) > 130


@of_each(DESCRIBED)
def test_the_first_sentence_of_a_model_is_its_grain(name: str) -> None:
    text = " ".join(DESCRIBED[name]["description"].split())
    assert text.startswith("One row per ")
    assert text.endswith(".")


@of_each(DESCRIBED)
def test_a_model_names_the_columns_of_its_grain(name: str) -> None:
    columns = grain(DESCRIBED[name])
    assert columns
    assert len(columns) == len(set(columns))
    known = {column["name"] for column in DESCRIBED[name].get("columns", ())}
    assert not known or set(columns) <= known


def test_a_build_tests_the_grain_of_every_mart() -> None:
    text = (PROJECT / "tests" / "marts_have_one_row_per_key.sql").read_text()
    tested = re.findall(r"^    '(\w+)'", text, re.MULTILINE)
    marts = {name for name, model in DESCRIBED.items() if model["layer"] == "marts"}
    assert sorted(tested) == sorted(marts - set(TESTED_IN_CI_ONLY))


NUMBERS = ("integer", "bigint", "decimal")
REPORTS = {
    name: model
    for name, model in DESCRIBED.items()
    if model["layer"] == "marts" and name.startswith("rpt_") and "segment" in grain(model)
}


@of_each(REPORTS)
def test_a_report_says_which_of_its_measures_sum_over_segments(name: str) -> None:
    meta = REPORTS[name]["config"]["meta"]
    numbers = {column["name"] for column in REPORTS[name]["columns"] if column["data_type"].startswith(NUMBERS)}
    measures = numbers - set(grain(REPORTS[name]))
    assert meta["additive"]
    assert sorted([*meta["additive"], *meta["not_additive"]]) == sorted(measures)


def test_a_build_sums_the_segments_of_every_report() -> None:
    text = (PROJECT / "tests" / "segments_sum_to_the_whole.sql").read_text()
    assert sorted(re.findall(r"^    '(rpt_\w+)',$", text, re.MULTILINE)) == sorted(REPORTS)


@pytest.mark.parametrize("kind", ["findings", "invariants"])
def test_a_build_asks_every_check(kind: str) -> None:
    checks = {path.stem for path in (PROJECT / "checks" / kind).rglob("*.sql")}
    asked = [
        name
        for path in (PROJECT / "tests").glob("*.sql")
        for name in re.findall(r"^    '(\w+)'", path.read_text(), re.MULTILINE)
        if name in checks
    ]
    assert checks
    assert sorted(asked) == sorted(checks)
