"""A CSV file becomes what Python's csv module reads in it, with true lines, and no row is lost in silence."""

import csv
import io
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingestion.files import csv_file
from ingestion.files.csv_file import CsvError, read, read_header
from ingestion.files.layout import Layout
from tests.drawn import drawn

CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["", '"', '""', "a,b", "x\ny", "x\r\ny", "\r", "NA", "null", " lead", "\N{BOM}", '5" pipe', "\x00", "é", "金額"]
)
HEADER = ["key", "second", "third"]


def written(rows: Sequence[Sequence[str]], **options: Any) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, **options).writerows([HEADER, *rows])
    return text.getvalue()


def read_text(
    text: str,
    layout: Layout = Layout(),  # noqa: B008 - frozen
    encoding: str = "utf-8",
    left_out: list[str] | None = None,
) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        path.write_bytes(text.encode(encoding))
        header = read_header(path, layout)
        said = [] if left_out is None else left_out
        table = pa.concat_tables(
            read(path, header, header.names, ("key",), lambda kind, text: said.extend(re.findall(r"line \d+", text)))
        )
    return sorted(table.to_pylist(), key=lambda row: row["_pl_line"])


def good(rows: list[dict[str, Any]]) -> list[list[Any]]:
    return [list(row.values())[:-2] for row in rows if row["_pl_reject"] is None]


def bad(rows: list[dict[str, Any]]) -> list[tuple[int, Any, str]]:
    return [(row["_pl_line"], row["key"], row["_pl_reject"]) for row in rows if row["_pl_reject"] is not None]


@settings(max_examples=drawn(60, 300), deadline=None)
@given(
    rows=st.lists(st.tuples(CELLS, CELLS, CELLS)),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    line_end=st.sampled_from(["\n", "\r\n"]),
    delimiter=st.sampled_from([",", ";", "\t"]),
    mark=st.sampled_from(["", "\N{BOM}"]),
)
def test_any_text_in_cells_survives(
    rows: list[tuple[str, ...]], quoting: int, line_end: str, delimiter: str, mark: str
) -> None:
    text = mark + written(rows, quoting=quoting, lineterminator=line_end, delimiter=delimiter)

    left_out: list[str] = []
    landed = read_text(text, Layout(delimiter=delimiter), left_out=left_out)

    expected = list(csv.reader(io.StringIO(text.removeprefix("\N{BOM}"), newline=""), delimiter=delimiter))[1:]
    assert good(landed) == [[cell or None for cell in row] for row in expected if any(row) and len(row) == 3]
    # bare carriage returns: the short lines that they make may look like a footer
    assert len(bad(landed)) + len(left_out) == len([row for row in expected if any(row) and len(row) != 3])


@settings(max_examples=drawn(60, 300), deadline=None)
@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS).filter(any)), line_end=st.sampled_from(["\n", "\r\n"]))
def test_a_row_knows_the_line_it_begins_on(rows: list[tuple[str, ...]], line_end: str) -> None:
    text = written(rows, lineterminator=line_end, quoting=csv.QUOTE_ALL)

    landed = read_text(text)

    reader = csv.reader(io.StringIO(text, newline=""))
    next(reader)
    begins = []
    for _ in range(len(rows)):
        begins.append(reader.line_num + 1)
        next(reader)
    assert [row["_pl_line"] for row in landed] == begins


