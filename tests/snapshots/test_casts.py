"""What landed values become in the ledger: exact, or null where they do not fit, which rejects the row."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Environment

from snapshots.casts import PLAIN, cast, create_readings, id_text, is_total, key_text
from snapshots.dialect import Dialect
from snapshots.digest import quoted
from snapshots.intervals import connect, rebuild
from snapshots.landed import Manifest
from snapshots.receipts import read_receipts
from snapshots.store import CaptureError, Store
from snapshots.verify import verify
from tests.drawn import drawn
from tests.snapshots.company import GOVERNED, day, land, state, store, take

MONEY, COUNT, SHARE = "DECIMAL(18,2)", "BIGINT", "DECIMAL(9,6)"
NOT = None  # does not fit
at = datetime.fromisoformat
BLANKS = "".join(chr(point) for point in range(0x110000) if chr(point).isspace())
NEW_YORK = "America/New_York"
MACROS = Path(__file__).parents[2] / "dbt_project" / "macros"
READ_BY = ("conform/cast_from_ledger", "conform/reading_of", "conform/has_decimal_points", "portable/business_date")


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'America/New_York'")
        yield connection


@pytest.fixture(scope="module")
def staging() -> duckdb.DuckDBPyConnection:
    return warehouse()


@cache
def warehouse(dialect: Dialect = PLAIN) -> duckdb.DuckDBPyConnection:
    """A warehouse as dbt reads it, with the functions that read `dialect` under the name `crm`."""
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("create schema ledger")
    create_readings(connection, {"crm": dialect})
    return connection


@cache
def capturing() -> duckdb.DuckDBPyConnection:
    """A connection as capture has it: in the company's time zone."""
    connection = duckdb.connect()
    connection.execute(f"set TimeZone = '{NEW_YORK}'")
    return connection


@cache
def macros() -> Any:
    """The macros that staging reads columns of the ledger with, for a company in New York."""
    adapter = SimpleNamespace(quote=quoted, dispatch=lambda name: getattr(module, f"duckdb__{name}"))
    names = {"adapter": adapter, "dbt": SimpleNamespace(type_string=lambda: "varchar"), "var": lambda _: NEW_YORK}
    text = "".join((MACROS / f"{name}.sql").read_text() for name in READ_BY)
    module: Any = Environment(autoescape=False).from_string(text, globals=names).module  # noqa: S701 - SQL
    return module


def cast_from_ledger(column: str, *arguments: Any, **named: Any) -> str:
    """SQL that staging reads a column of the ledger with."""
    return str(macros().cast_from_ledger(column, *arguments, **named))


def values_read(texts: Sequence[str | None], target: str, dialect: Dialect = PLAIN) -> list[Any]:
    """What landed `texts` are, at capture and in staging, which must agree."""
    landed = pa.table({"n": range(len(texts)), "v": pa.array(texts, pa.string()), "source": ["crm"] * len(texts)})
    mapped = cast_from_ledger("v", "VARCHAR", target.lower(), dialect={"readings": "crm"})
    for con in (capturing(), warehouse(dialect)):
        con.register("landed", landed)
    captured = capturing().execute(f"select {cast('v', 'VARCHAR', target, dialect)} from landed order by n").fetchall()
    mapped_later = warehouse(dialect).execute(f"select {mapped} from landed order by n").fetchall()
    assert captured == mapped_later, target
    return [row[0] for row in captured]


def ledger_value(con: duckdb.DuckDBPyConnection, value: Any, target: str, landed: str = "VARCHAR") -> Any:
    """`value`, landed as DuckDB type `landed`, in the ledger; what is text must mean the same if it is mapped later."""
    if landed == "VARCHAR" and target != "VARCHAR":
        return values_read([value], target)[0]
    given_ = "?" if not isinstance(value, str) or landed == "VARCHAR" else f"cast(? as {landed})"
    row = con.execute(
        f"select {cast('v', landed, target)} from (select cast({given_} as {landed}) as v)", [value]
    ).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1234.56", "1234.56"),
        ("1.005", "1.01"),
        ("-1.005", "-1.01"),
        ("0.005", "0.01"),
        ("-0.005", "-0.01"),
        ("2.675", "2.68"),
        ("1.0049999999999999999999999999999999", "1.00"),
        ("1.00500000000000000000000000000000001", "1.01"),
        ("0.00499999999999999999999999999999999999999999999", "0.00"),
        ("-0", "0.00"),
        ("-0.001", "0.00"),
        ("1e3", "1000.00"),
        ("1E+3", "1000.00"),
        ("1.5e-2", "0.02"),
        ("1.005e0", "1.01"),
        ("100.5e-2", "1.01"),
        ("0.1005e1", "1.01"),
        ("5e-3", "0.01"),
        ("49e-4", "0.00"),
        ("1005e-3", "1.01"),
        ("1e-400", "0.00"),
        ("1e400", NOT),
        ("+5", "5.00"),
        (".5", "0.50"),
        ("5.", "5.00"),
        (" 12 ", "12.00"),
        ("007", "7.00"),
        ("9999999999999999.99", "9999999999999999.99"),
        ("-9999999999999999.99", "-9999999999999999.99"),
        ("9999999999999999.994", "9999999999999999.99"),
        ("9999999999999999.995", NOT),
        ("10000000000000000", NOT),
        ("1e18", NOT),
        ("1,234.56", NOT),
        ("1.234,56", NOT),
        ("1 234", NOT),
        ("$12", NOT),
        ("12 USD", NOT),
        ("(12)", NOT),
        ("12-", NOT),
        ("--1", NOT),
        ("1_000", NOT),
        ("0x10", NOT),
        ("0b1", NOT),
        ("NaN", NOT),
        ("nan", NOT),
        ("inf", NOT),
        ("-Infinity", NOT),
        ("1e", NOT),
        (".", NOT),
        ("", NOT),
        ("   ", NOT),
        ("true", NOT),
        ("٣", NOT),
        ("\uff13", NOT),
        ("12\u00a0", "12.00"),  # a space that does not break is a space
        ("1\n2", NOT),
        ("'; drop table x; --", NOT),
    ],
)
def test_text_becomes_money_exactly(con: duckdb.DuckDBPyConnection, text: str, expected: str | None) -> None:
    assert ledger_value(con, text, MONEY) == (None if expected is None else Decimal(expected))


NUMBERS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=3),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**6), max_value=10**6, places=12),
    st.integers(-(10**9), 10**9).map(lambda n: Decimal(n) * 10 + 5).map(lambda n: n / 1000),  # halves of a cent
)


