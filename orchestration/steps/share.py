"""Share: the published file and its pages in a bucket, for those who have no access to the home.

Comes from `published/` in the home and goes to a folder of its own in the bucket, `runs/<run>/`. Once all is there,
`latest.json` is made to name that run, if it still names the one that it named before. So readers see one run whole,
and never half of one. The last few runs stay, for those who are still reading. `fetch` is what a reader does. A run on
an empty machine does it first, because it compares with what was published before; a note of that goes along.
Alone: `python -m orchestration.steps.share <bucket> <home>` fetches the newest run.
"""

import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from orchestration.settings.home import Home
from orchestration.steps.closed_months import NOTE
from orchestration.steps.publish import PublishError
from orchestration.steps.report import EARLIER
from snapshots.bucket import Bucket
from snapshots.durable import put_in_place
from snapshots.store import BucketError

LATEST = "latest.json"
RUNS = "runs"
KEPT = 5
"""Runs that stay in the bucket."""


@dataclass(frozen=True)
class Shared:
    """A run in the bucket: its name, and the SHA-256 of each of its files."""

    run: str
    files: Mapping[str, str]


def share(home: Home, url: str) -> Shared:
    """Put what is published in the home into a bucket, and have `latest.json` name it.

    Raises PublishError where another run was shared meanwhile; that one stays the newest.
    """
    bucket = Bucket(url, home.buckets)
    before = bucket.read_tagged(LATEST)
    names = [home.published.name, home.report.name, *EARLIER, NOTE]
    paths = [path for path in (_local(home, name) for name in names) if path.exists()]
    run = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{uuid4().hex[:8]}"
    mine = Shared(run, {path.name: _digest(path) for path in paths})
    for path in paths:
        bucket.upload(path, f"{RUNS}/{mine.run}/{path.name}")
    text = json.dumps({"run": mine.run, "files": dict(mine.files)}, indent=2) + "\n"
    if not (bucket.create(LATEST, text) if before is None else bucket.replace(LATEST, text, before[1])):
        raise PublishError(
            f"{bucket}: another run was shared while this one was uploaded; it stays the newest there. "
            "Run `pipeledger build` to share what the ledger says now."
        )
    there = (bucket / RUNS).sizes()
    kept = sorted({name.partition("/")[0] for name in there})[-KEPT:]
    for name in there:
        if name.partition("/")[0] not in (*kept, mine.run):
            (bucket / RUNS).delete(name)
    return mine


def fetch(url: str, home: Home) -> Shared:
    """Put the newest run of a bucket into `published/` of a home, each file whole.

    Raises BucketError where there is none, or its files are not those that were shared.
    """
    bucket = Bucket(url, home.buckets)
    folder = home.published.parent
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder, prefix=".fetched-") as scratch:
        for _ in range(2):  # a run may make room for newer ones while it is fetched
            newest = _newest(bucket)
            bucket.fetch([f"{RUNS}/{newest.run}/{name}" for name in newest.files], Path(scratch))
            fetched = {name: Path(scratch, RUNS, newest.run, name) for name in newest.files}
            wrong = [name for name, path in fetched.items() if _digest(path) != newest.files[name]]
            if not wrong:
                break
        else:
            raise BucketError(
                f"{bucket}/{RUNS}/{newest.run}: {', '.join(wrong)} missing, or not as it was shared. "
                "The files here stay as they were. Run `pipeledger build` where the ledger is, then this again."
            )
        if NOTE in fetched:  # which names the file by its size and the time of its last change
            changed = json.loads(fetched[NOTE].read_bytes())["file"][1]
            os.utime(fetched[home.published.name], ns=(changed, changed))
        for name, path in sorted(fetched.items()):
            target = _local(home, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, target.with_name(f".{name}.new"))
            put_in_place(target.with_name(f".{name}.new"), target)
    for name in {NOTE, *EARLIER} - newest.files.keys():
        _local(home, name).unlink(missing_ok=True)
    return newest


def recall(home: Home, url: str | None) -> None:
    """Have what was published before at hand, on a machine that kept nothing; nothing where nothing was shared."""
    if url is not None and not home.published.exists() and Bucket(url, home.buckets).read(LATEST) is not None:
        fetch(url, home)


def _local(home: Home, name: str) -> Path:
    return home.dbt / name if name == NOTE else home.published.with_name(name)


def _newest(bucket: Bucket) -> Shared:
    text = bucket.read(LATEST)
    if text is None:
        raise BucketError(
            f"{bucket}/{LATEST}: no such file, the name of the newest run expected. Nothing was fetched. "
            "Run `pipeledger build` with [publish] to naming this bucket, or correct its name."
        )
    try:
        told = json.loads(text)
        return Shared(Path(told["run"]).name, {Path(name).name: str(digest) for name, digest in told["files"].items()})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BucketError(
            f"{bucket}/{LATEST}: not the name of a run ({error}). Nothing was fetched. "
            "Run `pipeledger build` where the ledger is, then this again."
        ) from error


def _digest(path: Path) -> str:
    """SHA-256 of a file's bytes; empty where there is none."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    print(fetch(sys.argv[1], Home(Path(sys.argv[2]).resolve())))
