"""What README, CONTRIBUTING and DECISIONS name exists: commands, options, targets, files, modules."""

from __future__ import annotations

import re
import shlex

import pytest
from typer.main import get_command

from orchestration import cli
from tests.docs.printed import ROOT

DOCUMENTS = ("README.md", "CONTRIBUTING.md", "DECISIONS.md", "docs/questions.md", "docs/drill-down.md")
PACKAGES = ("ingestion", "snapshots", "orchestration")


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
        assert link.startswith("https://") or ((ROOT / document).parent / link).exists(), link


def test_readme_names_every_command_and_every_governed_file() -> None:
    named = {words[0] for words in named_commands("README.md")}
    assert named == set(get_command(cli.app).commands)  # type: ignore[attr-defined]
    for file in (ROOT / "dbt_project" / "default_definitions").glob("*.csv"):
        assert f"definitions/{file.name}`" in text("README.md"), file.name


def test_the_layout_names_every_module_and_no_other() -> None:
    layout = text("CONTRIBUTING.md").split("## Layout")[1].split("\n## ")[0]
    for package in PACKAGES:
        section = layout.split(f"| `{package}/` |")[1].split("\n\n")[0]
        named = set(re.findall(r"`([a-z_]+\.py)`", section))
        modules = {file.name for file in (ROOT / package).glob("*.py")} - {"__init__.py"}
        assert named == modules, package
    for folder in re.findall(r"^\| `(models/\w+|macros|default_definitions)/`", layout, re.MULTILINE):
        assert (ROOT / "dbt_project" / folder).is_dir(), folder


def test_all_exit_codes_are_explained() -> None:
    from orchestration.settings.errors import ExitCode

    for code in ExitCode:
        assert f"\n| {int(code)} |" in text("README.md"), code
