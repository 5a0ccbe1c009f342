"""What `init --from` proposes of exports, and that a table in any dialect comes back as it was."""

import csv
import io
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.files.columns import EntityOptions
from ingestion.files.detection import Proposal, Told, detect
from ingestion.files.excel_file import written_day
from ingestion.files.source import build_source
from ingestion.files.spelling import DoubtError, date_format, separators
from ingestion.source import SourceError
from snapshots.casts import cast
from snapshots.dialect import Dialect
from tests.drawn import drawn
from tests.exports import real_exports as exports

DAY = date(2026, 3, 1)


def options_of(proposal: Proposal) -> EntityOptions:
    """What the settings say once a proposal is written into them."""
    return EntityOptions(
        file=proposal.file.name,
        columns={theirs: ours for ours, theirs in proposal.mapped.items()},
        layout=proposal.layout,
        dialect=proposal.dialect,
        values=proposal.values,
        is_distinct=proposal.is_distinct,
    )


def read(proposal: Proposal) -> list[dict[str, Any]]:
    """The rows of a proposed file by our names, in the types and by the casts of capture; none may be rejected."""
    source = build_source(
        "crm", proposal.file.parent, time_zone="UTC", as_of=DAY, entities={proposal.entity: options_of(proposal)}
    )
    [extraction] = source.extract([DAY], DAY)[proposal.entity]()
    rows = pa.concat_tables(extraction.tables)
    if "_pl_reject" not in rows.column_names:  # of rows that were made distinct
        rows = rows.append_column("_pl_reject", pa.nulls(rows.num_rows, pa.string()))
    dialect = Dialect(**asdict(extraction.dialect))
    columns = source._columns(source._places()[0], proposal.file, [column.header for column in proposal.columns]).ours
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.register("rows", rows)
        types = {row[0]: row[1] for row in connection.execute("describe rows").fetchall()}
        selected = ", ".join(
            f'{cast(chr(34) + name + chr(34), types[name], extraction.governed[name], dialect)} as "{ours}"'
            for ours, name in columns.items()
        )
        found = connection.sql(f"select {selected}, _pl_reject from rows order by _pl_line").to_arrow_table()
    assert found["_pl_reject"].null_count == found.num_rows
    read_back: list[dict[str, Any]] = found.drop_columns(["_pl_reject"]).to_pylist()
    return read_back


# ---------------------------------------------------------------- exports of vendors


def test_a_salesforce_report(tmp_path: Path) -> None:
    found = exports.deals()
    exports.salesforce_report(tmp_path / "report1772.csv", found)

    deals, accounts = detect(tmp_path / "report1772.csv")

    assert (deals.entity, accounts.entity, accounts.is_distinct) == ("opportunity", "account", True)
    assert deals.layout.encoding == "iso-8859-1"
    assert (deals.dialect.decimal, deals.dialect.thousands, deals.dialect.date_format) == (".", ",", "M/D/YYYY")
    assert (deals.dialect.currency_prefix, deals.dialect.percent, deals.usual_currency) == (True, True, "USD")
    assert deals.mapped["account_name"] == "Account Name"
    assert "Grand Totals" in deals.remarks[0]
    rows = read(deals)
    assert [(row["amount"], row["close_date"], row["owner_name"]) for row in rows] == [
        (deal.amount, deal.close, deal.owner) for deal in found
    ]
    assert [row["probability"] for row in rows] == [Decimal(deal.probability) / 100 for deal in found]
    assert sorted(row["account_name"] for row in read(accounts)) == sorted({deal.company for deal in found})


def test_a_hubspot_export(tmp_path: Path) -> None:
    found = exports.deals()
    exports.hubspot_export(tmp_path / "hubspot-crm-exports-all-deals.csv", found)

    deals, _ = detect(tmp_path / "hubspot-crm-exports-all-deals.csv")

    assert deals.mapped["opportunity_id"] == "Record ID"
    assert (deals.dialect.date_format, deals.usual_currency, deals.currency) == ("", "USD", "")
    rows = read(deals)
    assert [(row["amount"], row["close_date"], row["created_at"]) for row in rows] == [
        (deal.amount, deal.close, deal.created) for deal in found
    ]


