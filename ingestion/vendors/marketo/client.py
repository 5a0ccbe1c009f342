"""A subscription's API: signing in by client credentials, and what its errors mean, most of which come as HTTP 200."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import requests

from ingestion.vendors.account import VendorAccount
from ingestion.vendors.client import Client, Trouble, check_url, diagnose, retry_after

SECRETS = ("client_id", "client_secret")

_AGAIN = ("601", "602")
_WAIT = {"502": 0, "604": 0, "606": 20, "608": 0, "611": 0, "615": 0, "713": 0}  # seconds, unless Marketo says how many
_FOR_CALLERS = ("702", "1029", "1035")  # not there; the queue is full; filter not supported
_TOMORROW = "Run the same command again after midnight Central Time, or buy more."
_PERMISSIONS = {
    "/bulk/v1/leads": "Read-Only Lead",
    "/rest/v1/leads": "Read-Only Lead",
    "/bulk/v1/activities": "Read-Only Activity",
    "/rest/v1/activities": "Read-Only Activity",
    "/rest/v1/campaigns": "Read-Only Campaign",
    "/rest/asset": "Read-Only Assets",
}


@dataclass(frozen=True, kw_only=True)
class MarketoApi:
    """One subscription, as one API user signs in to it."""

    account: VendorAccount
    base_url: str

    def __post_init__(self) -> None:
        """SourceError for an address to which no credentials may go."""
        check_url(self.account.name, "base_url", self.base_url)

    @property
    def origin(self) -> str:
        """What a carried state is of: a subscription."""
        return urlsplit(self.base_url).netloc

    @cached_property
    def client(self) -> Client:
        """The client, signed in when it is first used."""
        return Client(
            self.account.name,
            self.base_url,
            sign_in=self._sign_in,
            diagnose=_diagnose,
            secrets=[known for key in SECRETS if (known := self.account.secrets.get(key))],
            **self.account.client,
        )

    def get(self, path: str, asked: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The JSON that a path answers."""
        found: dict[str, Any] = self.client.get(path, params=dict(asked or {})).json()
        return found

    def _sign_in(self) -> Mapping[str, str]:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.account.secrets["client_id"],
            "client_secret": self.account.secrets["client_secret"],
        }
        asking = Client(self.account.name, self.base_url, secrets=form.values(), **self.account.client)
        said = asking.post("/identity/oauth/token", data=form).json()
        return {"Authorization": f"Bearer {said['access_token']}"}


def error_of(said: Mapping[str, Any]) -> tuple[str, str]:
    """The code and message of an answer without success."""
    errors = said.get("errors") or [{}]
    return str(errors[0].get("code", "")), str(errors[0].get("message", ""))


def _diagnose(response: requests.Response) -> Trouble | None:
    """Marketo says nearly all that goes wrong as HTTP 200."""
    trouble = diagnose(response)
    is_file = str(response.request.path_url).partition("?")[0].endswith("/file.json")
    is_json = "json" in response.headers.get("Content-Type", "")
    if trouble or (is_file and not is_json):
        return trouble
    said = response.json() if response.content and is_json else None
    if not isinstance(said, dict) or "success" not in said:
        return Trouble("an answer that says neither success nor error", "wait")
    if said["success"]:
        return None
    code, message = error_of(said)
    reason = f"error {code} ({message})"
    if code in _AGAIN:
        return Trouble(reason, "sign_in", fix="Check the credentials with `pipeledger doctor`.")
    if code in _WAIT:
        return Trouble(reason, "wait", retry_after(response) or _WAIT[code] or None)
    if code == "607" or (code == "1029" and "quota" in message.lower()):
        return Trouble(reason, fix=_TOMORROW)
    if code == "603":
        path = str(response.request.path_url)
        needed = next((name for start, name in _PERMISSIONS.items() if path.startswith(start)), "access")
        return Trouble(reason, fix=f"Grant the role of the API user the permission {needed}, then `pipeledger doctor`.")
    if code in _FOR_CALLERS and not is_file:
        return None
    return Trouble(reason, fix="Check permissions and options with `pipeledger doctor`.")
