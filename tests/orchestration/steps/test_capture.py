"""Many days in several landing runs: each is landed while the one before it is captured."""

import time
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

import ingestion.files.source as files
from ingestion.source import LandingError, SourceError
from orchestration.settings.home import open_home
from orchestration.settings.settings import Settings, load_settings
from orchestration.steps.capture import land_and_capture, landings
from orchestration.steps.sources import build_source
from snapshots.receipts import read_receipts
from tests.orchestration.conftest import Desk

NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)
DAYS = [date(2026, 3, 2) + timedelta(days=number) for number in range(4)]


def settings_of(desk: Desk) -> Settings:
    settings = load_settings(desk.folder / "pipeledger.toml", {"PIPELEDGER_HOME": str(desk.home)})
    settings.home.root.mkdir(exist_ok=True)
    open_home(settings.home, settings.store.place, settings.config.company)
    return settings


@pytest.fixture
def a_run_for_each_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "CHUNK_DAYS", 1)


def drop_days(desk: Desk) -> None:
    for number, day in enumerate(DAYS):
        desk.drop_opportunities(str(day), stage=("Prospecting", "Negotiation")[number // 2])


def ledger(settings: Settings) -> list[tuple[date, int, int, str]]:
    return [(r.snapshot_date, r.upserts, r.deletes, r.fingerprint) for r in read_receipts(settings.store)]


def landed_days(file: Path) -> list[date]:
    with duckdb.connect(str(file), read_only=True) as connection:
        return [day for (day,) in connection.execute("select snapshot_date from crm.manifest").fetchall()]


def files_of(home: Path) -> set[str]:
    return {path.name for path in home.glob("landing*")}


def test_days_landed_one_by_one_are_those_that_are_landed_together(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_days(desk)
    together = settings_of(desk)
    land_and_capture(together, together.config.sources["crm"], DAYS, now=NOW)
    expected = ledger(together)
    desk.home.rename(tmp_path / "together")
    monkeypatch.setattr(files, "CHUNK_DAYS", 1)
    settings = settings_of(desk)
    done = land_and_capture(settings, settings.config.sources["crm"], DAYS, now=NOW)
    assert [day.snapshot_date for day in done.days] == DAYS
    assert {day: rows for (_, day), rows in done.landed.items()} == dict.fromkeys(DAYS, 60)
    assert ledger(settings) == expected
    assert [upserts for _, upserts, _, _ in expected] == [60, 0, 1, 0]
    assert files_of(desk.home) == {"landing.duckdb"}
    assert landed_days(settings.home.landing) == DAYS[-1:]


@pytest.mark.usefixtures("a_run_for_each_day")
def test_the_next_day_lands_while_one_is_read_and_stops_when_nobody_wants_it(desk: Desk) -> None:
    drop_days(desk)
    settings = settings_of(desk)
    source = build_source(settings.config.sources["crm"], settings)
    told: list[date] = []
    with closing(landings(settings, source, [[day] for day in DAYS], NOW, lambda text, day: told.append(day))) as runs:
        days, file, landed = next(runs)
        deadline = time.monotonic() + 60
        while DAYS[1] not in told and time.monotonic() < deadline:
            time.sleep(0.01)
        assert (days, set(landed.rows)) == ([DAYS[0]], {("opportunity", DAYS[0])})
        assert landed_days(file) == DAYS[:1]
    assert told == DAYS[:2]
    assert files_of(desk.home) <= {"landing.duckdb"}


@pytest.mark.usefixtures("a_run_for_each_day")
def test_a_day_that_cannot_be_landed_keeps_the_days_before_it(desk: Desk) -> None:
    drop_days(desk)
    desk.drop("crm", "opportunity", str(DAYS[2]), "deal_stage,close_value", ["Prospecting,1"])
    settings = settings_of(desk)
    with pytest.raises((LandingError, SourceError), match="opportunity_id"):
        land_and_capture(settings, settings.config.sources["crm"], DAYS, now=NOW)
    assert [day for day, *_ in ledger(settings)] == DAYS[:2]
    assert files_of(desk.home) == {"landing.duckdb"}


@pytest.mark.usefixtures("a_run_for_each_day")
def test_a_gate_keeps_the_days_before_it_whatever_has_landed_since(desk: Desk) -> None:
    drop_days(desk)
    desk.drop_opportunities(str(DAYS[1]), count=5)
    settings = settings_of(desk)
    done = land_and_capture(settings, settings.config.sources["crm"], DAYS, now=NOW)
    assert [(trip.gate, trip.day) for trip in done.tripped] == [("deletes", DAYS[1])]
    assert [day for day, *_ in ledger(settings)] == DAYS[:1]
    assert files_of(desk.home) <= {"landing.duckdb"}
