"""Where a configured source keeps the past of its opportunities, in the names under which it landed.

Vendors that keep one say so themselves (`PAST` in their `objects`); every other source may land the entity
`opportunity_change`. `snapshots/reconstruct.py` reads the histories, and knows no vendor.
"""

from importlib import import_module

from ingestion.source import Past, RecordedHistory
from ingestion.source_types import SOURCE_TYPES
from orchestration.settings.config import SourceConfig
from snapshots.reconstruct import History


def past_of(source: SourceConfig) -> Past:
    """The past of a configured source."""
    kind = SOURCE_TYPES[source.type]
    if not kind.has_past:
        return recorded_changes(source)
    past: Past = import_module(f"{kind.package}.objects").PAST
    return past


def histories_of(past: Past) -> list[History]:
    """The histories as `snapshots` reads them."""
    return [History(**vars(history)) for history in past.histories]


def recorded_changes(source: SourceConfig) -> Past:
    """The entity `opportunity_change`, under our names or those that the settings map to ours."""

    def landed(entity: str) -> dict[str, str]:
        return {ours: names[0] for ours, names in source.entity(entity).landed.items()}

    opportunity, change = landed("opportunity"), landed("opportunity_change")
    history = RecordedHistory(
        opportunity_id=change.get("opportunity_id", "opportunity_id"),
        changed_at=change.get("changed_at", "changed_at"),
        field=change.get("field", "field"),
        old_value=change.get("old_value", "old_value"),
        new_value=change.get("new_value", "new_value"),
    )
    return Past([history], opportunity.get("created_at", "created_at"), columns=opportunity)
