"""Runs started by the command line: the same jobs as Dagster's, executed in this process and recorded for its UI.

Comes from the settings; goes to the home, and as a `RunReport` to whoever started it.
"""

import contextlib
import os
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg

from orchestration.dag import assets, jobs, lost_days, published
from orchestration.dag.alerts import reason, tell_now
from orchestration.dag.assets import ACCEPT_TAG
from orchestration.dag.dagster_home import write_dagster_home
from orchestration.dag.progress import progress_logger
from orchestration.dag.sole_writer import TRIGGER_TAG, sole_writer, take_over
from orchestration.settings.errors import DiskFullError, ExitCode, PipeledgerError, is_disk_full
from orchestration.settings.lock import Lock
from orchestration.settings.settings import Settings
from orchestration.steps.alerts import urls
from orchestration.steps.build import read_findings
from orchestration.steps.dbt import dbt_env, prepare, read_manifest
from orchestration.steps.held import read_held
from orchestration.steps.waiting import waiting

COMMAND_LINE = "command line"
PARTS = {
    "build_marts_once": "marts",
    "capture_days": "landing and capturing",
    "publish_once": "publishing",
}


@dataclass
class SourceReport:
    """What a run did to one source: the days it kept, why it kept no more, and why the marts hold it back."""

    days: list[str] = field(default_factory=list)
    source_rows: int = 0
    rows_written: int = 0
    rejected: int = 0
    missing_days: int = 0
    error: str | None = None
    gates: str | None = None
    held: str | None = None
    notes: list[str] = field(default_factory=list)


@dataclass
class RunReport:
    """What a run came to. `warnings` are findings about the data; `failures` are why it stopped."""

    run_id: str
    job: str
    exit_code: ExitCode
    sources: dict[str, SourceReport]
    published: str | None = None
    report: str | None = None
    marts: int = 0
    warnings: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)  # how long each part took


def run_day(settings: Settings, day: date, *, accept: Collection[str] = ()) -> RunReport:
    """Run the daily job for one day: land, capture, build, publish."""
    tags = jobs.daily_tags(settings, day, COMMAND_LINE)
    if accept:
        tags[ACCEPT_TAG] = ",".join(accept)
    return execute(settings, "daily", tags, first=day, partition_key=day.isoformat())


def run_range(settings: Settings, first: date, last: date, *, accept: Collection[str] = ()) -> RunReport:
    """Run the range job: capture every complete day from first to last, then build and publish once."""
    tags = jobs.daily_tags(settings, last, COMMAND_LINE) | {jobs.DAY_TAG: f"{first} to {last}"}
    if accept:
        tags[ACCEPT_TAG] = ",".join(accept)
    config = {"ops": {"capture_days": {"config": {"first": first.isoformat(), "last": last.isoformat()}}}}
    return execute(settings, "range", tags, run_config=config)


def run_build(settings: Settings) -> RunReport:
    """Run the build job: the marts from the ledger, published."""
    return execute(settings, "build", {TRIGGER_TAG: COMMAND_LINE})


def execute(
    settings: Settings,
    job: str,
    tags: Mapping[str, str],
    *,
    first: date | None = None,
    partition_key: str | None = None,
    run_config: Mapping[str, Any] | None = None,
) -> RunReport:
    """Run a job here and now; the caller holds the lock."""
    write_dagster_home(settings.home.dagster)
    os.environ.update({"DAGSTER_HOME": str(settings.home.dagster), **dbt_env(settings.home)})
    with (
        warnings.catch_warnings(),
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),  # dbt's own lines; its warnings come as checks
        dg.DagsterInstance.get() as instance,
    ):
        warnings.simplefilter("ignore")
        take_over(settings, Lock.of(settings.home), instance, None, print)
        manifest = read_manifest(prepare(settings.config, settings.home))
        definitions = dg.Definitions(
            jobs=jobs.jobs_of_steps(settings, manifest, jobs.days_of(settings, first)),
            resources={assets.SOLE_WRITER: sole_writer(settings)},
            loggers={"progress": progress_logger},
        )
        try:
            result = definitions.resolve_job_def(job).execute_in_process(
                instance=instance,
                partition_key=partition_key,
                raise_on_error=False,
                run_config={**(run_config or {}), "loggers": {"progress": {}}},
                tags=dict(tags),
            )
        finally:
            waiting.end()
        undelivered = tell_the_operator(settings, instance)
    done = report(job, result)
    if any(map(is_disk_full, done.failures)):
        done.failures = [str(DiskFullError(settings.home.root))]
    if done.published:
        done.warnings = read_findings(settings.home.warehouse) or done.warnings
        for name, sentence in read_held(settings.home.warehouse).items():
            done.sources.setdefault(name, SourceReport()).held = sentence
    done.warnings += undelivered
    done.warnings = [*(note for source in done.sources.values() for note in source.notes), *done.warnings]
    return done


