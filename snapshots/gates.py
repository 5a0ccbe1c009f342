"""Gates: which days would do more to the ledger than a day may without somebody's consent.

Reads the receipts that a capture has drafted and the difference they come from, before anything is written; `Gates` in
`store.py` has the thresholds. Goes to `capture.py`, which stops there unless told to go on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from snapshots.difference import DayCounts, Difference
from snapshots.receipts import Receipt
from snapshots.store import Gates, Store


@dataclass(frozen=True)
class TrippedGate:
    """A gate that a day does not pass. `gate` is what the receipt will record if the day is captured nevertheless."""

    entity: str
    day: date
    gate: str
    message: str


def tripped_gates(
    store: Store,
    gates: Gates,
    difference: Difference,
    receipts: Sequence[Receipt],
    counts: Mapping[date, DayCounts],
    before: Receipt | None,
    *,
    may_begin_empty: bool,
) -> list[TrippedGate]:
    """Every gate that trips on the days of `receipts`, each day held against the one before it.

    `before` is the receipt of the last captured day before them; without one, nothing was there that could be lost, and
    an empty extraction passes if the entity `may_begin_empty`. An empty extraction after an empty one passes too.
    """
    lost = difference.lost_values(gates.min_column_values)
    tripped: list[TrippedGate] = []
    for receipt in receipts:
        day = receipt.snapshot_date
        previous = f"{before.snapshot_date} ({before.live_rows:,})" if before else "no day before"

        def trip(gate: str, what: str, receipt: Receipt = receipt) -> None:
            advice = "Nothing written. Check the export, or run again with --accept-drop."
            name = f"{receipt.source}.{receipt.entity}"
            tripped.append(TrippedGate(receipt.entity, receipt.snapshot_date, gate, f"{name}: {what} {advice}"))

        had = before.live_rows if before else 0
        is_suspicious = had if before else not may_begin_empty
        if receipt.mode == "state" and receipt.source_rows == 0 and is_suspicious:
            trip("empty", f"0 rows for {day}, expected about those of {previous}.")
        elif counts[day].deletes >= gates.min_deletes and _is_above(counts[day].deletes, gates.max_delete_rate, had):
            trip(
                "deletes",
                f"{receipt.live_rows:,} rows for {day}, {counts[day].deletes:,} gone since {previous}, "
                f"more than {100 * gates.max_delete_rate:g}%.",
            )
        if _is_above(receipt.rejected, gates.max_reject_rate, receipt.source_rows):
            trip(
                "rejected",
                f"{receipt.rejected:,} of {receipt.source_rows:,} rows for {day} rejected, more than "
                f"{100 * gates.max_reject_rate:g}%; they and the reasons are in "
                f"{store.rejects_file(receipt.source, receipt.entity, day)}.",
            )
        for column in lost.get(day, ()):
            trip(f"column:{column}", f"column {column} has no value left for {day}, it had on {previous}.")
        before = receipt
    return tripped


def _is_above(count: int, rate: float, of: int) -> bool:
    """Whether `count` is more than the share `rate` of `of`, with the rate as it is written: 0.29 of 100 is 29."""
    return count > Decimal(str(rate)) * of
