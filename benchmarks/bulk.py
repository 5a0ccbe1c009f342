"""A Salesforce org that serves ready-made pages of Bulk CSV, in its own process so that its CPU is not ours.

40 fields of Opportunity, quoted as Salesforce quotes them, uncompressed. `serving(folder, rows)` gives its address;
`python -m benchmarks.bulk <folder> <rows>` is that process, which ends with its standard input.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import requests

from benchmarks.measure import PROJECT
from ingestion.vendors.salesforce.bulk import PAGE_ROWS
from snapshots.digest import literal
from tests.vendors.salesforce import CLIENT_ID, CLIENT_SECRET, FIELDS, SalesforceServer
from tests.vendors.salesforce import Job as ServedJob
from tests.vendors.server import Answer

ENTITY = "opportunity"
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)

_CUSTOM = ("picklist", "string", "double", "datetime", "date", "boolean", "currency", "reference")
TYPES = FIELDS["Opportunity"] | {f"Custom_{number}__c": _CUSTOM[number % 8] for number in range(17)}
"""The 40 fields and their types."""

_VALUES = {
    "id": "'006' || lpad(i::varchar, 12, '0') || 'AAA'",
    "reference": "'001' || lpad((h % 80000)::varchar, 12, '0') || 'AAA'",
    "boolean": "(h % 2 = 0)::varchar",
    "datetime": "strftime(timestamp '2021-06-01' + interval (h % 100000000) second, '%Y-%m-%dT%H:%M:%S.000Z')",
    "date": "(date '2023-01-01' + (h % 1400)::integer)::varchar",
    "string": "'Opportunity ' || (h % 1000003)::varchar",
    "picklist": "['Prospecting', 'Negotiation', 'Closed Won', 'Closed Lost', ''][1 + h % 5]",
    "currency": "((h % 10000000) / 100)::decimal(18, 2)::varchar",
    "percent": "(h % 100)::varchar || '.0'",
    "double": "case when h % 3 > 0 then ((h % 10000) / 100)::varchar else '' end",
    "textarea": "['They \"like\" it, and' || chr(10) || 'ask for more', 'Call', '', ''][1 + h % 4]",
}


def make_pages(folder: Path, rows: int) -> None:
    """The pages of a result of that many rows."""
    folder.mkdir(parents=True, exist_ok=True)
    columns = ", ".join(
        f"{_VALUES[kind].replace('h %', f'(hash(i * 64 + {at}) >> 4)::bigint %')} as {name}"
        for at, (name, kind) in enumerate(TYPES.items())
    )
    with duckdb.connect(config={"memory_limit": "3GB"}) as con:
        for number, start in enumerate(range(0, rows, PAGE_ROWS)):
            query = f"select {columns} from range({start}, {min(start + PAGE_ROWS, rows)}) as t(i)"
            con.execute(f"copy ({query}) to {literal(_page(folder, number))} (format csv, header, force_quote *)")


@contextmanager
def serving(folder: Path, rows: int) -> Iterator[str]:
    """The address of an org whose opportunities are the first `rows` of the pages; whole pages only."""
    command = [sys.executable, "-m", "benchmarks.bulk", str(folder), str(rows)]
    with subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


def sign_in(session: requests.Session, url: str, jobs: str) -> str:
    """Signs a session in, has a query done and gives its address; without care, for who only wants its pages."""
    form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    token = session.post(f"{url}/services/oauth2/token", data=form).json()["access_token"]
    session.headers["Authorization"] = f"Bearer {token}"
    body = {"operation": "queryAll", "query": f"SELECT {', '.join(TYPES)} FROM Opportunity"}
    job = f"{jobs}/{session.post(jobs, json=body).json()['id']}"
    while session.get(job).json()["state"] != "JobComplete":
        pass
    return job


def _page(folder: Path, number: int) -> str:
    return str(folder / f"{number:04d}.csv")


class _Org(SalesforceServer):
    """The org, of which only the results are ready-made."""

    def __init__(self, folder: Path, rows: int) -> None:
        super().__init__(NOW)
        self.fields["Opportunity"] = dict(TYPES)
        self.folder, self.served = folder, rows
        self.looks_needed = 0

    def _create(self, asked: Mapping[str, Any]) -> Answer:
        answer = super()._create(asked)
        job: ServedJob = next(reversed(self.jobs.values()))
        job.rows = [[]] * self.served
        return answer

    def _results(self, job_id: str, query: Mapping[str, str]) -> Answer:
        size, number = int(query["maxRecords"]), int(query.get("locator", 0))
        assert size == PAGE_ROWS, f"pages of {size} rows are asked for, and those of {PAGE_ROWS} are there"
        rows = min(size, self.served - number * size)
        following = str(number + 1) if (number + 1) * size < self.served else "null"
        headers = {"Sforce-NumberOfRecords": str(rows), "Sforce-Locator": following}
        return Answer(Path(_page(self.folder, number)).read_bytes(), headers=headers)


def _serve() -> None:
    with _Org(Path(sys.argv[1]), int(sys.argv[2])) as org:
        print(org.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    _serve()
