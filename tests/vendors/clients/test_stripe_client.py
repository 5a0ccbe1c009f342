"""Stripe's own client reads the same from the account on 127.0.0.1 as our source does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import stripe

from ingestion.vendors.account import VendorAccount
from ingestion.vendors.carried_state import CarriedStates
from ingestion.vendors.secrets import Secrets
from ingestion.vendors.stripe.client import API_VERSION
from ingestion.vendors.stripe.source import build_source
from tests.vendors.stripe import KEY, StripeServer

NOON = datetime(2026, 11, 2, 17, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[StripeServer]:
    with StripeServer(NOON) as server:
        coupon = server.add("coupon", percent_off=10.0, duration="forever", valid=True)
        price = server.price()
        for number in range(25):
            customer = server.add("customer", name=f"Customer {number}", metadata={"account_id": str(number)})
            items = [server.item(price) for _ in range(12)]
            subscription = server.subscribe(customer, items, discounts=(server.discount(coupon),))
            server.invoice(customer, 1200, subscription=subscription, lines=12)
        yield server


@pytest.fixture
def client(server: StripeServer) -> stripe.StripeClient:
    return stripe.StripeClient(KEY, base_addresses={"api": server.url}, max_network_retries=0)


def test_the_pinned_version_is_the_client_s() -> None:
    assert stripe.api_version == API_VERSION


def test_the_client_reads_the_same_objects(server: StripeServer, client: stripe.StripeClient, tmp_path: Path) -> None:
    account = VendorAccount(
        name="billing",
        secrets=Secrets("billing", tmp_path, {"SOURCES__BILLING__API_KEY": KEY}),
        carried=CarriedStates(tmp_path / "carried"),
        time_zone="UTC",
        clock=lambda: server.now,
    )
    source = build_source(account, base_url=server.url)
    theirs: dict[str, Iterable[Any]] = {
        "customer": client.v1.customers.list({"limit": 10}).auto_paging_iter(),
        "subscription": client.v1.subscriptions.list({"status": "all", "limit": 10}).auto_paging_iter(),
        "invoice": client.v1.invoices.list({"limit": 10}).auto_paging_iter(),
        "coupon": client.v1.coupons.list().auto_paging_iter(),
    }
    for entity, objects in theirs.items():
        extraction = source.extraction(entity, NOON.date())
        ours = {row["id"] for table in extraction.tables for row in table.to_pylist()}
        assert ours == {each.id for each in objects}
        assert ours
    lines = client.v1.invoices.line_items.list(next(iter(server.rows["invoice"])), {"limit": 100})
    assert len(list(lines.auto_paging_iter())) == 12


def test_a_price_tells_its_currencies_to_who_expands_them(server: StripeServer, client: stripe.StripeClient) -> None:
    price = server.price("10000", currency_options={"eur": {"unit_amount": 9000}})
    item = server.item(price)
    server.subscribe(next(iter(server.rows["customer"])), [item], currency="eur")
    plain, expanded = (client.v1.prices.list({"expand": names}).data for names in ([], ["data.currency_options"]))
    assert all("currency_options" not in each for each in plain)
    options = {each.id: each["currency_options"] for each in expanded}
    assert options[price["id"]]["eur"]["unit_amount"] == 9000
    assert [sorted(each.to_dict()) for each in options.values()] == [["eur", "usd"], ["usd"]]
    assert "currency_options" not in client.v1.subscription_items.retrieve(item["id"]).price
    told = client.v1.subscription_items.retrieve(item["id"], {"expand": ["price.currency_options"]}).price
    assert told["currency_options"]["eur"]["unit_amount"] == 9000
    with pytest.raises(stripe.InvalidRequestError, match="more than 4 levels"):
        client.v1.subscriptions.list({"expand": ["data.items.data.price.currency_options"]})


def test_what_the_client_is_refused_is_what_stripe_refuses(server: StripeServer, client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="Invalid limit"):
        client.v1.customers.list({"limit": 101})
    with pytest.raises(stripe.InvalidRequestError, match="No such customer") as missing:
        client.v1.customers.retrieve("cus_none")
    assert missing.value.code == "resource_missing"
    with pytest.raises(stripe.InvalidRequestError, match="more than 4 levels"):
        client.v1.subscriptions.list({"expand": ["data.items.data.discounts.source.coupon"]})
    server.denied = {"customer"}
    with pytest.raises(stripe.PermissionError, match="rak_customer_read"):
        client.v1.customers.list()
    server.keys = set()
    with pytest.raises(stripe.AuthenticationError):
        client.v1.products.list()


def test_the_client_sees_events_and_deleted_customers(server: StripeServer, client: stripe.StripeClient) -> None:
    customer = next(iter(server.rows["customer"]))
    server.delete("customer", customer)
    assert client.v1.customers.retrieve(customer).deleted
    found = client.v1.events.list({"types": ["customer.deleted"]}).data
    assert [each.data.object["id"] for each in found] == [customer]
    server.pass_time(days=31)
    assert client.v1.events.list().data == []
