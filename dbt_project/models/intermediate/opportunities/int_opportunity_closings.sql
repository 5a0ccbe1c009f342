-- One row per opportunity x version in which it is closed: since when it has been closed, and since
-- when won or lost, without interruption, and who owned it on the first closed day.
with

history as (

    select * from {{ ref('int_opportunity_history') }}
    where stage_category in ('won', 'lost')

),

opportunities as (

    select * from {{ ref('int_opportunities') }}

),

versions as (

    select * from {{ ref('fct_opportunity_history') }}
    where stage_category in ('won', 'lost')

),

compared as (

    select
        history.opportunity_key,
        history.stage_category,
        history.valid_from,
        case
            when
                history.previous_valid_to = history.valid_from
                and history.previous_stage_category in ('won', 'lost')
                then null
            else history.valid_from
        end as closed_from,
        case
            when
                history.previous_valid_to = history.valid_from
                and history.previous_stage_category = history.stage_category
                then null
            else history.valid_from
        end as decided_from
    from history

),

stays as (

    select
        compared.opportunity_key,
        compared.stage_category,
        compared.valid_from,
        max(compared.closed_from) over so_far as closed_from,
        max(compared.decided_from) over so_far as decided_from
    from compared
    window so_far as (
        partition by compared.opportunity_key
        order by compared.valid_from nulls last
        rows between unbounded preceding and current row
    )

),

closings as (

    select
        -- ids
        stays.opportunity_key,
        opportunities.source,
        opportunities.opportunity_id,
        versions.owner_id as closing_owner_id,

        -- attributes
        stays.stage_category,

        -- dates
        stays.valid_from,
        stays.closed_from,
        stays.decided_from
    from stays
    inner join opportunities on stays.opportunity_key = opportunities.opportunity_key
    inner join versions
        on
            opportunities.source = versions.source
            and opportunities.opportunity_id = versions.opportunity_id
            and stays.closed_from = versions.valid_from

)

select * from closings
