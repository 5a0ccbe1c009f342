"""How numbers and dates are spelled in a file: the signs between digits, the order of day and month.

Comes from the texts of columns that hold numbers or dates, goes to `detection.py` as parts of the dialect that it
proposes. What the texts leave open is a `DoubtError`. Pure: nothing is read or written.
"""

import re
from collections.abc import Sequence

_CURRENCY = re.compile(
    r"^([A-Z]{3}|[$\u20ac\u00a3\u00a5\u20b9]|US\$)\s?(?=[-+\d])|(?<=\d)\s?([A-Z]{3}|[$\u20ac\u00a3\u00a5\u20b9])$"
)
_CODES = {"$": "USD", "US$": "USD", "\u20ac": "EUR", "\u00a3": "GBP", "\u20b9": "INR"}
_THOUSANDS = {"'": "'", "\u2019": "'", " ": " ", "\u00a0": " ", "\u2009": " ", "\u202f": " "}
_PARENTHESES = str.maketrans("", "", "()")
_BRACKETS = re.compile(r"[(\[]([^()\[\]]*)[)\]]")
_SCALE = re.compile(
    r"\b(thousands?|tausend|tsd|millions?|millionen|mio|billions?|mrd|[tkm](eur|usd|gbp|chf)|000s?)\b", re.IGNORECASE
)
_SHORT_SCALE = re.compile(
    r"\b(k|mm?|bn)\b|(?<![a-z])[tkm](?=[$\u20ac\u00a3])|(?<=[$\u20ac\u00a3])[km]\b", re.IGNORECASE
)
_NUMBER = re.compile(r"\d[\d.,'\u2019 \u00a0\u2009\u202f]*|[.,]\d+")
_DAY = re.compile(r"(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})(?=$|[ ,T])")


class DoubtError(Exception):
    """What a file leaves open: the option that settles it, the question (whole sentences), and possible answers."""

    def __init__(self, option: str, question: str, choices: Sequence[str]) -> None:
        super().__init__(question)
        self.option, self.question, self.choices = option, question, tuple(choices)


def beside_header(header: str) -> tuple[str, str]:
    """The currency that the header of amounts names (`Amount (EUR)`), and what says that they are thousands or more."""
    from babel.numbers import list_currencies

    inside = " ".join(_BRACKETS.findall(header))
    ends = [
        *re.findall(r"[A-Z]{3}(?![A-Za-z])|US\$|(?<![A-Za-z])[$]|[\u20ac\u00a3\u20b9]", inside),
        *re.findall(r"\s([A-Z]{3})$", header.strip()),
    ]
    codes = [code for sign in ends if (code := _CODES.get(sign, sign)) in list_currencies()]
    scale = _SCALE.search(header) or _SHORT_SCALE.search(inside)
    return (codes[0] if codes else ""), (scale[0].strip() if scale else "")


def currency_of(text: str) -> str:
    """The code of the currency that stands beside an amount; empty where none does."""
    match = _CURRENCY.search(text.strip().translate(_PARENTHESES))
    found = (match[1] or match[2]) if match else ""
    return _CODES.get(found, found)


def _bare(text: str) -> str:
    """A number without its sign or parentheses, and without the currency or the percent sign beside it."""
    return _CURRENCY.sub("", text.strip().translate(_PARENTHESES)).strip().rstrip("%").strip().lstrip("+-")


def is_in_parentheses(text: str) -> bool:
    """Whether a text is a negative number as accountants write it: `(1,200.00)`, `$(5)`, `(EUR 5)`."""
    return re.search(r"\([^()]*\d[^()]*\)", text) is not None and _NUMBER.fullmatch(_bare(text)) is not None


