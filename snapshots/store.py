"""Where the ledger and everything around it lie, and the thresholds that guard it.

Paths come from whoever owns the home folder; nothing here reads an environment variable or the clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snapshots.place import Place

Relations = Mapping[str, Sequence[str]]
"""Source type -> the entities of it that the models read: the relations that must exist in the cache."""


@dataclass(frozen=True)
class Store:
    """Paths of one home, the company's time zone (an IANA name) in which its days are counted, and its currency.

    `place` keeps what cannot be made anew; the rest is disposable.
    """

    place: Place
    landing: Path
    warehouse: Path
    time_zone: str
    base_currency: str = "USD"

    @property
    def ledger(self) -> Place:
        """The Delta tables, by source and entity."""
        return self.place / "ledger"

    @property
    def personal(self) -> Place:
        """Personal columns and the salt, current only."""
        return self.place / "personal"

    def rejects_file(self, source: str, entity: str, day: date) -> str:
        """Where in `place` the rejected rows of a day are listed, with their file, line and reason."""
        return f"rejects/{source}/{entity}/{day}.csv"


@dataclass(frozen=True)
class Gates:
    """What a day may at most do to the ledger without somebody's consent. Rates are 0-1, the others are rows."""

    max_delete_rate: float = 0.15
    min_deletes: int = 20
    max_reject_rate: float = 0.001
    min_rejects: int = 5
    min_column_values: int = 20


class LedgerError(Exception):
    """The ledger cannot take or give what was asked; says what, got, expected and what to do next."""


class LedgerDamagedError(LedgerError):
    """What the files hold is not what the receipts say was written."""


class BucketError(LedgerError):
    """The store of a bucket refuses what was asked of it."""


class UnreachableError(BucketError, ConnectionError):
    """The store does not answer as it should; the same request may succeed in a while."""


class CaptureError(LedgerError):
    """A day cannot be captured; nothing was written."""
