-- One row per quota of Salesforce x version, tombstones included. One in pieces is none in money.
with

renamed as (

    {{ vendor_rows('salesforce', 'quota', 'forecasting_quota') }}

),

quotas as (

    select
        renamed.source,
        renamed.quota_id,
        renamed.owner_id,
        renamed.team,
        renamed.period_start_date,
        renamed.period_end_date,
        renamed.quota_amount,
        renamed.currency_code,
        renamed.valid_from,
        renamed.valid_to,
        renamed._pl_change,
        renamed._pl_origin
    from renamed
    where renamed._pl_change = 'delete' or coalesce(renamed.is_amount, true)

)

select * from quotas
