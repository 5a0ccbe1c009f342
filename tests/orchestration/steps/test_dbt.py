"""Definitions assembled, variables passed: structure is checked here, meaning is dbt's."""

import json
import os
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from dbt.contracts.graph.nodes import SeedNode

from ingestion.source import Dialect
from orchestration.settings.config import EntityConfig, load_config
from orchestration.settings.errors import ConfigError
from orchestration.settings.home import Home
from orchestration.settings.settings import Settings
from orchestration.steps import dbt
from orchestration.steps.build import NothingCapturedError, before_build
from orchestration.steps.dbt import (
    DEFAULT_DEFINITIONS,
    assemble_definitions,
    dbt_vars,
    dialects,
    parsed_manifest,
    parsed_project,
    project_fingerprint,
)
from tests.orchestration.conftest import STAGES, Desk

VARIABLES = {"time_zone": "Europe/Vienna", "base_currency": "EUR", "sources": {"crm": {"type": "files"}}}


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path, Path]:
    """The user's folder, the defaults and the target."""
    own, defaults, target = tmp_path / "own", tmp_path / "defaults", tmp_path / "target"
    own.mkdir()
    defaults.mkdir()
    (defaults / "targets.csv").write_text("fiscal_quarter,target_amount,owner\n")
    (defaults / "segments.csv").write_text("segment,priority,owner\nSMB,1,\n")
    return own, defaults, target


def test_a_company_s_file_wins_and_the_default_stands_in_for_a_missing_one(folders: tuple[Path, Path, Path]) -> None:
    own, defaults, target = folders
    (own / "targets.csv").write_text("target_amount,fiscal_quarter,owner\n100,FY2026-Q1,ann\n")
    found = assemble_definitions(own, target, defaults)
    assert [(definition.name, definition.is_default) for definition in found] == [
        ("segments.csv", True),
        ("targets.csv", False),
    ]
    assert (target / "targets.csv").read_text().endswith("100,FY2026-Q1,ann\n")
    assert (target / "segments.csv").read_text() == (defaults / "segments.csv").read_text()


def test_what_is_no_definition_any_more_leaves_the_target(folders: tuple[Path, Path, Path]) -> None:
    own, defaults, target = folders
    target.mkdir()
    (target / "stale.csv").touch()
    assemble_definitions(own, target, defaults)
    assert sorted(path.name for path in target.iterdir()) == ["segments.csv", "targets.csv"]


def test_a_file_saved_by_a_spreadsheet_with_a_byte_order_mark_is_read(folders: tuple[Path, Path, Path]) -> None:
    own, defaults, target = folders
    (own / "targets.csv").write_bytes(b"\xef\xbb\xbffiscal_quarter,target_amount,owner\r\nFY2026-Q1,1,\r\n")
    assemble_definitions(own, target, defaults)
    assert (target / "targets.csv").read_bytes().startswith(b"fiscal_quarter")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("targets.csv", b"fiscal_quarter;target_amount;owner\n", "column `fiscal_quarter` missing"),
        ("targets.csv", b"fiscal_quarter,owner\n", "column `target_amount` missing"),
        ("targets.csv", b"fiscal_quarter,target_amount,owner,ownr\n", "Did you mean `owner`?"),
        ("targets.csv", b"fiscal_quarter,target_amount,owner,owner\n", "column `owner` twice"),
        ("targets.csv", b"", "missing"),
        ("targets.csv", b"fiscal_quarter,target_amount,own\xe9r\n", "not UTF-8"),
        ("target.csv", b"fiscal_quarter\n", "Did you mean `targets.csv`? Rename the file."),
    ],
)
def test_a_file_that_is_nearly_right_is_named(
    folders: tuple[Path, Path, Path], name: str, content: bytes, says: str
) -> None:
    own, defaults, target = folders
    (own / name).write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        assemble_definitions(own, target, defaults)
    assert says in str(caught.value)
    assert str(own / name) in str(caught.value)


def test_a_note_beside_the_definitions_disturbs_nobody(folders: tuple[Path, Path, Path]) -> None:
    own, defaults, target = folders
    (own / "meeting notes of march.csv").write_text("anything\n")
    assert len(assemble_definitions(own, target, defaults)) == 2


def test_every_default_ends_with_the_governed_columns() -> None:
    for path in DEFAULT_DEFINITIONS.glob("*.csv"):
        assert path.read_text().splitlines()[0].split(",")[-3:] == ["valid_from", "owner", "definition"], path.name


def test_mappings_reach_dbt_as_ours_to_landed(tmp_path: Path) -> None:
    path = tmp_path / "pipeledger.toml"
    path.write_text(
        '[company]\ntime_zone = "UTC"\n[sources.crm]\ntype = "files"\npath = "x"\n'
        '[sources.crm.entities.opportunity]\ncolumns = { "Deal Stage" = "stage" }\n'
    )
    variables = json.loads(dbt_vars(load_config(path, {})))
    assert variables["sources"]["crm"]["type"] == "files"
    assert variables["sources"]["crm"]["columns"] == {"opportunity": {"stage": "deal_stage"}}
    assert variables["sources"]["crm"]["dialects"]["opportunity"] == {
        "readings": "",
        "is_unsure": True,
        "has_currency": False,
    }
    assert variables["fiscal_year_start_month"] == 1


def test_a_dialect_reaches_the_models_by_the_name_of_its_readings(tmp_path: Path) -> None:
    path = tmp_path / "pipeledger.toml"
    path.write_text('[company]\ntime_zone = "UTC"\n[sources.crm]\ntype = "files"\npath = "x"\n')
    config = load_config(path, {})
    german = Dialect(decimal=",", currency_prefix=True, null_values=("-",))
    crm = replace(config.sources["crm"], common={"opportunity": EntityConfig(dialect=german)})
    config = replace(config, sources={"crm": crm})
    named = dialects(config)
    assert asdict(named["crm.opportunity"]) == asdict(german)
    assert json.loads(dbt_vars(config))["sources"]["crm"]["dialects"]["opportunity"] == {
        "readings": "crm.opportunity",
        "is_unsure": False,
        "has_currency": True,
    }


