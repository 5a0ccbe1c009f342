-- One row per stage visit: an uninterrupted stay of an opportunity in an open stage, as the
-- captured days see it.
with

stays as (

    select * from {{ ref('int_opportunity_stays') }}

),

stages as (

    select * from {{ ref('int_stage_intervals') }}

),

source_days as (

    select * from {{ ref('int_source_days') }}

),

-- Stays are sorted by numbers and without names, of which each sort would carry a copy.
ranks as (

    select
        stages.stage_interval_key,
        stages.stage_order,
        dense_rank() over (order by stages.pipeline nulls last) as pipeline_key
    from stages

),

-- How often it has been there, and how far it came later in the same pipeline while it was open.
ordered as (

    select
        stays.*,
        ranks.stage_order,
        row_number() over (
            partition by stays.opportunity_key, stays.stage_key
            order by stays.valid_from nulls last
        ) as visit_number,
        max(case when stays.stage_category = 'open' then ranks.stage_order end) over (
            partition by stays.opportunity_key, ranks.pipeline_key
            order by stays.valid_from nulls last
            rows between 1 following and unbounded following
        ) as highest_later_order
    from stays
    inner join ranks on stays.stage_interval_key = ranks.stage_interval_key

),

visits as (

    select
        -- ids
        ordered.opportunity_key,
        ordered.stage_key,
        stages.source,

        -- attributes
        stages.pipeline,
        stages.stage,
        cast(ordered.visit_number as integer) as visit_number,
        ordered.segment,
        ordered.stage_order,
        case
            when ordered.valid_to = {{ end_of_time() }} then null
            when coalesce(ordered.next_valid_from <> ordered.valid_to, true) then 'deleted'
            when next_stages.stage_category in ('won', 'lost') then next_stages.stage_category
            when next_stages.stage_category <> 'open' then 'moved'
            when next_stages.pipeline <> stages.pipeline then 'moved'
            when next_stages.stage_order > last_stages.stage_order then 'advanced'
            when next_stages.stage_order < last_stages.stage_order then 'regressed'
            else 'moved'
        end as exit_kind,
        case when ordered.next_valid_from = ordered.valid_to then next_stages.stage end
            as next_stage,

        -- flags
        ordered.valid_to = {{ end_of_time() }} as is_open,
        ordered.next_won_from is not null
        or coalesce(ordered.highest_later_order > ordered.stage_order, false) as is_converted,

        -- numerics
        ordered.amount as amount_at_entry,

        -- dates
        ordered.valid_from,
        ordered.valid_to,
        ordered.next_won_from as won_from,
        ordered.created_date,
        ordered.previous_valid_to,
        source_days.previous_captured_date,
        source_days.last_captured_date
    from ordered
    inner join stages on ordered.stage_interval_key = stages.stage_interval_key
    inner join source_days
        on stages.source = source_days.source and ordered.valid_from = source_days.date_day
    left join stages as last_stages
        on ordered.last_stage_interval_key = last_stages.stage_interval_key
    left join stages as next_stages
        on ordered.next_stage_interval_key = next_stages.stage_interval_key
    where ordered.stage_category = 'open'

),

judged as (

    select
        visits.*,
        case
            when visits.previous_valid_to is null and visits.previous_captured_date is null
                and coalesce(visits.created_date < visits.valid_from, true) then 'left_truncated'
            when visits.previous_valid_to is null
                and visits.created_date < visits.previous_captured_date then 'left_truncated'
            when {{ dbt.datediff(
                'visits.previous_captured_date', 'visits.valid_from', 'day'
            ) }} > 1 then 'gap'
            else 'day'
        end as entry_precision
    from visits

)

select * from judged
