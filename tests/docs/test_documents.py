"""What README, CONTRIBUTING, DECISIONS and docs name exists: commands, options, targets, files, headings, modules."""

from __future__ import annotations

import re
import shlex

import pytest
from typer.main import get_command

from orchestration import cli
from tests.docs.printed import PAGES, README, ROOT

DOCUMENTS = ("CONTRIBUTING.md", "DECISIONS.md", *PAGES)
PACKAGES = ("pipeledger", "ingestion", "snapshots", "reporting", "orchestration")


def text(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def named_commands(document: str) -> list[list[str]]:
    """The words behind each `pipeledger` in backticks or at the start of a line of shell."""
    spans = re.findall(r"`((?:\.venv/bin/)?pipeledger [^`\n]+)`", text(document))
    lines = re.findall(r"^\s*(?:\S+=\S+ )?((?:\.venv/bin/)?pipeledger .+)$", text(document), re.MULTILINE)
    return [shlex.split(span)[1:] for span in [*spans, *lines]]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_named_exists_with_its_options(document: str) -> None:
    known = get_command(cli.app).commands  # type: ignore[attr-defined]
    for words in named_commands(document):
        assert words[0] in known, words
        options = {option for parameter in known[words[0]].params for option in parameter.opts}
        for word in words[1:]:
            assert not word.startswith("--") or word.split("=")[0] in options | {"--config", "--debug"}, words


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_target_named_is_in_the_makefile(document: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", text(document), re.MULTILINE))
    assert named <= targets


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_somewhere(document: str) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", text(document)):
        path, _, heading = link.partition("#")
        target = (ROOT / document).parent / path if path else ROOT / document
        assert link.startswith("https://") or target.exists(), link
        if heading and not link.startswith("https://"):
            headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in [re.sub(r"[^a-z0-9 -]", "", name.lower()).replace(" ", "-") for name in headings], link


def test_readme_leads_to_every_page() -> None:
    linked, reached = [README], set[str]()
    while linked:
        page = linked.pop()
        if page in reached or page not in PAGES:
            continue
        reached.add(page)
        targets = [link.partition("#")[0] for link in re.findall(r"\]\((?!https://)([^)]+)\)", text(page))]
        linked += [((ROOT / page).parent / target).resolve().relative_to(ROOT).as_posix() for target in targets]
    assert reached == set(PAGES)


def test_readme_names_each_mart_beside_its_subject() -> None:
    marts = {path.stem: path.parent.name for path in (ROOT / "dbt_project" / "models" / "marts").glob("*/*.sql")}
    subject, named = "", dict[str, str]()
    for begins, tables in re.findall(r"^\| (\w*) ?\| (`(?:dim|fct|rpt)_[^|]+)\|", text(README), re.MULTILINE):
        subject = begins or subject
        named |= dict.fromkeys(re.findall(r"`(\w+)`", tables), subject)
    assert marts
    assert named == marts


def test_every_command_and_every_governed_file_is_named() -> None:
    named = {words[0] for words in named_commands("docs/daily-run.md")}
    assert named == set(get_command(cli.app).commands)  # type: ignore[attr-defined]
    for file in (ROOT / "dbt_project" / "default_definitions").glob("*.csv"):
        assert f"definitions/{file.name}`" in text("docs/own-data.md"), file.name


def test_the_layout_names_every_module_and_no_other() -> None:
    layout = text("CONTRIBUTING.md").split("## Layout")[1].split("\n## ")[0]
    for package in PACKAGES:
        section = layout.split(f"| `{package}/` |")[1].split("\n\n")[0]
        named = set(re.findall(r"`([a-z_]+\.py)`", section))
        modules = {file.name for file in (ROOT / package).glob("*.py")} - {"__init__.py"}
        assert named == modules, package
        for room, says in re.findall(r"^\| `(\w+)/` \|(.*)\|$", section, re.MULTILINE):
            modules = {file.stem for file in (ROOT / package / room).glob("*.py")} - {"__init__"}
            assert modules, room
            assert modules <= set(re.findall(r"`(\w+)`", says)), room
    for folder in re.findall(r"^\| `(models/\w+|macros|default_definitions)/`", layout, re.MULTILINE):
        assert (ROOT / "dbt_project" / folder).is_dir(), folder


def test_all_exit_codes_are_explained() -> None:
    from orchestration.settings.errors import ExitCode

    for code in ExitCode:
        assert f"\n| {int(code)} |" in text("docs/daily-run.md"), code
