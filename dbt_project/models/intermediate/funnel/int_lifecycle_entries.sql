-- One row per person's record x step x evidence (`record`: its own dates, `role`, `converted`,
-- `opportunity`: it was won) x what it says: the entry into the step, and from when to when that
-- was known. Of a record's dates a later value is a new entry, an earlier one corrects the last.
{%- set dated_steps = ['mql', 'sal', 'sql'] %}
with

versions as (

    select * from {{ ref('int_person_versions') }}

),

people as (

    select * from {{ ref('int_people') }}

),

links as (

    select * from {{ ref('int_opportunity_people') }}

),

history as (

    select * from {{ ref('int_opportunity_history') }}

),

keys as (

    select * from {{ ref('int_opportunities') }}

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
            versions.record_number,
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
            partition by captured.record_number, captured.step
            order by captured.valid_from nulls last
        ) as previous_step_at
    from captured

),

changed as (

    select
        compared.*,
        case when coalesce(compared.previous_step_at < compared.step_at, true) then 1 else 0 end
            as is_new
    from compared
    where compared.previous_step_at is null or compared.previous_step_at <> compared.step_at

),

numbered as (

    select
        changed.*,
        sum(changed.is_new) over (
            partition by changed.record_number, changed.step
            order by changed.valid_from nulls last
            rows between unbounded preceding and current row
        ) as entry_number,
        lead(case when changed.is_new = 0 then changed.valid_from end) over (
            partition by changed.record_number, changed.step
            order by changed.valid_from nulls last
        ) as corrected_from
    from changed

),

-- Contacts that sales made are no leads.
lead_days as (

    select
        versions.record_number,
        min(versions.valid_from) as valid_from
    from versions
    where
        versions.record_type = 'lead'
        {%- for step in dated_steps %}
            or versions.{{ step }}_at is not null
        {%- endfor %}
    group by versions.record_number

),

leads as (

    select
        people.source,
        lead_days.record_number,
        lead_days.valid_from,
        people.first_captured_date,
        versions.created_at
    from lead_days
    inner join versions
        on
            lead_days.record_number = versions.record_number
            and lead_days.valid_from = versions.valid_from
    inner join people on lead_days.record_number = people.record_number

),

first_versions as (

    select
        history.opportunity_key,
        min(history.valid_from) as first_captured_date,
        min(case when history.previous_valid_to is null then history.created_date end)
            as created_date,
        min(case when history.stage_category = 'won' then history.valid_from end) as won_from
    from history
    group by history.opportunity_key

),

opportunities as (

    select
        keys.source,
        keys.opportunity_id,
        first_versions.first_captured_date,
        first_versions.won_from,
        coalesce(first_versions.created_date, first_versions.first_captured_date) as created_date,
        first_versions.created_date is null
        and first_versions.first_captured_date <= sources.first_captured_date as is_left_truncated,
        first_versions.won_from <= sources.first_captured_date as is_won_at_first
    from first_versions
    inner join keys on first_versions.opportunity_key = keys.opportunity_key
    inner join sources on keys.source = sources.source

),

-- A link may be captured before the person is.
linked as (

    select
        people.record_number,
        links.source,
        links.opportunity_id,
        links.match,
        links.is_left_truncated,
        links.linked_from,
        greatest(links.linked_from, people.first_captured_date) as known_from
    from links
    inner join people on links.source = people.source and links.person_id = people.person_id
    where people.first_captured_date is not null

),

entries as (

    select
        numbered.record_number,
        cast(null as {{ dbt.type_string() }}) as opportunity_id,
        numbered.step,
        'record' as evidence,
        cast(numbered.entry_number as integer) as entry_number,
        'exact' as step_precision,
        numbered.step_at,
        {{ business_date('numbered.step_at') }} as step_date,
        numbered.valid_from as known_from,
        coalesce(numbered.corrected_from, {{ end_of_time() }}) as known_to
    from numbered
    union all
    select
        leads.record_number,
        null as opportunity_id,
        'lead' as step,
        'record' as evidence,
        1 as entry_number,
        case
            when leads.created_at is not null then 'exact'
            when leads.first_captured_date > person_days.first_captured_date then 'day'
            else 'left_truncated'
        end as step_precision,
        leads.created_at as step_at,
        coalesce({{ business_date('leads.created_at') }}, leads.first_captured_date) as step_date,
        leads.valid_from as known_from,
        {{ end_of_time() }} as known_to
    from leads
    inner join person_days on leads.source = person_days.source
    union all
    select
        linked.record_number,
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
        linked.record_number,
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
        linked.record_number,
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
        linked.record_number,
        linked.opportunity_id,
        opportunities.won_from,
        opportunities.is_won_at_first

)

select * from entries
