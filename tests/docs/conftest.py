"""The demo as its reader has it: the one that `make demo` builds, built once for all test processes."""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path

import pytest
from filelock import FileLock

from ingestion.demo_company import source as demo_source
from ingestion.demo_company.simulation import SimulatedCompany
from tests.docs.printed import NOW, Reader
from tests.drawn import drawn


def days() -> int:
    """Those of `make demo` where slow tests are asked for, which need them; else half of them."""
    return drawn(270, 540)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """A reader who has run `make demo`."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "demo"
    with FileLock(f"{folder}.lock"):
        done = folder.with_suffix(".done")
        if done.exists():
            return Reader(folder)
        reader = Reader.at(folder)
        reader.type(f".venv/bin/pipeledger demo --days {days()}")
        done.touch()
        return reader


@pytest.fixture(scope="session")
def published(demo: Reader) -> Path:
    """The demo's published file."""
    return demo.folder / ".pipeledger-demo" / "published" / "pipeline.duckdb"


@pytest.fixture(scope="session")
def company() -> SimulatedCompany:
    """The simulated company of the demo, as it stood on its last day."""
    today = date.fromisoformat(NOW[:10])
    source = demo_source.build_source("demo", start_date=today - timedelta(days=days()), time_zone="America/New_York")
    source.company.live_until(today - timedelta(days=1))
    return source.company
