"""The queries, commands, programs and settings of README and docs, run as they are printed."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from ingestion.source import landed_name
from ingestion.source_types import DIALECT, LANDED, LAYOUT, SOURCE_TYPES
from orchestration.commands import demo
from orchestration.settings.config import load_config
from orchestration.settings.settings import load_settings
from orchestration.steps.sources import build_source
from tests.docs.printed import NOW, ON_OWN_FILES, ON_THE_DEMO, PAGES, README, ROOT, Block, Reader, blocks, demo_and_own
from tests.exports import real_exports
from tests.orchestration.conftest import Desk
from tests.orchestration.test_cli import published as marts_of

pytestmark = pytest.mark.xdist_group("docs")

# What no test can run, and why.
NOT_RUN = {
    "make demo": "540 days; the fixture does the same with fewer",
    "make test": "this is a part of it",
    ".venv/bin/pipeledger ui": "runs until somebody stops it",
    ".venv/bin/pipeledger run --from 2026-03-01 --to 2026-03-02": "the demo is such a range; each build takes a while",
}
SYSTEMS = "Your own systems"
EXPORT = "An export, in three commands"
README_ON_THE_DEMO, README_ON_OWN_DATA = demo_and_own()
DEMO = [*README_ON_THE_DEMO, *(block for page in ON_THE_DEMO for block in blocks(page))]
OWN_FILES = [block for page in ON_OWN_FILES for block in blocks(page)]
UNTRIED = {"docs/deploy.md"}  # it needs a server with systemd, or a container engine, and says so
QUERIES = [block.text for page in (README, "docs/questions.md") for block in blocks(page) if block.language == "sql"]
SOURCE_PAGES = [page for page in PAGES if page.startswith("docs/sources/")]

DEALS = {
    "2026-03-02": ["1,A1,Proposal,100.00,rep", "2,A1,Proposal,300.00,rep", "3,A2,Negotiation,900.00,rep"],
    "2026-03-03": ["1,A1,Proposal,100.00,rep", "2,A1,Closed Won,300.00,rep"],
}


def commands(parts: list[Block]) -> str:
    """The shell commands of some blocks that can be run."""
    lines = [line for block in parts if block.language == "sh" for line in block.lines]
    return "\n".join(line for line in lines if line not in NOT_RUN)


def test_what_is_not_run_is_printed_somewhere() -> None:
    lines = {line for page in PAGES for block in blocks(page) for line in block.lines}
    assert set(NOT_RUN) <= lines


def test_every_block_is_of_a_kind_that_is_run_or_a_picture() -> None:
    others = [
        block.text
        for page in PAGES
        for block in blocks(page)
        if block.language not in ("sh", "sql", "python", "toml") and page not in UNTRIED
    ]
    assert [text for text in others if "pipeledger" in text] == [text for text in others if "* * *" in text]
    assert len(QUERIES) >= 10


def test_every_block_stands_on_a_page_that_a_test_runs() -> None:
    with_blocks = {page for page in PAGES if blocks(page)}
    elsewhere = {"docs/questions.md", "docs/drill-down.md", "docs/scale.md"}  # each in a file of its own
    assert with_blocks == {README, *ON_THE_DEMO, *ON_OWN_FILES, *elsewhere, *SOURCE_PAGES, *UNTRIED}


@pytest.mark.slow  # it is of all days of the demo
def test_the_answer_that_readme_prints(demo: Reader) -> None:
    position = next(number for number, block in enumerate(README_ON_THE_DEMO) if block.language == "sql")
    question, answer = README_ON_THE_DEMO[position : position + 2]
    assert f"A demo that was made on {NOW[:10]} answers:" in (ROOT / README).read_text(encoding="utf-8")
    (demo.folder / "query.sql").write_text(question.text)
    printed = demo.type('PIPELEDGER_HOME=.pipeledger-demo .venv/bin/pipeledger sql "$(cat query.sql)"')
    assert [line.rstrip() for line in printed.splitlines()] == answer.text.splitlines()


@pytest.mark.parametrize("query", QUERIES, ids=[f"question {number}" for number in range(1, len(QUERIES) + 1)])
def test_every_question_has_an_answer(demo: Reader, query: str) -> None:
    assert len(demo.csv(query).splitlines()) > 1, query


@pytest.mark.parametrize(("question", "query"), demo.QUERIES)
def test_every_question_that_the_demo_prints_has_an_answer(demo: Reader, question: str, query: str) -> None:
    assert len(demo.csv(query).splitlines()) > 1, question


def test_commands_on_the_demo(demo: Reader) -> None:
    shown = demo.type(commands(DEMO))
    assert "fct_opportunity_current" in shown
    assert "days_in_stage" in shown


def test_programs_on_the_demo(demo: Reader) -> None:
    programs = [block for block in DEMO if block.language == "python"]
    assert programs
    for program in programs:
        assert "0 rows" not in demo.python(program.text)


def test_the_tables_described_are_those_published(demo: Reader) -> None:
    text = (ROOT / README).read_text(encoding="utf-8")
    described = text[text.index("| table | one row") :].split("\n\n")[0]
    named = set(re.findall(r"`(about|(?:dim|fct|rpt)_\w+)`", described))
    assert named == set(demo.csv("show tables").split()[1:])


def test_the_demo_is_sound(demo: Reader) -> None:
    demo.run("doctor")
    demo.run("status")


# Half a minute for 540 days; what `verify` finds is asked of small ledgers in tests/orchestration/test_cli.py.
@pytest.mark.slow
def test_every_day_of_the_demo_verifies(demo: Reader) -> None:
    demo.type("PIPELEDGER_HOME=.pipeledger-demo .venv/bin/pipeledger verify")


def test_own_data_in_short(tmp_path: Path) -> None:
    """README's few lines, on a file that needs no mapping. `run` is typed on the files of docs/own-data.md alone."""
    lines = [line for block in README_ON_OWN_DATA for line in block.lines if block.language == "sh"]
    assert set(lines) <= {line for block in blocks("docs/own-data.md") for line in block.lines}
    *setup, run = lines
    assert run == ".venv/bin/pipeledger run"
    reader = Reader.in_a_hurry(tmp_path / "project")
    exports = reader.folder / "exports" / "crm"
    exports.mkdir(parents=True)
    (exports / "opportunity.csv").write_text("opportunity_id,stage,amount,close_date\n1,Proposal,100.00,2026-03-31\n")
    assert "source crm: 1 entities, newest day 2026-03-03" in reader.type("\n".join(setup))


