"""Every model says in its yml what one row of it is: in the first sentence, and as the columns that are its key.

That no two rows share a key is tested on whole companies: in `tests/oracles/test_no_doubles.py`, and for the models of
vendors in the tests of each vendor's company. In a user's build only the marts are tested (`unique_together`).
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.dbt_project.grain import MODELS, described_models, grain

DESCRIBED = described_models()
# Marts whose grain no user's build tests, with the reason.
TESTED_IN_CI_ONLY = {
    "fct_opportunity_history": "a second on millions of versions; history_has_one_row_per_version counts them",
}


def unique_together(model: dict[str, Any]) -> list[list[str]]:
    """The columns of each `unique_together` of a model."""
    tests = [test["unique_together"] for test in model.get("data_tests", ()) if "unique_together" in test]
    return [test["arguments"]["columns"] for test in tests]


def test_every_model_is_described() -> None:
    assert set(DESCRIBED) == {path.stem for path in MODELS.rglob("*.sql")}
    assert len(DESCRIBED) > 130


@pytest.mark.parametrize("name", DESCRIBED)
def test_the_first_sentence_of_a_model_is_its_grain(name: str) -> None:
    text = " ".join(DESCRIBED[name]["description"].split())
    assert text.startswith("One row per ")
    assert text.endswith(".")


@pytest.mark.parametrize("name", DESCRIBED)
def test_a_model_names_the_columns_of_its_grain(name: str) -> None:
    columns = grain(DESCRIBED[name])
    assert columns
    assert len(columns) == len(set(columns))
    known = {column["name"] for column in DESCRIBED[name].get("columns", ())}
    assert not known or set(columns) <= known


@pytest.mark.parametrize("name", [name for name, model in DESCRIBED.items() if model["layer"] == "marts"])
def test_a_build_tests_the_grain_of_every_mart(name: str) -> None:
    tested = unique_together(DESCRIBED[name])
    assert tested == ([] if name in TESTED_IN_CI_ONLY else [grain(DESCRIBED[name])])


def test_a_build_tests_the_grain_of_nothing_else() -> None:
    """Each test costs a build as much as a small model."""
    tested = {name for name, model in DESCRIBED.items() if unique_together(model)}
    assert {DESCRIBED[name]["layer"] for name in tested} == {"marts"}
