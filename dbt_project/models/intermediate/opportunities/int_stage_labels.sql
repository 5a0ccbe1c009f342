-- One row per source x pipeline x stage label that a CRM ever used; a missing label is ''.
with

versions as (

    select * from {{ ref('int_opportunity_states') }}
    where existence = 'existing'

),

source_stages as (

    select
        versions.source,
        versions.pipeline,
        versions.stage_label
    from versions
    group by versions.source, versions.pipeline, versions.stage_label

)

select * from source_stages
