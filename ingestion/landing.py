"""The landing: sources' rows, as they are now, each complete extraction closed by a manifest row.

Data comes from a `Source` (`build_source()` of each source type) as Arrow tables and goes, through one dlt run,
to `landing.duckdb`: a schema named after the source with one table per entity and the table `manifest`. Capture
takes only what a manifest row of a completed load package covers, so a run that breaks off anywhere lands
nothing. The landing and dlt's folder are disposable: each run starts its source's part of both afresh, and
whatever an interrupted run left there (pending packages, half-loaded tables, a broken file) goes with it. No
cursor may ever live in them. Alone: `land(build_source(...), [day], landing=..., pipelines_dir=..., today=day)`.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import chain, groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.source import (
    RESERVED_SOURCES,
    Extraction,
    Extractions,
    LandingError,
    Settling,
    Source,
    SourceError,
    landed_name,
)

if TYPE_CHECKING:
    from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

OnProgress = Callable[[str, date, int], None]
"""Called with entity, snapshot date and the rows extracted of it so far."""

GATHERED_ROWS = 65_536
GATHERED_BYTES = 32 << 20
MEMORY_MB = 128  # what DuckDB may take while it loads
COLUMN_MEMORY_MB = 0.75  # what it may take besides for each column, of which it holds some blocks

BOOKKEEPING = pa.schema(
    [
        ("_pl_snapshot_date", pa.date32()),
        ("_pl_extraction_id", pa.string()),
        ("_pl_file", pa.string()),
        ("_pl_line", pa.int64()),
        ("_pl_reject", pa.string()),
    ]
)
"""The columns in front of each landed table; a source may fill the last three."""

MANIFEST = pa.schema(
    [
        ("source", pa.string()),
        ("source_type", pa.string()),
        ("entity", pa.string()),
        ("snapshot_date", pa.date32()),
        ("extraction_id", pa.string()),
        ("mode", pa.string()),
        ("key_columns", pa.string()),  # this and the next nine: JSON text, landed names
        ("id_columns", pa.string()),
        ("required_columns", pa.string()),
        ("columns", pa.string()),
        ("governed", pa.string()),
        ("personal", pa.string()),
        ("volatile", pa.string()),
        ("dialect", pa.string()),
        ("currency_column", pa.string()),
        ("headers", pa.string()),
        ("expected", pa.string()),
        ("deleted_column", pa.string()),
        ("email_column", pa.string()),
        ("contact", pa.string()),  # JSON text: the fields of `Contact`
        ("is_dated", pa.bool_()),
        ("may_begin_empty", pa.bool_()),
        ("extraction_started_at", pa.timestamp("us", "UTC")),
        ("extraction_ended_at", pa.timestamp("us", "UTC")),
        ("row_count", pa.int64()),
        ("rejected_count", pa.int64()),
        ("load_id", pa.string()),  # of `_dlt_loads`: the row counts only when that load has status 0
    ]
)


@dataclass(frozen=True)
class Landed:
    """What one landing run landed, by entity and day. `rows` includes the rejected ones."""

    source: str
    days: tuple[date, ...]
    rows: Mapping[tuple[str, date], int]
    rejected: Mapping[tuple[str, date], int]
    extraction_ids: Mapping[tuple[str, date], str]
    seconds: float
    notes: tuple[str, ...] = ()  # what a person is to hear of what was landed


def land(
    source: Source,
    days: Sequence[date],
    *,
    landing: Path,
    pipelines_dir: Path,
    today: date,
    on_progress: OnProgress | None = None,
) -> Landed:
    """Land `days` of `source` in one dlt run that replaces whatever the landing held of that source.

    Raises SourceError for what the source cannot deliver and LandingError for what fails on the way; then no
    manifest row of this run counts, nor any of an earlier one.
    """
    started = time.monotonic()
    _check_source_name(source.name)
    shutil.rmtree(pipelines_dir / source.name, ignore_errors=True)
    with _fresh_schema(landing, source.name) as connection:
        run = _Run(source, on_progress or (lambda entity, day, rows: None))
        _load(run, source.extract(days, today), connection, pipelines_dir)
    if isinstance(source, Settling):
        source.settle()
    return Landed(
        source=source.name,
        days=tuple(days),
        rows={cell: row["row_count"] for cell, row in run.manifest.items()},
        rejected={cell: row["rejected_count"] for cell, row in run.manifest.items()},
        extraction_ids={cell: row["extraction_id"] for cell, row in run.manifest.items()},
        seconds=time.monotonic() - started,
        notes=run.notes,
    )


def _check_source_name(name: str) -> None:
    if name != landed_name(name) or name in RESERVED_SOURCES:
        raise SourceError(
            f"Source name {name!r}: it becomes a folder and a schema. Expected lower-case letters, digits and "
            f"underscores, and none of {', '.join(sorted(RESERVED_SOURCES))}. Rename [sources.{name}] in "
            "pipeledger.toml."
        )


# ---------------------------------------------------------------- extraction


class _File(NamedTuple):
    """Rows of a table that is to land, as Parquet; `shape` has its columns and no rows."""

    path: Path
    shape: pa.Table
    rows: int


class _Run:
    """The extractions of one run, in order, as files; it remembers manifest rows and what went wrong."""

    def __init__(self, source: Source, on_progress: OnProgress) -> None:
        self.source = source
        self.manifest: dict[tuple[str, date], dict[str, Any]] = {}
        self.failure: LandingError | None = None
        self._on_progress = on_progress
        self._types: dict[tuple[str, str], pa.DataType] = {}
        self._notes: dict[tuple[str, str], list[str]] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What the extractions have to say, each kind once: the last text, and how many days besides say the like."""
        more = {kind: len(texts) - 1 for kind, texts in self._notes.items()}
        return tuple(
            texts[-1] + (f" The same on {more[kind]:,} more days." if more[kind] else "")
            for kind, texts in self._notes.items()
        )

    def entity(self, entity: str, extract: Callable[[], Iterator[Extraction]], folder: Path) -> Iterator[_File]:
        """Yield the rows of an entity's extractions. Remembers why it breaks off."""
        try:
            yield from _written(entity, _gathered(self._extractions(entity, extract)), folder)
        except LandingError as error:
            error.entities = error.entities or (entity,)
            self.failure = error
            raise
        except Exception as error:
            day = max((day for of, day in self.manifest if of == entity), default=None)
            self.failure = LandingError(
                f"{self.source.name}.{entity}: the extraction {f'after that of {day} ' if day else ''}broke off with "
                f"{type(error).__name__}: {error}. Nothing of this run was landed. Remove the cause and run the same "
                "command again.",
                (entity,),
            )
            raise self.failure from error

    def vouch(self, folder: Path) -> Iterator[_File]:
        """Yield the manifest of what was extracted so far."""
        rows = pa.Table.from_pylist(list(self.manifest.values()), schema=MANIFEST)
        yield from _written("manifest", [rows], folder)

    def _extractions(self, entity: str, extract: Callable[[], Iterator[Extraction]]) -> Iterator[pa.Table]:
        iterator = extract()
        while True:
            started_at = datetime.now(UTC)
            extraction = next(iterator, None)
            if extraction is None:
                return
            yield from self._extraction(entity, extraction, started_at)

    def _extraction(self, entity: str, of: Extraction, started_at: datetime) -> Iterator[pa.Table]:
        """Yield an extraction's tables as they land, and note its manifest row once all of them have been read.

        LandingError where the source breaks the contract: another entity, a day that came before, a column that changes
        its type, names that are no landed names.
        """
        what = f"{self.source.name}.{entity}: the extraction of {of.snapshot_date}"
        if of.entity != entity or (entity, of.snapshot_date) in self.manifest:
            raise LandingError(
                f"{what} came as {of.entity} or twice. Expected one for each entity and day. This is a fault of the "
                f"source type {self.source.type}: report it."
            )
        extraction_id = uuid4().hex
        columns: dict[str, None] = {}
        rows = rejected = 0
        for table in of.tables:
            landable = _with_bookkeeping(table, of.snapshot_date, extraction_id)
            self._check_types(what, entity, landable.schema)
            columns |= dict.fromkeys(name for name in table.column_names if name not in BOOKKEEPING.names)
            rows += landable.num_rows
            rejected += landable.num_rows - landable["_pl_reject"].null_count
            yield landable
            self._on_progress(entity, of.snapshot_date, rows)
        self._check_columns(what, of, list(columns))
        for kind, text in of.notes.items():
            self._notes.setdefault((entity, kind), []).append(text)
        self.manifest[entity, of.snapshot_date] = {
            "source": self.source.name,
            "source_type": self.source.type,
            "entity": entity,
            "snapshot_date": of.snapshot_date,
            "extraction_id": extraction_id,
            "mode": of.mode,
            "key_columns": json.dumps(of.key),
            "id_columns": json.dumps(of.ids),
            "required_columns": json.dumps(of.required),
            "columns": json.dumps(list(columns)),
            "governed": json.dumps(dict(of.governed)),
            "personal": json.dumps(of.personal),
            "volatile": json.dumps(of.volatile),
            "dialect": json.dumps(vars(of.dialect)),
            "currency_column": of.currency,
            "headers": json.dumps(dict(of.headers)),
            "expected": json.dumps(dict(of.expected)),
            "deleted_column": of.deleted,
            "email_column": of.email,
            "contact": json.dumps(vars(of.contact)) if of.contact else None,
            "is_dated": of.is_dated,
            "may_begin_empty": of.may_begin_empty,
            "extraction_started_at": started_at,
            "extraction_ended_at": datetime.now(UTC),
            "row_count": rows,
            "rejected_count": rejected,
            "load_id": _load_id(),
        }

    def _check_types(self, what: str, entity: str, schema: pa.Schema) -> None:
        for column in schema:
            known = self._types.setdefault((entity, column.name), column.type)
            if known != column.type:
                raise LandingError(
                    f"{what}: column {column.name} is {column.type}, and {known} in the tables before. Expected one "
                    "type for each column in a run. Run the days before and after that change apart."
                )

    def _check_columns(self, what: str, of: Extraction, columns: list[str]) -> None:
        wrong = [name for name in columns if name != landed_name(name)]
        if not columns or wrong:
            raise LandingError(
                f"{what} has {'the columns ' + ', '.join(wrong) if wrong else 'no column'}. Expected landed names. "
                f"This is a fault of the source type {self.source.type}: report it."
            )
        named = {*of.key, *of.ids, *of.required, *of.governed, *of.personal, *of.volatile}
        named |= {name for name in (of.deleted, of.email, of.currency) if name}
        named |= {*of.contact.phones, *of.contact.names} if of.contact else set()
        if missing := sorted(named - set(columns)):
            raise LandingError(
                f"{what} lacks {', '.join(missing)}. Got the columns {', '.join(columns)}. "
                f"This is a fault of the source type {self.source.type}: report it."
            )


