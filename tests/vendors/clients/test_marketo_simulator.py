"""The simulated subscription speaks as Adobe's documentation and real rows do; there is no official Python client."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from ingestion.source import landed_name
from tests.vendors.marketo import ACTIVITY, CLIENT_ID, CLIENT_SECRET, FIELDS, TYPES, MarketoServer

ROWS = Path(__file__).parents[3].parent / "shared" / "data" / "vendor_rows" / "marketo"
NOON = datetime(2026, 11, 22, 17, tzinfo=UTC)
needs_rows = pytest.mark.skipif(not ROWS.is_dir(), reason="the rows of vendors are not beside the project")


def header(name: str) -> set[str]:
    with (ROWS / f"marketo_{name}_data.csv").open(encoding="utf-8-sig", newline="") as file:
        return set(next(csv.reader(file)))


@needs_rows
def test_leads_have_the_fields_of_real_ones() -> None:
    assert header("lead") <= {landed_name(name) for name in FIELDS}


@needs_rows
@pytest.mark.parametrize("kind", ["change_data_value", "click_email", "merge_leads", "open_email"])
def test_activities_have_the_columns_of_real_ones(kind: str) -> None:
    ours = {landed_name(name) for name in ACTIVITY} - {"marketo_guid", "attributes"}
    assert ours <= header(f"activity_{kind}")


@needs_rows
def test_activity_types_have_the_numbers_of_real_ones() -> None:
    for kind, name in (("click_email", "Click Email"), ("merge_leads", "Merge Leads"), ("open_email", "Open Email")):
        with (ROWS / f"marketo_activity_{kind}_data.csv").open(encoding="utf-8-sig", newline="") as file:
            assert TYPES[int(next(csv.DictReader(file))["activity_type_id"])] == name


@needs_rows
def test_programs_and_campaigns_have_the_columns_of_real_ones() -> None:
    with MarketoServer(NOON) as server:
        program = server.programs[server.add_program()]
        campaign = server.campaigns[server.add_campaign(server.add_program())]
    computed = {"folder", "tags", "costs", "program_name"}  # which the real rows hold in other tables
    assert {landed_name(name) for name in program} - computed <= header("program")
    assert {landed_name(name) for name in campaign} - computed <= header("campaign")


def test_it_speaks_as_documented() -> None:
    """The steps of Adobe's documentation of Bulk Lead Extract, with a plain client."""
    with MarketoServer(NOON) as server:
        server.add_lead(firstName="Ada")
        credentials = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        said = requests.get(f"{server.url}/identity/oauth/token", params=credentials, timeout=5).json()
        assert set(said) == {"access_token", "token_type", "expires_in", "scope"}
        headers = {"Authorization": f"Bearer {said['access_token']}"}
        base = f"{server.url}/bulk/v1/leads/export"
        span = {"startAt": "2026-11-01T00:00:00Z", "endAt": "2026-11-30T00:00:00Z"}
        body: Any = {"fields": ["firstName", "lastName"], "format": "CSV", "filter": {"createdAt": span}}
        created = requests.post(f"{base}/create.json", json=body, headers=headers, timeout=5).json()
        assert created["success"]
        assert created["result"][0]["status"] == "Created"
        job = created["result"][0]["exportId"]
        queued = requests.post(f"{base}/{job}/enqueue.json", headers=headers, timeout=5).json()
        assert queued["result"][0]["status"] == "Queued"
        for _ in range(3):
            status = requests.get(f"{base}/{job}/status.json", headers=headers, timeout=5).json()["result"][0]
        assert {"exportId", "status", "createdAt", "finishedAt", "format", "numberOfRecords", "fileSize"} <= set(status)
        assert status["fileChecksum"].startswith("sha256:")
        assert requests.get(f"{base}/{job}/file.json", headers=headers, timeout=5).text == (
            "firstName,lastName\nAda,null\n"
        )
        part = requests.get(f"{base}/{job}/file.json", headers=headers | {"Range": "bytes=0-8"}, timeout=5)
        assert (part.status_code, part.text) == (206, "firstName")


@pytest.mark.parametrize(
    ("fields", "start", "code"),
    [
        ("nonsense", "2026-11-01T00:00:00Z", "1006"),
        ("id", "2026-10-01T00:00:00Z", "1003"),
        ("id", "2026-11-01T00:00:00.000Z", "1003"),
    ],
    ids=["unknown field", "over 31 days", "milliseconds"],
)
def test_it_refuses_what_marketo_refuses(fields: str, start: str, code: str) -> None:
    with MarketoServer(NOON) as server:
        server.tokens["t"] = NOON.replace(hour=18)
        span = {"startAt": start, "endAt": "2026-11-02T00:00:00Z"}
        said = requests.post(
            f"{server.url}/bulk/v1/leads/export/create.json",
            json={"fields": [fields], "filter": {"createdAt": span}},
            headers={"Authorization": "Bearer t"},
            timeout=5,
        )
        assert said.status_code == 200
        assert said.json()["errors"][0]["code"] == code
