-- One row per source x entity x column of ours that the source was ever captured with.
with

extracted as (

    select * from {{ source('ledger', 'extracted_columns') }}
    where source in {{ configured_sources() }}

),

mappings as (

    {{ column_mappings() }}

),

-- A column whose name is ours, but which a mapping replaces by another, is not what we mean by it.
-- A vendor's column is ours only if it is mapped.
named as (

    select
        extracted.source,
        coalesce(mapped.entity, extracted.entity) as entity,
        coalesce(mapped.column_name, extracted.column_name) as column_name,
        min(extracted.first_date) as first_extracted_date,
        max(extracted.last_date) as last_extracted_date
    from extracted
    left join mappings as mapped
        on
            extracted.source = mapped.source
            and extracted.entity = mapped.ledger_entity
            and extracted.column_name = mapped.ledger_column
    left join mappings as replaced
        on
            extracted.source = replaced.source
            and extracted.entity = replaced.entity
            and extracted.column_name = replaced.column_name
    where
        mapped.column_name is not null
        or (replaced.column_name is null and extracted.source not in {{ vendor_sources() }})
    group by 1, 2, 3

)

select * from named
