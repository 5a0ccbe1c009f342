"""A small company on files: two sources with dated drops, and a command line to drive it."""

import json
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import duckdb
import pytest
from filelock import FileLock

from orchestration.settings.home import open_home
from orchestration.settings.settings import Settings, load_settings
from orchestration.steps.backfill import backfill
from orchestration.steps.build import before_build
from orchestration.steps.capture import land_and_capture
from orchestration.steps.dbt import build_models, prepare
from tests import forked
from tests.conftest import clean_environment

TOML = """
[company]
time_zone = "America/New_York"
fiscal_year_start_month = 2
definitions = "definitions"

[sources.crm]
type = "files"
path = "exports/crm"

[sources.crm.entities.opportunity]
columns = { deal_stage = "stage", close_value = "amount" }

[sources.billing]
type = "files"
path = "exports/billing"
"""
# A company that has left each vendor once. For each set of types dbt reads the project anew, in a dozen CPU seconds:
# with these, the tests of all vendors have one set.
SWITCHED_OFF = """
[sources.off_salesforce]
type = "salesforce"
instance_url = "https://salesforce.invalid"
enabled = false

[sources.off_hubspot]
type = "hubspot"
base_url = "https://hubspot.invalid"
enabled = false

[sources.off_marketo]
type = "marketo"
base_url = "https://marketo.invalid"
enabled = false

[sources.off_stripe]
type = "stripe"
base_url = "https://stripe.invalid"
enabled = false
"""
NEXT_DAY = "2026-03-05"
STAGE_COLUMNS = (
    "source,pipeline,stage,canonical_stage,stage_order,stage_category,probability,forecast_category,exit_criteria,"
    "valid_from,owner,definition"
)
STAGES = f"""{STAGE_COLUMNS}
*,default,Prospecting,,1,open,0.1,pipeline,,,,
*,default,Negotiation,,2,open,0.6,best_case,,,,
*,default,Closed Won,,3,won,1,closed,,,,
*,default,Closed Lost,,4,lost,0,omitted,,,,
"""


@dataclass(frozen=True)
class Result:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Desk:
    """A folder with exports and settings, as an analyst has it."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / ".pipeledger"

    def run(self, *arguments: str, env: dict[str, str] | None = None) -> Result:
        """Run `pipeledger` here."""
        return Result(*forked.run(arguments, self.folder, {**clean_environment(), **(env or {})}))

    def capture(self, now: datetime, secrets: Mapping[str, str], accept: Collection[str] = ()) -> None:
        """The day of all sources, as the daily run does it before it builds; raises what made it fail."""
        with self.settings(now, secrets) as settings:
            settings.home.root.mkdir(exist_ok=True)
            open_home(settings.home, settings.store.place, settings.config.company)
            day = now.astimezone(ZoneInfo(settings.config.company.time_zone)).date()
            for source in settings.config.enabled:
                done = land_and_capture(settings, source, [day], now=now, accept=accept)
                assert done.lost == [], done

    def view(self, now: datetime, secrets: Mapping[str, str], backfilled: str = "") -> None:
        """Have the views of staging show what was captured, and was before it in one source, without building marts."""
        with self.settings(now, secrets) as settings:
            if backfilled:
                backfill(settings, settings.config.sources[backfilled])
            before_build(settings)
            prepare(settings.config, settings.home)
            built = build_models(settings.config, settings.home, select=["+staging"], with_tests=False)
            assert [node for node in built if node.failed] == []

    @contextmanager
    def settings(self, now: datetime, secrets: Mapping[str, str]) -> Iterator[Settings]:
        """What is in force here, in the environment of a command."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {"PIPELEDGER_NOW": now.isoformat(), **secrets}.items():
                patch.setenv(name, value)
            yield load_settings(self.folder / "pipeledger.toml", {"PIPELEDGER_HOME": str(self.home)})

    def rows(self, query: str) -> list[dict[str, Any]]:
        """The answer of the published marts."""
        result = self.run("sql", query, "--json")
        assert result.code == 0, result.err
        return list(result.json)

    def drop(self, source: str, entity: str, day: str, header: str, lines: Sequence[str]) -> None:
        """Put one dated file where the source finds it."""
        file = self.folder / "exports" / source / entity / f"{day}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join([header, *lines]) + "\n")

    def drop_opportunities(self, day: str, stage: str = "Prospecting", count: int = 60) -> None:
        """A CRM export of one day."""
        header = "opportunity_id,account_id,deal_stage,close_value,close_date,created_at,owner_id"
        lines = [
            f"o{number},a{number % 3},{'Prospecting' if number else stage},{100 + number}.50,2026-09-30,2026-02-01,u1"
            for number in range(count)
        ]
        self.drop("crm", "opportunity", day, header, lines)

    def drop_subscriptions(self, day: str) -> None:
        """A billing export of one day."""
        header = "subscription_id,customer_id,status,started_at,amount,interval,interval_count,quantity,currency_code"
        self.drop("billing", "subscription", day, header, ["s1,c1,active,2026-01-01,100.00,month,1,1,USD"])


