-- One row per cell of fct_pipeline_daily x day on which anything enters or leaves it: what the day
{{ config(materialized='view') }}
-- adds.
with

open_history as (

    select
        history.pipeline,
        history.opportunity_type,
        history.segment,
        history.stage,
        history.close_fiscal_quarter,
        coalesce(history.amount, 0) as amount,
        coalesce(
            {{ rounded_product('history.amount', 'history.stage_probability') }}, 0
        ) as weighted_amount,
        history.valid_from,
        history.valid_to
    from {{ ref('fct_opportunity_history') }} as history
    where history.is_open

),

events as (

    select
        open_history.pipeline,
        open_history.opportunity_type,
        open_history.segment,
        open_history.stage,
        open_history.close_fiscal_quarter,
        open_history.valid_from as changed_date,
        count(*) as opportunities,
        sum(open_history.amount) as amount,
        sum(open_history.weighted_amount) as weighted_amount
    from open_history
    group by 1, 2, 3, 4, 5, 6
    union all
    select
        open_history.pipeline,
        open_history.opportunity_type,
        open_history.segment,
        open_history.stage,
        open_history.close_fiscal_quarter,
        open_history.valid_to as changed_date,
        -count(*) as opportunities,
        -sum(open_history.amount) as amount,
        -sum(open_history.weighted_amount) as weighted_amount
    from open_history
    group by 1, 2, 3, 4, 5, 6

),

changes as (

    select
        events.pipeline,
        events.opportunity_type,
        events.segment,
        events.stage,
        events.close_fiscal_quarter,
        events.changed_date,
        sum(events.opportunities) as opportunities,
        sum(events.amount) as amount,
        sum(events.weighted_amount) as weighted_amount
    from events
    group by 1, 2, 3, 4, 5, 6

),

numbered as (

    select
        cast(dense_rank() over (
            order by
                changes.pipeline nulls last,
                changes.opportunity_type nulls last,
                changes.segment nulls last,
                changes.stage nulls last,
                changes.close_fiscal_quarter nulls last
        ) as integer) as cell_key,
        changes.*
    from changes

)

select * from numbered
