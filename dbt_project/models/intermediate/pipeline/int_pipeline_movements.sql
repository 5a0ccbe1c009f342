-- One row per step x category of what it does to the open pipeline, before it is named for readers.
{{ config(materialized='view') }}
with

steps as (

    select
        steps.*,
        coalesce(fx_steps.fx_amount, 0) as fx_amount,
        steps.from_state = 'open' and steps.to_state in ('open', 'won') as is_staying,
        -- without a close date is later than every date
        case
            when coalesce(steps.to_close_date, {{ end_of_time() }})
                > coalesce(steps.from_close_date, {{ end_of_time() }}) then 'pushed'
            else 'pulled'
        end as direction
    from {{ ref('int_opportunity_changes') }} as steps
    left join {{ ref('int_pipeline_fx_changes') }} as fx_steps
        on
            steps.opportunity_key = fx_steps.opportunity_key
            and steps.snapshot_date = fx_steps.snapshot_date

),

entering as (

    select
        steps.*,
        case steps.from_state
            when 'unseen' then 'created'
            when 'gone' then 'restored'
            when 'unmapped' then 'mapped'
            else 'reopened'
        end as category
    from steps
    where
        (steps.to_state = 'open' and steps.from_state <> 'open')
        or (steps.from_state = 'unseen' and steps.to_state in ('won', 'lost'))

),

moves as (

    select
        entering.opportunity_key,
        entering.snapshot_date,
        entering.to_quarter as fiscal_quarter,
        entering.to_segment as segment,
        entering.category,
        entering.to_amount as amount,
        1 as opportunity_delta,
        case when entering.from_state in ('won', 'lost') then entering.from_stage end as from_value,
        entering.to_stage as to_value
    from entering
    union all
    -- created and lost between two captured days: in the final cell
    select
        steps.opportunity_key,
        steps.snapshot_date,
        steps.to_quarter as fiscal_quarter,
        steps.to_segment as segment,
        'lost' as category,
        -steps.to_amount as amount,
        -1 as opportunity_delta,
        null as from_value,
        steps.to_stage as to_value
    from steps
    where steps.from_state = 'unseen' and steps.to_state = 'lost'
    union all
    select
        steps.opportunity_key,
        steps.snapshot_date,
        steps.from_quarter as fiscal_quarter,
        steps.from_segment as segment,
        steps.to_state as category,
        -steps.from_amount as amount,
        -1 as opportunity_delta,
        steps.from_stage as from_value,
        case when steps.to_state = 'lost' then steps.to_stage end as to_value
    from steps
    where steps.from_state = 'open' and steps.to_state not in ('open', 'won')
    union all
    select
        steps.opportunity_key,
        steps.snapshot_date,
        steps.from_quarter as fiscal_quarter,
        steps.from_segment as segment,
        steps.direction || '_out' as category,
        -steps.from_amount as amount,
        -1 as opportunity_delta,
        cast(steps.from_close_date as {{ dbt.type_string() }}) as from_value,
        cast(steps.to_close_date as {{ dbt.type_string() }}) as to_value
    from steps
    where steps.is_staying and steps.from_quarter <> steps.to_quarter
    union all
    select
        steps.opportunity_key,
        steps.snapshot_date,
        steps.to_quarter as fiscal_quarter,
        steps.from_segment as segment,
        steps.direction || '_in' as category,
        steps.from_amount as amount,
        1 as opportunity_delta,
        cast(steps.from_close_date as {{ dbt.type_string() }}) as from_value,
        cast(steps.to_close_date as {{ dbt.type_string() }}) as to_value
    from steps
    where steps.is_staying and steps.from_quarter <> steps.to_quarter
    union all
    select
        steps.opportunity_key,
        steps.snapshot_date,
        steps.to_quarter as fiscal_quarter,
        steps.from_segment as segment,
        'scope_out' as category,
        -steps.from_amount as amount,
        -1 as opportunity_delta,
        steps.from_segment as from_value,
        steps.to_segment as to_value
    from steps
    where steps.is_staying and steps.from_segment <> steps.to_segment
    union all
    select
        steps.opportunity_key,
        steps.snapshot_date,
        steps.to_quarter as fiscal_quarter,
        steps.to_segment as segment,
        'scope_in' as category,
        steps.from_amount as amount,
        1 as opportunity_delta,
        steps.from_segment as from_value,
        steps.to_segment as to_value
    from steps
    where steps.is_staying and steps.from_segment <> steps.to_segment
    union all
    select
        steps.opportunity_key,
        steps.snapshot_date,
        steps.to_quarter as fiscal_quarter,
        steps.to_segment as segment,
        'fx' as category,
        steps.fx_amount as amount,
        0 as opportunity_delta,
        cast(steps.from_amount as {{ dbt.type_string() }}) as from_value,
        cast(steps.from_amount + steps.fx_amount as {{ dbt.type_string() }}) as to_value
    from steps
    where steps.is_staying and steps.fx_amount <> 0
    union all
    select
        steps.opportunity_key,
        steps.snapshot_date,
        steps.to_quarter as fiscal_quarter,
        steps.to_segment as segment,
        case
            when steps.to_amount > steps.from_amount + steps.fx_amount then 'amount_up'
            else 'amount_down'
        end as category,
        steps.to_amount - steps.from_amount - steps.fx_amount as amount,
        0 as opportunity_delta,
        cast(steps.from_amount + steps.fx_amount as {{ dbt.type_string() }}) as from_value,
        cast(steps.to_amount as {{ dbt.type_string() }}) as to_value
    from steps
    where steps.is_staying and steps.to_amount <> steps.from_amount + steps.fx_amount
    union all
    select
        steps.opportunity_key,
        steps.snapshot_date,
        steps.to_quarter as fiscal_quarter,
        steps.to_segment as segment,
        'won' as category,
        -steps.to_amount as amount,
        -1 as opportunity_delta,
        case when steps.from_state = 'open' then steps.from_stage end as from_value,
        steps.to_stage as to_value
    from steps
    where steps.to_state = 'won' and steps.from_state in ('open', 'unseen')

)

select * from moves
