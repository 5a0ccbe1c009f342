"""A build that tells closed months otherwise says so, with the amount and the cause; any other build says nothing."""

import os
import shutil
from pathlib import Path

import duckdb
import pytest

from orchestration.settings.settings import Settings, load_settings
from orchestration.steps.closed_months import closed_months_changed, note_published
from orchestration.steps.dbt import PROJECT
from tests.orchestration.conftest import TOML

MARTS = """
create schema marts;
create schema staging;
create table marts.dim_snapshot as
    select 'billing' as source, 'subscription' as entity, unnest(generate_series(
        date '2026-01-15', date '2026-03-05', interval 1 day
    ))::date as snapshot_date, 'observed' as status, timestamp '2026-03-05 11:00' as captured_at;
create table marts.fct_mrr_monthly as
    select 'billing' as source, customer_id, month_end, 50.00::decimal(18, 2) as mrr_amount
    from (values ('C1'), ('C2')) as customers (customer_id),
    (values (date '2025-12-31'), (date '2026-01-31'), (date '2026-02-28'), (date '2026-03-31')) as months (month_end);
create table marts.fct_booking_movements as
    select 'crm' as source, 'O1' as opportunity_id, date '2026-02-10' as snapshot_date,
    700.00::decimal(18, 2) as amount;
create table marts.fct_pipeline_daily as
    select snapshot_date, 1000.00::decimal(18, 2) as open_amount, 3 as open_opportunities from marts.dim_snapshot;
create table staging.stg_subscription as
    select 'billing' as source, 'S1' as subscription_id, 'C1' as customer_id, date '2026-01-15' as valid_from,
    false as is_tombstone, timestamp '2025-06-01 12:00' as started_at, null::timestamp as trial_start_at,
    null::timestamp as trial_end_at, null::date as paused_from, null::date as paused_to, null::timestamp as ended_at,
    null::timestamp as cancelled_at, 50.00::decimal(18, 2) as source_amount, 'month' as billing_interval,
    1 as interval_count, 'USD' as currency_code;
"""


def write(path: Path, *changes: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(path)) as connection:
        for statements in (MARTS, *changes):
            connection.execute(statements)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A company whose last published file is noted."""
    (tmp_path / "pipeledger.toml").write_text(TOML)
    (tmp_path / "definitions").mkdir()
    (tmp_path / "definitions" / "mrr_policy.csv").write_text("choice,value,valid_from,owner,definition\n")
    found = load_settings(tmp_path / "pipeledger.toml", {"PIPELEDGER_HOME": str(tmp_path / "home")})
    write(found.home.published)
    found.home.dbt.mkdir()
    note_published(found)
    return found


def test_the_same_months_need_no_word(settings: Settings) -> None:
    write(settings.home.warehouse)
    assert closed_months_changed(settings) == []


def test_what_the_running_month_comes_to_is_no_change_of_the_past(settings: Settings) -> None:
    write(
        settings.home.warehouse,
        "update marts.fct_mrr_monthly set mrr_amount = 1 where month_end = '2026-03-31'",
        "update marts.fct_pipeline_daily set open_amount = 1 where snapshot_date >= '2026-03-01'",
        "insert into marts.fct_booking_movements values ('crm', 'O2', '2026-03-02', 5.00)",
    )
    assert closed_months_changed(settings) == []


def test_paid_months_that_are_gone_are_told_with_amount_customer_and_cause(settings: Settings) -> None:
    write(
        settings.home.warehouse,
        "delete from marts.fct_mrr_monthly where customer_id = 'C1' and month_end < '2026-02-01'",
        "update marts.fct_mrr_monthly set mrr_amount = 60 where customer_id = 'C2' and month_end = '2026-02-28'",
        "insert into staging.stg_subscription by name select * replace (date '2026-03-06' as valid_from, "
        "timestamp '2026-02-01 12:00' as started_at) from staging.stg_subscription",
        "insert into staging.stg_subscription by name select * replace ('S2' as subscription_id, 'C2' as customer_id, "
        "date '2026-03-06' as valid_from) from staging.stg_subscription limit 1",
    )
    [found] = closed_months_changed(settings)
    assert "MRR of 2025-12 to 2026-02 (3 of them)" in found
    assert "60.00 instead of 150.00 (-90.00), of billing.C1 (-100.00), billing.C2 (+10.00)" in found
    assert "subscription billing.S1 as captured on 2026-03-06: started_at is 2026-02-01 12:00:00, was 2025-06" in found
    assert "subscription billing.S2 was first captured on 2026-03-06" in found


def test_a_day_that_was_captured_again_is_the_cause_of_other_pipeline_and_bookings(settings: Settings) -> None:
    write(
        settings.home.warehouse,
        "update marts.fct_pipeline_daily set open_amount = 1200 where snapshot_date = '2026-02-10'",
        "update marts.fct_pipeline_daily set open_opportunities = 4 where snapshot_date = '2026-02-11'",
        "update marts.fct_booking_movements set amount = 900",
        "update marts.dim_snapshot set captured_at = '2026-03-06 11:00' where snapshot_date = '2026-02-10'",
    )
    bookings, pipeline = closed_months_changed(settings)
    assert "bookings of 2026-02 (1 of them)" in bookings
    assert "900.00 instead of 700.00 (+200.00), of crm.O1 (+200.00)" in bookings
    assert "open pipeline of 2026-02" in pipeline
    assert "on 2026-02-10 it is 1,200.00 and was 1,000.00; 2 days differ" in pipeline
    cause = "Cause: days captured since: billing.subscription 2026-02-10."
    assert bookings.endswith(cause)
    assert pipeline.endswith(cause)


def changed(settings: Settings) -> list[str]:
    write(settings.home.warehouse, "update marts.fct_booking_movements set amount = 900")
    return closed_months_changed(settings)


def test_a_changed_definition_of_the_company_changes_what_is_meant_and_not_the_past(settings: Settings) -> None:
    path = settings.config.company.definitions / "mrr_policy.csv"
    path.write_text(path.read_text() + "past_due,excluded,,,\n")
    assert changed(settings) == []


def test_a_change_without_a_reason_asks_for_the_ledger_to_be_verified(settings: Settings) -> None:
    [found] = changed(settings)
    assert found.endswith("Cause: none found, run `pipeledger verify`.")


def test_other_models_or_defaults_are_a_cause(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "dbt_project"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    with (project / "models" / "marts" / "pipeline" / "fct_pipeline_daily.sql").open("a") as model:
        model.write("-- another one\n")
    monkeypatch.setattr("orchestration.steps.dbt.PROJECT", project)
    [found] = changed(settings)
    assert found.endswith("Cause: the models or the default definitions changed.")


def test_a_published_file_that_nobody_noted_is_compared_and_the_doubt_is_told(settings: Settings) -> None:
    os.utime(settings.home.published, ns=(1, 1))
    [found] = changed(settings)
    assert "nothing was noted when the last file was published" in found


def test_without_a_published_file_or_with_one_of_other_marts_there_is_nothing_to_compare(settings: Settings) -> None:
    settings.home.published.unlink()
    assert changed(settings) == []
    with duckdb.connect(str(settings.home.published)) as connection:
        connection.execute("create schema marts; create table marts.dim_snapshot (snapshot_date date)")
    assert closed_months_changed(settings) == []
