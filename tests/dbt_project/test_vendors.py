"""What is said of vendors in several places agrees, and their staging works with whatever the ledger has."""

from __future__ import annotations

import importlib
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.entities import ENTITIES, TEXT
from ingestion.source import landed_name
from ingestion.source_types import LANDED, VENDORS
from orchestration.steps.vendor_fields import columns_read, fields
from tests.dbt_project import dbt_build, ledger_cache

PROJECT = Path(__file__).parents[2] / "dbt_project"


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendor_s_names_lead_to_columns_of_ours(vendor: str) -> None:
    for entity, vendor_entities in fields(vendor).items():
        for vendor_entity, names in vendor_entities.items():
            assert vendor_entity in LANDED[vendor]
            for ours, theirs in names.items():
                column = theirs if isinstance(theirs, str) else theirs[0]
                assert column == landed_name(column)
                assert (ours if isinstance(theirs, str) else theirs[2]) in ENTITIES[entity].columns
                assert isinstance(theirs, str) or len(theirs) == 3


def test_the_columns_that_models_read_are_known_by_the_vendor_s_entity() -> None:
    task = columns_read("salesforce")["task"]
    assert task["completed_date_time"] == "occurred_at"
    assert task["what_id"] == "opportunity_id"  # an ingredient
    contact = columns_read("hubspot")["contact"]  # of people, and of touches
    assert (contact["jobtitle"], contact["email_digest"]) == ("title", "person_id")


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendor_has_a_model_and_a_contract_for_each_entity_and_its_relations_are_listed(vendor: str) -> None:
    folder = PROJECT / "models" / "staging" / vendor
    models = {path.stem.removeprefix(f"stg_{vendor}__") for path in folder.glob("*.sql")}
    assert models == set(fields(vendor)) == {path.stem.removeprefix(f"stg_{vendor}__") for path in folder.glob("*.yml")}
    listed = re.findall(rf"- name: {vendor}__(\w+)", (PROJECT / "models" / "staging" / "_ledger.yml").read_text())
    assert listed == list(LANDED[vendor])
    assert f"'{vendor}': {vendor}_fields()" in (PROJECT / "macros" / "vendors" / "vendor_fields.sql").read_text()
    assert f"'{vendor}' in (var('sources', {{}})" in (PROJECT / "dbt_project.yml").read_text()


# What staging finds out about a record, beside the columns of its entity.
FOUND = {
    "stripe": {"subscription": ["unknown_prices"]},
    **{vendor: {"person": ["email_digest"]} for vendor in ("salesforce", "hubspot")},
    "marketo": {"person": ["email_digest"], "campaign": ["crm_campaign_id"]},
}


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_contract_has_our_columns_but_for_those_of_people(vendor: str) -> None:
    for entity in fields(vendor):
        text = (PROJECT / "models" / "staging" / vendor / f"stg_{vendor}__{entity}.yml").read_text()
        known = ENTITIES[entity]
        ours = [name for name in known.columns if name not in {*known.personal, *known.flat}]
        frame = ["valid_from", "valid_to", "_pl_change", "_pl_origin"]
        assert re.findall(r"- name: (\w+)", text)[1:] == [
            "source",
            *ours,
            *FOUND.get(vendor, {}).get(entity, []),
            *frame,
        ]


# What vendors tell as days without a time, or as milliseconds in a text: staging makes instants and days of them.
AS_TEXT = {
    "salesforce": {"last_activity_date", "first_responded_date"},
    "hubspot": {"hs_forecast_start_date"},
}


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendor_types_what_staging_reads_as_typed(vendor: str) -> None:
    module = importlib.import_module(f"ingestion.vendors.{vendor}.objects")
    read = {**module.OBJECTS, **getattr(module, "TABLES", {})}
    assert set(read) == set(LANDED[vendor])
    for entity, vendor_entities in fields(vendor).items():
        for vendor_entity, names in vendor_entities.items():
            typed = {landed_name(name): kind for name, kind in read[vendor_entity].governed.items()}
            for ours, theirs in names.items():
                kind = ENTITIES[entity].columns.get(ours, TEXT)
                if ours in ENTITIES[entity].made:
                    continue  # not the vendor's: the ledger knows their types
                if isinstance(theirs, str) and kind != TEXT and theirs not in AS_TEXT.get(vendor, ()):
                    assert typed.get(theirs) == kind, (vendor_entity, theirs)
            assert entity in read[vendor_entity].canonical, (entity, vendor_entity)


