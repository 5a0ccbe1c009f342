"""A Salesforce org on 127.0.0.1: OAuth, describe, limits and Bulk API 2.0 queries as Salesforce documents them.

One stateful org with a clock of its own. It refuses what Salesforce refuses: another version, unknown objects and
fields, compound fields in Bulk, missing or expired tokens, calls beyond the daily limit, unknown locators. Rows are
dictionaries by Id under the fields' own names; deleted ones stay until they are purged.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from tests.vendors.server import Answer, Request, VendorServer

VERSION = "v67.0"
CLIENT_ID = "3MVG9-consumer-key"
CLIENT_SECRET = "-".join(["the", "consumer", "secret", "of", "acme"])
USER = "integration@acme.example"

_AUDIT = {
    "Id": "id", "IsDeleted": "boolean", "CreatedDate": "datetime", "CreatedById": "reference",
    "SystemModstamp": "datetime", "LastModifiedDate": "datetime",
}  # fmt: skip
_PERSON = {
    "FirstName": "string", "LastName": "string", "Name": "string", "Title": "string", "Email": "email",
    "Phone": "phone", "OwnerId": "reference", "LeadSource": "picklist",
}  # fmt: skip
FIELDS: dict[str, dict[str, str]] = {
    "Opportunity": _AUDIT
    | {
        "AccountId": "reference", "Name": "string", "Type": "picklist", "StageName": "picklist", "Amount": "currency",
        "Probability": "percent", "CloseDate": "date", "ForecastCategory": "picklist", "OwnerId": "reference",
        "LeadSource": "picklist", "CampaignId": "reference", "NextStep": "string", "LastActivityDate": "date",
        "Loss_Reason__c": "picklist", "Health__c": "double", "Description": "textarea", "LastViewedDate": "datetime",
        "ExpectedRevenue": "currency",
    },
    "Account": _AUDIT
    | {
        "Name": "string", "Industry": "picklist", "NumberOfEmployees": "int", "ParentId": "reference",
        "OwnerId": "reference", "Website": "url", "BillingAddress": "address", "BillingStreet": "textarea",
        "BillingCountry": "string", "Tier__c": "picklist", "Location__c": "location", "Phone": "phone",
    },
    "User": {name: kind for name, kind in _AUDIT.items() if name != "IsDeleted"}
    | {
        "Name": "string", "FirstName": "string", "LastName": "string", "Username": "string", "Email": "email",
        "Department": "string", "ManagerId": "reference", "UserRoleId": "reference", "IsActive": "boolean",
    },
    "UserRole": {"Id": "id", "Name": "string"},
    "Contact": _AUDIT | _PERSON
    | {
        "AccountId": "reference", "MailingStreet": "textarea", "MailingCountry": "string", "MQL_Date__c": "datetime",
        "MasterRecordId": "reference", "EmailBouncedDate": "datetime",
    },
    "Lead": _AUDIT | _PERSON
    | {
        "Status": "picklist", "Company": "string", "IsConverted": "boolean", "ConvertedOpportunityId": "reference",
        "ConvertedAccountId": "reference", "ConvertedContactId": "reference", "MQL_Date__c": "datetime",
        "MasterRecordId": "reference", "EmailBouncedDate": "datetime",
    },
    "OpportunityContactRole": _AUDIT
    | {"OpportunityId": "reference", "ContactId": "reference", "Role": "picklist", "IsPrimary": "boolean"},
    "Task": _AUDIT
    | {
        "WhatId": "reference", "WhoId": "reference", "OwnerId": "reference", "Type": "picklist",
        "TaskSubtype": "picklist", "Status": "picklist", "IsClosed": "boolean", "ActivityDate": "date",
        "CompletedDateTime": "datetime", "Subject": "combobox", "Description": "textarea",
    },
    "Event": _AUDIT
    | {
        "WhatId": "reference", "WhoId": "reference", "OwnerId": "reference", "Type": "picklist",
        "ActivityDateTime": "datetime", "ActivityDate": "date", "IsChild": "boolean", "Subject": "combobox",
    },
    "Campaign": _AUDIT
    | {
        "Name": "string", "Type": "picklist", "ActualCost": "currency", "StartDate": "date", "EndDate": "date",
        "OwnerId": "reference",
    },
    "CampaignMember": _AUDIT
    | {
        "CampaignId": "reference", "LeadId": "reference", "ContactId": "reference", "Status": "picklist",
        "HasResponded": "boolean", "FirstRespondedDate": "date", "Name": "string", "Email": "email",
    },
    "OpportunityHistory": {name: kind for name, kind in _AUDIT.items() if name != "LastModifiedDate"}
    | {
        "OpportunityId": "reference", "StageName": "picklist", "Amount": "currency", "Probability": "percent",
        "CloseDate": "date", "ForecastCategory": "picklist", "ExpectedRevenue": "currency",
    },
    "OpportunityFieldHistory": {
        "Id": "id", "IsDeleted": "boolean", "OpportunityId": "reference", "CreatedDate": "datetime",
        "CreatedById": "reference", "Field": "picklist", "OldValue": "anyType", "NewValue": "anyType",
    },
    "Period": {"Id": "id", "Type": "picklist", "StartDate": "date", "EndDate": "date"},
    "ForecastingItem": {  # no dates: what it said yesterday is gone
        "Id": "id", "OwnerId": "reference", "PeriodId": "reference", "ForecastingItemCategory": "picklist",
        "ForecastCategoryName": "picklist", "ForecastAmount": "currency", "OwnerOnlyAmount": "currency",
        "IsAmount": "boolean", "HasAdjustment": "boolean",
    },
    "ForecastingQuota": {
        "Id": "id", "CreatedDate": "datetime", "SystemModstamp": "datetime", "QuotaOwnerId": "reference",
        "PeriodId": "reference", "StartDate": "date", "QuotaAmount": "currency", "IsAmount": "boolean",
    },
    "Case": _AUDIT
    | {
        "AccountId": "reference", "ContactId": "reference", "Priority": "picklist", "Status": "picklist",
        "IsClosed": "boolean", "ClosedDate": "datetime", "Subject": "string", "Description": "textarea",
        "SuppliedName": "string", "SuppliedEmail": "email",
    },
}  # fmt: skip
STAGES: list[dict[str, Any]] = [
    {"ApiName": name, "SortOrder": order, "IsClosed": closed, "IsWon": won, "DefaultProbability": probability,
     "ForecastCategory": category}
    for name, order, closed, won, probability, category in (
        ("Prospecting", 1, False, False, 10.0, "Pipeline"),
        ("Negotiation", 3, False, False, 62.5, "BestCase"),
        ("Verbal", 4, False, False, 90.0, "Forecast"),
        ("Closed Won", 8, True, True, 100.0, "Closed"),
        ("Closed Lost", 9, True, False, 0.0, "Omitted"),
    )
]  # fmt: skip
PREFIX = {
    "Opportunity": "006", "Account": "001", "User": "005", "UserRole": "00E", "Contact": "003", "Lead": "00Q",
    "OpportunityContactRole": "00K", "Task": "00T", "Event": "00U", "Campaign": "701", "CampaignMember": "00v",
    "OpportunityHistory": "008", "OpportunityFieldHistory": "017", "Period": "026", "ForecastingItem": "0CT",
    "ForecastingQuota": "0J9", "Case": "500",
}  # fmt: skip
# A company of ours as an org: where it keeps what Salesforce has no standard field for, and how settings say so.
_CUSTOM_OF_PEOPLE = {
    "SAL_Date__c": "datetime", "SQL_Date__c": "datetime", "First_Response__c": "datetime", "Lead_Score__c": "double",
    "Lead_Status__c": "picklist", "Company_Account__c": "reference",
}  # fmt: skip
CUSTOM: dict[str, dict[str, str]] = {
    "Opportunity": {
        "Pipeline__c": "picklist", "Forecast__c": "picklist", "Last_Activity__c": "datetime", "Kind__c": "picklist",
        "Merged_Into__c": "string", "CurrencyIsoCode": "picklist",
    },
    "Account": {"Region__c": "picklist", "Billing_Customer__c": "string", "Is_Target__c": "boolean"},
    "User": {"Region__c": "picklist", "Started__c": "datetime", "Ended__c": "datetime"},
    "Campaign": {"CurrencyIsoCode": "picklist"},
    "Contact": _CUSTOM_OF_PEOPLE, "Lead": _CUSTOM_OF_PEOPLE,
}  # fmt: skip
MAPPING = """
[sources.{name}.entities.opportunity]
columns = {{ Pipeline__c = "pipeline", Forecast__c = "forecast_category", Last_Activity__c = "last_activity_at", \
Merged_Into__c = "merged_into_opportunity_id", Loss_Reason__c = "loss_reason", Kind__c = "opportunity_type" }}

