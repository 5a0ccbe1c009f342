"""Everything Dagster knows of one company, put together from its settings.

`definitions.py` (the UI, the daemon) and the command line build the same: the latter with a first day of its own,
because a run may describe a day before any that was captured.
"""

import json
from datetime import date
from pathlib import Path

import dagster as dg

from orchestration.dag import alerts, assets, jobs, lost_days, models, published
from orchestration.dag.progress import progress_logger
from orchestration.dag.sole_writer import sole_writer
from orchestration.settings.home import read_marker
from orchestration.settings.settings import Settings
from orchestration.steps.dbt import prepare, read_manifest
from orchestration.steps.sources import first_day

DAGSTER_YAML = """\
# Written by Pipeledger on each start; edits are lost.
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  pools:
    granularity: op
    default_limit: 1
event_log_storage:
  module: orchestration.dag.event_log
  class: OpenEventLog
  config:
    base_dir: {base_dir}
freshness:
  enabled: true
# No step prints anything, and capturing that costs two processes each.
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""


def build_definitions(settings: Settings, first: date | None = None) -> dg.Definitions:
    """Assets, checks, jobs, schedules and resources of one company."""
    manifest = read_manifest(prepare(settings.config, settings.home))
    today = jobs.today(settings)
    start = min(first_day(settings.config, settings.store.ledger, today), first or today)
    days = assets.daily_partitions(settings, start)
    sources = settings.config.enabled
    built = [models.model_assets(settings, manifest), published.published_assets(settings, manifest)]
    company_assets = [*(assets.source_assets(settings, source, days) for source in sources), *built]
    checks = [assets.LedgerCheck(settings).definition(source.name) for source in sources]
    complete = lost_days.last_check(settings, published.KEY)
    verifying = dg.AssetSelection.checks(*checks)
    daily = jobs.daily_job(dg.AssetSelection.all() - verifying)
    verify = jobs.verify_job(verifying)
    is_demo = (read_marker(settings.store.place) or {}).get("created_by") == "demo"
    return dg.Definitions(
        assets=company_assets,
        asset_checks=[*checks, complete],
        jobs=[daily, *jobs.jobs_of_steps(settings, manifest), verify],
        schedules=[
            jobs.daily_schedule(settings, daily, is_demo=is_demo),
            jobs.verify_schedule(settings, verify, is_demo=is_demo),
        ],
        sensors=[alerts.alert_sensor(settings, is_demo=is_demo)],
        resources={assets.SOLE_WRITER: sole_writer(settings)},
        executor=dg.in_process_executor,
        loggers={"progress": progress_logger},
    )


def write_dagster_home(folder: Path) -> None:
    """DAGSTER_HOME with our settings: no telemetry, one writer, an event log that stays open."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "dagster.yaml"
    content = DAGSTER_YAML.format(base_dir=json.dumps(str(folder / "history" / "runs")))
    if not path.is_file() or path.read_text(encoding="utf-8") != content:
        path.write_text(content, encoding="utf-8")
