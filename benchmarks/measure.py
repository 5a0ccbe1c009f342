"""CPU, time and memory of whole processes.

Each step runs in a process of its own, so that its CPU and peak memory are its own and nothing is left warm. Processes
that it starts count, too; on Linux also those that outlive it, as Spark's does.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[1]
PR_SET_CHILD_SUBREAPER = 36
"""Of `prctl(2)`: orphans of a process below this one become its children, so that it can wait for them."""


@dataclass(frozen=True)
class Cost:
    """What a process took: CPU seconds (user and system, all threads), seconds, peak bytes of the largest process; and
    its answer."""

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
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
        started = time.monotonic()
        process = subprocess.Popen(
            arguments, stdout=output, stderr=errors, cwd=folder, env={**os.environ, **env}, process_group=0
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.monotonic() - started
            usages = [usage, *_orphans(process.pid)]
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode:
            said = (output.read() + errors.read())[-4000:]
            raise SystemExit(f"{' '.join(map(str, arguments))} ended with {process.returncode}:\n{said}")
        cpu = sum(each.ru_utime + each.ru_stime for each in usages)
        return Cost(cpu, seconds, max(each.ru_maxrss for each in usages) * 1024), output.read()


def _orphans(group: int) -> Iterator[resource.struct_rusage]:
    """What the processes took that the first of their `group` left behind, when each of them has ended."""
    while True:
        try:
            yield os.wait4(-group, 0)[2]
        except ChildProcessError:
            return
