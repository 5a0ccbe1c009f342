"""A place in object storage: S3 (or what speaks like it), Google Cloud Storage, Azure.

Requests are the cost, and two writers may meet. So Delta never talks to the store: the JSON files of a table's log
are copied to this machine once a run, Delta writes the next version into a folder beside that copy, and what it wrote
is put into the bucket, the file of the log last and only if no other has its name. That one request is the commit.
Files are never changed once they are written; the newest log file is read again in each run and held against the copy,
and a file of another length is fetched anew. `whole` and `at_hand` read the bucket itself.

Keys come from the environment alone, under the names that the store's own tools use (`AWS_ACCESS_KEY_ID`, ...).
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from uuid import uuid4

from snapshots.durable import write_whole
from snapshots.place import LocalPlace, Place, link_log, new_checkpoints
from snapshots.store import BucketError, UnreachableError

AT_ONCE = 16
"""Requests under way at a time."""
TIMEOUT = timedelta(seconds=60)
RETRIES = {"max_retries": 5, "retry_timeout": timedelta(seconds=60)}
Result = TypeVar("Result")
Tag = dict[str, str]
"""What tells one content of a file from another: an etag, and with Google a version."""
HOSTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "GOOGLE_BASE_URL", "AZURE_STORAGE_ENDPOINT")
"""The names of the environment that lead to a store of one's own."""


