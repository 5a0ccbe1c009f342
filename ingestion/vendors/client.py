"""Asking a vendor: one way of asking and one way of failing, for the clients of all vendors.

A `Client` is dlt's RESTClient (`get`, `post`, `paginate` with dlt's paginators) over a `Session` that repeats what is
worth repeating (429 with its Retry-After, 5xx, resets, timeouts, bodies that break off), signs in again once when a
token expires in the middle, and ends every other trouble as a SourceError. Whoever gets a response from it may read it
without looking at its status.

Secrets never reach a message: URLs are printed without their query, exceptions of `requests` are not chained, and
what the vendor says is shown with the known secrets blotted out. Sleep, chance and base URL are arguments.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import count
from typing import Any, Literal
from urllib.parse import urlsplit

import requests
from dlt.common.configuration.specs import RuntimeConfiguration
from dlt.sources.helpers.rest_client.client import PageData, RESTClient
from requests.exceptions import ChunkedEncodingError, ContentDecodingError, Timeout

from ingestion.source import SourceError

SignIn = Callable[[], Mapping[str, str]]

_BROKEN_OFF = (ChunkedEncodingError, ContentDecodingError)
_TRANSIENT = (requests.ConnectionError, Timeout, *_BROKEN_OFF)
_BLOCK_BYTES = 1 << 20
_SHOWN = 300  # characters of what a vendor says


@dataclass(frozen=True)
class Patience:
    """How often and how long to try. Waits double from `first_wait`, up to `longest_wait`, with jitter."""

    attempts: int = 6
    first_wait: float = 1.0
    longest_wait: float = 60.0
    longest_asked: float = 300.0  # a Retry-After beyond it is a refusal
    connect_timeout: float = 10.0
    read_timeout: float = 120.0


@dataclass(frozen=True)
class Trouble:
    """Why an answer is not usable, and what may help: waiting, signing in again, or nothing but a person."""

    reason: str
    remedy: Literal["wait", "sign_in", "none"] = "none"
    wait: float | None = None  # seconds that the vendor asks for
    fix: str = ""  # the next step for a person


def diagnose(response: requests.Response) -> Trouble | None:
    """What is wrong with an answer by HTTP's own rules; None if nothing is."""
    status, said = response.status_code, message_of(response)
    reason = f"HTTP {status}" + (f" ({said})" if said else "")
    if status == 401:
        return Trouble(reason, "sign_in", fix="Check the credentials with `pipeledger doctor`.")
    if status == 429 or status in (408, 425) or status >= 500:
        return Trouble(reason, "wait", retry_after(response))
    if not response.ok or response.is_redirect:
        return Trouble(reason, fix="Check permissions and options with `pipeledger doctor`.")
    if "json" in response.headers.get("Content-Type", "") and response.content:
        try:
            response.json()
        except ValueError:
            return Trouble(f"HTTP {status} with JSON that breaks off after {len(response.content):,} bytes", "wait")
    return None


def retry_after(response: requests.Response) -> float | None:
    """The seconds that the header Retry-After asks for, as a number or as a date; None without a usable one."""
    asked = response.headers.get("Retry-After", "").strip()
    try:
        return float(asked)
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(asked)
        sent = parsedate_to_datetime(response.headers["Date"]) if "Date" in response.headers else datetime.now(UTC)
        return max(0.0, (until - sent).total_seconds())
    except (ValueError, TypeError):
        return None


def said(response: requests.Response) -> dict[str, Any]:
    """The object of an answer; empty where it is none."""
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def message_of(response: requests.Response) -> str:
    """What an answer that failed says about it, shortened."""
    if response.ok:
        return ""
    try:
        said: Any = response.json()
    except ValueError:
        return ""  # pages of proxies say nothing
    if isinstance(said, list):
        said = said[0] if said else ""
    if isinstance(said, dict):
        inner = said.get("error")
        said = inner if isinstance(inner, dict) else said
        names = ("errorCode", "category", "code", "error", "message", "error_description")
        said = ": ".join(str(said[name]) for name in names if isinstance(said.get(name), str))
    return str(said)[:_SHOWN]


