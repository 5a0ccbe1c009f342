"""The demo company as the oracles know one: what each entity looked like on each captured day.

A tenth of the company that `make demo` builds, over the same 540 days, with its own definitions.
"""

from __future__ import annotations

import pickle
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from filelock import FileLock

from ingestion.demo_company import source as demo
from ingestion.demo_company.home import TIME_ZONE
from ingestion.entities import ENTITIES
from tests.dbt_project.ledger_cache import Company

FIRST_DAY = date(2025, 6, 3)
DAYS = 540
SCALE = 0.1
USED = (
    "opportunity", "account", "user", "activity", "opportunity_contact_role", "forecast_submission", "subscription",
    "person", "campaign", "touch", "team_pipeline", "customer_health",
)  # fmt: skip


def demo_company(kept: Path) -> Company:
    """All captured days of it, each time in objects of its own: no test sees what another did to them.

    It is kept in the file `kept` for all test processes, because its 540 days take 15 CPU seconds.
    """
    with FileLock(f"{kept}.lock"):
        if not kept.exists():
            kept.write_bytes(pickle.dumps(_lived()))
    company: Company = pickle.loads(kept.read_bytes())  # noqa: S301 - our own
    return company


def _lived() -> Company:
    """The company after its 540 days."""
    source = demo.build_source("demo", start_date=FIRST_DAY, time_zone=TIME_ZONE, scale=SCALE)
    last_day = FIRST_DAY + timedelta(days=DAYS - 1)
    days = source.days(FIRST_DAY, last_day).complete
    states: dict[str, dict[date, dict[tuple[Any, ...], dict[str, Any]]]] = {}
    for entity, extract in source.extract(days, last_day).items():
        if entity not in USED:
            continue
        known = ENTITIES[entity]
        before: dict[tuple[Any, ...], dict[str, Any]] = {}
        states[entity] = {}
        for extraction in extract():
            rows = [row for table in extraction.tables for row in _without_zones(table).to_pylist()]
            now = {tuple(row[name] for name in extraction.key): row for row in rows}
            for key, row in now.items():  # one object for what did not change
                now[key] = before[key] if before.get(key) == row else row
            before = before | now if known.mode == "events" else now
            states[entity][extraction.snapshot_date] = before
    return Company("demo", states, "demo")


def definitions(folder: Path) -> dict[str, str]:
    """Its governed definitions, as `pipeledger demo` writes them."""
    demo.write_home(folder, start_date=FIRST_DAY, seed=7)
    return {file.stem: file.read_text() for file in sorted((folder / "definitions").glob("*.csv"))}


def _without_zones(table: pa.Table) -> pa.Table:
    """Rows with their instants as the cache of the ledger has them: in UTC, without a zone."""
    plain = [
        field.with_type(pa.timestamp(field.type.unit)) if pa.types.is_timestamp(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(plain))
