"""The Stripe source against an account on 127.0.0.1: whole or not at all, whatever goes wrong on the way."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion.source import LandingError, SourceError
from ingestion.source_types import LANDED
from ingestion.vendors.client import Patience
from ingestion.vendors.stripe.objects import OBJECTS
from ingestion.vendors.stripe.source import LOOK_BACK, StripeSource, build_source
from tests.drawn import drawn
from tests.vendors.landing import Landing
from tests.vendors.server import Answer, Fault, Request, changed, cut, first_of, reset, silent, status, truncated
from tests.vendors.stripe import FIELDS, KEY, StripeServer

NOON = datetime(2026, 11, 2, 17, tzinfo=UTC)
FIXTURES = Path(__file__).parents[4].parent / "shared" / "data" / "stripe_fixtures.json"


@dataclass
class Account(Landing):
    """An account, a source on it, and a home to land in."""

    name, vendor = "billing", "stripe"
    time_zone = "UTC"

    server: StripeServer
    environment: dict[str, str] = field(default_factory=lambda: {"SOURCES__BILLING__API_KEY": KEY})

    def source(self, page_rows: int = 3, **options: Any) -> StripeSource:
        built: StripeSource = self.build(build_source, base_url=self.server.url, **options)
        return replace(built, api=replace(built.api, page_rows=page_rows))

    def whole(self, path: str) -> int:
        """The requests for pages of a list so far."""
        return len(self.server.asked(f"^{path}$"))


def live(server: StripeServer) -> None:
    """A small company: enough subscriptions and lines for several pages."""
    customers = [
        server.add("customer", name=f'Quo"ted Ünal {number}\nLtd', email=f"Who{number}@Example.COM", balance=0,
                   metadata={"account_id": f"acc-{number}"})
        for number in range(4)
    ]  # fmt: skip
    price = server.price("2500")
    coupon = server.add("coupon", percent_off=25.5, duration="forever", valid=True)
    for number, customer in enumerate(customers):
        items = [server.item(price, number + 1)]
        subscription = server.subscribe(customer, items, discounts=(server.discount(coupon, customer=customer),))
        server.invoice(customer, 5000, subscription=subscription, lines=12 if number == 0 else 1)
        server.pass_time(minutes=1)
    server.subscribe(customers[0], [server.item(price) for _ in range(12)], status="canceled", ended_at=server.seconds)
    server.add("credit_note", customer=customer, invoice="in_x", amount=100, currency="usd", status="issued", lines=[])
    server.pass_time(days=1)


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with StripeServer(NOON) as server:
        live(server)
        yield Account(server, tmp_path)


WHOLE = {
    "customer": 4, "product": 1, "price": 1, "coupon": 1, "subscription": 5, "subscription_item": 16, "discount": 4,
    "invoice": 4, "invoice_line": 15, "credit_note": 1,
}  # fmt: skip


def truth(server: StripeServer) -> dict[str, set[str]]:
    return {
        name: {json.dumps(row, sort_keys=True) for row in server.rows[name].values()}
        for name in ("customer", "subscription", "invoice", "credit_note")
    }


def test_every_object_lands_whole_under_its_own_names(account: Account) -> None:
    account.through_dlt = True
    assert account.land() == WHOLE
    assert set(OBJECTS) == set(LANDED["stripe"]) == set(WHOLE)
    assert account.read("select distinct status, canceled_at from billing.subscription order by 1") == [
        ("active", None), ("canceled", None)
    ]  # fmt: skip
    first = account.read("select name, email_domain, metadata_account_id, created from billing.customer order by id")[0]
    assert first == ('Quo"ted Ünal 0\nLtd', "example.com", "acc-0", "2026-11-02T17:00:00+00:00")
    items = json.loads(account.read("select items from billing.subscription order by start_date desc limit 1")[0][0])
    assert len(items) == 12
    assert "current_period_end" not in items[0]


def test_coupons_are_filled_into_discounts_and_links_and_minor_units_are_as_told(account: Account) -> None:
    account.land()
    discounts = account.read("select discounts from billing.subscription where status = 'active'")
    assert {json.loads(row[0])[0]["source"]["coupon"]["percent_off"] for row in discounts} == {25.5}
    assert account.read("select distinct total from billing.invoice") == [("5000",)]
    columns = {row[0] for row in account.read("describe billing.invoice")}
    assert columns.isdisjoint({"hosted_invoice_url", "invoice_pdf", "lines"})


def test_people_stay_personal(account: Account) -> None:
    account.land()
    said = account.read("select personal, email_column from billing.manifest where entity = 'customer'")[0]
    assert {"email", "phone", "address", "description"} <= set(json.loads(said[0]))
    assert said[1] == "email"


@pytest.mark.parametrize(
    "fault",
    [
        status(429, retry_after="3"), status(429), status(409), status(500), status(503), reset(), truncated(), cut(),
        changed(lambda answer: replace(answer, body=b"")), changed(lambda answer: replace(answer, body=b"[]")),
    ],
    ids=["429 asked", "429", "409", "500", "503", "reset", "truncated", "cut", "empty", "no object"],
)  # fmt: skip
@pytest.mark.parametrize("path", first_of(["/v1/customers", "/v1/subscription_items", "/lines", "/v1/coupons"]))
def test_passing_trouble_anywhere_is_waited_out(account: Account, fault: Fault, path: str) -> None:
    account.only = ("customer",) if path == "/v1/customers" else ()
    account.server.put(fault, path=path)
    assert account.land() == {name: WHOLE[name] for name in account.only or WHOLE}


def test_what_stripe_says_not_to_repeat_is_not_repeated(account: Account) -> None:
    account.server.put(status(500, {}, Stripe_Should_Retry="false"), path="/v1/customers")
    with pytest.raises(LandingError, match="HTTP 500"):
        account.land()
    assert account.whole("/v1/customers") == 1


def repeated(request: Request, vendor: Callable[[Request], Answer]) -> Answer:
    return vendor(replace(request, query={k: v for k, v in request.query.items() if k != "starting_after"}))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (repeated, "repeats objects"),
        (changed(lambda a: Answer({**a.body, "data": [], "has_more": True})), "is empty and more is to come"),
        (changed(lambda a: Answer({"object": "list"})), "is no list"),
    ],
    ids=["a page repeated", "a page missing", "no list"],
)
def test_pages_that_do_not_add_up_end_the_run_and_a_second_run_completes(
    account: Account, fault: Fault, said: str
) -> None:
    account.server.put(fault, path="/v1/subscriptions$", after=1)
    with pytest.raises(LandingError, match=said):
        account.land()
    assert account.land() == WHOLE


def test_a_bad_key_is_named_by_its_source_and_never_shown(account: Account) -> None:
    account.server.keys = set()
    with pytest.raises(LandingError, match="HTTP 401") as raised:
        account.land()
    assert KEY not in str(raised.value)
    account.server.keys = {KEY}
    account.land()
    left = [path for path in account.home.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
    assert left == []


def test_a_list_that_the_key_may_not_read_ends_the_run_and_is_named_by_the_doctor(account: Account) -> None:
    account.server.denied = {"invoice"}
    with pytest.raises(LandingError, match="HTTP 403"):
        account.land()
    found = list(account.source().check())
    failing = [each for each in found if each.level == "fail"]
    assert len(failing) == 1
    assert "rak_invoice_read" in str(failing[0])
    assert "invoice" not in account.land(exclude=["invoice", "invoice_line"])


def test_only_what_was_touched_is_fetched_anew(account: Account) -> None:
    account.land()
    server = account.server
    server.pass_time(days=1)
    subscription = next(iter(server.rows["subscription"]))
    server.change("subscription", subscription, status="past_due")
    customer = server.add("customer", name="New")
    before = account.whole("/v1/subscriptions")
    assert account.land() == WHOLE | {"customer": 5}
    assert account.whole("/v1/subscriptions") == before
    assert account.read(f"select status from billing.subscription where id = '{subscription}'") == [("past_due",)]
    assert account.read(f"select name from billing.customer where id = '{customer}'") == [("New",)]


def test_what_was_deleted_ends(account: Account) -> None:
    account.land()
    server = account.server
    server.pass_time(days=1)
    server.delete("customer", next(iter(server.rows["customer"])))
    server.delete("invoice", next(iter(server.rows["invoice"])))
    assert account.land() == WHOLE | {"customer": 3, "invoice": 3, "invoice_line": 3}


def test_an_event_that_came_late_is_seen(account: Account) -> None:
    account.land()
    server = account.server
    row = next(iter(server.rows["customer"]))
    run_at = server.now
    server.now = run_at - timedelta(minutes=30)
    server.change("customer", row, name="Late")
    server.now = run_at + timedelta(days=1)
    before = account.whole("/v1/customers")
    account.land()
    assert account.whole("/v1/customers") == before
    assert account.read("select count(*) from billing.customer where name = 'Late'") == [(1,)]


@pytest.mark.parametrize("days", [7, 40])
def test_after_a_week_or_an_outage_lists_are_pulled_whole(account: Account, days: int) -> None:
    account.land()
    server = account.server
    row = next(iter(server.rows["customer"]))
    server.change_in_silence("customer", row, name="Without an event")
    server.pass_time(days=days)
    account.land()
    assert account.read("select count(*) from billing.customer where name = 'Without an event'") == [(1,)]


def test_a_field_that_comes_or_goes_is_the_same_for_all_rows(account: Account) -> None:
    account.land()
    server = account.server
    for row in server.rows["customer"].values():
        del row["balance"]
        row["business_name"] = "Globex"
    server.pass_time(days=1)
    server.change("customer", next(iter(server.rows["customer"])), name="Touched")
    account.land()
    columns = {row[0] for row in account.read("describe billing.customer")}
    assert "balance" not in columns
    assert account.read("select distinct business_name from billing.customer") == [("Globex",)]


@pytest.mark.parametrize("path", ["/v1/customers", "/v1/events", "/lines"])
def test_a_silent_server_is_asked_again(account: Account, path: str) -> None:
    account.land()
    account.server.pass_time(days=1 if path == "/v1/events" else 8)
    account.server.put(silent(1.5), path=path)
    assert account.land(patience=Patience(read_timeout=0.5)) == WHOLE
    assert account.waits


@pytest.mark.parametrize("times", first_of([1, 5]))
def test_a_list_goes_on_where_the_object_that_the_next_page_was_to_follow_was_deleted(
    account: Account, times: int
) -> None:
    server = account.server
    for number in range(6):
        server.add("customer", name=f"Late {number}")

    def delete_the_cursor(request: Request, vendor: Callable[[Request], Answer]) -> Answer:
        if after := request.query.get("starting_after"):
            server.delete("customer", after)
        return vendor(request)

    server.put(delete_the_cursor, path="/v1/customers$", after=1, times=times)
    landed = account.land()["customer"]
    held = {row["id"] for row in server.rows["customer"].values()}
    assert set(account.read("select id from billing.customer")) == {(each,) for each in held}
    assert landed == len(held) == 10 - len(server.deleted) < 10


def test_a_nested_list_goes_on_where_its_last_object_known_was_deleted(account: Account) -> None:
    server = account.server
    invoice = next(row for row in server.rows["invoice"].values() if len(row["lines"]) > 10)

    def delete_the_cursor(request: Request, vendor: Callable[[Request], Answer]) -> Answer:
        invoice["lines"] = [line for line in invoice["lines"] if line["id"] != request.query["starting_after"]]
        return vendor(request)

    server.put(delete_the_cursor, path="/lines$")
    assert account.land() == WHOLE | {"invoice_line": WHOLE["invoice_line"] - 1}


def test_a_list_that_never_stands_still_ends_the_run(account: Account) -> None:
    server = account.server

    def refuse_the_cursor(request: Request, vendor: Callable[[Request], Answer]) -> Answer:
        error = {"code": "resource_missing", "param": "starting_after", "message": "No such customer"}
        return Answer({"error": error}, 400) if "starting_after" in request.query else vendor(request)

    server.put(refuse_the_cursor, path="/v1/customers$", times=1_000)
    with pytest.raises(LandingError, match=r"101 objects were deleted.*Expected a list that stands still\. Nothing"):
        account.land()
    assert len(account.waits) == 0
    server.recover()
    assert account.land() == WHOLE


def test_what_changes_while_a_list_is_read_is_made_good_by_the_next_run(account: Account) -> None:
    server = account.server

    def stir(request: Request, vendor: Callable[[Request], Answer]) -> Answer:
        answer = vendor(request)
        last, *_, first = server.rows["customer"]
        server.add("customer", name="New")
        server.change("customer", first, name="Changed after it was read")
        server.delete("customer", last)
        return answer

    server.put(stir, path="/v1/customers$", after=1)
    account.land()
    server.pass_time(days=1)
    account.land()
    held = {(row["id"], row["name"]) for row in server.rows["customer"].values()}
    assert set(account.read("select id, name from billing.customer")) == held


def test_events_of_the_second_at_the_window_s_edge_are_seen(account: Account) -> None:
    account.land()
    server = account.server
    run_at = server.now
    server.now = run_at - LOOK_BACK
    for row in server.rows["customer"]:
        server.change("customer", row, name="At the edge")
    server.now = run_at + timedelta(days=1)
    before = account.whole("/v1/customers")
    account.land()
    assert account.whole("/v1/customers") == before
    assert account.read("select distinct name from billing.customer") == [("At the edge",)]


def test_more_than_ten_thousand_events_of_one_second_are_all_read(account: Account) -> None:
    account.land()
    server = account.server
    first, *_, last = server.rows["customer"]
    server.pass_time(days=1)
    server.change("customer", first, name="Before all others")
    for number in range(10_001):
        server.change("customer", last, name=f"Change {number}")
    before = account.whole("/v1/customers")
    account.land(page_rows=100)
    assert account.whole("/v1/customers") == before
    assert set(account.read(f"select name from billing.customer where id in ('{first}', '{last}')")) == {
        ("Before all others",), ("Change 10000",)
    }  # fmt: skip


def test_a_renamed_field_is_another_for_all_rows_and_a_retyped_one_the_same(account: Account) -> None:
    account.land()
    server = account.server
    for row in server.rows["customer"].values():
        row["open_balance"] = row.pop("balance")
        row["delinquent"] = {"since": 1}
    server.pass_time(days=1)
    server.change("customer", next(iter(server.rows["customer"])), name="Touched")
    account.land()
    columns = {row[0]: row[1] for row in account.read("describe billing.customer")}
    assert "balance" not in columns
    assert columns["delinquent"] == "VARCHAR"
    assert account.read("select distinct open_balance, delinquent from billing.customer") == [("0", '{"since":1}')]


def test_a_run_that_broke_off_repeats_from_the_old_cursor(account: Account) -> None:
    account.through_dlt = True
    account.land()
    server = account.server
    server.pass_time(days=1)
    server.change("customer", next(iter(server.rows["customer"])), name="Changed")
    server.put(status(400), path="/v1/credit_notes|/v1/events", after=3, times=9)
    with pytest.raises(LandingError):
        account.land()
    server.recover()
    server.pass_time(days=1)
    account.land()
    assert account.read("select count(*) from billing.customer where name = 'Changed'") == [(1,)]


def test_a_discount_ends_and_a_deleted_coupon_still_discounts(account: Account) -> None:
    server = account.server
    gone = server.add("coupon", percent_off=10.0, duration="repeating", valid=True, applies_to={"products": ["prod_x"]})
    end = server.seconds + 86_400 * 2
    customer = next(iter(server.rows["customer"]))
    item = server.item(server.price(), discounts=(server.discount(gone),))
    subscription = server.subscribe(customer, [item], discounts=(server.discount(gone, end=end),))
    server.change("customer", customer, discount=server.discount(gone))
    server.delete("coupon", gone)
    account.land()
    query = f"select discounts, items, customer_discount from billing.subscription where id = '{subscription}'"
    own, items, customers = (json.loads(value) for value in account.read(query)[0])
    for each in (own[0], items[0]["discounts"][0], customers):
        assert each["source"]["coupon"]["applies_to"] == {"products": ["prod_x"]}
    server.pass_time(days=3)
    account.land()
    assert json.loads(account.read(query)[0][0]) == []


OPTIONS = {
    "usd": {"unit_amount": 10000, "unit_amount_decimal": "10000"},
    "eur": {"unit_amount": 9000, "unit_amount_decimal": "9000"},
}


def prices_of_items(account: Account, subscription: str) -> list[Any]:
    """The currency options of a subscription's prices, as they landed."""
    items = account.read(f"select items from billing.subscription where id = '{subscription}'")[0][0]
    return [each["price"].get("currency_options", "not told") for each in json.loads(items)]


