"""Every check of `doctor` finds what it is there to find, and says how to mend it."""

import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pytest

from ingestion.source import Finding
from orchestration.commands import doctor
from orchestration.commands.doctor import examine
from orchestration.settings.config import load_config
from orchestration.settings.errors import ConfigError
from orchestration.settings.home import Home
from orchestration.settings.lock import Lock
from orchestration.settings.settings import Settings
from tests.orchestration.conftest import Desk

TODAY = date(2026, 3, 5)


@pytest.fixture
def sound(desk: Desk) -> Desk:
    desk.drop_opportunities("2026-03-05")
    desk.drop_subscriptions("2026-03-05")
    return desk


def settings(desk: Desk) -> Settings:
    return Settings(load_config(desk.folder / "pipeledger.toml", {}), Home(desk.home))


def findings(desk: Desk, env: dict[str, str] | None = None) -> dict[str, Finding]:
    company = settings(desk)
    return {finding.check: finding for finding in examine(company, company.home, TODAY, env or {})}


def test_a_sound_set_up_has_no_failure(sound: Desk) -> None:
    assert {finding.level for finding in findings(sound).values()} <= {"ok", "warn"}


def test_every_problem_comes_with_its_fix(sound: Desk) -> None:
    for finding in findings(sound, {"DAGSTER_WEBSERVER_HOST": "0.0.0.0"}).values():  # noqa: S104 - what it must find
        assert finding.level == "ok" or finding.fix


@pytest.mark.parametrize("version", [("3", "10", "4"), ("3", "14", "0"), ("2", "7", "18")])
def test_a_wrong_python_is_found(version: tuple[str, str, str]) -> None:
    finding = doctor.check_python(version)
    assert finding.level == "fail"
    assert "3.11 to 3.13 expected" in finding.message


