"""Files as people write them, with whatever goes wrong in them: a value is read as it was meant, or its row is named.

A plain reading writes random deals into files of a random dialect, most cells as the dialect says, and one cell of some
rows in a way that it does not say. The ledger must show what was meant or lack the row; it must never show something
else.
"""

from __future__ import annotations

import csv
import io
import random
import tempfile
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pytest

from ingestion.files.columns import EntityOptions
from ingestion.files.layout import Layout
from ingestion.files.source import build_source
from ingestion.landing import land
from ingestion.source import Dialect, landed_name
from snapshots.intervals import connect
from tests.exports.real_exports import write_old_workbook, write_workbook
from tests.snapshots.company import store, take

DAY = date(2026, 11, 22)
ZONE = ZoneInfo("America/New_York")
HEADERS = {
    "opportunity_id": "Deal ID",
    "stage": " Phase ",
    "amount": "Amount (EUR)",
    "currency_code": "Currency",
    "close_date": "Close  Date",
    "created_at": "Created",
    "probability": "Probability (%)",
    "is_deleted": "Deleted?",
    "next_step": "Next step, please",
}
BLANKS = ("", "", "", " ", "\t", "\u00a0", "  ")
FORMATS = ("", "DD.MM.YYYY", "D.M.YYYY", "M/D/YYYY", "MM/DD/YYYY", "D/M/YYYY", "DD-MM-YYYY", "YYYY/MM/DD", "DD.MM.YY")
STEPS = ("", "call; then mail", 'say "yes"', "two\nlines", "a, b", "Straße: 5 €", "=1+1", "NULL", "#N/A", "007")


@dataclass(frozen=True)
class Cell:
    """A text in a file, what it means, and whether the dialect has it: only then it must be read."""

    text: str
    meaning: Any
    is_said: bool = True


def amount_of(draw: random.Random, dialect: Dialect, value: Decimal, code: str) -> Cell:
    """An amount as the dialect writes it, in one of the ways that it allows."""
    separators = [dialect.thousands] if dialect.thousands else ["", "."] if dialect.decimal == "," else [""]
    text = grouped(abs(value), draw.choice(["", *separators]), dialect.decimal)
    if value == value.to_integral_value() and draw.random() < 0.3:
        text = text.split(dialect.decimal)[0]
    sign = "-" if value < 0 else draw.choice(["", "", "+"])
    if dialect.parentheses and value < 0:
        sign, text = "", f"({text})"
    if dialect.currency_prefix and draw.random() < 0.7:
        text = draw.choice([f"{code} {sign}{text}", f"{sign}{text} {code}", f"{sign}{text}\u00a0{code}"])
    else:
        text = sign + text
    return Cell(draw.choice(BLANKS) + text + draw.choice(BLANKS), value)


def grouped(value: Decimal, thousands: str, decimal: str) -> str:
    """A number with two decimals and separators."""
    whole, cents = f"{value:,.2f}".split(".")
    return whole.replace(",", thousands) + decimal + cents


def strange_amount(draw: random.Random, dialect: Dialect, value: Decimal, code: str) -> Cell:
    """An amount in a way that the dialect does not say, though a person would read it."""
    other = "," if dialect.decimal == "." else "."
    size = abs(value)
    text = draw.choice(
        [
            f"({grouped(size, '', dialect.decimal)})",
            f"{grouped(size, '', dialect.decimal)}-",
            f"\u2212{grouped(size, '', dialect.decimal)}",
            f"- {grouped(size, '', dialect.decimal)}",
            f"{size:.2f}%",
            f"{float(size):_.2f}",
            f"--{size}",
            f"0x{int(size):x}",
            "n/a",
            "#DIV/0!",
            "12.345.67",
            f"{size:.2f} CHF",
            f"CHF {size:.2f}",
            "".join(chr(0xFF10 + int(sign)) if sign.isdigit() else sign for sign in f"{size:.2f}"),
            grouped(size + 1000, dialect.decimal, other),
            grouped(size + 1_000_000, dialect.decimal, other),
            grouped(size + 1000, "'", dialect.decimal) if dialect.thousands != "'" else "1''000",
            f"{int(size) + 1000:,}".replace(",", dialect.decimal) + f"{other}5",
        ]
    )
    meanings = {
        grouped(size + 1000, dialect.decimal, other): size + 1000,
        grouped(size + 1_000_000, dialect.decimal, other): size + 1_000_000,
        grouped(size + 1000, "'", dialect.decimal): size + 1000,
    }
    is_negative = text.startswith(("(", "\u2212", "- ")) or text.endswith("-")
    return Cell(text, meanings.get(text, -size if is_negative else size), is_said=False)


