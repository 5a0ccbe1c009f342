"""The stages of deals as a vendor's own settings have them: a proposal for `stage_definitions.csv`.

Made by `stages()` of the sources that can tell, written by `pipeledger init` (`orchestration/starter.py`), and from
then on the company's own to change. Nothing else reads them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable


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
