"""Figures as plain SVG, drawn by us: each says in words what it shows, and each mark says where its number comes from.

Comes from the sections' cells; goes onto the page. A drawing is 460 units wide, so that its letters are as large as the
page's on a phone, and on a desk two stand side by side. Colours are the page's; nothing is told by colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from typing import Any

from reporting.markup import Html, date_of, exact, place
from reporting.published import Cell

WIDTH = 460
LABELS, VALUES = 150, 66  # room at the left and the right of a chart of rows
ROW = 26
LETTER = 6.4  # how wide a letter is, on the average

Shown = Callable[[Any], str]


@dataclass(frozen=True)
class Text:
    """What screen readers say of a drawing, and the name that tells it from the others on the page."""

    key: str
    title: str
    description: str


@dataclass(frozen=True)
class Bar:
    """A row of `bars`: how much there is, and where it ought to be, if that is known."""

    label: str
    value: Cell
    needed: Cell | None = None
    colour: str = "blue"


@dataclass(frozen=True)
class Step:
    """A row of `waterfall`: a level (`is_level`) or what was added to or taken from it."""

    label: str
    value: Cell
    is_level: bool = False


@dataclass(frozen=True)
class Line:
    """A line of `lines`: its points from left to right, and how it is drawn."""

    label: str
    points: Sequence[tuple[float, Cell]]
    style: str = "s-blue"


@dataclass(frozen=True)
class Marks:
    """A row of `marks`: dots on one scale, from the first to the last joined by a line; `shown` stands at the right."""

    label: str
    dots: Sequence[tuple[Cell, str]]  # the value, and how it is drawn: a colour, or `end` for the end of an interval
    shown: Cell | None = None


@dataclass(frozen=True)
class Share:
    """A row of `shares`: parts that make a whole, each with its colour."""

    label: str
    parts: Sequence[tuple[Cell, str]]
    shown: Cell


def drawing(text: Text, height: float, body: Sequence[str]) -> Html:
    """An SVG with its name and its description."""
    return Html(
        f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-labelledby="{text.key}-t {text.key}-d">'
        f'<title id="{text.key}-t">{escape(text.title)}</title>'
        f'<desc id="{text.key}-d">{escape(text.description)}</desc>{"".join(body)}</svg>'
    )


def label(x: float, y: float, text: str, *, anchor: str = "start", soft: bool = False) -> str:
    """Words in a drawing."""
    end = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{x:.1f}" y="{y:.1f}"{end}{" class=muted" if soft else ""}>{escape(text)}</text>'


def number(x: float, y: float, cell: Cell, shown: str, *, anchor: str = "start") -> str:
    """A number in a drawing, with the place it comes from."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" data-value="{escape(exact(cell.value))}" '
        f"{place(cell)}>{escape(shown)}</text>"
    )


def fitted(text: str, room: float) -> str:
    """A text that is cut where it would not fit."""
    letters = int(room / LETTER)
    return text if len(text) <= letters else text[: letters - 1].rstrip() + "…"


def box(x: float, y: float, width: float, height: float, colour: str, title: str = "") -> str:
    """A filled rectangle; `title` is shown where a mouse rests on it."""
    inner = f"<title>{escape(title)}</title>" if title else ""
    return (
        f'<rect class="f-{colour}" x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}">'
        f"{inner}</rect>"
    )


def path(points: Sequence[tuple[float, float]], style: str) -> str:
    """A line through points."""
    return f'<polyline class="{style}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>'


def legend(entries: Sequence[tuple[str, str, str]], top: float) -> tuple[list[str], float]:
    """What the colours mean (`shape`, colour or style, label), and how high that is."""
    body, x, y = [], 0.0, top
    for shape, style, text in entries:
        width = 26 + len(text) * LETTER
        if x and x + width > WIDTH:
            x, y = 0.0, y + 18
        body.append(KEYS[shape](x, y, style))
        body.append(label(x + 20, y + 10, text, soft=True))
        x += width + 6
    return body, (y + 24 - top if entries else 0)


KEYS: dict[str, Callable[[float, float, str], str]] = {
    "box": lambda x, y, colour: box(x, y, 14, 11, colour),
    "tick": lambda x, y, _: path([(x + 7, y - 2), (x + 7, y + 13)], "s-text"),
    "line": lambda x, y, style: path([(x, y + 6), (x + 16, y + 6)], style),
    "dot": lambda x, y, colour: dot(x + 7, y + 6, colour),
}


