"""An Adobe Marketo Engage subscription on 127.0.0.1: identity, REST, assets and Bulk Extract as Adobe documents them.

One stateful subscription with a clock of its own. Errors come as HTTP 200 with `success: false`. It refuses what
Marketo refuses: unknown fields, windows over 31 days, instants with milliseconds, pages over the maximum, tokens that
expired (602) or never were (601), missing permissions (603), a full queue and a day's quota (1029), filters that the
subscription has not (1035). `mirror` makes it hold the canonical rows of a company.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from tests.vendors.server import Answer, Request, VendorServer

CLIENT_ID = "b417d98f-9289-47d1-a61f-db141bf0267f"
CLIENT_SECRET = "-".join(["the", "client", "secret", "of", "acme"])
PERMISSIONS = ("Read-Only Lead", "Read-Only Activity", "Read-Only Assets", "Read-Only Campaign")

FIELDS: dict[str, str] = {
    "company": "string", "website": "url", "industry": "string", "numberOfEmployees": "integer",
    "annualRevenue": "currency", "billingCountry": "string", "mktoCompanyNotes": "text", "id": "integer",
    "mktoName": "string", "personType": "string", "isLead": "boolean", "salutation": "string", "firstName": "string",
    "middleName": "string", "lastName": "string", "email": "email", "phone": "phone", "mobilePhone": "phone",
    "title": "string", "dateOfBirth": "date", "address": "text", "city": "string", "state": "string",
    "country": "string", "postalCode": "string", "originalSourceType": "string", "originalReferrer": "string",
    "emailInvalid": "boolean", "unsubscribed": "boolean", "anonymousIP": "string", "department": "string",
    "createdAt": "datetime", "updatedAt": "datetime", "cookies": "string", "leadSource": "string",
    "leadStatus": "string", "leadScore": "score", "rating": "string", "priority": "integer",
    "leadPartitionId": "reference", "acquisitionProgramId": "reference", "mktoAcquisitionDate": "datetime",
    "sfdcAccountId": "string", "sfdcLeadOwnerId": "string", "sfdcType": "string",
    "MQL_Date__c": "datetime", "SAL_Date__c": "datetime", "SQL_Date__c": "datetime",
    "First_Response_Date__c": "datetime", "Converted_Opportunity_Id__c": "string", "Lifecycle_Status__c": "string",
}  # fmt: skip
TYPES: dict[int, str] = {
    1: "Visit Webpage", 2: "Fill Out Form", 6: "Send Email", 7: "Email Delivered", 10: "Open Email", 11: "Click Email",
    12: "New Lead", 13: "Change Data Value", 32: "Merge Leads", 37: "Delete Lead", 104: "Change Status in Progression",
}  # fmt: skip
ACTIVITY = (
    *("marketoGUID", "leadId", "activityDate", "activityTypeId", "campaignId", "primaryAttributeValueId"),
    *("primaryAttributeValue", "attributes"),
)
TOUCHES = ("webinar_attended", "ad_click", "booth_visit", "website_visit", "partner_referral", "content_download")
MAPPING = """
touches = ["webinar_attended", "ad_click", "booth_visit", "website_visit", "partner_referral", "content_download"]

[sources.{name}.entities.person]
columns = { MQL_Date__c = "mql_at", SAL_Date__c = "sal_at", SQL_Date__c = "sql_at",\
 First_Response_Date__c = "first_response_at", Converted_Opportunity_Id__c = "converted_opportunity_id" }

