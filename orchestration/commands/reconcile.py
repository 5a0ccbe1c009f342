"""A team's own list of the pipeline against the one pipeline number of a day, line by line, without landing it.

Comes from a file in hand, read as `init --from` proposes to read one, and from the published file; goes to the
terminal as reasons with their amounts, and into a CSV file as items. The numbers are those of
`rpt_pipeline_reconciliation`, had the list been landed. Alone:
`python -c "from orchestration.commands.reconcile import *; print(reconcile(published, question, 'USD', 'UTC'))"`
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from ingestion.files import edges
from ingestion.files.detection import Proposal, Told, detect_list
from ingestion.files.spelling import DoubtError
from ingestion.source import SourceError
from orchestration.commands.sql import connect, outdated
from orchestration.settings.errors import ConfigError
from reporting.published import LACKS
from snapshots.casts import create_readings
from snapshots.dialect import CURRENCY, SYMBOLS, Dialect

REASONS = {
    "unknown_id": "no opportunity has this id, or not just one has these names",
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
READINGS = {"amount": "read_number", "close_date": "read_date", "as_of": "read_date", "opportunity_id": "read_id"}
SCHEMA = pa.schema(
    [("line_number", pa.int32())]
    + [
        (name, pa.string())
        for name in ("opportunity_id", "opportunity_name", "account_name", "currency_code", "fiscal_quarter")
    ]
    + [("amount", pa.decimal128(18, 2)), ("close_date", pa.date32())]
)
DAYS = "select min(snapshot_date), max(snapshot_date) from dim_snapshot where entity = 'opportunity'"
# What each line means: an opportunity by its id, else by the names where exactly one fits, of those captured by $day:
# an open one (1) before one that is closed (2), and that before one that is gone (3).
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
    select lines.line_number, if(count(*) = 1, min(known.source), null) as source,
        if(count(*) = 1, min(known.opportunity_id), null) as opportunity_id,
        list(distinct known.source order by known.source) as sources
    from lines inner join known
        on known.id = coalesce(
            nullif(regexp_extract(lines.opportunity_id, '^(006[A-Za-z0-9]{12})([A-Z0-5]{3})?$', 1), ''),
            lines.opportunity_id
        )
    where $source is null or known.source = $source
    group by all
), fitting as (
    select lines.line_number, known.source, known.opportunity_id,
        min(case when history.valid_to <= $day then 3 when history.is_open then 1 else 2 end) as fit
    from lines
    inner join known on lower(lines.opportunity_name) = known.name
    left join dim_account as accounts using (source, account_id)
    inner join fct_opportunity_history as history
        on known.source = history.source and known.opportunity_id = history.opportunity_id
        and history.valid_from <= $day
    where lines.opportunity_id is null
        and (lines.account_name is null or lower(lines.account_name) = lower(accounts.account_name))
    group by all
), by_name as (
    select line_number, min(source) as source, min(opportunity_id) as opportunity_id
    from (select * from fitting qualify rank() over (partition by line_number order by fit) = 1)
    group by all having count(*) = 1
), matched as (
    select
        lines.* exclude (opportunity_id),
        lines.opportunity_id as listed_opportunity_id,
        coalesce(by_id.source, by_name.source) as source,
        coalesce(by_id.opportunity_id, by_name.opportunity_id) as opportunity_id,
        by_name.source is not null as is_matched_by_name,
        by_id.sources
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
), rate_source as (
    select coalesce(min(source) filter (where $day between first and last), min(source)) as name
    from (
        select source, min(snapshot_date) as first, max(snapshot_date) as last
        from dim_snapshot where entity = 'opportunity' group by all
    )
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
        if(
            numbered.currency_code = $base, numbered.amount,
            cast(round(cast(numbered.amount as decimal(38, 2)) * rates.rate_to_base, 2) as decimal(18, 2))
        ) as listed_amount
    from numbered
    cross join rate_source
    left join standing using (source, opportunity_id)
    left join gone using (source, opportunity_id)
    left join dim_fx_rate as rates
        on rates.source = coalesce(numbered.source, $source, rate_source.name)
        and rates.currency_code = numbered.currency_code and rates.valid_from <= $day and rates.valid_to > $day
), compared as (
    select distinct fiscal_quarter from judged where $quarter is null or fiscal_quarter = $quarter
), items as (
    select fiscal_quarter, reason, source, opportunity_id, listed_opportunity_id, line_number, is_matched_by_name,
        if(reason in ('currency', 'amount', 'equal'), standing_amount, 0) as our_amount,
        coalesce(listed_amount, 0) as their_amount, true as is_line,
        if(amount is not null and listed_amount is null, currency_code, null) as currency_without_rate
    from judged semi join compared using (fiscal_quarter)
    union all
    select standing.close_fiscal_quarter, if(first.line_number is null, 'not_listed', 'other_quarter'),
        standing.source, standing.opportunity_id, first.listed_opportunity_id, first.line_number,
        coalesce(first.is_matched_by_name, false), coalesce(standing.amount, 0), 0, false, null
    from standing
    inner join compared on standing.close_fiscal_quarter = compared.fiscal_quarter
    left join numbered as first
        on first.source = standing.source and first.opportunity_id = standing.opportunity_id and not first.is_doubled
    where standing.is_open and coalesce(first.fiscal_quarter, '') <> standing.close_fiscal_quarter
), agreements as (
    select numbered.line_number, max(least(history.valid_to, $as_of, $day + 1)) - 1 as equals_day
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
    agreements.equals_day, items.currency_without_rate
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
        coalesce(lead(day) over (partition by fiscal_quarter order by day) - 1, $day) as equals_day
    from events group by fiscal_quarter, day
)
select fiscal_quarter, equals_day, cast(equal_lines as integer) from levels
qualify row_number() over (partition by fiscal_quarter order by equal_lines desc, day desc) = 1
"""

