"""The published file as a Dagster asset, behind all marts.

Comes from dbt's manifest, which names the marts; goes to `company.py` and `jobs.py`.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from orchestration.dag.assets import POOL, SOLE_WRITER, freshness
from orchestration.dag.models import Translator
from orchestration.settings.settings import Settings
from orchestration.steps.publish import Published, publish_marts

KEY = dg.AssetKey(["published", "pipeline"])


def published_asset(settings: Settings, manifest: Mapping[str, Any]) -> dg.AssetsDefinition:
    """The asset of the published file, which all marts lead to."""
    translator = Translator(settings)
    marts = [
        translator.get_asset_key(node)
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["schema"] == "marts"
    ]

    @dg.asset(
        key=KEY,
        deps=marts,
        group_name="published",
        description="The file that analysts and BI tools open, read-only: all marts, swapped in at once.",
        kinds={"duckdb"},
        owners=settings.config.alerts.owners,
        freshness_policy=freshness(),
        required_resource_keys={SOLE_WRITER},
        pool=POOL,
    )
    def published_pipeline(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        return publish(context.op_execution_context, settings, manifest)

    return published_pipeline


def publish(
    context: dg.OpExecutionContext, settings: Settings, manifest: Mapping[str, Any]
) -> dg.MaterializeResult[Any]:
    """Put the marts in place and give the materialization with their rows."""
    done = publish_marts(settings, manifest)
    context.log.info(f"published: {len(done.rows)} marts, {sum(done.rows.values()):,} rows, {done.path}")
    return dg.MaterializeResult(asset_key=KEY, metadata=published_metadata(done))


def published_metadata(done: Published) -> dict[str, dg.MetadataValue]:
    """Path, size and the rows of each mart."""
    records = [dg.TableRecord({"mart": name, "rows": rows}) for name, rows in done.rows.items()]
    schema = dg.TableSchema([dg.TableColumn("mart", "string"), dg.TableColumn("rows", "int")])
    return {
        "path": dg.MetadataValue.path(str(done.path)),
        "bytes": dg.MetadataValue.int(done.bytes),
        "dagster/row_count": dg.MetadataValue.int(sum(done.rows.values())),
        "marts": dg.MetadataValue.table(records, schema=schema),
    }