def test_own_data_from_the_first_day_to_a_restored_backup(tmp_path: Path) -> None:
    reader = Reader.in_a_hurry(tmp_path / "project")
    write_exports(reader.folder / "exports" / "crm")
    history = "select * from fct_opportunity_history order by opportunity_id, valid_from"
    before, marts = None, None
    for block in OWN_FILES:
        if block.section in (SYSTEMS, EXPORT):
            continue  # vendors cannot be asked from here, and an export has a home of its own: see below
        if block.language == "toml":
            settings = reader.folder / "pipeledger.toml"  # a page may show all of it, or a table to add
            before_it = "" if block.text.startswith("[company]") else settings.read_text() + "\n"
            settings.write_text(before_it + block.text)
        elif block.language == "python":
            assert "0 rows" not in reader.python(block.text)
        elif block.language == "sh" and block.text.startswith("tar x"):
            before, marts = reader.ask(history), marts_of(Desk(reader.folder))
            restored = Reader.in_a_hurry(tmp_path / "restored")
            (reader.folder / "backup.tar.gz").rename(restored.folder / "backup.tar.gz")
            reader = restored
            reader.type(commands([block]))
        elif block.language == "sh":
            reader.type(commands([block]))
    assert before is not None
    assert [(row["stage"], row["amount"]) for row in before] == [("Proposal", "100.00"), ("Closed Won", "300.00")]
    assert reader.ask(history) == before
    assert marts_of(Desk(reader.folder)) == marts


