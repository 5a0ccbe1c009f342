-- Currencies that campaigns cost and that have no rate in some quarter: what they cost in it is not
-- known.
{%- set currency = "upper(coalesce(campaigns.currency_code, '" ~ var('base_currency') ~ "'))" %}
{%- set campaign = dbt.concat(['costs.source', "'.'", 'costs.campaign_id']) %}
with

campaigns as (

    select
        versions.*,
        row_number() over (
            partition by versions.source, versions.campaign_id
            order by versions.valid_from desc
        ) as recency
    from {{ ref('stg_campaign') }} as versions
    where not versions.is_tombstone and versions.cost is not null

)

select
    {{ currency }} as currency_code,
    count(distinct {{ campaign }}) as campaign_count,
    {{ finding(
        currency, "': no rate for the cost of '",
        'count(distinct ' ~ campaign ~ ')',
        "' campaigns in some quarters, the first '", 'min(costs.fiscal_quarter)',
        "'; what they cost there is not known. Add the currency to fx_rates.csv.'"
    ) }} as finding
from {{ ref('int_attribution_costs') }} as costs
inner join campaigns
    on
        costs.source = campaigns.source
        and costs.campaign_id = campaigns.campaign_id
        and campaigns.recency = 1
where costs.cost_amount is null
group by {{ currency }}
