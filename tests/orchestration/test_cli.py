"""The command line end to end: one small company, from its first days to a damaged ledger.

A dbt build takes seconds, so the days of the company are fixtures, each of which goes on from a copy of the one before
it: the first of them are those of `conftest.py`. A test looks at one of them as it is, and changes a copy.
"""

import json
import time
from importlib.metadata import version
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from typer.main import get_command

from orchestration.cli import app
from orchestration.settings.home import Home
from orchestration.settings.lock import Lock
from tests.orchestration.conftest import Desk, Step, copied


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("company")


@pytest.fixture(scope="module")
def company(next_day: Step, steps: Path) -> Desk:
    """The company after five days."""
    return copied(next_day.desk, steps / "company")


@pytest.fixture(scope="module")
def failed(next_day: Step, steps: Path) -> Step:
    """A day on which billing failed."""
    company = copied(next_day.desk, steps / "failed")
    company.drop_opportunities("2026-03-06", stage="Closed Won")
    return Step(company, company.run("run", "--date", "2026-03-06", "--json"))


@pytest.fixture(scope="module")
def gated(failed: Step, steps: Path) -> Step:
    """A day on which most opportunities are gone."""
    company = copied(failed.desk, steps / "gated")
    company.drop_opportunities("2026-03-07", count=10)
    company.drop_subscriptions("2026-03-07")
    return Step(company, company.run("run", "--date", "2026-03-07", "--json"))


def published(desk: Desk) -> dict[str, list[tuple[object, ...]]]:
    """The whole content of every published mart; `about` says when it was published, too."""
    with duckdb.connect(str(desk.home / "published" / "pipeline.duckdb"), read_only=True) as connection:
        names = [
            name
            for (name,) in connection.execute(
                "select table_name from duckdb_tables() where schema_name = 'marts' and table_name <> 'about'"
            ).fetchall()
        ]
        return {name: connection.execute(f"select * from marts.{name} order by all").fetchall() for name in names}


def ledger_files(desk: Desk) -> set[str]:
    return {str(path.relative_to(desk.home)) for path in (desk.home / "ledger").rglob("*") if path.is_file()}


def materialized_days(desk: Desk, source: str) -> set[str]:
    """The days that Dagster's UI shows as captured."""
    with dg.DagsterInstance.from_config(str(desk.home / "dagster")) as instance:
        return instance.get_materialized_partitions(dg.AssetKey(["ledger", source]))


def materialized(desk: Desk) -> set[tuple[str, ...]]:
    """The assets whose materialisation the last run wrote down."""
    with dg.DagsterInstance.from_config(str(desk.home / "dagster")) as instance:
        run = instance.get_runs(limit=1)[0]
        written = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION).records
        events = [record.event_log_entry.get_dagster_event() for record in written]
        return {tuple(event.step_materialization_data.materialization.asset_key.path) for event in events}


def built(desk: Desk) -> set[tuple[str, str]]:
    """What dbt builds, by schema and name, as the warehouse has it."""
    with duckdb.connect(str(desk.home / "warehouse.duckdb"), read_only=True) as connection:
        return set(
            connection.execute(
                "select table_schema, table_name from information_schema.tables "
                "where table_schema in ('definitions', 'staging', 'intermediate', 'marts')"
            ).fetchall()
        )


def last_run(desk: Desk) -> dg.DagsterRun:
    with dg.DagsterInstance.from_config(str(desk.home / "dagster")) as instance:
        return instance.get_runs(limit=1)[0]


def why_it_failed(desk: Desk) -> str:
    """What Dagster says first of the last run, which failed: on the run's page and to failure sensors."""
    with dg.DagsterInstance.from_config(str(desk.home / "dagster")) as instance:
        run = instance.get_runs(limit=1)[0]
        assert run.status == dg.DagsterRunStatus.FAILURE
        [record] = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE).records
        error = record.event_log_entry.get_dagster_event().job_failure_data.error
        assert error is not None
        return error.message


def test_before_anything_is_captured_every_command_says_what_to_do(desk: Desk) -> None:
    assert desk.run("sql", "select 1").code == 2
    nothing = desk.run("build")
    assert nothing.code == 1
    assert "no day captured yet" in nothing.err
    status = desk.run("status", "--json")
    assert status.code == 0
    assert {row["freshness"] for row in status.json} == {"never captured"}


