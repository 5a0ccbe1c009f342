"""What was landed: the manifests that vouch for it, and its rows as the ledger will store them.

The contract between ingestion and capture. A manifest row of a load package that dlt completed says that one entity
of one source was extracted whole for one day; its rows carry its extraction id. What no such row covers is not there
for capture.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

import duckdb

from snapshots.casts import (
    MONEY,
    PLAIN,
    RATE,
    cast,
    has_no_point,
    has_point,
    id_text,
    is_total,
    is_unsure,
    is_value,
    key_text,
)
from snapshots.contact import EMAIL_DIGEST, Contact
from snapshots.dialect import Dialect, contradicts
from snapshots.digest import literal, quoted
from snapshots.rejects import misfit
from snapshots.store import CaptureError

DAY, EXTRACTION, FILE, LINE, REJECT = (
    "_pl_snapshot_date",
    "_pl_extraction_id",
    "_pl_file",
    "_pl_line",
    "_pl_reject",
)
RESERVED = ("source", "snapshot_date", "valid_from", "valid_to", "rowid")
"""What no source's column may be called; nor may it begin with an underscore."""


@dataclass(frozen=True)
class Manifest:
    """One complete extraction of an entity. Column names are the landed ones; `governed` gives ledger types.

    `headers` has the source's own names of them; `expected` says which of our columns is read from which of them, also
    of those that are not there.
    """

    source: str
    source_type: str
    entity: str
    snapshot_date: date
    extraction_id: str
    mode: str
    key: tuple[str, ...]
    ids: tuple[str, ...]
    required: tuple[str, ...]
    columns: tuple[str, ...]
    governed: Mapping[str, str]
    personal: tuple[str, ...]
    email: str | None
    contact: Contact
    volatile: tuple[str, ...]
    deleted: str | None
    is_dated: bool
    may_begin_empty: bool
    started_at: datetime
    ended_at: datetime
    row_count: int
    headers: Mapping[str, str] = field(default_factory=dict)
    expected: Mapping[str, str] = field(default_factory=dict)
    dialect: Dialect = PLAIN
    currency: str | None = None

    @property
    def kept(self) -> tuple[str, ...]:
        """The columns that go into the ledger: what is not personal, and what is made of that."""
        kept = tuple(name for name in self.columns if name not in self.personal)
        return (*kept, *((EMAIL_DIGEST,) if self.email else ()), *self.made)

    @property
    def made(self) -> tuple[str, ...]:
        """What is made of how people can be reached. What the source says itself stays as it is."""
        return tuple(name for name in self.contact.made if name not in self.columns)

    def header(self, name: str) -> str:
        """What the source calls a column."""
        return self.headers.get(name, name)

    def value(self, name: str, landed: str, target: str) -> str:
        """SQL that gives the landed column `name` (DuckDB type `landed`) as the ledger type `target`.

        Ids and keys are read without the blanks around them; a key of one column is an id.
        """
        if target == "VARCHAR" and (name in self.ids or self.key == (name,)):
            return id_text(quoted(name), landed, self.dialect)
        if target == "VARCHAR" and name in self.key:
            return key_text(quoted(name), landed, self.dialect)
        return cast(quoted(name), landed, target, self.dialect if name in self.governed else PLAIN)


def read_manifests(
    con: duckdb.DuckDBPyConnection, source: str, days: Sequence[date]
) -> dict[str, dict[date, Manifest]]:
    """The newest complete manifest of each entity and day of `source`, from the attached landing.

    Raises CaptureError where a day has none at all, where the rows that a manifest vouches for are not there, or where
    the size of a number cannot be told.
    """
    table = f"landing.{quoted(source)}"
    try:
        cursor = con.execute(
            f"select m.* from {table}.manifest as m join {table}._dlt_loads as l using (load_id) "
            f"where l.status = 0 and m.snapshot_date in (select unnest(?)) order by m.extraction_ended_at",
            [list(days)],
        )
    except duckdb.CatalogException as error:
        raise CaptureError(
            f"{source}: nothing complete has landed. Nothing was captured. Run `pipeledger run` to land it."
        ) from error
    names = [column[0] for column in cursor.description or []]
    found: dict[str, dict[date, Manifest]] = {}
    for row in cursor.fetchall():
        manifest = _manifest(dict(zip(names, row, strict=True)))
        found.setdefault(manifest.entity, {})[manifest.snapshot_date] = manifest
    missing = [day for day in days if not any(day in by_day for by_day in found.values())]
    if missing:
        raise CaptureError(
            f"{source}: no complete extraction of {', '.join(map(str, missing))} has landed. Nothing was captured. "
            f"Run `pipeledger run --date {missing[0]}` to land it."
        )
    for by_day in found.values():
        _check_names(by_day)
        _check_rows(con, by_day)
        _check_numbers(con, list(by_day.values()))
    return found


