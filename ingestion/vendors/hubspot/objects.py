"""What HubSpot has: its CRM objects and everything else that lands, with keys, types, and what is personal."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ingestion.entities import COUNT, DATE, FLAG, INSTANT, MONEY, PROBABILITY, SCORE
from ingestion.source import Past, RecordedHistory

ARCHIVED = "archived"
"""The mark of what ended, which is no property."""

VOLATILE = re.compile(
    r"(hs_)?lastmodifieddate|hs_updated_by_user_id|days_to_close|hs_days_to_close.*"
    r"|hs_(v2_)?(cumulative_|latest_)?time_in_.*|hs_time_since_.*|hs_days_since_.*"
)
"""Properties that move by themselves."""

OF_PEOPLE = re.compile(
    r"(?:^|_)(firstname|lastname|full_?name|middle_?name|maiden_?name|nickname|given_name|family_name|salutation)"
    r"|e?mail|phone|(?:^|_)fax|address|street|(?:^|_)city(?:$|_)|(?:^|_)zip|postal|(?:^|_)ip_|linkedin|twitter"
    r"|facebook|birth|gender|marital|military|photo|avatar|latlon|latitude|longitude|(?:^|_)message$"
)
"""Properties that say who somebody is or how to reach them, of the objects that are people."""


@dataclass(frozen=True)
class Object:
    """One CRM object: how it is read, and what the ledger must know of it."""

    name: str  # in paths
    canonical: tuple[str, ...]
    governed: Mapping[str, str]  # by property
    changed: str | None = None  # the property by which changes are found; None: listed whole
    only: tuple[str, ...] = ()  # the properties that are read; without any, all
    people: bool = False  # names and addresses are those of people
    shown: tuple[str, ...] = ()  # what looks personal and is not
    ended: bool = False  # archived and merged ones land with a mark
    with_contacts: bool = False  # the ids of associated contacts land with it
    with_company: bool = False  # the id of the associated company lands with it
    with_owner: bool = False  # the owner whose user it is assigned to lands with it
    optional: bool = False  # an account may be without it


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
            "hs_projected_amount": MONEY,
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
        shown=("hs_email_hard_bounce_reason_enum",),
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
    # what customers write in tickets, no metric reads
    "ticket": Object(
        "tickets",
        ("ticket",),
        {"createdate": INSTANT, "closed_date": INSTANT},
        changed="hs_lastmodifieddate",
        only=(
            *("createdate", "closed_date", "hs_lastmodifieddate", "hubspot_owner_id", "hs_pipeline"),
            *("hs_pipeline_stage", "hs_ticket_priority", "hs_ticket_category"),
        ),
        with_company=True,
        optional=True,
    ),
    "goal_target": Object(
        "goal_targets",
        ("quota",),
        {"hs_target_amount": MONEY, "hs_start_datetime": INSTANT, "hs_end_datetime": INSTANT},
        only=(
            *("hs_goal_name", "hs_goal_type", "hs_target_amount", "hs_goal_target_currency_code", "hs_start_datetime"),
            *("hs_end_datetime", "hs_assignee_user_id", "hs_assignee_team_id"),
        ),
        with_owner=True,
        optional=True,
    ),
    # HubSpot's own API for them is in beta
    "forecast": Object(
        "forecasts",
        ("forecast_submission",),
        {"hs_amount": MONEY, "hs_createdate": INSTANT},
        only=(
            *("hs_amount", "hs_createdate", "hs_lastmodifieddate", "hubspot_owner_id", "hs_created_by_user_id"),
            *("hs_team_id", "hs_deal_pipeline_id", "hs_milestone", "hs_year", "hs_fiscal_month", "hs_fiscal_quarter"),
            *("hs_forecast_fiscal_offset", "hs_forecast_start_date", "hs_forecast_end_date", "hs_included_deal_ids"),
        ),
        optional=True,
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

MARKETING_EVENTS = ("email_event", "form_submission")
"""The entities that are events: each is told once and never changes."""

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

PAST = Past(
    (
        RecordedHistory(
            "deal_property_history",
            opportunity_id="deal_id",
            changed_at="timestamp",
            field="name",
            old_value="previous_value",
            new_value="value",
            tie="tie",
        ),
    ),
    "createdate",
    entity="deal",
)
"""The history of the deals' properties, of which HubSpot keeps the latest values."""
