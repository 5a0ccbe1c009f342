"""One Delta Lake table of the ledger: its types, its commits, its files.

Lies in `ledger/<source>/<entity>/`, partitioned by `snapshot_date`. A commit replaces whole days, atomically, and
carries their receipts. Delta writes it into a draft, where it is sealed; what makes it part of the table is that its
file of the log gets its name. Two writers that start from one version cannot both win: the second is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError

from snapshots.place import Place
from snapshots.receipts import Commit, Receipt, log_files, read_commit, seal
from snapshots.store import CaptureError, LedgerDamagedError

PARTITION = "snapshot_date"
OWNED = {"_pl_change": "VARCHAR", "_pl_row_digest": "VARCHAR"}
NEVER_EXPIRES = {
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 5200 weeks",
    "delta.deletedFileRetentionDuration": "interval 5200 weeks",
}


def arrow_type(kind: str) -> pa.DataType:
    """The Arrow type of a ledger type. Timestamps are instants in UTC, in microseconds."""
    if kind.startswith("DECIMAL"):
        precision, scale = kind.removeprefix("DECIMAL(").removesuffix(")").split(",")
        return pa.decimal128(int(precision), int(scale))
    simple = {
        "VARCHAR": pa.string(),
        "DATE": pa.date32(),
        "TIMESTAMP": pa.timestamp("us", tz="UTC"),
        "BOOLEAN": pa.bool_(),
        "BIGINT": pa.int64(),
    }
    return simple[kind]


def ledger_type(delta_type: str) -> str:
    """The ledger type of a primitive Delta type."""
    if delta_type.startswith("decimal"):
        return "DECIMAL" + delta_type.removeprefix("decimal")
    return {
        "string": "VARCHAR",
        "date": "DATE",
        "timestamp": "TIMESTAMP",
        "boolean": "BOOLEAN",
        "long": "BIGINT",
    }[delta_type]


class LedgerTable:
    """The Delta table of one source and entity at one version. Not yet written is version -1."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.path = place.folder
        self._delta: DeltaTable | None = None
        if log_files(place):
            try:
                self._delta = DeltaTable(self.path)
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:  # a panic of the Delta library is no Exception
                raise LedgerDamagedError(
                    f"{self.name}: the table cannot be opened ({error}). Nothing was read or written. "
                    "Run `pipeledger verify` to see which days are damaged, and restore them from a backup."
                ) from error

    @property
    def name(self) -> str:
        """`<source>.<entity>`."""
        return ".".join(self.place.table_name)

    @property
    def version(self) -> int:
        """The version that this object sees."""
        return -1 if self._delta is None else self._delta.version()

    def last_commit(self) -> Commit | None:
        """What the version that this object sees says of itself."""
        if self.version < 0:
            return None
        if not self._log_file().exists():
            raise LedgerDamagedError(
                f"{self.name}: {self._log_file().name} is missing, and a later checkpoint is not. "
                "Nothing was read or written. Run `pipeledger verify`, and restore the table whole from a backup."
            )
        return read_commit(self._log_file())

    def _log_file(self) -> Path:
        return self.path / f"_delta_log/{self.version:020d}.json"

    def columns(self) -> dict[str, str]:
        """The source's columns, name -> ledger type, without those that the ledger owns."""
        if self._delta is None:
            return {}
        fields = self._delta.schema().fields
        owned = {PARTITION, *OWNED}
        return {f.name: ledger_type(str(f.type.type)) for f in fields if f.name not in owned}

    def _column_names(self) -> set[str]:
        return {*self.columns(), PARTITION, *OWNED}

    def files(self) -> list[str]:
        """Paths of the Parquet files of this version."""
        return [str(self.path / name) for name in self.file_names()]

    def file_names(self) -> list[str]:
        """The same, relative to the table. (Delta's whole paths are encoded as in a URL.)"""
        if self._delta is None:
            return []
        added = pa.table(self._delta.get_add_actions(flatten=True))
        return sorted(unquote(name) for name in added["path"].to_pylist())

    def commit(self, rows: pa.Table, receipts: Sequence[Receipt], days: Sequence[date]) -> int:
        """Replaces all rows of `days` by `rows`, with `receipts`, in one atomic commit; gives the new version.

        Raises CaptureError where another writer came first; nothing is written then.
        """
        version = self.version + 1
        after = self._log_file() if self.version >= 0 else None
        try:
            with self.place.draft(self.version) as draft:
                self._write(draft, rows, days)
                log = seal(draft, version, receipts, after)
                is_ours = self.place.publish(draft, list(read_commit(log).added), log.name)
        except (CommitFailedError, DeltaError) as error:
            raise self._refused(version, str(error)) from error
        if not is_ours:
            raise self._refused(version, "another commit has that number")
        self._delta = DeltaTable(self.path, version=version)  # another writer may have made the next one by now
        return version

    def _write(self, draft: Path, rows: pa.Table, days: Sequence[date]) -> None:
        """Has Delta write the next version into a draft."""
        properties = CommitProperties(max_commit_retries=0)
        writer = WriterProperties(compression="ZSTD", compression_level=3)
        if self._delta is None:
            write_deltalake(
                draft,
                rows,
                mode="error",
                partition_by=[PARTITION],
                configuration=NEVER_EXPIRES,
                commit_properties=properties,
                writer_properties=writer,
            )
        else:
            write_deltalake(
                DeltaTable(draft),
                rows,
                mode="overwrite",
                predicate=f"{PARTITION} IN ({', '.join(_quoted_day(day) for day in days)})",
                schema_mode="merge" if set(rows.column_names) - self._column_names() else None,
                commit_properties=properties,
                writer_properties=writer,
            )

    def _refused(self, version: int, reason: str) -> CaptureError:
        return CaptureError(
            f"{self.name}: version {version} could not be committed ({reason}). Nothing was written. "
            "Another program may be writing this ledger: stop it, then run the command again."
        )


def arrow_schema(columns: Mapping[str, str]) -> pa.Schema:
    """The full schema of a ledger table with the source's `columns`."""
    owned = [(PARTITION, pa.date32()), *((name, arrow_type(kind)) for name, kind in OWNED.items())]
    return pa.schema([*owned, *((name, arrow_type(kind)) for name, kind in columns.items())])


def _quoted_day(day: date) -> str:
    return f"'{day.isoformat()}'"
