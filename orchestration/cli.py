"""The command line: every command of Pipeledger, its exit codes and its errors.

Results go to standard output, progress and errors to standard error. Dagster and dbt are imported by the commands
that need them, so that the others answer at once.
"""

import atexit
import csv
import gc
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from typer.exceptions import TyperException

from orchestration.commands.output import err, out, show_json, show_report, show_table
from orchestration.settings.errors import ConfigError, DiskFullError, ExitCode, PipeledgerError, is_disk_full
from orchestration.settings.home import DEMO_HOME, Home, find_home, open_home, read_marker
from orchestration.settings.lease import Lease, lease_of
from orchestration.settings.lock import Lock
from orchestration.settings.settings import PRIVACY, Settings, clock, load_settings
from orchestration.steps.waiting import waiting
from snapshots.place import LocalPlace
from snapshots.store import BucketError

if TYPE_CHECKING:
    from orchestration.dag.runs import RunReport

EXIT_CODES = (
    "Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 done with a gap, 4 another run is writing, "
    "5 the ledger is damaged."
)

app = typer.Typer(
    name="pipeledger",
    help="Remembers the pipeline: lands, captures, models and publishes it, every day.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


Command = TypeVar("Command", bound=Callable[..., None])


def command(*examples: str) -> Callable[[Command], Command]:
    """Add a command, its summary whole in the list of commands, with examples of how it is typed."""

    def add(function: Command) -> Command:
        epilog = "Examples: " + "; ".join(examples) if len(examples) > 1 else f"Example: {examples[0]}"
        summary = (function.__doc__ or "").partition("\n")[0]
        return app.command(examples[0].split()[1], short_help=summary, epilog=epilog)(function)

    return add


@dataclass
class SharedOptions:
    """Options that every command understands, wherever they stand."""

    config: Path | None = None
    debug: bool = False


shared = SharedOptions()
OBJECTS_PER_COLLECTION = 100_000
"""Python looks for cycles after every 700 new objects. dbt and Dagster make millions that live as long as the process,
and looking at them took a tenth of a build."""
JsonFlag = Annotated[bool, typer.Option("--json", help="For programs: JSON on standard output.")]
Accept = Annotated[
    str | None,
    typer.Option("--accept", help="Capture although these gates trip, this once: GATE[,GATE]; the receipt records it."),
]
AcceptDrop = Annotated[bool, typer.Option("--accept-drop", help="The same as --accept drop: rows that are gone.")]


def show_version(is_wanted: bool) -> None:
    """Say which version this is, and end."""
    if is_wanted:
        out.print(f"pipeledger {installed_version('pipeledger')}")
        raise typer.Exit()


@app.callback()
def options(
    config: Annotated[
        Path | None, typer.Option("--config", help="The settings file (else PIPELEDGER_CONFIG, ./, the home).")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show stack traces.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Say which version this is.", is_eager=True, callback=show_version)
    ] = False,
) -> None:
    """Take the options that stand before or after any command."""
    shared.config, shared.debug = config, debug


def settings_in_force() -> Settings:
    """The settings, with the environment set so that child processes find the same ones."""
    settings = load_settings(shared.config)
    os.environ["PIPELEDGER_HOME"] = str(settings.home.root)
    os.environ["PIPELEDGER_CONFIG"] = str(settings.config.path.resolve())
    return settings


@contextmanager
def sole_writer(settings: Settings, command: str, created_by: str = "init") -> Iterator[None]:
    """Hold the home's lock and have the home ready."""
    with locked(settings.home, command, lease_of(settings.store.place)), watching():
        open_home(settings.home, settings.store.place, settings.config.company, created_by)
        yield


@contextmanager
def watching() -> Iterator[None]:
    """Show at once that something happens, until it is over."""
    waiting.begin()
    try:
        yield
    finally:
        waiting.end()


@contextmanager
def locked(home: Home, command: str, lease: Lease | None = None) -> Iterator[None]:
    """Hold the lock of a home, and the lease of its bucket, or fail naming the holder."""
    lock = Lock.of(home, lease)
    try:
        lock.acquire(command, report=lambda line: err.print(line, markup=False))
    except BucketError:
        raise  # one of them is a ConnectionError
    except OSError as error:
        raise ConfigError(
            f"{home.root}: not writable ({error.strerror}). Nothing was done. "
            "Correct its owner or mode, or set PIPELEDGER_HOME to another folder."
        ) from error
    try:
        yield
    finally:
        lock.release()


def parse_day(text: str, option: str) -> date:
    """The day that an option names; ConfigError unless it is an ISO date."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"{option}: got {text!r}, a date such as 2026-11-22 expected.") from error


def parse_gates(text: str) -> list[str]:
    """The gates that --accept names; ConfigError for one that does not exist."""
    from snapshots.gates import GATES

    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in GATES:
            known = ", ".join(f"{gate} ({what})" for gate, what in GATES.items())
            raise ConfigError(f"--accept: got {name!r}, one or more of these gates expected, behind commas: {known}.")
    return names


@command("pipeledger run", "pipeledger run --date 2026-03-31", "pipeledger run --from 2026-01-01 --to 2026-03-31")
def run(
    day: Annotated[str | None, typer.Option("--date", help="The day to capture (else as_of, else today).")] = None,
    first: Annotated[str | None, typer.Option("--from", help="First day of a range of dated drops.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day of a range of dated drops.")] = None,
    accept: Accept = None,
    accept_drop: AcceptDrop = False,
    as_json: JsonFlag = False,
) -> None:
    """The daily job: ingest, capture, build, publish."""
    settings = settings_in_force()
    if not settings.config.enabled:
        raise ConfigError(f"{settings.config.path}: no source enabled, one expected. Add [sources.<name>] to it.")
    if (first is None) != (last is None) or (day is not None and first is not None):
        raise ConfigError("run: --date alone, or --from and --to together, expected.")
    accepted = parse_gates(accept or "") + (["drop"] if accept_drop else [])
    if first is not None and last is not None:
        start, end = parse_day(first, "--from"), parse_day(last, "--to")
        if start > end:
            raise ConfigError(f"run: --from {start} lies after --to {end}. Exchange them.")
        check_not_future(settings, end)
        with sole_writer(settings, "pipeledger run --from --to"):
            from orchestration.dag.runs import run_range

            finish(run_range(settings, start, end, accept=accepted), as_json)
    chosen = parse_day(day, "--date") if day else settings.config.default_day(clock())
    check_not_future(settings, chosen)
    with sole_writer(settings, f"pipeledger run --date {chosen}"):
        from orchestration.dag.runs import run_day

        finish(run_day(settings, chosen, accept=accepted), as_json)


def check_not_future(settings: Settings, day: date) -> None:
    """A day that has not come yet cannot be captured."""
    today = settings.config.today(clock())
    latest = max([today, *(source.as_of for source in settings.config.enabled if source.as_of)])
    if day > latest:
        raise ConfigError(
            f"run: {day} has not come yet; at most {latest} ({settings.config.company.time_zone}) expected."
        )


@command("pipeledger build", "pipeledger build --target spark")
def build(
    target: Annotated[
        str | None, typer.Option("--target", help="What runs the models: duckdb or spark. Default: as [engine] says.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Marts from the ledger and publish, without ingesting (after a change of definitions)."""
    settings = settings_in_force()
    if target is not None:
        settings = settings.with_engine(target)
    with sole_writer(settings, "pipeledger build"):
        from orchestration.dag.runs import run_build

        finish(run_build(settings), as_json)


@command("pipeledger rebuild")
def rebuild(as_json: JsonFlag = False) -> None:
    """Caches, marts and published file anew, from the ledger and the definitions alone."""
    settings = settings_in_force()
    with sole_writer(settings, "pipeledger rebuild"):
        from orchestration.dag.runs import run_build
        from orchestration.steps.build import refresh_intervals

        err.print("intervals: rebuilding from the ledger")
        refresh_intervals(settings, from_scratch=True)
        finish(run_build(settings), as_json)


@command("pipeledger backfill --source crm")
def backfill(
    source: Annotated[str, typer.Option("--source", help="The source whose own history is used.")],
    as_json: JsonFlag = False,
) -> None:
    """Reconstruct the days before the first observed one from vendor history."""
    settings = settings_in_force()
    if source not in settings.config.sources:
        from orchestration.settings.config import nearest

        raise ConfigError(f"backfill: no source `{source}`. {nearest(source, settings.config.sources)}")
    with sole_writer(settings, f"pipeledger backfill --source {source}"):
        from orchestration.dag.runs import run_build
        from orchestration.steps.backfill import backfill as reconstruct_days

        err.print(f"{source}: reconstructing")
        done = reconstruct_days(settings, settings.config.sources[source])
        err.print(
            f"{source}: {done.first_day} to {done.last_day}: {done.versions:,} versions of {done.opportunities:,} "
            f"opportunities reconstructed from {', '.join(done.tracked)}"
            f"{'' if done.changed else ' (as before)'}; {done.unresolved:,} unresolved"
        )
        finish(run_build(settings), as_json)


@command("pipeledger verify")
def verify(as_json: JsonFlag = False) -> None:
    """Ledger integrity of every day; the damaged or missing ones by name."""
    settings = settings_in_force()
    from snapshots.receipts import read_receipts
    from snapshots.verify import verify as verify_ledger

    damaged = verify_ledger(settings.store)
    days = len(read_receipts(settings.store)) if not damaged else None
    if as_json:
        show_json({"is_sound": not damaged, "days_of_entities": days, "damaged": [asdict(item) for item in damaged]})
    for item in damaged:
        where = f"{item.source}.{item.entity}" + (f" {item.snapshot_date}" if item.snapshot_date else "")
        err.print(f"[red]{where}: {item.problem}[/red]")
    if damaged:
        err.print(f"{len(damaged)} damaged. Restore {settings.store.ledger} from a backup, then `pipeledger rebuild`.")
        raise typer.Exit(ExitCode.LEDGER_DAMAGED)
    if not as_json:
        out.print(f"The ledger is sound: {days:,} days of entities match their receipts.")


@command("pipeledger status", "pipeledger status --json")
def status(as_json: JsonFlag = False) -> None:
    """Per source and entity: last day, gaps, rows, last run, freshness."""
    settings = settings_in_force()
    from orchestration.commands.status import read_status, without_a_rate
    from orchestration.settings.lock import current_holder

    rows = read_status(settings, settings.config.today(clock()))
    if as_json:
        show_json([asdict(row) for row in rows])
        return
    shown = (
        "source",
        "entity",
        "last_day",
        "days",
        "gaps",
        "rows",
        "rejected",
        "freshness",
        "last_run_at",
        "last_outcome",
    )
    show_table(shown, [[getattr(row, name) for name in shown] for row in rows])
    for message in dict.fromkeys(f"{row.source}: {row.message}" for row in rows if row.message):
        out.print(message, markup=False)
    for sentence in dict.fromkeys(row.held for row in rows if row.held):
        out.print(sentence, markup=False)
    if unpriced := without_a_rate(settings):
        out.print(unpriced, markup=False)
    if holder := current_holder(settings.home):
        out.print(f"A run is writing now: {holder}", markup=False)


@command("pipeledger sql 'select * from rpt_pipeline_coverage limit 5'", "pipeledger sql --file q.sql --csv")
def sql(
    query: Annotated[str | None, typer.Argument(help="A query on the schema `marts`; - reads standard input.")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="A file with the query.")] = None,
    as_json: JsonFlag = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV on standard output.")] = False,
    parquet: Annotated[Path | None, typer.Option("--parquet", help="Write the result into this Parquet file.")] = None,
    for_spreadsheet: Annotated[
        bool, typer.Option("--for-spreadsheet", help="CSV whose texts no spreadsheet runs as formulas.")
    ] = False,
) -> None:
    """Query the published marts, read-only."""
    from orchestration.commands.sql import harmless, query_marts, read_query, write_parquet

    if as_json + (as_csv or for_spreadsheet) + (parquet is not None) > 1:
        raise ConfigError("sql: one of --json, --csv and --parquet expected.")
    published, query = find_home(os.environ, Path.cwd()).published, read_query(query, file, sys.stdin)
    if parquet is not None:
        count = write_parquet(published, query, parquet)
        err.print(f"{parquet}: {count:,} row{'' if count == 1 else 's'}", markup=False)
        return
    names, rows = query_marts(published, query)
    if as_json:
        show_json([dict(zip(names, row, strict=True)) for row in rows])
    elif as_csv or for_spreadsheet:
        writer = csv.writer(sys.stdout)
        writer.writerows([names, *rows] if not for_spreadsheet else (map(harmless, row) for row in [names, *rows]))
    else:
        show_table(names, rows)


