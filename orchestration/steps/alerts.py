"""Messages to the operator: what happened and what to do, each once to each place.

The places are apprise URLs (Slack, Teams, mail and many more) in PIPELEDGER_ALERT_URLS, behind blanks or commas,
because such a URL holds a secret. What was told to whom lies in `alerts.json` of the home; without that file, what
happened before is not told again.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.settings.errors import ConfigError, PipeledgerError
from orchestration.settings.settings import Settings
from snapshots.durable import write_whole

if TYPE_CHECKING:
    import apprise

URLS = "PIPELEDGER_ALERT_URLS"
LONG_ENOUGH = 6  # shorter parts of an address are words such as `hook`
INSTALL = "Install it: pip install 'pipeledger[alerts]'"


class UndeliveredError(PipeledgerError):
    """A message did not reach a place; it is sent again at the next look."""


@dataclass(frozen=True)
class Alert:
    """One thing to tell. `key` is the same for as long as it is the same thing; `body` ends with what to do."""

    key: str
    kind: str
    title: str
    body: str


@dataclass
class Memory:
    """Since when the operator is told, and what was told to which places (digests of their URLs)."""

    since: datetime
    told: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path, now: datetime) -> Memory:
        """What the file remembers; from `now` on where there is none, or it is damaged."""
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            return cls(datetime.fromisoformat(found["since"]), {key: list(told) for key, told in found["told"].items()})
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls(now)

    def write(self, path: Path) -> None:
        """Put it into the file."""
        write_whole(path, json.dumps({"since": self.since.isoformat(), "told": self.told}, indent=2) + "\n")


def urls(environment: Mapping[str, str] = os.environ) -> list[str]:
    """The places that messages go to."""
    return re.split(r"[\s,]+", environment.get(URLS, "").strip()) if environment.get(URLS, "").strip() else []


def place_of(url: str) -> apprise.NotifyBase:
    """The place of a URL; ConfigError where apprise is not installed or does not know it."""
    try:
        import apprise
    except ImportError as error:
        raise ConfigError(f"alerts: the package apprise is missing. {INSTALL}.") from error
    place = apprise.Apprise.instantiate(url, suppress_exceptions=True)
    if place is None:
        kind = url.partition("://")[0][:20]
        raise ConfigError(
            f"{URLS}: apprise does not know the address that begins with {kind!r}. Correct it as apprise's list says, "
            "such as slack://TOKEN_A/TOKEN_B/TOKEN_C or mailto://USER:PASSWORD@example.com."
        )
    return place


def shown(url: str) -> str:
    """A place as it may be shown: its kind and which of the addresses it is, because any part may be a secret."""
    known = urls()
    which = f", address {known.index(url) + 1} of {URLS}" if url in known else ""
    return f"{url.partition('://')[0]}://...{which}"


def without_secrets(text: str, url: str) -> str:
    """A text in which no longer part of an address stands."""
    for part in re.split(r"[^\w.-]+", url.partition("://")[2]):
        text = text.replace(part, "...") if len(part) >= LONG_ENOUGH else text
    return text


def send(url: str, alert: Alert) -> None:
    """Bring one message to one place; UndeliveredError, with what apprise says, if it does not get there."""
    place = place_of(url)
    said: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("apprise")
    logger.addHandler(handler)
    try:
        delivered = place.notify(title=alert.title, body=alert.body)
    finally:
        logger.removeHandler(handler)
    if not delivered:
        why = without_secrets(" ".join(said), url) or "no reason given"
        raise UndeliveredError(f"{shown(url)}: not delivered ({why}). Try `pipeledger doctor --alert`.")


def tell(settings: Settings, alerts: Iterable[Alert], now: datetime) -> list[str]:
    """Tell each place what it was not told yet, and forget what is over; the titles that were sent.

    UndeliveredError names the places that were not reached, after all others were.
    """
    path = settings.home.alerts
    memory = Memory.read(path, now)
    current = {alert.key: alert for alert in alerts if alert.kind in settings.config.alerts.on}
    memory.told = {key: places for key, places in memory.told.items() if key in current}
    sent: dict[str, None] = {}
    failed: dict[str, None] = {}
    for url in urls():
        digest = sha256(url.encode()).hexdigest()[:16]
        for key, alert in current.items():
            places = memory.told.setdefault(key, [])
            if digest in places:
                continue
            try:
                send(url, alert)
            except PipeledgerError as error:
                failed[str(error)] = None
                break  # the others would not get there either; they are sent at the next look
            places.append(digest)
            memory.write(path)
            sent[alert.title] = None
    memory.write(path)
    if failed:
        raise UndeliveredError("\n".join(failed))
    return list(sent)


def told_since(settings: Settings, now: datetime) -> datetime:
    """Since when the operator is told what happens; from now on where nobody was told anything yet."""
    memory = Memory.read(settings.home.alerts, now)
    if not settings.home.alerts.exists():
        memory.write(settings.home.alerts)
    return memory.since


def test_message(now: datetime) -> Alert:
    """What `pipeledger doctor --alert` sends."""
    when = now.astimezone(UTC)
    return Alert(
        "test", "test", "Pipeledger: a test message", f"Sent {when:%Y-%m-%d %H:%M} UTC. Nothing is to be done."
    )
