"""Companies on vendors, built in Spark: each model has the rows that it has in DuckDB."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from orchestration.settings.home import Home
from tests.dbt_project.test_stripe_prices import CASES, at_random
from tests.orchestration import test_hubspot_to_marts as on_hubspot
from tests.orchestration import test_marketo_to_marts as on_marketo
from tests.orchestration import test_salesforce_to_marts as on_salesforce
from tests.orchestration import test_stripe_to_marts as on_stripe
from tests.orchestration.conftest import STAGES, Desk
from tests.orchestration.steps.test_spark import assert_same_models_in_spark
from tests.vendors.hubspot import HubspotServer
from tests.vendors.marketo import MAPPING, MarketoServer
from tests.vendors.salesforce import SalesforceServer
from tests.vendors.stripe import MAPPING as MAPPING_OF_STRIPE
from tests.vendors.stripe import StripeServer

pytestmark = pytest.mark.slow  # Spark takes minutes for each; test_spark.py has the rest

OF_A_PRICE = ("product", "currency", "recurring", "transform_quantity", "currency_options")
RATES = "currency_code,rate_to_base,valid_from,owner,definition\n" + "".join(
    f"{currency},{rate},,,\n"
    for currency, rate in {"EUR": 1.1, "JPY": 0.0067, "KWD": 3.25, "ISK": 0.008, "IDR": 0.000061}.items()
)


def salesforce_and_marketo(folder: Path, stack: ExitStack) -> Desk:
    """Two days of an org beside a subscription, and the org's own history before them, built."""
    org = stack.enter_context(SalesforceServer(on_salesforce.START))
    automation = stack.enter_context(MarketoServer(on_marketo.START))
    org.looks_needed = 0
    ids = on_salesforce.live(org)
    on_marketo.live(automation)
    _, of_marketo = on_marketo.TOML.format(url=automation.url).split("[sources.", 1)
    settings = on_salesforce.TOML.format(url=org.url) + "[sources." + of_marketo + MAPPING.replace("{name}", "mkt")
    secrets = {**on_salesforce.Org.secrets, **on_marketo.Subscription.secrets}
    desk = with_settings(folder, settings)
    org.now = automation.now
    desk.capture(org.now, secrets)
    on_salesforce.live_on(org, ids)
    on_marketo.live_on(automation)
    desk.capture(org.now, secrets, accept=["drop"])
    return built(desk, "sf", {"PIPELEDGER_NOW": org.now.isoformat(), **secrets})


def hubspot(folder: Path, stack: ExitStack) -> Desk:
    """Two days of an account, and its own history before them, built."""
    server = stack.enter_context(HubspotServer(on_hubspot.START))
    ids = on_hubspot.live(server)
    desk = with_settings(folder, on_hubspot.TOML.format(url=server.url))
    desk.capture(server.now, on_hubspot.Account.secrets)
    on_hubspot.live_on(server, ids)
    desk.capture(server.now, on_hubspot.Account.secrets)
    return built(desk, "hs", {"PIPELEDGER_NOW": server.now.isoformat(), **on_hubspot.Account.secrets})


def stripe(folder: Path, stack: ExitStack) -> Desk:
    """Three days of an account: every kind of price and discount beside the demo company's bills, built."""
    server = stack.enter_context(StripeServer(datetime(2026, 3, 5, 15, tzinfo=UTC)))
    settings = on_stripe.TOML.format(url=server.url) + MAPPING_OF_STRIPE.format(name="billing")
    desk = with_settings(folder, settings.replace("[company]", '[company]\ndefinitions = "definitions"'))
    (desk.folder / "definitions" / "fx_rates.csv").write_text(RATES)
    server.mirror(on_stripe.company(on_stripe.FIRST))
    ids = subscribe(server)
    desk.capture(server.now, on_stripe.Account.secrets)
    server.pass_time(days=(on_stripe.SECOND - on_stripe.FIRST).days)
    server.mirror(on_stripe.company(on_stripe.SECOND))
    live_on(server, ids)
    desk.capture(server.now, on_stripe.Account.secrets)
    server.pass_time(days=24)  # into the next month: what happened counts in this one
    desk.capture(server.now, on_stripe.Account.secrets)
    done = desk.run("build", env={"PIPELEDGER_NOW": server.now.isoformat(), **on_stripe.Account.secrets})
    assert done.code == 0, done.err[-3000:]
    return desk


