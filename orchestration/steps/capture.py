"""Land and capture one source: from its rows of today, or of dated drops, into the ledger.

Dagster wraps these functions; tests call them alone. Nothing here knows the clock: days and instants are arguments.
"""

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Event

from ingestion.landing import Landed, land
from ingestion.source import LandingError, Source, SourceError
from orchestration.settings.config import SourceConfig
from orchestration.settings.errors import DiskFullError, PipeledgerError, is_disk_full
from orchestration.settings.settings import Settings, code_version
from orchestration.steps.attempts import SourceResult, record_attempt
from orchestration.steps.sources import build_source
from snapshots.capture import CapturedDay, capture
from snapshots.gates import TrippedGate
from snapshots.store import LedgerError


@dataclass(frozen=True)
class Progress:
    """Where progress goes: `report` takes lines that stay, `show` what is happening right now."""

    report: Callable[[str], None] = lambda line: None
    show: Callable[[str, int, int], None] = lambda line, done, of: None


SILENT = Progress()


def land_and_capture(
    settings: Settings,
    source: SourceConfig,
    days: Sequence[date],
    *,
    now: datetime,
    accept: Collection[str] = (),
    progress: Progress = SILENT,
) -> SourceResult:
    """Land the days of one source in chunks and capture each chunk. A gate that trips keeps the days before it,
    unless `accept` names it.

    Raises whatever landing or capture raises; what chunks before it kept stays kept.
    """
    built = build_source(source, settings)
    captured: list[CapturedDay] = []
    landed: dict[tuple[str, date], int] = {}
    notes: dict[str, None] = {}
    tripped: tuple[TrippedGate, ...] = ()
    place = {day: number for number, day in enumerate(sorted(days))}
    chunks = list(built.chunks(days))
    show = progress.show
    with closing(
        landings(settings, built, chunks, now, lambda text, day: show(text, place[day], len(days)))
    ) as landed_chunks:
        for chunk, file, landing in landed_chunks:
            landed |= landing.rows
            notes |= dict.fromkeys(landing.notes)
            show(f"{source.name}: capturing {chunk[-1]}", place[chunk[-1]], len(days))
            done = capture(
                replace(settings.store, landing=file),
                source.name,
                chunk,
                gates=settings.config.gates,
                accept=accept,
                entities=built.entities if source.type == "files" else None,
                code_version=code_version(),
            )
            captured += done.days
            tripped = done.tripped
            notes |= dict.fromkeys(done.notes)
            progress.report(progress_line(source.name, chunk, landed, done.days))
            if tripped:
                break
    seconds = (datetime.now(UTC) - now).total_seconds()
    return SourceResult(
        source.name,
        tuple(days),
        tuple(captured),
        landed=landed,
        tripped=tripped,
        notes=tuple(notes),
        seconds=round(seconds, 1),
    )


def landings(
    settings: Settings,
    source: Source,
    chunks: Sequence[Sequence[date]],
    now: datetime,
    show: Callable[[str, date], None],
) -> Generator[tuple[Sequence[date], Path, Landed], None, None]:
    """Land chunk after chunk, each while its taker captures the one before; give where each lies, until the next.

    Two take turns in two files, the last in the home's own landing; the other file goes. What a landing run raises is
    raised when it is its chunk's turn. One that nobody will take stops at its next table. `show` is told what is
    happening, and for which day.
    """
    beside = settings.home.landing.with_stem("landing_ahead")
    files = [beside if (len(chunks) - number) % 2 == 0 else settings.home.landing for number in range(len(chunks))]
    is_over = Event()

    def tell(entity: str, day: date, rows: int) -> None:
        if is_over.is_set():
            raise InterruptedError("nobody will capture it")
        show(f"{source.name}: {entity} {day}: {rows:,} rows", day)

    def run(number: int) -> Landed:
        return land(
            source,
            chunks[number],
            landing=files[number],
            pipelines_dir=settings.home.dlt,
            today=settings.config.today(now),
            on_progress=tell,
        )

    try:
        with ThreadPoolExecutor(max_workers=1) as ahead:
            try:
                following = None
                for number, chunk in enumerate(chunks):
                    landed = following.result() if following else run(number)
                    if number + 1 < len(chunks):
                        following = ahead.submit(run, number + 1)
                    yield chunk, files[number], landed
            finally:
                is_over.set()
    finally:
        for part in (beside, beside.with_name(f"{beside.name}.wal")):
            part.unlink(missing_ok=True)


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
    accept: Collection[str] = (),
    progress: Progress = SILENT,
) -> SourceResult:
    """Land and capture, and note what came of it; a failure is a result with its reason, so that other sources go on.

    Raises only what may succeed when it is tried again in a while.
    """
    try:
        result = land_and_capture(settings, source, days, now=now, accept=accept, progress=progress)
    except Exception as error:
        if is_worth_retrying(error):
            raise
        result = failed(source, days, DiskFullError(settings.home.root) if is_disk_full(error) else error)
    record_attempt(settings, source.name, days, now, result)
    return result


def failed(source: SourceConfig, days: Sequence[date], error: Exception) -> SourceResult:
    """The result of a source that could not be landed or captured."""
    expected = isinstance(error, SourceError | LandingError | LedgerError | PipeledgerError)
    text = str(error) if expected else f"{source.name}: {type(error).__name__}: {error}"
    entities = error.entities if isinstance(error, LandingError) else ()
    return SourceResult(source.name, tuple(days), error=text, failed=entities)


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


def rows_written(day: CapturedDay) -> int:
    """Rows that a captured day added to the ledger; 0 for a re-run that found nothing new."""
    return sum(entity.upserts + entity.deletes for entity in day.entities if entity.changed)
