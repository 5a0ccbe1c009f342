"""What Salesforce has: its objects, how each is pulled, the types that the ledger governs, and what is personal."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ingestion.entities import COUNT, DATE, FLAG, INSTANT, MONEY, PROBABILITY
from ingestion.source import Past, RecordedHistory

NOT_IN_CSV = ("address", "location", "base64", "complexvalue")
"""Types of fields that Bulk API cannot export; their components are fields of their own."""

VOLATILE = (
    "SystemModstamp",
    "LastViewedDate",
    "LastReferencedDate",
    "LastModifiedDate",
    "LastModifiedById",
    "PhotoUrl",
)

_PERSONAL_TYPES = ("email", "phone")
_OF_PEOPLE = (
    *("Name", "Salutation", "Suffix", "Username", "Alias", "Nickname", "Birthdate"),
    *("Street", "City", "PostalCode", "Latitude", "Longitude", "GeocodeAccuracy"),
)


@dataclass(frozen=True)
class Object:
    """One object of the vendor: how it is pulled, and what the ledger must know of it."""

    name: str
    canonical: tuple[str, ...]
    governed: Mapping[str, str]  # by field
    changed: str | None = None  # the field by which changes are found; None: pulled whole
    mode: str = "state"
    also: tuple[str, ...] = ()  # fields of parents: <relationship>.<field>
    without: tuple[str, ...] = ()  # fields that are left out
    people: bool = False  # names and addresses are those of people, and so personal
    shown: tuple[str, ...] = ()  # names that are not personal all the same
    optional: bool = False  # an org may be without it


_TIMES = {"CreatedDate": INSTANT, "IsDeleted": FLAG}
_PERIOD = {"Period.StartDate": DATE, "Period.EndDate": DATE}

OBJECTS: dict[str, Object] = {
    "opportunity": Object(
        "Opportunity",
        ("opportunity",),
        {**_TIMES, "Amount": MONEY, "CloseDate": DATE, "Probability": PROBABILITY, "ExpectedRevenue": MONEY},
    ),
    "account": Object("Account", ("account",), {**_TIMES, "NumberOfEmployees": COUNT}),
    "user": Object(
        "User",
        ("user",),
        {"CreatedDate": INSTANT, "IsActive": FLAG},
        also=("UserRole.Name",),
        people=True,
        shown=("Name",),
    ),
    "contact": Object("Contact", ("person",), _TIMES, changed="SystemModstamp", people=True),
    "lead": Object("Lead", ("person",), _TIMES, changed="SystemModstamp", people=True),
    "opportunity_contact_role": Object(
        "OpportunityContactRole", ("opportunity_contact_role",), {**_TIMES, "IsPrimary": FLAG}
    ),
    # what is written in them may be whole letters, and no metric reads it
    "task": Object(
        "Task",
        ("activity",),
        {**_TIMES, "IsClosed": FLAG, "CompletedDateTime": INSTANT},
        changed="SystemModstamp",
        without=("Description", "Subject"),
    ),
    "event": Object(
        "Event",
        ("activity",),
        {**_TIMES, "IsChild": FLAG, "ActivityDateTime": INSTANT},
        changed="SystemModstamp",
        without=("Description", "Subject"),
    ),
    "campaign": Object("Campaign", ("campaign",), {**_TIMES, "ActualCost": MONEY, "StartDate": DATE, "EndDate": DATE}),
    "campaign_member": Object(
        "CampaignMember", ("touch",), {**_TIMES, "HasResponded": FLAG}, changed="SystemModstamp", people=True
    ),
    "opportunity_history": Object(
        "OpportunityHistory", ("opportunity_change",), _TIMES, changed="CreatedDate", mode="events"
    ),
    "opportunity_field_history": Object(
        "OpportunityFieldHistory", ("opportunity_change",), _TIMES, changed="CreatedDate", mode="events"
    ),
    # read-only rollups without dates of their own: what they said yesterday is gone
    "forecasting_item": Object(
        "ForecastingItem",
        ("forecast_submission",),
        {"ForecastAmount": MONEY, "IsAmount": FLAG, **_PERIOD},
        also=tuple(_PERIOD),
        optional=True,
    ),
    "forecasting_quota": Object(
        "ForecastingQuota",
        ("quota",),
        {"QuotaAmount": MONEY, "IsAmount": FLAG, "StartDate": DATE, **_PERIOD},
        also=tuple(_PERIOD),
        optional=True,
    ),
    "case": Object(
        "Case",
        ("ticket",),
        {**_TIMES, "ClosedDate": INSTANT},
        changed="SystemModstamp",
        without=("Description", "Subject", "Comments"),
        people=True,
        optional=True,
    ),
}


_LOOKUPS = {"Owner": "005", "Account": "001", "Campaign": "701"}  # with what the Ids of each begin
_BY_ID = " ".join(f"when '{field}' then '{prefix}%'" for field, prefix in _LOOKUPS.items())
_STATES = ("stage_name", "amount", "close_date", "probability", "forecast_category")

PAST = Past(
    (
        RecordedHistory(
            "opportunity_history", changed_at="created_date", states={name: name for name in _STATES}, tie="id"
        ),
        RecordedHistory(
            "opportunity_field_history",
            changed_at="created_date",
            tie="id",
            # the change of a lookup comes twice, by names and by Ids
            condition=f"coalesce(new_value, old_value, '') like case field {_BY_ID} else '%' end",
        ),
    ),
    "created_date",
    columns={lookup: f"{lookup.lower()}_id" for lookup in _LOOKUPS},
)
"""OpportunityHistory, which has five fields for ever, then the fields that the org tracks."""


def is_personal(described: Mapping[str, Any], of: Object) -> bool:
    """Whether a field says who somebody is or how to reach them; states and countries do not."""
    name = str(described["name"])
    if described["type"] in _PERSONAL_TYPES:
        return True
    return of.people and name not in of.shown and name.endswith(_OF_PEOPLE) and not name.endswith("__c")
