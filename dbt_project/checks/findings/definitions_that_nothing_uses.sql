-- Rows of definitions that name a source, segment or stage that does not exist: a slip of the pen,
-- most likely.
with

sources as (

    select snapshots.source from {{ ref('dim_snapshot') }} as snapshots
    group by snapshots.source

),

segments as (

    select accounts.segment from {{ ref('dim_account') }} as accounts
    union
    select rules.segment from {{ ref('stg_segments') }} as rules

),

stages as (

    select coalesce(definitions.canonical_stage, definitions.stage) as stage
    from {{ ref('stg_stage_definitions') }} as definitions
    group by coalesce(definitions.canonical_stage, definitions.stage)

)

select {{ finding(
    "'stage_definitions.csv: no source is called `'", 'definitions.source', "'` (stage `'",
    'definitions.stage', "'`).'"
) }} as finding
from {{ ref('stg_stage_definitions') }} as definitions
left join sources on definitions.source = sources.source
where sources.source is null and definitions.source <> '*'
union all
select {{ finding(
    "'targets.csv: no account is in segment `'", 'targets.segment', "'` (quarter '",
    'targets.fiscal_quarter', "').'"
) }} as finding
from {{ ref('stg_targets') }} as targets
left join segments on targets.segment = segments.segment
where segments.segment is null and targets.segment <> '(all)'
union all
select {{ finding(
    "'stall_rules.csv: no account is in segment `'", 'rules.segment', "'` (rule `'",
    'rules.rule', "'`).'"
) }} as finding
from {{ ref('stg_stall_rules') }} as rules
left join segments on rules.segment = segments.segment
where segments.segment is null and rules.segment <> '*'
union all
select {{ finding(
    "'stall_rules.csv: no stage is called `'", 'rules.stage', "'` (rule `'", 'rules.rule', "'`).'"
) }} as finding
from {{ ref('stg_stall_rules') }} as rules
left join stages on rules.stage = stages.stage
where stages.stage is null and rules.stage <> '*'
