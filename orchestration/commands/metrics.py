"""The metrics of the semantic model: what each means, by what it can be split, and its values in the published file.

The models lie in `dbt_project/models/metrics`, and dbt's reading of them says what there is. MetricFlow makes the SQL,
so a metric is computed in one way whatever it is split by: of what must not be added up over days, the last day of each
period counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from types import SimpleNamespace
from typing import Any, cast

from orchestration.settings.config import nearest
from orchestration.settings.errors import ConfigError
from orchestration.settings.home import Home
from orchestration.steps.dbt import parsed_project

DATES = ("day", "week", "month", "quarter", "year")  # each named by its first day
PERIODS = (*DATES, "fiscal_quarter")
INSTALL = "Install it: pip install 'pipeledger[metrics]', or `make setup-metrics` in the source tree"


@dataclass(frozen=True)
class Metric:
    """A metric: what it means, and by what it can be split, each as MetricFlow calls it."""

    name: str
    meaning: str
    dimensions: Mapping[str, str]


def read_model(home: Home, types: Iterable[str]) -> dict[str, Any]:
    """The semantic model as dbt reads it where there are sources of these `types`, on the published file's tables."""
    model: dict[str, Any] = json.loads((parsed_project(home, types) / "semantic_manifest.json").read_text())
    for each in (*model["semantic_models"], *model["project_configuration"]["time_spines"]):
        each["node_relation"]["relation_name"] = f'"pipeline"."marts"."{each["node_relation"]["alias"]}"'
    return model


def list_metrics(model: Mapping[str, Any]) -> dict[str, Metric]:
    """Every metric by name, in the order of the names."""
    measured = {measure["name"]: each for each in model["semantic_models"] for measure in each["measures"]}
    metrics = {each["name"]: each for each in model["metrics"]}

    def dimensions(name: str) -> dict[str, str]:
        given = metrics[name]["type_params"]
        if given["measure"] is None:
            both = [dimensions(given[part]["name"]) for part in ("numerator", "denominator")]
            return {short: full for short, full in both[0].items() if both[1].get(short) == full}
        source = measured[given["measure"]["name"]]
        return {
            each["name"]: f"{source['primary_entity']}__{each['name']}"
            for each in source["dimensions"]
            if each["type"] == "categorical"
        } | {period: f"metric_time__{period}" for period in PERIODS}

    return {name: Metric(name, metrics[name]["description"], dimensions(name)) for name in sorted(metrics)}


def metrics_sql(
    model: Mapping[str, Any],
    names: Sequence[str],
    by: Sequence[str] = (),
    first: date | None = None,
    last: date | None = None,
) -> str:
    """The SQL that gives metrics, split by dimensions and periods, of the days from `first` to `last`.

    ConfigError for a name that no metric has, a dimension that not all of the metrics have, or no MetricFlow.
    """
    known = list_metrics(model)
    for name in names:
        if name not in known:
            raise ConfigError(f"metrics: got {name!r}, the name of a metric expected. {nearest(name, known)}")
    common = dict(set.intersection(*(set(known[name].dimensions.items()) for name in names)))
    for each in by:
        if each not in common:
            raise ConfigError(
                f"metrics: --by: got {each!r}, a dimension of all metrics expected. {nearest(each, common)}"
            )
    columns = [f"{common[each]}{'::date' if each in DATES else ''} as {each}" for each in by]
    inner = compiled(model, names, [common[each] for each in by], first, last)
    return f"select {', '.join([*columns, *names])}\nfrom (\n{inner}\n)\norder by all nulls last"


def compiled(
    model: Mapping[str, Any], names: Sequence[str], by: Sequence[str], first: date | None, last: date | None
) -> str:
    """MetricFlow's SQL for a query, all names as MetricFlow calls them."""
    try:
        from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
        from metricflow.protocols.sql_client import SqlClient, SqlEngine
        from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
        from metricflow_semantic_interfaces.implementations.semantic_manifest import PydanticSemanticManifest
        from metricflow_semantic_interfaces.transformations.semantic_manifest_transformer import (
            PydanticSemanticManifestTransformer,
        )
        from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup
    except ImportError as error:
        raise ConfigError(f"metrics: no package `{error.name}`, MetricFlow expected. {INSTALL}.") from error
    manifest = PydanticSemanticManifestTransformer.transform(PydanticSemanticManifest.parse_obj(model))
    # We run the SQL ourselves, so the client only says which dialect it is.
    dialect = SimpleNamespace(sql_engine_type=SqlEngine.DUCKDB, sql_plan_renderer=DuckDbSqlPlanRenderer())
    request = MetricFlowQueryRequest.create(
        metric_names=list(names),
        group_by_names=list(by),
        time_constraint_start=datetime.combine(first, time.min) if first else None,
        time_constraint_end=datetime.combine(last, time.min) if last else None,
    )
    plan = MetricFlowEngine(SemanticManifestLookup(manifest), cast("SqlClient", dialect)).explain(request)
    return str(plan.sql_statement.without_descriptions.sql)
