"""An org's API: signing in, what its errors mean, and how many of the day's calls are left.

Signs in by OAuth: client credentials, or JWT bearer where there is a private key. Gives a `Client` that is signed in
when it is first used.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

import requests

from ingestion.source import Finding, SourceError
from ingestion.vendors.account import VendorAccount
from ingestion.vendors.client import Client, Trouble, check_url, diagnose
from ingestion.vendors.salesforce import jwt

API_VERSION = "v67.0"
LOGIN_URL = "https://login.salesforce.com"
SECRETS = ("client_id", "client_secret", "private_key")
RESERVE = 0.1  # of the org's daily calls, for everybody else

_LATER = "Run the same command again when the rolling 24 hours have passed, or lower api_reserve in pipeledger.toml."


@dataclass(frozen=True, kw_only=True)
class SalesforceApi:
    """One org, as one of its users signs in to it."""

    account: VendorAccount
    instance_url: str
    version: str = API_VERSION
    username: str = ""
    login_url: str = LOGIN_URL
    reserve: float = RESERVE

    def __post_init__(self) -> None:
        """SourceError for an address to which no credentials may go."""
        check_url(self.account.name, "instance_url", self.instance_url)
        check_url(self.account.name, "login_url", self.login_url)

    @property
    def data(self) -> str:
        """The path of the REST API."""
        return f"/services/data/{self.version}"

    @property
    def origin(self) -> str:
        """What a carried state is of: an org, seen through one version of the API."""
        return f"{urlsplit(self.instance_url).netloc} {self.version}"

    @cached_property
    def client(self) -> Client:
        """The client, signed in when it is first used."""
        return Client(
            self.account.name,
            self.instance_url,
            sign_in=self._sign_in,
            diagnose=self._diagnose,
            secrets=[known for key in SECRETS if (known := self.account.secrets.get(key))],
            **self.account.client,
        )

    # ------------------------------------------------------------ calls left

    def check(self) -> Iterator[Finding]:
        """Credentials and calls left."""
        limits = self._limits()
        yield Finding("credentials", "ok", f"accepted by {self.instance_url}")
        left, most = limits["Remaining"], limits["Max"]
        enough = left > self.reserve * most
        yield Finding(
            "daily calls",
            "ok" if enough else "fail",
            f"{left:,} of {most:,} left, {self.reserve:.0%} of them are not ours to take",
            "" if enough else "wait for the rolling 24 hours to pass, or lower api_reserve",
        )

    def check_limits(self) -> None:
        """SourceError where the calls that are left are not ours to take."""
        limits = self._limits()
        if limits["Remaining"] <= self.reserve * limits["Max"]:
            used = _used(limits["Max"] - limits["Remaining"], limits["Max"], self.reserve)
            raise SourceError(f"{self.account.name}: {used}. Nothing of this run was landed. {_LATER}")

    def _limits(self) -> dict[str, int]:
        found: dict[str, int] = self.client.get(f"{self.data}/limits").json()["DailyApiRequests"]
        return found

    # ------------------------------------------------------------ signing in

    def _sign_in(self) -> Mapping[str, str]:
        form = self._assertion() if self.account.secrets.get("private_key") else self._credentials()
        asking = Client(self.account.name, self.instance_url, secrets=form.values(), **self.account.client)
        said = asking.post("/services/oauth2/token", data=form).json()
        return {"Authorization": f"Bearer {said['access_token']}"}

    def _credentials(self) -> dict[str, str]:
        return {
            "grant_type": "client_credentials",
            "client_id": self.account.secrets["client_id"],
            "client_secret": self.account.secrets["client_secret"],
        }

    def _assertion(self) -> dict[str, str]:
        name, secrets = self.account.name, self.account.secrets
        if not self.username:
            raise SourceError(
                f"{name}: a private key and no user. Expected `username` in [sources.{name}] of pipeledger.toml: the "
                "user on whose behalf we read. Set it, then run `pipeledger doctor`."
            )
        claims = {
            "iss": secrets["client_id"],
            "sub": self.username,
            "aud": self.login_url,
            "exp": int(time.time()) + 180,
        }
        try:
            token = jwt.signed(claims, secrets["private_key"])
        except ValueError as error:
            raise SourceError(
                f"{name}: private_key: got {error}. Expected PEM as OpenSSL writes it. Correct "
                f"{secrets.variable('private_key')}, then run `pipeledger doctor`."
            ) from None
        return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": token}

    def _diagnose(self, response: requests.Response) -> Trouble | None:
        """Salesforce says 403 for too many calls, and how many were made in each answer."""
        for code, message in _error_codes(response) if not response.ok else ():
            if code == "REQUEST_LIMIT_EXCEEDED":
                if "concurrent" in message.lower():
                    return Trouble(f"{code} ({message})", "wait")
                return Trouble(f"{code} ({message})", fix=_LATER)
        used, most = _usage(response.headers.get("Sforce-Limit-Info", ""))
        if response.ok and most and used > (1 - self.reserve) * most:
            return Trouble(_used(used, most, self.reserve), fix=_LATER)
        return diagnose(response)


def _used(used: int, most: int, reserve: float) -> str:
    return f"{used:,} of the org's {most:,} daily API calls are used, and {reserve:.0%} of them are not ours to take"


def _usage(header: str) -> tuple[int, int]:
    """The calls made and allowed that `api-usage=25/15000` says; 0, 0 without it."""
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        used, _, most = value.partition("/")
        if name == "api-usage" and used.isdigit() and most.isdigit():
            return int(used), int(most)
    return 0, 0


def _error_codes(response: requests.Response) -> list[tuple[str, str]]:
    """The error codes and messages of an answer that failed."""
    try:
        said = response.json()
    except ValueError:
        return []
    return [
        (str(each.get("errorCode", "")), str(each.get("message", "")))
        for each in (said if isinstance(said, list) else [said])
        if isinstance(each, dict)
    ]
