"""The canonical entities: what every source is mapped to, and what the `files` source accepts.

Sources read their keys, types and modes from here; staging models in `dbt_project/` produce the same columns.
Pure data: nothing is read or written. Alone: `python -c "from ingestion.entities import ENTITIES"`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Mode = Literal["state", "events"]

TEXT = "VARCHAR"
DATE = "DATE"
INSTANT = "TIMESTAMP"  # a moment in UTC
MONEY = "DECIMAL(18,2)"
COUNT = "BIGINT"
FLAG = "BOOLEAN"
PROBABILITY = "DECIMAL(9,6)"
SCORE = "DECIMAL(18,4)"


@dataclass(frozen=True)
class Entity:
    """One canonical entity: its columns in order with DuckDB types, and what the ledger must know of it.

    `made` columns come from personal ones when the ledger is written, unless a source gives them itself. Columns that
    are `flat` are those of a file in which one table holds it all: systems with a table for each thing have none of
    them. A file without the column `line` gets it from the order of its rows. An entity that is `occasional` has a file
    on some days only.
    """

    name: str
    columns: Mapping[str, str]
    key: tuple[str, ...]
    required: tuple[str, ...]
    mode: Mode = "state"
    personal: tuple[str, ...] = ()
    deleted: str | None = None
    stand_ins: Mapping[str, str] = field(default_factory=dict)  # an id -> the name that is the id where there is none
    flat: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    line: str | None = None
    occasional: bool = False

    @property
    def ids(self) -> tuple[str, ...]:
        """The columns that hold ids: text, whatever they travelled as."""
        return tuple(name for name in self.columns if name.endswith("_id"))


_ALL = (
    Entity(
        name="opportunity",
        columns={
            "opportunity_id": TEXT,
            "account_id": TEXT,
            "account_name": TEXT,
            "segment": TEXT,
            "opportunity_name": TEXT,
            "opportunity_type": TEXT,
            "pipeline": TEXT,
            "stage": TEXT,
            "amount": MONEY,
            "currency_code": TEXT,
            "close_date": DATE,
            "created_at": INSTANT,
            "owner_id": TEXT,
            "owner_name": TEXT,
            "forecast_category": TEXT,
            "probability": PROBABILITY,
            "expected_revenue": MONEY,
            "lead_source": TEXT,
            "campaign_id": TEXT,
            "next_step": TEXT,
            "last_activity_at": INSTANT,
            "loss_reason": TEXT,
            "is_deleted": FLAG,
            "merged_into_opportunity_id": TEXT,
        },
        key=("opportunity_id",),
        required=("opportunity_id", "stage"),
        deleted="is_deleted",
        stand_ins={"account_id": "account_name", "owner_id": "owner_name"},
        flat=("account_name", "segment", "owner_name"),
    ),
    Entity(
        name="account",
        columns={
            "account_id": TEXT,
            "account_name": TEXT,
            "segment": TEXT,
            "industry": TEXT,
            "region": TEXT,
            "employee_count": COUNT,
            "parent_account_id": TEXT,
            "owner_id": TEXT,
            "website": TEXT,
            "billing_customer_id": TEXT,
            "is_target_account": FLAG,
            "created_at": INSTANT,
        },
        key=("account_id",),
        required=("account_id",),
        stand_ins={"account_id": "account_name"},
    ),
    Entity(
        name="user",
        columns={
            "user_id": TEXT,
            "user_name": TEXT,
            "role": TEXT,
            "team": TEXT,
            "manager_id": TEXT,
            "region": TEXT,
            "started_at": INSTANT,
            "ended_at": INSTANT,
            "is_active": FLAG,
        },
        key=("user_id",),
        required=("user_id",),
    ),
    Entity(
        name="person",
        columns={
            "person_id": TEXT,
            "account_id": TEXT,
            "full_name": TEXT,
            "email": TEXT,
            "phone": TEXT,
            "title": TEXT,
            "lead_source": TEXT,
            "lead_score": SCORE,
            "status": TEXT,
            "owner_id": TEXT,
            "created_at": INSTANT,
            "mql_at": INSTANT,
            "sal_at": INSTANT,
            "sql_at": INSTANT,
            "first_response_at": INSTANT,
            "converted_opportunity_id": TEXT,
            "record_type": TEXT,
            "converted_person_id": TEXT,
            "merged_into_person_id": TEXT,
            "is_email_bounced": FLAG,
            "has_email": FLAG,
            "is_email_well_formed": FLAG,
            "email_domain": TEXT,
            "has_phone": FLAG,
        },
        key=("person_id",),
        required=("person_id",),
        personal=("full_name", "email", "phone"),
        made=("has_email", "is_email_well_formed", "email_domain", "has_phone"),
    ),
    Entity(
        name="opportunity_contact_role",
        columns={"opportunity_id": TEXT, "person_id": TEXT, "role": TEXT, "is_primary": FLAG},
        key=("opportunity_id", "person_id"),
        required=("opportunity_id", "person_id"),
    ),
    Entity(
        name="activity",
        columns={
            "activity_id": TEXT,
            "opportunity_id": TEXT,
            "person_id": TEXT,
            "owner_id": TEXT,
            "activity_type": TEXT,
            "occurred_at": INSTANT,
        },
        key=("activity_id",),
        required=("activity_id",),
        mode="events",
    ),
    Entity(
        name="campaign",
        columns={
            "campaign_id": TEXT,
            "campaign_name": TEXT,
            "channel": TEXT,
            "cost": MONEY,
            "currency_code": TEXT,
            "start_date": DATE,
            "end_date": DATE,
        },
        key=("campaign_id",),
        required=("campaign_id",),
    ),
    Entity(
        name="touch",
        columns={
            "touch_id": TEXT,
            "person_id": TEXT,
            "campaign_id": TEXT,
            "touch_type": TEXT,
            "touched_at": INSTANT,
        },
        key=("touch_id",),
        required=("touch_id", "person_id", "touched_at"),
        mode="events",
    ),
    Entity(
        name="subscription",
        columns={
            "subscription_id": TEXT,
            "customer_id": TEXT,
            "account_id": TEXT,
            "status": TEXT,
            "started_at": INSTANT,
            "ended_at": INSTANT,
            "cancelled_at": INSTANT,
            "trial_start_at": INSTANT,
            "trial_end_at": INSTANT,
            "paused_from": DATE,
            "paused_to": DATE,
            "amount": MONEY,
            "list_amount": MONEY,
            "interval": TEXT,
            "interval_count": COUNT,
            "quantity": COUNT,
            "currency_code": TEXT,
        },
        key=("subscription_id",),
        required=("subscription_id", "customer_id", "started_at"),
    ),
    Entity(
        name="invoice",
        columns={
            "invoice_id": TEXT,
            "customer_id": TEXT,
            "subscription_id": TEXT,
            "issued_at": INSTANT,
            "paid_at": INSTANT,
            "amount": MONEY,
            "currency_code": TEXT,
            "status": TEXT,
        },
        key=("invoice_id",),
        required=("invoice_id", "customer_id"),
    ),
    Entity(
        name="customer",
        columns={
            "customer_id": TEXT,
            "customer_name": TEXT,
            "account_id": TEXT,
            "domain": TEXT,
            "currency_code": TEXT,
            "created_at": INSTANT,
        },
        key=("customer_id",),
        required=("customer_id",),
    ),
    Entity(
        name="customer_health",
        columns={"account_id": TEXT, "measured_at": INSTANT, "score": SCORE, "source": TEXT},
        key=("account_id", "measured_at"),
        required=("account_id", "measured_at"),
    ),
    Entity(
        name="opportunity_change",
        columns={
            "opportunity_id": TEXT,
            "field": TEXT,
            "old_value": TEXT,
            "new_value": TEXT,
            "changed_at": INSTANT,
        },
        key=("opportunity_id", "field", "old_value", "new_value", "changed_at"),
        required=("opportunity_id", "field", "changed_at"),
        mode="events",
    ),
    Entity(
        name="forecast_submission",
        columns={
            "submission_id": TEXT,
            "owner_id": TEXT,
            "team": TEXT,
            "period_start_date": DATE,
            "period_end_date": DATE,
            "forecast_category": TEXT,
            "amount": MONEY,
            "currency_code": TEXT,
            "submitted_at": INSTANT,
        },
        key=("submission_id",),
        required=("submission_id", "period_start_date", "forecast_category", "amount"),
    ),
    Entity(
        name="quota",
        columns={
            "quota_id": TEXT,
            "owner_id": TEXT,
            "team": TEXT,
            "period_start_date": DATE,
            "period_end_date": DATE,
            "quota_amount": MONEY,
            "currency_code": TEXT,
        },
        key=("quota_id",),
        required=("quota_id", "period_start_date", "quota_amount"),
    ),
    Entity(
        name="ticket",
        columns={
            "ticket_id": TEXT,
            "account_id": TEXT,
            "opened_at": INSTANT,
            "closed_at": INSTANT,
            "severity": TEXT,
        },
        key=("ticket_id",),
        required=("ticket_id", "opened_at"),
    ),
    Entity(
        name="team_pipeline",
        columns={
            "list_id": TEXT,
            "line_number": COUNT,
            "team": TEXT,
            "as_of": DATE,
            "opportunity_id": TEXT,
            "opportunity_name": TEXT,
            "account_name": TEXT,
            "amount": MONEY,
            "currency_code": TEXT,
            "close_date": DATE,
            "fiscal_quarter": TEXT,
        },
        key=("list_id", "line_number"),
        required=("list_id", "line_number", "team", "as_of"),
        mode="events",
        line="line_number",
        occasional=True,
    ),
)

ENTITIES: dict[str, Entity] = {entity.name: entity for entity in _ALL}

STEPS = ("mql_at", "sal_at", "sql_at")
"""The columns of `person` that say when somebody was marketing qualified, accepted by sales, and sales qualified."""