def test_a_german_export(tmp_path: Path) -> None:
    found = exports.deals()
    exports.german_export(tmp_path / "vorgaenge.csv", found)

    deals, accounts = detect(tmp_path / "vorgaenge.csv")

    assert (deals.layout.encoding, deals.layout.delimiter) == ("cp1252", "")  # its first line says sep=;
    assert (deals.dialect.decimal, deals.dialect.thousands, deals.dialect.date_format) == (",", ".", "DD.MM.YYYY")
    assert (deals.dialect.null_values, deals.dialect.percent) == (("-",), True)
    assert [stage for stage, _ in deals.stages] == list(exports.GERMAN_STAGES.values())
    rows = read(deals)
    assert [(row["amount"], row["close_date"], row["created_at"]) for row in rows] == [
        (deal.amount, deal.close, deal.created) for deal in found
    ]
    assert {row["lead_source"] for row in rows} == {None}
    assert {(row["account_name"], row["segment"]) for row in read(accounts)} == {
        (deal.company, deal.segment) for deal in found
    }


def test_a_workbook_keeps_its_types(tmp_path: Path) -> None:
    found = exports.deals()
    exports.workbook(tmp_path / "Deals Q1.xlsx", found)

    deals, _ = detect(tmp_path / "Deals Q1.xlsx")

    assert "1 line before the table is no row: line 1 (Open pipeline)" in deals.remarks[0]
    assert [(row["opportunity_id"], row["amount"], row["close_date"]) for row in read(deals)] == [
        (str(101 + deal.number), deal.amount, deal.close) for deal in found
    ]


def test_subscriptions_of_stripe(tmp_path: Path) -> None:
    exports.stripe_subscriptions(tmp_path / "subscriptions.csv")

    subscriptions, customers = detect(tmp_path / "subscriptions.csv")

    assert (subscriptions.entity, customers.entity) == ("subscription", "customer")
    assert subscriptions.dialect.time_zone == "UTC"
    assert subscriptions.mapped["started_at"] == "Start Date (UTC)"
    assert len(read(subscriptions)) == len(read(customers)) == 40


def test_pipedrive_tells_won_and_lost_in_its_status(tmp_path: Path) -> None:
    file = tmp_path / "deals-12.csv"
    file.write_text(
        "Deal - ID,Deal - Title,Deal - Status,Deal - Stage,Deal - Value,Deal - Currency of Value,Deal - Organization\n"
        "1,One,Open,Contact Made,1200,EUR,Acme\n2,Two,Won,Contact Made,800.5,EUR,Acme\n"
    )

    deals, accounts = detect(file)

    assert deals.mapped["stage"] == "Deal - Status"
    assert deals.mapped["currency_code"] == "Deal - Currency of Value"
    assert read(accounts) == [{"account_name": "Acme", "account_id": "Acme"}]


def test_several_ids_in_one_column_make_no_accounts(tmp_path: Path) -> None:
    file = tmp_path / "deals.csv"
    file.write_text("Record ID,Deal Stage,Associated Company IDs,Company\n1,Open,900;901,A;B\n2,Open,900,A\n")

    assert [proposal.entity for proposal in detect(file)] == ["opportunity"]


def test_names_of_people_are_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "contacts.csv"
    file.write_text("Contact ID,Name,Email,Lead Score,Twitter\n1,Ann Lee,ann@example.com,12.5,@ann\n")

    [people] = detect(file)

    shown = {column.header: column.samples for column in people.columns}
    assert shown["Lead Score"] == ("12.5",)
    assert {shown["Name"], shown["Email"], shown["Twitter"]} == {("not shown",)}


