"""Receipts: what a commit says it wrote, one for each day, chained from commit to commit.

They travel in the commit metadata of the Delta table (`commitInfo.pipeledger` in `_delta_log/`), so that a day and
its receipt are written in one atomic step. A commit's payload holds its receipts, the digest of the previous commit's
payload and its own digest. The chain follows commits, not dates; the newest receipt of a day counts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from snapshots.place import Place
from snapshots.store import Store

METADATA_KEY = "pipeledger"
FORMAT = 1
RECONSTRUCTED_SUFFIX = "_reconstructed"


@dataclass(frozen=True)
class Receipt:
    """One day of one entity. Counts are rows; digests are 32 hexadecimal digits; instants are UTC."""

    source: str
    source_type: str
    entity: str
    snapshot_date: date
    mode: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    volatile: tuple[str, ...]
    source_rows: int
    upserts: int
    deletes: int
    rejected: int
    live_rows: int
    fingerprint: str
    rows_digest: str
    overridden: tuple[str, ...]
    extraction_started_at: datetime
    extraction_ended_at: datetime
    code_version: str
    version: int = field(default=-1, compare=False)

    @property
    def is_reconstructed(self) -> bool:
        """Whether the day was reconstructed from vendor history rather than observed."""
        return self.entity.endswith(RECONSTRUCTED_SUFFIX)


@dataclass(frozen=True)
class Added:
    """A Parquet file as the log describes it. `path` is relative to the table."""

    path: str
    size: int
    snapshot_date: str


@dataclass(frozen=True)
class Commit:
    """What one version of a Delta table says of itself; `problem` is set where it cannot be believed."""

    version: int
    receipts: tuple[Receipt, ...] = ()
    previous: str = ""
    previous_log: str = ""
    digest: str = ""
    added: Mapping[str, Added] = field(default_factory=dict)
    removed: tuple[str, ...] = ()
    problem: str | None = None


def payload(receipts: Sequence[Receipt], after: Path | None) -> str:
    """The text that goes into the commit metadata of the version that follows the log file `after`.

    It names the digest of the receipts in `after`, and that of its bytes: the log itself is part of the chain.
    """
    body: dict[str, Any] = {"format": FORMAT, "previous": "", "previous_log": ""}
    if after is not None:
        body |= {"previous": read_commit(after).digest, "previous_log": log_digest(after)}
    body["receipts"] = [as_json(receipt) for receipt in receipts]
    return json.dumps(body | {"digest": _digest(body)}, sort_keys=True)


def log_digest(file: Path) -> str:
    """SHA-256 of a log file's bytes."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def read_commits(table: Place) -> Iterator[Commit]:
    """The commits of a Delta table, oldest first, straight from its log (which is never expired)."""
    for file in log_files(table):
        yield read_commit(file)


def last_commit(table: Place) -> Commit | None:
    """The newest commit of a Delta table, if it has any."""
    files = log_files(table)
    return read_commit(files[-1]) if files else None


def log_files(table: Place) -> list[Path]:
    """The JSON files of a table's log, oldest first."""
    return sorted(file for file in table.log().glob("*.json") if file.stem.isdigit())


def read_commit(file: Path) -> Commit:
    """One commit. A file that cannot be parsed gives a commit with a `problem`, never an exception."""
    version = int(file.stem)
    try:
        actions = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]
        adds = [action["add"] for action in actions if "add" in action]
        added = {
            unquote(add["path"]): Added(unquote(add["path"]), add["size"], add["partitionValues"]["snapshot_date"])
            for add in adds
        }
        removed = tuple(unquote(action["remove"]["path"]) for action in actions if "remove" in action)
        text = next((a["commitInfo"].get(METADATA_KEY) for a in actions if "commitInfo" in a), None)
        if text is None:
            return Commit(version, added=added, removed=removed, problem="carries no receipts")
        body = json.loads(text)
        digest = body.pop("digest")
        return Commit(
            version,
            receipts=tuple(from_json(item | {"version": version}) for item in body["receipts"]),
            previous=body["previous"],
            previous_log=body["previous_log"],
            digest=digest,
            added=added,
            removed=removed,
            problem=None if _digest(body) == digest else "has receipts that do not match their digest",
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return Commit(version, problem=f"cannot be read ({type(error).__name__}: {error})")


def newest(commits: Iterable[Commit]) -> dict[date, Receipt]:
    """The receipt that counts for each day, in the order of the days.

    A reconstruction replaces all days of the one before.
    """
    by_day: dict[date, Receipt] = {}
    for commit in commits:
        if any(receipt.is_reconstructed for receipt in commit.receipts):
            by_day.clear()
        by_day |= {receipt.snapshot_date: receipt for receipt in commit.receipts}
    return dict(sorted(by_day.items()))


def read_receipts(store: Store) -> list[Receipt]:
    """The receipts that count, of every source, entity and day (reconstructed tables too)."""
    return [receipt for table in store.ledger.tables() for receipt in newest(read_commits(table)).values()]


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def as_json(receipt: Receipt) -> dict[str, Any]:
    """A receipt as it is stored, without the version, which the log gives."""
    item = asdict(receipt)
    del item["version"]
    for name in ("snapshot_date", "extraction_started_at", "extraction_ended_at"):
        item[name] = item[name].isoformat()
    return item


def from_json(item: Mapping[str, Any]) -> Receipt:
    """A receipt from what `as_json` gave and its version."""
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in item.items()}
    values["snapshot_date"] = date.fromisoformat(item["snapshot_date"])
    for name in ("extraction_started_at", "extraction_ended_at"):
        values[name] = datetime.fromisoformat(item[name])
    return Receipt(**values)
