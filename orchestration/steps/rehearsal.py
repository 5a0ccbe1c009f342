"""A run of a source rehearsed on its first rows: landed and captured as a run does it, in a folder that is thrown away.

Comes from the settings; goes to `doctor`, which says what a run would reject before there is one.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa

from ingestion.landing import land
from ingestion.source import Days, Extraction, Source
from orchestration.settings.config import SourceConfig
from orchestration.settings.home import Home
from orchestration.settings.settings import Settings, code_version
from orchestration.steps.sources import build_source
from snapshots.capture import capture
from snapshots.store import Gates

ROWS = 1000
NO_GATES = Gates(max_delete_rate=1, max_reject_rate=1, min_column_values=10**12)


@dataclass(frozen=True)
class Rehearsed:
    """What the first rows of an entity came to: how many were read, and of those rejected `file, line: reason`."""

    entity: str
    rows: int
    rejected: tuple[str, ...]


def rehearse(settings: Settings, source: SourceConfig, day: date, today: date) -> list[Rehearsed]:
    """Land and capture the first rows of each entity. Raises what landing and capture raise for the day as a whole."""
    with TemporaryDirectory(prefix="pipeledger-") as folder:
        home = Home(Path(folder) / "home")
        home.root.mkdir()
        store = home.store(settings.config.company)
        first_rows = FirstRows(build_source(source, settings), ROWS)
        land(first_rows, [day], landing=home.landing, pipelines_dir=home.dlt, today=today)
        done = capture(store, source.name, [day], gates=NO_GATES, accept=["empty"], code_version=code_version())
        return [
            Rehearsed(
                entity.entity,
                entity.source_rows,
                read_rejects(home.root / store.rejects_file(source.name, entity.entity, day)),
            )
            for captured in done.days
            for entity in captured.entities
        ]


def read_rejects(file: Path) -> tuple[str, ...]:
    """The rejected rows that a capture listed: file, line and reason; none where there is no such list."""
    if not file.exists():
        return ()
    with file.open(encoding="utf-8", newline="") as lines:
        return tuple(f"{row['file']}, line {row['line']}: {row['reason']}" for row in csv.DictReader(lines))


@dataclass(frozen=True)
class FirstRows:
    """A source of which each extraction ends after its first rows."""

    source: Source
    rows: int

    @property
    def name(self) -> str:
        """As the source's."""
        return self.source.name

    @property
    def type(self) -> str:
        """As the source's."""
        return self.source.type

    @property
    def entities(self) -> tuple[str, ...]:
        """As the source's."""
        return self.source.entities

    def days(self, first: date, last: date) -> Days:
        """As the source's."""
        return self.source.days(first, last)

    def chunks(self, days: Sequence[date]) -> Iterator[Sequence[date]]:
        """As the source's."""
        return self.source.chunks(days)

    def extract(self, days: Sequence[date], today: date) -> Mapping[str, Callable[[], Iterator[Extraction]]]:
        """The source's extractions, cut short."""
        return {entity: partial(self._cut, each) for entity, each in self.source.extract(days, today).items()}

    def _cut(self, extract: Callable[[], Iterator[Extraction]]) -> Iterator[Extraction]:
        for extraction in extract():
            yield replace(extraction, tables=first_of(extraction.tables, self.rows))


def first_of(tables: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """The first rows of tables, and at least one table."""
    left = rows
    for table in tables:
        yield table.slice(0, left)
        left -= table.num_rows
        if left <= 0:
            return