@given(numbers=st.lists(st.tuples(NUMBERS, st.integers(-6, 0)), min_size=1, max_size=60))
@settings(deadline=None, max_examples=20, derandomize=True, database=None)
def test_money_is_rounded_half_away_from_zero_as_decimals_are(numbers: list[tuple[Decimal, int]]) -> None:
    plain = [format(number, "f") for number, _ in numbers]
    scientific = [f"{format(number, 'f')}e{exponent}" for number, exponent in numbers]
    shifted = [number.scaleb(exponent) for number, exponent in numbers]
    with duckdb.connect() as con:
        for texts, values in ((plain, [number for number, _ in numbers]), (scientific, shifted)):
            con.register("landed", pa.table({"n": range(len(texts)), "v": texts}))
            got = con.execute(f"select {cast('v', 'VARCHAR', MONEY)} from landed order by n").fetchall()
            for text, value, (stored,) in zip(texts, values, got, strict=True):
                rounded = value.quantize(Decimal("0.01"), ROUND_HALF_UP)
                assert stored == (rounded if abs(rounded) < 10**16 else None), text


@given(
    values=st.lists(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=6))
)
@settings(deadline=None, max_examples=20, derandomize=True, database=None)
def test_decimal_columns_of_a_finer_scale_are_rounded_the_same_way(values: list[Decimal]) -> None:
    with duckdb.connect() as con:
        con.register("landed", pa.table({"n": range(len(values)), "v": pa.array(values, pa.decimal128(20, 6))}))
        got = con.execute(f"select {cast('v', 'DECIMAL(20,6)', MONEY)} from landed order by n").fetchall()
    assert [row[0] for row in got] == [value.quantize(Decimal("0.01"), ROUND_HALF_UP) for value in values]


@pytest.mark.parametrize(
    ("landed", "zone", "hour"),
    [
        ("TIMESTAMP", "", 19),  # company time
        ("TIMESTAMP", "UTC", 14),
        ("TIMESTAMP_NS", "Europe/Berlin", 13),
        ("TIMESTAMP WITH TIME ZONE", "Europe/Berlin", 19),  # it says itself when it was
    ],
)
def test_a_time_that_travels_without_an_offset_is_in_the_zone_of_the_dialect(landed: str, zone: str, hour: int) -> None:
    instant = cast("v", landed, "TIMESTAMP", Dialect(time_zone=zone))
    query = f"select cast({instant} as varchar) from (select cast(? as {landed}) as v)"
    assert capturing().execute(query, ["2026-03-01 14:30:00"]).fetchall() == [(f"2026-03-01 {hour}:30:00",)]


def test_whole_numbers_that_are_percentages_are_rates() -> None:
    query = f"select {cast('v', 'BIGINT', SHARE, Dialect(percent=True))} from (values (60), (0), (100), (33)) as t(v)"
    assert capturing().execute(query).fetchall() == [
        (Decimal("0.6"),), (Decimal(0),), (Decimal(1),), (Decimal("0.33"),)
    ]  # fmt: skip


@given(values=st.lists(st.floats(-1e12, 1e12, allow_nan=False), max_size=200))
@settings(deadline=None, max_examples=20, derandomize=True, database=None)
def test_floating_point_columns_are_read_by_their_shortest_text(values: list[float]) -> None:
    with duckdb.connect() as con:
        con.register("landed", pa.table({"n": range(len(values)), "v": pa.array(values, pa.float64())}))
        got = con.execute(f"select {cast('v', 'DOUBLE', MONEY)} from landed order by n").fetchall()
    expected = [Decimal(repr(value)).quantize(Decimal("0.01"), ROUND_HALF_UP) for value in values]
    assert [row[0] for row in got] == expected


@pytest.mark.parametrize(
    ("value", "landed", "target", "expected"),
    [
        (1.005, "DOUBLE", MONEY, "1.01"),
        (-2.675, "DOUBLE", MONEY, "-2.68"),
        (0.1, "FLOAT", MONEY, "0.10"),
        (16777216.0, "FLOAT", MONEY, "16777216.00"),
        (1e15, "DOUBLE", MONEY, "1000000000000000.00"),
        (1e17, "DOUBLE", MONEY, NOT),
        (1.7e308, "DOUBLE", MONEY, NOT),
        (5e-324, "DOUBLE", MONEY, "0.00"),
        (float("nan"), "DOUBLE", MONEY, NOT),
        (float("inf"), "DOUBLE", MONEY, NOT),
        (float("-inf"), "DOUBLE", MONEY, NOT),
        (10**15, "BIGINT", MONEY, "1000000000000000.00"),
        (10**17, "BIGINT", MONEY, NOT),
        (12, "UBIGINT", MONEY, "12.00"),
        ("170141183460469231731687303715884105727", "HUGEINT", MONEY, NOT),
        (True, "BOOLEAN", MONEY, NOT),
        ("0.3333335", "VARCHAR", SHARE, "0.333334"),
        ("1e-7", "VARCHAR", SHARE, "0.000000"),
        ("1000", "VARCHAR", SHARE, NOT),
    ],
)
def test_typed_columns_become_decimals_exactly(
    con: duckdb.DuckDBPyConnection, value: Any, landed: str, target: str, expected: str | None
) -> None:
    assert ledger_value(con, value, target, landed) == (None if expected is None else Decimal(expected))


