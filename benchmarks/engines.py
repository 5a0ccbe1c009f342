"""The block for the engine: one build of the same home in DuckDB and in Spark, on the same cores.

Needs `make setup-spark` and Java 17. Alone: `python -m benchmarks.bench --only engines [--sizes 100]`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Cost
from benchmarks.small import SmallHome

SPARK = """
[engine]
memory = "4g"

[engine.spark]
"spark.sql.shuffle.partitions" = "2"
"""
"""One partition for each core, and memory for the largest size."""


def builds(folder: Path, size: int) -> Iterator[tuple[str, Cost]]:
    """Each engine with what its build took, the processes of Spark's own included."""
    home = SmallHome(folder / "engines")
    home.make(size)
    with (home.folder / "pipeledger.toml").open("a") as settings:
        settings.write(SPARK)
    for engine in ("duckdb", "spark"):
        yield engine, home.run("build", "--target", engine)
