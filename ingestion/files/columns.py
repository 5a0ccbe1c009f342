"""What the settings say of an entity's columns, and under which landed names ours are to be found in a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ingestion.entities import ENTITIES, Entity
from ingestion.files.layout import PLAIN, Layout, layout_problem
from ingestion.source import RESERVED_COLUMNS, UNSAID, Dialect, SourceError, landed_name


@dataclass(frozen=True)
class EntityOptions:
    """What the settings say of one entity. Column names are the file's own, or the names they land under.

    `values` (our column -> their value -> ours) and `defaults` are staging's, except where a column's type would
    refuse their value. Several of `columns` may be one of ours: the first that a file has counts, and lands under the
    name of the first in the settings.
    """

    file: str | None = None  # a file, or a folder of drops, relative to the source's path
    columns: Mapping[str, str] = field(default_factory=dict)  # theirs = ours
    volatile: tuple[str, ...] = ()
    personal: tuple[str, ...] = ()  # beside those of the canonical entity
    layout: Layout = PLAIN
    dialect: Dialect = UNSAID
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    is_distinct: bool = False  # several rows of the file are one row of the entity


@dataclass(frozen=True)
class Columns:
    """One file's columns: all of them under landed names, and what is known of them."""

    landed: tuple[str, ...]
    ours: Mapping[str, str]  # our column -> its landed name
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
    a reserved one), unless the mapping gives that column to another. Of a file whose rows are made distinct, only the
    key and what is mapped: the rest of its rows is about something else.
    """
    mapped: dict[str, str] = {}
    for theirs, ours in options.columns.items():
        mapped.setdefault(ours, landed_name(theirs))
    same = {name: f"raw_{name}" if name in RESERVED_COLUMNS else name for name in entity.columns}
    taken = set(mapped.values())
    wanted = {*entity.key, *mapped} if options.is_distinct else entity.columns
    return {
        name: mapped.get(name, same[name])
        for name in entity.columns
        if name in wanted and (name in mapped or same[name] not in taken)
    }


def landed_columns(header: Sequence[str], entity: Entity, options: EntityOptions) -> tuple[str, ...]:
    """The names that a file's columns land under.

    Columns of one name get numbers behind it, unless nobody could say which of them is ours: SourceError then.
    """
    names = [landed_name(name) if name.strip() else f"unnamed_{position}" for position, name in enumerate(header, 1)]
    renamed: dict[str, list[str]] = {}
    for theirs, ours in options.columns.items():
        renamed.setdefault(ours, []).append(landed_name(theirs))
    for first, *others in renamed.values():
        if first not in names and (present := next((name for name in others if name in names), None)):
            names[names.index(present)] = first
    known = {name: ours for ours, name in canonical_columns(entity, options).items()}
    known |= {landed_name(name): f"`{name}`" for name in (*options.personal, *options.volatile)}
    for name in [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        places = [place for place, other in enumerate(names) if other == name]
        twins = " and ".join(f"{header[place]!r} (column {place + 1})" for place in places)
        if name in known:
            options_of = ", ".join(f"{name}_{number} is column {place + 1}" for number, place in enumerate(places, 1))
            raise SourceError(
                f"the columns {twins} both become {name}, which is {known[name]}. Expected to know which of them. "
                f'Say it by its number: columns = {{ {name}_1 = "{known[name].strip("`")}" }} ({options_of}). Or '
                "rename one of them in the export."
            )
        for number, place in enumerate(places, 1):
            names[place] = next(
                free
                for free in (f"{name}_{count}" for count in range(number, len(names) + number))
                if free not in names
            )
    return tuple(names)


def twin_columns(header: Sequence[str], landed: Sequence[str]) -> dict[str, str]:
    """The columns of a file that have one name, with all the names that they land under."""
    plain = [landed_name(name) if name.strip() else "" for name in header]
    twins: dict[str, list[str]] = {}
    for theirs, name, ours in zip(header, plain, landed, strict=True):
        if name and plain.count(name) > 1:
            twins.setdefault(theirs, []).append(ours)
    return {theirs: " and ".join(names) for theirs, names in twins.items()}


def check_options(what: str, entity: str, options: EntityOptions) -> None:
    """SourceError for settings of an entity that cannot be right; `what` is source.entity."""
    if entity not in ENTITIES:
        raise SourceError(
            f"{what}: there is no entity {entity}. Expected one of {', '.join(ENTITIES)}. Correct the name in "
            "pipeledger.toml."
        )
    known = ENTITIES[entity].columns
    for theirs, name in options.columns.items():
        if name not in known:
            raise SourceError(
                f"{what}: `columns` maps {theirs} to {name}, which {entity} does not have. Expected one of "
                f"{', '.join(known)}. Correct the right-hand side, or leave the column out: it is kept as it is."
            )
    if problem := layout_problem(options.layout):
        raise SourceError(f"{what}: {problem} in pipeledger.toml.")
