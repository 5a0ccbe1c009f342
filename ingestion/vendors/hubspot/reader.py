"""Reading HubSpot: lists, searches, batch reads, associations and events, each whole by what HubSpot says of itself.

Takes a `Client` that signs in; gives pages of objects as HubSpot answers them. Lists have no total, so every id is to
come once and the number is held against that of the search; searches go forward by the time of the last change and
never by page number, so that rows that change meanwhile are neither missed nor beyond the 10,000 that a search tells.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import requests

from ingestion.source import SourceError
from ingestion.vendors.client import Client
from ingestion.vendors.rows import batched, incomplete

# The most that HubSpot answers at once.
LISTED = 100
SEARCHED = 200
READ = 100  # by a batch of ids
READ_WITH_HISTORY = 50
ASSOCIATED = 1_000
EVENTS = 1_000
SUBMISSIONS = 50
QUERY_LENGTH = 6_000  # characters of properties that fit a URL

ID = "hs_object_id"
LEGACY = {"email": "/email/public/v1", "form-integrations": "/form-integrations/v1"}
"""The APIs of events of marketing e-mails and of submissions: no dated version has them, so that none is asked for."""
_NUMBERED = {"associations": "v4"}  # where the numbered APIs are not v3
_NONE_THERE = ("OBJECT_NOT_FOUND", "NO_ASSOCIATIONS_FOUND")

Row = Mapping[str, Any]


def path(version: str, api: str, *rest: str) -> str:
    """The path of an API: `crm/objects` of 2026-03 is /crm/objects/2026-03, of v3 it is /crm/v3/objects."""
    product, _, name = api.partition("/")
    if product in LEGACY:
        return "/".join([LEGACY[product], name, *rest])
    if version.startswith("v"):
        parts = [product, _NUMBERED.get(name, "v3"), name, *rest]
    else:
        parts = [product, name, version, *rest]
    return "/" + "/".join(part for part in parts if part)


def milliseconds(instant: Any) -> int:
    """An instant as HubSpot's filters want it, from either notation."""
    said = str(instant)
    if said.lstrip("-").isdigit():
        return int(said)
    return round(datetime.fromisoformat(said).timestamp() * 1000)


