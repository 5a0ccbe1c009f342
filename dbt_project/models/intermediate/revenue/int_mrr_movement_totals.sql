-- One row per level x month x segment in which MRR moved, `(all)` included: the movements of each
-- category.
with

movements as (

    select * from {{ ref('int_mrr_movements') }}

),

placed as (

    select
        movements.level,
        movements.month_number,
        movements.segment,
        movements.category,
        movements.amount
    from movements
    union all
    -- over all segments nobody moves between them
    select
        movements.level,
        movements.month_number,
        '(all)' as segment,
        movements.category,
        movements.amount
    from movements
    where movements.category not in ('segment_in', 'segment_out')

),

totals as (

    select
        placed.level,
        placed.month_number,
        placed.segment,
        sum(case when placed.category = 'new' then placed.amount else 0 end) as new_mrr,
        sum(case when placed.category = 'expansion' then placed.amount else 0 end) as expansion_mrr,
        sum(
            case when placed.category = 'contraction' then placed.amount else 0 end
        ) as contraction_mrr,
        sum(case when placed.category = 'churn' then placed.amount else 0 end) as churned_mrr,
        sum(
            case when placed.category = 'reactivation' then placed.amount else 0 end
        ) as reactivated_mrr,
        sum(case when placed.category = 'fx' then placed.amount else 0 end) as fx_mrr,
        sum(
            case when placed.category = 'segment_in' then placed.amount else 0 end
        ) as segment_in_mrr,
        sum(
            case when placed.category = 'segment_out' then placed.amount else 0 end
        ) as segment_out_mrr
    from placed
    group by placed.level, placed.month_number, placed.segment

)

select * from totals