def test_a_first_day_that_is_refused_is_a_gap_and_its_cause_is_said_last(desk: Desk) -> None:
    desk.drop_opportunities("2026-03-01", count=0)  # and billing has no folder yet
    result = desk.run("run", "--date", "2026-03-01")
    assert result.code == 3, result.err
    assert result.out.splitlines()[-1].startswith("crm: a gap: crm.opportunity: 0 rows for 2026-03-01")
    assert "\ncrm.opportunity: 0 rows for 2026-03-01" in why_it_failed(desk)


def test_a_range_captures_complete_days_and_names_the_gaps(first_days: Step) -> None:
    company, result = first_days.desk, first_days.result
    assert result.code == 0, result.err
    assert result.json["sources"]["crm"]["days"] == ["2026-03-01", "2026-03-02", "2026-03-04"]
    assert result.json["sources"]["crm"]["missing_days"] == 1
    [untargeted] = [warning for warning in result.json["warnings"] if warning.startswith("targets.csv: no target")]
    assert untargeted.endswith(
        "no target for FY2027-Q1, FY2027-Q2, FY2027-Q3, FY2027-Q4 is in force on 2026-03-04: their coverage is unknown."
    )
    assert "2026-03-03 stays a gap (missing: opportunity/2026-03-03.csv)" in result.err
    assert "Traceback" not in result.err
    assert materialized_days(company, "crm") == {"2026-03-01", "2026-03-02", "2026-03-04"}
    assert len(materialized_days(company, "billing")) == 4
    gaps = company.rows("select snapshot_date from dim_snapshot where source = 'crm' and status = 'gap'")
    assert gaps == [{"snapshot_date": "2026-03-03"}]


def test_a_day_is_captured_built_and_published(next_day: Step) -> None:
    company, result = next_day.desk, next_day.result
    assert result.code == 0, result.err
    assert "crm: 2026-03-05: 60 rows landed, 1 new or changed, 0 gone" in result.err
    rows = company.rows("select stage, amount from fct_opportunity_current where opportunity_id = 'o0'")
    assert rows == [{"stage": "Negotiation", "amount": "100.50"}]
    assert company.rows("select count(*) as n from pipeline_as_of(date '2026-03-03')") == [{"n": 60}]
    run = last_run(company)
    assert run.status == dg.DagsterRunStatus.SUCCESS
    tags = run.tags
    assert tags["dagster/partition"] == tags["pipeledger/snapshot_date"] == "2026-03-05"
    assert tags["pipeledger/source"] == "crm,billing"
    assert tags["pipeledger/trigger"] == "command line"
    assert "2026-03-05" in materialized_days(company, "crm")
    assert materialized(company) >= {*built(company), ("published", "pipeline"), ("published", "report")}


# A build of its own; `tests/snapshots/test_crash.py` captures a day again every time.
@pytest.mark.slow
def test_running_a_day_again_changes_nothing(next_day: Step, tmp_path: Path) -> None:
    company = copied(next_day.desk, tmp_path / "desk")
    files, marts = ledger_files(company), published(company)
    result = company.run("run", "--date", "2026-03-05", "--json")
    assert result.code == 0, result.err
    assert result.json["sources"]["crm"]["rows_written"] == 0
    assert ledger_files(company) == files
    assert published(company) == marts


# A build of its own; `steps/test_held.py` publishes the others every time, and the first day above is a gap.
@pytest.mark.slow
def test_a_failed_source_is_a_gap_and_the_others_go_on(failed: Step) -> None:
    company, result = failed.desk, failed.result
    assert result.code == 3, result.err
    assert result.json["exit_code"] == 3
    assert "subscription/2026-03-06.csv" in result.json["sources"]["billing"]["error"]
    assert result.json["sources"]["crm"]["days"] == ["2026-03-06"]
    assert "Traceback" not in result.err
    assert company.rows("select stage from fct_opportunity_current where opportunity_id = 'o0'") == [
        {"stage": "Closed Won"}
    ]
    assert "2026-03-06" not in materialized_days(company, "billing")
    assert last_run(company).tags["pipeledger/gap"] == "billing.subscription 2026-03-06"
    assert "Error: billing: no drop of 2026-03-06 for subscription." in why_it_failed(company)
    status = {row["source"]: row for row in company.run("status", "--json").json}
    assert status["billing"]["last_outcome"] == "failed"
    assert status["crm"]["last_outcome"] == "done"
    assert status["crm"]["gaps"] == 1
    assert status["crm"]["last_day"] == "2026-03-06"


