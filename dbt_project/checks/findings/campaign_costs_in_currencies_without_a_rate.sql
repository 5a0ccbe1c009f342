-- Currencies that campaigns cost and that have no rate in some quarter: what they cost in it is not
-- known.
{%- set campaign = dbt.concat(['costs.source', "'.'", 'costs.campaign_id']) %}
select
    costs.currency_code,
    count(distinct {{ campaign }}) as campaign_count,
    {{ finding(
        'costs.currency_code', "': no rate for the cost of '",
        'count(distinct ' ~ campaign ~ ')',
        "' campaigns in some quarters, the first '", 'min(costs.fiscal_quarter)',
        "'; what they cost there is not known. Add the currency to fx_rates.csv.'"
    ) }} as finding
from {{ ref('int_attribution_costs') }} as costs
where costs.cost_amount is null
group by costs.currency_code
