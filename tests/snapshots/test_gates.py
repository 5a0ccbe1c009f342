"""Gates: what a day may not do to the ledger unseen. A tripped gate writes nothing of the day, for no entity."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import pytest

from snapshots.capture import Captured
from snapshots.intervals import connect
from snapshots.receipts import read_receipts
from snapshots.store import Gates, Store
from snapshots.verify import verify
from tests.snapshots.company import Row, day, files, intervals, land, store, take

GATES = Gates()
COLUMNS = ("opportunity_id", "stage", "amount")
FIVE_MALFORMED = [{"opportunity_id": f"new{n}", "stage": "New", "amount": "free"} for n in range(5)]
ADVICE = "Nothing written. Check the export, or run again with --accept-drop."


def advice(gate: str) -> str:
    return f"Nothing written. Check the export, or run again with --accept {gate}."


ALL = ("drop", "rejected", "values")


def rows(count: int, **values: str | None) -> list[Row]:
    """So many open opportunities."""
    return [{"opportunity_id": f"o{n:04}", "stage": "New", "amount": "1"} | values for n in range(count)]


def written(where: Store) -> dict[str, bytes]:
    """All files of the ledger and the personal folder."""
    return files(where.ledger) | files(where.personal)


def run(where: Store, *days: Sequence[Row], first: int = 0, accept: Collection[str] = ()) -> tuple[str, ...]:
    """Captures days together, under the default gates; gives the messages of those that tripped."""
    land(where, {day(first + n): extract for n, extract in enumerate(days)}, columns=COLUMNS)
    done = take(where, [day(first + n) for n in range(len(days))], gates=GATES, accept=accept)
    return tuple(trip.message for trip in done.tripped)


def captured(where: Store) -> list[tuple[int, int, tuple[str, ...]]]:
    """Number, live rows and overridden gates of each captured day."""
    return [((r.snapshot_date - day(0)).days, r.live_rows, r.overridden) for r in read_receipts(where)]


def test_an_empty_extraction_writes_nothing(tmp_path: Path) -> None:
    where = store(tmp_path)
    run(where, rows(1234))
    before = written(where), intervals(where)
    assert run(where, [], first=1) == (
        f"crm.opportunity: 0 rows for 2026-01-02, expected about those of 2026-01-01 (1,234). {ADVICE}",
    )
    assert (written(where), intervals(where)) == before


def test_a_first_day_without_rows_writes_nothing(tmp_path: Path) -> None:
    where = store(tmp_path)
    assert run(where, []) == (
        f"crm.opportunity: 0 rows for 2026-01-01, expected about those of no day before. {ADVICE}",
    )
    assert written(where) == {}


def test_what_a_source_counts_may_begin_empty_and_not_become_so(tmp_path: Path) -> None:
    where = store(tmp_path)
    for number, extract, tripped in ((0, [], False), (1, [], False), (2, rows(30), False), (3, [], True)):
        land(where, {day(number): extract}, columns=COLUMNS, may_begin_empty=True)
        assert bool(take(where, [day(number)], gates=GATES).tripped) == tripped
    assert captured(where) == [(0, 0, ()), (1, 0, ()), (2, 30, ())]


@pytest.mark.parametrize(
    ("had", "left", "trips"),
    [
        (140, 119, False),  # exactly 15 %
        (140, 118, True),
        (133, 113, True),  # 20, just above 15 %
        (134, 114, False),  # 20, just below
        (20, 1, False),  # 19, nearly all
        (21, 1, True),  # 20
    ],
)
def test_deletes_trip_above_15_percent_and_from_20_on(tmp_path: Path, had: int, left: int, trips: bool) -> None:
    where = store(tmp_path)
    run(where, rows(had))
    before = written(where)
    gone = f"{left:,} rows for 2026-01-02, {had - left} gone since 2026-01-01 ({had:,})"
    message = f"crm.opportunity: {gone}, more than 15%. {ADVICE}"
    assert run(where, rows(left), first=1) == ((message,) if trips else ())
    assert (written(where) == before) is trips


@pytest.mark.parametrize("rate", [0.07, 0.15, 0.29, 0.55, 0.57, 0.58])
def test_exactly_the_allowed_rate_is_allowed_whatever_floats_make_of_it(tmp_path: Path, rate: float) -> None:
    where = store(tmp_path)
    for n, left in enumerate((100, 100 - round(100 * rate))):
        land(where, {day(n): rows(left)})
        gates = Gates(max_delete_rate=rate, min_deletes=1)
        assert take(where, [day(n)], gates=gates).tripped == ()


def test_rows_marked_as_deleted_are_deletes(tmp_path: Path) -> None:
    where = store(tmp_path)
    marked = rows(30, is_deleted="false"), rows(30, is_deleted="true")
    for n, extract in enumerate(marked):
        land(where, {day(n): extract}, deleted="is_deleted")
        tripped = take(where, [day(n)], gates=GATES).tripped
    assert tuple(trip.message for trip in tripped) == (
        f"crm.opportunity: 0 rows for 2026-01-02, 30 gone since 2026-01-01 (30), more than 15%. {ADVICE}",
    )


@pytest.mark.parametrize(
    ("count", "malformed", "trips"),
    [
        (60, 1, False),  # one wrong row is not a lost day
        (60, 4, False),
        (60, 5, True),
        (5000, 5, False),  # exactly a thousandth
        (4999, 5, True),
        (3, 3, True),  # and nothing else
    ],
)
def test_rejected_rows_trip_above_a_thousandth_and_from_five_on(
    tmp_path: Path, count: int, malformed: int, trips: bool
) -> None:
    where = store(tmp_path)
    extract = [*rows(count)[malformed:], *rows(malformed, amount="free")]
    tripped = run(where, extract)
    file = where.place / "rejects" / "crm" / "opportunity" / "2026-01-01.csv"
    limit = "more than 0.1%" if count > malformed else "all there are"
    first = f"opportunity.csv, line {2 + count - malformed:,}: amount: got free, expected a number such as 1234.56"
    message = (
        f"crm.opportunity: {malformed} of {count:,} rows for 2026-01-01 rejected, {limit}. The first: {first}. "
        f"All are in {file}. {advice('rejected')}"
    )
    assert tripped == ((message,) if trips else ())
    listed = where.place.read(where.rejects_file("crm", "opportunity", day(0))) or b""
    assert len(listed.splitlines()) == 1 + malformed
    assert (written(where) == {}) is trips


@pytest.mark.parametrize(("values", "trips"), [(20, True), (19, False)])
def test_a_column_that_loses_its_values_trips(tmp_path: Path, values: int, trips: bool) -> None:
    where = store(tmp_path)
    run(where, [*rows(values), *rows(100, amount=None)[values:]])
    before = written(where)
    message = "crm.opportunity: column amount has no value left for 2026-01-02, it had on 2026-01-01 (100). "
    message += advice("values")
    assert run(where, rows(100, amount=None), first=1) == ((message,) if trips else ())
    assert (written(where) == before) is trips


def test_a_column_loses_its_values_also_where_some_of_the_rows_go_with_them(tmp_path: Path) -> None:
    where = store(tmp_path)
    run(where, [*rows(24), *rows(300, amount=None)[24:]])
    assert len(run(where, rows(300, amount=None)[8:], first=1)) == 1


def test_a_column_that_keeps_one_value_does_not_trip(tmp_path: Path) -> None:
    where = store(tmp_path)
    run(where, rows(100))
    assert run(where, [*rows(1), *rows(100, amount=None)[1:]], first=1) == ()


def test_a_column_that_is_no_longer_extracted_does_not_trip(tmp_path: Path) -> None:
    where = store(tmp_path)
    run(where, rows(100))
    land(where, {day(1): [{"opportunity_id": row["opportunity_id"], "stage": "New"} for row in rows(100)]})
    assert take(where, [day(1)], gates=GATES).tripped == ()


def test_events_may_be_none_on_a_day(tmp_path: Path) -> None:
    where = store(tmp_path)
    for n, extract in enumerate([rows(50), [], rows(50, amount=None)]):
        land(where, {day(n): extract}, columns=COLUMNS, mode="events")
        assert take(where, [day(n)], gates=GATES).tripped == ()


def test_every_tripped_gate_of_a_day_is_told(tmp_path: Path) -> None:
    where = store(tmp_path)
    run(where, rows(100))
    tripped = run(where, [*rows(60, amount=None), *FIVE_MALFORMED], first=1)
    assert [message.split("2026-01-02")[0] for message in tripped] == [
        "crm.opportunity: 60 rows for ",
        "crm.opportunity: 5 of 65 rows for ",
        "crm.opportunity: column amount has no value left for ",
    ]


def test_days_before_a_tripped_one_are_kept_and_none_after_it(tmp_path: Path) -> None:
    where = store(tmp_path)
    tripped = run(where, rows(100), rows(99), rows(10), rows(100))
    assert tripped == (
        f"crm.opportunity: 10 rows for 2026-01-03, 89 gone since 2026-01-02 (99), more than 15%. {ADVICE}",
    )
    assert captured(where) == [(0, 100, ()), (1, 99, ())]
    assert verify(where) == []


def test_days_before_a_tripped_one_are_kept_where_they_are_captured_singly(tmp_path: Path) -> None:
    where = store(tmp_path)
    doubled = [*rows(100), *rows(1)]
    assert len(run(where, doubled, rows(99), rows(10), rows(100))) == 1
    assert captured(where) == [(0, 100, ()), (1, 99, ())]


def test_one_entity_that_trips_keeps_the_whole_source_out(tmp_path: Path) -> None:
    where = store(tmp_path)
    people = [[{"person_id": "p", "email": f"{n}@example.com"}] for n in range(2)]
    for n, opportunities in enumerate((rows(100), rows(10))):
        land(where, {day(n): opportunities})
        land(
            where,
            {day(n): people[n]},
            entity="person",
            key=("person_id",),
            personal=("email",),
            email="email",
            fresh=False,
        )
        before = written(where)
        tripped = take(where, [day(n)], gates=GATES).tripped
    assert len(tripped) == 1
    assert written(where) == before
    assert {(r.entity, r.snapshot_date) for r in read_receipts(where)} == {("opportunity", day(0)), ("person", day(0))}


def test_an_entity_that_the_source_has_no_more_keeps_the_day_out_until_it_is_accepted(tmp_path: Path) -> None:
    where = store(tmp_path)

    def run_with(number: int, *entities: str, accept: Collection[str] = ()) -> Captured:
        for at, entity in enumerate(entities):
            land(where, {day(number): rows(30)}, entity=entity, fresh=at == 0)
        return take(where, [day(number)], gates=GATES, accept=accept, entities=entities)

    assert run_with(0, "opportunity", "account").tripped == ()
    before = written(where)
    [trip] = run_with(1, "opportunity").tripped
    assert (trip.entity, trip.day, trip.gate) == ("account", day(1), "empty")
    assert trip.message == (
        f"crm.account: nothing of it was landed for 2026-01-02, it was captured on 2026-01-01. {ADVICE}"
    )
    assert written(where) == before
    assert run_with(1, "opportunity", accept=("rejected",)).tripped == (trip,)
    assert run_with(1, "opportunity", accept=("drop",)).tripped == ()
    assert run_with(2, "opportunity").tripped == ()
    assert run_with(3, "opportunity", "account").tripped == ()


def test_another_source_is_captured_all_the_same(tmp_path: Path) -> None:
    where = store(tmp_path)
    run(where, rows(100))
    run(where, [], first=1)
    land(where, {day(1): rows(5)}, source="billing")
    assert take(where, [day(1)], source="billing", gates=GATES).tripped == ()
    assert len(captured(where)) == 2


def test_accepting_a_drop_is_on_the_receipt(tmp_path: Path) -> None:
    where = store(tmp_path)
    run(where, rows(100))
    assert run(where, [*rows(60, amount=None), *FIVE_MALFORMED], first=1, accept=ALL) == ()
    assert run(where, rows(60, amount=None), first=2) == ()
    assert captured(where) == [(0, 100, ()), (1, 60, ("deletes", "rejected", "column:amount")), (2, 60, ())]
    with connect(where) as con:
        assert con.execute("select is_overridden from ledger.receipts order by snapshot_date").fetchall() == [
            (False,),
            (True,),
            (False,),
        ]
    assert verify(where) == []


@pytest.mark.parametrize(
    ("accept", "tripped"),
    [
        ((), ["deletes", "rejected", "column:amount"]),
        (("drop",), ["rejected", "column:amount"]),
        (("deletes",), ["rejected", "column:amount"]),
        (("empty", "columns"), ["deletes", "rejected", "column:amount"]),
        (("rejected",), ["deletes", "column:amount"]),
        (("drop", "values"), ["rejected"]),
    ],
)
def test_accepting_a_gate_accepts_no_other(tmp_path: Path, accept: Sequence[str], tripped: list[str]) -> None:
    where = store(tmp_path)
    run(where, rows(100))
    before = written(where)
    land(where, {day(1): [*rows(60, amount=None), *FIVE_MALFORMED]}, columns=COLUMNS)
    assert [trip.gate for trip in take(where, [day(1)], gates=GATES, accept=accept).tripped] == tripped
    assert written(where) == before


def test_accepting_a_gate_holds_for_all_days_of_the_run_and_stops_at_another(tmp_path: Path) -> None:
    where = store(tmp_path)
    run(where, rows(200))
    assert len(run(where, rows(100), rows(50), rows(50, amount=None), first=1, accept=("drop",))) == 1
    assert captured(where) == [(0, 200, ()), (1, 100, ("deletes",)), (2, 50, ("deletes",))]


EXPECTED = {"opportunity_id": "opportunity_id", "stage": "stage", "close_value": "amount"}


def with_columns(where: Store, number: int, *columns: str, accept: Collection[str] = ()) -> Captured:
    """Captures a day whose file has these columns, `close_value` mapped to `amount` if it is there."""
    extract = [{"opportunity_id": f"o{n}"} | dict.fromkeys(columns, "1") for n in range(30)]
    headers = {"close_value": "Close Value", "amount_usd": "Amount (USD)", "notes": "Notes"}
    land(where, {day(number): extract}, headers=headers, expected=EXPECTED)
    return take(where, [day(number)], gates=GATES, accept=accept)


def test_a_mapped_column_that_is_gone_trips_and_names_the_nearest_new_one(tmp_path: Path) -> None:
    where = store(tmp_path)
    assert with_columns(where, 0, "stage", "close_value").tripped == ()
    before = written(where)
    [trip] = with_columns(where, 1, "stage", "notes", "amount_usd").tripped
    assert (trip.entity, trip.gate) == ("opportunity", "columns:close_value")
    assert trip.message == (
        "crm.opportunity: the column `Close Value` (our `amount`) is gone on 2026-01-02, it was there on "
        "2026-01-01 (30); `Amount (USD)` is new: is it that? Nothing written. If so, add it to `columns` in "
        "[sources.crm.entities.opportunity] of pipeledger.toml, beside the old name (several names may map to one "
        'column): "Amount (USD)" = "amount"; then run again. If the column is gone for good, run again with --accept '
        "columns."
    )
    assert written(where) == before


def test_a_mapped_column_that_is_gone_for_good_is_accepted_once(tmp_path: Path) -> None:
    where = store(tmp_path)
    with_columns(where, 0, "stage", "close_value")
    [trip] = with_columns(where, 1, "stage").tripped
    assert "no column is new" in trip.message
    assert with_columns(where, 1, "stage", accept=("columns",)).tripped == ()
    assert with_columns(where, 2, "stage").tripped == ()
    assert captured(where)[1:] == [(1, 30, ("columns:close_value",)), (2, 30, ())]


def test_unmapped_columns_come_and_go_and_are_told_once(tmp_path: Path) -> None:
    where = store(tmp_path)
    for number, columns, notes in (
        (0, ["stage", "notes"], ()),
        (1, ["stage", "amount_usd"], ("new on 2026-01-02, not mapped: Amount (USD)", "gone on 2026-01-02, not mapped")),
        (2, ["stage", "amount_usd"], ()),
    ):
        done = with_columns(where, number, *columns)
        assert done.tripped == ()
        assert len(done.notes) == len(notes)
        assert all(part in note for part, note in zip(notes, done.notes, strict=True))


def test_rejected_rows_below_the_gate_are_told(tmp_path: Path) -> None:
    where = store(tmp_path)
    land(where, {day(0): [*rows(59), FIVE_MALFORMED[0]]}, columns=COLUMNS)
    [note] = take(where, [day(0)], gates=GATES).notes
    assert note.startswith(
        "crm.opportunity: 1 of 60 rows for 2026-01-01 rejected; the day is captured without them. The first: "
        "opportunity.csv, line 61: amount: got free"
    )
    assert captured(where) == [(0, 59, ())]
    assert take(where, [day(0)], gates=GATES).notes == ()  # a day that was captured before says nothing new


def test_accepting_an_empty_day_deletes_all(tmp_path: Path) -> None:
    where = store(tmp_path)
    run(where, rows(3))
    run(where, [], first=1, accept=("drop",))
    assert captured(where) == [(0, 3, ()), (1, 0, ("empty",))]
    assert run(where, [], first=2) == ()


def test_running_an_accepted_day_again_asks_nobody(tmp_path: Path) -> None:
    where = store(tmp_path)
    run(where, rows(100))
    run(where, rows(10), first=1, accept=("drop",))
    before = written(where)
    assert run(where, rows(10), first=1) == ()
    assert written(where) == before


def test_running_an_accepted_day_again_with_another_drop_asks(tmp_path: Path) -> None:
    where = store(tmp_path)
    run(where, rows(100))
    run(where, rows(10), first=1, accept=("drop",))
    assert len(run(where, rows(9), first=1)) == 1


def test_a_late_day_is_held_against_the_day_before_it(tmp_path: Path) -> None:
    where = store(tmp_path)
    run(where, rows(100))
    run(where, rows(10), first=2, accept=("drop",))
    before = written(where)
    assert run(where, rows(50), first=1) == (
        f"crm.opportunity: 50 rows for 2026-01-02, 50 gone since 2026-01-01 (100), more than 15%. {ADVICE}",
    )
    assert written(where) == before
    assert run(where, rows(95), first=1) == ()
    assert captured(where) == [(0, 100, ()), (1, 95, ()), (2, 10, ("deletes",))]
