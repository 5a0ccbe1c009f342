"""A first `pipeledger.toml` and the governed definitions beside it, for `pipeledger init`.

Comes from the answers and from a look at the folder of exports; goes to files that a person then edits.
"""

import csv
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from ingestion.entities import ENTITIES
from ingestion.source import Source, SourceError
from ingestion.source_types import SOURCE_TYPES
from ingestion.vendors.stages import Lifecycle, Staged
from orchestration.commands.proposals import Files, tables
from orchestration.settings.config import FILE_NAME, KINDS, load_config, nearest
from orchestration.settings.errors import ConfigError
from orchestration.settings.settings import Settings
from orchestration.steps.dbt import DEFAULT_DEFINITIONS, read_header
from orchestration.steps.sources import build_source

TEMPLATE = """\
# Pipeledger's settings. `pipeledger doctor` checks them; docs/own-data.md explains every line.

[company]
time_zone = "{time_zone}"              # whose day it is; cannot change once days are captured
base_currency = "{base_currency}"
fiscal_year_start_month = {month}
definitions = "definitions"          # governed CSV files: stages, segments, targets, stall rules, rates

[schedule]
at = "06:00"                         # the daily run, in the company's time zone
enabled = true

[gates]                              # a day beyond these writes nothing until someone runs with --accept GATE
max_delete_rate = 0.15
min_deletes = 20
max_reject_rate = 0.001
min_rejects = 5

[sources.{source}]                       # the name is yours: the ledger's folder and the column `source`
type = "{type}"
"""

FILES = """\
path = "{path}"                      # relative to this file
{as_of}

# One table per entity whose file or columns are called differently (theirs = ours). Entities:
# {entities}
{tables}"""

API = """\
{options}
# Secrets do not belong here. Set them in the environment, or in .dlt/secrets.toml beside this file (keep that out of
# version control) under [sources.{source}]:
{secrets}

# Fields of yours that we should read as ours (theirs = ours), by entity. Entities: {entities}
# [sources.{source}.entities.ENTITY]
# columns = {{ Theirs__c = "ours" }}
"""

ENTITY = """
[sources.{source}.entities.{entity}]
file = "{file}"
# {file} has: {header}
# columns = {{ theirs = "ours" }}
"""

UNKNOWN = """
# [sources.{source}.entities.ENTITY]
# file = "{file}"                     # has: {header}
# columns = {{ theirs = "ours" }}
"""


@dataclass(frozen=True)
class Answers:
    """What `init` needs to know.

    `path` is the folder of exports, as the settings will name it; `options` are those of an API.
    """

    time_zone: str
    base_currency: str = "USD"
    fiscal_year_start_month: int = 1
    source: str = "crm"
    path: str = "exports/crm"
    as_of: date | None = None
    type: str = "files"
    options: Mapping[str, str] = field(default_factory=dict)
    files: Files | None = None  # looked at already


def write_starter(folder: Path, answers: Answers) -> list[Path]:
    """Write the settings and the definitions that do not exist yet; return what was written.

    ConfigError where there are settings already, or an answer is not usable; then nothing is written.
    """
    target = folder / FILE_NAME
    if target.exists():
        raise ConfigError(f"{target} exists already; nothing was written. Edit it, or run in another folder.")
    draft = folder / f".{FILE_NAME}.draft"
    try:
        draft.write_text(settings_text(folder, answers), encoding="utf-8")
        load_config(draft, {})
        draft.rename(target)
    finally:
        draft.unlink(missing_ok=True)
    written = [target]
    (folder / "definitions").mkdir(exist_ok=True)
    for default in sorted(DEFAULT_DEFINITIONS.glob("*.csv")):
        copy = folder / "definitions" / default.name
        if not copy.exists():
            shutil.copyfile(default, copy)
            written.append(copy)
    return written


def propose(settings: Settings, name: str) -> list[str]:
    """Write what a source's vendor tells of stages and steps into the company's files; return lines of what came of it.

    An unreachable vendor, or one that tells nothing, leaves the files as they are.
    """
    built = build_source(settings.config.sources[name], settings)
    return [_propose_stages(settings, built), *_propose_lifecycle(settings, built)]


