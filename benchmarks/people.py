"""The people of the benchmark's company: two for each opportunity, and ten touches for each person.

They are written into the cache of a warehouse, as a rebuild of a ledger would leave it, because what they are for is
the time that the models take. Like the opportunities of `company.py` they are functions of their number alone.
Sources and days are those of the opportunities that lie there.
`python -m benchmarks.people <warehouse> <opportunities>`
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

from benchmarks.company import SOURCE
from snapshots.digest import literal

ACCOUNTS = 80_000  # as many as the opportunities of `company.py` name
CAMPAIGNS = 500

_BEFORE = "timestamp '2020-06-01'"
_CAUGHT = "greatest(date '{first}', cast({at} as date) + 1)"


def _text(prefix: str, number: str) -> str:
    return f"'{prefix}' || lpad(({number})::varchar, 15, '0')"


def _hash(number: str) -> str:
    return f"(hash({number}) >> 4)::bigint"


def queries(size: int, first: str, last: str) -> dict[str, str]:
    """By entity, SQL for its versions with the cache's columns; `first` and `last` are captured days.

    Two in seven people are contacts of an account, the others leads. Half of all become MQL, some of those twice; one
    in twelve shares an address with another record. A person's steps are captured on the day after.
    """
    people, touches = 2 * size, 20 * size
    opportunity = _text("006", f"{{}} % {size}")
    moments = f"""
        select i, h, created_at, mql_at, sal_at, sql_at, again_at,
            mql_at + to_seconds(h % 90 * (h % 91) * 60) as response_at
        from (
            select *, case when h % 100 < 30 then mql_at + to_seconds(h % 260000) end as sal_at,
                case when h % 100 < 15 then mql_at + to_seconds(260000 + h % 1200000) end as sql_at,
                case when h % 100 between 42 and 49 then mql_at + to_days(120) end as again_at
            from (
                select *, case when h % 100 < 50 then created_at + to_seconds(h % 1700000) end as mql_at
                from (
                    select i, {_hash("i")} as h,
                        timestamp '2022-01-01' + to_seconds({_hash("i * 5")} % 125000000) as created_at
                    from range({people}) as t(i)
                )
            )
        )
    """
    steps = " union all ".join(
        f"select *, {number} as step, {at} as changed_at from moments where {at} is not null"
        for number, at in enumerate(("created_at", "mql_at", "sal_at", "sql_at", "again_at"))
    )
    person = f"""
        with moments as ({moments}),
        steps as ({steps}),
        changes as (
            select *, {_CAUGHT.format(first=first, at="changed_at")} as valid_from from steps
        ),
        latest as (
            select i, valid_from, max(step) as step from changes
            where valid_from <= date '{last}' group by i, valid_from
        )
        select
            {_text("00Q", "i")} as person_id,
            case when i % 7 < 2 then {_text("001", f"{_hash('i * 17')} % {ACCOUNTS}")} end as account_id,
            ['web', 'partner', 'outbound', 'event', 'referral'][1 + h % 5] as lead_source,
            (h % 1000)::decimal(18, 4) / 10 as lead_score,
            case
                when step = 3 and h % 100 < 10 then 'converted'
                else ['new', 'mql', 'sal', 'sql', 'mql'][1 + step]
            end as status,
            {_text("005", "h % 400")} as owner_id,
            created_at,
            case when step = 4 then again_at when step >= 1 then mql_at end as mql_at,
            case when step >= 2 then sal_at end as sal_at,
            case when step >= 3 then sql_at end as sql_at,
            case when step >= 1 and h % 10 > 0 then response_at end as first_response_at,
            case when step = 3 and h % 100 < 10 then {opportunity.format(_hash("i * 13"))} end
                as converted_opportunity_id,
            case when i % 7 < 2 or (step = 3 and h % 100 < 10) then 'contact' else 'lead' end as record_type,
            md5((case when i % 12 = 1 then i - 1 else i end)::varchar) as email_digest,
            valid_from,
            coalesce(lead(valid_from) over (partition by i order by valid_from), date '9999-12-31') as valid_to
        from latest join moments using (i)
    """
    touch = f"""
        select
            {_text("00T", "i")} as touch_id,
            {_text("00Q", f"{_hash('i * 7')} % {people}")} as person_id,
            case when i % 8 > 0 then {_text("701", f"{_hash('i * 3')} % {CAMPAIGNS}")} end as campaign_id,
            ['ad_click', 'email_click', 'webinar_attended', 'website_visit', 'booth_visit'][1 + i % 5] as touch_type,
            touched_at,
            {_CAUGHT.format(first=first, at="touched_at")} as valid_from,
            date '9999-12-31' as valid_to
        from (select i, {_BEFORE} + to_seconds({_hash("i")} % 176000000) as touched_at from range({touches}) as t(i))
        where cast(touched_at as date) < date '{last}'
    """
    role = f"""
        select
            {_text("006", "i")} as opportunity_id,
            {_text("00Q", f"{_hash('2 * i + k')} % {people}")} as person_id,
            'Champion' as role,
            k = 0 as is_primary,
            date '{first}' as valid_from,
            date '9999-12-31' as valid_to
        from range({size}) as t(i) cross join range(2) as u(k)
        where hash(3 * i + k) % 100 < 55
    """
    campaign = f"""
        select
            {_text("701", "i")} as campaign_id,
            'Campaign ' || i as campaign_name,
            ['paid', 'email', 'event', 'webinar', 'partner', 'organic', 'social'][1 + i % 7] as channel,
            (1000 + i)::decimal(18, 2) as cost,
            'USD' as currency_code,
            date '2020-06-01' + (i * 4)::integer as start_date,
            date '2020-07-01' + (i * 4)::integer as end_date,
            date '{first}' as valid_from,
            date '9999-12-31' as valid_to
        from range({CAMPAIGNS}) as t(i)
    """
    activity = f"""
        select
            {_text("00A", "i")} as activity_id,
            {opportunity.format("i")} as opportunity_id,
            {_text("00Q", f"{_hash('i * 7')} % {people}")} as person_id,
            {_text("005", "i % 400")} as owner_id,
            'call' as activity_type,
            occurred_at,
            {_CAUGHT.format(first=first, at="occurred_at")} as valid_from,
            date '9999-12-31' as valid_to
        from (
            select i, timestamp '2022-01-01' + to_seconds({_hash("i * 3")} % 125000000) as occurred_at
            from range({people}) as t(i)
        )
        where cast(occurred_at as date) < date '{last}'
    """
    return {
        "person": person,
        "touch": touch,
        "opportunity_contact_role": role,
        "campaign": campaign,
        "activity": activity,
    }


def add_people(warehouse: Path, size: int) -> dict[str, int]:
    """Writes them beside the `size` opportunities of the cache, which a rebuild has made; gives rows by entity."""
    rows: dict[str, int] = {}
    with duckdb.connect(str(warehouse), config={"memory_limit": "3GB", "threads": 2}) as con:
        con.execute("set preserve_insertion_order = false")
        (first, last) = (
            con.execute("select min(snapshot_date), max(snapshot_date) from ledger.receipts").fetchone() or ()
        )
        for relation in ("receipts", "extracted_columns"):
            con.execute(f"create temp table kept as from ledger.{relation} where entity = 'opportunity'")
            con.execute(f"drop view ledger.{relation}")
            con.execute(f"create table ledger.{relation} as from kept")
            con.execute("drop table kept")
        for entity, query in queries(size, str(first), str(last)).items():
            relation = f"ledger.files__{entity}"
            con.execute(f"drop view {relation}")
            con.execute(
                f"create table {relation} as select {literal(SOURCE)} as source, 'upsert' as _pl_change, "
                f"'observed' as _pl_origin, * from ({query})"
            )
            con.execute(
                f"insert into ledger.receipts select * replace ('{entity}' as entity) from ledger.receipts "
                "where entity = 'opportunity'"
            )
            con.execute(
                f"insert into ledger.extracted_columns select {literal(SOURCE)}, 'files', '{entity}', column_name, "
                f"date '{first}', date '{last}' from duckdb_columns() where schema_name = 'ledger' "
                f"and table_name = 'files__{entity}' and column_name not in "
                "('source', 'valid_from', 'valid_to', '_pl_change', '_pl_origin')"
            )
            (rows[entity],) = con.execute(f"select count(*) from {relation}").fetchone() or (0,)
    return rows


if __name__ == "__main__":
    print(add_people(Path(sys.argv[1]), int(sys.argv[2])))
