"""Companies on vendors, built in Spark: each model has the rows that it has in DuckDB."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from orchestration.settings.home import Home
from tests.orchestration import test_hubspot_to_marts as on_hubspot
from tests.orchestration import test_marketo_to_marts as on_marketo
from tests.orchestration import test_salesforce_to_marts as on_salesforce
from tests.orchestration.conftest import STAGES, Desk
from tests.orchestration.steps.test_spark import assert_same_models_in_spark
from tests.vendors.hubspot import HubspotServer
from tests.vendors.marketo import MAPPING, MarketoServer
from tests.vendors.salesforce import SalesforceServer

pytestmark = pytest.mark.slow  # Spark takes minutes for each; test_spark.py has the rest


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


@pytest.mark.parametrize("company", [salesforce_and_marketo, hubspot], ids=["salesforce, marketo", "hubspot"])
def test_every_model_of_a_vendor_is_the_same_in_spark_and_in_duckdb(
    company: Callable[[Path, ExitStack], Desk], tmp_path: Path
) -> None:
    with ExitStack() as stack:
        desk = company(tmp_path, stack)
    assert_same_models_in_spark(Home(desk.home), tmp_path / "pipeledger.toml")
