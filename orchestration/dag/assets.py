"""The sources as Dagster assets: what was landed, the ledger and its intervals, with their checks.

Comes from the settings; every function here calls one of `steps/` and returns metadata. A source that fails leaves its
landing and ledger assets without a new day (a visible hole) and a failed check; its intervals are yielded all the same,
so that the marts are built from what the ledger holds. `lost_days.py` then fails the run.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import dagster as dg

from orchestration.dag import lost_days
from orchestration.settings.config import SourceConfig
from orchestration.settings.settings import Settings, clock
from orchestration.steps import attempts, build, capture
from orchestration.steps.attempts import SourceResult
from orchestration.steps.sources import entities_of
from orchestration.steps.waiting import waiting
from snapshots.capture import CapturedDay
from snapshots.verify import verify

POOL = "duckdb"  # limit 1: DuckDB has one writer
SOLE_WRITER = "sole_writer"
RETRIES = 3
RETRY_SECONDS = 10  # before the first one; four times longer before each next
GATES_CHECK = "gates"
VERIFY_CHECK = "verifies"
RECENT = timedelta(days=28)  # a gap that is older can be mended by nobody: it is told, and warns no more
LATE, TOO_LATE = timedelta(hours=26), timedelta(hours=50)  # after these, Dagster shows an asset as stale
ACCEPT_TAG = "pipeledger/accept"  # the gates that a run accepts, behind commas

ENTITY_DESCRIPTIONS = {
    "opportunity": "Deals as the source shows them now: stage, amount, close date, owner.",
    "account": "Companies that deals and subscriptions belong to, with their segment.",
    "user": "The people who own deals, their team and manager.",
    "person": "Leads and contacts. Names and addresses stay apart from the ledger.",
    "opportunity_contact_role": "Who plays which part in a deal.",
    "activity": "Calls, meetings and mails; each is kept once.",
    "campaign": "Marketing campaigns and what they cost.",
    "touch": "Contacts between a person and a campaign; each is kept once.",
    "subscription": "What customers pay for, how much and since when.",
    "invoice": "What was billed and paid.",
    "customer": "Who is billed, and what tells which account it is.",
    "customer_health": "Health scores of customers.",
    "forecast_submission": "What people called: the forecasts that they submitted.",
    "quota": "What people and teams are to win in a period.",
    "ticket": "Support tickets of customers.",
    "team_pipeline": "Teams' own lists of the pipeline, on the days on which they made one.",
    "opportunity_change": "The source's own field history; it describes days before the first captured one.",
}


def ledger_key(source: str) -> dg.AssetKey:
    """The ledger of a source: one partition per captured day."""
    return dg.AssetKey(["ledger", source])


def intervals_key(source: str) -> dg.AssetKey:
    """The ledger of a source as validity intervals in the warehouse."""
    return dg.AssetKey(["intervals", source])


def landing_key(source: str, entity: str) -> dg.AssetKey:
    """What was landed of one entity of a source."""
    return dg.AssetKey(["landing", source, entity])


def describe(entity: str) -> str:
    """A sentence on an entity; those of a vendor are called as the vendor calls them."""
    return ENTITY_DESCRIPTIONS.get(entity, f"The vendor's `{entity}`.")


def specs(settings: Settings, source: SourceConfig, days: dg.DailyPartitionsDefinition) -> list[dg.AssetSpec]:
    """The assets of one source: its landed entities, its ledger by days, its intervals."""
    landing = [
        dg.AssetSpec(
            landing_key(source.name, entity),
            group_name=source.name,
            description=f"{describe(entity)} As `{source.name}` held it at its last extraction.",
            kinds={"dlt", "duckdb"},
            owners=settings.config.alerts.owners,
            skippable=True,
        )
        for entity in entities_of(source, settings)
    ]
    ledger = dg.AssetSpec(
        ledger_key(source.name),
        deps=[spec.key for spec in landing],
        group_name=source.name,
        description=(
            f"Every day of `{source.name}` that was ever captured, kept forever: each day holds the rows that changed. "
            "A day without a mark is a gap; it is never filled."
        ),
        partitions_def=days,
        metadata={"path": dg.MetadataValue.path(str(settings.store.ledger / source.name))},
        kinds={"deltalake"},
        owners=settings.config.alerts.owners,
        freshness_policy=freshness(),
        skippable=True,
    )
    intervals = dg.AssetSpec(
        intervals_key(source.name),
        deps=[ledger.key],
        group_name=source.name,
        description=f"The ledger of `{source.name}` as intervals (valid from, valid to): what the models read.",
        kinds={"duckdb"},
        owners=settings.config.alerts.owners,
    )
    return [*landing, ledger, intervals]


def check_specs(source: str) -> list[dg.AssetCheckSpec]:
    """What is checked of a source's ledger each day."""
    key = ledger_key(source)
    return [
        dg.AssetCheckSpec(lost_days.CHECK, asset=key, description="The day asked for was landed and captured."),
        dg.AssetCheckSpec(GATES_CHECK, asset=key, description="No safety gate tripped: no suspicious drop of rows."),
        dg.AssetCheckSpec("no_rejected_rows", asset=key, description="Every row of the day could be read."),
        dg.AssetCheckSpec(
            "no_missing_days",
            asset=key,
            description="Every day of the last four weeks is captured. Older gaps are named, too.",
        ),
    ]


