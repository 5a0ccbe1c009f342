"""Every drill-down of docs/drill-down.md, run as printed, and for many other numbers than the one it names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.docs.printed import Reader, blocks

Rows = Sequence[dict[str, Any]]
DRILL_DOWNS = {block.section: block.text for block in blocks("docs/drill-down.md") if block.language == "sql"}
GRAINS = {
    "rpt_stage_velocity": ("fiscal_quarter", "pipeline", "segment", "stage"),
    "rpt_pipeline_velocity": ("month_start_date", "segment"),
    "rpt_stall_patterns": ("rule", "segment", "stage", "fiscal_quarter"),
    "rpt_win_rate": ("fiscal_quarter", "segment", "dimension", "dimension_value"),
    "rpt_slippage": ("fiscal_quarter", "segment", "forecast_category", "anchor_date"),
    "rpt_sales_cycle": ("fiscal_quarter", "segment", "opportunity_type", "pipeline", "from_stage", "day"),
    "rpt_pipeline_generation": ("fiscal_quarter", "segment", "dimension", "dimension_value", "week_start_date"),
    "rpt_pipeline_coverage": ("snapshot_date", "fiscal_quarter", "segment"),
    "rpt_pipeline_waterfall": ("fiscal_quarter", "segment", "week_start_date", "category"),
    "rpt_restatements": ("fiscal_quarter", "segment", "metric", "days_after_end"),
    "rpt_forecast_accuracy": ("fiscal_quarter", "segment", "measure", "days_to_quarter_end"),
    "rpt_score_calibration": ("score", "band", "segment", "fiscal_quarter"),
    "rpt_revenue_retention": ("level", "month_end", "segment"),
    "rpt_handoff_sla": ("month_start_date", "handoff", "clock", "segment", "dimension", "dimension_value"),
    "rpt_attribution": ("fiscal_quarter", "segment", "purpose", "match", "model", "dimension", "dimension_value"),
    "rpt_funnel_conversion": ("cohort_month", "step", "unit", "segment", "dimension", "dimension_value"),
    "rpt_pipeline_reconciliation": (
        "snapshot_date",
        "fiscal_quarter",
        "team",
        "road",
        "list_source",
        "list_id",
        "step_order",
        "reason",
    ),
}
# Which numbers of a report its drill-down is about.
CONDITIONS = {
    "rpt_score_calibration": "score in ('stage_probability', 'forecast_category')",
    "rpt_attribution": "match = 'headline'",
    "rpt_funnel_conversion": "unit = 'person'",
    "rpt_pipeline_generation": "created_opportunities > 0",
    "rpt_forecast_accuracy": "fiscal_quarter <> '(all)' and measure in ('won', 'commit', 'best_case', 'weighted', "
    "'all_open')",
    "rpt_stall_patterns": "rule = 'past_due'",
    "rpt_restatements": "changed_amount <> 0 or (is_latest and metric in ('mrr', 'cohort_mrr', 'nrr', 'grr'))",
    "rpt_sales_cycle": "from_stage = '(created)'",
    "rpt_pipeline_reconciliation": "step_order > 0 and (road = 'list' or is_latest)",
}


def total(rows: Rows, column: str = "amount") -> Decimal:
    return sum((row[column] or Decimal(0) for row in rows), Decimal(0))


def stage_velocity(rows: Rows) -> dict[str, Any]:
    kinds = ("advanced", "regressed", "moved", "won", "lost", "deleted")
    return {
        "visits": len(rows),
        **{kind: sum(row["exit_kind"] == kind for row in rows) for kind in kinds},
        "left_truncated": sum(row["entry_precision"] == "left_truncated" for row in rows),
        "converted": sum(row["is_converted"] for row in rows),
    }


def pipeline_velocity(rows: Rows) -> dict[str, Any]:
    won = [row for row in rows if row["stage_category"] == "won"]
    return {
        "open_opportunities": sum(row["stage_category"] == "open" for row in rows),
        "won_opportunities": len(won),
        "lost_opportunities": sum(row["stage_category"] == "lost" for row in rows),
        "won_amount": total(won),
        "cycle_opportunities": sum(row["cycle_days"] is not None for row in rows),
    }


def stall_patterns(rows: Rows) -> dict[str, Any]:
    stalled = [row for row in rows if row["is_stalled"]]
    return {
        "judged": len(rows),
        "stalled": len(stalled),
        "stalled_won": sum(row["outcome"] == "won" for row in stalled),
        "stalled_amount": total(stalled),
    }


def win_rate(rows: Rows) -> dict[str, Any]:
    found: dict[str, Any] = {"lost_dated_ahead": sum(row["is_dated_ahead"] and row["is_restated"] for row in rows)}
    for prefix, side in (("", "is_restated"), ("reported_", "is_reported")):
        by_outcome = {
            name: [row for row in rows if row[side] and row["outcome"] == name.removeprefix("still_")]
            for name in ("won", "lost", "gone", "still_open")
        }
        found |= {prefix + name: len(of_outcome) for name, of_outcome in by_outcome.items()}
        found |= {f"{prefix}{name}_amount": total(by_outcome[name]) for name in ("won", "lost")}
    return found


def slippage(rows: Rows) -> dict[str, Any]:
    ends = ("won", "won_elsewhere", "lost", "slipped", "overdue", "gone")
    beside = ("pulled_in", "created_and_won")
    by_outcome = {name: [row for row in rows if row["outcome"] == name] for name in (*ends, *beside)}
    due = [row for name in ends for row in by_outcome[name]]
    return {
        "due": len(due),
        "due_amount": total(due),
        **{name: len(of_outcome) for name, of_outcome in by_outcome.items()},
        **{f"{name}_amount": total(of_outcome) for name, of_outcome in by_outcome.items()},
    }


def pipeline_reconciliation(rows: Rows) -> dict[str, Any]:
    return {"amount": total(rows), "opportunities": sum(row["opportunity_delta"] for row in rows)}


def sales_cycle(rows: Rows) -> dict[str, Any]:
    followed = [row for row in rows if row["is_followed"]]
    past = [row for row in followed if row["is_past"]]
    return {
        "entered": len(followed),
        **{name: sum(row["outcome"] == name for row in past) for name in ("won", "lost", "censored")},
        "reopened": sum(bool(row["is_reopened"]) for row in past),
        "at_risk": sum(row["is_at_risk"] for row in followed),
        **{name: sum(row["outcome"] == name for row in rows) for name in ("undated", "already_closed")},
    }


def pipeline_coverage(rows: Rows) -> dict[str, Any]:
    won = [row for row in rows if row["is_won"]]
    is_open = [row for row in rows if not row["is_won"]]
    return {
        "open_opportunities": len(is_open),
        "open_amount": total(is_open),
        "won_opportunities": len(won),
        "won_amount": total(won),
    }


def pipeline_generation(rows: Rows) -> dict[str, Any]:
    new = [row for row in rows if not row["is_renewal"]]
    return {
        "created_opportunities": len(new),
        "created_amount": total(new),
        "created_renewal_opportunities": len(rows) - len(new),
        "created_renewal_amount": total(rows) - total(new),
        "amount_after_28_days": total(new, "later_amount"),
        "created_won_amount": total(new, "won_amount"),
        "reported_created_won_amount": total(new, "reported_won_amount"),
    }


def forecast_accuracy(rows: Rows) -> dict[str, Any]:
    return {"forecast_amount": total(rows, "part"), "won_amount": total([row for row in rows if row["is_won"]])}


def pipeline_waterfall(rows: Rows) -> dict[str, Any]:
    return {"amount": total(rows), "opportunities": sum(row["opportunity_delta"] for row in rows)}


def restatements(rows: Rows) -> dict[str, Any]:
    reported = [row for row in rows if row["category"] == "reported"]
    later = [row for row in rows if row["category"] != "reported"]
    found: dict[str, Any] = {
        "changed_amount": total(later),
        "definition_amount": total([row for row in later if row["is_by_definition"]]),
    }
    if {row["metric"] for row in rows} <= {"bookings", "open_pipeline"}:
        return found
    segments = total([row for row in later if row["category"] == "segment"])
    return found | {
        "reported_amount": total(reported),
        "reported_opportunities": sum(row["number_delta"] for row in reported),
        "segment_amount": segments,
        **{
            f"{cause}_amount": total([row for row in later if row["category"] == cause])
            for cause in ("entered", "edited", "left")
        },
        "restated_amount": total(rows),
        "restated_opportunities": sum(row["number_delta"] for row in rows),
    }


def revenue_retention(rows: Rows) -> dict[str, Any]:
    sums = {name: total(rows, name) for name in ("cohort_mrr", "cohort_retained_mrr", "opening_mrr", "closing_mrr")}
    return sums | {
        f"{name}_customers": sum(row[f"{name}_mrr"] is not None for row in rows)
        for name in ("cohort", "opening", "closing")
    }


def score_calibration(rows: Rows) -> dict[str, Any]:
    decided = [row for row in rows if row["outcome"] in ("won", "lost")]
    scored = [row for row in decided if row["expected"] is not None]
    return {
        "n": len(scored),
        "positives": sum(row["outcome"] == "won" for row in scored),
        "negatives": sum(row["outcome"] == "lost" for row in scored),
        "gone": sum(row["outcome"] == "gone" for row in rows),
        "undecided": sum(row["outcome"] == "undecided" for row in rows),
        "unscored": len(decided) - len(scored),
        "expected_rate": pytest.approx(float(total(scored, "expected")) / len(scored)) if scored else None,
    }


def funnel_conversion(rows: Rows) -> dict[str, Any]:
    entrants = [row for row in rows if row["step_date"] is not None]
    entered = [row for row in entrants if row["step_precision"] != "left_truncated"]
    return {
        "entered": len(entered),
        "undated": len(entrants) - len(entered),
        "reported_entered": sum(row["reported"] for row in rows),
        "reached_opportunity": sum(row["opportunities"] > 0 for row in entered),
        "reached_won": sum(row["wins"] > 0 for row in entered),
    }


def attribution(rows: Rows) -> dict[str, Any]:
    opportunities = {(row["source"], row["opportunity_id"]): row for row in rows}
    untouched = [row for row in rows if row["is_untouched"]]
    return {
        "attributed_amount": total(rows, "amount_given"),
        "opportunities": len(opportunities),
        "untouched_amount": total(untouched),
        "influenced_amount": total([row for row in opportunities.values() if not row["is_untouched"]]),
    }


def handoff_sla(rows: Rows) -> dict[str, Any]:
    statuses = ("met", "breached", "pending", "not_evaluated")
    return {"handed": len(rows)} | {name: sum(row["status"] == name for row in rows) for name in statuses}


COUNTS: dict[str, Callable[[Rows], dict[str, Any]]] = {
    "rpt_stage_velocity": stage_velocity,
    "rpt_pipeline_velocity": pipeline_velocity,
    "rpt_stall_patterns": stall_patterns,
    "rpt_win_rate": win_rate,
    "rpt_slippage": slippage,
    "rpt_sales_cycle": sales_cycle,
    "rpt_forecast_accuracy": forecast_accuracy,
    "rpt_pipeline_coverage": pipeline_coverage,
    "rpt_pipeline_generation": pipeline_generation,
    "rpt_pipeline_waterfall": pipeline_waterfall,
    "rpt_restatements": restatements,
    "rpt_revenue_retention": revenue_retention,
    "rpt_funnel_conversion": funnel_conversion,
    "rpt_attribution": attribution,
    "rpt_handoff_sla": handoff_sla,
    "rpt_pipeline_reconciliation": pipeline_reconciliation,
    "rpt_score_calibration": score_calibration,
}


@pytest.fixture(scope="module")
def marts(published: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """One connection for some hundred queries: to open the file takes longer than most of them."""
    with duckdb.connect(str(published), read_only=True) as connection:
        connection.execute("use marts")
        yield connection


def ask(marts: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
    cursor = marts.execute(query, list(parameters))
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def test_every_report_has_a_drill_down(marts: duckdb.DuckDBPyConnection) -> None:
    reports = {row["name"] for row in ask(marts, "show tables") if row["name"].startswith("rpt_")}
    assert reports == set(GRAINS) == set(COUNTS)
    assert reports <= set(DRILL_DOWNS)


@pytest.mark.parametrize("section", DRILL_DOWNS)
def test_every_drill_down_lists_rows_as_it_is_printed(demo: Reader, section: str) -> None:
    assert len(demo.csv(DRILL_DOWNS[section]).splitlines()) > 1


@pytest.mark.parametrize("report", GRAINS)
def test_the_rows_behind_any_number_add_up_to_it(marts: duckdb.DuckDBPyConnection, report: str) -> None:
    numbers = ask(
        marts, f"select * from {report} where {CONDITIONS.get(report, 'true')} order by hash({report}) limit 30"
    )
    assert len(numbers) == 30
    place = " and ".join(f"{column} = ?" for column in GRAINS[report])
    query, replaced = re.subn(
        r"with chosen as \(.*?^\)",
        f"with chosen as (select * from {report} where {place})",
        DRILL_DOWNS[report],
        flags=re.DOTALL | re.MULTILINE,
    )
    assert replaced == 1
    for number in numbers:
        rows = ask(marts, query, [number[column] for column in GRAINS[report]])
        counted = COUNTS[report](rows)
        known = {name: number[name] for name in counted if number[name] is not None}
        assert known, number
        assert {name: counted[name] for name in known} == known, number


def test_won_in_the_waterfall_and_bookings_differ_by_the_rows_listed(marts: duckdb.DuckDBPyConnection) -> None:
    rows = ask(marts, DRILL_DOWNS["Won in the waterfall and bookings"])
    quarter = "(select max(fiscal_quarter) from fct_booking_movements where category = 'reversed')"
    [bars] = ask(
        marts,
        f"select -sum(amount) as amount from rpt_pipeline_waterfall where fiscal_quarter = {quarter} "
        "and segment = '(all)' and category = 'won'",
    )
    [gained] = ask(
        marts,
        "select sum(amount) filter (where valid_to > last_day) - coalesce(sum(amount) filter (where valid_from = "
        "first_day), 0) as amount from fct_opportunity_history, (select min(snapshot_date) as first_day, "
        "max(snapshot_date) as last_day from dim_snapshot) "
        f"where is_won and close_fiscal_quarter = {quarter} and (valid_from = first_day or valid_to > last_day)",
    )
    assert total([row for row in rows if row["what"] == "won from the open pipeline"]) == bars["amount"]
    assert total(rows) == gained["amount"]
    assert len({row["what"] for row in rows}) > 1
