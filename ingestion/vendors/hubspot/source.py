"""The `hubspot` source: CRM objects, their associations, pipelines and property history, and what marketing did.

Reads with the token of a private app, through date-versioned paths (`api_version`, also "v3"). All properties that
the app may read land as text under their names; what is written in calls, e-mails, meetings, notes and tasks does not,
nor what people typed into forms. Clicks in e-mails and submissions of forms know people by their addresses: these are
personal, and their digests lead to contacts.

Deals are listed whole every day, because calculated properties do not always move hs_lastmodifieddate, and so are the
small objects. Contacts and engagements are searched for their changes with a look-back of an hour, because the search
index lags, and listed whole once a week, for what it never told. Archived and merged ones end. Clicks and submissions
are asked for from a day before the last run, and whole once a week, too.

Alone: `pipeledger doctor` asks the account.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.source import Extraction, Finding, SourceError
from ingestion.source_types import LANDED
from ingestion.vendors.account import VendorAccount
from ingestion.vendors.api_source import ApiSource
from ingestion.vendors.carried_state import tables
from ingestion.vendors.hubspot.client import API_VERSION, BASE_URL, RESERVE, HubspotApi
from ingestion.vendors.hubspot.marketing import CLICK, Marketing
from ingestion.vendors.hubspot.objects import (
    ARCHIVED,
    ENGAGEMENTS,
    LIFECYCLE,
    MARKETING_EVENTS,
    OBJECTS,
    OF_PEOPLE,
    TABLES,
    TRACKED,
    VOLATILE,
)
from ingestion.vendors.hubspot.reader import Row, iso
from ingestion.vendors.hubspot.rows import MERGED, flat, tables_of, taken_in, value_of
from ingestion.vendors.rows import landed_columns
from ingestion.vendors.stages import Stage

LOOK_BACK = timedelta(hours=1)
LATE = timedelta(days=1)  # how long after its time a click or a submission may be told
LISTED_EVERY = timedelta(days=7)
PRIMARY = "primary"  # the label of an association that stands out

_ADDRESSES = "hs_additional_emails"
_FIRST = datetime.fromtimestamp(0, UTC)


def build_source(
    account: VendorAccount,
    *,
    api_version: str = API_VERSION,
    base_url: str = BASE_URL,
    api_reserve: float = RESERVE,
) -> "HubspotSource":
    """A source on one account. SourceError for an option that cannot be right. Touches neither secrets nor network."""
    api = HubspotApi(account=account, base_url=base_url.rstrip("/"), version=api_version, reserve=api_reserve)
    return HubspotSource(type="hubspot", account=account, entities=account.included(LANDED["hubspot"]), api=api)


@dataclass(frozen=True, kw_only=True)
class HubspotSource(ApiSource):
    """One account, as a private app sees it."""

    api: HubspotApi
    _deals: list[str] = field(default_factory=list, repr=False, compare=False)  # the ids that this run listed
    _merged: dict[str, str] = field(default_factory=dict, repr=False, compare=False)  # deals that others of it took in

    @cached_property
    def _marketing(self) -> Marketing:
        return Marketing(self.api)

    # ------------------------------------------------------------ what landing asks for

    def extraction(self, entity: str, today: date) -> Extraction:
        """One entity whole: listed, or its changes merged into what was carried over."""
        if entity == self.entities[0]:
            self._deals.clear()
        return self._object(entity, today) if entity in OBJECTS else self._table(entity, today)

    def has(self, entity: str) -> bool:
        """An account may be without tickets and goals, or grant neither; whatever else is missing is an error."""
        of = OBJECTS.get(entity)
        return of is None or not of.optional or self.api.may_read(of.name)

    def check(self) -> Iterator[Finding]:
        """The token, calls left, and for each entity its scope and the properties that metrics and mappings read."""
        yield from self.api.check()
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
        described = self.api.properties("contacts")
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
            if not self.has(entity):
                return Finding(
                    entity,
                    "warn",
                    f"the app may not read {of.name}: they are not captured, and cannot be had later",
                    f'grant the private app the scope, or exclude = ["{entity}"]',
                )
            self.api.get("crm/objects", of.name, limit=1)
            described = self.api.properties(of.name)
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
            self.api.get("email/events", eventType=CLICK, limit=1)
        elif entity == "form_submission":
            for form in self.api.get("marketing/forms", limit=1).json()["results"]:
                self.api.get("form-integrations/submissions", "forms", form["id"], limit=1)
        else:
            next(iter(self._rows("campaign" if entity == "campaign_asset" else entity)), None)

    # ------------------------------------------------------------ CRM objects

    def _object(self, entity: str, today: date) -> Extraction:
        of = OBJECTS[entity]
        ours = self.account.ours(of.canonical)
        described = self.api.properties(of.name)
        if of.only:
            described = {name: each for name, each in described.items() if name in of.only or name in ours}
        marks = {
            ARCHIVED: of.ended,
            "merged_into_id": of.ended,
            "contact_ids": of.with_contacts,
            "company_id": of.with_company,
            "owner_id": of.with_owner,
        }
        extra = [name for name, lands in marks.items() if lands]
        columns = landed_columns(f"{self.name}.{entity}", ["id", *described, *extra])
        hidden = [name for name in described if of.people and OF_PEOPLE.search(name) and name not in of.shown]
        volatile = [name for name in described if VOLATILE.fullmatch(name)]
        return Extraction(
            entity=entity,
            snapshot_date=today,
            tables=self._changed(entity, described, columns) if of.changed else self._whole(entity, described, columns),
            key=("id",),
            required=("id",),
            mode="state",
            deleted=ARCHIVED if of.ended else None,
            **self.governance(entity, of.canonical, columns, typed=of.governed, hidden=hidden, volatile=volatile),
        )

    def _whole(self, entity: str, described: Mapping[str, Row], columns: Mapping[str, str]) -> Iterator[pa.Table]:
        of = OBJECTS[entity]
        yield from tables_of(self._listed(entity, described), columns)
        if of.ended:
            archived = self.api.reader.listed(entity, of.name, list(described), archived=True)
            merged = dict(self._merged)
            ended = (flat(row, described) for page in archived for row in page if row["id"] not in merged)
            yield from tables_of(ended, columns)
            yield from tables_of(
                ({"id": lost, "archived": "true", "merged_into_id": kept} for lost, kept in merged.items()), columns
            )

    def _listed(self, entity: str, described: Mapping[str, Row]) -> Iterator[dict[str, Any]]:
        """All objects that are there; of deals, the ids are remembered, and which ones they took in."""
        of = OBJECTS[entity]
        if of.ended:
            self._merged.clear()
        for page in self.api.reader.listed(entity, of.name, list(described)):
            rows = [flat(row, described) for row in page]
            if of.ended:
                self._deals.extend(row["id"] for row in rows)
                self._merged.update((lost, row["id"]) for row in rows for lost in taken_in(row))
            self._add_others(entity, rows)
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
        now = self.account.now()
        names = list(columns.values())
        before = self.account.carried.find(entity, of=self.api.origin, columns=names, since=now - LISTED_EVERY)
        listed_at = datetime.fromisoformat(before.notes["listed_at"]) if before else now
        if now - listed_at >= LISTED_EVERY:
            before, listed_at = None, now
        rows = since(datetime.fromisoformat(before.cursor)) if before else whole()
        yield from self.account.carried.merge(
            entity,
            tables_of(rows, columns),
            of=self.api.origin,
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
        for page in self.api.reader.changed(entity, of.name, list(described), str(of.changed), since):
            rows = [flat(row, described) for row in page]
            merged.update(lost for row in rows for lost in taken_in(row))
            self._add_others(entity, rows)
            yield from rows

    def _archived(self, entity: str) -> Iterator[str]:
        """The ids of the archived ones, and of those that they took in before."""
        for page in self.api.reader.listed(entity, OBJECTS[entity].name, [MERGED], archived=True):
            for row in page:
                yield from (row["id"], *taken_in(row["properties"]))

    def _add_others(self, entity: str, rows: Sequence[dict[str, Any]]) -> None:
        """Put what an object says of other objects beside its properties."""
        of = OBJECTS[entity]
        if of.with_contacts:
            self._add_contacts(entity, rows)
        if of.with_company:
            self._add_companies(entity, rows)
        if of.with_owner:
            for row in rows:
                row["owner_id"] = self._owner_of_user.get(str(row.get("hs_assignee_user_id")))

    def _add_companies(self, entity: str, rows: Sequence[dict[str, Any]]) -> None:
        """The primary company, else the one with the smallest id."""
        found: dict[str, tuple[bool, int]] = {}
        ids = [row["id"] for row in rows]
        for row_id, company, types in self.api.reader.associated(entity, OBJECTS[entity].name, "companies", ids):
            is_primary = any(str(each.get("label") or "").lower() == PRIMARY for each in types)
            found[row_id] = min(found.get(row_id, (True, int(company))), (not is_primary, int(company)))
        for row in rows:
            row["company_id"] = str(found[row["id"]][1]) if row["id"] in found else None

    @cached_property
    def _owner_of_user(self) -> dict[str, str]:
        """Goals are assigned to users, and everything else to owners."""
        return {str(owner["userId"]): str(owner["id"]) for owner in self._owners()}

    def _add_contacts(self, entity: str, rows: Sequence[dict[str, Any]]) -> None:
        found: dict[str, list[str]] = {}
        ids = [row["id"] for row in rows]
        for engagement, contact, _ in self.api.reader.associated(entity, OBJECTS[entity].name, "contacts", ids):
            found.setdefault(engagement, []).append(contact)
        for row in rows:
            row["contact_ids"] = ";".join(sorted(found.get(row["id"], ()), key=int)) or None

    # ------------------------------------------------------------ everything else

    def _table(self, entity: str, today: date) -> Extraction:
        of = TABLES[entity]
        theirs = [name for name in self.account.ours(of.canonical) if entity == "campaign" and name not in of.columns]
        columns = landed_columns(f"{self.name}.{entity}", [*of.columns, *theirs])
        return Extraction(
            entity=entity,
            snapshot_date=today,
            tables=self._marketing_events(entity, columns)
            if entity in MARKETING_EVENTS
            else tables_of(self._rows(entity), columns),
            key=tuple(columns[name] for name in of.key),
            required=tuple(columns[name] for name in of.required),
            mode=of.mode,
            **self.governance(
                entity, of.canonical, columns, typed=of.governed, hidden=of.personal, volatile=of.volatile
            ),
        )

    def _rows(self, entity: str) -> Iterator[Mapping[str, Any]]:
        """The rows of an entity that is no CRM object."""
        readers: dict[str, Callable[[], Iterator[Mapping[str, Any]]]] = {
            "owner": self._owners,
            "deal_pipeline": lambda: iter(self._pipelines),
            "deal_pipeline_stage": self._pipeline_stages,
            "deal_company": lambda: self._associations(entity, "companies", "company_id"),
            "deal_contact": lambda: self._associations(entity, "contacts", "contact_id"),
            "engagement_deal": self._engagement_deals,
            "deal_property_history": self._history,
            "contact_email": self._addresses,
            "campaign": self._marketing.campaigns,
            "campaign_asset": self._marketing.assets,
            "form": lambda: self._marketing.forms(entity),
        }
        return readers[entity]()

    def _pipeline_stages(self) -> Iterator[Mapping[str, Any]]:
        for pipeline in self._pipelines:
            for stage in pipeline["stages"]:
                yield {**stage, **stage["metadata"], "pipeline_id": pipeline["id"]}

    def _engagement_deals(self) -> Iterator[Mapping[str, Any]]:
        for engagement in ENGAGEMENTS:
            if engagement in self.entities:
                for row in self._associations("engagement_deal", OBJECTS[engagement].name, "engagement_id"):
                    yield {**row, "engagement_type": engagement}

    def _owners(self) -> Iterator[dict[str, Any]]:
        for archived in ("false", "true"):
            for page in self.api.reader.pages("owner", self.api.path("crm/owners"), {"archived": archived}):
                for row in page:
                    teams = row.get("teams") or []
                    primary = next((team["name"] for team in teams if team.get("primary")), None)
                    user = row.get("userId") or row.get("userIdIncludingInactive")
                    yield {**row, "userId": user, "primaryTeam": primary, "is_active": archived == "false"}

    @cached_property
    def _pipelines(self) -> list[Row]:
        found: list[Row] = self.api.get("crm/pipelines", "deals").json()["results"]
        return found

    def _associations(self, what: str, others: str, column: str) -> Iterator[dict[str, Any]]:
        for deal, other, types in self.api.reader.associated(what, "deals", others, self._deal_ids()):
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
            self._deals.extend(row["id"] for page in self.api.reader.listed("deal", "deals", []) for row in page)
        return self._deals

    def _history(self) -> Iterator[dict[str, Any]]:
        """A row for each value that a tracked property of a deal had, with the value before, oldest first."""
        described = self.api.properties("deals")
        tracked = [
            name for name in dict.fromkeys([*TRACKED, *self.account.ours(("opportunity",))]) if name in described
        ]
        what = "deal_property_history"
        for deal in self.api.reader.read(what, "deals", self._deal_ids(), [], history=tracked):
            for name, entries in deal.get("propertiesWithHistory", {}).items():
                previous: str | None = None
                told: dict[str, int] = {}
                oldest_first = list(reversed(entries))  # HubSpot tells the newest first, also of one instant
                for entry in sorted(oldest_first, key=lambda each: iso(each["timestamp"])):
                    value = value_of(entry.get("value"), described.get(name, {}))
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

    # ------------------------------------------------------------ what people did

    def _marketing_events(self, entity: str, columns: Mapping[str, str]) -> Iterator[pa.Table]:
        """Clicks or submissions: those carried over, and those since. An e-mail's content is asked for once."""
        if entity == "email_event":
            before = self.account.carried.find(entity, of=self.api.origin, columns=list(columns.values()), since=_FIRST)
            pair = [columns["emailCampaignId"], columns["contentId"]]
            for table in tables(before.path, pair) if before else ():
                self._marketing.contents.update(zip(*table.to_pydict().values(), strict=True))
        rows = {"email_event": self._marketing.clicks, "form_submission": self._marketing.submissions}[entity]
        return self._carry(
            entity,
            columns,
            key=TABLES[entity].key[0],
            whole=lambda: rows(_FIRST),
            since=lambda cursor: rows(cursor - LATE),
        )

    def _addresses(self) -> Iterator[dict[str, Any]]:
        """The further addresses of the contacts of this run: of those that were merged, and what else they use."""
        if "contact" not in self.entities:
            return
        made = self.account.carried.made("contact")
        if _ADDRESSES not in pq.read_schema(made).names:
            return
        for table in tables(made, ["id", _ADDRESSES]):
            for contact, addresses in zip(*table.to_pydict().values(), strict=True):
                for number, address in enumerate((addresses or "").split(";"), 1):
                    if address:
                        yield {"contact_id": contact, "number": str(number), "email": address}


def _category(metadata: Mapping[str, Any]) -> Any:
    probability = float(metadata["probability"])
    is_closed = str(metadata.get("isClosed", probability in (0.0, 1.0))).lower() == "true"
    return "open" if not is_closed else "won" if probability == 1.0 else "lost"
