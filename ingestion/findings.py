"""What a check of the set-up found, and what to do about it: one line of `pipeledger doctor`.

Made by `check()` of the sources and by `orchestration/commands/doctor.py`. Pure data.
"""

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """What a check found, and what to do about it."""

    check: str
    level: Level
    message: str
    fix: str = ""
