"""What `pipeledger metrics` says of what it is asked wrongly; each metric against its mart: tests/oracles."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.commands.metrics import list_metrics, metrics_sql, read_model
from orchestration.commands.sql import query_marts
from orchestration.settings.errors import ConfigError
from orchestration.settings.home import Home


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return read_model(Home(tmp_path_factory.mktemp("home")), ["files"])


def test_each_metric_has_a_meaning_and_dimensions_in_short(model: dict[str, Any]) -> None:
    metrics = list_metrics(model)
    assert {"open_amount", "win_rate", "nrr"} <= set(metrics)
    for metric in metrics.values():
        assert metric.meaning.endswith("."), metric.name
        assert {"month", "fiscal_quarter"} < set(metric.dimensions), metric.name
    assert metrics["win_rate"].dimensions["owner_team"] == "outcome__owner_team"


def test_what_must_not_be_added_up_over_days_is_declared_so(model: dict[str, Any]) -> None:
    over_days = {
        measure["name"]: measure["non_additive_dimension"] is not None
        for each in model["semantic_models"]
        if each["name"] in {"pipeline_daily", "coverage", "mrr_monthly", "revenue_retention"}
        for measure in each["measures"]
    }
    assert len(over_days) == 10
    assert all(over_days.values())


@pytest.mark.parametrize(
    ("names", "by", "told"),
    [
        (["open_amont"], [], "metrics: got 'open_amont', the name of a metric expected. Did you mean `open_amount`?"),
        (
            ["open_amount"],
            ["segmnt"],
            "metrics: --by: got 'segmnt', a dimension of all metrics expected. Did you mean `segment`?",
        ),
        (
            ["open_amount", "win_rate"],
            ["segment"],
            "metrics: --by: got 'segment', a dimension of all metrics expected.",
        ),
    ],
)
def test_a_name_that_is_none_is_told(model: dict[str, Any], names: list[str], by: list[str], told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        metrics_sql(model, names, by)
    assert str(refused.value).startswith(told)


def test_metrics_of_two_marts_share_their_periods_and_days(model: dict[str, Any]) -> None:
    sql = metrics_sql(model, ["open_amount", "won_amount"], ["month"], date(2026, 1, 1), date(2026, 3, 31))
    assert sql.startswith("select metric_time__month::date as month, open_amount, won_amount")
    assert sql.count("2026-01-01") == sql.count("2026-03-31") >= 2


def test_without_metricflow_the_command_says_how_to_install_it(
    model: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("metricflow.engine")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "metricflow", None)
    with pytest.raises(ConfigError, match=r"MetricFlow expected.*pip install 'pipeledger\[metrics\]'"):
        metrics_sql(model, ["open_amount"])


@pytest.mark.parametrize(
    ("table", "lacks"),
    [(None, "table fct_pipeline_daily"), ("select date '2026-03-05' as snapshot_date", "column")],
)
def test_a_published_file_of_an_older_version_is_told(
    model: dict[str, Any], tmp_path: Path, table: str | None, lacks: str
) -> None:
    published = tmp_path / "pipeline.duckdb"
    with duckdb.connect(str(published)) as connection:
        connection.execute("create schema marts")
        if table:
            connection.execute(f"create table marts.fct_pipeline_daily as {table}")
    told = (
        rf"{published}: it has no {lacks}.*, and this version expects one: an older version wrote it. Run `pipeledger"
    )
    with pytest.raises(ConfigError, match=told):
        query_marts(published, metrics_sql(model, ["open_amount"]), is_ours=True)
