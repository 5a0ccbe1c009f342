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
    from snapshots.gates import TrippedGate


@dataclass(frozen=True)
class SourceResult:
    """What landing and capturing one source came to: the days kept, the gates that tripped, the error that ended it.

    `asked` are the days that were to be captured, `landed` rows by entity and day, `failed` the entities that the error
    is about (empty: the source as a whole), `notes` what a person is to hear of the days kept.
    """

    source: str
    asked: tuple[date, ...] = ()
    days: tuple[CapturedDay, ...] = ()
    landed: Mapping[tuple[str, date], int] = field(default_factory=dict)
    tripped: tuple[TrippedGate, ...] = ()
    error: str | None = None
    failed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def lost(self) -> list[date]:
        """The days asked for that were not captured."""
        return sorted(set(self.asked) - {day.snapshot_date for day in self.days})

    @property
    def gaps(self) -> list[str]:
        """What was lost: `source.entity day`, the days from first to last where there are several."""
        if not self.lost:
            return []
        entities = sorted({trip.entity for trip in self.tripped} | set(self.failed))
        names = [f"{self.source}.{entity}" for entity in entities] or [self.source]
        days = str(self.lost[0]) if len(self.lost) == 1 else f"{self.lost[0]} to {self.lost[-1]}"
        return [f"{name} {days}" for name in names]

    @property
    def refusals(self) -> list[str]:
        """What the gates said."""
        return [trip.message for trip in self.tripped]

    @property
    def cause(self) -> str | None:
        """Why days were lost; None where every day asked for was captured."""
        if not self.lost:
            return None
        said = self.error or "; ".join(self.refusals)
        return said or f"{self.source}: {self.lost[0]} was not captured, and nothing says why. Run it again."


def record_attempt(settings: Settings, source: str, days: Sequence[date], now: datetime, result: SourceResult) -> None:
    """Leave a note of what the last attempt came to, for `pipeledger status`; disposable."""
    note = {
        "started_at": now.isoformat(timespec="seconds"),
        "ended_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "first_day": str(days[0]) if days else None,
        "last_day": str(days[-1]) if days else None,
        "days_kept": len(result.days),
        "outcome": "failed" if result.error else "gate" if result.tripped else "done",
        "message": result.cause or "; ".join(result.notes) or None,
    }
    write_whole(settings.home.attempts / f"{source}.json", json.dumps(note, indent=2) + "\n")


def read_attempt(folder: Path, source: str) -> dict[str, Any] | None:
    """The note of a source's last attempt."""
    try:
        return dict(json.loads((folder / f"{source}.json").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None
