-- One row per opportunity x valid_from of a closed interval: since when it has been closed without
-- interruption. Only of opportunities that ever had a foreign currency: no other amount depends on
-- it.
with

opportunities as (

    select * from {{ ref('int_opportunities') }}
    where has_foreign_currency

),

intervals as (

    select * from {{ ref('int_opportunity_intervals') }}

),

compared as (

    select
        intervals.opportunity_key,
        intervals.valid_from,
        intervals.stage_category in ('won', 'lost') as is_closed,
        lag(intervals.stage_category) over (
            partition by intervals.opportunity_key
            order by intervals.valid_from nulls last
        ) in ('won', 'lost')
        and lag(intervals.valid_to) over (
            partition by intervals.opportunity_key
            order by intervals.valid_from nulls last
        ) = intervals.valid_from as was_closed
    from intervals
    inner join opportunities on intervals.opportunity_key = opportunities.opportunity_key

),

running as (

    select
        compared.opportunity_key,
        compared.valid_from,
        compared.is_closed,
        max(
            case
                when compared.is_closed and not coalesce(compared.was_closed, false)
                    then compared.valid_from
            end
        ) over (
            partition by compared.opportunity_key
            order by compared.valid_from nulls last
            rows between unbounded preceding and current row
        ) as closed_from
    from compared

),

closed_stays as (

    select
        running.opportunity_key,
        running.valid_from,
        running.closed_from
    from running
    where running.is_closed

)

select * from closed_stays
