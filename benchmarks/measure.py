"""CPU, time and memory of whole processes.

Each step runs in a process of its own, so that its CPU and peak memory are its own and nothing is left warm.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Cost:
    """What a process took: CPU seconds (user and system, all threads), seconds, peak bytes; and its answer."""

    cpu: float
    seconds: float
    memory: int
    answer: Any = None


def step(name: str, **arguments: Any) -> Cost:
    """Runs a function of `benchmarks.steps` in a new process; arguments and answer travel as JSON."""
    text = json.dumps(arguments, default=str)
    cost, output = _run([sys.executable, "-m", "benchmarks.steps", name, text], {}, PROJECT)
    return Cost(cost.cpu, cost.seconds, cost.memory, json.loads(output.splitlines()[-1]))


def command(arguments: Sequence[str | Path], env: Mapping[str, str], folder: Path) -> Cost:
    """Runs any command."""
    return _run(arguments, env, folder)[0]


def _run(arguments: Sequence[str | Path], env: Mapping[str, str], folder: Path) -> tuple[Cost, str]:
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        started = time.monotonic()
        process = subprocess.Popen(arguments, stdout=output, stderr=errors, cwd=folder, env={**os.environ, **env})
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode:
            said = (output.read() + errors.read())[-4000:]
            raise SystemExit(f"{' '.join(map(str, arguments))} ended with {process.returncode}:\n{said}")
        return Cost(usage.ru_utime + usage.ru_stime, seconds, usage.ru_maxrss * 1024), output.read()
