"""What `pipeledger init --from` proposes of files: shown as a table, written as settings and as stages.

Comes from `ingestion.files.detection`, which looks at the files; goes into `pipeledger.toml` and
`stage_definitions.csv`, which a person then reads.
"""

import csv
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ingestion.files.detection import Proposal, Told, detect
from ingestion.files.spelling import DoubtError
from ingestion.source import SourceError
from ingestion.source_types import DIALECT, LAYOUT
from orchestration.settings.errors import ConfigError
from orchestration.steps.dbt import DEFAULT_DEFINITIONS, read_header

WON = ("won", "gewonnen", "zugesagt", "abgeschlossen und gewonnen", "auftrag erhalten", "gagné", "ganado")
LOST = ("lost", "verloren", "disqualified", "abandoned", "abgesagt", "absage", "storniert", "perdu", "perdido")

Ask = Callable[[str, str, Sequence[str]], str]
"""Called with an option, a question and the possible answers; ConfigError where nobody can answer."""


@dataclass(frozen=True)
class Files:
    """Files to read, as `init` was told of them, and their folder as the settings will name it."""

    path: str
    proposals: tuple[Proposal, ...]

    @property
    def currency(self) -> str:
        """The currency of most amounts of the first file that says one; empty where none does."""
        return next((proposal.usual_currency for proposal in self.proposals if proposal.usual_currency), "")


def look_at(
    files: Sequence[Path], options: Mapping[str, str | None], columns: Mapping[str, str], folder: Path, ask: Ask
) -> Files:
    """Look at files and say how to read them, asking what they leave open.

    `options` and `columns` (theirs -> ours) are what was told beforehand; `folder` is where the settings will lie.
    """
    told = Told(**{name: value for name, value in options.items() if value}, columns=columns)
    for file in files:
        if not file.is_file():
            raise ConfigError(f"init: --from: {file} is no file. Expected an export: .csv, .xlsx, .xls or .parquet.")
    absolute = [file.resolve() for file in files]
    above = Path(os.path.commonpath([file.parent.parent if is_drop(file) else file.parent for file in absolute]))
    found: list[Proposal] = []
    for file in absolute:
        found += _detected(file, told, [proposal.entity for proposal in found if not proposal.is_distinct], ask)
    own = [proposal.entity for proposal in found if not proposal.is_distinct]
    if twice := [entity for entity in dict.fromkeys(own) if own.count(entity) > 1]:
        names = " and ".join(proposal.file.name for proposal in found if proposal.entity == twice[0])
        raise ConfigError(
            f"init: --from: {names} both look like {twice[0]}. Expected one file for each entity. Run `init "
            "--from` for the first, and add the other to pipeledger.toml as a source of its own."
        )
    kept = tuple(proposal for proposal in found if not (proposal.is_distinct and proposal.entity in own))
    return Files(os.path.relpath(above, folder.resolve()), kept)


def _detected(file: Path, told: Told, others: Iterable[str], ask: Ask) -> list[Proposal]:
    while True:
        try:
            return detect(file, told, others)
        except SourceError as error:
            raise ConfigError(f"init: {error}") from error
        except DoubtError as doubt:
            answer = ask(doubt.option, f"{file.name}: {doubt.question}", doubt.choices)
            option = doubt.option.removeprefix("--").partition(" ")[0].replace("-", "_")
            if option == "column":
                ours = doubt.option.rpartition("=")[2].strip('"')
                told = replace(told, columns={**told.columns, answer: ours})
            else:
                told = Told(**{**vars(told), option: answer})


def is_drop(file: Path) -> bool:
    """Whether a file is one of a folder with one for each day, as its name says."""
    stem = file.stem
    return len(stem) == 10 and stem[4] == stem[7] == "-" and stem.replace("-", "").isdigit()


def text(value: object) -> str:
    """A value as TOML writes it."""
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(text, value))}]"
    return json.dumps(value, ensure_ascii=False)


def tables(source: str, files: Files, base_currency: str) -> str:
    """The tables of the entities: how they are written, and each column with two of its values."""
    return "\n".join(_table(source, files.path, proposal, base_currency) for proposal in files.proposals)


