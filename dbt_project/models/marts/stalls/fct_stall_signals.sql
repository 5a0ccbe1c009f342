-- One row per open opportunity x rule in force, at its source's last captured day: stalled or not.
with

observations as (

    select * from {{ ref('int_stall_observations') }}

),

facts as (

    select * from {{ ref('int_stall_facts') }}
    where is_last_day

),

opportunities as (

    select * from {{ ref('int_opportunities') }}

),

owners as (

    select * from {{ ref('fct_opportunity_history') }}
    where is_current and is_open

),

signals as (

    select
        -- ids
        opportunities.source,
        opportunities.opportunity_id,
        observations.rule,
        owners.owner_id,

        -- attributes
        case
            when observations.is_stalled then 'stalled'
            when not observations.is_stalled then 'ok'
            else 'not_evaluated'
        end as status,
        observations.evidence,
        facts.pipeline,
        facts.stage,
        facts.segment,

        -- numerics
        cast(observations.observed_value as decimal(18, 4)) as observed_value,
        cast(observations.threshold as decimal(18, 4)) as threshold,
        facts.amount,

        -- dates
        facts.judged_date as snapshot_date
    from observations
    inner join facts on observations.opportunity_key = facts.opportunity_key
    inner join opportunities on observations.opportunity_key = opportunities.opportunity_key
    left join owners
        on
            opportunities.source = owners.source
            and opportunities.opportunity_id = owners.opportunity_id

)

select * from signals
