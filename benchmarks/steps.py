"""The steps of the benchmark, each run in its own process: `python -m benchmarks.steps <name> '<JSON arguments>'`.

What a capture needs is imported at the top, so that `nothing` costs what Python needs to start for one.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import duckdb

from benchmarks.company import ENTITY, SOURCE, TYPES, changes, day_of, rows, versions_on
from snapshots import intervals
from snapshots.capture import capture as capture_days
from snapshots.digest import add_digests, digest_sums, hexadecimal, literal, quoted, row_digest, written_digest
from snapshots.ledger import LedgerTable, arrow_schema
from snapshots.place import LocalPlace
from snapshots.receipts import Receipt
from snapshots.store import Gates, Store

if TYPE_CHECKING:
    from orchestration.settings.settings import Settings

COLUMNS = ", ".join(map(quoted, TYPES))
DAYS_PER_COMMIT = 30
LISTED_ROWS = 5_000
DROPS = {
    ("crm", "opportunity"): (
        "select {columns} from (select * replace ('a' || (i % {accounts})::varchar as account_id, "
        "'u' || (i % {users})::varchar as owner_id, 'USD' as currency_code) from ({rows})) order by opportunity_id"
    ),
    ("crm", "account"): (
        "select 'a' || i::varchar as account_id, 'Account ' || i::varchar as account_name, "
        "['small', 'medium', 'large'][1 + i % 3] as segment, 10 * i + {day} // 30 as employee_count, "
        "'u' || (i % {users})::varchar as owner_id, case when i % 2 = 0 then 'c' || i::varchar end "
        "as billing_customer_id from range({accounts}) as t(i)"
    ),
    ("crm", "user"): (
        "select 'u' || i::varchar as user_id, 'User ' || i::varchar as user_name, 'Team ' || (i % 4)::varchar as team, "
        "true as is_active from range({users}) as t(i)"
    ),
    ("billing", "customer"): (
        "select 'c' || i::varchar as customer_id, 'Account ' || i::varchar as customer_name, "
        "'a' || i::varchar as account_id, 'USD' as currency_code from range(0, {accounts}, 2) as t(i)"
    ),
    ("billing", "subscription"): (
        "select 's' || i::varchar as subscription_id, 'c' || i::varchar as customer_id, "
        "case when i % 10 = 0 and {day} > 30 then 'canceled' else 'active' end as status, "
        "timestamptz '2022-01-01 12:00:00+00' + to_days((i % 300)::integer) as started_at, "
        "case when i % 10 = 0 and {day} > 30 then timestamptz '2023-02-01 12:00:00+00' end as ended_at, "
        "(100 + i % 900 + 10 * ({day} // 30))::decimal(18, 2) as amount, 'month' as interval, 1 as interval_count, "
        "1 as quantity, 'USD' as currency_code from range(0, {accounts}, 2) as t(i)"
    ),
}
"""The exports of a small company: a query for each source and entity."""


def people(warehouse: str, size: int) -> dict[str, int]:
    """Adds the people of a company to the cache of its opportunities; gives rows by entity."""
    from benchmarks.people import add_people

    return add_people(Path(warehouse), size)


def nothing() -> None:
    """Starts Python and imports what a capture needs."""


def changes_file(file: str, size: int, last: int) -> None:
    """All changes up to day `last`, as Parquet."""
    with duckdb.connect() as con:
        con.execute(f"copy ({changes(size, last)}) to {literal(file)} (format parquet)")


def extract(file: str, changed: str, size: int, day: int, options: str) -> int:
    """A day's extract, as a CRM would export it; gives its bytes."""
    with _generator(changed) as con:
        versions = f"({versions_on(size, day, 'changes')})"
        con.execute(f"copy (select {COLUMNS} from ({rows(versions)}) order by i) to {literal(file)} ({options})")
    return Path(file).stat().st_size


