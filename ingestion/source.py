"""What a source is: the contract between every source type, the landing, and whoever asks a source how it is.

A source type's `build_source()` returns a `Source`. `landing.land` asks it for its `Extraction`s, `pipeline` for its
days, `doctor` for its `Finding`s. Nothing here reads or writes anything, and importing it loads nothing heavy.
"""

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from ingestion.entities import Entity

if TYPE_CHECKING:
    import pyarrow as pa

RESERVED_COLUMNS = frozenset({"source", "snapshot_date", "valid_from", "valid_to", "rowid"})
"""Columns of the ledger's own and of DuckDB's; a source's column of such a name lands as `raw_<name>`."""

RESERVED_SOURCES = frozenset(
    {"carried", "landing", "warehouse", "ledger", "marts", "main", "temp", "system", "pg_catalog", "information_schema"}
)
"""Names that no source may have: of our folders, and of DuckDB's catalogs and schemas.

A source's name becomes a folder, and a schema of the landing that such a name would make ambiguous.
"""


class LandingError(Exception):
    """A landing run that failed; it names the source, entity and day, and nothing of the run counts.

    `entities` are those it is about, where it is not the source as a whole.
    """

    def __init__(self, message: str, entities: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.entities = entities


class SourceError(LandingError):
    """What a source cannot deliver: what, got, expected, next step."""


@dataclass(frozen=True)
class Dialect:
    """How a source writes values as text; what travels with a type of its own (Parquet, JSON) needs none.

    The manifest carries it to capture, which reads governed columns by it (`snapshots/dialect.py`). All other columns
    stay in the ledger as they are written; once they are mapped, staging reads them by the dialect of that day's
    settings.
    """

    decimal: str = "."
    """`.` or `,`; empty: nobody said so, and a column that leaves the size of its numbers unsure is refused."""
    thousands: str = ""
    """Empty, `.`, `,`, `'` or a blank (a no-break space counts as one).

    Beside a decimal comma, points need no mention.
    """
    date_format: str = ""
    """Empty: ISO 8601. Else DD, D, MM, M, YYYY, YY with `.`, `/` or `-` between: `DD.MM.YYYY`, `M/D/YYYY`.

    An instant carries HH:MM[:SS] [AM|PM] behind it.
    """
    currency_prefix: bool = False
    """`USD 12,000.00`, `12.000,00 EUR` and `$1,200` are amounts.

    What stands there must be the currency of the row, or the base currency where the row says none: else the amount is
    no value, and never one in the wrong currency.
    """
    parentheses: bool = False
    """`(1,200.00)` is -1,200.00, as accountants write it."""
    percent: bool = False
    """`60 %`, or `60`, is 0.6 where a rate is meant."""
    null_values: tuple[str, ...] = ()
    """Texts that mean no value: `-`, `n/a`, `NULL`."""
    time_zone: str = ""
    """Of instants without an offset; empty: the company's."""


UNSAID = Dialect(decimal="")
"""The dialect of text of which nobody said anything."""


@dataclass(frozen=True)
class Contact:
    """The personal columns, under landed names, that tell how somebody can be reached.

    The ledger keeps none of them, but what is made of them: `has_email`, `is_email_well_formed`, `email_domain` (where
    it is neither free mail nor, by the `names`, the person's own) and `has_phone`.
    """

    email: str | None = None
    phones: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Extraction:
    """One entity as a source held it on one day: complete, or not at all.

    `tables` have source-shaped columns under landed names, and optionally the bookkeeping columns `_pl_file`
    VARCHAR, `_pl_line` BIGINT and `_pl_reject` VARCHAR (why a row is not usable). An extraction without rows
    yields one empty table, so that its columns are known. Column names in the other fields are landed names, all
    of them among those columns.
    """

    entity: str
    snapshot_date: date
    tables: "Iterable[pa.Table]"
    key: tuple[str, ...]
    required: tuple[str, ...]
    mode: str
    governed: Mapping[str, str]
    personal: tuple[str, ...] = ()
    volatile: tuple[str, ...] = ()
    deleted: str | None = None
    is_dated: bool = False
    email: str | None = None  # the personal column of which the ledger keeps a digest
    ids: tuple[str, ...] = ()  # columns of ids, besides a key of one column: text, whatever they travelled as
    dialect: Dialect = Dialect()
    currency: str | None = None  # the column that says in which currency the amounts are
    notes: Mapping[str, str] = field(default_factory=dict)  # by kind, what a person is to hear; whole once it is read
    contact: Contact | None = None  # of people alone
    may_begin_empty: bool = False  # no rows on the first day are the truth, and no mistake
    headers: Mapping[str, str] = field(default_factory=dict)  # landed name -> what the source, or a mapping, calls it
    expected: Mapping[str, str] = field(default_factory=dict)  # landed name -> ours that is read there, if it is there


@dataclass(frozen=True)
class Days:
    """Which days of a range a source can serve, and of the others, what each lacks."""

    complete: tuple[date, ...]
    incomplete: Mapping[date, tuple[str, ...]] = field(default_factory=dict)


Extractions = Mapping[str, Callable[[], Iterator[Extraction]]]
"""By entity, what extracts its days one by one."""


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

    def extract(self, days: Sequence[date], today: date) -> Extractions:
        """Prepare the extractions of `days` by entity; raise SourceError for a day that cannot be served."""


Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """What a check of the set-up found, and what to do about it: one line of `pipeledger doctor`."""

    check: str
    level: Level
    message: str
    fix: str = ""


@runtime_checkable
class Checked(Protocol):
    """A source that `pipeledger doctor` can ask how it is."""

    def check(self) -> Iterator[Finding]:
        """What is well and what is not; SourceError where that cannot even be asked."""


@runtime_checkable
class Settling(Protocol):
    """A source that keeps something for its next run."""

    def settle(self) -> None:
        """Called once everything of a run has been loaded, and never for a run that broke off."""


@dataclass(frozen=True)
class RecordedHistory:
    """An entity that tells what happened to opportunities, under landed names.

    It has a row for each change of a field (`field`, `old_value`, `new_value`), or one for each moment in which
    something changed, with the `states` of several fields after it (its column -> the opportunity's). `tie` puts rows
    of one instant in order, and `condition` (SQL) says which rows count.
    """

    entity: str = "opportunity_change"
    opportunity_id: str = "opportunity_id"
    changed_at: str = "changed_at"
    field: str = "field"
    old_value: str = "old_value"
    new_value: str = "new_value"
    states: Mapping[str, str] | None = None
    tie: str | None = None
    condition: str = "true"


@dataclass(frozen=True)
class Past:
    """Where a source keeps the past of its opportunities: what `pipeledger backfill` reads of it.

    `created_at` is a column of `entity`, which holds the opportunities. A history may call a field otherwise than its
    column: `columns` says the landed column of such a field; any other lands under its own name.
    """

    histories: Sequence[RecordedHistory]
    created_at: str
    entity: str = "opportunity"
    columns: Mapping[str, str] = field(default_factory=dict)

    def column_of(self, named: str) -> str:
        """The landed column that a field of a history is about."""
        return self.columns.get(named) or self.columns.get(landed_name(named)) or landed_name(named)


def contact_of(entity: Entity, landed: Mapping[str, str]) -> Contact | None:
    """How the people of an entity can be reached, where `landed` says which column of ours landed under which name."""
    if not entity.made:
        return None
    phones, names = ((landed[name],) if name in landed else () for name in ("phone", "full_name"))
    return Contact(landed.get("email"), phones, names)


@cache
def landed_name(header: str) -> str:
    """The name under which a source's column lands: dlt's snake_case, accents removed, never a reserved one."""
    from dlt.common.normalizers.naming.snake_case import NamingConvention

    plain = "".join(c for c in unicodedata.normalize("NFKD", header) if not unicodedata.combining(c))
    name = NamingConvention().normalize_path(NamingConvention().normalize_identifier(plain))
    if name in RESERVED_COLUMNS or name.startswith("_"):
        return f"raw_{name.lstrip('_')}"
    return name
