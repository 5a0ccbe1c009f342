-- Keys that the ledger spells in several ways, because its first days were captured before keys were
-- normalised. Each is one key.
select
    source,
    count(*) as key_count,
    {{ finding(
        'source', "'.'", 'entity', "': '", 'count(*)',
        "' keys were captured in several spellings, and each counts as one key, such as '",
        'min(spellings)', "'.'"
    ) }} as finding
from {{ source('ledger', 'spellings') }}
where source in {{ configured_sources() }}
group by source, entity
