-- One row per change of an opportunity x category of what it does to the open pipeline.
{{ config(materialized='view') }}
with

changes as (

    select * from {{ ref('int_opportunity_changes') }}

),

fx_changes as (

    select * from {{ ref('int_pipeline_fx_changes') }}

),

directed as (

    select
        changes.*,
        coalesce(fx_changes.fx_amount, 0) as fx_amount,
        changes.from_state = 'open' and changes.to_state in ('open', 'won') as is_staying,
        -- without a close date is later than every date
        case
            when coalesce(changes.to_close_date, {{ end_of_time() }})
                > coalesce(changes.from_close_date, {{ end_of_time() }}) then 'pushed'
            else 'pulled'
        end as direction
    from changes
    left join fx_changes
        on
            changes.opportunity_key = fx_changes.opportunity_key
            and changes.snapshot_date = fx_changes.snapshot_date

),

entering as (

    select
        directed.*,
        case directed.from_state
            when 'unseen' then 'created'
            when 'gone' then 'restored'
            when 'unmapped' then 'mapped'
            else 'reopened'
        end as category
    from directed
    where
        (directed.to_state = 'open' and directed.from_state <> 'open')
        or (directed.from_state = 'unseen' and directed.to_state in ('won', 'lost'))

),

movements as (

    select
        entering.opportunity_key,
        entering.snapshot_date,
        entering.is_by_definition,
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
        directed.opportunity_key,
        directed.snapshot_date,
        directed.is_by_definition,
        directed.to_quarter as fiscal_quarter,
        directed.to_segment as segment,
        'lost' as category,
        -directed.to_amount as amount,
        -1 as opportunity_delta,
        null as from_value,
        directed.to_stage as to_value
    from directed
    where directed.from_state = 'unseen' and directed.to_state = 'lost'
    union all
    select
        directed.opportunity_key,
        directed.snapshot_date,
        directed.is_by_definition,
        directed.from_quarter as fiscal_quarter,
        directed.from_segment as segment,
        directed.to_state as category,
        -directed.from_amount as amount,
        -1 as opportunity_delta,
        directed.from_stage as from_value,
        case when directed.to_state = 'lost' then directed.to_stage end as to_value
    from directed
    where directed.from_state = 'open' and directed.to_state not in ('open', 'won')
    union all
    select
        directed.opportunity_key,
        directed.snapshot_date,
        directed.is_by_definition,
        directed.from_quarter as fiscal_quarter,
        directed.from_segment as segment,
        directed.direction || '_out' as category,
        -directed.from_amount as amount,
        -1 as opportunity_delta,
        cast(directed.from_close_date as {{ dbt.type_string() }}) as from_value,
        cast(directed.to_close_date as {{ dbt.type_string() }}) as to_value
    from directed
    where directed.is_staying and directed.from_quarter <> directed.to_quarter
    union all
    select
        directed.opportunity_key,
        directed.snapshot_date,
        directed.is_by_definition,
        directed.to_quarter as fiscal_quarter,
        directed.from_segment as segment,
        directed.direction || '_in' as category,
        directed.from_amount as amount,
        1 as opportunity_delta,
        cast(directed.from_close_date as {{ dbt.type_string() }}) as from_value,
        cast(directed.to_close_date as {{ dbt.type_string() }}) as to_value
    from directed
    where directed.is_staying and directed.from_quarter <> directed.to_quarter
    union all
    select
        directed.opportunity_key,
        directed.snapshot_date,
        directed.is_by_definition,
        directed.to_quarter as fiscal_quarter,
        directed.from_segment as segment,
        'scope_out' as category,
        -directed.from_amount as amount,
        -1 as opportunity_delta,
        directed.from_segment as from_value,
        directed.to_segment as to_value
    from directed
    where directed.is_staying and directed.from_segment <> directed.to_segment
    union all
    select
        directed.opportunity_key,
        directed.snapshot_date,
        directed.is_by_definition,
        directed.to_quarter as fiscal_quarter,
        directed.to_segment as segment,
        'scope_in' as category,
        directed.from_amount as amount,
        1 as opportunity_delta,
        directed.from_segment as from_value,
        directed.to_segment as to_value
    from directed
    where directed.is_staying and directed.from_segment <> directed.to_segment
    union all
    select
        directed.opportunity_key,
        directed.snapshot_date,
        directed.is_by_definition,
        directed.to_quarter as fiscal_quarter,
        directed.to_segment as segment,
        'fx' as category,
        directed.fx_amount as amount,
        0 as opportunity_delta,
        cast(directed.from_amount as {{ dbt.type_string() }}) as from_value,
        cast(directed.from_amount + directed.fx_amount as {{ dbt.type_string() }}) as to_value
    from directed
    where directed.is_staying and directed.fx_amount <> 0
    union all
    select
        directed.opportunity_key,
        directed.snapshot_date,
        directed.is_by_definition,
        directed.to_quarter as fiscal_quarter,
        directed.to_segment as segment,
        case
            when directed.to_amount > directed.from_amount + directed.fx_amount then 'amount_up'
            else 'amount_down'
        end as category,
        directed.to_amount - directed.from_amount - directed.fx_amount as amount,
        0 as opportunity_delta,
        cast(directed.from_amount + directed.fx_amount as {{ dbt.type_string() }}) as from_value,
        cast(directed.to_amount as {{ dbt.type_string() }}) as to_value
    from directed
    where directed.is_staying and directed.to_amount <> directed.from_amount + directed.fx_amount
    union all
    select
        directed.opportunity_key,
        directed.snapshot_date,
        directed.is_by_definition,
        directed.to_quarter as fiscal_quarter,
        directed.to_segment as segment,
        'won' as category,
        -directed.to_amount as amount,
        -1 as opportunity_delta,
        case when directed.from_state = 'open' then directed.from_stage end as from_value,
        directed.to_stage as to_value
    from directed
    where directed.to_state = 'won' and directed.from_state in ('open', 'unseen')

)

select * from movements
