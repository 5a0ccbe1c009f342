"""Contracts: a model whose query gives something else than its contract says is not built."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.settings.home import Home
from orchestration.steps import dbt
from tests.dbt_project import dbt_build
from tests.dbt_project.ledger_cache import Company

MODEL = "model.pipeledger.stg_targets"
BROKEN = "enforced contract that failed"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of a company without a single record, its definitions loaded."""
    home = tmp_path_factory.mktemp("contracts")
    assert dbt_build.run(home, [Company("crm", {})], command=("seed", "--select", "targets")).success
    return home


def build_with(home: Path, data_type: str | None, monkeypatch: pytest.MonkeyPatch) -> dbt_build.Result:
    """Builds the targets where their contract says `data_type` of their amount, or nothing of it (None).

    The query takes its types from the contract, so it is written out here.
    """
    manifest = dbt.parsed_manifest(Home(home.resolve()), dbt_build.variables([Company("crm", {})]))
    node = manifest.nodes[MODEL]
    node.raw_code = (
        "select fiscal_quarter, segment, cast(target_amount as decimal(18, 2)) as target_amount, "
        "cast(valid_from as date) as valid_from, owner, definition from {{ ref('targets') }}"
    )
    if data_type is None:
        del node.columns["target_amount"]
    else:
        node.columns["target_amount"].data_type = data_type
    monkeypatch.setattr(dbt, "parsed_manifest", lambda *arguments, **options: manifest)
    return dbt_build.dbt(home, [Company("crm", {})], command=("run", "--select", "stg_targets"))


@pytest.mark.parametrize("data_type", ["decimal(18, 2)", "DECIMAL(18,2)", "numeric(18, 2)"])
def test_a_type_may_be_called_as_the_engine_knows_it(
    home: Path, data_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = build_with(home, data_type, monkeypatch)
    assert result.success, result.told


@pytest.mark.parametrize("data_type", ["decimal(18, 3)", "double", None])
def test_another_type_or_a_column_too_many_is_told(
    home: Path, data_type: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = build_with(home, data_type, monkeypatch)
    assert not result.success
    assert BROKEN in result.told
    assert "target_amount" in result.told
