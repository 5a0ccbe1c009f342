-- Opportunities whose touches do not share out the whole of them, or that have touches after their
-- cut-off, twice over, or beside a row that says that nothing touched them.
{%- set models = ['first', 'last', 'linear', 'position'] %}
with

attribution as (

    select * from {{ ref('fct_attribution') }}

),

conversions as (

    select * from {{ ref('int_attribution_conversions') }}
    where restated_date is not null

),

evidence as (

    select * from {{ ref('int_attribution_evidence') }}
    where match = 'headline' and dimension = '(all)' and is_match_known

),

shared as (

    select
        attribution.source,
        attribution.opportunity_id,
        attribution.purpose,
        {%- for model in models %}
            sum(attribution.{{ model }}_weight) as {{ model }}_weight,
            sum(attribution.{{ model }}_amount) as {{ model }}_amount,
        {%- endfor %}
        max(attribution.touch_position) as last_position,
        min(attribution.days_before) as fewest_days_before,
        count(attribution.touch_id) as touches,
        count(*) as row_count
    from attribution
    group by attribution.source, attribution.opportunity_id, attribution.purpose

),

compared as (

    select
        conversions.source,
        conversions.opportunity_id,
        conversions.purpose,
        conversions.amount,
        {%- for model in models %}
            shared.{{ model }}_weight,
            shared.{{ model }}_amount,
        {%- endfor %}
        shared.touches,
        shared.row_count
    from conversions
    inner join evidence on evidence.is_match_known
    left join shared
        on
            conversions.source = shared.source
            and conversions.opportunity_id = shared.opportunity_id
            and conversions.purpose = shared.purpose
    where
        shared.row_count is null
        {%- for model in models %}
            or abs(shared.{{ model }}_weight - 1) > 1e-9
            or shared.{{ model }}_amount <> conversions.amount
        {%- endfor %}
        or shared.fewest_days_before < 0
        or coalesce(shared.last_position, 0) <> shared.touches
        or shared.row_count <> greatest(shared.touches, 1)

)

select * from compared
