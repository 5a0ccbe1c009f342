"""Around dbt's build: its input brought up to date before it, what its tests found after it.

Comes from the ledger and the definitions; goes to the warehouse. `dag/models.py` runs dbt between the two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from orchestration.settings.errors import PipeledgerError
from orchestration.settings.home import Home
from orchestration.settings.lock import current_holder
from orchestration.settings.settings import Settings, relations
from orchestration.steps.closed_months import closed_months_changed
from orchestration.steps.dbt import (
    NodeResult,
    assemble_definitions,
    build_models,
    dialects,
    prepare,
    remove_run_folders,
)
from snapshots import intervals
from snapshots.digest import quoted

FINDINGS = "findings"  # schema of the warehouse
DEFINITIONS = ("resource_type:seed", "path:models/staging/definitions", "path:tests/definitions")


def refresh_intervals(
    settings: Settings, *, from_scratch: bool = False, last_days: Mapping[str, date] | None = None
) -> None:
    """Bring the warehouse's intervals to the ledger's version; those in `last_days` are shown up to that day."""
    if from_scratch:
        for leftover in settings.home.root.glob("warehouse.duckdb*"):
            if leftover.is_file():
                leftover.unlink()
        intervals.rebuild(settings.store, relations(), dialects(settings.config))
    else:
        intervals.refresh(settings.store, relations(), dialects(settings.config), last_days)


class NothingCapturedError(PipeledgerError):
    """The ledger is empty, so there is nothing to build."""


def captured_days(settings: Settings, source: str | None = None) -> list[date]:
    """The observed days of one source, or of all, in order."""
    if not settings.home.warehouse.exists():
        return []
    with duckdb.connect(str(settings.home.warehouse), read_only=True) as connection:
        rows = connection.execute(
            "select distinct snapshot_date from ledger.receipts "
            "where origin = 'observed' and source = coalesce(?, source) order by 1",
            [source],
        ).fetchall()
    return [day for (day,) in rows]


def missing_days(settings: Settings, source: str) -> list[date]:
    """The gaps of one source: days between its first and last captured one."""
    days = captured_days(settings, source)
    span = (days[-1] - days[0]).days if days else 0
    return sorted({days[0] + timedelta(days=number) for number in range(span)} - set(days))


def before_build(settings: Settings) -> None:
    """Bring definitions and intervals up to date; NothingCapturedError where the ledger is empty."""
    assemble_definitions(settings.config.company.definitions, settings.home.definitions)
    refresh_intervals(settings)
    if not captured_days(settings):
        raise NothingCapturedError(
            f"{settings.store.ledger}: no day captured yet, at least one expected. Nothing was built. "
            "Run `pipeledger doctor`, then `pipeledger run`."
        )
    forget_findings(settings.home.warehouse)


def after_build(settings: Settings, *, is_whole: bool) -> list[str]:
    """Tidy up after dbt; return what its tests found in the data, as sentences.

    Months are compared with those published where the build is whole: nothing failed, so all marts are of one day.
    """
    remove_run_folders(settings.home)
    if is_whole:
        keep_finding(settings.home.warehouse, "closed_months_changed", closed_months_changed(settings))
    return read_findings(settings.home.warehouse)


def failures(results: Sequence[NodeResult], warehouse: Path) -> list[str]:
    """Why a build must not be published, as sentences: what its tests found, and what its models say."""
    said: dict[str, None] = {}
    for result in results:
        if result.failed:
            name = result.unique_id.split(".")[-1]
            found = read_findings(warehouse, of=name) if result.unique_id.startswith("test.") else []
            is_model = result.unique_id.startswith("model.")
            why = cannot_be_computed(name, result.message) if is_model else f"{name}: {in_one_line(result.message)}"
            said |= dict.fromkeys(found or [why])
    return list(said)


def cannot_be_computed(model: str, message: str) -> str:
    """What is said of a model that dbt could not build."""
    return f"The model {model} cannot be computed: {in_one_line(message).rstrip('.')}."


def in_one_line(message: str) -> str:
    """dbt's message without the place in our own project and in its SQL, which tells the reader nothing."""
    lines = [
        line.strip()
        for line in message.splitlines()
        if line.strip(" ^") and "compiled code at" not in line and not line.strip().startswith("LINE ")
    ]
    return " ".join(lines[1:] if len(lines) > 1 and " Error in " in lines[0] else lines)[:1000]


