"""Marketo's Bulk Extract: windows of time to exported files to Arrow, whole by Marketo's own counts.

Takes filters and a `Client` that is signed in; gives text columns under Marketo's names. A file is read by ranges, so
that a connection that breaks off costs one range; it is held against the job's fileSize and fileChecksum and its rows
against numberOfRecords. Two jobs run at a time, as Marketo allows. `Quota` counts the bytes of the day, which Marketo
limits for everybody together, and stops before they are used up.
"""

import hashlib
import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Literal
from zoneinfo import ZoneInfo

import pyarrow as pa

from ingestion.source import SourceError
from ingestion.vendors.bulk_csv import batches
from ingestion.vendors.carried_state import put_in_place
from ingestion.vendors.client import Client
from ingestion.vendors.marketo.client import error_of
from ingestion.vendors.rows import incomplete

Kind = Literal["leads", "activities"]

LONGEST_WINDOW = timedelta(days=31) - timedelta(seconds=1)
PART_BYTES = 16 << 20
KEPT = timedelta(days=6)  # files are kept for seven days
AT_ONCE = 2
MEGABYTE = 1_000_000

_MIDNIGHT = ZoneInfo("America/Chicago")  # when the quota of a day begins
_POLLS = (5.0, 10.0, 15.0, 30.0, 60.0)  # Marketo looks at its jobs once a minute
_LONGEST = 4 * 3_600.0
_DONE = "Completed"
_ENDED = (_DONE, "Failed", "Cancelled")


class FilterNotSupportedError(SourceError):
    """The subscription has not the infrastructure for this filter (error 1035)."""


@dataclass(frozen=True)
class Window:
    """A span of time, both ends included; no longer than Marketo allows."""

    start: datetime
    end: datetime

    def filter(self, by: str) -> dict[str, dict[str, str]]:
        """As a job's filter; Marketo wants no fractions of seconds."""
        return {by: {"startAt": _instant(self.start), "endAt": _instant(self.end)}}


def windows(start: datetime, end: datetime) -> list[Window]:
    """The windows from `start` to `end`. Each begins in the second in which the one before ends: nothing lies between.

    The newest may end in a fraction of a second, which belongs to it.
    """
    start = start.astimezone(UTC).replace(microsecond=0)
    end = end.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
    found = []
    while start < end:
        found.append(Window(start, min(start + LONGEST_WINDOW, end)))
        start = found[-1].end
    return found


@dataclass
class Quota:
    """The bytes exported today by all together, as far as we know, and how many we let that become."""

    source: str
    most: int
    reserve: float
    used: int

    @property
    def is_left(self) -> bool:
        """Whether another job may be made."""
        return self.used < (1 - self.reserve) * self.most

    def check(self) -> None:
        """SourceError if no other job may be made."""
        if not self.is_left:
            raise SourceError(
                f"{self.source}: {self}, and {self.reserve:.0%} of them are not ours to take. Nothing of this run was "
                "landed; files that were exported are used again within six days. Run the same command again after "
                "midnight Central Time, or set daily_export_mb in pipeledger.toml to what you have bought."
            )

    def __str__(self) -> str:
        return f"{self.used / MEGABYTE:,.0f} of the {self.most / MEGABYTE:,.0f} MB that may be exported today are used"


def exported_today(client: Client, now: datetime) -> int:
    """The bytes of the jobs that were completed since midnight Central Time, as far as Marketo tells this user."""
    midnight = now.astimezone(_MIDNIGHT).replace(hour=0, minute=0, second=0, microsecond=0)
    total = 0
    kinds: tuple[Kind, ...] = ("leads", "activities")
    for kind in kinds:
        asked: dict[str, Any] = {"status": _DONE, "batchSize": 300}
        while True:
            said = client.get(f"/bulk/v1/{kind}/export.json", params=asked).json()
            for job in said.get("result") or ():
                if job["status"] == _DONE and datetime.fromisoformat(job["finishedAt"]) >= midnight:
                    total += int(job.get("fileSize") or 0)
            following = said.get("nextPageToken")
            if not following or following == asked.get("nextPageToken"):
                break
            asked["nextPageToken"] = following
    return total


@dataclass(frozen=True)
class Export:
    """A completed job."""

    id: str
    records: int
    size: int
    checksum: str


