"""The errors that a person meets, each with the exit code it ends the command with.

Raised by every module of `orchestration`; the command line prints them as they are, without a stack trace.
"""

import errno
import re
from enum import IntEnum
from pathlib import Path

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NO_ROOM_SAID = re.compile(r"no space left|disk is full|disk i/o error|disk quota|file too large", re.I)
"""How the libraries that write for us say that the disk is full: SQLite, DuckDB, Delta, dlt."""


class ExitCode(IntEnum):
    """What a command tells its caller; stable, because schedulers and scripts read it."""

    DONE = 0
    FAILED = 1
    WRONG_USAGE = 2
    DONE_WITH_GAP = 3
    LOCKED = 4
    LEDGER_DAMAGED = 5


class PipeledgerError(Exception):
    """Something failed and nothing is half-written; the message says what, got, expected and the next command."""

    exit_code = ExitCode.FAILED


class ConfigError(PipeledgerError):
    """The configuration, a definition file or the command's arguments are wrong."""

    exit_code = ExitCode.WRONG_USAGE


class DiskFullError(PipeledgerError):
    """There is no room left for what was to be written."""

    def __init__(self, home: Path) -> None:
        super().__init__(
            f"{home}: the disk is full, or a file may grow no further. What was captured is kept, and nothing is "
            "half-written. Free some space (landing.duckdb and dbt/ in the home are disposable), then run the same "
            "command again."
        )


class HomeError(ConfigError):
    """The home does not fit: newer format, another time zone, not writable, not ours."""


class LockedError(PipeledgerError):
    """Another run holds the home's lock."""

    exit_code = ExitCode.LOCKED


def is_disk_full(error: BaseException | str | None) -> bool:
    """Whether an error, or what caused it, is that nothing more can be written."""
    if isinstance(error, str):
        return NO_ROOM_SAID.search(error) is not None
    seen: set[int] = set()
    while error is not None and id(error) not in seen:  # a chain may close on itself
        seen.add(id(error))
        if getattr(error, "errno", None) in NO_ROOM or is_disk_full(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False
