"""The report of the demo: every number on it is what its query gives, and it needs nothing but itself."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from html import escape
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import duckdb
import html5lib
import pytest

from orchestration.steps.report import EARLIER, write_reports
from reporting.page import ROWS_SHOWN
from reporting.published import ReportError, open_published
from reporting.report import Wish, report

BROWSER = shutil.which("chromium")
in_a_browser = pytest.mark.skipif(BROWSER is None, reason="no chromium on PATH. Run: apt-get install chromium")
LAST_DAY = "(select max(snapshot_date) from dim_snapshot)"
SCALES = {"k": 1e3, "M": 1e6, "B": 1e9, "%": 0.01}


@dataclass(frozen=True)
class Document:
    """A page as a browser's parser reads it."""

    text: str
    root: Element

    @classmethod
    def of(cls, text: str) -> Document:
        parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
        return cls(text, parser.parse(text))

    def all(self, tag: str) -> list[Element]:
        return [each for each in self.root.iter() if isinstance(each.tag, str) and each.tag.rpartition("}")[2] == tag]

    def section(self, name: str) -> str:
        (found,) = (each for each in self.all("section") if each.get("id") == name)
        return words(found)

    def queries(self) -> dict[str, str]:
        return {str(each.get("data-query")): words(each) for each in self.all("pre")}

    def cells(self) -> Iterator[tuple[Element, str]]:
        """Every element that stands for one value, with that value."""
        for each in self.root.iter():
            if each.get("data-column") is not None:
                value = each.get("value", each.get("data-value"))
                assert value is not None, words(each)
                yield each, value


def words(element: Element) -> str:
    return "".join(element.itertext())


def answers(published: Path, document: Document) -> dict[str, tuple[list[str], list[tuple[Any, ...]]]]:
    """What each query under a fold gives."""
    with open_published(published) as connection:
        found = {}
        for name, query in document.queries().items():
            result = connection.execute(query)
            found[name] = ([column[0] for column in result.description or []], result.fetchall())
        return found


def check_numbers(published: Path, document: Document) -> int:
    """Compare every value of a page with its query; return how many there are."""
    given, checked = answers(published, document), 0
    for element, value in document.cells():
        query, row, column = (str(element.get(f"data-{each}")) for each in ("query", "row", "column"))
        columns, rows = given[query]
        expected = rows[int(row)][columns.index(column)]
        assert value == ("" if expected is None else repr(expected) if isinstance(expected, float) else str(expected))
        if expected is not None and not isinstance(expected, str | date | bool):
            check_shown(words(element), float(expected))
        checked += 1
    for table in document.all("table"):
        columns, rows = given[str(table.get("data-query"))]
        body = [each for each in table.iter() if each.tag.rpartition("}")[2] == "tr"][1:]
        assert len(body) == min(len(rows), ROWS_SHOWN)
        for shown, expected_row in zip(body, rows, strict=False):
            for cell, expected in zip(shown, expected_row, strict=True):
                check_cell(words(cell), expected)
                checked += 1
    return checked


def check_shown(shown: str, expected: float) -> None:
    """A rounded number is the exact one within half of its last digit."""
    found = re.search(r"([+\N{MINUS SIGN}]?)[^\d]*([\d,]+(?:\.\d+)?)([kMB%]?)", shown)
    assert found, shown
    sign, digits, scale = found.groups()
    size = SCALES.get(scale, 1.0)
    number = float(digits.replace(",", "")) * size * (-1 if sign == "\N{MINUS SIGN}" else 1)
    step = size * 10.0 ** -len(digits.partition(".")[2])
    assert abs(number - expected) <= step / 2 + 1e-9 * abs(expected), (shown, expected)


def check_cell(shown: str, expected: Any) -> None:
    """What stands in a table is exact, but for the fifth decimal of a ratio."""
    if expected is None:
        assert shown == ""
    elif isinstance(expected, bool):
        assert shown == ("yes" if expected else "no")
    elif isinstance(expected, int | Decimal):
        assert Decimal(shown.replace(",", "")) == expected
    elif isinstance(expected, float):
        assert abs(float(shown.replace(",", "")) - expected) <= 0.0000500001
    elif isinstance(expected, datetime):
        assert shown == f"{expected:%Y-%m-%d %H:%M}"
    else:
        assert shown == str(expected)


@pytest.fixture(scope="module")
def page(published: Path) -> Document:
    return Document.of(report(published))


@pytest.mark.parametrize(
    "wish",
    [
        Wish(),
        Wish(day=date(2025, 12, 14)),
        Wish(segment="SMB"),
        Wish(segment="enterprise", team="Enterprise"),
    ],
    ids=["everything", "an earlier day", "a segment", "a team"],
)
def test_every_number_is_what_its_query_gives(published: Path, wish: Wish) -> None:
    assert check_numbers(published, Document.of(report(published, wish))) > 500


