"""A pack for Apache Superset: the views of schema `bi` as datasets, and one dashboard of eight charts.

Reads the published file; what it says of its views and columns becomes what Superset says of datasets and columns.
Writes a ZIP file that `superset import-dashboards` reads. The files in it are JSON, which is YAML too. Ids follow from
the company's name, so that a pack that is imported again replaces the one before it.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import duckdb

from orchestration.commands.sql import connect, outdated
from orchestration.settings.errors import ConfigError
from reporting.published import LACKS
from snapshots.durable import write_whole

VERSION = "1.0.0"  # of Superset's form
FOLDER = "pipeledger"  # in the ZIP file
WIDTH = 12  # columns of a row of a dashboard
TEMPORAL = ("DATE", "TIMESTAMP")


@dataclass(frozen=True)
class Metric:
    """A number of a dataset, under a name: how it is computed, and how it is written."""

    name: str
    expression: str
    meaning: str
    form: str = "SMART_NUMBER"


@dataclass(frozen=True)
class Chart:
    """A chart on a view, with metrics of the view's dataset, and what is special about its kind."""

    title: str
    view: str
    kind: str
    metrics: Sequence[str] = ()
    special: Mapping[str, Any] = field(default_factory=dict)


METRICS: dict[str, Sequence[Metric]] = {
    "pipeline_today": (
        Metric("open_amount", "SUM(amount)", "The amount of the open opportunities."),
        Metric("open_opportunities", "COUNT(*)", "How many opportunities are open."),
    ),
    "pipeline_month_end": (Metric("open_amount", "SUM(open_amount)", "What was open; split by month."),),
    "pipeline_changes": (Metric("change", "SUM(amount)", "By how much the open pipeline changed."),),
    "decided": (
        Metric("win_rate", "AVG(won)", "Opportunities won by opportunities decided.", ".0%"),
        Metric("won_amount", "SUM(won_amount)", "The amount of what was won."),
    ),
    "customers": (
        Metric("mrr", "SUM(mrr_now)", "Monthly recurring revenue."),
        Metric(
            "nrr",
            "SUM(retained_mrr) / NULLIF(SUM(mrr_a_year_ago), 0)",
            "What those who paid a year ago pay now, by what they paid then.",
            ".1%",
        ),
    ),
    "captured_days": (Metric("missed_days", "SUM(missed)", "Days on which a source was not captured.", ",d"),),
}
CHARTS = (
    (
        Chart("Open pipeline", "pipeline_today", "big_number_total", ["open_amount"]),
        Chart("Net revenue retention", "customers", "big_number_total", ["nrr"]),
        Chart("Days not captured", "captured_days", "big_number_total", ["missed_days"]),
    ),
    (
        Chart(
            "Is there enough for the next quarters?",
            "quarters_today",
            "table",
            special={
                "query_mode": "raw",
                "all_columns": [
                    "fiscal_quarter",
                    "remaining_target_amount",
                    "open_amount",
                    "coverage_ratio",
                    "required_coverage_ratio",
                ],
                "order_by_cols": ['["fiscal_quarter", true]'],
                "show_cell_bars": False,
                "column_config": {
                    **{name: {"d3NumberFormat": ",.0f"} for name in ("remaining_target_amount", "open_amount")},
                    **{name: {"d3NumberFormat": ".2f"} for name in ("coverage_ratio", "required_coverage_ratio")},
                },
            },
        ),
        Chart(
            "Open pipeline by stage",
            "pipeline_today",
            "echarts_timeseries_bar",
            ["open_amount"],
            {"x_axis": "stage", "groupby": ["segment"], "stack": "Stack"},
        ),
    ),
    (
        Chart(
            "Open pipeline at the end of each month",
            "pipeline_month_end",
            "echarts_timeseries_bar",
            ["open_amount"],
            {"x_axis": "month_start_date", "time_grain_sqla": "P1M", "groupby": ["segment"], "stack": "Stack"},
        ),
        Chart(
            "What changed, week by week",
            "pipeline_changes",
            "echarts_timeseries_bar",
            ["change"],
            {"x_axis": "week_start_date", "time_grain_sqla": "P1W", "groupby": ["category"], "stack": "Stack"},
        ),
    ),
    (
        Chart(
            "Win rate by quarter",
            "decided",
            "echarts_timeseries_line",
            ["win_rate"],
            {"x_axis": "fiscal_quarter", "x_axis_sort": "fiscal_quarter", "x_axis_sort_asc": True},
        ),
    ),
)


