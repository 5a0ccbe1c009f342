"""One source as Dagster sees it: gaps stay holes, failures are loud, and only what may heal is tried again."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
import pytest

from ingestion.landing import land
from orchestration.commands import doctor
from orchestration.commands.status import read_status
from orchestration.dag import assets, lost_days, model_assets
from orchestration.dag.sole_writer import SCHEDULED, TRIGGER_TAG, sole_writer
from orchestration.settings.config import load_config
from orchestration.settings.home import Home, open_home
from orchestration.settings.lock import Lock
from orchestration.settings.settings import Settings
from orchestration.steps import capture as steps
from orchestration.steps.dbt import prepare, read_manifest
from tests.orchestration.conftest import Desk


@pytest.fixture
def company(desk: Desk) -> Settings:
    settings = Settings(load_config(desk.folder / "pipeledger.toml", {}), Home(desk.home))
    desk.home.mkdir()
    open_home(settings.home, settings.store.place, settings.config.company)
    desk.drop_opportunities("2026-03-05")
    return settings


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def capture(
    company: Settings, instance: dg.DagsterInstance, source: str, day: str, tags: dict[str, str] | None = None
) -> dg.ExecuteInProcessResult:
    """Materialize the assets of one source for one day."""
    days = assets.daily_partitions(company, date(2026, 3, 1))
    return dg.materialize(
        [assets.source_assets(company, company.config.sources[source], days)],
        instance=instance,
        partition_key=day,
        resources={assets.SOLE_WRITER: sole_writer(company)},
        raise_on_error=False,
        tags=tags,
    )


def materialized(result: dg.ExecuteInProcessResult) -> set[str]:
    return {
        event.step_materialization_data.materialization.asset_key.to_user_string()
        for event in result.get_asset_materialization_events()
    }


def checks(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {check.check_name: check.passed for check in result.get_asset_check_evaluations()}


def test_a_captured_day_shows_rows_by_entity(company: Settings, instance: dg.DagsterInstance) -> None:
    result = capture(company, instance, "crm", "2026-03-05")
    assert result.success
    assert materialized(result) == {"landing/crm/opportunity", "ledger/crm", "intervals/crm"}
    assert checks(result) == {"captured": True, "gates": True, "no_rejected_rows": True, "no_missing_days": True}
    event = instance.get_latest_materialization_event(assets.ledger_key("crm"))
    assert event is not None
    assert event.asset_materialization is not None
    metadata = event.asset_materialization.metadata
    assert metadata["dagster/row_count"].value == 60
    assert metadata["snapshot_date"].value == "2026-03-05"
    assert instance.get_materialized_partitions(assets.ledger_key("crm")) == {"2026-03-05"}


def why_it_failed(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> str:
    """What Dagster's page and its failure sensors say of a failed run."""
    [failure] = instance.get_records_for_run(result.run_id, of_type=dg.DagsterEventType.RUN_FAILURE).records
    event = failure.event_log_entry.get_dagster_event()
    error = event.job_failure_data.error
    assert error is not None
    return error.message


