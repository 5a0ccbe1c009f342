"""What a command or a Dagster process works with: the settings and the home, found once.

Comes from the environment and the working directory, goes to everything else in `orchestration` as an argument.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

from ingestion.source_types import LANDED
from orchestration.settings.config import ENGINES, Config, find_config, load_config, nearest
from orchestration.settings.errors import ConfigError, HomeError
from orchestration.settings.home import Home, find_home, read_marker
from snapshots.place import LocalPlace
from snapshots.store import Relations, Store

# Read by dagster, dlt and dbt; a user's own setting stands.
PRIVACY = {
    "DO_NOT_TRACK": "1",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
}


@dataclass(frozen=True)
class Settings:
    """The settings of one company and its home: what nearly every function is given."""

    config: Config
    home: Home

    def with_engine(self, target: str) -> "Settings":
        """The same with another engine for the models; ConfigError where there is none of that name."""
        if target not in ENGINES:
            raise ConfigError(f"--target: got {target!r}. {nearest(target, ENGINES)}")
        return replace(self, config=replace(self.config, engine=replace(self.config.engine, target=target)))

    @cached_property
    def store(self) -> Store:
        """The paths that `snapshots` works with. One for each run: a bucket remembers what it has read."""
        return self.home.store(self.config.company, self.config.ledger)


def load_settings(config: Path | None = None, env: Mapping[str, str] | None = None) -> Settings:
    """Find and read the settings in force; ConfigError says what is wrong with them."""
    env = os.environ if env is None else env
    home = find_home(env, Path.cwd())
    path = find_config(config, env, Path.cwd(), home.root)
    marker = read_marker(LocalPlace(home.root)) or {}
    if marker.get("created_by") == "demo" and path.parent.resolve() != home.root:
        raise HomeError(
            f"{home.root}: the demo's home, but {path} is another company's settings. Nothing was touched. "
            f"Add --config {home.root / 'pipeledger.toml'}, or set PIPELEDGER_HOME to your own home."
        )
    return Settings(load_config(path, env), home)


def relations() -> Relations:
    """The relations that the models read: every entity of every source type."""
    return LANDED


def clock() -> datetime:
    """Now, as an aware instant; PIPELEDGER_NOW sets it for rehearsals and tests."""
    named = os.environ.get("PIPELEDGER_NOW")
    if not named:
        return datetime.now(UTC)
    try:
        instant = datetime.fromisoformat(named)
    except ValueError as error:
        raise ConfigError(
            f"PIPELEDGER_NOW: got {named!r}, an instant such as 2026-11-22T12:00:00+00:00 expected. "
            "Correct or unset it."
        ) from error
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def code_version() -> str:
    """The version that a receipt records."""
    return f"pipeledger {version('pipeledger')}"