@dataclass(frozen=True)
class Exporter:
    """Exports of one entity."""

    client: Client
    kind: Kind
    what: str  # source.entity, for errors
    quota: Quota
    folder: Path  # for files while they are read; they have no name there
    sleep: Callable[[float], None] = time.sleep
    part_bytes: int = PART_BYTES
    running: deque[str] = field(default_factory=deque)

    def export(self, bodies: Iterable[Mapping[str, Any]]) -> Iterator[Export]:
        """Run one job for each body, two at a time; the completed jobs in their order."""
        waiting = iter(bodies)
        while True:
            while len(self.running) < AT_ONCE and (body := next(waiting, None)) is not None:
                self.quota.check()
                self.running.append(self._create(body))
                self._enqueue(self.running[-1])
            if not self.running:
                return
            done = self._wait(self.running[0])
            self.running.popleft()
            self.quota.used += done.size
            yield done

    def cancel(self) -> None:
        """Take back what is under way: a run that breaks off leaves no job that takes of the quota."""
        while self.running:
            with suppress(SourceError):
                self.client.post(f"{self._path}/{self.running.popleft()}/cancel.json")

    def probe(self, body: Mapping[str, Any]) -> None:
        """Make a job and take it back; FilterNotSupportedError tells that the subscription cannot have it."""
        job = self._create(body)
        self.client.post(f"{self._path}/{job}/cancel.json")

    def tables(self, job: Export, columns: Sequence[str]) -> Iterator[pa.Table]:
        """The rows of a completed job as text, in exactly these columns."""
        if not job.records:
            return
        rows = 0
        with self._download(job) as file:
            try:
                for table in parse(file, columns):
                    rows += table.num_rows
                    yield table
            except pa.ArrowInvalid as error:
                raise SourceError(
                    f"{self.what}: the file of the job {job.id}: got no CSV ({str(error).splitlines()[0][:100]}), "
                    f"expected {job.records:,} rows of {len(columns)} columns. Nothing of this run was landed. Run the "
                    "same command again."
                ) from None
        if rows != job.records:
            source, entity = self.what.split(".", 1)
            raise incomplete(source, entity, rows, job.records, "the job's numberOfRecords")

    # ------------------------------------------------------------ jobs

    @property
    def _path(self) -> str:
        return f"/bulk/v1/{self.kind}/export"

    def _create(self, body: Mapping[str, Any]) -> str:
        said = self.client.post(f"{self._path}/create.json", json={"format": "CSV", **body}).json()
        if not said["success"]:
            code, message = error_of(said)
            raise (FilterNotSupportedError if code == "1035" else SourceError)(
                f"{self.what}: create.json: got {code} ({message}). Expected a job. Nothing of this run was landed. "
                "Run `pipeledger doctor`."
            )
        return str(said["result"][0]["exportId"])

    def _enqueue(self, job: str) -> None:
        """Into the queue; waits while it is full. A repeated request may find it there."""
        for waited, pause in _pauses():
            said = self.client.post(f"{self._path}/{job}/enqueue.json").json()
            if said["success"] or self._status(job)["status"] != "Created":
                return
            if waited >= _LONGEST:
                raise self._too_long(job, "Created, because the queue is full,", waited)
            self.sleep(pause)

    def _wait(self, job: str) -> Export:
        for waited, pause in _pauses():
            status = self._status(job)
            if status["status"] in _ENDED:
                break
            if waited >= _LONGEST:
                raise self._too_long(job, status["status"], waited)
            self.sleep(pause)
        if status["status"] != _DONE:
            raise SourceError(
                f"{self.what}: the export job {job} ended as {status['status']} ({status.get('errorMsg', 'no reason')})"
                f". Expected {_DONE}. Nothing of this run was landed. Run the same command again."
            )
        return Export(
            job, int(status["numberOfRecords"]), int(status.get("fileSize") or 0), str(status.get("fileChecksum") or "")
        )

    def _status(self, job: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"{self._path}/{job}/status.json").json()["result"][0]
        return found

    def _too_long(self, job: str, status: str, waited: float) -> SourceError:
        return SourceError(
            f"{self.what}: the export job {job} is still {status} after {waited:,.0f} s. Expected {_DONE}. Nothing of "
            "this run was landed. Look for other programs that export from Marketo, and run again."
        )

    # ------------------------------------------------------------ files

    def _download(self, job: Export) -> IO[bytes]:
        """The file by ranges, whole by its size and checksum; read once more where it is not."""
        expected = job.checksum.removeprefix("sha256:").lower()
        for _ in range(2):
            self.folder.mkdir(parents=True, exist_ok=True)
            file = TemporaryFile(dir=self.folder)  # noqa: SIM115 - the caller closes it
            digest, at = hashlib.sha256(), 0
            while at < job.size:
                part = self._part(job, at)
                at += len(part)
                digest.update(part)
                file.write(part.replace(b"\0", b""))  # which no text has and some files do
                if not part:
                    break
            if at == job.size and expected in ("", digest.hexdigest()):
                file.seek(0)
                return file
            file.close()
        raise SourceError(
            f"{self.what}: the file of the job {job.id}: got {at:,} bytes, expected {job.size:,} with the checksum "
            f"{job.checksum}. Nothing of this run was landed. Run the same command again."
        )

    def _part(self, job: Export, at: int) -> bytes:
        end = min(at + self.part_bytes, job.size) - 1
        path = f"{self._path}/{job.id}/file.json"
        response = self.client.get(path, headers={"Range": f"bytes={at}-{end}", "Accept-Encoding": "identity"})
        part = response.content
        return part[at:] if response.status_code == 200 else part  # who does not know ranges gives the whole


