"""Receipts: what a commit says it wrote, one for each day, chained from commit to commit.

They travel in the commit metadata of the Delta table (`commitInfo.pipeledger` in `_delta_log/`), so that a day and
its receipt are written in one atomic step. A commit's payload holds its receipts, the SHA-256 of each file that it
wrote and of the rest of its own log file, the digest of the previous commit's payload, and its own. So every byte of a
table is vouched for. (Ledgers that were begun before 2026-11-27 have commits without digests of files.) The chain
follows commits, not dates; the newest receipt of a day counts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from snapshots.place import Place, new_checkpoints
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
    """What one version of a Delta table says of itself; `problem` is set where it cannot be believed.

    `files` are the SHA-256 of what it wrote, by path relative to the table: data, and a checkpoint if it made one.
    """

    version: int
    receipts: tuple[Receipt, ...] = ()
    previous: str = ""
    previous_log: str = ""
    digest: str = ""
    added: Mapping[str, Added] = field(default_factory=dict)
    removed: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None


def seal(draft: Path, version: int, receipts: Sequence[Receipt], after: Path | None) -> Path:
    """Puts the payload into the log file of a version that Delta wrote into a draft; gives that file.

    `after` is the log file of the version before, which the payload names by the digest of its receipts and that of
    its bytes: the log itself is part of the chain.
    """
    file = draft / "_delta_log" / f"{version:020d}.json"
    actions = [json.loads(line) for line in file.read_bytes().splitlines() if line]
    next(action["commitInfo"] for action in actions if "commitInfo" in action)[METADATA_KEY] = ""
    unsealed = "".join(json.dumps(action) + "\n" for action in actions).encode()
    written = [unquote(action["add"]["path"]) for action in actions if "add" in action]
    written += [str(path.relative_to(draft)) for path in new_checkpoints(draft, file.name)[:-1]]
    body: dict[str, Any] = {"format": FORMAT, "previous": "", "previous_log": ""}
    if after is not None:
        body |= {"previous": read_commit(after).digest, "previous_log": file_digest(after)}
    body["receipts"] = [as_json(receipt) for receipt in receipts]
    body["files"] = {path: file_digest(draft / path) for path in sorted(written)}
    body["log"] = hashlib.sha256(unsealed).hexdigest()
    text = json.dumps(body | {"digest": _digest(body)}, sort_keys=True)
    empty = f'"{METADATA_KEY}": ""'.encode()
    file.write_bytes(unsealed.replace(empty, empty.removesuffix(b'""') + json.dumps(text).encode(), 1))
    return file


def _unsealed(data: bytes, text: str) -> str:
    """SHA-256 of a log file without the payload that it carries."""
    return hashlib.sha256(data.replace(json.dumps(text).encode(), b'""', 1)).hexdigest()


def file_digest(file: Path) -> str:
    """SHA-256 of a file's bytes."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


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
        data = file.read_bytes()
        actions = [json.loads(line) for line in data.splitlines() if line]
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
        problem = None if _digest(body) == digest else "has receipts that do not match their digest"
        if problem is None and "log" in body and _unsealed(data, text) != body["log"]:
            problem = "is not as it was written"
        return Commit(
            version,
            receipts=tuple(from_json(item | {"version": version}) for item in body["receipts"]),
            previous=body["previous"],
            previous_log=body["previous_log"],
            digest=digest,
            added=added,
            removed=removed,
            files=body.get("files", {}),
            problem=problem,
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
    item = dict(vars(receipt))  # `asdict` copies each value, which takes ten times as long
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
