-- One row per person's record x step x value of its date that was captured: the entry into the
-- step that it dates, and until when it stood. A later value is a new entry, an earlier one
-- corrects the last.
{%- set dated_steps = ['mql', 'sal', 'sql'] %}
with

versions as (

    select * from {{ ref('stg_person') }}
    where not is_tombstone

),

snapshot_days as (

    select * from {{ ref('int_snapshot_days') }}
    where entity = 'person'

),

first_days as (

    select
        snapshot_days.source,
        min(snapshot_days.first_captured_date) as first_captured_date
    from snapshot_days
    group by snapshot_days.source

),

captured as (

    {%- for step in dated_steps %}
        select
            versions.source,
            versions.person_id,
            '{{ step }}' as step,
            versions.{{ step }}_at as step_at,
            versions.valid_from
        from versions
        where versions.{{ step }}_at is not null
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

compared as (

    select
        captured.*,
        lag(captured.step_at) over (
            partition by captured.source, captured.person_id, captured.step
            order by captured.valid_from nulls last
        ) as previous_step_at
    from captured

),

numbered as (

    select
        compared.*,
        sum(case when coalesce(compared.previous_step_at < compared.step_at, true) then 1 else 0 end)
            over (
                partition by compared.source, compared.person_id, compared.step
                order by compared.valid_from nulls last
                rows between unbounded preceding and current row
            ) as entry_number
    from compared
    where compared.previous_step_at is null or compared.previous_step_at <> compared.step_at

),

-- Contacts that sales made are no leads.
leads as (

    select
        versions.*,
        row_number() over (
            partition by versions.source, versions.person_id
            order by versions.valid_from nulls last
        ) as version_number
    from versions
    where
        versions.record_type = 'lead'
        {%- for step in dated_steps %}
            or versions.{{ step }}_at is not null
        {%- endfor %}

),

entries as (

    select
        numbered.source,
        numbered.person_id,
        numbered.step,
        cast(numbered.entry_number as integer) as entry_number,
        'exact' as step_precision,
        numbered.step_at,
        {{ business_date('numbered.step_at') }} as step_date,
        numbered.valid_from as known_from,
        cast(coalesce(
            lead(numbered.valid_from) over (
                partition by
                    numbered.source, numbered.person_id, numbered.step, numbered.entry_number
                order by numbered.valid_from nulls last
            ),
            {{ end_of_time() }}
        ) as date) as known_to
    from numbered
    union all
    select
        leads.source,
        leads.person_id,
        'lead' as step,
        1 as entry_number,
        case
            when leads.created_at is not null then 'exact'
            when leads.valid_from > first_days.first_captured_date then 'day'
            else 'left_truncated'
        end as step_precision,
        leads.created_at as step_at,
        coalesce({{ business_date('leads.created_at') }}, leads.valid_from) as step_date,
        leads.valid_from as known_from,
        {{ end_of_time() }} as known_to
    from leads
    inner join first_days on leads.source = first_days.source
    where leads.version_number = 1

)

select * from entries
