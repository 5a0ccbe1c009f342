-- One row per rule x segment x stage x fiscal_quarter of the landmark, `(all)` included: how often
-- a rule finds open opportunities stalled, and what becomes of them and of the others.
with

counts as (

    select * from {{ ref('int_stall_counts') }}

),

matches as (

    select * from {{ ref('int_stall_matches') }}

),

ordered as (

    select
        counts.*,
        sum(case when counts.stall_days is not null then counts.judged else 0 end) over (
            partition by counts.rule, counts.fiscal_quarter, counts.segment, counts.stage
            order by counts.stall_days asc nulls last, counts.is_stalled desc
            rows between unbounded preceding and current row
        ) as stalled_so_far,
        sum(case when counts.stall_days is not null then counts.judged else 0 end) over (
            partition by counts.rule, counts.fiscal_quarter, counts.segment, counts.stage
        ) as all_stalled
    from counts

),

patterns as (

    select
        ordered.rule,
        ordered.segment,
        ordered.stage,
        ordered.fiscal_quarter,
        sum(ordered.judged) as judged,
        sum(ordered.judged) filter (where ordered.is_stalled) as stalled,
        sum(ordered.decided) filter (where ordered.is_stalled) as stalled_decided,
        sum(ordered.won) filter (where ordered.is_stalled) as stalled_won,
        sum(ordered.decided) filter (where not ordered.is_stalled) as other_decided,
        sum(ordered.won) filter (where not ordered.is_stalled) as other_won,
        sum(ordered.recovery_known) filter (where ordered.is_stalled) as recovery_known,
        sum(ordered.recovered) filter (where ordered.is_stalled) as recovered,
        sum(ordered.amount) filter (where ordered.is_stalled) as stalled_amount,
        min(ordered.stall_days) filter (
            where ordered.stall_days is not null
            and 2 * ordered.stalled_so_far >= ordered.all_stalled
        ) as lower_middle_days,
        min(ordered.stall_days) filter (
            where ordered.stall_days is not null
            and 2 * ordered.stalled_so_far > ordered.all_stalled
        ) as upper_middle_days
    from ordered
    group by ordered.rule, ordered.segment, ordered.stage, ordered.fiscal_quarter

),

filled as (

    select
        patterns.rule,
        patterns.segment,
        patterns.stage,
        patterns.fiscal_quarter,
        cast(patterns.judged as integer) as judged,
        cast(coalesce(patterns.stalled, 0) as integer) as stalled,
        cast(coalesce(patterns.stalled_decided, 0) as integer) as stalled_decided,
        cast(coalesce(patterns.stalled_won, 0) as integer) as stalled_won,
        cast(coalesce(patterns.other_decided, 0) as integer) as other_decided,
        cast(coalesce(patterns.other_won, 0) as integer) as other_won,
        cast(coalesce(patterns.recovery_known, 0) as integer) as recovery_known,
        cast(coalesce(patterns.recovered, 0) as integer) as recovered,
        cast(coalesce(patterns.stalled_amount, 0) as decimal(18, 2)) as stalled_amount,
        cast(patterns.lower_middle_days + patterns.upper_middle_days as double) / 2
            as median_stall_days,
        cast(coalesce(matches.matched_decided, 0) as integer) as matched_decided,
        cast(coalesce(matches.matched_won, 0) as integer) as matched_won,
        cast(coalesce(matches.matched_expected_won, 0) as double) as matched_expected_won
    from patterns
    left join matches
        on
            patterns.rule = matches.rule
            and patterns.fiscal_quarter = matches.fiscal_quarter
            and patterns.segment = matches.segment
            and patterns.stage = matches.stage

),

rated as (

    select
        -- ids
        filled.rule,
        filled.segment,
        filled.stage,
        filled.fiscal_quarter,

        -- flags
        '(all)' in (filled.segment, filled.stage, filled.fiscal_quarter) as is_total,

        -- counts
        filled.judged,
        filled.stalled,
        filled.stalled_decided,
        filled.stalled_won,
        filled.other_decided,
        filled.other_won,
        filled.recovery_known,
        filled.recovered,
        filled.matched_decided,
        filled.matched_won,
        filled.matched_expected_won,

        -- amounts and durations
        filled.stalled_amount,
        filled.median_stall_days,

        -- rates
        cast(filled.stalled as double) / nullif(filled.judged, 0) as stall_rate,
        cast(filled.stalled_won as double) / nullif(filled.stalled_decided, 0) as stalled_win_rate,
        cast(filled.other_won as double) / nullif(filled.other_decided, 0) as other_win_rate,
        cast(filled.matched_won as double) / nullif(filled.matched_decided, 0)
            as matched_stalled_win_rate,
        filled.matched_expected_won / nullif(filled.matched_decided, 0) as matched_other_win_rate,
        cast(filled.recovered as double) / nullif(filled.recovery_known, 0) as recovered_rate,
        cast(filled.stalled_decided - filled.stalled_won as double)
        / nullif(filled.stalled_decided, 0) as precision,
        cast(filled.stalled_decided - filled.stalled_won as double)
        / nullif(
            filled.stalled_decided - filled.stalled_won + filled.other_decided - filled.other_won, 0
        ) as recall
    from filled

)

select * from rated
