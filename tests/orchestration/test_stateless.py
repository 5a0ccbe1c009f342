"""A ledger in a bucket, driven by the command line on a machine that keeps nothing from one day to the next."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests import object_store
from tests.object_store import Proxy, needs_store
from tests.orchestration.conftest import Desk, new_desk
from tests.orchestration.test_nothing_lost import marts

pytestmark = [needs_store, pytest.mark.slow]

FIRST, SECOND = "2026-03-05", "2026-03-06"


def with_exports(folder: Path) -> Desk:
    desk = new_desk(folder)
    for day, stage in ((FIRST, "Prospecting"), (SECOND, "Closed Won")):
        desk.drop_opportunities(day, stage)
        desk.drop_subscriptions(day)
    return desk


def test_days_of_an_empty_machine_make_the_marts_of_a_home(tmp_path: Path) -> None:
    local, remote = with_exports(tmp_path / "local"), with_exports(tmp_path / "remote")
    with Proxy() as proxy:
        env = object_store.environment(proxy.port) | {"PIPELEDGER_LEDGER__PATH": object_store.url()}
        for day in (FIRST, SECOND):
            assert local.run("run", "--date", day).code == 0
            shutil.rmtree(remote.home, ignore_errors=True)
            proxy.requests.clear()
            done = remote.run("run", "--date", day, env=env)
            assert done.code == 0, done.err
            assert len(proxy.requests) <= 150
        assert marts(remote) == marts(local)
        assert not (remote.home / "ledger").exists()
        assert not (remote.home / "home.json").exists()
        proxy.requests.clear()
        assert remote.run("run", "--date", SECOND, env=env).code == 0
        written = [each for each in proxy.requests if each.startswith(("PUT", "DELETE"))]
        assert [each for each in written if not any(name in each for name in ("lock.json", "probe-"))] == []
        for command in ("verify", "status", "doctor"):
            done = remote.run(command, env=env)
            assert done.code == 0, done.out + done.err
        shutil.rmtree(remote.home)
        shared = object_store.url()
        assert remote.run("rebuild", env=env | {"PIPELEDGER_PUBLISH__TO": shared}).code == 0
        assert marts(remote) == marts(local)
        reader = new_desk(tmp_path / "reader")
        done = reader.run("open", shared, env=env)
        assert done.code == 0, done.err
        assert str(reader.home / "published" / "report.html") in done.out.splitlines()
        assert all(Path(line).is_file() for line in done.out.splitlines())
        assert marts(reader) == marts(local)


def test_thirty_days_of_an_empty_machine_make_the_marts_of_a_home_bit_for_bit(tmp_path: Path) -> None:
    """What was published is shared too, so that closed months are compared as in a home that stays."""
    stages = ("Prospecting", "Negotiation", "Closed Won", "Closed Lost")
    days = [(date(2026, 3, 2) + timedelta(days=number)).isoformat() for number in range(30)]
    local, remote = new_desk(tmp_path / "local"), new_desk(tmp_path / "remote")
    for number, day in enumerate(days):
        for desk in (local, remote):
            desk.drop_opportunities(day, stages[number // 3 % 4], 20)
            desk.drop_subscriptions(day)
    assert local.run("run", "--from", days[0], "--to", days[-1]).code == 0
    with Proxy() as proxy:
        env = object_store.environment(proxy.port) | {"PIPELEDGER_LEDGER__PATH": object_store.url()}
        env["PIPELEDGER_PUBLISH__TO"] = object_store.url()
        for day in days:
            shutil.rmtree(remote.home, ignore_errors=True)
            done = remote.run("run", "--date", day, env=env)
            assert done.code == 0, done.err
            assert "closed months changed" not in done.out + done.err
        assert marts(remote) == marts(local)


def test_a_home_with_a_ledger_of_its_own_refuses_a_bucket_and_the_other_way_round(tmp_path: Path) -> None:
    local, remote = with_exports(tmp_path / "local"), with_exports(tmp_path / "remote")
    env = object_store.environment() | {"PIPELEDGER_LEDGER__PATH": object_store.url()}
    assert local.run("run", "--date", FIRST).code == 0
    refused = local.run("run", "--date", SECOND, env=env)
    assert (refused.code, "it has a ledger of its own, and [ledger] path says s3://" in refused.err) == (2, True)
    assert remote.run("run", "--date", FIRST, env=env).code == 0
    refused = remote.run("run", "--date", SECOND)
    assert (refused.code, "its ledger lies in a bucket, and the settings name none" in refused.err) == (2, True)
