"""A real CRM export, as it is: from the files to published marts with nothing but settings and definitions.

Whatever the marts say of it is computed a second time with pandas, straight from the CSV files.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from deltalake import DeltaTable

from tests.orchestration.conftest import STAGE_COLUMNS, Desk, new_desk

EXPORT = Path(__file__).parents[2].parent / "shared" / "data" / "crm_export"
LAST_DAY = "2017-12-31"

pytestmark = [
    pytest.mark.skipif(not EXPORT.is_dir(), reason=f"the real export is not beside the project: {EXPORT}"),
    pytest.mark.slow,  # the oracles compute the same of made companies every time
]

TOML = f"""
[company]
time_zone = "America/New_York"
definitions = "definitions"

[sources.crm]
type = "files"
path = "{EXPORT}"
as_of = {LAST_DAY}

[sources.crm.entities.opportunity]
file = "sales_pipeline.csv"

[sources.crm.entities.opportunity.columns]
deal_stage = "stage"
account = "account_id"
close_value = "amount"
engage_date = "created_at"
sales_agent = "owner_id"
product = "opportunity_type"

[sources.crm.entities.account]
file = "accounts.csv"

[sources.crm.entities.account.columns]
account = "account_id"
sector = "industry"
employees = "employee_count"
office_location = "region"
subsidiary_of = "parent_account_id"

[sources.crm.entities.user]
file = "sales_teams.csv"
columns = {{ sales_agent = "user_id", manager = "manager_id", regional_office = "region" }}
"""
DEFINITIONS = {
    "stage_definitions": f"""{STAGE_COLUMNS}
*,default,Prospecting,,1,open,0.1,Pipeline,,,,
*,default,Engaging,,2,open,0.4,Best Case,,,,
*,default,Won,Closed Won,3,won,1,Closed,,,,
*,default,Lost,Closed Lost,3,lost,0,Omitted,,,,
""",
    "segments": """segment,rule_column,rule_operator,rule_value,priority,valid_from,owner,definition
Large,employee_count,>=,5000,1,,,
Middle,employee_count,>=,1000,2,,,
Small,employee_count,<,1000,3,,,
""",
}


@pytest.fixture(scope="module")
def analyst(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Somebody who has the export, settings and definitions, and has run `pipeledger run` once."""
    desk = new_desk(tmp_path_factory.mktemp("export") / "desk")
    (desk.folder / "pipeledger.toml").write_text(TOML)
    for name, text in DEFINITIONS.items():
        (desk.folder / "definitions" / f"{name}.csv").write_text(text)
    result = desk.run("run")
    assert result.code == 0, result.err
    return desk


@pytest.fixture(scope="module")
def deals() -> pd.DataFrame:
    """The opportunities of the export, with their account's size."""
    pipeline = pd.read_csv(EXPORT / "sales_pipeline.csv", dtype=str, keep_default_na=False)
    accounts = pd.read_csv(EXPORT / "accounts.csv", dtype=str, keep_default_na=False)
    found = pipeline.merge(accounts[["account", "employees"]], on="account", how="left")
    size = pd.to_numeric(found["employees"])
    found["segment"] = "(unassigned)"
    found.loc[size < 1000, "segment"] = "Small"
    found.loc[size >= 1000, "segment"] = "Middle"
    found.loc[size >= 5000, "segment"] = "Large"
    found["cents"] = (pd.to_numeric(found["close_value"]).fillna(0) * 100).round().astype(int)
    found["closed"], found["engaged"] = pd.to_datetime(found["close_date"]), pd.to_datetime(found["engage_date"])
    return found


def ask(desk: Desk, query: str) -> list[dict[str, Any]]:
    """The rows of the published marts, in DuckDB's own types."""
    with duckdb.connect(str(desk.home / "published" / "pipeline.duckdb"), read_only=True) as connection:
        cursor = connection.execute(f"use marts; {query}")
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def money(cents: float) -> Decimal:
    return Decimal(int(cents)) / 100


def test_every_row_is_there_and_none_is_changed(analyst: Desk, deals: pd.DataFrame) -> None:
    ledger = DeltaTable(str(analyst.home / "ledger" / "crm" / "opportunity")).to_pandas().set_index("opportunity_id")
    assert len(ledger) == len(deals) == 8800
    for theirs in ("product", "deal_stage", "account", "sales_agent"):
        expected = deals.set_index("opportunity_id")[theirs].sort_index()
        assert ledger[theirs].fillna("").sort_index().tolist() == expected.tolist()
    assert {"GTXPro", "GTX Plus Pro"} <= set(ledger["product"])  # as they spell it
    assert int((deals["account"] == "").sum()) == 1425
    unknown = ask(analyst, "select count(*) as deals from fct_opportunity_current where account_id is null")
    assert unknown == [{"deals": 1425}]


