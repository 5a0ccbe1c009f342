"""The account that the tests of the HubSpot source read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.vendors.hubspot import reader
from tests.ingestion.vendors.hubspot.account import NOON, Account, live
from tests.vendors.hubspot import HubspotServer


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with HubspotServer(NOON) as server:
        live(server)
        yield Account(server, tmp_path)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LISTED", "SEARCHED", "READ", "READ_WITH_HISTORY", "ASSOCIATED", "EVENTS", "SUBMISSIONS"):
        monkeypatch.setattr(reader, name, 2)
