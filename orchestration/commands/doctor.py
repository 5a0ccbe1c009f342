"""Is the set-up sound? One finding per check, each with its fix.

Reads the environment, the settings, the sources and the published file; changes nothing, but makes and deletes a small
file where the ledger lies in a bucket.
"""

import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import duckdb

from ingestion.source import Checked, Finding, LandingError, Level, SourceError
from orchestration.commands.status import UNPRICED, counted
from orchestration.settings.config import SourceConfig
from orchestration.settings.errors import ConfigError, PipeledgerError
from orchestration.settings.home import Home, check_home
from orchestration.settings.lease import Lease
from orchestration.settings.lock import current_holder
from orchestration.settings.settings import Settings
from orchestration.steps import alerts
from orchestration.steps.build import definition_problems
from orchestration.steps.dbt import DEFAULT_DEFINITIONS, definition_files
from orchestration.steps.held import held_in_published
from orchestration.steps.rehearsal import rehearse
from orchestration.steps.sources import build_source
from reporting.published import LACKS, lacking
from snapshots.bucket import Bucket
from snapshots.digest import literal
from snapshots.gates import are_too_many
from snapshots.receipts import read_receipts
from snapshots.sentences import listed
from snapshots.store import BucketError, LedgerError

OLDEST_PYTHON, NEWEST_PYTHON = (3, 11), (3, 13)
LITTLE_SPACE = 500_000_000  # bytes; a build of a large company needs more than this beside the published file
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def examine(settings: Settings | PipeledgerError, home: Home, today: date, env: Mapping[str, str]) -> Iterator[Finding]:
    """Run all checks; those that need settings are left out where the settings cannot be read."""
    yield check_python(platform.python_version_tuple())
    yield check_writable(home)
    yield check_space(home)
    yield check_lock(home)
    yield check_ui(env, command_lines())
    if isinstance(settings, PipeledgerError):
        yield Finding("settings", "fail", str(settings), "correct the settings; the other checks need them")
        return
    yield Finding("settings", "ok", f"{settings.config.path}: {len(settings.config.enabled)} sources enabled")
    for check in (check_ledger, check_publish, check_marker, check_definitions):
        yield guarded(check, settings)
    if not settings.config.enabled:
        yield Finding("sources", "fail", "no source is enabled", "add a [sources.<name>] to pipeledger.toml")
    for source in settings.config.enabled:
        yield from check_source(settings, source, today)
    yield guarded(check_rejects, settings)
    yield check_alerts(settings)
    yield check_held(settings)
    yield from check_published(settings, today)


def guarded(check: Callable[[Settings], Finding], settings: Settings) -> Finding:
    """A check whose error is its finding."""
    try:
        return check(settings)
    except (PipeledgerError, BucketError) as error:
        return Finding(check.__name__.removeprefix("check_"), "fail", str(error))


def check_python(version: tuple[str, str, str]) -> Finding:
    """The Python that the pinned dependencies were resolved for."""
    got = ".".join(version)
    if not OLDEST_PYTHON <= (int(version[0]), int(version[1])) <= NEWEST_PYTHON:
        fix = "make clean setup PYTHON=python3.11, then use .venv/bin"
        return Finding("python", "fail", f"Python {got}, 3.11 to 3.13 expected", fix)
    return Finding("python", "ok", f"Python {got}")


def check_writable(home: Home) -> Finding:
    """The home, or the folder it will be made in, takes a file."""
    folder = next(path for path in (home.root, *home.root.parents) if path.exists())
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".pipeledger-doctor-"):
            return Finding(
                "home", "ok", f"{home.root} is writable" + ("" if folder == home.root else " (not made yet)")
            )
    except OSError as error:
        return Finding(
            "home",
            "fail",
            f"{folder}: not writable ({error.strerror})",
            f"chown or chmod {folder}, or set PIPELEDGER_HOME",
        )


def check_space(home: Home, free: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free) -> Finding:
    """Room for a published file beside the old one."""
    folder = next(path for path in (home.root, *home.root.parents) if path.exists())
    published = home.published.stat().st_size if home.published.exists() else 0
    left, needed = free(folder), max(LITTLE_SPACE, 3 * published)
    message = f"{left / 1e9:,.1f} GB free, {needed / 1e9:,.1f} GB expected"
    if left < needed:
        return Finding(
            "disk",
            "fail",
            f"{folder}: {message}",
            "free some space; landing.duckdb and dbt/ in the home are disposable",
        )
    return Finding("disk", "ok", message)


