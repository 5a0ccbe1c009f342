"""The schedule: every business day once, labelled with itself, also when clocks change."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._utils.schedules import cron_string_iterator  # the daemon's own ticks

from orchestration.dag import assets, jobs
from orchestration.settings.config import load_config
from orchestration.settings.home import Home
from orchestration.settings.settings import Settings


def settings(folder: Path, zone: str, at: str) -> Settings:
    path = folder / "pipeledger.toml"
    path.write_text(f'[company]\ntime_zone = "{zone}"\n[schedule]\nat = "{at}"\n')
    return Settings(load_config(path, {}), Home(folder / "home"))


def days_run(company: Settings, first: datetime, last: datetime) -> list[str]:
    """The partitions that the daemon would start between two instants."""
    job = dg.define_asset_job("daily", "*")
    schedule = jobs.daily_schedule(company, job, is_demo=False)
    ticks = cron_string_iterator(first.timestamp(), str(schedule.cron_schedule), schedule.execution_timezone)
    found: list[str] = []
    for tick in ticks:
        if tick > last:
            return found
        request = schedule(dg.build_schedule_context(scheduled_execution_time=tick))
        assert isinstance(request, dg.RunRequest)
        found.append(str(request.partition_key))
        assert request.run_key == request.partition_key == request.tags[jobs.DAY_TAG]
    raise AssertionError("the schedule ends")
    return found


@pytest.mark.parametrize("at", ["06:00", "02:30", "00:00", "23:59"])
@pytest.mark.parametrize(
    ("zone", "first"),
    [
        ("America/New_York", date(2026, 3, 1)),
        ("America/New_York", date(2026, 10, 25)),
        ("Europe/Berlin", date(2026, 3, 22)),
        ("Europe/Berlin", date(2026, 10, 18)),
        ("Australia/Lord_Howe", date(2026, 3, 29)),
        ("Asia/Kolkata", date(2026, 3, 1)),
    ],
)
def test_no_day_is_lost_or_doubled_when_clocks_change(tmp_path: Path, zone: str, first: date, at: str) -> None:
    company = settings(tmp_path, zone, at)
    start = datetime(first.year, first.month, first.day, tzinfo=ZoneInfo(zone))
    expected = [(first + timedelta(days=number)).isoformat() for number in range(20)]
    end = datetime.combine(first + timedelta(days=20), start.time(), start.tzinfo) - timedelta(seconds=1)
    assert days_run(company, start.astimezone(UTC), end.astimezone(UTC)) == expected


def test_the_partition_of_a_run_exists_at_the_hour_of_the_run(tmp_path: Path) -> None:
    company = settings(tmp_path, "America/New_York", "06:00")
    partitions = assets.daily_partitions(company, date(2026, 1, 1))
    for day in (date(2026, 3, 8), date(2026, 11, 1), date(2026, 7, 1)):
        six = datetime(day.year, day.month, day.day, 6, tzinfo=ZoneInfo("America/New_York"))
        keys = partitions.get_partition_keys(current_time=six.astimezone(UTC))
        assert keys[-1] == day.isoformat()
        assert len(keys) == len(set(keys)) == (day - date(2026, 1, 1)).days + 1


def test_the_demo_s_schedule_is_off_and_a_company_s_is_on(tmp_path: Path) -> None:
    company = settings(tmp_path, "UTC", "06:00")
    job = dg.define_asset_job("daily", "*")
    assert jobs.daily_schedule(company, job, is_demo=True).default_status == dg.DefaultScheduleStatus.STOPPED
    assert jobs.daily_schedule(company, job, is_demo=False).default_status == dg.DefaultScheduleStatus.RUNNING


def test_the_daily_job_has_a_partition_for_each_day_and_a_step_for_each_source_before_the_marts(tmp_path: Path) -> None:
    company = settings(tmp_path, "UTC", "06:00")
    for source in ("crm", "billing"):
        (tmp_path / source).mkdir()
        with (tmp_path / "pipeledger.toml").open("a") as file:
            file.write(f'[sources.{source}]\ntype = "files"\npath = "{source}"\n')
    company = Settings(load_config(tmp_path / "pipeledger.toml", {}), company.home)
    days = assets.daily_partitions(company, date(2026, 3, 1))
    job, *_ = jobs.jobs_of_steps(company, {"nodes": {}}, days)
    assert job.partitions_def == days
    before = {
        step.name: sorted(each.node for needed in inputs.values() for each in needed.get_node_dependencies())
        for step, inputs in job.graph.dependencies.items()
    }
    assert before == {
        "capture_day_of_crm": [],
        "capture_day_of_billing": [],
        "build_marts_once": ["capture_day_of_billing", "capture_day_of_crm"],
        "publish_once": ["build_marts_once"],
        "every_day_asked_for_is_captured": ["publish_once"],
    }
