-- One row per source x pipeline x stage label that a CRM ever used; a missing label is ''.
with

states as (

    select * from {{ ref('int_opportunity_states') }}
    where existence = 'existing'

),

labels as (

    select
        states.source,
        states.pipeline,
        states.stage_label
    from states
    group by states.source, states.pipeline, states.stage_label

)

select * from labels
