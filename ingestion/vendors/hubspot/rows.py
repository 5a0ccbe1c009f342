"""HubSpot's objects as rows: properties beside ids, values in one notation, tables of some size."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from ingestion.vendors.hubspot.reader import Row, iso
from ingestion.vendors.rows import batched, text_table

MERGED = "hs_merged_object_ids"
"""The property with the ids of the objects that one took in."""
_BLOCK = 2_000  # rows that become a table


def flat(row: Row, described: Mapping[str, Row]) -> dict[str, Any]:
    """An object as one row: its properties beside its id."""
    values = {name: value_of(value, described.get(name, {})) for name, value in row["properties"].items()}
    return {**values, "id": row["id"], "archived": row.get("archived", False)}


def value_of(value: Any, described: Row) -> Any:
    """A value of a property. Blank is none; instants come in two notations and leave in one."""
    if value == "" or value is None:
        return None
    if described.get("type") == "datetime":
        return iso(value)
    if described.get("type") == "date":
        return iso(value)[:10]
    return value


def taken_in(row: Mapping[str, Any]) -> list[str]:
    """The ids of the objects that this one took in."""
    return [each.strip() for each in str(row.get(MERGED) or "").split(";") if each.strip()]


def tables_of(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str]) -> Iterator[pa.Table]:
    """Rows as tables of some size; one empty table if there are none."""
    is_empty = True
    for block in batched(rows, _BLOCK):
        is_empty = False
        yield text_table(block, columns)
    if is_empty:
        yield text_table([], columns)
