"""A HubSpot account's API: the token of a private app, what its errors mean, and how many of the day's calls are left.

Paths are date-versioned (`api_version`, also "v3"). Gives a `Client`, and a `Reader` of lists, searches and batches.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import requests

from ingestion.source import Finding, SourceError
from ingestion.vendors.account import VendorAccount
from ingestion.vendors.client import Client, Trouble, check_url, diagnose, message_of, retry_after, said
from ingestion.vendors.hubspot.objects import OBJECTS
from ingestion.vendors.hubspot.reader import Reader, Row, path

API_VERSION = "2026-03"
BASE_URL = "https://api.hubapi.com"
RESERVE = 0.1  # of the account's daily calls, for everybody else

_ASKED_FOR = {
    "/email/public": ("email_event",),
    "/form-integrations": ("form_submission",),
    "/forms": ("form", "form_submission"),
    "/campaigns": ("campaign", "campaign_asset"),
    "/owners": ("owner",),
}
"""Which entities ask for paths with this in them, where they are no CRM objects."""
_MAY_BE_GONE = re.compile(r"/email/public/v1/campaigns/|/form-integrations/v1/submissions/")
_VERSION = re.compile(r"\d{4}-\d{2}(-beta)?|v[34]")
_LATER = "Run the same command again when HubSpot's day has passed, or lower api_reserve in pipeledger.toml."


@dataclass(frozen=True, kw_only=True)
class HubspotApi:
    """One account, as a private app signs in to it."""

    account: VendorAccount
    base_url: str = BASE_URL
    version: str = API_VERSION
    reserve: float = RESERVE

    def __post_init__(self) -> None:
        """SourceError for an address to which no credentials may go, and for a version that cannot be."""
        name = self.account.name
        check_url(name, "base_url", self.base_url)
        if not _VERSION.fullmatch(self.version):
            raise SourceError(
                f"{name}: api_version: got {self.version!r}. Expected one such as {API_VERSION}, or v3. Correct "
                f"[sources.{name}] in pipeledger.toml."
            )

    @cached_property
    def client(self) -> Client:
        """The client; the token is read when it is first needed, and again where it is refused."""
        return Client(
            self.account.name,
            self.base_url,
            sign_in=lambda: {"Authorization": f"Bearer {self.account.secrets['access_token']}"},
            diagnose=self._diagnose,
            **self.account.client,
        )

    @cached_property
    def reader(self) -> Reader:
        """What reads lists, searches and batches."""
        return Reader(self.account.name, self.client, self.version)

    @property
    def origin(self) -> str:
        """What a carried state is of: an account, seen through one version of the API."""
        return f"{urlsplit(self.base_url).netloc} {self._portal} {self.version}"

    def path(self, api: str, *rest: str) -> str:
        """The path of an API in this version."""
        return path(self.version, api, *rest)

    def get(self, api: str, *rest: str, **asked: Any) -> requests.Response:
        """The answer of an API, asked for with these parameters; `self.path` says the path."""
        return self.client.get(self.path(api, *rest), params=asked)

    def properties(self, objects: str) -> dict[str, Row]:
        """The properties of CRM objects that the app may read, by name."""
        found = self.get("crm/properties", objects).json()["results"]
        return {each["name"]: each for each in found if not each.get("archived")}

    def check(self) -> Iterator[Finding]:
        """The token and the calls that are left."""
        yield Finding("credentials", "ok", f"accepted by {self.base_url} for account {self._portal}")
        usage = self.get("account-info", "api-usage", "daily", "private-apps").json()["results"]
        for each in usage[:1]:
            most = int(each["usageLimit"])
            left = most - int(each["currentUsage"])
            enough = left > self.reserve * most
            yield Finding(
                "daily calls",
                "ok" if enough else "fail",
                f"{left:,} of {most:,} left, {self.reserve:.0%} of them are not ours to take",
                "" if enough else "wait for HubSpot's day to pass, or lower api_reserve",
            )

    def may_read(self, objects: str) -> bool:
        """Whether the app has the scope of some objects, the account has bought them and this version of the API knows
        them; other failures are raised.
        """
        try:
            self.get("crm/objects", objects, limit=1)
            self.properties(objects)
        except SourceError as error:
            if any(f"HTTP {code}" in str(error) for code in (400, 403, 404)):
                return False
            raise
        return True

    @cached_property
    def _portal(self) -> str:
        return str(self.get("account-info", "details").json()["portalId"])

    def _diagnose(self, response: requests.Response) -> Trouble | None:
        """HubSpot says which limit was reached, and which scope is missing."""
        told = said(response) if not response.ok else {}
        if response.status_code == 429:
            policy = str(told.get("policyName") or "no policy named")
            if policy == "DAILY":
                return Trouble(f"HTTP 429 ({policy})", fix=_LATER)
            return Trouble(f"HTTP 429 ({policy})", "wait", retry_after(response))
        if response.status_code in (423, 477):  # locked, or the account is being moved
            return Trouble(f"HTTP {response.status_code}", "wait", retry_after(response))
        if response.status_code == 404 and _MAY_BE_GONE.match(str(response.request.path_url)):
            return None
        if told.get("category") == "MISSING_SCOPES":
            scopes = sorted(
                {
                    scope
                    for error in told.get("errors", ())
                    for name in ("requiredGranularScopes", "requiredScopes")
                    for scope in error.get("context", {}).get(name, ())
                }
            )
            return Trouble(
                f"HTTP {response.status_code} (MISSING_SCOPES: {', '.join(scopes) or 'not named'})",
                fix=f"Grant the private app one of these, or {self._without(response)}",
            )
        if response.status_code == 403:  # the account has not bought it
            return Trouble(f"HTTP 403 ({message_of(response)})", fix=f"Grant it, or {self._without(response)}")
        most, left = (response.headers.get(f"X-HubSpot-RateLimit-Daily{end}", "") for end in ("", "-Remaining"))
        if response.ok and most.isdigit() and left.isdigit() and int(left) < self.reserve * int(most):
            return Trouble(
                f"{int(most) - int(left):,} of the account's {int(most):,} daily API calls used, and "
                f"{self.reserve:.0%} of them are not ours to take",
                fix=_LATER,
            )
        return diagnose(response)

    def _without(self, response: requests.Response) -> str:
        """How to leave out what asked for this."""
        asked = str(response.request.path_url).partition("?")[0]
        entities = next((names for part, names in _ASKED_FOR.items() if part in asked), ()) or [
            entity for entity, of in OBJECTS.items() if asked.endswith(f"/{of.name}")
        ]
        named = ", ".join(f'"{entity}"' for entity in entities)
        where = f"[sources.{self.account.name}] in pipeledger.toml"
        return f"leave out what needs it: exclude = [{named or '...'}] under {where}."