COUNTED = "select fiscal_quarter, count(*) from memory.main.lines group by all order by all"
SEVERAL = "select listed_opportunity_id, sources from memory.main.lines where len(sources) > 1 order by line_number"
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
    source: str | None = None  # whose ids they are, where several sources have them


@dataclass(frozen=True)
class Answer:
    """The items, and by quarter and reason the lines and both amounts; `day` is the captured day compared with."""

    day: date
    read: dict[str, str]  # which of the list's columns is which of ours: ours -> theirs
    remarks: tuple[str, ...]  # on how the list was read: what stands before or after its lines
    items: list[dict[str, Any]]
    equal_days: dict[str, tuple[date, int]]  # by quarter: the day that its lines fit best, and how many of them do
    lines: dict[str, int]  # by quarter: how many lines the list has in it
    reasons: list[dict[str, Any]]


def reconcile(published: Path, question: Question, base_currency: str, time_zone: str) -> Answer:
    """Compare a list with the published marts. ConfigError for a file or a day that cannot be compared."""
    lines, proposal, read_remarks = read_lines(question, base_currency, time_zone)
    with connect(published) as connection:
        try:
            [(first, last)] = connection.execute(DAYS).fetchall()
            quarters = {row[0] for row in connection.execute("select distinct fiscal_quarter from dim_date").fetchall()}
            check(question, lines, first, quarters)
            day = min(question.as_of, last)
            connection.register("given_lines", lines)
            asked = {"day": day, "as_of": question.as_of, "quarter": question.quarter, "source": question.source}
            connection.execute(LINES, {name: asked[name] for name in ("day", "quarter", "source")})
            check_sources(connection, question)
            counted = dict(connection.execute(COUNTED).fetchall())
            equal_days = connection.execute(EQUAL_DAYS, {"day": day, "as_of": question.as_of}).fetchall()
            cursor = connection.execute(ITEMS, asked | {"base": base_currency})
        except LACKS as error:
            raise outdated(published, error) from error
        found = cursor.fetchall()
    items = [dict(zip(COLUMNS, row, strict=False)) for row in found]
    fits = {quarter: (best, count) for quarter, best, count in equal_days}
    without = Counter(row[-1] for row in found if row[-1])
    remarks = [
        f"{_lines(count)} in {code}, which has no rate on {day} and counts 0: add it to fx_rates.csv"
        for code, count in sorted(without.items())
    ]
    return Answer(day, proposal.mapped, (*read_remarks, *remarks), items, fits, counted, by_reason(items))


