"""From an export to the first right number: three commands, and the sum that plain Python finds in the same rows."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.exports import real_exports
from tests.exports.real_exports import Deal
from tests.orchestration.conftest import Desk

OPEN = "select sum(amount) as total, count(*) as rows from fct_opportunity_current where is_open"
MRR = "select sum(mrr_amount) as total, count(*) as rows from fct_mrr_monthly where month_end = '2026-02-28'"
SEGMENTS = "select segment, count(*) as rows from fct_opportunity_current group by 1 order by 1"
AT = {"PIPELEDGER_NOW": "2026-03-03T15:00:00+00:00"}


def first_number(folder: Path, file: str, query: str) -> tuple[Decimal, int]:
    """What the three commands answer."""
    desk = Desk(folder)
    done = desk.run("init", "--from", file, "--time-zone", "Europe/Berlin", env=AT)
    assert done.code == 0, done.err
    done = desk.run("run", env=AT)
    assert done.code == 0, done.err
    [row] = desk.run("sql", "--json", query).json
    return Decimal(row["total"]), int(row["rows"])


@pytest.mark.parametrize(
    ("file", "write"),
    [
        pytest.param("vorgaenge.csv", real_exports.german_export, marks=pytest.mark.slow),
        pytest.param("all-deals.csv", real_exports.hubspot_export, marks=pytest.mark.slow),
        pytest.param("Pipeline.xlsx", real_exports.workbook, marks=pytest.mark.slow),
    ],
)  # a report of Salesforce is docs/own-data.md's, which `tests/docs` runs: the same three commands
def test_deals(tmp_path: Path, file: str, write: Callable[[Path, list[Deal]], None]) -> None:
    deals = real_exports.deals()
    write(tmp_path / file, deals)

    total, rows = first_number(tmp_path, file, OPEN)

    assert total == real_exports.total(deals, real_exports.OPEN)
    assert rows == sum(deal.stage in real_exports.OPEN for deal in deals)
    owners = Desk(tmp_path).run("sql", "--json", "select owner_id, owner_name from dim_owner order by 1").json
    assert owners == [{"owner_id": name, "owner_name": name} for name in sorted({deal.owner for deal in deals})]
    segments = Desk(tmp_path).run("sql", "--json", SEGMENTS).json
    has_segments = write is not real_exports.hubspot_export
    assert segments == [
        {"segment": name, "rows": sum(deal.segment == name for deal in deals)}
        for name in sorted({deal.segment for deal in deals})
    ] or (not has_segments and segments == [{"segment": "(unassigned)", "rows": len(deals)}])


# What `init` makes of subscriptions: `tests/ingestion/files/test_detection.py`; their MRR: `tests/oracles/revenue`.
@pytest.mark.slow
def test_subscriptions(tmp_path: Path) -> None:
    mrr = real_exports.stripe_subscriptions(tmp_path / "subscriptions.csv")

    assert first_number(tmp_path, "subscriptions.csv", MRR) == (mrr, 35)


def test_what_a_file_leaves_open_is_asked_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "deals.csv").write_text("Datensatz-ID;Phase;Betrag\nD1;Angebot;1.500\n", encoding="utf-8")
    desk = Desk(tmp_path)

    asked = desk.run("init", "--from", "deals.csv", "--time-zone", "Europe/Berlin")

    assert asked.code == 2
    assert "is 1.500 1500 (the decimal sign is ,)" in asked.err
    assert "Add --decimal ',' or '.'" in asked.err
    assert not (tmp_path / "pipeledger.toml").exists()
    answered = desk.run("init", "--from", "deals.csv", "--time-zone", "Europe/Berlin", "--decimal", ",")
    assert answered.code == 0
    assert 'decimal = ","' in (tmp_path / "pipeledger.toml").read_text()
    assert "crm,*,Angebot,,1,open" in (tmp_path / "definitions" / "stage_definitions.csv").read_text()