[sources.{name}.entities.campaign]
columns = { tag_currency = "currency_code" }
"""
"""How a source reads what `mirror` writes: to be put right below the lines of [sources.<name>], `{name}` replaced."""

_PERSON = {
    "account_id": "sfdcAccountId", "full_name": "mktoName", "email": "email", "phone": "phone", "title": "title",
    "lead_source": "leadSource", "lead_score": "leadScore", "status": "leadStatus", "owner_id": "sfdcLeadOwnerId",
    "created_at": "createdAt", "mql_at": "MQL_Date__c", "sal_at": "SAL_Date__c", "sql_at": "SQL_Date__c",
    "first_response_at": "First_Response_Date__c", "converted_opportunity_id": "Converted_Opportunity_Id__c",
}  # fmt: skip
_LONGEST = timedelta(days=31)
_CHANGES_KEPT = timedelta(days=90)


@dataclass
class Job:
    """An export, with the rows as they are when it is completed."""

    kind: str
    body: dict[str, Any]
    created_at: datetime
    status: str = "Created"
    looks: int = 0
    finished_at: datetime | None = None
    content: bytes = b""
    records: int = 0
    fails: bool = False


@dataclass
class Lead:
    """A lead, and when a field of it changed last, which is not what it shows as updatedAt."""

    values: dict[str, Any]
    changed_at: datetime


@dataclass
class Activity:
    """An activity; `told_at` is when exports begin to tell it."""

    row: dict[str, Any]
    told_at: datetime
    attributes: dict[str, Any] = field(default_factory=dict)


class MarketoServer(VendorServer):
    """One subscription. `now` is its clock."""

    def __init__(self, now: datetime, *, time_zone: str = "America/New_York", born: datetime | None = None) -> None:
        super().__init__()
        self.now = now
        self.zone = ZoneInfo(time_zone)
        self.born = born or now - timedelta(days=100)
        self.fields = dict(FIELDS)
        self.field_ids = {name: number for number, name in enumerate(FIELDS, 1)}
        self.types = dict(TYPES)
        self.leads: dict[int, Lead] = {}
        self.activities: list[Activity] = []
        self.programs: dict[int, dict[str, Any]] = {}
        self.campaigns: dict[int, dict[str, Any]] = {}
        self.forms: dict[int, dict[str, Any]] = {}
        self.tags = ["currency"]
        self.jobs: dict[str, Job] = {}
        self.permissions = set(PERMISSIONS)
        self.has_updated_filter = True
        self.has_attribute_filter = True
        self.knows_ranges = True
        self.looks_needed = 1
        self.quota = 500_000_000
        self.others_in_queue = 0
        self.tokens: dict[str, datetime] = {}
        self.token_count = 0
        self.token_calls: int | None = None  # calls after which a token expires
        self.page_rows = 300
        self.number = 1000
        self.ids: dict[tuple[str, str], str] = {}
        self._mirrored: dict[tuple[str, str], Mapping[str, Any]] = {}

    # ------------------------------------------------------------ the company's life

    def add_lead(self, **values: Any) -> int:
        """A new lead at the subscription's time; gives its id."""
        self.number += 1
        row = dict.fromkeys(FIELDS) | {"id": self.number, "createdAt": self.now, "updatedAt": self.now} | values
        self.leads[self.number] = Lead(row, self.now)
        return self.number

    def change_lead(self, lead: int, *, at: datetime | None = None, **values: Any) -> None:
        """Change fields, each told as an activity; what is shown as updatedAt moves for standard fields only."""
        found = self.leads[lead]
        for name, value in values.items():
            if value != (before := found.values.get(name)):
                told = {"Old Value": before, "New Value": value, "Reason": "Form fill, p@example.com", "Source": "Web"}
                texts = {each: str(_json(text)) for each, text in told.items() if text is not None}
                self.act(lead, 13, primary=self._field_id(name), text=_display_name(name), at=at, attributes=texts)
        found.changed_at = at or self.now
        if any("__c" not in name for name in values):
            found.values["updatedAt"] = self.now
        found.values |= values

    def _field_id(self, name: str) -> int:
        return self.field_ids.setdefault(name, len(self.field_ids) + 1)

    def delete_lead(self, lead: int) -> None:
        """Delete; told for fourteen days."""
        self.act(lead, 37, primary=lead)
        del self.leads[lead]

    def merge_leads(self, winner: int, *losers: int) -> None:
        """The losers go, with an activity of the winner that names them; the winner has theirs, but for merges."""
        for loser in losers:
            del self.leads[loser]
            for activity in self.activities:
                if activity.row["leadId"] == loser and activity.row["activityTypeId"] != 32:
                    activity.row["leadId"] = winner
        merged = {"Merge IDs": f"[{','.join(map(str, losers))}]", "Master Updated": True, "Merge Source": "leaddb"}
        self.act(winner, 32, primary=winner, text="Ann Name", attributes=merged)
        self.leads[winner].changed_at = self.now

    def act(
        self,
        lead: int,
        type_id: int,
        *,
        primary: Any = None,
        text: str | None = None,
        campaign: int | None = None,
        at: datetime | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> str:
        """An activity; gives its GUID."""
        self.number += 1
        row = {
            "marketoGUID": str(self.number), "leadId": lead, "activityDate": at or self.now, "activityTypeId": type_id,
            "campaignId": campaign, "primaryAttributeValueId": primary, "primaryAttributeValue": text,
        }  # fmt: skip
        self.activities.append(Activity(row, self.now, dict(attributes or {})))
        return str(self.number)

    def add_program(self, **values: Any) -> int:
        self.number += 1
        stamp = {"createdAt": self.now, "updatedAt": self.now}
        empty = {"description": "", "type": "Event", "channel": "Webinar", "status": "", "workspace": "Default"}
        folder = {"type": "Folder", "value": 45, "folderName": "Active Marketing Programs"}
        row = {
            "id": self.number,
            "name": f"Program {self.number}",
            **empty,
            "folder": folder,
            **stamp,
            "tags": [],
            "costs": [],
        }
        self.programs[self.number] = row | {"url": f"https://app-ab00.marketo.com/#ME{self.number}A1"} | values
        return self.number

    def add_campaign(self, program: int | None = None, **values: Any) -> int:
        self.number += 1
        row: dict[str, Any] = {"id": self.number, "name": f"Campaign {self.number}", "type": "batch"}
        if program is not None:
            row |= {"programName": self.programs[program]["name"], "programId": program}
        self.campaigns[self.number] = row | {
            "workspaceName": "Default", "createdAt": self.now, "updatedAt": self.now, "active": False,
        } | values  # fmt: skip
        return self.number

    def add_form(self, program: int | None = None) -> int:
        self.number += 1
        folder = {"type": "Program", "value": program} if program else {"type": "Folder", "value": 45}
        self.forms[self.number] = {
            "id": self.number, "name": f"Form {self.number}", "createdAt": self.now, "updatedAt": self.now,
            "folder": folder, "status": "approved",
        }  # fmt: skip
        return self.number

    def pass_time(self, **delta: float) -> None:
        self.now += timedelta(**delta)

    def mirror(self, company: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
        """Hold exactly these canonical rows (entity -> our id -> row): campaigns, people and touches."""
        for ours, row in company.get("campaign", {}).items():
            self._mirror_campaign(ours, row)
        for ours, row in company.get("person", {}).items():
            self._mirror_person(ours, row)
        for ours, row in company.get("touch", {}).items():
            if ("touch", ours) not in self.ids:
                self._mirror_touch(ours, row)
        for entity, ours in [each for each in self.ids if each[0] in ("person", "campaign")]:
            if ours not in company.get(entity, {}):
                number = int(self.ids.pop((entity, ours)))
                del self._mirrored[entity, ours]
                if entity == "person":
                    self.delete_lead(number)
                else:
                    del self.programs[number]

    def _mirror_person(self, ours: str, row: Mapping[str, Any]) -> None:
        if self._mirrored.get(("person", ours)) == row:
            return
        values = {theirs: self._theirs(name, row.get(name)) for name, theirs in _PERSON.items()}
        if ("person", ours) in self.ids:
            self.change_lead(int(self.ids["person", ours]), **values)
        else:
            lead = self.add_lead(**values)
            self.born = min(self.born, values["createdAt"] or self.born)
            self.ids["person", ours] = str(lead)
        self._mirrored["person", ours] = dict(row)

    def _mirror_campaign(self, ours: str, row: Mapping[str, Any]) -> None:
        if self._mirrored.get(("campaign", ours)) == row:
            return
        if ("campaign", ours) not in self.ids:
            self.ids["campaign", ours] = str(self.add_program())
        program = self.programs[int(self.ids["campaign", ours])]
        cost, currency = row.get("cost"), row.get("currency_code")
        program |= {
            "name": row.get("campaign_name"),
            "channel": row.get("channel"),
            "updatedAt": self.now,
            "startDate": self._midnight(row.get("start_date")),
            "endDate": self._midnight(row.get("end_date")),
            "costs": [] if cost is None else [{"startDate": "2026-01-01", "cost": float(cost), "note": ""}],
            "tags": [] if currency is None else [{"tagType": "currency", "tagValue": currency}],
        }
        if row.get("crm_campaign_id"):  # kept in step with a campaign of Salesforce
            program |= {"sfdcId": row["crm_campaign_id"], "sfdcName": row.get("campaign_name")}
        self._mirrored["campaign", ours] = dict(row)

    def _mirror_touch(self, ours: str, row: Mapping[str, Any]) -> None:
        lead = int(self.ids["person", row["person_id"]])
        at, kind = row["touched_at"].astimezone(UTC), row["touch_type"]
        self.born = min(self.born, at)
        program = int(self.ids["campaign", row["campaign_id"]]) if row.get("campaign_id") else None
        if kind in ("email_click", "form_fill"):
            sends = next((each for each, values in self.campaigns.items() if values.get("programId") == program), None)
            if program is not None and sends is None:
                sends = self.add_campaign(program)
            guid = self.act(lead, 11 if kind == "email_click" else 2, campaign=sends, primary=7, at=at)
        elif program is not None:
            status = {"New Status": kind, "Old Status": "Invited", "Success": True}
            guid = self.act(lead, 104, primary=program, at=at, attributes=status)
        else:
            number = next((each for each, name in self.types.items() if name == kind), max(100_000, *self.types) + 1)
            self.types[number] = kind
            guid = self.act(lead, number, at=at)
        self.ids["touch", ours] = guid

    def _theirs(self, name: str, value: Any) -> Any:
        if name.endswith("_id") and value is not None:
            return self.ids.get((name.removesuffix("_id").replace("owner", "user"), value), value)
        return int(value) if isinstance(value, Decimal) and value == int(value) else value

    def _midnight(self, day: date | None) -> datetime | None:
        return None if day is None else datetime(day.year, day.month, day.day, tzinfo=self.zone)

    # ------------------------------------------------------------ HTTP

    def answer(self, request: Request) -> Answer:
        if request.path == "/identity/oauth/token":
            return self._token(request)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            return _error("601", "Access token invalid")
        if self.token_calls is not None:
            self.token_calls -= 1
            if self.token_calls == 0:
                self.tokens[token] = self.now
        if self.tokens[token] <= self.now:
            return _error("602", "Access token expired")
        if "access_token" in request.query:
            return _error("600", "Access token belongs into the header")
        path = request.path
        for start, needed in (
            ("/bulk/v1/leads", PERMISSIONS[0]), ("/rest/v1/leads", PERMISSIONS[0]),
            ("/bulk/v1/activities", PERMISSIONS[1]), ("/rest/v1/activities", PERMISSIONS[1]),
            ("/rest/asset", PERMISSIONS[2]), ("/rest/v1/campaigns", PERMISSIONS[3]),
        ):  # fmt: skip
            if path.startswith(start) and needed not in self.permissions:
                return _error("603", "Access denied")
        return self._routed(request)

    def _token(self, request: Request) -> Answer:
        form = {**request.query, **request.form}
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return Answer({"error": "unauthorized", "error_description": "Bad client credentials"}, 401)
        self.token_count += 1
        token = f"token-number-{self.token_count}:ab"
        self.tokens[token] = self.now + timedelta(seconds=3_600)
        return Answer({"access_token": token, "token_type": "bearer", "expires_in": 3_599, "scope": "api@acme.example"})

    def _routed(self, request: Request) -> Answer:
        path, asked = request.path, request.query
        match path.removeprefix("/rest"):
            case "/v1/leads/describe.json":
                return _result([self._described(name, kind) for name, kind in self.fields.items()])
            case "/v1/activities/types.json":
                return _result([{"id": number, "name": name, "attributes": []} for number, name in self.types.items()])
            case "/v1/activities/pagingtoken.json":
                since = datetime.fromisoformat(asked["sinceDatetime"])
                return Answer({"requestId": "e42b#1", "success": True, "nextPageToken": f"{since.isoformat()}|0"})
            case "/v1/activities.json" | "/v1/activities/deletedleads.json":
                return self._page_of_activities(path, asked)
            case "/v1/campaigns.json":
                return self._page_of_campaigns(asked)
            case "/asset/v1/folders.json":
                return _result([{"id": 1, "name": "Marketing Activities", "createdAt": _asset_time(self.born)}])
        if found := re.fullmatch(r"/rest/asset/v1/program/(\d+)\.json", path):
            program = self.programs.get(int(found[1]))
            return _result([_shown(program)]) if program else _error("702", "Program not found")
        if found := re.fullmatch(r"/rest/asset/v1/(programs|forms|tagTypes)\.json", path):
            return self._page_of_assets(found[1], asked)
        return self._bulk(request)

    def _described(self, name: str, kind: str) -> dict[str, Any]:
        return {
            "id": self._field_id(name),
            "displayName": _display_name(name),
            "dataType": kind,
            "rest": {"name": name, "readOnly": False},
        }

    def _bulk(self, request: Request) -> Answer:
        path, asked = request.path, request.query
        if found := re.fullmatch(r"/bulk/v1/(leads|activities)/export/create\.json", path):
            return self._create(found[1], request.json)
        if found := re.fullmatch(r"/bulk/v1/(leads|activities)/export\.json", path):
            jobs = [self._said(number) for number, job in self.jobs.items() if job.kind == found[1]]
            return _result([job for job in jobs if job["status"] in asked.get("status", job["status"])])
        if found := re.fullmatch(
            r"/bulk/v1/(leads|activities)/export/([\w-]+)/(enqueue|status|cancel|file)\.json", path
        ):
            job = self.jobs.get(found[2])
            if job is None or job.kind != found[1]:
                return _error("1029", "Export job not found") if found[3] != "file" else Answer("", 404)
            answers = {
                "enqueue": self._enqueue,
                "status": self._status,
                "cancel": self._cancel,
                "file": self._file,
            }
            return answers[found[3]](found[2], job, request)
        return _error("610", "Requested resource not found")

    def _page_of_activities(self, path: str, asked: Mapping[str, str]) -> Answer:
        since, _, start = asked["nextPageToken"].partition("|")
        size = int(asked.get("batchSize", 300))
        if size > 300:
            return _error("1003", "batchSize must not be over 300")
        wanted = (
            {37} if path.endswith("deletedleads.json") else {int(each) for each in asked["activityTypeIds"].split(",")}
        )
        if "deletedleads" not in path and len(wanted) > 10:
            return _error("1003", "no more than 10 activity types")
        first = datetime.fromisoformat(since)
        kept = self.now - timedelta(days=14) if wanted == {37} else datetime.min.replace(tzinfo=UTC)
        rows = [
            each
            for each in self.activities
            if each.row["activityTypeId"] in wanted and each.row["activityDate"] >= max(first, kept)
        ]
        size = min(size, self.page_rows)
        end = int(start) + size
        page = [
            {
                "id": int(each.row["marketoGUID"]),
                **{name: _json(value) for name, value in each.row.items() if value is not None},
                "attributes": [{"name": name, "value": value} for name, value in each.attributes.items()],
            }
            for each in rows[int(start) : end]
        ]
        said = {
            "requestId": "24fd#2",
            "success": True,
            "nextPageToken": f"{since}|{end}",
            "moreResult": end < len(rows),
        }
        return Answer(said | ({"result": page} if page else {}))

    def _page_of_campaigns(self, asked: Mapping[str, str]) -> Answer:
        start, size = int(asked.get("nextPageToken", 0)), min(self.page_rows, int(asked.get("batchSize", 300)))
        rows = list(self.campaigns.values())
        following = {"nextPageToken": str(start + size)} if start + size < len(rows) else {}
        page = [{name: _json(value) for name, value in row.items()} for row in rows[start : start + size]]
        return Answer({"requestId": "9e01#3", "success": True, "result": page, **following})

    def _page_of_assets(self, kind: str, asked: Mapping[str, str]) -> Answer:
        start, size = int(asked.get("offset", 0)), int(asked.get("maxReturn", 20))
        if not 0 < size <= 200:
            return _error("701", "maxReturn must be between 1 and 200")
        rows = {
            "programs": [_shown({**row, "tags": None, "costs": None}) for row in self.programs.values()],
            "forms": [_shown(row) for row in self.forms.values()],
            "tagTypes": [{"tagType": tag, "applicableProgramTypes": "program", "required": False} for tag in self.tags],
        }[kind]
        page = rows[start : start + size]
        if not page:
            said = {"success": True, "errors": [], "requestId": "b8ec#4"}
            return Answer(said | {"warnings": ["No assets found for the given search criteria."]})
        return Answer({"success": True, "errors": [], "requestId": "b8ec#4", "warnings": [], "result": page})

    # ------------------------------------------------------------ bulk extract

    def _create(self, kind: str, body: dict[str, Any]) -> Answer:
        if self._exported() >= self.quota:
            return _error("1029", f"Export daily quota {self.quota // 1_000_000}MB exceeded")
        filters = dict(body["filter"])
        if kind == "activities":
            if refused := self._refused_activities(filters.pop("activityTypeIds", []), filters):
                return refused
        elif unknown := [name for name in body["fields"] if name not in self.fields]:
            return _error("1006", f"Field '{unknown[0]}' not found")
        if len(filters) != 1 or not set(filters) <= {"createdAt", "updatedAt"}:
            return _error("1003", "Only one filter may be specified")
        by, span = next(iter(filters.items()))
        if by == "updatedAt" and (kind == "activities" or not self.has_updated_filter):
            return _error("1035", "Unsupported filter type for target subscription: updatedAt")
        if refused := _refused_span(span):
            return refused
        number = f"ce45a7a1-f19d-4ce2-882c-{len(self.jobs):012d}"
        self.jobs[number] = Job(kind, body, self.now)
        return _result([self._said(number)])

    def _refused_activities(self, types: list[int], filters: dict[str, Any]) -> Answer | None:
        """Why an export of these types is refused, if it is; takes the filter on their subjects out of `filters`."""
        if 37 in types or not set(types) <= set(self.types):
            return _error("1003", "activityTypeIds are not valid")
        if (ids := filters.pop("primaryAttributeValueIds", None)) is not None:
            if not self.has_attribute_filter:
                return _error("1035", "Unsupported filter type for target subscription: primaryAttributeValueIds")
            if not 0 < len(ids) <= 50 or not types or not set(types) <= {13}:  # of one group of assets only
                return _error("1003", "primaryAttributeValueIds are not valid")
        return None

    def _said(self, number: str) -> dict[str, Any]:
        job = self.jobs[number]
        said = {"exportId": number, "status": job.status, "createdAt": _json(job.created_at), "format": "CSV"}
        if job.status == "Completed":
            checksum = f"sha256:{hashlib.sha256(job.content).hexdigest()}"
            said |= {"finishedAt": _json(job.finished_at), "numberOfRecords": job.records}
            said |= {"fileSize": len(job.content), "fileChecksum": checksum}
        return said | ({"errorMsg": "Internal error"} if job.status == "Failed" else {})

    def _exported(self) -> int:
        midnight = self.now.astimezone(ZoneInfo("America/Chicago")).replace(hour=0, minute=0, second=0, microsecond=0)
        done = [job for job in self.jobs.values() if job.finished_at and job.finished_at >= midnight]
        return sum(len(job.content) for job in done)

    def _enqueue(self, number: str, job: Job, _: Request) -> Answer:
        if job.status != "Created":
            return _error("1029", "Export job already queued")
        queued = [each for each in self.jobs.values() if each.status in ("Queued", "Processing")]
        if len(queued) + self.others_in_queue >= 10:
            self.others_in_queue = max(0, self.others_in_queue - 1)
            return _error("1029", "Too many jobs (10) in queue")
        job.status = "Queued"
        return _result([self._said(number)])

    def _status(self, number: str, job: Job, _: Request) -> Answer:
        if job.status in ("Queued", "Processing"):
            job.looks += 1
            job.status = "Processing"
            if job.looks > self.looks_needed:
                job.status = "Failed" if job.fails else "Completed"
                self._write(job)
        return _result([self._said(number)])

    def _cancel(self, number: str, job: Job, _: Request) -> Answer:
        if job.status not in ("Completed", "Failed"):
            job.status = "Cancelled"
        return _result([self._said(number)])

    def _file(self, _: str, job: Job, request: Request) -> Answer:
        if job.status != "Completed" or self.now - (job.finished_at or self.now) > timedelta(days=7):
            return Answer("", 404)
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))
        if not found or not self.knows_ranges:
            return Answer(job.content, 200, {"Content-Type": "text/csv"})
        start, end = int(found[1]), min(int(found[2]), len(job.content) - 1)
        headers = {"Content-Type": "text/csv", "Content-Range": f"bytes {start}-{end}/{len(job.content)}"}
        return Answer(job.content[start : end + 1], 206, headers)

    def _write(self, job: Job) -> None:
        filters = dict(job.body["filter"])
        types, ids = set(filters.pop("activityTypeIds", ())), filters.pop("primaryAttributeValueIds", None)
        by, span = next(iter(filters.items()))
        start, end = (datetime.fromisoformat(span[name]) for name in ("startAt", "endAt"))
        if job.kind == "leads":
            names = tuple(job.body["fields"])
            found = [
                lead.values
                for lead in self.leads.values()
                if start <= (lead.values["createdAt"] if by == "createdAt" else lead.changed_at) <= end
            ]
        else:
            names = ACTIVITY
            found = [
                each.row | {"attributes": json.dumps(each.attributes)}
                for each in self.activities
                if start <= each.row["activityDate"] <= end and each.row["activityTypeId"] in types
                and each.told_at <= self.now and (ids is None or each.row["primaryAttributeValueId"] in ids)
                and (each.row["activityTypeId"] != 13 or each.row["activityDate"] > self.now - _CHANGES_KEPT)
            ]  # fmt: skip
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([[_csv(row[name]) for name in names] for row in found])
        job.content, job.records, job.finished_at = text.getvalue().encode(), len(found), self.now


def _shown(asset: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _asset_time(value) if isinstance(value, datetime) else value
        for name, value in asset.items()
        if value is not None
    }


def _asset_time(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ+0000")


def _display_name(name: str) -> str:
    return name.removesuffix("__c").replace("_", " ")


def _json(value: Any) -> Any:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else value


def _csv(value: Any) -> str:
    """A value as Bulk Extract writes it: the word null for nothing."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return str(_json(value))


def _result(rows: list[dict[str, Any]]) -> Answer:
    return Answer({"requestId": "e42b#14272d07d78", "success": True, "result": rows})


def _refused_span(span: Mapping[str, str]) -> Answer | None:
    """Why an export of these times is refused, if it is."""
    if any("." in each for each in span.values()):
        return _error("1003", "Datetimes without milliseconds expected")
    start, end = (datetime.fromisoformat(span[name]) for name in ("startAt", "endAt"))
    if not timedelta() <= end - start <= _LONGEST:
        return _error("1003", "The range must be 31 days or fewer")
    return None


def _error(code: str, message: str) -> Answer:
    return Answer({"requestId": "e42b#14272d07d78", "success": False, "errors": [{"code": code, "message": message}]})
