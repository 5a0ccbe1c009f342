"""The ledger in a bucket, on a real S3 server: what a ledger on disk does, it does there, and less goes wrong."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from orchestration.settings.lease import Lease
from snapshots import bucket as bucket_module
from snapshots.bucket import Bucket
from snapshots.intervals import rebuild, refresh
from snapshots.ledger import LedgerTable, arrow_schema
from snapshots.receipts import newest, read_commits, read_receipts
from snapshots.store import BucketError, CaptureError, LedgerDamagedError, Store, UnreachableError
from snapshots.verify import verify
from tests import object_store
from tests.drawn import drawn
from tests.object_store import Proxy, needs_store
from tests.snapshots.company import day, intervals, land, store, take
from tests.snapshots.test_crash import RELATIONS, land_days, rows, said

pytestmark = needs_store
TWELVE = [
    *("opportunity", "account", "user", "person", "opportunity_contact_role", "activity"),
    *("campaign", "touch", "subscription", "customer", "invoice", "ticket"),
]


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """All requests of a test go through it."""
    with Proxy() as proxy:
        for name, value in object_store.environment(proxy.port).items():
            monkeypatch.setenv(name, value)
        yield proxy


def in_bucket(home: Path, url: str) -> Store:
    """A home whose ledger lies in a bucket."""
    local = store(home)
    return Store(Bucket(url, home / "bucket"), local.landing, local.warehouse, local.time_zone)


def run(where: Store, number: int, url: str) -> Store:
    """One day's run in a home: a new process would know nothing of the one before."""
    where = in_bucket(where.landing.parent, url)
    land_days(where, [number])
    take(where, [day(number)], accept=("drop",))
    refresh(where, RELATIONS)
    return where


def test_days_in_a_bucket_say_what_days_on_disk_say_with_the_home_deleted_each_night(
    proxy: Proxy, tmp_path: Path
) -> None:
    url = object_store.url()
    local, where = store(tmp_path / "local"), in_bucket(tmp_path / "remote", url)
    for number in (0, 1, 2, 4, 3)[-drawn(2, 5) :]:
        land_days(local, [number])
        take(local, [day(number)], accept=("drop",))
        shutil.rmtree(tmp_path / "remote")
        where = run(where, number, url)
        assert verify(where) == []
    assert said(where) == said(local)
    rebuild(where, RELATIONS)
    assert said(where) == said(local)
    assert not list((tmp_path / "remote" / "bucket").rglob("*.parquet"))


def test_an_unchanged_day_writes_nothing_and_a_changed_one_asks_seldom(proxy: Proxy, tmp_path: Path) -> None:
    url, where = object_store.url(), in_bucket(tmp_path, object_store.url())
    for number in (0, 1):
        where = run(where, number, url)
    proxy.requests.clear()
    where = run(where, 2, url)
    tables = 3
    assert len(proxy.requests) <= 10 * tables
    proxy.requests.clear()
    where = run(where, 2, url)
    assert [each for each in proxy.requests if not each.startswith(("GET", "HEAD"))] == []
    assert len(proxy.requests) <= 6 * tables


@pytest.mark.parametrize("days", [2, pytest.param(5, marks=pytest.mark.slow)])  # the first makes the tables
def test_a_day_of_twelve_entities_asks_at_most_150_times(proxy: Proxy, tmp_path: Path, days: int) -> None:
    url = object_store.url()
    for number in range(days):
        where = in_bucket(tmp_path, url)
        where.landing.unlink(missing_ok=True)
        for entity in TWELVE:
            people = {"email": f"{number}@example.com", "title": f"{number}"} if entity == "person" else {}
            row = {f"{entity}_id": "a", "amount": f"{number}"} | people
            land(where, {day(number): [row]}, entity=entity, key=(f"{entity}_id",), fresh=False,
                 personal=("email",) if people else (), email="email" if people else None)  # fmt: skip
        lease = Lease(in_bucket(tmp_path, url).place)  # type: ignore[arg-type]  # it is a bucket
        proxy.requests.clear()
        lease.take("pipeledger run", wait=False, on_wait=print, report=print, poll=1)
        take(where, [day(number)])
        refresh(where, {"files": TWELVE})
        lease.release()
        assert len(proxy.requests) <= 150, Counter(each.split("?")[0] for each in proxy.requests)
        proxy.requests.clear()
        where = in_bucket(tmp_path, url)
        take(where, [day(number)])
        refresh(where, {"files": TWELVE})
        assert {each.split()[0] for each in proxy.requests} <= {"GET", "HEAD"}
        assert len(proxy.requests) <= 60, Counter(each.split("?")[0] for each in proxy.requests)
    assert len(read_receipts(where)) == days * len(TWELVE)


# -- a store, and the way to it, on bad days ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a ledger on disk says of the first two days."""
    local = store(tmp_path_factory.mktemp("local"))
    for number in (0, 1):
        land_days(local, [number])
        take(local, [day(number)], accept=("drop",))
    return said(local)


