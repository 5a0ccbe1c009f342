"""The block for the small company: what each command costs on a home whose data hardly matters.

CSV drops of 75 days in two sources, captured and built as their owner would; then every command in a process of its
own, its children counted; and what a further model adds to a build. Alone:
`python -m benchmarks.bench --only small [--sizes 100]`; and `python -m benchmarks.small FOLDER [SIZE]` makes such a
home and leaves it there, to try commands on.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.company import day_of
from benchmarks.groups import groups
from benchmarks.measure import PROJECT, Cost, command, step

DAYS = 75
REPEATS = 3
SIZES = (100, 5_000, 50_000)
PIPELEDGER = Path(sys.executable).with_name("pipeledger")
IMPORTS = "import dagster, dagster_dbt, dbt.cli.main, dlt"
FURTHER_MODELS = 40
WITH_FURTHER = "build with further models"
RUN = "run of a further day"
OF_FIRST_MARTS = "with the first 22 marts"
FROM_SELECTED = (
    "import sys; from functools import partial; "
    "from orchestration.cli import main; from orchestration.steps import held; "
    "held.build_models = partial(held.build_models, select=sys.argv.pop(1).split()); main()"
)
COPIED = "intermediate/accounts/int_account_segment_intervals.sql"  # a table of the usual length, 122 lines
PACKAGES = ("dbt_project", "ingestion", "orchestration", "reporting", "snapshots")
QUERY = "select segment, count(*) from fct_opportunity_current group by all"
TOML = """
[company]
time_zone = "UTC"

[sources.crm]
type = "files"
path = "exports/crm"

[sources.billing]
type = "files"
path = "exports/billing"
"""


@dataclass(frozen=True)
class SmallHome:
    """A folder with settings, exports and a home, as a small company has it."""

    folder: Path

    def make(self, size: int) -> Cost:
        """Writes the drops of `DAYS` days and of those that `costs` adds, and runs the former; gives its cost."""
        self.folder.mkdir(parents=True)
        (self.folder / "pipeledger.toml").write_text(TOML.lstrip())
        step("drops", folder=self.folder / "exports", size=size, days=DAYS + 2 * REPEATS)
        return self.run("run", "--from", str(day_of(0)), "--to", str(day_of(DAYS - 1)))

    def run(self, *arguments: str, program: Sequence[str | Path] = (PIPELEDGER,), path: str = "") -> Cost:
        """Runs `pipeledger` here, or another `program` that finds its packages in `path` first."""
        environment = {
            "PYTHONPATH": path,
            "PIPELEDGER_HOME": str(self.folder / ".pipeledger"),
            "PIPELEDGER_CONFIG": "",
            "DO_NOT_TRACK": "1",
        }
        return command([*program, *arguments], environment, self.folder)

    def run_first_marts(self, *arguments: str) -> Cost:
        """Runs `pipeledger`, but builds the marts alone that stood when the goals were set, with all that they read and
        every test of these; all marts are published, the later ones as they were."""
        selected = " ".join(f"+{mart}" for mart in sorted(groups()["first"]))
        return self.run(*arguments, program=(sys.executable, "-c", FROM_SELECTED, selected))

    def build_with_further_models(self) -> list[Cost]:
        """Builds as often as `costs` does, by a copy of the project that has `FURTHER_MODELS` more, parsed before."""
        copy = self.folder / "project"
        for package in PACKAGES:
            shutil.copytree(PROJECT / package, copy / package, ignore=shutil.ignore_patterns("target", "__pycache__"))
        model = copy / "dbt_project/models" / COPIED
        for number in range(FURTHER_MODELS):
            shutil.copy(model, model.with_name(f"int_further_{number}.sql"))
        program = (sys.executable, "-c", "from orchestration.cli import main; main()")
        return [self.run("build", program=program, path=str(copy)) for _ in range(1 + REPEATS)][1:]


def costs(folder: Path, size: int) -> Iterator[tuple[str, list[Cost]]]:
    """Each command with its costs, `REPEATS` times where it can be repeated; the imports of its libraries first."""
    yield (
        "bare imports of dagster, dbt and dlt",
        [command([sys.executable, "-c", IMPORTS], {}, folder) for _ in range(REPEATS)],
    )
    home = SmallHome(folder / "small")
    yield f"run of the first {DAYS} days", [home.make(size)]
    yield "build", [home.run("build") for _ in range(REPEATS)]
    yield f"build {OF_FIRST_MARTS}", [home.run_first_marts("build") for _ in range(REPEATS)]
    if size == min(SIZES):
        yield WITH_FURTHER, home.build_with_further_models()
    days = [("run", "--date", str(day_of(DAYS + further))) for further in range(2 * REPEATS)]
    yield RUN, [home.run(*day) for day in days[:REPEATS]]
    yield f"{RUN} {OF_FIRST_MARTS}", [home.run_first_marts(*day) for day in days[REPEATS:]]
    for name, arguments in (("sql", (QUERY,)), ("status", ()), ("doctor", ())):
        yield name, [home.run(name, *arguments) for _ in range(REPEATS)]


if __name__ == "__main__":
    at, size = Path(sys.argv[1]).resolve(), int(sys.argv[2]) if len(sys.argv) > 2 else min(SIZES)
    print(SmallHome(at).make(size))
