{#-
    What a `model` of attribution gives of `amount` to the touch at `position` (from 1) of
    `touches`: the amount up to it, rounded to cents, less the amount up to the one before, so that
    the amounts of all touches are the whole amount.
-#}
{% macro attributed_amount(model, amount, position, touches) -%}
    {%- if model == 'first' -%}
        case when {{ position }} = 1 then {{ amount }} else 0 end
    {%- elif model == 'last' -%}
        case when {{ position }} = {{ touches }} then {{ amount }} else 0 end
    {%- else -%}
        {%- set whole = attribution_parts(model, touches, touches) -%}
        case
            when {{ position }} = 1 and {{ touches }} = 1 then {{ amount }}
            else
                {{ rounded_part(amount, attribution_parts(model, position, touches), whole) }}
                - {{ rounded_part(
                    amount, attribution_parts(model, '(' ~ position ~ ' - 1)', touches), whole
                ) }}
        end
    {%- endif -%}
{%- endmacro %}
