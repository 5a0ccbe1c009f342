"""The `marketo` source: Adobe Marketo Engage, by REST and Bulk Extract.

Signs in by client credentials and asks `describe` for the fields of leads. Leads and activities come as exports of
windows of time (`ingestion/marketo_bulk.py`): everything at first, then what changed since the last run, with a
look-back for what is committed late, merged by id into the carried state. Leads that were deleted or merged into
others are told apart from that, and leave the state. Programs, smart campaigns and forms are listed whole every day;
what a program cost is only told program by program. Rows go to `landing.py` as text under the fields' names in
snake_case (`leadScore` -> `lead_score`, `MQL_Date__c` -> `mql_date_c`); large texts are left out.

Of activities those are pulled that are touches (`TOUCHES`, and what the option `touches` names), and merges. What they
hold besides is left out: it is what people typed. Of the changes of leads' values, those of the one field that the
option `lifecycle_field` names.

Alone: `python -m orchestration.settings.config` shows the settings; `pipeledger doctor` asks the subscription.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import count
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import requests

from ingestion.api import (
    ApiSource,
    Client,
    Clock,
    Trouble,
    check_url,
    diagnose,
    included,
    landed_columns,
    retry_after,
    text_table,
)
from ingestion.carried import Carried, State
from ingestion.entities import DATE, FLAG, INSTANT, LANDED, MONEY, SCORE
from ingestion.findings import Finding
from ingestion.landing import Extraction, SourceError, landed_name
from ingestion.marketo_bulk import (
    MEGABYTE,
    PART_BYTES,
    Export,
    Exporter,
    FilterNotSupportedError,
    Kept,
    Kind,
    Quota,
    Window,
    error_of,
    exported_today,
    windows,
)
from ingestion.secrets import Secrets
from ingestion.stages import dated_steps

SECRETS = ("client_id", "client_secret")
DAILY_EXPORT_MB = 500
RESERVE = 0.1  # of the day's exports, for everybody else

CLICK_EMAIL = "Click Email"
FILL_OUT_FORM = "Fill Out Form"
CHANGE_STATUS = "Change Status in Progression"
MERGE_LEADS = "Merge Leads"
CHANGE_DATA_VALUE = 13
# What somebody did in answer to us. That a mail was sent, delivered or opened (by a mail scanner, too) is not that, nor
# is every change of a program's status: staging takes those that the program counts as its success.
TOUCHES = (CLICK_EMAIL, FILL_OUT_FORM, CHANGE_STATUS)

LATE_LEADS = timedelta(hours=1)
LATE_ACTIVITIES = timedelta(days=1)  # mail clicks and webinars are told late
LATE_DELETIONS = timedelta(days=3)  # nothing tells that a page of them was left out
DELETIONS_TOLD = timedelta(days=13)  # for 14 days; an older state is pulled anew
ACTIVITIES_KEPT = timedelta(days=760)  # 25 months
CHANGES_KEPT = timedelta(days=90)
ASSETS = 200  # of one page
READINGS = 5
ROWS = 300

_LARGE = ("text",)
_WITHOUT = ("cookies",)
_PERSONAL_TYPES = ("email", "phone")
_OF_PEOPLE = re.compile(
    r"salutation|(first|middle|last|mkto|full|display)_?name|date_of_birth|(^|_)(address|street|city|postal_code|fax)$"
    r"|phone|email$|anonymous_ip|^inferred_(city|postal_code)|^(facebook|twitter|linked_in|google|yahoo|syndication)_"
    r"|photo_url|profile_url|person_notes|original_referrer|original_search_phrase|original_source_info"
    r"|registration_source_info"
)
_ACTIVITY = (
    *("marketoGUID", "leadId", "activityDate", "activityTypeId", "campaignId", "primaryAttributeValueId"),
    *("primaryAttributeValue", "attributes"),
)

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


@dataclass(frozen=True)
class Object:
    """One kind of rows: what the ledger must know of it. Fields are under Marketo's names."""

    canonical: tuple[str, ...]
    governed: Mapping[str, str]
    fields: tuple[str, ...] = ()  # that it has even where no row has a value
    key: str = "id"
    mode: str = "state"
    volatile: tuple[str, ...] = ("updatedAt",)


