"""The `files` source: CSV, Excel or Parquet files of any system, one file per entity or one drop per entity and day.

Reads below one folder: `<entity>.csv`, `.xlsx`, `.xls` or `.parquet` (undated: the state of one day), or the folder
`<entity>/` with `2026-11-22.csv` or the like (dated drops: the full state at that date); `file` names another
place. Yields Arrow tables under landed names to the landing: CSV as text, Excel and Parquet with their own types. The
mapping only tells which landed columns are governed; nothing is mapped here, but the values of columns that are no
text and could not be typed otherwise.

Which day. A drop describes its date. An undated file describes `as_of`, else today, and is refused for any other
day. Where some entities have drops and others an undated file, the drops decide which days there are, and an
undated file is landed on the day that it describes and on no other. An occasional entity (`team_pipeline`) has drops
on some days only and decides nothing: on the others it is landed without rows.

Alone: `python -c "from ingestion.files.source import *; print(*build_source('crm', Path('exports'),
time_zone='UTC').check())"`
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingestion.entities import ENTITIES, TEXT
from ingestion.files import csv_file, excel_file, parquet_file
from ingestion.files.columns import (
    Columns,
    EntityOptions,
    canonical_columns,
    check_options,
    landed_columns,
    twin_columns,
)
from ingestion.files.distinct import distinct
from ingestion.source import Days, Extraction, Finding, SourceError, contact_of, landed_name

SUFFIXES = (".csv", *excel_file.SUFFIXES, ".parquet")
CHUNK_BYTES = 256 << 20  # of CSV in one landing run; Parquet counts for more, being packed
PARQUET_FACTOR = 5
CHUNK_DAYS = 366

_DROP_NAME = re.compile(r"\d{4}-\d{2}-\d{2}")

Tables = Callable[[Columns, csv_file.OnNote], Iterator[pa.Table]]
"""How to read a file's rows under landed names."""

UNREADABLE = (csv_file.CsvError, excel_file.ExcelError, *parquet_file.UNREADABLE)


@dataclass(frozen=True)
class _Place:
    """Where an entity's data lies: one undated file, or a drop for each day."""

    entity: str
    path: Path
    drops: Mapping[date, Path] | None  # None: the path is one undated file
    strays: tuple[str, ...] = ()  # data files in a folder of drops that are not named after a day

    @property
    def is_due(self) -> bool:
        """Whether each day has to have a drop."""
        return self.drops is not None and not ENTITIES[self.entity].occasional

    def file_of(self, day: date) -> Path | None:
        return self.path if self.drops is None else self.drops.get(day)

    def last_before(self, day: date) -> Path | None:
        """The newest drop before a day."""
        return max(((at, file) for at, file in (self.drops or {}).items() if at < day), default=(day, None))[1]

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.path,) if self.drops is None else tuple(self.drops[day] for day in sorted(self.drops))


def build_source(
    name: str,
    path: Path,
    *,
    time_zone: str,
    as_of: date | None = None,
    entities: Mapping[str, EntityOptions] | None = None,
    common: Mapping[str, EntityOptions] | None = None,
    clock: Callable[[], datetime] | None = None,
) -> "FilesSource":
    """Check the settings of a `files` source and return it; files are looked at later, when days are asked for.

    `common` has the options of entities that the settings do not list, where they say something of all. `clock` (now,
    in any time zone) tells `days()` which day an undated file describes. Raises SourceError for an entity or canonical
    column that does not exist.
    """
    for entity, options in (entities or {}).items():
        check_options(f"{name}.{entity}", entity, options)
    zone = ZoneInfo(time_zone)
    return FilesSource(
        name, path, zone, as_of, dict(entities or {}), clock or partial(datetime.now, zone), common=dict(common or {})
    )


