"""A team's own list of the pipeline against the one pipeline number of a day, line by line, without landing it.

Comes from a file in hand, read as `init --from` proposes to read one, and from the published file; goes to the
terminal as reasons with their amounts, and into a CSV file as items. The numbers are those of
`rpt_pipeline_reconciliation`, had the list been landed. Alone:
`python -c "from orchestration.commands.reconcile import *; print(reconcile(published, question, 'USD', 'UTC'))"`
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from ingestion.files.detection import Proposal, Told, detect_list
from ingestion.files.spelling import DoubtError
from ingestion.source import SourceError
from orchestration.commands.sql import connect, outdated
from orchestration.settings.errors import ConfigError
from reporting.published import LACKS
from snapshots.casts import create_readings
from snapshots.dialect import Dialect

REASONS = {
    "unknown_id": "no opportunity has this id, or these names",
    "doubled": "a second line of one opportunity",
    "deleted": "deleted in the CRM",
    "merged": "merged into another one",
    "unmapped": "in a stage without a definition",
    "won": "won already",
    "lost": "lost already",
    "other_quarter": "due in another quarter",
    "currency": "another currency",
    "amount": "another amount",
    "not_listed": "in the CRM, and not in the list",
    "equal": "as the CRM says",
}
READINGS = {"amount": "read_number", "close_date": "read_date", "opportunity_id": "read_id"}
SCHEMA = pa.schema(
    [("line_number", pa.int32())]
    + [
        (name, pa.string())
        for name in ("opportunity_id", "opportunity_name", "account_name", "currency_code", "fiscal_quarter")
    ]
    + [("amount", pa.decimal128(18, 2)), ("close_date", pa.date32())]
)
DAYS = "select min(snapshot_date), max(snapshot_date) from dim_snapshot where entity = 'opportunity'"
# What each line means: an opportunity by its id, else by the names where exactly one fits.
LINES = """
create table memory.main.lines as
with lines as (
    select
        lines.* exclude (fiscal_quarter),
        coalesce(lines.fiscal_quarter, days.fiscal_quarter, $quarter, '(none)') as fiscal_quarter
    from given_lines as lines left join dim_date as days on lines.close_date = days.date_day
), known as (
    select source, opportunity_id, lower(opportunity_name) as name, account_id,
        coalesce(nullif(regexp_extract(opportunity_id, '^(006[A-Za-z0-9]{12})([A-Z0-5]{3})?$', 1), ''), opportunity_id)
            as id
    from fct_opportunity_current
), by_id as (
    select lines.line_number, min(known.source) as source, min(known.opportunity_id) as opportunity_id
    from lines inner join known
        on known.id = coalesce(
            nullif(regexp_extract(lines.opportunity_id, '^(006[A-Za-z0-9]{12})([A-Z0-5]{3})?$', 1), ''),
            lines.opportunity_id
        )
    group by all having count(*) = 1
), by_name as (
    select lines.line_number, min(known.source) as source, min(known.opportunity_id) as opportunity_id
    from lines
    inner join known on lower(lines.opportunity_name) = known.name
    left join dim_account as accounts using (source, account_id)
    where lines.opportunity_id is null
        and (lines.account_name is null or lower(lines.account_name) = lower(accounts.account_name))
    group by all having count(*) = 1
), matched as (
    select
        lines.* exclude (opportunity_id),
        lines.opportunity_id as listed_opportunity_id,
        coalesce(by_id.source, by_name.source) as source,
        coalesce(by_id.opportunity_id, by_name.opportunity_id) as opportunity_id,
        by_name.source is not null as is_matched_by_name
    from lines left join by_id using (line_number) left join by_name using (line_number)
)
select *, opportunity_id is not null and row_number() over (
    partition by source, opportunity_id order by line_number
) > 1 as is_doubled
from matched
"""
# $day is the list's day, or the last captured one.
ITEMS = """
with numbered as (
    select * from memory.main.lines
), standing as (
    select * from fct_opportunity_history where valid_from <= $day and valid_to > $day
), gone as (
    select source, opportunity_id, is_merged and valid_to <= $day as is_merged
    from fct_opportunity_current semi join (
        select source, opportunity_id from fct_opportunity_history where valid_from <= $day
    ) as captured using (source, opportunity_id)
), judged as (
    select
        numbered.*,
        case
            when standing.source is null and gone.source is null then 'unknown_id'
            when numbered.is_doubled then 'doubled'
            when standing.source is null then if(gone.is_merged, 'merged', 'deleted')
            when not standing.is_open then standing.stage_category
            when standing.close_fiscal_quarter <> numbered.fiscal_quarter then 'other_quarter'
            when standing.currency_code <> numbered.currency_code then 'currency'
            when standing.source_amount is distinct from numbered.amount then 'amount'
            else 'equal'
        end as reason,
        coalesce(standing.amount, 0) as standing_amount,
        coalesce(if(
            numbered.currency_code = $base, numbered.amount,
            cast(round(cast(numbered.amount as decimal(38, 2)) * rates.rate_to_base, 2) as decimal(18, 2))
        ), 0) as listed_amount
    from numbered
    left join standing using (source, opportunity_id)
    left join gone using (source, opportunity_id)
    left join dim_fx_rate as rates
        on rates.source = coalesce(numbered.source, (select min(source) from dim_snapshot where entity = 'opportunity'))
        and rates.currency_code = numbered.currency_code and rates.valid_from <= $day and rates.valid_to > $day
), compared as (
    select distinct fiscal_quarter from judged where $quarter is null or fiscal_quarter = $quarter
), items as (
    select fiscal_quarter, reason, source, opportunity_id, listed_opportunity_id, line_number, is_matched_by_name,
        if(reason in ('currency', 'amount', 'equal'), standing_amount, 0) as our_amount, listed_amount as their_amount,
        true as is_line
    from judged semi join compared using (fiscal_quarter)
    union all
    select standing.close_fiscal_quarter, if(first.line_number is null, 'not_listed', 'other_quarter'),
        standing.source, standing.opportunity_id, first.listed_opportunity_id, first.line_number,
        coalesce(first.is_matched_by_name, false), coalesce(standing.amount, 0), 0, false
    from standing
    inner join compared on standing.close_fiscal_quarter = compared.fiscal_quarter
    left join numbered as first
        on first.source = standing.source and first.opportunity_id = standing.opportunity_id and not first.is_doubled
    where standing.is_open and coalesce(first.fiscal_quarter, '') <> standing.close_fiscal_quarter
), agreements as (
    select numbered.line_number, max(least(history.valid_to, $as_of)) - 1 as equals_day
    from numbered inner join fct_opportunity_history as history
        on numbered.source = history.source and numbered.opportunity_id = history.opportunity_id
        and numbered.amount is not distinct from history.source_amount
        and numbered.currency_code = history.currency_code and history.valid_from < $as_of
    group by all
)
select
    items.fiscal_quarter, items.reason, items.line_number, items.listed_opportunity_id, items.source,
    items.opportunity_id, current.opportunity_name, items.is_matched_by_name, items.our_amount, items.their_amount,
    items.their_amount - items.our_amount as amount,
    agreements.equals_day