@settings(max_examples=drawn(100, 500), deadline=None)
@given(body=st.text(st.sampled_from('a1",\n\r é'), max_size=40))
@example('1,"x\ny"\n2\n\n"3\n3",4')
def test_both_readers_read_a_cleanly_quoted_file_alike(body: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        path.write_bytes(("key,second\n" + body).encode())
        header = read_header(path, Layout())
        scanned = csv_file._scan(path, header.layout)
        if not scanned.is_clean:
            return
        by_arrow = csv_file._read_clean(path, header, header.names, scanned)
        by_python = csv_file._read_unclean(path, header, header.names)
        rows = [
            sorted(
                (
                    tuple(row.values())
                    for table in csv_file._within_table(pieces, header, header.names, ("key",), lambda kind, text: None)
                    for row in table.to_pylist()
                ),
                key=lambda row: row[2],
            )
            for pieces in (by_arrow, by_python)
        ]

    assert rows[0] == rows[1]


@settings(max_examples=drawn(60, 300), deadline=None)
@given(
    before=st.lists(st.from_regex(r"\A[a-z]{1,5}\Z"), max_size=5),
    after=st.lists(st.from_regex(r"\A[a-z]{1,5}\Z"), min_size=1, max_size=5),
    broken=st.sampled_from(
        [
            *('b,"open', 'b,"text"after', 'b,"un"escaped"', '"b,x', "b", "b,1,2", "b,,,"),
            *('b,"x\ny",z', '"b",y"', '"b",5" pipe', 'b,"x\n""y"" z",1,2'),
        ]
    ),
    cell=st.sampled_from(['"o,k"', '",k"', '","']),  # a quote that stands behind a comma, and before one
)
def test_a_broken_row_costs_no_row_but_itself(before: list[str], after: list[str], broken: str, cell: str) -> None:
    lines = [f"{word},ok" for word in before] + [broken] + [f"{word},{cell}" for word in after]

    landed = read_text("key,second\n" + "\n".join(lines))

    assert [row[0] for row in good(landed)] == before + after
    assert [(line, key) for line, key, _ in bad(landed)] == [(len(before) + 2, "b")]


def test_a_quote_is_text_in_a_row_without_fields_in_quotes() -> None:
    rows = read_text('key,second\na,5" pipe\nb,12"\n"c","5"" pipe"\n')
    assert good(rows) == [["a", '5" pipe'], ["b", '12"'], ["c", '5" pipe']]


def test_wrong_counts_of_fields_are_rejected_with_line_key_and_reason() -> None:
    landed = read_text('key,second\n1,"two\nlines"\n2\n\n3,x\n4,y,z\n')

    assert good(landed) == [["1", "two\nlines"], ["3", "x"]]
    assert bad(landed) == [(4, "2", "1 fields instead of 2"), (7, "4", "3 fields instead of 2")]


def test_lines_stay_true_beyond_the_first_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "BLOCK_BYTES", 64)
    lines = [f'{number},"a\nb"' if number % 7 == 0 else f"{number},c" for number in range(1, 200)]
    lines[100] = "only one field"

    landed = read_text("key,second\n" + "\n".join(lines))

    line = 2
    for row, text in zip(landed, lines, strict=True):
        assert row["_pl_line"] == line
        line += 1 + text.count("\n")
    assert [key for _, key, _ in bad(landed)] == ["only one field"]


def test_blank_lines_and_lines_of_bare_delimiters_are_no_rows() -> None:
    assert good(read_text("key,second\n\n1,a\n,\n\n2,\n,,,\n")) == [["1", "a"], ["2", None]]


def test_na_and_null_are_text_and_blank_is_null() -> None:
    assert good(read_text('key,second\nNA,null\nN/A,""\nnan,\n')) == [["NA", "null"], ["N/A", None], ["nan", None]]


@pytest.mark.parametrize("text", ["key,second", "key,second\n", "\n\nkey,second\r\n"])
def test_a_header_alone_is_no_rows_and_keeps_its_columns(text: str) -> None:
    assert read_text(text) == []


@pytest.mark.parametrize("text", ["", "\n\r\n", "\N{BOM}"])
def test_an_empty_file_is_an_error(text: str) -> None:
    with pytest.raises(CsvError, match="empty"):
        read_text(text)


def test_bytes_that_are_not_utf_8_are_named_with_their_line() -> None:
    with pytest.raises(CsvError, match="line 3 holds the byte 0xe9, which is not UTF-8"):
        read_text("key,second\n1,a\n2,é\n", encoding="latin-1")


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-8-sig"])
def test_other_encodings_are_read_when_named(encoding: str) -> None:
    landed = read_text('key,second\n1,é\n2,"ü\nß"\n3\n', Layout(encoding=encoding), encoding=encoding)

    assert good(landed) == [["1", "é"], ["2", "ü\nß"]]
    assert bad(landed) == [(5, "3", "1 fields instead of 2")]


# ---------------------------------------------------------------- lines around the table

