"""Random companies, captured in random orders: the ledger says of every day what a plain dictionary says."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from snapshots.intervals import connect, rebuild
from snapshots.receipts import read_receipts
from snapshots.store import Store
from snapshots.verify import verify
from tests.drawn import drawn
from tests.snapshots.company import day, land, store, take
from tests.snapshots.oracle import Ledger, Row, read_intervals

COLUMNS = ("opportunity_id", "stage", "amount", "close_date", "created_at", "employee_count", "is_deleted", "note")
TEMPLATES: list[dict[str, str | None]] = [
    {"stage": "New", "amount": "100"},
    {"stage": "New", "amount": "1.005", "created_at": "2026-01-05 09:00:00"},
    {"stage": "Won", "amount": "-1.005", "close_date": "2026-03-31T23:30:00-08:00"},
    {"stage": "Won", "amount": " 12.5 ", "note": "Zoë says: a=3:b;\n\"'", "employee_count": "7.0"},
    {"stage": "Won", "amount": None, "note": "", "created_at": "2026-01-05T09:00:00.000001Z"},
    {"stage": "Won", "amount": "", "note": "", "is_deleted": "0", "created_at": "2026-07-05 09:00:00"},
    {"stage": "Lost", "is_deleted": "true", "note": "merged"},
    {"stage": "New", "amount": "100", "is_deleted": "Yes"},
]
MALFORMED: list[dict[str, str | None]] = [
    {"stage": "New", "amount": "1,000"},
    {"stage": None, "amount": "100"},
    {"stage": "New", "close_date": "2026-02-30"},
    {"stage": "Won", "employee_count": "7.5"},
    {"stage": "Won", "is_deleted": "maybe"},
    {"stage": None, "is_deleted": "true"},
    {"stage": "New", "_pl_reject": "7 fields, expected 8"},
]
QUICK = settings(
    deadline=None,
    derandomize=True,
    database=None,
    report_multiple_bugs=False,
    phases=[Phase.generate],  # with Phase.shrink a failure becomes small, in minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

Step = tuple[str, Any]


def rows_of(keys: Sequence[str | None]) -> st.SearchStrategy[list[Row]]:
    """A day's extract: most keys once, some missing, doubled or malformed; in any order, each with a new `modstamp`."""
    row = st.fixed_dictionaries(
        {"opportunity_id": st.sampled_from(keys), "modstamp": st.sampled_from(["t1", "t2", "t3"])}
    )
    body = st.sampled_from(TEMPLATES + MALFORMED)
    return st.lists(st.tuples(row, body).map(lambda both: both[0] | both[1]), max_size=7)


def clean_rows(keys: Sequence[str]) -> st.SearchStrategy[list[Row]]:
    """A day's extract as most are: each key once or not at all, most rows what they were on other days."""
    body = st.sampled_from([TEMPLATES[0]] * 6 + [None] + TEMPLATES)
    stamp = st.sampled_from(["t1", "t2"])
    return st.tuples(*(st.tuples(st.just(key), body, stamp) for key in keys)).map(
        lambda said: [
            {"opportunity_id": key, "modstamp": at, **template} for key, template, at in said if template is not None
        ]
    )


EXTRACT = st.one_of(
    clean_rows(["a", "b", "c", "d", "é"]),
    clean_rows(["a", "b", "c"]),
    rows_of(["a", "b", "c", None]),
    rows_of(["a", "a ", "\ta", "\u00a0b\n", "7", "7.0", " 7", " "]),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("new days"), st.lists(st.tuples(st.integers(1, 3), EXTRACT), min_size=1, max_size=4)),
        st.tuples(st.just("late day"), st.tuples(st.integers(-3, 30), EXTRACT)),
        st.tuples(st.just("older day again"), st.tuples(st.integers(0, 30), EXTRACT)),
        st.tuples(st.just("newest day again"), EXTRACT),
    ),
    min_size=2,
    max_size=5,
)


def planned(steps: Sequence[Step]) -> list[dict[date, list[Row]]]:
    """The extracts of each capture; the steps are told apart by which days they take."""
    known: list[int] = []
    captures: list[dict[date, list[Row]]] = []
    for what, said in steps:
        if what == "new days" or not known:
            extracts = said if what == "new days" else [(1, said if what == "newest day again" else said[1])]
            numbered = {}
            for gap, rows in extracts:
                known.append(max(known, default=10) + gap)
                numbered[known[-1]] = rows
        elif what == "newest day again":
            numbered = {max(known): said}
        elif what == "older day again":
            numbered = {sorted(known)[said[0] % len(known)]: said[1]}
        else:
            number = min(known) - 1 + said[0] % (max(known) - min(known) + 1)
            known = sorted({*known, number})
            numbered = {number: said[1]}
        captures.append({day(number): rows for number, rows in numbered.items()})
    return captures


