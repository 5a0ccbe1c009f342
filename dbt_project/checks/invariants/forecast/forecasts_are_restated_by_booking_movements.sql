-- Quarters whose closed won of today differs from that of their last day by something else than the
-- bookings that moved since, by segment.
with

accuracy as (

    select
        forecasts.fiscal_quarter,
        forecasts.segment,
        max(forecasts.actual_amount) as actual_amount,
        max(forecasts.restated_actual_amount) as restated_actual_amount
    from {{ ref('rpt_forecast_accuracy') }} as forecasts
    where forecasts.measure = 'won' and forecasts.fiscal_quarter <> '(all)'
    group by forecasts.fiscal_quarter, forecasts.segment

),

movements as (

    select
        bookings.fiscal_quarter,
        bookings.segment,
        sum(bookings.amount) as amount
    from {{ ref('fct_booking_movements') }} as bookings
    inner join {{ ref('int_fiscal_quarters') }} as quarters
        on
            bookings.fiscal_quarter = quarters.fiscal_quarter
            and bookings.snapshot_date > quarters.end_date
    group by bookings.fiscal_quarter, bookings.segment

),

moved as (

    select * from movements
    union all
    select
        movements.fiscal_quarter,
        '(all)' as segment,
        sum(movements.amount) as amount
    from movements
    group by movements.fiscal_quarter

)

select
    {{ sole_source(ref('int_sources')) }} as source,
    accuracy.fiscal_quarter,
    accuracy.segment,
    accuracy.actual_amount,
    accuracy.restated_actual_amount,
    moved.amount as moved_amount
from accuracy
left join moved
    on accuracy.fiscal_quarter = moved.fiscal_quarter and accuracy.segment = moved.segment
where accuracy.restated_actual_amount <> accuracy.actual_amount + coalesce(moved.amount, 0)
