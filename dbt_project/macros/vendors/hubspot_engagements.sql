{#-
    The versions of all kinds of HubSpot's engagements, in one shape. A meeting that was cancelled
    or missed and a task that is not done are none.
-#}
{% macro hubspot_engagements() -%}
    {%- set done = {
        'meeting': "outcome is null or outcome not in ('CANCELED', 'NO_SHOW', 'RESCHEDULED')",
        'task': "status = 'COMPLETED'",
    } -%}
    {%- for kind in ['call', 'email', 'meeting', 'note', 'task'] %}
    select
        source,
        activity_id,
        '{{ kind }}' as engagement_type,
        opportunity_id,
        coalesce(person_id, nullif(split_part(contact_ids, ';', 1), '')) as person_id,
        owner_id,
        lower(coalesce(activity_type, '{{ kind }}')) as activity_type,
        {{ 'coalesce(occurred_at, due_at)' if kind == 'task' else 'occurred_at' }} as occurred_at,
        valid_from,
        valid_to,
        _pl_change,
        _pl_origin
    from ({{ vendor_rows('hubspot', 'activity', kind) }}) as versions
    where {{ done.get(kind, 'true') }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
{%- endmacro %}
