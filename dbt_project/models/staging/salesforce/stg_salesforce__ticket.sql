-- One row per ticket of Salesforce x version, tombstones included.
with

tickets as (

    {{ vendor_rows('salesforce', 'ticket', 'case') }}

)

select * from tickets
