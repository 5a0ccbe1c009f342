-- Currencies without a rate on some day: the amounts are NULL in base currency, and 0 in sums.
select
    currency_code,
    count(*) as version_count,
    {{ finding(
        'currency_code', "': no rate for '", 'count(*)', "' versions of opportunities, '",
        'count(*) filter (where is_current)', "' of them current; their amounts are missing from '",
        'min(valid_from)', "' on. Add it to fx_rates.csv.'"
    ) }} as finding
from {{ ref('fct_opportunity_history') }}
where amount is null and source_amount is not null
group by currency_code
