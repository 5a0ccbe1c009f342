"""What is in the ledger and how fresh it is: one row per source and entity.

Comes from the ledger's receipts and the notes of the last attempts; goes to `pipeledger status`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from orchestration.commands.sql import query_marts
from orchestration.settings.errors import ConfigError
from orchestration.settings.settings import Settings
from orchestration.steps.attempts import read_attempt
from orchestration.steps.held import held_in_published
from snapshots.receipts import Receipt, read_receipts

UNPRICED = (
    "select currency_code, count(*) from marts.fct_opportunity_current "
    "where is_open and amount is null and source_amount is not null group by all order by 1"
)


@dataclass(frozen=True)
class EntityStatus:
    """One entity of one source. `rows` and `rejected` are of the last day; `gaps` the days missing since the first.

    `held` says why the published marts hold its source back.
    """

    source: str
    entity: str
    first_day: str | None
    last_day: str | None
    days: int
    gaps: int
    rows: int
    rejected: int
    days_behind: int | None
    freshness: str
    last_run_at: str | None
    last_outcome: str | None
    message: str | None
    held: str | None


def read_status(settings: Settings, today: date) -> list[EntityStatus]:
    """The state of everything that was captured, and of every enabled source that was not yet."""
    by_entity: dict[tuple[str, str], dict[date, Receipt]] = {}
    for receipt in read_receipts(settings.store):
        if not receipt.is_reconstructed:
            by_entity.setdefault((receipt.source, receipt.entity), {})[receipt.snapshot_date] = receipt
    for source in settings.config.enabled:
        if not any(name == source.name for name, _ in by_entity):
            by_entity[(source.name, "")] = {}
    held = held_in_published(settings)
    return [
        entity_status(settings, source, entity, days, today, held.get(source))
        for (source, entity), days in sorted(by_entity.items())
    ]


def without_a_rate(settings: Settings) -> str | None:
    """Which open opportunities are in no sum, because their currency has no rate; None where there are none."""
    if not settings.home.published.exists():
        return None
    try:
        rows = query_marts(settings.home.published, UNPRICED, is_ours=True)[1]
    except ConfigError as error:  # the ledger's state is told all the same
        return str(error)
    return f"open opportunities in a currency without a rate: {counted(rows)}. See fx_rates.csv." if rows else None


def counted(rows: Sequence[Sequence[object]]) -> str:
    """Currencies and how many are in each: `CHF (1), GBP (12)`."""
    return ", ".join(f"{currency} ({count:,})" for currency, count in rows)


def entity_status(
    settings: Settings, source: str, entity: str, receipts: dict[date, Receipt], today: date, held: str | None
) -> EntityStatus:
    """How far one entity of a source is captured, by the receipts of its days."""
    note = read_attempt(settings.home.attempts, source) or {}
    configured = settings.config.sources.get(source)
    due = (configured.as_of if configured else None) or today
    first, last = (min(receipts), max(receipts)) if receipts else (None, None)
    behind = (due - last).days if last else None
    span = (last - first).days + 1 if first and last else 0
    return EntityStatus(
        source=source,
        entity=entity,
        first_day=first.isoformat() if first else None,
        last_day=last.isoformat() if last else None,
        days=len(receipts),
        gaps=span - len(receipts),
        rows=receipts[last].live_rows if last else 0,
        rejected=receipts[last].rejected if last else 0,
        days_behind=behind,
        freshness=freshness(behind, is_configured=configured is not None and configured.is_enabled),
        last_run_at=note.get("ended_at"),
        last_outcome=note.get("outcome"),
        message=note.get("message"),
        held=held,
    )


def freshness(behind: int | None, *, is_configured: bool) -> str:
    """In words, how far the last captured day lies behind the day that is due."""
    if not is_configured:
        return "not enabled"
    if behind is None:
        return "never captured"
    if behind <= 0:
        return "up to date"
    return "1 day behind" if behind == 1 else f"{behind} days behind"
