-- One row per source with opportunities: from which day on it was captured with what a stall rule
-- needs.
with

sources as (

    select * from {{ ref('int_sources') }}

),

extracted as (

    select * from {{ ref('stg_extracted_columns') }}

),

evidence as (

    select
        sources.source,
        min(case
            when extracted.entity = 'opportunity' and extracted.column_name = 'amount'
                then extracted.first_extracted_date
        end) as amount_from,
        min(case
            when extracted.entity = 'opportunity' and extracted.column_name = 'currency_code'
                then extracted.first_extracted_date
        end) as currency_code_from,
        min(case
            when extracted.entity = 'opportunity' and extracted.column_name = 'close_date'
                then extracted.first_extracted_date
        end) as close_date_from,
        min(case
            when extracted.entity = 'opportunity' and extracted.column_name = 'next_step'
                then extracted.first_extracted_date
        end) as next_step_from,
        min(case
            when extracted.entity = 'opportunity' and extracted.column_name = 'last_activity_at'
                then extracted.first_extracted_date
            when extracted.entity = 'activity' and extracted.column_name = 'opportunity_id'
                then extracted.first_extracted_date
        end) as activity_from,
        min(case
            when
                extracted.entity = 'opportunity_contact_role'
                and extracted.column_name = 'person_id'
                then extracted.first_extracted_date
        end) as contact_from
    from sources
    left join extracted on sources.source = extracted.source
    group by sources.source

)

select * from evidence
