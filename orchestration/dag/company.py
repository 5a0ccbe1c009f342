"""Everything Dagster knows of one company, put together from its settings, for the UI and the daemon.

The command line runs the same jobs, from `jobs.py`, and needs no assets for that.
"""

import dagster as dg

from orchestration.dag import alerts, assets, jobs, lost_days, model_assets, published
from orchestration.dag.progress import progress_logger
from orchestration.dag.sole_writer import sole_writer
from orchestration.settings.home import read_marker
from orchestration.settings.settings import Settings
from orchestration.steps.dbt import prepare, read_manifest


def build_definitions(settings: Settings) -> dg.Definitions:
    """Assets, checks, jobs, schedules and resources of one company."""
    manifest = read_manifest(prepare(settings.config, settings.home))
    days = jobs.days_of(settings)
    sources = settings.config.enabled
    built = [model_assets.model_assets(settings, manifest), published.published_assets(settings, manifest)]
    company_assets = [*(assets.source_assets(settings, source, days) for source in sources), *built]
    checks = [assets.LedgerCheck(settings).definition(source.name) for source in sources]
    complete = lost_days.last_check(settings, published.KEY)
    daily, *others = jobs.jobs_of_steps(settings, manifest, days)
    verify = jobs.verify_job(dg.AssetSelection.checks(*checks))
    is_demo = (read_marker(settings.store.place) or {}).get("created_by") == "demo"
    return dg.Definitions(
        assets=company_assets,
        asset_checks=[*checks, complete],
        jobs=[daily, *others, verify],
        schedules=[
            jobs.daily_schedule(settings, daily, is_demo=is_demo),
            jobs.verify_schedule(settings, verify, is_demo=is_demo),
        ],
        sensors=[alerts.alert_sensor(settings, is_demo=is_demo)],
        resources={assets.SOLE_WRITER: sole_writer(settings)},
        executor=dg.in_process_executor,
        loggers={"progress": progress_logger},
    )
