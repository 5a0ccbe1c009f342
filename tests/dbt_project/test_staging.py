"""Staging: sources of any shape conformed to the canonical entities, and what is lost on the way, named."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from orchestration.settings.home import Home
from orchestration.steps.dbt import invoke, parsed_project
from orchestration.steps.publish import texts_of_marts
from tests.dbt_project import dbt_build
from tests.dbt_project.ledger_cache import Company

DAY = date(2026, 1, 5)


def instant(*parts: int) -> datetime:
    """An instant as DuckDB gives it: naive, in UTC."""
    year, month, day, *time = (*parts, 0, 0)
    return datetime(year, month, day, time[0], time[1], tzinfo=UTC).replace(tzinfo=None)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sources of one type: one speaks our names, the other its own, mapped after it had been captured."""
    home = tmp_path_factory.mktemp("staging")
    ours = {"opportunity_id": "1", "stage": "Won", "amount": Decimal("1.50"), "created_at": instant(2026, 1, 5, 4, 30),
            "probability": Decimal(60)}  # fmt: skip
    theirs = {
        "opportunity_id": "1",
        "stage": "ignored, because their stage is deal_stage",
        "deal_stage": "Won",
        "deal_value": "12.345",
        "opened": "2026-01-05 00:30:00",
        "due": "soon",
        "odds": "good",
    }
    more = theirs | {
        "opportunity_id": "2",
        "deal_value": "a lot",
        "opened": "2026-01-05T04:30:00Z",
        "due": "2026-02-01",
        "odds": "bad",
    }
    companies = [
        Company(
            "plain",
            {
                "opportunity": {DAY: {("1",): ours}},
                "customer_health": {
                    DAY: {("A1", DAY): {"account_id": "A1", "measured_at": instant(2026, 1, 1), "raw_source": "survey"}}
                },
            },
        ),
        Company(
            "o'brien",
            {"opportunity": {DAY: {("1",): theirs, ("2",): more}}},
            columns={
                "opportunity": {
                    "stage": "deal_stage",
                    "amount": "deal_value",
                    "created_at": "opened",
                    "close_date": "due",
                    "probability": "odds",
                    "owner_id": "a_column_it_never_had",
                }
            },
        ),
    ]
    variables = dbt_build.variables(companies, time_zone="America/New_York")
    variables["sources"]["o'brien"]["values"] = {"opportunity": {"probability": {"good": "0.9"}}}
    (home / "variables.json").write_text(json.dumps(variables))
    command = ("build",)  # with the unit tests: the only build that has them
    result = dbt_build.run(home, companies, command=command, **variables)
    assert result.success, result.told[-4000:]
    return home


def test_a_build_runs_the_sql_that_the_templates_come_to(home: Path) -> None:
    """What `home` ran was rendered in its build, for the sake of the unit tests. Other builds have most of it ready."""
    compiled = Home(home.resolve()).dbt / "target" / "compiled"
    rendered = sql_in(compiled)
    shutil.rmtree(compiled)
    variables = (home / "variables.json").read_text()
    result = invoke(Home(home.resolve()), variables, ("compile",), on_event=lambda event: None)
    assert result.success
    ready = sql_in(compiled)
    assert len(ready) > 200
    assert {name: rendered[name] for name in ready} == ready


def sql_in(folder: Path) -> dict[Path, str]:
    """The SQL of each node that dbt wrote below a folder."""
    return {path.relative_to(folder): path.read_text() for path in folder.rglob("*.sql")}


def test_each_source_is_read_through_its_own_mapping(home: Path) -> None:
    rows = dbt_build.read(
        home,
        "select source, opportunity_id, source_stage, source_amount, close_date, owner_id "
        "from staging.stg_opportunity order by 1, 2",
    )
    assert rows == [
        ("o'brien", "1", "Won", Decimal("12.35"), None, None),
        ("o'brien", "2", "Won", None, date(2026, 2, 1), None),
        ("plain", "1", "Won", Decimal("1.50"), None, None),
    ]


