"""The errors that a person meets, each with the exit code it ends the command with.

Raised by every module of `orchestration`; the command line prints them as they are, without a stack trace.
"""

from enum import IntEnum


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


class HomeError(ConfigError):
    """The home does not fit: newer format, another time zone, not writable, not ours."""


class LockedError(PipeledgerError):
    """Another run holds the home's lock."""

    exit_code = ExitCode.LOCKED
