"""The `stripe` source: customers, catalogue, subscriptions, invoices and credit notes of one account, by REST.

Objects are kept as Stripe tells them (in the carried state, as JSON) and land as text, a column for each field of
the pinned API version. Amounts stay in the currency's minor units and instants become ISO 8601. Lists within an object
that end with `has_more` are read to their end.

Products, prices and coupons are pulled whole every day. Of the others a run asks `/v1/events` which ones were touched
since the last run, from an hour before it for events that come late, and fetches each of those anew: events hold old
states. An object that is no longer there, or says `deleted`, has ended. Once a week, and after a longer outage, lists
are pulled whole, because not every change makes an event.

A subscription lands with its items and the discounts in effect, their coupons filled in, and with what it takes from
its customer: the discount that counts where it has none of its own, and the account. Stripe tells an item's price in
the price's own currency only; where the subscription's is another one, the price's option for it is filled in. So a
subscription's price is told by one row.

Alone: `pipeledger doctor` asks the account.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.entities import INSTANT
from ingestion.source import Extraction, Finding, landed_name
from ingestion.source_types import LANDED
from ingestion.vendors.account import VendorAccount
from ingestion.vendors.api_source import ApiSource
from ingestion.vendors.carried_state import CarriedState, tables
from ingestion.vendors.rows import batched, landed_columns, text
from ingestion.vendors.stripe.client import API_VERSION, BASE_URL, GoneError, Row, StripeApi, refusal_of
from ingestion.vendors.stripe.objects import ACCOUNT_FIELDS, NESTED, OBJECTS, Object

BATCH_ROWS = 1_000  # objects that are held as Python's at once
LOOK_BACK = timedelta(hours=1)
PULLED_EVERY = timedelta(days=7)  # events are kept for 30 days

_STATE = ("id", "keys", "body")
_BOOKKEEPING = ("object", "deleted")
_LEAST_FETCHED = 100  # so many objects are fetched one by one, and more where the list would be longer


def build_source(account: VendorAccount, *, api_version: str = API_VERSION, base_url: str = BASE_URL) -> "StripeSource":
    """A source on one account, which may map `metadata.<key>`, too.

    SourceError for an option that cannot be right. Touches neither secrets nor network.
    """
    api = StripeApi(account=account, base_url=base_url.rstrip("/"), version=api_version)
    return StripeSource(type="stripe", account=account, entities=account.included(LANDED["stripe"]), api=api)


@dataclass(frozen=True, kw_only=True)
class StripeSource(ApiSource):
    """One account, as a restricted key sees it."""

    api: StripeApi
    _made: dict[str, Path] = field(default_factory=dict)  # the states of this run
    _coupons: dict[str, Row] = field(default_factory=dict)  # by id, those of deleted ones too
    _options: dict[str, Row] = field(default_factory=dict)  # of prices: what they are in which currency

    # ------------------------------------------------------------ what landing asks for

    def extraction(self, entity: str, today: date) -> Extraction:
        """One object whole: pulled, or what was touched merged into what was carried over."""
        if entity == self.entities[0]:
            self._made.clear()
            self._coupons.clear()
            self._options.clear()
        of = OBJECTS[entity]
        names = [*self._keys(entity), *of.also, *(name for name in self.account.ours(of.canonical) if "." in name)]
        columns = landed_columns(f"{self.name}.{entity}", dict.fromkeys(names))
        return Extraction(
            entity=entity,
            snapshot_date=today,
            tables=self._tables(entity, columns),
            key=("id",),
            required=("id",),
            mode="state",
            **self.governance(
                entity, of.canonical, columns, typed=of.governed, hidden=of.personal, volatile=of.volatile
            ),
        )

    def check(self) -> Iterator[Finding]:
        """The key, and whether it may read each list and the events."""
        key = self.account.secrets["api_key"]
        paths = {entity: OBJECTS[entity].path for entity in self.entities if OBJECTS[entity].path}
        accepted = False
        for entity, path in {**paths, "event": "/v1/events"}.items():
            response = self.api.asking.get(path, params={"limit": 1})
            if response.status_code == 403:
                fix = "" if entity == "event" else f', or exclude = ["{entity}"]'
                yield Finding(entity, "fail", refusal_of(response), f"give the key read access to {entity}s{fix}")
                continue
            if not accepted:
                accepted = True
                mode = "live" if "_live_" in key else "test"
                is_restricted = not key.startswith("sk_")
                yield Finding(
                    "credentials",
                    "ok" if is_restricted else "warn",
                    f"accepted by {urlsplit(self.api.base_url).netloc}, {mode} mode, API version {self.api.version}"
                    + ("" if is_restricted else ": a secret key, which may write, too"),
                    "" if is_restricted else "use a restricted key with read access",
                )
            yield Finding(entity, "ok", f"readable at {path}")

    # ------------------------------------------------------------ columns

    def comes_and_goes(self, column: str) -> bool:
        """Keys within a key are there only while some object has them: the last paused subscription takes them away."""
        return column.startswith(NESTED)

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
            | {"price": self._price_in(row.get("currency"), item)}
            for item in row["items"]["data"]
        ]
        discounts = self._in_effect(row.get("discounts"), f"/v1/subscriptions/{row['id']}")
        return row | {"items": items, "discounts": discounts}

    def _price_in(self, currency: str | None, item: Row) -> Row:
        """An item's price, with its option for a currency that is not its own."""
        price: Row = item["price"]
        if currency is None or price["currency"] == currency:
            return price
        option = self._currency_options(price["id"], item["id"]).get(currency)
        return price | {"currency_options": {currency: option} if option else None}

    def _currency_options(self, price: str, item: str) -> Row:
        """What a price is in which currency. One that is in no list that we read is told by an item that has it."""
        if not self._options and "price" in self.entities:
            self._options.update({row["id"]: row.get("currency_options") or {} for row in self._bodies("price")})
        if price not in self._options:
            told = self.api.get(f"/v1/subscription_items/{item}", ("price.currency_options",))
            if told is None:
                return {}
            self._options[price] = told["price"].get("currency_options") or {}
        return self._options[price]

    def _customers(self) -> dict[str, Row]:
        """What subscriptions take from their customers, of those that have any of it."""
        account = [name for name, ours in self.account.columns.get("customer", {}).items() if ours == "account_id"]
        getters = [_getter(name) for name in account or ACCOUNT_FIELDS]
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
        now = self.account.clock().timestamp()
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
            asked = self.api.get(owner, (f"{path}.applies_to", f"{path}.currency_options")) or {}
            told = asked.get(field) or []
            for each in told if isinstance(told, list) else [told]:
                if isinstance(each, dict) and isinstance(each["source"]["coupon"], dict):
                    self._coupons[each["source"]["coupon"]["id"]] = each["source"]["coupon"]
        return self._coupons.get(coupon or "", coupon)

    def _bodies(self, entity: str) -> Iterator[Row]:
        for table in tables(self._state(entity), ["body"]):
            for body in table["body"]:
                yield json.loads(body.as_py())

    # ------------------------------------------------------------ states

    def _state(self, entity: str) -> Path:
        """The state of an entity at this run, made when it is first needed."""
        if entity not in self._made:
            now = self.account.now()
            before = self.account.carried.find(entity, of=self.api.origin, columns=_STATE, since=now - PULLED_EVERY)
            pulled_at = datetime.fromisoformat(before.notes["pulled_at"]) if before else now
            found = self._changes(entity, before) if before and now - pulled_at < PULLED_EVERY else None
            changes, gone = found or (self._whole(OBJECTS[entity]), [])
            merged = self.account.carried.merge(
                entity,
                (_state_table(rows) for rows in batched(changes, BATCH_ROWS)),
                of=self.api.origin,
                columns=_STATE,
                key="id",
                cursor=now.isoformat(),
                now=now,
                before=before if found else None,
                gone=gone,
                notes={"pulled_at": (pulled_at if found else now).isoformat()},
            )
            next(merged)  # it is written by then
            self._made[entity] = self.account.carried.made(entity)
        return self._made[entity]

    def _changes(self, entity: str, before: CarriedState) -> tuple[list[Row], list[str]] | None:
        """The objects touched since the cursor, and the ids of those that are gone.

        None where the whole list is to be pulled: no events tell of changes, they name so many objects that the list is
        shorter, or a field came or went, whose column must tell the same of every object.
        """
        of = OBJECTS[entity]
        if not of.events:
            return None
        touched = self._touched(of, datetime.fromisoformat(before.cursor) - LOOK_BACK)
        if len(touched) > max(_LEAST_FETCHED, before.rows // self.api.page_rows):
            return None
        changed: list[Row] = []
        gone = []
        for object_id in touched:
            row = self.api.get(f"{of.path}/{object_id}", of.expand)
            whole = None if row is None or row.get("deleted") else self._with_rest(of, row)
            if whole is None:
                gone.append(object_id)
            else:
                changed.append(whole)
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
        for event in self.api.listed("/v1/events", {**asked, "created[gte]": int(since.timestamp())}):
            about = event["data"]["object"]
            object_id = about.get("id") if about["object"] == of.name else about.get(of.name)
            if object_id:
                found[object_id] = None
        return list(found)

    def _whole(self, of: Object) -> Iterator[Row]:
        asked = {f"expand[{number}]": f"data.{name}" for number, name in enumerate(of.expand)}
        for row in self.api.listed(of.path, {**of.ask, **asked}):
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
                row[name] = {"data": list(self.api.listed(path.format(id=row["id"]), asked, begun=first))}
            except GoneError:
                return None
        return row


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
