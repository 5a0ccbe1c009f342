"""Why a row is rejected, in words for whoever has the file in front of them: the header, the text, what is expected.

Goes into the problem of a landed row (`landed.py`). Where the text looks as if the file were written in another dialect
than the settings say, the setting to change is named; nothing is read by such a guess.
"""

from __future__ import annotations

from snapshots.casts import RATE
from snapshots.dialect import Dialect
from snapshots.digest import literal

_DATE = {"YYYY": "2026", "YY": "26", "MM": "11", "M": "11", "DD": "22", "D": "22"}
_CURRENCY = r"([A-Z]{3}|[$\x{20ac}\x{a3}\x{a5}])"
_NUMBERS = (  # what a text looks like, how the file then seems to write, and the setting that reads it
    (r"[+-]?\d{1,3}(,\d{3})+\.\d+|[+-]?\d{1,3}(,\d{3}){2,}", "1,234.56", 'thousands = ","'),
    (r"[+-]?[1-9]\d{0,2},\d{3}", "1,234", 'thousands = "," if that is above a thousand, else decimal = ","'),
    (r"[+-]?(\d{1,3}(\.\d{3})+|\d+),\d+|[+-]?\d{1,3}(\.\d{3})+", "1.234,56", 'decimal = ","'),
    (r"[+-]?\d+\.\d+", "1234.56", 'decimal = "."'),
    (r"[+-]?\d{1,3}(['\x{2019}]\d{3})+(\.\d+)?", "1'234.56", 'thousands = "\'"'),
    (r"[+-]?\d{1,3}([ \x{a0}\x{202f}]\d{3})+([.,]\d+)?", "1 234", 'thousands = " "'),
    (rf"{_CURRENCY} ?[+-]?\d[\d.,]*|[+-]?\d[\d.,]* ?{_CURRENCY}", "USD 12", "currency_prefix = true"),
    (rf"({_CURRENCY} ?)?\(\d[\d.,]*\)( ?{_CURRENCY})?", "(1234.56)", "parentheses = true"),
    (r"[+-]?\d[\d.,]* ?%", "60 %", "percent = true"),
)
_DATES = (
    (r"\d{2}\.\d{2}\.\d{4}.*", "22.11.2026", 'date_format = "DD.MM.YYYY"'),
    (r"\d{1,2}\.\d{1,2}\.\d{4}.*", "2.11.2026", 'date_format = "D.M.YYYY"'),
    (r"(1[3-9]|2\d|3[01])/\d{1,2}/\d{4}.*", "22/11/2026", 'date_format = "D/M/YYYY"'),
    (r"\d{1,2}/(1[3-9]|2\d|3[01])/\d{4}.*", "11/22/2026", 'date_format = "M/D/YYYY"'),
    (
        r"\d{1,2}/\d{1,2}/\d{4}.*",
        "11/2/2026",
        'date_format = "M/D/YYYY" if the month comes first, else date_format = "D/M/YYYY"',
    ),
)
_NO_VALUE = r"(?i)-+|n/?a|#n/?a|null|none|nil|nan|unknown"


def misfit(header: str, text: str, kind: str, dialect: Dialect, *, is_file: bool) -> str:
    """SQL for a sentence: the value `text` (SQL) of the column `header` is no `kind`, and what is expected instead.

    A dialect can be set for a file only.
    """
    said = f"{literal(f'{header}: got ')} || {text} || {literal(f', expected {expected(kind, dialect)}')}"
    return f"{said} || {_hint(text, kind, dialect)}" if is_file else said


def expected(kind: str, dialect: Dialect) -> str:
    """What a value of a ledger type looks like in a dialect."""
    if kind == "DATE":
        return f"a date such as {_day(dialect)}"
    if kind == "TIMESTAMP":
        time = " 14:30" if dialect.date_format else "T14:30:00Z"
        return f"a date or an instant such as {_day(dialect)}{time}"
    if kind == "BOOLEAN":
        return "true or false (or 1 and 0, yes and no)"
    if kind == "BIGINT":
        return "a whole number such as 12"
    mark, thousands = dialect.decimal_mark, dialect.thousands
    if kind == RATE:
        return f"a share such as 0{mark}25" + (" or 25 %" if dialect.percent else "")
    return f"a number such as 1{thousands}234{mark}56"


def _day(dialect: Dialect) -> str:
    day = dialect.date_format or "YYYY-MM-DD"
    for part, value in _DATE.items():  # the longer ones first: YY would cut YYYY in two
        day = day.replace(part, value)
    return day


def _hint(text: str, kind: str, dialect: Dialect) -> str:
    """SQL for the setting that would read `text`, if there is one; else nothing."""
    looks = {"DATE": _DATES, "TIMESTAMP": _DATES, "BOOLEAN": ()}.get(kind, _NUMBERS)
    trimmed = f"trim({text})"
    bare = f"regexp_replace({trimmed}, {literal(dialect.beside)}, '', 'g')" if dialect.beside else trimmed
    flags = (name for name, value in vars(dialect).items() if value is True)
    known = {f'decimal = "{dialect.decimal_mark}"', *(f"{flag} = true" for flag in flags)}
    cases = [
        f"when regexp_full_match({bare}, {literal(pattern)}) "
        f"then {literal(f'; this file seems to write {example}: set {setting}')}"
        for pattern, example, setting in looks
        if setting not in known
    ]
    no_value = literal('; if that means no value, set null_values = ["')
    cases.append(f"when regexp_full_match({trimmed}, {literal(_NO_VALUE)}) then {no_value} || {trimmed} || '\"]'")
    return f"case {' '.join(cases)} else '' end"
