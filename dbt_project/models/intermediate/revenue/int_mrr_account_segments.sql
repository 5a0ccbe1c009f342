-- One row per account of a customer x valid_from while it has a segment: its segment.
with

accounts as (

    select * from {{ ref('int_mrr_accounts') }}

),

seen_segments as (

    select * from {{ ref('int_account_segment_intervals') }}

),

segments as (

    select * from {{ ref('int_account_segments') }}

),

sources as (

    select * from {{ ref('int_sources') }}

),

snapshot_days as (

    select * from {{ ref('int_snapshot_days') }}
    where entity = 'account'

),

-- A source without opportunities: its accounts count from the days on which they were captured.
other_sources as (

    select
        snapshot_days.source,
        min(snapshot_days.first_captured_date) as first_captured_date
    from snapshot_days
    left join sources on snapshot_days.source = sources.source
    where sources.source is null
    group by snapshot_days.source

),

intervals as (

    select
        seen_segments.source,
        seen_segments.account_id,
        seen_segments.segment,
        seen_segments.valid_from,
        seen_segments.valid_to
    from seen_segments
    union all
    select
        segments.source,
        segments.account_id,
        segments.segment,
        case
            when segments.valid_from <= other_sources.first_captured_date
                then {{ beginning_of_time() }}
            else segments.valid_from
        end as valid_from,
        segments.valid_to
    from segments
    inner join other_sources on segments.source = other_sources.source
    where segments.valid_to > other_sources.first_captured_date

),

account_segments as (

    select
        accounts.account_key,
        intervals.segment,
        intervals.valid_from,
        intervals.valid_to
    from accounts
    inner join intervals
        on
            accounts.account_source = intervals.source
            and accounts.account_id = intervals.account_id

)

select * from account_segments
