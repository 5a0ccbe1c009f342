{#-
    A forecast `category` as `commit`, `best_case`, `pipeline` or `omitted`, whichever way a CRM
    spells it; NULL for all others. Salesforce's API says `Forecast` for what people see as Commit,
    and has a `MostLikely` between it and Best Case, which counts as Best Case.
-#}
{% macro forecast_category_key(category) -%}
    case lower(replace(replace(replace({{ category }}, ' ', ''), '_', ''), '-', ''))
        when 'commit' then 'commit'
        when 'forecast' then 'commit'
        when 'bestcase' then 'best_case'
        when 'mostlikely' then 'best_case'
        when 'pipeline' then 'pipeline'
        when 'omitted' then 'omitted'
        when 'omit' then 'omitted'
    end
{%- endmacro %}
