"""What the company's systems recorded: versions of rows and events, rendered as Arrow tables for any day.

The simulation writes tuples of plain values in the order of the canonical columns: money and other decimals as
scaled integers, dates as day numbers, instants as microseconds in UTC.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from ingestion.entities import DATE, INSTANT, Entity

Value = str | int | bool | None
Row = tuple[Value, ...]

FOREVER = 2**31 - 1
_PLAIN_TYPES = {"VARCHAR": pa.string(), "BIGINT": pa.int64(), "BOOLEAN": pa.bool_()}


def arrow_array(values: Sequence[Value], column_type: str) -> pa.Array:
    """Turn recorded values into Arrow of a canonical type, exactly."""
    if column_type in _PLAIN_TYPES:
        return pa.array(values, _PLAIN_TYPES[column_type])
    if column_type == DATE:
        return pa.array(values, pa.int32()).view(pa.date32())
    whole = pa.array(values, pa.int64())
    if column_type == INSTANT:
        return whole.view(pa.timestamp("us", tz="UTC"))
    precision, scale = column_type.removeprefix("DECIMAL(").removesuffix(")").split(",")
    return _decimal_array(whole, pa.decimal128(int(precision), int(scale)))


def _decimal_array(whole: pa.Array, decimal_type: pa.Decimal128Type) -> pa.Array:
    """Reinterpret scaled 64-bit integers as decimals: two words each, the upper one carrying the sign."""
    words = np.empty((len(whole), 2), dtype=np.int64)
    words[:, 0] = whole.fill_null(0).to_numpy()
    words[:, 1] = words[:, 0] >> 63
    return pa.Array.from_buffers(decimal_type, len(whole), [whole.buffers()[0], pa.py_buffer(words)])


def _arrow_table(rows: Sequence[Row], entity: Entity) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else [[] for _ in entity.columns]
    arrays = [
        arrow_array(list(column), column_type)
        for column, column_type in zip(columns, entity.columns.values(), strict=True)
    ]
    return pa.table(arrays, names=list(entity.columns))


class Versions:
    """Every version of every row of a `state` entity: what its table held at the end of any day."""

    def __init__(self, entity: Entity) -> None:
        self.entity = entity
        positions = list(entity.columns)
        self._key_positions = [positions.index(column) for column in entity.key]
        self._rows: list[Row] = []
        self._valid_from: list[int] = []
        self._valid_to: list[int] = []
        self._ordinals: list[int] = []
        self._ordinal_of: dict[Row, int] = {}
        self._current: dict[Row, int] = {}

    def put(self, day: int, row: Row) -> None:
        """Record that from `day` on (until changed) the table holds `row`; the last word of a day counts."""
        key = self._key(row)
        index = self._current.get(key)
        if index is not None:
            if self._rows[index] == row:
                return
            if self._valid_from[index] == day:
                self._rows[index] = row
                return
            self._valid_to[index] = day
        self._current[key] = len(self._rows)
        self._rows.append(row)
        self._valid_from.append(day)
        self._valid_to.append(FOREVER)
        self._ordinals.append(self._ordinal_of.setdefault(key, len(self._ordinal_of)))

    def remove(self, day: int, row: Row) -> None:
        """Record that from `day` on the table no longer holds the row of this key."""
        index = self._current.pop(self._key(row), None)
        if index is not None:
            self._valid_to[index] = day

    def tables(self, days: Sequence[int]) -> Iterator[tuple[int, pa.Table]]:
        """The whole table as it stood on each of `days` (ascending), oldest row first."""
        valid_from, valid_to = np.array(self._valid_from), np.array(self._valid_to)
        seen = np.flatnonzero((valid_from <= days[-1]) & (valid_to > days[0]))
        seen = seen[np.argsort(np.array(self._ordinals)[seen], kind="stable")]
        versions = _arrow_table([self._rows[index] for index in seen], self.entity)
        valid_from, valid_to = valid_from[seen], valid_to[seen]
        for day in days:
            holds = np.flatnonzero((valid_from <= day) & (day < valid_to))
            yield day, versions.take(pa.array(holds))

    def _key(self, row: Row) -> Row:
        return tuple(row[position] for position in self._key_positions)


class Events:
    """Every row of an append-only entity, in the order in which it was recorded."""

    def __init__(self, entity: Entity) -> None:
        self.entity = entity
        self._rows: list[Row] = []
        self._days: list[int] = []

    def put(self, day: int, row: Row) -> None:
        """Record an event on `day`, which is never before that of the previous event."""
        self._rows.append(row)
        self._days.append(day)

    def table(self, after: int | None, until: int) -> pa.Table:
        """The events recorded after day `after` (None: from the beginning) up to and including `until`."""
        recorded = np.array(self._days)
        first = 0 if after is None else int(np.searchsorted(recorded, after, side="right"))
        last = int(np.searchsorted(recorded, until, side="right"))
        return _arrow_table(self._rows[first:last], self.entity)
