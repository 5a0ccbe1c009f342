-- One row per change x category of what it does to the open pipeline, before it is named for readers.
{{ config(materialized='view') }}
with

changes as (

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
    from {{ ref('int_opportunity_changes') }} as changes
    left join {{ ref('int_pipeline_fx_changes') }} as fx_changes
        on
            changes.opportunity_key = fx_changes.opportunity_key
            and changes.snapshot_date = fx_changes.snapshot_date

),

entering as (

    select
        changes.*,
        case changes.from_state
            when 'unseen' then 'created'
            when 'gone' then 'restored'
            when 'unmapped' then 'mapped'
            else 'reopened'
        end as category
    from changes
    where
        (changes.to_state = 'open' and changes.from_state <> 'open')
        or (changes.from_state = 'unseen' and changes.to_state in ('won', 'lost'))

),

movements as (

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
        changes.opportunity_key,
        changes.snapshot_date,
        changes.to_quarter as fiscal_quarter,
        changes.to_segment as segment,
        'lost' as category,
        -changes.to_amount as amount,
        -1 as opportunity_delta,
        null as from_value,
        changes.to_stage as to_value
    from changes
    where changes.from_state = 'unseen' and changes.to_state = 'lost'
    union all
    select
        changes.opportunity_key,
        changes.snapshot_date,
        changes.from_quarter as fiscal_quarter,
        changes.from_segment as segment,
        changes.to_state as category,
        -changes.from_amount as amount,
        -1 as opportunity_delta,
        changes.from_stage as from_value,
        case when changes.to_state = 'lost' then changes.to_stage end as to_value
    from changes
    where changes.from_state = 'open' and changes.to_state not in ('open', 'won')
    union all
    select
        changes.opportunity_key,
        changes.snapshot_date,
        changes.from_quarter as fiscal_quarter,
        changes.from_segment as segment,
        changes.direction || '_out' as category,
        -changes.from_amount as amount,
        -1 as opportunity_delta,
        cast(changes.from_close_date as {{ dbt.type_string() }}) as from_value,
        cast(changes.to_close_date as {{ dbt.type_string() }}) as to_value
    from changes
    where changes.is_staying and changes.from_quarter <> changes.to_quarter
    union all
    select
        changes.opportunity_key,
        changes.snapshot_date,
        changes.to_quarter as fiscal_quarter,
        changes.from_segment as segment,
        changes.direction || '_in' as category,
        changes.from_amount as amount,
        1 as opportunity_delta,
        cast(changes.from_close_date as {{ dbt.type_string() }}) as from_value,
        cast(changes.to_close_date as {{ dbt.type_string() }}) as to_value
    from changes
    where changes.is_staying and changes.from_quarter <> changes.to_quarter
    union all
    select
        changes.opportunity_key,
        changes.snapshot_date,
        changes.to_quarter as fiscal_quarter,
        changes.from_segment as segment,
        'scope_out' as category,
        -changes.from_amount as amount,
        -1 as opportunity_delta,
        changes.from_segment as from_value,
        changes.to_segment as to_value
    from changes
    where changes.is_staying and changes.from_segment <> changes.to_segment
    union all
    select
        changes.opportunity_key,
        changes.snapshot_date,
        changes.to_quarter as fiscal_quarter,
        changes.to_segment as segment,
        'scope_in' as category,
        changes.from_amount as amount,
        1 as opportunity_delta,
        changes.from_segment as from_value,
        changes.to_segment as to_value
    from changes
    where changes.is_staying and changes.from_segment <> changes.to_segment
    union all
    select
        changes.opportunity_key,
        changes.snapshot_date,
        changes.to_quarter as fiscal_quarter,
        changes.to_segment as segment,
        'fx' as category,
        changes.fx_amount as amount,
        0 as opportunity_delta,
        cast(changes.from_amount as {{ dbt.type_string() }}) as from_value,
        cast(changes.from_amount + changes.fx_amount as {{ dbt.type_string() }}) as to_value
    from changes
    where changes.is_staying and changes.fx_amount <> 0
    union all
    select
        changes.opportunity_key,
        changes.snapshot_date,
        changes.to_quarter as fiscal_quarter,
        changes.to_segment as segment,
        case
            when changes.to_amount > changes.from_amount + changes.fx_amount then 'amount_up'
            else 'amount_down'
        end as category,
        changes.to_amount - changes.from_amount - changes.fx_amount as amount,
        0 as opportunity_delta,
        cast(changes.from_amount + changes.fx_amount as {{ dbt.type_string() }}) as from_value,
        cast(changes.to_amount as {{ dbt.type_string() }}) as to_value
    from changes
    where changes.is_staying and changes.to_amount <> changes.from_amount + changes.fx_amount
    union all
    select
        changes.opportunity_key,
        changes.snapshot_date,
        changes.to_quarter as fiscal_quarter,
        changes.to_segment as segment,
        'won' as category,
        -changes.to_amount as amount,
        -1 as opportunity_delta,
        case when changes.from_state = 'open' then changes.from_stage end as from_value,
        changes.to_stage as to_value
    from changes
    where changes.to_state = 'won' and changes.from_state in ('open', 'unseen')

)

select * from movements
