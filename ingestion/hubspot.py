"""The `hubspot` source: CRM objects, their associations, pipelines and property history, and what marketing did.

Reads with the token of a private app, through date-versioned paths (`api_version`, also "v3"). All properties that
the app may read land as text under their names; what is written in calls, e-mails, meetings, notes and tasks does not,
nor what people typed into forms. Clicks in e-mails and submissions of forms know people by their addresses: these are
personal, and their digests lead to contacts.

Deals are listed whole every day, because calculated properties do not always move hs_lastmodifieddate, and so are the
small objects. Contacts and engagements are searched for their changes with a look-back of an hour, because the search
index lags, and listed whole once a week, for what it never told. Archived and merged ones end. Clicks and submissions
are asked for from a day before the last run, and whole once a week, too.

Alone: `python -m orchestration.settings.config` shows the settings; `pipeledger doctor` asks the account.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import requests

from ingestion.api import (
    ApiSource,
    Client,
    Clock,
    Trouble,
    batched,
    check_url,
    diagnose,
    included,
    landed_columns,
    message_of,
    retry_after,
    said,
    text,
    text_table,
)
from ingestion.carried import Carried, tables
from ingestion.entities import COUNT, DATE, FLAG, INSTANT, LANDED, MONEY, PROBABILITY, SCORE
from ingestion.findings import Finding
from ingestion.hubspot_api import Reader, Row, iso, milliseconds, path
from ingestion.landing import Extraction, SourceError
from ingestion.secrets import Secrets
from ingestion.stages import Stage

API_VERSION = "2026-03"
BASE_URL = "https://api.hubapi.com"
LOOK_BACK = timedelta(hours=1)
LATE = timedelta(days=1)  # how long after its time a click or a submission may be told
CLICKS_SINCE = timedelta(days=760)  # 25 months: what the first run asks for
CLICKS_AT_ONCE = timedelta(days=60)  # offsets do not live long
LISTED_EVERY = timedelta(days=7)
RESERVE = 0.1  # of the account's daily calls, for everybody else
PRIMARY = "primary"  # the label of an association that stands out

ARCHIVED = "archived"  # the mark of what ended, which is no property
CLICK = "CLICK"  # mail scanners open mails: that one was opened says nothing
ASSETS = ("FORM", "MARKETING_EMAIL")
FORM_TYPES = ("hubspot", "flow", "captured")

_MERGED = "hs_merged_object_ids"
_ADDRESSES = "hs_additional_emails"
_FIRST = datetime.fromtimestamp(0, UTC)
_ASKED_FOR = {
    "/email/public": ("email_event",),
    "/form-integrations": ("form_submission",),
    "/forms": ("form", "form_submission"),
    "/campaigns": ("campaign", "campaign_asset"),
    "/owners": ("owner",),
}
"""Which entities ask for paths with this in them, where they are no CRM objects."""
_MAY_BE_GONE = re.compile(r"/email/public/v1/campaigns/|/form-integrations/v1/submissions/")
_BLOCK = 2_000  # rows that become a table
_VERSION = re.compile(r"\d{4}-\d{2}(-beta)?|v[34]")
_VOLATILE = re.compile(
    r"(hs_)?lastmodifieddate|hs_updated_by_user_id|days_to_close|hs_days_to_close.*"
    r"|hs_(v2_)?(cumulative_|latest_)?time_in_.*|hs_time_since_.*|hs_days_since_.*"
)
_OF_PEOPLE = re.compile(
    r"(?:^|_)(firstname|lastname|full_?name|middle_?name|maiden_?name|nickname|given_name|family_name|salutation)"
    r"|e?mail|phone|(?:^|_)fax|address|street|(?:^|_)city(?:$|_)|(?:^|_)zip|postal|(?:^|_)ip_|linkedin|twitter"
    r"|facebook|birth|gender|marital|military|photo|avatar|latlon|latitude|longitude|(?:^|_)message$"
)
_LATER = "Run the same command again when HubSpot's day has passed, or lower api_reserve in pipeledger.toml."


@dataclass(frozen=True)
class Object:
    """One CRM object: how it is read, and what the ledger must know of it."""

    name: str  # in paths
    canonical: tuple[str, ...]
    governed: Mapping[str, str]  # by property
    changed: str | None = None  # the property by which changes are found; None: listed whole
    only: tuple[str, ...] = ()  # the properties that are read; without any, all
    people: bool = False  # names and addresses are those of people
    ended: bool = False  # archived and merged ones land with a mark
    with_contacts: bool = False  # the ids of associated contacts land with it


def _engagement(name: str, *also: str, **governed: str) -> Object:
    """Calls, e-mails ...: what is written in them may be whole letters, and no metric reads it."""
    known = ("hs_timestamp", "hs_createdate", "hs_lastmodifieddate", "hubspot_owner_id", "hubspot_team_id")
    return Object(
        name,
        ("activity",),
        {"hs_timestamp": INSTANT, "hs_createdate": INSTANT, **governed},
        changed="hs_lastmodifieddate",
        only=(*known, "hs_activity_type", "hs_engagement_source", "hs_object_source", *also),
        with_contacts=True,
    )


OBJECTS: dict[str, Object] = {
    "deal": Object(
        "deals",
        ("opportunity",),
        {
            "amount": MONEY,
            "closedate": INSTANT,
            "createdate": INSTANT,
            "notes_last_updated": INSTANT,
            "hs_deal_stage_probability": PROBABILITY,
            ARCHIVED: FLAG,
        },
        ended=True,
    ),
    "company": Object(
        "companies",
        ("account",),
        {"createdate": INSTANT, "numberofemployees": COUNT, "hs_is_target_account": FLAG},
    ),
    "contact": Object(
        "contacts",
        ("person", "touch"),
        {"createdate": INSTANT, "hubspotscore": SCORE, "hs_sa_first_engagement_date": INSTANT},
        changed="lastmodifieddate",
        people=True,
    ),
    "user": Object("users", ("user",), {}, people=True),
    "call": _engagement(
        "calls", "hs_call_direction", "hs_call_disposition", "hs_call_duration", "hs_call_status", "hs_call_source"
    ),
    "email": _engagement("emails", "hs_email_direction", "hs_email_status"),
    "meeting": _engagement(
        "meetings", "hs_meeting_outcome", "hs_meeting_start_time", "hs_meeting_end_time", "hs_meeting_source"
    ),
    "note": _engagement("notes"),
    "task": _engagement(
        *("tasks", "hs_task_type", "hs_task_status", "hs_task_priority", "hs_task_completion_date"),
        hs_task_completion_date=INSTANT,
    ),
}
ENGAGEMENTS = tuple(entity for entity, of in OBJECTS.items() if of.with_contacts)


@dataclass(frozen=True)
class Table:
    """What is no CRM object: its columns as HubSpot calls them, and what the ledger must know of it."""

    columns: tuple[str, ...]
    key: tuple[str, ...]
    required: tuple[str, ...]
    canonical: tuple[str, ...] = ()
    governed: Mapping[str, str] = field(default_factory=dict)
    personal: tuple[str, ...] = ()
    volatile: tuple[str, ...] = ()
    mode: str = "state"


_TIMES = {"createdAt": INSTANT, "updatedAt": INSTANT}
_ASSOCIATED = ("type_ids", "labels", "is_primary")

TABLES: dict[str, Table] = {
    "owner": Table(
        (
            *("id", "userId", "type", "email", "firstName", "lastName", "teams", "primaryTeam"),
            *("createdAt", "is_active"),
        ),
        key=("id",),
        required=("id",),
        canonical=("user",),
        governed={"createdAt": INSTANT, "is_active": FLAG},
        personal=("email",),
    ),
    "deal_pipeline": Table(
        ("id", "label", "displayOrder", "archived", "createdAt", "updatedAt"),
        ("id",),
        ("id",),
        canonical=("opportunity", "opportunity_change"),
        governed=_TIMES,
    ),
    "deal_pipeline_stage": Table(
        ("pipeline_id", "id", "label", "displayOrder", "isClosed", "probability", "archived", "createdAt"),
        key=("pipeline_id", "id"),
        required=("pipeline_id", "id"),
        canonical=("opportunity", "opportunity_change"),
        governed={"createdAt": INSTANT, "isClosed": FLAG, "probability": PROBABILITY},
    ),
    "deal_company": Table(
        ("deal_id", "company_id", *_ASSOCIATED),
        ("deal_id", "company_id"),
        ("deal_id", "company_id"),
        canonical=("opportunity",),
        governed={"is_primary": FLAG},
    ),
    "deal_contact": Table(
        ("deal_id", "contact_id", "role", *_ASSOCIATED),
        ("deal_id", "contact_id"),
        ("deal_id", "contact_id"),
        canonical=("opportunity_contact_role",),
        governed={"is_primary": FLAG},
    ),
    "engagement_deal": Table(
        ("engagement_type", "engagement_id", "deal_id", *_ASSOCIATED),
        ("engagement_type", "engagement_id", "deal_id"),
        ("engagement_type", "engagement_id", "deal_id"),
        canonical=("activity",),
        governed={"is_primary": FLAG},
    ),
    "contact_email": Table(
        ("contact_id", "number", "email"),
        ("contact_id", "number"),
        ("contact_id", "number"),
        canonical=("touch",),
        personal=("email",),
    ),
    "deal_property_history": Table(
        ("deal_id", "name", "value", "previous_value", "timestamp", "tie", "sourceType", "sourceId"),
        ("deal_id", "name", "timestamp", "value"),
        ("deal_id", "name", "timestamp"),
        canonical=("opportunity_change",),
        governed={"timestamp": INSTANT},
        mode="events",
    ),
    "campaign": Table(
        (
            *("id", "createdAt", "updatedAt", "hs_name", "hs_campaign_status", "hs_start_date", "hs_end_date"),
            *("hs_currency_code", "hs_owner", "hs_utm", "hs_budget_items_sum_amount", "hs_spend_items_sum_amount"),
        ),
        ("id",),
        ("id",),
        canonical=("campaign",),
        governed={
            **_TIMES,
            "hs_start_date": DATE,
            "hs_end_date": DATE,
            "hs_budget_items_sum_amount": MONEY,
            "hs_spend_items_sum_amount": MONEY,
        },
        volatile=("updatedAt",),
    ),
    "form": Table(
        ("id", "name", "formType", "createdAt", "updatedAt"),
        ("id",),
        ("id",),
        governed=_TIMES,
        volatile=("updatedAt",),
    ),
    "campaign_asset": Table(
        ("campaign_id", "asset_type", "asset_id"),
        ("campaign_id", "asset_type", "asset_id"),
        ("campaign_id", "asset_type", "asset_id"),
        canonical=("touch",),
    ),
    "email_event": Table(
        ("id", "created", "type", "emailCampaignId", "contentId", "appId", "filteredEvent", "email"),
        ("id",),
        ("id", "created"),
        canonical=("touch",),
        governed={"created": INSTANT, "filteredEvent": FLAG},
        personal=("email",),
        mode="events",
    ),
    "form_submission": Table(
        ("conversionId", "form_id", "submittedAt", "email"),
        ("conversionId",),
        ("conversionId", "form_id", "submittedAt"),
        canonical=("touch",),
        governed={"submittedAt": INSTANT},
        personal=("email",),
        mode="events",
    ),
}

TOLD = ("email_event", "form_submission")
"""What is told once and never changes."""

TRACKED = (
    *("dealname", "dealstage", "pipeline", "amount", "deal_currency_code", "closedate", "dealtype"),
    *("hubspot_owner_id", "hs_manual_forecast_category", "hs_deal_stage_probability", "hs_next_step"),
    *("closed_lost_reason", "hs_primary_associated_company", "hs_analytics_source"),
)
"""The properties of deals whose history is read, beside those that the settings map."""

LIFECYCLE = {
    "mql_at": ("marketingqualifiedlead", r"marketing.?qualified|\bmql\b"),
    "sal_at": ("salesacceptedlead", r"sales.?accepted|\bsal\b"),
    "sql_at": ("salesqualifiedlead", r"sales.?qualified|\bsql\b"),
}
"""The lifecycle stages that are ours: HubSpot's name, and what a company's own may be called."""


def build_source(
    name: str,
    *,
    secrets: Secrets,
    carried: Carried,
    time_zone: str,
    clock: Clock,
    api_version: str = API_VERSION,
    base_url: str = BASE_URL,
    exclude: Sequence[str] = (),
    api_reserve: float = RESERVE,
    columns: Mapping[str, Mapping[str, str]] | None = None,
    volatile: Mapping[str, Sequence[str]] | None = None,
    personal: Mapping[str, Sequence[str]] | None = None,
    **client: Any,
) -> "HubspotSource":
    """A source on one account. `columns` (theirs -> ours), `volatile` and `personal` are by canonical entity.

    `client`: arguments of `Client`, for tests. Raises SourceError for an option that cannot be right. Neither secrets
    nor network are touched.
    """
    check_url(name, "base_url", base_url)
    if not _VERSION.fullmatch(api_version):
        raise SourceError(
            f"{name}: api_version: got {api_version!r}. Expected one such as {API_VERSION}, or v3. Correct "
            f"[sources.{name}] in pipeledger.toml."
        )
    return HubspotSource(
        name=name,
        type="hubspot",
        entities=included(name, LANDED["hubspot"], exclude),
        time_zone=time_zone,
        clock=clock,
        carried=carried,
        secrets=secrets,
        base_url=base_url.rstrip("/"),
        version=api_version,
        reserve=api_reserve,
        mapped=columns or {},
        volatile=volatile or {},
        personal=personal or {},
        options=client,
    )


@dataclass(frozen=True, kw_only=True)
class HubspotSource(ApiSource):
    """One account, as a private app sees it."""

    base_url: str
    version: str
    reserve: float
    _deals: list[str] = field(default_factory=list, repr=False, compare=False)  # the ids that this run listed
    _merged: dict[str, str] = field(default_factory=dict, repr=False, compare=False)  # deals that others of it took in
    _contents: dict[str, str | None] = field(default_factory=dict, repr=False, compare=False)  # by e-mail campaign

    # ------------------------------------------------------------ what landing asks for

    def extraction(self, entity: str, today: date) -> Extraction:
        """One entity whole: listed, or its changes merged into what was carried over."""
        if entity == self.entities[0]:
            self._deals.clear()
        return self._object(entity, today) if entity in OBJECTS else self._table(entity, today)

    def check(self) -> Iterator[Finding]:
        """The token, calls left, and for each entity its scope and the properties that metrics and mappings read."""
        yield Finding("credentials", "ok", f"accepted by {self.base_url} for account {self._portal}")
        usage = self._get("account-info", "api-usage", "daily", "private-apps").json()["results"]
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
        for entity in self.entities:
            yield self._check_entity(entity)

    def stages(self) -> list[Stage]:
        """The stages of all deal pipelines, by the labels that staging shows."""
        return [
            Stage(
                pipeline=pipeline["label"],
                stage=stage["label"],
                order=number,
                category=_category(stage["metadata"]),
                probability=f"{float(stage['metadata']['probability']):g}",
            )
            for pipeline in sorted(self._pipelines, key=lambda each: int(each["displayOrder"]))
            for number, stage in enumerate(sorted(pipeline["stages"], key=lambda each: int(each["displayOrder"])), 1)
        ]

    def lifecycle(self) -> Mapping[str, str]:
        """The properties of contacts that tell when they reached a stage of ours: theirs -> ours."""
        found: dict[str, str] = {}
        described = self._properties("contacts")
        for ours, (stage, called) in LIFECYCLE.items():
            standard = [f"hs_v2_date_entered_{stage}", f"hs_lifecyclestage_{stage}_date"]
            named = [
                name
                for name, each in described.items()
                if name.startswith("hs_v2_date_entered_") and re.search(called, str(each.get("label", "")).lower())
            ]
            theirs = next((name for name in [*standard, *named] if name in described), None)
            if theirs:
                found[theirs] = ours
        return found

    def _check_entity(self, entity: str) -> Finding:
        try:
            of = OBJECTS["contact"] if entity == "contact_email" else OBJECTS.get(entity)
            if of is None:
                self._probe(entity)
                return Finding(entity, "ok", "readable")
            self._get("crm/objects", of.name, limit=1)
            described = self._properties(of.name)
        except SourceError as error:
            return Finding(entity, "fail", str(error), f'grant the private app the scope, or exclude = ["{entity}"]')
        typed = [_ADDRESSES] if entity == "contact_email" else of.governed
        if missing := self.missing(of.canonical, typed, [ARCHIVED, *described]):
            return Finding(
                entity,
                "warn",
                f"no property {', '.join(missing)} of {of.name}: what needs them is not evaluated",
                "grant the app the scope of sensitive data, or correct the mapping in pipeledger.toml",
            )
        return Finding(entity, "ok", f"{len(described)} properties of {of.name}")

    def _probe(self, entity: str) -> None:
        """Ask for a little of what is no CRM object."""
        if entity == "email_event":
            self._get("email/events", eventType=CLICK, limit=1)
        elif entity == "form_submission":
            for form in self._get("marketing/forms", limit=1).json()["results"]:
                self._get("form-integrations/submissions", "forms", form["id"], limit=1)
        else:
            next(iter(self._rows("campaign" if entity == "campaign_asset" else entity)), None)

    # ------------------------------------------------------------ CRM objects

    def _object(self, entity: str, today: date) -> Extraction:
        of = OBJECTS[entity]
        ours = self.ours(of.canonical)
        described = self._properties(of.name)
        if of.only:
            described = {name: each for name, each in described.items() if name in of.only or name in ours}
        extra = [*([ARCHIVED, "merged_into_id"] if of.ended else []), *(["contact_ids"] if of.with_contacts else [])]
        columns = landed_columns(f"{self.name}.{entity}", ["id", *described, *extra])
        hidden = [name for name in described if of.people and _OF_PEOPLE.search(name)]
        volatile = [name for name in described if _VOLATILE.fullmatch(name)]
        return Extraction(
            entity=entity,
            snapshot_date=today,
            tables=self._changed(entity, described, columns) if of.changed else self._whole(entity, described, columns),
            key=("id",),
            required=("id",),
            mode="state",
            deleted=ARCHIVED if of.ended else None,
            **self.governance(of.canonical, columns, typed=of.governed, hidden=hidden, volatile=volatile),
        )

    def _whole(self, entity: str, described: Mapping[str, Row], columns: Mapping[str, str]) -> Iterator[pa.Table]:
        of = OBJECTS[entity]
        yield from _tables(self._listed(entity, described), columns)
        if of.ended:
            archived = self.reader.listed(entity, of.name, list(described), archived=True)
            merged = dict(self._merged)
            flat = (_flat(row, described) for page in archived for row in page if row["id"] not in merged)
            yield from _tables(flat, columns)
            yield from _tables(
                ({"id": lost, "archived": "true", "merged_into_id": kept} for lost, kept in merged.items()), columns
            )

    def _listed(self, entity: str, described: Mapping[str, Row]) -> Iterator[dict[str, Any]]:
        """All objects that are there; of deals, the ids are remembered, and which ones they took in."""
        of = OBJECTS[entity]
        if of.ended:
            self._merged.clear()
        for page in self.reader.listed(entity, of.name, list(described)):
            rows = [_flat(row, described) for row in page]
            if of.ended:
                self._deals.extend(row["id"] for row in rows)
                self._merged.update((lost, row["id"]) for row in rows for lost in _merged(row))
            if of.with_contacts:
                self._add_contacts(entity, rows)
            yield from rows

    def _changed(self, entity: str, described: Mapping[str, Row], columns: Mapping[str, str]) -> Iterator[pa.Table]:
        merged: set[str] = set()
        return self._carry(
            entity,
            columns,
            key="id",
            whole=lambda: self._listed(entity, described),
            since=lambda cursor: self._searched(entity, described, cursor - LOOK_BACK, merged),
            gone=lambda: [*self._archived(entity), *merged],
        )

    def _carry(
        self,
        entity: str,
        columns: Mapping[str, str],
        *,
        key: str,
        whole: Callable[[], Iterable[Mapping[str, Any]]],
        since: Callable[[datetime], Iterable[Mapping[str, Any]]],
        gone: Callable[[], Iterable[str]] = tuple,
    ) -> Iterator[pa.Table]:
        """The carried state after the changes since its cursor; once a week and without a usable one, everything."""
        now = self._now()
        names = list(columns.values())
        before = self.carried.find(entity, of=self._origin, columns=names, since=now - LISTED_EVERY)
        listed_at = datetime.fromisoformat(before.notes["listed_at"]) if before else now
        if now - listed_at >= LISTED_EVERY:
            before, listed_at = None, now
        rows = since(datetime.fromisoformat(before.cursor)) if before else whole()
        yield from self.carried.merge(
            entity,
            _tables(rows, columns),
            of=self._origin,
            columns=names,
            key=columns[key],
            cursor=now.isoformat(),
            now=now,
            before=before,
            gone=gone if before else (),
            notes={"listed_at": listed_at.isoformat()},
        )

    def _searched(
        self, entity: str, described: Mapping[str, Row], since: datetime, merged: set[str]
    ) -> Iterator[dict[str, Any]]:
        of = OBJECTS[entity]
        for page in self.reader.changed(entity, of.name, list(described), str(of.changed), since):
            rows = [_flat(row, described) for row in page]
            merged.update(lost for row in rows for lost in _merged(row))
            if of.with_contacts:
                self._add_contacts(entity, rows)
            yield from rows

    def _archived(self, entity: str) -> Iterator[str]:
        """The ids of the archived ones, and of those that they took in before."""
        for page in self.reader.listed(entity, OBJECTS[entity].name, [_MERGED], archived=True):
            for row in page:
                yield from (row["id"], *_merged(row["properties"]))

    def _add_contacts(self, entity: str, rows: Sequence[dict[str, Any]]) -> None:
        found: dict[str, list[str]] = {}
        ids = [row["id"] for row in rows]
        for engagement, contact, _ in self.reader.associated(entity, OBJECTS[entity].name, "contacts", ids):
            found.setdefault(engagement, []).append(contact)
        for row in rows:
            row["contact_ids"] = ";".join(sorted(found.get(row["id"], ()), key=int)) or None

    # ------------------------------------------------------------ everything else

    def _table(self, entity: str, today: date) -> Extraction:
        of = TABLES[entity]
        theirs = [name for name in self.ours(of.canonical) if entity == "campaign" and name not in of.columns]
        columns = landed_columns(f"{self.name}.{entity}", [*of.columns, *theirs])
        return Extraction(
            entity=entity,
            snapshot_date=today,
            tables=self._told(entity, columns) if entity in TOLD else _tables(self._rows(entity), columns),
            key=tuple(columns[name] for name in of.key),
            required=tuple(columns[name] for name in of.required),
            mode=of.mode,
            **self.governance(of.canonical, columns, typed=of.governed, hidden=of.personal, volatile=of.volatile),
        )

    def _rows(self, entity: str) -> Iterator[Mapping[str, Any]]:
        """The rows of what is no CRM object."""
        if entity == "owner":
            return self._owners()
        if entity == "deal_pipeline":
            return iter(self._pipelines)
        if entity == "deal_pipeline_stage":
            return (
                {**stage, **stage["metadata"], "pipeline_id": pipeline["id"]}
                for pipeline in self._pipelines
                for stage in pipeline["stages"]
            )
        if entity == "deal_company":
            return self._associations(entity, "companies", "company_id")
        if entity == "deal_contact":
            return self._associations(entity, "contacts", "contact_id")
        if entity == "engagement_deal":
            return (
                {**row, "engagement_type": engagement}
                for engagement in ENGAGEMENTS
                if engagement in self.entities
                for row in self._associations(entity, OBJECTS[engagement].name, "engagement_id")
            )
        if entity == "deal_property_history":
            return self._history()
        if entity == "contact_email":
            return self._addresses()
        if entity == "campaign":
            return self._campaigns()
        if entity == "campaign_asset":
            return self._assets()
        return self._forms(entity)

    def _owners(self) -> Iterator[dict[str, Any]]:
        for archived in ("false", "true"):
            for page in self.reader.pages("owner", self._path("crm/owners"), {"archived": archived}):
                for row in page:
                    teams = row.get("teams") or []
                    primary = next((team["name"] for team in teams if team.get("primary")), None)
                    user = row.get("userId") or row.get("userIdIncludingInactive")
                    yield {**row, "userId": user, "primaryTeam": primary, "is_active": archived == "false"}

    @cached_property
    def _pipelines(self) -> list[Row]:
        found: list[Row] = self._get("crm/pipelines", "deals").json()["results"]
        return found

    def _associations(self, what: str, others: str, column: str) -> Iterator[dict[str, Any]]:
        for deal, other, types in self.reader.associated(what, "deals", others, self._deal_ids()):
            labels = sorted({str(each["label"]) for each in types if each.get("label")})
            roles = [label for label in labels if label.lower() != PRIMARY]
            yield {
                "deal_id": deal,
                column: other,
                "role": "; ".join(roles) or None,
                "labels": ";".join(labels) or None,
                "type_ids": ";".join(sorted(str(each["typeId"]) for each in types)),
                "is_primary": len(roles) < len(labels),
            }

    def _deal_ids(self) -> Iterable[str]:
        """The deals that this run listed; where it leaves them out, they are listed here."""
        if not self._deals:
            self._deals.extend(row["id"] for page in self.reader.listed("deal", "deals", []) for row in page)
        return self._deals

    def _history(self) -> Iterator[dict[str, Any]]:
        described = self._properties("deals")
        tracked = [name for name in dict.fromkeys([*TRACKED, *self.ours(("opportunity",))]) if name in described]
        what = "deal_property_history"
        for deal in self.reader.read(what, "deals", self._deal_ids(), [], history=tracked):
            for name, entries in deal.get("propertiesWithHistory", {}).items():
                previous: str | None = None
                told: dict[str, int] = {}
                oldest_first = list(reversed(entries))  # HubSpot tells the newest first, also of one instant
                for entry in sorted(oldest_first, key=lambda each: iso(each["timestamp"])):
                    value = _value(entry.get("value"), described.get(name, {}))
                    instant = iso(entry["timestamp"])
                    yield {
                        **entry,
                        "deal_id": deal["id"],
                        "name": name,
                        "value": value,
                        "previous_value": previous,
                        "timestamp": instant,
                        "tie": f"{told.setdefault(instant, 0):04}",
                    }
                    told[instant] += 1
                    previous = value

    def _campaigns(self) -> Iterator[dict[str, Any]]:
        names = [name for name in TABLES["campaign"].columns if name.startswith("hs_")]
        names += [name for name in self.ours(("campaign",)) if name not in TABLES["campaign"].columns]
        asked = {"properties": ",".join(names)}
        for page in self.reader.pages("campaign", self._path("marketing/campaigns"), asked):
            for row in page:
                yield {**row, **{name: value or None for name, value in row["properties"].items()}}

    def _forms(self, entity: str) -> Iterator[Row]:
        """Forms, pop-up forms and those of other websites: without being asked, HubSpot tells the first kind only."""
        for kind in FORM_TYPES:
            for page in self.reader.pages(entity, self._path("marketing/forms"), {"formTypes": kind}):
                yield from page

    # ------------------------------------------------------------ what people did

    def _told(self, entity: str, columns: Mapping[str, str]) -> Iterator[pa.Table]:
        """Clicks or submissions: those carried over, and those since. An e-mail's content is asked for once."""
        if entity == "email_event":
            told = self.carried.find(entity, of=self._origin, columns=list(columns.values()), since=_FIRST)
            pair = [columns["emailCampaignId"], columns["contentId"]]
            for table in tables(told.path, pair) if told else ():
                self._contents.update(zip(*table.to_pydict().values(), strict=True))
        rows = {"email_event": self._clicks, "form_submission": self._submissions}[entity]
        return self._carry(
            entity,
            columns,
            key=TABLES[entity].key[0],
            whole=lambda: rows(_FIRST),
            since=lambda cursor: rows(cursor - LATE),
        )

    def _clicks(self, since: datetime) -> Iterator[dict[str, Any]]:
        """Who clicked in which marketing e-mail and when; not where, on what and with what."""
        until = self._now()
        since = max(since, until - CLICKS_SINCE)
        while until > since:
            start = max(since, until - CLICKS_AT_ONCE)
            for page in self.reader.events("email_event", CLICK, _ms(start), _ms(until)):
                for event in page:
                    yield {
                        **event,
                        "created": iso(event["created"]),
                        "contentId": self._content(event.get("emailCampaignId")),
                        "email": event.get("recipient"),
                    }
            until = start

    def _content(self, campaign: Any) -> str | None:
        """The e-mail that was sent by an e-mail campaign; none where HubSpot no longer knows."""
        key = text(campaign)
        if key and key not in self._contents:
            found = said(self._get("email/campaigns", key))
            self._contents[key] = text(found.get("contentId"))
        return self._contents[key] if key else None

    def _submissions(self, since: datetime) -> Iterator[dict[str, Any]]:
        """Who submitted which form and when; not what was typed."""
        for form in self._forms("form_submission"):
            for page in self.reader.submissions("form_submission", form["id"], _ms(since)):
                for row in page:
                    typed = [each for each in row.get("values", ()) if each["name"] == "email"]
                    yield {
                        "conversionId": row.get("conversionId") or f"{form['id']}-{row['submittedAt']}",
                        "form_id": form["id"],
                        "submittedAt": iso(row["submittedAt"]),
                        "email": typed[0]["value"] if typed else None,
                    }

    def _addresses(self) -> Iterator[dict[str, Any]]:
        """The further addresses of the contacts of this run: of those that were merged, and what else they use."""
        if "contact" not in self.entities:
            return
        made = self.carried.made("contact")
        if _ADDRESSES not in pq.read_schema(made).names:
            return
        for table in tables(made, ["id", _ADDRESSES]):
            for contact, addresses in zip(*table.to_pydict().values(), strict=True):
                for number, address in enumerate((addresses or "").split(";"), 1):
                    if address:
                        yield {"contact_id": contact, "number": str(number), "email": address}

    def _assets(self) -> Iterator[dict[str, Any]]:
        for campaign in self._campaigns():
            for kind in ASSETS:
                url = self._path("marketing/campaigns", campaign["id"], "assets", kind)
                for page in self.reader.pages("campaign_asset", url, {}):
                    for asset in page:
                        yield {"campaign_id": campaign["id"], "asset_type": kind, "asset_id": asset["id"]}

    # ------------------------------------------------------------ what the account has

    def _properties(self, objects: str) -> dict[str, Row]:
        """The properties that the app may read, by name."""
        found = self._get("crm/properties", objects).json()["results"]
        return {each["name"]: each for each in found if not each.get("archived")}

    @cached_property
    def _portal(self) -> str:
        return str(self._get("account-info", "details").json()["portalId"])

    def _now(self) -> datetime:
        return self.clock().astimezone(UTC)

    @property
    def _origin(self) -> str:
        """What a carried state is of: an account, seen through one version of the API."""
        return f"{urlsplit(self.base_url).netloc} {self._portal} {self.version}"

    # ------------------------------------------------------------ the way in

    @cached_property
    def reader(self) -> Reader:
        """What reads lists, searches and batches."""
        return Reader(self.name, self.client, self.version)

    @cached_property
    def client(self) -> Client:
        """The client; the token is read when it is first needed, and again where it is refused."""
        return Client(
            self.name,
            self.base_url,
            sign_in=lambda: {"Authorization": f"Bearer {self.secrets['access_token']}"},
            diagnose=self._diagnose,
            **self.options,
        )

    def _path(self, api: str, *rest: str) -> str:
        return path(self.version, api, *rest)

    def _get(self, api: str, *rest: str, **asked: Any) -> requests.Response:
        return self.client.get(self._path(api, *rest), params=asked)

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
        return f"leave out what needs it: exclude = [{named or '...'}] under [sources.{self.name}] in pipeledger.toml."


