"""Casts from what a source landed to what the ledger stores: exact, and null where a value does not fit.

A null that comes out of a value that went in rejects the row, so nothing here guesses: dates and instants are ISO
8601 (without an offset they are company time, the session's time zone), numbers have a point and no separators, truth
is true/false/1/0/yes/no. Money is rounded half away from zero to its scale in decimals; a floating-point number is
read by its shortest decimal text, never by its binary value.
"""

from __future__ import annotations

_ISO_DAY = r"(\d{3}[1-9]|\d{2}[1-9]0|\d[1-9]00|[1-9]000)-\d{2}-\d{2}"  # the years 0001 to 9999
_OFFSET = r"(Z|[+-](0\d|1[0-4])(:?[0-5]\d)?)"
_ISO_INSTANT = _ISO_DAY + r"([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?" + _OFFSET + "?)?"
_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
_INSTANTS = ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_NS", "TIMESTAMP_S", "TIMESTAMP_MS")
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
