"""Casts from what a source landed to what the ledger stores: exact, and null where a value does not fit.

A null that comes out of a value that went in rejects the row, so nothing here guesses. Unless the source's dialect says
otherwise, dates and instants are ISO 8601 (without an offset they are company time), numbers have a point and no
separators, truth is true/false/1/0/yes/no. Money is rounded half away from zero to its scale in decimals; a
floating-point number is read by its shortest decimal text, never by its binary value. Blanks around a value are none of
it, and an id is text, also where it travelled as a number: `101.0` is `101`, `1.6147805824397E13` is `16147805824397`.

What a text means is said here and nowhere else. Capture reads governed columns so; `create_readings` makes the same
casts functions of the warehouse, by which staging reads a column that was mapped after it had been captured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import duckdb

from snapshots.dialect import BLANK, BLANKS, NUMBER, UNSURE, WITH_POINT, WITHOUT_POINT, Dialect, contradicts
from snapshots.digest import literal, quoted

_ISO_DAY = r"(\d{3}[1-9]|\d{2}[1-9]0|\d[1-9]00|[1-9]000)-\d{2}-\d{2}"  # the years 0001 to 9999
_TIME = r"[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?"
_OFFSET = r"(Z|[+-](0\d|1[0-4])(:?[0-5]\d)?)"
_INSTANTS = ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_NS", "TIMESTAMP_S", "TIMESTAMP_MS")
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
_WHOLE_FLOAT = r"(?:0|[1-9]\d*)\.0+"
_SCIENTIFIC = r"[1-9]\.(?:\d{1,15}[eE]\d{1,2}|\d{6,15}[eE]\+\d{1,2})"  # not 1.61478E+13: a spreadsheet rounded it
_EXACT = 2**53
"""Below it every whole number has a floating-point number of its own."""
RATE = "DECIMAL(9,6)"
"""The type of probabilities, which some sources write as percentages."""
MONEY = "DECIMAL(18,2)"
PLAIN = Dialect()


def cast(column: str, landed: str, target: str, dialect: Dialect = PLAIN, company: str = "") -> str:
    """SQL that gives `column` (DuckDB type `landed`) as ledger type `target`; null where it does not fit.

    `dialect` is about text, whole numbers that are percentages and times without an offset. `company` is SQL for the
    company's time zone; empty: it is the session's.
    """
    if landed == "JSON":
        landed = "VARCHAR"
        column = f"cast({column} as varchar)"
    if target == "VARCHAR":
        return _unless_null(column, column, dialect) if landed == "VARCHAR" else f"cast({column} as varchar)"
    if target == "DATE":
        return _date(column, landed, dialect, company)
    if target == "TIMESTAMP":
        return _instant(column, landed, dialect, company)
    if target == "BOOLEAN":
        return _boolean(column, landed, dialect)
    return _number(column, landed, target, dialect)


def key_text(column: str, landed: str, dialect: Dialect = PLAIN) -> str:
    """SQL that gives `column` (DuckDB type `landed`) as text without blanks around it; null where nothing is left."""
    text = cast(column, landed, "VARCHAR")
    value = f"case when {_has_no_blanks(text)} then {text} else nullif({_trimmed(text)}, '') end"
    return _unless_null(text, value, dialect)


def id_text(column: str, landed: str, dialect: Dialect = PLAIN) -> str:
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
    if landed in _WHOLE:
        return cast(column, landed, "VARCHAR")
    text = cast(column, landed, "VARCHAR")
    trimmed = _trimmed(text)
    number = f"try_cast({trimmed} as double)"
    value = (
        f"case when {_has_no_blanks(text)} and not contains({text}, '.') then {text} when {text} is null then null "
        f"when regexp_full_match({trimmed}, '{_WHOLE_FLOAT}') then split_part({trimmed}, '.', 1) "
        f"when regexp_full_match({trimmed}, '{_SCIENTIFIC}') and {number} < {_EXACT} and {number} = trunc({number}) "
        f"then cast(cast({number} as bigint) as varchar) "
        f"else nullif({trimmed}, '') end"
    )
    return _unless_null(text, value, dialect)


def is_value(text: str, dialect: Dialect = PLAIN) -> str:
    """SQL that says whether `text` is more than blanks and none of the texts that mean no value."""
    return f"{_trimmed(text)} not in ({', '.join(map(literal, ('', *dialect.null_values)))})"


def is_unsure(text: str, dialect: Dialect) -> str:
    """SQL that says whether `text` is a number that is a thousand times larger if its point separates thousands."""
    return f"case when {text} like '%.___%' then {_matches(text, UNSURE, dialect)} else false end"  # cheap for most


def has_point(text: str, dialect: Dialect) -> str:
    """SQL that says whether `text` is a number whose point can only be a decimal point."""
    return _matches(text, WITH_POINT, dialect)


def has_no_point(text: str, dialect: Dialect) -> str:
    """SQL that says whether `text` is a number as only a source writes it whose points separate thousands."""
    return _matches(text, WITHOUT_POINT, dialect)


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


def create_readings(con: duckdb.DuckDBPyConnection, dialects: Mapping[str, Dialect]) -> None:
    """Makes the casts of text functions of the schema `ledger`: in the plain dialect, and in each of `dialects`.

    `ledger.read_date(text, zone)` and the like take the company's time zone; `ledger."crm.opportunity.read_date"` is
    that of the dialect named `crm.opportunity`.
    """
    for name, arguments, value in readings(dialects):
        con.execute(f"create or replace macro ledger.{quoted(name)}({', '.join(arguments)}) as ({value})")


def readings(dialects: Mapping[str, Dialect]) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Name, arguments and SQL of each function that reads text, in the plain dialect and in each of `dialects`."""
    takes = {"read_date": ("text", "zone"), "read_instant": ("text", "zone"), "contradicts": ("text", "code")}
    for name, dialect in {"": PLAIN, **dialects}.items():
        prefix = f"{name}." if name else ""
        for reading, value in {
            "is_value": is_value("text", dialect),
            "is_unsure": is_unsure("text", dialect),
            "has_point": has_point("text", dialect),
            "has_no_point": has_no_point("text", dialect),
            "contradicts": contradicts("text", "code"),
            "read_text": key_text("text", "VARCHAR", dialect),
            "read_id": id_text("text", "VARCHAR", dialect),
            "read_flag": cast("text", "VARCHAR", "BOOLEAN", dialect),
            "read_count": cast("text", "VARCHAR", "BIGINT", dialect),
            "read_number": _plain_number("text", dialect),
            "read_rate": _plain_number("text", dialect, is_rate=True),
            "read_date": cast("text", "VARCHAR", "DATE", dialect, "zone"),
            "read_instant": cast("text", "VARCHAR", "TIMESTAMP", dialect, "zone"),
        }.items():
            yield prefix + reading, takes.get(reading, ("text",)), value


