"""What a ledger must say, in plain dictionaries: no SQL, no Arrow, and no text is parsed but by a table of meanings.

`Ledger` holds what each captured day was like; the intervals, the receipts and the fingerprints follow from that alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

FOREVER = date(9999, 12, 31)
REJECTED = object()
Row = dict[str, Any]
Key = tuple[Any, ...]
Values = dict[str, Any]

MEANING: dict[str, dict[str | None, Any]] = {
    "amount": {
        "100": Decimal("100.00"),
        "1.005": Decimal("1.01"),
        "-1.005": Decimal("-1.01"),
        " 12.5 ": Decimal("12.50"),
        "0": Decimal("0.00"),
        "1e3": Decimal("1000.00"),
        "1,000": REJECTED,
        "free": REJECTED,
    },
    "close_date": {
        "2026-03-31": date(2026, 3, 31),
        "2026-02-30": REJECTED,
        "2026-03-31T23:30:00-08:00": date(2026, 4, 1),  # half past three in New York
    },
    "created_at": {
        "2026-01-05 09:00:00": datetime.fromisoformat("2026-01-05 14:00:00"),
        "2026-07-05 09:00:00": datetime.fromisoformat("2026-07-05 13:00:00"),
        "2026-01-05T09:00:00.000001Z": datetime.fromisoformat("2026-01-05 09:00:00.000001"),
        "yesterday": REJECTED,
    },
    "employee_count": {"12": 12, "-3": -3, "7.0": 7, "7.5": REJECTED},
    "opportunity_id": {"a ": "a", "\ta": "a", "\u00a0b\n": "b", "7.0": "7", " 7": "7"},
    "is_deleted": {"true": True, "false": False, "Yes": True, "0": False, "maybe": REJECTED},
}
"""Column -> landed text -> value in the ledger of a company in New York. Other columns are text and mean themselves."""


@dataclass(frozen=True)
class Day:
    """One captured day: the rows that exist on it, and what its receipt says of the extraction."""

    state: dict[Key, Values]
    source_rows: int
    rejected: int


@dataclass
class Ledger:
    """The captured days of one entity."""

    key: tuple[str, ...]
    required: tuple[str, ...]
    columns: tuple[str, ...]
    mode: str = "state"
    deleted: str | None = None
    volatile: tuple[str, ...] = ()
    days: dict[date, Day] = field(default_factory=dict)

    def capture(self, at: date, rows: Sequence[Row]) -> None:
        """Writes a day, for the first time or anew. In state mode all other days stay what they are."""
        if self.mode == "events":
            self._capture_events(at, rows)
        else:
            before = [day for day in self.days if day < at]
            state = self.days[max(before)].state if before else {}
            self.days[at] = self._next(state, rows)

    # -- what follows from the days ------------------------------------------------------------------------------------

    def intervals(self) -> list[tuple[Key, date, date, str, Values | None]]:
        """Every version of every row: key, valid_from, valid_to, change, content (None for a tombstone)."""
        found: list[tuple[Key, date, date, str, Values | None]] = []
        days = sorted(self.days)
        for key in {key for day in self.days.values() for key in day.state}:
            versions: list[tuple[date, Values | None]] = []
            for day in days:
                content = self.days[day].state.get(key)
                if versions[-1][1] != content if versions else content is not None:
                    versions.append((day, content))
            ends = [start for start, _ in versions[1:]] + [FOREVER]
            for (start, content), end in zip(versions, ends, strict=True):
                found.append((key, start, end, "delete" if content is None else "upsert", content))
        return sorted(found, key=repr)

    def fingerprint(self, at: date) -> str:
        """The sum of the MD5 digests of the rows that exist on a day."""
        return f"{sum(int(self.digest(key, row), 16) for key, row in self.days[at].state.items()) % 2**128:032x}"

    def digest(self, key: Key, row: Values) -> str:
        """The digest of one row, as `snapshots.digest` describes it."""
        named = {**dict(zip(self.key, key, strict=True)), **row}
        text = "".join(
            f"{len(_text(value).encode())}:{name}={_text(value)}"
            for name, value in sorted(named.items())
            if value is not None
        )
        return hashlib.md5(text.encode()).hexdigest()  # noqa: S324 - the ledger's digest

    def counts(self, at: date) -> dict[str, int]:
        """The counts of a day's receipt."""
        before = [day for day in self.days if day < at]
        was = self.days[max(before)].state if before else {}
        day = self.days[at]
        return {
            "source_rows": day.source_rows,
            "rejected": day.rejected,
            "live_rows": len(day.state),
            "upserts": sum(1 for key, row in day.state.items() if key not in was or was[key] != row),
            "deletes": sum(1 for key in was if key not in day.state),
        }

    # -- what a day is -------------------------------------------------------------------------------------------------

    def _next(self, before: Mapping[Key, Values], rows: Sequence[Row]) -> Day:
        by_key, rejected = self._by_key(rows)
        state: dict[Key, Values] = {}
        for key, said in by_key.items():
            live = [values for values, is_gone in said if values is not None and not is_gone]
            gone = [values for values, is_gone in said if values is not None and is_gone]
            bad = sum(1 for values, _ in said if values is None)
            rejected += bad
            conflict = (bad > 0 and len(said) > 1) or (bool(live) and bool(gone)) or any(row != live[0] for row in live)
            if bad or (conflict and any(values != before.get(key) for values in live)):
                rejected += len(live) + len(gone)
            if (conflict or bad) and key in before:
                state[key] = before[key]
            elif live and not conflict:
                state[key] = live[0]
        return Day(state, len(rows), rejected)

    def _capture_events(self, at: date, rows: Sequence[Row]) -> None:
        """New keys are added to this day and to all later ones; what was first seen later moves here."""
        days = sorted(self.days)
        before = [day for day in days if day < at]
        was = self.days[max(before)].state if before else {}
        by_key, rejected = self._by_key(rows)
        new: dict[Key, Values] = {}
        for key, said in by_key.items():
            good = [values for values, _ in said if values is not None]
            rejected += len(said) - len(good)
            if not good or key in was:
                continue
            if any(values != good[0] for values in good):
                rejected += len(good)
            else:
                new[key] = good[0]
        later = [day for day in days if day > at]
        if later and at in self.days:  # later days have seen these too, and nothing is lost
            new = {k: v for k, v in self.days[at].state.items() if k not in was} | new
        self.days[at] = Day({**was, **new}, len(rows), rejected)
        for day in later:
            self.days[day] = Day({**self.days[day].state, **new}, self.days[day].source_rows, self.days[day].rejected)

    def _by_key(self, rows: Sequence[Row]) -> tuple[dict[Key, list[tuple[Values | None, bool]]], int]:
        """By readable key, the values (None if rejected) and whether the row is marked as deleted; and the keyless."""
        found: dict[Key, list[tuple[Values | None, bool]]] = {}
        keyless = 0
        for row in rows:
            key = tuple(meaning(name, row.get(name)) for name in self.key)
            values = {name: meaning(name, row.get(name)) for name in self.columns}
            problem = (
                row.get("_pl_reject") is not None
                or any(value is REJECTED for value in values.values())
                or any(values.get(name, row.get(name)) is None for name in self.required)
            )
            if any(value is None for value in key) and self.mode == "state":
                keyless += 1
                continue
            is_gone = self.deleted is not None and values[self.deleted] is True
            kept = {n: v for n, v in values.items() if n not in self.key and n not in self.volatile}
            found.setdefault(key, []).append((None if problem else kept, is_gone))
        return found, keyless


def meaning(column: str, text: str | None) -> Any:
    """The value in the ledger of a landed text."""
    return None if text is None or (column in MEANING and not text.strip()) else MEANING.get(column, {}).get(text, text)


def read_intervals(
    names: Sequence[str], rows: Iterable[Sequence[Any]], key: Sequence[str], left_out: Iterable[str] = ()
) -> list[tuple[Key, date, date, str, Values | None]]:
    """A relation of the cache in the form of `Ledger.intervals`."""
    frame = {"source", "valid_from", "valid_to", "_pl_change", "_pl_origin", *key, *left_out}
    found = []
    for row in rows:
        values = dict(zip(names, row, strict=True))
        content = {name: value for name, value in values.items() if name not in frame}
        is_live = values["_pl_change"] == "upsert"
        found.append(
            (
                tuple(values[name] for name in key),
                values["valid_from"],
                values["valid_to"],
                values["_pl_change"],
                content if is_live else None,
            )
        )
    return sorted(found, key=repr)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        since = value.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
        return str((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)
    return str(value)
