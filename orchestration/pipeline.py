"""The steps of a run as plain functions: land and capture one source, build the marts' input, publish.

Data goes from a source through the landing into the ledger, and from the warehouse into the published file.
Dagster wraps these functions; tests call them alone. Nothing here knows the clock: days and instants are
arguments.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from ingestion.landing import land
from ingestion.source import LandingError, Source, SourceError
from orchestration.config import SourceConfig
from orchestration.dbt import assemble_definitions, marts_of, remove_run_folders
from orchestration.errors import PipeledgerError
from orchestration.histories import histories_of, past_of
from orchestration.home import write_whole
from orchestration.publish import Published, publish
from orchestration.settings import Settings, code_version, relations
from orchestration.sources import build_source
from snapshots import intervals
from snapshots.capture import CapturedDay, capture
from snapshots.reconstruct import Reconstructed, reconstruct
from snapshots.store import LedgerError
from snapshots.verify import Damage
from snapshots.verify import verify as verify_ledger

Say = Callable[[str], None]
"""Receives one line of progress."""


@dataclass(frozen=True)
class Voice:
    """Where progress goes: lines that stay, and what is happening right now."""

    say: Say = lambda line: None
    tick: Say = lambda line: None


SILENT = Voice()


@dataclass(frozen=True)
class SourceResult:
    """What landing and capturing one source came to: the days kept, the gates that tripped, the error that
    ended it.
    """

    source: str
    days: tuple[CapturedDay, ...] = ()
    landed: Mapping[tuple[str, date], int] = field(default_factory=dict)  # rows by entity and day
    tripped: tuple[str, ...] = ()
    error: str | None = None
    seconds: float = 0.0

    @property
    def is_complete(self) -> bool:
        """Whether every day asked for was kept."""
        return self.error is None and not self.tripped


def land_and_capture(
    settings: Settings,
    source: SourceConfig,
    days: Sequence[date],
    *,
    now: datetime,
    accept_drop: bool = False,
    voice: Voice = SILENT,
) -> SourceResult:
    """Land the days of one source in chunks and capture each chunk. A gate that trips keeps the days before it.

    Raises whatever landing or capture raises; what chunks before it kept stays kept.
    """
    built = build_source(source, settings)
    captured: list[CapturedDay] = []
    landed: dict[tuple[str, date], int] = {}
    tripped: tuple[str, ...] = ()
    for chunk in built.chunks(days):
        landed |= land_chunk(settings, built, chunk, now, voice)
        done = capture(
            settings.store,
            source.name,
            chunk,
            gates=settings.config.gates,
            accept_drop=accept_drop,
            code_version=code_version(),
        )
        captured += done.days
        tripped = tuple(done.tripped)
        voice.say(progress_line(source.name, chunk, landed, done.days))
        if tripped:
            break
    seconds = (datetime.now(UTC) - now).total_seconds()
    return SourceResult(source.name, tuple(captured), landed, tripped, seconds=round(seconds, 1))


def land_chunk(
    settings: Settings, source: Source, chunk: Sequence[date], now: datetime, voice: Voice
) -> Mapping[tuple[str, date], int]:
    """One landing run; the rows landed by entity and day."""
    done = land(
        source,
        chunk,
        landing=settings.home.landing,
        pipelines_dir=settings.home.dlt,
        today=settings.config.today(now),
        on_progress=lambda entity, day, rows: voice.tick(f"{source.name}: {entity} {day}: {rows:,} rows"),
    )
    voice.tick(f"{source.name}: capturing {chunk[-1]}")
    return done.rows


def progress_line(
    source: str,
    chunk: Sequence[date],
    landed: Mapping[tuple[str, date], int],
    days: Sequence[CapturedDay],
) -> str:
    """What happened to one chunk, in a line."""
    rows = sum(count for (_, day), count in landed.items() if day in set(chunk))
    written = [entity for day in days for entity in day.entities if entity.changed]
    if days and not written:
        return f"{source}: {chunk[0]}: {rows:,} rows landed, nothing new: the ledger stays as it is"
    upserts, deletes = sum(entity.upserts for entity in written), sum(entity.deletes for entity in written)
    span = f"{chunk[0]}" if len(chunk) == 1 else f"{chunk[0]} to {chunk[-1]} ({len(days)} days)"
    return f"{source}: {span}: {rows:,} rows landed, {upserts:,} new or changed, {deletes:,} gone"


def attempt(
    settings: Settings,
    source: SourceConfig,
    days: Sequence[date],
    *,
    now: datetime,
    accept_drop: bool = False,
    voice: Voice = SILENT,
) -> SourceResult:
    """The same, but a failure is a result that names its reason, so that the other sources go on."""
    try:
        result = land_and_capture(settings, source, days, now=now, accept_drop=accept_drop, voice=voice)
    except Exception as error:
        if is_worth_retrying(error):
            raise
        result = failed(source, error)
    record_attempt(settings, source.name, days, now, result)
    return result


def failed(source: SourceConfig, error: Exception) -> SourceResult:
    """The result of a source that could not be landed or captured."""
    expected = isinstance(error, SourceError | LandingError | LedgerError | PipeledgerError)
    text = str(error) if expected else f"{source.name}: {type(error).__name__}: {error}"
    return SourceResult(source.name, error=text)


def is_worth_retrying(error: BaseException) -> bool:
    """Whether the same call may succeed in a minute: the network, or a server that is busy."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:  # a chain may close on itself
        status = getattr(getattr(link, "response", None), "status_code", None) or 0
        is_unreachable = type(link).__module__.startswith("requests") and "Connect" in type(link).__name__
        if isinstance(link, ConnectionError | TimeoutError) or status == 429 or status >= 500 or is_unreachable:
            return True
        chain.append(link)
        link = link.__cause__ or link.__context__
    return False


