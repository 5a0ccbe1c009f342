-- One row per open opportunity x day on which stall rules judge it: the first day of each month and
-- its source's last captured day.
{{ config(materialized='view') }}
with

numbers as (

    select * from {{ ref('int_day_numbers') }}

),

clocks as (

    select * from {{ ref('int_stall_clocks') }}

),

opportunities as (

    select * from {{ ref('int_opportunities') }}

),

sources as (

    select * from {{ ref('int_sources') }}

),

foreign_amounts as (

    select * from {{ ref('int_opportunity_foreign_amounts') }}

),

-- The months of a stretch, by how many it has; grouped, so that they are paired before intervals
-- are joined to them by that number.
months as (

    select
        counts.day_number as month_count,
        months.day_number as month_number
    from numbers as counts
    inner join numbers as months on counts.day_number > months.day_number
    where counts.day_number <= (
            select max({{ dbt.datediff(
            'sources.first_captured_date', 'sources.last_captured_date', 'month'
        ) }}) + 1
            from sources
        )
    group by counts.day_number, months.day_number

),

located as (

    select
        clocks.*,
        opportunities.source,
        sources.last_captured_date,
        cast({{ dbt.date_trunc(
            'month', dbt.dateadd('day', -1, dbt.dateadd('month', 1, 'clocks.valid_from'))
        ) }} as date) as first_month_date,
        least(
            cast({{ dbt.dateadd('day', -1, 'clocks.valid_to') }} as date),
            sources.last_captured_date
        ) as last_date
    from clocks
    inner join opportunities on clocks.opportunity_key = opportunities.opportunity_key
    inner join sources on opportunities.source = sources.source

),

-- Joining the months of an interval by their number is far cheaper than comparing it with all of
-- them.
counted as (

    select
        located.*,
        cast({{ dbt.datediff(
            'located.first_month_date', 'located.last_date', 'month'
        ) }} + 1 as integer) as month_count
    from located
    where located.first_month_date <= located.last_date

),

landmarks as (

    select
        counted.*,
        cast({{ dbt.dateadd(
            'month', 'months.month_number', 'counted.first_month_date'
        ) }} as date) as judged_date
    from counted
    inner join months on counted.month_count = months.month_count

),

judged as (

    select
        landmarks.*,
        true as is_landmark,
        false as is_last_day
    from landmarks
    where landmarks.valid_to < {{ end_of_time() }}
        or landmarks.judged_date < landmarks.last_captured_date
    union all
    select
        located.*,
        0 as month_count,
        located.last_captured_date as judged_date,
        located.last_captured_date
        = cast({{ dbt.date_trunc('month', 'located.last_captured_date') }} as date) as is_landmark,
        true as is_last_day
    from located
    where located.valid_to = {{ end_of_time() }}

),

cases as (

    select
        judged.opportunity_key,
        judged.source,
        judged.stage_key,
        judged.stage_interval_key,
        judged.segment,
        judged.judged_date,
        judged.last_captured_date,
        judged.is_landmark,
        judged.is_last_day,
        case
            when judged.currency_code = '{{ var("base_currency") }}' then judged.source_amount
            else foreign_amounts.amount
        end as amount,
        judged.has_next_step,
        judged.push_count,
        judged.close_date,
        judged.created_date,
        judged.first_seen_date,
        judged.stay_from,
        judged.last_changed_date,
        judged.last_pushed_date,
        judged.blank_from,
        judged.next_changed_date,
        judged.next_filled_date,
        judged.next_dated_date,
        judged.next_stay_date,
        judged.next_won_date,
        judged.next_lost_date
    from judged
    left join foreign_amounts
        on
            judged.opportunity_key = foreign_amounts.opportunity_key
            and judged.valid_from = foreign_amounts.interval_from
            and judged.judged_date >= foreign_amounts.valid_from
            and judged.judged_date < foreign_amounts.valid_to

)

select * from cases