# ---------------------------------------------------------------- two orgs, of which one lacks most

FOREVER = "9999-12-31"
DAY = "2026-01-05"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A company on two orgs and no files, whose ledger has few columns and mostly empty relations."""
    home = tmp_path_factory.mktemp("vendors")
    ledger_cache.write(home / "warehouse.duckdb", [])
    opportunity = "id varchar, stage_name varchar, probability decimal(9,6), forecast_category varchar, "
    opportunity += "why_c varchar, due_c varchar"
    rows: dict[str, list[tuple[Any, ...]]] = {
        f"opportunity ({dbt_build.FRAME}, {opportunity})": [
            ("us", DAY, FOREVER, "upsert", "observed", "006A", "Talks", 62.5, "MostLikely", "theirs", "soon"),
            (
                "emea",
                DAY,
                FOREVER,
                "upsert",
                "observed",
                "006A",
                "Gespräch",
                10,
                "Forecast",
                "not what we mean",
                "2026-02-01",
            ),
            ("elsewhere", DAY, FOREVER, "upsert", "observed", "006Z", "no longer configured", 0, "Omitted", "", ""),
        ],
        f"task ({dbt_build.FRAME}, id varchar, what_id varchar, is_closed boolean, activity_date varchar)": [
            ("us", DAY, "2026-01-06", "upsert", "observed", "00T1", "006A", False, "2026-01-09"),
            ("us", "2026-01-06", "2026-01-07", "upsert", "observed", "00T1", "006A", True, "2026-01-09"),
            ("us", "2026-01-07", FOREVER, "upsert", "observed", "00T1", "001B", True, "2026-01-10"),
            ("us", DAY, "2026-01-06", "upsert", "observed", "00T2", "006A", True, "2026-01-04"),
            ("us", "2026-01-06", FOREVER, "delete", "observed", "00T2", None, None, None),
        ],
    }
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        for table, values in rows.items():
            connection.execute(f"create table ledger.salesforce__{table}")
            for row in values:
                marks = ", ".join("?" * len(row))
                connection.execute(f"insert into ledger.salesforce__{table.split(' ')[0]} values ({marks})", row)
        dbt_build.add_empty_relations(connection)
    mapping = {"opportunity": {"loss_reason": "why_c", "next_step": "a_column_it_never_had", "close_date": "due_c"}}
    sources = {"us": {"type": "salesforce", "columns": mapping}, "emea": {"type": "salesforce", "columns": {}}}
    result = dbt_build.dbt(
        home,
        [],
        command=(
            "build",
            "--select",
            "+staging",
            "values_that_do_not_fit_their_types",
            "--exclude",
            "path:tests/definitions",
            "--indirect-selection",
            "cautious",
        ),
        sources=sources | dbt_build.IDLE_VENDORS,
        time_zone="America/New_York",
    )
    assert result.success, result.told[-4000:]
    return home


def test_each_org_is_read_by_its_own_mapping(home: Path) -> None:
    rows: list[tuple[Any, ...]] = dbt_build.read(
        home,
        "select source, source_stage, source_probability, source_forecast_category, loss_reason, next_step, "
        "source_amount from staging.stg_opportunity order by source",
    )
    assert rows == [
        ("emea", "Gespräch", Decimal("0.100000"), "commit", None, None, None),
        ("us", "Talks", Decimal("0.625000"), "most_likely", "theirs", None, None),
    ]


def test_values_lost_in_a_cast_are_counted_and_shown(home: Path) -> None:
    assert dbt_build.findings(home) == [
        "us.opportunity: 1 values of due_c are no date and count as missing (close_date), such as soon"
    ]


def test_an_activity_is_told_by_its_last_version_and_known_since_it_was_done(home: Path) -> None:
    midnight = datetime(2026, 1, 10, 5, tzinfo=UTC).replace(tzinfo=None)
    assert dbt_build.read(
        home, "select activity_id, opportunity_id, activity_type, occurred_at, valid_from from staging.stg_activity"
    ) == [("00T1", None, "task", midnight, date(2026, 1, 6))]


@pytest.mark.parametrize("entity", sorted(set(fields("salesforce")) - {"opportunity", "activity"}))
def test_what_no_org_has_is_empty_and_typed(home: Path, entity: str) -> None:
    assert dbt_build.read(home, f"select count(*) from staging.stg_{entity}") == [(0,)]
