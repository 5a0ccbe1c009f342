"""The marts by what is promised of their speed."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.groups import MARTS, groups, selected


def test_each_mart_belongs_to_one_group() -> None:
    found = groups()
    named = [name for group in found.values() for name in group]
    assert sorted(named) == sorted(file.stem for file in MARTS.glob("*/*.sql"))
    assert {"fct_pipeline_daily", "rpt_stall_patterns"} <= found["first"]
    assert {"rpt_win_rate", "rpt_restatements"} <= found["sales"]
    assert {"fct_attribution", "rpt_handoff_sla"} <= found["marketing"]


def test_a_mart_that_is_named_and_not_there_ends_the_benchmark(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="rpt_score_calibration"):
        groups(tmp_path)


def test_what_is_built_before_is_left_out() -> None:
    assert selected({"b", "a"}, without={"c"}) == ["--select", "+a", "+b", "--exclude", "+c"]
    assert selected({"a"}) == ["--select", "+a"]
