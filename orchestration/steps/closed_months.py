"""Closed months that a build tells differently: MRR, bookings and open pipeline against the last published file.

Comes from the warehouse that was just built and the published file, which is still the last one; goes to the findings
in the warehouse. What was published from is noted beside dbt's files, so that a change of definitions is told from a
change of the past. Alone: `closed_months_changed(settings)` after a build.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb

from orchestration.settings.settings import Settings, code_version
from orchestration.steps.dbt import dbt_vars, definition_files, project_fingerprint
from snapshots.digest import literal
from snapshots.durable import write_whole
from snapshots.sentences import FEW, listed

NOTE = "published.json"
"""What the published file was built from, in dbt's folder of the home."""
COMPARED = {"dim_snapshot", "fct_mrr_monthly", "fct_booking_movements", "fct_pipeline_daily"}
TOLD = (
    "customer_id", "started_at", "trial_start_at", "trial_end_at", "paused_from", "paused_to", "ended_at",
    "cancelled_at", "source_amount", "billing_interval", "interval_count", "currency_code",
)  # fmt: skip
CHANGES = {
    "MRR": """select month_end as day, source, customer_id as subject, before.mrr_amount as before,
        after.mrr_amount as after
        from (select * from old.marts.fct_mrr_monthly where month_end <= $closed) as before
        full join (
            select * from new.marts.fct_mrr_monthly
            where month_end between (select min(month_end) from old.marts.fct_mrr_monthly) and $closed
        ) as after using (source, customer_id, month_end)
        where coalesce(before.mrr_amount, 0) <> coalesce(after.mrr_amount, 0)""",
    "bookings": """select snapshot_date as day, source, opportunity_id as subject, before.amount as before,
        after.amount as after
        from (
            select source, opportunity_id, snapshot_date, sum(amount) as amount from old.marts.fct_booking_movements
            where snapshot_date <= $closed group by all
        ) as before
        full join (
            select source, opportunity_id, snapshot_date, sum(amount) as amount from new.marts.fct_booking_movements
            where snapshot_date between $opened and $closed group by all
        ) as after using (source, opportunity_id, snapshot_date)
        where coalesce(before.amount, 0) <> coalesce(after.amount, 0)""",
    "open pipeline": """select snapshot_date as day, null as source, null as subject, before.amount as before,
        after.amount as after
        from (
            select snapshot_date, sum(open_amount) as amount, sum(open_opportunities) as opportunities
            from old.marts.fct_pipeline_daily where snapshot_date <= $closed group by all
        ) as before
        full join (
            select snapshot_date, sum(open_amount) as amount, sum(open_opportunities) as opportunities
            from new.marts.fct_pipeline_daily where snapshot_date between $opened and $closed group by all
        ) as after using (snapshot_date)
        where before.amount is distinct from after.amount
        or before.opportunities is distinct from after.opportunities""",
}


@dataclass(frozen=True)
class Change:
    """What one number of one closed day was and is; of open pipeline the subject is nobody."""

    day: date
    source: str | None
    subject: str | None
    before: Decimal
    after: Decimal


def closed_months_changed(settings: Settings) -> list[str]:
    """A sentence for each number whose closed months differ from those last published: how much, and why.

    A month is closed if it was over on the last captured day that was published. Nothing is said where governed
    definitions changed, or where nothing was published before.
    """
    noted, current = read_note(settings), inputs(settings)
    if noted and own_definitions(noted) != own_definitions(current):
        return []
    if not settings.home.published.exists():
        return []
    with duckdb.connect() as connection:
        for name, path in (("old", settings.home.published), ("new", settings.home.warehouse)):
            connection.execute(f"attach {literal(str(path))} as {name} (read_only)")
        if not all(tables(connection, name) >= COMPARED for name in ("old", "new")):
            return []
        days = bounds(connection)
        if days is None:
            return []
        found = {what: changes(connection, query, days) for what, query in CHANGES.items()}
        reasons = list(causes(connection, days, noted, current)) if any(found.values()) else []
        return [sentence(connection, what, rows, days, reasons) for what, rows in found.items() if rows]


def note_published(settings: Settings, held: Mapping[str, str] | None = None) -> None:
    """Note what the published file was built from, for the next build to compare with, and what it holds back."""
    write_whole(settings.home.dbt / NOTE, json.dumps(inputs(settings) | {"held": dict(held or {})}))


def read_note(settings: Settings) -> dict[str, Any]:
    """What the published file was built from; empty where nobody noted it, or a later file lies there."""
    path = settings.home.dbt / NOTE
    noted: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return noted if noted.get("file") == identity(settings) else {}


def identity(settings: Settings) -> list[int]:
    """Which published file lies there."""
    if not settings.home.published.exists():
        return []
    found = settings.home.published.stat()
    return [found.st_size, found.st_mtime_ns]


def inputs(settings: Settings) -> dict[str, Any]:
    """What a build rests on besides the ledger."""
    return {
        "file": identity(settings),
        "definitions": {
            each.name: [hashlib.md5(each.path.read_bytes(), usedforsecurity=False).hexdigest(), each.is_default]
            for each in definition_files(settings.config.company.definitions)
        },
        "settings": dbt_vars(settings.config),
        "version": code_version(),
        "models": project_fingerprint(),
    }


def own_definitions(noted: dict[str, Any]) -> dict[str, Any]:
    """The digest of each definition that is the company's own."""
    return {name: digest for name, (digest, is_default) in noted["definitions"].items() if not is_default}