@pytest.mark.parametrize(
    ("value", "landed", "expected"),
    [
        ("12", "VARCHAR", 12),
        (" -3 ", "VARCHAR", -3),
        ("7.0", "VARCHAR", 7),
        ("7.", "VARCHAR", 7),
        ("1e3", "VARCHAR", 1000),
        ("1.5e1", "VARCHAR", 15),
        ("9223372036854775807", "VARCHAR", 9223372036854775807),
        ("-9223372036854775808", "VARCHAR", -9223372036854775808),
        ("9007199254740993", "VARCHAR", 9007199254740993),
        ("9223372036854775808", "VARCHAR", NOT),
        ("7.5", "VARCHAR", NOT),
        ("1.0000001", "VARCHAR", NOT),
        ("0.9999999", "VARCHAR", NOT),
        ("1.000000000000000001", "VARCHAR", NOT),
        ("1e-7", "VARCHAR", NOT),
        ("1e19", "VARCHAR", NOT),
        ("1e400", "VARCHAR", NOT),
        ("1,000", "VARCHAR", NOT),
        ("1_000", "VARCHAR", NOT),
        ("0x10", "VARCHAR", NOT),
        ("٣", "VARCHAR", NOT),
        ("twelve", "VARCHAR", NOT),
        (12.0, "DOUBLE", 12),
        (12.5, "DOUBLE", NOT),
        (1e18, "DOUBLE", 10**18),
        (1e19, "DOUBLE", NOT),
        (float("nan"), "DOUBLE", NOT),
        ("12.000000000", "DECIMAL(20,9)", 12),
        ("12.000000001", "DECIMAL(20,9)", NOT),
        (255, "UTINYINT", 255),
        ("18446744073709551615", "UBIGINT", NOT),
        (True, "BOOLEAN", NOT),
    ],
)
def test_counts_are_whole_numbers(
    con: duckdb.DuckDBPyConnection, value: Any, landed: str, expected: int | None
) -> None:
    assert ledger_value(con, value, COUNT, landed) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-31", date(2026, 3, 31)),
        (" 2026-03-31 ", date(2026, 3, 31)),
        ("2028-02-29", date(2028, 2, 29)),
        ("0001-01-01", date(1, 1, 1)),
        ("9999-12-31", date(9999, 12, 31)),
        ("2026-03-31 23:59:59", date(2026, 3, 31)),
        ("2026-03-31T00:00", date(2026, 3, 31)),
        ("2026-03-31T23:30:00-04:00", date(2026, 3, 31)),
        ("2026-03-31T23:30:00-08:00", date(2026, 4, 1)),
        ("2026-03-31T02:00:00Z", date(2026, 3, 30)),
        ("2026-03-31T02:00:00+0000", date(2026, 3, 30)),
        ("2026-02-30", NOT),
        ("2026-02-29", NOT),
        ("2026-13-01", NOT),
        ("2026-00-10", NOT),
        ("0000-01-01", NOT),
        ("10000-01-01", NOT),
        ("-2026-01-01", NOT),
        ("2026-1-5", NOT),
        ("26-01-05", NOT),
        ("01/05/2026", NOT),
        ("20260105", NOT),
        ("46027", NOT),
        ("2026-03-31T", NOT),
        ("2026-03-31 25:00", NOT),
        ("2026-02-30T10:00:00Z", NOT),
        ("2026-03-31 (BC)", NOT),
        ("infinity", NOT),
        ("-infinity", NOT),
        ("epoch", NOT),
        ("today", NOT),
        ("٢٠٢٦-٠٣-٣١", NOT),
        ("", NOT),
    ],
)
def test_dates_are_iso_days_of_the_company(con: duckdb.DuckDBPyConnection, text: str, expected: date | None) -> None:
    assert ledger_value(con, text, "DATE") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-05 09:00:00", at("2026-01-05 14:00:00")),
        ("2026-01-05T09:00", at("2026-01-05 14:00:00")),
        ("2026-01-05", at("2026-01-05 05:00:00")),
        ("2026-07-05 09:00:00", at("2026-07-05 13:00:00")),
        ("2026-01-05T09:00:00Z", at("2026-01-05 09:00:00")),
        ("2026-01-05T09:00:00+02:00", at("2026-01-05 07:00:00")),
        ("2026-01-05T09:00:00+0530", at("2026-01-05 03:30:00")),
        ("2026-01-05 09:00:00+02", at("2026-01-05 07:00:00")),
        ("2026-01-05T09:00:00.123456Z", at("2026-01-05 09:00:00.123456")),
        ("2026-01-05T09:00:00.000+0000", at("2026-01-05 09:00:00")),
        ("2026-01-05T23:59:59.9Z", at("2026-01-05 23:59:59.900000")),
        ("2026-03-08 02:30:00", at("2026-03-08 07:30:00")),  # the hour that is skipped: as if it were not
        ("2026-03-08 01:59:59", at("2026-03-08 06:59:59")),
        ("2026-03-08 03:00:00", at("2026-03-08 07:00:00")),
        ("2026-11-01 00:30:00", at("2026-11-01 04:30:00")),
        ("2026-11-01 02:00:00", at("2026-11-01 07:00:00")),
        ("2026-11-01 01:30:00-04:00", at("2026-11-01 05:30:00")),
        ("2026-11-01 01:30:00-05:00", at("2026-11-01 06:30:00")),
        ("0001-01-02T00:00:00Z", at("0001-01-02 00:00:00")),
        ("9999-12-31T23:59:59Z", at("9999-12-31 23:59:59")),
        ("1767603600", NOT),
        ("2026-01-05T09", NOT),
        ("2026-01-05 09:00:00 +02", NOT),
        ("0000-01-05T09:00:00Z", NOT),
        ("2026-01-05 24:00:01", NOT),
        ("2026-01-05 09:60", NOT),
        ("2026-01-05T09:00:00 America/New_York", NOT),
        ("2026-01-05T09:00:00+99:00", NOT),
        ("2026-02-30T09:00:00Z", NOT),
        ("Jan 5, 2026", NOT),
        ("infinity", NOT),
        ("now", NOT),
    ],
)
def test_instants_are_stored_in_utc(con: duckdb.DuckDBPyConnection, text: str, expected: datetime | None) -> None:
    assert ledger_value(con, text, "TIMESTAMP") == expected


def test_the_hour_that_comes_twice_is_read_as_one_of_the_two(con: duckdb.DuckDBPyConnection) -> None:
    assert ledger_value(con, "2026-11-01 01:30:00", "TIMESTAMP") in (
        at("2026-11-01 05:30:00"),
        at("2026-11-01 06:30:00"),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((text, True) for text in ("true", "TRUE", "True", "1", "yes", " Yes ")),
        *((text, False) for text in ("false", "FALSE", "0", "no", "No")),
        *((text, NOT) for text in ("t", "f", "y", "n", "on", "off", "2", "-1", "1.0", "wahr", "maybe", "", "null")),
    ],
)
def test_truth_is_one_of_six_words(con: duckdb.DuckDBPyConnection, text: str, expected: bool | None) -> None:
    assert ledger_value(con, text, "BOOLEAN") is expected


