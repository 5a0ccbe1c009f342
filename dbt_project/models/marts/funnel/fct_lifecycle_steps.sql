-- One row per person x step of the lifecycle x cycle: when the person took it, which record says
-- so, and since when that is known.
{%- set steps = ['lead', 'mql', 'sal', 'sql', 'opportunity', 'won'] %}
{%- set step_columns = [
    'person_key', 'step', 'cycle', 'source', 'person_id', 'opportunity_id', 'step_precision',
    'step_at', 'step_date', 'known_from', 'earlier_steps_until',
] %}
{%- set record_columns = ['account_id', 'owner_id', 'lead_source', 'lead_score'] %}
with

people as (

    select * from {{ ref('dim_person') }}

),

entries as (

    select * from {{ ref('int_lifecycle_entries') }}
    where known_to = {{ end_of_time() }}

),

links as (

    select * from {{ ref('int_opportunity_people') }}

),

history as (

    select * from {{ ref('fct_opportunity_history') }}

),

versions as (

    select * from {{ ref('stg_person') }}
    where not is_tombstone

),

segments as (

    select * from {{ ref('int_account_segment_intervals') }}

),

records as (

    select * from {{ ref('int_people') }}

),

touches as (

    select * from {{ ref('int_person_touches') }}

),

kinds as (

    select * from {{ ref('int_touch_kinds') }}

),

sources as (

    select * from {{ ref('int_sources') }}

),

snapshot_days as (

    select * from {{ ref('int_snapshot_days') }}
    where status <> 'gap'

),

last_day as (

    select max(snapshot_days.snapshot_date) as last_captured_date
    from snapshot_days

),

first_touch_numbers as (

    select
        touches.person_number,
        min(touches.touch_number) as touch_number
    from touches
    group by touches.person_number

),

person_numbers as (

    select
        records.person_number,
        min(records.person_key) as person_key
    from records
    group by records.person_number

),

first_touches as (

    select
        person_numbers.person_key,
        kinds.campaign_id,
        kinds.channel,
        touches.touch_date
    from first_touch_numbers
    inner join touches on first_touch_numbers.touch_number = touches.touch_number
    inner join kinds on touches.kind_number = kinds.kind_number
    inner join person_numbers
        on first_touch_numbers.person_number = person_numbers.person_number

),

created as (

    select
        people.person_key,
        min(people.created_date) as created_date
    from people
    group by people.person_key

),

firsts_of_opportunities as (

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
        history.source,
        history.opportunity_id,
        history.created_date,
        history.valid_from as first_captured_date,
        history.valid_from <= sources.first_captured_date as is_left_truncated,
        firsts_of_opportunities.won_from,
        firsts_of_opportunities.won_from <= sources.first_captured_date as is_won_at_first
    from history
    inner join firsts_of_opportunities
        on
            history.source = firsts_of_opportunities.source
            and history.opportunity_id = firsts_of_opportunities.opportunity_id
            and history.valid_from = firsts_of_opportunities.first_captured_date
    inner join sources on history.source = sources.source

),

-- Whatever says that a record took a step.
evidence as (

    select
        entries.source,
        entries.person_id,
        cast(null as {{ dbt.type_string() }}) as opportunity_id,
        entries.step,
        entries.step_precision,
        entries.step_at,
        entries.step_date,
        entries.known_from
    from entries
    union all
    select
        links.source,
        links.person_id,
        links.opportunity_id,
        'opportunity' as step,
        case when links.is_left_truncated then 'left_truncated' else 'day' end as step_precision,
        null as step_at,
        links.linked_from as step_date,
        links.linked_from as known_from
    from links
    where links.match = 'role'
    union all
    -- Nobody's opportunity is older than the person.
    select
        links.source,
        links.person_id,
        links.opportunity_id,
        'opportunity' as step,
        case
            when opportunities.created_date is null and opportunities.is_left_truncated
                then 'left_truncated'
            else 'day'
        end as step_precision,
        null as step_at,
        greatest(
            coalesce(opportunities.created_date, opportunities.first_captured_date),
            coalesce(created.created_date, {{ beginning_of_time() }})
        ) as step_date,
        greatest(links.linked_from, opportunities.first_captured_date) as known_from
    from links
    inner join opportunities
        on
            links.source = opportunities.source
            and links.opportunity_id = opportunities.opportunity_id
    inner join people on links.source = people.source and links.person_id = people.person_id
    inner join created on people.person_key = created.person_key
    where links.match = 'converted'
    union all
    select
        links.source,
        links.person_id,
        links.opportunity_id,
        'won' as step,
        case when opportunities.is_won_at_first then 'left_truncated' else 'day' end
            as step_precision,
        null as step_at,
        opportunities.won_from as step_date,
        opportunities.won_from as known_from
    from links
    inner join opportunities
        on
            links.source = opportunities.source
            and links.opportunity_id = opportunities.opportunity_id
            and links.linked_from <= opportunities.won_from

),

