"""Fiscal quarters by the month in which the fiscal year starts."""

from __future__ import annotations

from datetime import date, timedelta


def fiscal_quarter(day: date | None, start_month: int) -> str:
    """The fiscal quarter of a day, named by the year in which the fiscal year ends."""
    if day is None:
        return "(none)"
    months = (day.month - start_month) % 12
    year = day.year + (1 if start_month > 1 and day.month >= start_month else 0)
    return f"FY{year}-Q{months // 3 + 1}"


def quarter_start(quarter: str, start_month: int) -> date:
    """The first day of a fiscal quarter such as `FY2026-Q3`."""
    year, number = int(quarter[2:6]), int(quarter[-1])
    months = (year - (1 if start_month > 1 else 0)) * 12 + start_month - 1 + 3 * (number - 1)
    return date(months // 12, months % 12 + 1, 1)


def quarter_end(quarter: str, start_month: int) -> date:
    """The last day of a fiscal quarter such as `FY2026-Q3`."""
    start = quarter_start(quarter, start_month)
    months = start.year * 12 + start.month + 2
    return date(months // 12, months % 12 + 1, 1) - timedelta(days=1)
