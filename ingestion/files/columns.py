"""What the settings say of an entity's columns, and under which landed names ours are to be found in a file."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ingestion.entities import ENTITIES, Entity
from ingestion.source import RESERVED_COLUMNS, Dialect, SourceError, landed_name


@dataclass(frozen=True)
class EntityOptions:
    """What the settings say of one entity. Column names are the file's own, or the names they land under."""

    file: str | None = None  # a file, or a folder of drops, relative to the source's path
    columns: Mapping[str, str] = field(default_factory=dict)  # theirs = ours
    volatile: tuple[str, ...] = ()
    personal: tuple[str, ...] = ()  # beside those of the canonical entity
    delimiter: str = ","
    encoding: str = "utf-8"
    dialect: Dialect | None = None  # None: the source's


@dataclass(frozen=True)
class Columns:
    """One file's columns: all of them under landed names, and what is known of them."""

    landed: tuple[str, ...]
    key: tuple[str, ...]
    ids: tuple[str, ...]
    required: tuple[str, ...]
    governed: Mapping[str, str]
    personal: tuple[str, ...]
    volatile: tuple[str, ...]
    deleted: str | None
    email: str | None


def canonical_columns(entity: Entity, options: EntityOptions) -> dict[str, str]:
    """Say under which landed name each canonical column is to be looked for, if the file has it.

    A mapped column is the one that the mapping names. Any other is the column of the same name (`raw_<name>` for
    a reserved one), unless the mapping gives that column to another.
    """
    mapped = {ours: landed_name(theirs) for theirs, ours in options.columns.items()}
    same = {name: f"raw_{name}" if name in RESERVED_COLUMNS else name for name in entity.columns}
    taken = set(mapped.values())
    return {name: mapped.get(name, same[name]) for name in entity.columns if name in mapped or same[name] not in taken}


def check_options(what: str, entity: str, options: EntityOptions) -> None:
    """SourceError for settings of an entity that cannot be right; `what` is source.entity."""
    if entity not in ENTITIES:
        raise SourceError(
            f"{what}: there is no entity {entity}. Expected one of {', '.join(ENTITIES)}. Correct the name in "
            "pipeledger.toml."
        )
    known = ENTITIES[entity].columns
    ours = list(options.columns.values())
    for theirs, name in options.columns.items():
        if name not in known:
            raise SourceError(
                f"{what}: `columns` maps {theirs} to {name}, which {entity} does not have. Expected one of "
                f"{', '.join(known)}. Correct the right-hand side, or leave the column out: it is kept as it is."
            )
        if ours.count(name) > 1:
            twins = [theirs for theirs, mapped in options.columns.items() if mapped == name]
            raise SourceError(
                f"{what}: `columns` maps {' and '.join(twins)} to {name}. Expected one of them. Remove the other."
            )
    if len(options.delimiter) != 1 or options.delimiter in '"\r\n' or not options.delimiter.isascii():
        raise SourceError(
            f"{what}: got the delimiter {options.delimiter!r}. Expected one character, such as a comma, semicolon, "
            'bar or tab ("\\t"). Correct `delimiter` in pipeledger.toml.'
        )
    try:
        "".encode(options.encoding)
    except LookupError as error:
        raise SourceError(
            f"{what}: got the encoding {options.encoding!r}. Expected a name such as utf-8, latin-1, cp1252 or "
            "utf-16. Correct `encoding` in pipeledger.toml."
        ) from error
