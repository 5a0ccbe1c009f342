-- One row per cohort of sales cycles, `(all)` included, x day on which something happens in it or
-- at which it is looked: the shares won, lost and open by then (Aalen and Johansen, 1978).
with

risk_sets as (

    select * from {{ ref('int_cycle_risk_sets') }}

),

policy as (

    select * from {{ ref('int_metric_policy') }}
    where is_latest

),

{{ aalen_johansen(events=['won', 'lost'], others=['censored', 'reopened']) }},

cycle_shares as (

    select shares.* from shares

)

select * from cycle_shares