# ---------------------------------------------------------------- what only a person can tell


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["1.234,50"], (",", ".")),
        (["1,234.50", "900"], (".", ",")),
        (["1.234.567"], (",", ".")),
        (["1.500", "12,5"], (",", ".")),
        (["1.500", "2.25"], (".", "")),
        (["0.125"], (".", "")),
        (["1234.567"], (".", "")),
        (["1 234,5", "2\u00a0000,25"], (",", " ")),
        (["1'234.50"], (".", "'")),
        (["12 000"], (".", " ")),
        (["100", "200"], ("", "")),
        (["USD 1,200.00", "$-3,000.10", "12 %"], (".", ",")),
        (["$(1,200.00)", "(EUR 7)"], (".", ",")),
        (["(1.234,5)"], (",", ".")),
        (["(none)", "n/a"], ("", "")),
    ],
)
def test_what_numbers_prove_of_their_signs(texts: Sequence[str], expected: tuple[str, str]) -> None:
    assert separators(texts) == expected


@pytest.mark.parametrize("texts", [["1.500"], ["12,000", "900"], ["1.5", "1,5"], ["1.234,5", "1,234.5"]])
def test_numbers_that_could_be_either_are_a_question(texts: Sequence[str]) -> None:
    with pytest.raises(DoubtError) as doubt:
        separators(texts)

    assert (doubt.value.option, set(doubt.value.choices)) == ("--decimal", {".", ","})
    assert separators(texts, ",")[0] == ","


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["2026-03-31", "2026-03-31 10:00"], ""),
        (["3/14/2026"], "M/D/YYYY"),
        (["14/3/2026 10:00"], "D/M/YYYY"),
        (["03/14/2026"], "MM/DD/YYYY"),
        (["01.02.2026"], "DD.MM.YYYY"),
        (["1.2.26"], "D.M.YY"),
        (["2026/03/31"], "YYYY/MM/DD"),
        (["14-03-2026"], "DD-MM-YYYY"),
        (["soon"], ""),
    ],
)
def test_what_dates_prove_of_their_order(texts: Sequence[str], expected: str) -> None:
    assert date_format(texts) == expected


@pytest.mark.parametrize("texts", [["3/4/2026"], ["14/3/2026", "3/14/2026"]])
def test_dates_that_could_be_either_are_a_question(texts: Sequence[str]) -> None:
    with pytest.raises(DoubtError) as doubt:
        date_format(texts)

    assert doubt.value.option == "--date-format"
    assert date_format(texts, "M/D/YYYY") == "M/D/YYYY"


