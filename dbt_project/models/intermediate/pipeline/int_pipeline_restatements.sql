-- One row per metric x fiscal quarter x segment (`(all)` included) x day x cause: `reported`, what
-- stood on the quarter's last day, and what an edit, a deletion or a definition made of it later.
with

history as (

    select * from {{ ref('fct_opportunity_history') }}
    where is_open or is_won

),

bookings as (

    select * from {{ ref('fct_booking_movements') }}

),

pipeline as (

    select * from {{ ref('fct_pipeline_movements') }}

),

quarters as (

    select * from {{ ref('int_fiscal_quarters') }}
    where is_end_captured

),

moved as (

    select
        'bookings' as metric,
        bookings.fiscal_quarter,
        bookings.segment,
        bookings.snapshot_date,
        case
            when bookings.is_by_definition then 'definition'
            when bookings.category = 'won' then 'entered'
            when bookings.category = 'reversed' then 'left'
            when bookings.category = 'deleted' then 'deleted'
            when bookings.category in ('amount_up', 'amount_down') then 'edited'
            -- out and in of one quarter: only the segment is another
            when count(*) over same_quarter > 1 then 'segment'
            else bookings.category
        end as cause,
        bookings.amount,
        bookings.opportunity_delta
    from bookings
    inner join quarters
        on
            bookings.fiscal_quarter = quarters.fiscal_quarter
            and bookings.snapshot_date > quarters.end_date
    window
        same_quarter as (
            partition by
                bookings.source,
                bookings.opportunity_id,
                bookings.snapshot_date,
                bookings.fiscal_quarter,
                bookings.category in ('moved_in', 'moved_out')
        )
    union all
    select
        'open_pipeline' as metric,
        pipeline.fiscal_quarter,
        pipeline.segment,
        pipeline.snapshot_date,
        case
            when pipeline.is_by_definition then 'definition'
            when pipeline.category in ('created', 'restored', 'reopened', 'mapped') then 'entered'
            when pipeline.category in ('deleted', 'merged') then 'deleted'
            when pipeline.category in ('won', 'lost', 'unmapped') then 'left'
            when pipeline.category in ('pushed_in', 'pulled_in') then 'moved_in'
            when pipeline.category in ('pushed_out', 'pulled_out') then 'moved_out'
            when pipeline.category in ('scope_in', 'scope_out') then 'segment'
            else 'edited'
        end as cause,
        pipeline.amount,
        pipeline.opportunity_delta
    from pipeline
    inner join quarters
        on
            pipeline.fiscal_quarter = quarters.fiscal_quarter
            and pipeline.snapshot_date > quarters.end_date

),

parts as (

    select
        case when history.is_won then 'bookings' else 'open_pipeline' end as metric,
        history.close_fiscal_quarter as fiscal_quarter,
        history.segment,
        quarters.end_date as snapshot_date,
        'reported' as cause,
        coalesce(history.amount, 0) as amount,
        1 as opportunity_delta
    from history
    inner join quarters
        on
            history.close_fiscal_quarter = quarters.fiscal_quarter
            and history.valid_from <= quarters.end_date
            and history.valid_to > quarters.end_date
    union all
    select * from moved

),

restatements as (

    {{ with_all(
        'parts',
        all_of=['segment'],
        others=['metric', 'fiscal_quarter', 'snapshot_date', 'cause'],
        sums=['amount', 'opportunity_delta'],
    ) }}

)

select * from restatements
