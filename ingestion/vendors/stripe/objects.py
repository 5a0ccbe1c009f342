"""What Stripe has: where each object is, how its changes are found, its types, and what is personal.

Governed types are by landed name. Amounts are in the currency's minor units.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ingestion.entities import COUNT, FLAG, INSTANT

ACCOUNT_KEYS = ("account_id", "salesforce_account_id", "hubspot_company_id")
"""Where our users keep the account's id, in metadata: the first that is there counts."""


@dataclass(frozen=True)
class Object:
    """One of Stripe's objects: where it is, how its changes are found, and what the ledger must know of it."""

    name: str  # as `object` says
    path: str = ""
    within: tuple[str, ...] = ()  # entities in whose objects it is nested, instead of a path
    canonical: tuple[str, ...] = ()
    events: tuple[str, ...] = ()  # the types that tell of changes; none: pulled whole every day
    ask: Mapping[str, str] = field(default_factory=dict)  # parameters of its list
    expand: tuple[str, ...] = ()
    rest: tuple[str, str] | None = None  # the list nested in it, and where its further pages are
    also: tuple[str, ...] = ()  # fields of nested objects that get a column of their own
    governed: Mapping[str, str] = field(default_factory=dict)  # by landed name
    without: tuple[str, ...] = ()  # fields that do not land
    unkept: tuple[str, ...] = ()  # fields that are not even kept in the carried state
    personal: tuple[str, ...] = ()
    volatile: tuple[str, ...] = ()


def _typed(kind: str, *columns: str) -> dict[str, str]:
    return dict.fromkeys(columns, kind)


NESTED = ("metadata_", "pause_collection_", "parent_", "status_transitions_")
"""How the landed names of keys within keys begin, of those that models read."""

_CREATED = _typed(INSTANT, "created")
ACCOUNT_FIELDS = tuple(f"metadata.{key}" for key in ACCOUNT_KEYS)
_DISCOUNT_EVENTS = tuple(f"customer.discount.{verb}" for verb in ("created", "updated", "deleted"))

