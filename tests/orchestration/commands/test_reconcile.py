"""A team's list in hand against a published file: what is read of a spreadsheet, what is said, and clear errors."""

from __future__ import annotations

import csv
import random
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from ingestion.files.detection import Told
from orchestration.commands.reconcile import REASONS, Answer, Question, in_words, read_lines, reconcile, write_items
from orchestration.settings.errors import ConfigError
from tests.dbt_project.dbt_build import PROJECT
from tests.exports.real_exports import write_workbook

MONDAY = date(2026, 3, 2)
HISTORY = """
    select
        'crm' as source, id as opportunity_id, cast(since as date) as valid_from, cast(until as date) as valid_to,
        category as stage_category, category = 'open' as is_open, quarter as close_fiscal_quarter,
        coalesce(currency, 'USD') as currency_code, cast(source_amount as decimal(18, 2)) as source_amount,
        cast(case currency when 'EUR' then source_amount * 1.1 else source_amount end as decimal(18, 2)) as amount
    from (values
        ('o1', '2026-01-05', '2026-02-20', 'open', 'FY2026-Q1', 'USD', 100),
        ('o1', '2026-02-20', '9999-12-31', 'open', 'FY2026-Q1', 'USD', 120),
        ('o2', '2026-01-05', '2026-02-25', 'open', 'FY2026-Q1', 'USD', 50),
        ('o2', '2026-02-25', '9999-12-31', 'won', 'FY2026-Q1', 'USD', 50),
        ('o3', '2026-01-05', '9999-12-31', 'open', 'FY2026-Q2', 'USD', 70),
        ('o4', '2026-01-05', '9999-12-31', 'open', 'FY2026-Q1', 'EUR', 10),
        ('o5', '2026-01-05', '2026-02-01', 'open', 'FY2026-Q1', 'USD', 30),
        ('o6', '2026-02-22', '9999-12-31', 'open', 'FY2026-Q1', 'USD', 5)
    ) as versions (id, since, until, category, quarter, currency, source_amount)
"""
LIST = """Deal ID,Deal Name,Account,Amount,Currency,Close Date
o1,First,,100,USD,2026-03-20
o1,First,,100,USD,2026-03-20
o2,Second,,50,USD,2026-03-20
o3,Third,,70,USD,2026-03-20
o4,Fourth,,11,USD,2026-03-20
o5,Fifth,,30,USD,2026-03-20
o9,Ninth,,1,USD,2026-03-20
"""


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A published file with the marts that are asked."""
    path = tmp_path / "pipeline.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema marts")
        connection.execute("use marts")
        connection.execute(f"create table fct_opportunity_history as {HISTORY}")
        connection.execute(
            "create table fct_opportunity_current as select source, opportunity_id, max(valid_to) as valid_to, "
            "opportunity_id = 'o5' as is_merged, 'Deal ' || opportunity_id as opportunity_name, "
            "'a' || opportunity_id as account_id from fct_opportunity_history group by all"
        )
        connection.execute(
            "create table dim_account as select 'crm' as source, 'ao6' as account_id, 'Acme' as account_name"
        )
        connection.execute(
            "create table dim_fx_rate as select 'crm' as source, 'EUR' as currency_code, 1.1 as rate_to_base, "
            "date '1900-01-01' as valid_from, date '9999-12-31' as valid_to"
        )
        connection.execute(
            "create table dim_date as select cast(day as date) as date_day, "
            "'FY2026-Q' || quarter(day) as fiscal_quarter "
            "from range(date '2026-01-01', date '2027-01-01', interval 1 day) as days (day)"
        )
        connection.execute(
            "create table dim_snapshot as select 'crm' as source, 'opportunity' as entity, date_day as snapshot_date "
            "from dim_date where date_day between date '2026-01-05' and date '2026-03-05'"
        )
    return path


def ask(
    published: Path,
    text: str | bytes,
    as_of: date = MONDAY,
    quarter: str | None = None,
    columns: Mapping[str, str] | None = None,
) -> Answer:
    """The answer for a file with this text; `columns` are told, theirs to ours."""
    file = published.parent / "list.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return reconcile(published, Question(file, "finance", as_of, quarter, Told(columns=columns or {})), "USD", "UTC")


def reasons(answer: Answer) -> dict[str, tuple[int, Decimal]]:
    return {row["reason"]: (row["items"], row["amount"]) for row in answer.reasons}


def test_each_line_has_the_first_reason_that_fits_and_the_amounts_lead_from_one_number_to_the_other(
    published: Path,
) -> None:
    answer = ask(published, LIST)
    assert reasons(answer) == {
        "unknown_id": (1, Decimal(1)),
        "doubled": (1, Decimal(100)),
        "merged": (1, Decimal(30)),
        "won": (1, Decimal(50)),
        "other_quarter": (1, Decimal(70)),
        "currency": (1, Decimal(0)),
        "amount": (1, Decimal(-20)),
        "not_listed": (1, Decimal(-5)),
    }
    assert sum(row["our_amount"] for row in answer.reasons) == Decimal("136.00")
    assert sum(row["their_amount"] for row in answer.reasons) == Decimal("362.00")
    [first] = [item for item in answer.items if item["reason"] == "amount"]
    assert (first["equals_day"], first["line_number"]) == (date(2026, 2, 19), 1)


def test_the_day_that_the_list_fits_best_is_said_in_words(published: Path) -> None:
    file = published.parent / "stale.csv"
    file.write_text(
        "Deal ID,Amount,Currency,Close Date\no1,100,USD,2026-03-20\no2,50,,2026-03-20\no4,10,EUR,2026-03-20\n"
    )
    question = Question(file, "marketing", MONDAY)
    sentences = in_words(question, reconcile(published, question, "USD", "UTC"))
    assert sentences == [
        "FY2026-Q1: the one pipeline number of 2026-03-02 is 136.00; marketing's list says 161.00: +25.00.",
        "It fits the CRM of 2026-02-19 best: 3 of its 3 lines were so on that day.",
    ]


def test_what_stands_around_the_lines_is_left_out_and_said(published: Path) -> None:
    file = published.parent / "report.csv"
    file.write_text("Deals of the week\n\nDeal ID,Amount,Close Date\no1,120,2026-03-20\n\nGrand Total\nConfidential\n")
    question = Question(file, "finance", MONDAY)
    answer = reconcile(published, question, "USD", "UTC")
    before, after, *_ = in_words(question, answer)
    assert reasons(answer)["equal"] == (1, Decimal(0))
    assert "Deals of the week" in before
    assert "Grand Total" in after


def test_a_list_without_a_known_line_says_how_it_was_read(published: Path) -> None:
    file = published.parent / "names.csv"
    file.write_text("Deal,Amount,Close Date\no1,120,2026-03-20\no6,5,2026-03-01\n")
    question = Question(file, "finance", MONDAY)
    sentences = in_words(question, reconcile(published, question, "USD", "UTC"))
    assert sentences[-1] == (
        "No line is an opportunity that the CRM has. The list was read so: `Deal` as opportunity_name, `Amount` as "
        "amount, `Close Date` as close_date. If its ids are in another column, name that with --column "
        '"THEIRS=opportunity_id".'
    )
    named = Question(file, "finance", MONDAY, told=Told(columns={"Deal": "opportunity_id"}))
    answer = reconcile(published, named, "USD", "UTC")
    assert reasons(answer)["equal"] == (2, Decimal(0))
    assert "The list was read so" not in "".join(in_words(named, answer))


def test_a_german_spreadsheet_is_read_as_init_reads_one(published: Path) -> None:
    text = "Vorgangsnummer;Betrag;Währung;Abschlussdatum\no1;1.120,50;USD;20.03.2026\no4;10,00;EUR;20.03.2026\n"
    answer = ask(published, text.encode("cp1252"))
    assert reasons(answer)["equal"] == (1, Decimal(0))
    assert reasons(answer)["amount"] == (1, Decimal("1000.50"))


def test_a_credit_in_parentheses_is_subtracted(published: Path) -> None:
    lines = ('o1,"$1,120.50",2026-03-20', 'o9,"$(1,000.50)",2026-03-20', "o6,$5.00,2026-03-01")
    answer = ask(published, "\n".join(["Deal ID,Amount,Close Date", *lines]))
    assert reasons(answer)["amount"] == (1, Decimal("1000.50"))
    assert reasons(answer)["unknown_id"] == (1, Decimal("-1000.50"))


def test_a_workbook_is_read_with_the_types_of_its_cells(published: Path) -> None:
    file = published.parent / "list.xlsx"
    header = ["Opportunity ID", "Amount", "Close Date"]
    write_workbook(file, {"Deals": [header, ["o1", 120, date(2026, 3, 20)], ["o6", 5.0, date(2026, 3, 1)]]})
    answer = reconcile(published, Question(file, "finance", MONDAY), "USD", "UTC")
    assert reasons(answer) == {"not_listed": (1, Decimal("-11.00")), "equal": (2, Decimal(0))}


def test_a_line_without_an_id_means_the_one_deal_of_this_name_and_account(published: Path) -> None:
    text = "Deal Name,Account,Amount,Quarter\ndeal O6,ACME,5,FY2026-Q1\nDeal o1,Acme,120,FY2026-Q1\n"
    answer = ask(published, text, quarter="FY2026-Q1")
    [line] = [item for item in answer.items if item["line_number"] == 1]
    assert (line["reason"], line["opportunity_id"], line["is_matched_by_name"]) == ("equal", "o6", True)
    assert reasons(answer)["unknown_id"] == (1, Decimal(120))


@pytest.mark.parametrize(
    ("as_of", "meant"),
    [
        (date(2026, 1, 20), None),  # two open ones
        (date(2026, 2, 10), "o1"),  # one open, one gone
        (date(2026, 3, 5), "o1"),  # one that was captured later has another account
    ],
)
def test_names_mean_what_stood_there_on_the_day_of_the_list(published: Path, as_of: date, meant: str | None) -> None:
    with duckdb.connect(str(published)) as connection:
        connection.execute("use marts")
        connection.execute(
            "update fct_opportunity_current set opportunity_name = 'Renewal' where opportunity_id in ('o1', 'o5')"
        )
        connection.execute(
            "update fct_opportunity_current set opportunity_name = 'Renewal' where opportunity_id = 'o6'"
        )
        connection.execute("update fct_opportunity_current set account_id = 'a1' where opportunity_id in ('o1', 'o5')")
        connection.execute("insert into dim_account values ('crm', 'a1', 'Initech')")
    answer = ask(published, "Deal Name,Account,Amount,Quarter\nrenewal,initech,100,FY2026-Q1\n", as_of=as_of)
    [line] = [item for item in answer.items if item["line_number"] == 1]
    assert line["opportunity_id"] == meant


def test_an_id_of_several_sources_asks_whose_it_is(published: Path) -> None:
    with duckdb.connect(str(published)) as connection:
        connection.execute("use marts")
        connection.execute(
            "insert into fct_opportunity_current "
            "select * replace ('old' as source) from fct_opportunity_current where opportunity_id = 'o1'"
        )
        connection.execute("insert into dim_snapshot select * replace ('old' as source) from dim_snapshot")
    with pytest.raises(ConfigError, match=r"o1 is an opportunity of crm and of old.*--source crm"):
        ask(published, LIST)
    file = published.parent / "list.csv"
    with pytest.raises(ConfigError, match=r"--source: got new\. Expected one of crm, old"):
        reconcile(published, Question(file, "finance", MONDAY, source="new"), "USD", "UTC")
    answer = reconcile(published, Question(file, "finance", MONDAY, source="crm"), "USD", "UTC")
    assert reasons(answer)["amount"] == (1, Decimal(-20))


def test_an_id_that_two_opportunities_of_one_source_have_means_neither(published: Path) -> None:
    with duckdb.connect(str(published)) as connection:
        connection.execute("use marts")
        for identity, short in {"o1": "006A00000012345", "o6": "006A00000012345AAA"}.items():
            for table in ("fct_opportunity_current", "fct_opportunity_history"):
                connection.execute(f"update {table} set opportunity_id = '{short}' where opportunity_id = '{identity}'")
    answer = ask(published, "Deal ID,Amount,Quarter\n006A00000012345,120,FY2026-Q1\n")
    assert reasons(answer)["unknown_id"] == (1, Decimal(120))


def test_totals_are_no_lines_wherever_they_stand(published: Path) -> None:
    lines = ("Total,,125,", "o1,First,120,2026-03-20", ",Sub-total (1),120,", "o6,,5,2026-03-20")
    answer = ask(published, "\n".join(["Deal ID,Deal Name,Amount,Close Date", *lines]))
    assert reasons(answer) == {"not_listed": (1, Decimal("-11.00")), "equal": (2, Decimal(0))}
    assert answer.remarks == (
        "line 2 (Total 125.00) is a total, and is not compared",
        "line 4 (Sub-total (1) 120.00) is a total, and is not compared",
    )


def test_lines_of_other_quarters_and_days_are_said_in_words(published: Path) -> None:
    file = published.parent / "list.csv"
    file.write_text(LIST)
    question = Question(file, "finance", date(2030, 1, 1), "FY2026-Q4")
    answer = reconcile(published, question, "USD", "UTC")
    assert in_words(question, answer) == [
        "The last captured day is 2026-03-05, so the list is compared with that.",
        "The list has no line of FY2026-Q4.",
        "Lines of other quarters are not compared: FY2026-Q1 (7 lines).",
    ]
    whole = ask(published, LIST, as_of=date(2030, 1, 1))
    assert max(item["equals_day"] for item in whole.items if item["equals_day"]) <= date(2026, 3, 5)
    assert max(day for day, _ in whole.equal_days.values()) <= date(2026, 3, 5)


def test_what_the_list_says_of_itself_is_compared_with_the_question(published: Path) -> None:
    lines = ("o1,120,2026-03-20,Finance,2026-03-02", "o6,5,2026-03-01,marketing,2026-02-01")
    assert ask(published, "\n".join(["Deal ID,Amount,Close Date,Team,As Of", *lines])).remarks == (
        "Team says marketing in 1 line; all are compared as the list of finance of 2026-03-02",
        "As Of says 2026-02-01 in 1 line; all are compared as the list of finance of 2026-03-02",
    )


@pytest.mark.parametrize("seed", range(40))
def test_each_line_has_the_currency_that_it_names(published: Path, seed: int) -> None:
    draw = random.Random(seed)
    marks = {"": None, "EUR": "EUR", "\u20ac": "EUR", "$": "USD", "USD": "USD", "CHF": "CHF", "\u00a3": "GBP"}
    header = draw.choice(["Amount", "Amount", "Amount", "Amount (EUR)", "Amount [USD]"])
    with_column = draw.random() < 0.4
    rows, expected, contradicts = [], [], False
    for number in range(draw.randrange(1, 6)):
        mark = draw.choice([*marks, "", ""])
        said = draw.choice(["", "EUR", "usd", "CHF"]) if with_column else ""
        amount = f"{number}1.50"
        shown = draw.choice([f"{mark} {amount}", f"{amount} {mark}"]).strip() if mark else amount
        rows.append((f"o{number}", shown, said))
        expected.append((said.upper(), marks[mark] or ""))
    named = {"Amount (EUR)": "EUR", "Amount [USD]": "USD"}.get(header, "")
    is_converted = bool(named) and any(said and said != named for said, _ in expected)
    for said, beside in expected:
        of_line = named if is_converted else said or named
        contradicts |= bool(of_line and beside and of_line != beside)
    file = published.parent / "list.csv"
    with file.open("w", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(["Deal ID", header, *(["Currency"] if with_column else []), "Quarter"])
        writer.writerows(
            [identity, shown, *([said] if with_column else []), "FY2026-Q1"] for identity, shown, said in rows
        )
    question = Question(file, "finance", MONDAY)
    if contradicts:
        with pytest.raises(ConfigError, match="another currency than"):
            read_lines(question, "USD", "UTC")
        return
    lines, _, remarks = read_lines(question, "USD", "UTC")
    whose = [(named if is_converted else said or named) or beside or "USD" for said, beside in expected]
    assert lines["currency_code"].to_pylist() == whose
    assert any("is not read" in remark for remark in remarks) == is_converted


def test_a_dollar_is_the_companys_own(published: Path) -> None:
    file = published.parent / "list.csv"
    file.write_text("Deal ID,Amount,Currency,Quarter\no1,$5,,FY2026-Q1\no2,$6,USD,FY2026-Q1\n")
    lines, *_ = read_lines(Question(file, "finance", MONDAY), "CAD", "UTC")
    assert lines["currency_code"].to_pylist() == ["CAD", "USD"]


def test_a_word_in_place_of_an_amount_is_no_currency(published: Path) -> None:
    file = published.parent / "list.csv"
    file.write_text("Deal ID,Amount,Currency,Quarter\no1,NULL,EUR,FY2026-Q1\no2,N/A,,FY2026-Q1\n")
    lines, *_ = read_lines(Question(file, "finance", MONDAY), "USD", "UTC")
    assert lines.select(["amount", "currency_code"]).to_pylist() == [
        {"amount": None, "currency_code": "EUR"},
        {"amount": None, "currency_code": "USD"},
    ]


def test_a_currency_without_a_rate_is_said(published: Path) -> None:
    answer = ask(published, "Deal ID,Amount,Quarter\no1,CHF 120,FY2026-Q1\no6,5,FY2026-Q1\n")
    assert answer.remarks == ("1 line in CHF, which has no rate on 2026-03-02 and counts 0: add it to fx_rates.csv",)


def test_items_are_written_with_their_columns(published: Path) -> None:
    target = published.parent / "items.csv"
    write_items(ask(published, LIST).items, target)
    with target.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sum(Decimal(row["amount"]) for row in rows) == Decimal("226.00")
    assert list(rows[0])[:3] == ["fiscal_quarter", "reason", "line_number"]


@pytest.mark.parametrize(
    ("text", "quarter", "columns", "problem"),
    [
        (
            "Deal ID,Worth\no1,100\n",
            None,
            {},
            r'which column is amount\? Got Deal ID, Worth. Say it with --column "THEIRS=am',
        ),
        (
            "Amount,Close Date\n100,2026-03-20\n",
            None,
            {},
            "which column is opportunity_id.*each is another one of ours already. Export the file with a column for it",
        ),
        (
            'Deal ID,Amount,Close Date\no1,100,2026-03-20\no2,"1,000"x,2026-03-20\no3,5,2026-03-20,more\n',
            None,
            {},
            "list.csv: line 3: broken quoting.*, and 1 more like it. Expected a list that can be compared whole",
        ),
        ("Deal ID,Amount\no1,100\n", None, {}, "says neither a quarter nor a close date.*--quarter"),
        ("Deal ID,Amount,Quarter\no1,100,Q1\n", None, {}, "fiscal_quarter has Q1. Expected one such as FY2026-Q4"),
        ("Deal ID,Amount\no1,100\n", "Q1", {}, "--quarter: got Q1. Expected one such as"),
        (
            "Deal ID,Amount,Close Date\no1,a lot,2026-03-20\n",
            None,
            {},
            "line 2: amount `a lot` is no amount such as 1234.56",
        ),
        ("Deal ID,Amount,Close Date\no1,1,soon\n", None, {}, "line 2: close_date `soon` is no day such as 2026-11-22"),
        ("Deal ID,Worth,Close Date\no1,1,2026-03-20\n", None, {"Value": "amount"}, "there is no column Value"),
        (
            "Deal ID,Amount (in thousands),Quarter\no1,1,FY2026-Q1\n",
            None,
            {},
            "has amounts in `thousands`. Expected whole",
        ),
        ("Deal ID,Amount,Amount\no1,1,2\n", "FY2026-Q1", {}, "several columns Amount, and they differ"),
        ("Deal ID,Amount,Currency\no1,1,Euro\n", "FY2026-Q1", {}, "line 2: currency `Euro` is no code such as EUR"),
        ("Deal ID,Amount,Quarter\no1,\u00a51,FY2026-Q1\n", None, {}, "line 2: amount `.1` may be in JPY or CNY"),
        ("Deal ID,Amount,Close Date\n", None, {}, "list.csv has no lines. Expected one for each"),
        ("Deal ID,Amount,Close Date\n , ,\n\n", "FY2026-Q4", {}, "list.csv has no lines"),
    ],
)
def test_what_cannot_be_compared_is_a_clear_error(
    published: Path, text: str, quarter: str | None, columns: dict[str, str], problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        ask(published, text, quarter=quarter, columns=columns)


def test_nothing_is_said_of_the_time_before_the_first_day(published: Path) -> None:
    with pytest.raises(ConfigError, match="first captured day is 2026-01-05"):
        ask(published, LIST, as_of=date(2026, 1, 4))


def test_an_older_published_file_says_what_to_do(published: Path) -> None:
    with duckdb.connect(str(published)) as connection:
        connection.execute("drop table marts.dim_fx_rate")
    with pytest.raises(ConfigError, match="Run `pipeledger build` to publish it anew"):
        ask(published, LIST)


def test_command_and_mart_say_the_same_of_a_reason() -> None:
    texts = (PROJECT / "models" / "docs" / "reconciliation").glob("*.md")
    [told] = [text for path in texts for text in path.read_text().split("{% docs ") if text.startswith("reason %}")]
    assert [f"`{reason}` ({words})" for reason, words in REASONS.items() if f"`{reason}` ({words})" not in told] == []
