-- One row per opportunity x day on which it was first missed: until when it was gone.
{{ config(materialized='view') }}
with

history as (

    select * from {{ ref('int_opportunity_history') }}

),

departures as (

    select
        history.opportunity_key,
        history.previous_valid_to as gone_from,
        history.valid_from as gone_to
    from history
    where history.previous_valid_to < history.valid_from
    union all
    select
        history.opportunity_key,
        history.valid_to as gone_from,
        {{ end_of_time() }} as gone_to
    from history
    where history.valid_to = history.last_valid_to and history.valid_to < {{ end_of_time() }}

)

select * from departures
