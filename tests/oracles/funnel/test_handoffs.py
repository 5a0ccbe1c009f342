"""A second opinion on hand-offs, to the minute."""

from __future__ import annotations

from tests.dbt_project.dbt_build import PROJECT
from tests.oracles.conftest import Built
from tests.oracles.funnel.handoffs import HandoffOracle
from tests.oracles.funnel.lifecycle import PeopleOracle
from tests.oracles.opportunities.history import Oracle

COLUMNS = [
    "person_key", "handoff", "cycle", "clock", "started_at", "ended_at", "status", "elapsed_minutes", "owner_id",
]  # fmt: skip


def test_handoffs_equal_looking_for_each_answer(built: Built) -> None:
    defaults = {
        name: (PROJECT / "default_definitions" / f"{name}.csv").read_text() for name in ("sla_rules", "business_hours")
    }
    people = PeopleOracle(Oracle(built.companies, built.definitions, *built.settings.values()))
    oracle = HandoffOracle(people, defaults | built.definitions)
    rows = built.rows("select *, cast(round(elapsed_hours * 60) as integer) as elapsed_minutes from marts.fct_handoffs")
    found = {tuple(row[name] for name in COLUMNS) for row in rows}
    expected = {tuple(row[name] for name in COLUMNS) for row in oracle.rows()}
    assert sorted(map(str, found - expected)) == sorted(map(str, expected - found)) == []
    assert len(rows) == len(found)
    assert {row["status"] for row in rows} == {"met", "breached", "pending", "not_evaluated"}
    clocks = {(row["person_key"], row["handoff"], row["cycle"], row["clock"]): row["elapsed_hours"] for row in rows}
    assert all(
        hours <= clocks[(person, handoff, cycle, "clock")] + 1e-9
        for (person, handoff, cycle, clock), hours in clocks.items()
        if clock == "business"
    )
