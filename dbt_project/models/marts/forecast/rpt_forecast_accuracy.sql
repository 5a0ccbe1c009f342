-- One row per fiscal_quarter x segment x measure x days_to_quarter_end: on each captured day from
-- 92 days before the quarter's end to 92 after, and `(all)` quarters together.
with

amounts as (

    select * from {{ ref('int_forecast_amounts') }}

),

forecasts as (

    select
        amounts.*,
        cast(amounts.forecast_amount - amounts.actual_amount as decimal(18, 2)) as error_amount
    from amounts

),

-- What is judged: a forecast and what became of it.
judged as (

    select
        forecasts.*,
        abs(forecasts.error_amount) as absolute_error_amount
    from forecasts
    where forecasts.error_amount is not null

),

totals as (

    select
        judged.segment,
        judged.measure,
        judged.days_to_quarter_end,
        count(*) as quarters,
        sum(judged.error_amount) as error_amount,
        sum(judged.absolute_error_amount) as absolute_error_amount,
        sum(judged.actual_amount) as actual_amount,
        count(*) filter (where judged.absolute_error_amount * 10 <= judged.actual_amount) as hits
    from judged
    group by judged.segment, judged.measure, judged.days_to_quarter_end

),

-- Over the quarters in which both have a number, the actual amounts are the same.
skills as (

    select
        judged.segment,
        judged.measure,
        judged.days_to_quarter_end,
        1 - cast(sum(judged.absolute_error_amount) as double)
        / nullif(cast(sum(baselines.absolute_error_amount) as double), 0) as skill
    from judged
    inner join judged as baselines
        on
            judged.fiscal_quarter = baselines.fiscal_quarter
            and judged.segment = baselines.segment
            and judged.days_to_quarter_end = baselines.days_to_quarter_end
    where baselines.measure in ('last_quarter', 'pace')
    group by
        judged.segment, judged.measure, judged.days_to_quarter_end, baselines.measure

),

better as (

    select
        skills.segment,
        skills.measure,
        skills.days_to_quarter_end,
        min(skills.skill) as skill
    from skills
    group by skills.segment, skills.measure, skills.days_to_quarter_end

),

segment_errors as (

    select
        totals.measure,
        totals.days_to_quarter_end,
        sum(totals.absolute_error_amount) as absolute_error_amount,
        sum(totals.actual_amount) as actual_amount
    from totals
    where totals.segment <> '(all)'
    group by totals.measure, totals.days_to_quarter_end

),

accuracy as (

    select
        forecasts.fiscal_quarter,
        forecasts.segment,
        forecasts.measure,
        forecasts.days_to_quarter_end,
        forecasts.snapshot_date,
        forecasts.segment = '(all)' as is_total,
        forecasts.won_amount,
        forecasts.forecast_amount,
        forecasts.actual_amount,
        forecasts.restated_actual_amount,
        forecasts.error_amount,
        cast(forecasts.error_amount as double)
        / nullif(cast(forecasts.actual_amount - forecasts.won_amount as double), 0)
            as remaining_error_ratio,
        cast(null as integer) as n_quarters,
        cast(null as double) as bias,
        cast(null as double) as wape,
        cast(null as double) as hit_10_rate,
        cast(null as double) as skill,
        cast(null as double) as segment_wape
    from forecasts
    union all
    select
        '(all)' as fiscal_quarter,
        totals.segment,
        totals.measure,
        totals.days_to_quarter_end,
        null as snapshot_date,
        true as is_total,
        null as won_amount,
        null as forecast_amount,
        cast(totals.actual_amount as decimal(18, 2)) as actual_amount,
        null as restated_actual_amount,
        cast(totals.error_amount as decimal(18, 2)) as error_amount,
        null as remaining_error_ratio,
        cast(totals.quarters as integer) as n_quarters,
        cast(totals.error_amount as double)
        / nullif(cast(totals.actual_amount as double), 0) as bias,
        cast(totals.absolute_error_amount as double)
        / nullif(cast(totals.actual_amount as double), 0) as wape,
        cast(totals.hits as double) / totals.quarters as hit_10_rate,
        better.skill,
        case
            when totals.segment = '(all)'
                then
                    cast(segment_errors.absolute_error_amount as double)
                    / nullif(cast(segment_errors.actual_amount as double), 0)
        end as segment_wape
    from totals
    left join better
        on
            totals.segment = better.segment
            and totals.measure = better.measure
            and totals.days_to_quarter_end = better.days_to_quarter_end
    left join segment_errors
        on
            totals.measure = segment_errors.measure
            and totals.days_to_quarter_end = segment_errors.days_to_quarter_end

)

select * from accuracy
