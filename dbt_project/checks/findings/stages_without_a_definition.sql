-- Stages that a CRM uses and no definition covers: not counted as open, and their days are
-- incomplete.
select
    source,
    pipeline,
    source_stage,
    count(*) as version_count,
    count(*) filter (where is_current) as opportunity_count,
    {{ finding(
        'source', "': stage `'", 'source_stage', "'` of pipeline `'", 'pipeline',
        "'` has no definition; '",
        'count(*) filter (where is_current)', "' opportunities now, '", 'count(*)',
        "' rows of history. Add it to stage_definitions.csv.'"
    ) }} as finding
from {{ ref('fct_opportunity_history') }}
where stage_category = 'unmapped'
group by source, pipeline, source_stage
