-- One row per account x version, in every source, tombstones included.
with

conformed as (

    {{ conform('account', {
        'source_segment': 'segment',
    }, stand_ins={'account_id': 'account_name'}) }}

)

select * from conformed
