"""The lock of a home: one writer at a time, and who it is.

The lock file lies in the home and names its holder; the operating system holds the lock itself, so that a process that
dies lets go. Alone: `python -m orchestration.settings.lock` prints who holds the lock of the home in force.
"""

import fcntl
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Self

from orchestration.settings.errors import LockedError
from orchestration.settings.home import Home, find_home
from orchestration.settings.lease import Lease


@dataclass(frozen=True)
class Holder:
    """Who holds the lock of a home: a process, its command, and the Dagster run in it, if there is one."""

    pid: int
    command: str
    started_at: str
    run_id: str | None = None

    def __str__(self) -> str:
        return f"`{self.command}` (process {self.pid}, since {self.started_at})"


class Lock:
    """One writer at a time in a home. The system frees it when its process ends, however it ends.

    Re-entrant within a process: a run started by the command line does not wait for its own command.
    """

    _held: ClassVar[dict[Path, "Lock"]] = {}

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.crashed: Holder | None = None  # who held it before and never let go
        self._descriptor: int | None = None
        self._depth = 0
        self._lease: Lease | None = None

    @classmethod
    def of(cls, home: Home, lease: Lease | None = None) -> "Lock":
        """This process's lock of a home, with the lease of the bucket in which its ledger lies, if it lies in one."""
        held = cls._held.get(home.lock.resolve()) or cls(home.lock)
        if held._depth == 0:
            held._lease = lease
        return held

    def acquire(
        self,
        command: str,
        *,
        wait: bool = False,
        on_wait: Callable[[object], None] = lambda holder: None,
        report: Callable[[str], None] = print,
        poll: float = 1.0,
    ) -> None:
        """Take the lock, or raise LockedError that names the holder; with `wait`, as long as it takes.

        `report` is told what a person should hear.
        """
        if self._depth == 0:
            self._take(wait, on_wait, poll)
            if self._lease is not None:
                try:
                    self._lease.take(command, wait=wait, on_wait=on_wait, report=report, poll=poll)
                except BaseException:
                    self._let_go()
                    raise
            Lock._held[self.path] = self
            self.describe(Holder(os.getpid(), command, datetime.now(UTC).isoformat(timespec="seconds")))
        self._depth += 1

    def _take(self, wait: bool, on_wait: Callable[[object], None], poll: float) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        tries, announced = 0, False
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                tries += 1
                holder = read_holder(self.path)
                if not wait and tries >= 4:  # a look at the lock by `status` or `doctor` takes it for an instant
                    os.close(descriptor)
                    raise LockedError(locked_message(self.path.parent, holder)) from None
                if wait and not announced and tries >= 2:
                    on_wait(holder)
                    announced = True
                time.sleep(poll if wait and tries >= 2 else 0.1)
        self._descriptor = descriptor
        self.crashed = read_holder(self.path)

    def describe(self, holder: Holder) -> None:
        """Write into the lock file who holds it."""
        if self._descriptor is None:
            raise LockedError(f"{self.path}: not held by this process. Acquire the lock before describing it.")
        text = json.dumps(asdict(holder)).encode()
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text, 0)

    def release(self) -> None:
        """Give the lock up; the last of nested holders frees it."""
        self._depth -= 1
        if self._depth == 0 and self._descriptor is not None:
            if self._lease is not None:
                self._lease.release()
            self._let_go()

    def _let_go(self) -> None:
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None
            Lock._held.pop(self.path, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def locked_message(root: Path, holder: Holder | None) -> str:
    """What a manual run says when it may not go on."""
    who = str(holder) if holder else "another process"
    return f"{root}: locked by {who}; one run at a time expected. Nothing was done. Wait until it ends, then run again."


def read_holder(path: Path) -> Holder | None:
    """Whom the lock file names, held or not; None where it names no one."""
    try:
        return Holder(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def current_holder(home: Home) -> Holder | None:
    """Who holds the lock now; None where it is free. A crashed holder holds nothing."""
    try:
        descriptor = os.open(home.lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return read_holder(home.lock) or Holder(0, "unknown", "unknown")
    finally:
        os.close(descriptor)
    return None


if __name__ == "__main__":
    print(current_holder(find_home(os.environ, Path.cwd())) or "free", file=sys.stdout)