def check_lock(home: Home) -> Finding:
    """Whether a run is writing, and which."""
    holder = current_holder(home)
    if holder is None:
        return Finding("lock", "ok", "no run is writing")
    return Finding("lock", "warn", f"held by {holder}", f"wait for it, or end it: kill {holder.pid}")


def command_lines(proc: Path = Path("/proc")) -> Iterator[list[str]]:
    """The command lines of this machine's processes, where the system shows them."""
    for path in proc.glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue


def check_ui(env: Mapping[str, str], commands: Iterator[list[str]]) -> Finding:
    """Dagster's UI has no login: it must listen on this machine alone."""
    fix = "start it with `pipeledger ui`; reach it from elsewhere through an SSH tunnel"
    named = env.get("DAGSTER_WEBSERVER_HOST")
    if named and named not in LOOPBACK:
        return Finding("ui", "fail", f"DAGSTER_WEBSERVER_HOST is {named}, 127.0.0.1 expected", f"unset it; {fix}")
    for command in commands:
        host = host_of(command)
        if host is not None and host not in LOOPBACK:
            return Finding("ui", "fail", f"Dagster's UI listens on {host}, 127.0.0.1 expected", fix)
    return Finding("ui", "ok", "nothing but loopback")


def host_of(command: list[str]) -> str | None:
    """The address that a Dagster web server was told to listen on; None for any other process."""
    words = " ".join(Path(word).name for word in command[:4])
    if "dagster-webserver" not in words and "dagster dev" not in words and "dagster_webserver" not in words:
        return None
    for number, word in enumerate(command):
        if word in ("-h", "--host") and number + 1 < len(command):
            return command[number + 1]
        if word.startswith("--host="):
            return word.removeprefix("--host=")
    return None


def check_ledger(settings: Settings) -> Finding:
    """The bucket of the ledger lets us in, and refuses to make a file that exists; nobody else writes in it."""
    place = settings.store.place
    if not isinstance(place, Bucket):
        return Finding("ledger", "ok", f"in the home, {place}")
    if not place.keeps_what_it_has():
        return unsafe("ledger", place, "commits could be lost")
    holder = Lease(place).holder()
    if holder is not None:
        return Finding("ledger", "warn", f"{place} is locked by {holder}", "wait for it; its lock runs out if it died")
    return Finding("ledger", "ok", f"{place} can be reached, and refuses to make a file that exists")


def check_publish(settings: Settings) -> Finding:
    """The bucket into which the published file goes lets us in, and refuses to make a file that exists."""
    place = settings.home.place(settings.config.share)
    if not isinstance(place, Bucket):
        return Finding("publish", "ok", f"in the home alone, {settings.home.published}")
    if not place.keeps_what_it_has():
        return unsafe("publish", place, "readers could be led to an older run")
    return Finding("publish", "ok", f"{place} can be reached, and refuses to make a file that exists")


def unsafe(check: str, place: Bucket, consequence: str) -> Finding:
    """A store that makes a file anew that exists."""
    return Finding(
        check,
        "fail",
        f"{place}: the store made a file anew that existed, a refusal expected",
        f"use a store with conditional writes (If-None-Match); on this one, {consequence}",
    )


def check_marker(settings: Settings) -> Finding:
    """The home was made for this company."""
    check_home(settings.store.place, settings.config.company)
    return Finding("marker", "ok", "home and settings agree on time zone and currency")


def check_definitions(settings: Settings) -> Finding:
    """The governed files have the documented columns."""
    found = definition_files(settings.config.company.definitions)
    defaults = [definition.name for definition in found if definition.is_default]
    if defaults:
        return Finding(
            "definitions",
            "warn",
            f"the documented default stands in for {', '.join(defaults)}",
            f"copy it from {DEFAULT_DEFINITIONS} to {settings.config.company.definitions} and make it yours",
        )
    return Finding("definitions", "ok", f"{len(found)} governed files")


def check_definition_rows(settings: Settings) -> Iterator[Finding]:
    """Every row of the governed files is what a build accepts; one finding for each that is not."""
    try:
        problems = definition_problems(settings)
    except ConfigError:
        return  # `check_definitions` says so
    except PipeledgerError as error:
        yield Finding("definition rows", "fail", str(error))
        return
    where = settings.config.company.definitions
    for problem in problems:
        yield Finding("definition rows", "fail", problem, f"correct it in {where}, then `pipeledger build`")
    if not problems:
        yield Finding("definition rows", "ok", "a build accepts every row")