def definition_problems(settings: Settings) -> list[str]:
    """What a build would refuse in the definitions, found by building them alone, in a temporary folder.

    The project parsed for the home is used where there is one and nobody builds in it now; else parsing takes a while.
    """
    with TemporaryDirectory(prefix="pipeledger-") as folder:
        scratch = Settings(replace(settings.config, ledger=None), Home(Path(folder) / "home"))
        scratch.home.root.mkdir()
        is_free = settings.home.root.is_dir() and current_holder(settings.home) is None
        parsed = settings.home if is_free else scratch.home
        prepare(settings.config, parsed)
        refresh_intervals(scratch)
        warehouse = scratch.home.warehouse
        return failures(build_models(settings.config, parsed, select=DEFINITIONS, warehouse=warehouse), warehouse)


def read_findings(warehouse: Path, of: str | None = None) -> list[str]:
    """What the tests found, or the one called `of`, as sentences: at most 20 of each check."""
    if not warehouse.exists():
        return []
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        tables = connection.execute(
            "select table_name, bool_or(column_name = 'check_name') from duckdb_columns() "
            f"where schema_name = '{FINDINGS}' and table_name = coalesce(?, table_name) group by table_name "
            "having bool_or(column_name = 'finding') order by table_name",
            [of],
        ).fetchall()
        return [
            str(finding)
            for table, has_checks in tables
            for (finding,) in connection.execute(
                f"select finding from {FINDINGS}.{quoted(table)} qualify "
                f"row_number() over (partition by {'check_name' if has_checks else 'true'} order by finding) <= 20 "
                f"order by {'check_name, ' if has_checks else ''}finding"
            ).fetchall()
        ]


def keep_finding(warehouse: Path, check: str, sentences: list[str]) -> None:
    """Put what a check outside of dbt found where dbt's tests put theirs."""
    if sentences:
        with duckdb.connect(str(warehouse)) as connection:
            connection.execute(f"create schema if not exists {FINDINGS}")
            connection.execute(f"create table {FINDINGS}.{quoted(check)} (finding varchar)")
            connection.executemany(f"insert into {FINDINGS}.{quoted(check)} values (?)", [[each] for each in sentences])


def forget_findings(warehouse: Path) -> None:
    """Drop what the tests of an earlier build found: one that is not asked any more would be shown for ever."""
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(f"drop schema if exists {FINDINGS} cascade")


def forget_removed(warehouse: Path, manifest: Mapping[str, Any]) -> list[str]:
    """Drop tables and views that the project no longer has, in its own schemas alone; return their names.

    A model that was renamed or removed is not built again, and what it left would look like a current one.
    """
    nodes = [node for node in manifest["nodes"].values() if node["resource_type"] in {"model", "seed"}]
    kept = {(node["schema"], node["alias"]) for node in nodes if node["config"]["materialized"] != "ephemeral"}
    schemas = sorted({schema for schema, _ in kept})
    with duckdb.connect(str(warehouse)) as connection:
        found = connection.execute(
            "select schema_name, table_name, 'table' from duckdb_tables() "
            "where database_name = current_database() and list_contains($schemas, schema_name) "
            "union all select schema_name, view_name, 'view' from duckdb_views() "
            "where database_name = current_database() and not internal and list_contains($schemas, schema_name) "
            "order by all",
            {"schemas": schemas},
        ).fetchall()
        removed = [each for each in found if each[:2] not in kept]
        for schema, name, kind in removed:
            connection.execute(f"drop {kind} {quoted(schema)}.{quoted(name)}")
    return [f"{schema}.{name}" for schema, name, _ in removed]
