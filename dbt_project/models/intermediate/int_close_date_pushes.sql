-- One row per opportunity whose close date ever moved later while it was open: how often and by how many days.
with

history as (

    select * from {{ ref('int_opportunity_history') }}
    where existence = 'existing'

),

-- Of the days on which it exists: a deletion between two of them does not interrupt.
compared as (

    select
        history.source,
        history.opportunity_id,
        history.is_open,
        history.close_date,
        lag(history.is_open) over (
            partition by history.source, history.opportunity_id
            order by history.valid_from nulls last
        ) as was_open,
        lag(history.close_date) over (
            partition by history.source, history.opportunity_id
            order by history.valid_from nulls last
        ) as previous_close_date
    from history

),

pushes as (

    select
        compared.source,
        compared.opportunity_id,
        cast(count(*) as integer) as push_count,
        cast(sum({{ dbt.datediff(
            'compared.previous_close_date', 'compared.close_date', 'day'
        ) }}) as integer) as days_pushed
    from compared
    where
        compared.is_open
        and compared.was_open
        and compared.close_date > compared.previous_close_date
    group by compared.source, compared.opportunity_id

)

select * from pushes
