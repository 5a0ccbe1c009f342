"""The demo as README's reader has it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from printed import NOW, Reader

from ingestion import demo as demo_source

DAYS = 140  # long enough for the first day on which the demo's systems are down
SCALE = 0.3  # of the company that `make demo` builds


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """A reader who has run `make demo`, with fewer days and a smaller company."""
    reader = Reader.at(tmp_path_factory.mktemp("docs") / "demo")
    home = reader.folder / ".pipeledger-demo"
    demo_source.write_home(home, start_date=date.fromisoformat(NOW[:10]) - timedelta(days=DAYS), seed=7)
    (home / "home.json").write_text('{"format": 0, "created_by": "demo"}')
    settings = home / "pipeledger.toml"
    settings.write_text(settings.read_text().rstrip() + f"\nscale = {SCALE}\n")
    reader.type(f".venv/bin/pipeledger demo --days {DAYS}")
    return reader