@pytest.mark.parametrize(
    ("value", "landed", "target", "expected"),
    [
        (1, "INTEGER", "BOOLEAN", True),
        (0, "BIGINT", "BOOLEAN", False),
        (2, "BIGINT", "BOOLEAN", NOT),
        ("2026-03-31", "DATE", "DATE", date(2026, 3, 31)),
        ("2026-03-31", "DATE", "TIMESTAMP", at("2026-03-31 04:00:00")),
        ("2026-03-31 22:00:00", "TIMESTAMP", "DATE", date(2026, 3, 31)),
        ("2026-03-31 22:00:00", "TIMESTAMP", "TIMESTAMP", at("2026-04-01 02:00:00")),
        ("2026-03-31 22:00:00", "TIMESTAMP_NS", "TIMESTAMP", at("2026-04-01 02:00:00")),
        ("2026-03-31 22:00:00+00", "TIMESTAMP WITH TIME ZONE", "DATE", date(2026, 3, 31)),
        ("2026-04-01 02:00:00+00", "TIMESTAMP WITH TIME ZONE", "DATE", date(2026, 3, 31)),
        ("2026-04-01 02:00:00+00", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP", at("2026-04-01 02:00:00")),
        (20260331, "BIGINT", "DATE", NOT),
        (1767603600, "BIGINT", "TIMESTAMP", NOT),
        ("2026-03-31", "DATE", MONEY, NOT),
        ('{"a": 1}', "JSON", "VARCHAR", '{"a": 1}'),
        (True, "BOOLEAN", "VARCHAR", "true"),
        (1.5, "DOUBLE", "VARCHAR", "1.5"),
        ("  as it is ", "VARCHAR", "VARCHAR", "  as it is "),
    ],
)
def test_typed_columns_become_what_they_are(
    con: duckdb.DuckDBPyConnection, value: Any, landed: str, target: str, expected: Any
) -> None:
    assert ledger_value(con, value, target, landed) == expected


@pytest.mark.parametrize("target", ["VARCHAR", "DATE", "TIMESTAMP", "BOOLEAN", "BIGINT", MONEY])
@pytest.mark.parametrize(
    ("landed", "values"),
    [
        ("DATE", ["0001-01-01", "9999-12-31", "2026-03-08"]),
        ("TIMESTAMP", ["0001-01-02 00:00:00", "9999-12-30 23:59:59.999999", "2026-03-08 02:30:00"]),
        ("TIMESTAMP WITH TIME ZONE", ["2026-03-08 02:30:00+00"]),
        ("TINYINT", [-128, 127]),
        ("BIGINT", [-(2**63), 2**63 - 1]),
        ("UINTEGER", [2**32 - 1]),
        ("BOOLEAN", [True, False]),
        (MONEY, ["9999999999999999.99", "-0.01"]),
    ],
)
def test_a_type_that_is_said_to_fit_always_fits(
    con: duckdb.DuckDBPyConnection, target: str, landed: str, values: list[Any]
) -> None:
    if is_total(landed, target):
        assert all(ledger_value(con, value, target, landed) is not None for value in values)


def test_a_value_that_does_not_fit_rejects_its_row_and_says_why(tmp_path: Path) -> None:
    where = store(tmp_path)
    rows = [
        {"opportunity_id": "a", "stage": "New", "amount": "1.005"},
        {"opportunity_id": "b", "stage": "New", "amount": "1,234.56"},
        {"opportunity_id": "c", "stage": "New", "amount": "  "},
    ]
    land(where, {day(0): rows})
    take(where, [day(0)])
    assert state(where, day(0), columns="opportunity_id, amount") == [("a", Decimal("1.01")), ("c", None)]
    assert read_receipts(where)[0].rejected == 1
    rejects = (where.place.folder / "rejects" / "crm" / "opportunity" / f"{day(0)}.csv").read_text().splitlines()
    assert rejects == [
        "file,line,reason,opportunity_id",
        'opportunity.csv,3,"amount: got 1,234.56, expected a number such as 1234.56; this file seems to write '
        '1,234.56: set thousands = "",""",b',
    ]


def test_a_day_without_rejected_rows_has_no_reject_file(tmp_path: Path) -> None:
    where = store(tmp_path)
    for amount in ("free", "1"):
        land(where, {day(0): [{"opportunity_id": "a", "stage": "New", "amount": amount}]})
        take(where, [day(0)])
    assert not (where.place.folder / "rejects" / "crm" / "opportunity" / f"{day(0)}.csv").exists()


def test_float_columns_of_a_parquet_file_keep_their_cents(tmp_path: Path) -> None:
    where = store(tmp_path)
    rows = [{"opportunity_id": f"{n}", "amount": amount} for n, amount in enumerate([1.005, 0.1 + 0.2, 1e-9, None])]
    land(where, {day(0): rows}, types={"amount": pa.float64()})
    take(where, [day(0)])
    amounts = [row[0] for row in state(where, day(0), columns="amount, opportunity_id")]
    assert sorted(amounts, key=str) == [Decimal("0.00"), Decimal("0.30"), Decimal("1.01"), None]


# ---------------------------------------------------------------- dialects

GERMAN = Dialect(
    decimal=",", thousands=".", date_format="DD.MM.YYYY", currency_prefix=True, percent=True, null_values=("-", "k. A.")
)
AMERICAN = Dialect(thousands=",", date_format="M/D/YYYY", currency_prefix=True, time_zone="America/Los_Angeles")
SWISS = Dialect(thousands="'", date_format="D.M.YY")
FRENCH = Dialect(decimal=",", thousands=" ", date_format="DD/MM/YYYY", currency_prefix=True)
ACCOUNTANT = Dialect(thousands=",", currency_prefix=True, parentheses=True)


@pytest.mark.parametrize(
    ("dialect", "target", "text", "expected"),
    [
        *(
            (GERMAN, MONEY, text, None if money is None else Decimal(money))
            for text, money in [
                ("1.500", "1500.00"),
                ("12.000,00", "12000.00"),
                ("1.234.567,891", "1234567.89"),
                ("1500", "1500.00"),
                ("-0,5", "-0.50"),
                ("12.000,00 EUR", "12000.00"),
                ("EUR 12.000,00", "12000.00"),
                ("\u20ac 1.234,50", "1234.50"),
                ("-\u20ac5", "-5.00"),
                ("\u20ac -5", "-5.00"),
                (" 7,25\u00a0\u20ac ", "7.25"),
                ("1.5", NOT),
                ("12.34", NOT),
                ("1.50,00", NOT),
                ("0.500", NOT),
                ("1,234,567", NOT),
                ("-", NOT),
                ("EUR 5 USD", NOT),
                ("5 Euro", NOT),
                ("--5", NOT),
                ("- EUR -5", NOT),
            ]
        ),
        (Dialect(decimal=","), MONEY, "1.234,56", Decimal("1234.56")),  # what else could the point be
        (Dialect(decimal="", thousands="."), MONEY, "1.234,56", Decimal("1234.56")),
        (Dialect(decimal=""), MONEY, "1234.56", Decimal("1234.56")),
        (Dialect(decimal=""), MONEY, "1,234.56", NOT),
        (GERMAN, COUNT, "5.000", 5000),
        (GERMAN, COUNT, "5.000,0", 5000),
        (GERMAN, COUNT, "5.000,5", NOT),
        (GERMAN, SHARE, "60 %", Decimal("0.6")),
        (GERMAN, SHARE, "12,5%", Decimal("0.125")),
        (GERMAN, SHARE, "60", Decimal("0.6")),
        (GERMAN, SHARE, "% 60", NOT),
        (AMERICAN, SHARE, "0.6", Decimal("0.6")),
        (AMERICAN, SHARE, "60 %", NOT),
        (AMERICAN, MONEY, "USD 12,000.00", Decimal("12000.00")),
        (AMERICAN, MONEY, "$1,200", Decimal("1200.00")),
        (AMERICAN, MONEY, "US$5", Decimal("5.00")),
        (AMERICAN, MONEY, "-$5", Decimal("-5.00")),
        (AMERICAN, MONEY, "12,34", NOT),
        (AMERICAN, MONEY, "1,2345", NOT),
        (AMERICAN, MONEY, "1.234,56", NOT),
        (SWISS, MONEY, "1'234'567.89", Decimal("1234567.89")),
        (SWISS, MONEY, "1\u2019234.5", Decimal("1234.50")),
        (FRENCH, MONEY, "1 234,56", Decimal("1234.56")),
        (FRENCH, MONEY, "(1 234,56)", NOT),
        *(
            (ACCOUNTANT, MONEY, text, None if money is None else Decimal(money))
            for text, money in [
                ("(96168.00)", "-96168.00"),
                (" (1,234.56) ", "-1234.56"),
                ("(0)", "0.00"),
                ("($1,234.50)", "-1234.50"),
                ("$(1,234.50)", "-1234.50"),
                ("$ (5)", "-5.00"),
                ("(EUR 5)", "-5.00"),
                ("(5) EUR", "-5.00"),
                ("(5 EUR)", "-5.00"),
                ("1,234.56", "1234.56"),
                ("-5", "-5.00"),
                ("(-5)", NOT),
                ("-(5)", NOT),
                ("((5))", NOT),
                ("(5", NOT),
                ("5)", NOT),
                ("5 (5)", NOT),
                ("(USD 5 EUR)", NOT),
                ("USD (5) EUR", NOT),
                ("()", NOT),
            ]
        ),
        (ACCOUNTANT, COUNT, "(1,200)", -1200),
        (Dialect(decimal=",", parentheses=True), MONEY, "(1.234,5)", Decimal("-1234.50")),
        (Dialect(parentheses=True), MONEY, "(1e2)", Decimal("-100.00")),
        (Dialect(parentheses=True), MONEY, "(USD 5)", NOT),
        (FRENCH, MONEY, "1\u202f234\u00a0567,8 \u20ac", Decimal("1234567.80")),
        (GERMAN, "DATE", "31.03.2026", date(2026, 3, 31)),
        (GERMAN, "DATE", "31.03.2026 23:30", date(2026, 3, 31)),
        (GERMAN, "DATE", "2026-03-31", date(2026, 3, 31)),  # nothing else looks like it
        (GERMAN, "DATE", "31.02.2026", NOT),
        (GERMAN, "DATE", "1.3.2026", NOT),
        (GERMAN, "DATE", "03/31/2026", NOT),
        (GERMAN, "DATE", "k. A.", NOT),
        (GERMAN, "TIMESTAMP", "05.01.2026, 09:00", at("2026-01-05 14:00:00")),
        (GERMAN, "TIMESTAMP", "05.01.2026", at("2026-01-05 05:00:00")),
        (GERMAN, "TIMESTAMP", "2026-01-05T09:00:00Z", at("2026-01-05 09:00:00")),
        (AMERICAN, "DATE", "3/1/2026", date(2026, 3, 1)),
        (AMERICAN, "DATE", "03/01/2026", date(2026, 3, 1)),
        (AMERICAN, "DATE", "3/31/2026 11:30 PM", date(2026, 4, 1)),  # Los Angeles wrote it, the company is in New York
        (AMERICAN, "DATE", "2026-03-31 23:30", date(2026, 4, 1)),
        (AMERICAN, "DATE", "2026-03-31T23:30:00-04:00", date(2026, 3, 31)),
        (AMERICAN, "TIMESTAMP", "1/5/2026 9:00 am", at("2026-01-05 17:00:00")),
        (AMERICAN, "TIMESTAMP", "1/5/2026 12:00:01 AM", at("2026-01-05 08:00:01")),
        (AMERICAN, "TIMESTAMP", "1/5/2026 13:00 PM", NOT),
        (AMERICAN, "TIMESTAMP", "1/5/2026 25:00", NOT),
        (SWISS, "DATE", "1.3.26", date(2026, 3, 1)),
        (SWISS, "DATE", "1.3.2026", NOT),
        (GERMAN, "BOOLEAN", "yes", True),
        (GERMAN, "BOOLEAN", "-", NOT),
    ],
)
def test_a_text_means_what_the_dialect_of_its_source_says(
    dialect: Dialect, target: str, text: str, expected: Any
) -> None:
    assert values_read([text], target, dialect) == [expected]


DIALECTS = st.sampled_from(
    [
        Dialect(
            decimal=decimal,
            thousands=thousands,
            date_format=date_format,
            currency_prefix=has_currency,
            parentheses=has_parentheses,
        )
        for decimal, thousands in [(".", ""), (".", ","), (",", "."), (",", " "), (".", "'"), (",", "")]
        for date_format, has_currency in [("", False), ("DD.MM.YYYY", True), ("M/D/YYYY", False), ("YYYY/MM/DD", True)]
        for has_parentheses in (False, True)
    ]
)


@given(
    dialect=DIALECTS,
    numbers=st.lists(
        st.tuples(
            st.decimals(-(10**9), 10**9, allow_nan=False, places=2),
            st.booleans(),
            st.sampled_from(["", "USD ", "\u20ac"]),
            st.sampled_from(BLANKS),
        ),
        min_size=1,
        max_size=30,
    ),
)
@settings(deadline=None, max_examples=drawn(25, 60), derandomize=True, database=None)
def test_a_number_that_was_written_in_a_dialect_comes_back(
    dialect: Dialect, numbers: list[tuple[Decimal, bool, str, str]]
) -> None:
    texts = []
    for number, is_grouped, currency, blank in numbers:
        text = f"{number:,.2f}" if is_grouped and dialect.thousands else f"{number:.2f}"
        text = "".join({",": dialect.thousands, ".": dialect.decimal}.get(each, each) for each in text)
        if dialect.parentheses and text.startswith("-"):
            text = f"({text[1:]})"
        texts.append(f"{blank}{currency if dialect.currency_prefix else ''}{text}{blank}")
    assert values_read(texts, MONEY, dialect) == [number for number, *_ in numbers]


@given(dialect=DIALECTS, days=st.lists(st.dates(date(1970, 1, 1), date(2068, 12, 31)), min_size=1, max_size=30))
@settings(deadline=None, max_examples=drawn(25, 60), derandomize=True, database=None)
def test_a_date_that_was_written_in_a_dialect_comes_back(dialect: Dialect, days: list[date]) -> None:
    written = [dialect.date_format or "YYYY-MM-DD" for _ in days]
    for part, value in (("YYYY", "{0.year:04}"), ("MM", "{0.month:02}"), ("DD", "{0.day:02}")):
        written = [text.replace(part, value) for text in written]
    written = [re.sub(r"(?<![.\d])M", "{0.month}", re.sub(r"(?<![.\d])D", "{0.day}", text)) for text in written]
    texts = [text.format(day) for text, day in zip(written, days, strict=True)]
    assert values_read(texts, "DATE", dialect) == days
    instants = values_read([f"{text} 12:00" for text in texts], "DATE", dialect)
    assert instants == days


@given(
    dialect=st.one_of(DIALECTS, st.sampled_from([PLAIN, GERMAN, AMERICAN, SWISS, FRENCH, ACCOUNTANT])),
    target=st.sampled_from([MONEY, COUNT, SHARE, "DATE", "TIMESTAMP", "BOOLEAN"]),
    texts=st.lists(st.text("0123456789.,-+eE:/TZ '()$\u20ac%USD\u00a0\t", max_size=14), max_size=50),
)
@settings(deadline=None, max_examples=drawn(30, 100), derandomize=True, database=None)
def test_whatever_a_text_is_both_readings_agree(dialect: Dialect, target: str, texts: list[str]) -> None:
    assert len(values_read(texts, target, dialect)) == len(texts)


@pytest.mark.parametrize(
    ("have", "value", "wanted", "expected"),
    [
        ("TIMESTAMP", "2026-04-01 01:09:44", "date", date(2026, 3, 31)),
        ("DATE", "2026-03-31", "timestamp", at("2026-03-31 04:00:00")),
        ("TIMESTAMP", "2026-04-01 01:09:44", "timestamp", at("2026-04-01 01:09:44")),
        ("DECIMAL(18,2)", "12.00", "bigint", 12),
        ("DECIMAL(18,2)", "12.50", "bigint", NOT),
        ("BIGINT", "12", "decimal(18,2)", Decimal("12.00")),
        ("BOOLEAN", "true", "bigint", NOT),
        ("BIGINT", "1", "boolean", True),
        ("DATE", "2026-03-31", "decimal(18,2)", NOT),
        ("DECIMAL(18,2)", "12.00", "string", "12.00"),
    ],
)
def test_a_governed_column_that_is_mapped_to_another_of_ours_is_read_alike(
    staging: duckdb.DuckDBPyConnection, have: str, value: str, wanted: str, expected: Any
) -> None:
    read = cast_from_ledger("v", have, wanted, dialect={"readings": "crm", "is_unsure": True})
    assert staging.execute(f"select {read} from (select cast('{value}' as {have}) as v)").fetchall() == [(expected,)]


@pytest.mark.parametrize(
    ("text", "code", "expected"),
    [
        ("USD 12,000.00", "USD", "12000.00"),
        ("USD 12,000.00", "usd", "12000.00"),
        ("USD 12,000.00", None, "12000.00"),  # the base currency
        ("$12,000.00", None, "12000.00"),
        ("$12,000.00", "CAD", "12000.00"),
        ("12,000.00", "EUR", "12000.00"),
        ("\u20ac5", "EUR", "5.00"),
        ("EUR 12,000.00", None, NOT),
        ("EUR 12,000.00", "USD", NOT),
        ("$12,000.00", "EUR", NOT),
        ("12 \u20ac", None, NOT),
    ],
)
def test_an_amount_beside_another_currency_than_its_row_s_is_no_value(
    tmp_path: Path, text: str, code: str | None, expected: str | None
) -> None:
    where = store(tmp_path)
    row = {"opportunity_id": "1", "stage": "New", "amount": text, "currency_code": code}
    governed = GOVERNED | {"currency_code": "VARCHAR"}
    land(where, {day(0): [row]}, dialect=AMERICAN, governed=governed, currency="currency_code")
    take(where, [day(0)])
    captured = [] if expected is NOT else [(Decimal(expected),)]
    assert state(where, day(0), columns="amount") == captured
    if expected is NOT:
        rejects = (where.place.folder / "rejects" / "crm" / "opportunity" / f"{day(0)}.csv").read_text()
        assert f"amount: got {text} in a row whose currency is {code or 'USD'}" in rejects
    dialect = {"readings": "crm", "currency": "coalesce(code, 'USD')"}
    read = cast_from_ledger("v", "VARCHAR", "decimal(18,2)", dialect=dialect)
    found = warehouse(AMERICAN).execute(f"select {read} from (select ? as v, ? as code)", [text, code]).fetchall()
    assert found == [(None if expected is NOT else Decimal(expected),)]


# ---------------------------------------------------------------- numbers of an unsure size

UNSAID = Dialect(decimal="")


@pytest.mark.parametrize(
    ("texts", "is_refused"),
    [
        (["1.500"], True),
        (["1.500", "12.000", "900"], True),
        (["-12.000"], True),
        ([" 1.500 "], True),
        (["1.500", "1.234.567"], True),
        (["1.500", "1.500,00"], True),
        (["1.500", "12.5", "1.500,00"], True),  # the column contradicts itself
        (["1.500", "12,5"], True),
        (["1.500", "5.", "."], True),
        (["1.500", "12.5"], False),
        (["1.500", "0.125"], False),
        (["1.500", "1234.567"], False),
        (["1.500", "1,234.50"], False),
        (["1.500", "1.5e3"], False),
        (["1234.56", "900.00", "7", ""], False),
        (["0.125", "0.500"], False),
        (["900", "1500", None], False),
    ],
)
def test_a_column_that_leaves_the_size_of_its_numbers_open_is_refused_or_unknown(
    tmp_path: Path, texts: list[str | None], is_refused: bool
) -> None:
    where = store(tmp_path)
    rows = [{"opportunity_id": f"{n}", "stage": "New", "amount": text} for n, text in enumerate(texts)]
    land(where, {day(0): rows}, dialect=UNSAID)
    if is_refused:
        with pytest.raises(CaptureError, match=r"crm.opportunity: opportunity.csv, line 2: amount is .* decimal = "):
            take(where, [day(0)])
        assert not where.ledger.folder.exists() or read_receipts(where) == []
    else:
        take(where, [day(0)])
    mapped = cast_from_ledger("v", "VARCHAR", "decimal(18,2)", dialect={"is_unsure": True})
    landed = pa.table({"n": range(len(texts)), "v": pa.array(texts, pa.string()), "source": ["crm"] * len(texts)})
    warehouse().register("landed", landed)
    read = [row[0] for row in warehouse().execute(f"select {mapped} from landed order by n").fetchall()]
    expected = values_read(texts, MONEY, PLAIN)
    unsure = [re.fullmatch(r"-?\d{1,2}\.\d{3}", (text or "").strip()) is not None for text in texts]
    assert read == [NOT if is_refused and is_it else each for each, is_it in zip(expected, unsure, strict=True)]


def test_what_has_a_type_or_a_dialect_is_never_in_doubt(tmp_path: Path) -> None:
    where = store(tmp_path)
    row: dict[str, Any] = {"opportunity_id": "1", "stage": "New", "amount": "1.500", "employee_count": None}
    land(where, {day(0): [row]}, dialect=Dialect())
    take(where, [day(0)])
    land(where, {day(1): [row]}, dialect=Dialect(decimal=","))
    take(where, [day(1)])
    land(where, {day(2): [row | {"amount": 1.5}]}, dialect=UNSAID, types={"amount": pa.float64()})
    take(where, [day(2)])
    assert [state(where, day(n), columns="amount")[0][0] for n in range(3)] == [
        Decimal("1.50"),
        Decimal("1500.00"),
        Decimal("1.50"),
    ]


def test_texts_that_mean_no_value_reject_nothing(tmp_path: Path) -> None:
    where = store(tmp_path)
    rows: list[dict[str, Any]] = [
        {"opportunity_id": "1", "stage": "New", "amount": "-", "close_date": "k. A.", "account_id": " - ", "note": "-"},
        {"opportunity_id": "2", "stage": "-", "amount": "5", "close_date": None, "account_id": "7.0", "note": None},
    ]
    governed = GOVERNED | {"account_id": "VARCHAR"}
    land(where, {day(0): rows}, dialect=GERMAN, ids=["opportunity_id", "account_id"], governed=governed)
    take(where, [day(0)])
    columns = "opportunity_id, stage, amount, close_date, account_id, note"
    assert state(where, day(0), columns=columns) == [
        ("1", "New", None, None, None, "-"),
        ("2", None, Decimal("5.00"), None, "7", None),
    ]
    assert read_receipts(where)[0].rejected == 0


# ---------------------------------------------------------------- keys and ids


def ids_read(staging: duckdb.DuckDBPyConnection, texts: Sequence[str | None]) -> list[str | None]:
    """The ids that landed `texts` are, at capture and in staging, which must agree."""
    cursor = staging.cursor()
    cursor.register("landed", pa.table({"n": range(len(texts)), "v": pa.array(texts, pa.string())}))
    mapped_later = cast_from_ledger("v", "VARCHAR", "string", is_id=True)
    rows = cursor.execute(f"select {id_text('v', 'VARCHAR')}, {mapped_later} from landed order by n").fetchall()
    assert [row[0] for row in rows] == [row[1] for row in rows]
    return [row[0] for row in rows]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("D1", "D1"),
        ("D1 ", "D1"),
        ("\tD1\r\n", "D1"),
        ("\u00a0D1\u2003", "D1"),
        ("D 1", "D 1"),
        (" Zoë ", "Zoë"),
        ("101", "101"),
        ("101.0", "101"),
        ("101.00", "101"),
        (" 101.0 ", "101"),
        ("0.0", "0"),
        ("12345678901234567890.0", "12345678901234567890"),
        ("1.6147805824397E13", "16147805824397"),
        ("1.6147805824397e+13", "16147805824397"),
        ("1.61478058244E13", "16147805824400"),
        ("1.0E7", "10000000"),
        ("9.007199254740991E15", "9007199254740991"),
        ("007", "007"),
        ("007.0", "007.0"),
        ("1.10", "1.10"),
        ("1.5", "1.5"),
        ("1.", "1."),
        (".0", ".0"),
        ("-101.0", "-101.0"),
        ("1e5", "1e5"),  # as likely an id that is no number at all
        ("12e4", "12e4"),
        ("1.61478E+13", "1.61478E+13"),  # a spreadsheet has rounded it: the id is lost
        ("1.5E0", "1.5E0"),
        ("9.007199254740993E15", "9.007199254740993E15"),  # no floating-point number can tell it from its neighbour
        ("1.2345678901234568e+18", "1.2345678901234568e+18"),
        ("1.0.0", "1.0.0"),
        ("a.0", "a.0"),
        ("1,000.0", "1,000.0"),
        ("٣.0", "٣.0"),
        ("nan", "nan"),
        ("00Q5e00000AbCdE", "00Q5e00000AbCdE"),
        (" ", None),
        ("", None),
        (None, None),
    ],
)
def test_an_id_is_text_whatever_it_travelled_as(
    staging: duckdb.DuckDBPyConnection, text: str | None, expected: str | None
) -> None:
    assert ids_read(staging, [text]) == [expected]


