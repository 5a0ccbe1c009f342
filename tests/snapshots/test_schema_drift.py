"""What happens when a source changes its shape: columns come, go, return, change type or name; history stays."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from snapshots.digest import quoted
from snapshots.intervals import connect, rebuild
from snapshots.ledger import LedgerTable
from snapshots.place import LocalPlace
from snapshots.receipts import Receipt, read_receipts
from snapshots.store import CaptureError, Gates, Store
from snapshots.verify import verify
from tests.snapshots.company import GOVERNED, Row, day, files, intervals, land, put, state, store, take


@pytest.fixture(autouse=True)
def _every_ledger_verifies_and_can_be_rebuilt(tmp_path: Path) -> Iterator[None]:
    yield
    for ledger in tmp_path.rglob("ledger"):
        where = store(ledger.parent)
        assert verify(where) == []
        before = _relations(where)
        rebuild(where, {})
        assert _relations(where) == before


def _relations(where: Store) -> dict[str, list[tuple[Any, ...]]]:
    with connect(where) as con:
        names = con.execute("select table_name from information_schema.tables where table_schema = 'ledger'").fetchall()
    return {name: intervals(where, name) for (name,) in names if "__" in name}


def run(where: Store, number: int, rows: Sequence[Row], **how: Any) -> None:
    """Captures a day."""
    land(where, {day(number): rows}, **how)
    take(where, [day(number)], accept=("drop",))


def deal(**values: Any) -> list[Row]:
    """One opportunity."""
    return [{"opportunity_id": "a", "stage": "New"} | values]


def receipts(where: Store) -> list[Receipt]:
    """The receipts of the opportunities, oldest first."""
    return [receipt for receipt in read_receipts(where) if receipt.entity == "opportunity"]


def versions(where: Store) -> list[int]:
    """How many rows each day wrote."""
    return [receipt.upserts + receipt.deletes for receipt in receipts(where)]


def ledger_types(where: Store) -> dict[str, str]:
    """The columns of the ledger table of opportunities."""
    return LedgerTable(where.ledger / "crm" / "opportunity").columns()


def relation_types(where: Store, relation: str = "files__opportunity") -> dict[str, str]:
    """The columns that dbt sees, but for the ledger's own."""
    with connect(where) as con:
        described = con.execute(f"describe ledger.{relation}").fetchall()
    return {row[0]: row[1] for row in described if row[0] not in ("source", "valid_from", "valid_to")}


def values(where: Store, number: int, *columns: str) -> list[tuple[Any, ...]]:
    """The rows of a day."""
    return state(where, day(number), columns=", ".join(columns))


# -- columns that come and go ------------------------------------------------------------------------------------------


def test_a_new_column_without_values_makes_no_versions(tmp_path: Path) -> None:
    where = store(tmp_path)
    run(where, 0, deal())
    run(where, 1, deal(region=None))
    assert versions(where) == [1, 0]
    assert receipts(where)[0].fingerprint == receipts(where)[1].fingerprint
    assert "region" in receipts(where)[1].columns


def test_a_new_column_makes_versions_of_the_rows_with_a_value_only(tmp_path: Path) -> None:
    where = store(tmp_path)
    run(where, 0, [*deal(), {"opportunity_id": "b", "stage": "New"}])
    run(where, 1, [*deal(region="north"), {"opportunity_id": "b", "stage": "New", "region": None}])
    assert versions(where) == [2, 1]
    assert values(where, 0, "opportunity_id", "region") == [("a", None), ("b", None)]
    assert values(where, 1, "opportunity_id", "region") == [("a", "north"), ("b", None)]


def test_a_lost_column_is_carried_forward_and_makes_no_versions(tmp_path: Path) -> None:
    where = store(tmp_path)
    run(where, 0, deal(region="north"))
    run(where, 1, deal())
    run(where, 2, deal(stage="Won"))
    assert versions(where) == [1, 0, 1]
    assert values(where, 2, "stage", "region") == [("Won", "north")]
    assert ["region" in receipt.columns for receipt in receipts(where)] == [True, False, False]
    with connect(where) as con:
        extracted = con.execute(
            "select column_name, first_date, last_date from ledger.extracted_columns order by all"
        ).fetchall()
    assert extracted == [
        ("opportunity_id", day(0), day(2)),
        ("region", day(0), day(0)),
        ("stage", day(0), day(2)),
    ]