def _trimmed(text: str) -> str:
    return f"trim({text}, '{BLANKS}')"  # DuckDB's trim alone would leave tabs and line breaks


def _has_no_blanks(text: str) -> str:
    """SQL that sees of ASCII text that it has no blanks around it, at a tenth of the cost of `trim`; else false."""
    return f"{text} >= '!' and {text}[-1] >= '!' and strlen({text}) = length({text})"


def _unless_null(text: str, value: str, dialect: Dialect) -> str:
    """SQL for `value`; null where `text` is one of the dialect's texts that mean no value."""
    return f"case when {is_value(text, dialect)} then {value} end" if dialect.null_values else value


def _first_match(text: str, dialect: Dialect, *readings: tuple[str, Callable[[str], str]]) -> str:
    """SQL that reads `text` by the first of `readings` (pattern, SQL of a value) that matches it without its blanks.

    Most values have no blanks around them, and seeing that by the pattern is cheaper than to trim.
    """
    cases = " ".join(
        f"when regexp_full_match({each}, {literal(pattern)}) then {value(each)}"
        for each in (text, _trimmed(text))
        for pattern, value in readings
    )
    return _unless_null(text, f"case {cases} end", dialect)


def _matches(text: str, pattern: str, dialect: Dialect) -> str:
    bare = f"regexp_replace({text}, {literal(dialect.noise)}, '', 'g')" if dialect.noise else text
    return f"regexp_full_match({_trimmed(bare)}, {literal(pattern)})"