def drops(folder: str, size: int, days: int) -> None:
    """The exports of a small company: CSV drops of two sources, one file per entity and day.

    A quarter as many accounts as opportunities, half of them with a subscription; amounts are in one currency.
    """
    accounts, users = max(1, size // 4), max(1, size // 250)
    for source, entity in DROPS:
        (Path(folder) / source / entity).mkdir(parents=True)
    with duckdb.connect() as con:
        con.execute(f"create table changes as {changes(size, days)}")
        for day in range(days):
            for (source, entity), query in DROPS.items():
                file = Path(folder) / source / entity / f"{day_of(day)}.csv"
                text = query.format(accounts=accounts, users=users, day=day, columns=COLUMNS, rows=_rows_on(size, day))
                con.execute(f"copy ({text}) to {literal(str(file))} (format csv, header)")


def _rows_on(size: int, day: int) -> str:
    return rows(f"({versions_on(size, day, 'changes')})")


def first_row(file: str, of: str) -> None:
    """An extract of one row."""
    with duckdb.connect() as con:
        con.execute(f"copy (select * from {literal(of)} limit 1) to {literal(file)} (format parquet)")


def read_and_hash(file: str) -> float:
    """S: CPU seconds to read an extract and hash all of its columns once; the best of three."""
    best = float("inf")
    for _ in range(3):
        with duckdb.connect() as con:
            before = time.process_time()
            con.execute(f"select sum(hash({COLUMNS})) from {literal(file)}").fetchone()
            best = min(best, time.process_time() - before)
    return best


def land(exports: str, home: str, day: int) -> dict[str, float]:
    """Lands a day's drop through the `files` source and dlt; gives rows and seconds."""
    from ingestion.files.source import build_source
    from ingestion.landing import land as land_days

    where, at = Path(home), day_of(day)
    source = build_source(SOURCE, Path(exports), time_zone="UTC")
    landed = land_days(source, [at], landing=where / "landing.duckdb", pipelines_dir=where / "dlt", today=at)
    return {"rows": sum(landed.rows.values()), "seconds": landed.seconds}


def land_bulk(url: str, home: str) -> dict[str, float]:
    """Lands the opportunities of an org through the `salesforce` source and dlt; gives rows, seconds and CPU seconds.

    These are without what Python and dlt need to start, here and in `yield_rows`.
    """
    import dlt  # noqa: F401 - what `land` imports

    from benchmarks.bulk import ENTITY as PULLED
    from benchmarks.bulk import NOW
    from ingestion.landing import land as land_days
    from ingestion.vendors.account import VendorAccount
    from ingestion.vendors.carried_state import CarriedStates
    from ingestion.vendors.salesforce.objects import OBJECTS
    from ingestion.vendors.salesforce.source import build_source
    from ingestion.vendors.secrets import Secrets
    from tests.vendors.salesforce import CLIENT_ID, CLIENT_SECRET

    where = Path(home)
    account = VendorAccount(
        name="crm",
        secrets=Secrets(
            "crm", where, {"SOURCES__CRM__CLIENT_ID": CLIENT_ID, "SOURCES__CRM__CLIENT_SECRET": CLIENT_SECRET}
        ),
        carried=CarriedStates(where / "carried"),
        time_zone="UTC",
        clock=lambda: NOW,
        exclude=[entity for entity in OBJECTS if entity != PULLED],
    )
    source = build_source(account, instance_url=url)
    today, before = NOW.date(), time.process_time()
    landed = land_days(source, [today], landing=where / "landing.duckdb", pipelines_dir=where / "dlt", today=today)
    return {"rows": sum(landed.rows.values()), "seconds": landed.seconds, "cpu": time.process_time() - before}


def yield_rows(url: str, home: str, file_format: Literal["parquet", "insert_values"]) -> dict[str, float]:
    """The usual way from the same pages to DuckDB: a dlt resource that yields what csv.DictReader reads, page by page.

    The rows go as lists, which dlt takes faster than one by one, and through files of that format: dlt's own choice is
    `insert_values`.
    """
    import csv
    import io

    import dlt
    import requests

    from benchmarks.bulk import sign_in
    from ingestion.vendors.salesforce.bulk import PAGE_ROWS
    from ingestion.vendors.salesforce.client import API_VERSION

    where = Path(home)
    session = requests.Session()
    base = f"{url}/services/data/{API_VERSION}/jobs/query"
    path = sign_in(session, url, base)

    @dlt.resource(name="opportunity", write_disposition="replace")
    def opportunities() -> Any:
        locator: dict[str, str] = {}
        while locator != {"locator": "null"}:
            page = session.get(f"{path}/results", params={"maxRecords": str(PAGE_ROWS), **locator})
            reader = csv.DictReader(io.StringIO(page.content.decode(), newline=""))
            while rows := list(islice(reader, LISTED_ROWS)):
                yield rows
            locator = {"locator": page.headers["Sforce-Locator"]}

    started, before = time.monotonic(), time.process_time()
    pipeline = dlt.pipeline(
        "rival",
        pipelines_dir=str(where / "dlt"),
        destination=dlt.destinations.duckdb(str(where / "rival.duckdb")),
        dataset_name="crm",
    )
    pipeline.run(opportunities(), loader_file_format=file_format)
    seconds, cpu = time.monotonic() - started, time.process_time() - before
    with duckdb.connect(str(where / "rival.duckdb")) as con:
        (rows,) = con.execute("select count(*) from crm.opportunity").fetchone() or (0,)
    return {"rows": rows, "seconds": seconds, "cpu": cpu}


def capture(home: str, landing: str, day: int) -> int:
    """Captures a landed day; gives the rows written."""
    store = _store(home, Path(landing) / "landing.duckdb")
    captured = capture_days(store, SOURCE, [day_of(day)], gates=Gates(), code_version="benchmark")
    (entity,) = captured.days[0].entities
    return entity.upserts + entity.deletes


def history(home: str, changed: str, size: int, first: int, last: int) -> int:
    """Writes the days `first` (whole) to `last` (what changed) into a ledger, with true receipts; gives its bytes."""
    table = LedgerTable(_store(home).ledger / SOURCE / ENTITY)
    with _generator(changed) as con:
        con.execute(
            "create table versions as select *, lag(d) over (partition by i order by d) as previous from ("
            f"select i, d, greatest(d, {first}) as day from ({versions_on(size, first, 'changes')}) "
            f"union all select i, d, d as day from changes where d > {first} and d <= {last})"
        )
        con.execute(
            f"create table digests as select i, d, _pl_row_digest, {written_digest(TYPES)} as written from ("
            f"select 'upsert' as _pl_change, {row_digest(TYPES)} as _pl_row_digest, * from ({rows('versions')}))"
        )
        receipts = _receipts(con)
        for start in [first, *range(first + 1, last + 1, DAYS_PER_COMMIT)]:
            days = range(start, start + 1 if start == first else min(start + DAYS_PER_COMMIT, last + 1))
            some = f"(select * from versions where day between {days[0]} and {days[-1]})"
            query = (
                f"select date {literal(str(day_of(0)))} + v.day::integer as snapshot_date, 'upsert' as _pl_change, "
                f"g._pl_row_digest, {COLUMNS} from ({rows(some)}) as r join {some} as v on v.i = r.i and v.d = r.d "
                "join digests as g on g.i = r.i and g.d = r.d order by v.day"
            )
            written_rows = con.sql(query).to_arrow_table().cast(arrow_schema(TYPES))
            table.commit(written_rows, [receipts[day] for day in days], [day_of(day) for day in days])
    return ledger_bytes(home)


def ledger_bytes(home: str) -> int:
    """The bytes of a ledger: data and log."""
    return sum(file.stat().st_size for file in _store(home).ledger.folder.rglob("*") if file.is_file())


def snapshot_history(warehouse: str, changed: str, size: int, last: int) -> int:
    """Adds the versions that ended by day `last` to a table of `dbt snapshot`, as it would have kept them; gives all
    rows."""
    with duckdb.connect(warehouse, config={"memory_limit": "3GB"}) as con:
        con.execute(f"create view changes as select * from {literal(changed)}")
        con.execute(
            "create temp table ended as select * from (select i, d, lead(d) over (partition by i order by d) as until "
            f"from (select i, 0 as d from range({size}) as t(i) union all select i, d from changes where d <= {last})) "
            "where until is not null"
        )
        con.execute("drop view changes")
        at = "timestamp '2023-01-01 06:00:00' + to_days({}::integer)"
        con.execute(
            f"insert into opportunity by name select {COLUMNS}, md5(opportunity_id || '|' || r.d) as dbt_scd_id, "
            f"{at.format('r.d')} as dbt_updated_at, {at.format('r.d')} as dbt_valid_from, "
            f"{at.format('until')} as dbt_valid_to from ({rows('ended')}) as r join ended using (i, d)"
        )
        (count,) = con.execute("select count(*) from opportunity").fetchone() or (0,)
        return int(count)


def rebuild(home: str) -> None:
    """The intervals of a ledger from its files."""
    from ingestion.entities import ENTITIES

    intervals.rebuild(_store(home), {kind: list(ENTITIES) for kind in ("files", "demo")})


def verify(home: str) -> None:
    """Recomputes every day of a ledger."""
    from snapshots.verify import verify as damage_of

    assert damage_of(_store(home)) == []


def prepare(home: str) -> None:
    """Brings a home to where a build begins: the cache, the assembled definitions, the project read for each engine."""
    from orchestration.settings.config import ENGINES
    from orchestration.steps.build import before_build
    from orchestration.steps.dbt import parsed_project

    settings = _settings(home)
    before_build(settings)
    for engine in ENGINES:
        parsed_project(settings.home, {source.type for source in settings.config.sources.values()}, engine)


def build_in(home: str, engine: str, marts: list[str]) -> int:
    """Builds some marts with all that they read, in DuckDB or in Spark, without tests; gives how many nodes ran."""
    from orchestration.steps.dbt import build_models
    from orchestration.steps.spark import build_models_in_spark

    settings = _settings(home)
    select = [f"+{mart}" for mart in marts]
    if engine == "spark":
        results = build_models_in_spark(settings.config, settings.home, select=select, with_tests=False)
    else:
        results = build_models(settings.config, settings.home, select=select, with_tests=False)
    if failed := [f"{result.unique_id}: {result.message}" for result in results if result.failed]:
        raise SystemExit("\n".join(failed))
    return len(results)


def run_sql(warehouse: str, results: str, table: str, file: str) -> float:
    """Makes `table` in the database `results` of the query in `file`, over the warehouse; gives the CPU seconds."""
    with duckdb.connect(results, config={"memory_limit": "3GB"}) as con:
        con.execute(f"attach {literal(warehouse)} as warehouse (read_only)")
        before = time.process_time()
        con.execute(f"create or replace table {table} as {Path(file).read_text()}")
        return time.process_time() - before


def differing_rows(results: str, left: str, right: str, condition: str = "true") -> list[int]:
    """Rows of `left`, and rows that only one of the two tables has."""
    with duckdb.connect(results) as con:
        a, b = (f"(from {table} where {condition})" for table in (left, right))
        query = (
            f"select (select count(*) from {a}), (select count(*) from (from {a} except all from {b})) "
            f"+ (select count(*) from (from {b} except all from {a}))"
        )
        return list(con.execute(query).fetchone() or ())


# ---------------------------------------------------------------------------------------------------------------------


def _settings(home: str) -> Settings:
    from orchestration.settings.settings import load_settings

    return load_settings(Path(home) / "pipeledger.toml", {"PIPELEDGER_HOME": home})


def _store(home: str, landing: Path | None = None) -> Store:
    where = Path(home)
    return Store(
        place=LocalPlace(where),
        landing=landing or where / "landing.duckdb",
        warehouse=where / "warehouse.duckdb",
        time_zone="UTC",
    )


def _generator(changed: str) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(config={"memory_limit": "3GB", "temp_directory": str(Path(changed).with_suffix(".tmp"))})
    con.execute("set TimeZone = 'UTC'")
    con.execute(f"create view changes as select * from {literal(changed)}")
    return con


def _receipts(con: duckdb.DuckDBPyConnection) -> dict[int, Receipt]:
    found = con.execute(
        f"select v.day, count(*), count(*) - count(p.i), {digest_sums('g._pl_row_digest')}, "
        f"{digest_sums('p._pl_row_digest')}, {digest_sums('g.written')} "
        "from versions as v join digests as g on g.i = v.i and g.d = v.d "
        "left join digests as p on p.i = v.i and p.d = v.previous group by v.day order by v.day"
    ).fetchall()
    receipts: dict[int, Receipt] = {}
    fingerprint = live = 0
    for day, upserts, inserts, *sums in found:
        live += inserts
        fingerprint += add_digests(sums[0], sums[1]) - add_digests(sums[2], sums[3])
        at: date = day_of(day)
        started = datetime(at.year, at.month, at.day, 6, tzinfo=UTC)
        receipts[day] = Receipt(
            source=SOURCE,
            source_type="files",
            entity=ENTITY,
            snapshot_date=at,
            mode="state",
            key=("opportunity_id",),
            columns=tuple(TYPES),
            volatile=(),
            source_rows=live,
            upserts=upserts,
            deletes=0,
            rejected=0,
            live_rows=live,
            fingerprint=hexadecimal(fingerprint),
            rows_digest=hexadecimal(add_digests(sums[4], sums[5])),
            overridden=(),
            extraction_started_at=started,
            extraction_ended_at=started + timedelta(minutes=1),
            code_version="benchmark",
        )
    return receipts


if __name__ == "__main__":
    arguments: dict[str, Any] = json.loads(sys.argv[2])
    print(json.dumps(globals()[sys.argv[1]](**arguments)))
