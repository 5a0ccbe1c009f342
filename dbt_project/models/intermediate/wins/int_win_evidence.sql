-- One row per dimension of win rates: a column that it needs and no source was ever captured with.
{{ config(materialized='view') }}
{%- set dated = 'opportunity.close_date' %}
{%- set needed = {
    '(all)': [dated],
    'opportunity_type': [dated, 'opportunity.opportunity_type'],
    'pipeline': [dated],
    'lead_source': [dated, 'opportunity.lead_source'],
    'owner_team': [dated, 'opportunity.owner_id', 'user.team'],
    'loss_reason': [dated, 'opportunity.loss_reason'],
    'cycle_band': [dated, 'opportunity.created_at'],
} %}
with

extracted as (

    select * from {{ ref('stg_extracted_columns') }}

),

{{ missing_columns('dimension', needed) }},

evidence as (

    select
        missing_of_dimension.dimension,
        {{ dbt.split_part('missing_of_dimension.missing_column', "'.'", 2) }} as missing_column
    from missing_of_dimension

)

select * from evidence
