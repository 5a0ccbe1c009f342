"""The way in: versions, tokens, scopes, and what `doctor` and `init` are told."""

from __future__ import annotations

import pytest

from ingestion.source import LandingError, SourceError
from ingestion.source_types import LANDED
from ingestion.vendors.hubspot.reader import path
from tests.ingestion.vendors.hubspot.account import Account
from tests.vendors.hubspot import TOKEN
from tests.vendors.server import status


@pytest.mark.parametrize(
    ("version", "dated", "associations"),
    [
        ("2026-03", "/crm/objects/2026-03/deals", "/crm/associations/2026-03/deals/companies"),
        ("v3", "/crm/v3/objects/deals", "/crm/v4/associations/deals/companies"),
    ],
)
def test_paths_of_versions(version: str, dated: str, associations: str) -> None:
    assert path(version, "crm/objects", "deals") == dated
    assert path(version, "crm/associations", "deals", "companies") == associations
    assert path(version, "account-info", "details") == f"/account-info/{version}/details"


def test_the_numbered_version_gives_the_same(account: Account) -> None:
    assert account.land(api_version="v3") == account.land()


def test_another_version_is_refused(account: Account) -> None:
    with pytest.raises(SourceError, match="api_version"):
        account.source(api_version="latest")
    with pytest.raises(LandingError, match="HTTP 404"):
        account.land(api_version="2031-01")


def test_a_wrong_token_is_named_by_no_message(account: Account) -> None:
    account.environment["SOURCES__CRM__ACCESS_TOKEN"] = TOKEN[::-1]
    with pytest.raises(LandingError, match="HTTP 401") as failure:
        account.land()
    assert TOKEN[::-1] not in str(failure.value)


def test_a_missing_token_says_where_it_belongs(account: Account) -> None:
    account.environment.clear()
    with pytest.raises(LandingError, match="SOURCES__CRM__ACCESS_TOKEN"):
        account.land()


def test_nothing_that_a_run_leaves_holds_the_token(account: Account) -> None:
    account.server.put(status(400, {"category": "X", "message": TOKEN}), path="/associations/")
    with pytest.raises(LandingError) as failure:
        account.land()
    account.land()
    left = b"".join(each.read_bytes() for each in account.home.rglob("*") if each.is_file())
    assert TOKEN.encode() not in left + str(failure.value).encode()


def test_a_sound_account_has_no_failure(account: Account) -> None:
    findings = list(account.source().check())
    assert {finding.level for finding in findings} == {"ok"}
    assert {finding.check for finding in findings} == {"credentials", "daily calls", *LANDED["hubspot"]}


def test_what_is_missing_is_found_with_its_fix(account: Account) -> None:
    account.server.scopes.remove("crm.objects.users.read")
    del account.server.properties["deals"]["amount"]
    account.server.used = int(account.server.limit * 0.8)
    source = account.source(columns={"opportunity": {"lost_because": "loss_reason"}}, api_reserve=0.1)
    found = {finding.check: finding for finding in source.check()}
    assert found["deal"].level == "warn"
    assert "amount, lost_because" in found["deal"].message
    assert found["user"].level == "fail"
    assert "crm.objects.users.read" in found["user"].message


def test_the_stages_are_those_of_the_pipelines(account: Account) -> None:
    assert [(each.pipeline, each.stage, each.order, each.category, each.probability) for each in
            account.source().stages()] == [
        ("Sales", "Open", 1, "open", "0.2"), ("Sales", "Won", 2, "won", "1"), ("Sales", "Lost", 3, "lost", "0")
    ]  # fmt: skip


def test_the_lifecycle_is_proposed_from_the_account(account: Account) -> None:
    account.server.custom("contacts", "hs_v2_date_entered_12345", "datetime", 'Date entered "Sales accepted lead"')
    assert account.source().lifecycle() == {
        "hs_v2_date_entered_marketingqualifiedlead": "mql_at",
        "hs_v2_date_entered_12345": "sal_at",
        "hs_v2_date_entered_salesqualifiedlead": "sql_at",
    }