def record_attempt(settings: Settings, source: str, days: Sequence[date], now: datetime, result: SourceResult) -> None:
    """Leave a note of what the last attempt came to, for `pipeledger status`; disposable."""
    note = {
        "started_at": now.isoformat(timespec="seconds"),
        "ended_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "first_day": str(days[0]) if days else None,
        "last_day": str(days[-1]) if days else None,
        "days_kept": len(result.days),
        "outcome": "failed" if result.error else "gate" if result.tripped else "done",
        "message": result.error or "; ".join(result.tripped) or None,
    }
    write_whole(settings.home.attempts / f"{source}.json", json.dumps(note, indent=2) + "\n")


def read_attempt(folder: Path, source: str) -> dict[str, Any] | None:
    """The note of a source's last attempt."""
    try:
        return dict(json.loads((folder / f"{source}.json").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None


def refresh_intervals(settings: Settings, *, from_scratch: bool = False) -> None:
    """Bring the warehouse's intervals to the ledger's version."""
    if from_scratch:
        for leftover in settings.home.root.glob("warehouse.duckdb*"):
            if leftover.is_file():
                leftover.unlink()
        intervals.rebuild(settings.store, relations())
    else:
        intervals.refresh(settings.store, relations())


class NothingCapturedError(PipeledgerError):
    """The ledger is empty, so there is nothing to build."""


def captured_days(settings: Settings, source: str | None = None) -> list[date]:
    """The observed days of one source, or of all, in order."""
    if not settings.home.warehouse.exists():
        return []
    with duckdb.connect(str(settings.home.warehouse), read_only=True) as connection:
        rows = connection.execute(
            "select distinct snapshot_date from ledger.receipts "
            "where origin = 'observed' and source = coalesce(?, source) order by 1",
            [source],
        ).fetchall()
    return [day for (day,) in rows]


def missing_days(settings: Settings, source: str) -> list[date]:
    """The gaps of one source: days between its first and last captured one."""
    days = captured_days(settings, source)
    span = (days[-1] - days[0]).days if days else 0
    return sorted({days[0] + timedelta(days=number) for number in range(span)} - set(days))


def before_build(settings: Settings) -> None:
    """Bring definitions and intervals up to date; NothingCapturedError where the ledger is empty."""
    # dbt writes the SQL that it ran for a seed of an absolute path over that very file: a retry must not read it
    assemble_definitions(settings.config.company.definitions, settings.home.definitions)
    refresh_intervals(settings)
    if not captured_days(settings):
        raise NothingCapturedError(
            f"{settings.store.ledger}: no day captured yet, at least one expected. Nothing was built. "
            "Run `pipeledger doctor`, then `pipeledger run`."
        )


def after_build(settings: Settings) -> list[str]:
    """Tidy up after dbt; return what its tests found in the data, as sentences."""
    remove_run_folders(settings.home)
    return read_findings(settings.home.warehouse)


def read_findings(warehouse: Path) -> list[str]:
    """What the data-quality tests found: the column `finding` of their tables."""
    if not warehouse.exists():
        return []
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        tables = connection.execute(
            "select table_name from duckdb_columns() where schema_name = 'findings' and column_name = "
            "'finding' order by 1"
        ).fetchall()
        return [
            str(finding)
            for (table,) in tables
            for (finding,) in connection.execute(
                f'select finding from findings."{table}" order by 1 limit 20'
            ).fetchall()
        ]


def rows_written(day: CapturedDay) -> int:
    """Rows that a captured day added to the ledger; 0 for a re-run that found nothing new."""
    return sum(entity.upserts + entity.deletes for entity in day.entities if entity.changed)


def backfill(settings: Settings, source: SourceConfig) -> Reconstructed:
    """Reconstruct the days before the first observed one from the source's own history."""
    past = past_of(source)
    return reconstruct(
        settings.store,
        source.name,
        created_at=past.created_at,
        histories=histories_of(past),
        column_of=past.column_of,
        entity=past.entity,
        code_version=code_version(),
    )


def verify(settings: Settings) -> list[Damage]:
    """Every day of the ledger that is not what its receipt says."""
    return verify_ledger(settings.store)


def publish_marts(settings: Settings, manifest: Mapping[str, Any]) -> Published:
    """Put the marts that the manifest names in front of people."""
    return publish(settings.home.warehouse, settings.home.published, marts_of(manifest))
