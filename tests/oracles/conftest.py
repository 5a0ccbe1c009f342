"""What every oracle is held against: the marts of many companies, built once for all test processes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from filelock import FileLock

from tests.dbt_project import dbt_build
from tests.dbt_project.ledger_cache import Company
from tests.oracles import demo_company
from tests.oracles.coverage.random_coverage import long_companies, long_definitions
from tests.oracles.random_companies import DEFINITIONS, companies

COUNT = 200
SETTINGS: dict[str, Any] = {"time_zone": "America/New_York", "base_currency": "USD", "fiscal_year_start_month": 2}


@dataclass(frozen=True)
class Built:
    """The companies, the settings and definitions they were built with, and the warehouse that came of it."""

    companies: list[Company]
    definitions: dict[str, str]
    settings: dict[str, Any]
    home: Path

    def rows(self, query: str) -> list[dict[str, Any]]:
        """The rows of a query on the warehouse, by column name."""
        with duckdb.connect(str(self.home / "warehouse.duckdb"), read_only=True) as connection:
            cursor = connection.execute(query)
            names = [column[0] for column in cursor.description or []]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def build_once(
    home: Path,
    many: list[Company],
    definitions: dict[str, str],
    settings: dict[str, Any],
    command: tuple[str, ...] = dbt_build.WITHOUT_UNIT_TESTS,
) -> Built:
    """Builds the marts of `many` in `home`, unless another test process already has."""
    with FileLock(str(home) + ".lock"):
        done = home / "done"
        if not done.exists():
            home.mkdir(exist_ok=True)
            result = dbt_build.run(home, many, definitions=definitions, command=command, **settings)
            assert result.success, result.told[-4000:]
            done.touch()
    return Built(many, definitions, settings, home)


def build_long(factory: pytest.TempPathFactory, is_calendar: bool) -> Built:
    """Companies of three years, in fiscal quarters by the start month or by a calendar of their own."""
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    name = "three-years-by-calendar" if is_calendar else "three-years-by-month"
    return build_once(shared / name, long_companies(3 + is_calendar, 6), long_definitions(is_calendar), SETTINGS)


@pytest.fixture(scope="session")
def three_years(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Companies of three years, whose past quarters are over."""
    return build_long(tmp_path_factory, is_calendar=False)


# The demo is slow, because random companies meet every case of a mart, and `tests/docs` asks the demo's marts every
# time: what lies behind each number, the page, and what was planted.
@pytest.fixture(
    scope="session",
    params=[1, pytest.param("demo", marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)],
)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """200 random companies as sources of one build; or the demo company."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    home = shared / f"companies-{request.param}"
    if request.param == "demo":
        definitions = demo_company.definitions(tmp_path_factory.mktemp("definitions"))
        company = demo_company.demo_company(shared / "demo-company.pickle")
        return build_once(home, [company], definitions, SETTINGS)
    return build_once(home, companies(request.param, COUNT), dict(DEFINITIONS), SETTINGS)
