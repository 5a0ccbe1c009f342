"""Each subject has one folder, by the same name, in four places; a subject reads itself and what stands before it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.dbt_project.each import of_each

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "dbt_project" / "models"
# In the order in which they read each other; those without models are yet to come.
SUBJECTS = (
    "days", "accounts", "opportunities", "pipeline", "velocity", "coverage", "stalls", "wins", "forecast", "revenue",
    "funnel", "attribution", "reconciliation", "calibration", "data_health", "economics", "capacity", "customers",
    "council",
)  # fmt: skip
READ_REPORTS = {"council"}  # what it says of a change, it says of the numbers that people have seen
PLACES = {
    "intermediate": MODELS / "intermediate",
    "marts": MODELS / "marts",
    "docs": MODELS / "docs",
    "oracles": ROOT / "tests" / "oracles",
}
# (reader, read): why it reads a later subject
EXCEPTIONS = {
    ("fct_opportunity_current", "fct_stall_signals"): "an opportunity says how many rules find it stalled today",
    ("rpt_restatements", "fct_mrr_restatements"): "one report says of every number what became of it, MRR included",
}

LOGIC = {path.stem: path for layer in ("intermediate", "marts") for path in sorted((MODELS / layer).rglob("*.sql"))}


def subject(model: str) -> str:
    """The folder of a model."""
    return LOGIC[model].parent.name


def read_by(model: str) -> list[str]:
    """The models of any subject that a model reads."""
    found = re.findall(r"\bref\(\s*'(\w+)'\s*\)", LOGIC[model].read_text())
    return sorted({name for name in found if name in LOGIC})


def folders(place: Path) -> set[str]:
    """The subjects that have something in a place."""
    return {path.name for path in place.iterdir() if path.is_dir() and path.name != "__pycache__"}


def misplaced(model: str, read: str) -> str | None:
    """Why a model must not read another; None where it may."""
    if (model, read) in EXCEPTIONS:
        return None
    if SUBJECTS.index(subject(read)) > SUBJECTS.index(subject(model)):
        return f"{model} ({subject(model)}) reads {read} of a later subject ({subject(read)})"
    if read.startswith("rpt_") and subject(model) not in READ_REPORTS:
        return f"{model} reads a report, {read}"
    return None


def test_there_are_models_in_all_rooms() -> None:
    assert len(LOGIC) > 90
    assert sum(len(read_by(model)) for model in LOGIC) > 200


@pytest.mark.parametrize("place", PLACES)
def test_a_subject_has_the_same_folder_in_every_place(place: str) -> None:
    assert folders(PLACES[place]) == folders(PLACES["marts"])
    assert folders(PLACES[place]) <= set(SUBJECTS)


@pytest.mark.parametrize("place", PLACES)
def test_nothing_of_one_subject_lies_outside_its_folder(place: str) -> None:
    """Models and texts only: what builds companies for several oracles lies beside the folders."""
    outside = {path.name for path in PLACES[place].glob("*") if path.suffix in (".sql", ".yml", ".md")}
    assert outside == set()
    assert all(any(path.iterdir()) for path in PLACES[place].iterdir() if path.is_dir())


@of_each(LOGIC)
def test_a_model_reads_its_own_subject_and_earlier_ones(model: str) -> None:
    assert [reason for read in read_by(model) if (reason := misplaced(model, read))] == []


def test_every_exception_is_needed() -> None:
    for model, read in EXCEPTIONS:
        assert read in read_by(model)
        assert SUBJECTS.index(subject(read)) > SUBJECTS.index(subject(model))