@dataclass(frozen=True)
class Pack:
    """What names and ids are made of: the company, and the published file where Superset runs."""

    company: str
    file: str

    def id(self, kind: str, name: str = "") -> str:
        """The id of a thing; the same for the same company."""
        return str(uuid5(NAMESPACE_URL, f"pipeledger/{self.company}/{kind}/{name}"))

    @property
    def database(self) -> dict[str, Any]:
        """The published file, read-only and without access to any other file."""
        connect_args = {"read_only": True, "config": {"enable_external_access": "false"}}
        return {
            "database_name": f"Pipeledger: {self.company}",
            "sqlalchemy_uri": f"duckdb:///{self.file}",
            "expose_in_sqllab": True,
            "allow_ctas": False,
            "allow_cvas": False,
            "allow_dml": False,
            "extra": {"allows_virtual_table_explore": True, "engine_params": {"connect_args": connect_args}},
            "uuid": self.id("database"),
            "version": VERSION,
        }

    def dataset(self, view: str, meaning: str, columns: Sequence[tuple[str, str, str | None]]) -> dict[str, Any]:
        """A view with its columns (name, type, meaning) and its metrics."""
        return {
            "table_name": view,
            "schema": "bi",
            "description": meaning,
            "main_dttm_col": next((name for name, kind, _ in columns if kind.startswith(TEMPORAL)), None),
            "columns": [
                {
                    "column_name": name,
                    "type": kind,
                    "description": text,
                    "is_dttm": kind.startswith(TEMPORAL),
                    "groupby": True,
                    "filterable": True,
                }
                for name, kind, text in columns
            ],
            "metrics": [
                {
                    "metric_name": metric.name,
                    "expression": metric.expression,
                    "description": metric.meaning,
                    "d3format": metric.form,
                }
                for metric in METRICS.get(view, ())
            ],
            "uuid": self.id("dataset", view),
            "database_uuid": self.id("database"),
            "version": VERSION,
        }

    def chart(self, chart: Chart) -> dict[str, Any]:
        """A chart of the dashboard."""
        forms = {metric.name: metric.form for metric in METRICS.get(chart.view, ())}
        given: dict[str, Any] = {"viz_type": chart.kind, "row_limit": 10_000, "adhoc_filters": []}
        if chart.kind == "big_number_total":
            given |= {"metric": chart.metrics[0]}
        elif chart.metrics:
            given |= {"metrics": list(chart.metrics), "show_legend": True}
        if chart.metrics:
            given |= {"y_axis_format": forms[chart.metrics[0]]}
        return {
            "slice_name": chart.title,
            "viz_type": chart.kind,
            "params": given | dict(chart.special),
            "uuid": self.id("chart", chart.title),
            "dataset_uuid": self.id("dataset", chart.view),
            "version": VERSION,
        }

    @property
    def dashboard(self) -> dict[str, Any]:
        """The dashboard: the charts in rows."""
        position: dict[str, Any] = {
            "DASHBOARD_VERSION_KEY": "v2",
            "ROOT_ID": {"type": "ROOT", "id": "ROOT_ID", "children": ["GRID_ID"]},
            "GRID_ID": {"type": "GRID", "id": "GRID_ID", "children": [], "parents": ["ROOT_ID"]},
        }
        number = 0
        for place, row in enumerate(CHARTS, 1):
            key = f"ROW-{place}"
            position["GRID_ID"]["children"].append(key)
            position[key] = {
                "type": "ROW",
                "id": key,
                "children": [],
                "parents": ["ROOT_ID", "GRID_ID"],
                "meta": {"background": "BACKGROUND_TRANSPARENT"},
            }
            for chart in row:
                number += 1
                position[key]["children"].append(f"CHART-{number}")
                position[f"CHART-{number}"] = {
                    "type": "CHART",
                    "id": f"CHART-{number}",
                    "children": [],
                    "parents": ["ROOT_ID", "GRID_ID", key],
                    "meta": {
                        "chartId": number,
                        "uuid": self.id("chart", chart.title),
                        "sliceName": chart.title,
                        "width": WIDTH // len(row),
                        "height": 20 if chart.kind == "big_number_total" else 50,
                    },
                }
        return {
            "dashboard_title": f"Pipeline: {self.company}",
            "slug": None,
            "position": position,
            "metadata": {},
            "published": True,
            "uuid": self.id("dashboard"),
            "version": VERSION,
        }