def test_a_row_that_is_new_while_a_column_is_lost_has_no_value_in_it(tmp_path: Path) -> None:
    where = store(tmp_path)
    run(where, 0, deal(region="north"))
    run(where, 1, [*deal(), {"opportunity_id": "b", "stage": "New"}])
    assert values(where, 1, "opportunity_id", "region") == [("a", "north"), ("b", None)]


def test_a_row_that_goes_and_returns_while_a_column_is_lost_has_lost_its_value(tmp_path: Path) -> None:
    where = store(tmp_path)
    for number, rows in enumerate([deal(region="north"), [], deal()]):
        run(where, number, rows, columns=None if rows else ("opportunity_id", "stage"))
    assert values(where, 2, "region") == [(None,)]


def test_a_column_that_returns_is_compared_with_what_it_last_held(tmp_path: Path) -> None:
    where = store(tmp_path)
    for number, region in enumerate(["north", None, "north", None, "south"]):
        run(where, number, deal(region=region) if region else deal())
    assert versions(where) == [1, 0, 0, 0, 1]
    assert values(where, 3, "region") == [("north",)]
    assert values(where, 4, "region") == [("south",)]


def test_a_column_that_returns_empty_is_empty(tmp_path: Path) -> None:
    where = store(tmp_path)
    for number, rows in enumerate([deal(region="north"), deal(), deal(region=None)]):
        run(where, number, rows)
    assert versions(where) == [1, 0, 1]
    assert values(where, 2, "region") == [(None,)]


def test_a_renamed_column_is_one_lost_and_one_added(tmp_path: Path) -> None:
    where = store(tmp_path)
    run(where, 0, deal(region="north"))
    run(where, 1, deal(territory="north"))
    assert versions(where) == [1, 1]
    assert values(where, 1, "region", "territory") == [("north", "north")]
    assert set(receipts(where)[1].columns) == {"opportunity_id", "stage", "territory"}


def test_columns_change_within_days_that_are_captured_together(tmp_path: Path) -> None:
    one, many = store(tmp_path / "one"), store(tmp_path / "many")
    days = [deal(region="north"), deal(stage="Won"), deal(stage="Won", note="x"), deal(stage="Won", region="south")]
    for number, rows in enumerate(days):
        run(one, number, rows)
    for number, rows in enumerate(days):
        land(many, {day(number): rows}, columns=list(rows[0]), fresh=number == 0)
    take(many, [day(number) for number in range(len(days))])
    assert intervals(many) == intervals(one)
    assert [r.fingerprint for r in receipts(many)] == [r.fingerprint for r in receipts(one)]
    assert [r.columns for r in receipts(many)] == [r.columns for r in receipts(one)]


def test_a_late_day_from_before_a_column_came_knows_nothing_of_it(tmp_path: Path) -> None:
    where = store(tmp_path)
    run(where, 0, deal())
    run(where, 2, deal(region="north"))
    run(where, 1, deal(stage="Won"))
    assert values(where, 1, "stage", "region") == [("Won", None)]
    assert values(where, 2, "stage", "region") == [("New", "north")]


def test_a_late_day_that_brings_a_column_leaves_later_days_as_they_are(tmp_path: Path) -> None:
    where = store(tmp_path)
    run(where, 0, deal())
    run(where, 2, deal(stage="Won"))
    run(where, 1, deal(region="north"))
    assert values(where, 1, "stage", "region") == [("New", "north")]
    assert values(where, 2, "stage", "region") == [("Won", None)]


NAMES = (
    "order",
    'quo"te',
    "sem;i",
    "it's",
    "größe",
    "n",
    "rows",
    "version",
    "origin",
    "digest",
    "day",
    "select",
    "c",
    "s",
)


