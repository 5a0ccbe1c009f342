"""The demo: a home of its own with the synthetic company's settings, every day of it captured, built and published.

Comes from `ingestion.demo_company`; goes to a home that it marks as its own, and it refuses any other.
"""

import sys
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from ingestion.demo_company import source as demo
from ingestion.demo_company.home import TIME_ZONE
from orchestration.dag.runs import RunReport, run_range
from orchestration.settings.config import FILE_NAME, load_config
from orchestration.settings.errors import ConfigError
from orchestration.settings.home import Home, open_home
from orchestration.settings.settings import Settings, clock
from orchestration.steps.sources import first_day

SEED = 7
QUERIES = (
    (
        "Which segment gets stuck in Negotiation?",
        "select segment, visits, km_median_days, km_p90_days from rpt_stage_velocity where fiscal_quarter = '(all)' "
        "and pipeline = 'New Business' and stage = 'Negotiation' order by km_median_days desc",
    ),
    (
        "Who pushes close dates the most?",
        "select owner_name, count(*) as deals, round(avg(push_count), 1) as pushes_per_deal from "
        "fct_opportunity_current join dim_owner using (source, owner_id) group by 1 having count(*) >= 20 "
        "order by 3 desc limit 5",
    ),
    (
        "Is there enough pipeline for this quarter?",
        "select segment, target_amount, won_amount, open_amount, round(coverage_ratio, 2) as coverage, "
        "round(required_coverage_ratio, 2) as needed from rpt_pipeline_coverage where quarter_day > 0 "
        "and snapshot_date = (select max(snapshot_date) from rpt_pipeline_coverage) order by target_amount desc",
    ),
    (
        "What did the pipeline look like on the first captured day, deal by deal?",
        "select opportunity_id, segment, stage, amount, close_date from pipeline_as_of((select min(snapshot_date) from "
        "dim_snapshot)) where is_open order by amount desc nulls last limit 10",
    ),
    (
        "How much of last year's revenue is still there?",
        "select month_end, round(nrr, 3) as nrr, round(grr, 3) as grr, cohort_customers, churned_customers from "
        "rpt_revenue_retention where level = 'customer' and segment = '(all)' order by month_end desc limit 6",
    ),
)


def run_demo(home: Home, days: int) -> RunReport:
    """Write the company's settings, if this is its first time, and capture its days up to yesterday."""
    if days < 1:
        raise ConfigError(f"demo: got --days {days}, at least 1 expected.")
    settings_file = home.root / FILE_NAME
    if not settings_file.exists():
        start = clock().astimezone(ZoneInfo(TIME_ZONE)).date() - timedelta(days=days)
        demo.write_home(home.root, start_date=start, seed=SEED)
    settings = Settings(load_config(settings_file, {}), home)
    if settings.config.ledger is not None:
        raise ConfigError(f"{settings_file}: got [ledger] path, none expected: the demo's ledger lies in its home.")
    open_home(home, settings.store.place, settings.config.company, created_by="demo")
    yesterday = settings.config.today(clock()) - timedelta(days=1)
    start = first_day(settings.config, settings.store.ledger, yesterday)
    return run_range(settings, start, min(start + timedelta(days=days - 1), yesterday))


def farewell(home: Home) -> str:
    """Where everything is, five questions and how to open the UI."""
    root, program = shortest(home.root), shortest(Path(sys.executable).with_name("pipeledger"))
    lines = [
        "",
        f"The published file: {shortest(home.published)} (any DuckDB client opens it, read-only)",
        "",
        f"The report, for a browser: {shortest(home.report)}",
        "",
        "Five questions it answers:",
    ]
    for number, (question, query) in enumerate(QUERIES, start=1):
        lines += ["", f"{number}. {question}", f'   PIPELEDGER_HOME={root} {program} sql "{query}"']
    lines += [
        "",
        f"Every captured day in Dagster: PIPELEDGER_HOME={root} {program} ui",
        "then http://127.0.0.1:3000",
    ]
    return "\n".join(lines)


def shortest(path: Path) -> str:
    """A path as one would type it here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
