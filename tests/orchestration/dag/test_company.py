"""What Dagster's UI and daemon load: everything of a company; and its assets publish a day without a job, too."""

import dagster as dg
import pytest

from orchestration.dag import lost_days, published
from orchestration.dag.company import build_definitions
from orchestration.settings.config import load_config
from orchestration.settings.home import Home, open_home
from orchestration.settings.settings import Settings
from tests.orchestration.conftest import Desk

DAY = "2026-03-05"


@pytest.fixture
def company(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("PIPELEDGER_NOW", f"{DAY}T12:00:00+00:00")
    settings = Settings(load_config(desk.folder / "pipeledger.toml", {}), Home(desk.home))
    desk.home.mkdir()
    open_home(settings.home, settings.store.place, settings.config.company)
    desk.drop_opportunities(DAY)
    desk.drop_subscriptions(DAY)
    return settings


def test_the_ui_has_all_assets_jobs_schedules_and_sensors(company: Settings) -> None:
    definitions = build_definitions(company)
    dg.Definitions.validate_loadable(definitions)
    repository = definitions.get_repository_def()
    assert {"daily", "build", "range", "verify"} <= {job.name for job in repository.get_all_jobs()}
    assert {schedule.name for schedule in repository.schedule_defs} == {"every_day", "every_week"}
    assert {sensor.name for sensor in repository.sensor_defs} == {"tell_the_operator"}
    keys = {key.to_user_string() for key in repository.asset_graph.get_all_asset_keys()}
    assert {"landing/crm/opportunity", "ledger/billing", "intervals/crm", "definitions/targets"} <= keys
    assert {"staging/stg_opportunity", "marts/fct_pipeline_daily", "published/pipeline", "published/report"} <= keys


# A build of its own; `test_assets.py` runs the step of a source, and `test_cli.py` the jobs, which call the same.
@pytest.mark.slow
def test_all_assets_materialised_by_hand_publish_the_day(company: Settings) -> None:
    job = build_definitions(company).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(instance=instance, partition_key=DAY, raise_on_error=False)
    assert result.success
    made = {
        event.step_materialization_data.materialization.asset_key for event in result.get_asset_materialization_events()
    }
    assert {published.KEY, published.REPORT_KEY, dg.AssetKey(["marts", "fct_pipeline_daily"])} <= made
    checks = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
    assert checks[lost_days.COMPLETE]
    assert checks["marts_have_one_row_per_key"]
    assert company.home.published.is_file()
