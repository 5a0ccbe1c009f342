"""The lease of a bucket, on a real S3 server: one machine at a time, and who it is."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestration.settings.errors import HomeError, LockedError
from orchestration.settings.home import Home
from orchestration.settings.lease import NAME, Lease
from orchestration.settings.lock import Lock
from snapshots.bucket import Bucket
from tests import object_store
from tests.object_store import Proxy, needs_store

pytestmark = needs_store


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """All requests of a test go through it."""
    with Proxy() as proxy:
        for name, value in object_store.environment(proxy.port).items():
            monkeypatch.setenv(name, value)
        yield proxy


@pytest.fixture
def url(proxy: Proxy) -> str:
    """A prefix of its own."""
    return object_store.url()


def lease(folder: Path, url: str, seconds: int = 60) -> Lease:
    """The lease as a home in `folder` would take it."""
    return Lease(Bucket(url, folder / "bucket"), seconds=seconds)


def take(lease: Lease, command: str, said: list[str] | None = None, *, wait: bool = False) -> None:
    lease.take(command, wait=wait, on_wait=lambda holder: None, report=(said or []).append, poll=0.2)


def test_a_second_machine_is_refused_and_told_who_writes(tmp_path: Path, url: str) -> None:
    one, other = lease(tmp_path / "one", url), lease(tmp_path / "other", url)
    take(one, "pipeledger run")
    with pytest.raises(LockedError, match=r"locked by `pipeledger run` \(on .*, since .*\).* Nothing was done\."):
        take(other, "pipeledger build")
    assert str(other.holder()).startswith("`pipeledger run`")
    one.release()
    assert other.holder() is None
    take(other, "pipeledger build")
    other.release()
    assert sorted(other.bucket.sizes()) == []


def test_a_lease_that_ran_out_is_taken_over_and_that_is_said(tmp_path: Path, url: str) -> None:
    one, other, said = lease(tmp_path / "one", url, 2), lease(tmp_path / "other", url, 2), list[str]()
    take(one, "pipeledger run")
    one._ended.set()  # its machine sleeps
    other.take("pipeledger build", wait=True, on_wait=lambda holder: None, report=said.append, poll=0.2)
    assert said[0].startswith(f"{url}: the lock of `pipeledger run` (on ")
    one.release()  # it wakes, and must not free what is another's by now
    assert str(other.holder()).startswith("`pipeledger build`")
    other.release()


def test_a_holder_that_lives_is_not_taken_over(tmp_path: Path, url: str) -> None:
    one, other = lease(tmp_path / "one", url, 4), lease(tmp_path / "other", url, 4)
    take(one, "pipeledger run")
    time.sleep(6)
    with pytest.raises(LockedError):
        take(other, "pipeledger build")
    one.release()


def test_what_a_killed_run_of_this_home_held_is_free_at_once(tmp_path: Path, url: str) -> None:
    killed = lease(tmp_path, url)
    take(killed, "pipeledger run")
    killed._ended.set()
    again = lease(tmp_path, url)
    take(again, "pipeledger build")
    assert str(again.holder()).startswith("`pipeledger build`")
    again.release()


def test_a_lock_of_the_home_takes_the_lease_once_and_frees_both(tmp_path: Path, url: str) -> None:
    home, mine = Home(tmp_path / "home"), lease(tmp_path / "one", url)
    command, run = Lock.of(home, mine), None
    command.acquire("pipeledger run")
    run = Lock.of(home, lease(tmp_path / "one", url))
    run.acquire("Dagster run")
    run.release()
    assert mine.holder() is not None
    command.release()
    assert mine.holder() is None
    other = lease(tmp_path / "other", url)
    take(other, "pipeledger build")
    with pytest.raises(LockedError, match="locked by `pipeledger build`"):
        Lock.of(home, mine).acquire("pipeledger run")
    other.release()
    with Lock.of(home, mine) as again:
        again.acquire("pipeledger run")


def test_a_store_that_makes_a_file_twice_is_refused(tmp_path: Path, url: str, proxy: Proxy) -> None:
    probes = list[str]()

    def rule(method: str, path: str) -> str | int | None:
        if method == "PUT" and "probe-" in path:
            probes.append(path)
            return 200 if len(probes) == 2 else None
        return None

    proxy.rule = rule
    mine = lease(tmp_path, url)
    with pytest.raises(HomeError, match="made a file anew that existed, a refusal expected"):
        take(mine, "pipeledger run")
    assert mine.bucket.read(NAME) is None
