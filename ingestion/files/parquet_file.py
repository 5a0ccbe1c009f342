"""One Parquet file as Arrow tables under landed names, its own types reduced to those that land.

Comes from a file on disk, goes to `source.py`, which knows what the columns mean.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingestion.source import landed_name

BATCH_ROWS = 65_536
UNREADABLE = (pa.ArrowException, OSError, UnicodeDecodeError)
"""What reading a damaged file raises."""


def landed_types(file: Path) -> dict[str, pa.DataType]:
    """The types that the columns of a file land with, by landed name; empty for a file that is not readable."""
    try:
        schema = pq.read_schema(file)
    except UNREADABLE:
        return {}  # the extraction will say what is wrong with it
    return {landed_name(column.name): _landed_type(column.type) for column in schema if column.name}


def read(file: Path, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Yield the rows as tables of `columns`, one name for each of the file's; one empty table comes first."""
    with pq.ParquetFile(file) as parquet:
        yield _landable(parquet.schema_arrow.empty_table(), columns)
        for batch in parquet.iter_batches(batch_size=BATCH_ROWS):
            yield _landable(pa.Table.from_batches([batch]), columns)


def _landable(table: pa.Table, names: Sequence[str]) -> pa.Table:
    return pa.table([_landed_values(column) for column in table.columns], names=list(names))


def _landed_type(kind: pa.DataType) -> pa.DataType:
    """Reduce a type to those that land: text, BIGINT, DECIMAL, DOUBLE, BOOLEAN, DATE, TIMESTAMP WITH TIME ZONE.

    A timestamp without a zone lands as text without an offset, which means company time; as a TIMESTAMP it would
    be taken for UTC. Nested values land as JSON text.
    """
    types = pa.types
    if types.is_dictionary(kind):
        return _landed_type(kind.value_type)
    if types.is_boolean(kind) or types.is_decimal128(kind):
        return kind
    if types.is_uint64(kind):
        return pa.decimal128(20, 0)
    if types.is_integer(kind):
        return pa.int64()
    if types.is_floating(kind):
        return pa.float64()
    if types.is_date(kind):
        return pa.date32()
    if types.is_timestamp(kind) and kind.tz is not None:
        return pa.timestamp("us", "UTC")
    return pa.string()


def _landed_values(values: pa.ChunkedArray) -> pa.ChunkedArray:
    kind, target = values.type, _landed_type(values.type)
    if pa.types.is_dictionary(kind):
        return _landed_values(values.cast(kind.value_type))
    if pa.types.is_timestamp(kind):  # to microseconds, which is what DuckDB keeps
        values = values.cast(pa.timestamp("us", kind.tz), safe=False)
    if pa.types.is_nested(kind):
        return _texts(values, _json)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return _texts(values, _text)
    try:
        return pc.cast(values, target)
    except pa.ArrowNotImplementedError:  # durations and the like
        return _texts(values, _json)


def _texts(values: pa.ChunkedArray, text_of: Callable[[Any], str | None]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array([text_of(value) for value in values.to_pylist()], pa.string())])


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _text(value: bytes | None) -> str | None:
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()
