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
from ingestion.files.layout import PLAIN, Layout, layout_problem
from ingestion.source import RESERVED_SOURCES, UNSAID, Dialect, landed_name
from ingestion.source_types import DIALECT, LAYOUT, SHARED_OPTIONS, SOURCE_TYPES
from orchestration.settings.errors import ConfigError
from snapshots.store import Gates

FILE_NAME = "pipeledger.toml"
ENV_PREFIX = "PIPELEDGER_"
SOURCE_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
DATE_FORMAT = re.compile(
    r"(?:DD?(?P<a>[./-])MM?(?P=a)|MM?(?P<b>[./-])DD?(?P=b))(?:YYYY|YY)|(?:YYYY|YY)(?P<c>[./-])MM?(?P=c)DD?"
)
BUCKET = re.compile(r"(s3|gs|az)://[^/@:?#\s]+(/[^/@:?#\s]+)*/?")
ALERT_KINDS = ("failed", "gap", "gate", "stale", "damaged")
OWNER = re.compile(r"team:[\w.-]+|[^@\s]+@[^@\s]+\.[^@\s]+")
SECRET_NAME = re.compile(r"(password|secret|token|api_?key|private_?key|credential)", re.IGNORECASE)


@dataclass(frozen=True)
class Company:
    """Whose day it is and in which money: [company]."""

    time_zone: str
    base_currency: str = "USD"
    fiscal_year_start_month: int = 1
    definitions: Path = Path("definitions")  # absolute once loaded
    name: str | None = None  # what the report calls it

    @property
    def zone(self) -> ZoneInfo:
        """The time zone, as something that clocks understand."""
        return ZoneInfo(self.time_zone)


@dataclass(frozen=True)
class EntityConfig:
    """How one entity of a source is read: [sources.<name>.entities.<entity>]."""

    file: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)  # theirs -> ours; of several, the first in a file counts
    volatile: tuple[str, ...] = ()  # kept with a version, make none
    personal: tuple[str, ...] = ()  # kept apart from the ledger, beside those that always are
    layout: Layout = PLAIN
    dialect: Dialect = UNSAID
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # our column -> their value -> ours
    defaults: Mapping[str, str] = field(default_factory=dict)  # our column -> what stands where the file has nothing
    is_distinct: bool = False  # several rows of the file are one row of the entity

    @property
    def landed(self) -> dict[str, tuple[str, ...]]:
        """The landed names of each of our columns that is mapped; the first is the one it lands under."""
        names: dict[str, tuple[str, ...]] = {}
        for theirs, ours in self.columns.items():
            names[ours] = (*names.get(ours, ()), landed_name(theirs))
        return names


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
    common: Mapping[str, EntityConfig] = field(default_factory=dict)  # of entities that have no table of their own

    def entity(self, name: str) -> EntityConfig:
        """How an entity is read: by its own table, else by what the source says for all."""
        return self.entities.get(name) or self.common.get(name) or EntityConfig()

    def dialect_of(self, entity: str) -> Dialect:
        """How the source writes the values of an entity; what is no file has types of its own."""
        return self.entity(entity).dialect if self.type == "files" else Dialect()


@dataclass(frozen=True)
class Schedule:
    """When the daily job runs, in the company's time zone: [schedule]."""

    at: time = time(6, 0)
    is_enabled: bool = True


@dataclass(frozen=True)
class Alerts:
    """Of what the operator is told, and who answers for the assets: [alerts]. The addresses are secrets: they come from
    the environment.
    """

    is_enabled: bool = False  # whether the settings have the table
    on: tuple[str, ...] = ALERT_KINDS
    stale_days: int = 1
    owners: tuple[str, ...] = ()


ENGINES = ("duckdb", "spark")


@dataclass(frozen=True)
class Engine:
    """What runs the models: `duckdb` in this process, or `spark` at `master` with a driver of `memory`."""

    target: str = "duckdb"
    master: str = "local[*]"
    memory: str = "4g"
    spark: Mapping[str, str] = field(default_factory=dict)  # Spark's own settings, by their names


