"""Live progress of a run on the terminal: one line per step, source and finding, with row counts.

A Dagster logger turns the run's own log into lines on standard error; standard output stays free for results.
"""

import logging
from typing import TYPE_CHECKING, Any

import dagster as dg
from rich.console import Console

from orchestration.dag.jobs import CAPTURE_STEP
from orchestration.steps.waiting import waiting

if TYPE_CHECKING:
    from dagster._core.execution.context.logger import InitLoggerContext

STEP_NAMES = {
    "build_marts_once": "marts: building",
    "capture_days": "days: landing and capturing",
}
QUIET = (
    "Executing steps",
    "published: ",
)
CONSEQUENCE = "Dependencies for step"  # of a failure that is shown already


class ProgressHandler(logging.Handler):
    """Prints what a person wants to see while waiting."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.DEBUG)
        self.console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record, if it is for people."""
        line = self.line(record)
        if line:
            self.console.print(line, highlight=False, soft_wrap=True)

    def line(self, record: logging.LogRecord) -> str | None:
        """What to print of a record; None for nothing."""
        meta: dict[str, Any] = getattr(record, "dagster_meta", {})
        event = meta.get("dagster_event")
        message = str(meta.get("orig_message") or record.getMessage()).replace("[", "\\[")
        if event is not None:
            return self.event_line(event)
        if message.startswith(CONSEQUENCE):
            return None
        if record.levelno >= logging.ERROR:
            return f"[red]{message}[/red]"
        if record.levelno >= logging.WARNING:
            return f"[yellow]{message}[/yellow]"
        return None if message.startswith(QUIET) or record.levelno < logging.INFO else message

    def event_line(self, event: dg.DagsterEvent) -> str | None:
        """What to print of one of Dagster's own events."""
        if event.event_type == dg.DagsterEventType.STEP_START:
            step = event.step_key or ""
            if step.startswith(CAPTURE_STEP):
                return f"[dim]{step.removeprefix(CAPTURE_STEP)}: landing and capturing[/dim]"
            return f"[dim]{STEP_NAMES[step]}[/dim]" if step in STEP_NAMES else None
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data
            is_error = check.severity == dg.AssetCheckSeverity.ERROR  # warnings come as sentences
            if not check.passed and is_error and check.asset_key.path[0] != "ledger":
                return f"[red]{check.asset_key.path[-1]}: {check.check_name} failed[/red]"
        return None


@dg.logger(config_schema={}, description="Lines for the person who waits.")
def progress_logger(context: "InitLoggerContext") -> logging.Logger:
    """The logger that `pipeledger run` switches on."""
    logger = logging.Logger("pipeledger.progress", logging.DEBUG)
    logger.addHandler(ProgressHandler(waiting.begin()))
    return logger
