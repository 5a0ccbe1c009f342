"""The same ledger and the same definitions give the same marts, bit for bit, in whatever order threads work."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks.compare import Comparison
from tests.dbt_project import dbt_build
from tests.oracles.conftest import Built


@pytest.mark.slow
@pytest.mark.parametrize("built", [1], indirect=True)
def test_three_builds_with_several_threads_are_equal(
    built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = built.home / "warehouse.duckdb"
    for threads in ("1", "4"):
        home = tmp_path / threads
        home.mkdir()
        shutil.copy(first, home)  # the ledger and marts of the first build: every model is built anew
        monkeypatch.setenv("PIPELEDGER_DBT_THREADS", threads)
        result = dbt_build.dbt(home, built.companies, definitions=built.definitions, **built.settings)
        assert result.success, result.told[-4000:]
        outcomes = list(Comparison(first, home / "warehouse.duckdb").outcomes())
        assert len(outcomes) > 20
        assert [str(each) for each in outcomes if each.differences] == []
