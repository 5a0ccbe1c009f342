-- One row per uninterrupted stay of an opportunity in a pipeline and stage, closed stages included,
-- as it was on its first day.
with

history as (

    select * from {{ ref('int_opportunity_history') }}

),

starts as (

    select * from history
    where
        previous_valid_to is null
        or previous_valid_to <> valid_from
        or previous_stage_key <> stage_key

),

stays as (

    select
        -- ids
        starts.opportunity_key,
        starts.stage_key,
        starts.stage_interval_key,

        -- attributes
        starts.stage_category,
        starts.segment,
        starts.amount,

        -- dates
        starts.created_date,
        starts.valid_from,
        cast(coalesce(
            lead(starts.previous_valid_to) over later, starts.last_valid_to
        ) as date) as valid_to,

        -- the version before
        starts.previous_valid_to,

        -- its last version, the stay after it, and the next that is won
        lead(starts.previous_stage_interval_key) over later as last_stage_interval_key,
        lead(starts.stage_interval_key) over later as next_stage_interval_key,
        lead(starts.valid_from) over later as next_valid_from,
        {{ first_known("case when starts.stage_category = 'won' then starts.valid_from end") }}
            over afterwards as next_won_from
    from starts
    window
        later as (
            partition by starts.opportunity_key
            order by starts.valid_from nulls last
        ),
        afterwards as (
            partition by starts.opportunity_key
            order by starts.valid_from nulls last
            rows between 1 following and unbounded following
        )

)

select * from stays
