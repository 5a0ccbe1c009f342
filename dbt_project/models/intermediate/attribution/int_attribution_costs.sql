-- One row per campaign x fiscal quarter: what its days up to the last captured one cost, in base
-- currency, where its cost is spread evenly over its days.
{%- set base = "'" ~ var('base_currency') ~ "'" %}
with

campaigns as (

    select * from {{ ref('int_attribution_campaigns') }}

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

kept_elsewhere as (

    select
        campaigns.crm_campaign_key as campaign_key,
        min(campaigns.source) as first_source,
        max(campaigns.source) as last_source
    from campaigns
    where campaigns.crm_campaign_key is not null
    group by campaigns.crm_campaign_key

),

-- A campaign of the CRM that marketing automation keeps, too, costs once: what it costs there.
counted as (

    select
        campaigns.*,
        upper(coalesce(campaigns.currency_code, {{ base }})) as currency
    from campaigns
    left join kept_elsewhere
        on
            campaigns.campaign_key = kept_elsewhere.campaign_key
            and (
                campaigns.source <> kept_elsewhere.first_source
                or campaigns.source <> kept_elsewhere.last_source
            )
    where campaigns.crm_campaign_key is not null or kept_elsewhere.campaign_key is null

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
        counted.source,
        counted.campaign_id,
        counted.channel,
        counted.cost,
        counted.currency,
        pieces.fiscal_quarter,
        pieces.rate_date,
        {{ dbt.datediff('counted.start_date', 'counted.end_date', 'day') }} + 1 as days,
        {{ dbt.datediff(
            'counted.start_date', 'greatest(counted.start_date, pieces.start_date)', 'day'
        ) }} as days_before,
        {{ dbt.datediff(
            'counted.start_date', 'least(counted.end_date, pieces.end_date)', 'day'
        ) }} + 1 as days_until
    from counted
    inner join pieces
        on counted.start_date <= pieces.end_date and counted.end_date >= pieces.start_date
    where counted.start_date <= counted.end_date

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
