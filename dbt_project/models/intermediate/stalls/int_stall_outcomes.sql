-- One row per opportunity: what became of it by its source's last captured day.
with

spans as (

    select * from {{ ref('int_opportunity_history') }}

)

select
    spans.opportunity_key,
    case
        when spans.valid_to < {{ end_of_time() }} then 'gone'
        else spans.stage_category
    end as outcome
from spans
where spans.valid_to = spans.last_valid_to