@dataclass(frozen=True)
class Step:
    """A desk as a command left it, and what the command said."""

    desk: Desk
    result: Result


@dataclass(frozen=True)
class OnVendor:
    """A simulated vendor, and the command line at its time and with its secrets."""

    secrets: ClassVar[Mapping[str, str]]

    server: Any
    desk: Desk

    def run(self, *arguments: str) -> Result:
        return self.desk.run(*arguments, env={"PIPELEDGER_NOW": self.server.now.isoformat(), **self.secrets})

    def capture(self, accept: Collection[str] = ()) -> None:
        self.desk.capture(self.server.now, self.secrets, accept)

    def view(self, backfilled: str = "") -> None:
        self.desk.view(self.server.now, self.secrets, backfilled)

    def read(self, query: str, file: str = "warehouse.duckdb") -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.desk.home / file), read_only=True) as connection:
            return connection.execute(query).fetchall()


def new_desk(folder: Path) -> Desk:
    """A desk with settings and stages, and no exports yet."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pipeledger.toml").write_text(TOML)
    (folder / "definitions").mkdir()
    (folder / "definitions" / "stage_definitions.csv").write_text(STAGES)
    return Desk(folder)


def copied(desk: Desk, folder: Path) -> Desk:
    """The same desk, to go on from."""
    shutil.copytree(desk.folder, folder)
    return Desk(folder)


def taken_once(factory: pytest.TempPathFactory, name: str, take: Callable[[Path], Step]) -> Step:
    """A step that `take` takes in a folder, unless another test process already has; to be copied."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    told = folder.with_suffix(".json")
    with FileLock(f"{folder}.lock"):
        if not told.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a process in which it failed
            taken = take(folder)
            assert taken.result.code == 0, taken.result.err
            told.write_text(json.dumps(asdict(taken.result)))
    return Step(Desk(folder), Result(**json.loads(told.read_text())))


@pytest.fixture(scope="session")
def first_days(tmp_path_factory: pytest.TempPathFactory) -> Step:
    """A company whose first four days, up to 4 March 2026, are published, one of them without opportunities."""

    def take(folder: Path) -> Step:
        company = new_desk(folder)
        for day in ("2026-03-01", "2026-03-02", "2026-03-04"):
            company.drop_opportunities(day)
        for day in ("2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04"):
            company.drop_subscriptions(day)
        return Step(company, company.run("run", "--from", "2026-03-01", "--to", "2026-03-04", "--json"))

    return taken_once(tmp_path_factory, "first-days", take)


def with_next_day(first_days: Step, folder: Path) -> Desk:
    """A copy with the exports of the day after these."""
    company = copied(first_days.desk, folder)
    company.drop_opportunities(NEXT_DAY, "Negotiation")
    company.drop_subscriptions(NEXT_DAY)
    return company


@pytest.fixture(scope="session")
def next_day(first_days: Step, tmp_path_factory: pytest.TempPathFactory) -> Step:
    """The same company, whose next day is published, too."""

    def take(folder: Path) -> Step:
        company = with_next_day(first_days, folder)
        return Step(company, company.run("run", "--date", NEXT_DAY))

    return taken_once(tmp_path_factory, "next-day", take)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return new_desk(tmp_path / "Zoë & Co. (#1)")
