-- One row per fiscal_quarter x segment x metric x days_after_end: the number that stood on the
-- quarter's last day, and what later edits, deletions and definitions made of it.
{%- set causes = [
    'entered', 'moved_in', 'moved_out', 'segment', 'edited', 'left', 'deleted', 'definition'
] %}
{%- set revenue_metrics = ['mrr', 'cohort_mrr', 'nrr', 'grr'] %}
{%- set listed_revenue_metrics = "('" ~ revenue_metrics | join("', '") ~ "')" %}
with

pipeline_changes as (

    select * from {{ ref('int_pipeline_restatements') }}

),

mrr_changes as (

    select * from {{ ref('fct_mrr_restatements') }}

),

fiscal_quarters as (

    select * from {{ ref('int_fiscal_quarters') }}

),

pipeline_days as (

    select * from {{ ref('int_pipeline_days') }}

),

billing_days as (

    select * from {{ ref('int_snapshot_days') }}
    where entity in ('subscription', 'customer', 'account')

),

policy as (

    select * from {{ ref('int_metric_policy') }}

),

-- Pipeline and billing each have days of their own.
days as (

    {%- for metric in ['bookings', 'open_pipeline'] %}
        select
            '{{ metric }}' as metric,
            pipeline_days.snapshot_date
        from pipeline_days
        union all
    {%- endfor %}
    {%- for metric in revenue_metrics %}
        select
            '{{ metric }}' as metric,
            billing_days.snapshot_date
        from billing_days
        group by billing_days.snapshot_date
        {%- if not loop.last %}
        union all
        {%- endif %}
    {%- endfor %}

),

captured as (

    select
        days.metric,
        min(days.snapshot_date) as first_date,
        max(days.snapshot_date) as last_date
    from days
    group by days.metric

),

quarters as (

    select
        captured.metric,
        fiscal_quarters.fiscal_quarter,
        fiscal_quarters.end_date,
        captured.last_date,
        '|' || policy.restatement_days || '|' as restatement_days
    from fiscal_quarters
    inner join captured
        on fiscal_quarters.end_date between captured.first_date and captured.last_date
    inner join policy
        on
            fiscal_quarters.end_date >= policy.valid_from
            and fiscal_quarters.end_date < policy.valid_to

),

mrr_totals as (

    {{ with_all(
        'mrr_changes',
        all_of=['segment'],
        others=['metric', 'fiscal_quarter', 'snapshot_date', 'cause'],
        sums=['amount', 'customer_delta'],
    ) }}

),

changes as (

    select
        pipeline_changes.metric,
        pipeline_changes.fiscal_quarter,
        pipeline_changes.segment,
        pipeline_changes.snapshot_date,
        pipeline_changes.cause,
        pipeline_changes.amount,
        pipeline_changes.opportunity_delta as number_delta
    from pipeline_changes
    union all
    select
        mrr_totals.metric,
        mrr_totals.fiscal_quarter,
        mrr_totals.segment,
        mrr_totals.snapshot_date,
        mrr_totals.cause,
        mrr_totals.amount,
        mrr_totals.customer_delta as number_delta
    from mrr_totals

),

-- The company has both numbers of the pipeline in every quarter, whether there is anything in it
-- or not; and who was there a year before has a retention, whether anything of it stayed or not.
cells as (

    select
        changes.metric,
        changes.fiscal_quarter,
        changes.segment
    from changes
    union
    select
        quarters.metric,
        quarters.fiscal_quarter,
        '(all)' as segment
    from quarters
    where quarters.metric in ('bookings', 'open_pipeline')
    {%- for metric in ['nrr', 'grr'] %}
        union
        select
            '{{ metric }}' as metric,
            changes.fiscal_quarter,
            changes.segment
        from changes
        where changes.metric = 'cohort_mrr'
    {%- endfor %}

),