@command("pipeledger reconcile pipeline.xlsx --team finance --as-of 2026-03-02 -o items.csv")
def reconcile(
    team_list: Annotated[Path, typer.Argument(metavar="LIST", help="A team's own list: .csv, .xlsx, .xls, .parquet.")],
    team: Annotated[str, typer.Option(help="Whose list it is: marketing, finance ...")],
    as_of: Annotated[str, typer.Option("--as-of", help="The day that it describes.")],
    quarter: Annotated[str | None, typer.Option(help="This fiscal quarter alone.")] = None,
    source: Annotated[str | None, typer.Option(help="Whose ids it has, where several sources have them.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write the items into this CSV file.")] = None,
    as_json: JsonFlag = False,
    decimal: Annotated[str | None, typer.Option(help="Its decimal sign, where its numbers leave it open.")] = None,
    date_format: Annotated[str | None, typer.Option(help="Its dates, where they leave it open: D/M/YYYY.")] = None,
    sheet: Annotated[str | None, typer.Option(help="Its sheet with the table.")] = None,
    column: Annotated[list[str] | None, typer.Option(help="A column of it: THEIRS=ours; repeatable.")] = None,
) -> None:
    """Compare a team's own list with the one pipeline number of its day, without landing it."""
    from ingestion.files.detection import Told
    from orchestration.commands.reconcile import REASONS, Question, in_words, write_items
    from orchestration.commands.reconcile import reconcile as compare

    said = {"decimal": decimal, "date_format": date_format, "sheet": sheet}
    told = Told(**{key: value for key, value in said.items() if value}, columns=dict(map(parse_column, column or [])))
    home = find_home(os.environ, Path.cwd())
    company = read_marker(LocalPlace(home.root))
    if company is None:  # its ledger lies in a bucket, or there is none yet
        in_force = settings_in_force().config.company
        company = {"base_currency": in_force.base_currency, "time_zone": in_force.time_zone}
    question = Question(team_list, team, parse_day(as_of, "--as-of"), quarter, told, source)
    answer = compare(home.published, question, company["base_currency"], company["time_zone"])
    if output is not None:
        write_items(answer.items, output)
        err.print(f"{output}: {len(answer.items):,} items", markup=False)
    if as_json:
        show_json({"team": team, "as_of": as_of, "snapshot_date": answer.day, "remarks": in_words(question, answer),
                   "reasons": answer.reasons, "items": answer.items})  # fmt: skip
        return
    for sentence in in_words(question, answer):
        out.print(sentence, markup=False)
    names = [*answer.reasons[0], "meaning"] if answer.reasons else []
    show_table(names, [[*row.values(), REASONS[row["reason"]]] for row in answer.reasons])


