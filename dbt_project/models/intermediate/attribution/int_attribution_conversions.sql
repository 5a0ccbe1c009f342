-- One row per opportunity x purpose x fiscal quarter x cut-off: what there is to attribute (the
-- opportunity as it was created, or as it was won), and as of which days that is told.
with

history as (

    select * from {{ ref('fct_opportunity_history') }}

),

outcomes as (

    select * from {{ ref('fct_win_outcomes') }}
    where outcome = 'won'

),

win_quarters as (

    select * from {{ ref('int_win_quarters') }}

),

snapshot_days as (

    select * from {{ ref('int_snapshot_days') }}
    where status <> 'gap'

),

fiscal_days as (

    select * from {{ ref('int_fiscal_days') }}

),

policy as (

    select * from {{ ref('int_metric_policy') }}

),

last_days as (

    select
        fiscal_days.fiscal_quarter,
        max(snapshot_days.snapshot_date) as last_captured_date
    from snapshot_days
    inner join fiscal_days on snapshot_days.snapshot_date = fiscal_days.date_day
    group by fiscal_days.fiscal_quarter

),

-- A quarter that is over was reported on the last day captured by its end.
quarters as (

    select
        win_quarters.fiscal_quarter,
        win_quarters.as_of_date,
        win_quarters.is_restated,
        case
            when not win_quarters.is_reported or not win_quarters.has_report then null
            when win_quarters.is_restated then win_quarters.as_of_date
            else max(last_days.last_captured_date)
        end as reported_date
    from win_quarters
    left join last_days on win_quarters.as_of_date >= last_days.last_captured_date
    group by
        win_quarters.fiscal_quarter,
        win_quarters.as_of_date,
        win_quarters.is_restated,
        win_quarters.is_reported,
        win_quarters.has_report

),

firsts as (

    select
        history.*,
        coalesce(history.created_date, history.valid_from) as creation_date,
        row_number() over (
            partition by history.source, history.opportunity_id
            order by history.valid_from nulls last
        ) as version_number
    from history

),

creations as (

    select
        firsts.*,
        coalesce(fiscal_days.fiscal_quarter, '(none)') as creation_quarter
    from firsts
    left join fiscal_days on firsts.creation_date = fiscal_days.date_day
    where firsts.version_number = 1

),

sourced as (

    select
        creations.source,
        creations.opportunity_id,
        creations.creation_quarter as fiscal_quarter,
        creations.creation_date as cut_off_date,
        max(case when quarters.is_restated then quarters.as_of_date end) as restated_date,
        max(quarters.reported_date) as reported_date
    from creations
    inner join quarters
        on
            creations.creation_quarter = quarters.fiscal_quarter
            and creations.valid_from <= quarters.as_of_date
    group by
        creations.source,
        creations.opportunity_id,
        creations.creation_quarter,
        creations.creation_date

),

won as (

    select
        outcomes.source,
        outcomes.opportunity_id,
        outcomes.fiscal_quarter,
        outcomes.decided_date as cut_off_date,
        max(case when outcomes.is_restated then outcomes.as_of_date end) as restated_date,
        max(quarters.reported_date) as reported_date,
        max(case when outcomes.is_restated then outcomes.amount end) as booked_amount
    from outcomes
    inner join quarters
        on
            outcomes.fiscal_quarter = quarters.fiscal_quarter
            and outcomes.as_of_date = quarters.as_of_date
    group by
        outcomes.source, outcomes.opportunity_id, outcomes.fiscal_quarter, outcomes.decided_date

),

purposes as (

    select
        sourced.*,
        null as booked_amount,
        'sourced' as purpose
    from sourced
    union all
    select
        won.*,
        'won' as purpose
    from won

),

-- The first captured day says what was created, the day won what was won.
conversions as (

    select
        -- ids
        cast(row_number() over (
            order by
                purposes.purpose nulls last,
                purposes.source nulls last,
                purposes.opportunity_id nulls last,
                purposes.fiscal_quarter nulls last,
                purposes.cut_off_date nulls last
        ) as integer) as conversion_key,
        purposes.source,
        purposes.opportunity_id,
        purposes.purpose,
        purposes.fiscal_quarter,
        history.account_id,

        -- attributes
        history.segment,
        coalesce({{ is_listed('history.lead_source', 'policy.marketing_lead_sources') }}, false)
            as is_lead_source_of_marketing,

        -- numerics
        cast(coalesce(history.amount, 0) as decimal(18, 2)) as amount,
        purposes.booked_amount,

        -- dates
        creations.creation_date,
        purposes.cut_off_date,
        cast({{ dbt.dateadd(
            'day', '-1 * policy.attribution_window_days', 'purposes.cut_off_date'
        ) }} as date) as window_start_date,
        greatest(purposes.cut_off_date, creations.valid_from) as people_until,
        purposes.restated_date,
        purposes.reported_date
    from purposes
    inner join creations
        on
            purposes.source = creations.source
            and purposes.opportunity_id = creations.opportunity_id
    inner join history
        on
            purposes.source = history.source
            and purposes.opportunity_id = history.opportunity_id
            and history.valid_from
            = case purposes.purpose
                when 'won' then purposes.cut_off_date
                else creations.valid_from
            end
    inner join policy
        on
            purposes.cut_off_date >= policy.valid_from
            and purposes.cut_off_date < policy.valid_to

)

select * from conversions
