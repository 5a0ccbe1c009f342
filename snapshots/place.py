"""A place that keeps what cannot be made anew: a folder of this machine, or a bucket (`bucket.py`).

`/` leads to a place within it. Each has a `folder` on this machine: a local place is that folder, and of a bucket it
holds what is needed at hand. Names are relative to the place, with `/` between their parts.
"""

from __future__ import annotations

import json
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from snapshots.durable import put_if_absent, put_in_place, sync, write_whole

DRAFT = "_draft-"
"""How the folder begins in which a commit is prepared; the rest is the number of its process."""
AT_ONCE = 16
"""Files that the disk is asked for at a time: it makes many durable together in little more time than one."""


class Place(ABC):
    """What both kinds of place can do. Files are written whole or not at all."""

    folder: Path

    @abstractmethod
    def __truediv__(self, name: str) -> Self:
        """The place `name` within this one."""

    @property
    def table_name(self) -> tuple[str, str]:
        """Source and entity, of a place that is a table of the ledger."""
        return self.folder.parent.name, self.folder.name

    @abstractmethod
    def tables(self) -> list[Self]:
        """The tables of a place that is a ledger, by source and entity."""

    @abstractmethod
    def days(self) -> list[str]:
        """The days of which a table has files, as ISO dates in order."""

    # -- small files --------------------------------------------------------------------------------

    @abstractmethod
    def read(self, name: str) -> bytes | None:
        """The bytes of a file, None where there is none."""

    @abstractmethod
    def create(self, name: str, text: str, *, mode: int = 0o644) -> bool:
        """Writes a file that must not exist yet; False, and nothing written, where it does."""

    @abstractmethod
    def write(self, name: str, text: str) -> None:
        """Replaces a small file by `text`, in UTF-8."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Removes a file, where it exists."""

    @abstractmethod
    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """Gives a path on this machine to write to; the file made there replaces `name` unless an error is raised."""
        yield Path()

    # -- a Delta table ------------------------------------------------------------------------------

    @abstractmethod
    def log(self) -> Path:
        """The folder with the JSON files of a table's log, on this machine, as the place held them in this run."""

    @abstractmethod
    @contextmanager
    def draft(self, version: int) -> Iterator[Path]:
        """A folder with the log of a table up to `version`, in which Delta may write the next one."""
        yield Path()

    @abstractmethod
    def publish(self, draft: Path, files: Sequence[str], log: str) -> bool:
        """Makes durable what Delta wrote into a draft: the data files, and last the file of the log, which is the
        commit. False where another writer has that version already; nothing is committed then.
        """

    @abstractmethod
    @contextmanager
    def at_hand(self, files: Sequence[str]) -> Iterator[None]:
        """Has data files of a table in its folder, as the place holds them now; one that is missing stays so."""
        yield

    @abstractmethod
    @contextmanager
    def whole(self) -> Iterator[LocalPlace]:
        """All files of a table as the place holds them now, past every copy."""
        yield LocalPlace(Path())


class LocalPlace(Place):
    """A folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __truediv__(self, name: str) -> LocalPlace:
        return LocalPlace(self.folder / name)

    def __str__(self) -> str:
        return str(self.folder)

    def tables(self) -> list[LocalPlace]:
        """See Place."""
        return [LocalPlace(log.parent) for log in sorted(self.folder.glob("*/*/_delta_log")) if any(log.iterdir())]

    def days(self) -> list[str]:
        """See Place."""
        return sorted(day.name.partition("=")[2] for day in self.folder.glob("snapshot_date=*"))

    def read(self, name: str) -> bytes | None:
        """See Place."""
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def create(self, name: str, text: str, *, mode: int = 0o644) -> bool:
        """See Place."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")  # another process may be making the same
        draft.touch(mode=mode)
        draft.write_text(text, encoding="utf-8")
        try:
            return put_if_absent(draft, path)
        finally:
            draft.unlink()

    def write(self, name: str, text: str) -> None:
        """See Place."""
        write_whole(self.folder / name, text)

    def delete(self, name: str) -> None:
        """See Place."""
        (self.folder / name).unlink(missing_ok=True)

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """See Place."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.new")
        yield draft
        put_in_place(draft, path)

    def log(self) -> Path:
        """See Place."""
        return self.folder / "_delta_log"

    @contextmanager
    def draft(self, version: int) -> Iterator[Path]:
        """See Place. Within the table, under a name that engines pass over: its files need a new name, and no copy."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for left in self.folder.glob(f"{DRAFT}*"):
            if not Path("/proc", left.name.removeprefix(DRAFT)).exists() or left.name == f"{DRAFT}{os.getpid()}":
                shutil.rmtree(left)
        folder = self.folder / f"{DRAFT}{os.getpid()}"
        link_log(self.log(), folder, version)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def publish(self, draft: Path, files: Sequence[str], log: str) -> bool:
        """See Place. Has the disk hold all before the commit, so that a power cut after it loses nothing."""
        for file in files:
            (self.folder / file).parent.mkdir(exist_ok=True)
        with ThreadPoolExecutor(AT_ONCE) as syncing:
            list(syncing.map(lambda file: put_in_place(draft / file, self.folder / file), files))
        self.log().mkdir(exist_ok=True)
        for folder in (self.folder, self.folder.parent):
            sync(folder)
        if not put_if_absent(draft / "_delta_log" / log, self.log() / log):
            return False
        for checkpoint in new_checkpoints(draft, log):
            put_in_place(checkpoint, self.log() / checkpoint.name)
        return True

    @contextmanager
    def at_hand(self, files: Sequence[str]) -> Iterator[None]:
        """See Place."""
        yield

    @contextmanager
    def whole(self) -> Iterator[LocalPlace]:
        """See Place."""
        yield self


def link_log(log: Path, draft: Path, version: int) -> None:
    """Gives a draft what Delta needs to open a table at `version`: its last checkpoint, and the commits since."""
    (draft / "_delta_log").mkdir(parents=True)
    commits = [file for file in log.glob("*.json") if file.stem.isdigit() and int(file.stem) <= version]
    pointer = log / "_last_checkpoint"
    try:
        summed_up = int(json.loads(pointer.read_text(encoding="utf-8"))["version"])
    except (OSError, ValueError, TypeError, KeyError):
        summed_up = -1
    checkpoints = list(log.glob(f"{summed_up:020d}.checkpoint*")) if 0 <= summed_up <= version else []
    if checkpoints:
        commits = [file for file in commits if int(file.stem) >= summed_up]
        shutil.copy(pointer, draft / "_delta_log")
    for file in (*commits, *checkpoints):
        try:
            os.link(file, draft / "_delta_log" / file.name)
        except OSError:  # another user's file, which the system may not let us link
            shutil.copy(file, draft / "_delta_log")


def new_checkpoints(draft: Path, log: str) -> list[Path]:
    """The checkpoint that Delta made of a commit in a draft, if it made one, and last the pointer to it."""
    folder = draft / "_delta_log"
    made = sorted(folder.glob(f"{Path(log).stem}.checkpoint*"))
    return [*made, folder / "_last_checkpoint"] if made else []