def read_lines(question: Question, base_currency: str, time_zone: str) -> tuple[pa.Table, Proposal, list[str]]:
    """The list's lines in our types, how it was read, and what is to be said of that.

    ConfigError for what cannot be read, by its line in the file.
    """
    if not question.file.is_file():
        raise ConfigError(f"reconcile: {question.file} is no file. Expected a list: .csv, .xlsx, .xls or .parquet.")
    try:
        proposal, cells, places = detect_list(question.file, question.told)
    except SourceError as error:
        raise ConfigError(f"reconcile: {error}") from error
    except DoubtError as doubt:
        raise ConfigError(
            f"reconcile: {question.file.name}: {doubt.question} Say it with {doubt.option}; "
            f"one of: {', '.join(doubt.choices)}."
        ) from doubt
    none = [None] * len(places)
    lines: dict[str, Any] = {"line_number": list(range(1, len(places) + 1))}
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute("create schema ledger")
        spoken = vars(proposal.dialect) | {"decimal": proposal.dialect.decimal or "."}
        create_readings(connection, {"list": Dialect(**spoken)})
        for name in (*SCHEMA.names[1:], "team", "as_of"):
            lines[name] = read_column(connection, question, name, cells.get(name, none), places, time_zone)
    said = [code or proposal.currency for code in lines["currency_code"]]
    beside = [cell if value is not None else None for cell, value in zip(cells["amount"], lines["amount"], strict=True)]
    lines["currency_code"] = [
        currency_of(question, *each, base_currency) for each in zip(places, beside, said, strict=True)
    ]
    remarks = list(proposal.remarks)
    for name, asked in {"team": question.team, "as_of": question.as_of}.items():
        others = [said for said in lines.pop(name) if said and str(said).lower() != str(asked).lower()]
        if others:
            remarks.append(
                f"{proposal.mapped[name]} says {others[0]} in {_lines(len(others))}; all are compared as the list of "
                f"{question.team} of {question.as_of}"
            )
    named = [one or other for one, other in zip(lines["opportunity_id"], lines["opportunity_name"], strict=True)]
    is_line = []
    for position, (name, amount) in enumerate(zip(named, lines["amount"], strict=True)):
        has_more = any(lines[other][position] for other in ("account_name", "close_date", "fiscal_quarter"))
        is_total = bool(name and edges.TOTAL.fullmatch(name.strip())) and not has_more
        is_line.append((bool(name) or amount is not None) and not is_total)
        if is_total:
            remarks.append(f"line {places[position]} ({name} {amount or 0:,}) is a total, and is not compared")
    if not any(is_line):
        raise ConfigError(
            f"reconcile: {question.file.name} has no lines. Expected one for each opportunity, with its id or name and "
            "its amount. Export the list again."
        )
    return pa.table(lines, schema=SCHEMA).filter(pa.array(is_line)), proposal, remarks


def currency_of(question: Question, place: int, amount: Any, said: str | None, base_currency: str) -> str:
    """The currency of a line: what its column or the header says, else what stands beside the amount, else the base.

    ConfigError where the two differ, and for what is no currency or may be several.
    """
    found = re.search(CURRENCY, amount) if isinstance(amount, str) else None
    beside = SYMBOLS.get(found[0], (found[0],)) if found else ()
    codes = SYMBOLS.get(said.strip(), (said.strip().upper(),)) if said else beside or (base_currency,)
    where = f"reconcile: {question.file.name}: line {place}: "
    if beside and not set(beside) & set(codes):
        raise ConfigError(
            f"{where}amount `{amount}` has another currency than {codes[0]}, which the line has. Correct it."
        )
    codes = tuple(code for code in codes if not beside or code in beside)
    code = base_currency if base_currency in codes else codes[0]
    if not re.fullmatch("[A-Z]{3}", code):
        raise ConfigError(f"{where}currency `{said}` is no code such as EUR. Correct it.")
    if code != base_currency and len(codes) > 1 and code != "USD":
        raise ConfigError(
            f"{where}amount `{amount}` may be in {' or '.join(codes)}. Expected to know. Add a column currency_code."
        )
    return code


