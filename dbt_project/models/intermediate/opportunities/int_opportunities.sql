-- One row per opportunity that was ever captured, with a number that stands for it within one
-- build: sorting and joining millions of versions by a number costs a third of doing it by (source,
-- opportunity_id).
with

versions as (

    select * from {{ ref('int_opportunity_states') }}

),

opportunities as (

    select
        versions.source,
        versions.opportunity_id,
        max(
            case when versions.currency_code = '{{ var("base_currency") }}' then 0 else 1 end
        ) = 1 as has_foreign_currency
    from versions
    group by versions.source, versions.opportunity_id

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
