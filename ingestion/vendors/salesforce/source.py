"""The `salesforce` source: REST for what an org has, Bulk API 2.0 for its rows.

Asks `describe` for the fields that the user may read, and pulls each object by `queryAll`, deleted and archived rows
included. Rows go to the landing as text under the fields' names in snake_case (`StageName` -> `stage_name`,
`Region__c` -> `region_c`). Compound fields (addresses, locations) and files are left out: their components are fields
of their own. A field that the user may no longer read is absent from the extraction, and its history stays; if models
read it, the day is refused until somebody accepts that.

Opportunities and the small objects are pulled whole every day, because formula fields change without moving
SystemModstamp. The large ones are pulled by SystemModstamp (histories by CreatedDate) with a look-back of ten minutes
for rows that are committed late, and merged by Id into the carried state; once a week their Ids are compared, so that
rows which were purged go, too.

Alone: `pipeledger doctor` asks the org.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingestion.source import Extraction, Finding, SourceError
from ingestion.source_types import LANDED
from ingestion.vendors.account import VendorAccount
from ingestion.vendors.api_source import ApiSource
from ingestion.vendors.carried_state import CarriedState
from ingestion.vendors.rows import landed_columns
from ingestion.vendors.salesforce.bulk import ID, PAGE_ROWS, Job, query
from ingestion.vendors.salesforce.client import API_VERSION, LOGIN_URL, RESERVE, SalesforceApi
from ingestion.vendors.salesforce.objects import NOT_IN_CSV, OBJECTS, VOLATILE, is_personal
from ingestion.vendors.stages import Stage, dated_steps

LOOK_BACK = timedelta(minutes=10)
COMPARED_EVERY = timedelta(days=7)
RECYCLE_BIN = timedelta(days=14)  # deleted rows are told for 15 days; an older state is pulled anew
FORECAST = {"BestCase": "best_case", "MostLikely": "most_likely", "Forecast": "commit"}  # as staging says


def build_source(
    account: VendorAccount,
    *,
    instance_url: str,
    api_version: str = API_VERSION,
    username: str = "",
    login_url: str = LOGIN_URL,
    api_reserve: float = RESERVE,
) -> "SalesforceSource":
    """A source on one org. SourceError for an option that cannot be right. Touches neither secrets nor network."""
    api = SalesforceApi(
        account=account,
        instance_url=instance_url.rstrip("/"),
        version=api_version if api_version.startswith("v") else f"v{api_version}",
        username=username,
        login_url=login_url,
        reserve=api_reserve,
    )
    return SalesforceSource(
        type="salesforce", account=account, entities=account.included(LANDED["salesforce"]), api=api
    )


@dataclass(frozen=True, kw_only=True)
class SalesforceSource(ApiSource):
    """One org, as one of its users sees it."""

    api: SalesforceApi
    page_rows: int = PAGE_ROWS

    # ------------------------------------------------------------ what landing asks for

    def extraction(self, entity: str, today: date) -> Extraction:
        """One object whole: pulled, or its changes merged into what was carried over."""
        if entity == self.entities[0]:
            self.api.check_limits()
        of = OBJECTS[entity]
        described = self._fields(entity)
        parents = [name for name in of.also if self._has_parent(name, described)]
        columns = landed_columns(f"{self.name}.{entity}", [*described, *parents])
        hidden = {name for name in described if is_personal(described[name], of)}
        return Extraction(
            entity=entity,
            snapshot_date=today,
            tables=self._changed(entity, columns) if of.changed else self._whole(entity, columns),
            key=(columns[ID],),
            required=(columns[ID],),
            mode=of.mode,
            deleted="is_deleted" if "is_deleted" in columns.values() else None,
            **self.governance(entity, of.canonical, columns, typed=of.governed, hidden=hidden, volatile=VOLATILE),
        )

    def has(self, entity: str) -> bool:
        """An org may be without forecasts, quotas and cases, or hide them; whatever else is missing is an error."""
        return not OBJECTS[entity].optional or OBJECTS[entity].name in self._objects

    def check(self) -> Iterator[Finding]:
        """Credentials, calls left, objects and the fields that metrics and mappings read."""
        yield from self.api.check()
        for entity in self.entities:
            yield self._check_object(entity)

    def stages(self) -> list[Stage]:
        """The org's opportunity stages. Probability and forecast category are what new opportunities get."""
        soql = (
            "SELECT ApiName, SortOrder, IsClosed, IsWon, DefaultProbability, ForecastCategory FROM OpportunityStage "
            "WHERE IsActive = true ORDER BY SortOrder"
        )
        found = self.api.client.get(f"{self.api.data}/query", params={"q": soql}).json()["records"]
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
        if not self.has(entity):
            return Finding(
                entity,
                "warn",
                f"the user may not read {of.name}, or the org has none: it is not captured, and cannot be had later",
                f'grant the user read access, or exclude = ["{entity}"]',
            )
        try:
            described = self._fields(entity)
        except SourceError as error:
            return Finding(entity, "fail", str(error), f'grant the user read access, or exclude = ["{entity}"]')
        parents = [name for name in of.also if self._has_parent(name, described)]
        if missing := self.missing(of.canonical, of.governed, [*described, *parents]):
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
        now = self.account.now()
        before = self.account.carried.find(
            entity, of=self.api.origin, columns=list(columns.values()), since=now - RECYCLE_BIN
        )
        compared_on = datetime.fromisoformat(before.notes["compared_at"]) if before else now
        gone: list[str] = []
        if before and now - compared_on >= COMPARED_EVERY:
            gone, is_whole = self._compare(entity, before, columns)
            before, compared_on = (before, now) if is_whole else (None, now)
        condition = f"{OBJECTS[entity].changed} >= {_since(before.cursor)}" if before else ""
        job = self._query(entity, list(columns), condition)
        yield from self.account.carried.merge(
            entity,
            job.tables(columns, self.page_rows),
            of=self.api.origin,
            columns=list(columns.values()),
            key=columns[ID],
            cursor=job.created_at,
            now=now,
            before=before,
            gone=gone,
            notes={"compared_at": compared_on.isoformat()},
        )

    def _compare(self, entity: str, before: CarriedState, columns: Mapping[str, str]) -> tuple[list[str], bool]:
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
        return query(self.api.client, self.api.version, f"{self.name}.{entity}", soql, sleep=self.sleep)

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
        described = self.api.client.get(f"{self.api.data}/sobjects/{of.name}/describe").json()["fields"]
        return {
            each["name"]: each
            for each in described
            if each["type"] not in NOT_IN_CSV and each["name"] not in of.without and not each.get("deprecatedAndHidden")
        }

    @cached_property
    def _objects(self) -> frozenset[str]:
        described = self.api.client.get(f"{self.api.data}/sobjects").json()["sobjects"]
        return frozenset(each["name"] for each in described if each.get("queryable"))

    def _has_parent(self, name: str, described: Mapping[str, Any]) -> bool:
        """Whether a field of a parent, `UserRole.Name`, may be asked for."""
        parent = name.split(".")[0]
        return parent in self._objects and f"{parent}Id" in described


def _since(cursor: str) -> str:
    """The SOQL literal of the instant from which changes are asked, for a cursor in Salesforce's notation."""
    instant = datetime.fromisoformat(cursor).astimezone(UTC) - LOOK_BACK
    return instant.strftime("%Y-%m-%dT%H:%M:%S.000Z")