# Two builds, its own and that of the next test; the first day above is refused by a gate, and builds nothing.
@pytest.mark.slow
def test_a_tripped_gate_is_a_gap(gated: Step) -> None:
    company, result = gated.desk, gated.result
    assert result.code == 3, result.err
    assert "--accept-drop" in result.json["sources"]["crm"]["gates"]
    assert result.json["sources"]["billing"]["days"] == ["2026-03-07"]
    assert company.rows("select count(*) as n from fct_opportunity_current where not is_deleted") == [{"n": 60}]
    assert last_run(company).tags["pipeledger/gap"] == "crm.opportunity 2026-03-07"
    assert "Error: crm.opportunity: 10 rows for 2026-03-07, 50 gone since 2026-03-06" in why_it_failed(company)


@pytest.mark.slow  # as above
def test_a_range_that_stops_at_a_gate_publishes_and_ends_as_failed(gated: Step, tmp_path: Path) -> None:
    company = copied(gated.desk, tmp_path / "desk")
    company.drop_opportunities("2026-03-08")
    company.drop_subscriptions("2026-03-08")
    result = company.run("run", "--from", "2026-03-07", "--to", "2026-03-08", "--json")
    assert result.code == 3, result.err
    assert result.json["published"]
    assert result.json["sources"]["billing"]["days"] == ["2026-03-07", "2026-03-08"]
    assert last_run(company).tags["pipeledger/gap"] == "crm.opportunity 2026-03-07 to 2026-03-08"
    assert "Error: crm.opportunity: 10 rows for 2026-03-07, 50 gone since 2026-03-06" in why_it_failed(company)


def test_a_locked_home_stops_a_manual_run_and_names_the_holder(company: Desk) -> None:
    lock = Lock.of(Home(company.home))
    lock.acquire("a test that holds the lock")
    try:
        began = time.monotonic()
        result = company.run("run", "--date", "2026-03-07")
        assert result.code == 4
        assert "a test that holds the lock" in result.err
        assert time.monotonic() - began < 20
        assert company.run("status").code == 0
        assert "held by `a test that holds the lock`" in company.run("doctor").out
    finally:
        lock.release()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "--date", "yesterday"], "got 'yesterday', a date such as"),
        (["run", "--from", "2026-03-01"], "--from and --to together"),
        (["run", "--from", "2026-03-02", "--to", "2026-03-01"], "lies after"),
        (["run", "--date", "2126-03-01"], "has not come yet"),
        (["backfill", "--source", "crn"], "Did you mean `crm`?"),
        (["sql", "select nonsense"], "pipeledger tables"),
        (["sql", "create table marts.x as select 1"], "read-only"),
        (["init", "--time-zone", "UTC"], "exists already"),
        (["launch"], "No such command"),
        (["run", "--config", "other.toml"], "no such file"),
    ],
)
def test_wrong_usage_ends_with_two_and_says_what_is_expected(company: Desk, arguments: list[str], says: str) -> None:
    result = company.run(*arguments)
    assert result.code == 2, result.err
    assert says in result.err
    assert "Traceback" not in result.err


def test_a_definition_with_a_wrong_header_builds_nothing(next_day: Step, tmp_path: Path) -> None:
    company = copied(next_day.desk, tmp_path / "desk")
    path = company.folder / "definitions" / "stage_definitions.csv"
    good, before = path.read_text(), (company.home / "published" / "pipeline.duckdb").stat().st_mtime_ns
    path.write_text(good.replace("stage_order", "stage_odrer", 1))
    result = company.run("build")
    assert result.code == 2
    assert "Did you mean `stage_order`?" in result.err
    assert (company.home / "published" / "pipeline.duckdb").stat().st_mtime_ns == before


def test_the_report_stands_beside_the_published_file_and_is_written_anew(company: Desk) -> None:
    page = company.home / "published" / "report.html"
    assert "Is the quarter safe?" in page.read_text()
    page.unlink()
    assert company.run("report").out == f"{page}\n"
    assert page.exists()
    narrowed = company.run("report", "--segment", "(unassigned)", "-o", "part.html")
    assert narrowed.code == 0, narrowed.err
    assert "Only segment (unassigned)." in (company.folder / "part.html").read_text()
    refused = company.run("report", "--segment", "nowhere")
    assert refused.code == 2
    assert "--segment: got 'nowhere', one of these expected: (all)" in refused.err


