"""A source on a simulated vendor and a home to land in: what the tests of all vendors' sources have in common.

dlt's run takes most of the time of a small landing, and is the same for all sources: `tests/ingestion/test_landing.py`
tests it. So what a source extracts is loaded here without it, unless a test sets `through_dlt`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pytest

from ingestion import landing
from ingestion.source import Extractions
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
    through_dlt: bool = False

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
        source, where = self.source(**options), self.home / "landing.duckdb"
        with pytest.MonkeyPatch.context() as patch:
            if not self.through_dlt:
                patch.setattr(landing, "_load", load)
                patch.setattr(landing, "_load_id", lambda: "")
            done = landing.land(source, [today], landing=where, pipelines_dir=self.home / "dlt", today=today)
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


def load(
    run: landing._Run, extractions: Extractions, connection: duckdb.DuckDBPyConnection, pipelines_dir: Path
) -> None:
    """Load all extractions and the manifest, or nothing where one of them breaks off, as dlt's run does it."""
    pipelines_dir.mkdir(parents=True, exist_ok=True)
    schema = run.source.name
    with connection.cursor() as loading:
        loading.begin()
        loading.execute(f"create schema {schema}")
        for entity, extract in extractions.items():
            for file in run.entity(entity, extract, pipelines_dir):
                add(loading, f"{schema}.{entity}", file.path)
        for file in run.vouch(pipelines_dir):
            add(loading, f"{schema}.manifest", file.path)
        loading.commit()


def add(connection: duckdb.DuckDBPyConnection, table: str, file: Path) -> None:
    """Add the rows of a file to a table, which has the columns of all of its files."""
    connection.execute(f"create table if not exists {table} as from read_parquet('{file}') limit 0")
    known = {name for name, *_ in connection.execute(f"describe {table}").fetchall()}
    for name, kind, *_ in connection.execute(f"describe from read_parquet('{file}')").fetchall():
        if name not in known:
            connection.execute(f"alter table {table} add column {name} {kind}")
    connection.execute(f"insert into {table} by name from read_parquet('{file}')")