def test_stages_and_amounts_equal_the_export(analyst: Desk, deals: pd.DataFrame) -> None:
    found = ask(
        analyst,
        "select source_stage, segment, count(*) as deals, coalesce(sum(amount), 0) as amount "
        "from fct_opportunity_current group by all",
    )
    grouped = deals.groupby(["deal_stage", "segment"])["cents"].agg(["count", "sum"])
    assert {(row["source_stage"], row["segment"]): (row["deals"], row["amount"]) for row in found} == {
        key: (row["count"], money(row["sum"])) for key, row in grouped.iterrows()
    }


def test_open_pipeline_equals_the_export(analyst: Desk, deals: pd.DataFrame) -> None:
    found = ask(
        analyst,
        "select snapshot_date, close_fiscal_quarter, sum(open_opportunities) as deals, sum(open_amount) as amount, "
        "bool_and(is_complete) as is_complete from fct_pipeline_daily group by all",
    )
    is_open = deals["deal_stage"].isin(["Prospecting", "Engaging"])
    assert deals[is_open]["close_date"].eq("").all()  # the export tells no date for what is open
    assert found == [
        {
            "snapshot_date": pd.Timestamp(LAST_DAY).date(),
            "close_fiscal_quarter": "(none)",
            "deals": int(is_open.sum()),
            "amount": money(deals[is_open]["cents"].sum()),
            "is_complete": True,
        }
    ]


def test_win_rates_cycles_and_velocity_equal_the_export(analyst: Desk, deals: pd.DataFrame) -> None:
    found = {row["segment"]: row for row in ask(analyst, "select * from rpt_pipeline_velocity")}
    last = pd.Timestamp(LAST_DAY)
    recent = deals[(deals["closed"] > last - pd.Timedelta(days=90)) & (deals["closed"] <= last)]
    scopes = {segment: segment for segment in deals["segment"].unique()} | {"(all)": None}
    assert set(found) == set(scopes)
    for name, segment in scopes.items():
        mine = recent if segment is None else recent[recent["segment"] == segment]
        all_mine = deals if segment is None else deals[deals["segment"] == segment]
        won, lost = mine[mine["deal_stage"] == "Won"], mine[mine["deal_stage"] == "Lost"]
        is_open = int(all_mine["deal_stage"].isin(["Prospecting", "Engaging"]).sum())
        row = found[name]
        assert (row["open_opportunities"], row["won_opportunities"], row["lost_opportunities"]) == (
            is_open,
            len(won),
            len(lost),
        )
        assert row["won_amount"] == money(won["cents"].sum())
        if won.empty and lost.empty:
            assert (row["win_rate"], row["sales_cycle_days"], row["velocity_per_day"]) == (None, None, None)
            continue
        cycle = (won["closed"] - won["engaged"]).dt.days.median()
        rate = len(won) / (len(won) + len(lost))
        assert row["win_rate"] == pytest.approx(rate, abs=1e-12)
        assert row["sales_cycle_days"] == cycle
        velocity = is_open * won["cents"].sum() / 100 / len(won) * rate / cycle
        assert row["velocity_per_day"] == pytest.approx(velocity, rel=1e-12)
        assert row["velocity_log_change"] is None


