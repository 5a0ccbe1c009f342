"""Jobs and schedules: the daily run, a build without ingestion, a range of dated days, the weekly verification.

Comes from the settings and dbt's manifest; goes to `company.py`, and to `runs.py`, which runs these jobs for the
command line. What builds is a job of plain steps that report what they made. In a job of assets Dagster writes three
events of each model, and asks for those of all that it reads, where here it writes one; and a run over a range of
partitions would mark the gaps in it, too, where here each captured day is reported from its receipt.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import dagster as dg

from orchestration.dag import assets, lost_days, models, published
from orchestration.dag.sole_writer import SCHEDULED, TRIGGER_TAG
from orchestration.settings.config import SourceConfig
from orchestration.settings.settings import Settings, clock
from orchestration.steps.attempts import SourceResult
from orchestration.steps.sources import build_source, first_day

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

SOURCE_TAG = "pipeledger/source"
DAY_TAG = "pipeledger/snapshot_date"
NEEDED = {assets.SOLE_WRITER}
CAPTURE_STEP = "capture_day_of_"  # and the source


def daily_tags(settings: Settings, day: date, trigger: str) -> dict[str, str]:
    """What a run of one day is found by."""
    names = ",".join(source.name for source in settings.config.enabled)
    return {SOURCE_TAG: names, DAY_TAG: day.isoformat(), TRIGGER_TAG: trigger}


def verify_job(selection: dg.AssetSelection) -> "UnresolvedAssetJobDefinition":
    """Read every day of the ledger again."""
    return dg.define_asset_job(
        "verify",
        selection,
        description="Compare every day of the ledger with its receipt.",
        executor_def=dg.in_process_executor,
    )


def default_status(settings: Settings, is_demo: bool) -> dg.DefaultScheduleStatus:
    """Schedules run unless the settings say no; the demo's never do by themselves."""
    runs = settings.config.schedule.is_enabled and not is_demo
    return dg.DefaultScheduleStatus.RUNNING if runs else dg.DefaultScheduleStatus.STOPPED