def test_no_number_stands_in_the_text_that_no_query_gives(page: Document) -> None:
    sourced = {"data", "time", "table", "pre", "svg", "style", "title"}

    def prose(element: Element) -> Iterator[str]:
        if element.tag.rpartition("}")[2] not in sourced and element.get("class") != "scale":
            yield element.text or ""
            for child in element:
                yield from prose(child)
                yield child.tail or ""

    def captions(element: Element) -> bool:
        return element.tag in ("summary", "figcaption")

    for summary in filter(captions, page.root.iter()):
        for child in list(summary):
            summary.remove(child)
        summary.text = ""
    assert not re.findall(r"\S*\d\S*", " ".join(prose(page.root)))


def test_the_page_needs_nothing_but_itself(page: Document) -> None:
    assert len(page.text.encode()) < 300_000
    assert not page.all("script") and not page.all("link") and not page.all("img") and not page.all("iframe")
    assert not re.findall(r"url\(|@import|https?:|//[a-z]", page.text.replace("<!DOCTYPE html>", ""))
    assert all(each.get("href", "").startswith("#") for each in page.all("a"))
    names = [each.get("id") for each in page.root.iter() if each.get("id")]
    assert len(names) == len(set(names))
    assert all(each.get("href", "")[1:] in names for each in page.all("a"))


def test_every_figure_says_what_it_shows(page: Document) -> None:
    assert len(page.all("svg")) >= 12
    for svg in page.all("svg"):
        title, description = list(svg)[:2]
        assert svg.get("role") == "img" and len(words(title)) > 5 and len(words(description)) > 10
        assert svg.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"


def test_nobody_who_is_a_lead_or_a_contact_is_named(page: Document, published: Path) -> None:
    people = published.parents[1] / "personal" / "demo" / "person.parquet"
    with duckdb.connect() as connection:
        rows = connection.execute(f"select full_name, email, phone from '{people}'").fetchall()
    assert len(rows) > 1000
    with open_published(published) as connection:
        colleagues = {name for (name,) in connection.execute("select owner_name from dim_owner").fetchall()}
    assert any(name in page.text for name in colleagues)
    personal = {str(each) for row in rows for each in row if each} - colleagues
    found = [each for each in personal if each in page.text]  # `Ana Pereira` is found in `Dana Pereira` too
    assert not [each for each in found if re.search(rf"\b{re.escape(each)}\b", page.text)]


def test_the_page_says_what_was_planted(page: Document) -> None:
    assert "Negotiation" in page.section("sit")
    titles = [words(next(iter(svg))) for svg in page.all("svg")]
    assert {"Still in the stage, New Business", "Still in the stage, Customer"} <= set(titles)
    assert page.section("stalls").startswith("Which stalls matter?")
    assert "age_in_stage" in page.section("stalls").partition("mean nothing")[0]


def test_a_page_of_an_earlier_day_says_what_was_said_then(published: Path) -> None:
    day = date(2025, 12, 14)
    with open_published(published) as connection:
        (won,) = connection.execute(
            "select won_amount from rpt_pipeline_coverage inner join dim_date on date_day = snapshot_date "
            f"and dim_date.fiscal_quarter = rpt_pipeline_coverage.fiscal_quarter "
            f"where snapshot_date = date '{day}' and segment = '(all)'"
        ).fetchone() or (None,)
    document = Document.of(report(published, Wish(day=day)))
    shown = {value for element, value in document.cells() if element.get("data-column") == "won_amount"}
    assert str(won) in shown


def changed(published: Path, folder: Path, *statements: str) -> Path:
    """A copy of the published file of which something is missing."""
    folder.mkdir(exist_ok=True)
    copy = folder / "pipeline.duckdb"
    shutil.copy(published, copy)
    with duckdb.connect(str(copy)) as connection:
        connection.execute("use marts")
        tables = [
            name
            for (name,) in connection.execute(
                "select table_name from duckdb_tables() where schema_name = 'marts'"
            ).fetchall()
        ]
        for statement in statements:
            for table in tables if "TABLE" in statement else [""]:
                connection.execute(statement.replace("TABLE", table))
    return copy


def test_an_empty_company_is_told_what_to_do(published: Path, tmp_path: Path) -> None:
    document = Document.of(report(changed(published, tmp_path, "delete from TABLE")))
    assert "no day was captured" in document.section("safe")


def test_a_company_without_billing_is_told_what_is_missing(published: Path, tmp_path: Path) -> None:
    without = changed(published, tmp_path, "delete from rpt_revenue_retention")
    document = Document.of(report(without))
    assert "No billing data was captured" in document.section("revenue")
    assert check_numbers(without, document) > 500


def test_a_company_of_one_day_is_told_what_takes_longer(published: Path, tmp_path: Path) -> None:
    first = "(select min(snapshot_date) from dim_snapshot)"
    one_day = changed(
        published,
        tmp_path,
        *(
            f"delete from {each} where snapshot_date > {first}"
            for each in ("rpt_pipeline_coverage", "fct_pipeline_daily")
        ),
        *(f"delete from {each}" for each in ("fct_pipeline_movements", "rpt_stall_patterns", "rpt_stage_velocity")),
        *(
            f"delete from {each}"
            for each in ("rpt_forecast_accuracy", "rpt_slippage", "rpt_win_rate", "rpt_sales_cycle")
        ),
        f"delete from dim_snapshot where snapshot_date > {first}",
    )
    document = Document.of(report(one_day))
    assert "Only one day was captured" in document.section("changed")
    assert "No stage was left by enough deals" in document.section("sit")
    assert "No stall rule can be judged yet" in document.section("stalls")
    assert "No forecast" in document.section("forecast")
    assert "no win rate yet" in document.section("wins")
    check_numbers(one_day, document)


