"""The canonical entities agree with themselves, and with what DESIGN.md says of them."""

import re

import pytest

from ingestion.entities import ENTITIES, Entity

TYPE_BY_SUFFIX = {"_at": "TIMESTAMP", "_date": "DATE", "_id": "VARCHAR", "_count": "BIGINT"}


@pytest.mark.parametrize("entity", ENTITIES.values(), ids=lambda entity: entity.name)
def test_keys_required_personal_and_deleted_are_columns_of_the_entity(entity: Entity) -> None:
    named = {*entity.key, *entity.required, *entity.personal, *entity.made}
    named |= {column for column in (entity.deleted, entity.line) if column}

    assert named <= set(entity.columns)
    assert entity.key
    assert entity.required


@pytest.mark.parametrize("entity", ENTITIES.values(), ids=lambda entity: entity.name)
def test_a_columns_name_tells_its_type(entity: Entity) -> None:
    for name, kind in entity.columns.items():
        if name.startswith(("is_", "has_")):
            assert kind == "BOOLEAN", name
        for suffix, expected in TYPE_BY_SUFFIX.items():
            if name.endswith(suffix):
                assert kind == expected, name


def test_money_is_never_a_floating_number() -> None:
    kinds = {kind for entity in ENTITIES.values() for kind in entity.columns.values()}

    assert not {kind for kind in kinds if re.search("DOUBLE|FLOAT|REAL", kind)}
    assert {ENTITIES[name].columns["amount"] for name in ("opportunity", "subscription", "invoice")} == {
        "DECIMAL(18,2)"
    }


def test_there_are_the_entities_in_order() -> None:
    assert list(ENTITIES) == [
        "opportunity",
        "account",
        "user",
        "person",
        "opportunity_contact_role",
        "activity",
        "campaign",
        "touch",
        "subscription",
        "invoice",
        "customer",
        "customer_health",
        "opportunity_change",
        "forecast_submission",
        "quota",
        "ticket",
        "team_pipeline",
    ]


def test_only_append_only_entities_are_events() -> None:
    assert {name for name, entity in ENTITIES.items() if entity.mode == "events"} == {
        "activity",
        "touch",
        "opportunity_change",
        "team_pipeline",
    }


def test_personal_columns_are_never_part_of_a_key() -> None:
    for entity in ENTITIES.values():
        assert not set(entity.personal) & {*entity.key, *entity.required}
