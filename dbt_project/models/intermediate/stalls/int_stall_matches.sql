-- One row per rule x fiscal quarter of the landmark x segment x stage, `(all)` included: of the
-- stalled that have others of their stage and age beside them, how many were won, and how many
-- would be at the rate of those others.
with

verdicts as (

    select * from {{ ref('int_stall_verdicts') }}
    where is_decided

),

-- What each rule says at once, so that the verdicts are read once for all rules.
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
    group by
        {%- for rule in stall_rules() %}
            verdicts.{{ rule }},
        {%- endfor %}
        verdicts.fiscal_quarter,
        verdicts.segment,
        verdicts.pipeline,
        verdicts.stage,
        verdicts.age_weeks

),

strata as (

    {%- for rule in stall_rules() %}
        select
            '{{ rule }}' as rule,
            mixes.fiscal_quarter,
            mixes.segment,
            mixes.stage,
            mixes.pipeline,
            mixes.stage as own_stage,
            mixes.age_weeks,
            sum(case when mixes.{{ rule }} then mixes.decided else 0 end) as stalled,
            sum(case when mixes.{{ rule }} then mixes.won else 0 end) as stalled_won,
            sum(case when mixes.{{ rule }} then 0 else mixes.decided end) as others,
            sum(case when mixes.{{ rule }} then 0 else mixes.won end) as others_won
        from mixes
        where mixes.{{ rule }} is not null
        group by
            mixes.fiscal_quarter,
            mixes.segment,
            mixes.stage,
            mixes.pipeline,
            mixes.age_weeks
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

scoped as (

    {{ with_all(
        'strata',
        all_of=['fiscal_quarter', 'segment', 'stage'],
        others=['rule', 'pipeline', 'own_stage', 'age_weeks'],
        sums=['stalled', 'stalled_won', 'others', 'others_won'],
    ) }}

),

matches as (

    select
        scoped.rule,
        scoped.fiscal_quarter,
        scoped.segment,
        scoped.stage,
        cast(sum(scoped.stalled) as integer) as matched_decided,
        cast(sum(scoped.stalled_won) as integer) as matched_won,
        -- decimals: a sum of doubles depends on the order in which threads add them
        sum(cast(
            cast(scoped.stalled * scoped.others_won as double) / nullif(scoped.others, 0)
            as decimal(28, 15)
        )) as matched_expected_won
    from scoped
    where scoped.stalled > 0 and scoped.others > 0
    group by scoped.rule, scoped.fiscal_quarter, scoped.segment, scoped.stage

)

select * from matches
