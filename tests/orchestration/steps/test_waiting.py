"""The line that a waiting person sees."""

from __future__ import annotations

import io
import os
import pty
import re
import time
from pathlib import Path

import pytest

from orchestration.steps.waiting import Waiting


def shown(fd: int) -> str:
    """What has come to a terminal, without its control sequences."""
    os.set_blocking(fd, False)
    parts = []
    while True:
        try:
            part = os.read(fd, 65536)
        except OSError:
            break
        if not part:
            break
        parts.append(part)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", b"".join(parts).decode())


def test_a_terminal_sees_what_is_happening_how_much_is_done_and_lines_above_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    master, slave = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    with os.fdopen(slave, "w") as terminal:
        monkeypatch.setattr("sys.stderr", terminal)
        waiting = Waiting()
        console = waiting.begin()
        assert waiting.begin() is console
        assert "starting" in shown(master)
        waiting.show("marts: rpt_[win]", 30, 120)
        console.print("a line that stays")
        seen, end = "", time.monotonic() + 60
        while "25%" not in seen and time.monotonic() < end:  # it is drawn ten times a second
            seen += shown(master)
        assert "a line that stays" in seen
        assert "marts: rpt_[win]" in seen
        assert "25%" in seen
        waiting.show("crm: 2026-03-05")
        waiting.end()
        shown(master)
        waiting.show("nobody sees this")
        assert shown(master) == ""
    os.close(master)


def test_a_file_gets_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "log").open("w") as log:
        monkeypatch.setattr("sys.stderr", log)
        waiting = Waiting()
        console = waiting.begin()
        waiting.show("crm", 1, 2)
        console.print("done")
        waiting.end()
        console.file.flush()
    assert (tmp_path / "log").read_text() == "done\n"
    assert isinstance(console.file, io.TextIOBase)
