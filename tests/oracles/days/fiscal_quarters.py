"""Fiscal quarters by the month in which the fiscal year starts."""

from __future__ import annotations

from datetime import date


def fiscal_quarter(day: date | None, start_month: int) -> str:
    """The fiscal quarter of a day, named by the year in which the fiscal year ends."""
    if day is None:
        return "(none)"
    months = (day.month - start_month) % 12
    year = day.year + (1 if start_month > 1 and day.month >= start_month else 0)
    return f"FY{year}-Q{months // 3 + 1}"
