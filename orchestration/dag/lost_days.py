"""A day that was asked for and is not there: not captured, or held back from the marts. Its run ends as failed.

A day that is not captured cannot be had later. Each source's step tags the run with what it lost and goes on, so that
the marts are built and published from what there is. The build does the same with sources whose data break an
invariant. The last step of a job then fails with the causes, which makes them the failure of the run: Dagster's
timeline, its failure sensors and the run's page show them. A run of single assets, which has no such step, fails in the
source's own.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from orchestration.settings.settings import Settings
from orchestration.steps.attempts import SourceResult
from orchestration.steps.held import HeldSource, read_held

GAP_TAG = "pipeledger/gap"
HELD_TAG = "pipeledger/held"
CHECK = "captured"  # of a source's ledger; what it says of a lost day is the cause
COMPLETE = "complete"  # of the published file, in the last step
LAST_STEP = "every_day_asked_for_is_captured"
LAST_CHECK = "published_is_complete"  # the same where assets are materialised without a job


class LostDaysError(dg.Failure):
    """Days that were asked for are not captured, or held back; the description says which and why."""

    def __init__(self, causes: str) -> None:
        super().__init__(causes, allow_retries=False)


def tag_run(context: dg.OpExecutionContext, result: SourceResult) -> None:
    """Tag the run with what a source lost: `source.entity day`, several of them behind commas."""
    known = context.instance.get_run_by_id(context.run_id)
    before = (known.tags.get(GAP_TAG, "") if known else "").split(", ")
    gaps = sorted({*filter(None, before), *result.gaps})
    if result.gaps:
        context.instance.add_run_tags(context.run_id, {GAP_TAG: ", ".join(gaps)})


def tag_held(context: dg.OpExecutionContext, held: Sequence[HeldSource]) -> None:
    """Tag the run with the sources that its marts hold back: `source day`, several of them behind commas."""
    if held:
        names = [f"{each.source} {each.day or 'left out'}" for each in held]
        context.instance.add_run_tags(context.run_id, {HELD_TAG: ", ".join(names)})


def causes(context: dg.OpExecutionContext) -> str:
    """Why this run lost days, a line for each source that did; empty if none did."""
    return failed_checks(context.instance, context.run_id).get(CHECK, "")


def failed_checks(instance: dg.DagsterInstance, run_id: str) -> dict[str, str]:
    """What the checks that failed in a run said, a line for each source, by the check's name."""
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
    said: dict[str, list[str]] = {}
    for record in records:
        check = record.event_log_entry.get_dagster_event().asset_check_evaluation_data
        if not check.passed:
            said.setdefault(check.check_name, []).append(str(check.description))
    return {name: "\n".join(lines) for name, lines in said.items()}


def fail_here(context: dg.OpExecutionContext, result: SourceResult) -> None:
    """Fail the step of a source that lost a day, in a run that has no last step to do so."""
    if result.cause and LAST_CHECK not in {node.name for node in context.job_def.nodes}:
        raise LostDaysError(result.cause)


def missing(context: dg.OpExecutionContext, settings: Settings) -> str:
    """Why days are not in the marts that this run published: lost, or held back; empty if none is missing."""
    return "\n".join(filter(None, [causes(context), *read_held(settings.home.warehouse).values()]))


def fail(context: dg.OpExecutionContext, settings: Settings) -> None:
    """Fail the last step of a run whose marts lack a day."""
    if found := missing(context, settings):
        raise LostDaysError(found)


def verdict(context: dg.OpExecutionContext, settings: Settings, published: dg.AssetKey) -> dg.AssetCheckResult:
    """Whether the marts that this run published lack a day, as the check of the published file."""
    found = missing(context, settings)
    return dg.AssetCheckResult(
        asset_key=published,
        check_name=COMPLETE,
        passed=not found,
        description=found or "every day asked for is captured",
    )


def last_check(settings: Settings, published: dg.AssetKey) -> dg.AssetChecksDefinition:
    """The last step of a run of assets that publishes: it fails the run whose marts lack a day."""
    spec = dg.AssetCheckSpec(
        COMPLETE, asset=published, description="Every source was captured for the day asked for, and none is held."
    )

    @dg.multi_asset_check(name=LAST_CHECK, specs=[spec])
    def published_is_complete(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        yield verdict(context.op_execution_context, settings, published)
        fail(context.op_execution_context, settings)

    return published_is_complete