@pytest.mark.parametrize(
    ("value", "landed", "expected"),
    [
        (101.0, "DOUBLE", "101"),
        (-101.0, "DOUBLE", "-101"),
        (101.5, "DOUBLE", "101.5"),
        (16147805824397.0, "DOUBLE", "16147805824397"),
        (float(2**53 - 1), "DOUBLE", "9007199254740991"),
        (1.2345678901234568e18, "DOUBLE", "1.2345678901234568e+18"),
        (float("nan"), "DOUBLE", "nan"),
        (None, "DOUBLE", None),
        (101.0, "FLOAT", "101"),
        (16777215.0, "FLOAT", "16777215"),
        (101, "BIGINT", "101"),
        ("101.00", "DECIMAL(18,2)", "101"),
        ("101", "DECIMAL(20,0)", "101"),
        ("1.10", "DECIMAL(18,2)", "1.10"),
        ("2f1b1b1e-0000-4000-8000-000000000000", "UUID", "2f1b1b1e-0000-4000-8000-000000000000"),
    ],
)
def test_an_id_in_a_typed_column_is_text_of_the_whole_number(
    con: duckdb.DuckDBPyConnection, value: Any, landed: str, expected: str | None
) -> None:
    row = con.execute(f"select {id_text('v', landed)} from (select cast(? as {landed}) as v)", [value]).fetchone()
    assert row == (expected,)


