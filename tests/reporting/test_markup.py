"""How numbers are written, and that text is escaped."""

from decimal import Decimal

import pytest

from reporting.markup import MINUS, Numbers, of_cell, percent_of, say, times_of, written
from reporting.published import Cell, listed


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Decimal("1176996.89"), "$1.18M"),
        (Decimal("16130613.63"), "$16.1M"),
        (Decimal("-801551.20"), f"{MINUS}$802k"),
        (Decimal("999499.00"), "$999k"),
        (Decimal("999600.00"), "$1.00M"),
        (Decimal("999.40"), "$999"),
        (Decimal("999.60"), "$1.00k"),
        (Decimal("0.00"), "$0"),
        (Decimal("0.40"), "$0"),
        (1.2e13, "$12000B"),
    ],
)  # fmt: skip
def test_amounts_have_three_digits(value: Decimal | float, shown: str) -> None:
    assert Numbers("USD").amount(value) == shown


def test_an_amount_of_another_currency_carries_its_code() -> None:
    assert Numbers("CHF").amount(1500) == "CHF 1.50k"
    assert Numbers("").amount(1500) == "1.50k"


def test_rates_and_ratios_are_rounded_as_they_are_read() -> None:
    assert [percent_of(value) for value in (0.331, 0.0431, 0.0, 1.0, None)] == ["33%", "4.3%", "0%", "100%", "unknown"]
    assert [times_of(value) for value in (4.1399, 0.3331, None)] == ["4.1", "0.33", "unknown"]


def test_text_is_escaped_once_and_numbers_say_where_they_come_from() -> None:
    cell = Cell(Decimal("5.00"), "coverage", 2, "won_amount")
    sentence = say("{who} won {amount}", who="<b>A & B</b>", amount=of_cell(cell, "$5"))
    assert sentence == (
        "&lt;b&gt;A &amp; B&lt;/b&gt; won "
        '<data value="5.00" data-query="coverage" data-row="2" data-column="won_amount">$5</data>'
    )


def test_a_table_shows_amounts_to_the_cent() -> None:
    assert [written(value) for value in (Decimal("1234.50"), 7, True, None, 0.123456)] == [
        *("1,234.50", "7", "yes", "", "0.1235"),
    ]


def test_words_are_listed_as_in_a_sentence() -> None:
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
