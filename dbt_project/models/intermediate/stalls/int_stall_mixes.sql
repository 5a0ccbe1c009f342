-- One row per fiscal quarter of the landmark x segment x pipeline x stage x age in weeks x what
-- each stall rule says (NULL: nothing): opportunities whose outcome is known, and how many are won.
with

verdicts as (

    select * from {{ ref('int_stall_verdicts') }}

),

mixes as (

    select
        verdicts.fiscal_quarter,
        verdicts.segment,
        verdicts.pipeline,
        verdicts.stage,
        verdicts.age_weeks,
        {%- for rule in stall_rules() %}
            verdicts.{{ rule }},
        {%- endfor %}
        count(*) as decided,
        count(*) filter (where verdicts.is_won) as won
    from verdicts
    where verdicts.is_decided
    group by
        {%- for rule in stall_rules() %}
            verdicts.{{ rule }},
        {%- endfor %}
        verdicts.fiscal_quarter,
        verdicts.segment,
        verdicts.pipeline,
        verdicts.stage,
        verdicts.age_weeks

)

select * from mixes
