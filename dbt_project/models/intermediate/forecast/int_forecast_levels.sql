-- One row per fiscal quarter x segment (`(all)` included) x day, from the forecast's first day of
-- the quarter on: what was won and what was open as it was known on that day.
with

history as (

    select * from {{ ref('fct_opportunity_history') }}
    where is_open or is_won

),

pipeline_days as (

    select * from {{ ref('int_pipeline_days') }}

),

fiscal_quarters as (

    select * from {{ ref('int_fiscal_quarters') }}

),

bounds as (

    select
        min(snapshot_date) as first_date,
        max(snapshot_date) as last_date
    from pipeline_days

),

quarters as (

    select
        fiscal_quarters.fiscal_quarter,
        fiscal_quarters.quarter_number,
        fiscal_quarters.is_whole,
        fiscal_quarters.end_date,
        bounds.last_date,
        greatest(
            bounds.first_date,
            cast({{ dbt.dateadd('day', -92, 'fiscal_quarters.end_date') }} as date)
        ) as first_date
    from fiscal_quarters
    cross join bounds
    where
        {{ dbt.dateadd('day', 92, 'fiscal_quarters.end_date') }} >= bounds.first_date
        and {{ dbt.dateadd('day', -92, 'fiscal_quarters.end_date') }} <= bounds.last_date

),

measured as (

    select
        quarters.fiscal_quarter,
        history.segment,
        greatest(history.valid_from, quarters.first_date) as valid_from,
        history.valid_to,
        case when history.is_won then coalesce(history.amount, 0) else 0 end as won_amount,
        case when history.is_open then coalesce(history.amount, 0) else 0 end as open_amount,
        coalesce(
            case
                when history.is_open
                    then {{ weighted_amount('history.amount', 'history.stage_probability') }}
            end,
            0
        ) as weighted_amount,
        case
            when
                history.is_open
                and {{ forecast_category_key('history.forecast_category') }} = 'commit'
                then coalesce(history.amount, 0)
            else 0
        end as commit_amount,
        case
            when
                history.is_open
                and {{ forecast_category_key('history.forecast_category') }} = 'best_case'
                then coalesce(history.amount, 0)
            else 0
        end as best_case_amount
    from history
    inner join quarters on history.close_fiscal_quarter = quarters.fiscal_quarter
    where history.valid_to > quarters.first_date and history.valid_from <= quarters.last_date

),

-- What begins adds to the sums, what ends takes away.
events as (

    select
        measured.fiscal_quarter,
        measured.segment,
        measured.valid_from as changed_date,
        sum(measured.won_amount) as won_amount,
        sum(measured.open_amount) as open_amount,
        sum(measured.weighted_amount) as weighted_amount,
        sum(measured.commit_amount) as commit_amount,
        sum(measured.best_case_amount) as best_case_amount
    from measured
    group by measured.fiscal_quarter, measured.segment, measured.valid_from
    union all
    select
        measured.fiscal_quarter,
        measured.segment,
        measured.valid_to as changed_date,
        -sum(measured.won_amount) as won_amount,
        -sum(measured.open_amount) as open_amount,
        -sum(measured.weighted_amount) as weighted_amount,
        -sum(measured.commit_amount) as commit_amount,
        -sum(measured.best_case_amount) as best_case_amount
    from measured
    group by measured.fiscal_quarter, measured.segment, measured.valid_to

),

changes as (

    {{ with_all(
        'events',
        all_of=['segment'],
        others=['fiscal_quarter', 'changed_date'],
        sums=[
            'won_amount', 'open_amount', 'weighted_amount', 'commit_amount', 'best_case_amount'
        ],
    ) }}

),

-- The company has a row in every quarter, whether anything is due in it or not.
cells as (

    select
        changes.fiscal_quarter,
        changes.segment
    from changes
    union
    select
        quarters.fiscal_quarter,
        '(all)' as segment
    from quarters

),

levels as (

    select
        cells.fiscal_quarter,
        cells.segment,
        pipeline_days.snapshot_date,
        sum(coalesce(changes.won_amount, 0)) over so_far as won_amount,
        sum(coalesce(changes.open_amount, 0)) over so_far as open_amount,
        sum(coalesce(changes.weighted_amount, 0)) over so_far as weighted_amount,
        sum(coalesce(changes.commit_amount, 0)) over so_far as commit_amount,
        sum(coalesce(changes.best_case_amount, 0)) over so_far as best_case_amount,
        quarters.quarter_number,
        quarters.is_whole,
        quarters.end_date,
        quarters.last_date,
        cast({{ dbt.datediff(
            'pipeline_days.snapshot_date', 'quarters.end_date', 'day'
        ) }} as integer) as days_to_quarter_end
    from cells
    inner join quarters on cells.fiscal_quarter = quarters.fiscal_quarter
    inner join pipeline_days on quarters.first_date <= pipeline_days.snapshot_date
    left join changes
        on
            cells.fiscal_quarter = changes.fiscal_quarter
            and cells.segment = changes.segment
            and pipeline_days.snapshot_date = changes.changed_date
    window so_far as (
        partition by cells.fiscal_quarter, cells.segment
        order by pipeline_days.snapshot_date nulls last
        rows between unbounded preceding and current row
    )

)

select * from levels
