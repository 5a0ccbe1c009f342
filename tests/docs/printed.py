"""The documents as blocks of what they print, and a reader who types them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests import forked
from tests.conftest import clean_environment

ROOT = Path(__file__).parents[2]
NOW = "2026-03-03T15:00:00+00:00"
README = "README.md"
OWN_DATA = "Your own data"  # README's section from which on everything is about a company's own files
ON_THE_DEMO = ("docs/bi-tools.md",)  # run on the demo, like README up to that section
ON_OWN_FILES = ("docs/own-data.md", "docs/daily-run.md", "docs/ledger.md")  # run in this order in one home
PAGES = (README, *sorted(page.relative_to(ROOT).as_posix() for page in ROOT.glob("docs/**/*.md")))

_BLOCK = re.compile(r"^## (?P<heading>[^\n]+)$|^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block and the section it stands in."""

    section: str
    language: str
    text: str

    @property
    def lines(self) -> list[str]:
        """Its commands, without comments."""
        return [line.split("  #")[0].rstrip() for line in self.text.splitlines() if line.strip()]


def blocks(document: str) -> list[Block]:
    """The fenced blocks of a document, in order."""
    section, found = "", []
    for match in _BLOCK.finditer((ROOT / document).read_text(encoding="utf-8")):
        if match["heading"]:
            section = match["heading"]
        else:
            found.append(Block(section, match["language"], match["text"]))
    return found


def demo_and_own() -> tuple[list[Block], list[Block]]:
    """README's blocks before and after the section on one's own data begins."""
    found = blocks(README)
    first = next(number for number, block in enumerate(found) if block.section == OWN_DATA)
    return found[:first], found[first:]


@dataclass
class Reader:
    """Somebody who types what the document says, in a folder that looks like the project's."""

    folder: Path

    @classmethod
    def at(cls, folder: Path) -> Reader:
        folder.mkdir(parents=True)
        (folder / ".venv").symlink_to(sys.prefix)
        return cls(folder)

    @classmethod
    def in_a_hurry(cls, folder: Path) -> Reader:
        """Whose commands need not import anything first: those of own files are typed often."""
        folder.mkdir(parents=True)
        forked.environment_at(folder / ".venv")
        return cls(folder)

    def type(self, script: str, expected: int = 0) -> str:
        """Run lines of shell one after the other; the first that fails ends the test."""
        done = subprocess.run(
            ["/bin/bash", "-eu", "-c", script],
            cwd=self.folder,
            env={**clean_environment(), "COLUMNS": "200", "PIPELEDGER_NOW": NOW},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert done.returncode == expected, f"{script}\nexit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout

    def ask(self, query: str) -> list[dict[str, object]]:
        """The answer of the published marts."""
        (self.folder / "query.sql").write_text(query)
        answer: list[dict[str, object]] = json.loads(self.type('.venv/bin/pipeledger sql "$(cat query.sql)" --json'))
        return answer

    def csv(self, query: str) -> str:
        """The answer of the demo's marts."""
        return self.run("sql", query, "--csv")

    def run(self, *arguments: str) -> str:
        """What `pipeledger` says on the demo, which need not import anything first."""
        there = {**clean_environment(), "PIPELEDGER_NOW": NOW, "PIPELEDGER_HOME": ".pipeledger-demo"}
        code, out, err = forked.run(arguments, self.folder, there)
        assert code == 0, f"{arguments}\n{out}\n{err}"
        return out

    def python(self, program: str) -> str:
        """Run a program of the document."""
        (self.folder / "program.py").write_text(program)
        return self.type(".venv/bin/python program.py")
