{#-
    How many equal parts of an amount a `model` of attribution has given by the touch at `position`
    of `touches`, in order; at the last one, how many there are. The model `position` gives 40 % to
    the first, 40 % to the last and the rest to those between, in equal parts; half to each of two.
-#}
{% macro attribution_parts(model, position, touches) -%}
    {%- if model == 'first' -%}
        case when {{ position }} >= 1 then 1 else 0 end
    {%- elif model == 'last' -%}
        case when {{ position }} >= {{ touches }} then 1 else 0 end
    {%- elif model == 'linear' -%}
        {{ position }}
    {%- elif position == touches -%}
        case when {{ touches }} <= 2 then {{ touches }} else 5 * ({{ touches }} - 2) end
    {%- else -%}
        case
            when {{ touches }} <= 2 then {{ position }}
            when {{ position }} = 0 then 0
            when {{ position }} = {{ touches }} then 5 * ({{ touches }} - 2)
            else 2 * ({{ touches }} - 2) + {{ position }} - 1
        end
    {%- endif -%}
{%- endmacro %}
