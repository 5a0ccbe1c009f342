-- One row per match x dimension of attribution: a column that it needs and no source was ever
-- captured with.
{{ config(materialized='view') }}
{%- set touched = ['touch.person_id', 'touch.touched_at'] %}
{%- set role = 'opportunity_contact_role.person_id' %}
{%- set conversion = 'person.converted_opportunity_id' %}
{%- set matches = {
    'headline': touched + [[role, conversion]],
    'role': touched + [role],
    'converted': touched + [conversion],
    'account': touched + ['opportunity.account_id', 'person.account_id'],
} %}
{%- set dimensions = {
    '(all)': ['touch.touched_at'],
    'channel': ['campaign.channel', 'touch.campaign_id'],
    'campaign': ['touch.campaign_id'],
    'touch_type': ['touch.touch_type'],
} %}
with

extracted as (

    select * from {{ ref('stg_extracted_columns') }}

),

{{ missing_columns('match', matches) }},

{{ missing_columns('dimension', dimensions) }},

evidence as (

    select
        missing_of_match.match,
        missing_of_dimension.dimension,
        missing_of_match.missing_column is null as is_match_known,
        coalesce(missing_of_match.missing_column, missing_of_dimension.missing_column)
            as missing_column
    from missing_of_match
    cross join missing_of_dimension

)

select * from evidence
