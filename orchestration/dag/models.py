"""The models as dbt builds them, told to Dagster: what was made of each, and what its tests say.

Comes from dbt's manifest and the settings; goes to `jobs.py`, and to `model_assets.py`, which describes the same models
as assets. How dbt is wired to a home stands in `steps/dbt.py`.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from orchestration.dag import lost_days
from orchestration.settings.settings import Settings
from orchestration.steps import build
from orchestration.steps.dbt import NodeResult
from orchestration.steps.held import HeldSource, build_around_broken_sources, keep_held
from orchestration.steps.share import recall
from orchestration.steps.waiting import waiting

BUILT = ("model", "seed", "test")


def layer(node: Mapping[str, Any]) -> str:
    """definitions, staging, intermediate or marts."""
    return "definitions" if node["resource_type"] == "seed" else str(node["fqn"][1])


def asset_key(node: Mapping[str, Any]) -> dg.AssetKey:
    """A model, seed or test is called by layer and name."""
    return dg.AssetKey([layer(node), node["name"]])


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
    for result in results:
        node = manifest["nodes"][result.unique_id]
        if result.status == "skipped":  # what it rests on failed, and that is said below
            continue
        if node["resource_type"] == "test":
            yield check_result(result, manifest)
        elif result.status == "success":
            yield dg.MaterializeResult(
                asset_key=asset_key(node),
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


def check_result(result: NodeResult, manifest: Mapping[str, Any]) -> dg.AssetCheckResult:
    """A test of dbt as the check of the model it is attached to."""
    node = manifest["nodes"][result.unique_id]
    warns = node["config"]["severity"].lower() == "warn"
    return dg.AssetCheckResult(
        asset_key=asset_key(manifest["nodes"][node["attached_node"]]),
        check_name=node["name"],
        passed=result.status == "pass",
        severity=dg.AssetCheckSeverity.WARN if warns else dg.AssetCheckSeverity.ERROR,
        description=result.message or None,
        metadata={"unique_id": result.unique_id, "rows": result.failures, "seconds": result.seconds},
    )
