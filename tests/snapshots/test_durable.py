"""Files that are whole or not there at all: what is on disk when a file takes a name, and after a crash."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import duckdb
import pytest

from snapshots.durable import copy_whole, put_in_place, write_whole


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


def test_rows_that_cannot_be_read_leave_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "crm" / "person.parquet"
    with duckdb.connect() as con:
        copy_whole(con, "select 1 as person_id", target, "format parquet")
        with pytest.raises(duckdb.Error):
            copy_whole(con, "select error('damaged') as person_id from range(10)", target, "format parquet")
        assert con.execute(f"select * from '{target}'").fetchall() == [(1,)]
        copy_whole(con, "select 2 as person_id", target, "format parquet")
        assert con.execute(f"select * from '{target}'").fetchall() == [(2,)]
    assert list(target.parent.iterdir()) == [target]