def source_assets(settings: Settings, source: SourceConfig, days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """One step for one source: land it, capture it, bring its intervals up to date."""

    its_specs = specs(settings, source, days)
    known = {spec.key for spec in its_specs}

    @dg.multi_asset(
        name=f"land_and_capture_{source.name}",
        specs=its_specs,
        check_specs=check_specs(source.name),
        required_resource_keys={SOLE_WRITER},
        pool=POOL,
    )
    def land_and_capture(context: dg.AssetExecutionContext) -> Iterator[Any]:
        day = date.fromisoformat(context.partition_key)
        result = attempt(context.op_execution_context, settings, source, [day])
        # An entity whose first file came after Dagster had loaded its definitions has no asset yet.
        yield from (event for event in materializations(result) if event.asset_key in known)
        yield from check_results(settings, result)
        yield dg.MaterializeResult(asset_key=intervals_key(source.name))
        lost_days.fail_here(context.op_execution_context, result)

    return land_and_capture


def attempt(
    context: dg.OpExecutionContext, settings: Settings, source: SourceConfig, days: Sequence[date]
) -> SourceResult:
    """Land and capture; try again later where that may help; else log the failure and mark the run."""
    accept = [gate for gate in context.run.tags.get(ACCEPT_TAG, "").split(",") if gate]
    now = clock()
    try:
        result = capture.attempt(
            settings,
            source,
            days,
            now=now,
            accept=accept,
            progress=capture.Progress(context.log.info, waiting.show),
        )
    except Exception as error:
        if context.retry_number < RETRIES:
            wait = RETRY_SECONDS * 4**context.retry_number
            context.log.warning(f"{source.name}: {error}. Trying again in {wait} s.")
            raise dg.RetryRequested(max_retries=RETRIES, seconds_to_wait=wait) from error
        result = capture.failed(source, days, error)
        attempts.record_attempt(settings, source.name, days, now, result)
    build.refresh_intervals(settings)
    for note in result.notes:
        context.log.warning(note)
    if result.cause:
        context.log.error(result.cause)
        lost_days.tag_run(context, result)
    return result


def materializations(result: SourceResult) -> Iterator[dg.MaterializeResult[Any]]:
    """What a single-day run shows of a source: rows landed, and the day in the ledger."""
    for (entity, _), rows in result.landed.items():
        yield dg.MaterializeResult(asset_key=landing_key(result.source, entity), metadata={"dagster/row_count": rows})
    for day in result.days:
        yield dg.MaterializeResult(asset_key=ledger_key(result.source), metadata=day_metadata(day))


def day_metadata(day: CapturedDay) -> dict[str, dg.MetadataValue]:
    """The counts of one captured day, by entity."""
    columns = ("source_rows", "upserts", "deletes", "rejected")
    return {
        "snapshot_date": dg.MetadataValue.text(str(day.snapshot_date)),
        "dagster/row_count": dg.MetadataValue.int(sum(entity.source_rows for entity in day.entities)),
        "rows_written": dg.MetadataValue.int(capture.rows_written(day)),
        "entities": dg.MetadataValue.table(
            [
                dg.TableRecord({"entity": entity.entity, **{name: getattr(entity, name) for name in columns}})
                for entity in day.entities
            ],
            schema=dg.TableSchema(
                [dg.TableColumn("entity", "string"), *(dg.TableColumn(name, "int") for name in columns)]
            ),
        ),
    }


def check_results(settings: Settings, result: SourceResult) -> Iterator[dg.AssetCheckResult]:
    """The verdicts of the checks of one source after an attempt."""
    key = ledger_key(result.source)
    missing = build.missing_days(settings, result.source)
    yield dg.AssetCheckResult(
        asset_key=key,
        check_name=lost_days.CHECK,
        passed=not result.lost,
        severity=dg.AssetCheckSeverity.ERROR,
        description=result.cause or ", ".join(map(str, result.asked[-30:])),
        metadata={"notes": dg.MetadataValue.json(list(result.notes))},
    )
    yield dg.AssetCheckResult(
        asset_key=key,
        check_name=GATES_CHECK,
        passed=not result.tripped,
        severity=dg.AssetCheckSeverity.ERROR,
        description="; ".join(result.refusals) or "none tripped",
    )
    rejected = sum(entity.rejected for day in result.days for entity in day.entities)
    yield dg.AssetCheckResult(
        asset_key=key,
        check_name="no_rejected_rows",
        passed=not rejected,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(result.notes) if rejected else "none rejected",
        metadata={"rejected": rejected},
    )
    yield dg.AssetCheckResult(
        asset_key=key,
        check_name="no_missing_days",
        passed=not missing or missing[-1] < result_day(result) - RECENT,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(missing)} missing: {', '.join(map(str, missing[-30:]))}" if missing else "none missing",
        metadata={"missing_days": len(missing)},
    )


