"""A vendor's rows: counted against what the vendor says, in batches, as Arrow tables of text under landed names."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

import pyarrow as pa

from ingestion.source import SourceError, landed_name

Row = TypeVar("Row")


def incomplete(source: str, entity: str, got: int, expected: int, counted: str) -> SourceError:
    """The error for rows that are missing (or too many) by the vendor's own count, `counted` saying which."""
    return SourceError(
        f"{source}.{entity}: got {got:,} rows, expected the {expected:,} of {counted}. Nothing of this run was "
        "landed. Run the same command again."
    )


def landed_columns(what: str, names: Iterable[str]) -> dict[str, str]:
    """The names under which a vendor's columns land, each its own; `what` is source.entity, for errors.

    Where two differ only by what snake_case drops (`MyField__c`, `My_Field__c`), they land in lower case as they are.
    """
    columns = {name: landed_name(name) for name in names}
    taken = Counter(columns.values())
    columns = {name: landed if taken[landed] == 1 else landed_name(name.lower()) for name, landed in columns.items()}
    clashing = [landed for landed, times in Counter(columns.values()).items() if times > 1]
    if clashing:
        theirs = ", ".join(name for name, landed in columns.items() if landed in clashing)
        raise SourceError(
            f"{what}: got the fields {theirs}, which would land under one name, {clashing[0]}. Expected one field for "
            "each. Nothing of this run was landed. Rename one, or take the permission to read it away."
        )
    return columns


def batched(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    """The rows in lists of `size`; the last one may be shorter."""
    waiting = iter(rows)
    while batch := list(islice(waiting, size)):
        yield batch


def text_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> pa.Table:
    """Rows of JSON as text: `columns` maps the vendor's names to landed ones. What a row lacks is NULL."""
    return pa.table(
        {landed: pa.array([text(row.get(name)) for row in rows], pa.string()) for name, landed in columns.items()}
    )


def text(value: Any) -> str | None:
    """A JSON value as text; lists and objects stay JSON."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
