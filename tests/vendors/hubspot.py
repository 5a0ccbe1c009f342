"""A HubSpot account on 127.0.0.1: the APIs that a private app reads, as HubSpot documents them.

One stateful account with a clock of its own, through date-versioned paths and the numbered ones. It refuses what
HubSpot refuses: another version, more than the limits, unknown objects, filters on unknown properties, searches beyond
10,000, tokens that are not its own, scopes that were not granted, unknown types of events, offsets of another query or
of more than an hour ago. Values are texts, as HubSpot keeps them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.vendors.server import Answer, Request, VendorServer

VERSION = "2026-03"
TOKEN = "-".join(["pat", "na1", "11112222", "3333", "4444", "of", "acme"])

_RECORD = {
    "hs_object_id": "number", "hs_createdate": "datetime", "hs_lastmodifieddate": "datetime",
    "hubspot_owner_id": "enumeration", "hs_merged_object_ids": "enumeration",
}  # fmt: skip
_ENGAGEMENT = _RECORD | {
    "hs_timestamp": "datetime", "hubspot_team_id": "enumeration", "hs_activity_type": "enumeration",
    "hs_engagement_source": "enumeration", "hs_object_source": "enumeration",
}  # fmt: skip
PROPERTIES: dict[str, dict[str, str]] = {
    "deals": _RECORD
    | {
        "dealname": "string", "description": "string", "dealstage": "enumeration", "pipeline": "enumeration",
        "amount": "number", "deal_currency_code": "enumeration", "closedate": "datetime", "createdate": "datetime",
        "dealtype": "enumeration", "hs_manual_forecast_category": "enumeration", "hs_next_step": "string",
        "hs_deal_stage_probability": "number", "closed_lost_reason": "string", "notes_last_updated": "datetime",
        "hs_primary_associated_company": "number", "hs_analytics_source": "enumeration",
        "hs_v2_time_in_current_stage": "datetime", "hs_projected_amount": "number",
    },
    "companies": _RECORD
    | {
        "name": "string", "description": "string", "industry": "enumeration", "address": "string", "address2": "string",
        "city": "string", "state": "string", "country": "string", "annualrevenue": "number", "createdate": "datetime",
        "numberofemployees": "number", "website": "string", "hs_parent_company_id": "number",
        "hs_is_target_account": "bool",
    },
    "contacts": _RECORD
    | {
        "lastmodifieddate": "datetime", "firstname": "string", "lastname": "string", "email": "string",
        "hs_additional_emails": "enumeration", "hs_email_hard_bounce_reason_enum": "enumeration",
        "phone": "phone_number", "jobtitle": "string", "company": "string", "createdate": "datetime",
        "lifecyclestage": "enumeration",
        "annualrevenue": "string", "hs_lead_status": "enumeration", "hubspotscore": "number",
        "associatedcompanyid": "number", "hs_analytics_source": "enumeration",
        "hs_sa_first_engagement_date": "datetime", "first_conversion_date": "datetime",
        "hs_v2_date_entered_marketingqualifiedlead": "datetime", "hs_v2_date_entered_salesqualifiedlead": "datetime",
    },
    "users": _RECORD
    | {"hs_job_title": "string", "hs_email": "string", "hs_given_name": "string", "hs_family_name": "string"},
    "calls": _ENGAGEMENT
    | {"hs_call_direction": "enumeration", "hs_call_disposition": "enumeration", "hs_call_duration": "number",
       "hs_call_status": "enumeration", "hs_call_source": "enumeration", "hs_call_body": "string"},
    "emails": _ENGAGEMENT
    | {"hs_email_direction": "enumeration", "hs_email_status": "enumeration", "hs_email_subject": "string",
       "hs_email_text": "string"},
    "meetings": _ENGAGEMENT
    | {"hs_meeting_outcome": "enumeration", "hs_meeting_start_time": "datetime", "hs_meeting_end_time": "datetime",
       "hs_meeting_source": "enumeration", "hs_meeting_body": "string", "hs_meeting_title": "string"},
    "notes": _ENGAGEMENT | {"hs_note_body": "string"},
    "tasks": _ENGAGEMENT
    | {"hs_task_type": "enumeration", "hs_task_status": "enumeration", "hs_task_priority": "enumeration",
       "hs_task_completion_date": "datetime", "hs_task_body": "string", "hs_task_subject": "string"},
    "tickets": _RECORD
    | {"subject": "string", "content": "string", "createdate": "datetime", "closed_date": "datetime",
       "hs_pipeline": "enumeration", "hs_pipeline_stage": "enumeration", "hs_ticket_priority": "enumeration",
       "hs_ticket_category": "enumeration"},
    "goal_targets": _RECORD
    | {"hs_goal_name": "string", "hs_goal_type": "enumeration", "hs_target_amount": "number",
       "hs_goal_target_currency_code": "enumeration", "hs_start_datetime": "datetime", "hs_end_datetime": "datetime",
       "hs_assignee_user_id": "number", "hs_assignee_team_id": "number"},
    "forecasts": _RECORD
    | {"hs_amount": "number", "hs_created_by_user_id": "number", "hs_team_id": "number", "hs_milestone": "enumeration",
       "hs_deal_pipeline_id": "string", "hs_year": "string", "hs_fiscal_month": "string", "hs_fiscal_quarter": "string",
       "hs_forecast_fiscal_offset": "string", "hs_forecast_start_date": "string", "hs_forecast_end_date": "string",
       "hs_included_deal_ids": "string"},
}  # fmt: skip
SCOPES = {
    "deals": "crm.objects.deals.read", "companies": "crm.objects.companies.read", "users": "crm.objects.users.read",
    "contacts": "crm.objects.contacts.read", "owners": "crm.objects.owners.read", "forms": "forms",
    "campaigns": "marketing.campaigns.read", "email": "content", "tickets": "tickets",
    "goal_targets": "crm.objects.goals.read", "forecasts": "crm.objects.forecasts.read",
    **dict.fromkeys(("calls", "emails", "meetings", "notes", "tasks"), "crm.objects.contacts.read"),
}  # fmt: skip
_CHANGED = {"contacts": "lastmodifieddate"}
_PRIMARY = {"category": "HUBSPOT_DEFINED", "typeId": 5, "label": "Primary"}
_PLAIN = {"companies": 341, "contacts": 3, "calls": 205, "emails": 209, "meetings": 211, "notes": 213, "tasks": 215}
EVENT_TYPES = (
    *("DROPPED", "UNBOUNCE", "STATUSCHANGE", "DELIVERED", "FORWARD", "BOUNCE", "REPLY", "PRINT", "PROCESSED"),
    *("UNSUBSCRIBED", "SUPPRESSED", "SENT", "SPAMREPORT", "DEFERRED", "OPEN", "MTA_DROPPED", "CLICK"),
)
FORM_TYPES = ("hubspot", "captured", "flow", "blog_comment")
TOUCHES = ("email_click", "form_fill")
ASSET_TYPES = ("AD_CAMPAIGN", "BLOG_POST", "FORM", "LANDING_PAGE", "MARKETING_EMAIL", "OBJECT_LIST", "SITE_PAGE")
_OFFSETS_LIVE = timedelta(hours=1)
_ACTIVITIES = {"call": "calls", "email": "emails", "meeting": "meetings", "note": "notes"}
_DATED = re.compile(r"/(crm|marketing)/(\w+)/2026-03(/.*)?")
_NUMBERED = re.compile(r"/(crm|marketing)/(v\d)/(\w+)(/.*)?")


MAPPING = """
[sources.{name}.entities.opportunity]
columns = { our_lead_source = "lead_source", our_forecast = "forecast_category", our_campaign = "campaign_id" }

