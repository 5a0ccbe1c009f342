"""The order of the files, and what all homes of all tests share: what dbt read of the project.

The workers take the files one by one: the longest come first. Those that wait for the same company to be built, or that
have dbt read the project for the same types of sources, do not begin together.
"""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

from orchestration.cli import OBJECTS_PER_COLLECTION
from tests.drawn import MARKS

TESTS = Path(__file__).parent
FIRST = (
    *("docs/test_drill_down.py", "oracles/coverage/test_coverage.py", "orchestration/test_hubspot_to_marts.py"),
    *("orchestration/test_cli.py", "dbt_project/test_staging.py", "docs/test_readme.py", "snapshots/test_bucket.py"),
    *("orchestration/steps/test_held.py", "orchestration/test_salesforce_to_marts.py", "snapshots/test_crash.py"),
    *("snapshots/test_casts.py", "ingestion/vendors/salesforce/test_salesforce.py", "snapshots/test_capture_oracle.py"),
    *("ingestion/vendors/stripe/test_stripe.py", "ingestion/vendors/marketo/test_marketo.py"),
    *("orchestration/test_nothing_lost.py", "orchestration/test_real_export.py", "oracles/stalls/test_stalls.py"),
    *("orchestration/test_stripe_to_marts.py", "orchestration/test_marketo_to_marts.py"),
    *("ingestion/vendors/hubspot/test_hubspot_changes.py", "orchestration/test_wheel.py", "oracles/test_reported.py"),
    *("oracles/revenue/test_retention.py", "ingestion/vendors/hubspot/test_hubspot.py", "ingestion/test_landing.py"),
    *("ingestion/vendors/hubspot/test_hubspot_faults.py", "ingestion/files/test_files.py"),
    *("dbt_project/test_spark_sql.py", "dbt_project/test_stripe_prices.py", "ingestion/demo_company/test_demo.py"),
    "benchmarks/test_compare.py",
)


def pytest_configure(config: pytest.Config) -> None:
    gc.set_threshold(OBJECTS_PER_COLLECTION)  # oracles hold millions of objects
    os.environ[MARKS] = config.option.markexpr
    os.environ["PIPELEDGER_CACHE"] = str(config.cache.mkdir("parsed")) if config.cache else ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ranks = {name: rank for rank, name in enumerate(FIRST)}
    items.sort(key=lambda item: ranks.get(item.path.relative_to(TESTS).as_posix(), len(FIRST)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end, whatever was asked for, that tests on shared data did not run."""
    skipped = terminalreporter.stats.get("skipped", [])
    count = sum("beside the project" in str(report.longrepr) for report in skipped)
    if count:
        shared = TESTS.parents[1] / "shared"
        terminalreporter.write_line(f"{count} tests did not run: their data would lie in {shared}.", yellow=True)


def clean_environment() -> dict[str, str]:
    """The environment without what says where a home lies; with what homes share."""
    return {
        name: value
        for name, value in os.environ.items()
        if name == "PIPELEDGER_CACHE" or not name.startswith(("PIPELEDGER", "DAGSTER"))
    }
