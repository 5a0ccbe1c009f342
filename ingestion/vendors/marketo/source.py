"""The `marketo` source: Adobe Marketo Engage, by REST and Bulk Extract.

Signs in by client credentials and asks `describe` for the fields of leads. Leads and activities come as exports of
windows of time (`bulk.py`): everything at first, then what changed since the last run, with a
look-back for what is committed late, merged by id into the carried state. Leads that were deleted or merged into
others are told apart from that, and leave the state. Programs, smart campaigns and forms are listed whole every day;
what a program cost is only told program by program. Rows go to the landing as text under the fields' names in
snake_case (`leadScore` -> `lead_score`, `MQL_Date__c` -> `mql_date_c`); large texts are left out.

Of activities those are pulled that are touches (`TOUCHES`, and what the option `touches` names), and merges. What they
hold besides is left out: it is what people typed. Of the changes of leads' values, those of the one field that the
option `lifecycle_field` names.

Alone: `pipeledger doctor` asks the subscription.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingestion.source import Extraction, Finding, SourceError
from ingestion.source_types import LANDED
from ingestion.vendors.account import VendorAccount
from ingestion.vendors.api_source import ApiSource
from ingestion.vendors.carried_state import CarriedState
from ingestion.vendors.marketo.assets import PAGE_ROWS, ROWS, Assets, check_page, plain
from ingestion.vendors.marketo.bulk import (
    MEGABYTE,
    PART_BYTES,
    Export,
    Exporter,
    FilterNotSupportedError,
    KeptExports,
    Kind,
    Quota,
    Window,
    exported_today,
    windows,
)
from ingestion.vendors.marketo.client import MarketoApi
from ingestion.vendors.marketo.objects import (
    ACTIVITY,
    CHANGE_DATA_VALUE,
    MERGE_LEADS,
    OBJECTS,
    TOUCHES,
    is_exported,
    is_personal,
)
from ingestion.vendors.rows import landed_columns, text_table
from ingestion.vendors.stages import dated_steps

DAILY_EXPORT_MB = 500
RESERVE = 0.1  # of the day's exports, for everybody else

LATE_LEADS = timedelta(hours=1)
LATE_ACTIVITIES = timedelta(days=1)  # mail clicks and webinars are told late
LATE_DELETIONS = timedelta(days=3)  # nothing tells that a page of them was left out
DELETIONS_KEPT = timedelta(days=13)  # Marketo keeps them for 14; where our state is older, all is pulled anew
ACTIVITIES_KEPT = timedelta(days=760)  # 25 months
CHANGES_KEPT = timedelta(days=90)


def build_source(
    account: VendorAccount,
    *,
    base_url: str,
    touches: Sequence[str] = (),
    lifecycle_field: str | None = None,
    lifecycle: Mapping[str, str] | None = None,
    daily_export_mb: int = DAILY_EXPORT_MB,
    export_reserve: float = RESERVE,
    part_bytes: int = PART_BYTES,
) -> "MarketoSource":
    """A source on one subscription. SourceError for an option that cannot be right; no secret or network is touched.

    `touches` names further types of activities that are touches. `lifecycle_field` is the field of leads whose changes
    are landed, and `lifecycle` says which of its values staging reads as which step; without it none are.
    """
    api = MarketoApi(account=account, base_url=base_url.rstrip("/").removesuffix("/rest"))
    unread = () if lifecycle_field else ("data_value_change",)
    return MarketoSource(
        type="marketo",
        account=account,
        entities=tuple(each for each in account.included(LANDED["marketo"]) if each not in unread),
        api=api,
        touches=(*TOUCHES, *(each for each in touches if each not in TOUCHES)),
        lifecycle_field=lifecycle_field,
        steps=lifecycle or {},
        daily_export=daily_export_mb * MEGABYTE,
        reserve=export_reserve,
        part_bytes=part_bytes,
    )


@dataclass(frozen=True, kw_only=True)
class MarketoSource(ApiSource):
    """One subscription, as one API user sees it."""

    api: MarketoApi
    touches: tuple[str, ...]
    lifecycle_field: str | None
    steps: Mapping[str, str]
    daily_export: int
    reserve: float
    part_bytes: int = PART_BYTES

    @cached_property
    def _assets(self) -> Assets:
        return Assets(self.api)

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
        rows = (
            self._assets.programs()
            if entity == "program"
            else self._assets.campaigns()
            if entity == "campaign"
            else self._assets.forms()
        )
        names = list(dict.fromkeys([*OBJECTS[entity].fields, *(name for row in rows for name in row)]))
        if entity == "program":
            names = list(dict.fromkeys([*names, *self._assets.tags()]))
        return self._described(entity, today, names, lambda columns: iter([text_table(rows, columns)]))

    def settle(self) -> None:
        """Everything extracted has been loaded: the next run may start from here."""
        super().settle()
        for entity in ("lead", "activity", "data_value_change"):
            KeptExports(self.account.carried.folder, entity).forget()

    def check(self) -> Iterator[Finding]:
        """Credentials, exports left, permissions, and the fields that metrics and mappings read."""
        used = exported_today(self.api.client, self.account.clock())
        yield Finding("credentials", "ok", f"accepted by {self.api.base_url}")
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
        self.api.get(f"/rest/{path}.json")
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
        hidden = [name for name, kind in (kinds or {}).items() if is_personal(name, kind)]
        return Extraction(
            entity=entity,
            snapshot_date=today,
            tables=tables(columns),
            key=(columns[of.key],),
            required=(columns[of.key],),
            mode=of.mode,
            **self.governance(entity, of.canonical, columns, typed=of.governed, hidden=hidden, volatile=of.volatile),
        )

    # ------------------------------------------------------------ leads

    @cached_property
    def _fields(self) -> dict[str, dict[str, Any]]:
        """What `describe` tells of the fields of leads, by their names."""
        described = self.api.get("/rest/v1/leads/describe.json")["result"]
        return {each["rest"]["name"]: each for each in described if "rest" in each}

    def _lead_fields(self) -> dict[str, str]:
        """The fields of leads that are exported, with their types."""
        return {name: each["dataType"] for name, each in self._fields.items() if is_exported(name, each["dataType"])}

    def _leads(self, columns: Mapping[str, str]) -> Iterator[pa.Table]:
        """The carried state after the changes since its cursor; without a usable one, everything."""
        now = self.account.now()
        exporter = self._exporter("lead", "leads")
        landed = list(columns.values())
        before = self.account.carried.find("lead", of=self.api.origin, columns=landed, since=now - DELETIONS_KEPT)
        tells_changes = self._has_filter(exporter, "updatedAt", {"fields": ["id"]})
        if not tells_changes:
            before = None
        kept = KeptExports(self.account.carried.folder, "lead", (self.api.origin, *columns), now)
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
            yield from self.account.carried.merge(
                "lead",
                (table.rename_columns(landed) for job in exports() for table in exporter.tables(job, list(columns))),
                of=self.api.origin,
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
        token = self.api.get("/rest/v1/activities/pagingtoken.json", start)["nextPageToken"]
        seen: set[str] = set()
        while True:
            said = self.api.get(path, {**asked, "nextPageToken": token, "batchSize": ROWS})
            yield from said.get("result") or ()
            if not said.get("moreResult"):
                return
            seen.add(token)
            token = said["nextPageToken"]
            check_page(self.name, path, token, seen)

    def _first_day(self) -> datetime:
        """When the subscription began: its oldest folder. No lead is older."""
        folders = (
            self.api.get("/rest/asset/v1/folders.json", {"maxDepth": 1, "maxReturn": PAGE_ROWS}).get("result") or ()
        )
        found = [datetime.fromisoformat(plain(each["createdAt"])) for each in folders]
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
        there = {
            str(each["id"]): str(each["name"]) for each in self.api.get("/rest/v1/activities/types.json")["result"]
        }
        wanted = (*self.touches, MERGE_LEADS)
        if unknown := [name for name in self.touches if name not in TOUCHES and name not in there.values()]:
            raise SourceError(
                f"{self.name}: touches: got {', '.join(unknown)}. Expected names of activity types, such as "
                f"{', '.join(sorted(there.values())[:8])}. Nothing of this run was landed. Correct [sources."
                f"{self.name}] in pipeledger.toml."
            )
        return {number: name for number, name in there.items() if name in wanted}

    def _activities(self, columns: Mapping[str, str]) -> Iterator[pa.Table]:
        """The activities that are touches, and those that merged leads."""
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
        now = self.account.now()
        exporter = self._exporter(entity, "activities")
        of = f"{self.api.origin} {of}"
        oldest = now - kept_for
        before = self.account.carried.find(entity, of=of, columns=list(columns.values()), since=oldest)
        kept = None if before else KeptExports(self.account.carried.folder, entity, (of,), now)
        if before:
            since = datetime.fromisoformat(before.cursor) - LATE_ACTIVITIES
        else:
            since = (kept and kept.start) or max(oldest, self._first_day())
        try:
            yield from self.account.carried.merge(
                entity,
                (
                    rows(table)
                    for job in self._windows(exporter, "createdAt", since, now, body, kept)
                    for table in exporter.tables(job, ACTIVITY)
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
        kept: KeptExports | None = None,
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
        now = self.account.now()
        span = Window(now - LATE_LEADS, now).filter(by)
        try:
            exporter.probe({**body, "filter": {**body.get("filter", {}), **span}})
        except FilterNotSupportedError:
            return False
        return True

    def _exporter(self, entity: str, kind: Kind) -> Exporter:
        return Exporter(
            self.api.client,
            kind,
            f"{self.name}.{entity}",
            self._quota,
            self.account.carried.folder,
            self.sleep,
            self.part_bytes,
        )

    @cached_property
    def _quota(self) -> Quota:
        return Quota(self.name, self.daily_export, self.reserve, exported_today(self.api.client, self.account.clock()))


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


def _older_than(before: CarriedState, columns: Mapping[str, str], oldest: datetime) -> list[str]:
    """The keys of the activities that Marketo no longer keeps. They are in the ledger."""
    key, when = columns["marketoGUID"], columns["activityDate"]
    table = pq.read_table(before.path, columns=[key, when])
    found: list[str] = table[key].filter(pc.less(table[when], oldest.strftime("%Y-%m-%dT%H:%M:%SZ"))).to_pylist()
    return found
