"""Files that are whole or not there at all, whenever a process is killed or the power goes.

A file is written under another name, made durable, and then takes the place of the old one.
"""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, text: str | bytes) -> None:
    """Replaces a small file by `text`, in UTF-8."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(text.encode() if isinstance(text, str) else text)
    put_in_place(draft, path)


def put_in_place(draft: Path, path: Path) -> None:
    """Makes a finished file in the same folder durable, then gives it the name of the one that it replaces."""
    sync(draft)
    draft.replace(path)
    sync(path.parent)


def put_if_absent(draft: Path, path: Path) -> bool:
    """Makes a finished file durable, then gives it a name that no file has; False where one has it."""
    sync(draft)
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    sync(path.parent)
    return True


def sync(path: Path) -> None:
    """Has the disk hold the bytes of a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
