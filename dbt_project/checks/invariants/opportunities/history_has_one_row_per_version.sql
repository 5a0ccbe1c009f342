-- Versions without a row in the history, or with several (the sum of keys tells which of them is
-- missing).
with

spans as (

    select count(*) as version_count from {{ ref('int_opportunity_history') }}

),

history as (

    select count(*) as version_count from {{ ref('fct_opportunity_history') }}

)

select
    spans.version_count as expected_count,
    history.version_count
from spans
cross join history
where spans.version_count <> history.version_count
