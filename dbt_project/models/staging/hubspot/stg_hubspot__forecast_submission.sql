-- One row per forecast of HubSpot x version, tombstones included. HubSpot submits one number for a
-- period, of no category.
with

renamed as (

    {{ vendor_rows('hubspot', 'forecast_submission', 'forecast') }}

),

-- The start is midnight in milliseconds, in HubSpot's time zone or in ours: the nearest day.
dated as (

    select
        renamed.*,
        coalesce(
            renamed.period_start_date,
            cast({{ dbt.dateadd(
                'day',
                'cast(floor((renamed.start_milliseconds + 43200000) / 86400000) as integer)',
                "cast('1970-01-01' as date)"
            ) }} as date)
        ) as start_date,
        case lower(renamed.milestone) when 'monthly' then 1 when 'quarterly' then 3 end as months
    from renamed

),

submissions as (

    select
        dated.source,
        dated.submission_id,
        dated.owner_id,
        dated.team,
        dated.start_date as period_start_date,
        cast({{ dbt.dateadd('day', -1, dbt.dateadd('month', 'dated.months', 'dated.start_date')) }}
            as date) as period_end_date,
        'submitted' as forecast_category,
        dated.amount,
        dated.currency_code,
        dated.submitted_at,
        dated.valid_from,
        dated.valid_to,
        dated._pl_change,
        dated._pl_origin
    from dated

)

select * from submissions
