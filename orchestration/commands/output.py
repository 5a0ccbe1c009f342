"""What commands print: results on standard output, progress and errors on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from orchestration.dag.runs import RunReport

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)


def show_report(report: RunReport) -> None:
    """Print what a run did to each source and what it published, in a few lines."""
    for name, source in report.sources.items():
        if source.days:
            span = source.days[0] if len(source.days) == 1 else f"{source.days[0]} to {source.days[-1]}"
            rejected = f", {source.rejected:,} rejected" if source.rejected else ""
            gaps = f", {source.missing_days} missing days since the first" if source.missing_days else ""
            out.print(
                f"{name}: {span}: {len(source.days)} captured, {source.source_rows:,} rows seen, "
                f"{source.rows_written:,} written{rejected}{gaps}",
                markup=False,
            )
    if report.published:
        out.print(f"published: {report.marts} marts in {report.published}", markup=False)
    if report.report:
        out.print(f"report: {report.report}", markup=False)
    for name, source in report.sources.items():
        for problem in filter(None, (source.error, source.gates)):
            out.print(f"{name}: a gap: {problem}", markup=False)


def show_json(value: Any) -> None:
    """JSON on standard output; dates as ISO, decimals as numbers in text."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def show_table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table on standard output, numbers to the right."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for number, name in enumerate(names):
        is_number = any(isinstance(row[number], int | float | Decimal) for row in rows)
        table.add_column(name, justify="right" if is_number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*("" if value is None else readable(value) for value in row))
    width = None if out.is_terminal else 10_000
    out.print(table, width=width) if width is None else Console(width=width, highlight=False).print(table)


def readable(value: Any) -> str:
    """A value as people write it, numbers with thousands separators."""
    return f"{value:,}" if isinstance(value, int | Decimal) and not isinstance(value, bool) else str(value)
