"""README's queries, commands, programs and settings, run as they are printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ingestion.entities import LANDED
from orchestration.commands import demo
from orchestration.settings.config import SOURCE_TYPES
from orchestration.settings.settings import load_settings
from orchestration.steps.sources import build_source
from tests.docs.printed import ROOT, Block, Reader, blocks, demo_and_own

pytestmark = pytest.mark.xdist_group("docs")

# What no test can run, and why.
NOT_RUN = {
    "make demo": "540 days; the fixture does the same with fewer",
    "make test": "this is a part of it",
    ".venv/bin/pipeledger ui": "runs until somebody stops it",
    ".venv/bin/pipeledger run --from 2026-03-01 --to 2026-03-02": "the demo is such a range; each build takes a while",
}
SYSTEMS = "Your own systems"
BEFORE_OWN_DATA, OWN_DATA = demo_and_own("README.md")
DOCUMENTS = ("README.md", "docs/questions.md")
QUERIES = [block.text for document in DOCUMENTS for block in blocks(document) if block.language == "sql"]

DEALS = {
    "2026-03-02": ["1,A1,Proposal,100.00,rep", "2,A1,Proposal,300.00,rep", "3,A2,Negotiation,900.00,rep"],
    "2026-03-03": ["1,A1,Proposal,100.00,rep", "2,A1,Closed Won,300.00,rep"],
}


def commands(parts: list[Block]) -> str:
    """The shell commands of some blocks that can be run."""
    lines = [line for block in parts if block.language == "sh" for line in block.lines]
    return "\n".join(line for line in lines if line not in NOT_RUN)


def test_what_is_not_run_is_in_the_document() -> None:
    lines = {line for block in blocks("README.md") for line in block.lines}
    assert set(NOT_RUN) <= lines


def test_every_block_is_of_a_kind_that_is_run_or_a_picture() -> None:
    others = [block.text for block in blocks("README.md") if block.language not in ("sh", "sql", "python", "toml")]
    assert [text for text in others if "pipeledger" in text] == [text for text in others if "* * *" in text]
    assert len(QUERIES) >= 10


@pytest.mark.parametrize("query", QUERIES, ids=[f"question {number}" for number in range(1, len(QUERIES) + 1)])
def test_every_question_has_an_answer(demo: Reader, query: str) -> None:
    (demo.folder / "query.sql").write_text(query)
    answer = demo.type('PIPELEDGER_HOME=.pipeledger-demo .venv/bin/pipeledger sql "$(cat query.sql)" --csv')
    assert len(answer.splitlines()) > 1, query


@pytest.mark.parametrize(("question", "query"), demo.QUERIES)
def test_every_question_that_the_demo_prints_has_an_answer(demo: Reader, question: str, query: str) -> None:
    answer = demo.type(f'PIPELEDGER_HOME=.pipeledger-demo .venv/bin/pipeledger sql "{query}" --csv')
    assert len(answer.splitlines()) > 1, question


def test_commands_on_the_demo(demo: Reader) -> None:
    shown = demo.type(commands(BEFORE_OWN_DATA))
    assert "fct_opportunity_current" in shown
    assert "days_in_stage" in shown


def test_programs_on_the_demo(demo: Reader) -> None:
    for block in BEFORE_OWN_DATA:
        if block.language == "python":
            assert "0 rows" not in demo.python(block.text)


def test_the_tables_described_are_those_published(demo: Reader) -> None:
    text = (ROOT / "README.md").read_text()
    described = text[text.index("| table | one row") :].split("\n\n")[0]
    named = set(re.findall(r"`((?:dim|fct|rpt)_\w+)`", described))
    published = demo.type('PIPELEDGER_HOME=.pipeledger-demo .venv/bin/pipeledger sql "show tables" --csv')
    assert named == set(published.split()[1:])


def test_the_demo_is_sound(demo: Reader) -> None:
    demo.type(
        """
        export PIPELEDGER_HOME=.pipeledger-demo
        .venv/bin/pipeledger doctor
        .venv/bin/pipeledger status
        .venv/bin/pipeledger verify
        """
    )


def test_own_data_from_the_first_day_to_a_restored_backup(tmp_path: Path) -> None:
    reader = Reader.at(tmp_path / "project")
    write_exports(reader.folder / "exports" / "crm")
    history = "select * from fct_opportunity_history order by opportunity_id, valid_from"
    before = None
    for block in OWN_DATA:
        if block.section == SYSTEMS:
            continue  # vendors cannot be asked from here: see below
        if block.language == "toml":
            (reader.folder / "pipeledger.toml").write_text(block.text)
        elif block.language == "python":
            assert "0 rows" not in reader.python(block.text)
        elif block.language == "sh" and block.text.startswith("tar x"):
            before = reader.ask(history)
            restored = Reader.at(tmp_path / "restored")
            (reader.folder / "backup.tar.gz").rename(restored.folder / "backup.tar.gz")
            reader = restored
            reader.type(commands([block]))
        elif block.language == "sh":
            reader.type(commands([block]))
    assert before is not None
    assert [(row["stage"], row["amount"]) for row in before] == [("Proposal", "100.00"), ("Closed Won", "300.00")]
    assert reader.ask(history) == before


def test_systems_are_set_up_as_described(tmp_path: Path) -> None:
    reader = Reader.at(tmp_path / "project")
    setup, settings = (block for block in OWN_DATA if block.section == SYSTEMS)
    assert "pipeledger.toml" in reader.type(setup.text)
    written = reader.folder / "pipeledger.toml"
    assert "SOURCES__SF__CLIENT_SECRET" in written.read_text()
    written.write_text(f'[company]\ntime_zone = "America/New_York"\n{settings.text}')
    loaded = load_settings(written, {"PIPELEDGER_HOME": str(tmp_path / "home")})
    for source in loaded.config.enabled:
        assert build_source(source, loaded).entities
        text = (ROOT / "README.md").read_text()
        for key, what in SOURCE_TYPES[source.type].secrets.items():
            assert f"SOURCES__{source.name}__{key}".upper() in text or what.startswith("instead of")
    assert {source.type for source in loaded.config.enabled} == set(LANDED) - {"files", "demo"}


def write_exports(folder: Path) -> None:
    """The files that README's settings describe: deals and companies, one file a day."""
    for day, lines in DEALS.items():
        for name, header, rows in (
            ("deals", "Deal ID,Account,Deal Stage,Close Value,Owner", lines),
            ("companies", "Company ID,Name,Size", ["A1,Alder,SMB", "A2,Birch,Enterprise"]),
        ):
            file = folder / name / f"{day}.csv"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("\n".join([header, *rows]) + "\n")
