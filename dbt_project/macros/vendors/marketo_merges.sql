{#-
    Two CTEs for a model that begins `with recursive` and has `activities`: `lead_merges`, and
    `merged_leads`, one row per lead that was merged into another x lead that holds it since then,
    over all merges on the way.
-#}
{% macro marketo_merges() -%}
    -- A lead goes into another at most once.
    lead_merges as (

        select
            activities.source,
            activities.merged_person_id,
            max(activities.person_id) as person_id,
            min(activities.valid_from) as merged_from
        from activities
        where activities.merged_person_id is not null
        group by activities.source, activities.merged_person_id

    ),

    merged_leads as (

        select
            lead_merges.source,
            lead_merges.merged_person_id,
            lead_merges.person_id,
            lead_merges.merged_from,
            1 as merge_count
        from lead_merges
        union all
        select
            earlier.source,
            earlier.merged_person_id,
            later.person_id,
            greatest(earlier.merged_from, later.merged_from) as merged_from,
            earlier.merge_count + 1 as merge_count
        from merged_leads as earlier
        inner join lead_merges as later
            on earlier.source = later.source and earlier.person_id = later.merged_person_id
        where earlier.merge_count < 40 -- a circle, which cannot be, would have no end

    )
{%- endmacro %}
