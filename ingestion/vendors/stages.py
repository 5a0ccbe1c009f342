"""The stages of deals and the steps of people as a vendor's own settings have them: proposals for a company's files.

Made by `stages()` and `lifecycle()` of the sources that can tell, written by `pipeledger init`
(`orchestration/commands/init.py`) into `stage_definitions.csv` and `pipeledger.toml`, and from then on the company's
own to change. Nothing else reads them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from ingestion.source import landed_name


@dataclass(frozen=True)
class Stage:
    """One stage of one pipeline, as deals name both; `probability` is a share, as text."""

    pipeline: str
    stage: str
    order: int
    category: Literal["open", "won", "lost"]
    probability: str = ""
    forecast_category: str = ""


@runtime_checkable
class Staged(Protocol):
    """A source that can tell its stages."""

    def stages(self) -> Sequence[Stage]:
        """All stages in their order; SourceError where they cannot be asked for."""


_STEPS = {
    "mql_at": re.compile(r"(^|_)mql(_|$)|marketing_qualified"),
    "sal_at": re.compile(r"(^|_)sal(_|$)|sales_accepted"),
    "sql_at": re.compile(r"(^|_)sql(_|$)|sales_qualified"),
}


def dated_steps(kinds: Mapping[str, str]) -> dict[str, str]:
    """The fields whose names tell when a person reached a step that metrics read: theirs -> ours.

    `kinds`: type by name. Only `datetime` and `date` count, in this order; of several names the shortest.
    """
    dated = [name for name, kind in kinds.items() if kind in ("datetime", "date")]
    found: dict[str, str] = {}
    for ours, says in _STEPS.items():
        named = [name for name in dated if says.search(landed_name(name)) and name not in found]
        for theirs in sorted(named, key=lambda name: (kinds[name] != "datetime", len(name), name))[:1]:
            found[theirs] = ours
    return found


@runtime_checkable
class Lifecycle(Protocol):
    """A source that can tell which of its fields date the steps of a person."""

    def lifecycle(self) -> Mapping[str, str]:
        """Columns of `person`: theirs -> ours; SourceError where they cannot be asked for."""