def day_of(draw: random.Random, dialect: Dialect, day: date) -> Cell:
    """A day as the dialect writes it, or ISO 8601, which every dialect reads."""
    form = draw.choice([dialect.date_format, dialect.date_format, "YYYY-MM-DD"]) or "YYYY-MM-DD"
    text = form.replace("YYYY", f"{day:%Y}").replace("YY", f"{day:%y}")
    text = text.replace("MM", f"{day:%m}").replace("M", str(day.month))
    text = text.replace("DD", f"{day:%d}").replace("D", str(day.day))
    return Cell(draw.choice(BLANKS) + text + draw.choice(BLANKS), day)


def strange_day(draw: random.Random, dialect: Dialect, day: date) -> Cell:
    """A day in a way that the dialect does not say, and which cannot be another day in it."""
    late = day.replace(day=13 + day.day % 15)
    order = dialect.date_format.replace("DD", "D").replace("MM", "M")
    american = f"{late.month}/{late.day}/{late.year}"
    texts = {
        f"{late:%d %b %Y}": late,
        f"{late:%Y%m%d}": late,
        str((late - date(1899, 12, 30)).days): late,
        f"{late.year}-{late.month}-{late.day}": late,
        f"{late:%Y-%m}-31 ": None,
        f"{late.year}-02-30": None,
        f"30.02.{late.year}": None,
        f"31/11/{late.year}": None,
        "0000-00-00": None,
        "tomorrow": None,
        f"{late:%y}-{late:%m}-{late:%d}": late,
        f"{late:%d}.{late:%m}.{late.year}.": late,
    }
    if not order.startswith("M"):
        texts[american] = late
    if not order.startswith("D"):
        texts[f"{late.day}/{late.month}/{late.year}"] = late
    texts = {text: meaning for text, meaning in texts.items() if not (text.startswith(f"{late:%Y-%m}-31") and late.month
             in (1, 3, 5, 7, 8, 10, 12))}  # fmt: skip
    text = draw.choice(sorted(texts))
    return Cell(text, texts[text], is_said=False)


def rate_of(draw: random.Random, dialect: Dialect, share: Decimal) -> Cell:
    """A rate as the dialect writes it."""
    if not dialect.percent:
        return Cell(f"{share:f}".replace(".", dialect.decimal), share)
    percent = f"{(share * 100).normalize():f}".replace(".", dialect.decimal)
    return Cell(percent + draw.choice(["", "%", " %", "\u00a0%"]), share)


def strange_cell(draw: random.Random, dialect: Dialect, column: str, meant: tuple[Decimal, str, date]) -> Cell:
    """A cell of a column in a way that the dialect does not say; `meant` are amount, currency and day."""
    value, code, day = meant
    if column == "amount":
        return strange_amount(draw, dialect, value, code)
    if column == "close_date":
        return strange_day(draw, dialect, day)
    nonsense = {
        "is_deleted": ["nein", "x", "2", "-", "falsch"],
        "created_at": ["yesterday", "2026-13-01", "25:61", "1"],
    }
    return Cell(draw.choice(nonsense[column]), None, is_said=False)


