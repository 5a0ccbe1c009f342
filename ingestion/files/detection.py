"""How a file is written and what its columns are: proposed by `pipeledger init --from`, never guessed by a run.

Comes from one file of any system, read whole by the reader that runs use; goes as a `Proposal` to `init`, which shows
it and writes it into `pipeledger.toml`. What the file cannot tell (is `1.500` fifteen hundred, is `3/4/2026` in March)
is a `DoubtError`, which names the option that settles it. Alone:
`python -c "from ingestion.files.detection import *; print(detect(Path('deals.csv')))"`
"""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.entities import DATE, ENTITIES, FLAG, INSTANT, MONEY, PROBABILITY, TEXT
from ingestion.files import csv_file, edges, excel_file, parquet_file
from ingestion.files.headers import FILE_NAMES, FLAGS, HEADERS, NO_VALUES, SURE_NO_VALUES
from ingestion.files.layout import PLAIN, Layout
from ingestion.files.spelling import (
    DoubtError,
    as_number,
    beside_header,
    currency_of,
    date_format,
    is_in_parentheses,
    separators,
)
from ingestion.source import UNSAID, Dialect, SourceError, landed_name

DELIMITERS = (",", ";", "\t", "|")
SAMPLE_RECORDS = 300
DERIVED = {
    "opportunity": (
        "account",
        ("account_id", "account_name", "segment"),
        ("industry", "region", "employee_count", "website", "parent_account_id"),
    ),
    "subscription": ("customer", ("customer_id",), ("customer_name", "domain")),
}
"""What a flat file has beside its own rows: an entity, its columns that both have, and those that it alone has."""

WANTED = {"stage": "no deal is open or won", "amount": "every sum is 0", "close_date": "no deal is due in a quarter"}
"""Columns of deals that a file may lack and the reports need, and what comes of a file without them."""


@dataclass(frozen=True)
class Told:
    """What a person said beforehand, or in answer to a doubt."""

    entity: str = ""
    decimal: str = ""
    date_format: str = ""
    sheet: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)  # theirs = ours


@dataclass(frozen=True)
class Column:
    """A column of a file: its header, which of ours it is (empty: none that we know), two of its values."""

    header: str
    ours: str
    samples: tuple[str, ...]


