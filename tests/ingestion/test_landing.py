"""Landing through real dlt into real DuckDB: complete or not at all, whatever is interrupted or broken."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from ingestion import landing as landing_module
from ingestion.landing import Landed, land
from ingestion.source import Days, Extraction, LandingError, SourceError, landed_name
from tests.drawn import drawn

DAY = date(2026, 11, 22)
EARLIER = date(2026, 11, 21)


def table(*ids: str, **columns: Any) -> pa.Table:
    return pa.table({"opportunity_id": pa.array(ids, pa.string()), **columns})


def extraction(
    entity: str = "opportunity", day: date = DAY, tables: Iterable[pa.Table] | None = None, **options: Any
) -> Extraction:
    defaults: dict[str, Any] = {
        "key": ("opportunity_id",),
        "required": ("opportunity_id",),
        "mode": "state",
        "governed": {},
    }
    return Extraction(entity, day, tables if tables is not None else [table("a")], **{**defaults, **options})


@dataclass
class Given:
    """A source that yields the extractions it was given."""

    extractions: list[Extraction] = field(default_factory=lambda: [extraction()])
    name: str = "crm"
    type: str = "files"

    @property
    def entities(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(extraction.entity for extraction in self.extractions))

    def days(self, first: date, last: date) -> Days:
        return Days((first, last))

    def chunks(self, days: Sequence[date]) -> Iterator[Sequence[date]]:
        yield days

    def extract(self, days: Sequence[date], today: date) -> dict[str, Callable[[], Iterator[Extraction]]]:
        def of(entity: str) -> Iterator[Extraction]:
            yield from (extraction for extraction in self.extractions if extraction.entity == entity)

        return {entity: partial(of, entity) for entity in self.entities}


@dataclass
class Place:
    """Where a test lands, and what counts there."""

    home: Path

    @property
    def landing(self) -> Path:
        return self.home / "landing.duckdb"

    def land(self, *extractions: Extraction, **options: Any) -> Landed:
        source = Given(list(extractions) or [extraction()], **options)
        return land(source, [DAY], landing=self.landing, pipelines_dir=self.home / "dlt", today=DAY)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.landing), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def complete(self) -> list[tuple[Any, ...]]:
        """What capture would take: manifests of completed loads."""
        sql = (
            "select m.entity, m.snapshot_date, m.row_count from crm.manifest m "
            "join crm._dlt_loads l using (load_id) where l.status = 0 order by all"
        )
        try:
            return self.rows(sql)
        except duckdb.CatalogException:
            return []


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_rows_land_as_they_are_behind_the_bookkeeping_columns(place: Place) -> None:
    rejected = table("b", _pl_file=["o.csv"], _pl_line=[7], _pl_reject=["too short"])

    done = place.land(extraction(tables=[table("a", stage=["Won"], _pl_line=[2]), rejected]))

    columns = "_pl_snapshot_date, _pl_file, _pl_line, _pl_reject, opportunity_id, stage"
    assert place.rows(f"select {columns} from crm.opportunity order by opportunity_id") == [
        (DAY, None, 2, None, "a", "Won"),
        (DAY, "o.csv", 7, "too short", "b", None),
    ]
    assert [row[0] for row in place.rows("describe crm.opportunity")] == [
        "_pl_snapshot_date",
        "_pl_extraction_id",
        "_pl_file",
        "_pl_line",
        "_pl_reject",
        "opportunity_id",
        "stage",
    ]
    assert (done.rows, done.rejected) == ({("opportunity", DAY): 2}, {("opportunity", DAY): 1})
    assert place.rows("select distinct _pl_extraction_id from crm.opportunity") == [tuple(done.extraction_ids.values())]


def test_the_manifest_says_what_was_extracted(place: Place) -> None:
    before = datetime.now(UTC)
    place.land(
        extraction(
            tables=[table("a", gone=["1"], seen=["x"])],
            governed={"opportunity_id": "VARCHAR"},
            volatile=("seen",),
            deleted="gone",
            is_dated=True,
        )
    )

    with duckdb.connect(str(place.landing)) as connection:
        connection.execute("set timezone = 'UTC'")
        (row,) = connection.sql("select * from crm.manifest").to_arrow_table().to_pylist()
        loads = connection.execute("select load_id, status from crm._dlt_loads").fetchall()
    lists = ("key_columns", "id_columns", "required_columns", "columns", "governed", "personal", "volatile")
    assert {name: json.loads(row[name]) for name in lists} == {
        "key_columns": ["opportunity_id"],
        "id_columns": [],
        "required_columns": ["opportunity_id"],
        "columns": ["opportunity_id", "gone", "seen"],
        "governed": {"opportunity_id": "VARCHAR"},
        "personal": [],
        "volatile": ["seen"],
    }
    assert (row["source"], row["source_type"], row["entity"], row["snapshot_date"], row["mode"]) == (
        "crm",
        "files",
        "opportunity",
        DAY,
        "state",
    )
    assert (row["deleted_column"], row["email_column"], row["is_dated"], row["row_count"]) == ("gone", None, True, 1)
    assert loads == [(row["load_id"], 0)]
    assert before <= row["extraction_started_at"] <= row["extraction_ended_at"] <= datetime.now(UTC)


def test_an_extraction_without_rows_is_complete(place: Place) -> None:
    place.land(extraction(tables=[table()]))

    assert place.complete() == [("opportunity", DAY, 0)]
    assert place.rows("select count(*) from crm.opportunity") == [(0,)]


def test_many_days_and_entities_land_in_one_load(place: Place) -> None:
    days = [date(2026, 1, day) for day in range(1, 29)]
    extractions = [extraction(entity, day) for entity in ("opportunity", "account") for day in days]

    place.land(*extractions)

    assert place.complete() == [(entity, day, 1) for entity in ("account", "opportunity") for day in days]
    assert place.rows("select count(distinct load_id), count(distinct extraction_id) from crm.manifest") == [(1, 56)]


def test_a_column_added_later_is_null_before_and_the_manifest_knows_when(place: Place) -> None:
    place.land(extraction(day=EARLIER), extraction(tables=[table("a", stage=["Won"])]))

    assert place.rows("select stage from crm.opportunity order by _pl_snapshot_date") == [(None,), ("Won",)]
    assert place.rows("select columns from crm.manifest order by snapshot_date") == [
        ('["opportunity_id"]',),
        ('["opportunity_id", "stage"]',),
    ]


def test_each_table_has_its_own_columns(place: Place) -> None:
    place.land(
        extraction(tables=[table("a", stage=["Won"])]), extraction("account", tables=[table("b", tier=["Large"])])
    )

    for entity, column in (("opportunity", "stage"), ("account", "tier")):
        columns = [row[0] for row in place.rows(f"describe crm.{entity}") if not row[0].startswith("_pl_")]
        assert columns == ["opportunity_id", column]


def broken(error: Exception) -> Iterator[pa.Table]:
    yield table("b")
    raise error


@pytest.mark.parametrize("when", ["first", "last"])
def test_an_extraction_that_breaks_off_lands_nothing_of_the_run(place: Place, when: str) -> None:
    place.land()
    failing = extraction("account", tables=broken(ValueError("the connection is gone")))
    extractions = [failing, extraction()] if when == "first" else [extraction(), failing]

    with pytest.raises(LandingError, match=r"crm\.account: .*ValueError: the connection is gone"):
        place.land(*extractions)

    assert place.complete() == []


def test_a_source_error_keeps_its_words(place: Place) -> None:
    with pytest.raises(SourceError, match=r"^crm\.opportunity: no file$"):
        place.land(extraction(tables=broken(SourceError("crm.opportunity: no file"))))


def test_what_was_landed_before_never_counts_for_a_new_run(place: Place) -> None:
    place.land(extraction(day=EARLIER, tables=[table("a", amount=pa.array([1]))]))

    place.land(extraction(tables=[table("a", amount=["one"])]))

    assert place.complete() == [("opportunity", DAY, 1)]
    assert place.rows("select amount from crm.opportunity") == [("one",)]


def test_sources_land_beside_each_other(place: Place) -> None:
    place.land(name="billing")
    place.land(name="crm")

    assert place.rows("select (select count(*) from billing.manifest), (select count(*) from crm.manifest)") == [(1, 1)]


@pytest.mark.parametrize("name", ["main", "My CRM", "crm-1", "information_schema", "../crm"])
def test_a_name_that_cannot_be_a_schema_is_refused(place: Place, name: str) -> None:
    with pytest.raises(SourceError, match=r"Expected lower-case letters"):
        place.land(name=name)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"key": ("id",)}, "lacks id"),
        ({"governed": {"amount": "DECIMAL(18,2)"}}, "lacks amount"),
        ({"tables": [table("a", **{"Close Date": ["x"]})]}, "Expected landed names"),
        ({"tables": []}, "has no column"),
        ({"tables": [table("a", n=pa.array([1])), table("b", n=["1"])]}, "column n is string, and int64"),
    ],
)
def test_an_extraction_that_contradicts_itself_is_refused(place: Place, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(LandingError, match=message):
        place.land(extraction(**wrong))

    assert place.complete() == []


def test_the_same_entity_and_day_twice_is_refused(place: Place) -> None:
    with pytest.raises(LandingError, match="twice"):
        place.land(extraction(), extraction())


def test_a_ruined_landing_and_dlt_folder_are_started_anew(place: Place) -> None:
    place.land()
    place.landing.write_bytes(b"not a database" * 1000)
    for file in (place.home / "dlt" / "crm").rglob("*"):
        if file.is_file():
            file.write_bytes(b"\x00ruined")

    place.land()

    assert place.complete() == [("opportunity", DAY, 1)]


def test_a_landing_in_use_by_another_process_is_left_alone(place: Place) -> None:
    place.land()
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import duckdb; c = duckdb.connect({str(place.landing)!r}); print(1, flush=1); input()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(LandingError, match="another process holds it"):
            place.land()
    finally:
        holder.communicate(b"\n")

    assert place.complete() == [("opportunity", DAY, 1)]


ALONE = """
from datetime import date
from pathlib import Path
from ingestion.files.source import build_source
from ingestion.landing import land