@given(
    ids=st.lists(
        st.one_of(
            st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6),
            st.integers(0, 2**53 - 1).map(str),
        ),
        max_size=50,
    ),
    left=st.text(BLANKS, max_size=3),
    right=st.text(BLANKS, max_size=3),
)
@settings(deadline=None, max_examples=drawn(30, 100), derandomize=True, database=None)
def test_blanks_around_an_id_are_those_that_python_strips(ids: list[str], left: str, right: str) -> None:
    assert ids_read(warehouse(), [left + each + right for each in ids]) == [each.strip() or None for each in ids]
    with duckdb.connect() as con:
        padded = pa.array([left + each + right for each in ids], pa.string())
        con.register("keys", pa.table({"n": range(len(ids)), "v": padded}))
        keys = con.execute(f"select {key_text('v', 'VARCHAR')} from keys order by n").fetchall()
        assert [row[0] for row in keys] == [each.strip() or None for each in ids]


@given(ids=st.lists(st.integers(10**6, 2**53 - 1), max_size=50))
@settings(deadline=None, max_examples=drawn(30, 100), derandomize=True, database=None)
def test_whole_numbers_that_travelled_as_floats_are_the_same_ids(ids: list[int]) -> None:
    clean = [str(each) for each in ids]
    assert ids_read(warehouse(), [f"{each}.0" for each in ids]) == clean
    assert ids_read(warehouse(), [repr(float(each)) for each in ids]) == clean
    with duckdb.connect() as con:
        scientific = [format(Decimal(each), "E").replace("E+", "E") for each in ids]
        assert ids_read(warehouse(), scientific) == [
            s if "." not in s else c for s, c in zip(scientific, clean, strict=True)
        ]
        con.register("landed", pa.table({"n": range(len(ids)), "v": pa.array(map(float, ids), pa.float64())}))
        got = con.execute(f"select {id_text('v', 'DOUBLE')} from landed order by n").fetchall()
        assert [row[0] for row in got] == clean