@dataclass(frozen=True)
class Config:
    """All settings, read once."""

    path: Path
    company: Company
    sources: Mapping[str, SourceConfig]
    gates: Gates
    schedule: Schedule
    alerts: Alerts = Alerts()
    engine: Engine = Engine()
    ledger: str | None = None  # the URL of a bucket; without one the ledger lies in the home
    share: str | None = None  # the URL of the bucket into which the published file and the report go too

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
    reader.known(raw, ("company", "ledger", "engine", "publish", "sources", "gates", "schedule", "alerts"), "")
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
        alerts=read_alerts(reader, reader.table(raw, "alerts")) if "alerts" in raw else Alerts(),
        engine=read_engine(reader, reader.table(raw, "engine")),
        ledger=read_bucket(reader, raw, "ledger", "path", "the ledger lies in the home"),
        share=read_bucket(reader, raw, "publish", "to", "the published file lies in the home alone"),
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
    "any text": (lambda value: isinstance(value, str), "a text in quotes"),
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
    "values": (
        lambda value: (
            isinstance(value, dict) and all(isinstance(name, str | int | float | bool) for name in value.values())
        ),
        'their value = ours, such as { annual = "year" }',
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
    name = reader.get(table, "name", "text", prefix)
    return Company(time_zone, currency, month, definitions.resolve(), name)


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
    shared = SHARED_OPTIONS & SOURCE_TYPES[kind].entity_options
    reader.known(table, (*COMMON_SOURCE_KEYS, *declared, *sorted(shared)), prefix)
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
    common = {option: table[option] for option in sorted(shared) if option in table}
    check_common(reader, common, prefix)
    return SourceConfig(
        name=name,
        type=kind,
        is_enabled=reader.get(table, "enabled", "flag", prefix, True),
        as_of=reader.get(table, "as_of", "date", prefix),
        start_date=reader.get(table, "start_date", "date", prefix),
        options=options,
        entities={
            entity: read_entity(
                reader, entity, reader.table(entities, entity, f"{prefix}entities."), prefix, kind, common
            )
            for entity in entities
        },
        common={entity: read_entity(reader, entity, {}, prefix, kind, common) for entity in ENTITIES if common},
    )


def check_common(reader: Reader, common: Mapping[str, Any], prefix: str) -> None:
    """Refuse values and defaults of a whole source that no entity of it could have."""
    read_layout(reader, common, prefix)
    read_dialect(reader, common, prefix)
    every = {column for entity in ENTITIES.values() for column in entity.columns}
    for column in reader.table(common, "values", prefix):
        if column not in every:
            raise reader.fail(f"{prefix}values.{column}", f"unknown column. {nearest(column, every)}")
    for entity in reader.table(common, "defaults", prefix):
        if entity not in ENTITIES:
            raise reader.fail(f"{prefix}defaults.{entity}", f"unknown entity. {nearest(entity, ENTITIES)}")


def read_entity(
    reader: Reader, entity: str, table: Mapping[str, Any], prefix: str, kind: str, common: Mapping[str, Any]
) -> EntityConfig:
    """[sources.<name>.entities.<entity>]: its file, how its columns are called and how its values are written.

    `common` is what the source says for all of its entities; what the entity says itself goes before it.
    """
    source_prefix, prefix = prefix, f"{prefix}entities."
    if entity not in ENTITIES:
        raise reader.fail(f"{prefix}{entity}", f"unknown entity. {nearest(entity, ENTITIES)}")
    prefix = f"{prefix}{entity}."
    known = ENTITIES[entity].columns
    reader.known(table, SOURCE_TYPES[kind].entity_options, prefix)
    columns = reader.get(table, "columns", "mapping", prefix, {})
    for theirs, canonical in columns.items():
        if canonical not in known:
            raise reader.fail(f"{prefix}columns.{theirs}", f"got {canonical!r}. {column_elsewhere(entity, canonical)}")
        twin = next(name for name, ours in columns.items() if ours == canonical)
        if twin != theirs and "file" not in SOURCE_TYPES[kind].entity_options:
            problem = f"`{canonical}` is mapped already, from `{twin}`. Keep one of them."
            raise reader.fail(f"{prefix}columns.{theirs}", problem)
    wide = {column: of for column, of in reader.table(common, "values", source_prefix).items() if column in known}
    values = {column: read_values(reader, wide, column, f"{source_prefix}values.") for column in wide}
    for column in reader.table(table, "values", prefix):
        if column not in known:
            raise reader.fail(f"{prefix}values.{column}", f"unknown column. {column_elsewhere(entity, column)}")
        values[column] = values.get(column, {}) | read_values(reader, table["values"], column, f"{prefix}values.")
    defaults = reader.table(reader.table(common, "defaults", source_prefix), entity, f"{source_prefix}defaults.")
    where = f"{source_prefix}defaults.{entity}." if defaults else f"{prefix}defaults."
    defaults = {**defaults, **reader.table(table, "defaults", prefix)}
    for column in defaults:
        if column in ENTITIES[entity].key:
            raise reader.fail(f"{where}{column}", "a key, of which each row has its own: no default. Remove it.")
        if column not in known:
            raise reader.fail(f"{where}{column}", f"unknown column. {column_elsewhere(entity, column)}")
    mine = {**common, **table}
    return EntityConfig(
        file=reader.get(table, "file", "path", prefix),
        columns=dict(columns),
        volatile=tuple(reader.get(table, "volatile", "names", prefix, [])),
        personal=tuple(reader.get(table, "personal", "names", prefix, [])),
        layout=read_layout(reader, mine, prefix),
        dialect=read_dialect(reader, mine, prefix),
        values=values,
        defaults=read_values(reader, {"defaults": defaults}, "defaults", where),
        is_distinct=reader.get(table, "distinct", "flag", prefix, False),
    )


def column_elsewhere(entity: str, column: str) -> str:
    """What to do about a column that an entity has not: go to the entities that have it, or mend its name."""
    others = [name for name, each in ENTITIES.items() if column in each.columns]
    if others:
        return f"`{entity}` has no such column, but {', '.join(f'`{name}`' for name in others)}. Write it there."
    return nearest(column, ENTITIES[entity].columns)


def read_values(reader: Reader, table: Mapping[str, Any], key: str, prefix: str) -> dict[str, str]:
    """A table of values as texts; true and false are written like this."""
    found = reader.get(table, key, "values", prefix, {})
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in found.items()}