def test_a_column_may_be_called_like_anything(tmp_path: Path) -> None:
    where = store(tmp_path)
    first = {name: f"{number}" for number, name in enumerate(NAMES)}
    then = {name: value + "0" for name, value in first.items()}
    for number, named in enumerate([first, then, first]):
        run(where, number, deal(**named))
    run(where, 4, deal(**first))
    run(where, 3, deal(**then))
    quoted_names = [quoted(name) for name in NAMES]
    assert values(where, 2, *quoted_names) == [tuple(first.values())]
    assert values(where, 3, *quoted_names) == [tuple(then.values())]


@pytest.mark.parametrize("name", ["rowid", "_row", "_pl_change", "valid_from"])
def test_names_that_the_ledger_needs_are_refused(tmp_path: Path, name: str) -> None:
    where = store(tmp_path)
    land(where, {day(0): deal(**{name: "1"})}, columns=("opportunity_id", "stage", name))
    with pytest.raises(CaptureError, match=f"got column {name} for 2026-01-01"):
        take(where, [day(0)])
    assert read_receipts(where) == []


# -- types -------------------------------------------------------------------------------------------------------------


def test_governed_columns_are_typed_and_all_others_text(tmp_path: Path) -> None:
    where = store(tmp_path)
    typed = deal(
        amount="1.5", close_date="2026-03-31", created_at="2026-01-01", is_deleted="0", employee_count="3", x="1"
    )
    run(where, 0, typed)
    assert ledger_types(where) == {**GOVERNED, "x": "VARCHAR"}
    assert {name: kind for name, kind in relation_types(where).items() if name[:4] != "_pl_"} == ledger_types(where)


def test_a_governed_column_that_changes_type_rejects_what_does_not_fit(tmp_path: Path) -> None:
    where = store(tmp_path)
    run(where, 0, [*deal(amount="1.5"), {"opportunity_id": "b", "stage": "New", "amount": "2"}])
    run(where, 1, [*deal(amount="high", stage="Won"), {"opportunity_id": "b", "stage": "Won", "amount": "3"}])
    assert values(where, 1, "opportunity_id", "stage", "amount") == [
        ("a", "New", Decimal("1.50")),
        ("b", "Won", Decimal("3.00")),
    ]
    assert receipts(where)[1].rejected == 1
    run(where, 2, deal(amount=7.005), types={"amount": pa.float64()})
    assert values(where, 2, "amount") == [(Decimal("7.01"),)]
    assert ledger_types(where)["amount"] == "DECIMAL(18,2)"


def test_other_columns_are_text_whatever_they_land_as(tmp_path: Path) -> None:
    where = store(tmp_path)
    run(where, 0, deal(score="7"))
    run(where, 1, deal(score=7), types={"score": pa.int64()})
    run(where, 2, deal(score=7.5), types={"score": pa.float64()})
    run(where, 3, deal(score=True), types={"score": pa.bool_()})
    run(where, 4, deal(score=date(2026, 1, 1)), types={"score": pa.date32()})
    assert versions(where) == [1, 0, 1, 1, 1]
    assert ledger_types(where)["score"] == "VARCHAR"
    assert values(where, 4, "score") == [("2026-01-01",)]


def test_a_column_that_is_governed_later_stays_text(tmp_path: Path) -> None:
    where = store(tmp_path)
    run(where, 0, deal(value="1.005"), governed={"opportunity_id": "VARCHAR"})
    run(where, 1, deal(value="1.005"), governed={"opportunity_id": "VARCHAR", "value": "DECIMAL(18,2)"})
    run(where, 2, deal(value="free"), governed={"opportunity_id": "VARCHAR", "value": "DECIMAL(18,2)"})
    assert versions(where) == [1, 0, 1]
    assert ledger_types(where)["value"] == "VARCHAR"
    assert values(where, 2, "value") == [("free",)]


def test_a_column_that_is_no_longer_governed_stays_typed(tmp_path: Path) -> None:
    where = store(tmp_path)
    run(where, 0, deal(amount="1.5"))
    run(where, 1, deal(amount="2.345"), governed={"opportunity_id": "VARCHAR"})
    assert ledger_types(where)["amount"] == "DECIMAL(18,2)"
    assert values(where, 1, "amount") == [(Decimal("2.35"),)]


