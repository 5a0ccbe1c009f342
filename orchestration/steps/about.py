"""The table `about`: whose published file it is, which days it rests on, and when it was published.

Written while publishing, because no model can know that; read by people, BI tools and the report. Comes from the
settings, the clock and `dim_snapshot`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

import duckdb

from orchestration.settings.settings import Settings, clock, code_version

TABLE = "about"
COMMENT = "One row: whose file it is, which days it rests on, and when it was published."
COLUMNS: Mapping[str, str] = {
    "company_name": "What `name` under [company] of the settings says; NULL where it is not set.",
    "base_currency": "The currency of all amounts, unless a column says otherwise.",
    "time_zone": "The time zone whose midnight separates the days.",
    "first_date": "The first captured day.",
    "as_of_date": "The last captured day: what the tables call today.",
    "days": "Days from the first to the last captured one.",
    "gap_days": "How many of these days are missing in at least one source.",
    "days_behind": "Days from the last captured one to the day of publishing, in the company's time zone.",
    "published_at": "When the file was published, in UTC.",
    "version": "The version of Pipeledger that published it.",
}


@dataclass(frozen=True)
class About:
    """What the tables do not say: the company's settings, and when and by what the file is published."""

    company_name: str | None
    base_currency: str
    time_zone: str
    today: date
    published_at: datetime
    version: str


def about(settings: Settings) -> About:
    """What is said of a file that is published now."""
    company, now = settings.config.company, clock()
    return About(
        company.name,
        company.base_currency,
        company.time_zone,
        settings.config.today(now),
        now.astimezone(UTC).replace(tzinfo=None),
        code_version(),
    )


def write_about(connection: duckdb.DuckDBPyConnection, schema: str, said: About) -> None:
    """Create the table in a schema that has `dim_snapshot`."""
    connection.execute(
        f"""create table {schema}.{TABLE} as
        select
            $company_name::varchar as company_name,
            $base_currency::varchar as base_currency,
            $time_zone::varchar as time_zone,
            min(snapshot_date) as first_date,
            max(snapshot_date) as as_of_date,
            count(distinct snapshot_date)::integer as days,
            (count(distinct snapshot_date) filter (where status = 'gap'))::integer as gap_days,
            date_diff('day', max(snapshot_date), $today::date)::integer as days_behind,
            $published_at::timestamp as published_at,
            $version::varchar as version
        from {schema}.dim_snapshot""",
        vars(said),
    )