REPORT = "".join(f"006{number},Deal {number},{number}.00\n" for number in range(60))
NAMES = "Opportunity ID,Opportunity Name,Amount\n"
FOOTER = """
Grand Totals (60 records)

"Confidential Information - Do Not Distribute"
"Copyright (c) 2000-2026 Salesforce, Inc. All rights reserved."
Open pipeline
"Generated By:  Rep One  3/1/2026, 6:05 AM"
Acme
"""
PADDED = """,,
Grand Totals (60 records),,1770.00
,,
Confidential Information - Do Not Distribute,,
Acme,,
"""


def around(text: str, layout: Layout = Layout(), encoding: str = "utf-8") -> tuple[int, list[str], list[str]]:  # noqa: B008
    """How many good rows a file has, why others are none, and what was said of the lines around the table."""
    said: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.csv"
        path.write_bytes(text.encode(encoding))
        header = read_header(path, layout)
        tables = read(path, header, header.names, header.names[:1], lambda kind, text: said.append(text))
        rows = pa.concat_tables(tables).to_pylist()
    reasons = [row["_pl_reject"] for row in rows if row["_pl_reject"]]
    assert header.names[0] == "Opportunity ID"
    return len(rows) - len(reasons), reasons, said


@pytest.mark.parametrize(
    "footer", [FOOTER, PADDED, FOOTER.lstrip()], ids=["as it is", "padded", "without a blank line"]
)
def test_the_footer_of_a_report_is_left_out_and_named(footer: str) -> None:
    rows, reasons, said = around(NAMES + REPORT + footer)

    assert (rows, reasons) == (60, [])
    assert len(said) == 1
    assert "Grand Totals (60 records)" in said[0]
    assert "lines after the table are no row" in said[0]


@pytest.mark.parametrize("title", ["Open pipeline\n\n", "Open pipeline\nAs of today\n", '"Open, pipeline"\r\n'])
def test_the_title_of_a_report_is_left_out_and_named(title: str) -> None:
    rows, reasons, said = around(title + NAMES + REPORT + FOOTER)

    assert (rows, reasons) == (60, [])
    assert said[0].startswith(("1 line before", "2 lines before")) and "pipeline" in said[0]


def test_a_row_that_was_cut_off_is_no_footer() -> None:
    rows, reasons, said = around(NAMES + REPORT + "00660,Deal")

    assert (rows, reasons, said) == (60, ["2 fields instead of 3"], [])


def test_a_row_with_one_value_is_no_footer() -> None:
    assert around(NAMES + REPORT + "00660,,\n") == (61, [], [])
    assert around(NAMES + "00660,,\n" * 200) == (200, [], [])


def test_short_lines_within_the_table_stay_rejected() -> None:
    rows, reasons, said = around(NAMES + "1,a,1\n\nGrand Totals\n2,b,2\n")

    assert (rows, reasons, said) == (2, ["1 fields instead of 3"], [])


def test_lines_to_skip_are_counted() -> None:
    text = 'a,"b\nReport,of\n' + NAMES + REPORT + "x,y,z\n\n1,2,3\n"

    assert around(text, Layout(skip_rows=2, skip_footer=2)) == (60, [], [])
    assert around(NAMES + REPORT, Layout(skip_footer=60))[0] == 0


def test_a_first_line_may_name_the_delimiter() -> None:
    text = ("sep=;\n" + NAMES + REPORT).replace(",", ";")

    assert around(text) == (60, [], [])
    assert around(text, Layout(delimiter=";")) == (60, [], [])
    with pytest.raises(CsvError, match="first line says that cells are separated by ';'"):
        around(text, Layout(delimiter="\t"))


def test_a_report_in_another_encoding() -> None:
    assert around(NAMES + REPORT + "9,Müller,1\n" + FOOTER, Layout(encoding="latin-1"), "latin-1")[0] == 61


@pytest.mark.parametrize("begin", [b"PK\x03\x04zip", b"\xd0\xcf\x11\xe0ole", b"PAR1x"])
def test_a_file_of_another_kind_is_named(tmp_path: Path, begin: bytes) -> None:
    (tmp_path / "report.csv").write_bytes(begin)

    with pytest.raises(CsvError, match=r"whatever its name says; name it \.(xlsx|xls|parquet)"):
        read_header(tmp_path / "report.csv", Layout())