def subscribe(server: StripeServer) -> list[str]:
    """A subscription of a customer of its own for each case of a price, and for some that are drawn."""
    priced = [(items, discounts, currency) for items, discounts, currency, _, _ in CASES.values()]
    priced += [(*at_random(Random(seed)), "usd") for seed in range(60)]
    start = int(datetime(2026, 1, 20, 12, tzinfo=UTC).timestamp())
    return [
        server.subscribe(
            server.add("customer", name=f"Priced {number}", metadata={"account_id": f"priced-{number}"}),
            [
                server.item(
                    server.price(
                        each["price"]["unit_amount_decimal"],
                        **{name: value for name, value in each["price"].items() if name in OF_A_PRICE},
                    ),
                    each["quantity"],
                    discounts=discounted(server, each["discounts"]),
                )
                for each in items
            ],
            discounts=discounted(server, discounts),
            currency=currency,
            start_date=start + number % 40 * 86_400,
        )
        for number, (items, discounts, currency) in enumerate(priced)
    ]


def discounted(server: StripeServer, discounts: list[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    coupons = [each["source"]["coupon"] for each in discounts]
    return tuple(server.discount(server.add("coupon", **coupon)) for coupon in coupons if coupon != "gone")


def live_on(server: StripeServer, ids: list[str]) -> None:
    """Subscriptions are paused, tried, discounted by their customer, have one more seat, are yearly now, and end."""
    paused, resuming, tried, reduced, grown, yearly, ended = ids[-7:]
    earlier, later = server.seconds - 86_400, server.seconds + 9 * 86_400
    rows = server.rows["subscription"]
    pause = {"behavior": "void", "resumes_at": None}
    server.change("subscription", paused, pause_collection=pause, metadata={"paused_from": "2026-03-07"})
    server.change("subscription", resuming, pause_collection=pause | {"resumes_at": later})
    server.change("subscription", tried, status="trialing", trial_start=earlier, trial_end=later)
    coupon = server.add("coupon", percent_off=12.5, duration="forever", valid=True)
    server.change("customer", rows[reduced]["customer"], discount=server.discount(coupon))
    server.change("subscription", reduced, discounts=[])
    more = [item | {"quantity": item["quantity"] + 1} for item in rows[grown]["items"]]
    server.change("subscription", grown, items=more)
    server.change("subscription", yearly, items=[server.item(server.price("99999.5", recurring={"interval": "year"}))])
    server.change("subscription", ended, status="canceled", canceled_at=earlier, ended_at=earlier)


def with_settings(folder: Path, settings: str) -> Desk:
    (folder / "definitions").mkdir()
    (folder / "definitions" / "stage_definitions.csv").write_text(STAGES)
    (folder / "pipeledger.toml").write_text(settings)
    return Desk(folder)


def built(desk: Desk, source: str, env: Mapping[str, str]) -> Desk:
    """With the history of a source, and all models of DuckDB's."""
    done = desk.run("backfill", "--source", source, env=dict(env))
    assert done.code == 0, done.err[-3000:]
    return desk


@pytest.mark.parametrize(
    "company", [salesforce_and_marketo, hubspot, stripe], ids=["salesforce, marketo", "hubspot", "stripe"]
)
def test_every_model_of_a_vendor_is_the_same_in_spark_and_in_duckdb(
    company: Callable[[Path, ExitStack], Desk], tmp_path: Path
) -> None:
    with ExitStack() as stack:
        desk = company(tmp_path, stack)
    assert_same_models_in_spark(Home(desk.home), tmp_path / "pipeledger.toml")
