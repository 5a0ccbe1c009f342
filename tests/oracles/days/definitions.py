"""The rows of the governed files, read without dbt."""

from __future__ import annotations

import csv
import io
from datetime import date
from typing import Any

ALWAYS = date(1, 1, 1)
METRIC_POLICY: dict[str, Any] = {  # what holds where metric_policy.csv does not say
    "attribution_window_days": 365,
    "best_case_win_rate": 0.5,
    "commit_win_rate": 0.9,
    "coverage_pool_quarters": 8,
    "creation_mean_weeks": 13,
    "cycle_bands": "30|60|90|180",
    "handoff_outcome_days": 90,
    "headline_model": "position",
    "health_bands": "50|70",
    "health_score_days": 180,
    "lead_score_band": 20,
    "lead_score_days": 180,
    "marketing_lead_sources": "Website|Web|Inbound|Content|Event|Webinar|Advertisement|Paid Search|Paid Social"
    "|Organic Search|Organic Social|Email Marketing",
    "mature_open_share": 0.05,
    "omitted_win_rate": 0.0,
    "pipeline_win_rate": 0.2,
    "restatement_days": "0|7|30|60|92|182|365",
    "returned_status": "recycled|unqualified|disqualified|nurture",
    "sales_cycle_days": "30|60|90|120|180|270|365|540",
    "small_pool_opportunities": 20,
    "small_risk_set": 5,
    "small_sample": 20,
    "small_sample_visits": 20,
    "stale_score_days": 60,
    "stall_recovery_days": 30,
    "velocity_window_days": 90,
    "volume_up_factor": 1.25,
}


def definition_rows(text: str) -> list[dict[str, Any]]:
    """The rows of a governed file, with the `day` from which each is in force."""
    rows: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(text)))
    for row in rows:
        row["day"] = date.fromisoformat(row["valid_from"]) if row["valid_from"] else ALWAYS
    return rows


def metric_choice(rows: list[dict[str, Any]], choice: str, day: date) -> Any:
    """What a choice of metric_policy.csv is on a day, in the type of its default."""
    default = METRIC_POLICY[choice]
    found = [(row["day"], row["value"]) for row in rows if row["choice"] == choice and row["day"] <= day]
    return type(default)(max(found)[1]) if found else default
