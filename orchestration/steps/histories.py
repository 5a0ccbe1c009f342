"""Where each source type keeps the past of its opportunities, in the names under which it landed.

Goes to `snapshots/reconstruct.py`, which knows no vendor. Pure data, but for the settings' own names.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ingestion.landing import landed_name
from orchestration.settings.config import SourceConfig
from snapshots.reconstruct import History


@dataclass(frozen=True)
class Past:
    """What a backfill reads of a source: its histories, and the column that a field of theirs is about."""

    histories: Sequence[History]
    created_at: str
    column_of: Callable[[str], str] = landed_name
    entity: str = "opportunity"  # that holds the opportunities


def past_of(source: SourceConfig) -> Past:
    """The past of a configured source."""
    return PASTS[source.type](source) if source.type in PASTS else recorded_changes(source)


def recorded_changes(source: SourceConfig) -> Past:
    """The entity `opportunity_change`, under our names or those that the settings map to ours."""

    def landed(entity: str) -> dict[str, str]:
        options = source.entities.get(entity)
        return {ours: landed_name(theirs) for theirs, ours in options.columns.items()} if options else {}

    opportunity, change = landed("opportunity"), landed("opportunity_change")

    def column_of(named: str) -> str:
        column = landed_name(named)
        return opportunity.get(column, column)

    history = History(
        "opportunity_change",
        opportunity_id=change.get("opportunity_id", "opportunity_id"),
        changed_at=change.get("changed_at", "changed_at"),
        field=change.get("field", "field"),
        old_value=change.get("old_value", "old_value"),
        new_value=change.get("new_value", "new_value"),
    )
    return Past([history], opportunity.get("created_at", "created_at"), column_of)


def salesforce(source: SourceConfig) -> Past:
    """OpportunityHistory, which has five fields for ever, then the fields that the org tracks."""
    kept = ("stage_name", "amount", "close_date", "probability", "forecast_category")
    states = History("opportunity_history", changed_at="created_date", states={name: name for name in kept}, tie="id")
    # The change of a lookup comes twice, by names and by Ids.
    lookups = {"Owner": "005", "Account": "001", "Campaign": "701"}
    by_id = " ".join(f"when '{field}' then '{prefix}%'" for field, prefix in lookups.items())
    fields = History(
        "opportunity_field_history",
        changed_at="created_date",
        tie="id",
        condition=f"coalesce(new_value, old_value, '') like case field {by_id} else '%' end",
    )
    return Past(
        [states, fields],
        "created_date",
        lambda field: f"{landed_name(field)}_id" if field in lookups else landed_name(field),
    )


def hubspot(source: SourceConfig) -> Past:
    """The history of the deals' properties, of which HubSpot keeps the latest values."""
    history = History(
        "deal_property_history",
        opportunity_id="deal_id",
        changed_at="timestamp",
        field="name",
        old_value="previous_value",
        new_value="value",
        tie="tie",
    )
    return Past([history], "createdate", entity="deal")


PASTS: dict[str, Callable[[SourceConfig], Past]] = {"salesforce": salesforce, "hubspot": hubspot}
