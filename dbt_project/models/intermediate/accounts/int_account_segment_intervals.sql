-- One row per account x valid_from: its segment as the captured days see it. Covers all time.
with

segments as (

    select * from {{ ref('int_account_segments') }}

),

source_days as (

    select * from {{ ref('int_source_days') }}

),

sources as (

    select * from {{ ref('int_sources') }}

),
-- The segment changes where a version starts; where one ends, nobody knows the account (until the
-- next starts).
changes as (

    select
        segments.source,
        segments.account_id,
        segments.valid_from as changed_date,
        segments.segment,
        1 as preference
    from segments
    union all
    select
        segments.source,
        segments.account_id,
        segments.valid_to as changed_date,
        '(unassigned)' as segment,
        0 as preference
    from segments
    where segments.valid_to < {{ end_of_time() }}
    union all
    select
        segments.source,
        segments.account_id,
        {{ beginning_of_time() }} as changed_date,
        '(unassigned)' as segment,
        0 as preference
    from segments
    group by segments.source, segments.account_id

),

-- A change takes effect on the first captured day that can see it.
effective as (

    select
        changes.source,
        changes.account_id,
        changes.segment,
        changes.changed_date,
        changes.preference,
        case
            when changes.changed_date <= sources.first_captured_date then {{ beginning_of_time() }}
            else source_days.seen_date
        end as valid_from
    from changes
    inner join sources on changes.source = sources.source
    left join source_days
        on
            changes.source = source_days.source
            and changes.changed_date = source_days.date_day

),

-- Of several changes between two captured days the last one is seen.
seen as (

    select
        effective.*,
        row_number() over (
            partition by effective.source, effective.account_id, effective.valid_from
            order by effective.changed_date desc, effective.preference desc
        ) as recency
    from effective
    -- what no captured day has seen yet is not in force
    where effective.valid_from is not null

),

compared as (

    select
        seen.*,
        lag(seen.segment) over (
            partition by seen.source, seen.account_id
            order by seen.valid_from nulls last
        ) as previous_segment
    from seen
    where seen.recency = 1

),

intervals as (

    select
        compared.source,
        compared.account_id,
        compared.segment,
        compared.valid_from,
        cast(coalesce(
            lead(compared.valid_from) over (
                partition by compared.source, compared.account_id
                order by compared.valid_from nulls last
            ),
            {{ end_of_time() }}
        ) as date) as valid_to
    from compared
    where compared.previous_segment is null or compared.previous_segment <> compared.segment

)

select * from intervals
