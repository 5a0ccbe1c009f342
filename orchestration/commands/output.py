"""What commands print: results on standard output, progress and errors on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from orchestration.dag.runs import RunReport

LONGEST_WORD = 40  # longer ones are broken on a terminal; columns of text are not made narrower than their words
WIDE = 10_000  # for other programs, and files
LITTLE = 0.1  # seconds that are not worth a word
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
    if parts := [f"{part} {seconds:,.1f} s" for part, seconds in report.seconds.items() if seconds >= LITTLE]:
        err.print(f"took: {', '.join(parts)}", style="dim", markup=False)
    for name, source in report.sources.items():
        for problem in filter(None, (source.error, source.gates)):
            out.print(f"{name}: a gap: {problem}", markup=False)
        if source.held:
            out.print(source.held, markup=False)


def show_json(value: Any) -> None:
    """JSON on standard output; dates as ISO, decimals as numbers in text."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def show_table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table on standard output, numbers to the right.

    Nothing is cut and no column is left out. On a terminal, long texts go on in the next line; where even the numbers
    and dates of a row do not fit, each row is written in one line, and the terminal breaks it.
    """
    table = Table(box=None, header_style="bold", pad_edge=False)
    needed = 0
    for number, name in enumerate(names):
        column = [row[number] for row in rows]
        is_number = any(isinstance(value, int | float | Decimal) for value in column)
        is_text = any(isinstance(value, str) for value in column)
        widest = max([len(name), *(len(readable(value)) for value in column if value is not None)])
        words = [len(word) for value in column if isinstance(value, str) for word in value.split()]
        least = min(max(len(name), *words, 0), LONGEST_WORD) if is_text else widest
        table.add_column(
            name, justify="right" if is_number else "left", no_wrap=not is_text, overflow="fold", min_width=least
        )
        needed += least + 1
    for row in rows:
        table.add_row(*(Text("" if value is None else readable(value)) for value in row))
    width = out.width if out.is_terminal and needed <= out.width else WIDE
    Console(width=width, highlight=False).print(table, soft_wrap=width == WIDE)


def readable(value: Any) -> str:
    """A value as people write it, numbers with thousands separators."""
    return f"{value:,}" if isinstance(value, int | Decimal) and not isinstance(value, bool) else str(value)
