"""An account's API: its key, lists that are read whole while they change, and what its errors mean."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import requests

from ingestion.source import SourceError
from ingestion.vendors.account import VendorAccount
from ingestion.vendors.client import Client, Trouble, check_url, diagnose, said

API_VERSION = "2026-10-28.endive"
OLDEST_VERSION = "2025-09-30"  # from it on a discount names its coupon in `source`
BASE_URL = "https://api.stripe.com"
PAGE_ROWS = 100  # what Stripe gives at most
STEPS_BACK = 100  # of one list, from objects that were deleted while it was read

Row = dict[str, Any]


class GoneError(Exception):
    """What was asked for has been deleted."""


@dataclass(frozen=True, kw_only=True)
class StripeApi:
    """One account, as a restricted key sees it."""

    account: VendorAccount
    base_url: str = BASE_URL
    version: str = API_VERSION
    page_rows: int = PAGE_ROWS

    def __post_init__(self) -> None:
        """SourceError for an address to which no key may go, and for a version that is too old."""
        name = self.account.name
        check_url(name, "base_url", self.base_url)
        if self.version < OLDEST_VERSION:
            raise SourceError(
                f"{name}: api_version: got {self.version}. Expected {OLDEST_VERSION} or a later one, such as "
                f"{API_VERSION}. Correct [sources.{name}] in pipeledger.toml."
            )

    @property
    def origin(self) -> str:
        """What a carried state is of: what a key sees, through one version of the API."""
        key = sha256(self.account.secrets["api_key"].encode()).hexdigest()[:12]
        return f"{urlsplit(self.base_url).netloc} {self.version} {key}"

    @cached_property
    def client(self) -> Client:
        """The client; the key is read when it is first needed."""
        return self._make_client(_diagnose)

    @cached_property
    def asking(self) -> Client:
        """A client that hands out refusals of single lists, too."""
        return self._make_client(lambda response: None if response.status_code == 403 else _diagnose(response))

    def _make_client(self, look: Callable[[requests.Response], Trouble | None]) -> Client:
        return Client(
            self.account.name,
            self.base_url,
            headers={"Stripe-Version": self.version},
            sign_in=lambda: {"Authorization": f"Bearer {self.account.secrets['api_key']}"},
            diagnose=look,
            **self.account.client,
        )

    def listed(self, path: str, asked: Mapping[str, Any], *, begun: Sequence[Row] = ()) -> Iterator[Row]:
        """The objects of a list, page after page, from those it has `begun` with.

        A page follows the last object known. If that was deleted meanwhile it is left out, and the page follows the
        one before: for this a page is held back until the next one is there.
        """
        held = list(begun)
        known = dict.fromkeys(row["id"] for row in begun)
        steps_back = 0
        for number in count(1):
            after = next(reversed(known), None)
            cursor = {"starting_after": after} if after else {}
            response = self.client.get(path, params={"limit": self.page_rows, **asked, **cursor})
            if error_of(response).get("param") == "starting_after":
                if steps_back == STEPS_BACK:
                    got = f"{steps_back + 1:,} objects were deleted just when the list was read up to them"
                    raise self._wrong(path, got, "a list that stands still")
                steps_back += 1
                known.popitem()
                held = held[:-1]  # of those that were handed on the next run's events tell
                continue
            if response.status_code == 404:
                raise GoneError
            page = response.json()
            rows = page.get("data")
            if not isinstance(rows, list) or not isinstance(page.get("has_more"), bool):
                raise self._wrong(path, f"page {number} is no list", "`data` and `has_more`")
            ids = [row["id"] for row in rows]
            if len(set(ids)) < len(ids) or not known.keys().isdisjoint(ids):
                raise self._wrong(path, f"page {number} repeats objects", "each object once")
            if page["has_more"] and not rows:
                raise self._wrong(path, f"page {number} is empty and more is to come", "its objects")
            yield from held
            if not page["has_more"]:
                yield from rows
                return
            held = rows
            known.update(dict.fromkeys(ids))

    def get(self, path: str, expand: Sequence[str]) -> Row | None:
        """One object, or None if there is none of this id."""
        asked = {f"expand[{number}]": name for number, name in enumerate(expand)}
        response = self.client.get(path, params=asked)
        found: Row | None = None if response.status_code == 404 else response.json()
        return found

    def _wrong(self, path: str, got: str, expected: str) -> SourceError:
        return SourceError(
            f"{self.account.name}: {path}: {got}. Expected {expected}. Nothing of this run was landed. Run the same "
            "command again."
        )


def _diagnose(response: requests.Response) -> Trouble | None:
    """Stripe says itself whether trying again makes sense, and of an object that is gone that it is missing."""
    trouble = diagnose(response)
    if response.ok and trouble is None and not response.content.strip().startswith(b"{"):
        return Trouble(f"HTTP {response.status_code} without an object", "wait")
    error = error_of(response)
    if error.get("code") == "resource_missing" and (
        response.status_code == 404 or error.get("param") == "starting_after"
    ):
        return None
    if trouble and response.status_code == 403:
        return Trouble(trouble.reason, fix="Give the key read access; `pipeledger doctor` says to what.")
    told = response.headers.get("Stripe-Should-Retry")
    if trouble and trouble.remedy != "sign_in":
        if told == "true" or response.status_code == 409:
            return Trouble(trouble.reason, "wait", trouble.wait)
        if told == "false" and response.status_code != 429:
            return Trouble(trouble.reason, fix=trouble.fix or "Run the same command again later.")
    return trouble


def error_of(response: requests.Response) -> Row:
    """What an answer says of its error; empty where it says nothing."""
    error = said(response).get("error")
    return error if isinstance(error, dict) else {}


def refusal_of(response: requests.Response) -> str:
    """What a refusal says, without the key that it quotes in part."""
    message = str(error_of(response).get("message", "refused"))
    return message.rsplit(". Having", 1)[-1].strip() if "Having" in message else f"HTTP {response.status_code}"
