"""A source whose data break an invariant is held at its last published day; the others are published."""

import shutil
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import duckdb
import pytest

from orchestration.dag.lost_days import HELD_TAG
from tests.orchestration.conftest import Desk, new_desk

ZONE = ZoneInfo("America/New_York")


def overlap(desk: Desk, day: str) -> None:
    """Have the cache of the ledger say that one opportunity has two states from `day` on, as capture never does."""
    with duckdb.connect(str(desk.home / "warehouse.duckdb")) as connection:
        versions = 'intervals."crm.opportunity.versions"'
        connection.execute(
            f"insert into {versions} select * replace (?::date as valid_from, -1 as _pl_version, 'Negotiation' as "
            f"deal_stage) from {versions} where opportunity_id = 'o1'",
            [day],
        )


def with_broken_day(desk: Desk) -> Desk:
    """A further day of a CRM and of billing, on which the CRM breaks an invariant."""
    desk.drop_opportunities("2026-03-06", count=66)
    desk.drop_subscriptions("2026-03-06")
    desk.capture(datetime(2026, 3, 6, 12, tzinfo=ZONE), {})
    overlap(desk, "2026-03-06")
    return desk


def last_days(desk: Desk) -> dict[str, str]:
    """The last published day of each source."""
    rows = desk.rows("select source, max(snapshot_date)::text as day from marts.dim_snapshot group by all")
    return {row["source"]: row["day"] for row in rows}


def deals(desk: Desk) -> list[dict[str, object]]:
    """What the marts say of the CRM's deals, but for what depends on the last day of all sources."""
    return desk.rows(
        "select opportunity_id, valid_from, valid_to, stage, amount, close_date, segment, account_id "
        "from marts.fct_opportunity_history where source = 'crm' order by all"
    )


def test_a_source_that_breaks_an_invariant_is_held_and_the_others_are_published(
    first_day: Desk, tmp_path: Path
) -> None:
    shutil.copytree(first_day.folder, tmp_path / "desk")
    desk = with_broken_day(Desk(tmp_path / "desk"))
    before = deals(desk)
    assert len(before) == 60

    done = desk.run("build")
    assert done.code == 3, done.err
    said = done.out.splitlines()[-1]
    assert said.startswith("crm: held at 2026-03-05, because what was captured since breaks an invariant.")
    assert "versions_neither_overlap_nor_are_empty" in said
    assert '"source":"crm","opportunity_id":"o1","valid_from":"2026-03-06"' in said
    assert said.endswith("then `pipeledger run`.")
    assert last_days(desk) == {"crm": "2026-03-05", "billing": "2026-03-06"}
    assert deals(desk) == before

    rows = {row["source"]: row for row in desk.run("status", "--json").json}
    assert rows["billing"]["held"] is None
    assert (rows["crm"]["last_day"], rows["crm"]["held"]) == ("2026-03-06", said)
    findings = {finding["check"]: finding for finding in desk.run("doctor", "--json").json}
    assert (findings["held sources"]["level"], findings["held sources"]["message"]) == ("fail", said)
    with dg.DagsterInstance.from_config(str(desk.home / "dagster")) as instance:
        [run] = instance.get_runs(filters=dg.RunsFilter(tags={HELD_TAG: "crm 2026-03-05"}))
        assert run.status == dg.DagsterRunStatus.FAILURE

    healed = desk.run("rebuild")  # the fault is in the cache, and not in the ledger
    assert healed.code == 0, healed.err
    assert last_days(desk) == {"crm": "2026-03-06", "billing": "2026-03-06"}
    assert {row["held"] for row in desk.run("status", "--json").json} == {None}


@pytest.mark.slow
def test_a_source_that_was_never_published_is_left_out_and_nothing_is_published_of_a_source_alone(
    tmp_path: Path,
) -> None:
    desk = new_desk(tmp_path / "desk")
    desk.drop_opportunities("2026-03-05")
    desk.drop_subscriptions("2026-03-05")
    desk.capture(datetime(2026, 3, 5, 12, tzinfo=ZONE), {})
    with_broken_day(desk)
    done = desk.run("build")
    assert done.code == 3, done.err
    assert "crm: left out, for no day of it was published before" in done.out
    assert last_days(desk) == {"billing": "2026-03-06"}
    assert desk.rows("select 1 from marts.fct_opportunity_history") == []

    settings = desk.folder / "pipeledger.toml"
    settings.write_text(settings.read_text().partition("[sources.billing]")[0])
    alone = desk.run("build")
    assert alone.code == 1
    assert '"source":"crm","opportunity_id":"o1","valid_from":"2026-03-06"' in alone.err
    assert "Nothing was published." in alone.err
    assert last_days(desk) == {"billing": "2026-03-06"}
