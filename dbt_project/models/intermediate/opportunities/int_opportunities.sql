-- One row per opportunity that was ever captured, with a number that stands for it within one
-- build. Sorting and joining millions of states by a number costs a third of doing it by (source,
-- opportunity_id).
with

states as (

    select * from {{ ref('int_opportunity_states') }}

),

opportunities as (

    select
        states.source,
        states.opportunity_id,
        max(
            case when states.currency_code = '{{ var("base_currency") }}' then 0 else 1 end
        ) = 1 as has_foreign_currency
    from states
    group by states.source, states.opportunity_id

),

numbered as (

    select
        cast(row_number() over (
            order by opportunities.source nulls last, opportunities.opportunity_id nulls last
        ) as integer) as opportunity_key,
        opportunities.source,
        opportunities.opportunity_id,
        opportunities.has_foreign_currency
    from opportunities

)

select * from numbered
