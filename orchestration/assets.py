"""The company as Dagster assets: what was landed, the ledger, its intervals, the models, the published file.

Comes from the settings and dbt's manifest; every function here calls one of `pipeline.py` and returns
metadata. A source that fails leaves its landing and ledger assets without a new day (a visible hole) and a
failed check; its intervals are yielded all the same, so that the marts are built from what the ledger
holds.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.metadata import version
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtCliResource, DbtProject, dbt_assets
from packaging.version import Version

from orchestration import pipeline
from orchestration.config import SourceConfig
from orchestration.dbt import EXECUTABLE, PROJECT, dbt_vars
from orchestration.pipeline import SourceResult
from orchestration.progress import ticker
from orchestration.publish import Published
from orchestration.settings import Settings, clock
from orchestration.sources import entities_of
from snapshots.capture import CapturedDay

POOL = "duckdb"  # limit 1: DuckDB has one writer
SOLE_WRITER = "sole_writer"
DBT = "dbt"
GAP_TAG = "pipeledger/gap"
RETRIES = 3
RETRY_SECONDS = 10  # before the first one; four times longer before each next
ACCEPT_DROP_TAG = "pipeledger/accept_drop"

ENTITY_DESCRIPTIONS = {
    "opportunity": "Deals as the source shows them now: stage, amount, close date, owner.",
    "account": "Companies that deals and subscriptions belong to, with their segment.",
    "user": "The people who own deals, their team and manager.",
    "person": "Leads and contacts. Names and addresses stay apart from the ledger.",
    "opportunity_contact_role": "Who plays which part in a deal.",
    "activity": "Calls, meetings and mails; each is kept once.",
    "campaign": "Marketing campaigns and what they cost.",
    "touch": "Contacts between a person and a campaign; each is kept once.",
    "subscription": "What customers pay for, how much and since when.",
    "invoice": "What was billed and paid.",
    "customer": "Who is billed, and what tells which account it is.",
    "customer_health": "Health scores of customers.",
    "opportunity_change": "The source's own field history; it describes days before the first captured one.",
}
LAYERS_BY_SUBJECT = ("intermediate", "marts")


def ledger_key(source: str) -> dg.AssetKey:
    """The ledger of a source: one partition per captured day."""
    return dg.AssetKey(["ledger", source])


def intervals_key(source: str) -> dg.AssetKey:
    """The ledger of a source as validity intervals in the warehouse."""
    return dg.AssetKey(["intervals", source])


def landing_key(source: str, entity: str) -> dg.AssetKey:
    """One landed entity."""
    return dg.AssetKey(["landing", source, entity])


def describe(entity: str) -> str:
    """A sentence on an entity; those of a vendor are called as the vendor calls them."""
    return ENTITY_DESCRIPTIONS.get(entity, f"The vendor's `{entity}`.")


def specs(settings: Settings, source: SourceConfig, days: dg.DailyPartitionsDefinition) -> list[dg.AssetSpec]:
    """The assets of one source."""
    landing = [
        dg.AssetSpec(
            landing_key(source.name, entity),
            group_name=source.name,
            description=f"{describe(entity)} As `{source.name}` held it at its last extraction.",
            kinds={"dlt", "duckdb"},
            skippable=True,
        )
        for entity in entities_of(source, settings)
    ]
    ledger = dg.AssetSpec(
        ledger_key(source.name),
        deps=[spec.key for spec in landing],
        group_name=source.name,
        description=(
            f"Every day of `{source.name}` that was ever captured, kept forever: each day holds the rows "
            "that changed. "
            "A day without a mark is a gap; it is never filled."
        ),
        partitions_def=days,
        metadata={"path": dg.MetadataValue.path(str(settings.store.ledger / source.name))},
        kinds={"deltalake"},
        skippable=True,
    )
    intervals = dg.AssetSpec(
        intervals_key(source.name),
        deps=[ledger.key],
        group_name=source.name,
        description=f"The ledger of `{source.name}` as intervals (valid from, valid to): what the models read.",
        kinds={"duckdb"},
    )
    return [*landing, ledger, intervals]


def check_specs(source: str) -> list[dg.AssetCheckSpec]:
    """What is checked of a source's ledger each day."""
    key = ledger_key(source)
    return [
        dg.AssetCheckSpec("captured", asset=key, description="The day asked for was landed and captured."),
        dg.AssetCheckSpec("gates", asset=key, description="No safety gate tripped: no suspicious drop of rows."),
        dg.AssetCheckSpec("no_missing_days", asset=key, description="Every day since the first is captured."),
    ]


