{#- No two rows agree in all of these columns: what the model calls its grain. -#}
{% test unique_together(model, columns) %}

    select
        {{ columns | join(',\n        ') }},
        count(*) as row_count
    from {{ model }}
    group by {{ columns | join(', ') }}
    having count(*) > 1

{% endtest %}
