"""Whoever gets the lock after a crash finds a home in which nothing is stuck."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from orchestration.dag.dagster_home import write_dagster_home
from orchestration.dag.sole_writer import take_over, wait_for_orphans
from orchestration.settings.config import load_config
from orchestration.settings.home import Home
from orchestration.settings.lock import Holder, Lock
from orchestration.settings.settings import Settings

WRITER = """
import sys, time, duckdb
connection = duckdb.connect(sys.argv[1])
print("writing", flush=True)
time.sleep(float(sys.argv[2]))
"""


@dg.op
def nothing() -> None:
    """Do nothing."""


@dg.job
def idle() -> None:
    nothing()


@pytest.fixture
def company(tmp_path: Path) -> Settings:
    path = tmp_path / "pipeledger.toml"
    path.write_text('[company]\ntime_zone = "UTC"\n')
    return Settings(load_config(path, {}), Home(tmp_path / "home"))


@pytest.fixture
def instance(company: Settings) -> Iterator[dg.DagsterInstance]:
    write_dagster_home(company.home.dagster)
    with dg.DagsterInstance.from_config(str(company.home.dagster)) as instance:
        yield instance


def test_a_killed_run_is_marked_failed_and_its_slot_freed(company: Settings, instance: dg.DagsterInstance) -> None:
    run = instance.create_run_for_job(idle)
    storage = instance.event_log_storage
    storage.set_concurrency_slots("duckdb", 1)
    assert storage.claim_concurrency_slot("duckdb", run.run_id, "nothing").is_claimed
    lock = Lock(company.home.lock)
    lock.acquire("pipeledger run")
    lock.crashed = Holder(4711, "pipeledger run", "2026-03-05T06:00:00+00:00", run.run_id)
    try:
        take_over(company, lock, instance, "the next run", print)
    finally:
        lock.release()
    buried = instance.get_run_by_id(run.run_id)
    assert buried is not None
    assert buried.status == dg.DagsterRunStatus.FAILURE
    assert storage.get_concurrency_info("duckdb").active_slot_count == 0


def test_only_one_step_writes_at_a_time(instance: dg.DagsterInstance) -> None:
    config = instance.get_concurrency_config().pool_config
    assert config.default_pool_limit == 1
    assert instance.telemetry_enabled is False


def test_a_child_that_outlived_its_run_is_waited_for(company: Settings) -> None:
    company.home.root.mkdir()
    duckdb.connect(str(company.home.warehouse)).close()
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(company.home.warehouse), "2"], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "writing\n"
    said: list[str] = []
    wait_for_orphans(company.home, said.append)
    child.wait()
    assert said == [f"waiting for process {child.pid}, which still writes warehouse.duckdb"]
    duckdb.connect(str(company.home.warehouse)).close()


def test_a_child_that_never_ends_is_named(company: Settings) -> None:
    company.home.root.mkdir()
    duckdb.connect(str(company.home.warehouse)).close()
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(company.home.warehouse), "60"], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "writing\n"
    try:
        with pytest.raises(Exception, match=f"still written by process {child.pid}"):
            wait_for_orphans(company.home, lambda line: None, timeout=0.1)
    finally:
        child.kill()
        child.wait()
