"""The landing: sources' rows, as they are now, each complete extraction closed by a manifest row.

Data comes from a `Source` (`build_source()` of each source type) as Arrow tables and goes, through one dlt run,
to `landing.duckdb`: one table per entity in the schema named after the source. Capture takes only what a
manifest row covers.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

import pyarrow as pa

OnProgress = Callable[[str, date, int], None]
"""Called with entity, snapshot date and the rows landed of it so far."""


class SourceError(Exception):
    """What a source cannot deliver: what, got, expected, next step. No manifest is written."""


class LandingError(Exception):
    """A landing run that failed; it names the entity and day, and nothing of the run counts."""


@dataclass(frozen=True)
class Extraction:
    """One entity as a source held it on one day: complete, or not at all.

    `tables` have source-shaped columns under landed names, and optionally the bookkeeping columns `_pl_file`
    VARCHAR, `_pl_line` BIGINT and `_pl_reject` VARCHAR (why a row is not usable). An extraction without rows
    yields one empty table, so that its columns are known. Column names in the other fields are landed names.
    """

    entity: str
    snapshot_date: date
    tables: Iterable[pa.Table]
    key: tuple[str, ...]
    required: tuple[str, ...]
    mode: str
    governed: Mapping[str, str]
    personal: tuple[str, ...] = ()
    volatile: tuple[str, ...] = ()
    deleted: str | None = None
    is_dated: bool = False


@dataclass(frozen=True)
class Days:
    """Which days of a range a source can serve, and of the others, what each lacks."""

    complete: tuple[date, ...]
    incomplete: Mapping[date, tuple[str, ...]] = field(default_factory=dict)


class Source(Protocol):
    """What `build_source()` of each source type returns."""

    @property
    def name(self) -> str:
        """The user's name for it: schema of the landing, folder of the ledger, `source` column."""

    @property
    def type(self) -> str:
        """The source type: files, demo, salesforce ..."""

    @property
    def entities(self) -> tuple[str, ...]:
        """The entities it will land."""

    def days(self, first: date, last: date) -> Days:
        """Say which days from `first` to `last`, both included, it can serve."""

    def chunks(self, days: Sequence[date]) -> Iterator[Sequence[date]]:
        """Cut days into consecutive groups of bounded size, one landing run each."""

    def extract(self, days: Sequence[date], today: date) -> dict[str, Callable[[], Iterator[Extraction]]]:
        """Prepare the extractions of `days` by entity; raise SourceError for a day that cannot be served."""


@dataclass(frozen=True)
class Landed:
    """What one landing run landed, by entity and day. `rows` includes the rejected ones."""

    source: str
    days: tuple[date, ...]
    rows: Mapping[tuple[str, date], int]
    rejected: Mapping[tuple[str, date], int]
    extraction_ids: Mapping[tuple[str, date], str]
    seconds: float