def test_a_key_that_comes_twice_but_for_blanks_is_rejected_or_counts_once(tmp_path: Path) -> None:
    where = store(tmp_path)
    rows = [
        {"opportunity_id": "D1", "stage": "New", "amount": "1"},
        {"opportunity_id": "D2", "stage": "New", "amount": "2"},
        {"opportunity_id": "D1 ", "stage": "Won", "amount": "3"},
        {"opportunity_id": "\tD2", "stage": "New", "amount": "2"},
    ]
    land(where, {day(0): rows[:2], day(1): rows})
    take(where, [day(0), day(1)])
    assert state(where, day(1), columns="opportunity_id, stage") == [("D1", "New"), ("D2", "New")]
    rejects = (where.place.folder / "rejects" / "crm" / "opportunity" / f"{day(1)}.csv").read_text().splitlines()
    assert rejects == [
        "file,line,reason,opportunity_id",
        "opportunity.csv,2,key comes 2 times with different content,D1",
        "opportunity.csv,4,key comes 2 times with different content,D1 ",
    ]


def test_days_whose_ids_travelled_differently_are_one_state(tmp_path: Path) -> None:
    where = store(tmp_path)
    row: dict[str, Any] = {"opportunity_id": "1", "stage": "New", "account_id": "101"}
    travelled: list[tuple[dict[str, pa.DataType], dict[str, Any]]] = [
        ({}, row),
        ({}, row | {"opportunity_id": " 1.0", "account_id": "101.00 "}),
        (dict.fromkeys(["opportunity_id", "account_id"], pa.float64()), row | {"opportunity_id": 1, "account_id": 101}),
        (dict.fromkeys(["opportunity_id", "account_id"], pa.int64()), row | {"opportunity_id": 1, "account_id": 101}),
    ]
    for number, (types, landed) in enumerate(travelled):
        land(where, {day(number): [landed]}, ids=["opportunity_id", "account_id"], types=types)
        take(where, [day(number)])
    assert [(r.upserts, r.deletes, r.rejected) for r in read_receipts(where)] == [(1, 0, 0)] + [(0, 0, 0)] * 3
    assert state(where, day(3), columns="opportunity_id, account_id") == [("1", "101")]


