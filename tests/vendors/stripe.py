"""A Stripe account on 127.0.0.1: lists, single objects and events as Stripe documents them.

One stateful account with a clock of its own. It refuses what Stripe refuses: other versions and keys, limits over 100,
unknown parameters, fields that cannot be expanded or lie too deep, lists that a restricted key may not read.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tests.vendors.server import Answer, Request, VendorServer

VERSION = "2026-10-28.endive"
KEY = "_".join(["rk", "test", "51AcmeOnlyForTests0000"])
MAPPING = """
[sources.{name}.entities.subscription.columns]
"metadata.paused_from" = "paused_from"
"metadata.paused_to" = "paused_to"
"""
EVENTS_KEPT = timedelta(days=30)
EMBEDDED = 10  # objects of a nested list that come with their owner

Row = dict[str, Any]

_COMMON = ("id", "object", "created", "livemode", "metadata")
FIELDS: dict[str, tuple[str, ...]] = {
    "customer": (
        *_COMMON, "address", "balance", "currency", "default_source", "delinquent", "description", "discount", "email",
        "invoice_prefix", "invoice_settings", "name", "next_invoice_sequence", "phone", "preferred_locales", "shipping",
        "tax_exempt", "test_clock",
    ),
    "product": (
        *_COMMON, "active", "default_price", "description", "images", "marketing_features", "name",
        "package_dimensions", "shippable", "statement_descriptor", "tax_code", "type", "unit_label", "updated", "url",
    ),
    "price": (
        *_COMMON, "active", "billing_scheme", "currency", "custom_unit_amount", "lookup_key", "nickname", "product",
        "recurring", "tax_behavior", "tiers_mode", "transform_quantity", "type", "unit_amount", "unit_amount_decimal",
    ),
    "coupon": (
        *_COMMON, "amount_off", "currency", "duration", "duration_in_months", "max_redemptions", "name", "percent_off",
        "redeem_by", "times_redeemed", "valid",
    ),
    "discount": (
        "id", "object", "checkout_session", "customer", "customer_account", "end", "invoice", "invoice_item",
        "promotion_code", "source", "start", "subscription", "subscription_item",
    ),
    "subscription": (
        *_COMMON, "application", "application_fee_percent", "automatic_tax", "billing_cycle_anchor",
        "billing_cycle_anchor_config", "billing_mode", "billing_schedules", "billing_thresholds", "cancel_at",
        "cancel_at_period_end", "canceled_at", "cancellation_details", "collection_method", "currency", "customer",
        "customer_account", "days_until_due", "default_payment_method", "default_source", "default_tax_rates",
        "description", "discounts", "ended_at", "invoice_settings", "items", "latest_invoice", "managed_payments",
        "next_pending_invoice_item_invoice", "on_behalf_of", "pause_collection", "payment_settings",
        "pending_invoice_item_interval", "pending_setup_intent", "pending_update", "schedule", "start_date", "status",
        "test_clock", "transfer_data", "trial_end", "trial_settings", "trial_start",
    ),
    "subscription_item": (
        "id", "object", "created", "metadata", "billing_thresholds", "current_period_end", "current_period_start",
        "discounts", "plan", "price", "quantity", "subscription", "tax_rates",
    ),
    "invoice": (
        *_COMMON, "account_country", "account_name", "account_tax_ids", "amount_due", "amount_overpaid", "amount_paid",
        "amount_remaining", "amount_shipping", "application", "attempt_count", "attempted", "auto_advance",
        "automatic_tax", "automatically_finalizes_at", "billing_reason", "collection_method", "currency",
        "custom_fields", "customer", "customer_account", "customer_address", "customer_email", "customer_name",
        "customer_phone", "customer_shipping", "customer_tax_exempt", "customer_tax_ids", "default_payment_method",
        "default_source", "default_tax_rates", "description", "discounts", "due_date", "effective_at",
        "ending_balance", "footer", "from_invoice", "hosted_invoice_url", "invoice_pdf", "issuer",
        "last_finalization_error", "latest_revision", "lines", "next_payment_attempt", "number", "on_behalf_of",
        "parent", "payment_settings", "period_end", "period_start", "post_payment_credit_notes_amount",
        "pre_payment_credit_notes_amount", "receipt_number", "rendering", "shipping_cost", "shipping_details",
        "starting_balance", "statement_descriptor", "status", "status_transitions", "subtotal",
        "subtotal_excluding_tax", "test_clock", "total", "total_discount_amounts", "total_excluding_tax",
        "total_pretax_credit_amounts", "total_taxes", "webhooks_delivered_at",
    ),
    "line_item": (
        "id", "object", "livemode", "metadata", "amount", "currency", "description", "discount_amounts",
        "discountable", "discounts", "invoice", "parent", "period", "pretax_credit_amounts", "pricing", "quantity",
        "quantity_decimal", "subscription", "subtotal", "taxes",
    ),
    "credit_note": (
        *_COMMON, "amount", "amount_shipping", "currency", "customer", "customer_account",
        "customer_balance_transaction", "discount_amount", "discount_amounts", "effective_at", "invoice", "lines",
        "memo", "number", "out_of_band_amount", "pdf", "post_payment_amount", "pre_payment_amount",
        "pretax_credit_amounts", "reason", "refunds", "shipping_cost", "status", "subtotal", "subtotal_excluding_tax",
        "total", "total_excluding_tax", "total_taxes", "type", "voided_at",
    ),
}  # fmt: skip
PATHS = {f"/v1/{name}s": name for name in ("customer", "product", "price", "coupon", "subscription", "invoice")}
PATHS |= {"/v1/credit_notes": "credit_note", "/v1/events": "event", "/v1/subscription_items": "subscription_item"}
_FILTERS = {
    "subscription": ("status", "customer", "price"),
    "subscription_item": ("subscription",),
    "invoice": ("status", "customer", "subscription"),
    "event": ("type", "types", "delivery_success"),
}
_EXPANDED = (
    "applies_to", "currency_options", "customer", "discount", "discount.source.coupon", "discounts",
    "discounts.source.coupon", "items.data.discounts", "items.data.price", "price",
)  # fmt: skip
_PREFIX = {
    "customer": "cus", "product": "prod", "price": "price", "coupon": "coupon", "subscription": "sub",
    "subscription_item": "si", "discount": "di", "invoice": "in", "line_item": "il", "credit_note": "cn",
    "event": "evt",
}  # fmt: skip
_OPTION = ("custom_unit_amount", "tax_behavior", "unit_amount", "unit_amount_decimal")
_DELETED_ARE_TOLD = ("customer",)


class StripeServer(VendorServer):
    """One account. `now` is its clock; `denied` are the objects that the key may not read."""

    def __init__(self, now: datetime) -> None:
        super().__init__()
        self.now = now
        self.keys = {KEY}
        self.denied: set[str] = set()
        self.rows: dict[str, dict[str, Row]] = {name: {} for name in (*FIELDS, "event")}
        self.deleted: dict[str, Row] = {}  # coupons that still discount
        self.ids: dict[tuple[str, str], str] = {}
        self.mirrored: dict[tuple[str, str], Mapping[str, Any]] = {}
        self.number = 0

    # ------------------------------------------------------------ the company's life

    def add(self, name: str, /, **values: Any) -> str:
        """Make an object at the account's time, with its event; gives its id."""
        self.number += 1
        row_id = str(values.pop("id", f"{_PREFIX[name]}_{self.number:014d}"))
        row: Row = dict.fromkeys(FIELDS[name])
        row |= {"id": row_id, "object": name}
        row |= {"created": self.seconds, "livemode": False, "metadata": {}} if "created" in row else {}
        self.rows[name][row_id] = row | values
        self._tell(name, "created", self.rows[name][row_id])
        return row_id

    def change(self, name: str, row_id: str, /, **values: Any) -> None:
        """Update an object, with its event."""
        self.rows[name][row_id] |= values
        self._tell(name, "updated", self.rows[name][row_id])

    def change_in_silence(self, name: str, row_id: str, /, **values: Any) -> None:
        """Update an object as what makes no event does."""
        self.rows[name][row_id] |= values

    def delete(self, name: str, row_id: str) -> None:
        """Delete an object, with its event."""
        row = self.rows[name].pop(row_id)
        if name in ("coupon", *_DELETED_ARE_TOLD):
            self.deleted[row_id] = row
        self._tell(name, "deleted", row)

    def price(self, unit_amount: str | None = "1000", *, currency: str = "usd", **values: Any) -> Row:
        """A price of a product of its own, with `currency_options` if it is sold in other currencies; the object."""
        product = values.pop("product", None) or self.add("product", name="Seats", active=True)
        recurring = {"interval": "month", "interval_count": 1, "meter": None, "usage_type": "licensed"}
        recurring |= values.pop("recurring", {})
        whole = int(unit_amount) if unit_amount is not None and re.fullmatch(r"\d+", unit_amount) else None
        price = {"active": True, "billing_scheme": "per_unit", "type": "recurring", "currency": currency}
        price |= {"recurring": recurring, "unit_amount": whole, "unit_amount_decimal": unit_amount, "product": product}
        return copy.deepcopy(self.rows["price"][self.add("price", **price | values)])

    def item(self, price: Row, quantity: int | None = 1, *, discounts: tuple[Row, ...] = ()) -> Row:
        """An item of a subscription."""
        self.number += 1
        row: Row = dict.fromkeys(FIELDS["subscription_item"])
        return row | {
            "id": f"si_{self.number:014d}", "object": "subscription_item", "created": self.seconds, "metadata": {},
            "price": price, "quantity": quantity, "discounts": list(discounts), "tax_rates": [],
            "current_period_start": self.seconds, "current_period_end": self.seconds + 30 * 86_400,
        }  # fmt: skip

    def discount(self, coupon: str, *, end: int | None = None, **values: Any) -> Row:
        """A discount by a coupon."""
        self.number += 1
        row: Row = dict.fromkeys(FIELDS["discount"])
        row |= {"id": f"di_{self.number:014d}", "object": "discount", "start": self.seconds, "end": end}
        return row | {"source": {"coupon": coupon, "type": "coupon"}} | values

    def subscribe(self, customer: str, items: list[Row], *, discounts: tuple[Row, ...] = (), **values: Any) -> str:
        """A subscription to items."""
        plain = {"status": "active", "start_date": self.seconds, "cancel_at_period_end": False}
        plain |= {"currency": items[0]["price"]["currency"]}
        values = plain | values | {"customer": customer, "discounts": list(discounts)}
        row_id = self.add("subscription", items=items, **values)
        for item in items:
            item["subscription"] = row_id
        return row_id

    def invoice(
        self, customer: str, total: int, *, subscription: str | None = None, lines: int = 1, **values: Any
    ) -> str:
        """An invoice of equal lines."""
        named: Row = {"subscription": subscription, "metadata": {}}
        parent = {"type": "subscription_details", "quote_details": None, "subscription_details": named}
        self.number += 1
        row_id = values.pop("id", f"in_{self.number:014d}")
        made = []
        for number in range(lines):
            line: Row = dict.fromkeys(FIELDS["line_item"])
            line |= {"id": f"il_{self.number:010d}{number:04d}", "object": "line_item", "invoice": row_id}
            line |= {"period": {"start": self.seconds, "end": self.seconds}, "metadata": {}, "livemode": False}
            made.append(line | {"amount": total // lines, "currency": values.get("currency", "usd"), "quantity": 1})
        transitions = dict.fromkeys(("finalized_at", "paid_at", "voided_at", "marked_uncollectible_at"))
        transitions |= values.pop("status_transitions", {})
        plain = {"currency": "usd", "status": "open", "total": total, "subtotal": total, "amount_due": total}
        plain |= {"hosted_invoice_url": "https://invoice.example/secret", "attempt_count": 0}
        return self.add("invoice", id=row_id, customer=customer, lines=made, status_transitions=transitions,
                        **plain | {"parent": parent if subscription else None} | values)  # fmt: skip

    def pass_time(self, **delta: float) -> None:
        self.now += timedelta(**delta)

    @property
    def seconds(self) -> int:
        return int(self.now.timestamp())

    def _tell(self, name: str, verb: str, row: Row) -> None:
        if name not in ("customer", "product", "price", "coupon", "subscription", "invoice", "credit_note"):
            return
        self.number += 1
        kind = f"customer.{name}" if name == "subscription" else name
        verb = "voided" if name == "credit_note" and verb == "deleted" else verb
        event_id = f"evt_{self.number:014d}"
        self.rows["event"][event_id] = {
            "id": event_id, "object": "event", "api_version": VERSION, "created": self.seconds, "livemode": False,
            "type": f"{kind}.{verb}", "data": {"object": self._shown(copy.deepcopy(row), [])}, "pending_webhooks": 0,
            "request": {"id": None, "idempotency_key": None},
        }  # fmt: skip

    # ------------------------------------------------------------ the same company in Stripe's words

    def mirror(self, company: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
        """Hold exactly these canonical customers, subscriptions and invoices."""
        subscriptions, invoices = company.get("subscription", {}), company.get("invoice", {})
        customers: dict[str, Mapping[str, Any]] = {
            str(row["customer_id"]): {"customer_id": row["customer_id"]}
            for row in [*subscriptions.values(), *invoices.values()]
        } | dict(company.get("customer", {}))
        makers = {"customer": self._customer, "subscription": self._subscription, "invoice": self._invoice}
        for entity, rows in (("customer", customers), ("subscription", subscriptions), ("invoice", invoices)):
            for our_id, row in rows.items():
                if self.mirrored.get((entity, our_id)) != row:
                    known = self.ids.get((entity, our_id))
                    values = makers[entity](row, self.rows[entity].get(known or "", {}))
                    if known:
                        self.change(entity, known, **values)
                    elif entity == "invoice":
                        self.ids[entity, our_id] = self.invoice(**values)
                    else:
                        self.ids[entity, our_id] = self.add(entity, **values)
                    self.mirrored[entity, our_id] = dict(row)
            for key in [key for key in self.mirrored if key[0] == entity and key[1] not in rows]:
                self.delete(entity, self.ids.pop(key))
                del self.mirrored[key]

    def _customer(self, row: Mapping[str, Any], before: Row) -> Row:
        domain, account = row.get("domain"), row.get("account_id")
        made = row.get("created_at")
        return {
            "name": row.get("customer_name"), "email": f"billing@{domain}" if domain else None,
            "currency": (row.get("currency_code") or "").lower() or None,
            "metadata": {"account_id": account} if account else {},
        } | ({"created": _seconds(made)} if made else {})  # fmt: skip

    def _subscription(self, row: Mapping[str, Any], before: Row) -> Row:
        currency = row["currency_code"].lower()
        quantity = row["quantity"] or 1
        listed = row["list_amount"] if row["list_amount"] is not None else row["amount"]
        unit = None
        if listed is not None:
            minor = Decimal(listed) * 100 / quantity
            unit = f"{minor.quantize(Decimal('0.000000000001'), ROUND_HALF_UP).normalize():f}"
        recurring = {"interval": row["interval"], "interval_count": row["interval_count"]}
        found = before.get("items", [])
        old = found[0]["price"] if found else {}
        same = old and old["unit_amount_decimal"] == unit and old["currency"] == currency
        same = same and {name: old["recurring"][name] for name in recurring} == recurring
        item = self.item(old if same else self.price(unit, currency=currency, recurring=recurring), row["quantity"])
        if found:
            item |= {"id": found[0]["id"], "created": found[0]["created"]}
        discounts = []
        if row["amount"] is not None and listed != row["amount"]:
            off = int((Decimal(listed) - Decimal(row["amount"])) * 100)
            coupon = self.add("coupon", amount_off=off, currency=currency, duration="forever", valid=True)
            discounts.append(self.discount(coupon))
        names = ("account_id", "paused_from", "paused_to")
        return {
            "customer": self.ids["customer", row["customer_id"]], "status": row["status"], "currency": currency,
            "start_date": _seconds(row["started_at"]), "ended_at": _seconds(row["ended_at"]),
            "canceled_at": _seconds(row["cancelled_at"]), "trial_start": _seconds(row["trial_start_at"]),
            "trial_end": _seconds(row["trial_end_at"]),
            "metadata": {name: str(row[name]) for name in names if row.get(name) is not None},
            "items": [item], "discounts": discounts,
        }  # fmt: skip

    def _invoice(self, row: Mapping[str, Any], before: Row) -> Row:
        subscription = self.ids.get(("subscription", row["subscription_id"] or ""))
        total = int(Decimal(row["amount"]) * 100)
        moved = {"finalized_at": _seconds(row["issued_at"]), "paid_at": _seconds(row["paid_at"])}
        values = {"customer": self.ids["customer", row["customer_id"]], "status": row["status"], "total": total}
        values |= {"currency": row["currency_code"].lower(), "status_transitions": moved}
        return values if before else values | {"subscription": subscription}

    # ------------------------------------------------------------ HTTP

    def answer(self, request: Request) -> Answer:
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        if key not in self.keys:
            return _error(401, f"Invalid API Key provided: {key[:8]}****{key[-4:]}")
        if request.headers.get("stripe-version", VERSION) != VERSION:
            return _error(400, f"Invalid Stripe API version: {request.headers['stripe-version']}")
        if request.method != "GET":
            return self._denied("write")
        if request.path in PATHS:
            return self._list(PATHS[request.path], request)
        if found := re.fullmatch(r"/v1/(invoices|credit_notes)/(\w+)/lines", request.path):
            owner = PATHS[f"/v1/{found[1]}"]
            if found[2] not in self.rows[owner]:
                return _missing(owner, found[2])
            return self._page(request, self.rows[owner][found[2]]["lines"], "line_item", request.path)
        path, _, row_id = request.path.rpartition("/")
        if path in PATHS:
            return self._one(PATHS[path], row_id, request)
        return _error(404, f"Unrecognized request URL (GET: {request.path}).")

    def _denied(self, name: str) -> Answer:
        wanted = f"rak_{name}_read"
        return _error(
            403,
            f"The provided key '{KEY[:8]}****' does not have the required permissions for this endpoint on account "
            f"'acct_1'. Having the '{wanted}' permission would allow this request to continue.",
        )

    def _one(self, name: str, row_id: str, request: Request) -> Answer:
        if name in self.denied:
            return self._denied(name)
        expand, wrong = self._expansions(request, "")
        if wrong:
            return wrong
        if name == "subscription_item":
            for subscription in self.rows["subscription"].values():
                for item in subscription["items"]:
                    if item["id"] == row_id:
                        return Answer(self._shown(copy.deepcopy(item), expand))
        if row_id in self.rows[name]:
            return Answer(self._shown(copy.deepcopy(self.rows[name][row_id]), expand))
        if name in _DELETED_ARE_TOLD and row_id in self.deleted:
            return Answer({"id": row_id, "object": name, "deleted": True})
        return _missing(name, row_id)

    def _list(self, name: str, request: Request) -> Answer:
        if name in self.denied:
            return self._denied(name)
        query = request.query
        known = {"limit", "starting_after", "ending_before", "created", "expand", *_FILTERS.get(name, ())}
        if unknown := [each for each in query if each.split("[")[0] not in known]:
            return _error(400, f"Received unknown parameter: {unknown[0]}", code="parameter_unknown")
        if name == "subscription_item":
            if "subscription" not in query:
                return _error(400, "Missing required param: subscription.", code="parameter_missing")
            return self._page(request, self.rows["subscription"][query["subscription"]]["items"], name, request.path)
        rows = list(reversed(self.rows[name].values()))
        if name == "subscription" and query.get("status") != "all":
            rows = [row for row in rows if row["status"] not in ("canceled", "incomplete_expired")]
        if name == "event":
            rows = [row for row in rows if row["created"] > self.seconds - EVENTS_KEPT.total_seconds()]
            types = {value for key, value in query.items() if key.startswith("types")}
            if len(types) > 20:
                return _error(400, "Invalid array: types: may have at most 20 items")
            rows = [row for row in rows if not types or row["type"] in types]
        if "created[gte]" in query:
            rows = [row for row in rows if row["created"] >= int(query["created[gte]"])]
        rows.sort(key=lambda row: row["created"], reverse=True)
        return self._page(request, rows, name, request.path)

    def _page(self, request: Request, rows: list[Row], name: str, path: str) -> Answer:
        limit = request.query.get("limit", "10")
        if not limit.isdigit() or not 1 <= int(limit) <= 100:
            return _error(400, f"Invalid limit: {limit}", code="parameter_invalid_integer")
        expand, wrong = self._expansions(request, "data.")
        if wrong:
            return wrong
        start = 0
        if after := request.query.get("starting_after"):
            at = [row["id"] for row in rows]
            if after not in at:
                return _missing(name, after, status=400, param="starting_after")
            start = at.index(after) + 1
        page = rows[start : start + int(limit)]
        data = [self._shown(copy.deepcopy(row), expand) for row in page]
        return Answer({"object": "list", "url": path, "data": data, "has_more": start + len(page) < len(rows)})

    def _expansions(self, request: Request, prefix: str) -> tuple[list[str], Answer | None]:
        wanted = [value for key, value in request.query.items() if key.startswith("expand")]
        for each in wanted:
            if each.count(".") >= 4:
                return [], _error(400, f"You cannot expand more than 4 levels of a property. Property: {each}")
            base = each.removeprefix(prefix).removesuffix(".applies_to").removesuffix(".currency_options")
            if not each.startswith(prefix) or base not in _EXPANDED:
                return [], _error(400, f"This property cannot be expanded ({each}).")
        return [each.removeprefix(prefix) for each in wanted], None

    def _shown(self, row: Row, expand: list[str]) -> Row:
        """An object as it is shown: hidden fields and other objects only where they are expanded."""
        if row["object"] == "coupon":
            for name in ("applies_to", "currency_options"):
                if name not in expand:
                    row.pop(name, None)
        if row["object"] == "price":
            own = {name: row[name] for name in _OPTION}
            options = {row["currency"]: own} | (row.pop("currency_options", None) or {})
            row |= {"currency_options": options} if "currency_options" in expand else {}
        if row["object"] == "subscription_item":
            row["price"] = self._shown(row["price"], [name.removeprefix("price.") for name in expand])
        if row["object"] in ("subscription", "invoice", "credit_note", "subscription_item"):
            deep = [name.removeprefix("discounts.source.coupon.") for name in expand]
            row["discounts"] = [
                (self._discount(each, deep) if any(n.startswith("discounts.") for n in expand) else each)
                if any(name.split(".")[0] == "discounts" for name in expand)
                else each["id"]
                for each in row.get("discounts") or ()
            ]
        if row["object"] == "customer" and row["discount"] and any(n.startswith("discount.") for n in expand):
            deep = [name.removeprefix("discount.source.coupon.") for name in expand]
            row["discount"] = self._discount(row["discount"], deep)
        if row["object"] == "subscription":
            inner = [name.removeprefix("items.data.") for name in expand if name.startswith("items.data.")]
            items = [self._shown(item, inner) for item in row["items"]]
            row["items"] = _nested(items, f"/v1/subscription_items?subscription={row['id']}")
        if row["object"] in ("invoice", "credit_note"):
            row["lines"] = _nested(row["lines"] or [], f"/v1/{row['object']}s/{row['id']}/lines")
        return row

    def _discount(self, discount: Row, expand: list[str]) -> Row:
        coupon_id = discount["source"]["coupon"]
        coupon = self.rows["coupon"].get(coupon_id) or self.deleted[coupon_id]
        return discount | {"source": discount["source"] | {"coupon": self._shown(copy.deepcopy(coupon), expand)}}


def _nested(rows: list[Row], url: str) -> Row:
    return {"object": "list", "data": rows[:EMBEDDED], "has_more": len(rows) > EMBEDDED, "url": url}


def _missing(name: str, row_id: str, *, status: int = 404, param: str = "id") -> Answer:
    return _error(status, f"No such {name}: '{row_id}'", code="resource_missing", param=param)


def _error(status: int, message: str, **more: str) -> Answer:
    return Answer({"error": {"message": message, "type": "invalid_request_error", **more}}, status)


def _seconds(at: datetime | date | None) -> int | None:
    if at is None:
        return None
    at = at if isinstance(at, datetime) else datetime(at.year, at.month, at.day, tzinfo=UTC)
    return int(at.timestamp())
