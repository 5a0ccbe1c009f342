"""What a subscription of Stripe costs, by hand and against the same rules in plain Python."""

from __future__ import annotations

import json
import random
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.dbt_project import dbt_build, ledger_cache

FOREVER = "9999-12-31"
IN_TWELVE = {"month": 12, "year": 1, "week": 52, "day": 365}
COLUMNS = (
    "id varchar, customer varchar, status varchar, currency varchar, items varchar, discounts varchar, "
    "customer_discount varchar, metadata_account_id varchar, customer_account_id varchar, "
    "pause_collection_behavior varchar, pause_collection_resumes_at timestamp"
)
Row = dict[str, Any]


def item(unit: str | None, quantity: int | None = 1, *, discounts: tuple[Row, ...] = (), **price: Any) -> Row:
    recurring = {"interval": "month", "interval_count": 1, "usage_type": "licensed"} | price.pop("recurring", {})
    told = {"id": "price_1", "product": "prod_1", "currency": "usd", "unit_amount_decimal": unit} | price
    told |= {"recurring": recurring}
    return {"quantity": quantity, "price": told, "discounts": list(discounts)}


def discount(**coupon: Any) -> Row:
    return {"source": {"coupon": {"duration": "forever", "currency": "usd"} | coupon}}


def off(percent: float, **coupon: Any) -> Row:
    return discount(percent_off=percent, **coupon)


IN_EUR = {"eur": {"unit_amount": 9000, "unit_amount_decimal": "9000"}}
IN_JPY = {"jpy": {"unit_amount": 9500}}
CASES: dict[str, tuple[list[Row], list[Row], str, str | None, str | None]] = {
    # items, discounts, currency, amount, list amount
    "quantity x unit amount": ([item("2500", 3)], [], "usd", "75.00", "75.00"),
    "several items": ([item("2500", 3), item("1000", 2)], [], "usd", "95.00", "95.00"),
    "a percentage": ([item("9999")], [off(25.5)], "usd", "74.49", "99.99"),
    "a percentage of billions": ([item("400000000000", currency="idr")], [off(25)], "idr", "3000000000.00",
                                 "4000000000.00"),
    "a fixed amount": ([item("2500"), item("1000")], [discount(amount_off=3000)], "usd", "5.00", "35.00"),
    "more than there is": ([item("2500")], [discount(amount_off=9900)], "usd", "0.00", "25.00"),
    "one after another": ([item("10000")], [off(10), discount(amount_off=1000)], "usd", "80.00", "100.00"),
    "once is not recurring": ([item("2500")], [off(50, duration="once")], "usd", "25.00", "25.00"),
    "repeating while it lasts": ([item("2500")], [off(50, duration="repeating")], "usd", "12.50", "25.00"),
    "of one item": ([item("2500", discounts=(off(50),)), item("2500")], [], "usd", "37.50", "50.00"),
    "of one item, then of all": ([item("2000", discounts=(off(50),))], [off(10)], "usd", "9.00", "20.00"),
    "of some products": (
        [item("2000"), item("1000", product="prod_2")],
        [off(50, applies_to={"products": ["prod_2"]})],
        "usd", "25.00", "30.00",
    ),
    "a fixed amount in another currency": (
        [item("2000", currency="eur")],
        [discount(amount_off=500, currency_options={"eur": {"amount_off": 400}})],
        "eur", "16.00", "20.00",
    ),
    "a coupon that is not known": ([item("2000")], [{"source": {"coupon": "gone"}}], "usd", None, "20.00"),
    "no decimals": ([item("2500", 2, currency="jpy")], [], "jpy", "5000.00", "5000.00"),
    "three decimals": ([item("5120", currency="kwd")], [], "kwd", "5.12", "5.12"),
    "decimals that are always 00": ([item("500", currency="isk")], [], "isk", "5.00", "5.00"),
    "a part of a cent": ([item("26666.666666666667", 168)], [], "usd", "44800.00", "44800.00"),
    "tiers": ([item(None, 3)], [], "usd", None, None),
    "metered only": ([item("5", None, recurring={"usage_type": "metered"})], [], "usd", None, None),
    "metered beside": ([item("2500"), item("5", None, recurring={"usage_type": "metered"})], [], "usd", "25.00",
                       "25.00"),
    "packages": ([item("1000", 11, transform_quantity={"divide_by": 5, "round": "up"})], [], "usd", "30.00", "30.00"),
    "two intervals": ([item("1000"), item("12000", recurring={"interval": "year"})], [], "usd", "20.00", "20.00"),
    "a price in another currency": ([item("10000", 2, currency_options=IN_EUR)], [off(50)], "eur", "90.00", "180.00"),
    "an option in whole units": ([item("10000", currency_options=IN_JPY)], [], "jpy", "9500.00", "9500.00"),
    "an option beside the own price": ([item("10000", currency_options=IN_EUR)], [], "usd", "100.00", "100.00"),
    "no such option": ([item("10000", currency_options=IN_JPY)], [], "eur", None, None),
    "no options captured": ([item("10000"), item("5000", currency="eur")], [], "eur", None, None),
    "an option with tiers": ([item(None, 3, currency_options={"eur": {"unit_amount": None}})], [], "eur", None, None),
    "metered in another currency": (
        [item("1000", currency="eur"), item("5", None, recurring={"usage_type": "metered"})],
        [], "eur", "10.00", "10.00",
    ),
}  # fmt: skip
UNKNOWN = {"no such option": "price_1 in USD", "no options captured": "price_1 in USD"}