def deals(draw: random.Random, dialect: Dialect, *, is_strange: bool) -> list[dict[str, Cell]]:
    """Rows of cells; every second one has a strange cell, if any may be."""
    rows = []
    for number in range(40):
        code = draw.choice(["EUR", "USD"])
        value = Decimal(draw.choice([0, 5, 1234, -75000, 12_345_678, 999]) * 100 + draw.choice([0, 0, 5, 50, 99])) / 100
        day = date(2026, 1, 1) + timedelta(days=draw.randrange(700))
        at = datetime(2026, 7, 1, tzinfo=UTC) + timedelta(minutes=draw.randrange(100_000))
        local = at.astimezone(ZONE)
        moment = draw.choice([at.isoformat(), f"{local:%Y-%m-%d %H:%M}", f"{local:%Y-%m-%dT%H:%M:%S}"])
        step = draw.choice(STEPS)
        row = {
            "opportunity_id": Cell(draw.choice(BLANKS) + f"D-{number:03d}" + draw.choice(BLANKS), f"D-{number:03d}"),
            "stage": Cell(draw.choice(["Offer", "Won"]), None),
            "amount": amount_of(draw, dialect, value, code),
            "currency_code": Cell(code, code),
            "close_date": day_of(draw, dialect, day),
            "created_at": Cell(moment, at.replace(tzinfo=None)),
            "probability": rate_of(draw, dialect, Decimal(draw.choice(["0", "0.25", "0.5", "0.125", "1"]))),
            "is_deleted": Cell(draw.choice(["false", "0", "no", "NO", ""]), None),
            "next_step": Cell(step, step or None),
        }
        row["stage"] = Cell(row["stage"].text, row["stage"].text)
        row["is_deleted"] = Cell(row["is_deleted"].text, False if row["is_deleted"].text else None)
        if is_strange and number % 8 == 4:
            row["stage"] = Cell(row["stage"].text, row["stage"].text, is_said=False)  # the line will be damaged
        if is_strange and number % 2:
            column = draw.choice(["amount", "amount", "close_date", "is_deleted", "created_at"])
            row[column] = strange_cell(draw, dialect, column, (value, code, day))
        rows.append(row)
    return rows


def written(draw: random.Random, file: Path, rows: list[dict[str, Cell]], layout: Layout) -> None:
    """A CSV of the layout: any order of columns, a title, blank lines, a footer, and whatever quotes a program sets."""
    columns = draw.sample(list(HEADERS), len(HEADERS))
    text = io.StringIO(newline="")
    kinds: list[Literal[0, 1, 2]] = [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]
    end = draw.choice(["\n", "\r\n"])
    writer = csv.writer(text, delimiter=layout.delimiter or ",", quoting=draw.choice(kinds), lineterminator=end)
    if draw.random() < 0.4:
        text.write(f"Deals of the week{end}{end}")
    writer.writerow([*(HEADERS[column] for column in columns), "Colour"])
    for row in rows:
        begin = text.tell()
        writer.writerow([*(row[column].text for column in columns), "red"])
        if not row["stage"].is_said:
            line = damaged(draw, text.getvalue()[begin:].removesuffix(end), layout.delimiter)
            text.seek(begin)
            text.truncate()
            text.write(line + end)
        if draw.random() < 0.05:
            text.write(end)
        if draw.random() < 0.02:  # two exports one behind the other
            writer.writerow([*(HEADERS[column] for column in columns), "Colour"])
    if draw.random() < 0.4:
        text.write(f"{end}Generated By: Ada{end}Confidential{end}")
    file.write_bytes(text.getvalue().encode(layout.encoding, errors="replace"))


def damaged(draw: random.Random, line: str, delimiter: str) -> str:
    """A line that lost its end, or has one cell too many, or a quote of its own."""
    places = [place for place, sign in enumerate(line) if sign == delimiter and line[:place].count('"') % 2 == 0]
    return draw.choice(
        [
            line[: draw.choice(places)],
            line[: (place := draw.choice(places))] + delimiter + line[place:],
            line[: (place := draw.choice(places) + 1)] + '"' + line[place:],
        ]
    )


def typed(rows: list[dict[str, Cell]]) -> list[list[object]]:
    """The same as the cells of a workbook: numbers, days and flags of their own types."""
    return [list(HEADERS.values()), *([as_typed(row[column].meaning) for column in HEADERS] for row in rows)]