def test_a_new_column_may_be_governed(tmp_path: Path) -> None:
    where = store(tmp_path)
    run(where, 0, deal())
    run(where, 1, deal(close_date="2026-03-31"))
    assert ledger_types(where)["close_date"] == "DATE"
    assert values(where, 1, "close_date") == [(date(2026, 3, 31),)]


def test_sources_of_one_type_that_disagree_meet_in_text(tmp_path: Path) -> None:
    where = store(tmp_path)
    run(where, 0, deal(amount="1.5"))
    land(where, {day(0): deal(amount="2")}, source="emea", governed={"opportunity_id": "VARCHAR"})
    take(where, [day(0)], source="emea")
    with connect(where) as con:
        rows = con.execute("select source, amount from ledger.files__opportunity order by all").fetchall()
    assert rows == [("crm", "1.50"), ("emea", "2")]


# -- volatile columns --------------------------------------------------------------------------------------------------


def test_volatile_columns_are_kept_with_a_version_and_make_none(tmp_path: Path) -> None:
    where = store(tmp_path)
    for number, (stage, stamp) in enumerate([("New", "1"), ("New", "2"), ("Won", "3"), ("Won", None)]):
        run(where, number, deal(stage=stage, modstamp=stamp), volatile=("modstamp",))
    assert versions(where) == [1, 0, 1, 0]
    assert [values(where, number, "modstamp") for number in range(4)] == [[("1",)], [("1",)], [("3",)], [("3",)]]
    assert [receipt.volatile for receipt in receipts(where)] == [("modstamp",)] * 4


def test_volatile_columns_are_outside_the_fingerprint(tmp_path: Path) -> None:
    prints = []
    for stamp in ("1", "2"):
        where = store(tmp_path / stamp)
        run(where, 0, deal(modstamp=stamp), volatile=("modstamp",))
        prints.append(receipts(where)[0].fingerprint)
    assert len(set(prints)) == 1


@pytest.mark.parametrize(("first", "then"), [((), ("modstamp",)), (("modstamp",), ())])
def test_columns_may_become_volatile_and_cease_to_be(tmp_path: Path, first: tuple[str], then: tuple[str]) -> None:
    where = store(tmp_path)
    run(where, 0, deal(modstamp="1"), volatile=first)
    run(where, 2, deal(modstamp="2"), volatile=then)
    assert versions(where) == [1, 0 if then else 1]
    run(where, 3, deal(modstamp="2", stage="Won"), volatile=then)
    run(where, 1, deal(modstamp="9", stage="Lost"), volatile=first)
    assert [values(where, number, "stage") for number in range(4)] == [[("New",)], [("Lost",)], [("New",)], [("Won",)]]
    run(where, 3, deal(modstamp="3", stage="Won"), volatile=then)
    run(where, 3, deal(modstamp="3", stage="New"), volatile=first)


# -- sources and their types -------------------------------------------------------------------------------------------


def test_a_source_keeps_its_type_its_keys_and_its_mode(tmp_path: Path) -> None:
    where = store(tmp_path)
    run(where, 0, deal())
    changes: list[Mapping[str, Any]] = [{"source_type": "salesforce"}, {"mode": "events"}, {"key": ("stage",)}]
    for changed in changes:
        land(where, {day(1): deal()}, **changed)
        with pytest.raises(CaptureError, match=r"Give the new source a name of its own in pipeledger\.toml\."):
            take(where, [day(1)])
    assert len(receipts(where)) == 1


def test_each_type_of_source_has_a_relation_of_its_own(tmp_path: Path) -> None:
    where = store(tmp_path)
    run(where, 0, deal())
    land(where, {day(0): deal(stage_name="Open")}, source="sf", source_type="salesforce")
    take(where, [day(0)], source="sf")
    assert "stage_name" in relation_types(where, "salesforce__opportunity")
    assert "stage_name" not in relation_types(where)