@dataclass(frozen=True)
class FilesSource:
    """Files in a folder, as a source. The folder is looked at anew in each call."""

    name: str
    path: Path
    zone: ZoneInfo
    as_of: date | None
    options: Mapping[str, EntityOptions]
    clock: Callable[[], datetime]
    type: str = "files"
    common: Mapping[str, EntityOptions] = field(default_factory=dict)

    @property
    def entities(self) -> tuple[str, ...]:
        """Those that the settings list and those found under their default name, in canonical order."""
        return tuple(name for name in ENTITIES if name in self.options or self._default_places(name))

    def days(self, first: date, last: date) -> Days:
        """Days with a drop of every entity drawn from dated drops; without any drops, the one described day."""
        places = self._places()
        dated = [place for place in places if place.is_due]
        described = self.as_of or self.clock().astimezone(self.zone).date()
        complete: list[date] = []
        incomplete: dict[date, tuple[str, ...]] = {}
        for offset in range((last - first).days + 1):
            day = first + timedelta(days=offset)
            missing = tuple(self._drop_name(place, day) for place in dated if place.file_of(day) is None)
            if not dated and day != described:
                missing = tuple(f"{place.entity}/{day}.csv" for place in places)
            if missing:
                incomplete[day] = missing
            else:
                complete.append(day)
        return Days(tuple(complete), incomplete)

    def chunks(self, days: Sequence[date]) -> Iterator[Sequence[date]]:
        """Cut at 256 MB of files, at a year, and where a column of a Parquet drop changes its type."""
        places = self._places()
        chunk: list[date] = []
        size = 0
        types: dict[tuple[str, str], pa.DataType] = {}
        for day in days:
            files = [(place.entity, file) for place in places if (file := place.file_of(day))]
            day_size = sum(_weight(file) for _, file in files)
            day_types = {
                (entity, column): kind
                for entity, file in files
                for column, kind in self._landed_types(entity, file).items()
            }
            clashes = any(types.get(column, kind) != kind for column, kind in day_types.items())
            if chunk and (size + day_size > CHUNK_BYTES or len(chunk) >= CHUNK_DAYS or clashes):
                yield chunk
                chunk, size, types = [], 0, {}
            chunk.append(day)
            size += day_size
            types |= day_types
        if chunk:
            yield chunk

    def extract(self, days: Sequence[date], today: date) -> dict[str, Callable[[], Iterator[Extraction]]]:
        """Prepare the extractions; SourceError at once for a file that is missing or describes another day."""
        places = self._places()
        if not places:
            raise SourceError(
                f"{self.name}: no file of any entity in {self.path}. Expected <entity>.csv, <entity>.parquet or the "
                f"folder <entity>/ with entity one of {', '.join(ENTITIES)}. Name the files so, or say which is "
                f'which: [sources.{self.name}.entities.<entity>] file = "..."'
            )
        for day in days:
            self._check_day(places, day, today)
        return {place.entity: partial(self._extractions, place, tuple(days), today) for place in places}

    def check(self) -> Iterator[Finding]:
        """Look at the newest file of every entity and say what is wrong with it; nothing if all is well."""
        for problem in self._problems():
            yield Finding("", "fail", problem, f"see [sources.{self.name}] of pipeledger.toml")

    def _problems(self) -> list[str]:
        problems = []
        try:
            for place in self._places():
                for file in place.files[-1:]:
                    try:
                        self._columns(place, file, self._header(place, file)[0])
                    except SourceError as error:
                        problems.append(str(error))
                if strays := place.strays:
                    more = f" and {len(strays) - 3:,} more" if len(strays) > 3 else ""
                    problems.append(f"{self._what(place)}: not named YYYY-MM-DD.csv: {', '.join(strays[:3])}{more}")
        except SourceError as error:
            problems.append(str(error))
        return problems

    # ------------------------------------------------------------ places

    def _what(self, place: _Place, file: Path | None = None) -> str:
        return f"{self.name}.{place.entity}: {self._relative(file or place.path)}"

    def _relative(self, file: Path) -> str:
        return file.relative_to(self.path).as_posix() if file.is_relative_to(self.path) else str(file)

    def _drop_name(self, place: _Place, day: date) -> str:
        suffixes = [file.suffix for file in place.files[-1:]] or [".csv"]
        return f"{self._relative(place.path)}/{day}{suffixes[0]}"

    def _default_places(self, entity: str) -> list[Path]:
        files = [self.path / f"{entity}{suffix}" for suffix in SUFFIXES]
        found = [file for file in files if file.is_file()]
        folder = self.path / entity
        return found + [folder] * (folder.is_dir() and any(_data_files(folder)))

    def _places(self) -> list[_Place]:
        if not self.path.is_dir():
            raise SourceError(
                f"{self.name}: the folder {self.path} does not exist. Expected the exports there. Correct `path` in "
                f"[sources.{self.name}] of pipeledger.toml."
            )
        return [self._place(entity) for entity in self.entities]

    def _place(self, entity: str) -> _Place:
        setting = f"[sources.{self.name}.entities.{entity}] of pipeledger.toml"
        named = self.options[entity].file if entity in self.options else None
        found = [self.path / named] if named else self._default_places(entity)
        if len(found) > 1:
            raise SourceError(
                f"{self.name}.{entity}: {' and '.join(self._relative(path) for path in found)} both exist. Expected "
                f"one of them. Remove the other, or say which with `file` in {setting}."
            )
        if not found or not found[0].exists():
            expected = named or f"{entity}.csv, {entity}.parquet or the folder {entity}/"
            raise SourceError(
                f"{self.name}.{entity}: no file. Expected {expected} in {self.path}. Put it there, or correct `file` "
                f"in {setting}."
            )
        if found[0].is_file():
            if found[0].suffix.lower() not in SUFFIXES:
                raise SourceError(
                    f"{self.name}.{entity}: got the file {found[0].name}. Expected one that ends in .csv or .parquet. "
                    f"Convert it, or correct `file` in {setting}."
                )
            return _Place(entity, found[0], None)
        return self._folder(entity, found[0])

    def _folder(self, entity: str, folder: Path) -> _Place:
        drops: dict[date, Path] = {}
        strays = []
        for file in _data_files(folder):
            day = _drop_day(file)
            if day is None:
                strays.append(self._relative(file))
            elif day in drops:
                raise SourceError(
                    f"{self.name}.{entity}: {drops[day].name} and {file.name} in {folder.name}/ both describe {day}. "
                    "Expected one. Remove the other."
                )
            else:
                drops[day] = file
        return _Place(entity, folder, drops, tuple(strays))

    def _check_day(self, places: Sequence[_Place], day: date, today: date) -> None:
        dated = [place for place in places if place.is_due]
        missing = [place for place in dated if place.file_of(day) is None]
        if missing:
            names = ", ".join(self._drop_name(place, day) for place in missing)
            strays = [stray for place in missing for stray in place.strays]
            got = f"Got {', '.join(strays[:3])}, named after no day. " if strays else ""
            raise SourceError(
                f"{self.name}: no drop of {day} for {', '.join(place.entity for place in missing)}. {got}"
                f"Expected {names}. Put the files there and run `pipeledger run --date {day}`.",
                tuple(place.entity for place in missing),
            )
        described = self.as_of or today
        if not dated and day != described:
            why = "as `as_of` says" if self.as_of else "having no date"
            raise SourceError(
                f"{self.name}: asked for {day}, and its files describe {described}, {why}. Nothing was landed. "
                f"Run `pipeledger run --date {described}`, or put a drop of that day at <entity>/{day}.csv."
            )

    # ------------------------------------------------------------ extraction

    def _extractions(self, place: _Place, days: Sequence[date], today: date) -> Iterator[Extraction]:
        for day in days:
            if place.drops is None and day != (self.as_of or today):
                continue
            file = place.file_of(day)
            if file is not None:
                yield self._extraction(place, file, day)
            elif (before := place.last_before(day)) is not None:
                yield self._without_rows(self._extraction(place, before, day))

    def _without_rows(self, of: Extraction) -> Extraction:
        """Nothing came of an occasional entity on a day: its columns are those of the drop before."""
        return replace(of, tables=(table.slice(0, 0) for table in islice(of.tables, 1)))

    def _extraction(self, place: _Place, file: Path, day: date) -> Extraction:
        before = _fingerprint(file)
        header, tables_of = self._header(place, file)
        columns = self._columns(place, file, header)
        notes: dict[str, str] = {}
        options = self._options(place.entity)

        def note(kind: str, text: str) -> None:
            notes[kind] = f"{self._what(place, file)}: {text}."

        if twins := twin_columns(header, columns.landed):
            named = ", ".join(f"{name!r} as {landed}" for name, landed in twins.items())
            note("twins", f"columns of one name are kept with a number behind it: {named}")
        return Extraction(
            entity=place.entity,
            snapshot_date=day,
            tables=self._tables(
                place, file, before, partial(self._rows, options, columns, tables_of, note), columns.line
            ),
            key=columns.key,
            ids=columns.ids,
            required=columns.required,
            mode=ENTITIES[place.entity].mode,
            governed=columns.governed,
            personal=columns.personal,
            volatile=columns.volatile,
            deleted=columns.deleted,
            is_dated=place.drops is not None or self.as_of is not None,
            email=columns.email,
            currency=columns.currency,
            dialect=options.dialect,
            notes=notes,
            contact=columns.contact,
            headers={landed_name(theirs): theirs for theirs in options.columns}
            | dict(zip(columns.landed, header, strict=True)),
            expected={landed: ours for ours, landed in canonical_columns(ENTITIES[place.entity], options).items()},
        )

    def _options(self, entity: str) -> EntityOptions:
        return self.options.get(entity) or self.common.get(entity) or EntityOptions()

    def _header(self, place: _Place, file: Path) -> tuple[tuple[str, ...], Tables]:
        """Read a file's column names, and how to read its rows under landed ones."""
        options = self._options(place.entity)
        try:
            if file.suffix.lower() == ".parquet":
                return tuple(pq.read_schema(file).names), lambda of, note: parquet_file.read(file, of.landed)
            if file.suffix.lower() in excel_file.SUFFIXES:
                sheet = excel_file.read_sheet(file, options.layout)
                return sheet.names, lambda of, note: excel_file.read(
                    sheet, of.landed, of.governed, options.dialect, note
                )
            header = csv_file.read_header(file, options.layout)
        except UNREADABLE as error:
            raise self._unreadable(place, file, error) from error
        return header.names, lambda of, note: csv_file.read(file, header, of.landed, of.key, note)

    def _rows(
        self, options: EntityOptions, columns: Columns, tables_of: Tables, note: csv_file.OnNote
    ) -> Iterator[pa.Table]:
        """The rows of a file as they land: distinct where the settings say so, typed columns in our values."""
        tables = tables_of(columns, note)
        if options.is_distinct:
            tables = distinct(tables, columns.key, list(columns.governed), note)
        replaced = {
            name: options.values[ours]
            for ours, name in columns.ours.items()
            if ours in options.values and columns.governed[name] != TEXT
        }
        for table in tables:
            for name, values in replaced.items():
                if pa.types.is_string(table[name].type):
                    place = table.schema.get_field_index(name)
                    table = table.set_column(place, name, _in_our_values(table[name], values))
            yield table

    def _tables(
        self,
        place: _Place,
        file: Path,
        before: tuple[int, int],
        tables: Callable[[], Iterator[pa.Table]],
        line: str | None,
    ) -> Iterator[pa.Table]:
        """The rows, with the name of the file, and their place in it as the column `line` if that is to be made."""
        name, rows = pa.scalar(self._relative(file), pa.string()), 0
        try:
            for table in tables():
                if line:
                    numbers = pa.array(map(str, range(rows + 1, rows + table.num_rows + 1)), pa.string())
                    table = table.append_column(line, numbers)
                    rows += table.num_rows
                yield table.append_column("_pl_file", pa.repeat(name, table.num_rows))
        except UNREADABLE as error:
            raise self._unreadable(place, file, error) from error
        finally_read = _fingerprint(file)
        if finally_read != before:
            raise SourceError(
                f"{self._what(place, file)} changed while it was read: {before[0]:,} bytes before, "
                f"{finally_read[0]:,} after. Expected a file that is complete. Nothing was landed. Run the same "
                "command again when it is written; best move files in place under their final name."
            )

    def _unreadable(self, place: _Place, file: Path, error: Exception) -> SourceError:
        kind = {".parquet": "Parquet", ".csv": "CSV"}.get(file.suffix.lower(), "a workbook of Excel")
        reason = str(error).splitlines()[0].removesuffix(".")
        where = f"[sources.{self.name}.entities.{place.entity}]"
        hint = "Export it again"
        if "not UTF-8" in reason:
            hint = f'Export it as UTF-8, or set encoding = "latin-1" in {where}'
        elif isinstance(error, excel_file.ExcelError) and "sheet" in reason:
            hint = f"Correct `sheet` in {where} of pipeledger.toml"
        return SourceError(
            f"{self._what(place, file)}: {reason}. Expected {kind} with a header. Nothing was landed. {hint}, and run "
            "the same command again."
        )

    def _landed_types(self, entity: str, file: Path) -> dict[str, pa.DataType]:
        """Types that a file's columns land with, and its format as "": CSV is all text and clashes with others only."""
        if file.suffix.lower() == ".csv":
            return {"": pa.string()}
        if file.suffix.lower() == ".parquet":
            types = parquet_file.landed_types(file)
            return {"": pa.null(), **types} if types else {}  # of a file that is not readable, nothing
        place = _Place(entity, file, None)
        try:
            header, tables_of = self._header(place, file)
            rows = next(tables_of(self._columns(place, file, header), lambda kind, text: None))
        except SourceError:
            return {}  # the extraction will say what is wrong with it
        return {"": pa.bool_(), **{column.name: column.type for column in rows.schema}}

    # ------------------------------------------------------------ columns

    def _columns(self, place: _Place, file: Path, header: Sequence[str]) -> Columns:
        entity, options = ENTITIES[place.entity], self._options(place.entity)
        landed = self._landed(place, file, header)
        self._check_named(place, file, header, landed, options)
        ours = {ours: name for ours, name in canonical_columns(entity, options).items() if name in landed}
        for number, name in entity.stand_ins.items():
            if number in entity.required and number not in ours and name in options.columns.values() and name in ours:
                ours[number] = ours[name]
        made_line = entity.line if entity.line and entity.line not in ours else None
        ours |= {made_line: made_line} if made_line else {}
        required = [column for column in entity.required if column not in options.defaults]
        if missing := [column for column in required if column not in ours]:
            raise SourceError(
                f"{self._what(place, file)} lacks {', '.join(missing)}. Got the columns {', '.join(header)}. Expected "
                f"{', '.join(entity.required)}, under these names or mapped. Say which column it is: "
                f'[sources.{self.name}.entities.{place.entity}] columns = {{ "<theirs>" = "{missing[0]}" }}'
            )
        extra = [name for name in map(landed_name, options.personal) if name in landed and not options.is_distinct]
        personal = [ours[column] for column in entity.personal if column in ours]
        return Columns(
            landed=landed,
            ours=ours,
            key=tuple(ours[column] for column in entity.key if column in ours),
            ids=tuple(dict.fromkeys(ours[column] for column in entity.ids if column in ours)),
            required=tuple(ours[column] for column in required),
            currency=ours.get("currency_code"),
            governed={ours[column]: kind for column, kind in entity.columns.items() if column in ours},
            personal=tuple(dict.fromkeys([*personal, *extra])),
            volatile=tuple(
                name for name in map(landed_name, options.volatile) if name in landed and not options.is_distinct
            ),
            deleted=ours.get(entity.deleted) if entity.deleted else None,
            email=ours.get("email") if "email" in entity.personal else None,
            contact=contact_of(entity, ours),
            line=made_line,
        )

    def _landed(self, place: _Place, file: Path, header: Sequence[str]) -> tuple[str, ...]:
        try:
            return landed_columns(header, ENTITIES[place.entity], self._options(place.entity))
        except SourceError as error:
            raise SourceError(f"{self._what(place, file)}: {error}") from error

    def _check_named(
        self, place: _Place, file: Path, header: Sequence[str], landed: Sequence[str], options: EntityOptions
    ) -> None:
        """Refuse a column that the settings name and no file of the entity has: a typing error, or a lost column.

        A column that other drops have (one added or dropped in the course of time) is merely absent here.
        """
        named = {
            next(theirs for theirs, of in options.columns.items() if of == ours): "columns"
            for ours in options.columns.values()
        } | dict.fromkeys(options.personal, "personal")
        missing = {theirs: setting for theirs, setting in named.items() if landed_name(theirs) not in landed}
        ends_first = dict.fromkeys([*place.files[-1:], *place.files[:1], *place.files]) if missing else {}
        for other in ends_first:
            present = set(self._landed(place, other, self._header(place, other)[0]))
            missing = {theirs: setting for theirs, setting in missing.items() if landed_name(theirs) not in present}
            if not missing:
                return
        for theirs, setting in missing.items():
            raise SourceError(
                f"{self._what(place, file)} has no column {theirs}, which `{setting}` names. Got the columns "
                f"{', '.join(header)}. Correct `{setting}` in [sources.{self.name}.entities.{place.entity}] of "
                "pipeledger.toml."
            )


# ---------------------------------------------------------------- files


def _data_files(folder: Path) -> list[Path]:
    """Data files of a folder in the order of their names; hidden and half-copied ones are none."""
    return sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in SUFFIXES and not file.name.startswith((".", "_", "~")) and file.is_file()
    )


def _drop_day(file: Path) -> date | None:
    if not _DROP_NAME.fullmatch(file.stem):
        return None
    try:
        return date.fromisoformat(file.stem)
    except ValueError:
        return None


def _fingerprint(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_size, status.st_mtime_ns


def _weight(file: Path) -> int:
    return file.stat().st_size * (PARQUET_FACTOR if file.suffix.lower() == ".parquet" else 1)


def _in_our_values(texts: pa.ChunkedArray, values: Mapping[str, str]) -> pa.ChunkedArray:
    """The texts with each value that the settings name replaced by ours."""
    places = pc.index_in(pc.utf8_trim_whitespace(texts), value_set=pa.array(list(values), pa.string()))
    return pc.coalesce(pc.take(pa.array(list(values.values()), pa.string()), places), texts)
