-- One row per rule x fiscal quarter of the landmark x segment x pipeline x stage x whether stalled
-- x stall days; and of the decided one by age in weeks in place of stall days: opportunities
-- judged, and their outcomes. One model, so that verdicts on millions of opportunities are made
-- once and not written.
with

verdicts as (

    select * from {{ ref('int_stall_verdicts') }}

),

-- What each rule says at once, so that there are few rows to divide by age.
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

),

tallies as (

    {%- for rule in stall_rules() %}
        select
            '{{ rule }}' as rule,
            'stall_days' as divided_by,
            verdicts.fiscal_quarter,
            verdicts.segment,
            verdicts.pipeline,
            verdicts.stage,
            case when verdicts.{{ rule }} then verdicts.{{ rule }}_days end as stall_days,
            cast(null as integer) as age_weeks,
            verdicts.{{ rule }} as is_stalled,
            count(*) as judged,
            count(*) filter (where verdicts.is_decided) as decided,
            count(*) filter (where verdicts.is_won) as won,
            count(*) filter (where verdicts.is_recovery_known) as recovery_known,
            count(*) filter (
                where verdicts.is_recovery_known and verdicts.{{ rule }}_recovered
            ) as recovered,
            sum(verdicts.amount) as amount
        from verdicts
        where verdicts.{{ rule }} is not null
        group by
            verdicts.fiscal_quarter,
            verdicts.segment,
            verdicts.pipeline,
            verdicts.stage,
            case when verdicts.{{ rule }} then verdicts.{{ rule }}_days end,
            verdicts.{{ rule }}
        union all
        select
            '{{ rule }}' as rule,
            'age_weeks' as divided_by,
            mixes.fiscal_quarter,
            mixes.segment,
            mixes.pipeline,
            mixes.stage,
            null as stall_days,
            mixes.age_weeks,
            mixes.{{ rule }} as is_stalled,
            sum(mixes.decided) as judged,
            sum(mixes.decided) as decided,
            sum(mixes.won) as won,
            null as recovery_known,
            null as recovered,
            null as amount
        from mixes
        where mixes.{{ rule }} is not null
        group by
            mixes.fiscal_quarter,
            mixes.segment,
            mixes.pipeline,
            mixes.stage,
            mixes.age_weeks,
            mixes.{{ rule }}
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

)

select * from tallies