def tables(connection: duckdb.DuckDBPyConnection, database: str) -> set[str]:
    """The marts of one of the two files."""
    query = "select table_name from duckdb_tables() where database_name = ? and schema_name = 'marts'"
    return {name for (name,) in connection.execute(query, [database]).fetchall()}


def bounds(connection: duckdb.DuckDBPyConnection) -> dict[str, date] | None:
    """The first and the last captured day of the published file, and the last one that was in a closed month."""
    first, last, closed = connection.execute(
        "select min(snapshot_date), max(snapshot_date), "
        "(date_trunc('month', max(snapshot_date) + 1) - interval 1 day)::date "
        "from old.marts.dim_snapshot where status <> 'gap'"
    ).fetchone() or (None, None, None)
    return {"opened": first, "last": last, "closed": closed} if last else None


def changes(connection: duckdb.DuckDBPyConnection, query: str, days: dict[str, date]) -> list[Change]:
    """What differs, the largest difference first."""
    used = {name: day for name, day in days.items() if f"${name}" in query}
    rows = connection.execute(query, used).fetchall()
    found = [Change(*row[:3], *(Decimal(value or 0) for value in row[3:])) for row in rows]
    return sorted(found, key=lambda each: (-abs(each.after - each.before), each.day, each.subject or ""))


def sentence(
    connection: duckdb.DuckDBPyConnection, what: str, rows: list[Change], days: dict[str, date], reasons: list[str]
) -> str:
    """How much of which months changed, whose, and why."""
    months = sorted({f"{each.day:%Y-%m}" for each in rows})
    span = months[0] if len(months) == 1 else f"{months[0]} to {months[-1]}"
    start = f"closed months changed: {what} of {span} ({len(months)} of them) is not what was published"
    if what == "open pipeline":
        worst = rows[0]
        amount = f"on {worst.day} it is {worst.after:,.2f} and was {worst.before:,.2f}; {len(rows)} days differ"
    else:
        before, after = (sum(getattr(each, side) for each in rows) for side in ("before", "after"))
        amount = f"{after:,.2f} instead of {before:,.2f} ({after - before:+,.2f}), of {listed(subjects(rows))}"
    if what == "MRR":
        reasons = [*reasons, *told_differently(connection, rows, days["last"])]
    return f"{start}: {amount}. Cause: {'; '.join(reasons) or 'none found, run `pipeledger verify`'}."


def subjects(rows: list[Change]) -> list[str]:
    """Who changed, by how much; the most first."""
    by_subject: dict[str, Decimal] = {}
    for each in rows:
        name = f"{each.source}.{each.subject}"
        by_subject[name] = by_subject.get(name, Decimal(0)) + each.after - each.before
    ranked = sorted(by_subject.items(), key=lambda item: (-abs(item[1]), item[0]))
    return [f"{name} ({amount:+,.2f})" for name, amount in ranked]


def causes(
    connection: duckdb.DuckDBPyConnection, days: dict[str, date], noted: dict[str, Any], current: dict[str, Any]
) -> Iterator[str]:
    """What besides the sources' own word can change closed months."""
    if not noted:
        yield "perhaps definitions or settings: nothing was noted when the last file was published"
    elif noted["version"] != current["version"]:
        yield f"{current['version']} (the last file is of {noted['version']})"
    elif noted["settings"] != current["settings"]:
        yield "the settings that the models read changed (columns, time zone, currency, fiscal year or sources)"
    elif noted["models"] != current["models"]:
        yield "the models or the default definitions changed"
    captured = connection.execute(
        "select source || '.' || entity || ' ' || snapshot_date from new.marts.dim_snapshot as after "
        "left join old.marts.dim_snapshot as before using (source, entity, snapshot_date) "
        "where snapshot_date <= $closed and after.captured_at is distinct from before.captured_at "
        "order by snapshot_date desc, 1",
        {"closed": days["closed"]},
    ).fetchall()
    if captured:
        yield f"days captured since: {listed([name for (name,) in captured])}"


def told_differently(connection: duckdb.DuckDBPyConnection, rows: list[Change], last: date) -> Iterator[str]:
    """What billing says of the subscriptions of those who changed, if it said something else when last published."""
    who = list(dict.fromkeys((each.source, each.subject) for each in rows))[:FEW]
    columns = ", ".join(TOLD)
    found = connection.execute(
        f"select source, subscription_id, valid_from, valid_from <= $last as is_old, {columns} "
        "from new.staging.stg_subscription where not is_tombstone and (source, subscription_id) in ("
        "select (source, subscription_id) from new.staging.stg_subscription "
        f"where {' or '.join(f'(source = $s{n} and customer_id = $c{n})' for n in range(len(who)))}) "
        "order by source, subscription_id, valid_from",
        {"last": last}
        | {f"s{n}": source for n, (source, _) in enumerate(who)}
        | {f"c{n}": customer for n, (_, customer) in enumerate(who)},
    ).fetchall()
    by_subscription: dict[str, list[Any]] = {}
    for row in found:
        by_subscription.setdefault(f"{row[0]}.{row[1]}", []).append(row)
    for name, versions in list(by_subscription.items()):
        old, new = [row for row in versions if row[3]], versions[-1]
        if not old:
            yield f"subscription {name} was first captured on {versions[0][2]}"
        elif differing := [
            f"{column} is {after if after is not None else 'empty'}, was {before if before is not None else 'empty'}"
            for column, before, after in zip(TOLD, old[-1][4:], new[4:], strict=True)
            if before != after
        ]:
            yield f"subscription {name} as captured on {new[2]}: {', '.join(differing)}"
