-- One row per person x step of the lifecycle x cycle: when the person took it, which record says
-- so, and since when that is known.
with

steps as (

    select * from {{ ref('int_lifecycle_steps') }}

),

people as (

    select * from {{ ref('int_people') }}

),

lifecycle as (

    select
        -- ids
        people.person_key,
        steps.step,
        steps.cycle,
        people.source,
        people.person_id,
        steps.opportunity_id,
        steps.account_id,
        steps.owner_id,
        steps.campaign_id,

        -- attributes
        steps.segment,
        steps.lead_source,
        steps.channel,
        steps.step_precision,
        steps.is_out_of_order,

        -- numerics
        steps.lead_score_at_step,

        -- dates
        steps.step_at,
        steps.step_date,
        steps.known_from
    from steps
    inner join people on steps.record_number = people.record_number

)

select * from lifecycle
