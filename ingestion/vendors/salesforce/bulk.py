"""One query through Salesforce's Bulk API 2.0: CSV to Arrow, whole by Salesforce's own counts.

Takes SOQL and a `Client` that is signed in; gives a `Job`, whose `tables` are text columns under landed names. Each
page is held against its header Sforce-NumberOfRecords, all of them against numberRecordsProcessed, and every Id is to
come once: a page that is missing, repeated or cut ends the extraction. Results are read by pages of bounded size.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, count, repeat
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.source import SourceError
from ingestion.vendors.bulk_csv import batches
from ingestion.vendors.client import Client
from ingestion.vendors.rows import incomplete

PAGE_ROWS = 50_000
ID = "Id"
_ID_BYTES = 18

_POLLS = (1.0, 1.0, 2.0, 3.0, 5.0, 10.0)  # seconds between looks at a job; the last one for ever
_DONE = "JobComplete"
_ENDED = (_DONE, "Failed", "Aborted")
_NO_MORE = "null"  # the text of the header Sforce-Locator at the last page


@dataclass(frozen=True)
class Job:
    """A completed query. `created_at` is Salesforce's own time, before it read the first row."""

    client: Client
    path: str
    what: str  # source.entity, for errors
    created_at: str
    records: int

    def tables(self, columns: Mapping[str, str], page_rows: int = PAGE_ROWS) -> Iterator[pa.Table]:
        """The rows, page by page. `columns`: the fields asked for and the names they land under."""
        source, entity = self.what.split(".", 1)
        rows, locator, seen, ids = 0, "", set(), []
        for number in count(1):
            table, following = self._page(number, locator, columns, page_rows)
            rows += table.num_rows
            ids.append(_compact(table[columns[ID]]))
            yield table
            if following in ("", _NO_MORE):
                break
            if following in seen:
                raise SourceError(
                    f"{self.what}: page {number} leads back to a page that was read. Expected another one. Nothing "
                    "of this run was landed. Run the same command again."
                )
            seen.add(following)
            locator = following
        if rows != self.records:
            raise incomplete(source, entity, rows, self.records, "the job's numberRecordsProcessed")
        different = _different(ids)
        if different != rows:
            raise incomplete(source, entity, different, rows, "different Ids")

    def _page(self, number: int, locator: str, columns: Mapping[str, str], page_rows: int) -> tuple[pa.Table, str]:
        """One page and the locator of the next; asked for once more where it is not as long as it says."""
        found = ""
        for _ in range(2):
            query = {"maxRecords": page_rows, **({"locator": locator} if locator else {})}
            response = self.client.get(f"{self.path}/results", params=query, headers={"Accept": "text/csv"})
            expected = int(response.headers.get("Sforce-NumberOfRecords", "-1"))
            try:
                table = parse(response.content, columns)
            except pa.ArrowInvalid as error:
                found = f"no CSV ({str(error).splitlines()[0][:100]})"
                continue
            if table.num_rows == expected:
                return table, response.headers.get("Sforce-Locator", "")
            found = f"{table.num_rows:,} rows"
        raise SourceError(
            f"{self.what}: page {number} of the results: got {found}, expected {expected:,} rows of "
            f"{len(columns)} columns. Nothing of this run was landed. Run the same command again."
        )


def query(
    client: Client,
    version: str,
    what: str,
    soql: str,
    *,
    sleep: Callable[[float], None] = time.sleep,
    longest: float = 7_200.0,
) -> Job:
    """Run a query, deleted and archived rows included, and wait until its results are there."""
    path = f"/services/data/{version}/jobs/query"
    body = {
        "operation": "queryAll",
        "query": soql,
        "contentType": "CSV",
        "lineEnding": "LF",
        "columnDelimiter": "COMMA",
    }
    created = client.post(path, json=body).json()
    path = f"{path}/{created['id']}"
    waited = 0.0
    for pause in chain(_POLLS, repeat(_POLLS[-1])):
        job: dict[str, Any] = client.get(path).json()
        if job["state"] in _ENDED:
            break
        if waited >= longest:
            raise SourceError(
                f"{what}: the query job {created['id']} is still {job['state']} after {waited:,.0f} s. Expected "
                f"{_DONE}. Nothing of this run was landed. Look at it in Setup, Bulk Data Load Jobs, and run again."
            )
        sleep(pause)
        waited += pause
    if job["state"] != _DONE:
        raise SourceError(
            f"{what}: the query job {created['id']} ended as {job['state']} ({job.get('errorMessage', 'no reason')}). "
            f"Expected {_DONE}. Nothing of this run was landed. Run `pipeledger doctor`, then the same command again."
        )
    return Job(client, path, what, created["createdDate"], int(job["numberRecordsProcessed"]))


def parse(content: bytes, columns: Mapping[str, str]) -> pa.Table:
    """A page of CSV as text columns under landed names; empty is NULL. ArrowInvalid for other columns than asked."""
    if not content or content.isspace():  # a page without rows may lack the header, too
        return pa.table({landed: pa.array([], pa.string()) for landed in columns.values()})
    found = list(batches(pa.BufferReader(content), list(columns)))
    schema = pa.schema([(name, pa.string()) for name in columns])
    return pa.Table.from_batches(found, schema).rename_columns(list(columns.values()))


def _compact(ids: pa.ChunkedArray) -> "np.ndarray[Any, Any]":
    """Ids as the 18 bytes that each of them has, which is all that is kept of a row once it has landed."""
    padded = pc.ascii_rpad(ids.drop_null(), _ID_BYTES).combine_chunks().cast(pa.binary(_ID_BYTES))
    return np.frombuffer(padded.buffers()[1] or b"", dtype=f"S{_ID_BYTES}", count=len(padded))


def _different(ids: list["np.ndarray[Any, Any]"]) -> int:
    """How many different ones there are; empties the list. Ids come nearly sorted, and few bytes are needed to tell."""
    every = np.concatenate(ids)
    ids.clear()
    every.sort(kind="stable")
    return int(np.count_nonzero(every[1:] != every[:-1])) + bool(len(every))