@command("pipeledger report -o report.html")
def report(
    day: Annotated[str | None, typer.Option("--as-of", help="A captured day (else the last one).")] = None,
    segment: Annotated[str | None, typer.Option("--segment", help="Only this segment.")] = None,
    team: Annotated[str | None, typer.Option("--team", help="Deals and win rates of this team only.")] = None,
    target: Annotated[
        Path | None, typer.Option("-o", help="The file to write (else beside the published one).")
    ] = None,
) -> None:
    """A page for people: is the quarter safe, what changed, what to do."""
    from orchestration.steps.report import page_name, write_report, write_reports
    from reporting.report import Wish

    home = find_home(os.environ, Path.cwd())
    wish = Wish(parse_day(day, "--as-of") if day else None, segment, team)
    if wish == Wish() and target is None:
        done = write_reports(home.published)
    else:
        done = write_report(home.published, wish, target or home.report.with_name(page_name(wish)))
    out.print(str(done.path), markup=False)


@command("pipeledger open", "pipeledger open s3://bucket/prefix")
def open_newest(
    url: Annotated[str | None, typer.Argument(metavar="BUCKET", help="Where it is shared (else [publish] to).")] = None,
) -> None:
    """Fetch the newest shared published file and report into this home."""
    from orchestration.steps.closed_months import NOTE
    from orchestration.steps.share import fetch

    home = find_home(os.environ, Path.cwd())
    if url is None:
        url = settings_in_force().config.share
    if url is None:
        raise ConfigError("open: no bucket named, one expected. Set [publish] to, or name it: s3://bucket/prefix.")
    with locked(home, "pipeledger open"):
        newest = fetch(url, home)
    err.print(f"{url}: run {newest.run}", markup=False)
    for name in sorted(newest.files.keys() - {NOTE}):  # which is for the next run, and lies elsewhere
        out.print(str(home.published.with_name(name)), markup=False)


