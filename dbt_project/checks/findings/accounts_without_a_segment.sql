-- Accounts that the segment rules, or the CRM where there are none, give no segment.
select
    source,
    count(*) as account_count,
    {{ finding(
        'source', "': '", 'count(*)', "' accounts are (unassigned), such as '", 'min(account_id)',
        "'. Fill the segment in the CRM, or add a rule to segments.csv.'"
    ) }} as finding
from {{ ref('dim_account') }}
where segment = '(unassigned)' and not is_deleted
group by source