class Bucket(Place):
    """What lies in a bucket under a prefix. `folder` is this machine's copy of what is needed at hand."""

    def __init__(self, url: str, folder: Path, parent: Bucket | None = None) -> None:
        self.url = url.rstrip("/")
        self.folder = folder
        self._key: str = "" if parent is None else f"{parent._key}{url.removeprefix(parent.url).strip('/')}/"
        self._store: Any = _connect(self.url) if parent is None else parent._store
        self._caught_up: set[str] = set() if parent is None else parent._caught_up

    def __truediv__(self, name: str) -> Bucket:
        return Bucket(f"{self.url}/{name}", self.folder / name, self)

    def __str__(self) -> str:
        return self.url

    def forget(self) -> None:
        """A new run begins: what was read of the logs before may be old."""
        self._caught_up.clear()

    # -- requests -----------------------------------------------------------------------------------

    def _ask(self, request: Callable[[], Result]) -> Result:
        """What the store answers; its errors as ours."""
        from obstore import exceptions

        try:
            return request()
        except (exceptions.AlreadyExistsError, exceptions.PreconditionError):
            raise
        except (FileNotFoundError, exceptions.BaseError) as error:
            if re.search("NoSuchBucket|ContainerNotFound", str(error)):
                raise BucketError(
                    f"{self.url}: there is no such bucket ({_said(error)}). "
                    "Make it, or correct its name in the settings, then run the command again."
                ) from None
            if isinstance(error, FileNotFoundError):
                raise
            if re.search(r"status code: 40[13]\b|<Code>(Expired|Invalid)Token<", str(error)):
                raise BucketError(
                    f"{self.url}: the store lets nobody in with these keys ({_said(error)}). "
                    "Check the keys in the environment and what they may do, then run the command again."
                ) from None
            raise UnreachableError(
                f"{self.url}: no sound answer from the store ({_said(error)}). Check its address, the region and the "
                "network, then run the command again."
            ) from None

    def sizes(self, name: str = "") -> dict[str, int]:
        """All files below this place, or below the place `name` in it: their sizes in bytes."""
        import obstore

        prefix = f"{self._key}{name}"
        found = self._ask(lambda: [each for page in obstore.list(self._store, prefix) for each in page])
        return {each["path"].removeprefix(self._key): each["size"] for each in found}

    def folders(self) -> list[str]:
        """The names of the places right below this one."""
        import obstore

        found = self._ask(lambda: obstore.list_with_delimiter(self._store, self._key))
        return sorted(PurePosixPath(prefix).name for prefix in found["common_prefixes"])

    def read(self, name: str) -> bytes | None:
        """See Place."""
        found = self.read_tagged(name)
        return None if found is None else found[0]

    def read_tagged(self, name: str) -> tuple[bytes, Tag] | None:
        """The bytes of a file and the tag of its content, which `replace` takes; None where there is none."""
        import obstore

        def request() -> tuple[bytes, Tag]:
            answer = obstore.get(self._store, self._key + name)
            tag = {"e_tag": answer.meta["e_tag"], "version": answer.meta["version"]}
            return bytes(answer.bytes()), {name: said for name, said in tag.items() if said is not None}

        try:
            return self._ask(request)
        except FileNotFoundError:
            return None

    def read_many(self, names: Iterable[str]) -> dict[str, bytes]:
        """The bytes of many small files, asked for at once; one that is missing is left out."""
        names = list(names)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = zip(names, pool.map(self.read, names), strict=True)
            return {name: data for name, data in found if data is not None}

    def fetch(self, names: Iterable[str], folder: Path) -> None:
        """Copies many files, of any size, into a folder under their names; one that is missing is left out."""
        import obstore

        def one(name: str) -> None:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)

            def request() -> None:
                with target.open("wb") as file:
                    for part in obstore.get(self._store, self._key + name).stream():
                        file.write(part)

            try:
                self._ask(request)
            except FileNotFoundError:
                target.unlink()

        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(one, names))

    def changed_at(self, name: str) -> datetime | None:
        """When a file was last written, by the store's clock; None where there is none."""
        import obstore

        try:
            return self._ask(lambda: obstore.head(self._store, self._key + name))["last_modified"]
        except FileNotFoundError:
            return None

    def create(self, name: str, text: str, *, mode: int = 0o644) -> bool:
        """See Place. Who may read it says the bucket's policy; `mode` means nothing here."""
        return self._create(name, text.encode())

    def _create(self, name: str, data: bytes) -> bool:
        """Puts a file that must not exist yet. An answer may be lost although the store has done what it was asked:
        where the file exists, or nobody can tell, its content says whether it is ours.
        """
        import obstore
        from obstore.exceptions import AlreadyExistsError

        try:
            self._ask(lambda: obstore.put(self._store, self._key + name, data, mode="create"))
        except AlreadyExistsError:
            return self.read(name) == data
        except UnreachableError as error:
            try:
                found = self.read(name)
            except UnreachableError:
                raise UnreachableError(
                    f"{self.url}/{name}: the store's answer was lost, and it does not say if the file was written. "
                    "Run the command again: it begins with what the store has."
                ) from error
            if found is None:
                raise
            return found == data
        return True

    def keeps_what_it_has(self) -> bool:
        """Whether the store refuses to make a file that exists, tried on one made for it. Commits rest on that."""
        name = f"probe-{uuid4().hex}"
        try:
            return self.create(name, "first") and not self.create(name, "second")
        finally:
            self.delete(name)

    def replace(self, name: str, text: str, tag: Tag) -> bool:
        """Replaces a file whose content still has the tag that `read_tagged` gave; False where it has not."""
        import obstore
        from obstore.exceptions import PreconditionError

        mode: Any = tag
        try:
            self._ask(lambda: obstore.put(self._store, self._key + name, text.encode(), mode=mode))
        except (PreconditionError, FileNotFoundError):
            return self.read(name) == text.encode()
        return True

    def write(self, name: str, text: str) -> None:
        """See Place."""
        import obstore

        self._ask(lambda: obstore.put(self._store, self._key + name, text.encode()))

    def delete(self, name: str) -> None:
        """See Place."""
        import obstore

        if self.changed_at(name) is not None:
            self._ask(lambda: obstore.delete(self._store, self._key + name))

    def upload(self, path: Path, name: str) -> None:
        """Puts a file of any size there, whole or not at all."""
        import obstore

        self._ask(lambda: obstore.put(self._store, self._key + name, path))

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """See Place. A file that is as it was is not written again."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=self.folder) as folder:
            draft = Path(folder) / PurePosixPath(name).name
            yield draft
            if self.read(name) != draft.read_bytes():
                self.upload(draft, name)

    # -- a Delta table ------------------------------------------------------------------------------

    def tables(self) -> list[Bucket]:
        """See Place."""
        places = [self / source / entity for source in self.folders() for entity in (self / source).folders()]
        return [place for place in places if any(place.log().iterdir())]

    def days(self) -> list[str]:
        """See Place."""
        return [day.partition("=")[2] for day in self.folders() if day.startswith("snapshot_date=")]

    def log(self) -> Path:
        """See Place. Checkpoints are left where they are: they sum up what the JSON files say.

        Unless the newest remembers a commit that is lost: with it, the table is refused as it is on disk.
        """
        log = self.folder / "_delta_log"
        if self.url not in self._caught_up:
            log.mkdir(parents=True, exist_ok=True)
            self._catch_up(log)
            self._caught_up.add(self.url)
        return log

    def _catch_up(self, log: Path) -> None:
        """Makes the copy of the log what the bucket holds."""
        kept = {PurePosixPath(name).name: size for name, size in self.sizes("_delta_log/").items()}
        listed = {name: size for name, size in kept.items() if re.fullmatch(r"\d+\.json", name)}
        summed_up = max((name for name in kept if ".checkpoint." in name), default="").partition(".")[0]
        if listed and summed_up > max(listed).partition(".")[0]:
            listed |= {name: size for name, size in kept.items() if name.startswith(f"{summed_up}.checkpoint.")}
        copies = [*log.glob("*.json"), *log.glob("*.checkpoint.*")]
        have = {file.name: file.stat().st_size for file in copies}
        for name in have.keys() - listed.keys():
            (log / name).unlink()
        newest = max(listed, default="")
        wanted = {name for name, size in listed.items() if have.get(name) != size or name == newest}
        found = self._read_log(wanted)
        if have.get(newest) == listed.get(newest) and newest in found and found[newest] != _bytes(log / newest):
            found = self._read_log(listed)  # another history of the same length
        for name, data in found.items():
            if have.get(name) != len(data) or _bytes(log / name) != data:
                write_whole(log / name, data)

    def _read_log(self, names: Iterable[str]) -> dict[str, bytes]:
        return (self / "_delta_log").read_many(names)

    @contextmanager
    def draft(self, version: int) -> Iterator[Path]:
        """See Place. Holds the log alone: to replace days, Delta needs no file of them."""
        folder = self.folder / "draft"
        shutil.rmtree(folder, ignore_errors=True)
        link_log(self.log(), folder, version)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def publish(self, draft: Path, files: Sequence[str], log: str) -> bool:
        """See Place. Raises UnreachableError where nobody can tell whether the commit was made."""
        self._caught_up.discard(self.url)  # until it is known that the copy is what the bucket holds
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda file: self.upload(draft / file, file), files))
        data = (draft / "_delta_log" / log).read_bytes()
        if not self._create(f"_delta_log/{log}", data):
            return False
        write_whole(self.folder / "_delta_log" / log, data)
        self._caught_up.add(self.url)
        for checkpoint in new_checkpoints(draft, log):
            self.upload(checkpoint, f"_delta_log/{checkpoint.name}")
        return True

    @contextmanager
    def at_hand(self, files: Sequence[str]) -> Iterator[None]:
        """See Place."""
        try:
            self.fetch(files, self.folder)
            yield
        finally:
            for day in self.folder.glob("snapshot_date=*"):
                shutil.rmtree(day)

    @contextmanager
    def whole(self) -> Iterator[LocalPlace]:
        """See Place."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=self.folder) as folder:
            copy = Path(folder, *self.table_name)
            copy.mkdir(parents=True)
            self.fetch(self.sizes(), copy)
            yield LocalPlace(copy)


def _connect(url: str) -> Any:
    """The store that a URL names, with the keys of the environment."""
    try:
        from obstore.store import from_url
    except ModuleNotFoundError:
        raise BucketError(
            f"{url}: the package obstore is missing. Nothing was read or written. Install pipeledger with its extra "
            "`objects` (`make setup-objects`), then run the command again."
        ) from None
    is_plain = any(os.environ.get(name, "").startswith("http://") for name in HOSTS)  # within one's own network
    options: Any = {"client_options": {"timeout": TIMEOUT, "allow_http": is_plain}, "retry_config": RETRIES}
    try:
        return from_url(url, **options)
    except Exception as error:
        raise BucketError(
            f"{url}: not a place in a bucket ({_said(error)}). Correct [ledger] path or [publish] to."
        ) from None


def _said(error: Exception) -> str:
    """What a store's error comes to: its first line, the code that the store gave, and nothing that could be secret."""
    text = str(error)
    code = re.search(r"<Code>(\w+)</Code>", text)
    line = re.split(": <(?:\\?xml|Error)", text.splitlines()[0])[0][:300]
    return f"{line}, {code[1]}" if code else line


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
