"""One run at a time writes in the home: the lock as a Dagster resource, taken before the first step.

A scheduled run waits, and so does one of many days started at once in the UI; a run started by hand stops and says who
holds the lock; a run started by the command line is already inside its command's lock. Whoever gets the lock after a
crash tidies up what the crashed run left in Dagster.
"""

import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import dagster as dg
import duckdb

from orchestration.settings.errors import LockedError
from orchestration.settings.home import Home, open_home
from orchestration.settings.lease import lease_of
from orchestration.settings.lock import Holder, Lock, read_holder
from orchestration.settings.settings import Settings

TRIGGER_TAG = "pipeledger/trigger"
SCHEDULED = "schedule"
BACKFILL_TAG = "dagster/backfill"  # one of many runs started at once from the UI
HOLDING_PROCESS = re.compile(r"PID (\d+)")


def sole_writer(settings: Settings) -> dg.ResourceDefinition:
    """The resource that every step which writes requires."""

    @dg.resource(description="The lock of the home: one writer at a time.")
    def lock_of_the_home(context: dg.InitResourceContext) -> Iterator[Lock]:
        lock = Lock.of(settings.home, lease_of(settings.store.place))
        run = context.run
        tags = run.tags if run else {}
        is_patient = tags.get(TRIGGER_TAG) == SCHEDULED or BACKFILL_TAG in tags
        log = context.log.info if context.log else print
        lock.acquire(
            f"Dagster run {run.run_id if run else ''}",
            wait=is_patient,
            on_wait=lambda holder: log(f"waiting for {holder or 'another run'}"),
            report=log,
        )
        try:
            take_over(settings, lock, context.instance, run.run_id if run else None, log)
            yield lock
        finally:
            lock.release()

    return lock_of_the_home


def take_over(
    settings: Settings,
    lock: Lock,
    instance: dg.DagsterInstance | None,
    run_id: str | None,
    log: Callable[[str], None],
) -> None:
    """Make the home ready: clear what a crashed run left, wait for its children, note who writes now."""
    open_home(settings.home, settings.store.place, settings.config.company)
    if lock.crashed is not None and instance is not None:
        fail_crashed_run(instance, lock.crashed)
    wait_for_orphans(settings.home, log)
    holder = read_holder(lock.path)
    if holder is not None and run_id is not None:
        lock.describe(replace(holder, run_id=run_id))


def fail_crashed_run(instance: dg.DagsterInstance, crashed: Holder) -> None:
    """Mark the run of a killed process as failed, and free what it occupied."""
    run = instance.get_run_by_id(crashed.run_id) if crashed.run_id else None
    if run is None:
        return
    if not run.is_finished:
        instance.report_run_failed(run, f"Its process {crashed.pid} was killed. Captured days are kept.")
    if instance.event_log_storage.supports_global_concurrency_limits:
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)


def wait_for_orphans(home: Home, log: Callable[[str], None], timeout: float = 300.0) -> None:
    """Wait until a dbt process that outlived its killed run lets go of the warehouse."""
    deadline, announced = time.monotonic() + timeout, False
    while home.warehouse.exists():
        try:
            duckdb.connect(str(home.warehouse)).close()
        except duckdb.IOException as error:
            found = HOLDING_PROCESS.search(str(error))
            if found is None or int(found[1]) == os.getpid():
                return  # damaged or ours: whoever opens it next says so
            if time.monotonic() > deadline:
                raise LockedError(
                    f"{home.warehouse}: still written by process {found[1]} after {timeout:.0f} s. "
                    f"Nothing was done. End that process (kill {found[1]}), then run again."
                ) from error
            if not announced:
                log(f"waiting for process {found[1]}, which still writes {home.warehouse.name}")
                announced = True
            time.sleep(0.5)
        else:
            return
