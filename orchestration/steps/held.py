"""A build that holds back the sources whose data break an invariant or a model, so that all others are published.

Comes from what dbt's tests found in the warehouse and what its models say, and the published file; goes to the views of
the ledger's cache, which show a held source as it was on its last published day, and to `findings.held_sources` in the
warehouse. The ledger itself stays as it is. Alone: `build_around_broken_sources(settings)` after
`build.before_build(settings)`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from orchestration.settings.settings import Settings
from orchestration.steps.build import FINDINGS, cannot_be_computed, forget_findings, refresh_intervals
from orchestration.steps.closed_months import read_note
from orchestration.steps.dbt import NodeResult, build_models
from orchestration.steps.spark import build_models_in_spark
from snapshots.digest import literal, quoted

TABLE = f"{FINDINGS}.held_sources"
OF_DATA = ("Conversion Error", "Out of Range Error", "Invalid Input Error", "Constraint Error")
"""What DuckDB calls an error that other data would not have made; memory and disk are not among them."""


@dataclass(frozen=True)
class HeldSource:
    """A source that the marts show as it was on `day` (None: not at all), and what its later data break.

    `broken` are sentences: invariants that do not hold, or, where the source `stops_models`, models that fail.
    """

    source: str
    day: date | None
    broken: tuple[str, ...]
    stops_models: bool = False

    @property
    def shown(self) -> str:
        """What the marts have of it."""
        return f"held at {self.day}" if self.day else "left out, for no day of it was published before"

    @property
    def reason(self) -> str:
        """The first thing that its data break, and how many more there are."""
        more = len(self.broken) - 1
        others = f"{more} more models cannot either." if self.stops_models else f"So say {more} more checks."
        return self.broken[0] + (f" {others}" if more else "")

    @property
    def sentence(self) -> str:
        """What a person is to know, and what to do."""
        cause = "the marts cannot be built with" if self.stops_models else "an invariant is broken by"
        wrong = "the value that is far too large, or missing," if self.stops_models else "that row"
        return (
            f"{self.source}: {self.shown}, because {cause} what was captured since. "
            f"{self.reason} The other sources are published, and the ledger keeps everything. "
            f"Correct {wrong} where {self.source} comes from, then `pipeledger run`."
        )

    @property
    def in_vain(self) -> str:
        """The same where the build failed all the same."""
        return f"{self.source}: {self.shown}, which did not help. {self.reason}"


def build_around_broken_sources(
    settings: Settings, on_node: Callable[[str], None] = lambda name: None
) -> tuple[list[NodeResult], list[HeldSource]]:
    """Build; where data break invariants or models, build again without what their sources captured since publishing.

    That goes on while sources are found that are not held yet, and one is left that is not. Gives the results of the
    last build, and what was held for it, whether that helped or not.
    """
    held: dict[str, HeldSource] = {}
    sources = captured_sources(settings)
    results = build_once(settings, on_node)
    try:
        while True:
            found = breaking_invariants(settings, results, sources - held.keys())
            found = found or stopping_models(settings, results, held, sources)
            if not found or held.keys() | found.keys() == sources:
                return results, list(held.values())
            held |= found
            show_held(settings, held)
            forget_findings(settings.home.warehouse)
            results = build_once(settings, on_node)
    finally:
        if any(result.failed for result in results) or held:
            refresh_intervals(settings)  # whoever looks next sees the whole ledger


def show_held(settings: Settings, held: Mapping[str, HeldSource]) -> None:
    """Have the cache show held sources as they were on the day of each, and all others as they are."""
    refresh_intervals(settings, last_days={name: each.day or date.min for name, each in held.items()})


def breaking_invariants(
    settings: Settings, results: Sequence[NodeResult], sources: Collection[str]
) -> dict[str, HeldSource]:
    """Those of `sources` that broken invariants name."""
    broken = broken_by_source(results, settings.home.warehouse)
    days = last_published_days(settings) if broken else {}
    return {name: HeldSource(name, days.get(name), broken[name]) for name in sorted(broken) if name in sources}


def stopping_models(
    settings: Settings, results: Sequence[NodeResult], held: Mapping[str, HeldSource], sources: Collection[str]
) -> dict[str, HeldSource]:
    """The fewest sources without whose newest days the models that failed can be computed; empty where none are.

    An error of a model says nothing of sources. So those that captured something since they were published are left
    out, beside those `held`, one more each time, the newest first, until the models can be computed; then each is taken
    in again that does no harm. Only the failed models and what they read are built. One source at least is left.
    """
    failed = {
        result.unique_id.split(".")[-1]: result.message
        for result in results
        if result.unique_id.startswith("model.") and result.failed
    }
    if not failed or not all(any(kind in message for kind in OF_DATA) for message in failed.values()):
        return {}
    broken = tuple(cannot_be_computed(name, message) for name, message in failed.items())

    def are_computed_without(found: Mapping[str, HeldSource]) -> bool:
        show_held(settings, {**held, **found})
        select = [f"+{name}" for name in failed]
        again = build_models(settings.config, settings.home, select=select, with_tests=False)
        return not any(result.failed for result in again)

    found: dict[str, HeldSource] = {}
    for name, day in newest_unpublished(settings):
        if name in sources and name not in held and held.keys() | found.keys() | {name} != sources:
            found[name] = HeldSource(name, day, broken, stops_models=True)
            if are_computed_without(found):
                break
    else:
        return {}
    for name in list(found)[:-1]:
        fewer = {other: each for other, each in found.items() if other != name}
        if are_computed_without(fewer):
            found = fewer
    return found


def newest_unpublished(settings: Settings) -> list[tuple[str, date | None]]:
    """The sources that captured something since they were published, and their last published day; the newest first."""
    published = last_published_days(settings)
    with duckdb.connect(str(settings.home.warehouse), read_only=True) as connection:
        captured = connection.execute(
            "select source, max(snapshot_date) filter (where origin = 'observed') from ledger.receipts "
            "group by source order by max(cast(captured_at as timestamp)) desc, source"
        ).fetchall()
    return [(name, published.get(name)) for name, day in captured if day is not None and published.get(name) != day]


def build_once(settings: Settings, on_node: Callable[[str], None]) -> list[NodeResult]:
    """Build all models in the engine that the settings name."""
    if settings.config.engine.target == "spark":
        return build_models_in_spark(settings.config, settings.home, on_node)
    return build_models(settings.config, settings.home, on_node)


def captured_sources(settings: Settings) -> set[str]:
    """The configured sources that the ledger has a day of."""
    with duckdb.connect(str(settings.home.warehouse), read_only=True) as connection:
        found = connection.execute("select distinct source from ledger.receipts").fetchall()
    return {name for (name,) in found} & settings.config.sources.keys()


def broken_by_source(results: Sequence[NodeResult], warehouse: Path) -> dict[str, tuple[str, ...]]:
    """What the data of each source break, as sentences; what is broken by nobody's data in particular is left out."""
    failed = {result.unique_id.split(".")[2] for result in results if result.failed}
    if not failed:
        return {}
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