def test_relations_of_entities_that_never_landed_are_empty(tmp_path: Path) -> None:
    where = store(tmp_path)
    rebuild(where, {"files": ["account"], "hubspot": ["person"]})
    assert intervals(where, "files__account") == intervals(where, "hubspot__person") == []
    assert set(relation_types(where, "files__account")) == {"_pl_change", "_pl_origin"}


def test_nested_values_are_kept_as_text(tmp_path: Path) -> None:
    where = store(tmp_path)
    run(where, 0, deal(tags=json.dumps(["a", {"b": 1}])))
    assert values(where, 0, "tags") == [('["a", {"b": 1}]',)]


# -- personal columns --------------------------------------------------------------------------------------------------

PEOPLE: list[Row] = [
    {
        "person_id": "p1",
        "full_name": "Ada Lovelace",
        "email": " Ada@Example.com",
        "phone": "+44 1",
        "title": "Countess",
    },
    {"person_id": "p2", "full_name": "Alan Turing", "email": "alan@example.com", "phone": "+44 2", "title": None},
]
SECRETS = ("Lovelace", "ada@example.com", "Turing", "alan@example.com", "+44 1", "+44 2")


def run_people(where: Store, number: int, people: Sequence[Row], **how: Any) -> None:
    """Captures people of a day."""
    land(
        where,
        {day(number): people},
        entity="person",
        key=("person_id",),
        columns=("person_id", "full_name", "email", "phone", "title"),
        personal=("full_name", "email", "phone"),
        email="email",
        contact={"email": "email", "phones": ["phone"], "names": ["full_name"]},
        **how,
    )
    take(where, [day(number)], accept=("drop",))


def personal(where: Store) -> list[dict[str, Any]]:
    """The personal columns of the newest day."""
    found: list[dict[str, Any]] = pq.read_table(
        io.BytesIO(where.personal.read("crm/person.parquet") or b"")
    ).to_pylist()
    return sorted(found, key=lambda person: str(person["person_id"]))


def everything_beside_the_personal(where: Store) -> str:
    """All that the ledger's files and the warehouse say, compressed or not."""
    kept = {name: data for name, data in files(where.place).items() if name.startswith(("ledger/", "rejects/"))}
    told = [data.decode("latin-1") for data in (*kept.values(), where.warehouse.read_bytes())]
    for name, data in kept.items():
        if name.endswith(".parquet"):
            told += [
                str(pq.read_table(io.BytesIO(data)).to_pylist()),
                str(pq.read_metadata(io.BytesIO(data)).to_dict()),
            ]
    with connect(where) as con:
        for schema, table in con.execute("select table_schema, table_name from information_schema.tables").fetchall():
            told.append(str(con.execute(f'select * from "{schema}"."{table}"').fetchall()))
    return "\n".join(told)


def test_personal_columns_never_enter_the_ledger_or_the_warehouse(tmp_path: Path) -> None:
    where = store(tmp_path)
    run_people(where, 0, PEOPLE)
    run_people(where, 1, [PEOPLE[0] | {"title": "Lady", "email": "ada@example.com", "_pl_reject": None}])
    told = everything_beside_the_personal(where)
    assert "Countess" in told
    assert [secret for secret in SECRETS if secret.lower() in told.lower()] == []
    assert set(relation_types(where, "files__person")) == {
        "person_id",
        "title",
        "email_digest",
        "has_email",
        "is_email_well_formed",
        "email_domain",
        "has_phone",
        "_pl_change",
        "_pl_origin",
    }


def test_the_digest_of_an_address_is_salted_and_ignores_case_and_blanks(tmp_path: Path) -> None:
    digests = []
    for home in ("one", "two"):
        where = store(tmp_path / home)
        run_people(where, 0, [*PEOPLE, PEOPLE[0] | {"person_id": "p3", "email": "ADA@example.COM "}])
        found = dict(state(where, day(0), relation="files__person", columns="person_id, email_digest"))
        assert found["p1"] == found["p3"] != found["p2"]
        assert len(found["p1"]) == 64
        digests.append(found["p1"])
        if isinstance(where.personal, LocalPlace):
            assert (where.personal.folder / "salt").stat().st_mode & 0o077 == 0
    assert digests[0] != digests[1]