source = build_source("crm", Path("exports"), time_zone="UTC")
day = date(2026, 11, 22)
land(source, [day], landing=Path("landing.duckdb"), pipelines_dir=Path("dlt"), today=day)
"""


def test_nothing_around_it_configures_dlt_and_nothing_is_left_outside(place: Place) -> None:
    settings = place.home / ".dlt"
    settings.mkdir()
    (settings / "config.toml").write_text(
        '[runtime]\nlog_level = "x"\ndlthub_telemetry = "maybe"\n[load]\nworkers = "many"\n[schema]\nnaming = "no"\n'
    )
    (place.home / "exports").mkdir()
    (place.home / "exports" / "opportunity.csv").write_text("opportunity_id,stage\na,Won\n")
    outside = place.home / "outside"
    environment = {
        **os.environ,
        "LOAD__WORKERS": "nonsense",
        "DATASET_NAME": "elsewhere",
        "DLT_DATA_DIR": str(outside),
        "HOME": str(outside),
        "XDG_DATA_HOME": str(outside),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }

    done = subprocess.run(
        [sys.executable, "-c", ALONE], cwd=place.home, env=environment, capture_output=True, text=True, timeout=120
    )

    assert done.returncode == 0, done.stderr
    assert (done.stdout, done.stderr) == ("", "")
    assert place.complete() == [("opportunity", DAY, 1)]
    assert sorted(path.name for path in place.home.iterdir()) == [".dlt", "dlt", "exports", "landing.duckdb"]


def test_progress_counts_rows_of_each_entity_and_day(place: Place) -> None:
    seen: list[tuple[str, date, int]] = []
    source = Given([extraction(tables=[table("a"), table("b")])])

    land(
        source,
        [DAY],
        landing=place.landing,
        pipelines_dir=place.home / "dlt",
        today=DAY,
        on_progress=lambda entity, day, rows: seen.append((entity, day, rows)),
    )

    assert seen == [("opportunity", DAY, 1), ("opportunity", DAY, 2)]


KILLED_AT_EVENT = """
import json, os, signal, sys
from datetime import date
from pathlib import Path
import dlt, dlt.destinations, duckdb, pyarrow as pa
from ingestion.files.source import build_source
from ingestion.landing import land

