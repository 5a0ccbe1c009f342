-- One row per account x version, in every source, tombstones included.
with

conformed as (

    {{ conform('account', {
        'source_segment': 'segment',
    }) }}

)

select * from conformed
