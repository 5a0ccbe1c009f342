-- One row per open opportunity, at its source's last captured day: what each stall rule observes.
with

facts as (

    select * from {{ ref('int_stall_facts') }}
    where is_last_day

)

select * from facts