def test_a_text_without_offset_is_company_time_and_one_with_an_offset_says_itself(home: Path) -> None:
    rows = dbt_build.read(home, "select source, opportunity_id, created_at from staging.stg_opportunity order by 1, 2")
    assert [row[2] for row in rows] == [
        instant(2026, 1, 5, 5, 30),
        instant(2026, 1, 5, 4, 30),
        instant(2026, 1, 5, 4, 30),
    ]


def test_created_date_is_a_business_date(home: Path) -> None:
    rows = dbt_build.read(home, "select created_date from marts.fct_opportunity_current where source = 'plain'")
    assert rows == [(date(2026, 1, 4),)]


def test_the_source_of_a_health_score_does_not_hide_the_source_of_the_row(home: Path) -> None:
    assert dbt_build.read(home, "select source, health_source from staging.stg_customer_health") == [
        ("plain", "survey")
    ]


def test_values_lost_in_a_cast_are_counted_and_shown(home: Path) -> None:
    findings = dbt_build.findings(home)
    assert any("o'brien.opportunity: 1 values of deal_value are no decimal(18,2)" in each for each in findings)
    assert any("1 values of due are no date" in each and "such as soon" in each for each in findings)


def test_a_value_that_the_settings_name_is_not_lost(home: Path) -> None:
    rows = dbt_build.read(
        home, "select source_probability from staging.stg_opportunity where source = 'o''brien' order by opportunity_id"
    )
    assert rows == [(Decimal("0.9"),), (None,)]
    [finding] = [each for each in dbt_build.findings(home) if "values of odds" in each]
    assert "1 values of odds" in finding
    assert "such as bad" in finding


def test_a_probability_that_is_no_share_is_unknown_and_named(home: Path) -> None:
    rows = dbt_build.read(home, "select source, opportunity_id, source_probability from marts.fct_opportunity_current")
    assert sorted(rows) == [("o'brien", "1", Decimal("0.9")), ("o'brien", "2", None), ("plain", "1", None)]
    [finding] = [each for each in dbt_build.findings(home) if "no share of 1" in each]
    assert finding.startswith("plain: 1 rows of opportunities with a probability that is no share of 1, such as 60")


def test_entities_that_nobody_captured_are_empty_and_typed(home: Path) -> None:
    assert dbt_build.read(home, "select count(*) from staging.stg_subscription") == [(0,)]
    kinds = dbt_build.read(home, "select typeof(any_value(source_amount)) from staging.stg_subscription")
    assert kinds == [("DECIMAL(18,2)",)]


def test_an_opportunity_without_account_is_unassigned_and_named(home: Path) -> None:
    assert dbt_build.read(home, "select distinct segment from marts.fct_opportunity_history") == [("(unassigned)",)]
    assert any("plain: 1 opportunities without an account" in each for each in dbt_build.findings(home))


def test_every_mart_and_column_has_a_text_that_publishing_makes_its_comment(home: Path) -> None:
    texts = texts_of_marts(json.loads((parsed_project(Home(home), ["files"]) / "manifest.json").read_text()))
    columns = dbt_build.read(home, "select table_name, column_name from duckdb_columns() where schema_name = 'marts'")
    assert len(columns) > 300
    assert [place for place in columns if not texts[place[0]].columns.get(place[1])] == []
    assert [name for name, text in texts.items() if not text.table] == []


def test_the_published_macro_gives_each_opportunity_of_a_day_once(home: Path) -> None:
    import duckdb

    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute((dbt_build.PROJECT / "published_macros.sql").read_text())
        query = "select count(*), count(distinct (source, opportunity_id)) from marts.pipeline_as_of(?)"
        assert connection.execute(query, [DAY]).fetchone() == (3, 3)
        assert connection.execute(query, [date(2026, 1, 4)]).fetchone() == (0, 0)
        assert connection.execute("select count(*) from marts.pipeline_as_of('2026-01-05')").fetchone() == (3,)


def test_columns_that_were_never_captured_are_known_under_our_names(home: Path) -> None:
    rows = dbt_build.read(
        home, "select column_name from staging.stg_extracted_columns where source = 'o''brien' order by 1"
    )
    assert [name for (name,) in rows] == [
        "amount",
        "close_date",
        "created_at",
        "opportunity_id",
        "probability",
        "stage",
    ]
