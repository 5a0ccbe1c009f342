{#-
    CTEs for a model that has `people` (the columns `of`, which tell persons apart, as_of_date,
    source, record_number, created_date), `entries` (as int_lifecycle_entries), `sources` (as
    int_sources), `versions` (as int_person_versions), `first_touches` (the columns `of`,
    touch_date, campaign_id, channel) and `segments` (as int_account_segment_intervals). The last
    one, `taken_steps`, has a row per person x step of the lifecycle x cycle, as it was known on
    as_of_date.
-#}
{% macro steps_of_people(of) -%}
{%- set steps = ['lead', 'mql', 'sal', 'sql', 'opportunity', 'won'] %}
{%- set entry_columns = ['opportunity_id', 'step', 'step_precision', 'step_at', 'known_from'] %}
{%- set step_columns = of + [
    'step', 'cycle', 'record_number', 'opportunity_id', 'step_precision',
    'step_at', 'step_date', 'known_from', 'earlier_steps_until',
] %}
{%- set record_columns = [
    'source', 'account_number', 'account_id', 'owner_id', 'lead_source', 'lead_score',
] %}
created as (

    select
        {{ columns_of('people', of) }},
        min(people.created_date) as created_date
    from people
    group by {{ columns_of('people', of) }}

),

-- Nobody's opportunity is older than the person.
evidence as (

    select
        {{ columns_of('people', of) }},
        people.as_of_date,
        people.record_number,
        people.source,
        {{ columns_of('entries', entry_columns) }},
        entries.step_date
    from entries
    inner join people on entries.record_number = people.record_number
    where
        entries.evidence <> 'converted'
        and entries.known_from <= people.as_of_date
        and entries.known_to > people.as_of_date
    union all
    select
        {{ columns_of('people', of) }},
        people.as_of_date,
        people.record_number,
        people.source,
        {{ columns_of('entries', entry_columns) }},
        greatest(
            entries.step_date, coalesce(created.created_date, {{ beginning_of_time() }})
        ) as step_date
    from entries
    inner join people on entries.record_number = people.record_number
    inner join created on {{ equal_columns('people', 'created', of) }}
    where entries.evidence = 'converted' and entries.known_from <= people.as_of_date

),

-- One of several records that say the same: that of a source with opportunities, which also knows
-- the accounts and owners that it names.
dated as (

    select
        {{ columns_of('evidence', of + ['record_number', 'step_date'] + entry_columns) }},
        row_number() over (
            partition by
                {{ columns_of('evidence', of) }},
                evidence.step,
                case
                    when evidence.step in ('mql', 'sal', 'sql') then evidence.step_date
                end
            order by
                evidence.step_date nulls last,
                evidence.step_at nulls last,
                evidence.known_from nulls last,
                case when sources.first_captured_date <= evidence.as_of_date then 0 else 1 end
                    nulls last,
                evidence.record_number nulls last,
                evidence.opportunity_id nulls last,
                evidence.step_precision nulls last
        ) as evidence_number
    from evidence
    left join sources on evidence.source = sources.source
    where evidence.step_date <= evidence.as_of_date

),

-- Each MQL begins a cycle, to which belongs what comes on its day or later.
cycles as (

    select
        {{ columns_of('dated', of) }},
        row_number() over mqls as cycle,
        case
            when row_number() over mqls = 1 then {{ beginning_of_time() }} else dated.step_date
        end as from_date,
        coalesce(lead(dated.step_date) over mqls, {{ end_of_time() }}) as to_date
    from dated
    where dated.step = 'mql' and dated.evidence_number = 1
    window mqls as (partition by {{ columns_of('dated', of) }} order by dated.step_date nulls last)

),

cycled as (

    select
        dated.*,
        coalesce(cycles.cycle, 1) as cycle
    from dated
    left join cycles
        on
            {{ equal_columns('dated', 'cycles', of) }}
            and dated.step_date >= cycles.from_date
            and dated.step_date < cycles.to_date
    where dated.evidence_number = 1

),

first_dates as (

    select
        {%- for step in steps %}
        min(case when cycled.step = '{{ step }}' then cycled.step_date end) as {{ step }}_date,
        {%- endfor %}
        {{ columns_of('cycled', of) }},
        cycled.cycle
    from cycled
    group by {{ columns_of('cycled', of) }}, cycled.cycle

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
            {{ equal_columns('cycled', 'first_dates', of) }}
            and cycled.cycle = first_dates.cycle
            and case cycled.step
                {%- for step in steps %}
                when '{{ step }}' then first_dates.{{ step }}_date
                {%- endfor %}
            end = cycled.step_date

),

-- The record as it was when the step was first known, or as it was last before it had gone.
described as (

    select
        {%- for column in step_columns %}
        ordered.{{ column }},
        {%- endfor %}
        {%- for column in record_columns %}
        versions.{{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from ordered
    inner join versions
        on
            ordered.record_number = versions.record_number
            and ordered.known_from >= versions.valid_from
            and ordered.known_from < versions.next_from

),

taken_steps as (

    select
        -- ids
        {{ columns_of('described', of) }},
        described.step,
        cast(described.cycle as integer) as cycle,
        described.record_number,
        described.source,
        described.opportunity_id,
        described.account_number,
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
            {{ equal_columns('described', 'first_touches', of) }}
            and described.step_date >= first_touches.touch_date
    left join segments
        on
            described.source = segments.source
            and described.account_id = segments.account_id
            and described.known_from >= segments.valid_from
            and described.known_from < segments.valid_to

)
{%- endmacro %}
