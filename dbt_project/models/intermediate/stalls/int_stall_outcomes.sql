-- One row per opportunity: what became of it by its source's last captured day.
with

history as (

    select * from {{ ref('int_opportunity_history') }}

)

select
    history.opportunity_key,
    case
        when history.valid_to < {{ end_of_time() }} then 'gone'
        else history.stage_category
    end as outcome
from history
where history.valid_to = history.last_valid_to
