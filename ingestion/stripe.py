"""The `stripe` source: customers, catalogue, subscriptions, invoices and credit notes of one account, by REST.

Objects are kept as Stripe tells them (`ingestion/carried.py`, as JSON) and land as text, a column for each field of
the pinned API version. Amounts stay in the currency's minor units and instants become ISO 8601. Lists within an object
that end with `has_more` are read to their end.

Products, prices and coupons are pulled whole every day. Of the others a run asks `/v1/events` which ones were touched
since the last run, from an hour before it for events that come late, and fetches each of those anew: events hold old
states. An object that is no longer there, or says `deleted`, has ended. Once a week, and after a longer outage, lists
are pulled whole, because not every change makes an event.

A subscription lands with its items and the discounts in effect, their coupons filled in, and with what it takes from
its customer: the discount that counts where it has none of its own, and the account. So its price is told by one row.

Alone: `python -m orchestration.settings.config` shows the settings; `pipeledger doctor` asks the account.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import requests

from ingestion import carried
from ingestion.api import (
    ApiSource,
    Client,
    Clock,
    Trouble,
    batched,
    check_url,
    diagnose,
    included,
    landed_columns,
    said,
    text,
)
from ingestion.carried import Carried, State
from ingestion.entities import COUNT, FLAG, INSTANT, LANDED
from ingestion.findings import Finding
from ingestion.landing import Extraction, SourceError, landed_name
from ingestion.secrets import Secrets

API_VERSION = "2026-10-28.endive"
OLDEST_VERSION = "2025-09-30"  # from it on a discount names its coupon in `source`
BASE_URL = "https://api.stripe.com"
PAGE_ROWS = 100  # what Stripe gives at most
BATCH_ROWS = 1_000  # objects that are held as Python's at once
LOOK_BACK = timedelta(hours=1)
PULLED_EVERY = timedelta(days=7)  # events are kept for 30 days
STEPS_BACK = 100  # of one list, from objects that were deleted while it was read
ACCOUNT_KEYS = ("account_id", "salesforce_account_id", "hubspot_company_id")  # of metadata, the first that is there

Row = dict[str, Any]

_STATE = ("id", "keys", "body")
_BOOKKEEPING = ("object", "deleted")
_LEAST_FETCHED = 100  # so many objects are fetched one by one, and more where the list would be longer


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


_CREATED = _typed(INSTANT, "created")
_ACCOUNT = tuple(f"metadata.{key}" for key in ACCOUNT_KEYS)
_DISCOUNT_EVENTS = tuple(f"customer.discount.{verb}" for verb in ("created", "updated", "deleted"))

OBJECTS: dict[str, Object] = {
    "customer": Object(
        "customer",
        "/v1/customers",
        canonical=("customer",),
        events=("customer.created", "customer.updated", "customer.deleted", *_DISCOUNT_EVENTS),
        also=("email_domain", "address.country", *_ACCOUNT),
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
        also=("pause_collection.behavior", "pause_collection.resumes_at", *_ACCOUNT),
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


def build_source(
    name: str,
    *,
    secrets: Secrets,
    carried: Carried,
    time_zone: str,
    clock: Clock,
    api_version: str = API_VERSION,
    base_url: str = BASE_URL,
    exclude: Sequence[str] = (),
    columns: Mapping[str, Mapping[str, str]] | None = None,
    volatile: Mapping[str, Sequence[str]] | None = None,
    personal: Mapping[str, Sequence[str]] | None = None,
    **client: Any,
) -> "StripeSource":
    """A source on one account. `columns` (theirs -> ours, `metadata.<key>` too) and the others are by canonical entity.

    `client`: arguments of `Client`, for tests. Raises SourceError for an option that cannot be right. Neither secrets
    nor network are touched.
    """
    check_url(name, "base_url", base_url)
    if api_version < OLDEST_VERSION:
        raise SourceError(
            f"{name}: api_version: got {api_version}. Expected {OLDEST_VERSION} or a later one, such as {API_VERSION}. "
            f"Correct [sources.{name}] in pipeledger.toml."
        )
    return StripeSource(
        name=name,
        type="stripe",
        entities=included(name, LANDED["stripe"], exclude),
        time_zone=time_zone,
        clock=clock,
        carried=carried,
        secrets=secrets,
        version=api_version,
        base_url=base_url.rstrip("/"),
        mapped=columns or {},
        volatile=volatile or {},
        personal=personal or {},
        options=client,
    )


@dataclass(frozen=True, kw_only=True)
class StripeSource(ApiSource):
    """One account, as a key of its sees it."""

    version: str
    base_url: str
    page_rows: int = PAGE_ROWS
    _made: dict[str, Path] = field(default_factory=dict)  # the states of this run
    _coupons: dict[str, Row] = field(default_factory=dict)  # by id, those of deleted ones too

    # ------------------------------------------------------------ what landing asks for

    def extraction(self, entity: str, today: date) -> Extraction:
        """One object whole: pulled, or what was touched merged into what was carried over."""
        if entity == self.entities[0]:
            self._made.clear()
            self._coupons.clear()
        of = OBJECTS[entity]
        names = [*self._keys(entity), *of.also, *(name for name in self.ours(of.canonical) if "." in name)]
        columns = landed_columns(f"{self.name}.{entity}", dict.fromkeys(names))
        return Extraction(
            entity=entity,
            snapshot_date=today,
            tables=self._tables(entity, columns),
            key=("id",),
            required=("id",),
            mode="state",
            **self.governance(of.canonical, columns, typed=of.governed, hidden=of.personal, volatile=of.volatile),
        )

    def check(self) -> Iterator[Finding]:
        """The key, and whether it may read each list and the events."""
        key = self.secrets["api_key"]
        paths = {entity: OBJECTS[entity].path for entity in self.entities if OBJECTS[entity].path}
        accepted = False
        for entity, path in {**paths, "event": "/v1/events"}.items():
            response = self._asking.get(path, params={"limit": 1})
            if response.status_code == 403:
                fix = "" if entity == "event" else f', or exclude = ["{entity}"]'
                yield Finding(entity, "fail", _said(response), f"give the key read access to {entity}s{fix}")
                continue
            if not accepted:
                accepted = True
                mode = "live" if "_live_" in key else "test"
                is_restricted = not key.startswith("sk_")
                yield Finding(
                    "credentials",
                    "ok" if is_restricted else "warn",
                    f"accepted by {urlsplit(self.base_url).netloc}, {mode} mode, API version {self.version}"
                    + ("" if is_restricted else ": a secret key, which may write, too"),
                    "" if is_restricted else "use a restricted key with read access",
                )
            yield Finding(entity, "ok", f"readable at {path}")

    # ------------------------------------------------------------ columns

    def _keys(self, entity: str) -> list[str]:
        """The fields that land: those that any of the objects has; without objects those that have a type."""
        of = OBJECTS[entity]
        if of.within:
            found = {key for row in self._nested(entity) for key in row}
        else:
            kept = pq.read_table(self._state(entity), columns=["keys"])["keys"].unique().to_pylist()
            found = {key for keys in kept for key in json.loads(keys)}
        empty = [] if found else [name for name in of.governed if not any(landed_name(a) == name for a in of.also)]
        if entity == "subscription" and "customer" in self.entities:
            found |= {"customer_discount", "customer_account_id"}
        return ["id", *sorted({*found, *empty} - {"id", *of.without, *_BOOKKEEPING})]

    # ------------------------------------------------------------ rows

    def _tables(self, entity: str, columns: Mapping[str, str]) -> Iterator[pa.Table]:
        instants = {name for name, kind in OBJECTS[entity].governed.items() if kind == INSTANT}
        getters = {landed: _getter(name, landed in instants) for name, landed in columns.items()}
        is_empty = True
        for batch in batched(self._landing(entity), BATCH_ROWS):
            is_empty = False
            yield pa.table({name: pa.array(map(get, batch), pa.string()) for name, get in getters.items()})
        if is_empty:
            yield pa.table({name: pa.array([], pa.string()) for name in getters})

    def _landing(self, entity: str) -> Iterator[Row]:
        """The objects of an entity as they land."""
        if OBJECTS[entity].within:
            yield from self._nested(entity)
        elif entity == "subscription":
            customers = self._customers() if "customer" in self.entities else {}
            for row in self._bodies(entity):
                yield self._priced(row) | customers.get(row["customer"], {})
        elif entity == "customer":
            for row in self._bodies(entity):
                yield row | {"email_domain": _domain(row.get("email"))}
        else:
            yield from self._bodies(entity)

    def _nested(self, entity: str) -> Iterator[Row]:
        """The objects that are nested in others, which are there once."""
        if entity == "subscription_item":
            for row in self._bodies("subscription"):
                yield from row["items"]["data"]
        elif entity == "invoice_line":
            for row in self._bodies("invoice"):
                yield from row["lines"]["data"]
        else:
            for row in self._bodies("subscription"):
                for owner in (row, *row["items"]["data"]):
                    yield from owner.get("discounts") or ()
            if "customer" in self.entities:
                yield from (row["discount"] for row in self._bodies("customer") if row.get("discount"))

    def _priced(self, row: Row) -> Row:
        """A subscription with what its price needs. The periods of its items change with each bill: not here."""
        items = [
            {name: value for name, value in item.items() if name not in ("current_period_start", "current_period_end")}
            | {"discounts": self._in_effect(item.get("discounts"), f"/v1/subscription_items/{item['id']}")}
            for item in row["items"]["data"]
        ]
        discounts = self._in_effect(row.get("discounts"), f"/v1/subscriptions/{row['id']}")
        return row | {"items": items, "discounts": discounts}

    def _customers(self) -> dict[str, Row]:
        """What subscriptions take from their customers, of those that have any of it."""
        account = [name for name, ours in self.mapped.get("customer", {}).items() if ours == "account_id"]
        getters = [_getter(name) for name in account or _ACCOUNT]
        found = {}
        for row in self._bodies("customer"):
            one = [row["discount"]] if row.get("discount") else []
            discount = self._in_effect(one, f"/v1/customers/{row['id']}", "discount")
            taken = {
                "customer_discount": discount[0] if discount else None,
                "customer_account_id": next((value for get in getters if (value := get(row))), None),
            }
            if any(taken.values()):
                found[row["id"]] = taken
        return found

    def _in_effect(self, discounts: Iterable[Row] | None, owner: str, field: str = "discounts") -> list[Row]:
        """The discounts that have not ended, with their coupons; Stripe may show ended ones until the next bill."""
        now = self.clock().timestamp()
        return [
            each | {"source": each["source"] | {"coupon": self._coupon(each["source"]["coupon"], owner, field)}}
            for each in discounts or ()
            if each.get("end") is None or each["end"] > now
        ]

    def _coupon(self, coupon: str | None, owner: str, field: str) -> Row | str | None:
        """A coupon by id. A deleted one is in no list, and still discounts whoever had it: its owner tells it."""
        if not self._coupons and "coupon" in self.entities:
            self._coupons.update({row["id"]: row for row in self._bodies("coupon")})
        if coupon and coupon not in self._coupons:
            path = f"{field}.source.coupon"
            asked = self._get(owner, (f"{path}.applies_to", f"{path}.currency_options")) or {}
            told = asked.get(field) or []
            for each in told if isinstance(told, list) else [told]:
                if isinstance(each, dict) and isinstance(each["source"]["coupon"], dict):
                    self._coupons[each["source"]["coupon"]["id"]] = each["source"]["coupon"]
        return self._coupons.get(coupon or "", coupon)

    def _bodies(self, entity: str) -> Iterator[Row]:
        for table in carried.tables(self._state(entity), ["body"]):
            for body in table["body"]:
                yield json.loads(body.as_py())

    # ------------------------------------------------------------ states

    def _state(self, entity: str) -> Path:
        """The state of an entity at this run, made when it is first needed."""
        if entity not in self._made:
            now = self.clock().astimezone(UTC)
            before = self.carried.find(entity, of=self._origin, columns=_STATE, since=now - PULLED_EVERY)
            pulled_at = datetime.fromisoformat(before.notes["pulled_at"]) if before else now
            found = self._changes(entity, before) if before and now - pulled_at < PULLED_EVERY else None
            changes, gone = found or (self._whole(OBJECTS[entity]), [])
            tables = self.carried.merge(
                entity,
                (_state_table(rows) for rows in batched(changes, BATCH_ROWS)),
                of=self._origin,
                columns=_STATE,
                key="id",
                cursor=now.isoformat(),
                now=now,
                before=before if found else None,
                gone=gone,
                notes={"pulled_at": (pulled_at if found else now).isoformat()},
            )
            next(tables)  # it is written by then
            self._made[entity] = self.carried.made(entity)
        return self._made[entity]

    def _changes(self, entity: str, before: State) -> tuple[list[Row], list[str]] | None:
        """The objects touched since the cursor and the ids of those that are gone; None: rather the whole list."""
        of = OBJECTS[entity]
        if not of.events:
            return None
        touched = self._touched(of, datetime.fromisoformat(before.cursor) - LOOK_BACK)
        if len(touched) > max(_LEAST_FETCHED, before.rows // self.page_rows):
            return None
        changed: list[Row] = []
        gone = []
        for object_id in touched:
            row = self._get(f"{of.path}/{object_id}", of.expand)
            whole = None if row is None or row.get("deleted") else self._with_rest(of, row)
            if whole is None:
                gone.append(object_id)
            else:
                changed.append(whole)
        # A field that came or went: its column must tell the same of every object.
        kept = pq.read_table(before.path, columns=["keys"])["keys"].unique().to_pylist()
        known = [set(json.loads(keys)) for keys in kept]
        always, ever = (set.intersection(*known), set.union(*known)) if known else (set(), set())
        if any(not always <= row.keys() <= ever for row in changed):
            return None
        return changed, gone

    def _touched(self, of: Object, since: datetime) -> list[str]:
        """The ids that events name, each once."""
        asked = {f"types[{number}]": name for number, name in enumerate(of.events)}
        found: dict[str, None] = {}
        for event in self._list("/v1/events", {**asked, "created[gte]": int(since.timestamp())}):
            about = event["data"]["object"]
            object_id = about.get("id") if about["object"] == of.name else about.get(of.name)
            if object_id:
                found[object_id] = None
        return list(found)

    def _whole(self, of: Object) -> Iterator[Row]:
        asked = {f"expand[{number}]": f"data.{name}" for number, name in enumerate(of.expand)}
        for row in self._list(of.path, {**of.ask, **asked}):
            whole = self._with_rest(of, row)
            if whole is not None:
                yield whole

    def _with_rest(self, of: Object, row: Row) -> Row | None:
        """An object with the whole of the list nested in it; None if it has gone meanwhile."""
        row = {name: value for name, value in row.items() if name not in of.unkept}
        if of.rest and row[of.rest[0]]["has_more"]:
            name, path = of.rest
            first = row[name]["data"]
            asked = {} if "{id}" in path else {of.name: row["id"], "expand[0]": "data.discounts"}
            try:
                row[name] = {"data": list(self._list(path.format(id=row["id"]), asked, begun=first))}
            except GoneError:
                return None
        return row

    # ------------------------------------------------------------ the way in

    def _list(self, path: str, asked: Mapping[str, Any], *, begun: Sequence[Row] = ()) -> Iterator[Row]:
        """The objects of a list, page after page, from those it has `begun` with.

        A page follows the last object known. If that was deleted meanwhile it is left out, and the page follows the
        one before: for this a page is held back until the next one is there.
        """
        held = list(begun)
        known = dict.fromkeys(row["id"] for row in begun)
        steps_back = 0
        for number in count(1):
            after = next(reversed(known), None)
            cursor = {"starting_after": after} if after else {}
            response = self._client.get(path, params={"limit": self.page_rows, **asked, **cursor})
            if _error(response).get("param") == "starting_after":
                if steps_back == STEPS_BACK:
                    got = f"{steps_back + 1:,} objects were deleted just when the list was read up to them"
                    raise self._wrong(path, got, "a list that stands still")
                steps_back += 1
                known.popitem()
                held = held[:-1]  # of those that were handed on the next run's events tell
                continue
            if response.status_code == 404:
                raise GoneError
            page = response.json()
            rows = page.get("data")
            if not isinstance(rows, list) or not isinstance(page.get("has_more"), bool):
                raise self._wrong(path, f"page {number} is no list", "`data` and `has_more`")
            ids = [row["id"] for row in rows]
            if len(set(ids)) < len(ids) or not known.keys().isdisjoint(ids):
                raise self._wrong(path, f"page {number} repeats objects", "each object once")
            if page["has_more"] and not rows:
                raise self._wrong(path, f"page {number} is empty and more is to come", "its objects")
            yield from held
            if not page["has_more"]:
                yield from rows
                return
            held = rows
            known.update(dict.fromkeys(ids))

    def _get(self, path: str, expand: Sequence[str]) -> Row | None:
        """One object, or None if there is none of this id."""
        asked = {f"expand[{number}]": name for number, name in enumerate(expand)}
        response = self._client.get(path, params=asked)
        found: Row | None = None if response.status_code == 404 else response.json()
        return found

    def _wrong(self, path: str, got: str, expected: str) -> SourceError:
        return SourceError(
            f"{self.name}: {path}: {got}. Expected {expected}. Nothing of this run was landed. Run the same command "
            "again."
        )

    @property
    def _origin(self) -> str:
        """What a carried state is of: what a key sees, through one version of the API."""
        key = sha256(self.secrets["api_key"].encode()).hexdigest()[:12]
        return f"{urlsplit(self.base_url).netloc} {self.version} {key}"

    @cached_property
    def _client(self) -> Client:
        return self._make_client(_diagnose)

    @cached_property
    def _asking(self) -> Client:
        """A client that hands out refusals of single lists, too."""
        return self._make_client(lambda response: None if response.status_code == 403 else _diagnose(response))

    def _make_client(self, look: Callable[[requests.Response], Trouble | None]) -> Client:
        return Client(
            self.name,
            self.base_url,
            headers={"Stripe-Version": self.version},
            sign_in=lambda: {"Authorization": f"Bearer {self.secrets['api_key']}"},
            diagnose=look,
            **self.options,
        )


class GoneError(Exception):
    """What was asked for has been deleted."""


def _diagnose(response: requests.Response) -> Trouble | None:
    """Stripe says itself whether trying again makes sense, and of an object that is gone that it is missing."""
    trouble = diagnose(response)
    if response.ok and trouble is None and not response.content.strip().startswith(b"{"):
        return Trouble(f"HTTP {response.status_code} without an object", "wait")
    error = _error(response)
    if error.get("code") == "resource_missing" and (
        response.status_code == 404 or error.get("param") == "starting_after"
    ):
        return None
    if trouble and response.status_code == 403:
        return Trouble(trouble.reason, fix="Give the key read access; `pipeledger doctor` says to what.")
    told = response.headers.get("Stripe-Should-Retry")
    if trouble and trouble.remedy != "sign_in":
        if told == "true" or response.status_code == 409:
            return Trouble(trouble.reason, "wait", trouble.wait)
        if told == "false" and response.status_code != 429:
            return Trouble(trouble.reason, fix=trouble.fix or "Run the same command again later.")
    return trouble


def _error(response: requests.Response) -> Row:
    error = said(response).get("error")
    return error if isinstance(error, dict) else {}


def _said(response: requests.Response) -> str:
    """What a refusal says, without the key that it quotes in part."""
    message = str(_error(response).get("message", "refused"))
    return message.rsplit(". Having", 1)[-1].strip() if "Having" in message else f"HTTP {response.status_code}"


def _state_table(rows: Sequence[Row]) -> pa.Table:
    return pa.table(
        {
            "id": pa.array([row["id"] for row in rows], pa.string()),
            "keys": pa.array([json.dumps(sorted(row)) for row in rows], pa.string()),
            "body": pa.array([text(row) for row in rows], pa.string()),
        }
    )


def _getter(name: str, is_instant: bool = False) -> Callable[[Row], str | None]:
    """Reads a field, or one of a nested object, as text; seconds since 1970 as ISO 8601 where it is an instant."""
    head, *steps = name.split(".", 1) if name.startswith("metadata.") else name.split(".")

    def get(row: Row) -> str | None:
        value = row.get(head)
        for step in steps:
            value = value.get(step) if isinstance(value, dict) else None
        if is_instant and isinstance(value, int):
            return datetime.fromtimestamp(value, UTC).isoformat()
        return text(value)

    return get


def _domain(email: Any) -> str | None:
    """The part of an address that says where, and not who."""
    return email.rpartition("@")[2].strip().lower() or None if isinstance(email, str) and "@" in email else None
