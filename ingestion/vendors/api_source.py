"""What every API source has in common: no day but today, and what the ledger must know of its columns.

How a vendor uses it (`ingestion/vendors/<vendor>/`):

1. `objects.py` says what the vendor has, as data: each entity's keys and types, and what is personal.
2. `source.py` has `build_source(account, ...)`, which returns a subclass of `ApiSource`. It gives `extraction(entity,
   today)`, the whole current state of one entity, and `check()`, what `pipeledger doctor` says about credentials,
   scopes and limits. Building it touches no network and no secret: Dagster builds sources only to list their entities.
3. `client.py` makes the `Client` (`ingestion/vendors/client.py`), once, in a `functools.cached_property`. `sign_in`
   returns the headers that authorize, and is called when they are first needed and after a 401. It asks for a token
   through a `Client` of its own, without `sign_in`. Static tokens: `lambda: {"Authorization": ...}`. Give every client
   the `secrets` it must never quote.
4. Where a vendor hides trouble (errors as HTTP 200, limits as 403) its own `diagnose` looks first and leaves the rest
   to that of all vendors.
5. Rows become Arrow by `text_table` (`rows.py`): everything text, nested values as JSON, a column that the vendor did
   not answer is not there. `governance` says which of the columns are typed, personal and volatile.
6. Check what the vendor counts (totals, records processed) before the extraction ends, with `incomplete`.
7. Entities too large to pull whole each day go through `self.account.carried` (`carried_state.py`).
8. Where the vendor knows its pipelines, `stages()` proposes their definitions (`stages.py`).
9. `has()` says of an entity that an account may be without whether this one has it; `check()` then warns.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from ingestion.entities import ENTITIES, TEXT
from ingestion.source import Contact, Days, Extraction, Finding, SourceError, landed_name
from ingestion.vendors.account import VendorAccount

_PHONES = ("phone", "mobile_phone", "mobilephone", "home_phone", "other_phone")
_NAMES = ("name", "first_name", "firstname", "last_name", "lastname")
"""Landed columns of people, whatever the vendor: what tells how they can be reached."""

_MADE = ("email_digest", "has_email", "is_email_well_formed", "email_domain", "has_phone")
"""What the ledger makes of those: no columns of a vendor's, but gone with them."""

_TODAY_ONLY = ("an API tells the present only",)


