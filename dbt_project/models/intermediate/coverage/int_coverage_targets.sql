-- One row per fiscal quarter x segment x valid_from: the target in force from then on.
with

targets as (

    select * from {{ ref('stg_targets') }}

),

ordered as (

    select
        targets.fiscal_quarter,
        targets.segment,
        targets.target_amount,
        targets.valid_from,
        cast(coalesce(
            lead(targets.valid_from) over (
                partition by targets.fiscal_quarter, targets.segment
                order by targets.valid_from nulls last, targets.target_amount nulls last
            ),
            {{ end_of_time() }}
        ) as date) as valid_to
    from targets

),

intervals as (

    select * from ordered
    where target_amount is not null and valid_to > valid_from

)

select * from intervals