def test_a_file_of_this_version_lacks_nothing(page: Document) -> None:
    assert "an older version" not in page.text


def test_an_older_file_says_which_table_it_lacks(published: Path, tmp_path: Path) -> None:
    older = changed(published, tmp_path, "drop table rpt_slippage")
    assert "no table rpt_slippage" in Document.of(report(older)).section("forecast")


def test_an_older_file_says_which_column_it_lacks(published: Path, tmp_path: Path) -> None:
    older = changed(
        published,
        tmp_path,
        "alter table rpt_restatements drop column definition_amount",
        "alter table rpt_pipeline_coverage drop column won_amount",
    )
    document = Document.of(report(older))
    told = "The published file has no column {}: an older version wrote it. pipeledger build publishes it anew."
    assert told.format("definition_amount") in document.section("restated")
    assert told.format("won_amount") in document.section("safe")
    assert "an older version" not in document.section("wins")


@pytest.mark.parametrize(
    ("change", "lacks"),
    [
        ("drop table dim_snapshot", "table dim_snapshot"),
        ("alter table dim_date drop column fiscal_quarter_end_date", "column fiscal_quarter_end_date"),
        ("alter table about drop column base_currency", "column base_currency"),
    ],
)
def test_of_an_older_file_without_what_every_page_needs_there_is_no_page(
    published: Path, tmp_path: Path, change: str, lacks: str
) -> None:
    older = changed(published, tmp_path, change)
    told = f"{older}: The published file has no {lacks}: an older version wrote it. pipeledger build publishes it anew."
    with pytest.raises(ReportError, match=f"^{re.escape(told)}$"):
        report(older)


def test_what_it_said_a_week_and_a_quarter_ago_is_one_click_away(published: Path, tmp_path: Path) -> None:
    copy = changed(published, tmp_path)
    done = write_reports(copy)
    names = {file.name for file in tmp_path.glob("*.html")}
    assert names == {"report.html", *EARLIER} and done.path == tmp_path / "report.html"
    for name in names:
        links = {each.get("href", "") for each in Document.of((tmp_path / name).read_text()).all("a")}
        assert {link for link in links if not link.startswith("#")} == names - {name}
    changed(copy, tmp_path / "later", f"delete from dim_snapshot where snapshot_date < {LAST_DAY} - 30")
    shutil.move(tmp_path / "later" / "pipeline.duckdb", copy)
    write_reports(copy)
    assert {file.name for file in tmp_path.glob("*.html")} == {"report.html", "report-a-week-ago.html"}


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        (Wish(segment="nowhere"), "--segment: got 'nowhere', one of these expected: (all)"),
        (Wish(team="nobody"), "--team: got 'nobody', one of these expected: "),
        (Wish(day=date(2000, 1, 1)), "--as-of: got 2000-01-01, a captured day expected: from "),
    ],
)
def test_what_the_file_does_not_know_is_refused(published: Path, wish: Wish, says: str) -> None:
    with pytest.raises(ReportError, match=re.escape(says)):
        report(published, wish)


def test_without_a_published_file_there_is_no_page(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="nothing published yet"):
        report(tmp_path / "pipeline.duckdb")


def shown_by_a_browser(text: str, folder: Path) -> tuple[str, str]:
    """What a browser makes of a page, and what it says on its console."""
    page = folder / "page.html"
    page.write_text(text, encoding="utf-8")
    command = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    done = subprocess.run(
        [*command, "--virtual-time-budget=3000", "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


@pytest.mark.slow
@in_a_browser
def test_a_browser_has_nothing_to_complain_of(page: Document, tmp_path: Path) -> None:
    _, complaint = shown_by_a_browser("<!DOCTYPE html><script>nothing.at.all()</script>", tmp_path)
    assert "nothing is not defined" in complaint
    shown, complaint = shown_by_a_browser(page.text, tmp_path)
    assert complaint == ""
    assert "Is the quarter safe?" in shown


@pytest.mark.slow
@in_a_browser
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_a_phone_and_a_desk(page: Document, tmp_path: Path, width: int) -> None:
    framed = (
        f'<!DOCTYPE html><iframe srcdoc="{escape(page.text)}" style="width:{width}px;height:900px;border:0"></iframe>'
        "<script>addEventListener('load', () => { const page = document.querySelector('iframe').contentDocument;"
        "document.title = page.documentElement.scrollWidth })</script>"
    )
    shown, _ = shown_by_a_browser(framed, tmp_path)
    found = re.search(r"<title>(\d+)</title>", shown)
    assert found is not None
    assert int(found[1]) <= width
