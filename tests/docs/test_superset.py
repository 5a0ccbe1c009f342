"""The pack for Superset: it says what the published file says, and a real Superset shows what the marts say."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.commands.superset import CHARTS, METRICS, write_pack
from orchestration.settings.errors import ConfigError
from reporting.published import open_published

# What the package names, and what it needs besides.
PACKAGES = ("apache-superset==6.1.0", "duckdb-engine", "rich", "cachetools", "flask-caching<2.4")
BROWSER = shutil.which("chromium")
SETTINGS = """
SECRET_KEY = "only-for-this-test-{folder}"
SQLALCHEMY_DATABASE_URI = "sqlite:///{folder}/superset.db"
AUTH_ROLE_PUBLIC = "Admin"  # no login
TALISMAN_ENABLED = False
WTF_CSRF_ENABLED = False
"""


@pytest.fixture
def pack(published: Path, tmp_path: Path) -> Path:
    target = tmp_path / "pipeledger.zip"
    write_pack(published, target)
    return target


def contents(pack: Path) -> dict[str, Any]:
    with zipfile.ZipFile(pack) as archive:
        return {Path(name).with_suffix("").as_posix(): json.loads(archive.read(name)) for name in archive.namelist()}


def test_every_view_is_a_dataset_with_its_text_and_columns(published: Path, pack: Path) -> None:
    files = contents(pack)
    with open_published(published) as connection:
        views = connection.execute(
            "select view_name, comment from duckdb_views() where schema_name = 'bi' and not internal"
        ).fetchall()
        assert len(views) >= 15
        for view, comment in views:
            dataset = files[f"pipeledger/datasets/pipeledger/{view}"]
            assert dataset["description"] == comment
            described = {column["column_name"]: column["type"] for column in dataset["columns"]}
            found = connection.execute(f"describe bi.{view}").fetchall()
            assert described == {name: kind for name, kind, *_ in found}
            for metric in dataset["metrics"]:
                ((value,),) = connection.execute(f"select {metric['expression']} from bi.{view}").fetchall()
                assert value is not None, metric


def test_every_chart_stands_on_the_dashboard_and_names_what_its_view_has(pack: Path) -> None:
    files = contents(pack)
    charts = {content["uuid"]: content for name, content in files.items() if "/charts/" in name}
    datasets = {content["uuid"]: content for name, content in files.items() if "/datasets/" in name}
    position = files["pipeledger/dashboards/pipeledger"]["position"]
    shown = [each["meta"]["uuid"] for each in position.values() if isinstance(each, dict) and each["type"] == "CHART"]
    assert len(charts) == 8
    assert sorted(shown) == sorted(charts)
    for chart in charts.values():
        dataset, given = datasets[chart["dataset_uuid"]], chart["params"]
        columns = {column["column_name"] for column in dataset["columns"]}
        metrics = {metric["metric_name"] for metric in dataset["metrics"]}
        assert {*given.get("groupby", []), *given.get("all_columns", []), given.get("x_axis")} - {None} <= columns
        assert {*given.get("metrics", []), given.get("metric")} - {None} <= metrics
        assert chart["params"].get("metrics") or chart["params"].get("metric") or given["all_columns"]


def test_a_pack_of_the_same_file_is_the_same_and_one_for_another_place_names_it(
    published: Path, tmp_path: Path
) -> None:
    one, other, elsewhere = tmp_path / "1.zip", tmp_path / "2.zip", tmp_path / "3.zip"
    write_pack(published, one)
    write_pack(published, other)
    write_pack(published, elsewhere, "/data/pipeline.duckdb")
    assert one.read_bytes() == other.read_bytes()
    assert contents(one)["pipeledger/databases/pipeledger"]["sqlalchemy_uri"] == f"duckdb:///{published}"
    database = contents(elsewhere)["pipeledger/databases/pipeledger"]
    assert database["sqlalchemy_uri"] == "duckdb:////data/pipeline.duckdb"
    assert database["extra"]["engine_params"]["connect_args"]["read_only"] is True


def test_a_file_of_an_older_version_and_a_folder_that_is_none_are_told(published: Path, tmp_path: Path) -> None:
    older = tmp_path / "pipeline.duckdb"
    with duckdb.connect(str(older)) as connection:
        connection.execute("create schema marts")
    with pytest.raises(ConfigError, match="no views of schema `bi`"):
        write_pack(older, tmp_path / "pack.zip")
    shutil.copy(published, older)
    for change, lacks in (
        ("alter table marts.about drop column company_name", "column company_name"),
        ("create or replace view bi.customers as select 1 as mrr_now", "column retained_mrr"),
        ("create or replace view bi.pipeline_today as select 1 as amount", "column segment"),
        ("drop view bi.decided", "table decided"),
    ):
        with duckdb.connect(str(older)) as connection:
            connection.execute(change)
        with pytest.raises(ConfigError, match=rf"it has no {lacks}, and this version expects one.*pipeledger build"):
            write_pack(older, tmp_path / "pack.zip")
        shutil.copy(published, older)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"-o: .* is not writable"):
        write_pack(published, tmp_path / "file" / "pack.zip")


@pytest.fixture
def superset(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """The command of a Superset in an environment of its own, which later runs of the tests find again."""
    assert request.config.cache is not None
    environment = request.config.cache.mkdir("superset") / "venv"
    program = environment / "bin" / "superset"
    uv = Path(sys.executable).with_name("uv")
    if not program.exists():
        for command in (
            ["venv", "--quiet", str(environment)],
            ["pip", "install", "--quiet", "--python", str(environment), *PACKAGES],
        ):
            done = subprocess.run([uv, *command], capture_output=True, text=True, check=False)
            if done.returncode:
                shutil.rmtree(environment, ignore_errors=True)
                pytest.skip(f"Superset cannot be installed here: {done.stderr.strip()[-300:]}")
    yield program


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no chromium on PATH. Run: apt-get install chromium")
def test_a_real_superset_shows_the_numbers_of_the_marts(
    published: Path, pack: Path, superset: Path, tmp_path: Path
) -> None:
    (tmp_path / "superset_config.py").write_text(SETTINGS.format(folder=tmp_path))
    environment = {**os.environ, "SUPERSET_CONFIG_PATH": str(tmp_path / "superset_config.py"), "FLASK_APP": "superset"}
    admin = (
        "--username",
        "admin",
        "--firstname",
        "A",
        "--lastname",
        "B",
        "--email",
        "a@example.com",
        "--password",
        "x",
    )
    imported = ("import-dashboards", "-p", str(pack), "-u", "admin")
    for command in (("db", "upgrade"), ("fab", "create-admin", *admin), ("init",), imported):
        done = subprocess.run([superset, *command], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path / "log"
    with log.open("w") as output:
        server = subprocess.Popen([superset, "run", "--port", str(port)], env=environment, stdout=output, stderr=output)
    try:
        wait_for(port)
        shown = subprocess.run(
            [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1400,2400",
             "--virtual-time-budget=60000", "--dump-dom", f"http://127.0.0.1:{port}/superset/dashboard/1/"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
    finally:
        server.terminate()
        server.wait()
    with open_published(published) as connection:
        ((company, amount, nrr, missed),) = connection.execute("""
            select
                (select company_name from about),
                (select sum(amount) from fct_opportunity_current where is_open),
                (
                    select nrr from rpt_revenue_retention
                    where level = 'customer' and segment = '(all)' order by month_end desc limit 1
                ),
                (select count(distinct snapshot_date) from dim_snapshot where status = 'gap')
        """).fetchall()
    text = re.sub(r"<[^>]+>", " ", shown)
    assert f"Pipeline: {company}" in text
    for chart in (chart for row in CHARTS for chart in row):
        assert chart.title in text, chart.title
    for number in (f"{amount / 1_000_000:.3g}M", f"{nrr:.1%}", str(missed)):
        assert re.search(rf"\s{re.escape(number)}\s", text), number
    answers = re.findall(r'POST /api/v1/chart/data.* HTTP/1\.1" (\d+)', log.read_text())
    assert answers == ["200"] * 8
    assert set(METRICS) <= {chart.view for row in CHARTS for chart in row}


def wait_for(port: int) -> None:
    """Waits until a server answers."""
    last = time.monotonic() + 180
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port)):
                return
        except OSError:
            assert time.monotonic() < last, port
            time.sleep(1)
