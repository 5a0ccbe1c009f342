"""The block for the engine: one build of the same home in DuckDB and in Spark, on the same cores.

A small company is built by `pipeledger build`. A large one has 1,095 days, and its first marts are built, by the same
steps, without tests. Needs `make setup-spark` and Java 17. Alone:
`python -m benchmarks.bench --only engines [--sizes 100]`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.company import DAYS
from benchmarks.groups import groups
from benchmarks.measure import Cost, step
from benchmarks.small import TOML, SmallHome
from orchestration.settings.config import ENGINES

LARGE = 100_000
"""From how many opportunities on a company is a large one."""
SPARK = """
[engine]
memory = "4g"

[engine.spark]
"spark.sql.shuffle.partitions" = "2"
"""
"""One partition for each core, and memory for the largest size."""


def builds(folder: Path, size: int) -> Iterator[tuple[str, Cost]]:
    """Each engine with what its build took, the processes of Spark's own included."""
    if size >= LARGE:
        yield from _large_builds(folder, size)
        return
    home = SmallHome(folder / "engines")
    home.make(size)
    with (home.folder / "pipeledger.toml").open("a") as settings:
        settings.write(SPARK)
    for engine in ENGINES:
        yield engine, home.run("build", "--target", engine)


def _large_builds(folder: Path, size: int) -> Iterator[tuple[str, Cost]]:
    changed, home = folder / "changes.parquet", folder / "large"
    step("changes_file", file=changed, size=size, last=DAYS)
    step("history", home=home, first=0, changed=changed, size=size, last=DAYS - 1)
    (home / "pipeledger.toml").write_text(TOML + SPARK)
    step("prepare", home=home)
    for engine in ENGINES:
        yield engine, step("build_in", home=home, engine=engine, marts=sorted(groups()["first"]))
