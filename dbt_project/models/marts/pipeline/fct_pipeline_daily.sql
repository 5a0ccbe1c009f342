-- One row per snapshot_date x pipeline x opportunity_type x segment x stage x close_fiscal_quarter
-- with open opportunities; one of zeros on a day without any. Never sum over days.
with

history as (

    select * from {{ ref('fct_opportunity_history') }}
    where is_open

),

pipeline_days as (

    select * from {{ ref('int_pipeline_days') }}

),

unpriced as (

    select * from {{ ref('int_pipeline_unpriced') }}

),

day_numbers as (

    select * from {{ ref('int_day_numbers') }}

),

bounds as (

    select max(pipeline_days.snapshot_date) as last_date from pipeline_days

),

open_history as (

    select
        history.*,
        {{ change_hash([
            'history.pipeline',
            'history.opportunity_type',
            'history.segment',
            'history.stage',
            'history.close_fiscal_quarter',
        ]) }} as cell_key,
        coalesce(
            {{ weighted_amount('history.amount', 'history.stage_probability') }}, 0
        ) as weighted_amount
    from history

),

cells as (

    select
        open_history.cell_key,
        {{ dbt.any_value('open_history.pipeline') }} as pipeline,
        {{ dbt.any_value('open_history.opportunity_type') }} as opportunity_type,
        {{ dbt.any_value('open_history.segment') }} as segment,
        {{ dbt.any_value('open_history.stage') }} as stage,
        {{ dbt.any_value('open_history.close_fiscal_quarter') }} as close_fiscal_quarter
    from open_history
    group by open_history.cell_key

),

-- What enters a cell adds to it, what leaves it takes away: a running sum over these changes
-- needs no row for each opportunity and day.
events as (

    select
        open_history.cell_key,
        open_history.valid_from as changed_date,
        count(*) as opportunities,
        sum(coalesce(open_history.amount, 0)) as amount,
        sum(open_history.weighted_amount) as weighted_amount
    from open_history
    group by open_history.cell_key, open_history.valid_from
    union all
    select
        open_history.cell_key,
        open_history.valid_to as changed_date,
        -count(*) as opportunities,
        -sum(coalesce(open_history.amount, 0)) as amount,
        -sum(open_history.weighted_amount) as weighted_amount
    from open_history
    group by open_history.cell_key, open_history.valid_to

),

changes as (

    select
        events.cell_key,
        events.changed_date,
        sum(events.opportunities) as opportunities,
        sum(events.amount) as amount,
        sum(events.weighted_amount) as weighted_amount
    from events
    group by events.cell_key, events.changed_date

),

levels as (

    select
        changes.cell_key,
        changes.changed_date,
        lead(changes.changed_date) over in_order as next_changed_date,
        sum(changes.opportunities) over so_far as open_opportunities,
        sum(changes.amount) over so_far as open_amount,
        sum(changes.weighted_amount) over so_far as weighted_amount
    from changes
    window
        in_order as (
            partition by changes.cell_key
            order by changes.changed_date nulls last
        ),
        so_far as (
            partition by changes.cell_key
            order by changes.changed_date nulls last
            rows between unbounded preceding and current row
        )

),

-- Counting the days of a level is far cheaper than comparing it with all days.
numbered as (

    select
        levels.*,
        cast({{ dbt.dateadd(
            'day', 'day_numbers.day_number', 'levels.changed_date'
        ) }} as date) as snapshot_date
    from levels
    cross join bounds
    {{ join_day_numbers(dbt.datediff(
        'levels.changed_date',
        'least(levels.next_changed_date, ' ~ dbt.dateadd('day', 1, 'bounds.last_date') ~ ')',
        'day'
    )) }}
    where levels.open_opportunities > 0

),

open_days as (

    select numbered.snapshot_date from numbered
    group by numbered.snapshot_date

),

-- A day on which nothing is open says so.
filled as (

    select
        numbered.snapshot_date,
        cells.pipeline,
        cells.opportunity_type,
        cells.segment,
        cells.stage,
        cells.close_fiscal_quarter,
        numbered.open_opportunities,
        numbered.open_amount,
        numbered.weighted_amount
    from numbered
    inner join cells on numbered.cell_key = cells.cell_key
    union all
    select
        pipeline_days.snapshot_date,
        '(none)' as pipeline,
        '(none)' as opportunity_type,
        '(none)' as segment,
        '(none)' as stage,
        '(none)' as close_fiscal_quarter,
        0 as open_opportunities,
        0 as open_amount,
        0 as weighted_amount
    from pipeline_days
    left join open_days on pipeline_days.snapshot_date = open_days.snapshot_date
    where open_days.snapshot_date is null

),

unpriced_cells as (

    select
        unpriced.snapshot_date,
        unpriced.pipeline,
        unpriced.opportunity_type,
        unpriced.segment,
        unpriced.stage,
        unpriced.close_fiscal_quarter,
        sum(unpriced.opportunities) as opportunities,
        {{ listed('unpriced.currency_code') }} as currencies
    from unpriced
    group by
        unpriced.snapshot_date,
        unpriced.pipeline,
        unpriced.opportunity_type,
        unpriced.segment,
        unpriced.stage,
        unpriced.close_fiscal_quarter

),

daily as (

    select
        filled.snapshot_date,
        filled.pipeline,
        filled.opportunity_type,
        filled.segment,
        filled.stage,
        filled.close_fiscal_quarter,
        cast(filled.open_opportunities as integer) as open_opportunities,
        cast(filled.open_amount as decimal(18, 2)) as open_amount,
        cast(filled.weighted_amount as decimal(18, 2)) as weighted_amount,
        cast(coalesce(unpriced_cells.opportunities, 0) as integer) as unpriced_open_opportunities,
        unpriced_cells.currencies as unpriced_currencies,
        pipeline_days.is_complete
    from filled
    inner join pipeline_days on filled.snapshot_date = pipeline_days.snapshot_date
    left join unpriced_cells
        on
            filled.snapshot_date = unpriced_cells.snapshot_date
            and filled.pipeline = unpriced_cells.pipeline
            and filled.opportunity_type = unpriced_cells.opportunity_type
            and filled.segment = unpriced_cells.segment
            and filled.stage = unpriced_cells.stage
            and filled.close_fiscal_quarter = unpriced_cells.close_fiscal_quarter

)

select * from daily
