"""Around dbt's build: its input brought up to date before it, what its tests found after it.

Comes from the ledger and the definitions; goes to the warehouse. `dag/models.py` runs dbt between the two.
"""

from datetime import date, timedelta
from pathlib import Path

import duckdb

from orchestration.settings.errors import PipeledgerError
from orchestration.settings.settings import Settings, relations
from orchestration.steps.closed_months import closed_months_changed
from orchestration.steps.dbt import assemble_definitions, dialects, remove_run_folders
from snapshots import intervals
from snapshots.digest import quoted

FINDINGS = "findings"  # schema of the warehouse


def refresh_intervals(settings: Settings, *, from_scratch: bool = False) -> None:
    """Bring the warehouse's intervals to the ledger's version."""
    if from_scratch:
        for leftover in settings.home.root.glob("warehouse.duckdb*"):
            if leftover.is_file():
                leftover.unlink()
        intervals.rebuild(settings.store, relations(), dialects(settings.config))
    else:
        intervals.refresh(settings.store, relations(), dialects(settings.config))


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
    # dbt writes the SQL that it ran for a seed of an absolute path over that very file: a retry must not read it
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


def read_findings(warehouse: Path) -> list[str]:
    """What the tests found, as sentences: at most 20 of each check."""
    if not warehouse.exists():
        return []
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        tables = connection.execute(
            "select table_name, bool_or(column_name = 'check_name') from duckdb_columns() "
            f"where schema_name = '{FINDINGS}' group by table_name "
            "having bool_or(column_name = 'finding') order by table_name"
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