def test_win_rates_by_quarter_and_product_equal_the_export(analyst: Desk, deals: pd.DataFrame) -> None:
    rows = ask(analyst, "select * from rpt_win_rate where dimension in ('(all)', 'opportunity_type')")
    found = {(row["fiscal_quarter"], row["segment"], row["dimension_value"]): row for row in rows}
    closed = deals[deals["deal_stage"].isin(["Won", "Lost"])]
    quarters = "FY" + closed["closed"].dt.year.astype(str) + "-Q" + closed["closed"].dt.quarter.astype(str)
    expected = 0
    for quarter in quarters.unique():
        for segment in (*closed["segment"].unique(), "(all)"):
            for product in (*closed["product"].unique(), "(all)"):
                mine = closed[quarters == quarter]
                mine = mine if segment == "(all)" else mine[mine["segment"] == segment]
                mine = mine if product == "(all)" else mine[mine["product"] == product]
                if mine.empty:
                    assert (quarter, segment, product) not in found
                    continue
                row, won = found[(quarter, segment, product)], mine[mine["deal_stage"] == "Won"]
                assert (row["won"], row["lost"]) == (len(won), len(mine) - len(won))
                assert row["won_amount"] == money(won["cents"].sum())
                assert row["win_rate"] == pytest.approx(len(won) / len(mine), abs=1e-12)
                expected += 1
    assert expected > 50
    # the last quarter ends on the day of the export; of the others nobody saw the end
    assert {row["fiscal_quarter"] for row in rows if row["reported_won"] is not None} >= {"FY2017-Q4"}
    assert all(
        row["reported_won"] is None
        for row in rows
        if row["fiscal_quarter"] < "FY2017-Q4" and "FY" in row["fiscal_quarter"]
    )
    missing = ask(analyst, "select distinct dimension, evidence from rpt_win_rate where status = 'not_evaluated'")
    assert {row["dimension"]: row["evidence"] for row in missing} == {
        "lead_source": "lead_source",
        "loss_reason": "loss_reason",
        "owner_team": "team",
    }
    cycles = ask(analyst, "select sum(entered) as entered, sum(won) as won from rpt_sales_cycle where not is_total")
    assert cycles[0]["won"] == 0  # nobody saw any of them open and then closed


def test_win_rates_by_cycle_equal_the_export(analyst: Desk, deals: pd.DataFrame) -> None:
    rows = ask(analyst, "select * from rpt_win_rate where dimension = 'cycle_band' and segment = '(all)'")
    closed = deals[deals["deal_stage"].isin(["Won", "Lost"])]
    quarters = "FY" + closed["closed"].dt.year.astype(str) + "-Q" + closed["closed"].dt.quarter.astype(str)
    days = (closed["closed"] - closed["engaged"]).dt.days
    names = ["0-30", "31-60", "61-90", "91-180", "181+"]
    bands = pd.cut(days, [-1, 30, 60, 90, 180, 100_000], labels=names).astype(str)
    grouped = closed["deal_stage"].eq("Won").groupby([quarters, bands]).agg(["sum", "count"])
    expected = {key: (row["sum"], row["count"] - row["sum"]) for key, row in grouped.iterrows()}
    found = {
        (row["fiscal_quarter"], row["dimension_value"]): (row["won"], row["lost"]) for row in rows if row["decided"]
    }
    assert found == expected
    assert len(expected) > 10


def test_what_one_day_cannot_tell_is_not_invented(analyst: Desk, deals: pd.DataFrame) -> None:
    stages = ask(analyst, "select * from rpt_stage_velocity where fiscal_quarter = '(all)' and segment = '(all)'")
    visits = deals["deal_stage"].value_counts()
    assert {row["stage"]: row["visits"] for row in stages} == {
        stage: visits[stage] for stage in ("Prospecting", "Engaging")
    }
    for row in stages:
        assert row["completed"] == 0
        assert [row[name] for name in ("median_days_completed", "km_median_days", "km_p75_days", "km_p90_days")] == [
            None
        ] * 4
        assert not row["is_mature"]
    [began] = ask(analyst, "select count(*) as seen from fct_stage_visits where entry_precision <> 'left_truncated'")
    engaged_today = (deals["deal_stage"] == "Engaging") & (deals["engage_date"] == LAST_DAY)
    assert began["seen"] == int(engaged_today.sum())
    assert ask(analyst, "select * from fct_pipeline_movements") == []
    statuses = ask(analyst, "select rule, status, count(*) as deals from fct_stall_signals group by all")
    judged = {row["rule"]: row["status"] for row in statuses}
    assert judged["no_activity"] == judged["missing_next_step"] == judged["age_in_stage"] == "not_evaluated"
    coverage = ask(analyst, "select distinct status, coverage_ratio from rpt_pipeline_coverage")
    assert coverage == [{"status": "no_target", "coverage_ratio": None}]
    created = ask(analyst, "select sum(created_opportunities) as deals from rpt_pipeline_generation")
    assert created == [{"deals": 0}]  # what the first day shows was there before
    calibrated = ask(analyst, "select score, band, status, n, undecided from rpt_score_calibration where n > 0")
    assert calibrated == []  # nobody saw a deal open and then decided
    assert ask(analyst, "select * from rpt_revenue_retention") == []
