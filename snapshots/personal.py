"""What is personal: kept apart from the ledger, so that a person can be erased.

Comes from the landing and goes to `personal/<source>/<entity>.parquet`, the newest day alone. The ledger has only a
digest of the e-mail address, salted with `personal/salt`.
"""

from __future__ import annotations

import secrets

import duckdb

from snapshots.contact import EMAIL_DIGEST
from snapshots.digest import literal, quoted
from snapshots.landed import Manifest
from snapshots.ledger import LedgerTable
from snapshots.store import CaptureError, Store


def email_salt(store: Store, source: str) -> str:
    """The secret that makes digests of e-mail addresses useless to others; made once, kept with the personal columns.

    Raises CaptureError where it is lost: with another one, nobody would match their earlier self.
    """
    salt = store.personal.read("salt")
    if salt is None:
        if any(EMAIL_DIGEST in LedgerTable(place).columns() for place in store.ledger.tables()):
            raise CaptureError(
                f"{source}: {store.personal / 'salt'} is missing, and the ledger has digests of e-mail addresses that "
                "were made with it. Nothing was captured. Restore the folder from a backup, then run the command again."
            )
        store.personal.create("salt", secrets.token_hex(32), mode=0o600)
        salt = store.personal.read("salt")  # which another writer may have made in the meantime
    if not salt:
        raise CaptureError(
            f"{source}: {store.personal / 'salt'} is empty, a secret expected. Nothing was captured. "
            "Restore it from a backup, then run the command again."
        )
    return salt.decode().strip()


def write_personal(con: duckdb.DuckDBPyConnection, store: Store, manifest: Manifest) -> None:
    """Replaces the personal columns of an entity by those of one extraction, whose landing is attached to `con`.

    Rows that the source rejects or says are deleted have none. Raises CaptureError where another program writes them.
    """
    table = f"landing.{quoted(manifest.source)}.{quoted(manifest.entity)}"
    landed = {row[0]: row[1] for row in con.execute(f"describe {table}").fetchall()}
    key = [
        f"{manifest.value(name, landed[name], manifest.governed.get(name, 'VARCHAR'))} as {quoted(name)}"
        for name in manifest.key
    ]
    rows = (
        f"select {', '.join([*key, *map(quoted, manifest.personal)])} from {table} "
        f"where _pl_extraction_id = {literal(manifest.extraction_id)} and _pl_reject is null"
    )
    if manifest.deleted:
        rows += f" and lower(cast({quoted(manifest.deleted)} as varchar)) not in ('true', '1', 'yes') is not false"
    try:
        with store.personal.writing(f"{manifest.source}/{manifest.entity}.parquet") as draft:
            con.execute(f"copy ({rows}) to {literal(str(draft))} (format parquet)")
    except (duckdb.IOException, FileNotFoundError) as error:  # the other has the draft open, or has put it in place
        if isinstance(error, duckdb.IOException) and "lock" not in str(error):
            raise
        raise CaptureError(
            f"{manifest.source}.{manifest.entity}: another program is writing its personal columns "
            f"({str(error).splitlines()[0]}). Nothing was captured. Wait until it is done, then run the command again."
        ) from error
