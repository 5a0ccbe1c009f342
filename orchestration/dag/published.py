"""The published file and the report beside it as Dagster assets, behind all marts.

Comes from dbt's manifest, which names the marts; goes to `company.py` and `jobs.py`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from orchestration.dag.assets import POOL, SOLE_WRITER, freshness
from orchestration.dag.models import asset_key
from orchestration.settings.settings import Settings
from orchestration.steps.publish import Published, publish_marts
from orchestration.steps.report import write_reports
from orchestration.steps.share import share

KEY = dg.AssetKey(["published", "pipeline"])
REPORT_KEY = dg.AssetKey(["published", "report"])


def published_assets(settings: Settings, manifest: Mapping[str, Any]) -> dg.AssetsDefinition:
    """The published file, which all marts lead to, and the report, which reads it."""
    marts = [
        asset_key(node)
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["schema"] == "marts"
    ]

    @dg.multi_asset(
        name="published",
        specs=[
            dg.AssetSpec(
                KEY,
                deps=marts,
                group_name="published",
                description="The file that analysts and BI tools open, read-only: all marts, swapped in at once.",
                kinds={"duckdb"},
                owners=settings.config.alerts.owners,
                freshness_policy=freshness(),
            ),
            dg.AssetSpec(
                REPORT_KEY,
                deps=[KEY],
                group_name="published",
                description="A page for people: whether the quarter is safe, what changed and what to do.",
                kinds={"html"},
                owners=settings.config.alerts.owners,
                freshness_policy=freshness(),
            ),
        ],
        required_resource_keys={SOLE_WRITER},
        pool=POOL,
    )
    def published_pipeline(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        yield from publish(context.op_execution_context, settings, manifest)

    return published_pipeline


def publish(
    context: dg.OpExecutionContext, settings: Settings, manifest: Mapping[str, Any]
) -> Iterator[dg.MaterializeResult[Any]]:
    """Put the marts in place, then the report; give the materialization of each; then share both, if that is wished."""
    done = publish_marts(settings, manifest)
    context.log.info(f"published: {len(done.rows)} marts, {sum(done.rows.values()):,} rows, {done.path}")
    yield dg.MaterializeResult(asset_key=KEY, metadata=published_metadata(done))
    page = write_reports(done.path)
    metadata = {"path": dg.MetadataValue.path(str(page.path)), "bytes": dg.MetadataValue.int(page.bytes)}
    yield dg.MaterializeResult(asset_key=REPORT_KEY, metadata=metadata)
    if settings.config.share is not None:
        shared = share(settings.home, settings.config.share)
        context.log.info(f"shared: {len(shared.files)} files, {settings.config.share}, run {shared.run}")


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
