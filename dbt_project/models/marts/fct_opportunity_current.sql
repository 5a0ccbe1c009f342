-- One row per opportunity that ever existed: its latest version, deleted and merged ones flagged.
with

history as (

    select * from {{ ref('fct_opportunity_history') }}

),

captured as (

    select * from {{ ref('stg_opportunity') }}

),

absences as (

    select * from {{ ref('int_opportunity_history') }}
    where existence <> 'existing' and is_current

),

stage_stays as (

    select * from {{ ref('int_stage_stays') }}

),

pushes as (

    select * from {{ ref('int_close_date_pushes') }}

),

last_days as (

    select
        int_source_days.source,
        max(int_source_days.last_captured_date) as last_captured_date
    from {{ ref('int_source_days') }} as int_source_days
    group by int_source_days.source

),

latest_dates as (

    select
        history.source,
        history.opportunity_id,
        max(history.valid_from) as valid_from
    from history
    group by history.source, history.opportunity_id

),

-- The latest version, the latest captured row and the latest stay in a stage all end together.
latest as (

    select
        history.*,
        captured.opportunity_name,
        absences.existence,
        coalesce(pushes.push_count, 0) as push_count,
        coalesce(pushes.days_pushed, 0) as days_pushed,
        stage_stays.valid_from as stage_entered_date,
        last_days.last_captured_date,
        case
            when not history.is_current then history.valid_to
            when history.stage_category in ('won', 'lost') then stage_stays.valid_from
            else last_days.last_captured_date
        end as aged_until_date
    from latest_dates
    inner join history
        on
            latest_dates.source = history.source
            and latest_dates.opportunity_id = history.opportunity_id
            and latest_dates.valid_from = history.valid_from
    inner join last_days on history.source = last_days.source
    inner join stage_stays
        on
            history.source = stage_stays.source
            and history.opportunity_id = stage_stays.opportunity_id
            and history.valid_to = stage_stays.valid_to
    left join captured
        on
            history.source = captured.source
            and history.opportunity_id = captured.opportunity_id
            and history.valid_to = captured.valid_to
    left join absences
        on
            history.source = absences.source
            and history.opportunity_id = absences.opportunity_id
    left join pushes
        on
            history.source = pushes.source
            and history.opportunity_id = pushes.opportunity_id

),

current_opportunities as (

    select
        -- ids
        latest.source,
        latest.opportunity_id,
        latest.opportunity_name,
        latest.account_id,
        latest.owner_id,

        -- interval
        latest.valid_from,
        latest.valid_to,
        latest.is_current,
        latest.origin,

        -- attributes
        latest.pipeline,
        latest.stage,
        latest.source_stage,
        latest.stage_order,
        latest.stage_category,
        latest.segment,
        latest.opportunity_type,
        latest.forecast_category,
        latest.lead_source,
        latest.next_step,

        -- flags
        latest.is_open,
        latest.is_won,
        not latest.is_current as is_deleted,
        coalesce(latest.existence = 'merged', false) as is_merged,

        -- numerics
        latest.amount,
        latest.source_amount,
        latest.currency_code,
        latest.stage_probability,
        case
            when latest.created_date <= latest.aged_until_date
                then cast({{ dbt.datediff(
                    'latest.created_date', 'latest.aged_until_date', 'day'
                ) }} as integer)
        end as age_days,
        case
            when latest.is_open and latest.is_current
                then cast({{ dbt.datediff(
                    'latest.stage_entered_date', 'latest.last_captured_date', 'day'
                ) }} as integer)
        end as days_in_stage,
        latest.push_count,
        latest.days_pushed,
        cast(null as integer) as stall_count,

        -- dates
        latest.close_date,
        latest.close_fiscal_quarter,
        latest.created_date
    from latest

)

select * from current_opportunities