def check_alerts(settings: Settings) -> Finding:
    """Somebody is told when a day is lost."""
    fix = f"put addresses into {alerts.URLS} and [alerts] into {settings.config.path}; see docs/daily-run.md"
    places = alerts.urls()
    if not (settings.config.alerts.is_enabled or places):
        return Finding("alerts", "ok", "off: nobody is told of a lost day but by its exit code and in Dagster")
    if not (settings.config.alerts.is_enabled and places):
        missing = f"no [alerts] in {settings.config.path}" if places else f"{alerts.URLS} is not set"
        return Finding("alerts", "warn", f"nobody is told: {missing}", fix)
    try:
        for place in places:
            alerts.place_of(place)
    except ConfigError as error:
        return Finding("alerts", "fail", str(error), fix)
    kinds = ", ".join(place.partition("://")[0] for place in places)
    return Finding("alerts", "ok", f"goes to {len(places)} (by {kinds}); `pipeledger doctor --alert` sends a test")


def send_test_alert(now: datetime) -> Iterator[Finding]:
    """Send a message to every place; one finding for each."""
    if not alerts.urls():
        yield Finding("test alert", "fail", f"{alerts.URLS} is not set", "put one address or more into it")
    for place in alerts.urls():
        try:
            alerts.send(place, alerts.test_message(now))
            yield Finding("test alert", "ok", f"sent to {alerts.shown(place)}")
        except PipeledgerError as error:
            yield Finding("test alert", "fail", str(error), f"correct the address in {alerts.URLS}")


def check_source(settings: Settings, source: SourceConfig, today: date) -> Iterator[Finding]:
    """The files are there, or the API lets us in, and what is required is found."""
    name = f"source {source.name}"
    try:
        built = build_source(source, settings)
        first = source.start_date or date(today.year - 3, 1, 1)
        days = built.days(min(first, source.as_of or today), source.as_of or today)
        if not days.complete:
            lacking = sorted({what for names in days.incomplete.values() for what in names})
            lacks = f": {listed(lacking)} missing" if lacking else ""
            yield Finding(
                name, "fail", f"no day can be served{lacks}", f"put the files there; see {settings.config.path}"
            )
            return
        built.extract([days.complete[-1]], today)
        found = list(built.check()) if isinstance(built, Checked) else []
    except (SourceError, PipeledgerError) as error:
        yield Finding(name, "fail", str(error), f"see [sources.{source.name}] in {settings.config.path}")
        return
    yield from (replace(finding, check=f"{name}: {finding.check}".removesuffix(": ")) for finding in found)
    if source.type == "files" and worst(found) != "fail":
        found = list(check_first_rows(settings, source, days.complete[-1], today))
        yield from found
    if worst(found) != "fail":
        yield Finding(name, "ok", f"{len(built.entities)} entities, newest day {days.complete[-1]}")


def check_rejects(settings: Settings) -> Finding:
    """No row of the last captured day of an entity was rejected."""
    receipts = sorted(read_receipts(settings.store), key=lambda each: each.snapshot_date)
    last = {(each.source, each.entity): each for each in receipts}
    rejected = [
        f"{each.rejected:,} of {each.source_rows:,} rows of {each.source}.{each.entity} on {each.snapshot_date}, see "
        f"{settings.store.place / settings.store.rejects_file(each.source, each.entity, each.snapshot_date)}"
        for each in last.values()
        if each.rejected
    ]
    if rejected:
        fix = "correct them where they come from, or say in pipeledger.toml how they are written"
        return Finding("rejected rows", "warn", "; ".join(rejected), fix)
    return Finding("rejected rows", "ok", "none on the last captured days")


def check_held(settings: Settings) -> Finding:
    """The published marts show every source as it was captured last."""
    found = held_in_published(settings)
    if found:
        return Finding("held sources", "fail", " ".join(found.values()))
    return Finding("held sources", "ok", "the published marts hold none back")


def check_first_rows(settings: Settings, source: SourceConfig, day: date, today: date) -> Iterator[Finding]:
    """What a run would reject of the first rows of each file: a failure where a run would refuse the day for it."""
    try:
        rehearsed = rehearse(settings, source, day, today)
    except (LandingError, LedgerError) as error:
        yield Finding(f"source {source.name}", "fail", str(error), f"see [sources.{source.name}] in pipeledger.toml")
        return
    gates = settings.config.gates
    for entity in rehearsed:
        count = len(entity.rejected)
        if count:
            is_refused = are_too_many(count, entity.rows, gates)
            shown = listed(entity.rejected, between="; ")
            yield Finding(
                f"source {source.name}: {entity.entity}",
                "fail" if is_refused else "warn",
                f"a run would reject {count:,} of the first {entity.rows:,} rows: {shown}",
                f"correct the export, or say in [sources.{source.name}] of pipeledger.toml how it writes them",
            )