@dataclass(frozen=True, kw_only=True)
class ApiSource(ABC):
    """A source that can tell its present state and no other. Vendors add what they need to know."""

    type: str
    account: VendorAccount
    entities: tuple[str, ...]

    @property
    def name(self) -> str:
        """The user's name for the source."""
        return self.account.name

    @abstractmethod
    def extraction(self, entity: str, today: date) -> Extraction:
        """The whole current state of one entity; SourceError for what cannot be had whole."""

    def has(self, entity: str) -> bool:
        """Whether the account has an entity at all. One that it has not is not landed, and that is no error."""
        return True

    @abstractmethod
    def check(self) -> Iterator[Finding]:
        """What `doctor` says about credentials, scopes and limits. Raises SourceError where nothing can be asked."""

    @property
    def sleep(self) -> Callable[[float], None]:
        """How to wait for a job of the vendor's."""
        found: Callable[[float], None] = self.account.client.get("sleep", time.sleep)
        return found

    def missing(self, canonical: Iterable[str], typed: Iterable[str], described: Iterable[str]) -> list[str]:
        """The fields that metrics (`typed`) and mappings read, and that are not among those that may be read."""
        described = set(described)
        described |= {landed_name(name) for name in described}
        return [name for name in (*typed, *self.account.ours(canonical)) if name not in described]

    def governance(
        self,
        entity: str,
        canonical: Sequence[str],
        columns: Mapping[str, str],
        *,
        typed: Mapping[str, str],
        hidden: Iterable[str] = (),
        volatile: Iterable[str] = (),
    ) -> dict[str, Any]:
        """What the ledger must know of `columns` (theirs -> landed) of `entity`, as fields of an Extraction.

        They are `governed`, `personal`, `volatile`, `email` and `contact`: the vendor's own `typed` (-> type), `hidden`
        (personal) and `volatile` columns, by either name, and those that the settings name. With them go `headers` (the
        vendor's names) and `expected` (what is read as a column of ours).
        """
        kinds = {**typed, **{theirs: kind for theirs, kind in self.account.ours(canonical).items() if kind != TEXT}}
        hidden, volatile = set(hidden), set(volatile)
        for of in canonical:
            secret = ENTITIES[of].personal if of in ENTITIES else ()
            hidden |= {theirs for theirs, column in self.account.columns.get(of, {}).items() if column in secret}
            hidden |= set(self.account.personal.get(of, ()))
            volatile |= set(self.account.volatile.get(of, ()))
        mapped = {theirs: ours for of in canonical for theirs, ours in self.account.columns.get(of, {}).items()}
        personal = {landed for name, landed in columns.items() if not hidden.isdisjoint((name, landed))}
        return {
            "governed": {
                landed: kinds.get(name) or kinds[landed]
                for name, landed in columns.items()
                if not kinds.keys().isdisjoint((name, landed))
            },
            "personal": tuple(sorted(personal)),
            "volatile": tuple(
                landed
                for name, landed in columns.items()
                if not volatile.isdisjoint((name, landed)) and landed not in personal
            ),
            "email": "email" if "email" in personal else None,
            "contact": self._contact(personal) if "person" in canonical else None,
            "headers": {
                landed: theirs
                for theirs, landed in [*((theirs, landed_name(theirs)) for theirs in mapped), *columns.items()]
            },
            "expected": self._standard(entity, set(mapped.values()))
            | {columns.get(theirs, landed_name(theirs)): ours for theirs, ours in mapped.items()},
        }

    def comes_and_goes(self, column: str) -> bool:
        """Whether a landed column is there only while some row has it, so that its absence says nothing."""
        return False

    def _standard(self, entity: str, mapped: Collection[str]) -> dict[str, str]:
        """The landed columns that are read without any settings, but for those that the settings read elsewhere."""
        read = self.account.read.get(entity, {})
        standard = {
            landed: ours
            for landed, ours in read.items()
            if ours not in mapped and landed not in _MADE and not self.comes_and_goes(landed)
        }
        return standard | ({"email": "email"} if "email_digest" in read else {})

    def _contact(self, personal: Iterable[str]) -> Contact:
        """The personal columns that tell how people can be reached: the vendor's, and those mapped to `phone`."""
        mapped = [
            landed_name(theirs) for theirs, ours in self.account.columns.get("person", {}).items() if ours == "phone"
        ]
        known = set(personal)
        return Contact(
            email="email" if "email" in known else None,
            phones=tuple(name for name in dict.fromkeys((*_PHONES, *mapped)) if name in known),
            names=tuple(name for name in _NAMES if name in known),
        )

    def days(self, first: date, last: date) -> Days:
        """Today, if it lies in the range; every other day cannot be served."""
        today = self.account.clock().astimezone(ZoneInfo(self.account.time_zone)).date()
        every = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        return Days(tuple(day for day in every if day == today), {day: _TODAY_ONLY for day in every if day != today})

    def chunks(self, days: Sequence[date]) -> Iterator[Sequence[date]]:
        """One landing run for each day, and there is only one."""
        for day in days:
            yield [day]

    def extract(self, days: Sequence[date], today: date) -> dict[str, Callable[[], Iterator[Extraction]]]:
        """The extractions of today by entity. SourceError for any other day."""
        for day in days:
            if day != today:
                raise SourceError(
                    f"{self.name}: asked for {day}, and an API tells the present only: today is {today}. Nothing was "
                    f"landed; {day} stays as it is. Run `pipeledger run` for today."
                )
        return {entity: partial(self._extractions, entity, today) for entity in self.entities if days}

    def settle(self) -> None:
        """Everything extracted has been loaded: the next run may start from here."""
        self.account.carried.keep()

    def _extractions(self, entity: str, today: date) -> Iterator[Extraction]:
        if entity == self.entities[0]:
            self.account.carried.discard()
        if self.has(entity):
            yield replace(self.extraction(entity, today), may_begin_empty=entity != self.entities[0])
