-- Lines of teams' lists in a currency without a rate on the day of comparison: they count 0.
select
    line_items.team,
    line_items.list_id,
    line_items.currency_code,
    {{ finding(
        "'list '", 'line_items.list_id', "' of '", 'line_items.team', "': no rate for '",
        'line_items.currency_code', "' on '", 'max(line_items.snapshot_date)', "': '", 'count(*)',
        "' lines of it count 0. Add it to fx_rates.csv.'"
    ) }} as finding
from {{ ref('int_reconciliation_line_items') }} as line_items
where line_items.is_without_rate
group by line_items.team, line_items.list_id, line_items.currency_code, line_items.snapshot_date