-- All segments have the same days, so that each day's sum up, and so have all numbers of revenue,
-- of which some are shares of others.
looks as (

    select
        cells.metric,
        quarters.fiscal_quarter,
        days.snapshot_date
    from cells
    inner join quarters
        on cells.metric = quarters.metric and cells.fiscal_quarter = quarters.fiscal_quarter
    inner join days
        on quarters.metric = days.metric and quarters.end_date <= days.snapshot_date
    where
        cells.segment = '(all)'
        and (
            days.snapshot_date in (quarters.end_date, quarters.last_date)
            or {{ dbt.position(
                "'|' || " ~ dbt.datediff('quarters.end_date', 'days.snapshot_date', 'day')
                ~ " || '|'",
                'quarters.restatement_days'
            ) }} > 0
        )
    union
    select
        cells.metric,
        changes.fiscal_quarter,
        changes.snapshot_date
    from changes
    inner join cells
        on
            changes.fiscal_quarter = cells.fiscal_quarter
            and cells.segment = '(all)'
            and (
                changes.metric = cells.metric
                or (
                    changes.metric in {{ listed_revenue_metrics }}
                    and cells.metric in {{ listed_revenue_metrics }}
                )
            )

),

daily as (

    select
        cells.metric,
        cells.fiscal_quarter,
        cells.segment,
        looks.snapshot_date,
        sum(case when changes.cause = 'reported' then changes.amount else 0 end)
            as reported_amount,
        sum(case when changes.cause = 'reported' then changes.number_delta else 0 end)
            as reported_opportunities,
        {%- for cause in causes %}
            sum(case when changes.cause = '{{ cause }}' then changes.amount else 0 end)
                as {{ cause }}_amount,
        {%- endfor %}
        coalesce(sum(changes.amount), 0) as restated_amount,
        coalesce(sum(changes.number_delta), 0) as restated_opportunities
    from cells
    inner join looks
        on cells.metric = looks.metric and cells.fiscal_quarter = looks.fiscal_quarter
    left join changes
        on
            cells.metric = changes.metric
            and cells.fiscal_quarter = changes.fiscal_quarter
            and cells.segment = changes.segment
            and looks.snapshot_date = changes.snapshot_date
    group by cells.metric, cells.fiscal_quarter, cells.segment, looks.snapshot_date

),

restatements as (

    select
        -- ids
        daily.fiscal_quarter,
        daily.segment,
        daily.metric,
        cast({{ dbt.datediff('quarters.end_date', 'daily.snapshot_date', 'day') }} as integer)
            as days_after_end,

        -- attributes
        daily.snapshot_date,
        daily.snapshot_date = quarters.last_date as is_latest,
        daily.segment = '(all)' as is_total,

        -- numerics
        {%- for measure in ['reported'] + causes + ['restated'] %}
            cast(sum(daily.{{ measure }}_amount) over so_far as decimal(18, 2))
                as {{ measure }}_amount,
        {%- endfor %}
        cast(sum(daily.reported_opportunities) over so_far as integer) as reported_opportunities,
        cast(sum(daily.restated_opportunities) over so_far as integer) as restated_opportunities
    from daily
    inner join quarters
        on daily.metric = quarters.metric and daily.fiscal_quarter = quarters.fiscal_quarter
    window so_far as (
        partition by daily.metric, daily.fiscal_quarter, daily.segment
        order by daily.snapshot_date nulls last
        rows between unbounded preceding and current row
    )

),

rated as (

    select
        restatements.*,
        cast(restatements.restated_amount - restatements.reported_amount as decimal(18, 2))
            as changed_amount,
        cast(restatements.restated_amount - restatements.reported_amount as double)
        / nullif(cast(restatements.reported_amount as double), 0) as changed_rate,
        case
            when restatements.metric in ('nrr', 'grr')
                then
                    cast(restatements.reported_amount as double)
                    / nullif(cast(cohorts.reported_amount as double), 0)
        end as reported_ratio,
        case
            when restatements.metric in ('nrr', 'grr')
                then
                    cast(restatements.restated_amount as double)
                    / nullif(cast(cohorts.restated_amount as double), 0)
        end as restated_ratio
    from restatements
    left join restatements as cohorts
        on
            restatements.fiscal_quarter = cohorts.fiscal_quarter
            and restatements.segment = cohorts.segment
            and restatements.snapshot_date = cohorts.snapshot_date
            and cohorts.metric = 'cohort_mrr'

)

select * from rated
