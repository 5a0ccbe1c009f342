{#-
    Whether a receipt speaks for people: of the vendors' entities that make up a person, those count
    that give an id and when it was created. `source` and `entity` are the receipt's columns.
-#}
{% macro is_of_people(source, entity) -%}
    ({{ entity }} = 'person'
    {%- for name, settings in var('sources').items() if settings.type in vendor_fields() -%}
        {%- for theirs, fields in vendor_fields()[settings.type].get('person', {}).items() -%}
            {%- if 'person_id' in fields and 'created_at' in fields %}
    or ({{ source }} = '{{ name | replace("'", "''") }}' and {{ entity }} = '{{ theirs }}')
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%})
{%- endmacro %}