from items
left join agreements on items.is_line and items.line_number = agreements.line_number
left join fct_opportunity_current as current
    on items.source = current.source and items.opportunity_id = current.opportunity_id
order by items.fiscal_quarter, items.line_number nulls last, items.source, items.opportunity_id
"""
# The latest day up to the list's on which most of its lines were open, due and of their amount in the CRM.
EQUAL_DAYS = """
with agreements as (
    select lines.fiscal_quarter, history.valid_from, history.valid_to
    from memory.main.lines as lines inner join fct_opportunity_history as history
        on lines.source = history.source and lines.opportunity_id = history.opportunity_id
        and lines.amount is not distinct from history.source_amount and lines.currency_code = history.currency_code
        and lines.fiscal_quarter = history.close_fiscal_quarter and history.is_open and history.valid_from <= $as_of
    where not lines.is_doubled
), events as (
    select fiscal_quarter, valid_from as day, 1 as change from agreements
    union all
    select fiscal_quarter, valid_to, -1 from agreements where valid_to <= $as_of
), levels as (
    select fiscal_quarter, day, sum(sum(change)) over (partition by fiscal_quarter order by day) as equal_lines,
        coalesce(lead(day) over (partition by fiscal_quarter order by day) - 1, $as_of) as equals_day
    from events group by fiscal_quarter, day
)
select fiscal_quarter, equals_day, cast(equal_lines as integer) from levels
qualify row_number() over (partition by fiscal_quarter order by equal_lines desc, day desc) = 1
"""

COLUMNS = (
    "fiscal_quarter", "reason", "line_number", "listed_opportunity_id", "source", "opportunity_id", "opportunity_name",
    "is_matched_by_name", "our_amount", "their_amount", "amount", "equals_day",
)  # fmt: skip


@dataclass(frozen=True)
class Question:
    """Which list is compared with which day's pipeline. `told` is what a person says of the file's columns."""

    file: Path
    team: str
    as_of: date
    quarter: str | None = None
    told: Told = field(default_factory=Told)


@dataclass(frozen=True)
class Answer:
    """The items, and by quarter and reason the lines and both amounts; `day` is the captured day compared with."""

    day: date
    read: dict[str, str]  # which of the list's columns is which of ours: ours -> theirs
    remarks: tuple[str, ...]  # on how the list was read: what stands before or after its lines
    items: list[dict[str, Any]]
    equal_days: dict[str, tuple[date, int]]  # by quarter: the day that its lines fit best, and how many of them do
    reasons: list[dict[str, Any]]


def reconcile(published: Path, question: Question, base_currency: str, time_zone: str) -> Answer:
    """Compare a list with the published marts. ConfigError for a file or a day that cannot be compared."""
    lines, proposal = read_lines(question, base_currency, time_zone)
    with connect(published) as connection:
        try:
            [(first, last)] = connection.execute(DAYS).fetchall()
            quarters = {row[0] for row in connection.execute("select distinct fiscal_quarter from dim_date").fetchall()}
            check(question, lines, first, quarters)
            day = min(question.as_of, last)
            connection.register("given_lines", lines)
            connection.execute(LINES, {"quarter": question.quarter})
            equal_days = connection.execute(EQUAL_DAYS, {"as_of": question.as_of}).fetchall()
            cursor = connection.execute(
                ITEMS, {"day": day, "as_of": question.as_of, "quarter": question.quarter, "base": base_currency}
            )
        except LACKS as error:
            raise outdated(published, error) from error
        items = [dict(zip(COLUMNS, row, strict=True)) for row in cursor.fetchall()]
    fits = {quarter: (day, count) for quarter, day, count in equal_days}
    return Answer(day, proposal.mapped, proposal.remarks, items, fits, by_reason(items))


def read_lines(question: Question, base_currency: str, time_zone: str) -> tuple[pa.Table, Proposal]:
    """The list's lines in our types, and how it was read. ConfigError for what cannot be read, by its line."""
    if not question.file.is_file():
        raise ConfigError(f"reconcile: {question.file} is no file. Expected a list: .csv, .xlsx, .xls or .parquet.")
    try:
        proposal, cells = detect_list(question.file, question.told)
    except SourceError as error:
        raise ConfigError(f"reconcile: {error}") from error
    except DoubtError as doubt:
        raise ConfigError(
            f"reconcile: {question.file.name}: {doubt.question} Say it with {doubt.option}; "
            f"one of: {', '.join(doubt.choices)}."
        ) from doubt
    count = len(next(iter(cells.values())))
    lines: dict[str, Any] = {"line_number": list(range(1, count + 1))}
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute("create schema ledger")
        spoken = vars(proposal.dialect) | {"decimal": proposal.dialect.decimal or "."}
        create_readings(connection, {"list": Dialect(**spoken)})
        for name in SCHEMA.names[1:]:
            lines[name] = read_column(connection, question, name, cells.get(name, [None] * count), time_zone)
    default = proposal.currency or base_currency
    lines["currency_code"] = [(code or default).upper() for code in lines["currency_code"]]
    named = [one or other for one, other in zip(lines["opportunity_id"], lines["opportunity_name"], strict=True)]
    is_line = [bool(name) or amount is not None for name, amount in zip(named, lines["amount"], strict=True)]
    if not any(is_line):
        raise ConfigError(
            f"reconcile: {question.file.name} has no lines. Expected one for each opportunity, with its id or name and "
            "its amount. Export the list again."
        )
    return pa.table(lines, schema=SCHEMA).filter(pa.array(is_line)), proposal