def test_an_unwritable_home_is_found(sound: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    finding = doctor.check_writable(Home(sound.home))
    assert finding.level == "fail"
    assert "not writable (Permission denied)" in finding.message


def test_a_home_that_is_a_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    assert doctor.check_writable(Home(tmp_path / "home")).level == "fail"


def test_a_full_disk_is_found(sound: Desk) -> None:
    finding = doctor.check_space(Home(sound.home), free=lambda _: 10_000_000)
    assert finding.level == "fail"
    assert "0.0 GB free" in finding.message


def test_a_published_file_that_would_not_fit_twice_is_found(sound: Desk) -> None:
    home = Home(sound.home)
    home.published.parent.mkdir(parents=True)
    with home.published.open("wb") as file:
        file.truncate(2_000_000_000)  # sparse
    assert doctor.check_space(home, free=lambda _: 5_000_000_000).level == "fail"


def test_a_held_lock_is_found_and_its_holder_named(sound: Desk) -> None:
    lock = Lock.of(Home(sound.home))
    lock.acquire("pipeledger run --date 2026-03-05")
    try:
        finding = doctor.check_lock(Home(sound.home))
    finally:
        lock.release()
    assert finding.level == "warn"
    assert "pipeledger run --date 2026-03-05" in finding.message
    assert doctor.check_lock(Home(sound.home)).level == "ok"


@pytest.mark.parametrize(
    "command",
    [
        ["python", "/venv/bin/dagster", "dev", "-h", "0.0.0.0"],  # noqa: S104 - what it must find
        ["/venv/bin/dagster-webserver", "--host", "10.0.0.5"],
        ["python", "-m", "dagster_webserver", "--host=0.0.0.0"],
    ],
)
def test_a_ui_beyond_loopback_is_found(command: list[str]) -> None:
    finding = doctor.check_ui({}, iter([command]))
    assert finding.level == "fail"
    assert "127.0.0.1 expected" in finding.message
    assert doctor.check_ui({}, iter([["dagster", "dev", "--host", "127.0.0.1"], ["vi", "-h", "x"]])).level == "ok"


def test_a_ui_that_listens_beyond_loopback_is_found_among_the_processes(tmp_path: Path) -> None:
    program = tmp_path / "dagster-webserver"
    program.write_text("import time\ntime.sleep(60)\n")
    host = socket.gethostname()
    process = subprocess.Popen([sys.executable, str(program), "--host", host])
    try:
        deadline = time.monotonic() + 30  # until it runs the program, a new process shows its parent's command line
        hosts: set[str | None] = set()
        while host not in hosts and time.monotonic() < deadline:
            hosts = {doctor.host_of(command) for command in doctor.command_lines()}
    finally:
        process.kill()
        process.wait()
    assert host in hosts


def test_a_host_in_the_environment_is_found(sound: Desk) -> None:
    assert findings(sound, {"DAGSTER_WEBSERVER_HOST": "192.168.1.4"})["ui"].level == "fail"


def test_settings_that_cannot_be_read_are_a_finding(tmp_path: Path) -> None:
    error = ConfigError("pipeledger.toml: company.time_zone: missing")
    found = list(examine(error, Home(tmp_path), TODAY, {}))
    assert found[-1].check == "settings"
    assert found[-1].level == "fail"


def test_a_missing_file_is_found(sound: Desk) -> None:
    (sound.folder / "exports" / "billing" / "subscription" / "2026-03-05.csv").unlink()
    assert findings(sound)["source billing"].level == "fail"


def test_many_missing_files_are_named_in_a_few_words(sound: Desk) -> None:
    """Since the day that doctor looks back to, some 1,100 days have no drop."""
    (sound.folder / "exports" / "billing" / "subscription" / "2026-03-05.csv").rename(
        sound.folder / "exports" / "billing" / "subscription" / "2026-03-06.csv"
    )
    message = findings(sound)["source billing"].message
    assert re.fullmatch(r"no day can be served: (subscription/\S+\.csv, ){3}and 1,\d{3} more missing", message)


def test_what_a_run_would_reject_is_found_in_the_first_rows(sound: Desk) -> None:
    header = "opportunity_id,Deal_Stage,close_value,close_date"
    lines = [f"o{n},New,{n},2026-03-31" for n in range(2000)]
    lines[7], lines[1500] = 'o7,,"1.234,56",31.03.2026', "o1500,New,free,2026-03-31"
    sound.drop("crm", "opportunity", "2026-03-05", header, lines)
    found = findings(sound)
    assert found["source crm"].level == "ok"
    finding = found["source crm: opportunity"]
    assert finding.level == "warn"
    assert finding.message == (
        "a run would reject 1 of the first 1,000 rows: opportunity/2026-03-05.csv, line 9: Deal_Stage is required and "
        "is empty; close_value: got 1.234,56, expected a number such as 1234.56; this file seems to write 1.234,56: "
        'set decimal = ","; close_date: got 31.03.2026, expected a date such as 2026-11-22; this file seems to write '
        '22.11.2026: set date_format = "DD.MM.YYYY"'
    )
    assert not sound.home.exists()


def test_a_file_that_a_run_would_refuse_is_a_failure(sound: Desk) -> None:
    lines = [f"o{n},New,{'free' if n < 5 else n}" for n in range(100)]
    sound.drop("crm", "opportunity", "2026-03-05", "opportunity_id,deal_stage,close_value", lines)
    finding = findings(sound)["source crm: opportunity"]
    assert finding.level == "fail"
    assert "5 of the first 100 rows" in finding.message
    assert finding.message.endswith("; and 2 more")


def test_a_number_of_which_nobody_knows_the_size_is_found(sound: Desk) -> None:
    lines = [f"o{n},New,1.{n:03}" for n in range(100, 200)]
    sound.drop("crm", "opportunity", "2026-03-05", "opportunity_id,deal_stage,close_value", lines)
    finding = findings(sound)["source crm"]
    assert finding.level == "fail"
    assert "separates thousands or is a decimal point" in finding.message


def test_a_row_of_a_definition_that_a_build_refuses_is_found_with_its_value(sound: Desk) -> None:
    (sound.folder / "definitions" / "segments.csv").write_text(
        "segment,rule_column,rule_operator,rule_value,priority,valid_from,owner,definition\n"
        "Small,employee_count,less than,50,2,,,\n"
    )
    [finding] = doctor.check_definition_rows(settings(sound))
    assert finding.level == "fail"
    assert finding.message == (
        "segments.csv: Small, employee_count, less than, 50: rule_operator `less than` is none of =, !=, <, <=, >, >=, "
        "in, is_null."
    )
    assert str(sound.folder / "definitions") in finding.fix
    assert not sound.home.exists()


def test_a_missing_folder_is_found(sound: Desk) -> None:
    (sound.folder / "exports" / "crm").rename(sound.folder / "exports" / "elsewhere")
    found = findings(sound)["source crm"]
    assert found.level == "fail"
    assert "does not exist" in found.message


def test_a_missing_column_mapping_is_found(sound: Desk) -> None:
    toml = sound.folder / "pipeledger.toml"
    toml.write_text(toml.read_text().replace("deal_stage = ", "state = "))
    found = findings(sound)["source crm"]
    assert found.level == "fail"
    assert "state" in found.message


def test_a_wrong_header_of_a_definition_is_found(sound: Desk) -> None:
    (sound.folder / "definitions" / "targets.csv").write_text(
        "quarter,segment,target_amount,valid_from,owner,definition\n"
    )
    found = findings(sound)["definitions"]
    assert found.level == "fail"
    assert "column `fiscal_quarter` missing" in found.message


def test_a_misnamed_definition_is_found(sound: Desk) -> None:
    (sound.folder / "definitions" / "target.csv").write_text("fiscal_quarter\n")
    assert "Did you mean `targets.csv`?" in findings(sound)["definitions"].message


def test_another_time_zone_than_the_home_s_is_found(sound: Desk) -> None:
    sound.home.mkdir()
    (sound.home / "home.json").write_text('{"format": 1, "time_zone": "UTC", "base_currency": "USD"}')
    assert findings(sound)["marker"].level == "fail"


@pytest.fixture
def marts(sound: Desk) -> Iterator[duckdb.DuckDBPyConnection]:
    """Published marts with one unmapped stage and a missing rate, in a quarter whose targets are not set."""
    path = Home(sound.home).published
    path.parent.mkdir(parents=True)
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema marts")
        connection.execute(
            "create table marts.fct_opportunity_current as "
            "select 'crm' as source, 'default' as pipeline, 'unmapped' as stage, 'Haggling' as source_stage, "
            "true as is_open, 5.00 as source_amount, null::decimal(18, 2) as amount, 'GBP' as currency_code"
        )
        connection.execute("create table marts.dim_snapshot as select date '2026-03-05' as snapshot_date")
        connection.execute(
            "create table marts.dim_date as select range::date as date_day, "
            "'FY2026-Q' || quarter(range) as fiscal_quarter, "
            "(date_trunc('quarter', range) + interval 3 month - interval 1 day)::date as fiscal_quarter_end_date "
            "from range(date '2026-01-01', date '2026-12-31', interval 1 day)"
        )
        yield connection


def test_unmapped_stages_are_found_with_their_rows(sound: Desk, marts: duckdb.DuckDBPyConnection) -> None:
    marts.close()
    found = findings(sound)["stages"]
    assert found.level == "warn"
    assert "crm/default: Haggling (1 rows)" in found.message
    assert "stage_definitions.csv" in found.fix


def test_a_missing_rate_is_found_with_its_currency(sound: Desk, marts: duckdb.DuckDBPyConnection) -> None:
    marts.close()
    found = findings(sound)["rates"]
    assert (found.level, found.message) == ("warn", "open opportunities without a rate: GBP (1)")
    assert "fx_rates.csv" in found.fix


def test_a_stage_that_a_default_definition_explains_is_asked_about_until_there_is_an_own_file(
    sound: Desk, marts: duckdb.DuckDBPyConnection
) -> None:
    marts.execute(
        "create or replace table marts.fct_opportunity_current as select 'crm' as source, 'default' as pipeline, "
        "unnest(['Closed Won', 'Proposal']) as stage, unnest(['Won', 'Proposal']) as source_stage, "
        "unnest(['won', 'open']) as stage_category, stage_category = 'open' as is_open, 'USD' as currency_code, "
        "1.00 as amount, 1.00 as source_amount"
    )
    marts.close()
    assert findings(sound)["stages"].level == "ok"
    (sound.folder / "definitions" / "stage_definitions.csv").unlink()
    finding = findings(sound)["stages"]
    assert finding.level == "warn"
    assert "Proposal is open, Won is won and called Closed Won; is that so?" in finding.message
    assert "with a file of your own nobody asks" in finding.fix


def test_a_published_file_of_an_older_version_is_found(sound: Desk, marts: duckdb.DuckDBPyConnection) -> None:
    marts.execute("alter table marts.fct_opportunity_current drop column source_amount")
    marts.close()
    found = findings(sound)["published"]
    assert (found.level, found.fix) == ("fail", "pipeledger build")
    assert found.message.endswith("it has no column source_amount, an older version wrote it")


def test_missing_targets_are_found_by_quarter(sound: Desk, marts: duckdb.DuckDBPyConnection) -> None:
    marts.close()
    assert "none for FY2026-Q1, FY2026-Q2" in findings(sound)["targets"].message
    (sound.folder / "definitions" / "targets.csv").write_text(
        "fiscal_quarter,segment,target_amount,valid_from,owner,definition\n"
        "FY2026-Q1,(all),100,,,\nFY2026-Q2,(all),100,,,\n"
    )
    assert findings(sound)["targets"].level == "ok"


def test_a_published_file_that_is_no_database_is_found(sound: Desk) -> None:
    path = Home(sound.home).published
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not a database, but long enough to be read as one" * 200)
    assert findings(sound)["published"].level == "fail"
