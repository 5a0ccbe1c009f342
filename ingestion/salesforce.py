"""The `salesforce` source: REST for what an org has, Bulk API 2.0 for its rows.

Signs in by OAuth (client credentials, or JWT bearer where there is a private key), asks `describe` for the fields
that the user may read, and pulls each object by `queryAll`, deleted and archived rows included. Rows go to
`landing.py` as text under the fields' names in snake_case (`StageName` -> `stage_name`, `Region__c` -> `region_c`).
Compound fields (addresses, locations) and files are left out: their components are fields of their own. A field that
the user may no longer read is absent from the extraction, and its history stays.

Opportunities and the small objects are pulled whole every day, because formula fields change without moving
SystemModstamp. The large ones are pulled by SystemModstamp (histories by CreatedDate) with a look-back of ten minutes
for rows that are committed late, and merged by Id into the carried state; once a week their Ids are compared, so that
rows which were purged go, too.

Alone: `python -m orchestration.settings.config` shows the settings; `pipeledger doctor` asks the org.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import requests

from ingestion import jwt
from ingestion.api import ApiSource, Client, Clock, Trouble, check_url, diagnose, included, landed_columns
from ingestion.carried import Carried, State
from ingestion.entities import COUNT, DATE, FLAG, INSTANT, LANDED, MONEY, PROBABILITY
from ingestion.findings import Finding
from ingestion.landing import Extraction, SourceError
from ingestion.salesforce_bulk import ID, PAGE_ROWS, Job, error_codes, query
from ingestion.secrets import Secrets
from ingestion.stages import Stage, dated_steps

API_VERSION = "v67.0"
LOOK_BACK = timedelta(minutes=10)
COMPARED_EVERY = timedelta(days=7)
RECYCLE_BIN = timedelta(days=14)  # deleted rows are told for 15 days; an older state is pulled anew
FORECAST = {"BestCase": "best_case", "MostLikely": "most_likely", "Forecast": "commit"}  # as staging says
SECRETS = ("client_id", "client_secret", "private_key")
RESERVE = 0.1  # of the org's daily calls, for everybody else

_NOT_IN_CSV = ("address", "location", "base64", "complexvalue")
_PERSONAL_TYPES = ("email", "phone")
_OF_PEOPLE = (
    *("Name", "Salutation", "Suffix", "Username", "Alias", "Nickname", "Birthdate"),
    *("Street", "City", "PostalCode", "Latitude", "Longitude", "GeocodeAccuracy"),
)
_VOLATILE = (
    "SystemModstamp",
    "LastViewedDate",
    "LastReferencedDate",
    "LastModifiedDate",
    "LastModifiedById",
    "PhotoUrl",
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
    people: bool = False  # names and addresses are those of people ...
    shown: tuple[str, ...] = ()  # ... but for these fields


_TIMES = {"CreatedDate": INSTANT, "IsDeleted": FLAG}

OBJECTS: dict[str, Object] = {
    "opportunity": Object(
        "Opportunity",
        ("opportunity",),
        {**_TIMES, "Amount": MONEY, "CloseDate": DATE, "Probability": PROBABILITY},
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
}


def build_source(
    name: str,
    *,
    instance_url: str,
    secrets: Secrets,
    carried: Carried,
    time_zone: str,
    clock: Clock,
    api_version: str = API_VERSION,
    username: str = "",
    login_url: str = "https://login.salesforce.com",
    exclude: Sequence[str] = (),
    api_reserve: float = RESERVE,
    columns: Mapping[str, Mapping[str, str]] | None = None,
    volatile: Mapping[str, Sequence[str]] | None = None,
    personal: Mapping[str, Sequence[str]] | None = None,
    **client: Any,
) -> "SalesforceSource":
    """A source on one org. `columns` (theirs -> ours), `volatile` and `personal` are by canonical entity.

    `client`: arguments of `Client`, for tests. Raises SourceError for an option that cannot be right. Neither secrets
    nor network are touched.
    """
    check_url(name, "instance_url", instance_url)
    check_url(name, "login_url", login_url)
    return SalesforceSource(
        name=name,
        type="salesforce",
        entities=included(name, LANDED["salesforce"], exclude),
        time_zone=time_zone,
        clock=clock,
        carried=carried,
        secrets=secrets,
        instance_url=instance_url.rstrip("/"),
        version=api_version if api_version.startswith("v") else f"v{api_version}",
        username=username,
        login_url=login_url,
        reserve=api_reserve,
        mapped=columns or {},
        volatile=volatile or {},
        personal=personal or {},
        options=client,
    )


@dataclass(frozen=True, kw_only=True)
class SalesforceSource(ApiSource):
    """One org, as one of its users sees it."""

    instance_url: str
    version: str
    username: str
    login_url: str
    reserve: float
    page_rows: int = PAGE_ROWS

    # ------------------------------------------------------------ what landing asks for

    def extraction(self, entity: str, today: date) -> Extraction:
        """One object whole: pulled, or its changes merged into what was carried over."""
        if entity == self.entities[0]:
            self._check_limits()
        of = OBJECTS[entity]
        described = self._fields(entity)
        parents = [name for name in of.also if self._has_parent(name, described)]
        columns = landed_columns(f"{self.name}.{entity}", [*described, *parents])
        hidden = {name for name in described if _is_personal(described[name], of)}
        return Extraction(
            entity=entity,
            snapshot_date=today,
            tables=self._changed(entity, columns) if of.changed else self._whole(entity, columns),
            key=(columns[ID],),
            required=(columns[ID],),
            mode=of.mode,
            deleted="is_deleted" if "is_deleted" in columns.values() else None,
            **self.governance(of.canonical, columns, typed=of.governed, hidden=hidden, volatile=_VOLATILE),
        )

    def check(self) -> Iterator[Finding]:
        """Credentials, calls left, objects and the fields that metrics and mappings read."""
        limits = self._limits()
        yield Finding("credentials", "ok", f"accepted by {self.instance_url}")
        left, most = limits["Remaining"], limits["Max"]
        enough = left > self.reserve * most
        yield Finding(
            "daily calls",
            "ok" if enough else "fail",
            f"{left:,} of {most:,} left, {self.reserve:.0%} of them are not ours to take",
            "" if enough else "wait for the rolling 24 hours to pass, or lower api_reserve",
        )
        for entity in self.entities:
            yield self._check_object(entity)

    def stages(self) -> list[Stage]:
        """The org's opportunity stages. Probability and forecast category are what new opportunities get."""
        soql = (
            "SELECT ApiName, SortOrder, IsClosed, IsWon, DefaultProbability, ForecastCategory FROM OpportunityStage "
            "WHERE IsActive = true ORDER BY SortOrder"
        )
        found = self.client.get(f"{self._data}/query", params={"q": soql}).json()["records"]
        return [
            Stage(
                pipeline="default",
                stage=each["ApiName"],
                order=number,
                category="won" if each["IsWon"] else "lost" if each["IsClosed"] else "open",
                probability=f"{each['DefaultProbability'] / 100:g}",
                forecast_category=FORECAST.get(each["ForecastCategory"], str(each["ForecastCategory"]).lower()),
            )
            for number, each in enumerate(found, 1)
        ]

    def lifecycle(self) -> dict[str, str]:
        """The dates of leads and contacts whose names say when they were qualified: theirs -> ours."""
        people = [entity for entity in ("lead", "contact") if entity in self.entities]
        return dated_steps({name: each["type"] for entity in people for name, each in self._fields(entity).items()})

    def _check_object(self, entity: str) -> Finding:
        of = OBJECTS[entity]
        try:
            described = self._fields(entity)
        except SourceError as error:
            return Finding(entity, "fail", str(error), f'grant the user read access, or exclude = ["{entity}"]')
        if missing := self.missing(of.canonical, of.governed, described):
            return Finding(
                entity,
                "warn",
                f"no access to {', '.join(missing)} of {of.name}: what needs them is not evaluated",
                "grant the user field-level read access, or correct the mapping in pipeledger.toml",
            )
        return Finding(entity, "ok", f"{len(described)} fields of {of.name}")

    # ------------------------------------------------------------ rows

    def _whole(self, entity: str, columns: Mapping[str, str]) -> Iterator[pa.Table]:
        yield from self._query(entity, list(columns)).tables(columns, self.page_rows)

    def _changed(self, entity: str, columns: Mapping[str, str]) -> Iterator[pa.Table]:
        """The carried state after the changes since its cursor; without a usable one, everything."""
        now = self.clock().astimezone(UTC)
        before = self.carried.find(entity, of=self._origin, columns=list(columns.values()), since=now - RECYCLE_BIN)
        compared_on = datetime.fromisoformat(before.notes["compared_at"]) if before else now
        gone: list[str] = []
        if before and now - compared_on >= COMPARED_EVERY:
            gone, is_whole = self._compare(entity, before, columns)
            before, compared_on = (before, now) if is_whole else (None, now)
        condition = f"{OBJECTS[entity].changed} >= {_since(before.cursor)}" if before else ""
        job = self._query(entity, list(columns), condition)
        yield from self.carried.merge(
            entity,
            job.tables(columns, self.page_rows),
            of=self._origin,
            columns=list(columns.values()),
            key=columns[ID],
            cursor=job.created_at,
            now=now,
            before=before,
            gone=gone,
            notes={"compared_at": compared_on.isoformat()},
        )

    def _compare(self, entity: str, before: State, columns: Mapping[str, str]) -> tuple[list[str], bool]:
        """The carried Ids that the org no longer has, and whether all of its older ones were carried."""
        job = self._query(entity, [ID])
        tables = [table[columns[ID]] for table in job.tables({ID: columns[ID]})]
        there = pa.chunked_array([chunk for column in tables for chunk in column.chunks], pa.string())
        known = pq.read_table(before.path, columns=[columns[ID]])[columns[ID]]
        gone = known.filter(pc.invert(pc.is_in(known, value_set=there))).to_pylist()
        # what is there and was not carried must have come since the cursor: as many rows at least
        fresh = self._query(entity, [ID], f"{OBJECTS[entity].changed} >= {_since(before.cursor)}")
        recent = pa.concat_tables(list(fresh.tables({ID: columns[ID]})))[columns[ID]]
        unknown = there.filter(pc.invert(pc.is_in(there, value_set=known)))
        return gone, bool(pc.all(pc.is_in(unknown, value_set=recent), min_count=0).as_py())

    def _query(self, entity: str, fields: Sequence[str], condition: str = "") -> Job:
        soql = f"SELECT {', '.join(fields)} FROM {OBJECTS[entity].name}" + (f" WHERE {condition}" if condition else "")
        return query(self.client, self.version, f"{self.name}.{entity}", soql, sleep=self.sleep)

    # ------------------------------------------------------------ what the org has

    def _fields(self, entity: str) -> dict[str, dict[str, Any]]:
        """The fields that the user may read and CSV can hold, by name."""
        of = OBJECTS[entity]
        if of.name not in self._objects:
            raise SourceError(
                f"{self.name}.{entity}: the user may not read {of.name}, or the org has none. Expected read access. "
                f'Nothing of this run was landed. Grant it, or set exclude = ["{entity}"] in [sources.{self.name}] '
                "of pipeledger.toml, then run `pipeledger doctor`."
            )
        described = self.client.get(f"{self._data}/sobjects/{of.name}/describe").json()["fields"]
        return {
            each["name"]: each
            for each in described
            if each["type"] not in _NOT_IN_CSV
            and each["name"] not in of.without
            and not each.get("deprecatedAndHidden")
        }

    @cached_property
    def _objects(self) -> frozenset[str]:
        described = self.client.get(f"{self._data}/sobjects").json()["sobjects"]
        return frozenset(each["name"] for each in described if each.get("queryable"))

    def _has_parent(self, name: str, described: Mapping[str, Any]) -> bool:
        """Whether a field of a parent, `UserRole.Name`, may be asked for."""
        parent = name.split(".")[0]
        return parent in self._objects and f"{parent}Id" in described

    def _limits(self) -> dict[str, int]:
        found: dict[str, int] = self.client.get(f"{self._data}/limits").json()["DailyApiRequests"]
        return found

    def _check_limits(self) -> None:
        limits = self._limits()
        if limits["Remaining"] <= self.reserve * limits["Max"]:
            raise self._too_few_calls(limits["Max"] - limits["Remaining"], limits["Max"])

    def _too_few_calls(self, used: int, most: int) -> SourceError:
        return SourceError(f"{self.name}: {_used(used, most, self.reserve)}. Nothing of this run was landed. {_LATER}")

    # ------------------------------------------------------------ the way in

    @property
    def _data(self) -> str:
        return f"/services/data/{self.version}"

    @property
    def _origin(self) -> str:
        """What a carried state is of: an org, seen through one version of the API."""
        return f"{urlsplit(self.instance_url).netloc} {self.version}"

    @cached_property
    def client(self) -> Client:
        """The client, signed in when it is first used."""
        return Client(
            self.name,
            self.instance_url,
            sign_in=self._sign_in,
            diagnose=self._diagnose,
            secrets=[known for key in SECRETS if (known := self.secrets.get(key))],
            **self.options,
        )

    def _sign_in(self) -> Mapping[str, str]:
        form = self._assertion() if self.secrets.get("private_key") else self._credentials()
        asking = Client(self.name, self.instance_url, secrets=form.values(), **self.options)
        said = asking.post("/services/oauth2/token", data=form).json()
        return {"Authorization": f"Bearer {said['access_token']}"}

    def _credentials(self) -> dict[str, str]:
        return {
            "grant_type": "client_credentials",
            "client_id": self.secrets["client_id"],
            "client_secret": self.secrets["client_secret"],
        }

    def _assertion(self) -> dict[str, str]:
        if not self.username:
            raise SourceError(
                f"{self.name}: a private key and no user. Expected `username` in [sources.{self.name}] of "
                "pipeledger.toml: the user on whose behalf we read. Set it, then run `pipeledger doctor`."
            )
        claims = {
            "iss": self.secrets["client_id"],
            "sub": self.username,
            "aud": self.login_url,
            "exp": int(time.time()) + 180,
        }
        try:
            token = jwt.signed(claims, self.secrets["private_key"])
        except ValueError as error:
            raise SourceError(
                f"{self.name}: private_key: got {error}. Expected PEM as OpenSSL writes it. Correct "
                f"{self.secrets.variable('private_key')}, then run `pipeledger doctor`."
            ) from None
        return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": token}

    def _diagnose(self, response: requests.Response) -> Trouble | None:
        """Salesforce says 403 for too many calls, and how many were made in each answer."""
        for code, message in error_codes(response) if not response.ok else ():
            if code == "REQUEST_LIMIT_EXCEEDED":
                if "concurrent" in message.lower():
                    return Trouble(f"{code} ({message})", "wait")
                return Trouble(f"{code} ({message})", fix=_LATER)
        used, most = _usage(response.headers.get("Sforce-Limit-Info", ""))
        if response.ok and most and used > (1 - self.reserve) * most:
            return Trouble(_used(used, most, self.reserve), fix=_LATER)
        return diagnose(response)


_LATER = "Run the same command again when the rolling 24 hours have passed, or lower api_reserve in pipeledger.toml."


def _used(used: int, most: int, reserve: float) -> str:
    return f"{used:,} of the org's {most:,} daily API calls are used, and {reserve:.0%} of them are not ours to take"


def _usage(header: str) -> tuple[int, int]:
    """The calls made and allowed that `api-usage=25/15000` says; 0, 0 without it."""
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        used, _, most = value.partition("/")
        if name == "api-usage" and used.isdigit() and most.isdigit():
            return int(used), int(most)
    return 0, 0


def _since(cursor: str) -> str:
    """The SOQL literal of the instant from which changes are asked, for a cursor in Salesforce's notation."""
    instant = datetime.fromisoformat(cursor).astimezone(UTC) - LOOK_BACK
    return instant.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _is_personal(described: Mapping[str, Any], of: Object) -> bool:
    """Whether a field says who somebody is or how to reach them; states and countries do not."""
    name = str(described["name"])
    if described["type"] in _PERSONAL_TYPES:
        return True
    return of.people and name not in of.shown and name.endswith(_OF_PEOPLE) and not name.endswith("__c")
