"""A source on a simulated vendor and a home to land in: what the tests of all vendors' sources have in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import duckdb

from ingestion.carried import Carried
from ingestion.landing import land
from ingestion.secrets import Secrets


@dataclass
class Landing:
    """A simulated vendor and a home. `source` builds the source that is tested, called `name`."""

    name: ClassVar[str]

    server: Any
    home: Path
    environment: dict[str, str]
    waits: list[float] = field(default_factory=list)

    def source(self, **options: Any) -> Any:
        raise NotImplementedError

    def common(self) -> dict[str, Any]:
        """What every source is built with: the vendor's clock, and no time lost by waiting."""
        return {
            "secrets": Secrets(self.name, self.home, self.environment),
            "carried": Carried(self.home / "dlt" / "carried" / self.name),
            "clock": lambda: self.server.now,
            "sleep": self.waits.append,
        }

    def land(self, **options: Any) -> dict[str, int]:
        """Land today; the rows of each entity."""
        today = self.server.now.date()
        done = land(
            self.source(**options), [today], landing=self.home / "landing.duckdb", pipelines_dir=self.home / "dlt",
            today=today,
        )  # fmt: skip
        return {entity: rows for (entity, _), rows in done.rows.items()}

    def read(self, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.home / "landing.duckdb"), read_only=True) as connection:
            return connection.execute(query).fetchall()

    def manifest(self, entity: str) -> dict[str, Any]:
        with duckdb.connect(str(self.home / "landing.duckdb"), read_only=True) as connection:
            connection.execute(f"select * from {self.name}.manifest where entity = '{entity}'")
            row = connection.fetchone()
            assert row
            return dict(zip([column[0] for column in connection.description or []], row, strict=True))
