-- One row per opportunity whose close date ever moved later while it was open: how often and by how
-- many days. Of the days on which it exists: a deletion between two of them does not interrupt.
with

history as (

    select * from {{ ref('int_opportunity_history') }}

),

pushes as (

    select
        history.opportunity_key,
        cast(count(*) as integer) as push_count,
        cast(sum({{ dbt.datediff(
            'history.previous_close_date', 'history.close_date', 'day'
        ) }}) as integer) as days_pushed
    from history
    where
        history.stage_category = 'open'
        and history.previous_stage_category = 'open'
        and history.close_date > history.previous_close_date
    group by history.opportunity_key

)

select * from pushes