class Session(requests.Session):
    """A session that answers or raises SourceError; see the module's text."""

    def __init__(
        self,
        source: str,
        *,
        sign_in: SignIn | None = None,
        diagnose: Callable[[requests.Response], Trouble | None] = diagnose,
        patience: Patience | None = None,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
        secrets: Iterable[str] = (),
    ) -> None:
        super().__init__()
        self.source = source
        self._sign_in, self._diagnose, self._sleep, self._chance = sign_in, diagnose, sleep, chance
        self._patience = patience or Patience()
        self._secrets = {secret for secret in secrets if secret}
        self._authorization: Mapping[str, str] | None = None

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send until there is a usable answer; SourceError says why there is none."""
        patience = self._patience
        kwargs["allow_redirects"] = False  # credentials go to the host they are meant for, and to no other
        is_whole = not kwargs.get("stream")
        kwargs["timeout"] = kwargs.get("timeout") or (patience.connect_timeout, patience.read_timeout)
        has_signed_in_again = False
        for attempt in count(1):
            self._authorize(request)
            trouble: Trouble | None
            try:
                response = super().send(request, **{**kwargs, "stream": True})
                if is_whole:
                    _read(response)
            except _TRANSIENT as error:
                trouble = Trouble(_reason(error, patience), "wait")
            except requests.RequestException as error:
                trouble = Trouble(type(error).__name__, fix="Correct the address in pipeledger.toml.")
            else:
                trouble = self._diagnose(response)
                if trouble is None:
                    return response
            if trouble.remedy == "sign_in" and self._sign_in and not has_signed_in_again:
                has_signed_in_again, self._authorization = True, None
                continue
            asked = trouble.wait or 0.0
            if trouble.remedy != "wait" or attempt >= patience.attempts or asked > patience.longest_asked:
                raise self._failure(request, trouble, attempt) from _cause(trouble)
            self._sleep(max(asked, self._backoff(attempt)))
        raise AssertionError  # count() does not end

    def _without_secrets(self, text: str) -> str:
        """The text with every known secret blotted out."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    def _authorize(self, request: requests.PreparedRequest) -> None:
        if self._sign_in is None:
            return
        if self._authorization is None:
            self._authorization = self._sign_in()
            self._secrets |= {part for value in self._authorization.values() for part in value.split() if len(part) > 7}
        request.headers.update(self._authorization)

    def _backoff(self, attempt: int) -> float:
        longest = min(self._patience.longest_wait, self._patience.first_wait * 2.0 ** (attempt - 1))
        return longest * (0.5 + 0.5 * self._chance())

    def _failure(self, request: requests.PreparedRequest, trouble: Trouble, attempts: int) -> SourceError:
        url = urlsplit(str(request.url))
        tried = f", {attempts} times in a row" if attempts > 1 else ""
        asked = f" (asked to wait {trouble.wait:,.0f} s)" if trouble.wait else ""
        next_step = trouble.fix or "Run the same command again later."
        return SourceError(
            self._without_secrets(
                f"{self.source}: {request.method} {url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}: got "
                f"{trouble.reason}{asked}{tried}. Expected an answer. Nothing of this run was landed. {next_step}"
            )
        )


def _read(response: requests.Response) -> None:
    """Read an answer as requests would, but for its blocks of 10 KB, which take more CPU than the CSV in them."""
    response._content = b"".join(response.iter_content(_BLOCK_BYTES))


def _reason(error: Exception, patience: Patience) -> str:
    """What went wrong on the wire. The exception's own text is left out: it quotes the URL with its query."""
    if isinstance(error, _BROKEN_OFF):
        return "an answer that breaks off"
    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {patience.connect_timeout:g} s"
    if isinstance(error, Timeout):
        return f"no answer within {patience.read_timeout:g} s"
    names = {
        type(link).__name__ for link in _chain(error) if isinstance(link, OSError) and not isinstance(link, Timeout)
    }
    known = sorted(names - {"OSError", "ConnectionError", "RequestException"})
    return f"no connection ({', '.join(known)})" if known else "no connection"


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    waiting: list[Any] = [error]
    while waiting:
        link = waiting.pop()
        if isinstance(link, BaseException) and link not in seen:
            seen.append(link)
            waiting += [link.__cause__, link.__context__, *link.args, getattr(link, "reason", None)]
    return iter(seen)


def _cause(trouble: Trouble) -> Exception | None:
    """What tells callers that the same may succeed later; not the original, which quotes URLs."""
    return ConnectionError(trouble.reason.split(" (")[0]) if trouble.remedy == "wait" else None


class Client(RESTClient):
    """dlt's RESTClient over a `Session`: `get`, `post` and `paginate` relative to a base URL."""

    def __init__(self, source: str, base_url: str, *, headers: Mapping[str, str] | None = None, **session: Any) -> None:
        """`session`: the arguments of `Session`."""
        super().__init__(
            base_url, headers=dict(headers or {}), session=Session(source, **session), config=RuntimeConfiguration()
        )

    def paginate(self, *arguments: Any, **options: Any) -> Iterator[PageData[Any]]:
        """dlt's, without its own look at the status: the session has looked."""
        return super().paginate(*arguments, **{"hooks": {"response": []}} | options)


def check_url(source: str, option: str, url: str) -> None:
    """SourceError unless it is an address to which credentials may go: https, or this machine."""
    parts = urlsplit(url)
    is_local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    if not parts.hostname or parts.username or parts.query or not (parts.scheme == "https" or is_local):
        raise SourceError(
            f"{source}: {option}: got {parts.scheme or 'no scheme'}://{parts.hostname or ''}. Expected an address such "
            f"as https://acme.example.com, without credentials. Correct [sources.{source}] in pipeledger.toml."
        )
