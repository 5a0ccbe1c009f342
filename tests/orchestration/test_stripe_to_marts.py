"""A Stripe account, from its API to the published marts, with the command that a user runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ingestion.demo_company import source as demo
from ingestion.entities import ENTITIES
from tests.dbt_project.grain import doubled_rows
from tests.orchestration.conftest import SWITCHED_OFF, Desk, OnVendor
from tests.vendors.server import status
from tests.vendors.stripe import KEY, MAPPING, StripeServer

FIRST, SECOND = date(2026, 3, 5), date(2026, 3, 9)
TOML = """
[company]
time_zone = "America/New_York"

[sources.billing]
type = "stripe"
base_url = "{url}"
"""


@dataclass(frozen=True)
class Account(OnVendor):
    """The account, and the company that it mirrors on the last day."""

    secrets: ClassVar[Mapping[str, str]] = {"SOURCES__BILLING__API_KEY": KEY}

    server: StripeServer
    company: dict[str, dict[str, dict[str, Any]]]


def company(day: date) -> dict[str, dict[str, dict[str, Any]]]:
    """The demo company's bills as they are on a day."""
    source = demo.build_source("demo", start_date=date(2026, 1, 5), time_zone="America/New_York", scale=0.1)
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for entity, extract in source.extract([day], day).items():
        if entity in ("customer", "subscription", "invoice"):
            rows = [row for extraction in extract() for table in extraction.tables for row in table.to_pylist()]
            found[entity] = {row[ENTITIES[entity].key[0]]: row for row in rows}
    return found


# `test_hubspot_to_marts.py` runs a vendor every time, up to its marts; the reader of this one has quick tests, too.
@pytest.fixture(scope="module", params=[pytest.param("in views", marks=pytest.mark.slow)])
def account(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """Two captured days, in views or in marts."""
    desk = Desk(tmp_path_factory.mktemp("stripe"))
    with StripeServer(datetime(2026, 3, 5, 15, tzinfo=UTC)) as server:
        made = Account(server, desk, company(SECOND))
        (desk.folder / "pipeledger.toml").write_text(
            TOML.format(url=server.url) + MAPPING.format(name="billing") + SWITCHED_OFF
        )
        server.mirror(company(FIRST))
        server.put(status(401, {"error": {"message": f"Invalid API Key provided: {KEY}"}}), path="/v1/prices", times=2)
        failed = made.run("run")
        assert failed.code != 0
        assert KEY not in failed.err + failed.out
        made.capture()
        server.pass_time(days=(SECOND - FIRST).days)
        server.mirror(made.company)
        if request.param == "in views":
            made.capture()
            made.view()
        else:
            done = made.run("run")
            assert done.code == 0, done.err
        yield made


def naive(value: Any) -> Any:
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value


def test_subscriptions_and_invoices_come_back_as_they_were(account: Account) -> None:
    ids = account.server.ids
    for entity in ("customer", "subscription", "invoice"):
        columns = list(ENTITIES[entity].columns)
        today = account.read(
            f"select {', '.join(columns)} from staging.stg_stripe__{entity} "
            "where valid_to = '9999-12-31' and _pl_change = 'upsert'"
        )
        known = {name: {ours: theirs for (of, ours), theirs in ids.items() if of == name} for name in ENTITIES}
        wanted = set()
        for row in account.company[entity].values():
            told = {name: naive(row[name]) for name in columns}
            for of in ("customer", "subscription", "invoice"):
                if f"{of}_id" in told:
                    told[f"{of}_id"] = known[of].get(told[f"{of}_id"]) if of in known else ids[of, told[f"{of}_id"]]
            told["customer_id"] = ids["customer", row["customer_id"]]
            wanted.add(tuple(told.values()))
        assert set(today) == wanted
        assert len(today) > 30


# `test_hubspot_to_marts.py` builds the marts of a vendor every time, and `tests/oracles/revenue` those of revenue.
@pytest.mark.slow
@pytest.mark.parametrize("account", ["in marts"], indirect=True)
def test_revenue_is_published(account: Account) -> None:
    rows = account.read("select count(*) from marts.fct_mrr_movements", "published/pipeline.duckdb")
    assert rows[0][0] > 0
    assert doubled_rows(account.desk.home / "warehouse.duckdb") == {}


def test_versions_are_made_by_changes_only(account: Account) -> None:
    before, after = company(FIRST)["subscription"], account.company["subscription"]
    changed = sum(before[our_id] != row for our_id, row in after.items() if our_id in before)
    rows = account.read("select count(*) - count(distinct subscription_id) from staging.stg_stripe__subscription")
    assert rows == [(changed,)]


def test_the_doctor_names_the_key_and_the_lists(account: Account) -> None:
    found = account.run("doctor", "--json").json
    assert any("test mode" in str(each) for each in found)


def test_no_model_has_two_rows_of_one_grain(account: Account) -> None:
    assert doubled_rows(account.desk.home / "warehouse.duckdb") == {}


def test_nothing_that_the_runs_left_holds_the_key(account: Account) -> None:
    left = [path for path in account.desk.folder.rglob("*") if path.is_file()]
    assert any("dagster" in str(path) for path in left)
    assert [str(path) for path in left if KEY.encode() in path.read_bytes()] == []


# A company and a build of its own; `tests/dbt_project/test_stripe_prices.py` knows both prices.
@pytest.mark.slow
def test_a_price_in_another_currency_counts_by_its_option_or_is_named(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    (tmp_path / "definitions").mkdir()
    (tmp_path / "definitions" / "fx_rates.csv").write_text(
        "currency_code,rate_to_base,valid_from,owner,definition\nEUR,1.10,,,\n"
    )
    with StripeServer(datetime(2026, 3, 5, 15, tzinfo=UTC)) as server:
        toml = TOML.format(url=server.url).replace("[company]", '[company]\ndefinitions = "definitions"')
        (tmp_path / "pipeledger.toml").write_text(toml)
        priced = server.price("10000", currency_options={"eur": {"unit_amount": 9000, "unit_amount_decimal": "9000"}})
        unpriced = server.price("10000")
        start = int(datetime(2026, 1, 10, 12, tzinfo=UTC).timestamp())
        paid, unknown = (
            server.subscribe(server.add("customer"), [server.item(price, 2)], currency="eur", start_date=start)
            for price in (priced, unpriced)
        )
        made = Account(server, desk, {})
        done = made.run("run")
    assert done.code == 0, done.err
    amounts = made.read("select subscription_id, source_amount, currency_code from staging.stg_subscription")
    assert set(amounts) == {(paid, Decimal("180.00"), "EUR"), (unknown, None, "EUR")}
    mrr = made.read(
        "select sum(mrr_amount) from marts.fct_mrr_monthly where month_end = '2026-02-28'", "published/pipeline.duckdb"
    )
    assert mrr == [(Decimal("198.00"),)]
    named = f"such as {unknown}, have the price {unpriced['id']} in USD, whose amount in EUR is not captured"
    assert named in " ".join(done.err.split())


def test_init_says_where_the_key_belongs(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    done = desk.run("init", "--time-zone", "UTC", "--type", "stripe", "--source", "billing")
    assert done.code == 0, done.err
    assert "SOURCES__BILLING__API_KEY" in (tmp_path / "pipeledger.toml").read_text()
