"""What a person sees while waiting: one line with what is happening, a bar, the percent and the time left.

On a terminal only, on standard error, and never kept: other lines go above it. It begins before the slow imports.
"""

from __future__ import annotations

import os
import sys

from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text


def terminal() -> Console:
    """A console on standard error that stays, whatever a step does to its streams."""
    return Console(file=os.fdopen(os.dup(sys.stderr.fileno()), "w"), stderr=True)


class Percent(TaskProgressColumn):
    """How much is done, where anybody knows of how much."""

    def render(self, task: Task) -> Text:
        """The percent, or nothing."""
        return Text() if task.total is None else super().render(task)


class Waiting:
    """The line. Nothing happens unless it was begun."""

    def __init__(self) -> None:
        self.console: Console | None = None  # what is printed on it goes above the line
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._of = 0

    def begin(self) -> Console:
        """Show it, if somebody watches; again without effect. The console is for lines that stay."""
        self.console = self.console or terminal()
        if self.console.is_terminal and self._bar is None:
            self._bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=24),
                Percent(),
                TimeRemainingColumn(compact=True, elapsed_when_finished=True),
                console=self.console,
                transient=True,
                redirect_stdout=False,
            )
            self._task = self._bar.add_task("starting", total=None)
            self._bar.start()
        return self.console

    def show(self, text: str, done: int = 0, of: int = 0) -> None:
        """Say what is happening now; with `of`, how much of it is done. Another `of` begins to count anew."""
        if self._bar is None:
            return
        if of != self._of:
            self._of = of
            self._bar.reset(self._task, total=of or None)
        self._bar.update(self._task, description=text, completed=done)

    def end(self) -> None:
        """Take the line away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        self.console = None


waiting = Waiting()
