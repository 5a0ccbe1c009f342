"""Casts from what a source landed to what the ledger stores: exact, and null where a value does not fit.

A null that comes out of a value that went in rejects the row, so nothing here guesses: dates and instants are ISO
8601 (without an offset they are company time, the session's time zone), numbers have a point and no separators, truth
is true/false/1/0/yes/no. Money is rounded half away from zero to its scale in decimals; a floating-point number is
read by its shortest decimal text, never by its binary value.

A key is read without the blanks around it, and an id is text, also where it travelled as a number: `101.0` is `101`,
`1.6147805824397E13` is `16147805824397`. `id_from_ledger` in `dbt_project/` reads ids that are mapped later, and must
say the same; the tests ask both.
"""

from __future__ import annotations

_ISO_DAY = r"(\d{3}[1-9]|\d{2}[1-9]0|\d[1-9]00|[1-9]000)-\d{2}-\d{2}"  # the years 0001 to 9999
_OFFSET = r"(Z|[+-](0\d|1[0-4])(:?[0-5]\d)?)"
_ISO_INSTANT = _ISO_DAY + r"([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?" + _OFFSET + "?)?"
_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
_INSTANTS = ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_NS", "TIMESTAMP_S", "TIMESTAMP_MS")
_BLANKS = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)  # what Python's str.strip removes; DuckDB's trim alone would leave tabs and line breaks
_WHOLE_FLOAT = r"(?:0|[1-9]\d*)\.0+"
_SCIENTIFIC = r"[1-9]\.(?:\d{1,15}[eE]\d{1,2}|\d{6,15}[eE]\+\d{1,2})"  # not 1.61478E+13: a spreadsheet rounded it
_EXACT = 2**53
"""Below it every whole number has a floating-point number of its own."""
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")


def cast(column: str, landed: str, target: str) -> str:
    """SQL that gives `column` (DuckDB type `landed`) as ledger type `target`; null where it does not fit."""
    if landed == "JSON":
        landed = "VARCHAR"
        column = f"cast({column} as varchar)"
    if target == "VARCHAR":
        return column if landed == "VARCHAR" else f"cast({column} as varchar)"
    if target == "DATE":
        return _date(column, landed)
    if target == "TIMESTAMP":
        return _instant(column, landed)
    if target == "BOOLEAN":
        return _boolean(column, landed)
    return _number(column, landed, target)


def key_text(column: str, landed: str) -> str:
    """SQL that gives `column` (DuckDB type `landed`) as text without blanks around it; null where nothing is left."""
    text = cast(column, landed, "VARCHAR")
    return f"case when {_has_no_blanks(text)} then {text} else nullif(trim({text}, '{_BLANKS}'), '') end"


def id_text(column: str, landed: str) -> str:
    """SQL that gives `column` (DuckDB type `landed`), which holds ids, as `key_text`; a whole number without decimals.

    Of text, that is only what a floating-point number is printed as: `007` and `1.10` stay as they are. A number that
    is too large to be exact stays as it is printed, because its last digits may be another id's.
    """
    if landed in ("DOUBLE", "FLOAT"):
        exact = _EXACT if landed == "DOUBLE" else 2**24
        return (
            f"case when abs({column}) < {exact} and {column} = trunc({column}) "
            f"then cast(cast({column} as bigint) as varchar) else cast({column} as varchar) end"
        )
    text = cast(column, landed, "VARCHAR")
    trimmed = f"trim({text}, '{_BLANKS}')"
    number = f"try_cast({trimmed} as double)"
    return (
        f"case when {_has_no_blanks(text)} and not contains({text}, '.') then {text} "
        f"when regexp_full_match({trimmed}, '{_WHOLE_FLOAT}') then split_part({trimmed}, '.', 1) "
        f"when regexp_full_match({trimmed}, '{_SCIENTIFIC}') and {number} < {_EXACT} and {number} = trunc({number}) "
        f"then cast(cast({number} as bigint) as varchar) "
        f"else nullif({trimmed}, '') end"
    )


def utc(instant: str) -> str:
    """SQL for a TIMESTAMP WITH TIME ZONE as a TIMESTAMP in UTC (a tenth of the cost of `timezone('UTC', ...)`)."""
    return f"make_timestamp(epoch_us({instant}))"


def is_total(landed: str, target: str) -> bool:
    """Whether every value of type `landed` fits `target`, so that no row can be rejected for it."""
    if target == "VARCHAR" or landed == target:
        return True
    if target in ("DATE", "TIMESTAMP"):
        return landed == "DATE" or landed in _INSTANTS
    return target == "BIGINT" and landed in _WHOLE


def _has_no_blanks(text: str) -> str:
    """SQL that sees of ASCII text that it has no blanks around it, at a tenth of the cost of `trim`; else false."""
    return f"{text} >= '!' and {text}[-1] >= '!' and strlen({text}) = length({text})"


def _date(column: str, landed: str) -> str:
    if landed == "DATE":
        return column
    if landed in _INSTANTS:
        return f"cast({column} as date)"
    text = f"trim(cast({column} as varchar))"
    return (
        f"case when regexp_full_match({text}, '{_ISO_DAY}') then try_cast({text} as date) "
        f"when regexp_full_match({text}, '{_ISO_INSTANT}') then cast(try_cast({text} as timestamptz) as date) end"
    )


def _instant(column: str, landed: str) -> str:
    if landed in _INSTANTS or landed == "DATE":
        return utc(f"cast({column} as timestamptz)")
    text = f"trim(cast({column} as varchar))"
    return f"case when regexp_full_match({text}, '{_ISO_INSTANT}') then {utc(f'try_cast({text} as timestamptz)')} end"


def _boolean(column: str, landed: str) -> str:
    if landed == "BOOLEAN":
        return column
    text = f"lower(trim(cast({column} as varchar)))"
    return f"case when {text} in ('true', '1', 'yes') then true when {text} in ('false', '0', 'no') then false end"


def _number(column: str, landed: str, target: str) -> str:
    if landed == target:
        return column
    if landed.startswith("DECIMAL") or landed in _WHOLE:
        exact = column
    else:
        text = f"trim(cast({column} as varchar))"
        exact = f"case when regexp_full_match({text}, '{_NUMBER}') then {text} end"
    if target != "BIGINT":
        return f"try_cast({exact} as {target})"
    number = f"try_cast({exact} as decimal(38, 19))"
    return f"case when {number} = trunc({number}) then try_cast({number} as bigint) end"
