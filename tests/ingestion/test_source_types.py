"""What is said of source types outside Python is what `source_types.py` says, and reading it costs nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from ingestion.entities import ENTITIES
from ingestion.source import RecordedHistory
from ingestion.source_types import LANDED, SOURCE_TYPES, VENDORS
from orchestration.settings.config import KINDS
from snapshots.reconstruct import History

ROOT = Path(__file__).parents[2]
DBT = ROOT / "dbt_project"


def test_the_ledger_s_relations_are_those_that_are_landed() -> None:
    listed = re.findall(r"- name: (\w+?__\w+)", (DBT / "models" / "staging" / "_ledger.yml").read_text())
    assert listed == [f"{name}__{entity}" for name, entities in LANDED.items() for entity in entities]


def test_a_vendor_s_models_exist_where_a_source_of_its_type_is_configured() -> None:
    found = re.findall(r'^ +(\w+):\n +\+enabled: "(.*)"$', (DBT / "dbt_project.yml").read_text(), re.MULTILINE)
    assert dict(found) == {
        name: f"{{{{ '{name}' in (var('sources', {{}}).values() | map(attribute='type') | list) }}}}"
        for name in VENDORS
    }


@pytest.mark.parametrize("name", SOURCE_TYPES)
def test_a_type_is_whole(name: str) -> None:
    of = SOURCE_TYPES[name]
    assert find_spec(f"{of.package}.source")
    assert len(set(of.entities)) == len(of.entities) > 0
    assert all(option.kind in KINDS for option in of.options.values())
    assert set(of.together) <= set(of.options)
    assert bool(of.secrets) == (name in VENDORS)
    if of.is_canonical:
        assert of.entities == tuple(ENTITIES)


@pytest.mark.parametrize("name", VENDORS)
def test_a_vendor_s_objects_are_what_it_lands_and_its_past_is_of_them(name: str) -> None:
    of = SOURCE_TYPES[name]
    objects = import_module(f"{of.package}.objects")
    assert {*objects.OBJECTS, *getattr(objects, "TABLES", ())} == set(of.entities)
    assert of.has_past == hasattr(objects, "PAST")
    if of.has_past:
        assert {objects.PAST.entity, *(each.entity for each in objects.PAST.histories)} <= set(of.entities)


def test_a_history_of_a_source_is_one_that_the_ledger_reads() -> None:
    assert [(each.name, each.default) for each in fields(RecordedHistory)] == [
        (each.name, each.default) for each in fields(History)
    ]


def test_reading_the_types_loads_no_vendor_and_nothing_heavy() -> None:
    asked = "import sys, ingestion.source_types; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "ingestion.source_types" in loaded
    heavy = (
        r"(dlt|pandas|pyarrow|duckdb|requests|numpy|dagster)(\..*)?|ingestion\.(vendors|files|demo_company|landing).*"
    )
    assert [name for name in loaded if re.fullmatch(heavy, name)] == []
