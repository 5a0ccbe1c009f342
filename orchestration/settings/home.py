"""The home: where everything that is not code lies, and what it was made for.

PIPELEDGER_HOME (default `./.pipeledger`) is the root. `home.json` says the format, time zone and base currency, so that
a newer format, another time zone or another currency is refused before it mixes two meanings in one ledger.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestration.settings.config import Company
from orchestration.settings.errors import HomeError
from snapshots.bucket import Bucket
from snapshots.place import LocalPlace, Place
from snapshots.store import Store

FORMAT = 1
MARKER = "home.json"
"""Format version, time zone, base currency."""
DEFAULT_HOME = ".pipeledger"
DEMO_HOME = ".pipeledger-demo"
NOT_IN_A_PATH = re.compile(r"['%=?|^\[\]\\\x00-\x1f]")
"""What dlt (`'`, `%`), Delta (brackets, `|`, `^`, a backslash, control characters) or DuckDB (`?`, `=`) fails at."""


@dataclass(frozen=True)
class Home:
    """The paths of one home; `root` is absolute."""

    root: Path

    @property
    def landing(self) -> Path:
        """dlt's landing; disposable."""
        return self.root / "landing.duckdb"

    @property
    def warehouse(self) -> Path:
        """Intervals and dbt's models; disposable, one writer."""
        return self.root / "warehouse.duckdb"

    @property
    def published(self) -> Path:
        """The file that people and BI tools open."""
        return self.root / "published" / "pipeline.duckdb"

    @property
    def report(self) -> Path:
        """The page that says whether the quarter is safe, for a browser."""
        return self.published.with_name("report.html")

    @property
    def definitions(self) -> Path:
        """The assembled governed definitions, which dbt reads as seeds."""
        return self.root / "definitions_assembled"

    @property
    def dagster(self) -> Path:
        """DAGSTER_HOME: runs, events and schedules."""
        return self.root / "dagster"

    @property
    def dlt(self) -> Path:
        """dlt's pipelines_dir."""
        return self.root / "dlt"

    @property
    def dbt(self) -> Path:
        """dbt's target and logs."""
        return self.root / "dbt"

    @property
    def spark(self) -> Path:
        """What a build in Spark works with; disposable."""
        return self.root / "spark"

    @property
    def attempts(self) -> Path:
        """What each source's last attempt came to; one small JSON file per source."""
        return self.root / "attempts"

    @property
    def alerts(self) -> Path:
        """What the operator was told; disposable."""
        return self.root / "alerts.json"

    @property
    def lock(self) -> Path:
        """The lock file, which names its holder."""
        return self.root / "lock"

    @property
    def buckets(self) -> Path:
        """What is at hand of a ledger in a bucket, a folder for each; disposable."""
        return self.root / "bucket"

    def place(self, url: str | None) -> Place:
        """Where all lies that cannot be made anew: the bucket that a URL names, else the home itself."""
        if url is None:
            return LocalPlace(self.root)
        return Bucket(url, self.buckets / hashlib.sha256(url.rstrip("/").encode()).hexdigest()[:12])

    def store(self, company: Company, ledger: str | None = None) -> Store:
        """The paths that `snapshots` works with; `ledger` is the URL of a bucket, where it lies in one."""
        return Store(
            place=self.place(ledger),
            landing=self.landing,
            warehouse=self.warehouse,
            time_zone=company.time_zone,
            base_currency=company.base_currency,
        )


def find_home(env: Mapping[str, str], cwd: Path, default: str = DEFAULT_HOME) -> Home:
    """The home in force; it need not exist. HomeError where its path has a character that a library cannot take."""
    root = (cwd / (env.get("PIPELEDGER_HOME") or default)).resolve()
    if refused := sorted(set(NOT_IN_A_PATH.findall(str(root)))):
        raise HomeError(
            f"{str(root)!r}: got a home with {' and '.join(map(repr, refused))} in its path, which dlt, Delta or "
            "DuckDB cannot write to. Nothing was touched. Rename the folder, or set PIPELEDGER_HOME to another one."
        )
    return Home(root)


