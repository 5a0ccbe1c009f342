"""Rejected rows say what is wrong in words: each bad column by its own header, what is expected, what to set."""

from __future__ import annotations

import csv
from pathlib import Path

import duckdb
import pytest

from snapshots.dialect import Dialect
from snapshots.rejects import expected, misfit
from tests.snapshots.company import Row, day, land, store, take

MONEY = "DECIMAL(18,2)"
GERMAN = Dialect(decimal=",", date_format="DD.MM.YYYY")


@pytest.mark.parametrize(
    ("kind", "dialect", "words"),
    [
        (MONEY, Dialect(), "a number such as 1234.56"),
        (MONEY, GERMAN, "a number such as 1234,56"),
        (MONEY, Dialect(thousands=","), "a number such as 1,234.56"),
        ("DECIMAL(9,6)", Dialect(), "a share such as 0.25"),
        ("DECIMAL(9,6)", Dialect(percent=True), "a share such as 0.25 or 25 %"),
        ("BIGINT", Dialect(), "a whole number such as 12"),
        ("DATE", Dialect(), "a date such as 2026-11-22"),
        ("DATE", GERMAN, "a date such as 22.11.2026"),
        ("DATE", Dialect(date_format="M/D/YY"), "a date such as 11/22/26"),
        ("TIMESTAMP", Dialect(), "a date or an instant such as 2026-11-22T14:30:00Z"),
        ("TIMESTAMP", GERMAN, "a date or an instant such as 22.11.2026 14:30"),
        ("BOOLEAN", Dialect(), "true or false (or 1 and 0, yes and no)"),
    ],
)
def test_what_is_expected_is_said_in_words(kind: str, dialect: Dialect, words: str) -> None:
    assert expected(kind, dialect) == words


@pytest.mark.parametrize(
    ("text", "kind", "dialect", "hint"),
    [
        ("1.234,56", MONEY, Dialect(), 'this file seems to write 1.234,56: set decimal = ","'),
        ("12,5", MONEY, Dialect(), 'this file seems to write 1.234,56: set decimal = ","'),
        ("12,5", MONEY, GERMAN, ""),
        ("1,234.56", MONEY, Dialect(), 'this file seems to write 1,234.56: set thousands = ","'),
        ("1,234,567", MONEY, Dialect(), 'this file seems to write 1,234.56: set thousands = ","'),
        ("1,234", MONEY, Dialect(), 'set thousands = "," if that is above a thousand, else decimal = ","'),
        ("12.5", MONEY, GERMAN, 'this file seems to write 1234.56: set decimal = "."'),
        ("12.5", "BIGINT", Dialect(), ""),
        ("1'234.50", MONEY, Dialect(), 'set thousands = "\'"'),
        ("1\u2019234", MONEY, Dialect(), 'set thousands = "\'"'),
        ("1\u00a0234,50", MONEY, Dialect(), 'set thousands = " "'),
        ("USD 12,000.00", MONEY, Dialect(), "set currency_prefix = true"),
        ("12.000,00 \u20ac", MONEY, Dialect(), "set currency_prefix = true"),
        ("60 %", "DECIMAL(9,6)", Dialect(), "set percent = true"),
        ("(96168.00)", MONEY, Dialect(), "this file seems to write (1234.56): set parentheses = true"),
        ("$(1,200)", MONEY, Dialect(), "set parentheses = true"),
        ("(1,234.56)", MONEY, Dialect(parentheses=True), 'this file seems to write 1,234.56: set thousands = ","'),
        ("USD 1,234.56", MONEY, Dialect(currency_prefix=True), 'seems to write 1,234.56: set thousands = ","'),
        ("(USD 5)", MONEY, Dialect(parentheses=True), "set currency_prefix = true"),
        ("22.11.2026", "DATE", Dialect(), 'set date_format = "DD.MM.YYYY"'),
        ("2.11.2026 14:30", "TIMESTAMP", Dialect(), 'set date_format = "D.M.YYYY"'),
        ("11/22/2026", "DATE", Dialect(), 'set date_format = "M/D/YYYY"'),
        ("22/11/2026", "DATE", Dialect(), 'set date_format = "D/M/YYYY"'),
        ("1/2/2026", "DATE", Dialect(), 'set date_format = "M/D/YYYY" if the month comes first'),
        ("N/A", MONEY, Dialect(), 'if that means no value, set null_values = ["N/A"]'),
        ("-", "DATE", Dialect(), 'if that means no value, set null_values = ["-"]'),
        ("a lot", MONEY, Dialect(), ""),
    ],
)
def test_a_text_in_another_dialect_is_told_with_its_setting(text: str, kind: str, dialect: Dialect, hint: str) -> None:
    with duckdb.connect() as con:
        for is_file in (True, False):
            sentence = misfit("Close Value", "?::varchar", kind, dialect, is_file=is_file)
            row = con.execute(f"select {sentence}", [text] * sentence.count("?::varchar")).fetchone()
            assert row is not None
            told = f"Close Value: got {text}, expected {expected(kind, dialect)}"
            assert str(row[0]).startswith(told)
            rest = str(row[0]).removeprefix(told)
            assert hint in rest if hint and is_file else rest == ""


def test_every_bad_column_of_a_row_is_listed_with_its_own_header(tmp_path: Path) -> None:
    where = store(tmp_path)
    rows: list[Row] = [
        {"opportunity_id": "a", "deal_stage": "New", "close_value": "1.50", "close_date": "2026-03-31"},
        {"opportunity_id": "b", "deal_stage": "New", "close_value": "1.234,56", "close_date": "31.03.2026"},
        {"opportunity_id": "c", "deal_stage": None, "close_value": "free", "close_date": "2026-03-31"},
    ]
    land(
        where,
        {day(0): rows},
        governed={"close_value": MONEY, "close_date": "DATE"},
        required=("opportunity_id", "deal_stage"),
        headers={"deal_stage": "Deal Stage", "close_value": "Close Value", "close_date": "Close Date"},
    )
    take(where, [day(0)])
    rejects = (where.place.read(where.rejects_file("crm", "opportunity", day(0))) or b"").decode()
    reasons = {row["opportunity_id"]: row["reason"] for row in csv.DictReader(rejects.splitlines())}
    assert reasons == {
        "b": (
            "Close Value: got 1.234,56, expected a number such as 1234.56; this file seems to write 1.234,56: set "
            'decimal = ","; Close Date: got 31.03.2026, expected a date such as 2026-11-22; this file seems to write '
            '22.11.2026: set date_format = "DD.MM.YYYY"'
        ),
        "c": "Deal Stage is required and is empty; Close Value: got free, expected a number such as 1234.56",
    }
