"""A cache of the ledger made by hand: daily states of small companies in, `warehouse.duckdb` with schema `ledger` out.

It writes what capture would (versions, tombstones, receipts), so that the dbt project is tested without the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from ingestion.entities import ENTITIES
from snapshots.casts import create_readings
from snapshots.dialect import Dialect

FOREVER = date(9999, 12, 31)
SOURCE_TYPES = ("files", "demo")
Row = Mapping[str, Any]
States = Mapping[date, Mapping[tuple[Any, ...], Row]]  # captured day -> key -> row

ARROW = {
    "VARCHAR": pa.string(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
    "BIGINT": pa.int64(),
    "BOOLEAN": pa.bool_(),
    "DECIMAL(18,2)": pa.decimal128(18, 2),
    "DECIMAL(9,6)": pa.decimal128(9, 6),
    "DECIMAL(18,4)": pa.decimal128(18, 4),
}

RECEIPTS = pa.schema(
    [
        *((name, pa.string()) for name in ("source", "source_type", "entity")),
        ("snapshot_date", pa.date32()),
        ("origin", pa.string()),
        *((f"{name}_count", pa.int64()) for name in ("source_row", "upsert", "delete", "rejected")),
        ("captured_at", pa.timestamp("us")),
        ("fingerprint", pa.string()),
        ("is_overridden", pa.bool_()),
    ]
)
EXTRACTED_COLUMNS = pa.schema(
    [
        *((name, pa.string()) for name in ("source", "source_type", "entity", "column_name")),
        *((name, pa.date32()) for name in ("first_date", "last_date")),
    ]
)


@dataclass(frozen=True)
class Company:
    """One source: what each entity looked like on each captured day. `columns` maps ours to theirs."""

    source: str
    states: Mapping[str, States]
    source_type: str = "files"
    reconstructed_until: date | None = None  # days before it are labelled `reconstructed`
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    # entity -> column -> the day from which on it was extracted; from the first day on where nothing is said
    extracted_from: Mapping[str, Mapping[str, date]] = field(default_factory=dict)


def versions(entity: str, states: States, observed_from: date | None = None) -> list[dict[str, Any]]:
    """The versions that capture would make of an entity's daily states."""
    key = ENTITIES[entity].key
    deleted = ENTITIES[entity].deleted
    rows: list[dict[str, Any]] = []
    latest: dict[tuple[Any, ...], dict[str, Any]] = {}
    for day in sorted(states):
        origin = "reconstructed" if observed_from and day < observed_from else "observed"
        seen = {identity: row for identity, row in states[day].items() if not (deleted and row.get(deleted))}
        for identity in [*seen, *(old for old in latest if old not in seen)]:
            row = dict(seen[identity]) if identity in seen else dict(zip(key, identity, strict=True))
            change = "upsert" if identity in seen else "delete"
            old = latest.get(identity)
            if old and (old["_row"], old["_pl_change"], old["_pl_origin"]) == (row, change, origin):
                continue
            if old:
                old["valid_to"] = day
            latest[identity] = {
                "_row": row,
                "_pl_change": change,
                "_pl_origin": origin,
                "valid_from": day,
                "valid_to": FOREVER,
            }
            rows.append(latest[identity])
    return rows


def write(path: Path, companies: list[Company], dialects: Mapping[str, Dialect] | None = None) -> None:
    """Make `path` a warehouse whose schema `ledger` holds these companies, as the contract of the cache says."""
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema ledger")
        create_readings(connection, dialects or {})
        connection.execute(
            "create table ledger.spellings (source varchar, entity varchar, key_text varchar, spellings varchar)"
        )
        for entity, definition in ENTITIES.items():
            types = {
                ("raw_source" if name == "source" else name): kind
                for name, kind in definition.columns.items()
                if name not in definition.personal
            }
            for source_type in SOURCE_TYPES:
                _write_relation(connection, source_type, entity, types, companies)
        _write_receipts(connection, companies)


def _write_relation(
    connection: duckdb.DuckDBPyConnection,
    source_type: str,
    entity: str,
    types: Mapping[str, str],
    companies: list[Company],
) -> None:
    records: list[dict[str, Any]] = []
    used: set[str] = set()
    for company in companies:
        if company.source_type != source_type or entity not in company.states:
            continue
        observed = company.reconstructed_until if entity == "opportunity" else None
        for version in versions(entity, company.states[entity], observed):
            used.update(version["_row"])
            records.append(
                version["_row"] | {k: v for k, v in version.items() if k != "_row"} | {"source": company.source}
            )
    landed = [name for name in types if name in used] + sorted(used - set(types))
    schema = pa.schema(
        [("source", pa.string())]
        + [(name, ARROW[types.get(name, "VARCHAR")]) for name in landed]
        + [
            ("valid_from", pa.date32()),
            ("valid_to", pa.date32()),
            ("_pl_change", pa.string()),
            ("_pl_origin", pa.string()),
        ]
    )
    connection.register("records", pa.Table.from_pylist(records, schema=schema))
    connection.execute(f'create table ledger."{source_type}__{entity}" as select * from records')
    connection.unregister("records")


def _write_receipts(connection: duckdb.DuckDBPyConnection, companies: list[Company]) -> None:
    receipts: list[tuple[Any, ...]] = []
    columns: list[tuple[Any, ...]] = []
    for company in companies:
        for entity, states in company.states.items():
            for day in states:
                observed = company.reconstructed_until if entity == "opportunity" else None
                origin = "reconstructed" if observed and day < observed else "observed"
                receipts.append(
                    (company.source, company.source_type, entity, day, origin, len(states[day]), 0, 0, 0,
                     datetime.combine(day, datetime.min.time()) + timedelta(hours=12), "0", False)
                )  # fmt: skip
            names = {name for rows in states.values() for row in rows.values() for name in row}
            late = company.extracted_from.get(entity, {})
            columns += [
                (company.source, company.source_type, entity, name, late.get(name, min(states)), max(states))
                for name in sorted(names)
            ]
    _write_rows(connection, "receipts", RECEIPTS, receipts)
    _write_rows(connection, "extracted_columns", EXTRACTED_COLUMNS, columns)


def _write_rows(
    connection: duckdb.DuckDBPyConnection, table: str, schema: pa.Schema, rows: list[tuple[Any, ...]]
) -> None:
    """Make a table of `ledger` of these rows, at once: DuckDB takes a millisecond for each that comes alone."""
    records = pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema=schema)
    connection.register("records", records)
    connection.execute(f"create table ledger.{table} as select * from records")
    connection.unregister("records")