def read_column(
    connection: duckdb.DuckDBPyConnection, question: Question, name: str, cells: list[Any], time_zone: str
) -> list[Any]:
    """The values of one of our columns: texts in the file's dialect, cells with a type of their own plainly."""
    said = pa.table(
        {
            "line": pa.array(range(1, len(cells) + 1), pa.int32()),
            "said": pa.array([written(cell) for cell in cells], pa.string()),
            "is_text": [isinstance(cell, str) for cell in cells],
        }
    )
    connection.register("said", said)
    reading, kind = READINGS.get(name, "read_text"), SCHEMA.field(name).type
    takes = "said, $zone" if reading == "read_date" else "said"
    value = f'case when is_text then ledger."list.{reading}"({takes}) else ledger.{reading}({takes}) end'
    if pa.types.is_decimal(kind):
        value = f"try_cast({value} as decimal(18, 2))"
    rows = connection.execute(
        f'select line, said, {value}, ledger."list.is_value"(said) from said order by line',
        {"zone": time_zone} if reading == "read_date" else {},
    ).fetchall()
    connection.unregister("said")
    for line, text, found, is_value in rows:
        if found is None and is_value:
            wanted = "amount such as 1234.56" if name == "amount" else "day such as 2026-11-22"
            raise ConfigError(
                f"reconcile: {question.file.name}: line {line}: {name} `{text}` is no {wanted}. Correct it, or say how "
                "the file writes it with --decimal or --date-format."
            )
    return [row[2] for row in rows]