[sources.{name}.entities.account]
columns = {{ Tier__c = "segment", Region__c = "region", Billing_Customer__c = "billing_customer_id", \
Is_Target__c = "is_target_account" }}

[sources.{name}.entities.user]
columns = {{ Region__c = "region", Started__c = "started_at", Ended__c = "ended_at" }}

[sources.{name}.entities.person]
columns = {{ MQL_Date__c = "mql_at", SAL_Date__c = "sal_at", SQL_Date__c = "sql_at", \
First_Response__c = "first_response_at", Lead_Score__c = "lead_score", Lead_Status__c = "status", \
Company_Account__c = "account_id" }}
""".replace("\\\n", "")
_COMPOUND = {"BillingStreet": "BillingAddress", "MailingStreet": "MailingAddress", "FirstName": "Name"}
_SELECT = re.compile(r"SELECT (.+?) FROM (\w+)(?: WHERE (\w+) >= (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z))?")


@dataclass
class Job:
    """A query job, with the rows as they were when it began."""

    fields: list[str]
    rows: list[list[str]]
    created_at: datetime
    looks: int = 0
    error: str | None = None


@dataclass(frozen=True)
class Key:
    """An RSA key that may sign for the user."""

    modulus: int
    exponent: int = 65_537


class SalesforceServer(VendorServer):
    """One org. `now` is its clock; `page_rows` bounds its pages whatever is asked."""

    def __init__(self, now: datetime, *, key: Key | None = None) -> None:
        super().__init__()
        self.now = now
        self.key = key
        self.fields = {name: dict(kinds) for name, kinds in FIELDS.items()}
        self.rows: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in FIELDS}
        self.jobs: dict[str, Job] = {}
        self.queries: dict[str, list[dict[str, Any]]] = {}  # by cursor
        self.tokens: set[str] = set()
        self.token_count = 0
        self.token_calls: int | None = None  # calls after which a token expires
        self.used, self.limit = 0, 15_000
        self.page_rows = 100_000
        self.looks_needed = 1
        self.number = 0
        self.ids: dict[tuple[str, str], str] = {}
        self._held: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {}

    # ------------------------------------------------------------ the company's life

    def add(self, object_name: str, **values: Any) -> str:
        """Insert a row at the org's time; gives its Id."""
        self.number += 1
        row_id = values.pop("Id", None) or f"{PREFIX[object_name]}0000{self.number:08d}AAA"
        row = dict.fromkeys(self.fields[object_name])
        row |= {"Id": row_id, "IsDeleted": False, "CreatedDate": self.now, "SystemModstamp": self.now}
        row |= {"LastModifiedDate": self.now} | values
        self.rows[object_name][row_id] = {name: row.get(name) for name in {*self.fields[object_name], *values}}
        return row_id

    def change(self, object_name: str, row_id: str, **values: Any) -> None:
        """Update a row; its SystemModstamp moves."""
        self.rows[object_name][row_id] |= {"SystemModstamp": self.now, "LastModifiedDate": self.now} | values

    def delete(self, object_name: str, row_id: str) -> None:
        """Into the recycle bin."""
        self.change(object_name, row_id, IsDeleted=True)

    def merge(self, object_name: str, kept: str, lost: str) -> None:
        """One record takes another in, which goes into the recycle bin."""
        self.change(object_name, lost, IsDeleted=True, MasterRecordId=kept)

    def purge(self, object_name: str, row_id: str) -> None:
        """Out of the recycle bin, and out of everything."""
        del self.rows[object_name][row_id]

    def open_opportunity(self, **values: Any) -> str:
        """An opportunity with the row of its history that Salesforce writes at its birth."""
        opportunity = self.add("Opportunity", **values)
        self._remember(opportunity)
        return opportunity

    def move(self, opportunity: str, **values: Any) -> None:
        """Change an opportunity, and write down its history and that of its tracked fields."""
        before = dict(self.rows["Opportunity"][opportunity])
        self.change("Opportunity", opportunity, **values)
        if {"StageName", "Amount", "Probability", "CloseDate", "ForecastCategory"} & set(values):
            self._remember(opportunity)
        for name, value in values.items():
            changed = {"OpportunityId": opportunity, "Field": name.removesuffix("Id") if name == "OwnerId" else name}
            if name == "OwnerId":  # a lookup leaves two rows: names and Ids
                names = {row_id: row["Name"] for row_id, row in self.rows["User"].items()}
                self.add(
                    "OpportunityFieldHistory", **changed, OldValue=names.get(before[name]), NewValue=names.get(value)
                )
            self.add("OpportunityFieldHistory", **changed, OldValue=before[name], NewValue=value)

    def _remember(self, opportunity: str) -> None:
        row = self.rows["Opportunity"][opportunity]
        names = ("StageName", "Amount", "Probability", "CloseDate", "ForecastCategory")
        self.add("OpportunityHistory", OpportunityId=opportunity, **{name: row[name] for name in names})

    def pass_time(self, **delta: float) -> None:
        self.now += timedelta(**delta)

    def hide(self, object_name: str, field_name: str) -> None:
        """Take the permission to read a field away."""
        del self.fields[object_name][field_name]

    # ------------------------------------------------------------ a company of ours

    def mirror(self, company: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
        """Make the org hold these canonical rows (entity -> our id -> row) now; `ids` says which row is which."""
        if not self.ids:
            for object_name, kinds in CUSTOM.items():
                self.fields[object_name] |= kinds
        for entity in ("user", "account", "campaign", "opportunity", "person", "opportunity_contact_role", "activity"):
            there = company.get(entity, {})
            for ours in [each for kind, each in self._held if kind == entity and each not in there]:
                if not self.rows[self._held[entity, ours][0]][self.ids[entity, ours]].get("IsDeleted"):
                    self.delete(self._held[entity, ours][0], self.ids[entity, ours])
            # what refers to its like comes twice: first to be there, then to refer
            for _ in range(2 if entity in ("user", "account") else 1):
                for ours, row in there.items():
                    self._hold(entity, ours, row)

    def _hold(self, entity: str, ours: str, row: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        object_name, values = self._as_theirs(entity, ours, row)
        held = self._held.get((entity, ours))
        if held is None and object_name == "Contact" and row["converted_opportunity_id"]:
            held = self._hold(entity, ours, {**row, "record_type": "lead"})  # who was converted has been a lead
        if held and held[0] == "Lead" and object_name == "Contact":
            self._convert(ours, row, values)
        elif held is None:
            add = self.open_opportunity if entity == "opportunity" else partial(self.add, object_name)
            self.ids[entity, ours] = add(**values)
        else:
            row_id, before = self.ids[entity, ours], held[1]
            if self.rows[object_name][row_id].get("IsDeleted") and not values.get("IsDeleted"):
                self.change(object_name, row_id, IsDeleted=False)
            changed = {name: value for name, value in values.items() if value != before[name]}
            if changed and entity == "opportunity":
                self.move(row_id, **changed)
            elif changed:
                self.change(object_name, row_id, **changed)
        self._held[entity, ours] = (object_name, values)
        return self._held[entity, ours]

    def _as_theirs(self, entity: str, ours: str, row: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        def of(kind: str, column: str) -> str | None:
            return self.ids.get((kind, row[column])) if row.get(column) else None

        match entity:
            case "user":
                role = next((key for key, each in self.rows["UserRole"].items() if each["Name"] == row["role"]), None)
                return "User", {
                    "Name": row["user_name"], "UserRoleId": role or self.add("UserRole", Name=row["role"]),
                    "Department": row["team"], "ManagerId": of("user", "manager_id"), "Region__c": row["region"],
                    "Started__c": row["started_at"], "Ended__c": row["ended_at"], "IsActive": row["is_active"],
                    "Username": f"{ours}@acme.example",
                }  # fmt: skip
            case "account":
                return "Account", {
                    "Name": row["account_name"], "Tier__c": row["segment"], "Industry": row["industry"],
                    "Region__c": row["region"], "NumberOfEmployees": row["employee_count"],
                    "ParentId": of("account", "parent_account_id"), "OwnerId": of("user", "owner_id"),
                    "Website": row["website"], "Billing_Customer__c": row["billing_customer_id"],
                    "Is_Target__c": row["is_target_account"], "CreatedDate": row["created_at"],
                }  # fmt: skip
            case "campaign":
                return "Campaign", {
                    "Name": row["campaign_name"], "Type": row["channel"], "ActualCost": _number(row["cost"]),
                    "CurrencyIsoCode": row["currency_code"], "StartDate": row["start_date"], "EndDate": row["end_date"],
                }  # fmt: skip
            case "opportunity":
                return "Opportunity", {
                    "AccountId": of("account", "account_id"), "Name": row["opportunity_name"],
                    "Kind__c": row["opportunity_type"], "Pipeline__c": row["pipeline"], "StageName": row["stage"],
                    "Amount": _number(row["amount"]), "CurrencyIsoCode": row["currency_code"],
                    "CloseDate": row["close_date"], "CreatedDate": row["created_at"],
                    "OwnerId": of("user", "owner_id"), "Forecast__c": row["forecast_category"],
                    "Probability": None if row["probability"] is None else float(row["probability"] * 100),
                    "ExpectedRevenue": _number(row["expected_revenue"]),
                    "LeadSource": row["lead_source"], "CampaignId": of("campaign", "campaign_id"),
                    "NextStep": row["next_step"], "Last_Activity__c": row["last_activity_at"],
                    "Loss_Reason__c": row["loss_reason"], "IsDeleted": bool(row["is_deleted"]),
                    "Merged_Into__c": of("opportunity", "merged_into_opportunity_id"),
                }  # fmt: skip
            case "person":
                account = of("account", "account_id")
                values = _person(row) | {"OwnerId": of("user", "owner_id"), "Company_Account__c": account}
                if row["record_type"] == "lead":
                    return "Lead", {"Status": row["status"]} | values
                return "Contact", {"AccountId": account} | values
            case "opportunity_contact_role":
                return "OpportunityContactRole", {
                    "OpportunityId": of("opportunity", "opportunity_id"), "ContactId": of("person", "person_id"),
                    "Role": row["role"], "IsPrimary": row["is_primary"],
                }  # fmt: skip
            case _:
                return "Task", {
                    "WhatId": of("opportunity", "opportunity_id"), "WhoId": of("person", "person_id"),
                    "OwnerId": of("user", "owner_id"), "Type": row["activity_type"].capitalize(), "IsClosed": True,
                    "CompletedDateTime": row["occurred_at"],
                }  # fmt: skip

    def _convert(self, ours: str, row: Mapping[str, Any], contact: Mapping[str, Any]) -> None:
        """The lead stays, converted; the contact that it becomes is a row of its own."""
        lead = self.ids["lead", ours] = self.ids["person", ours]
        self.ids["person", ours] = self.add("Contact", **contact)
        opportunity = self.ids.get(("opportunity", row["converted_opportunity_id"]))
        shared = {name: value for name, value in contact.items() if name != "AccountId"}
        self.change(
            "Lead", lead, IsConverted=True, ConvertedContactId=self.ids["person", ours], Status="Converted",
            ConvertedAccountId=contact["AccountId"], ConvertedOpportunityId=opportunity, **shared,
        )  # fmt: skip

    # ------------------------------------------------------------ HTTP

    def answer(self, request: Request) -> Answer:
        if request.path == "/services/oauth2/token":
            return self._token(request)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            return _error(401, "INVALID_SESSION_ID", "Session expired or invalid")
        if self.token_calls is not None:
            self.token_calls -= 1
            if self.token_calls == 0:
                self.tokens.clear()
        if self.used >= self.limit:
            return _error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        self.used += 1
        answer = self._data(request)
        usage = {"Sforce-Limit-Info": f"api-usage={self.used}/{self.limit}"}
        return Answer(answer.body, answer.status, {**usage, **answer.headers})

    def _token(self, request: Request) -> Answer:
        form = request.form
        if form.get("grant_type") == "client_credentials":
            if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
                return Answer({"error": "invalid_client", "error_description": "invalid client credentials"}, 400)
        elif form.get("grant_type") == "urn:ietf:params:oauth:grant-type:jwt-bearer":
            if not self._is_signed(form.get("assertion", "")):
                return Answer({"error": "invalid_grant", "error_description": "invalid assertion"}, 400)
        else:
            return Answer({"error": "unsupported_grant_type", "error_description": "grant type not supported"}, 400)
        self.token_count += 1
        token = f"00D000000000001!token-number-{self.token_count}"
        self.tokens.add(token)  # several may be good at a time
        return Answer({"access_token": token, "instance_url": self.url, "token_type": "Bearer", "scope": "api"})

    def _is_signed(self, assertion: str) -> bool:
        head, body, signature = assertion.split(".")
        claims = json.loads(_decoded(body))
        assert self.key is not None
        size = (self.key.modulus.bit_length() + 7) // 8
        opened = pow(int.from_bytes(_decoded(signature), "big"), self.key.exponent, self.key.modulus)
        digest = hashlib.sha256(f"{head}.{body}".encode()).digest()
        return (
            opened.to_bytes(size, "big").endswith(
                b"\x00" + bytes.fromhex("3031300d060960864801650304020105000420") + digest
            )
            and (claims["iss"], claims["sub"]) == (CLIENT_ID, USER)
            and claims["aud"] == "https://login.salesforce.com"
            and 0 < claims["exp"] - datetime.now(UTC).timestamp() <= 300
        )

    def _data(self, request: Request) -> Answer:
        base = f"/services/data/{VERSION}"
        if not request.path.startswith(base + "/"):
            return _error(404, "NOT_FOUND", "The requested resource does not exist")
        path = request.path.removeprefix(base).rstrip("/")
        if path == "/limits":
            limit = {"Max": self.limit, "Remaining": self.limit - self.used}
            return Answer({"DailyApiRequests": limit, "DailyBulkV2QueryJobs": {"Max": 10_000, "Remaining": 10_000}})
        if path == "/sobjects":
            return Answer({"sobjects": [{"name": name, "queryable": True} for name in self.fields]})
        if found := re.fullmatch(r"/sobjects/(\w+)/describe", path):
            return self._describe(found[1])
        if path in ("/query", "/queryAll"):
            return self._query(request.query["q"], deleted=path.startswith("/queryAll"))
        if found := re.fullmatch(r"/query(?:All)?/(01g\w+)-(\d+)", path):
            return self._more(found[1], int(found[2]))
        if path == "/jobs/query" and request.method == "POST":
            return self._create(request.json)
        if found := re.fullmatch(r"/jobs/query/(\w+)", path):
            return self._look(found[1])
        if found := re.fullmatch(r"/jobs/query/(\w+)/results", path):
            return self._results(found[1], request.query)
        return _error(404, "NOT_FOUND", "The requested resource does not exist")

    def _describe(self, name: str) -> Answer:
        if name not in self.fields:
            return _error(404, "NOT_FOUND", "The requested resource does not exist")
        fields = [
            {"name": each, "type": kind, "compoundFieldName": _COMPOUND.get(each)}
            for each, kind in self.fields[name].items()
        ]
        return Answer({"name": name, "fields": fields})

    def _query(self, soql: str, *, deleted: bool) -> Answer:
        """REST queries: whole objects, in pages that lead to each other."""
        if found := re.fullmatch(r"SELECT (.+) FROM OpportunityStage WHERE IsActive = true ORDER BY SortOrder", soql):
            names, object_name, rows = found[1].split(","), "OpportunityStage", list(STAGES)
        elif (found := _SELECT.fullmatch(soql)) and not found[3]:
            names, object_name = found[1].split(","), found[2]
            if trouble := self._refused(names, object_name):
                return trouble
            rows = [row for row in self.rows[object_name].values() if deleted or not row.get("IsDeleted")]
        else:
            return _error(400, "MALFORMED_QUERY", f"unexpected token in {soql[:40]}")
        cursor = f"01g{len(self.queries):012d}"
        self.queries[cursor] = [self._record(object_name, row, [name.strip() for name in names]) for row in rows]
        return self._more(cursor, 0)

    def _more(self, cursor: str, start: int) -> Answer:
        if cursor not in self.queries:
            return _error(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        records, end = self.queries[cursor], start + min(self.page_rows, 2_000)
        said = {"totalSize": len(records), "done": end >= len(records), "records": records[start:end]}
        more = {"nextRecordsUrl": f"/services/data/{VERSION}/query/{cursor}-{end}"}
        return Answer(said if said["done"] else said | more)

    def _record(self, object_name: str, row: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
        """A row as REST tells it: parents within, instants with a plain offset."""
        record: dict[str, Any] = {"attributes": {"type": object_name}}
        for name in names:
            parent, _, theirs = name.rpartition(".")
            if parent:
                known = self.rows[parent].get(row[f"{parent}Id"])
                record[parent] = known and self._record(parent, known, [theirs])
            else:
                value = row.get(name)
                if isinstance(value, datetime):
                    value = value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
                record[name] = value.isoformat() if isinstance(value, date) else value
        return record

    def _refused(self, names: list[str], object_name: str) -> Answer | None:
        """Unknown objects and fields, and compound ones."""
        kinds = self.fields.get(object_name)
        if kinds is None:
            return _error(400, "INVALID_TYPE", f"sObject type '{object_name}' is not supported.")
        for name in map(str.strip, names):
            parent = name.split(".")[0]
            if "." in name and parent in self.fields and f"{parent}Id" in kinds:
                continue
            if kinds.get(name) in (None, "address", "location"):
                return _error(400, "INVALID_FIELD", f"No such column '{name}' on entity '{object_name}'")
        return None

    def _create(self, asked: Mapping[str, Any]) -> Answer:
        found = _SELECT.fullmatch(asked["query"])
        if asked["operation"] not in ("query", "queryAll") or not found:
            return _error(400, "MALFORMED_QUERY", f"unexpected token in {asked['query'][:40]}")
        names, object_name, by, since = [each.strip() for each in found[1].split(",")], *found.groups()[1:]
        if trouble := self._refused([*names, *([by] if by else [])], object_name):
            return trouble
        after = datetime.fromisoformat(since) if since else None
        rows = [
            row for row in self.rows[object_name].values()
            if (after is None or row[by] >= after) and (asked["operation"] == "queryAll" or not row.get("IsDeleted"))
        ]  # fmt: skip
        job_id = f"750{len(self.jobs):012d}"
        self.jobs[job_id] = Job(names, [[self._value(row, name) for name in names] for row in rows], self.now)
        return Answer(self._job(job_id))

    def _value(self, row: Mapping[str, Any], name: str) -> str:
        if "." in name:
            parent, name = name.split(".")
            row = self.rows[parent].get(row[f"{parent}Id"], {})
        return _csv(row.get(name))

    def _job(self, job_id: str) -> dict[str, Any]:
        job = self.jobs[job_id]
        state = "UploadComplete" if job.looks == 0 else "InProgress"
        if job.looks > self.looks_needed:
            state = "Failed" if job.error else "JobComplete"
        created = job.created_at.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
        said = {"id": job_id, "operation": "queryAll", "createdDate": created, "state": state, "apiVersion": 67.0}
        if state == "JobComplete":
            said["numberRecordsProcessed"] = len(job.rows)
        return said | ({"errorMessage": job.error} if state == "Failed" else {})

    def _look(self, job_id: str) -> Answer:
        if job_id not in self.jobs:
            return _error(404, "NOT_FOUND", "The requested resource does not exist")
        self.jobs[job_id].looks += 1
        return Answer(self._job(job_id))

    def _results(self, job_id: str, query: Mapping[str, str]) -> Answer:
        job = self.jobs.get(job_id)
        if job is None or job.looks <= self.looks_needed:
            return _error(404, "NOT_FOUND", "The requested resource does not exist")
        start = 0
        if "locator" in query:
            try:
                start = int(base64.b64decode(query["locator"]))
            except ValueError:
                return _error(400, "INVALID_LOCATOR", "The locator is not valid")
        size = min(self.page_rows, int(query.get("maxRecords", self.page_rows)))
        page = job.rows[start : start + size]
        end = start + len(page)
        locator = base64.b64encode(str(end).encode()).decode() if end < len(job.rows) else "null"
        headers = {"Sforce-NumberOfRecords": str(len(page)), "Sforce-Locator": locator, "Content-Type": "text/csv"}
        return Answer(_page(job.fields, page), 200, headers)


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _person(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Name": row["full_name"], "Email": row["email"], "Phone": row["phone"], "Title": row["title"],
        "LeadSource": row["lead_source"], "CreatedDate": row["created_at"], "MQL_Date__c": row["mql_at"],
        "SAL_Date__c": row["sal_at"], "SQL_Date__c": row["sql_at"], "First_Response__c": row["first_response_at"],
        "Lead_Score__c": _number(row["lead_score"]), "Lead_Status__c": row["status"],
    }  # fmt: skip


def _page(fields: list[str], rows: list[list[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([fields, *rows])
    return text.getvalue()


def _csv(value: Any) -> str:
    """A value as Bulk CSV writes it: doubles as Java does, instants with Z, nothing for null."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    if isinstance(value, float) and abs(value) >= 1e7:
        mantissa, exponent = f"{value:.15E}".split("E")
        mantissa = mantissa.rstrip("0")
        return f"{mantissa}{'0' if mantissa.endswith('.') else ''}E{int(exponent)}"
    return str(value)


def _error(status: int, code: str, message: str) -> Answer:
    return Answer([{"errorCode": code, "message": message}], status)


def _decoded(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