def source_assets(settings: Settings, source: SourceConfig, days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """One step for one source: land it, capture it, bring its intervals up to date."""

    its_specs = specs(settings, source, days)
    known = {spec.key for spec in its_specs}

    @dg.multi_asset(
        name=f"land_and_capture_{source.name}",
        specs=its_specs,
        check_specs=check_specs(source.name),
        required_resource_keys={SOLE_WRITER},
        pool=POOL,
    )
    def land_and_capture(context: dg.AssetExecutionContext) -> Iterator[Any]:
        day = date.fromisoformat(context.partition_key)
        result = attempt(context.op_execution_context, settings, source, [day])
        # An entity whose first file came after Dagster had loaded its definitions has no asset yet.
        yield from (event for event in materializations(result) if event.asset_key in known)
        yield from check_results(settings, result)
        yield dg.MaterializeResult(asset_key=intervals_key(source.name))

    return land_and_capture


def attempt(
    context: dg.OpExecutionContext, settings: Settings, source: SourceConfig, days: Sequence[date]
) -> SourceResult:
    """Land and capture; try again later where that may help; else log the failure and mark the run."""
    accept_drop = context.run.tags.get(ACCEPT_DROP_TAG) == "true"
    now = clock()
    try:
        result = pipeline.attempt(
            settings,
            source,
            days,
            now=now,
            accept_drop=accept_drop,
            voice=pipeline.Voice(context.log.info, ticker.tick),
        )
    except Exception as error:
        if context.retry_number < RETRIES:
            wait = RETRY_SECONDS * 4**context.retry_number
            context.log.warning(f"{source.name}: {error}. Trying again in {wait} s.")
            raise dg.RetryRequested(max_retries=RETRIES, seconds_to_wait=wait) from error
        result = pipeline.failed(source, error)
        pipeline.record_attempt(settings, source.name, days, now, result)
    pipeline.refresh_intervals(settings)
    for message in (*result.tripped, *([result.error] if result.error else [])):
        context.log.error(message)
    if not result.is_complete:
        gaps = {name for name in context.run.tags.get(GAP_TAG, "").split(",") if name}
        context.instance.add_run_tags(context.run_id, {GAP_TAG: ",".join(sorted({*gaps, source.name}))})
    return result


def materializations(result: SourceResult) -> Iterator[dg.MaterializeResult[Any]]:
    """What a single-day run shows of a source: rows landed, and the day in the ledger."""
    for (entity, _), rows in result.landed.items():
        yield dg.MaterializeResult(asset_key=landing_key(result.source, entity), metadata={"dagster/row_count": rows})
    for day in result.days:
        yield dg.MaterializeResult(asset_key=ledger_key(result.source), metadata=day_metadata(day))


def day_metadata(day: CapturedDay) -> dict[str, dg.MetadataValue]:
    """The counts of one captured day, by entity."""
    columns = ("source_rows", "upserts", "deletes", "rejected")
    return {
        "snapshot_date": dg.MetadataValue.text(str(day.snapshot_date)),
        "dagster/row_count": dg.MetadataValue.int(sum(entity.source_rows for entity in day.entities)),
        "rows_written": dg.MetadataValue.int(pipeline.rows_written(day)),
        "entities": dg.MetadataValue.table(
            [
                dg.TableRecord({"entity": entity.entity, **{name: getattr(entity, name) for name in columns}})
                for entity in day.entities
            ],
            schema=dg.TableSchema(
                [dg.TableColumn("entity", "string"), *(dg.TableColumn(name, "int") for name in columns)]
            ),
        ),
    }


def check_results(settings: Settings, result: SourceResult) -> Iterator[dg.AssetCheckResult]:
    """The verdicts of the checks of one source after an attempt."""
    key = ledger_key(result.source)
    missing = pipeline.missing_days(settings, result.source)
    yield dg.AssetCheckResult(
        asset_key=key,
        check_name="captured",
        passed=result.error is None,
        severity=dg.AssetCheckSeverity.ERROR,
        description=result.error or f"{len(result.days)} captured",
    )
    yield dg.AssetCheckResult(
        asset_key=key,
        check_name="gates",
        passed=not result.tripped,
        severity=dg.AssetCheckSeverity.ERROR,
        description="; ".join(result.tripped) or "none tripped",
    )
    yield dg.AssetCheckResult(
        asset_key=key,
        check_name="no_missing_days",
        passed=not missing,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(missing)} missing: {', '.join(map(str, missing[-30:]))}" if missing else "none missing",
        metadata={"missing_days": len(missing)},
    )


def layer(dbt_resource_props: Mapping[str, Any]) -> str:
    """definitions, staging, intermediate or marts."""
    return "definitions" if dbt_resource_props["resource_type"] == "seed" else str(dbt_resource_props["fqn"][1])