def test_a_price_s_amounts_in_other_currencies_land_with_it_and_where_a_subscription_needs_them(
    account: Account,
) -> None:
    server = account.server
    customer = next(iter(server.rows["customer"]))
    price, plain = server.price("10000", currency_options=OPTIONS), server.price("500")
    own = server.subscribe(customer, [server.item(price)])
    other = server.subscribe(customer, [server.item(price), server.item(plain)], currency="eur")
    account.land()
    landed = account.read(f"select currency_options from billing.price where id = '{price['id']}'")[0][0]
    assert json.loads(landed) == OPTIONS
    assert prices_of_items(account, own) == ["not told"]
    assert prices_of_items(account, other) == [{"eur": OPTIONS["eur"]}, None]
    server.pass_time(days=1)
    server.change("price", price["id"], currency_options=OPTIONS | {"eur": {"unit_amount": 9500}})
    account.land()
    assert prices_of_items(account, other) == [{"eur": {"unit_amount": 9500}}, None]


def test_a_price_that_is_in_no_list_is_told_by_its_item(account: Account) -> None:
    server = account.server
    item = server.item(server.price("10000", currency_options=OPTIONS))
    subscription = server.subscribe(next(iter(server.rows["customer"])), [item, item], currency="eur")
    account.land(exclude=["price"])
    assert prices_of_items(account, subscription) == [{"eur": OPTIONS["eur"]}] * 2
    assert account.whole("/v1/prices") == 0
    assert account.whole(f"/v1/subscription_items/{item['id']}") == 1


