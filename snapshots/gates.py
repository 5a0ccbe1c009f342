"""Gates: which days would do more to the ledger than a day may without somebody's consent.

Reads the receipts that a capture has drafted and the difference they come from, before anything is written; `Gates` in
`store.py` has the thresholds. Goes to `capture.py`, which stops there unless told to go on.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from snapshots.contact import EMAIL_DIGEST
from snapshots.difference import DayCounts, Difference
from snapshots.landed import Manifest
from snapshots.receipts import Receipt
from snapshots.sentences import listed
from snapshots.store import Gates, Store

DROP = "drop"
GATES = {
    "empty": "no rows at all",
    "deletes": "too many rows gone",
    DROP: "either of these two",
    "rejected": "too many rows that cannot be read",
    "values": "a column that lost its values",
    "columns": "a mapped column that is not there any more",
}
"""The gates by the names under which a run may accept them, and what trips each."""


@dataclass(frozen=True)
class TrippedGate:
    """A gate that a day does not pass. `gate` is what the receipt will record if the day is captured nevertheless.

    That is the gate's name, and the column behind a colon where it is about one.
    """

    entity: str
    day: date
    gate: str
    message: str

    def is_accepted(self, accepted: Collection[str]) -> bool:
        """Whether one of the gates that a run accepts is this one."""
        name = {"column": "values"}.get(self.gate.partition(":")[0], self.gate.partition(":")[0])
        return name in accepted or (DROP in accepted and name in ("empty", "deletes"))


def tripped_gates(
    store: Store,
    gates: Gates,
    difference: Difference,
    manifest: Manifest,
    receipts: Sequence[Receipt],
    counts: Mapping[date, DayCounts],
    before: Receipt | None,
    rejects: Mapping[date, str],
) -> list[TrippedGate]:
    """Every gate that trips on the days of `receipts`, each day held against the one before it.

    `manifest` is that of the first day; the others have the same columns. `before` is the receipt of the last captured
    day before them; without one, nothing was there that could be lost, and an empty extraction passes if the entity
    `may_begin_empty`. An empty extraction after an empty one passes too. `rejects` has the first rejected row of a day.
    """
    lost = difference.lost_values(gates.min_column_values)
    tripped: list[TrippedGate] = []
    for receipt in receipts:
        day = receipt.snapshot_date
        previous = f"{before.snapshot_date} ({before.live_rows:,})" if before else "no day before"

        def trip(gate: str, problem: str, advice: str, receipt: Receipt = receipt) -> None:
            message = f"{receipt.source}.{receipt.entity}: {problem} Nothing written. {advice}"
            tripped.append(TrippedGate(receipt.entity, receipt.snapshot_date, gate, message))

        had = before.live_rows if before else 0
        is_suspicious = had if before else not manifest.may_begin_empty
        if receipt.mode == "state" and receipt.source_rows == 0 and is_suspicious:
            trip("empty", f"0 rows for {day}, expected about those of {previous}.", or_accept("drop"))
        elif counts[day].deletes >= gates.min_deletes and _is_above(counts[day].deletes, gates.max_delete_rate, had):
            gone = f"{counts[day].deletes:,} gone since {previous}, more than {100 * gates.max_delete_rate:g}%."
            trip("deletes", f"{receipt.live_rows:,} rows for {day}, {gone}", or_accept("drop"))
        if are_too_many(receipt.rejected, receipt.source_rows, gates):
            limit = f"more than {100 * gates.max_reject_rate:g}%"
            limit = limit if receipt.rejected < receipt.source_rows else "all there are"
            problem = f"{receipt.rejected:,} of {receipt.source_rows:,} rows for {day} rejected, {limit}"
            trip("rejected", f"{problem}. {_rejects(store, receipt, rejects)}", or_accept("rejected"))
        for column in lost.get(day, ()):
            problem = f"column {manifest.header(column)} has no value left for {day}, it had on {previous}."
            trip(f"column:{column}", problem, or_accept("values"))
        for column in _gone(manifest, before):
            where = f"[sources.{receipt.source}.entities.{receipt.entity}]"
            question, advice = _successor(manifest, before, column, where)
            problem = f"the column {_header(manifest, column)} is gone on {day}, it was there on {previous}"
            trip(f"columns:{column}", f"{problem}; {question}", advice)
        before = receipt
    return tripped


def no_more(source: str, entity: str, day: date, last: date) -> TrippedGate:
    """The gate that an entity trips on `day` which the source had on `last` and does not have any more."""
    problem = f"{source}.{entity}: nothing of it was landed for {day}, it was captured on {last}."
    return TrippedGate(entity, day, "empty", f"{problem} Nothing written. {or_accept(DROP)}")


def or_accept(gate: str) -> str:
    """What to do about a gate that tripped."""
    return f"Check the export, or run again with {'--accept-drop' if gate == DROP else f'--accept {gate}'}."


def notes(
    store: Store,
    manifest: Manifest,
    receipts: Iterable[Receipt],
    before: Receipt | None,
    rejects: Mapping[date, str],
) -> list[str]:
    """What days that pass do all the same, for a person to hear: rejected rows, and columns that came or went."""
    said = [
        f"{receipt.source}.{receipt.entity}: {receipt.rejected:,} of {receipt.source_rows:,} rows for "
        f"{receipt.snapshot_date} rejected; the day is captured without them. {_rejects(store, receipt, rejects)}"
        for receipt in receipts
        if receipt.rejected
    ]
    if before is None:
        return said
    mapped = _gone(manifest, before)
    went = [name for name in before.columns if name not in (*manifest.kept, *mapped, EMAIL_DIGEST)]
    came = _new(manifest, before)
    for names, verb, then in ((came, "new", "kept"), (went, "gone", "as they were last seen")):
        if names:
            shown = listed([manifest.header(name) for name in names], most=10)
            said.append(
                f"{manifest.source}.{manifest.entity}: {verb} on {manifest.snapshot_date}, not mapped: {shown} "
                f"({then} in the ledger)."
            )
    return said


def _rejects(store: Store, receipt: Receipt, rejects: Mapping[date, str]) -> str:
    """The first rejected row of a day, and where all of them are."""
    file = store.place / store.rejects_file(receipt.source, receipt.entity, receipt.snapshot_date)
    return f"The first: {rejects[receipt.snapshot_date]}. All are in {file}."


def _gone(manifest: Manifest, before: Receipt | None) -> list[str]:
    """The columns that are read as ours, that the day before had and that are not there now."""
    had = before.columns if before else ()
    expected = {**manifest.expected, **({EMAIL_DIGEST: "email"} if "email" in manifest.expected.values() else {})}
    return [name for name in had if name in expected and name not in manifest.kept]


def _new(manifest: Manifest, before: Receipt) -> list[str]:
    """The columns that the day before did not have and that are not read as ours."""
    known = {*before.columns, *manifest.personal, *manifest.expected, EMAIL_DIGEST}
    return [name for name in manifest.columns if name not in known]


def _header(manifest: Manifest, gone: str) -> str:
    """A column that is gone, by its own name where the settings have it, and which of ours it was."""
    ours, name = manifest.expected.get(gone, "email"), manifest.header(gone)
    return f"`{name}`" if name == ours else f"`{name}` (our `{ours}`)"


def _successor(manifest: Manifest, before: Receipt | None, gone: str, where: str) -> tuple[str, str]:
    """A question after the new column that is most like the one that is gone, and what to do."""
    otherwise = "If the column is gone for good, run again with --accept columns."
    new = _new(manifest, before) if before else []
    if manifest.source_type != "files":
        named = listed([f"`{manifest.header(name)}`" for name in new])
        return (
            f"new: {named}." if new else "no column is new.",
            f"Let the user of [sources.{manifest.source}] read it again, or map what took its place to "
            f"`{manifest.expected.get(gone, 'email')}` in pipeledger.toml. {otherwise}",
        )
    if not new:
        return "no column is new.", f"Check the export. {otherwise}"
    ours = manifest.expected.get(gone, "email")
    best = manifest.header(max(new, key=lambda name: max(_likeness(name, gone), _likeness(name, ours))))
    return (
        f"`{best}` is new: is it that?",
        f"If so, add it to `columns` in {where} of pipeledger.toml, beside the old name (several names may map to one "
        f'column): "{best}" = "{ours}"; then run again. {otherwise}',
    )


def _likeness(one: str, other: str) -> float:
    """How alike two names are, 0 to 1; a word in common counts as much as most letters."""
    words = set(one.split("_")) & set(other.split("_"))
    return max(difflib.SequenceMatcher(None, one, other).ratio(), 0.8 if words else 0.0)


def are_too_many(rejected: int, rows: int, gates: Gates) -> bool:
    """Whether more rows are rejected than a day may lose: more than the share and at least the number, or all."""
    return _is_above(rejected, gates.max_reject_rate, rows) and (rejected >= gates.min_rejects or rejected == rows)


def _is_above(count: int, rate: float, of: int) -> bool:
    """Whether `count` is more than the share `rate` of `of`, with the rate as it is written: 0.29 of 100 is 29."""
    return count > Decimal(str(rate)) * of