def _table(source: str, path: str, proposal: Proposal, base_currency: str) -> str:
    name = f"sources.{source}.entities.{proposal.entity}"
    of = proposal.file.parent if is_drop(proposal.file) else proposal.file
    lines = [f"[{name}]", f"file = {text(os.path.relpath(of, Path(path).resolve()))}"]
    if proposal.is_distinct:
        lines.append("distinct = true                      # many rows of the file are one row here")
    lines += [f"{option} = {text(value)}" for option, value in spoken(proposal)]
    defaults = {"interval": "month"} if proposal.is_monthly else {}
    if proposal.currency and proposal.currency != base_currency:
        defaults["currency_code"] = proposal.currency
    if defaults:
        pairs = ", ".join(f"{ours} = {text(value)}" for ours, value in defaults.items())
        lines.append(f"defaults = {{ {pairs} }}")
    for name_of_ours, values in proposal.values.items():
        pairs = ", ".join(f"{text(theirs)} = {text(ours)}" for theirs, ours in values.items())
        lines.append(f"values.{name_of_ours} = {{ {pairs} }}")
    lines += ["", f"[{name}.columns]                     # theirs = ours, and two of its values"]
    shown = [column for column in proposal.columns if column.ours or not proposal.is_distinct]
    for column in sorted(shown, key=lambda column: not column.ours):
        pair = f"{text(column.header)} = {text(column.ours)}" if column.ours else f'# {text(column.header)} = ""'
        lines.append(f"{pair:<58} # {' | '.join(column.samples) or 'blank'}")
    return "\n".join(lines) + "\n"


def spoken(proposal: Proposal) -> list[tuple[str, object]]:
    """The options of a file that differ from what is taken without them."""
    layout = [(option, getattr(proposal.layout, option)) for option in LAYOUT]
    dialect = [(option, getattr(proposal.dialect, option)) for option in DIALECT]
    usual = {"encoding": "utf-8", "delimiter": ","}
    return [(option, value) for option, value in (*layout, *dialect) if value and value != usual.get(option)]


def rows(files: Files) -> list[tuple[str, str, str, str]]:
    """What is proposed, for a table on the screen: entity, theirs, ours, two values."""
    return [
        (proposal.entity, column.header, column.ours or "(kept)", " | ".join(column.samples))
        for proposal in files.proposals
        for column in proposal.columns
        if column.ours or not proposal.is_distinct
    ]


def remarks(files: Files, stages: str | None) -> list[str]:
    """What else a person is to know of the files, in sentences."""
    said = [f"{proposal.file.name}: {remark}." for proposal in files.proposals for remark in proposal.remarks]
    return [*dict.fromkeys(said), *([stages] if stages else [])]


def write_stages(definitions: Path, source: str, files: Files) -> str | None:
    """Add the stages of the files to stage_definitions.csv, unless it covers them; a sentence on what was done."""
    path = definitions / "stage_definitions.csv"
    columns = read_header(DEFAULT_DEFINITIONS / path.name)
    with path.open(encoding="utf-8-sig", newline="") as file:
        defined = {row["stage"] for row in csv.DictReader(file)}
    proposal = next((proposal for proposal in files.proposals if proposal.stages), None)
    if proposal is None or all(stage in defined for stage, _ in proposal.stages):
        return None
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        for order, (stage, probability) in enumerate(proposal.stages, start=1):
            category = category_of(stage)
            share = {"won": 1.0, "lost": 0.0}.get(category, probability)
            writer.writerow(
                {
                    "source": source,
                    "pipeline": "*",
                    "stage": stage,
                    "stage_order": order,
                    "stage_category": category,
                    "probability": "" if share is None else f"{share:.2f}",
                    "definition": f"Proposed from {proposal.file.name}: check it",
                }
            )
    named = [f"{stage} ({category_of(stage)})" for stage, _ in proposal.stages]
    return (
        f"{path.name} has the {len(named)} stages of {proposal.file.name}: {', '.join(named)}. Check what each means."
    )


def category_of(stage: str) -> str:
    """Whether a stage's label says that it is won or lost; any other is open."""
    words = stage.casefold().replace("-", " ").replace("_", " ").split()
    joined = " ".join(words)
    if any(word in words or joined.endswith(word) for word in LOST):
        return "lost"
    if any(word in words or joined.endswith(word) for word in WON) and "nicht" not in words and "not" not in words:
        return "won"
    return "open"
