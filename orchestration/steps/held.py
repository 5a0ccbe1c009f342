"""A build that holds back the sources whose data break an invariant, so that all others are published.

Comes from what dbt's tests found in the warehouse, and the published file; goes to the views of the ledger's cache,
which show a held source as it was on its last published day, and to `findings.held_sources` in the warehouse. The
ledger itself stays as it is. Alone: `build_around_broken_sources(settings)` after `build.before_build(settings)`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from orchestration.settings.settings import Settings
from orchestration.steps.build import FINDINGS, forget_findings, refresh_intervals
from orchestration.steps.closed_months import read_note
from orchestration.steps.dbt import NodeResult, build_models
from orchestration.steps.spark import build_models_in_spark
from snapshots.digest import literal, quoted

TABLE = f"{FINDINGS}.held_sources"


@dataclass(frozen=True)
class HeldSource:
    """A source that the marts show as it was on `day` (None: not at all), and what its later data break."""

    source: str
    day: date | None
    broken: tuple[str, ...]

    @property
    def shown(self) -> str:
        """What the marts have of it."""
        return f"held at {self.day}" if self.day else "left out, for no day of it was published before"

    @property
    def reason(self) -> str:
        """The first invariant that its data break, and how many more there are."""
        more = len(self.broken) - 1
        return self.broken[0] + (f" So say {more} more checks." if more else "")

    @property
    def sentence(self) -> str:
        """What a person is to know, and what to do."""
        return (
            f"{self.source}: {self.shown}, because what was captured since breaks an invariant. "
            f"{self.reason} The other sources are published, and the ledger keeps everything. "
            f"Correct that row where {self.source} comes from, then `pipeledger run`."
        )

    @property
    def in_vain(self) -> str:
        """The same where the build failed all the same."""
        return f"{self.source}: {self.shown}, which did not help. {self.reason}"


def build_around_broken_sources(
    settings: Settings, on_node: Callable[[str], None] = lambda name: None
) -> tuple[list[NodeResult], list[HeldSource]]:
    """Build; where broken invariants name their sources, build again without what these captured since publishing.

    That goes on while sources are named that are not held yet, and one is left that is not. Gives the results of the
    last build, and what was held for it, whether that helped or not.
    """
    held: dict[str, HeldSource] = {}
    sources = captured_sources(settings)
    build_all = build_models_in_spark if settings.config.engine.target == "spark" else build_models
    results = build_all(settings.config, settings.home, on_node)
    try:
        while True:
            broken = broken_by_source(results, settings.home.warehouse)
            named = {name: broken[name] for name in sorted(broken) if name in sources and name not in held}
            if not named or held.keys() | named.keys() == sources:
                return results, list(held.values())
            days = last_published_days(settings)
            held |= {name: HeldSource(name, days.get(name), broken) for name, broken in named.items()}
            refresh_intervals(settings, last_days={name: each.day or date.min for name, each in held.items()})
            forget_findings(settings.home.warehouse)
            results = build_all(settings.config, settings.home, on_node)
    finally:
        if held:
            refresh_intervals(settings)  # whoever looks next sees the whole ledger


def captured_sources(settings: Settings) -> set[str]:
    """The configured sources that the ledger has a day of."""
    with duckdb.connect(str(settings.home.warehouse), read_only=True) as connection:
        found = connection.execute("select distinct source from ledger.receipts").fetchall()
    return {name for (name,) in found} & settings.config.sources.keys()


def broken_by_source(results: Sequence[NodeResult], warehouse: Path) -> dict[str, tuple[str, ...]]:
    """What the data of each source break, as sentences; what is broken by nobody's data in particular is left out."""
    failed = {result.unique_id.split(".")[2] for result in results if result.failed}
    found: dict[str, dict[str, None]] = {}
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        tables = connection.execute(
            f"select table_name from duckdb_columns() where schema_name = '{FINDINGS}' and column_name = 'source'"
        ).fetchall()
        for table in sorted({name for (name,) in tables} & failed):
            rows = connection.execute(
                f"select source, finding from {FINDINGS}.{quoted(table)} where source is not null order by all"
            ).fetchall()
            for source, sentence in rows:
                found.setdefault(source, {})[sentence] = None
    return {source: tuple(sentences) for source, sentences in found.items()}


def last_published_days(settings: Settings) -> dict[str, date]:
    """The newest day of each source that is published as the ledger has it now: not captured anew since."""
    if not settings.home.published.exists():
        return {}
    with duckdb.connect() as connection:
        for name, path in (("published", settings.home.published), ("warehouse", settings.home.warehouse)):
            connection.execute(f"attach {literal(str(path))} as {name} (read_only)")
        return dict(
            connection.execute(
                """
                select source, max(snapshot_date)
                from (
                    select source, snapshot_date, max(captured_at) as captured_at
                    from published.marts.dim_snapshot where status = 'observed' group by all
                )
                join (
                    select source, snapshot_date, max(cast(captured_at as timestamp)) as captured_at
                    from warehouse.ledger.receipts where origin = 'observed' group by all
                ) using (source, snapshot_date, captured_at)
                group by source
                """
            ).fetchall()
        )


def keep_held(warehouse: Path, held: Sequence[HeldSource]) -> None:
    """Note in the warehouse what its marts hold back; the sentences are findings like those of the tests."""
    if held:
        with duckdb.connect(str(warehouse)) as connection:
            connection.execute(f"create schema if not exists {FINDINGS}")
            connection.execute(f"create table {TABLE} (source varchar, day date, finding varchar)")
            rows = [[each.source, each.day, each.sentence] for each in held]
            connection.executemany(f"insert into {TABLE} values (?, ?, ?)", rows)


def held_in_published(settings: Settings) -> dict[str, str]:
    """The sources that the published file holds back, and the sentence on each."""
    return dict(read_note(settings).get("held", {}))


def read_held(warehouse: Path) -> dict[str, str]:
    """The sources that the marts of the warehouse hold back, and the sentence on each."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        try:
            return dict(connection.execute(f"select source, finding from {TABLE} order by source").fetchall())
        except duckdb.CatalogException:  # none is
            return {}
