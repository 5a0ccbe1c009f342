"""What Marketo has: kinds of rows, their fields, keys and types, which activities are touches, and what is personal."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ingestion.entities import DATE, FLAG, INSTANT, MONEY, SCORE
from ingestion.source import landed_name

CLICK_EMAIL = "Click Email"
FILL_OUT_FORM = "Fill Out Form"
CHANGE_STATUS = "Change Status in Progression"
MERGE_LEADS = "Merge Leads"
CHANGE_DATA_VALUE = 13
# What somebody did in answer to us. That a mail was sent, delivered or opened (by a mail scanner, too) is not that, nor
# is every change of a program's status: staging takes those that the program counts as its success.
TOUCHES = (CLICK_EMAIL, FILL_OUT_FORM, CHANGE_STATUS)

ACTIVITY = (
    *("marketoGUID", "leadId", "activityDate", "activityTypeId", "campaignId", "primaryAttributeValueId"),
    *("primaryAttributeValue", "attributes"),
)
"""The columns of exported activities."""

_LARGE = ("text",)
_WITHOUT = ("cookies",)
_PERSONAL_TYPES = ("email", "phone")
_OF_PEOPLE = re.compile(
    r"salutation|(first|middle|last|mkto|full|display)_?name|date_of_birth|(^|_)(address|street|city|postal_code|fax)$"
    r"|phone|email$|anonymous_ip|^inferred_(city|postal_code)|^(facebook|twitter|linked_in|google|yahoo|syndication)_"
    r"|photo_url|profile_url|person_notes|original_referrer|original_search_phrase|original_source_info"
    r"|registration_source_info"
)


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
    "lead": Object(("person",), {**_TIMES, "leadScore": SCORE, "emailInvalid": FLAG}),
    "activity": Object(
        ("touch",),
        {"activityDate": INSTANT, "success": FLAG},
        (*ACTIVITY[:6], "activityType", "newStatus", "success", "mergedLeadId"),
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
            *("startDate", "endDate", "costs", "cost", "sfdcId", "sfdcName"),
        ),
    ),
    "campaign": Object(
        ("touch",),
        {**_TIMES, "active": FLAG},
        ("id", "name", "type", "programName", "programId", "workspaceName", "createdAt", "updatedAt", "active"),
    ),
    "form": Object(("touch",), _TIMES, ("id", "name", "createdAt", "updatedAt", "folder", "status", "programId")),
}


def is_exported(name: str, kind: str) -> bool:
    """Whether a field of leads is exported: large texts are not."""
    return kind not in _LARGE and name not in _WITHOUT


def is_personal(name: str, kind: str) -> bool:
    """Whether a field says who somebody is or how to reach them; states and countries do not."""
    return kind in _PERSONAL_TYPES or bool(_OF_PEOPLE.search(landed_name(name)))
