"""The lease of a bucket: one machine at a time writes a ledger in object storage, and which.

A file beside the ledger, made only if there is none and renewed while the holder lives. A holder that renews it no more
loses it after a while, by the store's clock. It spares two machines doing one day's work twice; that they never write
over each other is what the commits themselves see to, because a paused holder may wake (`snapshots/bucket.py`).
"""

import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from orchestration.settings.errors import HomeError, LockedError
from snapshots.bucket import Bucket
from snapshots.durable import write_whole
from snapshots.store import BucketError

NAME = "lock.json"
SECONDS = 120
"""How long a lease is good for without being renewed; it is renewed four times in that time."""


@dataclass(frozen=True)
class Lessee:
    """Who holds a lease: `home` is a token of the home, `renewal` counts on so that each renewal is another file."""

    home: str
    host: str
    command: str
    started_at: str
    seconds: int
    renewal: int = 0

    def __str__(self) -> str:
        return f"`{self.command}` (on {self.host}, since {self.started_at})"


class Lease:
    """The lease of a bucket for one home, which only the holder of the home's lock may take."""

    def __init__(self, bucket: Bucket, *, seconds: int = SECONDS) -> None:
        self.bucket = bucket
        self.seconds = seconds
        self._mine: Lessee | None = None
        self._ended = threading.Event()
        self._renewing: threading.Thread | None = None

    def take(
        self, command: str, *, wait: bool, on_wait: Callable[[object], None], report: Callable[[str], None], poll: float
    ) -> None:
        """Hold the lease from now on, or raise LockedError that names the holder; with `wait`, as long as it takes."""
        if not self.bucket.keeps_what_it_has():
            raise HomeError(
                f"{self.bucket}: the store made a file anew that existed, a refusal expected. Nothing was written. "
                "A ledger cannot lie there: use a store with conditional writes (If-None-Match)."
            )
        home, announced = self._home(), False
        while True:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            mine = Lessee(home, socket.gethostname(), command, now, self.seconds)
            if self.bucket.create(NAME, _text(mine)):
                break
            found = self.bucket.read_tagged(NAME)
            if found is None:
                continue
            holder = _lessee(found[0])
            if (_is_same(holder, mine) or self._is_over(holder)) and self.bucket.replace(NAME, _text(mine), found[1]):
                if not _is_same(holder, mine):
                    report(f"{self.bucket}: the lock of {holder or 'another run'} ran out; taken over")
                break
            if not wait:
                raise LockedError(
                    f"{self.bucket}: locked by {holder or 'another run'}; one run at a time expected. "
                    f"Nothing was done. Wait until it ends, then run again; a killed run holds it for {self.seconds} s."
                )
            if not announced:
                on_wait(holder)
                announced = True
            time.sleep(poll)
        self._mine = mine
        self.bucket.forget()
        self._ended.clear()
        self._renewing = threading.Thread(target=self._renew, daemon=True)
        self._renewing.start()

    def release(self) -> None:
        """Give the lease up, unless another has it by now."""
        self._ended.set()
        if self._renewing is not None:
            self._renewing.join()
        try:
            found = self.bucket.read_tagged(NAME)
            if found is not None and _lessee(found[0]) == self._mine:
                self.bucket.delete(NAME)
        except BucketError:
            pass  # it runs out; the run's own result is what counts now
        self._mine = None

    def holder(self) -> Lessee | None:
        """Who holds the lease now; None where it is free or has run out."""
        found = self.bucket.read_tagged(NAME)
        holder = _lessee(found[0]) if found else None
        return None if found is None or self._is_over(holder) else holder

    def _renew(self) -> None:
        """Renew until the end; stop where another has the lease."""
        while not self._ended.wait(self.seconds / 4):
            try:
                found = self.bucket.read_tagged(NAME)
                if self._mine is None or found is None or _lessee(found[0]) != self._mine:
                    return
                renewed = replace(self._mine, renewal=self._mine.renewal + 1)
                if self.bucket.replace(NAME, _text(renewed), found[1]):
                    self._mine = renewed
            except BucketError:
                continue  # the next one may succeed

    def _is_over(self, holder: Lessee | None) -> bool:
        """Whether a lease has run out, by the store's clock: a file made now tells its time."""
        good_for = timedelta(seconds=holder.seconds if holder else self.seconds)
        renewed = self.bucket.changed_at(NAME)
        probe = f"clock-{uuid4().hex}"
        self.bucket.write(probe, "")
        now = self.bucket.changed_at(probe)
        self.bucket.delete(probe)
        return renewed is not None and now is not None and now - renewed > good_for

    def _home(self) -> str:
        """A token of this home: what a killed run of it held is ours, because we have the lock of the home."""
        file = self.bucket.folder / "home"
        if not file.exists():
            write_whole(file, uuid4().hex)
        return file.read_text(encoding="utf-8")


def lease_of(place: object) -> Lease | None:
    """The lease of a place, where it is a bucket."""
    return Lease(place) if isinstance(place, Bucket) else None


def _is_same(holder: Lessee | None, mine: Lessee) -> bool:
    """Whether a lease is that of a run of this home, which must have been killed."""
    return holder is not None and (holder.home, holder.host) == (mine.home, mine.host)


def _text(lessee: Lessee) -> str:
    return json.dumps(asdict(lessee))


def _lessee(data: bytes) -> Lessee | None:
    try:
        return Lessee(**json.loads(data))
    except (ValueError, TypeError):
        return None
