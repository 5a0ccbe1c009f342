"""The models as Dagster assets, built together by dbt, and dbt's names in the company's terms.

Comes from dbt's manifest and the settings; goes to `company.py` and `jobs.py`. What dbt is told stands here, how it is
wired to a home in `steps/dbt.py`.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject, dbt_assets

from orchestration.dag import lost_days
from orchestration.dag.assets import POOL, SOLE_WRITER, intervals_key
from orchestration.settings.settings import Settings
from orchestration.steps import build
from orchestration.steps.dbt import NodeResult
from orchestration.steps.held import HeldSource, build_around_broken_sources, keep_held
from orchestration.steps.share import recall
from orchestration.steps.waiting import waiting

BUILT = ("model", "seed", "test")
LAYERS_BY_SUBJECT = ("intermediate", "marts")


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
        """What the project says of it: of a model, what one row of it is."""
        return str(dbt_resource_props["description"]).strip()

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str]:
        """Those who answer for all assets."""
        return self.company.config.alerts.owners

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
        general = key.path[1] in {"receipts", "extracted_columns", "spellings"}
        return [intervals_key(source.name) for source in (enabled if general else of_type)]


def model_assets(settings: Settings, manifest: Mapping[str, Any]) -> dg.AssetsDefinition:
    """One asset per dbt model, built together; a failed contract or invariant stops before publishing."""

    @dbt_assets(
        manifest=manifest,
        dagster_dbt_translator=Translator(settings),
        name="build_marts",
        required_resource_keys={SOLE_WRITER},
        pool=POOL,
    )
    def build_marts(context: dg.AssetExecutionContext) -> Iterator[Any]:
        # Everything is built, whatever was selected: a mart beside others of another day would not add up.
        wanted = {*context.selected_asset_keys, *(check.asset_key for check in context.selected_asset_check_keys)}
        for result in build_events(context.op_execution_context, settings, manifest):
            if result.asset_key in wanted:
                yield result

    return build_marts


def build_events(
    context: dg.OpExecutionContext, settings: Settings, manifest: Mapping[str, Any]
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """Build the models, and say what became of each; dg.Failure names what failed."""
    recall(settings.home, settings.config.share)
    try:
        build.before_build(settings)
    except build.NothingCapturedError:
        if lost := lost_days.causes(context):  # a first day that was refused is why
            raise lost_days.LostDaysError(lost) from None
        raise
    build.forget_removed(settings.home.warehouse, manifest)
    nodes = sum(node["resource_type"] in BUILT for node in manifest["nodes"].values())
    done = itertools.count(1)
    results, held = build_around_broken_sources(
        settings, lambda name: waiting.show(f"marts: {name}", min(next(done), nodes), nodes)
    )
    translator = Translator(settings)
    for result in results:
        node = manifest["nodes"][result.unique_id]
        if result.status == "skipped":  # what it rests on failed, and that is said below
            continue
        if node["resource_type"] == "test":
            yield check_result(result, manifest, translator)
        elif result.status == "success":
            yield dg.MaterializeResult(
                asset_key=translator.get_asset_key(node),
                metadata={"unique_id": result.unique_id, "seconds": result.seconds},
            )
    failed = outcome(context, settings, results, held)
    for finding in build.after_build(settings, is_whole=not failed):
        if finding not in failed:
            context.log.warning(finding)
    if failed:
        where = settings.config.company.definitions
        advice = f"Nothing was published. A definition is corrected in {where}; then run `pipeledger build`."
        raise dg.Failure("\n".join([*failed, advice]), allow_retries=False)


def outcome(
    context: dg.OpExecutionContext, settings: Settings, results: Sequence[NodeResult], held: Sequence[HeldSource]
) -> list[str]:
    """Why nothing may be published, as sentences; where nothing failed, what is held back is noted."""
    for sentence in (sentence for each in held for sentence in each.broken[1:]):
        context.log.info(sentence)
    failed = build.failures(results, settings.home.warehouse)
    if failed:
        return [*failed, *(each.in_vain for each in held)]
    keep_held(settings.home.warehouse, held)
    lost_days.tag_held(context, held)
    return []


def check_result(result: NodeResult, manifest: Mapping[str, Any], translator: Translator) -> dg.AssetCheckResult:
    """A test of dbt as the check of the model it is attached to."""
    node = manifest["nodes"][result.unique_id]
    warns = node["config"]["severity"].lower() == "warn"
    return dg.AssetCheckResult(
        asset_key=translator.get_asset_key(manifest["nodes"][node["attached_node"]]),
        check_name=node["name"],
        passed=result.status == "pass",
        severity=dg.AssetCheckSeverity.WARN if warns else dg.AssetCheckSeverity.ERROR,
        description=result.message or None,
        metadata={"unique_id": result.unique_id, "rows": result.failures, "seconds": result.seconds},
    )
