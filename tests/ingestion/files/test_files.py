"""The files source: which file describes which day, what lands from it, and errors that say what to do."""

import csv
import io
import os
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.entities import ENTITIES
from ingestion.files import source as source_module
from ingestion.files.columns import EntityOptions, canonical_columns
from ingestion.files.layout import Layout
from ingestion.files.source import FilesSource, build_source
from ingestion.landing import Landed, land
from ingestion.source import Dialect, SourceError
from tests.drawn import drawn
from tests.exports.real_exports import Formula, write_old_workbook, write_workbook

DAY = date(2026, 11, 22)
BEFORE = date(2026, 11, 21)
CRM_EXPORT = Path(__file__).parents[3].parent / "shared" / "data" / "crm_export"


class Exports:
    """A folder of exports, the source over it, and the landing of it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.path = home / "exports"
        self.path.mkdir()

    def write(self, name: str, content: str | bytes) -> Path:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    def source(self, as_of: date | None = None, **entities: EntityOptions) -> FilesSource:
        noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
        return build_source("crm", self.path, time_zone="UTC", as_of=as_of, entities=entities, clock=lambda: noon)

    def land(self, *days: date, source: FilesSource | None = None, today: date = DAY) -> Landed:
        return land(
            source or self.source(),
            days or (DAY,),
            landing=self.home / "landing.duckdb",
            pipelines_dir=self.home / "dlt",
            today=today,
        )

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.home / "landing.duckdb"), read_only=True) as connection:
            connection.execute("set timezone = 'UTC'")
            return connection.execute(sql).fetchall()

    def manifest(self, column: str, entity: str = "opportunity") -> Any:
        return self.rows(f"select {column} from crm.manifest where entity = '{entity}' order by snapshot_date")[0][0]


@pytest.fixture
def exports(tmp_path: Path) -> Exports:
    return Exports(tmp_path)


# ---------------------------------------------------------------- real files

MAPPED = {
    "opportunity": EntityOptions(
        "sales_pipeline.csv",
        {
            "deal_stage": "stage",
            "account": "account_id",
            "close_value": "amount",
            "sales_agent": "owner_id",
            "engage_date": "created_at",
        },
    ),
    "account": EntityOptions("accounts.csv", {"account": "account_id", "sector": "industry"}),
    "user": EntityOptions("sales_teams.csv", {"sales_agent": "user_id", "manager": "manager_id"}),
}


@pytest.mark.skipif(not CRM_EXPORT.is_dir(), reason="the sample export is not beside the project")
def test_the_sample_export_lands_whole(tmp_path: Path) -> None:
    as_of = date(2017, 12, 31)
    source = build_source("crm", CRM_EXPORT, time_zone="America/New_York", as_of=as_of, entities=MAPPED)

    done = land(source, [as_of], landing=tmp_path / "landing.duckdb", pipelines_dir=tmp_path / "dlt", today=DAY)

    assert list(source.check()) == []
    assert done.rows == {("opportunity", as_of): 8800, ("account", as_of): 85, ("user", as_of): 35}
    assert set(done.rejected.values()) == {0}
    with duckdb.connect(str(tmp_path / "landing.duckdb")) as connection:
        names = ["opportunity_id", "sales_agent", "product", "account", "deal_stage", "engage_date", "close_date"]
        landed = connection.execute(
            f"select {', '.join(names)}, close_value from crm.opportunity order by _pl_line"
        ).fetchall()
        blank = connection.execute("select count(*) from crm.opportunity where account is null").fetchall()
    with (CRM_EXPORT / "sales_pipeline.csv").open(newline="", encoding="utf-8") as file:
        expected = [tuple(cell or None for cell in row) for row in list(csv.reader(file))[1:]]
    assert landed == expected
    assert blank == [(1425,)]


CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(['"', "a,b", "x\ny", "NA", ""])


@settings(max_examples=drawn(5, 12), deadline=None)
@given(rows=st.lists(st.tuples(CELLS, CELLS), max_size=20))
def test_what_is_read_from_duckdb_is_what_the_csv_module_reads(rows: list[tuple[str, ...]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([["account_id", "note"], *rows])
    with tempfile.TemporaryDirectory() as folder:
        exports = Exports(Path(folder))
        exports.write("account.csv", text.getvalue())

        exports.land()

        landed = exports.rows("select account_id, note from crm.account order by _pl_line")
    expected = list(csv.reader(io.StringIO(text.getvalue(), newline="")))[1:]
    assert landed == [tuple(cell or None for cell in row) for row in expected if any(row)]


# ---------------------------------------------------------------- columns


def test_mapping_names_governed_columns_and_leaves_the_landed_names_alone(exports: Exports) -> None:
    exports.write("opportunity.csv", "Opportunity ID,Deal Stage,Close Value,Colour,Account\n1,Won,5.00,red,7\n")
    options = EntityOptions(columns={"Deal Stage": "stage", "close_value": "amount", "Account": "account_id"})

    exports.land(source=exports.source(opportunity=options))

    assert exports.rows("select opportunity_id, deal_stage, close_value, colour from crm.opportunity") == [
        ("1", "Won", "5.00", "red")
    ]
    assert exports.manifest("key_columns") == '["opportunity_id"]'
    assert exports.manifest("id_columns") == '["opportunity_id", "account"]'
    assert exports.manifest("required_columns") == '["opportunity_id", "deal_stage"]'
    assert exports.manifest("governed") == (
        '{"opportunity_id": "VARCHAR", "account": "VARCHAR", "deal_stage": "VARCHAR", "close_value": "DECIMAL(18,2)"}'
    )


def test_a_mapped_column_wins_over_one_of_the_canonical_name(exports: Exports) -> None:
    exports.write("opportunity.csv", "opportunity_id,stage,deal_stage\n1,internal,Won\n")

    exports.land(source=exports.source(opportunity=EntityOptions(columns={"deal_stage": "stage"})))

    assert exports.manifest("governed") == '{"opportunity_id": "VARCHAR", "deal_stage": "VARCHAR"}'
    assert exports.manifest("columns") == '["opportunity_id", "stage", "deal_stage"]'


def test_a_column_serves_one_canonical_column_only() -> None:
    columns = canonical_columns(ENTITIES["opportunity"], EntityOptions(columns={"close_date": "created_at"}))

    assert columns["created_at"] == "close_date"
    assert "close_date" not in columns


def test_reserved_names_land_as_raw_and_stay_governed(exports: Exports) -> None:
    exports.write("customer_health.csv", "account_id,measured_at,score,source\na,2026-01-01,80,survey\n")

    exports.land()

    assert exports.rows("select raw_source from crm.customer_health") == [("survey",)]
    assert '"raw_source": "VARCHAR"' in exports.manifest("governed", "customer_health")
    assert canonical_columns(ENTITIES["customer_health"], EntityOptions())["source"] == "raw_source"


def test_deleted_personal_and_volatile_columns_go_by_their_landed_names(exports: Exports) -> None:
    exports.write("opportunity.csv", "opportunity_id,stage,Gone,Last Seen\n1,Won,true,x\n")
    exports.write("person.csv", "person_id,E-Mail,full_name,mobile\n1,a@b.c,A,1\n")
    source = exports.source(
        opportunity=EntityOptions(columns={"Gone": "is_deleted"}, volatile=("Last Seen",)),
        person=EntityOptions(columns={"E-Mail": "email"}, personal=("mobile",)),
    )

    exports.land(source=source)

    assert exports.manifest("deleted_column") == "gone"
    assert exports.manifest("volatile") == '["last_seen"]'
    assert exports.manifest("personal", "person") == '["full_name", "e_mail", "mobile"]'
    assert exports.manifest("email_column", "person") == "e_mail"


def test_columns_without_a_name_are_kept_by_their_position(exports: Exports) -> None:
    exports.write("account.csv", ",account_id,\n0,a,x\n")

    exports.land()

    assert exports.rows("select unnamed_1, account_id, unnamed_3 from crm.account") == [("0", "a", "x")]


def test_a_malformed_row_is_landed_with_file_line_reason_and_key(exports: Exports) -> None:
    exports.write("opportunity.csv", 'stage,opportunity_id\n"Won\n",1\nLost,2,extra\nOpen\n')

    done = exports.land()

    assert exports.rows(
        "select _pl_file, _pl_line, _pl_reject, opportunity_id, stage from crm.opportunity order by _pl_line"
    ) == [
        ("opportunity.csv", 2, None, "1", "Won\n"),
        ("opportunity.csv", 4, "3 fields instead of 2", "2", None),
        ("opportunity.csv", 5, "1 fields instead of 2", None, None),
    ]
    assert (done.rows, done.rejected) == ({("opportunity", DAY): 3}, {("opportunity", DAY): 2})


def test_parquet_lands_with_its_own_types_and_nested_values_as_json(exports: Exports) -> None:
    table = pa.table(
        {
            "account_id": ["a", None],
            "employee_count": pa.array([7, None], pa.int32()),
            "revenue": pa.array(["1.50", None]).cast(pa.decimal128(18, 2)),
            "created_at": pa.array([datetime(2026, 1, 1, 12, tzinfo=UTC), None], pa.timestamp("ns", "Europe/Paris")),
            "local_at": pa.array([datetime(2026, 1, 1, 12), None], pa.timestamp("ns")),  # noqa: DTZ001 - the point
            "founded": pa.array([BEFORE, None]),
            "tags": pa.array([["é", 'x"y'], None]),
            "address": pa.array([{"city": "Oslo"}, None]),
            "segment": pa.array(["smb", None]).dictionary_encode(),
            "nothing": pa.nulls(2),
            "waited": pa.array([timedelta(days=1), None]),
        }
    )
    pq.write_table(table, exports.path / "account.parquet")

    exports.land()

    types = dict(exports.rows("select column_name, column_type from (describe crm.account)"))
    assert {name: types[name] for name in table.column_names if types[name] != "VARCHAR"} == {
        "employee_count": "BIGINT",
        "revenue": "DECIMAL(18,2)",
        "created_at": "TIMESTAMP WITH TIME ZONE",
        "founded": "DATE",
    }
    columns = "account_id, local_at, tags, address, segment, nothing, epoch(created_at)::bigint, _pl_line"
    assert exports.rows(f"select {columns} from crm.account order by account_id") == [
        ("a", "2026-01-01 12:00:00.000000", '["é","x\\"y"]', '{"city":"Oslo"}', "smb", None, 1767268800, None),
        (None,) * 8,
    ]


# ---------------------------------------------------------------- days


def test_dated_drops_land_each_day_from_its_own_file(exports: Exports) -> None:
    exports.write("opportunity/2026-11-21.csv", "opportunity_id,stage\n1,Open\n")
    exports.write("opportunity/2026-11-22.CSV", "opportunity_id,stage,amount\n1,Won,5\n2,Open,6\n")

    done = exports.land(BEFORE, DAY, today=date(2027, 1, 1))

    assert done.rows == {("opportunity", BEFORE): 1, ("opportunity", DAY): 2}
    assert exports.rows("select _pl_file, stage, amount from crm.opportunity order by all") == [
        ("opportunity/2026-11-21.csv", "Open", None),
        ("opportunity/2026-11-22.CSV", "Open", "6"),
        ("opportunity/2026-11-22.CSV", "Won", "5"),
    ]
    assert exports.manifest("is_dated") is True


def test_days_are_those_with_a_drop_of_every_dated_entity(exports: Exports) -> None:
    for name in ("opportunity/2026-11-20", "opportunity/2026-11-22", "account/2026-11-20", "account/2026-11-21"):
        exports.write(f"{name}.csv", "opportunity_id,stage,account_id\n")
    exports.write("user.csv", "user_id\n")

    days = exports.source().days(date(2026, 11, 19), DAY)

    assert days.complete == (date(2026, 11, 20),)
    assert days.incomplete == {
        date(2026, 11, 19): ("opportunity/2026-11-19.csv", "account/2026-11-19.csv"),
        date(2026, 11, 21): ("opportunity/2026-11-21.csv",),
        date(2026, 11, 22): ("account/2026-11-22.csv",),
    }


@pytest.mark.parametrize(("as_of", "described"), [(None, DAY), (BEFORE, BEFORE)])
def test_undated_files_describe_as_of_else_today_and_no_other_day(
    exports: Exports, as_of: date | None, described: date
) -> None:
    exports.write("opportunity.csv", "opportunity_id,stage\n")
    source = exports.source(as_of=as_of)
    other = BEFORE if described == DAY else DAY

    assert source.days(BEFORE, DAY).complete == (described,)
    assert exports.land(described, source=source).rows == {("opportunity", described): 0}
    with pytest.raises(
        SourceError, match=rf"asked for {other}, and its files describe {described}.*--date {described}"
    ):
        exports.land(other, source=source)


def test_today_is_the_companys(exports: Exports) -> None:
    exports.write("opportunity.csv", "opportunity_id,stage\n")
    late = datetime(2026, 11, 22, 23, 30, tzinfo=ZoneInfo("America/New_York")).astimezone(UTC)

    source = build_source("crm", exports.path, time_zone="America/New_York", clock=lambda: late)

    assert source.days(BEFORE, date(2026, 11, 24)).complete == (DAY,)


def test_an_undated_file_beside_drops_lands_on_the_day_it_describes_only(exports: Exports) -> None:
    exports.write("opportunity/2026-11-21.csv", "opportunity_id,stage\n")
    exports.write("opportunity/2026-11-22.csv", "opportunity_id,stage\n")
    exports.write("user.csv", "user_id\nu\n")

    done = exports.land(BEFORE, DAY)

    assert sorted(done.rows) == [("opportunity", BEFORE), ("opportunity", DAY), ("user", DAY)]


def test_a_missing_drop_is_named(exports: Exports) -> None:
    exports.write("opportunity/2026-11-21.csv", "opportunity_id,stage\n")
    exports.write("opportunity/opps-2026-11-22.csv", "opportunity_id,stage\n")

    with pytest.raises(SourceError) as error:
        exports.land()

    assert str(error.value) == (
        "crm: no drop of 2026-11-22 for opportunity. Got opportunity/opps-2026-11-22.csv, named after no day. "
        "Expected opportunity/2026-11-22.csv. Put the files there and run `pipeledger run --date 2026-11-22`."
    )


def test_chunks_are_bounded_in_bytes_and_keep_every_day_in_order(
    exports: Exports, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [date(2026, 1, day) for day in range(1, 21)]
    for day in days:
        exports.write(f"opportunity/{day}.csv", "opportunity_id,stage\n" + "1,Won\n" * 10)
    monkeypatch.setattr(source_module, "CHUNK_BYTES", 300)

    chunks = list(exports.source().chunks(days))

    assert [day for chunk in chunks for day in chunk] == days
    assert [len(chunk) for chunk in chunks] == [3] * 6 + [2]


def test_a_column_that_changes_its_type_between_parquet_drops_starts_a_new_chunk(exports: Exports) -> None:
    (exports.path / "opportunity").mkdir()
    days = [date(2026, 1, day) for day in range(1, 5)]
    for day, amount in zip(days, [1, 2, "3", "4"], strict=True):
        table = pa.table({"opportunity_id": ["1"], "stage": ["Won"], "amount": [amount]})
        pq.write_table(table, exports.path / "opportunity" / f"{day}.parquet")
    source = exports.source()

    assert list(source.chunks(days)) == [days[:2], days[2:]]
    for chunk in source.chunks(days):
        exports.land(*chunk, source=source)


def test_a_column_that_came_later_does_not_keep_earlier_drops_from_landing(exports: Exports) -> None:
    exports.write("opportunity/2026-11-21.csv", "opportunity_id,stage\n1,Open\n")
    exports.write("opportunity/2026-11-22.csv", "opportunity_id,stage,close_value,mobile\n1,Open,5,1\n")
    options = EntityOptions(columns={"close_value": "amount"}, personal=("mobile",), volatile=("mobile",))

    exports.land(BEFORE, DAY, source=exports.source(opportunity=options))

    assert exports.rows("select governed like '%close_value%' from crm.manifest order by snapshot_date") == [
        (False,),
        (True,),
    ]


def test_entities_are_those_listed_and_those_found_in_canonical_order(exports: Exports) -> None:
    exports.write("deals.csv", "opportunity_id,stage\n")
    exports.write("account/2026-11-22.csv", "account_id\n")
    exports.write("products.csv", "product\n")
    (exports.path / "user").mkdir()

    assert exports.source(opportunity=EntityOptions("deals.csv")).entities == ("opportunity", "account")


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "opportunity.csv: the file is empty, without even a header. Expected CSV with a header"),
        (b"opportunity_id,stage\n1,\xe9\n", 'line 2 holds the byte 0xe9.*encoding = "latin-1"'),
        ("opportunity_id,deal\n1,Won\n", r"lacks stage. Got the columns opportunity_id, deal\. .*columns = \{"),
        (
            "opportunity_id,stage,Stage\n",
            r"'stage' \(column 2\) and 'Stage' \(column 3\) both become stage, .*stage_1 is column 2, stage_2",
        ),
        ('opportunity_id,"stage\n', "the header is not readable"),
    ],
)
def test_a_file_that_cannot_be_landed_says_why_and_what_to_do(
    exports: Exports, content: str | bytes, message: str
) -> None:
    exports.write("opportunity.csv", content)

    with pytest.raises(SourceError, match=message):
        exports.land()

    assert list(exports.source().check()) or "0xe9" in message  # the check reads headers only


@pytest.mark.parametrize(
    ("entity", "options", "message"),
    [
        ("deal", EntityOptions(), "there is no entity deal. Expected one of opportunity, account"),
        ("opportunity", EntityOptions(columns={"x": "phase"}), "maps x to phase, which opportunity does not have"),
        ("opportunity", EntityOptions(layout=Layout(skip_rows=-1)), "got skip_rows = -1. Expected a number of lines"),
        (
            "opportunity",
            EntityOptions(layout=Layout(delimiter="||")),
            r"got the delimiter '\|\|'. Expected one character",
        ),
        ("opportunity", EntityOptions(layout=Layout(encoding="klingon")), "got the encoding 'klingon'"),
    ],
)
def test_settings_that_contradict_the_entities_are_refused_at_once(
    exports: Exports, entity: str, options: EntityOptions, message: str
) -> None:
    with pytest.raises(SourceError, match=message):
        build_source("crm", exports.path, time_zone="UTC", entities={entity: options})


@pytest.mark.parametrize(
    ("setting", "options"),
    [
        ("columns", EntityOptions(columns={"value": "amount"})),
        ("personal", EntityOptions(personal=("value",))),
    ],
)
def test_a_named_column_that_no_file_has_is_an_error(exports: Exports, setting: str, options: EntityOptions) -> None:
    exports.write("opportunity.csv", "opportunity_id,stage\n")

    with pytest.raises(SourceError, match=rf"has no column value, which `{setting}` names. Got the columns"):
        exports.land(source=exports.source(opportunity=options))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "no file of any entity"),
        (["opportunity.csv", "opportunity.parquet"], "opportunity.csv and opportunity.parquet both exist"),
        (["opportunity.csv", "opportunity/2026-11-22.csv"], "opportunity.csv and opportunity both exist"),
        (["opportunity/2026-11-22.csv", "opportunity/2026-11-22.parquet"], "both describe 2026-11-22"),
    ],
)
def test_no_file_or_more_than_one_is_an_error(exports: Exports, names: list[str], message: str) -> None:
    for name in names:
        exports.write(name, "opportunity_id,stage\n")

    with pytest.raises(SourceError, match=message):
        exports.land()


def test_a_listed_file_or_folder_that_is_missing_is_named(exports: Exports, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"crm.opportunity: no file. Expected deals.csv in"):
        exports.land(source=exports.source(opportunity=EntityOptions("deals.csv")))
    with pytest.raises(SourceError, match=r"the folder .*elsewhere does not exist"):
        exports.land(source=build_source("crm", tmp_path / "elsewhere", time_zone="UTC"))


@pytest.mark.parametrize("change", ["grows", "is replaced"])
def test_a_file_that_changes_while_it_is_read_is_refused(exports: Exports, change: str) -> None:
    file = exports.write("opportunity.csv", "opportunity_id,stage\n" + "1,Won\n" * 10)
    source = exports.source()
    extraction = next(source.extract([DAY], DAY)["opportunity"]())
    tables = iter(extraction.tables)
    next(tables)

    if change == "grows":
        with file.open("a") as half_written:
            half_written.write("2,Won\n")
    else:
        os.utime(file, ns=(1, 1))

    with pytest.raises(SourceError, match="changed while it was read"):
        list(tables)


def test_an_extraction_knows_the_headers_and_where_ours_are_looked_for_also_what_is_not_there(exports: Exports) -> None:
    exports.write("opportunity.csv", "Deal ID,stage,Amount (USD)\no1,New,1.50\n")
    columns = {"Deal ID": "opportunity_id", "Close Date": "close_date"}
    other = exports.write("opportunity/2026-11-21.csv", "Deal ID,stage,Close Date\no1,New,2026-11-30\n")
    other.parent.joinpath("2026-11-22.csv").write_bytes((exports.path / "opportunity.csv").read_bytes())
    (exports.path / "opportunity.csv").unlink()
    source = exports.source(opportunity=EntityOptions(columns=columns))
    [extraction] = source.extract([DAY], DAY)["opportunity"]()
    assert extraction.headers == {
        "deal_id": "Deal ID", "stage": "stage", "amount_usdx": "Amount (USD)", "close_date": "Close Date"
    }  # fmt: skip
    assert extraction.expected["deal_id"] == "opportunity_id"
    assert extraction.expected["close_date"] == "close_date"
    assert "opportunity_id" not in extraction.expected


def test_a_parquet_file_whose_names_are_ruined_is_an_error_and_a_finding(exports: Exports) -> None:
    file = exports.path / "opportunity.parquet"
    pq.write_table(pa.table({"opportunity_id": ["o1"], "stage": ["New"]}), file, store_schema=False)
    file.write_bytes(file.read_bytes().replace(b"stage", b"st\xff\xffe"))
    [finding] = exports.source().check()
    assert finding.level == "fail"
    assert "Expected Parquet with a header" in finding.message
    with pytest.raises(SourceError, match="Expected Parquet with a header"):
        exports.land()


def test_a_ruined_parquet_file_is_an_error(exports: Exports) -> None:
    exports.write("account.parquet", b"PAR1 not really")

    with pytest.raises(SourceError, match=r"crm.account: account.parquet: .* Expected Parquet with a header"):
        exports.land()


def test_nothing_counts_when_one_entity_of_several_fails(exports: Exports) -> None:
    exports.write("opportunity.csv", "opportunity_id,stage\n1,Won\n")
    exports.land()
    exports.write("account.csv", b"account_id\n\xff\n")

    with pytest.raises(SourceError, match=r"crm\.account"):
        exports.land()

    with pytest.raises(duckdb.CatalogException):
        exports.rows("select * from crm.manifest")


# ---------------------------------------------------------------- lists of teams

LIST = "list_id,team,as_of,opportunity_id,amount\n"


def test_a_team_s_list_needs_no_file_on_other_days_and_gets_its_lines_from_the_file_s_order(exports: Exports) -> None:
    for day in (20, 21, 22, 23):
        exports.write(f"opportunity/2026-11-{day}.csv", "opportunity_id,stage\n1,New\n")
    exports.write("team_pipeline/2026-11-21.csv", LIST + "m1,marketing,2026-11-21,9,5\nm1,marketing,2026-11-21,8,6\n")
    exports.write("team_pipeline/2026-11-23.csv", LIST + "m2,marketing,2026-11-23,9,5\n")
    source = exports.source()
    first, last = date(2026, 11, 20), date(2026, 11, 23)
    days = source.days(first, last)
    assert (len(days.complete), days.incomplete) == (4, {})
    landed = exports.land(*days.complete, source=source, today=last)
    found = {day.day: count for (entity, day), count in landed.rows.items() if entity == "team_pipeline"}
    assert found == {21: 2, 22: 0, 23: 1}  # none before the first one, no row on a day without one
    assert exports.rows(
        "select list_id, line_number, opportunity_id from crm.team_pipeline order by list_id, _pl_line"
    ) == [("m1", "1", "9"), ("m1", "2", "8"), ("m2", "1", "9")]
    assert exports.manifest("key_columns", "team_pipeline") == '["list_id", "line_number"]'
    assert '"line_number": "BIGINT"' in exports.manifest("governed", "team_pipeline")


def test_the_lines_that_a_list_has_itself_stay(exports: Exports) -> None:
    exports.write(
        "team_pipeline.csv", "list_id,line_number,team,as_of\nf,30,finance,2026-11-22\nf,10,finance,2026-11-22\n"
    )
    exports.land()
    assert exports.rows("select line_number from crm.team_pipeline order by _pl_line") == [("30",), ("10",)]


def test_people_of_a_file_land_with_what_tells_how_they_can_be_reached(exports: Exports) -> None:
    exports.write("person.csv", "person_id,email,phone\np,ada@acme.example,+1\n")
    exports.land()
    assert exports.manifest("contact", "person") == '{"email": "email", "phones": ["phone"], "names": []}'
    exports.write("account.csv", "account_id\na\n")
    exports.land()
    assert exports.manifest("contact", "account") is None


# ---------------------------------------------------------------- flat files, renamed headers, workbooks


def notes(landed: Landed) -> str:
    return "\n".join(landed.notes)


def test_accounts_out_of_a_file_of_deals(exports: Exports) -> None:
    exports.write(
        "deals.csv",
        "opportunity_id,stage,Firma,Branche,created_at\n1,Open,A,Bau,2026-01-01\n2,Open,A,,2026-01-02\n"
        "3,Open,B,Chemie,2026-01-03\n4,Open,A,Handel,2026-01-04\n5,Open,A,Bau,2026-01-05\n6,Open,,x,2026-01-05\n",
    )
    source = exports.source(
        opportunity=EntityOptions("deals.csv", {"Firma": "account_id"}),
        account=EntityOptions("deals.csv", {"Firma": "account_id", "Branche": "industry"}, is_distinct=True),
    )

    landed = exports.land(source=source)

    assert exports.rows("select firma, branche, _pl_line from crm.account order by 1") == [
        ("A", "Bau", 2),
        ("B", "Chemie", 4),
    ]
    assert exports.manifest("columns", "account") == '["firma", "branche"]'
    assert "more than one branche, such as A: Bau in 2 rows, Handel in 1" in notes(landed)
    assert "conflict" not in notes(exports.land(source=exports.source(opportunity=EntityOptions("deals.csv"))))


def test_of_equally_many_values_the_first_in_the_alphabet_counts_in_any_order(exports: Exports) -> None:
    rows = ["1,Open,A,Handel", "2,Open,A,Bau"]
    options = EntityOptions("deals.csv", {"Firma": "account_name", "Branche": "industry"}, is_distinct=True)
    for order in (rows, rows[::-1]):
        exports.write("deals.csv", "\n".join(["opportunity_id,stage,Firma,Branche", *order]) + "\n")
        exports.land(source=exports.source(account=options))
        assert exports.rows("select firma, branche from crm.account") == [("A", "Bau")]
    assert exports.manifest("key_columns", "account") == '["firma"]'  # the name is the id


def test_a_renamed_header_goes_on_as_the_same_column(exports: Exports) -> None:
    columns = {"Close Value": "amount", "Amount (USD)": "amount"}
    exports.write("opportunity/2026-11-21.csv", "opportunity_id,stage,Close Value\n1,Open,10.00\n")
    exports.write("opportunity/2026-11-22.csv", "opportunity_id,stage,Amount (USD)\n1,Open,20.00\n")

    exports.land(BEFORE, DAY, source=exports.source(opportunity=EntityOptions(columns=columns)))

    assert exports.rows("select close_value from crm.opportunity order by 1") == [("10.00",), ("20.00",)]


def test_of_two_headers_for_one_column_the_first_named_counts_and_the_other_is_kept(exports: Exports) -> None:
    columns = {"Close Value": "amount", "Value": "amount"}
    exports.write("opportunity.csv", "opportunity_id,stage,Value,Close Value\n1,Open,10.00,20.00\n")

    exports.land(source=exports.source(opportunity=EntityOptions(columns=columns)))

    assert exports.rows("select close_value, value from crm.opportunity") == [("20.00", "10.00")]
    assert '"close_value": "DECIMAL(18,2)"' in exports.manifest("governed")
    assert '"value"' not in exports.manifest("governed")


def test_the_same_header_twice_is_kept_twice_and_can_be_mapped_by_its_number(exports: Exports) -> None:
    exports.write("opportunity.csv", "opportunity_id,stage,Created Date,Created Date\n1,Open,2026-01-01,2024-05-06\n")

    landed = exports.land()

    assert exports.rows("select created_date_1, created_date_2 from crm.opportunity") == [("2026-01-01", "2024-05-06")]
    assert "'Created Date' as created_date_1 and created_date_2" in notes(landed)
    exports.land(source=exports.source(opportunity=EntityOptions(columns={"created_date_1": "created_at"})))
    assert '"created_date_1": "TIMESTAMP"' in exports.manifest("governed")
    with pytest.raises(SourceError, match="both become created_date, which is created_at"):
        exports.land(source=exports.source(opportunity=EntityOptions(columns={"Created Date": "created_at"})))


def test_what_stands_around_a_table_is_said_once_for_many_days(exports: Exports) -> None:
    for day in (BEFORE, DAY):
        exports.write(f"opportunity/{day}.csv", "opportunity_id,stage,amount\n1,Open,5.00\n\nGrand Totals (1 record)\n")

    landed = exports.land(BEFORE, DAY)

    [note] = landed.notes
    assert note.startswith("crm.opportunity: opportunity/2026-11-22.csv: 1 line after the table is no row: line 4")
    assert note.endswith("The same on 1 more days.")
    assert set(landed.rejected.values()) == {0}


def test_flags_in_the_exporter_s_words_are_ours_before_they_are_typed(exports: Exports) -> None:
    exports.write("opportunity.csv", "opportunity_id,stage,is_deleted\n1,Angebot,Ja\n2,Angebot,Nein\n3,Angebot,no\n")
    options = EntityOptions(values={"is_deleted": {"Ja": "true", "Nein": "false"}, "stage": {"Angebot": "Proposal"}})

    exports.land(source=exports.source(opportunity=options))

    assert exports.rows("select is_deleted, stage from crm.opportunity order by opportunity_id") == [
        ("true", "Angebot"),  # text stays as it is written: staging translates it, and can be corrected
        ("false", "Angebot"),
        ("no", "Angebot"),
    ]


def test_a_default_stands_in_for_a_required_column(exports: Exports) -> None:
    exports.write("opportunity.csv", "opportunity_id,amount\n1,5.00\n")

    exports.land(source=exports.source(opportunity=EntityOptions(defaults={"stage": "Open"})))

    assert exports.manifest("required_columns") == '["opportunity_id"]'


WRITERS = {"opportunity.xlsx": write_workbook, "opportunity.xls": write_old_workbook}


@pytest.mark.parametrize("name", WRITERS)
def test_a_workbook_lands_with_its_types(exports: Exports, name: str) -> None:
    rows: list[list[object]] = [
        ["opportunity_id", "stage", "amount", "close_date", "created_at", "is_deleted", "Note"],
        [101, "Open", 1234.5, date(2026, 3, 31), datetime(2026, 3, 1, 14, 30), True, 7],  # noqa: DTZ001 - company time
        [1.6147805824397e13, "Open", 900, date(1999, 12, 31), None, False, "seven"],
        [],
        ["Grand Totals", None, 2134.5],
    ]
    WRITERS[name](exports.path / name, {"Deals": rows, "Empty": []})

    landed = exports.land()

    assert exports.rows(
        "select opportunity_id, amount, close_date, created_at, is_deleted, note from crm.opportunity"
    ) == [
        ("101", 1234.5, date(2026, 3, 31), "2026-03-01 14:30:00", True, "7"),
        ("16147805824397", 900.0, date(1999, 12, 31), None, False, "seven"),
    ]
    assert "line 5 (Grand Totals 2134.5)" in notes(landed)


def test_a_formula_that_nobody_has_computed_is_no_empty_cell(exports: Exports) -> None:
    rows: list[list[object]] = [["opportunity_id", "stage", "amount"], ["1", "Open", Formula("C2*2")], ["2", "=1", 7]]
    write_workbook(exports.path / "opportunity.xlsx", {"Empty": [], "Deals & more": rows})

    exports.land()

    assert exports.rows("select stage, amount from crm.opportunity") == [("Open", "=C2*2"), ("=1", "7")]


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("more", [0, 3000])  # an .xls of a few sectors, and one with chains of them
def test_an_error_in_a_cell_is_no_empty_cell(exports: Exports, name: str, more: int) -> None:
    rows: list[list[object]] = [
        ["opportunity_id", "stage", "amount", "Note"],
        ["1", "Open", 5, "#N/A"],
        ["2", "Open", "#DIV/0!", None],
        ["3", "#REF!", 7, "fine"],
        *([f"n{number}", "Open", number, f"note {number}"] for number in range(more)),
        ["4", "Open", "#N/A", None],
    ]
    WRITERS[name](exports.path / name, {"Empty": [], "Übersicht & more": rows})

    exports.land()

    landed = exports.rows("select opportunity_id, stage, amount, note from crm.opportunity order by _pl_line")
    assert len(landed) == more + 4
    assert [*landed[:3], landed[-1]] == [
        ("1", "Open", "5", "#N/A"),
        ("2", "Open", "#DIV/0!", None),
        ("3", "#REF!", "7", "fine"),
        ("4", "Open", "#N/A", None),
    ]


@pytest.mark.parametrize(
    ("cells", "landed"),
    [
        ([60, 0.5, 1, None], [0.6, 0.005, 0.01, None]),  # one above 1: percentages
        ([0.6, 0, 1], [0.6, 0.0, 1.0]),  # Excel shows them as percentages
        (["60 %", 25], ["60 %", "25"]),  # texts are percentages
        (["60 %", 0.25], ["60 %", "25"]),
    ],
)
def test_numbers_among_percentages_are_read_as_what_they_are(
    exports: Exports, cells: list[object], landed: list[object]
) -> None:
    rows: list[list[object]] = [[f"o{number}", "Open", cell] for number, cell in enumerate(cells)]
    write_workbook(exports.path / "opportunity.xlsx", {"D": [["opportunity_id", "stage", "probability"], *rows]})

    exports.land(source=exports.source(opportunity=EntityOptions(dialect=Dialect(percent=True))))

    assert [cell for (cell,) in exports.rows("select probability from crm.opportunity order by _pl_line")] == landed


@pytest.mark.parametrize("name", WRITERS)
def test_which_of_several_sheets_must_be_said(exports: Exports, name: str) -> None:
    rows: list[list[object]] = [["opportunity_id", "stage"], [1, "Open"]]
    WRITERS[name](exports.path / name, {"Q1": rows, "Q2": [*rows, [2, "Open"]]})

    with pytest.raises(SourceError, match=r"it has several sheets: Q1, Q2\. .*Correct `sheet` in \[sources\.crm"):
        exports.land()
    with pytest.raises(SourceError, match=r"it has no sheet 'Q3', which `sheet` names\. Got the sheets Q1, Q2"):
        exports.land(source=exports.source(opportunity=EntityOptions(layout=Layout(sheet="Q3"))))
    exports.land(source=exports.source(opportunity=EntityOptions(layout=Layout(sheet="Q2"))))
    assert exports.rows("select count(*) from crm.opportunity") == [(2,)]


@pytest.mark.parametrize("name", WRITERS)
def test_a_workbook_that_is_none_says_so(exports: Exports, name: str) -> None:
    exports.write(name, "opportunity_id,stage\n")

    with pytest.raises(SourceError, match=rf"{name}: it is no readable workbook .*Expected a workbook"):
        exports.land()
