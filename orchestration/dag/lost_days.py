"""A day that was asked for and not captured: it cannot be had later, so its run ends as failed, with the cause.

Each source's step tags the run with what it lost and goes on, so that the marts are built and published from what there
is. The last step of a job then fails with the causes, which makes them the failure of the run: Dagster's timeline, its
failure sensors and the run's page show them. A run of single assets, which has no such step, fails in the source's own.
"""

from collections.abc import Iterator

import dagster as dg

from orchestration.steps.attempts import SourceResult

GAP_TAG = "pipeledger/gap"
CHECK = "captured"  # of a source's ledger; what it says of a lost day is the cause
LAST_STEP = "every_day_asked_for_is_captured"


class LostDaysError(dg.Failure):
    """Days that were asked for were not captured; the description says which and why."""

    def __init__(self, causes: str) -> None:
        super().__init__(causes, allow_retries=False)


def tag_run(context: dg.OpExecutionContext, result: SourceResult) -> None:
    """Tag the run with what a source lost: `source.entity day`, several of them behind commas."""
    known = context.instance.get_run_by_id(context.run_id)
    before = (known.tags.get(GAP_TAG, "") if known else "").split(", ")
    gaps = sorted({*filter(None, before), *result.gaps})
    if result.gaps:
        context.instance.add_run_tags(context.run_id, {GAP_TAG: ", ".join(gaps)})


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
    if result.cause and LAST_STEP not in {node.name for node in context.job_def.nodes}:
        raise LostDaysError(result.cause)


def fail(context: dg.OpExecutionContext) -> None:
    """Fail the last step of a run that lost a day."""
    if found := causes(context):
        raise LostDaysError(found)


def last_check(published: dg.AssetKey) -> dg.AssetChecksDefinition:
    """The last step of the daily job: behind publishing, it fails the run that lost a day."""
    spec = dg.AssetCheckSpec(
        "complete", asset=published, description="Every source was captured for the day that was asked for."
    )

    @dg.multi_asset_check(name=LAST_STEP, specs=[spec])
    def every_day_asked_for_is_captured(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        found = causes(context.op_execution_context)
        yield dg.AssetCheckResult(passed=not found, description=found or "every day asked for is captured")
        fail(context.op_execution_context)

    return every_day_asked_for_is_captured
