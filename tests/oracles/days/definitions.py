"""The rows of the governed files, read without dbt."""

from __future__ import annotations

import csv
import io
from datetime import date
from typing import Any

ALWAYS = date(1, 1, 1)
METRIC_POLICY = {  # what holds where metric_policy.csv does not say
    "coverage_pool_quarters": 8,
    "small_pool_opportunities": 20,
    "small_sample_visits": 20,
    "stall_recovery_days": 30,
    "velocity_window_days": 90,
}


def definition_rows(text: str) -> list[dict[str, Any]]:
    """The rows of a governed file, with the `day` from which each is in force."""
    rows: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(text)))
    for row in rows:
        row["day"] = date.fromisoformat(row["valid_from"]) if row["valid_from"] else ALWAYS
    return rows


def metric_choice(rows: list[dict[str, Any]], choice: str, day: date) -> int:
    """What a choice of metric_policy.csv is on a day."""
    found = [(row["day"], int(row["value"])) for row in rows if row["choice"] == choice and row["day"] <= day]
    return max(found)[1] if found else METRIC_POLICY[choice]
