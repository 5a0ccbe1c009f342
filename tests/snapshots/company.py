"""A small company for ledger tests: writes a landing as ingestion does, captures it, and reads what the ledger says."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from snapshots.bucket import Bucket
from snapshots.capture import Captured, capture
from snapshots.dialect import Dialect
from snapshots.digest import quoted
from snapshots.intervals import connect
from snapshots.place import LocalPlace, Place
from snapshots.store import Gates, Store

NO_GATES = Gates(max_delete_rate=1.0, min_deletes=10**9, max_reject_rate=1.0, min_column_values=10**9)
GOVERNED = {
    "opportunity_id": "VARCHAR",
    "stage": "VARCHAR",
    "amount": "DECIMAL(18,2)",
    "close_date": "DATE",
    "created_at": "TIMESTAMP",
    "is_deleted": "BOOLEAN",
    "employee_count": "BIGINT",
}
Row = dict[str, Any]


def day(number: int) -> date:
    """Day `number` of every test, from 0."""
    return date(2026, 1, 1) + timedelta(days=number)


BUCKET = "TESTS_BUCKET"
"""The variable of the environment with the URL below which the ledgers of a test lie, if they do not lie on disk."""


def store(home: Path) -> Store:
    """A home in a temporary folder, its ledger there or in a bucket; the company lives in New York.

    A file `keeps-its-ledger-in` in a home names the folder of another one, whose ledger it shares.
    """
    home.mkdir(parents=True, exist_ok=True)
    other = home / "keeps-its-ledger-in"
    kept = Path(other.read_text()) if other.exists() else home
    url = os.environ.get(BUCKET)
    return Store(
        place=Bucket(f"{url}/{sha256(str(kept).encode()).hexdigest()[:12]}", home / "bucket")
        if url
        else LocalPlace(kept),
        landing=home / "landing.duckdb",
        warehouse=home / "warehouse.duckdb",
        time_zone="America/New_York",
    )


def land(
    where: Store,
    days: Mapping[date, Sequence[Row]],
    *,
    source: str = "crm",
    entity: str = "opportunity",
    key: Sequence[str] = ("opportunity_id",),
    ids: Sequence[str] = (),
    required: Sequence[str] | None = None,
    mode: str = "state",
    columns: Sequence[str] | None = None,
    governed: Mapping[str, str] | None = None,
    personal: Sequence[str] = (),
    email: str | None = None,
    contact: Mapping[str, Any] | None = None,
    volatile: Sequence[str] = (),
    deleted: str | None = None,
    is_dated: bool = True,
    may_begin_empty: bool = False,
    headers: Mapping[str, str] | None = None,
    expected: Mapping[str, str] | None = None,
    source_type: str = "files",
    is_complete: bool = True,
    fresh: bool = True,
    types: Mapping[str, pa.DataType] | None = None,
    dialect: Dialect | None = None,
    currency: str | None = None,
) -> None:
    """Lands `days` of one entity as text, with the tables that ingestion makes."""
    if fresh:
        where.landing.unlink(missing_ok=True)
    names = list(
        columns or dict.fromkeys(name for rows in days.values() for row in rows for name in row if name[:4] != "_pl_")
    )
    with duckdb.connect(str(where.landing)) as con:
        con.execute(f"create schema if not exists {source}")
        con.execute(f"create table if not exists {source}._dlt_loads (load_id varchar, status bigint)")
        con.execute(
            f"create table if not exists {source}.manifest (source varchar, source_type varchar, entity varchar, "
            "snapshot_date date, extraction_id varchar, mode varchar, key_columns varchar, id_columns varchar, "
            "required_columns varchar, columns varchar, governed varchar, personal varchar, email_column varchar, "
            "contact varchar, volatile varchar, dialect varchar, currency_column varchar, "
            "deleted_column varchar, is_dated boolean, may_begin_empty boolean, "
            "extraction_started_at timestamp, extraction_ended_at timestamp, "
            "row_count bigint, rejected_count bigint, load_id varchar, headers varchar, expected varchar)"
        )
        load = uuid.uuid4().hex
        con.execute(f"insert into {source}._dlt_loads values (?, ?)", [load, 0 if is_complete else 1])
        for at, rows in days.items():
            extraction = uuid.uuid4().hex
            bookkeeping = {
                "_pl_snapshot_date": pa.array([at] * len(rows), pa.date32()),
                "_pl_extraction_id": pa.array([extraction] * len(rows), pa.string()),
                "_pl_file": pa.array([f"{entity}.csv"] * len(rows), pa.string()),
                "_pl_line": pa.array(range(2, 2 + len(rows)), pa.int64()),
                "_pl_reject": pa.array([row.get("_pl_reject") for row in rows], pa.string()),
            }
            values = {n: pa.array([row.get(n) for row in rows], (types or {}).get(n, pa.string())) for n in names}
            landed = pa.table({**bookkeeping, **values})
            con.register("landed", landed)
            con.execute(f"create table if not exists {source}.{entity} as select * from landed where false")
            for column in landed.column_names:
                con.execute(f"alter table {source}.{entity} add column if not exists {quoted(column)} varchar")
            con.execute(f"insert into {source}.{entity} by name select * from landed")
            con.unregister("landed")
            started = datetime(at.year, at.month, at.day, 11, tzinfo=UTC)
            con.execute(
                f"insert into {source}.manifest values ({', '.join('?' * 27)})",
                [
                    source,
                    source_type,
                    entity,
                    at,
                    extraction,
                    mode,
                    json.dumps(list(key)),
                    json.dumps(list(ids)),
                    json.dumps(list(key if required is None else required)),
                    json.dumps(names),
                    json.dumps({n: k for n, k in (governed or GOVERNED).items() if n in names}),
                    json.dumps(list(personal)),
                    email,
                    json.dumps(contact) if contact else None,
                    json.dumps(list(volatile)),
                    json.dumps(asdict(dialect)) if dialect else None,
                    currency,
                    deleted,
                    is_dated,
                    may_begin_empty,
                    started.replace(tzinfo=None),
                    (started + timedelta(minutes=1)).replace(tzinfo=None),
                    len(rows),
                    sum(1 for row in rows if row.get("_pl_reject")),
                    load,
                    json.dumps(dict(headers or {})),
                    json.dumps(dict(expected or {})),
                ],
            )


def take(
    where: Store,
    days: Sequence[date],
    *,
    source: str = "crm",
    gates: Gates = NO_GATES,
    accept: Collection[str] = (),
    entities: Collection[str] | None = None,
) -> Captured:
    """Captures landed days, without gates unless some are given."""
    return capture(where, source, days, gates=gates, accept=accept, entities=entities, code_version="test")


def state(
    where: Store, at: date, *, relation: str = "files__opportunity", columns: str = "* exclude (source)"
) -> list[tuple[Any, ...]]:
    """The rows that existed on a day, as dbt would read them from the interval cache."""
    with connect(where) as con:
        return con.execute(
            f"select {columns} from ledger.{relation} "
            "where _pl_change = 'upsert' and valid_from <= ? and valid_to > ? order by all",
            [at, at],
        ).fetchall()


def intervals(where: Store, relation: str = "files__opportunity") -> list[tuple[Any, ...]]:
    """Every row of a relation of the cache."""
    with connect(where) as con:
        return con.execute(f"select * from ledger.{relation} order by all").fetchall()


def files(place: Place) -> dict[str, bytes]:
    """All files of a place, as it holds them now."""
    if isinstance(place, Bucket):
        return place.read_many(place.sizes())
    found = sorted(file for file in place.folder.rglob("*") if file.is_file())
    return {str(file.relative_to(place.folder)): file.read_bytes() for file in found}


def put(place: Place, name: str, data: bytes | None) -> None:
    """Writes a file of a place as any other program could, or deletes it; a bucket is read by another machine next."""
    if isinstance(place, Bucket):
        import obstore

        place.delete(name)
        if data is not None:
            obstore.put(place._store, place._key + name, data)
        shutil.rmtree(place.folder, ignore_errors=True)
        place.forget()
    elif data is None:
        (place.folder / name).unlink()
    else:
        (place.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (place.folder / name).write_bytes(data)
