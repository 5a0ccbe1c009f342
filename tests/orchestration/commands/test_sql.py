"""Queries of the published file, and how their answers look on a terminal and in files."""

from __future__ import annotations

import fcntl
import os
import pty
import random
import re
import struct
import sys
import termios
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest

import pipeledger
from orchestration.cli import exit_code, shared_options_first
from orchestration.commands.sql import connect, query_marts
from orchestration.settings.errors import ConfigError
from orchestration.settings.settings import code_version
from orchestration.steps.publish import BESIDE_THE_MARTS, Texts, publish

MARTS = {
    "fct_opportunity_history": Texts("One row per opportunity x version. More.", {"amount": "In base currency."}),
    "rpt_win_rate": Texts("One row per quarter.", {"quarter": "Its name."}),
}


def build(home: Path, amount: str = "12345678901.50") -> Path:
    """A home whose published file has two marts of one row each; the file."""
    warehouse = home / "warehouse.duckdb"
    home.mkdir(parents=True, exist_ok=True)
    warehouse.unlink(missing_ok=True)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create schema marts")
        connection.execute(
            "create table marts.fct_opportunity_history as select 'o1' as opportunity_id, "
            f"{amount}::decimal(18,2) as amount, date '2026-01-01' as valid_from, date '9999-12-31' as valid_to, "
            "null::integer as stage_order, null::boolean as is_won"
        )
        connection.execute("create table marts.rpt_win_rate as select '=1+1' as quarter, -5 as won")
    return publish(warehouse, home / "published" / "pipeline.duckdb", MARTS, scripts=BESIDE_THE_MARTS[:1]).path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A published home, which the command line finds."""
    monkeypatch.setenv("PIPELEDGER_HOME", str(tmp_path))
    build(tmp_path)
    return tmp_path


def run(*arguments: str) -> int:
    """A command in this process; its exit code."""
    return exit_code(shared_options_first(arguments))


def test_a_query_that_begins_with_a_comment_is_no_option(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for query in ("-- mine\nselect 7 as n", "--total by segment\nselect 7 as n"):
        assert run("sql", query, "--csv") == 0
        assert capsys.readouterr().out.split() == ["n", "7"]
    assert run("sql", "-- nothing else") == 2
    assert "no query" in capsys.readouterr().err


def test_a_query_comes_from_a_file_or_standard_input(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "q.sql").write_text("\ufeffselect 'é' as x")
    with (home / "q.sql").open(encoding="utf-8-sig") as standard_input:
        monkeypatch.setattr(sys, "stdin", standard_input)
        assert run("sql", "-", "--csv") == 0
    assert run("sql", "--file", str(home / "q.sql"), "--csv") == 0
    assert capsys.readouterr().out.split() == ["x", "é", "x", "é"]
    assert run("sql") == run("sql", "select 1", "--file", "q.sql") == run("sql", "--file", str(home / "none")) == 2


def test_no_file_is_read_or_written_by_a_query(home: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")
    for query in (
        f"select * from '{tmp_path}/secret.csv'",
        f"copy (select 1) to '{tmp_path}/out.csv'",
        f"attach '{tmp_path}/other.duckdb'",
        "set enable_external_access = true",
        "create table x as select 1",
    ):
        with pytest.raises(ConfigError, match=r"^sql: "):
            query_marts(home / "published" / "pipeline.duckdb", query)
    assert not (tmp_path / "out.csv").exists()


def test_parquet_keeps_money_exact_and_is_whole_or_absent(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = home / "out.parquet"
    assert run("sql", "select amount, valid_to from fct_opportunity_history", "--parquet", str(target)) == 0
    assert pq.read_table(target).to_pylist() == [{"amount": Decimal("12345678901.50"), "valid_to": date(9999, 12, 31)}]
    assert run("sql", "select nonsense", "--parquet", str(target)) == 2
    assert pq.read_table(target).num_rows == 1
    assert run("sql", "select 1", "--parquet", str(home / "no" / "x.parquet")) == 2
    assert "not writable" in capsys.readouterr().err
    assert sorted(path.name for path in home.glob("*out*")) == ["out.parquet"]
    assert run("sql", "select 1", "--csv", "--json") == 2


def test_a_spreadsheet_runs_no_cell(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    query = "select quarter, won, '@x' as \"=head\" from rpt_win_rate"
    assert run("sql", query, "--for-spreadsheet") == 0
    assert capsys.readouterr().out.splitlines() == ["quarter,won,'=head", "'=1+1,-5,'@x"]
    assert run("sql", query, "--csv") == 0
    assert capsys.readouterr().out.splitlines() == ["quarter,won,=head", "=1+1,-5,@x"]


def test_describe_and_tables_say_what_columns_mean(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("sql", "DESCRIBE marts.fct_opportunity_history;", "--csv") == 0
    assert 'amount,"decimal(18,2)",In base currency.' in capsys.readouterr().out
    assert run("sql", "describe select 1 as n") == 0
    assert run("tables") == 0
    listed = capsys.readouterr().out
    assert "One row per opportunity x version." in listed
    assert "More." not in listed
    assert "pipeline_as_of(day)" in listed
    assert run("tables", "pipeline_as_of") == 0
    assert "In base currency." in capsys.readouterr().out
    assert run("tables", "rpt_win") == 2
    assert "`rpt_win_rate`" in capsys.readouterr().err


def on_a_terminal(home: Path, width: int, query: str) -> str:
    """What a terminal of that many columns shows of a query."""
    child, terminal = pty.fork()
    if not child:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
        os.execve(  # noqa: S606 - our own program, no shell
            Path(sys.executable).with_name("pipeledger"),
            ["pipeledger", "sql", query],
            {"PIPELEDGER_HOME": str(home), "TERM": "xterm", "PATH": os.environ["PATH"]},
        )
    shown = b""
    try:
        while part := os.read(terminal, 65536):
            shown += part
    except OSError:  # Linux says so at the end
        pass
    os.waitpid(child, 0)
    os.close(terminal)
    return re.sub(r"\x1b\[[0-9;]*m", "", shown.decode())


def test_a_narrow_terminal_cuts_no_number_no_date_and_drops_no_column(home: Path) -> None:
    draw = random.Random(7)
    values = [
        f"{draw.randrange(10 ** draw.randrange(1, 16))}.{draw.randrange(100):02}::decimal(18,2)"
        if number % 2
        else f"date '{date(2020, 1, 1) + timedelta(draw.randrange(5000))}'"
        for number in range(9)
    ]
    columns = ", ".join(f"{value} as c{number}" for number, value in enumerate(values))
    shown = on_a_terminal(home, 60, f"select {columns}")
    for value in values:
        expected = value.removeprefix("date '").removesuffix("'")
        expected = f"{Decimal(value.partition('::')[0]):,}" if "::" in value else expected
        assert expected in shown
    assert all(f"c{number}" in shown for number in range(9))


def test_a_long_text_goes_on_in_the_next_line(home: Path) -> None:
    text = "A sentence of several words that does not fit into one line of this terminal."
    shown = on_a_terminal(home, 50, f"select 12345678 as n, '{text}' as t, date '2026-01-31' as d")
    assert "12,345,678" in shown
    assert "2026-01-31" in shown
    assert max(map(len, shown.splitlines())) <= 50
    assert [word for word in shown.split() if word in text.split()] == text.split()


def test_a_notebook_gets_frames_with_meaning(home: Path) -> None:
    with pipeledger.open(home) as company:
        frame = company.mart("fct_opportunity_history")
        assert frame.amount.dtype == "float64"
        assert frame.valid_to[0] == date(9999, 12, 31)
        assert frame.stage_order.isna().all()
        assert isinstance(frame.is_won.dtype, pd.BooleanDtype)
        assert frame.attrs == {
            "comment": "One row per opportunity x version. More.",
            "columns": {"amount": "In base currency."},
        }
        assert company.mart("marts.fct_opportunity_history", exact=True).amount[0] == Decimal("12345678901.50")
        assert len(company.as_of("2026-05-05")) == 1
        assert company.as_of(date(2025, 5, 5)).empty
        assert company.sql("select won from rpt_win_rate where quarter = ?", ["=1+1"]).won.tolist() == [-5]
        assert "rpt_win_rate" in set(company.tables().name)
        with pytest.raises(ConfigError, match="`rpt_win_rate`"):
            company.mart("rpt_win")
        with pytest.raises(duckdb.Error):
            company.sql("create table x as select 1")


def test_what_is_open_stays_and_the_next_sees_the_new_file(home: Path) -> None:
    with pipeledger.open(home) as before:
        build(home, "2.00")
        assert before.sql("select amount from fct_opportunity_history").amount[0] == 12345678901.5
        with pipeledger.open(home) as after:
            assert after.sql("select amount from fct_opportunity_history").amount[0] == 2.0


def test_without_a_published_file_the_next_command_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="pipeledger run"):
        pipeledger.open(tmp_path)
    (tmp_path / "broken.duckdb").write_bytes(b"no database")
    with pytest.raises(ConfigError, match="pipeledger build"):
        connect(tmp_path / "broken.duckdb")


@pytest.mark.parametrize("version", [None, "pipeledger 0.0.1"])
def test_whoever_asks_for_what_an_older_file_lacks_is_told_so(
    home: Path, capsys: pytest.CaptureFixture[str], version: str | None
) -> None:
    published = home / "published" / "pipeline.duckdb"
    by = version or "An older version"
    with duckdb.connect(str(published)) as connection:
        if version:
            connection.execute(f"create table marts.about as select '{version}' as version")
    told = f"{by} published the file, {code_version()} reads it: `pipeledger build` publishes what is new since."
    for query in ("select lost from rpt_win_rate", "from rpt_slippage"):
        assert run("sql", query) == 2
        assert told in " ".join(capsys.readouterr().err.split())
    with pipeledger.open(home) as company:
        with pytest.raises(ConfigError, match=r"no table `rpt_slippage`\. .*") as refused:
            company.mart("rpt_slippage")
        assert str(refused.value).endswith(told)
        with pytest.raises(duckdb.BinderException) as wrong:
            company.sql("select lost from rpt_win_rate")
        assert wrong.value.__notes__ == [told]


def test_of_a_file_of_this_version_nobody_is_told_that_it_is_old(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with duckdb.connect(str(home / "published" / "pipeline.duckdb")) as connection:
        connection.execute(f"create table marts.about as select '{code_version()}' as version")
    assert run("sql", "select lost from rpt_win_rate") == 2
    assert "published the file" not in capsys.readouterr().err
    with pipeledger.open(home) as company, pytest.raises(duckdb.BinderException) as wrong:
        company.sql("select lost from rpt_win_rate")
    assert not hasattr(wrong.value, "__notes__")
