-- One row per fiscal_quarter of the close date x segment x dimension x dimension_value, `(all)`
-- included: how much of what was decided was won, as it is known today and as it was reported.
{%- set measures = [
    'won', 'lost', 'gone', 'still_open', 'won_amount', 'lost_amount', 'lost_dated_ahead',
    'reported_won', 'reported_lost', 'reported_gone', 'reported_still_open',
    'reported_won_amount', 'reported_lost_amount',
] %}
with

totals as (

    select * from {{ ref('int_win_totals') }}

),

quarters as (

    select * from {{ ref('int_win_quarters') }}
    where is_restated

),

evidence as (

    select * from {{ ref('int_win_evidence') }}

),

policy as (

    select * from {{ ref('int_metric_policy') }}
    where is_latest

),

-- What a period that ended before the first captured day was reported as, nobody saw.
known as (

    select
        {%- for measure in measures %}
            cast(
                case
                    when
                        {{ 'quarters.has_report' if 'reported' in measure else 'true' }}
                        {%- if 'lost' not in measure %}
                            and totals.dimension <> 'loss_reason'
                        {%- endif %}
                        then totals.{{ measure }}
                end as {{ 'decimal(18, 2)' if measure.endswith('amount') else 'integer' }}
            ) as {{ measure }},
        {%- endfor %}
        totals.fiscal_quarter,
        totals.segment,
        totals.dimension,
        totals.dimension_value,
        totals.segment = '(all)' or totals.dimension = '(all)' as is_total,
        quarters.is_final,
        evidence.missing_column,
        policy.small_sample
    from totals
    inner join quarters on totals.fiscal_quarter = quarters.fiscal_quarter
    inner join evidence on totals.dimension = evidence.dimension
    cross join policy

),

rated as (

    select
        -- ids
        known.fiscal_quarter,
        known.segment,
        known.dimension,
        known.dimension_value,

        -- attributes
        known.is_total,
        known.is_final,
        case when known.missing_column is null then 'evaluated' else 'not_evaluated' end as status,
        known.missing_column as evidence,

        -- counts and amounts
        {%- for measure in measures %}
            known.{{ measure }},
        {%- endfor %}
        known.won + known.lost as decided,
        {{ rounded_share('known.won_amount', '1', 'known.won') }} as average_won_amount,
        known.won + known.lost < known.small_sample as is_small_sample,

        -- rates
        cast(known.won as double) / nullif(known.won + known.lost, 0) as win_rate,
        {{ wilson_bound('known.won', '(known.won + known.lost)', '-') }} as rate_low,
        {{ wilson_bound('known.won', '(known.won + known.lost)', '+') }} as rate_high,
        cast(known.won_amount as double)
        / nullif(cast(known.won_amount + known.lost_amount as double), 0) as amount_win_rate,
        cast(known.won as double) / nullif(known.won + known.lost + known.still_open, 0)
            as rate_if_undecided_lost,
        cast(known.reported_won as double)
        / nullif(known.reported_won + known.reported_lost, 0) as reported_win_rate,
        cast(known.reported_won_amount as double)
        / nullif(cast(known.reported_won_amount + known.reported_lost_amount as double), 0)
            as reported_amount_win_rate
    from known

)

select * from rated