def _pauses() -> Iterator[tuple[float, float]]:
    """What has been waited so far and the next pause, without end."""
    waited = 0.0
    for pause in chain(_POLLS, repeat(_POLLS[-1])):
        yield waited, pause
        waited += pause


def parse(file: IO[bytes], columns: Sequence[str]) -> Iterator[pa.Table]:
    """CSV as text columns; nothing and the word null are NULL. ArrowInvalid for other columns than these."""
    for batch in batches(file, columns, null_values=("", "null")):
        yield pa.Table.from_batches([batch])


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class KeptExports:
    """The exports of a first pull that an earlier run has made and Marketo still keeps.

    A first pull may be more than a day's quota. What it has exported is noted down window by window, and a run that
    comes within six days goes on from there. Changes since the oldest of them, `since`, are then pulled, too.
    """

    def __init__(self, folder: Path, entity: str, of: Sequence[str] = (), now: datetime | None = None) -> None:
        self._path = folder / f"{entity}.exports.json"
        self._of = list(of)
        self._now = now or datetime.now(UTC)
        self._noted: dict[str, list[Any]] = {}
        if now is not None:
            self._noted = self._read()

    @property
    def known(self) -> dict[Window, Export]:
        """The exports by window."""
        return {
            Window(datetime.fromisoformat(start), datetime.fromisoformat(end)): Export(*export)
            for start, end, _, *export in self._noted.values()
        }

    @property
    def since(self) -> datetime:
        """Before which instant everything is in the exports: when the oldest was asked for."""
        return min([self._now, *(datetime.fromisoformat(asked) for _, _, asked, *_ in self._noted.values())])

    @property
    def start(self) -> datetime | None:
        """Where the first of the windows begins, if there is one."""
        return min((window.start for window in self.known), default=None)

    def add(self, window: Window, export: Export) -> None:
        """Note down an export."""
        asked = self._now.isoformat()
        noted = [window.start.isoformat(), window.end.isoformat(), asked]
        self._noted[noted[0]] = [*noted, export.id, export.records, export.size, export.checksum]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = self._path.with_suffix(".json.tmp")
        new.write_text(json.dumps({"of": self._of, "exports": self._noted}), encoding="utf-8")
        put_in_place(new, self._path)

    def forget(self) -> None:
        """Remove the notes."""
        self._path.unlink(missing_ok=True)

    def _read(self) -> dict[str, list[Any]]:
        try:
            said = json.loads(self._path.read_text(encoding="utf-8"))
            fits = said["of"] == self._of
            oldest = (self._now - KEPT).isoformat()
            return {start: each for start, each in said["exports"].items() if fits and each[2] >= oldest}
        except (OSError, ValueError, KeyError, TypeError):
            return {}
