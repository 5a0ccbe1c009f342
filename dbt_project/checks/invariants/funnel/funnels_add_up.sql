-- Cohorts of the funnel whose parts are not all who entered, or whose people are not those of the
-- steps.
with

conversion as (

    select * from {{ ref('rpt_funnel_conversion') }}

),

lifecycle as (

    select * from {{ ref('fct_lifecycle_steps') }}
    where step <> 'won'

),

sources as (

    select * from {{ ref('int_sources') }}

),

people as (

    select
        lifecycle.step,
        cast({{ dbt.date_trunc('month', 'lifecycle.step_date') }} as date) as cohort_month,
        count(*) as people_count
    from lifecycle
    group by 1, 2

),

compared as (

    select
        {{ sole_source('sources') }} as source,
        conversion.cohort_month,
        conversion.step,
        conversion.unit,
        conversion.segment,
        conversion.dimension,
        conversion.dimension_value,
        conversion.entered,
        people.people_count
    from conversion
    left join people
        on
            conversion.cohort_month = people.cohort_month
            and conversion.step = people.step
            and conversion.unit = 'person'
            and conversion.segment = '(all)'
            and conversion.dimension = '(all)'
    where
        conversion.entered
        <> conversion.converted + conversion.recycled + conversion.still_open
        or conversion.entered + conversion.undated <> people.people_count
        or conversion.reached_won > conversion.reached_opportunity
        or conversion.reached_opportunity > conversion.entered
        or conversion.rate_7d > conversion.rate_30d + 1e-9
        or conversion.rate_30d > conversion.rate_90d + 1e-9
        or conversion.rate_90d > conversion.rate_180d + 1e-9

)

select * from compared
