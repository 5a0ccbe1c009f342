"""The registry of source types: how settings become a source that can be landed.

To add a type: its options in `config.SOURCE_TYPES`, its entities in `ingestion.entities.LANDED`, its builder here.
Sources are imported when used, so that a command that lands nothing does not load every vendor's code. All vendors have
one builder.
"""

import os
from collections.abc import Callable
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

from ingestion.landing import Source
from orchestration.settings.config import Config, SourceConfig
from orchestration.settings.errors import ConfigError
from orchestration.settings.settings import Settings, clock


def build_files(source: SourceConfig, settings: Settings) -> Source:
    """CSV or Parquet files, of their current state or one drop a day."""
    from ingestion import files

    return files.build_source(
        source.name,
        path=Path(source.options["path"]),
        as_of=source.as_of,
        time_zone=settings.config.company.time_zone,
        entities={
            name: files.EntityOptions(
                file=entity.file,
                columns=entity.columns,
                volatile=entity.volatile,
                personal=entity.personal,
                delimiter=entity.delimiter,
                encoding=entity.encoding,
            )
            for name, entity in source.entities.items()
        },
        clock=clock,
    )


def build_demo(source: SourceConfig, settings: Settings) -> Source:
    """The synthetic company."""
    from ingestion import demo

    config = settings.config
    if source.start_date is None:
        raise ConfigError(
            f"{config.path.name}: sources.{source.name}.start_date: missing. Set it, such as start_date = 2025-01-06."
        )
    return demo.build_source(
        source.name, start_date=source.start_date, time_zone=config.company.time_zone, **source.options
    )


def api_options(source: SourceConfig, settings: Settings) -> dict[str, Any]:
    """What every API source is built with: its options, its secrets (read when needed), what it carries over."""
    from ingestion.carried import Carried
    from ingestion.secrets import Secrets

    return {
        **source.options,
        "time_zone": settings.config.company.time_zone,
        "clock": clock,
        "secrets": Secrets(source.name, settings.config.path.parent, os.environ),
        "carried": Carried(settings.home.dlt / "carried" / source.name),
        "columns": {name: entity.columns for name, entity in source.entities.items()},
        "volatile": {name: entity.volatile for name, entity in source.entities.items()},
        "personal": {name: entity.personal for name, entity in source.entities.items()},
    }


def build_api(source: SourceConfig, settings: Settings) -> Source:
    """A vendor's account: each has a module of its type's name."""
    built: Source = import_module(f"ingestion.{source.type}").build_source(source.name, **api_options(source, settings))
    return built


BUILDERS: dict[str, Callable[[SourceConfig, Settings], Source]] = {
    "files": build_files,
    "demo": build_demo,
    "salesforce": build_api,
    "hubspot": build_api,
    "stripe": build_api,
    "marketo": build_api,
}


def build_source(source: SourceConfig, settings: Settings) -> Source:
    """The source that a part of the settings describes."""
    return BUILDERS[source.type](source, settings)


def entities_of(source: SourceConfig, settings: Settings) -> tuple[str, ...]:
    """The entities that a source lands, in the canonical order."""
    return build_source(source, settings).entities


def first_day(config: Config, ledger: Path, today: date) -> date:
    """The first day that the daily partitions show: the earliest captured, described or configured."""
    captured = [
        date.fromisoformat(folder.name.removeprefix("snapshot_date=")) for folder in ledger.glob("*/*/snapshot_date=*")
    ]
    configured = [
        day for source in config.sources.values() for day in (source.start_date, source.as_of) if day is not None
    ]
    return min([*captured, *configured, today])
