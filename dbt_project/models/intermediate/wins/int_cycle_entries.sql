-- One row per opportunity x pipeline x stage from which its sales cycle is measured, `(created)`
-- included: when it entered, since when it is followed and how it ended.
with

ends as (

    select * from {{ ref('int_cycle_ends') }}

),

versions as (

    select * from {{ ref('fct_opportunity_history') }}

),

visits as (

    select * from {{ ref('int_visits') }}
    where visit_number = 1

),

fiscal_days as (

    select * from {{ ref('int_fiscal_days') }}

),

entries as (

    select
        ends.opportunity_key,
        '(created)' as from_stage,
        ends.first_captured_date as seen_date,
        null as entered_date,
        false as is_left_truncated
    from ends
    union all
    select
        ends.opportunity_key,
        visits.stage as from_stage,
        visits.valid_from as seen_date,
        visits.entered_date,
        visits.entry_precision = 'left_truncated' as is_left_truncated
    from ends
    inner join visits
        on
            ends.opportunity_key = visits.opportunity_key
            -- the first closing ends a cycle, and so does the first absence
            and ends.followed_until > visits.valid_from

),

-- What it was on the day on which it was first seen there. Nothing is seen before it is created.
described as (

    select
        entries.opportunity_key,
        entries.from_stage,
        versions.pipeline,
        versions.segment,
        versions.opportunity_type,
        ends.outcome,
        ends.is_reopened,
        ends.is_closed_at_first,
        ends.first_captured_date,
        ends.ended_date,
        entries.is_left_truncated
        or (entries.from_stage = '(created)' and versions.created_date is null) as is_undated,
        coalesce(
            entries.entered_date,
            least(coalesce(versions.created_date, entries.seen_date), entries.seen_date)
        ) as entered_date
    from entries
    inner join ends on entries.opportunity_key = ends.opportunity_key
    inner join versions
        on
            ends.source = versions.source
            and ends.opportunity_id = versions.opportunity_id
            and entries.seen_date = versions.valid_from

),

cycles as (

    select
        -- ids
        described.opportunity_key,
        coalesce(fiscal_days.fiscal_quarter, '(none)') as fiscal_quarter,
        described.segment,
        described.opportunity_type,
        described.pipeline,
        described.from_stage,

        -- attributes
        case
            when described.is_closed_at_first then 'already_closed'
            when described.is_undated then 'undated'
            else described.outcome
        end as outcome,
        described.is_reopened,

        -- numerics
        cast(greatest(
            0,
            {{ dbt.datediff('described.entered_date', 'described.first_captured_date', 'day') }}
        ) as integer) as followed_after_days,
        cast({{ dbt.datediff(
            'described.entered_date', 'described.ended_date', 'day'
        ) }} as integer) as days,

        -- dates
        described.entered_date
    from described
    left join fiscal_days on described.entered_date = fiscal_days.date_day

)

select * from cycles
