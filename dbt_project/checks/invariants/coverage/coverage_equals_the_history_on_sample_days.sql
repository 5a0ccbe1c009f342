-- Quarters of the first, the middle and the last day whose won or past-due pipeline differs from
-- counting the history directly.
with

coverage as (

    select * from {{ ref('rpt_pipeline_coverage') }}
    where segment = '(all)'

),

history as (

    select * from {{ ref('fct_opportunity_history') }}
    where is_won or is_open

),

numbered as (

    select
        pipeline_days.snapshot_date,
        row_number() over (order by pipeline_days.snapshot_date nulls last) as day_number,
        count(*) over () as day_count
    from {{ ref('int_pipeline_days') }} as pipeline_days

),

sampled as (

    select coverage.*
    from coverage
    inner join numbered on coverage.snapshot_date = numbered.snapshot_date
    where numbered.day_number in (1, cast(numbered.day_count / 2 as integer), numbered.day_count)

),

counted as (

    select
        sampled.snapshot_date,
        sampled.fiscal_quarter,
        count(*) filter (
            where history.is_won and history.close_fiscal_quarter = sampled.fiscal_quarter
        ) as won_opportunities,
        sum(history.amount) filter (
            where history.is_won and history.close_fiscal_quarter = sampled.fiscal_quarter
        ) as won_amount,
        sum(history.amount) filter (
            where history.is_open and history.close_date < own_quarters.start_date
        ) as past_due_open_amount
    from history
    inner join sampled
        on
            history.valid_from <= sampled.snapshot_date
            and history.valid_to > sampled.snapshot_date
    inner join {{ ref('int_fiscal_days') }} as fiscal_days
        on sampled.snapshot_date = fiscal_days.date_day
    inner join {{ ref('int_fiscal_quarters') }} as own_quarters
        on fiscal_days.fiscal_quarter = own_quarters.fiscal_quarter
    group by sampled.snapshot_date, sampled.fiscal_quarter

)

select
    {{ sole_source(ref('int_sources')) }} as source,
    sampled.snapshot_date,
    sampled.fiscal_quarter,
    counted.won_opportunities as expected_opportunities,
    sampled.won_opportunities,
    counted.won_amount as expected_won_amount,
    sampled.won_amount,
    counted.past_due_open_amount as expected_past_due_amount,
    sampled.past_due_open_amount
from sampled
left join counted
    on
        sampled.snapshot_date = counted.snapshot_date
        and sampled.fiscal_quarter = counted.fiscal_quarter
where
    sampled.won_opportunities <> coalesce(counted.won_opportunities, 0)
    or sampled.won_amount <> coalesce(counted.won_amount, 0)
    or sampled.past_due_open_amount <> coalesce(counted.past_due_open_amount, 0)