def read_layout(reader: Reader, table: Mapping[str, Any], prefix: str) -> Layout:
    """How a file is laid out."""
    layout = Layout(**{name: reader.get(table, name, kind, prefix) for name, kind in LAYOUT.items() if name in table})
    if problem := layout_problem(layout):
        raise reader.fail(prefix.removesuffix("."), f"{problem}.")
    return layout


def read_dialect(reader: Reader, table: Mapping[str, Any], prefix: str) -> Dialect:
    """How values are written; without `decimal` nobody said so, and doubtful numbers are refused."""
    given = {
        name: reader.get(table, name, "any text" if name in ("thousands", "date_format") else kind, prefix)
        for name, kind in DIALECT.items()
        if name in table
    }
    given |= {"null_values": tuple(given["null_values"])} if "null_values" in given else {}
    dialect = Dialect(**{"decimal": "", **given})
    if dialect.decimal not in ("", ".", ","):
        raise reader.fail(f"{prefix}decimal", f'got {dialect.decimal!r}, "." or "," expected.')
    if dialect.thousands not in ("", ".", ",", " ", "'"):
        expected = 'one of "", ".", ",", " " and "\'" expected'
        raise reader.fail(f"{prefix}thousands", f"got {dialect.thousands!r}, {expected}.")
    if dialect.thousands and dialect.thousands == (dialect.decimal or "."):
        raise reader.fail(
            f"{prefix}thousands", f"got {dialect.thousands!r}, which is the decimal sign, too. Correct one of them."
        )
    if dialect.date_format and not DATE_FORMAT.fullmatch(dialect.date_format):
        raise reader.fail(
            f"{prefix}date_format",
            f'got {dialect.date_format!r}, day, month and year such as "DD.MM.YYYY" or "M/D/YYYY" expected.',
        )
    if dialect.time_zone and dialect.time_zone not in available_timezones():
        hint = nearest(dialect.time_zone, available_timezones())[:200]
        raise reader.fail(f"{prefix}time_zone", f"got {dialect.time_zone!r}. {hint}")
    return dialect


