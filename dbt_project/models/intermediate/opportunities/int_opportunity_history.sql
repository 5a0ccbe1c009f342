-- One row per opportunity x version while it exists, beside the version before it (whether it was
-- gone between them or not). Equal neighbours among the intervals are one version.
with

intervals as (

    select * from {{ ref('int_opportunity_intervals') }}

),

amounts as (

    select * from {{ ref('int_opportunity_foreign_amounts') }}

),

converted as (

    select
        intervals.opportunity_key,
        intervals.stage_interval_key,
        intervals.stage_key,
        intervals.stage_category,
        intervals.segment,
        intervals.content,
        intervals.close_date,
        intervals.created_date,
        intervals.captured_from,
        case
            when intervals.currency_code = '{{ var("base_currency") }}' then intervals.source_amount
            else amounts.amount
        end as amount,
        coalesce(amounts.valid_from, intervals.valid_from) as valid_from,
        coalesce(amounts.valid_to, intervals.valid_to) as valid_to
    from intervals
    left join amounts
        on
            intervals.opportunity_key = amounts.opportunity_key
            and intervals.valid_from = amounts.interval_from

),

compared as (

    select
        converted.*,
        lag(converted.content) over earlier as previous_content,
        lag(converted.amount) over earlier as previous_amount,
        lag(converted.valid_to) over earlier as previous_valid_to,
        max(converted.valid_to) over whole as last_valid_to
    from converted
    window
        earlier as (
            partition by converted.opportunity_key
            order by converted.valid_from nulls last
        ),
        whole as (
            partition by converted.opportunity_key
            order by converted.valid_from nulls last
            rows between unbounded preceding and unbounded following
        )

),

-- A version starts where the interval before it differs, or is missing; it ends where the last
-- interval like it does.
starts as (

    select * from compared
    where
        previous_valid_to is null
        or previous_valid_to <> valid_from
        or previous_content <> content
        or coalesce(previous_amount <> amount, false)
        or (previous_amount is null) <> (amount is null)

),

history as (

    select
        -- ids
        starts.opportunity_key,
        starts.stage_interval_key,
        starts.stage_key,

        -- attributes
        starts.stage_category,
        starts.segment,
        starts.amount,

        -- dates
        starts.close_date,
        starts.created_date,
        starts.captured_from,
        starts.valid_from,
        cast(
            coalesce(lead(starts.previous_valid_to) over earlier, starts.last_valid_to) as date
        ) as valid_to,

        -- the version before
        lag(starts.stage_key) over earlier as previous_stage_key,
        lag(starts.stage_category) over earlier as previous_stage_category,
        lag(starts.stage_interval_key) over earlier as previous_stage_interval_key,
        lag(starts.segment) over earlier as previous_segment,
        lag(starts.amount) over earlier as previous_amount,
        lag(starts.close_date) over earlier as previous_close_date,
        lag(starts.captured_from) over earlier as previous_captured_from,
        starts.previous_valid_to,
        starts.last_valid_to
    from starts
    window earlier as (
        partition by starts.opportunity_key
        order by starts.valid_from nulls last
    )

)

select * from history
