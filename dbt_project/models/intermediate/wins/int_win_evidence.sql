-- One row per dimension of win rates: a column that it needs and no source was ever captured with.
{{ config(materialized='view') }}
{%- set needed = {
    '(all)': [],
    'opportunity_type': ['opportunity.opportunity_type'],
    'pipeline': [],
    'lead_source': ['opportunity.lead_source'],
    'owner_team': ['opportunity.owner_id', 'user.team'],
    'loss_reason': ['opportunity.loss_reason'],
    'cycle_band': ['opportunity.created_at'],
} %}
with

extracted as (

    select * from {{ ref('stg_extracted_columns') }}

),

needs as (

    {%- for dimension, columns in needed.items() %}
        {%- for column in ['opportunity.close_date'] + columns %}
            select
                '{{ dimension }}' as dimension,
                '{{ column.split('.')[0] }}' as entity,
                '{{ column.split('.')[1] }}' as column_name
            {%- if not loop.last %}
                union all
            {%- endif %}
        {%- endfor %}
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

known as (

    select
        extracted.entity,
        extracted.column_name
    from extracted
    group by extracted.entity, extracted.column_name

),

evidence as (

    select
        needs.dimension,
        min(case when known.column_name is null then needs.column_name end) as missing_column
    from needs
    left join known
        on needs.entity = known.entity and needs.column_name = known.column_name
    group by needs.dimension

)

select * from evidence
