-- Sources whose opportunities have a probability below 0 or above 1: it counts as unknown.
select
    source,
    count(*) as version_count,
    {{ finding(
        'source', "': '", 'count(*)',
        "' rows of opportunities with a probability that is no share of 1, such as '",
        'min(source_probability)',
        "'; it counts as unknown. If it is a percentage, say percent = true in [sources.'",
        'source', "'].'"
    ) }} as finding
from {{ ref('stg_opportunity') }}
where source_probability not between 0 and 1
group by source
