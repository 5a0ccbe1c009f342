-- One row per match x dimension of attribution: a column that it needs and no source was ever
-- captured with.
{{ config(materialized='view') }}
{%- set matches = {
    'headline': [],
    'role': ['opportunity_contact_role.person_id'],
    'converted': ['person.converted_opportunity_id'],
    'account': ['opportunity.account_id', 'person.account_id'],
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

known as (

    select distinct extracted.entity || '.' || extracted.column_name as column_name
    from extracted

),

needs as (

    {%- for match, match_columns in matches.items() %}
        {%- for column in ['touch.person_id', 'touch.touched_at'] + match_columns %}
            select
                '{{ match }}' as match,
                '{{ column }}' as column_name
            union all
        {%- endfor %}
    {%- endfor %}
    -- the headline needs one of two ways to find people
    select
        'headline' as match,
        case
            when
                count(
                    case when known.column_name = 'person.converted_opportunity_id' then 1 end
                ) > 0
                then 'touch.touched_at'
            else 'opportunity_contact_role.person_id'
        end as column_name
    from known

),

lacking as (

    select
        needs.match,
        min(case when known.column_name is null then needs.column_name end) as missing_column
    from needs
    left join known on needs.column_name = known.column_name
    group by needs.match

),

described as (

    {%- for dimension, columns in dimensions.items() %}
        {%- for column in columns %}
            select
                '{{ dimension }}' as dimension,
                '{{ column }}' as column_name
            {%- if not loop.last %}
                union all
            {%- endif %}
        {%- endfor %}
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

undescribed as (

    select
        described.dimension,
        min(case when known.column_name is null then described.column_name end) as missing_column
    from described
    left join known on described.column_name = known.column_name
    group by described.dimension

),

evidence as (

    select
        lacking.match,
        undescribed.dimension,
        lacking.missing_column is null as is_match_known,
        coalesce(lacking.missing_column, undescribed.missing_column) as missing_column
    from lacking
    cross join undescribed

)

select * from evidence