def dot(x: float, y: float, colour: str) -> str:
    """A dot; an orange one is a diamond, so that it is told from a blue one without its colour."""
    if colour == "orange":
        corners = f"{x:.1f},{y - 6:.1f} {x + 6:.1f},{y:.1f} {x:.1f},{y + 6:.1f} {x - 6:.1f},{y:.1f}"
        return f'<polygon class="f-orange" points="{corners}"/>'
    if colour == "end":
        return path([(x, y - 5), (x, y + 5)], "s-grey")
    return f'<circle class="f-{colour}" cx="{x:.1f}" cy="{y:.1f}" r="5"/>'


def bars(text: Text, rows: Sequence[Bar], shown: Shown, *, bar_means: str, need_means: str = "") -> Html:
    """One bar a row, from nothing; a tick where it ought to be."""
    most = max((cell.number for row in rows for cell in (row.value, row.needed) if cell), default=0) or 1
    room = WIDTH - LABELS - VALUES
    entries = [("box", "blue", bar_means)]
    if any(row.colour == "orange" for row in rows):
        entries.append(("box", "orange", f"{bar_means}, too little"))
    if need_means:
        entries.append(("tick", "", need_means))
    body, y = legend(entries, 2)
    for row in rows:
        width = room * row.value.number / most
        body += [label(0, y + 16, fitted(row.label, LABELS)), box(LABELS, y + 4, width, 16, row.colour)]
        body.append(number(WIDTH, y + 16, row.value, shown(row.value.value), anchor="end"))
        if row.needed is not None and row.needed.value is not None:
            x = LABELS + room * row.needed.number / most
            body.append(path([(x, y), (x, y + 24)], "s-text"))
        y += ROW
    return drawing(text, y + 2, body)


def waterfall(text: Text, steps: Sequence[Step], shown: Shown) -> Html:
    """From one level to the other, each row beginning where the one before it ended."""
    reached, spans = 0.0, []
    for step in steps:
        start, reached = (0.0 if step.is_level else reached), step.value.number + (0.0 if step.is_level else reached)
        spans.append((min(start, reached), max(start, reached)))
    moved = [
        edge for step, span in zip(steps, spans, strict=True) for edge in (span if not step.is_level else span[1:])
    ]
    least, most = min(moved, default=0), max(moved, default=1)
    base = max(0.0, least - (most - least) * 0.25)  # movements are small beside the levels: a cut axis shows them
    room, scale = WIDTH - LABELS - VALUES, (WIDTH - LABELS - VALUES) / ((most - base) or 1)
    entries = [("box", "grey", "level"), ("box", "blue", "added"), ("box", "orange", "taken away")]
    body, y = legend(entries, 2)
    for step, (low, high) in zip(steps, spans, strict=True):
        colour = "grey" if step.is_level else "blue" if step.value.number >= 0 else "orange"
        left = LABELS + (max(low, base) - base) * scale
        width = max(1.5, min(room, (high - max(low, base)) * scale))
        body += [label(0, y + 16, fitted(step.label, LABELS)), box(left, y + 4, width, 16, colour)]
        body.append(number(WIDTH, y + 16, step.value, shown(step.value.value or 0), anchor="end"))
        y += ROW
    if base > 0:
        body.append(label(LABELS, y + 12, f"the axis begins at {shown(base)}", soft=True))
        y += 18
    return drawing(text, y + 2, body)


