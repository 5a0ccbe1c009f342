{#-
    A bound of Wilson's 95 % interval (1927) of the share `part` of `whole`, both whole numbers:
    `side` is `-` for the lower and `+` for the upper one. NULL where `whole` is 0.
-#}
{% macro wilson_bound(part, whole, side) -%}
    {%- set z = 1.959963984540054 -%}
    case
        when {{ whole }} > 0
            then {{ 'greatest(0, ' if side == '-' else 'least(1, ' }}(
                {{ part }} + {{ z * z / 2 }} {{ side }} {{ z }} * sqrt(
                    cast({{ part }} as double) * ({{ whole }} - {{ part }}) / {{ whole }}
                    + {{ z * z / 4 }}
                )
            ) / ({{ whole }} + {{ z * z }}))
    end
{%- endmacro %}
