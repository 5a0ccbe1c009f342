"""The usual ways: `dbt snapshot` in a project of its own, daily pipeline by joining a date spine to the history.

Also runs the project's own dbt models, with the default definitions, over a home of the benchmark.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.company import SOURCE
from benchmarks.measure import PROJECT, Cost, command, step
from orchestration.steps.dbt import one_at_a_time

MODELS = PROJECT / "dbt_project"
STARTS = 3
DBT = Path(sys.executable).with_name("dbt")
FILES = {
    "dbt_project.yml": "name: rival\nversion: '1.0'\nprofile: rival\nflags: {send_anonymous_usage_stats: false}\n",
    "profiles.yml": """
rival:
  target: duckdb
  outputs:
    duckdb: {type: duckdb, path: "{{ env_var('RIVAL_WAREHOUSE') }}", threads: 2, settings: {memory_limit: 3GB}}
""",
    "snapshots/opportunity.sql": """
{% snapshot opportunity %}
{{ config(
    target_schema='main', unique_key='opportunity_id', strategy='check', check_cols='all', hard_deletes='invalidate'
) }}
select * from read_parquet('{{ var("extract") }}')
{% endsnapshot %}
""",
}


def dbt_snapshot(folder: Path, before: Path, now: Path, **history: object) -> tuple[Cost, list[float]]:
    """What `dbt snapshot` takes for the extract `now` after the extract `before`, whole; and CPU seconds of one row.

    The latter come several times, because how much they differ is the noise of the former less the least of them.

    With the arguments of the step `snapshot_history` its table has the same past as the ledger.
    """
    for name, text in FILES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.lstrip())
    row = folder / "row.parquet"
    step("first_row", file=row, of=now)

    def snapshot(warehouse: str, extract: Path) -> Cost:
        environment = {"RIVAL_WAREHOUSE": str(folder / warehouse), "DBT_PROFILES_DIR": str(folder), "DO_NOT_TRACK": "1"}
        return command(
            [DBT, "--quiet", "snapshot", "--vars", json.dumps({"extract": str(extract)})], environment, folder
        )

    snapshot("small.duckdb", row)
    snapshot("large.duckdb", before)
    step("snapshot_history", warehouse=folder / "large.duckdb", **history)
    whole = snapshot("large.duckdb", now)
    return whole, [snapshot("small.duckdb", row).cpu for _ in range(STARTS)]


def build_marts(home: Path, *arguments: str) -> Cost:
    """Runs the project's own `dbt build` over a home's warehouse; leaves the models' SQL in `target/`.

    The answer is what dbt took after start-up: seconds.
    """
    variables = json.dumps({"sources": {SOURCE: {"type": "files", "columns": {}}}})
    environment = {
        "PIPELEDGER_WAREHOUSE": str(home / "warehouse.duckdb"),
        "DBT_TARGET_PATH": str(home / "target"),
        "DBT_LOG_PATH": str(home / "logs"),
        "DBT_LOG_LEVEL_FILE": "info",
        "DBT_PROFILES_DIR": str(MODELS),
        "DO_NOT_TRACK": "1",
    }
    threads = one_at_a_time(home / "warehouse.duckdb")
    cost = command([DBT, "--quiet", "build", *threads, *arguments, "--vars", variables], environment, MODELS)
    results = json.loads((home / "target" / "run_results.json").read_text())
    return replace(cost, answer=results["elapsed_time"])


def date_spine(file: Path) -> Path:
    """The query that everybody writes: every day joined to every row that was valid on it."""
    file.write_text(
        """
        select
            days.snapshot_date, history.pipeline, history.opportunity_type, history.segment, history.stage,
            history.close_fiscal_quarter,
            cast(count(*) as integer) as open_opportunities,
            cast(sum(coalesce(history.amount, 0)) as decimal(18, 2)) as open_amount,
            cast(sum(coalesce(round(cast(history.amount as decimal(38, 2)) * history.stage_probability, 2), 0))
                as decimal(18, 2)) as weighted_amount,
            days.is_complete
        from warehouse.intermediate.int_pipeline_days as days
        inner join warehouse.marts.fct_opportunity_history as history
            on history.valid_from <= days.snapshot_date and history.valid_to > days.snapshot_date
        where history.is_open
        group by all
        """
    )
    return file


def stage_time(file: Path, stays: Path) -> Path:
    """Days in each open stage by opportunity, from the project's own model of stays (its compiled SQL)."""
    file.write_text(
        f"""
        select
            opportunities.source, opportunities.opportunity_id, stages.pipeline, stages.stage,
            cast(sum(least(stays.valid_to, sources.last_captured_date) - stays.valid_from) as bigint) as days_in_stage
        from ({stays.read_text()}) as stays
        inner join warehouse.intermediate.int_stage_intervals as stages using (stage_interval_key)
        inner join warehouse.intermediate.int_opportunities as opportunities using (opportunity_key)
        inner join warehouse.intermediate.int_sources as sources on sources.source = opportunities.source
        where stays.stage_category = 'open' and stays.valid_from < sources.last_captured_date
        group by all
        """
    )
    return file


def stage_time_spine(file: Path) -> Path:
    """The same as everybody writes it: a row for each opportunity and day, counted."""
    file.write_text(
        """
        select
            history.source, history.opportunity_id, history.pipeline, history.stage,
            count(*) as days_in_stage
        from warehouse.intermediate.int_pipeline_days as days
        inner join warehouse.marts.fct_opportunity_history as history
            on history.valid_from <= days.snapshot_date and history.valid_to > days.snapshot_date
        where
            history.is_open
            and days.snapshot_date < (select max(snapshot_date) from warehouse.intermediate.int_pipeline_days)
        group by all
        """
    )
    return file
