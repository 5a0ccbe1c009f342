-- One row per contact or lead of Salesforce x version, tombstones included.
with

contacts as (

    {{ vendor_rows('salesforce', 'person', 'contact') }}

),

leads as (

    {{ vendor_rows('salesforce', 'person', 'lead') }}

),

people as (

    select * from contacts
    union all
    select * from leads

)

select * from people
