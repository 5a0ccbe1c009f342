"""`pipeledger.toml` as frozen dataclasses: what to land, whose day it is, when a day is suspicious.

Comes from the file that `--config` or PIPELEDGER_CONFIG names, else `pipeledger.toml` in the working
directory, else the one in the home; environment variables override single values
(`PIPELEDGER_COMPANY__TIME_ZONE=Europe/Berlin`). Goes to every other module as an argument; nobody else
reads settings. Business meaning (stages, segments, targets) is not here: it lies in the governed
definitions. Alone: `python -m orchestration.settings.config [pipeledger.toml]` prints it.
"""

import difflib
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from ingestion.entities import ENTITIES, STEPS
from ingestion.source import RESERVED_SOURCES, UNSAID, Dialect
from ingestion.source_types import SOURCE_TYPES
from orchestration.settings.errors import ConfigError
from snapshots.store import Gates

FILE_NAME = "pipeledger.toml"
ENV_PREFIX = "PIPELEDGER_"
SOURCE_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
SECRET_NAME = re.compile(r"(password|secret|token|api_?key|private_?key|credential)", re.IGNORECASE)


@dataclass(frozen=True)
class Company:
    """Whose day it is and in which money: [company]."""

    time_zone: str
    base_currency: str = "USD"
    fiscal_year_start_month: int = 1
    definitions: Path = Path("definitions")  # absolute once loaded

    @property
    def zone(self) -> ZoneInfo:
        """The time zone, as something that clocks understand."""
        return ZoneInfo(self.time_zone)


@dataclass(frozen=True)
class EntityConfig:
    """How one entity of a source is read: [sources.<name>.entities.<entity>]."""

    file: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)  # theirs -> ours
    volatile: tuple[str, ...] = ()  # kept with a version, make none
    personal: tuple[str, ...] = ()  # kept apart from the ledger, beside those that always are
    delimiter: str = ","
    encoding: str = "utf-8"
    dialect: Dialect | None = None  # how it writes values; None: as the source does


@dataclass(frozen=True)
class SourceConfig:
    """One source of the company: [sources.<name>]."""

    name: str
    type: str
    is_enabled: bool = True
    as_of: date | None = None
    start_date: date | None = None
    options: Mapping[str, Any] = field(default_factory=dict)  # what the source type declares beyond this
    entities: Mapping[str, EntityConfig] = field(default_factory=dict)
    dialect: Dialect | None = None  # how its files write values; None: nobody said it

    def dialect_of(self, entity: str) -> Dialect:
        """How the source writes the values of an entity; what is no file has types of its own."""
        own = self.entities[entity].dialect if entity in self.entities else None
        return own or self.dialect or (UNSAID if self.type == "files" else Dialect())


@dataclass(frozen=True)
class Schedule:
    """When the daily job runs, in the company's time zone: [schedule]."""

    at: time = time(6, 0)
    is_enabled: bool = True


@dataclass(frozen=True)
class Config:
    """All settings, read once."""

    path: Path
    company: Company
    sources: Mapping[str, SourceConfig]
    gates: Gates
    schedule: Schedule

    @property
    def enabled(self) -> tuple[SourceConfig, ...]:
        """The sources that runs land, in the file's order."""
        return tuple(source for source in self.sources.values() if source.is_enabled)

    def today(self, now: datetime) -> date:
        """The business date at `now` (an aware instant)."""
        return now.astimezone(self.company.zone).date()

    def default_day(self, now: datetime) -> date:
        """The day that a run describes unless told: `as_of` where all enabled sources share one, else
        today.
        """
        days = {source.as_of for source in self.enabled}
        shared = next(iter(days)) if len(days) == 1 else None
        return shared or self.today(now)


COMMON_SOURCE_KEYS = ("type", "enabled", "as_of", "start_date", "entities")


