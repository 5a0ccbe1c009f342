-- One row per score x segment x fiscal_quarter, `(all)` included: how often those who had the
-- outcome had the higher score (AUC, ties count half), with the 95 % interval of DeLong and others
-- (1988).
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
        sums=['positives', 'negatives'],
    ) }}

),

-- Twice the number of negatives that a positive outranks, and of positives that outrank a negative:
-- whole numbers, since ties count half.
ranked as (

    select
        totals.score,
        totals.segment,
        totals.fiscal_quarter,
        cast(totals.positives as decimal(38, 0)) as positives,
        cast(totals.negatives as decimal(38, 0)) as negatives,
        cast(2 * (sum(totals.negatives) over so_far) - totals.negatives as decimal(38, 0))
            as doubled_negatives_below,
        cast(
            2 * sum(totals.positives) over everything
            - 2 * sum(totals.positives) over so_far
            + totals.positives as decimal(38, 0)
        ) as doubled_positives_above
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
        cast(sum(ranked.positives) as decimal(38, 0)) as positives,
        cast(sum(ranked.negatives) as decimal(38, 0)) as negatives,
        cast(sum(ranked.positives * ranked.doubled_negatives_below) as decimal(38, 0))
            as doubled_wins,
        cast(
            sum(ranked.positives * ranked.doubled_negatives_below * ranked.doubled_negatives_below)
            as decimal(38, 0)
        ) as positive_squares,
        cast(
            sum(ranked.negatives * ranked.doubled_positives_above * ranked.doubled_positives_above)
            as decimal(38, 0)
        ) as negative_squares
    from ranked
    group by 1, 2, 3

),

paired as (

    select
        summed.*,
        cast(2 * summed.positives * summed.negatives as double) as doubled_pairs,
        cast(
            summed.positives * summed.positive_squares - summed.doubled_wins * summed.doubled_wins
            as double
        ) as positive_spread,
        cast(
            summed.negatives * summed.negative_squares - summed.doubled_wins * summed.doubled_wins
            as double
        ) as negative_spread
    from summed

),

-- The variance of each side's mean: whole numbers until the division.
spread as (

    select
        paired.*,
        cast(paired.doubled_wins as double) / nullif(paired.doubled_pairs, 0) as auc,
        sqrt(
            paired.positive_spread
            / nullif(power(paired.doubled_pairs, 2) * (paired.positives - 1), 0)
            + paired.negative_spread
            / nullif(power(paired.doubled_pairs, 2) * (paired.negatives - 1), 0)
        ) as standard_error
    from paired

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