def opportunities(mode: str = "state") -> Ledger:
    """The oracle of the opportunities that this file lands."""
    return Ledger(("opportunity_id",), ("opportunity_id", "stage"), COLUMNS, mode, "is_deleted", ("modstamp",))


def take_all(where: Store, extracts: dict[date, list[Row]]) -> None:
    """Lands and captures days of the opportunities of this file."""
    land(
        where,
        extracts,
        required=("opportunity_id", "stage"),
        columns=[*COLUMNS, "modstamp"],
        volatile=("modstamp",),
        deleted="is_deleted",
    )
    take(where, sorted(extracts), accept=("drop",))


def relation(where: Store, key: Sequence[str], name: str = "opportunity") -> list[Any]:
    """The relation of the cache, in the oracle's form."""
    with connect(where) as con:
        cursor = con.execute(f"select * from ledger.files__{name}")
        names = [column[0] for column in cursor.description or []]
        return read_intervals(names, cursor.fetchall(), key, left_out=("modstamp",))


def agrees(where: Store, oracle: Ledger, entity: str = "opportunity") -> None:
    """Intervals, receipts and fingerprints are the oracle's."""
    assert relation(where, oracle.key, entity) == oracle.intervals()
    receipts = {r.snapshot_date: r for r in read_receipts(where) if r.entity == entity}
    assert sorted(receipts) == sorted(oracle.days)
    for at, receipt in receipts.items():
        assert {name: getattr(receipt, name) for name in oracle.counts(at)} == oracle.counts(at), at
        assert receipt.fingerprint == oracle.fingerprint(at), at


def agrees_after_rebuild(where: Store, oracle: Ledger, entity: str = "opportunity") -> None:
    """The same from the ledger's files alone, which verify."""
    assert verify(where) == []
    rebuild(where, {"files": [entity]})
    agrees(where, oracle, entity)