def as_typed(meaning: Any) -> object:
    """What stands in a cell: a number, a day, the company's time on the wall, or what it is."""
    if isinstance(meaning, Decimal):
        return float(meaning)
    if isinstance(meaning, datetime):
        return meaning.replace(tzinfo=UTC).astimezone(ZONE).replace(tzinfo=None)
    return meaning


def captured(file: Path, home: Path, options: EntityOptions) -> dict[str, dict[str, Any]]:
    """What the ledger shows of the file's deals."""
    where = store(home)
    source = build_source(
        "crm", file.parent, time_zone="America/New_York", as_of=None, entities={"opportunity": options},
        clock=lambda: datetime(2026, 11, 22, 17, tzinfo=UTC),
    )  # fmt: skip
    land(source, (DAY,), landing=where.landing, pipelines_dir=home / "dlt", today=DAY)
    assert take(where, [DAY]).tripped == ()
    names = {ours: landed_name(header) for ours, header in HEADERS.items()}
    with connect(where) as con:
        found = con.execute(
            f"select {', '.join(f'{name} as {ours}' for ours, name in names.items())} from ledger.files__opportunity"
        )
        columns = [column[0] for column in found.description or []]
        return {row[columns.index("opportunity_id")]: dict(zip(columns, row, strict=True)) for row in found.fetchall()}


def dialect_of(draw: random.Random) -> Dialect:
    """Any dialect in which decimal and thousands differ."""
    decimal = draw.choice([".", ","])
    thousands = draw.choice(["", "", ",", ".", "'", " "])
    return Dialect(
        decimal=decimal,
        thousands="" if thousands == decimal else thousands,
        date_format=draw.choice(FORMATS),
        currency_prefix=draw.random() < 0.5,
        parentheses=draw.random() < 0.5,
        percent=draw.random() < 0.5,
    )


def compare(rows: list[dict[str, Cell]], found: dict[str, dict[str, Any]], what: str) -> int:
    """Hold the ledger against what was meant; how many strange cells cost their row."""
    refused = 0
    assert set(found) <= {row["opportunity_id"].meaning for row in rows}, what
    for row in rows:
        key = row["opportunity_id"].meaning
        strange = [column for column, cell in row.items() if not cell.is_said]
        if key not in found:
            assert strange, f"{what}: {key} is not there: { {name: cell.text for name, cell in row.items()} }"
            refused += 1
            continue
        for column, cell in row.items():
            got = found[key][column]
            assert got == cell.meaning, f"{what}: {column} {cell.text!r} was read as {got!r}, meant {cell.meaning!r}"
    return refused


@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4, 40))])
def test_what_is_written_is_read_as_it_was_meant_or_its_row_is_named(seed: int) -> None:
    draw = random.Random(seed)
    dialect = dialect_of(draw)
    layout = Layout(
        delimiter=draw.choice([",", ";", "\t", "|"]), encoding=draw.choice(["utf-8", "utf-8-sig", "cp1252", "utf-16"])
    )
    rows = deals(draw, dialect, is_strange=True)
    options = EntityOptions(columns={theirs: ours for ours, theirs in HEADERS.items()}, dialect=dialect, layout=layout)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "exports" / "opportunity.csv"
        file.parent.mkdir()
        written(draw, file, rows, layout)
        found = captured(file, Path(folder) / "home", options)
    assert compare(rows, found, f"seed {seed}, {dialect}, {layout}") > 5


@pytest.mark.parametrize("seed", [*range(2), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 12))])
def test_a_workbook_is_read_as_it_was_meant(seed: int) -> None:
    draw = random.Random(seed)
    dialect = dialect_of(draw)
    rows = deals(draw, dialect, is_strange=False)
    suffix, write = draw.choice([(".xlsx", write_workbook), (".xls", write_old_workbook)])
    options = EntityOptions(columns={theirs: ours for ours, theirs in HEADERS.items()}, dialect=dialect)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "exports" / f"opportunity{suffix}"
        file.parent.mkdir()
        write(file, {"Deals": typed(rows)})
        found = captured(file, Path(folder) / "home", options)
    assert compare(rows, found, f"seed {seed}, {dialect}, {suffix}") == 0