_TIMES = {"createdAt": INSTANT, "updatedAt": INSTANT}

OBJECTS: dict[str, Object] = {
    "lead": Object(("person",), {**_TIMES, "leadScore": SCORE}),
    "activity": Object(
        ("touch",),
        {"activityDate": INSTANT, "success": FLAG},
        (*_ACTIVITY[:6], "activityType", "newStatus", "success", "mergedLeadId"),
        key="marketoGUID",
        mode="events",
        volatile=(),
    ),
    "data_value_change": Object(
        ("person",),
        {"activityDate": INSTANT},
        ("marketoGUID", "leadId", "activityDate", "attributeName", "oldValue", "newValue"),
        key="marketoGUID",
        mode="events",
        volatile=(),
    ),
    "program": Object(
        ("campaign",),
        {**_TIMES, "startDate": DATE, "endDate": DATE, "cost": MONEY},
        (
            *("id", "name", "createdAt", "updatedAt", "url", "type", "channel", "folder", "status", "workspace"),
            *("startDate", "endDate", "costs", "cost"),
        ),
    ),
    "campaign": Object(
        ("touch",),
        {**_TIMES, "active": FLAG},
        ("id", "name", "type", "programName", "programId", "workspaceName", "createdAt", "updatedAt", "active"),
    ),
    "form": Object(("touch",), _TIMES, ("id", "name", "createdAt", "updatedAt", "folder", "status", "programId")),
}


def build_source(
    name: str,
    *,
    base_url: str,
    secrets: Secrets,
    carried: Carried,
    time_zone: str,
    clock: Clock,
    exclude: Sequence[str] = (),
    touches: Sequence[str] = (),
    lifecycle_field: str | None = None,
    lifecycle: Mapping[str, str] | None = None,
    daily_export_mb: int = DAILY_EXPORT_MB,
    export_reserve: float = RESERVE,
    columns: Mapping[str, Mapping[str, str]] | None = None,
    volatile: Mapping[str, Sequence[str]] | None = None,
    personal: Mapping[str, Sequence[str]] | None = None,
    part_bytes: int = PART_BYTES,
    **client: Any,
) -> "MarketoSource":
    """A source on one subscription. `columns` (theirs -> ours), `volatile` and `personal` are by canonical entity.

    `touches` names further types of activities that are touches. `lifecycle_field` is the field of leads whose changes
    are landed, and `lifecycle` says which of its values staging reads as which step; without it none are. `client`:
    arguments of `Client`, for tests. Raises SourceError for an option that cannot be right. Neither secrets nor network
    are touched.
    """
    check_url(name, "base_url", base_url)
    unread = () if lifecycle_field else ("data_value_change",)
    return MarketoSource(
        name=name,
        type="marketo",
        entities=tuple(each for each in included(name, LANDED["marketo"], exclude) if each not in unread),
        time_zone=time_zone,
        clock=clock,
        carried=carried,
        secrets=secrets,
        base_url=base_url.rstrip("/").removesuffix("/rest"),
        touches=(*TOUCHES, *(each for each in touches if each not in TOUCHES)),
        lifecycle_field=lifecycle_field,
        steps=lifecycle or {},
        daily_export=daily_export_mb * MEGABYTE,
        reserve=export_reserve,
        mapped=columns or {},
        volatile=volatile or {},
        personal=personal or {},
        part_bytes=part_bytes,
        options=client,
    )


