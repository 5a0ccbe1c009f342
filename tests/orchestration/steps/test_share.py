"""The published file and its pages in a bucket, on a real S3 server: readers see one run whole, the newest."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from orchestration.settings.config import Company, Config, Schedule
from orchestration.settings.home import Home
from orchestration.settings.settings import Settings
from orchestration.steps.closed_months import NOTE, read_note
from orchestration.steps.publish import PublishError
from orchestration.steps.share import KEPT, LATEST, RUNS, fetch, recall, share
from snapshots.bucket import Bucket
from snapshots.store import BucketError, Gates, UnreachableError
from tests import object_store
from tests.object_store import Proxy, needs_store

pytestmark = needs_store
PAGES = ("pipeline.duckdb", "report.html", "report-a-week-ago.html")


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


def published(folder: Path, said: str, names: tuple[str, ...] = PAGES) -> Home:
    """A home that published something; what it says is all that these tests look at."""
    home = Home(folder)
    home.published.parent.mkdir(parents=True, exist_ok=True)
    for name in names:
        home.published.with_name(name).write_text(f"{name}: {said}")
    return home


def says(home: Home) -> dict[str, str]:
    """What the published files of a home say."""
    return {file.name: file.read_text() for file in sorted(home.published.parent.iterdir())}


def test_a_reader_gets_the_newest_run_and_only_the_last_few_stay(tmp_path: Path, url: str) -> None:
    reader = published(tmp_path / "reader", "of a longer history", (*PAGES, "report-a-quarter-ago.html"))
    for number in range(KEPT + 2):
        writer = published(tmp_path / "writer", f"run {number}")
        shared = share(writer, url)
        assert fetch(url, reader) == shared
        assert says(reader) == says(writer)
    assert len(Bucket(url, tmp_path).sizes()) == KEPT * len(PAGES) + 1


def refused(name: str, method: str, path: str) -> int | None:
    """A rule that lets one file not be written."""
    return 400 if method == "PUT" and path.endswith(name) else None


def test_a_run_that_is_half_there_is_not_the_newest(tmp_path: Path, url: str, proxy: Proxy) -> None:
    writer, reader = published(tmp_path / "writer", "whole"), Home(tmp_path / "reader")
    share(writer, url)
    for half in ("report-a-week-ago.html", LATEST):
        published(tmp_path / "writer", "half")
        proxy.rule = partial(refused, half)
        with pytest.raises(UnreachableError):
            share(writer, url)
        proxy.rule = lambda method, path: None
        fetch(url, reader)
        assert says(reader)["pipeline.duckdb"] == "pipeline.duckdb: whole"


def test_a_pointer_whose_answer_is_lost_is_recognised(tmp_path: Path, url: str, proxy: Proxy) -> None:
    writer, reader, lost = published(tmp_path / "writer", "first"), Home(tmp_path / "reader"), list[str]()

    def rule(method: str, path: str) -> str | None:
        if method == "PUT" and path.endswith(LATEST):
            lost.append(path)
            return "lose" if len(lost) % 2 else None
        return None

    proxy.rule = rule
    for said in ("first", "second"):
        assert share(published(tmp_path / "writer", said), url) == fetch(url, reader)
        assert says(reader) == says(writer)
    assert len(lost) >= 2


def test_of_two_that_share_at_once_one_is_told_that_it_is_not_the_newest(
    tmp_path: Path, url: str, proxy: Proxy
) -> None:
    slow, quick, reader = (tmp_path / name for name in ("slow", "quick", "reader"))
    share(published(slow, "old"), url)

    def rule(method: str, path: str) -> None:
        if method == "PUT" and path.endswith("report.html"):
            proxy.rule = lambda method, path: None
            share(published(quick, "newest"), url)

    proxy.rule = rule
    with pytest.raises(PublishError, match="another run was shared while this one was uploaded; it stays the newest"):
        share(published(slow, "slow"), url)
    fetch(url, Home(reader))
    assert says(Home(reader)) == says(Home(quick))


def test_a_run_that_is_removed_while_it_is_fetched_is_passed_over_for_a_newer_one(
    tmp_path: Path, url: str, proxy: Proxy
) -> None:
    reader, older = Home(tmp_path / "reader"), share(published(tmp_path / "writer", "older"), url)

    def rule(method: str, path: str) -> None:
        if method == "GET" and path.endswith("report.html"):
            proxy.rule = lambda method, path: None
            share(published(tmp_path / "writer", "newer"), url)
            Bucket(url, tmp_path).delete(f"{RUNS}/{older.run}/report.html")

    proxy.rule = rule
    assert fetch(url, reader).run != older.run
    assert says(reader) == says(Home(tmp_path / "writer"))


def test_what_is_not_as_it_was_shared_replaces_nothing(tmp_path: Path, url: str) -> None:
    reader, shared = published(tmp_path / "reader", "sound"), share(published(tmp_path / "writer", "x"), url)
    Bucket(url, tmp_path).write(f"{RUNS}/{shared.run}/report.html", "report.html: y")
    with pytest.raises(BucketError, match=r"report\.html missing, or not as it was shared\. The files here stay"):
        fetch(url, reader)
    assert says(reader) == says(published(tmp_path / "sound", "sound"))


@pytest.mark.parametrize("text", [None, "", "{}", '{"run": "x", "files": []}'])
def test_a_bucket_without_a_newest_run_says_what_to_do(tmp_path: Path, url: str, text: str | None) -> None:
    if text is not None:
        Bucket(url, tmp_path).write(LATEST, text)
    with pytest.raises(BucketError, match=r"Nothing was fetched\. Run `pipeledger build`"):
        fetch(url, Home(tmp_path / "reader"))
    assert not says(Home(tmp_path / "reader"))


def test_an_empty_machine_has_what_was_published_before_and_what_it_was_built_from(tmp_path: Path, url: str) -> None:
    empty, writer = Home(tmp_path / "empty"), published(tmp_path / "writer", "before")
    recall(empty, url)
    recall(empty, None)
    assert not empty.published.exists()
    at = writer.published.stat()
    writer.dbt.mkdir()
    (writer.dbt / NOTE).write_text(json.dumps({"file": [at.st_size, at.st_mtime_ns], "held": {}}))
    share(writer, url)
    recall(empty, url)
    assert says(empty) == says(writer)
    company = Company("UTC")
    settings = [Settings(Config(tmp_path, company, {}, Gates(), Schedule()), home) for home in (empty, writer)]
    assert read_note(settings[0]) == read_note(settings[1]) != {}
    published(tmp_path / "empty", "a build of its own")
    recall(empty, url)
    assert says(empty)["report.html"] == "report.html: a build of its own"
