"""A client that Salesforce's users know reads from the simulated org what our source reads."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import pytest
import requests
from requests.adapters import HTTPAdapter

from ingestion.landing import land
from ingestion.vendors.account import VendorAccount
from ingestion.vendors.carried_state import CarriedStates
from ingestion.vendors.salesforce.source import build_source
from ingestion.vendors.secrets import Secrets
from tests.vendors.salesforce import CLIENT_ID, CLIENT_SECRET, VERSION, SalesforceServer

simple_salesforce = pytest.importorskip("simple_salesforce", reason="simple-salesforce is not installed")

NOON = datetime(2026, 11, 22, 17, tzinfo=UTC)


class Plain(HTTPAdapter):
    """Sends over HTTP what the client, which knows HTTPS alone, would encrypt."""

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        request.url = str(request.url).replace("https:", "http:", 1)
        return super().send(request, *args, **options)


@pytest.fixture
def server() -> Iterator[SalesforceServer]:
    with SalesforceServer(NOON) as server:
        server.looks_needed = 0
        account = server.add("Account", Name='Quo"ted, Ltd.\nSecond line', NumberOfEmployees=1200)
        ada = server.add("User", Name="Zoë Ünal", UserRoleId=server.add("UserRole", Name="AE"), IsActive=True)
        deals = [
            server.open_opportunity(Name=f"Deal {number}", AccountId=account, OwnerId=ada, StageName="Prospecting",
                                    Amount=100.5 * number, CloseDate=date(2027, 1, 31))
            for number in range(5)
        ]  # fmt: skip
        server.delete("Opportunity", deals[-1])
        server.add("User", Name="No role")
        server.page_rows = 2
        yield server


def client_of(server: SalesforceServer) -> Any:
    form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    token = requests.post(f"{server.url}/services/oauth2/token", data=form, timeout=5).json()["access_token"]
    session = requests.Session()
    session.mount("https://", Plain())
    instance = urlsplit(server.url).netloc
    return simple_salesforce.Salesforce(
        session_id=token, instance=instance, version=VERSION.removeprefix("v"), session=session
    )


def landed(server: SalesforceServer, home: Path, query: str) -> list[tuple[Any, ...]]:
    """Rows of what our source lands."""
    secrets = {"SOURCES__CRM__CLIENT_ID": CLIENT_ID, "SOURCES__CRM__CLIENT_SECRET": CLIENT_SECRET}
    account = VendorAccount(
        name="crm", secrets=Secrets("crm", home, secrets), carried=CarriedStates(home / "carried"),
        time_zone="UTC", clock=lambda: NOON, client={"sleep": lambda _: None},
    )  # fmt: skip
    source = build_source(account, instance_url=server.url)
    land(source, [NOON.date()], landing=home / "landing.duckdb", pipelines_dir=home / "dlt", today=NOON.date())
    with duckdb.connect(str(home / "landing.duckdb"), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_bulk_queries_tell_what_our_source_lands(server: SalesforceServer, tmp_path: Path) -> None:
    client = client_of(server)
    pages = client.bulk2.Opportunity.query_all(
        "SELECT Id, Name, Amount, CloseDate, CreatedDate, IsDeleted FROM Opportunity", max_records=2, wait=0.01
    )
    read = [tuple(each or None for each in row) for page in pages for row in list(csv.reader(page.splitlines()))[1:]]
    assert len(read) == 5
    assert sorted(read) == landed(
        server,
        tmp_path,
        "select id, name, amount, close_date, created_date, is_deleted from crm.opportunity order by 1",
    )
    pages = client.bulk2.Opportunity.query("SELECT Id FROM Opportunity", wait=0.01)
    assert sum(len(page.splitlines()) - 1 for page in pages) == 4  # without the recycle bin


def test_rest_queries_tell_what_our_source_lands(server: SalesforceServer, tmp_path: Path) -> None:
    client = client_of(server)
    deals = client.query_all("SELECT Id, Name, StageName, IsDeleted FROM Opportunity", include_deleted=True)
    assert deals["totalSize"] == 5
    read = [(each["Id"], each["Name"], each["StageName"], str(each["IsDeleted"]).lower()) for each in deals["records"]]
    assert sorted(read) == landed(
        server, tmp_path, "select id, name, stage_name, is_deleted from crm.opportunity order by 1"
    )
    assert client.query("SELECT Id FROM Opportunity")["totalSize"] == 4
    users = client.query_all("SELECT Id, Name, UserRole.Name, CreatedDate FROM User")["records"]
    assert [(each["Name"], each["UserRole"] and each["UserRole"]["Name"]) for each in users] == [
        ("Zoë Ünal", "AE"), ("No role", None)
    ]  # fmt: skip
    assert users[0]["CreatedDate"] == "2026-11-22T17:00:00.000+0000"
    accounts = client.query_all("SELECT Name, NumberOfEmployees FROM Account")["records"]
    assert (accounts[0]["Name"], accounts[0]["NumberOfEmployees"]) == ('Quo"ted, Ltd.\nSecond line', 1200)


def test_the_client_is_told_fields_limits_and_refusals(server: SalesforceServer) -> None:
    client = client_of(server)
    described = {each["name"]: each["type"] for each in client.Opportunity.describe()["fields"]}
    assert (described["Amount"], described["CloseDate"]) == ("currency", "date")
    assert "Opportunity" in {each["name"] for each in client.describe()["sobjects"]}
    assert client.limits()["DailyApiRequests"]["Max"] == server.limit
    with pytest.raises(simple_salesforce.SalesforceMalformedRequest, match="No such column 'Nothing'"):
        client.query("SELECT Nothing FROM Opportunity")
    server.tokens.clear()
    with pytest.raises(simple_salesforce.SalesforceExpiredSession):
        client.query("SELECT Id FROM Opportunity")