[sources.{name}.entities.account]
columns = { our_segment = "segment", our_billing_customer = "billing_customer_id" }

[sources.{name}.entities.user]
columns = { our_manager = "manager_id", our_region = "region", our_start = "started_at", our_end = "ended_at" }

[sources.{name}.entities.person]
columns = { our_lead_source = "lead_source", hs_v2_date_entered_marketingqualifiedlead = "mql_at", our_sal = "sal_at", \
hs_v2_date_entered_salesqualifiedlead = "sql_at", our_deal = "converted_opportunity_id" }

[sources.{name}.entities.campaign]
columns = { our_channel = "channel" }
""".replace("\\\n", "")
"""How a source on a mirrored account is configured; {name} is to be replaced."""
_CUSTOM = {
    "deals": ("our_lead_source", "our_forecast", "our_campaign"),
    "companies": ("our_segment", "our_billing_customer"),
    "users": ("our_manager", "our_region", "our_start", "our_end"),
    "contacts": ("our_lead_source", "our_sal", "our_deal"),
}


class HubspotServer(VendorServer):
    """One account. `now` is its clock; `lag` is how far its search index is behind."""

    def __init__(self, now: datetime) -> None:
        super().__init__()
        self.now = now
        self.lag = timedelta(0)
        self.tokens = {TOKEN}
        self.scopes = set(SCOPES.values())
        self.used, self.limit = 0, 250_000
        self.properties = {name: dict(kinds) for name, kinds in PROPERTIES.items()}
        self.labels: dict[tuple[str, str], str] = {}  # (object, property) -> its label
        self.rows: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in PROPERTIES}
        self.history: dict[tuple[str, str], list[dict[str, str | None]]] = {}  # (deal, property), oldest first
        self.owners: dict[str, dict[str, Any]] = {}
        self.pipelines: dict[str, dict[str, Any]] = {}
        self.campaigns: dict[str, dict[str, Any]] = {}
        self.forms: list[dict[str, Any]] = []
        self.assets: dict[tuple[str, str], list[str]] = {}  # (campaign, type) -> ids
        self.submissions: dict[str, list[dict[str, Any]]] = {}  # form -> as they came in
        self.email_campaigns: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []  # of e-mails, as HubSpot took note of them
        self._offsets: dict[str, tuple[dict[str, str], int, datetime]] = {}
        self.links: dict[tuple[str, str], dict[tuple[str, str], list[dict[str, Any]]]] = {}
        self.ids: dict[tuple[str, str], str] = {}
        self.kept_values = 20  # of a property's history
        self.number = 1000

    # ------------------------------------------------------------ the company's life

    def next_id(self) -> str:
        self.number += 1
        return str(self.number)

    def add(self, objects: str, **values: Any) -> str:
        """A new object at the account's time; gives its id."""
        row_id = self.next_id()
        values_now = {"hs_object_id": row_id, "hs_createdate": _text(self.now)}
        if "createdate" in self.properties[objects]:
            values_now["createdate"] = _text(self.now)
        self.rows[objects][row_id] = {"id": row_id, "archived": False, "values": values_now}
        self.change(objects, row_id, **values)
        return row_id

    def change(self, objects: str, row_id: str, **values: Any) -> None:
        """Change properties: the time of the last change moves, and deals remember what they were."""
        row = self.rows[objects][row_id]["values"]
        for name, value in values.items():
            said = _text(value)
            assert name in self.properties[objects], name
            if row.get(name) == said:
                continue
            row[name] = said
            if objects == "deals":
                entry = {
                    "value": said or "",
                    "timestamp": _text(self.now),
                    "sourceType": "CRM_UI",
                    "sourceId": "userId:7",
                }
                self.history.setdefault((row_id, name), []).append(entry)
        row[_CHANGED.get(objects, "hs_lastmodifieddate")] = _text(self.now)

    def archive(self, objects: str, row_id: str) -> None:
        self.rows[objects][row_id]["archived"] = True

    def restore(self, objects: str, row_id: str) -> None:
        self.rows[objects][row_id]["archived"] = False
        self.change(objects, row_id)

    def purge(self, objects: str, row_id: str) -> None:
        """Gone without a trace, as after 90 days or for privacy's sake."""
        del self.rows[objects][row_id]

    def merge(self, objects: str, kept: str, lost: str) -> None:
        """One takes the other in."""
        taken = [self.rows[objects][each]["values"].get("hs_merged_object_ids") for each in (kept, lost)]
        gone = self.rows[objects].pop(lost)["values"]
        self.change(objects, kept, hs_merged_object_ids=";".join([*(each for each in taken if each), lost]))
        if objects == "contacts":
            own = self.rows[objects][kept]["values"]
            addresses = [own.get("hs_additional_emails"), gone.get("email"), gone.get("hs_additional_emails")]
            self.change(objects, kept, hs_additional_emails=";".join(each for each in addresses if each))

    def link(self, objects: str, row_id: str, others: str, other_id: str, *labels: str, primary: bool = False) -> None:
        """Associate two objects, in both directions."""
        types = [{"category": "HUBSPOT_DEFINED", "typeId": _PLAIN.get(others, 1), "label": None}]
        types += [_PRIMARY] if primary else []
        types += [
            {"category": "USER_DEFINED", "typeId": 100 + sum(map(ord, label)), "label": label} for label in labels
        ]
        self.links.setdefault((objects, others), {})[row_id, other_id] = types
        self.links.setdefault((others, objects), {})[other_id, row_id] = types
        if (objects, others) == ("deals", "companies") and primary:
            self.change("deals", row_id, hs_primary_associated_company=other_id)

    def unlink(self, objects: str, row_id: str, others: str, other_id: str) -> None:
        del self.links[objects, others][row_id, other_id]
        del self.links[others, objects][other_id, row_id]

    def add_owner(self, first: str, last: str, *, team: str | None = None, archived: bool = False) -> str:
        owner = self.next_id()
        teams = [{"id": "6789", "name": team, "primary": True}] if team else []
        self.owners[owner] = {
            "id": owner, "email": f"{first}@acme.example".lower(), "type": "PERSON", "firstName": first,
            "lastName": last, "userId": int(owner) + 5, "userIdIncludingInactive": int(owner) + 5,
            "createdAt": _text(self.now), "updatedAt": _text(self.now), "archived": archived, "teams": teams,
        }  # fmt: skip
        return owner

    def add_pipeline(self, label: str, *stages: tuple[str, float, bool]) -> dict[str, str]:
        """A pipeline of (label, probability, is closed); gives the ids by label, its own under ''."""
        pipeline = self.next_id()
        self.pipelines[pipeline] = {
            "id": pipeline, "label": label, "displayOrder": len(self.pipelines), "archived": False,
            "createdAt": _text(self.now), "updatedAt": _text(self.now), "stages": [],
        }  # fmt: skip
        return {"": pipeline} | {name: self.add_stage(pipeline, name, share, closed) for name, share, closed in stages}

    def add_stage(self, pipeline: str, label: str, probability: float, closed: bool) -> str:
        stage = self.next_id()
        stages = self.pipelines[pipeline]["stages"]
        stages.append(
            {"id": stage, "label": label, "displayOrder": len(stages), "archived": False,
             "createdAt": _text(self.now), "updatedAt": _text(self.now),
             "metadata": {"isClosed": str(closed).lower(), "probability": str(float(probability))}}
        )  # fmt: skip
        return stage

    def add_campaign(self, **values: Any) -> str:
        campaign = f"0a1b2c3d-0000-4000-8000-{int(self.next_id()):012}"
        self.campaigns[campaign] = {"id": campaign, "createdAt": _text(self.now), "updatedAt": _text(self.now),
                                    "properties": {name: _text(value) for name, value in values.items()}}  # fmt: skip
        return campaign

    def add_form(self, name: str, kind: str = "hubspot") -> str:
        form = f"b6336282-50ec-465e-894e-{int(self.next_id()):012}"
        self.forms.append({"id": form, "name": name, "formType": kind, "archived": False,
                           "createdAt": _text(self.now), "updatedAt": _text(self.now)})  # fmt: skip
        return form

    def submit(self, form: str, email: str | None, at: datetime | None = None, **typed: str) -> str:
        """Somebody fills out a form, `at` a time that an import may give."""
        conversion = f"4c2f1d3e-0000-4000-8000-{int(self.next_id()):012}"
        values = [{"name": name, "value": value, "objectTypeId": "0-1"} for name, value in typed.items()]
        values += [{"name": "email", "value": email, "objectTypeId": "0-1"}] if email else []
        self.submissions.setdefault(form, []).append(
            {"conversionId": conversion, "submittedAt": _ms(at or self.now), "values": values,
             "pageUrl": f"https://acme.example/contact?email={email}"}
        )  # fmt: skip
        return conversion

    def send_email(self, name: str, content: str | None = None) -> tuple[str, str]:
        """A marketing e-mail goes out (again); gives the ids of the e-mail campaign and of the e-mail itself."""
        campaign, content = self.next_id(), content or self.next_id()
        self.email_campaigns[campaign] = {
            "id": int(campaign), "appId": 113, "appName": "Batch", "contentId": int(content), "name": name,
            "subject": f"About {name}", "type": "BATCH_EMAIL", "counters": {"sent": 1}, "numIncluded": 1,
        }  # fmt: skip
        return campaign, content

    def email_event(
        self, kind: str, campaign: str, recipient: str, *, at: datetime | None = None, filtered: bool = False
    ) -> str:
        """What happened to an e-mail, `at` a time that HubSpot may take note of later."""
        event = f"17761298-0000-4000-8000-{int(self.next_id()):012}"
        self.events.append(
            {"id": event, "created": _ms(at or self.now), "type": kind, "recipient": recipient, "portalId": 4727653,
             "appId": 113, "appName": "Batch", "emailCampaignId": int(campaign), "filteredEvent": filtered,
             "url": f"https://acme.example/?who={recipient}", "userAgent": "Mozilla/5.0", "location": {"city": "LUZ"},
             "ipAddress": "198.51.100.7", "sentBy": {"id": "75db8435", "created": _ms(self.now)}}
        )  # fmt: skip
        return event

    # ------------------------------------------------------------ a company of ours, kept in HubSpot

    def mirror(self, company: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
        """Hold exactly these canonical rows (entity -> our id -> row), with HubSpot's own traces of what changed."""
        for objects, names in _CUSTOM.items():
            for name in names:
                self.custom(objects, name, "datetime" if name in ("our_start", "our_end", "our_sal") else "string")
        for entity in ("user", "account", "campaign", "person", "opportunity"):
            for our_id in company.get(entity, {}):
                if (entity, our_id) not in self.ids:
                    self.ids[entity, our_id] = self._born(entity)
        for entity, write in (
            ("user", self._mirror_user), ("account", self._mirror_account), ("campaign", self._mirror_campaign),
            ("person", self._mirror_person), ("opportunity", self._mirror_deal), ("activity", self._mirror_activity),
            ("touch", self._mirror_touch),
        ):  # fmt: skip
            for our_id, row in company.get(entity, {}).items():
                write(our_id, row)
        self._mirror_roles(company.get("opportunity_contact_role", {}))
        self._mirror_ends(company)

    def _born(self, entity: str) -> str:
        if entity == "user":
            return self.add_owner("", "")
        if entity == "campaign":
            return self.add_campaign()
        return self.add({"account": "companies", "person": "contacts", "opportunity": "deals"}[entity])

    def _ref(self, entity: str, our_id: str | None) -> str | None:
        return self.ids.get((entity, our_id)) if our_id else None

    def _set(self, objects: str, row_id: str, **values: Any) -> None:
        """Write what differs; a row that stays as it is does not move."""
        row = self.rows[objects][row_id]["values"]
        different = {name: value for name, value in values.items() if row.get(name) != _text(value)}
        if different:
            self.change(objects, row_id, **different)

    def _mirror_user(self, our_id: str, row: Mapping[str, Any]) -> None:
        owner = self.owners[self.ids["user", our_id]]
        first, _, last = str(row["user_name"]).partition(" ")
        teams = [{"id": "1", "name": row["team"], "primary": True}] if row["team"] else []
        owner |= {"firstName": first, "lastName": last, "teams": teams, "archived": not row["is_active"]}
        user = self.ids.setdefault(("crm_user", our_id), "") or self.add("users", hubspot_owner_id=owner["id"])
        self.ids["crm_user", our_id] = user
        self._set(
            "users", user, hs_job_title=row["role"], our_manager=self._ref("user", row["manager_id"]),
            our_region=row["region"], our_start=row["started_at"], our_end=row["ended_at"],
        )  # fmt: skip

    def _mirror_account(self, our_id: str, row: Mapping[str, Any]) -> None:
        self._set(
            "companies", self.ids["account", our_id], name=row["account_name"], industry=row["industry"],
            country=row["region"], numberofemployees=row["employee_count"], website=row["website"],
            hs_parent_company_id=self._ref("account", row["parent_account_id"]), our_segment=row["segment"],
            hubspot_owner_id=self._ref("user", row["owner_id"]), our_billing_customer=row["billing_customer_id"],
            hs_is_target_account=row["is_target_account"], createdate=row["created_at"],
        )  # fmt: skip

    def _mirror_campaign(self, our_id: str, row: Mapping[str, Any]) -> None:
        values = {"hs_name": row["campaign_name"], "our_channel": row["channel"], "hs_start_date": row["start_date"],
                  "hs_spend_items_sum_amount": row["cost"], "hs_currency_code": row["currency_code"],
                  "hs_end_date": row["end_date"]}  # fmt: skip
        self.campaigns[self.ids["campaign", our_id]]["properties"] = {
            name: _text(each) for name, each in values.items()
        }

    def _mirror_person(self, our_id: str, row: Mapping[str, Any]) -> None:
        first, _, last = str(row["full_name"] or "").partition(" ")
        self._set(
            "contacts", self.ids["person", our_id], firstname=first, lastname=last, email=row["email"],
            phone=row["phone"], jobtitle=row["title"], our_lead_source=row["lead_source"],
            hubspotscore=row["lead_score"], hs_lead_status=row["status"], createdate=row["created_at"],
            associatedcompanyid=self._ref("account", row["account_id"]), our_sal=row["sal_at"],
            hubspot_owner_id=self._ref("user", row["owner_id"]),
            hs_v2_date_entered_marketingqualifiedlead=row["mql_at"],
            hs_v2_date_entered_salesqualifiedlead=row["sql_at"],
            hs_sa_first_engagement_date=row["first_response_at"], lifecyclestage=_stage_of_life(row),
            our_deal=self._ref("opportunity", row["converted_opportunity_id"]),
        )  # fmt: skip

    def _mirror_deal(self, our_id: str, row: Mapping[str, Any]) -> None:
        deal = self.ids["opportunity", our_id]
        if deal not in self.rows["deals"] or row["is_deleted"]:
            return  # it ends elsewhere
        if self.rows["deals"][deal]["archived"]:
            self.restore("deals", deal)
        pipeline, stage = self._stage(row["pipeline"] or "default", row["stage"])
        kind = {"new_business": "newbusiness", "expansion": "existingbusiness"}
        closes = datetime.combine(row["close_date"], datetime.min.time(), UTC) if row["close_date"] else None
        self._set(
            "deals", deal, dealname=row["opportunity_name"], pipeline=pipeline, dealstage=stage,
            dealtype=kind.get(row["opportunity_type"], row["opportunity_type"]), amount=row["amount"],
            deal_currency_code=row["currency_code"], closedate=closes and closes + timedelta(hours=12),
            createdate=row["created_at"], hubspot_owner_id=self._ref("user", row["owner_id"]),
            our_forecast=row["forecast_category"], hs_deal_stage_probability=row["probability"],
            hs_projected_amount=row["expected_revenue"],
            our_lead_source=row["lead_source"], our_campaign=self._ref("campaign", row["campaign_id"]),
            hs_next_step=row["next_step"], notes_last_updated=row["last_activity_at"],
            closed_lost_reason=row["loss_reason"],
            hs_primary_associated_company=self._ref("account", row["account_id"]),
        )  # fmt: skip
        company = self._ref("account", row["account_id"])
        there = [other for at, other in self.links.get(("deals", "companies"), {}) if at == deal]
        for other in there:
            if other != company:
                self.unlink("deals", deal, "companies", other)
        if company and company not in there:
            self.link("deals", deal, "companies", company, primary=True)

    def _stage(self, pipeline: str, stage: str) -> tuple[str, str]:
        found = next((each for each in self.pipelines.values() if each["label"] == pipeline), None)
        pipeline_id = found["id"] if found else self.add_pipeline(pipeline)[""]
        there = {each["label"]: each["id"] for each in self.pipelines[pipeline_id]["stages"]}
        won, lost = "won" in stage.lower(), "lost" in stage.lower()
        return pipeline_id, there.get(stage) or self.add_stage(pipeline_id, stage, float(won) or 0.5, won or lost)

    def _mirror_activity(self, our_id: str, row: Mapping[str, Any]) -> None:
        objects = _ACTIVITIES.get(row["activity_type"], "meetings")
        deal, contact = self._ref("opportunity", row["opportunity_id"]), self._ref("person", row["person_id"])
        if ("activity", our_id) not in self.ids:
            engagement = self.add(
                objects, hs_timestamp=row["occurred_at"], hubspot_owner_id=self._ref("user", row["owner_id"]),
                hs_activity_type=None if row["activity_type"] in _ACTIVITIES else row["activity_type"],
            )  # fmt: skip
            self.ids["activity", our_id] = engagement
            if deal and deal in self.rows["deals"]:
                self.link("deals", deal, objects, engagement)
            if contact:
                self.link(objects, engagement, "contacts", contact)

    def _mirror_touch(self, our_id: str, row: Mapping[str, Any]) -> None:
        """A click or a submission by the person's address; HubSpot has no other touches."""
        if row["touch_type"] not in TOUCHES or ("touch", our_id) in self.ids:
            return
        campaign, at = self._ref("campaign", row["campaign_id"]), row["touched_at"]
        address = self.rows["contacts"][self.ids["person", row["person_id"]]]["values"]["email"]
        if row["touch_type"] == "email_click":
            there = self.assets.get((campaign or "", "MARKETING_EMAIL"))
            sent, content = self.send_email("News", there[0] if there else None)
            self.assets[campaign or "", "MARKETING_EMAIL"] = [content]
            self.ids["touch", our_id] = self.email_event("CLICK", sent, address, at=at)
        else:
            forms = self.assets.setdefault((campaign or "", "FORM"), [])
            forms += [] if forms else [self.add_form("Contact us")]
            self.ids["touch", our_id] = self.submit(forms[0], address, at)

    def _mirror_roles(self, roles: Mapping[str, Mapping[str, Any]]) -> None:
        wanted: dict[tuple[str, str], list[str]] = {}
        for row in roles.values():
            deal, contact = self._ref("opportunity", row["opportunity_id"]), self._ref("person", row["person_id"])
            if deal and contact:
                labels = ([row["role"]] if row["role"] else []) + (["Primary"] if row["is_primary"] else [])
                wanted[deal, contact] = labels
        for deal, contact in set(self.links.get(("deals", "contacts"), {})) - set(wanted):
            self.unlink("deals", deal, "contacts", contact)
        for (deal, contact), labels in wanted.items():
            self.link("deals", deal, "contacts", contact, *labels)

    def _mirror_ends(self, company: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
        for (entity, our_id), row_id in self.ids.items():
            row = company.get(entity, {}).get(our_id)
            objects = {"account": "companies", "person": "contacts", "opportunity": "deals"}.get(entity)
            if entity == "user" and row is None:
                self.owners.pop(row_id, None)
            if entity == "campaign" and row is None:
                self.campaigns.pop(row_id, None)
            if objects and row_id in self.rows[objects] and (row is None or row.get("is_deleted")):
                into = self._ref("opportunity", row.get("merged_into_opportunity_id")) if row else None
                if into and into in self.rows["deals"]:
                    self.merge("deals", into, row_id)
                elif not self.rows[objects][row_id]["archived"]:
                    self.archive(objects, row_id)

    def pass_time(self, **delta: float) -> None:
        self.now += timedelta(**delta)

    def custom(self, objects: str, name: str, kind: str = "string", label: str = "") -> None:
        """A property of the company's own."""
        self.properties[objects].setdefault(name, kind)
        self.labels[objects, name] = label

    # ------------------------------------------------------------ HTTP

    def answer(self, request: Request) -> Answer:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            return _error(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.")
        if self.used >= self.limit:
            body = {"status": "error", "message": "You have reached your daily limit.", "errorType": "RATE_LIMIT",
                    "policyName": "DAILY"}  # fmt: skip
            return Answer(body, 429)
        self.used += 1
        answer = self._answer(request)
        if request.path.endswith("/search"):
            return answer  # searches tell no limits
        limits = {"X-HubSpot-RateLimit-Daily": str(self.limit),
                  "X-HubSpot-RateLimit-Daily-Remaining": str(self.limit - self.used)}  # fmt: skip
        return Answer(answer.body, answer.status, {**limits, **answer.headers})

    def _answer(self, request: Request) -> Answer:
        if found := re.fullmatch(r"/account-info/(2026-03|v3)(/.*)", request.path):
            return self._account(found[2])
        if found := re.fullmatch(r"/email/public/v1/(events|campaigns)/?(\w*)", request.path):
            return self._emails(found[1], found[2], request)
        if found := re.fullmatch(r"/form-integrations/v1/submissions/forms/([\w-]+)", request.path):
            return self._submissions(found[1], request)
        if found := _DATED.fullmatch(request.path):
            api, rest = found[2], found[3]
        elif (found := _NUMBERED.fullmatch(request.path)) and found[2] == (
            "v4" if found[3] == "associations" else "v3"
        ):
            api, rest = found[3], found[4]
        else:
            return _error(404, "NOT_FOUND", "resource not found")
        parts = [part for part in (rest or "").split("/") if part]
        needed = SCOPES.get(api if api in ("owners", "campaigns", "forms") else parts[0] if parts else "")
        if needed and needed not in self.scopes:
            return _missing_scope(needed)
        return self._of_the_crm(api, parts, request) or _error(404, "NOT_FOUND", "resource not found")

    def _of_the_crm(self, api: str, parts: list[str], request: Request) -> Answer | None:
        if api == "objects" and parts and parts[0] in self.properties:
            return self._objects(parts[0], parts[1:], request)
        if api == "properties" and parts and parts[0] in self.properties:
            return Answer({"results": [self._property(parts[0], name) for name in self.properties[parts[0]]]})
        if api == "pipelines" and parts == ["deals"]:
            return Answer({"results": list(self.pipelines.values())})
        if api == "owners":
            wanted = request.query.get("archived", "false") == "true"
            owners = [each for each in self.owners.values() if each["archived"] == wanted]
            return self._page(request, owners, 500)
        if api == "associations" and parts[2:] == ["batch", "read"]:
            return self._associations(parts[0], parts[1], request.json["inputs"])
        if api == "campaigns":
            return self._campaigns(parts, request)
        if api == "forms":
            kind = request.query.get("formTypes", "hubspot")
            if kind not in FORM_TYPES:
                return _error(400, "VALIDATION_ERROR", f"Unknown form type {kind}")
            return self._page(request, [each for each in self.forms if each["formType"] == kind], 500)
        return None

    def _campaigns(self, parts: list[str], request: Request) -> Answer:
        """All of them, or the assets of one type of one."""
        if parts[1:2] == ["assets"]:
            if len(parts) != 3 or parts[2] not in ASSET_TYPES:
                return _error(400, "VALIDATION_ERROR", "Unknown asset type")
            if parts[0] not in self.campaigns:
                return _error(404, "OBJECT_NOT_FOUND", "No campaign found")
            assets = [{"id": each, "name": f"Asset {each}"} for each in self.assets.get((parts[0], parts[2]), [])]
            return self._page(request, assets, 100)
        names = request.query.get("properties", "").split(",")
        shown = [
            each | {"properties": {name: each["properties"][name] for name in names if name in each["properties"]}}
            for each in self.campaigns.values()
        ]
        return self._page(request, shown, 100)

    def _account(self, path: str) -> Answer:
        if path == "/details":
            return Answer({"portalId": 4727653, "timeZone": "US/Eastern", "companyCurrency": "USD"})
        if path == "/api-usage/daily/private-apps":
            usage = {"name": "private-apps-api-calls-daily", "usageLimit": self.limit, "currentUsage": self.used,
                     "collectedAt": _text(self.now), "fetchStatus": "SUCCESS", "resetsAt": _text(self.now)}  # fmt: skip
            return Answer({"results": [usage]})
        return _error(404, "NOT_FOUND", "resource not found")

    def _emails(self, what: str, campaign: str, request: Request) -> Answer:
        if SCOPES["email"] not in self.scopes:
            return _missing_scope(SCOPES["email"], "requiredScopes")
        if what == "campaigns":
            known = self.email_campaigns.get(campaign)
            return Answer(known) if known else _error(404, "OBJECT_NOT_FOUND", "No email campaign found")
        asked = {name: value for name, value in request.query.items() if name not in ("offset", "limit")}
        limit, start = int(request.query.get("limit", 10)), 0
        if not 0 < limit <= 1000:
            return _error(400, "VALIDATION_ERROR", "limit may not exceed 1000")
        if asked.get("eventType", "CLICK") not in EVENT_TYPES:
            return _error(400, "VALIDATION_ERROR", "not one of the values accepted for Enum class")
        if offset := request.query.get("offset"):
            query, start, made_at = self._offsets.get(offset, ({}, 0, self.now))
            if query != asked or self.now - made_at > _OFFSETS_LIVE:
                return _error(400, "VALIDATION_ERROR", "offset is not valid")
        first, last = int(asked.get("startTimestamp", 0)), int(asked.get("endTimestamp", _ms(self.now)))
        rows = [each for each in self.events if asked.get("eventType", each["type"]) == each["type"]]
        rows = [each for each in rows if first <= each["created"] <= last]
        rows.sort(key=lambda each: -each["created"])
        found: dict[str, Any] = {"events": rows[start : start + limit], "hasMore": start + limit < len(rows)}
        if found["hasMore"]:
            found["offset"] = f"Cs{self.next_id()}=="
            self._offsets[found["offset"]] = asked, start + limit, self.now
        return Answer(found)

    def _submissions(self, form: str, request: Request) -> Answer:
        if SCOPES["forms"] not in self.scopes:
            return _missing_scope(SCOPES["forms"], "requiredScopes")
        if form not in {each["id"] for each in self.forms}:
            return _error(404, "OBJECT_NOT_FOUND", "No form found")
        rows = self.submissions.get(form, [])[::-1]
        return self._page(request, sorted(rows, key=lambda each: -each["submittedAt"]), 50, 20)

    def _property(self, objects: str, name: str) -> dict[str, Any]:
        kind = self.properties[objects][name]
        label = self.labels.get((objects, name), name)
        return {"name": name, "label": label, "type": kind, "fieldType": "text", "description": "", "groupName": "info",
                "options": [], "calculated": False, "hidden": False, "archived": False}  # fmt: skip

    def _page(self, request: Request, rows: list[dict[str, Any]], most: int, usual: int | None = None) -> Answer:
        limit = int(request.query.get("limit", usual or most))
        if not 0 < limit <= most:
            return _error(400, "VALIDATION_ERROR", f"limit may not exceed {most}")
        start = int(request.query.get("after", 0))
        found: dict[str, Any] = {"results": rows[start : start + limit]}
        if start + limit < len(rows):
            found["paging"] = {"next": {"after": str(start + limit), "link": "?"}}
        return Answer(found)

    def _objects(self, objects: str, rest: list[str], request: Request) -> Answer:
        if not rest and request.method == "GET":
            return self._list(objects, request)
        if rest == ["search"]:
            return self._search(objects, request.json)
        if rest == ["batch", "read"]:
            return self._read(objects, request.json, request.query.get("archived") == "true")
        return _error(404, "NOT_FOUND", "resource not found")

    def _list(self, objects: str, request: Request) -> Answer:
        limit = int(request.query.get("limit", 10))
        if not 0 < limit <= 100:
            return _error(400, "VALIDATION_ERROR", "limit may not exceed 100")
        if not request.query.get("after", "0").isdigit():
            return _error(400, "VALIDATION_ERROR", "The after parameter is not valid")
        after = int(request.query.get("after", 0))
        archived = request.query.get("archived") == "true"
        rows = [
            each for each in self.rows[objects].values() if each["archived"] == archived and int(each["id"]) > after
        ]
        rows.sort(key=lambda each: int(each["id"]))
        names = request.query.get("properties", "").split(",")
        found: dict[str, Any] = {"results": [self._shown(objects, each, names) for each in rows[:limit]]}
        if len(rows) > limit:
            found["paging"] = {"next": {"after": rows[limit - 1]["id"], "link": "?"}}
        return Answer(found)

    def _shown(self, objects: str, row: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
        values = row["values"]
        known = [name for name in {*names, "hs_object_id", _CHANGED.get(objects, "hs_lastmodifieddate")}
                 if name in self.properties[objects]]  # fmt: skip
        return {
            "id": row["id"], "archived": row["archived"], "properties": {name: values.get(name) for name in known},
            "createdAt": values["hs_createdate"], "updatedAt": values[_CHANGED.get(objects, "hs_lastmodifieddate")],
        }  # fmt: skip

    def _search(self, objects: str, asked: Mapping[str, Any]) -> Answer:
        limit, after = int(asked.get("limit", 10)), int(asked.get("after", 0))
        if not 0 < limit <= 200:
            return _error(400, "VALIDATION_ERROR", "limit may not exceed 200")
        if after + limit > 10_000:
            return _error(400, "VALIDATION_ERROR", "There was a problem with the request: beyond 10,000 results")
        by = _CHANGED.get(objects, "hs_lastmodifieddate")
        seen_by = self.now - self.lag
        rows = [
            each for each in self.rows[objects].values()
            if not each["archived"] and datetime.fromisoformat(each["values"][by]) <= seen_by
        ]  # fmt: skip
        for group in asked.get("filterGroups", []):
            for each in group["filters"]:
                name = each["propertyName"]
                if name not in self.properties[objects]:
                    return _error(400, "VALIDATION_ERROR", f"There was a problem with the request: no property {name}")
                value = int(each["value"])
                fits = {"GTE": value.__le__, "GT": value.__lt__, "EQ": value.__eq__}[each["operator"]]
                rows = [row for row in rows if row["values"].get(name) and fits(_comparable(row["values"][name]))]
        for sort in asked.get("sorts", []):
            rows.sort(key=lambda row: (_comparable(row["values"][sort["propertyName"]]), int(row["id"])))
        page = rows[after : after + limit]
        found: dict[str, Any] = {
            "total": len(rows), "results": [self._shown(objects, row, asked.get("properties", [])) for row in page],
        }  # fmt: skip
        if after + limit < len(rows):
            found["paging"] = {"next": {"after": str(after + limit)}}
        return Answer(found)

    def _read(self, objects: str, asked: Mapping[str, Any], archived: bool) -> Answer:
        tracked = asked.get("propertiesWithHistory") or []
        most = 50 if tracked else 100
        if len(asked["inputs"]) > most:
            return _error(400, "VALIDATION_ERROR", f"The maximum number of inputs is {most}")
        ids = [each["id"] for each in asked["inputs"]]
        there = [self.rows[objects][each] for each in ids
                 if each in self.rows[objects] and self.rows[objects][each]["archived"] == archived]  # fmt: skip
        results = []
        for row in there:
            shown = self._shown(objects, row, asked.get("properties", []))
            if tracked:
                shown["propertiesWithHistory"] = {
                    name: self.history.get((row["id"], name), [])[::-1][: self.kept_values] for name in tracked
                }
            results.append(shown)
        gone = [each for each in ids if each not in {row["id"] for row in there}]
        found: dict[str, Any] = {"status": "COMPLETE", "results": results}
        if gone:
            error = {"status": "error", "category": "OBJECT_NOT_FOUND", "context": {"ids": gone},
                     "message": "Could not get some objects, they may be deleted or not exist."}  # fmt: skip
            found |= {"numErrors": 1, "errors": [error]}
        return Answer(found, 207 if gone else 200)

    def _associations(self, objects: str, others: str, inputs: list[dict[str, str]]) -> Answer:
        if len(inputs) > 1000:
            return _error(400, "VALIDATION_ERROR", "The maximum number of inputs is 1000")
        results, without = [], []
        for each in inputs:
            start = int(each.get("after") or 0)
            to = [
                {"toObjectId": int(other), "associationTypes": types}
                for (row_id, other), types in self.links.get((objects, others), {}).items()
                if row_id == each["id"] and other in self.rows[others] and not self.rows[others][other]["archived"]
            ]
            if not to:
                without.append(each["id"])
                continue
            result: dict[str, Any] = {"from": {"id": each["id"]}, "to": to[start : start + 100]}
            if start + 100 < len(to):
                result["paging"] = {"next": {"after": str(start + 100)}}
            results.append(result)
        found: dict[str, Any] = {"status": "COMPLETE", "results": results}
        if without:
            found |= {"numErrors": 1, "errors": [
                {"status": "error", "category": "OBJECT_NOT_FOUND", "context": {"fromObjectId": without},
                 "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND", "message": "None found"}]}  # fmt: skip
        return Answer(found, 207 if without else 200)


def _text(value: Any) -> str | None:
    """A value as HubSpot keeps it."""
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value)


def _stage_of_life(row: Mapping[str, Any]) -> str:
    if row["record_type"] == "lead":
        return "salesqualifiedlead" if row["sql_at"] else "marketingqualifiedlead" if row["mql_at"] else "lead"
    return "opportunity"


def _ms(instant: datetime) -> int:
    return round(instant.timestamp() * 1000)


def _comparable(value: str) -> int:
    return int(value) if value.isdigit() else round(datetime.fromisoformat(value).timestamp() * 1000)


def _error(status: int, category: str, message: str) -> Answer:
    body = {"status": "error", "message": message, "category": category, "correlationId": "c0ffee"}
    return Answer(body, status)


def _missing_scope(scope: str, name: str = "requiredGranularScopes") -> Answer:
    body = {
        "status": "error", "category": "MISSING_SCOPES", "correlationId": "c0ffee",
        "message": "This app hasn't been granted all required scopes to make this call.",
        "errors": [{"message": "One or more of the following scopes are required.",
                    "context": {name: [scope]}}],
    }  # fmt: skip
    return Answer(body, 403)
