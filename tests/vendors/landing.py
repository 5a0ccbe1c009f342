"""A source on a simulated vendor and a home to land in: what the tests of all vendors' sources have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import duckdb

from ingestion.landing import land
from ingestion.source_types import LANDED
from ingestion.vendors.account import VendorAccount
from ingestion.vendors.carried_state import CarriedStates
from ingestion.vendors.client import Patience
from ingestion.vendors.secrets import Secrets

OF_THE_ACCOUNT = ("exclude", "columns", "volatile", "personal", "read")


@dataclass
class Landing:
    """A simulated vendor and a home. `source` builds the source that is tested, called `name`.

    A test that looks at few of the vendor's objects names them as `only`: each takes a twentieth of a second to land.
    """

    name: ClassVar[str]
    vendor: ClassVar[str]
    time_zone: ClassVar[str] = "America/New_York"

    server: Any
    home: Path
    environment: dict[str, str]
    waits: list[float] = field(default_factory=list)
    only: tuple[str, ...] = ()

    def source(self, **options: Any) -> Any:
        raise NotImplementedError

    def build(self, build_source: Callable[..., Any], patience: Patience | None = None, **options: Any) -> Any:
        """The source at the vendor's clock, which waits for nothing. What is the account's of `options` goes there."""
        if self.only:
            options = {"exclude": [each for each in LANDED[self.vendor] if each not in self.only]} | options
        account = VendorAccount(
            name=self.name,
            time_zone=self.time_zone,
            clock=lambda: self.server.now,
            secrets=Secrets(self.name, self.home, self.environment),
            carried=CarriedStates(self.home / "dlt" / "carried" / self.name),
            client={"sleep": self.waits.append, "patience": patience},
            **{name: options.pop(name) for name in OF_THE_ACCOUNT if name in options},
        )
        return build_source(account, **options)

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