def check_published(settings: Settings, today: date) -> Iterator[Finding]:
    """What the published marts say is missing from the definitions."""
    path = settings.home.published
    if not path.exists():
        yield Finding("published", "warn", "nothing published yet", "pipeledger run")
        return
    try:
        connection = duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        yield Finding("published", "fail", f"{path}: not readable ({error})", "pipeledger build")
        return
    with connection:
        try:
            found = [
                check_stages(connection, settings), check_rates(connection), check_targets(connection, settings, today)
            ]  # fmt: skip
        except LACKS as error:
            yield Finding(
                "published",
                "fail",
                f"{path}: it has no {lacking(error)}, an older version wrote it",
                "pipeledger build",
            )
            return
        yield Finding("published", "ok", str(path))
        yield from found


def check_stages(connection: duckdb.DuckDBPyConnection, settings: Settings) -> Finding:
    """Every stage that the CRM uses has a definition, and one that the company has seen."""
    rows = connection.execute(
        "select source, pipeline, source_stage, count(*) from marts.fct_opportunity_current "
        "where stage = 'unmapped' group by all order by 4 desc, 1, 2, 3"
    ).fetchall()
    if rows:
        named = ", ".join(f"{source}/{pipeline}: {stage} ({count:,} rows)" for source, pipeline, stage, count in rows)
        return Finding("stages", "warn", f"without a definition: {named}", "add them to stage_definitions.csv")
    own = settings.config.company.definitions / "stage_definitions.csv"
    if not own.exists():
        meanings = connection.execute(
            "select distinct source_stage, stage, stage_category from marts.fct_opportunity_current order by all"
        ).fetchall()
        named = ", ".join(
            f"{stage} is {category}" + (f" and called {ours}" if ours != stage else "")
            for stage, ours, category in meanings
        )
        if named:
            return Finding(
                "stages",
                "warn",
                f"their meaning is that of the default definition of the same name: {named}; is that so?",
                f"copy {DEFAULT_DEFINITIONS / own.name} to {own} and correct it; with a file of your own nobody asks",
            )
    return Finding("stages", "ok", "every stage in use has a definition")


def check_rates(connection: duckdb.DuckDBPyConnection) -> Finding:
    """Every open opportunity counts in base currency."""
    rows = connection.execute(UNPRICED).fetchall()
    if rows:
        return Finding("rates", "warn", f"open opportunities without a rate: {counted(rows)}", "add it to fx_rates.csv")
    return Finding("rates", "ok", "every open opportunity has a rate")


def check_targets(connection: duckdb.DuckDBPyConnection, settings: Settings, today: date) -> Finding:
    """The quarter of the last captured day and the next one have a target."""
    quarters = [
        str(quarter)
        for (quarter,) in connection.execute(
            "with last_day as (select coalesce(max(snapshot_date), ?::date) as day from marts.dim_snapshot) "
            "select distinct fiscal_quarter from marts.dim_date, last_day "
            "where date_day in (day, (select min(later.date_day) from marts.dim_date as later, last_day where "
            "later.date_day > (select fiscal_quarter_end_date from marts.dim_date, last_day where date_day = day))) "
            "order by 1",
            [today],
        ).fetchall()
    ]
    own = settings.config.company.definitions / "targets.csv"
    file = own if own.exists() else DEFAULT_DEFINITIONS / "targets.csv"
    found = connection.execute(
        f"select distinct fiscal_quarter from read_csv({literal(str(file))}, header = true, all_varchar = true)"
    ).fetchall()
    missing = [quarter for quarter in quarters if quarter not in {name for (name,) in found}]
    if missing:
        return Finding("targets", "warn", f"none for {', '.join(missing)}", f"add rows to {own}; coverage needs them")
    return Finding("targets", "ok", f"set for {', '.join(quarters)}")


def worst(findings: list[Finding]) -> Level:
    """The most serious level among findings."""
    levels = {finding.level for finding in findings}
    return "fail" if "fail" in levels else "warn" if "warn" in levels else "ok"


if __name__ == "__main__":
    print(check_python(platform.python_version_tuple()), check_ui(os.environ, command_lines()))