def written(cell: Any) -> str | None:
    """A cell as text, a whole number without a point; None where nothing is in it."""
    if cell is None or (isinstance(cell, float) and cell != cell):
        return None
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return cell.isoformat() if isinstance(cell, date | datetime) else str(cell)


def check(question: Question, lines: pa.Table, first: date | None, quarters: set[str]) -> None:
    """Whether the question can be answered: ConfigError for a day before all days, and for quarters nobody knows."""
    if first is None or question.as_of < first:
        raise ConfigError(
            f"reconcile: --as-of {question.as_of}: the first captured day is {first or '(none)'}. Nothing is known of "
            "the time before it. Name a later day."
        )
    known = f"Expected one such as {max(quarters, default='FY2026-Q3')}"
    if question.quarter and question.quarter not in quarters:
        raise ConfigError(f"reconcile: --quarter: got {question.quarter}. {known}.")
    said = [quarter for quarter in lines["fiscal_quarter"].to_pylist() if quarter]
    if unknown := [quarter for quarter in dict.fromkeys(said) if quarter not in quarters]:
        raise ConfigError(
            f"reconcile: {question.file.name}: fiscal_quarter has {', '.join(unknown[:3])}. {known}. Correct the "
            "column, or leave it out and name the quarter with --quarter."
        )
    if not question.quarter and not said and not any(lines["close_date"].to_pylist()):
        raise ConfigError(
            f"reconcile: {question.file.name} says neither a quarter nor a close date. {known}: name it with --quarter."
        )


def by_reason(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """By quarter and reason: lines of the list, what is ours and theirs of them, and the difference."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for item in items:
        key = (item["fiscal_quarter"], item["reason"])
        row = found.setdefault(
            key,
            {"fiscal_quarter": key[0], "reason": key[1], "items": 0}
            | dict.fromkeys(("our_amount", "their_amount", "amount"), Decimal(0)),
        )
        row["items"] += 1
        for name in ("our_amount", "their_amount", "amount"):
            row[name] += item[name]
    return sorted(found.values(), key=lambda row: (row["fiscal_quarter"], list(REASONS).index(row["reason"])))


def in_words(question: Question, answer: Answer) -> list[str]:
    """What the numbers say, a sentence for each quarter; the day from which the list seems to be."""
    sentences = [f"{question.file.name}: {remark}." for remark in answer.remarks]
    for quarter in dict.fromkeys(row["fiscal_quarter"] for row in answer.reasons):
        mine = [row for row in answer.reasons if row["fiscal_quarter"] == quarter]
        ours, theirs = (sum(row[name] for row in mine) for name in ("our_amount", "their_amount"))
        sentences.append(
            f"{quarter}: the one pipeline number of {answer.day} is {ours:,}; {question.team}'s list says {theirs:,}: "
            f"{theirs - ours:+,}."
        )
        if quarter in answer.equal_days:
            day, count = answer.equal_days[quarter]
            lines = sum(row["items"] for row in mine if row["reason"] != "not_listed")
            sentences.append(f"It fits the CRM of {day} best: {count:,} of its {lines:,} lines were so on that day.")
    reasons_of_lines = {item["reason"] for item in answer.items if item["line_number"] is not None}
    if reasons_of_lines == {"unknown_id"}:
        read = ", ".join(f"`{theirs}` as {ours}" for ours, theirs in answer.read.items())
        sentences.append(
            f"No line is an opportunity that the CRM has. The list was read so: {read}. If its ids are in another "
            'column, name that with --column "THEIRS=opportunity_id".'
        )
    return sentences


def write_items(items: list[dict[str, Any]], target: Path) -> None:
    """Write the items as CSV, whole or not at all."""
    new = target.with_name(f".{target.name}.new")
    try:
        with new.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(items)
        new.replace(target)
    except OSError as error:
        raise ConfigError(
            f"reconcile: -o: {target} is not writable ({error.strerror or error}). Name another file."
        ) from error
    finally:
        new.unlink(missing_ok=True)