@command("pipeledger tables", "pipeledger tables rpt_win_rate")
def tables(
    name: Annotated[str | None, typer.Argument(help="One of them: its columns.")] = None, as_json: JsonFlag = False
) -> None:
    """The published marts and macros with their grain; or the columns of one with their meaning."""
    from orchestration.commands.sql import connect, describe, list_tables

    with connect(find_home(os.environ, Path.cwd()).published) as connection:
        meaning, names, rows = ("", *list_tables(connection)) if name is None else describe(connection, name)
    if as_json:
        show_json([dict(zip(names, row, strict=True)) for row in rows])
        return
    if meaning:
        out.print(meaning + "\n", markup=False)
    show_table(names, rows)


@command("pipeledger metrics", "pipeledger metrics open_amount win_rate --by fiscal_quarter")
def metrics(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="The metrics to compute.")] = None,
    by: Annotated[list[str] | None, typer.Option("--by", help="Split by this dimension or period; repeatable.")] = None,
    first: Annotated[str | None, typer.Option("--from", help="The first day that counts.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="The last day that counts.")] = None,
    sql_only: Annotated[bool, typer.Option("--sql", help="Show the SQL instead.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """The metrics with their meaning and dimensions; or the values of some."""
    from orchestration.commands.metrics import PERIODS, list_metrics, metrics_sql, read_model
    from orchestration.commands.sql import query_marts

    settings = settings_in_force()
    model = read_model(settings.home, {source.type for source in settings.config.sources.values()})
    if names:
        days = (parse_day(first, "--from") if first else None, parse_day(last, "--to") if last else None)
        text = metrics_sql(model, names, by or [], *days)
        if sql_only:
            out.print(text, markup=False)
            return
        columns, rows = query_marts(settings.home.published, text, is_ours=True)
    else:
        columns = ["metric", "meaning", "dimensions"]
        rows = [
            (each.name, each.meaning, ", ".join(name for name in each.dimensions if name not in PERIODS))
            for each in list_metrics(model).values()
        ]
    if as_json:
        show_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    show_table(columns, rows)
    if not names:
        out.print(f"\nEach can be split by {', '.join(PERIODS)}, too.", markup=False)


@command("pipeledger superset -o pipeledger.zip")
def superset(
    target: Annotated[Path, typer.Option("-o", "--output", help="The ZIP file to write.")] = Path("pipeledger.zip"),
    file: Annotated[
        str | None, typer.Option("--file", help="The published file's full path where Superset runs, if not here.")
    ] = None,
) -> None:
    """A pack for Apache Superset: datasets with descriptions, and a dashboard."""
    from orchestration.commands.superset import write_pack

    count = write_pack(find_home(os.environ, Path.cwd()).published, target, file)
    out.print(
        f"{target}: {count} datasets and a dashboard. Import it: superset import-dashboards -p {target}", markup=False
    )


@command("pipeledger doctor", "pipeledger doctor --alert")
def doctor(
    alert: Annotated[
        bool, typer.Option("--alert", help="Send a test message to the operator, and nothing else.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Check the set-up: one line each, with the fix."""
    from orchestration.commands.doctor import check_definition_rows, examine, send_test_alert, worst

    settings: Settings | PipeledgerError
    try:
        settings = settings_in_force()
        home, today = settings.home, settings.config.today(clock())
    except PipeledgerError as error:
        settings, home, today = error, find_home(os.environ, Path.cwd()), clock().date()
    findings = list(send_test_alert(clock()) if alert else examine(settings, home, today, os.environ))
    if isinstance(settings, Settings) and not alert:
        findings += check_definition_rows(settings)
    if as_json:
        show_json([asdict(finding) for finding in findings])
    else:
        colours = {"ok": "green", "warn": "yellow", "fail": "red"}
        for finding in findings:
            out.print(f"[{colours[finding.level]}]{finding.level:<4}[/] {finding.check}: ", end="")
            fix = f". Fix: {finding.fix}" if finding.fix else ""
            out.print((finding.message.removesuffix(".") if fix else finding.message) + fix, markup=False)
    if worst(findings) == "fail":
        raise typer.Exit(ExitCode.WRONG_USAGE)


@command("pipeledger ui --port 3001")
def ui(port: Annotated[int, typer.Option("--port", help="The port on 127.0.0.1.")] = 3000) -> None:
    """Dagster's UI and scheduler on 127.0.0.1."""
    settings = settings_in_force()
    settings.home.root.mkdir(parents=True, exist_ok=True)
    from orchestration.dag.dagster_home import write_dagster_home

    write_dagster_home(settings.home.dagster)
    os.environ.update({**PRIVACY, "DAGSTER_HOME": str(settings.home.dagster), "PYTHONWARNINGS": "ignore"})
    err.print(f"Dagster's UI: http://127.0.0.1:{port} (stop with Ctrl-C)")
    program = str(Path(sys.executable).with_name("dagster"))
    command = [program, "dev", "--module-name", "orchestration.definitions", "--host", "127.0.0.1", "--port", str(port)]
    os.execv(program, command)  # noqa: S606 - our own program, no shell


@command("pipeledger init --from export.csv --time-zone Europe/Berlin")
def init(
    time_zone: Annotated[str | None, typer.Option(help="Whose day it is, such as America/New_York.")] = None,
    base_currency: Annotated[str | None, typer.Option(help="The currency of reports, such as USD.")] = None,
    fiscal_year_start_month: Annotated[int | None, typer.Option(help="1 to 12.")] = None,
    source: Annotated[str | None, typer.Option(help="Your name for the first source.")] = None,
    kind: Annotated[str, typer.Option("--type", help="What it is: files, salesforce ...")] = "files",
    path: Annotated[str | None, typer.Option(help="Its folder of exports.")] = None,
    option: Annotated[list[str] | None, typer.Option(help="An option of its type: name=value; repeatable.")] = None,
    as_of: Annotated[str | None, typer.Option(help="The day that undated files describe.")] = None,
    from_files: Annotated[
        list[Path] | None,
        typer.Option("--from", help="An export, of which all settings are proposed; repeatable."),
    ] = None,
    entity: Annotated[str | None, typer.Option(help="What the file of --from holds: opportunity, account ...")] = None,
    decimal: Annotated[str | None, typer.Option(help="Its decimal sign: , or .")] = None,
    date_format: Annotated[str | None, typer.Option(help="Its dates, such as DD.MM.YYYY or M/D/YYYY.")] = None,
    sheet: Annotated[str | None, typer.Option(help="Its sheet, if it is a workbook with several.")] = None,
    column: Annotated[list[str] | None, typer.Option(help="A column of it: THEIRS=ours; repeatable.")] = None,
) -> None:
    """Write a commented pipeledger.toml and the governed definitions."""
    from ingestion.source_types import SOURCE_TYPES
    from orchestration.commands.init import Answers, propose, write_starter
    from orchestration.commands.proposals import look_at, remarks, rows, write_stages

    given_options = dict(part.partition("=")[::2] for part in option or [])
    questions = SOURCE_TYPES[kind].questions if kind in SOURCE_TYPES else {}

    def ask(value: Any, option: str, question: str, default: Any) -> Any:
        if value is not None:
            return value
        if sys.stdin.isatty():
            return typer.prompt(question, default=default, err=True)
        if default is None:
            raise ConfigError(f"init: {option} missing, and nobody to ask. Add it: {question}.")
        return default

    told = {"entity": entity, "decimal": decimal, "date_format": date_format, "sheet": sheet}
    columns = dict(map(parse_column, column or []))
    files = look_at(from_files, told, columns, Path.cwd(), choose) if from_files else None
    answers = Answers(
        time_zone=ask(time_zone, "--time-zone", "Time zone of the company (such as America/New_York)", None),
        base_currency=ask(
            base_currency, "--base-currency", "Currency of reports", (files.currency if files else "") or "USD"
        ),
        fiscal_year_start_month=ask(
            fiscal_year_start_month, "--fiscal-year-start-month", "Month in which the fiscal year starts", 1
        ),
        source=ask(source, "--source", "Name of the first source", "crm"),
        path=files.path
        if files
        else ask(path, "--path", "Folder of its exports", "exports/crm")
        if kind == "files"
        else "",
        files=files,
        type=kind,
        options=given_options
        | {
            name: ask(given_options.get(name), f"--option {name}=...", question, None)
            for name, question in questions.items()
        },
        as_of=parse_day(as_of, "--as-of") if as_of else None,
    )
    for written in write_starter(Path.cwd(), answers):
        out.print(str(written), markup=False)
    if kind != "files":
        for line in propose(load_settings(Path.cwd() / "pipeledger.toml"), answers.source):
            err.print(line, markup=False)
    if files:
        show_table(("entity", "theirs", "ours", "two values"), rows(files))
        stages = write_stages(Path.cwd() / "definitions", answers.source, files)
        for remark in remarks(files, stages):
            err.print(remark, markup=False)
        err.print("Next: read pipeledger.toml, then `pipeledger run`.")
        return
    err.print("Next: edit them, then `pipeledger doctor` and `pipeledger run`.")


def choose(option: str, question: str, choices: Sequence[str]) -> str:
    """The answer to what a file leaves open: by a person, else ConfigError that names the option."""
    while sys.stdin.isatty():
        answer = str(typer.prompt(f"{question} [{' / '.join(choices)}]", err=True))
        if answer in choices:
            return answer
    given = option if " " in option else f"{option} {choices[0]!r}"
    others = f" or {', '.join(map(repr, choices[1:]))}" if len(choices) > 1 and " " not in option else ""
    raise ConfigError(f"init: {question} Nobody is there to ask, and nothing was written. Add {given}{others}.")


def parse_column(given: str) -> tuple[str, str]:
    """A column of a file and ours, out of THEIRS=ours."""
    theirs, sign, ours = given.rpartition("=")
    if not sign or not theirs or not ours:
        raise ConfigError(f'--column: got {given!r}, THEIRS=ours expected, such as --column "Betrag=amount".')
    return theirs, ours


@command("pipeledger demo", "pipeledger demo --days 90")
def demo(
    days: Annotated[int, typer.Option(help="How many days the company lives.")] = 540,
    as_json: JsonFlag = False,
) -> None:
    """A whole synthetic company: ingest, capture every day, build, publish."""
    home = find_home(os.environ, Path.cwd(), DEMO_HOME)
    marker = read_marker(LocalPlace(home.root))
    is_foreign = (marker or {}).get("created_by") != "demo" and home.root.exists() and any(home.root.iterdir())
    if is_foreign:
        raise ConfigError(
            f"{home.root}: a home that the demo did not create; a new folder expected. Nothing was touched. "
            "Set PIPELEDGER_HOME to a folder that does not exist."
        )
    with locked(home, "pipeledger demo"), watching():
        from orchestration.commands.demo import run_demo

        report = run_demo(home, days)
    finish(report, as_json, demo_home=home)


def finish(report: "RunReport", as_json: bool, demo_home: Home | None = None) -> None:
    """Say what a run came to, and end with its exit code."""
    if as_json:
        show_json({**asdict(report), "exit_code": int(report.exit_code)})
    else:
        show_report(report)
    for failure in report.failures:  # the cause is the last thing one reads
        err.print(failure, style="red", markup=False)
    if demo_home is not None and report.exit_code == ExitCode.DONE and not as_json:
        from orchestration.commands.demo import farewell

        out.print(farewell(demo_home), markup=False)
    raise typer.Exit(report.exit_code)


def shared_options_first(arguments: Sequence[str]) -> list[str]:
    """Bring --config and --debug before the command, wherever they stand; and a query that begins with a comment
    behind all options, because it is none."""
    first: list[str] = []
    rest: list[str] = []
    queries: list[str] = []
    pending = iter(arguments)
    for argument in pending:
        if argument == "--":
            rest += [argument, *pending]
        elif re.match("--([^a-z]|.*\n)", argument):
            queries += [argument]
        elif argument == "--debug" or argument.startswith("--config="):
            first.append(argument)
        elif argument == "--config":
            first += [argument, *(value for value in [next(pending, None)] if value is not None)]
        else:
            rest.append(argument)
    return [*first, *rest, *(["--", *queries] if queries else [])]


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry of the command `pipeledger`; ends the process with its exit code."""
    os.environ.update({name: value for name, value in PRIVACY.items() if name not in os.environ})
    gc.set_threshold(OBJECTS_PER_COLLECTION)
    code = [int(ExitCode.FAILED)]
    if arguments is None:  # the process is ours; registered before all others, this is called after them
        atexit.register(lambda: end_at_once(code[0]))
    try:
        code[0] = int(exit_code(shared_options_first(sys.argv[1:] if arguments is None else arguments)))
    except SystemExit as end:  # a shell asked how a command goes on
        code[0] = end.code if isinstance(end.code, int) else int(end.code is not None)
    sys.exit(code[0])


def end_at_once(code: int) -> None:
    """End the process as mypy does: taking apart what dbt and Dagster made costs a command one to two CPU seconds."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # whoever read it is gone
            stream.flush()
    os._exit(code)


def exit_code(arguments: Sequence[str]) -> int:
    """Run a command; turn every error into its message and exit code."""
    try:
        result = app(list(arguments), standalone_mode=False, prog_name="pipeledger")
    except TyperException as error:
        err.print(error.format_message(), markup=False)
        if arguments:
            err.print("`pipeledger --help` lists the commands, `pipeledger COMMAND --help` their options.")
        return ExitCode.WRONG_USAGE
    except (typer.Abort, KeyboardInterrupt):
        err.print("Stopped.")
        return ExitCode.FAILED
    except Exception as error:
        return explain(error)
    return result if isinstance(result, int) else ExitCode.DONE


def explain(error: Exception) -> int:
    """Print an error in one paragraph (with --debug, its stack trace too)."""
    from snapshots.store import LedgerDamagedError, LedgerError

    if shared.debug:
        traceback.print_exc()
    if is_disk_full(error):
        error = DiskFullError(find_home(os.environ, Path.cwd()).root)
    if isinstance(error, PipeledgerError):
        err.print(str(error), style="red", markup=False)
        return error.exit_code
    if isinstance(error, LedgerError):
        err.print(str(error), style="red", markup=False)
        return ExitCode.LEDGER_DAMAGED if isinstance(error, LedgerDamagedError) else ExitCode.FAILED
    err.print(f"{type(error).__name__}: {error}", style="red", markup=False)
    if not shared.debug:
        err.print("This should not happen. Run it again with --debug to see where.")
    return ExitCode.FAILED


if __name__ == "__main__":
    main()