def _gathered(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Join small tables of one shape and cut large ones; each result becomes a row group, which is read as a whole."""
    waiting: list[pa.Table] = []
    rows = size = 0
    for table in chain.from_iterable(map(_cut, tables)):
        is_full = rows + table.num_rows > GATHERED_ROWS or size + table.nbytes > GATHERED_BYTES
        if waiting and (is_full or waiting[0].schema != table.schema):
            yield pa.concat_tables(waiting)
            waiting, rows, size = [], 0, 0
        waiting.append(table)
        rows, size = rows + table.num_rows, size + table.nbytes
    if waiting:
        yield pa.concat_tables(waiting)


def _cut(table: pa.Table) -> Iterator[pa.Table]:
    """A table in pieces of about GATHERED_BYTES."""
    pieces = max(1, -(-table.nbytes // GATHERED_BYTES))
    length = max(1, -(-table.num_rows // pieces))
    for start in range(0, table.num_rows or 1, length):
        yield table.slice(start, length)


def _written(table: str, rows: Iterable[pa.Table], folder: Path) -> Iterator[_File]:
    """Write tables to files, one for all that follow each other in one shape.

    Without statistics, and with dictionaries of what many rows have in common alone: those of other columns cost more
    than reading the file once without them.
    """
    for number, (schema, pieces) in enumerate(groupby(rows, key=attrgetter("schema"))):
        path, count = folder / f"{table}.{number}.parquet", 0
        try:
            with pq.ParquetWriter(
                path,
                schema,
                compression="none",
                use_dictionary=["_pl_extraction_id", "_pl_file"],
                write_statistics=False,
            ) as file:
                for piece in pieces:
                    file.write_table(piece)
                    count += piece.num_rows
            yield _File(path, schema.empty_table(), count)
        finally:
            path.unlink(missing_ok=True)  # a full disk may not even have begun it


def _with_bookkeeping(table: pa.Table, day: date, extraction_id: str) -> pa.Table:
    """Put the bookkeeping columns in front, those that the source did not fill as NULL."""
    constants = {"_pl_snapshot_date": day, "_pl_extraction_id": extraction_id}
    arrays: list[pa.Array | pa.ChunkedArray] = []
    for column in BOOKKEEPING:
        if column.name in constants:
            arrays.append(pa.repeat(pa.scalar(constants[column.name], column.type), table.num_rows))
        elif column.name in table.column_names:
            arrays.append(table[column.name].cast(column.type))
        else:
            arrays.append(pa.nulls(table.num_rows, column.type))
    shaped = table.drop_columns([name for name in BOOKKEEPING.names if name in table.column_names])
    return pa.table([*arrays, *shaped.columns], names=[*BOOKKEEPING.names, *shaped.column_names])


# ---------------------------------------------------------------- dlt


@contextmanager
def _fresh_schema(landing: Path, schema: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the landing without that schema; a landing that is no longer readable is started anew."""
    landing.parent.mkdir(parents=True, exist_ok=True)
    try:
        connection = _open_without(landing, schema)
    except duckdb.Error as error:
        if "lock" in str(error).lower():
            raise LandingError(
                f"{landing.name}: another process holds it ({str(error).splitlines()[0]}). Expected to be its only "
                "user. Wait for that process or end it, and run the same command again."
            ) from error
        for part in (landing, landing.with_name(f"{landing.name}.wal")):
            part.unlink(missing_ok=True)
        connection = _open_without(landing, schema)
    try:
        yield connection
    finally:
        connection.close()


def _open_without(landing: Path, schema: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(landing))
    try:
        connection.execute("set preserve_insertion_order = false")  # saves a third of the time; no one asks for it
        connection.execute("set threads = 1")  # or two threads' halves of row groups are compressed twice
        connection.execute(f'drop schema if exists "{schema}" cascade')
    except BaseException:
        connection.close()
        raise
    return connection


def _load(run: _Run, extractions: Extractions, connection: duckdb.DuckDBPyConnection, pipelines_dir: Path) -> None:
    """Run dlt once over all extractions, the manifest last, so that it vouches for what has been read to its end.

    Each entity is a dlt resource whose rows come as Parquet files, which DuckDB reads as they are. Its memory is set by
    the widest table so far. LandingError where an extraction or dlt fails; then the load package is not complete, and
    no manifest row of it counts.
    """
    import dlt
    from dlt.common.configuration.container import Container
    from dlt.pipeline.exceptions import PipelineStepFailed

    widest = 0

    def imported(files: Iterator[_File]) -> Iterator[Any]:
        nonlocal widest
        for file in files:
            widest = max(widest, file.shape.num_columns)
            connection.execute(f"set memory_limit = '{MEMORY_MB + COLUMN_MEMORY_MB * widest}MB'")
            yield dlt.mark.with_file_import(str(file.path), "parquet", file.rows, file.shape)

    name = run.source.name
    folder = pipelines_dir / f".{name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with Container().injectable_context(_isolated(pipelines_dir)):
        resources = [
            dlt.resource(imported(run.entity(entity, extract, folder)), name=entity)
            for entity, extract in extractions.items()
        ]
        resources.append(dlt.resource(imported(run.vouch(folder)), name="manifest"))
        try:
            dlt.pipeline(
                name,
                pipelines_dir=str(pipelines_dir),
                destination=dlt.destinations.duckdb(connection),
                dataset_name=name,
            ).run(resources, loader_file_format="parquet", write_disposition="append")
        except PipelineStepFailed as error:
            if run.failure:
                raise run.failure from run.failure.__cause__
            reason = str(error.exception).strip().splitlines()[0]
            raise LandingError(
                f"{name}: dlt could not {error.step} what was extracted: {reason}. Nothing of this run counts. "
                "Remove the cause and run the same command again."
            ) from error


def _load_id() -> str:
    """The id of the load package that dlt is extracting into."""
    import dlt

    return str(dlt.current.load_package_state()["load_id"])


def _isolated(pipelines_dir: Path) -> "PluggableRunContext":
    """Make dlt read no configuration but this: no files beside the working directory, no variables.

    It must be in place before dlt first asks for a context, because the default one starts telemetry.
    """
    from dlt.common.configuration.providers.dictionary import DictionaryProvider
    from dlt.common.configuration.providers.provider import ConfigProvider
    from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
    from dlt.common.runtime.run_context import RunContext

    class Settings(DictionaryProvider):
        def __init__(self) -> None:
            super().__init__()
            self._config_doc = {
                "providers": {"enable_airflow_secrets": False},
                "runtime": {"dlthub_telemetry": False, "log_level": "CRITICAL", "intercept_signals": False},
                "restore_from_destination": False,  # the schema was just dropped
                "enable_runtime_trace": False,
                "extract": {"workers": 1, "max_parallel_items": 1, "next_item_mode": "fifo"},  # the manifest at last
                "normalize": {"workers": 1},
                "load": {"workers": 1, "delete_completed_jobs": True, "raise_on_max_retries": 1},
            }

    class Isolated(RunContext):
        def initial_providers(self) -> list[ConfigProvider]:
            return [Settings()]

    return PluggableRunContext(Isolated(str(pipelines_dir)))
