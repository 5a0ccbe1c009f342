-- One row per rule x fiscal quarter of the landmark x segment x stage, `(all)` included: of the
-- stalled that have others of their stage and age beside them, how many were won, and how many
-- would be at the rate of those others.
with

tallies as (

    select * from {{ ref('int_stall_tallies') }}
    where divided_by = 'age_weeks'

),

strata as (

    select
        tallies.rule,
        tallies.fiscal_quarter,
        tallies.segment,
        tallies.stage,
        tallies.pipeline,
        tallies.stage as own_stage,
        tallies.age_weeks,
        sum(case when tallies.is_stalled then tallies.decided else 0 end) as stalled,
        sum(case when tallies.is_stalled then tallies.won else 0 end) as stalled_won,
        sum(case when tallies.is_stalled then 0 else tallies.decided end) as others,
        sum(case when tallies.is_stalled then 0 else tallies.won end) as others_won
    from tallies
    group by
        tallies.rule,
        tallies.fiscal_quarter,
        tallies.segment,
        tallies.stage,
        tallies.pipeline,
        tallies.age_weeks

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
