"""The report: one HTML page that says whether the quarter is safe, what changed and what to do.

Reads the published file and nothing else; the page goes to whoever asked for it.
Alone: `python -m reporting.report <pipeline.duckdb> > report.html`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from reporting.markup import Html, Numbers, html
from reporting.page import Answer, Page, Section, document
from reporting.published import ALL, Marts, MissingError, ReportError, Row, Scope, listed, literal, open_published
from reporting.sections import (
    attribution,
    coverage,
    days,
    forecast,
    funnel,
    generation,
    pipeline,
    reconciliation,
    restatements,
    revenue,
    stalls,
    velocity,
    wins,
)

GiveAnswer = Callable[[Marts, Scope, Numbers], Answer]


@dataclass(frozen=True)
class Question:
    """A section before its data is known: its place on the page, what it asks, and who answers."""

    id: str
    text: str
    answer: GiveAnswer


LEAD = Question("safe", "Is the quarter safe?", coverage.lead)
QUESTIONS = (
    Question("coverage", "Is there enough pipeline?", coverage.section),
    Question("generation", "How much must we create each week?", generation.section),
    Question("changed", "What changed in a week?", pipeline.section),
    Question("sit", "Where do deals sit?", velocity.section),
    Question("stalls", "Which stalls matter?", stalls.section),
    Question("forecast", "Will we make it?", forecast.section),
    Question("wins", "How often do we win?", wins.section),
    Question("whose", "Whose number is it?", reconciliation.section),
    Question("handoffs", "Are hand-offs kept?", funnel.handoffs),
    Question("marketing", "What does marketing bring?", funnel.marketing),
    Question("attribution", "What did marketing bring of what we won?", attribution.section),
    Question("restated", "Is what we reported still true?", restatements.section),
    Question("revenue", "Does revenue stay?", revenue.section),
    Question("missing", "Which days does this rest on?", days.section),
)

FOOTER = Html(
    "<p>Every number on this page is a cell of the query under the fold beside it. "
    "<code>pipeledger sql</code> runs it again.</p>"
)


@dataclass(frozen=True)
class Wish:
    """What is asked of a page: a day (else the last captured one), a segment, a team."""

    day: date | None = None
    segment: str | None = None
    team: str | None = None


def report(published: Path, wish: Wish | None = None, links: Mapping[str, str] | None = None) -> str:
    """The page as HTML; `links` are pages of other days, each label with its address.

    ReportError where the file cannot be read, or has no such day, segment or team.
    """
    with opened(published) as marts:
        scope = scope_of(marts, wish or Wish())
        if scope is None:
            return document(empty_page())
        numbers = Numbers(base_currency(marts))
        page = Page(
            title=f"The pipeline on {scope.day.isoformat()}",
            heading=days.heading(marts, scope),
            lead=answered(LEAD, marts, scope, numbers),
            sections=[answered(question, marts, scope, numbers) for question in QUESTIONS],
            links=links or {},
            footer=FOOTER,
        )
        return document(page)


@contextmanager
def opened(published: Path) -> Iterator[Marts]:
    """The tables of a published file. ReportError where it lacks what every page needs, or cannot be read."""
    with open_published(published) as connection:
        try:
            yield Marts(connection)
        except MissingError as missing:
            raise ReportError(f"{published}: {missing}") from missing


def captured_days(published: Path) -> tuple[date | None, date | None]:
    """The first and the last captured day; None where there is none. ReportError where the file cannot be read."""
    with opened(published) as marts:
        span = span_of(marts)
    return span.value("first"), span.value("last")


def span_of(marts: Marts) -> Row:
    """The first and the last captured day, in a row."""
    return marts.ask(
        "span", "", "select min(snapshot_date) as first, max(snapshot_date) as last from dim_snapshot"
    ).rows[0]


def answered(question: Question, marts: Marts, scope: Scope, numbers: Numbers) -> Section:
    """A question with its answer, or with what the answer lacks."""
    try:
        answer = question.answer(marts, scope, numbers)
    except MissingError as missing:
        answer = Answer(html(missing))
    return Section(question.id, question.text, answer)


def scope_of(marts: Marts, wish: Wish) -> Scope | None:
    """What the page speaks of; None where no day was captured.

    ReportError where the file knows nothing of the wish, MissingError where it lacks what every page needs.
    """
    span = span_of(marts)
    first, last = span.value("first"), span.value("last")
    if first is None:
        return None
    day = wish.day or last
    if not first <= day <= last:
        raise ReportError(f"--as-of: got {day}, a captured day expected: from {first} to {last}.")
    (quarter,) = marts.ask(
        "place",
        "",
        "select fiscal_quarter, fiscal_quarter_start_date, fiscal_quarter_end_date from dim_date "
        f"where date_day = {literal(day)}",
    ).rows
    return Scope(
        day=day,
        first_day=first,
        last_day=last,
        quarter=quarter.value("fiscal_quarter"),
        quarter_start=quarter.value("fiscal_quarter_start_date"),
        quarter_end=quarter.value("fiscal_quarter_end_date"),
        segment=known(marts, "--segment", wish.segment, "rpt_pipeline_coverage", "segment") or ALL,
        team=known(marts, "--team", wish.team, "dim_owner", "team"),
    )


def known(marts: Marts, option: str, wanted: str | None, table: str, column: str) -> str | None:
    """A segment or a team, if the file knows it, whatever its case."""
    if wanted is None:
        return None
    found = marts.ask(
        f"known {column}", "", f"select distinct {column} from {table} where {column} is not null order by 1"
    )
    names = {str(row.value(column)).lower(): str(row.value(column)) for row in found.rows}
    if wanted.lower() not in names:
        choices = listed(sorted(names.values())) or "none is known"
        raise ReportError(f"{option}: got {wanted!r}, one of these expected: {choices}.")
    return names[wanted.lower()]


def base_currency(marts: Marts) -> str:
    """The currency of amounts; empty where the file, of an older version, does not say."""
    if "about" not in marts.tables:
        return ""
    return str(marts.ask("currency", "", "select base_currency from about").rows[0].value("base_currency"))


def empty_page() -> Page:
    """The page of a company of which nothing was captured yet."""
    return Page(
        title="The pipeline: nothing captured yet",
        heading=Html("<h1>The pipeline</h1>"),
        sections=[
            Section(
                "safe",
                LEAD.text,
                Answer(Html("Nobody can say yet: no day was captured. <code>pipeledger run</code> captures today.")),
            )
        ],
    )


if __name__ == "__main__":
    sys.stdout.write(report(Path(sys.argv[1])))