def test_a_lost_salt_is_not_made_anew(tmp_path: Path) -> None:
    where = store(tmp_path)
    run_people(where, 0, PEOPLE)
    salt = where.personal.read("salt")
    put(where.personal, "salt", None)
    with pytest.raises(CaptureError, match=r"salt is missing.*Restore the folder from a backup"):
        run_people(where, 1, PEOPLE)
    assert where.personal.read("salt") is None
    put(where.personal, "salt", salt)
    run_people(where, 1, PEOPLE)
    assert [receipt.upserts for receipt in read_receipts(where)] == [2, 0]


def test_people_without_an_address_do_not_match_each_other(tmp_path: Path) -> None:
    where = store(tmp_path)
    run_people(where, 0, [person | {"email": blank} for person, blank in zip(PEOPLE, (None, "  "), strict=True)])
    assert state(where, day(0), relation="files__person", columns="email_digest") == [(None,), (None,)]


def test_another_name_makes_no_version_and_another_address_does(tmp_path: Path) -> None:
    where = store(tmp_path)
    run_people(where, 0, PEOPLE)
    run_people(where, 1, [PEOPLE[0] | {"full_name": "Ada King", "phone": "+44 9"}, PEOPLE[1]])
    run_people(where, 2, [PEOPLE[0] | {"full_name": "Ada King", "email": "ada@king.example"}, PEOPLE[1]])
    assert [receipt.upserts for receipt in read_receipts(where)] == [2, 0, 1]
    assert personal(where)[0] == {
        "person_id": "p1",
        "full_name": "Ada King",
        "email": "ada@king.example",
        "phone": "+44 1",
    }


def test_a_person_who_is_erased_at_the_source_is_gone(tmp_path: Path) -> None:
    where = store(tmp_path)
    run_people(where, 0, PEOPLE)
    run_people(where, 1, PEOPLE[1:])
    assert [person["person_id"] for person in personal(where)] == ["p2"]
    here = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file() and file != where.landing]
    kept = [data for name, data in files(where.place).items() if name != where.landing.name]
    everywhere = b"".join(here + kept)
    assert b"Lovelace" not in everywhere


def test_a_late_day_does_not_bring_a_person_back(tmp_path: Path) -> None:
    where = store(tmp_path)
    run_people(where, 0, PEOPLE)
    run_people(where, 2, PEOPLE[1:])
    run_people(where, 1, PEOPLE)
    assert [person["person_id"] for person in personal(where)] == ["p2"]


def test_people_of_a_day_that_trips_a_gate_stay_out(tmp_path: Path) -> None:
    where = store(tmp_path)
    run_people(where, 0, PEOPLE)
    before = files(where.personal)
    land(where, {day(1): []}, entity="person", key=("person_id",), columns=("person_id", "email"), personal=("email",))
    assert take(where, [day(1)], gates=Gates()).tripped
    assert files(where.personal) == before


def test_people_captured_for_many_days_at_once_are_those_of_the_last(tmp_path: Path) -> None:
    where = store(tmp_path)
    land(
        where,
        {day(1): PEOPLE[:1], day(0): PEOPLE},
        entity="person",
        key=("person_id",),
        personal=("full_name", "email", "phone"),
        email="email",
    )
    take(where, [day(0), day(1)])
    assert [person["full_name"] for person in personal(where)] == ["Ada Lovelace"]


def test_a_reason_to_reject_a_person_tells_nothing_personal(tmp_path: Path) -> None:
    where = store(tmp_path)
    people = [PEOPLE[0] | {"title": None}, PEOPLE[1] | {"title": "x"}]
    land(
        where,
        {day(0): people},
        entity="person",
        key=("person_id",),
        required=("person_id", "title"),
        personal=("full_name", "email", "phone"),
        email="email",
    )
    take(where, [day(0)])
    assert (where.place.read(where.rejects_file("crm", "person", day(0))) or b"").decode().splitlines() == [
        "file,line,reason,person_id",
        "person.csv,2,title is required and is empty,p1",
    ]
