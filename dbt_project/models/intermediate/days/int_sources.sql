-- One row per source with opportunities: its first and last captured day.
with

source_days as (

    select * from {{ ref('int_source_days') }}

),

sources as (

    select
        source_days.source,
        min(source_days.first_captured_date) as first_captured_date,
        max(source_days.last_captured_date) as last_captured_date
    from source_days
    group by source_days.source

)

select * from sources
