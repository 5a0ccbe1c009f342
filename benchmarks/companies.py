"""The marts of the companies that the oracles know, kept: `python -m benchmarks.companies FOLDER`.

Builds 200 random companies of two seeds and a tenth of the demo's, as `tests/oracles` does, into
`FOLDER/<company>/warehouse.duckdb`. Made once before a change and once after it, they are what
`python -m benchmarks.compare` compares.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.dbt_project import dbt_build
from tests.oracles import demo_company
from tests.oracles.conftest import COUNT, SETTINGS
from tests.oracles.random_companies import DEFINITIONS, companies

MODELS = ("build", "--resource-type", "model", "--resource-type", "seed")


def main(folder: Path) -> None:
    """Builds all of them; prints each warehouse."""
    with tempfile.TemporaryDirectory() as written:
        known = {f"random-{seed}": (companies(seed, COUNT), dict(DEFINITIONS)) for seed in (1, 2)}
        demo = demo_company.demo_company(Path(written) / "demo.pickle")
        known["demo-tenth"] = ([demo], demo_company.definitions(Path(written)))
    for name, (many, definitions) in known.items():
        home = folder.resolve() / name
        home.mkdir(parents=True)
        done = dbt_build.run(home, many, definitions=definitions, command=MODELS, **SETTINGS)
        if not done.success:
            raise SystemExit(f"{home}: dbt could not build it:\n{done.told[-4000:]}")
        print(home / "warehouse.duckdb", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