def iso(instant: Any) -> str:
    """An instant as ISO 8601, from either notation."""
    said = str(instant)
    if not said.lstrip("-").isdigit():
        return said
    moment = datetime.fromtimestamp(int(said) / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Reader:
    """One account, through one version of the API."""

    source: str
    client: Client
    version: str

    # ------------------------------------------------------------ whole lists

    def listed(
        self, what: str, objects: str, properties: Sequence[str], *, archived: bool = False
    ) -> Iterator[list[Row]]:
        """All objects, page by page, with these properties; `what` is the entity, for errors."""
        asked = {"archived": str(archived).lower()}
        names = ",".join(properties)
        is_short = len(quote(names)) <= QUERY_LENGTH
        asked["properties"] = names if is_short else ID
        total = 0 if archived else self._total(objects)
        seen: set[str] = set()
        for page in self.pages(what, path(self.version, "crm/objects", objects), asked):
            ids = [row["id"] for row in page]
            if len(set(ids)) < len(ids) or not seen.isdisjoint(ids):
                raise self._broken(what, "an object that was listed before", "each of them once")
            seen.update(ids)
            yield page if is_short else list(self.read(what, objects, ids, properties, archived=archived))
        if len(seen) < total:
            self._look_again(what, objects, seen, total)

    def pages(self, what: str, url: str, asked: Mapping[str, str], limit: int = 0) -> Iterator[list[Row]]:
        """The pages of any list that goes on by `paging.next.after`."""
        after, behind = "", set[str]()
        while True:
            at = {"after": after} if after else {}
            answer = self.client.get(url, params={**asked, "limit": limit or LISTED, **at})
            if answer.status_code == 404:  # which the client lets pass where it may be
                return
            found = self._json(what, answer)
            yield found["results"]
            after = str(found.get("paging", {}).get("next", {}).get("after", ""))
            if not after:
                return
            if after in behind:
                raise self._broken(what, "a page that leads back to one that was read", "another one")
            behind.add(after)

    def _total(self, objects: str) -> int:
        """How many the search knows. It lags behind by seconds, and on both sides."""
        answer = self.client.post(
            path(self.version, "crm/objects", objects, "search"), json={"limit": 1, "properties": [ID]}
        )
        return int(self._json(objects, answer)["total"])

    def _look_again(self, what: str, objects: str, seen: set[str], total: int) -> None:
        """Fewer were listed than the search knew: they were deleted meanwhile, or a page was lost."""
        url = path(self.version, "crm/objects", objects)
        again = {row["id"] for page in self.pages(what, url, {"archived": "false", "properties": ID}) for row in page}
        if not again <= seen:
            raise incomplete(self.source, what, len(seen), max(total, len(again)), "the search's total")

    # ------------------------------------------------------------ changes

    def changed(
        self, what: str, objects: str, properties: Sequence[str], by: str, since: datetime
    ) -> Iterator[list[Row]]:
        """The objects whose `by` is `since` or later, as they are now; some of them twice, the later one last."""
        start = milliseconds(since.isoformat())
        while True:
            rows, total = self._search(what, objects, properties, by, [(by, "GTE", start)])
            yield rows
            if total <= len(rows):
                return
            last = milliseconds(rows[-1]["properties"][by])
            if last > start:
                start = last
                continue
            yield from self._of_instant(what, objects, properties, by, start)
            start += 1

    def _of_instant(
        self, what: str, objects: str, properties: Sequence[str], by: str, instant: int
    ) -> Iterator[list[Row]]:
        """The objects that changed in one millisecond, which may be more than a search tells: by their ids."""
        behind = 0
        while True:
            rows, total = self._search(
                what, objects, properties, ID, [(by, "EQ", instant), (ID, "GT", behind)], at_least=behind + 1
            )
            yield rows
            if total <= len(rows):
                return
            behind = int(rows[-1]["id"])

    def _search(
        self,
        what: str,
        objects: str,
        properties: Sequence[str],
        sort: str,
        filters: Sequence[tuple[str, str, int]],
        at_least: int | None = None,
    ) -> tuple[list[Row], int]:
        """The first page of a search in the order of `sort`, and how many there are."""
        body = {
            "filterGroups": [
                {
                    "filters": [
                        {"propertyName": name, "operator": how, "value": str(value)} for name, how, value in filters
                    ]
                }
            ],
            "sorts": [{"propertyName": sort, "direction": "ASCENDING"}],
            "properties": list(dict.fromkeys([*properties, sort])),
            "limit": SEARCHED,
        }
        answer = self._json(what, self.client.post(path(self.version, "crm/objects", objects, "search"), json=body))
        rows: list[Row] = answer["results"]
        total = int(answer["total"])
        if len(rows) != min(total, SEARCHED):
            raise incomplete(self.source, what, len(rows), min(total, SEARCHED), "the search's total")
        order = [milliseconds(row["id"] if sort == ID else row["properties"][sort]) for row in rows]
        if order != sorted(order) or (order and order[0] < (filters[0][2] if at_least is None else at_least)):
            raise self._broken(what, "a page of the search that was read before", f"objects in the order of {sort}")
        return rows, total

    # ------------------------------------------------------------ batches

    def read(
        self,
        what: str,
        objects: str,
        ids: Iterable[str],
        properties: Sequence[str],
        *,
        history: Sequence[str] = (),
        archived: bool = False,
    ) -> Iterator[Row]:
        """These objects, with properties or the history of some; those that are gone are left out."""
        url = path(self.version, "crm/objects", objects, "batch", "read")
        for batch in batched(ids, READ_WITH_HISTORY if history else READ):
            asked: dict[str, Any] = {"inputs": [{"id": each} for each in batch], "properties": list(properties)}
            if history:
                asked["propertiesWithHistory"] = list(history)
            answer = self.client.post(url, json=asked, params={"archived": str(archived).lower()})
            found = self._json(what, answer)
            gone = {each for error in self._errors(what, found) for each in error.get("context", {}).get("ids", ())}
            missing = set(batch) - {row["id"] for row in found["results"]} - gone
            if missing:
                raise incomplete(self.source, what, len(batch) - len(missing), len(batch), "the batch asked for")
            yield from found["results"]

    def associated(
        self, what: str, objects: str, others: str, ids: Iterable[str]
    ) -> Iterator[tuple[str, str, list[Row]]]:
        """Which of `others` each of these objects is associated with, and as what."""
        url = path(self.version, "crm/associations", objects, others, "batch", "read")
        for batch in batched(ids, ASSOCIATED):
            inputs = [{"id": each} for each in batch]
            while inputs:
                found = self._json(what, self.client.post(url, json={"inputs": inputs}))
                list(self._errors(what, found))
                inputs = []
                for each in found["results"]:
                    for to in each["to"]:
                        yield str(each["from"]["id"]), str(to["toObjectId"]), to["associationTypes"]
                    after = each.get("paging", {}).get("next", {}).get("after")
                    if after:
                        inputs.append({"id": each["from"]["id"], "after": after})

    # ------------------------------------------------------------ what people did

    def events(self, what: str, kind: str, start: int, end: int) -> Iterator[list[Row]]:
        """The events of marketing e-mails of one kind from `start` to `end` (milliseconds), the newest first.

        They have no total, so that a page without its word on more of them is none.
        """
        url = path(self.version, "email/events")
        asked: dict[str, Any] = {"eventType": kind, "startTimestamp": start, "endTimestamp": end, "limit": EVENTS}
        seen: set[str] = set()
        while True:
            found = self._json(what, self.client.get(url, params=asked), "events")
            ids = {event["id"] for event in found["events"]}
            if ids and ids <= seen:
                raise self._broken(what, "a page of events that was read before", "another one")
            seen |= ids
            yield found["events"]
            if found.get("hasMore") is False:
                return
            if found.get("hasMore") is not True or not found.get("offset") or not ids:
                raise self._broken(what, "a page of events that does not say how to go on", "hasMore and an offset")
            asked["offset"] = found["offset"]

    def submissions(self, what: str, form: str, since: int) -> Iterator[list[Row]]:
        """The submissions of a form, the newest first, up to a page that is older than `since` (milliseconds).

        New ones push others to the next page, so that they may come twice. A form of a kind that keeps no submissions
        is not found, and has none.
        """
        url = path(self.version, "form-integrations/submissions", "forms", form)
        for page in self.pages(what, url, {}, SUBMISSIONS):
            yield page
            if all(row["submittedAt"] < since for row in page):
                return

    # ------------------------------------------------------------ answers

    def _json(self, what: str, answer: requests.Response, name: str = "results") -> dict[str, Any]:
        try:
            said = answer.json()
        except ValueError:
            said = None
        if not isinstance(said, dict) or not isinstance(said.get(name), list):
            raise self._broken(what, f"HTTP {answer.status_code} without {name}", "a list, if an empty one")
        return said

    def _errors(self, what: str, found: Mapping[str, Any]) -> Iterator[Row]:
        """What a batch says of objects that are not there; any other trouble ends the run."""
        for error in found.get("errors", ()):
            if not any(
                code in (error.get("category"), error.get("subCategory", "").split(".")[-1]) for code in _NONE_THERE
            ):
                said = f"{error.get('category')}: {error.get('message')}"
                raise self._broken(what, f"a batch with an error ({said[:200]})", "all of the batch")
            yield error

    def _broken(self, what: str, got: str, expected: str) -> SourceError:
        return SourceError(
            f"{self.source}.{what}: got {got}. Expected {expected}. Nothing of this run was landed. Run the same "
            "command again."
        )