def test_a_key_of_several_columns_loses_its_blanks_and_only_its_ids_are_ids(tmp_path: Path) -> None:
    where = store(tmp_path)
    key = ["opportunity_id", "old_value"]
    land(where, {day(0): [{"opportunity_id": "1.0", "old_value": " 100.0 "}]}, key=key, ids=["opportunity_id"])
    take(where, [day(0)])
    assert state(where, day(0), columns="opportunity_id, old_value") == [("1", "100.0")]


def test_personal_columns_have_the_key_of_the_ledger(tmp_path: Path) -> None:
    where = store(tmp_path)
    rows = [{"person_id": "7.0 ", "email": "zoe@acme.test"}]
    governed = {"person_id": "VARCHAR"}
    land(where, {day(0): rows}, entity="person", key=["person_id"], governed=governed, personal=["email"])
    take(where, [day(0)])
    with duckdb.connect() as con:
        kept = con.execute(f"from '{where.personal}/crm/person.parquet'").fetchall()
    assert kept == [("7", "zoe@acme.test")]


def capture_as_it_was(where: Store, days: Sequence[date], monkeypatch: pytest.MonkeyPatch) -> None:
    """Captures as the version did that kept keys as they were landed; the cache is made anew by this one."""
    with monkeypatch.context() as as_it_was:
        as_it_was.setattr(Manifest, "value", lambda _, name, landed, target: cast(quoted(name), landed, target))
        take(where, days)
    rebuild(where, {"files": ["opportunity"]})


def test_a_key_keeps_the_spelling_that_the_ledger_has_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = store(tmp_path)
    before = [{"opportunity_id": key, "stage": "New"} for key in ("D1 ", "7.0", "D2", "D3", " D3")]
    after = [{"opportunity_id": key, "stage": "New"} for key in ("D1", "7", "D2", "D3")]
    land(where, {day(0): before})
    capture_as_it_was(where, [day(0)], monkeypatch)
    for number in (1, 2):
        land(where, {day(number): after if number == 1 else [*after, {"opportunity_id": "D1\t", "stage": "Won"}]})
        take(where, [day(number)])
        assert state(where, day(number), columns="opportunity_id") == [("7",), ("D1",), ("D2",), ("D3",)]
    assert [(r.upserts, r.deletes, r.rejected) for r in read_receipts(where)] == [(5, 0, 0), (0, 1, 0), (0, 0, 2)]
    assert verify(where) == []
    with connect(where) as con:
        assert con.execute("select entity, key_text, spellings from ledger.spellings").fetchall() == [
            ("opportunity", "D3", "`D3` and ` D3`")
        ]


def test_several_spellings_of_a_key_are_one_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = store(tmp_path)
    stages: list[dict[str, str]] = [  # by day: the stage under each spelling
        {"D1 ": "a"},
        {"D1 ": "a", "D1": "b"},  # the normal one counts from here on
        {"D1 ": "c", "D1": "b"},
        {"D1 ": "c"},  # and the other again, once it is gone
        {},
        {"D1": "d"},
    ]
    days = {
        day(n): [{"opportunity_id": key, "stage": stage} for key, stage in [*each.items(), ("D2", "x")]]
        for n, each in enumerate(stages)
    }
    land(where, days)
    capture_as_it_was(where, list(days), monkeypatch)
    seen = [state(where, at, columns="opportunity_id, stage") for at in days]
    expected = ["a", "b", "b", "c", None, "d"]
    assert seen == [[*([("D1", stage)] if stage else []), ("D2", "x")] for stage in expected]
    with connect(where) as con:
        history = con.execute(
            "select valid_from, valid_to, _pl_change, stage from ledger.files__opportunity "
            "where opportunity_id = 'D1' order by valid_from"
        ).fetchall()
    assert history == [
        (day(0), day(1), "upsert", "a"),
        (day(1), day(3), "upsert", "b"),
        (day(3), day(4), "upsert", "c"),
        (day(4), day(5), "delete", None),
        (day(5), date(9999, 12, 31), "upsert", "d"),
    ]


def test_an_event_that_is_spelled_in_several_ways_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = store(tmp_path)
    days = {day(n): [{"opportunity_id": key, "stage": key}] for n, key in enumerate(("E1 ", "E1", "E2"))}
    land(where, days, mode="events")
    capture_as_it_was(where, list(days), monkeypatch)
    with connect(where) as con:
        rows = con.execute(
            "select valid_from, opportunity_id, stage from ledger.files__opportunity order by 1"
        ).fetchall()
    assert rows == [(day(0), "E1", "E1 "), (day(2), "E2", "E2")]
