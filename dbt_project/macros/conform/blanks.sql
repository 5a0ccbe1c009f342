{#- What no key has around it, as a SQL text: all that Python's str.strip removes. -#}
{% macro blanks() -%}
    {%- set ascii = '\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f ' -%}
    {%- set wide = '\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a' -%}
    {%- set other = '\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000' -%}
    '{{ ascii ~ wide ~ other }}'
{%- endmacro %}
