"""The report: pages beside the published file, each swapped in whole, as the file itself is.

Comes from the published file; goes to `published/report.html` and, one click away, what the same page said a week and a
quarter before. Alone: `python -m orchestration.steps.report <pipeline.duckdb>`.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from orchestration.settings.errors import ConfigError
from reporting.published import ReportError
from reporting.report import Wish, captured_days, report
from snapshots.durable import write_whole

NAME = "report.html"
EARLIER: Mapping[str, tuple[str, int]] = {
    "report-a-week-ago.html": ("A week before", 7),
    "report-a-quarter-ago.html": ("A quarter before", 91),
}
"""The pages beside the report: how each is called, and how many days before the last captured one it looks."""


@dataclass(frozen=True)
class Reported:
    """What was written: the page and its size."""

    path: Path
    bytes: int


def page_name(wish: Wish) -> str:
    """What the file of a page is called that was narrowed, such as `report-2026-03-02-smb.html`."""
    parts = [str(part) for part in (wish.day, wish.segment, wish.team) if part]
    letters = "-".join(parts).lower()
    return f"report-{'-'.join(''.join(letter if letter.isalnum() else ' ' for letter in letters).split())}.html"


def write_report(published: Path, wish: Wish, target: Path) -> Reported:
    """Put one page, as it is wished, in place of `target`; ConfigError where there can be none."""
    return written(published, wish, target, {})


def write_reports(published: Path) -> Reported:
    """Put the page and those of a week and a quarter before beside the published file; each links to the others."""
    first, last = captured_days(published)
    days: dict[str, tuple[str, date | None]] = {NAME: ("The last captured day", None)}
    for name, (label, back) in EARLIER.items():
        page = published.with_name(name)
        if first is not None and last is not None and last - timedelta(days=back) >= first:
            days[name] = (label, last - timedelta(days=back))
        else:
            page.unlink(missing_ok=True)  # of a longer history, which this file does not have
    for name, (_, day) in reversed(days.items()):
        links = {label: other for other, (label, _) in days.items() if other != name}
        done = written(published, Wish(day=day), published.with_name(name), links)
    return done


def written(published: Path, wish: Wish, target: Path, links: Mapping[str, str]) -> Reported:
    """Write one page with its links."""
    try:
        page = report(published, wish, links)
    except ReportError as error:
        raise ConfigError(str(error)) from error
    write_whole(target, page)
    return Reported(target, target.stat().st_size)


if __name__ == "__main__":
    print(write_reports(Path(sys.argv[1])))
