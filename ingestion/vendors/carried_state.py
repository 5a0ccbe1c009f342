"""Carried state: what a source knew of its largest entities at its last run, so that a run pulls changes only.

One Parquet file per entity, `<pipelines_dir>/carried/<source>/<entity>.parquet`: the last complete state as text, and
in its metadata the cursor from which changes are to be asked. It is disposable. Where it is lost, broken, too old,
made of another account or with other columns, `find` says None and the vendor pulls everything.

A run writes the merged state beside it; `keep` puts the new files in place when everything of the run has been
loaded, so that a run that breaks off repeats from the old cursor.

    before = account.carried.find("task", of=self.org, columns=columns, since=oldest_the_vendor_can_tell)
    changes = pull(since=before.cursor) if before else pull_everything()
    tables = account.carried.merge(
        "task", changes, of=self.org, columns=columns, key="id", cursor=started, now=started, before=before
    )
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

BATCH_ROWS = 65_536
MEMORY_LIMIT = "1GB"
_METADATA = "pipeledger"
_NEW = ".new.parquet"


@dataclass(frozen=True)
class CarriedState:
    """The last complete state of an entity. `notes` are the vendor's own, such as when Ids were last compared."""

    path: Path
    cursor: str
    made_at: datetime
    rows: int
    columns: tuple[str, ...]
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CarriedStates:
    """The carried state of one source."""

    folder: Path

    def find(self, entity: str, *, of: str, columns: Sequence[str], since: datetime) -> CarriedState | None:
        """The state of `of` (an account, an organisation) with exactly these columns, made at `since` or later."""
        path = self._path(entity)
        try:
            schema = pq.read_schema(path)
            said = json.loads((schema.metadata or {})[_METADATA.encode()])
            state = CarriedState(
                path,
                said["cursor"],
                datetime.fromisoformat(said["made_at"]),
                pq.read_metadata(path).num_rows,
                tuple(schema.names),
                said["notes"],
            )
        except (OSError, KeyError, ValueError, TypeError):  # pa.ArrowInvalid is a ValueError
            return None
        fits = said.get("of") == of and sorted(state.columns) == sorted(columns) and state.made_at >= since
        return state if fits else None

    def merge(
        self,
        entity: str,
        changes: Iterable[pa.Table],
        *,
        of: str,
        key: str,
        cursor: str | Callable[[], str],
        now: datetime,
        columns: Sequence[str],
        before: CarriedState | None = None,
        gone: Iterable[str] | Callable[[], Iterable[str]] = (),
        notes: Mapping[str, str] | None = None,
    ) -> Iterator[pa.Table]:
        """Yield the state after `changes`, and write it down for the next run.

        Of several rows with one key the last counts. Keys in `gone` are dropped, changed or not. `cursor` and `gone`
        may be functions, called when the changes are through. All columns are text.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        changed, new = self.folder / f"{entity}.changes.parquet", self._path(entity, _NEW)
        schema = pa.schema([(name, pa.string()) for name in columns])
        with pq.ParquetWriter(changed, schema) as writer:
            for table in changes:
                writer.write_table(_shaped(table, schema))
        said = {
            "of": of,
            "cursor": cursor() if callable(cursor) else cursor,
            "made_at": now.isoformat(),
            "notes": dict(notes or {}),
        }
        _merge(changed, before.path if before else None, new, key, gone() if callable(gone) else gone, said)
        changed.unlink()
        yield from tables(new)

    def made(self, entity: str) -> Path:
        """Where `merge` has put the state of this run."""
        return self._path(entity, _NEW)

    def keep(self) -> None:
        """Put what the run wrote in the place of what it started from."""
        for new in self.folder.glob(f"*{_NEW}"):
            put_in_place(new, self._path(new.name.removesuffix(_NEW)))

    def discard(self) -> None:
        """Remove what a run that broke off left behind."""
        for leftover in [*self.folder.glob(f"*{_NEW}"), *self.folder.glob("*.changes.parquet")]:
            leftover.unlink()

    def _path(self, entity: str, suffix: str = ".parquet") -> Path:
        return self.folder / f"{entity}{suffix}"


def put_in_place(new: Path, path: Path) -> None:
    """Give a finished file the name of the one that it replaces, once the disk holds it."""
    with new.open("rb+") as file:
        os.fsync(file.fileno())
    new.replace(path)


def tables(path: Path, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The rows of a state, batch by batch; one empty table if it has none."""
    with pq.ParquetFile(path) as file:
        is_empty = True
        for batch in file.iter_batches(BATCH_ROWS, columns=list(columns) if columns else None):
            is_empty = False
            yield pa.Table.from_batches([batch]).replace_schema_metadata(None)
        if is_empty:
            schema = file.schema_arrow.remove_metadata()
            yield (pa.schema([schema.field(name) for name in columns]) if columns else schema).empty_table()


def _shaped(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with exactly the columns of the schema; what it lacks is NULL."""
    return pa.table(
        [
            table[column.name] if column.name in table.column_names else pa.nulls(table.num_rows, column.type)
            for column in schema
        ],
        schema=schema,
    )


def _merge(
    changed: Path, before: Path | None, new: Path, key: str, gone: Iterable[str], said: Mapping[str, object]
) -> None:
    """Write the state `before`, with the rows of `changed` in place of those of the same key and without `gone` ones.

    All three are Parquet files, and `said` becomes the metadata of `new`.
    """
    name = '"' + key.replace('"', '""') + '"'
    changes = f"read_parquet({_text(str(changed))}, file_row_number = true)"
    with duckdb.connect(":memory:") as connection:
        connection.execute("set preserve_insertion_order = false")
        connection.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
        connection.execute(f"set temp_directory = {_text(str(new.with_suffix('.tmp')))}")
        connection.register("gone_keys", pa.table({"gone": pa.array(list(gone), pa.string())}))
        # a narrow table of keys: the last row of each, so that rows themselves are read once
        connection.execute(
            f"create temp table latest as select {name} as key, max(file_row_number) as at from {changes} group by 1"
        )
        old = (
            f"union all by name select * from read_parquet({_text(str(before))}) as b "
            f"where not exists (select 1 from latest as l where l.key = b.{name}) "
            f"and not exists (select 1 from gone_keys as g where g.gone = b.{name})"
            if before
            else ""
        )
        connection.execute(
            f"copy (select * exclude (file_row_number) from {changes} as c "
            "where exists (select 1 from latest as l where l.at = c.file_row_number) "
            f"and not exists (select 1 from gone_keys as g where g.gone = c.{name}) {old}) "
            f"to {_text(str(new))} (format parquet, kv_metadata {{{_METADATA}: {_text(json.dumps(said))}}})"
        )


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