def test_what_a_file_holds_is_asked_where_nothing_says_it(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("Alpha,Beta\n1,2\n")
    with pytest.raises(DoubtError) as doubt:
        detect(tmp_path / "x.csv")
    assert doubt.value.option == "--entity"

    with pytest.raises(DoubtError) as doubt:
        detect(tmp_path / "x.csv", Told(entity="opportunity"))
    assert (doubt.value.option, doubt.value.choices) == ('--column "THEIRS=opportunity_id"', ("Alpha", "Beta"))

    told = Told(entity="opportunity", columns={"Alpha": "opportunity_id", "Beta": "stage"})
    assert detect(tmp_path / "x.csv", told)[0].mapped == {"opportunity_id": "Alpha", "stage": "Beta"}
    with pytest.raises(SourceError, match=r"there is no column Gamma\. Got Alpha, Beta"):
        detect(tmp_path / "x.csv", Told(entity="opportunity", columns={"Gamma": "stage"}))


def test_which_of_several_sheets_is_asked(tmp_path: Path) -> None:
    rows: list[list[object]] = [["Deal ID", "Stage"], [1, "Open"]]
    exports.write_workbook(tmp_path / "deals.xlsx", {"Q1": rows, "Q2": rows, "Empty": []})

    with pytest.raises(DoubtError) as doubt:
        detect(tmp_path / "deals.xlsx")

    assert (doubt.value.option, doubt.value.choices) == ("--sheet", ("Q1", "Q2"))
    assert detect(tmp_path / "deals.xlsx", Told(sheet="Q2"))[0].layout.sheet == "Q2"


# ---------------------------------------------------------------- any table, any dialect


@dataclass(frozen=True)
class Written:
    """How the table of a test is written."""

    delimiter: str
    encoding: str
    decimal: str
    thousands: str
    cents: bool
    currency: str  # with {} for the number
    negative: str  # with {} for the number without its sign
    date_format: str
    rate: str  # with {} for the number
    null: str
    title: str
    footer: str

    def number(self, value: Decimal | None, digits: int = 2) -> str:
        if value is None:
            return self.null
        text = f"{value:,.{digits}f}" if self.thousands else f"{value:.{digits}f}"
        text = text.replace(",", "_").replace(".", self.decimal).replace("_", self.thousands)
        return self.negative.format(text[1:]) if value < 0 else text


TEXTS = st.text(st.sampled_from('aZäß ,;|"\n\t-.'), max_size=8).map(str.strip)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "opportunity_name": TEXTS.map(lambda text: f"Deal {text}".strip()),
            "stage": st.sampled_from(exports.STAGES),
            "amount": st.none() | st.integers(-10_000_000, 900_000_000).map(lambda cents: Decimal(cents) / 100),
            "close_date": st.none() | st.dates(date(1999, 1, 1), date(2042, 12, 31)),
            "created_at": st.datetimes(datetime(1999, 1, 1), datetime(2042, 1, 1)).map(  # noqa: DTZ001 - company time
                lambda instant: instant.replace(second=0, microsecond=0)
            ),
            "probability": st.none() | st.integers(0, 100).map(lambda share: Decimal(share) / 100),
        }
    ),
    min_size=1,
    max_size=12,
)
WAYS = st.builds(
    Written,
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16"]),
    decimal=st.sampled_from([".", ","]),
    thousands=st.sampled_from(["", "same", " ", "'"]),
    cents=st.booleans(),
    currency=st.sampled_from(["{}", "{}", "EUR {}", "{} EUR"]),
    negative=st.sampled_from(["-{}", "({})"]),
    date_format=st.sampled_from(["", "DD.MM.YYYY", "D.M.YYYY", "M/D/YYYY", "DD/MM/YYYY", "MM-DD-YYYY"]),
    rate=st.sampled_from(["{}", "{}%", "{} %"]),
    null=st.sampled_from(["", "-", "n/a"]),
    title=st.sampled_from(["", "Open pipeline\n\n"]),
    footer=st.sampled_from(["", "\nGrand Totals (12 records)\nConfidential\nAcme\n"]),
)
HEADER = ("Opportunity ID", "Opportunity Name", "Stage", "Amount", "Close Date", "Created Date", "Probability", "Age")


def write(file: Path, rows: Sequence[Mapping[str, Any]], way: Written) -> None:
    """Write rows as an export of that kind."""
    text = io.StringIO(newline="")
    text.write(way.title)
    writer = csv.writer(text, delimiter=way.delimiter, lineterminator="\n")
    writer.writerow(HEADER)
    for number, row in enumerate(rows):
        amount = way.number(row["amount"], 2 if way.cents else 0)
        share = row["probability"]
        if share is not None and "%" in way.rate:
            rate = way.rate.format(int(share * 100))
        else:
            rate = way.null if share is None else f"{share:.2f}".replace(".", way.decimal)
        created: datetime = row["created_at"]
        writer.writerow(
            [
                f"O{number}",
                row["opportunity_name"],
                row["stage"],
                amount if row["amount"] is None else way.currency.format(amount),
                "" if row["close_date"] is None else written_day(row["close_date"], way.date_format),
                f"{written_day(created.date(), way.date_format)} {created:%H:%M}",
                rate,
                number,
            ]
        )
    text.write(way.footer)
    file.write_bytes(text.getvalue().encode(way.encoding))


