{#-
    Whose an address is, by its digest: of the contact that has it now, else of one that had it
    and is still there, else of one that had it; of several, the first by number. A contact that
    took another in has its address.
-#}
{% macro hubspot_address_holders() -%}
    select
        holders.source,
        holders.email_digest,
        holders.person_id
    from (
        select
            addresses.source,
            addresses.email_digest,
            addresses.person_id,
            row_number() over (
                partition by addresses.source, addresses.email_digest
                order by
                    addresses.is_current desc,
                    contacts.person_id is not null desc,
                    addresses.id_length asc nulls last,
                    addresses.person_id asc nulls last
            ) as holder_number
        from (
            {%- for vendor_entity in ['contact', 'contact_email'] %}
            select
                source,
                email_digest,
                person_id,
                length(person_id) as id_length,
                valid_to = {{ end_of_time() }} as is_current
            from ({{ vendor_rows('hubspot', 'touch', vendor_entity) }}) as versions
            where email_digest is not null and _pl_change = 'upsert'
            {%- if not loop.last %}
            union all
            {%- endif %}
            {%- endfor %}
        ) as addresses
        left join ({{ vendor_rows('hubspot', 'touch', 'contact') }}) as contacts
            on
                addresses.source = contacts.source
                and addresses.person_id = contacts.person_id
                and contacts._pl_change = 'upsert'
                and contacts.valid_to = {{ end_of_time() }}
    ) as holders
    where holders.holder_number = 1
{%- endmacro %}