def result_day(result: SourceResult) -> date:
    """The day that an attempt was about, the last one of several."""
    return result.asked[-1] if result.asked else date.max


def freshness() -> dg.FreshnessPolicy:
    """What is new every day: Dagster warns and then fails when it is not."""
    return dg.FreshnessPolicy.time_window(fail_window=TOO_LATE, warn_window=LATE)


@dataclass(frozen=True)
class LedgerCheck:
    """The check that reads every day of the ledger again; it has a job of its own because it takes a while."""

    settings: Settings

    def definition(self, source: str) -> dg.AssetChecksDefinition:
        """The check of one source's ledger."""

        @dg.asset_check(
            asset=ledger_key(source),
            name=VERIFY_CHECK,
            description="Counts, digests and the chain of receipts of every day match the files.",
            required_resource_keys={SOLE_WRITER},
            pool=POOL,
        )
        def verifies(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
            damaged = [item for item in verify(self.settings.store) if item.source == source]
            return dg.AssetCheckResult(
                passed=not damaged,
                severity=dg.AssetCheckSeverity.ERROR,
                description="; ".join(map(str, damaged[:20])) or "every day matches",
            )

        return verifies


def daily_partitions(settings: Settings, first: date) -> dg.DailyPartitionsDefinition:
    """One partition per business day in the company's time zone, today included."""
    return dg.DailyPartitionsDefinition(
        start_date=first.isoformat(), timezone=settings.config.company.time_zone, end_offset=1
    )