@settings(max_examples=drawn(40, 150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=ROWS, way=WAYS)
def test_a_table_in_any_dialect_comes_back_as_it_was(rows: list[dict[str, Any]], way: Written) -> None:
    way = Written(**{**vars(way), "thousands": {"same": ",."[way.decimal == ","]}.get(way.thousands, way.thousands)})
    if not way.cents:
        rows = [row | {"amount": None if row["amount"] is None else round(row["amount"])} for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "opportunities.csv"
        write(file, rows, way)
        told = Told()
        for _ in range(3):  # a person answers what the file leaves open
            try:
                proposal = detect(file, told)[0]
                break
            except DoubtError as doubt:
                answer = {"--decimal": way.decimal, "--date-format": way.date_format}[doubt.option]
                told = Told(**{**vars(told), doubt.option.removeprefix("--").replace("-", "_"): answer})

        read_back = read(proposal)

    assert [row["opportunity_id"] for row in read_back] == [f"O{number}" for number in range(len(rows))]
    for back, row in zip(read_back, rows, strict=True):
        assert {name: back[name] for name in row} == row


# ---------------------------------------------------------------- what would be read wrongly without a word


def opportunities(file: Path, *rows: str) -> Path:
    """A file of deals with these amounts, probabilities and close dates."""
    lines = (f"D{number},Open,{row}" for number, row in enumerate(rows))
    file.write_text("\n".join(["Deal ID,Stage,Amount,Probability,Close Date,Owner", *lines]) + "\n")
    return file


def test_a_share_beside_a_percentage_does_not_become_a_hundredth_of_itself(tmp_path: Path) -> None:
    mixed = opportunities(tmp_path / "deals.csv", "1.50,0.2,2026-03-01,A", "2.50,90 %,2026-03-02,B")
    [deals] = detect(mixed)
    assert deals.dialect.percent is False
    assert "90 % and shares below 1 do not fit together: rows with a % sign will be rejected" in deals.remarks

    signed = opportunities(tmp_path / "signed.csv", "1.50,0.5 %,2026-03-01,A", "2.50,90 %,2026-03-02,B")
    [deals] = detect(signed, Told(entity="opportunity"))
    assert deals.dialect.percent is True
    assert [row["probability"] for row in read(deals)] == [Decimal("0.005"), Decimal("0.9")]


def test_days_with_and_without_a_nought_have_one_format(tmp_path: Path) -> None:
    [deals] = detect(opportunities(tmp_path / "deals.csv", "1.50,,31.03.2026,A", "2.50,,5.4.2026,B"))
    assert deals.dialect.date_format == "D.M.YYYY"
    assert [row["close_date"] for row in read(deals)] == [date(2026, 3, 31), date(2026, 4, 5)]


def test_no_value_in_brackets_is_none(tmp_path: Path) -> None:
    [deals] = detect(opportunities(tmp_path / "deals.csv", "1.50,,2026-03-01,(No value)", "2.50,,2026-03-01,B"))
    assert [row["owner_name"] for row in read(deals)] == [None, "B"]


def test_amounts_in_several_currencies_without_a_column_of_them_are_named(tmp_path: Path) -> None:
    [deals] = detect(opportunities(tmp_path / "deals.csv", "USD 1.50,,2026-03-01,A", "EUR 2.50,,2026-03-01,B"))
    assert "amounts are in EUR and USD, and no column is the currency of a row" in deals.remarks[-1]


def test_amounts_of_which_some_name_a_currency_are_not_all_in_it(tmp_path: Path) -> None:
    [deals] = detect(opportunities(tmp_path / "deals.csv", "EUR 1.50,,2026-03-01,A", "2.50,,2026-03-01,B"))
    assert deals.currency == ""
    assert "some amounts are in EUR, and others name no currency: these are in the company's" in deals.remarks[-1]
    [deals] = detect(opportunities(tmp_path / "deals.csv", "EUR 1.50,,2026-03-01,A", ",,2026-03-01,B"))
    assert (deals.currency, deals.remarks) == ("EUR", ())


@pytest.mark.parametrize(
    ("header", "currency"),
    [
        ("Amount (EUR)", "EUR"),
        ("Betrag [CHF]", "CHF"),
        ("Amount (\u20ac)", "EUR"),
        ("Amount (US$)", "USD"),
        ("Amount (A$)", ""),
        ("Amount (converted)", ""),
        ("Amount (ARR)", ""),
    ],
)
def test_the_header_of_amounts_may_name_their_currency(tmp_path: Path, header: str, currency: str) -> None:
    file = tmp_path / "deals.csv"
    file.write_text(f"Deal ID,Stage,{header},Close Date\nD1,Open,1.50,2026-03-01\n")
    [deals] = detect(file)
    assert (deals.currency, deals.usual_currency, deals.mapped["amount"]) == (currency, currency, header)


def test_of_converted_amounts_the_column_of_the_currency_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "deals.csv"
    file.write_text("Deal ID,Stage,Amount (USD),Close Date,Currency\nD1,Open,1.50,2026-03-01,EUR\n")
    [deals] = detect(file)
    assert (deals.currency, "currency_code" in deals.mapped) == ("USD", False)
    assert "Amount (USD) names the currency of the amounts, so Currency is not read" in deals.remarks
    file.write_text("Deal ID,Stage,Amount (USD),Close Date,Currency\nD1,Open,1.50,2026-03-01,USD\n")
    [deals] = detect(file)
    assert (deals.mapped["currency_code"], deals.remarks) == ("Currency", ())


@pytest.mark.parametrize(
    "header", ["Amount (k)", "Amount (in thousands USD)", "Betrag (Mio. EUR)", "Betrag (T\u20ac)", "Amount ($M)"]
)
def test_amounts_in_thousands_are_refused(tmp_path: Path, header: str) -> None:
    file = tmp_path / "deals.csv"
    file.write_text(f"Deal ID,Stage,{header},Close Date\nD1,Open,1.50,2026-03-01\n")
    with pytest.raises(SourceError, match=r"has amounts in .*Expected whole amounts"):
        detect(file)


def test_a_header_may_end_in_a_point(tmp_path: Path) -> None:
    file = tmp_path / "deals.csv"
    file.write_text("Deal ID,Stage,Amount:,Expected close,Prob.\nD1,Open,1.50,2026-03-01,20\n")
    [deals] = detect(file)
    assert (deals.mapped["probability"], deals.mapped["amount"]) == ("Prob.", "Amount:")


def test_a_file_without_a_close_date_says_what_comes_of_that(tmp_path: Path) -> None:
    file = tmp_path / "deals.csv"
    file.write_text("Deal ID,Stage,Amount,Zieltermin\nD1,Open,1.50,2026-03-01\n")
    [deals] = detect(file)
    assert deals.remarks == (
        "no column is close_date, so no deal is due in a quarter; "
        "if there is one, name it with --column 'THEIRS=close_date'",
    )
    assert detect(file, Told(columns={"Zieltermin": "close_date"}))[0].remarks == ()


def subscriptions(file: Path, amount: str, row: str) -> Path:
    """A file with one subscription."""
    header = f"id,Customer ID,Quantity,Interval,{amount},Start Date (UTC),Trial Start (UTC),Trial End (UTC)"
    file.write_text(f"{header}\nsub_1,cus_1,{row},2025-06-01 10:00,2026-02-01 10:00,2026-03-01 10:00\n")
    return file


def test_a_trial_begins_where_the_file_says_so(tmp_path: Path) -> None:
    found = detect(subscriptions(tmp_path / "subscriptions.csv", "Amount", "1,month,49.00"))
    assert found[0].mapped["trial_start_at"] == "Trial Start (UTC)"
    assert found[0].remarks == ()


def test_the_price_of_one_of_several_units_is_asked_about(tmp_path: Path) -> None:
    found = detect(subscriptions(tmp_path / "subscriptions.csv", "Amount", "3,month,49.00"))
    assert found[0].remarks == (
        "Amount is read as what all units cost together; if it is the price of one, export it times Quantity",
    )


def test_mrr_is_of_a_month_whatever_is_billed(tmp_path: Path) -> None:
    found = detect(subscriptions(tmp_path / "subscriptions.csv", "MRR", "1,year,49.00"))
    assert found[0].is_monthly
    assert "interval" not in found[0].mapped
