"""A place that keeps what cannot be made anew: a folder of this machine, or a bucket (`bucket.py`).

`/` leads to a place within it. Each has a `folder` on this machine: a local place is that folder, and of a bucket it
holds what is needed at hand. Names are relative to the place, with `/` between their parts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from snapshots.durable import put_in_place, sync, write_whole


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
    def draft(self) -> Iterator[Path]:
        """A folder in which Delta may write the next version of a table."""
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
        return [LocalPlace(log.parent) for log in sorted(self.folder.glob("*/*/_delta_log"))]

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
        """See Place. The lock of the home keeps other writers out."""
        path = self.folder / name
        if path.exists():
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.new")
        draft.touch(mode=mode)
        draft.write_text(text, encoding="utf-8")
        put_in_place(draft, path)
        return True

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
    def draft(self) -> Iterator[Path]:
        """See Place. Delta itself refuses a version that exists."""
        self.folder.mkdir(parents=True, exist_ok=True)
        yield self.folder

    def publish(self, draft: Path, files: Sequence[str], log: str) -> bool:
        """See Place. Has the disk hold what was committed, so that a power cut after it loses nothing."""
        paths = [self.folder / file for file in files]
        folders = {folder for path in paths for folder in (path.parent, self.folder)}
        for path in [*paths, self.log() / log, *folders, self.log(), self.folder.parent]:
            sync(path)
        return True

    @contextmanager
    def at_hand(self, files: Sequence[str]) -> Iterator[None]:
        """See Place."""
        yield

    @contextmanager
    def whole(self) -> Iterator[LocalPlace]:
        """See Place."""
        yield self
