-- One row per person's record x step x evidence (`record`: its own dates, `role`, `converted`,
-- `opportunity`: it was won) x what it says: the entry into the step, and from when to when that
-- was known. Of a record's dates a later value is a new entry, an earlier one corrects the last.
{%- set dated_steps = ['mql', 'sal', 'sql'] %}
with

versions as (

    select * from {{ ref('stg_person') }}
    where not is_tombstone

),

links as (

    select * from {{ ref('int_opportunity_people') }}

),

history as (

    select * from {{ ref('fct_opportunity_history') }}

),

sources as (

    select * from {{ ref('int_sources') }}

),

person_days as (

    select * from {{ ref('int_person_days') }}

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
        sum(
            case when coalesce(compared.previous_step_at < compared.step_at, true) then 1 else 0 end
        ) over (
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

first_versions as (

    select
        history.source,
        history.opportunity_id,
        min(history.valid_from) as first_captured_date,
        min(case when history.is_won then history.valid_from end) as won_from
    from history
    group by history.source, history.opportunity_id

),

opportunities as (

    select
        first_versions.*,
        coalesce(history.created_date, history.valid_from) as created_date,
        history.created_date is null and history.valid_from <= sources.first_captured_date
            as is_left_truncated,
        first_versions.won_from <= sources.first_captured_date as is_won_at_first
    from first_versions
    inner join history
        on
            first_versions.source = history.source
            and first_versions.opportunity_id = history.opportunity_id
            and first_versions.first_captured_date = history.valid_from
    inner join sources on first_versions.source = sources.source

),

-- A link may be captured before the person is.
linked as (

    select
        links.*,
        greatest(links.linked_from, min(versions.valid_from)) as known_from
    from links
    inner join versions on links.source = versions.source and links.person_id = versions.person_id
    group by
        links.source,
        links.opportunity_id,
        links.person_id,
        links.match,
        links.is_left_truncated,
        links.linked_from

),

entries as (

    select
        numbered.source,
        numbered.person_id,
        cast(null as {{ dbt.type_string() }}) as opportunity_id,
        numbered.step,
        'record' as evidence,
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
        null as opportunity_id,
        'lead' as step,
        'record' as evidence,
        1 as entry_number,
        case
            when leads.created_at is not null then 'exact'
            when leads.valid_from > person_days.first_captured_date then 'day'
            else 'left_truncated'
        end as step_precision,
        leads.created_at as step_at,
        coalesce({{ business_date('leads.created_at') }}, leads.valid_from) as step_date,
        leads.valid_from as known_from,
        {{ end_of_time() }} as known_to
    from leads
    inner join person_days on leads.source = person_days.source
    where leads.version_number = 1
    union all
    select
        linked.source,
        linked.person_id,
        linked.opportunity_id,
        'opportunity' as step,
        linked.match as evidence,
        1 as entry_number,
        case when linked.is_left_truncated then 'left_truncated' else 'day' end as step_precision,
        null as step_at,
        linked.linked_from as step_date,
        linked.known_from,
        {{ end_of_time() }} as known_to
    from linked
    where linked.match = 'role'
    union all
    select
        linked.source,
        linked.person_id,
        linked.opportunity_id,
        'opportunity' as step,
        linked.match as evidence,
        1 as entry_number,
        case when opportunities.is_left_truncated then 'left_truncated' else 'day' end
            as step_precision,
        null as step_at,
        opportunities.created_date as step_date,
        greatest(linked.known_from, opportunities.first_captured_date) as known_from,
        {{ end_of_time() }} as known_to
    from linked
    inner join opportunities
        on
            linked.source = opportunities.source
            and linked.opportunity_id = opportunities.opportunity_id
    where linked.match = 'converted'
    union all
    select
        linked.source,
        linked.person_id,
        linked.opportunity_id,
        'won' as step,
        'opportunity' as evidence,
        1 as entry_number,
        case when opportunities.is_won_at_first then 'left_truncated' else 'day' end
            as step_precision,
        null as step_at,
        opportunities.won_from as step_date,
        greatest(min(linked.known_from), opportunities.won_from) as known_from,
        {{ end_of_time() }} as known_to
    from linked
    inner join opportunities
        on
            linked.source = opportunities.source
            and linked.opportunity_id = opportunities.opportunity_id
            and linked.linked_from <= opportunities.won_from
    group by
        linked.source,
        linked.person_id,
        linked.opportunity_id,
        opportunities.won_from,
        opportunities.is_won_at_first

)

select * from entries