def halves(value: Decimal) -> Decimal:
    return value.quantize(Decimal(1), ROUND_HALF_UP)


def priced(items: list[Row], discounts: list[Row]) -> tuple[Decimal, Decimal]:
    """The rules once more, with one amount after the other."""
    first = items[0]["price"]["recurring"]
    amounts = []
    for each in items:
        amount = halves(Decimal(each["price"]["unit_amount_decimal"]) * each["quantity"])
        its = each["price"]["recurring"]
        if its != first:
            ratio = Decimal(IN_TWELVE[its["interval"]] * first["interval_count"])
            amount = halves(amount * ratio / its["interval_count"] / IN_TWELVE[first["interval"]])
        amounts.append(amount)
    listed = sum(amounts, Decimal(0))
    for at, each in enumerate(items):
        amounts[at : at + 1] = reduced(amounts[at : at + 1], [each], each["discounts"])
    return sum(reduced(amounts, items, discounts), Decimal(0)), listed


def reduced(amounts: list[Decimal], items: list[Row], discounts: list[Row]) -> list[Decimal]:
    amounts = list(amounts)
    for each in discounts:
        coupon = each["source"]["coupon"]
        if coupon["duration"] == "once":
            continue
        left = Decimal(coupon.get("amount_off") or 0)
        for at, of in enumerate(items):
            products = (coupon.get("applies_to") or {}).get("products") or [of["price"]["product"]]
            if of["price"]["product"] not in products:
                continue
            taken = min(amounts[at], left)
            if coupon.get("percent_off") is not None:
                taken = halves(amounts[at] * Decimal(str(coupon["percent_off"])) / 100)
            else:
                left -= taken
            amounts[at] -= taken
    return amounts


def at_random(chance: random.Random) -> tuple[list[Row], list[Row]]:
    def coupon() -> Row:
        extra: Row = {"duration": chance.choice(["once", "forever", "repeating"])}
        if chance.random() < 0.3:
            extra["applies_to"] = {"products": [f"prod_{chance.randrange(3)}"]}
        if chance.random() < 0.5:
            return discount(amount_off=chance.randrange(1, 9_000), **extra)
        return off(chance.randrange(1, 10_000) / 100, **extra)

    items = [
        item(
            f"{chance.randrange(100_000)}.{chance.randrange(100)}",
            chance.randrange(1, 50),
            product=f"prod_{chance.randrange(3)}",
            recurring={"interval": chance.choice(["month", "month", "year"])},
            discounts=tuple(coupon() for _ in range(chance.choice([0, 0, 1]))),
        )
        for _ in range(chance.randrange(1, 5))
    ]
    return items, [coupon() for _ in range(chance.randrange(4))]