@dataclass(frozen=True)
class Proposal:
    """How to read a file as one entity. `stages` are those of opportunities, in the order of their probability."""

    file: Path
    entity: str
    columns: tuple[Column, ...]
    layout: Layout = PLAIN
    dialect: Dialect = UNSAID
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    currency: str = ""  # of all amounts, where their header or each of them says it, and no column
    usual_currency: str = ""  # of most amounts, wherever it is said
    is_monthly: bool = False  # amounts are MRR, whatever interval is billed
    is_distinct: bool = False
    stages: tuple[tuple[str, float | None], ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def mapped(self) -> dict[str, str]:
        """Ours -> the file's header."""
        return {column.ours: column.header for column in self.columns if column.ours}


@dataclass(frozen=True)
class _Rows:
    """A file's columns with their cells, as far as they are read, and how it is laid out."""

    layout: Layout
    header: tuple[str, ...]
    cells: tuple[list[Any], ...]
    remarks: tuple[str, ...]
    lines: tuple[int, ...]  # of the file, on which its rows begin
    malformed: tuple[str, ...] = ()  # the lines that are no rows, each with its reason

    def texts(self, position: int) -> list[str]:
        """The values of a column that are texts, without blanks around them."""
        return [value for cell in self.cells[position] if isinstance(cell, str) and (value := cell.strip())]


def detect(file: Path, told: Told = Told(), others: Iterable[str] = ()) -> list[Proposal]:
    """Propose how to read `file`: as the entity it holds, and as the one that is repeated in its rows.

    `others` are entities that have a file of their own. Raises DoubtError for what the file leaves open, and
    SourceError for one that cannot be read.
    """
    rows = _read(file, told)
    entity = told.entity or _entity(file, rows.header)
    mapped = _mapped(rows, entity, told)
    main = _proposal(file, entity, rows, mapped, told)
    if entity not in DERIVED or DERIVED[entity][0] in others:
        return [main]
    derived, shared, own = DERIVED[entity]
    beside = _beside(rows, derived, mapped, shared, own)
    return [main] if beside is None else [main, _proposal(file, derived, rows, beside, told, main)]


def detect_list(file: Path, told: Told = Told()) -> tuple[Proposal, dict[str, list[Any]], tuple[int, ...]]:
    """How to read a team's own list of opportunities, its cells by our columns, and the lines of the file they are on.

    Whose list it is and which day it describes need not stand in the file. Raises DoubtError for what the file leaves
    open (which column is the amount, say), and SourceError for one that cannot be read.
    """
    rows = _read(file, told)
    if rows.malformed:
        others = f", and {len(rows.malformed) - 1:,} more like it" if rows.malformed[1:] else ""
        raise SourceError(
            f"{file.name}: {rows.malformed[0]}{others}. Expected a list that can be compared whole. Correct the line, "
            "or export the list again."
        )
    given = ("list_id", "line_number", "team", "as_of")
    mapped = _mapped(rows, "team_pipeline", told, given)
    for needed in (("opportunity_id", "opportunity_name"), ("amount",)):
        if not any(name in mapped for name in needed):
            raise _no_column(rows, needed[0], mapped)
    for place in mapped.values():
        header = rows.header[place]
        if any(name == header and rows.cells[other] != rows.cells[place] for other, name in enumerate(rows.header)):
            raise SourceError(
                f"{file.name}: there are several columns {header}, and they differ. Rename those to leave out."
            )
    proposal = _proposal(file, "team_pipeline", rows, mapped, told, is_landed=False)
    cells = {column.ours: rows.cells[place] for place, column in enumerate(proposal.columns) if column.ours}
    return proposal, cells, rows.lines


# ---------------------------------------------------------------- the file


def _read(file: Path, told: Told) -> _Rows:
    """Read a whole file as runs do, its layout found by looking at it."""
    try:
        if file.suffix.lower() == ".parquet":
            table = pa.concat_tables(parquet_file.read(file, pq.read_schema(file).names))
            cells = tuple(column.to_pylist() for column in table.columns)
            return _Rows(Layout(), tuple(table.column_names), cells, (), tuple(range(1, len(table) + 1)))
        if file.suffix.lower() in excel_file.SUFFIXES:
            return _read_sheet(file, told)
        return _read_text(file)
    except (csv_file.CsvError, excel_file.ExcelError, pa.ArrowInvalid, OSError) as error:
        reason = str(error).splitlines()[0].removesuffix(".")
        raise SourceError(
            f"{file}: {reason}. Expected CSV, Excel or Parquet with a header. Nothing was written. Export it again."
        ) from error


def _read_sheet(file: Path, told: Told) -> _Rows:
    layout = Layout(sheet=told.sheet)
    try:
        sheet = excel_file.read_sheet(file, layout)
    except excel_file.SeveralSheetsError as several:
        raise DoubtError("--sheet", "which sheet has the table?", several.names) from several
    around = {"before": sheet.before, "after": sheet.after}
    remarks = tuple(edges.described(lines, where) for where, lines in around.items() if lines)
    cells = tuple([row.cells[place] for row in sheet.rows] for place in range(len(sheet.names)))
    return _Rows(layout, sheet.names, cells, remarks, tuple(row.number for row in sheet.rows))


def _read_text(file: Path) -> _Rows:
    encoding = _encoding(file)
    sample = _sample(file, encoding)
    layout = Layout(encoding=encoding)
    if not sample[:1] or not sample[0].lower().startswith(("sep=", '"sep=')):
        layout = replace(layout, delimiter=max(DELIMITERS, key=lambda sign: _fit(sample, sign)))
    header = csv_file.read_header(file, layout)
    width = _width(_records(sample, header.layout.delimiter))
    if len(header.names) < width:  # more stands above the table than a title
        layout = replace(layout, skip_rows=_lines_above(sample, header.layout.delimiter, width))
        header = csv_file.read_header(file, layout)
    names = [f"column_{number}" for number in range(len(header.names))]
    remarks: list[str] = []
    table = pa.concat_tables(csv_file.read(file, header, names, (), lambda kind, text: remarks.append(text)))
    reasons = zip(table[csv_file.LINE].to_pylist(), table[csv_file.REJECT].to_pylist(), strict=True)
    malformed = tuple(f"line {line}: {reason}" for line, reason in sorted(reasons, key=lambda each: each[0]) if reason)
    table = table.filter(pa.compute.is_null(table[csv_file.REJECT]))
    cells = tuple(table[name].to_pylist() for name in names)
    return _Rows(layout, header.names, cells, tuple(remarks), tuple(table[csv_file.LINE].to_pylist()), malformed)


def _encoding(file: Path) -> str:
    """UTF-8 where every byte fits it, else UTF-16 by its mark, else what Western exports are written in."""
    with file.open("rb") as raw:
        if raw.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return "utf-16"
        raw.seek(0)
        decoder, latin = codecs.getincrementaldecoder("utf-8")(), False
        while block := raw.read(1 << 20):
            try:
                if not latin:
                    decoder.decode(block)
            except UnicodeDecodeError:
                latin = True
            if latin and re.search(rb"[\x80-\x9f]", block):
                return "cp1252"
    return "iso-8859-1" if latin else "utf-8"


def _sample(file: Path, encoding: str) -> list[str]:
    lines = []
    with file.open(encoding="utf-8-sig" if encoding == "utf-8" else encoding, newline="", errors="replace") as text:
        for line in text:
            lines.append(line)
            if len(lines) >= SAMPLE_RECORDS:
                break
    return lines


def _records(sample: Sequence[str], delimiter: str) -> list[list[str]]:
    return [record for record in csv.reader(sample, delimiter=delimiter) if any(record)]


def _width(records: Sequence[Sequence[str]]) -> int:
    """The number of cells that most records of more than one cell have, the largest of equally frequent numbers."""
    counted = Counter(len(record) for record in records if len(record) > 1)
    return max(counted, key=lambda width: (counted[width], width), default=0)


def _fit(sample: Sequence[str], delimiter: str) -> int:
    """How well a delimiter cuts a sample: the delimiters in records of the usual width."""
    records = _records(sample, delimiter)
    width = _width(records)
    return sum(len(record) == width for record in records) * (width - 1)


def _lines_above(sample: Sequence[str], delimiter: str, width: int) -> int:
    reader = csv.reader(sample, delimiter=delimiter)
    above = 0
    for record in reader:
        if len(record) == width and all(cell.strip() for cell in record):
            return above
        above = reader.line_num
    return 0


# ---------------------------------------------------------------- which column is what


def _plain(header: str) -> str:
    """A header as `HEADERS` has it."""
    text = re.sub(r"\s*(\([^)]*\)|\[[^]]*\])\s*$", "", header.strip()).rstrip(" .:") or header
    text = re.sub(r"^(deal|organization|person|opportunity) - ", "", text, flags=re.IGNORECASE)
    return landed_name(text).removeprefix("raw_") if text.strip() else ""


def _known(entity: str) -> dict[str, tuple[str, ...]]:
    """The headers of each column of an entity; our own name is one."""
    known = HEADERS.get(entity, {})
    return {ours: (ours, *known.get(ours, ())) for ours in ENTITIES[entity].columns}


def _found(header: Sequence[str], entity: str, taken: Iterable[int] = ()) -> dict[str, int]:
    """Our columns by the position of the header that is one of their usual names; each header serves once."""
    plain = [_plain(name) for name in header]
    used = set(taken)
    found: dict[str, int] = {}
    for ours, names in _known(entity).items():
        places = (place for name in names for place, other in enumerate(plain) if other == name and place not in used)
        if (place := next(places, None)) is not None:
            found[ours] = place
            used.add(place)
    if entity == "opportunity" and "Deal - Status" in header:  # Pipedrive tells won and lost apart there alone
        found["stage"] = list(header).index("Deal - Status")
    return found


def _entity(file: Path, header: Sequence[str]) -> str:
    """The entity that a file holds, by its name, else by its headers."""
    folder = file.parent.name if re.fullmatch(r"\d{4}-\d{2}-\d{2}", file.stem) else file.stem
    stem = landed_name(folder) if folder.strip() else ""
    scores = {entity: len(_found(header, entity)) for entity in HEADERS}
    complete = {
        entity: score
        for entity, score in scores.items()
        if set(ENTITIES[entity].required) - {"opportunity_id"} <= _found(header, entity).keys()
        or (entity == "account" and "account_name" in _found(header, entity))
    }
    exact = [entity for entity in ENTITIES if stem == entity]
    named = exact or [entity for entity, beginnings in FILE_NAMES.items() if any(begin in stem for begin in beginnings)]
    fitting = [entity for entity in named if entity in complete]
    if exact or len(fitting) == 1:
        return (exact or fitting)[0]
    if not complete:
        if len(named) == 1:
            return named[0]
        raise DoubtError("--entity", f"what does it hold? Its columns are {', '.join(header)}.", list(ENTITIES))
    best = max(complete.values())
    winners = [entity for entity in complete if complete[entity] == best]
    if len(winners) > 1:
        raise DoubtError("--entity", "what does it hold?", winners)
    return winners[0]


def _mapped(rows: _Rows, entity: str, told: Told, given: Sequence[str] = ()) -> dict[str, int]:
    """Our columns by position, what was told before what is known; an id that names stand in for is left out."""
    found = {ours: place for ours, place in _found(rows.header, entity).items() if ours not in told.columns.values()}
    for theirs, ours in told.columns.items():
        if theirs not in rows.header:
            raise SourceError(f"--column: there is no column {theirs}. Got {', '.join(rows.header)}. Correct the name.")
        if ours not in ENTITIES[entity].columns:
            known = ", ".join(ENTITIES[entity].columns)
            raise SourceError(f"--column: {entity} has no column {ours}. Expected one of {known}. Correct the name.")
        place = rows.header.index(theirs)
        found = {name: other for name, other in found.items() if other != place} | {ours: place}
    if entity == "opportunity" and "opportunity_id" not in found and "opportunity_name" in found:
        names = rows.texts(found["opportunity_name"])
        if names and len(set(names)) == len(names):
            found["opportunity_id"] = found.pop("opportunity_name")
    if missing := [name for name in _missing(entity, found) if name not in given]:
        raise _no_column(rows, missing[0], found)
    return found


def _no_column(rows: _Rows, ours: str, found: Mapping[str, int]) -> DoubtError | SourceError:
    """The doubt which column of a file is one of ours; an error where each is something else already."""
    names = ", ".join(rows.header)
    free = [name for place, name in enumerate(rows.header) if place not in found.values()]
    if not free:
        return SourceError(
            f"which column is {ours}? Got {names}, and each is another one of ours already. Export the file with a "
            "column for it."
        )
    return DoubtError(f'--column "THEIRS={ours}"', f"which column is {ours}? Got {names}.", free)


def _missing(entity: str, found: Mapping[str, Any]) -> list[str]:
    """Required columns that are not there, and that no name stands in for."""
    stand_ins = ENTITIES[entity].stand_ins
    return [name for name in ENTITIES[entity].required if name not in found and stand_ins.get(name) not in found]


def _beside(
    rows: _Rows, derived: str, mapped: Mapping[str, int], shared: Sequence[str], own: Sequence[str]
) -> dict[str, int] | None:
    """The columns of the entity that is repeated in the rows of another; None where there is nothing to say of it."""
    found = {ours: mapped[ours] for ours in shared if ours in mapped}
    others = _found(rows.header, derived, mapped.values())
    found |= {ours: place for ours, place in others.items() if ours in own}
    key = ENTITIES[derived].key[0]
    stands = key if key in found else ENTITIES[derived].stand_ins.get(key, "")
    if stands not in found or (stands == key and len(found) == 1):
        return None
    return None if any(";" in text for text in rows.texts(found[stands])) else found


# ---------------------------------------------------------------- how values are written


def _proposal(
    file: Path,
    entity: str,
    rows: _Rows,
    mapped: Mapping[str, int],
    told: Told,
    main: Proposal | None = None,
    is_landed: bool = True,
) -> Proposal:
    """Everything about a file read as one entity; `main` where its rows are about another."""
    kinds = ENTITIES[entity].columns
    by_kind: dict[str, list[str]] = {}
    for ours, place in mapped.items():
        by_kind.setdefault(_kind(kinds[ours]), []).extend(rows.texts(place))
    null_values = sorted(
        {
            text
            for kind, texts in by_kind.items()
            for text in texts
            if text.lower() in (SURE_NO_VALUES if kind == TEXT else NO_VALUES)
        }
    )
    by_kind = {kind: [text for text in texts if text not in null_values] for kind, texts in by_kind.items()}
    numbers = [*by_kind.get("number", ()), *by_kind.get(PROBABILITY, ())]
    decimal, thousands = separators(numbers, told.decimal)
    remarks = list(rows.remarks) if main is None else []
    currency = _currency(rows, mapped, kinds, null_values, is_landed)
    if currency.replaces_column:
        mapped = {ours: place for ours, place in mapped.items() if ours != "currency_code"}
    signed = [text for text in by_kind.get(PROBABILITY, ()) if "%" in text]
    bare = [text for text in by_kind.get(PROBABILITY, ()) if "%" not in text]
    rates = [*map(float, _typed(rows, mapped, kinds, PROBABILITY)), *(as_number(text, decimal) for text in bare)]
    # of 90 % and 0.2, a run that reads percentages would make the second 0.2 %
    is_mixed = bool(signed) and any(0 < rate < 1 for rate in rates) and max(rates) <= 1
    is_percent = any(rate > 1 for rate in rates) or (bool(signed) and not is_mixed)
    is_utc = any("(UTC)" in rows.header[place].upper() for ours, place in mapped.items() if kinds[ours] == INSTANT)
    is_monthly = entity == "subscription" and "amount" in mapped and _plain(rows.header[mapped["amount"]]) == "mrr"
    if is_monthly:  # whatever interval is billed
        mapped = {ours: place for ours, place in mapped.items() if ours not in ("interval", "interval_count")}
    columns = _columns(rows, entity, mapped)
    stages = _stages(rows, mapped, decimal) if entity == "opportunity" else ()
    if entity == "opportunity" and "opportunity_id" in mapped:
        header = rows.header[mapped["opportunity_id"]]
        if _plain(header) in HEADERS[entity]["opportunity_name"]:
            remarks.append(f"no column is an id: {header} stands for it, and a renamed deal will be a new one")
    if entity == "opportunity":
        remarks += [
            f"no column is {ours}, so {lost}; if there is one, name it with --column 'THEIRS={ours}'"
            for ours, lost in WANTED.items()
            if ours not in mapped
        ]
    if is_mixed:
        remarks.append(f"{signed[0]} and shares below 1 do not fit together: rows with a % sign will be rejected")
    remarks += currency.remarks
    if entity == "subscription" and "amount" in mapped and _has_several(rows, mapped):
        amount, quantity = (rows.header[mapped[ours]] for ours in ("amount", "quantity"))
        remarks.append(
            f"{amount} is read as what all units cost together; if it is the price of one, export it times {quantity}"
        )
    return Proposal(
        file=file,
        entity=entity,
        columns=columns,
        layout=rows.layout,
        dialect=Dialect(
            decimal=decimal,
            thousands=thousands,
            date_format=date_format([*by_kind.get(DATE, ()), *by_kind.get(INSTANT, ())], told.date_format),
            currency_prefix=currency.is_beside,
            parentheses=any(map(is_in_parentheses, by_kind.get("number", ()))),
            percent=is_percent,
            null_values=tuple(null_values),
            time_zone="UTC" if is_utc else "",
        ),
        values={
            ours: ours_of
            for ours, place in mapped.items()
            if kinds[ours] == FLAG
            and (ours_of := {text: FLAGS[text.lower()] for text in rows.texts(place) if text.lower() in FLAGS})
        },
        is_monthly=is_monthly,
        currency=currency.of_all,
        usual_currency=currency.usual,
        is_distinct=main is not None,
        stages=stages,
        remarks=tuple(remarks),
    )


@dataclass(frozen=True)
class _Currency:
    """What a file says of the currency of its amounts."""

    of_all: str  # of all amounts that name no other
    usual: str  # of most
    is_beside: bool  # it stands beside amounts
    replaces_column: bool  # amounts were converted, and the column says what they were before
    remarks: tuple[str, ...]


def _currency(
    rows: _Rows, mapped: Mapping[str, int], kinds: Mapping[str, str], null_values: Sequence[str], is_landed: bool
) -> _Currency:
    """What the headers of amounts, the amounts and a column say of their currency."""
    amounts = {rows.header[place]: rows.cells[place] for ours, place in mapped.items() if kinds[ours] == MONEY}
    cells = [
        cell
        for column in amounts.values()
        for cell in column
        if cell is not None and str(cell).strip() and str(cell).strip() not in null_values
    ]
    marks = [currency_of(cell) if isinstance(cell, str) else "" for cell in cells]
    beside = Counter(mark for mark in marks if mark)
    named = _named_currencies(amounts)
    column = rows.header[mapped["currency_code"]] if "currency_code" in mapped else ""
    said = Counter(text.upper() for text in rows.texts(mapped["currency_code"])) if column else Counter[str]()
    replaces_column = bool(named and set(said) - named.keys())
    remarks = []
    if replaces_column:
        remarks.append(f"{' and '.join(named.values())} names the currency of the amounts, so {column} is not read")
    if len(named) > 1:
        remarks.append(f"{' and '.join(named.values())} name several currencies, and are read as amounts in one")
    speaks_for_rows = is_landed and (not column or replaces_column)  # what stands beside amounts, of a landed file
    if speaks_for_rows and not named and beside and len(marks) > beside.total():
        remarks.append(
            f"some amounts are in {' and '.join(sorted(beside))}, and others name no currency: these are in the "
            "company's, and where that is another, the former will be rejected"
        )
    elif speaks_for_rows and len(beside) > 1:
        remarks.append(
            f"amounts are in {' and '.join(sorted(beside))}, and no column is the currency of a row: "
            "those that are not in the company's will be rejected"
        )
    candidates = list(named or (beside if speaks_for_rows and len(marks) == beside.total() else ()))
    of_all = candidates[0] if len(candidates) == 1 else ""
    usual = next((code for code, _ in (said or beside).most_common(1) if len(code) == 3), "")
    return _Currency(of_all, of_all or usual, bool(beside), replaces_column, tuple(remarks))


def _named_currencies(headers: Iterable[str]) -> dict[str, str]:
    """The currencies that headers of amounts name, each with its header; SourceError for amounts in thousands."""
    found = {}
    for header in headers:
        currency, scale = beside_header(header)
        if scale:
            raise SourceError(
                f"the column {header} has amounts in `{scale}`. Expected whole amounts. Export it so, or multiply it."
            )
        if currency:
            found[currency] = header
    return found


def _kind(column_type: str) -> str:
    return column_type if column_type in (TEXT, DATE, INSTANT, FLAG, PROBABILITY) else "number"


def _typed(rows: _Rows, mapped: Mapping[str, int], kinds: Mapping[str, str], kind: str) -> list[Any]:
    """The cells of the columns of a kind that came as numbers."""
    return [
        cell
        for ours, place in mapped.items()
        if kinds[ours] == kind
        for cell in rows.cells[place]
        if isinstance(cell, int | float) and not isinstance(cell, bool)
    ]


def _has_several(rows: _Rows, mapped: Mapping[str, int]) -> bool:
    """Whether a row is about more than one unit."""
    cells = rows.cells[mapped["quantity"]] if "quantity" in mapped else []
    return any(as_number(str(cell).strip(), ".") > 1 for cell in cells if cell is not None)


def _columns(rows: _Rows, entity: str, mapped: Mapping[str, int]) -> tuple[Column, ...]:
    """The file's columns with two values each; what could be personal is not shown."""
    ours = {place: name for name, place in mapped.items()}
    is_about_people = entity in ("person", "user")

    def shown(place: int, header: str) -> tuple[str, ...]:
        name = ours.get(place, "")
        if is_about_people and (not name or ENTITIES[entity].columns[name] == TEXT) and not name.endswith("_id"):
            return ("not shown",)
        values = dict.fromkeys(_shown(cell) for cell in rows.cells[place] if cell is not None and str(cell).strip())
        return tuple("not shown" if "@" in value else value for value in list(values)[:2])

    return tuple(Column(header, ours.get(place, ""), shown(place, header)) for place, header in enumerate(rows.header))


def _shown(cell: Any) -> str:
    if isinstance(cell, datetime | date):
        return cell.isoformat(sep=" ").removesuffix(" 00:00:00") if isinstance(cell, datetime) else cell.isoformat()
    return " ".join(str(cell).split())[:40]


def _stages(rows: _Rows, mapped: Mapping[str, int], decimal: str) -> tuple[tuple[str, float | None], ...]:
    """The stages with the probability that most of their deals have, in its order, else as they come."""
    if "stage" not in mapped:
        return ()
    rates: dict[str, Counter[float]] = {}
    probability = rows.cells[mapped["probability"]] if "probability" in mapped else [None] * len(rows.cells[0])
    for stage, rate in zip(rows.cells[mapped["stage"]], probability, strict=True):
        name = str(stage).strip() if stage is not None else ""
        if name:
            counted = rates.setdefault(name, Counter())
            if rate is not None and str(rate).strip():
                counted[as_number(str(rate).rstrip("% \u00a0"), decimal)] += 1
    usual = {name: counted.most_common(1)[0][0] if counted else None for name, counted in rates.items()}
    scale = 100 if any(rate is not None and rate > 1 for rate in usual.values()) else 1
    scaled = {name: rate if rate is None else rate / scale for name, rate in usual.items()}
    if all(rate is not None for rate in scaled.values()):
        return tuple(sorted(scaled.items(), key=lambda item: item[1] or 0.0))
    return tuple(scaled.items())