def read_column(
    connection: duckdb.DuckDBPyConnection,
    question: Question,
    name: str,
    cells: list[Any],
    places: tuple[int, ...],
    time_zone: str,
) -> list[Any]:
    """The values of one of our columns: texts in the file's dialect, cells with a type of their own plainly."""
    said = pa.table(
        {
            "line": pa.array(range(len(cells)), pa.int32()),
            "said": pa.array([written(cell) for cell in cells], pa.string()),
            "is_text": [isinstance(cell, str) for cell in cells],
        }
    )
    connection.register("said", said)
    reading = READINGS.get(name, "read_text")
    takes = "said, $zone" if reading == "read_date" else "said"
    value = f'case when is_text then ledger."list.{reading}"({takes}) else ledger.{reading}({takes}) end'
    if name == "amount":
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
                f"reconcile: {question.file.name}: line {places[line]}: {name} `{text}` is no {wanted}. Correct it, or "
                "say how the file writes it with --decimal or --date-format."
            )
    return [row[2] for row in rows]


def written(cell: Any) -> str | None:
    """A cell as text, a whole number without a point; None where nothing is in it."""
    if cell is None or (isinstance(cell, float) and cell != cell):
        return None
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return cell.isoformat() if isinstance(cell, date | datetime) else str(cell)


def check_sources(connection: duckdb.DuckDBPyConnection, question: Question) -> None:
    """Whether each id means one opportunity: ConfigError for one that several sources have, and an unknown source."""
    known = [row[0] for row in connection.execute("select distinct source from dim_snapshot order by all").fetchall()]
    if question.source and question.source not in known:
        raise ConfigError(f"reconcile: --source: got {question.source}. Expected one of {', '.join(known)}.")
    if found := connection.execute(SEVERAL).fetchall():
        identity, sources = found[0]
        raise ConfigError(
            f"reconcile: {question.file.name}: {identity} is an opportunity of {' and of '.join(sources)}. Expected to "
            f"know whose ids these are. Say it with --source {sources[0]}."
        )


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
    if answer.day < question.as_of:
        sentences.append(f"The last captured day is {answer.day}, so the list is compared with that.")
    others = {quarter: count for quarter, count in answer.lines.items() if question.quarter not in (None, quarter)}
    if question.quarter and question.quarter not in answer.lines:
        sentences.append(f"The list has no line of {question.quarter}.")
    if others:
        named = ", ".join(f"{quarter} ({_lines(count)})" for quarter, count in others.items())
        sentences.append(f"Lines of other quarters are not compared: {named}.")
    for quarter in dict.fromkeys(row["fiscal_quarter"] for row in answer.reasons):
        mine = [row for row in answer.reasons if row["fiscal_quarter"] == quarter]
        ours, theirs = (sum(row[name] for row in mine) for name in ("our_amount", "their_amount"))
        sentences.append(
            f"{quarter}: the one pipeline number of {answer.day} is {ours:,}; {question.team}'s list says {theirs:,}: "
            f"{theirs - ours:+,}."
        )
        if quarter in answer.equal_days:
            day, count = answer.equal_days[quarter]
            of_them = f"{count:,} of its {_lines(answer.lines[quarter])}"
            sentences.append(
                f"It fits the CRM of {day} best: {of_them} {'was' if count == 1 else 'were'} so on that day."
            )
    reasons_of_lines = {item["reason"] for item in answer.items if item["line_number"] is not None}
    if reasons_of_lines == {"unknown_id"}:
        read = ", ".join(f"`{theirs}` as {ours}" for ours, theirs in answer.read.items())
        sentences.append(
            f"No line is an opportunity that the CRM has. The list was read so: {read}. If its ids are in another "
            'column, name that with --column "THEIRS=opportunity_id".'
        )
    return sentences


def _lines(count: int) -> str:
    return f"{count:,} line{'s' if count != 1 else ''}"


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
