-- One row per month_start_date x segment, `(all)` included: pipeline velocity on the month's last
-- captured day, and what its change since the month before is made of.
with

months as (

    select * from {{ ref('int_velocity_months') }}

),

factors as (

    select
        months.*,
        cast(months.won_amount as double) / nullif(months.won_opportunities, 0) as average_amount,
        cast(months.won_opportunities as double)
        / nullif(months.won_opportunities + months.lost_opportunities, 0) as win_rate
    from months

),

velocities as (

    select
        factors.*,
        factors.open_opportunities * factors.average_amount * factors.win_rate
        / nullif(factors.sales_cycle_days, 0) as velocity_per_day
    from factors

),

-- A logarithm needs every factor to be positive.
logarithms as (

    select
        velocities.*,
        ln(case when velocities.velocity_per_day > 0 then velocities.velocity_per_day end)
            as log_velocity,
        ln(case when velocities.velocity_per_day > 0 then velocities.open_opportunities end)
            as log_open,
        ln(case when velocities.velocity_per_day > 0 then velocities.average_amount end)
            as log_amount,
        ln(case when velocities.velocity_per_day > 0 then velocities.win_rate end) as log_win_rate,
        ln(case when velocities.velocity_per_day > 0 then velocities.sales_cycle_days end)
            as log_cycle
    from velocities

),

compared as (

    select
        -- ids
        latest.month_start_date,
        latest.segment,

        -- dates
        latest.snapshot_date,

        -- flags
        latest.segment = '(all)' as is_total,

        -- counts and amounts
        latest.open_opportunities,
        latest.won_opportunities,
        latest.lost_opportunities,
        latest.won_amount,
        {{ rounded_share('latest.won_amount', '1', 'latest.won_opportunities') }}
            as average_won_amount,
        latest.win_rate,
        latest.cycle_opportunities,
        latest.sales_cycle_days,
        latest.velocity_per_day,

        -- what the change since the month before is made of
        latest.log_velocity - earlier.log_velocity as velocity_log_change,
        latest.log_open - earlier.log_open as open_opportunities_contribution,
        latest.log_amount - earlier.log_amount as average_won_amount_contribution,
        latest.log_win_rate - earlier.log_win_rate as win_rate_contribution,
        earlier.log_cycle - latest.log_cycle as sales_cycle_contribution
    from logarithms as latest
    left join logarithms as earlier
        on
            latest.segment = earlier.segment
            and latest.month_start_date
            = cast({{ dbt.dateadd('month', 1, 'earlier.month_start_date') }} as date)

)

select * from compared