def find_config(named: Path | None, env: Mapping[str, str], cwd: Path, home: Path) -> Path:
    """The settings file in force; ConfigError names the places where it was looked for."""
    chosen = named or (Path(env["PIPELEDGER_CONFIG"]) if env.get("PIPELEDGER_CONFIG") else None)
    if chosen is not None:
        chosen = chosen if chosen.is_absolute() else cwd / chosen
        if not chosen.is_file():
            raise ConfigError(
                f"{chosen}: no such file, a {FILE_NAME} expected. "
                "Correct --config or PIPELEDGER_CONFIG, or run `pipeledger init`."
            )
        return chosen
    for folder in (cwd, home):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    raise ConfigError(
        f"No {FILE_NAME} in {cwd} nor in the home {home}. "
        "Run `pipeledger init` to write one, or `pipeledger demo` to see a synthetic company."
    )


def load_config(path: Path, env: Mapping[str, str]) -> Config:
    """Read and check one settings file; a ConfigError says what, got, expected."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path}: not valid TOML ({error}). Correct it; https://toml.io shows the notation."
        ) from error
    for keys, value in overrides(env):
        place(raw, keys, value)
    reader = Reader(path.name)
    reader.known(raw, ("company", "sources", "gates", "schedule"), "")
    company = read_company(reader, reader.table(raw, "company"), path.parent)
    sources = {
        name: read_source(reader, name, reader.table(raw["sources"], name, "sources."), path.parent)
        for name in reader.table(raw, "sources")
    }
    return Config(
        path=path,
        company=company,
        sources=sources,
        gates=read_gates(reader, reader.table(raw, "gates")),
        schedule=read_schedule(reader, reader.table(raw, "schedule")),
    )


def overrides(env: Mapping[str, str]) -> Iterable[tuple[list[str], Any]]:
    """The values that environment variables set: PIPELEDGER_<TABLE>__<KEY>, read as TOML where it is TOML."""
    for name, text in sorted(env.items()):
        if name.startswith(ENV_PREFIX) and "__" in name:
            try:
                value = tomllib.loads(f"value = {text}")["value"]
            except tomllib.TOMLDecodeError:
                value = text
            yield name.removeprefix(ENV_PREFIX).lower().split("__"), value


def place(raw: dict[str, Any], keys: list[str], value: Any) -> None:
    """Set the value that nested `keys` lead to, making the tables on the way."""
    for key in keys[:-1]:
        raw = raw.setdefault(key, {})
        if not isinstance(raw, dict):
            name = ENV_PREFIX + "__".join(keys).upper()
            raise ConfigError(f"{name}: `{key}` is a value, a table expected. Correct the variable's name.")
    raw[keys[-1]] = value


def nearest(name: str, known: Iterable[str]) -> str:
    """A sentence that suggests the known name closest to `name`, else lists them."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"Did you mean `{close[0]}`?" if close else f"Known: {', '.join(names) or 'none'}."


KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "text": (lambda value: isinstance(value, str) and bool(value), "a text in quotes"),
    "path": (lambda value: isinstance(value, str) and bool(value), "a path in quotes, relative to this file"),
    "integer": (lambda value: isinstance(value, int) and not isinstance(value, bool), "a whole number"),
    "number": (lambda value: isinstance(value, int | float) and not isinstance(value, bool), "a number"),
    "share": (
        lambda value: isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1,
        "a share between 0 and 1, such as 0.15",
    ),
    "flag": (lambda value: isinstance(value, bool), "true or false"),
    "date": (lambda value: type(value) is date, "a date without quotes, such as 2017-12-31"),
    "table": (lambda value: isinstance(value, dict), "a table"),
    "names": (
        lambda value: isinstance(value, list) and all(isinstance(name, str) for name in value),
        'a list of names, such as ["SystemModstamp"]',
    ),
    "mapping": (
        lambda value: isinstance(value, dict) and all(isinstance(name, str) for name in value.values()),
        'theirs = ours, such as { deal_stage = "stage" }',
    ),
    "steps": (
        lambda value: isinstance(value, dict) and bool(value) and set(map(str, value.values())) <= set(STEPS),
        f'your values = our steps ({", ".join(STEPS)}), such as {{ MQL = "mql_at" }}',
    ),
}