def test_a_customer_s_account_is_its_subscriptions(account: Account) -> None:
    account.land(columns={"customer": {"metadata.crm": "account_id"}})
    server = account.server
    server.pass_time(days=1)
    customer = next(iter(server.rows["customer"]))
    server.change("customer", customer, metadata={"crm": "001A"})
    account.land(columns={"customer": {"metadata.crm": "account_id"}})
    assert account.read(
        f"select distinct customer_account_id from billing.subscription where customer = '{customer}'"
    ) == [("001A",)]


def test_an_account_without_anything_lands_empty(tmp_path: Path) -> None:
    with StripeServer(NOON) as server:
        account = Account(server, tmp_path)
        assert set(account.land().values()) == {0}
        assert {"id", "start_date"} <= {row[0] for row in account.read("describe billing.subscription")}


@pytest.mark.parametrize("seed", first_of(range(3)))
def test_random_days_are_landed_as_they_are(account: Account, seed: int) -> None:
    """Days of changes: each extraction is what the account then holds."""
    server, chance = account.server, random.Random(seed)
    price = server.price("100")
    for _ in range(drawn(5, 10)):
        for _ in range(chance.randrange(6)):
            what = chance.randrange(6)
            customer = chance.choice(list(server.rows["customer"]))
            if what == 0:
                server.subscribe(customer, [server.item(price, chance.randrange(9))])
            elif what == 1:
                server.invoice(customer, chance.randrange(10_000), lines=chance.randrange(1, 14))
            elif what == 2:
                server.change("subscription", chance.choice(list(server.rows["subscription"])), status="unpaid")
            elif what == 3:
                server.add("customer", name=f"Customer {chance.random()}")
            elif what == 4 and len(server.rows["customer"]) > 2:
                server.delete("customer", customer)
            elif what == 5:
                server.delete("invoice", chance.choice(list(server.rows["invoice"]) or [server.invoice(customer, 1)]))
            server.pass_time(seconds=chance.randrange(2))
        account.land()
        landed = set(account.read("select 'customer', id, name from billing.customer"))
        landed |= set(account.read("select 'subscription', id, status from billing.subscription"))
        landed |= set(account.read("select 'invoice', id, total from billing.invoice"))
        held = {("customer", row["id"], row["name"]) for row in server.rows["customer"].values()}
        held |= {("subscription", row["id"], row["status"]) for row in server.rows["subscription"].values()}
        held |= {("invoice", row["id"], str(row["total"])) for row in server.rows["invoice"].values()}
        assert landed == held
        lines = sum(len(row["lines"]) for row in server.rows["invoice"].values())
        assert account.read("select count(*), count(distinct id) from billing.invoice_line") == [(lines, lines)]
        server.pass_time(days=1)


def test_options_that_cannot_be_right_are_refused(account: Account) -> None:
    for options in ({"api_version": "2024-06-20"}, {"exclude": ["charge"]}):
        with pytest.raises(SourceError, match="Expected"):
            account.source(**options)


@pytest.mark.skipif(not FIXTURES.exists(), reason="the shared rows are not beside the project")
@pytest.mark.parametrize("name", FIELDS)
def test_the_simulator_s_objects_have_stripe_s_fields(name: str) -> None:
    known = json.loads(FIXTURES.read_text())["resources"][name]
    assert set(FIELDS[name]) ^ set(known) <= {"subscription"}


def test_a_key_within_a_key_that_models_read_may_be_missing(account: Account) -> None:
    read = {"customer": "customer_id", "pause_collection_behavior": "paused_from", "items": "amount"}
    account.land(read={"subscription": read})
    assert json.loads(account.manifest("subscription")["expected"]) == {"customer": "customer_id", "items": "amount"}
    assert json.loads(account.manifest("customer")["expected"]) == {}