def landed_rows(
    con: duckdb.DuckDBPyConnection,
    manifests: Sequence[Manifest],
    types: Mapping[str, str],
    salt: str,
    base_currency: str,
    condition: str = "true",
    spelled: str = "",
) -> str:
    """SQL for the rows of `manifests` (one entity, days with equal columns) as the ledger will store them.

    An amount that stands beside another currency than its row's, or than `base_currency` where the row names none, is
    a problem of the row.

    Columns: `_day`, `_row` (identifies a landed row), `_problem` (why it is rejected, else null), `_gone` (the source
    says it is deleted), then each column of `types`, cast. `condition` is about the landing's own columns and is
    applied before any cast. `spelled` is the relation of keys that the ledger spells otherwise than they are read, if
    there are any (see `EntityIntervals.spelled`).
    """
    first = manifests[0]
    table = f"landing.{quoted(first.source)}.{quoted(first.entity)}"
    landed = {row[0]: row[1] for row in con.execute(f"describe {table}").fetchall()}
    problems: dict[str, str] = {}  # condition -> what it says
    selected = []
    for name, kind in types.items():
        if name == EMAIL_DIGEST and first.email:
            email = f"nullif(lower(trim(cast({quoted(first.email)} as varchar))), '')"
            selected.append(f"sha256({literal(salt)} || {email}) as {quoted(name)}")
            continue
        if name in first.made:
            selected.append(f"{first.contact.made[name]} as {quoted(name)}")
            continue
        value = first.value(name, landed[name], kind)
        selected.append(f"{value} as {quoted(name)}")
        if not is_total(landed[name], kind):
            text = f"cast({quoted(name)} as varchar)"
            dialect = first.dialect if name in first.governed else PLAIN
            problems[f"{value} is null and {is_value(text, first.dialect)}"] = misfit(
                first.header(name), text, kind, dialect, is_file=first.source_type == "files"
            )
        if kind == MONEY and landed[name] == "VARCHAR" and first.dialect.currency_prefix:
            own = f"nullif(trim(cast({quoted(first.currency)} as varchar)), '')" if first.currency else "null"
            code = f"coalesce({own}, {literal(base_currency)})"
            contradiction = f"{value} is not null and {contradicts(quoted(name), code)}"
            told = literal(f"{first.header(name)}: got ")
            why = "" if first.currency else ", the company's, for no column is mapped as currency_code"
            problems[contradiction] = (
                f"{told} || {quoted(name)} || ' in a row whose currency is ' || {code} || {literal(why)}"
            )
        if name in first.required or (name in first.key and first.mode == "state"):
            empty = f"{value} is null or {value} = ''" if kind == "VARCHAR" else f"{value} is null"
            problems[empty] = literal(f"{first.header(name)} is required and is empty")
    gone = (
        f"coalesce({cast(quoted(first.deleted), landed[first.deleted], 'BOOLEAN')}, false)"
        if first.deleted
        else "false"
    )
    ids = ", ".join(literal(manifest.extraction_id) for manifest in manifests)
    rows = (
        f"(select {DAY} as _day, rowid as _row, {_problem(problems)} as _problem, {gone} as _gone, "
        f"{', '.join(selected)} from {table} where {EXTRACTION} in ({ids}) and {condition})"
    )
    return _as_spelled(rows, first.key, spelled) if spelled else rows


def _problem(problems: Mapping[str, str]) -> str:
    """SQL for all that is wrong with a row (`problems`: condition -> what it says), null where nothing is.

    The texts are made for the rows that are rejected, which are few.
    """
    if not problems:
        return REJECT
    said = ", ".join(f"case when {condition} then {says} end" for condition, says in problems.items())
    is_wrong = " or ".join(f"({condition})" for condition in problems)
    return f"case when {REJECT} is not null then {REJECT} when {is_wrong} then concat_ws('; ', {said}) end"


def _as_spelled(rows: str, key: Sequence[str], spelled: str) -> str:
    """SQL for `rows` with the keys that `spelled` has as it spells them."""
    own = ", ".join(f"coalesce(s.{quoted(name)}, r.{quoted(name)}) as {quoted(name)}" for name in key)
    same = " and ".join(f"r.{quoted(name)} is not distinct from s.{quoted(f'_read_{name}')}" for name in key)
    return f"(select r.* replace ({own}) from {rows} as r left join {spelled} as s on {same})"


@lru_cache(maxsize=1024)
def _parsed(text: str) -> Any:
    """JSON text of a manifest, which is the same on most days of an entity; nobody changes what it gives."""
    return json.loads(text)


