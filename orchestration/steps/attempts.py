"""What an attempt to land and capture a source came to, and the note of it that `pipeledger status` reads.

The notes lie in `attempts/` of the home, one small JSON file per source; they are disposable.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.settings.settings import Settings
from snapshots.durable import write_whole

if TYPE_CHECKING:
    from snapshots.capture import CapturedDay


@dataclass(frozen=True)
class SourceResult:
    """What landing and capturing one source came to: the days kept, the gates that tripped, the error that ended it.

    `landed` are rows by entity and day.
    """

    source: str
    days: tuple[CapturedDay, ...] = ()
    landed: Mapping[tuple[str, date], int] = field(default_factory=dict)
    tripped: tuple[str, ...] = ()
    error: str | None = None
    seconds: float = 0.0
    notes: tuple[str, ...] = ()  # what a person is to hear of what was landed

    @property
    def is_complete(self) -> bool:
        """Whether every day asked for was kept."""
        return self.error is None and not self.tripped


def record_attempt(settings: Settings, source: str, days: Sequence[date], now: datetime, result: SourceResult) -> None:
    """Leave a note of what the last attempt came to, for `pipeledger status`; disposable."""
    note = {
        "started_at": now.isoformat(timespec="seconds"),
        "ended_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "first_day": str(days[0]) if days else None,
        "last_day": str(days[-1]) if days else None,
        "days_kept": len(result.days),
        "outcome": "failed" if result.error else "gate" if result.tripped else "done",
        "message": result.error or "; ".join(result.tripped) or None,
    }
    write_whole(settings.home.attempts / f"{source}.json", json.dumps(note, indent=2) + "\n")


def read_attempt(folder: Path, source: str) -> dict[str, Any] | None:
    """The note of a source's last attempt."""
    try:
        return dict(json.loads((folder / f"{source}.json").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None