def tag(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> str | None:
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    return run.tags.get(lost_days.GAP_TAG)


def test_a_source_that_fails_leaves_a_hole_and_a_failed_check_but_its_intervals_and_ends_as_failed(
    company: Settings, instance: dg.DagsterInstance
) -> None:
    result = capture(company, instance, "crm", "2026-03-06")
    assert not result.success
    assert materialized(result) == {"intervals/crm"}
    assert checks(result)["captured"] is False
    assert instance.get_materialized_partitions(assets.ledger_key("crm")) == set()
    assert tag(instance, result) == "crm.opportunity 2026-03-06"
    assert "crm: no drop of 2026-03-06 for opportunity" in why_it_failed(instance, result)


def test_a_day_that_is_captured_leaves_no_tag(company: Settings, instance: dg.DagsterInstance) -> None:
    assert tag(instance, capture(company, instance, "crm", "2026-03-05")) is None


class Flaky:
    """A landing that fails a number of times, then lands."""

    def __init__(self, failures: int, error: Exception) -> None:
        self.failures, self.error, self.calls = failures, error, 0
        self.land = land

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error
        return self.land(*arguments, **options)


@pytest.mark.parametrize(
    ("failures", "error", "calls", "captured"),
    [
        (2, ConnectionError("reset by peer"), 3, True),
        (99, ConnectionError("reset by peer"), 4, False),
        (99, ValueError("not a number"), 1, False),
    ],
)
def test_what_may_heal_is_tried_again_and_nothing_else(
    company: Settings,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    failures: int,
    error: Exception,
    calls: int,
    captured: bool,
) -> None:
    landing = Flaky(failures, error)
    monkeypatch.setattr(steps, "land", landing)
    monkeypatch.setattr(assets, "RETRY_SECONDS", 0)
    result = capture(company, instance, "crm", "2026-03-05")
    assert result.success is captured
    assert landing.calls == calls
    assert checks(result)["captured"] is captured


def test_a_cause_behind_a_cause_is_seen_and_a_circle_of_causes_ends() -> None:
    outer, inner = ValueError("outer"), TimeoutError("inner")
    outer.__cause__ = inner
    assert steps.is_worth_retrying(outer)
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    assert not steps.is_worth_retrying(one)


def test_a_tripped_gate_writes_nothing_and_fails_its_check_until_accepted(
    company: Settings, instance: dg.DagsterInstance, desk: Desk
) -> None:
    capture(company, instance, "crm", "2026-03-05")
    desk.drop_opportunities("2026-03-06", count=10)
    result = capture(company, instance, "crm", "2026-03-06")
    assert checks(result) == {"captured": False, "gates": False, "no_rejected_rows": True, "no_missing_days": True}
    assert not result.success
    assert tag(instance, result) == "crm.opportunity 2026-03-06"
    assert "10 rows for 2026-03-06, 50 gone" in why_it_failed(instance, result)
    assert instance.get_materialized_partitions(assets.ledger_key("crm")) == {"2026-03-05"}
    accepted = capture(company, instance, "crm", "2026-03-06", {assets.ACCEPT_TAG: "deletes"})
    assert checks(accepted)["gates"] is True
    assert instance.get_materialized_partitions(assets.ledger_key("crm")) == {"2026-03-05", "2026-03-06"}


HEADER = "opportunity_id,deal_stage,close_value,notes"


def test_one_wrong_row_is_loud_and_not_a_lost_day(company: Settings, instance: dg.DagsterInstance, desk: Desk) -> None:
    lines = [f"o{number},Prospecting,{number},x" for number in range(59)]
    desk.drop("crm", "opportunity", "2026-03-05", HEADER, [*lines, "o59,Prospecting,a lot,x"])
    result = capture(company, instance, "crm", "2026-03-05")
    assert result.success
    assert checks(result) == {"captured": True, "gates": True, "no_rejected_rows": False, "no_missing_days": True}
    [check] = [each for each in result.get_asset_check_evaluations() if each.check_name == "no_rejected_rows"]
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert "1 of 60 rows for 2026-03-05 rejected" in str(check.description)
    [status] = [each for each in read_status(company, date(2026, 3, 5)) if each.source == "crm"]
    assert (status.rows, status.rejected) == (59, 1)
    assert "1 of 60 rows" in str(status.message)
    finding = doctor.check_rejects(company)
    assert finding.level == "warn"
    assert finding.message.startswith("1 of 60 rows of crm.opportunity on 2026-03-05, see ")


def test_a_renamed_column_is_a_lost_day_until_it_is_mapped(
    company: Settings, instance: dg.DagsterInstance, desk: Desk
) -> None:
    lines = [f"o{number},Prospecting,{number},x" for number in range(59)]
    desk.drop("crm", "opportunity", "2026-03-05", HEADER, lines)
    assert capture(company, instance, "crm", "2026-03-05").success
    renamed = HEADER.replace("close_value", "Amount (USD)").replace("notes", "Next Step Date")
    desk.drop("crm", "opportunity", "2026-03-06", renamed, lines)
    result = capture(company, instance, "crm", "2026-03-06")
    assert not result.success
    assert "the column `close_value` (our `amount`) is gone" in why_it_failed(instance, result)
    assert "`Amount (USD)` is new: is it that?" in why_it_failed(instance, result)
    assert tag(instance, result) == "crm.opportunity 2026-03-06"
    assert capture(company, instance, "crm", "2026-03-06", {assets.ACCEPT_TAG: "columns"}).success


def test_missing_days_are_named_by_their_check(company: Settings, instance: dg.DagsterInstance, desk: Desk) -> None:
    capture(company, instance, "crm", "2026-03-05")
    desk.drop_opportunities("2026-03-07")
    result = capture(company, instance, "crm", "2026-03-07")
    [check] = [each for each in result.get_asset_check_evaluations() if each.check_name == "no_missing_days"]
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert "2026-03-06" in str(check.description)


def test_a_run_by_hand_stops_at_a_held_lock_and_a_scheduled_one_waits(
    company: Settings, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def acquire(self: Lock, command: str, *, wait: bool = False, **_: Any) -> None:
        asked.append(wait)
        raise InterruptedError("enough")

    monkeypatch.setattr(Lock, "acquire", acquire)
    for tags in ({}, {TRIGGER_TAG: SCHEDULED}, {"dagster/backfill": "abc"}):
        capture(company, instance, "crm", "2026-03-05", tags)
    assert asked == [False, True, True]


def test_every_asset_says_what_it_is(company: Settings) -> None:
    days = assets.daily_partitions(company, date(2026, 3, 1))
    for spec in assets.specs(company, company.config.sources["crm"], days):
        assert spec.description
        assert spec.group_name == "crm"
        is_ledger = spec.key.path[0] == "ledger"
        assert (spec.partitions_def is not None) is is_ledger


def test_every_model_and_definition_says_what_it_is(company: Settings) -> None:
    manifest = read_manifest(prepare(company.config, company.home))
    described = {
        str(spec.key.path[-1]): str(spec.description) for spec in model_assets.model_assets(company, manifest).specs
    }
    assert {"targets", "int_opportunity_history", "fct_pipeline_daily"} <= set(described)
    assert [name for name, text in described.items() if len(text.split()) < 4 or not text.endswith(".")] == []


def test_models_are_grouped_by_subject_and_keep_their_layer_in_their_key(company: Settings) -> None:
    manifest = read_manifest(prepare(company.config, company.home))
    groups = {spec.key.to_user_string(): spec.group_name for spec in model_assets.model_assets(company, manifest).specs}
    assert groups["definitions/targets"] == "definitions"
    assert groups["staging/stg_opportunity"] == "staging"
    assert groups["intermediate/int_coverage_due"] == groups["marts/rpt_pipeline_coverage"] == "coverage"
    assert not {"intermediate", "marts"} & set(groups.values())


def test_the_ledger_s_check_reads_every_day(company: Settings, instance: dg.DagsterInstance, desk: Desk) -> None:
    capture(company, instance, "crm", "2026-03-05")
    check = assets.LedgerCheck(company).definition("crm")
    ledger = dg.AssetSpec(assets.ledger_key("crm"))

    def verdict() -> bool:
        job = dg.Definitions(
            assets=[ledger],
            asset_checks=[check],
            jobs=[dg.define_asset_job("verify", dg.AssetSelection.checks(check))],
            resources={assets.SOLE_WRITER: sole_writer(company)},
        ).resolve_job_def("verify")
        [evaluation] = job.execute_in_process(instance=instance).get_asset_check_evaluations()
        return evaluation.passed

    assert verdict()
    file = next(company.store.ledger.folder.rglob("*.parquet"))
    file.write_bytes(file.read_bytes()[:-30])
    assert not verdict()
