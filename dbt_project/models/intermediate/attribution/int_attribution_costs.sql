-- One row per campaign x fiscal quarter: what its days up to the last captured one cost, in base
-- currency, where its cost is spread evenly over its days.
{%- set base = "'" ~ var('base_currency') ~ "'" %}
with

campaigns as (

    select * from {{ ref('stg_campaign') }}
    where not is_tombstone and cost is not null

),

fiscal_days as (

    select * from {{ ref('int_fiscal_days') }}

),

fx_rates as (

    select * from {{ ref('stg_fx_rates') }}

),

sources as (

    select * from {{ ref('int_sources') }}

),

last_day as (

    select max(sources.last_captured_date) as last_captured_date
    from sources

),

-- What is gone is what it was last.
ranked as (

    select
        campaigns.*,
        upper(coalesce(campaigns.currency_code, {{ base }})) as currency,
        row_number() over (
            partition by campaigns.source, campaigns.campaign_id
            order by campaigns.valid_from desc
        ) as recency
    from campaigns

),

kept_elsewhere as (

    select
        ranked.crm_campaign_id as campaign_id,
        min(ranked.source) as first_source,
        max(ranked.source) as last_source
    from ranked
    where ranked.recency = 1 and ranked.crm_campaign_id is not null
    group by ranked.crm_campaign_id

),

-- A campaign of the CRM that marketing automation keeps, too, costs once: what it costs there.
latest as (

    select ranked.*
    from ranked
    left join kept_elsewhere
        on
            ranked.campaign_id = kept_elsewhere.campaign_id
            and (
                ranked.source <> kept_elsewhere.first_source
                or ranked.source <> kept_elsewhere.last_source
            )
    where
        ranked.recency = 1
        and (ranked.crm_campaign_id is not null or kept_elsewhere.campaign_id is null)

),

-- The days of a month that lie in one quarter, up to the last captured day.
pieces as (

    select
        fiscal_days.fiscal_quarter,
        min(fiscal_days.date_day) as start_date,
        max(fiscal_days.date_day) as end_date,
        cast(least(
            {{ dbt.last_day('max(fiscal_days.date_day)', 'month') }},
            max(last_day.last_captured_date)
        ) as date) as rate_date
    from fiscal_days
    cross join last_day
    where fiscal_days.date_day <= last_day.last_captured_date
    group by
        fiscal_days.fiscal_quarter,
        {{ dbt.date_trunc('month', 'fiscal_days.date_day') }}

),

spread as (

    select
        latest.source,
        latest.campaign_id,
        latest.channel,
        latest.cost,
        latest.currency,
        pieces.fiscal_quarter,
        pieces.rate_date,
        {{ dbt.datediff('latest.start_date', 'latest.end_date', 'day') }} + 1 as days,
        {{ dbt.datediff(
            'latest.start_date', 'greatest(latest.start_date, pieces.start_date)', 'day'
        ) }} as days_before,
        {{ dbt.datediff(
            'latest.start_date', 'least(latest.end_date, pieces.end_date)', 'day'
        ) }} + 1 as days_until
    from latest
    inner join pieces
        on latest.start_date <= pieces.end_date and latest.end_date >= pieces.start_date
    where latest.start_date <= latest.end_date

),

priced as (

    select
        spread.*,
        case when spread.currency = {{ base }} then 1 else fx_rates.rate_to_base end as rate,
        row_number() over (
            partition by spread.source, spread.campaign_id, spread.fiscal_quarter, spread.rate_date
            order by fx_rates.valid_from desc
        ) as recency
    from spread
    left join fx_rates
        on
            spread.currency = upper(trim(fx_rates.currency_code))
            and spread.rate_date >= fx_rates.valid_from

),

converted as (

    select
        priced.*,
        {{ rounded_product(
            rounded_share('priced.cost', 'priced.days_until', 'priced.days')
            ~ ' - '
            ~ rounded_share('priced.cost', 'priced.days_before', 'priced.days'),
            'priced.rate',
        ) }} as amount
    from priced
    where priced.recency = 1

),

costs as (

    select
        converted.source,
        converted.campaign_id,
        converted.fiscal_quarter,
        coalesce(max(converted.channel), '(none)') as channel,
        max(converted.currency) as currency_code,
        cast(
            case when count(*) = count(converted.amount) then sum(converted.amount) end
            as decimal(18, 2)
        ) as cost_amount
    from converted
    group by converted.source, converted.campaign_id, converted.fiscal_quarter

)

select * from costs