@given(steps=STEPS)
@settings(QUICK, max_examples=drawn(4, 200))
def test_every_day_is_what_was_extracted_in_whatever_order_days_come(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as home:
        where, oracle = store(Path(home)), opportunities()
        for extracts in planned(steps):
            take_all(where, extracts)
            for at, rows in sorted(extracts.items()):
                oracle.capture(at, rows)
            agrees(where, oracle)
        agrees_after_rebuild(where, oracle)


@given(extracts=st.lists(st.tuples(st.integers(1, 3), EXTRACT), min_size=2, max_size=8))
@settings(QUICK, max_examples=drawn(2, 20))
def test_many_days_at_once_are_the_same_as_one_at_a_time(extracts: list[tuple[int, list[Row]]]) -> None:
    days: dict[date, list[Row]] = {}
    number = 0
    for gap, rows in extracts:
        number += gap
        days[day(number)] = rows
    with tempfile.TemporaryDirectory() as home:
        at_once, one_by_one = store(Path(home) / "at_once"), store(Path(home) / "one_by_one")
        first, *others = days
        take_all(at_once, {first: days[first]})
        take_all(at_once, {at: days[at] for at in others})
        for at, rows in days.items():
            take_all(one_by_one, {at: rows})
        assert relation(at_once, ("opportunity_id",)) == relation(one_by_one, ("opportunity_id",))
        assert _said(at_once) == _said(one_by_one)
        assert verify(at_once) == verify(one_by_one) == []


def test_rows_may_first_change_on_a_later_one_of_days_captured_together(tmp_path: Path) -> None:
    where, oracle = store(tmp_path), opportunities()
    stages = [("New", "New"), ("New", "New"), ("New", "Won"), ("Won", None), ("Won", "New")]
    extracts = {
        day(number): [
            {"opportunity_id": key, "stage": stage} for key, stage in zip(("a", "b"), said, strict=True) if stage
        ]
        for number, said in enumerate(stages)
    }
    take_all(where, {day(0): extracts[day(0)]})
    take_all(where, {at: rows for at, rows in extracts.items() if at > day(0)})
    for at, rows in extracts.items():
        oracle.capture(at, rows)
    agrees(where, oracle)
    agrees_after_rebuild(where, oracle)


@pytest.mark.parametrize("name", ["My Company", "Müller & Söhne, #1", 'a "b" {c} $d', "日本*~;@+"])
def test_the_folder_may_have_any_name_that_the_libraries_take(tmp_path: Path, name: str) -> None:
    where, oracle = store(tmp_path / name), opportunities()
    for number, stage in enumerate(("New", "Won")):
        rows: list[Row] = [{"opportunity_id": "a", "stage": stage}]
        take_all(where, {day(number): rows})
        oracle.capture(day(number), rows)
    agrees_after_rebuild(where, oracle)


def test_many_clean_days_at_once_are_one_commit(tmp_path: Path) -> None:
    where = store(tmp_path)
    take_all(where, {day(n): [{"opportunity_id": "a", "stage": f"{n}"}] for n in range(20)})
    assert {receipt.version for receipt in read_receipts(where)} == {0}


def test_running_a_day_ten_times_changes_nothing(tmp_path: Path) -> None:
    where = store(tmp_path)
    rows = [{"opportunity_id": f"{n}", "stage": "New", "amount": f"{n}.5"} for n in range(5)]
    take_all(where, {day(0): rows[:3]})
    take_all(where, {day(1): rows})
    before = (relation(where, ("opportunity_id",)), _said(where))
    for _ in range(10):
        take_all(where, {day(1): rows})
    take_all(where, {day(0): rows[:3]})
    assert (relation(where, ("opportunity_id",)), _said(where)) == before
    assert {receipt.version for receipt in read_receipts(where)} == {0, 1}


def _said(where: Store) -> list[Any]:
    return [
        (r.snapshot_date, r.source_rows, r.upserts, r.deletes, r.rejected, r.live_rows, r.fingerprint, r.rows_digest)
        for r in read_receipts(where)
    ]


# -- events -----------------------------------------------------------------------------------------------------------

CHANGE = ("opportunity_id", "field", "old_value", "new_value", "changed_at")
CHANGE_TYPES = dict.fromkeys(CHANGE, "VARCHAR")


def event_rows() -> st.SearchStrategy[list[Row]]:
    """Changes, told apart by all of their columns, two of which may be empty; some twice, some without a field."""
    return st.lists(
        st.fixed_dictionaries(
            {
                "opportunity_id": st.sampled_from(["a", "b"]),
                "field": st.sampled_from(["stage", "stage", "amount", None]),
                "old_value": st.sampled_from([None, "New"]),
                "new_value": st.sampled_from([None, "Won"]),
                "changed_at": st.just("2026-01-05 09:00:00"),
            }
        ),
        max_size=5,
    )


def activity_rows() -> st.SearchStrategy[list[Row]]:
    """Activities with an id, that may come again with other content, twice, or malformed."""
    row = st.fixed_dictionaries({"opportunity_id": st.sampled_from(["a", "b", "c", "d", "e"])})
    body = st.sampled_from([*TEMPLATES[:4], TEMPLATES[0], MALFORMED[0]])
    return st.lists(st.tuples(row, body).map(lambda both: both[0] | both[1]), max_size=5)


def event_steps(rows: st.SearchStrategy[list[Row]]) -> st.SearchStrategy[list[Step]]:
    """The same steps as for states."""
    return st.lists(
        st.one_of(
            st.tuples(st.just("new days"), st.lists(st.tuples(st.integers(1, 3), rows), min_size=1, max_size=3)),
            st.tuples(st.just("late day"), st.tuples(st.integers(-3, 30), rows)),
            st.tuples(st.just("older day again"), st.tuples(st.integers(0, 30), rows)),
            st.tuples(st.just("newest day again"), rows),
        ),
        min_size=2,
        max_size=5,
    )


@given(steps=event_steps(activity_rows()))
@settings(QUICK, max_examples=drawn(4, 100))
def test_events_count_from_the_first_day_that_saw_them(steps: list[Step]) -> None:
    columns = tuple(name for name in COLUMNS if name != "is_deleted")
    oracle = Ledger(("opportunity_id",), ("opportunity_id", "stage"), columns, "events")
    with tempfile.TemporaryDirectory() as home:
        where = store(Path(home))
        for extracts in planned(steps):
            land(where, extracts, required=oracle.required, columns=columns, mode="events")
            take(where, sorted(extracts), accept=("drop",))
            for at, rows in sorted(extracts.items()):
                oracle.capture(at, rows)
            agrees(where, oracle)
        agrees_after_rebuild(where, oracle)


@given(steps=event_steps(event_rows()))
@settings(QUICK, max_examples=drawn(3, 50))
def test_events_are_told_apart_by_keys_with_nulls(steps: list[Step]) -> None:
    oracle = Ledger(CHANGE, ("opportunity_id", "field", "changed_at"), CHANGE, "events")
    with tempfile.TemporaryDirectory() as home:
        where = store(Path(home))
        for extracts in planned(steps):
            land(
                where,
                extracts,
                entity="opportunity_change",
                key=CHANGE,
                required=oracle.required,
                columns=CHANGE,
                governed=CHANGE_TYPES,
                mode="events",
            )
            take(where, sorted(extracts), accept=("drop",))
            for at, rows in sorted(extracts.items()):
                oracle.capture(at, [row | {"changed_at": "2026-01-05 09:00:00"} for row in rows])
            with connect(where) as con:
                got = con.execute(
                    f"select {', '.join(CHANGE)}, valid_from, valid_to from ledger.files__opportunity_change"
                ).fetchall()
            expected = [(*key, start, end) for key, start, end, _, _ in oracle.intervals()]
            assert sorted(got, key=repr) == sorted(expected, key=repr)
        assert verify(where) == []


def test_an_event_in_doubt_on_one_day_is_taken_from_the_next_even_at_once(tmp_path: Path) -> None:
    where = store(tmp_path)
    twice = [{"opportunity_id": "a", "stage": "one"}, {"opportunity_id": "a", "stage": "two"}]
    land(where, {day(0): twice, day(1): twice[:1]}, mode="events")
    take(where, [day(0), day(1)])
    assert [(start, content) for _, start, _, _, content in relation(where, ("opportunity_id",))] == [
        (day(1), {"stage": "one"})
    ]
    assert [receipt.rejected for receipt in read_receipts(where)] == [2, 0]


def test_days_landed_out_of_order_give_each_event_its_first_content(tmp_path: Path) -> None:
    where = store(tmp_path)
    rows = {
        day(2): [{"opportunity_id": "a", "stage": "second"}],
        day(1): [{"opportunity_id": "a", "stage": "first"}],
    }
    land(where, rows, mode="events")
    take(where, [day(1), day(2)])
    assert [(start, content) for _, start, _, _, content in relation(where, ("opportunity_id",))] == [
        (day(1), {"stage": "first"})
    ]


# -- composite keys ----------------------------------------------------------------------------------------------------

ROLE = ("opportunity_id", "person_id")


def role_rows() -> st.SearchStrategy[list[Row]]:
    """Roles of people in opportunities; a row without one half of its key is rejected."""
    return st.lists(
        st.fixed_dictionaries(
            {
                "opportunity_id": st.sampled_from(["a", "ab", None]),
                "person_id": st.sampled_from(["bc", "c", "c"]),
                "role": st.sampled_from(["buyer", "user", None]),
            }
        ),
        max_size=4,
    )


@given(extracts=st.lists(role_rows(), min_size=2, max_size=5), late=role_rows())
@settings(QUICK, max_examples=drawn(2, 50))
def test_rows_are_told_apart_by_all_columns_of_their_key(extracts: list[list[Row]], late: list[Row]) -> None:
    oracle = Ledger(ROLE, ROLE, (*ROLE, "role"))
    with tempfile.TemporaryDirectory() as home:
        where = store(Path(home))
        for at, rows in [*((day(2 * n + 1), rows) for n, rows in enumerate(extracts)), (day(2), late)]:
            land(where, {at: rows}, entity="opportunity_contact_role", key=ROLE, columns=(*ROLE, "role"))
            take(where, [at], accept=("drop",))
            oracle.capture(at, rows)
            agrees(where, oracle, "opportunity_contact_role")
        agrees_after_rebuild(where, oracle, "opportunity_contact_role")


def test_a_state_row_without_its_key_is_rejected_even_where_the_key_is_not_required(tmp_path: Path) -> None:
    where = store(tmp_path)
    rows = [{"opportunity_id": "a", "person_id": None, "role": "buyer"}]
    for n in range(2):
        land(where, {day(n): rows}, entity="opportunity_contact_role", key=ROLE, required=("opportunity_id",))
        take(where, [day(n)], accept=("drop",))
    assert [(r.upserts, r.deletes, r.rejected, r.live_rows) for r in read_receipts(where)] == [(0, 0, 1, 0)] * 2


@pytest.mark.parametrize("mode", ["state", "events"])
def test_a_day_without_rows_is_a_day(tmp_path: Path, mode: str) -> None:
    where = store(tmp_path)
    for n, rows in enumerate([[], [{"opportunity_id": "a", "stage": "New"}], []]):
        land(where, {day(n): rows}, columns=("opportunity_id", "stage"), mode=mode)
        take(where, [day(n)], accept=("drop",))
    assert [(r.snapshot_date, r.live_rows) for r in read_receipts(where)] == [
        (day(0), 0),
        (day(1), 1),
        (day(2), 0 if mode == "state" else 1),
    ]
    assert verify(where) == []