def _manifest(row: Mapping[str, object]) -> Manifest:
    def names(column: str) -> tuple[str, ...]:
        return tuple(_parsed(str(row[column])))

    def instant(column: str) -> datetime:
        value = row[column]
        assert isinstance(value, datetime), column  # noqa: S101 - the manifest's own type
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)

    contact = Contact.of(_parsed(str(row["contact"]))) if row.get("contact") else Contact()
    day = row["snapshot_date"]
    assert isinstance(day, date), "snapshot_date"  # noqa: S101 - the manifest's own type
    return Manifest(
        source=str(row["source"]),
        source_type=str(row["source_type"]),
        entity=str(row["entity"]),
        snapshot_date=day,
        extraction_id=str(row["extraction_id"]),
        mode=str(row["mode"]),
        key=names("key_columns"),
        ids=names("id_columns") if row.get("id_columns") else (),
        required=names("required_columns"),
        columns=names("columns"),
        governed=contact.types | _parsed(str(row["governed"])),
        personal=names("personal"),
        email=str(row["email_column"]) if row.get("email_column") else None,
        contact=contact,
        volatile=names("volatile"),
        deleted=str(row["deleted_column"]) if row["deleted_column"] else None,
        is_dated=bool(row["is_dated"]),
        may_begin_empty=bool(row.get("may_begin_empty")),
        started_at=instant("extraction_started_at"),
        ended_at=instant("extraction_ended_at"),
        row_count=int(str(row["row_count"])),
        headers=_parsed(str(row.get("headers") or "{}")),
        expected=_parsed(str(row.get("expected") or "{}")),
        dialect=Dialect.from_json(str(row["dialect"])) if row.get("dialect") else PLAIN,
        currency=str(row["currency_column"]) if row.get("currency_column") else None,
    )


def _check_names(manifests: Mapping[date, Manifest]) -> None:
    for day, manifest in manifests.items():
        taken = [name for name in manifest.columns if name in RESERVED or name.startswith("_")]
        if taken:
            raise CaptureError(
                f"{manifest.source}.{manifest.entity}: got column {', '.join(taken)} for {day}, "
                "expected none of the names that the ledger needs itself. "
                f"Nothing was captured. Land it as raw_{taken[0].lstrip('_')}."
            )


def _check_rows(con: duckdb.DuckDBPyConnection, manifests: Mapping[date, Manifest]) -> None:
    expected = {manifest.extraction_id: manifest.row_count for manifest in manifests.values()}
    first = next(iter(manifests.values()))
    table = f"landing.{quoted(first.source)}.{quoted(first.entity)}"
    found = dict(con.execute(f"select {EXTRACTION}, count(*) from {table} group by all").fetchall())
    for day, manifest in manifests.items():
        got = found.get(manifest.extraction_id, 0)
        if got != expected[manifest.extraction_id]:
            raise CaptureError(
                f"{first.source}.{first.entity}: {got:,} landed rows for {day}, "
                f"expected the {manifest.row_count:,} of the manifest. "
                f"Nothing was captured. Run `pipeledger run --date {day}` to land it again."
            )


def _check_numbers(con: duckdb.DuckDBPyConnection, manifests: Sequence[Manifest]) -> None:
    """Refuses a column of text that leaves open whether `1.500` is 1500, where nobody said what a point means.

    One number that shows a decimal point (`12.5`, `1234.567`, `0.125`) settles it for the column, unless another shows
    the contrary (`1.234.567`, `12,5`). A rate is below 1000, so that its point is never in doubt.
    """
    first = manifests[0]
    if not first.dialect.is_unsure:
        return
    table = f"landing.{quoted(first.source)}.{quoted(first.entity)}"
    landed = {row[0]: row[1] for row in con.execute(f"describe {table}").fetchall()}
    numbers = [
        name
        for name, kind in first.governed.items()
        if landed.get(name) == "VARCHAR" and kind != RATE and kind.startswith(("DECIMAL", "BIGINT"))
    ]
    if not numbers:
        return
    rows = f"{table} where {EXTRACTION} in ({', '.join(literal(manifest.extraction_id) for manifest in manifests)})"
    unsure = {name: is_unsure(quoted(name), first.dialect) for name in numbers}
    found = con.execute(f"select {', '.join([f'bool_or({each})' for each in unsure.values()])} from {rows}")
    for name, is_found in zip(numbers, found.fetchall()[0], strict=True):
        if not is_found:
            continue
        is_one = f"where {unsure[name]}"
        proof, doubt = has_point(quoted(name), first.dialect), has_no_point(quoted(name), first.dialect)
        count, text, file, line, is_proved = con.execute(
            f"select count(*) filter ({is_one}), arg_min({quoted(name)}, {LINE}) filter ({is_one}), "
            f"arg_min({FILE}, {LINE}) filter ({is_one}), min({LINE}) filter ({is_one}), "
            f"bool_or({proof}) and not bool_or({doubt}) from {rows}"
        ).fetchall()[0]
        if is_proved:
            continue
        others = f", one of {count:,} such values" if count > 1 else ""
        raise CaptureError(
            f"{first.source}.{first.entity}: {file}, line {line}: {name} is {text.strip()}{others}, and no other value "
            "shows whether its point separates thousands or is a decimal point. Nothing was captured. Add "
            f'decimal = "," to [sources.{first.source}] of pipeledger.toml if it separates thousands, or '
            'decimal = ".", then run the command again.'
        )
