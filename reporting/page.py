"""The page: sections with their answers, figures and tables, as one HTML file without script, font or network.

Comes from the sections; goes to `report.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from reporting.markup import Html, is_number, written
from reporting.published import Table

ROWS_SHOWN = 60
"""At most so many rows of a table stand under a fold; its SQL gives the others."""
NOTHING = Html("")


@dataclass(frozen=True)
class Figure:
    """A drawing with its caption, which says how to read it."""

    drawing: Html
    caption: Html


@dataclass(frozen=True)
class Tile:
    """One number that stands large: its label, the number, and what it is compared with."""

    label: str
    number: Html
    note: Html = NOTHING


@dataclass(frozen=True)
class Section:
    """A question, its answer in words, figures, and the tables that stand under folds.

    `todo` says what to do about it, one sentence each; `mood` is `good`, `bad`, `mixed` or `unknown`.
    """

    id: str
    question: str
    answer: Html
    mood: str = "unknown"
    tiles: Sequence[Tile] = ()
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[Html] = ()
    todo: Sequence[Html] = ()


def section_html(section: Section) -> Html:
    """A section of the page."""
    marks = {"good": "✓ ", "bad": "! ", "mixed": "~ ", "unknown": ""}
    answer = (
        f'<p class="answer {section.mood}"><span aria-hidden="true">{marks[section.mood]}</span>{section.answer}</p>'
    )
    figures = "".join(
        f"<figure>{figure.drawing}<figcaption>{figure.caption}</figcaption></figure>" for figure in section.figures
    )
    notes = "".join(f'<p class="note">{note}</p>' for note in section.notes)
    return Html(
        f'<section id="{section.id}" aria-labelledby="{section.id}-question">'
        f'<h2 id="{section.id}-question">{escape(section.question)}</h2>{answer}'
        + tiles_html(section.tiles)
        + (f'<div class="figures">{figures}</div>' if figures else "")
        + notes
        + "".join(map(fold, section.tables))
        + "</section>"
    )


def tiles_html(tiles: Sequence[Tile]) -> str:
    """Numbers that stand large, in a row."""
    if not tiles:
        return ""
    return (
        '<dl class="tiles">'
        + "".join(
            f"<div><dt>{escape(tile.label)}</dt><dd><strong>{tile.number}</strong>"
            + (f"<small>{tile.note}</small>" if tile.note else "")
            + "</dd></div>"
            for tile in tiles
        )
        + "</dl>"
    )


def fold(table: Table) -> Html:
    """The rows of a table and its SQL, behind a line that opens them."""
    shown = table.rows[:ROWS_SHOWN]
    numeric = [any(is_number(row.value(column)) for row in table.rows) for column in table.columns]
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in table.columns)
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{' class=n' if is_numeric else ''}>{escape(written(row.value(column)))}</td>"
            for column, is_numeric in zip(table.columns, numeric, strict=True)
        )
        + "</tr>"
        for row in shown
    )
    cut = (
        f'<p class="scale">These are the first {len(shown)} of {len(table.rows)} rows.</p>'
        if len(shown) < len(table.rows)
        else ""
    )
    return Html(
        f"<details><summary>Rows and SQL: {escape(table.caption)}</summary>"
        f'<div class="rows" tabindex="0" role="region" aria-label="{escape(table.caption)}">'
        f'<table data-query="{table.name}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{cut}'
        f'<pre class="sql" data-query="{table.name}"><code>{escape(table.sql)}</code></pre></details>'
    )


@dataclass(frozen=True)
class Page:
    """What stands on a page: its title, heading, what to do, the sections, and links to pages of other days."""

    title: str
    heading: Html
    sections: Sequence[Section]
    links: Mapping[str, str] = field(default_factory=dict)
    footer: Html = NOTHING
    lead: Section | None = None


def document(page: Page) -> str:
    """The page as one HTML file."""
    everything = [*([page.lead] if page.lead else []), *page.sections]
    todo = [sentence for section in everything for sentence in section.todo]
    links = "".join(f'<a href="{escape(target)}">{escape(label)}</a>' for label, target in page.links.items())
    contents = "".join(f'<li><a href="#{section.id}">{escape(section.question)}</a></li>' for section in page.sections)
    return "".join(
        [
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{escape(page.title)}</title><style>{style()}</style></head><body>",
            f"<header>{page.heading}",
            f'<nav class="days" aria-label="Other days">{links}</nav>' if links else "",
            "</header><main>",
            section_html(page.lead) if page.lead else "",
            actions(todo),
            f'<nav class="contents" aria-label="Questions"><ul>{contents}</ul></nav>' if contents else "",
            *map(section_html, page.sections),
            f"</main><footer>{page.footer}</footer></body></html>\n",
        ]
    )


def actions(todo: Iterable[Html]) -> str:
    """What to do, as a list."""
    items = "".join(f"<li>{sentence}</li>" for sentence in todo)
    if not items:
        return ""
    return (
        '<section id="todo" aria-labelledby="todo-question"><h2 id="todo-question">What should we do?</h2>'
        f"<ul>{items}</ul></section>"
    )


def style() -> str:
    """How the page looks: `page.css`, in as few letters as it can be said."""
    lines = Path(__file__).with_name("page.css").read_text(encoding="utf-8").splitlines()
    return "".join(line.strip() for line in lines)
