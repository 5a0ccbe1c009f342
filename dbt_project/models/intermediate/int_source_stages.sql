-- One row per source x pipeline x stage label that a CRM ever used.
with

opportunities as (

    select * from {{ ref('stg_opportunity') }}

),

source_stages as (

    select
        opportunities.source,
        coalesce(opportunities.pipeline, 'default') as pipeline,
        opportunities.source_stage
    from opportunities
    where
        not opportunities.is_tombstone
        and opportunities.source_stage is not null
    group by
        opportunities.source,
        coalesce(opportunities.pipeline, 'default'),
        opportunities.source_stage

)

select * from source_stages