@dataclass(frozen=True, kw_only=True)
class MarketoSource(ApiSource):
    """One subscription, as one API user sees it."""

    base_url: str
    touches: tuple[str, ...]
    lifecycle_field: str | None
    steps: Mapping[str, str]
    daily_export: int
    reserve: float
    part_bytes: int = PART_BYTES

    # ------------------------------------------------------------ what landing asks for

    def extraction(self, entity: str, today: date) -> Extraction:
        """One kind of rows whole: listed, or its changes merged into what was carried over."""
        if entity == "lead":
            described = self._lead_fields()
            return self._described(entity, today, list(described), self._leads, described)
        if entity == "activity":
            return self._described(entity, today, OBJECTS[entity].fields, self._activities)
        if entity == "data_value_change":
            return self._described(entity, today, OBJECTS[entity].fields, self._changes)
        rows = self._programs() if entity == "program" else self._campaigns() if entity == "campaign" else self._forms()
        names = list(dict.fromkeys([*OBJECTS[entity].fields, *(name for row in rows for name in row)]))
        if entity == "program":
            names = list(dict.fromkeys([*names, *self._tags()]))
        return self._described(entity, today, names, lambda columns: iter([text_table(rows, columns)]))

    def settle(self) -> None:
        """Everything extracted has been loaded: the next run may start from here."""
        super().settle()
        for entity in ("lead", "activity", "data_value_change"):
            Kept(self.carried.folder, entity).forget()

    def check(self) -> Iterator[Finding]:
        """Credentials, exports left, permissions, and the fields that metrics and mappings read."""
        used = exported_today(self.client, self.clock())
        yield Finding("credentials", "ok", f"accepted by {self.base_url}")
        quota = Quota(self.name, self.daily_export, self.reserve, used)
        yield Finding(
            "daily exports",
            "ok" if quota.is_left else "fail",
            f"{quota}, {self.reserve:.0%} of them are not ours to take",
            "" if quota.is_left else "wait for midnight Central Time, or set daily_export_mb to what you have bought",
        )
        for entity in self.entities:
            try:
                yield self._check_lead() if entity == "lead" else self._check_rows(entity)
            except SourceError as error:
                yield Finding(entity, "fail", str(error), f'grant the API user access, or exclude = ["{entity}"]')

    def lifecycle(self) -> dict[str, str]:
        """The dates of leads whose names say when they were marketing or sales qualified: theirs -> ours."""
        return dated_steps(self._lead_fields())

    def _check_lead(self) -> Finding:
        described = self._lead_fields()
        of = OBJECTS["lead"]
        if missing := self.missing(of.canonical, of.governed, described):
            return Finding(
                "lead",
                "warn",
                f"no {', '.join(missing)} among the fields of leads: what needs them is not evaluated",
                "correct the mapping in pipeledger.toml, or the field's visibility in Marketo",
            )
        if not self._has_filter(self._exporter("lead", "leads"), "updatedAt", {"fields": ["id"]}):
            return Finding(
                "lead",
                "warn",
                "the subscription cannot export leads by updatedAt (error 1035): all leads are exported every day",
                "ask Marketo Support to enable the filter",
            )
        return Finding("lead", "ok", f"{len(described)} fields of leads")

    def _check_rows(self, entity: str) -> Finding:
        if entity == "activity":
            return Finding(entity, "ok", f"types: {', '.join(self._types().values())}")
        if entity == "data_value_change":
            return self._check_changes()
        path = {"program": "asset/v1/programs", "campaign": "v1/campaigns", "form": "asset/v1/forms"}[entity]
        self._get(f"/rest/{path}.json")
        return Finding(entity, "ok", "may be read")

    def _check_changes(self) -> Finding:
        entity, number = "data_value_change", self._lifecycle_number
        if number is None:
            return Finding(
                entity,
                "warn",
                f"no {self.lifecycle_field} among the fields of leads: its changes are not captured",
                "correct lifecycle_field in pipeledger.toml, or the field's visibility in Marketo",
            )
        if not self._has_filter(self._exporter(entity, "activities"), "createdAt", _changes_of(number)):
            return Finding(
                entity,
                "warn",
                "the subscription cannot export the changes of one field (error 1035): those of all are exported",
                f'ask Marketo Support to enable the filter, or exclude = ["{entity}"]',
            )
        return Finding(entity, "ok", f"changes of {self.lifecycle_field}; steps are {', '.join(self.steps)}")

    # ------------------------------------------------------------ what the ledger must know

    def _described(
        self,
        entity: str,
        today: date,
        names: Sequence[str],
        tables: Callable[[Mapping[str, str]], Iterator[pa.Table]],
        kinds: Mapping[str, str] | None = None,
    ) -> Extraction:
        of = OBJECTS[entity]
        columns = landed_columns(f"{self.name}.{entity}", names)
        hidden = [name for name, kind in (kinds or {}).items() if _is_personal(name, kind)]
        return Extraction(
            entity=entity,
            snapshot_date=today,
            tables=tables(columns),
            key=(columns[of.key],),
            required=(columns[of.key],),
            mode=of.mode,
            **self.governance(of.canonical, columns, typed=of.governed, hidden=hidden, volatile=of.volatile),
        )

    # ------------------------------------------------------------ leads

    @cached_property
    def _fields(self) -> dict[str, dict[str, Any]]:
        """What `describe` tells of the fields of leads, by their names."""
        described = self._get("/rest/v1/leads/describe.json")["result"]
        return {each["rest"]["name"]: each for each in described if "rest" in each}

    def _lead_fields(self) -> dict[str, str]:
        """The fields of leads that are exported, with their types."""
        return {
            name: each["dataType"]
            for name, each in self._fields.items()
            if each["dataType"] not in _LARGE and name not in _WITHOUT
        }

    def _leads(self, columns: Mapping[str, str]) -> Iterator[pa.Table]:
        """The carried state after the changes since its cursor; without a usable one, everything."""
        now = self._now()
        exporter = self._exporter("lead", "leads")
        landed = list(columns.values())
        before = self.carried.find("lead", of=self._origin, columns=landed, since=now - DELETIONS_TOLD)
        tells_changes = self._has_filter(exporter, "updatedAt", {"fields": ["id"]})
        if not tells_changes:
            before = None
        kept = Kept(self.carried.folder, "lead", (self._origin, *columns), now)
        started = datetime.fromisoformat(before.cursor) if before else kept.since if tells_changes else now
        since = started - LATE_LEADS

        def exports() -> Iterator[Export]:
            if before is None:
                yield from self._windows(
                    exporter,
                    "createdAt",
                    self._first_day(),
                    now,
                    {"fields": list(columns)},
                    kept if tells_changes else None,
                )
            if tells_changes:
                yield from self._windows(exporter, "updatedAt", since, now, {"fields": list(columns)})

        try:
            yield from self.carried.merge(
                "lead",
                (table.rename_columns(landed) for job in exports() for table in exporter.tables(job, list(columns))),
                of=self._origin,
                columns=landed,
                key=columns["id"],
                cursor=now.isoformat(),
                now=now,
                before=before,
                gone=lambda: [*self._deleted(started - LATE_DELETIONS), *self._merged(started - LATE_DELETIONS)],
            )
        finally:
            exporter.cancel()

    def _deleted(self, since: datetime) -> Iterator[str]:
        for activity in self._activities_since("/rest/v1/activities/deletedleads.json", since, {}):
            yield str(activity["leadId"])

    def _merged(self, since: datetime) -> Iterator[str]:
        """The leads that were merged into others."""
        types = [number for number, name in self._types().items() if name == MERGE_LEADS]
        asked = {"activityTypeIds": ",".join(types)}
        for activity in self._activities_since("/rest/v1/activities.json", since, asked) if types else ():
            yield from _merged_ids({each["name"]: each.get("value") for each in activity.get("attributes") or ()})

    def _activities_since(self, path: str, since: datetime, asked: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        start = {"sinceDatetime": since.strftime("%Y-%m-%dT%H:%M:%SZ")}
        token = self._get("/rest/v1/activities/pagingtoken.json", start)["nextPageToken"]
        seen: set[str] = set()
        while True:
            said = self._get(path, {**asked, "nextPageToken": token, "batchSize": ROWS})
            yield from said.get("result") or ()
            if not said.get("moreResult"):
                return
            seen.add(token)
            token = said["nextPageToken"]
            self._check_page(path, token, seen)

    def _first_day(self) -> datetime:
        """When the subscription began: its oldest folder. No lead is older."""
        folders = self._get("/rest/asset/v1/folders.json", {"maxDepth": 1, "maxReturn": ASSETS}).get("result") or ()
        found = [datetime.fromisoformat(_plain(each["createdAt"])) for each in folders]
        if not found:
            raise SourceError(
                f"{self.name}: folders.json: got no folder. Expected the folders that every subscription has, of which "
                "the oldest tells when to begin. Nothing of this run was landed. Grant the API user Read-Only Assets, "
                "then run `pipeledger doctor`."
            )
        return min(found).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

    # ------------------------------------------------------------ activities

    def _types(self) -> dict[str, str]:
        """The types of activities to pull, by their numbers as text."""
        there = {str(each["id"]): str(each["name"]) for each in self._get("/rest/v1/activities/types.json")["result"]}
        wanted = (*self.touches, MERGE_LEADS)
        if unknown := [name for name in self.touches if name not in TOUCHES and name not in there.values()]:
            raise SourceError(
                f"{self.name}: touches: got {', '.join(unknown)}. Expected names of activity types, such as "
                f"{', '.join(sorted(there.values())[:8])}. Nothing of this run was landed. Correct [sources."
                f"{self.name}] in pipeledger.toml."
            )
        return {number: name for number, name in there.items() if name in wanted}

    def _activities(self, columns: Mapping[str, str]) -> Iterator[pa.Table]:
        """Touches and merges."""
        types = self._types()
        return self._logged(
            "activity",
            columns,
            {"filter": {"activityTypeIds": [int(number) for number in types]}},
            of=" ".join(sorted(types)),
            kept_for=ACTIVITIES_KEPT,
            rows=lambda table: _activity_rows(table, columns, types),
        )

    @cached_property
    def _lifecycle_number(self) -> str | None:
        """The number by which activities know the field of the lifecycle; None if it is not among those of leads."""
        field = self._fields.get(self.lifecycle_field or "")
        return str(field["id"]) if field else None

    def _changes(self, columns: Mapping[str, str]) -> Iterator[pa.Table]:
        """The changes of the field of the lifecycle, whether Marketo can pick them out or not."""
        number = str(self._lifecycle_number)
        body, exporter = _changes_of(number), self._exporter("data_value_change", "activities")
        if not self._has_filter(exporter, "createdAt", body):
            del body["filter"]["primaryAttributeValueIds"]
        return self._logged(
            "data_value_change",
            columns,
            body,
            of=f"{CHANGE_DATA_VALUE} {number}",
            kept_for=CHANGES_KEPT,
            rows=lambda table: _change_rows(table, columns, number, str(self.lifecycle_field)),
        )

    def _extractions(self, entity: str, today: date) -> Iterator[Extraction]:
        """Without its field, no changes are told, and the carried state waits until it is there again."""
        if entity != "data_value_change" or self._lifecycle_number:
            yield from super()._extractions(entity, today)

    def _logged(
        self,
        entity: str,
        columns: Mapping[str, str],
        body: Mapping[str, Any],
        *,
        of: str,
        kept_for: timedelta,
        rows: Callable[[pa.Table], pa.Table],
    ) -> Iterator[pa.Table]:
        """The activities of an export's body, of as long as Marketo keeps them: those carried over, and the new ones.

        `of` names what the carried state is of, `rows` makes an exported table landed rows.
        """
        now = self._now()
        exporter = self._exporter(entity, "activities")
        of = f"{self._origin} {of}"
        oldest = now - kept_for
        before = self.carried.find(entity, of=of, columns=list(columns.values()), since=oldest)
        kept = None if before else Kept(self.carried.folder, entity, (of,), now)
        if before:
            since = datetime.fromisoformat(before.cursor) - LATE_ACTIVITIES
        else:
            since = (kept and kept.start) or max(oldest, self._first_day())
        try:
            yield from self.carried.merge(
                entity,
                (
                    rows(table)
                    for job in self._windows(exporter, "createdAt", since, now, body, kept)
                    for table in exporter.tables(job, _ACTIVITY)
                ),
                of=of,
                columns=list(columns.values()),
                key=columns["marketoGUID"],
                cursor=(kept.since if kept else now).isoformat(),
                now=now,
                before=before,
                gone=_older_than(before, columns, oldest) if before else (),
            )
        finally:
            exporter.cancel()

    # ------------------------------------------------------------ exports

    def _windows(
        self,
        exporter: Exporter,
        by: str,
        since: datetime,
        until: datetime,
        body: Mapping[str, Any],
        kept: Kept | None = None,
    ) -> Iterator[Export]:
        """The exports of the windows of a span of time. Those that an earlier run left behind are used again."""
        spans = windows(since, until)
        known = kept.known if kept else {}
        yield from (known[span] for span in spans if span in known)
        missing = [span for span in spans if span not in known]
        bodies = [{**body, "filter": {**body.get("filter", {}), **span.filter(by)}} for span in missing]
        for done, span in zip(exporter.export(bodies), missing, strict=True):
            if kept and span != spans[-1]:
                kept.add(span, done)
            yield done

    def _has_filter(self, exporter: Exporter, by: str, body: Mapping[str, Any]) -> bool:
        """Whether the subscription can export by these filters."""
        now = self._now()
        span = Window(now - LATE_LEADS, now).filter(by)
        try:
            exporter.probe({**body, "filter": {**body.get("filter", {}), **span}})
        except FilterNotSupportedError:
            return False
        return True

    def _exporter(self, entity: str, kind: Kind) -> Exporter:
        return Exporter(
            self.client,
            kind,
            f"{self.name}.{entity}",
            self._quota,
            self.carried.folder,
            self.sleep,
            self.part_bytes,
        )

    @cached_property
    def _quota(self) -> Quota:
        return Quota(self.name, self.daily_export, self.reserve, exported_today(self.client, self.clock()))

    # ------------------------------------------------------------ assets

    def _programs(self) -> list[dict[str, Any]]:
        """All programs with their costs, tags and days."""
        found = []
        for listed in self._assets("programs"):
            said = self._get(f"/rest/asset/v1/program/{listed['id']}.json")
            for program in said.get("result") or ():  # none where it has been deleted in the meantime
                costs = program.get("costs")
                tags = program.pop("tags", None) or ()
                found.append(
                    {
                        **{name: _plain(value) for name, value in program.items()},
                        "startDate": self._day(program.get("startDate")),
                        "endDate": self._day(program.get("endDate")),
                        "cost": str(sum(Decimal(str(each["cost"])) for each in costs)) if costs else None,
                        **{_tag(each["tagType"]): each.get("tagValue") for each in tags},
                    }
                )
        return found

    def _tags(self) -> list[str]:
        """The names of tags, whether a program has them or not."""
        return [_tag(each["tagType"]) for each in self._pages("tagTypes")]

    def _campaigns(self) -> list[dict[str, Any]]:
        """All smart campaigns."""
        path = "/rest/v1/campaigns.json"
        rows: list[dict[str, Any]] = []
        seen: set[str] = set()
        asked: dict[str, Any] = {"batchSize": ROWS}
        while True:
            said = self._get(path, asked)
            rows += said.get("result") or []
            token = said.get("nextPageToken")
            if not token or not said.get("result"):
                break
            self._check_page(path, token, seen)
            seen.add(token)
            asked["nextPageToken"] = token
        self._check_distinct("campaign", rows)
        return rows

    def _forms(self) -> list[dict[str, Any]]:
        """All forms, each with the program in which it lies."""
        return [
            {
                **{name: _plain(value) for name, value in form.items()},
                "programId": form["folder"].get("value")
                if (form.get("folder") or {}).get("type") == "Program"
                else None,
            }
            for form in self._assets("forms")
        ]

    def _assets(self, kind: str) -> list[dict[str, Any]]:
        """All assets of a kind. Pages are by number, so that they are read until two readings agree."""
        before: list[Any] = []
        for _ in range(READINGS):
            rows = self._pages(kind)
            ids = [row["id"] for row in rows]
            if len(set(ids)) == len(ids) and (len(ids) < ASSETS or ids == before):
                return rows
            before = ids
        raise SourceError(
            f"{self.name}: {kind}.json: got another list each time, {READINGS} times in a row. Expected the same "
            "twice. Nothing of this run was landed. Run the same command again."
        )

    def _pages(self, kind: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for page in count():
            said = self._get(f"/rest/asset/v1/{kind}.json", {"offset": page * ASSETS, "maxReturn": ASSETS})
            found = said.get("result") or []
            rows += found
            if len(found) < ASSETS:
                break
        return rows

    def _check_page(self, path: str, token: str, seen: set[str]) -> None:
        if token in seen:
            raise SourceError(
                f"{self.name}: {path}: got a page that leads back to one that was read. Expected another one. Nothing "
                "of this run was landed. Run the same command again."
            )

    def _check_distinct(self, entity: str, rows: Sequence[Mapping[str, Any]]) -> None:
        different = len({row["id"] for row in rows})
        if different != len(rows):
            raise SourceError(
                f"{self.name}.{entity}: got {len(rows):,} rows with {different:,} ids. Expected each once. Nothing of "
                "this run was landed. Run the same command again."
            )

    def _day(self, instant: str | None) -> str | None:
        """The day of the company on which an instant of an asset falls."""
        if not instant:
            return None
        return datetime.fromisoformat(_plain(instant)).astimezone(ZoneInfo(self.time_zone)).date().isoformat()

    # ------------------------------------------------------------ the way in

    def _now(self) -> datetime:
        return self.clock().astimezone(UTC)

    @property
    def _origin(self) -> str:
        """What a carried state is of."""
        return urlsplit(self.base_url).netloc

    @cached_property
    def client(self) -> Client:
        """The client, signed in when it is first used."""
        return Client(
            self.name,
            self.base_url,
            sign_in=self._sign_in,
            diagnose=_diagnose,
            secrets=[known for key in SECRETS if (known := self.secrets.get(key))],
            **self.options,
        )

    def _get(self, path: str, asked: Mapping[str, Any] | None = None) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(path, params=dict(asked or {})).json()
        return found

    def _sign_in(self) -> Mapping[str, str]:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.secrets["client_id"],
            "client_secret": self.secrets["client_secret"],
        }
        asking = Client(self.name, self.base_url, secrets=form.values(), **self.options)
        said = asking.post("/identity/oauth/token", data=form).json()
        return {"Authorization": f"Bearer {said['access_token']}"}


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


def _activity_rows(table: pa.Table, columns: Mapping[str, str], types: Mapping[str, str]) -> pa.Table:
    """Activities with the attributes that are read; of a merge one row for each lead that it ended."""
    rows: list[dict[str, Any]] = []
    for row in table.to_pylist():
        attributes = json.loads(row["attributes"] or "{}")
        row["activityType"] = types.get(row["activityTypeId"], row["activityTypeId"])
        row["newStatus"] = attributes.get("New Status")
        success = attributes.get("Success")
        row["success"] = None if success is None else str(str(success).lower() in ("true", "1")).lower()
        merged = _merged_ids(attributes) if row["activityType"] == MERGE_LEADS else []
        for number, lead in enumerate(merged or [None]):
            guid = row["marketoGUID"] if number == 0 else f"{row['marketoGUID']}-{number}"
            rows.append({**row, "marketoGUID": guid, "mergedLeadId": lead})
    return text_table(rows, columns)


def _changes_of(number: str) -> dict[str, dict[str, list[int]]]:
    """An export's body for the changes of one field."""
    return {"filter": {"activityTypeIds": [CHANGE_DATA_VALUE], "primaryAttributeValueIds": [int(number)]}}


def _change_rows(table: pa.Table, columns: Mapping[str, str], number: str, field: str) -> pa.Table:
    """The changes of one field with the values before and after."""
    rows: list[dict[str, Any]] = []
    for row in table.to_pylist():
        if row["primaryAttributeValueId"] == number:
            attributes = json.loads(row["attributes"] or "{}")
            values = {"oldValue": attributes.get("Old Value"), "newValue": attributes.get("New Value")}
            rows.append({**row, "attributeName": field, **values})
    return text_table(rows, columns)


def _merged_ids(attributes: Mapping[str, Any]) -> list[str]:
    """The ids in `Merge IDs`, which is a list or the text of one."""
    return re.findall(r"\d+", str(attributes.get("Merge IDs") or ""))


def _older_than(before: State, columns: Mapping[str, str], oldest: datetime) -> list[str]:
    """The keys of the activities that Marketo no longer keeps. They are in the ledger."""
    key, when = columns["marketoGUID"], columns["activityDate"]
    table = pq.read_table(before.path, columns=[key, when])
    found: list[str] = table[key].filter(pc.less(table[when], oldest.strftime("%Y-%m-%dT%H:%M:%SZ"))).to_pylist()
    return found


def _plain(value: Any) -> Any:
    """Instants of assets end in Z+0000, which nobody else understands."""
    return value.removesuffix("+0000") if isinstance(value, str) and value.endswith("Z+0000") else value


def _tag(name: str) -> str:
    return f"tag_{name}"


def _is_personal(name: str, kind: str) -> bool:
    """Whether a field says who somebody is or how to reach them; states and countries do not."""
    return kind in _PERSONAL_TYPES or bool(_OF_PEOPLE.search(landed_name(name)))
