-- One row per score x segment x fiscal_quarter, `(all)` included: how often those who were won had
-- the higher score (AUC, ties count half), with the 95 % interval of DeLong and others (1988).
with

scores as (

    select * from {{ ref('int_calibration_scores') }}
    where rank_value is not null

),

totals as (

    {{ with_all(
        'scores',
        all_of=['segment', 'fiscal_quarter'],
        others=['score', 'rank_value'],
        sums=['won', 'lost'],
    ) }}

),

-- Twice the number of lost ones that a won one outranks, and of won ones that outrank a lost one:
-- whole numbers, since ties count half.
ranked as (

    select
        totals.score,
        totals.segment,
        totals.fiscal_quarter,
        cast(totals.won as decimal(38, 0)) as won,
        cast(totals.lost as decimal(38, 0)) as lost,
        cast(2 * sum(totals.lost) over so_far - totals.lost as decimal(38, 0))
            as doubled_lost_below,
        cast(
            2 * sum(totals.won) over everything
            - 2 * sum(totals.won) over so_far
            + totals.won as decimal(38, 0)
        ) as doubled_won_above
    from totals
    window
        so_far as (
            partition by totals.score, totals.segment, totals.fiscal_quarter
            order by totals.rank_value nulls last
            rows between unbounded preceding and current row
        ),
        everything as (partition by totals.score, totals.segment, totals.fiscal_quarter)

),

summed as (

    select
        ranked.score,
        ranked.segment,
        ranked.fiscal_quarter,
        cast(sum(ranked.won) as decimal(38, 0)) as won,
        cast(sum(ranked.lost) as decimal(38, 0)) as lost,
        cast(sum(ranked.won * ranked.doubled_lost_below) as decimal(38, 0)) as doubled_pairs,
        cast(
            sum(ranked.won * ranked.doubled_lost_below * ranked.doubled_lost_below)
            as decimal(38, 0)
        ) as won_squares,
        cast(
            sum(ranked.lost * ranked.doubled_won_above * ranked.doubled_won_above)
            as decimal(38, 0)
        ) as lost_squares
    from ranked
    group by ranked.score, ranked.segment, ranked.fiscal_quarter

),

-- The variance of each side's mean, exact until the last division.
spread as (

    select
        summed.*,
        cast(summed.doubled_pairs as double) / nullif(cast(2 * summed.won * summed.lost as double), 0)
            as auc,
        sqrt(
            cast(summed.won * summed.won_squares - summed.doubled_pairs * summed.doubled_pairs
                as double)
            / nullif(4.0 * power(cast(summed.won * summed.lost as double), 2) * (summed.won - 1), 0)
            + cast(summed.lost * summed.lost_squares - summed.doubled_pairs * summed.doubled_pairs
                as double)
            / nullif(4.0 * power(cast(summed.won * summed.lost as double), 2) * (summed.lost - 1), 0)
        ) as standard_error
    from summed

),

ranks as (

    select
        spread.score,
        spread.segment,
        spread.fiscal_quarter,
        spread.auc,
        case
            when spread.standard_error is not null
                then greatest(0, spread.auc - 1.959963984540054 * spread.standard_error)
        end as auc_low,
        case
            when spread.standard_error is not null
                then least(1, spread.auc + 1.959963984540054 * spread.standard_error)
        end as auc_high
    from spread

)

select * from ranks