def _date(column: str, landed: str, dialect: Dialect, company: str) -> str:
    if landed == "DATE":
        return column
    if landed in _INSTANTS:
        return f"cast({column} as date)"

    def day(instant: str) -> str:
        return f"cast({f'timezone({company}, {instant})' if company else instant} as date)"

    return _first_match(
        f"cast({column} as varchar)" if landed != "VARCHAR" else column,
        dialect,
        *([(dialect.date, lambda text: f"cast({_local(text, dialect)} as date)")] if dialect.date_format else []),
        (_ISO_DAY, lambda text: f"try_cast({text} as date)"),
        *_instants(dialect, company, day),
    )


def _instant(column: str, landed: str, dialect: Dialect, company: str) -> str:
    if landed in _INSTANTS or landed == "DATE":
        has_offset = landed == "TIMESTAMP WITH TIME ZONE"
        if dialect.time_zone and not has_offset:
            return utc(f"timezone({literal(dialect.time_zone)}, cast({column} as timestamp))")
        return utc(f"cast({column} as timestamptz)")
    text = column if landed == "VARCHAR" else f"cast({column} as varchar)"
    return _first_match(text, dialect, *_instants(dialect, company, utc))


def _instants(dialect: Dialect, company: str, value: Callable[[str], str]) -> list[tuple[str, Callable[[str], str]]]:
    """The readings of a text that is an instant; `value` makes SQL of the instant, a TIMESTAMP WITH TIME ZONE."""
    zone = literal(dialect.time_zone) if dialect.time_zone else company

    def at(local: str) -> str:
        return f"timezone({zone}, {local})" if zone else f"cast({local} as timestamptz)"

    readings: list[tuple[str, Callable[[str], str]]] = []
    if dialect.date_format:
        readings.append((dialect.instant, lambda text: value(at(_local(text, dialect)))))
    if zone:
        readings.append((f"{_ISO_DAY}({_TIME})?", lambda text: value(at(f"try_cast({text} as timestamp)"))))
    is_iso = f"{_ISO_DAY}({_TIME}{_OFFSET}{'' if zone else '?'})?"
    return [*readings, (is_iso, lambda text: value(f"try_cast({text} as timestamptz)"))]


def _local(text: str, dialect: Dialect) -> str:
    """SQL for the time on the wall that `text` says in the source's own format; null for no date of the calendar."""
    return f"try_strptime(replace({text}, ',', ''), [{', '.join(map(literal, dialect.instant_formats))}])"


def _boolean(column: str, landed: str, dialect: Dialect) -> str:
    if landed == "BOOLEAN":
        return column
    said = f"cast({column} as varchar)"
    text = f"lower({_trimmed(said)})"
    value = f"case when {text} in ('true', '1', 'yes') then true when {text} in ('false', '0', 'no') then false end"
    return _unless_null(said, value, dialect)


def _number(column: str, landed: str, target: str, dialect: Dialect) -> str:
    if landed == target:
        return column
    if landed in _WHOLE and target == RATE and dialect.percent:
        exact = f"{column} / 100"
    elif landed.startswith("DECIMAL") or landed in _WHOLE:
        exact = column
    elif landed == "VARCHAR":
        exact = _plain_number(column, dialect, is_rate=target == RATE)
    else:
        exact = _plain_number(f"cast({column} as varchar)", PLAIN)
    if target != "BIGINT":
        return f"try_cast({exact} as {target})"
    number = f"try_cast({exact} as decimal(38, 19))"
    return f"case when {number} = trunc({number}) then try_cast({number} as bigint) end"


def _plain_number(text: str, dialect: Dialect, *, is_rate: bool = False) -> str:
    """SQL for the number that `text` is, as text with a point and no separators; null for no number."""
    pattern = NUMBER if dialect.is_plain else dialect.amount

    def plain(text: str) -> str:
        bare = f"regexp_replace({text}, {literal(dialect.noise)}, '', 'g')" if dialect.noise else text
        return bare if dialect.decimal_mark == "." else f"replace({bare}, ',', '.')"

    readings = [(pattern, plain)]
    if dialect.parentheses:
        readings.append((dialect.negative, lambda text: f"'-' || {plain(text)}"))
    if is_rate and dialect.percent:
        share = rf"[+-]?{dialect.number}({BLANK}?%)?"
        readings = [(share, lambda text: plain(f"rtrim({text}, '{BLANKS}%')") + " || 'e-2'")]
    return _first_match(text, dialect, *readings)