home, exports, steps = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
day = date(2026, 11, 22)
FILE_EVENTS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree", "os.listdir", "os.scandir"}

def run_in_child(fatal):
    seen = 0
    def hook(event, args):
        nonlocal seen
        if event in FILE_EVENTS:
            seen += 1
            if seen == fatal:
                os.kill(os.getpid(), signal.SIGKILL)
    child = os.fork()
    if child == 0:
        sys.addaudithook(hook)
        source = build_source("crm", exports, time_zone="UTC")
        land(source, [day], landing=home / "landing.duckdb", pipelines_dir=home / "dlt", today=day)
        os.write(1, f"events {seen}\\n".encode())
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def in_child(question):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with duckdb.connect(str(home / "landing.duckdb"), read_only=True) as connection:
                answer = connection.execute(question).fetchall()
        except duckdb.Error as error:
            answer = type(error).__name__
        os.write(writer, json.dumps(answer).encode())
        os._exit(0)
    os.waitpid(child, 0)
    return json.loads(os.read(reader, 65536))

QUESTION = (
    "select m.entity, m.row_count, case m.entity when 'opportunity' then (select count(*) from crm.opportunity) "
    "else (select count(*) from crm.account) end from crm.manifest m join crm._dlt_loads l using (load_id) "
    "where l.status = 0 order by 1"
)
for fatal in map(int, sys.argv[4:]):
    code = run_in_child(fatal)
    print(json.dumps([fatal, code, in_child(QUESTION)]), flush=True)
