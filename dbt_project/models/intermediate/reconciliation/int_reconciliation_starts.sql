-- One row per bridge from the one pipeline number to a team's (snapshot_date x fiscal_quarter x
-- team x road x list): where it starts.
{{ config(materialized='view') }}
with

days as (

    select * from {{ ref('int_reconciliation_days') }}

),

views as (

    select * from {{ ref('int_reconciliation_views') }}
    where step_order = 0

),

lists as (

    select * from {{ ref('int_reconciliation_lists') }}

),

definitions as (

    select * from {{ ref('stg_reported_numbers') }}

),

daily as (

    select * from {{ ref('fct_pipeline_daily') }}

),

pipeline_days as (

    select * from {{ ref('int_pipeline_days') }}

),

last_day as (

    select max(pipeline_days.snapshot_date) as last_date from pipeline_days

),

-- The latest row in force counts where a number was corrected.
reported as (

    select
        lower(definitions.team) as team,
        definitions.as_of,
        definitions.fiscal_quarter,
        definitions.amount,
        row_number() over (
            partition by lower(definitions.team), definitions.as_of, definitions.fiscal_quarter
            order by definitions.valid_from desc
        ) as recency
    from definitions
    inner join last_day on definitions.valid_from <= last_day.last_date

),

teams as (

    select views.team from views
    union
    select reported.team from reported

),

-- A team has a bridge where it has a view, or a number that it showed.
bridges as (

    select
        days.snapshot_date,
        days.fiscal_quarter,
        teams.team,
        'rule' as road,
        '(none)' as list_source,
        '(none)' as list_id,
        null as as_of,
        views.missing_column,
        reported.amount as reported_amount
    from days
    cross join teams
    left join views
        on
            teams.team = views.team
            and days.snapshot_date >= views.valid_from
            and days.snapshot_date < views.valid_to
    left join reported
        on
            teams.team = reported.team
            and days.snapshot_date = reported.as_of
            and days.fiscal_quarter = reported.fiscal_quarter
            and reported.recency = 1
    where views.team is not null or reported.team is not null
    union all
    select
        lists.snapshot_date,
        lists.fiscal_quarter,
        lists.team,
        'list' as road,
        lists.list_source,
        lists.list_id,
        lists.as_of,
        null as missing_column,
        null as reported_amount
    from lists

),

one_number as (

    select
        daily.snapshot_date,
        daily.close_fiscal_quarter as fiscal_quarter,
        sum(daily.open_amount) as amount,
        sum(daily.open_opportunities) as opportunities
    from daily
    group by daily.snapshot_date, daily.close_fiscal_quarter

),

starts as (

    select
        bridges.snapshot_date,
        bridges.fiscal_quarter,
        bridges.team,
        bridges.road,
        bridges.list_source,
        bridges.list_id,
        cast(bridges.as_of as date) as as_of,
        bridges.missing_column,
        bridges.reported_amount,
        bridges.snapshot_date = last_day.last_date as is_latest,
        pipeline_days.is_complete,
        coalesce(one_number.amount, 0) as amount,
        coalesce(one_number.opportunities, 0) as opportunities
    from bridges
    inner join pipeline_days on bridges.snapshot_date = pipeline_days.snapshot_date
    cross join last_day
    left join one_number
        on
            bridges.snapshot_date = one_number.snapshot_date
            and bridges.fiscal_quarter = one_number.fiscal_quarter

)

select * from starts
