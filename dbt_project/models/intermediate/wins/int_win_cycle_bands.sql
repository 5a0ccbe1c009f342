-- One row per period of the policy on metrics x band of days from creation to close.
{{ config(materialized='view') }}
with

policy as (

    select * from {{ ref('int_metric_policy') }}

),

positions as (

    select * from {{ ref('int_day_numbers') }}
    where day_number < 20

),

limits as (

    select
        policy.valid_from,
        policy.valid_to,
        {{ number_in_list('policy.cycle_bands', 'positions.day_number') }} as up_to_days
    from policy
    cross join positions

),

bounds as (

    select
        limits.valid_from,
        limits.valid_to,
        limits.up_to_days,
        coalesce(
            lag(limits.up_to_days) over (
                partition by limits.valid_from
                order by limits.up_to_days nulls last
            ) + 1,
            0
        ) as from_days
    from limits
    where limits.up_to_days is not null
    union all
    select
        limits.valid_from,
        limits.valid_to,
        null as up_to_days,
        max(limits.up_to_days) + 1 as from_days
    from limits
    group by limits.valid_from, limits.valid_to

),

bands as (

    select
        bounds.valid_from,
        bounds.valid_to,
        bounds.from_days,
        bounds.up_to_days,
        cast(bounds.from_days as {{ dbt.type_string() }})
        || coalesce('-' || cast(bounds.up_to_days as {{ dbt.type_string() }}), '+') as cycle_band
    from bounds

)

select * from bands
