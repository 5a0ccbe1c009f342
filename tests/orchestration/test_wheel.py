"""The project as a wheel: installed into an environment of its own, it does what it does in its source tree."""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
SHIPPED = ("pipeledger", "ingestion", "snapshots", "reporting", "orchestration", "dbt_project")
MADE_BY_RUNNING = shutil.ignore_patterns("__pycache__", "target", "logs")
DAYS = 20


@dataclass(frozen=True)
class Environment:
    """A virtual environment with the wheel, and an empty folder to work in."""

    bin: Path
    packages: Path
    folder: Path

    def run(self, program: str, *arguments: str, env: Mapping[str, str] | None = None) -> str:
        """What a program of the environment prints; it has to end well."""
        return run([str(self.bin / program), *arguments], self.folder, env)

    def files(self) -> dict[str, tuple[int, int]]:
        """Every file of the installed packages with its size and time; bytecode is Python's own affair."""
        return {
            str(file.relative_to(self.packages)): (file.stat().st_size, file.stat().st_mtime_ns)
            for file in sorted(self.packages.rglob("*"))
            if file.is_file() and "__pycache__" not in file.parts
        }


def run(command: Sequence[str], folder: Path, env: Mapping[str, str] | None = None) -> str:
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("PIPELEDGER", "DAGSTER", "PYTHON"))
    }
    done = subprocess.run(
        command,
        cwd=folder,
        env={**clean, **(env or {})},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Without a network: built with this environment's setuptools, with this environment's dependencies in sight."""
    base = tmp_path_factory.mktemp("wheel")
    source = base / "source"  # a copy, so that nothing an earlier build left behind gets into the wheel
    for name in SHIPPED:
        shutil.copytree(PROJECT / name, source / name, ignore=MADE_BY_RUNNING)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy2(PROJECT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    run([*pip, "wheel", "--no-index", "--no-build-isolation", "--no-deps", "--wheel-dir", ".", "./source"], base)
    (wheel,) = base.glob("*.whl")
    target = base / "env"
    venv.create(target, symlinks=True)
    run([*pip, "--python", str(target / "bin/python"), "install", "--no-index", "--no-deps", str(wheel)], base)
    packages = target / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
    # A folder named in a .pth file is searched, but its own .pth files, such as that of the editable install, are not.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    folder = base / "elsewhere"
    folder.mkdir()
    return Environment(target / "bin", packages, folder)


def shipped_files() -> Iterator[str]:
    for name in SHIPPED:
        for file in (PROJECT / name).rglob("*"):
            parts = file.relative_to(PROJECT).parts
            if file.is_file() and not {"__pycache__", "target", "logs"}.intersection(parts):
                yield "/".join(parts)


def test_every_file_of_the_code_and_of_the_sql_is_in_the_wheel(installed: Environment) -> None:
    expected = set(shipped_files())
    assert len([name for name in expected if name.startswith("dbt_project/")]) > 300
    assert expected <= set(installed.files())
    where = installed.run("python", "-c", "import ingestion, orchestration; print(ingestion.__file__)")
    assert where.strip() == str(installed.packages / "ingestion" / "__init__.py")
    assert installed.run("pipeledger", "--version").startswith("pipeledger ")


# Builds a demo of its own. That every file is in the wheel is seen above; what `demo` does, in `tests/docs`.
@pytest.mark.slow
def test_an_installed_wheel_runs_the_demo_from_any_folder_and_writes_nothing_beside_itself(
    installed: Environment,
) -> None:
    before = installed.files()
    said = installed.run("pipeledger", "demo", "--days", str(DAYS))
    assert f"{installed.bin / 'pipeledger'} sql" in said, "the questions it proposes can be typed here"
    query = "select count(distinct snapshot_date) as days, count(distinct entity) as entities from dim_snapshot"
    answer = installed.run("pipeledger", "sql", query, "--csv", env={"PIPELEDGER_HOME": ".pipeledger-demo"})
    (row,) = csv.DictReader(io.StringIO(answer))
    assert int(row["days"]) == DAYS
    assert int(row["entities"]) > 5
    assert installed.files() == before
    assert [path.name for path in installed.folder.iterdir()] == [".pipeledger-demo"]