def daily_schedule(
    settings: Settings, job: "dg.JobDefinition | UnresolvedAssetJobDefinition", *, is_demo: bool
) -> dg.ScheduleDefinition:
    """The daily run at its hour in the company's time zone, labelled with that same date."""
    at, zone = settings.config.schedule.at, settings.config.company.time_zone

    @dg.schedule(
        job=job,
        name="every_day",
        cron_schedule=f"{at.minute} {at.hour} * * *",
        execution_timezone=zone,
        default_status=default_status(settings, is_demo),
        description=f"Every day at {at:%H:%M} {zone}: the run describes that same day.",
    )
    def every_day(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        day = context.scheduled_execution_time.astimezone(ZoneInfo(zone)).date()
        return dg.RunRequest(
            run_key=day.isoformat(),
            partition_key=day.isoformat(),
            tags=daily_tags(settings, day, SCHEDULED),
        )

    return every_day


def verify_schedule(settings: Settings, job: "UnresolvedAssetJobDefinition", *, is_demo: bool) -> dg.ScheduleDefinition:
    """The weekly verification, on Sundays at noon."""
    return dg.ScheduleDefinition(
        name="every_week",
        job=job,
        cron_schedule="0 12 * * 0",
        execution_timezone=settings.config.company.time_zone,
        default_status=default_status(settings, is_demo),
        tags={TRIGGER_TAG: SCHEDULED},
        description="Every Sunday at 12:00: read every day of the ledger again.",
    )


class RangeConfig(dg.Config):
    """First and last day of a range, both included."""

    first: str
    last: str


def days_of(settings: Settings, first: date | None = None) -> dg.DailyPartitionsDefinition:
    """The days that a company has, from `first` if that is earlier: a run may describe one before any captured."""
    now = today(settings)
    return assets.daily_partitions(settings, min(first_day(settings.config, settings.store.ledger, now), first or now))


def jobs_of_steps(
    settings: Settings, manifest: Mapping[str, Any], days: dg.DailyPartitionsDefinition
) -> list[dg.JobDefinition]:
    """`daily`: one day landed, captured, built and published. `build`: the marts from the ledger, published. `range`:
    many days of dated drops captured before that.

    They share their steps, whose names differ from those of the assets: Dagster wants each name once.
    """
    sources = [capture_step(settings, source) for source in settings.config.enabled]

    @dg.op(required_resource_keys=NEEDED, pool=assets.POOL, out=dg.Out(dg.Nothing))
    def capture_days(context: dg.OpExecutionContext, config: RangeConfig) -> None:
        for source in settings.config.enabled:
            capture_range(context, settings, source, config)

    @dg.op(required_resource_keys=NEEDED, pool=assets.POOL, ins={"captured": dg.In(dg.Nothing)}, out=dg.Out(dg.Nothing))
    def build_marts_once(context: dg.OpExecutionContext) -> None:
        log_results(context, models.build_events(context, settings, manifest))

    @dg.op(required_resource_keys=NEEDED, pool=assets.POOL, ins={"built": dg.In(dg.Nothing)}, out=dg.Out(dg.Nothing))
    def publish_once(context: dg.OpExecutionContext) -> None:
        log_results(context, published.publish(context, settings, manifest))

    @dg.op(name=lost_days.LAST_STEP, ins={"published": dg.In(dg.Nothing)}, out=dg.Out(dg.Nothing))
    def every_day_is_captured(context: dg.OpExecutionContext) -> None:
        log_check(context, lost_days.verdict(context, settings, published.KEY))
        lost_days.fail(context, settings)

    @dg.job(
        name="daily",
        description="Land every source, capture the day, build the marts and publish them.",
        partitions_def=days,
        executor_def=dg.in_process_executor,
    )
    def one_day() -> None:
        every_day_is_captured(publish_once(build_marts_once([source() for source in sources])))

    @dg.job(
        name="build",
        description="Build the marts from the ledger and publish them, after a change of definitions.",
        executor_def=dg.in_process_executor,
    )
    def build_alone() -> None:
        every_day_is_captured(publish_once(build_marts_once()))

    @dg.job(
        name="range",
        description="Capture many days of dated files at once; build and publish when all are captured.",
        executor_def=dg.in_process_executor,
    )
    def range_of_days() -> None:
        every_day_is_captured(publish_once(build_marts_once(capture_days())))

    return [one_day, build_alone, range_of_days]


def capture_step(settings: Settings, source: SourceConfig) -> dg.OpDefinition:
    """One step for one source and the day of the run: land it, capture it, bring its intervals up to date."""

    @dg.op(
        name=f"{CAPTURE_STEP}{source.name}",
        required_resource_keys=NEEDED,
        pool=assets.POOL,
        out=dg.Out(dg.Nothing),
    )
    def capture_day(context: dg.OpExecutionContext) -> None:
        day = date.fromisoformat(context.partition_key)
        report_days(context, settings, assets.attempt(context, settings, source, [day]))

    return capture_day


def capture_range(
    context: dg.OpExecutionContext, settings: Settings, source: SourceConfig, config: RangeConfig
) -> None:
    """Capture the days of a range that a source can serve, report each from its receipt, and name the other days."""
    first, last = date.fromisoformat(config.first), date.fromisoformat(config.last)
    days = build_source(source, settings).days(first, last)
    for day, lacking in sorted(days.incomplete.items()):
        context.log.warning(f"{source.name}: {day} stays a gap (missing: {', '.join(lacking)})")
    if not days.complete:
        context.log.warning(f"{source.name}: no complete day between {first} and {last}")
        return
    result = assets.attempt(context, settings, source, days.complete)
    report_days(context, settings, result)


def report_days(context: dg.OpExecutionContext, settings: Settings, result: SourceResult) -> None:
    """Show every captured day in Dagster; days that were not captured stay holes."""
    for captured in result.days:
        context.log_event(
            dg.AssetMaterialization(
                assets.ledger_key(result.source),
                partition=captured.snapshot_date.isoformat(),
                metadata=assets.day_metadata(captured),
            )
        )
    last_landed = {entity: rows for (entity, _), rows in sorted(result.landed.items(), key=lambda item: item[0][1])}
    for entity, rows in last_landed.items():
        key = assets.landing_key(result.source, entity)
        context.log_event(dg.AssetMaterialization(key, metadata={"dagster/row_count": rows}))
    context.log_event(dg.AssetMaterialization(assets.intervals_key(result.source)))
    for check in assets.check_results(settings, result):
        log_check(context, check)


def log_results(
    context: dg.OpExecutionContext, results: Iterable[dg.MaterializeResult[Any] | dg.AssetCheckResult]
) -> None:
    """Record what was made and checked in a step that has no assets of its own."""
    for result in results:
        if isinstance(result, dg.AssetCheckResult):
            log_check(context, result)
        elif result.asset_key is not None:
            context.log_event(dg.AssetMaterialization(result.asset_key, metadata=result.metadata))


def log_check(context: dg.OpExecutionContext, check: dg.AssetCheckResult) -> None:
    """Record a check's result from a step that has no assets of its own."""
    assert check.asset_key is not None  # noqa: S101 - every check of ours names its asset
    evaluation = dg.AssetCheckEvaluation(
        asset_key=check.asset_key,
        check_name=str(check.check_name),
        passed=bool(check.passed),
        metadata=dict(check.metadata or {}),
        severity=check.severity,
        description=check.description,
    )
    context.log_event(evaluation)  # type: ignore[arg-type]  # takes check evaluations too


def today(settings: Settings) -> date:
    """The company's business date now."""
    return settings.config.today(clock())