RANDOM = [at_random(random.Random(seed)) for seed in range(300)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("stripe")
    ledger_cache.write(home / "warehouse.duckdb", [])
    day = ("billing", "2026-01-05", FOREVER, "upsert", "observed")
    rest = ("acc-1", "acc-2", None, None)
    rows: list[tuple[Any, ...]] = [
        (*day, name, "cus_1", "active", currency, json.dumps(items), json.dumps(discounts), None, *rest)
        for name, (items, discounts, currency, _, _) in CASES.items()
    ]
    rows += [
        (*day, f"random {at}", "cus_1", "active", "usd", json.dumps(items), json.dumps(discounts), None, *rest)
        for at, (items, discounts) in enumerate(RANDOM)
    ]
    one = json.dumps([item("1000")])
    its = json.dumps(off(50))
    for at, (first, last, change, paused, resumes) in enumerate(
        [
            ("2026-01-05", "2026-01-07", "upsert", None, None),
            ("2026-01-07", "2026-01-08", "upsert", "void", None),
            ("2026-01-08", "2026-01-12", "upsert", "void", "2026-01-20 12:00"),
            ("2026-01-12", "2026-01-14", "upsert", None, None),
            ("2026-01-14", FOREVER, "delete", None, None),
        ]
    ):
        told = (None, None, None) if change == "delete" else (one, "[]", its if at else None)
        rows.append(
            ("billing", first, last, change, "observed", "paused", "cus_2", "active", "usd", *told, None, "acc-2",
             paused, resumes)
        )  # fmt: skip
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute(f"create table ledger.stripe__subscription ({dbt_build.FRAME}, {COLUMNS})")
        marks = ", ".join("?" * len(rows[0]))
        connection.executemany(f"insert into ledger.stripe__subscription values ({marks})", rows)
        dbt_build.add_empty_relations(connection)
    result = dbt_build.dbt(
        home,
        [],
        command=("build", "--select", "+staging", "--exclude", "path:tests"),
        sources={"billing": {"type": "stripe", "columns": {}}, **dbt_build.IDLE_VENDORS},
    )
    assert result.success, result.told[-4000:]
    return home


@pytest.mark.parametrize("name", CASES)
def test_a_subscription_costs_what_its_items_do_after_recurring_discounts(home: Path, name: str) -> None:
    _, _, currency, amount, listed = CASES[name]
    rows = dbt_build.read(
        home,
        "select source_amount, source_list_amount, currency_code, billing_interval, interval_count, account_id "
        f"from staging.stg_subscription where subscription_id = '{name}'",
    )
    interval = (None, None) if name == "metered only" else ("month", 1)
    wanted = [None if value is None else Decimal(value) for value in (amount, listed)]
    assert rows == [(*wanted, currency.upper(), *interval, "acc-1")]


def test_prices_that_are_known_in_another_currency_only_are_named(home: Path) -> None:
    rows = dbt_build.read(
        home,
        "select subscription_id, unknown_prices from staging.stg_stripe__subscription where unknown_prices is not null",
    )
    assert dict(rows) == UNKNOWN


def test_amounts_are_those_of_the_same_rules_in_plain_python(home: Path) -> None:
    rows = dbt_build.read(
        home,
        "select subscription_id, source_amount, source_list_amount from staging.stg_subscription "
        "where subscription_id like 'random%'",
    )
    assert len(rows) == len(RANDOM)
    for name, *amounts in rows:
        items, discounts = RANDOM[int(name.split()[1])]
        assert [int(amount * 100) for amount in amounts] == [int(each) for each in priced(items, discounts)], name


def test_a_pause_is_told_by_the_versions_that_saw_it(home: Path) -> None:
    rows = dbt_build.read(
        home,
        "select cast(valid_from as varchar), cast(paused_from as varchar), cast(paused_to as varchar) "
        "from staging.stg_subscription where subscription_id = 'paused' order by 1",
    )
    assert rows == [
        ("2026-01-05", None, None),
        ("2026-01-07", "2026-01-07", None),
        ("2026-01-08", "2026-01-07", "2026-01-20"),
        ("2026-01-12", "2026-01-07", "2026-01-12"),
        ("2026-01-14", "2026-01-07", "2026-01-12"),
    ]


def test_a_customer_s_discount_counts_where_there_is_none_of_its_own(home: Path) -> None:
    rows = dbt_build.read(
        home,
        "select source_amount, account_id from staging.stg_subscription where subscription_id = 'paused' "
        "and not is_tombstone order by valid_from",
    )
    assert rows == [(Decimal("10.00"), "acc-2"), *[(Decimal("5.00"), "acc-2")] * 3]