OBJECTS: dict[str, Object] = {
    "customer": Object(
        "customer",
        "/v1/customers",
        canonical=("customer",),
        events=("customer.created", "customer.updated", "customer.deleted", *_DISCOUNT_EVENTS),
        also=("email_domain", "address.country", *ACCOUNT_FIELDS),
        governed=_CREATED | _typed(COUNT, "balance") | _typed(FLAG, "delinquent", "livemode"),
        without=("sources", "subscriptions", "tax_ids", "invoice_settings", "default_source"),
        personal=("email", "phone", "address", "shipping", "individual_name", "description"),
        volatile=("next_invoice_sequence", "invoice_prefix"),
    ),
    "product": Object(
        "product", "/v1/products", governed=_CREATED | _typed(INSTANT, "updated") | _typed(FLAG, "active", "livemode"),
        volatile=("updated",),
    ),
    "price": Object(
        "price",
        "/v1/prices",
        expand=("currency_options",),
        also=("recurring.interval", "recurring.interval_count", "recurring.usage_type"),
        governed=_CREATED
        | _typed(COUNT, "unit_amount", "recurring_interval_count")
        | _typed(FLAG, "active", "livemode"),
    ),
    "coupon": Object(
        "coupon",
        "/v1/coupons",
        expand=("applies_to", "currency_options"),
        governed=_CREATED
        | _typed(INSTANT, "redeem_by")
        | _typed(COUNT, "amount_off", "duration_in_months")
        | _typed(FLAG, "valid", "livemode"),
        volatile=("times_redeemed",),
    ),
    "subscription": Object(
        "subscription",
        "/v1/subscriptions",
        canonical=("subscription",),
        events=(
            *(f"customer.subscription.{verb}" for verb in ("created", "updated", "deleted", "paused", "resumed")),
            *(f"customer.subscription.{verb}" for verb in ("pending_update_applied", "pending_update_expired")),
            "customer.subscription.trial_will_end",
            *_DISCOUNT_EVENTS,
        ),
        ask={"status": "all"},
        expand=("discounts", "items.data.discounts"),
        rest=("items", "/v1/subscription_items"),
        also=("pause_collection.behavior", "pause_collection.resumes_at", *ACCOUNT_FIELDS),
        governed=_CREATED
        | _typed(INSTANT, "start_date", "ended_at", "canceled_at", "cancel_at", "trial_start", "trial_end")
        | _typed(INSTANT, "billing_cycle_anchor", "pause_collection_resumes_at")
        | _typed(FLAG, "cancel_at_period_end", "livemode"),
        personal=("description",),
        volatile=("latest_invoice", "pending_setup_intent", "next_pending_invoice_item_invoice"),
    ),
    "subscription_item": Object(
        "subscription_item",
        within=("subscription",),
        also=("price.id", "price.product", "price.unit_amount", "price.unit_amount_decimal"),
        governed=_CREATED
        | _typed(INSTANT, "current_period_start", "current_period_end", "billed_until")
        | _typed(COUNT, "quantity", "price_unit_amount"),
        without=("plan",),
    ),
    "discount": Object(
        "discount",
        within=("subscription", "customer"),
        also=("source.coupon", "source.type"),
        governed=_typed(INSTANT, "start", "end"),
        without=("source",),
    ),
    "invoice": Object(
        "invoice",
        "/v1/invoices",
        canonical=("invoice",),
        events=(
            *(f"invoice.{verb}" for verb in ("created", "updated", "deleted", "finalized", "finalization_failed")),
            *(f"invoice.{verb}" for verb in ("paid", "payment_succeeded", "payment_failed", "payment_action_required")),
            *(f"invoice.{verb}" for verb in ("voided", "marked_uncollectible", "overdue", "overpaid", "sent")),
            *(f"credit_note.{verb}" for verb in ("created", "updated", "voided")),
        ),
        rest=("lines", "/v1/invoices/{id}/lines"),
        also=(
            "parent.subscription_details.subscription",
            *(f"status_transitions.{verb}_at" for verb in ("finalized", "paid", "voided", "marked_uncollectible")),
        ),
        governed=_CREATED
        | _typed(INSTANT, "due_date", "effective_at", "period_start", "period_end")
        | _typed(INSTANT, *(f"status_transitions_{verb}_at" for verb in ("finalized", "paid", "voided")))
        | _typed(INSTANT, "status_transitions_marked_uncollectible_at")
        | _typed(COUNT, "amount_due", "amount_paid", "amount_remaining", "amount_overpaid", "amount_shipping")
        | _typed(COUNT, "subtotal", "subtotal_excluding_tax", "total", "total_excluding_tax", "attempt_count")
        | _typed(COUNT, "pre_payment_credit_notes_amount", "post_payment_credit_notes_amount")
        | _typed(FLAG, "auto_advance", "livemode"),
        without=("lines",),
        unkept=("hosted_invoice_url", "invoice_pdf", "confirmation_secret", "payments"),  # links open without a key
        personal=(
            *(f"customer_{name}" for name in ("name", "email", "phone", "address", "shipping", "tax_ids")),
            *("shipping_details", "custom_fields", "description", "footer"),
        ),
        volatile=("webhooks_delivered_at", "next_payment_attempt", "attempt_count", "last_finalization_error"),
    ),
    "invoice_line": Object(
        "line_item",
        within=("invoice",),
        also=(
            *("period.start", "period.end", "pricing.price_details.price", "pricing.price_details.product"),
            "parent.subscription_item_details.subscription_item",
            *(f"parent.{kind}_details.proration" for kind in ("subscription_item", "invoice_item")),
        ),
        governed=_typed(INSTANT, "period_start", "period_end")
        | _typed(COUNT, "amount", "subtotal", "quantity")
        | _typed(FLAG, "livemode", "discountable"),
    ),
    "credit_note": Object(
        "credit_note",
        "/v1/credit_notes",
        events=("credit_note.created", "credit_note.updated", "credit_note.voided"),
        rest=("lines", "/v1/credit_notes/{id}/lines"),
        governed=_CREATED
        | _typed(INSTANT, "effective_at", "voided_at")
        | _typed(COUNT, "amount", "subtotal", "total", "discount_amount", "pre_payment_amount", "post_payment_amount")
        | _typed(FLAG, "livemode"),
        unkept=("pdf",),
        personal=("memo",),
    ),
}  # fmt: skip
