-- Cells of the first, the middle and the last day that differ from counting the history
-- directly.
with

daily as (

    select * from {{ ref('fct_pipeline_daily') }}

),

pipeline_days as (

    select * from {{ ref('int_pipeline_days') }}

),

numbered as (

    select
        pipeline_days.snapshot_date,
        row_number() over (order by pipeline_days.snapshot_date nulls last) as day_number,
        count(*) over () as day_count
    from pipeline_days

),

sample_days as (

    select numbered.snapshot_date
    from numbered
    where numbered.day_number in (1, cast(numbered.day_count / 2 as integer), numbered.day_count)

),

counted as (

    select
        sample_days.snapshot_date,
        history.pipeline,
        history.opportunity_type,
        history.segment,
        history.stage,
        history.close_fiscal_quarter,
        count(*) as open_opportunities,
        coalesce(sum(history.amount), 0) as open_amount
    from {{ ref('fct_opportunity_history') }} as history
    inner join sample_days
        on
            history.valid_from <= sample_days.snapshot_date
            and history.valid_to > sample_days.snapshot_date
    where history.is_open
    group by 1, 2, 3, 4, 5, 6

),

sampled as (

    select daily.*
    from daily
    inner join sample_days on daily.snapshot_date = sample_days.snapshot_date

)

select
    {{ sole_source(ref('int_sources')) }} as source,
    coalesce(sampled.snapshot_date, counted.snapshot_date) as snapshot_date,
    counted.open_opportunities as expected_opportunities,
    sampled.open_opportunities,
    counted.open_amount as expected_amount,
    sampled.open_amount
from sampled
full join counted
    on
        sampled.snapshot_date = counted.snapshot_date
        and sampled.pipeline = counted.pipeline
        and sampled.opportunity_type = counted.opportunity_type
        and sampled.segment = counted.segment
        and sampled.stage = counted.stage
        and sampled.close_fiscal_quarter = counted.close_fiscal_quarter
where
    coalesce(sampled.open_opportunities, 0) <> coalesce(counted.open_opportunities, 0)
    or coalesce(sampled.open_amount, 0) <> coalesce(counted.open_amount, 0)