"""


def test_a_run_killed_at_any_moment_counts_whole_or_not_at_all(place: Place) -> None:
    exports = place.home / "exports"
    exports.mkdir()
    (exports / "opportunity.csv").write_text("opportunity_id,stage\n" + "".join(f"{n},Won\n" for n in range(3000)))
    (exports / "account.csv").write_text("account_id\n" + "".join(f"{n}\n" for n in range(50)))
    never = 10**9

    def driven(*fatal: int) -> list[str]:
        arguments = [str(place.home), str(exports), "0", *map(str, fatal)]
        done = subprocess.run(
            [sys.executable, "-c", KILLED_AT_EVENT, *arguments], capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    whole = [["account", 50, 50], ["opportunity", 3000, 3000]]
    events, first = driven(never)
    assert json.loads(first) == [never, 0, whole]
    count = int(events.split()[1])

    steps = drawn(6, 12)
    moments = sorted({1 + count * step // steps for step in range(steps)} | {count - 1, count})
    results = [json.loads(line) for line in driven(*moments, never) if not line.startswith("events")]

    assert [code for _, code, _ in results] == [-9] * len(moments) + [0]
    for fatal, _, found in results:
        assert found in (whole, [], "CatalogException"), f"killed at file event {fatal} of {count}"
    assert results[-1][2] == whole
    assert any(found != whole for _, _, found in results), "no moment was inside the run"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Opportunity ID", "opportunity_id"),
        ("AccountId", "account_id"),
        ("Deal_Stage__c", "deal_stage_c"),
        ("Société", "societe"),
        ("source", "raw_source"),
        ("Valid From", "raw_valid_from"),
        ("_pl_line", "raw_pl_line"),
        ("_dlt_id", "raw_dlt_id"),
    ],
)
def test_landed_names_are_snake_case_and_never_reserved(header: str, expected: str) -> None:
    assert landed_name(header) == expected
    assert landed_name(expected) == expected


def test_extractions_are_frozen() -> None:
    with pytest.raises(AttributeError):
        extraction().entity = "account"  # type: ignore[misc]  # what must not work
    assert replace(extraction(), entity="account").entity == "account"


def test_large_tables_are_cut_and_small_ones_joined(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landing_module, "GATHERED_BYTES", 20_000)
    wide = pa.table({"opportunity_id": [f"w{n}" for n in range(100)], "stage": ["x" * 1_000] * 100})
    small = [pa.table({"opportunity_id": [f"s{n}"], "stage": ["Won"]}) for n in range(10)]
    pieces = list(landing_module._gathered([wide, *small]))
    assert [piece.num_rows for piece in pieces] == [17, 17, 17, 17, 17, 25]
    assert max(piece.nbytes for piece in pieces) <= 20_000

    place.land(extraction(tables=[*small, wide]))

    assert place.rows("select count(distinct opportunity_id), sum(length(stage)) from crm.opportunity") == [
        (110, 100_030)
    ]


@pytest.mark.slow
def test_a_table_of_many_columns_lands_though_each_holds_some_memory(place: Place) -> None:
    rows, columns = 125_000, 600  # more than a row group
    values = pa.array([f"a value of some length, {row:>12}" for row in range(rows)])
    tables = [pa.table({"opportunity_id": values} | {f"field_{number}": values for number in range(columns)})]
    place.land(extraction(tables=tables))
    assert place.rows("select count(*), count(distinct field_599) from crm.opportunity") == [(rows, rows)]
