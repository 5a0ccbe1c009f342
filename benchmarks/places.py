"""The block for the place of the ledger: what the same work costs on disk and in a bucket.

Twelve entities of a small company are captured for 30 days on disk, and the ledger is copied into a bucket. Then the
same further days are captured into both, the caches are rebuilt, and both are verified. The bucket is a real S3 server
on this machine (SeaweedFS), reached through a proxy that counts requests and may hold each answer back, as a network
would. Alone: `python -m benchmarks.bench --only places`.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from snapshots.bucket import Bucket
from snapshots.intervals import rebuild, refresh
from snapshots.store import Store
from snapshots.verify import verify
from tests import object_store
from tests.snapshots.company import day, files, land, put, store, take

DAYS = 30
ROWS = 500
ENTITIES = [
    *("opportunity", "account", "user", "person", "opportunity_contact_role", "activity"),
    *("campaign", "touch", "subscription", "customer", "invoice", "ticket"),
]
RELATIONS = {"files": ENTITIES}
DELAYS = (0.0, 0.03)
"""Seconds for which each answer is held back."""


@dataclass(frozen=True)
class Work:
    """What some work took in one place. `delay` is None on disk."""

    name: str
    delay: float | None
    seconds: float
    requests: int


def works(folder: Path) -> Iterator[Work]:
    """Each piece of work, on disk and then in the bucket."""
    local = store(folder / "local")
    for number in range(DAYS):
        _land(local, number)
        take(local, [day(number)])
    ledger = files(local.ledger)
    yield from _measured(local, None, [])
    for delay in DELAYS:
        with object_store.Proxy() as proxy:
            os.environ |= object_store.environment(proxy.port)
            url = object_store.url()
            remote = _in_bucket(folder / "remote", url)
            for name, data in ledger.items():
                put(remote.ledger, name, data)
            shutil.rmtree(folder / "remote", ignore_errors=True)
            proxy.rule = partial(_held_back, delay)
            yield from _measured(_in_bucket(folder / "remote", url), delay, proxy.requests)
        shutil.rmtree(folder / "remote")


def _held_back(delay: float, method: str, path: str) -> float:
    """A rule of the proxy."""
    return delay


def _measured(where: Store, delay: float | None, requests: Sequence[str]) -> Iterator[Work]:
    def done(name: str, do: Callable[[], object]) -> Work:
        if isinstance(where.place, Bucket):
            where.place.forget()  # each is a run of its own
        before, started = len(requests), time.monotonic()
        do()
        return Work(name, delay, time.monotonic() - started, len(requests) - before)

    home = where.landing.parent
    home.mkdir(parents=True, exist_ok=True)
    where.warehouse.unlink(missing_ok=True)
    yield done(f"cache from the ledger of {DAYS} days, on an empty machine", lambda: refresh(where, RELATIONS))
    _land(where, DAYS)
    yield done("capture of a further day", lambda: take(where, [day(DAYS)]))
    yield done("the same day again, unchanged", lambda: take(where, [day(DAYS)]))
    yield done("rebuild of the cache", lambda: rebuild(where, RELATIONS))
    yield done("verify", lambda: _sound(where))


def _sound(where: Store) -> None:
    found = verify(where)
    if found:
        raise SystemExit(f"{where.place}: {found[0]}")


def _land(where: Store, number: int) -> None:
    """Lands a day: one row in fifty is another than the day before."""
    where.landing.unlink(missing_ok=True)
    for entity in ENTITIES:
        rows = [
            {f"{entity}_id": f"{n}", "name": f"{entity} {n}", "amount": f"{n + (number + n) // 50}"}
            for n in range(ROWS)
        ]
        land(where, {day(number): rows}, entity=entity, key=(f"{entity}_id",), fresh=False)


def _in_bucket(home: Path, url: str) -> Store:
    home.mkdir(parents=True, exist_ok=True)
    return Store(Bucket(url, home / "bucket"), home / "landing.duckdb", home / "warehouse.duckdb", "America/New_York")
