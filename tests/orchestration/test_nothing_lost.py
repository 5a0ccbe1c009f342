"""A run that is killed at any step, and run again, leaves what a run leaves that was never interrupted."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tests.conftest import clean_environment
from tests.orchestration.conftest import NEXT_DAY, Desk, Step, with_next_day

DIE = "import os, signal\ndef die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)\n"
KILLED_AT = {
    "before anything has landed": "import ingestion.landing as at\nat._load = die",
    "between landing and capture": "import orchestration.steps.capture as at\nat.capture = die",
    "between the Parquet file and the Delta commit": "import snapshots.place as at\nat.put_if_absent = die",
    "between the Delta commit and the interval cache": """
import snapshots.capture as at
at._SourceCapture._advance = die""",
    "inside the transaction of the interval cache": """
import snapshots.capture as at
at.store_version = die""",
    "while dbt builds": """
import threading, time, orchestration.steps.build as at
before = at.before_build
def then_die(settings):
    before(settings)
    threading.Thread(target=lambda: (time.sleep(6), die()), daemon=True).start()
at.before_build = then_die""",
    "while the file is published": "import orchestration.steps.publish as at\nat.put_in_place = die",
}


def marts(desk: Desk) -> dict[str, list[tuple[object, ...]]]:
    """Every published mart, without the instants at which this machine extracted and published it."""
    with duckdb.connect(str(desk.home / "published" / "pipeline.duckdb"), read_only=True) as con:
        names = con.execute(
            "select table_name from duckdb_tables() where schema_name = 'marts' and table_name <> 'about'"
        ).fetchall()
        return {
            name: con.execute(
                f"select {'* exclude (captured_at)' if name == 'dim_snapshot' else '*'} from marts.{name} order by all"
            ).fetchall()
            for (name,) in names
        }


def ledger(desk: Desk) -> list[tuple[object, ...]]:
    """The rows of every day of the ledger, as any engine would read them."""
    from deltalake import DeltaTable

    with duckdb.connect() as con:
        found: list[tuple[object, ...]] = []
        for log in sorted((desk.home / "ledger").glob("*/*/_delta_log")):
            files = DeltaTable(log.parent).file_uris()
            rows = con.execute(
                "select * from read_parquet(?, hive_partitioning = true, union_by_name = true) order by all", [files]
            ).fetchall()
            found += [(log.parent.name, *row) for row in rows]
        return found


# A run of a day, twice, for each; `tests/snapshots/test_crash.py` kills captures at each of their points every time.
@pytest.mark.slow
@pytest.mark.xdist_group("nothing_lost")
@pytest.mark.parametrize("point", KILLED_AT)
def test_a_killed_run_is_made_good_by_the_next(first_days: Step, next_day: Step, tmp_path: Path, point: str) -> None:
    desk = with_next_day(first_days, tmp_path / "desk")
    published_before = marts(desk)
    script = (
        f"{DIE}{KILLED_AT[point]}\nimport sys\nfrom orchestration.cli import main\nsys.argv[0] = 'pipeledger'\nmain()"
    )
    killed = subprocess.run(
        [sys.executable, "-c", script, "run", "--date", NEXT_DAY],
        cwd=desk.folder,
        env=clean_environment(),
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert marts(desk) == published_before
    again = desk.run("run", "--date", NEXT_DAY)
    assert again.code == 0, again.err
    assert ledger(desk) == ledger(next_day.desk)
    assert marts(desk) == marts(next_day.desk)
    assert desk.run("verify").code == 0