# A build of its own; the others of such files are in `tests/orchestration/test_first_number.py`.
@pytest.mark.slow
def test_an_export_in_three_commands(tmp_path: Path) -> None:
    reader = Reader.in_a_hurry(tmp_path / "project")
    (reader.folder / "exports").mkdir()
    deals = real_exports.deals()
    real_exports.salesforce_report(reader.folder / "exports" / "report.csv", deals)
    [three] = [block for block in OWN_FILES if block.section == EXPORT and block.language == "sh"]
    assert len(three.lines) == 3
    reader.type(commands([three]))
    answer = reader.ask("select sum(amount) as amount, count(*) as deals from fct_opportunity_current where is_open")
    assert [(row["amount"], row["deals"]) for row in answer] == [
        (str(real_exports.total(deals, real_exports.OPEN)), sum(deal.stage in real_exports.OPEN for deal in deals))
    ]


def test_the_settings_of_an_export_are_accepted(tmp_path: Path) -> None:
    [settings] = [block.text for block in OWN_FILES if block.section == EXPORT and block.language == "toml"]
    written = tmp_path / "pipeledger.toml"
    written.write_text(f'[company]\ntime_zone = "Europe/Berlin"\n{settings}')
    source = load_config(written, {}).sources["crm"]
    assert {*LAYOUT, *DIALECT} - {"sheet"} <= tomllib.loads(settings)["sources"]["crm"].keys()
    assert source.entity("account").dialect == source.entity("opportunity").dialect
    assert source.entity("account").is_distinct
    assert [landed_name(name) for name in ("Betrag", "Betrag (EUR)")] == list(
        source.entity("opportunity").landed["amount"]
    )


def test_systems_are_set_up_as_described(tmp_path: Path) -> None:
    reader = Reader.in_a_hurry(tmp_path / "project")
    setup, settings = (block for block in OWN_FILES if block.section == SYSTEMS)
    assert "pipeledger.toml" in reader.type(setup.text)
    written = reader.folder / "pipeledger.toml"
    assert "SOURCES__SF__CLIENT_SECRET" in written.read_text()
    written.write_text(f'[company]\ntime_zone = "America/New_York"\n{settings.text}')
    loaded = load_settings(written, {"PIPELEDGER_HOME": str(tmp_path / "home")})
    for source in loaded.config.enabled:
        assert build_source(source, loaded).entities
        text = (ROOT / "docs/own-data.md").read_text(encoding="utf-8")
        for key, what in SOURCE_TYPES[source.type].secrets.items():
            assert f"SOURCES__{source.name}__{key}".upper() in text or what.startswith("instead of")
    assert {source.type for source in loaded.config.enabled} == set(LANDED) - {"files", "demo"}


@pytest.mark.parametrize("page", SOURCE_PAGES)
def test_the_settings_of_a_source_are_accepted(tmp_path: Path, page: str) -> None:
    [settings] = [block.text for block in blocks(page) if block.language == "toml"]
    with_all_options = re.sub(r"^# (?=\w+ = )", "", settings, flags=re.MULTILINE)
    assert with_all_options != settings
    written = tmp_path / "pipeledger.toml"
    for text in (settings, with_all_options):
        written.write_text(f'[company]\ntime_zone = "America/New_York"\n{text}')
        loaded = load_settings(written, {"PIPELEDGER_HOME": str(tmp_path / "home")})
        [source] = loaded.config.enabled
        assert build_source(source, loaded).entities
    printed = (ROOT / page).read_text(encoding="utf-8")
    for key in SOURCE_TYPES[source.type].secrets:
        assert f"SOURCES__{source.name}__{key}".upper() in printed or f"`{key}`" in printed


def write_exports(folder: Path) -> None:
    """The files that the settings of docs/own-data.md describe: deals and companies, one file a day."""
    for day, lines in DEALS.items():
        for name, header, rows in (
            ("deals", "Deal ID,Account,Deal Stage,Close Value,Owner", lines),
            ("companies", "Company ID,Name,Size", ["A1,Alder,SMB", "A2,Birch,Enterprise"]),
        ):
            file = folder / name / f"{day}.csv"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("\n".join([header, *rows]) + "\n")
