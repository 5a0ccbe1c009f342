-- One row per opportunity version x team's view that it fails: the first step it does not meet.
{%- set columns = view_rule_columns() %}
with

history as (

    select * from {{ ref('fct_opportunity_history') }}

),

opportunities as (

    select * from {{ ref('int_opportunities') }}

),

definitions as (

    select * from {{ ref('stg_pipeline_views') }}

),

policy as (

    select * from {{ ref('int_metric_policy') }}
    where is_latest

),

-- A list is written `a|b`, or `a, b` where no value has a comma of its own. Case does not matter.
rules as (

    select
        lower(definitions.team) as team,
        definitions.valid_from as view_from,
        definitions.step_order,
        definitions.rule_column,
        definitions.rule_operator,
        lower(definitions.rule_value) as rule_text,
        {{ cast_from_ledger('definitions.rule_value', 'string', 'decimal(38, 6)') }} as rule_number,
        {{ cast_from_ledger('definitions.rule_value', 'string', 'date') }} as rule_date,
        lower('|' || case
            when definitions.rule_value = '(marketing_lead_sources)'
                then policy.marketing_lead_sources
            when {{ dbt.position("'|'", 'definitions.rule_value') }} > 0
                then definitions.rule_value
            else replace(replace(definitions.rule_value, ', ', ','), ',', '|')
        end || '|') as rule_list
    from definitions
    cross join policy
    where definitions.rule_column not in ('{{ view_rule_words() | join("', '") }}')

),

compared as (

    select
        opportunities.opportunity_key,
        history.valid_from,
        rules.*,
        case rules.rule_column
            {%- for column, kind in columns.items() if kind == 'text' %}
                when '{{ column }}' then lower(trim(history.{{ column }}))
            {%- endfor %}
        end as text_value,
        case rules.rule_column
            {%- for column, kind in columns.items() if kind == 'number' %}
                when '{{ column }}' then cast(history.{{ column }} as decimal(38, 6))
            {%- endfor %}
        end as number_value,
        case rules.rule_column
            {%- for column, kind in columns.items() if kind == 'date' %}
                when '{{ column }}' then history.{{ column }}
            {%- endfor %}
        end as date_value
    from history
    inner join opportunities
        on
            history.source = opportunities.source
            and history.opportunity_id = opportunities.opportunity_id
    cross join rules

),

-- Nothing meets no rule but `is_null` and `!=`.
measured as (

    select
        compared.*,
        coalesce(
            compared.text_value = compared.rule_text
            or compared.number_value = compared.rule_number
            or compared.date_value = compared.rule_date,
            false
        ) as is_equal,
        coalesce(
            compared.number_value < compared.rule_number
            or compared.date_value < compared.rule_date,
            false
        ) as is_less,
        compared.number_value is not null or compared.date_value is not null as has_size
    from compared

),

judged as (

    select
        measured.*,
        case measured.rule_operator
            when 'is_null'
                then
                    coalesce(measured.text_value, '') = ''
                    and measured.number_value is null
                    and measured.date_value is null
            when '=' then measured.is_equal
            when '!=' then not measured.is_equal
            when 'in'
                then
                    {{ dbt.position(
                        "'|' || measured.text_value || '|'", 'measured.rule_list'
                    ) }} > 0
            when '<' then measured.is_less
            when '<=' then measured.is_less or measured.is_equal
            when '>' then measured.has_size and not measured.is_less and not measured.is_equal
            when '>=' then measured.has_size and not measured.is_less
        end as is_met
    from measured

),

failures as (

    select
        judged.opportunity_key,
        judged.valid_from,
        judged.team,
        judged.view_from,
        min(judged.step_order) as step_order
    from judged
    where not coalesce(judged.is_met, false)
    group by
        judged.opportunity_key,
        judged.valid_from,
        judged.team,
        judged.view_from

)

select * from failures
