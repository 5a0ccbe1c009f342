-- One row per team x period in which its rows of pipeline_views.csv are in force x step_order: what
-- is counted after the step, and what was before it. Step 0 is the one pipeline number.
{%- set words = {'population': 'due', 'amount_basis': 'amount', 'day': 'same_day'} %}
{%- set needed = {
    'created': 'created_at',
    'created_date': 'created_at',
    'lead_source': 'lead_source',
    'opportunity_type': 'opportunity_type',
    'owner_id': 'owner_id',
    'account_id': 'account_id',
    'next_step': 'next_step',
    'source_probability': 'probability',
    'amount': 'amount',
    'source_amount': 'amount',
} %}
with

definitions as (

    select * from {{ ref('stg_pipeline_views') }}

),

extracted as (

    select * from {{ ref('stg_extracted_columns') }}
    where entity = 'opportunity'

),

-- All rows of a team's latest valid_from together replace the earlier ones.
periods as (

    select
        lower(definitions.team) as team,
        definitions.valid_from,
        cast(coalesce(
            lead(definitions.valid_from) over (
                partition by lower(definitions.team)
                order by definitions.valid_from nulls last
            ),
            {{ end_of_time() }}
        ) as date) as valid_to
    from definitions
    group by lower(definitions.team), definitions.valid_from

),

needs as (

    {%- for word, column in needed.items() %}
        select
            '{{ word }}' as word,
            '{{ column }}' as column_name
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

missing as (

    select
        periods.team,
        periods.valid_from,
        min(needs.column_name) as missing_column
    from periods
    inner join definitions
        on periods.team = lower(definitions.team) and periods.valid_from = definitions.valid_from
    inner join needs on needs.word in (definitions.rule_column, definitions.rule_value)
    left join extracted on needs.column_name = extracted.column_name
    where extracted.column_name is null
    group by periods.team, periods.valid_from

),

steps as (

    select
        periods.team,
        periods.valid_from,
        periods.valid_to,
        missing.missing_column,
        definitions.step_order,
        definitions.step,
        definitions.rule_column,
        lower(definitions.rule_value) as rule_value
    from periods
    inner join definitions
        on periods.team = lower(definitions.team) and periods.valid_from = definitions.valid_from
    left join missing
        on periods.team = missing.team and periods.valid_from = missing.valid_from
    union all
    select
        periods.team,
        periods.valid_from,
        periods.valid_to,
        missing.missing_column,
        0 as step_order,
        '(start)' as step,
        null as rule_column,
        null as rule_value
    from periods
    left join missing
        on periods.team = missing.team and periods.valid_from = missing.valid_from

),

-- The step that said last what is counted: on a step itself, and before it.
decided as (

    select
        {%- for word in words %}
            max(case when steps.rule_column = '{{ word }}' then steps.step_order end)
                over so_far as {{ word }}_step,
            max(case when steps.rule_column = '{{ word }}' then steps.step_order end)
                over earlier as previous_{{ word }}_step,
        {%- endfor %}
        steps.*
    from steps
    window
        so_far as (
            partition by steps.team, steps.valid_from
            order by steps.step_order nulls last
            rows between unbounded preceding and current row
        ),
        earlier as (
            partition by steps.team, steps.valid_from
            order by steps.step_order nulls last
            rows between unbounded preceding and 1 preceding
        )

),

views as (

    select
        decided.team,
        decided.valid_from,
        decided.valid_to,
        decided.step_order,
        decided.step,
        decided.missing_column,
        {%- for word, default in words.items() %}
            {%- for prefix in ['', 'previous_'] %}
                coalesce({{ prefix }}{{ word }}_steps.rule_value, '{{ default }}')
                    as {{ prefix }}{{ word }}
                {%- if not loop.last %},{% endif %}
            {%- endfor %}
            {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from decided
    {%- for word in words %}
        {%- for prefix in ['', 'previous_'] %}
            left join steps as {{ prefix }}{{ word }}_steps
                on
                    decided.team = {{ prefix }}{{ word }}_steps.team
                    and decided.valid_from = {{ prefix }}{{ word }}_steps.valid_from
                    and decided.{{ prefix ~ word ~ '_step' }}
                    = {{ prefix }}{{ word }}_steps.step_order
        {%- endfor %}
    {%- endfor %}

)

select * from views
