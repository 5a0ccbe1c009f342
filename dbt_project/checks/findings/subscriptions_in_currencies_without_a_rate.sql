-- Currencies that subscriptions are priced in and that have no rate at some month's end: their MRR
-- is not known.
select
    terms.currency_code,
    count(distinct terms.subscription_key) as subscription_count,
    {{ finding(
        'terms.currency_code', "': no rate for the prices of '",
        'count(distinct terms.subscription_key)',
        "' subscriptions at some month ends, the first on '", 'min(months.month_end)',
        "'; they are missing from MRR. Add the currency to fx_rates.csv.'"
    ) }} as finding
from {{ ref('int_subscription_terms') }} as terms
inner join {{ ref('int_mrr_months') }} as months
    on terms.valid_from <= months.month_end and terms.valid_to > months.month_end
left join {{ ref('int_mrr_fx_rates') }} as rates
    on
        terms.currency_code = rates.currency_code
        and months.month_number >= rates.from_month
        and months.month_number < rates.to_month
where rates.rate_to_base is null
group by terms.currency_code
