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
from ingestion.source import SourceError

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


@settings(max_examples=12, deadline=None)
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
