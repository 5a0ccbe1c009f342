-- One row per uninterrupted stay of an opportunity in a pipeline and stage, closed stages included.
with

history as (

    select * from {{ ref('int_opportunity_history') }}
    where existence = 'existing'

),

compared as (

    select
        history.source,
        history.opportunity_id,
        history.pipeline,
        history.stage,
        history.stage_category,
        history.valid_from,
        history.valid_to,
        lag(history.pipeline) over (
            partition by history.source, history.opportunity_id
            order by history.valid_from nulls last
        ) as previous_pipeline,
        lag(history.stage) over (
            partition by history.source, history.opportunity_id
            order by history.valid_from nulls last
        ) as previous_stage,
        lag(history.stage_category) over (
            partition by history.source, history.opportunity_id
            order by history.valid_from nulls last
        ) as previous_category,
        lag(history.valid_to) over (
            partition by history.source, history.opportunity_id
            order by history.valid_from nulls last
        ) as previous_valid_to,
        max(history.valid_to) over (
            partition by history.source, history.opportunity_id
        ) as last_valid_to
    from history

),

stays as (

    select
        compared.source,
        compared.opportunity_id,
        compared.pipeline,
        compared.stage,
        compared.stage_category,
        compared.valid_from,
        cast(coalesce(
            lead(compared.previous_valid_to) over (
                partition by compared.source, compared.opportunity_id
                order by compared.valid_from nulls last
            ),
            compared.last_valid_to
        ) as date) as valid_to
    from compared
    where
        compared.previous_valid_to is null
        or compared.previous_valid_to <> compared.valid_from
        or compared.previous_pipeline <> compared.pipeline
        or compared.previous_stage <> compared.stage
        or compared.previous_category <> compared.stage_category

)

select * from stays
