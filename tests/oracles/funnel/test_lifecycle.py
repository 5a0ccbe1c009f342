"""A second opinion on people and on the steps they took."""

from __future__ import annotations

import pytest

from tests.oracles.conftest import Built
from tests.oracles.funnel.lifecycle import STEPS, PeopleOracle
from tests.oracles.opportunities.history import Oracle

STEP = [
    "person_key", "step", "cycle", "source", "person_id", "opportunity_id", "account_id", "owner_id", "campaign_id",
    "segment", "lead_source", "channel", "step_precision", "is_out_of_order", "lead_score_at_step", "step_at",
    "step_date", "known_from",
]  # fmt: skip


@pytest.fixture(scope="module")
def oracle(built: Built) -> PeopleOracle:
    """What the marts must hold."""
    return PeopleOracle(Oracle(built.companies, built.definitions, *built.settings.values()))


def test_people_are_the_records_that_can_be_reached_from_each_other(built: Built, oracle: PeopleOracle) -> None:
    rows = built.rows("select * from marts.dim_person")
    expected = oracle.people()
    assert len(rows) == len(expected) == len(oracle.seen) > 0
    for row in rows:
        assert row.items() >= expected[(row["source"], row["person_id"])].items()
    if len(built.companies) > 1:
        sizes = {row["record_count"] for row in rows}
        assert sizes >= {1, 2, 3}
        assert any(row["person_key"].split("/")[0] != row["source"] for row in rows)


def test_steps_equal_reading_each_record_day_by_day(built: Built, oracle: PeopleOracle) -> None:
    rows = built.rows("select * from marts.fct_lifecycle_steps")
    found = {tuple(row[name] for name in STEP) for row in rows}
    expected = {tuple(row[name] for name in STEP) for row in oracle.steps()}
    assert sorted(map(str, found - expected)) == sorted(map(str, expected - found)) == []
    assert len(rows) == len(found)
    assert {row["step"] for row in rows} == set(STEPS)
    if len(built.companies) > 1:
        assert {row["cycle"] for row in rows} >= {1, 2, 3}
        assert {row["step_precision"] for row in rows} == {"exact", "day", "left_truncated"}
        assert any(row["is_out_of_order"] for row in rows)
