"""A full disk is one sentence, whichever library met it first."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from orchestration.settings.errors import is_disk_full
from tests.orchestration.conftest import Desk

WRITERS = {
    "python": "open(path, 'wb', buffering=0).write(bytes(2**20)); open(path, 'ab', buffering=0).write(bytes(9))",
    "sqlite": "import sqlite3; con = sqlite3.connect(path); con.execute('create table t (b blob)'); "
    "con.execute('insert into t values (zeroblob(1000000))'); con.commit()",
    "duckdb": "import duckdb; con = duckdb.connect(path); "
    "con.execute('create table t as select uuid() from range(100000)'); con.execute('checkpoint')",
    "delta": "import pyarrow as pa, deltalake, os; os.mkdir(path); "
    "deltalake.write_deltalake(path, pa.table({'a': [os.urandom(1000).hex() for _ in range(1000)]}))",
}
LIMITED = """
import resource, sys
from orchestration.settings.errors import is_disk_full
path = sys.argv[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
try:
    {}
except BaseException as error:
    print(is_disk_full(error), type(error).__name__, error)
"""


@pytest.mark.parametrize("writer", WRITERS)
def test_whoever_writes_says_in_its_own_words_that_the_disk_is_full(tmp_path: Path, writer: str) -> None:
    program = LIMITED.format(WRITERS[writer])
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "file")], capture_output=True, text=True)
    assert done.stdout.startswith("True"), (done.stdout, done.stderr)


def test_a_full_disk_is_found_behind_other_errors_and_nothing_else_is_taken_for_one() -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    outer = ValueError("could not load")
    outer.__cause__ = full
    assert is_disk_full(outer)
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    assert not is_disk_full(one)
    assert not is_disk_full(OSError(errno.EACCES, "Permission denied"))
    assert not is_disk_full(None)


def test_a_run_on_a_full_disk_ends_in_one_sentence(desk: Desk) -> None:
    desk.drop_opportunities("2026-03-05")
    done = subprocess.run(
        ["/bin/bash", "-c", f"ulimit -f 64; exec {Path(sys.executable).with_name('pipeledger')} run --date 2026-03-05"],
        cwd=desk.folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(desk.folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    said = f"{done.stdout}{done.stderr}".strip().splitlines()
    assert "the disk is full" in said[-1]
    assert "should not happen" not in done.stderr
    assert "Traceback" not in done.stderr
