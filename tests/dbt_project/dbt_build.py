"""Runs dbt on a cache made by hand, the way a build does: variables, environment, assembled definitions."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from ingestion.source_types import LANDED, VENDORS
from orchestration.settings.home import Home
from orchestration.steps.dbt import invoke
from tests.dbt_project.ledger_cache import Company, write

PROJECT = Path(__file__).parents[2] / "dbt_project"
# Unit tests look at the models and not at the data, and take three times as long as all of them: `test_staging` runs
# them, once.
WITHOUT_UNIT_TESTS = ("build", "--exclude-resource-type", "unit_test")
# A source of each vendor, of which nothing was captured. The tests of vendors in `tests/orchestration` have them, too:
# dbt reads the project once for them all.
IDLE_VENDORS = {f"idle_{vendor}": {"type": vendor, "columns": {}} for vendor in VENDORS}
FRAME = "source varchar, valid_from date, valid_to date, _pl_change varchar, _pl_origin varchar"


@dataclass(frozen=True)
class Result:
    """How a command of dbt went, and what dbt would have printed."""

    success: bool
    told: str


def variables(companies: Sequence[Company], **overrides: Any) -> dict[str, Any]:
    """The variables that a build passes for these companies."""
    sources = {company.source: {"type": company.source_type, "columns": dict(company.columns)} for company in companies}
    return {"sources": sources, "time_zone": "UTC", "base_currency": "USD", "fiscal_year_start_month": 1} | overrides


def assemble(folder: Path, definitions: Mapping[str, str]) -> Path:
    """A folder of definitions: the defaults, with the given files in their place."""
    shutil.copytree(PROJECT / "default_definitions", folder, dirs_exist_ok=True)
    for name, text in definitions.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


def run(
    home: Path,
    companies: list[Company],
    *,
    definitions: Mapping[str, str] | None = None,
    command: Sequence[str] = WITHOUT_UNIT_TESTS,
    **overrides: Any,
) -> Result:
    """Writes the cache into `home` and runs dbt on it. The result says how it went; nothing is raised."""
    write(home / "warehouse.duckdb", companies)
    return dbt(home, companies, definitions=definitions, command=command, **overrides)


def dbt(
    home: Path,
    companies: Sequence[Company],
    *,
    definitions: Mapping[str, str] | None = None,
    command: Sequence[str] = WITHOUT_UNIT_TESTS,
    **overrides: Any,
) -> Result:
    """Runs dbt on the warehouse that lies in `home`."""
    where = Home(home.resolve())
    assemble(where.definitions, definitions or {})
    told: list[str] = []
    result = invoke(
        where,
        json.dumps(variables(companies, **overrides)),
        ("--no-write-json", *command),
        with_unit_tests="unit_test" not in command,
        on_event=lambda event: told.append(str(event.info.msg)) if event.info.level != "debug" else None,
    )
    return Result(result.success, "\n".join([*told, str(result.exception or "")]))


def add_empty_relations(connection: duckdb.DuckDBPyConnection) -> None:
    """Gives the ledger what vendors land and it has not yet, without rows."""
    for vendor in VENDORS:
        for entity in LANDED[vendor]:
            connection.execute(f"create table if not exists ledger.{vendor}__{entity} ({FRAME})")


def read(home: Path, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query on the warehouse that lies in `home`."""
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(query).fetchall()


def findings(home: Path) -> list[str]:
    """The sentences that the tests of definitions and data left behind."""
    tables = read(
        home, "select table_name from duckdb_columns() where schema_name = 'findings' and column_name = 'finding'"
    )
    return [row[0] for (table,) in tables for row in read(home, f'select finding from findings."{table}"')]
