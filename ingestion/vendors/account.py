"""A vendor's account as the settings describe it: what `build_source()` of every vendor is given.

Made by `orchestration` from `pipeledger.toml`, or by a test. The options that only one vendor has are arguments of its
`build_source()`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ingestion.entities import ENTITIES
from ingestion.source import SourceError
from ingestion.vendors.carried_state import CarriedStates
from ingestion.vendors.secrets import Secrets

Clock = Callable[[], datetime]
"""Now, as an aware instant."""


@dataclass(frozen=True, kw_only=True)
class VendorAccount:
    """One account of a vendor.

    `columns` (theirs -> ours), `volatile` and `personal` (theirs) are by canonical entity. `read` says by the vendor's
    entity which landed columns are read as which of ours without any settings. `client` has arguments of
    `ingestion.vendors.client.Client`, for tests.
    """

    name: str  # the user's name for the source
    time_zone: str  # of the company
    clock: Clock
    secrets: Secrets
    carried: CarriedStates
    exclude: Sequence[str] = ()  # entities that are not landed
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    volatile: Mapping[str, Sequence[str]] = field(default_factory=dict)
    personal: Mapping[str, Sequence[str]] = field(default_factory=dict)
    read: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    client: Mapping[str, Any] = field(default_factory=dict)

    def now(self) -> datetime:
        """This moment in UTC."""
        return self.clock().astimezone(UTC)

    def included(self, entities: Sequence[str]) -> tuple[str, ...]:
        """The entities but those that the settings exclude; SourceError for one that there is not."""
        if unknown := sorted(set(self.exclude) - set(entities)):
            raise SourceError(
                f"{self.name}: exclude: got {', '.join(unknown)}. Expected some of {', '.join(entities)}. Correct "
                f"[sources.{self.name}] in pipeledger.toml."
            )
        return tuple(entity for entity in entities if entity not in self.exclude)

    def ours(self, canonical: Iterable[str]) -> dict[str, str]:
        """The types of the fields that the settings map to columns of ours, by the vendor's names."""
        return {
            theirs: ENTITIES[entity].columns[column]
            for entity in canonical
            for theirs, column in self.columns.get(entity, {}).items()
        }
