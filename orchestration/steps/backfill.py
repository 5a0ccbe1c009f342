"""Backfill: the days before the first observed one, from the source's own history.

Where that history lies says `histories.py`; how it becomes days, `snapshots/reconstruct.py`.
"""

from orchestration.settings.config import SourceConfig
from orchestration.settings.settings import Settings, code_version
from orchestration.steps.dbt import dialect_of
from orchestration.steps.histories import histories_of, past_of
from snapshots.reconstruct import Reconstructed, reconstruct


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
        dialect=dialect_of(source, "opportunity_change"),
    )
