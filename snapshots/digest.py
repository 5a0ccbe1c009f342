"""Stable digests of rows, and the types that the ledger stores.

The digest of a row is the MD5 of its canonical text (RFC 1321; against damage, not against a forger). The text is,
for each column in the order of its name, `<length of the value in UTF-8 bytes>:<name>=<value>`. A null contributes
nothing, so that a new column without values changes no digest. Values: VARCHAR as it is, DATE as YYYY-MM-DD,
TIMESTAMP as microseconds since 1970 (UTC), BOOLEAN as true or false, BIGINT as digits, DECIMAL with all digits of its
scale, zeros too.

Digests of many rows are added as 128-bit big-endian integers, modulo 2^128: the order of the rows does not matter,
and a change of some rows changes the sum by those rows alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

MODULUS = 1 << 128


def quoted(name: str) -> str:
    """`name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """`value` as an SQL string."""
    return "'" + value.replace("'", "''") + "'"


def date_literal(day: date) -> str:
    """`day` as an SQL date."""
    return f"date {literal(day.isoformat())}"


def value_text(column: str, kind: str) -> str:
    """SQL for the canonical text of a column of type `kind`; null for null."""
    if kind == "VARCHAR":
        return column
    if kind == "TIMESTAMP":
        return f"cast(epoch_us({column}) as varchar)"
    return f"cast({column} as varchar)"


def row_digest(columns: Mapping[str, str], qualifier: str = "") -> str:
    """SQL for the digest (32 hexadecimal digits) of a row with `columns` (name -> type)."""
    parts = []
    for name in sorted(columns):
        column = qualifier + quoted(name)
        text = value_text(column, columns[name])
        # one concat() of many short parts, which skips nulls, takes half the time of joining each column's own first
        parts += [f"strlen({text})", f"case when {column} is not null then {literal(f':{name}=')} end", text]
    return f"md5(concat({', '.join(parts)}))" if parts else "md5('')"


def written_digest(columns: Mapping[str, str], of_columns: str = "") -> str:
    """SQL for the digest of a row of the ledger: of what happened, its row digest and all of its `columns`.

    `of_columns` is SQL for `row_digest(columns)` where that is known already.
    """
    parts = ["_pl_change", "coalesce(_pl_row_digest, '')", of_columns or row_digest(columns)]
    return f"md5(concat_ws(' ', {', '.join(parts)}))"


def digest_sums(digest: str) -> str:
    """SQL for two aggregates, the sums of the upper and of the lower 64 bits of a column of digests."""
    return (
        f"coalesce(sum(cast('0x' || substr({digest}, 1, 16) as ubigint)), 0), "
        f"coalesce(sum(cast('0x' || substr({digest}, 17, 16) as ubigint)), 0)"
    )


def add_digests(upper: int, lower: int, to: int = 0) -> int:
    """The 128-bit sum from the two aggregates of `digest_sums`."""
    return (to + (int(upper) << 64) + int(lower)) % MODULUS


def hexadecimal(total: int) -> str:
    """A 128-bit sum as 32 hexadecimal digits."""
    return f"{total % MODULUS:032x}"


def without(columns: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """`columns` less those in `names`."""
    left_out = set(names)
    return {name: kind for name, kind in columns.items() if name not in left_out}
