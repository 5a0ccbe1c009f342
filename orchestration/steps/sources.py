"""How settings become a source that can be landed.

Sources are imported when used, so that a command that lands nothing does not load every vendor's code. All vendors have
one builder: a new one is an entry of `ingestion/source_types.py`, and nothing here.
"""

import os
from collections.abc import Callable
from datetime import date
from importlib import import_module
from pathlib import Path

from ingestion.source import Source
from ingestion.source_types import SOURCE_TYPES
from orchestration.settings.config import Config, SourceConfig
from orchestration.settings.errors import ConfigError
from orchestration.settings.settings import Settings, clock
from snapshots.place import Place


def build_files(source: SourceConfig, settings: Settings) -> Source:
    """CSV or Parquet files, of their current state or one drop a day."""
    from ingestion.files import source as files
    from ingestion.files.columns import EntityOptions

    return files.build_source(
        source.name,
        path=Path(source.options["path"]),
        as_of=source.as_of,
        time_zone=settings.config.company.time_zone,
        entities={name: EntityOptions(**vars(entity)) for name, entity in source.entities.items()},
        common={name: EntityOptions(**vars(entity)) for name, entity in source.common.items()},
        clock=clock,
    )


def build_demo(source: SourceConfig, settings: Settings) -> Source:
    """The synthetic company."""
    from ingestion.demo_company import source as demo

    config = settings.config
    if source.start_date is None:
        raise ConfigError(
            f"{config.path.name}: sources.{source.name}.start_date: missing. Set it, such as start_date = 2025-01-06."
        )
    return demo.build_source(
        source.name, start_date=source.start_date, time_zone=config.company.time_zone, **source.options
    )


def build_api(source: SourceConfig, settings: Settings) -> Source:
    """A vendor's account: its secrets are read when needed, and what it carries from run to run lies in the home."""
    from ingestion.vendors.account import VendorAccount
    from ingestion.vendors.carried_state import CarriedStates
    from ingestion.vendors.secrets import Secrets
    from orchestration.steps.vendor_fields import columns_read

    options = dict(source.options)
    account = VendorAccount(
        name=source.name,
        time_zone=settings.config.company.time_zone,
        clock=clock,
        secrets=Secrets(source.name, settings.config.path.parent, os.environ),
        carried=CarriedStates(settings.home.dlt / "carried" / source.name),
        exclude=options.pop("exclude", ()),
        columns={name: entity.columns for name, entity in source.entities.items()},
        volatile={name: entity.volatile for name, entity in source.entities.items()},
        personal={name: entity.personal for name, entity in source.entities.items()},
        read=columns_read(source.type),
    )
    module = import_module(f"{SOURCE_TYPES[source.type].package}.source")
    built: Source = module.build_source(account, **options)
    return built


BUILDERS: dict[str, Callable[[SourceConfig, Settings], Source]] = {"files": build_files, "demo": build_demo}
"""How the types that are no vendor's API are built."""


def build_source(source: SourceConfig, settings: Settings) -> Source:
    """The source that a part of the settings describes."""
    return BUILDERS.get(source.type, build_api)(source, settings)


def entities_of(source: SourceConfig, settings: Settings) -> tuple[str, ...]:
    """The entities that a source lands, in the canonical order."""
    return build_source(source, settings).entities


def first_day(config: Config, ledger: Place, today: date) -> date:
    """The first day that the daily partitions show: the earliest captured, described or configured."""
    captured = [date.fromisoformat(day) for table in ledger.tables() for day in table.days()[:1]]
    configured = [
        day for source in config.sources.values() for day in (source.start_date, source.as_of) if day is not None
    ]
    return min([*captured, *configured, today])