@dataclass(frozen=True)
class Reader:
    """Takes values out of the raw settings and says exactly which one is wrong."""

    file: str

    def fail(self, where: str, problem: str) -> ConfigError:
        """The error for one place in the file."""
        return ConfigError(f"{self.file}: {where}: {problem}")

    def known(self, table: Mapping[str, Any], names: Iterable[str], prefix: str) -> None:
        """Refuse keys that mean nothing, with the nearest name that does."""
        names = tuple(names)
        for key in table:
            if key not in names:
                if SECRET_NAME.search(key):
                    raise self.fail(
                        f"{prefix}{key}",
                        "secrets do not belong in this file. Put it into the environment or `.dlt/secrets.toml`.",
                    )
                raise self.fail(f"{prefix}{key}", f"unknown key. {nearest(key, names)}")

    def get(self, table: Mapping[str, Any], key: str, kind: str, prefix: str, default: Any = None) -> Any:
        """One value of a kind, or the default where it is absent."""
        if key not in table:
            return default
        fits, expected = KINDS[kind]
        if not fits(table[key]):
            got = f"{table[key]!r} ({type(table[key]).__name__})"
            raise self.fail(f"{prefix}{key}", f"got {got}, {expected} expected.")
        return table[key]

    def table(self, raw: Mapping[str, Any], key: str, prefix: str = "") -> dict[str, Any]:
        """A nested table; empty where it is absent."""
        return dict(self.get(raw, key, "table", prefix, {}))


def read_company(reader: Reader, table: Mapping[str, Any], folder: Path) -> Company:
    """[company]; `time_zone` is required, because it decides which day a row belongs to."""
    prefix = "company."
    reader.known(table, [item.name for item in fields(Company)], prefix)
    time_zone = reader.get(table, "time_zone", "text", prefix)
    if time_zone is None:
        raise reader.fail(
            "company.time_zone", 'missing. Set it under [company], such as time_zone = "America/New_York".'
        )
    if time_zone not in available_timezones():
        raise reader.fail("company.time_zone", f"got {time_zone!r}. {nearest(time_zone, available_timezones())[:200]}")
    currency = reader.get(table, "base_currency", "text", prefix, "USD")
    if not re.fullmatch("[A-Z]{3}", currency):
        raise reader.fail("company.base_currency", f"got {currency!r}, a three-letter code such as USD expected.")
    month = reader.get(table, "fiscal_year_start_month", "integer", prefix, 1)
    if not 1 <= month <= 12:
        raise reader.fail("company.fiscal_year_start_month", f"got {month}, a month from 1 to 12 expected.")
    definitions = folder / reader.get(table, "definitions", "path", prefix, "definitions")
    return Company(time_zone, currency, month, definitions.resolve())