-- One of several records that say the same.
dated as (

    select
        people.person_key,
        evidence.*,
        row_number() over (
            partition by
                people.person_key,
                evidence.step,
                case
                    when evidence.step in ('mql', 'sal', 'sql') then evidence.step_date
                end
            order by
                evidence.step_date nulls last,
                evidence.step_at nulls last,
                evidence.known_from nulls last,
                evidence.source nulls last,
                evidence.person_id nulls last,
                evidence.opportunity_id nulls last,
                evidence.step_precision nulls last
        ) as evidence_number
    from evidence
    inner join people on evidence.source = people.source and evidence.person_id = people.person_id
    cross join last_day
    where evidence.step_date <= last_day.last_captured_date

),

-- Each MQL begins a cycle, to which belongs what comes on its day or later.
cycles as (

    select
        dated.person_key,
        row_number() over mqls as cycle,
        case
            when row_number() over mqls = 1 then {{ beginning_of_time() }} else dated.step_date
        end as from_date,
        coalesce(lead(dated.step_date) over mqls, {{ end_of_time() }}) as to_date
    from dated
    where dated.step = 'mql' and dated.evidence_number = 1
    window mqls as (partition by dated.person_key order by dated.step_date nulls last)

),

cycled as (

    select
        dated.*,
        coalesce(cycles.cycle, 1) as cycle
    from dated
    left join cycles
        on
            dated.person_key = cycles.person_key
            and dated.step_date >= cycles.from_date
            and dated.step_date < cycles.to_date
    where dated.evidence_number = 1

),

first_dates as (

    select
        {%- for step in steps %}
            min(case when cycled.step = '{{ step }}' then cycled.step_date end) as {{ step }}_date,
        {%- endfor %}
        cycled.person_key,
        cycled.cycle
    from cycled
    group by cycled.person_key, cycled.cycle

),

-- A step is taken once in a cycle, the first time.
ordered as (

    select
        cycled.*,
        case cycled.step
            {%- for step in steps[1:] %}
                {%- set earlier = steps[:loop.index] | join('_date, ') ~ '_date' %}
                when '{{ step }}' then {{ 'greatest' if loop.index > 1 }}({{ earlier }})
            {%- endfor %}
        end as earlier_steps_until
    from cycled
    inner join first_dates
        on
            cycled.person_key = first_dates.person_key
            and cycled.cycle = first_dates.cycle
            and case cycled.step
                {%- for step in steps %}
                    when '{{ step }}' then first_dates.{{ step }}_date
                {%- endfor %}
            end = cycled.step_date

),

current_versions as (

    select
        {%- for column in step_columns %}
            ordered.{{ column }},
        {%- endfor %}
        {%- for column in record_columns %}
            versions.{{ column }},
        {%- endfor %}
        versions.valid_from
    from ordered
    left join versions
        on
            ordered.source = versions.source
            and ordered.person_id = versions.person_id
            and ordered.known_from >= versions.valid_from
            and ordered.known_from < versions.valid_to

),

-- Of a record that did not exist on that day, the last version before, else the first one.
other_versions as (

    select
        {%- for column in step_columns %}
            steps.{{ column }},
        {%- endfor %}
        {%- for column in record_columns %}
            versions.{{ column }},
        {%- endfor %}
        row_number() over (
            partition by steps.person_key, steps.step, steps.cycle
            order by
                case when versions.valid_from <= steps.known_from then 0 else 1 end nulls last,
                case when versions.valid_from <= steps.known_from then versions.valid_from end desc,
                versions.valid_from nulls last
        ) as nearness
    from current_versions as steps
    inner join versions
        on steps.source = versions.source and steps.person_id = versions.person_id
    where steps.valid_from is null

),

-- The record as it was when the step was first known.
described as (

    select
        {%- for column in step_columns + record_columns %}
            current_versions.{{ column }},
        {%- endfor %}
        1 as nearness
    from current_versions
    where current_versions.valid_from is not null
    union all
    select
        {%- for column in step_columns + record_columns %}
            other_versions.{{ column }},
        {%- endfor %}
        other_versions.nearness
    from other_versions
    where other_versions.nearness = 1

),

lifecycle as (

    select
        -- ids
        described.person_key,
        described.step,
        cast(described.cycle as integer) as cycle,
        described.source,
        described.person_id,
        described.opportunity_id,
        described.account_id,
        described.owner_id,
        first_touches.campaign_id,

        -- attributes
        coalesce(segments.segment, '(unassigned)') as segment,
        coalesce(described.lead_source, '(none)') as lead_source,
        coalesce(first_touches.channel, '(none)') as channel,
        described.step_precision,
        coalesce(described.step_date < described.earlier_steps_until, false) as is_out_of_order,

        -- numerics
        described.lead_score as lead_score_at_step,

        -- dates
        described.step_at,
        described.step_date,
        described.known_from
    from described
    left join first_touches
        on
            described.person_key = first_touches.person_key
            and described.step_date >= first_touches.touch_date
    left join segments
        on
            described.source = segments.source
            and described.account_id = segments.account_id
            and described.known_from >= segments.valid_from
            and described.known_from < segments.valid_to

)

select * from lifecycle