def lines(
    text: Text, drawn: Sequence[Line], shown: Shown, *, across: tuple[float, float], left: str, right: str,
    most: float | None = None, least: float = 0.0, height: float = 210,
) -> Html:  # fmt: skip
    """Lines over a horizontal axis from `across[0]` (called `left`) to `across[1]` (`right`), cut off at `most`."""
    values = [cell.number for line in drawn for _, cell in line.points]
    top_value = most or max(values, default=1) * 1.05 or 1
    entries = [("line", line.style, line.label) for line in drawn if line.label]
    body, top = legend(entries, 2)
    ticks = ticks_between(least, top_value)
    edge = max((len(shown(tick)) for tick in ticks), default=3) * 7.4 + 8
    bottom = top + height

    def at(x: float, value: float) -> tuple[float, float]:
        part = (x - across[0]) / ((across[1] - across[0]) or 1)
        level = (min(value, top_value) - least) / ((top_value - least) or 1)
        return edge + part * (WIDTH - edge - 8), bottom - level * (height - 8)

    for tick in ticks:
        _, y = at(across[0], tick)
        body.append(f'<line class="axis" x1="{edge:.1f}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        body.append(label(edge - 5, y + 4, shown(tick), anchor="end", soft=True))
    for line in drawn:
        body += [path([at(x, cell.number) for x, cell in part], line.style) for part in unbroken(line.points)]
    body += [label(edge, bottom + 18, left, soft=True), label(WIDTH, bottom + 18, right, anchor="end", soft=True)]
    return drawing(text, bottom + 24, body)


def unbroken(points: Sequence[tuple[float, Cell]]) -> list[list[tuple[float, Cell]]]:
    """The points in parts, broken where a value is missing."""
    parts: list[list[tuple[float, Cell]]] = [[]]
    for x, cell in points:
        if cell.value is None:
            parts.append([])
        else:
            parts[-1].append((x, cell))
    return [part for part in parts if part]


def ticks_between(least: float, most: float) -> list[float]:
    """Three to six round values."""
    step = 10 ** math.floor(math.log10((most - least) or 1))
    step = next((step * part for part in (0.2, 0.5, 1, 2) if (most - least) / (step * part) <= 5.5), step * 5)
    first = math.ceil(least / step - 1e-9)
    return [number * step for number in range(first, math.floor(most / step + 1e-9) + 1)]


def marks(text: Text, rows: Sequence[Marks], shown: Shown, *, entries: Sequence[tuple[str, str]]) -> Html:
    """Dots on one scale, a row each; `entries` says which colour means what."""
    values = [cell.number for row in rows for cell, _ in row.dots if cell.value is not None]
    most = max(values, default=1) * 1.05 or 1
    room = WIDTH - LABELS - VALUES
    body, y = legend([("tick" if colour == "end" else "dot", colour, said) for colour, said in entries], 2)
    for tick in ticks_between(0, most):
        x = LABELS + room * tick / most
        body.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{y:.1f}" y2="{y + ROW * len(rows):.1f}"/>')
        body.append(label(x, y + ROW * len(rows) + 14, shown(tick), anchor="middle", soft=True))
    for row in rows:
        body.append(label(0, y + 16, fitted(row.label, LABELS)))
        places = [(LABELS + room * cell.number / most, style) for cell, style in row.dots if cell.value is not None]
        if len(places) > 1:
            body.append(path([(min(places)[0], y + 12), (max(places)[0], y + 12)], "s-grey"))
        body += [dot(x, y + 12, style) for x, style in places]
        if row.shown is not None:
            body.append(number(WIDTH, y + 16, row.shown, shown(row.shown.value), anchor="end"))
        y += ROW
    return drawing(text, y + 20, body)


def shares(text: Text, rows: Sequence[Share], shown: Shown, *, entries: Sequence[tuple[str, str]]) -> Html:
    """Parts of a whole, a row each; `entries` says which colour means what."""
    room = WIDTH - LABELS - VALUES
    body, y = legend([("box", colour, said) for colour, said in entries], 2)
    for row in rows:
        whole = sum(cell.number for cell, _ in row.parts) or 1
        body.append(label(0, y + 16, fitted(row.label, LABELS)))
        x = float(LABELS)
        for cell, colour in row.parts:
            width = room * cell.number / whole
            body.append(box(x, y + 4, max(width - 1, 0), 16, colour))  # a hair between two parts
            x += width
        body.append(number(WIDTH, y + 16, row.shown, shown(row.shown.value), anchor="end"))
        y += ROW
    return drawing(text, y + 2, body)


def strip(text: Text, first: date, last: date, gaps: Sequence[date]) -> Html:
    """Every day from the first to the last; those in `gaps` stand out, in orange."""
    width = WIDTH / max((last - first).days + 1, 1)
    body = [box(0, 7, WIDTH, 6, "blue")]
    body += [
        box((gap - first).days * width, 1, max(width, 2), 18, "orange", f"{date_of(gap)}: not captured") for gap in gaps
    ]
    return drawing(text, 20, body)