class Translator(DagsterDbtTranslator):
    """dbt's names in the company's terms: subjects as groups, sources as the intervals they read."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True))
        self.company = settings

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """A model is called by layer and name; a dbt source is the intervals of a type."""
        if dbt_resource_props["resource_type"] == "source":
            return dg.AssetKey(["intervals_of_type", dbt_resource_props["name"].split("__")[0]])
        return dg.AssetKey([layer(dbt_resource_props), dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The subject of a model below staging, which is its folder; of anything else the layer."""
        folders = dbt_resource_props["fqn"][1:-1]
        return str(folders[1]) if layer(dbt_resource_props) in LAYERS_BY_SUBJECT else layer(dbt_resource_props)

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """What the project says of it; of a model that nobody but models reads, its first line: the grain."""
        first_line = dbt_resource_props.get("raw_code", "").split("\n", 1)[0].removeprefix("-- ")
        return str(dbt_resource_props.get("description") or first_line)

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        """Replace what reads a source type by all sources of that type."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        keys: dict[dg.AssetKey, None] = {}
        for dep in spec.deps:
            keys |= dict.fromkeys(self.behind(dep.asset_key))
        return spec.replace_attributes(deps=list(keys))

    def behind(self, key: dg.AssetKey) -> list[dg.AssetKey]:
        """The intervals of all enabled sources of a type; other keys stand for themselves."""
        if key.path[0] != "intervals_of_type":
            return [key]
        enabled = self.company.config.enabled
        of_type = [source for source in enabled if source.type == key.path[1]]
        general = key.path[1] in {"receipts", "extracted_columns"}
        return [intervals_key(source.name) for source in (enabled if general else of_type)]


class Dbt(DbtCliResource):
    """dbt in a process of its own. Neither asks the internet for its version nor opens the warehouse beside
    it.
    """

    @property
    def _cli_version(self) -> Version:
        return Version(version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> Any:
        return None  # DuckDB lets no second process read what dbt writes


def dbt_resource() -> Dbt:
    """The dbt of this environment, on our project."""
    return Dbt(project_dir=str(PROJECT), profiles_dir=str(PROJECT), dbt_executable=str(EXECUTABLE))


def dbt_command(settings: Settings) -> list[str]:
    """Everything but unit tests, which look at the models and not at the data."""
    return ["build", "--exclude-resource-type", "unit_test", "--vars", dbt_vars(settings.config)]


def model_assets(settings: Settings, manifest: Mapping[str, Any]) -> dg.AssetsDefinition:
    """One asset per dbt model, built together; a failed contract or invariant stops before publishing."""

    @dbt_assets(
        manifest=manifest,
        dagster_dbt_translator=Translator(settings),
        name="build_marts",
        required_resource_keys={DBT, SOLE_WRITER},
        pool=POOL,
    )
    def build_marts(context: dg.AssetExecutionContext) -> Iterator[Any]:
        pipeline.before_build(settings)
        yield from context.resources.dbt.cli(dbt_command(settings), context=context).stream()
        for finding in pipeline.after_build(settings):
            context.log.warning(finding)

    return build_marts


def published_asset(settings: Settings, manifest: Mapping[str, Any]) -> dg.AssetsDefinition:
    """The file that people open."""
    translator = Translator(settings)
    marts = [
        translator.get_asset_key(node)
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["schema"] == "marts"
    ]

    @dg.asset(
        key=["published", "pipeline"],
        deps=marts,
        group_name="published",
        description="The file that analysts and BI tools open, read-only: all marts, swapped in at once.",
        kinds={"duckdb"},
        required_resource_keys={SOLE_WRITER},
        pool=POOL,
    )
    def published_pipeline(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        return publish(context.op_execution_context, settings, manifest)

    return published_pipeline


def publish(
    context: dg.OpExecutionContext, settings: Settings, manifest: Mapping[str, Any]
) -> dg.MaterializeResult[Any]:
    """Publish, and say what."""
    done = pipeline.publish_marts(settings, manifest)
    context.log.info(f"published: {len(done.rows)} marts, {sum(done.rows.values()):,} rows, {done.path}")
    return dg.MaterializeResult(asset_key=["published", "pipeline"], metadata=published_metadata(done))


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


@dataclass(frozen=True)
class LedgerCheck:
    """The check that reads every day of the ledger again; it has a job of its own because it takes a while."""

    settings: Settings

    def definition(self, source: str) -> dg.AssetChecksDefinition:
        """The check of one source's ledger."""

        @dg.asset_check(
            asset=ledger_key(source),
            name="verifies",
            description="Counts, digests and the chain of receipts of every day match the files.",
            required_resource_keys={SOLE_WRITER},
            pool=POOL,
        )
        def verifies(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
            damaged = [item for item in pipeline.verify(self.settings) if item.source == source]
            return dg.AssetCheckResult(
                passed=not damaged,
                severity=dg.AssetCheckSeverity.ERROR,
                description="; ".join(map(str, damaged[:20])) or "every day matches",
            )

        return verifies


def daily_partitions(settings: Settings, first: date) -> dg.DailyPartitionsDefinition:
    """One partition per business day in the company's time zone, today included."""
    return dg.DailyPartitionsDefinition(
        start_date=first.isoformat(), timezone=settings.config.company.time_zone, end_offset=1
    )


def days_between(first: date, last: date) -> list[date]:
    """Every day from first to last, both included."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