def test_answers_that_are_slow_or_busy_make_a_run_slower_and_no_different(
    proxy: Proxy, tmp_path: Path, expected: Any
) -> None:
    url, rng = object_store.url(), random.Random(1)
    proxy.rule = lambda method, path: rng.choice([503, 429, 0.1, None, None, None, None])
    for number in (0, 1):
        where = run(in_bucket(tmp_path, url), number, url)
    assert verify(where) == []
    assert said(where) == expected


def test_a_commit_whose_answer_takes_too_long_is_recognised(
    proxy: Proxy, tmp_path: Path, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, late = object_store.url(), list[str]()
    monkeypatch.setattr(bucket_module, "TIMEOUT", timedelta(seconds=1))
    where = run(in_bucket(tmp_path, url), 0, url)

    def rule(method: str, path: str) -> float | None:
        if method == "PUT" and path.endswith("/_delta_log/00000000000000000001.json") and path not in late:
            late.append(path)
            return 2.0
        return None

    proxy.rule = rule
    where = run(where, 1, url)
    assert len(late) == 3  # one for each entity
    assert said(where) == expected


def after(proxy: Proxy, requests: int, how: str, method: str, path: str) -> str | None:
    """A rule that lets so many requests pass."""
    return how if len(proxy.requests) > requests else None


@pytest.mark.parametrize("how", ["drop", pytest.param("lose", marks=pytest.mark.slow), "ExpiredToken"])
@pytest.mark.parametrize("step", [23, pytest.param(1, marks=pytest.mark.slow)])
def test_a_day_that_loses_its_store_at_any_request_is_made_good_by_the_next_run(
    proxy: Proxy, tmp_path: Path, expected: Any, how: str, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket_module, "RETRIES", {"max_retries": 0, "retry_timeout": timedelta(seconds=1)})
    url = object_store.url()
    run(in_bucket(tmp_path / "whole", url), 0, url)
    proxy.requests.clear()
    run(in_bucket(tmp_path / "whole", url), 1, url)
    requests = len(proxy.requests)
    assert requests > 10
    for lost in range(0, requests, step):
        url = object_store.url()
        where = run(in_bucket(tmp_path / f"{lost}", url), 0, url)
        proxy.requests.clear()
        proxy.rule = partial(after, proxy, lost, how)
        with pytest.raises(BucketError) as error:
            run(where, 1, url)
        is_told = how == "ExpiredToken" and not proxy.requests[lost].startswith("HEAD")  # whose answers have no text
        assert ("Check the keys" in str(error.value)) == is_told
        proxy.rule = lambda method, path: None
        other = in_bucket(tmp_path / f"{lost}-other", url)
        assert verify(other) == []
        other = run(other, 1, url)
        assert said(other) == expected
        assert verify(other) == []


def test_of_two_writers_from_one_version_the_second_is_refused(proxy: Proxy, tmp_path: Path) -> None:
    url = object_store.url()
    where = run(in_bucket(tmp_path / "one", url), 0, url)
    other = in_bucket(tmp_path / "other", url)
    mine, theirs = (LedgerTable(each.ledger / "crm" / "opportunity") for each in (where, other))
    receipt = newest(read_commits(mine.place))[day(0)]
    none = arrow_schema(mine.columns()).empty_table()
    mine.commit(none, [receipt], [day(5)])
    with pytest.raises(CaptureError, match=r"version 1 could not be committed .* Nothing was written\."):
        theirs.commit(none, [receipt], [day(6)])
    assert LedgerTable(other.ledger / "crm" / "opportunity").version == 1
    assert [sorted(r.snapshot_date for r in c.receipts) for c in read_commits(theirs.place)] == [[day(0)], [day(0)]]


@pytest.mark.parametrize("how", ["lose", "lose and fail"])
def test_a_commit_whose_answer_is_lost_is_recognised(proxy: Proxy, tmp_path: Path, how: str) -> None:
    url = object_store.url()
    where = run(in_bucket(tmp_path, url), 0, url)
    lost = []

    def rule(method: str, path: str) -> str | int | None:
        if method == "PUT" and path.endswith("opportunity/_delta_log/00000000000000000001.json"):
            lost.append(path)
            return "lose" if len(lost) == 1 else 400 if how == "lose and fail" else None
        return None

    proxy.rule = rule
    where = run(where, 1, url)
    assert len(lost) > 1 or how == "lose and fail" or lost
    assert LedgerTable(where.ledger / "crm" / "opportunity").version == 1
    assert verify(where) == []
    local = store(tmp_path / "local")
    for number in (0, 1):
        land_days(local, [number])
        take(local, [day(number)], accept=("drop",))
    assert said(where) == said(local)


def test_a_commit_that_never_arrives_is_made_good_by_the_next_run(proxy: Proxy, tmp_path: Path) -> None:
    url = object_store.url()
    where = run(in_bucket(tmp_path, url), 0, url)
    proxy.rule = lambda method, path: 400 if method == "PUT" and "account/_delta_log" in path else None
    with pytest.raises(UnreachableError, match="no sound answer from the store"):
        run(where, 1, url)
    assert verify(in_bucket(tmp_path, url)) == []
    proxy.rule = lambda method, path: None
    where = run(where, 1, url)
    assert [r.snapshot_date for r in read_receipts(where) if r.entity == "account"] == [day(0), day(1)]
    assert verify(where) == []


def test_verify_and_rebuild_read_the_bucket_itself(proxy: Proxy, tmp_path: Path) -> None:
    url = object_store.url()
    where = run(run(in_bucket(tmp_path, url), 0, url), 1, url)
    table = bucket(where) / "ledger" / "crm" / "opportunity"
    names = list(table.sizes())
    for name in (next(n for n in names if f"={day(1)}" in n), "_delta_log/00000000000000000000.json"):
        sound = table.read(name) or b""
        put(table, name, sound[:40] + bytes(byte ^ 1 for byte in sound[40:80]) + sound[80:])
        assert {damage.entity for damage in verify(where)} == {"opportunity"}, name
        assert {damage.entity for damage in verify(in_bucket(tmp_path, url))} == {"opportunity"}, name
        put(table, name, sound)
        assert verify(where) == []
    file = next(n for n in names if f"={day(0)}" in n)
    sound = table.read(file) or b""
    table.delete(file)
    assert f"{file} is missing" in {damage.problem for damage in verify(where)}
    before = intervals(where)
    with pytest.raises(LedgerDamagedError):
        rebuild(where, RELATIONS)
    put(table, file, sound)
    rebuild(where, RELATIONS)
    assert intervals(where) == before


def test_another_history_of_the_same_length_replaces_the_copy(proxy: Proxy, tmp_path: Path) -> None:
    one, two = object_store.url(), object_store.url()
    mine = run(in_bucket(tmp_path / "one", one), 0, one)
    run(in_bucket(tmp_path / "two", two), 1, two)
    for name, data in Bucket(two, tmp_path / "x").read_many(Bucket(two, tmp_path / "x").sizes()).items():
        put(bucket(mine), name, data)
    mine = in_bucket(tmp_path / "one", one)
    assert {receipt.snapshot_date for receipt in read_receipts(mine)} == {day(1)}
    refresh(mine, RELATIONS)
    other = in_bucket(tmp_path / "two", two)
    assert intervals(mine) == intervals(other)


def test_the_salt_is_made_once(proxy: Proxy, tmp_path: Path) -> None:
    url = object_store.url()
    one = run(in_bucket(tmp_path / "one", url), 0, url)
    salt = one.personal.read("salt")
    assert salt
    assert not one.personal.create("salt", "another")
    two = run(in_bucket(tmp_path / "two", url), 1, url)
    assert two.personal.read("salt") == salt
    two.personal.delete("salt")
    with pytest.raises(CaptureError, match=r"personal/salt is missing, and the ledger has digests"):
        run(two, 2, url)


def test_rejected_rows_are_listed_in_the_bucket_until_there_are_none(proxy: Proxy, tmp_path: Path) -> None:
    where = in_bucket(tmp_path, object_store.url())
    name = where.rejects_file("crm", "opportunity", day(0))
    for amount in ("x", "1"):
        land(where, {day(0): [{"opportunity_id": "a", "amount": "2"}, {"opportunity_id": "b", "amount": amount}]})
        take(where, [day(0)])
        assert (where.place.read(name) is None) == (amount == "1")


def test_wrong_keys_are_said_plainly(proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-this-one")
    where = in_bucket(tmp_path, object_store.url())
    land(where, {day(0): rows(0)["opportunity"]})
    with pytest.raises(BucketError, match=r"the store lets nobody in with these keys .*Check the keys") as found:
        take(where, [day(0)])
    assert "not-this-one" not in str(found.value)


def test_a_bucket_that_nobody_made_is_said_plainly(proxy: Proxy, tmp_path: Path) -> None:
    proxy.rule = lambda method, path: "NoSuchBucket"
    place = in_bucket(tmp_path, object_store.url()).place
    for ask in (lambda: place.read("home.json"), lambda: place.create("home.json", ""), place.tables):
        with pytest.raises(
            BucketError, match=r"there is no such bucket \(.*NoSuchBucket\)\. Make it, or correct its name"
        ):
            ask()


def bucket(where: Store) -> Bucket:
    """The bucket of a home."""
    assert isinstance(where.place, Bucket)
    return where.place


def put(place: Bucket, name: str, data: bytes) -> None:
    """Writes bytes into a bucket as any other program could."""
    import obstore

    obstore.put(place._store, place._key + name, data)
