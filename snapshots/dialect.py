"""How a source writes values as text, and what a number, a date or an instant then looks like: patterns for DuckDB.

A manifest says the dialect of its extraction (`ingestion.source.Dialect`), the settings say that of a column which is
mapped later. `casts.py` makes values out of what matches here.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

BLANKS = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""What stands around no value: all that Python's str.strip removes."""
NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
UNSURE = r"[+-]?[1-9]\d{0,2}\.\d{3}"
"""A number that is a thousand times larger where the point separates thousands."""
WITH_POINT = (
    r"[+-]?([1-9]\d{0,2}(,\d{3})+\.\d+|(\d*\.(\d{1,2}|\d{4,})|0\d*\.\d{3}|\d{4,}\.\d{3}|\.\d{3})([eE][+-]?\d+)?)"
)
"""Numbers whose point can only be a decimal point."""
WITHOUT_POINT = r"[+-]?([1-9]\d{0,2}(\.\d{3}){2,}|([1-9]\d{0,2}(\.\d{3})+|\d+),(\d{1,2}|\d{4,})|0,\d*)"
"""Numbers of a source whose decimal point is a comma."""
BLANK = "[ \u00a0\u2009\u202f]"
_SEPARATORS = {"": "", ".": r"\.", ",": ",", "'": "['\u2019]", " ": BLANK}
SYMBOLS = {
    "$": ("USD", "AUD", "CAD", "HKD", "MXN", "NZD", "SGD", "TWD"),
    "US$": ("USD",),
    "\u20ac": ("EUR",),
    "\u00a3": ("GBP",),
    "\u00a5": ("JPY", "CNY"),
    "\u20b9": ("INR",),
}
"""What a sign beside an amount may mean."""
CURRENCY = "(?:[A-Z]{3}|" + "|".join(map(re.escape, SYMBOLS)) + ")"
_DATE_PARTS = {
    "YYYY": (r"\d{4}", "%Y"),
    "YY": (r"\d{2}", "%y"),
    "MM": (r"\d{2}", "%m"),
    "M": (r"\d{1,2}", "%m"),
    "DD": (r"\d{2}", "%d"),
    "D": (r"\d{1,2}", "%d"),
}
_TIME = r"(,? \d{1,2}:\d{2}(:\d{2})?( ?[AaPp][Mm])?)?"
_TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M%p", " %I:%M:%S %p", " %I:%M:%S%p")


@dataclass(frozen=True)
class Dialect:
    """The fields of `ingestion.source.Dialect`, which says what they mean."""

    decimal: str = "."
    thousands: str = ""
    date_format: str = ""
    currency_prefix: bool = False
    parentheses: bool = False
    percent: bool = False
    null_values: tuple[str, ...] = ()
    time_zone: str = ""

    @staticmethod
    def from_json(text: str) -> Dialect:
        """From what a manifest holds; a field that it lacks has its default."""
        values = json.loads(text)
        return Dialect(**{**values, "null_values": tuple(values.get("null_values", ()))})

    @property
    def is_unsure(self) -> bool:
        """Whether nobody said what a point in a number means."""
        return not self.decimal and not self.thousands

    @property
    def decimal_mark(self) -> str:
        """Where nobody said it: a point, unless that separates thousands."""
        return self.decimal or ("," if self.thousands == "." else ".")

    @property
    def is_plain(self) -> bool:
        """Whether numbers are written as `NUMBER` says, and in no other way."""
        return self.decimal_mark == "." and not self.thousands and not self.currency_prefix

    @property
    def separator(self) -> str:
        """A pattern for what stands between thousands; empty where nothing does.

        Beside a decimal comma a point can mean nothing else.
        """
        return _SEPARATORS[self.thousands or ("." if self.decimal_mark == "," else "")]

    @property
    def number(self) -> str:
        """A pattern for numbers without a sign; groups of thousands have three digits and begin with none."""
        mark = _SEPARATORS[self.decimal_mark]
        grouped = rf"[1-9]\d{{0,2}}(?:{self.separator}\d{{3}})+(?:{mark}\d*)?|" if self.separator else ""
        return rf"(?:{grouped}\d+(?:{mark}\d*)?(?:[eE][+-]?\d+)?|{mark}\d+(?:[eE][+-]?\d+)?)"

    @property
    def amount(self) -> str:
        """A pattern for signed numbers, with a currency before or behind where the source writes them so."""
        if not self.currency_prefix:
            return f"[+-]?{self.number}"
        blank = f"{BLANK}?"
        before = f"[+-]?{CURRENCY}{blank}{self.number}|{CURRENCY}{blank}[+-]{self.number}"
        return f"(?:{before}|[+-]?{self.number}(?:{blank}{CURRENCY})?)"

    @property
    def negative(self) -> str:
        """A pattern for numbers in parentheses, with a currency in, before or behind them where the source has one."""
        if not self.currency_prefix:
            return rf"\({self.number}\)"
        blank = f"{BLANK}?"
        within = rf"\((?:{CURRENCY}{blank}{self.number}|{self.number}{blank}{CURRENCY})\)"
        return rf"(?:{within}|{CURRENCY}{blank}\({self.number}\)|\({self.number}\)(?:{blank}{CURRENCY})?)"

    @property
    def beside(self) -> str:
        """A pattern for what stands beside the digits of an amount: a currency, parentheses; empty for nothing."""
        currency = f"{CURRENCY}|{BLANK}" if self.currency_prefix else ""
        parentheses = "[()]" if self.parentheses else ""
        return "|".join(part for part in (currency, parentheses) if part)

    @property
    def noise(self) -> str:
        """A pattern for all in an amount that is no part of its plain number."""
        return "|".join(part for part in (self.separator, self.beside) if part)

    @property
    def date(self) -> str:
        """A pattern for dates in `date_format`."""
        return _translated(self.date_format, 0)

    @property
    def instant(self) -> str:
        """A pattern for dates in `date_format` that may have a time behind them."""
        return self.date + _TIME

    @property
    def instant_formats(self) -> tuple[str, ...]:
        """What DuckDB's strptime calls all that `instant` matches, without commas."""
        return tuple(_translated(self.date_format, 1) + time for time in _TIMES)


def currency_of(text: str) -> str:
    """SQL for the currency that stands beside an amount: a code of three letters, a symbol, or empty."""
    return f"regexp_extract({text}, '{CURRENCY}')"


def contradicts(text: str, code: str) -> str:
    """SQL that says whether the amount `text` stands beside another currency than `code`; never null."""
    stands = currency_of(text)
    symbols = " ".join(
        f"when '{symbol}' then upper({code}) not in ({', '.join(repr(each) for each in codes)})"
        for symbol, codes in SYMBOLS.items()
    )
    return f"coalesce(case {stands} when '' then false {symbols} else {stands} <> upper({code}) end, false)"


def _translated(date_format: str, to: int) -> str:
    """A date format as a pattern (`to` 0) or as strptime writes it (1)."""

    def part(found: re.Match[str]) -> str:
        return _DATE_PARTS[found[0]][to] if found[0] in _DATE_PARTS else (f"[{found[0]}]" if to == 0 else found[0])

    return re.sub("YYYY|YY|MM|M|DD|D|[./-]", part, date_format)
