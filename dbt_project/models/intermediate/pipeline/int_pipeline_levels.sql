-- One row per fiscal quarter x segment x week with open pipeline at its beginning or its end.
with

daily as (

    select * from {{ ref('fct_pipeline_daily') }}
    where open_opportunities > 0

),

days as (

    select * from {{ ref('dim_date') }}

),

pipeline_days as (

    select * from {{ ref('int_pipeline_days') }}

),

history as (

    select * from {{ ref('int_opportunity_history') }}
    where stage_category = 'open'

),

opportunities as (

    select * from {{ ref('int_opportunities') }}

),

sources as (

    select * from {{ ref('int_sources') }}

),

fiscal_days as (

    select * from {{ ref('int_fiscal_days') }}

),

-- A week ends on its last captured day or, in between, on Sunday.
weeks as (

    select
        days.week_start_date,
        max(pipeline_days.snapshot_date) as last_date,
        cast({{ dbt.dateadd('day', 7, 'days.week_start_date') }} as date) as next_week_date
    from pipeline_days
    inner join days on pipeline_days.snapshot_date = days.date_day
    group by days.week_start_date

),

closing as (

    select
        weeks.week_start_date,
        weeks.next_week_date,
        daily.close_fiscal_quarter as fiscal_quarter,
        daily.segment,
        sum(daily.open_amount) as amount,
        sum(daily.open_opportunities) as opportunities
    from daily
    inner join weeks on daily.snapshot_date = weeks.last_date
    group by
        weeks.week_start_date, weeks.next_week_date, daily.close_fiscal_quarter, daily.segment

),

-- What a source holds on its first captured day was there before anybody looked.
first_states as (

    select
        days.week_start_date,
        coalesce(fiscal_days.fiscal_quarter, '(none)') as fiscal_quarter,
        history.segment,
        sum(coalesce(history.amount, 0)) as amount,
        count(*) as opportunities
    from history
    inner join opportunities on history.opportunity_key = opportunities.opportunity_key
    inner join sources
        on
            opportunities.source = sources.source
            and history.valid_from = sources.first_captured_date
    inner join days on history.valid_from = days.date_day
    left join fiscal_days on history.close_date = fiscal_days.date_day
    group by days.week_start_date, coalesce(fiscal_days.fiscal_quarter, '(none)'), history.segment

),

parts as (

    select
        closing.week_start_date,
        closing.fiscal_quarter,
        closing.segment,
        0 as opening_amount,
        0 as opening_opportunities,
        closing.amount as closing_amount,
        closing.opportunities as closing_opportunities
    from closing
    union all
    select
        weeks.week_start_date,
        closing.fiscal_quarter,
        closing.segment,
        closing.amount as opening_amount,
        closing.opportunities as opening_opportunities,
        0 as closing_amount,
        0 as closing_opportunities
    from closing
    inner join weeks on closing.next_week_date = weeks.week_start_date
    union all
    select
        first_states.week_start_date,
        first_states.fiscal_quarter,
        first_states.segment,
        first_states.amount as opening_amount,
        first_states.opportunities as opening_opportunities,
        0 as closing_amount,
        0 as closing_opportunities
    from first_states

),

levels as (

    select
        parts.week_start_date,
        parts.fiscal_quarter,
        parts.segment,
        sum(parts.opening_amount) as opening_amount,
        sum(parts.opening_opportunities) as opening_opportunities,
        sum(parts.closing_amount) as closing_amount,
        sum(parts.closing_opportunities) as closing_opportunities
    from parts
    group by parts.week_start_date, parts.fiscal_quarter, parts.segment

)

select * from levels
