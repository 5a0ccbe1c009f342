-- Rows of rpt_restatements whose parts are not the change, that begin with another number than the
-- one reported, or that end with another than the open or won opportunities of today.
with

restatements as (

    select * from {{ ref('rpt_restatements') }}

),

deals as (

    select * from {{ ref('fct_opportunity_history') }}
    where is_current and (is_won or is_open)

),

today as (

    select
        case when deals.is_won then 'bookings' else 'open_pipeline' end as metric,
        deals.close_fiscal_quarter as fiscal_quarter,
        sum(coalesce(deals.amount, 0)) as amount,
        count(*) as opportunities
    from deals
    group by 1, 2

)

select
    {{ sole_source(ref('int_sources')) }} as source,
    'parts' as problem,
    restatements.fiscal_quarter,
    restatements.metric,
    restatements.snapshot_date
from restatements
where
    restatements.restated_amount <> restatements.reported_amount + restatements.entered_amount
    + restatements.moved_in_amount + restatements.moved_out_amount + restatements.segment_amount
    + restatements.edited_amount + restatements.left_amount + restatements.deleted_amount
    + restatements.definition_amount
    or restatements.restated_amount <> restatements.reported_amount + restatements.changed_amount
    or (restatements.is_total and restatements.segment_amount <> 0)
    or (restatements.days_after_end = 0 and restatements.changed_amount <> 0)
union all
select
    {{ sole_source(ref('int_sources')) }} as source,
    'today' as problem,
    restatements.fiscal_quarter,
    restatements.metric,
    restatements.snapshot_date
from restatements
left join today
    on
        restatements.metric = today.metric
        and restatements.fiscal_quarter = today.fiscal_quarter
where
    restatements.is_latest
    and restatements.is_total
    and restatements.metric in ('bookings', 'open_pipeline')
    and (
        restatements.restated_amount <> coalesce(today.amount, 0)
        or restatements.restated_opportunities <> coalesce(today.opportunities, 0)
    )