def _propose_stages(settings: Settings, built: Source) -> str:
    """The stages, into stage_definitions.csv."""
    path, name = settings.config.company.definitions / "stage_definitions.csv", built.name
    if not isinstance(built, Staged):
        return f"{path.name} is the documented default: make it yours."
    try:
        stages = built.stages()
    except SourceError as error:
        return f"{path.name} is the documented default, because the stages of {name} could not be asked for: {error}"
    columns = read_header(path)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        for stage in stages:
            writer.writerow(
                {
                    "source": name,
                    "pipeline": stage.pipeline,
                    "stage": stage.stage,
                    "stage_order": stage.order,
                    "stage_category": stage.category,
                    "probability": stage.probability,
                    "forecast_category": stage.forecast_category,
                    "definition": f"As {name} has it",
                }
            )
    return f"{path.name} has the {len(stages)} stages of {name}: check what each of them means."


def _propose_lifecycle(settings: Settings, built: Source) -> Iterator[str]:
    """Which fields date the steps of people, into pipeledger.toml; nothing where the vendor has no people."""
    path, name = settings.config.path, built.name
    if not isinstance(built, Lifecycle):
        return
    try:
        columns = built.lifecycle()
    except SourceError as error:
        yield f"{path.name} maps no steps of people, because {name} could not be asked for its fields: {error}"
        return
    if not columns:
        yield f"{path.name} maps no steps of people: {name} has no field whose name tells of MQL, SAL or SQL."
        return
    mapped = ", ".join(f'"{theirs}" = "{ours}"' for theirs, ours in columns.items())
    with path.open("a", encoding="utf-8") as file:
        file.write(
            f"\n# When a person was marketing qualified (mql_at), accepted (sal_at) and sales qualified (sql_at), as\n"
            f"# {name} seems to have it: check it.\n[sources.{name}.entities.person]\ncolumns = {{ {mapped} }}\n"
        )
    yield f"{path.name} reads {', '.join(columns)} as the steps of people: check what each of them means."


def settings_text(folder: Path, answers: Answers) -> str:
    """The settings, with what the source needs, or what its folder of exports holds, as comments."""
    head = TEMPLATE.format(
        time_zone=answers.time_zone,
        base_currency=answers.base_currency,
        month=answers.fiscal_year_start_month,
        source=answers.source,
        type=answers.type,
    )
    return head + (files_text(folder, answers) if answers.type == "files" else api_text(answers))


def api_text(answers: Answers) -> str:
    """The options of an API, and where its secrets belong."""
    declared = SOURCE_TYPES.get(answers.type)
    if declared is None or not declared.secrets:
        known = [name for name, options in SOURCE_TYPES.items() if options.secrets]
        raise ConfigError(f"init: --type: got {answers.type!r}. {nearest(answers.type, ['files', *known])}")
    options = [f'{name} = "{value}"' for name, value in answers.options.items()]
    options += [
        f"# {name} = ...                      # {KINDS[option.kind][1]}"
        for name, option in declared.options.items()
        if name not in answers.options
    ]
    width = max(len(key) for key in declared.secrets)
    secrets = [
        f'# SOURCES__{answers.source.upper()}__{key.upper():<{width}}  or  {key:<{width}} = "..."   {what}'
        for key, what in declared.secrets.items()
    ]
    return API.format(
        options="\n".join(options), secrets="\n".join(secrets), source=answers.source, entities=", ".join(ENTITIES)
    )


def files_text(folder: Path, answers: Answers) -> str:
    """The folder of exports, and what it holds as comments."""
    as_of = (
        f"as_of = {answers.as_of}                     # undated files describe this day"
        if answers.as_of
        else "# as_of = 2026-01-31                 # only for undated files: the day they describe (else today)"
    )
    return FILES.format(
        path=answers.path,
        as_of=as_of,
        entities=", ".join(ENTITIES),
        tables=(
            "\n" + tables(answers.source, answers.files, answers.base_currency)
            if answers.files
            else "".join(entity_tables(folder / answers.path, answers.source))
        ),
    )


def entity_tables(exports: Path, source: str) -> list[str]:
    """A commented table for each export, matched to an entity by its name where that is possible."""
    tables = []
    for file in sorted(exports.glob("*.csv")) if exports.is_dir() else []:
        entity = entity_of(file.stem)
        try:
            header = ", ".join(read_header(file))
        except ConfigError:
            header = "(not UTF-8)"
        template = ENTITY if entity and entity != file.stem else UNKNOWN if not entity else ""
        tables.append(template.format(source=source, entity=entity, file=file.name, header=header))
    return tables


def entity_of(stem: str) -> str | None:
    """The entity that a file's name says it holds, singular or plural."""
    name = stem.lower()
    plurals = {**{f"{entity}s": entity for entity in ENTITIES}, "opportunities": "opportunity", "people": "person"}
    return name if name in ENTITIES else plurals.get(name)