def read_source(reader: Reader, name: str, table: Mapping[str, Any], folder: Path) -> SourceConfig:
    """[sources.<name>] with the options that its type declares."""
    prefix = f"sources.{name}."
    if not SOURCE_NAME.fullmatch(name) or name in RESERVED_SOURCES:
        raise reader.fail(
            f"sources.{name}",
            "not a usable name: lower case letters, digits and single underscores expected, and not "
            f"one of {', '.join(sorted(RESERVED_SOURCES))}.",
        )
    kind = reader.get(table, "type", "text", prefix)
    if kind not in SOURCE_TYPES:
        got = "missing" if kind is None else f"got {kind!r}"
        raise reader.fail(f"{prefix}type", f"{got}. {nearest(kind or '', SOURCE_TYPES)}")
    declared = SOURCE_TYPES[kind].options
    reader.known(table, (*COMMON_SOURCE_KEYS, *declared), prefix)
    options: dict[str, Any] = {}
    for option, known in declared.items():
        value = reader.get(table, option, known.kind, prefix)
        if value is None and known.is_required:
            raise reader.fail(f"{prefix}{option}", f"missing. {KINDS[known.kind][1]} expected.")
        if value is not None:
            options[option] = (folder / value).resolve() if known.kind == "path" else value
    together = SOURCE_TYPES[kind].together
    given = [option for option in together if option in options]
    if given and (missing := [option for option in together if option not in options]):
        raise reader.fail(
            f"{prefix}{missing[0]}",
            f"missing, and {given[0]} means nothing without it. {KINDS[declared[missing[0]].kind][1]} expected.",
        )
    entities = reader.table(table, "entities", prefix)
    return SourceConfig(
        name=name,
        type=kind,
        is_enabled=reader.get(table, "enabled", "flag", prefix, True),
        as_of=reader.get(table, "as_of", "date", prefix),
        start_date=reader.get(table, "start_date", "date", prefix),
        options=options,
        entities={
            entity: read_entity(reader, entity, reader.table(entities, entity, f"{prefix}entities."), prefix, kind)
            for entity in entities
        },
    )


def read_entity(reader: Reader, entity: str, table: Mapping[str, Any], prefix: str, kind: str) -> EntityConfig:
    """[sources.<name>.entities.<entity>]: its file and how its columns are called."""
    prefix = f"{prefix}entities."
    if entity not in ENTITIES:
        raise reader.fail(f"{prefix}{entity}", f"unknown entity. {nearest(entity, ENTITIES)}")
    prefix = f"{prefix}{entity}."
    reader.known(table, SOURCE_TYPES[kind].entity_options, prefix)
    columns = reader.get(table, "columns", "mapping", prefix, {})
    ours: dict[str, str] = {}
    for theirs, canonical in columns.items():
        where = f"{prefix}columns.{theirs}"
        if canonical not in ENTITIES[entity].columns:
            raise reader.fail(where, f"got {canonical!r}. {nearest(canonical, ENTITIES[entity].columns)}")
        if canonical in ours:
            raise reader.fail(where, f"`{canonical}` is mapped already, from `{ours[canonical]}`. Keep one of them.")
        ours[canonical] = theirs
    return EntityConfig(
        file=reader.get(table, "file", "path", prefix),
        columns=dict(columns),
        volatile=tuple(reader.get(table, "volatile", "names", prefix, [])),
        personal=tuple(reader.get(table, "personal", "names", prefix, [])),
        delimiter=reader.get(table, "delimiter", "text", prefix, ","),
        encoding=reader.get(table, "encoding", "text", prefix, "utf-8"),
    )


def read_gates(reader: Reader, table: Mapping[str, Any]) -> Gates:
    """[gates]: from which share on a day is suspicious."""
    known = {item.name: "share" if item.name.endswith("_rate") else "integer" for item in fields(Gates)}
    reader.known(table, known, "gates.")
    return Gates(**{name: reader.get(table, name, known[name], "gates.") for name in table})


def read_schedule(reader: Reader, table: Mapping[str, Any]) -> Schedule:
    """[schedule]: the time of the daily run, and whether Dagster starts it."""
    reader.known(table, ("at", "enabled"), "schedule.")
    at = table.get("at", "06:00")
    try:
        at = at if isinstance(at, time) else time.fromisoformat(at)
    except (TypeError, ValueError) as error:
        raise reader.fail("schedule.at", f'got {at!r}, a time such as "06:00" expected.') from error
    return Schedule(at, reader.get(table, "enabled", "flag", "schedule.", True))


if __name__ == "__main__":
    from rich import print as show

    show(load_config(Path(sys.argv[1] if len(sys.argv) > 1 else FILE_NAME), {}))