def _category(metadata: Mapping[str, Any]) -> Any:
    probability = float(metadata["probability"])
    is_closed = str(metadata.get("isClosed", probability in (0.0, 1.0))).lower() == "true"
    return "open" if not is_closed else "won" if probability == 1.0 else "lost"


def _flat(row: Row, described: Mapping[str, Row]) -> dict[str, Any]:
    """An object as one row: its properties beside its id."""
    values = {name: _value(value, described.get(name, {})) for name, value in row["properties"].items()}
    return {**values, "id": row["id"], "archived": row.get("archived", False)}


def _value(value: Any, described: Row) -> Any:
    """A value of a property. Blank is none; instants come in two notations and leave in one."""
    if value == "" or value is None:
        return None
    if described.get("type") == "datetime":
        return iso(value)
    if described.get("type") == "date":
        return iso(value)[:10]
    return value


def _ms(instant: datetime) -> int:
    return milliseconds(instant.isoformat())


def _merged(row: Mapping[str, Any]) -> list[str]:
    """The ids of the objects that this one took in."""
    return [each.strip() for each in str(row.get(_MERGED) or "").split(";") if each.strip()]


def _tables(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str]) -> Iterator[pa.Table]:
    """Rows as tables of some size; one empty table if there are none."""
    is_empty = True
    for block in batched(rows, _BLOCK):
        is_empty = False
        yield text_table(block, columns)
    if is_empty:
        yield text_table([], columns)
