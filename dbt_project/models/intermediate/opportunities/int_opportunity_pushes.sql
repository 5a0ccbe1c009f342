-- One row per opportunity whose close date ever moved later while it was open: how often and by how
-- many days. Of the days on which it exists: a deletion between two of them does not interrupt.
with

spans as (

    select * from {{ ref('int_opportunity_history') }}

),

pushes as (

    select
        spans.opportunity_key,
        cast(count(*) as integer) as push_count,
        cast(sum({{ dbt.datediff(
            'spans.previous_close_date', 'spans.close_date', 'day'
        ) }}) as integer) as days_pushed
    from spans
    where
        spans.stage_category = 'open'
        and spans.previous_stage_category = 'open'
        and spans.close_date > spans.previous_close_date
    group by spans.opportunity_key

)

select * from pushes
