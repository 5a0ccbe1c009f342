{#-
    The domain of `address`: `https://www.Acme.com/about`, `acme.com` and `billing@acme.com` are all
    `acme.com`. NULL where there is none.
-#}
{% macro domain_of(address) -%}
    nullif(regexp_extract(
        lower(trim({{ address }})),
        '^(?:[a-z][a-z0-9+.-]*://)?(?:[^/@]*@)?(?:www[.])?([^/:?#@ ]+[.][^/:?#@ ]+)', 1
    ), '')
{%- endmacro %}
