"""Dagster's event log with its connections kept open: the same files, the same events, few connections."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from orchestration.dag.dagster_home import write_dagster_home
from orchestration.dag.event_log import KEPT_OPEN, OpenEventLog


@dg.asset
def counted() -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(metadata={"rows": 7})


@pytest.fixture
def instance(tmp_path: Path) -> dg.DagsterInstance:
    write_dagster_home(tmp_path)
    return dg.DagsterInstance.from_config(str(tmp_path))


def materialize(instance: dg.DagsterInstance) -> str:
    with dg.DagsterInstance.from_ref(instance.get_ref()) as another:  # as a process of its own would
        return dg.materialize([counted], instance=another).run_id


def test_the_home_of_dagster_names_it(instance: dg.DagsterInstance) -> None:
    assert isinstance(instance.event_log_storage, OpenEventLog)


def test_dagsters_own_storage_reads_what_it_wrote(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    run_id = materialize(instance)
    own = SqliteEventLogStorage(str(tmp_path / "history" / "runs"))
    ours = [record.event_log_entry for record in instance.event_log_storage.get_records_for_run(run_id).records]
    assert [record.event_log_entry for record in own.get_records_for_run(run_id).records] == ours
    event = own.get_latest_materialization_events([dg.AssetKey("counted")])[dg.AssetKey("counted")]
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["rows"].value == 7


def test_it_reads_what_dagsters_own_storage_wrote(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    materialize(instance)
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    run_id = materialize(dg.DagsterInstance.from_config(str(tmp_path)))
    found = instance.event_log_storage.get_records_for_run(run_id).records
    assert any(record.event_log_entry.get_dagster_event().is_step_materialization for record in found)


def test_only_few_databases_stay_open(instance: dg.DagsterInstance) -> None:
    storage = instance.event_log_storage
    assert isinstance(storage, OpenEventLog)
    runs = [materialize(instance) for _ in range(KEPT_OPEN + 2)]
    assert all(storage.get_records_for_run(run_id).records for run_id in [*runs, *runs])
    assert len(storage._engines) == KEPT_OPEN


def test_after_a_wipe_it_begins_anew(instance: dg.DagsterInstance) -> None:
    run_id = materialize(instance)
    assert instance.event_log_storage.get_records_for_run(run_id).records
    instance.event_log_storage.wipe()
    assert not instance.event_log_storage.get_records_for_run(run_id).records
