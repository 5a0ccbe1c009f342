"""A source whose data break an invariant or a model is held at its last published day; the others are published.

No export is known that breaks an invariant, so one test has the cache say what capture never writes. An amount that is
within its type and whose sum is not breaks a model.
"""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import duckdb
import pytest

from orchestration.dag.lost_days import HELD_TAG
from tests.orchestration.conftest import NEXT_DAY, Desk, Step, copied, new_desk

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


def with_next_day(desk: Desk) -> Desk:
    """The next day of a CRM and of billing, of which nothing is captured yet."""
    desk.drop_opportunities(NEXT_DAY, count=66)
    desk.drop_subscriptions(NEXT_DAY)
    return desk


def write_more(desk: Desk, day: str, *amounts: str) -> None:
    """Add deals of these amounts to the CRM's export of a day."""
    file = desk.folder / "exports" / "crm" / "opportunity" / f"{day}.csv"
    more = [f"big{number},a1,Prospecting,{each},2026-09-30,2026-02-01,u1\n" for number, each in enumerate(amounts)]
    file.write_text(file.read_text() + "".join(more))


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


@pytest.fixture(scope="module")
def held(first_days: Step, tmp_path_factory: pytest.TempPathFactory) -> Step:
    """A day on which no model can compute what the CRM's export says."""
    desk = with_next_day(copied(first_days.desk, tmp_path_factory.mktemp("held") / "desk"))
    write_more(desk, NEXT_DAY, "9999999999999999.00", "9999999999999999.00")
    return Step(desk, desk.run("run", "--date", NEXT_DAY))


def test_a_source_that_no_model_can_compute_is_held_and_the_others_are_published(first_days: Step, held: Step) -> None:
    desk, done = held.desk, held.result
    assert done.code == 3, done.err
    [said] = [line for line in done.out.splitlines() if line.startswith("crm: held")]
    assert said.startswith("crm: held at 2026-03-04, because the marts cannot be built with what was captured since.")
    assert " cannot be computed: " in said
    assert "20000000000" in said
    assert "LINE" not in said
    assert said.endswith("then `pipeledger run`.")
    assert last_days(desk) == {"crm": "2026-03-04", "billing": NEXT_DAY}
    before = deals(first_days.desk)
    assert len(before) == 60
    assert deals(desk) == before

    rows = {row["source"]: row for row in desk.run("status", "--json").json}
    assert rows["billing"]["held"] is None
    assert (rows["crm"]["last_day"], rows["crm"]["held"]) == (NEXT_DAY, said)
    findings = {finding["check"]: finding for finding in desk.run("doctor", "--json").json}
    assert (findings["held sources"]["level"], findings["held sources"]["message"]) == ("fail", said)
    with dg.DagsterInstance.from_config(str(desk.home / "dagster")) as instance:
        [run] = instance.get_runs(filters=dg.RunsFilter(tags={HELD_TAG: "crm 2026-03-04"}))
        assert run.status == dg.DagsterRunStatus.FAILURE


# A build of its own; that a run publishes all sources that can be built is what `test_cli.py` sees every time.
@pytest.mark.slow
def test_a_held_source_whose_export_is_corrected_is_published_again(held: Step, tmp_path: Path) -> None:
    desk = copied(held.desk, tmp_path / "desk")
    desk.drop_opportunities(NEXT_DAY, count=66)
    healed = desk.run("run", "--date", NEXT_DAY)
    assert healed.code == 0, healed.err
    assert last_days(desk) == {"crm": NEXT_DAY, "billing": NEXT_DAY}
    assert {row["held"] for row in desk.run("status", "--json").json} == {None}


@pytest.mark.slow
def test_a_source_that_was_never_published_is_left_out_and_nothing_is_published_of_a_source_alone(
    tmp_path: Path,
) -> None:
    desk = with_next_day(new_desk(tmp_path / "desk"))
    desk.drop_opportunities("2026-03-04")
    desk.drop_subscriptions("2026-03-04")
    for number in (4, 5):
        desk.capture(datetime(2026, 3, number, 12, tzinfo=ZONE), {})
    overlap(desk, NEXT_DAY)
    done = desk.run("build")
    assert done.code == 3, done.err
    assert "crm: left out, for no day of it was published before, because an invariant is broken by" in done.out
    assert "versions_neither_overlap_nor_are_empty" in done.out
    assert last_days(desk) == {"billing": NEXT_DAY}
    assert desk.rows("select 1 from marts.fct_opportunity_history") == []

    settings = desk.folder / "pipeledger.toml"
    settings.write_text(settings.read_text().partition("[sources.billing]")[0])
    alone = desk.run("build")
    assert alone.code == 1
    assert f'"source":"crm","opportunity_id":"o1","valid_from":"{NEXT_DAY}"' in alone.err
    assert "Nothing was published." in alone.err
    assert last_days(desk) == {"billing": NEXT_DAY}
