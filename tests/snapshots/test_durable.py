"""Files that are whole or not there at all: what is on disk when a file takes a name, and after a crash."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from snapshots import place as places
from snapshots.durable import put_if_absent, put_in_place, write_whole
from snapshots.place import LocalPlace


def test_the_bytes_are_on_disk_before_the_name_is_and_the_name_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, str]] = []
    sync = os.fsync

    def noted(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        seen.append(("folder" if is_folder else "file", target.read_text()))
        sync(descriptor)

    target, draft = tmp_path / "target", tmp_path / "draft"
    target.write_text("old")
    draft.write_text("new")
    monkeypatch.setattr(os, "fsync", noted)
    put_in_place(draft, target)
    assert seen == [("file", "old"), ("folder", "new")]
    assert list(tmp_path.iterdir()) == [target]


def test_a_text_replaces_the_old_one_and_makes_its_folder(tmp_path: Path) -> None:
    target = tmp_path / "new" / "note.json"
    for text in ("one\n", "zwölf\n"):
        write_whole(target, text)
        assert target.read_text(encoding="utf-8") == text
    assert list(target.parent.iterdir()) == [target]


def test_a_file_that_cannot_be_written_to_its_end_leaves_the_old_one(tmp_path: Path) -> None:
    place, target = LocalPlace(tmp_path), tmp_path / "crm" / "person.csv"

    def write(text: str, error: Exception | None = None) -> None:
        with place.writing("crm/person.csv") as draft:
            draft.write_text(text)
            if error:
                raise error

    write("1")
    with pytest.raises(ZeroDivisionError):
        write("", ZeroDivisionError())
    assert target.read_text() == "1"
    write("2")
    assert target.read_text() == "2"
    assert list(target.parent.iterdir()) == [target]


def test_two_that_make_a_file_at_once_do_not_take_each_other_s_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where, ids, made = LocalPlace(tmp_path), iter((1, 2)), list[bool]()

    def after_another_one(draft: Path, path: Path) -> bool:
        monkeypatch.setattr(places, "put_if_absent", put_if_absent)
        made.append(where.create("salt", "the other's"))
        return put_if_absent(draft, path)

    monkeypatch.setattr(places, "put_if_absent", after_another_one)
    monkeypatch.setattr(os, "getpid", lambda: next(ids))
    assert not where.create("salt", "one's")
    assert made == [True]
    assert [file.read_text() for file in tmp_path.iterdir()] == ["the other's"]
