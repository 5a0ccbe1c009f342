"""The sensor that tells the operator: failed runs, lost days, gates that tripped, days that did not come, damage.

Comes from Dagster's runs and checks and from the ledger's receipts; goes to the places of `steps/alerts.py`. Dagster's
daemon looks every few minutes, and a run of the command line looks at its end: who runs it from cron is told, too.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg

from orchestration.dag import lost_days
from orchestration.dag.assets import GATES_CHECK, VERIFY_CHECK, ledger_key
from orchestration.settings.settings import Settings, clock
from orchestration.steps.alerts import Alert, tell, told_since, urls
from snapshots.receipts import read_receipts
from snapshots.store import LedgerError

SECONDS = 300


def alert_sensor(settings: Settings, *, is_demo: bool) -> dg.SensorDefinition:
    """Looks every five minutes; runs where [alerts] is in the settings, and never by itself on the demo."""
    runs = settings.config.alerts.is_enabled and not is_demo

    @dg.sensor(
        name="tell_the_operator",
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING if runs else dg.DefaultSensorStatus.STOPPED,
        description=(
            "Sends a message, once, about a failed run, a day with a gap, a gate that tripped, a day that did not "
            "come, a damaged ledger. `pipeledger doctor --alert` sends a test."
        ),
    )
    def tell_the_operator(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        if not urls():
            return dg.SkipReason("PIPELEDGER_ALERT_URLS is not set: there is nobody to tell.")
        sent = tell_now(settings, context.instance)
        return dg.SkipReason(f"told: {'; '.join(sent)}" if sent else "nothing new to tell")

    return tell_the_operator


def tell_now(settings: Settings, instance: dg.DagsterInstance) -> list[str]:
    """Tell what is to be told now; the titles of what was sent. UndeliveredError where a place was not reached."""
    now = clock()
    alerts = [
        *failed_runs(settings, instance),
        *stale_sources(settings),
        *damaged_ledgers(settings, instance),
    ]
    return tell(settings, alerts, now)


def failed_runs(settings: Settings, instance: dg.DagsterInstance) -> Iterator[Alert]:
    """One alert for each run that failed since the operator is told."""
    failed = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=told_since(settings, clock()))
    for record in instance.get_run_records(failed):
        run = record.dagster_run
        gaps = run.tags.get(lost_days.GAP_TAG)
        checks = lost_days.failed_checks(instance, run.run_id)
        kind = "gate" if GATES_CHECK in checks else "gap" if gaps else "failed"
        title = f"Pipeledger: {gaps} not captured" if gaps else f"Pipeledger: the run `{run.job_name}` failed"
        said = checks.get(lost_days.CHECK) or failure(instance, run.run_id)
        advice = f"Run {run.run_id} in Dagster (`pipeledger ui`) shows each step; `pipeledger status` what is there."
        yield Alert(f"run:{run.run_id}", kind, title, f"{said}\n{advice}")


def failure(instance: dg.DagsterInstance, run_id: str) -> str:
    """Why a run failed: what its steps said, or Dagster of the run."""
    kinds = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
    events = [
        record.event_log_entry.get_dagster_event()
        for record in instance.get_records_for_run(run_id, of_type=kinds).records
    ]
    steps = [
        reason(event.step_failure_data) for event in events if event.event_type == dg.DagsterEventType.STEP_FAILURE
    ]
    return "\n".join(steps or [event.message or "" for event in events]) or "Nothing says why."


def reason(failure: Any) -> str:
    """Why a step failed: the innermost cause, without its stack."""
    error = failure.error
    while error is not None and error.cause is not None:
        error = error.cause
    if error is None:
        return "a step failed"
    message = str(error.message).strip()
    name, _, said = message.partition(": ")  # Python puts the class in front
    return (said if name.rpartition(".")[2] == error.cls_name else message) or "stopped by hand"


def stale_sources(settings: Settings) -> Iterator[Alert]:
    """One alert for each source whose last captured day lies further back than the settings allow."""
    config, last = settings.config, dict[str, date]()
    try:
        for receipt in read_receipts(settings.store):
            if not receipt.is_reconstructed:
                last[receipt.source] = max(receipt.snapshot_date, last.get(receipt.source, receipt.snapshot_date))
    except LedgerError as error:
        advice = "Run `pipeledger verify`; it names every damaged day and what to do."
        yield Alert(f"damaged:{error}", "damaged", "Pipeledger: the ledger is damaged", f"{error}\n{advice}")
        return
    for source in config.enabled:
        due = source.as_of or config.today(clock())
        if source.name in last and (due - last[source.name]).days > config.alerts.stale_days:
            behind = (due - last[source.name]).days
            yield Alert(
                f"stale:{source.name}:{last[source.name]}",
                "stale",
                f"Pipeledger: {source.name} was last captured for {last[source.name]}",
                f"That is {behind} days behind {due}; at most {config.alerts.stale_days} expected. A day that nobody "
                "captures is lost. See that Dagster runs (`pipeledger ui`), or run `pipeledger run` now.",
            )


def damaged_ledgers(settings: Settings, instance: dg.DagsterInstance) -> Iterator[Alert]:
    """One alert for each source whose ledger did not match its receipts when it was last verified."""
    for source in settings.config.enabled:
        record = instance.get_latest_asset_check_evaluation_record(
            dg.AssetCheckKey(ledger_key(source.name), VERIFY_CHECK)
        )
        event = record.event if record is not None else None
        dagster_event = event.dagster_event if event is not None else None
        if record is None or dagster_event is None:
            continue
        check = dagster_event.asset_check_evaluation_data
        if not check.passed:
            yield Alert(
                f"damaged:{source.name}:{record.run_id}",
                "damaged",
                f"Pipeledger: the ledger of {source.name} is damaged",
                f"{check.description}\nRestore {settings.store.ledger / source.name} from a backup, then run "
                "`pipeledger verify` and `pipeledger rebuild`.",
            )