def separators(texts: Sequence[str], told: str = "") -> tuple[str, str]:
    """The decimal sign and the one between thousands; both empty where no number has any. DoubtError where unsure.

    A sign is the decimal one where another kind stands before it, where it has not exactly three digits behind it, or
    four and more, or a nought, before it. It separates thousands where it comes twice, or before the decimal one.
    """
    decimals: dict[str, str] = {}  # sign -> a number that proves it
    thousands: dict[str, str] = {}
    unsure: dict[str, str] = {}
    for text in texts:
        number = _bare(text)
        if not _NUMBER.fullmatch(number):
            continue
        thousands |= {_THOUSANDS[sign]: text for sign in number if sign in _THOUSANDS}
        number = "".join(sign for sign in number if sign not in _THOUSANDS)
        proves_decimal, proves_thousands, is_unsure = _proof(number)
        decimals |= {proves_decimal: text} if proves_decimal else {}
        thousands |= {proves_thousands: text} if proves_thousands else {}
        unsure |= {is_unsure: text} if is_unsure else {}
    other = {".": ",", ",": "."}
    decimals |= {other[sign]: thousands[sign] for sign in other if sign in thousands}
    if told:
        decimals = {told: ""}
    if len(decimals) > 1:
        raise DoubtError(
            "--decimal", f"{' and '.join(decimals.values())} do not fit together. Decimal sign?", (".", ",")
        )
    if unsure and not decimals:
        sign, example = next(iter(unsure.items()))
        before, _, behind = _bare(example).partition(sign)
        raise DoubtError(
            "--decimal",
            f"is {example} {before}{behind} (the decimal sign is {other[sign]}), or {before} and a bit (it is {sign})?",
            (other[sign], sign),
        )
    decimal = next(iter(decimals), "")
    if decimal and (other[decimal] in thousands or other[decimal] in unsure):
        return decimal, other[decimal]
    between = next((sign for sign in (" ", "'") if sign in thousands), "")
    return decimal or ("." if between else ""), between


def _proof(number: str) -> tuple[str, str, str]:
    """The sign that is the decimal one for certain, the one that separates thousands, the one that could be either."""
    signs = [sign for sign in number if sign in ".,"]
    if not signs:
        return "", "", ""
    before, _, behind = number.rpartition(signs[-1])
    if len(set(signs)) > 1:
        return signs[-1], signs[0], ""
    if len(signs) > 1:
        return "", signs[0], ""
    if len(behind) != 3 or len(before) > 3 or before.startswith("0") or not before:
        return signs[0], "", ""
    return "", "", signs[0]


def as_number(text: str, decimal: str) -> float:
    """A rate as a number; 0 where it is none."""
    try:
        return float(text.replace(",", ".") if decimal == "," else text)
    except ValueError:
        return 0.0


def date_format(texts: Sequence[str], told: str = "") -> str:
    """The format of dates; empty for ISO 8601. DoubtError where day and month could be exchanged."""
    found = [match for text in texts if (match := _DAY.match(text))]
    days = [match for match in found if len(match[1]) < 3]
    if not days:
        other = next((match[2] for match in found if match[2] != "-"), "")
        return f"YYYY{other}MM{other}DD" if other else ""
    if told:
        return told
    sign, year = days[0][2], "Y" * len(days[0][4])
    parts = [part for match in days for part in (match[1], match[3])]
    has_nought = any(part.startswith("0") for part in parts) and all(len(part) == 2 for part in parts)
    day, month = ("DD", "MM") if has_nought else ("D", "M")  # D is one digit or two
    day_first, month_first = f"{day}{sign}{month}{sign}{year}", f"{month}{sign}{day}{sign}{year}"
    late_first = next((match[0] for match in days if int(match[1]) > 12), "")
    late_second = next((match[0] for match in days if int(match[3]) > 12), "")
    if sign == "." and not late_second:
        return day_first
    if bool(late_first) != bool(late_second):
        return day_first if late_first else month_first
    question = f"is the day or the month first in {days[0][0]}?"
    if late_first:
        question = f"{late_first} and {late_second} do not fit together. Format of most dates?"
    raise DoubtError("--date-format", question, (month_first, day_first))
