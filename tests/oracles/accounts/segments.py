"""The segment of an account by the rules of a day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any


def segment_of(row: Mapping[str, Any], segments: Sequence[Mapping[str, Any]], day: date) -> str:
    """The first rule in force on the day that the account matches; without rules its own segment."""
    rules = [rule for rule in segments if rule["day"] <= day]
    if not rules:
        return row.get("segment") or "(unassigned)"
    latest = {
        name: max(rule["day"] for rule in rules if rule["segment"] == name) for name in {r["segment"] for r in rules}
    }
    in_force = [rule for rule in rules if rule["day"] == latest[rule["segment"]]]
    for rule in sorted(in_force, key=lambda each: (int(each["priority"]), each["segment"])):
        if _matches(rule, row.get(rule["rule_column"])):
            return str(rule["segment"])
    return "(unassigned)"


def _matches(rule: Mapping[str, Any], value: Any) -> bool:
    wanted, operator = str(rule["rule_value"]), str(rule["rule_operator"])
    if operator == "is_null":
        return value is None
    if value is None:
        return False
    if isinstance(value, bool):
        return value == (wanted in ("yes", "true", "1"))
    if operator == "in":
        return value in [each.strip() for each in wanted.split(",")]
    if operator in ("=", "!="):
        return (str(value) == wanted) == (operator == "=")
    number = Decimal(wanted)
    return bool({"<": value < number, "<=": value <= number, ">": value > number, ">=": value >= number}[operator])