def read_gates(reader: Reader, table: Mapping[str, Any]) -> Gates:
    """[gates]: from which share on a day is suspicious."""
    known = {item.name: "share" if item.name.endswith("_rate") else "integer" for item in fields(Gates)}
    reader.known(table, known, "gates.")
    return Gates(**{name: reader.get(table, name, known[name], "gates.") for name in table})


def read_bucket(reader: Reader, raw: Mapping[str, Any], table: str, key: str, without: str) -> str | None:
    """The URL of a bucket, if the settings name one; `without` says what happens if they do not."""
    settings = reader.table(raw, table)
    reader.known(settings, (key,), f"{table}.")
    url: str | None = reader.get(settings, key, "text", f"{table}.")
    if url is not None and not BUCKET.fullmatch(url):
        secret = " Keys do not belong in this file: put them into the environment." if "@" in url else ""
        raise reader.fail(
            f"{table}.{key}",
            f"got {'a URL with a key in it' if secret else repr(url)}, a bucket such as s3://bucket/prefix, "
            f"gs://bucket/prefix or az://container/prefix expected.{secret} Without it {without}.",
        )
    return url


def read_engine(reader: Reader, table: Mapping[str, Any]) -> Engine:
    """[engine]: what runs the models, and how Spark is reached where that does."""
    reader.known(table, ("target", "master", "memory", "spark"), "engine.")
    target = reader.get(table, "target", "text", "engine.", Engine.target)
    if target not in ENGINES:
        raise reader.fail("engine.target", f"got {target!r}. {nearest(target, ENGINES)}")
    spark = reader.table(table, "spark", "engine.")
    for name, value in spark.items():
        if not name.startswith("spark.") or not isinstance(value, str):
            raise reader.fail(
                f"engine.spark.{name}", f'got {value!r}, a setting of Spark such as "spark.cores.max" = "8" expected.'
            )
    return Engine(
        target,
        reader.get(table, "master", "text", "engine.", Engine.master),
        reader.get(table, "memory", "text", "engine.", Engine.memory),
        spark,
    )


def read_schedule(reader: Reader, table: Mapping[str, Any]) -> Schedule:
    """[schedule]: the time of the daily run, and whether Dagster starts it."""
    reader.known(table, ("at", "enabled"), "schedule.")
    at = table.get("at", "06:00")
    try:
        at = at if isinstance(at, time) else time.fromisoformat(at)
    except (TypeError, ValueError) as error:
        raise reader.fail("schedule.at", f'got {at!r}, a time such as "06:00" expected.') from error
    return Schedule(at, reader.get(table, "enabled", "flag", "schedule.", True))


def read_alerts(reader: Reader, table: Mapping[str, Any]) -> Alerts:
    """[alerts]: what the operator is told; messages are off where the settings have no such table."""
    reader.known(table, ("on", "stale_days", "owners"), "alerts.")
    on = tuple(reader.get(table, "on", "names", "alerts.", list(ALERT_KINDS)))
    for kind in on:
        if kind not in ALERT_KINDS:
            raise reader.fail("alerts.on", f"got {kind!r}. {nearest(kind, ALERT_KINDS)}")
    stale_days = reader.get(table, "stale_days", "integer", "alerts.", 1)
    if stale_days < 1:
        raise reader.fail("alerts.stale_days", f"got {stale_days}, 1 or more days expected.")
    owners = tuple(reader.get(table, "owners", "names", "alerts.", []))
    for owner in owners:
        if not OWNER.fullmatch(owner):
            raise reader.fail("alerts.owners", f'got {owner!r}, an address or "team:NAME" expected.')
    return Alerts(True, on, stale_days, owners)


if __name__ == "__main__":
    from rich import print as show

    show(load_config(Path(sys.argv[1] if len(sys.argv) > 1 else FILE_NAME), {}))
