-- One row per uninterrupted stay of an opportunity in a pipeline and stage, closed stages included.
with

spans as (

    select * from {{ ref('int_opportunity_spans') }}

),

stays as (

    select
        spans.opportunity_key,
        spans.stage_key,
        spans.stage_category,
        spans.valid_from,
        cast(coalesce(
            lead(spans.previous_valid_to) over (
                partition by spans.opportunity_key order by spans.valid_from nulls last
            ),
            spans.last_valid_to
        ) as date) as valid_to
    from spans
    where
        spans.previous_valid_to is null
        or spans.previous_valid_to <> spans.valid_from
        or spans.previous_stage_key <> spans.stage_key

)

select * from stays