def test_answers_come_as_table_json_or_csv(company: Desk) -> None:
    query = "select opportunity_id, amount from fct_opportunity_current order by 1 limit 2"
    assert company.run("sql", query, "--csv").out.splitlines()[0] == "opportunity_id,amount"
    assert company.run("sql", query, "--json").json[0]["opportunity_id"] == "o0"
    assert company.run("sql", query).out.splitlines()[0].split() == ["opportunity_id", "amount"]


# A build of its own; `tests/docs/test_readme.py` rebuilds a restored home every time, and compares its marts.
@pytest.mark.slow
def test_rebuilding_from_the_ledger_alone_gives_equal_marts(failed: Step, tmp_path: Path) -> None:
    company = copied(failed.desk, tmp_path / "desk")
    marts = published(company)
    for name in ("landing.duckdb", "warehouse.duckdb", "published/pipeline.duckdb"):
        (company.home / name).unlink()
    result = company.run("rebuild", "--json")
    assert result.code == 0, result.err
    assert published(company) == marts
    assert materialized(company) == {*built(company), ("published", "pipeline"), ("published", "report")}


def test_a_damaged_ledger_is_named_and_a_sound_one_is_not(next_day: Step, tmp_path: Path) -> None:
    company = copied(next_day.desk, tmp_path / "desk")
    sound = company.run("verify", "--json")
    assert sound.code == 0
    assert sound.json["is_sound"] is True
    file = max(
        (company.home / "ledger" / "crm" / "opportunity").rglob("*.parquet"), key=lambda path: path.stat().st_size
    )
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    result = company.run("verify", "--json")
    file.write_bytes(content)
    assert result.code == 5
    day = file.parent.name.removeprefix("snapshot_date=")
    assert any(item["entity"] == "opportunity" and item["snapshot_date"] == day for item in result.json["damaged"])
    assert company.run("verify").code == 0


def test_another_time_zone_is_refused_before_anything_is_touched(company: Desk) -> None:
    files = ledger_files(company)
    result = company.run("run", "--date", "2026-03-07", env={"PIPELEDGER_COMPANY__TIME_ZONE": "Europe/Berlin"})
    assert result.code == 2
    assert "was made with America/New_York" in result.err
    assert ledger_files(company) == files


def test_the_demo_refuses_a_home_that_it_did_not_create(company: Desk) -> None:
    files = ledger_files(company)
    result = company.run("demo", "--days", "3", env={"PIPELEDGER_HOME": str(company.home)})
    assert result.code == 2
    assert "a home that the demo did not create" in result.err
    assert ledger_files(company) == files


def test_init_writes_settings_that_doctor_understands(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    exports = tmp_path / "exports" / "crm"
    exports.mkdir(parents=True)
    (exports / "opportunities.csv").write_text("opportunity_id,stage\no1,Prospecting\n")
    (exports / "deals of last year.csv").write_text("id,state\n1,open\n")
    result = desk.run("init", "--time-zone", "Europe/Berlin", "--as-of", "2026-01-31")
    assert result.code == 0, result.err
    settings = (tmp_path / "pipeledger.toml").read_text()
    assert 'file = "opportunities.csv"' in settings
    assert "id, state" in settings
    assert (tmp_path / "definitions" / "stage_definitions.csv").exists()
    found = {finding["check"]: finding for finding in json.loads(desk.run("doctor", "--json").out)}
    assert found["settings"]["level"] == found["source crm"]["level"] == "ok"
    refused = desk.run("init", "--time-zone", "Europe/Berlin")
    assert refused.code == 2


def test_quick_commands_are_quick(company: Desk) -> None:
    import resource

    for arguments in (["--help"], ["status"], ["sql", "select 1"]):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert company.run(*arguments).code == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 3.0, arguments


def test_help_says_all_of_it_with_examples_and_exit_codes(tmp_path: Path) -> None:
    narrow = {"COLUMNS": "60"}
    desk = Desk(tmp_path)
    told = " ".join(desk.run("--help", env=narrow).out.split())
    assert told.count("...") == 1  # [ARGS]...
    assert "5 the ledger is damaged" in told
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        assert " ".join(command.short_help.split()) in told, name
        assert f"pipeledger {name}" in " ".join(command.epilog.split()), name
    assert desk.run("--version").out.split() == ["pipeledger", version("pipeledger")]
    asked = {"_PIPELEDGER_COMPLETE": "complete_bash", "COMP_WORDS": "pipeledger reb", "COMP_CWORD": "1"}
    assert desk.run(env=asked).out.split() == ["rebuild"]
