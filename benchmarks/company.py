"""The data of the benchmark: a CRM of `size` opportunities with 26 columns, a function of row and day alone.

30 % of the opportunities are open, and on each day 1.5 % of those change stage, amount, close date and next step.
What a row looks like is decided by its number `i` and the day number `d` of its last change (0 if it never did), so
any day's extract and any stretch of history can be made without the days between.
"""

from __future__ import annotations

from datetime import date, timedelta

from ingestion.entities import ENTITIES

ENTITY = "opportunity"
SOURCE = "crm"
DAYS = 1_095
"""How many captured days a large company has."""
CUSTOM = tuple(f"custom_{number}" for number in range(1, 6))
TYPES = {
    **{name: kind for name, kind in ENTITIES[ENTITY].columns.items() if name not in ENTITIES[ENTITY].flat},
    **dict.fromkeys(CUSTOM, "VARCHAR"),
}
"""The columns and their ledger types."""


def day_of(number: int) -> date:
    """Day `number` of the company."""
    return date(2023, 1, 1) + timedelta(days=number)


def changes(size: int, last: int) -> str:
    """SQL for the changes after day 0: `i`, `d`."""
    return (
        f"select i, d from (select i from range({size}) as t(i) where hash(i) % 100 < 30) "
        f"cross join range(1, {last + 1}) as u(d) where hash(i * 1000003 + d) % 1000 < 15"
    )


def versions_on(size: int, day: int, changed: str) -> str:
    """SQL for the version that each row has on `day`: `i`, `d`. `changed` is a relation of all changes."""
    return (
        f"select t.i, coalesce(max(c.d), 0) as d from range({size}) as t(i) "
        f"left join (select i, d from {changed} where d <= {day}) as c on c.i = t.i group by t.i"
    )


def rows(versions: str) -> str:
    """SQL for the rows of `versions` (a relation with `i` and `d`): `i`, `d` and the 26 columns."""
    return f"""
    select i, d,
        '006' || lpad(i::varchar, 15, '0') as opportunity_id,
        '001' || lpad((h % 80000)::varchar, 15, '0') as account_id,
        'Opportunity ' || (h % 1000003)::varchar as opportunity_name,
        ['new_business', 'expansion', 'renewal'][1 + h % 3] as opportunity_type,
        'default' as pipeline,
        case when hash(i) % 100 < 30 then ['Prospecting', 'Qualification', 'Proposal', 'Negotiation'][1 + c % 4]
            when h % 4 = 0 then 'Closed Won' else 'Closed Lost' end as stage,
        ((h % 10000000) / 100 + c % 5000)::decimal(18, 2) as amount,
        ['USD', 'EUR'][1 + (h // 7) % 2] as currency_code,
        date '2023-01-01' + (h % 1400)::integer + (c % 30)::integer as close_date,
        timestamptz '2021-06-01 12:00:00+00' + interval (h % 30000000) second as created_at,
        '005' || lpad((h % 400)::varchar, 15, '0') as owner_id,
        ['Pipeline', 'Best Case', 'Commit', 'Omitted'][1 + h % 4] as forecast_category,
        ((h % 100) / 100)::decimal(9, 6) as probability,
        ((h % 5000000) / 100 + c % 5000)::decimal(18, 2) as expected_revenue,
        ['web', 'partner', 'outbound', 'event', 'referral'][1 + h % 5] as lead_source,
        case when h % 3 = 0 then '701' || lpad((h % 500)::varchar, 15, '0') end as campaign_id,
        case when h % 2 = 0 then 'Call ' || (c % 1000)::varchar end as next_step,
        timestamptz '2022-01-01 08:00:00+00' + interval (h % 20000000) second as last_activity_at,
        case when hash(i) % 100 >= 30 and h % 4 <> 0 then ['price', 'timing', 'competitor'][1 + h % 3] end
            as loss_reason,
        false as is_deleted,
        null::varchar as merged_into_opportunity_id,
        'text ' || (h % 9973)::varchar as custom_1,
        (h % 7)::varchar as custom_2,
        case when h % 5 = 0 then 'note ' || h::varchar end as custom_3,
        ['emea', 'amer', 'apac'][1 + h % 3] as custom_4,
        (h % 2 = 0)::varchar as custom_5
    from (select i, d, (hash(i) >> 4)::bigint as h, (hash(i * 7919 + d) >> 4)::bigint as c from {versions})
    """
