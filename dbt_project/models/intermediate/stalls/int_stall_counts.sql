-- One row per rule x fiscal quarter of the landmark x segment x stage x stall days (NULL: not
-- stalled), `(all)` included: opportunities judged, and their outcomes.
with

verdicts as (

    select * from {{ ref('int_stall_verdicts') }}

),

counted as (

    {%- for rule in stall_rules() %}
        select
            '{{ rule }}' as rule,
            verdicts.fiscal_quarter,
            verdicts.segment,
            verdicts.stage,
            case when verdicts.{{ rule }} then verdicts.{{ rule }}_days end as stall_days,
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
        group by 1, 2, 3, 4, 5, 6
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

scoped as (

    {{ with_all(
        'counted',
        all_of=['fiscal_quarter', 'segment', 'stage'],
        others=['rule', 'stall_days', 'is_stalled'],
        sums=['judged', 'decided', 'won', 'recovery_known', 'recovered', 'amount'],
    ) }}

)

select * from scoped