def write_pack(published: Path, target: Path, file: str | None = None) -> int:
    """Write the pack of a published file into `target`; return how many datasets it has.

    `file` is the published file's path where Superset runs, else that of here. ConfigError where nothing is published,
    an older version published it, or `target` is not writable.
    """
    with connect(published) as connection:
        views = list(read_views(connection))
        if not views:
            raise ConfigError(
                f"{published}: no views of schema `bi`, an older version wrote it. Run `pipeledger build`."
            )
        try:
            company, timestamp = connection.execute("select company_name, published_at from about").fetchall()[0]
            ask_as_charts_do(connection)
        except LACKS as error:
            raise outdated(published, error) from error
        pack = Pack(company or "the company", file or str(published.resolve()))
    parts = {
        "metadata": {"version": VERSION, "type": "Dashboard", "timestamp": f"{timestamp.isoformat()}+00:00"},
        "databases/pipeledger": pack.database,
        **{f"datasets/pipeledger/{view}": pack.dataset(view, meaning, columns) for view, meaning, columns in views},
        **{f"charts/{number}": pack.chart(chart) for number, chart in enumerate(chain(*CHARTS), 1)},
        "dashboards/pipeledger": pack.dashboard,
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in parts.items():
            # always the same date, so that the same content is the same file
            entry = zipfile.ZipInfo(f"{FOLDER}/{name}.yaml")
            archive.writestr(entry, json.dumps(content, indent=2, ensure_ascii=False), zipfile.ZIP_DEFLATED)
    try:
        write_whole(target, packed.getvalue())
    except OSError as error:
        raise ConfigError(f"-o: {target} is not writable ({error.strerror}). Name another file.") from error
    return len(views)


def ask_as_charts_do(connection: duckdb.DuckDBPyConnection) -> None:
    """Name every column that a metric or a chart names; DuckDB's error where the file lacks one."""
    expressions = {view: {each.name: each.expression for each in metrics} for view, metrics in METRICS.items()}
    for view, named in expressions.items():
        connection.execute(f"select {', '.join(named.values())} from bi.{view} limit 0")
    for chart in chain(*CHARTS):
        given = chart.special
        columns = [*given.get("all_columns", ()), *given.get("groupby", ())]
        columns += [given["x_axis"]] if "x_axis" in given else []
        connection.execute(f"select {', '.join(columns or ['1'])} from bi.{chart.view} limit 0")


def read_views(
    connection: duckdb.DuckDBPyConnection,
) -> Iterator[tuple[str, str, list[tuple[str, str, str | None]]]]:
    """The views of schema `bi`: name, meaning, and of each column name, type and meaning."""
    for view, meaning in connection.execute(
        "select view_name, comment from duckdb_views() "
        "where database_name = 'pipeline' and schema_name = 'bi' and not internal order by 1"
    ).fetchall():
        yield (
            view,
            meaning,
            connection.execute(
                "select column_name, data_type, comment from duckdb_columns() "
                "where database_name = 'pipeline' and schema_name = 'bi' and table_name = ? order by column_index",
                [view],
            ).fetchall(),
        )