def test_steps_of_the_lifecycle_reach_dbt(tmp_path: Path) -> None:
    path = tmp_path / "pipeledger.toml"
    path.write_text(
        '[company]\ntime_zone = "UTC"\n[sources.mkt]\ntype = "marketo"\nbase_url = "https://127.0.0.1"\n'
        'lifecycle_field = "Status__c"\nlifecycle = { "Sales Qualified" = "sql_at" }\n'
    )
    found = json.loads(dbt_vars(load_config(path, {})))["sources"]["mkt"]
    assert (found["lifecycle_field"], found["lifecycle"]) == ("Status__c", {"Sales Qualified": "sql_at"})


def test_each_attempt_at_a_build_reads_the_definitions_anew(desk: Desk) -> None:
    settings = Settings(load_config(desk.folder / "pipeledger.toml", {}), Home(desk.home))
    prepared = desk.home / "definitions_assembled" / "stage_definitions.csv"
    prepared.parent.mkdir(parents=True)
    prepared.write_text("-- what dbt leaves behind")
    with pytest.raises(NothingCapturedError):
        before_build(settings)
    assert prepared.read_text() == STAGES


def test_models_of_a_large_company_are_built_one_at_a_time(tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse.duckdb"
    assert dbt.one_at_a_time(warehouse) == []
    warehouse.touch()
    os.truncate(warehouse, dbt.LARGE_WAREHOUSE)
    assert dbt.one_at_a_time(warehouse) == []
    os.truncate(warehouse, dbt.LARGE_WAREHOUSE + 1)
    assert dbt.one_at_a_time(warehouse) == ["--threads", "1"]


def test_a_new_home_reads_what_set_up_had_dbt_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tmp_path / "installed" / f"{project_fingerprint()}-files"
    made.mkdir(parents=True)
    monkeypatch.setattr(dbt, "INSTALLED", made.parent)
    monkeypatch.delenv("PIPELEDGER_CACHE")
    assert parsed_project(Home(tmp_path / "home"), ["files"]) == made
    assert not (tmp_path / "home").exists()


def test_homes_share_what_dbt_read_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    (cache / "of-an-earlier-version").mkdir(parents=True)
    monkeypatch.setenv("PIPELEDGER_CACHE", str(cache))
    ignored = shutil.ignore_patterns("models", "checks", "tests")
    without_models = shutil.copytree(dbt.PROJECT, tmp_path / "project", ignore=ignored)
    monkeypatch.setattr(dbt, "PROJECT", without_models)  # dbt reads it in a second
    found = parsed_project(Home(tmp_path / "one"), ["files"])
    written = (found / "manifest.json").stat().st_mtime_ns
    assert parsed_project(Home(tmp_path / "two"), ["files", "files"]) == found
    assert (found / "manifest.json").stat().st_mtime_ns == written
    assert list(cache.iterdir()) == [found]
    seeds = [
        node for node in parsed_manifest(Home(tmp_path / "two"), VARIABLES).nodes.values() if isinstance(node, SeedNode)
    ]
    assert {Path(str(seed.root_path), seed.original_file_path).parent for seed in seeds} == {
        Home(tmp_path / "two").definitions
    }


@pytest.mark.parametrize("with_unit_tests", [True, False])
def test_what_is_kept_for_dbt_has_every_macro_that_is_called_and_no_texts(
    tmp_path: Path, *, with_unit_tests: bool
) -> None:
    manifest = parsed_manifest(Home(tmp_path), VARIABLES, with_unit_tests=with_unit_tests)
    users = [*manifest.nodes.values(), *manifest.macros.values()]
    assert {macro for user in users for macro in user.depends_on.macros} <= manifest.macros.keys()
    assert "macro.dbt.create_schema" in manifest.macros
    assert "macro.dbt.get_fixture_sql" in manifest.macros
    assert ("macro.dbt.materialization_unit_default" in manifest.macros) == with_unit_tests
    assert bool(manifest.unit_tests) == with_unit_tests
    assert "macro.dbt.materialization_snapshot_default" not in manifest.macros
    columns = [column for node in manifest.nodes.values() for column in node.columns.values()]
    assert any(column.data_type for column in columns)
    assert {column.description for column in columns} == {""}


def test_the_manifest_of_a_build_has_sql_in_the_place_of_templates_and_of_checks(tmp_path: Path) -> None:
    whole, build = (
        parsed_manifest(Home(tmp_path), VARIABLES, with_unit_tests=with_unit_tests) for with_unit_tests in (True, False)
    )
    of_models = {name: node.raw_code for name, node in build.nodes.items() if name.startswith("model.")}
    assert "{{" in of_models["model.pipeledger.stg_account"]  # asks which columns the ledger has
    assert 'from "warehouse"."intermediate"."int_calendar"' in of_models["model.pipeledger.dim_date"]
    assert "timezone('Europe/Vienna'," in of_models["model.pipeledger.int_opportunity_states"]
    check = "model.pipeledger.pushes_are_counted_alike"
    test = "test.pipeledger.invariants_of_stalls"
    assert check in whole.nodes[test].depends_on_nodes
    assert check not in build.nodes
    assert set(whole.nodes[check].depends_on_nodes) < set(build.nodes[test].depends_on_nodes)
    assert "__dbt__cte__pushes_are_counted_alike as (" in build.nodes[test].raw_code
