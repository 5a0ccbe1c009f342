"""The notebook in docs/: every cell runs on the demo, and what it shows is what the marts say."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from reporting.published import open_published
from tests.docs.printed import ROOT, Reader

NOTEBOOK = ROOT / "docs" / "quarterly_review.py"


@pytest.fixture
def shown(published: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What its cells define."""
    monkeypatch.setenv("PIPELEDGER_HOME", str(published.parents[1]))
    spec = importlib.util.spec_from_file_location(NOTEBOOK.stem, NOTEBOOK)
    assert spec is not None
    assert spec.loader is not None
    notebook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(notebook)
    _, defined = notebook.app.run()
    return dict(defined)


def test_every_table_has_rows_and_its_numbers_are_those_of_the_marts(published: Path, shown: dict[str, Any]) -> None:
    tables = re.findall(r"^    (\w+) = company\.sql\(\n?", NOTEBOOK.read_text(), re.MULTILINE)
    assert {"made", "due", "changes", "rates", "restated", "forecasts", "retention", "ahead"} <= set(tables)
    assert [name for name in tables if len(shown[name]) == 0] == []
    with open_published(published) as connection:
        (quarter,) = connection.execute(
            "select distinct fiscal_quarter from dim_date where is_previous_fiscal_quarter"
        ).fetchone() or ("none",)
        won, rate = connection.execute(
            "select won, win_rate from rpt_win_rate where fiscal_quarter = ? and segment = '(all)' "
            "and dimension = '(all)'",
            [quarter],
        ).fetchone() or (0, 0)
    assert shown["quarter"].fiscal_quarter == quarter
    assert (shown["rates"].won[0], shown["rates"].win_rate[0]) == (won, rate)
    assert shown["made"].segment[0] == "(all)"
    assert shown["due"].due.sum() == pytest.approx(shown["due"].drop(columns=["forecast_category", "due"]).sum().sum())


def test_it_becomes_a_page_without_a_browser(demo: Reader, tmp_path: Path) -> None:
    notebook, page = tmp_path / NOTEBOOK.name, tmp_path / "review.html"
    shutil.copy(NOTEBOOK, notebook)  # marimo leaves a folder beside it
    demo.type(f"PIPELEDGER_HOME=.pipeledger-demo .venv/bin/marimo export html {notebook} -o {page} --no-include-code")
    assert "Quarterly review" in page.read_text(encoding="utf-8")