def tell_the_operator(settings: Settings, instance: dg.DagsterInstance) -> list[str]:
    """Tell what this run came to, where the settings and the environment say whom; what was not delivered."""
    if not (settings.config.alerts.is_enabled and urls()):
        return []
    try:
        tell_now(settings, instance)
    except PipeledgerError as error:  # the run is done all the same
        return [str(error)]
    return []


def report(job: str, result: dg.ExecuteInProcessResult) -> RunReport:
    """Read what happened from the run's events."""
    sources: dict[str, SourceReport] = {}
    done = RunReport(result.run_id, job, ExitCode.DONE, sources)
    for event in result.all_events:
        if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION:
            read_materialization(done, event.step_materialization_data.materialization)
        elif event.event_type == dg.DagsterEventType.STEP_SUCCESS:
            if event.step_key != lost_days.LAST_STEP:
                done.seconds[part(str(event.step_key))] = round(event.step_success_data.duration_ms / 1000, 1)
        elif event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            read_check(done, event.asset_check_evaluation_data)
        elif event.event_type == dg.DagsterEventType.STEP_FAILURE:
            if is_lost_day(event.step_failure_data):
                done.exit_code = ExitCode.DONE_WITH_GAP  # the sources' own reports say why
            else:
                done.failures.append(reason(event.step_failure_data))
        elif event.event_type == dg.DagsterEventType.PIPELINE_FAILURE and not done.failures:
            done.failures += [] if done.exit_code else [event.message or "the run failed"]
    if done.failures:
        done.exit_code = ExitCode.FAILED
    return done


def part(step: str) -> str:
    """What a step is called where people read how long it took."""
    return PARTS.get(step, step.removeprefix(jobs.CAPTURE_STEP))


def read_materialization(done: RunReport, event: dg.AssetMaterialization) -> None:
    """A captured day, the published file, or the report."""
    path, metadata = event.asset_key.path, event.metadata
    if path[0] == "ledger":
        source = done.sources.setdefault(path[1], SourceReport())
        source.days.append(str(metadata["snapshot_date"].value))
        source.source_rows += int(str(metadata["dagster/row_count"].value))
        source.rows_written += int(str(metadata["rows_written"].value))
    elif path == ["published", "pipeline"]:
        done.published = str(metadata["path"].value)
        marts = metadata["marts"]
        done.marts = len(marts.records) if isinstance(marts, dg.TableMetadataValue) else 0
    elif path == ["published", "report"]:
        done.report = str(metadata["path"].value)


def read_check(done: RunReport, check: dg.AssetCheckEvaluation) -> None:
    """A verdict on a source's ledger, or on a model."""
    if check.asset_key.path[0] == "ledger":
        source = done.sources.setdefault(check.asset_key.path[1], SourceReport())
        if check.check_name == lost_days.CHECK:
            source.error = None if check.passed else check.description
            notes = check.metadata["notes"].value
            source.notes = [str(note) for note in notes] if isinstance(notes, list) else []
        elif check.check_name == "gates" and not check.passed:
            source.error, source.gates = None, check.description
        elif check.check_name == "no_rejected_rows":
            source.rejected = int(str(check.metadata["rejected"].value))
        elif check.check_name == "no_missing_days":
            source.missing_days = int(str(check.metadata["missing_days"].value))
    elif not check.passed and check.asset_key != published.KEY:
        done.warnings.append(f"{check.asset_key.path[-1]}: {check.check_name}")


def is_lost_day(failure: Any) -> bool:
    """Whether a step failed to say that a day is not captured, or held back, and for nothing else."""
    return failure.error is not None and failure.error.cls_name == lost_days.LostDaysError.__name__
