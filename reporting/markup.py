"""Markup: text that is escaped once, and numbers as people write them, each with the place it comes from.

Comes from cells of the published file; goes into sentences, drawings and tables.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from html import escape
from typing import Any

from reporting.published import Cell

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
MINUS = "\N{MINUS SIGN}"


class Html(str):
    """Text that is markup already."""

    __slots__ = ()

    def __add__(self, other: str) -> Html:
        return Html(f"{self}{html(other)}")


def say(template: str, **parts: Any) -> Html:
    """A sentence: `{name}` in the template is replaced by a part, which is escaped unless it is Html."""
    return Html(template.format(**{name: str(html(part)) for name, part in parts.items()}))


def html(part: Any) -> Html:
    """Any part of a sentence as markup."""
    return part if isinstance(part, Html) else Html(escape(str(part)))


def joined(parts: Sequence[Html]) -> Html:
    """Parts as a sentence lists them: `a, b and c`."""
    if len(parts) < 2:
        return Html("".join(parts))
    return Html(f"{', '.join(parts[:-1])} and {parts[-1]}")


def paragraphs(*parts: Html) -> Html:
    """Each part as a paragraph; empty ones are left out."""
    return Html("".join(f"<p>{part}</p>" for part in parts if part))


@dataclass(frozen=True)
class Numbers:
    """How a page writes numbers: the sign of its money."""

    currency: str = ""

    @property
    def sign(self) -> str:
        """What stands before an amount."""
        return SYMBOLS.get(self.currency, f"{self.currency} " if self.currency else "")

    def amount(self, value: float | Decimal) -> str:
        """An amount in three digits, such as $1.18M."""
        size = abs(float(value))
        power = 0 if size < 999.5 else min(3, int(math.log10(size * 1.0005) // 3))
        shown = size / 1000**power
        digits = 0 if power == 0 else max(0, 2 - int(math.log10(shown)))
        return f"{MINUS if value < 0 else ''}{self.sign}{shown:.{digits}f}{' kMB'[power].strip()}"

    def money(self, cell: Cell) -> Html:
        """An amount of the base currency."""
        return of_cell(cell, self.amount(cell.value) if cell.value is not None else "unknown")

    def signed(self, cell: Cell) -> Html:
        """An amount with its sign."""
        return of_cell(cell, self.signed_amount(cell.value or 0))

    def signed_amount(self, value: float | Decimal) -> str:
        """An amount with its sign, such as +$1.18M."""
        return ("+" if value > 0 else "") + self.amount(value)


def of_cell(cell: Cell, shown: str, tag: str = "data") -> Html:
    """A value as it is shown, with the exact one and the place it comes from."""
    return Html(f'<{tag} value="{escape(exact(cell.value))}" {place(cell)}>{escape(shown)}</{tag}>')


def place(cell: Cell) -> str:
    """The attributes that say where a value comes from."""
    return f'data-query="{cell.query}" data-row="{cell.row}" data-column="{cell.column}"'


def exact(value: Any) -> str:
    """A value as its query gives it."""
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)


def count(cell: Cell) -> Html:
    """A number of things."""
    return of_cell(cell, f"{cell.value or 0:,}")


def percent(cell: Cell) -> Html:
    """A rate from 0 to 1, as per cent."""
    return of_cell(cell, percent_of(cell.value))


def percent_of(value: float | None) -> str:
    """A rate in per cent, with a decimal where it is small."""
    if value is None:
        return "unknown"
    shown = round(100 * value, 0 if abs(value) >= 0.0995 else 1)
    return f"{shown:g}%".replace("-", MINUS)


def times(cell: Cell) -> Html:
    """A ratio."""
    return of_cell(cell, times_of(cell.value))


def times_of(value: float | None) -> str:
    """A ratio with one decimal, or two where it is small."""
    return "unknown" if value is None else f"{value:.{1 if value >= 1 else 2}f}"


def days(cell: Cell) -> Html:
    """A number of days."""
    return of_cell(cell, f"{cell.value:g} {'day' if cell.value == 1 else 'days'}")


def name(cell: Cell) -> Html:
    """A name, such as that of a segment or a rule."""
    return of_cell(cell, "none" if cell.value is None else str(cell.value))


def day(cell: Cell) -> Html:
    """A date, as people write it."""
    return of_cell(cell, date_of(cell.value))


def date_of(value: date) -> str:
    """A date, as people write it: 3 March 2026."""
    return f"{value.day} {value:%B %Y}"


def moment(value: date) -> Html:
    """A date that says what a page or a sentence is about."""
    return Html(f'<time datetime="{value.isoformat()}">{date_of(value)}</time>')


def is_number(value: Any) -> bool:
    """Whether a value is counted or measured."""
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def written(value: Any) -> str:
    """A value in a table: amounts to the cent, ratios with four decimals, dates in ISO form."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.4f}"
    if isinstance(value, int | Decimal):
        return f"{value:,}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return str(value)