def read_marker(place: Place) -> dict[str, Any] | None:
    """home.json, or None where the home was not made yet.

    HomeError where it is damaged or of a newer format.
    """
    text = place.read(MARKER)
    if text is None:
        return None
    try:
        marker = dict(json.loads(text.decode()))
        version = int(marker.get("format", 0))
    except (ValueError, TypeError) as error:
        raise HomeError(
            f"{place / MARKER}: not readable ({error}). Restore it from a backup; it is one small file."
        ) from error
    if version > FORMAT:
        raise HomeError(
            f"{place / MARKER}: format {version}, at most {FORMAT} understood by this version of Pipeledger. "
            "Nothing was touched. Upgrade Pipeledger, or set PIPELEDGER_HOME to another home."
        )
    return marker


def check_home(place: Place, company: Company) -> None:
    """HomeError unless the home, if it exists, was made for this company's time zone and currency."""
    marker = read_marker(place)
    if marker is None:
        return
    for name, consequence in (
        ("time_zone", "its days were counted there, and would change their meaning"),
        ("base_currency", "rows without a currency would change their value"),
    ):
        got, expected = getattr(company, name), marker.get(name)
        if expected is not None and got != expected:
            raise HomeError(
                f"company.{name}: got {got}, but the home {place} was made with {expected}: {consequence}. "
                "Set it back, or use another home (PIPELEDGER_HOME)."
            )


def open_home(home: Home, place: Place, company: Company, created_by: str = "init") -> None:
    """Make the home ready for writing: create it, or check it and migrate an older format after a copy.

    `place` is where its ledger is kept. Call it while holding the lock. Raises HomeError and then nothing was touched.
    """
    check_home(place, company)
    check_one_ledger(home, place)
    marker = read_marker(place)
    if marker is None:
        marker = {
            "format": FORMAT,
            "time_zone": company.time_zone,
            "base_currency": company.base_currency,
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "created_by": created_by,
        }
        place.create(MARKER, json.dumps(marker, indent=2) + "\n")
        check_home(place, company)  # another machine may have been first
    elif int(marker.get("format", 0)) < FORMAT:
        migrate(home, place, marker, company)
    local = (home.root / "ledger", home.root / "personal") if isinstance(place, LocalPlace) else ()
    for folder in (*local, home.published.parent, home.attempts):
        folder.mkdir(exist_ok=True)


def check_one_ledger(home: Home, place: Place) -> None:
    """HomeError where the home has a ledger in another place than the settings say: days would go to two."""
    mine = LocalPlace(home.root)
    if isinstance(place, LocalPlace):
        if home.buckets.exists() and read_marker(mine) is None:
            raise HomeError(
                f"{home.root}: its ledger lies in a bucket, and the settings name none. Nothing was touched. "
                f"Set [ledger] path again; or, to begin an empty ledger here, delete {home.buckets}."
            )
    elif read_marker(mine) is not None:
        raise HomeError(
            f"{home.root}: it has a ledger of its own, and [ledger] path says {place}. Nothing was touched. "
            "Take `path` away; or copy home.json, ledger/, personal/ and rejects/ of the home there, and delete them "
            "here once `pipeledger verify` finds them sound."
        )


@dataclass(frozen=True)
class Migration:
    """One step from a format to the next: what it touches (copied first) and what it does."""

    touches: tuple[str, ...]
    apply: Callable[[Home, dict[str, Any], Company], dict[str, Any]]


def complete_marker(home: Home, marker: dict[str, Any], company: Company) -> dict[str, Any]:
    """Format 0 to 1: home.json had no format, and not always a time zone or currency."""
    defaults = {"time_zone": company.time_zone, "base_currency": company.base_currency, "created_by": "init"}
    return {**defaults, **marker, "format": 1}


MIGRATIONS: dict[int, Migration] = {0: Migration(("home.json",), complete_marker)}


def migrate(home: Home, place: Place, marker: dict[str, Any], company: Company) -> None:
    """Bring an older home to the current format, step by step, each after a copy of what it touches."""
    while (version := int(marker.get("format", 0))) < FORMAT:
        step = MIGRATIONS[version]
        copy = home.root / f"before-format-{version + 1}"
        if isinstance(place, LocalPlace):
            copy.mkdir(exist_ok=True)
        for name in step.touches:
            source = home.root / name
            if not isinstance(place, LocalPlace):
                place.write(f"{copy.name}/{name}", (place.read(name) or b"").decode())
            elif source.is_dir():
                shutil.copytree(source, copy / name, dirs_exist_ok=True)
            else:
                shutil.copy2(source, copy / name)
        marker = step.apply(home, marker, company)
        place.write(MARKER, json.dumps(marker, indent=2) + "\n")
